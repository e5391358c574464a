//! From a profile's name to a typed profile, or to all complaints at once. Pure: texts in, profile out.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use toml_edit::Document;

use crate::domain::class::Class;
use crate::domain::scan::Wanted;

use super::Profile;
use super::complaint::{Complaint, nearest};
use super::rules::{Key, NAMES, Place, Rules, UNKNOWN};
use super::sheet::Sheet;
use super::texts::Texts;
use super::transaction::{Field, FreedBy, KeyRule, OnRepeat, Part, RowRule, Transaction};

/// Profiles that inherit one from another.
const ANCESTORS_MAX: usize = 4;

pub(super) fn load(name: &str, texts: &Texts) -> Result<Profile, Vec<Complaint>> {
    let complaints = RefCell::new(Vec::new());
    let mut rules = Rules::default();
    let mut resolved = String::new();
    let mut loading = Loading { texts, complaints: &complaints, rules: &mut rules, resolved: &mut resolved };
    loading.profile(name, 0);
    let transactions = Builder { rules: &rules, complaints: &complaints }.transactions();
    check_whole(name, &rules, &complaints);
    let complaints = complaints.into_inner();
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let transactions: HashMap<String, Transaction> = transactions.into_iter().collect();
    Ok(Profile {
        name: name.to_owned(),
        wanted: Arc::new(wanted(&rules, &transactions)),
        reply_wanted: Arc::new(reply_wanted(&rules, &transactions)),
        unclassified: Transaction::plain("", "未知交易", Class::Unclassified),
        resolved,
        transactions,
        rules,
    })
}

/// Reads a profile's files in order: ancestors, its parts, itself.
struct Loading<'a> {
    texts: &'a Texts,
    complaints: &'a RefCell<Vec<Complaint>>,
    rules: &'a mut Rules,
    resolved: &'a mut String,
}

impl Loading<'_> {
    fn profile(&mut self, name: &str, depth: usize) {
        let file = format!("{name}.toml");
        let Some(text) = self.texts.of(&file) else {
            let cure = nearest(name, self.texts.names());
            let cure = if cure.is_empty() { format!("there are: {}", self.texts.names().join(", ")) } else { cure };
            return self.complain(&file, 0, format!("no profile `{name}`"), cure);
        };
        let sheet = Sheet { file: &file, text: &text, complaints: self.complaints };
        let Some(document) = parse(&sheet) else { return };
        let root = document.as_table();
        if let Some(parent) = sheet.words(root, "inherits") {
            if depth == ANCESTORS_MAX {
                return self.complain(
                    &file,
                    0,
                    "too many ancestors".to_owned(),
                    "break the circle of `inherits`".to_owned(),
                );
            }
            self.profile(&parent, depth + 1);
        }
        for part in sheet.list(root, "parts").unwrap_or_default() {
            self.part(&file, &part);
        }
        self.rules.apply(&sheet, root);
        self.keep(&file, &text);
    }

    fn part(&mut self, of: &str, file: &str) {
        let Some(text) = self.texts.of(file) else {
            return self.complain(of, 0, format!("no file `{file}`"), String::new());
        };
        let sheet = Sheet { file, text: &text, complaints: self.complaints };
        if let Some(document) = parse(&sheet) {
            self.rules.apply(&sheet, document.as_table());
            self.keep(file, &text);
        }
    }

    fn keep(&mut self, file: &str, text: &str) {
        self.resolved.push_str(&format!("#: {file}\n{}\n", text.trim_end()));
    }

    fn complain(&self, file: &str, line: usize, text: String, cure: String) {
        self.complaints.borrow_mut().push(Complaint { file: file.to_owned(), line, text, cure });
    }
}

fn parse<'t>(sheet: &Sheet<'t>) -> Option<Document<&'t str>> {
    match Document::parse(sheet.text) {
        Ok(document) => Some(document),
        Err(error) => {
            sheet.complain(error.span(), error.message().to_owned(), "");
            None
        }
    }
}

