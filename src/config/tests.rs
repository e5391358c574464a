//! Every source of settings, and the complaints of every kind, as data.

use std::path::Path;

use super::*;

fn told(
    file: &str,
    env: &[(&str, &str)],
    flags: &[(&'static str, &'static str, &str)],
) -> Result<Loaded, Vec<Complaint>> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let flags = flags.iter().map(|(flag, key, value)| (*flag, *key, (*value).to_owned())).collect();
    let told = Told { file: None, env: env.iter().map(owned).collect(), flags };
    load_texts(Some((Path::new("site.toml"), file)), &told)
}

const UP: (&str, &str, &str) = ("--upstream", "upstream.default.url", "http://127.0.0.1:9000");

#[test]
fn no_file_at_all_serves() {
    let flags = [UP, ("--listen", "inbound.listen", "127.0.0.1:1"), ("--data", "gateway.data", "d")];
    let flags = flags.iter().map(|(flag, key, value)| (*flag, *key, (*value).to_owned())).collect();
    let loaded = load(&Told { flags, ..Told::default() }).unwrap();
    assert_eq!(loaded.settings.inbound.listen, "127.0.0.1:1");
    assert_eq!(loaded.settings.gateway.data, Path::new("d"));
    assert_eq!(loaded.settings.inbound.idle_seconds, 120);
    assert_eq!(loaded.settings.upstream["default"].url, "http://127.0.0.1:9000");
    assert!(loaded.remarks.is_empty(), "{:?}", loaded.remarks);
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = "[inbound]\nlisten = \"127.0.0.1:2\"\nhead_seconds = 11\nconnections_max = 77\nexchanges_max = 7";
    let env = [
        ("MEDGATE__INBOUND__LISTEN", "127.0.0.1:3"),
        ("MEDGATE__INBOUND__HEAD_SECONDS", "12"),
        ("MEDGATE__VIEWS__FOLLOW", "false"),
        ("MEDGATE_CONFIG", "x"),
    ];
    let settings = told(file, &env, &[UP, ("--listen", "inbound.listen", "127.0.0.1:4")]).unwrap().settings;
    assert_eq!(settings.inbound.listen, "127.0.0.1:4");
    assert_eq!((settings.inbound.head_seconds, settings.inbound.connections_max), (12, 77));
    assert_eq!(settings.inbound.body_stall_seconds, 30);
    assert!(!settings.views.follow, "a text takes the type of its key");
}

#[test]
fn sections_inherit_and_routes_replace() {
    let file = r#"
        [upstream.default]
        url = "http://a:1"
        answer_ms = 9000
        [upstream.province]
        url = "http://b:1/base"
        [client.pharmacy]
        peers = ["10.1.0.0/16"]
        [[route]]
        infno = ["35*", "4101"]
        upstream = "province"
        [[route]]
    "#;
    let env = [
        ("MEDGATE__UPSTREAM__PROVINCE__IDLE_MS", "1000"),
        ("MEDGATE__CLIENT__PHARMACY__PEERS", "10.1.0.0/16, 10.2.0.0/16"),
    ];
    let settings = told(file, &env, &[]).unwrap().settings;
    let province = &settings.upstream["province"];
    assert_eq!((province.answer_ms, province.idle_ms, province.connect_ms), (9000, 1000, 5000));
    assert_eq!(settings.upstream["default"].idle_ms, 3000);
    assert_eq!(settings.client["pharmacy"].peers, ["10.1.0.0/16", "10.2.0.0/16"]);
    let routes: Vec<_> =
        settings.route.iter().map(|r| (r.prefix.as_str(), r.infno.len(), r.upstream.as_str())).collect();
    assert_eq!(routes, [("/", 2, "province"), ("/", 1, "default")]);
}

