//! Taking back: cancellations (2103, 2208, 2305) and reversals (2601).

use rust_decimal::Decimal;

use super::rows::{Before, Row};
use super::settle::{Settlement, Standing};
use super::tariff::Care;
use super::visit::{Stage, takes_part};
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::tree::Node;

const CANCEL: &[&str] = &["setl_id", "psn_no"];

pub(super) const ROWS: &[Row] = &[
    Row { infno: "2103", needs: CANCEL, before: Before::Settled, act: |ledger, ask| ledger.cancel(ask) },
    Row { infno: "2208", needs: CANCEL, before: Before::Settled, act: |ledger, ask| ledger.cancel(ask) },
    Row { infno: "2305", needs: CANCEL, before: Before::Settled, act: |ledger, ask| ledger.cancel(ask) },
    Row {
        infno: "2601",
        needs: &["omsgid", "oinfno", "psn_no"],
        before: Before::Nothing,
        act: |ledger, ask| ledger.reverse(ask),
    },
];

/// What 2601 may undo (national baseline).
const REVERSIBLE: [&str; 7] = ["2102", "2103", "2207", "2208", "2304", "2305", "2401"];

impl Ledger {
    /// A second row with its own setl_id and every sign turned; the lines are free again.
    fn cancel(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let call = ask.call;
        let (target, psn_no) = (call.need("setl_id")?, call.need("psn_no")?);
        let original = self.settlement(&target).filter(|row| row.psn_no == psn_no && row.undoes.is_none());
        let original = original.ok_or("未查询到该结算信息")?.clone();
        match original.standing {
            Standing::Live => {}
            Standing::Cancelled(_) => return Err("该笔结算已撤销，请勿重复办理".to_string()),
            Standing::Reversed => return Err("该笔结算已冲正，请勿重复办理".to_string()),
        }
        self.check_cancels(&call.infno, &original)?;
        let person = self.person(&psn_no, call)?;
        let setl_id = self.number('S');
        let row = Settlement {
            setl_id: setl_id.clone(),
            undoes: Some(target.clone()),
            infno: call.infno.clone(),
            msgid: call.msgid.clone(),
            shares: original.shares.negated(),
            setl_time: ask.now.second(),
            ..original
        };
        self.stand(&target, Standing::Cancelled(setl_id.clone()));
        self.free_lines(&row.mdtrt_id, &target);
        let left = self.balance(&person) - row.shares.account;
        let output = self.tell(ask, &row, &person, left, Vec::new());
        self.book(row);
        Ok(Deed::settled(output, setl_id))
    }

    /// The right undo for the settlement, and no later settlement of the same stay.
    fn check_cancels(&self, infno: &str, original: &Settlement) -> Result<(), String> {
        if self.habits.lenient {
            return Ok(());
        }
        let right = match original.care {
            Care::Stay => "2305",
            Care::Pharmacy => "2103",
            Care::Clinic | Care::Chronic => "2208",
        };
        if infno != right {
            return Err(format!(
                "结算 {} 由 {} 产生；请调用 {}",
                original.setl_id,
                named(&original.infno),
                named(right)
            ));
        }
        let stay = original.care == Care::Stay;
        let place = |setl_id: &str| self.index.setl_id.get(setl_id).copied();
        let later = self.live(&original.mdtrt_id).find(|row| stay && place(&row.setl_id) > place(&original.setl_id));
        match later {
            Some(later) => Err(format!("该次住院之后还有结算 {}；请先调用 {} 撤销它", later.setl_id, named("2305"))),
            None => Ok(()),
        }
    }

    /// 2601. Success for a msgid that was never seen, too: "nothing to undo" looks like "undone", as on real platforms.
    fn reverse(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let call = ask.call;
        let (omsgid, oinfno, psn_no) = (call.need("omsgid")?, call.need("oinfno")?, call.need("psn_no")?);
        if !REVERSIBLE.contains(&oinfno.as_str()) {
            return Err(format!("交易 {oinfno} 不支持冲正；可冲正的交易有 {}", REVERSIBLE.join("、")));
        }
        if oinfno == "2401" {
            return self.reverse_admission(ask, &omsgid, &psn_no);
        }
        let places = self.index.msgid.get(&omsgid).into_iter().flatten();
        let mut rows = places.filter_map(|at| self.settlements.get(*at));
        let Some(row) = rows.find(|row| row.psn_no == psn_no && row.infno.trim_end_matches('A') == oinfno).cloned()
        else {
            return self.nothing_to_reverse(&omsgid);
        };
        match row.standing {
            Standing::Reversed if self.habits.reverses_twice => return Ok(Deed::query(Node::Null)),
            Standing::Reversed => return Err("原交易已冲正，请勿重复办理".to_string()),
            Standing::Cancelled(_) => return Err("该笔结算已撤销，请勿重复办理".to_string()),
            Standing::Live => {}
        }
        self.stand(&row.setl_id, Standing::Reversed);
        match &row.undoes {
            // A reversed cancellation puts the settlement back, with its lines.
            Some(original) => {
                self.stand(original, Standing::Live);
                self.take_lines(&row, original);
            }
            None => self.free_lines(&row.mdtrt_id, &row.setl_id),
        }
        Ok(Deed::settled(Node::Null, row.setl_id))
    }

    fn reverse_admission(&mut self, ask: &Ask<'_>, omsgid: &str, psn_no: &str) -> Result<Deed, String> {
        let mut stays = self.visits.values_mut().filter(|visit| visit.is_stay() && visit.psn_no == psn_no);
        let Some(visit) = stays.find(|visit| visit.msgid == omsgid) else { return self.nothing_to_reverse(omsgid) };
        if visit.rows.iter().any(|row| row.setl_id.is_some()) {
            return Err(format!("该次住院已有结算，不能冲正入院；请先调用 {}", named("2305")));
        }
        if visit.stage == Stage::Void && !self.habits.reverses_twice {
            return Err("原交易已冲正，请勿重复办理".to_string());
        }
        visit.stage = Stage::Void;
        ask.did_silently()
    }

    fn nothing_to_reverse(&self, omsgid: &str) -> Result<Deed, String> {
        if self.habits.knows_its_msgids {
            return Err(format!("未查询到原交易：omsgid {omsgid}"));
        }
        Ok(Deed::query(Node::Null))
    }

    fn stand(&mut self, setl_id: &str, standing: Standing) {
        let row = self.index.setl_id.get(setl_id).and_then(|at| self.settlements.get_mut(*at));
        if let Some(row) = row {
            row.standing = standing;
        }
    }

    fn free_lines(&mut self, mdtrt_id: &str, setl_id: &str) {
        let Some(visit) = self.visits.get_mut(mdtrt_id) else { return };
        visit.tried = Decimal::ZERO;
        for line in visit.rows.iter_mut().filter(|line| line.setl_id.as_deref() == Some(setl_id)) {
            line.setl_id = None;
        }
    }

    fn take_lines(&mut self, cancellation: &Settlement, original: &str) {
        let lines = self.visits.get_mut(&cancellation.mdtrt_id).into_iter().flat_map(|visit| &mut visit.rows);
        for line in lines.filter(|line| takes_part(&line.chrg_bchno, &cancellation.chrg_bchno)) {
            line.setl_id.get_or_insert_with(|| original.to_string());
        }
    }
}
