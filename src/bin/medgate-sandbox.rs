//! `medgate-sandbox`: the stand-in platform as a program, and the simulated day that tries a gateway with it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the terminal side")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use medgate::domain::causes::with_causes;
use medgate::domain::clock::{Clock, SystemClock};
use medgate::keys;
use medgate::sandbox::day::{self, Day};
use medgate::sandbox::ledger::Habits;
use medgate::sandbox::platform::Settings;
use medgate::sandbox::province::{NotPlayed, Province};
use medgate::sandbox::shape::{SHAPES, Shape};
use medgate::sandbox::{Sandbox, StartError};
use medgate::world;

const EXIT_USAGE: u8 = 78;

/// A stand-in for the medical-insurance platform, for trying a gateway or a HIS without touching anything real.
///
/// It keeps its own ledger (persons, visits, settlements, filings, stock, catalogues, files, reconciliation), takes URL styles
/// A, B and C on one port, and teaches: what comes too early is refused with what is missing. It goes wrong when told
/// (POST a script to /_sandbox/faults) or by chance (--temper SEED). GET / shows its state, GET /_sandbox what it offers.
/// With --profile it plays a province; with --account and its secret or key, too, it believes only calls that are signed as that
/// province asks, tells others in Chinese what is wrong, and seals its answers where the province does.
/// Its people do not exist: identity numbers begin with 990000, names with 沙箱. Institutions begin with H99 or P99.
#[derive(Parser)]
#[command(
    name = "medgate-sandbox",
    version,
    max_term_width = 120,
    args_conflicts_with_subcommands = true,
    after_help = "EXAMPLES:\n  \
        medgate-sandbox --strict\n  \
        medgate-sandbox --profile guangdong --temper 7\n\n\
        EXIT CODES:\n  0 stopped by a signal, or what was played is explained   1 it is not   2 wrong arguments   78 cannot start"
)]
struct Program {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Act {
    Play(Play),
    World(Worlds),
}

#[derive(Args)]
struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8181", env = "MEDGATE_SANDBOX_LISTEN")]
    listen: SocketAddr,
    /// Draws the people and their accounts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How answers are written, without any province being played: baseline, hainan, or the name of a profile
    #[arg(long, default_value = "baseline", value_parser = shape, conflicts_with = "profile")]
    shape: &'static Shape,
    #[command(flatten)]
    played: Played,
    /// Accept persons and visits that were never registered, and settlements without fee lines
    #[arg(long)]
    lenient: bool,
    /// Settle a settled batch again, like a platform that does not notice
    #[arg(long)]
    settles_twice: bool,
    /// Ask for every field that the specification requires, for diagnoses and for a trial before money
    #[arg(long)]
    strict: bool,
    /// Look at sign_no: it lives so many seconds (0 = nobody looks)
    #[arg(long, default_value_t = 0)]
    sign_life_s: u32,
    /// Draws from this seed how cruel the platform is, and what it does where provinces differ
    #[arg(long, value_name = "SEED", env = "MEDGATE_SANDBOX_TEMPER")]
    temper: Option<u64>,
    /// Take up the books from this file, and save them there on POST /_sandbox/save
    #[arg(long, value_name = "FILE")]
    state: Option<std::path::PathBuf>,
    /// Save them after every act, before it is answered: a stand-in that may be killed at any moment and forgets nothing
    #[arg(long, requires = "state")]
    save_each: bool,
    /// Only count, and answer every call with a tiny canned success: an upstream for benchmarks
    #[arg(long)]
    fixed: bool,
    /// Close connections idle for so many milliseconds
    #[arg(long, default_value_t = 60_000)]
    idle_ms: u64,
    /// Listen where others than this machine can reach it
    #[arg(long)]
    allow_any_address: bool,
    /// Serve institution codes that do not begin with H99 or P99
    #[arg(long)]
    allow_any_institution: bool,
}

