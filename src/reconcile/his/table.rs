//! A file as rows of cells, as they stream by.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use super::complaint::Unread;
use super::decode::{Decoded, Encoding, NotInSet, RowWithoutEnd, detect};
use super::mapping::FileForm;
use super::sheet::{self, CELLS_MAX};

/// How a workbook begins: it is a zip.
const ZIP: &[u8] = b"PK\x03\x04";
/// How the workbooks of old Excels begin.
const OLD_EXCEL: &[u8] = b"\xd0\xcf\x11\xe0";
/// Signs that stand between cells.
const DELIMITERS: [u8; 4] = *b",\t;|";
/// Bytes in which the header must end.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// What is done with a row: its line, and its cells.
pub type Visit<'v> = dyn FnMut(u64, &[String]) -> Result<(), Unread> + 'v;

/// Finds out how a file is written; `encoding` where the settings say it. `open` begins anew each time.
///
/// # Errors
/// When it is of no form that is taken, or cannot be read.
pub fn form_of(
    open: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
    encoding: Option<Encoding>,
) -> Result<FileForm, Unread> {
    let mut head = Vec::new();
    open()?.take(HEADER_BYTES_MAX as u64).read_to_end(&mut head)?;
    if head.starts_with(ZIP) {
        return Ok(FileForm::Xlsx);
    }
    if head.starts_with(OLD_EXCEL) {
        return Err(Unread::file("这是旧版 Excel（.xls）；请另存为 XLSX 或 CSV"));
    }
    let encoding = match encoding {
        Some(encoding) => encoding,
        None => detect(&mut open()?)?,
    };
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // In both sets these signs are bytes of their own: the second byte of a GBK sign is never below 0x40, but for `|`.
    let count = |sign: &u8| first.iter().filter(|byte| *byte == sign).count();
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',');
    Ok(FileForm::Csv { delimiter, encoding })
}

/// Shows every row that is not empty: its line, and its cells, trimmed.
///
/// # Errors
/// When the file cannot be read on, or `visit` wants no more.
pub fn each_row(source: Box<dyn Read>, form: FileForm, visit: &mut Visit<'_>) -> Result<(), Unread> {
    let (delimiter, encoding) = match form {
        FileForm::Xlsx => {
            let (mut source, mut width) = (source, 0);
            let mut filled = |line: u64, cells: &[String]| {
                let mut cells: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
                // A workbook leaves out cells that are empty: a row is as wide as the one that names the columns.
                width = if width == 0 { cells.len() } else { width };
                cells.resize(cells.len().max(width), String::new());
                if cells.iter().all(String::is_empty) { Ok(()) } else { visit(line, &cells) }
            };
            return sheet::each_row(&mut source, &mut filled);
        }
        FileForm::Csv { delimiter, encoding } => (delimiter, encoding),
    };
    let row = Rc::new(Cell::new(0));
    let text = Decoded::new(source, encoding, Rc::clone(&row));
    let mut rows = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(text);
    let (mut record, mut cells) = (csv::StringRecord::new(), Vec::new());
    loop {
        row.set(0);
        if !rows.read_record(&mut record).map_err(unread)? {
            return Ok(());
        }
        // The reader stands behind the row, which may be of several lines.
        let within = record.iter().flat_map(str::bytes).filter(|byte| *byte == b'\n').count() as u64;
        let line = rows.position().line().saturating_sub(1 + within);
        let count = record.len().min(CELLS_MAX);
        cells.resize(count, String::new());
        for (cell, text) in cells.iter_mut().zip(&record) {
            cell.clear();
            cell.push_str(text.trim());
        }
        if cells.iter().any(|cell| !cell.is_empty()) {
            visit(line, &cells)?;
        }
    }
}

/// What the reader of rows says, as what is wrong with the file where it is that.
fn unread(error: csv::Error) -> Unread {
    let csv::ErrorKind::Io(error) = error.into_kind() else { return Unread::file("不是可以读取的 CSV") };
    let ours =
        |inner: &(dyn std::error::Error + Send + Sync + 'static)| inner.is::<NotInSet>() || inner.is::<RowWithoutEnd>();
    match error.get_ref() {
        Some(inner) if ours(inner) => Unread::file(inner.to_string()),
        _ => Unread::Io(error),
    }
}
