//! Large, slow and cut bodies: read only as fast as they are taken, never held whole.

use std::time::Duration;

use medgate::exchange::door::HandedOver;
use medgate::outbound::{Flow, FlowBroken, Heard, Platform, ReplyBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::doors_rig::{Does, Gate, OK, Peer, Talk, outgoing, post, upstream};

const LARGE: usize = 100 << 20;
/// What kernel buffers and one read ahead may take of `LARGE` when nobody reads.
const IN_BETWEEN: u64 = 40 << 20;

/// A large body repeats 251 bytes, a period that fits no buffer; this is a little more than one MiB of it.
fn block() -> Vec<u8> {
    (0..=250).cycle().take(251 * 4300).collect()
}

/// What stands in a large body from `at` on.
fn part_from(block: &[u8], at: usize, len: usize) -> &[u8] {
    &block[at % 251..][..len.min(block.len() - 251)]
}

/// Writes a large body; counts what the kernel took until it took no more for a while.
async fn pour(stream: &mut TcpStream, len: usize, stuck_at: &watch::Sender<u64>) {
    let block = block();
    let mut sent = 0;
    while sent < len {
        let part = part_from(&block, sent, len - sent);
        let quiet = tokio::time::timeout(Duration::from_millis(500), stream.write(part)).await;
        let took = match quiet {
            Ok(took) => took,
            Err(_) => {
                stuck_at.send_if_modified(|at| std::mem::replace(at, sent as u64) != sent as u64);
                stream.write(part).await
            }
        };
        match took {
            Ok(took) => sent += took,
            Err(_) => return,
        }
    }
}

async fn pouring(framing: &'static str) -> (Peer, watch::Receiver<u64>) {
    let (tell, stuck_at) = watch::channel(0);
    let peer = Peer::wild(move |mut talk: Talk| {
        let tell = tell.clone();
        async move {
            talk.hear().await;
            talk.say(format!("HTTP/1.1 200 OK\r\n{framing}\r\n")).await;
            pour(&mut talk.stream, LARGE, &tell).await;
        }
    });
    (peer.await, stuck_at)
}

/// How many bytes had been taken when nobody took more.
async fn until_stuck(mut stuck_at: watch::Receiver<u64>) -> u64 {
    *stuck_at.wait_for(|at| *at > 0).await.unwrap()
}

/// Reads a body and compares every byte.
async fn drink(talk: &mut Talk, head: &[u8], len: usize) {
    let mut buffer = vec![0; 1 << 20];
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n") {
        got.push(talk.stream.read_u8().await.unwrap());
    }
    assert!(got.starts_with(head), "{}", String::from_utf8_lossy(&got));
    let block = block();
    let mut at = 0;
    while at < len {
        let read = talk.stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "ended at {at}");
        assert!(buffer[..read] == *part_from(&block, at, read), "around {at}");
        at += read;
    }
    assert_eq!(at, len);
}

