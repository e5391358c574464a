//! Whatever somebody changes in a sealed journal, the verifier finds it and names the record; and it never cries wolf.

use std::sync::LazyLock;

use medgate::evidence::checkpoint::Checkpoint;
use medgate::evidence::log;
use medgate::evidence::verdict::{Harm, Verdict};
use medgate::journal::Record;
use medgate::journal::facts::{Fact, Facts};
use medgate::journal::pen::clear_frame;
use medgate::journal::record::{self, HEADER_LEN, Header, Stamp, payload_digest};
use medgate::journal::segment::SEGMENT_HEADER_LEN;
use medgate::sandbox::draw::Draw;
use medgate::signing::sm2::SoftKey;

use crate::tamper_rig::{BODIES, Files, Sealed, Stands, killed, records_of};

const PLACES: usize = 1_000;
/// The files of another journal.
static FOREIGN: LazyLock<Files> = LazyLock::new(|| Sealed::journal(6, 1).files);

/// What must be found: the harm, and the first and last record that may be named as the first bad one.
struct Expected {
    harms: &'static [Harm],
    records: Option<(u64, u64)>,
}

fn at(harms: &'static [Harm], record: u64) -> Expected {
    Expected { harms, records: Some((record, record)) }
}

type Change = fn(&Sealed, &mut Files, &mut Draw) -> Expected;

/// What somebody does to the files, each at a place that the dice choose.
const CHANGES: &[(&str, Change)] = &[
    ("flip a bit of a record", flip_record),
    ("flip a bit of a segment's header", flip_segment_header),
    ("delete a record", delete_record),
    ("insert a record again", insert_record),
    ("swap two records", swap_records),
    ("cut the end", cut_end),
    ("put bytes behind the end", lengthen),
    ("set everything back to an earlier state", set_back),
    ("delete a segment", delete_segment),
    ("swap two segments", swap_segments),
    ("put in a segment of another journal", foreign_segment),
    ("flip a bit of a body", flip_body),
    ("delete a body", delete_body),
    ("swap two bodies", swap_bodies),
    ("flip a bit of a checkpoint", flip_checkpoint),
    ("put in a checkpoint of another key", foreign_checkpoint),
    ("change a record and make digests and chain anew", forge_record),
];

fn any<'a, T>(of: &'a [T], dice: &mut Draw) -> &'a T {
    &of[dice.below(of.len() as u64) as usize]
}

fn flip(bytes: &mut [u8], from: usize, end: usize, dice: &mut Draw) -> usize {
    let place = from + dice.below((end - from) as u64) as usize;
    bytes[place] ^= 1 << dice.below(8);
    place
}

fn flip_record(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let records = sealed.records();
    let Stands { file, from, end, seq } = any(&records, dice).clone();
    flip(files.get_mut(&file).unwrap(), from, end, dice);
    at(&[Harm::Record], seq)
}

fn flip_segment_header(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let file = any(&sealed.names(".seg"), dice).clone();
    let first = records_of(&file, &sealed.files[&file])[0].seq;
    flip(files.get_mut(&file).unwrap(), 0, SEGMENT_HEADER_LEN, dice);
    at(&[Harm::Segment], first)
}

fn delete_record(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let records = sealed.records();
    let Stands { file, from, end, seq } = any(&records, dice).clone();
    files.get_mut(&file).unwrap().drain(from..end);
    at(&[Harm::Record, Harm::Cut], seq)
}

fn insert_record(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let records = sealed.records();
    let Stands { file, from, end, seq } = any(&records, dice).clone();
    let bytes = files.get_mut(&file).unwrap();
    let again = bytes[from..end].to_vec();
    bytes.splice(end..end, again);
    at(&[Harm::Record], seq + 1)
}

fn swap_records(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let file = any(&sealed.names(".seg"), dice).clone();
    let records = records_of(&file, &sealed.files[&file]);
    let first = dice.below(records.len() as u64 - 1) as usize;
    let (one, other) = (&records[first], &records[first + 1]);
    let bytes = files.get_mut(&file).unwrap();
    bytes[one.from..other.end].rotate_left(one.end - one.from);
    at(&[Harm::Record], one.seq)
}

fn cut_end(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let file = sealed.names(".seg").pop().unwrap();
    let records = records_of(&file, &sealed.files[&file]);
    let Stands { from, end, seq, .. } = any(&records, dice).clone();
    let cut = if dice.chance(50) { from } else { from + dice.below((end - from) as u64) as usize };
    files.get_mut(&file).unwrap().truncate(cut);
    at(&[Harm::Record, Harm::Cut], seq)
}

