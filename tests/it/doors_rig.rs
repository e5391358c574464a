//! Raw peers on both sides of the two doors, so that a test sees the bytes on the wire, and a line that only relays.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};
use medgate::domain::clock::{Clock, SystemClock};
use medgate::domain::message::HeaderLines;
use medgate::domain::terms::Mode;
use medgate::exchange::door::{Answer, Bound, Exchanges, HandedOver, Intake, Receipt, RequestHead};
use medgate::outbound::{Flow, FlowBroken, Heard, Outgoing, Platform, ReplyBody, Upstream, rewrite_target};
use medgate::{inbound, outbound};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

/// One HTTP message as bytes.
#[derive(Debug, Clone)]
pub struct Raw {
    /// Everything up to and with the blank line.
    pub head: String,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Raw {
    /// The head's lines with their line ends cut.
    pub fn lines(&self) -> Vec<&str> {
        self.head.trim_end().split("\r\n").collect()
    }

    /// True when the head has this very line.
    pub fn has(&self, line: &str) -> bool {
        self.lines().contains(&line)
    }
}

/// A connection that is read and written by hand. Heads are kept as Latin-1, so that no byte is lost.
pub struct Talk<S = TcpStream> {
    /// The socket.
    pub stream: S,
    ahead: BytesMut,
}

impl Talk {
    /// Connects.
    pub async fn to(addr: SocketAddr) -> Talk {
        Talk::over(TcpStream::connect(addr).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Takes a connection.
    pub fn over(stream: S) -> Talk<S> {
        Talk { stream, ahead: BytesMut::new() }
    }

    /// Writes bytes.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads one message; `None` when the connection ends before its first byte.
    pub async fn hear(&mut self) -> Option<Raw> {
        self.hear_to(false).await
    }

    /// Reads the answer to HEAD.
    pub async fn hear_head(&mut self) -> Option<Raw> {
        self.hear_to(true).await
    }

    /// Asks and hears.
    pub async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> Raw {
        self.say(bytes).await;
        self.hear().await.expect("an answer")
    }

    /// Reads everything until the peer closes; an error counts as the end.
    pub async fn hear_out(&mut self) -> Vec<u8> {
        while self.more().await {}
        self.ahead.split().to_vec()
    }

    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.ahead).await.is_ok_and(|read| read > 0)
    }

    async fn hear_to(&mut self, head_only: bool) -> Option<Raw> {
        let end = loop {
            if let Some(at) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head: String = self.ahead.split_to(end).iter().map(|byte| char::from(*byte)).collect();
        let lower = head.to_ascii_lowercase();
        let field = |name: &str| lower.split("\r\n").find_map(|line| line.strip_prefix(name));
        let body = if head_only || lower.starts_with("http/1.1 204") {
            Vec::new()
        } else if lower.contains("\r\ntransfer-encoding: chunked") {
            self.chunked().await
        } else if let Some(len) = field("content-length: ") {
            self.exactly(len.parse().unwrap()).await
        } else if lower.starts_with("http/") {
            self.hear_out().await
        } else {
            Vec::new()
        };
        Some(Raw { head, body })
    }

    async fn exactly(&mut self, len: usize) -> Vec<u8> {
        while self.ahead.len() < len && self.more().await {}
        let have = len.min(self.ahead.len());
        self.ahead.split_to(have).to_vec()
    }

    async fn chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match self.ahead.windows(2).position(|window| window == b"\r\n") {
                    Some(at) => break at,
                    None if self.more().await => {}
                    None => return body,
                }
            };
            let size = String::from_utf8(self.ahead.split_to(end + 2).to_vec()).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let chunk = self.exactly(size + 2).await;
            body.extend_from_slice(&chunk[..size.min(chunk.len())]);
            if size == 0 {
                return body;
            }
        }
    }
}

/// A platform written by hand: keeps every request as it came and does what its script says.
pub struct Peer {
    /// Where it listens.
    pub addr: SocketAddr,
    requests: Arc<Mutex<Vec<Raw>>>,
    tokens: Arc<Mutex<Vec<Raw>>>,
    connections: Arc<AtomicUsize>,
}

/// The token that a peer hands out.
pub const TOKEN: &str = "t0k3n.of-the_platform";

