//! The way from records up to the root of a checkpoint, found in one walk over the chain values of all records.

use std::collections::HashMap;

use crate::journal::record::Chain;
use crate::journal::tree::{Frontier, Hash, path_ranges};

/// Gathers the audit paths of some records in a tree of a given size.
#[derive(Debug)]
pub struct Paths {
    size: u64,
    tree: Frontier,
    /// First and end of every subtree that some path needs, and its root once it is known.
    nodes: HashMap<(u64, u64), Option<Hash>>,
}

impl Paths {
    /// Paths for the records of these numbers, counted from 1, in a tree of `size` records.
    pub fn new(records: impl IntoIterator<Item = u64>, size: u64) -> Paths {
        let indexes = records.into_iter().filter(|record| (1..=size).contains(record)).map(|record| record - 1);
        let nodes = indexes.flat_map(|index| path_ranges(index, size)).map(|range| (range, None)).collect();
        Paths { size, tree: Frontier::default(), nodes }
    }

    /// Begins behind the front of a journal that was trimmed: what is before is known by its edge alone.
    pub fn begin_at(&mut self, edge: Frontier) {
        for (from, end, peak) in edge.subtrees() {
            self.known((from, end), peak);
        }
        self.tree = edge;
    }

    /// True while fewer than so many records were taken.
    pub fn is_behind(&self, records: u64) -> bool {
        self.tree.size() < records
    }

    /// Takes the next record; those beyond the tree do not matter.
    pub fn push(&mut self, chain: &Chain) {
        if self.tree.size() == self.size {
            return;
        }
        let nodes = &mut self.nodes;
        self.tree.push_watched(chain, &mut |from, end, hash| {
            nodes.entry((from, end)).and_modify(|known| *known = Some(*hash));
        });
        if self.tree.size() == self.size {
            self.close();
        }
    }

    fn known(&mut self, range: (u64, u64), hash: &Hash) {
        self.nodes.entry(range).and_modify(|known| *known = Some(*hash));
    }

    /// Subtrees at the right edge are no powers of two: their roots are joined from the peaks behind their beginning.
    fn close(&mut self) {
        let size = self.size;
        let open = self.nodes.iter().filter(|((_, end), known)| known.is_none() && *end == size);
        let open: Vec<(u64, u64)> = open.map(|(range, _)| *range).collect();
        for (from, end) in open {
            let hash = self.tree.root_behind(from);
            self.known((from, end), &hash);
        }
    }

    /// The root, once as many records were taken as the tree has.
    pub fn root(&self) -> Option<Hash> {
        (self.tree.size() == self.size).then(|| self.tree.root())
    }

    /// The path of a record, lowest sibling first; `None` when it is not in the tree or not asked for.
    pub fn of(&self, record: u64) -> Option<Vec<Hash>> {
        let index = record.checked_sub(1).filter(|index| *index < self.size)?;
        path_ranges(index, self.size).iter().map(|range| self.nodes.get(range).copied().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::tree::{leaf, root_from};

    fn chain(record: u64) -> Chain {
        let mut chain = [0; 32];
        chain[..8].copy_from_slice(&record.to_le_bytes());
        chain
    }

    #[test]
    fn every_record_of_every_small_tree_leads_to_its_root() {
        for size in 1..70 {
            let mut paths = Paths::new(1..=size, size);
            (1..=size + 3).for_each(|record| paths.push(&chain(record)));
            let root = paths.root().unwrap();
            for record in 1..=size {
                let path = paths.of(record).unwrap();
                assert_eq!(root_from(leaf(&chain(record)), record - 1, size, &path), Some(root), "{record} of {size}");
            }
            assert_eq!((paths.of(0), paths.of(size + 1)), (None, None));
        }
    }

    #[test]
    fn a_trimmed_front_is_known_by_its_edge() {
        for (front, size) in [(1, 9), (5, 6), (7, 40), (12, 13), (32, 50), (33, 64)] {
            let mut edge = Frontier::default();
            (1..=front).for_each(|record| edge.push(&chain(record)));
            let mut paths = Paths::new(front + 1..=size, size);
            paths.begin_at(edge);
            (front + 1..=size).for_each(|record| paths.push(&chain(record)));
            let root = paths.root().unwrap();
            for record in front + 1..=size {
                let path = paths.of(record).unwrap();
                assert_eq!(root_from(leaf(&chain(record)), record - 1, size, &path), Some(root), "{record} of {size}");
            }
        }
    }
}
