//! Who keeps the ledgers of a running gateway.

use std::io;
use std::sync::Arc;

use crate::config::Settings;
use crate::exchange::Line;
use crate::reconcile::ledger::{FOLDER, Folder};
use crate::views::Follower;

/// Starts following the journal. The ledgers are no view: they are kept whatever `views.follow` says, in the same measure.
pub(super) fn keeper(settings: &Settings, line: &Line) -> io::Result<Arc<Follower>> {
    let local_digits = line.policy.load().profile.local_digits();
    let folder = Folder { dir: settings.gateway.data.join(FOLDER), local_digits };
    let clock = Arc::clone(&line.clock);
    Follower::start(folder, line.journal.clone(), settings.views.clone(), clock).map(Arc::new)
}
