//! How a moment is written for people: China's one time zone, to the millisecond.

const OFFSET_SECONDS: i64 = 8 * 3600;

/// Nanoseconds of so many days; more than can be counted is as much as can be.
pub fn days_ns(days: u64) -> i64 {
    i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(86_400_000_000_000)
}

/// `2026-11-21T21:37:05.123+08:00` for nanoseconds since 1970-01-01 UTC.
pub fn china_time(unix_ns: i64) -> String {
    let local_ms = unix_ns.div_euclid(1_000_000) + OFFSET_SECONDS * 1000;
    let (seconds, ms) = (local_ms.div_euclid(1000), local_ms.rem_euclid(1000));
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}+08:00")
}

/// Year, month and day of a count of days since 1970-01-01, by the Gregorian calendar (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468; // Days since 0000-03-01: leap days come last in a year that begins in March.
    let era = from_march.div_euclid(146_097);
    let of_era = from_march.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_chinas_time() {
        let rows = [
            (0, "1970-01-01T08:00:00.000+08:00"),
            (951_782_400_000_000_000, "2000-02-29T08:00:00.000+08:00"),
            (1_735_660_799_999_000_000, "2024-12-31T23:59:59.999+08:00"),
            (1_735_660_800_000_000_000, "2025-01-01T00:00:00.000+08:00"),
            (4_107_542_400_123_456_789, "2100-03-01T08:00:00.123+08:00"),
            (-1, "1970-01-01T07:59:59.999+08:00"),
        ];
        for (unix_ns, written) in rows {
            assert_eq!(china_time(unix_ns), written);
        }
    }
}
