//! Files as hospitals send them: every way in which one may be wrong, and what a good one comes to.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read};

use encoding_rs::GBK;

use super::check::{Checked, check, each};
use super::complaint::{COMPLAINTS_MAX, Report};
use super::decode::Encoding;
use super::mapping::{FileForm, Mapping, Settings};
use super::row::HisRow;
use super::table::form_of;
use crate::reconcile::ledger::day::Day;

const HEAD: &str = "单号,结算ID,医疗费总额,基金支付总额,现金\n";

fn settings() -> Settings {
    let header = str::to_owned;
    Settings {
        setl_id: header("结算ID"),
        medfee_sumamt: header("医疗费总额"),
        fund_pay_sumamt: header("基金支付总额"),
        psn_cash_pay: header("现金"),
        ..Settings::default()
    }
}

fn mapping(settings: &Settings, bytes: &[u8]) -> Result<Mapping, String> {
    let mut open = || -> io::Result<Box<dyn Read>> { Ok(Box::new(Cursor::new(bytes.to_vec()))) };
    let form = form_of(&mut open, None).map_err(|error| error.to_string())?;
    Ok(Mapping { form, headers: settings.headers(), refund_words: vec!["退".to_owned()] })
}

fn checked(settings: &Settings, bytes: &[u8]) -> Result<Checked, Report> {
    let mapping = mapping(settings, bytes).map_err(Report::of_file)?;
    assert_eq!(Mapping::parse(&mapping.text()), Some(mapping.clone()), "a record keeps it as it is");
    check(Box::new(Cursor::new(bytes.to_vec())), &mapping, Day::read("2026-11-21").unwrap())
}

fn rows(settings: &Settings, bytes: &[u8]) -> Vec<HisRow> {
    let mut rows = Vec::new();
    let mapping = mapping(settings, bytes).unwrap();
    each(Box::new(Cursor::new(bytes.to_vec())), &mapping, &mut |row| rows.push(row)).unwrap();
    rows
}

/// A workbook with these rows; a cell that begins with `=` is a number.
fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(*cells) {
            match cell.strip_prefix('=') {
                Some(number) => sheet.write_number(row, column, number.parse::<f64>().unwrap()).unwrap(),
                None => sheet.write_string(row, column, *cell).unwrap(),
            };
        }
    }
    book.save_to_buffer().unwrap()
}

/// `第3行「医疗费总额」小数超过两位` of each complaint.
fn said(report: &Report) -> Vec<String> {
    report.complaints.iter().map(|one| format!("{}「{}」{}", one.line, one.column, one.what)).collect()
}

#[test]
fn a_good_file_is_the_same_in_every_form() {
    let text = format!("{HEAD}1,S1,\"1,300.50\",200,￥100.50\n\n2,S2,-20,-10.5,\n");
    let tabs = text.replace("\"1,300.50\"", "1300.50").replace(',', "\t");
    let crlf = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let (gbk, ..) = GBK.encode(&text);
    let book = workbook(&[
        &["单号", "结算ID", "医疗费总额", "基金支付总额", "现金"],
        &["1", "S1", "=1300.5", "=200", "100.50"],
        &[],
        &["2", "S2", "=-20", "=-10.5", ""],
    ]);
    for bytes in [text.as_bytes(), text.trim_end().as_bytes(), tabs.as_bytes(), crlf.as_bytes(), &gbk, &book] {
        let form = mapping(&settings(), bytes).unwrap().form;
        assert_eq!(checked(&settings(), bytes).map(|checked| checked.rows), Ok(2), "{form:?}");
        let shown = rows(&settings(), bytes);
        let shown: Vec<_> = shown.iter().map(|row| (row.line, &*row.setl_id, row.refund, row.amounts.0)).collect();
        let expected = [
            (2, "S1", false, [Some(13_005_000), Some(2_000_000), None, Some(1_005_000)]),
            (4, "S2", true, [Some(-200_000), Some(-105_000), None, None]),
        ];
        assert_eq!(shown, expected, "{form:?}");
    }
    let encoding = |bytes: &[u8]| mapping(&settings(), bytes).unwrap().form;
    assert_eq!(encoding(&gbk), FileForm::Csv { delimiter: b',', encoding: Encoding::Gbk });
    assert_eq!(encoding(tabs.as_bytes()), FileForm::Csv { delimiter: b'\t', encoding: Encoding::Utf8 });
}

