//! `medgate serve` as its own process: its memory, its log, its signals.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use medgate::sandbox::callers::post::{Heard, Post};
use serde_json::Value;
use tempfile::TempDir;

use crate::doors_rig::{Raw, Talk};
use crate::rig::{SOON, until};

/// A gateway in a process of its own; killed when dropped.
pub struct Program {
    /// Where the HIS calls.
    pub listen: SocketAddr,
    /// Where the admin port answers.
    pub admin: SocketAddr,
    dir: TempDir,
    child: Child,
}

impl Program {
    /// Starts it in front of `upstream` with settings as `SECTION__KEY`, and waits until it takes calls.
    pub async fn start(upstream: &str, settings: &[(&str, &str)]) -> Program {
        Program::start_as(upstream, settings, |_| ()).await
    }

    /// The same, with the last word on the command left to the caller.
    pub async fn start_as(upstream: &str, settings: &[(&str, &str)], as_told: impl FnOnce(&mut Command)) -> Program {
        let dir = tempfile::tempdir().unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
        command.args(["serve", "--upstream", upstream, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(["--log-format", "json", "--data"]).arg(dir.path().join("data"));
        command.env_remove("RUST_LOG").env_remove("MEDGATE_CONFIG").env("MEDGATE__JOURNAL__SEGMENT_BYTES", "16777216");
        command.envs(settings.iter().map(|(key, value)| (format!("MEDGATE__{key}"), value)));
        as_told(&mut command);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut program = Program { listen: nowhere, admin: nowhere, dir, child };
        until("medgate takes calls", || program.ports().is_some()).await;
        (program.listen, program.admin) = program.ports().unwrap();
        program
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    fn ports(&self) -> Option<(SocketAddr, SocketAddr)> {
        let log = self.log();
        let said = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let started = said.into_iter().find(|line| line["listen"].is_string())?;
        let port = |name: &str| started[name].as_str()?.parse().ok();
        Some((port("listen")?, port("admin")?))
    }

    /// One call on a connection of its own.
    pub async fn talk(&self) -> Talk {
        Talk::to(self.listen).await
    }

    /// Asks the admin port, with the token.
    pub async fn look(&self, target: &str) -> String {
        let token = std::fs::read_to_string(self.data().join("admin.token")).unwrap();
        let mut post = Post::new(&format!("http://{}", self.admin), SOON).unwrap();
        let headers = [("Authorization".to_owned(), format!("Bearer {}", token.trim()))];
        match post.send("GET", target, &headers, b"").await {
            Heard::Answer(answer) if answer.status == 200 => String::from_utf8(answer.body).unwrap(),
            other => panic!("{target}: {other:?}"),
        }
    }

    /// Sends a signal, as `kill` names it.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let waiting = async {
            let mut again = tokio::time::interval(Duration::from_millis(10));
            loop {
                again.tick().await;
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
            }
        };
        tokio::time::timeout(within, waiting).await.expect("the program ends")
    }

    /// A line of `/proc/PID/status`, in bytes.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Sets its high-water mark of memory back to what it has now.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Runs a command of medgate to its end; its standard output.
pub fn output(arguments: &[&str], data: &Path) -> Vec<u8> {
    let done = Command::new(env!("CARGO_BIN_EXE_medgate")).args(arguments).arg("--data").arg(data).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Hears an answer that must come.
pub async fn answer(talk: &mut Talk) -> Raw {
    tokio::time::timeout(SOON, talk.hear()).await.expect("in time").expect("an answer")
}
