//! The embedded profiles: keys, texts, classes, inheritance.

use std::collections::HashMap;

use serde_json::Value;

use super::*;
use crate::domain::class::Class;
use crate::domain::scan::{Scanner, View};

fn baseline() -> Profile {
    Profile::load("baseline", &Texts::embedded()).unwrap_or_else(|complaints| panic!("{complaints:#?}"))
}

fn view(profile: &Profile, body: &str) -> View {
    let mut scanner = Scanner::new(profile.wanted(), None, None);
    scanner.feed(body.as_bytes());
    scanner.finish()
}

/// Sets every field of that name to `to`.
fn change(value: &mut Value, field: &str, to: &Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if name == field { *member = to.clone() } else { change(member, field, to) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, field, to)),
        _ => {}
    }
}

fn changed(body: &str, changes: &str) -> String {
    let mut value: Value = serde_json::from_str(body).expect("the table holds JSON");
    for (field, to) in changes.split_whitespace().filter_map(|change| change.split_once('=')) {
        let to = if to == "null" { Value::Null } else { Value::from(to) };
        change(&mut value, field, &to);
    }
    value.to_string()
}

/// Checks one row of the key table; gives what is wrong.
fn key_row(
    profile: &Profile,
    bodies: &HashMap<&str, &str>,
    infno: &str,
    verdict: &str,
    rest: &str,
) -> Result<(), String> {
    let tx = profile.transaction(infno);
    let base_view = view(profile, bodies.get(infno).copied().unwrap_or("{}"));
    let moved_view = || view(profile, &changed(bodies[infno], rest));
    let expect = |wanted: &str, is: String| if wanted == is { Ok(()) } else { Err(format!("it is {is}")) };
    let base = profile.key(tx, &base_view);
    if verdict == "none" {
        return expect("true", (base.is_none() && profile.missing_parts(tx, &base_view).is_empty()).to_string());
    }
    if verdict == "rows" {
        return expect(rest, profile.row_keys(tx, &base_view).len().to_string());
    }
    if verdict == "frees" {
        let frees: Vec<String> = profile.frees(infno).iter().map(|(family, by)| format!("{family} by {by}")).collect();
        return expect(rest.trim_matches('-'), frees.join(", "));
    }
    let base = base.ok_or_else(|| format!("no key: {:?}", profile.missing_parts(tx, &base_view)))?;
    if !base.text.starts_with("fixmedins_code=12:H44030000001;mdtrtarea_admvs=6:440300;family=") {
        return Err(base.text);
    }
    match verdict {
        "on repeat" => return expect(rest, format!("{:?}", base.on_repeat)),
        "generation" => return expect(rest, if base.generation { "yes" } else { "no" }.to_owned()),
        "same family as" => {
            let other = profile.key(profile.transaction(rest), &view(profile, bodies[rest]));
            return expect("true", (Some(base.text) == other.map(|other| other.text)).to_string());
        }
        _ => {}
    }
    let Some(moved) = profile.key(tx, &moved_view()) else {
        return expect(verdict, format!("missing {}", profile.missing_parts(tx, &moved_view()).join(" ")));
    };
    let fields = base.fingerprint.iter().zip(&moved.fingerprint).filter(|(a, b)| a != b);
    let fields: Vec<&str> = fields.map(|((field, _), _)| field.as_str()).collect();
    let is = match (base.text == moved.text, fields.join(" ")) {
        (true, fields) if fields.is_empty() => "same".to_owned(),
        (true, fields) => format!("moved {fields}"),
        (false, _) if base.loose.is_none() => "other".to_owned(),
        (false, _) if base.loose == moved.loose => "other, loose same".to_owned(),
        (false, _) => "other, loose too".to_owned(),
    };
    expect(verdict, is)
}

