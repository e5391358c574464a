//! Simulated HIS clients: each with its dialect, its patience, its own books, and the habits of real ones.

pub mod books; // What an institution believes.
mod desk_calls; // Calls, and calling again.
pub mod dialect; // URLs, headers, bodies, habits.
mod filing; // 慢特病备案.
mod heard; // What is made of an answer.
mod inpatient; // 住院.
mod outpatient; // 门诊.
mod pharmacy; // 药店.
pub mod post; // HTTP/1.1 by hand, as patient as told.
mod settling; // Bills: settled, taken back.

pub use desk_calls::{Caller, Tally, inquiry};
