//! What the calls of one submission share, and how their members are filled: by the names of the interface.

use crate::domain::exchange::ExchangeId;
use crate::domain::money::written;
use crate::exchange::own::Template;
use crate::profile::Submission;

use super::super::ledger::day::Day;
use super::super::ledger::stated::Scope;
use super::entry::Totals;
use super::trouble::NotStated;

/// What all calls of one submission share.
pub(super) struct Asking<'a> {
    /// The id of the list; the calls bear it as their parent.
    pub(super) id: ExchangeId,
    /// In whose envelope the gateway speaks.
    pub(super) template: &'a Template,
    /// What the profile says.
    pub(super) submission: &'a Submission,
    /// Of what.
    pub(super) scope: &'a Scope,
    /// Of which day.
    pub(super) day: Day,
}

/// What can be said in a call, by the names of the interface.
pub(super) fn known(asking: &Asking<'_>, totals: Totals, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let Scope { clr_optins, clr_type, .. } = asking.scope;
    let day = asking.day.to_string();
    let [total, fund, account, cash] = totals.amounts.0.map(|units| written(units.unwrap_or(0)));
    let mut known: Vec<(&'static str, String)> =
        more.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    known.extend([
        ("setl_optins", clr_optins.clone()),
        ("clr_type", clr_type.clone()),
        ("stmt_begndate", day.clone()),
        ("stmt_enddate", day),
        ("medfee_sumamt", total),
        ("fund_pay_sumamt", fund),
        ("acct_pay", account),
        ("cash_payamt", cash),
        ("fixmedins_setl_cnt", totals.rows.to_string()),
    ]);
    known
}

/// The members that a call asks for, and those that the profile says beside them.
pub(super) fn members(
    fields: &[String],
    known: &[(&'static str, String)],
    submission: &Submission,
) -> Result<Vec<(String, String)>, NotStated> {
    let value = |field: &String| {
        let found = known.iter().find(|(name, _)| name == field);
        found.map(|(_, value)| (field.clone(), value.clone())).ok_or_else(|| NotStated::Field(field.clone()))
    };
    let mut members = fields.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    members.extend(submission.fixed().map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(members)
}

pub(super) fn pairs(members: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    members.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}
