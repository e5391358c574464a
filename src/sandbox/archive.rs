//! The platform's files: a zip with one text, TAB between columns, one row a line (`wire.md` §4.4, §5.5).

use std::io::{Cursor, Read, Write};

use bytes::Bytes;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// A text larger than this is not unpacked.
const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Packs one text.
pub fn pack(name: &str, text: &str) -> Bytes {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let written = zip
        .start_file(name, SimpleFileOptions::default())
        .and_then(|()| Ok(zip.write_all(text.as_bytes())?))
        .and_then(|()| zip.finish());
    Bytes::from(written.map(Cursor::into_inner).unwrap_or_default())
}

/// The text of the first file inside.
///
/// # Errors
/// A sentence for whoever sent it: no zip, empty, too large, not UTF-8.
pub fn unpack(bytes: &[u8]) -> Result<String, String> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| "文件不是 ZIP".to_string())?;
    let file = zip.by_index(0).map_err(|_| "ZIP 里没有文件".to_string())?;
    let mut text = String::new();
    let read = file.take(TEXT_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|_| "ZIP 里的文本不是 UTF-8".to_string())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        assert_eq!(unpack(&pack("a.txt", "甲\t乙\n")), Ok("甲\t乙\n".to_string()));
        assert_eq!(unpack(b"no zip"), Err("文件不是 ZIP".to_string()));
    }
}
