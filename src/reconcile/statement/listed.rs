//! The list of a scope as the platform has it: one row a line, TAB between cells, as a `Kind::Statement` record keeps it.

use std::io::{BufRead, BufReader, Read};

use crate::domain::money::{units_of, written};

use super::super::ledger::amounts::Amounts;

/// How a record names a list whose rows were compared, and not only their sums.
pub const BY_ROWS: &str = "rows";

/// How a row of ours, or of the platform, stands in its list. The words are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It has the row, as we hold it.
    Agrees,
    /// It does not have it.
    Absent,
    /// It has it otherwise.
    Differs,
    /// Only the platform has it: then it names msgid and person, and no settlement (`wire.md` §5.5).
    Alone,
}

impl Word {
    /// All of them.
    pub const ALL: [Word; 4] = [Word::Agrees, Word::Absent, Word::Differs, Word::Alone];

    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Word::Agrees => "agrees",
            Word::Absent => "absent",
            Word::Differs => "differs",
            Word::Alone => "alone",
        }
    }

    fn named(word: &str) -> Option<Word> {
        Word::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// How it stands.
    pub word: Word,
    /// 结算ID; empty where the platform does not say it.
    pub setl_id: String,
    /// 发送方报文ID; empty where nobody says it.
    pub msgid: String,
    /// The msgid is one that our journal sent for the same person and sum: all three were compared.
    pub is_ours: bool,
    /// It is a refund.
    pub refund: bool,
    /// What the platform has; an amount that it does not say is `None`.
    pub amounts: Amounts,
}

/// The list as text.
pub fn write(rows: &[Listed]) -> String {
    let mut text = String::new();
    for row in rows {
        let bit = |is: bool| if is { "1" } else { "0" };
        let [total, fund, account, _] = row.amounts.0.map(|units| units.map_or_else(String::new, written));
        let cells =
            [row.word.word(), &row.setl_id, &row.msgid, bit(row.is_ours), bit(row.refund), &total, &fund, &account];
        text += &cells.join("\t");
        text.push('\n');
    }
    text
}

/// Shows every row of a text with its line; gives how many there are.
///
/// # Errors
/// When it cannot be read, or is no such list.
pub fn each(text: Box<dyn Read>, visit: &mut dyn FnMut(u64, Listed)) -> Result<u64, String> {
    let mut rows = 0;
    for line in BufReader::new(text).lines() {
        let line = line.map_err(|error| error.to_string())?;
        rows += 1;
        let row = read(&line).ok_or_else(|| format!("line {rows} of the list is none"))?;
        visit(rows, row);
    }
    Ok(rows)
}

fn read(line: &str) -> Option<Listed> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [word, setl_id, msgid, is_ours, refund, total, fund, account] = cells[..] else { return None };
    let amount = |text: &str| if text.is_empty() { Some(None) } else { units_of(text).map(Some) };
    Some(Listed {
        word: Word::named(word)?,
        setl_id: setl_id.to_owned(),
        msgid: msgid.to_owned(),
        is_ours: is_ours == "1",
        refund: refund == "1",
        amounts: Amounts([amount(total)?, amount(fund)?, amount(account)?, None]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let rows = [
            (Word::Agrees, "S1", "", false, false, [Some(3_000_000), Some(0), Some(-1), None]),
            (Word::Absent, "S2", "", false, true, [Some(-3_000_000), None, None, None]),
            (Word::Differs, "S3", "M3", false, false, [None; 4]),
            (Word::Alone, "", "M4", true, false, [Some(1), None, None, None]),
        ];
        let rows = rows.map(|(word, setl_id, msgid, is_ours, refund, amounts)| Listed {
            word,
            setl_id: setl_id.to_owned(),
            msgid: msgid.to_owned(),
            is_ours,
            refund,
            amounts: Amounts(amounts),
        });
        let text = write(&rows);
        let mut again = Vec::new();
        let read = each(Box::new(std::io::Cursor::new(text.clone())), &mut |line, row| again.push((line, row)));
        assert_eq!(read, Ok(4));
        let numbered: Vec<_> = rows.into_iter().zip(1..).map(|(row, line)| (line, row)).collect();
        assert_eq!(again, numbered, "{text}");
        for bad in ["agrees\tS1", "nothing\tS\tM\t0\t0\t1\t1\t1", "agrees\tS\tM\t0\t0\tone\t1\t1"] {
            assert!(each(Box::new(std::io::Cursor::new(bad)), &mut |_, _| ()).is_err(), "{bad}");
        }
    }
}
