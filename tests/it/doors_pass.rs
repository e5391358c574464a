//! What crosses both doors unchanged (wire.md §1.2–§1.9, §2.5), seen as bytes.

use super::doors_rig::{Does, Gate, OK, Peer, post, upstream};

#[tokio::test]
async fn header_lines_cross_with_case_order_and_bytes() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let sent = "_api_name: hsa-fsi-2207\r\nx-tif-paasId: abc\r\nX-TIF-signature: 00ff\r\nAccept: *\r\nRange: bytes=17-\r\n\
                Content-Type: text/xml;charset=utf-8\r\nX-Empty:\r\nX-Two: a\r\nX-two: b\r\n";
    let mut request = post("/CSB/hsa-fsi-2207", sent, "{}").into_bytes();
    // 中 in GBK, and a trail byte that is a backslash.
    let gbk = b"X-Name: \xd6\xd0\x8f\x5c\r\n";
    let at = request.windows(6).position(|window| window == b"Accept").unwrap();
    request.splice(at..at, gbk.iter().copied());
    let answer = gate.talk().await.ask(&request).await;
    assert_eq!(answer.body, b"{\"infcode\":0}");

    let arrived = peer.only();
    let gbk: String = gbk[..gbk.len() - 2].iter().map(|byte| char::from(*byte)).collect();
    let expected = [
        "POST /CSB/hsa-fsi-2207 HTTP/1.1",
        &format!("Host: {}", peer.addr),
        "_api_name: hsa-fsi-2207",
        "x-tif-paasId: abc",
        "X-TIF-signature: 00ff",
        &gbk,
        "Accept: *",
        "Range: bytes=17-",
        "Content-Type: text/xml;charset=utf-8",
        "X-Empty:",
        "X-Two: a",
        "X-two: b",
        "Content-Length: 2",
    ];
    assert_eq!(arrived.lines(), expected);

    let (target, minor, lines) = gate.relay.heads.lock().unwrap().pop_front().unwrap();
    assert_eq!((&target[..], minor), (&b"/CSB/hsa-fsi-2207"[..], 1));
    let names: Vec<_> = lines.iter().map(|(name, _)| std::str::from_utf8(name).unwrap()).collect();
    let written = ["Host", "_api_name", "x-tif-paasId", "X-TIF-signature", "X-Name", "Accept", "Range"];
    assert_eq!(names[..7], written);
    assert_eq!(&lines[4].1[..], b"\xd6\xd0\x8f\x5c");
}

#[tokio::test]
async fn every_target_form_goes_under_the_base_path() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::with(upstream(&format!("{}/ebus/poc/", peer.addr), |_| {}), |_| {}).await;
    let mut talk = gate.talk().await;
    for target in ["/hsa/hgs/2207", "http://10.9.9.9:80/fsi/api/x?y=%C4%E3&z", "/fsi//api/./x?", "/a%20b/;c=1"] {
        talk.ask(post(target, "", "{}")).await;
    }
    let requests = peer.requests();
    let first_lines: Vec<_> = requests.iter().map(|request| request.lines()[0]).collect();
    let expected = [
        "POST /ebus/poc/hsa/hgs/2207 HTTP/1.1",
        "POST /ebus/poc/fsi/api/x?y=%C4%E3&z HTTP/1.1",
        "POST /ebus/poc/fsi//api/./x? HTTP/1.1",
        "POST /ebus/poc/a%20b/;c=1 HTTP/1.1",
    ];
    assert_eq!(first_lines, expected);
    assert_eq!(peer.connections(), 1, "the connection is used again");
    assert_eq!(gate.relay.heads.lock().unwrap()[1].0, "http://10.9.9.9:80/fsi/api/x?y=%C4%E3&z");
}

#[tokio::test]
async fn bodies_of_any_kind_cross_byte_for_byte() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    let multipart = "--x\r\nContent-Disposition: form-data; name=\"jsonStr\"\r\n\r\n{\"infno\":\"9101\"}\r\n--x--\r\n";
    let bodies = ["", "{\"a\":1,\"a\":1.0,}", "{\"psn_name\":\"a\"b\"}", multipart, "\u{feff}\r\n\r\n"];
    for body in bodies {
        talk.ask(post("/", "Content-Type: multipart/form-data; boundary=x\r\n", body)).await;
    }
    let arrived: Vec<_> = peer.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(arrived, bodies.map(|body| body.as_bytes().to_vec()));
}

#[tokio::test]
async fn a_chunked_request_goes_up_with_its_length() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let request =
        "POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n";
    let mut talk = gate.talk().await;
    talk.ask(request).await;
    let arrived = peer.only();
    assert_eq!(arrived.body, b"{\"a\":1}");
    assert!(arrived.has("Content-Length: 7"), "{}", arrived.head);
    assert!(!arrived.head.to_ascii_lowercase().contains("transfer-encoding"));
    // The next head on the same connection is seen again.
    talk.ask(post("/", "_X-y: 1\r\n", "{}")).await;
    assert!(gate.relay.heads.lock().unwrap()[1].2.iter().any(|(name, _)| &name[..] == b"_X-y"));
}

