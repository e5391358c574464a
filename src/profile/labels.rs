//! What the fields of a message are called: the specification's own tables, carried by `scripts/carry-spec`, and which of
//! them say who a person is. Read when first asked for; only people's tools ask.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

static LABELS: LazyLock<Labels> = LazyLock::new(|| {
    Labels::read(
        include_str!("../../profiles/baseline/labels.txt"),
        include_str!("../../profiles/baseline/personal.txt"),
    )
});

/// Which message of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// What the HIS asked.
    Request,
    /// What was answered.
    Answer,
}

/// What the specification says of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Chinese name; may be empty.
    pub label: &'static str,
    /// `string`, `number`, `date`, …
    pub kind: &'static str,
    /// Longest value, as the table writes it; empty when it says nothing.
    pub length: &'static str,
    /// The table asks for it.
    pub required: bool,
    /// Name of its code table; empty when it has none.
    pub table: &'static str,
}

/// Node and field to label.
type ByPlace = HashMap<(&'static str, &'static str), Label>;

/// The labels of every transaction.
pub struct Labels {
    tables: HashMap<&'static str, HashMap<&'static str, &'static str>>,
    /// Transaction and side, then node and field.
    exact: HashMap<(&'static str, Side), ByPlace>,
    /// The first transaction that names the field.
    any: HashMap<&'static str, Label>,
    personal_names: HashSet<String>,
    personal_labels: Vec<&'static str>,
}

/// The labels, read at the first call.
pub fn labels() -> &'static Labels {
    &LABELS
}

impl Labels {
    fn read(carried: &'static str, personal: &'static str) -> Labels {
        let (mut tables, mut exact, mut any) = (HashMap::new(), HashMap::<_, HashMap<_, _>>::new(), HashMap::new());
        let (mut infno, mut side, mut node) = ("", Side::Request, "");
        for line in carried.lines() {
            match line.split_at_checked(1) {
                Some(("#", _)) | None => {}
                Some(("=", rest)) => infno = rest,
                Some(("<", rest)) => (side, node) = (Side::Request, rest),
                Some((">", rest)) => (side, node) = (Side::Answer, rest),
                Some(("@", rest)) => {
                    let mut cells = rest.split('\t');
                    let name = cells.next().unwrap_or_default();
                    tables.insert(name, cells.filter_map(|cell| cell.split_once('=')).collect());
                }
                Some(_) => {
                    let mut cells = line.split('\t');
                    let mut cell = || cells.next().unwrap_or_default();
                    let (field, label, kind, length) = (cell(), cell(), cell(), cell());
                    let label = Label { label, kind, length, required: cell() == "!", table: cell() };
                    exact.entry((infno, side)).or_default().insert((node, field), label);
                    any.entry(field).or_insert(label);
                }
            }
        }
        let said = |what| move |line: &'static str| line.strip_prefix(what);
        Labels {
            tables,
            exact,
            any,
            personal_names: personal.lines().filter_map(said("name ")).map(plain).collect(),
            personal_labels: personal.lines().filter_map(said("label ")).collect(),
        }
    }

    /// The label of a field that stands in `node` (empty: the envelope); where the transaction does not name it there, what
    /// it or any other transaction says of that name.
    pub fn of(&self, infno: &str, side: Side, node: &str, field: &str) -> Option<Label> {
        let own = self.exact.get(&(if node.is_empty() { "*" } else { infno }, side));
        let named =
            |((node, name), label): (&(&'static str, &'static str), _)| (*name == field).then_some((*node, label));
        let elsewhere = || own?.iter().filter_map(named).min_by_key(|(node, _)| *node).map(|(_, label)| label);
        own.and_then(|own| own.get(&(node, field))).or_else(elsewhere).or_else(|| self.any.get(field)).copied()
    }

    /// What a code of a table means.
    pub fn meaning(&self, table: &str, code: &str) -> Option<&'static str> {
        self.tables.get(table)?.get(code).copied()
    }

    /// Whether the value of a field must be hidden from whoever may not see personal data.
    pub fn is_personal(&self, field: &str, label: Option<Label>) -> bool {
        let Some(label) = label else { return true };
        self.personal_names.contains(&plain(field))
            || self.personal_labels.iter().any(|part| label.label.contains(part))
    }
}

/// `psn_no` and `psnNo` alike.
fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_types_and_codes_of_the_specification() {
        let insutype = labels().of("2207", Side::Request, "data", "insutype").unwrap();
        assert_eq!((insutype.label, insutype.kind, insutype.length), ("险种类型", "string", "6"));
        assert!(insutype.required);
        assert_eq!(labels().meaning(insutype.table, "310"), Some("职工基本医疗保险"));
        let msgid = labels().of("2207", Side::Request, "", "msgid").unwrap();
        assert_eq!((msgid.label, msgid.length), ("发送方报文ID", "30"));
        assert_eq!(labels().of("2207", Side::Answer, "setlinfo", "setl_id").unwrap().label, "结算ID");
        assert_eq!(labels().of("0000", Side::Answer, "x", "psn_name").unwrap().label, "人员姓名");
        assert_eq!(labels().of("2207", Side::Request, "data", "nobody_knows_it"), None);
    }

    #[test]
    fn what_says_who_a_person_is_and_what_nobody_knows_is_personal() {
        let check = |field: &str, personal: bool| {
            let label = labels().of("2207", Side::Request, "data", field);
            assert_eq!(labels().is_personal(field, label), personal, "{field}");
        };
        for field in ["psn_no", "certno", "mdtrt_cert_no", "psnNo", "brdy", "opter_name", "nobody_knows_it"] {
            check(field, true);
        }
        for field in ["msgid", "medfee_sumamt", "insutype", "setl_id", "mdtrt_id", "fixmedins_code", "err_msg"] {
            check(field, false);
        }
    }
}
