//! What the door refuses, whom it ends, how it stops.

use std::sync::Arc;
use std::time::Duration;

use medgate::exchange::door::HandedOver;
use medgate::inbound::Gauges;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::doors_rig::{Gate, OK, Peer, Talk, post};

/// Waits until the door's gauges say so.
async fn until(gate: &Gate, so: impl Fn(Gauges) -> bool) {
    let patience = tokio::time::timeout(Duration::from_secs(10), async {
        while !so(gate.door.gauges()) {
            tokio::task::yield_now().await;
        }
    });
    patience.await.unwrap_or_else(|_| panic!("{:?}", gate.door.gauges()));
}

/// A peer that reads requests and never answers.
async fn mute() -> Peer {
    Peer::wild(|mut talk| async move { while talk.hear().await.is_some() {} }).await
}

#[tokio::test]
async fn an_oversize_body_is_drained_and_refused() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(peer.upstream(), |settings| {
        settings.body_bytes_max = 1 << 20;
        settings.drain_bytes_max = 8 << 20;
    })
    .await;
    // Announced; chunked, where it shows only on the way; and announced to a client that waits for our word.
    let body = "x".repeat(3 << 20);
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = format!("POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
    let expecting = "POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n";
    for request in [post("/", "", &body), chunked, expecting.to_owned()] {
        let mut talk = gate.talk().await;
        let answer = talk.ask(request).await;
        assert!(answer.has("HTTP/1.1 200 OK") && answer.has("Connection: close"), "{}", answer.head);
        assert_eq!(answer.body, b"{\"infcode\":-1,\"err_msg\":\"BodyTooLarge\"}");
        assert!(talk.hear().await.is_none());
    }
    assert_eq!(peer.connections(), 0);
    until(&gate, |now| now == Gauges::default()).await;
}

#[tokio::test]
async fn an_oversize_body_is_not_drained_without_end() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(peer.upstream(), |settings| {
        settings.body_bytes_max = 1 << 20;
        settings.drain_bytes_max = 2 << 20;
    })
    .await;
    let talk = gate.talk().await;
    let (mut reads, mut writes) = talk.stream.into_split();
    let client = tokio::spawn(async move {
        let head = format!("POST / HTTP/1.1\r\nHost: g\r\nContent-Length: {}\r\n\r\n", 1u64 << 40);
        writes.write_all(head.as_bytes()).await.unwrap();
        let block = vec![b'x'; 1 << 20];
        let mut sent = 0u64;
        while writes.write_all(&block).await.is_ok() {
            sent += block.len() as u64;
        }
        sent
    });
    let mut heard = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut reads, &mut heard).await;
    assert!(client.await.unwrap() < 64 << 20);
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_body_is_heard() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    for _ in 0..2 {
        talk.say("POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1000012\r\n\r\n").await;
        talk.say("refuse me").await;
        talk.say("\n".repeat(1_000_003)).await;
        let answer = talk.hear().await.unwrap();
        assert_eq!(answer.body, b"{\"infcode\":-1,\"err_msg\":\"refused\"}");
        assert!(!answer.head.contains("close"), "the connection goes on: {}", answer.head);
    }
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn a_slow_head_ends_the_connection() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(peer.upstream(), |settings| settings.head_seconds = 1).await;
    let began = Instant::now();
    let mut slow = gate.talk().await;
    slow.say("POST / HTTP/1.1\r\nHost:").await;
    let mut idle = gate.talk().await;
    assert!(slow.hear_out().await.is_empty());
    assert!(began.elapsed() >= Duration::from_secs(1));
    // A connection that has not begun a head is merely idle.
    assert_eq!(idle.ask(post("/", "", "{}")).await.body, b"{\"infcode\":0}");
    // The same on a connection that was used before.
    idle.say("POST / HT").await;
    assert!(idle.hear_out().await.is_empty());
    until(&gate, |now| now.slow == 2 && now.connections == 0).await;
}

