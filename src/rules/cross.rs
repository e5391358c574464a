//! Rules over several fields or rows, on the values that a walk kept.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;

use rust_decimal::Decimal;

use super::express::decide::{Values, decide, decimal};
use super::finding::{Finding, Findings};
use super::form::{Cross, Node, Place, Summed, Test};
use super::walk::Walk;

/// Puts a node behind a place: `.selinfo[3]`.
pub(super) fn step(path: &mut String, node: &Node, row: Option<u32>) {
    dotted(path, &node.name);
    if let Some(row) = row {
        *path += &format!("[{row}]");
    }
}

pub(super) fn dotted(path: &mut String, name: &str) {
    if !path.is_empty() && !name.is_empty() {
        path.push('.');
    }
    *path += name;
}

/// What a condition sees from a row.
struct From<'w, 'f, 'de> {
    walk: &'w Walk<'f, 'de>,
    row: Option<u32>,
    totals: &'w [OnceCell<Summed>],
}

impl Values<Place> for From<'_, '_, '_> {
    fn text(&self, place: &Place) -> Option<Cow<'_, str>> {
        self.walk.filled_at(*place, self.row)
    }

    fn total(&self, number: usize) -> Option<Decimal> {
        *self.totals[number].get_or_init(|| self.sum(number))
    }
}

impl From<'_, '_, '_> {
    fn sum(&self, number: usize) -> Summed {
        let total = &self.walk.form.totals[number];
        let mut sum = Decimal::ZERO;
        if total.field.is_none() && total.only.is_none() {
            return Some(self.walk.counts[usize::from(total.node)].into());
        }
        for (at, _) in self.walk.rows.iter().enumerate().filter(|(_, row)| row.node == total.node) {
            let row = From { row: Some(at as u32), ..*self };
            if let Some(only) = &total.only
                && !decide(only, &row)?
            {
                continue;
            }
            let one = match total.field {
                Some(place) => decimal(&self.walk.filled_at(place, row.row)?)?,
                None => Decimal::ONE,
            };
            sum = sum.checked_add(one)?;
        }
        Some(sum)
    }
}

/// Judges every hand-written rule of the form.
pub(super) fn judge(walk: &mut Walk<'_, '_>) {
    let totals: Vec<OnceCell<Summed>> = walk.form.totals.iter().map(|_| OnceCell::new()).collect();
    let mut findings = std::mem::take(&mut walk.findings);
    for cross in &walk.form.cross {
        let mut judging = Judging { walk, cross, totals: &totals, findings: &mut findings, seen: HashSet::new() };
        if let Test::RowsMax(most) = cross.test {
            judging.rows(most);
        } else if cross.node == 0 {
            let first = walk.firsts[0];
            judging.row(first);
        } else {
            for (at, _) in walk.rows.iter().enumerate().filter(|(_, row)| row.node == cross.node) {
                judging.row(Some(at as u32));
            }
        }
    }
    walk.findings = findings;
}

struct Judging<'w, 'f, 'de, 'a> {
    walk: &'w Walk<'f, 'de>,
    cross: &'w Cross,
    totals: &'w [OnceCell<Summed>],
    findings: &'a mut Findings,
    /// What rows said before.
    seen: HashSet<Vec<Cow<'de, str>>>,
}

impl Judging<'_, '_, '_, '_> {
    fn rows(&mut self, most: u64) {
        let count = self.walk.counts[usize::from(self.cross.node)];
        let values = From { walk: self.walk, row: self.walk.firsts[0], totals: self.totals };
        let applies = self.cross.when.as_ref().is_none_or(|when| decide(when, &values) == Some(true));
        if applies && count > most {
            let at = self.walk.firsts[usize::from(self.cross.node)];
            self.broken(at, None, &[("{count}", count.to_string()), ("{max}", most.to_string())]);
        }
    }

