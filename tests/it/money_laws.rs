//! Amounts that do not agree: a refund that is not its settlement, lines that are not their total (`money.md` §7).

use medgate::journal::facts::Fact;
use medgate::journal::record::Kind;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::cases::listed;
use crate::doors_rig::Raw;
use crate::money_his::{self as his, Bill, granted, persons};
use crate::rig::{self, TestGateway, until};

/// What the last OUTCOME of a transaction says of broken laws.
fn findings(gate: &TestGateway, infno: &str) -> Vec<String> {
    let outcomes = gate.records_of(Kind::Outcome);
    let last = outcomes.iter().rev().find(|record| record.facts.text_of(Fact::Infno) == Some(infno)).unwrap();
    let text = |value| String::from_utf8_lossy(value).into_owned();
    last.facts.all_named(Fact::Finding).map(|(rule, says)| format!("{rule} {}", text(says))).collect()
}

/// The next call of a transaction is answered with this, and the ledger acts as always.
fn answers(gate: &TestGateway, infno: &str, body: &Value) {
    let content_type = "application/json";
    let fault = json!({"infno": infno, "fault": "answer", "content_type": content_type, "body": body.to_string(), "commit": true});
    gate.faults(&json!([fault]).to_string());
}

/// Sign of a refund's amounts, which of them are moved, what is found.
type Row = (i64, &'static [(&'static str, &'static str)], &'static [&'static str]);

/// The answer to a refund of `settled`, each amount times `sign`, with `moved` put in its place.
fn refund(settled: &Raw, sign: i64, moved: &[(&str, &str)]) -> Value {
    let mut answer = rig::json(settled);
    let fields = answer["output"]["setlinfo"].as_object_mut().unwrap();
    let is_amount = |name: &str| name.ends_with("_amt") || name.ends_with("_sumamt") || name.ends_with("_pay");
    for (_, value) in fields.iter_mut().filter(|(name, value)| is_amount(name) && !value.is_null()) {
        let paid: Decimal = value.to_string().trim_matches('"').parse().unwrap();
        *value = (paid * Decimal::from(sign)).to_string().into();
    }
    fields.insert("setl_id".to_owned(), "S-REFUND".into());
    fields.extend(moved.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    answer
}

#[tokio::test]
async fn a_refund_of_either_sign_mirrors_its_settlement_and_any_other_is_found() {
    let gate = TestGateway::start().await;
    let bill = Bill::charged(&gate).await;
    let (_, setl_id) = bill.settled(&gate).await;
    granted(&gate, "2208", &bill.named(&setl_id)).await;
    assert_eq!(findings(&gate, "2208"), [""; 0], "as the stand-in answers");
    const ROWS: [Row; 4] = [
        (1, &[], &[]),
        (-1, &[], &[]),
        (-1, &[("medfee_sumamt", "-299.99")], &["LAW.refund medfee_sumamt"]),
        (-1, &[("fund_pay_sumamt", "0.01")], &["LAW.refund fund_pay_sumamt"]),
    ];
    for (sign, moved, expected) in ROWS {
        let bill = Bill::charged(&gate).await;
        let (settled, setl_id) = bill.settled(&gate).await;
        answers(&gate, "2208", &refund(&settled, sign, moved));
        granted(&gate, "2208", &bill.named(&setl_id)).await;
        assert_eq!(findings(&gate, "2208"), expected, "{sign} {moved:?}");
        // It is done all the same: the key is free.
        bill.settled(&gate).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_law_is_proven_a_refund_that_breaks_it_is_a_case() {
    let site = tempfile::tempdir().unwrap();
    let city = "title = \"本市\"\ninherits = \"baseline\"\n[law.refund]\nproven = true\n";
    std::fs::write(site.path().join("city.toml"), city).unwrap();
    let gate = TestGateway::with(|settings| {
        settings.gateway.profile = "city".to_owned();
        settings.gateway.profiles = site.path().to_owned();
    });
    let gate = gate.await;
    let bill = Bill::charged(&gate).await;
    let (settled, setl_id) = bill.settled(&gate).await;
    answers(&gate, "2208", &refund(&settled, -1, &[("medfee_sumamt", "-30.00")]));
    granted(&gate, "2208", &bill.named(&setl_id)).await;
    assert_eq!(findings(&gate, "2208"), ["LAW.refund proven"]);
    let is_one = |case: &Value| case["cause"] == "money_law" && case["infno"] == "2208" && case["open"] == true;
    until("the case", || listed(&gate).iter().any(is_one)).await;
    assert_eq!(listed(&gate).len(), 1);
}

#[tokio::test]
async fn lines_that_are_not_what_was_settled_are_found() {
    let gate = TestGateway::start().await;
    let mut all = persons().into_iter();
    let mut sale = |msgid: &str| {
        let person = all.next().unwrap();
        let line = |nth: u32, sum: &str| {
            json!({"feedetl_sn": format!("{nth}"), "det_item_fee_sumamt": sum, "cnt": "1", "pric": sum,
                "med_list_codg": format!("X{nth}")})
        };
        let input = json!({
            "druginfo": {"psn_no": person.psn_no, "certno": person.certno, "mdtrt_cert_type": "01", "mdtrt_cert_no": "T",
                "begntime": "2024-01-02 03:00:00", "medfee_sumamt": "120.00", "invono": "I", "insutype": "310",
                "acct_used_flag": "1", "med_type": "41"},
            "drugdetail": [line(1, "100.00"), line(2, "20")],
        });
        his::body_as(msgid, "2102", &input)
    };
    let (first, second) = ("H99000000001sale1", "H99000000001sale2");
    let sold = gate.call(his::URL, &sale(first)).await;
    assert_eq!(rig::json(&sold)["infcode"], 0);
    assert_eq!(findings(&gate, "2102"), [""; 0]);
    let mut wrong = rig::json(&sold);
    for (name, value) in [("setl_id", "S-SALE"), ("medins_setl_id", second), ("medfee_sumamt", "102.00")] {
        wrong["output"]["setlinfo"][name] = value.into();
    }
    answers(&gate, "2102", &wrong);
    let sold = gate.call(his::URL, &sale(second)).await;
    assert_eq!(rig::json(&sold)["infcode"], 0, "it is settled, and handed on as it came");
    assert!(findings(&gate, "2102").contains(&"LAW.lines medfee_sumamt".to_owned()), "{:?}", findings(&gate, "2102"));
}
