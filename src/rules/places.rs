//! Names in a rule to places in a form; values that a rule asks for are kept during the walk.

use crate::domain::spec::nearest::nearest;

use super::express::kinds::{Kind, Places, condition};
use super::express::parse::Part;
use super::form::{Form, Place, Total, Written};

/// A form as seen from the rows of one of its nodes.
pub(super) struct Seen<'f> {
    pub(super) form: &'f mut Form,
    pub(super) node: u16,
    /// A sum stands in no sum.
    pub(super) in_total: bool,
    /// The first field that was named.
    pub(super) first: Option<Place>,
}

impl Seen<'_> {
    pub(super) fn of(form: &mut Form, node: u16) -> Seen<'_> {
        Seen { form, node, in_total: false, first: None }
    }

    /// The place of a field of any type.
    pub(super) fn place(&mut self, node: &str, field: &str) -> Result<Place, String> {
        let (mut up, mut at) = (0u8, self.node);
        loop {
            let one = &self.form.nodes[usize::from(at)];
            if (node.is_empty() || one.name.eq_ignore_ascii_case(node))
                && let Some(member) = one.find(field.as_bytes(), usize::MAX)
            {
                let keep = self.keep(at, member);
                return Ok(Place::Row { up, field: (at, member as u16), keep });
            }
            if at == 0 {
                break;
            }
            (up, at) = (up + 1, one.parent);
        }
        self.elsewhere(node, field)
    }

    /// A field of a node that has one row only.
    fn elsewhere(&mut self, node: &str, field: &str) -> Result<Place, String> {
        let mut in_rows = None;
        for at in 0..self.form.nodes.len() {
            let one = &self.form.nodes[at];
            if !node.is_empty() && !one.name.eq_ignore_ascii_case(node) {
                continue;
            }
            let Some(member) = one.find(field.as_bytes(), usize::MAX) else { continue };
            if self.is_single(at as u16) {
                let keep = self.keep(at as u16, member);
                return Ok(Place::Only { field: (at as u16, member as u16), keep });
            }
            in_rows.get_or_insert_with(|| one.name.to_string());
        }
        let infno = &self.form.infno;
        if let Some(rows) = in_rows {
            return Err(format!(
                "`{field}` stands in the rows of `{rows}` on {infno}: say node = \"{rows}\", or sum and count them"
            ));
        }
        let known = self.form.nodes.iter().flat_map(|node| node.members.iter().map(|member| &*member.name));
        let meant = nearest(field, known);
        let meant = if meant.is_empty() { String::new() } else { format!("; {meant}") };
        Err(format!("no field `{field}` on {infno}{meant}"))
    }

    /// No list stands above it.
    fn is_single(&self, node: u16) -> bool {
        let one = &self.form.nodes[usize::from(node)];
        !one.is_list && (node == 0 || self.is_single(one.parent))
    }

    /// Has the value of a member kept, and the rows it stands in.
    fn keep(&mut self, node: u16, member: usize) -> u16 {
        self.keep_rows(node);
        let one = &mut self.form.nodes[usize::from(node)];
        let next = one.keeps;
        let keep = *one.members[member].keep.get_or_insert(next);
        one.keeps = next.max(keep + 1);
        keep
    }

    pub(super) fn keep_rows(&mut self, node: u16) {
        let one = &mut self.form.nodes[usize::from(node)];
        one.keeps_rows = true;
        let parent = one.parent;
        if node != 0 {
            self.keep_rows(parent);
        }
    }

    /// The node of a name.
    pub(super) fn node(&self, name: &str) -> Result<u16, String> {
        let found =
            self.form.nodes.iter().position(|node| !node.name.is_empty() && node.name.eq_ignore_ascii_case(name));
        found.map(|at| at as u16).ok_or_else(|| {
            let meant = nearest(name, self.form.nodes.iter().map(|node| &*node.name));
            let meant = if meant.is_empty() { String::new() } else { format!("; {meant}") };
            format!("no node `{name}` on {}{meant}", self.form.infno)
        })
    }
}

impl Places for Seen<'_> {
    type Place = Place;

    fn field(&mut self, node: &str, field: &str) -> Result<(Place, Kind), String> {
        let place = self.place(node, field)?;
        self.first.get_or_insert(place);
        let (node, member) = place.field();
        let kind = match self.form.nodes[usize::from(node)].members[usize::from(member)].written {
            Written::Number => Kind::Number,
            Written::Day | Written::Time => Kind::Moment,
            _ => Kind::Text,
        };
        Ok((place, kind))
    }

    fn total(&mut self, node: &str, field: Option<&str>, only: Option<&Part>) -> Result<usize, String> {
        if self.in_total {
            return Err("a sum or count stands in no other one".to_owned());
        }
        let node = self.node(node)?;
        self.keep_rows(node);
        let mut rows = Seen { form: &mut *self.form, node, in_total: true, first: None };
        let field = field.map(|field| {
            let (place, kind) = rows.field("", field)?;
            match (place, kind) {
                (Place::Row { up: 0, .. }, Kind::Number | Kind::Text) => Ok(place),
                _ => {
                    Err(format!("`{field}` is no amount in the rows of `{}`", rows.form.nodes[usize::from(node)].name))
                }
            }
        });
        let field = field.transpose()?;
        let only = only.map(|part| condition(part, &mut rows)).transpose()?;
        self.form.totals.push(Total { node, field, only });
        Ok(self.form.totals.len() - 1)
    }
}
