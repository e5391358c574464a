//! From sections to transactions: class, key, undo and traits of each number put together.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::class::Class;
use crate::domain::scan::Wanted;

use crate::domain::spec::nearest::nearest;

use super::envelope::Role;
use super::rules::{Key, NAMES, Place, Rules};
use super::transaction::{Field, FreedBy, KeyRule, OnRepeat, Part, ReplyStyle, RowLimit, RowRule, Transaction};
use crate::domain::spec::complaint::Complaint;

/// Puts what the sections say of a transaction together.
pub(super) struct Builder<'a> {
    pub(super) rules: &'a Rules,
    pub(super) complaints: &'a RefCell<Vec<Complaint>>,
}

impl Builder<'_> {
    pub(super) fn transactions(&self) -> BTreeMap<String, Transaction> {
        let rows = self.rules.transactions.iter();
        let mut all: BTreeMap<String, Transaction> = rows
            .map(|(infno, row)| {
                let mut one = Transaction::plain(infno, &row.name, row.class.unwrap_or(Class::Unclassified));
                one.undo.clone_from(&row.undo);
                one.limit.clone_from(&row.limit);
                one.source.clone_from(&row.source);
                (infno.clone(), one)
            })
            .collect();
        for (infno, row) in &self.rules.transactions {
            for undo in &row.undo {
                if let Some(one) = all.get_mut(undo) {
                    one.undoes.push(infno.clone());
                }
            }
        }
        for (class, (place, infnos)) in &self.rules.classes {
            self.each(&mut all, place, infnos, |one| one.class = *class);
        }
        self.add_traits(&mut all);
        self.add_keys(&mut all);
        self.add_rows(&mut all);
        self.check_wire(&all);
        all
    }

    fn add_traits(&self, all: &mut BTreeMap<String, Transaction>) {
        for (style, (place, infnos)) in
            [(ReplyStyle::Code, &self.rules.by_code), (ReplyStyle::Success, &self.rules.by_success)]
        {
            self.each(all, place, infnos, |one| one.reply = style);
        }
        for (name, (place, infnos)) in &self.rules.traits {
            match name.as_str() {
                "fenced" => self.each(all, place, infnos, |one| one.fenced = true),
                "acknowledges" => self.each(all, place, infnos, |one| one.acknowledges = true),
                "self_pays" => {
                    for word in infnos {
                        let (infno, says) = word.split_once(':').unwrap_or((word, ""));
                        self.each(all, place, &[infno.to_owned()], |one| one.self_pays = Some(says.to_owned()));
                    }
                }
                "adopts" => self.each(all, place, infnos, |one| one.adopts = true),
                "reopens" => self.each(all, place, infnos, |one| one.stage_reopens = true),
                "by_2601" => self.each(all, place, infnos, |one| one.reversible_by_2601 = true),
                "withdrawn" => self.each(all, place, infnos, |one| one.withdrawn = true),
                _ => {
                    for (infno, as_what) in infnos.iter().filter_map(|pair| self.pair(place, pair)) {
                        self.each(all, place, &[infno], |one| one.oinfno.clone_from(&as_what));
                    }
                }
            }
        }
        for substance in self.rules.substances.values() {
            self.each(all, &substance.place, &substance.infno, |one| {
                one.success_fields.clone_from(&substance.fields);
                one.echo = Some(substance.echo.clone()).filter(|echo| !echo.is_empty());
            });
        }
    }

    fn add_keys(&self, all: &mut BTreeMap<String, Transaction>) {
        for (family, key) in &self.rules.keys {
            let Some(rule) = self.rule(family, key) else { continue };
            let place = &key.place;
            let freeing: Vec<String> = rule.freed_by.iter().map(|by| by.infno.clone()).collect();
            self.each(all, place, &freeing, |_| {});
            self.each(all, place, &key.infno, |one| {
                if let Some(other) = &one.key {
                    self.complain(place, format!("{} has two keys: {} and {family}", one.infno, other.family), "");
                }
                one.key = Some(rule.clone());
            });
        }
        for (place, inquiry) in self.rules.inquiries.values() {
            self.each(all, place, std::slice::from_ref(&inquiry.infno), |_| {});
        }
        for (place, cure) in self.rules.cures.values() {
            self.each(all, place, &cure.infno, |_| {});
        }
        self.add_laws(all);
        for (place, undo) in self.rules.undos.values() {
            self.each(all, place, &undo.infno, |_| {});
        }
    }

    fn add_laws(&self, all: &mut BTreeMap<String, Transaction>) {
        let names = self.rules.names.get("amounts");
        let known =
            |name: &&String| names.is_some_and(|names| names.iter().any(|one| one == name.trim_end_matches('?')));
        for (name, (place, law)) in &self.rules.laws {
            self.each(all, place, &law.infno, |_| {});
            let whole = law.mirrors.is_empty().then_some(&law.whole);
            for name in whole.into_iter().chain(&law.parts).chain(&law.mirrors).filter(|name| !known(name)) {
                let cure = "name one of [envelope] amounts";
                self.complain(place, format!("`{name}` is no amount of this profile"), cure);
            }
            let forms = [!law.parts.is_empty(), !law.lines.is_empty(), !law.mirrors.is_empty()];
            if forms.into_iter().filter(|said| *said).count() != 1 {
                let what = format!("law.{name} must say one of `parts`, `lines` and `mirrors`");
                self.complain(place, what, "make a law of each");
            }
        }
    }

    fn add_rows(&self, all: &mut BTreeMap<String, Transaction>) {
        for rows in self.rules.rows.values() {
            let rule = RowRule { node: rows.node.clone(), parts: rows.parts.clone() };
            self.each(all, &rows.place, &rows.infno, |one| {
                if !rule.parts.is_empty() {
                    one.rows = Some(rule.clone());
                }
                if rows.max != 0 {
                    let node = if rows.node.is_empty() { one.limit.node.clone() } else { rows.node.clone() };
                    one.limit = RowLimit { node, max: rows.max, source: rows.source.clone() };
                }
            });
        }
    }

    fn rule(&self, family: &str, key: &Key) -> Option<KeyRule> {
        let on_repeat = match key.on_repeat.as_str() {
            "replay" => OnRepeat::Replay,
            "replay_while_fresh" => OnRepeat::ReplayWhileFresh { seconds: key.fresh_seconds },
            "cancel_inquiry" => OnRepeat::CancelInquiry,
            "after_refusal_only" => OnRepeat::AfterRefusalOnly,
            "ask_first" => OnRepeat::AskFirst,
            "forward" => OnRepeat::Forward,
            other => {
                let known =
                    ["replay", "replay_while_fresh", "cancel_inquiry", "after_refusal_only", "ask_first", "forward"];
                self.complain(&key.place, format!("key.{family}: on_repeat is `{other}`"), &nearest(other, known));
                return None;
            }
        };
        let freed_by = key.freed_by.iter().filter_map(|pair| self.pair(&key.place, pair));
        let asks = self.rules.inquiries.get(&key.ask);
        if asks.is_none() && (!key.ask.is_empty() || on_repeat == OnRepeat::AskFirst) {
            let cure = nearest(&key.ask, self.rules.inquiries.keys().map(String::as_str));
            self.complain(&key.place, format!("key.{family}: there is no inquiry `{}`", key.ask), &cure);
        }
        Some(KeyRule {
            family: family.to_owned(),
            parts: key.parts.iter().map(|part| part_of(part)).collect(),
            generation: key.generation,
            fingerprint: key.fingerprint.iter().map(|field| field_of(field)).collect(),
            on_repeat,
            ask: asks.map(|(_, inquiry)| Arc::new(inquiry.clone())),
            freed_by: freed_by.map(|(infno, by)| FreedBy { infno, by }).collect(),
            loose_without: key.loose_without.clone(),
        })
    }

    /// `a:b`.
    fn pair(&self, place: &Place, pair: &str) -> Option<(String, String)> {
        let split = pair.split_once(':').map(|(one, other)| (one.to_owned(), other.to_owned()));
        if split.is_none() {
            self.complain(place, format!("`{pair}` is not written as transaction:word"), "");
        }
        split
    }

    fn each(
        &self,
        all: &mut BTreeMap<String, Transaction>,
        place: &Place,
        infnos: &[String],
        mut act: impl FnMut(&mut Transaction),
    ) {
        for infno in infnos {
            if let Some(one) = all.get_mut(infno) {
                act(one);
            } else {
                self.unknown(place, infno);
            }
        }
    }

    pub(super) fn unknown(&self, place: &Place, infno: &str) {
        let cure = nearest(infno, self.rules.transactions.keys().map(String::as_str));
        self.complain(place, format!("`{infno}` is no transaction of this profile"), &cure);
    }

    pub(super) fn complain(&self, place: &Place, text: String, cure: &str) {
        let complaint = Complaint { file: place.file.clone(), line: place.line, text, cure: cure.to_owned() };
        self.complaints.borrow_mut().push(complaint);
    }
}

