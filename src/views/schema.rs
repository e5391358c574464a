//! Tables and indexes of a month's file, made from the table of columns.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::columns::{COLUMNS, Form, Search, filters};

/// Moves when rows are folded in another way although the tables are the same.
const FOLDING: u32 = 2;

/// The statements that make a file.
pub(super) static SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let mut sql = String::from(FIXED);
    sql.push_str("CREATE TABLE exchange (seq INTEGER PRIMARY KEY, id BLOB NOT NULL");
    for column in COLUMNS {
        let kind = match column.form {
            Form::Text | Form::Json => "TEXT",
            Form::Token | Form::Id => "BLOB",
            Form::Words(_) | Form::Moment | Form::Number | Form::Flag => "INTEGER",
        };
        let _ = write!(sql, ", {} {kind}", column.name);
    }
    sql.push_str(") STRICT;\nCREATE UNIQUE INDEX exchange_by_id ON exchange (id);\n");
    // The id begins with the time of arrival: within each value the newest stands last, and a page begins where one ended.
    for (_, column) in filters().filter(|(_, column)| matches!(column.search, Search::Index)) {
        let _ = writeln!(sql, "CREATE INDEX exchange_by_{0} ON exchange ({0}, id);", column.name);
    }
    sql
});

/// Marks a file of this schema and folding; another number means that the file is rebuilt.
pub(super) fn version() -> i32 {
    let text = crc32c::crc32c(SCHEMA.as_bytes());
    crc32c::crc32c_append(text, &FOLDING.to_le_bytes()).cast_signed()
}

/// `seq, id, …` of `exchange`, as every reader selects them.
pub(super) fn all_columns() -> String {
    let names: Vec<_> = COLUMNS.iter().map(|column| format!("exchange.{}", column.name)).collect();
    format!("exchange.seq, exchange.id, {}", names.join(", "))
}

/// Tables of the content in the order of the digest, with the order of their rows.
pub(super) const CONTENT: &[(&str, &str)] = &[
    ("exchange", "seq"),
    ("mark", "filter, value, id"),
    ("look", "seq"),
    ("refusal", "day, infno, class, rule"),
    ("total", "day, institution, infno, class, outcome"),
    ("money", "day, institution, infno, class, outcome, name"),
];

const FIXED: &str = "
CREATE TABLE follower (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER NOT NULL, identity TEXT NOT NULL, months TEXT NOT NULL) STRICT;
CREATE TABLE mark (filter INTEGER NOT NULL, value ANY NOT NULL, id BLOB NOT NULL, PRIMARY KEY (filter, value, id)) STRICT, WITHOUT ROWID;
CREATE TABLE look (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE INDEX look_by_id ON look (id, seq);
CREATE TABLE refusal (day INTEGER NOT NULL, infno TEXT NOT NULL, class INTEGER NOT NULL, rule TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (day, infno, class, rule)) STRICT, WITHOUT ROWID;
CREATE TABLE total (day INTEGER NOT NULL, institution TEXT NOT NULL, infno TEXT NOT NULL, class INTEGER NOT NULL, outcome INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (day, institution, infno, class, outcome)) STRICT, WITHOUT ROWID;
CREATE TABLE money (day INTEGER NOT NULL, institution TEXT NOT NULL, infno TEXT NOT NULL, class INTEGER NOT NULL, outcome INTEGER NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL, units INTEGER NOT NULL, unsummed INTEGER NOT NULL, PRIMARY KEY (day, institution, infno, class, outcome, name)) STRICT, WITHOUT ROWID;
";
