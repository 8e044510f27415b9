//! What a receipt is added up in: a number that holds sums and products of a record's figures exactly. There are two,
//! [`Exact`] for receipts as they are and [`Wide`](super::Wide) for any other, so that nothing rounds and nothing is ever out of range.

use super::decimal::{Decimal, POWERS};
use super::exact::Exact;
use num_bigint::BigInt;
use std::fmt;

/// Decimals of every currency of the contract.
pub const CURRENCY_DECIMALS: u8 = 2;

/// A number that figures of a record are added and multiplied in, in major units.
pub trait Number: Clone + Ord + fmt::Display {
    /// A figure of a record, ready to be multiplied.
    type Figure: Copy + PartialEq;
    /// Counts the smallest unit of the number.
    type Count: Clone + Into<BigInt>;

    /// The figure 0.
    const NOTHING: Self::Figure;
    /// The figure 1.
    const ONE: Self::Figure;

    /// Zero.
    fn zero() -> Self;

    /// A figure for arithmetic; nothing where this number has no room for its products.
    fn figure(figure: Decimal) -> Option<Self::Figure>;

    /// Digits behind the point that matter.
    fn decimals(figure: Self::Figure) -> u8;

    /// A figure by itself.
    fn of(figure: Self::Figure) -> Self;

    /// A parameter or a constant.
    fn amount(amount: Exact) -> Self;

    /// The exact product of two figures.
    fn product(a: Self::Figure, b: Self::Figure) -> Self;

    /// Half a unit of the last decimal of `figure`, the currency's at most, times |`quantity`|.
    fn half_unit(figure: Self::Figure, quantity: Self::Figure) -> Self;

    /// Sum.
    #[must_use]
    fn plus(&self, other: &Self) -> Self;

    /// Difference.
    #[must_use]
    fn minus(&self, other: &Self) -> Self;

    /// Distance from zero.
    #[must_use]
    fn abs(&self) -> Self;

    /// Whether there is nothing behind the currency's decimals.
    fn is_in_cents(&self) -> bool;

    /// `self` x `numerator` / `denominator` (not 0); nothing where it does not fit on the way.
    fn quotient(&self, numerator: &Self, denominator: &Self) -> Option<Quotient<Self>>;

    /// The number as a count of its smallest unit.
    fn count(&self) -> Self::Count;

    /// `count` smallest units.
    fn of_units(count: u32) -> Self;
}

/// A quotient: a number, and a rest below its smallest unit.
#[derive(Clone, Debug)]
pub struct Quotient<N: Number> {
    /// The quotient, rounded down to the smallest unit.
    pub floor: N,
    /// What is missing of a smallest unit: `rest` / `divisor`.
    pub rest: N::Count,
    /// Above 0.
    pub divisor: N::Count,
    /// Whether nothing is missing.
    pub is_whole: bool,
}

/// Decimals of an [`Exact`]'s figures.
const FIGURE_SCALE: u8 = 6;
/// The largest figure, ten million major units, in units of a figure that has 6 to 0 decimals. A product is at most 10^32,
/// and the few of them that each of 10,000 lines adds to a sum stay below 2^127.
const FIGURE_UNITS_MAX: [u64; 7] = [
    10_000_000_000_000,
    1_000_000_000_000,
    100_000_000_000,
    10_000_000_000,
    1_000_000_000,
    100_000_000,
    10_000_000,
];
const _: () = assert!(super::limits::ITEMS_MAX <= 10_000);

/// Half a unit of a figure with two to six decimals, in 10^-7.
const HALVES: [i64; 7] = [50_000, 50_000, 50_000, 5_000, 500, 50, 5];

/// From 10^-12, where products of figures are, to 10^-18.
const OF_PRODUCT: i128 = POWERS[6];

impl Number for Exact {
    /// Millionths of the major unit.
    type Figure = i64;
    type Count = i128;

    const NOTHING: i64 = 0;
    const ONE: i64 = 1_000_000;

    fn zero() -> Self {
        Self::ZERO
    }

    #[inline]
    fn figure(figure: Decimal) -> Option<i64> {
        let shift = usize::from(FIGURE_SCALE.checked_sub(figure.scale())?);
        let units = figure.units();
        (units.unsigned_abs() <= FIGURE_UNITS_MAX[shift]).then(|| units * POWERS[shift] as i64)
    }

    fn decimals(figure: i64) -> u8 {
        let (mut figure, mut decimals) = (figure, FIGURE_SCALE);
        while decimals > 0 && figure % 10 == 0 {
            (figure, decimals) = (figure / 10, decimals - 1);
        }
        decimals
    }

    #[inline]
    fn of(figure: i64) -> Self {
        Self(i128::from(figure) * POWERS[12])
    }

    #[inline]
    fn amount(amount: Exact) -> Self {
        amount
    }

    #[inline]
    fn product(a: i64, b: i64) -> Self {
        Self(i128::from(a) * i128::from(b) * OF_PRODUCT)
    }

    fn half_unit(figure: i64, quantity: i64) -> Self {
        let half = HALVES[usize::from(Self::decimals(figure))];
        Self(i128::from(half) * i128::from(quantity.abs()) * POWERS[5])
    }

    #[inline]
    fn plus(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }

    #[inline]
    fn minus(&self, other: &Self) -> Self {
        Self(self.0 - other.0)
    }

    #[inline]
    fn abs(&self) -> Self {
        Self(self.0.abs())
    }

    fn is_in_cents(&self) -> bool {
        self.0 % POWERS[16] == 0
    }

    fn quotient(&self, numerator: &Self, denominator: &Self) -> Option<Quotient<Self>> {
        let common = gcd(numerator.0.unsigned_abs(), denominator.0.unsigned_abs()) as i128;
        let (numerator, divisor) = (numerator.0 / common, denominator.0 / common);
        let (numerator, divisor) = if divisor < 0 { (-numerator, -divisor) } else { (numerator, divisor) };
        let product = self.0.checked_mul(numerator)?;
        let (floor, rest) = (product.div_euclid(divisor), product.rem_euclid(divisor));
        Some(Quotient { floor: Self(floor), rest, divisor, is_whole: rest == 0 })
    }

    fn count(&self) -> i128 {
        self.0
    }

    fn of_units(count: u32) -> Self {
        Self(count.into())
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
