//! SM4-GCM as cipher of sealed members: what the gateway makes and opens, beside openssl's SM4 in counter mode and the
//! authentication of GCM written here once more (openssl's program has no SM4-GCM before 3.1).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use medgate::config::Settings;
use medgate::domain::outcome::{Cause, Outcome};
use medgate::domain::terms::{Cipher, Form, Mode, Verify};
use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use medgate::keys;
use medgate::sandbox::platform;
use medgate::signing::sm2::{self, SoftKey};
use medgate::signing::sm4;
use serde_json::{Value, json};

use crate::crash_rig::{medgate, run, said};
use crate::doors_rig::{OK, Peer};
use crate::money_his as his;
use crate::provinces::{Site, granted, registered, token, tongue};
use crate::provinces_his::Desk;
use crate::rig::TestGateway;
use crate::signing_rig::{
    CLIENT_ID, USER_ID, Vault, der_of, intent, openssl, openssl_verifies, sent_as_declared, signs,
};

const PROFILE: &str = "title = \"GCM\"\ninherits = \"jilin\"\n\n[signing]\ncipher = \"sm4-gcm\"\n";

/// Settings whose profile is Jilin's with GCM.
fn with_gcm(settings: &mut Settings, vault: &Vault, mode: Mode, identity: keys::Settings) {
    signs(settings, "gcm", mode, identity);
    settings.gateway.profiles = vault.folder("profiles", "gcm.toml", PROFILE);
}

/// Multiplies in GF(2^128) as GCM counts its bits.
fn times(x: u128, y: u128) -> u128 {
    let (mut product, mut power) = (0, y);
    for bit in (0..128).rev() {
        if x >> bit & 1 == 1 {
            product ^= power;
        }
        power = (power >> 1) ^ if power & 1 == 1 { 0xe1 << 120 } else { 0 };
    }
    product
}

/// Nonce, ciphertext and tag (NIST SP 800-38D over SM4), block cipher and counter mode by openssl.
fn by_openssl(key: &str, nonce: &[u8], plain: &[u8]) -> Vec<u8> {
    let key = hex::encode(key);
    let block = |text: &[u8]| {
        let made = openssl(&["enc", "-sm4-ecb", "-nopad", "-K", &key], text);
        u128::from_be_bytes(made.try_into().unwrap())
    };
    let counter = |count: u32| [nonce, &count.to_be_bytes()].concat();
    let sealed = openssl(&["enc", "-sm4-ctr", "-K", &key, "-iv", &hex::encode(counter(2))], plain);
    let hash_key = block(&[0; 16]);
    let mut hash = 0;
    for chunk in sealed.chunks(16) {
        let mut padded = [0; 16];
        padded[..chunk.len()].copy_from_slice(chunk);
        hash = times(hash ^ u128::from_be_bytes(padded), hash_key);
    }
    hash = times(hash ^ (sealed.len() as u128 * 8), hash_key);
    let tag = hash ^ block(&counter(1));
    [nonce, &sealed, &tag.to_be_bytes()].concat()
}

#[test]
fn it_agrees_with_openssls_counter_mode_at_every_length() {
    let key: sm4::Key = CLIENT_ID.as_bytes().try_into().unwrap();
    for len in [0, 1, 15, 16, 17, 64, 1000] {
        let plain: Vec<u8> = (0..len).map(|at| (at * at % 251) as u8).collect();
        let theirs = by_openssl(CLIENT_ID, &[len as u8; 12], &plain);
        assert_eq!(sm4::encrypt_gcm(&key, [len as u8; 12], &plain), theirs, "{len}");
        assert_eq!(sm4::decrypt_gcm(&key, &theirs).unwrap(), plain, "{len}");
    }
}

