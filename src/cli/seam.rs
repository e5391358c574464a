//! Where commands meet the parts of the gateway: the only file of the commands that opens them.

use crate::config::Settings;
use crate::config::complaint::Complaint;

/// Runs the gateway until it is told to stop.
pub(super) fn serve(_settings: Settings) -> Result<(), String> {
    Err("this build holds no gateway yet".to_owned())
}

/// What is wrong with the profile that the settings name.
pub(super) fn profile_complaints(_settings: &Settings) -> Vec<Complaint> {
    Vec::new()
}
