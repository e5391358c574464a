//! From a profile's name to a typed profile, or to all complaints at once. Pure: texts in, profile out.

use std::cell::RefCell;
use std::sync::Arc;

use toml_edit::Document;

use crate::domain::class::Class;

use super::Profile;
use super::build::{Builder, frees, reply_wanted, roles, wanted};
use super::complaint::{Complaint, nearest};
use super::rules::{NAMES, Rules, UNKNOWN};
use super::sheet::Sheet;
use super::texts::Texts;
use super::transaction::Transaction;

/// Profiles that inherit one from another.
const ANCESTORS_MAX: usize = 4;

pub(super) fn load(name: &str, texts: &Texts) -> Result<Profile, Vec<Complaint>> {
    let complaints = RefCell::new(Vec::new());
    let mut rules = Rules::default();
    let mut resolved = String::new();
    let mut loading = Loading { texts, complaints: &complaints, rules: &mut rules, resolved: &mut resolved };
    loading.profile(name, 0);
    if resolved.is_empty() {
        return Err(complaints.into_inner()); // Nothing was read: what it lacks need not be listed.
    }
    let transactions = Builder { rules: &rules, complaints: &complaints }.transactions();
    check_whole(name, &rules, &complaints);
    let complaints = complaints.into_inner();
    if !complaints.is_empty() {
        return Err(complaints);
    }
    Ok(Profile {
        name: name.to_owned(),
        wanted: Arc::new(wanted(&rules, &transactions)),
        reply_wanted: Arc::new(reply_wanted(&rules, &transactions)),
        frees: frees(&transactions),
        unclassified: Transaction::plain("", "未知交易", Class::Unclassified),
        resolved,
        roles: roles(&rules),
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
    let refusal = &rules.refusal;
    let shapes = [&refusal.members, &refusal.members_by_code, &refusal.members_by_success];
    if shapes.into_iter().any(Vec::is_empty) || refusal.infcode.is_empty() {
        lacks("the shape of the refusal");
    }
    if rules.transactions.is_empty() {
        lacks("any transaction");
    }
}
