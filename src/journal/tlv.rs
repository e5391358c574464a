//! Tag, length, value: the inner form of facts and sealed parts. Unknown tags are kept.

/// Entries in the order they were written: tag u16, length u32, value. Kept as they are stored; always whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tlv(Vec<u8>);

impl Tlv {
    /// Adds an entry; a tag may stand several times.
    pub fn add(&mut self, tag: u16, value: impl AsRef<[u8]>) {
        self.add_parts(tag, &[value.as_ref()]);
    }

    /// Adds an entry whose value is the parts, one after the other.
    pub fn add_parts(&mut self, tag: u16, parts: &[&[u8]]) {
        put(&mut self.0, tag, parts);
    }

    /// The first value of a tag.
    pub fn first(&self, tag: u16) -> Option<&[u8]> {
        self.all(tag).next()
    }

    /// All values of a tag, in order.
    pub fn all(&self, tag: u16) -> impl Iterator<Item = &[u8]> {
        self.entries().filter(move |(its_tag, _)| *its_tag == tag).map(|(_, value)| value)
    }

    /// Every entry, unknown tags included.
    pub fn entries(&self) -> impl Iterator<Item = (u16, &[u8])> {
        read(&self.0).map_while(Result::ok)
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The stored form.
    pub fn stored(&self) -> &[u8] {
        &self.0
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// When an entry does not fit the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Tlv, CutTlv> {
        read(bytes).try_for_each(|entry| entry.map(drop))?;
        Ok(Tlv(bytes.to_vec()))
    }
}

/// Appends one entry; its value is the parts, one after the other.
pub fn put(out: &mut Vec<u8>, tag: u16, parts: &[&[u8]]) {
    nest(out, tag, |out| parts.iter().for_each(|part| out.extend_from_slice(part)));
}

/// Appends one entry whose value is what `fill` appends: entries of its own, or a body that is not to be copied twice.
pub fn nest(out: &mut Vec<u8>, tag: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&tag.to_le_bytes());
    let len_at = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    // A value is bounded far below 4 GiB by the frame it stands in.
    let len = (out.len() - len_at - 4) as u32;
    out[len_at..len_at + 4].copy_from_slice(&len.to_le_bytes());
}

/// Reads the stored form entry by entry, without copying a value.
pub fn read(bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), CutTlv>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = split_entry(rest);
        rest = entry.map_or(&[], |(_, _, rest)| rest);
        Some(entry.map(|(tag, value, _)| (tag, value)))
    })
}

fn split_entry(bytes: &[u8]) -> Result<(u16, &[u8], &[u8]), CutTlv> {
    let (head, rest) = bytes.split_first_chunk::<6>().ok_or(CutTlv)?;
    let len = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
    let (value, rest) = rest.split_at_checked(len).ok_or(CutTlv)?;
    Ok((u16::from_le_bytes([head[0], head[1]]), value, rest))
}

/// An entry ends beyond the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entry is cut short")]
pub struct CutTlv;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read_and_a_cut_is_noticed(
            entries in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..40)), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut tlv = Tlv::default();
            entries.iter().for_each(|(tag, value)| tlv.add(*tag, value));
            let stored = tlv.stored();
            prop_assert_eq!(&Tlv::decode(stored).unwrap(), &tlv);
            let read: Vec<_> = tlv.entries().map(|(tag, value)| (tag, value.to_vec())).collect();
            prop_assert_eq!(&read, &entries);
            let kept = cut.index(stored.len() + 1);
            let whole_entries = (0..=entries.len())
                .map(|n| entries[..n].iter().map(|(_, value)| 6 + value.len()).sum::<usize>());
            prop_assert_eq!(Tlv::decode(&stored[..kept]).is_ok(), whole_entries.into_iter().any(|end| end == kept));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(tlv) = Tlv::decode(&bytes) {
                prop_assert_eq!(tlv.stored(), bytes);
            }
        }
    }
}
