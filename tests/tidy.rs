//! The house rules that a machine can check. Every check is a pure function over one source and is proven on a bad sample.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Folder (or file) under `src/`, its layer, and what it may not know although it stands higher.
/// A folder may know lower layers only: never its own layer's neighbours, never a higher one.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("domain", 0, &[]),
    ("profile", 1, &[]),
    ("rules", 1, &[]),
    ("signing", 1, &[]),
    ("telemetry", 1, &[]),
    ("journal", 2, &["profile", "rules", "signing"]),
    ("outbound", 2, &["profile", "rules", "signing"]),
    ("evidence", 3, &["profile"]),
    ("exchange", 3, &[]),
    ("keys", 3, &["profile", "outbound"]),
    ("views", 3, &[]),
    ("reconcile", 4, &[]),
    ("fanout", 4, &[]),
    ("inbound", 4, &[]),
    ("schedule", 5, &["inbound"]),
    ("operator", 6, &["inbound"]),
    ("console", 7, &["inbound"]),
    ("sandbox", 7, &["exchange", "rules", "inbound", "profile::key"]), // It must not share the judge's mistakes.
    ("config", 8, &[]),
    ("app", 9, &[]),
    ("world", 10, &[]),
    ("cli", 10, &[]),
    ("bin", 11, &[]),
];
/// Outside crates that a layer must not touch: judgement is pure, the line and the readers do not speak HTTP.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("domain", &["tokio", "hyper", "axum", "std::fs"]),
    ("profile", &["tokio", "hyper", "axum", "std::fs"]),
    ("rules", &["tokio", "hyper", "axum", "std::fs"]),
    ("signing", &["tokio", "hyper", "axum", "std::fs"]),
    ("telemetry", &["tokio", "hyper", "axum", "std::fs"]),
    ("exchange", &["hyper", "axum"]),
    ("views", &["hyper", "axum"]),
    ("evidence", &["hyper", "axum"]),
];
const FILE_LINES_MAX: usize = 450;
const FN_LINES_MAX: usize = 60;
const BANNED_WORDS: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "manager", "handler", "processor", "v2", "impl"];

/// One Rust file: its text, and its code with comments and the insides of literals blanked (same length, same lines).
struct Source {
    path: String,
    text: String,
    code: String,
    /// A module that stands behind `#[cfg(test)]`.
    only_tests: bool,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), code: blank(text), only_tests: false }
    }

    /// The code without its test module, which stands last.
    fn shipped(&self) -> &str {
        if self.path.starts_with("src/") && !self.only_tests {
            self.code.split("#[cfg(test)]").next().unwrap_or("")
        } else {
            ""
        }
    }

    /// The code of its tests; a bench or build script has none.
    fn tested(&self) -> &str {
        match self.path.split('/').next() {
            Some("src") => &self.code[self.shipped().len()..],
            Some("tests") => &self.code,
            _ => "",
        }
    }

    /// `journal` for `src/journal/x.rs` and `src/journal.rs`; none for `lib.rs` and for what is not under `src/`.
    fn folder(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
        (name != "lib").then_some(name)
    }
}

/// Blanks comments and what stands inside string and character literals.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' && (end - at) > 1 {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("only whole literals and comments are blanked")
}

/// The end of the comment or literal that begins at `at`, or the next byte.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |from: usize, needle: &[u8]| {
        let found = rest[from..].windows(needle.len()).position(|window| window == needle);
        at + found.map_or(rest.len(), |found| from + found + needle.len())
    };
    let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => find(2, b"*/"),
        [b'r', b'"' | b'#', ..] if !after_word => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            match rest.get(1 + hashes) {
                Some(b'"') => find(2 + hashes, &[b"\"".as_slice(), &b"#".repeat(hashes)].concat()),
                _ => at + 1,
            }
        }
        [b'"', ..] => {
            let mut end = 1;
            while end < rest.len() && rest[end] != b'"' {
                end += if rest[end] == b'\\' { 2 } else { 1 };
            }
            at + (end + 1).min(rest.len())
        }
        [b'\'', b'\\', ..] => find(3, b"'"),
        [b'\'', ..] => {
            // A character literal closes after one character; a lifetime does not close.
            let width = rest[1..].iter().skip(1).take_while(|byte| (**byte & 0xC0) == 0x80).count() + 1;
            if rest.get(1 + width) == Some(&b'\'') { at + width + 2 } else { at + 1 }
        }
        _ => at + 1,
    }
}