/// One wrong line gives one complaint, which names the line, the trouble and the cure.
#[test]
fn each_complaint_has_its_place_and_cure() {
    let rows = [
        ("[inbound]\nlisten_to = \"x\"", "site.toml:2", "unknown key `inbound.listen_to`", "did you mean `listen`?"),
        ("[inbund]\nlisten = \"x\"", "site.toml:2", "unknown section `inbund`", "did you mean `inbound`?"),
        ("[retention]\narchive_dir = \"archives\"", "site.toml:2", "is no absolute path", "name a folder from /"),
        (
            "[retention]\nkeep_days = 90\narchive_dir = \"/a\"",
            "site.toml:2",
            "would trim records that repeats and reconciliation need",
            "use 0 (keep all), or 400 and more",
        ),
        (
            "[retention]\nkeep_days = 500",
            "site.toml:2",
            "trims nothing without `retention.archive_dir`",
            "trim_without_archive = true",
        ),
        ("zebra = true", "site.toml:1", "unknown section `zebra`", "known here:"),
        ("[zebra]", "site.toml:1", "unknown section `zebra`", "known here:"),
        (
            "[upstream.empty]\n[[route]]\nupstream = \"emptied\"",
            "site.toml:3",
            "which does not exist",
            "did you mean \"empty\"?",
        ),
        ("[upstream.a]\nurll = \"\"", "site.toml:2", "unknown key `upstream.a.urll`", "did you mean `url`?"),
        ("[upstream]\nurl = \"http://a:1\"", "site.toml:2", "`upstream.url` is not a setting", "[upstream.default]"),
        ("inbound = 3", "site.toml:1", "`inbound` is not a setting", "KEY = VALUE"),
        ("[inbound]\n\nhead_seconds = \"20\"", "site.toml:3", "is a string, not an integer", "for example: 20"),
        ("[inbound]\nidle_seconds = 60", "site.toml:2", "= 60 is out of range", "use 120 to 86400"),
        ("[journal]\ncipher = \"sm4\"", "site.toml:2", "does not take \"sm4\"", "did you mean `sm4-gcm`?"),
        ("[client.default]\nunknown = \"5xx\"", "site.toml:2", "does not take", "one of: hold, close, native"),
        ("[client.default]\npeers = [1]", "site.toml:2", "list of strings", "for example"),
        ("[client.default]\npeers = [\"10.0.0.0\"]", "site.toml:2", "\"10.0.0.0\" is not a network", "ADDRESS/BITS"),
        ("[client.a]\nunknown = \"close\"", "site.toml:2", "does not say where it calls from", "peers"),
        (
            "[client.a]\npeers = [\"10.0.0.0/8\"]\n[client.b]\npeers = [\"10.0.0.0/8\"]",
            "site.toml:4",
            "is also in client.a",
            "one client",
        ),
        ("[inbound]\nlisten = \"8080\"", "site.toml:2", "is not an address", "HOST:PORT"),
        ("[admin]\nlisten = \"127.0.0.1:8080\"", "site.toml:2", "are both 127.0.0.1:8080", "port of its own"),
        ("[inbound]\nexchanges_max = 5000", "site.toml:2", "above `connections_max` 4096", "lower the first"),
        ("[upstream.default]\nlisten_ms = 50000", "site.toml:2", "is below `answer_ms` 60000", "raise listen_ms"),
        ("[upstream.default]\nanswer_ms = 700000", "site.toml:2", "is below `answer_ms` 700000", "raise listen_ms"),
        ("[upstream.default]\nconnect_ms = 90000", "site.toml:2", "above `answer_ms`", "lower connect_ms"),
        ("[upstream.b]\nurl = \"ftp://a\"", "site.toml:2", "does not begin with http://", "https://HOST:PORT"),
        ("[upstream.b]\nurl = \"http://a/?x=1\"", "site.toml:2", "has a query", "http://HOST:PORT"),
        ("[[route]]\nupstream = \"defalt\"", "site.toml:2", "which does not exist", "did you mean \"default\"?"),
        ("[[route]]\nprefix = \"api\"", "site.toml:2", "does not begin with /", "/fsi/api"),
        ("[[route]]\ninfno = [\"22-07\"]", "site.toml:2", "is not a transaction number", "\"35*\""),
        ("[gateway]\nprofile = \"../x\"", "site.toml:2", "is not the name of a profile", "profiles/"),
        ("[gateway]\ndata = ", "site.toml:2", "not TOML", "KEY = VALUE"),
        ("[finisher]\nauto_yuan_max = \"20 yuan\"", "site.toml:2", "is no sum in yuan", "\"500.00\""),
        ("[finisher]\none_person_yuan_max = \"-1\"", "site.toml:2", "is no sum in yuan", "\"0\" for none"),
        ("[finisher]\nopter = \"op1\"", "site.toml:2", "belong together", "set both"),
        ("[person.li]\ntoken_sm3 = \"abc\"", "site.toml:2", "is no SM3 digest", "medgate person new"),
        (
            "[person.medgate]\ntoken_sm3 = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"",
            "site.toml:2",
            "a name of the gateway's own",
            "another name",
        ),
        (
            "[person.li]\ntoken_sm3 = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n[person.wang]\n\
             token_sm3 = \"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\"",
            "site.toml:4",
            "another person has the same token",
            "make a token for each",
        ),
    ];
    for (file, place, what, cure) in rows {
        let complaints = told(file, &[], &[UP]).expect_err(file);
        assert_eq!(complaints.len(), 1, "{file}: {complaints:#?}");
        let complaint = &complaints[0];
        assert_eq!(complaint.place, place, "{file}: {complaint}");
        assert!(complaint.what.contains(what), "{file}: {complaint}");
        assert!(complaint.cure.contains(cure), "{file}: {complaint}");
    }
}

