//! Whether paths, routes and results of reconciliation name transactions and hosts that exist, and each call once.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::build::Builder;
use super::rules::{Place, Route};
use super::transaction::Transaction;
use super::wire::number_fits;
use crate::domain::spec::nearest::nearest;

impl Builder<'_> {
    /// What names transactions and decides nothing about them: paths, routes, results of reconciliation.
    pub(super) fn check_wire(&self, all: &BTreeMap<String, Transaction>) {
        for (place, infnos) in self.rules.services.values() {
            self.known(all, place, infnos);
        }
        let submitted = &self.rules.submission;
        let infnos = [&submitted.totals, &submitted.details, &submitted.upload, &submitted.download];
        let named: Vec<String> = infnos.into_iter().filter(|infno| !infno.is_empty()).cloned().collect();
        self.known(all, &submitted.place, &named);
        for (name, statement) in &self.rules.statements {
            self.known(all, &statement.place, &statement.infno);
            let later = self.rules.statements.range::<str, _>((Bound::Excluded(name.as_str()), Bound::Unbounded));
            for (other, second) in later {
                for infno in second.infno.iter().filter(|infno| statement.infno.contains(infno)) {
                    let text = format!("statement.{name} and statement.{other} both say what {infno} means");
                    self.complain(&statement.place, text, "let one of them leave the number out");
                }
            }
        }
        for (name, route) in &self.rules.routes {
            self.check_route(all, name, route);
        }
    }

    fn check_route(&self, all: &BTreeMap<String, Transaction>, name: &str, route: &Route) {
        if !self.rules.hosts.contains_key(&route.host) {
            let cure = nearest(&route.host, self.rules.hosts.keys().map(String::as_str));
            let cure = if cure.is_empty() { format!("add [host.{}] with a title", route.host) } else { cure };
            self.complain(&route.place, format!("route.{name}: no host `{}`", route.host), &cure);
        }
        for pattern in route.infno.iter().filter(|pattern| !all.keys().any(|infno| number_fits(pattern, infno))) {
            let cure = nearest(pattern, all.keys().map(String::as_str));
            self.complain(&route.place, format!("route.{name}: `{pattern}` is no transaction of this profile"), &cure);
        }
        let overlaps = |other: &Route| {
            let paths = other.prefix.starts_with(&route.prefix) || route.prefix.starts_with(&other.prefix);
            let takes = |one: &Route, infno: &str| one.infno.iter().any(|pattern| number_fits(pattern, infno));
            paths && other.host != route.host && all.keys().any(|infno| takes(route, infno) && takes(other, infno))
        };
        let later = self.rules.routes.range::<str, _>((Bound::Excluded(name), Bound::Unbounded));
        for (other, _) in later.filter(|(_, other)| overlaps(other)) {
            self.complain(&route.place, format!("route.{name} and route.{other} take the same calls"), "");
        }
    }

    fn known(&self, all: &BTreeMap<String, Transaction>, place: &Place, infnos: &[String]) {
        for infno in infnos.iter().filter(|infno| !all.contains_key(*infno)) {
            self.unknown(place, infno);
        }
    }
}
