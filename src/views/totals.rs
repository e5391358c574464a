//! Sums by day, institution, transaction, class and outcome; exact, and read from tables that are small.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, json};

use super::columns::{COLUMNS, place_of};
use super::month::{Month, day_at, moment_in, written_day};
use super::read::{ReadTrouble, Views};
use crate::domain::money;

/// Lines of one answer.
const LINES_MAX: usize = 5_000;
/// What lines may be told apart by, in the order in which they are sorted.
pub const BY: [&str; 5] = ["day", "institution", "infno", "class", "outcome"];

/// What is summed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summed {
    from: i64,
    until: i64,
    by: Vec<&'static str>,
}

/// What a question may say: name, form, meaning.
pub const ASKED: &[(&str, &str, &str)] = &[
    ("from", "day", "first day: 2026-11-21"),
    ("until", "day", "last day, it counts"),
    (
        "by",
        "words",
        "what lines are told apart by, between commas: day, institution, infno, class, outcome; all but institution unless said otherwise",
    ),
];

/// Lines, and what the gateway itself refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// One object per line: what it is told apart by, `count`, `amounts`, `unsummed`.
    pub lines: Vec<Map<String, serde_json::Value>>,
    /// Calls that the gateway refused and did not send: day, infno, class, rule, count.
    pub refusals: Vec<Map<String, serde_json::Value>>,
}

#[derive(Default)]
struct Line {
    count: i64,
    sums: BTreeMap<String, i64>,
    unsummed: i64,
}

impl Summed {
    /// Reads name and value pairs.
    ///
    /// # Errors
    /// `Asked` with the place and the cure.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Summed, ReadTrouble> {
        let mut summed = Summed { from: 0, until: i64::MAX, by: vec!["day", "infno", "class", "outcome"] };
        for (name, value) in pairs {
            let bad = |cure: &str| ReadTrouble::Asked {
                place: name.to_owned(),
                what: format!("`{name}` does not take \"{value}\""),
                cure: cure.to_owned(),
            };
            let day = || moment_in(value).filter(|_| value.len() == 10).map(day_at).ok_or_else(|| bad(ASKED[0].2));
            match name {
                "from" => summed.from = day()?,
                "until" => summed.until = day()?,
                "by" => {
                    let known = |part: &str| BY.into_iter().find(|by| *by == part.trim());
                    let by: Option<Vec<_>> = value.split(',').map(known).collect();
                    let by = by.ok_or_else(|| bad(ASKED[2].2))?;
                    summed.by = BY.into_iter().filter(|one| by.contains(one)).collect();
                }
                _ => {
                    let (place, what) = ("query".to_owned(), "there is no such parameter".to_owned());
                    return Err(ReadTrouble::Asked { place, what, cure: "from, until or by".to_owned() });
                }
            }
        }
        Ok(summed)
    }
}

impl Views {
    /// Totals of the days that are wanted.
    ///
    /// # Errors
    /// When a file cannot be read, or the answer would be too long.
    pub fn totals(&self, summed: &Summed) -> Result<Totals, ReadTrouble> {
        let mut lines: BTreeMap<Vec<String>, (Vec<Value>, Line)> = BTreeMap::new();
        let mut totals = Totals::default();
        let overlap = |month: &Month| month.overlaps(summed.from, summed.until);
        for month in self.months()?.into_iter().filter(overlap) {
            let Some(file) = self.open(month)? else { continue };
            add_counts(&file, summed, &mut lines)?;
            add_money(&file, summed, &mut lines)?;
            add_refusals(&file, summed, &mut totals)?;
            if LINES_MAX < lines.len() + totals.refusals.len() {
                return Err(ReadTrouble::Asked {
                    place: "by".to_owned(),
                    what: format!("more than {LINES_MAX} lines"),
                    cure: "fewer days, or less in `by`".to_owned(),
                });
            }
        }
        totals.lines = lines.into_values().map(|(key, line)| object(summed, &key, line)).collect();
        Ok(totals)
    }
}

