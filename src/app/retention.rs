//! Archives and trims: each day after a clean verification, and when somebody asks through the admin port.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::config::Settings;
use crate::config::settings::RetentionSettings;
use crate::console::lookup::Trouble;
use crate::console::retention::{Keep, Kept, Work};
use crate::domain::clock::Clock;
use crate::domain::exchange::Seq;
use crate::evidence::notary::NotaryError;
use crate::evidence::{Nightly, Notary};
use crate::exchange::Line;
use crate::journal::Journal;
use crate::operator::archiving::archive_all;
use crate::operator::trim::{Asked, plan, trim};
use crate::reconcile::{self, Cases};
use crate::signing::sm2::Verifier;
use crate::views::Follower;

use super::StartError;
use super::acts::SELF;

/// How the book of cases is called where a segment stays for its sake.
pub const CASES: &str = "the book of cases (`medgate case list` shows what is open)";

/// What keeps the journal of one data folder within its bounds.
pub struct Keeping {
    data: PathBuf,
    key: Verifier,
    settings: RetentionSettings,
}

impl Keeping {
    /// Over the journal in `data`, sealed by `key`.
    pub fn new(data: &Path, key: Verifier, settings: &RetentionSettings) -> Keeping {
        Keeping { data: data.to_owned(), key, settings: settings.clone() }
    }

    fn dir(&self) -> Option<&Path> {
        Some(self.settings.archive_dir.as_path()).filter(|dir| !dir.as_os_str().is_empty())
    }

    /// Archives every sealed segment. Blocks.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn archive(&self, journal: &Journal, thorough: bool) -> Result<Kept, String> {
        let dir = self
            .dir()
            .ok_or("retention.archive_dir is empty, so nothing is archived; name a folder. 未设置归档目录")?;
        let done = archive_all(journal, &self.data, &self.key, dir, thorough).map_err(|error| error.to_string())?;
        Ok(Kept {
            archived: done.now,
            archived_before: done.before,
            first: journal.segments().first().map_or(0, |first| first.first_seq.0),
            stays: done.waiting.unwrap_or_default(),
            ..Kept::default()
        })
    }

    /// Trims what is old enough, read by everybody and archived. Called from a thread that may block, inside the runtime.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn trim(
        &self,
        journal: &Journal,
        readers: &[(&'static str, Seq)],
        now_unix_ns: i64,
        asked: &Keep,
    ) -> Result<Kept, String> {
        let refuse = |why: &str| Err(why.to_owned());
        if self.settings.keep_days == 0 {
            return refuse("retention.keep_days is 0: every record stays. 未设置保留天数，账本不清理");
        }
        let archives = self.dir();
        if archives.is_none() && !self.settings.trim_without_archive {
            return refuse("retention.archive_dir is empty: what is trimmed would be lost. 未设置归档目录，不清理");
        }
        let wanted = Asked {
            data: &self.data,
            archives,
            key: &self.key,
            keep_days: self.settings.keep_days,
            now_unix_ns,
            readers,
        };
        let plan = plan(journal, &wanted).map_err(|error| error.to_string())?;
        let record = match asked.dry_run {
            true => None,
            false => trim(journal, &plan, &asked.who, &asked.reason).map_err(|error| error.to_string())?,
        };
        let stays = plan.stays.to_string();
        Ok(Kept { trimmed: plan.segments, first: plan.to.0, record: record.map(|seq| seq.0), stays, ..Kept::default() })
    }
}

/// The same in a running gateway.
pub(super) struct Retention {
    keeping: Keeping,
    journal: Journal,
    follower: Option<Arc<Follower>>,
    keeper: Arc<Follower>,
    cases: Cases,
    notary: Arc<Notary>,
    nightly: Arc<Nightly>,
    clock: Arc<dyn Clock>,
}

impl Retention {
    /// Over the journal of a line.
    pub(super) fn of(
        settings: &Settings,
        line: &Line,
        (notary, nightly): (&Arc<Notary>, &Arc<Nightly>),
        (follower, keeper): (Option<Arc<Follower>>, &Arc<Follower>),
    ) -> Result<Arc<Retention>, StartError> {
        let key = Verifier::of(&notary.public()).map_err(|source| NotaryError::Key(source.into()))?;
        Ok(Arc::new(Retention {
            keeping: Keeping::new(&settings.gateway.data, key, &settings.retention),
            journal: line.journal.clone(),
            follower,
            keeper: Arc::clone(keeper),
            cases: Cases::at(&settings.gateway.data.join(reconcile::FOLDER)),
            notary: Arc::clone(notary),
            nightly: Arc::clone(nightly),
            clock: Arc::clone(&line.clock),
        }))
    }

    /// What somebody asked for. Not while the journal is being verified.
    pub(super) fn asked(&self, asked: &Keep) -> Result<Kept, Trouble> {
        let turn = self.nightly.turn();
        let Ok(_turn) = turn.try_lock() else {
            return Err(Trouble::NotNow(
                "the journal is being verified, archived or trimmed; ask again later".to_owned(),
            ));
        };
        let done = match asked.work {
            Work::Archive => self.keeping.archive(&self.journal, true),
            Work::Trim => self.trim(asked),
        };
        done.map_err(|what| Trouble::Refused { what, cure: "see what is named, then ask again" })
    }

    fn trim(&self, asked: &Keep) -> Result<Kept, String> {
        let sealed = Seq(self.notary.gauges().sealed_size.load(Ordering::Relaxed));
        let cases = self.cases.done_with().map_err(|error| error.to_string())?;
        let ledgers = Seq(self.keeper.gauges().position.load(Ordering::Relaxed));
        let mut readers = vec![("the notary", sealed), (CASES, cases), ("the ledgers", ledgers)];
        if let Some(follower) = &self.follower {
            readers.push(("the views", Seq(follower.gauges().position.load(Ordering::Relaxed))));
        }
        let done = self.keeping.trim(&self.journal, &readers, self.clock.unix_ns(), asked)?;
        if let Some(record) = done.record {
            tracing::warn!(
                record,
                segments = done.trimmed.len(),
                first = done.first,
                who = asked.who,
                "the journal was trimmed"
            );
        }
        Ok(done)
    }

    /// What is done after each clean verification, in the same turn.
    pub(super) fn nightly(self: &Arc<Self>) -> Arc<dyn Fn() + Send + Sync> {
        let keeps = Arc::clone(self);
        Arc::new(move || keeps.night())
    }

    fn night(&self) {
        let settings = &self.keeping.settings;
        // What a crash left of an earlier trim goes, whatever the settings say now.
        if let Err(error) = self.journal.finish_trim() {
            tracing::error!(%error, "what was trimmed could not be removed; it is tried again tomorrow");
        }
        if self.keeping.dir().is_some() {
            match self.keeping.archive(&self.journal, false) {
                Ok(done) => {
                    tracing::info!(archived = ?done.archived, before = done.archived_before, "segments were archived")
                }
                Err(why) => tracing::error!(why, "segments were not archived; it is tried again tomorrow"),
            }
        }
        if settings.keep_days > 0 {
            let reason = format!("older than {} days", settings.keep_days);
            match self.trim(&Keep { work: Work::Trim, reason, who: SELF.to_owned(), dry_run: false }) {
                Ok(done) => tracing::info!(trimmed = ?done.trimmed, stays = done.stays, "old segments were looked at"),
                Err(why) => tracing::error!(why, "the journal was not trimmed; it is tried again tomorrow"),
            }
        }
    }
}
