//! What a replay says of records that hold something else than comes out, and of those that it cannot look at.

use std::path::Path;

use bytes::Bytes;

use super::super::sample;
use super::*;
use crate::domain::class::Class;
use crate::domain::message::{Body, Reply, Request};
use crate::domain::outcome::{Cause, Outcome};
use crate::journal::draft::{Draft, Sealed};
use crate::journal::facts::Fact;
use crate::journal::master::Master;
use crate::journal::record::Kind;
use crate::profile::{Profile, Texts};

const BODY: &str = r#"{"infno":"9001","msgid":"H1","fixmedins_code":"F1","mdtrtarea_admvs":"440100","input":{"signIn":{"opter_no":"1"}}}"#;

fn snapshot() -> Draft {
    let mut draft = Draft::new(Kind::Snapshot);
    draft.facts.text(Fact::Name, "profile");
    let baseline = Profile::load("baseline", &Texts::embedded()).unwrap();
    draft.facts.text(Fact::Text, baseline.resolved_text());
    draft
}

fn intent(class: Class, msgid: &str) -> Draft {
    let mut draft = Draft::new(Kind::Intent);
    draft.header.exchange_id = sample::exchange();
    draft.header.profile_seq = Seq(2);
    draft.header.class = class as u8;
    for (fact, value) in
        [(Fact::Infno, "9001"), (Fact::Msgid, msgid), (Fact::FixmedinsCode, "F1"), (Fact::MdtrtareaAdmvs, "440100")]
    {
        draft.facts.text(fact, value);
    }
    let (headers, body) = (Vec::new(), Body::Buffered(Bytes::from_static(BODY.as_bytes())));
    let (method, target) = ("POST".to_owned(), Bytes::from_static(b"/fsi/api/9001"));
    let request = Request { method, target, http_minor: 1, headers, body };
    draft.sealed = Some(Sealed { request: Some(request), ..Sealed::default() });
    draft
}

fn outcome(outcome: Outcome, cause: Cause, infcode: &str) -> Draft {
    let mut draft = Draft::new(Kind::Outcome);
    draft.header.exchange_id = sample::exchange();
    draft.header.ref_seq = Seq(3);
    draft.header.profile_seq = Seq(2);
    draft.header.key_slot = 1;
    (draft.header.outcome, draft.header.cause) = (outcome as u8, cause as u8);
    draft.facts.text(Fact::Infno, "9001");
    draft.facts.text(Fact::Infcode, infcode);
    let body = Body::Buffered(Bytes::from(format!("{{\"infcode\":{infcode},\"err_msg\":\"未签到\"}}")));
    let reply = Reply { status: 200, reason: Bytes::new(), headers: Vec::new(), body };
    draft.sealed = Some(Sealed { reply: Some(reply), ..Sealed::default() });
    draft
}

/// What a replay of the folder finds.
fn found(data: &Path, range: Range, other: Option<Profile>) -> found::Found {
    let folder = Folder::open(data).unwrap().with(Ok(Master::Beside));
    let secret = folder.tokens().unwrap();
    let identity = secret.identity();
    let other =
        other.map(|profile| Other { name: format!("profile {}", profile.name), profile: Some(profile), rules: None });
    let mut decisions = Decisions::new(&folder, secret, Identities::new(), other);
    let derived = replay(&folder, data, range, identity, &mut decisions, &mut io::sink()).unwrap();
    assert_eq!(derived.is_some(), range.is_whole());
    assert!(derived.is_none_or(|derived| derived.is_equal()), "there are no views to differ from");
    decisions.end()
}

fn fields(differences: &found::Differences) -> Vec<String> {
    let line = |one: &found::Differing| {
        let difference = &one.difference;
        format!("{} {}: {} -> {}", one.seq, difference.field, difference.was, difference.now)
    };
    differences.listed.iter().map(line).collect()
}

const WHOLE: Range = Range { from: None, to: None };

fn class_of_9001() -> Class {
    Profile::load("baseline", &Texts::embedded()).unwrap().transaction("9001").class
}

