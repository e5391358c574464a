//! Erasing a visit: the keys of its exchanges are destroyed, so that nobody can read them again; every record, hash and proof
//! stays. What is still needed is not erased.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::moment::{china_time, days_ns};
use crate::domain::outcome::Outcome;
use crate::exchange::history::{self, HistoryError, intent_of};
use crate::exchange::side::is_watched;
use crate::exchange::stand::Stand;
use crate::exchange::weigh::weighed;
use crate::journal::draft::Draft;
use crate::journal::facts::Fact;
use crate::journal::keys::KeyError;
use crate::journal::record::Kind;
use crate::journal::{AppendError, Journal};
use crate::profile::Profile;

use super::act::{Act, short};
use super::visit::{self, Exchange, FindError, Visit};

/// What is to be erased, and by what rules.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// 就诊ID.
    pub mdtrt_id: &'a str,
    /// Only exchanges of this institution; needed when several use the same number.
    pub institution: Option<&'a str>,
    /// `[retention] key_live_days`
    pub key_live_days: u64,
    /// Now.
    pub now_unix_ns: i64,
}

/// What erasing a visit comes to.
#[derive(Debug)]
pub struct Plan {
    visit: Visit,
    /// Why it may not be erased now; empty when it may.
    pub reasons: Vec<Needed>,
    /// The Erasure that did it before: nothing is left to do.
    pub done: Option<Seq>,
}

impl Plan {
    /// Exchanges whose request and answers become unreadable.
    pub fn exchanges(&self) -> &BTreeMap<ExchangeId, Exchange> {
        &self.visit.exchanges
    }

    /// Key slots that are destroyed.
    pub fn slots(&self) -> BTreeSet<u64> {
        self.visit.exchanges.values().flat_map(|exchange| exchange.slots.iter().copied()).collect()
    }
}

/// Looks what belongs to the visit, and whether anything of it is still needed. Changes nothing.
///
/// # Errors
/// When there is no such visit, or the journal cannot be read.
pub fn plan(journal: &Journal, profile: &Profile, asked: &Asked<'_>) -> Result<Plan, EraseError> {
    let mut visit = visit::find(journal, asked.mdtrt_id)?;
    if let Some(institution) = asked.institution {
        visit.exchanges.retain(|_, exchange| exchange.institution == institution);
    }
    if visit.exchanges.is_empty() {
        return Err(EraseError::NoVisit);
    }
    let reasons = needed(journal, profile, asked, &visit)?;
    let mut plan = Plan { visit, reasons, done: None };
    let slots = plan.slots();
    let gone = slots.iter().all(|slot| matches!(journal.keys().key(*slot), Err(KeyError::Destroyed(_))));
    if gone && slots.is_subset(&plan.visit.erased) {
        plan.done = plan.visit.erasure;
    }
    Ok(plan)
}

/// Everything that stands against erasing.
fn needed(journal: &Journal, profile: &Profile, asked: &Asked<'_>, visit: &Visit) -> Result<Vec<Needed>, EraseError> {
    let open: BTreeMap<Seq, bool> =
        journal.open_exchanges().into_iter().map(|exchange| (exchange.seq, exchange.unknown)).collect();
    let mut reasons = Vec::new();
    let institutions: BTreeSet<&str> = visit.exchanges.values().map(|exchange| exchange.institution.as_str()).collect();
    if institutions.len() > 1 {
        reasons.push(Needed::Institutions(institutions.into_iter().map(str::to_owned).collect()));
    }
    for (id, exchange) in &visit.exchanges {
        let infno = exchange.infno.clone();
        match open.get(&exchange.intent) {
            Some(true) => reasons.push(Needed::Unknown { id: *id, infno }),
            Some(false) => reasons.push(Needed::UnderWay { id: *id, infno }),
            None => match is_case(journal, profile, *id)? {
                true => reasons.push(Needed::Case { id: *id, infno }),
                false => reasons.extend(live_key(journal, profile, asked, exchange)?),
            },
        }
    }
    Ok(reasons)
}

/// A case (单边账案件) needs its evidence until it is closed.
fn is_case(journal: &Journal, profile: &Profile, id: ExchangeId) -> Result<bool, EraseError> {
    let Some(intent) = intent_of::<HistoryError>(journal, id)? else { return Ok(false) };
    let stand = || weighed(journal, profile, &intent).map(|weighed| weighed.side.stand());
    Ok(is_watched(&intent) && matches!(stand()?, Stand::Case(_)))
}

/// A settlement that stands holds its key: a HIS may still repeat the call, and must hear the recorded answer.
fn live_key(
    journal: &Journal,
    profile: &Profile,
    asked: &Asked<'_>,
    exchange: &Exchange,
) -> Result<Option<Needed>, EraseError> {
    let money = Class::from_code(exchange.class) == Some(Class::Money);
    let live_ns = days_ns(asked.key_live_days);
    let until_unix_ns = exchange.at_unix_ns.saturating_add(live_ns);
    let young = asked.now_unix_ns < until_unix_ns;
    if !money || !young || exchange.outcome != Some(Outcome::Confirmed) || exchange.key_token.is_none() {
        return Ok(None);
    }
    let held = history::of_key(journal, profile, exchange.key_token)?.holder;
    let holds = held.is_some_and(|held| held.intent_seq == exchange.intent);
    let setl_ids = exchange.setl_ids.iter().cloned().collect();
    Ok(holds.then(|| Needed::LiveKey { infno: exchange.infno.clone(), setl_ids, until_unix_ns }))
}

