//! What packs say and what checks find, on the built-in packs.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::compile::{Chosen, Rules, Said, compile};
use super::dates::Day;
use super::finding::{FINDINGS_MAX, Findings};
use super::form::{Ask, Form, Member, Written};
use super::mode::{Mode, UNDOING};
use super::pack::Pack;
use super::table;
use super::texts::Texts;
use crate::domain::class::Class;
use std::sync::LazyLock;

pub(super) fn class_of(infno: &str) -> Class {
    match infno {
        "2207" | "2207A" | "2304" | "2304A" | "2102" => Class::Money,
        "2206" | "2303" | "2101" => Class::Presettle,
        "2204" | "2301" => Class::Stage,
        "3507" | "3507A" => Class::State,
        _ if infno.starts_with("35") => Class::Upload,
        _ => Class::State,
    }
}

pub(super) fn built_in() -> Vec<Pack> {
    Pack::load_all(&Texts::embedded()).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

pub(super) fn rules(region: &str) -> Rules {
    let chosen = Chosen { region, day: Day::read("2026-01-01").unwrap(), class_of: &class_of, said: Said::default() };
    compile(&built_in(), &Texts::embedded(), &chosen).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

static RULES: LazyLock<Rules> = LazyLock::new(|| rules("610100"));

/// `mode rule place` of each finding.
fn said(found: &Findings) -> Vec<String> {
    assert!(!found.unread);
    found.kept().iter().map(|one| format!("{} {} {}", one.mode.word(), one.rule, one.place)).collect()
}

fn passing(infno: &str) -> Option<Value> {
    let text = Texts::embedded();
    let file = crate::domain::spec::texts::table_of(infno);
    let message = table::examples(text.of(&file)?).find(|one| one.breaks.is_none())?.message.to_owned();
    serde_json::from_str(&message).ok()
}

#[test]
fn the_examples_of_every_table_and_rule_hold() {
    let ran = super::examples::run(&built_in(), &Texts::embedded(), "", &class_of).unwrap();
    let wrong: Vec<String> = ran.wrong.iter().map(ToString::to_string).collect();
    assert_eq!(wrong.join("\n"), "", "{} are good", ran.good);
    assert_eq!(ran.tables, 295);
    assert!(ran.rules >= 30 && ran.good >= 600, "{ran:?}");
}

/// The rows of a node in a message.
fn rows_of<'m>(message: &'m mut Value, form: &Form, node: usize) -> Option<&'m mut Map<String, Value>> {
    if node == 0 {
        return message.as_object_mut();
    }
    let parent = rows_of(message, form, usize::from(form.nodes[node].parent))?;
    match parent.get_mut(&*form.nodes[node].name)? {
        Value::Array(rows) => rows.first_mut()?.as_object_mut(),
        Value::Object(row) => Some(row),
        _ => None,
    }
}

/// What makes a value wrong, and the ask that it breaks.
fn mutations(member: &Member) -> Vec<(Option<Value>, Ask)> {
    let mut all = Vec::new();
    if member.required.is_some() {
        all.extend([(None, Ask::Required), (Some(json!(" null ")), Ask::Required)]);
    }
    let longest = member.longest as usize;
    if member.child.is_some() || member.written == Written::Nest {
        all.push((Some(json!("x")), Ask::Shape));
        return all;
    }
    if member.codes.is_some() {
        all.push((Some(json!("~")), Ask::Code));
        return all;
    }
    match member.written {
        Written::Text if longest > 0 => {
            all.push((Some(json!("x".repeat(longest + 1))), Ask::Length));
            if longest > 1 {
                all.push((Some(json!("医".repeat(longest))), Ask::GbkLength));
            }
        }
        Written::Number => {
            all.push((Some(json!("many")), Ask::Kind));
            if longest > 0 {
                all.push((Some(json!("9".repeat(longest + 1))), Ask::Length));
            }
            if let Some(scale) = member.scale {
                all.push((Some(json!(format!("0.{}1", "0".repeat(scale as usize)))), Ask::Scale));
            }
        }
        Written::Day | Written::Time | Written::Month => all.push((Some(json!("2025-02-30")), Ask::Date)),
        _ => {}
    }
    if !matches!(member.written, Written::Any) {
        all.push((Some(json!([1])), Ask::Shape));
    }
    all
}

