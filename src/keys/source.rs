//! Where one secret comes from: a file that only its owner reads, or a systemd credential.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Bytes of a secret or key file; a larger one is none.
const BYTES_MAX: u64 = 64 * 1024;
/// Begins the name of a systemd credential.
const CREDENTIAL: &str = "credential:";

/// Where named secrets are found.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `$CREDENTIALS_DIRECTORY`, where systemd puts what `LoadCredential=` names.
    pub credentials: Option<PathBuf>,
}

/// Why a secret or key cannot be used: the setting's file, what is wrong, the cure. Shows nothing of what is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}; {cure}")]
pub struct Trouble {
    /// The file, as the settings name it.
    pub file: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub cure: String,
}

impl Trouble {
    /// About a file.
    pub fn new(file: impl Into<String>, what: impl Into<String>, cure: impl Into<String>) -> Trouble {
        Trouble { file: file.into(), what: what.into(), cure: cure.into() }
    }
}

/// True for what can name a secret: an absolute path, or a credential. Anything else might be the secret itself.
pub fn is_place(written: &str) -> bool {
    match written.strip_prefix(CREDENTIAL) {
        Some(name) => !name.is_empty() && !name.contains('/') && !name.starts_with('.'),
        None => written.starts_with('/'),
    }
}

impl Sources {
    /// What this process was given.
    pub fn of_process() -> Sources {
        Sources { credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) }
    }

    /// Reads a secret as text, without the line end behind it.
    ///
    /// # Errors
    /// When it is not there, others may read it, or it is no text.
    pub fn secret(&self, place: &str) -> Result<Zeroizing<String>, Trouble> {
        let mut text = self.read(place, true)?;
        while text.ends_with(['\n', '\r']) {
            text.pop();
        }
        Ok(text)
    }

    /// Reads a file that only its owner may read, byte for byte.
    ///
    /// # Errors
    /// As [`Sources::secret`].
    pub fn private(&self, place: &str) -> Result<Zeroizing<String>, Trouble> {
        self.read(place, true)
    }

    /// Reads what everybody may know.
    ///
    /// # Errors
    /// When it is not there or no text.
    pub fn public(&self, place: &str) -> Result<Zeroizing<String>, Trouble> {
        self.read(place, false)
    }

    fn read(&self, place: &str, secret: bool) -> Result<Zeroizing<String>, Trouble> {
        if !is_place(place) {
            let cure = "write an absolute path, or credential:NAME; never the secret itself";
            return Err(Trouble::new("(a setting)", "names no file", cure));
        }
        let (path, vouched) = self.path(place)?;
        let trouble = |what: String, cure: &str| Trouble::new(place, what, cure);
        let mut file = File::open(&path).map_err(|error| {
            let cure = match error.kind() {
                ErrorKind::NotFound => "make it (`medgate keys new`, `medgate keys import`), or correct the path",
                _ => "let the gateway's user read it: chown it, chmod 400",
            };
            trouble(format!("cannot be read: {}", error.kind()), cure)
        })?;
        let found = file.metadata().map_err(|error| trouble(error.kind().to_string(), "name a file"))?;
        if !found.is_file() || found.len() > BYTES_MAX {
            return Err(trouble("is no file of a key or secret".to_owned(), "name the file itself"));
        }
        // systemd gives the file to the service's user by an access list, which shows as a group right.
        if secret && !vouched && found.mode() & 0o077 != 0 {
            let what = format!("others may read it (mode {:03o})", found.mode() & 0o777);
            return Err(trouble(what, &format!("run: chmod 400 {}", path.display())));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0) + 1));
        let read = file.by_ref().take(BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(|error| trouble(format!("cannot be read: {}", error.kind()), "try again"))?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
            Err(_) => Err(trouble("is no text".to_owned(), "secrets are texts, keys are PEM, Base64 or hex")),
        }
    }

    /// The file, and whether systemd vouches that nobody else reads it.
    fn path(&self, place: &str) -> Result<(PathBuf, bool), Trouble> {
        let Some(name) = place.strip_prefix(CREDENTIAL) else { return Ok((Path::new(place).to_owned(), false)) };
        let cure = "start by systemd with LoadCredentialEncrypted=, or name a file by its path";
        let dir = self.credentials.as_ref();
        let dir = dir.ok_or_else(|| Trouble::new(place, "there is no $CREDENTIALS_DIRECTORY", cure))?;
        Ok((dir.join(name), true))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_read_from_its_owners_file_and_from_a_credential() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        let place = file.display().to_string();
        write(&file, "s3cret 密\r\n").unwrap();
        set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
        let sources = Sources { credentials: Some(dir.path().to_owned()) };
        assert_eq!(sources.secret(&place).unwrap().as_str(), "s3cret 密");
        assert_eq!(sources.secret("credential:secret").unwrap().as_str(), "s3cret 密");
        for mode in [0o440, 0o404, 0o420, 0o666] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let trouble = sources.secret(&place).unwrap_err();
            assert!(trouble.what.contains("others may read it") && trouble.cure.contains("chmod 400"), "{trouble}");
            assert!(sources.public(&place).is_ok() && sources.secret("credential:secret").is_ok());
        }
    }

    #[test]
    fn what_is_no_place_is_never_repeated() {
        let sources = Sources::default();
        for inline in ["hunter2", "relative/file", "", "credential:", "credential:../x", "credential:.x"] {
            assert!(!is_place(inline), "{inline}");
            let said = sources.secret(inline).unwrap_err().to_string();
            assert!(said.contains("names no file") && !said.contains("hunter2"), "{said}");
        }
        let trouble = sources.secret("credential:x").unwrap_err();
        assert!(trouble.what.contains("CREDENTIALS_DIRECTORY"), "{trouble}");
        let trouble = sources.secret("/no/such/file").unwrap_err();
        assert!(trouble.to_string().starts_with("/no/such/file: cannot be read"), "{trouble}");
        let dir = tempfile::tempdir().unwrap();
        assert!(sources.public(&dir.path().display().to_string()).unwrap_err().what.contains("no file"));
        let binary = dir.path().join("b");
        write(&binary, [0xff, 0xfe]).unwrap();
        assert!(sources.public(&binary.display().to_string()).unwrap_err().what.contains("no text"));
    }
}
