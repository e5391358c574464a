//! The program as a user starts it: killed, refused, started again on the same data folder.

use std::fmt::Write as _;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use medgate::sandbox::callers::post::{Answer, Heard, Post};
use serde_json::Value;
use tokio::sync::mpsc;

/// Longer than anything here takes on a slow machine; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The smallest segment that the settings allow.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// `medgate` with arguments; the caller's environment does not reach it.
pub fn medgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.args(arguments).env_clear();
    command
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// What a command printed, both streams together.
pub fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().into_iter().map(char::from).collect::<String>()
}

/// `medgate serve`, not yet started.
pub struct Serve {
    command: Command,
}

impl Serve {
    /// On free ports, with the smallest segments.
    pub fn on(data: &Path, upstream: SocketAddr) -> Serve {
        let mut command = medgate(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(["--log-format", "json", "--upstream", &format!("http://{upstream}"), "--data"]).arg(data);
        Serve { command }.with("JOURNAL__SEGMENT_BYTES", &SEGMENT_BYTES.to_string())
    }

    /// With a setting, named as in the environment.
    pub fn with(mut self, key: &str, value: &str) -> Serve {
        self.command.env(format!("MEDGATE__{key}"), value);
        self
    }

    /// Started through a shell that ignores the signal of a file size limit, so that a write past it fails like any other.
    pub fn heedless_of_size_limits(mut self) -> Serve {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(self.command.get_program());
        shell.args(self.command.get_args()).env_clear();
        shell.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = shell;
        self
    }

    /// Starts it and does not wait.
    pub fn begin(mut self) -> Starting {
        let mut child = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = child.stderr.take().unwrap();
        let (lines, heard) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                // Read to its end in any case, so that the program never waits for us.
                let _ended = lines.send(line);
            }
        });
        Starting { program: Running { child }, lines: heard, log: String::new() }
    }

    /// Starts it and waits until it takes calls.
    pub async fn start(self) -> Gateway {
        match self.begin().ready().await {
            Ok(gateway) => gateway,
            Err(ended) => panic!("it ended with {:?}:\n{}", ended.code, ended.said),
        }
    }

    /// Starts it and waits until it has refused to.
    pub async fn refused(self) -> Ended {
        self.begin().ready().await.err().expect("it must refuse to start")
    }
}

/// The process; killed when dropped.
struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A program on its way up.
pub struct Starting {
    program: Running,
    lines: mpsc::UnboundedReceiver<String>,
    log: String,
}

/// A program that did not come up.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// All it said.
    pub said: String,
}

impl Starting {
    /// Waits until it takes calls or has ended.
    pub async fn ready(mut self) -> Result<Gateway, Ended> {
        while let Some(line) = tokio::time::timeout(PATIENCE, self.lines.recv()).await.expect("it starts or ends") {
            let _ = writeln!(self.log, "{line}");
            let fields = serde_json::from_str::<Value>(&line).unwrap_or_default();
            if let (Some(listen), Some(admin)) = (address(&fields["listen"]), address(&fields["admin"])) {
                return Ok(Gateway { listen, admin, program: self.program, lines: self.lines, log: self.log });
            }
        }
        let code = self.program.child.wait().unwrap().code();
        Err(Ended { code, said: self.log })
    }
}

fn address(field: &Value) -> Option<SocketAddr> {
    field.as_str()?.parse().ok()
}

/// A gateway that takes calls.
pub struct Gateway {
    /// Where the HIS calls.
    pub listen: SocketAddr,
    /// The admin port.
    pub admin: SocketAddr,
    program: Running,
    lines: mpsc::UnboundedReceiver<String>,
    log: String,
}

impl Gateway {
    /// Its process id.
    pub fn pid(&self) -> String {
        self.program.child.id().to_string()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.program.child.kill().unwrap();
        self.program.child.wait().unwrap();
    }

    /// SIGTERM; how it ended.
    pub async fn stop(mut self) -> ExitStatus {
        let signal = format!("kill -TERM {}", self.pid());
        assert!(Command::new("/bin/sh").args(["-c", &signal]).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || self.program.child.wait().unwrap());
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends").unwrap()
    }

    /// What it has logged so far.
    pub fn log(&mut self) -> &str {
        while let Ok(line) = self.lines.try_recv() {
            let _ = writeln!(self.log, "{line}");
        }
        &self.log
    }

    /// A HIS of this gateway.
    pub fn his(&self) -> Post {
        Post::new(&format!("http://{}", self.listen), PATIENCE).unwrap()
    }

    /// The answer to one call that must be answered.
    pub async fn call(&self, target: &str, body: &[u8]) -> Answer {
        answered(self.his().send("POST", target, &[], body).await)
    }

    /// Asks the admin port; status and body.
    pub async fn admin(&self, target: &str, token: &str) -> (u16, String) {
        let mut admin = Post::new(&format!("http://{}", self.admin), PATIENCE).unwrap();
        let bearer = [("Authorization".to_owned(), format!("Bearer {token}"))];
        let answer = answered(admin.send("GET", target, &bearer, b"").await);
        (answer.status, String::from_utf8(answer.body).unwrap())
    }

    /// The unknowns as the admin port lists them.
    pub async fn unknowns(&self, data: &Path) -> Vec<Value> {
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap();
        let (status, listed) = self.admin("/api/v1/unknowns", token.trim()).await;
        assert_eq!(status, 200, "{listed}");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["unknowns"].as_array().unwrap().clone()
    }
}

/// The answer, where there must be one.
pub fn answered(heard: Heard) -> Answer {
    match heard {
        Heard::Answer(answer) => answer,
        other => panic!("no answer: {other:?}"),
    }
}

/// Looks again and again until there is something to see.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let mut again = tokio::time::interval(Duration::from_millis(5));
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            again.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    });
    seen.await.unwrap_or_else(|_| panic!("never came: {what}"))
}
