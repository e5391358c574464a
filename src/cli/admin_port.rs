//! Asks the admin port of a running gateway: one connection, one call, a bounded answer.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One call.
pub(super) struct Call<'a> {
    pub(super) listen: &'a str,
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) body: &'a str,
    pub(super) patience: Duration,
}

impl Call<'_> {
    /// Status and body of the answer.
    pub(super) fn ask(&self) -> io::Result<(u16, String)> {
        self.send("application/json", &mut self.body.as_bytes(), self.body.len() as u64)
    }

    /// The same with a body that is read as it is sent.
    pub(super) fn ask_with(&self, body: &mut dyn Read, length: u64) -> io::Result<(u16, String)> {
        self.send("application/octet-stream", body, length)
    }

    fn send(&self, kind: &str, body: &mut dyn Read, length: u64) -> io::Result<(u16, String)> {
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP");
        let address = self.listen.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no such address"))?;
        let mut stream = TcpStream::connect_timeout(&reachable(address), self.patience)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        let Call { method, target, token, .. } = self;
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let lines = match (length, *method) {
            (0, "GET") => String::new(),
            _ => format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n"),
        };
        let head = format!("{method} {target} HTTP/1.1\r\nHost: medgate\r\nConnection: close\r\n{token}{lines}\r\n");
        stream.write_all(head.as_bytes())?;
        // Who refuses a body may answer before it has taken all of it.
        let sent = io::copy(&mut body.take(length), &mut stream);
        let mut answer = String::new();
        let heard = stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer);
        if answer.is_empty() {
            sent?;
            heard?;
        }
        let status = answer.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
        Ok((status, body.to_owned()))
    }
}

/// What is wrong, of the body of an answer that is no success; the body itself where it does not say.
pub(super) fn said(body: &str) -> String {
    let wrong = serde_json::from_str::<serde_json::Value>(body).ok();
    wrong.and_then(|wrong| wrong["error"].as_str().map(str::to_owned)).unwrap_or_else(|| body.to_owned())
}

/// Says that the gateway which holds a folder cannot be asked.
pub(super) fn silent(listen: &str, error: &io::Error) -> String {
    format!("a gateway runs on this folder and does not answer at {listen}: {error}; name its admin port with --admin")
}

/// The token in a file of the data folder.
pub(super) fn token(data: &Path, file_name: &str) -> Result<String, String> {
    let path = data.join(file_name);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// A port that listens on every address is asked on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
