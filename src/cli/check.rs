//! `medgate check`: every complaint about the settings, at once.

use std::io::{self, Write};
use std::path::Path;

use crate::config::complaint::Complaint;
use crate::config::{self, Settings, profiles, rules};
use crate::domain::clock::SystemClock;
use crate::domain::terms::Mode;
use crate::journal::KEYS;
use crate::journal::pool_key::PoolKey;
use crate::keys::{self, Sources, Trouble, master};
use crate::outbound;
use crate::profile::Profile;
use crate::rules::compile::Rules;

use super::exit::Exit;
use super::told::{FileArg, SettingFlags, complain};

/// Check the settings and print every complaint with its place and cure. 检查配置，一次列出全部问题
///
/// Reads the same file, variables and flags as `serve` and starts nothing.
///
/// Exit code 0: good; 78: complaints.
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
    let settings = &loaded.settings;
    let (profile, mut complaints) = match profiles::load(&settings.gateway) {
        Ok(profile) => (Some(profile), Vec::new()),
        Err(complaints) => (None, complaints),
    };
    let rules = profile.as_ref().map(|profile| rules::load(settings, profile, rules::today(&SystemClock::start())));
    complaints.extend(rules.as_ref().and_then(|rules| rules.as_ref().err()).into_iter().flatten().cloned());
    complaints.extend(identity_complaints(settings));
    complaints.extend(master_complaint(settings));
    complaints.extend(data_complaint(&settings.gateway.data));
    for remark in &loaded.remarks {
        writeln!(out, "remark: {remark}")?;
    }
    if settings.journal.master_key.is_empty() {
        let remark = Complaint {
            place: "journal.master_key".to_owned(),
            what: master::BESIDE_REMARK.to_owned(),
            cure: master::BESIDE_CURE.to_owned(),
        };
        writeln!(out, "remark: {remark}")?;
    }
    match (profile, rules) {
        (Some(profile), Some(Ok(rules))) if complaints.is_empty() => summary(settings, (&profile, &rules), out),
        _ => complain(&complaints, out),
    }
}

fn summary(settings: &Settings, (profile, rules): (&Profile, &Rules), out: &mut dyn Write) -> io::Result<Exit> {
    let (routes, remarks) = profiles::routes(settings, profile);
    for remark in remarks {
        writeln!(out, "remark: {remark}")?;
    }
    writeln!(out, "settings are good. 配置无误")?;
    writeln!(out, "  HIS calls      {}", settings.inbound.listen)?;
    writeln!(out, "  admin port     {}", settings.admin.listen)?;
    writeln!(out, "  journal in     {}", settings.gateway.data.display())?;
    writeln!(out, "  profile        {} ({})", profile.name, profile.title())?;
    let packs: Vec<String> = rules.packs.iter().map(|pack| format!("{} {}", pack.name, pack.version)).collect();
    writeln!(out, "  rules          {}", packs.join(", "))?;
    for (at, route) in routes.iter().enumerate() {
        let Some(upstream) = settings.upstream.get(&route.upstream) else { continue };
        let (prefix, numbers, name, url) = (&route.prefix, route.infno.join(" "), &route.upstream, &upstream.url);
        writeln!(out, "  route {:<8} {prefix} [{numbers}] -> {name} {url}{}", at + 1, who_signs(upstream))?;
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

/// The master key is read as `serve` would read it, and tried where there is something to open.
fn master_complaint(settings: &Settings) -> Option<Complaint> {
    let complaint = |what: String, cure: String| Some(Complaint { place: "journal.master_key".to_owned(), what, cure });
    let given = match master::read(&settings.journal.master_key, &Sources::of_process()) {
        Ok(given) => given,
        Err(it) => return complaint(format!("{} {}", it.file, it.what), it.cure),
    };
    let opened = PoolKey::read(&settings.gateway.data.join(KEYS), &given);
    opened
        .err()
        .and_then(|error| complaint(error.to_string(), "give the master key that belongs to this folder".to_owned()))
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
    fn a_data_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(data_complaint(&file.join("data")).unwrap().what.contains("is a file"));
        assert_eq!(data_complaint(&dir.path().join("new/data")), None);
        assert_eq!(data_complaint(Path::new("relative")), None);
    }
}
