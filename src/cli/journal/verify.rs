//! `medgate journal verify`: is every record whole, and does it follow the one before it.

use std::io::{self, Write};
use std::path::Path;

use crate::journal::KEYS;
use crate::journal::key_folder::standing;
use crate::journal::verify::{End, Report, verify};

use super::{Place, unreadable};
use crate::cli::exit::Exit;

/// Check that every record is whole and follows the one before it. 校验账本
///
/// Works on stored bytes and needs no key. `medgate-verify journal` holds it to the signed checkpoints, too.
///
/// Exit code 0: intact; 1: damaged or not readable.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate journal verify\n  medgate journal verify --data /backup/medgate")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let data = match args.place.data(err)? {
        Ok(data) => data,
        Err(exit) => return Ok(exit),
    };
    match verify(&data) {
        Ok(Report { end: End::Empty, bad: None, .. }) => unreadable(&data.display(), "there is no journal", err),
        Ok(report) => {
            let exit = print(&report, out)?;
            revived(&data.join(KEYS), &report, out).map(|()| exit)
        }
        Err(error) => unreadable(&data.display(), &error.to_string(), err),
    }
}

/// An older copy of the keys folder brings keys back that were destroyed.
pub(super) fn revived(keys: &Path, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    match standing(keys, report.erased_slots.iter().copied()) {
        0 => Ok(()),
        count => writeln!(
            out,
            "REVIVED: {count} erased key slots stand in keys/ again; was an older copy restored? 已清除的密钥又出现了\n    \
             cure: run `medgate journal erase` for their visits again"
        ),
    }
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<Exit> {
    writeln!(out, "segments   {}", report.segments)?;
    writeln!(out, "records    {}", report.records)?;
    writeln!(out, "last       {}", report.last_seq)?;
    let end = match report.end {
        End::Empty => "empty".to_owned(),
        End::Sealed => "closed by a clean stop".to_owned(),
        End::Open => "open: the gateway runs, or was killed between two batches".to_owned(),
        End::Torn { offset } => {
            format!("a batch under way, or torn by a power cut, at {offset}; the next start sets it aside")
        }
    };
    writeln!(out, "ends       {end}")?;
    if !report.erased_slots.is_empty() {
        let (exchanges, slots) = (report.erased_exchanges.len(), report.erased_slots.len());
        writeln!(
            out,
            "erased     {exchanges} exchanges ({slots} key slots), by policy; their records verify. 已按规定清除"
        )?;
    }
    let Some(bad) = &report.bad else {
        return writeln!(out, "intact. 账本完整").map(|()| Exit::Done);
    };
    writeln!(out, "DAMAGED: record {} in {} at {}: {}", bad.seq, bad.file, bad.offset, bad.why)?;
    writeln!(out, "    cure: keep this folder as it is and restore the backup. 账本损坏：请保留现场并恢复备份")?;
    Ok(Exit::Failed)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn intact_and_damaged_have_their_exit_codes() {
        let verified = |data: &std::path::Path| {
            let mut out = Vec::new();
            let exit = print(&verify(data).unwrap(), &mut out).unwrap();
            (exit, String::from_utf8(out).unwrap())
        };
        let sample = sample::journal();
        let (exit, out) = verified(sample.path());
        assert!(exit == Exit::Done && out.contains("records    5") && out.contains("intact."), "{out}");
        let first = sample.path().join(crate::journal::segment::path(1));
        let mut bytes = std::fs::read(&first).unwrap();
        let last = bytes.len() - 1;
        bytes.truncate(last - 8);
        std::fs::write(&first, bytes).unwrap();
        let (exit, out) = verified(sample.path());
        assert!(exit == Exit::Failed && out.contains("DAMAGED: record 3 in journal/0000000001.seg"), "{out}");
    }
}