fn line_of(code: &str, offset: usize) -> usize {
    code[..offset].matches('\n').count() + 1
}

/// Offsets where `word` stands as a whole word.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let inside = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|at| code.as_bytes().get(at));
        !inside(before) && !inside(code.as_bytes().get(at + word.len()))
    })
}

/// The folders that a file names: `crate::x`, `crate::{x, y::z}`, `medgate::x`, and `super::` that climbs to the root.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let depth = source.path.matches('/').count() - usize::from(source.path.ends_with("/mod.rs"));
    let climb = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", "medgate::", climb.as_str()].into_iter().filter(|root| !root.is_empty()) {
        for (at, _) in source.code.match_indices(root) {
            let line = line_of(&source.code, at);
            found.extend(heads(&source.code[at + root.len()..]).into_iter().map(|head| (line, head)));
        }
    }
    found
}

/// First names after a root: `journal::record` gives `journal`, `{a::b, c}` gives `a` and `c`.
fn heads(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().expect("never empty").push(c);
            }
        }
    }
    parts.iter().map(|part| name(part)).filter(|name| !name.is_empty()).collect()
}

fn wrong_imports(source: &Source) -> Vec<String> {
    let Some(folder) = source.folder() else { return Vec::new() };
    let layer = |name: &str| LAYERS.iter().find(|row| row.0 == name);
    let Some(own) = layer(folder) else { return vec![format!("{}: no layer for `{folder}`", source.path)] };
    let mut wrong = Vec::new();
    for (line, target) in imports(source) {
        let Some(other) = layer(&target) else { continue };
        if target != folder && (other.1 >= own.1 || own.2.contains(&other.0)) {
            wrong.push(format!("{}:{line}: `{folder}` must not know `{target}`", source.path));
        }
    }
    for part in own.2.iter().filter(|part| part.contains("::")) {
        let hits = source.code.match_indices(*part).map(|(at, _)| line_of(&source.code, at));
        wrong.extend(hits.map(|line| format!("{}:{line}: `{folder}` must not know `{part}`", source.path)));
    }
    for name in OUTSIDE.iter().filter(|row| row.0 == folder).flat_map(|row| row.1) {
        let hits = words(source.shipped(), name).filter(|at| source.code[at + name.len()..].starts_with("::"));
        wrong.extend(
            hits.map(|at| format!("{}:{}: `{folder}` must not know `{name}`", source.path, line_of(&source.code, at))),
        );
    }
    wrong
}

fn wrong_header(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or("");
    let says = first.strip_prefix("//! ").is_some_and(|says| says.len() >= 10);
    if says { Vec::new() } else { vec![format!("{}:1: begin with `//!` and what the file owns", source.path)] }
}

fn wrong_file_size(source: &Source) -> Vec<String> {
    let lines = source.shipped().lines().count();
    let over = lines > FILE_LINES_MAX;
    over.then(|| format!("{}: {lines} lines without tests, {FILE_LINES_MAX} at most", source.path))
        .into_iter()
        .collect()
}

