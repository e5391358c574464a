//! What the files of a profile say, one laid over the other: parents first, each file says only what differs.

use std::collections::BTreeMap;

use crate::domain::class::Class;

use super::cure::Cure;
use super::inquiry::Inquiry;
use super::law::Law;
use super::sign_in::SignIn;
use super::submission::Submission;
use super::transaction::{ErrClass, RowLimit};
use super::undo::Undo;

/// Where a section was last spoken of.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
}

/// Everything said so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) title: String,
    pub(super) region: String,
    pub(super) transactions: BTreeMap<String, Row>,
    pub(super) services: BTreeMap<String, (Place, Vec<String>)>,
    pub(super) urls: Vec<String>,
    pub(super) number_prefixes: Vec<String>,
    pub(super) number_header: String,
    /// Last segment of a path → transaction (calls of the platform).
    pub(super) path_names: Vec<String>,
    /// Our name of an envelope field → its names on the wire.
    pub(super) names: BTreeMap<String, Vec<String>>,
    pub(super) cross_region_digits: u64,
    pub(super) line_nodes: Vec<String>,
    pub(super) line_fields: Vec<String>,
    pub(super) numbers: Vec<String>,
    pub(super) classes: BTreeMap<Class, (Place, Vec<String>)>,
    pub(super) traits: BTreeMap<String, (Place, Vec<String>)>,
    pub(super) substances: BTreeMap<String, Substance>,
    pub(super) keys: BTreeMap<String, Key>,
    pub(super) inquiries: BTreeMap<String, (Place, Inquiry)>,
    pub(super) undos: BTreeMap<String, (Place, Undo)>,
    pub(super) laws: BTreeMap<String, (Place, Law)>,
    pub(super) cures: BTreeMap<String, (Place, Cure)>,
    pub(super) rows: BTreeMap<String, Rows>,
    pub(super) refusing_codes: Vec<String>,
    pub(super) refusing_statuses: Vec<u16>,
    pub(super) by_code: (Place, Vec<String>),
    pub(super) by_success: (Place, Vec<String>),
    pub(super) errs: BTreeMap<String, Err>,
    pub(super) refusal: Refusal,
    pub(super) unknown: BTreeMap<String, String>,
    pub(super) signing: super::signing::Said,
    pub(super) answer: Answer,
    pub(super) hosts: BTreeMap<String, String>,
    pub(super) routes: BTreeMap<String, Route>,
    pub(super) statements: BTreeMap<String, Statement>,
    pub(super) submission: Submission,
    pub(super) sign_in: SignIn,
    /// Files of field tables and of code tables, in the order they are laid over each other.
    pub(super) field_files: (Place, Vec<String>),
    pub(super) table_files: (Place, Vec<String>),
    /// A field by its first name → every way it is written.
    pub(super) spellings: BTreeMap<String, Vec<String>>,
}

/// A row of the specification's tables.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) class: Option<Class>,
    pub(super) undo: Vec<String>,
    pub(super) limit: RowLimit,
    pub(super) source: String,
}

/// What makes a success real.
#[derive(Debug, Clone, Default)]
pub(super) struct Substance {
    pub(super) place: Place,
    pub(super) infno: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) echo: String,
}

/// A row of the key table, as it was written.
#[derive(Debug, Clone, Default)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) infno: Vec<String>,
    pub(super) parts: Vec<String>,
    pub(super) generation: bool,
    pub(super) fingerprint: Vec<String>,
    pub(super) on_repeat: String,
    pub(super) fresh_seconds: u64,
    pub(super) ask: String,
    pub(super) freed_by: Vec<String>,
    pub(super) loose_without: Vec<String>,
}

/// How rows are named.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) place: Place,
    pub(super) infno: Vec<String>,
    pub(super) node: String,
    pub(super) parts: Vec<String>,
    pub(super) max: u64,
    pub(super) source: String,
}

/// How the platform itself writes its answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) members: Vec<String>,
    pub(super) infcode: String,
    pub(super) success_text: String,
}

/// What goes to another host than the rest.
#[derive(Debug, Clone, Default)]
pub(super) struct Route {
    pub(super) place: Place,
    pub(super) host: String,
    pub(super) prefix: String,
    pub(super) infno: Vec<String>,
}

/// What a reconciliation's result word means, as it was written.
#[derive(Debug, Clone, Default)]
pub(super) struct Statement {
    pub(super) place: Place,
    pub(super) infno: Vec<String>,
    pub(super) field: String,
    pub(super) balanced: String,
    pub(super) meanings: Vec<String>,
}

/// What a text beside -1 means.
#[derive(Debug, Clone)]
pub(super) struct Err {
    pub(super) class: ErrClass,
    pub(super) infno: Vec<String>,
    pub(super) contains: Vec<String>,
    pub(super) source: String,
}

/// The shape of the gateway's own no.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusal {
    pub(super) content_type: String,
    pub(super) infcode: String,
    pub(super) members: Vec<String>,
    pub(super) members_by_code: Vec<String>,
    pub(super) members_by_success: Vec<String>,
}

/// Fields of the envelope and the reply that a profile may name.
pub(super) const NAMES: [&str; 24] = [
    "infno",
    "msgid",
    "fixmedins_code",
    "mdtrtarea_admvs",
    "insuplc_admdvs",
    "psn_no",
    "certno",
    "certno_by_type",
    "mdtrt_id",
    "setl_id",
    "chrg_bchno",
    "ipt_otp_no",
    "omsgid",
    "oinfno",
    "trt_dcla_detl_sn",
    "persons",
    "amounts",
    "dimensions",
    "row_nodes",
    "reply_code",
    "reply_text",
    "reply_gateway",
    "reply_success",
    "medins_setl_id",
];
/// Lists of single transactions.
pub(super) const TRAITS: [&str; 8] =
    ["fenced", "acknowledges", "self_pays", "adopts", "reopens", "oinfno", "by_2601", "withdrawn"];
/// Texts of the unknown outcome.
pub(super) const UNKNOWN: [&str; 3] = ["waiting", "lost", "repeat"];
