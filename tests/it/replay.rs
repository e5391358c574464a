//! The journal of a day is decided again: it comes out equal, and what another profile would decide is listed.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// `medgate`, its exit code and what it said.
fn medgate(arguments: &[&str], data: &Path) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    let done = command.args(arguments).arg("--data").arg(data).env_remove("RUST_LOG").output().unwrap();
    (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap())
}

fn replayed(data: &Path, more: &[&str]) -> (i32, Value) {
    let (code, said) = medgate(&[&["journal", "replay", "--json"], more].concat(), data);
    (code, serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
}

/// A pack of a site, which nobody signed: to be tried only.
const PACK: &str = "title = \"严格\"\nversion = \"1\"\n[mode]\ncertain = \"enforce\"\n[[cites]]\nid = \"SITE-1\"\ntitle = \"院内规定\"\nsummary = \"试用\"\n";
const RULE: &str = "[[rule]]\nid = \"STRICT-1\"\non = [\"2207\"]\nnode = \"data\"\nabsent = [\"psn_no\"]\nsays = \"不应有{label}\"\ncure = \"请删除\"\n\
    cites = \"SITE-1\"\nmark = \"C\"\n[[rule.passes]]\non = \"2207\"\ninput = '{\"data\":{}}'\n[[rule.fails]]\non = \"2207\"\ninput = '{\"data\":{\"psn_no\":\"1\"}}'\n";

#[test]
fn a_day_comes_out_equal_and_a_changed_profile_shows_what_would_differ() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (code, said) = medgate(&["demo", "--once", "--visits", "60", "--seed", "5"], &data);
    assert_eq!(code, 0, "{said}");

    let (code, whole) = replayed(&data, &[]);
    let is = |value: &Value, place: &str| value.pointer(place).cloned().unwrap_or_default();
    assert_eq!((code, is(&whole, "/equal"), is(&whole, "/differing/count")), (0, true.into(), 0.into()), "{whole}");
    assert_eq!(is(&whole, "/left_out"), serde_json::json!({}), "{whole}");
    for place in ["views", "carried", "checkpoint"] {
        assert_eq!(is(&whole, &format!("/derived/{place}/verdict")), "equal", "{place}: {whole}");
    }
    assert!(whole["calls"].as_u64().unwrap() > 100 && whole["repeats"].as_u64().unwrap() > 0, "{whole}");

    // The views deleted and built again are the same.
    std::fs::remove_dir_all(data.join("views")).unwrap();
    let (code, without) = replayed(&data, &[]);
    assert_eq!((code, is(&without, "/derived/views/verdict")), (0, "not_compared".into()), "{without}");
    assert_eq!(medgate(&["views", "rebuild"], &data).0, 0);
    let (code, again) = replayed(&data, &[]);
    let digest = |said: &Value| is(said, "/derived/views/digest");
    assert_eq!((code, digest(&again)), (0, digest(&whole)), "{again}");
    assert_eq!(digest(&without), digest(&whole));

    let site = dir.path().join("site.toml");
    std::fs::write(&site, "inherits = \"baseline\"\n[class]\nquery = [\"9001\", \"2207\"]\n").unwrap();
    let (code, other) = replayed(&data, &["--profile", site.to_str().unwrap()]);
    assert_eq!((code, is(&other, "/differing/count")), (1, 0.into()), "as it was decided all is equal");
    let (touched, listed) = (is(&other, "/other/transactions"), is(&other, "/other/listed/0"));
    assert_eq!(touched.as_object().unwrap().keys().collect::<Vec<_>>(), ["2207"], "{other}");
    assert!(touched["2207"]["exchanges"].as_u64().unwrap() > 5, "{touched}");
    assert!(touched["2207"]["at_stake"].as_str().unwrap().parse::<f64>().unwrap() > 100.0, "{touched}");
    assert_eq!(
        (is(&listed, "/field"), is(&listed, "/was"), is(&listed, "/now")),
        ("class".into(), "money".into(), "query".into())
    );

    // Rules that the site thinks of: which calls they would have stopped.
    let strict = dir.path().join("rules/strict");
    std::fs::create_dir_all(&strict).unwrap();
    std::fs::write(strict.join("pack.toml"), PACK).unwrap();
    std::fs::write(strict.join("sums.toml"), RULE).unwrap();
    let (code, stopped) = replayed(&data, &["--rules", dir.path().join("rules").to_str().unwrap()]);
    assert_eq!((code, is(&stopped, "/differing/count")), (1, 0.into()), "{stopped}");
    let listed = stopped["other"]["listed"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["now"].as_str().unwrap().contains("enforce STRICT-1")), "{stopped}");
    assert!(
        listed.iter().all(|one| one["field"] == "rules" && !one["was"].as_str().unwrap().contains("STRICT")),
        "{stopped}"
    );
    assert_eq!(medgate(&["journal", "replay", "--profile", "nowhere"], &data).0, 2);
    assert_eq!(medgate(&["journal", "replay", "--from", "yesterday"], &data).0, 2);
}
