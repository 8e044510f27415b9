//! The mistakes that can be asked for: what each does to a correct event, and what the answer must say.
//!
//! A mistake changes as little as it can, so that an answer with another code than the one named here
//! is worth a look.

use super::accounts::AccountStanding;
use super::basket::decimal;
use super::draw::Draw;
use crate::domain::decimal::Rounding;
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language, Verdict};
use crate::domain::pos_event::{PosEvent, PosItem};
use crate::domain::{Decimal, Field, Micros};
use std::borrow::Cow;

/// How old a late event is: a hundred hours, where 72 are accepted.
const LATE_BY: Micros = Micros(100 * 3_600 * 1_000_000);
/// How far ahead an event from the future is: two hours, where five minutes are accepted.
const AHEAD_BY: Micros = Micros(2 * 3_600 * 1_000_000);

macro_rules! mistakes {
    ($($variant:ident, $name:literal, $code:literal, $verdict:ident, $standing:ident, $about:literal;)+) => {
        /// Something that is wrong with an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Mistake { $(#[doc = $about] $variant),+ }

        impl Mistake {
            /// Every mistake, in the order of the catalogue of checks.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The code that the answer carries under the default parameters. Without key: that of the
            /// dead letter, as there is no answer.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The outcome of a check with this code under the default parameters, on its own.
            #[must_use]
            pub fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict),+ }
            }

            /// What it does to a correct event.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),+ }
            }

            /// How the account stands that it is made on.
            #[must_use]
            pub fn standing(self) -> AccountStanding {
                match self { $(Self::$variant => AccountStanding::$standing),+ }
            }
        }
    };
}

mistakes! {
    Undecodable, "undecodable", "400.001", NotEvaluated, Good, "The record breaks off in the middle.";
    MissingKey, "missing-key", "400.001", NotEvaluated, Good, "The record has neither key nor account number.";
    MissingItemField, "missing-item-field", "400.002", NotEvaluated, Good, "A line lacks a field that is required.";
    BlankUnitCode, "blank-unit-code", "400.002", NotEvaluated, Good, "A line has a blank unit code.";
    UnknownSymbol, "unknown-symbol", "400.004", NotEvaluated, Good, "The currency is not one of the contract's.";
    TextTooLong, "text-too-long", "400.005", NotEvaluated, Good, "The description of a line has 5000 characters.";
    TooManyDecimals, "too-many-decimals", "400.007", NotEvaluated, Good, "The total has tenths of a cent.";
    NegativePurchase, "negative-purchase", "400.003", NotEvaluated, Good, "A purchase of returned lines only, below zero.";
    ZeroQuantity, "zero-quantity", "400.003", NotEvaluated, Good, "A line has the quantity 0.";
    ExcessDiscount, "excess-discount", "400.003", NotEvaluated, Good, "A discount is larger than its line.";
    LineGross, "line-gross", "pos.item.gross", Rejected, Good, "The gross amount of a line is off, and the total with it.";
    UnitPrice, "unit-price", "pos.item.unit", Rejected, Good, "Net and tax of a line do not make its unit price.";
    TotalByCent, "total-by-cent", "400.102", Rejected, Good, "The total is off by one cent.";
    TotalTax, "total-tax", "pos.total.tax", Rejected, Good, "The total tax is not the sum of the taxes.";
    NoItems, "no-items", "pos.items.none", Accepted, Good, "Totals without a line.";
    OddCategory, "odd-category", "pos.category.odd", Accepted, Good, "A purchase in the category of a payout.";
    CountryCurrency, "country-currency", "pos.currency.country", Rejected, Good, "The currency is not the country's.";
    AccountCurrency, "account-currency", "pos.currency.account", Rejected, Good, "A purchase abroad, in a currency that is not the account's.";
    OddLanguage, "odd-language", "pos.language.odd", Accepted, Good, "A language that is unusual in the country.";
    ObsoleteLanguage, "obsolete-language", "pos.language.obsolete", Accepted, Good, "The obsolete language symbol SE or DK.";
    FutureTime, "future-time", "400.003", NotEvaluated, Careless, "The event lies two hours after its record.";
    LateTime, "late-time", "pos.time.late", Pending, Careless, "The event is a hundred hours old.";
    Repeat, "repeat", "pos.idempotency.repeat", Accepted, Good, "An earlier event comes again, unchanged.";
    SameIdOtherContent, "same-id-other-content", "400.100", Rejected, Good, "The id of an earlier event on another basket.";
    NearDuplicate, "near-duplicate", "pos.duplicate", Pending, Careless, "The same basket at the same terminal forty seconds later, under another id.";
    UnknownAccount, "unknown-account", "pos.account.unknown", Rejected, Good, "An account that nobody opened.";
    StoppedAccount, "stopped-account", "pos.account.stopped", Rejected, Stopped, "A correct event on a stopped account.";
    DunningAccount, "dunning-account", "pos.account.dunning", Rejected, Dunning, "A correct event on an account in dunning.";
    ClosedAccount, "closed-account", "pos.account.closed", Rejected, Closed, "A correct event on a closed account.";
    DefaultAccount, "default-account", "pos.account.default", Rejected, InDefault, "A correct event on an account in default.";
    ReviewAccount, "review-account", "pos.account.flag", Pending, Review, "A correct event on an account under review.";
    BlockedAccount, "blocked-account", "pos.account.flag", Rejected, Blocked, "A correct event on a blocked account.";
    ChargebackAccount, "chargeback-account", "200.912", Rejected, Chargeback, "A correct event on an account with an open chargeback.";
    OverLimit, "over-limit", "200.903", Rejected, Good, "A purchase above the account's limit.";
    BigFirstPurchase, "big-first-purchase", "pos.first.amount", Pending, Newcomer, "A first purchase above the cap.";
    MissingSsn, "missing-ssn", "pos.identity.ssn", Pending, WithoutSsn, "A large amount without a known social security number.";
    VelocityBurst, "velocity-burst", "pos.velocity", Pending, Careless, "Seven purchases on one chip within seven seconds.";
    WithdrawalAboveCap, "withdrawal-above-cap", "pos.withdrawal.cap", Rejected, Good, "A withdrawal above the cap.";
    CorrectionWithoutOriginal, "correction-without-original", "pos.correction", Rejected, Newcomer, "A withdrawal is taken back that never was.";
}

