//! What a journal folder gives to the commands: records in order, and the sealed part to whoever holds the keys.

use crate::domain::exchange::Seq;
use crate::journal::draft::Sealed;
use crate::journal::facts::Facts;
use crate::journal::record::Header;

/// A record as the commands see it.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Page {
    pub(in crate::cli) header: Header,
    pub(in crate::cli) facts: Facts,
    /// The whole payload, facts included.
    pub(in crate::cli) payload: Vec<u8>,
}

/// Pages in order, or where reading stopped and why.
pub(in crate::cli) type Pages<'a> = Box<dyn Iterator<Item = Result<Page, String>> + 'a>;

/// A journal opened for reading.
pub(in crate::cli) trait Source {
    /// The records from `from` on, up to the last durable one; ask again for those that came since.
    fn pages(&mut self, from: Seq) -> Pages<'_>;
    /// The sealed part; an error when the key is gone or not here.
    fn unseal(&self, page: &Page) -> Result<Sealed, String>;
}
