//! What is wrong with a file of the HIS, row by row, for hospital people. Values of a row are never shown: they may be a person's.

use std::fmt;
use std::io;

use serde::Serialize;
use utoipa::ToSchema;

/// Complaints that one report holds; more are counted.
pub const COMPLAINTS_MAX: usize = 100;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Complaint {
    /// Line of the file, the header being 1; 0 when it is about the whole file.
    pub line: u64,
    /// Header of the column; empty when it is about the whole line.
    pub column: String,
    /// What is wrong, and the cure.
    pub what: String,
}

/// Everything that is wrong with a file, the first [`COMPLAINTS_MAX`] of it in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// Rows that were read.
    pub rows: u64,
    /// How much is wrong in all.
    pub wrong: u64,
    /// In the order of the lines.
    pub complaints: Vec<Complaint>,
}

impl Report {
    /// Adds a complaint.
    pub fn add(&mut self, line: u64, column: &str, what: impl Into<String>) {
        self.wrong += 1;
        if self.complaints.len() < COMPLAINTS_MAX {
            self.complaints.push(Complaint { line, column: column.to_owned(), what: what.into() });
        }
    }

    /// About the whole file.
    pub fn of_file(what: impl Into<String>) -> Report {
        let mut report = Report::default();
        report.add(0, "", what);
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "文件未导入：读了 {} 行，{} 处有误；改正后整份重新导入", self.rows, self.wrong)?;
        for Complaint { line, column, what } in &self.complaints {
            let line = if *line == 0 { "整份文件".to_owned() } else { format!("第{line}行") };
            let column = if column.is_empty() { String::new() } else { format!("「{column}」") };
            writeln!(f, "  {line}{column}：{what}")?;
        }
        let more = self.wrong - self.complaints.len() as u64;
        if more > 0 { writeln!(f, "  另有 {more} 处，未逐一列出") } else { Ok(()) }
    }
}

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// What is wrong with it, with the line where it is known (0: not).
    #[error("{1}")]
    File(u64, String),
    /// The machine.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Unread {
    /// About the whole file.
    pub fn file(what: impl Into<String>) -> Unread {
        Unread::File(0, what.into())
    }
}
