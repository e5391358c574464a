//! Months and days in China's time, and which month an exchange belongs to: the one in which it arrived, by its id.

use std::fmt;

use crate::domain::exchange::ExchangeId;
use crate::domain::moment::china_time;

/// A month, as year × 100 + month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u32);

/// Ending of a month's file.
const ENDING: &str = ".sqlite";

impl Month {
    /// The month of a moment.
    pub fn at(unix_ns: i64) -> Month {
        Month(u32::try_from(day_at(unix_ns) / 100).unwrap_or(0))
    }

    /// The month in which an exchange arrived.
    pub fn of(exchange: ExchangeId) -> Month {
        Month::at(arrived_at(exchange))
    }

    /// `2026-11`.
    pub fn parse(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-')?;
        let whole = year.len() == 4 && month.len() == 2;
        let number = year.parse::<u32>().ok().filter(|_| whole)? * 100 + month.parse::<u32>().ok()?;
        (1..=12).contains(&(number % 100)).then_some(Month(number))
    }

    /// The month of `2026-11.sqlite`.
    pub fn of_file(name: &str) -> Option<Month> {
        Month::parse(name.strip_suffix(ENDING)?)
    }

    /// `2026-11.sqlite`.
    pub fn file_name(self) -> String {
        format!("{self}{ENDING}")
    }

    /// Whether one of these days, as year × 10000 + month × 100 + day, falls into it.
    pub fn overlaps(self, from: i64, until: i64) -> bool {
        (from / 100..=until / 100).contains(&i64::from(self.0))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 100, self.0 % 100)
    }
}

/// The moment in an id, to the millisecond.
pub fn arrived_at(exchange: ExchangeId) -> i64 {
    exchange.0[..6].iter().fold(0i64, |millis, byte| millis << 8 | i64::from(*byte)) * 1_000_000
}

/// The first id of a moment: every exchange that arrived then or later has a greater one.
pub fn first_id_at(unix_ns: i64) -> [u8; 16] {
    let millis = u64::try_from(unix_ns.div_euclid(1_000_000)).unwrap_or(0).to_be_bytes();
    let mut id = [0; 16];
    id[..6].copy_from_slice(&millis[2..]);
    id
}

/// The day of a moment as year × 10000 + month × 100 + day.
pub fn day_at(unix_ns: i64) -> i64 {
    let written = china_time(unix_ns);
    written[..10].bytes().filter(u8::is_ascii_digit).fold(0, |day, digit| day * 10 + i64::from(digit - b'0'))
}

/// `2026-11-21` of a day.
pub fn written_day(day: i64) -> String {
    format!("{:04}-{:02}-{:02}", day / 10_000, day / 100 % 100, day % 100)
}

/// The moment that people write: `2026-11-21`, `2026-11-21T08:30` or with seconds, in China's time; an offset may follow.
pub fn moment_in(text: &str) -> Option<i64> {
    let text = text.trim().strip_suffix("+08:00").unwrap_or(text.trim());
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let part = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
    let mut date = date.split('-').map(part);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut clock = clock.split(':').map(part);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let good = date.next().is_none()
        && clock.next().is_none()
        && (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 60;
    let nanos = part(&format!("{fraction:0<9}")).filter(|_| fraction.len() <= 9)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - 8 * 3600;
    if good { seconds.checked_mul(1_000_000_000)?.checked_add(nanos) } else { None }
}

/// Days since 1970-01-01 (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_china() {
        let november = 1_793_462_400_000_000_000; // 2026-10-31T16:00:00Z
        assert_eq!(
            (Month::at(november - 1).to_string(), Month::at(november).to_string()),
            ("2026-10".into(), "2026-11".into())
        );
        assert_eq!(day_at(november - 1), 20_261_031);
        assert_eq!(written_day(day_at(november)), "2026-11-01");
        let id = ExchangeId::new(november + 5_999_999, [7; 10]);
        assert_eq!(arrived_at(id), november + 5_000_000);
        assert!(first_id_at(november + 5_999_999) < id.0 && id.0 < first_id_at(november + 6_000_000));
        let month = Month::of(id);
        assert_eq!(Month::of_file(&month.file_name()), Some(month));
        assert!(month.overlaps(20_260_101, 20_261_101) && !month.overlaps(20_261_201, i64::MAX));
        for wrong in ["2026-13.sqlite", "2026-11.sqlite-wal", "26-11.sqlite", "x"] {
            assert_eq!(Month::of_file(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        let rows = [
            ("1970-01-01T08:00:00.000+08:00", Some(0)),
            ("2000-02-29 08:00", Some(951_782_400_000_000_000)),
            ("2025-01-01", Some(1_735_660_800_000_000_000)),
            ("2025-01-01T00:00:00.5", Some(1_735_660_800_500_000_000)),
            ("2025-13-01", None),
            ("yesterday", None),
            ("2025-01-01T", None),
            ("2025-01-01T24:00", None),
        ];
        for (written, expected) in rows {
            assert_eq!(moment_in(written), expected, "{written}");
        }
    }
}
