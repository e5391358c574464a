//! Compares what the hospitals believe with what the platform did. Every difference must be one that the gateway lists
//! as unknown; any other is a finding.

use std::collections::{BTreeMap, BTreeSet};

use super::witness::{Counted, Counts, Done, LedgerRow, Unknown};
use crate::sandbox::callers::books::{Belief, Bill, Books, Paid};

/// The comparison of a whole day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// Bills on which hospital and platform agree.
    pub agreed: u64,
    /// Bills that the platform settled, the hospital holds as pending, and the gateway lists.
    pub unknown_done: Vec<String>,
    /// Bills that the platform did not settle, the hospital holds as pending, and the gateway lists.
    pub unknown_not_done: Vec<String>,
    /// What the hospitals believe charged.
    pub believed: Paid,
    /// What the platform holds settled and not taken back.
    pub settled: Paid,
    /// The part of it that stands in the gateway's list.
    pub listed: Paid,
    /// Differences that nobody explains; empty on a good day.
    pub findings: Vec<String>,
}

/// The three witnesses of a day.
pub struct Witnesses<'a> {
    /// The hospitals' books.
    pub books: &'a [Books],
    /// The platform's ledger.
    pub done: &'a Done,
    /// The gateway's list.
    pub unknowns: &'a [Unknown],
    /// Requests that arrived at the platform, by transaction.
    pub arrived: &'a Counts,
    /// What the gateway counted.
    pub counted: &'a Counted,
}

/// What takes a settlement back.
const UNDOS: [&str; 3] = ["2208", "2305", "2103"];

impl Explained {
    /// Nothing is left unexplained.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// Compares.
    pub fn of(witnesses: &Witnesses<'_>) -> Explained {
        let mut explained = Explained::default();
        let listed = Listed::of(witnesses.unknowns);
        let mut rows: BTreeMap<&str, Vec<&LedgerRow>> = BTreeMap::new();
        for row in &witnesses.done.settlements {
            rows.entry(&row.msgid).or_default().push(row);
        }
        for bill in witnesses.books.iter().flat_map(|books| &books.bills) {
            let rows: Vec<_> = bill.msgids.iter().filter_map(|msgid| rows.remove(msgid.as_str())).flatten().collect();
            explained.bill(bill, &rows, &listed);
        }
        for row in rows.into_values().flatten() {
            explained.finding(
                &format!("{} {}", row.fixmedins_code, row.infno),
                "the platform settled a bill that nobody knows",
            );
        }
        explained.believed = witnesses.books.iter().map(Books::charged).fold(Paid::default(), Paid::plus);
        if explained.believed.plus(explained.listed) != explained.settled {
            let (believed, listed, settled) = (&explained.believed, &explained.listed, &explained.settled);
            explained
                .findings
                .push(format!("sums differ: believed {believed:?} + listed {listed:?} is not {settled:?}"));
        }
        explained.compare_counts(witnesses);
        explained
    }

