//! TLS towards a platform: whom we trust, who we are, and what is proven before a byte of a request leaves.

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ProtocolVersion, RootCertStore};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::domain::clock::Clock;
use crate::outbound::Settings;

use super::files::{self, Trouble};
use super::kept::{Kept, Made, Renews};
use super::{ALPN, Hours, provider};

/// How long a platform that asked for our certificate may take to say what it thinks of it.
const VERDICT_WITHIN: Duration = Duration::from_millis(250);

/// TLS towards one platform.
pub struct PlatformTls {
    kept: Arc<Kept<ClientConfig>>,
    name: ServerName<'static>,
    shows_certificate: bool,
}

impl PlatformTls {
    /// Reads the files of `[upstream.*]`. `host` is the host of the URL.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn open(settings: &Settings, host: &str, clock: &Arc<dyn Clock>) -> Result<PlatformTls, Trouble> {
        let said = if settings.server_name.is_empty() { host } else { &settings.server_name };
        let name = ServerName::try_from(said.to_owned()).map_err(|_| {
            let what = "is no name that a certificate could have";
            Trouble::of("server_name", Path::new(said), what, "write a host name, or an address without a port")
        })?;
        let named = [&settings.ca, &settings.certificate, &settings.key];
        let paths = named.into_iter().filter(|path| !path.as_os_str().is_empty()).cloned().collect();
        let (settings, hours) = (settings.clone(), Arc::clone(clock));
        let shows_certificate = !settings.certificate.as_os_str().is_empty();
        let kept = Kept::open(paths, clock.unix_ns(), move |now| made(&settings, now, &hours))?;
        Ok(PlatformTls { kept: Arc::new(kept), name, shows_certificate })
    }

    /// For whoever looks after the files.
    pub fn renews(&self) -> Arc<dyn Renews> {
        Arc::clone(&self.kept) as Arc<dyn Renews>
    }

    /// Shakes hands. The caller holds the deadline.
    pub(in crate::outbound) async fn over(&self, stream: TcpStream) -> io::Result<Box<TlsStream<TcpStream>>> {
        let connector = TlsConnector::from(self.kept.config());
        let mut stream = Box::new(TlsStream::from(connector.connect(self.name.clone(), stream).await?));
        if self.shows_certificate && stream.get_ref().1.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            verdict(&mut stream).await?;
        }
        Ok(stream)
    }
}

/// In TLS 1.3 the client may speak before the platform has looked at its certificate. A request sent then would be
/// neither sent nor unsent when the certificate is refused, so what the platform says next is waited for: a ticket, which
/// TLS keeps to itself, or the refusal. One that says nothing is taken to agree.
async fn verdict(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    if tokio::time::timeout(VERDICT_WITHIN, stream.get_ref().0.peek(&mut [0])).await.is_err() {
        return Ok(());
    }
    let mut room = [0; 1];
    let said = poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_read(cx, &mut ReadBuf::new(&mut room)))).await;
    match said {
        Poll::Pending => Ok(()),
        Poll::Ready(Err(refused)) => Err(refused),
        Poll::Ready(Ok(())) => Err(io::Error::other("the platform ended the connection, or spoke before it was asked")),
    }
}

fn made(settings: &Settings, now_unix_ns: i64, clock: &Arc<dyn Clock>) -> Result<Made<ClientConfig>, Trouble> {
    let mut dated = Vec::new();
    let roots = if settings.ca.as_os_str().is_empty() {
        machine_roots()?
    } else {
        let (roots, until) = files::roots("ca", &settings.ca, now_unix_ns)?;
        dated.push(until);
        roots
    };
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(Hours(Arc::clone(clock))));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| unmade(&error))?;
    let builder = builder.with_root_certificates(roots);
    let mut config = match (settings.certificate.as_os_str().is_empty(), settings.key.as_os_str().is_empty()) {
        (true, true) => builder.with_no_client_auth(),
        (false, false) => {
            let (own, until) = files::identity(&settings.certificate, &settings.key, now_unix_ns)?;
            dated.push(until);
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)))
        }
        (alone, _) => return Err(half(alone)),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Made { config: Arc::new(config), dated })
}

/// What this machine trusts: the hospital decides, and no release of ours is needed when an authority comes or goes.
fn machine_roots() -> Result<Arc<RootCertStore>, Trouble> {
    let mut store = RootCertStore::empty();
    let (taken, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if taken == 0 {
        let cure = "name the authority of the platform's certificate with `ca`, or install ca-certificates";
        return Err(Trouble::of("ca", Path::new("system"), "this machine trusts no authority", cure));
    }
    Ok(Arc::new(store))
}

/// One of `certificate` and `key` is named alone.
pub fn half(key_alone: bool) -> Trouble {
    let (said, missing) = if key_alone { ("key", "certificate") } else { ("certificate", "key") };
    Trouble::of(missing, Path::new(""), format!("`{said}` is named without `{missing}`"), "name both, or none")
}

/// Our own choice of ciphers does not fit together.
pub fn unmade(error: &rustls::Error) -> Trouble {
    Trouble::of("certificate", Path::new(""), format!("TLS cannot be set up: {error}"), "report this: it is our fault")
}
