//! A small Bloom filter in blocks of one cache line: says at once that a run does not hold a token.

use crate::domain::token::Token;

/// "Perhaps" or "no" for the tokens of one run; about 1 in 150 absent tokens is "perhaps".
#[derive(Debug, Clone)]
pub struct Filter {
    blocks: Vec<[u64; 8]>,
}

/// One block of 512 bits serves this many entries: 12.8 bits each.
const ENTRIES_PER_BLOCK: usize = 40;
const BLOCK_LEN: usize = 64;
const PROBES: u32 = 6;

impl Filter {
    /// An empty filter for `entries` tokens.
    pub fn sized_for(entries: usize) -> Filter {
        Filter { blocks: vec![[0; 8]; entries / ENTRIES_PER_BLOCK + 1] }
    }

    /// Length of the stored form of a filter for `entries` tokens.
    pub fn len_for(entries: usize) -> usize {
        (entries / ENTRIES_PER_BLOCK + 1) * BLOCK_LEN
    }

    /// Adds the stored form: each word little-endian.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        self.blocks.as_flattened().iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }

    /// Reads the stored form back, which is one block long or more; whether it is whole is for the caller to check.
    pub fn decode(stored: &[u8]) -> Filter {
        let (blocks, _) = stored.as_chunks::<BLOCK_LEN>();
        let word = |bytes: &[u8; BLOCK_LEN], at: usize| std::array::from_fn(|byte| bytes[8 * at + byte]);
        let block = |bytes: &[u8; BLOCK_LEN]| std::array::from_fn(|at| u64::from_le_bytes(word(bytes, at)));
        Filter { blocks: blocks.iter().map(block).collect() }
    }

    /// Adds a token.
    pub fn insert(&mut self, token: Token) {
        let (block, probes) = self.locate(token);
        for bit in bits(probes) {
            self.blocks[block][bit / 64] |= 1 << (bit % 64);
        }
    }

    /// False only when the token was never added.
    pub fn may_hold(&self, token: Token) -> bool {
        let (block, probes) = self.locate(token);
        bits(probes).all(|bit| self.blocks[block][bit / 64] & (1 << (bit % 64)) != 0)
    }

    /// Tokens are keyed digests or random ids: mixing the halves spreads those that share a time prefix.
    fn locate(&self, token: Token) -> (usize, u64) {
        let halves = u128::from_le_bytes(token.0);
        let mixed = ((halves as u64) ^ ((halves >> 64) as u64).rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let block = (u128::from(mixed) * self.blocks.len() as u128) >> 64;
        let probes = (mixed ^ (mixed >> 31)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (block as usize, probes)
    }
}

fn bits(probes: u64) -> impl Iterator<Item = usize> {
    (0..PROBES).map(move |probe| (probes >> (10 * probe)) as usize & 511)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u64) -> Token {
        let digest = crate::journal::record::payload_digest(&number.to_le_bytes());
        Token(digest[..16].try_into().unwrap())
    }

    #[test]
    fn holds_what_it_was_given_and_little_else() {
        let mut filter = Filter::sized_for(10_000);
        (0..10_000).for_each(|number| filter.insert(token(number)));
        let mut stored = Vec::new();
        filter.encode_into(&mut stored);
        assert_eq!(stored.len(), Filter::len_for(10_000));
        let filter = Filter::decode(&stored);
        assert!((0..10_000).all(|number| filter.may_hold(token(number))));
        let wrong = (10_000..30_000).filter(|number| filter.may_hold(token(*number))).count();
        assert!(wrong < 300, "{wrong} of 20,000 absent tokens are said to be there");
    }
}
