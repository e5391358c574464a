//! The HIS clients: so many keep-alive connections, each sending its next call when the last was answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::calls::Calls;
use crate::platform::head;

/// What one run measured.
pub struct Run {
    /// Calls sent, all answered with success.
    pub sent: u64,
    /// Calls per second.
    pub rate: f64,
    /// Median time of a call, microseconds.
    pub p50_us: f64,
    /// Time of the slowest hundredth, microseconds.
    pub p99_us: f64,
}

/// Sends for `time` over `connections`.
pub async fn run(at: SocketAddr, connections: usize, time: Duration, calls: &Arc<Calls>) -> io::Result<Run> {
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(client(at, began + time, calls.clone()));
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    let took = began.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0.0, |ns| *ns as f64 / 1000.0);
    Ok(Run { sent: times.len() as u64, rate: times.len() as f64 / took, p50_us: at(0.5), p99_us: at(0.99) })
}

async fn client(at: SocketAddr, until: Instant, calls: Arc<Calls>) -> io::Result<Vec<u64>> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut call, mut answer) = (Vec::new(), Vec::new(), Vec::with_capacity(8 * 1024));
    loop {
        calls.write_next(&mut call);
        let sent = Instant::now();
        if sent >= until {
            return Ok(times);
        }
        stream.write_all(&call).await?;
        answer.clear();
        let (head_len, body_len) = loop {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(io::Error::other("the peer closed before its answer was whole"));
            }
            match head(&answer)? {
                Some((head_len, body_len)) if answer.len() >= head_len + body_len => break (head_len, body_len),
                _ => {}
            }
        };
        times.push(u64::try_from(sent.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let body = &answer[head_len..head_len + body_len];
        if !answer.starts_with(b"HTTP/1.1 200") || !body.starts_with(b"{\"infcode\":0,") {
            return Err(io::Error::other(format!("not a success: {}", String::from_utf8_lossy(&answer))));
        }
    }
}
