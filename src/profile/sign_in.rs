//! How an operator is signed in (9001, `wire.md` §4.1): `[sign_in]`.

use toml_edit::TableLike;

use super::Profile;
use super::rules::Rules;
use crate::domain::spec::sheet::{Sheet, set};

/// The `[sign_in]` section.
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// 交易编号; empty where the platform does not ask for it.
    pub infno: String,
    /// The node of its members.
    pub node: String,
    /// Its members: `opter_no`, `mac`, `ip`.
    pub fields: Vec<String>,
}

impl Profile {
    /// How the gateway's own operator is signed in; `None` where nobody is.
    pub fn sign_in(&self) -> Option<&SignIn> {
        Some(&self.rules.sign_in).filter(|said| !said.infno.is_empty())
    }
}

impl Rules {
    pub(super) fn apply_sign_in(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        let Some(table) = sheet.table(root, "sign_in") else { return };
        sheet.only(table, &["infno", "node", "fields"]);
        set(&mut self.sign_in.infno, sheet.words(table, "infno"));
        set(&mut self.sign_in.node, sheet.words(table, "node"));
        set(&mut self.sign_in.fields, sheet.list(table, "fields"));
    }
}
