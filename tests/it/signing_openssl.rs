//! SM2, SM3, SM4 and key files against the openssl program, both ways, with tampered and malformed input.

use std::path::Path;

use medgate::keys::load::one;
use medgate::keys::source::Sources;
use medgate::keys::{self, store};
use medgate::signing::sm2::{self, KeyError, Signer, SoftKey, Verifier};
use medgate::signing::{pem, sm4};
use sm3::{Digest, Sm3};

use crate::signing_rig::{PASSPHRASE, USER_ID, Vault, der_of, openssl, openssl_signs, openssl_verifies, try_openssl};

const IDS: [&str; 3] = [USER_ID, "ALICE123@YAHOO.COM", "吉林医保"];

/// Some thousand bytes that are no text.
fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * at % 251) as u8).collect()
}

#[test]
fn signatures_are_believed_both_ways_and_tampered_ones_are_not() {
    let vault = Vault::new();
    for (nth, id) in IDS.into_iter().enumerate() {
        let key = SoftKey::generate().unwrap();
        let public = vault.public(&format!("public{nth}.pem"), &key);
        let file = vault.path(&format!("key{nth}.pem"));
        store::write(&file, &key, PASSPHRASE).unwrap();
        let verifier = Verifier::of(&key.public()).unwrap();
        for len in [1, 32, 4096] {
            let message = noise(len);
            let ours = sm2::sign(&key, id.as_bytes(), &message).unwrap();
            let in_der = sm2::der(&ours).unwrap();
            assert_eq!(in_der, der_of(&ours));
            assert!(openssl_verifies(&vault, &public, id, &message, &in_der), "openssl does not believe ours, {id}");
            assert!(!openssl_verifies(&vault, &public, "another id", &message, &in_der));
            let theirs = openssl_signs(&vault, &file, id, &message);
            assert!(verifier.verifies(id.as_bytes(), &message, &theirs), "we do not believe openssl, {id}");
            assert!(!verifier.verifies(b"another id", &message, &theirs));
            assert!(!verifier.verifies(id.as_bytes(), &noise(len + 1), &theirs));
            for at in 0..theirs.len() {
                let mut changed = theirs.clone();
                changed[at] ^= 1;
                assert!(!verifier.verifies(id.as_bytes(), &message, &changed), "byte {at} of {}", hex::encode(&theirs));
            }
            for cut in 0..theirs.len() {
                assert!(!verifier.verifies(id.as_bytes(), &message, &theirs[..cut]));
            }
        }
    }
}

#[test]
fn digests_and_ciphers_agree_at_every_length() {
    let (key, iv) = (*b"0123456789ABCDEF", [7; 16]);
    let (key_hex, iv_hex) = (hex::encode(key), hex::encode(iv));
    for len in [0, 1, 15, 16, 17, 55, 56, 63, 64, 65, 1000] {
        let text = noise(len);
        assert_eq!(openssl(&["dgst", "-sm3", "-binary"], &text), Sm3::digest(&text).as_slice(), "{len}");
        let ecb = ["enc", "-sm4-ecb", "-K", &key_hex];
        let cbc = ["enc", "-sm4-cbc", "-K", &key_hex, "-iv", &iv_hex];
        assert_eq!(openssl(&ecb, &text), sm4::encrypt_ecb(&key, &text), "{len}");
        assert_eq!(openssl(&cbc, &text), sm4::encrypt_cbc(&key, &iv, &text), "{len}");
        let (theirs_ecb, theirs_cbc) = (openssl(&ecb, &text), openssl(&cbc, &text));
        assert_eq!(sm4::decrypt_ecb(&key, &theirs_ecb).unwrap(), text);
        assert_eq!(sm4::decrypt_cbc(&key, &iv, &theirs_cbc).unwrap(), text);
        // What is changed is refused by both or read alike by both: neither mode is authenticated.
        let mut changed = theirs_ecb.clone();
        *changed.last_mut().unwrap() ^= 1;
        let (good, out, _) = try_openssl(&["enc", "-d", "-sm4-ecb", "-K", &key_hex], &changed);
        assert_eq!(sm4::decrypt_ecb(&key, &changed).ok(), good.then_some(out));
        assert!(
            sm4::decrypt_ecb(&key, &theirs_ecb[1..]).is_err() && sm4::decrypt_cbc(&key, &iv, &theirs_cbc[1..]).is_err()
        );
    }
}

