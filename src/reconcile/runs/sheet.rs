//! The month-close sheet: totals of the three ledgers by day, and each difference with its cause and the records that prove it.

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use crate::domain::money::written;

use super::super::derived::ReadTrouble;
use super::super::ledger::Ledgers;
use super::super::ledger::amounts::{Amounts, CHINESE, NAMES};
use super::super::ledger::day::Day;
use super::super::ledger::own::DIMENSIONS;
use super::super::ledger::read::DayTotal;
use super::read::{LISTED_MAX, Runs};
use super::run::Ran;

/// Why there is no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetTrouble {
    /// The ledgers or runs.
    #[error(transparent)]
    Read(#[from] ReadTrouble),
    /// The writer.
    #[error("the sheet cannot be written: {0}")]
    Write(#[from] XlsxError),
}

/// What the sheet sums up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closed {
    /// Rows and 医疗费总额 of the journal, refunds taken off.
    pub own: (u64, i64),
    /// Of the HIS.
    pub his: (u64, i64),
    /// Differences that are not explained.
    pub unexplained: u64,
    /// Days without a ledger of the HIS, among those that have settlements.
    pub days_without_his: u64,
}

/// The sheet of a month as a file, and what it sums up. `today` says how old a difference is.
///
/// # Errors
/// When the ledgers cannot be read, or the file cannot be made.
pub fn sheet(ledgers: &Ledgers, days: (Day, Day), today: Day) -> Result<(Vec<u8>, Closed), SheetTrouble> {
    let runs = Runs::at(ledgers.dir());
    let ran = match runs.of_days(days) {
        Err(ReadTrouble::None) => Vec::new(),
        read => read?,
    };
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let closed = totals(book.add_worksheet().set_name("合计")?, &bold, &ledgers.day_totals(days)?, &ran)?;
    differences(book.add_worksheet().set_name("差异")?, &bold, &runs, (days, today))?;
    dimensions(book.add_worksheet().set_name("清算维度")?, &bold, ledgers, days)?;
    Ok((book.save_to_buffer()?, closed))
}

fn totals(sheet: &mut Worksheet, bold: &Format, days: &[DayTotal], ran: &[Ran]) -> Result<Closed, XlsxError> {
    let heads = [
        "日期",
        "网关笔数",
        "网关医疗费总额",
        "网关基金",
        "平台对账",
        "HIS笔数",
        "HIS医疗费总额",
        "HIS基金",
        "未解释差异",
        "状态",
    ];
    header(sheet, bold, &heads)?;
    let mut closed = Closed::default();
    let mut row = 1;
    let (mut own_all, mut his_all) = (Amounts([Some(0); 4]), Amounts([Some(0); 4]));
    for day in days {
        let run = ran.iter().find(|ran| ran.day == day.day);
        let (own, his) = (day.own.1, day.his.1);
        sheet.write_string(row, 0, day.day.to_string())?;
        sheet.write_number(row, 1, day.own.0 as f64)?;
        yuan(sheet, row, 2, own.0[0])?;
        yuan(sheet, row, 3, own.0[1])?;
        sheet.write_string(row, 4, if run.is_some_and(|run| run.platform) { "已核对" } else { "未取平台账" })?;
        sheet.write_number(row, 5, day.his.0 as f64)?;
        yuan(sheet, row, 6, his.0[0])?;
        yuan(sheet, row, 7, his.0[1])?;
        let unexplained = run.map_or(0, |run| run.unexplained);
        sheet.write_number(row, 8, unexplained as f64)?;
        let state = match run {
            None => "未对账",
            Some(run) if !run.his => "缺院内账",
            Some(run) if run.is_balanced() => "平",
            Some(_) => "不平",
        };
        sheet.write_string(row, 9, state)?;
        closed.unexplained += unexplained;
        closed.days_without_his += u64::from(day.own.0 > 0 && !run.is_some_and(|run| run.his));
        closed.own.0 += day.own.0;
        closed.his.0 += day.his.0;
        (own_all, his_all) = (own_all.plus(known(own)), his_all.plus(known(his)));
        row += 1;
    }
    (closed.own.1, closed.his.1) = (own_all.0[0].unwrap_or(0), his_all.0[0].unwrap_or(0));
    sheet.write_string_with_format(row, 0, "合计", bold)?;
    sheet.write_number(row, 1, closed.own.0 as f64)?;
    yuan(sheet, row, 2, own_all.0[0])?;
    yuan(sheet, row, 3, own_all.0[1])?;
    sheet.write_number(row, 5, closed.his.0 as f64)?;
    yuan(sheet, row, 6, his_all.0[0])?;
    yuan(sheet, row, 7, his_all.0[1])?;
    sheet.write_number(row, 8, closed.unexplained as f64)?;
    Ok(closed)
}

