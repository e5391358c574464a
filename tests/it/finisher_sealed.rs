//! What was left half done is ended, too, where the HIS seals its calls: the gateway reads them again by the keys that it has, and seals its own.

use std::time::Duration;

use medgate::domain::terms::{Form, Mode};
use medgate::sandbox::platform;

use crate::finisher::{at_ten, case, case_of, does_not_rest, proposal};
use crate::provinces::{Site, granted, registered, send, tongue};
use crate::provinces_his::Desk;
use crate::rig::TestGateway;
use crate::signing_rig::signs;

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_settlement_is_asked_for_and_its_reversal_is_ready() {
    let tongue = tongue("jilin");
    let site = Site::of(tongue);
    let province = site.province(tongue, |_| {});
    let stand_in = platform::Settings { province: Some(province.into()), ..platform::Settings::default() };
    let identity = site.identity.clone();
    let gate = TestGateway::before_sandbox(stand_in, |settings| {
        signs(settings, tongue.profile, Mode::Pass, identity);
        does_not_rest(settings);
    })
    .await;
    at_ten(&gate).await;
    let mut desk = Desk::new(tongue, Form::SealedInput, true, &site.vault);
    registered(&gate, &mut desk).await;
    granted(&gate, &mut desk, "2204", "B1", "").await;

    gate.faults(r#"[{"infno":"2207","fault":"late","ms":1000}]"#);
    let input = desk.input("2207", "B1", "");
    let message = desk.wrap("2207", &input);
    assert!(!message.body.contains(&desk.person.psn_no), "the person is sealed");
    let heard = send(&gate, &message).await;
    assert!(String::from_utf8_lossy(&heard.body).contains("【结果未知】"));
    let id = case_of(&gate, "not_delivered").await;

    gate.clock.advance(Duration::from_secs(31 * 60));
    proposal(&gate).await;
    assert!(gate.arrived("5203") >= 1, "it was asked first");
    let (good, shown) = case(&gate, "zhang", &["preview", &id]);
    assert!(good && shown.contains("2208") && shown.contains(&desk.person.psn_no), "{shown}");
}
