//! The packs of rules in force: a site's own in front of the built-in ones, with what the settings say of them.

use std::path::Path;

use super::complaint::Complaint;
use super::folder;
use super::pack_signature;
use super::settings::{RulesSettings, Settings};
use crate::domain::class::Class;
use crate::domain::clock::Clock;
use crate::domain::moment::china_time;
use crate::domain::spec::complaint as spec;
use crate::profile::Profile;
use crate::rules::compile::{Chosen, Rules, Said, compile};
use crate::rules::dates::Day;
use crate::rules::mode::Mode;
use crate::rules::pack::Pack;
use crate::rules::texts::Texts;

/// The built-in packs with those of the folder in front. An empty path means that there is no folder.
///
/// # Errors
/// A folder that cannot be read.
pub fn texts(folder: &Path) -> Result<Texts, Complaint> {
    if folder.as_os_str().is_empty() {
        return Ok(Texts::embedded());
    }
    let mut found = Vec::new();
    match folder::read(folder, ("", 2), &mut found) {
        Ok(()) => Ok(Texts::of_folder(&folder.display().to_string(), found)),
        Err(error) => Err(Complaint {
            place: "rules.folder".to_owned(),
            what: format!("{} cannot be read: {error}", folder.display()),
            cure: "name a folder that holds NAME/pack.toml files, or leave it empty".to_owned(),
        }),
    }
}

/// The day of rules, by China's clock.
pub fn today(clock: &dyn Clock) -> Day {
    Day::read(china_time(clock.unix_ns()).get(..10).unwrap_or_default()).unwrap_or(Day::FIRST)
}

/// The rules in force on a day.
///
/// # Errors
/// Every complaint about the packs and about what the settings say of them.
pub fn load(settings: &Settings, profile: &Profile, day: Day) -> Result<Rules, Vec<Complaint>> {
    let texts = texts(&settings.rules.folder).map_err(|complaint| vec![complaint])?;
    let unsigned = pack_signature::check(&settings.rules, &texts);
    if !unsigned.is_empty() {
        return Err(unsigned);
    }
    let all = |found: Vec<spec::Complaint>| found.into_iter().map(|one| at_its_place(one, &texts)).collect::<Vec<_>>();
    let packs = Pack::load_all(&texts).map_err(all)?;
    let unknown = unknown(&settings.rules, &packs);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let region = match settings.rules.region.as_str() {
        "" => profile.region(),
        said => said,
    };
    let class_of = |infno: &str| profile.transaction(infno).class;
    let RulesSettings { observe, warn, enforce, off, .. } = &settings.rules;
    let modes = [(Mode::Observe, observe), (Mode::Warn, warn), (Mode::Enforce, enforce)];
    let modes = modes.into_iter().flat_map(|(mode, named)| named.iter().map(move |name| (name.as_str(), mode)));
    let said = Said { modes: modes.collect(), off: off.iter().map(String::as_str).collect() };
    let class_of: &dyn Fn(&str) -> Class = &class_of;
    compile(&packs, &texts, &Chosen { region, day, class_of, said }).map_err(all)
}

/// A complaint about a pack, at the file as people find it.
pub fn at_its_place(complaint: spec::Complaint, texts: &Texts) -> Complaint {
    let spec::Complaint { file, line, text, cure } = complaint;
    Complaint {
        place: if file.is_empty() {
            "rules.off".to_owned()
        } else if line == 0 {
            texts.shown(&file)
        } else {
            format!("{}:{line}", texts.shown(&file))
        },
        what: text,
        cure: if cure.is_empty() { "correct the file; rules/README.md has the language".to_owned() } else { cure },
    }
}

/// What the settings name that is no pack and no rule written by hand.
fn unknown(settings: &RulesSettings, packs: &[Pack]) -> Vec<Complaint> {
    let known: Vec<&str> =
        packs.iter().flat_map(|pack| pack.rules.iter().map(|rule| &*rule.id).chain([&*pack.name])).collect();
    let lists = [("observe", &settings.observe), ("warn", &settings.warn), ("enforce", &settings.enforce)];
    let named = lists.into_iter().flat_map(|(list, named)| named.iter().map(move |name| (list, name.as_str())));
    let unknown = named.filter(|(_, name)| !known.contains(name));
    let complaint = |(list, name): (&str, &str)| {
        let near = super::complaint::nearest(name, known.iter().copied());
        Complaint {
            place: format!("rules.{list}"),
            what: format!("`{name}` is no pack and no rule written by hand"),
            cure: near.map_or_else(
                || "medgate rules list shows them; rules of field tables are switched off by rules.off".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        }
    };
    unknown.map(complaint).collect()
}
