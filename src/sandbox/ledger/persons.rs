//! Who is who: persons (1101), institutions (1201), entitlement (2001), sign-in and sign-out (9001, 9002).

use serde::{Deserialize, Serialize};

use super::rows::{Before, Row};
use super::{Ask, Deed, Ledger};
use crate::sandbox::call::Call;
use crate::sandbox::institutions::{INSTITUTIONS, Institution};
use crate::sandbox::moment::Moment;
use crate::sandbox::people::Person;
use crate::sandbox::record::{Part, Record};

pub(super) const ROWS: &[Row] = &[
    Row { infno: "1101", needs: &[], before: Before::Nothing, act: |ledger, ask| ledger.person_info(ask) },
    Row { infno: "1201", needs: &[], before: Before::Nothing, act: |_, ask| institution_info(ask) },
    Row {
        infno: "2001",
        needs: &["insutype", "med_type"],
        before: Before::Person,
        act: |ledger, ask| ledger.entitlement(ask),
    },
    Row { infno: "9001", needs: &["opter_no"], before: Before::Nothing, act: |ledger, ask| ledger.sign_in(ask) },
    Row {
        infno: "9002",
        needs: &["opter_no", "sign_no"],
        before: Before::Nothing,
        act: |ledger, ask| ledger.sign_out(ask),
    },
];

/// One operator at work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SignIn {
    sign_no: String,
    at_unix_s: i64,
}

impl Ledger {
    /// Whether the call's sign_no is one that lives, where the province looks at it.
    pub(super) fn check_signed(&self, call: &Call, now: Moment) -> Result<(), String> {
        let life_s = i64::from(self.habits.sign_life_s);
        if life_s == 0 || call.infno == "9001" {
            return Ok(());
        }
        let lives = |sign: &&SignIn| now.unix_s() - sign.at_unix_s < life_s;
        match self.signed_in.values().find(|sign| sign.sign_no == call.sign_no).filter(lives) {
            Some(_) => Ok(()),
            None if call.sign_no.is_empty() => {
                Err("该经办人未签到；请先调用 9001 签到，并在报文中填 sign_no".to_string())
            }
            None => Err("签到编号无效或已过期；请重新调用 9001 签到".to_string()),
        }
    }

    /// 9001: the same operator on several terminals gets the same sign_no.
    fn sign_in(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let who = operator(ask.call)?;
        let now = ask.now.unix_s();
        let life_s = i64::from(self.habits.sign_life_s);
        let kept = self.signed_in.get(&who).filter(|sign| life_s == 0 || now - sign.at_unix_s < life_s);
        let sign_no = match kept {
            Some(sign) => sign.sign_no.clone(),
            None => self.number('Q'),
        };
        self.signed_in.insert(who, SignIn { sign_no: sign_no.clone(), at_unix_s: now });
        let signed = Record::new().with("sign_time", ask.now.second()).with("sign_no", sign_no);
        ask.did(vec![("signinoutb", Part::One(signed))])
    }

    /// 9002.
    fn sign_out(&mut self, ask: &Ask<'_>) -> Result<Deed, String> {
        let who = operator(ask.call)?;
        let sign_no = ask.call.need("sign_no")?;
        if self.signed_in.get(&who).is_none_or(|sign| sign.sign_no != sign_no) {
            return Err("该经办人今日未签到，不能签退；请先调用 9001 签到".to_string());
        }
        self.signed_in.remove(&who);
        ask.did(vec![("signoutoutb", Part::One(Record::new().with("sign_time", ask.now.second())))])
    }

