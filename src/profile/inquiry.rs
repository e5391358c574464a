//! Whether what a recorded call did still stands.
//!
//! Which transaction asks (5203, 6301), for what, and what its answer means is a row of `[inquiry.*]`.

use crate::domain::scan::{Found, View};

use super::Profile;

/// A row of `[inquiry.*]`: how the platform is asked about an earlier call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inquiry {
    /// 交易编号 that asks.
    pub infno: String,
    /// Members of `input.data`, in order.
    pub fields: Vec<String>,
    /// The field of the answer that must name what was asked under the same name; empty = none.
    pub echo: String,
    /// The field of the answer that tells where it stands.
    pub says: String,
    /// Its values with which it stands; empty = any but `undone`, none included.
    pub stands: Vec<String>,
    /// Its values with which it is as if it had never been.
    pub undone: Vec<String>,
}

/// What the platform says of an earlier call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// It was done and was not taken back.
    Alive,
    /// It was taken back, or came to nothing.
    Undone,
    /// The answer proves nothing.
    Unproven,
}

impl Stands {
    /// The word that records hold.
    pub fn word(self) -> &'static str {
        match self {
            Stands::Alive => "alive",
            Stands::Undone => "undone",
            Stands::Unproven => "unproven",
        }
    }
}

impl Profile {
    /// What a successful reply says of what was asked for by the `values` of `inquiry.fields`, in their order.
    pub fn stands(&self, reply: &View, inquiry: &Inquiry, values: &[String]) -> Stands {
        let Inquiry { fields, echo, says, stands, undone, .. } = inquiry;
        let wanted = fields.iter().position(|field| field == echo).and_then(|at| values.get(at));
        if wanted.is_some_and(|wanted| !self.written(echo).any(|name| holds(reply, name, wanted))) {
            return Stands::Unproven;
        }
        let said = reply.all(says).find(|found| !self.is_row(&found.above)).and_then(Found::filled);
        let is_in = |values: &[String]| said.is_some_and(|said| values.iter().any(|value| value == said));
        if is_in(undone) {
            Stands::Undone
        } else if stands.is_empty() || is_in(stands) {
            Stands::Alive
        } else {
            Stands::Unproven
        }
    }

    /// Our name of a field under all its names on the wire, or the name itself.
    fn written<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n str> {
        let known = self.names(name).iter().map(String::as_str);
        known.chain(std::iter::once(name).filter(|name| self.names(name).is_empty()))
    }
}

fn holds(reply: &View, name: &str, wanted: &str) -> bool {
    reply.all(name).any(|found| found.filled() == Some(wanted))
}