#[tokio::test]
async fn a_call_is_sealed_under_a_nonce_of_its_own() {
    let vault = Vault::new();
    let key = SoftKey::generate().unwrap();
    let public = vault.public("public.pem", &key);
    let peer = Peer::saying(OK).await;
    let identity = vault.with_key(CLIENT_ID, &key);
    let gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        with_gcm(settings, &vault, Mode::Sign, identity);
    })
    .await;
    let input = "{\"data\":{\"psn_no\": \"甲\"}}";
    let body = format!("{{\"infno\":\"1101\",\"msgid\":\"m1\",\"input\": {input} }}");
    for _ in 0..2 {
        assert_eq!(gate.call("/x/1101", &body).await.body, b"{\"infcode\":0}");
    }
    let mut nonces = Vec::new();
    for sent in peer.requests() {
        let left: Value = serde_json::from_slice(&sent.body).unwrap();
        let stored = BASE64_STANDARD.decode(left["input"].as_str().unwrap()).unwrap();
        assert_eq!(stored, by_openssl(CLIENT_ID, &stored[..12], input.as_bytes()), "openssl seals it alike");
        let cainfo = BASE64_STANDARD.decode(left["cainfo"].as_str().unwrap()).unwrap();
        assert!(openssl_verifies(&vault, &public, USER_ID, input.as_bytes(), &der_of(&cainfo)));
        assert_eq!((&left["signtype"], &left["enc_type"]), (&json!("SM2"), &json!("SM4")));
        nonces.push(stored[..12].to_vec());
    }
    assert_ne!(nonces[0], nonces[1], "the same text is sealed under another nonce");
    sent_as_declared(&intent(&gate, "1101"), &peer.requests()[0]);
}

/// A settlement's `input` as a HIS seals it; `spoil` may change the sealed bytes.
fn sealed_bill(key: &SoftKey, msgid: &str, spoil: impl FnOnce(&mut Vec<u8>)) -> String {
    let input = r#"{"data":{"psn_no":"P1","mdtrt_id":"D1","chrg_bchno":"B1"}}"#;
    let cainfo = BASE64_STANDARD.encode(sm2::sign(key, USER_ID.as_bytes(), input.as_bytes()).unwrap());
    let mut stored = by_openssl(CLIENT_ID, b"twelve bytes", input.as_bytes());
    spoil(&mut stored);
    json!({"infno": "2207", "msgid": msgid, "mdtrtarea_admvs": "220100", "insuplc_admdvs": "220100",
        "fixmedins_code": his::HOSPITAL, "cainfo": cainfo, "input": BASE64_STANDARD.encode(stored)})
    .to_string()
}

