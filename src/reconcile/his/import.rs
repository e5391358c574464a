//! A file of the HIS, stored sealed as it comes, checked, and journaled when nothing is wrong with it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sm3::{Digest, Sm3};

use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::message::{Body, BodyFile, Request};
use crate::domain::token::Token;
use crate::journal::bodies::{BodyError, Side};
use crate::journal::body_front::{Frames, FrontError};
use crate::journal::draft::{Draft, Sealed};
use crate::journal::entropy::{Entropy, SystemEntropy};
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::keys::KeyError;
use crate::journal::record::Kind;
use crate::journal::{AppendError, Journal, ReadError, Record};

use super::super::ledger::day::Day;
use super::check::check;
use super::complaint::{Report, Unread};
use super::decode::Encoding;
use super::mapping::{Mapping, Settings};
use super::table::form_of;
use super::view::NotRead;

/// Bytes of one file.
pub const FILE_BYTES_MAX: u64 = 2 << 30;
/// A file up to this length stands in its record, a longer one in a body file.
const RECORD_BYTES_MAX: u64 = 64 * 1024;
const CHUNK_BYTES: usize = 256 * 1024;
/// Longest name of a file that is kept, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// What is to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Name of the file.
    pub name: String,
    /// The day that it is the ledger of.
    pub day: Day,
    /// 定点医药机构编号, where neither the settings nor its rows say it.
    pub institution: String,
    /// Who imports it.
    pub who: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It is taken.
    Taken {
        /// Its record.
        record: Seq,
        /// Rows.
        rows: u64,
        /// The record of the file that it replaces.
        replaced: Option<Seq>,
    },
    /// The same bytes are in force already.
    Same {
        /// Their record.
        record: Seq,
    },
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportTrouble {
    /// What is wrong with the file.
    #[error("{0}")]
    Report(Box<Report>),
    /// The settings do not say what a file must have.
    #[error("配置 [his_ledger] 未指明列：{0}；请写上HIS文件里的表头 (these columns are not mapped)")]
    Unmapped(String),
    /// The view was not read.
    #[error("{0}")]
    View(#[from] NotRead),
    /// No key to seal it with.
    #[error("the file cannot be sealed: {0}")]
    Key(#[from] KeyError),
    /// The body file.
    #[error("the file cannot be stored: {0}")]
    Body(#[from] BodyError),
    /// The body file, read back.
    #[error("what was stored cannot be read back: {0}")]
    Front(#[from] FrontError),
    /// The source, the disk or the index.
    #[error("the file cannot be read or stored: {0}")]
    Io(#[from] io::Error),
    /// A record.
    #[error("a record cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The journal.
    #[error("nothing was imported, because it cannot be journaled: {0}")]
    Append(#[from] AppendError),
}

/// Imports a file. Nothing of it stays when anything is wrong with it. Reads block; call it off the runtime.
///
/// # Errors
/// What is wrong with the file, or what failed.
pub async fn import(
    journal: &Journal,
    data: &Path,
    settings: &Settings,
    asked: &Asked,
    source: &mut dyn Read,
    at_unix_ns: i64,
) -> Result<Imported, ImportTrouble> {
    let unmapped = settings.unmapped();
    if !unmapped.is_empty() {
        return Err(ImportTrouble::Unmapped(unmapped.join("、")));
    }
    let mut random = [0; 10];
    SystemEntropy.fill(&mut random)?;
    let stored = Stored { id: ExchangeId::new(at_unix_ns, random), slot: journal.take_slot()? };
    let (file, digest) = stored.spool(journal, source).await?;
    let done = take(journal, data, settings, asked, (&stored, &file, digest), at_unix_ns).await;
    // A record that could not be written now may be written later: then it needs its file.
    if !matches!(done, Ok((Imported::Taken { .. }, true)) | Err(ImportTrouble::Append(_))) {
        journal.bodies().remove(&file).await?;
    }
    done.map(|(imported, _)| imported)
}

/// Where a file is stored until it is known whether it is taken.
struct Stored {
    id: ExchangeId,
    slot: u64,
}

impl Stored {
    /// Never in clear, not even for a moment: it is full of persons.
    async fn spool(&self, journal: &Journal, source: &mut dyn Read) -> Result<(BodyFile, [u8; 32]), ImportTrouble> {
        let mut writer = journal.bodies().create(self.id, Side::Req, self.slot).await?;
        let (mut digest, mut chunk, mut len) = (Sm3::new(), vec![0; CHUNK_BYTES], 0);
        loop {
            let read = source.read(&mut chunk)?;
            if read == 0 {
                return Ok((writer.finish().await?, digest.finalize().into()));
            }
            len += read as u64;
            if FILE_BYTES_MAX < len {
                let report = Report::of_file("文件超过 2 GiB；请按机构或时段分开导入");
                return Err(ImportTrouble::Report(Box::new(report)));
            }
            digest.update(&chunk[..read]);
            writer.write(&chunk[..read]).await?;
        }
    }
}

/// True beside what came of it when the record names the body file.
async fn take(
    journal: &Journal,
    data: &Path,
    settings: &Settings,
    asked: &Asked,
    (stored, file, digest): (&Stored, &BodyFile, [u8; 32]),
    at_unix_ns: i64,
) -> Result<(Imported, bool), ImportTrouble> {
    let mut open = || -> io::Result<Box<dyn Read>> {
        Frames::open(data, journal.keys(), file)
            .map(|frames| Box::new(frames) as Box<dyn Read>)
            .map_err(io::Error::other)
    };
    let unread = |error: Unread| match error {
        Unread::File(_, what) => ImportTrouble::Report(Box::new(Report::of_file(what))),
        Unread::Io(error) => ImportTrouble::Io(error),
    };
    let form = form_of(&mut open, Encoding::named(&settings.encoding)).map_err(unread)?;
    let mapping = Mapping { form, headers: settings.headers(), refund_words: settings.refund_words.clone() };
    let checked = check(open()?, &mapping, asked.day).map_err(|report| ImportTrouble::Report(Box::new(report)))?;
    let said = [&checked.institution, &asked.institution, &settings.institution];
    let institution = said.into_iter().find(|code| !code.is_empty()).cloned().unwrap_or_default();
    let key = journal.tokens().of("his_ledger", &format!("{institution}\n{}", asked.day));
    let replaced = in_force(journal, key)?;
    if let Some(before) = &replaced
        && before.facts.all(Fact::FileDigest).any(|known| known == digest)
        && before.facts.text_of(Fact::Text) == Some(&mapping.text())
    {
        return Ok((Imported::Same { record: before.header.seq }, false));
    }
    let spooled = RECORD_BYTES_MAX < file.raw_len;
    let body = if spooled {
        Body::Spooled(Arc::new(file.clone()))
    } else {
        let mut bytes = Vec::new();
        open()?.read_to_end(&mut bytes)?;
        Body::Buffered(Bytes::from(bytes))
    };
    let name = &asked.name[..asked.name.floor_char_boundary(NAME_BYTES_MAX)];
    let target = Bytes::from(name.to_owned());
    let request = Request { method: "IMPORT".to_owned(), target, http_minor: 1, headers: Vec::new(), body };
    let mut draft = Draft::new(Kind::Ledger);
    draft.header.exchange_id = stored.id;
    draft.header.key_slot = stored.slot;
    draft.header.key_token = key;
    draft.header.origin = Origin::Operator as u8;
    draft.header.at_unix_ns = at_unix_ns;
    draft.facts.text(Fact::Name, name);
    draft.facts.text(Fact::LedgerDay, &asked.day.to_string());
    draft.facts.text(Fact::FixmedinsCode, &institution);
    draft.facts.number(Fact::Count, checked.rows);
    draft.facts.bytes(Fact::FileDigest, digest);
    draft.facts.text(Fact::Text, &mapping.text());
    draft.facts.text(Fact::Who, &asked.who);
    draft.sealed = Some(Sealed { request: Some(request), ..Sealed::default() });
    let record = journal.append(draft).await?;
    let replaced = replaced.map(|record| record.header.seq);
    Ok((Imported::Taken { record, rows: checked.rows, replaced }, spooled))
}

/// The ledger of a day and institution that was imported last.
fn in_force(journal: &Journal, key: Token) -> Result<Option<Record>, ImportTrouble> {
    for place in journal.lookup(EntryKind::Key, key)?.into_iter().rev() {
        let record = journal.read(place)?;
        if record.header.known_kind() == Some(Kind::Ledger) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Where the files of imported ledgers are read again.
pub trait Files: Send + Sync {
    /// The file of a record, from its beginning.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn open(&self, record: &Record) -> Result<Box<dyn Read>, String>;
}

/// The files of a journal and its data folder.
pub struct JournalFiles {
    /// The journal.
    pub journal: Journal,
    /// Its data folder.
    pub data: PathBuf,
}

impl Files for JournalFiles {
    fn open(&self, record: &Record) -> Result<Box<dyn Read>, String> {
        let sealed = self.journal.unseal(record).map_err(|error| error.to_string())?;
        match sealed.request.map(|request| request.body) {
            Some(Body::Buffered(bytes)) => Ok(Box::new(io::Cursor::new(bytes))),
            Some(Body::Spooled(file)) => match Frames::open(&self.data, self.journal.keys(), &file) {
                Ok(frames) => Ok(Box::new(frames)),
                Err(error) => Err(error.to_string()),
            },
            None => Err("the record holds no file".to_owned()),
        }
    }
}
