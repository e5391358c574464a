//! Checking a body beside reading it: `cargo bench --bench rules`.
//!
//! A settlement of 4 KB and an upload of 500 sales are held against all packs. Beside it, in turns within one run, `serde_json`
//! reads the same bytes into a tree of values, and the `jsonschema` crate holds that tree to the schema that is exported of the same
//! tables. Fails when a check takes longer than the reading, or more than a third of what jsonschema takes (reading included, as
//! it wants a tree), or when reading and compiling all packs takes over 300 ms.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench measures time and prints a table")]
#![recursion_limit = "256"] // A row has many members.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use medgate::domain::class::Class;
use medgate::rules::compile::{Chosen, Rules, Said, compile};
use medgate::rules::dates::Day;
use medgate::rules::pack::Pack;
use medgate::rules::schema;
use medgate::rules::texts::Texts;
use serde_json::{Value, json};

const READING_RATIO_MAX: f64 = 1.0;
const SCHEMA_RATIO_MIN: f64 = 3.0;
const LOADING_MAX: Duration = Duration::from_millis(300);
/// Turns of which the median counts.
const TURNS: usize = 41;

fn main() -> ExitCode {
    let (loading, rules) = loaded();
    let (settlement, sales) = (settlement(), sales());
    for (infno, body) in [("2207", &settlement), ("3505A", &sales)] {
        let found = rules.check(infno, body.as_bytes());
        assert!(!found.unread && found.count() == 0, "the body is right: {:#?}", found.kept().first());
    }
    println!(
        "| body | bytes | check | serde_json to a tree | ratio | jsonschema with its tree | times faster | jsonschema alone |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut holds = true;
    for (infno, body, times) in [("2207", &settlement, 400), ("3505A", &sales, 4)] {
        holds &= row(&rules, infno, body, times);
    }
    println!("\nall packs read and compiled in {loading:.1?} (at most {LOADING_MAX:.0?})");
    println!("ratio to reading at most {READING_RATIO_MAX}, at least {SCHEMA_RATIO_MIN} times faster than jsonschema");
    if holds && loading <= LOADING_MAX { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn class_of(infno: &str) -> Class {
    if infno.starts_with("35") { Class::Upload } else { Class::Money }
}

/// The best of three: a start of the gateway finds the program in memory.
fn loaded() -> (Duration, Rules) {
    let one = || {
        let began = Instant::now();
        let texts = Texts::embedded();
        let packs = Pack::load_all(&texts).expect("the built-in packs hold");
        let day = Day::read("2026-01-01").expect("a day");
        let rules =
            compile(&packs, &texts, &Chosen { region: "610100", day, class_of: &class_of, said: Said::default() });
        (began.elapsed(), rules.expect("the built-in packs hold"))
    };
    (0..3).map(|_| one()).min_by_key(|(time, _)| *time).expect("three of them")
}

fn row(rules: &Rules, infno: &str, body: &str, times: u32) -> bool {
    let schema = schema::of(infno, rules).expect("it has a table");
    let validator = jsonschema::validator_for(&schema).expect("our schema is one");
    let tree: Value = serde_json::from_str(body).expect("it is JSON");
    assert!(validator.is_valid(&tree), "{:?}", validator.iter_errors(&tree).next());
    let bytes = body.as_bytes();
    let mut took: [Vec<Duration>; 4] = Default::default();
    for _ in 0..TURNS {
        took[0].push(timed(times, || rules.check(infno, black_box(bytes)).count()));
        took[1].push(timed(times, || read(black_box(bytes)).is_object()));
        took[2].push(timed(times, || validator.is_valid(&read(black_box(bytes)))));
        took[3].push(timed(times, || validator.is_valid(black_box(&tree))));
    }
    let [check, reading, with_tree, alone] = took.map(median);
    let ratio = check.as_secs_f64() / reading.as_secs_f64();
    let faster = with_tree.as_secs_f64() / check.as_secs_f64();
    println!(
        "| {infno} | {} | {check:.1?} | {reading:.1?} | {ratio:.2} | {with_tree:.1?} | {faster:.1} | {alone:.1?} |",
        bytes.len()
    );
    ratio <= READING_RATIO_MAX && SCHEMA_RATIO_MIN <= faster
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("it is JSON")
}

fn timed<T>(times: u32, mut work: impl FnMut() -> T) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    began.elapsed() / times
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn envelope(infno: &str, input: Value) -> String {
    json!({
        "infno": infno, "msgid": "H61010100001202601010800000001", "mdtrtarea_admvs": "610100", "insuplc_admdvs": "610100", "recer_sys_code": "HIS",
        "dev_no": "", "dev_safe_info": "", "cainfo": "", "signtype": "", "infver": "V1.0", "opter_type": "1", "opter": "0001", "opter_name": "收费员",
        "inf_time": "2026-01-01 08:00:00", "fixmedins_code": "H61010100001", "fixmedins_name": "某某医院", "sign_no": "S1", "input": input,
    })
    .to_string()
}

/// A settlement of 4 KB.
fn settlement() -> String {
    envelope(
        "2207",
        json!({
            "data": {
                "psn_no": "61000000000000000000001234", "mdtrt_cert_type": "02", "mdtrt_cert_no": "610101199001011234", "card_sn": "",
                "psn_cert_type": "01", "certno": "610101199001011234", "med_type": "11", "medfee_sumamt": 328.55, "psn_setlway": "01",
                "mdtrt_id": "610000202601010000012345", "chrg_bchno": "20260101080000000001", "insutype": "310", "acct_used_flag": "1",
                "invono": "0000123456", "fulamt_ownpay_amt": 12.5, "overlmt_selfpay": 0, "preselfpay_amt": 16.05, "inscp_scp_amt": 300,
                "pub_hosp_rfom_flag": "0", "minpacunt_drug_trac_cnt": 9, "mcs_trac_cnt": 0, "exp_content": "说明".repeat(500),
            },
            "drug_trac_info": (0..9).map(|row| json!({
                "feedetl_sn": format!("2026010108000000{row:04}"), "drug_trac_codg": format!("8123456{row:013}"), "trdn_flag": "0",
            })).collect::<Vec<_>>(),
        }),
    )
}

/// 500 sales with a code each.
fn sales() -> String {
    let row = |row: usize| {
        json!({
            "med_list_codg": format!("XA01ABD075A0020104{row:05}"), "fixmedins_hilist_id": format!("YP{row:06}"),
            "fixmedins_hilist_name": "阿莫西林胶囊", "fixmedins_bchno": format!("20260101{row:08}"), "prsc_dr_cert_type": "01",
            "prsc_dr_certno": "610101198001011234", "prsc_dr_name": "王医生", "phar_cert_type": "01", "phar_certno": "610101198001015678",
            "phar_name": "李药师", "phar_prac_cert_no": "ZY610100001", "hi_feesetl_type": "1", "setl_id": format!("6100002026{row:014}"),
            "mdtrt_sn": format!("610000{row:018}"), "psn_no": "61000000000000000000001234", "psn_cert_type": "01",
            "certno": "610101199001011234", "psn_name": "张三", "manu_lotnum": "A20250101", "manu_date": "2025-01-01", "expy_end": "2027-12-31",
            "rx_flag": "1", "trdn_flag": "0", "finl_trns_pric": "12.345678", "rxno": format!("RX{row:010}"), "rx_circ_flag": "0",
            "rtal_docno": format!("D{row:010}"), "stoout_no": format!("O{row:010}"), "bchno": "B1", "drug_prod_barc": "6901234567892",
            "shelf_posi": "A-1", "sel_retn_cnt": 2, "sel_retn_time": "2026-01-01 08:00:00", "sel_retn_opter_name": "赵发药", "memo": "",
            "prsc_dr_no": "D610100001", "phar_no": "P610100001", "MDTRT_SETL_TYPE": "1",
            "drugtracinfo": [{"drug_trac_codg": format!("8123456{row:013}")}],
        })
    };
    envelope("3505A", json!({"selinfoDetail": (0..500).map(row).collect::<Vec<_>>()}))
}
