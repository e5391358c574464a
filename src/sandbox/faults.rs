//! What goes wrong, by script: each entry names the calls it strikes and how.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::call::Call;

/// One entry of the script. An absent condition matches every call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Only this transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infno: Option<String>,
    /// Only the request with this msgid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msgid: Option<String>,
    /// Only requests of this institution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixmedins_code: Option<String>,
    /// The first matching call that is struck, counted from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many matching calls are struck from there on; 0 = all.
    #[serde(default = "one")]
    pub times: u64,
    /// How.
    #[serde(flatten)]
    pub fault: Fault,
    /// Matching calls seen so far; counted by the stand-in.
    #[serde(default)]
    pub seen: u64,
    /// Calls struck so far; counted by the stand-in.
    #[serde(default)]
    pub struck: u64,
}

fn one() -> u64 {
    1
}

/// How a call goes wrong. "Commits" means that the ledger really acts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Fault {
    /// infcode -1 with this text; commits nothing.
    #[default]
    Refuse,
    /// infcode -1 with a text of one's own; commits nothing unless told.
    RefuseSaying {
        /// The err_msg.
        err_msg: String,
        /// Whether the ledger acts all the same: a platform that wraps its own silence into -1.
        #[serde(default)]
        commit: bool,
    },
    /// Closes the connection; commits nothing, ever.
    Drop,
    /// Resets the connection (RST); commits nothing, ever.
    Reset,
    /// Commits, then closes the connection without a byte.
    CommitThenDrop,
    /// Closes the connection, and commits so many milliseconds later.
    DropThenCommit {
        /// Delay of the commit.
        #[serde(default = "moment")]
        ms: u64,
    },
    /// Commits at once, answers after so many milliseconds.
    Late {
        /// Delay of the answer.
        ms: u64,
    },
    /// Commits only after so many milliseconds, then answers.
    LateCommit {
        /// Delay of the commit.
        ms: u64,
    },
    /// Commits, announces the whole answer, sends half of it, closes.
    HalfAnswer,
    /// Commits, sends the whole answer in pieces of 16 bytes with so many milliseconds between.
    SlowDrip {
        /// Pause between the pieces.
        ms: u64,
    },
    /// The HTML page of a box between: status 502.
    #[serde(rename = "page_502")]
    Page502 {
        /// Whether the ledger acts behind the box's back; it does unless told not to.
        #[serde(default = "yes")]
        commit: bool,
    },
    /// Any other answer: status, content type and body as given.
    Answer {
        /// HTTP status.
        #[serde(default = "ok_status")]
        status: u16,
        /// Content-Type; none when empty.
        #[serde(default)]
        content_type: String,
        /// The body.
        #[serde(default)]
        body: String,
        /// Whether the ledger acts.
        #[serde(default)]
        commit: bool,
    },
    /// Commits and answers as always, then closes the connection without having said so.
    CloseAfter,
}

fn moment() -> u64 {
    200
}

fn yes() -> bool {
    true
}

fn ok_status() -> u16 {
    200
}

impl Fault {
    /// The name in the script and in the ledger.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Refuse => "refuse",
            Fault::RefuseSaying { .. } => "refuse_saying",
            Fault::Drop => "drop",
            Fault::Reset => "reset",
            Fault::CommitThenDrop => "commit_then_drop",
            Fault::DropThenCommit { .. } => "drop_then_commit",
            Fault::Late { .. } => "late",
            Fault::LateCommit { .. } => "late_commit",
            Fault::HalfAnswer => "half_answer",
            Fault::SlowDrip { .. } => "slow_drip",
            Fault::Page502 { .. } => "page_502",
            Fault::Answer { .. } => "answer",
            Fault::CloseAfter => "close_after",
        }
    }
}

/// The entries in order; of several that strike, the first wins, but all count.
#[derive(Debug, Default, Clone)]
pub struct Script {
    entries: Vec<Entry>,
}

/// Entries of one script; more are refused.
const ENTRIES_MAX: usize = 1000;

