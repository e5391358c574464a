//! pack.toml and the topic files to packs; every complaint with its file and line, at once.

use std::cell::RefCell;

use toml_edit::{Document, Item, TableLike, Value};

use crate::domain::class::Class;
use crate::domain::spec::complaint::Complaint;
use crate::domain::spec::nearest::nearest;
use crate::domain::spec::sheet::Sheet;
use crate::domain::spec::{codes, fields};

use super::dates::Day;
use super::express::parse::{Part, parse};
use super::mode::{Mode, Modes};
use super::pack::{Cite, Pack};
use super::rule::{CodeForm, Demand, Example, Rule, State};
use super::table::Table;
use super::texts::Texts;

/// Rules of one file, and bytes of it: more is a wrong file.
const RULES_MAX: usize = 500;
const BYTES_MAX: usize = 4 << 20;
const RULE_KEYS: [&str; 24] = [
    "id", "on", "node", "when", "require", "absent", "must", "unique", "rows_max", "codes", "pattern", "state", "says",
    "cure", "cites", "mode", "mark", "region", "from", "to", "class", "passes", "fails", "note",
];
const DEMANDS: [&str; 8] = ["require", "absent", "must", "unique", "rows_max", "codes", "pattern", "state"];

/// Reads these packs.
pub(super) fn packs(texts: &Texts, names: &[&str]) -> Result<Vec<Pack>, Vec<Complaint>> {
    let complaints = RefCell::new(Vec::new());
    let packs: Vec<Pack> = names.iter().map(|name| pack(texts, name, &complaints)).collect();
    one_of_each(&packs, &complaints);
    let complaints = complaints.into_inner();
    if complaints.is_empty() { Ok(packs) } else { Err(complaints) }
}

fn pack(texts: &Texts, name: &str, complaints: &RefCell<Vec<Complaint>>) -> Pack {
    let mut pack = Pack { name: name.to_owned(), ..Pack::default() };
    for (file, text) in texts.of_pack(name) {
        let complain = |line: usize, text: String, cure: &str| {
            complaints.borrow_mut().push(Complaint { file: file.to_owned(), line, text, cure: cure.to_owned() });
        };
        let below = &file[name.len() + 1..];
        if text.len() > BYTES_MAX {
            complain(0, format!("the file has over {BYTES_MAX} bytes"), "split it");
        } else if below == "codes.txt" {
            pack.codes = Some(file.to_owned());
            let wrong = if texts.is_own(file) { codes::check(text) } else { Vec::new() };
            wrong.into_iter().for_each(|(line, text)| complain(line, text, "see rules/README.md"));
        } else if let Some(stem) = below.strip_prefix("tables/").and_then(|below| below.strip_suffix(".txt")) {
            let infno = if stem == crate::domain::spec::texts::ENVELOPE { "*" } else { stem };
            pack.tables.push(Table { infno: infno.to_owned(), file: file.to_owned(), pack: name.to_owned() });
            let wrong = if texts.is_own(file) { fields::check(text) } else { Vec::new() };
            wrong.into_iter().for_each(|(line, text)| complain(line, text, "see rules/README.md"));
        } else if below.ends_with(".toml") {
            let sheet = Sheet::new(file, text, complaints);
            match Document::parse(text) {
                Ok(document) if below == "pack.toml" => about(&mut pack, &sheet, document.as_table()),
                Ok(document) => topic(&mut pack, &sheet, document.as_table()),
                Err(error) => sheet.complain(error.span(), error.message().to_owned(), ""),
            }
        } else if !below.ends_with(".md") {
            complain(
                0,
                "no file of a pack".to_owned(),
                "a pack holds pack.toml, TOPIC.toml, codes.txt and tables/INFNO.txt",
            );
        }
    }
    pack
}

