//! The exchanges that fill the journal, each made from its number alone, so that they are found again by it: a settlement
//! with a business key, a msgid, a setl_id, a visit of six calls and a person with some twenty-five.

use bytes::Bytes;

use medgate::domain::class::Class;
use medgate::domain::clock::{Clock, SystemClock};
use medgate::domain::exchange::{ExchangeId, Origin};
use medgate::domain::message::{Body, HeaderLines, Reply, Request};
use medgate::domain::outcome::{Cause, Outcome, Told};
use medgate::domain::token::Token;
use medgate::journal::composite::Delivery;
use medgate::journal::draft::{Draft, Sealed};
use medgate::journal::entry::EntryKind;
use medgate::journal::facts::{Fact, Facts};
use medgate::journal::record::{Header, Kind, flag};
use medgate::journal::tokens::{MSGID, Tokens, VISIT_SLOTS};
use medgate::journal::{Journal, Kept};

/// Exchanges whose hand-over one record of deliveries tells.
const DELIVERED_TOGETHER: u64 = 16;
const PERSONS: u64 = 200_000;
const CALLS_OF_A_VISIT: u64 = 6;

/// What is looked for, and the domain of its token. A number that was never written is found by none of them.
pub const SEARCHED: [(&str, EntryKind); 5] = [
    ("business key", EntryKind::Key),
    ("setl_id", EntryKind::Settlement),
    ("msgid", EntryKind::Msgid),
    ("person", EntryKind::Fence),
    ("visit", EntryKind::Slot),
];

/// The token under which an exchange stands in the index.
pub fn token(tokens: &Tokens, kind: EntryKind, number: u64) -> Token {
    match kind {
        EntryKind::Key => tokens.of("key", &number.to_string()),
        EntryKind::Like => tokens.of("like", &number.to_string()),
        EntryKind::Settlement => tokens.of("settlement", &settlement(number)),
        EntryKind::Msgid => tokens.of(MSGID, &msgid(number)),
        EntryKind::Fence => tokens.of("person", &person(number)),
        _ => tokens.of(VISIT_SLOTS, &visit(number)),
    }
}

/// Writes one exchange as the line does, and says what it wrote: records, and how long each of its waits was.
pub async fn perform(journal: &Journal, clock: &SystemClock, number: u64, waits: &mut Vec<std::time::Duration>) -> u64 {
    let intent = intent(journal.tokens(), clock, number);
    let header = intent.header.clone();
    let began = clock.mono_ns();
    let Kept { seq, key_slot, room } = journal.intend(intent).await.expect("the journal takes intents");
    let kept = clock.mono_ns();
    let outcome = outcome(journal.tokens(), clock, number, Header { ref_seq: seq, key_slot, ..header.clone() });
    let asked = clock.mono_ns();
    journal.settle(outcome, room).await.expect("the journal takes outcomes");
    waits.push(std::time::Duration::from_nanos(kept - began));
    waits.push(std::time::Duration::from_nanos(clock.mono_ns() - asked));
    if !number.is_multiple_of(DELIVERED_TOGETHER) {
        return 2;
    }
    let mut told = Draft::new(Kind::Deliveries);
    for nth in 0..DELIVERED_TOGETHER {
        let mut exchange_id = header.exchange_id;
        exchange_id.0[15] ^= nth as u8;
        let told_as = Told::Success;
        let delivery = Delivery { intent: seq, exchange_id, told: told_as, bytes: 600, at_unix_ns: clock.unix_ns() };
        told.facts.bytes(Fact::Delivery, delivery.encode());
    }
    journal.append_unawaited(told);
    3
}

