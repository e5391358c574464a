//! What SM2 signs: e = SM3(Z ‖ message), Z = SM3(ENTL ‖ id ‖ a ‖ b ‖ G ‖ P) (GB/T 32918.2 §5.5).
//!
//! Made here and not by the signature crate, so that a key in a box of its own (HSM) can stand behind [`super::sm2::Signer`], and so
//! that a user id may be any bytes.

use sm3::{Digest, Sm3};

/// The user id that every public client uses (`wire.md` §3.1).
pub const DEFAULT_USER_ID: &[u8] = b"1234567812345678";
/// Bytes of a user id, so that its length in bits fits two bytes.
pub const USER_ID_BYTES_MAX: usize = 8191;

/// a ‖ b ‖ Gx ‖ Gy of the recommended curve (GB/T 32918.5).
const CURVE: [u8; 128] = hex_128(
    b"FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC\
      28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93\
      32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7\
      BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0",
);

/// Z of a user id and a public key (x ‖ y).
///
/// # Errors
/// When the user id is longer than [`USER_ID_BYTES_MAX`].
pub fn identity(user_id: &[u8], public: &[u8; 64]) -> Result<[u8; 32], UserIdTooLong> {
    let bits = u16::try_from(user_id.len() * 8).map_err(|_| UserIdTooLong)?;
    let digest = Sm3::new().chain_update(bits.to_be_bytes()).chain_update(user_id);
    Ok(digest.chain_update(CURVE).chain_update(public).finalize().into())
}

/// e of a message under Z.
pub fn message(identity: &[u8; 32], message: &[u8]) -> [u8; 32] {
    Sm3::new().chain_update(identity).chain_update(message).finalize().into()
}

/// A user id beyond its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user id has at most {USER_ID_BYTES_MAX} bytes")]
pub struct UserIdTooLong;

const fn hex_128(text: &[u8; 256]) -> [u8; 128] {
    let mut bytes = [0; 128];
    let mut at = 0;
    while at < 128 {
        bytes[at] = nibble(text[2 * at]) << 4 | nibble(text[2 * at + 1]);
        at += 1;
    }
    bytes
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'F' => digit - b'A' + 10,
        _ => panic!("an upper-case hex digit"),
    }
}