    /// 1101.
    fn person_info(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let number = ask.call.field("certno").or_else(|| ask.call.field("mdtrt_cert_no"));
        let number = number.ok_or("字段 mdtrt_cert_no 不能为空")?;
        let person = self.people.by_certno(&number);
        let person = person.ok_or("该参保人的基本信息为空；沙箱人员的证件号以 990000 开头，见沙箱首页")?;
        let facts = person.facts(&ask.now.year());
        let insurance = |insutype: &str| {
            let row = Record::new().with("psn_insu_stas", person.insu_stas).with("psn_insu_date", "2020-01-01");
            facts.clone().and(&row).with("insutype", insutype)
        };
        let mut insurances = vec![insurance(person.insutype).with_amount("balc", self.balance(person))];
        if person.civil {
            insurances.push(insurance("320").with("balc", "0.00"));
        }
        let idet = Record::new().with("psn_idet_type", person.idet_type).with("begntime", "2020-01-01 00:00:00");
        let idets = if person.idet_type.is_empty() { Vec::new() } else { vec![idet.with("psn_type_lv", "1")] };
        ask.found(vec![
            ("baseinfo", Part::One(facts)),
            ("insuinfo", Part::Rows(insurances)),
            ("idetinfo", Part::Rows(idets)),
        ])
    }

    /// 2001: one row, entitled or not.
    fn entitlement(&self, ask: &Ask<'_>) -> Result<Deed, String> {
        let person = self.person(&ask.call.need("psn_no")?, ask.call)?;
        let (insutype, med_type) = (ask.call.need("insutype")?, ask.call.need("med_type")?);
        let why = self.not_entitled(&person, &insutype, &med_type, &ask.call.field("dise_codg").unwrap_or_default());
        let row = Record::new()
            .with("psn_no", &person.psn_no)
            .with("trt_chk_type", "99")
            .with("fund_pay_type", if insutype == "310" { "310100" } else { "390100" })
            .with("trt_enjymnt_flag", if why.is_none() { "1" } else { "0" })
            .with("begndate", "2020-01-01")
            .with("trt_chk_rslt", why.unwrap_or_else(|| "可享受".to_string()));
        ask.found(vec![("trtinfo", Part::Rows(vec![row]))])
    }

    /// Why a person may not settle under an insurance and kind of care; `None` when they may.
    pub(super) fn not_entitled(
        &self,
        person: &Person,
        insutype: &str,
        med_type: &str,
        dise_codg: &str,
    ) -> Option<String> {
        if person.insu_stas != "1" {
            return Some("该参保人已暂停参保，不能享受待遇".to_string());
        }
        if insutype != person.insutype && !(person.civil && insutype == "320") && !self.habits.lenient {
            return Some(format!("该参保人没有险种 {insutype}；1101 的 insuinfo 说的是 {}", person.insutype));
        }
        let filed = self.filings.iter().any(|filing| filing.covers(&person.psn_no, dise_codg));
        if med_type.starts_with("14") && !filed && !self.habits.lenient {
            return Some("该参保人没有有效的门诊慢特病备案；请先调用 2503 人员慢特病备案".to_string());
        }
        None
    }
}

/// 1201: by code or name; the type narrows.
fn institution_info(ask: &Ask<'_>) -> Result<Deed, String> {
    let (code, name) = (ask.call.field("fixmedins_code"), ask.call.field("fixmedins_name"));
    if code.is_none() && name.is_none() {
        return Err("fixmedins_code 与 fixmedins_name 至少填一个".to_string());
    }
    let kind = ask.call.field("fixmedins_type");
    let wanted = |institution: &&Institution| {
        code.as_deref().is_none_or(|code| institution.code == code)
            && name.as_deref().is_none_or(|name| institution.name.contains(name))
            && kind.as_deref().is_none_or(|kind| institution.kind == kind)
    };
    let found: Vec<Record> = INSTITUTIONS.iter().filter(wanted).map(Institution::facts).collect();
    if found.is_empty() {
        return Err("未查询到医药机构信息；沙箱机构见沙箱首页".to_string());
    }
    ask.found(vec![("medinsinfo", Part::Rows(found))])
}

fn operator(call: &Call) -> Result<String, String> {
    Ok(format!("{} {}", call.fixmedins_code, call.need("opter_no")?))
}