/// The public key that openssl sees in a private key file.
fn public_by_openssl(file: &Path) -> [u8; 64] {
    let pass = format!("pass:{PASSPHRASE}");
    let pem = openssl(&["pkey", "-in", file.to_str().unwrap(), "-passin", &pass, "-pubout"], b"");
    pem::public(std::str::from_utf8(&pem).unwrap()).unwrap().public()
}

fn plain_key(vault: &Vault, name: &str, curve: &str) -> String {
    let pem = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")], b"");
    vault.keep(name, std::str::from_utf8(&pem).unwrap())
}

#[test]
fn key_files_are_read_and_written_both_ways() {
    let vault = Vault::new();
    let key = SoftKey::generate().unwrap();
    let ours = vault.path("ours.pem");
    store::write(&ours, &key, PASSPHRASE).unwrap();
    assert_eq!(public_by_openssl(&ours), key.public());
    let text = std::fs::read_to_string(&ours).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "{text}");

    let plain = plain_key(&vault, "plain.pem", "SM2");
    let expected = public_by_openssl(Path::new(&plain));
    let pass = format!("pass:{PASSPHRASE}");
    for how in [
        &["-v2", "aes-256-cbc"][..],
        &["-v2", "aes-128-cbc"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
        &["-v2", "aes-256-cbc", "-iter", "600000"],
        &["-scrypt"],
    ] {
        let pem = openssl(&[&["pkcs8", "-topk8", "-in", &plain, "-passout", &pass], how].concat(), b"");
        let text = String::from_utf8(pem).unwrap();
        let read = SoftKey::from_encrypted_pem(&text, PASSPHRASE.as_bytes())
            .unwrap_or_else(|error| panic!("{how:?}: {error}"));
        assert_eq!(read.public(), expected, "{how:?}");
        assert_eq!(SoftKey::from_encrypted_pem(&text, b"another").unwrap_err(), KeyError::Passphrase, "{how:?}");
    }
    // Of so many wrong passphrases some give a good padding by chance.
    let quick = ["pkcs8", "-topk8", "-in", &plain, "-passout", &pass, "-v2", "aes-256-cbc", "-iter", "1"];
    let text = String::from_utf8(openssl(&quick, b"")).unwrap();
    for wrong in 0..2_000 {
        let opened = SoftKey::from_encrypted_pem(&text, format!("wrong {wrong}").as_bytes());
        assert_eq!(opened.unwrap_err(), KeyError::Passphrase, "wrong {wrong}");
    }
    let text = std::fs::read_to_string(&plain).unwrap();
    assert_eq!(SoftKey::from_plain_pem(&text).unwrap().public(), expected);
    assert_eq!(SoftKey::from_encrypted_pem(&text, b"").unwrap_err(), KeyError::NotEncrypted);
    let sec1 = String::from_utf8(openssl(&["ec", "-in", &plain], b"")).unwrap();
    assert!(sec1.contains("BEGIN EC PRIVATE KEY") || sec1.contains("BEGIN SM2 PRIVATE KEY"), "{sec1}");
    assert_eq!(SoftKey::from_plain_pem(&sec1).unwrap().public(), expected);
}

/// A private key in a form that gives itself away when it is printed.
const PRIVATE: &str = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";

