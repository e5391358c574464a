//! Where secrets come from: passed in like time, so that a simulated world repeats itself byte by byte.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use sm3::{Digest, Sm3};

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `out`.
    ///
    /// # Errors
    /// When the machine has none to give; nothing may be sealed then.
    fn fill(&self, out: &mut [u8]) -> io::Result<()>;
}

/// The machine's own source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> io::Result<()> {
        getrandom::fill(out).map_err(|cause| io::Error::other(cause.to_string()))
    }
}

/// The same bytes for the same seed; for simulation, golden files and tests.
#[derive(Debug, Default)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// Starts the stream of `seed`.
    pub fn new(seed: u64) -> SeededEntropy {
        SeededEntropy { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> io::Result<()> {
        for block in out.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::SeqCst);
            let digest = Sm3::digest([self.seed.to_le_bytes(), number.to_le_bytes()].concat());
            block.copy_from_slice(&digest[..block.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_another_does_not() {
        let draw = |seed| {
            let mut out = [0; 48];
            SeededEntropy::new(seed).fill(&mut out).unwrap();
            out
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1)[..16], draw(1)[32..]);
    }
}