fn part_of(written: &str) -> Part {
    match written {
        "@lines" => Part::Lines,
        "@infno" => Part::Infno,
        field => Part::Field(field_of(field)),
    }
}

/// `a|b` = the first that is filled; `a?` = may be empty; `a=0` = 0 when empty.
fn field_of(written: &str) -> Field {
    let (names, absent) = match (written.strip_suffix('?'), written.split_once('=')) {
        (Some(names), _) => (names, Some(String::new())),
        (None, Some((names, absent))) => (names, Some(absent.to_owned())),
        (None, None) => (written, None),
    };
    Field { names: names.split('|').map(str::to_owned).collect(), absent }
}

/// What each transaction frees, as the key rows of the others say it.
pub(super) fn frees(transactions: &BTreeMap<String, Transaction>) -> BTreeMap<String, Vec<(String, String)>> {
    let mut frees: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let keys = transactions.values().filter_map(|one| one.key.as_ref());
    for (key, by) in keys.flat_map(|key| key.freed_by.iter().map(move |by| (key, by))) {
        frees.entry(by.infno.clone()).or_default().push((key.family.clone(), by.by.clone()));
    }
    for freed in frees.values_mut() {
        freed.sort_unstable();
        freed.dedup();
    }
    frees
}

/// Keys whose values a request's scanner keeps.
pub(super) fn wanted(rules: &Rules, transactions: &BTreeMap<String, Transaction>) -> Wanted {
    let mut keys: Vec<&str> = rules
        .names
        .iter()
        .filter(|(name, _)| name.as_str() != "row_nodes")
        .flat_map(|(_, names)| names)
        .map(String::as_str)
        .collect();
    keys.extend(rules.line_fields.iter().map(String::as_str));
    keys.extend(rules.laws.values().map(|(_, law)| law.lines.as_str()).filter(|field| !field.is_empty()));
    keys.extend(rules.inquiries.values().flat_map(|(_, inquiry)| &inquiry.fields).map(String::as_str));
    for one in transactions.values() {
        keys.extend(one.rows.iter().flat_map(|rows| &rows.parts).map(String::as_str));
        let Some(key) = &one.key else { continue };
        let fields = key.parts.iter().filter_map(|part| if let Part::Field(field) = part { Some(field) } else { None });
        keys.extend(fields.chain(&key.fingerprint).flat_map(|field| &field.names).map(String::as_str));
        keys.extend(key.freed_by.iter().map(|by| by.by.as_str()));
    }
    Wanted::new(keys)
}

