//! The platform behind HTTP: one call is one send over one connection, never a hidden retry.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::uri::InvalidUri;
use http::{HeaderValue, Method, Request, Uri};
use serde::Deserialize;

use crate::domain::clock::Clock;
use crate::domain::terms::Mode;

use super::connect::Dial;
use super::fields;
use super::flow::Flow;
use super::heard::{Counts, Heard, NeverSent, Outgoing, Platform, Unsent};
use super::pool::{Pool, PoolBounds};
use super::reply;
use super::tls::files::Trouble;
use super::tls::kept::Renews;
use super::tls::platform::PlatformTls;
use super::wired::Sent;

/// Settings of one upstream (`[upstream.*]`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `http://` or `https://HOST:PORT[/base/path]`.
    pub url: String,
    /// For https: PEM file of the authorities that may vouch for the platform; empty: those that the machine trusts.
    pub ca: PathBuf,
    /// For https: PEM file of our own certificate chain, for a platform that asks for one.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// For https: the name that the platform's certificate must have; empty: the host of the URL.
    pub server_name: String,
    /// To reach the platform, waiting for a free connection included; nothing was sent when this fails.
    pub connect_ms: u64,
    /// When the HIS is answered. Held by the line.
    pub answer_ms: u64,
    /// How long the line goes on listening for a late answer.
    pub listen_ms: u64,
    /// A pooled connection idle longer than this is not used again.
    pub idle_ms: u64,
    /// Connections to this upstream.
    pub connections_max: usize,
    /// Calls waiting for one.
    pub connections_waiting_max: usize,
    /// One reply body, bytes.
    pub reply_bytes_max: u64,
    /// Who signs. Held by the line.
    pub sign: Mode,
    /// Name of the identity that the gateway signs as; `none` or empty for none. Held by the line.
    pub identity: String,
    /// Name of the profile's variant of signing; empty for its own. Held by the line.
    pub signing: String,
}

impl Settings {
    /// True when both lead to the same connections: they differ in nothing but what the line holds.
    pub fn connects_like(&self, other: &Settings) -> bool {
        let connecting = |settings: &Settings| Settings {
            answer_ms: 0,
            listen_ms: 0,
            sign: Mode::Pass,
            identity: String::new(),
            signing: String::new(),
            ..settings.clone()
        };
        connecting(self) == connecting(other)
    }
}

/// What is wrong with an upstream's settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not a URL at all.
    #[error("`{url}` is no URL")]
    NotUrl {
        /// As written.
        url: String,
        /// Where it breaks.
        #[source]
        source: InvalidUri,
    },
    /// A URL of another kind.
    #[error("`{url}` is not of the form http://HOST:PORT[/base/path] or https://HOST:PORT[/base/path]")]
    NotHttp {
        /// As written.
        url: String,
    },
    /// No connection could ever be made.
    #[error("connections_max is 0")]
    NoConnections,
    /// A file of certificates does not hold.
    #[error("its TLS cannot be set up")]
    Tls(#[from] Trouble),
}

/// One platform address with its connections.
pub struct Upstream {
    host: HeaderValue,
    base_path: String,
    pool: Arc<Pool>,
    reply_bytes_max: u64,
    handed_back: AtomicU64,
    /// What another one counted that this one stands for now.
    before: Counts,
}