    fn bill(&mut self, bill: &Bill, rows: &[&LedgerRow], listed: &Listed<'_>) {
        let name = bill.to_string();
        let holds = |infno: &str| bill.msgids.iter().any(|msgid| listed.holds(infno, msgid));
        let live: Vec<_> = rows.iter().filter(|row| row.undoes.is_none() && row.standing == "live").collect();
        for row in &live {
            self.settled = self.settled.plus(row.paid());
        }
        if live.len() > 1 {
            return self.finding(&name, "settled more than once");
        }
        match (&bill.belief, live.first()) {
            (Belief::Charged { setl_id, paid, .. }, Some(row)) if row.is(bill, setl_id, paid) => self.agreed += 1,
            (Belief::Charged { .. }, Some(_)) => {
                self.finding(&name, "hospital and platform hold different settlements")
            }
            (Belief::Charged { .. }, None) => self.finding(&name, "the hospital charged, the platform did not settle"),
            (Belief::NotCharged | Belief::Cancelled { .. }, None) => self.agreed += 1,
            (Belief::NotCharged, Some(_)) => {
                self.finding(&name, "the platform settled what the hospital takes for refused")
            }
            (Belief::Cancelled { .. }, Some(_)) => self.finding(&name, "the hospital cancelled, the platform did not"),
            (Belief::Pending, Some(row)) if listed.holds(bill.infno, &row.msgid) => {
                self.listed = self.listed.plus(row.paid());
                self.unknown_done.push(name);
            }
            (Belief::Pending, Some(_)) => {
                self.finding(&name, "settled, pending at the hospital, and not in the gateway's list")
            }
            (Belief::Pending, None) if holds(bill.infno) => self.unknown_not_done.push(name),
            (Belief::Pending, None) => {
                self.finding(&name, "pending at the hospital, not settled, and not in the gateway's list")
            }
            (Belief::CancelPending { paid, .. }, row) => {
                if !UNDOS.iter().any(|infno| holds(infno)) {
                    return self.finding(&name, "a cancellation is pending and not in the gateway's list");
                }
                match row {
                    // Not taken back: hospital and platform both still hold it.
                    Some(_) => self.unknown_not_done.push(name),
                    None => {
                        self.listed = self.listed.plus(paid.negated());
                        self.unknown_done.push(name);
                    }
                }
            }
        }
    }

    /// One exchange, one send: the gateway must have counted exactly what arrived, and answered the rest itself.
    fn compare_counts(&mut self, witnesses: &Witnesses<'_>) {
        let (arrived, counted) = (witnesses.arrived, witnesses.counted);
        let infnos: BTreeSet<&String> = arrived.keys().chain(counted.exchanges.keys()).collect();
        for infno in infnos {
            let count = |counts: &Counts| counts.get(infno).copied().unwrap_or(0);
            let (there, here) = (count(arrived), count(&counted.exchanges));
            if there != here {
                self.findings
                    .push(format!("{infno}: {there} calls arrived at the platform, the gateway counted {here}"));
            }
        }
        let sent: u64 = witnesses.books.iter().flat_map(|books| books.calls.values()).sum();
        let (there, unsent) = (arrived.values().sum::<u64>(), counted.unsent);
        if sent != there + unsent {
            self.findings
                .push(format!("{sent} calls sent are not {there} that arrived + {unsent} that the gateway answered"));
        }
    }

    fn finding(&mut self, whose: &str, what: &str) {
        self.findings.push(format!("{whose}: {what}"));
    }
}

impl LedgerRow {
    /// The very settlement that the hospital means: number, shares, and made by one of its own messages.
    fn is(&self, bill: &Bill, setl_id: &str, paid: &Paid) -> bool {
        self.setl_id == setl_id && self.paid() == *paid && bill.msgids.contains(&self.msgid)
    }
}

struct Listed<'a>(BTreeSet<(&'a str, &'a str)>);

