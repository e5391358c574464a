//! One send per call, whatever the connection does; and what is said when no reply comes.

use std::sync::Arc;
use std::time::Duration;

use medgate::domain::outcome::Cause;
use medgate::outbound::{Heard, Outgoing, Platform, ReplyBody, Silence, Unsent, Upstream};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::doors_rig::{Does, OK, Peer, outgoing, upstream};

/// What was heard, in a word.
fn word(heard: &Heard) -> String {
    match heard {
        Heard::Reply(replied) => match &replied.body {
            ReplyBody::Whole(bytes) => format!("{} {}", replied.head.status, bytes.len()),
            ReplyBody::More { .. } => format!("{} more", replied.head.status),
        },
        Heard::NeverSent(never) => format!("never sent: {}", never.why),
        Heard::Silence(silence) => silence.cause.word().to_owned(),
    }
}

fn silence(heard: Heard) -> Silence {
    match heard {
        Heard::Silence(silence) => *silence,
        other => panic!("{}", word(&other)),
    }
}

async fn call(upstream: &Upstream) -> Heard {
    upstream.call(outgoing("/2207", "{\"infno\":\"2207\"}")).await
}

#[tokio::test]
async fn a_connection_that_died_idle_costs_no_second_send() {
    // After each reply the peer closes, without having said so.
    let peer = Peer::scripted(|_| Does::Ends(OK.into())).await;
    let upstream = peer.upstream();
    for nth in 1..=20 {
        assert_eq!(word(&call(&upstream).await), "200 13");
        assert_eq!(peer.requests().len(), nth);
    }
    assert!(upstream.counts().dialled >= 19, "{:?}", upstream.counts());
}

#[tokio::test]
async fn a_connection_that_dies_after_reading_is_silence_and_not_sent_again() {
    // The first request of a connection is answered, the second is read and then the connection is closed.
    let peer = Peer::wild(|mut talk| async move {
        talk.hear().await;
        talk.say(OK).await;
        talk.hear().await;
    });
    let peer = peer.await;
    let upstream = peer.upstream();
    assert_eq!(word(&call(&upstream).await), "200 13");
    let silence = silence(call(&upstream).await);
    assert_eq!((silence.cause, silence.part.is_none()), (Cause::Broken, true));
    assert!(silence.sent_at_unix_ns > 0);
    assert_eq!(peer.connections(), 1, "no fresh connection was tried");
}

#[tokio::test]
async fn many_calls_over_dying_connections_are_each_sent_at_most_once() {
    // Every third request is read and never answered.
    let peer = Peer::scripted(|nth| if nth % 3 == 2 { Does::Ends(Vec::new()) } else { Does::Says(OK.into()) }).await;
    let upstream = Arc::new(peer.upstream());
    let calls = (0..90).map(|_| {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move { word(&call(&upstream).await) })
    });
    let mut heard = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        heard.push(call.await.unwrap());
    }
    assert_eq!(peer.requests().len(), 90);
    assert_eq!(heard.iter().filter(|word| *word == "200 13").count(), 60);
    assert_eq!(heard.iter().filter(|word| *word == "broken").count(), 30);
}

#[tokio::test]
async fn what_never_left_is_told_from_silence() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = call(&upstream(&nobody.to_string(), |_| {})).await;
    assert!(matches!(&refused, Heard::NeverSent(never) if matches!(never.why, Unsent::Unreachable(_))));
    let unknown = call(&upstream("no-such-host.invalid", |_| {})).await;
    assert!(matches!(&unknown, Heard::NeverSent(_)), "{}", word(&unknown));
    let peer = Peer::saying(OK).await;
    let edited = Outgoing { headers: vec![("bad name".into(), "x".into())], ..outgoing("/", "") };
    let unwritable = peer.upstream().call(edited).await;
    assert!(matches!(&unwritable, Heard::NeverSent(never) if matches!(never.why, Unsent::Unwritable(_))));
    assert_eq!(peer.connections(), 0);
}

