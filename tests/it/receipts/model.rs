//! The basket checks once more, as the page on checks says them, naively: every figure is a fraction of integers without a
//! bound, and every rule is one comparison. Shares no code with the checks.

use std::cmp::Ordering;
use std::ops::{Add, Mul, Sub};

use num_bigint::{BigInt, Sign};

use super::Seed;

/// Numerator and denominator, the latter above 0.
#[derive(Clone, Debug)]
pub struct Fraction(BigInt, BigInt);

impl Fraction {
    fn new(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Self {
        let (numerator, denominator): (BigInt, BigInt) = (numerator.into(), denominator.into());
        match denominator.sign() {
            Sign::Minus => Self(-numerator, -denominator),
            _ => Self(numerator, denominator),
        }
    }

    fn millionths(count: i64) -> Self {
        Self::new(count, 1_000_000)
    }

    fn abs(&self) -> Self {
        Self(self.0.magnitude().clone().into(), self.1.clone())
    }

    fn over(&self, divisor: &Self) -> Self {
        Self::new(&self.0 * &divisor.1, &self.1 * &divisor.0)
    }

    fn is_zero(&self) -> bool {
        self.0.sign() == Sign::NoSign
    }

    /// Units of 10^-`scale`, half up.
    fn rounded(&self, scale: u8) -> i128 {
        let twice: BigInt = &self.0 * BigInt::from(10).pow(scale.into()) * 2;
        let double: BigInt = &self.1 * 2;
        let up: BigInt = twice + &self.1;
        let floor: BigInt = match up.sign() {
            Sign::Minus => -((&double - up - 1i32) / &double),
            _ => up / double,
        };
        i128::try_from(floor).expect("a figure")
    }

    /// Whether there is nothing behind two decimals.
    fn is_in_cents(&self) -> bool {
        (&self.0 * 100) % &self.1 == BigInt::ZERO
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.0 * &other.1).cmp(&(&other.0 * &self.1))
    }
}

impl Add for &Fraction {
    type Output = Fraction;

    fn add(self, other: Self) -> Fraction {
        Fraction(&self.0 * &other.1 + &other.0 * &self.1, &self.1 * &other.1)
    }
}

impl Sub for &Fraction {
    type Output = Fraction;

    fn sub(self, other: Self) -> Fraction {
        Fraction(&self.0 * &other.1 - &other.0 * &self.1, &self.1 * &other.1)
    }
}

impl Mul for &Fraction {
    type Output = Fraction;

    fn mul(self, other: Self) -> Fraction {
        Fraction(&self.0 * &other.0, &self.1 * &other.1)
    }
}

/// A figure as it stands in an event: `units` x 10^-`scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    pub units: i128,
    pub scale: u8,
}

impl Figure {
    fn value(self) -> Fraction {
        Fraction::new(self.units, BigInt::from(10).pow(self.scale.into()))
    }

    fn decimals(self) -> u8 {
        let (mut units, mut scale) = (self.units, self.scale);
        while scale > 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        scale
    }

    /// Half a unit of the last decimal that says anything, the second at least.
    fn half_unit(self) -> Fraction {
        Fraction::new(1, BigInt::from(10).pow(self.decimals().max(2).into()) * 2)
    }

    fn written(self) -> String {
        let digits = format!("{:0>width$}", self.units.unsigned_abs(), width = usize::from(self.scale) + 1);
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(self.scale));
        let sign = if self.units < 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

/// A line as it stands in an event.
#[derive(Clone, Debug)]
pub struct Item {
    quantity: Figure,
    price: Figure,
    discount: Option<Figure>,
    gross: Option<Figure>,
    taxed: Option<[Figure; 2]>,
}

impl Seed {
    /// The line: right, but for the shifts.
    pub fn item(&self, of_lines: bool) -> Item {
        let full = &self.price.value() * &self.quantity.value();
        let discount = self.discount.map(|(per_mille, scale)| {
            // Rounded towards zero, as none may pass its line.
            let cut = &full * &Fraction::new(per_mille, 1_000);
            let units = cut.abs().rounded(scale);
            let figure = |units: i128| Figure { units, scale };
            let magnitude = if figure(units).value() > full.abs() { units - 1 } else { units };
            figure(if full < Fraction::new(0, 1) { -magnitude } else { magnitude })
        });
        let cut = discount.map_or(Fraction::new(0, 1), Figure::value);
        let expected = &full - &cut;
        let gross = self
            .gross
            .map(|(scale, shift)| Figure { units: expected.rounded(scale) + i128::from(shift), scale });
        let taxed = self.taxed.map(|(rate, [net_of, tax_of])| {
            let whole = if of_lines { full.clone() } else { self.price.value() };
            let net = &whole * &Fraction::new(1_000, 1_000 + rate);
            let tax = &whole - &net;
            [(net, net_of), (tax, tax_of)].map(|(value, (scale, shift))| Figure {
                units: value.rounded(scale) + i128::from(shift),
                scale,
            })
        });
        Item { quantity: self.quantity, price: self.price, discount, gross, taxed }
    }
}

impl Item {
    fn cut(&self) -> Fraction {
        self.discount.map_or(Fraction::new(0, 1), Figure::value)
    }

