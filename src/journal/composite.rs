//! Facts made of several fields: a delivery, a refusal, an exchange still open.
//!
//! A longer value was written by a later version and its front is read; a shorter one is no value.

use crate::domain::class::Class;
use crate::domain::exchange::{ExchangeId, Seq};
use crate::domain::message::BodyFile;
use crate::domain::outcome::{Cause, Told};

use super::facts::{Fact, Facts};

/// What became of one answer at the door (`Fact::Delivery`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The INTENT, or none when nothing was intended.
    pub intent: Seq,
    /// The exchange.
    pub exchange_id: ExchangeId,
    /// What the HIS was told.
    pub told: Told,
    /// Bytes of the body handed over.
    pub bytes: u64,
    /// When the hand-over ended.
    pub at_unix_ns: i64,
}

impl Delivery {
    /// seq u64, exchange id 16, told u8, bytes u64, at i64.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(41);
        out.extend_from_slice(&self.intent.0.to_le_bytes());
        out.extend_from_slice(&self.exchange_id.0);
        out.push(self.told as u8);
        out.extend_from_slice(&self.bytes.to_le_bytes());
        out.extend_from_slice(&self.at_unix_ns.to_le_bytes());
        out
    }

    /// Reads it back; `None` when cut or of a later format.
    pub fn decode(bytes: &[u8]) -> Option<Delivery> {
        let mut fields = Fields(bytes);
        Some(Delivery {
            intent: Seq(fields.u64()?),
            exchange_id: ExchangeId(fields.array()?),
            told: Told::from_code(fields.u8()?)?,
            bytes: fields.u64()?,
            at_unix_ns: fields.i64()?,
        })
    }

    /// The deliveries of a record.
    pub fn all(facts: &Facts) -> impl Iterator<Item = Delivery> {
        facts.all(Fact::Delivery).filter_map(Delivery::decode)
    }
}

/// A call that was refused before anything was sent, or several alike (`Fact::RefusedCall`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// When the (last) call came.
    pub at_unix_ns: i64,
    /// Its class.
    pub class: Class,
    /// Why it was refused.
    pub cause: Cause,
    /// 交易编号; empty when none was found.
    pub infno: String,
    /// The broken rule or bound.
    pub rule: String,
    /// Calls that this line stands for.
    pub count: u64,
}

impl RefusedCall {
    /// at i64, class u8, cause u8, infno, 0, rule, 0, count as decimal text.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.at_unix_ns.to_le_bytes().to_vec();
        out.extend_from_slice(&[self.class as u8, self.cause as u8]);
        // An infno comes from the wire; a zero byte in it would move the fields after it.
        out.extend(self.infno.bytes().filter(|byte| *byte != 0));
        out.push(0);
        out.extend(self.rule.bytes().filter(|byte| *byte != 0));
        out.push(0);
        out.extend_from_slice(self.count.to_string().as_bytes());
        out
    }

    /// Reads it back; `None` when cut or of a later format.
    pub fn decode(bytes: &[u8]) -> Option<RefusedCall> {
        let mut fields = Fields(bytes);
        let (at_unix_ns, class, cause) = (fields.i64()?, fields.u8()?, fields.u8()?);
        let mut texts = std::str::from_utf8(fields.0).ok()?.split('\0');
        Some(RefusedCall {
            at_unix_ns,
            class: Class::from_code(class)?,
            cause: Cause::from_code(cause)?,
            infno: texts.next()?.to_owned(),
            rule: texts.next()?.to_owned(),
            count: texts.next()?.parse().ok()?,
        })
    }

    /// The refusals of a record.
    pub fn all(facts: &Facts) -> impl Iterator<Item = RefusedCall> {
        facts.all(Fact::RefusedCall).filter_map(RefusedCall::decode)
    }
}

/// A body file as anybody can check it (`Fact::StoredBody`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBody {
    /// Bytes on disk.
    pub stored_len: u64,
    /// SM3 over them.
    pub digest: [u8; 32],
    /// File name inside `journal/bodies/`.
    pub name: String,
}

impl StoredBody {
    /// stored_len u64, digest 32, name.
    pub fn encode(file: &BodyFile) -> Vec<u8> {
        [&file.stored_len.to_le_bytes()[..], &file.digest, file.name.as_bytes()].concat()
    }

