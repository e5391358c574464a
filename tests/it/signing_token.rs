//! The token that calls bear (Jilin, `wire.md` §1.7): fetched once for all callers, kept, forgotten when it is refused; never seen.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use medgate::domain::outcome::Outcome;
use medgate::domain::terms::{Form, Mode};
use medgate::journal::draft::Part;
use medgate::journal::record::Kind;
use medgate::keys;
use medgate::sandbox::platform;
use medgate::signing::sm2::SoftKey;
use serde_json::json;

use crate::doors_rig::{Does, OK, Peer, Raw, TOKEN, Talk, post, token_reply};
use crate::provinces::{Site, granted, registered, send, tongue};
use crate::provinces_his::Desk;
use crate::rig::TestGateway;
use crate::signing_rig::{CLIENT_ID, PASSWORD, SECRET, Vault, intent, line, sent_as_declared, signs};

/// A gateway that signs as Jilin's client before this peer; its HIS waits so long.
async fn gate(vault: &Vault, peer: &Peer, patience_ms: u64, change: impl FnOnce(&mut keys::Settings)) -> TestGateway {
    let mut identity = vault.with_key(CLIENT_ID, &SoftKey::generate().unwrap());
    change(&mut identity);
    TestGateway::before(&format!("http://{}", peer.addr), |settings| {
        signs(settings, "jilin", Mode::Sign, identity);
        settings.client.get_mut("default").unwrap().patience_ms = patience_ms;
    })
    .await
}

fn call(nth: u32) -> String {
    json!({"infno": "1101", "msgid": format!("m{nth}"), "input": {"data": {"psn_no": nth}}}).to_string()
}

fn text(raw: &Raw) -> String {
    String::from_utf8(raw.body.clone()).unwrap()
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let len = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len}\r\n\r\n{body}").into()
}

#[tokio::test]
async fn it_is_fetched_once_for_all_callers_and_kept_until_shortly_before_its_end() {
    let vault = Vault::new();
    let peer = Peer::saying(OK).await;
    let gate = gate(&vault, &peer, 0, |_| {}).await;
    let calls: Vec<String> = (0..8).map(call).collect();
    let answers = all_at_once(&gate, &calls).await;
    assert!(answers.iter().all(|raw| raw.body == b"{\"infcode\":0}"));
    let tokens = peer.tokens();
    assert_eq!(tokens.len(), 1, "one fetch at a time, and one for all");
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{SECRET}"));
    assert_eq!(line(&tokens[0], "authorization"), format!("Basic {basic}"));
    assert_eq!(line(&tokens[0], "content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        String::from_utf8(tokens[0].body.clone()).unwrap(),
        "username=his-user&password=pa55%20%26%20w%C3%B6rd&scope=all&grant_type=password"
    );
    let sent = peer.requests();
    assert_eq!(sent.len(), 8);
    assert!(sent.iter().all(|raw| line(raw, "authorization") == format!("Bearer {TOKEN}")));
    gate.clock.advance(Duration::from_secs(560));
    gate.call("/x", &call(20)).await;
    assert_eq!(peer.tokens().len(), 1, "it is good for 570 seconds");
    gate.clock.advance(Duration::from_secs(20));
    gate.call("/x", &call(21)).await;
    assert_eq!(peer.tokens().len(), 2, "the last 30 of its 600 seconds are not used");
}

/// All at once, each on a connection of its own.
async fn all_at_once(gate: &TestGateway, calls: &[String]) -> Vec<Raw> {
    let mut under_way = tokio::task::JoinSet::new();
    for body in calls {
        let (listen, body) = (gate.listen, body.clone());
        under_way.spawn(async move {
            Talk::to(listen).await.ask(post("/x", "Content-Type: application/json\r\n", &body)).await
        });
    }
    under_way.join_all().await
}

#[tokio::test]
async fn it_stands_in_the_place_of_the_hiss_own_as_a_declared_edit_and_nowhere_in_the_clear() {
    let vault = Vault::new();
    let peer = Peer::saying(OK).await;
    let gate = gate(&vault, &peer, 0, |_| {}).await;
    let head = "AUTHORIZATION: Bearer of-the-his\r\nContent-Type: application/json\r\n";
    gate.try_call("/x", head, &call(1)).await.unwrap();
    let sent = peer.only();
    assert!(sent.has(&format!("AUTHORIZATION: Bearer {TOKEN}")), "{}", sent.head);
    let sealed = intent(&gate, "1101");
    sent_as_declared(&sealed, &sent);
    assert!(sealed.edits.iter().any(|edit| edit.part == Part::Headers));
    let records = format!("{:?}", gate.records());
    for secret in [TOKEN, PASSWORD, SECRET] {
        assert!(!records.contains(secret), "{secret}");
    }
    let folder = gate.data().join("journal");
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [TOKEN, PASSWORD, SECRET] {
            assert!(
                !bytes.windows(secret.len()).any(|part| part == secret.as_bytes()),
                "{secret} in {}",
                file.display()
            );
        }
    }
}

