//! A journal folder read without its lock, also while the gateway writes: whole records in order, and where to begin.
//!
//! The last records may be a batch whose sync is still under way; whoever needs certainty asks `verify`.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::message::BodyFile;
use crate::evidence::seal_key;
use crate::journal::Record;
use crate::journal::body_front::{body_front, each_frame};
use crate::journal::draft::Sealed;
use crate::journal::key_folder::KeyFolder;
use crate::journal::master::Master;
use crate::journal::sealing::{plain, unseal};
use crate::journal::segment::{self, SEGMENT_HEADER_LEN, SegmentHeader, read_header};
use crate::journal::tokens::Tokens;
use crate::journal::walk::{Step, Walk};
use crate::journal::{KEYS, Unopened};
use crate::signing::sm2::SoftKey;

/// An exchange may be journaled a little before or after the moment in its id: two clocks, one set by hand.
const CLOCK_SLACK_NS: i64 = 3_600_000_000_000;

/// The journal of a data folder.
pub(in crate::cli) struct Folder {
    data: PathBuf,
    keys: Result<KeyFolder, String>,
    segments: Vec<SegmentHeader>,
}

impl Folder {
    /// Looks which segments there are.
    pub(in crate::cli) fn open(data: &Path) -> Result<Folder, String> {
        let mut folder =
            Folder { data: data.to_owned(), keys: Err("its keys were not asked for".to_owned()), segments: Vec::new() };
        folder.look_again()?;
        if folder.segments.is_empty() { Err("there is no journal in this folder".to_owned()) } else { Ok(folder) }
    }

    /// The same with a master key, or with the reason why there is none: then sealed parts stay closed.
    pub(in crate::cli) fn with(mut self, master: Result<Master, String>) -> Folder {
        self.keys = master.map(|master| KeyFolder::at(&self.data.join(KEYS), master));
        self
    }

    /// Takes up segments that were begun since.
    pub(in crate::cli) fn look_again(&mut self) -> Result<(), String> {
        let folder = self.data.join(segment::FOLDER);
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut numbers: Vec<u32> = names.filter_map(|name| segment::number_in(&name)).collect();
        numbers.sort_unstable();
        let known = self.segments.last().map_or(0, |last| last.segment_no);
        let newest = numbers.last().copied();
        for number in numbers.into_iter().filter(|number| *number > known) {
            let path = segment::path(number);
            match read_header(&self.file(number)?).map_err(|error| format!("{path}: {error}"))? {
                Ok(header) => self.segments.push(header),
                Err(_) if Some(number) == newest => {} // Being begun: its header comes with its first batch.
                Err(why) => return Err(format!("{path}: {why}")),
            }
        }
        Ok(())
    }

    /// First record numbers of all segments, ascending.
    pub(in crate::cli) fn starts(&self) -> Vec<Seq> {
        self.segments.iter().map(|segment| segment.first_seq).collect()
    }

    /// The first record that stands here.
    pub(in crate::cli) fn first(&self) -> Seq {
        self.segments.first().map_or(Seq::NONE, |segment| segment.first_seq)
    }

    /// A record number at or before the first record of an exchange, by the time in its id.
    pub(in crate::cli) fn start_of(&self, exchange: ExchangeId) -> Seq {
        let id = exchange.0;
        let millis = id[..6].iter().fold(0i64, |millis, byte| millis << 8 | i64::from(*byte));
        let latest = millis * 1_000_000 - CLOCK_SLACK_NS;
        let before = self.segments.iter().rev().find(|segment| segment.created_at_unix_ns <= latest);
        before.map_or(Seq::NONE, |segment| segment.first_seq)
    }