    fn expected(&self) -> Fraction {
        &(&self.price.value() * &self.quantity.value()) - &self.cut()
    }

    fn amount(&self) -> Fraction {
        self.gross.map_or_else(|| self.expected(), Figure::value)
    }

    /// By what an amount of one item counts for the line.
    fn times(&self, of_lines: bool) -> Fraction {
        if of_lines { Fraction::new(1, 1) } else { self.quantity.value() }
    }

    /// The tax of the line, and what it may be off by.
    fn tax(&self, of_lines: bool, lowered: bool) -> Option<(Fraction, Fraction)> {
        let [_, stated] = self.taxed?;
        let times = self.times(of_lines);
        let (whole, full) = (&stated.value() * &times, &self.amount() + &self.cut());
        let is_lowered = lowered && !self.cut().is_zero() && !full.is_zero();
        let tax = if is_lowered { (&whole * &self.amount()).over(&full) } else { whole };
        let half_cent = if tax.is_in_cents() { Fraction::new(0, 1) } else { Fraction::new(1, 200) };
        let off = &(&stated.half_unit() * &times.abs()) + &half_cent;
        Some((tax, off))
    }

    fn event(&self) -> String {
        let mut fields = String::new();
        let [net, tax] = self.taxed.map_or([None; 2], |taxed| taxed.map(Some));
        for (name, figure) in [
            ("quantity", Some(self.quantity)),
            ("unitPrice", Some(self.price)),
            ("netAmount", net),
            ("taxAmount", tax),
            ("discount", self.discount),
            ("grossAmount", self.gross),
        ] {
            if let Some(figure) = figure {
                fields += &format!(",\"{name}\":{}", figure.written());
            }
        }
        format!("{{\"itemId\":\"1\",\"itemDescription\":\"x\",\"unitCode\":\"C62\"{fields}}}")
    }
}

/// The settings that have a say. Amounts are millionths; none is what rounding explains.
#[derive(Clone, Debug)]
pub struct Settings {
    pub of_lines: bool,
    pub line: Option<i64>,
    pub total: Option<i64>,
    pub tax: Option<i64>,
    pub unlowered: bool,
    pub lowered: bool,
    pub above_allowed: bool,
}

impl Settings {
    /// As `--set` takes them.
    pub fn sets(&self) -> Vec<String> {
        let tolerance = |amount: Option<i64>| {
            let written = |units: i64| Figure { units: units.into(), scale: 6 }.written();
            amount.map_or("rounding".to_owned(), written)
        };
        let discount_tax = match (self.unlowered, self.lowered) {
            (true, true) => "either",
            (true, false) => "none",
            _ => "scaled",
        };
        vec![
            format!("checks.basket.item_amounts={}", if self.of_lines { "line" } else { "unit" }),
            format!("checks.basket.line_tolerance={}", tolerance(self.line)),
            format!("checks.basket.total_tolerance={}", tolerance(self.total)),
            format!("checks.basket.tax_tolerance={}", tolerance(self.tax)),
            format!("checks.basket.discount_tax={discount_tax}"),
            format!("checks.basket.tax_above_total={}", if self.above_allowed { "allow" } else { "refuse" }),
            "checks.form.decimals.enabled=false".to_owned(),
            "checks.form.quantity.excess_discount=allow".to_owned(),
        ]
    }
}

/// A receipt: a correction, which may have either sign.
#[derive(Clone, Debug)]
pub struct Receipt {
    items: Vec<Item>,
    total: Figure,
    tax: Figure,
}

impl Receipt {
    /// The totals that the lines make, moved by so many cents.
    pub fn of(items: Vec<Item>, of_lines: bool, lowered: bool, shifts: (i64, i64)) -> Self {
        let nothing = || Fraction::new(0, 1);
        let total = items.iter().fold(nothing(), |sum, item| &sum + &item.amount());
        let taxes = items.iter().filter_map(|item| item.tax(of_lines, lowered));
        let tax = taxes.fold(nothing(), |sum, (tax, _)| &sum + &tax);
        let figure =
            |value: &Fraction, shift: i64| Figure { units: value.rounded(2) + i128::from(shift), scale: 2 };
        Self { total: figure(&total, shifts.0), tax: figure(&tax, shifts.1), items }
    }