#[tokio::test]
async fn calls_wait_for_a_connection_within_bounds() {
    let held = Arc::new(Notify::new());
    let hold = Arc::clone(&held);
    let peer = Peer::wild(move |mut talk| {
        let hold = Arc::clone(&hold);
        async move {
            while talk.hear().await.is_some() {
                hold.notified().await;
                talk.say(OK).await;
            }
        }
    });
    let peer = peer.await;
    let bounds = |settings: &mut medgate::outbound::Settings| {
        settings.connections_max = 1;
        settings.connections_waiting_max = 1;
        settings.connect_ms = 300;
    };
    let upstream = Arc::new(upstream(&peer.addr.to_string(), bounds));
    let spawn = || {
        tokio::spawn({
            let upstream = Arc::clone(&upstream);
            async move { word(&call(&upstream).await) }
        })
    };
    let first = spawn();
    while upstream.counts().in_use < 1 {
        tokio::task::yield_now().await;
    }
    let second = spawn();
    while upstream.counts().waiting < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(word(&call(&upstream).await), "never sent: too many calls wait for a connection");
    assert_eq!(second.await.unwrap(), "never sent: no connection came free in time");
    let third = spawn();
    held.notify_one();
    assert_eq!(first.await.unwrap(), "200 13");
    held.notify_one();
    assert_eq!(third.await.unwrap(), "200 13");
    assert_eq!(peer.connections(), 1);
    assert_eq!((upstream.counts().in_use, upstream.counts().waiting), (0, 0));
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let closed = Arc::new(Notify::new());
    let tell = Arc::clone(&closed);
    let peer = Peer::wild(move |mut talk| {
        let tell = Arc::clone(&tell);
        async move {
            assert!(talk.hear().await.is_some());
            tell.notify_one();
            assert!(talk.hear().await.is_none());
            tell.notify_one();
        }
    });
    let peer = peer.await;
    let upstream = peer.upstream();
    tokio::select! {
        heard = call(&upstream) => panic!("{}", word(&heard)),
        () = closed.notified() => {}
    }
    closed.notified().await;
    assert_eq!(upstream.counts().in_use, 0);
}

#[tokio::test]
async fn a_connection_is_not_kept_beyond_its_idle_time() {
    let closed = Arc::new(Notify::new());
    let tell = Arc::clone(&closed);
    let peer = Peer::wild(move |mut talk| {
        let tell = Arc::clone(&tell);
        async move {
            talk.hear().await;
            talk.say(OK).await;
            assert!(talk.hear().await.is_none());
            tell.notify_one();
        }
    });
    let peer = peer.await;
    let upstream = upstream(&peer.addr.to_string(), |settings| settings.idle_ms = 50);
    assert_eq!(word(&call(&upstream).await), "200 13");
    tokio::time::timeout(Duration::from_secs(5), closed.notified()).await.expect("swept");
}

#[tokio::test]
async fn cut_replies_are_evidence_and_never_answers() {
    let check = |reply: &'static str, cause: Cause, status: Option<u16>, part: &'static str| async move {
        let peer = Peer::scripted(move |_| Does::Ends(reply.into())).await;
        let silence = silence(call(&peer.upstream()).await);
        assert_eq!(silence.cause, cause, "{reply}");
        let heard = silence.part.map(|(head, bytes)| (head.status, bytes));
        assert_eq!(heard.as_ref().map(|heard| heard.0), status, "{reply}");
        assert_eq!(heard.map_or_else(Default::default, |heard| heard.1), part, "{reply}");
    };
    check("", Cause::Broken, None, "").await;
    check("HTTP/1.1 200 OK\r\nConte", Cause::Cut, Some(0), "HTTP/1.1 200 OK\r\nConte").await;
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"setl_id\":\"X1\"";
    check(cut, Cause::Cut, Some(200), "{\"setl_id\":\"X1\"").await;
    let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n";
    check(cut, Cause::Cut, Some(200), "{\"a\"").await;
    check("{\"code\":401}", Cause::Cut, Some(0), "{\"code\":401}").await;
    let twice = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n";
    check(twice, Cause::Cut, Some(0), twice).await;
}

#[tokio::test]
async fn replies_of_every_framing_are_whole() {
    let check = |reply: &'static str, expected: &'static str| async move {
        let peer = Peer::scripted(move |_| Does::Ends(reply.into())).await;
        match call(&peer.upstream()).await {
            Heard::Reply(replied) => match replied.body {
                ReplyBody::Whole(bytes) => assert_eq!(bytes, expected, "{reply}"),
                ReplyBody::More { .. } => panic!("{reply}"),
            },
            other => panic!("{reply}: {}", word(&other)),
        }
    };
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n", "{}abc")
        .await;
    check("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end").await;
    check("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end").await;
    check("HTTP/1.1 204 No Content\r\n\r\n", "").await;
    check("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "").await;
}
