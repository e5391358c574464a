//! Equal rows, equal digest: however often the views were built, and in whatever batches.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sm3::{Digest, Sm3};

use super::month::Month;
use super::read::{ReadTrouble, Views};
use super::schema::CONTENT;

/// The digest of one month's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfMonth {
    /// The month.
    pub month: Month,
    /// SM3 over every value of every table in the order of their keys, hexadecimal.
    pub digest: String,
    /// Exchanges in it.
    pub exchanges: u64,
}

impl Views {
    /// Digests of all months, ascending.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn digests(&self) -> Result<Vec<OfMonth>, ReadTrouble> {
        let mut digests = Vec::new();
        for month in self.months()? {
            if let Some(mut file) = self.open(month)? {
                let snapshot = file.transaction()?; // All tables at one moment.
                digests.push(of_file(&snapshot, month)?);
            }
        }
        Ok(digests)
    }

    /// One digest over all of them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn digest(&self) -> Result<String, ReadTrouble> {
        let mut all = Sm3::new();
        for one in self.digests()? {
            all.update(format!("{} {}\n", one.month, one.digest));
        }
        Ok(hex::encode(all.finalize()))
    }
}

fn of_file(file: &Connection, month: Month) -> Result<OfMonth, ReadTrouble> {
    let (mut digest, mut exchanges) = (Sm3::new(), 0);
    for (table, order) in CONTENT {
        let mut statement = file.prepare(&format!("SELECT * FROM {table} ORDER BY {order}"))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        digest.update(table);
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                add(&mut digest, row.get_ref(column)?);
            }
            exchanges += u64::from(*table == "exchange");
        }
    }
    Ok(OfMonth { month, digest: hex::encode(digest.finalize()), exchanges })
}

/// Type, length and bytes, so that no two rows look alike.
fn add(digest: &mut Sm3, value: ValueRef<'_>) {
    let mut one = |kind: u8, bytes: &[u8]| {
        digest.update([kind]);
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    match value {
        ValueRef::Null => one(0, &[]),
        ValueRef::Integer(number) => one(1, &number.to_le_bytes()),
        ValueRef::Real(number) => one(2, &number.to_le_bytes()),
        ValueRef::Text(text) => one(3, text),
        ValueRef::Blob(bytes) => one(4, bytes),
    }
}
