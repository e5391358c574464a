//! Certificates that the openssl program makes for one test, and a client that speaks TLS by hand.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use medgate::config::Settings;
use medgate::domain::clock::{Clock, SystemClock};
use medgate::outbound::tls::files::{identity, roots};
use medgate::outbound::tls::provider;
use rustls::pki_types::ServerName;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ServerConfig};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::doors_rig::Talk;

/// A connection in TLS that is read and written by hand.
pub type TlsTalk = Talk<TlsStream<TcpStream>>;

/// A folder of certificates with an authority in it, `ca.pem`.
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// An authority of its own.
    pub fn new() -> Certificates {
        let certificates = Certificates { dir: tempfile::tempdir().unwrap() };
        let authority = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
        // Two authorities of one name would be told apart by their keys only.
        let name = format!("authority {}", certificates.dir.path().file_name().unwrap().display());
        certificates.make("ca", &name, &["-addext", authority[0], "-addext", authority[1]]);
        certificates
    }

    /// Where a file of the folder stands.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// `NAME.pem` and `NAME.key` for a machine or a client of this common name, valid for `days`.
    pub fn issue(&self, name: &str, common_name: &str, alternatives: &str, days: u32) {
        let (ca, key) = (self.path("ca.pem"), self.path("ca.key"));
        let mut more = vec!["-CA", ca.to_str().unwrap(), "-CAkey", key.to_str().unwrap()];
        let (days, alternatives) = (days.to_string(), format!("subjectAltName={alternatives}"));
        more.extend(["-days", &days, "-addext", "basicConstraints=critical,CA:FALSE", "-addext", &alternatives]);
        self.make(name, common_name, &more);
    }

    /// `NAME.pem` for this machine.
    pub fn issue_here(&self, name: &str) {
        self.issue(name, "localhost", "DNS:localhost,IP:127.0.0.1", 365);
    }

    fn make(&self, name: &str, common_name: &str, more: &[&str]) {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"]);
        openssl.args(["-config", "/dev/null", "-subj", &format!("/CN={common_name}")]).args(more);
        openssl.arg("-keyout").arg(self.path(&format!("{name}.key")));
        openssl.arg("-out").arg(self.path(&format!("{name}.pem")));
        let made = openssl.output().expect("the openssl program; scripts/test installs it");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// `to.pem` and `to.key` become what `from.pem` and `from.key` are, as a renewal would do it: each file at once.
    pub fn replace(&self, to: &str, from: &str) {
        for ending in ["pem", "key"] {
            let fresh = self.path(&format!("{to}.{ending}.new"));
            std::fs::copy(self.path(&format!("{from}.{ending}")), &fresh).unwrap();
            std::fs::rename(fresh, self.path(&format!("{to}.{ending}"))).unwrap();
        }
    }

    /// Settings of a door with the certificate `NAME.pem`, and one that demands certificates of this authority if asked to.
    pub fn door(&self, settings: &mut Settings, name: &str, demands: bool) {
        settings.inbound.certificate = self.path(&format!("{name}.pem"));
        settings.inbound.key = self.path(&format!("{name}.key"));
        if demands {
            settings.inbound.client_ca = self.path("ca.pem");
        }
    }

    /// What a client of this authority is made of; it shows `NAME.pem` if told to.
    pub fn client(&self, shows: Option<&str>) -> Arc<ClientConfig> {
        let (trusted, _) = roots("ca", &self.path("ca.pem"), now()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(trusted);
        Arc::new(match shows {
            None => builder.with_no_client_auth(),
            Some(name) => builder.with_client_cert_resolver(Arc::new(self.own(name))),
        })
    }

    /// What a server of this authority is made of; it demands certificates of the authority if asked to.
    pub fn server(&self, name: &str, demands: bool) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let builder = if demands {
            let (trusted, _) = roots("ca", &self.path("ca.pem"), now()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(trusted, provider()).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        builder.with_cert_resolver(Arc::new(self.own(name)))
    }

    fn own(&self, name: &str) -> SingleCertAndKey {
        let (own, _) = identity(&self.path(&format!("{name}.pem")), &self.path(&format!("{name}.key")), now()).unwrap();
        SingleCertAndKey::from(own)
    }
}

fn now() -> i64 {
    SystemClock::start().unix_ns()
}

/// Connects and shakes hands as `localhost`'s client. In TLS 1.3 a refused certificate shows only at the first read.
pub async fn connect(addr: SocketAddr, client: &Arc<ClientConfig>) -> std::io::Result<TlsTalk> {
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::clone(client)).connect(name, stream).await?;
    Ok(Talk::over(TlsStream::from(stream)))
}

/// The certificate file's first certificate, as the peer shows it.
pub fn shown(talk: &TlsTalk) -> Vec<u8> {
    talk.stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// The DER form of a PEM file's first certificate.
pub fn der(file: &Path) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_file(file).unwrap().to_vec()
}

/// A platform written by hand that speaks TLS: does with each connection whatever it likes, and tells how many shook hands.
pub async fn platform<F: Future<Output = ()> + Send + 'static>(
    config: ServerConfig,
    does: impl Fn(TlsTalk) -> F + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(does(Talk::over(TlsStream::from(stream))));
            }
        }
    });
    addr
}
