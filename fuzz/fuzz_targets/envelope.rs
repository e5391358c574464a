//! What a HIS or a platform sends: scanned in two pieces, read as request and as reply. The first byte says where it is cut.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use medgate::domain::scan::{Scanner, View};
use medgate::profile::{Profile, Texts};

static PROFILE: LazyLock<Profile> = LazyLock::new(|| Profile::load("baseline", &Texts::embedded()).expect("built in"));

fn scanned(wanted: std::sync::Arc<medgate::domain::scan::Wanted>, bytes: &[u8], cut: usize) -> View {
    let mut scanner = Scanner::new(wanted, None, None);
    let (first, rest) = bytes.split_at(cut.min(bytes.len()));
    scanner.feed(first);
    scanner.feed(rest);
    scanner.finish()
}

fuzz_target!(|data: &[u8]| {
    let Some((cut, body)) = data.split_first() else { return };
    let profile = &*PROFILE;
    let view = scanned(profile.wanted(), body, usize::from(*cut));
    assert_eq!(view, scanned(profile.wanted(), body, body.len()), "where the bytes are cut changes nothing");
    for found in &view.found {
        assert!(found.at.start <= found.at.end && found.at.end <= body.len() as u64, "a place inside the body");
    }
    let envelope = profile.envelope(&view);
    let headers = vec![(b"_api_name".as_slice().to_vec().into(), body.to_vec().into())];
    let identity = profile.identify(body, &headers, &view);
    let tx = profile.transaction(&identity.infno);
    let missing = profile.missing_parts(tx, &view);
    assert_eq!(profile.key(tx, &view).is_some(), tx.key.is_some() && missing.is_empty());
    let _ = (profile.row_keys(tx, &view), profile.similar(&view), format!("{envelope:?}"));
    let reply = scanned(profile.reply_wanted(), body, usize::from(*cut));
    let said = profile.envelope_of_reply(&reply);
    let _ = profile.err_class(&identity.infno, said.err_msg.as_deref().unwrap_or_default());
});
