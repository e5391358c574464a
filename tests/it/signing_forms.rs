//! Each signing form through the whole gateway, seen as bytes: `pass` changes nothing, `sign` makes exactly its declared edits,
//! and what it makes is good in the eyes of the openssl program.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use medgate::domain::outcome::Outcome;
use medgate::domain::terms::Mode;
use medgate::journal::draft::Part;
use medgate::journal::record::Kind;
use medgate::keys;
use medgate::signing::sm2::{Signer, SoftKey};
use serde_json::{Value, json};

use crate::doors_rig::{OK, Peer, Raw};
use crate::money_his as his;
use crate::rig::TestGateway;
use crate::signing_rig::{
    CLIENT_ID, SECRET, USER_ID, Vault, der_of, hmac, intent, line, openssl, openssl_verifies, own_lines,
    sent_as_declared, signs,
};

/// Odd spacing, a duplicate key, an exact number: nothing is read into shape.
const BODY: &str = "{ \"infno\" : \"1101\",\"msgid\":\"m1\",\r\n \"cainfo\":null,\"n\":1.50,\"n\":1.5, \"input\": {\"data\":{\"psn_no\": \"甲\"}} ,\"z\":0} ";
const PLAIN: &str = "Content-TYPE: text/plain; charset=utf-8\r\nAccept: *\r\n";

/// A gateway in front of a peer that always says the same.
async fn gate(profile: &str, mode: Mode, identity: keys::Settings, reply: &str) -> (TestGateway, Peer) {
    let peer = Peer::saying(reply).await;
    let url = format!("http://{}", peer.addr);
    let gate = TestGateway::before(&url, |settings| signs(settings, profile, mode, identity)).await;
    (gate, peer)
}

async fn sent(gate: &TestGateway, peer: &Peer, head: &str, body: &str) -> Raw {
    gate.try_call("/x/hsa/hgs/1101", head, body).await.expect("an answer");
    peer.only()
}

#[tokio::test]
async fn bytes_pass_unchanged_where_the_his_signs() {
    let heads = [
        ("guangdong", "X-Tif-PaaSID: his\r\nx-tif-timestamp: 1\r\nX-TIF-nonce: n\r\nx-tif-signature: ff00\r\n"),
        (
            "hunan",
            "_api_name: 1101\r\n_api_version: 1.0.0\r\n_api_timestamp: 1\r\n_api_access_key: ak\r\n_api_signature: xx=\r\n",
        ),
        ("zhejiang", "X-CA-key: H1\r\nx-ca-signature: 1:FF\r\n"),
        ("jilin", "Authorization: Bearer t\r\n"),
    ];
    for (profile, head) in heads {
        let vault = Vault::new();
        let key = SoftKey::generate().unwrap();
        let identity = keys::Settings { secret_file: vault.keep("secret", SECRET), ..vault.with_key(CLIENT_ID, &key) };
        let (gate, peer) = gate(profile, Mode::Pass, identity, OK).await;
        let head = format!("{PLAIN}{head}");
        let sent = sent(&gate, &peer, &head, BODY).await;
        assert_eq!(sent.body, BODY.as_bytes(), "{profile}");
        assert_eq!(own_lines(&sent), head.trim_end().split("\r\n").collect::<Vec<_>>(), "{profile}");
        let sealed = intent(&gate, "1101");
        assert!(sealed.edits.is_empty(), "{profile}: no edit that changes nothing: {:?}", sealed.edits);
    }
}

#[tokio::test]
async fn x_tif_is_put_where_the_his_wrote_its_own() {
    let vault = Vault::new();
    let (gate, peer) = gate("guangdong", Mode::Sign, vault.with_secret("paas-1"), OK).await;
    let head = format!("X-Tif-PaaSID: his\r\n{PLAIN}x-tif-signature: old\r\nX-TIF-SIGNATURE: older\r\n");
    let sent = sent(&gate, &peer, &head, BODY).await;
    assert_eq!(sent.body, BODY.as_bytes(), "the body is not covered and not touched");
    assert_eq!(line(&sent, "x-tif-paasid"), "paas-1");
    assert!(sent.has("X-Tif-PaaSID: paas-1"), "its own way of writing the name stays: {}", sent.head);
    let (time, nonce) = (line(&sent, "x-tif-timestamp"), line(&sent, "x-tif-nonce"));
    assert!(time.len() == 10 && nonce.len() == 32, "{time} {nonce}");
    let text = format!("{time}{SECRET}{nonce}{time}");
    let digest = openssl(&["dgst", "-sha256", "-binary"], text.as_bytes());
    assert_eq!(line(&sent, "x-tif-signature"), hex::encode(digest));
    let sealed = intent(&gate, "1101");
    sent_as_declared(&sealed, &sent);
    assert!(sealed.edits.iter().all(|edit| edit.part == Part::Headers));
}