fn lengthen(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let file = any(&sealed.names(".seg"), dice).clone();
    let last = records_of(&file, &sealed.files[&file]).pop().unwrap();
    let more = vec![7; 1 + dice.below(64) as usize];
    files.get_mut(&file).unwrap().extend(more);
    at(&[Harm::Record], last.seq + 1)
}

fn set_back(sealed: &Sealed, files: &mut Files, _: &mut Draw) -> Expected {
    files.clone_from(&sealed.earlier);
    let last = files.iter().rfind(|(name, _)| name.ends_with(".seg")).unwrap();
    at(&[Harm::Cut], records_of(last.0, last.1).pop().unwrap().seq + 1)
}

fn delete_segment(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let file = any(&sealed.names(".seg"), dice).clone();
    let first = records_of(&file, &sealed.files[&file])[0].seq;
    files.remove(&file);
    at(&[Harm::Segment, Harm::Cut, Harm::Missing], first)
}

fn swap_segments(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let names = sealed.names(".seg");
    let first = dice.below(names.len() as u64 - 1) as usize;
    let seq = records_of(&names[first], &sealed.files[&names[first]])[0].seq;
    let one = files[&names[first]].clone();
    let other = files.insert(names[first + 1].clone(), one).unwrap();
    files.insert(names[first].clone(), other);
    at(&[Harm::Segment], seq)
}

fn foreign_segment(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let names = sealed.names(".seg");
    let at_name = 1 + dice.below(names.len() as u64 - 1) as usize;
    let name = names[at_name].clone();
    let first = records_of(&name, &sealed.files[&name])[0].seq;
    let foreign = FOREIGN
        .get(&name)
        .unwrap_or_else(|| FOREIGN.values().find(|bytes| bytes.starts_with(b"MGS1")).unwrap())
        .clone();
    files.insert(name, foreign);
    at(&[Harm::Segment], first)
}

/// A body and the record that names it.
fn a_body(sealed: &Sealed, dice: &mut Draw) -> (String, u64) {
    let name = any(&sealed.names(".req"), dice).clone();
    let short = name.strip_prefix(BODIES).unwrap().trim_start_matches('/').as_bytes().to_vec();
    let records = sealed.records();
    let names_it = |stands: &&Stands| {
        let bytes = &sealed.files[&stands.file][stands.from..stands.end];
        bytes.windows(short.len()).any(|window| window == short)
    };
    let seq = records.iter().find(names_it).unwrap().seq;
    (name, seq)
}

fn flip_body(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let (name, seq) = a_body(sealed, dice);
    let bytes = files.get_mut(&name).unwrap();
    let len = bytes.len();
    flip(bytes, 0, len, dice);
    at(&[Harm::Body], seq)
}

fn delete_body(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let (name, seq) = a_body(sealed, dice);
    files.remove(&name);
    at(&[Harm::Body], seq)
}

fn swap_bodies(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let (one, first) = a_body(sealed, dice);
    let (other, second) = loop {
        let body = a_body(sealed, dice);
        if body.0 != one {
            break body;
        }
    };
    let bytes = files[&one].clone();
    let bytes = files.insert(other, bytes).unwrap();
    files.insert(one, bytes);
    at(&[Harm::Body], first.min(second))
}

fn flip_checkpoint(_: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let bytes = files.get_mut(log::FILE).unwrap();
    let len = bytes.len();
    flip(bytes, 0, len, dice);
    Expected { harms: &[Harm::Checkpoint], records: None }
}

fn foreign_checkpoint(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let stranger = SoftKey::parse(&hex::encode([0x77; 32])).unwrap();
    let size = 1 + dice.below(sealed.records().len() as u64);
    let note = Checkpoint { journal_id: [1; 16], size, root: [1; 32], time: 1 }.sign(&stranger).unwrap();
    files.get_mut(log::FILE).unwrap().extend(format!("{note}\n").bytes());
    Expected { harms: &[Harm::Checkpoint], records: None }
}

/// Somebody who knows the format and has no key: within the last segment everything is made anew.
fn forge_record(sealed: &Sealed, files: &mut Files, dice: &mut Draw) -> Expected {
    let file = sealed.names(".seg").pop().unwrap();
    let records = records_of(&file, &sealed.files[&file]);
    let bytes = files.get_mut(&file).unwrap();
    // SegmentOpen and Carry are held to the segment's header and to the tree itself.
    let first = 2 + dice.below(records.len() as u64 - 2) as usize;
    let mut chain = Header::decode(&bytes[records[first - 1].from..]).unwrap().chain;
    for (nth, stands) in records.iter().enumerate().skip(first) {
        let frame = &mut bytes[stands.from..stands.end];
        let mut header = Header::decode(frame).unwrap();
        if nth == first {
            header.at_unix_ns += 1;
        }
        let payload = frame[HEADER_LEN..HEADER_LEN + header.payload_len as usize].to_vec();
        header.payload_digest = payload_digest(&payload);
        frame[..HEADER_LEN].copy_from_slice(&header.encode());
        let stamp = Stamp {
            seq: header.seq,
            durable_seq: header.durable_seq,
            segment_no: header.segment_no,
            prev_chain: chain,
        };
        chain = record::stamp(frame, &stamp);
    }
    // The tree cannot tell which record it was: the span since the last good checkpoint is named.
    let forged = records[first].seq;
    Expected { harms: &[Harm::Tree], records: Some((forged.saturating_sub(90), forged)) }
}

