//! Door: takes the HIS's connections, writes the only HTTP shape of an answer.

mod bounds; // How much may be under way, and in memory.
mod link; // What the service and the socket wrapper of one connection tell each other.
mod patience; // How slow a client may be.
pub mod tls; // TLS: certificates and the handshake.
mod wire; // The socket wrapper: slow clients, and whether an answer was handed over.

mod respond; // The only place that writes an answer's HTTP shape.
mod service; // One request: bounds, body, line, answer.

mod listener; // Accepts connections, ends them in order.

pub use bounds::Gauges;
pub use listener::Door;

use std::path::PathBuf;

use serde::Deserialize;

/// Settings of the door (`[inbound]`).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the HIS calls, `HOST:PORT`. Bound by the wiring.
    pub listen: String,
    /// PEM file of the certificate chain; empty: plain HTTP.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the authorities of client certificates; empty: none is demanded.
    pub client_ca: PathBuf,
    /// Open connections; the next one waits in the kernel's queue.
    pub connections_max: usize,
    /// Exchanges under way; the next one waits its turn.
    pub exchanges_max: usize,
    /// How many may wait; more are refused.
    pub exchanges_waiting_max: usize,
    /// Bodies held in memory, all connections together, bytes.
    pub memory_bytes_max: usize,
    /// One request body, bytes.
    pub body_bytes_max: u64,
    /// Of a body that nobody will read, read and thrown away so that the client hears the refusal, bytes.
    pub drain_bytes_max: u64,
    /// A request head must be complete this long after its first byte, a TLS handshake this long after the connection.
    pub head_seconds: u64,
    /// An idle keep-alive connection.
    pub idle_seconds: u64,
    /// Longest silence inside a request body or while the client reads.
    pub body_stall_seconds: u64,
    /// Slowest body, averaged.
    pub body_bytes_per_second_min: u64,
}

impl Settings {
    /// What TLS of this door is made of.
    pub fn tls(&self) -> tls::Files {
        tls::Files { certificate: self.certificate.clone(), key: self.key.clone(), client_ca: self.client_ca.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_file_has_exactly_these_keys() {
        let file: toml::Table = include_str!("../../config/medgate.toml").parse().unwrap();
        let settings: Settings = file["inbound"].clone().try_into().unwrap();
        assert_eq!(settings.head_seconds, 20);
    }
}
