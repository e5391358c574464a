//! Keys and signatures as strangers write them: an error, or a key that signs and verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use medgate::signing::digest::DEFAULT_USER_ID;
use medgate::signing::sm2::{self, Signer, SoftKey, Verifier};
use medgate::signing::pem;

fuzz_target!(|data: &[u8]| {
    let (text, signature) = data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let Ok(text) = std::str::from_utf8(text) else { return };
    let whole = String::from_utf8_lossy(data);
    if !pem::is_encrypted(&whole) {
        // Deriving the key of an encrypted one takes a fuzzer's whole time.
        let _ = (SoftKey::from_plain_pem(&whole), SoftKey::from_encrypted_pem(&whole, b"x"), pem::public(&whole));
    }
    if let Ok(key) = SoftKey::parse(text).or_else(|_| SoftKey::from_plain_pem(&whole)) {
        let verifier = Verifier::parse(&hex(&key.public())).expect("the public half of a key is a key");
        let signed = sm2::sign(&key, DEFAULT_USER_ID, signature).expect("a short user id");
        assert!(verifier.verifies(DEFAULT_USER_ID, signature, &signed));
        assert!(sm2::der(&signed).is_ok_and(|der| verifier.verifies(DEFAULT_USER_ID, signature, &der)));
    }
    if let Ok(verifier) = Verifier::parse(text) {
        assert!(!verifier.verifies(DEFAULT_USER_ID, b"never signed", signature));
    }
});

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
