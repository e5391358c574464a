//! Packs, a region and a day to one form per transaction.

use std::collections::HashMap;
use std::sync::Arc;

use sm3::{Digest, Sm3};

use crate::domain::class::Class;
use crate::domain::spec::codes::Tables;
use crate::domain::spec::complaint::Complaint;

use super::dates::Day;
use super::express::kinds::condition;
use super::form::{Ask, Cross, Form, Node, Test};
use super::mode::{Mode, Modes, is_undo};
use super::pack::{Pack, holds};
use super::places::Seen;
use super::rule::{Demand, Rule};
use super::shape::{self, CodeTables};
use super::texts::Texts;

/// Which rules are in force.
pub struct Chosen<'c> {
    /// The administrative division of the hospital: `610100`. Packs of other regions are read and checked, and not in force.
    pub region: &'c str,
    /// The day.
    pub day: Day,
    /// The class of a transaction.
    pub class_of: &'c dyn Fn(&str) -> Class,
    /// What a site says.
    pub said: Said<'c>,
}

/// What a site says of packs and rules in place of what they say themselves.
#[derive(Debug, Clone, Default)]
pub struct Said<'c> {
    /// Pack or rule written by hand, and its mode.
    pub modes: Vec<(&'c str, Mode)>,
    /// Rules that are switched off.
    pub off: Vec<&'c str>,
}

impl Said<'_> {
    fn mode(&self, name: &str) -> Option<Mode> {
        self.modes.iter().find(|(said, _)| *said == name).map(|(_, mode)| *mode)
    }

    /// The modes of a pack.
    fn modes_of(&self, pack: &Pack) -> Modes {
        self.mode(&pack.name).map_or_else(|| pack.modes.clone(), Modes::always)
    }
}

/// A rule that is in force, with what it does on each transaction.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Its pack.
    pub pack: Box<str>,
    /// Transaction and mode.
    pub on: Vec<(Box<str>, Mode)>,
}

/// A pack that is in force, as the journal names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackInForce {
    /// Its name.
    pub name: Box<str>,
    /// Its version.
    pub version: Box<str>,
    /// [`digest_of`] its files.
    pub digest: String,
}

/// The rules in force.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Packs in force.
    pub packs: Vec<PackInForce>,
    /// The day for which they are compiled.
    pub day: Day,
    /// SM3 in hex over everything that is in force: packs, rules with their modes, what is switched off.
    pub digest: String,
    /// Hand-written rules, those about state among them.
    pub listed: Vec<Listed>,
    forms: HashMap<Box<str>, Form>,
}

impl Rules {
    /// The form of a transaction; `*` is the envelope.
    pub fn form(&self, infno: &str) -> Option<&Form> {
        self.forms.get(infno)
    }

    /// Switches every table rule off, so that findings are those of hand-written rules alone.
    pub(super) fn by_hand_only(&mut self) {
        for node in self.forms.values_mut().flat_map(|form| &mut form.nodes) {
            node.members.iter_mut().for_each(|member| member.off = u8::MAX);
            node.prepare();
        }
    }

    /// All forms, in the order of their numbers.
    pub fn forms(&self) -> Vec<&Form> {
        let mut all: Vec<&Form> = self.forms.values().collect();
        all.sort_unstable_by(|one, other| one.infno.cmp(&other.infno));
        all
    }
}

/// Makes the forms.
///
/// # Errors
/// Every complaint about every rule, those that are not in force among them.
pub fn compile(packs: &[Pack], texts: &Texts, chosen: &Chosen<'_>) -> Result<Rules, Vec<Complaint>> {
    let (mut rules, mut complaints) = (Rules::default(), Vec::new());
    let in_force: Vec<&Pack> = packs.iter().filter(|pack| pack.holds(chosen.region, chosen.day)).collect();
    let mut tables = Tables::default();
    for file in in_force.iter().filter_map(|pack| pack.codes.as_ref()) {
        tables.read(texts.of(file).unwrap_or_default());
    }
    let mut codes = CodeTables::new(tables);
    for pack in &in_force {
        let (name, version) = (pack.name.as_str().into(), pack.version.as_str().into());
        rules.packs.push(PackInForce { name, version, digest: digest_of(&pack.name, texts) });
        let modes = chosen.said.modes_of(pack);
        for table in &pack.tables {
            let class = if table.infno == "*" { Class::Query } else { (chosen.class_of)(&table.infno) };
            let text = texts.of(&table.file).unwrap_or_default();
            let form = shape::form(table, text, class, &modes, &mut codes);
            rules.forms.insert(form.infno.clone(), form);
        }
    }
    let off = switched_off(packs, (&in_force, &chosen.said.off), &mut rules, &mut complaints);
    for pack in packs {
        for rule in &pack.rules {
            let is_on = in_force.iter().any(|other| other.name == pack.name)
                && holds(&rule.region, rule.days, chosen.region, chosen.day)
                && !off.iter().any(|off| fits(off, &rule.id));
            complaints.extend(add(pack, rule, is_on, chosen, &mut rules));
        }
    }
    rules.forms.values_mut().flat_map(|form| &mut form.nodes).for_each(Node::prepare);
    rules.day = chosen.day;
    rules.digest = digest_of_all(&rules, &off, &chosen.said);
    if complaints.is_empty() { Ok(rules) } else { Err(complaints) }
}

