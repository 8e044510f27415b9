//! Group basket (checks 8-12): do the lines add up to the totals? All arithmetic is exact, and what a difference may be
//! follows from the figures: one that is stated with some decimals stands for all values that round to it.
//!
//! Written once, for any [`Number`]: receipts as they are run on machine words and allocate nothing, the rest on numbers
//! without a bound.

mod line;
mod tax;
mod totals;

use super::Context;
use super::findings::{Findings, Rule};
use crate::domain::pos_event::PosEvent;
use crate::domain::{Decimal, Exact, Field, Number, Wide};
use line::LineAmounts;
use std::fmt;
use totals::Sums;

/// `checks.basket`
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `item_amounts`: what netAmount and taxAmount of a line are.
    pub item_amounts: ItemAmounts,
    /// `line_tolerance`: what a line may differ by, in checks 8 and 9.
    pub line_tolerance: Tolerance,
    /// `total_tolerance`: a total that differs by this much or more fails.
    pub total_tolerance: Tolerance,
    /// `tax_tolerance`: what totalTax may differ by.
    pub tax_tolerance: Tolerance,
    /// `discount_tax`: what a discount does to the tax of its line.
    pub discount_tax: DiscountTax,
    /// `tax_above_total`: whether totalTax may be above totalAmount.
    pub tax_above_total_allowed: bool,
    /// `item_gross`
    pub item_gross: Rule,
    /// `item_unit`
    pub item_unit: Rule,
    /// `total_amount`
    pub total_amount: Rule,
    /// `total_tax`
    pub total_tax: Rule,
    /// `tax_unchecked`
    pub tax_unchecked: Rule,
    /// `items_none`
    pub items_none: Rule,
}

/// What netAmount and taxAmount of a line are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemAmounts {
    /// Of one item, as the contract says.
    Unit,
    /// Of the whole line.
    Line,
}

/// What a discount does to the tax of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscountTax {
    /// Either of the two, but the same on the whole receipt.
    Either,
    /// The tax shrinks with the amount: tax x gross / undiscounted amount.
    Scaled,
    /// Nothing: the tax is taken as stated.
    None,
}

impl DiscountTax {
    /// What sums of taxes a total tax may be: of taxes as stated (`false`), and as discounts lower them (`true`).
    fn ways(self, is_discounted: bool) -> &'static [bool] {
        match self {
            _ if !is_discounted => &[false],
            Self::Either => &[false, true],
            Self::Scaled => &[true],
            Self::None => &[false],
        }
    }
}

/// What a sum may differ by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// What rounding can explain.
    Rounding,
    /// A fixed amount, in major units.
    Amount(Exact),
}

/// What a total may not differ by where rounding decides: a whole cent.
const CENT: Exact = Exact::of_cents(1);
/// What a line may differ by where a figure of it needs rounding.
const TWO_CENTS: Exact = Exact::of_cents(2);
/// Half a unit of what is charged.
const HALF_CENT: Exact = Exact(CENT.0 / 2);

/// Checks 8 to 12.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.basket;
    let event = context.event().event;
    if event.items.is_empty() {
        totals::no_items(event, parameters, findings);
        return;
    }
    let mut found = Findings::default();
    if judge::<Exact>(event, parameters, &mut found).is_none() {
        found = judge_wide(event, parameters);
    }
    findings.add_all(found, |_| true);
}

/// The same for a receipt that has a figure too long for machine words.
#[cold]
fn judge_wide(event: &PosEvent<'_>, parameters: &Parameters) -> Findings {
    let mut found = Findings::default();
    let fits = judge::<Wide>(event, parameters, &mut found);
    debug_assert!(fits.is_some(), "there is room for every figure");
    found
}

/// Checks 8 to 11; nothing where a figure does not fit.
fn judge<N: Number>(event: &PosEvent<'_>, parameters: &Parameters, found: &mut Findings) -> Option<()> {
    let mut sums = Sums::<N>::new();
    for (place, item) in event.items.iter().enumerate() {
        let line = LineAmounts::of(item)?;
        if parameters.item_gross.enabled {
            line.check_gross(place, item, parameters, found);
        }
        if parameters.item_unit.enabled {
            line.check_unit(place, item, parameters, found);
        }
        sums.add(place, &line, parameters.item_amounts);
    }
    if parameters.total_amount.enabled {
        sums.check_amount(event, parameters, found)?;
    }
    if parameters.total_tax.enabled {
        sums.check_tax(event, parameters, found)?;
    }
    Some(())
}

/// Whether two sums that differ by `difference` agree: by at most `surely`, which rounding always explains, or by what
/// `allowed` says, which takes longer.
#[inline]
fn agree<N: Number>(
    difference: &N,
    tolerance: Tolerance,
    surely: Exact,
    allowed: impl FnOnce() -> N,
) -> bool {
    match tolerance {
        Tolerance::Amount(amount) => *difference <= N::amount(amount),
        Tolerance::Rounding => *difference <= N::amount(surely) || *difference <= allowed(),
    }
}

/// A figure that may be absent, which counts as 0.
fn stated(figure: &Field<'_, Decimal>) -> Decimal {
    figure.value().unwrap_or(Decimal::ZERO)
}

/// A number with at most twelve decimals, as many as a product of two prices has; the rest is cut off.
fn short(number: &impl fmt::Display) -> String {
    let mut text = number.to_string();
    if let Some(point) = text.find('.') {
        text.truncate(point + 13);
    }
    text
}

/// Expected and found, as merchants read it.
struct Compared<'a, N: Number> {
    found: &'a N,
    expected: &'a N,
    /// What `expected` is made of.
    made_of: &'a str,
}

impl<N: Number> Compared<'_, N> {
    fn write(&self, what: &str, allowed: impl fmt::Display) -> String {
        let (found, expected) = (short(self.found), short(self.expected));
        let (made_of, difference) = (self.made_of, short(&self.found.minus(self.expected)));
        format!(
            "{what} is {found}, expected {expected} ({made_of}), difference {difference}, allowed {allowed}"
        )
    }
}
