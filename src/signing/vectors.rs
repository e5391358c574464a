//! Every vector of the specification (`tests/data/vectors.json`) that this folder computes.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::apply::Now;
use super::canonical::signing_text;
use super::credentials::Credentials;
use super::headers::{Csb, XCa, csb, csb_is_doubled, tif};
use super::members::{Body, changed};
use super::sm2::{RawSignature, Signer, SoftKey, Verifier, der, sign};
use super::{apply, check, digest, mobile, open, sm4};
use crate::domain::scan::{Scanner, View, Wanted};
use crate::domain::terms::{Canonical, Form, Terms};

fn vectors() -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../tests/data/vectors.json")).unwrap();
    all["vectors"].as_array().unwrap().clone()
}

fn one(id: &str) -> Value {
    vectors().into_iter().find(|vector| vector["id"] == id).unwrap()
}

fn text<'a>(vector: &'a Value, side: &str, name: &str) -> &'a str {
    vector[side][name].as_str().unwrap_or_else(|| panic!("{} has no {side}.{name}", vector["id"]))
}

fn bytes(vector: &Value, side: &str, name: &str) -> Vec<u8> {
    hex::decode(text(vector, side, name)).unwrap()
}

#[test]
fn every_kind_of_vector_has_a_test_here() {
    const TESTED: [&str; 15] = [
        "sm4-block",
        "sm4-block-iterated",
        "sm3",
        "hmac-sm3",
        "sm2-sign-fixed-nonce",
        "sm2-verify",
        "sm2-keypair",
        "mobile-pay-sm4-key",
        "mobile-pay-canonical+encrypt",
        "mobile-pay-canonical-divergence",
        "mobile-pay-sign+encrypt",
        "mobile-pay-decrypt",
        "x-tif-signature",
        "csb-_api_signature",
        "fsi-envelope-sm2-sm4",
    ];
    for vector in vectors() {
        let kind = vector["kind"].as_str().unwrap();
        assert!(TESTED.contains(&kind) || kind == "x-ca-signature", "{kind}");
    }
}

#[test]
fn primitives() {
    use sm3::{Digest, Sm3};
    let block = one("prim-sm4-1");
    let key: sm4::Key = bytes(&block, "inputs", "key_hex").try_into().unwrap();
    let plain = bytes(&block, "inputs", "plaintext_hex");
    let encrypted = sm4::encrypt_ecb(&key, &plain);
    assert_eq!(encrypted[..16], bytes(&block, "expected", "ciphertext_hex"));
    let abc = one("prim-sm3-1");
    assert_eq!(Sm3::digest(text(&abc, "inputs", "message_ascii")).as_slice(), bytes(&abc, "expected", "digest_hex"));
    let mac = one("prim-hmac-sm3-1");
    use hmac::{Hmac, KeyInit, Mac};
    let mut hmac = Hmac::<Sm3>::new_from_slice(&bytes(&mac, "inputs", "key_hex")).unwrap();
    hmac.update(text(&mac, "inputs", "message_ascii").as_bytes());
    assert_eq!(hmac.finalize().into_bytes().as_slice(), bytes(&mac, "expected", "mac_hex"));
}

#[test]
fn sm4_a_million_times() {
    use ::sm4::Sm4;
    use ::sm4::cipher::{BlockCipherEncrypt, KeyInit};
    let vector = one("prim-sm4-2");
    let cipher = Sm4::new_from_slice(&bytes(&vector, "inputs", "key_hex")).unwrap();
    let mut block: [u8; 16] = bytes(&vector, "inputs", "plaintext_hex").try_into().unwrap();
    (0..1_000_000).for_each(|_| cipher.encrypt_block((&mut block).into()));
    assert_eq!(block, *bytes(&vector, "expected", "ciphertext_hex"));
}