/// Two days or two sites with the same digest hold calls to the same rules.
fn digest_of_all(rules: &Rules, off: &[String], said: &Said<'_>) -> String {
    let mut digest = Sm3::new();
    let mut add = |words: &[&str]| words.iter().for_each(|word| digest.update(format!("{}\0{word}\0", word.len())));
    rules.packs.iter().for_each(|pack| add(&[&pack.name, &pack.version, &pack.digest]));
    for listed in &rules.listed {
        add(&[&listed.rule.id]);
        listed.on.iter().for_each(|(infno, mode)| add(&[infno, mode.word()]));
    }
    off.iter().for_each(|off| add(&[off]));
    said.modes.iter().for_each(|(name, mode)| add(&[name, mode.word()]));
    hex::encode(digest.finalize())
}

/// SM3 in hex over the files of a pack: name, 0, length as decimal text, 0 and text of each, in the order of their names.
pub fn digest_of(pack: &str, texts: &Texts) -> String {
    let mut digest = Sm3::new();
    for (name, text) in texts.of_pack(pack) {
        digest.update(format!("{name}\0{}\0", text.len()));
        digest.update(text);
    }
    hex::encode(digest.finalize())
}

/// `2207.*` fits every id that begins so.
fn fits(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == id, |begin| id.starts_with(begin))
}

/// Switches off the table rules that packs in force and the site name; gives back all that they name. A complaint about what the site
/// says has no file.
fn switched_off(
    packs: &[Pack],
    (in_force, by_site): (&[&Pack], &[&str]),
    rules: &mut Rules,
    complaints: &mut Vec<Complaint>,
) -> Vec<String> {
    let by_hand: Vec<&str> = packs.iter().flat_map(|pack| &pack.rules).map(|rule| rule.id.as_str()).collect();
    let site = by_site.iter().map(|off| (*off, true, (String::new(), 0)));
    let of_packs = packs.iter().flat_map(|pack| {
        let is_on = in_force.iter().any(|other| other.name == pack.name);
        pack.off.iter().map(move |(off, line)| (off.as_str(), is_on, (format!("{}/pack.toml", pack.name), *line)))
    });
    let mut all = Vec::new();
    for (off, is_on, (file, line)) in of_packs.chain(site) {
        let mut found = by_hand.iter().any(|id| fits(off, id));
        let infno = off.split(['.', '*']).next().unwrap_or_default();
        let infno = if infno == "envelope" { "*" } else { infno };
        if let Some(form) = rules.forms.get_mut(infno) {
            found |= switch(form, off, is_on);
        }
        if !found {
            let text = format!("off: no rule `{off}`");
            let cure = "medgate rules list shows the ids; a * at the end fits every rest".to_owned();
            complaints.push(Complaint { file, line, text, cure });
        }
        if is_on {
            all.push(off.to_owned());
        }
    }
    all
}

fn switch(form: &mut Form, off: &str, is_on: bool) -> bool {
    let mut found = Vec::new();
    for (node, one) in form.nodes.iter().enumerate() {
        for member in 0..one.members.len() {
            let fitting = Ask::ALL.into_iter().filter(|ask| fits(off, &form.id(node as u16, member as u16, *ask)));
            found.extend(fitting.map(|ask| (node, member, ask)));
        }
    }
    for (node, member, ask) in found.iter().filter(|_| is_on) {
        form.nodes[*node].members[*member].off |= 1 << *ask as u8;
    }
    !found.is_empty()
}

