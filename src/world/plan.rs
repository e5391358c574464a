//! What a seed draws of a world: who is in it, how long they wait, how cruel the lines are, when the gateway is killed.

use std::fmt::Write as _;

use crate::exchange::settings::WhenUnknown;
use crate::sandbox::callers::dialect::{DIALECTS, Dialect};
use crate::sandbox::draw::Draw;
use crate::sandbox::shape::{SHAPES, Shape};

/// 2026-03-02 01:00 UTC: nine in the morning of a Monday in China.
const BEGINS_UNIX_NS: i64 = 1_772_413_200_000_000_000;
/// Shapes of answers that the baseline's profile reads.
const SHAPES_DRAWN: usize = 5;
/// Dialects of hospitals; the last one is a drugstore's.
const HOSPITALS: usize = 5;

/// When the gateway is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// Not in this life.
    Never,
    /// At this operation of the disk, counted from its opening on.
    AtDisk(u64),
    /// Before this call leaves for the platform.
    BeforeSend(u64),
    /// After the platform's answer to this call came.
    AfterReply(u64),
    /// Before this answer is handed to the hospital.
    BeforeAnswer(u64),
    /// After it was handed over.
    AfterAnswer(u64),
    /// After so many milliseconds.
    After(u64),
}

/// One life of the gateway.
#[derive(Debug, Clone, Copy)]
pub struct LifePlan {
    /// Its end.
    pub kill: Kill,
    /// Whether the power goes with it; else what was written and not synced can still be read.
    pub power_cut: bool,
    /// How long nobody answers then, milliseconds.
    pub down_ms: u64,
    /// This sync of a file, counted from the opening on, fails.
    pub sync_fails: Option<u64>,
    /// Percent of writes that are short.
    pub short_writes: u32,
}

/// Habits of the hospital.
#[derive(Debug, Clone, Copy)]
pub struct Conduct {
    /// How long it waits for an answer.
    pub patience_ms: u64,
    /// How often a call is made before the clerk gives up.
    pub tries: u64,
    /// It sends the same message again; else one with a new msgid.
    pub same_msgid: bool,
    /// Percent of answers after which it crashes before it has booked.
    pub crashes: u32,
    /// Percent of answers that are lost behind the gateway's socket.
    pub loses: u32,
    /// Percent of silent settlements after which it reverses by itself (2601).
    pub reverses: u32,
    /// Percent of them after which it registers the patient anew.
    pub registers_anew: u32,
    /// Percent of booked bills that it takes back (2208).
    pub cancels: u32,
    /// Percent of booked bills whose goods it reports (3505), which proves that it has booked.
    pub reports: u32,
    /// It takes "unknown" of a cancel for done.
    pub careless: bool,
    /// It comes back to what stayed open after a quarter of an hour.
    pub comes_back: bool,
}

/// What a seed draws.
pub struct Plan {
    /// The wall clock at the beginning.
    pub begins_unix_ns: i64,
    /// Patients, who come at the same time.
    pub patients: usize,
    /// How the hospital writes.
    pub dialect: &'static Dialect,
    /// Its habits.
    pub conduct: Conduct,
    /// How the platform writes.
    pub shape: &'static Shape,
    /// The platform settles a settled batch again.
    pub settles_twice: bool,
    /// The platform refuses to reverse what it never saw.
    pub knows_its_msgids: bool,
    /// Percent of money calls that go wrong on the way.
    pub cruelty: u32,
    /// How long the gateway lets the hospital wait, milliseconds.
    pub answer_ms: u64,
    /// How long it listens.
    pub listen_ms: u64,
    /// What the hospital hears when the outcome is unknown.
    pub unknown: WhenUnknown,
    /// Minutes before the finisher does anything about a case.
    pub retry_minutes: u64,
    /// Sum in yuan up to which it takes a settlement back without a person.
    pub auto_yuan_max: &'static str,
    /// At the day's end persons decide about what is open.
    pub office: bool,
    /// Lives of the gateway; the last one is not killed.
    pub lives: Vec<LifePlan>,
    /// Seconds after the step before, and by how many seconds the clock is set.
    pub clock_steps: Vec<(u64, i64)>,
}