fn wrong_function_size(source: &Source) -> Vec<String> {
    let code = source.shipped();
    let mut wrong = Vec::new();
    for at in words(code, "fn").filter(|at| code[at + 2..].starts_with(' ')) {
        let Some(open) = code[at..].find(['{', ';']).map(|open| at + open) else { continue };
        let mut depth = 0i32;
        let end = code[open..].char_indices().find(|(_, c)| {
            depth += i32::from(*c == '{') - i32::from(*c == '}');
            depth == 0
        });
        let lines = code[at..open + end.map_or(0, |(end, _)| end)].lines().count();
        if lines > FN_LINES_MAX {
            let line = line_of(code, at);
            wrong.push(format!("{}:{line}: a function of {lines} lines, {FN_LINES_MAX} at most", source.path));
        }
    }
    wrong
}

/// `JournalManager`, `read_util` and `v2` in words: lower case, split at `_` and at capitals.
fn name_words(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    for c in name.chars() {
        let _ = if c.is_uppercase() { write!(spaced, "_{}", c.to_lowercase()) } else { write!(spaced, "{c}") };
    }
    spaced.split('_').map(str::to_owned).collect()
}

fn wrong_names(source: &Source) -> Vec<String> {
    let mut names: Vec<(usize, String)> =
        Path::new(&source.path).iter().map(|part| (0, part.to_string_lossy().replace(".rs", ""))).collect();
    for keyword in ["fn", "struct", "enum", "trait", "mod", "type", "const", "static"] {
        for at in words(&source.code, keyword) {
            names.extend(heads(source.code[at + keyword.len()..].trim_start()).into_iter().map(|name| (at, name)));
        }
    }
    let bad = |name: &str| {
        name.starts_with("get_") || name_words(name).iter().any(|word| BANNED_WORDS.contains(&word.as_str()))
    };
    let wrong = names.into_iter().filter(|(_, name)| bad(name));
    wrong.map(|(at, name)| format!("{}:{}: banned name `{name}`", source.path, line_of(&source.code, at))).collect()
}

/// Code that has no place: in shipped code, or in tests.
fn wrong_code(source: &Source) -> Vec<String> {
    let everywhere = ["#[allow", "#![allow", "#[ignore", "thread::sleep", "unsafe {"];
    let shipped = [".unwrap()"];
    let tested = ["time::sleep("];
    let lists = [(source.code.as_str(), &everywhere[..]), (source.shipped(), &shipped), (source.tested(), &tested)];
    let mut wrong = Vec::new();
    for (code, bans) in lists {
        let hits = bans.iter().flat_map(|ban| code.match_indices(ban));
        wrong.extend(hits.map(|(at, ban)| format!("{}:{}: `{ban}`", source.path, line_of(code, at))));
    }
    wrong
}

/// `mod` lines say what the part is for, and the tests stand last.
fn wrong_shape(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (at, (text, code)) in source.text.lines().zip(source.code.lines()).enumerate() {
        let is_mod =
            code.trim_start_matches("pub ").starts_with("mod ") && code.contains(';') && !code.contains("mod tests;");
        if is_mod && !text.contains(" // ") {
            wrong.push(format!("{}:{}: a `mod` line says in a comment what the part is", source.path, at + 1));
        }
    }
    let after = source.tested().split_once("\nmod tests {").map_or("", |(_, body)| body);
    if source.path.starts_with("src/") && after.split_once("\n}").is_some_and(|(_, rest)| !rest.trim().is_empty()) {
        wrong.push(format!("{}: tests stand last in the file", source.path));
    }
    wrong
}

/// A reminder left behind, a place on somebody's machine, or the host of a package registry, in any text of the project.
fn wrong_text(path: &str, text: &str) -> Vec<String> {
    let reminders = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    let hosts =
        [concat!("crates", ".io"), concat!("pypi", ".org"), concat!("npmjs", ".com"), concat!("deb.debian", ".org")];
    let places = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];
    let mut wrong = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let reminder = reminders.iter().find(|word| words(line, word).next().is_some());
        let other = hosts.iter().chain(&places).find(|part| line.contains(**part));
        wrong.extend(reminder.or(other).map(|hit| format!("{path}:{}: `{hit}` left behind", at + 1)));
    }
    wrong
}