/// Plays worlds from seeds, everything going wrong in them, and compares the three books.
///
/// Hospital, gateway and platform run in one thread and virtual time: calls are lost, the gateway is killed, clocks are set.
/// The same seed plays the same world.
///
/// Exit code 0: all that must hold did hold; 1: it did not, the seed is named; 78: nothing can be played.
#[derive(Args)]
#[command(after_help = "EXAMPLES:\n  medgate-sandbox world --seed 7\n  medgate-sandbox world --seeds 1..10000")]
struct Worlds {
    /// Plays this one and tells its story
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Plays these, A and B both, until one fails; its seed is named
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<(u64, u64)>,
    /// How many at the same time
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

#[derive(Args)]
struct Played {
    /// Play the province of this profile (guangdong, hunan, jilin, …): answer as it does, and with --account verify as it does
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Verify signatures: the hospital's paasid, access key, institution code or client_id
    #[arg(long, requires = "profile")]
    account: Option<String>,
    /// The secret shared with the hospital (x-tif, CSB, x-ca, and whoever asks for a token); only its owner may read the file
    #[arg(long, value_name = "FILE", requires = "account")]
    secret_file: Option<PathBuf>,
    /// Who asks for a token, where the province hands one out (jilin)
    #[arg(long, value_name = "TEXT", requires = "account")]
    user: Option<String>,
    /// That user's password; only its owner may read the file
    #[arg(long, value_name = "FILE", requires = "account")]
    password_file: Option<PathBuf>,
    /// The hospital's SM2 public key: PEM, Base64 or hex
    #[arg(long, value_name = "FILE", requires = "account")]
    public_key_file: Option<PathBuf>,
    /// The stand-in's own SM2 key, which signs its answers: encrypted PKCS#8 PEM, as `medgate keys new` makes it
    #[arg(long, value_name = "FILE", requires = "account")]
    key_file: Option<PathBuf>,
    /// What opens --key-file
    #[arg(long, value_name = "FILE", requires = "key_file")]
    passphrase_file: Option<PathBuf>,
}

/// Plays a day of visits through a gateway and compares its books with the stand-in's ledger.
///
/// The simulated HIS calls the gateway, the gateway the stand-in, and the stand-in goes wrong on purpose (not with --calm).
/// The same seed tells the same story.
///
/// Exit code 0: the books explain each other; 1: they do not; 78: nothing can be played.
#[derive(Args)]
#[command(
    after_help = "EXAMPLE:\n  medgate-sandbox play --gateway http://127.0.0.1:8080 --sandbox http://127.0.0.1:8181 \\\n    \
    --admin http://127.0.0.1:9180 --token /var/lib/medgate/admin.token"
)]
struct Play {
    /// The gateway's address for a HIS, e.g. http://127.0.0.1:8080
    #[arg(long)]
    gateway: String,
    /// The stand-in's address, e.g. http://127.0.0.1:8181
    #[arg(long)]
    sandbox: String,
    /// The gateway's admin address, e.g. http://127.0.0.1:9180
    #[arg(long)]
    admin: String,
    /// The file with the admin token
    #[arg(long)]
    token: std::path::PathBuf,
    /// Draws the day
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Visits, over all institutions
    #[arg(long, default_value_t = 300)]
    visits: u32,
    /// How long the simulated HIS waits for an answer
    #[arg(long, default_value_t = 2000)]
    patience_ms: u64,
    /// Without faults
    #[arg(long)]
    calm: bool,
}

fn main() -> ExitCode {
    let program = Program::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => return complain(&format!("cannot start: {cause}")),
    };
    match program.act {
        None => runtime.block_on(serve(&program.serve)),
        Some(Act::Play(play)) => runtime.block_on(play_day(&play)),
        Some(Act::World(worlds)) => play_worlds(&worlds),
    }
}

