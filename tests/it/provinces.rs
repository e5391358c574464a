//! Every province's wire, by a table: for each built-in profile a HIS that speaks its dialect goes through the gateway to the
//! stand-in that plays the province and verifies. Where the HIS signs, bytes arrive as they were sent; where the gateway signs,
//! its signature is good and the HIS speaks and hears plain. `tests/data/provinces_wire.txt` shows what crossed.

use std::fmt::Write as _;
use std::sync::Arc;

use medgate::domain::clock::{Clock, SystemClock};
use medgate::domain::outcome::Outcome;
use medgate::domain::terms::{Form, Mode, Terms};
use medgate::journal::record::Kind;
use medgate::keys;
use medgate::profile::{Profile, Texts};
use medgate::sandbox::platform::{self, Platform};
use medgate::sandbox::province::Province;
use medgate::sandbox::register::Line;
use medgate::signing::credentials::Credentials;
use medgate::signing::sm2::{Signer, SoftKey, Verifier};
use serde_json::Value;

use crate::doors_rig::Raw;
use crate::provinces_his::{Desk, Message, TONGUES, Tongue};
use crate::rig::TestGateway;
use crate::signing_rig::{PASSWORD, SECRET, USER, Vault, signs};

const GOLDEN: &str = "tests/data/provinces_wire.txt";
const HEAD: &str = "# What crosses the wire in each province: a HIS in its dialect, medgate with the province's profile, the stand-in that plays it.\n\
    # pass: the HIS signs and the bytes arrive as it sent them. sign: the HIS speaks plain, what arrives is signed by the gateway.\n\
    # Shown is 2207 as it arrived, its answer as the HIS heard it, and every call's URL. What differs from run to run stands in <>.\n\
    # Written by the test provinces with MEDGATE_UPDATE_GOLDEN=1.\n";

/// A hospital's keys, the platform's, and the gateway's identity made of them.
pub struct Site {
    pub vault: Vault,
    hospital: SoftKey,
    platform: SoftKey,
    pub identity: keys::Settings,
}

impl Site {
    pub fn of(tongue: &Tongue) -> Site {
        let vault = Vault::new();
        let (hospital, platform) = (SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
        let account = if tongue.account.is_empty() { "nobody" } else { tongue.account };
        let identity = keys::Settings {
            secret_file: vault.keep("secret", SECRET),
            platform_key_file: vault.public("platform.pem", &platform),
            ..vault.with_key(account, &hospital)
        };
        Site { vault, hospital, platform, identity }
    }

    /// The stand-in as this profile's province, which knows this hospital; `change` may ask for more than the profile.
    pub fn province(&self, tongue: &Tongue, change: impl FnOnce(&mut Terms)) -> Province {
        let mut province = Province::named(tongue.profile).unwrap();
        change(&mut province.terms);
        let hospital = Credentials {
            account: self.identity.account.clone(),
            secret: SECRET.to_owned().into(),
            user: USER.to_owned(),
            password: PASSWORD.to_owned().into(),
            public: Some(Verifier::of(&self.hospital.public()).unwrap()),
            ..Credentials::default()
        };
        province.guarded(hospital, Some(Arc::new(self.platform.clone()))).unwrap()
    }

    /// A gateway with this profile in front of that stand-in.
    pub async fn gate(&self, tongue: &Tongue, mode: Mode, change: impl FnOnce(&mut Terms)) -> TestGateway {
        let province = Some(Arc::new(self.province(tongue, change)));
        let stand_in = platform::Settings { province, ..platform::Settings::default() };
        let identity = self.identity.clone();
        TestGateway::before_sandbox(stand_in, |settings| signs(settings, tongue.profile, mode, identity)).await
    }
}

/// The HIS of a profile.
pub fn tongue(profile: &str) -> &'static Tongue {
    let found = TONGUES.iter().find(|tongue| tongue.profile == profile);
    found.unwrap_or_else(|| {
        panic!("no HIS speaks the dialect of profile `{profile}`: add a row to TONGUES in tests/it/provinces_his.rs")
    })
}

/// Sends a message through the gateway.
pub async fn send(gate: &TestGateway, message: &Message) -> Raw {
    gate.try_call(&message.target, &message.head(), &message.body).await.expect("an answer")
}

