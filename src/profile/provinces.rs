//! What each built-in profile makes of the wire, as a text that a domain person can read: tests/data/provinces.txt.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::domain::scan::Scanner;
use crate::domain::spec::{self, codes, fields};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/provinces.txt");
/// Calls whose route is shown.
const ROUTED: [&str; 7] = ["2207", "4201", "4205", "2572", "2573", "3505", "9101"];
/// Results of reconciliation that are shown.
const RESULTS: [(&str, &[&str]); 3] =
    [("3201", &["0", "1", "3", "000000", "000103"]), ("13203", &["0", "1"]), ("4262", &["0", "1"])];

fn load(name: &str) -> Profile {
    Profile::load(name, &Texts::embedded()).unwrap_or_else(|complaints| panic!("{complaints:#?}"))
}

/// The number that a settlement is recognised by on a path, its body saying nothing; `-` when the path does not say it.
fn recognised(profile: &Profile, url: &str) -> String {
    let of = |path: String, body: &str| {
        let mut scanner = Scanner::new(profile.wanted(), None, None);
        scanner.feed(body.as_bytes());
        profile.identify(path.as_bytes(), &Vec::new(), &scanner.finish()).infno
    };
    if !url.contains("{service}") {
        let path = url.replace("{infno}", "2207");
        return format!("{path} = {}", of(path.clone(), if url == path { r#"{"infno":"2207"}"# } else { "{}" }));
    }
    let numbers = if url.starts_with("/fsi/") { ["2207", "2207A"] } else { ["3211", "3212"] };
    let services = numbers.iter().flat_map(|number| profile.services(number).collect::<Vec<_>>());
    let named = services.map(|service| {
        let path = url.replace("{service}", service);
        format!("{path} = {}", of(path.clone(), "{}"))
    });
    let mut named: Vec<String> = named.collect();
    named.sort();
    named.dedup();
    named.join("\n               ")
}

fn told(profile: &Profile, infno: &str) -> String {
    let says =
        Refused { infno, msgid: "M1", err_msg: "不行", to_platform: false, now_unix_ns: 1_704_135_845_001_000_000 };
    String::from_utf8(profile.native_refusal(&says).bytes).expect("it is UTF-8")
}

fn statement(profile: &Profile, infno: &str, results: &[&str]) -> String {
    let Some(statement) = profile.statement(infno) else { return "nobody says: a person looks".to_owned() };
    let result = |result: &&str| {
        let balanced = if statement.is_balanced(result) == Some(true) { "balanced" } else { "look" };
        format!(
            "{result} {balanced}{}",
            statement.meaning(result).map_or(String::new(), |meaning| format!(" ({meaning})"))
        )
    };
    format!("{}: {}", statement.field, results.iter().map(result).collect::<Vec<_>>().join(", "))
}

fn host(profile: &Profile, infno: &str) -> Option<String> {
    let routes = profile.routes();
    let route = routes.iter().find(|route| route.infno.iter().any(|pattern| wire::number_fits(pattern, infno)))?;
    Some(format!("{infno} -> {}", route.host))
}

/// What is said of a profile, row by row.
fn rows_of(profile: &Profile) -> Vec<(&'static str, String)> {
    let list = |items: Vec<&str>| if items.is_empty() { "none".to_owned() } else { items.join(" ") };
    let mut paths: Vec<String> = profile.urls().iter().map(|url| recognised(profile, url)).collect();
    paths.dedup();
    let hosts: Vec<String> = ROUTED.iter().filter_map(|infno| host(profile, infno)).collect();
    let answer = profile.answer_shape();
    let quoted = if answer.infcode_quoted { "in quotes" } else { "a number" };
    let members = answer.members.join(" ");
    let content_type = Refused { infno: "2207", msgid: "", err_msg: "", to_platform: false, now_unix_ns: 0 };
    let given_up = profile.transactions().filter(|one| one.withdrawn).map(|one| one.infno.as_str());
    let limit = |infno: &str| format!("{infno} {}", profile.transaction(infno).limit.max);
    let mut rows = vec![
        ("paths", paths.join("\n               ")),
        ("other hosts", list(hosts.iter().map(String::as_str).collect())),
        ("answers", format!("{members} (infcode {quoted}, a success says \"{}\")", answer.success_text)),
        ("refusal", told(profile, "2207")),
        ("refusal 4262", told(profile, "4262")),
        ("content type", profile.native_refusal(&content_type).content_type),
        ("gateway 401", if profile.refuses_by_code("401") { "a refusal" } else { "proves nothing" }.to_owned()),
        ("2601 takes", list(profile.reversible().map(|one| one.infno.as_str()).collect())),
        ("given up", list(given_up.collect())),
        ("rows at most", ["2204", "2301", "3301", "3505A"].map(limit).join(", ")),
        ("code tables", profile.table_files().join(" ")),
        ("dev_no", list(profile.spellings("dev_no").iter().map(String::as_str).collect())),
        ("exp_content", list(profile.spellings("exp_content").iter().map(String::as_str).collect())),
    ];
    rows.extend(RESULTS.map(|(infno, results)| (infno, statement(profile, infno, results))));
    rows
}

/// A province's rows, those left out that are as in the baseline.
fn text_of(name: &str, baseline: &Profile) -> String {
    let profile = load(name);
    let (mut text, shared) = (format!("{name} {}\n", profile.title()), rows_of(baseline));
    for (what, said) in rows_of(&profile).into_iter().filter(|row| name == baseline.name || !shared.contains(row)) {
        writeln!(text, "  {what:<12} {said}").expect("a text takes every line");
    }
    if profile.name != baseline.name && text.lines().count() == 1 {
        text.push_str("  as the baseline\n");
    }
    text
}

#[test]
fn what_differs_between_provinces_stands_in_one_text() {
    let head = "# What each built-in profile makes of the wire; of a province what differs from the baseline.\n\
                # Written by the test profile::provinces with MEDGATE_UPDATE_GOLDEN=1.\n";
    let texts = Texts::embedded();
    let baseline = load("baseline");
    let all: Vec<String> = texts.names().into_iter().map(|name| text_of(name, &baseline)).collect();
    let written = format!("{head}\n{}", all.join("\n"));
    if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &written).expect("the golden text can be written");
    }
    let kept = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    assert!(kept == written, "set MEDGATE_UPDATE_GOLDEN=1 to rewrite {GOLDEN}, and read its diff\n{written}");
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    fn below(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("the project has its profiles") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            if path.is_dir() {
                below(&path, &format!("{name}/"), found);
            } else if name != "README.md" {
                found.push(format!("{prefix}{name}"));
            }
        }
    }
    let mut found = Vec::new();
    below(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles")), "", &mut found);
    found.sort();
    assert_eq!(Texts::embedded().files(), found);
}

#[test]
fn the_specification_is_carried_whole() {
    let profile = load("baseline");
    let marks: Vec<&str> = profile.transactions().map(|one| one.source.split(' ').next().unwrap_or("")).collect();
    let count = |mark: &str| marks.iter().filter(|one| **one == mark).count();
    assert_eq!((marks.len(), count("C"), count("S"), count("I")), (389, 177, 202, 10), "transaction-list.md counts so");
    for (infno, source) in
        [("1101", "C HN JXS HN13 HC JL OH NJ JX SZ GZ ZS"), ("2260", "S GZ"), ("2507_A", "I name only")]
    {
        assert_eq!(profile.transaction(infno).source, source);
    }
    let limit = &profile.transaction("3301").limit;
    assert_eq!((limit.node.as_str(), limit.max, &limit.source[..1]), ("data", 100, "C"));

    let texts = Texts::embedded();
    let tables = texts.of(spec::texts::CODES).unwrap();
    for table in [tables, texts.of("jiangxi/dicts.txt").unwrap()] {
        assert_eq!(codes::check(table), []);
    }
    let carried = spec::texts::tables();
    assert_eq!(carried.len(), 296, "every transaction with a field table, and the envelope");
    for (infno, table) in carried {
        assert_eq!(fields::check(table), [], "{infno}");
    }
    let lines_of = |infno: &str| {
        let text = spec::texts::built_in(&spec::texts::table_of(infno)).unwrap_or_else(|| panic!("{infno}"));
        fields::of_transaction(text, infno)
    };
    let field = |infno: &str, wanted: &str| {
        let lines = lines_of(infno).into_iter();
        let named = lines
            .filter_map(|(_, line)| if let fields::Line::Field(name, of) = line { Some((name, of)) } else { None });
        named
            .into_iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, of)| of)
            .unwrap_or_else(|| panic!("{infno} {wanted}"))
    };
    let sum = field("2207", "medfee_sumamt");
    assert_eq!(
        (sum.label, sum.kind, sum.length, sum.required, sum.source),
        ("医疗费总额", "number", "16,2", true, "C")
    );
    assert_eq!(field("2207A", "mdtrt_cert_type").table, "mdtrt_cert_type");
    assert_eq!(field("2260", "psn_no").source, "S GZ", "a single source keeps its mark");
    let feedetail = fields::Line::Node { side: fields::Side::Request, name: "feedetail", parent: "", is_list: true };
    assert!(lines_of("2204").iter().any(|(_, line)| *line == feedetail));

    let mut known = codes::Tables::default();
    known.read(tables);
    assert!(known.count() >= 308, "{}", known.count());
    assert_eq!(known.meaning("insutype", "310"), Some("职工基本医疗保险"));
    assert_eq!(known.meaning("list_type", "102"), Some("中药饮片"));
    known.read(texts.of("jiangxi/dicts.txt").unwrap());
    assert_eq!(known.meaning("list_type", "102"), Some("中成药"), "Jiangxi writes it otherwise");
    assert_eq!(known.of("list_type").unwrap().source, "S JXS");
}

