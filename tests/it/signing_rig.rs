//! Identities on disk, messages of each signing form, and the openssl program as the second opinion.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use medgate::config::Settings;
use medgate::domain::message::HeaderLines;
use medgate::domain::terms::Mode;
use medgate::journal::draft::{Part, Sealed};
use medgate::journal::record::Kind;
use medgate::keys;
use medgate::signing::pem;
use medgate::signing::sm2::{Signer, SoftKey};
use tempfile::TempDir;

use crate::doors_rig::Raw;
use crate::rig::{TestGateway, rebuilt};

/// What every secret of these tests contains, so that a search finds one that got away.
pub const SECRET: &str = "s3cret-of-the-site";
/// Who asks for a token.
pub const USER: &str = "his-user";
/// That user's password.
pub const PASSWORD: &str = "pa55 & wörd";
/// Opens every key of these tests.
pub const PASSPHRASE: &str = "correct horse battery";
/// A client_id of 16 characters, which is a key too.
pub const CLIENT_ID: &str = "0123456789ABCDEF";
/// The default user id of SM2.
pub const USER_ID: &str = "1234567812345678";

/// A folder of secrets.
pub struct Vault {
    dir: TempDir,
}

impl Vault {
    /// An empty one.
    pub fn new() -> Vault {
        Vault { dir: tempfile::tempdir().unwrap() }
    }

    /// Where a file of this name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file for its owner only; gives its path as a setting.
    pub fn keep(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    /// A folder with one file.
    pub fn folder(&self, name: &str, file: &str, text: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), text).unwrap();
        folder
    }

    /// An identity with a shared secret.
    pub fn with_secret(&self, account: &str) -> keys::Settings {
        let secret_file = self.keep(&format!("{account}.secret"), SECRET);
        keys::Settings { account: account.to_owned(), secret_file, ..keys::Settings::default() }
    }

    /// An identity with a private key, and with all that a token is asked for with.
    pub fn with_key(&self, account: &str, key: &SoftKey) -> keys::Settings {
        let pem = key.to_encrypted_pem(PASSPHRASE.as_bytes()).unwrap();
        keys::Settings {
            secret_file: self.keep(&format!("{account}.secret"), SECRET),
            user: USER.to_owned(),
            password_file: self.keep(&format!("{account}.password"), PASSWORD),
            account: account.to_owned(),
            key_file: self.keep(&format!("{account}.pem"), &pem),
            passphrase_file: self.keep(&format!("{account}.pass"), &format!("{PASSPHRASE}\n")),
            ..keys::Settings::default()
        }
    }

    /// A public key as a file.
    pub fn public(&self, name: &str, key: &SoftKey) -> String {
        self.keep(name, &pem::of_public(&key.public()).unwrap())
    }
}

/// The gateway signs as `identity` what goes to its only upstream.
pub fn signs(settings: &mut Settings, profile: &str, mode: Mode, identity: keys::Settings) {
    settings.gateway.profile = profile.to_owned();
    settings.identity.insert("site".to_owned(), identity);
    let upstream = settings.upstream.get_mut("default").unwrap();
    (upstream.sign, upstream.identity) = (mode, "site".to_owned());
}

/// Runs openssl; panics with what it said when it fails.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let (good, out, said) = try_openssl(arguments, input);
    assert!(good, "openssl {arguments:?}: {said}");
    out
}

