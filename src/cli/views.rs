//! `medgate views`: builds the views anew, and says their digest.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::admin_port::{Call, token};
use super::exit::Exit;
use super::journal::folder::Folder;
use super::journal::{Place, last_seq, unreadable};
use crate::console::token::FILE_NAME;
use crate::domain::exchange::Seq;
use crate::journal::KEYS;
use crate::journal::key_folder::KeyFolder;
use crate::journal::lock::{Lock, LockError};
use crate::journal::master::Master;
use crate::views::follower::Taking;
use crate::views::read::Views;
use crate::views::{FOLDER, Store};

/// Records of one batch.
const BATCH_RECORDS: u64 = 8_192;
/// Rows that a batch holds in memory.
const BATCH_ROWS: usize = 4_096;
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a running gateway is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// Commands over the views.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Build the views anew from the journal, and say their digest. 重建查询库
    ///
    /// The views are built from the journal and can be deleted at any time. A running gateway is asked to build them;
    /// when none runs, the command does it itself.
    ///
    /// Exit code 0: built; 1: not, and why.
    Rebuild(Args),
    /// Say the digest of the views: equal rows, equal digest. 查询库摘要
    ///
    /// Nothing is changed. Two builds of one journal have the same digest; works without a running gateway.
    ///
    /// Exit code 0: said; 1: the views cannot be read.
    Digest(Args),
}

/// Which views. Both commands say for themselves what they do.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate views rebuild --data /var/lib/medgate\n  medgate views digest")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let (rebuild, place) = match command {
        Command::Rebuild(args) => (true, args.place),
        Command::Digest(args) => (false, args.place),
    };
    let settings = match place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let data = &settings.gateway.data;
    if let Err(why) = Folder::open(data) {
        return unreadable(&data.display(), &why, err);
    }
    let done = match rebuild.then(|| Lock::take(data)) {
        None => Ok(()),
        Some(Ok(lock)) => {
            let built = place.master().and_then(|master| build(data, master, err));
            drop(lock);
            built
        }
        Some(Err(LockError::Held { .. })) => by_gateway(&settings.admin.listen, data, err),
        Some(Err(error)) => Err(error.to_string()),
    };
    match done.and_then(|()| print(data, out)) {
        Ok(()) => Ok(Exit::Done),
        Err(why) => writeln!(err, "{why}").map(|()| Exit::Failed),
    }
}

/// Reads the whole journal, whose lock is held.
fn build(data: &Path, master: Master, err: &mut dyn Write) -> Result<(), String> {
    let folder =
        Folder::open(data).map_err(|why| format!("the journal in {} cannot be read: {why}", data.display()))?;
    let tokens = KeyFolder::at(&data.join(KEYS), master).tokens().map_err(|error| error.to_string())?;
    let (dir, until) = (data.join(FOLDER), last_seq(&folder)?);
    Store::wipe(&dir).map_err(|error| error.to_string())?;
    let mut store = Store::open(&dir, tokens.identity(), until).map_err(|error| error.to_string())?;
    let (mut taken, mut last, mut trouble) = (0, Seq::NONE, Ok(()));
    folder.each(Seq(1), Seq(u64::MAX), &mut |record| {
        last = record.header.seq;
        taken += 1;
        trouble = store.take(&record);
        if trouble.is_ok() && (BATCH_RECORDS <= taken || BATCH_ROWS <= store.touched()) {
            trouble = store.commit(last);
            taken = 0;
            progress(err, last.0, until.0);
        }
        if trouble.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    trouble.and_then(|()| store.commit(last)).map_err(|error| error.to_string())?;
    progress(err, last.0, until.0);
    Ok(())
}

/// Has the running gateway do it, and waits for it.
fn by_gateway(listen: &str, data: &Path, err: &mut dyn Write) -> Result<(), String> {
    let token = token(data, FILE_NAME)?;
    let ask = |method, target| {
        let call = Call { listen, method, target, token: Some(&token), body: "", patience: PATIENCE };
        match call.ask() {
            Ok((200, body)) => serde_json::from_str::<Value>(&body).map_err(|error| error.to_string()),
            Ok((status, body)) => Err(format!("the gateway at {listen} answers {status}: {body}")),
            Err(error) => Err(format!(
                "a gateway runs on this folder and does not answer at {listen}: {error}; name its admin port with --admin"
            )),
        }
    };
    let number = |state: &Value, name: &str| state[name].as_u64().unwrap_or(0);
    let before = number(&ask("GET", "/api/v1/views")?, "rebuilds");
    let until = number(&ask("POST", "/api/v1/views/rebuild")?, "durable");
    loop {
        let state = ask("GET", "/api/v1/views")?;
        let begun = before < number(&state, "rebuilds");
        let position = number(&state, "position");
        if begun && state["state"] == "following" && until <= position {
            return Ok(());
        }
        if state["state"] == "stopped" {
            return Err("the gateway has stopped; run the command again".to_owned());
        }
        progress(err, if begun { position } else { 0 }, until);
        std::thread::park_timeout(ASK_EVERY);
    }
}

/// One line that is written over; nobody is hurt when it cannot be written.
fn progress(err: &mut dyn Write, position: u64, until: u64) {
    let percent = (position * 100).checked_div(until).unwrap_or(100).min(100);
    let _shown = write!(err, "\rrecord {position} of {until}, {percent} %").and_then(|()| err.flush());
    if until <= position {
        let _shown = writeln!(err);
    }
}

fn print(data: &Path, out: &mut dyn Write) -> Result<(), String> {
    let views = Views::at(&data.join(FOLDER));
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let position = views.position().map_err(|error| say(&error))?.map_or(0, |seq| seq.0);
    for one in views.digests().map_err(|error| say(&error))? {
        writeln!(out, "{}  {}  {} exchanges", one.month, one.digest, one.exchanges).map_err(|error| say(&error))?;
    }
    let all = views.digest().map_err(|error| say(&error))?;
    writeln!(out, "digest   {all}\nposition {position}").map_err(|error| say(&error))
}
