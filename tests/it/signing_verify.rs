//! Signatures of the HIS and of the platform: believed when they are theirs and of now, else refused, noted, or taken for nobody's.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use medgate::config::Settings;
use medgate::domain::clock::Clock;
use medgate::domain::outcome::{Cause, Outcome};
use medgate::domain::terms::{Mode, Verify};
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::keys;
use medgate::signing::sm2::{self, SoftKey};
use serde_json::json;

use crate::doors_rig::{Does, OK, Peer, Raw};
use crate::money_his as his;
use crate::rig::TestGateway;
use crate::signing_rig::{CLIENT_ID, SECRET, USER_ID, Vault, hmac, line, openssl, signs};

/// Every client is this identity, and its signatures are looked at.
fn verifies(settings: &mut Settings, profile: &str, verify: Verify, identity: keys::Settings) {
    settings.gateway.profile = profile.to_owned();
    settings.identity.insert("his".to_owned(), identity);
    let client = settings.client.get_mut("default").unwrap();
    (client.verify, client.identity) = (verify, "his".to_owned());
}

async fn gate(profile: &str, verify: Verify, identity: keys::Settings, reply: &str) -> (TestGateway, Peer) {
    let peer = Peer::saying(reply).await;
    let url = format!("http://{}", peer.addr);
    let gate = TestGateway::before(&url, |settings| verifies(settings, profile, verify, identity)).await;
    (gate, peer)
}

fn text(raw: &Raw) -> String {
    String::from_utf8(raw.body.clone()).unwrap()
}

fn tif(account: &str, secret: &str, nonce: &str) -> String {
    let digest = openssl(&["dgst", "-sha256", "-binary"], format!("1700000000{secret}{nonce}1700000000").as_bytes());
    format!(
        "X-Tif-PaaSID: {account}\r\nx-tif-timestamp: 1700000000\r\nx-tif-nonce: {nonce}\r\nx-tif-signature: {}\r\n",
        hex::encode(digest)
    )
}

const BODY: &str = r#"{"infno":"1101","msgid":"m1","input":{}}"#;

#[tokio::test]
async fn a_strangers_x_tif_is_refused_and_nothing_is_sent() {
    let vault = Vault::new();
    let (gate, peer) = gate("guangdong", Verify::Refuse, vault.with_secret("paas-1"), OK).await;
    let good = tif("paas-1", SECRET, "n1");
    let answer = gate.try_call("/hsa/hgs/1101", &good, BODY).await.unwrap();
    assert_eq!(answer.body, b"{\"infcode\":0}", "{}", text(&answer));
    assert_eq!(
        gate.try_call("/hsa/hgs/1101", &good, BODY).await.unwrap().body,
        b"{\"infcode\":0}",
        "a nonce may come again here"
    );
    let rows = [
        (tif("paas-1", "another", "n1"), "GW602"),
        (tif("paas-2", SECRET, "n1"), "GW602"),
        (good.replace("x-tif-nonce: n1", "x-tif-nonce: n2"), "GW602"),
        (good.replace("x-tif-signature", "x-other"), "缺少签名信息（x-tif-signature）"),
        (String::new(), "GW601"),
        (good.replace("X-Tif-PaaSID: paas-1", "X-Tif-PaaSID: "), "GW601"),
        (good.replace("x-tif-signature: ", "x-tif-signature: 0"), "GW602"),
    ];
    for (head, said) in &rows {
        let answer = gate.try_call("/hsa/hgs/1101", head, BODY).await.unwrap();
        let answer = text(&answer);
        assert!(answer.contains("【网关未发送】") && answer.contains(said), "{head}: {answer}");
        assert!(!answer.contains(SECRET), "{answer}");
    }
    assert_eq!((peer.requests().len(), gate.records_of(Kind::Intent).len()), (2, 2));
    let refused = |records: &[medgate::journal::Record]| {
        let all = records.iter().filter(|record| record.header.known_kind() == Some(Kind::Refusals));
        all.map(|record| record.facts.all(Fact::RefusedCall).count()).sum::<usize>() == rows.len()
    };
    gate.journaled("every refusal", refused).await;
}

