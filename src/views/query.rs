//! Filters and pages. A page is found through one index and never by counting: it begins behind the last id of the page
//! before, and what it looks at is bounded, so that every question is answered in a moment.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::domain::exchange::ExchangeId;
use crate::journal::tokens::Tokens;

use super::columns::{COLUMNS, Column, Form, Search, filters};
use super::file::read_row;
use super::month::{Month, arrived_at, first_id_at, moment_in};
use super::read::{ReadTrouble, Views};
use super::row::Row;
use super::schema::all_columns;

/// Rows of a page.
pub const ROWS_MAX: usize = 500;
/// Rows of a page when nobody says how many.
pub const ROWS: usize = 50;
/// Index lines that one page looks at when more than one filter must hold; then it ends early and says where to go on.
pub const LOOKED_AT_MAX: usize = 10_000;
/// Values that one filter may have.
const VALUES_MAX: usize = 80;
/// Lines of an index that are counted to choose the index with the fewest.
const PROBE_LINES: usize = 2_000;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Place of a column, and the values of which one must stand there. All filters must hold.
    filters: BTreeMap<usize, Vec<Value>>,
    /// Ids from here on.
    from: [u8; 16],
    /// Ids below this.
    until: [u8; 16],
    newest_first: bool,
    rows: usize,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Exchanges in the order of their arrival, or against it.
    pub rows: Vec<Row>,
    /// `after` of the next page; none when this one reaches the end. A page may be short and still have a next one.
    pub next: Option<ExchangeId>,
}

/// What a question may say besides the columns that are searched: name, form, meaning.
pub const MORE: &[(&str, &str, &str)] = &[
    ("from", "moment", "arrived at or after: 2026-11-21 or 2026-11-21T08:30:00, Asia/Shanghai"),
    ("until", "moment", "arrived before"),
    ("order", "newest | oldest", "which come first, newest or oldest; newest unless said otherwise"),
    ("limit", "number", "rows of a page, 1 to 500; 50 unless said otherwise"),
    ("after", "id", "the page after this one: `next` of the page before"),
];

impl Wanted {
    /// Reads name and value pairs; several values of a filter stand between commas.
    ///
    /// # Errors
    /// `Asked` with the place and the cure, or when the views cannot be read for a person's tokens.
    pub fn read<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        views: &Views,
        tokens: Option<&Tokens>,
    ) -> Result<Wanted, ReadTrouble> {
        let mut wanted =
            Wanted { filters: BTreeMap::new(), from: [0; 16], until: [0xFF; 16], newest_first: true, rows: ROWS };
        let mut after = None;
        for (name, value) in pairs {
            let bad = |cure: &str| asked(name, format!("`{name}` does not take \"{value}\""), cure);
            match name {
                "from" => wanted.from = moment_in(value).map(first_id_at).ok_or_else(|| bad(MORE[0].2))?,
                "until" => wanted.until = moment_in(value).map(first_id_at).ok_or_else(|| bad(MORE[0].2))?,
                "order" if ["newest", "oldest"].contains(&value) => wanted.newest_first = value == "newest",
                "order" => return Err(bad("newest or oldest")),
                "limit" => {
                    let rows = value.parse().ok().filter(|rows| (1..=ROWS_MAX).contains(rows));
                    wanted.rows = rows.ok_or_else(|| bad(MORE[3].2))?;
                }
                "after" => after = Some(ExchangeId::parse(value).ok_or_else(|| bad(MORE[4].2))?),
                _ => {
                    let found = filters().find(|(_, column)| column.name == name);
                    let (place, column) = found.ok_or_else(|| unknown(name))?;
                    wanted.filters.insert(place, values(column, value, views, tokens)?);
                }
            }
        }
        match after {
            Some(after) if wanted.newest_first => wanted.until = wanted.until.min(after.0),
            Some(after) => wanted.from = wanted.from.max(next_id(after.0)),
            None => {}
        }
        Ok(wanted)
    }
}

/// The values that a filter's text stands for.
fn values(column: &Column, text: &str, views: &Views, tokens: Option<&Tokens>) -> Result<Vec<Value>, ReadTrouble> {
    let bad = |what: String, cure: &str| asked(column.name, what, cure);
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() || VALUES_MAX < parts.len() {
        return Err(bad(format!("`{}` has no value, or too many", column.name), "one value, or a few between commas"));
    }
    match column.form {
        Form::Words(words) => {
            let words = words();
            let code = |part: &&str| words.iter().find(|(_, word)| word == part).map(|(code, _)| Value::from(*code));
            let all = words.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(", ");
            let read = parts.iter().map(code).collect::<Option<Vec<_>>>();
            read.ok_or_else(|| bad(format!("`{}` does not take \"{text}\"", column.name), &format!("one of: {all}")))
        }
        Form::Token => {
            let cure = "a number of one person, where the keys of the data folder are at hand";
            let (Some(tokens), [number]) = (tokens, parts.as_slice()) else {
                return Err(bad("a person is found by one number and with the keys".to_owned(), cure));
            };
            views.tokens_of_person(number, tokens)
        }
        _ => Ok(parts.into_iter().map(|part| Value::Text(part.to_owned())).collect()),
    }
}

