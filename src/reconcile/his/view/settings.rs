//! Where the view is, and what is asked of it: the `[his_view]` section.

use std::path::PathBuf;

use serde::Deserialize;

use super::super::super::ledger::day::Day;

/// Stands in the query for the day, as 2026-11-21.
pub const DATE: &str = "{date}";

/// The `[his_view]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which database.
    pub kind: Kind,
    /// HOST:PORT.
    pub address: String,
    /// Name of the database.
    pub database: String,
    /// Who reads.
    pub user: String,
    /// File of the user's password, or `credential:NAME`.
    pub password_file: String,
    /// Whether the connection is encrypted and the server's certificate checked.
    pub tls: Tls,
    /// PEM file of authorities that may vouch for the server, beside those that the machine trusts; empty: only those.
    pub ca: PathBuf,
    /// One statement that reads.
    pub query: String,
    /// HH:MM, in China's time, when yesterday's ledger is read, and that of the day before once more; empty: only when asked for.
    pub at: String,
    /// To reach the server and log in.
    pub connect_seconds: u64,
    /// For everything, the connecting included.
    pub read_seconds: u64,
    /// After a reading by the clock that failed, how soon it is tried again.
    pub retry_minutes: u64,
}

/// A database that is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// There is no view.
    Off,
    /// PostgreSQL.
    PostgreSql,
    /// MySQL and MariaDB.
    MySql,
    /// Named so that the settings can say that it is not read, and what to do instead.
    SqlServer,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Everything travels in clear.
    Off,
    /// Encrypted, with a certificate that names the host; otherwise nothing is said.
    Required,
}

impl Settings {
    /// Host and port of the address; `None` when it is none.
    pub fn host_port(&self) -> Option<(&str, u16)> {
        let (host, port) = self.address.rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let plain = !host.is_empty() && !host.contains([':', '/', '[', ']', '@']);
        let host = bare.or(plain.then_some(host))?;
        Some((host, port.parse().ok().filter(|port| *port != 0)?))
    }

    /// Hour and minute of `at`, as minutes after midnight; `None` when it is empty or no time of day.
    pub fn minute(&self) -> Option<i64> {
        let (hour, minute) = self.at.split_once(':')?;
        let part = |text: &str, below: i64| {
            let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<i64>().ok()).flatten().filter(|value| *value < below)
        };
        Some(part(hour, 24)? * 60 + part(minute, 60)?)
    }

    /// The statement for a day. A day is digits and hyphens, so that it cannot end the quotes it stands in.
    pub fn statement(&self, day: Day) -> String {
        self.query.trim().trim_end_matches(';').replace(DATE, &day.to_string())
    }

    /// What is wrong with the query; `None` when it is one statement that reads a day.
    pub fn wrong_query(&self) -> Option<&'static str> {
        let query = self.query.trim().trim_end_matches(';');
        let first = query.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_lowercase();
        if first != "select" && first != "with" {
            Some("does not begin with `select` or `with`")
        } else if query.contains(';') {
            Some("holds more than one statement, or a `;`")
        } else if !query.contains(DATE) {
            Some("does not say {date}, and so would give every day's rows")
        } else {
            None
        }
    }

    /// What its ledgers are called in the journal: where they come from, nothing secret.
    pub fn name(&self) -> String {
        format!("{}://{}/{}", self.kind.word(), self.address, self.database)
    }
}

impl Kind {
    /// The word used in settings.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Off => "off",
            Kind::PostgreSql => "postgresql",
            Kind::MySql => "mysql",
            Kind::SqlServer => "sqlserver",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(query: &str) -> Settings {
        Settings {
            kind: Kind::PostgreSql,
            address: "10.1.1.5:5432".to_owned(),
            database: "his".to_owned(),
            user: "medgate".to_owned(),
            password_file: "/etc/medgate/his_view".to_owned(),
            tls: Tls::Required,
            ca: PathBuf::new(),
            query: query.to_owned(),
            at: String::new(),
            connect_seconds: 10,
            read_seconds: 600,
            retry_minutes: 10,
        }
    }

    #[test]
    fn a_query_is_one_statement_that_reads_one_day() {
        for (query, wrong) in [
            ("select a from v where d = '{date}'", None),
            (" SELECT a FROM v WHERE d = '{date}' ;\n", None),
            ("with x as (select 1) select * from x where d = '{date}'", None),
            ("select\ta from v where d = '{date}'", None),
            ("", Some("does not begin")),
            ("selection '{date}'", Some("does not begin")),
            ("delete from v where d = '{date}'", Some("does not begin")),
            ("select 1; delete from v where d = '{date}'", Some("more than one statement")),
            ("select a from v", Some("{date}")),
        ] {
            let found = view(query).wrong_query();
            assert!(
                found.is_some() == wrong.is_some() && found.is_none_or(|f| f.contains(wrong.unwrap())),
                "{query}: {found:?}"
            );
        }
        let day = Day::read("2026-11-21").unwrap();
        assert_eq!(
            view("select a from v where d = '{date}'; ").statement(day),
            "select a from v where d = '2026-11-21'"
        );
    }

    #[test]
    fn addresses_and_times_of_day_are_read() {
        for (address, expected) in [
            ("10.1.1.5:5432", Some(("10.1.1.5", 5432))),
            ("his-db.hospital:3306", Some(("his-db.hospital", 3306))),
            ("[fd00::5]:5432", Some(("fd00::5", 5432))),
            ("fd00::5:5432", None),
            ("/run/postgresql:5432", None),
            ("user:word@host:5432", None),
            ("host", None),
            ("host:0", None),
            (":5432", None),
        ] {
            let view = Settings { address: address.to_owned(), ..view("") };
            assert_eq!(view.host_port(), expected, "{address}");
        }
        for (at, minute) in [
            ("06:30", Some(390)),
            ("00:00", Some(0)),
            ("23:59", Some(1439)),
            ("24:00", None),
            ("6:30", None),
            ("", None),
            ("+6:30", None),
        ] {
            let view = Settings { at: at.to_owned(), ..view("") };
            assert_eq!(view.minute(), minute, "{at}");
        }
    }
}