fn check(name: &str, expected: &Expected, verdict: &Verdict) {
    let found = verdict.harms.first().unwrap_or_else(|| panic!("{name}: nothing was found"));
    assert_eq!(verdict.exit_code(), 1);
    assert!(expected.harms.contains(&found.harm), "{name}: {found:?}");
    if let Some((from, to)) = expected.records {
        assert!((from..=to).contains(&found.from.0), "{name}: {from} - {to} expected, {found:?}");
        assert!(found.to.0 >= to, "{name}: {found:?} ends before {to}");
    }
    let told = verdict.text();
    assert!(told.contains("损坏 DAMAGED") && told.contains("RESULT: DAMAGED"), "{told}");
}

#[test]
fn every_change_at_a_thousand_places_is_found_and_the_record_named() {
    let sealed = Sealed::journal(1, 1);
    assert!(sealed.names(".seg").len() >= 4 && sealed.names(".req").len() >= 8);
    let mut dice = Draw::from_seed(2);
    for nth in 0..PLACES {
        let (name, change) = CHANGES[nth % CHANGES.len()];
        let mut files = sealed.files.clone();
        let expected = change(&sealed, &mut files, &mut dice);
        assert_ne!(files, sealed.files, "{name} changed nothing");
        check(&format!("{name}, place {nth}"), &expected, &sealed.verdict(&files));
        if nth % 100 == 0 {
            assert_eq!(sealed.verdict(&sealed.files).exit_code(), 0, "untouched again after {name}");
        }
    }
    assert!(CHANGES.len() >= 12);
}

#[test]
fn an_untouched_journal_never_fails() {
    for seed in 0..5 {
        let sealed = Sealed::journal(3, seed);
        let verdict = sealed.verdict(&sealed.files);
        assert_eq!((verdict.exit_code(), verdict.unsealed), (0, 0), "seed {seed}: {}", verdict.text());
        assert_eq!(verdict.records, sealed.records().len() as u64);
        assert_eq!(verdict.bodies, sealed.names(".req").len() as u64);
    }
    let sealed = Sealed::journal(3, 1);
    let stranger = Sealed::journal(2, 1);
    let verdict = sealed.verdict_under(&sealed.files, &stranger.key);
    assert_eq!((verdict.exit_code(), verdict.harms[0].harm), (1, Harm::Checkpoint));
    assert!(verdict.harms.len() <= 3 && verdict.text().contains("holds under the given key"), "{}", verdict.text());

    let verdict = killed();
    assert_eq!(verdict.exit_code(), 3, "{}", verdict.text());
    assert!(verdict.unsealed > 0 && verdict.sealed.is_some());
}

#[test]
fn a_journal_whose_carry_holds_no_edge_yet_gets_its_tree_from_all_records() {
    let sealed = Sealed::journal(4, 9);
    let file = sealed.names(".seg").pop().unwrap();
    let records = records_of(&file, &sealed.files[&file]);
    let stored = &sealed.files[&file];
    let mut older = stored[..records[1].from].to_vec();
    let mut chain = Header::decode(&stored[records[0].from..]).unwrap().chain;
    for (nth, stands) in records.iter().enumerate().skip(1) {
        let record = Record::decode(&stored[stands.from..stands.end], stands.from as u64).unwrap();
        let mut facts = Facts::default();
        for (tag, value) in record.facts.0.entries().filter(|(tag, _)| nth != 1 || *tag != Fact::Frontier as u16) {
            facts.0.add(tag, value);
        }
        let header = record.header;
        let mut frame = clear_frame(header.clone(), &facts).bytes;
        let stamp = Stamp {
            seq: header.seq,
            durable_seq: header.durable_seq,
            segment_no: header.segment_no,
            prev_chain: chain,
        };
        chain = record::stamp(&mut frame, &stamp);
        older.extend(frame);
    }
    assert!(older.len() < stored.len());
    let (found, counted) = sealed.reopened(&file, &older);
    assert_eq!(found, counted);
    assert!(found.size() > records.last().unwrap().seq);
}
