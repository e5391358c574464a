//! Archives of sealed segments: equal bytes from equal journals, no changed byte believed, and the way back into the journal.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use medgate::evidence::archive::{Kept, NotArchived, archive, file_name};
use medgate::evidence::log;
use medgate::evidence::verify_archive::{BadArchive, verify_archive};
use medgate::journal::segment;
use medgate::sandbox::draw::Draw;
use medgate::signing::pem;
use medgate::signing::sm2::Verifier;

use crate::tamper_rig::{BODIES, Files, Sealed};

const ID: [u8; 16] = [1; 16];
/// Set to write what is not there yet; nothing is written over.
const WRITE: &str = "MEDGATE_UPDATE_GOLDEN";

fn lay(files: &Files, data: &Path) {
    fs::create_dir_all(data.join(BODIES)).unwrap();
    for (name, bytes) in files {
        fs::write(data.join(name), bytes).unwrap();
    }
}

/// The journal in a folder of its own, and a folder for archives.
struct Machine {
    _dir: tempfile::TempDir,
    data: PathBuf,
    archives: PathBuf,
}

fn machine(files: &Files) -> Machine {
    let dir = tempfile::tempdir().unwrap();
    let (data, archives) = (dir.path().join("data"), dir.path().join("archives"));
    fs::create_dir_all(&archives).unwrap();
    lay(files, &data);
    Machine { _dir: dir, data, archives }
}

impl Machine {
    fn archived(&self, segment_no: u32, key: &Verifier) -> PathBuf {
        assert_eq!(archive(&self.data, segment_no, key, &self.archives).unwrap(), Kept::Now);
        self.archives.join(file_name(ID, segment_no))
    }
}

fn keys(sealed: &Sealed) -> [Verifier; 1] {
    [sealed.key.clone()]
}

#[test]
fn equal_journals_make_equal_archives_that_prove_their_records() {
    let sealed = Sealed::journal(1, 3);
    let segments = sealed.names(".seg").len() as u32;
    assert!(segments >= 4, "{segments}");
    let (one, other) = (machine(&sealed.files), machine(&sealed.files));
    let mut records = 0;
    for number in 1..segments {
        let (path, again) = (one.archived(number, &sealed.key), other.archived(number, &sealed.key));
        assert!(fs::read(&path).unwrap() == fs::read(&again).unwrap(), "segment {number}");
        let proven = verify_archive(&path, &keys(&sealed)).unwrap();
        assert!(proven.segment_no == number && proven.edge && proven.records.0 == records + 1, "{proven:?}");
        records = proven.records.1;
        assert_eq!(archive(&one.data, number, &sealed.key, &one.archives).unwrap(), Kept::Before);
    }
    let names: Vec<_> = fs::read_dir(&one.archives).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len() as u32, segments - 1, "{names:?}");
    assert!(matches!(archive(&one.data, segments, &sealed.key, &one.archives), Err(NotArchived::Io { .. })));
}

#[test]
fn no_changed_byte_of_an_archive_is_believed() {
    let sealed = Sealed::journal(1, 5);
    let machine = machine(&sealed.files);
    let path = machine.archived(2, &sealed.key);
    let whole = fs::read(&path).unwrap();
    let bent = machine.archives.join("bent.zip");
    let said = |bytes: &[u8]| {
        fs::write(&bent, bytes).unwrap();
        verify_archive(&bent, &keys(&sealed))
    };
    assert!(said(&whole).is_ok());
    let mut dice = Draw::from_seed(11);
    let front = 0..200usize;
    let back = whole.len() - 400..whole.len();
    let drawn: Vec<usize> = (0..1000).map(|_| dice.below(whole.len() as u64) as usize).collect();
    for at in front.chain(back).chain(drawn) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << dice.below(8);
        assert!(matches!(said(&bytes), Err(BadArchive::Part { .. })), "byte {at}");
    }
    for len in [0, 10, 31, 5000, whole.len() - 1] {
        assert!(matches!(said(&whole[..len]), Err(BadArchive::Part { .. })), "cut to {len}");
    }
    assert!(said(&[&whole[..], b"x"].concat()).is_err(), "a byte behind");
    let stranger = Verifier::of(&Sealed::journal(2, 5).key.public()).unwrap();
    assert!(matches!(verify_archive(&path, &[stranger]), Err(BadArchive::Part { .. })), "another key");

    // One that stands there and does not hold is made anew.
    let mut bytes = whole.clone();
    bytes[6000] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(archive(&machine.data, 2, &sealed.key, &machine.archives).unwrap(), Kept::Again);
    assert!(fs::read(&path).unwrap() == whole);
}