    pub fn event(&self) -> String {
        let items: Vec<String> = self.items.iter().map(Item::event).collect();
        format!(
            "{{\"accountNumber\":\"A\",\"eventType\":\"Correction\",\"time\":\"2026-03-02T10:00:00Z\",\"posId\":\"P\",\
             \"totalAmount\":{},\"totalTax\":{},\"items\":[{}],\
             \"currency\":\"EUR\",\"countryCode\":\"DE\",\"conversationLanguage\":\"DE\"}}",
            self.total.written(),
            self.tax.written(),
            items.join(",")
        )
    }

    /// `code field` of what checks 8 to 11 say, in their order.
    pub fn codes(&self, settings: &Settings) -> Vec<String> {
        let mut codes = Vec::new();
        codes.extend(self.wrong_lines(settings, "pos.item.gross grossAmount", Self::is_gross_wrong));
        let unit = if settings.of_lines { "pos.item.unit grossAmount" } else { "pos.item.unit unitPrice" };
        codes.extend(self.wrong_lines(settings, unit, Self::is_unit_wrong));
        let sum = self.items.iter().fold(Fraction::new(0, 1), |sum, item| &sum + &item.amount());
        let refused_from = settings.total.map_or(Fraction::new(1, 100), Fraction::millionths);
        if (&self.total.value() - &sum).abs() >= refused_from {
            codes.push("400.102 totalAmount".to_owned());
        }
        if self.is_tax_above(settings) || self.is_tax_wrong(settings) == Some(true) {
            codes.push("pos.total.tax totalTax".to_owned());
        }
        if let Some(first) = self.items.iter().position(|item| item.taxed.is_none()) {
            codes.push(format!("pos.tax.unchecked items[{first}].taxAmount"));
        }
        codes
    }

    fn wrong_lines(
        &self,
        settings: &Settings,
        code_and_field: &str,
        is_wrong: fn(&Item, &Settings) -> bool,
    ) -> Vec<String> {
        let (code, field) = code_and_field.split_once(' ').expect("a code and a field");
        let places = self.items.iter().enumerate().filter(|(_, item)| is_wrong(item, settings));
        places.map(|(place, _)| format!("{code} items[{place}].{field}")).collect()
    }

    fn is_gross_wrong(item: &Item, settings: &Settings) -> bool {
        let Some(gross) = item.gross else { return false };
        let discount = item.discount.unwrap_or(Figure { units: 0, scale: 0 });
        let rounds = item.quantity.decimals() > 0 || item.price.decimals() > 2 || discount.decimals() > 2;
        let allowed = match settings.line {
            Some(amount) => Fraction::millionths(amount),
            None if rounds => Fraction::new(2, 100),
            None => Fraction::new(0, 1),
        };
        (&gross.value() - &item.expected()).abs() > allowed
    }

    fn is_unit_wrong(item: &Item, settings: &Settings) -> bool {
        let Some([net, tax]) = item.taxed else { return false };
        let times = item.times(settings.of_lines);
        let made = &(&net.value() + &tax.value()) * &times;
        let halves = &(&net.half_unit() + &tax.half_unit()) * &times.abs();
        let (after, before) = (item.amount(), &item.amount() + &item.cut());
        let off = match settings.of_lines {
            true => (&made - &after).abs().min((&made - &before).abs()),
            false => (&made - &before).abs(),
        };
        let allowed = match settings.line {
            Some(amount) => Fraction::millionths(amount),
            None if settings.of_lines => halves,
            None => &halves + &Fraction::new(1, 200),
        };
        off > allowed
    }

    fn is_tax_above(&self, settings: &Settings) -> bool {
        let nothing = Fraction::new(0, 1);
        let amounts: Vec<Fraction> = self.items.iter().map(Item::amount).collect();
        let mixed =
            amounts.iter().any(|amount| *amount > nothing) && amounts.iter().any(|amount| *amount < nothing);
        let (tax, total) = (self.tax.value(), self.total.value());
        let other_sign = (tax > nothing && total < nothing) || (tax < nothing && total > nothing);
        !mixed && (other_sign || (!settings.above_allowed && tax.abs() > total.abs()))
    }

    /// Nothing where a line has no tax.
    fn is_tax_wrong(&self, settings: &Settings) -> Option<bool> {
        let mut ways = Vec::new();
        for (lowered, asked) in [(false, settings.unlowered), (true, settings.lowered)] {
            if !asked {
                continue;
            }
            let (mut sum, mut off) = (Fraction::new(0, 1), Fraction::new(1, 200));
            for item in &self.items {
                let (tax, by) = item.tax(settings.of_lines, lowered)?;
                (sum, off) = (&sum + &tax, &off + &by);
            }
            let allowed = settings.tax.map_or(off, Fraction::millionths);
            ways.push((&self.tax.value() - &sum).abs() > allowed);
        }
        Some(ways.into_iter().all(|wrong| wrong))
    }
}
