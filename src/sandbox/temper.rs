//! The temper of a platform, drawn from a seed: how cruel it is, and what it does where the specification leaves it open.
//! The same seed is the same platform; each institution's calls meet the same faults in the same order.

use std::collections::BTreeMap;

use serde::Serialize;

use super::call::Call;
use super::draw::Draw;
use super::faults::Fault;
use super::ledger::{Habits, Tone};
use super::shape::{SHAPES, Shape};

/// How often money calls are struck, percent: from kind to cruel.
const CRUELTIES: [u32; 5] = [0, 2, 5, 10, 20];
/// Calls that are not about money are struck so many times less.
const OTHERS_LESS: u32 = 4;
/// A sign_no's life where the province looks at it: a shift.
const SHIFT_S: u32 = 8 * 3600;

/// How often it is this of a hundred, and what goes wrong.
type Chance = (u64, fn(&mut Draw) -> Fault);

/// What can go wrong by chance.
const CHANCES: [Chance; 10] = [
    (18, |_| Fault::CommitThenDrop),
    (12, |draw| Fault::DropThenCommit { ms: 50 + draw.below(500) }),
    (12, |draw| Fault::Late { ms: 100 + draw.below(2_500) }),
    (8, |draw| Fault::LateCommit { ms: 100 + draw.below(1_500) }),
    (10, |_| Fault::HalfAnswer),
    (8, |_| Fault::SlowDrip { ms: 2 }),
    (12, |draw| Fault::Page502 { commit: draw.chance(50) }),
    (8, |_| Fault::Refuse),
    (6, |draw| Fault::RefuseSaying {
        err_msg: "下游系统处理超时，请稍后查询".to_string(), commit: draw.chance(50)
    }),
    (6, |draw| if draw.chance(50) { Fault::Drop } else { Fault::Reset }),
];

/// A platform's temper.
#[derive(Debug, Clone, Serialize)]
pub struct Temper {
    /// Draws it.
    pub seed: u64,
    /// Money calls struck, percent.
    pub cruelty: u32,
    /// What it does where nobody says what to do.
    pub habits: Habits,
    /// How it writes its answers.
    #[serde(serialize_with = "shape_name")]
    pub shape: &'static Shape,
    /// Calls met so far, by institution and transaction.
    #[serde(skip)]
    met: BTreeMap<(String, String), u64>,
}

impl Temper {
    /// The temper of a seed.
    pub fn of(seed: u64) -> Temper {
        let mut draw = Draw::from_seed(seed ^ 0x7e3_4e7);
        let cruelty = *draw.one(&CRUELTIES);
        let shape = *draw.one(&[&SHAPES[0], &SHAPES[1], &SHAPES[2], &SHAPES[3], &SHAPES[4]]);
        let habits = Habits {
            replays: draw.chance(25),
            reverses_twice: draw.chance(50),
            knows_its_msgids: draw.chance(30),
            takes_lines_twice: draw.chance(40),
            watches_codes: draw.chance(40),
            tells_who_has_more: draw.chance(50),
            spare_fields: draw.chance(50),
            omits_empty: draw.chance(40),
            tone: *draw.one(&[Tone::Plain, Tone::Tagged, Tone::Announced]),
            sign_life_s: if draw.chance(30) { SHIFT_S } else { 0 },
            ..Habits::default()
        };
        Temper { seed, cruelty, habits, shape, met: BTreeMap::new() }
    }

    /// What goes wrong with this call, by chance.
    pub fn strike(&mut self, call: &Call) -> Option<Fault> {
        let met = self.met.entry((call.fixmedins_code.clone(), call.infno.clone())).or_default();
        *met += 1;
        let name = call.fixmedins_code.bytes().chain(call.infno.bytes());
        let mixed = name.fold(self.seed, |sum, byte| sum.wrapping_mul(1_099_511_628_211) ^ u64::from(byte));
        let mut draw = Draw::from_seed(mixed ^ met.wrapping_mul(0x9e37_79b9));
        let percent_of = if is_money(&call.infno) { 1 } else { OTHERS_LESS };
        if draw.below(100 * u64::from(percent_of)) >= u64::from(self.cruelty) {
            return None;
        }
        let mut at = draw.below(CHANCES.iter().map(|(weight, _)| weight).sum());
        let found = CHANCES.iter().find(|(weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        found.map(|(_, fault)| fault(&mut draw))
    }
}

fn is_money(infno: &str) -> bool {
    ["2102", "2103", "2207", "2208", "2304", "2305", "2601"].iter().any(|money| infno.starts_with(money))
}

fn shape_name<S: serde::Serializer>(shape: &&'static Shape, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(shape.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(seed: u64) -> Vec<Option<Fault>> {
        let mut temper = Temper::of(seed);
        let call = Call::read("/2207", br#"{"fixmedins_code":"H99000000001"}"#);
        (0..400).map(|_| temper.strike(&call)).collect()
    }

    #[test]
    fn the_same_seed_is_the_same_platform_and_seeds_differ() {
        let mut cruelties = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let (one, two) = (faults(seed), faults(seed));
            assert_eq!(one, two);
            let temper = Temper::of(seed);
            let struck = one.iter().flatten().count();
            let expected = temper.cruelty as usize * 4;
            assert!(
                struck <= expected * 2 + 4 && struck * 3 >= expected,
                "seed {seed}: {struck} of 400 at {}",
                temper.cruelty
            );
            cruelties.insert(temper.cruelty);
        }
        assert_eq!(cruelties.len(), CRUELTIES.len());
    }
}
