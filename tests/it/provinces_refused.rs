//! What a province's platform refuses: wrong signatures, times, nonces, changed and garbled bodies. Its own words reach the HIS as
//! they came, nothing is settled, and the outcome is what a refusal of that shape proves.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use medgate::domain::outcome::Outcome;
use medgate::domain::terms::{Form, Mode, Terms};
use medgate::journal::record::Kind;
use medgate::profile::{Profile, Texts};
use medgate::signing::sm2::SoftKey;
use serde_json::Value;

use crate::doors_rig::{Raw, Talk, post};
use crate::provinces::{Site, granted, registered, send, tongue};
use crate::provinces_his::{Desk, Message};
use crate::rig::TestGateway;
use crate::signing_rig::{CLIENT_ID, SECRET, Vault, openssl};

/// What goes wrong with a good message.
type Spoils = fn(&Site, &mut Message);

/// One trouble: profile, its name, how far the clock is off, what is done to the message, what the platform says to it.
type Row = (&'static str, &'static str, i64, Spoils, &'static str);

/// Gives the line of this name another value.
fn set(message: &mut Message, name: &str, change: impl Fn(&str) -> String) {
    let found = message.lines.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name));
    let (_, value) = found.unwrap_or_else(|| panic!("no line {name}"));
    *value = change(value);
}

/// Gives a member of the body that is a text another one.
fn set_member(message: &mut Message, name: &str, text: &str) {
    let from = message.body.find(&format!("\"{name}\":\"")).unwrap() + name.len() + 4;
    let until = from + message.body[from..].find('"').unwrap();
    message.body.replace_range(from..until, text);
}

fn nothing(_: &Site, _: &mut Message) {}

const ROWS: &[Row] = &[
    (
        "guangdong",
        "wrong signature",
        0,
        |_, m| set(m, "x-tif-signature", |_| "0".repeat(64)),
        "x-tif-signature 应为 SHA-256",
    ),
    ("guangdong", "another nonce", 0, |_, m| set(m, "x-tif-nonce", |_| "1".to_owned()), "签名错误"),
    ("guangdong", "another account", 0, |_, m| set(m, "x-tif-paasid", |_| "x".to_owned()), "账号不存在"),
    (
        "guangdong",
        "no signature",
        0,
        |_, m| m.lines.retain(|(name, _)| name != "X-Tif-Signature"),
        "缺少 x-tif-signature",
    ),
    ("guangdong", "expired", -301, nothing, "相差超过 300 秒"),
    ("hunan", "wrong signature", 0, |_, m| set(m, "_api_signature", |_| "AAAA".to_owned()), "_api_signature 应为以 SK"),
    ("hunan", "expired", -1801, nothing, "签名时间戳超时!"),
    ("hunan", "a clock that is ahead", 1802, nothing, "签名时间戳超时!"),
    ("hunan", "another AK", 0, |_, m| set(m, "_api_access_key", |_| "x".to_owned()), "AK 不存在"),
    (
        "jiangxi",
        "no header lines",
        0,
        |_, m| m.lines.retain(|(name, _)| !name.starts_with("_api")),
        "缺少 _api_access_key",
    ),
    ("zhejiang", "a changed body", 0, |_, m| m.body = m.body.replace("300.00", "300.0"), "一个字节也不能改"),
    ("zhejiang", "another time", 0, |_, m| set(m, "x-ca-signature", |old| format!("1{old}")), "签名错误"),
    ("zhejiang", "no colon", 0, |_, m| set(m, "x-ca-signature", |old| old.replace(':', "")), "时间戳不是数字"),
    ("zhejiang", "expired", -301, nothing, "相差超过 300 秒"),
    ("jilin", "garbage", 0, |_, m| set_member(m, "input", "QUJDREVGR0g="), "input 解不开"),
    ("jilin", "no Base64", 0, |_, m| set_member(m, "input", "%%%"), "input 解不开"),
    (
        "jilin",
        "a changed ciphertext",
        0,
        |_, m| set_member(m, "input", &sealed("{\"data\":{}}")),
        "cainfo 应为对 input 原文",
    ),
    ("jilin", "another's signature", 0, |_, m| set_member(m, "cainfo", &signed_by_a_stranger(m)), "签名错误"),
    ("jilin", "no signature", 0, |_, m| set_member(m, "cainfo", ""), "缺少 cainfo"),
    ("jilin", "half a signature", 0, |_, m| set_member(m, "cainfo", "AAAA"), "签名错误"),
];

/// A text under the right SM4 key.
fn sealed(text: &str) -> String {
    BASE64_STANDARD.encode(openssl(&["enc", "-sm4-ecb", "-K", &hex::encode(CLIENT_ID)], text.as_bytes()))
}

