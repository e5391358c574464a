//! The section `[signing]`: what a platform asks of a signature. `[signing.NAME]` is a variant that an upstream may choose.

use std::collections::BTreeMap;

use toml_edit::TableLike;

use crate::domain::terms::{Canonical, Cipher, CipherKey, Encoding, Form, Terms, Unit};

use super::Profile;
use super::grant;
use crate::domain::spec::nearest::nearest;
use crate::domain::spec::sheet::{Sheet, set};

const KEYS: [&str; 14] = [
    "form",
    "api_name",
    "api_version",
    "timestamp",
    "window_seconds",
    "replayed_nonce",
    "user_id",
    "signature",
    "cipher",
    "iv",
    "cipher_key",
    "canonical",
    "sealed",
    grant::SECTION,
];
const NONCES: [(&str, bool); 2] = [("allow", false), ("refuse", true)];
const UNITS: [(&str, Unit); 2] = [("seconds", Unit::Seconds), ("milliseconds", Unit::Milliseconds)];
const ENCODINGS: [(&str, Encoding); 2] = [("raw", Encoding::Raw), ("der", Encoding::Der)];
const CIPHERS: [(&str, Cipher); 3] = [("sm4-ecb", Cipher::Ecb), ("sm4-cbc", Cipher::Cbc), ("sm4-gcm", Cipher::Gcm)];
const CIPHER_KEYS: [(&str, CipherKey); 3] =
    [("account", CipherKey::Account), ("secret", CipherKey::Secret), ("derived", CipherKey::Derived)];
const CANONICALS: [(&str, Canonical); 3] =
    [("A", Canonical::Kept), ("B", Canonical::Texts), ("B'", Canonical::FirstLevelTexts)];
/// Members that can be sealed: what is asked, what is answered.
const SEALED: [&str; 2] = ["input", "output"];

/// What the files say of signing.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    own: Terms,
    variants: BTreeMap<String, Terms>,
}

impl Said {
    /// Lays one file over what was said before.
    pub(super) fn apply(&mut self, sheet: &Sheet<'_>, root: &dyn TableLike) {
        let Some(section) = sheet.table(root, "signing") else { return };
        let tables = || {
            let variants = section.iter().filter(|(name, _)| *name != grant::SECTION);
            variants.filter_map(|(name, item)| Some((name, item.as_table_like()?)))
        };
        let names: Vec<&str> = tables().map(|(name, _)| name).collect();
        sheet.only(section, &[&KEYS[..], &names].concat());
        lay(&mut self.own, sheet, section);
        for (name, table) in tables() {
            sheet.only(table, &KEYS);
            lay(self.variants.entry(name.to_owned()).or_default(), sheet, table);
        }
    }
}

fn lay(terms: &mut Terms, sheet: &Sheet<'_>, table: &dyn TableLike) {
    set(&mut terms.form, word(sheet, table, "form", &Form::ALL.map(|form| (form.word(), form))));
    set(&mut terms.api_name, filled(sheet, table, "api_name"));
    set(&mut terms.api_version, filled(sheet, table, "api_version"));
    set(&mut terms.timestamp, word(sheet, table, "timestamp", &UNITS));
    set(&mut terms.window_seconds, sheet.count(table, "window_seconds"));
    set(&mut terms.refuses_replayed_nonce, word(sheet, table, "replayed_nonce", &NONCES));
    set(&mut terms.user_id, sheet.words(table, "user_id"));
    set(&mut terms.signature, word(sheet, table, "signature", &ENCODINGS));
    set(&mut terms.cipher, word(sheet, table, "cipher", &CIPHERS));
    set(&mut terms.iv, iv(sheet, table));
    set(&mut terms.cipher_key, word(sheet, table, "cipher_key", &CIPHER_KEYS));
    set(&mut terms.canonical, word(sheet, table, "canonical", &CANONICALS));
    let sealed = sheet.list(table, "sealed");
    for strange in sealed.iter().flatten().filter(|member| !SEALED.contains(&member.as_str())) {
        sheet.complain(span_of(table, "sealed"), format!("`{strange}` cannot be sealed"), "it is `input` or `output`");
    }
    set(&mut terms.sealed, sealed);
    grant::lay(&mut terms.token, sheet, table);
}

/// One of a few words.
fn word<T: Copy>(sheet: &Sheet<'_>, table: &dyn TableLike, key: &str, known: &[(&str, T)]) -> Option<T> {
    let said = sheet.words(table, key)?;
    let found = known.iter().find(|(word, _)| *word == said).map(|(_, meant)| *meant);
    if found.is_none() {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let cure = Some(nearest(&said, words.iter().copied())).filter(|cure| !cure.is_empty());
        let cure = cure.unwrap_or_else(|| format!("it is one of: {}", words.join(", ")));
        sheet.complain(span_of(table, key), format!("`{key}` does not take `{said}`"), cure);
    }
    found
}

fn filled(sheet: &Sheet<'_>, table: &dyn TableLike, key: &str) -> Option<String> {
    let said = sheet.words(table, key)?;
    if said.is_empty() || !said.bytes().all(|byte| byte.is_ascii_graphic()) {
        sheet.complain(span_of(table, key), format!("`{key}` is empty or cannot stand in a header"), "");
        return None;
    }
    Some(said)
}

