//! Decimals: exact from the wire to the outcome.
//!
//! [`Decimal`] is a number as a record, a parameter or a text carries it: a `rust_decimal` within the contract's 18 digits.
//! Sums and products are [`Exact`]. Nothing here rounds silently, and nothing is binary floating point.

use super::exact::{EXACT_SCALE, Exact};
pub use super::rounding::{Rounding, divide_rounded};
use std::fmt;

/// The most significant digits a [`Decimal`] holds: the precision of every decimal in the contract.
pub const DIGITS_MAX: u32 = 18;

pub(super) const POWERS: [i128; 39] = {
    let mut powers = [1i128; 39];
    let mut exponent = 1;
    while exponent < 39 {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// A decimal of at most 18 significant digits: `units` x 10^-`scale`.
///
/// Two decimals are equal where their values are: 1.5 equals 1.50.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Decimal(rust_decimal::Decimal);

/// Why a number token is no [`Decimal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Not a number as JSON writes one.
    Malformed,
    /// More than 18 digits in front of the point, or an exponent that leads there.
    TooLarge,
    /// More digits behind the point than 18 significant digits leave room for.
    TooPrecise,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(rust_decimal::Decimal::ZERO);
    /// One.
    pub const ONE: Self = Self(rust_decimal::Decimal::ONE);

    /// `units` x 10^-`scale`; nothing where that has more than 18 digits or decimals.
    #[must_use]
    pub fn new(units: i128, scale: u8) -> Option<Self> {
        if u32::from(scale) > DIGITS_MAX || units.unsigned_abs() >= POWERS[DIGITS_MAX as usize].unsigned_abs()
        {
            return None;
        }
        Some(Self::of(units as i64, scale))
    }

    /// `units` of at most 18 digits, and as many decimals at most.
    fn of(units: i64, scale: u8) -> Self {
        Self(rust_decimal::Decimal::new(units, scale.into()))
    }

    /// Reads a number token as JSON writes it (`-12.50`, `1e3`), exactly.
    ///
    /// # Errors
    /// [`NumberFault`] where the token is no number or does not fit 18 digits; zeros at either end do not count.
    pub fn parse(token: &str) -> Result<Self, NumberFault> {
        match Self::parse_plain(token.as_bytes()) {
            Some(decimal) => Ok(decimal),
            None => parse_any(token),
        }
    }

    /// Tokens as they mostly are: at most 18 digits, a point perhaps, no exponent.
    fn parse_plain(bytes: &[u8]) -> Option<Self> {
        let (negative, bytes) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, bytes),
        };
        if bytes.len() > DIGITS_MAX as usize || matches!(bytes, [b'0', b'0'..=b'9', ..]) {
            return None;
        }
        let (mut units, mut point) = (0i64, None);
        for (place, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' => units = units * 10 + i64::from(byte - b'0'),
                b'.' if point.is_none() && place > 0 => point = Some(place),
                _ => return None,
            }
        }
        let scale = point.map_or(0, |point| bytes.len() - 1 - point);
        let complete = !bytes.is_empty() && (point.is_none() || scale > 0);
        complete.then(|| Self::of(if negative { -units } else { units }, scale as u8))
    }

    /// The value x 10^`scale`.
    #[must_use]
    pub fn units(self) -> i64 {
        // 18 digits are less than 2^63.
        self.0.mantissa() as i64
    }

    /// Digits behind the point, as written.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.0.scale() as u8
    }

    /// Digits behind the point that matter: 1.500 has one.
    #[must_use]
    pub fn decimals(self) -> u8 {
        self.normalised().1
    }

    /// Units and scale without zeros at the end of the fraction: the same for equal values.
    #[must_use]
    pub fn normalised(self) -> (i64, u8) {
        let (mut units, mut scale) = (self.units(), self.scale());
        // Avro pads to its scale: four zeros at once are the rule there.
        while scale >= 4 && units % 10_000 == 0 {
            units /= 10_000;
            scale -= 4;
        }
        while scale > 0 && units % 10 == 0 {
            units /= 10;
            scale -= 1;
        }
        (units, scale)
    }

    /// The same value in 10^-18, for arithmetic.
    #[must_use]
    pub fn exact(self) -> Option<Exact> {
        let (units, scale) = (self.units(), self.scale());
        (scale <= EXACT_SCALE).then(|| Exact(i128::from(units) * POWERS[usize::from(EXACT_SCALE - scale)]))
    }

    /// The same value with `scale` digits behind the point, rounded where digits are lost;
    /// nothing where the result has more than 18 digits.
    #[must_use]
    pub fn quantize(self, scale: u8, rounding: Rounding) -> Option<Self> {
        let (units, had) = (i128::from(self.units()), self.scale());
        let units = if scale >= had {
            let power = POWERS.get(usize::from(scale - had))?;
            units.checked_mul(*power)?
        } else {
            divide_rounded(units, POWERS[usize::from(had - scale)], rounding)
        };
        Self::new(units, scale)
    }

    /// Whether the value is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.units() < 0
    }

    /// Whether this value is further from zero than the other, nearer, or as far.
    #[must_use]
    pub fn abs_cmp(self, other: Self) -> std::cmp::Ordering {
        self.0.abs().cmp(&other.0.abs())
    }

    /// Whether the value is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl From<Decimal> for rust_decimal::Decimal {
    fn from(decimal: Decimal) -> Self {
        decimal.0
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Written with at least two decimals and no further zeros: `12.50`, `0.125`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, self.0.mantissa(), self.scale())
    }
}

