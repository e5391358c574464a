//! Lays one file over what was said before, section by section.

use toml_edit::TableLike;

use crate::domain::class::Class;

use super::apply_wire::{infcode, source, urls};
use super::rules::{Err, NAMES, Place, Rules, TRAITS, UNKNOWN};
use super::transaction::ErrClass;
use crate::domain::spec::nearest::nearest;
use crate::domain::spec::sheet::{Sheet, set};

/// Every section.
const SECTIONS: &[&str] = &[
    "title",
    "region",
    "inherits",
    "parts",
    "identity",
    "envelope",
    "lines",
    "class",
    "trait",
    "substance",
    "key",
    "inquiry",
    "undo",
    "law",
    "cure",
    "rows",
    "reply",
    "err",
    "refusal",
    "unknown",
    "transaction",
    "signing",
    "service",
    "host",
    "route",
    "answer",
    "statement",
    "submission",
    "sign_in",
    "dictionaries",
    "spelling",
];

impl Rules {
    /// Lays one file over what was said before.
    pub(super) fn apply(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        sheet.only(root, SECTIONS);
        set(&mut self.title, sheet.words(root, "title"));
        set(&mut self.region, sheet.words(root, "region"));
        self.apply_tables(sheet, root);
        self.apply_envelope(sheet, root);
        self.apply_lists(sheet, root);
        self.apply_keys(sheet, root);
        self.apply_money(sheet, root);
        self.apply_reply(sheet, root);
        self.apply_texts(sheet, root);
        self.apply_wire(sheet, root);
        self.signing.apply(sheet, root);
    }

    fn apply_tables(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        for (infno, table) in sheet.tables(root, "transaction") {
            sheet.only(table, &["name", "class", "undo", "rows", "source"]);
            let row = self.transactions.entry(infno.to_owned()).or_default();
            set(&mut row.name, sheet.words(table, "name"));
            set(&mut row.undo, sheet.list(table, "undo"));
            set(&mut row.source, source(sheet, table));
            if let Some(rows) = sheet.table(table, "rows") {
                sheet.only(rows, &["node", "max", "source"]);
                set(&mut row.limit.node, sheet.words(rows, "node"));
                set(&mut row.limit.max, sheet.count(rows, "max"));
                set(&mut row.limit.source, source(sheet, rows));
            }
            if let Some(word) = sheet.words(table, "class") {
                row.class = class_of(&word).or(row.class);
                if class_of(&word).is_none() {
                    let cure = nearest(&word, Class::ALL.map(Class::word));
                    sheet.complain(span_of(table, "class"), format!("`{word}` is no class"), cure);
                }
            }
        }
        let Some(services) = sheet.table(root, "service") else { return };
        for (path, _) in services.iter() {
            let said = sheet.list(services, path).map(|said| (place(sheet, services, path), said));
            set(self.services.entry(path.to_owned()).or_default(), said);
        }
    }

    fn apply_envelope(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        if let Some(identity) = sheet.table(root, "identity") {
            sheet.only(identity, &["urls", "number_prefixes", "number_header", "path_names"]);
            set(&mut self.urls, urls(sheet, identity));
            set(&mut self.number_prefixes, sheet.list(identity, "number_prefixes"));
            set(&mut self.number_header, sheet.words(identity, "number_header"));
            set(&mut self.path_names, sheet.list(identity, "path_names"));
        }
        if let Some(envelope) = sheet.table(root, "envelope") {
            sheet.only(envelope, &[&NAMES[..], &["cross_region_digits"]].concat());
            set(&mut self.cross_region_digits, sheet.count(envelope, "cross_region_digits"));
            for name in NAMES {
                set(self.names.entry(name.to_owned()).or_default(), sheet.list(envelope, name));
            }
        }
        if let Some(lines) = sheet.table(root, "lines") {
            sheet.only(lines, &["nodes", "fields", "numbers"]);
            set(&mut self.line_nodes, sheet.list(lines, "nodes"));
            set(&mut self.line_fields, sheet.list(lines, "fields"));
            set(&mut self.numbers, sheet.list(lines, "numbers"));
        }
    }

