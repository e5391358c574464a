//! A pack of rules as anybody may write it: complaints or rules, and rules that judge any body. The input is a pack.toml, a topic
//! file, a field table and a body with NUL bytes between.
#![no_main]

use libfuzzer_sys::fuzz_target;
use medgate::domain::class::Class;
use medgate::rules::compile::{Chosen, compile};
use medgate::rules::dates::Day;
use medgate::rules::examples;
use medgate::rules::pack::Pack;
use medgate::rules::texts::Texts;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    let mut part = || parts.next().unwrap_or_default();
    let files = [("mine/pack.toml", part()), ("mine/a.toml", part()), ("mine/tables/2207.txt", part())];
    let body = part();
    let texts = Texts::alone("site", files.map(|(name, text)| (name.to_owned(), text)).to_vec());
    let Ok(packs) = Pack::load_all(&texts) else { return };
    let class_of = |_: &str| Class::Money;
    let _ = examples::run(&packs, &texts, "", &class_of);
    if let Ok(rules) = compile(&packs, &texts, &Chosen { region: "", day: Day::FIRST, class_of: &class_of }) {
        let _ = rules.check("2207", body.as_bytes());
    }
});
