//! Runs the examples that tables and rules carry: what passes must pass, what fails must fail by exactly that rule.

use crate::domain::class::Class;
use crate::domain::spec::complaint::Complaint;

use super::compile::{Chosen, Rules, Said, compile};
use super::dates::Day;
use super::finding::Findings;
use super::pack::Pack;
use super::rule::{Demand, Rule};
use super::table::{self, Table};
use super::texts::Texts;

/// What came of the examples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Tables with examples.
    pub tables: usize,
    /// Hand-written rules.
    pub rules: usize,
    /// Examples that passed and failed as they say.
    pub good: usize,
    /// Examples that did not.
    pub wrong: Vec<Complaint>,
}

/// Runs the examples of these packs (all of them where `only` is empty), whatever region and day they are for.
///
/// # Errors
/// Every complaint about the packs themselves.
pub fn run(packs: &[Pack], texts: &Texts, only: &str, class_of: &dyn Fn(&str) -> Class) -> Result<Ran, Vec<Complaint>> {
    let chosen = Chosen { region: "", day: Day::FIRST, class_of, said: Said::default() };
    let everywhere: Vec<Pack> = packs.iter().map(everywhere).collect();
    let tables_only: Vec<Pack> = everywhere.iter().map(|pack| Pack { rules: Vec::new(), ..pack.clone() }).collect();
    let (tables, mut rules) = (compile(&tables_only, texts, &chosen)?, compile(&everywhere, texts, &chosen)?);
    rules.by_hand_only();
    let mut ran = Ran::default();
    for pack in everywhere.iter().filter(|pack| only.is_empty() || pack.name == only) {
        for table in pack.tables.iter().filter(|table| table.infno != "*") {
            ran.table(table, texts, &tables);
        }
        for rule in pack.rules.iter().filter(|rule| !matches!(rule.demand, Demand::State(_))) {
            ran.rule(rule, &rules);
        }
    }
    Ok(ran)
}

/// A pack that is in force everywhere and always, and switches nothing off.
fn everywhere(pack: &Pack) -> Pack {
    let rules = pack.rules.iter().map(|rule| Rule { region: String::new(), days: None, ..rule.clone() }).collect();
    Pack { region: String::new(), days: None, off: Vec::new(), rules, ..pack.clone() }
}

impl Ran {
    fn table(&mut self, table: &Table, texts: &Texts, rules: &Rules) {
        let (mut passes, mut fails) = (0, 0);
        self.tables += 1;
        for example in table::examples(texts.of(&table.file).unwrap_or_default()) {
            let found = rules.check(&table.infno, example.message.as_bytes());
            let holds = match example.breaks {
                None => !found.unread && found.count() == 0,
                Some(rule) => found.count() == 1 && found.kept()[0].rule == rule,
            };
            let (count, expected) = match example.breaks {
                None => (&mut passes, "should pass".to_owned()),
                Some(rule) => (&mut fails, format!("should break {rule} alone")),
            };
            *count += 1;
            self.tell(holds, &table.file, example.line, &expected, &found);
        }
        let asks_nothing =
            table::nodes(texts.of(&table.file).unwrap_or_default()).iter().all(|node| node.fields.is_empty());
        if (passes == 0 || fails == 0) && !asks_nothing {
            let text = "a table has at least one example that passes (+) and one that fails (-)".to_owned();
            self.wrong.push(Complaint { file: table.file.clone(), line: 0, text, cure: String::new() });
        }
    }

    fn rule(&mut self, rule: &Rule, rules: &Rules) {
        self.rules += 1;
        for (examples, breaks) in [(&rule.passes, false), (&rule.fails, true)] {
            for example in examples {
                let found = rules.check(&example.infno, example.message.as_bytes());
                let broken = found.kept().iter().any(|finding| finding.rule == rule.id);
                let expected =
                    format!("should {} {} on {}", if breaks { "break" } else { "keep" }, rule.id, example.infno);
                self.tell(!found.unread && broken == breaks, &rule.file, example.line, &expected, &found);
            }
        }
    }

    fn tell(&mut self, holds: bool, file: &str, line: usize, expected: &str, found: &Findings) {
        if holds {
            self.good += 1;
            return;
        }
        let broken: Vec<&str> = found.kept().iter().take(5).map(|finding| finding.rule.as_str()).collect();
        let found = match (found.unread, &broken[..]) {
            (true, _) => "it cannot be read".to_owned(),
            (false, []) => "nothing is broken".to_owned(),
            (false, broken) => format!("broken: {}", broken.join(", ")),
        };
        self.wrong.push(Complaint {
            file: file.to_owned(),
            line,
            text: format!("the example {expected}"),
            cure: found,
        });
    }
}