#[test]
fn every_value_names_its_source_and_what_it_stands_over() {
    let texts = Texts::embedded();
    let sources = Sources::of("hunan", &texts).unwrap();
    assert_eq!(
        sources.files(),
        ["baseline/transactions.toml", "baseline/dictionary.toml", "baseline.toml", "hunan.toml"]
    );
    let line = |file: &str, begins: &str| {
        let at = texts.of(file).unwrap().lines().position(|line| line.starts_with(begins));
        1 + at.unwrap_or_else(|| panic!("{file} has no {begins}"))
    };
    let (_, said) = sources.values().find(|(path, _)| path.join(".") == "trait.by_2601").unwrap();
    let places: Vec<(&str, usize)> = said.iter().map(|said| (said.file.as_str(), said.line)).collect();
    assert_eq!(
        places,
        [
            ("baseline/transactions.toml", line("baseline/transactions.toml", "by_2601")),
            ("hunan.toml", line("hunan.toml", "by_2601"))
        ]
    );
    let about: Vec<String> = sources.about("2208").iter().map(|(path, _)| path.join(".")).collect();
    for wanted in [
        "class.reversal",
        "key.cancel.parts",
        "key.outpatient.freed_by",
        "transaction.2208.name",
        "err.settlement_cancelled_before.class",
    ] {
        assert!(about.iter().any(|path| path == wanted), "{wanted} in {about:#?}");
    }
    assert!(!about.iter().any(|path| path == "trait.by_2601" || path.starts_with("refusal.")), "{about:#?}");
    let route = Sources::of("guangdong", &texts).unwrap();
    assert!(route.about("4205").iter().any(|(path, _)| path.join(".") == "route.guangzhou_42.host"));
    // Whatever the typed profile knows, some file says; and every value counts once.
    let total = sources.values().count();
    assert!(sources.values().all(|(_, said)| said.iter().all(|one| one.line > 0)) && total > 1000, "{total}");
}
