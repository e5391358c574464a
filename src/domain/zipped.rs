//! The platform's files: a zip with one text, TAB between columns, one row a line (`wire.md` §4.4, §5.5).

use std::io::{Cursor, Read, Write};

use bytes::Bytes;
use encoding_rs::GB18030;
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

/// The text of the one file inside; what is no UTF-8 is GBK here.
///
/// # Errors
/// A sentence for whoever sent it: no zip, not one file, too large, no text.
pub fn unpack(bytes: &[u8]) -> Result<String, String> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| "文件不是 ZIP".to_owned())?;
    if zip.len() != 1 || zip.by_index(0).is_ok_and(|file| file.is_dir()) {
        return Err(format!("ZIP 里应当只有一个文件，实有 {} 项", zip.len()));
    }
    let file = zip.by_index(0).map_err(|_| "ZIP 已损坏".to_owned())?;
    let mut raw = Vec::new();
    file.take(TEXT_BYTES_MAX + 1).read_to_end(&mut raw).map_err(|_| "ZIP 已损坏".to_owned())?;
    if TEXT_BYTES_MAX < raw.len() as u64 {
        return Err("ZIP 里的文本超过 64 MiB".to_owned());
    }
    String::from_utf8(raw).or_else(|not_utf8| {
        let text = GB18030.decode_without_bom_handling_and_without_replacement(not_utf8.as_bytes());
        text.map(String::from).ok_or_else(|| "ZIP 里的文本既不是 UTF-8 也不是 GBK".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_in_either_character_set() {
        assert_eq!(unpack(&pack("a.txt", "甲\t乙\n")), Ok("甲\t乙\n".to_owned()));
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("a.txt", SimpleFileOptions::default()).unwrap();
        zip.write_all(b"\xbc\xd7\n").unwrap();
        assert_eq!(unpack(&zip.finish().unwrap().into_inner()), Ok("甲\n".to_owned()));
        assert_eq!(unpack(b"no zip"), Err("文件不是 ZIP".to_owned()));
    }
}