fn about(pack: &mut Pack, sheet: &Sheet<'_>, root: &dyn TableLike) {
    sheet.only(root, &["title", "version", "region", "from", "to", "mode", "cites", "off"]);
    pack.title = needed(sheet, root, "title");
    pack.version = needed(sheet, root, "version");
    pack.region = region(sheet, root);
    pack.days = days(sheet, root);
    if let Some(modes) = sheet.table(root, "mode") {
        pack.modes = read_modes(sheet, modes);
    }
    for rule in sheet.list(root, "off").unwrap_or_default() {
        pack.off.push((rule, sheet.line_of(root, "off")));
    }
    for row in sheet.rows(root, "cites") {
        sheet.only(row, &["id", "title", "number", "date", "issuer", "summary", "link"]);
        let words = |name: &str| sheet.words(row, name).unwrap_or_default();
        pack.cites.push(Cite {
            id: needed(sheet, row, "id"),
            title: needed(sheet, row, "title"),
            summary: needed(sheet, row, "summary"),
            number: words("number"),
            date: words("date"),
            issuer: words("issuer"),
            link: words("link"),
        });
    }
}

fn read_modes(sheet: &Sheet<'_>, table: &dyn TableLike) -> Modes {
    let mut modes = Modes::default();
    for (name, item) in table.iter() {
        let Some(mode) = mode(sheet, table, name) else { continue };
        match (name, Class::ALL.into_iter().find(|class| class.word() == name)) {
            ("certain", _) => modes.certain = Some(mode),
            ("single", _) => modes.single = Some(mode),
            (_, Some(class)) => modes.classes.push((class, mode)),
            (_, None) => {
                let known = Class::ALL.map(Class::word);
                let cure = format!("certain, single, or a class: {}", known.join(", "));
                sheet.complain(item.span(), format!("`{name}` is no class of transactions"), cure);
            }
        }
    }
    modes
}

fn mode(sheet: &Sheet<'_>, table: &dyn TableLike, name: &str) -> Option<Mode> {
    let said = sheet.words(table, name)?;
    let mode = Mode::named(&said);
    if mode.is_none() {
        sheet.complain(span_of(table, name), format!("`{said}` is no mode"), "observe, warn or enforce");
    }
    mode
}

fn topic(pack: &mut Pack, sheet: &Sheet<'_>, root: &dyn TableLike) {
    sheet.only(root, &["rule"]);
    let rows = sheet.rows(root, "rule");
    if rows.len() > RULES_MAX {
        sheet.complain(None, format!("more than {RULES_MAX} rules in one file"), "split it");
    }
    for row in rows.into_iter().take(RULES_MAX) {
        pack.rules.extend(rule(sheet, row));
    }
}

fn rule(sheet: &Sheet<'_>, row: &dyn TableLike) -> Option<Rule> {
    sheet.only(row, &RULE_KEYS);
    let id = needed(sheet, row, "id");
    let lacks = |what: String, cure: &str| sheet.complain(span_of(row, "id"), format!("{id}: {what}"), cure);
    let on = sheet.list(row, "on").unwrap_or_default();
    if on.is_empty() {
        lacks("`on` names no transaction".to_owned(), "on = [\"2207\"]");
    }
    let demand = demand(sheet, row, &id)?;
    let text = |name: &str| sheet.words(row, name).unwrap_or_default();
    let when = sheet.words(row, "when").and_then(|text| Some((text.clone(), condition(sheet, row, "when", &text)?)));
    let classes = sheet.list(row, "class").unwrap_or_default().into_iter().filter_map(|word| {
        let class = Class::ALL.into_iter().find(|class| class.word() == word);
        if class.is_none() {
            lacks(format!("`{word}` is no class of transactions"), &Class::ALL.map(Class::word).join(", "));
        }
        class
    });
    let classes: Vec<Class> = classes.collect();
    let mark = sheet.words(row, "mark").unwrap_or_default();
    if !matches!(mark.split(' ').next(), Some("C" | "S" | "I" | "P" | "B")) {
        lacks(
            "it has no mark".to_owned(),
            "mark = \"C\", \"S HN\" (one source), \"I\", \"P\" or \"B\" (policy title or brief only)",
        );
    }
    let is_state = matches!(demand, Demand::State(_));
    let examples = |name: &str| {
        let read = |example: &dyn TableLike| self::example(sheet, example, &on, is_state);
        sheet.rows(row, name).into_iter().map(read).collect::<Vec<_>>()
    };
    let (passes, fails) = (examples("passes"), examples("fails"));
    if passes.is_empty() || fails.is_empty() {
        lacks("it lacks an example".to_owned(), "give at least one [[rule.passes]] and one [[rule.fails]]");
    }
    let cites = list_or_word(sheet, row, "cites");
    if cites.is_empty() {
        lacks("it cites nothing".to_owned(), "cites = \"ID\" of a [[cites]] in a pack.toml");
    }
    Some(Rule {
        file: sheet.file.to_owned(),
        line: sheet.line_of(row, "id"),
        nodes: list_or_word(sheet, row, "node"),
        says: needed(sheet, row, "says"),
        cure: text("cure"),
        mode: mode(sheet, row, "mode"),
        region: region(sheet, row),
        days: days(sheet, row),
        id: id.clone(),
        on: on.clone(),
        classes,
        when,
        demand,
        cites,
        mark,
        passes,
        fails,
    })
}

