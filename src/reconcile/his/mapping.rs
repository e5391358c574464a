//! Which column of a HIS's file is what. Said once in the settings; a record keeps what was in force when it was made.

use serde::Deserialize;

use super::decode::Encoding;

/// Columns that a file may have, in the order of [`Mapping::headers`]: our name, whether a file must have it.
pub const COLUMNS: [(&str, bool); 11] = [
    ("setl_id", true),
    ("medfee_sumamt", true),
    ("fund_pay_sumamt", true),
    ("acct_pay", false),
    ("psn_cash_pay", false),
    ("refund", false),
    ("msgid", false),
    ("mdtrt_id", false),
    ("fixmedins_code", false),
    ("setl_time", false),
    ("bill_no", false),
];

/// The `[his_ledger]` section: the header of each column in the HIS's file; empty where the file has none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// 结算ID.
    pub setl_id: String,
    /// 医疗费总额.
    pub medfee_sumamt: String,
    /// 基金支付总额.
    pub fund_pay_sumamt: String,
    /// 个人账户支出.
    pub acct_pay: String,
    /// 现金.
    pub psn_cash_pay: String,
    /// Says of a row that it is a refund; without it a negative 医疗费总额 does.
    pub refund: String,
    /// Words in that column that mean refund.
    pub refund_words: Vec<String>,
    /// 发送方报文ID.
    pub msgid: String,
    /// 就诊ID.
    pub mdtrt_id: String,
    /// 定点医药机构编号, where a file says it per row.
    pub fixmedins_code: String,
    /// 结算时间.
    pub setl_time: String,
    /// The HIS's own number of a row, by which two equal rows are told apart.
    pub bill_no: String,
    /// 定点医药机构编号 of files that do not say it; empty: there is only one institution.
    pub institution: String,
    /// `auto`, `utf-8` or `gbk`.
    pub encoding: String,
}

/// Whether a file is text or a workbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileForm {
    /// Lines of text, cells apart by a comma or another sign.
    Csv {
        /// The sign.
        delimiter: u8,
        /// The character set.
        encoding: Encoding,
    },
    /// A workbook; its first sheet counts.
    Xlsx,
}

/// A mapping in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// How the file is written.
    pub form: FileForm,
    /// Headers in the order of [`COLUMNS`]; empty where the file has none.
    pub headers: [String; COLUMNS.len()],
    /// Words that mean refund.
    pub refund_words: Vec<String>,
}

impl Settings {
    /// Headers in the order of [`COLUMNS`].
    pub fn headers(&self) -> [String; COLUMNS.len()] {
        let all = [
            &self.setl_id,
            &self.medfee_sumamt,
            &self.fund_pay_sumamt,
            &self.acct_pay,
            &self.psn_cash_pay,
            &self.refund,
            &self.msgid,
            &self.mdtrt_id,
            &self.fixmedins_code,
            &self.setl_time,
            &self.bill_no,
        ];
        all.map(|header| header.trim().to_owned())
    }

    /// Names of columns that must be mapped and are not.
    pub fn unmapped(&self) -> Vec<&'static str> {
        let lacks =
            |(header, (name, must)): (String, (&'static str, bool))| (must && header.is_empty()).then_some(name);
        self.headers().into_iter().zip(COLUMNS).filter_map(lacks).collect()
    }
}

impl Mapping {
    /// As a record keeps it, a line each: name, ` = `, value.
    pub fn text(&self) -> String {
        let form = match self.form {
            FileForm::Xlsx => "form = xlsx\n".to_owned(),
            FileForm::Csv { delimiter, encoding } => {
                format!("form = csv\ndelimiter = {delimiter}\nencoding = {}\n", encoding.word())
            }
        };
        let columns = COLUMNS.iter().zip(&self.headers).filter(|(_, header)| !header.is_empty());
        let columns: String = columns.map(|((name, _), header)| format!("{name} = {header}\n")).collect();
        let words: String = self.refund_words.iter().map(|word| format!("refund_word = {word}\n")).collect();
        form + &columns + &words
    }

    /// Reads it back; `None` when it is none.
    pub fn parse(text: &str) -> Option<Mapping> {
        let mut mapping = Mapping { form: FileForm::Xlsx, headers: Default::default(), refund_words: Vec::new() };
        let (mut csv, mut delimiter, mut encoding) = (false, b',', Encoding::Utf8);
        for line in text.lines() {
            let (name, value) = line.split_once(" = ")?;
            match name {
                "form" => csv = value == "csv",
                "delimiter" => delimiter = value.parse().ok()?,
                "encoding" => encoding = Encoding::named(value)?,
                "refund_word" => mapping.refund_words.push(value.to_owned()),
                _ => {
                    let place = COLUMNS.iter().position(|(column, _)| *column == name)?;
                    value.clone_into(&mut mapping.headers[place]);
                }
            }
        }
        if csv {
            mapping.form = FileForm::Csv { delimiter, encoding };
        }
        Some(mapping)
    }
}
