//! The floor: two sequential appends, each with its fdatasync, on the disk that the journal uses. No gateway that keeps
//! an intent before the send and an outcome before the answer can add less.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use tokio::time::Instant;

/// About what a 2207 leaves in the journal as one record, compressed and sealed.
const RECORD_BYTES: usize = 2048;
const PAIRS: usize = 300;

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