#[test]
fn all_complaints_come_at_once_from_every_source() {
    let env = [("MEDGATE__LINE__REFUSALS_PER_SECOND_MAX", "many"), ("MEDGATE__ROUTE__0__PREFX", "/")];
    let file = "[inbound]\nlisen = \"x\"\n[journal]\nmark_idle_ms = 0";
    let places: Vec<String> = told(file, &env, &[("--listen", "inbound.listen", "nowhere")])
        .unwrap_err()
        .into_iter()
        .map(|c| c.place)
        .collect();
    let expected = [
        "site.toml:2",
        "site.toml:4",
        "environment MEDGATE__LINE__REFUSALS_PER_SECOND_MAX",
        "environment MEDGATE__ROUTE__0__PREFX",
        "flag --listen",
        "default", // upstream.default.url is empty: nobody said it
    ];
    assert_eq!(places, expected);
}

/// Identities are checked against what the profile asks; what might be a secret is never repeated.
#[test]
fn identities_are_asked_for_and_checked() {
    const CSB: &str = "[gateway]\nprofile = \"hunan\"\n";
    let site = "[identity.site]\naccount = \"a\"\nsecret_file = \"/s\"\n";
    let rows = [
        (CSB.to_owned(), "`upstream.default.identity` is empty", "identity = \"none\""),
        (format!("{CSB}[upstream.default]\nidentity = \"nobody\""), "names \"nobody\", which does not exist", "add [identity.nobody]"),
        (format!("{CSB}[upstream.default]\nsign = \"sign\"\nidentity = \"none\""), "names nobody who could", "identity = \"NAME\""),
        (format!("{CSB}[upstream.default]\nidentity = \"site\"\n[identity.site]\naccount = \"a\""), "lacks secret_file, which csb needs", "[identity.site]"),
        (format!("{CSB}{site}[upstream.default]\nidentity = \"sit\""), "names \"sit\"", "did you mean \"site\"?"),
        (format!("{CSB}{site}[upstream.default]\nidentity = \"site\"\nsigning = \"mobil\""), "has no [signing.mobil]", ""),
        (format!("{site}[upstream.default]\nsign = \"sign\"\nidentity = \"site\""), "the profile baseline signs nothing", "sign = \"pass\""),
        ("[upstream.default]\nsign = \"maybe\"".to_owned(), "does not take \"maybe\"", "pass, sign"),
        (format!("{CSB}[upstream.default]\nidentity = \"none\"\n[client.default]\nverify = \"warn\""), "does not say whose", "[identity.NAME]"),
        (format!("{site}[client.default]\nverify = \"refuse\"\nidentity = \"site\""), "the profile baseline knows none", "verify = \"off\""),
        ("[gateway]\nprofile = \"jilin\"\n[upstream.default]\nidentity = \"none\"\n[identity.his]\naccount = \"a\"\n[client.default]\nverify = \"warn\"\nidentity = \"his\"".to_owned(), "lacks public_key_file", "[identity.his]"),
        ("[identity.site]\nsecret_file = \"hunter2\"".to_owned(), "neither an absolute path nor credential:NAME", "write its path"),
        ("[identity.none]\naccount = \"x\"".to_owned(), "cannot be called \"none\"", "another name"),
    ];
    for (file, what, cure) in rows {
        let complaints = told(&file, &[], &[UP]).expect_err(&file);
        assert_eq!(complaints.len(), 1, "{file}: {complaints:#?}");
        assert!(complaints[0].what.contains(what) && complaints[0].cure.contains(cure), "{file}: {}", complaints[0]);
        assert!(
            complaints[0].place.starts_with("site.toml:") && !complaints[0].to_string().contains("hunter2"),
            "{}",
            complaints[0]
        );
    }
    let good = format!(
        "{CSB}{site}[upstream.default]\nsign = \"sign\"\nidentity = \"site\"\n[client.default]\nverify = \"refuse\"\nidentity = \"site\""
    );
    let settings = told(&good, &[], &[UP]).unwrap().settings;
    assert_eq!(settings.identity["site"].account, "a");
    assert!(settings.identity["default"].account.is_empty());
    told(&format!("{CSB}[upstream.default]\nidentity = \"none\""), &[], &[UP]).unwrap();
}

#[test]
fn what_is_legal_but_doubtful_is_remarked() {
    let rows = [
        ("[admin]\nlisten = \"0.0.0.0:9180\"", "reachable from other machines"),
        ("[upstream.default]\nlisten_ms = 90000", "under ten minutes"),
        ("[client.default]\nunknown = \"hold\"", "time-out is not known"),
        ("[[route]]\nprefix = \"/fsi\"", "what no route takes is refused"),
    ];
    for (file, what) in rows {
        let remarks = told(file, &[], &[UP]).unwrap().remarks;
        assert_eq!(remarks.len(), 1, "{file}: {remarks:#?}");
        assert!(remarks[0].what.contains(what) && remarks[0].place == "site.toml:2", "{file}: {}", remarks[0]);
    }
}

#[test]
fn a_missing_file_is_a_complaint() {
    let complaints = load(&Told { file: Some("no/such/file.toml".into()), ..Told::default() }).unwrap_err();
    assert_eq!((complaints.len(), complaints[0].place.as_str()), (1, "no/such/file.toml"));
}
