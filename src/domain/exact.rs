//! What basket arithmetic runs on: an integer count of 10^-18, wide enough that a product of two contract decimals is
//! exact up to 10^20 major units, far more than an amount can be. A product of `rust_decimal` rounds silently past 96
//! bits; nothing here does.

use super::decimal::{Decimal, POWERS, write_units};
use std::fmt;

/// Decimals behind the point of an [`Exact`].
pub const EXACT_SCALE: u8 = 18;

/// A count of 10^-18 of the major unit: the type basket arithmetic runs on.
///
/// Holds sums and products of contract decimals exactly; every operation that could leave the
/// range says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(pub i128);

impl Exact {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// So many hundredths of the major unit.
    #[must_use]
    pub const fn of_cents(cents: u32) -> Self {
        Self(cents as i128 * POWERS[16])
    }

    /// Sum; nothing on overflow.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference; nothing on overflow.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The exact product of two wire decimals; nothing where it has more than 18 decimals or overflows.
    #[must_use]
    pub fn product(a: Decimal, b: Decimal) -> Option<Self> {
        let scale = a.scale() + b.scale();
        let (a, b, scale) = if scale <= EXACT_SCALE {
            (a.units(), b.units(), scale)
        } else {
            let ((a, a_scale), (b, b_scale)) = (a.normalised(), b.normalised());
            (a, b, a_scale + b_scale)
        };
        let power = POWERS[usize::from(EXACT_SCALE.checked_sub(scale)?)];
        (i128::from(a) * i128::from(b)).checked_mul(power).map(Self)
    }

    /// Distance from zero.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

/// Written as a [`Decimal`] is.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, self.0, EXACT_SCALE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    const FIGURES: std::ops::Range<i64> = -999_999_999_999_999_999..1_000_000_000_000_000_000;

    fn within(value: BigInt) -> Option<BigInt> {
        i128::try_from(value).ok().map(BigInt::from)
    }

    proptest! {
        #[test]
        fn products_of_all_figures_are_exact_or_refused(
            a in FIGURES, b in FIGURES, a_scale in 0u8..=18, b_scale in 0u8..=18,
        ) {
            let figures = [Decimal::new(a.into(), a_scale).unwrap(), Decimal::new(b.into(), b_scale).unwrap()];
            let product = Exact::product(figures[0], figures[1]);
            // In big integers: a x b x 10^(18 - decimals), which is whole where nothing is lost.
            let decimals = figures.map(|figure| i32::from(figure.decimals())).iter().sum::<i32>();
            let (units, tens) = (BigInt::from(a) * BigInt::from(b), BigInt::from(10));
            let shift = i32::from(EXACT_SCALE) - i32::from(a_scale) - i32::from(b_scale);
            let exact = match shift {
                0.. => units * tens.pow(shift as u32),
                _ => units / tens.pow(shift.unsigned_abs()),
            };
            match product {
                Some(product) => prop_assert_eq!(BigInt::from(product.0), exact),
                None => prop_assert!(decimals > 18 || i128::try_from(exact).is_err()),
            }
        }

        #[test]
        fn sums_are_exact_or_refused(a in any::<i128>(), b in any::<i128>()) {
            let [big_a, big_b] = [a, b].map(BigInt::from);
            prop_assert_eq!(Exact(a).plus(Exact(b)).map(|sum| BigInt::from(sum.0)), within(&big_a + &big_b));
            prop_assert_eq!(Exact(a).minus(Exact(b)).map(|difference| BigInt::from(difference.0)), within(big_a - big_b));
        }
    }
}
