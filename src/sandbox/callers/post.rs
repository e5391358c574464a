//! A small HTTP/1.1 client that behaves like those of hospitals: one connection kept, one patience for the whole answer,
//! and never a second try by itself.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REPLY_BYTES_MAX: usize = 256 * 1024 * 1024;
const HEADERS_MAX: usize = 128;

/// Name and value of one header line.
pub type HeaderLine = (String, String);

/// A whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Header lines as they came; values as Latin-1.
    pub headers: Vec<HeaderLine>,
    /// The body without its framing.
    pub body: Vec<u8>,
}

/// What became of one send.
#[derive(Debug)]
pub enum Heard {
    /// A complete answer.
    Answer(Answer),
    /// No connection: nothing was sent.
    NotSent(io::Error),
    /// Sent, and then no complete answer: time-out, closed, cut.
    Silence(String),
}

/// A client of one server.
#[derive(Debug)]
pub struct Post {
    authority: String,
    base: String,
    patience: Duration,
    kept: Option<TcpStream>,
}

impl Post {
    /// A client for `http://HOST:PORT[/base]`.
    ///
    /// # Errors
    /// When the address has another form.
    pub fn new(url: &str, patience: Duration) -> Result<Post, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| format!("{url}: expected http://HOST:PORT"))?;
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let base = base.trim_end_matches('/');
        let base = if base.is_empty() { String::new() } else { format!("/{base}") };
        Ok(Post { authority: authority.to_string(), base, patience, kept: None })
    }

    /// Sends one request and listens for the whole answer, no longer than the patience.
    pub async fn send(&mut self, method: &str, target: &str, headers: &[HeaderLine], body: &[u8]) -> Heard {
        let mut stream = match self.connection().await {
            Ok(stream) => stream,
            Err(cause) => return Heard::NotSent(cause),
        };
        let mut message = format!("{method} {}{target} HTTP/1.1\r\nHost: {}\r\n", self.base, self.authority);
        for (name, value) in headers {
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        message.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut message = message.into_bytes();
        message.extend_from_slice(body);
        match tokio::time::timeout(self.patience, exchange(&mut stream, &message)).await {
            Ok(Ok((answer, keeps))) => {
                self.kept = keeps.then_some(stream);
                Heard::Answer(answer)
            }
            Ok(Err(cause)) => Heard::Silence(cause.to_string()),
            Err(_) => Heard::Silence("timed out".to_string()),
        }
    }

    /// The kept connection unless the server closed it meanwhile, else a new one.
    async fn connection(&mut self) -> io::Result<TcpStream> {
        if let Some(stream) = self.kept.take() {
            let quiet = matches!(stream.try_read(&mut [0; 1]), Err(cause) if cause.kind() == io::ErrorKind::WouldBlock);
            if quiet {
                return Ok(stream);
            }
        }
        let connecting = TcpStream::connect(&self.authority);
        let stream = tokio::time::timeout(self.patience, connecting).await.map_err(|_| io::ErrorKind::TimedOut)??;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Writes the message and reads one answer; the answer, and whether the connection can be kept.
async fn exchange(stream: &mut TcpStream, message: &[u8]) -> io::Result<(Answer, bool)> {
    stream.write_all(message).await?;
    let mut read = Vec::with_capacity(8 * 1024);
    loop {
        let (mut answer, body_at, framing) = loop {
            if let Some(head) = parse_head(&read)? {
                break head;
            }
            fill(stream, &mut read).await?;
        };
        // 100 Continue comes before the answer proper.
        if (100..200).contains(&answer.status) {
            read.drain(..body_at);
            continue;
        }
        let mut body = read.split_off(body_at);
        let keeps = framing.keeps && framing.body != Body::ToTheEnd;
        match framing.body {
            Body::Bytes(length) if length > REPLY_BYTES_MAX => return Err(invalid("answer over the client's bound")),
            Body::Bytes(length) => {
                while body.len() < length {
                    fill(stream, &mut body).await?;
                }
                body.truncate(length);
            }
            Body::Chunked => body = dechunk(stream, body).await?,
            Body::ToTheEnd => while stream.read_buf(&mut body).await? > 0 && body.len() <= REPLY_BYTES_MAX {},
        }
        answer.body = body;
        return Ok((answer, keeps));
    }
}

#[derive(PartialEq, Eq)]
enum Body {
    Bytes(usize),
    Chunked,
    ToTheEnd,
}

struct Framing {
    body: Body,
    keeps: bool,
}

fn parse_head(read: &[u8]) -> io::Result<Option<(Answer, usize, Framing)>> {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut slots);
    let httparse::Status::Complete(used) = parsed.parse(read).map_err(|cause| invalid(&cause.to_string()))? else {
        return Ok(None);
    };
    let mut framing = Framing { body: Body::ToTheEnd, keeps: parsed.version == Some(1) };
    let mut answer = Answer { status: parsed.code.unwrap_or(0), ..Answer::default() };
    for header in parsed.headers.iter() {
        let value: String = header.value.iter().map(|byte| char::from(*byte)).collect();
        if header.name.eq_ignore_ascii_case("content-length") {
            framing.body = Body::Bytes(value.trim().parse().map_err(|_| invalid("bad Content-Length"))?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            framing.body = Body::Chunked;
        } else if header.name.eq_ignore_ascii_case("connection") {
            framing.keeps = !value.eq_ignore_ascii_case("close");
        }
        answer.headers.push((header.name.to_string(), value));
    }
    Ok(Some((answer, used, framing)))
}

async fn dechunk(stream: &mut TcpStream, mut read: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let line_end = loop {
            if let Some(end) = read[at..].windows(2).position(|pair| pair == b"\r\n") {
                break at + end;
            }
            fill(stream, &mut read).await?;
        };
        let size = std::str::from_utf8(&read[at..line_end]).ok().and_then(|line| line.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or_else(|| invalid("bad chunk size"))?;
        if body.len() + size > REPLY_BYTES_MAX {
            return Err(invalid("answer over the client's bound"));
        }
        at = line_end + 2;
        while read.len() < at + size + 2 {
            fill(stream, &mut read).await?;
        }
        body.extend_from_slice(&read[at..at + size]);
        if size == 0 {
            return Ok(body);
        }
        read.drain(..at + size + 2);
        at = 0;
    }
}

async fn fill(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    if stream.read_buf(read).await? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before the answer was complete"));
    }
    Ok(())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
