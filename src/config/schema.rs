//! Which keys exist, what type and range they have. Keys and types are read from the defaults file: there is no second list.

use std::sync::LazyLock;

use toml::{Table, Value};

use super::DEFAULTS;
use super::complaint::nearest;

/// Sections that stand once per name: `[upstream.NAME]`, `[client.NAME]`, `[identity.NAME]`, `[person.NAME]`.
pub(super) const NAMED: &[&str] = &["upstream", "client", "identity", "person"];

/// Whole numbers and their bounds. The lower ones keep the gateway working, the upper ones catch a wrong unit.
#[rustfmt::skip]
const RANGES: &[(&str, i64, i64)] = &[
    ("gateway.drain_seconds", 0, 3_600),
    ("inbound.connections_max", 1, 1_000_000),
    ("inbound.exchanges_max", 1, 100_000),
    ("inbound.exchanges_waiting_max", 0, 100_000),
    ("inbound.memory_bytes_max", 16 << 20, 1 << 40),
    ("inbound.body_bytes_max", 64 << 10, 4 << 30),
    ("inbound.drain_bytes_max", 0, 4 << 30),
    ("inbound.head_seconds", 1, 3_600),
    ("inbound.idle_seconds", 120, 86_400), // HIS clients keep idle connections for minutes and do not expect them closed.
    ("inbound.body_stall_seconds", 1, 3_600),
    ("inbound.body_bytes_per_second_min", 0, 1 << 30),
    ("journal.segment_bytes", 16 << 20, 1 << 31), // Eight of the largest frames; offsets have 32 bits.
    ("journal.compression_level", 1, 19),
    ("journal.memory_bytes_max", 8 << 20, 1 << 40), // Two batches.
    ("journal.mark_idle_ms", 1, 10_000),
    ("journal.spare_retry_ms", 10, 60_000),
    ("journal.reopen_retry_ms", 10, 60_000),
    ("journal.room_wait_ms", 0, 60_000),
    ("seal.every_seconds", 1, 3_600),
    ("seal.verify_hour", 0, 24),
    ("retention.key_live_days", 0, 36_500),
    ("retention.keep_days", 0, 36_500),
    ("retention.disk_free_bytes_min", 0, 1 << 50),
    ("retention.disk_days_min", 0, 3_650),
    ("views.rest_ms", 10, 60_000),
    ("views.busy_percent_max", 1, 100),
    ("views.retry_ms", 100, 60_000),
    ("line.replay_fresh_seconds", 0, 86_400),
    ("line.fence_days", 0, 400),
    ("line.refusals_per_second_max", 1, 1_000_000),
    ("reconcile.every_seconds", 0, 86_400),
    ("reconcile.submit_hour", 0, 24),
    ("his_view.connect_seconds", 1, 600),
    ("his_view.read_seconds", 1, 7_200),
    ("his_view.retry_minutes", 1, 1_440),
    ("finisher.every_seconds", 0, 86_400),
    ("finisher.retry_minutes", 0, 10_080),
    ("finisher.ask_minutes", 0, 10_080),
    ("finisher.asks_max", 0, 1_000),
    ("finisher.attempts_max", 1, 100),
    ("upstream.connect_ms", 10, 600_000),
    ("upstream.answer_ms", 10, 3_600_000),
    ("upstream.listen_ms", 10, 86_400_000),
    ("upstream.idle_ms", 0, 600_000),
    ("upstream.connections_max", 1, 100_000),
    ("upstream.connections_waiting_max", 0, 1_000_000),
    ("upstream.reply_bytes_max", 64 << 10, 1 << 40),
    ("client.patience_ms", 0, 3_600_000),
];

/// Settings that take one of a few words.
const WORDS: &[(&str, &[&str])] = &[
    ("journal.cipher", &["sm4-gcm", "aes-256-gcm"]),
    ("line.query_without_journal", &["refuse", "pass"]),
    ("client.unknown", &["hold", "close", "native"]),
    ("callback.unknown", &["hold", "close", "native"]),
    ("client.verify", &["off", "warn", "refuse"]),
    ("upstream.sign", &["pass", "sign"]),
    ("reconcile.submitter", &["his", "gateway"]),
    ("his_ledger.encoding", &["auto", "utf-8", "gbk"]),
    ("his_view.kind", &["off", "postgresql", "mysql", "sqlserver"]),
    ("his_view.tls", &["off", "required"]),
    ("log.format", &["text", "json"]),
];

static KEYS: LazyLock<Table> = LazyLock::new(|| DEFAULTS.parse().expect("a test reads the defaults file"));

/// What is wrong with a key or value, and the cure.
pub(super) type Wrong = (String, String);

