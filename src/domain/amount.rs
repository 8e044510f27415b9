//! Money on an account: ten-thousandths of the major unit, in 18 digits.

use super::decimal::{Decimal, Rounding, write_units};
use std::fmt;

/// Decimals behind the point of an [`Amount`]: those of `totalAmount` and `balanceAfter` in the contract.
pub const AMOUNT_SCALE: u8 = 4;

/// An amount of money in ten-thousandths of the major unit, always within ±(10^18 - 1): what the
/// contract's decimal (precision 18, scale 4) can carry.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self(0);
    /// The largest amount; as a limit it means "no limit": no balance can pass it.
    pub const MAX: Self = Self(999_999_999_999_999_999);

    /// From ten-thousandths; nothing outside of 18 digits.
    #[must_use]
    pub fn new(ten_thousandths: i64) -> Option<Self> {
        (ten_thousandths.unsigned_abs() <= Self::MAX.0.unsigned_abs()).then_some(Self(ten_thousandths))
    }

    /// From minor units (cents, øre): every currency of the contract has two decimals.
    #[must_use]
    pub fn from_minor(minor: i64) -> Option<Self> {
        minor.checked_mul(100).and_then(Self::new)
    }

    /// From a wire decimal; nothing where it has more than four decimals or too many digits.
    #[must_use]
    pub fn from_decimal(decimal: Decimal) -> Option<Self> {
        (decimal.decimals() <= AMOUNT_SCALE)
            .then(|| decimal.quantize(AMOUNT_SCALE, Rounding::Down))
            .flatten()
            .map(|decimal| Self(decimal.units()))
    }

    /// Ten-thousandths of the major unit.
    #[must_use]
    pub fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// Sum; nothing outside of 18 digits.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        Self::new(self.0 + other.0)
    }

    /// Difference; nothing outside of 18 digits.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        Self::new(self.0 - other.0)
    }

    /// Sum, kept within 18 digits.
    #[must_use]
    pub fn saturating_plus(self, other: Self) -> Self {
        Self((self.0 + other.0).clamp(-Self::MAX.0, Self::MAX.0))
    }

    /// Difference, kept within 18 digits.
    #[must_use]
    pub fn saturating_minus(self, other: Self) -> Self {
        self.saturating_plus(other.negated())
    }

    /// The other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(-self.0)
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether the amount is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Written with at least two decimals and no further zeros: `163.64`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, i128::from(self.0), AMOUNT_SCALE)
    }
}
