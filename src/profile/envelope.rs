//! What a request and a reply say of themselves: the facts that journal, views and judge need.

use std::fmt;

use crate::domain::personal::Personal;
use crate::domain::scan::{Found, View};

use super::Profile;

/// A request's own words. `Debug` masks persons.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// 交易编号 as the body says it.
    pub infno: Option<String>,
    /// 发送方报文ID.
    pub msgid: Option<String>,
    /// 定点医药机构编号.
    pub fixmedins_code: Option<String>,
    /// 就医地医保区划.
    pub mdtrtarea_admvs: Option<String>,
    /// 参保地医保区划.
    pub insuplc_admdvs: Option<String>,
    /// 人员编号.
    pub psn_no: Option<String>,
    /// 证件号码, also where the voucher is the certificate.
    pub certno: Option<String>,
    /// 就诊ID.
    pub mdtrt_id: Option<String>,
    /// 结算ID.
    pub setl_id: Option<String>,
    /// 收费批次号.
    pub chrg_bchno: Option<String>,
    /// 住院/门诊号.
    pub ipt_otp_no: Option<String>,
    /// 原发送方报文ID of a 2601.
    pub omsgid: Option<String>,
    /// 原交易编号 of a 2601.
    pub oinfno: Option<String>,
    /// 待遇申报明细流水号 of a filing's revocation.
    pub trt_dcla_detl_sn: Option<String>,
    /// (field, raw text) of amounts outside of rows.
    pub amounts: Vec<(String, String)>,
    /// (field, text) of types and clearing dimensions.
    pub dimensions: Vec<(String, String)>,
    /// Personal fields for the sealed part.
    pub persons: Vec<(String, Personal)>,
    /// Insured elsewhere: the two areas differ in the profile's leading digits.
    pub cross_region: bool,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Envelope { infno, msgid, mdtrt_id, setl_id, chrg_bchno, .. } = self;
        write!(f, "Envelope({infno:?} {msgid:?} {mdtrt_id:?} {setl_id:?} {chrg_bchno:?} ***)")
    }
}

/// A reply's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplyView {
    /// `infcode` as it stands, number or string.
    pub infcode: Option<Found>,
    /// Every filled `infcode`, because a duplicate key may disagree.
    pub infcodes: Vec<String>,
    /// `err_msg`, or the `message` of a reply without one.
    pub err_msg: Option<String>,
    /// `code` of a gateway or of a family without infcode.
    pub code: Option<String>,
    /// 结算ID, each once.
    pub setl_ids: Vec<String>,
    /// 就诊ID.
    pub mdtrt_id: Option<String>,
    /// 医药机构结算ID: the sender's msgid.
    pub medins_setl_id: Option<String>,
    /// 待遇申报明细流水号 of a filing.
    pub trt_dcla_detl_sn: Option<String>,
    /// (field, raw text) of amounts outside of rows.
    pub amounts: Vec<(String, String)>,
    /// (field, text) of types and clearing dimensions.
    pub dimensions: Vec<(String, String)>,
}

impl Profile {
    /// Extracts the facts of a request.
    pub fn envelope(&self, view: &View) -> Envelope {
        let said = |ours: &str| self.named(ours, view).map(str::to_owned);
        let mut envelope = Envelope {
            infno: said("infno"),
            msgid: said("msgid"),
            fixmedins_code: said("fixmedins_code"),
            mdtrtarea_admvs: said("mdtrtarea_admvs"),
            insuplc_admdvs: said("insuplc_admdvs"),
            psn_no: said("psn_no"),
            certno: said("certno").or_else(|| self.certno_by_type(view)),
            mdtrt_id: said("mdtrt_id"),
            setl_id: said("setl_id"),
            chrg_bchno: said("chrg_bchno"),
            ipt_otp_no: said("ipt_otp_no"),
            omsgid: said("omsgid"),
            oinfno: said("oinfno"),
            trt_dcla_detl_sn: said("trt_dcla_detl_sn"),
            amounts: self.listed("amounts", view),
            dimensions: self.listed("dimensions", view),
            persons: Vec::new(),
            cross_region: false,
        };
        let persons =
            self.names("persons").iter().filter_map(|name| Some((name.clone(), Personal::new(view.text(name)?))));
        envelope.persons = persons.collect();
        envelope.cross_region = self.cross_region(&envelope);
        envelope
    }

    /// Extracts the facts of a reply.
    pub fn envelope_of_reply(&self, view: &View) -> ReplyView {
        let said = |ours: &str| self.named(ours, view).map(str::to_owned);
        let infcodes: Vec<&Found> = self.codes(view);
        let mut setl_ids: Vec<String> = Vec::new();
        for text in self.names("setl_id").iter().flat_map(|name| view.all(name)).filter_map(Found::filled) {
            if !setl_ids.iter().any(|known| known == text) {
                setl_ids.push(text.to_owned());
            }
        }
        ReplyView {
            infcodes: infcodes.iter().filter_map(|found| found.filled()).map(str::to_owned).collect(),
            infcode: infcodes.first().map(|found| (*found).clone()),
            err_msg: said("reply_text"),
            code: self.names("reply_gateway").iter().find_map(|name| view.top(name)).map(str::to_owned),
            setl_ids,
            mdtrt_id: said("mdtrt_id"),
            medins_setl_id: said("medins_setl_id"),
            trt_dcla_detl_sn: said("trt_dcla_detl_sn"),
            amounts: self.listed("amounts", view),
            dimensions: self.listed("dimensions", view),
        }
    }

    /// True when the two areas are known and differ in the leading digits.
    pub fn cross_region(&self, envelope: &Envelope) -> bool {
        let digits = usize::try_from(self.rules.cross_region_digits).unwrap_or(usize::MAX);
        let lead = |area: &Option<String>| area.as_ref().map(|area| area.chars().take(digits).collect::<String>());
        matches!((lead(&envelope.insuplc_admdvs), lead(&envelope.mdtrtarea_admvs)), (Some(a), Some(b)) if a != b)
    }

    /// Filled infcodes of the outermost object, or of anywhere when it has none.
    fn codes<'v>(&self, view: &'v View) -> Vec<&'v Found> {
        let filled =
            self.names("reply_code").iter().flat_map(|name| view.all(name)).filter(|found| found.filled().is_some());
        let all: Vec<&Found> = filled.collect();
        let outermost: Vec<&Found> = all.iter().copied().filter(|found| found.at_top()).collect();
        if outermost.is_empty() { all } else { outermost }
    }

    /// The voucher number where its type makes it the person's certificate.
    fn certno_by_type(&self, view: &View) -> Option<String> {
        let [kind, person, number] = self.names("certno_by_type") else { return None };
        (view.text(kind)? == person).then(|| view.text(number).map(str::to_owned))?
    }

    /// The first filled value of each listed field that stands in no row, in the order of the body.
    fn listed(&self, list: &str, view: &View) -> Vec<(String, String)> {
        let mut listed: Vec<(String, String)> = Vec::new();
        for found in &view.found {
            let key = found.key();
            let fits = self.names(list).iter().any(|name| name == key) && !listed.iter().any(|(name, _)| name == key);
            let in_row =
                fits && found.path.split('.').any(|node| self.names("row_nodes").iter().any(|one| one == node));
            if let (true, false, Some(text)) = (fits, in_row, found.filled()) {
                listed.push((key.to_owned(), text.to_owned()));
            }
        }
        listed
    }
}