/// Runs openssl: whether it was content, what it gave, what it said.
pub fn try_openssl(arguments: &[&str], input: &[u8]) -> (bool, Vec<u8>, String) {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("these tests need the openssl program");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    (output.status.success(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// HMAC under [`SECRET`].
pub fn hmac(digest: &str, text: &[u8]) -> Vec<u8> {
    openssl(&["dgst", &format!("-{digest}"), "-hmac", SECRET, "-binary"], text)
}

/// True when openssl finds that the public key in `public` signed `message`; `signature` is DER.
pub fn openssl_verifies(vault: &Vault, public: &str, user_id: &str, message: &[u8], signature: &[u8]) -> bool {
    let (text, sig) = (vault.path("message"), vault.path("signature"));
    fs::write(&text, message).unwrap();
    fs::write(&sig, signature).unwrap();
    let distid = format!("distid:{user_id}");
    let (good, out, _) = try_openssl(
        &[
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            public,
            "-rawin",
            "-digest",
            "sm3",
            "-pkeyopt",
            &distid,
            "-in",
            text.to_str().unwrap(),
            "-sigfile",
            sig.to_str().unwrap(),
        ],
        b"",
    );
    good && String::from_utf8_lossy(&out).contains("Success")
}

/// A DER signature of openssl's under an unencrypted or passphrase-protected key file.
pub fn openssl_signs(vault: &Vault, key: &Path, user_id: &str, message: &[u8]) -> Vec<u8> {
    let text = vault.path("to-sign");
    fs::write(&text, message).unwrap();
    let (distid, pass) = (format!("distid:{user_id}"), format!("pass:{PASSPHRASE}"));
    openssl(
        &[
            "pkeyutl",
            "-sign",
            "-inkey",
            key.to_str().unwrap(),
            "-passin",
            &pass,
            "-rawin",
            "-digest",
            "sm3",
            "-pkeyopt",
            &distid,
            "-in",
            text.to_str().unwrap(),
        ],
        b"",
    )
}

/// r and s of 32 bytes each as a SEQUENCE of two INTEGERs, written here once more and by hand.
pub fn der_of(raw: &[u8]) -> Vec<u8> {
    let integer = |scalar: &[u8]| {
        let first = scalar.iter().position(|byte| *byte != 0).unwrap_or(scalar.len() - 1);
        let digits = &scalar[first..];
        let sign: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
        [&[2, (digits.len() + sign.len()) as u8], sign, digits].concat()
    };
    let both = [integer(&raw[..32]), integer(&raw[32..])].concat();
    [&[0x30, both.len() as u8], both.as_slice()].concat()
}

/// A value of the only line of this name.
pub fn line(raw: &Raw, name: &str) -> String {
    let found: Vec<&str> = raw
        .lines()
        .into_iter()
        .filter_map(|line| {
            line.split_once(": ").filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })
        .collect();
    assert_eq!(found.len(), 1, "{name} in {}", raw.head);
    found[0].to_owned()
}

/// Lines of a request that are not the connection's.
pub fn own_lines(raw: &Raw) -> Vec<String> {
    let connections = |line: &&str| {
        let name = line.split(':').next().unwrap().to_ascii_lowercase();
        name != "host" && name != "content-length"
    };
    raw.lines()[1..].iter().copied().filter(connections).map(str::to_owned).collect()
}

/// What the only INTENT of a transaction sealed.
pub fn intent(gate: &TestGateway, infno: &str) -> Sealed {
    let intents = gate.records_of(Kind::Intent);
    let of =
        |record: &&medgate::journal::Record| record.facts.text_of(medgate::journal::facts::Fact::Infno) == Some(infno);
    gate.unseal(intents.iter().find(of).unwrap_or_else(|| panic!("no intent of {infno}")))
}

/// A header block as edits count it.
pub fn block(lines: &HeaderLines) -> Vec<u8> {
    lines.iter().flat_map(|(name, value)| [name, &b": "[..], value, b"\r\n"].concat()).collect()
}

/// What was sent is what the journal's INTENT says: arrived bytes and declared edits, nothing else.
pub fn sent_as_declared(sealed: &Sealed, sent: &Raw) {
    let request = sealed.request.as_ref().unwrap();
    let body = request.body.buffered().map(|bytes| rebuilt(bytes, &sealed.edits, Part::Body));
    if let Some(body) = body {
        assert_eq!(String::from_utf8_lossy(&sent.body), String::from_utf8_lossy(&body));
    }
    let headers = rebuilt(&block(&request.headers), &sealed.edits, Part::Headers);
    let declared: Vec<String> = String::from_utf8(headers).unwrap().lines().map(str::to_owned).collect();
    let connections = |line: &String| {
        !line.to_ascii_lowercase().starts_with("content-length:") && !line.to_ascii_lowercase().starts_with("host:")
    };
    assert_eq!(own_lines(sent), declared.into_iter().filter(connections).collect::<Vec<_>>());
}
