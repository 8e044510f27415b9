//! A number without a bound, for receipts whose figures are too long for [`Exact`]: 18 digits, or prices with ten decimals.
//! It allocates, and is exact for whatever the contract can carry.

use super::decimal::{Decimal, POWERS, write_parts};
use super::exact::{EXACT_SCALE, Exact};
use super::number::{CURRENCY_DECIMALS, Number, Quotient};
use num_bigint::{BigInt, Sign};
use std::fmt;

/// Decimals of a [`Wide`]: a product of two figures has up to 36, half a unit of one times another one more.
const WIDE_SCALE: u8 = 37;

/// A count of 10^-37 of the major unit, as large as it has to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wide(BigInt);

impl Wide {
    /// `units` x 10^-`scale`.
    fn scaled(units: i128, scale: u8) -> Self {
        Self(BigInt::from(units) * POWERS[usize::from(WIDE_SCALE - scale)])
    }
}

impl Number for Wide {
    type Figure = Decimal;
    type Count = BigInt;

    const NOTHING: Decimal = Decimal::ZERO;
    const ONE: Decimal = Decimal::ONE;

    fn zero() -> Self {
        Self(BigInt::ZERO)
    }

    fn figure(figure: Decimal) -> Option<Decimal> {
        Some(figure)
    }

    fn decimals(figure: Decimal) -> u8 {
        figure.decimals()
    }

    fn of(figure: Decimal) -> Self {
        Self::scaled(figure.units().into(), figure.scale())
    }

    fn amount(amount: Exact) -> Self {
        Self::scaled(amount.0, EXACT_SCALE)
    }

    fn product(a: Decimal, b: Decimal) -> Self {
        // 18 digits times 18 digits are less than 2^127.
        Self::scaled(i128::from(a.units()) * i128::from(b.units()), a.scale() + b.scale())
    }

    fn half_unit(figure: Decimal, quantity: Decimal) -> Self {
        let decimals = figure.decimals().max(CURRENCY_DECIMALS);
        Self::scaled(5 * i128::from(quantity.units().abs()), decimals + 1 + quantity.scale())
    }

    fn plus(&self, other: &Self) -> Self {
        Self(&self.0 + &other.0)
    }

    fn minus(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }

    fn abs(&self) -> Self {
        Self(self.0.magnitude().clone().into())
    }

    fn is_in_cents(&self) -> bool {
        &self.0 % POWERS[usize::from(WIDE_SCALE - CURRENCY_DECIMALS)] == BigInt::ZERO
    }

    fn quotient(&self, numerator: &Self, denominator: &Self) -> Option<Quotient<Self>> {
        let product = &self.0 * &numerator.0;
        let (product, divisor) = match denominator.0.sign() {
            Sign::NoSign => return None,
            Sign::Minus => (-product, -&denominator.0),
            Sign::Plus => (product, denominator.0.clone()),
        };
        let (mut floor, mut rest) = (&product / &divisor, product % &divisor);
        if rest.sign() == Sign::Minus {
            (floor, rest) = (floor - 1, rest + &divisor);
        }
        let is_whole = rest.sign() == Sign::NoSign;
        Some(Quotient { floor: Self(floor), rest, divisor, is_whole })
    }

    fn count(&self) -> BigInt {
        self.0.clone()
    }

    fn of_units(count: u32) -> Self {
        Self(count.into())
    }
}

/// Written as a [`Decimal`] is.
impl fmt::Display for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let power = POWERS[usize::from(WIDE_SCALE)].unsigned_abs();
        let (whole, fraction) = (self.0.magnitude() / power, self.0.magnitude() % power);
        let fraction = u128::try_from(fraction).unwrap_or_default();
        write_parts(f, self.0.sign() == Sign::Minus, &whole, fraction, WIDE_SCALE)
    }
}
