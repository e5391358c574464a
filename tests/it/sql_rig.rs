//! PostgreSQL and MariaDB of their own for a test: real servers in a folder, as an ordinary user, gone with the test.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use medgate::reconcile::his::view::settings::{Kind, Settings, Tls};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use crate::rig::SOON;

/// The reader's password; it must show nowhere.
pub const PASSWORD: &str = "s3cret-of-the-view";
/// The owner's.
const OWNER: &str = "owner-of-the-server";
/// User and group `nobody` and `nogroup` of Debian: these servers refuse to run as root.
const NOBODY: (u32, u32) = (65_534, 65_534);
const MISSING: &str =
    "is missing: scripts/test installs it, or apt-get install postgresql mariadb-server-core mariadb-client-core";

/// A server that runs.
pub struct Server {
    port: u16,
    kind: Kind,
    dir: TempDir,
    child: Child,
}

impl Server {
    /// PostgreSQL with the reader `medgate`, after `setup` was done in the database `his`; `options` as `-c` takes them.
    pub async fn postgresql(options: &[&str], setup: &str) -> Server {
        let dir = folder();
        let (data, words) = (dir.path().join("data"), dir.path().join("words"));
        private_file(&words, OWNER);
        let bin = postgresql_bin();
        let mut init = ordinary(&bin.join("initdb"));
        init.args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "-U",
            "postgres",
            "-A",
            "scram-sha-256",
            "--pwfile",
        ]);
        finished(init.arg(&words).arg("-D").arg(&data));
        let port = free_port();
        let mut serve = ordinary(&bin.join("postgres"));
        serve.args(["-F", "-h", "127.0.0.1", "-p", &port.to_string(), "-k"]).arg(dir.path()).arg("-D").arg(&data);
        serve.args(options.iter().flat_map(|option| ["-c", option]));
        let mut server = Server { port, kind: Kind::PostgreSql, child: begun(serve, dir.path()), dir };
        server.say("CREATE DATABASE his").await;
        server.say(&format!("CREATE ROLE medgate LOGIN PASSWORD '{PASSWORD}'")).await;
        server.say(setup).await;
        server
    }

    /// MariaDB, likewise.
    pub async fn mariadb(setup: &str) -> Server {
        let dir = folder();
        let (data, port) = (dir.path().join("data"), free_port());
        let mut init = ordinary(Path::new("mariadb-install-db"));
        init.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        finished(init.arg(format!("--datadir={}", data.display())));
        let first = dir.path().join("first.sql");
        let sql = format!(
            "CREATE USER owner@'127.0.0.1' IDENTIFIED BY '{OWNER}'; GRANT ALL ON *.* TO owner@'127.0.0.1' WITH GRANT OPTION;\n\
             CREATE USER medgate@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\nCREATE DATABASE his;\n"
        );
        // One statement a line.
        private_file(&first, &sql.replace("; ", ";\n"));
        let mut serve = ordinary(Path::new("/usr/sbin/mariadbd"));
        serve.args([
            "--no-defaults",
            "--skip-name-resolve",
            "--bind-address=127.0.0.1",
            "--innodb-flush-log-at-trx-commit=0",
        ]);
        serve.arg(format!("--port={port}")).arg(format!("--datadir={}", data.display()));
        serve.arg(format!("--socket={}/socket", dir.path().display())).arg(format!("--init-file={}", first.display()));
        let mut server = Server { port, kind: Kind::MySql, child: begun(serve, dir.path()), dir };
        server.say(setup).await;
        server
    }

    /// Says something as its owner; waits until the server listens.
    pub async fn say(&mut self, sql: &str) {
        let said = async {
            let mut again = tokio::time::interval(Duration::from_millis(20));
            loop {
                again.tick().await;
                assert!(self.child.try_wait().unwrap().is_none(), "the server ended: {}", self.log());
                match self.try_say(sql).await {
                    Err(sqlx::Error::Io(_)) => {}
                    // It starts up.
                    Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("57P03") => {}
                    done => return done.unwrap_or_else(|error| panic!("{sql}: {error}")),
                }
            }
        };
        tokio::time::timeout(3 * SOON, said).await.unwrap_or_else(|_| panic!("in vain: {}", self.log()));
    }

    async fn try_say(&self, sql: &str) -> sqlx::Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.kind {
            Kind::PostgreSql => {
                let database = if sql.0.starts_with("CREATE DATABASE") { "postgres" } else { "his" };
                let options =
                    PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port).database(database);
                let mut connection = options.username("postgres").password(OWNER).connect().await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await
            }
            _ => {
                let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.port).database("his");
                let mut connection = options.username("owner").password(OWNER).connect().await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await
            }
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// The settings of a view over it.
    pub fn view(&self, query: &str) -> Settings {
        let password_file = self.dir.path().join("password");
        private_file(&password_file, &format!("{PASSWORD}\n"));
        // The gateway of a test runs as whoever runs the test.
        chown(&password_file, Some(own_uid()), None).unwrap();
        Settings {
            kind: self.kind,
            address: format!("127.0.0.1:{}", self.port),
            database: "his".to_owned(),
            user: "medgate".to_owned(),
            password_file: password_file.display().to_string(),
            tls: Tls::Off,
            ca: PathBuf::new(),
            query: query.to_owned(),
            at: String::new(),
            connect_seconds: 10,
            read_seconds: 60,
            retry_minutes: 1,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // INT asks PostgreSQL for a fast end, and kills no child of it; MariaDB takes TERM.
        let signal = if self.kind == Kind::PostgreSql { "-INT" } else { "-TERM" };
        let _sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        let _status = self.child.wait();
    }
}

/// Where Debian puts the programs of PostgreSQL, the newest version.
fn postgresql_bin() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap_or_else(|_| panic!("PostgreSQL {MISSING}"));
    let bins = versions.map(|version| version.unwrap().path().join("bin")).filter(|bin| bin.join("initdb").exists());
    bins.max().unwrap_or_else(|| panic!("PostgreSQL {MISSING}"))
}

fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    owned(dir.path());
    dir
}

/// Who runs the test.
fn own_uid() -> u32 {
    fs::metadata("/proc/self").unwrap().uid()
}

fn is_root() -> bool {
    own_uid() == 0
}

/// Gives a file or folder to the user that the servers run as.
fn owned(path: &Path) {
    if is_root() {
        chown(path, Some(NOBODY.0), Some(NOBODY.1)).unwrap();
    }
}

/// A file that only its owner reads.
pub fn private_file(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    owned(path);
}

/// A program that runs as an ordinary user.
fn ordinary(program: &Path) -> Command {
    let mut command = Command::new(if is_root() { Path::new("setpriv") } else { program });
    if is_root() {
        command
            .args([&format!("--reuid={}", NOBODY.0), &format!("--regid={}", NOBODY.1), "--clear-groups"])
            .arg(program);
    }
    command.current_dir("/").env_remove("LC_ALL").env("HOME", "/");
    command
}

fn finished(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().unwrap_or_else(|_| panic!("{command:?} {MISSING}"));
    let said = [&done.stdout[..], &done.stderr].concat();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

fn begun(mut command: Command, dir: &Path) -> Child {
    let log = fs::File::create(dir.join("log")).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap_or_else(|_| panic!("{command:?} {MISSING}"))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
