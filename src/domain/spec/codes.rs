//! Code tables (`rules/national/codes.txt`): what the codes of a field mean.

use std::collections::HashMap;

/// One code table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table<'t> {
    /// Chinese name.
    pub label: &'t str,
    /// C (certain), S (single source) or I (inferred), and the sources.
    pub source: &'t str,
    /// A code outside of it is no fault: provinces have codes of their own.
    pub open: bool,
    /// Code and meaning, in the order of the table.
    pub codes: Vec<(&'t str, &'t str)>,
}

/// Code tables by name.
#[derive(Debug, Clone, Default)]
pub struct Tables<'t>(HashMap<&'t str, Table<'t>>);

impl<'t> Tables<'t> {
    /// Adds the tables of a text; a table that is there already is replaced as a whole.
    pub fn read(&mut self, text: &'t str) {
        let mut name = "";
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            if let Some(begun) = line.strip_prefix('@') {
                name = begun.split('\t').next().unwrap_or_default();
                let _name = cell();
                let (label, source, _note) = (cell(), cell(), cell());
                self.0.insert(name, Table { label, source, open: cell() == "open", codes: Vec::new() });
            } else if let Some(table) = self.0.get_mut(name) {
                table.codes.push((cell(), cell()));
            }
        }
    }

    /// A table.
    pub fn of(&self, table: &str) -> Option<&Table<'t>> {
        self.0.get(table)
    }

    /// All tables with their names, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&'t str, &Table<'t>)> {
        self.0.iter().map(|(name, table)| (*name, table))
    }

    /// What a code of a table means.
    pub fn meaning(&self, table: &str, code: &str) -> Option<&'t str> {
        self.of(table)?.codes.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
    }

    /// How many tables there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// What is wrong with a text of tables, line by line.
pub fn check(text: &str) -> Vec<(usize, String)> {
    let (mut wrong, mut table) = (Vec::new(), "");
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty()) {
        let cells: Vec<&str> = line.split('\t').collect();
        if let Some(name) = cells[0].strip_prefix('@') {
            table = name;
            if !matches!(cells.get(2).and_then(|source| source.split(' ').next()), Some("C" | "S" | "I" | "P")) {
                wrong.push((at + 1, format!("table `{name}` has no mark (C, S, I or P) in its third column")));
            }
        } else if table.is_empty() {
            wrong.push((at + 1, "a code before any @TABLE".to_owned()));
        } else if cells.len() < 2 {
            wrong.push((at + 1, format!("code `{}` of {table} has no meaning; columns stand between tabs", cells[0])));
        }
    }
    wrong
}
