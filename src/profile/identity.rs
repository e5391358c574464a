//! Which transaction a request is: path, header and body may each say it, and may disagree (`money.md` §2).

use crate::domain::class::Class;
use crate::domain::message::{HeaderLines, header};
use crate::domain::scan::{Found, View};

use super::Profile;

/// What a request says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The number that counts; empty when nobody says one.
    pub infno: String,
    /// The most dangerous class of all that were said.
    pub class: Class,
    /// What the path (or the header of its style) says.
    pub path_infno: Option<String>,
    /// Every number in the body, duplicates once.
    pub body_infno: Vec<String>,
    /// They do not agree.
    pub disagreement: bool,
}

impl Profile {
    /// Reads the number from body, header and path; where they disagree the more dangerous class counts.
    pub fn identify(&self, target: &[u8], headers: &HeaderLines, view: &View) -> Identity {
        let body_infno = self.numbers_of_body(view);
        let by_header = header(headers, &self.rules.number_header).and_then(|value| self.number_in(value));
        let by_path = self.number_of_path(target, &body_infno);
        let said: Vec<&String> = body_infno.iter().chain(&by_header).chain(&by_path).collect();
        // The first of the most dangerous: what the body says counts before header and path.
        let chosen = said.iter().rev().max_by_key(|infno| self.transaction(infno).class).map(|infno| (*infno).clone());
        let infno = chosen.unwrap_or_default();
        Identity {
            class: self.transaction(&infno).class,
            disagreement: said.iter().any(|one| **one != infno),
            path_infno: by_path.or(by_header),
            infno,
            body_infno,
        }
    }

    /// Those of the outermost object, or of anywhere when it has none (a vendor's own envelope around ours).
    fn numbers_of_body(&self, view: &View) -> Vec<String> {
        let all = || self.names("infno").iter().flat_map(|name| view.all(name));
        let outermost = all().any(|found| found.at_top() && found.filled().is_some());
        let mut numbers = Vec::new();
        for text in all().filter(|found| found.at_top() || !outermost).filter_map(Found::filled) {
            let number = text.to_ascii_uppercase();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers
    }

    /// URL style A: the last segment is the number. Style B: the last two segments name a service (`wire.md` §1.3).
    fn number_of_path(&self, target: &[u8], in_body: &[String]) -> Option<String> {
        let target = String::from_utf8_lossy(target);
        let path = target.split(['?', '#']).next()?.trim_end_matches('/');
        let mut segments = path.rsplit('/');
        let last = segments.next()?;
        if let Some(number) = self.number_in(last.as_bytes()) {
            return Some(number);
        }
        if let Some(infno) = self.rules.path_names.iter().find_map(|pair| pair.strip_prefix(last)?.strip_prefix(':')) {
            return Some(infno.to_owned());
        }
        let (_, infnos) = self.rules.services.get(&format!("{}/{last}", segments.next()?))?;
        infnos.iter().find(|infno| in_body.contains(infno)).or_else(|| infnos.first()).cloned()
    }

    /// A known number, or anything of the form of one, after an optional prefix.
    pub(super) fn number_in(&self, text: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let bare =
            self.rules.number_prefixes.iter().find_map(|prefix| text.strip_prefix(prefix.as_str())).unwrap_or(text);
        let number = bare.to_ascii_uppercase();
        (self.transactions.contains_key(&number) || has_the_form(&number)).then_some(number)
    }
}

/// Four to six digits and perhaps a letter: 2207, 2203A, 2507_A, 13203, 100001.
fn has_the_form(number: &str) -> bool {
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let rest = number[digits..].strip_prefix('_').unwrap_or(&number[digits..]);
    (4..=6).contains(&digits) && rest.len() <= 1 && rest.bytes().all(|byte| byte.is_ascii_uppercase())
}
