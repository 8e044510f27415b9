//! Group basket (checks 8-12): do the lines add up to the totals? All arithmetic is exact.

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use crate::domain::decimal::Rounding;
use crate::domain::pos_event::PosItem;
use crate::domain::{Decimal, Exact, Field};

/// `checks.basket`
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `item_amounts`: what netAmount and taxAmount of a line are.
    pub item_amounts: ItemAmounts,
    /// `line_tolerance`: a line may differ by up to this much.
    pub line_tolerance: Exact,
    /// `total_tolerance`: a total that differs by this much or more fails.
    pub total_tolerance: Exact,
    /// `discount_tax`: what a discount does to the tax of its line.
    pub discount_tax: DiscountTax,
    /// `item_gross`
    pub item_gross: Rule,
    /// `item_unit`
    pub item_unit: Rule,
    /// `total_amount`
    pub total_amount: Rule,
    /// `total_tax`
    pub total_tax: Rule,
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
    /// Nothing: the tax is taken as stated.
    None,
    /// The tax shrinks with the amount: tax x gross / undiscounted amount.
    Scaled,
}

/// Decimals that a scaled tax is rounded to, half up.
const SCALED_TAX_DECIMALS: u8 = 6;

/// Checks 8 to 12.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.basket;
    let event = context.event.event;
    if event.items.is_empty() {
        no_items(context, findings);
        return;
    }
    let mut gross_sum = Some(Exact::ZERO);
    let mut tax_sum = Some(Exact::ZERO);
    let mut taxes_stated = true;
    for (place, item) in event.items.iter().enumerate() {
        let line = Line::of(item, parameters);
        if parameters.item_gross.enabled {
            item_gross(place, item, &line, parameters, findings);
        }
        if parameters.item_unit.enabled {
            item_unit(place, item, &line, parameters, findings);
        }
        gross_sum = gross_sum.zip(line.gross).and_then(|(sum, gross)| sum.plus(gross));
        taxes_stated &= !item.tax_amount.is_absent();
        tax_sum = tax_sum.zip(line.tax).and_then(|(sum, tax)| sum.plus(tax));
    }
    if parameters.total_amount.enabled {
        let what = Total { check: Check::TotalAmount, field: "totalAmount", of: "grossAmount of the lines" };
        what.compare(&event.total_amount, gross_sum, parameters.total_amount.effect, parameters, findings);
    }
    if parameters.total_tax.enabled && taxes_stated {
        let of = match parameters.item_amounts {
            ItemAmounts::Unit => "taxAmount x quantity of the lines",
            ItemAmounts::Line => "taxAmount of the lines",
        };
        let what = Total { check: Check::TotalTax, field: "totalTax", of };
        what.compare(&event.total_tax, tax_sum, parameters.total_tax.effect, parameters, findings);
    }
}

/// Check 12: totals, but nothing to add up.
fn no_items(context: &Context<'_>, findings: &mut Findings) {
    let rule = context.parameters.basket.items_none;
    let event = context.event.event;
    let stated = |total: &Field<'_, Decimal>| total.value().is_some_and(|total| !total.is_zero());
    if rule.enabled && (stated(&event.total_amount) || stated(&event.total_tax)) {
        let message = "the event has totals but no items to hold them against".to_owned();
        findings.add(Finding::new(Check::ItemsNone, rule.effect, message).at("items"));
    }
}

/// The amounts of a line; none where one is out of range.
struct Line {
    /// unitPrice x quantity - discount.
    expected_gross: Option<Exact>,
    /// grossAmount as stated, otherwise as expected.
    gross: Option<Exact>,
    /// Tax of the whole line.
    tax: Option<Exact>,
}

impl Line {
    fn of(item: &PosItem<'_>, parameters: &Parameters) -> Self {
        let quantity = item.quantity.value().unwrap_or(Decimal::ZERO);
        let price = item.unit_price.value().unwrap_or(Decimal::ZERO);
        let discount = item.discount.value().map_or(Some(Exact::ZERO), Decimal::exact);
        let full = Exact::product(price, quantity);
        let expected_gross = full.zip(discount).and_then(|(full, discount)| full.minus(discount));
        let gross = item.gross_amount.value().map_or(expected_gross, Decimal::exact);
        let stated_tax = item.tax_amount.value().unwrap_or(Decimal::ZERO);
        let tax = match parameters.item_amounts {
            ItemAmounts::Unit => Exact::product(stated_tax, quantity),
            ItemAmounts::Line => stated_tax.exact(),
        };
        let discounted = item.discount.value().is_some_and(|discount| !discount.is_zero());
        let tax = match (parameters.discount_tax, full, expected_gross) {
            (DiscountTax::Scaled, Some(full), Some(gross)) if discounted && full != Exact::ZERO => {
                tax.and_then(|tax| tax.scaled(gross, full, SCALED_TAX_DECIMALS, Rounding::HalfUp))
            }
            _ => tax,
        };
        Self { expected_gross, gross, tax }
    }
}

