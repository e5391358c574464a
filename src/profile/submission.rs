//! What a hospital submits for reconciliation, and how the result is written (`wire.md` §4.2, §4.3, §5.4, §5.5): `[submission]`.

use toml_edit::TableLike;

use super::Profile;
use super::apply::{place, span_of};
use super::rules::{Place, Rules};
use crate::domain::spec::nearest::nearest;
use crate::domain::spec::sheet::{Sheet, set};

/// How the bytes of an uploaded file stand in its call (`wire.md` §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileForm {
    /// Base64 text.
    #[default]
    Base64,
    /// A list of whole numbers.
    Numbers,
}

/// The `[submission]` section.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// Where it is said.
    pub(super) place: Place,
    /// 对总账 (3201).
    pub totals: String,
    /// Members of its `data`.
    pub totals_fields: Vec<String>,
    /// 对明细账 (3202).
    pub details: String,
    /// Members of its `data`.
    pub details_fields: Vec<String>,
    /// `name:value` pairs that both say beside them.
    pub fixed: Vec<String>,
    /// 文件上传 (9101).
    pub upload: String,
    /// The node of its members.
    pub upload_node: String,
    /// How it carries the bytes.
    pub upload_form: FileForm,
    /// 文件下载 (9102).
    pub download: String,
    /// The node of its members.
    pub download_node: String,
    /// Columns of the uploaded file, TAB between them.
    pub columns: Vec<String>,
    /// Columns of the result; a shorter row lacks the last ones.
    pub result_columns: Vec<String>,
    /// Results of a row that say that only the institution has it.
    pub only_here: Vec<String>,
}

impl Submission {
    /// The members of `fixed`.
    pub fn fixed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fixed.iter().filter_map(|pair| pair.split_once(':'))
    }
}

impl Profile {
    /// What is submitted for reconciliation; `None` where the profile names no transactions for it.
    pub fn submission(&self) -> Option<&Submission> {
        let said = &self.rules.submission;
        (!said.totals.is_empty() && !said.details.is_empty()).then_some(said)
    }
}

impl Rules {
    pub(super) fn apply_submission(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        let Some(table) = sheet.table(root, "submission") else { return };
        const WORDS: [&str; 6] = ["totals", "details", "upload", "upload_node", "download", "download_node"];
        const LISTS: [&str; 6] = ["totals_fields", "details_fields", "fixed", "columns", "result_columns", "only_here"];
        sheet.only(table, &[&WORDS[..], &LISTS, &["upload_form"]].concat());
        let said = &mut self.submission;
        said.place = place(sheet, table, "totals");
        let words = [
            &mut said.totals,
            &mut said.details,
            &mut said.upload,
            &mut said.upload_node,
            &mut said.download,
            &mut said.download_node,
        ];
        words.into_iter().zip(WORDS).for_each(|(slot, name)| set(slot, sheet.words(table, name)));
        let lists = [
            &mut said.totals_fields,
            &mut said.details_fields,
            &mut said.fixed,
            &mut said.columns,
            &mut said.result_columns,
            &mut said.only_here,
        ];
        lists.into_iter().zip(LISTS).for_each(|(slot, name)| set(slot, sheet.list(table, name)));
        for wrong in said.fixed.iter().filter(|pair| !pair.contains(':')) {
            sheet.complain(span_of(table, "fixed"), format!("`{wrong}` is not written as name:value"), "");
        }
        match sheet.words(table, "upload_form").as_deref() {
            None => {}
            Some("base64") => said.upload_form = FileForm::Base64,
            Some("numbers") => said.upload_form = FileForm::Numbers,
            Some(other) => {
                let cure = nearest(other, ["base64", "numbers"]);
                sheet.complain(span_of(table, "upload_form"), "upload_form is `base64` or `numbers`", cure);
            }
        }
    }
}
