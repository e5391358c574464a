//! A rehearsal as a workbook: a sheet per table, and one that lists the calls. Amounts are texts: exact, and nothing that computes.

use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::tally::{Stopped, Tally};

/// The workbook as a file.
pub(super) fn sheet(tally: &Tally) -> Result<Vec<u8>, XlsxError> {
    let (mut book, bold) = (Workbook::new(), Format::new().set_bold());
    for (heading, lines) in tally.tables() {
        let name = heading.split(' ').next().unwrap_or(heading);
        let sheet = book.add_worksheet().set_name(name)?;
        sheet.write_row_with_format(0, 0, [name, "拦截", "提醒", "元"], &bold)?;
        for (row, (name, line)) in (1..).zip(lines) {
            sheet.write_string(row, 0, name)?;
            sheet.write_number(row, 1, line.stopped as f64)?;
            sheet.write_number(row, 2, line.warned as f64)?;
            sheet.write_string(row, 3, line.yuan())?;
        }
    }
    let sheet = book.add_worksheet().set_name("交易明细")?;
    sheet.write_row_with_format(0, 0, ["记录", "时间", "交易", "报文", "元", "规则"], &bold)?;
    for (row, Stopped { record, at, infno, msgid, yuan, rules }) in (1..).zip(&tally.listed) {
        sheet.write_number(row, 0, *record as f64)?;
        for (column, text) in (1..).zip([at, infno, msgid, yuan, rules]) {
            sheet.write_string(row, column, text)?;
        }
    }
    book.save_to_buffer()
}
