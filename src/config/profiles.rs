//! A site's own profile files, read from its folder; and the routes that settings and profile make together.

use std::path::Path;

use super::complaint::Complaint;
use super::folder;
use super::settings::{GatewaySettings, Settings};
use crate::exchange::settings::Route;
use crate::profile::{self, Profile, Texts};

/// The built-in profiles with the files of the folder in front: `NAME.toml`, and `.toml` and `.txt` in folders below.
/// An empty path means that there is no folder.
///
/// # Errors
/// A folder that cannot be read.
pub fn texts(folder: &Path) -> Result<Texts, Complaint> {
    if folder.as_os_str().is_empty() {
        return Ok(Texts::embedded());
    }
    let mut found = Vec::new();
    let read = folder::read(folder, ("", 1), &mut found);
    match read {
        Ok(()) => Ok(Texts::of_folder(&folder.display().to_string(), found)),
        Err(error) => Err(Complaint {
            place: "gateway.profiles".to_owned(),
            what: format!("{} cannot be read: {error}", folder.display()),
            cure: "name a folder that holds NAME.toml files, or leave it empty".to_owned(),
        }),
    }
}

/// The profile that the settings name.
///
/// # Errors
/// Every complaint about its files, with place and cure.
pub fn load(settings: &GatewaySettings) -> Result<Profile, Vec<Complaint>> {
    let texts = texts(&settings.profiles).map_err(|complaint| vec![complaint])?;
    load_from(&settings.profile, &texts)
}

/// A profile out of these texts.
///
/// # Errors
/// Every complaint about its files, with place and cure.
pub fn load_from(name: &str, texts: &Texts) -> Result<Profile, Vec<Complaint>> {
    Profile::load(name, texts).map_err(|found| found.into_iter().map(|one| at_its_place(one, texts)).collect())
}

/// A complaint about a profile, at the file as people find it.
pub fn at_its_place(complaint: profile::Complaint, texts: &Texts) -> Complaint {
    let profile::Complaint { file, line, text, cure } = complaint;
    Complaint {
        place: if line == 0 { texts.shown(&file) } else { format!("{}:{line}", texts.shown(&file)) },
        what: text,
        cure: if cure.is_empty() { "correct the file, or name another profile".to_owned() } else { cure },
    }
}

/// The routes in force, and what is worth a look: the site's own come first, but for a last one that takes every call;
/// between stand those of the profile whose host has a URL. What has none goes where the site's routes send it.
pub fn routes(settings: &Settings, profile: &Profile) -> (Vec<Route>, Vec<Complaint>) {
    let mut routes = settings.route.clone();
    let last = routes.pop_if(|route| route.prefix == "/" && route.infno.iter().any(|infno| infno == "*"));
    let mut remarks = Vec::new();
    for route in profile.routes() {
        let has_url = settings.upstream.get(&route.host).is_some_and(|upstream| !upstream.url.is_empty());
        if has_url {
            routes.push(Route { prefix: route.prefix, infno: route.infno, upstream: route.host });
        } else {
            remarks.push(Complaint {
                place: format!("profile {}, {}:{}", profile.name, route.place.0, route.place.1),
                what: format!(
                    "{} belong to a host of their own ({}), and [upstream.{}] has no url: they go where the routes of the settings send them",
                    route.infno.join(" "),
                    route.title,
                    route.host
                ),
                cure: format!("give [upstream.{}] its url, where the hospital was given one", route.host),
            });
        }
    }
    routes.extend(last);
    (routes, remarks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Told, look_at_all};

    #[test]
    fn a_sites_folder_stands_in_front_and_its_complaints_name_its_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("site")).unwrap();
        std::fs::write(folder.path().join("site.toml"), SITE).unwrap();
        std::fs::write(folder.path().join("site/dicts.txt"), "@gend\t性别\tP\n1\t男\n").unwrap();
        let texts = texts(folder.path()).unwrap();
        assert_eq!(texts.own_names(), ["site"]);
        assert!(texts.names().contains(&"baseline"));
        assert_eq!(load_from("site", &texts).unwrap().table_files(), ["national/codes.txt", "site/dicts.txt"]);

        std::fs::write(folder.path().join("site/dicts.txt"), "@gend\t性别\n1\n").unwrap();
        let complaints = load_from("site", &self::texts(folder.path()).unwrap()).unwrap_err();
        let said: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        for (line, what) in [(1, "table `gend` has no mark"), (2, "code `1` of gend has no meaning")] {
            let wanted = format!("{}/site/dicts.txt:{line}: {what}", folder.path().display());
            assert!(said.iter().any(|one| one.starts_with(&wanted)), "{wanted}\n{said:?}");
        }
        assert!(self::texts(&folder.path().join("nowhere")).unwrap_err().what.contains("cannot be read"));
    }

    const SITE: &str =
        "inherits = \"baseline\"\n[dictionaries]\ntables = [\"national/codes.txt\", \"site/dicts.txt\"]\n";

    #[test]
    fn a_profile_that_is_not_there_is_one_complaint() {
        let complaints = load_from("baselin", &Texts::embedded()).unwrap_err();
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].cure.contains("did you mean `baseline`?"), "{complaints:?}");
    }

    #[test]
    fn routes_of_the_profile_stand_between_the_sites_own_and_its_last() {
        let check = |flags: &[(&'static str, &str)], expected: &[&str], remarks: usize| {
            let flags = flags.iter().map(|(key, value)| ("--flag", *key, (*value).to_owned())).collect();
            let settings = look_at_all(&Told { flags, ..Told::default() }).unwrap();
            let profile = Profile::load("guangdong", &Texts::embedded()).unwrap();
            let (routes, remarked) = routes(&settings, &profile);
            let routes: Vec<String> =
                routes.iter().map(|route| format!("{} {}", route.infno.join(" "), route.upstream)).collect();
            assert_eq!(
                (routes.iter().map(String::as_str).collect::<Vec<_>>(), remarked.len()),
                (expected.to_vec(), remarks)
            );
        };
        let second = ("upstream.guangzhou_42.url", "http://b:1");
        check(&[], &["* default"], 1);
        check(&[second], &["42* guangzhou_42", "* default"], 0);
        let own = [second, ("route.0.infno", "4205"), ("route.1.infno", "*")];
        check(&own, &["4205 default", "42* guangzhou_42", "* default"], 0);
        check(&[second, ("route.0.infno", "4205")], &["4205 default", "42* guangzhou_42"], 0);
    }
}