#[test]
fn what_was_journaled_comes_out_again_and_what_was_not_is_named() {
    let right = intent(class_of_9001(), "H1");
    let same = sample::of(vec![snapshot(), right, outcome(Outcome::Confirmed, Cause::Answered, "0")]);
    let said = found(same.path(), WHOLE, None);
    assert_eq!((fields(&said.differing), said.calls, said.outcomes), (Vec::new(), 1, 1));
    assert!(said.left.is_empty());

    let wrong = vec![snapshot(), intent(Class::Money, "H2"), outcome(Outcome::Refused, Cause::Answered, "0")];
    let said = found(sample::of(wrong).path(), WHOLE, None);
    let class = class_of_9001().word();
    let expected = [
        format!("3 class: money -> {class}"),
        "3 Msgid: H2 -> H1".to_owned(),
        "4 outcome: refused -> confirmed".to_owned(),
    ];
    assert_eq!(fields(&said.differing), expected);
    assert_eq!(said.differing.exchanges["9001"].count, 1, "one exchange, however much of it differs");
}

#[test]
fn another_profile_is_told_apart_from_the_one_that_decided() {
    let drafts = vec![snapshot(), intent(class_of_9001(), "H1"), outcome(Outcome::Refused, Cause::NotSignedIn, "-1")];
    let data = sample::of(drafts);
    let site = "inherits = \"baseline\"\n[err.ours]\ncontains = [\"未签到\"]\nclass = \"means_unknown\"\nsource = \"a test\"\n";
    let texts = Texts::with(vec![("site.toml".to_owned(), site.to_owned())]);
    let other = Profile::load("site", &texts).unwrap();
    let said = found(data.path(), WHOLE, Some(other));
    assert_eq!(fields(&said.differing), [""; 0]);
    let (name, differences) = said.other.unwrap();
    let expected = ["4 outcome: refused -> unknown", "4 cause: not_signed_in -> means_unknown"];
    assert_eq!((name.as_str(), fields(&differences)), ("profile site", expected.map(str::to_owned).to_vec()));
}

#[test]
fn what_cannot_be_looked_at_is_counted_and_named() {
    let mut unnamed = intent(class_of_9001(), "H1");
    unnamed.header.profile_seq = Seq(77);
    let data = sample::of(vec![snapshot(), unnamed, outcome(Outcome::Confirmed, Cause::Answered, "0")]);
    let said = found(data.path(), WHOLE, None);
    let unreadable = &said.left[&found::Left::Unreadable];
    assert_eq!((unreadable.count, said.differing.count), (2, 0));
    assert!(unreadable.examples[0].1.contains("record 77, is not in the journal"), "{:?}", unreadable.examples);

    let range = Range { from: Some(edge("4").unwrap()), to: None };
    let said = found(data.path(), range, None);
    assert_eq!((said.records, said.left[&found::Left::BeganBefore].count), (1, 1));
    let late = Range { from: Some(edge("2100-01-01").unwrap()), to: None };
    assert_eq!(found(data.path(), late, None).records, 0);
    assert!(edge("yesterday").is_err());
}

#[test]
fn a_repeat_is_weighed_again_by_what_was_known() {
    use crate::exchange::knew::{Knew, Weighed, rule_word};
    use crate::exchange::repeat::Holder;
    use crate::profile::OnRepeat;
    let note = |step: &str, moved: bool| {
        let mut note = Draft::new(Kind::Note);
        note.header.profile_seq = Seq(2);
        note.facts.text(Fact::Infno, "2207");
        let holder = Holder {
            outcome: Outcome::Confirmed,
            age_seconds: 5,
            moved,
            settled: true,
            visit_settled: false,
            reversing: false,
        };
        let weighed = Weighed { rule: rule_word(&OnRepeat::Replay), holder, fresh_seconds: 600 };
        Knew { weighed: Some(weighed), ..Knew::default() }.add_to(&mut note.facts, step);
        note
    };
    let data = sample::of(vec![snapshot(), note("replay", false), note("GW301", true), note("replay", true)]);
    let said = found(data.path(), WHOLE, None);
    assert_eq!((said.steps, fields(&said.differing)), (3, vec!["5 step: replay -> GW301".to_owned()]));
}

#[test]
fn the_scratch_folder_is_gone_afterwards_and_nothing_else_was_touched() {
    let data = sample::of(vec![snapshot()]);
    let listed = || {
        let mut files: Vec<_> = walk(data.path());
        files.sort();
        files
    };
    let before = listed();
    let derived = Derived::new(data.path(), crate::domain::token::Token::NONE).unwrap();
    let scratch = derived.scratch().to_owned();
    assert!(scratch.is_dir());
    derived.end().unwrap();
    assert!(!scratch.exists());
    assert_eq!(listed(), before);
}

fn walk(dir: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let each = |path: std::path::PathBuf| {
        if path.is_dir() { walk(&path) } else { vec![(path.clone(), path.metadata().unwrap().len())] }
    };
    entries.flat_map(each).collect()
}
