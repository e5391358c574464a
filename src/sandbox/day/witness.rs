//! Reads the two machines: the stand-in's ledger, and the gateway's list of unknowns and its counts.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::DayError;
use crate::sandbox::callers::books::Paid;
use crate::sandbox::callers::post::{HeaderLine, Heard, Post};
use crate::sandbox::faults::Entry;
use crate::sandbox::yuan;

const WITNESS_PATIENCE: Duration = Duration::from_secs(10);
/// The counter of exchanges by transaction; see the gateway's list of metrics.
const EXCHANGES_METRIC: &str = "medgate_exchanges_total";
/// The counters of calls that the gateway answered without a send.
const UNSENT_METRICS: [&str; 2] = ["medgate_replays_total", "medgate_refusals_total"];

/// A settlement row of the stand-in, as far as the comparison needs it.
#[derive(Debug, Clone, Deserialize)]
pub struct LedgerRow {
    /// 结算ID.
    pub setl_id: String,
    /// For a cancellation: what it takes back.
    pub undoes: Option<String>,
    /// The transaction.
    pub infno: String,
    /// Under which msgid it was made.
    pub msgid: String,
    /// Whose.
    pub fixmedins_code: String,
    #[serde(with = "yuan")]
    medfee_sumamt: Decimal,
    #[serde(with = "yuan")]
    fund_pay_sumamt: Decimal,
    #[serde(with = "yuan")]
    acct_pay: Decimal,
    #[serde(with = "yuan")]
    psn_cash_pay: Decimal,
    #[serde(with = "yuan")]
    hosp_part_amt: Decimal,
    /// live, cancelled or reversed.
    pub standing: String,
}

impl LedgerRow {
    /// Who paid how much.
    pub fn paid(&self) -> Paid {
        Paid {
            medfee_sumamt: self.medfee_sumamt,
            fund_pay_sumamt: self.fund_pay_sumamt,
            acct_pay: self.acct_pay,
            psn_cash_pay: self.psn_cash_pay,
            hosp_part_amt: self.hosp_part_amt,
        }
    }
}

/// What the stand-in did since some place.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Done {
    /// Settlement rows.
    pub settlements: Vec<LedgerRow>,
    /// All rows since its start.
    pub settlements_count: usize,
    /// Requests whose act is still to come.
    pub pending: u64,
    /// What draws its people.
    pub seed: u64,
}

/// One exchange that the gateway lists as unknown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Unknown {
    /// The sender's message id.
    pub msgid: Option<String>,
    /// The transaction.
    pub infno: Option<String>,
}

/// Counts by transaction.
pub type Counts = BTreeMap<String, u64>;

/// What the gateway counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Exchanges that came to an end, by transaction.
    pub exchanges: Counts,
    /// Calls that it answered itself: repeats from the record, and refusals.
    pub unsent: u64,
}

impl Counted {
    /// What was counted since `before`.
    pub(super) fn since(&self, before: &Counted) -> Counted {
        let unsent = self.unsent.saturating_sub(before.unsent);
        Counted { exchanges: since(&self.exchanges, &before.exchanges), unsent }
    }
}

/// What grew since `before`.
pub(super) fn since(now: &Counts, before: &Counts) -> Counts {
    let grown = now.iter().map(|(infno, count)| {
        let already = before.get(infno).copied().unwrap_or(0);
        (infno.clone(), count.saturating_sub(already))
    });
    grown.filter(|(_, count)| *count > 0).collect()
}

/// The stand-in, asked from outside.
pub struct Standin {
    post: Post,
}

impl Standin {
    /// A witness at `http://HOST:PORT`.
    pub(super) fn at(url: &str) -> Result<Standin, DayError> {
        Ok(Standin { post: Post::new(url, WITNESS_PATIENCE).map_err(DayError::Address)? })
    }

    pub(super) async fn script(&mut self, entries: &[Entry]) -> Result<(), DayError> {
        let rows: Vec<Value> = entries.iter().map(script_row).collect();
        let body = Value::Array(rows).to_string();
        ask(&mut self.post, "POST", "/_sandbox/faults", &[], body.as_bytes()).await.map(drop)
    }

    /// How often each fault struck.
    pub(super) async fn struck(&mut self) -> Result<Vec<Entry>, DayError> {
        read(&ask(&mut self.post, "GET", "/_sandbox/faults", &[], b"").await?)
    }

    /// The ledger from row `from` on.
    pub(super) async fn done(&mut self, from: usize) -> Result<Done, DayError> {
        let target = format!("/_sandbox/ledger?from={from}&limit=1000000");
        read(&ask(&mut self.post, "GET", &target, &[], b"").await?)
    }