/// The draw of one part of a world.
pub fn draw_of(seed: u64, part: u64) -> Draw {
    let mut mixed = Draw::from_seed(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ part.wrapping_mul(0x9e37_79b9));
    Draw::from_seed(mixed.bits())
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Plan {
        let mut draw = draw_of(seed, 1);
        let unknown = *draw.one(&[WhenUnknown::Native, WhenUnknown::Native, WhenUnknown::Hold, WhenUnknown::Close]);
        let answer_ms = *draw.one(&[3_000, 8_000, 20_000, 60_000]);
        Plan {
            begins_unix_ns: BEGINS_UNIX_NS + draw.below(20_000_000_000_000).cast_signed(),
            patients: 1 + draw.below(6) as usize,
            dialect: draw.one(&DIALECTS[..HOSPITALS]),
            conduct: Conduct::of(&mut draw),
            shape: draw.one(&SHAPES[..SHAPES_DRAWN]),
            settles_twice: draw.chance(80),
            knows_its_msgids: draw.chance(30),
            cruelty: *draw.one(&[0, 15, 35, 60]),
            answer_ms,
            listen_ms: answer_ms + 600_000,
            unknown,
            retry_minutes: *draw.one(&[2, 10, 30]),
            auto_yuan_max: ["0", "0", "100000"][draw.below(3) as usize],
            office: draw.chance(50),
            lives: lives(&mut draw),
            clock_steps: (0..draw.below(3)).map(|_| (draw.below(900), step(&mut draw))).collect(),
        }
    }

    /// The plan in a line.
    pub fn told(&self) -> String {
        let Plan { patients, dialect, shape, cruelty, answer_ms, unknown, .. } = self;
        let mut told = format!(
            "{patients} patients at {} ({}); the platform answers as {}, {cruelty} % of money calls go wrong; \
             the gateway answers within {answer_ms} ms and says \"unknown\" by {unknown:?}",
            dialect.fixmedins_code, dialect.name, shape.name
        );
        let (kills, auto) = (self.lives.len() - 1, self.auto_yuan_max);
        _ = write!(told, "; the gateway is killed up to {kills} times, and takes back by itself up to {auto} yuan");
        if self.lives.iter().any(|life| life.sync_fails.is_some()) {
            told.push_str("; a sync of its disk fails");
        }
        told
    }
}

impl Conduct {
    fn of(draw: &mut Draw) -> Conduct {
        Conduct {
            patience_ms: *draw.one(&[2_000, 10_000, 30_000, 90_000]),
            tries: 1 + draw.below(4),
            same_msgid: draw.chance(40),
            crashes: *draw.one(&[0, 0, 10, 25]),
            loses: *draw.one(&[0, 0, 10, 25]),
            reverses: *draw.one(&[0, 0, 30, 60]),
            registers_anew: *draw.one(&[0, 20, 50]),
            cancels: *draw.one(&[10, 30, 60]),
            reports: *draw.one(&[0, 30, 80]),
            careless: draw.chance(30),
            comes_back: draw.chance(50),
        }
    }
}

fn lives(draw: &mut Draw) -> Vec<LifePlan> {
    let kills = [0, 1, 1, 2, 3][draw.below(5) as usize];
    (0..=kills).map(|life| LifePlan::of(draw, life == kills)).collect()
}

impl LifePlan {
    fn of(draw: &mut Draw, last: bool) -> LifePlan {
        let nth = 1 + draw.below(12);
        let kill = match draw.below(7) {
            0 | 1 => Kill::AtDisk(1 + draw.below(260)),
            2 => Kill::BeforeSend(nth),
            3 => Kill::AfterReply(nth),
            4 => Kill::BeforeAnswer(nth),
            5 => Kill::AfterAnswer(nth),
            _ => Kill::After(draw.below(120_000)),
        };
        LifePlan {
            kill: if last { Kill::Never } else { kill },
            power_cut: draw.chance(60),
            down_ms: 200 + draw.below(60_000),
            sync_fails: draw.chance(8).then(|| 1 + draw.below(60)),
            short_writes: if draw.chance(20) { 30 } else { 0 },
        }
    }
}

fn step(draw: &mut Draw) -> i64 {
    let by = *draw.one(&[1, 30, 600, 7_200]);
    if draw.chance(50) { by } else { -by }
}
