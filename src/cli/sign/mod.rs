//! `medgate sign`: signs a message as the gateway would, and explains each step, so that two programs can be compared.

mod explain; // Step by step.
mod message; // A request or a bare body from a file.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::config::{self, Settings, profiles};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::terms::{Form, Terms, Unit};
use crate::keys::load::one;
use crate::keys::source::{Sources, Trouble};
use crate::signing::apply::Now;
use crate::signing::credentials::Credentials;

use self::explain::Explaining;
use self::message::Message;
use super::exit::Exit;
use super::told::{FileArg, complain};

/// Sign a message as the gateway would, without sending it, and explain each step. 试签名
///
/// FILE is a raw HTTP request, or a body alone. Where it carries a time and nonce of its own they are used, so that the
/// result can be compared with what another program signed; and its own signature is checked. No secret is printed.
///
/// Exit code 0: signed; 1: it cannot be, and what is missing.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate sign --explain body.json --profile jilin --account CLIENT_ID --key-file /etc/medgate/site.pem --passphrase-file /etc/medgate/site.pass\n  \
    medgate sign --explain request.http --config /etc/medgate.toml --identity site")]
pub(super) struct Args {
    /// The message; `-` reads standard input.
    file: PathBuf,
    /// Print the exact bytes signed and each step. 逐步说明
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    settings: FileArg,
    /// Which province's wire; by default the one of the settings.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// A variant of the profile, [signing.NAME].
    #[arg(long, value_name = "NAME", default_value = "")]
    variant: String,
    /// An [identity.NAME] section of the settings; what follows stands in front of it.
    #[arg(long, value_name = "NAME", default_value = "default")]
    identity: String,
    /// paasid, access key, institution code, client_id or appId.
    #[arg(long, value_name = "TEXT")]
    account: Option<String>,
    /// The shared secret: an absolute path, or credential:NAME.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,
    /// The SM2 private key, encrypted PKCS#8 PEM.
    #[arg(long, value_name = "FILE")]
    key_file: Option<String>,
    /// What opens it.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<String>,
    /// Transaction number, where the message says none.
    #[arg(long, value_name = "NUMBER")]
    infno: Option<String>,
    /// The time to sign at, Unix seconds.
    #[arg(long, value_name = "SECONDS")]
    at: Option<i64>,
    /// The nonce to sign with.
    #[arg(long, value_name = "TEXT")]
    nonce: Option<String>,
}

pub(super) fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let told = args
        .settings
        .clone()
        .told(args.profile.iter().map(|name| ("--profile", "gateway.profile", name.clone())).collect());
    let settings = match config::look_at_all(&told) {
        Ok(settings) => settings,
        Err(complaints) => return complain(&complaints, err),
    };
    match signed(args, &settings) {
        Ok(text) => out.write_all(&text).map(|()| Exit::Done),
        Err(trouble) => {
            writeln!(err, "{}: {}\n    cure: {}", trouble.file, trouble.what, trouble.cure)?;
            Ok(Exit::Failed)
        }
    }
}

fn signed(args: &Args, settings: &Settings) -> Result<Vec<u8>, Trouble> {
    let name = &settings.gateway.profile;
    let profile = profiles::load(&settings.gateway).map_err(|complaints| {
        let complaints: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        Trouble::new(format!("profile {name}"), complaints.join("; "), "medgate check tells more")
    })?;
    let terms = profile.signing(&args.variant).ok_or_else(|| {
        Trouble::new(format!("profile {name}"), format!("has no [signing.{}]", args.variant), "leave --variant out")
    })?;
    if terms.ask_nothing() {
        return Err(Trouble::new(
            format!("profile {name}"),
            "signs nothing",
            "name the province's profile with --profile",
        ));
    }
    let by = credentials(args, settings)?;
    let message = Message::read(&args.file, &profile)?;
    let infno = args.infno.clone().unwrap_or_else(|| message.infno.clone());
    let now = Now { unix_ns: time(args, terms, &message), nonce: nonce(args, terms, &message) };
    let explaining = Explaining { terms, by: &by, message: &message, infno: &infno, now: &now, steps: args.explain };
    let mut text = Vec::new();
    if args.explain {
        explain::head(&mut text, profile.title(), name, terms, &infno);
    }
    explaining.write(&mut text).map_err(|why| {
        let cure = "correct the message, or what the identity has";
        Trouble::new(args.file.display().to_string(), why.to_string(), cure)
    })?;
    Ok(text)
}

/// The section of the settings with what the arguments say in front of it.
fn credentials(args: &Args, settings: &Settings) -> Result<Credentials, Trouble> {
    let section = settings.identity.get(&args.identity);
    let mut section = section.cloned().ok_or_else(|| {
        let names: Vec<&str> = settings.identity.keys().map(String::as_str).collect();
        Trouble::new(
            "--identity",
            format!("there is no [identity.{}]", args.identity),
            format!("there are: {}", names.join(", ")),
        )
    })?;
    for (said, place) in [
        (&args.account, &mut section.account),
        (&args.secret_file, &mut section.secret_file),
        (&args.key_file, &mut section.key_file),
        (&args.passphrase_file, &mut section.passphrase_file),
    ] {
        place.clone_from(said.as_ref().unwrap_or(&place.clone()));
    }
    one(&args.identity, &section, &Sources::of_process()).map_err(|mut troubles| troubles.remove(0))
}

/// As told, else as the message says, else now.
fn time(args: &Args, terms: &Terms, message: &Message) -> i64 {
    let said = message.time().and_then(|written| written.parse::<i64>().ok());
    let unit = if terms.timestamp == Unit::Seconds { 1_000_000_000 } else { 1_000_000 };
    let said = said.and_then(|count| count.checked_mul(unit));
    let told = args.at.and_then(|seconds| seconds.checked_mul(1_000_000_000));
    told.or(said).unwrap_or_else(|| SystemClock::start().unix_ns())
}

fn nonce(args: &Args, terms: &Terms, message: &Message) -> String {
    let said = message.line("x-tif-nonce").filter(|_| terms.form == Form::XTif);
    args.nonce.clone().or(said).unwrap_or_else(|| {
        let mut bytes = [0; 16];
        // A nonce that is only printed need not be a secret.
        getrandom::fill(&mut bytes).unwrap_or_default();
        hex::encode(bytes)
    })
}