    /// Requests that arrived, by transaction.
    pub(super) async fn arrived(&mut self) -> Result<Counts, DayError> {
        let said: Value = read(&ask(&mut self.post, "GET", "/_sandbox/requests?limit=0", &[], b"").await?)?;
        serde_json::from_value(said["by_infno"].clone()).map_err(DayError::Unreadable)
    }
}

/// The gateway's admin port.
pub struct Gateway {
    post: Post,
    headers: Vec<HeaderLine>,
}

impl Gateway {
    /// A witness at `http://HOST:PORT` with the text of the token file.
    pub(super) fn at(url: &str, token: &str) -> Result<Gateway, DayError> {
        let headers = vec![("Authorization".to_string(), format!("Bearer {}", token.trim()))];
        Ok(Gateway { post: Post::new(url, WITNESS_PATIENCE).map_err(DayError::Address)?, headers })
    }

    /// Exchanges whose outcome is unknown. A bare list, or a list under `unknowns`.
    pub(super) async fn unknowns(&mut self) -> Result<Vec<Unknown>, DayError> {
        let said: Value = read(&ask(&mut self.post, "GET", "/api/v1/unknowns", &self.headers, b"").await?)?;
        let list = if said.is_array() { said } else { said["unknowns"].clone() };
        serde_json::from_value(list).map_err(DayError::Unreadable)
    }

    /// What it counted; nothing when it does not count.
    pub(super) async fn counted(&mut self) -> Result<Counted, DayError> {
        let text = ask(&mut self.post, "GET", "/metrics", &[], b"").await?;
        Ok(counted(&String::from_utf8_lossy(&text)))
    }
}

/// Sums the samples of the exchange counter by their `infno` label, and those of calls without a send.
fn counted(metrics: &str) -> Counted {
    let mut counted = Counted::default();
    for line in metrics.lines() {
        let Some((sample, value)) = line.rsplit_once(' ') else { continue };
        let Ok(value) = value.parse::<u64>() else { continue };
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        if UNSENT_METRICS.contains(&name) {
            counted.unsent += value;
        } else if name == EXCHANGES_METRIC {
            let mut labels = labels.trim_end_matches('}').split(',');
            let infno = labels.find_map(|label| label.strip_prefix("infno=\"")?.strip_suffix('"')).unwrap_or("?");
            *counted.exchanges.entry(infno.to_string()).or_default() += value;
        }
    }
    counted
}

/// An entry without the counts that only the stand-in keeps.
fn script_row(entry: &Entry) -> Value {
    let mut row = serde_json::to_value(entry).unwrap_or_default();
    if let Some(members) = row.as_object_mut() {
        members.retain(|name, _| name != "seen" && name != "struck");
    }
    row
}

async fn ask(
    post: &mut Post,
    method: &str,
    target: &str,
    headers: &[HeaderLine],
    body: &[u8],
) -> Result<Vec<u8>, DayError> {
    match post.send(method, target, headers, body).await {
        Heard::Answer(answer) if answer.status == 200 => Ok(answer.body),
        Heard::Answer(answer) => Err(DayError::Answered {
            target: target.to_string(),
            status: answer.status,
            text: String::from_utf8_lossy(&answer.body).chars().take(300).collect(),
        }),
        Heard::NotSent(cause) => Err(DayError::Unheard { target: target.to_string(), why: cause.to_string() }),
        Heard::Silence(why) => Err(DayError::Unheard { target: target.to_string(), why }),
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, DayError> {
    serde_json::from_slice(body).map_err(DayError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_are_summed_by_transaction() {
        let text = "# HELP medgate_exchanges_total x\n\
            medgate_exchanges_total{class=\"money\",infno=\"2207\",outcome=\"confirmed\"} 5\n\
            medgate_exchanges_total{class=\"money\",infno=\"2207\",outcome=\"unknown\"} 2\n\
            medgate_other{infno=\"2207\"} 9\nmedgate_exchanges_total{infno=\"1101\"} 7\n\
            medgate_replays_total 2\nmedgate_refusals_total{cause=\"key\"} 3\n";
        let exchanges = Counts::from([("2207".to_string(), 7), ("1101".to_string(), 7)]);
        assert_eq!(counted(text), Counted { exchanges: exchanges.clone(), unsent: 5 });
        let grown = counted(text).since(&Counted { exchanges: Counts::from([("2207".to_string(), 7)]), unsent: 1 });
        assert_eq!(grown, Counted { exchanges: Counts::from([("1101".to_string(), 7)]), unsent: 4 });
    }
}
