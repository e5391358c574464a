//! Bodies of the `appId` family and sealed inputs: what cannot be read is an error, and what was made twice is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use medgate::signing::canonical::{Form, signing_text};
use medgate::signing::{input, mobile, sm4};

fuzz_target!(|data: &[u8]| {
    let Some((form, rest)) = data.split_first() else { return };
    let form = [Form::Kept, Form::Texts, Form::FirstLevelTexts][usize::from(*form) % 3];
    let Ok(text) = std::str::from_utf8(rest) else { return };
    if let Ok(made) = signing_text(form, text, "secret") {
        assert!(made.ends_with("key=secret"));
        assert_eq!(signing_text(form, text, "secret").as_deref(), Ok(&*made));
    }
    let key = [7; 16];
    if let Ok(plain) = input::open(&key, text) {
        assert_eq!(sm4::decrypt_ecb(&key, &sm4::encrypt_ecb(&key, &plain)), Ok(plain));
    }
    let _ = mobile::decrypt(&key, text);
    let _ = mobile::key(text, text);
});