/// Check 8: grossAmount = unitPrice x quantity - discount.
fn item_gross(
    place: usize,
    item: &PosItem<'_>,
    line: &Line,
    parameters: &Parameters,
    findings: &mut Findings,
) {
    let Some(stated) = item.gross_amount.value() else { return };
    let difference = line.gross.zip(line.expected_gross).and_then(|(found, expected)| found.minus(expected));
    if difference.is_some_and(|difference| difference.abs() <= parameters.line_tolerance) {
        return;
    }
    let (quantity, price) = (plain(&item.quantity), plain(&item.unit_price));
    let discount = item.discount.value().unwrap_or(Decimal::ZERO);
    let message = match (line.expected_gross, difference) {
        (Some(expected), Some(difference)) => format!(
            "line {}: grossAmount is {stated}, expected {expected} (unitPrice {price} x quantity {quantity} - discount {discount}), difference {difference}",
            place + 1
        ),
        _ => format!(
            "line {}: grossAmount is {stated}, but unitPrice {price} x quantity {quantity} is out of range",
            place + 1
        ),
    };
    findings.add(
        Finding::new(Check::ItemGross, parameters.item_gross.effect, message)
            .at(format!("items[{place}].grossAmount")),
    );
}

/// Check 9: unitPrice = netAmount + taxAmount of one item, or grossAmount = both of the line.
fn item_unit(
    place: usize,
    item: &PosItem<'_>,
    line: &Line,
    parameters: &Parameters,
    findings: &mut Findings,
) {
    let (Some(net), Some(tax)) = (item.net_amount.value(), item.tax_amount.value()) else { return };
    let (field, found) = match parameters.item_amounts {
        ItemAmounts::Unit => ("unitPrice", item.unit_price.value().and_then(Decimal::exact)),
        ItemAmounts::Line => ("grossAmount", line.gross),
    };
    let expected = net.exact().zip(tax.exact()).and_then(|(net, tax)| net.plus(tax));
    let difference = found.zip(expected).and_then(|(found, expected)| found.minus(expected));
    if difference.is_some_and(|difference| difference.abs() <= parameters.line_tolerance) {
        return;
    }
    let message = match (found, expected, difference) {
        (Some(found), Some(expected), Some(difference)) => format!(
            "line {}: {field} is {found}, expected {expected} (netAmount {net} + taxAmount {tax}), difference {difference}",
            place + 1
        ),
        _ => format!("line {}: {field} is out of range (netAmount {net}, taxAmount {tax})", place + 1),
    };
    findings.add(
        Finding::new(Check::ItemUnit, parameters.item_unit.effect, message)
            .at(format!("items[{place}].{field}")),
    );
}

/// Checks 10 and 11: a total against the sum of its lines.
struct Total {
    check: Check,
    field: &'static str,
    of: &'static str,
}

impl Total {
    fn compare(
        &self,
        stated: &Field<'_, Decimal>,
        sum: Option<Exact>,
        effect: Effect,
        parameters: &Parameters,
        findings: &mut Findings,
    ) {
        let Some(stated) = stated.value() else { return };
        let difference = stated.exact().zip(sum).and_then(|(stated, sum)| stated.minus(sum));
        if difference.is_some_and(|difference| difference.abs() < parameters.total_tolerance) {
            return;
        }
        let (field, of) = (self.field, self.of);
        let message = match (sum, difference) {
            (Some(sum), Some(difference)) => {
                format!("{field} is {stated}, expected {sum} (sum of {of}), difference {difference}")
            }
            _ => format!("{field} is {stated}, but the sum of {of} is out of range"),
        };
        findings.add(Finding::new(self.check, effect, message).at(field));
    }
}

fn plain(number: &Field<'_, Decimal>) -> Decimal {
    number.value().unwrap_or(Decimal::ZERO)
}