/// The `mod` line that makes a file part of the program: the source it stands in, and where.
fn named_in<'a>(path: &str, sources: &'a [Source]) -> Option<(&'a Source, usize)> {
    let path = Path::new(path);
    let (folder, stem) = (path.parent()?, path.file_stem()?.to_string_lossy());
    let (folder, stem) = match &*stem {
        "mod" => (folder.parent()?, folder.file_name()?.to_string_lossy()),
        _ => (folder, stem),
    };
    let beside = [folder.join("mod.rs"), folder.join("lib.rs"), folder.with_extension("rs")];
    let parents = sources.iter().filter(|other| beside.iter().any(|path| path == Path::new(&other.path)));
    parents.into_iter().find_map(|parent| Some((parent, words(&parent.code, &format!("mod {stem}")).next()?)))
}

/// A file that no `mod` line names is dead.
fn orphans(sources: &[Source]) -> Vec<String> {
    let entry = |path: &str| path == "src/lib.rs" || path.starts_with("src/bin/") || !path.starts_with("src/");
    let dead = sources.iter().filter(|source| !entry(&source.path) && named_in(&source.path, sources).is_none());
    dead.map(|source| format!("{}: no `mod` line names this file", source.path)).collect()
}

/// Marks the modules behind `#[cfg(test)]`.
fn mark_tests(sources: &mut [Source]) {
    let behind = |source: &Source| {
        named_in(&source.path, sources)
            .is_some_and(|(parent, at)| parent.code[..at].trim_end().ends_with("#[cfg(test)]"))
    };
    let marks: Vec<bool> = sources.iter().map(behind).collect();
    sources.iter_mut().zip(marks).for_each(|(source, mark)| source.only_tests = mark);
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let skip = |name: &str| name.starts_with(".git") || ["target", "data", "medgate-data"].contains(&name);
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("a readable entry").path();
        match path.file_name().map(|name| name.to_string_lossy().into_owned()) {
            Some(name) if skip(&name) => {}
            _ if path.is_dir() => walk(&path, found),
            _ => found.push(path),
        }
    }
}

/// Every text of the project with its path, and of those the Rust sources.
fn project() -> (Vec<(String, String)>, Vec<Source>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(root, &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
    let texts: Vec<(String, String)> = paths
        .iter()
        .filter_map(|path| Some((name(path), std::fs::read_to_string(path).ok()?)))
        .filter(|(path, _)| path != "Cargo.lock")
        .collect();
    let mut sources: Vec<Source> =
        texts.iter().filter(|(path, _)| path.ends_with(".rs")).map(|(path, text)| Source::new(path, text)).collect();
    assert!(sources.len() > 10, "the project's sources were not found");
    mark_tests(&mut sources);
    (texts, sources)
}

#[track_caller]
fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} broken house rules:\n{}", wrong.len(), wrong.join("\n"));
}

/// Runs a check over every source, and over a bad sample that it must catch and a good one that it must pass.
#[track_caller]
fn enforce(check: fn(&Source) -> Vec<String>, bad: &[(&str, &str)], good: (&str, &str)) {
    for (path, text) in bad {
        assert!(!check(&Source::new(path, text)).is_empty(), "the check is blind to this in {path}: {text}");
    }
    assert_eq!(check(&Source::new(good.0, good.1)), Vec::<String>::new(), "the check sees ghosts");
    none(project().1.iter().flat_map(check).collect());
}

#[test]
fn imports_point_down() {
    let bad = [
        ("src/domain/a.rs", "use crate::journal::record;"),
        ("src/journal/a.rs", "fn a() { crate::exchange::run() }"),
        ("src/journal/a.rs", "use crate::{domain::class::{Class, X}, outbound};"),
        ("src/journal/deep/a.rs", "use super::super::super::inbound;"),
        ("src/journal/mod.rs", "use super::config;"),
        ("src/outbound/a.rs", "use crate::profile::Profile;"),
        ("src/profile/a.rs", "use crate::telemetry::log;"),
        ("src/profile/a.rs", "use tokio::sync::mpsc;"),
        ("src/sandbox/a.rs", "use crate::exchange::judge;"),
        ("src/sandbox/a.rs", "fn a() { crate::profile::key::of() }"),
        ("src/app.rs", "use crate::cli;"),
        ("src/novelty/a.rs", ""),
    ];
    let good =
        "// crate::cli\nuse super::facts;\nuse crate::{domain::class, telemetry};\nconst A: &str = \"crate::cli\";";
    enforce(wrong_imports, &bad, ("src/journal/a.rs", good));
}

