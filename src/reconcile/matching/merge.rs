//! All settlements of some days: a merge of three sorted streams, one settlement in memory at a time.

use std::cmp::Ordering;

use super::super::ledger::amounts::Amounts;
use super::judge::{CHARGE, Difference, Group, REFUND, Taking, judge};

/// A row of a ledger. Its strings are used again from row to row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The settlement that it stands under; a refund under the one that it takes back.
    pub key: String,
    /// It is a refund.
    pub refund: bool,
    /// With their sign.
    pub amounts: Amounts,
    /// As year × 10000 + month × 100 + day.
    pub day: i64,
    /// Where it stands.
    pub at: At,
    /// What more is known of it, of an own row.
    pub mark: Mark,
}

/// Where a row stands: an own one by its INTENT, another by the record that holds the file and its line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct At {
    /// Number of the record.
    pub record: u64,
    /// Line in the file; 0 of an own row.
    pub line: u64,
}

/// What more is known of an own row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    /// It is no row: it was sent, and what came of it is not known.
    pub sent: bool,
    /// It was taken back by a call that leaves no row.
    pub taken_back: bool,
    /// Its institution's ledger was not imported.
    pub no_his: bool,
    /// The platform says that it has the row otherwise, whatever it says of the amounts.
    pub differs: bool,
}

/// Rows in the order of their keys.
pub trait Lines {
    /// Why they cannot be read on.
    type Trouble;

    /// Reads the next one into `line`; false at the end.
    ///
    /// # Errors
    /// When they cannot be read on.
    fn next(&mut self, line: &mut Line) -> Result<bool, Self::Trouble>;
}

/// Whose rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The gateway's.
    Own = 0,
    /// The platform's.
    Platform = 1,
    /// The HIS's.
    His = 2,
}

/// One settlement with all its rows.
#[derive(Debug)]
pub struct Settlement<'a> {
    /// Its number.
    pub key: &'a str,
    /// Its rows, summed.
    pub group: &'a Group,
    /// The first row of each side by [`Side`], of charge and refund; none where it has none.
    pub first: &'a [[Option<At>; 2]; 3],
    /// How they stand to each other.
    pub difference: Option<Difference>,
}

/// A stream and its current row.
struct Head<'l, T> {
    lines: &'l mut dyn Lines<Trouble = T>,
    line: Line,
    is_there: bool,
}

