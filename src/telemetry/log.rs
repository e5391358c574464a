//! Log lines: set up once at start, in one of two forms, with field names from one list. Never a person's data.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Form of a line.
    pub format: Format,
    /// What is logged, in the usual directive form: `info,medgate::journal=debug`.
    pub filter: String,
}

/// Form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// For collectors: one JSON object per line.
    Json,
}

/// Names of fields, used as `info!({ field::INFNO } = infno, "…")`. What is not in this list is not logged.
pub mod field {
    /// Id of the exchange.
    pub const EXCHANGE: &str = "exchange";
    /// Record number in the journal.
    pub const SEQ: &str = "seq";
    /// Number of the transaction.
    pub const INFNO: &str = "infno";
    /// Class of the transaction.
    pub const CLASS: &str = "class";
    /// The sender's message id.
    pub const MSGID: &str = "msgid";
    /// What became of the exchange.
    pub const OUTCOME: &str = "outcome";
    /// Why.
    pub const CAUSE: &str = "cause";
    /// What the HIS was told.
    pub const TOLD: &str = "told";
    /// Name of the upstream.
    pub const UPSTREAM: &str = "upstream";
    /// Address of the HIS or of a listener.
    pub const PEER: &str = "peer";
    /// HTTP status.
    pub const STATUS: &str = "status";
    /// Bytes of a body.
    pub const BYTES: &str = "bytes";
    /// Time taken, milliseconds.
    pub const DURATION_MS: &str = "duration_ms";
    /// Number of the segment.
    pub const SEGMENT: &str = "segment";
    /// An error and its causes.
    pub const ERROR: &str = "error";

    /// All of them.
    pub const ALL: &[&str] = &[
        EXCHANGE,
        SEQ,
        INFNO,
        CLASS,
        MSGID,
        OUTCOME,
        CAUSE,
        TOLD,
        UPSTREAM,
        PEER,
        STATUS,
        BYTES,
        DURATION_MS,
        SEGMENT,
        ERROR,
    ];
}

/// Starts logging to standard error; `RUST_LOG`, where set, replaces the filter.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn start(settings: &Settings) -> Result<(), StartError> {
    start_into(settings, std::io::stderr)
}

/// The same, into another place than standard error.
///
/// # Errors
/// As [`start`].
pub fn start_into(
    settings: &Settings,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Result<(), StartError> {
    let said = std::env::var("RUST_LOG").unwrap_or_else(|_| settings.filter.clone());
    let filter = EnvFilter::try_new(&said).map_err(|source| StartError::Filter { said, source })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    let started = match settings.format {
        Format::Text => lines.try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| StartError::Twice)
}

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The filter is not a list of directives.
    #[error("log filter \"{said}\" cannot be read")]
    Filter {
        /// The filter.
        said: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging runs already.
    #[error("logging was started before")]
    Twice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let settings = Settings { format: Format::Text, filter: "medgate=loud=very".to_owned() };
        assert!(matches!(start(&settings), Err(StartError::Filter { said, .. }) if said == "medgate=loud=very"));
    }

    #[test]
    fn field_names_are_plain_and_distinct() {
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(field::ALL.iter().all(|name| plain(name)));
        let distinct: std::collections::BTreeSet<_> = field::ALL.iter().collect();
        assert_eq!(distinct.len(), field::ALL.len());
    }
}