#[tokio::test]
async fn a_stalled_body_hears_a_refusal_and_is_ended() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(peer.upstream(), |settings| settings.body_stall_seconds = 1).await;
    let mut talk = gate.talk().await;
    talk.ask(post("/", "", "{}")).await;
    for begun in ["{\"a\"", ""] {
        let answer = talk.ask(format!("POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10\r\n\r\n{begun}")).await;
        assert!(answer.has("Connection: close"), "{}", answer.head);
        assert_eq!(answer.body, b"{\"infcode\":-1,\"err_msg\":\"TooSlow\"}");
        assert!(talk.hear().await.is_none());
        talk = gate.talk().await;
    }
    drop(talk);
    assert_eq!(peer.requests().len(), 1);
    until(&gate, |now| now == Gauges { slow: 2, ..Gauges::default() }).await;
}

#[tokio::test]
async fn a_dripping_body_is_ended() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(peer.upstream(), |settings| settings.body_stall_seconds = 1).await;
    let mut talk = gate.talk().await;
    talk.say("POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 10000\r\n\r\n").await;
    let began = Instant::now();
    let answer = loop {
        talk.say("x").await;
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(100), talk.hear()).await {
            break answer.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(8));
    };
    assert_eq!(answer.body, b"{\"infcode\":-1,\"err_msg\":\"TooSlow\"}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(peer.upstream(), |settings| settings.idle_seconds = 1).await;
    let mut fresh = gate.talk().await;
    let mut used = gate.talk().await;
    used.ask(post("/", "", "{}")).await;
    assert!(fresh.hear_out().await.is_empty());
    assert!(used.hear_out().await.is_empty());
    until(&gate, |now| now.connections == 0).await;
    assert_eq!(gate.door.gauges().slow, 0, "idle is no fault");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_ended() {
    let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 << 20).into_bytes();
    let peer = Peer::saying([reply, vec![b'x'; 64 << 20]].concat()).await;
    let mut gate = Gate::with(peer.upstream(), |settings| settings.body_stall_seconds = 1).await;
    let mut talk = gate.talk().await;
    talk.say(post("/", "", "{}")).await;
    assert_eq!(gate.told.recv().await, Some(HandedOver::NotAll));
    until(&gate, |now| now.slow == 1 && now.connections == 0).await;
}

#[tokio::test]
async fn a_waiting_platform_ends_no_client() {
    let peer = Peer::wild(|mut talk: Talk| async move {
        talk.hear().await;
        tokio::time::timeout(Duration::from_millis(2500), talk.hear()).await.expect_err("nothing more comes");
        talk.say(OK).await;
    });
    let peer = peer.await;
    let gate = Gate::with(peer.upstream(), |settings| {
        (settings.idle_seconds, settings.head_seconds, settings.body_stall_seconds) = (1, 1, 1);
    })
    .await;
    let answer = gate.talk().await.ask(post("/", "", "{}")).await;
    assert_eq!(answer.body, b"{\"infcode\":0}");
}

#[tokio::test]
async fn a_client_that_waits_for_its_turn_is_not_slow() {
    let peer = Peer::wild(|mut talk: Talk| async move {
        while talk.hear().await.is_some() {
            tokio::time::timeout(Duration::from_millis(2500), talk.hear()).await.expect_err("nothing more comes");
            talk.say(OK).await;
        }
    });
    let peer = peer.await;
    let gate = Gate::with(peer.upstream(), |settings| {
        settings.exchanges_max = 1;
        (settings.idle_seconds, settings.head_seconds, settings.body_stall_seconds) = (1, 1, 1);
    })
    .await;
    let (mut first, mut second) = (gate.talk().await, gate.talk().await);
    let large = "x".repeat(500_000);
    let (first, second) = tokio::join!(first.ask(post("/", "", "{}")), second.ask(post("/", "", &large)));
    assert_eq!((first.body, second.body), (b"{\"infcode\":0}".to_vec(), b"{\"infcode\":0}".to_vec()));
}