#[test]
fn every_row_of_the_key_table_holds() {
    let profile = baseline();
    let table = include_str!("../../tests/data/keys.txt");
    let lines = || table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let bodies: HashMap<&str, &str> = lines()
        .filter(|line| line.ends_with('}') && !line.contains(" | "))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let mut wrong = Vec::new();
    let mut rows = 0;
    for line in lines().filter(|line| line.contains(" | ")) {
        let mut cells = line.splitn(3, " | ").map(str::trim);
        let (infno, verdict, rest) =
            (cells.next().unwrap_or(""), cells.next().unwrap_or(""), cells.next().unwrap_or(""));
        rows += 1;
        if let Err(is) = key_row(&profile, &bodies, infno, verdict, rest) {
            wrong.push(format!("{line}: {is}"));
        }
    }
    assert!(wrong.is_empty() && rows > 150, "{rows} rows\n{}", wrong.join("\n"));
}

#[test]
fn a_repeat_with_lines_in_another_order_is_the_same_sale() {
    let profile = baseline();
    let body = |lines: &str| {
        format!(
            r#"{{"infno":"2102","fixmedins_code":"P1","mdtrtarea_admvs":"440300","input":{{"druginfo":{{"psn_no":"P","begntime":"B","medfee_sumamt":3}},"drugdetail":[{lines}]}}}}"#
        )
    };
    let (one, two) = (r#"{"med_list_codg":"A","cnt":1,"pric":1.0}"#, r#"{"med_list_codg":"B","cnt":"1.00","pric":2}"#);
    let forward = view(&profile, &body(&format!("{one},{two}")));
    let backward = view(&profile, &body(&format!("{two},{one}")));
    let tx = profile.transaction("2102");
    assert_eq!(profile.key(tx, &forward).map(|key| key.text), profile.key(tx, &backward).map(|key| key.text));
    assert_eq!(profile.similar(&forward), profile.similar(&backward));
    assert_eq!(profile.similar(&forward).sum.as_deref(), Some("3"));
    let twice = view(&profile, &body(&format!("{one},{one}")));
    assert_ne!(profile.similar(&forward).lines, profile.similar(&twice).lines);
    let broken = view(&profile, &body(&format!("{one},{{\"med_list_codg\":\"a \"b\"\"}}")));
    assert_eq!((profile.key(tx, &broken), profile.missing_parts(tx, &broken)), (None, vec!["lines".to_owned()]));
}

#[test]
fn classes_follow_money_md() {
    let profile = baseline();
    for (class, infnos) in [
        (Class::Query, "1101 1312 2001 5203 5303 9001 3101 13203 100001"),
        (Class::Presettle, "2101 2206 2303"),
        (Class::Stage, "2204 2205 2301 2302"),
        (
            Class::State,
            "2201 2202 2203 2203A 2401 2402 2403 2404 2405 2501 2503 2505 2507_A 3301 3302 3401 3402 3403 9002",
        ),
        (Class::Money, "2102 2207 2207A 2304 2304A 2260 6202"),
        (Class::Reversal, "2103 2208 2261 2305 2601 6203"),
        (Class::Upload, "3501 3502 3503 3504 3505 3505A 3506 3507 3507A 4101 4101A 4301 4401 4501 4701 4201"),
        (Class::File, "9101 9102"),
        (Class::Reconcile, "3201 3202"),
        (Class::Unclassified, "8888 2209 ABCD"),
    ] {
        for infno in infnos.split(' ') {
            assert_eq!(profile.transaction(infno).class, class, "{infno}");
        }
    }
    assert!(profile.transactions().all(|tx| tx.class != Class::Unclassified), "every known number has a class");
}

#[test]
fn undo_pairs_and_reversal_are_known() {
    let profile = baseline();
    let tx = |infno: &str| profile.transaction(infno);
    assert_eq!((tx("2207").undo.as_slice(), tx("2207").reversible_by_2601), (&["2208".to_owned()][..], true));
    assert_eq!(tx("2208").undoes, ["2207", "2207A"]);
    assert_eq!((tx("2207A").reversible_by_2601, tx("2207A").oinfno.as_str()), (false, "2207"));
    assert!(["2204", "2301"].iter().all(|infno| tx(infno).stage_reopens) && !tx("2205").stage_reopens);
    assert!(["2102", "2207", "2207A", "2260", "2304", "2304A"].iter().all(|infno| tx(infno).fenced));
    assert_eq!(
        (tx("2304").success_fields.as_slice(), tx("2304").echo.as_deref()),
        (&["setl_id".to_owned()][..], Some("medins_setl_id"))
    );
}

#[test]
fn a_request_is_recognised_by_path_header_and_body() {
    let profile = baseline();
    let headers =
        |api: &str| vec![(bytes::Bytes::from_static(b"_API_Name"), bytes::Bytes::copy_from_slice(api.as_bytes()))];
    // target, _api_name, body → infno, class, path says, they disagree
    for (target, api, body, infno, class, by_path, disagree) in [
        ("/ebus/gdyb/hsa/hgs/2207", "", r#"{"infno":"2207"}"#, "2207", Class::Money, "2207", false),
        ("/ebus/gdyb/hsa/hgs/2207?a=1/9999", "", "{}", "2207", Class::Money, "2207", false),
        ("http://10.1.1.1:80/isp-api/powercsb/2304A", "", "", "2304A", Class::Money, "2304A", false),
        ("/CSB/hsa-fsi-2208", "", r#"{"infno":"2208"}"#, "2208", Class::Reversal, "2208", false),
        ("/x/fsi/api/outpatientSettleService/saveSettletmentV2", "", "{}", "2207", Class::Money, "2207", false),
        (
            "/fsi/api/outpatientSettleService/saveSettletment",
            "",
            r#"{"infno":"2207A"}"#,
            "2207A",
            Class::Money,
            "2207A",
            false,
        ),
        (
            "/fsi/api/outpatientSettleService/saveSettletment",
            "",
            r#"{"infno":"2207"}"#,
            "2207",
            Class::Money,
            "2207",
            false,
        ),
        ("/fsi/api/outpatientSettleService/saveSettletment", "", "", "2207", Class::Money, "2207", false),
        ("/fsi/api/hospSettService/sett/", "", "", "2304", Class::Money, "2304", false),
        ("/fsi/api/reverseService/revsMethod", "", "", "2601", Class::Reversal, "2601", false),
        ("/fsi/api/rsfComIfsService/callService", "", r#"{"infno":" 2201 "}"#, "2201", Class::State, "", false),
        ("/fsi/api/rsfComIfsService/callService", "", r#"{"infno":2207}"#, "2207", Class::Money, "", false),
        ("/fsi/api/rsfComIfsService/callService", "", "MIIBcipher", "", Class::Unclassified, "", false),
        ("/CSB", "2207", r#"{"infno":"2207"}"#, "2207", Class::Money, "2207", false),
        ("/CSB", "hsa-fsi-2305", "", "2305", Class::Reversal, "2305", false),
        ("/CSB", "fsiServcie", r#"{"infno":"1101"}"#, "1101", Class::Query, "", false),
        ("/hsa/hgs/4261", "", r#"{"fmiOwnpayPatnMdtrtDDTO":{"mdtrtId":"D"}}"#, "4261", Class::Upload, "4261", false),
        ("/hsa/hgs/1101", "", r#"{"infno":"2207"}"#, "2207", Class::Money, "1101", true),
        ("/hsa/hgs/2207", "", r#"{"infno":"1101"}"#, "2207", Class::Money, "2207", true),
        ("/hsa/hgs/2161", "", r#"{"infno":"2101"}"#, "2101", Class::Presettle, "2161", true),
        ("/hsa/hgs/1101", "2304", r#"{"infno":"1101"}"#, "2304", Class::Money, "1101", true),
        ("/callService", "", r#"{"infno":"1101","infno":"2304"}"#, "2304", Class::Money, "", true),
        ("/callService", "", r#"{"infno":"2207","input":{"data":{"infno":"1101"}}}"#, "2207", Class::Money, "", false),
        ("/callService", "", r#"{"wrap":{"infno":"2207"}}"#, "2207", Class::Money, "", false),
        ("/hsa/hgs/7777", "", "{}", "7777", Class::Unclassified, "7777", false),
        ("/hsa/hgs/1101", "", r#"{"infno":"7777"}"#, "7777", Class::Unclassified, "1101", true),
        ("/hsa/hgs/2507_A", "", "{}", "2507_A", Class::State, "2507_A", false),
        ("/", "", "", "", Class::Unclassified, "", false),
        ("*", "", "", "", Class::Unclassified, "", false),
    ] {
        let identity = profile.identify(target.as_bytes(), &headers(api), &view(&profile, body));
        let is = (
            identity.infno.as_str(),
            identity.class,
            identity.path_infno.as_deref().unwrap_or(""),
            identity.disagreement,
        );
        assert_eq!(is, (infno, class, by_path, disagree), "{target} {api} {body}");
    }
}

#[test]
fn the_envelope_of_a_request_is_read() {
    let profile = baseline();
    let body = r#"{"infno":"2207","msgid":"M1","mdtrtarea_admvs":"440300","insuplc_admdvs":"430100","fixmedins_code":"H1","input":{"data":{"psn_no":"P1","mdtrt_cert_type":"02","mdtrt_cert_no":"C1","psn_name":"张三","medfee_sumamt":"100.00","insutype":310,"mdtrt_id":"D1","chrg_bchno":"B1"},"feedetail":[{"preselfpay_amt":5}]}}"#;
    let envelope = profile.envelope(&view(&profile, body));
    assert_eq!(
        (envelope.infno.as_deref(), envelope.msgid.as_deref(), envelope.psn_no.as_deref()),
        (Some("2207"), Some("M1"), Some("P1"))
    );
    assert_eq!(
        (envelope.certno.as_deref(), envelope.mdtrt_id.as_deref(), envelope.setl_id.as_deref()),
        (Some("C1"), Some("D1"), None)
    );
    assert_eq!(envelope.amounts, [("medfee_sumamt".to_owned(), "100.00".to_owned())]);
    assert_eq!(envelope.dimensions, [("insutype".to_owned(), "310".to_owned())]);
    assert!(envelope.cross_region && !format!("{envelope:?}").contains("C1"));
    assert_eq!(envelope.persons.len(), 3);
    let same = body.replace("430100", "440399");
    assert!(!profile.envelope(&view(&profile, &same)).cross_region, "one pooling area");
}

#[test]
fn the_envelope_of_a_reply_is_read() {
    let profile = baseline();
    let mut scanner = Scanner::new(profile.reply_wanted(), None, None);
    scanner.feed(r#"{"output":{"setlinfo":{"setl_id":"S1","mdtrt_id":"D1","medins_setl_id":"M1","fund_pay_sumamt":0.0000,"clr_optins":"4403"},"setldetail":[{"inscp_scp_amt":9}]},"infcode":0,"err_msg":null}"#.as_bytes());
    let reply = profile.envelope_of_reply(&scanner.finish());
    assert_eq!(
        (reply.infcode.map(|found| found.text), reply.setl_ids.as_slice()),
        (Some("0".to_owned()), &["S1".to_owned()][..])
    );
    assert_eq!(
        (reply.mdtrt_id.as_deref(), reply.medins_setl_id.as_deref(), reply.err_msg),
        (Some("D1"), Some("M1"), None)
    );
    assert_eq!(reply.amounts, [("fund_pay_sumamt".to_owned(), "0.0000".to_owned())]);
    assert_eq!(reply.dimensions, [("clr_optins".to_owned(), "4403".to_owned())]);
}

#[test]
fn texts_beside_minus_one_are_classed() {
    let profile = baseline();
    for (infno, text, class) in [
        ("2208", "该笔结算已撤销，请勿重复办理", ErrClass::AlreadyDone),
        ("1101", "该参保人的基本信息为空", ErrClass::Refused),
        ("2205", "根据传来的参数在费用明细表中未查询到任何有效相关的记录", ErrClass::AlreadyDone),
        ("2207", "调用省平台超时", ErrClass::MeansUnknown),
        ("2207", "READ TIMED OUT", ErrClass::MeansUnknown),
        ("2207", "操作员未签到", ErrClass::NotSignedIn),
        ("2207", "余额不足", ErrClass::Unrecognised),
        ("2207", "", ErrClass::Unrecognised),
    ] {
        assert_eq!(profile.err_class(infno, text), class, "{infno} {text}");
    }
}

#[test]
fn a_refusal_has_the_platforms_own_shape() {
    let says = |infno| Refused {
        infno,
        msgid: "M1",
        err_msg: "第1行\"缺\"字段",
        to_platform: false,
        now_unix_ns: 1_704_135_845_001_000_000,
    };
    let of =
        |profile: &Profile, infno| String::from_utf8(profile.native_refusal(&says(infno)).bytes).expect("it is UTF-8");
    let profile = baseline();
    assert_eq!(
        of(&profile, "2207"),
        r#"{"infcode":-1,"inf_refmsgid":"","refmsg_time":"20240102030405001","respond_time":"20240102030405001","err_msg":"第1行\"缺\"字段","output":null}"#
    );
    assert_eq!(of(&profile, "4262"), r#"{"code":-1,"type":"error","message":"第1行\"缺\"字段","data":null}"#);
    assert_eq!(of(&profile, "7108"), r#"{"success":false,"message":"第1行\"缺\"字段"}"#);
    assert_eq!(profile.native_refusal(&says("2207")).content_type, "application/json;charset=UTF-8");
    let guangdong = Profile::load("guangdong", &Texts::embedded()).expect("it is whole");
    assert!(of(&guangdong, "2207").starts_with(r#"{"infcode":"-1","inf_refmsgid":"","#));
    assert_eq!(guangdong.native_refusal(&says("2207")).content_type, "text/plain;charset=UTF-8");
    assert_eq!(guangdong.transaction("2207"), profile.transaction("2207"));
}

#[test]
fn unknown_texts_warn_before_any_screen_cuts_them() {
    let profile = baseline();
    for which in [UnknownText::Waiting, UnknownText::Lost, UnknownText::Repeat] {
        let text = profile.unknown_text(which, profile.transaction("2207"), "M1", 1_704_135_845_001_000_000);
        assert!(text.chars().take(20).collect::<String>().contains("【结果未知】勿重收、勿转自费"), "{text}");
        assert!(
            text.contains("门诊结算（2207）")
                && text.contains("2024-01-02 03:04:05")
                && text.ends_with("M1")
                && !text.contains('{'),
            "{text}"
        );
    }
}

#[test]
fn a_site_may_change_one_thing_and_keep_the_rest() {
    let site = "inherits = \"baseline\"\n[key.registration]\nfresh_seconds = 60\n[transaction]\n8888 = { name = \"本地结算\", class = \"money\" }\n";
    let texts = Texts::with(vec![("site.toml".to_owned(), site.to_owned())]);
    let profile = Profile::load("site", &texts).expect("it is right");
    let key = profile.transaction("2201").key.as_ref().expect("it keeps its key");
    assert_eq!((&key.on_repeat, key.parts.len()), (&OnRepeat::ReplayWhileFresh { seconds: 60 }, 3));
    assert_eq!(profile.transaction("8888").class, Class::Money);
    let text = profile.resolved_text();
    assert!(
        text.contains("#: baseline/transactions.toml\n") && text.ends_with("class = \"money\" }\n"),
        "all that was read is kept"
    );
}

#[test]
fn every_profile_reads_back_from_its_resolved_text() {
    for name in Texts::embedded().names() {
        let profile = Profile::load(name, &Texts::embedded()).unwrap();
        let again = Profile::of_resolved(profile.resolved_text()).unwrap();
        assert_eq!((again.name.as_str(), again.resolved_text()), (name, profile.resolved_text()));
        assert!(again.transactions().eq(profile.transactions()), "{name}");
    }
    let changed = Profile::load("baseline", &Texts::embedded()).unwrap().resolved_text().replace("\n#: ", "\n#:  ");
    assert!(Profile::of_resolved(&changed).is_err(), "another number of files");
    assert!(Profile::of_resolved("").is_err() && Profile::of_resolved("infno = 1").is_err());
}
