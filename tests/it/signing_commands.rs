//! `medgate keys`, `medgate sign` and what `check` says of identities, as a person at a terminal meets them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use medgate::signing::sm2::{Signer, SoftKey};

use crate::crash_rig::{medgate, run, said};
use crate::signing_rig::{CLIENT_ID, PASSPHRASE, SECRET, USER_ID, Vault, der_of, hmac, openssl, openssl_verifies};

fn ran(arguments: &[&str]) -> Output {
    run(medgate(arguments))
}

fn good(arguments: &[&str]) -> String {
    let output = ran(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn bad(arguments: &[&str], says: &[&str]) {
    let output = ran(arguments);
    let said = said(&output);
    assert!(matches!(output.status.code(), Some(1 | 78)), "{arguments:?}: {said}");
    for part in says {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains(SECRET) && !said.contains(PASSPHRASE) && !said.contains("panicked"), "{said}");
}

#[test]
fn a_key_is_made_shown_and_rotated() {
    let vault = Vault::new();
    let pass = vault.keep("pass", PASSPHRASE);
    let file = vault.path("site.pem");
    let file = file.to_str().unwrap();
    let made = good(&["keys", "new", "--out", file, "--passphrase-file", &pass]);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let public = |text: &str| {
        let hex = text.lines().find_map(|line| line.trim().strip_prefix("hex    ")).unwrap().to_owned();
        assert!(hex.len() == 130 && hex.starts_with("04"), "{hex}");
        hex
    };
    let shown = good(&["keys", "show-public", file, "--passphrase-file", &pass]);
    assert_eq!(public(&made), public(&shown));
    let first = fs::read_to_string(file).unwrap();
    let key = SoftKey::from_encrypted_pem(&first, PASSPHRASE.as_bytes()).unwrap();
    assert_eq!(public(&shown)[2..], hex::encode(key.public()));

    let rotated = good(&["keys", "rotate", file, "--passphrase-file", &pass]);
    assert_ne!(public(&rotated), public(&shown));
    let name = "site.pem.2";
    let old = fs::read_dir(vault.path("")).unwrap().map(|entry| entry.unwrap().path());
    let old = old.into_iter().find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name)).unwrap();
    assert_eq!(fs::read_to_string(&old).unwrap(), first, "the old key stays beside the new one");
    assert_eq!(fs::metadata(&old).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(public(&good(&["keys", "show-public", file, "--passphrase-file", &pass])), public(&rotated));
    bad(&["keys", "rotate", file, "--passphrase-file", &pass], &["rotated today", "cure:"]);
    bad(&["keys", "new", "--out", file, "--passphrase-file", &pass], &["exists already", "rotate"]);
    let wrong = vault.keep("wrong", "another passphrase");
    bad(&["keys", "rotate", file, "--passphrase-file", &wrong], &["passphrase does not open"]);
    bad(&["keys", "show-public", file, "--passphrase-file", &wrong], &["passphrase does not open"]);
    bad(
        &["keys", "new", "--out", vault.path("n").to_str().unwrap(), "--passphrase-file", &vault.keep("short", "x")],
        &["too short"],
    );
}

#[test]
fn a_key_is_imported_from_every_form_it_is_handed_out_in() {
    let vault = Vault::new();
    let pass = vault.keep("pass", PASSPHRASE);
    let private = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8";
    let bytes = hex::decode(private).unwrap();
    let expected = hex::encode(SoftKey::parse(private).unwrap().public());
    let encrypted = SoftKey::parse(private).unwrap().to_encrypted_pem(b"old passphrase").unwrap();
    let plain = {
        let file = vault.keep("encrypted.pem", &encrypted);
        String::from_utf8(openssl(&["pkey", "-in", &file, "-passin", "pass:old passphrase"], b"")).unwrap()
    };
    let forms = [
        ("hex", private.to_owned()),
        ("lower hex with a line end", format!("{}\r\n", private.to_lowercase())),
        ("33 bytes", format!("00{private}")),
        ("base64", BASE64_STANDARD.encode(&bytes)),
        ("base64 of 33 bytes", BASE64_STANDARD.encode([&[0], bytes.as_slice()].concat())),
        ("PKCS#8", plain),
        ("encrypted", encrypted.to_string()),
    ];
    for (nth, (what, text)) in forms.iter().enumerate() {
        let (from, out) = (vault.keep("from", text), vault.path(&format!("{nth}.pem")));
        let opens = vault.keep("opens", "old passphrase");
        let arguments = [
            "keys",
            "import",
            "--in",
            &from,
            "--out",
            out.to_str().unwrap(),
            "--passphrase-file",
            &pass,
            "--in-passphrase-file",
            &opens,
        ];
        let text = good(&arguments);
        assert!(text.contains(&expected), "{what}: {text}");
        assert!(!text.to_uppercase().contains(private), "{what}: {text}");
        let imported = fs::read_to_string(&out).unwrap();
        assert_eq!(
            hex::encode(SoftKey::from_encrypted_pem(&imported, PASSPHRASE.as_bytes()).unwrap().public()),
            expected
        );
    }
    let nonsense = vault.keep("nonsense", "not a key of any kind");
    bad(
        &[
            "keys",
            "import",
            "--in",
            &nonsense,
            "--out",
            vault.path("x.pem").to_str().unwrap(),
            "--passphrase-file",
            &pass,
        ],
        &["a key is Base64 or hex", "cure:"],
    );
    assert!(!vault.path("x.pem").exists());
}

/// What stands behind a heading, up to the next empty line.
fn behind<'t>(text: &'t str, heading: &str) -> &'t str {
    let from = text.find(heading).unwrap_or_else(|| panic!("no {heading} in {text}"));
    let rest = &text[from..];
    let rest = &rest[rest.find('\n').unwrap() + 1..];
    rest.split("\n\n").next().unwrap()
}

