//! Every queue, loop and body has a bound, and what is over it hears so in the platform's own envelope.

use std::sync::Arc;
use std::time::Duration;

use medgate::config::Settings;
use medgate::domain::outcome::{Cause, Outcome};
use medgate::journal::record::Kind;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use crate::doors_rig::{Peer, Raw, Talk, post};
use crate::rig::{self, SOON, TestGateway};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"infcode\":0}";

/// A platform that answers when it is let: every request takes a permit. `arrived` is told of each.
struct Patient {
    peer: Peer,
    arrived: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

impl Patient {
    async fn start() -> Patient {
        let (arrived, answers) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (tell, wait) = (Arc::clone(&arrived), Arc::clone(&answers));
        let peer = Peer::wild(move |mut talk: Talk| {
            let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
            async move {
                while talk.hear().await.is_some() {
                    tell.add_permits(1);
                    wait.acquire().await.unwrap().forget();
                    talk.say(OK).await;
                }
            }
        });
        Patient { peer: peer.await, arrived, answers }
    }

    async fn gateway(&self, change: impl FnOnce(&mut Settings)) -> TestGateway {
        TestGateway::before(&format!("http://{}", self.peer.addr), change).await
    }

    /// Waits for the next request to be here.
    async fn has_one(&self) {
        tokio::time::timeout(SOON, self.arrived.acquire()).await.expect("a request arrives").unwrap().forget();
    }
}

fn query(bytes: usize) -> String {
    json!({"infno": "1101", "msgid": "m", "fill": "x".repeat(bytes)}).to_string()
}

fn assert_refused(answer: &Raw, code: &str) {
    assert!(answer.has("HTTP/1.1 200 OK"), "{}", answer.head);
    let body = rig::json(answer);
    let text = body["err_msg"].as_str().unwrap();
    assert!(body["infcode"] == -1 && text.starts_with("【网关未发送】") && text.contains(code), "{body}");
}

async fn asks(gateway: &TestGateway, body: &str) -> Talk {
    let mut talk = Talk::to(gateway.listen).await;
    talk.say(post("/hsa/hgs/1101", "Content-Type: application/json\r\n", body)).await;
    talk
}

async fn hears(talk: &mut Talk) -> Raw {
    tokio::time::timeout(SOON, talk.hear()).await.expect("in time").expect("an answer")
}

#[tokio::test]
async fn every_queue_loop_and_body_has_a_bound_the_queue_of_exchanges() {
    let platform = Patient::start().await;
    let gateway = platform
        .gateway(|settings| {
            settings.inbound.exchanges_max = 1;
            settings.inbound.exchanges_waiting_max = 1;
        })
        .await;
    let mut first = asks(&gateway, &query(10)).await;
    platform.has_one().await;
    // Of two more one waits and the other is refused; which is the machine's choice.
    let (mut one, mut two) = (asks(&gateway, &query(10)).await, asks(&gateway, &query(10)).await);
    let (refused, mut waiting) = tokio::select! {
        answer = hears(&mut one) => (answer, two),
        answer = hears(&mut two) => (answer, one),
    };
    assert_refused(&refused, "GW102");
    platform.answers.add_permits(2);
    for talk in [&mut first, &mut waiting] {
        assert_eq!(hears(talk).await.body, b"{\"infcode\":0}");
    }
    platform.has_one().await;
    assert_eq!(platform.arrived.available_permits(), 0, "what was refused was not sent");
}

#[tokio::test]
async fn every_queue_loop_and_body_has_a_bound_the_memory_for_bodies() {
    let platform = Patient::start().await;
    let gateway = platform.gateway(|settings| settings.inbound.memory_bytes_max = 1 << 20).await;
    let mut first = asks(&gateway, &query(700_000)).await;
    platform.has_one().await;
    let mut second = asks(&gateway, &query(700_000)).await;
    assert_refused(&hears(&mut second).await, "GW103");
    platform.answers.add_permits(2);
    assert_eq!(hears(&mut first).await.body, b"{\"infcode\":0}");
    // The exchange gave its memory back.
    rig::until("memory comes free", || gateway.records_of(Kind::Deliveries).len() == 1).await;
    let mut third = asks(&gateway, &query(700_000)).await;
    assert_eq!(hears(&mut third).await.body, b"{\"infcode\":0}");
}

#[tokio::test]
async fn every_queue_loop_and_body_has_a_bound_the_body() {
    let platform = Patient::start().await;
    let gateway = platform.gateway(|settings| settings.inbound.body_bytes_max = 100_000).await;
    let mut announced = asks(&gateway, &query(200_000)).await;
    let answer = hears(&mut announced).await;
    assert_refused(&answer, "GW101");
    assert!(answer.has("Connection: close"), "{}", answer.head);
    let mut unannounced = Talk::to(gateway.listen).await;
    let chunk = format!("{:x}\r\n{}\r\n", 50_000, "x".repeat(50_000));
    let head = "POST /hsa/hgs/1101 HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n";
    unannounced.say(format!("{head}{}0\r\n\r\n", chunk.repeat(3))).await;
    assert_refused(&hears(&mut unannounced).await, "GW101");
    assert_eq!(platform.arrived.available_permits(), 0);
}

#[tokio::test]
async fn every_queue_loop_and_body_has_a_bound_the_connections_of_the_his() {
    let platform = Patient::start().await;
    platform.answers.add_permits(3);
    let gateway = platform
        .gateway(|settings| {
            settings.inbound.connections_max = 2;
            settings.inbound.exchanges_max = 2;
        })
        .await;
    let (mut first, mut second) = (asks(&gateway, &query(10)).await, asks(&gateway, &query(10)).await);
    hears(&mut first).await;
    hears(&mut second).await;
    // The kernel takes the third; the gateway does not until one of the two has gone.
    let mut third = asks(&gateway, &query(10)).await;
    tokio::time::timeout(Duration::from_millis(300), third.hear()).await.expect_err("it waits for its turn");
    platform.has_one().await;
    platform.has_one().await;
    assert_eq!(platform.arrived.available_permits(), 0);
    drop(first);
    assert_eq!(hears(&mut third).await.body, b"{\"infcode\":0}");
}

#[tokio::test]
async fn every_queue_loop_and_body_has_a_bound_the_connections_to_the_platform() {
    let platform = Patient::start().await;
    let gateway = platform
        .gateway(|settings| {
            let upstream = settings.upstream.get_mut("default").unwrap();
            (upstream.connections_max, upstream.connections_waiting_max) = (1, 0);
        })
        .await;
    let mut first = asks(&gateway, &query(10)).await;
    platform.has_one().await;
    let mut second = asks(&gateway, &query(10)).await;
    assert_refused(&hears(&mut second).await, "GW501");
    platform.answers.add_permits(1);
    assert_eq!(hears(&mut first).await.body, b"{\"infcode\":0}");
}

/// A platform that says this head, then pours `piece` until nobody listens or, after `pieces`, falls silent.
async fn pouring(head: &'static str, pieces: usize) -> (Peer, Arc<Notify>) {
    let gone = Arc::new(Notify::new());
    let tell = Arc::clone(&gone);
    let peer = Peer::wild(move |mut talk: Talk| {
        let tell = Arc::clone(&tell);
        async move {
            use tokio::io::AsyncWriteExt;
            talk.hear().await;
            talk.say(head).await;
            for _ in 0..pieces {
                if talk.stream.write_all(&[b'x'; 65536]).await.is_err() {
                    return tell.notify_one();
                }
            }
            talk.hear().await;
            tell.notify_one();
        }
    });
    (peer.await, gone)
}

const POURS: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";

#[tokio::test]
async fn every_queue_loop_and_body_has_a_bound_the_reply() {
    for (infno, cut) in [("2207", false), ("1301", true)] {
        let (peer, gone) = pouring(POURS, usize::MAX).await;
        let mut gateway = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
            settings.upstream.get_mut("default").unwrap().reply_bytes_max = 5 << 20;
        })
        .await;
        let mut talk = Talk::to(gateway.listen).await;
        talk.say(post(&format!("/hsa/hgs/{infno}"), "", "{}")).await;
        let answer = hears(&mut talk).await;
        if cut {
            assert!(answer.body.len() <= 5 << 20, "a query is cut: {}", answer.body.len());
        } else {
            assert!(rig::json(&answer)["err_msg"].as_str().unwrap().contains("【结果未知】勿重收"));
        }
        tokio::time::timeout(SOON, gone.notified()).await.expect("the platform is let go");
        gateway.stop().await;
        let outcome = &gateway.records_of(Kind::Outcome)[0].header;
        assert_eq!(outcome.outcome, Outcome::Unknown as u8, "{infno}");
    }
}

#[tokio::test]
async fn every_queue_loop_and_body_has_a_bound_the_wait_for_the_rest_of_a_reply() {
    // The head and two megabytes come, and then nothing.
    let (peer, gone) = pouring(POURS, 32).await;
    let mut gateway = TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        let upstream = settings.upstream.get_mut("default").unwrap();
        (upstream.answer_ms, upstream.listen_ms) = (700, 700);
    })
    .await;
    let mut talk = Talk::to(gateway.listen).await;
    talk.say(post("/hsa/hgs/1301", "", "{}")).await;
    let answer = hears(&mut talk).await;
    assert!(answer.body.len() < 3 << 20);
    tokio::time::timeout(SOON, gone.notified()).await.expect("the platform is let go");
    gateway.stop().await;
    let outcome = &gateway.records_of(Kind::Outcome)[0].header;
    assert_eq!((outcome.outcome, outcome.cause), (Outcome::Unknown as u8, Cause::TimedOut as u8));
}