/// The answer that brings a token.
pub fn token_reply(token: &str) -> Vec<u8> {
    let body = format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":43199}}"#);
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

/// What a peer does with a request it has read.
pub enum Does {
    /// Writes this and keeps the connection.
    Says(Vec<u8>),
    /// Writes this and closes the connection.
    Ends(Vec<u8>),
}

impl Peer {
    /// Answers every request by `script`, which is told how many came before it; who asks for a token gets [`TOKEN`].
    pub async fn scripted(script: impl Fn(usize) -> Does + Send + Sync + 'static) -> Peer {
        Peer::granting(script, |_| Does::Says(token_reply(TOKEN))).await
    }

    /// The same, and another script for requests for a token, which are kept apart.
    pub async fn granting(
        script: impl Fn(usize) -> Does + Send + Sync + 'static,
        grants: impl Fn(usize) -> Does + Send + Sync + 'static,
    ) -> Peer {
        let scripts = Arc::new((script, grants));
        let (requests, tokens) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (kept, kept_tokens) = (Arc::clone(&requests), Arc::clone(&tokens));
        let handle = move |mut talk: Talk| {
            let (scripts, kept, kept_tokens) = (Arc::clone(&scripts), Arc::clone(&kept), Arc::clone(&kept_tokens));
            async move {
                while let Some(request) = talk.hear().await {
                    let for_token = request.head.starts_with("POST /auth/oauth/token ");
                    let nth = {
                        let mut kept = if for_token { kept_tokens.lock().unwrap() } else { kept.lock().unwrap() };
                        kept.push(request);
                        kept.len() - 1
                    };
                    match if for_token { scripts.1(nth) } else { scripts.0(nth) } {
                        Does::Says(bytes) => talk.say(bytes).await,
                        Does::Ends(bytes) => {
                            talk.say(bytes).await;
                            return;
                        }
                    }
                }
            }
        };
        Peer { requests, tokens, ..Peer::wild(handle).await }
    }

    /// Always the same reply.
    pub async fn saying(reply: impl Into<Vec<u8>>) -> Peer {
        let reply = reply.into();
        Peer::scripted(move |_| Does::Says(reply.clone())).await
    }

    /// Does with each connection whatever it likes.
    pub async fn wild<F: Future<Output = ()> + Send + 'static>(
        handle: impl Fn(Talk) -> F + Send + Sync + 'static,
    ) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(handle(Talk::over(stream)));
            }
        });
        Peer { addr, requests: Arc::default(), tokens: Arc::default(), connections }
    }

    /// Requests read to their end.
    pub fn requests(&self) -> Vec<Raw> {
        self.requests.lock().unwrap().clone()
    }

    /// Requests for a token.
    pub fn tokens(&self) -> Vec<Raw> {
        self.tokens.lock().unwrap().clone()
    }

    /// The only request.
    pub fn only(&self) -> Raw {
        let requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests[0].clone()
    }

    /// Connections accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// This peer behind medgate's way out.
    pub fn upstream(&self) -> Upstream {
        upstream(&self.addr.to_string(), |_| {})
    }
}

/// An upstream with short times, changed by `change`.
pub fn upstream(address: &str, change: impl FnOnce(&mut outbound::Settings)) -> Upstream {
    let mut settings = outbound::Settings {
        url: format!("http://{address}"),
        ca: PathBuf::new(),
        certificate: PathBuf::new(),
        key: PathBuf::new(),
        server_name: String::new(),
        connect_ms: 5000,
        answer_ms: 60_000,
        listen_ms: 600_000,
        idle_ms: 3000,
        connections_max: 64,
        connections_waiting_max: 64,
        reply_bytes_max: 1 << 30,
        sign: Mode::Pass,
        identity: String::new(),
        signing: String::new(),
    };
    change(&mut settings);
    Upstream::new(&settings, Arc::new(SystemClock::start())).unwrap()
}

/// A call as the line would make it.
pub fn outgoing(target: &str, body: impl Into<Bytes>) -> Outgoing {
    Outgoing {
        method: "POST".to_owned(),
        target: Bytes::from(target.to_owned()),
        headers: lines(&[("Host", "gate"), ("Content-Type", "application/json")]),
        carried: http::Extensions::new(),
        body: Flow::Whole(body.into()),
    }
}

/// Header lines from text.
pub fn lines(pairs: &[(&str, &str)]) -> HeaderLines {
    pairs.iter().map(|(name, value)| (Bytes::from((*name).to_owned()), Bytes::from((*value).to_owned()))).collect()
}

/// A line that relays every call and does nothing else.
pub struct Relay {
    platform: Arc<Upstream>,
    /// Heads as the door gave them: target, HTTP minor, lines.
    pub heads: Mutex<VecDeque<(Bytes, u8, HeaderLines)>>,
    told: mpsc::UnboundedSender<HandedOver>,
    /// Chunks wait for a permit here; plenty unless a test takes them away.
    pub gate: Arc<Semaphore>,
}

/// Takes one body.
pub struct Gathering {
    platform: Arc<Upstream>,
    head: RequestHead,
    body: BytesMut,
    told: mpsc::UnboundedSender<HandedOver>,
    gate: Arc<Semaphore>,
}

impl Exchanges for Relay {
    type Intake = Gathering;

    fn intake(&self, head: RequestHead) -> Gathering {
        self.heads.lock().unwrap().push_back((head.target.clone(), head.http_minor, head.headers.clone()));
        Gathering {
            platform: Arc::clone(&self.platform),
            head,
            body: BytesMut::new(),
            told: self.told.clone(),
            gate: Arc::clone(&self.gate),
        }
    }

