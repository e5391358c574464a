//! Arguments that say where settings come from, shared by the commands.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use crate::config::Told;
use crate::config::complaint::Complaint;

use super::exit::Exit;

/// The settings file. Environment variables MEDGATE__SECTION__KEY win over it, flags win over both.
#[derive(Args, Clone)]
pub(super) struct FileArg {
    /// Settings file; what it leaves out has its default (config/medgate.toml lists every key).
    #[arg(long, value_name = "FILE", env = "MEDGATE_CONFIG")]
    config: Option<PathBuf>,
}

/// Flags that set what a first run needs, so that no file is needed at all.
#[derive(Args)]
pub(super) struct SettingFlags {
    /// The platform: http://HOST:PORT[/base/path]. 医保平台地址
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Where the HIS calls. HIS 调用的地址
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Where /livez, /readyz, /metrics and /api are.
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// Folder of the journal and its keys: the one folder to back up. 数据目录，备份只需这一个目录
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// Which province's wire.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Who the gateway is towards the platform: an [identity.NAME] section, or "none". 网关自身身份
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// Form of log lines: text or json.
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
}

impl FileArg {
    /// What this run was told, flags given as (flag, key, value).
    pub(super) fn told(self, flags: Vec<(&'static str, &'static str, String)>) -> Told {
        Told { file: self.config, env: environment(), flags }
    }
}

impl SettingFlags {
    /// The flags that were given, as (flag, key, value).
    pub(super) fn list(self) -> Vec<(&'static str, &'static str, String)> {
        let all = [
            ("--upstream", "upstream.default.url", self.upstream),
            ("--listen", "inbound.listen", self.listen),
            ("--admin", "admin.listen", self.admin),
            ("--data", "gateway.data", self.data),
            ("--profile", "gateway.profile", self.profile),
            ("--identity", "upstream.default.identity", self.identity),
            ("--log-format", "log.format", self.log_format),
        ];
        all.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value?))).collect()
    }
}

/// Prints every complaint.
pub(super) fn complain(complaints: &[Complaint], out: &mut dyn Write) -> io::Result<Exit> {
    for complaint in complaints {
        writeln!(out, "{complaint}")?;
    }
    writeln!(out, "{} complaint(s); nothing was started. 配置有 {} 处需要修改", complaints.len(), complaints.len())?;
    Ok(Exit::Settings)
}

/// The environment, less the names and values that are not Unicode and so cannot be ours.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