#[test]
fn every_row_of_every_table_has_its_failing_example() {
    let tables_only: Vec<Pack> = built_in().into_iter().map(|pack| Pack { rules: Vec::new(), ..pack }).collect();
    let chosen = Chosen { region: "", day: Day::FIRST, class_of: &class_of, said: Said::default() };
    let rules = compile(&tables_only, &Texts::embedded(), &chosen).unwrap();
    let (mut tried, mut rows) = (0, 0);
    for form in rules.forms().into_iter().filter(|form| &*form.infno != "*") {
        let Some(message) = passing(&form.infno) else { continue };
        for (node, one) in form.nodes.iter().enumerate() {
            for (at, member) in one.members.iter().enumerate() {
                rows += 1;
                for (value, ask) in mutations(member) {
                    let mut broken = message.clone();
                    let row = rows_of(&mut broken, form, node).unwrap_or_else(|| panic!("{} {}", form.infno, one.name));
                    match value {
                        Some(value) => row.insert(member.name.to_string(), value),
                        None => row.remove(&*member.name),
                    };
                    let found = rules.check(&form.infno, broken.to_string().as_bytes());
                    let expected = form.id(node as u16, at as u16, ask);
                    let ids: Vec<&str> = found.kept().iter().map(|finding| finding.rule.as_str()).collect();
                    assert_eq!(ids, [&expected], "{broken}");
                    let undoes = super::mode::is_undo(&form.infno, class_of(&form.infno));
                    let mode = found.kept()[0].mode;
                    assert!(mode < Mode::Enforce && (!undoes || mode == Mode::Observe), "{expected}");
                    assert!(!found.kept()[0].says.is_empty() && !found.kept()[0].cure.is_empty());
                    tried += 1;
                }
            }
        }
    }
    assert!(rows > 4_000 && tried > 10_000, "{rows} rows, {tried} mutations");
}

