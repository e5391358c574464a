//! Filings (25xx), their revokes and queries: one table of kinds, one way of filing.

use serde::{Deserialize, Serialize};

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger, named};
use crate::sandbox::record::{Part, Record};
use crate::sandbox::spec;

/// One kind of filing: who files, who revokes, who asks, and what makes two filings the same.
struct Kind {
    files: &'static [&'static str],
    revoked_by: &'static str,
    asked_by: &'static str,
    same: &'static str,
}

const KINDS: [Kind; 7] = [
    Kind { files: &["2501", "2501A"], revoked_by: "2502", asked_by: "5304", same: "reflin_medins_no" },
    Kind { files: &["2503"], revoked_by: "2504", asked_by: "5301", same: "opsp_dise_code" },
    Kind { files: &["2505"], revoked_by: "2506", asked_by: "5302", same: "biz_appy_type" },
    Kind { files: &["2507"], revoked_by: "2508", asked_by: "", same: "begndate" },
    Kind { files: &["2507_A"], revoked_by: "2508_A", asked_by: "5307_A", same: "hilist_code" },
    Kind { files: &["2511_A"], revoked_by: "2512_A", asked_by: "5306_A", same: "opsp_dise_code" },
    Kind { files: &["2513_A"], revoked_by: "2514_A", asked_by: "5308_A", same: "med_list_codg" },
];

const fn file(infno: &'static str) -> Row {
    Row { infno, needs: &["psn_no"], before: Before::Person, act: |ledger, ask| ledger.file(ask) }
}

const fn revoke(infno: &'static str) -> Row {
    Row { infno, needs: &["trt_dcla_detl_sn", "psn_no"], before: Before::Person, act: |ledger, ask| ledger.revoke(ask) }
}

const fn query(infno: &'static str) -> Row {
    Row { infno, needs: &["psn_no"], before: Before::Person, act: |ledger, ask| ledger.filed(ask) }
}

pub(super) const ROWS: &[Row] = &[
    file("2501"),
    file("2501A"),
    file("2503"),
    file("2505"),
    file("2507"),
    file("2507_A"),
    file("2511_A"),
    file("2513_A"),
    revoke("2502"),
    revoke("2504"),
    revoke("2506"),
    revoke("2508"),
    revoke("2508_A"),
    revoke("2512_A"),
    revoke("2514_A"),
    query("5301"),
    query("5302"),
    query("5304"),
    query("5306_A"),
    query("5307_A"),
    query("5308_A"),
];

/// One filing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Filing {
    sn: String,
    infno: String,
    psn_no: String,
    facts: Record,
    revoked: bool,
}

impl Filing {
    /// Whether it is a chronic disease's, for this person and disease (any when none is named).
    pub(super) fn covers(&self, psn_no: &str, dise_codg: &str) -> bool {
        let disease = self.facts.text("opsp_dise_code");
        self.infno == "2503" && !self.revoked && self.psn_no == psn_no && (dise_codg.is_empty() || disease == dise_codg)
    }
}

impl Kind {
    fn of(infno: &str) -> Result<&'static Kind, String> {
        let kind =
            KINDS.iter().find(|kind| kind.files.contains(&infno) || kind.revoked_by == infno || kind.asked_by == infno);
        kind.ok_or_else(|| format!("沙箱没有备案交易 {infno}"))
    }

    fn holds(&self, filing: &Filing) -> bool {
        self.files.contains(&filing.infno.as_str()) && !filing.revoked
    }
}

impl Ledger {
    /// How many filings stand.
    pub fn filings_standing(&self) -> usize {
        self.filings.iter().filter(|filing| !filing.revoked).count()
    }

    fn file(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let kind = Kind::of(&ask.call.infno)?;
        let (facts, psn_no) = (ask.facts(), ask.call.need("psn_no")?);
        let (from, to) = (facts.text("begndate"), facts.text("enddate"));
        if !to.is_empty() && to < from {
            return Err(format!("备案结束日期 {to} 早于开始日期 {from}"));
        }
        let same = |filing: &&Filing| filing.psn_no == psn_no && filing.facts.text(kind.same) == facts.text(kind.same);
        if let Some(standing) = self.filings.iter().filter(|filing| kind.holds(filing)).find(same) {
            let (sn, revoked_by) = (&standing.sn, named(kind.revoked_by));
            return Err(format!("该参保人已有有效备案，待遇申报明细流水号 {sn}；如需重办，请先调用 {revoked_by}"));
        }
        let sn = self.number('F');
        let result = Record::new().with("trt_dcla_detl_sn", &sn);
        self.filings.push(Filing { sn, infno: ask.call.infno.clone(), psn_no, facts, revoked: false });
        ask.did(vec![("result", Part::One(result))])
    }

    fn revoke(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let kind = Kind::of(&ask.call.infno)?;
        let (sn, psn_no) = (ask.call.need("trt_dcla_detl_sn")?, ask.call.need("psn_no")?);
        let of_kind = |filing: &&mut Filing| kind.files.contains(&filing.infno.as_str()) && filing.sn == sn;
        let Some(filing) = self.filings.iter_mut().find(of_kind) else {
            let files = named(kind.files[0]);
            return Err(format!("未查询到备案：trt_dcla_detl_sn {sn}；请先调用 {files}"));
        };
        if filing.psn_no != psn_no {
            return Err("备案与人员编号不一致".to_string());
        }
        if filing.revoked {
            return Err("该备案已撤销，请勿重复办理".to_string());
        }
        filing.revoked = true;
        ask.did_silently()
    }

    fn filed(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let kind = Kind::of(&ask.call.infno)?;
        let psn_no = ask.call.need("psn_no")?;
        let person = self.person(&psn_no, ask.call)?.facts(&ask.now.year());
        let theirs = self.filings.iter().filter(|filing| kind.holds(filing) && filing.psn_no == psn_no);
        let rows = theirs.map(|filing| {
            let own = Record::new().with("trt_dcla_detl_sn", &filing.sn).with("rchk_flag", "1");
            let agreed = Record::new().with("hosp_agre_refl_flag", "1");
            person.clone().and(&filing.facts).and(&own).alias("begndate", "refl_date").or(&agreed)
        });
        let path = spec::table(&ask.call.infno).and_then(|table| table.output.first()).map_or("data", |node| node.path);
        ask.found(vec![(path, Part::Rows(rows.collect()))])
    }
}