fn differences(
    sheet: &mut Worksheet,
    bold: &Format,
    runs: &Runs,
    (days, today): ((Day, Day), Day),
) -> Result<(), SheetTrouble> {
    let heads = [
        "日期",
        "账龄（天）",
        "结算ID",
        "差异",
        "已解释",
        "网关总额",
        "平台总额",
        "HIS总额",
        "凭证：网关记录",
        "凭证：HIS账记录",
        "HIS文件行",
        "处理",
    ];
    header(sheet, bold, &heads)?;
    let found = match runs.differences(days) {
        Err(ReadTrouble::None) => Vec::new(),
        read => read?,
    };
    for (row, one) in (1..).zip(&found) {
        sheet.write_string(row, 0, one.day.to_string())?;
        sheet.write_number(row, 1, one.day.days_until(today) as f64)?;
        sheet.write_string(row, 2, &one.setl_id)?;
        sheet.write_string(row, 3, one.class.chinese())?;
        sheet.write_string(row, 4, if one.explained { "是" } else { "否" })?;
        for (column, held) in (5..).zip([one.own, one.platform, one.his]) {
            yuan(sheet, row, column, held.total)?;
        }
        for (column, number) in (8..).zip([one.own.record, one.his.record, one.his.line]) {
            if let Some(number) = number {
                sheet.write_number(row, column, number as f64)?;
            }
        }
        sheet.write_string(row, 11, one.class.advice())?;
    }
    if found.len() == LISTED_MAX as usize {
        sheet.write_string(LISTED_MAX + 1, 0, "差异太多，未全部列出")?;
    }
    Ok(())
}

fn dimensions(sheet: &mut Worksheet, bold: &Format, ledgers: &Ledgers, days: (Day, Day)) -> Result<(), SheetTrouble> {
    let heads = ["fixmedins_code 机构"].into_iter().map(str::to_owned).chain(DIMENSIONS.map(str::to_owned));
    let heads = heads.chain(["参保地", "类型", "笔数"].map(str::to_owned));
    let heads: Vec<String> =
        heads.chain(CHINESE.iter().zip(NAMES).map(|(chinese, name)| format!("{chinese} {name}"))).collect();
    header(sheet, bold, &heads.iter().map(String::as_str).collect::<Vec<_>>())?;
    for (row, sum) in (1..).zip(ledgers.sums(days)?) {
        sheet.write_string(row, 0, &sum.institution)?;
        for (column, text) in (1..).zip(&sum.dimensions) {
            sheet.write_string(row, column, text)?;
        }
        sheet.write_string(row, 5, sum.place.chinese())?;
        sheet.write_string(row, 6, if sum.refund { "退费" } else { "结算" })?;
        sheet.write_number(row, 7, sum.count as f64)?;
        for (column, units) in (8..).zip(sum.amounts.0) {
            yuan(sheet, row, column, units)?;
        }
    }
    Ok(())
}

fn header(sheet: &mut Worksheet, bold: &Format, heads: &[&str]) -> Result<(), XlsxError> {
    for (column, head) in (0..).zip(heads) {
        sheet.write_string_with_format(0, column, *head, bold)?;
        sheet.set_column_width(column, 16)?;
    }
    sheet.set_freeze_panes(1, 0).map(|_| ())
}

/// An amount as a number with two digits behind the point: a double holds every amount of a hospital to the fen. What is finer than
/// a fen, or larger than that, is written as text.
fn yuan(sheet: &mut Worksheet, row: u32, column: u16, units: Option<i64>) -> Result<(), XlsxError> {
    const EXACT_FEN_MAX: i64 = 1 << 50;
    let Some(units) = units else { return Ok(()) };
    let format = Format::new().set_num_format("0.00");
    match units % 100 == 0 && (units / 100).abs() < EXACT_FEN_MAX {
        true => sheet.write_number_with_format(row, column, (units / 100) as f64 / 100.0, &format).map(|_| ()),
        false => sheet.write_string(row, column, written(units)).map(|_| ()),
    }
}

/// What a day does not say adds nothing.
fn known(amounts: Amounts) -> Amounts {
    Amounts(amounts.0.map(|units| units.or(Some(0))))
}