    fn apply_lists(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        if let Some(classes) = sheet.table(root, "class") {
            sheet.only(classes, &Class::ALL.map(Class::word));
            for class in Class::ALL {
                let said = sheet.list(classes, class.word());
                set(
                    self.classes.entry(class).or_default(),
                    said.map(|said| (place(sheet, classes, class.word()), said)),
                );
            }
        }
        if let Some(traits) = sheet.table(root, "trait") {
            sheet.only(traits, &TRAITS);
            for name in TRAITS {
                let said = sheet.list(traits, name);
                set(
                    self.traits.entry(name.to_owned()).or_default(),
                    said.map(|said| (place(sheet, traits, name), said)),
                );
            }
        }
        for (name, table) in sheet.tables(root, "substance") {
            sheet.only(table, &["infno", "fields", "echo"]);
            let substance = self.substances.entry(name.to_owned()).or_default();
            substance.place = place(sheet, table, "infno");
            set(&mut substance.infno, sheet.list(table, "infno"));
            set(&mut substance.fields, sheet.list(table, "fields"));
            set(&mut substance.echo, sheet.words(table, "echo"));
        }
    }

    fn apply_keys(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        const KNOWN: [&str; 9] = [
            "infno",
            "parts",
            "generation",
            "fingerprint",
            "on_repeat",
            "fresh_seconds",
            "ask",
            "freed_by",
            "loose_without",
        ];
        for (family, table) in sheet.tables(root, "key") {
            sheet.only(table, &KNOWN);
            let key = self.keys.entry(family.to_owned()).or_default();
            key.place = place(sheet, table, "infno");
            set(&mut key.infno, sheet.list(table, "infno"));
            set(&mut key.parts, sheet.list(table, "parts"));
            set(&mut key.generation, sheet.flag(table, "generation"));
            set(&mut key.fingerprint, sheet.list(table, "fingerprint"));
            set(&mut key.on_repeat, sheet.words(table, "on_repeat"));
            set(&mut key.fresh_seconds, sheet.count(table, "fresh_seconds"));
            set(&mut key.ask, sheet.words(table, "ask"));
            set(&mut key.freed_by, sheet.list(table, "freed_by"));
            set(&mut key.loose_without, sheet.list(table, "loose_without"));
        }
        for (name, table) in sheet.tables(root, "inquiry") {
            sheet.only(table, &["infno", "fields", "echo", "says", "stands", "undone"]);
            let (at, inquiry) = self.inquiries.entry(name.to_owned()).or_default();
            *at = place(sheet, table, "infno");
            set(&mut inquiry.infno, sheet.words(table, "infno"));
            set(&mut inquiry.fields, sheet.list(table, "fields"));
            set(&mut inquiry.echo, sheet.words(table, "echo"));
            set(&mut inquiry.says, sheet.words(table, "says"));
            set(&mut inquiry.stands, sheet.list(table, "stands"));
            set(&mut inquiry.undone, sheet.list(table, "undone"));
        }
        for (name, table) in sheet.tables(root, "rows") {
            sheet.only(table, &["infno", "node", "parts", "max", "source"]);
            let rows = self.rows.entry(name.to_owned()).or_default();
            rows.place = place(sheet, table, "infno");
            set(&mut rows.infno, sheet.list(table, "infno"));
            set(&mut rows.node, sheet.words(table, "node"));
            set(&mut rows.parts, sheet.list(table, "parts"));
            set(&mut rows.max, sheet.count(table, "max"));
            set(&mut rows.source, source(sheet, table));
        }
    }

    fn apply_money(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        for (name, table) in sheet.tables(root, "undo") {
            sheet.only(table, &["infno", "fields", "quiet_minutes", "cross_region"]);
            let (at, undo) = self.undos.entry(name.to_owned()).or_default();
            *at = place(sheet, table, "infno");
            set(&mut undo.infno, sheet.list(table, "infno"));
            set(&mut undo.fields, sheet.list(table, "fields"));
            set(&mut undo.quiet_minutes, sheet.count(table, "quiet_minutes"));
            set(&mut undo.cross_region, sheet.flag(table, "cross_region"));
        }
        for (name, table) in sheet.tables(root, "law") {
            sheet.only(table, &["whole", "parts", "lines", "mirrors", "infno", "proven"]);
            let (at, law) = self.laws.entry(name.to_owned()).or_default();
            *at = place(sheet, table, "infno");
            set(&mut law.whole, sheet.words(table, "whole"));
            set(&mut law.parts, sheet.list(table, "parts"));
            set(&mut law.lines, sheet.words(table, "lines"));
            set(&mut law.mirrors, sheet.list(table, "mirrors"));
            set(&mut law.infno, sheet.list(table, "infno"));
            set(&mut law.proven, sheet.flag(table, "proven"));
        }
    }

