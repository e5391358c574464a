//! Hands: one request goes out once, and what was heard comes back as a fact.
//!
//! Nothing here knows what a transaction means; nothing here retries what may have been sent.

pub mod heard; // Words: what goes out, and what was heard.

pub mod fields; // Which header lines cross a proxy, and where a target leads.
pub mod flow; // A body on its way: whole, or a stream with back-pressure.
pub mod head; // The raw head of a message: names in their original case.

mod connect; // To reach the platform: TCP options, TLS and the HTTP handshake.
mod pool; // Connections kept for reuse, and how many there may be.
mod reply; // Reads a reply: whole, streaming, or cut.
pub mod socket; // The bytes of one connection, plain or in TLS.
mod tap; // The socket wrapper: what left, what came.
pub mod tls; // Certificates, keys, and TLS towards a platform.
mod upstream; // One send over one connection.
mod wired; // One connection and the socket under it.

pub use fields::{forwardable, rewrite_target};
pub use flow::{Flow, FlowBroken};
pub use heard::{Counts, Heard, NeverSent, Outgoing, Platform, Replied, ReplyBody, ReplyHead, Silence, Unsent};
pub use upstream::{Settings, SettingsError, Upstream};
