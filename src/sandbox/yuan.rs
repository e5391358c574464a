//! Amounts in the stand-in's own JSON (ledger, books): a text with two decimals, so that nothing rounds them.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serializer, de};

/// `12.50`.
pub fn text(amount: Decimal) -> String {
    digits(amount, 2)
}

/// With so many decimals; nothing taken back is nothing, not minus nothing.
pub fn digits(amount: Decimal, decimals: usize) -> String {
    let amount = if amount.is_zero() { Decimal::ZERO } else { amount };
    format!("{amount:.decimals$}")
}

/// For `#[serde(with = "yuan")]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(amount: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*amount))
}

/// For `#[serde(with = "yuan")]`.
///
/// # Errors
/// When the text is no decimal number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_sign() {
        assert_eq!([text(-Decimal::ZERO), text(Decimal::new(-125, 1))], ["0.00", "-12.50"]);
    }
}
