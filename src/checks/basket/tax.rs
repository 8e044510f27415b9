//! The taxes of all lines in one sum, and what rounding allows it to be off by. A tax that a discount lowers is a fraction
//! that may have no end; the comparison is exact all the same.

use super::line::LineAmounts;
use super::{HALF_CENT, ItemAmounts, Tolerance};
use crate::domain::Number;
use crate::domain::pos_event::PosItem;
use num_bigint::BigInt;

/// The taxes of all lines.
pub(super) struct TaxSum<N: Number> {
    /// Their sum, each rounded down to the smallest unit of the number.
    sum: N,
    /// What is missing of a smallest unit, line by line: numerator and denominator.
    rests: Vec<(N::Count, N::Count)>,
    /// What rounding can explain.
    rounding: N,
}

impl<N: Number> TaxSum<N> {
    /// The taxes as stated or, where `scaled`, lowered as the discounts lower their lines. All lines have one; nothing
    /// where a figure does not fit.
    pub fn of(items: &[PosItem<'_>], amounts: ItemAmounts, scaled: bool) -> Option<Self> {
        // Half a cent for the total itself.
        let mut sum = Self { sum: N::zero(), rests: Vec::new(), rounding: N::amount(HALF_CENT) };
        for item in items {
            let line = LineAmounts::<N>::of(item)?;
            let Some(tax) = line.tax else { continue };
            let (whole, undiscounted) = (line.whole(tax, amounts), line.undiscounted());
            let is_in_cents = if scaled && line.is_discounted() && undiscounted != N::zero() {
                sum.add_quotient(&whole, &line.gross, &undiscounted)?
            } else {
                sum.sum = sum.sum.plus(&whole);
                whole.is_in_cents()
            };
            sum.rounding = sum.rounding.plus(&line.half_unit(tax, amounts));
            if !is_in_cents {
                sum.rounding = sum.rounding.plus(&N::amount(HALF_CENT));
            }
        }
        Some(sum)
    }

    /// Adds `tax` x `gross` / `undiscounted`; whether that is a whole number of cents.
    fn add_quotient(&mut self, tax: &N, gross: &N, undiscounted: &N) -> Option<bool> {
        let quotient = tax.quotient(gross, undiscounted)?;
        self.sum = self.sum.plus(&quotient.floor);
        if quotient.is_whole {
            return Some(quotient.floor.is_in_cents());
        }
        self.rests.push((quotient.rest, quotient.divisor));
        Some(false)
    }

    /// The sum, less than a smallest unit a line below its true value.
    pub fn value(&self) -> &N {
        &self.sum
    }

    /// What totalTax may differ by.
    pub fn allowed(&self, tolerance: Tolerance) -> N {
        match tolerance {
            Tolerance::Rounding => self.rounding.clone(),
            Tolerance::Amount(amount) => N::amount(amount),
        }
    }

    /// Whether the sum makes `total`.
    pub fn makes(&self, total: &N, tolerance: Tolerance) -> bool {
        let allowed = self.allowed(tolerance);
        let above = total.minus(&self.sum);
        if self.rests.is_empty() {
            return above.abs() <= allowed;
        }
        // The true difference lies between these two and is neither.
        let lines = u32::try_from(self.rests.len()).unwrap_or(u32::MAX);
        let below = above.minus(&N::of_units(lines));
        let least = N::zero().minus(&allowed);
        if above <= allowed && below >= least {
            return true;
        }
        if above <= least || below >= allowed {
            return false;
        }
        self.makes_exactly(&above, &allowed)
    }

    /// The same where smallest units decide: over a common denominator.
    #[cold]
    fn makes_exactly(&self, above: &N, allowed: &N) -> bool {
        let (mut numerator, mut denominator) = (BigInt::ZERO, BigInt::from(1));
        for (rest, divisor) in &self.rests {
            let (rest, divisor): (BigInt, BigInt) = (rest.clone().into(), divisor.clone().into());
            numerator = numerator * &divisor + rest * &denominator;
            denominator *= divisor;
        }
        let (above, allowed): (BigInt, BigInt) = (above.count().into(), allowed.count().into());
        let difference = above * &denominator - numerator;
        *difference.magnitude() <= *(allowed * denominator).magnitude()
    }
}
