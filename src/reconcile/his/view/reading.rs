//! What a view gives, as a file that is read: a thread of its own asks the database, a few pieces wait between the two.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio_util::sync::{CancellationToken, DropGuard};
use zeroize::Zeroizing;

use super::super::super::ledger::day::Day;
use super::query;
use super::settings::Settings;
use super::trouble::NotRead;

/// Bytes of a piece, and pieces that wait.
const PIECE_BYTES: usize = 64 * 1024;
const PIECES_MAX: usize = 4;

/// What comes over.
enum Piece {
    Bytes(Vec<u8>),
    /// Every row came. Without this word nothing is whole, whatever ended the thread.
    End,
    Failed(NotRead),
}

/// A view under way, read as a file. Whoever lets it go ends it.
pub(super) struct Reading {
    receive: Receiver<Piece>,
    piece: Vec<u8>,
    given: usize,
    ended: bool,
    _stop: DropGuard,
}

impl Reading {
    /// Begins to ask.
    pub(super) fn begin(
        view: Settings,
        password: Zeroizing<String>,
        day: Day,
        stop: &CancellationToken,
    ) -> Result<Reading, NotRead> {
        let (send, receive) = sync_channel(PIECES_MAX);
        let stop = stop.child_token();
        let stopped = stop.clone();
        let work = move || ask(&view, &password, day, &stopped, send);
        let began = thread::Builder::new().name("his-view".to_owned()).spawn(work);
        began.map_err(|error| NotRead::NotConnected(error.to_string()))?;
        Ok(Reading { receive, piece: Vec::new(), given: 0, ended: false, _stop: stop.drop_guard() })
    }
}

/// Asks within the time of the settings.
fn ask(view: &Settings, password: &str, day: Day, stop: &CancellationToken, send: SyncSender<Piece>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return hand_over(&send, Piece::Failed(NotRead::NotConnected(error.to_string()))),
    };
    let mut outlet = Outlet { send, gathered: Vec::with_capacity(PIECE_BYTES) };
    let done = runtime.block_on(async {
        let writing = query::write(view, password, day, &mut outlet);
        tokio::select! {
            () = stop.cancelled() => Err(NotRead::Stopping),
            done = tokio::time::timeout(Duration::from_secs(view.read_seconds), writing) => {
                done.unwrap_or(Err(NotRead::Slow(view.read_seconds)))
            }
        }
    });
    let last = match done {
        Ok(0) => Piece::Failed(NotRead::Empty(day)),
        Ok(_) => outlet.send_gathered().map_or(Piece::Failed(NotRead::Stopping), |()| Piece::End),
        Err(error) => Piece::Failed(error),
    };
    hand_over(&outlet.send, last);
    // A name that is still being resolved keeps nobody waiting.
    runtime.shutdown_background();
}

/// Nobody listens any more when this fails.
fn hand_over(send: &SyncSender<Piece>, piece: Piece) {
    let _gone = send.send(piece);
}

/// Gathers bytes into pieces, and waits while enough of them wait.
struct Outlet {
    send: SyncSender<Piece>,
    gathered: Vec<u8>,
}

impl Outlet {
    fn send_gathered(&mut self) -> io::Result<()> {
        let gathered = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES));
        self.send.send(Piece::Bytes(gathered)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if PIECE_BYTES <= self.gathered.len() {
            self.send_gathered()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.piece.len() && !self.ended {
            match self.receive.recv() {
                Ok(Piece::Bytes(piece)) => (self.piece, self.given) = (piece, 0),
                Ok(Piece::End) => self.ended = true,
                Ok(Piece::Failed(error)) => return Err(io::Error::other(error)),
                Err(_) => return Err(io::Error::other(NotRead::Broken("the reading ended by itself".to_owned()))),
            }
        }
        let read = out.len().min(self.piece.len() - self.given);
        out[..read].copy_from_slice(&self.piece[self.given..self.given + read]);
        self.given += read;
        Ok(read)
    }
}