/// Every key that an entry may have.
const KEYS: [&str; 12] = [
    "infno",
    "msgid",
    "fixmedins_code",
    "nth",
    "times",
    "fault",
    "err_msg",
    "commit",
    "ms",
    "status",
    "content_type",
    "body",
];

impl Script {
    /// A script of these entries.
    pub fn new(entries: Vec<Entry>) -> Script {
        Script { entries }
    }

    /// Reads a list of entries from JSON.
    ///
    /// # Errors
    /// A sentence for whoever wrote the script: not a list, too long, an unknown key or fault.
    pub fn read(json: &[u8]) -> Result<Script, String> {
        let rows: Vec<Map<String, Value>> =
            serde_json::from_slice(json).map_err(|cause| format!("not a list of entries: {cause}"))?;
        if rows.len() > ENTRIES_MAX {
            return Err(format!("{} entries; {ENTRIES_MAX} is the limit", rows.len()));
        }
        // serde cannot refuse unknown keys beside a flattened fault; a mistyped condition would strike every call.
        if let Some(key) = rows.iter().flat_map(Map::keys).find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("unknown key `{key}`; known are {}", KEYS.join(", ")));
        }
        let entries = rows.into_iter().map(|row| serde_json::from_value(Value::Object(row)));
        entries.collect::<Result<_, _>>().map(Script::new).map_err(|cause| cause.to_string())
    }

    /// The entries with their counts.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The fault that strikes this call.
    pub fn strike(&mut self, call: &Call) -> Option<Fault> {
        let mut struck = None;
        for entry in self.entries.iter_mut().filter(|entry| entry.matches(call)) {
            entry.seen += 1;
            let due = entry.seen >= entry.nth && (entry.times == 0 || entry.struck < entry.times);
            if due && struck.is_none() {
                entry.struck += 1;
                struck = Some(entry.fault.clone());
            }
        }
        struck
    }
}

impl Entry {
    /// An entry that strikes the `nth` call of a transaction of one institution.
    pub fn nth_of(fixmedins_code: &str, infno: &str, nth: u64, fault: Fault) -> Entry {
        Entry {
            infno: Some(infno.to_string()),
            fixmedins_code: Some(fixmedins_code.to_string()),
            nth,
            times: 1,
            fault,
            ..Entry::default()
        }
    }

    fn matches(&self, call: &Call) -> bool {
        let same = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        same(&self.infno, &call.infno)
            && same(&self.msgid, &call.msgid)
            && same(&self.fixmedins_code, &call.fixmedins_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(script: &mut Script, infno: &str) -> &'static str {
        let body = format!(r#"{{"infno":"{infno}","msgid":"m"}}"#);
        script.strike(&Call::read("/", body.as_bytes())).map_or("-", |fault| fault.name())
    }

    #[test]
    fn a_script_strikes_the_calls_it_names() {
        let text = r#"[{"infno":"2207","nth":2,"fault":"late","ms":50},
            {"infno":"2207","times":0,"nth":4,"fault":"page_502"},
            {"fault":"drop_then_commit","msgid":"other"}]"#;
        let mut script = Script::read(text.as_bytes()).expect("a script");
        let seen: Vec<_> = (0..6).map(|_| struck(&mut script, "2207")).collect();
        assert_eq!(seen, ["-", "late", "-", "page_502", "page_502", "page_502"]);
        assert_eq!(struck(&mut script, "2206"), "-");
        assert_eq!(script.entries()[1].fault, Fault::Page502 { commit: true });
        assert_eq!(script.entries()[2].fault, Fault::DropThenCommit { ms: 200 });
    }

    #[test]
    fn mistakes_in_a_script_are_named() {
        for (text, named) in [
            (r#"[{"fault":"earthquake"}]"#, "earthquake"),
            (r#"[{"fault":"drop","infn0":"2207"}]"#, "infn0"),
            (r#"[{"fault":"late"}]"#, "ms"),
            (r#"{"fault":"drop"}"#, "list"),
        ] {
            let said = Script::read(text.as_bytes()).expect_err(text);
            assert!(said.contains(named), "{said}");
        }
    }
}
