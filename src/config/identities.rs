//! Who signs, against what the profile asks: every identity that is named exists and has what its form needs, and no secret is written.

use crate::domain::terms::{Form, Mode, Terms, Verify};
use crate::keys::source::is_place;
use crate::profile::Profile;
use crate::signing::credentials::{needs, needs_to_verify};

use super::check::Checker;
use super::complaint::nearest;
use super::profiles;

/// Says openly that an upstream has no identity of the gateway's own.
pub const NONE: &str = "none";

impl Checker<'_> {
    pub(super) fn identities(&mut self) {
        self.places();
        // A profile that does not load is complained about by who loads it.
        let Ok(profile) = profiles::load(&self.settings.gateway) else { return };
        let settings = self.settings;
        let (routes, _) = profiles::routes(settings, &profile);
        let leads_there = |name: &str| routes.iter().any(|route| route.upstream == name);
        let asked = settings.upstream.iter().filter(|(name, upstream)| !upstream.url.is_empty() && leads_there(name));
        for (name, upstream) in asked {
            let key = |key: &str| format!("upstream.{name}.{key}");
            let Some(terms) = profile.signing(&upstream.signing) else {
                self.no_variant(&key("signing"), &upstream.signing, &profile);
                continue;
            };
            match upstream.identity.as_str() {
                "" | NONE => self.without_identity(name, terms, &profile),
                identity => {
                    if self.is_there(&key("identity"), identity) {
                        self.has_what_it_needs(&key("identity"), identity, terms, &needs(terms));
                    }
                    if upstream.sign == Mode::Sign && terms.ask_nothing() {
                        let what =
                            format!("`{}` is \"sign\", and the profile {} signs nothing", key("sign"), profile.name);
                        self.wrong(&[&key("sign")], what, "say sign = \"pass\", or name the province's profile");
                    }
                }
            }
        }
        self.verifying_clients(&profile);
    }

    /// Nobody signs for the gateway: the profile must not ask for it, or somebody must have said so.
    fn without_identity(&mut self, name: &str, terms: &Terms, profile: &Profile) {
        let upstream = &self.settings.upstream[name];
        let (sign, identity) = (format!("upstream.{name}.sign"), format!("upstream.{name}.identity"));
        if upstream.sign == Mode::Sign {
            let what = format!("`{sign}` is \"sign\", and `{identity}` names nobody who could");
            self.wrong(&[&sign, &identity], what, "add an [identity.NAME] section and say identity = \"NAME\"");
        } else if upstream.identity.is_empty() && terms.ask_for_own_identity() {
            let what = format!(
                "`{identity}` is empty, and the profile {} asks for a signature ({}) on the calls that the gateway makes itself",
                profile.name,
                terms.word()
            );
            let cure = format!(
                "add an [identity.NAME] section with {}, and say identity = \"NAME\"; or say identity = \"none\" (--identity none): \
                 then it makes no calls of its own there",
                needs(terms).join(", ")
            );
            self.wrong(&[&identity, "gateway.profile"], what, cure);
        }
    }

    fn verifying_clients(&mut self, profile: &Profile) {
        let settings = self.settings;
        for (name, client) in &settings.client {
            let (verify, identity) = (format!("client.{name}.verify"), format!("client.{name}.identity"));
            if client.identity.is_empty() {
                if client.verify != Verify::Off {
                    let what = format!("`{verify}` looks at signatures, and `{identity}` does not say whose");
                    self.wrong(
                        &[&verify],
                        what,
                        "add an [identity.NAME] section with its account and secret or public key",
                    );
                }
                continue;
            }
            if !self.is_there(&identity, &client.identity) || client.verify == Verify::Off {
                continue;
            }
            let upstreams = settings.upstream.values().filter(|upstream| !upstream.url.is_empty());
            let mut signed = false;
            for terms in upstreams.filter_map(|upstream| profile.signing(&upstream.signing)) {
                signed |= terms.form != Form::None;
                self.has_what_it_needs(&identity, &client.identity, terms, &needs_to_verify(terms));
            }
            if !signed {
                let what = format!("`{verify}` looks at signatures, and the profile {} knows none", profile.name);
                self.wrong(&[&verify], what, "say verify = \"off\", or name the province's profile");
            }
        }
    }

    fn no_variant(&mut self, key: &str, variant: &str, profile: &Profile) {
        let known: Vec<&str> = profile.signing_variants().collect();
        let meant = nearest(variant, known.iter().copied()).map(|word| format!("did you mean \"{word}\"? "));
        let cure = format!("{}the profile has: {}", meant.unwrap_or_default(), known.join(", "));
        let cure = if known.is_empty() { "leave it empty: the profile has only its own".to_owned() } else { cure };
        self.wrong(&[key], format!("`{key}`: the profile {} has no [signing.{variant}]", profile.name), cure);
    }

    fn is_there(&mut self, key: &str, identity: &str) -> bool {
        let all = &self.settings.identity;
        if all.contains_key(identity) {
            return true;
        }
        let cure = match nearest(identity, all.keys().map(String::as_str).chain([NONE])) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("add [identity.{identity}], or say \"{NONE}\""),
        };
        self.wrong(&[key], format!("`{key}` names \"{identity}\", which does not exist"), cure);
        false
    }

    fn has_what_it_needs(&mut self, key: &str, identity: &str, terms: &Terms, needed: &[&'static str]) {
        let lacking = self.settings.identity[identity].lacks(needed);
        if lacking.is_empty() {
            return;
        }
        let places: Vec<String> = lacking.iter().map(|lacks| format!("identity.{identity}.{lacks}")).collect();
        let keys: Vec<&str> = places.iter().map(String::as_str).chain([key]).collect();
        let what = format!("[identity.{identity}] lacks {}, which {} needs", lacking.join(", "), terms.word());
        self.wrong(&keys, what, format!("say it under [identity.{identity}]"));
    }

    /// What is no path might be the secret itself, so it is not repeated.
    fn places(&mut self) {
        let settings = self.settings;
        let master = &settings.journal.master_key;
        if !master.is_empty() && !is_place(master) {
            let what = "`journal.master_key` is neither an absolute path nor credential:NAME";
            let cure = "put the key in a file that only the gateway's user reads, and write its path";
            self.wrong(&["journal.master_key"], what, cure);
        }
        for (name, identity) in &settings.identity {
            for (setting, _) in identity.places().iter().filter(|(_, value)| !value.is_empty() && !is_place(value)) {
                let key = format!("identity.{name}.{setting}");
                let what = format!("`{key}` is neither an absolute path nor credential:NAME");
                self.wrong(
                    &[&key],
                    what,
                    "put the secret in a file that only the gateway's user reads, and write its path",
                );
            }
            if name == NONE {
                let what = "an identity cannot be called \"none\"";
                self.wrong(&[&format!("identity.{name}.account")], what, "give it another name");
            }
        }
    }
}
