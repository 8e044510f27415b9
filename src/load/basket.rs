//! Baskets that add up: lines of a shop in minor units, and their form on the wire.
//!
//! Integer arithmetic only. Net and tax are of one item and make the unit price exactly; a line's
//! gross amount is rounded to the cent; the totals are the sums of the lines.

use super::articles::{Article, DEPOSIT, Measure};
use super::country::{currency, price_level, vat_rate};
use super::draw::Draw;
use super::settings::LoadSettings;
use super::terminals::Terminal;
use super::till::{Habit, Till};
use crate::domain::pos_event::{PosEvent, PosItem};
use crate::domain::{Decimal, Field};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The dearest correct basket, in euro cents at the price level of its country. Twenty-four a day stay
/// below the default daily amount of an account, each one below the caps for first purchases and
/// unknown social security numbers.
pub const TOTAL_EURO_CENTS_MAX: i64 = 36_000;

/// Hundredths of the minor unit, which lines of four decimals are counted in.
const PART_OF_CENT: i64 = 100;
/// Lines that are deposits, per mille, where tills round.
const DEPOSITS: u16 = 60;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasketLine {
    article: Article,
    /// Price of one unit with tax, minor units.
    price: i64,
    /// Tax, per mille of the net price.
    rate: i64,
    /// Tax in the price, millionths of the major unit.
    tax: i64,
    /// Thousandths of a unit; negative for returned goods.
    quantity: i64,
    /// Minor units.
    discount: i64,
    /// Minor units.
    gross: i64,
}

/// A basket that adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basket {
    habit: Habit,
    lines: Vec<BasketLine>,
    /// Minor units.
    total: i64,
    /// Billionths of the major unit.
    tax: i64,
}

impl BasketLine {
    /// `quantity` thousandths of `article` at `price`, of which `rate` per mille of the net price are tax.
    fn new(article: Article, price: i64, rate: i64, quantity: i64, discount_per_mille: i64) -> Self {
        let amount = rounded(price * quantity, 1_000);
        let discount = amount * discount_per_mille / 1_000;
        let tax = rounded(price * 10_000 * rate, 1_000 + rate);
        Self { article, price, rate, tax, quantity, discount, gross: amount - discount }
    }

    /// What the line charges, in hundredths of the minor unit: in whole ones, unless the till rounds totals alone.
    fn charged(&self, habit: Habit) -> i64 {
        match habit.till {
            Till::Total => rounded(self.price * self.quantity, 10) - self.discount * PART_OF_CENT,
            _ => self.gross * PART_OF_CENT,
        }
    }

    /// The same without its discount.
    fn full(&self, habit: Habit) -> i64 {
        self.charged(habit) + self.discount * PART_OF_CENT
    }

    /// Tax of one item as it is stated, in millionths of the major unit.
    fn stated_tax(&self, habit: Habit) -> i64 {
        if habit.in_cents { rounded(self.tax, 10_000) * 10_000 } else { self.tax }
    }

    /// The stated tax of one item times quantity, lowered where the till does so, in minor units.
    fn tax_of_items(&self, habit: Habit) -> i64 {
        // In 10^-9 of the major unit.
        let tax = self.stated_tax(habit) * self.quantity;
        match habit.lowers_tax && self.discount != 0 {
            true => rounded(tax / 1_000 * self.gross, 10_000 * (self.gross + self.discount)),
            false => rounded(tax, 10_000_000),
        }
    }

    fn item(&self, habit: Habit) -> PosItem<'static> {
        let tax = self.stated_tax(habit);
        let gross = self.charged(habit);
        let quantity = match self.article.measure {
            Measure::Piece => decimal(self.quantity / 1_000, 0),
            Measure::Weight => decimal(self.quantity, 3),
        };
        PosItem {
            item_id: Some(Cow::Borrowed(self.article.id)),
            item_description: Some(Cow::Borrowed(self.article.name)),
            unit_code: Some(Cow::Borrowed(self.article.measure.unit_code())),
            quantity: Field::Value(quantity),
            unit_price: Field::Value(decimal(self.price, 2)),
            net_amount: Field::Value(decimal(self.price * 10_000 - tax, 6)),
            tax_amount: Field::Value(decimal(tax, 6)),
            discount: if self.discount == 0 {
                Field::Absent
            } else {
                Field::Value(decimal(self.discount, 2))
            },
            gross_amount: Field::Value(match habit.till {
                Till::Total => decimal(gross, 4),
                _ => decimal(self.gross, 2),
            }),
        }
    }
}

impl Basket {
    /// What somebody buys at `terminal`.
    #[must_use]
    pub fn draw(terminal: &Terminal, settings: &LoadSettings, draw: &mut Draw) -> Self {
        let count = draw.between(1, 2 * settings.lines - 1);
        Self::of_lines(count, terminal, settings, draw)
    }

    /// The same with so many lines, as long as its total allows.
    #[must_use]
    pub fn of_lines(count: u32, terminal: &Terminal, settings: &LoadSettings, draw: &mut Draw) -> Self {
        let total_max = price_level(currency(terminal.country), TOTAL_EURO_CENTS_MAX);
        let habit = Habit::draw(settings.till, draw);
        let mut basket = Self { habit, lines: Vec::with_capacity(count as usize), ..Self::default() };
        for _ in 0..count {
            let mut line = draw_line(terminal, settings, draw);
            if draw.per_mille(settings.returns) && basket.has_room_for(&line.returned(), total_max) {
                line = line.returned();
            }
            if basket.total + line.gross > total_max {
                line = line.of_one();
            }
            if basket.has_room_for(&line, total_max) {
                basket.push(line);
            }
        }
        basket
    }

