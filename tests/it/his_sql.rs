//! The HIS's own ledger out of a view: real PostgreSQL and MariaDB, what they give, and everything that keeps it from coming.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use medgate::domain::clock::Clock;
use medgate::domain::message::Body;
use medgate::journal::record::Kind;
use medgate::reconcile::his::view::settings::{Settings, Tls};
use medgate::reconcile::ledger::day::Day;

use crate::doors_rig::Talk;
use crate::program_rig::Program;
use crate::rig::{SOON, TestGateway, until};
use crate::sql_rig::{PASSWORD, Server, private_file};

const DAY: &str = "2026-11-21";
const QUERY: &str = "select * from v_medgate where setl_date = '{date}' order by 1, 2";
/// A ledger with everything that a database may hold otherwise than a file: exact sums, nothing, Chinese, moments.
const POSTGRESQL: &str = "
    CREATE TYPE kind AS ENUM ('收费', '退费');
    CREATE TABLE settled (id text, total numeric(16,2), fund money, acct numeric(20,4), what kind, at timestamptz, name text, rate float8);
    INSERT INTO settled VALUES
      ('S1', 0.10, 0.10, NULL, '收费', '2026-11-21 00:10:00+08', '张三', 0.1),
      ('S2', 99999999999.99, 1234567.89, 12.3, '收费', '2026-11-20 23:59:59+00', '李\"四,\n五', NULL),
      ('S3', -20.00, -0.00, 0, '退费', '2026-11-21 12:00:00.5+08', '', 1e15);
    CREATE VIEW v_medgate AS SELECT id AS \"结算ID\", total AS \"医疗费总额\", fund::numeric AS \"基金支付总额\", acct AS \"个账\",
      what AS \"类别\", at AS \"结算时间\", name AS \"姓名\", rate AS \"比例\", (at AT TIME ZONE 'Asia/Shanghai')::date AS setl_date FROM settled;
    CREATE FUNCTION takes() RETURNS int LANGUAGE sql AS 'INSERT INTO settled VALUES (''S9'', 1, ''1'') RETURNING 1';
    CREATE VIEW v_person AS SELECT name::int AS \"结算ID\", setl_date FROM (SELECT '张三'::text AS name, '2026-11-21'::date AS setl_date) x;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO medgate";

async fn gateway(view: &Settings, change: impl FnOnce(&mut medgate::config::Settings)) -> TestGateway {
    let view = view.clone();
    TestGateway::before("http://127.0.0.1:9", |settings| {
        settings.his_view = view;
        change(settings);
    })
    .await
}

/// `medgate his-ledger import --sql`, which asks the gateway that runs.
fn import_on(data: &Path, day: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.env_clear().args(["his-ledger", "import", "--sql", "--date", day, "--data"]).arg(data);
    let Output { status, stdout, stderr } =
        command.env("MEDGATE__UPSTREAM__DEFAULT__URL", "http://127.0.0.1:9").output().unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(!said.contains(PASSWORD), "{said}");
    (status.code(), said)
}

fn import(gate: &TestGateway, day: &str) -> (Option<i32>, String) {
    import_on(gate.data(), day)
}

