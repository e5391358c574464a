//! Where commands meet the parts of the gateway: the only file of the commands that opens them.

use std::path::Path;

use crate::config::Settings;
use crate::config::complaint::Complaint;

use super::journal::source::Source;

/// Runs the gateway until it is told to stop.
pub(super) fn serve(_settings: Settings) -> Result<(), String> {
    Err("this build holds no gateway yet".to_owned())
}

/// What is wrong with the profile that the settings name.
pub(super) fn profile_complaints(_settings: &Settings) -> Vec<Complaint> {
    Vec::new()
}

/// Opens the journal of a data folder for reading, without its lock.
pub(super) fn open_journal(_data: &Path) -> Result<Box<dyn Source>, String> {
    Err("this build holds no journal yet".to_owned())
}