#[test]
fn every_step_of_a_header_signature_is_explained_and_the_secret_is_not_shown() {
    let vault = Vault::new();
    let secret = vault.keep("secret", SECRET);
    let body = "{\"infno\":\"2207\",\"input\":{\"data\":{\"psn_no\":\"甲\"}}}";
    let file = vault.keep("body.json", body);
    let explained = |profile: &str| {
        let at = ["--at", "1700000000", "--nonce", "abc123", "--account", "acc", "--secret-file", &secret];
        let text = good(&[&["sign", "--explain", &file, "--profile", profile], &at[..]].concat());
        assert!(!text.contains(SECRET), "{text}");
        text
    };
    let text = explained("guangdong");
    assert_eq!(behind(&text, "1. signed text"), "1700000000***abc1231700000000");
    let digest =
        hex::encode(openssl(&["dgst", "-sha256", "-binary"], format!("1700000000{SECRET}abc1231700000000").as_bytes()));
    assert_eq!(behind(&text, "2. SHA-256"), digest);
    assert!(text.contains(&format!("x-tif-nonce: abc123\nx-tif-signature: {digest}\n")), "{text}");

    let text = explained("jiangxi");
    let signed = behind(&text, "1. signed text");
    assert_eq!(signed, "_api_access_key=acc&_api_name=hsa-fsi-2207&_api_timestamp=1700000000000&_api_version=1.0.0");
    assert!(
        text.contains(&format!("_api_signature: {}\n", BASE64_STANDARD.encode(hmac("sha1", signed.as_bytes())))),
        "{text}"
    );

    let text = explained("zhejiang");
    let signed = behind(&text, "1. signed text");
    assert_eq!(signed, format!("1700000000\n{body}"));
    let mac = hex::encode_upper(hmac("sm3", signed.as_bytes()));
    assert!(text.contains(&format!("x-ca-signature: 1700000000:{mac}\n")), "{text}");

    // A request with a signature of its own is compared with what we would make of the same time and nonce.
    let request = format!(
        "POST /hsa/hgs/2207 HTTP/1.1\r\nHost: p\r\nx-tif-paasid: acc\r\nx-tif-timestamp: 1600000000\r\nx-tif-nonce: n\r\nx-tif-signature: {}\r\n\r\n{body}",
        hex::encode(openssl(&["dgst", "-sha256", "-binary"], format!("1600000000{SECRET}n1600000000").as_bytes()))
    );
    for (request, says) in
        [(request.clone(), "good 正确"), (request.replace("signature: ", "signature: 0"), "wrong signature")]
    {
        let file = vault.keep("request.http", &request);
        let text =
            good(&["sign", "--explain", &file, "--profile", "guangdong", "--account", "acc", "--secret-file", &secret]);
        assert!(text.contains(&format!("原签名  {says}")), "{text}");
        assert_eq!(behind(&text, "1. signed text"), "1600000000***n1600000000");
    }
}