fn asked(place: &str, what: String, cure: &str) -> ReadTrouble {
    ReadTrouble::Asked { place: place.to_owned(), what, cure: cure.to_owned() }
}

fn unknown(name: &str) -> ReadTrouble {
    let known = filters().map(|(_, column)| column.name).chain(MORE.iter().map(|(name, ..)| *name));
    let known: Vec<_> = known.collect();
    // Not the value: somebody may have taken a number for a name.
    asked("query", "there is no such filter".to_owned(), &format!("one of: {}", known.join(", "))).named(name)
}

impl ReadTrouble {
    fn named(mut self, name: &str) -> ReadTrouble {
        let plain = name.len() <= 40 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if let (ReadTrouble::Asked { place, .. }, true) = (&mut self, plain) {
            name.clone_into(place);
        }
        self
    }
}

impl Views {
    /// One page of the exchanges that are wanted.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn find(&self, wanted: &Wanted) -> Result<Page, ReadTrouble> {
        let mut months = self.months()?;
        if wanted.newest_first {
            months.reverse();
        }
        let mut page = Page { rows: Vec::new(), next: None };
        let mut budget = LOOKED_AT_MAX;
        let (first, last) = (Month::at(arrived_at(ExchangeId(wanted.from))), wanted.until);
        let in_time = |month: &Month| first <= *month && (last == [0xFF; 16] || *month <= Month::of(ExchangeId(last)));
        for month in months.into_iter().filter(in_time) {
            let Some(file) = self.open(month)? else { continue };
            let left = wanted.rows - page.rows.len();
            let found = MonthSearch { file: &file, wanted, left, budget }.run()?;
            budget = budget.saturating_sub(found.looked_at);
            page.rows.extend(found.rows);
            if page.rows.len() == wanted.rows {
                page.next = page.rows.last().map(|row| row.id);
                return Ok(page);
            }
            if let Some(stopped_at) = found.stopped_at {
                page.next = Some(ExchangeId(stopped_at));
                return Ok(page);
            }
        }
        Ok(page)
    }
}

/// The search in one file.
struct MonthSearch<'a> {
    file: &'a Connection,
    wanted: &'a Wanted,
    left: usize,
    budget: usize,
}

struct Found {
    rows: Vec<Row>,
    looked_at: usize,
    /// The bound was reached: everything up to this id was looked at.
    stopped_at: Option<[u8; 16]>,
}

/// Where lines are read from: an index of `exchange`, its index by id, or `mark`.
enum Driver<'a> {
    Time,
    Index(&'static Column, &'a Value),
    Mark(usize, &'a Value),
}

