//! `medgate person new`: a token for one person who decides about cases.

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::exit::Exit;
use crate::console::persons::{is_plain_name, sm3_hex};

const TOKEN_BYTES: usize = 32;

/// Commands over persons.
#[derive(clap::Subcommand)]
pub(super) enum Command {
    New(NewArgs),
}

/// Make a token for a person who proposes, approves and closes cases. 为处理案件的人员生成令牌
///
/// Prints the token, once: the person keeps it in a file of their own (mode 0600). Prints the lines for the settings,
/// which hold only its digest. A new token for the same name takes the place of the old one when the gateway starts
/// again.
///
/// Exit code 0: printed; 2: no such name can be.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLE:\n  medgate person new zhang.wei")]
pub(super) struct NewArgs {
    /// The person's name: letters, digits and -_.@
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
}

fn name(text: &str) -> Result<String, String> {
    let reserved = ["admin", "admin-clear", "medgate", "default"].contains(&text);
    match is_plain_name(text) && !reserved {
        true => Ok(text.to_owned()),
        false => Err("letters, digits and -_.@ only, and no name of the gateway's own".to_owned()),
    }
}

pub(super) fn run(command: Command, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let Command::New(NewArgs { name }) = command;
    let mut random = Zeroizing::new([0u8; TOKEN_BYTES]);
    getrandom::fill(random.as_mut()).map_err(io::Error::other)?;
    let token = Zeroizing::new(hex::encode(random.as_ref()));
    writeln!(
        err,
        "令牌只显示这一次，请交本人保存在仅本人可读的文件中。 The token is shown this once; its person keeps it in a file:"
    )?;
    writeln!(out, "{}", *token)?;
    writeln!(err, "网关配置加入： In the gateway's settings:")?;
    writeln!(out, "[person.\"{name}\"]\ntoken_sm3 = \"{}\"", sm3_hex(token.as_bytes()))?;
    Ok(Exit::Done)
}