    /// A basket of one line at a given price, minor units.
    #[must_use]
    pub fn single(article: Article, price: i64, rate: i64) -> Self {
        let mut basket = Self::default();
        basket.push(BasketLine::new(article, price, rate, 1_000, 0));
        basket
    }

    /// Its total, minor units.
    #[must_use]
    pub fn total(&self) -> i64 {
        match self.habit.till {
            Till::Total => {
                rounded(self.lines.iter().map(|line| line.charged(self.habit)).sum(), PART_OF_CENT)
            }
            _ => self.total,
        }
    }

    /// Its total tax as the till adds it up, minor units.
    fn total_tax(&self) -> i64 {
        let habit = self.habit;
        let taxed = |line: &BasketLine| if habit.lowers_tax { line.charged(habit) } else { line.full(habit) };
        match habit.till {
            Till::Exact => rounded(self.tax, 10_000_000),
            Till::Unit => self.lines.iter().map(|line| line.tax_of_items(habit)).sum(),
            Till::Line => {
                let of_line =
                    |line: &BasketLine| rounded(taxed(line) * line.rate, PART_OF_CENT * (1_000 + line.rate));
                self.lines.iter().map(of_line).sum()
            }
            Till::Rate | Till::Total => {
                let mut by_rate = BTreeMap::<i64, i64>::new();
                for line in &self.lines {
                    *by_rate.entry(line.rate).or_default() += taxed(line);
                }
                // In millionths of a part of a cent, so that rounding once is as good as rounding an exact sum.
                let tax = |(rate, amount): (&i64, &i64)| rounded(amount * rate * 1_000_000, 1_000 + rate);
                let unit = PART_OF_CENT * 1_000_000;
                match habit.till {
                    Till::Rate => by_rate.iter().map(|of_rate| rounded(tax(of_rate), unit)).sum(),
                    _ => rounded(by_rate.iter().map(tax).sum(), unit),
                }
            }
        }
    }

    /// Puts lines and totals into `event`.
    pub fn fill(&self, event: &mut PosEvent<'_>) {
        event.total_amount = Field::Value(decimal(self.total(), 2));
        event.total_tax = Field::Value(decimal(self.total_tax(), 2));
        event.items = self.lines.iter().map(|line| line.item(self.habit)).collect();
    }

    /// Whether total and tax stay at or above zero, and the total at or below `total_max`.
    fn has_room_for(&self, line: &BasketLine, total_max: i64) -> bool {
        let total = self.total + line.gross;
        (0..=total_max).contains(&total) && self.tax + line.tax * line.quantity >= 0
    }

    fn push(&mut self, line: BasketLine) {
        self.total += line.gross;
        self.tax += line.tax * line.quantity;
        self.lines.push(line);
    }
}

impl BasketLine {
    /// The same goods brought back, at full price.
    fn returned(self) -> Self {
        Self { quantity: -self.quantity, discount: 0, gross: -(self.gross + self.discount), ..self }
    }

    /// One unit only, at full price.
    fn of_one(self) -> Self {
        Self { quantity: 1_000, discount: 0, gross: self.price, ..self }
    }
}

fn draw_line(terminal: &Terminal, settings: &LoadSettings, draw: &mut Draw) -> BasketLine {
    if settings.till != Till::Exact && draw.per_mille(DEPOSITS) {
        let price = price_level(currency(terminal.country), DEPOSIT.euro_cents);
        let bottles = i64::from(draw.between(1, 6)) * 1_000;
        return BasketLine::new(DEPOSIT, price, vat_rate(terminal.country, DEPOSIT.vat), bottles, 0);
    }
    let articles = terminal.shop.articles;
    let place = draw.below(articles.len() as u32);
    let article = articles[place as usize];
    let usual = price_level(currency(terminal.country), article.euro_cents);
    let price = usual * terminal.price_per_mille(place) / 1_000;
    // Baskets of many lines hold cheaper goods, so that the total stays one of a private person.
    let price = (price * 4 / i64::from(settings.lines.max(4))).max(1);
    let quantity = match article.measure {
        Measure::Weight => i64::from(draw.between(80, 1_800)),
        Measure::Piece => match draw.below(100) {
            0..78 => 1_000,
            78..94 => 2_000,
            _ => i64::from(draw.between(3, 6)) * 1_000,
        },
    };
    let discount = if draw.per_mille(settings.discounts) { *draw.one_of(&[100, 150, 200, 300]) } else { 0 };
    BasketLine::new(article, price, vat_rate(terminal.country, article.vat), quantity, discount)
}

/// `numerator / denominator` to the nearest integer, halves away from zero.
fn rounded(numerator: i64, denominator: i64) -> i64 {
    let half = denominator / 2 * numerator.signum();
    (numerator + half) / denominator
}

/// `units` x 10^-`scale`.
pub(super) fn decimal(units: i64, scale: u8) -> Decimal {
    Decimal::new(i128::from(units), scale).unwrap_or(Decimal::ZERO)
}
