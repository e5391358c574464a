//! Bytes as they come become UTF-8, within a bound per row.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use encoding_rs::{Decoder, DecoderResult, GB18030, UTF_8};

const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of one row, with what is read ahead: a quote that never ends must not take the memory.
const ROW_BYTES_MAX: u64 = 1 << 20;

/// The character set of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a mark at its beginning.
    Utf8,
    /// GBK, GB2312 or GB18030.
    Gbk,
}

impl Encoding {
    /// The word used in settings and records.
    pub fn word(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gbk => "gbk",
        }
    }

    /// The set that a word names.
    pub fn named(word: &str) -> Option<Encoding> {
        [Encoding::Utf8, Encoding::Gbk].into_iter().find(|encoding| encoding.word() == word)
    }

    fn decoder(self) -> Decoder {
        match self {
            Encoding::Utf8 => UTF_8.new_decoder_with_bom_removal(),
            Encoding::Gbk => GB18030.new_decoder_without_bom_handling(),
        }
    }
}

/// Which set a text is written in, by all of its bytes: what is no UTF-8 is GBK here.
///
/// # Errors
/// When it cannot be read.
pub(super) fn detect(source: &mut dyn Read) -> io::Result<Encoding> {
    let mut utf8 = Decoded::new(source, Encoding::Utf8, Rc::default());
    let mut sink = vec![0; CHUNK_BYTES];
    loop {
        utf8.row.set(0);
        match utf8.read(&mut sink) {
            Ok(0) => return Ok(Encoding::Utf8),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Encoding::Gbk),
            Err(error) => return Err(error),
        }
    }
}

/// A text as UTF-8. What is not written in its set is `InvalidData`, and so is a row without an end.
pub(super) struct Decoded<R> {
    source: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What of `raw` waits to be decoded.
    waiting: (usize, usize),
    ended: bool,
    text: Vec<u8>,
    given: usize,
    /// Bytes given since a row began; whoever reads rows sets it back.
    row: Rc<Cell<u64>>,
    lines: u64,
    /// Nothing is left.
    over: bool,
    /// The last line is ended, or there is none.
    whole: bool,
}

impl<R: Read> Decoded<R> {
    /// From its beginning.
    pub(super) fn new(source: R, encoding: Encoding, row: Rc<Cell<u64>>) -> Decoded<R> {
        let raw = vec![0; CHUNK_BYTES];
        let decoder = encoding.decoder();
        let text = Vec::new();
        Decoded {
            source,
            decoder,
            raw,
            waiting: (0, 0),
            ended: false,
            text,
            given: 0,
            row,
            lines: 1,
            over: false,
            whole: true,
        }
    }

    /// Decodes some more; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        self.text.resize(3 * CHUNK_BYTES + 16, 0);
        loop {
            if self.waiting.0 == self.waiting.1 && !self.ended {
                let read = self.source.read(&mut self.raw)?;
                (self.waiting, self.ended) = ((0, read), read == 0);
            }
            let raw = &self.raw[self.waiting.0..self.waiting.1];
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, self.ended);
            self.waiting.0 += read;
            self.lines += self.text[..written].iter().filter(|byte| **byte == b'\n').count() as u64;
            if let DecoderResult::Malformed(..) = result {
                return Err(io::Error::new(io::ErrorKind::InvalidData, NotInSet(self.lines)));
            }
            self.text.truncate(written);
            // Lines end alike, the last one too: so they can be counted.
            self.text.retain(|byte| *byte != b'\r');
            self.whole = self.text.last().map_or(self.whole, |last| *last == b'\n');
            self.given = 0;
            if self.ended && result == DecoderResult::InputEmpty {
                // The decoder has finished and must not be asked again.
                self.over = true;
                if !self.whole {
                    self.text.push(b'\n');
                }
                return Ok(!self.text.is_empty());
            }
            if !self.text.is_empty() {
                return Ok(true);
            }
            self.text.resize(3 * CHUNK_BYTES + 16, 0);
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.text.len() && (self.over || !self.more()?) {
            return Ok(0);
        }
        let read = out.len().min(self.text.len() - self.given);
        out[..read].copy_from_slice(&self.text[self.given..self.given + read]);
        self.given += read;
        self.row.set(self.row.get() + read as u64);
        if ROW_BYTES_MAX < self.row.get() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, RowWithoutEnd));
        }
        Ok(read)
    }
}

/// There are bytes that are no text, about in this line.
#[derive(Debug, thiserror::Error)]
#[error("第{0}行附近的文字编码无法识别（不是 UTF-8，也不是 GBK）；请另存为 UTF-8 或 GBK")]
pub(super) struct NotInSet(u64);

/// A row that does not end.
#[derive(Debug, thiserror::Error)]
#[error("有一行超过 1 MiB，多半是引号没有成对；请检查引号")]
pub(super) struct RowWithoutEnd;
