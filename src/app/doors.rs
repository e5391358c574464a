//! The ports that the settings name, and TLS of the doors behind them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::domain::clock::Clock;
use crate::exchange::{Callbacks, Line};
use crate::inbound::Door;
use crate::inbound::tls::{DoorTls, Files};

use super::StartError;

/// TLS of the doors that have it.
pub(super) struct DoorsTls {
    pub(super) inbound: Option<DoorTls>,
    pub(super) callback: Option<DoorTls>,
}

impl DoorsTls {
    pub(super) fn open(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<DoorsTls, StartError> {
        let of = |door, files: &Files| DoorTls::open(files, clock).map_err(|source| StartError::Tls { door, source });
        let inbound = of("inbound", &settings.inbound.tls())?;
        // A door that stays closed needs no files.
        let callback = match settings.callback.listen.as_str() {
            "" => None,
            _ => of("callback", &settings.callback.tls())?,
        };
        Ok(DoorsTls { inbound, callback })
    }

    /// By their sections of the settings.
    pub(super) fn named(&self) -> [(&'static str, Option<&DoorTls>); 2] {
        [("inbound", self.inbound.as_ref()), ("callback", self.callback.as_ref())]
    }
}

/// The door of the platform's own calls, within the bounds of the HIS's door.
pub(super) fn platform_door(
    listener: TcpListener,
    line: &Arc<Line>,
    settings: &Settings,
    tls: Option<DoorTls>,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let line = Arc::new(Callbacks(Arc::clone(line)));
    tokio::spawn(Door::new(line, settings.inbound.clone(), tls, stop.clone()).serve(listener))
}

/// The ports that the settings name.
pub(super) struct Ports {
    pub(super) his: TcpListener,
    pub(super) platforms: Option<TcpListener>,
    pub(super) admin: TcpListener,
}

impl Ports {
    pub(super) async fn bind(settings: &Settings) -> Result<Ports, StartError> {
        let his = bind("inbound.listen", &settings.inbound.listen).await?;
        let platforms = match settings.callback.listen.as_str() {
            "" => None,
            listen => Some(bind("callback.listen", listen).await?),
        };
        Ok(Ports { his, platforms, admin: bind("admin.listen", &settings.admin.listen).await? })
    }

    /// Where the HIS, the operators and the platforms call.
    pub(super) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr, Option<SocketAddr>)> {
        let callback = self.platforms.as_ref().map(TcpListener::local_addr).transpose()?;
        Ok((self.his.local_addr()?, self.admin.local_addr()?, callback))
    }
}

async fn bind(setting: &'static str, address: &str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| StartError::Bind { setting, address: address.to_owned(), source })
}