#[tokio::test]
async fn a_warning_lets_the_call_pass_and_the_journal_says_so() {
    let vault = Vault::new();
    let (gate, peer) = gate("guangdong", Verify::Warn, vault.with_secret("paas-1"), OK).await;
    for (nth, (head, finding)) in [
        (tif("paas-1", "another", "n"), Some("GW602")),
        (String::new(), Some("GW601")),
        (tif("paas-1", SECRET, "n"), None),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = gate.try_call("/hsa/hgs/1101", &head, BODY).await.unwrap();
        assert_eq!(answer.body, b"{\"infcode\":0}");
        let intents = gate.records_of(Kind::Intent);
        let findings: Vec<&str> = intents[nth].facts.all_named(Fact::Finding).map(|(rule, _)| rule).collect();
        assert_eq!(findings.iter().find(|rule| rule.starts_with("GW6")).copied(), finding);
    }
    assert_eq!(peer.requests().len(), 3);
}

fn csb(time: &str, doubled: bool, more: &str) -> String {
    let amp = if doubled { "&&" } else { "&" };
    let text = format!("_api_access_key=ak&_api_name=1101&_api_timestamp={time}{amp}_api_version=1.0.0");
    let signature = BASE64_STANDARD.encode(hmac("sha1", text.as_bytes()));
    format!(
        "_api_name: 1101\r\n_api_version: 1.0.0\r\n_api_timestamp: {time}\r\n_api_access_key: ak\r\n{more}_api_signature: {signature}\r\n"
    )
}

#[tokio::test]
async fn a_csb_signature_is_good_for_half_an_hour_in_any_unit() {
    let vault = Vault::new();
    let (gate, peer) = gate("hunan", Verify::Refuse, vault.with_secret("ak"), OK).await;
    let now_ms = gate.clock.unix_ns() / 1_000_000;
    let minute = 60_000;
    let rows = [
        (now_ms.to_string(), true),
        ((now_ms / 1000).to_string(), true),
        ((now_ms + 62_135_596_800_000).to_string(), true),
        ((now_ms - 29 * minute).to_string(), true),
        ((now_ms + 29 * minute).to_string(), true),
        ((now_ms - 31 * minute).to_string(), false),
        ((now_ms + 31 * minute).to_string(), false),
        ("0".to_owned(), false),
        ("-1".to_owned(), false),
        ("now".to_owned(), false),
        ("99999999999999999999999".to_owned(), false),
    ];
    for (time, good) in &rows {
        let answer = gate.try_call("/x", &csb(time, false, ""), BODY).await.unwrap();
        assert_eq!(answer.body == b"{\"infcode\":0}", *good, "{time}: {}", text(&answer));
        assert_eq!(text(&answer).contains("GW603"), !good, "{time}");
    }
    // An old client really signs the specification's printed slip.
    assert_eq!(gate.try_call("/x", &csb(&now_ms.to_string(), true, ""), BODY).await.unwrap().body, b"{\"infcode\":0}");
    assert_eq!(peer.requests().len(), 6);
    let time = now_ms.to_string();
    gate.clock.advance(Duration::from_secs(31 * 60));
    assert!(text(&gate.try_call("/x", &csb(&time, false, ""), BODY).await.unwrap()).contains("GW603"), "time went on");
}

#[tokio::test]
async fn a_replayed_nonce_is_refused_where_the_profile_forbids_it() {
    let vault = Vault::new();
    let (gate, peer) = gate("hunan", Verify::Refuse, vault.with_secret("ak"), OK).await;
    let now_ms = (gate.clock.unix_ns() / 1_000_000).to_string();
    for (nonce, good) in [("n1", true), ("n2", true), ("n1", false), ("n2", false), ("n3", true)] {
        let head = csb(&now_ms, false, &format!("_api_nonce: {nonce}\r\n"));
        let answer = gate.try_call("/x", &head, BODY).await.unwrap();
        assert_eq!(answer.body == b"{\"infcode\":0}", good, "{nonce}: {}", text(&answer));
        assert_eq!(text(&answer).contains("GW604"), !good);
    }
    // A stranger cannot use a nonce up.
    let forged = csb(&now_ms, false, "_api_nonce: n4\r\n").replace("_api_signature: ", "_api_signature: x");
    assert!(text(&gate.try_call("/x", &forged, BODY).await.unwrap()).contains("GW602"));
    let head = csb(&now_ms, false, "_api_nonce: n4\r\n");
    assert_eq!(gate.try_call("/x", &head, BODY).await.unwrap().body, b"{\"infcode\":0}");
    assert_eq!(peer.requests().len(), 4);
}