#[test]
fn what_is_said_of_a_sale_has_place_sentence_and_cure_and_never_the_value() {
    let body = json!({"infno": "3505A", "input": {"selinfoDetail": [
        {"MDTRT_SETL_TYPE": "1", "hi_feesetl_type": "0", "trdn_flag": "secret", "sel_retn_cnt": "1.23456", "drugtracinfo": [{"drug_trac_codg": "1"}]},
    ]}});
    let found = RULES.check("3505A", body.to_string().as_bytes());
    let find =
        |rule: &str| found.kept().iter().find(|one| one.rule == rule).unwrap_or_else(|| panic!("{rule}: {found:#?}"));
    let type_of = find("ZC25-INSURED-TYPE");
    assert_eq!((type_of.mode, type_of.place.as_str()), (Mode::Enforce, "input.selinfoDetail[0].hi_feesetl_type"));
    assert_eq!(type_of.sentence(), "就诊结算类型为医保时，医保费用结算类型应为1本地或2异地；请核对两个结算类型");
    assert_eq!(find("ZC25-INSURED-SETL-ID").place, "input.selinfoDetail[0].setl_id");
    let flag = find("3505A.selinfoDetail.trdn_flag:code");
    assert_eq!(flag.place, "input.selinfoDetail[0].trdn_flag");
    assert_eq!(flag.sentence(), "「拆零标志」(trdn_flag)不在代码表trdn_flag内；请填0、1");
    assert_eq!(find("3505A.selinfoDetail.sel_retn_cnt:scale").says, "「销售/退货数量」(sel_retn_cnt)小数最多4位");
    assert_eq!(find("GJ-TRACE-FORM").place, "input.selinfoDetail[0].drugtracinfo[0].drug_trac_codg");
    assert!(found.kept().iter().all(|one| !format!("{one:?}").contains("secret")));
    assert!(found.refuse() && found.by_weight()[0].mode == Mode::Enforce);
    let places: Vec<usize> = found.kept().iter().map(|one| one.at).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn a_body_is_read_in_all_the_ways_that_clients_write_it() {
    let input = r#"{"data":{"PSN_NO":"张","mdtrt_id":" null "}}"#;
    let of_data = |found: &Findings| {
        let mut said = said(found);
        said.retain(|one| one.contains("mdtrt_id:") || one.contains("psn_no:"));
        said
    };
    let expected = ["warn 2208.data.mdtrt_id:required input.data.mdtrt_id"].map(|one| one.replace("2208", "2206"));
    let forms = [
        input.to_owned(),
        format!(r#"{{"infno":"2206","input":{input}}}"#),
        format!(r#"{{"input":{input},"infno":"2206"}}"#),
        format!("\u{feff}  {{\"infno\":\"2206\",\"input\":{input}}}\r\n\0"),
        format!(r#"{{"infno":"2206","input":{}}}"#, Value::String(input.to_owned())),
        format!(r#"{{"other":1,"input":{input}}}"#),
    ];
    for body in forms {
        assert_eq!(of_data(&RULES.check("2206", body.as_bytes())), expected, "{body}");
        let gbk = encoding_rs::GBK.encode(body.trim_start_matches('\u{feff}')).0.into_owned();
        assert_eq!(of_data(&RULES.check("2206", &gbk)), expected, "{body}");
    }
    let rows = format!(r#"{{"infno":"2206","input":{{"data":[{0},{0}]}}}}"#, r#"{"psn_no":"1"}"#);
    let found = said(&RULES.check("2206", rows.as_bytes()));
    assert!(found.contains(&"warn 2206.data.mdtrt_id:required input.data[1].mdtrt_id".to_owned()), "{found:#?}");
    let scalar = said(&RULES.check("2206", br#"{"data":"x"}"#));
    assert_eq!(scalar, ["warn 2206.data:shape input.data"]);
    assert_eq!(said(&RULES.check("2206", b"{}")), ["warn 2206.data:required input.data"]);
    let sealed = said(&RULES.check("2206", br#"{"infno":"2206","input":"c2VhbGVk"}"#));
    assert!(sealed.iter().all(|one| one.contains(" envelope.")), "{sealed:?}");
    for unread in [&b"{\"data\":"[..], b"", b"{}{}", b"<html>", b"{\"a\":01}"] {
        let found = RULES.check("2206", unread);
        assert!(found.unread && found.count() == 0, "{unread:?}");
    }
    assert!(
        said(&RULES.check("9999", br#"{"infno":"9999","input":{"data":{}}}"#))
            .iter()
            .all(|one| one.contains("envelope"))
    );
}

#[test]
fn numbers_are_judged_by_their_digits() {
    let check = |raw: &str, expected: Option<&str>| {
        let body = passing("2207").map(|mut message| {
            message["data"]["medfee_sumamt"] = serde_json::from_str(raw).unwrap();
            message.to_string()
        });
        // The digits as they stand, not as a tree of values would keep them.
        let body = body.unwrap().replace(
            &format!("\"medfee_sumamt\":{}", serde_json::from_str::<Value>(raw).unwrap()),
            &format!("\"medfee_sumamt\":{raw}"),
        );
        let mut found = said(&RULES.check("2207", body.as_bytes()));
        found.retain(|one| one.contains(".medfee_sumamt:"));
        let ids: Vec<&str> = found.iter().filter_map(|one| one.split(':').nth(1)?.split(' ').next()).collect();
        assert_eq!(ids, expected.into_iter().collect::<Vec<_>>(), "{raw}");
    };
    for good in ["12.5", "\"12.50\"", "99999999999999.99", "12.5000", "1e2", "-3.1", "\" 7 \""] {
        check(good, None);
    }
    check("0.1000000000000000000000000001", Some("scale"));
    check("0.005", Some("scale"));
    check("100000000000000", Some("length"));
    check("99999999999999999999999999999", Some("length"));
    check("\"1,000\"", Some("kind"));
    check("true", Some("kind"));
    check("\"\"", Some("required"));
}

#[test]
fn an_undo_is_never_refused_and_no_pack_can_make_it_so() {
    let files = |mode: &str| {
        let pack = "title = \"t\"\nversion = \"1\"\n[mode]\ncertain = \"enforce\"\nsingle = \"enforce\"\n[[cites]]\nid = \"X\"\ntitle = \"x\"\nsummary = \"x\"\n";
        let rule = format!(
            "[[rule]]\nid = \"MINE\"\non = [\"2208\"]\nrequire = [\"psn_no\"]\nsays = \"x\"\ncites = \"X\"\nmark = \"C\"\n{mode}\
             [[rule.passes]]\ninput = '{{}}'\n[[rule.fails]]\ninput = '{{}}'\n"
        );
        let table = crate::domain::spec::texts::built_in("national/tables/2208.txt").unwrap().to_owned();
        vec![
            ("mine/pack.toml".to_owned(), pack.to_owned()),
            ("mine/a.toml".to_owned(), rule),
            ("mine/tables/2208.txt".to_owned(), table),
        ]
    };
    let load = |mode: &str| {
        let texts = Texts::alone("site", files(mode));
        let chosen = Chosen { region: "", day: Day::FIRST, class_of: &|_| Class::Money, said: Said::default() };
        compile(&Pack::load_all(&texts).unwrap(), &texts, &chosen)
    };
    let wrong = load("mode = \"enforce\"\n").unwrap_err();
    assert!(wrong[0].to_string().starts_with("mine/a.toml:2: MINE: 2208 takes something back"), "{wrong:?}");
    let found = load("").unwrap().check("2208", br#"{"data":{}}"#);
    assert!(found.count() > 2 && !found.refuse() && found.count_of(Mode::Warn) == 0, "{found:#?}");
    for infno in UNDOING {
        let form = RULES.form(infno).unwrap();
        assert!(form.cross.iter().all(|cross| cross.mode == Mode::Observe), "{infno}");
    }
}

#[test]
fn packs_hold_in_their_region_and_a_pack_switches_rules_off() {
    let sold = |rules: &Rules| {
        said(&rules.check("3505", br#"{"selinfo":{}}"#)).iter().any(|one| one.contains("SX-TRACE-SOLD"))
    };
    assert!(sold(&RULES) && !sold(&rules("450100")) && !sold(&rules("")));
    let load = |pack: &str| {
        let texts = Texts::of_folder(
            "site",
            vec![("site/pack.toml".to_owned(), format!("title = \"t\"\nversion = \"1\"\n{pack}"))],
        );
        let chosen = Chosen {
            region: "610100",
            day: Day::read("2026-01-01").unwrap(),
            class_of: &class_of,
            said: Said::default(),
        };
        Pack::load_all(&texts).and_then(|packs| compile(&packs, &texts, &chosen))
    };
    let off = load("off = [\"SX-TRACE-*\", \"3505.selinfo.rx_flag:*\", \"GJ-TRACE-FORM\"]").unwrap();
    let found = said(&off.check("3505", br#"{"selinfo":{"rx_flag":"9"}}"#));
    assert!(!sold(&off) && !found.iter().any(|one| one.contains("rx_flag")), "{found:#?}");
    let later = load("off = [\"SX-TRACE-*\"]\nfrom = \"2027-01-01\"").unwrap();
    assert!(sold(&later));
    let wrong = load("off = [\"SX-NOBODY\"]").unwrap_err();
    assert_eq!(
        wrong[0].to_string(),
        "site/pack.toml:3: off: no rule `SX-NOBODY`; medgate rules list shows the ids; a * at the end fits every rest"
    );
}

#[test]
fn findings_are_bounded_counted_and_the_heavy_ones_kept() {
    let rows: Vec<Value> = (0..600).map(|_| json!({"mdtrt_setl_type": "2", "hi_feesetl_type": "1"})).collect();
    let found = RULES.check("3505A", json!({"selinfoDetail": rows}).to_string().as_bytes());
    assert_eq!((found.kept().len(), found.count_of(Mode::Enforce)), (FINDINGS_MAX, 601));
    assert!(found.count() > 10_000 && found.kept().iter().all(|one| one.mode == Mode::Enforce));
    let too_many = "一批600行，超过500行；请分批上传，同一零售单据的各行放在同一批";
    let rows: Vec<Value> = (0..501).map(|_| json!({})).collect();
    let deletions = RULES.check("3507A", json!({"goodDetail": rows}).to_string().as_bytes());
    assert!(!deletions.refuse() && deletions.count_of(Mode::Warn) == 0);
    let whole: Vec<Value> = (0..600).map(|_| passing("3501A").unwrap()["invinfoDetail"][0].clone()).collect();
    let found = RULES.check("3501A", json!({"invinfoDetail": whole}).to_string().as_bytes());
    let batch = found.by_weight()[0];
    assert_eq!(
        (batch.rule.as_str(), batch.place.as_str(), batch.sentence().as_str()),
        ("ZC25-ROWS-500", "input.invinfoDetail", too_many)
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "infno",
        "input",
        "data",
        "selinfoDetail",
        "drugtracinfo",
        "drug_trac_codg",
        "trdn_flag",
        "mdtrt_setl_type",
        "hi_feesetl_type",
        "setl_id",
        "psn_no",
        "medfee_sumamt",
        "feedetail",
        "cnt",
        "pric",
        "drug_trac_info",
        "minpacunt_drug_trac_cnt",
        "x",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[0-9.eE+-]{0,40}".prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8).prop_map(|members| Value::Object(
                members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_check_is_total(body in any_json(), infno in prop::sample::select(vec!["2207", "3505A", "2204", "4101", "3702", "x"])) {
        let found = RULES.check(infno, body.to_string().as_bytes());
        prop_assert!(!found.unread && found.kept().len() <= FINDINGS_MAX && found.kept().len() as u64 <= found.count());
        let text = Value::String(body.to_string());
        RULES.check(infno, json!({"infno": infno, "input": text}).to_string().as_bytes());
    }

    #[test]
    fn a_check_of_any_bytes_ends(body in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..400) {
        RULES.check("3505A", &body);
        let whole = passing("3505A").map(|message| message.to_string().into_bytes()).unwrap_or_default();
        let mut spoiled = whole[..cut.min(whole.len())].to_vec();
        spoiled.extend(&body);
        RULES.check("3505A", &spoiled);
    }
}

#[test]
fn depth_is_bounded() {
    for (open, close) in [("[", "]"), ("{\"data\":", "}"), ("{\"input\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        RULES.check("2207", deep.as_bytes());
        let hidden = format!("{{\"x\":{}1{}}}", open.repeat(100_000), close.repeat(100_000));
        RULES.check("2207", hidden.as_bytes());
    }
}
#[test]
fn every_rule_explains_itself() {
    let (packs, texts) = (built_in(), Texts::embedded());
    let explained = |id: &str| {
        let said = super::explain::explain(id, &packs, &texts, &RULES).unwrap_or_else(|| panic!("{id}"));
        said.into_iter().map(|(name, text)| format!("{name} {text}")).collect::<Vec<_>>().join("\n")
    };
    let hold =
        |text: &str, parts: &[&str]| parts.iter().for_each(|part| assert!(text.contains(part), "{part}\n{text}"));
    hold(
        &explained("2207.data.medfee_sumamt:scale"),
        &[
            "字段 medfee_sumamt 医疗费总额",
            "小数最多2位",
            "出自 rules/national/tables/2207.txt:",
            "C 两处以上来源",
            "现行 warn（提醒）",
            "通过 {\"data\"",
        ],
    );
    hold(&explained("3505.selinfo.trdn_flag:code"), &["代码 trdn_flag（C）：0 否、1 是"]);
    hold(&explained("2206.data:required"), &["现行 warn"]);
    hold(
        &explained("ZC25-SETL-TYPES"),
        &[
            "3505 enforce（拦截）、3505A enforce（拦截）",
            "依据 关于加快推进定点医药机构接口改造工作的通知",
            "不通过 3505 {\"selinfo\"",
            "B 只知文件名",
        ],
    );
    hold(&explained("GX-TRACE-SOLD"), &["未生效", "地区 45"]);
    hold(&explained("ZC25-SALE-ONCE"), &["state sale_once", "通过 3505 同一零售单据"]);
    assert!(super::explain::explain("2207.data.nobody:kind", &packs, &texts, &RULES).is_none());
    let ids = super::explain::ids(&RULES, "");
    assert!(ids.len() > 9_000, "{}", ids.len());
    for (id, _) in ids {
        explained(&id);
    }
}

#[test]
fn a_schema_says_what_a_table_asks() {
    let schema = super::schema::of("3505A", &RULES).unwrap();
    let row = &schema["properties"]["input"]["properties"]["selinfoDetail"];
    assert_eq!(
        row["items"]["properties"]["rtal_docno"],
        json!({"type": ["string", "number", "boolean"], "minLength": 1, "maxLength": 40, "title": "零售单据号"})
    );
    assert!(row["items"]["required"].as_array().unwrap().contains(&json!("trdn_flag")));
    assert!(schema["x-medgate-rules"].to_string().contains("ZC25-SETL-TYPES"));
    assert!(super::schema::of("9999", &RULES).is_none());
}

#[test]
fn two_packs_differ_by_rule_row_and_mode() {
    let (packs, texts) = (built_in(), Texts::embedded());
    let pack = |packs: &[Pack], name: &str| packs.iter().find(|pack| pack.name == name).unwrap().clone();
    let own = vec![
        ("shaanxi/pack.toml".to_owned(), texts.of("shaanxi/pack.toml").unwrap().replace("\"2024.1\"", "\"2\"")),
        ("shaanxi/tables/2208.txt".to_owned(), "=2208\n<data\nsetl_id\t结算ID\tstring\t30\t!\t\tC\n".to_owned()),
    ];
    let other = Texts::of_folder("site", own);
    let changed = Pack::load_all(&other).unwrap();
    let said = super::difference::between((&pack(&packs, "shaanxi"), &texts), (&pack(&changed, "shaanxi"), &other));
    let said: Vec<(&str, Option<&str>, Option<&str>)> =
        said.iter().map(|one| (one.what.as_str(), one.first.as_deref(), one.second.as_deref())).collect();
    assert_eq!(
        said,
        [("2208.data.setl_id", None, Some("结算ID string 30 ! C")), ("pack.version", Some("2024.1"), Some("2"))]
    );
    let all = super::difference::between((&pack(&packs, "guangxi"), &texts), (&pack(&packs, "shaanxi"), &texts));
    assert!(all.iter().any(|one| one.what == "SX-TRACE-SOLD" && one.first.is_none()));
}

/// Each wrong pack with what is said of it.
#[test]
fn every_complaint_about_a_pack_is_told_at_once_with_file_and_line() {
    let head = "title = \"t\"\nversion = \"1\"\n[[cites]]\nid = \"X\"\ntitle = \"x\"\nsummary = \"x\"\n";
    let tail =
        "says = \"x\"\ncites = \"X\"\nmark = \"C\"\n[[rule.passes]]\ninput = '{}'\n[[rule.fails]]\ninput = '{}'\n";
    let check = |pack: &str, topic: &str, expected: &[&str]| {
        let files = vec![("mine/pack.toml".to_owned(), pack.to_owned()), ("mine/a.toml".to_owned(), topic.to_owned())];
        let texts = Texts::of_folder("site", files);
        let chosen = Chosen { region: "", day: Day::FIRST, class_of: &class_of, said: Said::default() };
        let wrong = Pack::load_all(&texts).and_then(|packs| compile(&packs, &texts, &chosen).map(|_| ()));
        let wrong: Vec<String> = wrong.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert_eq!(wrong.len(), expected.len(), "{topic}\n{wrong:#?}");
        for (one, expected) in wrong.iter().zip(expected) {
            assert!(one.contains(expected), "{expected}\n{wrong:#?}");
        }
    };
    let rule = |body: &str| format!("[[rule]]\nid = \"A\"\n{body}\n{tail}");
    check(head, &rule("on = [\"2207\"]\nrequire = [\"psn_no\"]"), &[]);
    let topics: [(&str, &[&str]); 16] = [
        (
            "on = [\"2207\"]\nrequire = [\"psn_np\"]",
            &["mine/a.toml:2: A: no field `psn_np` on 2207; did you mean `psn_no`?"],
        ),
        (
            "on = [\"2204\"]\nrequire = [\"cnt\"]",
            &["`cnt` stands in the rows of `feedetail` on 2204: say node = \"feedetail\""],
        ),
        (
            "on = [\"2204\"]\nnode = \"feedetai\"\nrequire = [\"cnt\"]",
            &["no node `feedetai` on 2204; did you mean `feedetail`?"],
        ),
        ("on = [\"2207\"]\nmust = \"psn_no == 1\"", &["must: `==` compares a text with a number"]),
        ("on = [\"2207\"]\nmust = \"psn_no ==\"", &["mine/a.toml:4: `must`: the condition breaks off"]),
        ("on = [\"2207\"]\nwhen = \"nobody\"\nrequire = [\"psn_no\"]", &["when: no field `nobody`"]),
        ("on = [\"0000\"]\nrequire = [\"psn_no\"]", &["A: 0000 has no field table"]),
        ("on = [\"2207\"]", &["A: it asks for nothing; one of: require"]),
        ("on = [\"2207\"]\nrequire = [\"psn_no\"]\nabsent = [\"psn_no\"]", &["it asks for require and absent"]),
        ("on = [\"2207\"]\nrequire = \"psn_no\"", &["`require` is string, not a list of texts"]),
        (
            "on = [\"2207\"]\nrequired = [\"psn_no\"]\nrequire = [\"psn_no\"]",
            &["unknown key `required`; did you mean `require`?"],
        ),
        (
            "on = [\"2207\"]\nrequire = [\"psn_no\"]\nmode = \"block\"\nclass = [\"cash\"]",
            &["`cash` is no class", "`block` is no mode; observe, warn or enforce"],
        ),
        ("on = [\"2207\"]\npattern = { psn_no = [\"digits\"] }", &["`digits` is no form of a code"]),
        ("on = [\"2207\"]\nstate = \"once\"", &["`once` is nothing that the journal is asked for"]),
        ("on = [\"2207\"]\nrows_max = 5", &["rows_max needs a `node`"]),
        (
            "on = [\"2207\"]\nrequire = [\"psn_no\"]\nfrom = \"2025-02-30\"\nregion = \"陕西\"",
            &["`陕西` is no division", "`2025-02-30` is no day; yyyy-MM-dd"],
        ),
    ];
    for (body, expected) in topics {
        check(head, &rule(body), expected);
    }
    let bare = "[[rule]]\nid = \"A\"\non = [\"2207\"]\nrequire = [\"psn_no\"]\n";
    check(head, bare, &["A: it has no mark", "A: it lacks an example", "A: it cites nothing", "`says` is missing"]);
    check(
        head,
        &rule("on = [\"2207\"]\nrequire = [\"psn_no\"]").repeat(2),
        &["a second rule `A`; mine/a.toml:2 says it too"],
    );
    check(
        "title = 1\noff = 2\n[mode]\ncash = \"warn\"\n",
        "x",
        &["mine/a.toml:1:", "`title` is integer", "`version` is missing", "`cash` is no class", "`off` is integer"],
    );
}

#[test]
fn a_code_is_written_in_one_of_its_forms() {
    use super::rule::CodeForm::{Digits20, Gs1, Plain, StandIn};
    let check = |code: &str, expected: &[super::rule::CodeForm]| {
        let found: Vec<_> = super::rule::CodeForm::ALL.into_iter().filter(|form| form.fits(code)).collect();
        assert_eq!(found, expected, "{code}");
    };
    check("81234567890123456789", &[Digits20, Plain]);
    check("22000000000000000017", &[StandIn, Plain]);
    check("(01)06901234567892(21)AB12", &[Gs1]);
    check("010690123456789221AB12", &[Gs1, Plain]);
    check("8123", &[Plain]);
    check("０１２３", &[]);
    check("", &[]);
    check(&"1".repeat(501), &[]);
}
