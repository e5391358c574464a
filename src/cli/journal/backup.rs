//! `medgate journal backup` and `medgate journal restore`.

use std::io::{self, Write};
use std::path::PathBuf;

use super::Place;
use super::verify::revived;
use crate::cli::exit::Exit;
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::moment::china_time;
use crate::evidence::seal_key;
use crate::evidence::verify::{Asked, anchor_file, verify};
use crate::journal::KEYS;
use crate::journal::verify as journal;
use crate::operator::backup::{BackedUp, backup};
use crate::operator::restore::{Restored, restore};
use crate::signing::sm2::Verifier;

/// Copy the journal with its keys to another folder while the gateway runs. 备份账本
///
/// Files are read and nothing is locked. Run again it copies only what is new, and goes on after an interruption. What
/// a trim took out of the journal stays in DIR, outside the list, until you remove it. A copy of the keys opens
/// everything that it holds: keep it as safe as the data folder, and the master key elsewhere (journal.master_key).
///
/// Exit code 0: whole; 1: not.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate journal backup --to /mnt/backup/medgate")]
pub(in crate::cli) struct BackupArgs {
    /// The folder of the backup; made when it is absent
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Lay a backup into a new data folder and verify it. 恢复账本
///
/// What an older backup means: calls that were settled since then are unknown to it, so ask the platform before you settle
/// again (对账); the gateway's anchors tell that the journal was set back; keys that were destroyed since then come back, so
/// erase those visits again (name the newer data folder, if it is still there, with --newer, and they are listed). Views and
/// index are built anew at the start.
///
/// Exit code 0: intact, every record is sealed; 1: damaged, or not restored; 2: arguments cannot be used; 3: intact, with
/// records after the last checkpoint; as of medgate-verify.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate journal restore --from /mnt/backup/medgate --data /var/lib/medgate-new\n  \
    medgate journal restore --from /mnt/backup/medgate --data /srv/new --key seal.pub --anchor /mnt/anchor")]
pub(in crate::cli) struct RestoreArgs {
    /// The folder of the backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The new data folder, empty or absent
    #[arg(long, value_name = "NEW")]
    data: PathBuf,
    /// File with the public key that seals the journal (PEM); by default the one in the backup, which proves less
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Checkpoints that were copied elsewhere: a file, or the folder of anchors; they tell what is missing since
    #[arg(long, value_name = "FILE|DIR")]
    anchor: Option<PathBuf>,
    /// A newer data folder of the same journal, as far as it can be read: its erasures are listed, to be run again
    #[arg(long, value_name = "DIR")]
    newer: Option<PathBuf>,
    /// Take a backup that was never finished
    #[arg(long)]
    unfinished: bool,
}

pub(super) fn backup_to(args: BackupArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let data = match args.place.data(err)? {
        Ok(data) => data,
        Err(exit) => return Ok(exit),
    };
    let made = china_time(SystemClock::start().unix_ns());
    let mut printed = Ok(());
    let done = backup(&data, &args.to, &made, &mut |name, copied| {
        if copied && printed.is_ok() {
            printed = writeln!(out, "copied {name}");
        }
    });
    printed?;
    let BackedUp { copied, bytes, same, last, with_master } = match done {
        Ok(done) => done,
        Err(error) => return writeln!(err, "{error}").map(|()| Exit::Failed),
    };
    writeln!(
        out,
        "backup of records up to {last}: {copied} files copied ({bytes} bytes), {same} were the same. 备份完成"
    )?;
    let master = match with_master {
        true => {
            "THE MASTER KEY stands beside the keys and is in this backup: whoever has it reads everything; move it away \
                 (journal.master_key). 主密钥在备份内，请另行保管"
        }
        false => {
            "the master key is not in this backup; without it nothing in it can be read: keep a copy elsewhere. 主密钥不在备份内，须另存"
        }
    };
    writeln!(out, "{master}").map(|()| Exit::Done)
}

pub(super) fn restore_from(args: RestoreArgs, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let Restored { files, bytes, manifest } = match restore(&args.from, &args.data, args.unfinished) {
        Ok(restored) => restored,
        Err(error) => return writeln!(err, "{error}").map(|()| Exit::Failed),
    };
    writeln!(out, "restored {files} files ({bytes} bytes), backed up {}. 已恢复，下面是校验结果", manifest.made)?;
    let key = args.key.clone().unwrap_or_else(|| args.data.join(seal_key::PUBLIC));
    let read = std::fs::read_to_string(&key).map_err(|error| error.to_string());
    let keys = match read.and_then(|text| Verifier::parse(&text).map_err(|error| error.to_string())) {
        Ok(key) => [key],
        Err(why) => return writeln!(err, "{}: {why}", key.display()).map(|()| Exit::Usage),
    };
    let anchor = args.anchor.as_ref().map(|anchor| anchor_file(anchor, &args.data)).transpose();
    let verdict = anchor.and_then(|anchor| verify(&Asked { data: &args.data, keys: &keys, anchor: anchor.as_deref() }));
    let verdict = match verdict {
        Ok(verdict) => verdict,
        Err(error) => return writeln!(err, "it cannot be verified: {error}").map(|()| Exit::Usage),
    };
    write!(out, "{}", verdict.text())?;
    if let Ok(report) = journal::verify(args.newer.as_deref().unwrap_or(&args.data)) {
        revived(&args.data.join(KEYS), &report, out)?;
    }
    Ok(match verdict.exit_code() {
        0 => Exit::Done,
        3 => Exit::Unsealed,
        _ => Exit::Failed,
    })
}
