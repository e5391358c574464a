//! The program `medgate`: the gateway and its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    medgate::cli::run()
}
