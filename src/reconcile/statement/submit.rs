//! One scope of one day: sums asked for (3201), rows where they do not match or where a doubt waits for them (9101, 3202, 9102), the list journaled.
//!
//! Each call is an exchange of its own along the line; the record comes last and names the answer that proves it. A crash between leaves
//! a day without its list, which is asked for again: nothing here moves money.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::exchange::{ExchangeId, Origin, Seq};
use crate::domain::limits::BUFFERED_BYTES_MAX;
use crate::domain::message::{Body, Request};
use crate::domain::scan::View;
use crate::domain::zipped::{pack, unpack};
use crate::exchange::Line;
use crate::exchange::history::intent_of;
use crate::exchange::own::{OwnReport, OwnRequest, Template};
use crate::exchange::settle::Verdict;
use crate::journal::bodies::Side;
use crate::journal::draft::{Draft, Sealed};
use crate::journal::entry::EntryKind;
use crate::journal::facts::Fact;
use crate::journal::record::Kind;
use crate::journal::tokens::MSGID;
use crate::profile::Submission;
use crate::profile::own::{input_data, input_file, input_node};

use super::super::ledger::Ledgers;
use super::super::ledger::amounts::Amounts;
use super::super::ledger::day::Day;
use super::super::ledger::own::Own;
use super::super::ledger::stated::Scope;
use super::super::ourselves::Ourselves;
use super::asking::{Asking, known, members, pairs};
use super::entry::{Entry, Totals, file_of};
use super::listed::{self, Listed, Word};
use super::result::{self, ResultRow};
use super::trouble::NotStated;

/// Rows of one scope and day.
pub(super) const ENTRIES_MAX: usize = 200_000;
/// Rows from which on a platform that lacks all of them was asked wrongly.
const ABSENT_MIN: usize = 3;
/// Bytes of a result that is fetched.
const RESULT_BYTES_MAX: u64 = 64 << 20;

/// Who asks the platform for its lists.
pub struct Submitter {
    line: Arc<Line>,
    ledgers: Ledgers,
    ourselves: Arc<Ourselves>,
}

/// A list that was journaled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Its record.
    pub record: Seq,
    /// Rows.
    pub rows: u64,
    /// Of those, how many do not agree.
    pub differing: u64,
    /// Rows were compared and not only sums.
    pub by_rows: bool,
}

/// The list, and the OUTCOME that proves it.
struct Answered {
    rows: Vec<Listed>,
    by_rows: bool,
    results: Vec<(String, String)>,
    proof: Seq,
}

/// What the platform says of sums.
enum Sums {
    /// They are ours.
    Agree(Answered),
    /// One is not.
    Differ,
    /// There is no row, or one that does not say its 险种.
    Unasked,
}

/// A result that contradicts the sums, or lacks everything, is no list: nothing is concluded from it.
fn believable(rows: &[Listed], sums_differ: bool) -> Result<(), NotStated> {
    let lacks = |row: &Listed| row.word == Word::Absent;
    if sums_differ && rows.iter().all(|row| row.word == Word::Agrees) {
        return Err(NotStated::Result("总额不平，明细却没有一笔不一致".to_owned()));
    }
    if ABSENT_MIN <= rows.len() && rows.iter().all(lacks) {
        return Err(NotStated::Result(format!("平台说 {} 笔一笔也没有：清算机构或清算类别不对？", rows.len())));
    }
    Ok(())
}

impl Submitter {
    /// Over a line and its ledgers, as `ourselves`.
    pub fn new(line: Arc<Line>, ledgers: Ledgers, ourselves: Arc<Ourselves>) -> Submitter {
        Submitter { line, ledgers, ourselves }
    }

