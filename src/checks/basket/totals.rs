//! The totals: totalAmount against the sum of the lines (check 10), totalTax against the taxes of the lines and against
//! totalAmount (check 11), and totals that have no lines (check 12).

use super::super::catalogue::Check;
use super::super::findings::{Finding, Findings};
use super::line::LineAmounts;
use super::tax::TaxSum;
use super::{CENT, Compared, DiscountTax, HALF_CENT, ItemAmounts, Parameters, Tolerance, short, stated};
use crate::domain::pos_event::PosEvent;
use crate::domain::{Decimal, Number};
use std::fmt::Write as _;

/// What the lines add up to.
pub(super) struct Sums<N: Number> {
    gross: N,
    /// Taxes as stated, over the whole lines.
    tax: N,
    /// The first line without a tax, and how many there are.
    untaxed: Option<(usize, usize)>,
    /// Whether a line has a discount.
    discounted: bool,
    /// Whether there are lines above 0, and below.
    charges: bool,
    returns: bool,
}

impl<N: Number> Sums<N> {
    pub fn new() -> Self {
        let (gross, tax) = (N::zero(), N::zero());
        Self { gross, tax, untaxed: None, discounted: false, charges: false, returns: false }
    }

    #[inline]
    pub fn add(&mut self, place: usize, line: &LineAmounts<N>, amounts: ItemAmounts) {
        self.gross = self.gross.plus(&line.gross);
        match line.tax {
            Some(tax) => self.tax = self.tax.plus(&line.whole(tax, amounts)),
            None => {
                let (first, lines) = self.untaxed.unwrap_or((place, 0));
                self.untaxed = Some((first, lines + 1));
            }
        }
        self.discounted |= line.is_discounted();
        self.charges |= line.gross > N::zero();
        self.returns |= line.gross < N::zero();
    }

    /// Check 10: totalAmount = sum of grossAmount.
    #[inline]
    pub fn check_amount(
        &self,
        event: &PosEvent<'_>,
        parameters: &Parameters,
        found: &mut Findings,
    ) -> Option<()> {
        let Some(total_amount) = event.total_amount.value() else { return Some(()) };
        let total = N::of(N::figure(total_amount)?);
        let refused_from = match parameters.total_tolerance {
            Tolerance::Rounding => CENT,
            Tolerance::Amount(amount) => amount,
        };
        if total.minus(&self.gross).abs() >= N::amount(refused_from) {
            let compared =
                Compared { found: &total, expected: &self.gross, made_of: "sum of grossAmount of the lines" };
            let message = compared.write("totalAmount", format_args!("less than {refused_from}"));
            found.report(Check::TotalAmount, parameters.total_amount.effect, "totalAmount", message);
        }
        Some(())
    }

    /// Check 11: totalTax = sum of the taxes, and not more than totalAmount.
    #[inline]
    pub fn check_tax(
        &self,
        event: &PosEvent<'_>,
        parameters: &Parameters,
        found: &mut Findings,
    ) -> Option<()> {
        let Some(total_tax) = event.total_tax.value() else { return Some(()) };
        let tax = N::of(N::figure(total_tax)?);
        let (nothing, amount) = (N::zero(), N::of(N::figure(stated(&event.total_amount))?));
        let is_within = (nothing <= tax && tax <= amount) || (amount <= tax && tax <= nothing);
        let is_mixed = self.charges && self.returns;
        if !(is_within || is_mixed) {
            against_amount(event, parameters, found);
        }
        match self.untaxed {
            Some(untaxed) => {
                tell_unchecked(total_tax, untaxed, parameters, found);
                Some(())
            }
            // As good as all receipts: without a discount, or with one that leaves the tax as it is.
            None if self.is_tax(&tax, parameters) => Some(()),
            None => self.check_tax_again(event, &tax, parameters, found),
        }
    }

    /// Whether the taxes as stated make totalTax, where that is asked for.
    fn is_tax(&self, total: &N, parameters: &Parameters) -> bool {
        let is_asked = parameters.discount_tax != DiscountTax::Scaled || !self.discounted;
        let surely = match parameters.tax_tolerance {
            Tolerance::Rounding => HALF_CENT,
            Tolerance::Amount(amount) => amount,
        };
        is_asked && total.minus(&self.tax).abs() <= N::amount(surely)
    }

    /// The long way: line by line what rounding allows, and what discounts do to the tax.
    #[cold]
    fn check_tax_again(
        &self,
        event: &PosEvent<'_>,
        total: &N,
        parameters: &Parameters,
        found: &mut Findings,
    ) -> Option<()> {
        let ways = parameters.discount_tax.ways(self.discounted);
        let mut sums = Vec::new();
        for scaled in ways {
            let sum = TaxSum::<N>::of(&event.items, parameters.item_amounts, *scaled)?;
            if sum.makes(total, parameters.tax_tolerance) {
                return Some(());
            }
            sums.push((sum, *scaled));
        }
        let mut message = wrong_tax(total, &sums, parameters);
        if let Some(setting) = self.fitting_setting(event, total, ways, parameters) {
            let _ = write!(message, "; it fits with checks.basket.{setting}");
        }
        found.report(Check::TotalTax, parameters.total_tax.effect, "totalTax", message);
        Some(())
    }

