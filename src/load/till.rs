//! How tills round: the ways that a receipt's figures come about, each of them right, and the small mistakes that are not.

use super::draw::Draw;
use super::mistakes::shift;
use crate::domain::pos_event::PosEvent;
use clap::ValueEnum;

/// Where a till rounds to the cent, and so what its totals are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Till {
    /// Tax of one item to six decimals, and the total tax rounded once; a discount leaves the tax as it is.
    #[default]
    Exact,
    /// The tax of one item: the total tax is that of the items, times quantity.
    Unit,
    /// The tax of every line.
    Line,
    /// The tax of all lines of one VAT rate.
    Rate,
    /// The totals alone: lines have four decimals.
    Total,
}

impl Till {
    /// The ways of tills that sell from a receipt with VAT on it.
    pub const ROUNDING: [Self; 4] = [Self::Unit, Self::Line, Self::Rate, Self::Total];
}

/// What a till does on one receipt, beside rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habit {
    /// How it rounds.
    pub till: Till,
    /// Whether it states net and tax of one item in cents; otherwise to six decimals.
    pub in_cents: bool,
    /// Whether a discount lowers the tax of its line.
    pub lowers_tax: bool,
}

impl Habit {
    /// How a till goes about a receipt. A till that rounds the tax of one item states it so.
    #[must_use]
    pub fn draw(till: Till, draw: &mut Draw) -> Self {
        match till {
            Till::Exact => Self::default(),
            till => Self {
                till,
                in_cents: draw.per_mille(500) || till == Till::Unit,
                lowers_tax: draw.per_mille(500),
            },
        }
    }
}

/// A small mistake in the figures of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// The amount of a line, and the total with it.
    Line,
    /// The total.
    Total,
    /// The total tax.
    Tax,
}

impl Slip {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Line, Self::Total, Self::Tax];

    /// Puts a figure of `event` off by so many cents.
    pub fn make(self, event: &mut PosEvent<'_>, cents: i64, draw: &mut Draw) {
        match self {
            Self::Line => {
                let line = draw.below(event.items.len() as u32) as usize;
                if let Some(item) = event.items.get_mut(line) {
                    shift(&mut item.gross_amount, cents, 2);
                    shift(&mut event.total_amount, cents, 2);
                }
            }
            Self::Total => shift(&mut event.total_amount, cents, 2),
            Self::Tax => shift(&mut event.total_tax, cents, 2),
        }
    }
}
