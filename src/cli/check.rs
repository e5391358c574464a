//! `medgate check`: every complaint about the settings, at once.

use std::io::{self, Write};
use std::path::Path;

use crate::config::complaint::{Complaint, nearest};
use crate::config::{self, Loaded, Settings};
use crate::domain::terms::Mode;
use crate::keys::{self, Sources, Trouble};
use crate::outbound;
use crate::profile::{Profile, Texts};

use super::exit::Exit;
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
    let mut complaints = profile_complaints(&loaded.settings.gateway.profile);
    complaints.extend(identity_complaints(&loaded.settings));
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
        let Some(upstream) = settings.upstream.get(&route.upstream) else { continue };
        let (prefix, infno, name, url) = (&route.prefix, route.infno.join(" "), &route.upstream, &upstream.url);
        writeln!(out, "  route {:<8} {prefix} [{infno}] -> {name} {url}{}", at + 1, who_signs(upstream))?;
    }
    Ok(Exit::Done)
}

fn who_signs(upstream: &outbound::Settings) -> String {
    match (upstream.sign, upstream.identity.as_str()) {
        (Mode::Sign, identity) => format!(", signed as {identity}"),
        (Mode::Pass, "" | "none") => String::new(),
        (Mode::Pass, identity) => format!(", signed by the HIS, our own calls as {identity}"),
    }
}

fn profile_complaints(name: &str) -> Vec<Complaint> {
    let texts = Texts::embedded();
    let names = texts.names();
    if !names.contains(&name) {
        let meant =
            nearest(name, names.iter().copied()).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
        let cure = format!("{meant}there are: {}", names.join(", "));
        return vec![Complaint {
            place: "gateway.profile".to_owned(),
            what: format!("there is no profile `{name}`"),
            cure,
        }];
    }
    let Err(found) = Profile::load(name, &texts) else { return Vec::new() };
    let one = |it: crate::profile::Complaint| Complaint {
        place: format!("profiles/{}:{}", it.file, it.line),
        what: it.text,
        cure: if it.cure.is_empty() { "correct the profile, or name another one".to_owned() } else { it.cure },
    };
    found.into_iter().map(one).collect()
}

/// Every key file and secret is opened as `serve` would open it.
fn identity_complaints(settings: &Settings) -> Vec<Complaint> {
    let troubles = keys::load(&settings.identity, &Sources::of_process()).err().unwrap_or_default();
    let one = |(name, it): (String, Trouble)| Complaint {
        place: format!("identity.{name}"),
        what: format!("{} {}", it.file, it.what),
        cure: it.cure,
    };
    troubles.into_iter().map(one).collect()
}

/// The nearest folder that exists decides whether the data folder can be made or written.
fn data_complaint(data: &Path) -> Option<Complaint> {
    let existing = data.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let existing = existing.into_iter().find(|path| path.exists())?;
    let trouble = match std::fs::metadata(existing) {
        Ok(found) if !found.is_dir() => "is a file, not a folder".to_owned(),
        Ok(found) if found.permissions().readonly() => "cannot be written".to_owned(),
        Ok(_) => return None,
        Err(error) => error.to_string(),
    };
    Some(Complaint {
        place: "gateway.data".to_owned(),
        what: format!("{} {trouble}", existing.display()),
        cure: "name a folder that the gateway may write".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_is_not_there_is_one_complaint() {
        let complaints = profile_complaints("baselin");
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].cure.contains("did you mean `baseline`?"), "{complaints:?}");
        assert!(profile_complaints("baseline").is_empty());
    }

    #[test]
    fn a_data_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(data_complaint(&file.join("data")).unwrap().what.contains("is a file"));
        assert_eq!(data_complaint(&dir.path().join("new/data")), None);
        assert_eq!(data_complaint(Path::new("relative")), None);
    }
}
