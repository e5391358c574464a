//! What a rehearsal counts: calls and money by rule, transaction, department, operator and day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::domain::moment::china_time;
use crate::domain::money::{units_of, written};
use crate::domain::scan::{Found, Scanner, Wanted};
use crate::journal::Record;
use crate::journal::facts::Fact;
use crate::rules::finding::Findings;
use crate::rules::mode::Mode;

/// Lines of one table, and calls that are listed one by one.
const LINES_MAX: usize = 10_000;
/// What stands where a call does not say it.
const UNSAID: &str = "（未填）";
/// Where a call says its department; the first that is filled counts.
const DEPARTMENTS: [&str; 5] = ["bilg_dept_codg", "dept_code", "adm_dept_codg", "dscg_dept_codg", "acord_dept_codg"];
const OPERATOR: &str = "opter";

/// Calls and the money at stake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) calls: u64,
    /// 医疗费总额, ten-thousandths of a yuan.
    units: i64,
}

/// A line of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) stopped: u64,
    pub(super) warned: u64,
    units: i64,
}

/// A call that would have been refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stopped {
    pub(super) record: u64,
    pub(super) at: String,
    pub(super) infno: String,
    pub(super) msgid: String,
    pub(super) yuan: String,
    pub(super) rules: String,
}

/// What a rehearsal came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Calls of the HIS.
    pub(super) calls: u64,
    /// Of those, how many cannot be read any more, or are no JSON.
    pub(super) unread: u64,
    pub(super) stopped: Sum,
    pub(super) warned: Sum,
    /// The first of those that would have been refused.
    pub(super) listed: Vec<Stopped>,
    tables: [BTreeMap<String, Line>; 5],
}

/// Headings of the tables, in their order.
const HEADINGS: [&str; 5] = ["规则 rule", "交易 transaction", "科室 department", "经办人 operator", "日期 day"];

/// What a call says of who made it.
pub(super) struct Said {
    department: String,
    operator: String,
}

/// Reads department and operator out of a body.
pub(super) fn said_of(body: &[u8]) -> Said {
    let mut scanner = Scanner::new(Arc::new(Wanted::new(DEPARTMENTS.into_iter().chain([OPERATOR]))), None, None);
    scanner.feed(body);
    let view = scanner.finish();
    let first = |key: &str| view.all(key).find_map(Found::filled).map(str::to_owned);
    let department = DEPARTMENTS.iter().find_map(|key| first(key)).unwrap_or_else(|| UNSAID.to_owned());
    Said { department, operator: first(OPERATOR).unwrap_or_else(|| UNSAID.to_owned()) }
}

impl Sum {
    fn add(&mut self, units: i64) {
        self.calls += 1;
        self.units = self.units.saturating_add(units);
    }

    pub(super) fn yuan(self) -> String {
        written(self.units)
    }
}

impl Line {
    fn add(&mut self, mode: Mode, units: i64) {
        match mode {
            Mode::Enforce => {
                self.stopped += 1;
                self.units = self.units.saturating_add(units);
            }
            _ => self.warned += 1,
        }
    }

    pub(super) fn yuan(self) -> String {
        written(self.units)
    }
}

impl Tally {
    /// Counts a call with what is broken in it; `is_of_pack` tells whose rule it is.
    pub(super) fn take(
        &mut self,
        record: &Record,
        said: &Said,
        findings: &Findings,
        is_of_pack: &dyn Fn(&str) -> bool,
    ) {
        let mut rules: BTreeMap<&str, Mode> = BTreeMap::new();
        let mine = findings.kept().iter().filter(|finding| finding.mode > Mode::Observe && is_of_pack(&finding.rule));
        for finding in mine {
            let worst = rules.entry(&finding.rule).or_insert(finding.mode);
            *worst = finding.mode.max(*worst);
        }
        let Some(worst) = rules.values().copied().max() else { return };
        let text = |fact| record.facts.text_of(fact).unwrap_or_default().to_owned();
        let amount = record.facts.all_named(Fact::Amount).find(|(name, _)| *name == "medfee_sumamt");
        let units = amount.and_then(|(_, value)| units_of(std::str::from_utf8(value).ok()?)).unwrap_or(0);
        let at = china_time(record.header.at_unix_ns);
        if worst == Mode::Enforce {
            self.stopped.add(units);
            if self.listed.len() < LINES_MAX {
                let refusing = rules.iter().filter(|(_, mode)| **mode == Mode::Enforce).map(|(rule, _)| *rule);
                let rules = refusing.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
                let (infno, msgid, yuan) = (text(Fact::Infno), text(Fact::Msgid), written(units));
                self.listed.push(Stopped { record: record.header.seq.0, at: at.clone(), infno, msgid, yuan, rules });
            }
        } else {
            self.warned.add(units);
        }
        let day = at.get(..10).unwrap_or_default().to_owned();
        let names = [text(Fact::Infno), said.department.clone(), said.operator.clone(), day];
        let [by_rule, others @ ..] = &mut self.tables;
        for (rule, mode) in rules {
            line(by_rule, rule).add(mode, units);
        }
        others.iter_mut().zip(names).for_each(|(table, name)| line(table, &name).add(worst, units));
    }

    /// The tables with their headings: the lines that would have stopped most first.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'static str, Vec<(&str, Line)>)> {
        HEADINGS.into_iter().zip(&self.tables).map(|(heading, table)| {
            let mut lines: Vec<(&str, Line)> = table.iter().map(|(name, line)| (name.as_str(), *line)).collect();
            lines.sort_by_key(|(_, line)| std::cmp::Reverse((line.stopped, line.warned)));
            (heading, lines)
        })
    }

    /// For programs.
    pub(super) fn json(&self, pack: &str) -> Value {
        let line = |(name, line): &(&str, Line)| json!({"name": name, "refused": line.stopped, "warned": line.warned, "yuan": line.yuan()});
        let tables: Vec<Value> = self.tables().map(|(_, lines)| lines.iter().map(line).collect()).collect();
        let [rules, transactions, departments, operators, days] = <[Value; 5]>::try_from(tables).unwrap_or_default();
        json!({
            "pack": pack, "calls": self.calls, "unread": self.unread,
            "refused": {"calls": self.stopped.calls, "yuan": self.stopped.yuan()}, "warned": {"calls": self.warned.calls},
            "rules": rules, "transactions": transactions, "departments": departments, "operators": operators, "days": days,
        })
    }
}

/// The line of a name; what no longer finds room stands together.
fn line<'t>(table: &'t mut BTreeMap<String, Line>, name: &str) -> &'t mut Line {
    let name = if table.len() < LINES_MAX || table.contains_key(name) { name } else { "（其他）" };
    table.entry(name.to_owned()).or_default()
}
