//! A day of the books, in China's time.

use std::fmt;

use crate::views::month::{day_at, moment_in, written_day};

const DAY_NS: i64 = 86_400_000_000_000;

/// A day, as year × 10000 + month × 100 + day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day of a moment, unix ns.
    pub fn at(unix_ns: i64) -> Day {
        Day(day_at(unix_ns))
    }

    /// As stored: year × 10000 + month × 100 + day; `None` when there is no such day.
    pub fn of_number(number: i64) -> Option<Day> {
        Day::read(&written_day(number)).filter(|day| day.0 == number)
    }

    /// The day in `2026-11-21`, `20261121`, `2026/11/21`, with or without a time behind it; `None` when there is none.
    pub fn read(text: &str) -> Option<Day> {
        let text = text.trim();
        let date = text.split([' ', 'T']).next().unwrap_or_default();
        let plain = match date.len() {
            8 | 14 if date.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..8])
            }
            _ => date.replace(['/', '.'], "-"),
        };
        let day = Day(day_at(moment_in(&plain)?));
        // The calendar must know it: the thirty-first of November is no day.
        let mut said = plain.split('-').map(|part| part.parse::<i64>().unwrap_or(0));
        let number = said.next()? * 10_000 + said.next()? * 100 + said.next()?;
        (day.0 == number).then_some(day)
    }

    /// The day so many days later.
    pub fn later(self, days: i64) -> Day {
        Day(day_at(self.begins_at() + days * DAY_NS))
    }

    /// Its first moment, unix ns.
    pub fn begins_at(self) -> i64 {
        moment_in(&written_day(self.0)).unwrap_or_default()
    }

    /// Whole days from this one to another.
    pub fn days_until(self, other: Day) -> i64 {
        (other.begins_at() - self.begins_at()) / DAY_NS
    }

    /// As stored: year × 10000 + month × 100 + day.
    pub fn number(self) -> i64 {
        self.0
    }

    /// First and last day of the month that `2026-11` names.
    pub fn month(text: &str) -> Option<(Day, Day)> {
        let whole = text.len() == 7 && text.as_bytes()[4] == b'-';
        let first = Day::read(&format!("{text}-01")).filter(|_| whole)?;
        let next = first.later(31);
        let over = next.0 % 100;
        Some((first, next.later(-over)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written_day(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written_and_counted_across_months() {
        let rows = [
            ("2026-11-21", Some(20_261_121)),
            ("2026-11-21 23:59:59", Some(20_261_121)),
            ("2026/11/21", Some(20_261_121)),
            ("20261121", Some(20_261_121)),
            ("20261121235959", Some(20_261_121)),
            ("2026-11-31", None),
            ("2028-02-29T00:00:00", Some(20_280_229)),
            ("2026-02-29", None),
            ("", None),
            ("昨天", None),
        ];
        for (text, day) in rows {
            assert_eq!(Day::read(text).map(Day::number), day, "{text}");
        }
        let last = Day::read("2026-12-31").unwrap();
        assert_eq!(
            (last.later(1).to_string(), last.later(-31).to_string()),
            ("2027-01-01".into(), "2026-11-30".into())
        );
        assert_eq!(last.days_until(last.later(45)), 45);
        let shown = |text: &str| Day::month(text).map(|(first, last)| format!("{first}..{last}"));
        assert_eq!(shown("2026-11").as_deref(), Some("2026-11-01..2026-11-30"));
        assert_eq!(shown("2026-12").as_deref(), Some("2026-12-01..2026-12-31"));
        assert_eq!(shown("2028-02").as_deref(), Some("2028-02-01..2028-02-29"));
        assert_eq!((shown("2026-13"), shown("202611")), (None, None));
        assert_eq!(Day::of_number(20_261_121).map(|day| day.to_string()).as_deref(), Some("2026-11-21"));
        assert_eq!(Day::of_number(20_261_131), None);
    }
}