/// Asks, and is granted; the answer as the HIS reads it.
pub async fn granted(gate: &TestGateway, desk: &mut Desk<'_>, infno: &'static str, batch: &str, omsgid: &str) -> Asked {
    let input = desk.input(infno, batch, omsgid);
    let message = desk.wrap(infno, &input);
    let heard = send(gate, &message).await;
    let answer = desk.read(&heard);
    let good = answer["infcode"] == 0 || answer["infcode"] == "0";
    assert!(good, "{} {infno}: {answer}", desk.tongue.profile);
    let plain = answer["output"].is_object() || answer["output"].is_null();
    assert!(plain, "{} {infno}: the HIS hears plain: {answer}", desk.tongue.profile);
    Asked { message, heard, answer }
}

/// One call and its answer.
pub struct Asked {
    pub message: Message,
    heard: Raw,
    answer: Value,
}

/// A token as the stand-in's endpoint hands it out; none where its province has none.
pub fn token(gate: &TestGateway) -> String {
    let province = gate.sandbox().settings().province.as_ref().unwrap();
    province.guard.as_ref().unwrap().hand_out(SystemClock::start().unix_ns())
}

/// Signs in, asks who it is, and registers a visit.
pub async fn registered(gate: &TestGateway, desk: &mut Desk<'_>) -> Vec<Asked> {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
    desk.token = token(gate);
    let signed_in = granted(gate, desk, "9001", "", "").await;
    desk.sign_no = text(&signed_in.answer["output"]["signinoutb"]["sign_no"]);
    let person = granted(gate, desk, "1101", "", "").await;
    assert_eq!(text(&person.answer["output"]["baseinfo"]["psn_no"]), desk.person.psn_no);
    let visit = granted(gate, desk, "2201", "", "").await;
    desk.mdtrt_id = text(&visit.answer["output"]["data"]["mdtrt_id"]);
    vec![signed_in, person, visit]
}

/// The whole visit: two bills, of which one is cancelled and the other reversed.
async fn visit(gate: &TestGateway, desk: &mut Desk<'_>) -> Vec<Asked> {
    let mut calls = registered(gate, desk).await;
    for infno in ["2204", "2206", "2207"] {
        calls.push(granted(gate, desk, infno, "B1", "").await);
    }
    let settled = &calls[5].answer["output"]["setlinfo"];
    desk.setl_id = settled["setl_id"].as_str().unwrap().to_owned();
    let sum = settled["medfee_sumamt"].to_string();
    assert!(sum.trim_matches('"').starts_with("300.0"), "{sum}");
    calls.push(granted(gate, desk, "2208", "", "").await);
    calls.push(granted(gate, desk, "2204", "B2", "").await);
    let second = granted(gate, desk, "2207", "B2", "").await;
    let omsgid = second.message.msgid.clone();
    calls.push(second);
    calls.push(granted(gate, desk, "2601", "", &omsgid).await);
    calls
}

/// Header lines that are not the connection's.
fn own(lines: &[(String, String)]) -> Vec<(String, String)> {
    let connections = |name: &str| ["host", "content-length"].iter().any(|own| name.eq_ignore_ascii_case(own));
    lines.iter().filter(|(name, _)| !connections(name)).cloned().collect()
}

fn is_of_signature(name: &str) -> bool {
    ["x-tif-", "_api_", "x-ca-", "authorization"].iter().any(|own| name.to_ascii_lowercase().starts_with(own))
}

/// Every call arrived once, and as its mode wants it.
fn arrived_right(desk: &Desk<'_>, calls: &[Asked], arrived: &[(Line, String)]) {
    let name = desk.tongue.profile;
    assert_eq!(arrived.len(), calls.len(), "{name}");
    for (asked, (line, body)) in calls.iter().zip(arrived) {
        let sent = &asked.message;
        let place = format!("{name} {}", sent.infno);
        assert_eq!((line.infno.as_str(), &line.msgid, line.granted), (sent.infno, &sent.msgid, true), "{place}");
        assert_eq!(line.target, sent.target, "{place}");
        if desk.signs {
            assert_eq!(*body, sent.body, "{place}: the body is byte-identical");
            assert_eq!(own(&line.headers), sent.lines, "{place}: the header lines are, too");
            continue;
        }
        let (signature, others): (Vec<_>, Vec<_>) =
            own(&line.headers).into_iter().partition(|(name, _)| is_of_signature(name));
        assert_eq!(others, sent.lines, "{place}");
        let sealed = desk.form == Form::SealedInput;
        assert!(!signature.is_empty(), "{place}: it bears lines of the gateway's");
        assert_eq!(*body != sent.body, sealed, "{place}: only sealed bodies change");
        let written = sent.body.contains("\"input\":\"");
        assert!(!written, "{place}: the HIS speaks plain");
    }
}