#[tokio::test]
async fn csb_names_the_service_as_its_province_does() {
    for (profile, name) in [("hunan", "1101"), ("jiangxi", "hsa-fsi-1101")] {
        let vault = Vault::new();
        let (gate, peer) = gate(profile, Mode::Sign, vault.with_secret("ak-1"), OK).await;
        let sent = sent(&gate, &peer, PLAIN, BODY).await;
        assert_eq!(sent.body, BODY.as_bytes());
        let time = line(&sent, "_api_timestamp");
        assert_eq!(time.len(), 13, "{time}");
        let text = format!("_api_access_key=ak-1&_api_name={name}&_api_timestamp={time}&_api_version=1.0.0");
        assert_eq!(line(&sent, "_api_signature"), BASE64_STANDARD.encode(hmac("sha1", text.as_bytes())), "{profile}");
        sent_as_declared(&intent(&gate, "1101"), &sent);
    }
}

#[tokio::test]
async fn csb_signs_the_fields_of_a_form() {
    let vault = Vault::new();
    let (gate, peer) = gate("hunan", Mode::Sign, vault.with_secret("ak-1"), OK).await;
    let head = "Content-Type: application/x-www-form-urlencoded\r\n_api_name: 1101\r\n";
    let sent = sent(&gate, &peer, head, "times=123&name=%E4%B8%AD+x").await;
    let time = line(&sent, "_api_timestamp");
    let text =
        format!("_api_access_key=ak-1&_api_name=1101&_api_timestamp={time}&_api_version=1.0.0&name=中 x&times=123");
    assert_eq!(line(&sent, "_api_signature"), BASE64_STANDARD.encode(hmac("sha1", text.as_bytes())));
}

#[tokio::test]
async fn x_ca_covers_the_body_byte_for_byte_in_memory_and_on_disk() {
    let large = format!("{{\"infno\":\"1101\",\"msgid\":\"m1\",\"pad\":\"{}\"}}", "填".repeat(700_000));
    for body in [BODY, &large] {
        let vault = Vault::new();
        let (gate, peer) = gate("zhejiang", Mode::Sign, vault.with_secret("H00000000001"), OK).await;
        let sent = sent(&gate, &peer, PLAIN, body).await;
        assert!(sent.body == body.as_bytes());
        let signature = line(&sent, "x-ca-signature");
        let (time, mac) = signature.split_once(':').unwrap();
        let text = [time.as_bytes(), b"\n", &sent.body].concat();
        assert_eq!(mac, hex::encode_upper(hmac("sm3", &text)));
        assert_eq!(line(&sent, "x-ca-key"), "H00000000001");
        sent_as_declared(&intent(&gate, "1101"), &sent);
    }
}