fn intent(tokens: &Tokens, clock: &SystemClock, number: u64) -> Draft {
    let now = clock.unix_ns();
    let mut random = [7; 10];
    random[1..9].copy_from_slice(&mixed(number).to_be_bytes());
    let header = Header {
        exchange_id: ExchangeId::new(now, random),
        at_unix_ns: now,
        class: Class::Money as u8,
        origin: Origin::His as u8,
        flags: flag::ERASABLE,
        key_token: token(tokens, EntryKind::Key, number),
        fence_token: token(tokens, EntryKind::Fence, number),
        visit_token: tokens.of("visit", &visit(number)),
        ..Header::new(Kind::Intent)
    };
    let mut facts = Facts::default();
    facts.text(Fact::Infno, "2207");
    facts.text(Fact::Msgid, &msgid(number));
    facts.text(Fact::FixmedinsCode, "H44010100001");
    facts.text(Fact::MdtrtareaAdmvs, "440100");
    facts.text(Fact::InsuplcAdmdvs, "440100");
    facts.text(Fact::MdtrtId, &visit(number));
    facts.text(Fact::Upstream, "default");
    facts.text(Fact::Peer, "10.0.0.7:51234");
    facts.number(Fact::ArrivedAt, now.cast_unsigned());
    facts.token(Fact::LikeKey, token(tokens, EntryKind::Like, number));
    let body = format!(
        r#"{{"infno":"2207","msgid":"{}","mdtrtarea_admvs":"440100","insuplc_admdvs":"440100","fixmedins_code":"H44010100001","input":{{"data":{{"psn_no":"{}","mdtrt_cert_type":"02","mdtrt_id":"{}","medfee_sumamt":"{}.37","psn_setlway":"01","acct_used_flag":"0","insutype":"310","chrg_bchno":"{number:016}"}}}}}}"#,
        msgid(number),
        person(number),
        visit(number),
        number % 900
    );
    let request = Request {
        method: "POST".to_owned(),
        target: Bytes::from_static(b"/fsi/api/fsiIntegrationService/callService"),
        http_minor: 1,
        headers: lines(body.len()),
        body: Body::Buffered(Bytes::from(body)),
    };
    Draft { header, facts, sealed: Some(Sealed { request: Some(request), ..Sealed::default() }) }
}

fn outcome(tokens: &Tokens, clock: &SystemClock, number: u64, intent: Header) -> Draft {
    let header = Header {
        kind: Kind::Outcome as u8,
        at_unix_ns: clock.unix_ns(),
        outcome: Outcome::Confirmed as u8,
        cause: Cause::Answered as u8,
        settlement_token: token(tokens, EntryKind::Settlement, number),
        ..intent
    };
    let mut facts = Facts::default();
    facts.text(Fact::Infno, "2207");
    facts.text(Fact::Msgid, &msgid(number));
    facts.text(Fact::FixmedinsCode, "H44010100001");
    facts.number(Fact::HeardAt, header.at_unix_ns.cast_unsigned());
    facts.bytes(Fact::Told, [Told::Success as u8]);
    facts.number(Fact::HttpStatus, 200);
    facts.text(Fact::Infcode, "0");
    facts.text(Fact::MdtrtId, &visit(number));
    facts.text(Fact::SetlId, &settlement(number));
    for name in ["medfee_sumamt", "fund_pay_sumamt", "psn_part_amt", "acct_pay", "psn_cash_pay"] {
        facts.named(Fact::Amount, name, format!("{}.37", number % 900).as_bytes());
    }
    let body = format!(
        r#"{{"infcode":"0","inf_refmsgid":"{}","output":{{"setlinfo":{{"setl_id":"{}","mdtrt_id":"{}","psn_no":"{}","medfee_sumamt":"{}.37","fund_pay_sumamt":"12.00","psn_cash_pay":"3.37"}}}}}}"#,
        msgid(number),
        settlement(number),
        visit(number),
        person(number),
        number % 900
    );
    let reply = Reply {
        status: 200,
        reason: Bytes::from_static(b"OK"),
        headers: lines(body.len()),
        body: Body::Buffered(Bytes::from(body)),
    };
    Draft { header, facts, sealed: Some(Sealed { reply: Some(reply), ..Sealed::default() }) }
}

fn lines(len: usize) -> HeaderLines {
    let len = len.to_string();
    [("Content-Type", "application/json;charset=utf-8"), ("Content-Length", &len)]
        .map(|(name, value)| (Bytes::from_static(name.as_bytes()), Bytes::copy_from_slice(value.as_bytes())))
        .to_vec()
}

fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn person(number: u64) -> String {
    // A number beyond all that were written names a person who never came.
    let came = if number < UNWRITTEN { mixed(number / CALLS_OF_A_VISIT) % PERSONS } else { number };
    format!("44000000000{came:09}")
}

/// Numbers from here on are looked for and never written.
pub const UNWRITTEN: u64 = 1 << 40;

fn visit(number: u64) -> String {
    format!("MD{:016x}", mixed(number / CALLS_OF_A_VISIT))
}

fn settlement(number: u64) -> String {
    format!("SE{:016x}", mixed(number))
}

fn msgid(number: u64) -> String {
    format!("H4401010000120261122{number:014}")
}
