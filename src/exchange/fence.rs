//! The fence of a person (`money.md` §5): after an answer that it did not get, a HIS often registers anew and settles the same
//! sum under another visit. Such a call is held back until the first one is known to the HIS, undone, or let pass by a person.

use std::time::Duration;

use crate::domain::exchange::Origin;
use crate::domain::moment::{china_time, days_ns};
use crate::domain::money::{units_of, written};
use crate::journal::Record;
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::profile::Profile;

use super::Line;
use super::decision::Step;
use super::held::{Claim, Claimed};
use super::history::HistoryError;
use super::identify::Identified;
use super::refusal::Refusal;
use super::side::{AT_STAKE, Side};
use super::stand::{Cause, Platform, Stand};
use super::weigh::{Weighed, weighed};

/// How long a call waits for a similar one that is under way.
const UNDER_WAY_WAIT: Duration = Duration::from_secs(3);
/// A call gives up waiting for the right after so many others came and went; the journal is asked all the same.
const CLAIMS_MAX: usize = 8;
/// How often, and after which rests, the journal is looked at before a call is refused: a second in all.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Who pays what, as a cashier reads it.
const SHARES: [(&str, &str); 3] = [("fund_pay_sumamt", "统筹"), ("acct_pay", "个人账户"), ("psn_cash_pay", "现金")];

/// The settlement that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// msgid as sent.
    pub msgid: String,
    /// When it came, unix ns.
    pub at_unix_ns: i64,
    /// 结算ID, once it is known to be done.
    pub setl_id: Option<String>,
    /// Sum and shares in Chinese, once known; never of a person.
    pub amounts: String,
    /// Nothing was heard of it yet.
    pub under_way: bool,
}

impl Existing {
    /// What the cashier reads.
    pub(super) fn text(&self) -> String {
        let at = china_time(self.at_unix_ns);
        let at = at.get(5..16).unwrap_or_default().replace('T', " ");
        let Existing { msgid, amounts, .. } = self;
        match &self.setl_id {
            _ if self.under_way => format!("此人有一笔同额结算正在办理（报文{msgid}，{at}），勿重收，请待其结束"),
            Some(setl_id) => format!(
                "此人{at}已结算同额一笔（结算ID {setl_id}，{amounts}），HIS未收到结果，勿重收；请重试原业务取回结果，或撤销该结算"
            ),
            None => format!("此人{at}有一笔同额结算结果未知（报文{msgid}），勿重收、勿转自费，请待核实"),
        }
    }
}

impl Line {
    /// Holds the call back when a similar settlement of its person is not known to the HIS. Other persons are not touched.
    pub(super) async fn fence(&self, call: &mut Identified) -> Result<(), Refusal> {
        let arrival = &call.arrival;
        let fenced = arrival.policy.profile.transaction(&call.identity.infno).fenced;
        if !fenced || self.settings.fence_days == 0 || arrival.origin != Origin::His || call.tokens.person.is_none() {
            return Ok(());
        }
        let said = call.envelope.amounts.iter().find(|(name, _)| name == AT_STAKE);
        let Some(sum) = said.and_then(|(_, value)| units_of(value)) else { return Ok(()) };
        call.fence_claim = self.claim_fence(call, sum).await;
        // That an answer was handed over becomes durable a moment later; a late answer may come meanwhile, too.
        let mut left = LOOKS;
        while let Some(existing) = self.unknown_to_his(call, sum).map_err(|_| Refusal::HistoryUnread)? {
            if left == 0 {
                self.metrics.cases.fence_holds.inc();
                return Err(Refusal::Fenced(Box::new(existing)));
            }
            left -= 1;
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }

    /// The right to settle this sum for this person now; waits a moment for another one that is under way.
    async fn claim_fence(&self, call: &Identified, sum: i64) -> Option<Claim> {
        let token = self.journal.tokens().of("fence", &format!("{}\n{sum}", call.tokens.person));
        let taken = async {
            for _ in 0..CLAIMS_MAX {
                match self.held.claim(token, &call.called) {
                    Claimed::Mine(claim) => return Some(claim),
                    // One that still listens for a late answer keeps the claim: what came of it the journal tells.
                    Claimed::Others(other) => _ = other.end().await,
                }
            }
            None
        };
        tokio::time::timeout(UNDER_WAY_WAIT, taken).await.ok().flatten()
    }

    /// The newest settlement of the person with this sum, or these fee lines, that the HIS may not know of.
    fn unknown_to_his(&self, call: &Identified, sum: i64) -> Result<Option<Existing>, HistoryError> {
        let profile = &call.arrival.policy.profile;
        let since = call.arrival.at_unix_ns.saturating_sub(days_ns(self.settings.fence_days));
        for place in self.journal.lookup(EntryKind::Charge, call.tokens.person)?.into_iter().rev() {
            let intent = self.journal.read(place)?;
            if intent.header.at_unix_ns < since {
                return Ok(None);
            }
            let infno = intent.facts.text_of(Fact::Infno).unwrap_or_default();
            let is_other = call.tokens.key.is_none() || intent.header.key_token != call.tokens.key;
            let same_sum = amount(&intent, AT_STAKE).and_then(units_of) == Some(sum);
            let lines = call.tokens.lines;
            let same_lines = !lines.is_none() && intent.facts.token_of(Fact::LineSet) == Some(lines);
            let is_similar = profile.transaction(infno).fenced && (same_sum || same_lines);
            if !is_similar || !is_other {
                continue;
            }
            if let Some(existing) = self.existing(profile, &intent)? {
                return Ok(Some(existing));
            }
        }
        Ok(None)
    }

    /// What is to be told of a settlement, if the HIS may not know of it.
    fn existing(&self, profile: &Profile, intent: &Record) -> Result<Option<Existing>, HistoryError> {
        let Weighed { side, records } = weighed(&self.journal, profile, intent)?;
        if records.iter().any(|record| Step::of(record) == Some(Step::LiftFence)) {
            return Ok(None);
        }
        // An answer of which nobody has said yet that it was handed over has not come through, first or given again; after a
        // failure of the disk nobody ever may.
        let is_on_its_way = side.platform == Platform::Did && side.told.is_none();
        let unknown_to_his = side.platform == Platform::UnderWay
            || is_on_its_way
            || matches!(side.stand(), Stand::Case(Cause::UnknownOutcome | Cause::NotDelivered));
        Ok(unknown_to_his.then(|| Existing {
            under_way: side.platform == Platform::UnderWay,
            setl_id: (side.platform != Platform::Perhaps && !side.setl_id.is_empty()).then(|| side.setl_id.clone()),
            amounts: amounts(&side, &records),
            msgid: side.msgid,
            at_unix_ns: side.at_unix_ns,
        }))
    }
}

fn amount<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    let (_, value) = record.facts.all_named(Fact::Amount).find(|(found, _)| *found == name)?;
    std::str::from_utf8(value).ok()
}

/// `总额300.00，统筹210.00，…` of what the answer says.
fn amounts(side: &Side, records: &[Record]) -> String {
    let mut parts = vec![format!("总额{}", side.at_stake.map(written).unwrap_or_default())];
    let answers: Vec<_> = records.iter().filter(|record| record.header.ref_seq == side.intent).collect();
    for (name, chinese) in SHARES {
        let said = answers.iter().rev().find_map(|record| amount(record, name)).and_then(units_of);
        parts.extend(said.map(|units| format!("{chinese}{}", written(units))));
    }
    parts.join("，")
}
