//! `medgate check`: every complaint about the settings, at once.

use std::io::{self, Write};
use std::path::Path;

use crate::config::{self, Loaded};

use super::exit::Exit;
use super::seam;
use super::told::{FileArg, SettingFlags, complain};

/// Check the settings and print every complaint with its place and cure. 检查配置，一次列出全部问题
///
/// Reads the same file, variables and flags as `serve` and starts nothing. Exit code 0: good; 78: complaints.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate check --config /etc/medgate.toml\n  \
    MEDGATE__INBOUND__LISTEN=0.0.0.0:8080 medgate check --upstream http://10.0.0.5:8080")]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    flags: SettingFlags,
}

pub(super) fn run(args: Args, out: &mut dyn Write) -> io::Result<Exit> {
    let loaded = match config::load(&args.file.told(args.flags.list())) {
        Ok(loaded) => loaded,
        Err(complaints) => return complain(&complaints, out),
    };
    let mut complaints = seam::profile_complaints(&loaded.settings);
    complaints.extend(data_complaint(&loaded.settings.gateway.data));
    for remark in &loaded.remarks {
        writeln!(out, "remark: {remark}")?;
    }
    if complaints.is_empty() { summary(&loaded, out) } else { complain(&complaints, out) }
}

fn summary(loaded: &Loaded, out: &mut dyn Write) -> io::Result<Exit> {
    let settings = &loaded.settings;
    writeln!(out, "settings are good. 配置无误")?;
    writeln!(out, "  HIS calls      {}", settings.inbound.listen)?;
    writeln!(out, "  admin port     {}", settings.admin.listen)?;
    writeln!(out, "  journal in     {}", settings.gateway.data.display())?;
    writeln!(out, "  profile        {}", settings.gateway.profile)?;
    for (at, route) in settings.route.iter().enumerate() {
        let url = settings.upstream.get(&route.upstream).map_or("", |upstream| upstream.url.as_str());
        writeln!(
            out,
            "  route {:<8} {} [{}] -> {} {url}",
            at + 1,
            route.prefix,
            route.infno.join(" "),
            route.upstream
        )?;
    }
    Ok(Exit::Done)
}

/// The nearest folder that exists decides whether the data folder can be made or written.
fn data_complaint(data: &Path) -> Option<config::complaint::Complaint> {
    let existing = data.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let existing = existing.into_iter().find(|path| path.exists())?;
    let trouble = match std::fs::metadata(existing) {
        Ok(found) if !found.is_dir() => "is a file, not a folder".to_owned(),
        Ok(found) if found.permissions().readonly() => "cannot be written".to_owned(),
        Ok(_) => return None,
        Err(error) => error.to_string(),
    };
    Some(config::complaint::Complaint {
        place: "gateway.data".to_owned(),
        what: format!("{} {trouble}", existing.display()),
        cure: "name a folder that the gateway may write".to_owned(),
    })
}