impl MonthSearch<'_> {
    fn run(&self) -> Result<Found, ReadTrouble> {
        let driving = self.driving()?;
        let others: Vec<_> = self.wanted.filters.iter().filter(|(place, _)| Some(**place) != driving).collect();
        let drivers: Vec<Driver<'_>> = match driving {
            None => vec![Driver::Time],
            Some(place) => self.wanted.filters[&place].iter().map(|value| Driver::of(place, value)).collect(),
        };
        let mut found = Found { rows: Vec::new(), looked_at: 0, stopped_at: None };
        let (mut from, mut until) = (self.wanted.from, self.wanted.until);
        if !others.is_empty() {
            // Each stream of lines may be looked at so far; where the first one ends, all end.
            let share = (self.budget / drivers.len()).max(1);
            for driver in &drivers {
                let (lines, edge) = self.edge(driver, share)?;
                found.looked_at += lines;
                let Some(edge) = edge.filter(|_| share <= lines) else { continue };
                match self.wanted.newest_first {
                    true => from = from.max(edge),
                    false => until = until.min(next_id(edge)),
                }
            }
            let cut = if self.wanted.newest_first { from != self.wanted.from } else { until != self.wanted.until };
            found.stopped_at = cut.then(|| if self.wanted.newest_first { from } else { last_id_before(until) });
        }
        for driver in &drivers {
            found.rows.extend(self.lines(driver, &others, from, until)?);
        }
        found.rows.sort_unstable_by_key(|row| row.id);
        if self.wanted.newest_first {
            found.rows.reverse();
        }
        found.rows.dedup_by_key(|row| row.id);
        found.rows.truncate(self.left);
        Ok(found)
    }

    /// The filter whose index has the fewest lines; none when there is no filter.
    fn driving(&self) -> Result<Option<usize>, ReadTrouble> {
        if self.wanted.filters.len() <= 1 {
            return Ok(self.wanted.filters.keys().next().copied());
        }
        let mut best: Option<(usize, usize)> = None;
        for (place, values) in &self.wanted.filters {
            let mut lines = 0;
            for value in values {
                lines += self.edge(&Driver::of(*place, value), PROBE_LINES)?.0;
            }
            if best.is_none_or(|(fewest, _)| lines < fewest) {
                best = Some((lines, *place));
            }
        }
        Ok(best.map(|(_, place)| place))
    }

    /// How many lines there are, up to `lines_max`, and the id of the last of them.
    fn edge(&self, driver: &Driver<'_>, lines_max: usize) -> Result<(usize, Option<[u8; 16]>), ReadTrouble> {
        let (source, mut given) = driver.source(false);
        let (order, last) = if self.wanted.newest_first { ("DESC", "min") } else { ("ASC", "max") };
        let id = driver.id();
        let sql = format!(
            "SELECT count(*), {last}(id) FROM (SELECT {id} AS id FROM {source} AND {id} >= ? AND {id} < ? ORDER BY {id} {order} LIMIT ?)"
        );
        given.extend([blob(self.wanted.from), blob(self.wanted.until), Value::from(lines_max as i64)]);
        let mut statement = self.file.prepare_cached(&sql)?;
        let edge = statement.query_row(params_from_iter(given), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Option<[u8; 16]>>(1)?))
        })?;
        Ok((usize::try_from(edge.0).unwrap_or(0), edge.1))
    }

    fn lines(
        &self,
        driver: &Driver<'_>,
        others: &[(&usize, &Vec<Value>)],
        from: [u8; 16],
        until: [u8; 16],
    ) -> Result<Vec<Row>, ReadTrouble> {
        let (source, mut given) = driver.source(true);
        let (id, order) = (driver.id(), if self.wanted.newest_first { "DESC" } else { "ASC" });
        let mut sql = format!("SELECT {} FROM {source} AND {id} >= ? AND {id} < ?", all_columns());
        given.extend([blob(from), blob(until)]);
        for (place, values) in others {
            let holes = vec!["?"; values.len()].join(", ");
            match COLUMNS[**place].search {
                Search::Mark(_) => {
                    sql += &format!(
                        " AND EXISTS (SELECT 1 FROM mark AS other WHERE other.filter = {place} AND other.value IN ({holes}) AND other.id = exchange.id)"
                    );
                }
                _ => sql += &format!(" AND exchange.{} IN ({holes})", COLUMNS[**place].name),
            }
            given.extend(values.iter().cloned());
        }
        sql += &format!(" ORDER BY {id} {order} LIMIT ?");
        given.push(Value::from(self.left as i64));
        let mut statement = self.file.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(given), read_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl<'a> Driver<'a> {
    fn of(place: usize, value: &'a Value) -> Driver<'a> {
        match COLUMNS[place].search {
            Search::Mark(_) => Driver::Mark(place, value),
            _ => Driver::Index(&COLUMNS[place], value),
        }
    }

    /// What stands behind FROM, up to the conditions on the id, and its values; `rows` when columns of `exchange` are wanted.
    fn source(&self, rows: bool) -> (String, Vec<Value>) {
        match self {
            Driver::Time => ("exchange INDEXED BY exchange_by_id WHERE 1".to_owned(), Vec::new()),
            Driver::Index(column, value) => {
                let name = column.name;
                (format!("exchange INDEXED BY exchange_by_{name} WHERE exchange.{name} = ?"), vec![(*value).clone()])
            }
            Driver::Mark(place, value) => {
                let joined = if rows { "CROSS JOIN exchange ON exchange.id = mark.id" } else { "" };
                let source = format!("mark {joined} WHERE mark.filter = {place} AND mark.value = ?");
                (source, vec![(*value).clone()])
            }
        }
    }

    fn id(&self) -> &'static str {
        if matches!(self, Driver::Mark(..)) { "mark.id" } else { "exchange.id" }
    }
}

fn blob(id: [u8; 16]) -> Value {
    Value::Blob(id.to_vec())
}

/// The id that follows at once.
fn next_id(id: [u8; 16]) -> [u8; 16] {
    u128::from_be_bytes(id).saturating_add(1).to_be_bytes()
}

fn last_id_before(id: [u8; 16]) -> [u8; 16] {
    u128::from_be_bytes(id).saturating_sub(1).to_be_bytes()
}
