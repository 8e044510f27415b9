//! One line: does price x quantity make its amount (check 8), and do net and tax make its price (check 9)?

use super::super::catalogue::Check;
use super::super::findings::{Finding, Findings};
use super::{Compared, HALF_CENT, ItemAmounts, Parameters, TWO_CENTS, Tolerance, agree, stated};
use crate::domain::number::CURRENCY_DECIMALS;
use crate::domain::pos_event::PosItem;
use crate::domain::{Decimal, Exact, Field, Number};

/// The amounts of a line.
pub(super) struct LineAmounts<N: Number> {
    pub quantity: N::Figure,
    pub price: N::Figure,
    pub discount: N::Figure,
    /// netAmount, where it is stated.
    pub net: Option<N::Figure>,
    /// taxAmount, where it is stated.
    pub tax: Option<N::Figure>,
    /// unitPrice x quantity - discount.
    pub expected: N,
    /// grossAmount as stated, otherwise as expected.
    pub gross: N,
}

impl<N: Number> LineAmounts<N> {
    /// Nothing where a figure does not fit.
    #[inline]
    pub fn of(item: &PosItem<'_>) -> Option<Self> {
        let quantity = N::figure(stated(&item.quantity))?;
        let price = N::figure(stated(&item.unit_price))?;
        let discount = optional::<N>(&item.discount)?.unwrap_or(N::NOTHING);
        let expected = N::product(price, quantity).minus(&N::of(discount));
        let gross = optional::<N>(&item.gross_amount)?.map_or_else(|| expected.clone(), N::of);
        let (net, tax) = (optional::<N>(&item.net_amount)?, optional::<N>(&item.tax_amount)?);
        Some(Self { quantity, price, discount, net, tax, expected, gross })
    }

    /// grossAmount + discount: what the line would cost without its discount.
    pub fn undiscounted(&self) -> N {
        self.gross.plus(&N::of(self.discount))
    }

    /// Whether the line has a discount.
    #[inline]
    pub fn is_discounted(&self) -> bool {
        self.discount != N::NOTHING
    }

    /// `amount` of the whole line, by what amounts of a line are.
    #[inline]
    pub fn whole(&self, amount: N::Figure, amounts: ItemAmounts) -> N {
        match amounts {
            ItemAmounts::Unit => N::product(amount, self.quantity),
            ItemAmounts::Line => N::of(amount),
        }
    }

    /// What `amount`, which stands for all values that round to it, can be off by over the whole line.
    pub fn half_unit(&self, amount: N::Figure, amounts: ItemAmounts) -> N {
        match amounts {
            ItemAmounts::Unit => N::half_unit(amount, self.quantity),
            ItemAmounts::Line => N::half_unit(amount, N::ONE),
        }
    }

    /// Check 8: grossAmount = unitPrice x quantity - discount.
    #[inline]
    pub fn check_gross(
        &self,
        place: usize,
        item: &PosItem<'_>,
        parameters: &Parameters,
        found: &mut Findings,
    ) {
        if self.gross == self.expected {
            return;
        }
        let allowed = match parameters.line_tolerance {
            Tolerance::Amount(amount) => N::amount(amount),
            Tolerance::Rounding if self.is_rounded() => N::amount(TWO_CENTS),
            Tolerance::Rounding => N::zero(),
        };
        if self.gross.minus(&self.expected).abs() > allowed {
            found.add(self.wrong_gross(place, item, parameters, &allowed));
        }
    }

    /// Whether price x quantity - discount may have more decimals than what is charged.
    fn is_rounded(&self) -> bool {
        N::decimals(self.quantity) > 0
            || N::decimals(self.price) > CURRENCY_DECIMALS
            || N::decimals(self.discount) > CURRENCY_DECIMALS
    }

    #[cold]
    fn wrong_gross(&self, place: usize, item: &PosItem<'_>, parameters: &Parameters, allowed: &N) -> Finding {
        let (price, quantity) = (stated(&item.unit_price), stated(&item.quantity));
        let made_of =
            format!("unitPrice {price} x quantity {quantity} - discount {}", stated(&item.discount));
        let compared = Compared { found: &self.gross, expected: &self.expected, made_of: &made_of };
        let message = compared.write(&format!("line {}: grossAmount", place + 1), allowed);
        Finding::new(Check::ItemGross, parameters.item_gross.effect, message)
            .at(format!("items[{place}].grossAmount"))
    }

