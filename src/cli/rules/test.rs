//! `medgate rules test`: runs the examples that tables and rules carry.

use std::io::{self, Write};

use super::{Exit, Library, Said, classes, shown};
use crate::rules::examples;

/// Run the examples of every rule: what passes passes, what fails fails by that rule. 运行规则自带样例
///
/// Examples of a field table must break exactly one of its rules. Region and day do not matter here.
///
/// Exit code 0: all hold; 78: an example does not hold, or a pack does not.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  medgate rules test\n  medgate rules test ourcity --rules /etc/medgate/rules")]
pub(in crate::cli) struct Args {
    /// Only this pack.
    #[arg(value_name = "PACK", default_value = "")]
    pack: String,
    /// Folder of the site's own packs, in front of the built-in ones. 本院规则目录
    #[arg(long, value_name = "FOLDER")]
    rules: Option<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> io::Result<Said<Exit>> {
    let ran = Library::of(args.rules.as_deref()).and_then(|library| {
        if !args.pack.is_empty() {
            library.pack(&args.pack)?;
        }
        let ran = examples::run(&library.packs, &library.texts, &args.pack, &classes());
        let ran = ran.map_err(|found| shown(&found, &library.texts))?;
        if ran.wrong.is_empty() { Ok(ran) } else { Err(shown(&ran.wrong, &library.texts)) }
    });
    let ran = match ran {
        Ok(ran) => ran,
        Err(wrong) => return Ok(Err(wrong)),
    };
    writeln!(out, "{} examples of {} tables and {} rules hold. 样例全部符合", ran.good, ran.tables, ran.rules)?;
    Ok(Ok(Exit::Done))
}
