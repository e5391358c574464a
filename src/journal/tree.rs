//! The Merkle tree over the records (RFC 6962 arithmetic with SM3): its growing edge, its root, and the way from one record
//! up to a root.
//!
//! Leaf i, counted from 0, belongs to record i + 1 and is made of its chain value, which commits to header and payload.

use sm3::{Digest, Sm3};

use super::record::Chain;

/// A node of the tree.
pub type Hash = [u8; 32];

/// Subtrees of a tree that fits 64 bits.
const PEAKS_MAX: usize = 64;

/// Length of the stored form of the largest edge.
pub const FRONTIER_LEN_MAX: usize = PEAKS_MAX * 32;

/// SM3(0x00 ‖ chain).
pub fn leaf(chain: &Chain) -> Hash {
    digest(&[&[0], chain])
}

/// SM3(0x01 ‖ left ‖ right).
pub fn node(left: &Hash, right: &Hash) -> Hash {
    digest(&[&[1], left, right])
}

fn digest(parts: &[&[u8]]) -> Hash {
    let mut digest = Sm3::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().into()
}

/// The growing edge: all that is needed to add records and to know the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the whole subtrees, largest first: one per set bit of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Records in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the whole subtrees, largest first. They are also the left siblings of the next record, lowest last.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds the next record.
    pub fn push(&mut self, chain: &Chain) {
        self.push_watched(chain, &mut |_, _, _| {});
    }

    /// Adds the next record and tells every subtree that it completes: first leaf, end, root.
    pub fn push_watched(&mut self, chain: &Chain, told: &mut dyn FnMut(u64, u64, &Hash)) {
        let (mut hash, end) = (leaf(chain), self.size + 1);
        told(self.size, end, &hash);
        for level in 1..=self.size.trailing_ones() {
            let left = self.peaks.pop().expect("there is a peak for every bit of the size");
            hash = node(&left, &hash);
            told(end - (1 << level), end, &hash);
        }
        self.peaks.push(hash);
        self.size = end;
    }

    /// The whole subtrees, largest first: first leaf, end, root.
    pub fn subtrees(&self) -> impl Iterator<Item = (u64, u64, &Hash)> {
        let mut from = 0;
        let sizes = (0..u64::BITS).rev().map(|bit| 1 << bit).filter(|bit| self.size & bit != 0);
        self.peaks.iter().zip(sizes).map(move |(peak, size)| {
            let first = from;
            from += size;
            (first, from, peak)
        })
    }

    /// The root over the leaves from `from` on, which must be where a whole subtree begins.
    pub fn root_behind(&self, from: u64) -> Hash {
        let behind = self.subtrees().filter(|(first, ..)| *first >= from).map(|(_, _, peak)| *peak);
        joined(behind.collect())
    }

    /// The root; of an empty tree SM3 of nothing.
    pub fn root(&self) -> Hash {
        joined(self.peaks.clone())
    }

    /// The stored form: the peaks, one after the other. The size is stored elsewhere.
    pub fn encode(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// Reads the edge of a tree of `size` records; `None` when there are not as many peaks as it has.
    pub fn decode(size: u64, stored: &[u8]) -> Option<Frontier> {
        let (peaks, rest) = stored.as_chunks::<32>();
        let whole = rest.is_empty() && peaks.len() == size.count_ones() as usize;
        whole.then(|| Frontier { size, peaks: peaks.to_vec() })
    }
}

/// Whole subtrees, largest first, under one root.
fn joined(peaks: Vec<Hash>) -> Hash {
    let joined = peaks.into_iter().rev().reduce(|right, left| node(&left, &right));
    joined.unwrap_or_else(|| digest(&[]))
}

/// The largest power of two below `size`, which is at least 2: where RFC 6962 divides a tree.
fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// The subtrees whose roots lead from leaf `index` to the root of a tree of `size`: first and end of each, lowest first.
pub fn path_ranges(index: u64, size: u64) -> Vec<(u64, u64)> {
    let (mut ranges, mut from, mut end) = (Vec::new(), 0, size);
    while end - from > 1 {
        let middle = from + split(end - from);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((from, middle));
            from = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The root that a leaf and its path lead to; `None` when the path has another length than index and size ask for.
pub fn root_from(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let ranges = path_ranges(index, size);
    let joined =
        ranges.iter().zip(path).fold(
            leaf,
            |hash, ((from, _), sibling)| {
                if *from > index { node(&hash, sibling) } else { node(sibling, &hash) }
            },
        );
    (ranges.len() == path.len()).then_some(joined)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(number: u64) -> Chain {
        digest(&[&number.to_le_bytes()])
    }

    fn frontier(size: u64) -> Frontier {
        let mut frontier = Frontier::default();
        (0..size).for_each(|number| frontier.push(&chain(number)));
        frontier
    }

    /// MTH of RFC 6962 section 2.1, as it is written there.
    fn by_definition(from: u64, end: u64) -> Hash {
        match end - from {
            0 => digest(&[]),
            1 => leaf(&chain(from)),
            size => {
                let mut half = 1;
                while half * 2 < size {
                    half *= 2;
                }
                node(&by_definition(from, from + half), &by_definition(from + half, end))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition() {
        for size in 0..200 {
            assert_eq!(frontier(size).root(), by_definition(0, size), "{size}");
        }
    }

    #[test]
    fn the_edge_is_read_back_and_another_length_is_not() {
        for size in 0..70 {
            let edge = frontier(size);
            assert_eq!(Frontier::decode(size, &edge.encode()), Some(edge.clone()));
            assert_eq!(Frontier::decode(2 * size + 1, &edge.encode()), None);
            assert!(size == 0 || Frontier::decode(size, &edge.encode()[1..]).is_none());
        }
    }

    #[test]
    fn an_empty_tree_has_the_digest_of_nothing() {
        // SM3 of no bytes, as `openssl dgst -sm3 /dev/null` prints it.
        let known = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b";
        assert_eq!(hex::encode(Frontier::default().root()), known);
    }

    proptest! {
        #[test]
        fn every_record_leads_to_the_root_and_no_other_does(size in 1u64..300, at in any::<prop::sample::Index>(), bit in 0usize..256) {
            let index = at.index(size as usize) as u64;
            let root = frontier(size).root();
            let path: Vec<Hash> = path_ranges(index, size).iter().map(|(from, end)| by_definition(*from, *end)).collect();
            prop_assert_eq!(root_from(leaf(&chain(index)), index, size, &path), Some(root));
            prop_assert_ne!(root_from(leaf(&chain(index + 1)), index, size, &path), Some(root));
            prop_assert_eq!(root_from(leaf(&chain(index)), size, size, &path), None);
            if let Some(last) = path.len().checked_sub(1) {
                prop_assert_eq!(root_from(leaf(&chain(index)), index, size, &path[..last]), None);
                let mut bent = path.clone();
                bent[at.index(path.len())][bit / 8] ^= 1 << (bit % 8);
                prop_assert_ne!(root_from(leaf(&chain(index)), index, size, &bent), Some(root));
            }
        }

        #[test]
        fn the_peaks_are_the_left_siblings_of_the_next_record(size in 0u64..300, more in 1u64..300) {
            let left: Vec<Hash> = path_ranges(size, size + more)
                .iter()
                .filter(|(_, end)| *end <= size)
                .rev()
                .map(|(from, end)| by_definition(*from, *end))
                .collect();
            let edge = frontier(size);
            prop_assert_eq!(edge.peaks(), left);
        }
    }
}