#[tokio::test]
async fn too_many_exchanges_wait_and_more_are_refused() {
    let peer = mute().await;
    let gate = Gate::with(peer.upstream(), |settings| {
        settings.exchanges_max = 1;
        settings.exchanges_waiting_max = 1;
    })
    .await;
    let mut first = gate.talk().await;
    first.say(post("/", "", "{}")).await;
    until(&gate, |now| now.exchanges == 1).await;
    let mut second = gate.talk().await;
    second.say(post("/", "", "{}")).await;
    until(&gate, |now| now.waiting == 1).await;
    let mut third = gate.talk().await;
    for _ in 0..2 {
        let answer = third.ask(post("/", "", "{}")).await;
        assert_eq!(answer.body, b"{\"infcode\":-1,\"err_msg\":\"TooManyWaiting\"}");
    }
    // Whoever leaves while waiting gives up its place.
    drop(second);
    until(&gate, |now| now.waiting == 0).await;
    assert_eq!(gate.door.gauges().exchanges, 1);
    // Whoever leaves while under way does not end the exchange: the line holds its right.
    drop(first);
    until(&gate, |now| now.connections == 1).await;
    assert_eq!(gate.door.gauges().exchanges, 1);
}

#[tokio::test]
async fn bodies_beyond_the_memory_budget_are_refused() {
    let peer = mute().await;
    let gate = Gate::with(peer.upstream(), |settings| settings.memory_bytes_max = 1 << 20).await;
    let mut first = gate.talk().await;
    first.say(post("/", "", &"x".repeat(700_000))).await;
    until(&gate, |now| now.memory_bytes == 700_000).await;
    let mut second = gate.talk().await;
    let answer = second.ask(post("/", "", &"x".repeat(700_000))).await;
    assert_eq!(answer.body, b"{\"infcode\":-1,\"err_msg\":\"MemoryFull\"}");
    second.say(post("/", "", &"x".repeat(300_000))).await;
    until(&gate, |now| now.memory_bytes == 1_000_000 && now.exchanges == 2).await;
}

#[tokio::test]
async fn what_is_no_http_is_answered_400_and_counted() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let raw_gbk = b"POST /x?name=\xd6\xd0 HTTP/1.1\r\nHost: g\r\n\r\n".as_slice();
    for request in
        [raw_gbk, b"POST / HTTP/1.1\r\nHost : g\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"]
    {
        let mut talk = gate.talk().await;
        let answer = talk.ask(request).await;
        assert!(answer.head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{}", answer.head);
        assert!(talk.hear().await.is_none());
    }
    let mut talk = gate.talk().await;
    let large = talk.ask(format!("POST / HTTP/1.1\r\nHost: g\r\nX: {}\r\n\r\n", "x".repeat(70_000))).await;
    assert!(large.head.starts_with("HTTP/1.1 431 "), "{}", large.head);
    until(&gate, |now| now.unreadable == 3 && now.head_too_large == 1).await;
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn nothing_to_say_closes_the_connection() {
    let peer = Peer::wild(|mut talk| async move { drop(talk.hear().await) }).await;
    let gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    talk.say(post("/", "", "{}")).await;
    assert!(talk.hear_out().await.is_empty());
}

#[tokio::test]
async fn stopping_ends_exchanges_and_then_connections() {
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    let peer = Peer::wild(move |mut talk: Talk| {
        let go_on = Arc::clone(&told);
        async move {
            while talk.hear().await.is_some() {
                go_on.notified().await;
                talk.say(OK).await;
            }
        }
    });
    let peer = peer.await;
    let gate = Gate::with(peer.upstream(), |settings| settings.exchanges_max = 1).await;
    let mut idle = gate.talk().await;
    let mut busy = gate.talk().await;
    busy.say(post("/", "", "{}")).await;
    until(&gate, |now| now.exchanges == 1).await;
    let mut waiting = gate.talk().await;
    waiting.say(post("/", "", "{}")).await;
    until(&gate, |now| now.waiting == 1).await;

    gate.stop.cancel();
    assert!(idle.hear_out().await.is_empty());
    let refused = waiting.hear().await.unwrap();
    assert_eq!(refused.body, b"{\"infcode\":-1,\"err_msg\":\"Draining\"}");
    assert!(waiting.hear().await.is_none());
    assert!(TcpStream::connect(gate.addr).await.is_err());
    assert!(!gate.ended.is_finished());

    go_on.notify_one();
    let answer = busy.hear().await.unwrap();
    assert!(answer.has("Connection: close") && answer.body == b"{\"infcode\":0}", "{}", answer.head);
    assert!(busy.hear().await.is_none());
    gate.ended.await.unwrap();
}
