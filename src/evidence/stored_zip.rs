//! The bytes of a zip whose entries are stored as they are (PKWARE APPNOTE 6.3.3): every byte outside the entries is a function
//! of their names, lengths and sums, so that equal contents make equal files in every year, whatever library wrote other zips.
//!
//! Time is 1980-01-01, the earliest that the format knows; 64-bit fields stand only where 32 bits do not hold the value.

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const DATE_1980_01_01: u16 = 0x0021;
/// Made on Unix, by version 3.0 of the format.
const MADE_BY: u16 = 0x031e;
/// A plain file that its owner may read and write.
const ATTRIBUTES: u32 = 0o100_600 << 16;
/// Length of a local header without name and extra field.
pub(super) const LOCAL_BYTES: usize = 30;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Path in the archive, ASCII.
    pub(super) name: String,
    /// Length in bytes.
    pub(super) len: u64,
    /// CRC-32 over them.
    pub(super) crc: u32,
}

/// What does not fit 32 bits is all ones there, and stands in the extra field.
fn short(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn is_long(value: u64) -> bool {
    short(value) == u32::MAX
}

fn extra(values: &[u64]) -> Vec<u8> {
    let long: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    match long.len() {
        0 => long,
        len => [&1u16.to_le_bytes()[..], &(len as u16).to_le_bytes(), &long].concat(),
    }
}

/// Version needed, flags, method, time, date, sum, both lengths: the same in both headers.
fn shared(entry: &Entry, needs_64: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let version: u16 = if needs_64 { 45 } else { 10 };
    for value in [version, 0, 0, 0, DATE_1980_01_01] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    for value in [entry.crc, short(entry.len), short(entry.len)] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out
}

fn lengths(name: &str, extra: &[u8]) -> [u8; 4] {
    let (name, extra) = ((name.len() as u16).to_le_bytes(), (extra.len() as u16).to_le_bytes());
    [name[0], name[1], extra[0], extra[1]]
}

/// What stands before the bytes of an entry.
pub(super) fn local(entry: &Entry) -> Vec<u8> {
    let long = is_long(entry.len);
    let extra = extra(&[entry.len; 2][..if long { 2 } else { 0 }]);
    let (shared, lengths) = (shared(entry, long), lengths(&entry.name, &extra));
    [&LOCAL.to_le_bytes()[..], &shared, &lengths, entry.name.as_bytes(), &extra].concat()
}

/// What stands behind the bytes of the last entry.
pub(super) fn directory(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    for entry in entries {
        let sizes = if is_long(entry.len) { vec![entry.len; 2] } else { Vec::new() };
        let offset = if is_long(at) { vec![at] } else { Vec::new() };
        let extra = extra(&[sizes, offset].concat());
        out.extend_from_slice(&CENTRAL.to_le_bytes());
        out.extend_from_slice(&MADE_BY.to_le_bytes());
        out.extend_from_slice(&shared(entry, !extra.is_empty()));
        out.extend_from_slice(&lengths(&entry.name, &extra));
        out.extend_from_slice(&[0; 6]); // No comment, first disk, no inner attributes.
        out.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        out.extend_from_slice(&short(at).to_le_bytes());
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&extra);
        at += local(entry).len() as u64 + entry.len;
    }
    end(&mut out, entries.len() as u64, at);
    out
}

fn end(out: &mut Vec<u8>, count: u64, begins: u64) {
    let len = out.len() as u64;
    let few = u16::try_from(count).unwrap_or(u16::MAX);
    if few == u16::MAX || is_long(begins) || is_long(len) {
        let at = begins + len;
        out.extend_from_slice(&END_64.to_le_bytes());
        out.extend_from_slice(&44u64.to_le_bytes());
        out.extend_from_slice(&MADE_BY.to_le_bytes());
        out.extend_from_slice(&45u16.to_le_bytes());
        out.extend_from_slice(&[0; 8]); // This disk, the disk of the directory.
        for value in [count, count, len, begins] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&LOCATOR_64.to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(&1u32.to_le_bytes());
    }
    out.extend_from_slice(&END.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    for value in [few, few] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    for value in [short(len), short(begins)] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&[0; 2]);
}

/// Name length and byte length that a local header says, for the first entry of a file that nothing is known of yet.
pub(super) fn sizes_in(local: &[u8; LOCAL_BYTES]) -> (usize, u64) {
    let len = u32::from_le_bytes([local[22], local[23], local[24], local[25]]);
    (usize::from(u16::from_le_bytes([local[26], local[27]])), u64::from(len))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    #[test]
    fn another_reader_finds_every_entry() {
        let texts: Vec<(String, Vec<u8>)> = (0..70_000).map(|n| (format!("a/{n}.txt"), vec![b'x'; n % 7])).collect();
        for texts in [&texts[..3], &texts[..]] {
            let entry = |(name, bytes): &(String, Vec<u8>)| Entry {
                name: name.clone(),
                len: bytes.len() as u64,
                crc: crc32fast::hash(bytes),
            };
            let entries: Vec<Entry> = texts.iter().map(entry).collect();
            let mut file: Vec<u8> = entries
                .iter()
                .zip(texts)
                .flat_map(|(entry, (_, bytes))| [local(entry), bytes.clone()].concat())
                .collect();
            assert_eq!(sizes_in(file.first_chunk().unwrap()), (entries[0].name.len(), entries[0].len));
            file.extend(directory(&entries));
            let mut zip = zip::ZipArchive::new(Cursor::new(file)).unwrap();
            assert_eq!(zip.len(), texts.len());
            for at in [0, 1, 2, texts.len() - 1] {
                let mut entry = zip.by_index(at).unwrap();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                assert_eq!((entry.name().unwrap().into_owned(), bytes), texts[at]);
            }
        }
    }

    #[test]
    fn what_is_longer_than_32_bits_stands_in_64() {
        let entries =
            [Entry { name: "a".to_owned(), len: 5 << 30, crc: 1 }, Entry { name: "b".to_owned(), len: 7, crc: 2 }];
        let extra_bytes = 4 + 16;
        assert_eq!(local(&entries[0]).len(), LOCAL_BYTES + 1 + extra_bytes);
        assert_eq!(local(&entries[1]).len(), LOCAL_BYTES + 1);
        let tail = directory(&entries);
        assert_eq!(tail.len(), (46 + 1 + 4 + 16) + (46 + 1 + 4 + 8) + 56 + 20 + 22);
        let begins = (5u64 << 30) + 7 + local(&entries[0]).len() as u64 + local(&entries[1]).len() as u64;
        assert!(tail.windows(8).any(|bytes| bytes == begins.to_le_bytes()));
    }
}
