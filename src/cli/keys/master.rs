//! `medgate keys master`: the key that opens the journal's keys, made, told and put in the place of another.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::absolute;
use crate::cli::exit::Exit;
use crate::cli::journal::Place;
use crate::cli::own::with_journal;
use crate::cli::person::person;
use crate::config::Settings;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::moment::china_time;
use crate::journal::KEYS;
use crate::journal::key_folder::in_clear;
use crate::journal::master::Master;
use crate::journal::pool_key::wrapped_by;
use crate::keys::master::{self, BESIDE_CURE, BESIDE_REMARK, Change};
use crate::keys::source::{Sources, Trouble};
use crate::operator::act::Act;

/// Commands over the master key.
#[derive(clap::Subcommand)]
pub(in crate::cli) enum Command {
    New(NewArgs),
    Status(StatusArgs),
    Rotate(RotateArgs),
}

/// Make a new random master key in a file that only its owner may read. 生成主密钥
///
/// It opens nothing yet: name it in journal.master_key before the first start, or let `rotate --to` put it in force.
///
/// Exit code 0: made; 1: not, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate keys master new --out /etc/medgate/master.key")]
pub(in crate::cli) struct NewArgs {
    /// The new file; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Say what the keys of a data folder are wrapped by. 主密钥状态
///
/// Shows ids of keys, never a key. Works beside a running gateway.
///
/// Exit code 0: said; 1: the folder cannot be read.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate keys master status --data /var/lib/medgate")]
pub(in crate::cli) struct StatusArgs {
    #[command(flatten)]
    place: Place,
}

/// Put a new master key in the place of the one in force. 轮换主密钥
///
/// Without --to a new random key takes the place of the one in the file that journal.master_key names (or of
/// DATA/keys/master.key); the old one stays beside it under the date, for older backups. With --to the key or
/// passphrase there is taken; then name that place in journal.master_key before the next start. Slots that still stand
/// in the clear are wrapped. The gateway must be stopped. A rotation that was cut short leaves a folder that still
/// opens; run it again.
///
/// Exit code 0: in force; 1: not, and why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate keys master rotate --reason \"yearly\" --data /var/lib/medgate\n  \
    medgate keys master rotate --to /etc/medgate/master-2027.key --reason \"the old one was on a lost disk\"")]
pub(in crate::cli) struct RotateArgs {
    /// The new master key: absolute path of a file, or credential:NAME.
    #[arg(long, value_name = "FILE")]
    to: Option<String>,
    /// Why; it is journaled. 原因
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let done = match command {
        Command::New(args) => absolute(&args.out).and_then(|path| new(Path::new(&path))),
        Command::Status(args) => {
            let settings = match args.place.settings(err)? {
                Ok(settings) => settings,
                Err(exit) => return Ok(exit),
            };
            status(&settings)
        }
        Command::Rotate(args) => {
            let settings = match args.place.settings(err)? {
                Ok(settings) => settings,
                Err(exit) => return Ok(exit),
            };
            rotate(&args, &settings)
        }
    };
    match done {
        Ok(text) => write!(out, "{text}").map(|()| Exit::Done),
        Err(Trouble { file, what, cure }) => {
            writeln!(err, "{file}: {what}\n    cure: {cure}")?;
            Ok(Exit::Failed)
        }
    }
}

fn new(path: &Path) -> Result<String, Trouble> {
    master::new(path)?;
    let path = path.display();
    Ok(format!(
        "new master key in {path}; keep a copy where the data folder's backups are not: without it nothing can be read\n"
    ))
}

fn trouble(keys: &Path, error: &dyn std::fmt::Display, cure: &str) -> Trouble {
    Trouble::new(keys.display().to_string(), error.to_string(), cure)
}

