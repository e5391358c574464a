//! `medgate keys`: SM2 keys in encrypted files, and the journal's master key. A private key is never printed.

mod master; // medgate keys master new | status | rotate

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::domain::clock::{Clock, SystemClock};
use crate::domain::moment::china_time;
use crate::keys::load::key_trouble;
use crate::keys::source::{Sources, Trouble};
use crate::keys::store;
use crate::signing::pem;
use crate::signing::sm2::{KeyError, Signer, SoftKey, Verifier};

use super::exit::Exit;

/// Bytes of a key read from standard input.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// Commands over SM2 keys.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    New(NewArgs),
    Import(ImportArgs),
    ShowPublic(ShowPublicArgs),
    Rotate(RotateArgs),
    /// The master key of the journal's keys. 日志主密钥
    #[command(subcommand)]
    Master(master::Command),
}

/// Make a new SM2 key in an encrypted PKCS#8 PEM file. 生成密钥
///
/// Prints the public key in the forms that platforms ask for. Without a passphrase file the passphrase is asked for,
/// unseen.
///
/// Exit code 0: made; 1: not, and why; no file is ever written over.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate keys new --out /etc/medgate/site.pem\n  \
    medgate keys new --out site.pem --passphrase-file /etc/medgate/site.pass")]
pub(super) struct NewArgs {
    /// The new file; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Encrypt a key that a platform or another program handed out. 导入密钥
///
/// PEM (PKCS#8 or SEC1), or Base64 or hex of 32 or 33 bytes. The old file stays as it is; remove it yourself.
///
/// Exit code 0: imported; 1: not, and why; no file is ever written over.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate keys import --in handed-out.txt --out /etc/medgate/site.pem\n  \
    medgate keys import --in - --out site.pem --passphrase-file /etc/medgate/site.pass < key.hex")]
pub(super) struct ImportArgs {
    /// The key as it was handed out; `-` reads standard input.
    #[arg(long = "in", value_name = "FILE")]
    from: PathBuf,
    /// The new file; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What opens the old file, where it is encrypted: a file or credential:NAME.
    #[arg(long, value_name = "FILE")]
    in_passphrase_file: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Print the public key, to be given to the platform. 显示公钥
///
/// Of a key file, or of a file that holds a public key; as hex, Base64 and PEM.
///
/// Exit code 0: printed; 1: the file cannot be read or opened.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLE:\n  medgate keys show-public /etc/medgate/site.pem --passphrase-file /etc/medgate/site.pass"
)]
pub(super) struct ShowPublicArgs {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Put a new key in the place of an old one, which stays beside it under the date. 轮换密钥
///
/// The old one is then FILE.yyyy-mm-dd, under the same passphrase. Give the platform the new public key before the
/// gateway starts with it.
///
/// Exit code 0: in its place; 1: not, and why; the old one then stands.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLE:\n  medgate keys rotate /etc/medgate/site.pem --passphrase-file /etc/medgate/site.pass"
)]
pub(super) struct RotateArgs {
    /// The key file.
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Where the passphrase comes from.
#[derive(clap::Args)]
pub(in crate::cli) struct PassphraseArgs {
    /// The passphrase: a file that only its owner reads, or credential:NAME. By default it is asked for. 口令文件
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<String>,
}

impl PassphraseArgs {
    /// `twice` asks again, because a slip of the finger would lock the key away.
    pub(in crate::cli) fn read(&self, twice: bool) -> Result<Zeroizing<String>, Trouble> {
        if let Some(place) = &self.passphrase_file {
            return secret(place);
        }
        let asked = ask("Passphrase 口令: ")?;
        if twice && *ask("Again 再输一次: ")? != *asked {
            return Err(Trouble::new("(terminal)", "the two are not the same", "try again"));
        }
        Ok(asked)
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Trouble> {
    let cure = "run in a terminal, or name a file with --passphrase-file";
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| Trouble::new("(terminal)", format!("cannot be asked: {}", error.kind()), cure))
}

/// A relative path is fine on a command line.
fn secret(place: &str) -> Result<Zeroizing<String>, Trouble> {
    let sources = Sources::of_process();
    if place.starts_with("credential:") { sources.secret(place) } else { sources.secret(&absolute(Path::new(place))?) }
}

fn absolute(path: &Path) -> Result<String, Trouble> {
    let found = std::path::absolute(path);
    let trouble = |error: io::Error| Trouble::new(path.display().to_string(), error.kind().to_string(), "name a file");
    found.map(|path| path.display().to_string()).map_err(trouble)
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let mut text = Vec::new();
    let done = match command {
        Command::New(args) => new(&args, &mut text),
        Command::Import(args) => import(&args, &mut text),
        Command::ShowPublic(args) => show_public(&args, &mut text),
        Command::Rotate(args) => rotate(&args, &mut text),
        Command::Master(command) => return master::run(command, out, err),
    };
    match done {
        Ok(()) => out.write_all(&text).map(|()| Exit::Done),
        Err(trouble) => {
            writeln!(err, "{}: {}\n    cure: {}", trouble.file, trouble.what, trouble.cure)?;
            Ok(Exit::Failed)
        }
    }
}

fn new(args: &NewArgs, text: &mut Vec<u8>) -> Result<(), Trouble> {
    let passphrase = args.passphrase.read(true)?;
    let key = SoftKey::generate().map_err(|error| key_trouble(&args.out.display().to_string(), error))?;
    store::write(&args.out, &key, &passphrase)?;
    say(text, &format!("new key in {}", args.out.display()), &key.public())
}

fn import(args: &ImportArgs, text: &mut Vec<u8>) -> Result<(), Trouble> {
    let place = args.from.display().to_string();
    let read = if place == "-" { of_stdin()? } else { Sources::default().public(&absolute(&args.from)?)? };
    let opens = args.in_passphrase_file.as_deref().map(secret).transpose()?;
    let opens = match opens {
        None if pem::is_encrypted(&read) => Some(ask("Passphrase of the old file 原文件口令: ")?),
        opens => opens,
    };
    let key = store::read_any(&place, &read, opens.as_deref().map(String::as_str))?;
    store::write(&args.out, &key, &args.passphrase.read(true)?)?;
    say(text, &format!("encrypted key in {}; remove the old file", args.out.display()), &key.public())
}

fn of_stdin() -> Result<Zeroizing<String>, Trouble> {
    let mut read = Zeroizing::new(String::new());
    let trouble =
        |error: io::Error| Trouble::new("-", format!("cannot be read: {}", error.kind()), "give the key as text");
    io::stdin().take(KEY_BYTES_MAX).read_to_string(&mut read).map_err(trouble)?;
    Ok(read)
}

fn show_public(args: &ShowPublicArgs, text: &mut Vec<u8>) -> Result<(), Trouble> {
    let place = absolute(&args.file)?;
    let read = Sources::default().public(&place)?;
    let public = match Verifier::parse(&read) {
        Ok(public) => public.public(),
        Err(_) if pem::is_encrypted(&read) => {
            let passphrase = args.passphrase.read(false)?;
            let key = SoftKey::from_encrypted_pem(&read, passphrase.as_bytes());
            key.map_err(|error| key_trouble(&place, error))?.public()
        }
        Err(_) => SoftKey::from_plain_pem(&read).map_err(|error| key_trouble(&place, error))?.public(),
    };
    say(text, &args.file.display().to_string(), &public)
}

fn rotate(args: &RotateArgs, text: &mut Vec<u8>) -> Result<(), Trouble> {
    let passphrase = args.passphrase.read(false)?;
    let today = china_time(SystemClock::start().unix_ns());
    let (public, old) = store::rotate(Path::new(&absolute(&args.file)?), &passphrase, &today[..10])?;
    let what = format!("new key in {}, the old one in {}", args.file.display(), old.display());
    say(text, &what, &public)
}

/// The public key in the forms that platforms ask for.
fn say(text: &mut Vec<u8>, what: &str, public: &[u8; 64]) -> Result<(), Trouble> {
    let tagged = [&[4], public.as_slice()].concat();
    let pem = pem::of_public(public).map_err(|error: KeyError| key_trouble(what, error))?;
    let written = writeln!(
        text,
        "{what}\npublic key 公钥\n  hex    {}\n  base64 {}\n{pem}",
        hex::encode(&tagged),
        BASE64_STANDARD.encode(&tagged)
    );
    written.map_err(|error| Trouble::new("(output)", error.to_string(), "try again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::store::PASSPHRASE_CHARS_MIN;

    #[test]
    fn a_short_passphrase_and_a_file_in_the_way_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (file, key) = (dir.path().join("k.pem"), SoftKey::generate().unwrap());
        let trouble = store::write(&file, &key, &"x".repeat(PASSPHRASE_CHARS_MIN - 1)).unwrap_err();
        assert!(trouble.what.contains("too short") && !file.exists(), "{trouble}");
        store::write(&file, &key, "long enough").unwrap();
        let trouble = store::write(&file, &key, "long enough").unwrap_err();
        assert!(trouble.what.contains("exists already"), "{trouble}");
        let trouble = store::write(&dir.path().join("no/such/k.pem"), &key, "long enough").unwrap_err();
        assert!(trouble.cure.contains("mkdir"), "{trouble}");
    }
}