#[test]
fn standard_signature_identity_and_both_encodings() {
    let vector = one("prim-sm2-sign-1");
    let key = SoftKey::parse(text(&vector, "inputs", "private_key_hex")).unwrap();
    let verifier = Verifier::parse(text(&vector, "expected", "public_key_uncompressed_hex")).unwrap();
    assert_eq!(key.public(), verifier.public());
    let (id, message) = (text(&vector, "inputs", "user_id_ascii").as_bytes(), text(&vector, "inputs", "message_ascii"));
    assert_eq!(digest::identity(id, &key.public()).unwrap().as_slice(), bytes(&vector, "expected", "Z_A_hex"));
    let raw: RawSignature = BASE64_STANDARD.decode(text(&vector, "expected", "rs_base64")).unwrap().try_into().unwrap();
    let in_der = BASE64_STANDARD.decode(text(&vector, "expected", "der_base64")).unwrap();
    assert!(verifier.verifies(id, message.as_bytes(), &raw) && verifier.verifies(id, message.as_bytes(), &in_der));
    assert_eq!(der(&raw).unwrap(), in_der);
    // The crate does not take a nonce from outside: our own signatures are only verified.
    let own = sign(&key, id, message.as_bytes()).unwrap();
    assert!(verifier.verifies(id, message.as_bytes(), &own) && own != sign(&key, id, message.as_bytes()).unwrap());
}

#[test]
fn signatures_of_others() {
    let vector = one("sm2-verify-openssl");
    let verifier = Verifier::parse(text(&vector, "inputs", "public_key_uncompressed_hex")).unwrap();
    let message = text(&vector, "inputs", "message_utf8").as_bytes();
    assert!(verifier.verifies(digest::DEFAULT_USER_ID, message, &bytes(&vector, "inputs", "signature_rs_hex")));
    let site = one("public-site-signature");
    let verifier = Verifier::parse(text(&site, "inputs", "public_key_base64")).unwrap();
    let signature = BASE64_STANDARD.decode(text(&site, "inputs", "signature_rs_base64")).unwrap();
    let signed = text(&site, "inputs", "sign_string_utf8");
    assert!(verifier.verifies(digest::DEFAULT_USER_ID, signed.as_bytes(), &signature));
    assert!(!verifier.verifies(b"another", signed.as_bytes(), &signature));
    let data = &site["inputs"]["data_before_canonicalisation"];
    let body = format!(
        r#"{{"appCode":"{}","data":{data},"encType":"SM4","signType":"SM2","timestamp":"1739624111","version":"1.0.0"}}"#,
        text(&site, "inputs", "appCode")
    );
    let made = signing_text(Canonical::FirstLevelTexts, &body, text(&site, "inputs", "appSecret")).unwrap();
    assert_eq!(made.as_str(), signed);
}

#[test]
fn key_pairs() {
    let pairs: Vec<Value> = vectors().into_iter().filter(|vector| vector["kind"] == "sm2-keypair").collect();
    assert!(pairs.len() >= 2);
    for pair in pairs.iter().chain([&one("public-site-signature")]) {
        let key = SoftKey::parse(text(pair, "inputs", "private_key_base64")).unwrap();
        assert_eq!(key.public(), Verifier::parse(text(pair, "inputs", "public_key_base64")).unwrap().public());
    }
}

