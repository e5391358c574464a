//! What a request and a reply say of themselves: the facts that journal, views and judge need.

use std::fmt;

use crate::domain::personal::Personal;
use crate::domain::scan::{Found, View};

use super::Profile;
use super::rules::NAMES;

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
    /// `success` of a hospital that answers the platform.
    pub success: Option<String>,
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

/// What a key on the wire is to us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Role {
    /// Place in `NAMES`.
    pub(super) slot: usize,
    /// Place among the names of that slot.
    pub(super) order: usize,
}

/// What one pass over a view found under our names.
struct Picked<'v> {
    /// By place in `NAMES`: rank (lower is better) and text.
    slots: [Option<(usize, &'v str)>; NAMES.len()],
    amounts: Vec<(String, String)>,
    dimensions: Vec<(String, String)>,
    persons: Vec<(String, Personal)>,
}

impl Picked<'_> {
    fn of(&self, ours: &str) -> Option<String> {
        let slot = NAMES.iter().position(|name| *name == ours)?;
        self.slots[slot].map(|(_, text)| text.to_owned())
    }
}

impl Profile {
    /// Extracts the facts of a request.
    pub fn envelope(&self, view: &View) -> Envelope {
        let picked = self.pick(view);
        let mut envelope = Envelope {
            infno: picked.of("infno"),
            msgid: picked.of("msgid"),
            fixmedins_code: picked.of("fixmedins_code"),
            mdtrtarea_admvs: picked.of("mdtrtarea_admvs"),
            insuplc_admdvs: picked.of("insuplc_admdvs"),
            psn_no: picked.of("psn_no"),
            certno: picked.of("certno").or_else(|| self.certno_by_type(view)),
            mdtrt_id: picked.of("mdtrt_id"),
            setl_id: picked.of("setl_id"),
            chrg_bchno: picked.of("chrg_bchno"),
            ipt_otp_no: picked.of("ipt_otp_no"),
            omsgid: picked.of("omsgid"),
            oinfno: picked.of("oinfno"),
            trt_dcla_detl_sn: picked.of("trt_dcla_detl_sn"),
            amounts: picked.amounts,
            dimensions: picked.dimensions,
            persons: picked.persons,
            cross_region: false,
        };
        envelope.cross_region = self.cross_region(&envelope);
        envelope
    }

    /// Every institution (定点医药机构编号) that a request speaks for: all of the outermost object, because a duplicate
    /// key may disagree; when it has none, all of anywhere.
    pub fn institutions<'v>(&self, view: &'v View) -> Vec<&'v str> {
        let filled = |found: &'v Found| Some((found.at_top(), found.filled()?));
        let all: Vec<_> =
            self.names("fixmedins_code").iter().flat_map(|name| view.all(name)).filter_map(filled).collect();
        let outermost = all.iter().any(|(at_top, _)| *at_top);
        all.into_iter().filter(|(at_top, _)| *at_top == outermost).map(|(_, text)| text).collect()
    }

    /// Extracts the facts of a reply.
    pub fn envelope_of_reply(&self, view: &View) -> ReplyView {
        let picked = self.pick(view);
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
            err_msg: picked.of("reply_text"),
            success: self.names("reply_success").iter().find_map(|name| view.top(name)).map(str::to_owned),
            code: self.names("reply_gateway").iter().find_map(|name| view.top(name)).map(str::to_owned),
            setl_ids,
            mdtrt_id: picked.of("mdtrt_id"),
            medins_setl_id: picked.of("medins_setl_id"),
            trt_dcla_detl_sn: picked.of("trt_dcla_detl_sn"),
            amounts: picked.amounts,
            dimensions: picked.dimensions,
        }
    }

    /// Leading digits by which two areas name one pooling area.
    pub fn local_digits(&self) -> usize {
        usize::try_from(self.rules.cross_region_digits).unwrap_or(usize::MAX)
    }

    /// True when the two areas are known and differ in the leading digits.
    pub fn cross_region(&self, envelope: &Envelope) -> bool {
        let digits = self.local_digits();
        let lead = |area: &Option<String>| area.as_ref().map(|area| area.chars().take(digits).collect::<String>());
        matches!((lead(&envelope.insuplc_admdvs), lead(&envelope.mdtrtarea_admvs)), (Some(a), Some(b)) if a != b)
    }

    /// One pass over all values: for each of our names the best, for each list the first filled value of its fields.
    fn pick<'v>(&self, view: &'v View) -> Picked<'v> {
        let mut picked =
            Picked { slots: [None; NAMES.len()], amounts: Vec::new(), dimensions: Vec::new(), persons: Vec::new() };
        // Neighbours stand in the same node: whether that is a row is found out once.
        let mut node = ("", false);
        for found in &view.found {
            let key = &*found.key;
            let Some((roles, text)) = self.roles.get(key).zip(found.filled()) else { continue };
            if node.0 != &*found.above {
                node = (&found.above, self.is_row(&found.above));
            }
            for Role { slot, order } in roles {
                match NAMES[*slot] {
                    "amounts" if !node.1 => add_first(&mut picked.amounts, key, text),
                    "dimensions" if !node.1 => add_first(&mut picked.dimensions, key, text),
                    "amounts" | "dimensions" => {}
                    "persons" if picked.persons.iter().all(|(name, _)| name != key) => {
                        picked.persons.push((key.to_owned(), Personal::new(text)));
                    }
                    _ => {
                        let rank = 2 * order + usize::from(!found.at_top());
                        let best = &mut picked.slots[*slot];
                        if best.is_none_or(|(known, _)| rank < known) {
                            *best = Some((rank, text));
                        }
                    }
                }
            }
        }
        picked
    }

    /// True when a node of the path holds rows.
    pub(super) fn is_row(&self, path: &str) -> bool {
        path.split('.').any(|node| self.names("row_nodes").iter().any(|one| one == node))
    }

    /// Filled infcodes of the outermost object, or of anywhere when it has none.
    fn codes<'v>(&self, view: &'v View) -> Vec<&'v Found> {
        let named = self.names("reply_code").iter().flat_map(|name| view.all(name));
        let all: Vec<&Found> = named.filter(|found| found.filled().is_some()).collect();
        let outermost: Vec<&Found> = all.iter().copied().filter(|found| found.at_top()).collect();
        if outermost.is_empty() { all } else { outermost }
    }

    /// The voucher number where its type makes it the person's certificate.
    fn certno_by_type(&self, view: &View) -> Option<String> {
        let [kind, person, number] = self.names("certno_by_type") else { return None };
        (view.text(kind)? == person).then(|| view.text(number).map(str::to_owned))?
    }
}

/// Adds the first value of a field.
fn add_first(into: &mut Vec<(String, String)>, key: &str, text: &str) {
    if into.iter().all(|(name, _)| name != key) {
        into.push((key.to_owned(), text.to_owned()));
    }
}