/// Puts a rule on its transactions. A rule that is not in force is tried on copies, so that its faults are told all the same.
fn add(pack: &Pack, rule: &Rule, is_on: bool, chosen: &Chosen<'_>, rules: &mut Rules) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |text: String| {
        let complaint = Complaint {
            file: rule.file.clone(),
            line: rule.line,
            text: format!("{}: {text}", rule.id),
            cure: String::new(),
        };
        complaints.push(complaint);
    };
    let mut listed = Listed { rule: Arc::new(rule.clone()), pack: pack.name.as_str().into(), on: Vec::new() };
    for infno in &rule.on {
        let class = (chosen.class_of)(infno);
        if !rule.classes.is_empty() && !rule.classes.contains(&class) {
            continue;
        }
        let undoes = is_undo(infno, class);
        if undoes && rule.mode == Some(Mode::Enforce) {
            complain(format!(
                "{infno} takes something back: no rule refuses that; leave `mode` out, or say \"observe\""
            ));
        }
        let said = chosen.said.mode(&rule.id).or_else(|| chosen.said.mode(&pack.name)).or(rule.mode);
        let mode = said.unwrap_or_else(|| pack.modes.of(&rule.mark, class));
        let mode = if undoes { Mode::Observe } else { mode };
        let Some(form) = rules.forms.get_mut(infno.as_str()) else {
            complain(format!("{infno} has no field table"));
            continue;
        };
        listed.on.push((infno.as_str().into(), mode));
        let mut copy;
        let form = if is_on {
            form
        } else {
            copy = form.clone();
            &mut copy
        };
        match cross(rule, rules.listed.len(), mode, form) {
            Ok(Some(cross)) => form.cross.push(cross),
            Ok(None) => {}
            Err(text) => complain(text),
        }
    }
    if is_on {
        rules.listed.push(listed);
    }
    complaints
}

/// A rule on one transaction; none for what is judged with the journal.
fn cross(rule: &Rule, number: usize, mode: Mode, form: &mut Form) -> Result<Option<Cross>, String> {
    let named: Vec<u16> = {
        let seen = Seen::of(form, 0);
        rule.nodes.iter().filter_map(|name| seen.node(name).ok()).collect()
    };
    let node = match (&named[..], rule.nodes.first()) {
        (_, None) => 0,
        ([node, ..], _) => *node,
        ([], Some(name)) => return Err(Seen::of(form, 0).node(name).unwrap_err_or_default()),
    };
    let mut seen = Seen::of(form, node);
    seen.keep_rows(node);
    let when = rule.when.as_ref().map(|(_, part)| condition(part, &mut seen).map_err(|wrong| format!("when: {wrong}")));
    let when = when.transpose()?;
    seen.first = None;
    let mut places = |fields: &[String]| -> Result<Vec<_>, String> {
        fields
            .iter()
            .map(|field| {
                let (node, field) = field.split_once('.').unwrap_or(("", field));
                seen.place(node, field)
            })
            .collect()
    };
    let test = match &rule.demand {
        Demand::Require(fields) => Test::Require(places(fields)?),
        Demand::Absent(fields) => Test::Absent(places(fields)?),
        Demand::Unique(fields) => Test::Unique(places(fields)?),
        Demand::Codes(fields) => {
            let names: Vec<String> = fields.iter().map(|(field, _)| field.clone()).collect();
            let codes = fields.iter().map(|(_, codes)| codes.iter().map(|code| code.as_str().into()).collect());
            Test::Codes(places(&names)?.into_iter().zip(codes).collect())
        }
        Demand::Forms(fields) => {
            let names: Vec<String> = fields.iter().map(|(field, _)| field.clone()).collect();
            Test::Forms(places(&names)?.into_iter().zip(fields.iter().map(|(_, forms)| forms.clone())).collect())
        }
        Demand::RowsMax(_) if node == 0 => return Err("rows_max needs a `node`".to_owned()),
        Demand::RowsMax(most) => Test::RowsMax(*most),
        Demand::Must(_, part) => {
            let typed = condition(part, &mut seen).map_err(|wrong| format!("must: {wrong}"))?;
            Test::Must(Box::new(typed), seen.first)
        }
        Demand::State(_) => return Ok(None),
    };
    Ok(Some(Cross { rule: number, mode, node, when, test }))
}

/// The sentence of a search that found nothing.
trait Wrong {
    fn unwrap_err_or_default(self) -> String;
}

impl Wrong for Result<u16, String> {
    fn unwrap_err_or_default(self) -> String {
        self.err().unwrap_or_default()
    }
}