#[test]
fn archives_unpacked_over_a_folder_give_its_front_back() {
    let sealed = Sealed::journal(1, 7);
    let machine = machine(&sealed.files);
    let paths: Vec<PathBuf> = (1..4).map(|number| machine.archived(number, &sealed.key)).collect();
    let bodies = sealed.names(".req").len();
    let front: Vec<String> = (1..4).map(segment::path).collect();
    front.iter().for_each(|name| fs::remove_file(machine.data.join(name)).unwrap());
    fs::remove_dir_all(machine.data.join(BODIES)).unwrap();
    let mut seen = 0;
    for path in paths {
        let mut zip = zip::ZipArchive::new(fs::File::open(path).unwrap()).unwrap();
        for at in 0..zip.len() {
            let mut entry = zip.by_index(at).unwrap();
            let name = entry.name().unwrap().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            if let Some(was) = sealed.files.get(&name) {
                assert!(*was == bytes, "{name}");
                seen += 1;
            } else {
                assert!(name.starts_with("archive/"), "{name}");
            }
        }
    }
    assert!(seen > 3 && seen <= 3 + bodies, "{seen}");
}

#[test]
fn what_is_not_signed_or_damaged_is_not_archived() {
    let sealed = Sealed::journal(1, 9);
    let machine = machine(&sealed.files);
    let made = || archive(&machine.data, 2, &sealed.key, &machine.archives);
    let at = |name: &str| machine.data.join(name);
    fs::write(at(log::FILE), "").unwrap();
    assert!(matches!(made(), Err(NotArchived::NotSigned { .. })));
    fs::write(at(log::FILE), &sealed.files[log::FILE]).unwrap();

    let name = segment::path(2);
    let mut bytes = sealed.files[&name].clone();
    bytes[4096 + 330] ^= 1;
    fs::write(at(&name), &bytes).unwrap();
    let error = made().unwrap_err();
    assert!(matches!(&error, NotArchived::Damaged { file, offset: 4096, .. } if *file == name), "{error}");
    fs::write(at(&name), &sealed.files[&name]).unwrap();
    let body = sealed.names(".req").into_iter().map(|name| (at(&name), sealed.files[&name].clone()));
    let bodies: Vec<_> = body.collect();
    bodies.iter().for_each(|(path, _)| fs::write(path, "x").unwrap());
    let error = made().unwrap_err();
    assert!(error.to_string().contains("journal/bodies/") && error.to_string().contains(&name), "{error}");
    bodies.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    assert_eq!(fs::read_dir(&machine.archives).unwrap().count(), 0, "nothing half made is left");
    made().unwrap();
}

/// The archive of the first form, and the journal that it was made of. Written once, never again.
#[test]
fn the_golden_archive_is_made_again_and_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/archive");
    let path = folder.join(file_name(ID, 2));
    if std::env::var_os(WRITE).is_some() && !path.exists() {
        let sealed = Sealed::journal(1, 21);
        let machine = machine(&sealed.files);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(machine.archived(2, &sealed.key), &path).unwrap();
        let data = folder.join("data");
        let needed = |name: &String| name.contains("0000000002") || name.contains("0000000003") || *name == log::FILE;
        let zip = fs::read(&path).unwrap();
        let named = |name: &String| name.starts_with(BODIES) && zip.windows(name.len()).any(|w| w == name.as_bytes());
        lay(
            &sealed
                .files
                .iter()
                .filter(|(name, _)| needed(name) || named(name))
                .map(|(n, b)| (n.clone(), b.clone()))
                .collect(),
            &data,
        );
        fs::write(data.join("seal.pub"), pem::of_public(&sealed.key.public()).unwrap()).unwrap();
    }
    let data = folder.join("data");
    let key = Verifier::parse(&fs::read_to_string(data.join("seal.pub")).unwrap()).unwrap();
    let proven = verify_archive(&path, std::slice::from_ref(&key)).unwrap();
    assert!(proven.bodies > 0 && proven.edge && proven.checkpoint.journal_id == ID, "{proven:?}");
    let made = tempfile::tempdir().unwrap();
    assert_eq!(archive(&data, 2, &key, made.path()).unwrap(), Kept::Now);
    assert!(fs::read(made.path().join(file_name(ID, 2))).unwrap() == fs::read(&path).unwrap());
}
