//! From a profile's name to a typed profile, or to all complaints at once. Pure: texts in, profile out.

use std::cell::RefCell;
use std::sync::Arc;

use toml_edit::{Document, TableLike};

use crate::domain::class::Class;
use crate::domain::spec::{codes, fields, texts as built_in};

use super::build::{Builder, frees, reply_wanted, roles, wanted};
use crate::domain::spec::nearest::nearest;

use super::Profile;
use super::rules::{NAMES, Rules, UNKNOWN};
use super::texts::Texts;
use super::transaction::Transaction;
use crate::domain::spec::complaint::Complaint;
use crate::domain::spec::sheet::Sheet;

/// Profiles that inherit one from another.
const ANCESTORS_MAX: usize = 4;

pub(super) fn load(name: &str, texts: &Texts) -> Result<Profile, Vec<Complaint>> {
    build(name, texts, true)
}

/// Reads a profile back from its resolved text. The tables that name fields and codes are not in it: they decide nothing.
pub(super) fn of_resolved(resolved: &str) -> Result<Profile, Vec<Complaint>> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in resolved.lines() {
        match (file_in(line), files.last_mut()) {
            (Some(file), _) => files.push((file.to_owned(), String::new())),
            (None, Some((_, text))) => text.extend([line, "\n"]),
            (None, None) => break,
        }
    }
    let complain = |text: &str| {
        vec![Complaint { file: "Snapshot".to_owned(), line: 0, text: text.to_owned(), cure: String::new() }]
    };
    let name = files.last().and_then(|(file, _)| file.strip_suffix(".toml")).map(str::to_owned);
    let name = name.ok_or_else(|| complain("it is no resolved profile"))?;
    let profile = build(&name, &Texts::alone(files), false)?;
    // A text that says something else than was in force must not decide.
    if profile.resolved == resolved { Ok(profile) } else { Err(complain("it does not read back as it was written")) }
}

/// The file whose text begins behind this line of a resolved text.
fn file_in(line: &str) -> Option<&str> {
    line.strip_prefix("#: ").filter(|file| file.ends_with(".toml") && !file.contains(' '))
}

fn build(name: &str, texts: &Texts, with_tables: bool) -> Result<Profile, Vec<Complaint>> {
    let complaints = RefCell::new(Vec::new());
    let mut rules = Rules::default();
    let mut resolved = String::new();
    walk(name, texts, &complaints, &mut |sheet, root| {
        rules.apply(sheet, root);
        resolved.push_str(&format!("#: {}\n{}\n", sheet.file, sheet.text.trim_end()));
    });
    if rules.names.is_empty() && !complaints.borrow().is_empty() {
        return Err(complaints.into_inner()); // Nothing was read: what is lacking follows from that.
    }
    let transactions = Builder { rules: &rules, complaints: &complaints }.transactions();
    check_whole(name, &rules, &complaints);
    if with_tables {
        check_tables(&rules, texts, &complaints);
    }
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

/// Reads a profile's files in order (ancestors, parts, itself) and shows each to `visit`.
pub(super) fn walk(
    name: &str,
    texts: &Texts,
    complaints: &RefCell<Vec<Complaint>>,
    visit: &mut dyn FnMut(&Sheet<'_>, &dyn TableLike),
) {
    Walk { texts, complaints, visit }.profile(name, &mut Vec::new());
}

struct Walk<'a> {
    texts: &'a Texts,
    complaints: &'a RefCell<Vec<Complaint>>,
    visit: &'a mut dyn FnMut(&Sheet<'_>, &dyn TableLike),
}

impl Walk<'_> {
    /// `heirs`: the files that led here, each inheriting from the next.
    fn profile(&mut self, name: &str, heirs: &mut Vec<(String, usize)>) {
        let file = format!("{name}.toml");
        let said_at = heirs.last().cloned().unwrap_or_else(|| (file.clone(), 0));
        if heirs.iter().any(|(heir, _)| *heir == file) {
            let circle: Vec<&str> = heirs.iter().map(|(heir, _)| heir.as_str()).chain([file.as_str()]).collect();
            let text = format!("a circle of `inherits`: {}", circle.join(" -> "));
            return self.complain(said_at, text, "let one of them inherit `baseline`".to_owned());
        }
        if heirs.len() > ANCESTORS_MAX {
            return self.complain(said_at, "too many ancestors".to_owned(), format!("at most {ANCESTORS_MAX}"));
        }
        let Some(text) = self.texts.of(&file) else {
            let cure = nearest(name, self.texts.names());
            let cure = if cure.is_empty() { format!("there are: {}", self.texts.names().join(", ")) } else { cure };
            return self.complain(said_at, format!("no profile `{name}`"), cure);
        };
        let sheet = Sheet::new(&file, text, self.complaints);
        let Some(document) = parse(&sheet) else { return };
        let root = document.as_table();
        if let Some(parent) = sheet.words(root, "inherits") {
            heirs.push((file.clone(), sheet.line_of(root, "inherits")));
            self.profile(&parent, heirs);
            heirs.pop();
        }
        for part in sheet.list(root, "parts").unwrap_or_default() {
            self.part(&sheet, root, &part);
        }
        (self.visit)(&sheet, root);
    }

    fn part(&mut self, of: &Sheet<'_>, root: &dyn TableLike, file: &str) {
        let Some(text) = self.texts.of(file) else {
            let at = (of.file.to_owned(), of.line_of(root, "parts"));
            return self.complain(at, format!("no file `{file}`"), nearest(file, self.texts.files()));
        };
        let sheet = Sheet::new(file, text, self.complaints);
        if let Some(document) = parse(&sheet) {
            (self.visit)(&sheet, document.as_table());
        }
    }

    fn complain(&self, at: (String, usize), text: String, cure: String) {
        self.complaints.borrow_mut().push(Complaint { file: at.0, line: at.1, text, cure });
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

/// The tables named must be there; those of a site are read here, the built-in ones by a test.
fn check_tables(rules: &Rules, texts: &Texts, complaints: &RefCell<Vec<Complaint>>) {
    let (fields, tables) = (&rules.field_files, &rules.table_files);
    for (place, files, check) in [
        (&fields.0, &fields.1, fields::check as fn(&str) -> Vec<(usize, String)>),
        (&tables.0, &tables.1, codes::check),
    ] {
        for file in files.iter().filter(|file| !texts.is_folder(file)) {
            let complain = |file: &str, line: usize, text: String, cure: String| {
                complaints.borrow_mut().push(Complaint { file: file.to_owned(), line, text, cure });
            };
            match texts.of(file) {
                None => {
                    let cure = nearest(file, texts.files().into_iter().chain([built_in::CODES, built_in::TABLES]));
                    complain(&place.file, place.line, format!("no file `{file}`"), cure);
                }
                Some(text) if texts.is_own(file) => {
                    let found = check(text).into_iter();
                    found.for_each(|(line, text)| complain(file, line, text, "see profiles/README.md".to_owned()));
                }
                Some(_) => {}
            }
        }
    }
}
