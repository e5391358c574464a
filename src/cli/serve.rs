//! `medgate serve`: settings, log, gateway.

use std::io::{self, Write};

use crate::config;
use crate::telemetry::log;

use super::exit::Exit;
use super::seam;
use super::told::{FileArg, SettingFlags, complain};

/// Run the gateway until SIGTERM or SIGINT. 运行网关
///
/// It takes the HIS's calls on --listen, journals each one in --data before it leaves, and sends it to --upstream.
/// SIGTERM lets running calls come to their end, then closes the journal.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate serve --upstream http://10.0.0.5:8080 --listen 0.0.0.0:8080 --data /var/lib/medgate\n  \
    medgate serve --config /etc/medgate.toml --log-format json\n  \
    MEDGATE__UPSTREAM__DEFAULT__ANSWER_MS=30000 medgate serve --config /etc/medgate.toml")]
pub(super) struct Args {
    #[command(flatten)]
    file: FileArg,
    #[command(flatten)]
    flags: SettingFlags,
}

pub(super) fn run(args: Args, err: &mut dyn Write) -> io::Result<Exit> {
    let loaded = match config::load(&args.file.told(args.flags.list())) {
        Ok(loaded) => loaded,
        Err(complaints) => return complain(&complaints, err),
    };
    if let Err(error) = log::start(&loaded.settings.log) {
        writeln!(err, "{error}\n    cure: correct log.filter (or RUST_LOG)")?;
        return Ok(Exit::Settings);
    }
    for remark in &loaded.remarks {
        tracing::warn!(place = %remark.place, cure = %remark.cure, "{}", remark.what);
    }
    match seam::serve(loaded.settings) {
        Ok(()) => Ok(Exit::Done),
        Err(why) => {
            tracing::error!(error = %why, "the gateway stopped");
            Ok(Exit::Failed)
        }
    }
}