fn signed_by_a_stranger(message: &Message) -> String {
    let stranger = SoftKey::generate().unwrap();
    let signature = medgate::signing::sm2::sign(&stranger, b"1234567812345678", message.body.as_bytes());
    BASE64_STANDARD.encode(signature.unwrap())
}

/// A visit with a bill to settle.
async fn charged(gate: &TestGateway, desk: &mut Desk<'_>) {
    registered(gate, desk).await;
    granted(gate, desk, "2204", "B1", "").await;
}

fn form(profile: &str) -> Form {
    Profile::load(profile, &Texts::embedded()).unwrap().signing("").unwrap().form
}

/// As the profile, and with a window where it knows of none.
fn watched(terms: &mut Terms) {
    terms.refuses_replayed_nonce = true;
    if terms.window_seconds == 0 {
        terms.window_seconds = 300;
    }
}

/// The platform's own answer to the very same bytes, past the gateway.
async fn direct(gate: &TestGateway, message: &Message) -> Raw {
    let mut talk = Talk::to(gate.sandbox_addr()).await;
    talk.say(post(&message.target, &message.head(), &message.body)).await;
    talk.hear().await.unwrap()
}

/// Status and body without what counts calls and tells the time.
fn words(raw: &Raw) -> (String, String) {
    let status = raw.lines()[0].to_owned();
    let mut body: Value = serde_json::from_slice(&raw.body).unwrap();
    for name in ["inf_refmsgid", "refmsg_time", "respond_time"] {
        body.as_object_mut().unwrap().remove(name);
    }
    (status, body.to_string())
}

fn last_outcome(gate: &TestGateway) -> u8 {
    gate.records_of(Kind::Outcome).last().unwrap().header.outcome
}