impl Upstream {
    /// Reads the settings; connects only when called.
    ///
    /// # Errors
    /// When the URL is not of that form, a bound is useless, or a file of certificates does not hold.
    pub fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Upstream, SettingsError> {
        let url = || settings.url.clone();
        let parsed = settings.url.parse::<Uri>().map_err(|source| SettingsError::NotUrl { url: url(), source })?;
        let not_http = || SettingsError::NotHttp { url: url() };
        let authority = parsed.authority().ok_or_else(not_http)?;
        let is_tls = match parsed.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(not_http()),
        };
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            Some(_) => authority.port_u16().ok_or_else(not_http)?,
            None => return Err(not_http()), // credentials stand before the host
        };
        if parsed.query().is_some() {
            return Err(not_http());
        }
        if settings.connections_max == 0 {
            return Err(SettingsError::NoConnections);
        }
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = if is_tls { Some(PlatformTls::open(settings, &name, &clock)?) } else { None };
        let dial = Dial::new(name, port, tls, clock);
        let bounds = PoolBounds {
            connect: Duration::from_millis(settings.connect_ms),
            idle: Duration::from_millis(settings.idle_ms),
            connections_max: settings.connections_max.min(tokio::sync::Semaphore::MAX_PERMITS),
            waiting_max: settings.connections_waiting_max,
        };
        Ok(Upstream {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| not_http())?,
            base_path: parsed.path().trim_end_matches('/').to_owned(),
            pool: Pool::new(dial, bounds),
            reply_bytes_max: settings.reply_bytes_max,
            handed_back: AtomicU64::new(0),
            before: Counts::default(),
        })
    }

    /// Goes on counting where another one stopped.
    pub fn counting_on(self, before: Counts) -> Upstream {
        Upstream { before, ..self }
    }

    /// What every target goes under; empty for none. For `rewrite_target`.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// What TLS to this upstream is made of; `None` without TLS.
    pub fn certificates(&self) -> Option<Arc<dyn Renews>> {
        self.pool.certificates()
    }

    fn request(&self, out: Outgoing) -> Result<Request<Flow>, http::Error> {
        let mut request = Request::new(out.body);
        *request.method_mut() = Method::from_bytes(out.method.as_bytes())?;
        *request.uri_mut() = fields::uri(out.target)?;
        *request.headers_mut() = fields::request_fields(&out.headers, &self.host, request.body().len())?;
        *request.extensions_mut() = out.carried;
        Ok(request)
    }

    async fn send(&self, out: Outgoing) -> Result<Heard, Unsent> {
        let request = self.request(out).map_err(Unsent::Unwritable)?;
        let mut lease = self.pool.lease().await?;
        let mut sent = lease.send(request).await;
        if let Sent::HandedBack(request, _) = sent {
            self.handed_back.fetch_add(1, Ordering::Relaxed);
            lease.redial().await?;
            sent = lease.send(request).await;
        }
        match sent {
            Sent::Head(response) => Ok(reply::hear(lease, response, self.reply_bytes_max).await),
            Sent::HandedBack(_, error) => Err(Unsent::NothingTaken(error)),
            // Neither kernel nor TLS took a byte of it: as sure as a refused connection.
            Sent::Lost(error) if lease.seen().written() == 0 => Err(Unsent::NothingTaken(error)),
            Sent::Lost(_) => Ok(Heard::Silence(Box::new(reply::silence(&lease)))),
        }
    }
}

impl Platform for Upstream {
    fn call<'a>(&'a self, out: Outgoing) -> Pin<Box<dyn Future<Output = Heard> + Send + 'a>> {
        Box::pin(async move { self.send(out).await.unwrap_or_else(|why| Heard::NeverSent(NeverSent { why })) })
    }

    fn counts(&self) -> Counts {
        Counts {
            dialled: self.before.dialled + self.pool.dialled(),
            reused: self.before.reused + self.pool.reused(),
            handed_back: self.before.handed_back + self.handed_back.load(Ordering::Relaxed),
            in_use: self.pool.in_use(),
            waiting: self.pool.waiting(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::HandClock;

    fn settings(url: &str) -> Settings {
        Settings {
            url: url.to_owned(),
            ca: PathBuf::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            server_name: String::new(),
            connect_ms: 1000,
            answer_ms: 1000,
            listen_ms: 1000,
            idle_ms: 3000,
            connections_max: 4,
            connections_waiting_max: 4,
            reply_bytes_max: 1 << 20,
            sign: Mode::Pass,
            identity: String::new(),
            signing: String::new(),
        }
    }

    #[test]
    fn the_settings_file_has_exactly_these_keys() {
        let file: toml::Table = include_str!("../../config/medgate.toml").parse().unwrap();
        let settings: Settings = file["upstream"]["default"].clone().try_into().unwrap();
        assert_eq!(settings.idle_ms, 3000);
    }

    #[test]
    fn only_http_addresses_are_taken() {
        let check = |url: &str| Upstream::new(&settings(url), Arc::new(HandClock::at(0))).map(|up| up.base_path);
        assert_eq!(check("http://10.1.2.3:8080/ebus/poc/").unwrap(), "/ebus/poc");
        assert_eq!(check("http://platform").unwrap(), "");
        assert_eq!(check("http://[::1]:80").unwrap(), "");
        for bad in [
            "",
            "/only/path",
            "https://h?x=1",
            "http://h?x=1",
            "http://u:p@h",
            "http://u@h",
            "http://u@h:1",
            "http://h:99999",
            "ftp://h",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
