//! Every kind of record, a body file and the keys folder as they are stored: `tests/data/golden/journal`.
//!
//! The files are read, never compared as a whole where zstd had a hand in them: its output may change, ours may not.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::domain::class::Class;
use crate::domain::clock::HandClock;
use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::message::{Body, BodyFile, HeaderLines, Reply, Request};
use crate::domain::outcome::{Cause, Outcome, Told};
use crate::domain::personal::Personal;
use crate::domain::token::Token;

use super::bodies::{Bodies, Side};
use super::cipher::Cipher;
use super::composite::{Delivery, OpenIntent, RefusedCall, StoredBody, erased, erased_slots};
use super::draft::{Draft, Edit, Part, Sealed};
use super::entropy::SeededEntropy;
use super::facts::{Fact, Facts};
use super::keys::KeyPool;
use super::master::Master;
use super::pool_key::{PoolKey, wrap_by};
use super::record::{Chain, HEADER_LEN, Header, Kind, Stamp, chain_of, flag, payload_digest, read_frame, stamp};
use super::sealed_form::tests::shown;
use super::sealing::{Sealer, unseal};
use super::tokens::Tokens;

/// Set to write the files anew instead of only reading them; see the README beside them.
const WRITE: &str = "MEDGATE_UPDATE_GOLDEN";
/// A keys folder as it was before keys were wrapped; never written anew.
const CLEAR: &str = "keys";
/// A keys folder as it is written now.
const WRAPPED: &str = "keys-wrapped";
/// An outcome as it is written since its facts name its body file.
const NAMED: &str = "bodies-named";
const OPEN_SALT: u32 = 0x5a17_0001;
const AT: i64 = 1_767_225_600_123_456_789;
const EXCHANGE: ExchangeId = ExchangeId(*b"\x01\x9b\x76\xda\x80\x00\x70\x00\x80\x00exchng");
const PERSON: &str = "110101199003077777";

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/journal");
    if std::env::var_os(WRITE).is_some() {
        write_all(&folder);
    }
    folder
});

/// Keys, tokens, clock and counters that give the same bytes every time.
struct Desk {
    dir: tempfile::TempDir,
    pool: Arc<KeyPool>,
    sealer: Sealer,
    /// Seals the Note, so that the second cipher stands in a file too.
    aes_sealer: Sealer,
    bodies: Bodies,
}

fn desk() -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    super::private_file::private_dir(&keys).unwrap();
    let (key, words) = masters();
    PoolKey::open(&keys, &key, false, &SeededEntropy::new(4)).unwrap();
    wrap_by(&keys, &key, &[&key, &words], &SeededEntropy::new(5)).unwrap();
    let pool_key = Arc::new(PoolKey::read(&keys, &key).unwrap().unwrap());
    let tokens = Arc::new(Tokens::open(&keys, true, &pool_key, &SeededEntropy::new(1)).unwrap());
    let pool = Arc::new(KeyPool::open(&keys, 8, pool_key, Arc::new(SeededEntropy::new(2))).unwrap());
    let clock = Arc::new(HandClock::at(AT));
    let sealer = |salt, cipher| Sealer::new(salt, cipher, 1, Arc::clone(&pool), Arc::clone(&tokens), clock.clone());
    let (sealer, aes_sealer) = (sealer(OPEN_SALT, Cipher::Sm4Gcm), sealer(OPEN_SALT + 1, Cipher::Aes256Gcm));
    clock.advance_ns(42);
    let entropy = Arc::new(SeededEntropy::new(3));
    let bodies = Bodies::open(&dir.path().join("bodies"), Cipher::Sm4Gcm, Arc::clone(&pool), entropy).unwrap();
    Desk { dir, pool, sealer, aes_sealer, bodies }
}

/// The two master keys of `keys-wrapped/pool.key`.
fn masters() -> (Master, Master) {
    let words = Master::parse("golden horse battery staple").unwrap();
    (Master::Key([0x6d; 16].into()), words)
}

impl Desk {
    fn frame(&self, draft: Draft) -> (Header, Vec<u8>) {
        let aes = draft.header.kind == Kind::Note as u8;
        let frame = if aes { &self.aes_sealer } else { &self.sealer }.frame_at_once(draft).unwrap();
        (frame.header, frame.bytes)
    }