type Lines = BTreeMap<Vec<String>, (Vec<Value>, Line)>;

fn line(lines: &mut Lines, key: Vec<Value>) -> &mut Line {
    let sorted = key.iter().map(sortable).collect();
    &mut lines.entry(sorted).or_insert_with(|| (key, Line::default())).1
}

fn sortable(value: &Value) -> String {
    match value {
        Value::Integer(number) => format!("{number:020}"),
        Value::Text(text) => text.clone(),
        _ => String::new(),
    }
}

fn read_lines(
    file: &Connection,
    sql: &str,
    summed: &Summed,
    mut each: impl FnMut(Vec<Value>, &rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), ReadTrouble> {
    let mut statement = file.prepare(sql)?;
    let mut rows = statement.query(params_from_iter([summed.from, summed.until]))?;
    while let Some(row) = rows.next()? {
        let key = (0..summed.by.len()).map(|at| row.get(at)).collect::<Result<_, _>>()?;
        each(key, row)?;
    }
    Ok(())
}

fn add_counts(file: &Connection, summed: &Summed, lines: &mut Lines) -> Result<(), ReadTrouble> {
    let (by, width) = (summed.by.join(", "), summed.by.len());
    let sql = format!("SELECT {by}, sum(count) FROM total WHERE day BETWEEN ?1 AND ?2 GROUP BY {by}");
    read_lines(file, &sql, summed, |key, row| {
        line(lines, key).count += row.get::<_, i64>(width)?;
        Ok(())
    })
}

fn add_money(file: &Connection, summed: &Summed, lines: &mut Lines) -> Result<(), ReadTrouble> {
    let (by, width) = (summed.by.join(", "), summed.by.len());
    let sql = format!(
        "SELECT {by}, name, sum(units), sum(unsummed) FROM money WHERE day BETWEEN ?1 AND ?2 GROUP BY {by}, name"
    );
    read_lines(file, &sql, summed, |key, row| {
        let line = line(lines, key);
        let sum = line.sums.entry(row.get(width)?).or_default();
        *sum = sum.saturating_add(row.get(width + 1)?);
        line.unsummed += row.get::<_, i64>(width + 2)?;
        Ok(())
    })
}

fn add_refusals(file: &Connection, summed: &Summed, totals: &mut Totals) -> Result<(), ReadTrouble> {
    let sql =
        "SELECT day, infno, class, rule, count FROM refusal WHERE day BETWEEN ?1 AND ?2 ORDER BY day, infno, rule";
    let mut statement = file.prepare(sql)?;
    let mut rows = statement.query([summed.from, summed.until])?;
    while let Some(row) = rows.next()? {
        let mut object = Map::new();
        for (at, name) in ["day", "infno", "class"].into_iter().enumerate() {
            object.insert(name.to_owned(), shown(name, &row.get(at)?));
        }
        object.insert("rule".to_owned(), row.get::<_, String>(3)?.into());
        object.insert("count".to_owned(), row.get::<_, i64>(4)?.into());
        totals.refusals.push(object);
    }
    Ok(())
}

fn object(summed: &Summed, key: &[Value], line: Line) -> Map<String, serde_json::Value> {
    let mut object = Map::new();
    for (name, value) in summed.by.iter().zip(key) {
        object.insert((*name).to_owned(), shown(name, value));
    }
    let amounts: BTreeMap<_, _> = line.sums.into_iter().map(|(name, units)| (name, money::written(units))).collect();
    object.insert("count".to_owned(), line.count.into());
    object.insert("amounts".to_owned(), json!(amounts));
    object.insert("unsummed".to_owned(), line.unsummed.into());
    object
}

fn shown(name: &str, value: &Value) -> serde_json::Value {
    match (name, value) {
        ("day", Value::Integer(day)) => written_day(*day).into(),
        _ => place_of(name).map_or(serde_json::Value::Null, |place| COLUMNS[place].form.shown(value)),
    }
}
