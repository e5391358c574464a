//! Which records go to disk together: stamped frames one behind the other in one buffer.

use crate::domain::exchange::Seq;

use super::frame::Frame;
use super::place::Place;
use super::queue::Pending;
use super::record::{Chain, Stamp, stamp};
use super::walk::Link;

/// One write and one sync. The buffer is kept from batch to batch.
#[derive(Debug, Default)]
pub struct Batch {
    buffer: Vec<u8>,
    members: Vec<(Pending, Place)>,
    chains: Vec<Chain>,
    base: u64,
    segment_no: u32,
    durable: Seq,
    link: Option<Link>,
}

impl Batch {
    /// Begins a batch at `offset` of a segment, behind the record of `durable`.
    pub fn begin(&mut self, segment_no: u32, offset: u64, durable: Link) {
        self.buffer.clear();
        self.members.clear();
        self.chains.clear();
        (self.segment_no, self.base) = (segment_no, offset);
        (self.durable, self.link) = (durable.seq, Some(durable));
    }

    /// Puts bytes that are no record before the first one: the header of a segment.
    pub fn lead(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Numbers a record, chains it and adds it: the one copy of its bytes.
    pub fn add(&mut self, pending: Pending) {
        let link = self.link.as_mut().expect("begin comes first");
        let at = self.buffer.len();
        let seq = Seq(link.seq.0 + 1);
        self.buffer.extend_from_slice(&pending.frame.bytes);
        let place = Stamp { seq, durable_seq: self.durable, segment_no: self.segment_no, prev_chain: link.chain };
        *link = Link { seq, chain: stamp(&mut self.buffer[at..], &place) };
        let offset = (self.base + at as u64) as u32;
        self.chains.push(link.chain);
        self.members.push((pending, Place { segment_no: self.segment_no, offset, seq }));
    }

    /// The bytes to be written.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True when there is no record.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Offset behind the last record.
    pub fn end(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    /// The last record, once the batch is durable.
    pub fn link(&self) -> Link {
        self.link.expect("begin comes first")
    }

    /// The records, where they stand, and their chain values.
    pub fn placed(&self) -> impl Iterator<Item = (&Frame, Place, &Chain)> {
        self.members.iter().zip(&self.chains).map(|((pending, place), chain)| (&pending.frame, *place, chain))
    }

    /// Bytes that the room account holds for the records.
    pub fn charged(&self) -> u64 {
        self.members.iter().map(|(pending, _)| pending.charged).sum()
    }

    /// Takes the records out.
    pub fn members(&mut self) -> impl Iterator<Item = (Pending, Place)> + '_ {
        self.members.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::journal::facts::{Fact, Facts};
    use crate::journal::pen::clear_frame;
    use crate::journal::queue::Role;
    use crate::journal::record::{Header, Kind, read_frame};

    proptest! {
        #[test]
        fn a_batch_reads_back_in_order_from_its_places(
            texts in prop::collection::vec("[a-z]{0,300}", 1..40),
            first in 1u64..1_000_000,
        ) {
            let before = Link { seq: Seq(first), chain: [4; 32] };
            let mut batch = Batch::default();
            batch.begin(3, 4096, before);
            for text in &texts {
                let mut facts = Facts::default();
                facts.text(Fact::Reason, text);
                batch.add(Pending::own(clear_frame(Header::new(Kind::Note), &facts), Role::Other));
            }
            let mut link = before;
            for ((_, place, chain), text) in batch.placed().zip(&texts) {
                let bytes = &batch.bytes()[(place.offset - 4096) as usize..];
                let (header, payload) = read_frame(bytes).unwrap();
                link.follow(&header, bytes, 3).unwrap();
                prop_assert_eq!(chain, &link.chain);
                prop_assert_eq!((header.seq, header.durable_seq), (place.seq, before.seq));
                let facts = Facts::decode(payload).unwrap();
                prop_assert_eq!(facts.text_of(Fact::Reason).unwrap_or(""), text.as_str());
            }
            prop_assert_eq!((link.seq, link.chain), (batch.link().seq, batch.link().chain));
            prop_assert_eq!(batch.end(), 4096 + batch.bytes().len() as u64);
        }
    }
}