    fn write_body(&self) -> BodyFile {
        block_on(async {
            let mut writer = self.bodies.create(EXCHANGE, Side::Ans, 1).await.unwrap();
            writer.write(&body()).await.unwrap();
            writer.finish().await.unwrap()
        })
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Two frames of a body file.
fn body() -> Vec<u8> {
    format!("{{\"psn_no\":\"{PERSON}\"}}\n").into_bytes().into_iter().cycle().take(66_000).collect()
}

/// `05-intent.record`.
fn file_name(kind: Kind) -> String {
    format!("{:02}-{kind:?}.record", kind as u8).to_lowercase()
}

fn place(kind: Kind, prev_chain: Chain) -> Stamp {
    Stamp { seq: Seq(kind as u64), durable_seq: Seq(kind as u64 - 1), segment_no: 1, prev_chain }
}

fn write_all(folder: &Path) {
    let desk = desk();
    fs::create_dir_all(folder.join(WRAPPED)).unwrap();
    fs::create_dir_all(folder.join("bodies")).unwrap();
    let body = desk.write_body();
    let mut chain = [0; 32];
    for kind in Kind::ALL {
        let (_, mut bytes) = desk.frame(draft(kind, &body));
        stamp(&mut bytes, &place(kind, chain));
        let path = folder.join(file_name(kind));
        write_once(&path, &bytes);
        // A file that stood there may be of an earlier form, and the next one follows it.
        chain = read_frame(&fs::read(&path).unwrap()).unwrap().0.chain;
    }
    fs::create_dir_all(folder.join(NAMED)).unwrap();
    let (_, mut bytes) = desk.frame(draft(Kind::Outcome, &body));
    stamp(&mut bytes, &place(Kind::Outcome, chain));
    write_once(&folder.join(NAMED).join(file_name(Kind::Outcome)), &bytes);
    fs::create_dir_all(folder.join("erased")).unwrap();
    let mut chain = [0; 32];
    for (number, (name, draft)) in (1..).zip(erased_visit()) {
        let (_, mut bytes) = desk.frame(draft);
        let at = Stamp { seq: Seq(number), durable_seq: Seq(number - 1), segment_no: 1, prev_chain: chain };
        chain = stamp(&mut bytes, &at);
        write_once(&folder.join("erased").join(name), &bytes);
    }
    for (part, golden) in [("keys", WRAPPED), ("bodies", "bodies")] {
        for entry in fs::read_dir(desk.dir.path().join(part)).unwrap() {
            let from = entry.unwrap().path();
            if from.extension().is_some_and(|ending| ending == "part") {
                continue; // The next block of keys, which is being made.
            }
            write_once(&folder.join(golden).join(from.file_name().unwrap()), &fs::read(&from).unwrap());
        }
    }
}

/// A file that is there says how the journal was written once, and stays.
fn write_once(path: &Path, bytes: &[u8]) {
    if !path.exists() {
        fs::write(path, bytes).unwrap();
    }
}

/// Stored keys, in a folder that only its owner may enter, and what unlocks them.
fn stored_pool(golden: &str, dir: &Path) -> (KeyPool, Arc<PoolKey>) {
    let keys = dir.join("keys");
    super::private_file::private_dir(&keys).unwrap();
    for entry in fs::read_dir(FOLDER.join(golden)).unwrap() {
        let from = entry.unwrap().path();
        fs::write(keys.join(from.file_name().unwrap()), fs::read(&from).unwrap()).unwrap();
    }
    let lost = super::secret_file::is_wrapped(&keys, super::tokens::FILE).unwrap() == Some(true);
    let pool_key = Arc::new(PoolKey::open(&keys, &masters().0, lost, &SeededEntropy::new(98)).unwrap());
    let pool = KeyPool::open(&keys, 4, Arc::clone(&pool_key), Arc::new(SeededEntropy::new(99))).unwrap();
    (pool, pool_key)
}

fn draft(kind: Kind, body: &BodyFile) -> Draft {
    let mut draft = Draft::new(kind);
    draft.header.exchange_id = EXCHANGE;
    let (header, facts) = (&mut draft.header, &mut draft.facts);
    match kind {
        Kind::Intent => intent(header, facts),
        Kind::Outcome => outcome(header, facts),
        Kind::Note => note(header, facts),
        Kind::Ledger => ledger(header, facts),
        Kind::Statement => statement(header, facts),
        Kind::Difference => difference(header, facts),
        Kind::Deliveries | Kind::Refusals | Kind::Decision | Kind::OperatorAct | Kind::Window => {
            act(kind, header, facts)
        }
        _ => of_the_journal_itself(kind, header, facts),
    }
    draft.sealed = sealed(kind, body);
    draft
}

fn intent(header: &mut Header, facts: &mut Facts) {
    header.parent_id = ExchangeId([0xaa; 16]);
    header.at_unix_ns = AT - 1;
    (header.class, header.origin) = (Class::Money as u8, Origin::His as u8);
    header.flags = flag::EDITED | flag::ERASABLE;
    (header.profile_seq, header.rules_seq, header.generation) = (Seq(4), Seq(44), 2);
    header.key_token = Token([0x11; 16]);
    header.fence_token = Token([0x12; 16]);
    header.visit_token = Token([0x13; 16]);
    facts.text(Fact::Infno, "2207");
    facts.text(Fact::Msgid, "H44010600001202601010000000001");
    facts.text(Fact::FixmedinsCode, "H44010600001");
    facts.text(Fact::MdtrtareaAdmvs, "440106");
    facts.text(Fact::InsuplcAdmdvs, "440100");
    facts.text(Fact::MdtrtId, "4401062026010100001");
    facts.text(Fact::ChrgBchno, "CB1");
    facts.named(Fact::Amount, "medfee_sumamt", b"128.50");
    facts.named(Fact::Dimension, "insutype", b"310");
    facts.named(Fact::Fingerprint, "psn_no", &[0x21; 16]);
    facts.token(Fact::LineSet, Token([0x22; 16]));
    facts.text(Fact::Upstream, "default");
    facts.text(Fact::Peer, "192.0.2.7:50000");
    facts.number(Fact::ArrivedAt, AT as u64);
    facts.named(Fact::Finding, "envelope.infver", b"warn\0input");
    facts.number(Fact::UndoesSeq, 1);
    facts.named(Fact::Disagreement, "2207", b"2206");
}

fn outcome(header: &mut Header, facts: &mut Facts) {
    header.ref_seq = Seq(5);
    header.key_slot = 1;
    header.class = Class::Money as u8;
    (header.outcome, header.cause) = (Outcome::Confirmed as u8, Cause::Answered as u8);
    header.flags = flag::TAIL_HELD | flag::ERASABLE;
    header.key_token = Token([0x11; 16]);
    header.settlement_token = Token([0x14; 16]);
    facts.text(Fact::SetlId, "SETL0001");
    facts.text(Fact::SetlId, "SETL0002");
    facts.text(Fact::MedinsSetlId, "H44010600001202601010000000001");
    facts.number(Fact::HttpStatus, 200);
    facts.text(Fact::Infcode, "0");
    facts.number(Fact::SentAt, AT as u64 + 1);
    facts.number(Fact::HeardAt, AT as u64 + 2);
    facts.number(Fact::AnsweredAt, AT as u64 + 3);
    facts.number(Fact::FreesSeq, 1);
    facts.token(Fact::FreesKey, Token([0x15; 16]));
    facts.bytes(Fact::Told, [Told::Success as u8]);
    facts.number(Fact::EvidenceSeq, 3);
    facts.number(Fact::LinkedSlot, 1);
}

fn note(header: &mut Header, facts: &mut Facts) {
    header.ref_seq = Seq(5);
    header.key_slot = 1;
    header.flags = flag::LATE;
    header.key_token = Token([0x11; 16]);
    facts.text(Fact::Alias, "H44010600001202601010000000002");
    facts.text(Fact::Reason, "late answer");
}

fn act(kind: Kind, header: &mut Header, facts: &mut Facts) {
    match kind {
        Kind::Deliveries => {
            let (told, intent) = (Told::UnknownWhatTold, Seq(5));
            let delivery = Delivery { intent, exchange_id: EXCHANGE, told, bytes: 66_000, at_unix_ns: AT };
            facts.bytes(Fact::Delivery, delivery.encode());
        }
        Kind::Refusals => {
            let (class, cause) = (Class::Unclassified, Cause::Gateway);
            let (infno, rule) = ("9999".to_owned(), "envelope.msgid".to_owned());
            let refused = RefusedCall { at_unix_ns: AT, class, cause, infno, rule, count: 3 };
            facts.bytes(Fact::RefusedCall, refused.encode());
        }
        Kind::Decision => {
            header.ref_seq = Seq(5);
            header.key_token = Token([0x11; 16]);
            facts.text(Fact::Reason, "reversing");
            facts.text(Fact::Who, "officer-1");
        }
        Kind::OperatorAct => {
            header.origin = Origin::Operator as u8;
            facts.text(Fact::Who, "officer-1");
            facts.text(Fact::Name, "drain");
        }
        _ => {
            header.flags = flag::PASSTHROUGH | flag::CRITICAL;
            facts.text(Fact::Reason, "pass-through begins");
        }
    }
}

fn ledger(header: &mut Header, facts: &mut Facts) {
    header.origin = Origin::Operator as u8;
    header.key_token = Token([0x16; 16]);
    facts.text(Fact::Name, "结算20260101.csv");
    facts.text(Fact::LedgerDay, "2026-01-01");
    facts.text(Fact::FixmedinsCode, "H44010600001");
    facts.number(Fact::Count, 1);
    facts.bytes(Fact::FileDigest, [0x36; 32]);
    facts.text(Fact::Text, "form = csv\nsetl_id = 结算ID\n");
    facts.text(Fact::Who, "officer-1");
}

fn statement(header: &mut Header, facts: &mut Facts) {
    header.origin = Origin::Reconcile as u8;
    header.key_token = Token([0x17; 16]);
    facts.text(Fact::LedgerDay, "2026-01-01");
    facts.text(Fact::FixmedinsCode, "H44010600001");
    facts.named(Fact::Dimension, "clr_optins", b"440106");
    facts.named(Fact::Dimension, "clr_type", b"11");
    facts.number(Fact::Count, 1);
    facts.text(Fact::Name, "rows");
    facts.number(Fact::EvidenceSeq, 77);
    facts.text(Fact::Who, "medgate");
}

fn difference(header: &mut Header, facts: &mut Facts) {
    (header.class, header.origin) = (Class::Reconcile as u8, Origin::Reconcile as u8);
    facts.text(Fact::LedgerDay, "2026-01-01");
    facts.text(Fact::SetlId, "S9");
    facts.text(Fact::Name, "platform_more");
    facts.named(Fact::Amount, "medfee_sumamt", b"300.00");
    facts.number(Fact::EvidenceSeq, 78);
    facts.text(Fact::Who, "medgate");
}

fn of_the_journal_itself(kind: Kind, header: &mut Header, facts: &mut Facts) {
    header.exchange_id = ExchangeId::NONE;
    match kind {
        Kind::SegmentOpen => {
            header.flags = flag::CRITICAL;
            facts.bytes(Fact::SegmentDigest, [0x31; 32]);
        }
        Kind::Carry => {
            let open = OpenIntent { intent: Seq(5), class: Class::Money, at_unix_ns: AT };
            facts.bytes(Fact::OpenIntent, open.encode());
            facts.named(Fact::SnapshotRef, "profile", &4u64.to_le_bytes());
            facts.bytes(Fact::Frontier, [[0x32; 32], [0x33; 32]].concat());
        }
        Kind::Opened => {
            header.flags = flag::BY_RECOVERY;
            facts.text(Fact::Reason, "torn tail cut");
            facts.text(Fact::Name, "quarantine/0000000001-4096");
            facts.number(Fact::Count, 512);
            facts.number(Fact::SegmentAt, 1);
            facts.number(Fact::OffsetAt, 4096);
            facts.bytes(Fact::ChainAt, [0x34; 32]);
        }
        Kind::Snapshot | Kind::Dictionary | Kind::Checkpoint => {
            facts.text(Fact::Name, "baseline");
            facts.text(Fact::Text, "name = \"baseline\" # 基线\n");
        }
        Kind::KeySlots | Kind::Erasure => {
            facts.bytes(Fact::Slots, [1u64.to_le_bytes(), 4u64.to_le_bytes()].concat());
        }
        Kind::SegmentClose => facts.bytes(Fact::ChainAt, [0x35; 32]),
        _ => {}
    }
}

fn sealed(kind: Kind, body: &BodyFile) -> Option<Sealed> {
    let bytes = Bytes::from_static;
    let headers: HeaderLines = vec![
        (bytes(b"X_Hosp_NAME"), bytes(b"\xd2\xbd\xd4\xba")),
        (bytes(b"set-cookie"), bytes(b"a=1")),
        (bytes(b"Set-Cookie"), bytes(b"b=2")),
    ];
    let reply = |status, reason, body| Reply { status, reason, headers: headers.clone(), body };
    let edit = |part, at, remove, insert| Edit { part, at, remove, insert };
    match kind {
        Kind::Intent => {
            let body = Bytes::from(format!("{{\"infno\":\"2207\",\"input\":{{\"psn_no\":\"{PERSON}\"}}}}"));
            let (method, target) = ("POST".to_owned(), bytes(b"/fsi/api/2207?x=\xd2\xbd"));
            let body = Body::Buffered(body);
            let request = Request { method, target, http_minor: 1, headers: headers.clone(), body };
            let edits = vec![
                edit(Part::Target, 0, 4, bytes(b"/hsa")),
                edit(Part::Headers, 7, 0, bytes(b"X-Sign: 1\r\n")),
                edit(Part::Body, 16, 1, Bytes::new()),
            ];
            let persons =
                vec![("psn_no".to_owned(), Personal::new(PERSON)), ("姓名".to_owned(), Personal::new("张三"))];
            Some(Sealed { request: Some(request), edits, persons, ..Sealed::default() })
        }
        Kind::Outcome => {
            let told = reply(200, Bytes::new(), Body::Buffered(bytes(b"{\"infcode\":-1}")));
            let heard = reply(200, bytes(b"OK"), Body::Spooled(Arc::new(body.clone())));
            Some(Sealed { reply: Some(heard), own_answer: Some(told), ..Sealed::default() })
        }
        Kind::Note => {
            let late = reply(502, bytes(b"Bad Gateway"), Body::Buffered(bytes(&[b' '; 600])));
            Some(Sealed { reply: Some(late), ..Sealed::default() })
        }
        Kind::Ledger => {
            let (method, target) = ("IMPORT".to_owned(), bytes("结算20260101.csv".as_bytes()));
            let body = Body::Buffered(Bytes::from(format!("结算ID,姓名\nS1,{PERSON}\n")));
            let request = Request { method, target, http_minor: 1, headers: HeaderLines::new(), body };
            Some(Sealed { request: Some(request), ..Sealed::default() })
        }
        Kind::Statement => {
            let (method, target) = ("STATEMENT".to_owned(), bytes(b"2026-01-01"));
            let body = Body::Buffered(bytes(b"alone\t\tM1\t1\t0\t300.00\t\t\n"));
            let request = Request { method, target, http_minor: 1, headers: HeaderLines::new(), body };
            Some(Sealed { request: Some(request), ..Sealed::default() })
        }
        Kind::OperatorAct => Some(Sealed { other: Some(bytes(b"why")), ..Sealed::default() }),
        _ => None,
    }
}

#[test]
fn every_kind_of_record_is_read_as_it_was_written() {
    let (dir, desk) = (tempfile::tempdir().unwrap(), desk());
    let (pool, _) = stored_pool(CLEAR, dir.path());
    let body = desk.write_body();
    let mut chain = [0; 32];
    for kind in Kind::ALL {
        let stored = fs::read(FOLDER.join(file_name(kind))).unwrap();
        let (header, payload) = read_frame(&stored).unwrap();
        let draft = draft(kind, &body);
        let (made, mut bytes) = desk.frame(draft.clone());
        let made_chain = stamp(&mut bytes, &place(kind, chain));
        assert_eq!(chain_of(&chain, &stored[..HEADER_LEN]), header.chain, "{kind:?}");
        assert_eq!(payload_digest(payload), header.payload_digest, "{kind:?}");
        let (facts, facts_len) = (&bytes[HEADER_LEN..], header.facts_len as usize);
        assert_eq!(payload[..facts_len], facts[..facts_len], "{kind:?}");
        assert_eq!(made.facts_len != header.facts_len, kind == Kind::Outcome, "06 names no body in the clear yet");
        // Equal commitments mean equal plain forms, salt included.
        let after_zstd = Header {
            frame_len: header.frame_len,
            payload_len: header.payload_len,
            facts_len: header.facts_len,
            codec: header.codec,
            payload_digest: header.payload_digest,
            chain: header.chain,
            seq: Seq(kind as u64),
            durable_seq: Seq(kind as u64 - 1),
            segment_no: 1,
            ..made
        };
        assert_eq!(header, after_zstd, "{kind:?}");
        match &draft.sealed {
            Some(sealed) => assert_eq!(shown(&unseal(&pool, &header, payload).unwrap()), shown(sealed), "{kind:?}"),
            None => assert_eq!((made_chain, &bytes), (header.chain, &stored), "{kind:?}"),
        }
        assert!(!stored.windows(PERSON.len()).any(|window| window == PERSON.as_bytes()), "{kind:?}");
        chain = header.chain;
    }
}

#[test]
fn the_files_hold_both_ciphers_both_codecs_and_all_facts() {
    let headers = Kind::ALL.map(|kind| {
        let stored = fs::read(FOLDER.join(file_name(kind))).unwrap();
        let (header, payload) = read_frame(&stored).unwrap();
        let facts = Facts::decode(&payload[..header.facts_len as usize]).unwrap();
        (header, facts)
    });
    let sealed = headers.iter().filter(|(header, _)| header.has(flag::SEALED));
    let mut used: Vec<_> = sealed.map(|(header, _)| (header.kind, header.cipher, header.codec)).collect();
    used.sort_unstable();
    assert_eq!(used, [(5, 1, 1), (6, 1, 1), (9, 2, 1), (11, 1, 0), (19, 1, 0), (20, 1, 0)]);
    for fact in (1..=46u16).chain([Fact::LedgerDay as u16, Fact::FileDigest as u16]) {
        assert!(headers.iter().any(|(_, facts)| facts.0.first(fact).is_some()), "no file holds fact {fact}");
    }
}

#[test]
fn the_header_stands_at_the_offsets_of_the_design() {
    let stored = fs::read(FOLDER.join(file_name(Kind::Intent))).unwrap();
    let check = |at: usize, expected: &[u8], field: &str| {
        assert_eq!(&stored[at..at + expected.len()], expected, "{field}");
    };
    check(0, b"MGR1", "magic");
    check(4, &[0x40, 0x01, 1, 5], "header_len, version, kind");
    check(8, &(stored.len() as u32).to_le_bytes(), "frame_len");
    check(16, &5u64.to_le_bytes(), "seq");
    check(24, &4u64.to_le_bytes(), "durable_seq");
    check(32, &1u32.to_le_bytes(), "segment_no");
    check(36, &OPEN_SALT.to_le_bytes(), "open_salt");
    check(40, &EXCHANGE.0, "exchange_id");
    check(56, &[0; 8], "ref_seq");
    check(64, &[0xaa; 16], "parent_id");
    check(80, &(AT - 1).to_le_bytes(), "at_unix_ns");
    check(88, &42u64.to_le_bytes(), "mono_ns");
    check(96, &[10, 0, 0, 1], "class, outcome, cause, origin");
    check(100, &(1u32 | 1 << 3 | 1 << 4).to_le_bytes(), "flags: sealed, edited, erasable");
    check(104, &[1, 1, 1, 1], "codec, cipher, digest_alg, commit_alg");
    check(108, &[0; 4], "dict_id");
    check(112, &1u64.to_le_bytes(), "key_slot");
    check(120, &4u64.to_le_bytes(), "profile snapshot");
    check(128, &44u64.to_le_bytes(), "rules snapshot");
    check(140, &2u32.to_le_bytes(), "generation");
    check(152, &[[0x11; 16], [0x12; 16], [0x13; 16], [0; 16]].concat(), "tokens");
    check(312, &[0; 4], "reserved");
    check(HEADER_LEN, &[26, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "first fact: nonce counter 0");
    check(HEADER_LEN + 14, b"\x01\x00\x04\x00\x00\x002207", "second fact: infno");
}

#[test]
fn the_body_file_and_the_keys_in_both_forms_are_read_as_they_were_written() {
    let desk = desk();
    let made = desk.write_body();
    let stored = fs::read(FOLDER.join("bodies").join(&made.name)).unwrap();
    assert_eq!(stored, fs::read(desk.dir.path().join("bodies").join(&made.name)).unwrap());
    for golden in [CLEAR, WRAPPED] {
        let dir = tempfile::tempdir().unwrap();
        let (pool, pool_key) = stored_pool(golden, dir.path());
        let (pool, folder) = (Arc::new(pool), dir.path().join("bodies"));
        let entropy = Arc::new(SeededEntropy::new(9));
        let bodies = Bodies::open(&folder, Cipher::Aes256Gcm, Arc::clone(&pool), entropy).unwrap();
        fs::write(folder.join(&made.name), &stored).unwrap();
        let read = block_on(async {
            let mut reader = bodies.read(&made).await.unwrap();
            let mut out = Vec::new();
            while let Some(bytes) = reader.next().await {
                out.extend_from_slice(&bytes.unwrap());
            }
            out
        });
        assert_eq!(read, body(), "{golden}");
        for slot in 1..=8 {
            assert!(pool.key(slot).unwrap().same_as(&desk.pool.key(slot).unwrap()), "{golden}: slot {slot}");
        }
        let tokens = Tokens::open(&dir.path().join("keys"), false, &pool_key, &SeededEntropy::new(99)).unwrap();
        assert_eq!(hex::encode(tokens.of("msgid", "H1").0), "84846bf97155b00cfaa7f419d91ac035", "{golden}");
    }
}

/// The records of an erased visit: what was meant, and that it is done.
fn erased_visit() -> [(&'static str, Draft); 2] {
    let (mut act, mut erasure) = (Draft::new(Kind::OperatorAct), Draft::new(Kind::Erasure));
    for draft in [&mut act, &mut erasure] {
        draft.header.origin = Origin::Operator as u8;
        draft.facts.text(Fact::Who, "command uid-0.officer-1");
        draft.facts.text(Fact::Reason, "request of the patient");
    }
    act.facts.text(Fact::Name, "erase visit 4401062026010100001");
    act.facts.text(Fact::Before, "2 exchanges, 2 key slots");
    act.facts.text(Fact::After, "their keys are destroyed");
    erasure.header.visit_token = Token([0x13; 16]);
    erasure.facts.text(Fact::MdtrtId, "4401062026010100001");
    erasure.facts.number(Fact::Count, 2);
    erasure.facts.bytes(Fact::Slots, [1u64.to_le_bytes(), 7u64.to_le_bytes()].concat());
    erasure.facts.bytes(Fact::Erased, EXCHANGE.0);
    erasure.facts.bytes(Fact::Erased, [0xbb; 16]);
    [("1-act.record", act), ("2-erasure.record", erasure)]
}

#[test]
fn an_outcome_names_its_body_file_so_that_nobody_needs_a_key_to_check_it() {
    let body = desk().write_body();
    let stored = fs::read(FOLDER.join(NAMED).join(file_name(Kind::Outcome))).unwrap();
    let (header, payload) = read_frame(&stored).unwrap();
    let facts = Facts::decode(&payload[..header.facts_len as usize]).unwrap();
    let named: Vec<StoredBody> = StoredBody::all(&facts).collect();
    let file = fs::read(FOLDER.join("bodies").join(&body.name)).unwrap();
    let expected = StoredBody { stored_len: file.len() as u64, digest: payload_digest(&file), name: body.name };
    assert_eq!(named, [expected]);
    assert!(header.has(flag::SPOOLED));
}

#[test]
fn the_records_of_an_erased_visit_are_read_as_they_were_written() {
    let desk = desk();
    let mut chain = [0; 32];
    for (number, (name, draft)) in (1..).zip(erased_visit()) {
        let (_, mut bytes) = desk.frame(draft);
        let at = Stamp { seq: Seq(number), durable_seq: Seq(number - 1), segment_no: 1, prev_chain: chain };
        chain = stamp(&mut bytes, &at);
        assert_eq!(fs::read(FOLDER.join("erased").join(name)).unwrap(), bytes, "{name}");
    }
    let stored = fs::read(FOLDER.join("erased/2-erasure.record")).unwrap();
    let (header, payload) = read_frame(&stored).unwrap();
    let facts = Facts::decode(&payload[..header.facts_len as usize]).unwrap();
    assert_eq!(erased_slots(&facts).collect::<Vec<_>>(), [1, 7]);
    assert_eq!(erased(&facts).collect::<Vec<_>>(), [EXCHANGE, ExchangeId([0xbb; 16])]);
    assert_eq!(facts.text_of(Fact::MdtrtId), Some("4401062026010100001"));
}

#[test]
fn the_wrapped_keys_are_written_as_they_were_and_open_by_the_key_and_by_the_words() {
    let (desk, (key, words)) = (desk(), masters());
    for entry in fs::read_dir(FOLDER.join(WRAPPED)).unwrap() {
        let golden = entry.unwrap().path();
        let made = desk.dir.path().join("keys").join(golden.file_name().unwrap());
        assert_eq!(fs::read(&golden).unwrap(), fs::read(made).unwrap(), "{}", golden.display());
    }
    let number = |master| PoolKey::read(&FOLDER.join(WRAPPED), master).unwrap().unwrap().number;
    assert_eq!(number(&key), number(&words));
}