impl Mistake {
    /// How many events one takes.
    #[must_use]
    pub fn events(self) -> u32 {
        match self {
            Self::VelocityBurst => 7,
            Self::NearDuplicate => 2,
            _ => 1,
        }
    }

    /// Whether the event is accepted all the same, and booked.
    #[must_use]
    pub fn is_harmless(self) -> bool {
        self.verdict() == Verdict::Accepted && self != Self::Repeat
    }

    /// Puts the mistake into a correct `event`, where the mistake lies in the event alone.
    pub fn spoil(self, event: &mut PosEvent<'_>, draw: &mut Draw) {
        let cents = i64::from(draw.between(5, 500));
        match self {
            Self::MissingKey => event.account_number = None,
            Self::UnknownSymbol => event.currency = Field::Invalid(Cow::Borrowed("GBP")),
            Self::TooManyDecimals => shift(&mut event.total_amount, 1, 3),
            Self::NegativePurchase => return_everything(event),
            Self::TotalByCent => {
                let free = event.total_amount.value().is_some_and(Decimal::is_zero);
                let by = if free { 1 } else { *draw.one_of(&[-1, 1]) };
                shift(&mut event.total_amount, by, 2);
            }
            Self::TotalTax => {
                // Half a cent a line and half a cent for the total is what rounding can explain.
                let lines = i64::try_from(event.items.len()).unwrap_or(i64::MAX / 1_000);
                shift(&mut event.total_tax, cents + lines, 2);
            }
            Self::NoItems => event.items.clear(),
            Self::OddCategory => event.category_type = Field::Value(CategoryType::Payout),
            Self::CountryCurrency => cross_the_border(event),
            Self::OddLanguage => speak_oddly(event),
            Self::ObsoleteLanguage => {
                let danish = event.country_code.value() == Some(CountryCode::Dk);
                event.conversation_language = Field::Value(if danish { Language::Dk } else { Language::Se });
            }
            Self::FutureTime => move_time(event, AHEAD_BY),
            Self::LateTime => move_time(event, Micros(-LATE_BY.0)),
            Self::MissingItemField
            | Self::BlankUnitCode
            | Self::TextTooLong
            | Self::ZeroQuantity
            | Self::ExcessDiscount
            | Self::LineGross
            | Self::UnitPrice => self.spoil_line(event, cents, draw),
            _ => {}
        }
    }