/// Things that only the whole profile can lack.
fn check_whole(name: &str, rules: &Rules, complaints: &RefCell<Vec<Complaint>>) {
    let lacks = |what: &str| {
        let complaint = Complaint {
            file: format!("{name}.toml"),
            line: 0,
            text: format!("nobody says {what}"),
            cure: "inherit `baseline`".to_owned(),
        };
        complaints.borrow_mut().push(complaint);
    };
    for field in NAMES.into_iter().filter(|field| rules.names.get(*field).is_none_or(Vec::is_empty)) {
        lacks(&format!("envelope.{field}"));
    }
    for text in UNKNOWN.into_iter().filter(|text| rules.unknown.get(*text).is_none_or(String::is_empty)) {
        lacks(&format!("unknown.{text}"));
    }
    if rules.refusal.members.is_empty() || rules.refusal.members_by_code.is_empty() || rules.refusal.infcode.is_empty()
    {
        lacks("the shape of the refusal");
    }
    if rules.transactions.is_empty() {
        lacks("any transaction");
    }
}

/// Puts what the sections say of a transaction together.
struct Builder<'a> {
    rules: &'a Rules,
    complaints: &'a RefCell<Vec<Complaint>>,
}

impl Builder<'_> {
    fn transactions(&self) -> BTreeMap<String, Transaction> {
        let rows = self.rules.transactions.iter();
        let mut all: BTreeMap<String, Transaction> = rows
            .map(|(infno, row)| {
                let mut one = Transaction::plain(infno, &row.name, row.class.unwrap_or(Class::Unclassified));
                one.undo.clone_from(&row.undo);
                one.reversible_by_2601 = row.by_2601;
                (infno.clone(), one)
            })
            .collect();
        for (infno, row) in &self.rules.transactions {
            for undo in &row.undo {
                if let Some(one) = all.get_mut(undo) {
                    one.undoes.push(infno.clone());
                }
            }
        }
        for (class, (place, infnos)) in &self.rules.classes {
            self.each(&mut all, place, infnos, |one| one.class = *class);
        }
        self.add_traits(&mut all);
        self.add_keys(&mut all);
        all
    }

    fn add_traits(&self, all: &mut BTreeMap<String, Transaction>) {
        let (place, by_code) = &self.rules.by_code;
        self.each(all, place, by_code, |one| one.reply_by_code = true);
        for (name, (place, infnos)) in &self.rules.traits {
            match name.as_str() {
                "fenced" => self.each(all, place, infnos, |one| one.fenced = true),
                "reopens" => self.each(all, place, infnos, |one| one.stage_reopens = true),
                _ => {
                    for (infno, as_what) in infnos.iter().filter_map(|pair| self.pair(place, pair)) {
                        self.each(all, place, &[infno], |one| one.oinfno.clone_from(&as_what));
                    }
                }
            }
        }
        for substance in self.rules.substances.values() {
            self.each(all, &substance.place, &substance.infno, |one| {
                one.success_fields.clone_from(&substance.fields);
                one.echo = Some(substance.echo.clone()).filter(|echo| !echo.is_empty());
            });
        }
    }

    fn add_keys(&self, all: &mut BTreeMap<String, Transaction>) {
        for (family, key) in &self.rules.keys {
            let Some(rule) = self.rule(family, key) else { continue };
            let place = &key.place;
            let freeing: Vec<String> = rule.freed_by.iter().map(|by| by.infno.clone()).collect();
            self.each(all, place, &freeing, |_| {});
            self.each(all, place, &key.infno, |one| {
                if let Some(other) = &one.key {
                    self.complain(place, format!("{} has two keys: {} and {family}", one.infno, other.family), "");
                }
                one.key = Some(rule.clone());
            });
        }
        for rows in self.rules.rows.values() {
            let rule = RowRule { node: rows.node.clone(), parts: rows.parts.clone() };
            self.each(all, &rows.place, &rows.infno, |one| one.rows = Some(rule.clone()));
        }
    }

    fn rule(&self, family: &str, key: &Key) -> Option<KeyRule> {
        let on_repeat = match key.on_repeat.as_str() {
            "replay" => OnRepeat::Replay,
            "replay_while_fresh" => OnRepeat::ReplayWhileFresh { seconds: key.fresh_seconds },
            "cancel_inquiry" => OnRepeat::CancelInquiry,
            "after_refusal_only" => OnRepeat::AfterRefusalOnly,
            "ask_first" => OnRepeat::AskFirst { with: key.ask.clone() },
            "forward" => OnRepeat::Forward,
            other => {
                let known =
                    ["replay", "replay_while_fresh", "cancel_inquiry", "after_refusal_only", "ask_first", "forward"];
                self.complain(&key.place, format!("key.{family}: on_repeat is `{other}`"), &nearest(other, known));
                return None;
            }
        };
        let freed_by = key.freed_by.iter().filter_map(|pair| self.pair(&key.place, pair));
        Some(KeyRule {
            family: family.to_owned(),
            parts: key.parts.iter().map(|part| part_of(part)).collect(),
            generation: key.generation,
            fingerprint: key.fingerprint.iter().map(|field| field_of(field)).collect(),
            on_repeat,
            freed_by: freed_by.map(|(infno, by)| FreedBy { infno, by }).collect(),
            loose_without: key.loose_without.clone(),
        })
    }

    /// `a:b`.
    fn pair(&self, place: &Place, pair: &str) -> Option<(String, String)> {
        let split = pair.split_once(':').map(|(one, other)| (one.to_owned(), other.to_owned()));
        if split.is_none() {
            self.complain(place, format!("`{pair}` is not written as transaction:word"), "");
        }
        split
    }

    fn each(
        &self,
        all: &mut BTreeMap<String, Transaction>,
        place: &Place,
        infnos: &[String],
        mut act: impl FnMut(&mut Transaction),
    ) {
        for infno in infnos {
            if let Some(one) = all.get_mut(infno) {
                act(one);
            } else {
                let cure = nearest(infno, self.rules.transactions.keys().map(String::as_str));
                self.complain(place, format!("`{infno}` is no transaction of this profile"), &cure);
            }
        }
    }

    fn complain(&self, place: &Place, text: String, cure: &str) {
        let complaint = Complaint { file: place.file.clone(), line: place.line, text, cure: cure.to_owned() };
        self.complaints.borrow_mut().push(complaint);
    }
}