#[tokio::test]
async fn a_changed_byte_breaks_an_x_ca_signature() {
    let large = format!("{{\"infno\":\"1101\",\"pad\":\"{}\"}}", "填".repeat(500_000));
    for body in [BODY.to_owned(), large] {
        let vault = Vault::new();
        let (gate, peer) = gate("zhejiang", Verify::Refuse, vault.with_secret("H1"), OK).await;
        let mac = hmac("sm3", format!("1700000000\n{body}").as_bytes());
        let head = format!("x-ca-key: H1\r\nx-ca-signature: 1700000000:{}\r\n", hex::encode_upper(mac));
        let answer = gate.try_call("/x", &head, &body).await.unwrap();
        assert_eq!(answer.body, b"{\"infcode\":0}", "{}", text(&answer));
        let changed = body.replace("1101", "1102");
        assert!(text(&gate.try_call("/x", &head, &changed).await.unwrap()).contains("GW602"));
        let colonless = head.replace("1700000000:", "");
        assert!(text(&gate.try_call("/x", &colonless, &body).await.unwrap()).contains("GW603"));
        let only = peer.only();
        assert!(only.body == body.as_bytes() && line(&only, "x-ca-key") == "H1");
    }
}

fn seal(text: &[u8], key: &str) -> String {
    BASE64_STANDARD.encode(openssl(&["enc", "-sm4-ecb", "-K", &hex::encode(key)], text))
}

fn cainfo(key: &SoftKey, text: &[u8]) -> String {
    BASE64_STANDARD.encode(sm2::sign(key, USER_ID.as_bytes(), text).unwrap())
}

/// A sealed 2207 of one bill, as a HIS that signs by itself would send it.
fn sealed_bill(key: &SoftKey, msgid: &str, seal_key: &str, signed: &str) -> String {
    let input = r#"{"data":{"psn_no":"P1","mdtrt_id":"D1","chrg_bchno":"B1","insutype":"310","med_type":"11","medfee_sumamt":"10.00","psn_setlway":"01","acct_used_flag":"0"}}"#;
    let signed = if signed.is_empty() { input } else { signed };
    let (input, cainfo) = (seal(input.as_bytes(), seal_key), cainfo(key, signed.as_bytes()));
    json!({"infno": "2207", "msgid": msgid, "mdtrtarea_admvs": "220100", "insuplc_admdvs": "220100", "fixmedins_code": his::HOSPITAL,
        "cainfo": cainfo, "signtype": "SM2", "enc_type": "SM4", "input": input})
    .to_string()
}

const M1: &str = "H990000000012024010203000001";
const M2: &str = "H990000000012024010203000002";