    /// The setting under which `total` would be the sum of the taxes, where `ways` are those that it was held against.
    fn fitting_setting(
        &self,
        event: &PosEvent<'_>,
        total: &N,
        ways: &[bool],
        parameters: &Parameters,
    ) -> Option<&'static str> {
        let fits = |amounts, scaled| {
            let sum = TaxSum::<N>::of(&event.items, amounts, scaled);
            sum.is_some_and(|sum| sum.makes(total, parameters.tax_tolerance))
        };
        match ways {
            [false] if self.discounted && fits(parameters.item_amounts, true) => {
                return Some("discount_tax = scaled");
            }
            [true] if fits(parameters.item_amounts, false) => return Some("discount_tax = none"),
            _ => {}
        }
        let (other, setting) = match parameters.item_amounts {
            ItemAmounts::Unit => (ItemAmounts::Line, "item_amounts = line"),
            ItemAmounts::Line => (ItemAmounts::Unit, "item_amounts = unit"),
        };
        ways.iter().any(|scaled| fits(other, *scaled)).then_some(setting)
    }
}

/// What merchants read of a totalTax that is none of `sums`, each with whether discounts lower it.
fn wrong_tax<N: Number>(total: &N, sums: &[(TaxSum<N>, bool)], parameters: &Parameters) -> String {
    let of = match parameters.item_amounts {
        ItemAmounts::Unit => "sum of taxAmount x quantity of the lines",
        ItemAmounts::Line => "sum of taxAmount of the lines",
    };
    let mut message = String::new();
    for (sum, scaled) in sums {
        let (expected, allowed) = (sum.value(), sum.allowed(parameters.tax_tolerance));
        if message.is_empty() {
            let made_of = if *scaled { format!("{of}, lowered by the discounts") } else { of.to_owned() };
            message =
                Compared { found: total, expected, made_of: &made_of }.write("totalTax", short(&allowed));
        } else {
            let (difference, expected) = (short(&total.minus(expected)), short(expected));
            let _ = write!(
                message,
                "; lowered by the discounts expected {expected}, difference {difference}, allowed {}",
                short(&allowed)
            );
        }
    }
    message
}

/// Check 11: totalTax has the sign of totalAmount and is not above it.
fn against_amount(event: &PosEvent<'_>, parameters: &Parameters, found: &mut Findings) {
    let (Some(tax), Some(amount)) = (event.total_tax.value(), event.total_amount.value()) else { return };
    if tax.is_zero() {
        return;
    }
    let differs = !amount.is_zero() && tax.is_negative() != amount.is_negative();
    let message = if differs {
        format!("totalTax {tax} has another sign than totalAmount {amount}")
    } else if !parameters.tax_above_total_allowed && tax.abs_cmp(amount).is_gt() {
        format!(
            "totalTax {tax} is above totalAmount {amount}, which checks.basket.tax_above_total = allow lets pass"
        )
    } else {
        return;
    };
    found.report(Check::TotalTax, parameters.total_tax.effect, "totalTax", message);
}

/// Check 11: a line without a tax leaves nothing to hold totalTax against.
#[cold]
fn tell_unchecked(
    tax: Decimal,
    (first, lines): (usize, usize),
    parameters: &Parameters,
    found: &mut Findings,
) {
    if !parameters.tax_unchecked.enabled {
        return;
    }
    let more = match lines {
        1 => String::new(),
        lines => format!(", nor have {} more", lines - 1),
    };
    let message = format!("totalTax {tax} is not checked: line {} has no taxAmount{more}", first + 1);
    let finding = Finding::new(Check::TotalTax, parameters.tax_unchecked.effect, message);
    found.add(finding.coded(1).at(format!("items[{first}].taxAmount")));
}

/// Check 12: totals, but nothing to add up; the tax is held against the amount all the same (check 11).
pub(super) fn no_items(event: &PosEvent<'_>, parameters: &Parameters, findings: &mut Findings) {
    if parameters.total_tax.enabled {
        against_amount(event, parameters, findings);
    }
    let totals = [&event.total_amount, &event.total_tax];
    if parameters.items_none.enabled && totals.iter().any(|total| !stated(total).is_zero()) {
        let message = "the event has totals but no items to hold them against".to_owned();
        findings.report(Check::ItemsNone, parameters.items_none.effect, "items", message);
    }
}
