//! A whole gateway in this process, between a raw client and a platform: the stand-in, or a peer written by hand.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use medgate::app::Gateway;
use medgate::config::{self, Settings, Told};
use medgate::domain::clock::{Clock, SystemClock};
use medgate::journal::Record;
use medgate::journal::draft::{Edit, Part, Sealed};
use medgate::journal::key_folder::KeyFolder;
use medgate::journal::master::Master;
use medgate::journal::record::Kind;
use medgate::journal::sealing::unseal;
use medgate::journal::segment::{self, SEGMENT_HEADER_LEN};
use medgate::journal::walk::{Step, Walk};
use medgate::sandbox::Sandbox;
use medgate::sandbox::faults::Script;
use medgate::sandbox::platform;
use serde_json::Value;
use tempfile::TempDir;

use crate::doors_rig::{Raw, Talk, post};

/// Longest wait for something that must come.
pub const SOON: Duration = Duration::from_secs(20);

/// The machine's clock, which a test may set forward.
pub struct TestClock {
    machine: SystemClock,
    ahead_ns: AtomicI64,
}

impl TestClock {
    fn start() -> TestClock {
        TestClock { machine: SystemClock::start(), ahead_ns: AtomicI64::new(0) }
    }

    /// From now on it is later by `by`.
    pub fn advance(&self, by: Duration) {
        self.ahead_ns.fetch_add(i64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn unix_ns(&self) -> i64 {
        self.machine.unix_ns() + self.ahead_ns.load(Ordering::SeqCst)
    }

    fn mono_ns(&self) -> u64 {
        self.machine.mono_ns() + self.ahead_ns.load(Ordering::SeqCst).cast_unsigned()
    }
}

/// A running gateway with its folder and, unless the test brought its own platform, the stand-in behind it.
pub struct TestGateway {
    /// Where the HIS calls.
    pub listen: SocketAddr,
    /// Where the admin port answers.
    pub admin: SocketAddr,
    /// Its time.
    pub clock: Arc<TestClock>,
    gateway: Option<Gateway>,
    settings: Settings,
    sandbox: Option<Sandbox>,
    _dir: TempDir,
}

impl TestGateway {
    /// In front of the stand-in.
    pub async fn start() -> TestGateway {
        TestGateway::with(|_| {}).await
    }

    /// In front of the stand-in, with other settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> TestGateway {
        TestGateway::before_sandbox(platform::Settings::default(), change).await
    }

    /// In front of a stand-in with habits of its own.
    pub async fn before_sandbox(habits: platform::Settings, change: impl FnOnce(&mut Settings)) -> TestGateway {
        let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(loopback, habits, Arc::new(SystemClock::start())).await.unwrap();
        let mut gateway = TestGateway::before(&format!("http://{}", sandbox.addr()), change).await;
        gateway.sandbox = Some(sandbox);
        gateway
    }

    /// In front of any platform; `url` may have a base path.
    pub async fn before(url: &str, change: impl FnOnce(&mut Settings)) -> TestGateway {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data").display().to_string();
        let said = |key: &str, value: String| (format!("MEDGATE__{key}"), value);
        let env = vec![
            said("GATEWAY__DATA", data),
            said("GATEWAY__DRAIN_SECONDS", "5".to_owned()),
            said("INBOUND__LISTEN", "127.0.0.1:0".to_owned()),
            said("ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
            said("JOURNAL__SEGMENT_BYTES", (16 << 20).to_string()),
            said("UPSTREAM__DEFAULT__URL", url.to_owned()),
        ];
        let mut settings = config::load(&Told { env, ..Told::default() }).unwrap().settings;
        change(&mut settings);
        let clock = Arc::new(TestClock::start());
        let gateway = Gateway::start(settings.clone(), clock.clone()).await.unwrap();
        let (listen, admin) = (gateway.listen, gateway.admin);
        TestGateway { listen, admin, clock, gateway: Some(gateway), settings, sandbox: None, _dir: dir }
    }

    /// Stops in order, if it runs, and starts again over the same folder, on other ports; `change` may change the settings between.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Settings)) {
        if self.gateway.is_some() {
            self.stop().await;
        }
        change(&mut self.settings);
        let gateway = Gateway::start(self.settings.clone(), self.clock.clone()).await.unwrap();
        (self.listen, self.admin) = (gateway.listen, gateway.admin);
        self.gateway = Some(gateway);
    }

    /// Stops in order and starts again over the same folder, on other ports.
    pub async fn restart(&mut self) {
        self.restart_with(|_| {}).await;
    }

    /// Stops in order; journal and stand-in can still be looked into.
    pub async fn stop(&mut self) {
        self.gateway.take().expect("a running gateway").stop().await.unwrap();
    }

    /// Where the platform calls the hospital.
    pub fn callback(&self) -> SocketAddr {
        self.gateway.as_ref().and_then(|gateway| gateway.callback).expect("a gateway whose second door is open")
    }

    /// The stand-in.
    pub fn sandbox(&self) -> &Arc<platform::Platform> {
        self.sandbox.as_ref().expect("a gateway in front of the stand-in").platform()
    }

    /// Where the stand-in listens, for those who go past the gateway.
    pub fn sandbox_addr(&self) -> SocketAddr {
        self.sandbox.as_ref().expect("a gateway in front of the stand-in").addr()
    }

    /// What goes wrong at the stand-in from now on, as in `POST /_sandbox/faults`.
    pub fn faults(&self, script: &str) {
        self.sandbox().play_script(Script::read(script.as_bytes()).unwrap());
    }

    /// How many calls of a transaction arrived at the stand-in.
    pub fn arrived(&self, infno: &str) -> usize {
        self.sandbox()
            .with_register(|register| register.lines(0, usize::MAX).filter(|line| line.infno == infno).count())
    }

    /// One call on a connection of its own; `None` when the connection ends without an answer.
    pub async fn try_call(&self, target: &str, head_lines: &str, body: &str) -> Option<Raw> {
        let mut talk = Talk::to(self.listen).await;
        talk.say(post(target, head_lines, body)).await;
        tokio::time::timeout(SOON, talk.hear()).await.expect("an answer or an end")
    }

    /// One call that must be answered.
    pub async fn call(&self, target: &str, body: &str) -> Raw {
        self.try_call(target, "Content-Type: application/json\r\n", body).await.expect("an answer")
    }

    /// The journal's records so far, read from its files beside the running gateway.
    pub fn records(&self) -> Vec<Record> {
        records_in(self.data())
    }

    /// The records of one kind.
    pub fn records_of(&self, kind: Kind) -> Vec<Record> {
        self.records().into_iter().filter(|record| record.header.known_kind() == Some(kind)).collect()
    }

    /// What a record keeps under its key.
    pub fn unseal(&self, record: &Record) -> Sealed {
        unseal(&KeyFolder::at(&self.data().join("keys"), Master::Beside), &record.header, &record.payload).unwrap()
    }

    /// Waits until the journal holds what `is_there` looks for.
    pub async fn journaled(&self, what: &str, is_there: impl Fn(&[Record]) -> bool) {
        until(what, || is_there(&self.records())).await;
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.settings.gateway.data
    }
}

/// The records so far of the journal in a data folder.
pub fn records_in(data: &Path) -> Vec<Record> {
    let folder = data.join(segment::FOLDER);
    let names = std::fs::read_dir(&folder).unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| segment::number_in(&name)).collect();
    numbers.sort_unstable();
    let mut records = Vec::new();
    for number in numbers {
        let file = File::open(data.join(segment::path(number))).unwrap();
        let mut walk = Walk::new(&file, SEGMENT_HEADER_LEN as u64, file.metadata().unwrap().len());
        // Behind the last whole record stand zeros, or a batch being written.
        while let Step::Frame { at, frame, .. } = walk.step().unwrap() {
            records.push(Record::decode(frame, at).unwrap());
        }
    }
    records
}

/// Waits until a condition holds; panics with `what` when it does not come true soon.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        let mut again = tokio::time::interval(Duration::from_millis(5));
        while !holds() {
            again.tick().await;
        }
    };
    tokio::time::timeout(SOON, looking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// The part as it left: each edit takes bytes out of the arrived ones and puts others in.
pub fn rebuilt(arrived: &[u8], edits: &[Edit], part: Part) -> Vec<u8> {
    let mut bytes = arrived.to_vec();
    let mut of_part: Vec<&Edit> = edits.iter().filter(|edit| edit.part == part).collect();
    of_part.sort_by_key(|edit| std::cmp::Reverse(edit.at));
    for edit in of_part {
        let at = usize::try_from(edit.at).unwrap();
        bytes.splice(at..at + usize::try_from(edit.remove).unwrap(), edit.insert.iter().copied());
    }
    bytes
}

/// The body of an answer as JSON.
pub fn json(raw: &Raw) -> Value {
    serde_json::from_slice(&raw.body).unwrap_or_else(|_| panic!("no JSON: {}", String::from_utf8_lossy(&raw.body)))
}
