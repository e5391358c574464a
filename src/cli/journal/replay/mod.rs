//! `medgate journal replay`: the journal goes through the decision code again, and what is derived from it is built again.
//!
//! Nothing is sent, nothing is locked, nothing is written but the report; a scratch folder is removed again.

mod decisions; // Each exchange decided again.
mod derived; // Views, open exchanges and tree built again.
mod found; // What came out otherwise, and what could not be looked at.
mod profiles; // The profiles that decided.
mod report; // What people and programs read.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use self::decisions::{Decisions, Other};
use self::derived::Derived;
use super::folder::Folder;
use super::{Place, last_seq, stopped, unreadable};
use crate::cli::exit::Exit;
use crate::config::complaint::Complaint;
use crate::config::{self, Settings, rules};
use crate::domain::clock::SystemClock;
use crate::domain::exchange::Seq;
use crate::journal::Record;
use crate::keys::{self, Identities, Sources};
use crate::views::month::moment_in;

/// Records between two looks at how far it is.
const PROGRESS_EVERY: u64 = 20_000;

/// Decide again what the journal holds, and build again what is derived from it. 重放账本
///
/// Each exchange is decided again under the profile that its record names: transaction, class, key, tokens, amounts,
/// outcome. The views are built anew beside the live ones and compared by their digest, when the whole journal is
/// replayed. With --profile the same exchanges are decided under another profile, with --rules they are held to these packs of
/// rules, and what would come out otherwise is listed. Reads beside a running gateway.
///
/// Exit code 0: all is equal; 1: something differs, or cannot be read; 2: there is no such profile.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate journal replay --data /var/lib/medgate\n  \
    medgate journal replay --from 2026-11-21 --to 2026-11-22 --json\n  \
    medgate journal replay --rules /etc/medgate/rules-next --from 2026-11-01\n  \
    medgate journal replay --profile guangdong\n  medgate journal replay --profile /etc/medgate/profiles/ourcity.toml")]
pub(in crate::cli) struct Args {
    /// First record: its number, or a time (2026-11-21, 2026-11-21T08:30).
    #[arg(long, value_name = "SEQ|TIME", value_parser = edge)]
    from: Option<Edge>,
    /// Last record: its number, or the time before which it was written.
    #[arg(long, value_name = "SEQ|TIME", value_parser = edge)]
    to: Option<Edge>,
    /// Decide under this profile too: its name, or a file.
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Hold calls to these rules too: a folder of packs in front of the built-in ones, or - for those of the settings.
    #[arg(long, value_name = "FOLDER")]
    rules: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Where a range begins or ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Edge {
    Record(Seq),
    Moment(i64),
}

pub(in crate::cli) fn edge(text: &str) -> Result<Edge, String> {
    let record = text.parse().ok().map(|seq| Edge::Record(Seq(seq)));
    let moment = || moment_in(text).map(Edge::Moment);
    record.or_else(moment).ok_or_else(|| "write the number of a record, or a time as 2026-11-21T08:30".to_owned())
}

/// The records to replay.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Range {
    /// First record.
    pub(in crate::cli) from: Option<Edge>,
    /// Last record.
    pub(in crate::cli) to: Option<Edge>,
}