impl<'l, T> Head<'l, T> {
    fn new(lines: &'l mut dyn Lines<Trouble = T>) -> Result<Head<'l, T>, T> {
        let mut line = Line::default();
        let is_there = lines.next(&mut line)?;
        Ok(Head { lines, line, is_there })
    }

    fn step(&mut self) -> Result<(), T> {
        self.is_there = self.lines.next(&mut self.line)?;
        Ok(())
    }
}

/// Shows every settlement that has a row on `day`, in the order of keys.
///
/// # Errors
/// When a stream cannot be read on, or `visit` says so.
pub fn merge<T>(
    [own, platform, his]: [&mut dyn Lines<Trouble = T>; 3],
    (day, taking): (i64, Taking),
    visit: &mut dyn FnMut(&Settlement<'_>) -> Result<(), T>,
) -> Result<(), T> {
    let mut heads = [Head::new(own)?, Head::new(platform)?, Head::new(his)?];
    let mut key = String::new();
    loop {
        let least = heads.iter().filter(|head| head.is_there).map(|head| &head.line.key).min();
        let Some(least) = least else { return Ok(()) };
        key.clone_from(least);
        let (mut group, mut first, mut on_day, mut no_his) = (Group::default(), [[None; 2]; 3], false, false);
        for (head, (side, first)) in
            heads.iter_mut().zip([Side::Own, Side::Platform, Side::His].into_iter().zip(&mut first))
        {
            while head.is_there && head.line.key.cmp(&key) == Ordering::Equal {
                let line = &head.line;
                let first = &mut first[usize::from(line.refund)];
                *first = first.or(Some(line.at));
                on_day |= line.day == day;
                no_his |= line.mark.no_his;
                add(&mut group, side, line);
                head.step()?;
            }
        }
        if on_day {
            let taking = Taking { his: taking.his && !no_his, ..taking };
            let difference = judge(&group, taking);
            visit(&Settlement { key: &key, group: &group, first: &first, difference })?;
        }
    }
}

fn add(group: &mut Group, side: Side, line: &Line) {
    if line.mark.sent {
        group.sent = Some(line.amounts);
        return;
    }
    group.taken_back |= line.mark.taken_back;
    let legs = match side {
        Side::Own => &mut group.own,
        Side::Platform => &mut group.platform,
        Side::His => &mut group.his,
    };
    let leg = &mut legs[if line.refund { REFUND } else { CHARGE }];
    leg.add(line.amounts, line.day);
    leg.differs |= line.mark.differs;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const DAY: i64 = 20_261_121;

    struct Given(std::vec::IntoIter<Line>);

    impl Lines for Given {
        type Trouble = Infallible;

        fn next(&mut self, line: &mut Line) -> Result<bool, Infallible> {
            let next = self.0.next();
            let is_there = next.is_some();
            *line = next.unwrap_or_default();
            Ok(is_there)
        }
    }

    /// `S1 300`, `S1 -300 22` (a refund on the 22nd), `S1 sent`.
    fn given(rows: &[&str]) -> Given {
        let line = |(nth, row): (usize, &&str)| {
            let mut words = row.split(' ');
            let key = words.next().unwrap().to_owned();
            let total = words.next().unwrap();
            let day = words.next().map_or(DAY, |day| DAY / 100 * 100 + day.parse::<i64>().unwrap());
            let units = total.parse::<i64>().ok();
            let mark = Mark { sent: total == "sent", taken_back: total == "back", ..Mark::default() };
            let amounts = Amounts([units.or(Some(300)), None, None, None]);
            Line {
                key,
                refund: units.is_some_and(|units| units < 0),
                amounts,
                day,
                at: At { record: 9, line: nth as u64 + 2 },
                mark,
            }
        };
        Given(rows.iter().enumerate().map(line).collect::<Vec<_>>().into_iter())
    }

    fn found(own: &[&str], platform: Option<&[&str]>, his: Option<&[&str]>) -> Vec<(String, &'static str)> {
        let taking = Taking { platform: platform.is_some(), his: his.is_some() };
        let (mut own, mut platform, mut his) =
            (given(own), given(platform.unwrap_or_default()), given(his.unwrap_or_default()));
        let mut found = Vec::new();
        let streams: [&mut dyn Lines<Trouble = Infallible>; 3] = [&mut own, &mut platform, &mut his];
        merge(streams, (DAY, taking), &mut |settlement| {
            found.push((settlement.key.to_owned(), settlement.difference.map_or("", |found| found.class.word())));
            Ok(())
        })
        .unwrap();
        found
    }

    #[test]
    fn settlements_come_in_order_each_with_its_class() {
        let own = ["A 300", "B 300", "C 300", "D 300", "E 300", "E -300 22", "F 300 22", "G back", "H sent", "K 300"];
        let platform = ["A 300", "B 300", "C 300", "D 300 22", "E 300", "E -300 22", "F 300 22", "I 300", "K 300"];
        let his = ["A 300", "C 200", "D 300", "E 300", "H 300", "I 300", "J 300", "K 100", "K 200"];
        let shown = found(&own, Some(&platform), Some(&his));
        let expected = [
            ("A", ""),
            ("B", "platform_more"),
            ("C", "amounts_differ"),
            ("D", "date_shift"),
            ("E", "refund_missing"),
            ("G", ""),
            ("H", "his_more"),
            ("I", "foreign_channel"),
            ("J", "his_more"),
            ("K", "split"),
        ];
        assert_eq!(shown, expected.map(|(key, class)| (key.to_owned(), class)), "F has no row on the day");
    }

    #[test]
    fn what_did_not_take_part_is_not_missed() {
        assert_eq!(found(&["A 300"], None, None), [("A".to_owned(), "")]);
        assert_eq!(found(&["A 300"], None, Some(&[])), [("A".to_owned(), "platform_more")]);
        assert_eq!(found(&["A 300"], Some(&[]), None), [("A".to_owned(), "journal_more")]);
        assert_eq!(found(&[], None, Some(&["A 300"])), [("A".to_owned(), "his_more")]);
        assert_eq!(found(&[], None, None), []);
    }
}
