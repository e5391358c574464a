//! Settings: defaults, file, environment, flags, merged in that order; every complaint at once, with place and cure.

mod certificates; // Files of certificates and keys, and who is bound to them.
mod check; // Ranges, words, addresses, and how settings must relate.
pub mod complaint; // What is wrong, where, and the cure.
mod finisher; // Who may end cases.
pub mod folder; // The files of a site's own folder.
mod his_view; // The view of the HIS's database.
mod identities; // Who signs, against what the profile asks.
mod layer; // One source of settings: its values and where each was said.
mod merge; // Layers laid over each other; sections inherit from `default`.
pub mod pack_signature; // Who vouches for a site's own packs.
pub mod profiles; // A site's own profiles, and the routes of settings and profile together.
pub mod reload; // Read anew while the gateway runs.
pub mod rules; // The packs of rules in force.
mod schema; // Which keys exist and what type they have: read from the defaults file.
pub mod settings; // The settings as typed values.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use complaint::Complaint;
use layer::Layer;
pub use settings::Settings;

/// The defaults, built into the program; the same text documents every key.
pub const DEFAULTS: &str = include_str!("../../config/medgate.toml");

/// What a run was told about its settings.
#[derive(Debug, Default)]
pub struct Told {
    /// The site's file (`--config`, `MEDGATE_CONFIG`).
    pub file: Option<PathBuf>,
    /// The environment; only `MEDGATE__SECTION__KEY` names count.
    pub env: Vec<(String, String)>,
    /// Flags: name of the flag, key it sets, value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Settings that passed every check, and what is allowed but worth a look.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Remarks: legal, and perhaps not meant.
    pub remarks: Vec<Complaint>,
    /// Each value with its place, to be compared with what is read later.
    merged: Arc<merge::Merged>,
}

/// Reads all sources and checks the result.
///
/// # Errors
/// Every complaint, in the order of the sources.
pub fn load(told: &Told) -> Result<Loaded, Vec<Complaint>> {
    load_texts(read(told)?.as_ref().map(|(path, text)| (*path, text.as_str())), told)
}

/// The settings as they are, for commands that start nothing; how they relate is not checked.
///
/// # Errors
/// Every complaint about single settings.
pub fn look_at_all(told: &Told) -> Result<Settings, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let file = read(told)?;
    let merged = merged(file.as_ref().map(|(path, text)| (*path, text.as_str())), told, &mut complaints);
    match merged.read() {
        Ok(settings) if complaints.is_empty() => Ok(settings),
        Ok(_) => Err(complaints),
        Err(complaint) => Err(complaints.into_iter().chain([complaint]).collect()),
    }
}

/// One text setting, for commands that need no more; how settings relate is not checked.
///
/// # Errors
/// Every complaint about single settings.
pub fn look(told: &Told, key: &str) -> Result<String, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let file = read(told)?;
    let merged = merged(file.as_ref().map(|(path, text)| (*path, text.as_str())), told, &mut complaints);
    if complaints.is_empty() { Ok(merged.text(key)) } else { Err(complaints) }
}

fn read(told: &Told) -> Result<Option<(&Path, String)>, Vec<Complaint>> {
    let Some(path) = &told.file else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| vec![unreadable(path, &error)])?;
    Ok(Some((path, text)))
}

fn merged(file: Option<(&Path, &str)>, told: &Told, complaints: &mut Vec<Complaint>) -> merge::Merged {
    let mut layers = vec![Layer::defaults()];
    if let Some((path, text)) = file {
        layers.push(Layer::of_file(path, text, complaints));
    }
    layers.push(Layer::of_env(&told.env, complaints));
    layers.push(Layer::of_flags(&told.flags, complaints));
    merge::lay(layers)
}

fn load_texts(file: Option<(&Path, &str)>, told: &Told) -> Result<Loaded, Vec<Complaint>> {
    let mut complaints = Vec::new();
    let merged = merged(file, told, &mut complaints);
    checked(merged, complaints)
}

/// The typed settings of what single sources said, once they fit each other.
fn checked(merged: merge::Merged, mut complaints: Vec<Complaint>) -> Result<Loaded, Vec<Complaint>> {
    let settings = match merged.read() {
        Ok(settings) => settings,
        Err(complaint) => {
            complaints.push(complaint);
            return Err(complaints);
        }
    };
    let found = check::check(&settings, &merged);
    complaints.extend(found.complaints);
    if !complaints.is_empty() {
        return Err(complaints);
    }
    Ok(Loaded { settings, remarks: found.remarks, merged: Arc::new(merged) })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Complaint {
    Complaint {
        place: path.display().to_string(),
        what: format!("the settings file cannot be read: {error}"),
        cure: "name a readable file with --config or MEDGATE_CONFIG, or leave both out to run on the defaults"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests;