fn settled_output() -> String {
    format!(r#"{{"setlinfo":{{"setl_id":"S1","medins_setl_id":"{M1}"}}}}"#)
}

fn answer(infcode: &str, cainfo: &str, output: &str) -> String {
    let body = format!(r#"{{"infcode":{infcode},"err_msg":"m","cainfo":"{cainfo}","output":{output}}}"#);
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn body_of(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn a_sealed_call_passes_untouched_and_is_known_all_the_same() {
    let vault = Vault::new();
    let (key, platform) = (SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
    let output = settled_output();
    let reply =
        answer("\"0\"", &cainfo(&platform, output.as_bytes()), &format!("\"{}\"", seal(output.as_bytes(), CLIENT_ID)));
    let identity = keys::Settings {
        account: CLIENT_ID.to_owned(),
        public_key_file: vault.public("his.pem", &key),
        platform_key_file: vault.public("platform.pem", &platform),
        ..keys::Settings::default()
    };
    let (gate, peer) = gate("jilin", Verify::Refuse, identity, &reply).await;
    let first = gate.call(his::URL, &sealed_bill(&key, M1, CLIENT_ID, "")).await;
    assert_eq!(text(&first), body_of(&reply), "bytes pass");
    let sent = peer.only();
    let intents = gate.records_of(Kind::Intent);
    assert_eq!(gate.unseal(&intents[0]).request.unwrap().body.buffered().unwrap(), &sent.body);
    assert_eq!(intents[0].facts.text_of(Fact::MdtrtId), Some("D1"), "what is sealed was read");
    assert!(!intents[0].header.key_token.is_none());
    assert_eq!(gate.records_of(Kind::Outcome)[0].header.outcome, Outcome::Confirmed as u8);
    // One key is performed once, although its bytes are another ciphertext's.
    let again = gate.call(his::URL, &sealed_bill(&key, M2, CLIENT_ID, "")).await;
    assert_eq!((again.body, peer.requests().len()), (first.body, 1));
    // No recorded answer goes to a stranger.
    let stranger = SoftKey::generate().unwrap();
    for (body, what) in [
        (sealed_bill(&stranger, M2, CLIENT_ID, ""), "another key"),
        (sealed_bill(&key, M2, CLIENT_ID, "{}"), "signed over another text"),
        (sealed_bill(&key, M2, "FEDCBA9876543210", ""), "sealed under another key"),
        (sealed_bill(&key, M2, CLIENT_ID, "").replace("\"cainfo\"", "\"other\""), "no signature"),
    ] {
        let heard = text(&gate.call(his::URL, &body).await);
        assert!(
            heard.contains("【网关未发送】") && (heard.contains("GW602") || heard.contains("GW601")),
            "{what}: {heard}"
        );
    }
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn a_sealed_call_whose_key_nobody_knows_passes_as_ever() {
    let peer = Peer::saying(OK).await;
    let gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        settings.gateway.profile = "jilin".to_owned();
    })
    .await;
    let key = SoftKey::generate().unwrap();
    let body = sealed_bill(&key, M1, CLIENT_ID, "");
    assert_eq!(gate.call(his::URL, &body).await.body, b"{\"infcode\":0}");
    assert_eq!(peer.only().body, body.as_bytes());
    let intent = &gate.records_of(Kind::Intent)[0];
    assert!(intent.header.key_token.is_none() && intent.facts.text_of(Fact::MdtrtId).is_none());
}

#[tokio::test]
async fn an_answer_that_the_platform_did_not_sign_is_never_trusted() {
    let (key, platform, stranger) =
        (SoftKey::generate().unwrap(), SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
    let output = settled_output();
    let sealed = format!("\"{}\"", seal(output.as_bytes(), CLIENT_ID));
    let good = cainfo(&platform, output.as_bytes());
    let rows = [
        ("as agreed", answer("\"0\"", &good, &sealed), None),
        ("another key", answer("\"0\"", &cainfo(&stranger, output.as_bytes()), &sealed), Some(Cause::WrongSignature)),
        ("another text", answer("\"0\"", &cainfo(&platform, b"{}"), &sealed), Some(Cause::WrongSignature)),
        ("no signature", answer("\"0\"", "", &sealed), Some(Cause::WrongSignature)),
        ("the seal taken off", answer("0", "", &output), Some(Cause::WrongSignature)),
        (
            "sealed under another key",
            answer("\"0\"", &good, &format!("\"{}\"", seal(output.as_bytes(), "FEDCBA9876543210"))),
            Some(Cause::WrongSignature),
        ),
    ];
    for mode in [Mode::Pass, Mode::Sign] {
        for (what, reply, cause) in &rows {
            let vault = Vault::new();
            let identity = keys::Settings {
                platform_key_file: vault.public("platform.pem", &platform),
                ..vault.with_key(CLIENT_ID, &key)
            };
            let peer = Peer::saying(reply.as_str()).await;
            let gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
                signs(settings, "jilin", mode, identity)
            })
            .await;
            let body = match mode {
                Mode::Pass => sealed_bill(&key, M1, CLIENT_ID, ""),
                Mode::Sign => {
                    his::body_as(M1, "2207", &json!({"data": {"psn_no": "P1", "mdtrt_id": "D1", "chrg_bchno": "B1"}}))
                }
            };
            let heard = text(&gate.call(his::URL, &body).await);
            let outcome = &gate.records_of(Kind::Outcome)[0];
            match cause {
                None => {
                    assert_eq!(outcome.header.outcome, Outcome::Confirmed as u8, "{what}");
                    assert_eq!(heard.contains("setl_id"), mode == Mode::Sign, "{what}: {heard}");
                }
                Some(cause) => {
                    assert_eq!(
                        (outcome.header.outcome, outcome.header.cause),
                        (Outcome::Unknown as u8, *cause as u8),
                        "{what}"
                    );
                    assert!(heard.contains("【结果未知】") && !heard.contains("S1"), "{what}: {heard}");
                    let kept = gate.unseal(outcome).reply.unwrap();
                    assert_eq!(kept.body.buffered().unwrap(), body_of(reply).as_bytes(), "the evidence stays");
                }
            }
        }
        // A refusal carries no output: there is nothing that could be signed.
        let vault = Vault::new();
        let identity = keys::Settings {
            platform_key_file: vault.public("platform.pem", &platform),
            ..vault.with_key(CLIENT_ID, &key)
        };
        let peer = Peer::saying(answer("-1", "", "null")).await;
        let gate =
            TestGateway::before(&format!("http://{}", peer.addr), |settings| signs(settings, "jilin", mode, identity))
                .await;
        gate.call(
            his::URL,
            &sealed_bill(&key, M1, CLIENT_ID, "")
                .replace("\"input\"", if mode == Mode::Pass { "\"input\"" } else { "\"input\":{},\"x\"" }),
        )
        .await;
        assert_eq!(gate.records_of(Kind::Outcome)[0].header.outcome, Outcome::Refused as u8);
    }
}

#[tokio::test]
async fn what_the_gateway_asks_by_itself_it_signs_as_itself() {
    let settled = format!(r#"{{"infcode":"0","output":{}}}"#, settled_output());
    let alive = r#"{"infcode":"0","output":{"setlinfo":{"setl_id":"S1","refd_setl_flag":"0"}}}"#;
    let say = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let replies = [say(&settled), say(alive)];
    let peer = Peer::scripted(move |nth| Does::Says(replies[nth].clone())).await;
    let vault = Vault::new();
    let identity = vault.with_secret("gateway-1");
    let gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        signs(settings, "guangdong", Mode::Pass, identity)
    })
    .await;
    let bill = json!({"data": {"psn_no": "P1", "mdtrt_id": "D1", "chrg_bchno": "B1"}});
    let head = "X-Tif-PaaSID: his\r\nx-tif-timestamp: 1\r\nx-tif-nonce: n\r\nX-Tif-Signature: his-own\r\n";
    let call = async |msgid: &str| gate.try_call("/hsa/hgs/2207", head, &his::body_as(msgid, "2207", &bill)).await;
    let first = call(M1).await.unwrap();
    gate.clock.advance(Duration::from_secs(601));
    let again = call(M2).await.unwrap();
    assert_eq!((again.body, peer.requests().len()), (first.body, 2));
    let [his_call, question] = peer.requests().try_into().unwrap();
    assert_eq!(
        (line(&his_call, "x-tif-paasid"), line(&his_call, "x-tif-signature")),
        ("his".to_owned(), "his-own".to_owned())
    );
    assert!(question.head.starts_with("POST /hsa/hgs/5203 "), "{}", question.head);
    assert_eq!(line(&question, "x-tif-paasid"), "gateway-1");
    let (time, nonce) = (line(&question, "x-tif-timestamp"), line(&question, "x-tif-nonce"));
    let digest = openssl(&["dgst", "-sha256", "-binary"], format!("{time}{SECRET}{nonce}{time}").as_bytes());
    assert_eq!(line(&question, "x-tif-signature"), hex::encode(digest));
}
