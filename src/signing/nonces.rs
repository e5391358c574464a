//! Nonces seen before, within a bound: a message that comes again is told from a new one.

use std::collections::{HashSet, VecDeque};

use sm3::{Digest, Sm3};

/// Nonces remembered; beyond it the oldest are forgotten, and could come again.
pub const NONCES_MAX: usize = 65_536;

/// A nonce under the account that used it, as a digest: of one size, whoever sent it.
type Known = [u8; 16];

/// What was seen of late.
#[derive(Debug, Default)]
pub struct Nonces {
    known: HashSet<Known>,
    in_order: VecDeque<(i64, Known)>,
}

impl Nonces {
    /// Remembers a nonce; false when it was seen within the window. A window of 0 remembers as long as there is room.
    pub fn is_new(&mut self, account: &str, nonce: &str, now_unix_ns: i64, window_seconds: u64) -> bool {
        // A time may lie a window ahead, and is good until it lies a window behind.
        let kept_ns = i64::try_from(window_seconds).unwrap_or(i64::MAX).saturating_mul(2_000_000_000);
        while let Some((at, known)) = self.in_order.front() {
            let over = window_seconds > 0 && now_unix_ns.saturating_sub(*at) > kept_ns;
            if !over && self.in_order.len() < NONCES_MAX {
                break;
            }
            self.known.remove(known);
            self.in_order.pop_front();
        }
        let digest = Sm3::new().chain_update(account).chain_update([0]).chain_update(nonce).finalize();
        let mut known = Known::default();
        known.copy_from_slice(&digest[..16]);
        if !self.known.insert(known) {
            return false;
        }
        self.in_order.push_back((now_unix_ns, known));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_nonce_is_new_once_within_its_window() {
        let mut nonces = Nonces::default();
        assert!(nonces.is_new("a", "1", 0, 10));
        assert!(!nonces.is_new("a", "1", 5 * SECOND, 10));
        assert!(nonces.is_new("b", "1", 5 * SECOND, 10), "another account");
        assert!(!nonces.is_new("a", "1", 20 * SECOND, 10));
        assert!(nonces.is_new("a", "1", 21 * SECOND, 10), "its time would be refused anyway");
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_go_first() {
        let mut nonces = Nonces::default();
        for nth in 0..=NONCES_MAX {
            assert!(nonces.is_new("a", &nth.to_string(), 0, 0));
        }
        assert_eq!((nonces.known.len(), nonces.in_order.len()), (NONCES_MAX, NONCES_MAX));
        assert!(nonces.is_new("a", "0", 0, 0) && !nonces.is_new("a", &NONCES_MAX.to_string(), 0, 0));
    }
}
