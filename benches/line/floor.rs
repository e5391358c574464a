//! The floors. Two sequential appends, each with its fdatasync, on the disk that the journal uses: no gateway that keeps
//! an intent before the send and an outcome before the answer can add less. And the processor time of what the stored
//! form asks for: two records compressed, encrypted and digested twice.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, AesGcm};
use sm3::{Digest, Sm3};
use sm4::Sm4;
use sm4::cipher::consts::U12;
use tokio::time::Instant;

/// About what a 2207 leaves in the journal as one record, compressed and sealed.
const RECORD_BYTES: usize = 2048;
const PAIRS: usize = 300;

/// `compression_level` of the settings' defaults.
const LEVEL: i32 = 1;
const SEALED_TIMES: usize = 500;

/// What sealing the two records of one call costs one processor that does nothing else, microseconds.
pub struct Sealing {
    /// zstd over the plain form.
    pub zstd: f64,
    /// SM3 over the plain form and over what is stored.
    pub sm3: f64,
    /// SM4-GCM over the packed form.
    pub sm4: f64,
    /// AES-256-GCM over the packed form.
    pub aes: f64,
}

/// Packs, encrypts and digests `request` and `reply` as the journal does.
pub fn sealing(request: &[u8], reply: &[u8]) -> io::Result<Sealing> {
    let parts = [request, reply];
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    let packed: Vec<Vec<u8>> = parts.iter().map(|part| compressor.compress(part)).collect::<io::Result<_>>()?;
    let sm4 = AesGcm::<Sm4, U12>::new(&[7; 16].into());
    let aes = Aes256Gcm::new(&[7; 32].into());
    Ok(Sealing {
        zstd: median_us(|| parts.iter().for_each(|part| drop(compressor.compress(part)))),
        sm3: median_us(|| {
            for part in parts.into_iter().chain(packed.iter().map(Vec::as_slice)) {
                std::hint::black_box(Sm3::digest(part));
            }
        }),
        sm4: encryption_us(&sm4, &packed),
        aes: encryption_us(&aes, &packed),
    })
}

fn encryption_us(cipher: &impl AeadInOut<NonceSize = U12>, packed: &[Vec<u8>]) -> f64 {
    let mut room = packed.to_vec();
    median_us(|| {
        for part in &mut room {
            let tag = cipher.encrypt_inout_detached(&[7; 12].into(), b"", part.as_mut_slice().into());
            std::hint::black_box(tag).expect("a record is far below what GCM takes");
        }
    })
}

fn median_us(mut work: impl FnMut()) -> f64 {
    let once = |_| {
        let began = Instant::now();
        work();
        began.elapsed().as_nanos()
    };
    let mut times: Vec<u128> = (0..SEALED_TIMES).map(once).collect();
    times.sort_unstable();
    times[SEALED_TIMES / 2] as f64 / 1000.0
}

/// Median of two sequential append + fdatasync, microseconds.
pub fn two_appends_us(folder: &Path) -> io::Result<f64> {
    let path = folder.join("floor");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let record = vec![0xA5u8; RECORD_BYTES];
    let mut times = Vec::with_capacity(PAIRS);
    for _ in 0..PAIRS {
        let began = Instant::now();
        for _ in 0..2 {
            file.write_all(&record)?;
            file.sync_data()?;
        }
        times.push(began.elapsed().as_nanos());
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[PAIRS / 2] as f64 / 1000.0)
}
