//! The whole file checked before anything of it is taken.

use std::io::Read;

use sm3::{Digest, Sm3};

use super::super::ledger::amounts::Amounts;
use super::super::ledger::day::Day;
use super::complaint::{Report, Unread};
use super::mapping::Mapping;
use super::row::{Columns, HisRow};
use super::table::each_row;

/// Rows of one file.
pub const ROWS_MAX: u64 = 3_000_000;
/// Bytes of a row's digest by which equal rows are found.
const DIGEST_BYTES: usize = 12;

/// What a file comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Rows.
    pub rows: u64,
    /// 定点医药机构编号 that its rows say; empty where they do not.
    pub institution: String,
    /// The sum of all rows.
    pub amounts: Amounts,
}

/// Shows every row of a file that was checked; gives what they come to.
///
/// # Errors
/// When the file cannot be read.
pub fn each(source: Box<dyn Read>, mapping: &Mapping, visit: &mut dyn FnMut(HisRow)) -> Result<Checked, Unread> {
    let mut seen = Seen::default();
    let report = run(source, mapping, None, &mut seen, visit)?;
    match report.wrong {
        0 => Ok(seen.checked),
        _ => Err(Unread::file("the file is not as it was when it was checked")),
    }
}

/// Checks a file of a day.
///
/// # Errors
/// What is wrong with it, line by line.
pub fn check(source: Box<dyn Read>, mapping: &Mapping, day: Day) -> Result<Checked, Report> {
    let mut seen = Seen { digests: Some(Vec::new()), ..Seen::default() };
    let mut report = match run(source, mapping, Some(day), &mut seen, &mut |_| ()) {
        Ok(report) => report,
        Err(Unread::File(line, what)) => {
            let mut report = Report::of_file(what);
            (report.complaints[0].line, report.rows) = (line, seen.checked.rows);
            report
        }
        Err(error @ Unread::Io(_)) => Report::of_file(error.to_string()),
    };
    seen.name_duplicates(&mut report);
    report.rows = seen.checked.rows;
    if report.wrong == 0 { Ok(seen.checked) } else { Err(report) }
}

/// What is remembered of the rows that went by.
#[derive(Default)]
struct Seen {
    checked: Checked,
    /// Digest and line of each row, where equal ones are looked for: 16 bytes a row.
    digests: Option<Vec<([u8; DIGEST_BYTES], u32)>>,
}

impl Seen {
    fn take(&mut self, row: &HisRow, cells: &[String]) {
        let first = self.checked.rows == 0;
        self.checked.rows += 1;
        self.checked.amounts = if first { row.amounts } else { self.checked.amounts.plus(row.amounts) };
        if let Some(digests) = &mut self.digests {
            let mut digest = Sm3::new();
            cells.iter().for_each(|cell| {
                digest.update((cell.len() as u64).to_le_bytes());
                digest.update(cell);
            });
            let digest: [u8; 32] = digest.finalize().into();
            let mut short = [0; DIGEST_BYTES];
            short.copy_from_slice(&digest[..DIGEST_BYTES]);
            digests.push((short, u32::try_from(row.line).unwrap_or(u32::MAX)));
        }
    }

    /// Rows that are equal in every cell.
    fn name_duplicates(&mut self, report: &mut Report) {
        let mut digests = self.digests.take().unwrap_or_default();
        digests.sort_unstable();
        let mut twice: Vec<(u32, u32)> = Vec::new();
        let mut first = None;
        for (digest, line) in digests {
            match first {
                Some((known, of)) if known == digest => twice.push((line, of)),
                _ => first = Some((digest, line)),
            }
        }
        twice.sort_unstable();
        for (line, of) in twice {
            report.add(
                u64::from(line),
                "",
                format!("与第{of}行完全相同；同一结算确实分成相等的几笔时，请导出院内单据号以示区别"),
            );
        }
    }
}

fn run(
    source: Box<dyn Read>,
    mapping: &Mapping,
    day: Option<Day>,
    seen: &mut Seen,
    visit: &mut dyn FnMut(HisRow),
) -> Result<Report, Unread> {
    let mut report = Report::default();
    let mut columns: Option<Columns<'_>> = None;
    each_row(source, mapping.form, &mut |line, cells| {
        let Some(columns) = &columns else {
            columns = Some(Columns::find(mapping, cells, line, &mut report));
            return if report.wrong == 0 { Ok(()) } else { Err(Unread::file(HEADER)) };
        };
        if ROWS_MAX <= seen.checked.rows {
            return Err(Unread::File(line, format!("超过 {ROWS_MAX} 行；请按机构或时段分开导入")));
        }
        let Some(row) = columns.row(line, cells, &mut report) else {
            seen.checked.rows += 1;
            return Ok(());
        };
        about_all(&row, day, &mut seen.checked, &mut report, mapping);
        seen.take(&row, cells);
        visit(row);
        Ok(())
    })
    .or_else(|error| match error {
        // The report says it already.
        Unread::File(_, what) if what == HEADER => Ok(()),
        other => Err(other),
    })?;
    if columns.is_none() {
        report.add(0, "", "文件是空的，连表头也没有");
    }
    Ok(report)
}

const HEADER: &str = "the header is wrong";

/// What a row must have in common with the others.
fn about_all(row: &HisRow, day: Option<Day>, checked: &mut Checked, report: &mut Report, mapping: &Mapping) {
    let header = |name: &str| {
        let place = super::mapping::COLUMNS.iter().position(|(column, _)| *column == name);
        place.map_or("", |place| mapping.headers[place].as_str())
    };
    if let (Some(day), Some(said)) = (day, row.day)
        && 1 < said.days_until(day).abs()
    {
        report.add(row.line, header("setl_time"), format!("是 {said}，不是 {day} 的账"));
    }
    if !row.institution.is_empty() {
        if checked.institution.is_empty() {
            row.institution.clone_into(&mut checked.institution);
        } else if checked.institution != row.institution {
            report.add(row.line, header("fixmedins_code"), "与前面的行不是同一家机构；请每家机构一个文件");
        }
    }
}
