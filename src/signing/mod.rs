//! Judgement, pure given a key: which bytes are signed, how, and where the signature travels.
//!
//! A body that passes is never rebuilt from here; only what the gateway makes itself is signed or encrypted.

pub mod apply; // What one identity puts on a call.
pub mod canonical; // The text that is signed in the `appId` family: three forms.
pub mod check; // Whether a call is signed by who it says.
pub mod credentials; // What one identity signs with.
pub mod digest; // SM2's user id and digest, before any key.
pub mod grant; // The token of OAuth2: how it is asked for, read and borne.
pub mod headers; // Signatures that travel in headers: x-tif, CSB, x-ca.
pub mod members; // Members of a body: where they stand, what replaces them.
pub mod mobile; // The `appId` envelope: mobile payment, e-voucher, e-prescription.
pub mod nonces; // Nonces seen before, within a bound.
pub mod open; // What is sealed, opened.
pub mod pem; // Keys as files hold them.
pub mod sm2; // Keys, signatures, their two encodings.
pub mod sm4; // The block cipher in its modes.

#[cfg(test)]
mod vectors; // Every vector of the specification.