/// A success as a platform that seals would say it.
fn sealed_reply(key: &SoftKey, output: &str) -> String {
    let cipher = openssl(&["enc", "-sm4-ecb", "-K", &hex::encode(CLIENT_ID)], output.as_bytes());
    let cainfo =
        BASE64_STANDARD.encode(medgate::signing::sm2::sign(key, USER_ID.as_bytes(), output.as_bytes()).unwrap());
    let output = BASE64_STANDARD.encode(cipher);
    let body =
        format!(r#"{{"cainfo":"{cainfo}","err_msg":"成功","infcode":"0", "output":"{output}","signtype":"SM2"}}"#);
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn sealed_input_is_signed_and_encrypted_member_by_member() {
    let vault = Vault::new();
    let key = SoftKey::generate().unwrap();
    let public = vault.public("public.pem", &key);
    let (gate, peer) = gate("jilin", Mode::Sign, vault.with_key(CLIENT_ID, &key), OK).await;
    let sent = sent(&gate, &peer, PLAIN, BODY).await;
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let input = BASE64_STANDARD.decode(body["input"].as_str().unwrap()).unwrap();
    let plain = openssl(&["enc", "-d", "-sm4-ecb", "-K", &hex::encode(CLIENT_ID)], &input);
    assert_eq!(String::from_utf8(plain.clone()).unwrap(), "{\"data\":{\"psn_no\": \"甲\"}}", "the exact text");
    let cainfo = BASE64_STANDARD.decode(body["cainfo"].as_str().unwrap()).unwrap();
    assert_eq!(cainfo.len(), 64);
    assert!(openssl_verifies(&vault, &public, USER_ID, &plain, &der_of(&cainfo)));
    assert!(!openssl_verifies(&vault, &public, USER_ID, b"other", &der_of(&cainfo)));
    assert_eq!((&body["signtype"], &body["enc_type"]), (&json!("SM2"), &json!("SM4")));
    // Around the members every byte stays.
    let text = String::from_utf8(sent.body.clone()).unwrap();
    assert!(
        text.starts_with("{ \"infno\" : \"1101\",\"msgid\":\"m1\",\r\n \"cainfo\":\"")
            && text.contains("\"n\":1.50,\"n\":1.5, \"input\": \"")
    );
    assert!(text.ends_with(" ,\"z\":0} "), "{text}");
    sent_as_declared(&intent(&gate, "1101"), &sent);
}

#[tokio::test]
async fn a_his_that_speaks_plain_hears_plain_and_hears_the_same_again() {
    let vault = Vault::new();
    let (key, platform) = (SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
    let output =
        r#"{"setlinfo":{"setl_id":"S1","medins_setl_id":"H990000000012024010203000001", "fund_pay_sumamt": 1.50}}"#;
    let reply = sealed_reply(&platform, output);
    let identity = keys::Settings {
        platform_key_file: vault.public("platform.pem", &platform),
        ..vault.with_key(CLIENT_ID, &key)
    };
    let (gate, peer) = gate("jilin", Mode::Sign, identity, &reply).await;
    let bill = json!({"data": {"psn_no": "P1", "mdtrt_id": "D1", "chrg_bchno": "B1", "insutype": "310", "med_type": "11",
        "medfee_sumamt": "10.00", "psn_setlway": "01", "acct_used_flag": "0"}});
    let first = gate.call(his::URL, &his::body_as("H990000000012024010203000001", "2207", &bill)).await;
    let (head, said) = reply.split_once("\r\n\r\n").unwrap();
    let start = said.find("\"output\":").unwrap() + "\"output\":".len();
    let end = said[start..].find(',').unwrap() + start;
    let expected = format!("{}{output}{}", &said[..start], &said[end..]);
    assert_eq!(String::from_utf8(first.body.clone()).unwrap(), expected, "only the sealed member was opened");
    assert!(
        head.contains(&format!("Content-Length: {}", said.len()))
            && first.has(&format!("Content-Length: {}", expected.len()))
    );

    let outcomes = gate.records_of(Kind::Outcome);
    assert_eq!(outcomes[0].header.outcome, Outcome::Confirmed as u8, "the substance was read");
    let sealed = gate.unseal(&outcomes[0]);
    assert_eq!(
        sealed.reply.unwrap().body.buffered().unwrap(),
        said.as_bytes(),
        "the evidence is what the platform said"
    );
    assert_eq!(sealed.edits.len(), 1);
    let again = gate.call(his::URL, &his::body_as("H990000000012024010203000002", "2207", &bill)).await;
    assert_eq!((again.body, peer.requests().len()), (first.body, 1), "replays hear the same");
}

/// The `appId` envelope of mobile payment as a HIS writes it that leaves the signing to the gateway.
const ORDER: &str = "{ \"appId\":\"0123456789ABCDEF0123\",\"encType\":\"SM4\",\"signType\":\"SM2\",\"version\":\"1.0.0\",\"timestamp\":\"1700000000\", \"data\" : {\"medOrgOrd\":\"O1\",\"sum\":1.10,\"empty\":\"\"} }";

#[tokio::test]
async fn a_mobile_payment_is_signed_then_encrypted_and_its_answer_opened() {
    const APP: &str = "0123456789ABCDEF0123";
    let vault = Vault::new();
    let (key, platform) = (SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
    let public = vault.public("public.pem", &key);
    // The SM4 key is made of appId and appSecret.
    let made = openssl(&["enc", "-sm4-ecb", "-K", &hex::encode(&APP[..16])], SECRET.as_bytes());
    let sm4_key = hex::encode(&hex::encode_upper(made)[..16]);
    let output = r#"{"payOrdId":"PAY1"}"#;
    let signed_answer = format!("appId={APP}&code=0&data={output}&success=true&key={SECRET}");
    let sign_data = BASE64_STANDARD
        .encode(medgate::signing::sm2::sign(&platform, USER_ID.as_bytes(), signed_answer.as_bytes()).unwrap());
    let enc_data = hex::encode_upper(openssl(&["enc", "-sm4-ecb", "-K", &sm4_key], output.as_bytes()));
    let body =
        format!(r#"{{"appId":"{APP}","code":0,"encData":"{enc_data}","signData":"{sign_data}","success":true}}"#);
    let reply =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let peer = Peer::saying(reply).await;
    let identity = keys::Settings {
        secret_file: vault.keep("secret", SECRET),
        platform_key_file: vault.public("platform.pem", &platform),
        ..vault.with_key(APP, &key)
    };
    let gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        signs(settings, "baseline", Mode::Sign, identity);
        settings.upstream.get_mut("default").unwrap().signing = "mobile".to_owned();
    })
    .await;
    let heard = gate.call("/org/local/api/hos/6201", ORDER).await;
    let heard = String::from_utf8(heard.body).unwrap();
    assert_eq!(
        heard,
        body.replace(&format!("\"encData\":\"{enc_data}\""), &format!("\"data\":{output}")),
        "it hears plain"
    );

    let sent = peer.only();
    let left: Value = serde_json::from_slice(&sent.body).unwrap();
    assert!(left.get("data").is_none());
    let sealed = hex::decode(left["encData"].as_str().unwrap()).unwrap();
    let plain = openssl(&["enc", "-d", "-sm4-ecb", "-K", &sm4_key], &sealed);
    assert_eq!(
        String::from_utf8(plain).unwrap(),
        "{\"medOrgOrd\":\"O1\",\"sum\":1.10,\"empty\":\"\"}",
        "as the HIS wrote it"
    );
    let text = format!(
        "appId={APP}&data={{\"medOrgOrd\":\"O1\",\"sum\":\"1.10\"}}&encType=SM4&signType=SM2&timestamp=1700000000&version=1.0.0&key={SECRET}"
    );
    let signature = BASE64_STANDARD.decode(left["signData"].as_str().unwrap()).unwrap();
    assert!(openssl_verifies(&vault, &public, USER_ID, text.as_bytes(), &der_of(&signature)));
    let intent = gate.records_of(Kind::Intent);
    sent_as_declared(&gate.unseal(&intent[0]), &sent);

    for (body, says) in [
        (ORDER.replace(APP, "another-application-id"), "GW611"),
        (ORDER.replace("\"data\" :", "\"encData\":\"00\",\"x\":"), "与网关代签设置冲突"),
        (ORDER.replace("\"data\" :", "\"other\" :"), "GW611"),
    ] {
        let heard = String::from_utf8(gate.call("/org/local/api/hos/6201", &body).await.body).unwrap();
        assert!(heard.contains(says), "{heard}");
    }
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused_and_nothing_is_sent() {
    let vault = Vault::new();
    let key = SoftKey::generate().unwrap();
    let (gate, peer) = gate("jilin", Mode::Sign, vault.with_key(CLIENT_ID, &key), OK).await;
    let large = format!(r#"{{"infno":"1101","input":{{"pad":"{}"}}}}"#, "x".repeat(2 << 20));
    for (body, said) in [
        (r#"{"infno":"1101","input":"QUJDREVGR0g="}"#, "与网关代签设置冲突"),
        (r#"{"infno":"1101","input":{},"input":{}}"#, "GW611"),
        (r#"{"infno":"1101"}"#, "GW611"),
        (r#"{"infno":"1101","input":{}"#, "GW611"),
        ("", "GW611"),
        (&large, "报文过大"),
    ] {
        let answer = gate.call(his::URL, body).await;
        let answer = String::from_utf8(answer.body).unwrap();
        assert!(answer.contains("【网关未发送】") && answer.contains(said), "{answer}");
        assert!(!answer.contains(CLIENT_ID));
    }
    assert!(peer.requests().is_empty());
    assert!(gate.records_of(Kind::Intent).is_empty());
    gate.journaled("the refusals", |records| {
        records.iter().any(|record| record.header.known_kind() == Some(Kind::Refusals))
    })
    .await;
}

#[tokio::test]
async fn a_public_key_in_any_form_is_the_same_key() {
    let key = SoftKey::generate().unwrap();
    let public = key.public();
    let tagged = [&[4], public.as_slice()].concat();
    let forms = [
        hex::encode(public),
        hex::encode_upper(&tagged),
        BASE64_STANDARD.encode(public),
        BASE64_STANDARD.encode(tagged),
        medgate::signing::pem::of_public(&public).unwrap(),
    ];
    for form in forms {
        assert_eq!(medgate::signing::sm2::Verifier::parse(&form).unwrap().public(), public, "{form}");
    }
}
