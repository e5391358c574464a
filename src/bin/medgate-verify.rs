//! `medgate-verify`: the auditor's program. Offline, needs nothing but a public key.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the terminal side")]

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use medgate::evidence::verdict::Verdict;
use medgate::evidence::verify::{Asked, anchor_file, data_folder, verify};
use medgate::evidence::verify_archive::{BadArchive, verify_archive};
use medgate::evidence::verify_pack::{BadPack, verify_pack};
use medgate::signing::sm2::Verifier;

const EXIT_DAMAGED: u8 = 1;
const EXIT_USAGE: u8 = 2;

/// Checks the journal of a medgate gateway without trusting the hospital or the gateway. 医保网关账本校验（离线）
///
/// It reads stored bytes only, needs no secret and no network, and writes nothing. The public key is the one that the
/// gateway made at its first start (seal.pub in its data folder; `medgate keys show-public` shows it): take it from your own
/// files, not from the folder that you check.
#[derive(Parser)]
#[command(
    name = "medgate-verify",
    version,
    max_term_width = 120,
    after_help = "EXIT CODES:\n  \
    0  intact, every record is sealed 完整且全部有签名\n  \
    1  damaged 损坏或被改动\n  \
    2  arguments cannot be used 参数不可用\n  \
    3  intact, with records after the last checkpoint 完整，但末尾有尚未签名的记录"
)]
struct Program {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    Journal(Journal),
    Pack(Pack),
    Archive(Archive),
}

/// Checks one archive of a sealed segment. 校验归档
///
/// Every byte of it is accounted for, and every record is held to the checkpoint that the gateway signed.
///
/// Exit code 0: intact; 1: damaged; 2: arguments cannot be used.
#[derive(Args)]
#[command(
    after_help = "EXAMPLE:\n  medgate-verify archive 019a2f6e7d1c7c3a9b1e2f3a4b5c6d7e-0000000007.zip --key seal.pub"
)]
struct Archive {
    /// The archive
    file: PathBuf,
    /// File with the public key that seals the journal (PEM); several when it was changed
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
}

/// Checks one pack that `medgate journal pack` or `medgate journal prove` made. 校验证据包
///
/// Its seal, its records up to the checkpoint that the gateway signed, and that what it says in clear is what they hold.
///
/// Exit code 0: intact; 1: damaged; 2: arguments cannot be used.
#[derive(Args)]
#[command(after_help = "EXAMPLE:\n  medgate-verify pack visit.zip --key seal.pub")]
struct Pack {
    /// The pack
    file: PathBuf,
    /// File with the public key that seals the journal (PEM); several when it was changed
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
}

/// Checks a whole journal: every record, the chain, the tree, every checkpoint, every body file. 校验整本账
///
/// Where a byte was changed, added or taken away, the span of records in which it was is named. A cut end may show only by
/// checkpoints that were kept elsewhere (--anchor).
///
/// Exit code 0: intact, every record is sealed; 1: damaged; 2: arguments cannot be used; 3: intact, with records after the
/// last checkpoint.
#[derive(Args)]
#[command(after_help = "EXAMPLES:\n  \
    medgate-verify journal /var/lib/medgate --key seal.pub\n  \
    medgate-verify journal /mnt/copy --key seal.pub --anchor /mnt/anchor --json")]
struct Journal {
    /// The gateway's data folder, or a copy of it
    dir: PathBuf,
    /// File with the public key that seals the journal (PEM); several when it was changed
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Checkpoints that were copied elsewhere: a file, or the folder of anchors; without it a cut end may not show
    #[arg(long, value_name = "FILE|DIR")]
    anchor: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let told = match Program::parse().act {
        Act::Journal(asked) => journal(&asked).map(|verdict| {
            let text = if asked.json { format!("{}\n", verdict.json()) } else { verdict.text() };
            (text, verdict.exit_code())
        }),
        Act::Pack(asked) => pack(&asked),
        Act::Archive(asked) => archive(&asked),
    };
    match told {
        Ok((text, code)) => {
            print!("{text}");
            ExitCode::from(code)
        }
        Err(why) => {
            eprintln!("medgate-verify: {why}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn pack(asked: &Pack) -> Result<(String, u8), String> {
    match verify_pack(&asked.file, &keys(&asked.key)?) {
        Ok(proven) => Ok((proven.text(), 0)),
        Err(BadPack::Io(error)) => Err(of(&asked.file)(error)),
        Err(bad) => Ok((format!("损坏 DAMAGED: {bad}\n"), EXIT_DAMAGED)),
    }
}

fn archive(asked: &Archive) -> Result<(String, u8), String> {
    match verify_archive(&asked.file, &keys(&asked.key)?) {
        Ok(archived) => Ok((archived.text(), 0)),
        Err(BadArchive::Io(error)) => Err(of(&asked.file)(error)),
        Err(bad) => Ok((format!("损坏 DAMAGED: {bad}\n"), EXIT_DAMAGED)),
    }
}

fn journal(asked: &Journal) -> Result<Verdict, String> {
    let data = data_folder(&asked.dir);
    if !data.join("journal").is_dir() {
        return Err(format!("{} holds no journal; name the gateway's data folder", asked.dir.display()));
    }
    let keys = keys(&asked.key)?;
    let anchor = asked.anchor.as_ref().map(|anchor| anchor_file(anchor, &data).map_err(of(anchor))).transpose()?;
    if let Some(anchor) = anchor.as_ref().filter(|anchor| !anchor.is_file()) {
        return Err(format!(
            "{} is not there: no checkpoint of this journal was copied to that place",
            anchor.display()
        ));
    }
    verify(&Asked { data: &data, keys: &keys, anchor: anchor.as_deref() }).map_err(of(&data))
}

fn keys(files: &[PathBuf]) -> Result<Vec<Verifier>, String> {
    let key = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).map_err(of(file))?;
        Verifier::parse(&text).map_err(of(file))
    };
    files.iter().map(key).collect()
}

fn of<E: Display>(file: &Path) -> impl Fn(E) -> String {
    move |error| format!("{}: {error}", file.display())
}
