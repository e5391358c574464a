//! Who vouches for a site's own packs of rules: a signature beside each, or nobody, where the settings allow that.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::complaint::Complaint;
use super::settings::RulesSettings;
use crate::keys::Sources;
use crate::rules::compile::digest_of;
use crate::rules::texts::Texts;
use crate::signing::sm2::{self, SignError, Signer, Verifier};

/// The signature, beside `pack.toml`: Base64 of r ‖ s.
pub const FILE: &str = "pack.sig";
/// SM2's user id of these signatures.
const USER_ID: &[u8] = b"medgate rule pack";

/// What is signed of a pack: its name, and the digest over its files as they stand behind the built-in ones.
pub fn signed_text(pack: &str, texts: &Texts) -> String {
    format!("medgate rule pack 1\n{pack}\n{}\n", digest_of(pack, texts))
}

/// The text of a pack's signature.
///
/// # Errors
/// When the key does not sign.
pub fn sign(pack: &str, texts: &Texts, signer: &dyn Signer) -> Result<String, SignError> {
    Ok(BASE64_STANDARD.encode(sm2::sign(signer, USER_ID, signed_text(pack, texts).as_bytes())?) + "\n")
}

/// Where a pack of a folder has its signature.
pub fn path_of(folder: &Path, pack: &str) -> PathBuf {
    folder.join(pack).join(FILE)
}

/// What is wrong with the packs that have a file of the site's own: none but those that the signer vouches for, unless all are allowed.
pub(super) fn check(settings: &RulesSettings, texts: &Texts) -> Vec<Complaint> {
    let own = |pack: &&str| texts.of_pack(pack).any(|(file, _)| texts.is_own(file));
    let own: Vec<&str> = texts.packs().into_iter().filter(own).collect();
    if own.is_empty() || settings.allow_unsigned {
        return Vec::new();
    }
    let complaint = |place: &str, what: String, cure: &str| {
        vec![Complaint { place: place.to_owned(), what, cure: cure.to_owned() }]
    };
    if settings.signer.is_empty() {
        let what =
            format!("nobody is named who signs packs, and {} stand in {}", own.join(", "), settings.folder.display());
        let cure = "name the public key of who signs them, or set rules.allow_unsigned = true";
        return complaint("rules.signer", what, cure);
    }
    let signer = Sources::of_process().public(&settings.signer);
    let signer = match signer.map(|text| Verifier::parse(&text)) {
        Ok(Ok(signer)) => signer,
        Ok(Err(error)) => {
            let cure = "name a file that holds an SM2 public key: medgate keys show-public";
            return complaint("rules.signer", format!("{}: {error}", settings.signer), cure);
        }
        Err(trouble) => return complaint("rules.signer", format!("{} {}", trouble.file, trouble.what), &trouble.cure),
    };
    let unsigned = own.into_iter().filter(|pack| !is_signed(&settings.folder, pack, texts, &signer));
    let unsigned = unsigned.map(|pack| Complaint {
        place: path_of(&settings.folder, pack).display().to_string(),
        what: format!("pack {pack} is not signed by the key of rules.signer, or was changed since"),
        cure: "look at what changed (medgate rules diff), then: medgate rules sign".to_owned(),
    });
    unsigned.collect()
}

fn is_signed(folder: &Path, pack: &str, texts: &Texts, signer: &Verifier) -> bool {
    let Ok(text) = std::fs::read_to_string(path_of(folder, pack)) else { return false };
    let signature = BASE64_STANDARD.decode(text.trim()).unwrap_or_default();
    signer.verifies(USER_ID, signed_text(pack, texts).as_bytes(), &signature)
}