/// Reads any token that JSON allows.
fn parse_any(token: &str) -> Result<Decimal, NumberFault> {
    // Whatever is beyond this is too large or too precise, however many digits stand beside it.
    const POWER_MAX: i64 = 1_000_000_000;
    let (is_negative, rest) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
    let (mantissa, power) =
        rest.split_once(['e', 'E']).map_or((rest, None), |(front, power)| (front, Some(power)));
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    let power = power.map(|power| match power.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, power.strip_prefix('+').unwrap_or(power)),
    });
    let parts = [Some(whole), fraction, power.map(|(_, digits)| digits)];
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.into_iter().flatten().all(are_digits) || (whole.len() > 1 && whole.starts_with('0')) {
        return Err(NumberFault::Malformed);
    }
    let fraction = fraction.unwrap_or_default();
    let digits = [whole, fraction].concat();
    let leading = digits.trim_start_matches('0');
    let significant = leading.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(Decimal::ZERO);
    }
    let power = power.map_or(0, |(sign, digits)| sign * digits.parse().unwrap_or(POWER_MAX).min(POWER_MAX));
    // Power of ten of the last significant digit.
    let exponent = power - fraction.len() as i64 + (leading.len() - significant.len()) as i64;
    let most = i64::from(DIGITS_MAX);
    if significant.len() as i64 + exponent > most {
        return Err(NumberFault::TooLarge);
    }
    if significant.len() as i64 > most || exponent < -most {
        return Err(NumberFault::TooPrecise);
    }
    let units: i128 = significant.parse().map_err(|_| NumberFault::Malformed)?;
    let units = units * POWERS[exponent.max(0) as usize] * if is_negative { -1 } else { 1 };
    Decimal::new(units, (-exponent).max(0) as u8).ok_or(NumberFault::TooLarge)
}

/// Writes `units` x 10^-`scale` with at least two decimals and no further zeros.
pub(crate) fn write_units(f: &mut fmt::Formatter<'_>, units: i128, scale: u8) -> fmt::Result {
    let power = POWERS[usize::from(scale)].unsigned_abs();
    let magnitude = units.unsigned_abs();
    write_parts(f, units < 0, magnitude / power, magnitude % power, scale)
}

/// Writes what stands in front of the point and, with `scale` digits, behind it, as [`write_units`] does.
pub(super) fn write_parts(
    f: &mut fmt::Formatter<'_>,
    negative: bool,
    whole: impl fmt::Display,
    mut fraction: u128,
    scale: u8,
) -> fmt::Result {
    let sign = if negative { "-" } else { "" };
    if scale < 2 {
        fraction *= POWERS[usize::from(2 - scale)].unsigned_abs();
    }
    let mut width = usize::from(scale.max(2));
    while width > 2 && fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    write!(f, "{sign}{whole}.{fraction:0width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_tokens_exactly() {
        for (token, units, scale) in [
            ("0", 0, 0),
            ("-0.00", 0, 2),
            ("-0.00e0", 0, 0),
            ("163.64", 16364, 2),
            ("1e3", 1000, 0),
            ("1.50E1", 15, 0),
            ("12e-1", 12, 1),
            ("0.000001", 1, 6),
            ("1.0000000000000000000000000", 1, 0),
            ("999999999999999999", 999_999_999_999_999_999, 0),
        ] {
            let decimal = Decimal::parse(token).unwrap();
            assert_eq!((decimal.units(), decimal.scale()), (units, scale), "{token}");
        }
    }

    #[test]
    fn says_why_a_token_does_not_fit() {
        for (token, fault) in [
            ("", NumberFault::Malformed),
            ("01", NumberFault::Malformed),
            ("1.", NumberFault::Malformed),
            (".5", NumberFault::Malformed),
            ("+1", NumberFault::Malformed),
            ("NaN", NumberFault::Malformed),
            ("1e400", NumberFault::TooLarge),
            ("1000000000000000000", NumberFault::TooLarge),
            ("1e-400", NumberFault::TooPrecise),
            ("0.1234567890123456789", NumberFault::TooPrecise),
        ] {
            assert_eq!(Decimal::parse(token), Err(fault), "{token}");
        }
    }

    #[test]
    fn writes_at_least_two_decimals() {
        for (token, text) in
            [("1", "1.00"), ("1.5", "1.50"), ("-0.125", "-0.125"), ("1.2300", "1.23"), ("0", "0.00")]
        {
            assert_eq!(Decimal::parse(token).unwrap().to_string(), text);
            assert_eq!(Decimal::parse(token).unwrap().exact().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_give_the_same_value(units in -999_999_999_999_999_999i64..1_000_000_000_000_000_000, scale in 0u8..=16) {
            let decimal = Decimal::new(i128::from(units), scale).unwrap();
            prop_assert_eq!(Decimal::parse(&decimal.to_string()).unwrap(), decimal);
        }
    }
}
