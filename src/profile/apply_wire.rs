//! The sections that say how a province's wire looks: paths, hosts and routes, answers, results of reconciliation, tables.

use toml_edit::TableLike;

use super::apply::{place, span_of};
use super::rules::Rules;
use crate::domain::spec::nearest::nearest;
use crate::domain::spec::sheet::{Sheet, set};

/// What a path may hold in braces.
const IN_BRACES: [&str; 2] = ["{infno}", "{service}"];

impl Rules {
    pub(super) fn apply_wire(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        if let Some(answer) = sheet.table(root, "answer") {
            sheet.only(answer, &["members", "infcode", "success_text"]);
            set(&mut self.answer.members, sheet.list(answer, "members"));
            set(&mut self.answer.infcode, infcode(sheet, answer));
            set(&mut self.answer.success_text, sheet.words(answer, "success_text"));
        }
        if let Some(files) = sheet.table(root, "dictionaries") {
            sheet.only(files, &["fields", "tables"]);
            let said = |name: &str| sheet.list(files, name).map(|said| (place(sheet, files, name), said));
            set(&mut self.field_files, said("fields"));
            set(&mut self.table_files, said("tables"));
        }
        if let Some(spellings) = sheet.table(root, "spelling") {
            for (field, _) in spellings.iter() {
                set(self.spellings.entry(field.to_owned()).or_default(), sheet.list(spellings, field));
            }
        }
        self.apply_routes(sheet, root);
        self.apply_statements(sheet, root);
        self.apply_submission(sheet, root);
        self.apply_sign_in(sheet, root);
    }

    fn apply_routes(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        for (name, table) in sheet.tables(root, "host") {
            sheet.only(table, &["title"]);
            if !is_plain(name) {
                let cure = "use small letters, digits and _: [upstream.NAME] of the settings has the same name";
                sheet.complain(span_of(table, "title"), format!("`{name}` is no name of a host"), cure);
            }
            set(self.hosts.entry(name.to_owned()).or_default(), sheet.words(table, "title"));
        }
        for (name, table) in sheet.tables(root, "route") {
            sheet.only(table, &["host", "prefix", "infno"]);
            let route = self.routes.entry(name.to_owned()).or_default();
            route.place = place(sheet, table, "infno");
            set(&mut route.host, sheet.words(table, "host"));
            set(&mut route.infno, sheet.list(table, "infno"));
            let prefix = sheet.words(table, "prefix");
            if prefix.as_ref().is_some_and(|prefix| !prefix.starts_with('/')) {
                sheet.complain(
                    span_of(table, "prefix"),
                    "`prefix` does not begin with /",
                    "write a path such as /fsi/api",
                );
            }
            set(&mut route.prefix, prefix);
            if route.prefix.is_empty() {
                "/".clone_into(&mut route.prefix);
            }
        }
    }

    fn apply_statements(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        for (name, table) in sheet.tables(root, "statement") {
            sheet.only(table, &["infno", "field", "balanced", "meanings"]);
            let statement = self.statements.entry(name.to_owned()).or_default();
            statement.place = place(sheet, table, "infno");
            set(&mut statement.infno, sheet.list(table, "infno"));
            set(&mut statement.field, sheet.words(table, "field"));
            set(&mut statement.balanced, sheet.words(table, "balanced"));
            let meanings = sheet.list(table, "meanings");
            for wrong in meanings.iter().flatten().filter(|pair| !pair.contains(':')) {
                sheet.complain(span_of(table, "meanings"), format!("`{wrong}` is not written as code:meaning"), "");
            }
            set(&mut statement.meanings, meanings);
            if statement.field.is_empty() || statement.balanced.is_empty() {
                let cure = "say `field`, and `balanced`: \"zeros\" or the one code that means balanced";
                sheet.complain(span_of(table, "infno"), format!("statement.{name} is not whole"), cure);
            }
        }
    }
}

/// `infcode` = number or string.
pub(super) fn infcode(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<String> {
    let word = sheet.words(table, "infcode")?;
    if !matches!(&*word, "number" | "string") {
        let cure = nearest(&word, ["number", "string"]);
        sheet.complain(span_of(table, "infcode"), "infcode is `number` or `string`", cure);
    }
    Some(word)
}

/// `source` = a mark, and who says it.
pub(super) fn source(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<String> {
    let said = sheet.words(table, "source")?;
    if !matches!(said.split(' ').next(), Some("C" | "S" | "I" | "P")) {
        let cure = "begin with C (certain), S (single source), I (inferred) or P (practice)";
        sheet.complain(span_of(table, "source"), format!("`{said}` has no mark"), cure);
    }
    Some(said)
}

/// Paths behind the base that the site was given: `/hsa/hgs/{infno}`.
pub(super) fn urls(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<Vec<String>> {
    let urls = sheet.list(table, "urls")?;
    for url in &urls {
        let bare = IN_BRACES.iter().fold(url.clone(), |bare, name| bare.replace(name, ""));
        if !url.starts_with('/') || bare.contains(['{', '}']) {
            let cure = "write a path that begins with / and may hold {infno} or {service}";
            sheet.complain(span_of(table, "urls"), format!("`{url}` is no path"), cure);
        }
    }
    Some(urls)
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
