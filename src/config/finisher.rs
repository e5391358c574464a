//! Checks who may end cases, and up to which sums.

use crate::domain::money::units_of;
use crate::exchange::decision::GATEWAY;

use super::check::Checker;

/// Who decides where no person does, and the tokens that everybody on the machine may have.
const OUR_NAMES: [&str; 3] = [GATEWAY, "admin", "admin-clear"];
/// SM3 in hex.
const DIGEST_CHARS: usize = 64;

impl Checker<'_> {
    pub(super) fn finisher(&mut self) {
        let finisher = &self.settings.finisher;
        for (key, yuan) in
            [("auto_yuan_max", &finisher.auto_yuan_max), ("one_person_yuan_max", &finisher.one_person_yuan_max)]
        {
            if units_of(yuan).is_none_or(|units| units < 0) {
                let key = format!("finisher.{key}");
                let what = format!("`{key}` = \"{yuan}\" is no sum in yuan");
                self.wrong(&[&key], what, "write a decimal number, for example \"500.00\"; \"0\" for none");
            }
        }
        if finisher.opter.is_empty() != finisher.opter_name.is_empty() {
            let what = "`finisher.opter` and `finisher.opter_name` belong together";
            self.wrong(&["finisher.opter", "finisher.opter_name"], what, "set both, or neither");
        }
        let mut digests = Vec::new();
        for (name, person) in &self.settings.person {
            let key = format!("person.{name}.token_sm3");
            let digest = person.token_sm3.to_lowercase();
            if OUR_NAMES.contains(&name.as_str()) {
                let what = format!("`person.{name}` is a name of the gateway's own");
                self.wrong(
                    &[&key],
                    what,
                    "a decision of this person would be taken for one of nobody: give another name",
                );
            }
            let is_digest = digest.len() == DIGEST_CHARS && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            if name == "default" && !digest.is_empty() {
                let what = format!("`{key}` would be everybody's");
                self.wrong(&[&key], what, "give each person a section of their own: [person.NAME]");
            } else if name != "default" && !is_digest {
                let what = format!("`{key}` is no SM3 digest in hex");
                self.wrong(&[&key], what, "take the lines that `medgate person new NAME` prints");
            } else if !digest.is_empty() && digests.contains(&digest) {
                let what = format!("`{key}`: another person has the same token");
                self.wrong(
                    &[&key],
                    what,
                    "one person would be two: make a token for each with `medgate person new NAME`",
                );
            }
            digests.push(digest);
        }
    }
}