#[tokio::test]
async fn a_call_whose_signature_is_not_good_is_refused_in_the_provinces_own_words() {
    let profiles = ["guangdong", "hunan", "jiangxi", "zhejiang", "jilin"];
    for profile in profiles {
        let tongue = tongue(profile);
        let site = Site::of(tongue);
        let gate = site.gate(tongue, Mode::Pass, watched).await;
        let mut desk = Desk::new(tongue, form(profile), true, &site.vault);
        charged(&gate, &mut desk).await;
        for (_, trouble, off_s, spoil, says) in ROWS.iter().filter(|row| row.0 == profile) {
            desk.off_s = *off_s;
            let input = desk.input("2207", "B1", "");
            let mut message = desk.wrap("2207", &input);
            spoil(&site, &mut message);
            let heard = send(&gate, &message).await;
            let body = String::from_utf8(heard.body.clone()).unwrap();
            let place = format!("{profile}, {trouble}: {body}");
            assert!(body.contains(says), "{place}");
            assert_eq!(words(&heard), words(&direct(&gate, &message).await), "{place}");
            match desk.form {
                Form::Csb => {
                    assert!(heard.has("HTTP/1.1 200 OK") && body.starts_with(r#"{"code":401,"message":""#), "{place}")
                }
                Form::XTif => {
                    assert!(heard.lines()[0].contains(" 401 ") && body.starts_with(r#"{"code":401,"#), "{place}")
                }
                _ => assert_eq!(desk.read(&heard)["infcode"].to_string().trim_matches('"'), "-1", "{place}"),
            }
            assert_eq!(last_outcome(&gate), Outcome::Refused as u8, "{place}");
        }
        desk.off_s = 0;
        let stand_in = gate.sandbox();
        assert_eq!(stand_in.with_ledger(|ledger| ledger.settlements().len()), 0, "{profile}");
        granted(&gate, &mut desk, "2206", "B1", "").await;
        granted(&gate, &mut desk, "2207", "B1", "").await;
        assert_eq!(stand_in.with_ledger(|ledger| ledger.settlements().len()), 1, "{profile}: a refusal holds no key");
    }
}

#[tokio::test]
async fn a_replayed_nonce_is_refused_where_the_province_forbids_it() {
    for (profile, line, change) in [
        ("guangdong", "x-tif-nonce", None),
        ("guangdong", "x-tif-nonce", Some(watched as fn(&mut Terms))),
        ("hunan", "_api_nonce", None),
    ] {
        let tongue = tongue(profile);
        let site = Site::of(tongue);
        let gate = site.gate(tongue, Mode::Pass, |terms| change.map_or((), |change| change(terms))).await;
        let mut desk = Desk::new(tongue, form(profile), true, &site.vault);
        let input = desk.input("1101", "", "");
        let mut message = desk.wrap("1101", &input);
        if profile == "hunan" {
            // One that is sent switches the protection on; it is not signed here.
            message.lines.push((line.to_owned(), "n1".to_owned()));
        }
        let forbids = profile == "hunan" || change.is_some();
        let first = send(&gate, &message).await;
        assert!(desk.read(&first)["output"]["baseinfo"].is_object(), "{profile}");
        let again = send(&gate, &message).await;
        let said = String::from_utf8(again.body.clone()).unwrap();
        assert_eq!(said.contains("随机数已经用过"), forbids, "{profile}: {said}");
        let expected = if forbids { Outcome::Refused } else { Outcome::Confirmed };
        assert_eq!(last_outcome(&gate), expected as u8, "{profile}");
    }
}

#[tokio::test]
async fn a_service_of_another_number_is_not_there() {
    let tongue = tongue("jiangxi");
    let site = Site::of(tongue);
    let gate = site.gate(tongue, Mode::Pass, |_| {}).await;
    let mut desk = Desk::new(tongue, Form::Csb, true, &site.vault);
    let input = desk.input("1101", "", "");
    let mut message = desk.wrap("1101", &input);
    // Signed for 1101, posted to 9001's URL.
    message.target = message.target.replace("1101", "9001");
    let said = String::from_utf8(send(&gate, &message).await.body).unwrap();
    assert!(said.contains("_api_name 是 hsa-fsi-1101") && said.contains("hsa-fsi-9001"), "{said}");
}

/// -1 about money of a person insured elsewhere proves nothing, whoever wrote it: the HIS hears "unknown".
#[tokio::test]
async fn a_refusal_in_the_platforms_envelope_is_doubted_where_every_refusal_is() {
    let tongue = tongue("zhejiang");
    let site = Site::of(tongue);
    let gate = site.gate(tongue, Mode::Pass, |_| {}).await;
    let mut desk = Desk::new(tongue, Form::XCa, true, &site.vault);
    charged(&gate, &mut desk).await;
    let input = desk.input("2207", "B1", "");
    let mut message = desk.wrap("2207", &input);
    message.body = message.body.replace("\"insuplc_admdvs\": \"990100\"", "\"insuplc_admdvs\": \"110100\"");
    let said = String::from_utf8(send(&gate, &message).await.body).unwrap();
    assert!(said.contains("【结果未知】勿重收、勿转自费"), "{said}");
    assert_eq!(last_outcome(&gate), Outcome::Unknown as u8);
}

/// Runs the stand-in's program to its end; its exit code, and what it said.
fn program(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate-sandbox"));
    let output = command.args(["--listen", "127.0.0.1:0"]).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_program_names_what_an_account_lacks() {
    let vault = Vault::new();
    let secret = vault.keep("secret", SECRET);
    let public = vault.public("public.pem", &SoftKey::generate().unwrap());
    let open = vault.keep("open", SECRET);
    std::fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    for (arguments, code, says) in [
        (&["--profile", "atlantis"][..], 78, "no profile `atlantis`"),
        (&["--profile", "hunan", "--account", "ak"], 78, "csb needs secret_file: tell it with --secret-file"),
        (&["--profile", "jilin", "--account", CLIENT_ID], 78, "tell it with --public-key-file"),
        (
            &["--profile", "jilin", "--account", CLIENT_ID, "--public-key-file", &public, "--secret-file", &secret],
            78,
            "tell it with --user",
        ),
        (&["--profile", "hunan", "--account", "ak", "--secret-file", &open], 78, "chmod 400"),
        (&["--profile", "hunan", "--account", "ak", "--secret-file", "/no/such"], 78, "/no/such: cannot be read"),
        (&["--account", "ak", "--secret-file", &secret], 2, "--profile"),
        (&["--profile", "hunan", "--shape", "jiangsu"], 2, "cannot be used with"),
    ] {
        let (ended, said) = program(arguments);
        assert_eq!(ended, Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says) && !said.contains(SECRET), "{arguments:?}: {said}");
    }
}

#[test]
fn the_program_plays_a_province_that_verifies() {
    let vault = Vault::new();
    let key = SoftKey::generate().unwrap();
    let own = vault.with_key("platform", &key);
    let public = vault.public("hospital.pem", &key);
    let mut program = Command::new(env!("CARGO_BIN_EXE_medgate-sandbox"))
        .args(["--listen", "127.0.0.1:0", "--profile", "jilin", "--account", CLIENT_ID, "--public-key-file", &public])
        .args(["--secret-file", &own.secret_file, "--user", &own.user, "--password-file", &own.password_file])
        .args(["--key-file", &own.key_file, "--passphrase-file", &own.passphrase_file])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let found = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("plays the province"));
    assert_eq!(found.as_deref(), Some("plays the province of profile jilin: signatures are verified"));
    program.kill().unwrap();
    program.wait().unwrap();
}
