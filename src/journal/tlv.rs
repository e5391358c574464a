//! Tag, length, value: the inner form of facts and sealed parts. Unknown tags are kept.

/// Entries in the order they were written: tag u16, length u32, value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tlv {
    entries: Vec<(u16, Vec<u8>)>,
}

impl Tlv {
    /// Adds an entry; a tag may stand several times.
    pub fn add(&mut self, tag: u16, value: impl Into<Vec<u8>>) {
        self.entries.push((tag, value.into()));
    }

    /// The first value of a tag.
    pub fn first(&self, tag: u16) -> Option<&[u8]> {
        self.all(tag).next()
    }

    /// All values of a tag, in order.
    pub fn all(&self, tag: u16) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().filter(move |(t, _)| *t == tag).map(|(_, value)| value.as_slice())
    }

    /// Every entry, unknown tags included.
    pub fn entries(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.entries.iter().map(|(tag, value)| (*tag, value.as_slice()))
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that [`Tlv::encode_into`] will add.
    pub fn encoded_len(&self) -> usize {
        self.entries.iter().map(|(_, value)| 6 + value.len()).sum()
    }

    /// Appends the stored form.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        for (tag, value) in &self.entries {
            out.extend_from_slice(&tag.to_le_bytes());
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            out.extend_from_slice(value);
        }
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// When an entry does not fit the bytes.
    pub fn decode(mut bytes: &[u8]) -> Result<Tlv, CutTlv> {
        let mut tlv = Tlv::default();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_first_chunk::<6>().ok_or(CutTlv)?;
            let len = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
            if rest.len() < len {
                return Err(CutTlv);
            }
            let (value, rest) = rest.split_at(len);
            tlv.add(u16::from_le_bytes([head[0], head[1]]), value);
            bytes = rest;
        }
        Ok(tlv)
    }
}

/// An entry ends beyond the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry is cut short")]
pub struct CutTlv;
