//! A pack: rules of one country, province, hospital or policy, with its mode, its days and what it cites.

use super::dates::Day;
use super::mode::Modes;
use super::rule::Rule;
use super::table::Table;
use super::texts::Texts;
use crate::domain::spec::complaint::Complaint;

/// A policy or specification that rules follow: an entry of the policy library.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cite {
    /// Its name within all packs.
    pub id: String,
    /// Its title, as issued.
    pub title: String,
    /// Its document number; may be empty.
    pub number: String,
    /// When it was issued, as it is known; may be empty or a year.
    pub date: String,
    /// Who issued it.
    pub issuer: String,
    /// What it asks for, in our own words.
    pub summary: String,
    /// Where it can be read, when that is public.
    pub link: String,
}

/// A pack of rules.
#[derive(Debug, Clone, Default)]
pub struct Pack {
    /// Its folder.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its version, for the journal.
    pub version: String,
    /// Leading digits of the administrative division that it holds for; empty = everywhere.
    pub region: String,
    /// The days on which it is in force; none = always.
    pub days: Option<(Day, Day)>,
    /// What its broken rules do.
    pub modes: Modes,
    /// What it cites.
    pub cites: Vec<Cite>,
    /// Rules of other packs that it switches off, with the line that says so.
    pub off: Vec<(String, usize)>,
    /// Its hand-written rules.
    pub rules: Vec<Rule>,
    /// Its field tables.
    pub tables: Vec<Table>,
    /// Its code tables: the file.
    pub codes: Option<String>,
}

impl Pack {
    /// Reads packs.
    ///
    /// # Errors
    /// Every complaint about every file.
    pub fn load_all(texts: &Texts) -> Result<Vec<Pack>, Vec<Complaint>> {
        super::source::packs(texts, &texts.packs())
    }

    /// True where it is in force: a region that the pack's own one begins, and a day between its first and last.
    pub fn holds(&self, region: &str, day: Day) -> bool {
        holds(&self.region, self.days, region, day)
    }
}

/// True where something of this region and these days is in force.
pub fn holds(of_region: &str, days: Option<(Day, Day)>, region: &str, day: Day) -> bool {
    region.starts_with(of_region) && days.is_none_or(|(from, to)| from <= day && day <= to)
}
