//! What the programs say of themselves: every command teaches, to whoever asks it.

use std::process::Command;

/// What a program prints when it is asked for help.
fn help(program: &str, command: &[String], flag: &str) -> String {
    let asked = Command::new(program).args(command).arg(flag).output().unwrap();
    assert!(asked.status.success(), "{program} {command:?} {flag}");
    String::from_utf8(asked.stdout).unwrap()
}

/// The commands below one, by its own help; none below a leaf.
fn below(program: &str, command: &[String]) -> Vec<Vec<String>> {
    let text = help(program, command, "-h");
    let names = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on with the text of the one above stands further in.
    let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let found = names.filter(|name| *name != "help").map(|name| [command, &[name.to_owned()]].concat());
    found.flat_map(|command| [vec![command.clone()], below(program, &command)].concat()).collect()
}

#[test]
fn every_command_says_in_its_help_what_it_does_how_it_ends_and_an_example() {
    const LINE_CHARS: usize = 100;
    let mut wrong = String::new();
    for (program, leaves) in [
        (env!("CARGO_BIN_EXE_medgate"), 40),
        (env!("CARGO_BIN_EXE_medgate-sandbox"), 2),
        (env!("CARGO_BIN_EXE_medgate-verify"), 3),
    ] {
        let all = below(program, &[]);
        let is_leaf = |command: &&Vec<String>| !all.iter().any(|other| other != *command && other.starts_with(command));
        let found: Vec<_> = all.iter().filter(is_leaf).collect();
        assert!(leaves <= found.len(), "{program}: {found:?}");
        for command in found {
            let about = |flag| help(program, command, flag).split("\nUsage:").next().unwrap_or_default().to_owned();
            let (short, long) = (about("-h"), about("--help"));
            let line = short.trim_end();
            let mut must = |holds: bool, what: &str| {
                if !holds {
                    wrong += &format!("{program} {}: {what}\n{long}\n", command.join(" "));
                }
            };
            must(!line.contains('\n') && line.chars().count() <= LINE_CHARS, "its short text is one short line");
            must(
                long.starts_with(line.trim_end_matches('.')) && line.len() < long.trim_end().len(),
                "it says no more when asked for more",
            );
            must(long.contains("Exit code 0: "), "it does not say how it ends");
            must(help(program, command, "--help").contains("\nEXAMPLE"), "it shows no example");
        }
    }
    assert_eq!(wrong, "");
}
