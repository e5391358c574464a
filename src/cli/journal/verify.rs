//! `medgate journal verify`: is every record whole, and does it follow the one before it.

use std::io::{self, Write};

use crate::domain::exchange::Seq;

use super::Place;
use super::audit::Audit;
use super::source::Source;
use crate::cli::exit::Exit;

/// Check that every record is whole and follows the one before it. 校验账本
///
/// Works on stored bytes and needs no key. Exit code 0: intact; 1: damaged or not readable.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate journal verify\n  medgate journal verify --data /backup/medgate")]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match args.place.open(err)? {
        Ok(mut source) => verify(&mut *source, out),
        Err(exit) => Ok(exit),
    }
}

fn verify(source: &mut dyn Source, out: &mut dyn Write) -> io::Result<Exit> {
    let mut audit = Audit::default();
    let wrong = source.pages(Seq::NONE).find_map(|page| page.and_then(|page| audit.take(&page)).err());
    writeln!(out, "records    {} ({} to {})", audit.records, audit.first, audit.last())?;
    writeln!(out, "intents    {}", audit.intents)?;
    writeln!(out, "outcomes   {}", audit.outcomes)?;
    writeln!(out, "open       {}", audit.open.len())?;
    match wrong {
        None => writeln!(out, "intact. 账本完整").map(|()| Exit::Done),
        Some(why) => writeln!(out, "DAMAGED: {why}\n账本损坏：请保留现场并恢复备份").map(|()| Exit::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn intact_and_damaged_have_their_exit_codes() {
        let verified = |mut journal: sample::Memory| {
            let mut out = Vec::new();
            let exit = verify(&mut journal, &mut out).unwrap();
            (exit, String::from_utf8(out).unwrap())
        };
        let (exit, out) = verified(sample::Memory::new(sample::visit()));
        assert!(exit == Exit::Done && out.contains("records    4 (1 to 4)") && out.contains("intact."), "{out}");
        let mut damaged = sample::Memory::new(sample::visit());
        damaged.pages.remove(2);
        let (exit, out) = verified(damaged);
        assert!(exit == Exit::Failed && out.contains("DAMAGED: record 4"), "{out}");
    }
}