/// The example value of a key, `["upstream", "province", "url"]`, as the defaults file gives it.
pub(super) fn example(path: &[&str]) -> Result<&'static Value, Wrong> {
    let (section, rest) = path.split_first().ok_or_else(|| unknown("section", path, &KEYS))?;
    let found = KEYS.get(*section).ok_or_else(|| unknown("section", path, &KEYS))?;
    let (keys, rest) = match (found, rest) {
        (Value::Array(routes), [_, rest @ ..]) => (routes[0].as_table(), rest),
        (Value::Table(sections), [_, rest @ ..]) if NAMED.contains(section) => (sections["default"].as_table(), rest),
        (Value::Table(keys), rest) if !NAMED.contains(section) => (Some(keys), rest),
        _ => (None, rest),
    };
    match (keys, rest) {
        (Some(keys), [key]) => keys.get(*key).ok_or_else(|| unknown("key", path, keys)),
        _ if NAMED.contains(section) => Err((
            format!("`{}` is not a setting", path.join(".")),
            format!("write it as [{section}.default] KEY = VALUE"),
        )),
        _ => {
            Err((format!("`{}` is not a setting", path.join(".")), format!("settings of `{section}` are KEY = VALUE")))
        }
    }
}

/// True when an empty `[SECTION.NAME]` or `[[route]]` stands for one more of its kind, all as `default`.
pub(super) fn empty_section(path: &[&str]) -> Result<bool, Wrong> {
    let found = KEYS.get(path[0]).ok_or_else(|| unknown("section", path, &KEYS))?;
    match path.len() {
        1 => Ok(false),
        2 if found.is_array() || NAMED.contains(&path[0]) => Ok(true),
        _ => example(path).map(|_| false),
    }
}

/// Checks type, range and word of a value.
pub(super) fn fits(path: &[&str], value: &Value) -> Result<(), Wrong> {
    let example = example(path)?;
    let name = path.join(".");
    let is_texts = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_str));
    if !value.same_type(example) || (example.is_array() && !is_texts(value)) {
        let wanted = if example.is_array() { "list of strings" } else { example.type_str() };
        let (is, wanted) = (with_article(value.type_str()), with_article(wanted));
        return Err((format!("`{name}` is {is}, not {wanted}"), format!("for example: {example}")));
    }
    let short = format!("{}.{}", path[0], path[path.len() - 1]);
    if let (Some(number), Some((_, min, max))) = (value.as_integer(), RANGES.iter().find(|row| row.0 == short))
        && !(*min..=*max).contains(&number)
    {
        return Err((
            format!("`{name}` = {number} is out of range"),
            format!("use {min} to {max}; the default is {example}"),
        ));
    }
    if let (Some(word), Some((_, words))) = (value.as_str(), WORDS.iter().find(|row| row.0 == short))
        && !words.contains(&word)
    {
        let meant =
            nearest(word, words.iter().copied()).map(|word| format!("did you mean `{word}`? ")).unwrap_or_default();
        return Err((
            format!("`{name}` does not take \"{word}\""),
            format!("{meant}it is one of: {}", words.join(", ")),
        ));
    }
    Ok(())
}

fn with_article(word: &str) -> String {
    let vowel = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {word}", if vowel { "an" } else { "a" })
}

fn unknown(what: &str, path: &[&str], known: &Table) -> Wrong {
    let said = if what == "section" { path.first() } else { path.last() };
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    let cure = match nearest(said.copied().unwrap_or(""), known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    let named = if what == "section" { path.first().copied().unwrap_or("").to_owned() } else { path.join(".") };
    (format!("unknown {what} `{named}`"), cure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_range_that_holds_its_default_and_every_range_has_a_number() {
        let mut ranged = Vec::new();
        for (section, value) in KEYS.iter() {
            let keys = value.as_array().map_or(value, |routes| &routes[0]);
            let keys = if NAMED.contains(&section.as_str()) { &keys["default"] } else { keys };
            for (key, value) in keys.as_table().unwrap() {
                if let Some(number) = value.as_integer() {
                    let name = format!("{section}.{key}");
                    let row = RANGES.iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("no range for {name}"));
                    assert!((row.1..=row.2).contains(&number), "{name} = {number}");
                    ranged.push(row.0);
                }
            }
        }
        assert_eq!(ranged.len(), RANGES.len(), "a range without its key");
    }

    #[test]
    fn every_key_of_the_defaults_says_what_it_is() {
        for line in DEFAULTS.lines().filter(|line| line.contains(" = ")) {
            let comment = line.split_once('#').map_or("", |(_, comment)| comment.trim());
            assert!(comment.len() >= 4, "no comment: {line}");
        }
    }
}
