//! The specification's field tables, carried by `scripts/carry-spec`: which nodes and fields a call and its answer have.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a field holds on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, dates included.
    Text,
    /// A number with so many decimals in the specification.
    Number(u32),
    /// A date, `yyyy-MM-dd`.
    Date,
    /// A moment, `yyyy-MM-dd HH:mm:ss`.
    Time,
    /// True or false.
    Flag,
    /// Another node: a list, an object, bytes.
    Inner,
}

/// One field of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name on the wire.
    pub name: &'static str,
    /// Whether the specification requires it.
    pub must: bool,
    /// What it holds.
    pub kind: Kind,
    /// The longest text in characters, or the most digits; 0 = not said.
    pub length: usize,
}

/// One node of an input or output.
#[derive(Debug, PartialEq, Eq)]
pub struct NodeTable {
    /// `data`, `data/patient_dtos`; `.` = the input or output itself.
    pub path: &'static str,
    /// Rows instead of one object.
    pub is_list: bool,
    /// In the specification's order.
    pub fields: Vec<Field>,
}

/// One transaction of the specification.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// 交易名称.
    pub name: &'static str,
    /// Nodes of the input.
    pub input: Vec<NodeTable>,
    /// Nodes of the output.
    pub output: Vec<NodeTable>,
    /// Columns of the file that the answer names, in order.
    pub columns: Vec<&'static str>,
    /// The last two segments of its path in URL style B.
    pub services: Vec<&'static str>,
}

static TABLES: LazyLock<BTreeMap<&'static str, Table>> = LazyLock::new(|| read(include_str!("spec.txt")));

/// The table of a transaction.
pub fn table(infno: &str) -> Option<&'static Table> {
    TABLES.get(infno)
}

/// The name of a transaction, empty when the tables do not know it.
pub fn name(infno: &str) -> &'static str {
    table(infno).map_or("", |table| table.name)
}

/// The transaction whose service a path ends in (URL style B).
pub fn by_service(path: &str) -> Option<&'static str> {
    let ends = |service: &str| path.strip_suffix(service).is_some_and(|base| base.ends_with('/'));
    known().find(|(_, table)| table.services.iter().any(|service| ends(service))).map(|(infno, _)| infno)
}

/// Every transaction of the tables.
pub fn known() -> impl Iterator<Item = (&'static str, &'static Table)> {
    TABLES.iter().map(|(infno, table)| (*infno, table))
}

fn read(text: &'static str) -> BTreeMap<&'static str, Table> {
    let mut tables: BTreeMap<&'static str, Table> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut words = line.splitn(3, ' ');
        let (Some(mark), Some(infno), Some(rest)) = (words.next(), words.next(), words.next()) else { continue };
        let table = tables.entry(infno).or_default();
        match mark {
            "#" => table.name = rest,
            ">" => table.input.push(node(rest)),
            "<" => table.output.push(node(rest)),
            "@" => table.services.push(rest),
            _ => table.columns = rest.split('|').collect(),
        }
    }
    tables
}

fn node(text: &'static str) -> NodeTable {
    let mut words = text.split_whitespace();
    let path = words.next().unwrap_or(".");
    NodeTable {
        path: path.trim_end_matches('*'),
        is_list: path.ends_with('*'),
        fields: words.filter_map(field).collect(),
    }
}

/// `feedetl_sn!s30`: name, required or not, kind, length.
fn field(text: &'static str) -> Option<Field> {
    let at = text.find(['!', '?'])?;
    let (whole, scale) = text[at + 2..].split_once('.').unwrap_or((&text[at + 2..], "0"));
    let kind = match text.as_bytes()[at + 1] {
        b'n' => Kind::Number(scale.parse().ok()?),
        b'd' => Kind::Date,
        b't' => Kind::Time,
        b'b' => Kind::Flag,
        b'l' | b'o' | b'y' => Kind::Inner,
        _ => Kind::Text,
    };
    Some(Field { name: &text[..at], must: text.as_bytes()[at] == b'!', kind, length: whole.parse().unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read() {
        let table = table("2204").expect("a transaction of the specification");
        assert_eq!(
            (table.name, table.input[0].path, table.input[0].is_list),
            ("门诊费用明细信息上传", "feedetail", true)
        );
        let price = table.input[0].fields.iter().find(|field| field.name == "pric").expect("a field");
        assert_eq!(*price, Field { name: "pric", must: true, kind: Kind::Number(6), length: 16 });
        assert!(known().count() > 100);
        assert!(super::table("1301").is_some_and(|table| table.columns.contains(&"医疗目录编码")));
    }
}
