//! What stands between clients and platform: nothing, nginx in three forms, medgate in three. Each is a process of its own.

use std::error::Error;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::platform::Platform;

const NGINX_CONF: &str = include_str!("nginx.conf");
const CHECK_LUA: &str = include_str!("check.lua");
/// A peer that does not listen by then did not start.
const START_TRIES: u32 = 100;

/// The kinds, in the order of the table.
pub const KINDS: [Kind; 7] =
    [Kind::Direct, Kind::Nginx, Kind::Lua, Kind::LuaSync, Kind::Medgate, Kind::MedgateAes, Kind::MedgateCases];

/// What stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Direct,
    /// nginx as a plain reverse proxy.
    Nginx,
    /// nginx with Lua: decodes, checks nine fields, appends the body to a log.
    Lua,
    /// The same with fdatasync after each append.
    LuaSync,
    /// medgate.
    Medgate,
    /// medgate with AES-256-GCM, which processors help with, in place of SM4-GCM, which they do not.
    MedgateAes,
    /// medgate before a platform of which each tenth answer opens a case.
    MedgateCases,
}

impl Kind {
    /// Name in the table and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Nginx => "nginx",
            Kind::Lua => "nginx+lua",
            Kind::LuaSync => "nginx+lua+sync",
            Kind::Medgate => "medgate",
            Kind::MedgateAes => "medgate+aes",
            Kind::MedgateCases => "medgate+cases",
        }
    }
}

/// A running peer; ends when it is dropped.
pub struct Peer {
    /// What it is.
    pub kind: Kind,
    /// Where clients call.
    pub at: SocketAddr,
    process: Option<Child>,
}

impl Peer {
    /// Starts a peer in front of `platform`, with a folder of its own under `folder`.
    pub async fn start(kind: Kind, platform: &Platform, folder: &Path) -> Result<Peer, Box<dyn Error>> {
        let platform = if kind == Kind::MedgateCases { platform.hollow_at } else { platform.at };
        let folder = folder.join(kind.name());
        fs::create_dir_all(&folder)?;
        let peer = match kind {
            Kind::Direct => Peer { kind, at: platform, process: None },
            Kind::Nginx | Kind::Lua | Kind::LuaSync => nginx(kind, platform, &folder)?,
            Kind::Medgate | Kind::MedgateAes | Kind::MedgateCases => medgate(kind, platform, &folder)?,
        };
        for _ in 0..START_TRIES {
            if TcpStream::connect(peer.at).await.is_ok() {
                return Ok(peer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        Err(format!("{} does not listen at {}: {log}", kind.name(), peer.at).into())
    }
}

impl Peer {
    /// Processor time that the peer's processes have used, microseconds; none for no peer.
    pub fn cpu_us(&self) -> Option<u64> {
        let own = self.process.as_ref()?.id();
        let processes =
            fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        Some(
            processes
                .filter_map(used)
                .filter(|used| used.process == own || used.parent == own)
                .map(|used| used.us)
                .sum(),
        )
    }
}

struct Used {
    process: u32,
    parent: u32,
    us: u64,
}

/// What `/proc/PID/stat` says; times stand there in hundredths of a second.
fn used(process: u32) -> Option<Used> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Used { process, parent: u32::try_from(number(1)?).ok()?, us: (number(11)? + number(12)?) * 10_000 })
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // SIGTERM ends nginx with its workers and lets medgate close its journal.
            let _ = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
            let _ = process.wait();
        }
    }
}

fn nginx(kind: Kind, platform: SocketAddr, folder: &Path) -> Result<Peer, Box<dyn Error>> {
    let at = free_port()?;
    let log = folder.join("bodies.log");
    let lua =
        CHECK_LUA.replace("@LOG@", &log.to_string_lossy()).replace("@SYNC@", &(kind == Kind::LuaSync).to_string());
    let check = folder.join("check.lua");
    fs::write(&check, lua)?;
    let access = match kind {
        Kind::Nginx => String::new(),
        _ => format!("access_by_lua_file {};", check.display()),
    };
    // Workers must write the log: they keep the user of the bench.
    let user = if fs::metadata("/proc/self")?.uid() == 0 { "user root;" } else { "" };
    let conf = NGINX_CONF
        .replace("@USER@", user)
        .replace("@MODULES@", if kind == Kind::Nginx { "" } else { LUA_MODULES })
        .replace("@LISTEN@", &at.to_string())
        .replace("@PLATFORM@", &platform.to_string())
        .replace("@ACCESS@", &access);
    let conf_path = folder.join("nginx.conf");
    fs::write(&conf_path, conf)?;
    let arguments = ["-p".into(), folder.as_os_str().to_owned(), "-c".into(), conf_path.into_os_string()];
    let process = spawn(Command::new(program("nginx")?).args(arguments), folder)?;
    Ok(Peer { kind, at, process: Some(process) })
}

const LUA_MODULES: &str = "load_module /usr/lib/nginx/modules/ndk_http_module.so;\nload_module /usr/lib/nginx/modules/ngx_http_lua_module.so;";

fn medgate(kind: Kind, platform: SocketAddr, folder: &Path) -> Result<Peer, Box<dyn Error>> {
    let (at, admin) = (free_port()?, free_port()?);
    let mut command = Command::new(env!("CARGO_BIN_EXE_medgate"));
    command.arg("serve").args(["--upstream", &format!("http://{platform}"), "--listen", &at.to_string()]);
    command.args(["--admin", &admin.to_string(), "--data"]).arg(folder.join("data")).env("RUST_LOG", "warn");
    if kind == Kind::MedgateAes {
        command.env("MEDGATE__JOURNAL__CIPHER", "aes-256-gcm");
    }
    let process = spawn(&mut command, folder)?;
    Ok(Peer { kind, at, process: Some(process) })
}

fn spawn(command: &mut Command, folder: &Path) -> Result<Child, Box<dyn Error>> {
    let log = fs::File::create(folder.join("log"))?;
    Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?)
}

fn program(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    found.ok_or_else(|| {
        format!("{name} is missing: run scripts/packages nginx-light libnginx-mod-http-lua lua-cjson").into()
    })
}

fn free_port() -> Result<SocketAddr, Box<dyn Error>> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