#[test]
fn every_step_of_a_sealed_body_is_explained() {
    let vault = Vault::new();
    let key = SoftKey::generate().unwrap();
    let identity = vault.with_key(CLIENT_ID, &key);
    let public = vault.public("public.pem", &key);
    let input = "{\"data\":{\"psn_no\": \"甲\"}}";
    let file = vault.keep("body.json", &format!("{{\"infno\":\"2601\",\"input\":{input}}}"));
    let text = good(&[
        "sign",
        "--explain",
        &file,
        "--profile",
        "jilin",
        "--account",
        CLIENT_ID,
        "--key-file",
        &identity.key_file,
        "--passphrase-file",
        &identity.passphrase_file,
    ]);
    assert_eq!(behind(&text, "1. signed text"), input);
    let signature = BASE64_STANDARD.decode(behind(&text, "4. SM2 signature")).unwrap();
    assert!(openssl_verifies(&vault, &public, USER_ID, input.as_bytes(), &der_of(&signature)));
    let (z, e) = (behind(&text, "2. Z ="), behind(&text, "3. e ="));
    let e_text = [hex::decode(z).unwrap().as_slice(), input.as_bytes()].concat();
    assert_eq!(e, hex::encode(openssl(&["dgst", "-sm3", "-binary"], &e_text)));
    let body: serde_json::Value = serde_json::from_str(behind(&text, "6. body")).unwrap();
    assert_eq!(body["signtype"], "SM2");
    assert!(text.contains("5. SM4 key"));
    let asked = "POST /auth/oauth/token, Basic account:***, username=***&password=***&scope=all&grant_type=password";
    assert!(text.contains(asked) && text.contains("authorization: Bearer *** for 600 s"), "{text}");
}

#[test]
fn check_and_serve_ask_for_the_gateways_own_identity_and_say_how() {
    let vault = Vault::new();
    let to = ["--upstream", "http://127.0.0.1:9", "--profile", "guangdong"];
    for command in ["check", "serve"] {
        bad(
            &[&[command], &to[..]].concat(),
            &["upstream.default.identity", "x-tif", "identity = \"none\"", "--identity none", "account, secret_file"],
        );
    }
    good(&[&["check"], &to[..], &["--identity", "none"]].concat());
    bad(
        &[&["check"], &to[..], &["--identity", "sight"]].concat(),
        &["names \"sight\", which does not exist", "add [identity.sight]"],
    );

    // A token is asked for with more than a signature needs.
    let key = vault.with_key(CLIENT_ID, &SoftKey::generate().unwrap());
    let site_with = |more: &str| {
        let (file, pass) = (&key.key_file, &key.passphrase_file);
        let text = format!(
            "[identity.site]\naccount = \"{CLIENT_ID}\"\nkey_file = \"{file}\"\npassphrase_file = \"{pass}\"\n{more}"
        );
        vault.keep("jilin.toml", &text)
    };
    let jilin = ["--upstream", "http://127.0.0.1:9", "--profile", "jilin", "--identity", "site"];
    let checks = |file: &str| {
        [&["check", "--config", file], &jilin[..]].concat().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let with_secret = format!("secret_file = \"{}\"\n", key.secret_file);
    let whole = format!("{with_secret}user = \"{}\"\npassword_file = \"{}\"\n", key.user, key.password_file);
    for (more, lacks) in [("", "lacks secret_file, user, password_file"), (&with_secret, "lacks user, password_file")] {
        let told = checks(&site_with(more));
        bad(&told.iter().map(String::as_str).collect::<Vec<_>>(), &["[identity.site]", lacks]);
    }
    let told = checks(&site_with(&whole));
    good(&told.iter().map(String::as_str).collect::<Vec<_>>());

    let secret = vault.keep("secret", SECRET);
    let site = vault.keep("site.toml", &format!("[identity.site]\naccount = \"a\"\nsecret_file = \"{secret}\""));
    let told = [&["check", "--config", &site], &to[..], &["--identity", "site"]].concat();
    assert!(good(&told).contains("http://127.0.0.1:9, signed by the HIS, our own calls as site"));
    bad(&[&["check", "--config", &site], &to[..], &["--identity", "sit"]].concat(), &["did you mean \"site\"?"]);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    bad(&told, &["identity.site", "others may read it", "chmod 400"]);
    let mut serve: Command = medgate(
        &[
            &["serve", "--config", &site],
            &to[..],
            &["--identity", "site", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
        ]
        .concat(),
    );
    serve.args(["--data", vault.path("data").to_str().unwrap()]);
    let refused = run(serve);
    assert!(refused.status.code() == Some(1) && said(&refused).contains("chmod 400"), "{}", said(&refused));
}