/// What a rule asks for: exactly one thing.
fn demand(sheet: &Sheet<'_>, row: &dyn TableLike, id: &str) -> Option<Demand> {
    let said: Vec<&str> = DEMANDS.into_iter().filter(|name| row.contains_key(name)).collect();
    let [name] = said[..] else {
        let found = if said.is_empty() { "nothing".to_owned() } else { said.join(" and ") };
        sheet.complain(
            span_of(row, "id"),
            format!("{id}: it asks for {found}"),
            format!("one of: {}", DEMANDS.join(", ")),
        );
        return None;
    };
    Some(match name {
        "require" => Demand::Require(sheet.list(row, name)?),
        "absent" => Demand::Absent(sheet.list(row, name)?),
        "unique" => Demand::Unique(sheet.list(row, name)?),
        "rows_max" => Demand::RowsMax(sheet.count(row, name)?),
        "must" => {
            let text = sheet.words(row, name)?;
            let part = condition(sheet, row, name, &text)?;
            Demand::Must(text, part)
        }
        "codes" => Demand::Codes(lists(sheet, row, name)?),
        "pattern" => {
            let mut all = Vec::new();
            for (field, words) in lists(sheet, row, name)? {
                let forms = words.iter().filter_map(|word| {
                    let form = CodeForm::ALL.into_iter().find(|form| form.word() == word);
                    if form.is_none() {
                        let known = CodeForm::ALL.map(CodeForm::word).join(", ");
                        sheet.complain(span_of(row, name), format!("`{word}` is no form of a code"), known);
                    }
                    form
                });
                all.push((field, forms.collect()));
            }
            Demand::Forms(all)
        }
        _ => {
            let word = sheet.words(row, name)?;
            let state = State::ALL.into_iter().find(|state| state.word() == word);
            if state.is_none() {
                let cure = nearest(&word, State::ALL.map(State::word));
                sheet.complain(span_of(row, name), format!("`{word}` is nothing that the journal is asked for"), cure);
            }
            Demand::State(state?)
        }
    })
}

fn condition(sheet: &Sheet<'_>, row: &dyn TableLike, name: &str, text: &str) -> Option<Part> {
    let read = parse(text);
    read.map_err(|wrong| sheet.complain(span_of(row, name), format!("`{name}`: {wrong}"), "see rules/README.md")).ok()
}

fn example(sheet: &Sheet<'_>, row: &dyn TableLike, on: &[String], is_state: bool) -> Example {
    sheet.only(row, &["on", "input", "story"]);
    let infno = sheet.words(row, "on").or_else(|| on.first().cloned()).unwrap_or_default();
    let key = if is_state { "story" } else { "input" };
    let message = needed(sheet, row, key);
    if !is_state && !message.is_empty() && serde_json::from_str::<serde::de::IgnoredAny>(&message).is_err() {
        sheet.complain(span_of(row, key), "the example is no JSON".to_owned(), "what stands in `input`, whole");
    }
    if !on.contains(&infno) {
        sheet.complain(span_of(row, "on"), format!("the rule is not on {infno}"), "name one of its transactions");
    }
    Example { infno, message, line: sheet.line_of(row, key) }
}

