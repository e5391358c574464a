//! The token file that opens /api: made at first start, readable by its owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Name of the file in the data folder that opens /api; personal data stays hidden.
pub const FILE_NAME: &str = "admin.token";
/// Name of the file whose token may also see personal data.
pub const CLEAR_FILE_NAME: &str = "admin-clear.token";
const RANDOM_BYTES: usize = 32;

/// The secret behind /api. Never printed.
pub struct AdminToken(Zeroizing<String>);

impl AdminToken {
    /// Reads a token of a data folder, or makes it.
    ///
    /// # Errors
    /// When it cannot be read or made, is too short to be a secret, or is readable by others.
    pub fn open(data: &Path, file_name: &str) -> Result<AdminToken, TokenError> {
        let path = data.join(file_name);
        let trouble = |source| TokenError::File { path: path.clone(), source };
        match fs::metadata(&path) {
            Ok(found) if found.permissions().mode() & 0o077 != 0 => return Err(TokenError::Readable(path)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(data, &path).map_err(trouble)?,
            Err(error) => return Err(trouble(error)),
        }
        let text = Zeroizing::new(fs::read_to_string(&path).map_err(trouble)?);
        let token = text.trim();
        if token.len() < RANDOM_BYTES {
            Err(TokenError::Short(path))
        } else {
            Ok(AdminToken(Zeroizing::new(token.to_owned())))
        }
    }

    /// Compares without telling by its time how much was right.
    pub fn opens(&self, said: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differing = own.iter().enumerate().fold(own.len() ^ said.len(), |differing, (at, byte)| {
            differing | usize::from(byte ^ said.get(at).copied().unwrap_or(0))
        });
        std::hint::black_box(differing) == 0
    }
}

/// Made under another name and renamed, so that a crash leaves no half token.
fn make(data: &Path, path: &Path) -> io::Result<()> {
    let mut random = Zeroizing::new([0u8; RANDOM_BYTES]);
    getrandom::fill(random.as_mut()).map_err(io::Error::other)?;
    let fresh = path.with_extension("token.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(Zeroizing::new(hex::encode(random.as_ref()) + "\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    fs::File::open(data)?.sync_all()
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read or made.
    #[error("admin token {path} cannot be read or made")]
    File {
        /// Where it stands.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody wrote a short one.
    #[error("admin token {0} is shorter than 32 characters; delete it and a new one is made")]
    Short(PathBuf),
    /// Others may read it.
    #[error("admin token {0} is readable by others; run chmod 600 on it")]
    Readable(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_opens_only_for_itself() {
        let data = tempfile::tempdir().unwrap();
        let token = AdminToken::open(data.path(), FILE_NAME).unwrap();
        let text = fs::read_to_string(data.path().join(FILE_NAME)).unwrap();
        let text = text.trim();
        assert_eq!(text.len(), 2 * RANDOM_BYTES);
        assert!(
            token.opens(text.as_bytes()) && AdminToken::open(data.path(), FILE_NAME).unwrap().opens(text.as_bytes())
        );
        let mut other = text.as_bytes().to_vec();
        other[63] ^= 1;
        for wrong in [&other, &text.as_bytes()[..63], b"", &[text.as_bytes(), b"0"].concat()] {
            assert!(!token.opens(wrong));
        }
        assert!(
            !AdminToken::open(tempfile::tempdir().unwrap().path(), CLEAR_FILE_NAME).unwrap().opens(text.as_bytes()),
            "never the same twice"
        );
    }

    #[test]
    fn a_token_that_is_no_secret_is_refused() {
        let data = tempfile::tempdir().unwrap();
        AdminToken::open(data.path(), FILE_NAME).unwrap();
        let path = data.path().join(FILE_NAME);
        fs::write(&path, "1234").unwrap();
        assert!(matches!(AdminToken::open(data.path(), FILE_NAME), Err(TokenError::Short(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(AdminToken::open(data.path(), FILE_NAME), Err(TokenError::Readable(_))));
        assert!(matches!(AdminToken::open(&data.path().join("none"), FILE_NAME), Err(TokenError::File { .. })));
    }
}
