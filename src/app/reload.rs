//! Reads settings, keys and profile anew while calls run: everything is tried first, journaled, then put in force at once.
//!
//! An exchange keeps the judgement that it began with, and its records name that judgement's profile.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as Slot, PoisonError};
use std::time::Duration;

use sm3::{Digest, Sm3};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;

use crate::config::reload::{Change, Renewed};
use crate::config::{self, Loaded, Told};
use crate::console::insight::Check;
use crate::domain::causes::with_causes;
use crate::exchange::Line;
use crate::keys::Identities;
use crate::profile::Profile;
use crate::rules::compile::Rules;

use super::acts;
use super::build::{self, Built, Platforms};
use super::certificates::Certificates;

/// How often it is looked whether a new day has begun.
const DAY_LOOK: Duration = Duration::from_secs(20);

/// Whoever reads anew.
pub(super) struct Reload {
    line: Arc<Line>,
    certificates: Arc<Certificates>,
    /// Where the settings come from; `None` where they were made by hand, which leaves keys and profile.
    told: Option<Arc<Told>>,
    in_force: Mutex<InForce>,
    asked: Notify,
    /// Why the last time was in vain; empty when it was not.
    refused: Slot<String>,
}

/// What is in force beside the line's policy.
struct InForce {
    loaded: Arc<Loaded>,
    identities: Identities,
    platforms: Platforms,
}

/// What was read and holds.
struct Next {
    renewed: Renewed,
    built: Built,
}

impl Reload {
    /// For what a start put in force.
    pub(super) fn new(
        line: Arc<Line>,
        certificates: Arc<Certificates>,
        (loaded, told): (Loaded, Option<Told>),
        (identities, platforms): (Identities, Platforms),
    ) -> Reload {
        let in_force = Mutex::new(InForce { loaded: Arc::new(loaded), identities, platforms });
        let (told, refused) = (told.map(Arc::new), Slot::default());
        Reload { line, certificates, told, in_force, asked: Notify::new(), refused }
    }