/// Keys whose values a reply's scanner keeps.
pub(super) fn reply_wanted(rules: &Rules, transactions: &BTreeMap<String, Transaction>) -> Wanted {
    const FIELDS: [&str; 11] = [
        "reply_code",
        "reply_success",
        "reply_text",
        "reply_gateway",
        "medins_setl_id",
        "setl_id",
        "mdtrt_id",
        "amounts",
        "dimensions",
        "trt_dcla_detl_sn",
        "psn_no",
    ];
    let named = FIELDS.iter().filter_map(|field| rules.names.get(*field)).flatten().map(String::as_str);
    let real = transactions.values().flat_map(|one| one.success_fields.iter().chain(&one.echo)).map(String::as_str);
    let asked = rules.inquiries.values().map(|(_, inquiry)| inquiry);
    let asked = asked.flat_map(|one| one.fields.iter().chain([&one.echo, &one.says])).map(String::as_str);
    let stated = rules.statements.values().map(|statement| statement.field.as_str());
    let files = OWN_FIELDS.into_iter().chain(stated);
    Wanted::new(named.chain(real).chain(asked.filter(|name| !name.is_empty())).chain(files))
}

/// What the gateway's own calls read of an answer: the file that can be fetched (`wire.md` §4.2, §5.5), the number of a sign-in (§4.1).
const OWN_FIELDS: [&str; 3] = ["file_qury_no", "filename", "sign_no"];

/// What each key on the wire is to us, for one pass over a view.
pub(super) fn roles(rules: &Rules) -> HashMap<String, Vec<Role>> {
    let mut roles: HashMap<String, Vec<Role>> = HashMap::new();
    for (slot, ours) in NAMES.iter().enumerate() {
        for (order, name) in rules.names.get(*ours).into_iter().flatten().enumerate() {
            roles.entry(name.clone()).or_default().push(Role { slot, order });
        }
    }
    roles
}
