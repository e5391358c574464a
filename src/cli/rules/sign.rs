//! `medgate rules sign`: vouches for a site's own packs.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Exit, Library, Said};
use crate::cli::keys::PassphraseArgs;
use crate::config::pack_signature::{path_of, sign};
use crate::keys::store;

/// Sign the packs of a folder, so that a gateway takes them. 签署规则包
///
/// Checks the packs first. Each pack that has a file in FOLDER gets a `pack.sig` beside its pack.toml: an SM2 signature over
/// everything that is in force under its name. A gateway takes it where `rules.signer` names the public key
/// (medgate keys show-public). Sign anew after each change.
///
/// Exit code 0: signed; 1: the key cannot be read, or a file cannot be written; 78: complaints about the packs.
#[derive(clap::Args)]
#[command(
    after_help = "EXAMPLE:\n  medgate rules sign /etc/medgate/rules --key-file /etc/medgate/rules.pem --passphrase-file /etc/medgate/rules.pass"
)]
pub(in crate::cli) struct Args {
    /// Folder of packs.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The key of who answers for the rules: an encrypted PEM file.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Said<Exit>> {
    let library = match Library::of(args.folder.to_str()) {
        Ok(library) => library,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let signed = signed(args, &library);
    match &signed {
        Ok(packs) => packs.iter().try_for_each(|pack| writeln!(out, "{pack} is signed. 已签署"))?,
        Err(why) => writeln!(err, "{why}")?,
    }
    Ok(Ok(if signed.is_ok() { Exit::Done } else { Exit::Failed }))
}

fn signed(args: &Args, library: &Library) -> Result<Vec<String>, String> {
    let (texts, mut signed) = (&library.texts, Vec::new());
    let key = key(&args.key_file, &args.passphrase)?;
    let own = |pack: &&str| texts.of_pack(pack).any(|(file, _)| texts.is_own(file));
    for pack in texts.packs().into_iter().filter(own) {
        let path = path_of(&args.folder, pack);
        let text = sign(pack, texts, &key).map_err(|error| format!("{pack}: {error}"))?;
        fs::write(&path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
        signed.push(pack.to_owned());
    }
    Ok(signed)
}

fn key(file: &Path, passphrase: &PassphraseArgs) -> Result<crate::signing::sm2::SoftKey, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let said = |trouble: crate::keys::Trouble| format!("{} {}; {}", trouble.file, trouble.what, trouble.cure);
    let passphrase = passphrase.read(false).map_err(said)?;
    store::read_any(&file.display().to_string(), &text, Some(&passphrase)).map_err(said)
}
