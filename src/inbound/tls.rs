//! TLS of a door: the gateway's certificate, the callers' certificates, and the handshake.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream};

use crate::domain::clock::Clock;
use crate::outbound::socket::Socket;
use crate::outbound::tls::certificate::Certificate;
use crate::outbound::tls::files::{self, Trouble};
use crate::outbound::tls::kept::{Kept, Made, Renews};
use crate::outbound::tls::platform::{half, unmade};
use crate::outbound::tls::{ALPN, Hours, provider};

/// The files that TLS of a door is made of, as its section of the settings names them; all empty: plain HTTP.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Our own chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of those who call; empty: no certificate is demanded.
    pub client_ca: PathBuf,
}

/// TLS of a door.
pub struct DoorTls(Arc<Kept<ServerConfig>>);

impl DoorTls {
    /// Reads the files; `None` when no certificate is named, and the door speaks plain HTTP.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn open(settings: &Files, clock: &Arc<dyn Clock>) -> Result<Option<DoorTls>, Trouble> {
        let named = [&settings.certificate, &settings.key, &settings.client_ca];
        let files: Vec<_> = named.into_iter().filter(|path| !path.as_os_str().is_empty()).cloned().collect();
        if files.is_empty() {
            return Ok(None);
        }
        let (settings, hours) = (settings.clone(), Arc::clone(clock));
        let kept = Kept::open(files, clock.unix_ns(), move |now| made(&settings, now, &hours))?;
        Ok(Some(DoorTls(Arc::new(kept))))
    }

    /// For whoever looks after the files.
    pub fn renews(&self) -> Arc<dyn Renews> {
        Arc::clone(&self.0) as Arc<dyn Renews>
    }

    /// Shakes hands by what is in use now; gives the client's certificate when one was demanded. The caller holds the
    /// deadline.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<(Socket, Option<Arc<Certificate>>)> {
        let stream = TlsAcceptor::from(self.0.config()).accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.and_then(|own| Certificate::read(own)).map(Arc::new);
        Ok((Socket::Tls(Box::new(TlsStream::from(stream))), certificate))
    }
}

fn made(settings: &Files, now_unix_ns: i64, clock: &Arc<dyn Clock>) -> Result<Made<ServerConfig>, Trouble> {
    match (settings.certificate.as_os_str().is_empty(), settings.key.as_os_str().is_empty()) {
        (false, false) => {}
        (true, true) => {
            let what = "clients are to show certificates, and the gateway has none itself";
            return Err(Trouble::of("client_ca", &settings.client_ca, what, "name `certificate` and `key`, too"));
        }
        (alone, _) => return Err(half(alone)),
    }
    let (own, until) = files::identity(&settings.certificate, &settings.key, now_unix_ns)?;
    let mut dated = vec![until];
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(Hours(Arc::clone(clock))));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| unmade(&error))?;
    let demands = !settings.client_ca.as_os_str().is_empty();
    let builder = if demands {
        let (roots, until) = files::roots("client_ca", &settings.client_ca, now_unix_ns)?;
        dated.push(until);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
        let verifier = verifier.map_err(|error| unusable(&settings.client_ca, &error.to_string()))?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![ALPN.to_vec(), b"http/1.0".to_vec()];
    if demands {
        // A session taken up again shows no certificate: one that has ended, or whose authority went, would live on.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Made { config: Arc::new(config), dated })
}

fn unusable(file: &Path, why: &str) -> Trouble {
    Trouble::of(
        "client_ca",
        file,
        format!("cannot be used: {why}"),
        "name a PEM file of the authorities of your clients",
    )
}