    /// Reads it back; `None` when cut.
    pub fn decode(bytes: &[u8]) -> Option<StoredBody> {
        let mut fields = Fields(bytes);
        let (stored_len, digest) = (fields.u64()?, fields.array()?);
        Some(StoredBody { stored_len, digest, name: std::str::from_utf8(fields.0).ok()?.to_owned() })
    }

    /// The body files of a record.
    pub fn all(facts: &Facts) -> impl Iterator<Item = StoredBody> {
        facts.all(Fact::StoredBody).filter_map(StoredBody::decode)
    }
}

/// An exchange without a final outcome when a segment ended (`Fact::OpenIntent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenIntent {
    /// Its INTENT.
    pub intent: Seq,
    /// Its class.
    pub class: Class,
    /// When it was intended.
    pub at_unix_ns: i64,
}

impl OpenIntent {
    /// seq u64, class u8, at i64.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.intent.0.to_le_bytes().to_vec();
        out.push(self.class as u8);
        out.extend_from_slice(&self.at_unix_ns.to_le_bytes());
        out
    }

    /// Reads it back; `None` when cut or of a later format.
    pub fn decode(bytes: &[u8]) -> Option<OpenIntent> {
        let mut fields = Fields(bytes);
        let (intent, class) = (Seq(fields.u64()?), Class::from_code(fields.u8()?)?);
        Some(OpenIntent { intent, class, at_unix_ns: fields.i64()? })
    }

    /// The open exchanges of a record.
    pub fn all(facts: &Facts) -> impl Iterator<Item = OpenIntent> {
        facts.all(Fact::OpenIntent).filter_map(OpenIntent::decode)
    }
}

/// The exchanges whose key slots were destroyed (`Fact::Erased` of an Erasure).
pub fn erased(facts: &Facts) -> impl Iterator<Item = ExchangeId> {
    facts.all(Fact::Erased).filter_map(|bytes| bytes.first_chunk().copied().map(ExchangeId))
}

/// The key slots that were destroyed (`Fact::Slots` of an Erasure).
pub fn erased_slots(facts: &Facts) -> impl Iterator<Item = u64> {
    facts.all(Fact::Slots).flat_map(|bytes| bytes.as_chunks().0).map(|slot| u64::from_le_bytes(*slot))
}

/// Takes little-endian fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*front)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// Reads back, also with bytes of a later version behind it, and never when cut.
    fn check<T: PartialEq + Debug>(value: &T, stored: &[u8], decode: impl Fn(&[u8]) -> Option<T>, cut_at: usize) {
        assert_eq!(decode(stored).as_ref(), Some(value));
        for len in 0..cut_at {
            assert_eq!(decode(&stored[..len]), None, "cut to {len}");
        }
    }

    #[test]
    fn values_read_back_and_cuts_are_noticed() {
        let exchange_id = ExchangeId([3; 16]);
        let delivery = Delivery { intent: Seq(7), exchange_id, told: Told::NotTold, bytes: 512, at_unix_ns: -1 };
        let stored = delivery.encode();
        check(&delivery, &stored, Delivery::decode, stored.len());
        check(&delivery, &[&stored[..], b"later"].concat(), Delivery::decode, 0);

        let open = OpenIntent { intent: Seq(u64::MAX), class: Class::Money, at_unix_ns: i64::MAX };
        let stored = open.encode();
        check(&open, &stored, OpenIntent::decode, stored.len());
        check(&open, &[&stored[..], b"later"].concat(), OpenIntent::decode, 0);

        let refused = RefusedCall {
            at_unix_ns: 5,
            class: Class::Unclassified,
            cause: Cause::Gateway,
            infno: String::new(),
            rule: "envelope.msgid".to_owned(),
            count: 40,
        };
        let stored = refused.encode();
        check(&refused, &stored, RefusedCall::decode, stored.len() - 2);
        check(&refused, &[&stored[..], b"\0later"].concat(), RefusedCall::decode, 0);
    }

    #[test]
    fn a_zero_in_an_infno_moves_nothing() {
        let refused = RefusedCall {
            at_unix_ns: 0,
            class: Class::Money,
            cause: Cause::Gateway,
            infno: "22\u{0}07".to_owned(),
            rule: "r".to_owned(),
            count: 1,
        };
        let read = RefusedCall::decode(&refused.encode()).unwrap();
        assert_eq!((read.infno.as_str(), read.rule.as_str(), read.count), ("2207", "r", 1));
    }
}
