//! One exchange, one send, counted by the platform, whatever becomes of its connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::doors_rig::{Does, Peer, Talk, post};
use crate::rig::{self, TestGateway};

const CALLS: u32 = 60;

/// A settlement with a key of its own.
fn bill(number: u32) -> String {
    let data = json!({"mdtrt_id": format!("M{number}"), "chrg_bchno": "B", "psn_no": format!("P{number}")});
    json!({"infno": "2207", "msgid": format!("MSG{number:06}"), "mdtrtarea_admvs": "990100",
        "fixmedins_code": "H99000000001", "input": {"data": data}})
    .to_string()
}

fn success() -> Vec<u8> {
    let body = r#"{"infcode":0,"output":{"setlinfo":{"setl_id":"S1"}}}"#;
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
}

/// How often each msgid was read by the platform.
fn sends(bodies: impl Iterator<Item = Vec<u8>>) -> BTreeMap<String, u32> {
    let mut sends = BTreeMap::new();
    for body in bodies {
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        *sends.entry(body["msgid"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    sends
}

/// What the HIS heard of call `number`: true for the success, false for "unknown".
async fn settles(gateway: SocketAddr, number: u32) -> bool {
    let mut talk = Talk::to(gateway).await;
    let answer = talk.ask(post(&format!("/hsa/hgs/2207?n={number}&"), "", &bill(number))).await;
    let body = rig::json(&answer);
    if body["infcode"] == 0 {
        return true;
    }
    assert!(body["err_msg"].as_str().unwrap().contains("【结果未知】勿重收"), "{body}");
    false
}

/// All calls, `width` at a time; which of them were heard to succeed.
async fn all(gateway: SocketAddr, width: u32) -> Vec<bool> {
    let mut heard = Vec::new();
    for first in (0..CALLS).step_by(width as usize) {
        let side_by_side = (first..first + width).map(|number| tokio::spawn(settles(gateway, number)));
        for call in side_by_side.collect::<Vec<_>>() {
            heard.push(call.await.unwrap());
        }
    }
    heard
}

fn each_once(sends: &BTreeMap<String, u32>) {
    assert_eq!(sends.len(), CALLS as usize);
    assert!(sends.values().all(|count| *count == 1), "{sends:?}");
}

#[tokio::test]
async fn one_key_is_performed_once_though_every_connection_dies_idle() {
    // After each reply the peer closes without having said so: the pool holds a dead connection each time.
    let peer = Peer::scripted(|_| Does::Ends(success())).await;
    let gateway = TestGateway::before(&format!("http://{}", peer.addr), |_| {}).await;
    let heard = all(gateway.listen, 1).await;
    each_once(&sends(peer.requests().into_iter().map(|request| request.body)));
    assert!(heard.iter().all(|settled| *settled), "{heard:?}");
}

#[tokio::test]
async fn one_key_is_performed_once_though_connections_die_after_reading() {
    let peer = Peer::scripted(|nth| if nth % 3 == 2 { Does::Ends(Vec::new()) } else { Does::Says(success()) }).await;
    let gateway = TestGateway::before(&format!("http://{}", peer.addr), |_| {}).await;
    let heard = all(gateway.listen, 10).await;
    each_once(&sends(peer.requests().into_iter().map(|request| request.body)));
    assert_eq!(heard.iter().filter(|settled| !**settled).count(), CALLS as usize / 3, "{heard:?}");
}

#[tokio::test]
async fn one_key_is_performed_once_though_connections_are_reset_while_reading() {
    // The first request of a connection is answered; of the second the head's beginning is read, then comes a reset.
    let begun: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = Arc::clone(&begun);
    let peer = Peer::wild(move |mut talk: Talk| {
        let begun = Arc::clone(&note);
        async move {
            let Some(first) = talk.hear().await else { return };
            begun.lock().unwrap().push(first.lines()[0].to_owned());
            talk.say(success()).await;
            let mut bite = [0; 40];
            if talk.stream.read_exact(&mut bite).await.is_ok() {
                begun.lock().unwrap().push(String::from_utf8_lossy(&bite).into_owned());
                talk.stream.set_zero_linger().unwrap();
            }
        }
    });
    let peer = peer.await;
    let gateway = TestGateway::before(&format!("http://{}", peer.addr), |_| {}).await;
    let heard = all(gateway.listen, 4).await;
    let mut counts = BTreeMap::new();
    for line in begun.lock().unwrap().iter() {
        let number = line.split("n=").nth(1).and_then(|rest| rest.split('&').next()).unwrap().to_owned();
        *counts.entry(number).or_default() += 1;
    }
    each_once(&counts);
    let unknown = heard.iter().filter(|settled| !**settled).count();
    assert!(unknown > 0 && unknown < CALLS as usize, "{heard:?}");
}
