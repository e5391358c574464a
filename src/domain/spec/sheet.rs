//! Reading a TOML file of a profile or rule pack: every wrong key, type or word is a complaint with its line, and reading goes on.

use std::cell::RefCell;
use std::ops::Range;

use toml_edit::{Item, TableLike, Value};

use super::complaint::Complaint;
use super::nearest::nearest;

/// One file being read.
pub struct Sheet<'a> {
    /// Its name, relative to its folder.
    pub file: &'a str,
    /// What stands in it.
    pub text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    complaints: &'a RefCell<Vec<Complaint>>,
}

impl<'a> Sheet<'a> {
    /// A file whose complaints are added to these.
    pub fn new(file: &'a str, text: &'a str, complaints: &'a RefCell<Vec<Complaint>>) -> Sheet<'a> {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Sheet { file, text, lines, complaints }
    }

    /// Adds a complaint about the bytes at `span`.
    pub fn complain(&self, span: Option<Range<usize>>, text: impl Into<String>, cure: impl Into<String>) {
        let line = span.map_or(0, |span| self.line(span.start));
        let complaint = Complaint { file: self.file.to_owned(), line, text: text.into(), cure: cure.into() };
        self.complaints.borrow_mut().push(complaint);
    }

    /// The line, from 1, of a byte.
    pub fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at)
    }

    /// The line of what stands under `name`; 0 where nothing stands.
    pub fn line_of(&self, table: &dyn TableLike, name: &str) -> usize {
        table.get(name).and_then(Item::span).map_or(0, |span| self.line(span.start))
    }

    /// Complains about every key that is not known here.
    pub fn only(&self, table: &dyn TableLike, known: &[&str]) {
        for (name, item) in table.iter().filter(|(name, _)| !known.contains(name)) {
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let cure = Some(nearest(name, known.iter().copied())).filter(|cure| !cure.is_empty());
            let cure = cure.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            self.complain(span, format!("unknown key `{name}`"), cure);
        }
    }

    /// A table under `name`.
    pub fn table<'t>(&self, table: &'t dyn TableLike, name: &str) -> Option<&'t dyn TableLike> {
        let item = table.get(name)?;
        self.typed(item, name, "a table", item.as_table_like())
    }

    /// The tables in the table under `name`, in their order, each with its own name.
    pub fn tables<'t>(&self, table: &'t dyn TableLike, name: &str) -> Vec<(&'t str, &'t dyn TableLike)> {
        let Some(inside) = self.table(table, name) else { return Vec::new() };
        let each = inside.iter().filter_map(|(name, item)| {
            self.typed(item, name, "a table", item.as_table_like()).map(|table| (name, table))
        });
        each.collect()
    }

    /// The tables of the list under `name` (`[[name]]`), in their order.
    pub fn rows<'t>(&self, table: &'t dyn TableLike, name: &str) -> Vec<&'t dyn TableLike> {
        let Some(item) = table.get(name) else { return Vec::new() };
        let list = item.as_array_of_tables().map(|list| list.iter().map(|row| row as &dyn TableLike).collect());
        self.typed(item, name, "a list of tables", list).unwrap_or_default()
    }

    /// A text under `name`.
    pub fn words(&self, table: &dyn TableLike, name: &str) -> Option<String> {
        let item = table.get(name)?;
        self.typed(item, name, "a text", item.as_str().map(str::to_owned))
    }

    /// A yes or no under `name`.
    pub fn flag(&self, table: &dyn TableLike, name: &str) -> Option<bool> {
        let item = table.get(name)?;
        self.typed(item, name, "true or false", item.as_bool())
    }

    /// A whole number from 0 under `name`.
    pub fn count(&self, table: &dyn TableLike, name: &str) -> Option<u64> {
        let item = table.get(name)?;
        self.typed(item, name, "a whole number", item.as_integer().and_then(|number| u64::try_from(number).ok()))
    }

    /// A list of texts under `name`.
    pub fn list(&self, table: &dyn TableLike, name: &str) -> Option<Vec<String>> {
        let item = table.get(name)?;
        let texts = item.as_array().map(|array| array.iter().map(Value::as_str).collect::<Vec<_>>());
        let whole = texts.and_then(|texts| texts.into_iter().map(|text| text.map(str::to_owned)).collect());
        self.typed(item, name, "a list of texts", whole)
    }

    /// A list of whole numbers under `name`.
    pub fn numbers(&self, table: &dyn TableLike, name: &str) -> Option<Vec<u16>> {
        let item = table.get(name)?;
        let number = |value: &Value| value.as_integer().and_then(|number| u16::try_from(number).ok());
        let whole = item.as_array().and_then(|array| array.iter().map(number).collect());
        self.typed(item, name, "a list of whole numbers", whole)
    }

    fn typed<T>(&self, item: &Item, name: &str, wanted: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.complain(item.span(), format!("`{name}` is {}, not {wanted}", item.type_name()), "");
        }
        value
    }
}

/// Replaces what is in the slot when something was said.
pub fn set<T>(slot: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *slot = said;
    }
}
