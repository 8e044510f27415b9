//! Rounding: the eight modes of the General Decimal Arithmetic specification, on integers.

use std::cmp::Ordering;

/// How a quotient or a shorter scale is rounded (the eight modes of the General Decimal Arithmetic specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, ties away from zero: commercial rounding.
    HalfUp,
    /// To the nearest, ties to the even neighbour.
    HalfEven,
    /// To the nearest, ties towards zero.
    HalfDown,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity.
    Ceiling,
    /// Away from zero where the last digit kept would be 0 or 5, otherwise towards zero.
    ZeroFiveUp,
}

/// `numerator / denominator` (denominator above 0) as an integer, rounded.
#[must_use]
pub fn divide_rounded(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    debug_assert!(denominator > 0);
    let quotient = numerator / denominator;
    let rest = numerator % denominator;
    if rest == 0 {
        return quotient;
    }
    let twice = rest.unsigned_abs().saturating_mul(2).cmp(&denominator.unsigned_abs());
    let away = match rounding {
        Rounding::HalfUp => twice != Ordering::Less,
        Rounding::HalfDown => twice == Ordering::Greater,
        Rounding::HalfEven => twice == Ordering::Greater || (twice == Ordering::Equal && quotient % 2 != 0),
        Rounding::Down => false,
        Rounding::Up => true,
        Rounding::Floor => numerator < 0,
        Rounding::Ceiling => numerator > 0,
        Rounding::ZeroFiveUp => quotient % 5 == 0,
    };
    quotient + if away { numerator.signum() } else { 0 }
}
