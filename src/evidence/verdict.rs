//! What the verifier found, for people in two languages and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::domain::exchange::Seq;
use crate::domain::moment::china_time;
use crate::journal::verify::End;

const SECOND_NS: i64 = 1_000_000_000;

/// What kind of harm was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// A record is not what was written, or not where it was.
    Record,
    /// A segment is missing, foreign, or its header was changed.
    Segment,
    /// A record names a body file that is missing or another one.
    Body,
    /// A checkpoint is not what was signed, or of a stranger.
    Checkpoint,
    /// The records are not those that were signed, though each follows the one before.
    Tree,
    /// The end is missing: cut, or the whole disk set back.
    Cut,
    /// The beginning is missing.
    Missing,
}

impl Harm {
    /// One word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Harm::Record => "record",
            Harm::Segment => "segment",
            Harm::Body => "body",
            Harm::Checkpoint => "checkpoint",
            Harm::Tree => "tree",
            Harm::Cut => "cut",
            Harm::Missing => "missing",
        }
    }

    fn chinese(self) -> &'static str {
        match self {
            Harm::Record => "记录被改动、删除、插入、换位或损坏",
            Harm::Segment => "段文件缺失、外来或文件头被改",
            Harm::Body => "大报文文件缺失或被替换",
            Harm::Checkpoint => "检查点被改动或不是本账本的密钥所签",
            Harm::Tree => "记录与已签名的检查点不符：内容被改后重新计算过校验",
            Harm::Cut => "尾部记录缺失：被截断，或整盘回退到旧状态",
            Harm::Missing => "早期记录缺失，且没有按规定清理的记录",
        }
    }
}

/// One harm, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Of what kind.
    pub harm: Harm,
    /// The file; empty when it is about several.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// The first record that is in doubt, 0 when none is.
    pub from: Seq,
    /// The last one.
    pub to: Seq,
    /// What is wrong.
    pub why: String,
}

impl Bad {
    pub(super) fn of_file(harm: Harm, file: &str, offset: u64, why: String) -> Bad {
        Bad { harm, file: file.to_owned(), offset, from: Seq::NONE, to: Seq::NONE, why }
    }

    pub(super) fn of_span(from: u64, to: u64, said: &str) -> Bad {
        let why = format!("what {said} says of the records up to {to} is not what they come to");
        Bad { harm: Harm::Tree, file: String::new(), offset: 0, from: Seq(from), to: Seq(to), why }
    }

    pub(super) fn of_missing(harm: Harm, from: Seq, to: Seq, why: String) -> Bad {
        Bad { harm, file: String::new(), offset: 0, from, to, why }
    }
}

/// What the last good checkpoint covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Records 1 to this.
    pub records: u64,
    /// When it was signed, POSIX seconds.
    pub time: i64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Id of the journal, hexadecimal; empty when nothing says it.
    pub journal: String,
    /// Segments checked to their end.
    pub segments: u32,
    /// Records that are as they were written.
    pub records: u64,
    /// The first of them.
    pub first: Seq,
    /// The last of them.
    pub last: Seq,
    /// Checkpoints that a given key signed.
    pub checkpoints: u64,
    /// The last one that holds.
    pub sealed: Option<Sealed>,
    /// Records after it.
    pub unsealed: u64,
    /// Body files checked.
    pub bodies: u64,
    /// Exchanges whose content was erased by policy; their proofs hold.
    pub erased: u64,
    /// How the last segment ends.
    pub end: End,
    /// What is wrong, the earliest first.
    pub harms: Vec<Bad>,
}

impl Verdict {
    /// 0 intact, 1 damaged, 3 intact with records after the last checkpoint.
    pub fn exit_code(&self) -> u8 {
        match (self.harms.is_empty(), self.unsealed) {
            (false, _) => 1,
            (true, 0) => 0,
            (true, _) => 3,
        }
    }

    /// The report for people, Chinese first.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |chinese: &str, english: &str, value: String| {
            let _ = writeln!(out, "{chinese} {english}: {value}");
        };
        line("账本", "journal", self.journal.clone());
        line("段文件", "segments", self.segments.to_string());
        line("记录", "records", format!("{} ({} - {})", self.records, self.first, self.last));
        line("大报文文件", "body files", self.bodies.to_string());
        line("按规定清除", "erased by policy", self.erased.to_string());
        line("已验签的检查点", "checkpoints verified", self.checkpoints.to_string());
        let sealed = self.sealed.as_ref().map_or_else(
            || "无 none".to_owned(),
            |sealed| format!("1 - {} ({})", sealed.records, china_time(sealed.time.saturating_mul(SECOND_NS))),
        );
        line("检查点覆盖的记录", "sealed records", sealed);
        line("尚无检查点覆盖", "after the last checkpoint", self.unsealed.to_string());
        for bad in &self.harms {
            let place = if bad.file.is_empty() { String::new() } else { format!(" {} +{}", bad.file, bad.offset) };
            let records = match (bad.from, bad.to) {
                (Seq::NONE, _) => String::new(),
                (from, to) if from == to => format!(" 记录 record {from}"),
                (from, to) => format!(" 记录 records {from} - {to}"),
            };
            let _ = writeln!(out, "损坏 DAMAGED:{records}{place}: {}\n    {}", bad.harm.chinese(), bad.why);
        }
        out.push_str(match self.exit_code() {
            0 => "结论：账本完整，全部记录有签名。\nRESULT: intact, every record is sealed.\n",
            3 => "结论：账本完整；最后一个检查点之后的记录还没有签名。\nRESULT: intact; the records after the last checkpoint are not sealed yet.\n",
            _ => "结论：账本不可信，请保留现场并与异地检查点、备份比对。\nRESULT: DAMAGED; keep this folder as it is and compare it with anchor and backup.\n",
        });
        out
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let harms = self.harms.iter().map(|bad| {
            json!({"harm": bad.harm.word(), "file": bad.file, "offset": bad.offset, "from": bad.from.0, "to": bad.to.0, "why": bad.why})
        });
        json!({
            "journal": self.journal, "segments": self.segments, "records": self.records, "first": self.first.0,
            "last": self.last.0, "checkpoints": self.checkpoints, "sealed": self.sealed.as_ref().map(|sealed| sealed.records),
            "sealed_time": self.sealed.as_ref().map(|sealed| sealed.time), "unsealed": self.unsealed, "bodies": self.bodies,
            "erased": self.erased, "harms": harms.collect::<Vec<_>>(), "exit_code": self.exit_code(),
        })
    }
}