    /// Asks for the list of a scope and journals it. `by_rows` asks for rows even when the sums agree: only rows prove that the
    /// platform does not have something. Reads block; call it off the runtime.
    ///
    /// # Errors
    /// Why there is no list; nothing was journaled but the calls.
    pub async fn submit(&self, day: Day, scope: &Scope, by_rows: bool, who: &str) -> Result<Stated, NotStated> {
        let template = self.envelope(scope, day)?;
        let policy = Arc::clone(&template.policy);
        let submission = policy.profile.submission().ok_or(NotStated::NoSubmission)?;
        let asking = Asking { id: self.line.own_id(), template: &template, submission, scope, day };
        let entries = self.entries(&asking)?;
        let answered = match self.sums(&asking, &entries).await? {
            Sums::Agree(agreed) if !by_rows => agreed,
            sums => {
                let answered = self.rows(&asking, &entries).await?;
                believable(&answered.rows, matches!(sums, Sums::Differ))?;
                answered
            }
        };
        self.journal(&asking, answered, who).await
    }

    /// The newest settlement in whose envelope the gateway can ask.
    fn envelope(&self, scope: &Scope, day: Day) -> Result<Template, NotStated> {
        for id in self.ledgers.latest_of(scope, day)? {
            if let Some(template) = self.template(id)? {
                return Ok(template);
            }
        }
        Err(NotStated::NoTemplate(scope.institution.clone()))
    }

    /// What the hospital holds: the journal's rows, and those of the HIS alone where there is only one scope that they can be of.
    fn entries(&self, asking: &Asking<'_>) -> Result<Vec<Entry>, NotStated> {
        let mut entries = Vec::new();
        for own in self.ledgers.own_of(asking.day, asking.scope)? {
            entries.push(self.entry(own)?);
        }
        let institution = &asking.scope.institution;
        let scopes = self.ledgers.scopes(asking.day)?;
        let is_only_one = scopes.iter().all(|one| one == asking.scope);
        if is_only_one {
            let only_his = self.ledgers.only_his(asking.day, institution)?;
            entries.extend(only_his.into_iter().map(|(setl_id, mdtrt_id, refund, amounts)| Entry {
                setl_id,
                mdtrt_id,
                psn_no: String::new(),
                insutype: String::new(),
                refund,
                amounts,
            }));
        }
        if ENTRIES_MAX < entries.len() {
            return Err(NotStated::TooMany(entries.len()));
        }
        Ok(entries)
    }

    fn entry(&self, own: Own) -> Result<Entry, NotStated> {
        // The person stands in the sealed part only; one who was erased is submitted without.
        let template = self.template(own.id)?;
        let psn_no = template.and_then(|template| template.envelope().psn_no).unwrap_or_default();
        let [_, insutype, ..] = own.dimensions;
        let Own { setl_id, mdtrt_id, refund, amounts, .. } = own;
        Ok(Entry { setl_id, mdtrt_id, psn_no, insutype, refund, amounts })
    }

    /// The call of an exchange as it left; none where it can be read no more.
    fn template(&self, id: ExchangeId) -> Result<Option<Template>, NotStated> {
        let intent = intent_of::<NotStated>(&self.line.journal, id)?;
        Ok(intent.and_then(|intent| Template::of_intent(&self.line, &intent).ok()))
    }

    /// 3201 for each 险种.
    async fn sums(&self, asking: &Asking<'_>, entries: &[Entry]) -> Result<Sums, NotStated> {
        let kinds: BTreeSet<&str> = entries.iter().map(|entry| &*entry.insutype).collect();
        if kinds.is_empty() || kinds.contains("") {
            return Ok(Sums::Unasked);
        }
        let infno = &asking.submission.totals;
        let (mut results, mut proof) = (Vec::new(), Seq::NONE);
        for insutype in kinds {
            let totals = Totals::of(entries.iter().filter(|entry| entry.insutype == insutype));
            let known = known(asking, totals, &[("insutype", insutype)]);
            let members = members(&asking.submission.totals_fields, &known, asking.submission)?;
            let (view, seq, _) = self.call(asking, infno, &input_data(pairs(&members))).await?;
            let profile = &asking.template.policy.profile;
            let statement = profile.statement(infno).ok_or(NotStated::NoSubmission)?;
            let said = view.text(statement.field).unwrap_or_default();
            let balanced = statement.is_balanced(said).ok_or_else(|| NotStated::Lacks(infno.clone(), "stmt_rslt"))?;
            results.push((insutype.to_owned(), said.to_owned()));
            proof = seq;
            if !balanced {
                tracing::info!(day = %asking.day, insutype, said, "the platform's sums are not ours; its rows are asked for");
                return Ok(Sums::Differ);
            }
        }
        let agree = entries.iter().map(|entry| Listed {
            word: Word::Agrees,
            setl_id: entry.setl_id.clone(),
            msgid: String::new(),
            is_ours: false,
            refund: entry.refund,
            amounts: entry.amounts,
        });
        Ok(Sums::Agree(Answered { rows: agree.collect(), by_rows: false, results, proof }))
    }

