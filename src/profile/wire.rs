//! How a province's wire looks, for whoever asks: paths, routes, the platform's own answers, results of reconciliation.

use super::Profile;
use super::transaction::Transaction;

/// Calls that go to another host than the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Name of its section.
    pub name: String,
    /// Name of the host, and of the `[upstream.*]` section of the settings that gives it a URL.
    pub host: String,
    /// What the host is, for people.
    pub title: String,
    /// The path begins with this.
    pub prefix: String,
    /// Transaction numbers; a trailing `*` matches any rest.
    pub infno: Vec<String>,
    /// File and line that say so.
    pub place: (String, usize),
}

/// How the platform itself writes its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerShape<'a> {
    /// The members of the outermost object in their order.
    pub members: &'a [String],
    /// `infcode` stands in quotes.
    pub infcode_quoted: bool,
    /// `err_msg` of a success.
    pub success_text: &'a str,
}

/// What the result of a reconciliation means (`wire.md` §5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The field that holds the result.
    pub field: &'a str,
    balanced: &'a str,
    meanings: &'a [String],
}

impl Statement<'_> {
    /// Whether a result says that both sides agree; `None` for an empty one.
    pub fn is_balanced(&self, result: &str) -> Option<bool> {
        let result = Some(result.trim()).filter(|result| !result.is_empty())?;
        Some(match self.balanced {
            "zeros" => result.bytes().all(|byte| byte == b'0'),
            code => result == code,
        })
    }

    /// What a result means, in the province's words.
    pub fn meaning(&self, result: &str) -> Option<&str> {
        let pairs = self.meanings.iter().filter_map(|pair| pair.split_once(':'));
        pairs.into_iter().find(|(code, _)| *code == result.trim()).map(|(_, meaning)| meaning)
    }
}

impl Profile {
    /// Shapes of the path behind the base that a site was given; `{infno}` and `{service}` stand for what differs.
    pub fn urls(&self) -> &[String] {
        &self.rules.urls
    }

    /// The last two segments of a transaction's paths in URL style B.
    pub fn services<'a>(&'a self, infno: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.rules.services.iter().filter(move |(_, (_, infnos))| infnos.iter().any(|one| one == infno));
        named.map(|(path, _)| path.as_str())
    }

    /// What goes to another host than the rest; no call is taken by two of them.
    pub fn routes(&self) -> Vec<Route> {
        let route = |(name, route): (&String, &super::rules::Route)| Route {
            name: name.clone(),
            host: route.host.clone(),
            title: self.rules.hosts.get(&route.host).cloned().unwrap_or_default(),
            prefix: route.prefix.clone(),
            infno: route.infno.clone(),
            place: (route.place.file.clone(), route.place.line),
        };
        self.rules.routes.iter().map(route).collect()
    }

    /// How the platform itself writes its answers.
    pub fn answer_shape(&self) -> AnswerShape<'_> {
        let answer = &self.rules.answer;
        AnswerShape {
            members: &answer.members,
            infcode_quoted: answer.infcode == "string",
            success_text: &answer.success_text,
        }
    }

    /// What the result of this reconciliation means; `None` where nobody says: then a person looks.
    pub fn statement(&self, infno: &str) -> Option<Statement<'_>> {
        let named = self.rules.statements.values().find(|one| one.infno.iter().any(|other| other == infno))?;
        Some(Statement { field: &named.field, balanced: &named.balanced, meanings: &named.meanings })
    }

    /// What 2601 may name, in the order of the numbers (`wire.md` §5.3).
    pub fn reversible(&self) -> impl Iterator<Item = &Transaction> {
        self.transactions().filter(|one| one.reversible_by_2601)
    }

    /// Every way a field is written, its first name first; empty when there is only one.
    pub fn spellings(&self, field: &str) -> &[String] {
        self.rules.spellings.get(field).map_or(&[], Vec::as_slice)
    }

    /// Files of the field tables in force; a later one adds to those before.
    pub fn field_files(&self) -> &[String] {
        &self.rules.field_files.1
    }

    /// Files of the code tables in force; a table of a later one stands for the same table before.
    pub fn table_files(&self) -> &[String] {
        &self.rules.table_files.1
    }
}

/// True when a pattern of a route, `2207` or `42*`, takes the number.
pub fn number_fits(pattern: &str, infno: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(head) => infno.starts_with(head),
        None => pattern == infno,
    }
}
