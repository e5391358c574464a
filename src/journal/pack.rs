//! Compression of the sealed part: zstd, or as it is where zstd would make it longer.

use std::cell::RefCell;
use std::io::{self, Write};

use zstd::bulk::Compressor;

/// Work done in one go before a large part lets other tasks run.
pub const SLICE_BYTES: usize = 64 * 1024;

/// How a part is packed. The byte values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As it is.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Codec {
    /// The codec a stored byte means; `None` for a later format.
    pub fn from_code(code: u8) -> Option<Codec> {
        [Codec::Stored, Codec::Zstd].into_iter().find(|codec| *codec as u8 == code)
    }
}

thread_local! {
    /// A compression context is some hundred kilobytes and slow to make: each thread keeps one, with its level.
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
}

/// Packs a small part in one go.
///
/// # Errors
/// When zstd cannot be set up (no memory, level out of range).
pub fn pack(level: i32, plain: Vec<u8>) -> io::Result<(Codec, Vec<u8>)> {
    let mut packed = Vec::with_capacity(zstd::zstd_safe::compress_bound(plain.len()));
    COMPRESSOR.with_borrow_mut(|kept| {
        let (_, compressor) = match kept.take() {
            Some((its_level, compressor)) if its_level == level => kept.insert((level, compressor)),
            _ => kept.insert((level, Compressor::new(level)?)),
        };
        compressor.compress_to_buffer(&plain, &mut packed)
    })?;
    Ok(shorter(plain, packed))
}

/// Packs a large part slice by slice, with a yield between.
///
/// # Errors
/// As [`pack`].
pub async fn pack_in_slices(level: i32, plain: Vec<u8>) -> io::Result<(Codec, Vec<u8>)> {
    let mut encoder = zstd::Encoder::new(Vec::with_capacity(plain.len() / 4), level)?;
    encoder.set_pledged_src_size(Some(plain.len() as u64))?;
    for slice in plain.chunks(SLICE_BYTES) {
        encoder.write_all(slice)?;
        tokio::task::yield_now().await;
    }
    Ok(shorter(plain, encoder.finish()?))
}

/// Unpacks a part that was `raw_len` bytes long; the caller has bounded that.
///
/// # Errors
/// When it is not what [`pack`] made of `raw_len` bytes.
pub fn unpack(codec: Codec, packed: Vec<u8>, raw_len: usize) -> io::Result<Vec<u8>> {
    let plain = match codec {
        Codec::Stored => packed,
        Codec::Zstd => zstd::bulk::decompress(&packed, raw_len)?,
    };
    if plain.len() == raw_len { Ok(plain) } else { Err(io::Error::other("unpacked length differs")) }
}

fn shorter(plain: Vec<u8>, packed: Vec<u8>) -> (Codec, Vec<u8>) {
    if packed.len() < plain.len() { (Codec::Zstd, packed) } else { (Codec::Stored, plain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entropy::{Entropy, SeededEntropy};

    #[tokio::test]
    async fn both_ways_unpack_to_the_same_and_noise_never_grows() {
        let mut noise = vec![0; 3 * SLICE_BYTES + 17];
        SeededEntropy::new(1).fill(&mut noise).unwrap();
        let text = b"{\"infno\":\"2207\"}".repeat(20_000);
        for (plain, codec) in [(Vec::new(), Codec::Stored), (noise, Codec::Stored), (text, Codec::Zstd)] {
            for level in [1, 3] {
                let at_once = pack(level, plain.clone()).unwrap();
                let in_slices = pack_in_slices(level, plain.clone()).await.unwrap();
                for (used, packed) in [at_once, in_slices] {
                    assert_eq!(used, codec);
                    assert!(packed.len() <= plain.len());
                    assert!(unpack(used, packed.clone(), plain.len() + 1).is_err());
                    assert_eq!(unpack(used, packed, plain.len()).unwrap(), plain);
                }
            }
        }
    }

    #[test]
    fn a_lie_about_the_length_is_refused() {
        let (codec, packed) = pack(1, vec![7; 100_000]).unwrap();
        assert!(unpack(codec, packed, 99_999).is_err());
        assert!(unpack(Codec::Zstd, b"no zstd frame".to_vec(), 4).is_err());
    }
}