    /// Visits the records numbered `from` or later and below `until`, in order.
    pub(in crate::cli) fn each(
        &self,
        from: Seq,
        until: Seq,
        visit: &mut dyn FnMut(Record) -> std::ops::ControlFlow<()>,
    ) -> Result<(), String> {
        for (at, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(at + 1);
            if next.is_some_and(|next| next.first_seq <= from) || segment.first_seq >= until {
                continue;
            }
            let file = self.file(segment.segment_no)?;
            let end = match next {
                Some(next) => next.prev_valid_len,
                None => file.metadata().map_err(|error| error.to_string())?.len(),
            };
            let bad = |at: u64, why: String| format!("{} at {at}: {why}", segment::path(segment.segment_no));
            let mut walk = Walk::new(&file, SEGMENT_HEADER_LEN as u64, end);
            loop {
                match walk.step().map_err(|error| error.to_string())? {
                    // Behind the last whole record of the newest segment stand zeros, or a batch being written.
                    Step::Bad { .. } if next.is_none() => break,
                    Step::Bad { at, why } => return Err(bad(at, why.to_string())),
                    Step::End => break,
                    Step::Frame { header, .. } if header.seq < from => {}
                    Step::Frame { header, .. } if header.seq >= until => return Ok(()),
                    Step::Frame { at, frame, .. } => {
                        let record = Record::decode(frame, at).map_err(|why| bad(at, why.to_string()))?;
                        if visit(record).is_break() {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The sealed part of a record, with the keys of this data folder.
    pub(in crate::cli) fn unseal(&self, record: &Record) -> Result<Sealed, Unopened> {
        let keys = self.keys.as_ref().map_err(|why| Unopened::Not(why.clone()))?;
        Ok(unseal(keys, &record.header, &record.payload)?)
    }

    /// The front of a body file, with the keys of this data folder.
    pub(in crate::cli) fn front(&self, body: &BodyFile, bytes_max: usize) -> Result<Vec<u8>, Unopened> {
        let keys = self.keys.as_ref().map_err(|why| Unopened::Not(why.clone()))?;
        Ok(body_front(&self.data, keys, body, bytes_max)?)
    }

    /// The sealed part of a record in its plain form, salt first.
    pub(in crate::cli) fn plain(&self, record: &Record) -> Result<Bytes, Unopened> {
        let keys = self.keys.as_ref().map_err(|why| Unopened::Not(why.clone()))?;
        Ok(plain(keys, &record.header, &record.payload)?)
    }

    /// The key that seals this journal.
    pub(in crate::cli) fn seal_key(&self) -> Result<SoftKey, String> {
        seal_key::read(self.keys.as_ref().map_err(Clone::clone)?).map_err(|why| why.to_string())
    }

    /// The data folder.
    pub(in crate::cli) fn data(&self) -> &Path {
        &self.data
    }

    /// A body file frame by frame, with the keys of this data folder.
    pub(in crate::cli) fn each_frame(&self, body: &BodyFile, visit: &mut dyn FnMut(&[u8])) -> Result<(), Unopened> {
        let keys = self.keys.as_ref().map_err(|why| Unopened::Not(why.clone()))?;
        let mut visit = |frame: &[u8]| {
            visit(frame);
            true
        };
        Ok(each_frame(&self.data, keys, body, &mut visit)?)
    }

    /// The index secret of this data folder.
    pub(in crate::cli) fn tokens(&self) -> Result<Tokens, String> {
        self.keys.as_ref().map_err(String::clone)?.tokens().map_err(|error| error.to_string())
    }

    /// A record by its number.
    pub(in crate::cli) fn record(&self, seq: Seq) -> Result<Option<Record>, String> {
        let mut found = None;
        self.each(seq, Seq(seq.0.saturating_add(1)), &mut |record| {
            found = Some(record);
            std::ops::ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn file(&self, number: u32) -> Result<File, String> {
        let path = self.data.join(segment::path(number));
        File::open(&path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::super::sample;
    use super::*;

    fn seqs(folder: &Folder, from: u64, until: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        let mut visit = |record: Record| {
            seen.push(record.header.seq.0);
            ControlFlow::Continue(())
        };
        folder.each(Seq(from), Seq(until), &mut visit).unwrap();
        seen
    }

    #[test]
    fn records_are_read_in_order_across_segments() {
        let sample = sample::journal();
        let folder = Folder::open(sample.path()).unwrap();
        assert_eq!(folder.starts(), [Seq(1), Seq(4)]);
        assert_eq!(seqs(&folder, 0, u64::MAX), [1, 2, 3, 4, 5]);
        assert_eq!(seqs(&folder, 2, 5), [2, 3, 4]);
        assert_eq!(seqs(&folder, 5, u64::MAX), [5]);
    }

    #[test]
    fn a_batch_under_way_is_not_shown_and_a_hole_is_named() {
        let sample = sample::journal();
        let last = sample.path().join(segment::path(2));
        let whole = std::fs::read(&last).unwrap();
        std::fs::write(&last, [whole.as_slice(), b"MGR1 half a record"].concat()).unwrap();
        assert_eq!(seqs(&Folder::open(sample.path()).unwrap(), 0, u64::MAX), [1, 2, 3, 4, 5]);
        let first = sample.path().join(segment::path(1));
        let mut bytes = std::fs::read(&first).unwrap();
        bytes[SEGMENT_HEADER_LEN + 200] ^= 1;
        std::fs::write(&first, bytes).unwrap();
        let folder = Folder::open(sample.path()).unwrap();
        let why = folder.each(Seq::NONE, Seq(u64::MAX), &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(why.contains("0000000001.seg at 4096"), "{why}");
    }

    #[test]
    fn an_exchange_is_looked_for_from_its_time_on() {
        let sample = sample::journal();
        let folder = Folder::open(sample.path()).unwrap();
        let at = |unix_ns| folder.start_of(ExchangeId::new(unix_ns, [0; 10]));
        assert_eq!(at(sample::AT), Seq::NONE, "a little later than the first segment: all of it");
        assert_eq!(at(sample::AT + 2 * CLOCK_SLACK_NS), Seq(1));
        assert_eq!(at(sample::AT + 100 * CLOCK_SLACK_NS), Seq(4));
        assert!(Folder::open(tempfile::tempdir().unwrap().path()).is_err());
        std::fs::write(sample.path().join(segment::path(3)), [0; 8192]).unwrap();
        assert_eq!(Folder::open(sample.path()).unwrap().starts().len(), 2, "a segment that is being begun");
    }
}