    fn row(&mut self, row: Option<u32>) {
        let values = From { walk: self.walk, row, totals: self.totals };
        if let Some(when) = &self.cross.when
            && decide(when, &values) != Some(true)
        {
            return;
        }
        let text = |place: &Place| self.walk.filled_at(*place, row);
        match &self.cross.test {
            Test::Require(places) => {
                for place in places.iter().filter(|place| text(place).is_none()).copied().collect::<Vec<_>>() {
                    self.broken(row, Some(place), &[]);
                }
            }
            Test::Absent(places) => {
                for place in places.iter().filter(|place| text(place).is_some()).copied().collect::<Vec<_>>() {
                    self.broken(row, Some(place), &[]);
                }
            }
            Test::Must(must, place) => {
                if decide(must, &values) == Some(false) {
                    self.broken(row, *place, &[]);
                }
            }
            Test::Unique(places) => {
                let said: Option<Vec<_>> = places.iter().map(text).collect();
                if let Some(said) = said
                    && !self.seen.insert(said)
                {
                    self.broken(row, places.first().copied(), &[]);
                }
            }
            Test::Codes(fields) => {
                let wrong = |codes: &[Box<str>], said: &str| !codes.iter().any(|code| &**code == said);
                let found = fields.iter().filter(|(place, codes)| text(place).is_some_and(|said| wrong(codes, &said)));
                for place in found.map(|(place, _)| *place).collect::<Vec<_>>() {
                    self.broken(row, Some(place), &[]);
                }
            }
            Test::Forms(fields) => {
                let found = fields.iter().filter(|(place, forms)| {
                    text(place).is_some_and(|said| !forms.iter().any(|form| form.fits(&said)))
                });
                for place in found.map(|(place, _)| *place).collect::<Vec<_>>() {
                    self.broken(row, Some(place), &[]);
                }
            }
            Test::RowsMax(_) => {}
        }
    }

    fn broken(&mut self, row: Option<u32>, place: Option<Place>, filled_in: &[(&str, String)]) {
        let (walk, cross) = (self.walk, self.cross);
        self.findings.add(cross.mode, || {
            let rule = &walk.rules.listed[cross.rule].rule;
            let label = place.map(|place| label(walk, place)).unwrap_or_default();
            let fill = |text: &str| {
                let text = text.replace("{label}", &label);
                filled_in.iter().fold(text, |text, (name, value)| text.replace(name, value))
            };
            Finding {
                rule: rule.id.clone(),
                mode: cross.mode,
                place: shown(walk, cross.node, row, place),
                at: row.map_or(0, |row| walk.rows[row as usize].at),
                says: fill(&rule.says),
                cure: fill(&rule.cure),
            }
        });
    }
}

/// 「就诊结算类型」(mdtrt_setl_type).
fn label(walk: &Walk<'_, '_>, place: Place) -> String {
    let (node, member) = place.field();
    let one = &walk.form.nodes[usize::from(node)].members[usize::from(member)];
    if one.label.is_empty() { format!("「{}」", one.name) } else { format!("「{}」({})", one.label, one.name) }
}

/// Where a rule is broken: a field as seen from a row, else the node.
fn shown(walk: &Walk<'_, '_>, node: u16, row: Option<u32>, place: Option<Place>) -> String {
    let Some(place) = place else { return path(walk, node, None) };
    let row = match place {
        Place::Row { up, .. } => (0..up).try_fold(row, |row, _| row.map(|row| walk.rows[row as usize].above)).flatten(),
        Place::Only { field: (node, _), .. } => walk.firsts[usize::from(node)],
    };
    let (node, member) = place.field();
    let mut path = path(walk, node, row);
    dotted(&mut path, &walk.form.nodes[usize::from(node)].members[usize::from(member)].name);
    path
}

fn path(walk: &Walk<'_, '_>, node: u16, row: Option<u32>) -> String {
    let mut steps = Vec::new();
    let (mut at, mut row) = (node, row);
    while at != 0 {
        let number = row.and_then(|row| walk.rows[row as usize].number);
        steps.push((at, number));
        row = row.and_then(|row| walk.rows[row as usize].above);
        at = walk.form.nodes[usize::from(at)].parent;
    }
    let mut path = walk.prefix.clone();
    for (node, number) in steps.into_iter().rev() {
        step(&mut path, &walk.form.nodes[usize::from(node)], number);
    }
    path
}