#[tokio::test]
async fn a_call_refused_for_its_token_is_not_sent_again_and_the_next_one_fetches_anew() {
    for refusal in [
        answer("401 Unauthorized", r#"{"code":401,"message":"令牌已过期"}"#),
        answer("200 OK", r#"{"code":401,"message":"令牌已过期"}"#),
        answer("401 Unauthorized", r#"{"error":"invalid_token"}"#),
    ] {
        let vault = Vault::new();
        let script = move |nth| Does::Says(if nth == 1 { refusal.clone() } else { OK.as_bytes().to_vec() });
        let peer = Peer::granting(script, |nth| Does::Says(token_reply(&format!("token{nth}")))).await;
        let gate = gate(&vault, &peer, 0, |_| {}).await;
        for nth in 0..4 {
            gate.call("/x", &call(nth)).await;
        }
        let bore: Vec<String> = peer.requests().iter().map(|raw| line(raw, "authorization")).collect();
        assert_eq!(bore, ["Bearer token0", "Bearer token0", "Bearer token1", "Bearer token1"]);
        assert_eq!(peer.tokens().len(), 2);
        let outcomes: Vec<u8> = gate.records_of(Kind::Outcome).iter().map(|record| record.header.outcome).collect();
        assert_eq!(outcomes.len(), 4);
        assert_eq!(outcomes[1], Outcome::Refused as u8, "a box in front of the platform refused it");
    }
}

#[tokio::test]
async fn a_call_without_a_token_is_refused_with_the_cause_and_nothing_is_sent() {
    let rows: [(Does, &str); 6] = [
        (
            Does::Says(answer("400 Bad Request", r#"{"error":"invalid_grant","error_description":"pa55"}"#)),
            "invalid_grant",
        ),
        (Does::Says(answer("401 Unauthorized", "{}")), "HTTP 401"),
        (Does::Says(answer("200 OK", r#"{"access_token":""}"#)), "没有令牌"),
        (Does::Says(token_reply("a\\r\\nX: y")), "没有令牌"),
        (Does::Ends(Vec::new()), "连接中断"),
        (Does::Says(Vec::new()), "未在限定时间内应答"),
    ];
    for (does, says) in rows {
        let vault = Vault::new();
        let again = move |_| match &does {
            Does::Says(bytes) => Does::Says(bytes.clone()),
            Does::Ends(bytes) => Does::Ends(bytes.clone()),
        };
        let peer = Peer::granting(|_| Does::Says(OK.as_bytes().to_vec()), again).await;
        let gate = gate(&vault, &peer, 400, |_| {}).await;
        let heard = text(&gate.call("/x", &call(1)).await);
        assert!(heard.contains("【网关未发送】网关未取得医保平台的访问令牌") && heard.contains("[GW612]"), "{heard}");
        assert!(heard.contains(says) && !heard.contains("pa55"), "{says}: {heard}");
        assert!(peer.requests().is_empty() && gate.records_of(Kind::Intent).is_empty());
        assert_eq!(peer.tokens().len(), 1, "{says}: it is asked for once");
    }
}

#[tokio::test]
async fn whoever_waits_for_a_fetch_that_fails_has_its_cause_and_the_next_one_tries_again() {
    let vault = Vault::new();
    let grants = |nth| Does::Says(if nth == 0 { Vec::new() } else { token_reply(TOKEN) });
    let peer = Peer::granting(|_| Does::Says(OK.as_bytes().to_vec()), grants).await;
    let gate = gate(&vault, &peer, 500, |_| {}).await;
    let calls: Vec<String> = (0..6).map(call).collect();
    let heard = all_at_once(&gate, &calls).await;
    assert!(heard.iter().all(|raw| text(raw).contains("[GW612]")), "nobody waits longer than its HIS");
    assert_eq!(gate.call("/x", &call(9)).await.body, b"{\"infcode\":0}");
    // A caller that came a little later may have had the time left to ask once more.
    assert!((2..=3).contains(&peer.tokens().len()), "{}", peer.tokens().len());
}

#[tokio::test]
async fn an_identity_without_a_user_sends_nothing_and_a_platform_out_of_reach_is_named() {
    let vault = Vault::new();
    let peer = Peer::saying(OK).await;
    let without = gate(&vault, &peer, 0, |identity| identity.user.clear()).await;
    assert!(text(&without.call("/x", &call(1)).await).contains("[GW611]"));
    assert!(peer.tokens().is_empty() && peer.requests().is_empty());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let identity = vault.with_key(CLIENT_ID, &SoftKey::generate().unwrap());
    let gate = TestGateway::before(&format!("http://{nobody}"), |settings| {
        signs(settings, "jilin", Mode::Sign, identity);
    })
    .await;
    assert!(text(&gate.call("/x", &call(1)).await).contains("连不上医保平台"));
}

#[tokio::test]
async fn the_stand_in_believes_only_tokens_that_it_handed_out() {
    let tongue = tongue("jilin");
    let site = Site::of(tongue);
    let province = Arc::new(site.province(tongue, |_| {}));
    let stand_in = platform::Settings { province: Some(Arc::clone(&province)), ..platform::Settings::default() };
    let identity = site.identity.clone();
    let gate = TestGateway::before_sandbox(stand_in, |settings| signs(settings, "jilin", Mode::Pass, identity)).await;
    let mut desk = Desk::new(tongue, Form::SealedInput, true, &site.vault);
    let input = desk.input("1101", "", "");
    let message = desk.wrap("1101", &input);
    let heard = send(&gate, &message).await;
    assert!(heard.lines()[0].contains(" 401 ") && text(&heard).contains("令牌无效或已过期"), "{}", text(&heard));

    // A HIS that fetches its own does so through the gateway, which hands bytes on.
    let basic = |secret: &str| BASE64_STANDARD.encode(format!("{CLIENT_ID}:{secret}"));
    let asks = |secret: &str| {
        format!("Authorization: Basic {}\r\nContent-Type: application/x-www-form-urlencoded\r\n", basic(secret))
    };
    let form = "grant_type=password&username=his-user&password=pa55+%26+w%C3%B6rd&scope=all";
    let path = "/auth/oauth/token";
    let stranger = gate.try_call(path, &asks("other"), form).await.unwrap();
    assert!(text(&stranger).contains("invalid_client"), "{}", text(&stranger));
    let wrong = gate.try_call(path, &asks(SECRET), &form.replace("pa55", "pa56")).await.unwrap();
    assert!(text(&wrong).contains("invalid_grant"), "{}", text(&wrong));
    let granted_token = gate.try_call(path, &asks(SECRET), form).await.unwrap();
    let told: serde_json::Value = serde_json::from_slice(&granted_token.body).unwrap();
    desk.token = told["access_token"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
    assert_eq!((&told["token_type"], &told["expires_in"]), (&json!("bearer"), &json!(600)));
    granted(&gate, &mut desk, "1101", "", "").await;

    province.guard.as_ref().unwrap().end_tokens();
    let input = desk.input("1101", "", "");
    let message = desk.wrap("1101", &input);
    assert!(text(&send(&gate, &message).await).contains("令牌无效或已过期"));
}

#[tokio::test]
async fn a_gateway_that_signs_comes_in_again_after_its_token_was_ended() {
    let tongue = tongue("jilin");
    let site = Site::of(tongue);
    let gate = site.gate(tongue, Mode::Sign, |_| {}).await;
    let mut desk = Desk::new(tongue, Form::SealedInput, false, &site.vault);
    registered(&gate, &mut desk).await;
    gate.sandbox().settings().province.as_ref().unwrap().guard.as_ref().unwrap().end_tokens();
    let input = desk.input("2204", "B1", "");
    let message = desk.wrap("2204", &input);
    let heard = send(&gate, &message).await;
    assert!(heard.lines()[0].contains(" 401 "), "the platform's own no, once: {}", text(&heard));
    granted(&gate, &mut desk, "2204", "B1", "").await;
}