    fn apply_reply(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        for (name, table) in sheet.tables(root, "cure") {
            sheet.only(table, &["infno", "contains", "cure", "by", "source"]);
            let (at, cure) = self.cures.entry(name.to_owned()).or_default();
            *at = place(sheet, table, "contains");
            set(&mut cure.infno, sheet.list(table, "infno"));
            set(&mut cure.contains, sheet.list(table, "contains"));
            set(&mut cure.cure, sheet.words(table, "cure"));
            set(&mut cure.by, sheet.words(table, "by"));
            set(&mut cure.source, sheet.words(table, "source"));
            if cure.cure.is_empty() || cure.by.is_empty() || cure.contains.is_empty() {
                let text = format!("cure.{name} lacks `contains`, `cure` or `by`");
                sheet.complain(span_of(table, "contains"), text, "say which text, what to do, and who says so");
            }
        }
        if let Some(reply) = sheet.table(root, "reply") {
            sheet.only(reply, &["refusing_codes", "refusing_statuses", "by_code", "by_success"]);
            set(&mut self.refusing_codes, sheet.list(reply, "refusing_codes"));
            set(&mut self.refusing_statuses, sheet.numbers(reply, "refusing_statuses"));
            for (name, slot) in [("by_code", &mut self.by_code), ("by_success", &mut self.by_success)] {
                set(slot, sheet.list(reply, name).map(|said| (place(sheet, reply, name), said)));
            }
        }
        for (name, table) in sheet.tables(root, "err") {
            sheet.only(table, &["class", "infno", "contains", "source"]);
            let fresh =
                Err { class: ErrClass::Refused, infno: Vec::new(), contains: Vec::new(), source: String::new() };
            let err = self.errs.entry(name.to_owned()).or_insert(fresh);
            set(&mut err.class, err_class_of(sheet, table));
            set(&mut err.infno, sheet.list(table, "infno"));
            set(&mut err.contains, sheet.list(table, "contains"));
            set(&mut err.source, sheet.words(table, "source"));
            if err.source.is_empty() {
                sheet.complain(
                    span_of(table, "class"),
                    format!("err.{name} has no source"),
                    "say where the text was seen",
                );
            }
        }
    }

    fn apply_texts(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        if let Some(refusal) = sheet.table(root, "refusal") {
            sheet.only(refusal, &["content_type", "infcode", "members", "members_by_code", "members_by_success"]);
            set(&mut self.refusal.content_type, sheet.words(refusal, "content_type"));
            set(&mut self.refusal.members, sheet.list(refusal, "members"));
            set(&mut self.refusal.members_by_code, sheet.list(refusal, "members_by_code"));
            set(&mut self.refusal.members_by_success, sheet.list(refusal, "members_by_success"));
            set(&mut self.refusal.infcode, infcode(sheet, refusal));
        }
        let Some(unknown) = sheet.table(root, "unknown") else { return };
        sheet.only(unknown, &UNKNOWN);
        for name in UNKNOWN {
            let said = sheet.words(unknown, name);
            if said.as_deref().is_some_and(|text| !super::refusal::warns_at_once(text)) {
                let cure = format!("begin with {}: screens truncate", super::refusal::WARNING);
                sheet.complain(span_of(unknown, name), format!("`{name}` does not warn at once"), cure);
            }
            set(self.unknown.entry(name.to_owned()).or_default(), said);
        }
    }
}

fn class_of(word: &str) -> Option<Class> {
    Class::ALL.into_iter().find(|class| class.word() == word)
}

fn err_class_of(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<ErrClass> {
    let word = sheet.words(table, "class")?;
    let class = match word.as_str() {
        "refused" => ErrClass::Refused,
        "means_unknown" => ErrClass::MeansUnknown,
        "already_done" => ErrClass::AlreadyDone,
        "not_signed_in" => ErrClass::NotSignedIn,
        _ => {
            let cure = nearest(&word, ["refused", "means_unknown", "already_done", "not_signed_in"]);
            sheet.complain(span_of(table, "class"), format!("`{word}` is no class of texts"), cure);
            return None;
        }
    };
    Some(class)
}

pub(super) fn span_of(table: &dyn TableLike, name: &str) -> Option<std::ops::Range<usize>> {
    table.get(name).and_then(toml_edit::Item::span)
}

pub(super) fn place(sheet: &Sheet<'_>, table: &dyn TableLike, name: &str) -> Place {
    let first = || table.iter().next().map_or("", |(key, _)| key);
    let line = Some(sheet.line_of(table, name)).filter(|line| *line != 0);
    Place { file: sheet.file.to_owned(), line: line.unwrap_or_else(|| sheet.line_of(table, first())) }
}
