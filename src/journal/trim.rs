//! Taking whole segments away from the front, with their index runs and body files, once a durable record says so.
//!
//! A segment leaves the journal by one rename; what it names goes then, and it goes last: whatever a crash leaves behind is found
//! again in `trimmed/` and ended by the next call. Segments go in their order, each made durable before the next one, so that
//! what is left has no gap.

use std::io::{self, ErrorKind};

use super::composite::StoredBody;
use super::disk::{Disk, DiskFile};
use super::entry::EntryKind;
use super::facts::Facts;
use super::handle::BODIES;
use super::record::{HEADER_LEN, Header, flag};
use super::segment::{self, SEGMENT_HEADER_LEN};
use super::shelf::{Shelf, Store};
use super::walk::{Step, Walk};
use super::{run, spare};
use crate::domain::exchange::Seq;
use crate::domain::token::Token;

/// Folder of segments that left the journal and whose body files are being removed.
pub const FOLDER: &str = "trimmed";

fn set_aside(segment_no: u32) -> String {
    format!("{FOLDER}/{segment_no:010}.seg")
}

/// Takes away what stands before the first record that a trim left; gives the numbers of the segments.
///
/// # Errors
/// What the disk says; the next call goes on.
pub fn finish<D: Disk>(disk: &D, shelf: &Shelf<D>) -> io::Result<Vec<u32>> {
    let to = shelf.trimmed_to();
    let Some(first) = shelf.extent_of(to).filter(|_| to != Seq::NONE) else { return Ok(Vec::new()) };
    let first = first.segment_no;
    disk.make_folder(FOLDER)?;
    shelf.forget_before(first);
    let standing = numbers(disk, segment::FOLDER)?;
    for number in standing.into_iter().filter(|number| *number < first) {
        disk.rename(&segment::path(number), &set_aside(number))?;
        disk.sync_folder(FOLDER)?;
        disk.sync_folder(segment::FOLDER)?;
    }
    let gone: Vec<u32> = numbers(disk, FOLDER)?;
    for number in &gone {
        // One that stands in the journal too was set aside by a rename that a power cut took back.
        if *number < first {
            remove_bodies(disk, shelf, *number)?;
        }
        spare::remove(disk, &set_aside(*number))?;
        disk.sync_folder(FOLDER)?;
    }
    remove_runs(disk, first)?;
    Ok(gone)
}

/// Removes the index runs of segments before `first`.
fn remove_runs<D: Disk>(disk: &D, first: u32) -> io::Result<()> {
    let names = disk.list(run::FOLDER)?;
    let old: Vec<u32> = names.iter().filter_map(|name| run::number_in(name)).filter(|number| *number < first).collect();
    old.iter().try_for_each(|number| spare::remove(disk, &run::path(*number)))?;
    if old.is_empty() { Ok(()) } else { disk.sync_folder(run::FOLDER) }
}

fn numbers<D: Disk>(disk: &D, folder: &str) -> io::Result<Vec<u32>> {
    Ok(disk.list(folder)?.iter().filter_map(|name| segment::number_in(name)).collect())
}

/// Removes the body files that the records of a segment name and no record that is left does.
fn remove_bodies<D: Disk>(disk: &D, shelf: &Shelf<D>, number: u32) -> io::Result<()> {
    let file = disk.open(&set_aside(number))?;
    let mut walk = Walk::new(&file, SEGMENT_HEADER_LEN as u64, file.len()?);
    let mut removed = false;
    while let Step::Frame { header, frame, .. } = walk.step()? {
        for name in named(&header, frame) {
            if !is_named(shelf, &header, &name)? {
                match disk.remove(&format!("{BODIES}/{name}")) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    gone => gone?,
                }
                removed = true;
            }
        }
    }
    if removed { disk.sync_folder(BODIES) } else { Ok(()) }
}

/// The body files that a record names.
fn named(header: &Header, frame: &[u8]) -> Vec<String> {
    if !header.has(flag::SPOOLED) {
        return Vec::new();
    }
    let facts = Facts::decode(&frame[HEADER_LEN..HEADER_LEN + header.facts_len as usize]).unwrap_or_default();
    let plain = |name: &String| !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with('.');
    StoredBody::all(&facts).map(|body| body.name).filter(plain).collect()
}

/// A late answer is named by the Note that heard it and by the OUTCOME that it proves, which may stand in a later segment.
fn is_named<D: Disk>(shelf: &Shelf<D>, of: &Header, name: &str) -> io::Result<bool> {
    for place in shelf.lookup(EntryKind::Exchange, Token(of.exchange_id.0))? {
        let record = shelf.read(place).map_err(io::Error::other)?;
        if StoredBody::all(&record.facts).any(|body| body.name == name) {
            return Ok(true);
        }
    }
    Ok(false)
}
