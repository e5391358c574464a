//! A row of cells becomes a row of a ledger.

use crate::domain::money::units_of;

use super::super::ledger::amounts::Amounts;
use super::super::ledger::day::Day;
use super::complaint::Report;
use super::mapping::{COLUMNS, Mapping};
use super::sheet::ROUNDED;

/// Places in [`COLUMNS`].
const SETL_ID: usize = 0;
const AMOUNTS: [usize; 4] = [1, 2, 3, 4];
const REFUND: usize = 5;
const MSGID: usize = 6;
const MDTRT_ID: usize = 7;
const INSTITUTION: usize = 8;
const SETL_TIME: usize = 9;
const BILL_NO: usize = 10;
/// Longest id, in bytes; the specification has 30 characters.
const ID_BYTES_MAX: usize = 64;
/// Ten-thousandths in a fen.
const FEN: i64 = 100;

/// A row of the HIS's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HisRow {
    /// Line in the file, the header being 1.
    pub line: u64,
    /// 结算ID.
    pub setl_id: String,
    /// It is a refund.
    pub refund: bool,
    /// With their sign.
    pub amounts: Amounts,
    /// 发送方报文ID; empty where the file does not say.
    pub msgid: String,
    /// 就诊ID; likewise.
    pub mdtrt_id: String,
    /// 定点医药机构编号; likewise.
    pub institution: String,
    /// Day of 结算时间; likewise.
    pub day: Option<Day>,
    /// The HIS's own number of the row; likewise.
    pub bill_no: String,
}

/// Where each column stands in a file.
pub struct Columns<'a> {
    mapping: &'a Mapping,
    places: [Option<usize>; COLUMNS.len()],
    /// Cells of the header.
    count: usize,
}

impl<'a> Columns<'a> {
    /// Finds the columns in the header; what is missing or there twice goes into the report.
    pub fn find(mapping: &'a Mapping, header: &[String], line: u64, report: &mut Report) -> Columns<'a> {
        let mut places = [None; COLUMNS.len()];
        for (place, wanted) in places.iter_mut().zip(&mapping.headers) {
            let mut found = header.iter().enumerate().filter(|(_, cell)| !wanted.is_empty() && *cell == wanted);
            *place = found.next().map(|(at, _)| at);
            if found.next().is_some() {
                report.add(line, wanted, "表头有两个同名的列，无法确定用哪一个");
            }
            if place.is_none() && !wanted.is_empty() {
                let has =
                    header.iter().filter(|cell| !cell.is_empty()).take(40).cloned().collect::<Vec<_>>().join("、");
                report.add(line, wanted, format!("缺少这一列；文件里有：{has}。请补上，或修改配置 [his_ledger]"));
            }
        }
        Columns { mapping, places, count: header.len() }
    }

    fn cell<'c>(&self, cells: &'c [String], column: usize) -> &'c str {
        self.places[column].and_then(|at| cells.get(at)).map_or("", String::as_str)
    }

    /// The row, or `None` when something is wrong with it.
    pub fn row(&self, line: u64, cells: &[String], report: &mut Report) -> Option<HisRow> {
        let before = report.wrong;
        if cells.len() < self.count && self.places.iter().flatten().any(|at| cells.len() <= *at) {
            report.add(line, "", format!("只有 {} 列，表头有 {} 列", cells.len(), self.count));
            return None;
        }
        let header = |column: usize| self.mapping.headers[column].as_str();
        let mut id = |column: usize| {
            let text = self.cell(cells, column);
            if text == ROUNDED {
                report.add(line, header(column), "以数字格式保存，超过15位的尾数已丢失；请把这一列设为文本再导出");
            } else if ID_BYTES_MAX < text.len() || text.chars().any(char::is_control) {
                report.add(line, header(column), "太长，或含有不可见字符");
            }
            text.to_owned()
        };
        let (setl_id, msgid, mdtrt_id) = (id(SETL_ID), id(MSGID), id(MDTRT_ID));
        let (institution, bill_no) = (id(INSTITUTION), id(BILL_NO));
        if setl_id.is_empty() {
            report.add(line, header(SETL_ID), "为空；自费单据不要放进医保账");
        }
        let amounts = Amounts(AMOUNTS.map(|column| self.amount(line, cells, column, report)));
        let word = self.cell(cells, REFUND);
        let refund = match self.places[REFUND] {
            Some(_) => self.mapping.refund_words.iter().any(|one| one == word),
            None => amounts.total().is_some_and(|total| total < 0),
        };
        let time = self.cell(cells, SETL_TIME);
        let day = Day::read(time);
        if day.is_none() && !time.is_empty() {
            report.add(line, header(SETL_TIME), "不是日期时间，应写作 2026-11-21 08:30:00");
        }
        let amounts = amounts.signed(refund);
        (report.wrong == before).then_some(HisRow {
            line,
            setl_id,
            refund,
            amounts,
            msgid,
            mdtrt_id,
            institution,
            day,
            bill_no,
        })
    }

    fn amount(&self, line: u64, cells: &[String], column: usize, report: &mut Report) -> Option<i64> {
        self.places[column]?;
        let (text, must) = (self.cell(cells, column), COLUMNS[column].1);
        let mut wrong = |what: &str| report.add(line, &self.mapping.headers[column], what);
        match units_of(&text.replace([',', '¥', '￥'], "")) {
            Some(units) if units % FEN != 0 => wrong("小数超过两位"),
            Some(units) => return Some(units),
            None if text.is_empty() && !must => {}
            None if text.is_empty() => wrong("金额为空"),
            None => wrong("不是金额，应写作 1234.50"),
        }
        None
    }
}
