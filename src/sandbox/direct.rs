//! Calls without a connection, for a world in one thread: who calls decides when a request comes, whether and when it is
//! performed, and what of the answer gets through.

use bytes::Bytes;

use super::call::Call;
use super::moment::Moment;
use super::platform::Platform;
use super::wire::Request;

/// A request that came.
pub struct Taken {
    /// What it asks for.
    pub call: Call,
    number: u64,
    arrived: Moment,
}

/// What performing it did.
pub struct Performed {
    /// The books changed.
    pub committed: bool,
    /// The settlement that it made or undid.
    pub setl_id: Option<String>,
    /// The err_msg of a refusal.
    pub refused: Option<String>,
    /// The whole answer.
    pub body: Bytes,
}

impl Platform {
    /// Takes a request: it is registered, and nothing else happens.
    pub fn take(&self, target: &str, body: &Bytes) -> Taken {
        let request = Request { target: target.to_owned(), body: body.clone(), ..Request::default() };
        let call = Call::read(target, body);
        let line = self.line_of(&request, &call);
        let number = self.books().register.arrive(line, body);
        Taken { call, number, arrived: self.now() }
    }

    /// Performs a request, once.
    pub fn perform(&self, taken: &Taken) -> Performed {
        let deed = self.commit(taken.number, &taken.call);
        let body = self.envelope(&deed, taken.number, taken.arrived).into();
        Performed { committed: deed.committed, setl_id: deed.setl_id, refused: deed.result.err(), body }
    }

    /// Leaves a request undone; the answer that says so with this text.
    pub fn leave(&self, taken: &Taken, err_msg: &str) -> Bytes {
        let deed = self.spare(taken.number, err_msg);
        self.envelope(&deed, taken.number, taken.arrived).into()
    }

    /// The answer of a platform that says so whatever it did.
    pub fn saying(&self, taken: &Taken, err_msg: &str) -> Bytes {
        let deed = super::ledger::Deed::refused(err_msg);
        self.envelope(&deed, taken.number, taken.arrived).into()
    }
}