impl Range {
    fn is_whole(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    pub(in crate::cli) fn holds(self, record: &Record) -> bool {
        let (seq, at) = (record.header.seq, record.header.at_unix_ns);
        let begun = match self.from {
            None => true,
            Some(Edge::Record(first)) => first <= seq,
            Some(Edge::Moment(first)) => first <= at,
        };
        begun
            && match self.to {
                None => true,
                Some(Edge::Record(last)) => seq <= last,
                Some(Edge::Moment(end)) => at < end,
            }
    }

    /// Numbers outside of which no record of the range stands. Times are looked at record by record: clocks are set.
    pub(in crate::cli) fn numbers(self) -> (Seq, Seq) {
        let from = if let Some(Edge::Record(first)) = self.from { first } else { Seq(1) };
        let until = if let Some(Edge::Record(last)) = self.to { Seq(last.0.saturating_add(1)) } else { Seq(u64::MAX) };
        (from, until)
    }
}

pub(super) fn run(args: Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let settings = match args.place.settings(err)? {
        Ok(settings) => settings,
        Err(exit) => return Ok(exit),
    };
    let other = match other(&args, &settings) {
        Ok(other) => other,
        Err(complaints) => {
            complaints.iter().try_for_each(|complaint| writeln!(err, "{complaint}"))?;
            return Ok(Exit::Usage);
        }
    };
    let data = &settings.gateway.data;
    let folder = match Folder::open(data) {
        Ok(folder) => folder.with(args.place.master()),
        Err(why) => return unreadable(&data.display(), &why, err),
    };
    let range = Range { from: args.from, to: args.to };
    let secret = match folder.tokens() {
        Ok(secret) => secret,
        Err(why) => return stopped(&why, err),
    };
    let identity = secret.identity();
    let mut decisions = Decisions::new(&folder, secret, identities(&settings), other);
    let replayed = replay(&folder, data, range, identity, &mut decisions, err);
    match replayed {
        Ok(derived) => report::print(&decisions.end(), derived.as_ref(), args.json, out),
        Err(why) => stopped(&why, err),
    }
}

/// What is to decide beside what decided then.
fn other(args: &Args, settings: &Settings) -> Result<Option<Other>, Vec<Complaint>> {
    let profile = args.profile.as_deref().map(|what| profiles::named(what, &settings.gateway.profiles)).transpose()?;
    let rules = match &args.rules {
        None => None,
        Some(folder) => {
            let mut settings = settings.clone();
            // What is only tried is not in force: nobody has to vouch for it.
            settings.rules.allow_unsigned = true;
            settings.rules.folder = if folder == Path::new("-") { settings.rules.folder } else { folder.clone() };
            let in_force = match &profile {
                Some(_) => None,
                None => Some(config::profiles::load(&settings.gateway)?),
            };
            let Some(of) = profile.as_ref().or(in_force.as_ref()) else { return Ok(None) };
            Some(rules::load(&settings, of, rules::today(&SystemClock::start()))?)
        }
    };
    let named = profile.as_ref().map(|profile| format!("profile {}", profile.name));
    let folder = args.rules.as_ref().map(|folder| format!("rules {}", folder.display()));
    let name = [named, folder].into_iter().flatten().collect::<Vec<_>>().join(", ");
    Ok((!name.is_empty()).then_some(Other { name, profile, rules }))
}

fn replay(
    folder: &Folder,
    data: &Path,
    range: Range,
    identity: crate::domain::token::Token,
    decisions: &mut Decisions<'_>,
    err: &mut dyn Write,
) -> Result<Option<derived::Compared>, String> {
    let mut derived = range.is_whole().then(|| Derived::new(data, identity)).transpose()?;
    let last = last_seq(folder)?;
    let (from, until) = range.numbers();
    let mut trouble = Ok(());
    folder.each(from, until, &mut |record| {
        if record.header.seq.0 % PROGRESS_EVERY == 0 {
            progress(err, record.header.seq, last);
        }
        if let Some(derived) = &mut derived {
            trouble = derived.take(&record);
        }
        if range.holds(&record) {
            decisions.take(&record);
        }
        if trouble.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    trouble?;
    derived.map(Derived::end).transpose()
}

/// One line that is written over; nobody is hurt when it cannot be written.
fn progress(err: &mut dyn Write, at: Seq, last: Seq) {
    let _shown = writeln!(err, "record {at} of {last}, {} %", (at.0 * 100 / last.0.max(1)).min(100));
}

/// Identities whose keys can be read here; what is sealed under others stays closed and is named.
pub(in crate::cli) fn identities(settings: &Settings) -> Identities {
    let sources = Sources::of_process();
    let one = |(name, written): (&String, &keys::Settings)| {
        keys::load(&[(name.clone(), written.clone())].into(), &sources).ok()
    };
    settings.identity.iter().filter_map(one).flatten().collect()
}

#[cfg(test)]
mod tests;