    fn spoil_line(self, event: &mut PosEvent<'_>, cents: i64, draw: &mut Draw) {
        let line = draw.below(event.items.len() as u32) as usize;
        let field = draw.below(4);
        let Some(item) = event.items.get_mut(line) else { return };
        match self {
            Self::MissingItemField => drop_field(item, field),
            Self::BlankUnitCode => item.unit_code = Some(Cow::Borrowed(" ")),
            Self::TextTooLong => item.item_description = Some(Cow::Owned("crispbread ".repeat(500))),
            Self::ZeroQuantity => item.quantity = Field::Value(Decimal::ZERO),
            Self::ExcessDiscount => {
                let line_amount = in_units(&item.gross_amount, 4) + in_units(&item.discount, 4);
                let sign = if line_amount < 0 { -1 } else { 1 };
                let excess = line_amount + sign * cents * 100;
                item.discount = Field::Value(decimal(excess, 4));
            }
            Self::LineGross => {
                shift(&mut item.gross_amount, cents, 2);
                shift(&mut event.total_amount, cents, 2);
            }
            Self::UnitPrice => {
                // Less than a tenth of a kilogram makes little of what a whole one is off by.
                let per_kilogram = if in_units(&item.quantity, 3).abs() < 1_000 { 20 } else { 1 };
                shift(&mut item.net_amount, cents * per_kilogram, 2);
            }
            _ => {}
        }
    }
}

/// A text that breaks off: no decoder of any format reads it as an event.
#[must_use]
pub fn undecodable_bytes(account_number: &str) -> Vec<u8> {
    format!("{{\"accountNumber\":\"{account_number}\",\"eventType\":\"Purch").into_bytes()
}

/// Adds `units` x 10^-`scale` (at most six) to an amount.
pub(super) fn shift(amount: &mut Field<'_, Decimal>, units: i64, scale: u8) {
    if let Some(shifted) = in_units(amount, 6).checked_add(units * 10i64.pow(6 - u32::from(scale))) {
        let (units, scale) = decimal(shifted, 6).normalised();
        *amount = Field::Value(decimal(units, scale));
    }
}

/// An amount in 10^-`scale`; absent counts as zero.
fn in_units(amount: &Field<'_, Decimal>, scale: u8) -> i64 {
    amount.value().and_then(|value| value.quantize(scale, Rounding::Down)).map_or(0, Decimal::units)
}

fn negate(amount: &mut Field<'_, Decimal>) {
    if let Field::Value(value) = amount {
        *value = decimal(-value.units(), value.scale());
    }
}

fn return_everything(event: &mut PosEvent<'_>) {
    event.items.retain(|item| item.quantity.value().is_some_and(|quantity| !quantity.is_negative()));
    event.items.truncate(1);
    let Some(item) = event.items.first_mut() else { return };
    negate(&mut item.quantity);
    negate(&mut item.gross_amount);
    negate(&mut item.discount);
    event.total_amount = item.gross_amount.clone();
    negate(&mut event.total_tax);
}

fn drop_field(item: &mut PosItem<'_>, which: u32) {
    match which {
        0 => item.item_id = None,
        1 => item.item_description = None,
        2 => item.quantity = Field::Absent,
        _ => item.unit_price = Field::Absent,
    }
}

/// Another country with another currency; the amounts stay in the account's.
fn cross_the_border(event: &mut PosEvent<'_>) {
    let euros = event.currency.value() == Some(Currency::Eur);
    let country = if euros { CountryCode::Dk } else { CountryCode::Fi };
    event.country_code = Field::Value(country);
    event.conversation_language = Field::Value(Language::En);
}

fn speak_oddly(event: &mut PosEvent<'_>) {
    let dutch = matches!(event.country_code.value(), Some(CountryCode::Nl | CountryCode::Be));
    event.conversation_language = Field::Value(if dutch { Language::No } else { Language::Nl });
}

fn move_time(event: &mut PosEvent<'_>, by: Micros) {
    if let Field::Value(time) = &mut event.time {
        *time = time.plus(by);
    }
}

/// The type and category of a withdrawal that is taken back.
pub(super) fn take_back(event: &mut PosEvent<'_>) {
    event.event_type = Field::Value(EventType::WithdrawalCorrection);
    event.category_type = Field::Value(CategoryType::Cancel);
}