#[tokio::test]
async fn expect_is_answered_here_and_not_forwarded() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    talk.say("POST / HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await;
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let mut heard = vec![0; interim.len()];
    tokio::io::AsyncReadExt::read_exact(&mut talk.stream, &mut heard).await.unwrap();
    assert_eq!(heard, interim.as_bytes());
    assert!(peer.requests().is_empty());
    assert!(talk.ask("{}").await.has("HTTP/1.1 200 OK"));
    assert!(!peer.only().head.contains("Expect"));
}

#[tokio::test]
async fn a_reply_keeps_its_lines_reason_and_body() {
    let replies = [
        // No Content-Type is a choice of the platform's.
        "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 \r\nX-CASE-kept: \u{4e2d}\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 500 Internal Err\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<html>nginx 502</html>",
        "HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: GBK\r\nContent-Length: 2\r\n\r\n\u{7f}\u{1}",
        "HTTP/1.1 207 Two\r\nSet-Cookie: a=1\r\nSET-COOKIE: b=2\r\nContent-Length: 2\r\n\r\n{}",
    ];
    let peer = Peer::scripted(move |nth| Does::Says(replies[nth].as_bytes().to_vec())).await;
    let gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    for reply in replies {
        let answer = talk.ask(post("/", "", "{}")).await;
        let bytes: Vec<u8> = answer.head.chars().map(|c| c as u8).chain(answer.body).collect();
        assert_eq!(String::from_utf8_lossy(&bytes), reply);
    }
    assert_eq!(peer.requests().len(), replies.len());
}

#[tokio::test]
async fn a_malformed_reply_line_costs_only_itself() {
    let reply = "HTTP/1.1 200 OK\r\nX-Spaced : 1\r\n(bad): x\r\nno colon here\r\nX-Folded: a\r\n  b\r\nX-Good: 2\r\n\
                 Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    let peer = Peer::scripted(move |_| Does::Ends(reply.into())).await;
    let answer = Gate::before(&peer).await.talk().await.ask(post("/", "", "{}")).await;
    assert_eq!(answer.body, b"{}");
    assert_eq!(answer.lines()[1..], ["X-Spaced: 1", "X-Folded: a b", "X-Good: 2", "Content-Length: 2"]);
}

#[tokio::test]
async fn interim_replies_are_passed_over() {
    let reply = format!("HTTP/1.1 100 Continue\r\nX-I: 1\r\n\r\n{OK}");
    let peer = Peer::saying(reply).await;
    let answer = Gate::before(&peer).await.talk().await.ask(post("/", "", "{}")).await;
    assert_eq!(answer.lines()[0], "HTTP/1.1 200 OK");
    assert_eq!(answer.body, b"{\"infcode\":0}");
}

#[tokio::test]
async fn old_clients_get_old_manners() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    talk.say("POST /x HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}").await;
    let heard = String::from_utf8(talk.hear_out().await).unwrap();
    assert!(heard.starts_with("HTTP/1.0 200 OK\r\n") && heard.ends_with("{\"infcode\":0}"), "{heard}");
    let mut talk = gate.talk().await;
    for _ in 0..2 {
        let kept = "POST /x HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}";
        let answer = talk.ask(kept).await;
        assert!(answer.head.to_ascii_lowercase().contains("\r\nconnection: keep-alive\r\n"), "{}", answer.head);
    }
    let arrived = &peer.requests()[0];
    assert!(arrived.has("POST /x HTTP/1.1") && arrived.has(&format!("Host: {}", peer.addr)), "{}", arrived.head);
    assert!(!arrived.head.contains("Connection"));
}

#[tokio::test]
async fn a_head_request_keeps_the_length_it_was_told() {
    let peer = Peer::saying("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
    let mut gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    for _ in 0..2 {
        talk.say("HEAD / HTTP/1.1\r\nHost: g\r\n\r\n").await;
        let answer = talk.hear_head().await.unwrap();
        assert!(answer.has("Content-Length: 1234"), "{}", answer.head);
        gate.told.recv().await.unwrap();
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn pipelined_requests_and_stray_line_breaks_are_tolerated() {
    let peer = Peer::saying(OK).await;
    let gate = Gate::before(&peer).await;
    let mut talk = gate.talk().await;
    let two = format!("{}\r\n{}", post("/1", "X-A: 1\r\n", "{}"), post("/2", "X-B: 2\r\n", "{\"b\":2}"));
    talk.say(two).await;
    assert!(talk.hear().await.is_some() && talk.hear().await.is_some());
    let requests = peer.requests();
    assert_eq!((requests[0].lines()[0], requests[1].lines()[0]), ("POST /1 HTTP/1.1", "POST /2 HTTP/1.1"));
    assert!(requests[1].has("X-B: 2"), "{}", requests[1].head);
    assert_eq!(requests[1].body, b"{\"b\":2}");
}
