//! What is shipped for operators: alert rules that fire on what they are for, and no name of a metric that does not exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use medgate::telemetry::names;

fn deploy(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Names of metrics in a text, less what a histogram adds to its name.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_').filter(|word| word.starts_with("medgate_"));
    words.map(|word| ["_bucket", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)).collect()
}

#[test]
fn dashboard_and_alerts_name_only_metrics_that_exist_and_miss_none() {
    let known: BTreeSet<&str> = names::ALL.iter().map(|name| name.name).collect();
    let (alerts, dashboard) = (deploy("alerts.yml"), deploy("grafana/medgate.json"));
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(parsed["panels"].as_array().is_some_and(|panels| panels.len() > 10));
    let used: BTreeSet<&str> = named(&alerts).union(&named(&dashboard)).copied().collect();
    let strange: Vec<_> =
        used.iter().filter(|name| !known.contains(name.strip_suffix("_count").unwrap_or(name))).collect();
    assert!(strange.is_empty(), "{strange:?}");
    // These only speak of what others show already.
    let unseen: Vec<_> = known.difference(&used).collect();
    assert_eq!(
        unseen,
        [
            &"medgate_inflight_body_bytes",
            &"medgate_journal_durable_seq",
            &"medgate_platform_connections_replaced_total",
            &"medgate_views_position_seq",
        ]
    );
}

#[test]
fn the_alert_rules_fire_on_what_they_are_for_and_are_quiet_on_a_good_day() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let said = Command::new("promtool").args(arguments).current_dir(&folder).output();
        let said = said.expect("promtool is missing: scripts/test installs it, or apt-get install prometheus");
        assert!(
            said.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&[said.stdout, said.stderr].concat())
        );
    }
}
