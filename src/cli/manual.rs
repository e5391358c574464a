//! `medgate completions` and `medgate man`: what shells and `man` know of the commands, made from the commands themselves.

use std::io::{self, Write};

use clap_complete::Shell;

use super::exit::Exit;

/// Print completions for a shell. 命令补全
///
/// Put them where the shell looks for them, and open a new one.
///
/// Exit code 0: printed; 2: no such shell.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate completions bash > /etc/bash_completion.d/medgate\n  \
    medgate completions zsh > /usr/share/zsh/site-functions/_medgate")]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Print the manual page. 手册页
///
/// One page for the program and one for each command, one behind the other.
///
/// Exit code 0: printed.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate man > /usr/share/man/man1/medgate.1")]
pub(super) struct ManArgs {}

pub(super) fn completions(args: &CompletionsArgs, mut line: clap::Command, out: &mut dyn Write) -> io::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut line, "medgate", &mut text);
    out.write_all(&text).map(|()| Exit::Done)
}

/// The page of the program, then a page of each command.
pub(super) fn man(mut line: clap::Command, out: &mut dyn Write) -> io::Result<Exit> {
    line.build();
    let mut commands = vec![line];
    while let Some(command) = commands.pop() {
        clap_mangen::Man::new(command.clone()).render(out)?;
        commands.extend(command.get_subcommands().cloned());
    }
    Ok(Exit::Done)
}