fn status(settings: &Settings) -> Result<String, Trouble> {
    let keys = settings.gateway.data.join(KEYS);
    let place = match settings.journal.master_key.as_str() {
        "" => format!("{} (journal.master_key is empty)", keys.join("master.key").display()),
        place => place.to_owned(),
    };
    let mut text = format!("master key    {place}\n");
    let unread = "read it as the gateway's user; restore the keys folder from its backup when it is damaged";
    match wrapped_by(&keys).map_err(|error| trouble(&keys, &error, unread))? {
        None => text += "wrapped by    nothing: the keys stand in the clear until the gateway starts. 密钥未加密\n",
        Some(by) => {
            for (form, id) in &by {
                text += &format!("wrapped by    {form} {id}\n");
            }
            if by.len() > 1 {
                text += "remark: a rotation was cut short; run `medgate keys master rotate` again. 轮换未完成，请重新执行\n";
            }
        }
    }
    let clear = in_clear(&keys).map_err(|error| trouble(&keys, &error, unread))?;
    text += &format!("in the clear  {clear} slots\n");
    if clear > 0 {
        text += "remark: they were made before keys were wrapped; `medgate keys master rotate` wraps them\n";
    }
    if settings.journal.master_key.is_empty() {
        text += &format!("remark: {BESIDE_REMARK}\n    cure: {BESIDE_CURE}\n");
    }
    Ok(text)
}

fn rotate(args: &RotateArgs, settings: &Settings) -> Result<String, Trouble> {
    let (data, setting, sources) = (&settings.gateway.data, &settings.journal.master_key, Sources::of_process());
    let (keys, clock) = (data.join(KEYS), SystemClock::start());
    let old = master::read(setting, &sources)?;
    let file = master::file_of(setting, &keys, &old);
    let new = args.to.as_deref().map(|place| given(place, &sources)).transpose()?;
    let change = match (&new, &file) {
        (Some(new), _) => Change::By(new.clone()),
        (None, Some(file)) => Change::InPlace { file, date: &china_time(clock.unix_ns())[..10] },
        (None, None) => {
            let what = "a passphrase and a credential cannot be replaced by this command";
            let cure = "name the new one: --to FILE or --to credential:NAME (medgate keys master new makes one)";
            return Err(Trouble::new(setting, what, cure));
        }
    };
    let again =
        |error: &dyn std::fmt::Display| trouble(&keys, error, "correct what it names, and run the command again");
    let rotated = with_journal(settings, &old, async |journal, _| {
        let who = format!("command {}", person());
        let act = async |what: &str, before: &str, after: &str| {
            let draft = Act { who: &who, what, why: &args.reason, before, after }.draft();
            journal.append(draft).await.map(drop).map_err(|error| again(&error))
        };
        let before = ids(&keys);
        act("rotate master key", &before, "a new one").await?;
        let (id, kept) = master::rotate(&keys, &old, change).map_err(|error| again(&error))?;
        let after = ids(&keys);
        act("master key rotated", &before, &after).await?;
        Ok((before, after, id, kept))
    });
    let stop = || trouble(&keys, &"a gateway runs on this folder", "stop it first; a rotation takes a second");
    let (before, after, id, kept) = rotated.map_err(|error| again(&error))?.ok_or_else(stop)??;
    let then = match (&args.to, kept) {
        (Some(place), _) if place != setting => format!("now set journal.master_key = \"{place}\"\n"),
        (_, Some(kept)) => format!("the old one stays in {}; remove it when no backup needs it\n", kept.display()),
        (_, None) => String::new(),
    };
    Ok(format!("master key rotated: {before} -> {after} ({id}). 主密钥已轮换\n{then}"))
}

fn given(place: &str, sources: &Sources) -> Result<Master, Trouble> {
    if place.is_empty() {
        return Err(Trouble::new("--to", "names nothing", "write an absolute path, or credential:NAME"));
    }
    master::read(place, sources)
}

fn ids(keys: &Path) -> String {
    let by = wrapped_by(keys).ok().flatten().unwrap_or_default();
    by.iter().map(|(form, id)| format!("{form} {id}")).collect::<Vec<_>>().join(" or ")
}
