//! The stand-in platform: a ledger that really settles, faults on order, and simulated HIS callers to try a gateway with.
//!
//! A separate program. It shares no judgement with the gateway, so that it cannot share the gateway's mistakes.

pub mod disk; // A disk in memory that breaks as real ones do.

pub mod draw; // Chance from a seed.
pub mod institutions; // Hospitals and pharmacies that do not exist.
pub mod moment; // Platform time (UTC+8) as text.
pub mod people; // Persons who do not exist.
pub mod yuan; // Amounts in the stand-in's own JSON: text with two decimals.

pub mod call; // What a request asks for.
pub mod guard; // Whose signature is believed, and what answers bear.
pub mod province; // The province that is played.
pub mod record; // What is known of a thing by its names on the wire; the answer by the specification's tables.
pub mod shape; // How a province writes its answer.
pub mod spec; // The specification's nodes and fields.
mod tokens; // Tokens handed out, and believed.
pub mod tree; // An answer's content: ordered, with exact amounts.

mod multipart; // A form with an envelope and a file.

pub mod faults; // What goes wrong, by script.
pub mod ledger; // What was really done.
pub mod register; // What arrived, and what became of it.
pub mod temper; // What goes wrong by chance, and what provinces leave open, from a seed.

pub mod direct; // The same without a connection.
pub mod platform; // One request in, one act out.

mod saved; // The books in a file.
mod settings; // How it behaves.

mod control; // /_sandbox: script, ledger, counts.
mod door; // The listener; who may be served.
mod echo; // /_echo: bytes back as they came, or made to measure.
mod page; // GET /: what it holds, for people.
mod wire; // HTTP/1.1 by hand, because a fault needs the bare socket.

pub use door::{Sandbox, StartError};
pub use echo::Made;

pub mod callers; // Simulated HIS clients with their own books.
pub mod day; // A day at two hospitals, and whether the books explain each other.