/// The texts of every ledger in the journal.
fn ledgers(gate: &TestGateway) -> Vec<String> {
    let text = |record| match gate.unseal(&record).request.unwrap().body {
        Body::Buffered(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Body::Spooled(file) => panic!("a large one: {file:?}"),
    };
    gate.records_of(Kind::Ledger).into_iter().map(text).collect()
}

/// What the admin port says.
async fn look(gate: &TestGateway, target: &str) -> String {
    let mut talk = Talk::to(gate.admin).await;
    let raw = talk.ask(format!("GET {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")).await;
    String::from_utf8(raw.body).unwrap()
}

/// Waits until the metrics say it.
async fn told(gate: &TestGateway, line: &str) {
    let told = async {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        while !look(gate, "/metrics").await.contains(line) {
            again.tick().await;
        }
    };
    tokio::time::timeout(SOON, told).await.unwrap_or_else(|_| panic!("waited in vain: {line}"));
}

/// Nothing is journaled and nothing lies about.
fn assert_nothing_taken(gate: &TestGateway, what: &str) {
    assert!(ledgers(gate).is_empty(), "{what}");
    let bodies = std::fs::read_dir(gate.data().join("bodies")).map_or(0, |found| found.flatten().count());
    assert_eq!(bodies, 0, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_gives_sums_to_the_last_fen_and_the_same_rows_once() {
    let mut server = Server::postgresql(&[], POSTGRESQL).await;
    let gate = gateway(&server.view(QUERY), |settings| {
        settings.his_ledger.acct_pay = "个账".to_owned();
        settings.his_ledger.refund = "类别".to_owned();
        settings.his_ledger.setl_time = "结算时间".to_owned();
        // Whatever the HIS's files are written in.
        settings.his_ledger.encoding = "gbk".to_owned();
    })
    .await;
    let (code, said) = import(&gate, DAY);
    assert!(code == Some(0) && said.contains("已导入 3 行"), "{said}");
    let expected = "结算ID,医疗费总额,基金支付总额,个账,类别,结算时间,姓名,比例,setl_date\n\
        S1,0.10,0.10,,收费,2026-11-21 00:10:00+08,张三,0.1,2026-11-21\n\
        S2,99999999999.99,1234567.89,12.3000,收费,2026-11-21 07:59:59+08,\"李\"\"四,\n五\",,2026-11-21\n\
        S3,-20.00,0.00,0.0000,退费,2026-11-21 12:00:00.5+08,,1e+15,2026-11-21\n";
    assert_eq!(ledgers(&gate), [expected]);
    let record = gate.records_of(Kind::Ledger).remove(0);
    let name = record.facts.text_of(medgate::journal::facts::Fact::Name).unwrap().to_owned();
    assert!(name.starts_with("postgresql://127.0.0.1:") && name.ends_with("/his"), "{name}");

    let (code, said) = import(&gate, DAY);
    assert!(code == Some(0) && said.contains("没有变化"), "{said}");
    assert_eq!(ledgers(&gate).len(), 1);
    server.say("UPDATE settled SET total = 0.11 WHERE id = 'S1'").await;
    let (code, said) = import(&gate, DAY);
    assert!(code == Some(0) && said.contains("取代记录"), "{said}");
    assert_eq!(ledgers(&gate)[1], expected.replace("S1,0.10", "S1,0.11"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_named_and_nothing_is_taken() {
    let mut server = Server::postgresql(&[], POSTGRESQL).await;
    server
        .say("UPDATE settled SET total = NULL WHERE id = 'S2'; UPDATE settled SET total = 'NaN' WHERE id = 'S3'")
        .await;
    let gate = gateway(&server.view(QUERY), |_| ()).await;
    let (code, said) = import(&gate, DAY);
    // The header is line 1; the name of S2 goes over two.
    for place in ["第3行「医疗费总额」：金额为空", "第5行「医疗费总额」：不是金额"] {
        assert!(code == Some(1) && said.contains(place), "{said}");
    }
    assert!(!said.contains("李"), "{said}");
    assert_nothing_taken(&gate, "two wrong rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_keeps_a_view_from_being_read_is_told_in_time_and_without_secrets() {
    let server = Server::postgresql(&[], POSTGRESQL).await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let view = |query: &str| server.view(query);
    let good = view(QUERY);
    let wrong_password = format!("{}.wrong", good.password_file);
    private_file(Path::new(&wrong_password), "another word\n");
    let sleeping = view("select pg_sleep(100), '{date}'");
    let endless = view(
        "select repeat('9', 1000) as \"结算ID\", '1' as \"医疗费总额\", '1' as \"基金支付总额\", '{date}' from generate_series(1, 2000000000)",
    );
    let rows = [
        ("nobody listens", Settings { address: closed.to_string(), ..good.clone() }, "连不上院内数据库"),
        (
            "silence",
            Settings { address: silent.local_addr().unwrap().to_string(), connect_seconds: 1, ..good.clone() },
            "1 秒内没有接通",
        ),
        ("no TLS there", Settings { tls: Tls::Required, ..good.clone() }, "连不上院内数据库"),
        (
            "a wrong password",
            Settings { password_file: wrong_password, ..good.clone() },
            "拒绝登录：password authentication failed for user \"medgate\" [28P01]",
        ),
        (
            "no password",
            Settings { password_file: "/no/such/file".to_owned(), ..good.clone() },
            "口令读不到：/no/such/file: cannot be read",
        ),
        (
            "no such database",
            Settings { database: "lis".to_owned(), ..good.clone() },
            "database \"lis\" does not exist [3D000]",
        ),
        ("no such view", view("select * from v_none where d = '{date}'"), "relation \"v_none\" does not exist [42P01]"),
        ("a write", view("select takes() as \"结算ID\", '{date}'"), "read-only transaction [25006]"),
        (
            "a value that names a person",
            view("select * from v_person where setl_date = '{date}'"),
            "没有执行查询：SQLSTATE 22P02；",
        ),
        ("a sleep", Settings { read_seconds: 1, ..sleeping }, "视图在 1 秒内没有读完"),
        ("rows without end", Settings { read_seconds: 2, ..endless }, "视图在 2 秒内没有读完"),
        ("another day", view("select * from v_medgate where setl_date > '{date}'"), "视图里没有 2026-11-21 的行"),
    ];
    let mut gate = gateway(&good, |_| ()).await;
    for (what, view, expected) in rows {
        gate.restart_with(|settings| settings.his_view = view).await;
        let began = gate.clock.mono_ns();
        let (code, said) = import(&gate, DAY);
        let within = Duration::from_nanos(gate.clock.mono_ns() - began);
        assert!(code == Some(1) && said.contains(expected) && !said.contains("张三"), "{what}: {said}");
        assert!(within < Duration::from_secs(15), "{what}: {within:?}");
        assert_nothing_taken(&gate, what);
    }
    gate.restart_with(|settings| settings.his_view = good).await;
    assert_eq!(import(&gate, DAY).0, Some(0), "and then it is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_wants_a_certificate_that_somebody_vouches_for() {
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
    let keys = tempfile::tempdir().unwrap();
    std::fs::set_permissions(keys.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let key = keys.path().join("server.key");
    private_file(&key, &std::fs::read_to_string(certs.join("server.key")).unwrap());
    let file = format!("ssl_cert_file={}", certs.join("server.pem").display());
    // The server reads the certificate as another user, who may not look into the project's folder.
    let certificate = keys.path().join("server.pem");
    private_file(&certificate, &std::fs::read_to_string(certs.join("server.pem")).unwrap());
    let file = file.replace(&certs.display().to_string(), &keys.path().display().to_string());
    let server = Server::postgresql(&["ssl=on", &file, &format!("ssl_key_file={}", key.display())], POSTGRESQL).await;
    let known = Settings { tls: Tls::Required, ca: certs.join("ca.pem"), ..server.view(QUERY) };
    let mut gate = gateway(&Settings { ca: std::path::PathBuf::new(), ..known.clone() }, |_| ()).await;
    let (code, said) = import(&gate, DAY);
    assert!(code == Some(1) && said.contains("UnknownIssuer"), "{said}");
    gate.restart_with(|settings| settings.his_view = known).await;
    let (code, said) = import(&gate, DAY);
    assert!(code == Some(0) && said.contains("已导入 3 行"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_gives_the_same_in_its_own_way() {
    let setup = "
        CREATE TABLE settled (id varchar(30), total decimal(16,2), fund decimal(16,2), at timestamp(1) NULL, name varchar(50), note text) CHARSET gbk;
        SET time_zone = '+08:00', NAMES utf8mb4;
        INSERT INTO settled VALUES ('S1', 0.10, 0.10, '2026-11-21 00:10:00', '张三', 'a||b'),
          ('S2', 99999999999.99, 1234567.89, '2026-11-21 23:59:59', '李\"四,五', NULL), ('S3', -20, 0, NULL, '', x'');
        CREATE VIEW v_medgate AS SELECT id AS `结算ID`, total AS `医疗费总额`, fund AS `基金支付总额`, at AS `时间`, name AS `姓名`, note,
          date('2026-11-21') AS setl_date FROM settled;
        CREATE FUNCTION takes() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO settled (id) VALUES ('S9'); RETURN 1; END;
        GRANT SELECT, INSERT, EXECUTE ON his.* TO medgate@'127.0.0.1'";
    let server = Server::mariadb(setup).await;
    // Neither the server's own reading of `||` nor its time zone is ours to change but for China's.
    let good = server.view(&QUERY.replace("*", "*, 1 || 0 as either"));
    let mut gate = gateway(&good, |settings| settings.his_ledger.setl_time = "时间".to_owned()).await;
    let (code, said) = import(&gate, DAY);
    assert!(code == Some(0) && said.contains("已导入 3 行"), "{said}");
    let expected = "结算ID,医疗费总额,基金支付总额,时间,姓名,note,setl_date,either\n\
        S1,0.10,0.10,2026-11-21 00:10:00.0,张三,a||b,2026-11-21,1\n\
        S2,99999999999.99,1234567.89,2026-11-21 23:59:59.0,\"李\"\"四,五\",,2026-11-21,1\n\
        S3,-20.00,0.00,,,,2026-11-21,1\n";
    assert_eq!(ledgers(&gate), [expected]);
    assert!(import(&gate, DAY).1.contains("没有变化"));

    let wrong_password = format!("{}.wrong", good.password_file);
    private_file(Path::new(&wrong_password), "another word\n");
    let view = |query: &str| server.view(query);
    let rows = [
        (
            "a wrong password",
            Settings { password_file: wrong_password, ..good.clone() },
            "Access denied for user 'medgate'",
        ),
        (
            "no such view",
            view("select * from v_none where d = '{date}'"),
            "Table 'his.v_none' doesn't exist [1146/42S02]",
        ),
        ("a write", view("select takes(), '{date}'"), "Cannot execute statement in a READ ONLY transaction"),
        ("a sleep", Settings { read_seconds: 1, ..view("select sleep(100), '{date}'") }, "视图在 1 秒内没有读完"),
        ("no TLS there", Settings { tls: Tls::Required, ..good.clone() }, "连不上院内数据库"),
    ];
    for (what, view, expected) in rows {
        gate.restart_with(|settings| settings.his_view = view).await;
        let (code, said) = import(&gate, DAY);
        assert!(code == Some(1) && said.contains(expected), "{what}: {said}");
        assert_eq!(ledgers(&gate).len(), 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_wide_rows_pass_through_a_few_pieces() {
    let server = Server::postgresql(&[], POSTGRESQL).await;
    let query = "select 'S' || n as \"结算ID\", '12.30' as \"医疗费总额\", '1.00' as \"基金支付总额\", repeat('字', 400) as note, '{date}' as d \
                 from generate_series(1, 100000) n";
    let view = server.view(query);
    let settings = [
        ("HIS_VIEW__KIND", "postgresql"),
        ("HIS_VIEW__ADDRESS", &view.address),
        ("HIS_VIEW__DATABASE", "his"),
        ("HIS_VIEW__USER", "medgate"),
        ("HIS_VIEW__PASSWORD_FILE", &view.password_file),
        ("HIS_VIEW__TLS", "off"),
        ("HIS_VIEW__QUERY", query),
        ("HIS_VIEW__READ_SECONDS", "300"),
    ];
    let program = Program::start("http://127.0.0.1:9", &settings).await;
    program.forget_peak();
    let before = program.memory("VmRSS");
    let (code, said) = import_on(&program.data(), DAY);
    assert!(code == Some(0) && said.contains("已导入 100000 行"), "{said}");
    // 120 MB went through.
    let grown = program.memory("VmHWM").saturating_sub(before);
    assert!(grown < 40 << 20, "{grown} bytes");
    assert!(!program.log().contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_clock_yesterday_is_read_and_the_day_before_once_more() {
    let mut server = Server::postgresql(
        &[],
        "CREATE TABLE v_medgate (\"结算ID\" text, \"医疗费总额\" text, \"基金支付总额\" text, setl_date date);
        GRANT SELECT ON v_medgate TO medgate",
    )
    .await;
    let mut gate = gateway(&server.view(QUERY), |_| ()).await;
    assert!(look(&gate, "/readyz?verbose").await.contains("[+] his_view"), "it is there and nothing happened yet");
    let today = Day::at(gate.clock.unix_ns());
    for ago in [1, 2, 3] {
        let day = today.later(-ago);
        server.say(&format!("INSERT INTO v_medgate VALUES ('S{ago}', '{ago}.00', '0.50', '{day}')")).await;
    }
    gate.restart_with(|settings| settings.his_view.at = "00:00".to_owned()).await;
    until("both days are taken", || ledgers(&gate).len() == 2).await;
    let texts = ledgers(&gate);
    assert!(texts[0].contains("S2,2.00") && texts[1].contains("S1,1.00"), "{texts:?}");
    told(&gate, "medgate_his_view_reads_total{result=\"taken\"} 2").await;

    // A view that fails stops nothing, and is told.
    server.say("DROP TABLE v_medgate").await;
    gate.restart().await;
    told(&gate, "medgate_his_view_reads_total{result=\"failed\"} 2").await;
    let ready = look(&gate, "/readyz?verbose").await;
    assert!(ready.contains("[!] his_view") && ready.contains("42P01") && ready.contains("ready"), "{ready}");
    assert_eq!(ledgers(&gate).len(), 2);
}

#[test]
fn settings_that_cannot_work_are_complained_about_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    let check = |view: &str| {
        std::fs::write(&file, format!("[upstream.default]\nurl = \"http://127.0.0.1:9\"\n[his_view]\n{view}\n"))
            .unwrap();
        let output =
            Command::new(env!("CARGO_BIN_EXE_medgate")).args(["check", "--config"]).arg(&file).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let good = "kind = \"mysql\"\naddress = \"10.1.1.5:3306\"\ndatabase = \"his\"\nuser = \"medgate\"\npassword_file = \"/etc/medgate/view\"\n\
        query = \"select * from v where d = '{date}'\"\nat = \"06:30\"";
    let (code, said) = check(good);
    assert_eq!(code, Some(0), "{said}");
    let (_, said) = check(&format!("{good}\ntls = \"off\""));
    assert!(said.contains("travels in clear"), "{said}");
    for (was, is, complaint) in [
        ("mysql", "sqlserver", "does not speak to SQL Server"),
        ("mysql", "oracle", "does not take \"oracle\""),
        (":3306", "", "is no address"),
        ("\"his\"", "\"\"", "`his_view.database` is empty"),
        ("/etc/medgate/view", "hunter2", "neither an absolute path nor credential:NAME"),
        ("select * from", "delete from", "does not begin with `select`"),
        ("{date}'", "{date}'; drop table v", "more than one statement"),
        ("'{date}'", "1", "does not say {date}"),
        ("06:30", "6.30", "no time of day"),
    ] {
        let (code, said) = check(&good.replace(was, is));
        assert!(code == Some(78) && said.contains(complaint) && !said.contains("hunter2"), "{complaint}: {said}");
    }
}