fn register_of(stand_in: &Platform) -> Vec<(Line, String)> {
    stand_in.with_register(|register| {
        let body = |line: &Line| String::from_utf8(register.body(&line.body_sm3).unwrap().to_vec()).unwrap();
        register.lines(0, usize::MAX).map(|line| (line.clone(), body(line))).collect()
    })
}

/// One profile in one mode; what crossed, for people.
async fn played(tongue: &'static Tongue, form: Form, mode: Mode) -> String {
    let site = Site::of(tongue);
    let gate = site.gate(tongue, mode, |_| {}).await;
    let mut desk = Desk::new(tongue, form, mode == Mode::Pass, &site.vault);
    let calls = visit(&gate, &mut desk).await;
    let arrived = register_of(gate.sandbox());
    arrived_right(&desk, &calls, &arrived);
    let outcomes = gate.records_of(Kind::Outcome);
    assert_eq!(outcomes.len(), calls.len(), "{}", tongue.profile);
    for (record, asked) in outcomes.iter().zip(&calls) {
        let infno = asked.message.infno;
        assert_eq!(
            record.header.outcome,
            Outcome::Confirmed as u8,
            "{} {infno}: what it means was read",
            tongue.profile
        );
    }
    let mut shown = String::new();
    if mode == Mode::Pass {
        for asked in &calls {
            writeln!(shown, "  {} POST {}", asked.message.infno, asked.message.target).unwrap();
        }
    }
    let says = if mode == Mode::Pass { "pass" } else { "sign" };
    writeln!(shown, "  {says}").unwrap();
    let (line, body) = &arrived[5];
    for (name, value) in own(&line.headers) {
        let varies = is_of_signature(&name) && value != tongue.account;
        writeln!(shown, "    {name}: {}", if varies { masked(&value, 8) } else { value }).unwrap();
    }
    let body = body.replace(&desk.mdtrt_id, "<mdtrt_id>").replace(&desk.sign_no, "<sign_no>");
    writeln!(shown, "    {}", masked(&body, 80)).unwrap();
    let heard = &calls[5].heard;
    let content_type =
        heard.lines().into_iter().find(|line| line.to_ascii_lowercase().starts_with("content-type")).unwrap();
    writeln!(shown, "    =>\n    {content_type}\n    {}", answer_shown(&heard.body)).unwrap();
    shown
}

/// Runs of letters and digits, Base64 signs included, longer than `max`, by their length.
fn masked(text: &str, max: usize) -> String {
    let mut out = String::new();
    let word = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c| !word(c)).unwrap_or(rest.len());
        if run == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        out.push_str(&if run > max { format!("<{run} characters>") } else { rest[..run].to_owned() });
        rest = &rest[run..];
    }
    out
}

/// The envelope of an answer; of its output only what it is.
fn answer_shown(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap();
    let shown = |name: &str, value: &Value| match (name, value) {
        ("output", Value::Object(nodes)) => {
            format!("{{{}}}", nodes.keys().map(|node| format!("\"{node}\":{{…}}")).collect::<Vec<_>>().join(","))
        }
        (_, value) => masked(&value.to_string(), 16),
    };
    let members = answer.as_object().unwrap().iter().map(|(name, value)| format!("\"{name}\":{}", shown(name, value)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[tokio::test]
async fn every_province_completes_a_visit_as_the_his_signs_and_as_the_gateway_signs() {
    let mut golden = HEAD.to_owned();
    for name in Texts::embedded().names() {
        let profile = Profile::load(name, &Texts::embedded()).unwrap();
        let form = profile.signing("").unwrap().form;
        let tongue = tongue(profile.name.as_str());
        writeln!(golden, "\n{name} {} ({})", profile.title(), form.word()).unwrap();
        golden.push_str(&played(tongue, form, Mode::Pass).await);
        if form != Form::None {
            golden.push_str(&played(tongue, form, Mode::Sign).await);
        }
    }
    if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &golden).unwrap();
    }
    let kept = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(kept == golden, "set MEDGATE_UPDATE_GOLDEN=1 to rewrite {GOLDEN}, and read its diff:\n{golden}");
}