/// A granted settlement as a platform seals it.
fn sealed_reply(key: &SoftKey, spoil: impl FnOnce(&mut Vec<u8>)) -> String {
    let output = r#"{"setlinfo":{"setl_id":"S1","medins_setl_id":"H990000000012024010203000001"}}"#;
    let cainfo = BASE64_STANDARD.encode(sm2::sign(key, USER_ID.as_bytes(), output.as_bytes()).unwrap());
    let mut stored = by_openssl(CLIENT_ID, b"another one.", output.as_bytes());
    spoil(&mut stored);
    let output = BASE64_STANDARD.encode(stored);
    let body =
        format!(r#"{{"cainfo":"{cainfo}","err_msg":"成功","infcode":"0","output":"{output}","signtype":"SM2"}}"#);
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const M1: &str = "H990000000012024010203000001";

#[tokio::test]
async fn one_changed_bit_of_a_sealed_call_or_answer_is_found() {
    let (key, platform) = (SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
    for (spoils, confirmed) in [(false, true), (true, false)] {
        let vault = Vault::new();
        let identity = keys::Settings {
            public_key_file: vault.public("his.pem", &key),
            platform_key_file: vault.public("platform.pem", &platform),
            ..vault.with_key(CLIENT_ID, &key)
        };
        let reply = sealed_reply(&platform, |stored| stored[20] ^= u8::from(spoils));
        let peer = Peer::saying(reply.as_str()).await;
        let gate = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
            with_gcm(settings, &vault, Mode::Pass, identity);
            let client = settings.client.get_mut("default").unwrap();
            (client.verify, client.identity) = (Verify::Refuse, "site".to_owned());
        })
        .await;
        for spoiled in [0, 12, 40] {
            let body = sealed_bill(&key, M1, |stored| stored[spoiled] ^= 1);
            let heard = String::from_utf8(gate.call(his::URL, &body).await.body).unwrap();
            assert!(heard.contains("【网关未发送】") && heard.contains("GW602"), "{heard}");
        }
        assert!(peer.requests().is_empty());
        let heard = gate.call(his::URL, &sealed_bill(&key, M1, |_| {})).await;
        let intent = &gate.records_of(Kind::Intent)[0];
        assert_eq!(intent.facts.text_of(Fact::MdtrtId), Some("D1"), "what is sealed was read");
        let outcome = &gate.records_of(Kind::Outcome)[0];
        if confirmed {
            assert_eq!(outcome.header.outcome, Outcome::Confirmed as u8);
            assert_eq!(heard.body, reply.split_once("\r\n\r\n").unwrap().1.as_bytes(), "bytes pass");
        } else {
            let cause = outcome.header.cause;
            assert_eq!((outcome.header.outcome, cause), (Outcome::Unknown as u8, Cause::WrongSignature as u8));
            assert!(String::from_utf8(heard.body).unwrap().contains("【结果未知】"));
        }
    }
}

#[tokio::test]
async fn the_stand_in_opens_and_seals_it_and_says_what_it_expects() {
    let tongue = tongue("jilin");
    let site = Site::of(tongue);
    let province = site.province(tongue, |terms| terms.cipher = Cipher::Gcm);
    let stand_in = platform::Settings { province: Some(province.into()), ..platform::Settings::default() };
    let (vault, identity) = (&site.vault, site.identity.clone());
    let gate = TestGateway::before_sandbox(stand_in, |settings| with_gcm(settings, vault, Mode::Sign, identity)).await;
    let mut desk = Desk::new(tongue, Form::SealedInput, false, vault);
    registered(&gate, &mut desk).await;
    granted(&gate, &mut desk, "2204", "B1", "").await;
    assert!(gate.records_of(Kind::Outcome).iter().all(|one| one.header.outcome == Outcome::Confirmed as u8));

    // A HIS that seals by itself, in the mode of the manual and not of this platform.
    let gate = site.gate(tongue, Mode::Pass, |terms| terms.cipher = Cipher::Gcm).await;
    let mut desk = Desk::new(tongue, Form::SealedInput, true, vault);
    desk.token = token(&gate);
    let input = desk.input("1101", "", "");
    let message = desk.wrap("1101", &input);
    let heard = crate::provinces::send(&gate, &message).await;
    let said = String::from_utf8(heard.body).unwrap();
    assert!(said.contains("input 解不开") && said.contains("GCM，12 字节随机数"), "{said}");
}

#[test]
fn sign_explains_its_parts() {
    let vault = Vault::new();
    let key = SoftKey::generate().unwrap();
    let identity = vault.with_key(CLIENT_ID, &key);
    let profiles = vault.folder("profiles", "gcm.toml", PROFILE);
    let site = vault.keep("site.toml", &format!("[gateway]\nprofiles = \"{}\"\n", profiles.display()));
    let file = vault.keep("body.json", "{\"infno\":\"2601\",\"input\":{\"data\":{}}}");
    let explained = |nonce: &str| {
        let output = run(medgate(&[
            "sign",
            "--explain",
            &file,
            "--config",
            &site,
            "--profile",
            "gcm",
            "--account",
            CLIENT_ID,
            "--key-file",
            &identity.key_file,
            "--passphrase-file",
            &identity.passphrase_file,
            "--at",
            "1700000000",
            "--nonce",
            nonce,
        ]));
        let text = said(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("GCM: nonce of 12 bytes, ciphertext, tag of 16 bytes"), "{text}");
        let body: Value = serde_json::from_str(text.lines().rfind(|line| line.starts_with('{')).unwrap()).unwrap();
        body["input"].clone()
    };
    assert_eq!(explained("abc"), explained("abc"), "the same time and nonce make the same text");
    assert_ne!(explained("abc"), explained("abd"));
}
