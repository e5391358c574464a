//! Bodies of the `appId` family and sealed inputs: what cannot be read is an error, and what was made twice is the same.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use medgate::domain::scan::{Scanner, Wanted};
use medgate::domain::terms::{Canonical, Form, Terms};
use medgate::signing::canonical::signing_text;
use medgate::signing::members::{Body, changed};
use medgate::signing::open::{self, Side};
use medgate::signing::mobile;

fuzz_target!(|data: &[u8]| {
    let Some((form, rest)) = data.split_first() else { return };
    let form = [Canonical::Kept, Canonical::Texts, Canonical::FirstLevelTexts][usize::from(*form) % 3];
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if let Ok(made) = signing_text(form, text, "secret") {
        assert!(made.ends_with("key=secret"));
        assert_eq!(signing_text(form, text, "secret").as_deref(), Ok(&*made));
    }
    let key = [7; 16];
    let mut scanner = Scanner::new(Arc::new(Wanted::new([])), None, None);
    scanner.feed(rest);
    let view = scanner.finish();
    let body = Body { bytes: rest, view: &view };
    for (form, side) in [(Form::SealedInput, Side::Asked), (Form::SealedInput, Side::Answered), (Form::Envelope, Side::Asked)] {
        let terms = Terms { form, ..Terms::default() };
        let Some(plain) = open::side(&terms, &key, body, side) else { continue };
        if let Some(change) = open::change(&terms, body, side, &plain) {
            let cut = (change.at.end - change.at.start) as usize;
            let added = change.insert.len();
            assert_eq!(changed(rest, &[change]).len(), rest.len() - cut + added);
        }
    }
    let _ = mobile::decrypt(&key, text);
    let _ = mobile::key(text, text);
});