#[test]
fn malformed_signatures_and_keys_never_pass() {
    let vector = one("prim-sm2-sign-1");
    let verifier = Verifier::parse(text(&vector, "expected", "public_key_uncompressed_hex")).unwrap();
    let n = hex::decode("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123").unwrap();
    let (r, s) = (bytes(&vector, "expected", "r_hex"), bytes(&vector, "expected", "s_hex"));
    let zero = [0; 32];
    let plus_n = |scalar: &[u8]| {
        let mut sum = [0; 33];
        let mut carry = 0;
        for at in (0..32).rev() {
            carry += u16::from(scalar[at]) + u16::from(n[at]);
            sum[at + 1] = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        sum[0] = carry.to_le_bytes()[0];
        sum
    };
    let less = |scalar: &[u8]| {
        let (mut rest, mut borrow) = ([0; 32], 0);
        for at in (0..32).rev() {
            let digit = 256 + u16::from(n[at]) - u16::from(scalar[at]) - borrow;
            (rest[at], borrow) = (digit.to_le_bytes()[0], u16::from(digit < 256));
        }
        rest
    };
    let der_of = |r: &[u8], s: &[u8]| {
        let int = |scalar: &[u8]| [&[2, scalar.len() as u8 + 1, 0], scalar].concat();
        let both = [int(r), int(s)].concat();
        [&[0x30, both.len() as u8], both.as_slice()].concat()
    };
    let shifted = [&s[..], &zero].concat();
    for signature in [
        [&zero[..], &s].concat(),
        [&r[..], &zero].concat(),
        [&n[..], &s].concat(),
        [&r[..], &n].concat(),
        der_of(&r, &plus_n(&s)),
        der_of(&plus_n(&r), &s),
        der_of(&r, &shifted),         // (r, s·2^256): a forgery that other libraries take
        [&r[..], &less(&r)].concat(), // r + s = n
        [&r[..], &s, &[0]].concat(),
        r.clone(),
        Vec::new(),
    ] {
        assert!(
            !verifier.verifies(digest::DEFAULT_USER_ID, b"message digest", &signature),
            "{}",
            hex::encode(signature)
        );
    }
    for private in ["", "00", &hex::encode(zero), &hex::encode(&n), "ZZ", &"ff".repeat(32)] {
        assert!(SoftKey::parse(private).is_err(), "{private}");
    }
    for public in ["", "04", &"00".repeat(64), &"ff".repeat(64), &format!("05{}", "00".repeat(64))] {
        assert!(Verifier::parse(public).is_err(), "{public}");
    }
}

/// The forgery that other libraries take for good: s is a multiple of 2^256, so that s·G looks like nothing, and r is made to fit.
#[test]
fn nobody_signs_with_a_public_key_alone() {
    use ::sm2::elliptic_curve::PrimeField;
    use ::sm2::elliptic_curve::ops::Reduce;
    use ::sm2::elliptic_curve::point::AffineCoordinates;
    use ::sm2::{FieldBytes, ProjectivePoint, PublicKey, Scalar};
    let vector = one("prim-sm2-sign-1");
    let tagged = bytes(&vector, "expected", "public_key_uncompressed_hex");
    let verifier = Verifier::parse(&hex::encode(&tagged)).unwrap();
    let reduced = |bytes: &[u8; 32]| Scalar::reduce(&FieldBytes::from(*bytes));
    let message = b"FORGED: pay 1,000,000";
    let identity = digest::identity(digest::DEFAULT_USER_ID, &verifier.public()).unwrap();
    let e = reduced(&digest::message(&identity, message));
    // t = r + s = 1, so that the verifier's point is s·G + 1·P; it must be G + P.
    let public = PublicKey::from_sec1_bytes(&tagged).unwrap().to_projective();
    let point = (ProjectivePoint::GENERATOR + public).to_affine();
    let r = e + reduced(&point.x().into());
    let two_to_256 = (0..256).fold(Scalar::ONE, |power, _| power.double());
    let m = (Scalar::ONE - r) * two_to_256.invert().unwrap();
    let number = |scalar: &Scalar| scalar.to_repr().to_vec();
    let shifted = [number(&m).as_slice(), &[0; 32]].concat();
    let int = |scalar: &[u8]| [&[2, scalar.len() as u8 + 1, 0], scalar].concat();
    let both = [int(&number(&r)), int(&shifted)].concat();
    for head in [vec![0x30, both.len() as u8], vec![0x30, 0x81, both.len() as u8]] {
        assert!(!verifier.verifies(digest::DEFAULT_USER_ID, message, &[head.as_slice(), &both].concat()));
    }
    let reduced_s = (Scalar::ONE - r).to_repr();
    assert!(!verifier.verifies(digest::DEFAULT_USER_ID, message, &[number(&r).as_slice(), &reduced_s].concat()));
}

#[test]
fn mobile_payment() {
    for id in ["mp-key-1", "php-demo-key"] {
        let vector = one(id);
        let key = mobile::key(text(&vector, "inputs", "appId"), text(&vector, "inputs", "appSecret")).unwrap();
        assert_eq!(key, *text(&vector, "expected", "sm4_key_ascii").as_bytes());
    }
    let demo = one("php-demo-key");
    let key = mobile::key(text(&demo, "inputs", "appId"), text(&demo, "inputs", "appSecret")).unwrap();
    assert_eq!(mobile::encrypt(&Terms::default(), &key, [0; 12], b"a"), text(&demo, "expected", "encData_upper_hex"));
    let site = one("public-site-decrypt");
    let key = mobile::key(text(&site, "inputs", "appCode"), text(&site, "inputs", "appSecret")).unwrap();
    let plain = mobile::decrypt(&Terms::default(), &key, text(&site, "inputs", "encData_upper_hex")).unwrap();
    assert_eq!(String::from_utf8(plain).unwrap(), text(&site, "expected", "plaintext_utf8"));
    assert!(mobile::key("short", "x").is_err() && mobile::decrypt(&Terms::default(), &key, "xx").is_err());
}

#[test]
fn canonical_forms() {
    let secret = |vector: &Value| text(vector, "inputs", "appSecret").to_owned();
    let kept = one("mp-canon-numbers-kept");
    let made = signing_text(Canonical::Kept, &kept["inputs"]["body"].to_string(), &secret(&kept)).unwrap();
    assert_eq!(made.as_str(), text(&kept, "expected", "sign_string_utf8"));
    let two = one("mp-canon-two-profiles");
    let body = two["inputs"]["body"].to_string();
    for (form, name) in
        [(Canonical::Kept, "profile_A_numbers_kept"), (Canonical::Texts, "profile_B_scalars_as_strings")]
    {
        assert_eq!(signing_text(form, &body, &secret(&two)).unwrap().as_str(), text(&two, "expected", name));
    }
    let full = one("mp-full-message");
    let made = signing_text(Canonical::Kept, &full["inputs"]["body"].to_string(), &secret(&full)).unwrap();
    assert_eq!(made.as_str(), text(&full, "expected", "sign_string_utf8"));
    let key = SoftKey::parse(text(&full, "inputs", "private_key_hex")).unwrap();
    let signature = BASE64_STANDARD.decode(text(&full, "expected", "signData_rs_base64")).unwrap();
    let verifier = Verifier::parse(&hex::encode(key.public())).unwrap();
    assert!(verifier.verifies(digest::DEFAULT_USER_ID, made.as_bytes(), &signature));
    // The sender's digits stand in the text, whatever a JSON library would make of them.
    let digits = signing_text(Canonical::Kept, r#"{"data":{"sum":1.10,"big":12345678901234567890.50}}"#, "k").unwrap();
    assert_eq!(digits.as_str(), r#"data={"big":12345678901234567890.50,"sum":1.10}&key=k"#);
    for (body, form) in
        [("[]", Canonical::Kept), ("{", Canonical::Kept), (r#"{"data":{"rows":[null]}}"#, Canonical::Texts)]
    {
        assert!(signing_text(form, body, "k").is_err(), "{body}");
    }
    let deep = format!("{{\"data\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    assert!(signing_text(Canonical::Kept, &deep, "k").is_err());
}

#[test]
fn header_signatures() {
    for vector in vectors().iter().filter(|vector| vector["kind"] == "x-tif-signature") {
        let at = text(vector, "inputs", "timestamp");
        let signed = tif("account", text(vector, "inputs", "secret"), at, text(vector, "inputs", "nonce"));
        assert!(signed.is(text(vector, "expected", "x-tif-signature")), "{}", vector["id"]);
        assert!(!signed.is("") && !signed.is(&"0".repeat(64)));
    }
    for vector in vectors().iter().filter(|vector| vector["kind"] == "csb-_api_signature") {
        let headers = &vector["inputs"]["headers"];
        let of = |name: &str| headers[name].as_str().unwrap();
        let call = Csb {
            access_key: of("_api_access_key"),
            name: of("_api_name"),
            version: of("_api_version"),
            timestamp: of("_api_timestamp"),
        };
        let form: Vec<(String, String)> = vector["inputs"]["form"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let signed = csb(call, text(vector, "inputs", "secret_key").as_bytes(), &form);
        assert!(signed.is(text(vector, "expected", "_api_signature")), "{}", vector["id"]);
        if let Some(expected) = vector["expected"]["string_to_sign"].as_str() {
            assert_eq!(String::from_utf8_lossy(&signed.text), expected);
        }
        let secret_key = text(vector, "inputs", "secret_key").as_bytes();
        assert!(!csb_is_doubled(&signed, secret_key, signed.signature()));
    }
    let vector = one("zhejiang-x-ca-signature");
    let mut covering = XCa::at(text(&vector, "inputs", "unix_timestamp"), text(&vector, "inputs", "secret").as_bytes());
    text(&vector, "inputs", "body_utf8").as_bytes().chunks(7).for_each(|chunk| covering.covers(chunk));
    let signed = covering.sign("H00000000001");
    assert!(signed.is(text(&vector, "expected", "x-ca-signature")));
}

#[test]
fn jilin_envelope() {
    let vector = one("jilin-envelope");
    let signer = SoftKey::parse(text(&vector, "inputs", "private_key_hex")).unwrap();
    let public = Verifier::parse(&hex::encode(signer.public())).unwrap();
    let by = Credentials {
        account: text(&vector, "inputs", "sm4_key_ascii").to_owned(),
        signer: Some(Arc::new(signer)),
        public: Some(public.clone()),
        platform: Some(public.clone()),
        ..Credentials::default()
    };
    let terms = Terms { form: Form::SealedInput, ..Terms::default() };
    let key = by.cipher_key(&terms).unwrap().unwrap();
    let (plain, sealed) = (text(&vector, "inputs", "input_json_utf8"), text(&vector, "expected", "input_base64"));
    let whole = |input: &str| format!(r#"{{"infno":"2601","cainfo":"","input":{input},"n":1.50}}"#);

    // What others made is opened and believed.
    let cainfo = text(&vector, "expected", "cainfo_rs_base64");
    let theirs = whole(&format!("\"{sealed}\"")).replace(r#""cainfo":"""#, &format!("\"cainfo\":\"{cainfo}\""));
    let view = scanned(&theirs);
    let body = Body { bytes: theirs.as_bytes(), view: &view };
    let opened = open::member(&terms, &key, body, "input").unwrap();
    assert_eq!(opened.as_slice(), plain.as_bytes());
    assert!(check::text_is_signed(&terms, &public, &opened, cainfo));
    let output = text(&vector, "expected", "response_output_base64");
    let reply = format!(r#"{{"infcode":"0","output":"{output}"}}"#);
    let view = scanned(&reply);
    let opened = open::member(&terms, &key, Body { bytes: reply.as_bytes(), view: &view }, "output").unwrap();
    assert_eq!(opened.as_slice(), text(&vector, "inputs", "response_output_plaintext").as_bytes());

    // What we make has the same ciphertext, and a signature of the same key.
    let ours = whole(plain);
    let view = scanned(&ours);
    let made =
        apply::sealed(&terms, &by, Body { bytes: ours.as_bytes(), view: &view }, &Now::default()).unwrap().unwrap();
    let left: Value = serde_json::from_slice(&changed(ours.as_bytes(), &made.changes)).unwrap();
    assert_eq!(
        (left["input"].as_str(), left["signtype"].as_str(), left["enc_type"].as_str()),
        (Some(sealed), Some("SM2"), Some("SM4"))
    );
    assert!(check::text_is_signed(&terms, &public, plain.as_bytes(), left["cainfo"].as_str().unwrap()));
}

fn scanned(text: &str) -> View {
    let mut scanner = Scanner::new(Arc::new(Wanted::new([])), None, None);
    scanner.feed(text.as_bytes());
    scanner.finish()
}
