//! One settlement, and how its rows stand to each other: a table. Pure.

use super::super::ledger::amounts::Amounts;
use super::class::Class;

/// What one side has of a settlement, or of its refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leg {
    /// Rows; 0 when it has none.
    pub rows: u32,
    /// Their sum.
    pub amounts: Amounts,
    /// First day on which one stands, as year × 10000 + month × 100 + day.
    pub first_day: i64,
    /// The last one.
    pub last_day: i64,
    /// The platform says that it has it otherwise.
    pub differs: bool,
}

impl Leg {
    /// One row.
    pub fn of(amounts: Amounts, day: i64) -> Leg {
        Leg { rows: 1, amounts, first_day: day, last_day: day, differs: false }
    }

    /// Adds a row.
    pub fn add(&mut self, amounts: Amounts, day: i64) {
        if self.rows == 0 {
            *self = Leg::of(amounts, day);
        } else {
            self.rows += 1;
            self.amounts = self.amounts.plus(amounts);
            (self.first_day, self.last_day) = (self.first_day.min(day), self.last_day.max(day));
        }
    }

    /// It has something.
    pub fn is_there(&self) -> bool {
        self.rows > 0
    }
}

/// Which ledgers take part beside the own one, which always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taking {
    /// The platform's own list of the day.
    pub platform: bool,
    /// The HIS's.
    pub his: bool,
}

/// The rows of one settlement: charge and refund of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Group {
    /// The gateway's.
    pub own: [Leg; 2],
    /// The platform's.
    pub platform: [Leg; 2],
    /// The HIS's.
    pub his: [Leg; 2],
    /// The journal proves that it was taken back by a call that leaves no row of its own (2601).
    pub taken_back: bool,
    /// The journal sent it, over this money, and does not know what came of it.
    pub sent: Option<Amounts>,
}

/// Places in the pairs of a [`Group`].
pub const CHARGE: usize = 0;
/// The refund.
pub const REFUND: usize = 1;

/// How the rows of a settlement differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The class.
    pub class: Class,
    /// Platform and HIS hold the same money all the same.
    pub explained: bool,
}

/// The difference, if there is one.
pub fn judge(group: &Group, taking: Taking) -> Option<Difference> {
    let class = class_of(group, taking)?;
    let foreign = class == Class::ForeignChannel && taking.his;
    // What came by another channel is known to both when none of its rows is missing; amounts were compared before.
    let known = foreign && (0..2).all(|which| group.platform[which].is_there() == group.his[which].is_there());
    Some(Difference { class, explained: class.is_explained() || known })
}

fn class_of(group: &Group, taking: Taking) -> Option<Class> {
    if group.taken_back && !group.own[REFUND].is_there() {
        return taken_back(group, taking);
    }
    let (charge, refund) = (leg(group, CHARGE, taking), leg(group, REFUND, taking));
    match (charge, refund) {
        (Some(class), _) if !class.is_explained() => Some(class),
        // Both have the charge, so that what is missing is only the refund.
        (_, Some(Class::PlatformMore | Class::HisMore | Class::JournalMore)) => Some(Class::RefundMissing),
        (charge, refund) => refund.filter(|class| !class.is_explained()).or(charge).or(refund),
    }
}

/// Taken back without a trace: each side has neither row, or both.
fn taken_back(group: &Group, taking: Taking) -> Option<Class> {
    let stands = |side: &[Leg; 2]| side[CHARGE].is_there() && !side[REFUND].is_there();
    match (taking.platform && stands(&group.platform), taking.his && stands(&group.his)) {
        (true, _) => Some(Class::RefundMissing),
        (false, true) => Some(Class::HisMore),
        (false, false) => None,
    }
}

#[rustfmt::skip]
fn leg(group: &Group, which: usize, taking: Taking) -> Option<Class> {
    use Class::*;
    let (own, platform, his) = (&group.own[which], &group.platform[which], &group.his[which]);
    let sent = own.is_there() || group.sent.is_some();
    // Without the platform's own list, what it answered stands for it.
    let listed = taking.platform.then(|| platform.is_there());
    let booked = taking.his.then(|| his.is_there());
    match (sent, listed.unwrap_or(own.is_there()), booked) {
        (false, false, None | Some(false))  => None,
        (false, true,  Some(true))          => among([own, platform, his]).filter(|class| *class == AmountsDiffer).or(Some(ForeignChannel)),
        (false, true,  None | Some(false))  => Some(ForeignChannel),
        (_,     false, Some(true))          => Some(HisMore),
        (true,  false, _) if !own.is_there() => None, // Unknown, and nobody has it: the case of the exchange says more.
        (true,  false, None | Some(false))  => Some(JournalMore),
        (true,  true,  Some(false))         => Some(PlatformMore),
        (true,  true,  None | Some(true))   => among([own, platform, his]),
    }
}

