//! Amounts as whole ten-thousandths of a yuan, so that SQLite adds them exactly.

use rust_decimal::Decimal;

/// Digits behind the point that are kept.
const SCALE: u32 = 4;

/// Ten-thousandths of a yuan of a decimal text; `None` when it is no amount, or finer or larger than can be kept exactly.
pub fn units_of(text: &str) -> Option<i64> {
    let amount = Decimal::from_str_exact(text.trim()).ok()?.normalize();
    (amount.scale() <= SCALE).then_some(())?;
    i64::try_from(amount.mantissa().checked_mul(10i128.checked_pow(SCALE - amount.scale())?)?).ok()
}

/// The decimal text of ten-thousandths, with at least two digits behind the point.
pub fn written(units: i64) -> String {
    let amount = Decimal::new(units, SCALE).normalize();
    let scale = amount.scale().max(2);
    format!("{amount:.*}", scale as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_not_taken() {
        let rows = [
            ("12.50", Some(125_000), "12.50"),
            ("-0.01", Some(-100), "-0.01"),
            ("0", Some(0), "0.00"),
            ("3.1415", Some(31_415), "3.1415"),
            ("922337203685477.5807", Some(i64::MAX), "922337203685477.5807"),
            ("922337203685477.5808", None, ""),
            ("0.00001", None, ""),
            ("1e3", None, ""),
            ("many", None, ""),
        ];
        for (text, units, back) in rows {
            assert_eq!(units_of(text), units, "{text}");
            assert_eq!(units.map(written).unwrap_or_default(), back);
        }
    }
}
