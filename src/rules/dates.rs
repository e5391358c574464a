//! Days and times as messages write them, and the day for which rules are compiled.

use std::fmt;

/// A day, as yyyyMMdd; orders as days do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u32);

impl Day {
    /// Before every other day.
    pub const FIRST: Day = Day(0);
    /// After every other day.
    pub const LAST: Day = Day(99_991_231);

    /// `2025-01-31`; `None` for what is no day.
    pub fn read(text: &str) -> Option<Day> {
        is_day(text.as_bytes()).then(|| {
            Day(text.bytes().filter(u8::is_ascii_digit).fold(0, |all, digit| all * 10 + u32::from(digit - b'0')))
        })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

/// `2025-01-31`, and there is such a day.
pub fn is_day(text: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return false };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u32, |all, digit| digit.is_ascii_digit().then(|| all * 10 + u32::from(digit - b'0')))
    };
    let (Some(year), Some(month), Some(day)) =
        (number(&[*y1, *y2, *y3, *y4]), number(&[*m1, *m2]), number(&[*d1, *d2]))
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `2025-01-31 08:00:00`, with or without a fraction of the second.
pub fn is_time(text: &[u8]) -> bool {
    let Some((day, time)) = text.split_at_checked(10) else { return false };
    let (time, fraction) = time.split_at(time.len().min(9));
    let [b' ', h1, h2, b':', m1, m2, b':', s1, s2] = time else { return false };
    let below = |tens: &u8, ones: &u8, most: u8| {
        tens.is_ascii_digit() && ones.is_ascii_digit() && (tens - b'0') * 10 + (ones - b'0') < most
    };
    let fraction_holds = match fraction {
        [] => true,
        [b'.', digits @ ..] => (1..=6).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_day(day) && below(h1, h2, 24) && below(m1, m2, 60) && below(s1, s2, 60) && fraction_holds
}

/// `202501`.
pub fn is_month(text: &[u8]) -> bool {
    let [_, _, _, _, m1, m2] = text else { return false };
    text.iter().all(u8::is_ascii_digit) && (1..=12).contains(&((m1 - b'0') * 10 + (m2 - b'0')))
}

/// A day, with or without a time.
pub fn is_moment(text: &str) -> bool {
    is_day(text.as_bytes()) || is_time(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (text, holds) in [
            ("2024-02-29", true),
            ("2023-02-29", false),
            ("1900-02-29", false),
            ("2025-13-01", false),
            ("2025-1-1", false),
            ("20250101", false),
            ("2025-04-31", false),
            ("", false),
            ("２025-01-01", false),
        ] {
            assert_eq!(is_day(text.as_bytes()), holds, "{text}");
        }
        for (text, holds) in [
            ("2025-01-02 08:00:00", true),
            ("2025-01-02 24:00:00", false),
            ("2025-01-0208:00:00", false),
            ("2025-01-02 08:00:00.123", true),
            ("2025-01-02 08:00:00.", false),
            ("2025-01-02", false),
        ] {
            assert_eq!(is_time(text.as_bytes()), holds, "{text}");
        }
        assert!(is_month(b"202512") && !is_month(b"202513") && !is_month(b"2025-1"));
        assert!(Day::read("2024-12-31") < Day::read("2025-01-01") && Day::read("2025-02-30").is_none());
        assert_eq!(Day::read("2025-03-04").unwrap().to_string(), "2025-03-04");
    }
}
