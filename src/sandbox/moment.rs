//! Platform time as text: China has one time zone, UTC+8, without summer time.

use serde::{Deserialize, Serialize};

const EAST_8_SECONDS: i64 = 8 * 3600;

/// A moment, split into China's civil time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    unix_s: i64,
    year: i64,
    month: i64,
    day: i64,
    second_of_day: i64,
    millis: i64,
}

impl Moment {
    /// Splits nanoseconds since 1970-01-01 UTC.
    pub fn of(unix_ns: i64) -> Moment {
        let seconds = unix_ns.div_euclid(1_000_000_000) + EAST_8_SECONDS;
        let (year, month, day) = civil_of_days(seconds.div_euclid(86_400));
        let millis = unix_ns.rem_euclid(1_000_000_000) / 1_000_000;
        let unix_s = unix_ns.div_euclid(1_000_000_000);
        Moment { unix_s, year, month, day, second_of_day: seconds.rem_euclid(86_400), millis }
    }

    /// Seconds since 1970-01-01 UTC.
    pub fn unix_s(&self) -> i64 {
        self.unix_s
    }

    /// `yyyy`.
    pub fn year(&self) -> String {
        format!("{:04}", self.year)
    }

    /// `yyyy-MM-dd`.
    pub fn day(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `yyyy-MM-dd HH:mm:ss`, the form of `inf_time` and `setl_time`.
    pub fn second(&self) -> String {
        let (hour, minute, second) = self.clock();
        format!("{} {hour:02}:{minute:02}:{second:02}", self.day())
    }

    /// `yyyyMMddHHmmss`, the middle part of a msgid.
    pub fn compact(&self) -> String {
        let (hour, minute, second) = self.clock();
        format!("{:04}{:02}{:02}{hour:02}{minute:02}{second:02}", self.year, self.month, self.day)
    }

    /// `yyyyMMddHHmmssSSS`, the form of `refmsg_time` and `respond_time`.
    pub fn compact_millis(&self) -> String {
        format!("{}{:03}", self.compact(), self.millis)
    }

    fn clock(&self) -> (i64, i64, i64) {
        (self.second_of_day / 3600, self.second_of_day / 60 % 60, self.second_of_day % 60)
    }
}

/// Year, month and day of a count of days since 1970-01-01, by the Gregorian rule (eras of 400 years from March).
fn civil_of_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_time_is_china_time() {
        // The last column is what `TZ=Asia/Shanghai date -d @seconds` prints.
        for (seconds, expected) in [
            (0, "1970-01-01 08:00:00"),
            (1_709_135_999, "2024-02-28 23:59:59"),
            (1_709_136_000, "2024-02-29 00:00:00"),
            (1_735_660_800, "2025-01-01 00:00:00"),
            (4_107_542_400, "2100-03-01 08:00:00"),
        ] {
            assert_eq!(Moment::of(seconds * 1_000_000_000).second(), expected);
        }
        assert_eq!(Moment::of(1_709_136_000_042_000_000).compact_millis(), "20240229000000042");
    }
}