#[tokio::test]
async fn a_reply_of_100_mb_crosses_at_the_speed_of_its_reader() {
    let (peer, stuck_at) = pouring("Content-Length: 104857600\r\n").await;
    let mut gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    talk.say(post("/9102", "", "{}")).await;
    assert!(until_stuck(stuck_at).await < IN_BETWEEN);
    assert!(gate.told.try_recv().is_err(), "not handed over while it is on its way");
    drink(&mut talk, b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n", LARGE).await;
    let written = 104_857_600 + "HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n".len() as u64;
    assert_eq!(gate.told.recv().await, Some(HandedOver::All(written)));
}

#[tokio::test]
async fn a_client_that_leaves_a_large_answer_is_noted_and_frees_the_platform() {
    let (peer, stuck_at) = pouring("Content-Length: 104857600\r\n").await;
    let mut gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    talk.say(post("/9102", "", "{}")).await;
    until_stuck(stuck_at).await;
    drop(talk);
    assert_eq!(gate.told.recv().await, Some(HandedOver::NotAll));
}

#[tokio::test]
async fn a_large_reply_is_cut_where_the_platform_cut_it() {
    let peer = Peer::wild(|mut talk: Talk| async move {
        talk.hear().await;
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n").await;
        talk.say(vec![b'x'; 2 << 20]).await;
    });
    let peer = peer.await;
    let mut gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    let answer = talk.ask(post("/", "", "{}")).await;
    assert!(answer.has("Content-Length: 3145728") && answer.body.len() <= 2 << 20);
    assert_eq!(gate.told.recv().await, Some(HandedOver::NotAll));
}

#[tokio::test]
async fn replies_beyond_the_buffer_stream_whatever_their_framing() {
    let check = |framing: &'static str, end: &'static str| async move {
        let peer = Peer::scripted(move |_| {
            let mut reply = format!("HTTP/1.1 200 OK\r\n{framing}\r\n").into_bytes();
            if framing.starts_with("Transfer") {
                (0..40).for_each(|_| reply.extend([b"10000\r\n".as_slice(), &[b'y'; 65536], b"\r\n"].concat()));
            } else {
                reply.extend(vec![b'y'; 40 * 65536]);
            }
            reply.extend(end.as_bytes());
            Does::Ends(reply)
        })
        .await;
        let mut gate = Gate::before(&peer).await;
        let answer = gate.talk().await.ask(post("/", "", "{}")).await;
        assert!(answer.body.len() == 40 * 65536 && answer.body.iter().all(|byte| *byte == b'y'), "{framing}");
        assert!(matches!(gate.told.recv().await, Some(HandedOver::All(_))), "{framing}");
    };
    check("Transfer-Encoding: chunked\r\n", "0\r\n\r\n").await;
    check("Content-Length: 2621440\r\n", "").await;
    check("", "").await;
}

#[tokio::test]
async fn a_reply_over_its_bound_is_broken_off() {
    let (peer, _) = pouring("Content-Length: 104857600\r\n").await;
    let upstream = upstream(&peer.addr.to_string(), |settings| settings.reply_bytes_max = 5 << 20);
    let Heard::Reply(replied) = upstream.call(outgoing("/", "{}")).await else { panic!() };
    let ReplyBody::More { mut rest, .. } = replied.body else { panic!() };
    let mut taken = 0;
    let broken = loop {
        match rest.next().await.expect("no end before the bound") {
            Ok(chunk) => taken += chunk.len(),
            Err(broken) => break broken,
        }
    };
    assert!(matches!(broken, FlowBroken::TooLarge) && taken <= 5 << 20);
    assert_eq!(upstream.counts().in_use, 0);
}

#[tokio::test]
async fn a_large_request_is_read_as_fast_as_the_line_takes_it() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let plenty = gate.relay.gate.available_permits() as u32;
    let taken = gate.relay.gate.acquire_many(plenty).await.unwrap();
    let mut talk = gate.talk().await;
    talk.say(format!("POST /9101 HTTP/1.1\r\nHost: g\r\nContent-Length: {LARGE}\r\n\r\n")).await;
    let (told, stuck_at) = watch::channel(0);
    let client = tokio::spawn(async move {
        pour(&mut talk.stream, LARGE, &told).await;
        talk.hear().await.unwrap()
    });
    assert!(until_stuck(stuck_at).await < IN_BETWEEN);
    drop(taken);
    assert_eq!(client.await.unwrap().body, b"{\"infcode\":0}");
    let arrived = peer.only();
    assert!(arrived.has(&format!("Content-Length: {LARGE}")));
    let block = block();
    assert_eq!(arrived.body.len(), LARGE);
    assert!(arrived.body.chunks(251 * 4000).all(|chunk| *chunk == *part_from(&block, 0, chunk.len())));
}

#[tokio::test]
async fn a_streamed_request_keeps_its_length_and_breaks_with_its_source() {
    let peer = Peer::saying(OK).await;
    let upstream = peer.upstream();
    let (feed, body) = Flow::channel(Some(6), 2);
    let mut out = outgoing("/", "");
    out.body = body;
    let (heard, ()) = tokio::join!(upstream.call(out), async {
        feed.send(Ok("abc".into())).await.unwrap();
        feed.send(Ok("def".into())).await.unwrap();
        drop(feed);
    });
    assert!(matches!(heard, Heard::Reply(_)));
    assert!(peer.only().has("Content-Length: 6") && peer.only().body == b"abcdef");

    let (feed, body) = Flow::channel(Some(6), 2);
    let mut out = outgoing("/", "");
    out.body = body;
    let (heard, ()) = tokio::join!(upstream.call(out), async {
        feed.send(Ok("abc".into())).await.unwrap();
        feed.send(Err(FlowBroken::Source("the file is gone".into()))).await.unwrap();
    });
    assert!(matches!(heard, Heard::Silence(_)), "its first half left");
}

#[tokio::test]
async fn a_reply_that_drips_is_waited_for() {
    let peer = Peer::wild(|mut talk: Talk| async move {
        talk.hear().await;
        for byte in OK.bytes() {
            talk.say([byte]).await;
            tokio::task::yield_now().await;
        }
        talk.hear().await;
    });
    let peer = peer.await;
    let answer = Gate::before(&peer).await.talk().await.ask(post("/", "", "{}")).await;
    assert_eq!(answer.body, b"{\"infcode\":0}");
}
