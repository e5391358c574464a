//! Signs a call: gives the exact bytes that will leave. For now `pass`: the HIS's own signature travels untouched.

use bytes::Bytes;

use crate::journal::draft::{Edit, Part};
use crate::outbound::rewrite_target;

use super::check::Checked;
use super::identify::Identified;
use super::refusal::Refusal;

/// A call whose leaving bytes are fixed.
pub struct Signed {
    /// The call.
    pub checked: Checked,
    /// Path and query as they leave, under the upstream's base path.
    pub target: Bytes,
    /// What turns the arrived bytes into the bytes sent.
    pub edits: Vec<Edit>,
}

/// Fixes the bytes that will leave.
///
/// # Errors
/// The call comes back when its signature cannot be made (no signer does so yet).
pub fn sign(checked: Checked) -> Result<Signed, (Box<Identified>, Refusal)> {
    let arrived = &checked.identified.arrival.request.target;
    let target = rewrite_target(arrived, &checked.identified.upstream.base_path);
    let edits = if target == *arrived {
        Vec::new()
    } else {
        vec![Edit { part: Part::Target, at: 0, remove: arrived.len() as u64, insert: target.clone() }]
    };
    Ok(Signed { checked, target, edits })
}
