//! Sizes, durations and percentages in their canonical spelling.

use std::fmt;

const BYTE_UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantityError {
    /// The text.
    pub text: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no {}", self.text, self.expected)
    }
}

impl std::error::Error for QuantityError {}

fn format_in(amount: u64, units: &[(&str, u64)], smallest: &str) -> String {
    for (name, factor) in units {
        if amount != 0 && amount.is_multiple_of(*factor) {
            return format!("{}{name}", amount / factor);
        }
    }
    format!("{amount}{smallest}")
}

fn parse_in(text: &str, units: &[(&str, u64)], expected: &'static str) -> Result<u64, QuantityError> {
    let error = || QuantityError { text: text.to_owned(), expected };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
    number.checked_mul(*factor).ok_or_else(error)
}

/// Writes a size in bytes with the largest unit that divides it: `20GiB`, `1536MiB`, `10B`.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    format_in(bytes, &BYTE_UNITS, "B")
}

/// Writes a duration in milliseconds with the largest unit that divides it: `90s`, `5min`.
#[must_use]
pub fn format_duration(duration_ms: u64) -> String {
    format_in(duration_ms, &DURATION_UNITS, "ms")
}

/// Writes a percentage: `25%`.
#[must_use]
pub fn format_percent(percent: u32) -> String {
    format!("{percent}%")
}

/// Reads a size in bytes from its canonical spelling.
///
/// # Errors
/// When the text is not a whole number with one of the units B, KiB, MiB, GiB and TiB.
pub fn parse_bytes(text: &str) -> Result<u64, QuantityError> {
    let expected = "size, such as 20GiB";
    if let Some(number) = text.strip_suffix('B').filter(|number| number.bytes().all(|b| b.is_ascii_digit())) {
        return number.parse().map_err(|_| QuantityError { text: text.to_owned(), expected });
    }
    parse_in(text, &BYTE_UNITS, expected)
}

/// Reads a duration in milliseconds from its canonical spelling.
///
/// # Errors
/// When the text is not a whole number with one of the units ms, s, min, h and d.
pub fn parse_duration_ms(text: &str) -> Result<u64, QuantityError> {
    parse_in(text, &DURATION_UNITS, "duration, such as 30s")
}

/// Reads a percentage from its canonical spelling.
///
/// # Errors
/// When the text is not a whole number followed by `%`.
pub fn parse_percent(text: &str) -> Result<u32, QuantityError> {
    text.strip_suffix('%')
        .filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| QuantityError { text: text.to_owned(), expected: "percentage, such as 25%" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_goes_both_ways() {
        for bytes in [0, 10, 1024, 20 << 30, 1536 << 20, u64::MAX] {
            assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }
        for duration_ms in [0, 1, 30_000, 90_000, 300_000, 86_400_000] {
            assert_eq!(parse_duration_ms(&format_duration(duration_ms)), Ok(duration_ms));
        }
        assert_eq!(format_bytes(20 << 30), "20GiB");
        assert_eq!(format_duration(90_000), "90s");
        assert_eq!(parse_percent("25%"), Ok(25));
        assert!(parse_bytes("10GB").is_err());
        assert!(parse_bytes("99999999999TiB").is_err());
        assert!(parse_percent("%").is_err());
    }
}