    /// 9101, 3202, 9102.
    async fn rows(&self, asking: &Asking<'_>, entries: &[Entry]) -> Result<Answered, NotStated> {
        let Submission { upload, upload_node, details, download, download_node, .. } = asking.submission;
        let name = format!("{}_{}.txt", details, asking.day.to_string().replace('-', ""));
        let packed = pack(&name, &file_of(entries, &asking.submission.columns));
        let (file, owner) = (format!("{name}.zip"), asking.scope.institution.as_str());
        let form = asking.submission.upload_form;
        let (view, ..) = self.call(asking, upload, &input_file(upload_node, (form, &packed), &file, owner)).await?;
        let lacks = |infno: &String, what| NotStated::Lacks(infno.clone(), what);
        let number = view.text("file_qury_no").ok_or_else(|| lacks(upload, "file_qury_no"))?;

        let known = known(asking, Totals::of(entries.iter()), &[("file_qury_no", number)]);
        let members = members(&asking.submission.details_fields, &known, asking.submission)?;
        let (view, ..) = self.call(asking, details, &input_data(pairs(&members))).await?;
        let number = view.text("file_qury_no").ok_or_else(|| lacks(details, "file_qury_no"))?;
        let file = view.text("filename").unwrap_or_default();

        let wanted = [("file_qury_no", number), ("filename", file), ("fixmedins_code", owner)];
        let (_, proof, body) = self.call(asking, download, &input_node(download_node, wanted.into_iter())).await?;
        let text = unpack(&self.whole(&body).await?).map_err(NotStated::Result)?;
        let results = result::read(&text, &asking.submission.result_columns).map_err(NotStated::Result)?;
        let profile = &asking.template.policy.profile;
        let statement = profile.statement(details).ok_or(NotStated::NoSubmission)?;
        let mut ours = BTreeMap::new();
        for row in results.iter().filter(|row| !row.msgid.is_empty()) {
            ours.insert((row.msgid.clone(), row.psn_no.clone()), self.is_ours(row)?);
        }
        let is_ours = |row: &ResultRow| ours.get(&(row.msgid.clone(), row.psn_no.clone())) == Some(&true);
        let rows = result::listed(entries, &results, (&statement, &asking.submission.only_here), &is_ours);
        Ok(Answered { rows, by_rows: true, results: Vec::new(), proof })
    }