#[test]
fn every_file_says_what_it_owns() {
    enforce(wrong_header, &[("src/a.rs", "use a;"), ("src/a.rs", "//! x")], ("src/a.rs", "//! Owns the sample.\n"));
}

#[test]
fn files_and_functions_keep_their_size() {
    let long = "\n".repeat(FILE_LINES_MAX + 1);
    let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{{long}}}");
    enforce(wrong_file_size, &[("src/a.rs", &long)], ("src/a.rs", &tests));
    let body = |lines: usize| format!("fn a() {{ let brace = '{{'; \"{{\";{}}}", "\n".repeat(lines));
    enforce(wrong_function_size, &[("src/a.rs", &body(FN_LINES_MAX + 1))], ("src/a.rs", &body(FN_LINES_MAX - 1)));
}

#[test]
fn names_say_what_a_thing_is() {
    let bad = [
        ("src/journal/util.rs", ""),
        ("src/a.rs", "struct JournalManager;"),
        ("src/a.rs", "fn get_a() {}"),
        ("src/a.rs", "fn send_impl() {}"),
        ("src/a.rs", "mod send_v2 {}"),
    ];
    enforce(wrong_names, &bad, ("src/a.rs", "fn commonly() { a.get_mut(); } impl A {}"));
}

#[test]
fn nothing_is_waved_through() {
    let bad = [
        ("src/a.rs", "#[allow(dead_code)]\nfn a() {}"),
        ("src/a.rs", "fn a() { b.unwrap(); }"),
        ("tests/a.rs", "#[test]\n#[ignore]\nfn a() {}"),
        ("tests/a.rs", "fn a() { std::thread::sleep(b); }"),
        ("src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn a() { tokio::time::sleep(b).await; } }"),
    ];
    let good = "fn a() { tokio::time::sleep(b).await; }\n#[cfg(test)]\nmod tests { fn a() { b.unwrap(); } }";
    enforce(wrong_code, &bad, ("src/a.rs", good));
}

#[test]
fn a_file_reads_from_its_public_face_to_its_tests() {
    let bad = [("src/a.rs", "pub mod b;"), ("src/a.rs", "#[cfg(test)]\nmod tests {\n}\nfn late() {}\n")];
    enforce(
        wrong_shape,
        &bad,
        ("src/a.rs", "mod b; // What b is.\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n"),
    );
}

#[test]
fn nothing_is_left_behind() {
    for bad in [concat!("// TO", "DO: later"), concat!("see crates", ".io"), concat!("cd /ro", "ot/x")] {
        assert_eq!(wrong_text("a", bad).len(), 1, "the check is blind to {bad}");
    }
    none(wrong_text("a", "// to do, or not to do"));
    none(project().0.iter().flat_map(|(path, text)| wrong_text(path, text)).collect());
}

#[test]
fn every_file_is_part_of_the_program() {
    let sample =
        |body| [Source::new("src/lib.rs", "mod a;"), Source::new("src/a/mod.rs", body), Source::new("src/a/b.rs", "")];
    assert_eq!(orphans(&sample("// mod b;")).len(), 1, "the check is blind");
    none(orphans(&sample("pub mod b;")));
    let mut marked = sample("#[cfg(test)]\nmod b;");
    mark_tests(&mut marked);
    assert_eq!(marked.map(|source| source.only_tests), [false, false, true]);
    none(orphans(&project().1));
}
