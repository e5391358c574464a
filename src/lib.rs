//! medgate (医保网关): a transparent gateway between a hospital's HIS and the medical-insurance platforms.
//!
//! The journal is the truth. Everything else either brings one exchange to it along a straight line, or reads from it.
//! ARCHITECTURE.md is the map; imports point down this list (`tests/tidy.rs` checks it).

pub mod domain; // Words: plain values, no I/O.

pub mod profile; // Judgement: how a province differs, as data.
pub mod rules; // Judgement: what a call must look like, as data.
pub mod signing; // Judgement: which bytes are signed, and how.
pub mod telemetry; // Names of log fields and metrics.

pub mod journal; // Hands: the truth on disk.
pub mod outbound; // Hands: one send, and what was heard.

pub mod evidence; // Reader: what proves the journal.
pub mod exchange; // The line: one request to its answer.
pub mod keys; // Key files and secrets on disk.
pub mod views; // Reader: what people search and count.

pub mod reconcile; // The finisher: cases, until both sides agree.

pub mod inbound; // Door: the HIS comes in.

pub mod operator; // What a person may do.

pub mod console; // Door: the admin port.
pub mod sandbox; // The stand-in platform.

pub mod app; // Wiring: builds every part, starts it, stops it in order.
pub mod cli; // Wiring: commands.
pub mod config; // Wiring: settings.
pub mod world; // Wiring: whole worlds from a seed.
