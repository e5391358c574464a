//! Rows of an XLSX file: its first sheet, cell by cell, so that only its texts stand in memory.

use std::io::{Cursor, Read};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use crate::views::month::{day_at, written_day};

use super::complaint::Unread;
use super::table::Visit;

/// Bytes of a workbook, which is read as a whole.
const FILE_BYTES_MAX: u64 = 128 << 20;
/// Bytes that its table of texts comes to when unpacked.
const TEXTS_BYTES_MAX: u64 = 256 << 20;
/// Cells of a row that are looked at.
pub(super) const CELLS_MAX: usize = 512;
/// A number of a cell has no more digits than this; longer ids lose their end in Excel.
const EXACT_MAX: f64 = 1e15;
/// Days from Excel's first to 1970-01-01.
const EXCEL_EPOCH_DAYS: f64 = 25_569.0;

/// Shows every row: its line, and its cells as texts.
pub(super) fn each_row(source: &mut dyn Read, visit: &mut Visit<'_>) -> Result<(), Unread> {
    let mut bytes = Vec::new();
    source.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Err(Unread::file("工作簿超过 128 MiB；请另存为 CSV 再导入"));
    }
    let no_workbook = |error: &dyn std::fmt::Display| Unread::file(format!("不是可以读取的 XLSX 工作簿（{error}）"));
    let mut zip = ZipArchive::new(Cursor::new(&bytes)).map_err(|error| no_workbook(&error))?;
    if zip.by_name("xl/sharedStrings.xml").is_ok_and(|texts| TEXTS_BYTES_MAX < texts.size()) {
        return Err(Unread::file("工作簿的文字太多；请另存为 CSV 再导入"));
    }
    drop(zip);
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| no_workbook(&error))?;
    let first = book.sheet_names().first().cloned().ok_or_else(|| Unread::file("工作簿里没有工作表"))?;
    let mut cells = book.worksheet_cells_reader(&first).map_err(|error| no_workbook(&error))?;
    let (mut at, mut row): (Option<u32>, Vec<String>) = (None, Vec::new());
    loop {
        let cell = cells.next_cell().map_err(|error| no_workbook(&error))?;
        let line = cell.as_ref().map(|cell| cell.get_position().0);
        if at.is_some() && at != line {
            visit(at.map_or(0, |at| u64::from(at) + 1), &row)?;
            row.clear();
        }
        let Some(cell) = cell else { return Ok(()) };
        at = line;
        let column = cell.get_position().1 as usize;
        if column < CELLS_MAX {
            row.resize(row.len().max(column + 1), String::new());
            row[column] = text_of(cell.get_value());
        }
    }
}

/// A cell as a person reads it. A number that Excel may have rounded is said to be one.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) if EXACT_MAX <= number.abs() => ROUNDED.to_owned(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(word) => word.to_string(),
        DataRef::DateTime(moment) => {
            let days = moment.as_f64() - EXCEL_EPOCH_DAYS;
            // The day is all that is asked of it; half a day is added to land inside it in any zone.
            written_day(day_at((days.floor() * 86_400e9) as i64))
        }
        DataRef::Error(_) => "#错误".to_owned(),
        DataRef::Empty => String::new(),
    }
}

/// Stands for a number with more digits than Excel keeps.
pub(super) const ROUNDED: &str = "#数字超过15位";
