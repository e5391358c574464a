//! Bodies of the `appId` family and sealed members: what cannot be read is an error, and what was sealed opens again.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use medgate::domain::scan::{Scanner, View, Wanted};
use medgate::domain::terms::{Canonical, Cipher, Form, Terms};
use medgate::signing::apply::{self, Now};
use medgate::signing::canonical::signing_text;
use medgate::signing::credentials::Credentials;
use medgate::signing::members::{Body, changed};
use medgate::signing::open::{self, Side};
use medgate::signing::sm2::SoftKey;

static WANTED: LazyLock<Arc<Wanted>> = LazyLock::new(|| {
    Arc::new(Wanted::new(["input", "output", "data", "encData", "signData", "cainfo", "appId"]))
});
static BY: LazyLock<Credentials> = LazyLock::new(|| Credentials {
    account: "0123456789abcdef".into(),
    secret: "0123456789abcdef".to_owned().into(),
    signer: Some(Arc::new(SoftKey::parse(&"39".repeat(32)).expect("a key"))),
    ..Credentials::default()
});

fn view(bytes: &[u8]) -> View {
    let mut scanner = Scanner::new(Arc::clone(&WANTED), None, None);
    scanner.feed(bytes);
    scanner.finish()
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let canonical = [Canonical::Kept, Canonical::Texts, Canonical::FirstLevelTexts][usize::from(*choice) % 3];
    if let Some(text) = std::str::from_utf8(bytes).ok()
        && let Ok(made) = signing_text(canonical, text, "secret")
    {
        assert!(made.ends_with("key=secret"));
        assert_eq!(signing_text(canonical, text, "secret").as_deref(), Ok(&*made));
    }
    let form = if choice % 2 == 0 { Form::SealedInput } else { Form::Envelope };
    let cipher = [Cipher::Ecb, Cipher::Cbc, Cipher::Gcm][usize::from(*choice / 8) % 3];
    let terms = Terms { form, canonical, cipher, ..Terms::default() };
    let key = BY.cipher_key(&terms).expect("16 bytes").expect("a form that seals");
    let seen = view(bytes);
    let body = Body { bytes, view: &seen };
    for side in [Side::Asked, Side::Answered] {
        if let Some(plain) = open::side(&terms, &key, body, side) {
            let _ = open::change(&terms, body, side, &plain);
        }
    }
    if let Ok(Some(sealed)) = apply::sealed(&terms, &BY, body, &Now::default()) {
        let leaving = changed(bytes, &sealed.changes);
        let seen = view(&leaving);
        let opened = open::side(&terms, &key, Body { bytes: &leaving, view: &seen }, Side::Asked);
        assert!(opened.is_some(), "what was sealed opens");
    }
});