    /// Check 9: netAmount + taxAmount make the price, both over the whole line.
    #[inline]
    pub fn check_unit(
        &self,
        place: usize,
        item: &PosItem<'_>,
        parameters: &Parameters,
        found: &mut Findings,
    ) {
        let (Some(net), Some(tax)) = (self.net, self.tax) else { return };
        if !self.fits(net, tax, parameters.item_amounts, parameters.line_tolerance) {
            found.add(self.wrong_unit(place, item, (net, tax), parameters));
        }
    }

    /// Whether net and tax make the amount of the line. Those of one item are of its full price; those of the line may be
    /// of what is left of it after the discount.
    #[inline]
    fn fits(&self, net: N::Figure, tax: N::Figure, amounts: ItemAmounts, tolerance: Tolerance) -> bool {
        let sum = self.whole(net, amounts).plus(&self.whole(tax, amounts));
        let full = sum.minus(&self.undiscounted()).abs();
        let allowed = || self.allowed(net, tax, amounts);
        match amounts {
            ItemAmounts::Unit => agree(&full, tolerance, HALF_CENT, allowed),
            ItemAmounts::Line => {
                let discounted = sum.minus(&self.gross).abs();
                agree(&full.min(discounted), tolerance, Exact::ZERO, allowed)
            }
        }
    }

    /// What rounding of net and tax can explain.
    fn allowed(&self, net: N::Figure, tax: N::Figure, amounts: ItemAmounts) -> N {
        let halves = self.half_unit(net, amounts).plus(&self.half_unit(tax, amounts));
        match amounts {
            ItemAmounts::Unit => halves.plus(&N::amount(HALF_CENT)),
            ItemAmounts::Line => halves,
        }
    }

    #[cold]
    fn wrong_unit(
        &self,
        place: usize,
        item: &PosItem<'_>,
        (net, tax): (N::Figure, N::Figure),
        parameters: &Parameters,
    ) -> Finding {
        let amounts = parameters.item_amounts;
        let allowed = match parameters.line_tolerance {
            Tolerance::Amount(amount) => N::amount(amount),
            Tolerance::Rounding => self.allowed(net, tax, amounts),
        };
        let (stated_net, stated_tax) = (stated(&item.net_amount), stated(&item.tax_amount));
        let line = place + 1;
        let (field, what) = match amounts {
            ItemAmounts::Unit => {
                let quantity = stated(&item.quantity);
                let what = format!(
                    "line {line}: (netAmount {stated_net} + taxAmount {stated_tax}) x quantity {quantity}"
                );
                ("unitPrice", what)
            }
            ItemAmounts::Line => {
                ("grossAmount", format!("line {line}: netAmount {stated_net} + taxAmount {stated_tax}"))
            }
        };
        let is_discounted = !stated(&item.discount).is_zero();
        let undiscounted = self.undiscounted();
        let (expected, made_of) = match (amounts, is_discounted) {
            (_, false) => (&self.gross, "grossAmount".to_owned()),
            (ItemAmounts::Unit, true) => (&undiscounted, "grossAmount + discount".to_owned()),
            (ItemAmounts::Line, true) => {
                (&self.gross, format!("grossAmount, or {undiscounted} without its discount"))
            }
        };
        let sum = self.whole(net, amounts).plus(&self.whole(tax, amounts));
        let mut message = Compared { found: &sum, expected, made_of: &made_of }.write(&what, allowed);
        let (other, hint) = match amounts {
            ItemAmounts::Unit => {
                (ItemAmounts::Line, "; they fit the whole line, as with checks.basket.item_amounts = line")
            }
            ItemAmounts::Line => {
                (ItemAmounts::Unit, "; they fit one item, as with checks.basket.item_amounts = unit")
            }
        };
        if self.fits(net, tax, other, parameters.line_tolerance) {
            message.push_str(hint);
        }
        Finding::new(Check::ItemUnit, parameters.item_unit.effect, message)
            .at(format!("items[{place}].{field}"))
    }
}

/// A figure that may be absent; nothing where it does not fit.
#[inline]
fn optional<N: Number>(field: &Field<'_, Decimal>) -> Option<Option<N::Figure>> {
    match field.value() {
        Some(figure) => N::figure(figure).map(Some),
        None => Some(None),
    }
}
