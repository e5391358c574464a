//! What two packs, or two versions of one, say differently: by rule, by row of a table, by code, by mode.

use std::collections::BTreeMap;

use crate::domain::class::Class;
use crate::domain::spec::codes::Tables;

use super::mode::Mode;
use super::pack::Pack;
use super::table;
use super::texts::Texts;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is said differently: a rule's id, a field, a code table, a mode.
    pub what: String,
    /// What the first says; none where it says nothing of it.
    pub first: Option<String>,
    /// What the second says.
    pub second: Option<String>,
}

/// What differs, in the order of names.
pub fn between(first: (&Pack, &Texts), second: (&Pack, &Texts)) -> Vec<Change> {
    let (mut first, mut second) = (said(first), said(second));
    let names: std::collections::BTreeSet<String> = first.keys().chain(second.keys()).cloned().collect();
    let change = |what: String| Change { first: first.remove(&what), second: second.remove(&what), what };
    names.into_iter().map(change).filter(|change| change.first != change.second).collect()
}

/// All that a pack says, by name.
fn said((pack, texts): (&Pack, &Texts)) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([
        ("pack.title".to_owned(), pack.title.clone()),
        ("pack.version".to_owned(), pack.version.clone()),
        ("pack.region".to_owned(), pack.region.clone()),
    ]);
    let days = pack.days.map(|(from, to)| format!("{from} to {to}"));
    all.extend(days.map(|days| ("pack.days".to_owned(), days)));
    let mut mode =
        |name: &str, mode: Option<Mode>| all.extend(mode.map(|mode| (format!("mode.{name}"), mode.word().to_owned())));
    mode("certain", pack.modes.certain);
    mode("single", pack.modes.single);
    for class in Class::ALL {
        mode(class.word(), pack.modes.classes.iter().find(|(of, _)| *of == class).map(|(_, mode)| *mode));
    }
    all.extend(pack.off.iter().map(|(rule, _)| (format!("off {rule}"), "off".to_owned())));
    all.extend(pack.cites.iter().map(|cite| {
        (format!("cite {}", cite.id), format!("{} {} {} {}", cite.title, cite.number, cite.date, cite.summary))
    }));
    for rule in &pack.rules {
        let mode = rule.mode.map_or(String::new(), |mode| format!(" [{}]", mode.word()));
        let days = rule.days.map_or(String::new(), |(from, to)| format!(" {from} to {to}"));
        let text = format!(
            "on {} {}: {}{mode}{days}: {}; {}",
            rule.on.join(" "),
            rule.nodes.join(" "),
            rule.asks(),
            rule.says,
            rule.cure
        );
        all.insert(rule.id.clone(), text);
    }
    for table in &pack.tables {
        for node in table::nodes(texts.of(&table.file).unwrap_or_default()) {
            let name = if node.name.is_empty() { "input" } else { node.name };
            for (_, field, label) in &node.fields {
                let must = if label.disputed {
                    "!?"
                } else if label.required {
                    "!"
                } else {
                    ""
                };
                let row = [label.label, label.kind, label.length, must, label.table, label.source];
                let row = row.into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" ");
                all.insert(format!("{}.{name}.{field}", table.infno), row);
            }
        }
    }
    if let Some(file) = &pack.codes {
        let mut tables = Tables::default();
        tables.read(texts.of(file).unwrap_or_default());
        for (name, table) in tables.iter() {
            let codes = table.codes.iter().map(|(code, meaning)| format!("{code}={meaning}")).collect::<Vec<_>>();
            all.insert(format!("codes {name}"), codes.join(" "));
        }
    }
    all
}