    /// Our journal sent this msgid, for this person and this sum (`money.md` §5).
    fn is_ours(&self, row: &ResultRow) -> Result<bool, NotStated> {
        let journal = &self.line.journal;
        for place in journal.lookup(EntryKind::Msgid, journal.tokens().of(MSGID, &row.msgid))? {
            let record = journal.read(place)?;
            if record.header.known_kind() == Some(Kind::Intent)
                && let Ok(template) = Template::of_intent(&self.line, &record)
                && template.envelope().psn_no.as_deref() == Some(&*row.psn_no)
                && same_total(Amounts::of(&record.facts), row.amounts)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One call; only a confirmed answer that the journal holds counts.
    async fn call(&self, asking: &Asking<'_>, infno: &str, input: &str) -> Result<(View, Seq, Body), NotStated> {
        let (template, id) = (asking.template, self.line.own_id());
        let anew = self.ourselves.anew(template).await;
        let request = self.line.compose(template, id, (infno, input), &anew.members())?;
        if BUFFERED_BYTES_MAX as u64 <= request.body.len() {
            return Err(NotStated::TooMany(usize::try_from(request.body.len()).unwrap_or(usize::MAX)));
        }
        let (parent_id, patience) = (asking.id, template.upstream.answer_within);
        let own = OwnRequest { id, parent_id, request, acts: false, undoes: None, patience };
        let report = self.line.perform(template, own).await?;
        let seq = report.proof().map(|(_, seq)| seq);
        let OwnReport { verdict: Verdict { outcome, cause }, view, reply, .. } = report;
        match (seq, view, reply) {
            (Some(seq), Some(view), Some(reply)) => Ok((view, seq, reply.body)),
            _ => Err(NotStated::Unanswered { infno: infno.to_owned(), outcome, cause: cause.word() }),
        }
    }

    /// The bytes of an answer, wherever they are kept.
    async fn whole(&self, body: &Body) -> Result<Vec<u8>, NotStated> {
        let file = match body {
            Body::Buffered(bytes) => return Ok(bytes.to_vec()),
            Body::Spooled(file) => file,
        };
        if RESULT_BYTES_MAX < file.raw_len {
            return Err(NotStated::Result(format!("{} 字节，超过 64 MiB", file.raw_len)));
        }
        let (mut reader, mut whole) = (self.line.journal.bodies().read(file).await?, Vec::new());
        while let Some(piece) = reader.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }

    async fn journal(&self, asking: &Asking<'_>, answered: Answered, who: &str) -> Result<Stated, NotStated> {
        let (journal, Scope { institution, clr_optins, clr_type }) = (&self.line.journal, asking.scope);
        let text = listed::write(&answered.rows);
        let slot = journal.take_slot()?;
        let body = if text.len() <= BUFFERED_BYTES_MAX / 2 {
            Body::Buffered(Bytes::from(text))
        } else {
            let mut writer = journal.bodies().create(asking.id, Side::Req, slot).await?;
            writer.write(text.as_bytes()).await?;
            Body::Spooled(Arc::new(writer.finish().await?))
        };
        let target = Bytes::from(asking.day.to_string());
        let request = Request { method: "STATEMENT".to_owned(), target, http_minor: 1, headers: Vec::new(), body };
        let rows = answered.rows.len() as u64;
        let mut draft = Draft::new(Kind::Statement);
        draft.header.exchange_id = asking.id;
        draft.header.key_slot = slot;
        draft.header.key_token =
            journal.tokens().of("statement", &format!("{institution}\n{clr_optins}\n{clr_type}\n{}", asking.day));
        draft.header.origin = Origin::Reconcile as u8;
        draft.header.at_unix_ns = self.line.clock.unix_ns();
        draft.facts.text(Fact::LedgerDay, &asking.day.to_string());
        draft.facts.text(Fact::FixmedinsCode, institution);
        draft.facts.named(Fact::Dimension, "clr_optins", clr_optins.as_bytes());
        draft.facts.named(Fact::Dimension, "clr_type", clr_type.as_bytes());
        draft.facts.number(Fact::Count, rows);
        draft.facts.text(Fact::Name, if answered.by_rows { listed::BY_ROWS } else { "sums" });
        draft.facts.number(Fact::EvidenceSeq, answered.proof.0);
        for (insutype, said) in &answered.results {
            draft.facts.named(Fact::Knew, insutype, said.as_bytes());
        }
        draft.facts.text(Fact::Who, who);
        draft.sealed = Some(Sealed { request: Some(request), ..Sealed::default() });
        let record = journal.append(draft).await?;
        let differing = answered.rows.iter().filter(|row| row.word != Word::Agrees).count() as u64;
        tracing::info!(day = %asking.day, clr_optins, clr_type, rows, differing, by_rows = answered.by_rows, "the platform's list is in");
        Ok(Stated { record, rows, differing, by_rows: answered.by_rows })
    }
}

/// Both say the sum, and it is the same whatever its sign.
fn same_total(ours: Amounts, theirs: Amounts) -> bool {
    matches!((ours.total(), theirs.total()), (Some(one), Some(two)) if one.abs() == two.abs())
}
