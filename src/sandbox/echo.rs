//! `/_echo`: answers with the very bytes of the request, or with a body made to measure.
//!
//! `?status=` `&ct=` content type `&chunked=1` `&h=Name:Value` (repeatable) `&bytes=` or `&mb=` size `&seed=`
//! `&delay_ms=` silence before the answer. A `Range` or any other header is kept in the register, not acted upon.

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

use super::draw::Draw;
use super::wire::{Content, Manner, Reply, Request};

/// A body made to measure: an answer envelope that succeeds, filled up with text drawn from a seed.
///
/// Tests make the same one and compare without holding it in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    seed: u64,
    fill_bytes: u64,
}

const OPENING: &str = r#"{"infcode":0,"inf_refmsgid":"","refmsg_time":"","respond_time":"","err_msg":null,"output":{"setlinfo":{"setl_id":"990000S900000000001"},"exp_content":""#;
const CLOSING: &str = r#""}}"#;
const PIECE_BYTES: u64 = 64 * 1024;

impl Made {
    /// A body of `bytes`, or of the envelope's own length when that is more.
    pub fn new(seed: u64, bytes: u64) -> Made {
        Made { seed, fill_bytes: bytes.saturating_sub((OPENING.len() + CLOSING.len()) as u64) }
    }

    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> u64 {
        self.fill_bytes + (OPENING.len() + CLOSING.len()) as u64
    }

    /// Its bytes, piece by piece.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + Send + use<> {
        let mut draw = Draw::from_seed(self.seed);
        let mut left = self.fill_bytes;
        let fill = std::iter::from_fn(move || {
            let now = left.min(PIECE_BYTES);
            left -= now;
            (now > 0).then(|| fill(&mut draw, usize::try_from(now).unwrap_or(0)))
        });
        let opening = std::iter::once(Bytes::from_static(OPENING.as_bytes()));
        opening.chain(fill).chain(std::iter::once(Bytes::from_static(CLOSING.as_bytes())))
    }
}

fn fill(draw: &mut Draw, bytes: usize) -> Bytes {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut piece = Vec::with_capacity(bytes + 8);
    while piece.len() < bytes {
        let bits = draw.bits();
        piece.extend((0..8).map(|at| LETTERS[((bits >> (at * 8)) & 63) as usize]));
    }
    piece.truncate(bytes);
    Bytes::from(piece)
}

/// What the query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    status: Option<u16>,
    content_type: Option<String>,
    chunked: bool,
    bytes: Option<u64>,
    seed: u64,
    delay_ms: u64,
    headers: Vec<(String, String)>,
}

/// Answers an `/_echo` request.
pub(super) async fn answer(request: &Request) -> Reply {
    let wish = Wish::read(&request.target);
    tokio::time::sleep(Duration::from_millis(wish.delay_ms)).await;
    let body = match wish.bytes {
        Some(bytes) => Content::Made(Made::new(wish.seed, bytes)),
        None => Content::Bytes(request.body.clone()),
    };
    let mut headers = wish.headers;
    let arrived = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let arrived = arrived.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
    if let Some(content_type) = wish.content_type.or(arrived).filter(|text| !text.is_empty()) {
        headers.push(("Content-Type".to_string(), content_type));
    }
    let manner = if wish.chunked { Manner::Chunked } else { Manner::Whole };
    Reply { status: wish.status.unwrap_or(200), headers, body, manner }
}

impl Wish {
    fn read(target: &str) -> Wish {
        let mut wish = Wish::default();
        let query = target.split_once('?').map_or("", |(_, query)| query);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "status" => wish.status = value.parse().ok(),
                "ct" => wish.content_type = Some(value),
                "chunked" => wish.chunked = value == "1",
                "bytes" => wish.bytes = value.parse().ok(),
                "mb" => wish.bytes = value.parse::<u64>().ok().map(|mb| mb * 1024 * 1024),
                "seed" => wish.seed = value.parse().unwrap_or(0),
                "delay_ms" => wish.delay_ms = value.parse().unwrap_or(0),
                "h" => wish
                    .headers
                    .extend(value.split_once(':').map(|(name, value)| (name.to_string(), value.to_string()))),
                _ => {}
            }
        }
        wish
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_body_has_its_length_and_is_a_success() {
        for bytes in [0, 1_000, 200_000] {
            let made = Made::new(5, bytes);
            let whole: Vec<u8> = made.pieces().flatten().collect();
            assert_eq!(whole.len() as u64, made.len());
            assert!(bytes < 300 || made.len() == bytes);
            let read: serde_json::Value = serde_json::from_slice(&whole).expect("JSON");
            assert_eq!(read["infcode"], 0);
            assert!(made.pieces().flatten().eq(Made::new(5, bytes).pieces().flatten()));
        }
    }

    #[test]
    fn the_query_is_read() {
        let wish = Wish::read("/_echo/hsa/hgs/2207?status=503&mb=2&h=X-Odd%3Ayes&ct=text%2Fplain&chunked=1&seed=9");
        let headers = vec![("X-Odd".to_string(), "yes".to_string())];
        let content_type = Some("text/plain".to_string());
        let expected = Wish {
            status: Some(503),
            content_type,
            chunked: true,
            bytes: Some(2 << 20),
            seed: 9,
            delay_ms: 0,
            headers,
        };
        assert_eq!(wish, expected);
    }
}
