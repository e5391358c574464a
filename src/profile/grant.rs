//! The section `[signing.token]`, and `[signing.NAME.token]` of a variant: the token that a platform hands out and calls bear.

use toml_edit::TableLike;

use crate::domain::terms::Grant;

use super::signing::span_of;
use crate::domain::spec::sheet::{Sheet, set};

/// Its name; no variant can have it.
pub(super) const SECTION: &str = "token";

const KEYS: [&str; 4] = ["path", "fields", "header", "life_seconds"];
/// A token that lives longer would outlive what its platform remembers of it.
const LIFE_SECONDS_MAX: u64 = 86_400;

/// Lays one file over what was said before.
pub(super) fn lay(grant: &mut Grant, sheet: &Sheet<'_>, section: &dyn TableLike) {
    let Some(table) = sheet.table(section, SECTION) else { return };
    sheet.only(table, &KEYS);
    set(&mut grant.path, path(sheet, table));
    set(&mut grant.fields, fields(sheet, table));
    set(&mut grant.header, header(sheet, table));
    set(&mut grant.life_seconds, life(sheet, table));
}

fn path(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<String> {
    let said = sheet.words(table, "path")?;
    if !said.is_empty() && (!said.starts_with('/') || !said.bytes().all(|byte| byte.is_ascii_graphic())) {
        let cure = "write what stands behind the base address, /auth/token; empty: calls bear no token";
        sheet.complain(span_of(table, "path"), "`path` is no path", cure);
        return None;
    }
    Some(said)
}

fn fields(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<Vec<(String, String)>> {
    let said = sheet.list(table, "fields")?;
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
        let strange = value.replace("{user}", "").replace("{password}", "").contains(['{', '}']);
        (!strange).then(|| (name.to_owned(), value.to_owned()))
    };
    let pairs: Option<Vec<_>> = said.iter().map(pair).collect();
    if pairs.is_none() {
        let cure = "each is NAME=VALUE; {user} and {password} stand for the identity's";
        sheet.complain(span_of(table, "fields"), "`fields` are no fields of a form", cure);
    }
    pairs
}

fn header(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<(String, String)> {
    let said = sheet.words(table, "header")?;
    let name_fits =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let value_fits = |value: &str| {
        value.matches("{token}").count() == 1 && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    let line = said.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    let line = line.filter(|(name, value)| name_fits(name) && value_fits(value));
    if line.is_none() {
        let cure = "write it as it leaves: Authorization: Bearer {token}";
        sheet.complain(span_of(table, "header"), "`header` is no header line with {token}", cure);
    }
    line
}

fn life(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<u64> {
    let said = sheet.count(table, "life_seconds")?;
    if !(1..=LIFE_SECONDS_MAX).contains(&said) {
        let cure = format!("use 1 to {LIFE_SECONDS_MAX}");
        sheet.complain(span_of(table, "life_seconds"), "`life_seconds` is out of range", cure);
        return None;
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use crate::profile::{Profile, Texts};

    fn load(text: &str) -> Result<Profile, Vec<String>> {
        let text = format!("inherits = \"jilin\"\n{text}");
        let texts = Texts::with(vec![("site.toml".to_owned(), text)]);
        Profile::load("site", &texts).map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_site_says_what_differs_and_a_variant_has_a_token_of_its_own() {
        let site = "[signing.token]\nheader = \"X-Token: {token}\"\nlife_seconds = 60\n\
                    [signing.other]\nform = \"csb\"\n[signing.other.token]\npath = \"/t\"\nfields = [\"grant_type=client_credentials\"]\n\
                    [signing.plain]\nform = \"csb\"\n";
        let profile = load(site).unwrap();
        let own = profile.signing("").and_then(|terms| terms.grant()).unwrap();
        assert_eq!(own.header, ("x-token".to_owned(), "{token}".to_owned()));
        assert_eq!((own.path.as_str(), own.life_seconds), ("/auth/oauth/token", 60));
        assert!(own.asks_for("{user}") && own.asks_for("{password}"));
        let other = profile.signing("other").and_then(|terms| terms.grant()).unwrap();
        assert!(!other.asks_for("{user}") && other.life_seconds == 600);
        assert!(profile.signing("plain").unwrap().grant().is_none());
        assert_eq!(profile.signing_variants().collect::<Vec<_>>(), ["mobile", "other", "plain"]);
        let none = load("[signing.token]\npath = \"\"").unwrap();
        assert!(none.signing("").unwrap().grant().is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_cure() {
        let rows = [
            ("pathh = \"/t\"", "unknown key `pathh`", "did you mean `path`?"),
            ("path = \"auth/token\"", "`path` is no path", "behind the base address"),
            ("fields = [\"username\"]", "no fields of a form", "NAME=VALUE"),
            ("fields = [\"u={name}\"]", "no fields of a form", "{user} and {password}"),
            ("header = \"Authorization\"", "no header line with {token}", "Bearer {token}"),
            ("header = \"Authorization: Bearer\"", "no header line with {token}", "Bearer {token}"),
            ("header = \"A b: {token}\"", "no header line with {token}", "Bearer {token}"),
            ("life_seconds = 0", "out of range", "1 to 86400"),
        ];
        for (line, what, cure) in rows {
            let complaints = load(&format!("[signing.token]\n{line}")).unwrap_err();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(complaints[0].starts_with("site.toml:3: "), "{complaints:?}");
            assert!(complaints[0].contains(what) && complaints[0].contains(cure), "{complaints:?}");
        }
        let complaints = load("[signing]\ntoken = \"/auth\"").unwrap_err();
        assert!(complaints[0].contains("`token` is string, not a table"), "{complaints:?}");
    }
}