#[test]
fn every_wrong_row_is_named_and_nothing_else() {
    let wrong = [
        ("1,S1,300,200\n", "2「」只有 4 列，表头有 5 列"),
        ("1,,300,200,1\n", "2「结算ID」为空；自费单据不要放进医保账"),
        ("1,S1,300.001,200,1\n", "2「医疗费总额」小数超过两位"),
        ("1,S1,三百,200,1\n", "2「医疗费总额」不是金额，应写作 1234.50"),
        ("1,S1,300,,1\n", "2「基金支付总额」金额为空"),
        ("1,S1,1e3,200,1\n", "2「医疗费总额」不是金额，应写作 1234.50"),
        (
            "1,S1,3,2,1\n2,S2,3,2,1\n1,S1,3,2,1\n",
            "4「」与第2行完全相同；同一结算确实分成相等的几笔时，请导出院内单据号以示区别",
        ),
    ];
    for (lines, complaint) in wrong {
        let report = checked(&settings(), format!("{HEAD}{lines}").as_bytes()).unwrap_err();
        assert_eq!(said(&report), [complaint]);
    }
    let columns =
        Settings { setl_time: "时间".into(), fixmedins_code: "机构".into(), refund: "类型".into(), ..settings() };
    let head = "机构,时间,类型,结算ID,医疗费总额,基金支付总额,现金\n";
    let file = format!(
        "{head}H1,2026-11-22 00:01:00,退,S1,3,2,1\nH1,2026-11-19,正,S2,3,2,1\nH2,20261121,正,S3,3,2,1\nH1,昨天,正,S4,3,2,1\n"
    );
    assert_eq!(
        said(&checked(&columns, file.as_bytes()).unwrap_err()),
        [
            "3「时间」是 2026-11-19，不是 2026-11-21 的账",
            "4「机构」与前面的行不是同一家机构；请每家机构一个文件",
            "5「时间」不是日期时间，应写作 2026-11-21 08:30:00"
        ]
    );
    let good = format!("{head}H1,2026-11-22 00:01:00,退,S1,3,2,1\n");
    let row = &rows(&columns, good.as_bytes())[0];
    assert_eq!(
        (row.refund, row.amounts.total(), &*row.institution),
        (true, Some(-30_000), "H1"),
        "the sign is the class's"
    );
}

#[test]
fn a_wrong_file_is_refused_as_a_whole() {
    let missing = said(&checked(&settings(), "结算ID,总额,现金\nS1,1,1\n".as_bytes()).unwrap_err());
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert!(missing[0].contains("「医疗费总额」缺少这一列；文件里有：结算ID、总额、现金"), "{missing:?}");
    let of_file = |bytes: &[u8]| said(&checked(&settings(), bytes).unwrap_err()).join(" ");
    assert!(of_file(b"").contains("连表头也没有"));
    assert!(of_file(b"\xd0\xcf\x11\xe0\xa1\xb1").contains("旧版 Excel"));
    assert!(of_file(b"PK\x03\x04 no workbook").contains("XLSX"));
    assert!(
        of_file(&[HEAD.as_bytes(), b"1,S1,\xff\xff\xff,1,1\n"].concat()).contains("编码无法识别"),
        "neither UTF-8 nor GBK"
    );
    let quote = format!("{HEAD}1,\"S1,{}", "x,".repeat(1 << 20));
    assert!(of_file(quote.as_bytes()).contains("引号没有成对"));
    let twice = said(&checked(&settings(), "结算ID,结算ID,医疗费总额,基金支付总额,现金\n".as_bytes()).unwrap_err());
    assert!(twice[0].contains("两个同名的列"), "{twice:?}");
    assert_eq!(
        checked(&settings(), HEAD.as_bytes()).map(|checked| checked.rows),
        Ok(0),
        "a day without any settlement"
    );
    let long = workbook(&[
        &["单号", "结算ID", "医疗费总额", "基金支付总额", "现金"],
        &["1", "=36010020261121000001", "3", "2", "1"],
    ]);
    assert!(of_file(&long).contains("以数字格式保存"));
}

#[test]
fn a_report_has_a_bound_and_shows_no_value() {
    let mut file = HEAD.to_owned();
    for row in 0..5_000 {
        writeln!(file, "{row},S{row},张三,2,1").unwrap();
    }
    let report = checked(&settings(), file.as_bytes()).unwrap_err();
    assert_eq!((report.rows, report.wrong, report.complaints.len()), (5_000, 5_000, COMPLAINTS_MAX));
    let text = report.to_string();
    assert!(text.contains("另有 4900 处") && text.contains("第2行「医疗费总额」") && !text.contains("张三"), "{text}");
}