fn region(sheet: &Sheet<'_>, table: &dyn TableLike) -> String {
    let region = sheet.words(table, "region").unwrap_or_default();
    if region.len() > 6 || !region.bytes().all(|byte| byte.is_ascii_digit()) {
        let cure = "leading digits of its division: \"61\" for Shaanxi, \"6101\" for Xi'an, \"\" for everywhere";
        sheet.complain(span_of(table, "region"), format!("`{region}` is no division"), cure);
    }
    region
}

fn days(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<(Day, Day)> {
    let day = |name: &str| {
        let said = sheet.words(table, name).filter(|said| !said.is_empty())?;
        let day = Day::read(&said);
        if day.is_none() {
            sheet.complain(span_of(table, name), format!("`{said}` is no day"), "yyyy-MM-dd");
        }
        day
    };
    let (from, to) = (day("from"), day("to"));
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        sheet.complain(span_of(table, "to"), format!("it ends on {to}, before it begins on {from}"), "");
    }
    (from.is_some() || to.is_some()).then(|| (from.unwrap_or(Day::FIRST), to.unwrap_or(Day::LAST)))
}

/// Ids of rules and of cited policies are each said once, and what is cited is there.
fn one_of_each(packs: &[Pack], complaints: &RefCell<Vec<Complaint>>) {
    let complain = |file: &str, line: usize, text: String, cure: String| {
        complaints.borrow_mut().push(Complaint { file: file.to_owned(), line, text, cure });
    };
    let cites: Vec<&str> = packs.iter().flat_map(|pack| &pack.cites).map(|cite| cite.id.as_str()).collect();
    let (mut seen, mut cited) = (std::collections::HashMap::new(), std::collections::HashSet::new());
    for pack in packs {
        for cite in pack.cites.iter().filter(|cite| !cited.insert(cite.id.as_str())) {
            complain(&format!("{}/pack.toml", pack.name), 0, format!("`{}` is cited twice", cite.id), String::new());
        }
        for rule in &pack.rules {
            if let Some(other) = seen.insert(rule.id.as_str(), rule) {
                let there = format!("{}:{} says it too", other.file, other.line);
                complain(&rule.file, rule.line, format!("a second rule `{}`", rule.id), there);
            }
            for cite in rule.cites.iter().filter(|cite| !cites.contains(&cite.as_str())) {
                let meant = nearest(cite, cites.iter().copied());
                complain(&rule.file, rule.line, format!("{}: nothing is called `{cite}`", rule.id), meant);
            }
        }
    }
}

fn needed(sheet: &Sheet<'_>, table: &dyn TableLike, name: &str) -> String {
    let said = sheet.words(table, name);
    if !table.contains_key(name) || said.as_deref() == Some("") {
        let first = table.iter().find_map(|(_, item)| item.span());
        sheet.complain(first, format!("`{name}` is missing"), "");
    }
    said.unwrap_or_default()
}

fn list_or_word(sheet: &Sheet<'_>, table: &dyn TableLike, name: &str) -> Vec<String> {
    match table.get(name) {
        Some(item) if item.is_str() => sheet.words(table, name).into_iter().collect(),
        _ => sheet.list(table, name).unwrap_or_default(),
    }
}

/// `{ field = ["a", "b"] }`.
fn lists(sheet: &Sheet<'_>, row: &dyn TableLike, name: &str) -> Option<Vec<(String, Vec<String>)>> {
    let table = sheet.table(row, name)?;
    let each = table.iter().map(|(field, item)| {
        let texts = item.as_array().map(|array| array.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        if texts.is_none() {
            sheet.complain(item.span(), format!("`{field}` is {}, not a list of texts", item.type_name()), "");
        }
        (field.to_owned(), texts.unwrap_or_default())
    });
    Some(each.collect())
}

fn span_of(table: &dyn TableLike, name: &str) -> Option<std::ops::Range<usize>> {
    table.get(name).and_then(Item::span).or_else(|| table.iter().find_map(|(_, item)| item.span()))
}
