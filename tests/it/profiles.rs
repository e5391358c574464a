//! A province's own hosts, and a site's own profiles, through the whole gateway and its commands.

use std::sync::Arc;

use medgate::domain::clock::SystemClock;
use medgate::sandbox::{Sandbox, platform};

use crate::crash_rig::{medgate, run, said};
use crate::rig::TestGateway;

/// A call in Guangdong's style.
async fn call(gateway: &TestGateway, infno: &str) {
    let body = format!(
        r#"{{"infno":"{infno}","msgid":"H44030000001202401020304050001","fixmedins_code":"H44030000001","input":{{}}}}"#
    );
    let answer = gateway.call(&format!("/ebus/gdyb_api/prd/hsa/hgs/{infno}"), &body).await;
    assert!(answer.head.starts_with("HTTP/1.1 200"), "{}", answer.head);
}

#[tokio::test]
async fn what_a_profile_sends_to_another_host_goes_there_once_it_has_a_url() {
    let second =
        Sandbox::start("127.0.0.1:0".parse().unwrap(), platform::Settings::default(), Arc::new(SystemClock::start()));
    let second = second.await.unwrap();
    let at_second = |infno: &str| {
        let count = |line: &&medgate::sandbox::register::Line| line.infno == infno;
        second.platform().with_register(|register| register.lines(0, usize::MAX).filter(count).count())
    };
    let mut gateway = TestGateway::with(|settings| settings.gateway.profile = "guangdong".to_owned()).await;
    call(&gateway, "4205").await;
    assert_eq!((gateway.arrived("4205"), at_second("4205")), (1, 0), "without a url of its own it goes with the rest");

    let url = format!("http://{}", second.addr());
    gateway
        .restart_with(|settings| {
            let mut upstream = settings.upstream["default"].clone();
            upstream.url = url;
            settings.upstream.insert("guangzhou_42".to_owned(), upstream);
        })
        .await;
    call(&gateway, "4205").await;
    call(&gateway, "1101").await;
    assert_eq!((gateway.arrived("4205"), at_second("4205")), (1, 1));
    assert_eq!((gateway.arrived("1101"), at_second("1101")), (1, 0));
}

#[test]
fn a_sites_own_profile_is_checked_shown_and_named_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let (profiles, file) = (folder.path().join("profiles"), folder.path().join("medgate.toml"));
    std::fs::create_dir(&profiles).unwrap();
    let settings = format!(
        "[gateway]\nprofile = \"city\"\nprofiles = \"{}\"\ndata = \"{}\"\n[upstream.default]\nurl = \"http://127.0.0.1:9\"\nidentity = \"none\"\n",
        profiles.display(),
        folder.path().join("data").display()
    );
    std::fs::write(&file, settings).unwrap();
    let file = file.to_str().unwrap();
    let asked = |text: &str, words: &[&str]| {
        std::fs::write(profiles.join("city.toml"), text).unwrap();
        let output = run(medgate(&[words, &["--config", file]].concat()));
        (output.status.code(), said(&output))
    };
    let good = "title = \"本市\"\ninherits = \"guangdong\"\n[trait]\nby_2601 = [\"2207\"]\n";
    let (code, text) = asked(good, &["check"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = asked(good, &["profile", "show", "city", "--infno", "2304"]);
    assert_eq!(code, Some(0), "{text}");
    for part in ["by 2601     no", "class       money", "  # baseline.toml:"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let wrong = "inherits = \"guangdong\"\n[trait]\nby2601 = [\"2207\"]\n";
    let place = format!("{}/city.toml:3: unknown key `by2601`", profiles.display());
    for words in [&["check"][..], &["profile", "check"], &["profile", "show", "city"]] {
        let (code, text) = asked(wrong, words);
        assert_eq!(code, Some(78), "{text}");
        assert!(text.contains(&place) && text.contains("did you mean `by_2601`?"), "{text}");
    }
}
