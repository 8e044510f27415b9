//! A POS event as it came in: every field of the contract, nothing judged yet.

use super::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use super::{Decimal, Field, Micros};
use std::borrow::Cow;

/// Text of a record: borrowed from its bytes where the format allows.
pub type Text<'a> = Cow<'a, str>;

/// A purchase, withdrawal or other account event raised at a point of sale.
///
/// Required fields are optional here: what is missing is for a check to say, not for a decoder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PosEvent<'a> {
    /// The account; also the record's key.
    pub account_number: Option<Text<'a>>,
    /// What happened.
    pub event_type: Field<'a, EventType>,
    /// Book-keeping category.
    pub category_type: Field<'a, CategoryType>,
    /// When it happened at the till.
    pub time: Field<'a, Micros>,
    /// NFC chip used.
    pub nfc_id: Option<Text<'a>>,
    /// Terminal used.
    pub pos_id: Option<Text<'a>>,
    /// The terminal's name.
    pub pos_name: Option<Text<'a>>,
    /// Sum of the taxes of the items, major units.
    pub total_tax: Field<'a, Decimal>,
    /// Sum of the gross amounts of the items, major units.
    pub total_amount: Field<'a, Decimal>,
    /// The basket.
    pub items: Vec<PosItem<'a>>,
    /// Currency of all amounts.
    pub currency: Field<'a, Currency>,
    /// The sender's id of the transaction; the same id is answered once.
    pub account_transaction_id: Option<Text<'a>>,
    /// Where it happened.
    pub country_code: Field<'a, CountryCode>,
    /// Language the consumer is spoken to in.
    pub conversation_language: Field<'a, Language>,
    /// accountTransactionId of the earlier event that this one corrects or cancels.
    pub corrects_transaction_id: Option<Text<'a>>,
}

/// What could be read of an event that cannot be decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readable {
    /// The sender's id of the transaction.
    pub account_transaction_id: Option<String>,
    /// What happened.
    pub event_type: Option<EventType>,
    /// When it happened at the till.
    pub time: Option<Micros>,
    /// Language the consumer is spoken to in.
    pub language: Option<Language>,
}

/// One line of the basket. Amounts are in major units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PosItem<'a> {
    /// Article.
    pub item_id: Option<Text<'a>>,
    /// What it is.
    pub item_description: Option<Text<'a>>,
    /// Unit of the quantity (UN/ECE Recommendation 20, such as C62).
    pub unit_code: Option<Text<'a>>,
    /// How many; negative for a returned line.
    pub quantity: Field<'a, Decimal>,
    /// Gross price of one unit.
    pub unit_price: Field<'a, Decimal>,
    /// Net amount: of one item, or of the line, by the parameter `checks.basket.item_amounts`.
    pub net_amount: Field<'a, Decimal>,
    /// Tax amount: as `net_amount`.
    pub tax_amount: Field<'a, Decimal>,
    /// Discount on the line.
    pub discount: Field<'a, Decimal>,
    /// unit price x quantity - discount.
    pub gross_amount: Field<'a, Decimal>,
}