fn part_of(written: &str) -> Part {
    match written {
        "@lines" => Part::Lines,
        "@infno" => Part::Infno,
        field => Part::Field(field_of(field)),
    }
}

/// `a|b` = the first that is filled; `a?` = may be empty; `a=0` = 0 when empty.
fn field_of(written: &str) -> Field {
    let (names, absent) = match (written.strip_suffix('?'), written.split_once('=')) {
        (Some(names), _) => (names, Some(String::new())),
        (None, Some((names, absent))) => (names, Some(absent.to_owned())),
        (None, None) => (written, None),
    };
    Field { names: names.split('|').map(str::to_owned).collect(), absent }
}

/// Keys whose values a request's scanner keeps.
fn wanted(rules: &Rules, transactions: &HashMap<String, Transaction>) -> Wanted {
    let mut keys: Vec<&str> = rules
        .names
        .iter()
        .filter(|(name, _)| name.as_str() != "row_nodes")
        .flat_map(|(_, names)| names)
        .map(String::as_str)
        .collect();
    keys.extend(rules.line_fields.iter().map(String::as_str));
    for one in transactions.values() {
        keys.extend(one.rows.iter().flat_map(|rows| &rows.parts).map(String::as_str));
        let Some(key) = &one.key else { continue };
        let fields = key.parts.iter().filter_map(|part| if let Part::Field(field) = part { Some(field) } else { None });
        keys.extend(fields.chain(&key.fingerprint).flat_map(|field| &field.names).map(String::as_str));
        keys.extend(key.freed_by.iter().map(|by| by.by.as_str()));
    }
    Wanted::new(keys)
}

/// Keys whose values a reply's scanner keeps.
fn reply_wanted(rules: &Rules, transactions: &HashMap<String, Transaction>) -> Wanted {
    const FIELDS: [&str; 10] = [
        "reply_code",
        "reply_text",
        "reply_gateway",
        "medins_setl_id",
        "setl_id",
        "mdtrt_id",
        "amounts",
        "dimensions",
        "trt_dcla_detl_sn",
        "psn_no",
    ];
    let named = FIELDS.iter().filter_map(|field| rules.names.get(*field)).flatten().map(String::as_str);
    let real = transactions.values().flat_map(|one| one.success_fields.iter().chain(&one.echo)).map(String::as_str);
    Wanted::new(named.chain(real))
}