impl<'a> Listed<'a> {
    fn of(unknowns: &'a [Unknown]) -> Listed<'a> {
        let pairs = unknowns.iter().filter_map(|unknown| Some((unknown.infno.as_deref()?, unknown.msgid.as_deref()?)));
        Listed(pairs.collect())
    }

    fn holds(&self, infno: &str, msgid: &str) -> bool {
        self.0.contains(&(infno, msgid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;
    use serde_json::json;

    const YUAN: Decimal = Decimal::ONE_HUNDRED;

    fn paid() -> Paid {
        Paid { medfee_sumamt: YUAN, fund_pay_sumamt: YUAN, ..Paid::default() }
    }

    /// A ledger of rows (setl_id, msgid, standing), all of one bill.
    fn done(rows: &[(&str, &str, &str)]) -> Done {
        let row = |(setl_id, msgid, standing): &(&str, &str, &str)| {
            json!({
                "setl_id": setl_id, "undoes": null, "infno": "2207", "msgid": msgid, "fixmedins_code": "H99", "mdtrt_id": "v",
                "chrg_bchno": "b", "medfee_sumamt": "100.00", "fund_pay_sumamt": "100.00", "acct_pay": "0", "psn_cash_pay": "0",
                "hosp_part_amt": "0", "standing": standing,
            })
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        serde_json::from_value(json!({"settlements": rows, "settlements_count": 1, "pending": 0, "seed": 1}))
            .expect("a ledger")
    }

    fn check(belief: Belief, rows: &[(&str, &str, &str)], listed: &[(&str, &str)], expected: &str) {
        let text = |text: &str| text.to_string();
        let msgids = [text("m1"), text("m2")].into();
        let bill = Bill { fixmedins_code: text("H99"), number: 1, infno: "2207", msgids, belief };
        let books = [Books { bills: vec![bill], ..Books::default() }];
        let unknowns: Vec<_> = listed
            .iter()
            .map(|(infno, msgid)| Unknown { infno: Some(text(infno)), msgid: Some(text(msgid)) })
            .collect();
        let (done, counts, counted) = (done(rows), Counts::new(), Counted::default());
        let explained = Explained::of(&Witnesses {
            books: &books,
            done: &done,
            unknowns: &unknowns,
            arrived: &counts,
            counted: &counted,
        });
        let found = match (&explained.findings[..], &explained.unknown_done[..], &explained.unknown_not_done[..]) {
            ([], [], []) => "agreed",
            ([], [_], []) => "unknown, done",
            ([], [], [_]) => "unknown, not done",
            ([first, ..], _, _) => first.as_str(),
            _ => "muddled",
        };
        assert!(found.contains(expected), "expected {expected}, found {found}");
    }

    #[test]
    fn every_difference_is_listed_or_found() {
        let charged = || Belief::Charged { setl_id: "s1".to_string(), mdtrt_id: "v".to_string(), paid: paid() };
        let other = Belief::Charged { setl_id: "s2".to_string(), mdtrt_id: "v".to_string(), paid: paid() };
        let cancelled = || Belief::Cancelled { setl_id: "s1".to_string() };
        let cancelling = || Belief::CancelPending { setl_id: "s1".to_string(), paid: paid() };
        let live = [("s1", "m1", "live")];
        check(charged(), &live, &[], "agreed");
        check(charged(), &[("s1", "m9", "live")], &[], "did not settle");
        check(charged(), &[], &[], "did not settle");
        check(charged(), &[("s1", "m1", "reversed")], &[], "did not settle");
        check(other, &live, &[], "different settlements");
        check(charged(), &[("s1", "m1", "live"), ("s2", "m2", "live")], &[], "more than once");
        check(Belief::NotCharged, &[], &[], "agreed");
        check(Belief::NotCharged, &live, &[("2207", "m1")], "takes for refused");
        check(Belief::Pending, &live, &[("2207", "m1")], "unknown, done");
        check(Belief::Pending, &live, &[("2207", "m2")], "not in the gateway's list");
        check(Belief::Pending, &[], &[("2207", "m2")], "unknown, not done");
        check(Belief::Pending, &[], &[("2201", "m2")], "not in the gateway's list");
        check(cancelled(), &[("s1", "m1", "cancelled")], &[], "agreed");
        check(cancelled(), &live, &[], "the platform did not");
        check(cancelling(), &live, &[("2208", "m2")], "unknown, not done");
        check(cancelling(), &[("s1", "m1", "cancelled")], &[("2208", "m2")], "unknown, done");
        check(cancelling(), &live, &[], "not in the gateway's list");
    }

    #[test]
    fn counts_must_be_equal() {
        let counts = |count| Counts::from([("2207".to_string(), count)]);
        let check = |sent, there, here, unsent, expected: &[&str]| {
            let books = [Books { calls: counts(sent), ..Books::default() }];
            let counted = Counted { exchanges: counts(here), unsent };
            let (done, arrived) = (done(&[]), counts(there));
            let witnesses =
                Witnesses { books: &books, done: &done, unknowns: &[], arrived: &arrived, counted: &counted };
            assert_eq!(Explained::of(&witnesses).findings, expected);
        };
        check(4, 3, 3, 1, &[]);
        check(3, 3, 2, 0, &["2207: 3 calls arrived at the platform, the gateway counted 2"]);
        check(4, 3, 3, 0, &["4 calls sent are not 3 that arrived + 0 that the gateway answered"]);
    }
}
