//! What the fields of a message are called: the specification's own tables, carried by `scripts/carry-spec`, and which of
//! them say who a person is. Read when first asked for; only people's tools ask.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::domain::spec::codes::Tables;
pub use crate::domain::spec::fields::Side;
use crate::domain::spec::fields::{self, Line};
use crate::domain::spec::texts;

use super::texts::built_in;

static LABELS: LazyLock<Labels> = LazyLock::new(|| {
    let text = |file| built_in(file).expect("a test finds every file");
    Labels::read(&texts::tables(), text(texts::CODES), text("baseline/personal.txt"))
});

/// What the specification says of a field.
pub type Label = fields::Label<'static>;

/// Node and field to label.
type ByPlace = HashMap<(&'static str, &'static str), Label>;

/// The labels of every transaction.
pub struct Labels {
    tables: Tables<'static>,
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
    fn read(carried: &[(&str, &'static str)], dicts: &'static str, personal: &'static str) -> Labels {
        let (mut tables, mut exact, mut any) = (Tables::default(), HashMap::<_, HashMap<_, _>>::new(), HashMap::new());
        tables.read(dicts);
        let (mut infno, mut place) = ("", (Side::Request, ""));
        for line in carried.iter().flat_map(|(_, table)| table.lines()) {
            match fields::read(line) {
                Line::Transaction(begun) => infno = begun,
                Line::Node { side, name, .. } => place = (side, name),
                Line::Field(field, label) => {
                    exact.entry((infno, place.0)).or_default().insert((place.1, field), label);
                    any.entry(field).or_insert(label);
                }
                // Nobody vouches for how others write it: such a field stays unknown, and so hidden.
                Line::Passes(_) | Line::Fails(..) | Line::Elsewhere(_) | Line::Nothing => {}
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
        self.tables.meaning(table, code)
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
