//! HTTP/1.1 by hand on the bare socket: a fault must be able to stop in the middle of an answer, drop or reset.
//!
//! Serves what gateways and HIS clients send: Content-Length or chunked bodies, keep-alive, `Expect: 100-continue`.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::echo::Made;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 128;
const BODY_BYTES_MAX: usize = 512 * 1024 * 1024;
const DRIP_BYTES: usize = 16;

/// One request, whole.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    /// Names in their own case, values as bytes.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Bytes,
    /// The client wants the connection closed after this answer.
    pub(super) close: bool,
}

/// One answer.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Content,
    pub(super) manner: Manner,
}

/// What an answer consists of.
#[derive(Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    /// Generated while it is written: a large answer costs no memory.
    Made(Made),
}

impl Default for Content {
    fn default() -> Content {
        Content::Bytes(Bytes::new())
    }
}

/// How an answer is written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    #[default]
    Whole,
    /// Chunked transfer encoding instead of Content-Length.
    Chunked,
    /// Announced whole, half of it written.
    Half,
    /// In small pieces with pauses.
    Drip { ms: u64 },
    /// Whole, then closed without having said so.
    CloseAfter,
}

/// One connection.
pub(super) struct Wire {
    stream: TcpStream,
    read: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Wire {
        // An answer is written in one piece; waiting for more would only delay it.
        let _ = stream.set_nodelay(true);
        Wire { stream, read: BytesMut::with_capacity(16 * 1024) }
    }

    /// The next request; `None` when the client closed between two.
    pub(super) async fn next(&mut self) -> io::Result<Option<Request>> {
        let (mut request, framing) = loop {
            if let Some(head) = parse_head(&mut self.read)? {
                break head;
            }
            if self.fill().await? == 0 {
                return if self.read.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        };
        if framing.expects {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = match framing.length {
            Some(length) => self.take(length).await?,
            None => self.take_chunked().await?,
        };
        Ok(Some(request))
    }

    /// Writes an answer; the bytes written, and whether the connection can go on.
    pub(super) async fn answer(&mut self, reply: &Reply) -> io::Result<(u64, bool)> {
        let body = match &reply.body {
            Content::Bytes(body) => body,
            Content::Made(made) => return Ok((self.answer_made(reply, made).await?, true)),
        };
        let mut out = head(reply, body.len() as u64);
        let head_bytes = out.len() as u64;
        match reply.manner {
            Manner::Whole | Manner::CloseAfter => {
                out.extend_from_slice(body);
                self.stream.write_all(&out).await?;
            }
            Manner::Chunked => {
                push_chunk(&mut out, body);
                out.extend_from_slice(b"0\r\n\r\n");
                self.stream.write_all(&out).await?;
            }
            Manner::Half => {
                out.extend_from_slice(&body[..body.len() / 2]);
                self.stream.write_all(&out).await?;
                return Ok((out.len() as u64, false));
            }
            Manner::Drip { ms } => {
                self.stream.write_all(&out).await?;
                for piece in body.chunks(DRIP_BYTES) {
                    self.stream.write_all(piece).await?;
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
            }
        }
        Ok((head_bytes + body.len() as u64, reply.manner != Manner::CloseAfter))
    }

    /// Closes: quietly (FIN), or with a reset (RST).
    pub(super) async fn close(mut self, reset: bool) {
        if reset {
            let _ = self.stream.set_zero_linger();
        } else {
            let _ = self.stream.shutdown().await;
        }
    }

    async fn answer_made(&mut self, reply: &Reply, made: &Made) -> io::Result<u64> {
        let mut out = head(reply, made.len());
        let mut written = out.len() as u64;
        for piece in made.pieces() {
            match reply.manner {
                Manner::Chunked => push_chunk(&mut out, &piece),
                _ => out.extend_from_slice(&piece),
            }
            self.stream.write_all(&out).await?;
            out.clear();
            written += piece.len() as u64;
        }
        if reply.manner == Manner::Chunked {
            self.stream.write_all(b"0\r\n\r\n").await?;
        }
        Ok(written)
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.read.reserve(16 * 1024);
        self.stream.read_buf(&mut self.read).await
    }

    async fn take(&mut self, length: usize) -> io::Result<Bytes> {
        if length > BODY_BYTES_MAX {
            return Err(invalid("request body over the stand-in's bound"));
        }
        while self.read.len() < length {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.read.split_to(length).freeze())
    }

    async fn take_chunked(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.take_line().await?;
            let size = std::str::from_utf8(&line).ok().and_then(|line| line.split(';').next());
            let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            let size = size.ok_or_else(|| invalid("bad chunk size"))?;
            if size == 0 {
                while !self.take_line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            if body.len().saturating_add(size) > BODY_BYTES_MAX {
                return Err(invalid("request body over the stand-in's bound"));
            }
            body.extend_from_slice(&self.take(size).await?);
            self.take_line().await?;
        }
    }

    /// One line without its end.
    async fn take_line(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(at) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.read.split_to(at + 2).freeze();
                return Ok(line.slice(..at));
            }
            if self.read.len() > HEAD_BYTES_MAX || self.fill().await? == 0 {
                return Err(invalid("line without end"));
            }
        }
    }
}

struct Framing {
    /// `None`: chunked.
    length: Option<usize>,
    expects: bool,
}

/// Takes a complete head off the buffer; `None` when more bytes are needed.
fn parse_head(read: &mut BytesMut) -> io::Result<Option<(Request, Framing)>> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    let used = match parsed.parse(read).map_err(|cause| invalid(&cause.to_string()))? {
        httparse::Status::Complete(used) => used,
        httparse::Status::Partial if read.len() > HEAD_BYTES_MAX => return Err(invalid("request head over the bound")),
        httparse::Status::Partial => return Ok(None),
    };
    let mut framing = Framing { length: Some(0), expects: false };
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_string(),
        target: parsed.path.unwrap_or_default().to_string(),
        close: parsed.version == Some(0),
        ..Request::default()
    };
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            framing.length = Some(value.parse().map_err(|_| invalid("bad Content-Length"))?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            framing.length = None;
        } else if header.name.eq_ignore_ascii_case("expect") {
            framing.expects = value.eq_ignore_ascii_case("100-continue");
        } else if header.name.eq_ignore_ascii_case("connection") {
            request.close = value.eq_ignore_ascii_case("close");
        }
        request.headers.push((header.name.to_string(), header.value.to_vec()));
    }
    let _ = read.split_to(used);
    Ok(Some((request, framing)))
}

fn head(reply: &Reply, length: u64) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status)).into_bytes();
    for (name, value) in &reply.headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let framing = match reply.manner {
        Manner::Chunked => "Transfer-Encoding: chunked\r\n\r\n".to_string(),
        _ => format!("Content-Length: {length}\r\n\r\n"),
    };
    out.extend_from_slice(framing.as_bytes());
    out
}

fn push_chunk(out: &mut Vec<u8>, piece: &[u8]) {
    if !piece.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
}

fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Stand-in")
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