fn iv(sheet: &Sheet<'_>, table: &dyn TableLike) -> Option<[u8; 16]> {
    let said = sheet.words(table, "iv")?;
    let mut iv = [0; 16];
    if hex::decode_to_slice(&said, &mut iv).is_err() {
        sheet.complain(span_of(table, "iv"), "`iv` is not 16 bytes in hexadecimal", "write 32 hexadecimal digits");
        return None;
    }
    Some(iv)
}

pub(super) fn span_of(table: &dyn TableLike, key: &str) -> Option<std::ops::Range<usize>> {
    table.get(key).and_then(toml_edit::Item::span)
}

impl Profile {
    /// What the platform asks of a signature; a variant by its name, the profile's own by the empty one.
    pub fn signing(&self, variant: &str) -> Option<&Terms> {
        let said = &self.rules.signing;
        if variant.is_empty() { Some(&said.own) } else { said.variants.get(variant) }
    }

    /// Names of the variants.
    pub fn signing_variants(&self) -> impl Iterator<Item = &str> {
        self.rules.signing.variants.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Texts;

    fn load(text: &str) -> Result<Profile, Vec<String>> {
        let text = format!("inherits = \"baseline\"\n{text}");
        let texts = Texts::with(vec![("site.toml".to_owned(), text)]);
        Profile::load("site", &texts).map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_built_in_profile_says_what_its_province_asks() {
        let terms = |name: &str| {
            let profile = Profile::load(name, &Texts::embedded()).expect("it is whole");
            profile.signing("").expect("every profile has its own").clone()
        };
        assert_eq!(terms("baseline"), Terms::default());
        let rows = [
            ("guangdong", Form::XTif, "", 0),
            ("hunan", Form::Csb, "{infno}", 1800),
            ("jiangxi", Form::Csb, "hsa-fsi-{infno}", 1800),
            ("jiangsu", Form::Csb, "", 1800),
            ("zhejiang", Form::XCa, "", 0),
            ("jilin", Form::SealedInput, "", 0),
        ];
        for (name, form, api_name, window_seconds) in rows {
            let terms = terms(name);
            assert_eq!((terms.form, terms.window_seconds), (form, window_seconds), "{name}");
            assert!(api_name.is_empty() || terms.api_name == api_name, "{name}");
        }
        assert_eq!(
            terms("jilin").grant().map(|grant| (grant.path.as_str(), grant.life_seconds)),
            Some(("/auth/oauth/token", 600))
        );
        assert!(terms("hunan").grant().is_none());
        assert!(terms("jilin").seals("input") && terms("jilin").seals("output") && !terms("hunan").seals("input"));
    }

    #[test]
    fn a_file_says_only_what_differs_and_variants_stand_beside() {
        let site = "[signing]\nform = \"csb\"\napi_name = \"x-{infno}\"\nreplayed_nonce = \"refuse\"\n\
                    [signing.mobile]\nform = \"envelope\"\ncanonical = \"B'\"\nsignature = \"der\"\ncipher = \"sm4-cbc\"\n\
                    iv = \"000102030405060708090a0b0c0d0e0f\"\ncipher_key = \"derived\"";
        let profile = load(site).unwrap();
        let own = profile.signing("").unwrap();
        assert_eq!((own.form, own.api_name.as_str(), own.refuses_replayed_nonce), (Form::Csb, "x-{infno}", true));
        let mobile = profile.signing("mobile").unwrap();
        assert_eq!(
            (mobile.form, mobile.canonical, mobile.signature),
            (Form::Envelope, Canonical::FirstLevelTexts, Encoding::Der)
        );
        assert_eq!((mobile.cipher, mobile.iv[15], mobile.cipher_key), (Cipher::Cbc, 15, CipherKey::Derived));
        assert!(profile.signing("other").is_none());
        assert_eq!(profile.signing_variants().collect::<Vec<_>>(), ["mobile"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_cure() {
        let rows = [
            ("form = \"xtif\"", "`form` does not take `xtif`", "did you mean `x-tif`?"),
            ("form = \"md5\"", "`form` does not take `md5`", "it is one of: none, x-tif, csb"),
            ("fom = \"csb\"", "unknown key `fom`", "did you mean `form`?"),
            ("timestamp = \"ticks\"", "`timestamp` does not take `ticks`", "seconds, milliseconds"),
            ("window_seconds = \"1800\"", "`window_seconds` is string", ""),
            ("api_name = \"\"", "`api_name` is empty", ""),
            ("iv = \"00\"", "`iv` is not 16 bytes", "32 hexadecimal digits"),
            ("sealed = [\"infno\"]", "`infno` cannot be sealed", "it is `input` or `output`"),
            ("cipher = \"sm4-ctr\"", "`cipher` does not take `sm4-ctr`", "did you mean `sm4-"),
            ("canonical = \"C\"", "`canonical` does not take `C`", "A, B, B'"),
            ("[signing.mobile]\nfrom = \"csb\"", "unknown key `from`", "did you mean `form`?"),
        ];
        for (line, what, cure) in rows {
            let complaints = load(&format!("[signing]\n{line}")).unwrap_err();
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            let at = 2 + line.lines().count();
            assert!(complaints[0].starts_with(&format!("site.toml:{at}: ")), "{complaints:?}");
            assert!(complaints[0].contains(what) && complaints[0].contains(cure), "{complaints:?}");
        }
    }
}