    /// Reads everything anew, soon.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Does so whenever asked, one at a time, until `stop`.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.asked.notified() => self.reload(acts::SIGNAL).await,
                () = tokio::time::sleep(DAY_LOOK) => self.reload_on_a_new_day().await,
            }
        }
    }

    /// Rules begin and end with days.
    async fn reload_on_a_new_day(&self) {
        let today = config::rules::today(self.line.clock.as_ref());
        if self.line.policy.load().rules.rules.day < today {
            self.reload(acts::DAY).await;
        }
    }

    /// What `readyz` says of it.
    pub(super) fn check(&self) -> Check {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let detail = match refused.as_str() {
            "" => "as they were last read".to_owned(),
            why => format!("what was last read is not in force: {why}"),
        };
        Check { name: "settings", ok: true, warns: !refused.is_empty(), detail }
    }

    async fn reload(&self, who: &str) {
        let (result, refused) = match self.renew(who).await {
            Ok(true) => ("taken", String::new()),
            Ok(false) => {
                tracing::info!("settings, keys and profile were read anew and are the same");
                ("same", String::new())
            }
            Err(complaints) => {
                for why in &complaints {
                    tracing::error!(why, "what was read anew does not hold; what was before stays in force");
                }
                ("refused", complaints.first().cloned().unwrap_or_default())
            }
        };
        self.line.metrics.reloaded(result);
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        // Files of certificates are judged by themselves.
        self.certificates.ask();
    }

    /// True when something else is in force now.
    async fn renew(&self, who: &str) -> Result<bool, Vec<String>> {
        let mut in_force = self.in_force.lock().await;
        let mut next = self.read(&in_force).await?;
        for waiting in &next.renewed.waiting {
            tracing::warn!(setting = waiting.key, change = %waiting, "needs a restart; until then it stays as it was");
        }
        let before = self.line.policy.load_full();
        let rekeyed = rekeyed(&in_force.identities, &next.built.identities);
        let same_profile = before.profile.resolved_text() == next.built.policy.profile.resolved_text();
        let (rules, rules_next) = (&before.rules.rules, &next.built.policy.rules.rules);
        let same_rules = rules.digest == rules_next.digest;
        if next.renewed.changes.is_empty() && rekeyed.is_empty() && same_profile && same_rules {
            return Ok(false);
        }
        let journal = &self.line.journal;
        let clock = self.line.clock.as_ref();
        let unkept = |error| vec![format!("the change cannot be journaled: {error}")];
        next.built.policy.profile_seq = match same_profile && same_rules {
            true => before.profile_seq,
            false => build::keep_snapshot(journal, &next.built.policy, clock).await.map_err(unkept)?,
        };
        let mut lines = Vec::new();
        if !same_profile {
            lines.push(format!("profile: {} -> {}", named(&before.profile), named(&next.built.policy.profile)));
        }
        if !same_rules {
            lines.push(format!("rules: {} -> {}", listed(&before.rules.rules), listed(&next.built.policy.rules.rules)));
        }
        lines.extend(rekeyed.iter().map(|name| format!("identity.{name}: other keys -> in its files")));
        lines.extend(next.renewed.changes.iter().map(Change::to_string));
        let act = acts::draft(who, "settings and profile read anew", "reload", &lines, clock.unix_ns());
        journal.append(act).await.map_err(unkept)?;
        self.put_in_force(&mut in_force, next);
        tracing::info!(who, changes = lines.join("; "), "settings and profile were read anew and are in force");
        Ok(true)
    }

    async fn read(&self, in_force: &InForce) -> Result<Next, Vec<String>> {
        let (loaded, told, before) = (Arc::clone(&in_force.loaded), self.told.clone(), in_force.platforms.clone());
        let (clock, metrics) = (Arc::clone(&self.line.clock), Arc::clone(&self.line.metrics));
        let reading = tokio::task::spawn_blocking(move || {
            let renewed = match told {
                Some(told) => loaded
                    .renewed(&told)
                    .map_err(|complaints| complaints.iter().map(ToString::to_string).collect::<Vec<_>>())?,
                None => Renewed {
                    loaded: Loaded::by_hand(loaded.settings.clone()),
                    changes: Vec::new(),
                    waiting: Vec::new(),
                },
            };
            let settings = &renewed.loaded.settings;
            let profile = build::load_profile(settings);
            let built = profile.and_then(|profile| Built::of(settings, profile, &before, &clock, &metrics));
            let built = built.map_err(|error| vec![with_causes(&error)])?;
            Ok(Next { renewed, built })
        });
        reading.await.unwrap_or_else(|_| Err(vec!["reading it panicked".to_owned()]))
    }

    fn put_in_force(&self, in_force: &mut InForce, next: Next) {
        let Next { renewed, built } = next;
        self.certificates.replace(built.sets());
        self.line.metrics.plays(&built.policy.profile.name);
        *in_force =
            InForce { loaded: Arc::new(renewed.loaded), identities: built.identities, platforms: built.platforms };
        self.line.policy.store(Arc::new(built.policy));
    }
}

/// Identities that stay, with other keys or secrets in their files.
fn rekeyed(before: &Identities, after: &Identities) -> BTreeSet<String> {
    let is_other = |name: &&String| before.get(*name).is_some_and(|was| !was.is_same(&after[*name]));
    after.keys().filter(is_other).cloned().collect()
}

/// Packs with their versions, and the digest of all that is in force.
fn listed(rules: &Rules) -> String {
    let packs: Vec<String> = rules.packs.iter().map(|pack| format!("{} {}", pack.name, pack.version)).collect();
    format!("{} SM3 {}", packs.join(", "), rules.digest)
}

/// A profile as the journal names it: its name, and the digest of the text that its Snapshot holds.
fn named(profile: &Profile) -> String {
    format!("{} SM3 {}", profile.name, hex::encode(Sm3::digest(profile.resolved_text())))
}