    fn refuse_unheard(&self, head: &RequestHead, why: Bound) -> Answer {
        assert!(!head.method.is_empty());
        native(format!("{why:?}"), Receipt::none())
    }
}

impl Intake for Gathering {
    async fn feed(&mut self, chunk: Bytes) -> Result<(), Box<Answer>> {
        self.gate.acquire().await.unwrap().forget();
        self.body.extend_from_slice(&chunk);
        if chunk.starts_with(b"refuse me") {
            return Err(Box::new(native("refused".to_owned(), Receipt::none())));
        }
        Ok(())
    }

    async fn carry(self) -> Option<Answer> {
        let Gathering { platform, mut head, body, told, .. } = self;
        let receipt = Receipt::new(move |word| _ = told.send(word));
        let goes_on = async move {
            let out = Outgoing {
                method: head.method,
                target: rewrite_target(&head.target, platform.base_path()),
                headers: head.headers,
                carried: std::mem::take(&mut head.carried),
                body: Flow::Whole(body.freeze()),
            };
            let said = relayed(platform.call(out).await, receipt);
            drop((head.permit, head.budget));
            said
        };
        tokio::spawn(goes_on).await.ok().flatten()
    }
}

fn relayed(heard: Heard, receipt: Receipt) -> Option<Answer> {
    match heard {
        Heard::NeverSent(never) => Some(native(never.why.to_string(), receipt)),
        Heard::Silence(_) => None,
        Heard::Reply(replied) => {
            let head = replied.head;
            let body = match replied.body {
                ReplyBody::Whole(bytes) => Flow::Whole(bytes),
                ReplyBody::More { first, rest } => {
                    let len = rest.len().map(|len| len + first.len() as u64);
                    Flow::streamed(len, Both { first, rest })
                }
            };
            let (status, reason, headers, carried) = (head.status, head.reason, head.headers, head.carried);
            Some(Answer { status, reason, headers, carried, body, close: false, receipt })
        }
    }
}

fn native(text: String, receipt: Receipt) -> Answer {
    Answer {
        status: 200,
        reason: Bytes::from_static(b"OK"),
        headers: lines(&[("Content-Type", "application/json")]),
        carried: http::Extensions::new(),
        body: Flow::Whole(Bytes::from(format!("{{\"infcode\":-1,\"err_msg\":\"{text}\"}}"))),
        close: false,
        receipt,
    }
}

struct Both {
    first: Bytes,
    rest: Flow,
}

impl Body for Both {
    type Data = Bytes;
    type Error = FlowBroken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, FlowBroken>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        Pin::new(&mut self.rest).poll_frame(cx)
    }
}

/// Both doors with a relay between them, in front of a peer.
pub struct Gate {
    /// Where the HIS calls.
    pub addr: SocketAddr,
    /// The line.
    pub relay: Arc<Relay>,
    /// The door, for its gauges.
    pub door: Arc<inbound::Door<Relay>>,
    /// Receipts, in order.
    pub told: mpsc::UnboundedReceiver<HandedOver>,
    /// Stops the door.
    pub stop: CancellationToken,
    /// Ends when the door has.
    pub ended: tokio::task::JoinHandle<()>,
}

impl Gate {
    /// In front of a peer.
    pub async fn before(peer: &Peer) -> Gate {
        Gate::with(peer.upstream(), |_| {}).await
    }

    /// With other settings.
    pub async fn with(upstream: Upstream, change: impl FnOnce(&mut inbound::Settings)) -> Gate {
        let mut settings = inbound::Settings {
            listen: "127.0.0.1:0".to_owned(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            client_ca: PathBuf::new(),
            connections_max: 256,
            exchanges_max: 64,
            exchanges_waiting_max: 64,
            memory_bytes_max: 64 << 20,
            body_bytes_max: 256 << 20,
            drain_bytes_max: 16 << 20,
            head_seconds: 20,
            idle_seconds: 120,
            body_stall_seconds: 30,
            body_bytes_per_second_min: 256,
        };
        change(&mut settings);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let tls = inbound::tls::DoorTls::open(&settings.tls(), &clock).unwrap();
        let (told, hears) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(1 << 20));
        let relay = Arc::new(Relay { platform: Arc::new(upstream), heads: Mutex::default(), told, gate });
        let stop = CancellationToken::new();
        let door = inbound::Door::new(Arc::clone(&relay), settings, tls, stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let ended = tokio::spawn(Arc::clone(&door).serve(listener));
        Gate { addr, relay, door, told: hears, stop, ended }
    }

    /// A client's connection.
    pub async fn talk(&self) -> Talk {
        Talk::to(self.addr).await
    }
}

/// `POST` with a length.
pub fn post(target: &str, head_lines: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: gate\r\n{head_lines}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A plain reply.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"infcode\":0}";