/// Destroys the keys of a plan that nothing stands against: the act is journaled, then the keys go, then the Erasure says so.
/// After a crash between, the same command brings it to its end. Gives the number of the Erasure.
///
/// # Errors
/// When the journal or the keys folder refuses; what was destroyed stays destroyed.
pub async fn erase(journal: &Journal, plan: &Plan, who: &str, why: &str) -> Result<Seq, EraseError> {
    let visit = &plan.visit;
    let slots: Vec<u64> = plan.slots().into_iter().collect();
    let (before, after) =
        (format!("{} exchanges, {} key slots", visit.exchanges.len(), slots.len()), "their keys are destroyed");
    let what = format!("erase visit {}", visit.mdtrt_id);
    journal.append(Act { who, what: &what, why, before: &before, after }.draft()).await?;
    let (keys, destroyed) = (journal.clone(), slots.clone());
    let done = tokio::task::spawn_blocking(move || keys.keys().destroy(&destroyed)).await;
    done.map_err(|_| EraseError::Panicked)??;
    Ok(journal.append(erasure(visit, &slots, who, why)).await?)
}

fn erasure(visit: &Visit, slots: &[u64], who: &str, why: &str) -> Draft {
    let mut draft = Draft::new(Kind::Erasure);
    draft.header.origin = Origin::Operator as u8;
    draft.header.visit_token = visit
        .exchanges
        .values()
        .map(|exchange| exchange.visit_token)
        .find(|token| !token.is_none())
        .unwrap_or_default();
    draft.facts.text(Fact::Who, who);
    draft.facts.text(Fact::Reason, short(why));
    draft.facts.text(Fact::MdtrtId, &visit.mdtrt_id);
    draft.facts.number(Fact::Count, visit.exchanges.len() as u64);
    draft.facts.bytes(Fact::Slots, slots.iter().flat_map(|slot| slot.to_le_bytes()).collect::<Vec<u8>>());
    visit.exchanges.keys().for_each(|id| draft.facts.bytes(Fact::Erased, id.0));
    draft
}

/// What a visit is still needed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// An exchange of it runs.
    UnderWay {
        /// Which.
        id: ExchangeId,
        /// 交易编号.
        infno: String,
    },
    /// What became of an exchange is not known: its evidence is needed.
    Unknown {
        /// Which.
        id: ExchangeId,
        /// 交易编号.
        infno: String,
    },
    /// Platform and HIS may not hold it for the same.
    Case {
        /// Which.
        id: ExchangeId,
        /// 交易编号.
        infno: String,
    },
    /// A settlement that stands.
    LiveKey {
        /// 交易编号.
        infno: String,
        /// Its settlements.
        setl_ids: Vec<String>,
        /// From when on it may be erased.
        until_unix_ns: i64,
    },
    /// Several institutions use this number.
    Institutions(Vec<String>),
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Needed::UnderWay { id, infno } => write!(
                f,
                "exchange {id} ({infno}) is under way; wait until it has ended. 交易{infno}正在办理，请等其结束后再清除"
            ),
            Needed::Unknown { id, infno } => write!(
                f,
                "the outcome of exchange {id} ({infno}) is unknown, and its record is the evidence; wait until the platform has \
                 been asked and it is proven. 交易{infno}结果未知，其记录是证据，请核实结果后再清除"
            ),
            Needed::Case { id, infno } => write!(
                f,
                "exchange {id} ({infno}) is an open case, and its record is the evidence; wait until it is closed (medgate case show \
                 {id}). 交易{infno}是未结案件，其记录是证据，请结案后再清除"
            ),
            Needed::LiveKey { infno, setl_ids, until_unix_ns } => {
                let (setl_ids, until) = (setl_ids.join(", "), china_time(*until_unix_ns));
                write!(
                    f,
                    "settlement {setl_ids} ({infno}) stands, and a repeat of it must hear the recorded answer; wait until {until} \
                     (retention.key_live_days), or until it is undone. 结算{setl_ids}仍有效，重复请求须得到原应答，{until}之后或撤销后方可清除"
                )
            }
            Needed::Institutions(codes) => write!(
                f,
                "institutions {} all use this number; name one with --institution. 多家机构使用同一就诊ID，请用 --institution 指定",
                codes.iter().map(|code| if code.is_empty() { "(none)" } else { code }).collect::<Vec<_>>().join(", ")
            ),
        }
    }
}

/// Why a visit is not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Nothing in the journal names it.
    #[error("no exchange names this visit, 没有找到该就诊ID的交易")]
    NoVisit,
    /// It cannot be looked up.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The history of a key cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A record of it cannot be written.
    #[error("it cannot be journaled, so run the command again: {0}")]
    Append(#[from] AppendError),
    /// The keys folder refuses.
    #[error("keys could not be destroyed, so run the command again: {0}")]
    Keys(#[from] KeyError),
    /// Our own code.
    #[error("destroying the keys panicked; run the command again")]
    Panicked,
}
