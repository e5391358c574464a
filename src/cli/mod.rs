//! The commands of `medgate`: arguments in, one exit code out. What people read is printed here and nowhere else.

mod admin_port; // Asks a running gateway.
mod case; // medgate case list | show | assign | note | propose | preview | approve | close | lift-fence
mod check; // medgate check
mod demo; // medgate demo
mod dictionary; // medgate dictionary list | export | import
mod exchange; // medgate exchange find | show | diff
mod exit; // What the exit codes mean.
mod healthcheck; // medgate healthcheck
mod his_ledger; // medgate his-ledger import
mod journal; // medgate journal show | tail | verify | replay | erase
mod keys; // medgate keys new | import | show-public | rotate | master
mod look; // A look at personal data, journaled before it is taken.
mod manual; // medgate completions, medgate man
mod new_person; // medgate person new
mod own; // A command that opens the journal itself.
mod person; // Who is at the command line.
mod profile; // medgate profile list | show | check | diff
mod reconcile; // medgate reconcile show | run | export
mod rules; // medgate rules list | check | test | explain | export | diff | policies
mod serve; // medgate serve
mod sign; // medgate sign
mod told; // Arguments that say where settings come from.
mod views; // medgate views rebuild | digest

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use exit::Exit;

/// The whole command line.
#[derive(Parser)]
#[command(
    name = "medgate",
    version,
    about = "A transparent gateway between a hospital's HIS and the medical-insurance platforms.\n医保网关：HIS 只改一个地址，其余不变。",
    after_help = "EXAMPLES:\n  \
        medgate serve --upstream http://10.0.0.5:8080 --listen 0.0.0.0:8080 --data /var/lib/medgate\n  \
        medgate check --config medgate.toml\n  \
        medgate exchange find --infno 2207\n  \
        medgate journal show --last 20\n\n\
        EXIT CODES:\n  0 done   1 failed or not healthy   2 wrong arguments   75 not now   78 wrong settings",
    disable_help_subcommand = true
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Check(check::Args),
    /// Find and show exchanges. 查询与查看交易
    #[command(subcommand)]
    Exchange(exchange::Command),
    /// List, show and decide cases: what platform and HIS may not hold alike. 单边账案件
    #[command(subcommand)]
    Case(case::Command),
    /// Refusals of the platform by kind, and what cures them. 错误字典
    #[command(subcommand)]
    Dictionary(dictionary::Command),
    /// The ledgers of platform, gateway and HIS, by day. 对账
    #[command(subcommand)]
    Reconcile(reconcile::Command),
    /// Import the HIS's own ledger of a day. 院内账
    #[command(subcommand)]
    HisLedger(his_ledger::Command),
    /// Make tokens for persons who decide about cases. 案件处理人员
    #[command(subcommand)]
    Person(new_person::Command),
    /// Read the journal, also while the gateway runs; erase a visit. 查看日志账
    #[command(subcommand)]
    Journal(journal::Command),
    Demo(demo::Args),
    /// List, show, check and compare profiles of provinces. 各省配置
    #[command(subcommand)]
    Profile(profile::Command),
    /// List, check, test, explain, export and compare field rules. 字段规则与政策
    #[command(subcommand)]
    Rules(rules::Command),
    /// Build the views anew, or say their digest. 查询库
    #[command(subcommand)]
    Views(views::Command),
    /// Make, import, show and rotate SM2 keys, and the journal's master key. 密钥
    #[command(subcommand)]
    Keys(keys::Command),
    Sign(sign::Args),
    Healthcheck(healthcheck::Args),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

/// Reads the command line, runs the command and says how it ended.
pub fn run() -> ExitCode {
    let line = Line::parse();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let ended = match line.command {
        Command::Serve(args) => serve::run(args, &mut err),
        Command::Check(args) => check::run(args, &mut out),
        Command::Journal(command) => journal::run(command, &mut out, &mut err),
        Command::Demo(args) => demo::run(args, &mut out, &mut err),
        Command::Dictionary(command) => dictionary::run(command, &mut out, &mut err),
        Command::Person(command) => new_person::run(command, &mut out, &mut err),
        Command::Case(command) => case::run(command, &mut out, &mut err),
        Command::Reconcile(command) => reconcile::run(command, &mut out, &mut err),
        Command::HisLedger(command) => his_ledger::run(command, &mut out, &mut err),
        Command::Exchange(command) => exchange::run(command, &mut out, &mut err),
        Command::Profile(command) => profile::run(command, &mut out, &mut err),
        Command::Rules(command) => rules::run(command, &mut out, &mut err),
        Command::Views(command) => views::run(command, &mut out, &mut err),
        Command::Keys(command) => keys::run(command, &mut out, &mut err),
        Command::Sign(args) => sign::run(&args, &mut out, &mut err),
        Command::Healthcheck(args) => healthcheck::run(args, &mut out, &mut err),
        Command::Completions(args) => manual::completions(&args, Line::command(), &mut out),
        Command::Man(_) => manual::man(Line::command(), &mut out),
    };
    ended.and_then(|exit| out.flush().map(|()| exit)).unwrap_or_else(Exit::of_print_error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed_and_every_command_teaches_by_examples() {
        let mut line = Line::command();
        line.build();
        line.clone().debug_assert();
        fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
            match command.has_subcommands() {
                true => command.get_subcommands().flat_map(leaves).collect(),
                false => vec![command],
            }
        }
        let leaves = line.get_subcommands().flat_map(leaves);
        for command in leaves {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("EXAMPLES:") || help.contains("EXAMPLE:"), "{help}");
        }
    }

    #[test]
    fn serve_needs_no_file() {
        let words = "medgate serve --upstream http://H:1 --listen L:2 --admin A:3 --data D --profile baseline";
        assert!(matches!(Line::parse_from(words.split(' ')).command, Command::Serve(_)));
        assert!(Line::try_parse_from(["medgate", "serve", "--lisen", "x"]).is_err());
    }
}