async fn serve(options: &Serve) -> ExitCode {
    let province = match options.played.province() {
        Ok(province) => province,
        Err(why) => return complain(&why),
    };
    let settings = Settings {
        seed: options.seed,
        shape: options.shape,
        province: province.map(Arc::new),
        habits: Habits {
            lenient: options.lenient,
            settles_twice: options.settles_twice,
            strict: options.strict,
            sign_life_s: options.sign_life_s,
            ..Habits::default()
        },
        any_institution: options.allow_any_institution,
        fixed: options.fixed,
        idle_ms: options.idle_ms,
        temper: options.temper,
        state: options.state.clone(),
        save_each: options.save_each,
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let started = if options.allow_any_address {
        Sandbox::start_anywhere(options.listen, settings, clock).await
    } else {
        Sandbox::start(options.listen, settings, clock).await
    };
    let sandbox = match started {
        Ok(sandbox) => sandbox,
        Err(refused @ StartError::NotLoopback(_)) => {
            return complain(&format!("{refused}\nuse 127.0.0.1, or --allow-any-address if you really mean it"));
        }
        Err(refused) => {
            return complain(&with_causes(&refused));
        }
    };
    banner(options, &sandbox);
    wait_for_end().await;
    println!("medgate-sandbox: stopped after {} requests", sandbox.platform().requests());
    ExitCode::SUCCESS
}

impl Played {
    /// The province of the options, with a guard where an account is told.
    fn province(&self) -> Result<Option<Province>, String> {
        let Some(name) = &self.profile else { return Ok(None) };
        let province = Province::named(name).map_err(|why| why.to_string())?;
        let Some(account) = &self.account else { return Ok(Some(province)) };
        let place = |file: &Option<PathBuf>| match file {
            Some(file) => {
                std::path::absolute(file).map(|file| file.display().to_string()).map_err(|why| why.to_string())
            }
            None => Ok(String::new()),
        };
        let hospital = keys::Settings {
            account: account.clone(),
            secret_file: place(&self.secret_file)?,
            user: self.user.clone().unwrap_or_default(),
            password_file: place(&self.password_file)?,
            public_key_file: place(&self.public_key_file)?,
            ..keys::Settings::default()
        };
        let own = keys::Settings {
            key_file: place(&self.key_file)?,
            passphrase_file: place(&self.passphrase_file)?,
            ..keys::Settings::default()
        };
        let read = |settings: &keys::Settings| {
            let told =
                |troubles: Vec<keys::Trouble>| troubles.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            keys::load::one("sandbox", settings, &keys::Sources::of_process()).map_err(told)
        };
        let (hospital, own) = (read(&hospital)?, read(&own)?);
        province.guarded(hospital, own.signer).map(Some).map_err(|why| match why {
            NotPlayed::Lacks(_, setting) => format!("{why}: tell it with --{}", setting.replace('_', "-")),
            why => why.to_string(),
        })
    }
}

fn banner(options: &Serve, sandbox: &Sandbox) {
    let (addr, shape) = (sandbox.addr(), sandbox.platform().settings().shape.name);
    println!("==============================================================================");
    println!("  MEDGATE SANDBOX  医保平台沙箱：不是真实平台，数据全部虚构，切勿用于生产");
    println!("  This is NOT a medical-insurance platform. Nothing here is real. Never use it in production.");
    println!("==============================================================================");
    println!("listening on http://{addr}  shape={shape} seed={}", options.seed);
    if let Some(profile) = &options.played.profile {
        let eyes =
            if options.played.account.is_some() { "signatures are verified" } else { "signatures are not looked at" };
        println!("plays the province of profile {profile}: {eyes}");
    }
    if let Some(seed) = options.temper {
        println!("temper drawn from {seed}: see http://{addr}/_sandbox/temper");
    }
    println!(
        "look at it: http://{addr}/   what it did: http://{addr}/_sandbox/ledger   all it offers: http://{addr}/_sandbox"
    );
    if options.fixed {
        println!("fixed mode: every call is only counted and gets a canned success");
    }
    if options.allow_any_address || options.allow_any_institution {
        println!(
            "WARNING: guards are off (--allow-any-...): make sure that no hospital can take this for the platform"
        );
    }
}

async fn wait_for_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

fn shape(name: &str) -> Result<&'static Shape, String> {
    let names = || SHAPES.iter().map(|shape| shape.name).collect::<Vec<_>>().join(", ");
    Shape::named(name).ok_or_else(|| format!("known shapes are {}", names()))
}

fn complain(text: &str) -> ExitCode {
    eprintln!("medgate-sandbox: {text}");
    ExitCode::from(EXIT_USAGE)
}

fn play_worlds(options: &Worlds) -> ExitCode {
    let played = match (options.seed, options.seeds) {
        (Some(seed), _) => world::many::one(seed, &mut std::io::stdout()),
        (None, Some((first, last))) => world::many::range(first, last, options.threads, &mut std::io::stderr()),
        (None, None) => return complain("say which: --seed N, or --seeds A..B"),
    };
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(cause) => complain(&format!("cannot play: {cause}")),
    }
}

/// `A..B`, both taken.
fn seeds(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once("..").and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    parts.filter(|(first, last)| first <= last).ok_or_else(|| "as 1..10000, both of them taken".to_owned())
}

async fn play_day(options: &Play) -> ExitCode {
    let token = match std::fs::read_to_string(&options.token) {
        Ok(token) => token,
        Err(cause) => return complain(&format!("cannot read the token file {}: {cause}", options.token.display())),
    };
    let day = Day {
        gateway: options.gateway.clone(),
        sandbox: options.sandbox.clone(),
        admin: options.admin.clone(),
        token,
        seed: options.seed,
        visits: options.visits,
        patience: Duration::from_millis(options.patience_ms),
        faults: !options.calm,
    };
    match day::play(&day, Arc::new(SystemClock::start()), &mut std::io::stdout(), &mut std::io::stderr()).await {
        Ok(report) if report.explained.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(cause) => complain(&with_causes(&cause)),
    }
}
