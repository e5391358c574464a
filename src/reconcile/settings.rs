//! What a site may set of the finisher.

use serde::Deserialize;

use crate::domain::money::units_of;

use super::plan::Policy;

/// `[finisher]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Seconds between two rounds; 0 = the finisher does nothing by itself.
    pub every_seconds: u64,
    /// The time a HIS has to repeat a call before anything else is done about it.
    pub retry_minutes: u64,
    /// Minutes between two questions about one case.
    pub ask_minutes: u64,
    /// Questions about one case that prove nothing.
    pub asks_max: u64,
    /// Attempts to take one settlement back.
    pub attempts_max: u64,
    /// Taken back without a person up to this sum in yuan, on the day of the call.
    pub auto_yuan_max: String,
    /// By one person up to this sum in yuan, on the day of the call.
    pub one_person_yuan_max: String,
    /// 经办人 of the gateway's own calls; empty: the one of the original call.
    pub opter: String,
    /// 经办人姓名.
    pub opter_name: String,
    /// The machine that the operator signs in from (9001): its hardware address.
    pub mac: String,
    /// Its IP address.
    pub ip: String,
}

impl Settings {
    /// Who must agree to a reversal. A sum that cannot be read is none.
    pub fn policy(&self) -> Policy {
        let units = |yuan: &str| units_of(yuan).unwrap_or(0);
        Policy { auto_max: units(&self.auto_yuan_max), one_person_max: units(&self.one_person_yuan_max) }
    }
}
