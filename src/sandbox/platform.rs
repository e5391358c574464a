//! One request in, one act out: the fault that strikes, what the ledger does, and the answer in the province's shape.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::call::Call;
use super::faults::{Fault, Script};
use super::guard::{Guard, Refused};
use super::ledger::{Deed, Habits, Ledger};
use super::moment::Moment;
use super::register::{Line, Register};
use super::saved;
pub use super::settings::{Settings, StateError};
use super::shape::Saying;
use super::temper::Temper;
use super::wire::{Content, Manner, Reply, Request};
use crate::domain::clock::Clock;

/// The stand-in platform behind its door.
pub struct Platform {
    settings: Settings,
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
    opened: Moment,
    performed: Notify,
    fixed: FixedCounts,
}

/// Everything that one call may touch, behind one lock: calls are performed one after the other.
pub(super) struct Books {
    pub(super) ledger: Ledger,
    pub(super) script: Script,
    pub(super) register: Register,
    /// Faults by chance, where a temper was drawn.
    pub(super) temper: Option<Temper>,
}

/// What the fixed mode counts.
#[derive(Debug, Default)]
pub(super) struct FixedCounts {
    pub(super) requests: AtomicU64,
    pub(super) body_bytes: AtomicU64,
    /// Wrapping sum of crc32c over the bodies: equal to the sender's own sum only if each arrived once and unchanged.
    pub(super) body_crc32c_sum: AtomicU64,
}

/// What happens on the connection.
pub(super) enum Act {
    Answer { number: u64, reply: Reply },
    Close { reset: bool, due: Option<Due> },
}

/// A commit that is still to come after its connection was closed.
pub(super) struct Due {
    number: u64,
    call: Call,
    after_ms: u64,
}

impl Platform {
    /// A stand-in with the books that its state file holds, empty without one.
    ///
    /// # Errors
    /// When the state file cannot be taken up.
    pub fn new(mut settings: Settings, clock: Arc<dyn Clock>) -> Result<Platform, StateError> {
        if let Some(temper) = settings.temper.map(Temper::of) {
            settings.shape = temper.shape;
            let Habits { lenient, settles_twice, strict, sign_life_s, .. } = settings.habits;
            let sign_life_s = if sign_life_s > 0 { sign_life_s } else { temper.habits.sign_life_s };
            settings.habits = Habits { lenient, settles_twice, strict, sign_life_s, ..temper.habits };
        }
        // Who plays a province answers as it does, whatever a temper drew.
        settings.shape = settings.province.as_ref().map_or(settings.shape, |province| province.shape);
        let opened = Moment::of(clock.unix_ns());
        let mut books = Books::new(&settings, opened);
        if let Some(path) = settings.state.as_deref().filter(|path| path.exists()) {
            books.ledger = saved::taken_up(path, settings.seed, settings.habits)?;
        }
        let books = Mutex::new(books);
        Ok(Platform { settings, clock, books, opened, performed: Notify::new(), fixed: FixedCounts::default() })
    }

    /// Saves the books to the state file; its length.
    ///
    /// # Errors
    /// When no file was named or it cannot be written.
    pub fn save(&self) -> Result<u64, StateError> {
        let path = self.settings.state.as_deref().ok_or(StateError::Nowhere)?;
        saved::save(path, self.settings.seed, &self.books().ledger)
    }

    /// Closes the day; what it closed.
    pub fn close_day(&self) -> serde_json::Value {
        let now = self.now();
        self.books().ledger.close_day(now)
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Requests that arrived, those of the fixed mode included.
    pub fn requests(&self) -> u64 {
        self.books().register.arrived() + self.fixed.requests.load(Ordering::Relaxed)
    }

    /// Forgets everything: books, script, register and counts.
    pub fn reset(&self) {
        *self.books() = Books::new(&self.settings, self.now());
        for count in [&self.fixed.requests, &self.fixed.body_bytes, &self.fixed.body_crc32c_sum] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Replaces the script of faults.
    pub fn play_script(&self, script: Script) {
        self.books().script = script;
    }

    /// Looks into the ledger.
    pub fn with_ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.books().ledger)
    }

    /// Looks into the register.
    pub fn with_register<T>(&self, look: impl FnOnce(&Register) -> T) -> T {
        look(&self.books().register)
    }

    /// Waits until nothing is still to be performed.
    pub async fn at_rest(&self) {
        loop {
            let performed = self.performed.notified();
            if self.books().register.pending() == 0 {
                return;
            }
            performed.await;
        }
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        // A panic in one call must not silence the witness: the books stay readable.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fixed_counts(&self) -> &FixedCounts {
        &self.fixed
    }

