//! Who is at the command line.

use std::os::unix::fs::MetadataExt;

const NAME_MAX: usize = 40;

/// The user's number, which the kernel says, and the name that the environment claims for it.
pub(super) fn person() -> String {
    let uid = std::fs::metadata("/proc/self").map(|process| process.uid());
    let said = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let plain: String = said
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.@".contains(*c))
        .take(NAME_MAX)
        .collect();
    let uid = uid.map_or_else(|_| "?".to_owned(), |uid| uid.to_string());
    if plain.is_empty() { format!("uid-{uid}") } else { format!("uid-{uid}.{plain}") }
}