#[test]
fn malformed_keys_are_clear_errors_without_a_secret() {
    let vault = Vault::new();
    let pass = format!("pass:{PASSPHRASE}");
    let plain = plain_key(&vault, "plain.pem", "SM2");
    let other_curve = plain_key(&vault, "p256.pem", "P-256");
    let encrypted = |how: &[&str], from: &str| {
        let pem = openssl(&[&["pkcs8", "-topk8", "-in", from, "-passout", &pass], how].concat(), b"");
        String::from_utf8(pem).unwrap()
    };
    let good = encrypted(&["-v2", "aes-256-cbc"], &plain);
    let middle = good.len() / 2;
    let flipped = format!(
        "{}{}{}",
        &good[..middle],
        if good[middle..].starts_with('A') { "B" } else { "A" },
        &good[middle + 1..]
    );
    let n_minus_1 = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122";
    let rows = [
        ("a Base64 key as it is", PRIVATE.to_owned(), "no encrypted private key"),
        ("not encrypted", std::fs::read_to_string(&plain).unwrap(), "not encrypted"),
        ("another curve", encrypted(&["-v2", "aes-256-cbc"], &other_curve), "no SM2 key"),
        ("a cipher that is not known", encrypted(&["-v2", "sm4-cbc"], &plain), "not known here"),
        ("another cipher", encrypted(&["-v2", "des3"], &plain), "not known here"),
        ("cut", good[..middle].to_owned(), "no encrypted private key"),
        ("cut inside", good.replace(&good[middle..middle + 20], ""), ""),
        ("a byte changed", flipped, ""),
        ("empty", String::new(), "no encrypted private key"),
        (
            "a certificate",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            "no encrypted private key",
        ),
        (
            "no Base64",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n!!!!\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned(),
            "",
        ),
        ("no DER", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned(), ""),
    ];
    for (what, text, says) in rows {
        let settings = keys::Settings {
            key_file: vault.keep("key", &text),
            passphrase_file: vault.keep("pass", PASSPHRASE),
            ..keys::Settings::default()
        };
        let troubles = one("x", &settings, &Sources::default()).unwrap_err();
        let said = troubles[0].to_string();
        assert!(troubles.len() == 1 && said.starts_with(&settings.key_file) && said.contains(says), "{what}: {said}");
        assert!(
            !troubles[0].cure.is_empty() && !said.contains(PRIVATE) && !said.contains(PASSPHRASE),
            "{what}: {said}"
        );
    }
    for (what, text) in [
        ("zero", "00".repeat(32)),
        ("the order", "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123".to_owned()),
        ("the order less one", n_minus_1.to_owned()),
        ("beyond the order", "ff".repeat(32)),
        ("33 bytes that do not begin with zero", format!("01{PRIVATE}")),
        ("31 bytes", PRIVATE[2..].to_owned()),
        ("34 bytes", format!("0000{PRIVATE}")),
        ("odd", PRIVATE[1..].to_owned()),
        ("no hex", "Z".repeat(64)),
        ("nothing", String::new()),
    ] {
        let error = SoftKey::parse(&text).map(|_| ()).expect_err(what);
        assert!(text.is_empty() || !error.to_string().contains(&text), "{what}: {error}");
    }
    assert!(SoftKey::parse(&format!("00{PRIVATE}")).is_ok());
    assert_eq!(format!("{:?}", SoftKey::parse(PRIVATE).unwrap()), "SoftKey(***)");
}

#[test]
fn every_trouble_with_an_identity_names_file_and_cure() {
    let vault = Vault::new();
    let (key, other) = (SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
    let good = vault.with_key("a", &key);
    assert!(one("x", &good, &Sources::default()).is_ok());
    let open = vault.keep("open", "x");
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let rows = [
        (keys::Settings { key_file: "/no/such.pem".to_owned(), ..good.clone() }, "/no/such.pem", "medgate keys new"),
        (keys::Settings { key_file: open.clone(), ..good.clone() }, "open", "chmod 400"),
        (keys::Settings { secret_file: open.clone(), ..good.clone() }, "open", "chmod 400"),
        (keys::Settings { passphrase_file: open.clone(), ..good.clone() }, "open", "chmod 400"),
        (
            keys::Settings { passphrase_file: vault.keep("wrong", "another"), ..good.clone() },
            "a.pem",
            "passphrase_file",
        ),
        (keys::Settings { passphrase_file: String::new(), ..good.clone() }, "a.pem", "passphrase_file"),
        (
            keys::Settings { public_key_file: vault.public("other.pem", &other), ..good.clone() },
            "other.pem",
            "name the right one",
        ),
        (
            keys::Settings { platform_key_file: vault.keep("platform", "04zz"), ..good.clone() },
            "platform",
            "65 that begin with 04",
        ),
        (
            keys::Settings { platform_key_file: vault.keep("off", &"11".repeat(64)), ..good.clone() },
            "off",
            "on the curve",
        ),
        (
            keys::Settings { secret_file: "hunter2".to_owned(), ..good.clone() },
            "(a setting)",
            "never the secret itself",
        ),
    ];
    for (settings, file, says) in rows {
        let troubles = one("x", &settings, &Sources::default()).unwrap_err();
        let said = troubles[0].to_string();
        assert!(troubles.len() == 1 && troubles[0].file.ends_with(file) && said.contains(says), "{file}: {troubles:?}");
        assert!(!said.contains("hunter2") && !said.contains(PASSPHRASE), "{said}");
    }
}