    /// The canned success of the fixed mode, with a setl_id of its own.
    pub(super) fn answer_fixed(&self, request: &Request) -> Reply {
        let number = self.fixed.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.fixed.body_bytes.fetch_add(request.body.len() as u64, Ordering::Relaxed);
        self.fixed.body_crc32c_sum.fetch_add(u64::from(crc32c::crc32c(&request.body)), Ordering::Relaxed);
        let body = format!(
            r#"{{"infcode":0,"inf_refmsgid":"","refmsg_time":"","respond_time":"","err_msg":null,"output":{{"setlinfo":{{"setl_id":"990000F{}{number:09}"}}}}}}"#,
            self.opened.compact()
        );
        json_reply(body.into_bytes(), Manner::Whole)
    }

    /// Performs a call and says what happens on the connection. Waits as long as the fault says.
    pub(super) async fn act(&self, request: &Request) -> Act {
        let arrived = self.now();
        let (call, admitted) = match self.guard() {
            Some(guard) => guard.admit(request, self.clock.unix_ns()),
            None => (Call::read(&request.target, &request.body), Ok(())),
        };
        if let Err(refused) = admitted {
            return self.turned_away(request, &call, refused, arrived);
        }
        let (number, fault) = self.enter(request, &call);
        if fault.is_none() {
            let deed = self.commit(number, &call);
            return Act::Answer { number, reply: self.reply(deed, number, arrived) };
        }
        let body = |deed: Deed| self.envelope(&deed, number, arrived);
        let (reply_body, manner) = match fault {
            None | Some(Fault::Refuse) => {
                (body(self.spare(number, "沙箱按脚本拒绝本次交易，未作任何处理")), Manner::Whole)
            }
            Some(Fault::RefuseSaying { err_msg, commit }) => {
                self.commit_if(commit, number, &call);
                (body(Deed::refused(err_msg)), Manner::Whole)
            }
            Some(fault @ (Fault::Drop | Fault::Reset)) => {
                self.commit_if(false, number, &call);
                return Act::Close { reset: fault == Fault::Reset, due: None };
            }
            Some(Fault::CommitThenDrop) => {
                self.commit(number, &call);
                return Act::Close { reset: false, due: None };
            }
            Some(Fault::DropThenCommit { ms }) => {
                return Act::Close { reset: false, due: Some(Due { number, call, after_ms: ms }) };
            }
            Some(Fault::Late { ms }) => {
                let deed = self.commit(number, &call);
                tokio::time::sleep(Duration::from_millis(ms)).await;
                (body(deed), Manner::Whole)
            }
            Some(Fault::LateCommit { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                (body(self.commit(number, &call)), Manner::Whole)
            }
            Some(Fault::HalfAnswer) => (body(self.commit(number, &call)), Manner::Half),
            Some(Fault::SlowDrip { ms }) => (body(self.commit(number, &call)), Manner::Drip { ms }),
            Some(Fault::CloseAfter) => (body(self.commit(number, &call)), Manner::CloseAfter),
            Some(Fault::Page502 { commit }) => {
                self.commit_if(commit, number, &call);
                return Act::Answer { number, reply: plain_reply(502, "text/html", PAGE_502.to_string()) };
            }
            Some(Fault::Answer { status, content_type, body, commit }) => {
                self.commit_if(commit, number, &call);
                return Act::Answer { number, reply: plain_reply(status, &content_type, body) };
            }
        };
        Act::Answer { number, reply: self.in_shape(reply_body, manner) }
    }

    /// A call whose signature is not good: registered, and performed by nobody.
    fn turned_away(&self, request: &Request, call: &Call, refused: Refused, arrived: Moment) -> Act {
        let number = self.books().register.arrive(self.line_of(request, call), &request.body);
        let deed = self.spare(number, &refused.why);
        let reply = match refused.by_box {
            Some((status, body)) => plain_reply(status, "application/json;charset=UTF-8", body),
            None => self.in_shape(self.envelope(&deed, number, arrived), Manner::Whole),
        };
        Act::Answer { number, reply }
    }

    /// The answer to a request for a token, where the province that is played hands one out.
    pub(super) fn token(&self, request: &Request) -> Option<Reply> {
        self.settings.province.as_ref()?.token(request, self.clock.unix_ns())
    }

    fn guard(&self) -> Option<&Guard> {
        self.settings.province.as_ref()?.guard.as_ref()
    }

    /// Performs what was still to come; called when the connection is closed.
    pub(super) async fn perform_due(&self, due: Due) {
        tokio::time::sleep(Duration::from_millis(due.after_ms)).await;
        self.commit(due.number, &due.call);
    }

    /// Registers an `/_echo` request, which no ledger hears of.
    pub(super) fn enter_echo(&self, request: &Request) -> u64 {
        let line = Line { infno: "echo".to_string(), ..self.line(request) };
        let mut books = self.books();
        let number = books.register.arrive(line, &request.body);
        books.register.perform(number, &Deed::echoed());
        number
    }

    fn line(&self, request: &Request) -> Line {
        let headers = request.headers.iter();
        Line {
            at_unix_ns: self.clock.unix_ns(),
            target: request.target.clone(),
            headers: headers.map(|(name, value)| (name.clone(), latin_1(value))).collect(),
            ..Line::default()
        }
    }

    pub(super) fn line_of(&self, request: &Request, call: &Call) -> Line {
        Line {
            infno: call.infno.clone(),
            msgid: call.msgid.clone(),
            fixmedins_code: call.fixmedins_code.clone(),
            ..self.line(request)
        }
    }

    fn enter(&self, request: &Request, call: &Call) -> (u64, Option<Fault>) {
        let line = self.line_of(request, call);
        let mut books = self.books();
        let number = books.register.arrive(line, &request.body);
        let scripted = books.script.strike(call);
        let fault = scripted.or_else(|| books.temper.as_mut().and_then(|temper| temper.strike(call)));
        if let Some(fault) = &fault {
            books.register.strike(number, fault.name());
        }
        (number, fault)
    }

    pub(super) fn commit(&self, number: u64, call: &Call) -> Deed {
        let now = self.now();
        let mut books = self.books();
        let deed = if self.settings.any_institution || is_sandbox_institution(&call.fixmedins_code) {
            books.ledger.perform(call, now)
        } else {
            Deed::refused(format!(
                "沙箱只认沙箱机构编号（H99…、P99…），收到 {}；真实机构不要连接沙箱",
                call.fixmedins_code
            ))
        };
        if let (true, Some(path)) = (self.settings.save_each, &self.settings.state)
            && let Err(error) = saved::save(path, self.settings.seed, &books.ledger)
        {
            tracing::error!(%error, "the books could not be saved");
        }
        books.register.perform(number, &deed);
        self.performed.notify_waiters();
        deed
    }

    pub(super) fn spare(&self, number: u64, err_msg: &str) -> Deed {
        let deed = Deed::refused(err_msg);
        self.books().register.perform(number, &deed);
        self.performed.notify_waiters();
        deed
    }

    fn commit_if(&self, commit: bool, number: u64, call: &Call) {
        if commit {
            self.commit(number, call);
        } else {
            self.spare(number, "");
        }
    }

    /// The answer of a deed: an envelope, or the bare file.
    fn reply(&self, deed: Deed, number: u64, arrived: Moment) -> Reply {
        match deed.file {
            Some(file) => {
                let headers = vec![("Content-Type".to_string(), "application/octet-stream".to_string())];
                Reply { status: 200, headers, body: Content::Bytes(file), manner: Manner::Whole }
            }
            None => self.in_shape(self.envelope(&deed, number, arrived), Manner::Whole),
        }
    }

    fn in_shape(&self, body: Vec<u8>, manner: Manner) -> Reply {
        let headers = vec![("Content-Type".to_string(), self.settings.shape.content_type.to_string())];
        Reply { status: 200, headers, body: Content::Bytes(Bytes::from(body)), manner }
    }

    pub(super) fn envelope(&self, deed: &Deed, number: u64, arrived: Moment) -> Vec<u8> {
        let result = deed.result.as_ref().map_err(String::as_str);
        let saying = Saying { result, number, arrived, answered: self.now(), guard: self.guard() };
        self.settings.shape.envelope(&saying)
    }

    pub(super) fn now(&self) -> Moment {
        Moment::of(self.clock.unix_ns())
    }
}

impl Books {
    fn new(settings: &Settings, opened: Moment) -> Books {
        let ledger = Ledger::new(settings.seed, settings.habits, opened);
        let temper = settings.temper.map(Temper::of);
        Books { ledger, script: Script::default(), register: Register::default(), temper }
    }
}

/// Every byte as one character, so that none is lost.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Sandbox institutions carry 99 where a real code carries its province; a call without any code harms nobody.
pub fn is_sandbox_institution(fixmedins_code: &str) -> bool {
    fixmedins_code.is_empty() || fixmedins_code.starts_with("H99") || fixmedins_code.starts_with("P99")
}

const PAGE_502: &str = "<html><head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n\
    <hr><center>front machine (sandbox)</center>\r\n</body>\r\n</html>\r\n";

pub(super) fn json_reply(body: Vec<u8>, manner: Manner) -> Reply {
    let headers = vec![("Content-Type".to_string(), "application/json;charset=UTF-8".to_string())];
    Reply { status: 200, headers, body: Content::Bytes(Bytes::from(body)), manner }
}

pub(super) fn plain_reply(status: u16, content_type: &str, body: String) -> Reply {
    let content_type = (!content_type.is_empty()).then(|| ("Content-Type".to_string(), content_type.to_string()));
    let headers = content_type.into_iter().collect();
    Reply { status, headers, body: Content::Bytes(Bytes::from(body)), manner: Manner::Whole }
}