/// All sides that take part have it: amounts, days, number of rows.
fn among(sides: [&Leg; 3]) -> Option<Class> {
    let there: Vec<&Leg> = sides.into_iter().filter(|leg| leg.is_there()).collect();
    let pairs = || there.iter().flat_map(|one| there.iter().map(move |two| (*one, *two)));
    if there.iter().any(|leg| leg.differs) || pairs().any(|(one, two)| !one.amounts.agrees(two.amounts)) {
        return Some(Class::AmountsDiffer);
    }
    if pairs().any(|(one, two)| (one.first_day, one.last_day) != (two.first_day, two.last_day)) {
        return Some(Class::DateShift);
    }
    (sides[2].rows > 1).then_some(Class::Split)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const DAY: i64 = 20_261_121;

    /// What a side may hold: its name, whether its ledger takes part, and its rows.
    type Held = (&'static str, bool, Leg);

    fn legs(rows: &[(i64, i64)]) -> Leg {
        let mut leg = Leg::default();
        rows.iter().for_each(|(total, day)| leg.add(Amounts([Some(*total), Some(1), None, None]), *day));
        if leg.is_there() {
            leg.amounts.0[1] = Some(1);
        }
        leg
    }

    fn own() -> [Held; 3] {
        [("-", true, legs(&[])), ("300", true, legs(&[(300, DAY)])), ("sent", true, legs(&[]))]
    }

    fn platform() -> [Held; 5] {
        [
            ("not asked", false, legs(&[])),
            ("-", true, legs(&[])),
            ("300", true, legs(&[(300, DAY)])),
            ("200", true, legs(&[(200, DAY)])),
            ("300 next day", true, legs(&[(300, DAY + 1)])),
        ]
    }

    fn his() -> [Held; 7] {
        [
            ("no file", false, legs(&[])),
            ("-", true, legs(&[])),
            ("300", true, legs(&[(300, DAY)])),
            ("100", true, legs(&[(100, DAY)])),
            ("100+200", true, legs(&[(100, DAY), (200, DAY)])),
            ("100+100", true, legs(&[(100, DAY), (100, DAY)])),
            ("300 next day", true, legs(&[(300, DAY + 1)])),
        ]
    }

    fn shown(found: Option<Difference>) -> String {
        let explained = |explained| if explained { " (explained)" } else { "" };
        let of = |Difference { class, explained: so }: Difference| {
            format!(" {} {}{}", class.word(), class.chinese(), explained(so))
        };
        found.map_or_else(String::new, of)
    }

    /// Every combination, as a text that an insurance officer can read.
    fn table() -> String {
        let mut text = String::from("rows    | journal    | platform     | HIS          | difference\n");
        for (which, name) in [(CHARGE, "charge"), (REFUND, "refund")] {
            for own in own() {
                for platform in platform() {
                    for his in his() {
                        let mut group = Group { sent: (own.0 == "sent").then(Amounts::default), ..Group::default() };
                        (group.own[which], group.platform[which], group.his[which]) = (own.2, platform.2, his.2);
                        if which == REFUND {
                            // The charge stands alike on all sides.
                            group.own[CHARGE] = legs(&[(300, DAY)]);
                            group.platform[CHARGE] = if platform.1 { legs(&[(300, DAY)]) } else { Leg::default() };
                            group.his[CHARGE] = if his.1 { legs(&[(300, DAY)]) } else { Leg::default() };
                            if own.0 == "sent" {
                                continue;
                            }
                        }
                        let found = judge(&group, Taking { platform: platform.1, his: his.1 });
                        let shown = shown(found);
                        writeln!(text, "{name:<7} | {:<10} | {:<12} | {:<12} |{shown}", own.0, platform.0, his.0)
                            .unwrap();
                    }
                }
            }
        }
        text += "\ntaken back by 2601, which leaves no row:\n";
        for (platform, his) in [(false, false), (true, false), (false, true), (true, true)] {
            let stands = |there: bool| [if there { legs(&[(300, DAY)]) } else { Leg::default() }, Leg::default()];
            let group =
                Group { own: stands(true), platform: stands(platform), his: stands(his), taken_back: true, sent: None };
            let found = judge(&group, Taking { platform: true, his: true });
            let side = |there: bool| if there { "300" } else { "-" };
            let shown = shown(found);
            writeln!(
                text,
                "{:<7} | {:<10} | {:<12} | {:<12} |{shown}",
                "charge",
                "300, back",
                side(platform),
                side(his)
            )
            .unwrap();
        }
        text
    }

    #[test]
    fn every_combination_is_the_golden_text() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/differences.txt");
        if std::env::var_os("MEDGATE_UPDATE_GOLDEN").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap();
        assert_eq!(table(), golden, "run with MEDGATE_UPDATE_GOLDEN=1 to write the new table, and read its diff");
    }

    #[test]
    fn a_refund_that_only_one_side_has_is_missing_and_a_wrong_charge_counts_before_it() {
        let charge = legs(&[(300, DAY)]);
        let both = Taking { platform: true, his: true };
        let group = Group {
            own: [charge, legs(&[(-300, DAY)])],
            platform: [charge, legs(&[(-300, DAY)])],
            his: [charge, Leg::default()],
            ..Group::default()
        };
        assert_eq!(class_of(&group, both), Some(Class::RefundMissing));
        assert_eq!(
            class_of(&Group { his: [legs(&[(1, DAY)]), Leg::default()], ..group }, both),
            Some(Class::AmountsDiffer)
        );
        let whole = Group { his: group.platform, ..group };
        assert_eq!((judge(&whole, both), judge(&whole, Taking { platform: false, his: true })), (None, None));
    }
}
