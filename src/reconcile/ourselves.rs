//! Who the gateway is in calls of its own: its own operator, signed in (9001) once a day for each institution (`money.md` §5).
//!
//! Without an operator of its own, and where the platform does not sign it in, the call bears what the HIS's call bore.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::domain::moment::china_time;
use crate::domain::outcome::Outcome;
use crate::exchange::Line;
use crate::exchange::own::{NotCalled, OwnRequest, Template};
use crate::profile::SignIn;
use crate::profile::own::input_node;

use super::Settings;
use super::ledger::day::Day;

/// The member of the envelope that a sign-in gives.
const SIGN_NO: &str = "sign_no";

/// The gateway as a caller.
pub struct Ourselves {
    line: Arc<Line>,
    settings: Settings,
    /// The day and number of the last sign-in of each institution. Who waits here waits for one sign-in.
    signed_in: Mutex<BTreeMap<String, (Day, Option<String>)>>,
}

/// Members of an envelope that are said anew: name and value.
pub struct Anew(Vec<(&'static str, String)>);

impl Anew {
    /// As a call is composed with them.
    pub fn members(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

/// What came of a sign-in.
enum Signed {
    /// Its number.
    In(String),
    /// The platform gives none.
    Refused,
    /// Nobody knows.
    Unheard,
}

impl Ourselves {
    /// Over a line; `settings` say who asks.
    pub fn new(line: Arc<Line>, settings: Settings) -> Ourselves {
        Ourselves { line, settings, signed_in: Mutex::default() }
    }

    /// What a call in the envelope of `template` says anew. Signs in where that was not done today.
    pub async fn anew(&self, template: &Template) -> Anew {
        let mut anew = Anew(vec![("inf_time", china_time(self.line.clock.unix_ns()))]);
        let Settings { opter, opter_name, .. } = &self.settings;
        if opter.is_empty() {
            return anew;
        }
        anew.0.extend([("opter", opter.clone()), ("opter_name", opter_name.clone())]);
        let sign_no = self.sign_no(template, &anew).await;
        anew.0.extend(sign_no.map(|number| (SIGN_NO, number)));
        anew
    }

    async fn sign_no(&self, template: &Template, anew: &Anew) -> Option<String> {
        let sign_in = template.policy.profile.sign_in()?;
        let institution = template.envelope().fixmedins_code?;
        let today = Day::at(self.line.clock.unix_ns());
        let mut signed_in = self.signed_in.lock().await;
        if let Some((day, number)) = signed_in.get(&institution)
            && *day == today
        {
            return number.clone();
        }
        let number = match self.sign_in(template, sign_in, anew).await {
            Ok(Signed::In(number)) => Some(number),
            Ok(Signed::Refused) => {
                tracing::warn!(
                    institution,
                    "the platform did not sign the gateway's operator in; its calls bear the HIS's number"
                );
                None
            }
            Err(error) => {
                tracing::warn!(institution, %error, "the gateway's operator could not be signed in; its calls bear the HIS's number");
                return None; // The next call tries again.
            }
            Ok(Signed::Unheard) => return None, // Likewise.
        };
        signed_in.insert(institution, (today, number.clone()));
        number
    }

    async fn sign_in(&self, template: &Template, sign_in: &SignIn, anew: &Anew) -> Result<Signed, NotCalled> {
        let Settings { opter, mac, ip, .. } = &self.settings;
        let members = sign_in.fields.iter().map(|field| match field.as_str() {
            "opter_no" => ("opter_no", opter.as_str()),
            "mac" => ("mac", mac.as_str()),
            "ip" => ("ip", ip.as_str()),
            other => (other, ""),
        });
        let id = self.line.own_id();
        let input = input_node(&sign_in.node, members);
        let request = self.line.compose(template, id, (&sign_in.infno, &input), &anew.members())?;
        let patience = template.upstream.answer_within;
        let own = OwnRequest { id, parent_id: id, request, acts: false, undoes: None, patience };
        let report = self.line.perform(template, own).await?;
        let number = report.proof().and_then(|(view, _)| view.text(SIGN_NO)).filter(|number| !number.is_empty());
        Ok(match (number, report.verdict.outcome) {
            (Some(number), _) => Signed::In(number.to_owned()),
            (None, Outcome::Unknown) => Signed::Unheard,
            (None, _) => Signed::Refused,
        })
    }
}
