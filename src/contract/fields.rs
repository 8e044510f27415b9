//! What the Avro schemas do not say of a field: what it means where they have no words for it, and its bounds in JSON. One
//! line a field, by the name of its record; a field without a line, and a line without a field, fail a test.

use super::bounds::FormBounds;
use super::node::{Node, node};
use crate::domain::limits;

/// A text of which something can be read: other than white space and control characters.
pub(super) const NOT_BLANK: &str = r"[^\s\u0000-\u001f\u007f-\u009f]";
/// The id of an outcome.
pub(super) const TRANSACTION_ID: &str = "^txn_[0-7][0-9a-hjkmnp-tv-z]{25}$";
/// The id of an account event as the gateway makes it.
pub(super) const ACCOUNT_EVENT_ID: &str = "^acc_evt_[0-9A-Za-z]{24}$";
/// The id of an interaction.
pub(super) const EVENT_ID: &str = "^evt_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$";
/// A time of the day, up to its end.
const TIME_OF_DAY: &str = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$|^24:00(:00)?$";
/// Characters of a request's id and of an idempotency key.
pub(super) const HEADER_CHARS_MAX: usize = 80;
/// A ruleset's hash.
pub(super) const RULESET: &str = "^[0-9a-f]{32}$";
/// A hash of 64 bits.
pub(super) const HASH: &str = "^[0-9a-f]{16}$";

/// The bounds of a value in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// None but its type.
    Any,
    /// An id that may be blank: then it is none.
    Id,
    /// An id that has to be there.
    RequiredId,
    /// An id of an account event that has to be there: the contract's bound, which no parameter tightens.
    AccountEventId,
    /// A text.
    Text,
    /// A text that has to be there.
    RequiredText,
    /// A text that has to be there, as long as it likes.
    NotBlank,
    /// The id of an outcome.
    TransactionId,
    /// A ruleset's hash.
    Ruleset,
    /// What an event is booked with.
    Total,
    /// The sum of taxes.
    Tax,
    /// What a line charges, and its discount.
    Charged,
    /// Any other figure of a line.
    Figure,
    /// A figure of a line that is not 0.
    Quantity,
    /// An amount of an outcome.
    Booked,
    /// Minor units, above 0.
    MinorUnits,
    /// Minor units, 0 or more.
    LimitMinorUnits,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// Lines of a basket.
    Lines,
    /// Chips.
    Chips,
    /// 0 or more.
    Natural,
    /// A code or the name of a field, of an answer: whatever senders may say, the contract's bound.
    Code,
    /// A text of an answer: likewise.
    Message,
    /// An idempotency key.
    Key,
    /// The id of an interaction.
    EventId,
    /// A list of at most so many.
    List(usize),
    /// A time of the day.
    TimeOfDay,
}

/// A field: the record's name and its own, what it means (empty where the Avro schema says so), its bounds.
pub(super) struct FieldSchema(pub(super) &'static str, pub(super) &'static str, pub(super) Bound);

/// How many units a cent has in [`crate::domain::Amount`]: 18 digits leave 16 for minor units.
const MINOR_UNITS_MAX: i64 = 9_999_999_999_999_999;
/// The digits of a number that is read at all. A limit of more than can be booked is none.
const INTEGER_MAX: i64 = 999_999_999_999_999_999;

impl Bound {
    /// The bounds, added to a schema.
    pub(super) fn bound(self, schema: Node, bounds: &FormBounds) -> Node {
        let texts = |schema: Node, max: usize| schema.with("maxLength", max);
        let required = |schema: Node| schema.with("minLength", 1).with("pattern", NOT_BLANK);
        let decimals = |schema: Node, max: u8| schema.with("x-decimals-max", max);
        // Eighteen digits, of which four are behind the point where an amount is booked.
        let within = |schema: Node, power: usize| {
            let limit = format!("1{}", "0".repeat(power));
            let below = Node::Number(format!("-{limit}"));
            schema.with("exclusiveMinimum", below).with("exclusiveMaximum", Node::Number(limit))
        };
        match self {
            Self::Any => schema,
            Self::Id => texts(schema, bounds.id_chars),
            Self::RequiredId => texts(required(schema), bounds.id_chars),
            Self::AccountEventId => texts(required(schema), limits::ID_CHARS_MAX),
            Self::Text => texts(schema, bounds.text_chars),
            Self::RequiredText => texts(required(schema), bounds.text_chars),
            Self::NotBlank => required(schema),
            Self::TransactionId => schema.with("pattern", TRANSACTION_ID),
            Self::Ruleset => schema.with("pattern", RULESET),
            Self::Total => within(decimals(schema, bounds.total_decimals), 14),
            Self::Tax => within(decimals(schema, bounds.total_decimals), 18),
            Self::Charged => within(decimals(schema, bounds.charged_decimals), 18),
            Self::Figure => within(decimals(schema, bounds.item_decimals), 18),
            Self::Quantity => {
                within(decimals(schema, bounds.item_decimals), 18).with("not", node!({ "const": 0 }))
            }
            Self::Booked => within(decimals(schema, crate::domain::amount::AMOUNT_SCALE), 14),
            Self::MinorUnits => schema.with("minimum", 1).with("maximum", MINOR_UNITS_MAX),
            Self::LimitMinorUnits => schema.with("minimum", 0).with("maximum", INTEGER_MAX),
            Self::OneOf(texts) => schema.with("enum", texts.to_vec()),
            Self::Lines => schema.with("maxItems", bounds.items),
            Self::Chips => schema.with("maxItems", limits::CHIPS_MAX),
            Self::Natural => schema.with("minimum", 0),
            Self::Code => texts(schema, limits::ID_CHARS_MAX),
            Self::Message => texts(schema, limits::MESSAGE_CHARS_MAX),
            Self::Key => texts(required(schema), HEADER_CHARS_MAX),
            Self::EventId => schema.with("pattern", EVENT_ID),
            Self::List(most) => schema.with("maxItems", most),
            Self::TimeOfDay => schema.with("pattern", TIME_OF_DAY),
        }
    }
}

/// The field of this record.
pub(super) fn field(record: &str, name: &str) -> Option<&'static FieldSchema> {
    FIELDS.iter().chain(super::contact::FIELDS).find(|field| field.0.split_once('.') == Some((record, name)))
}

/// Every field of the three public records, in their order.
#[rustfmt::skip]
pub(super) const FIELDS: &[FieldSchema] = &[
    FieldSchema("PosEvent.accountNumber", "The account. Also the record's key, which it has to equal.", Bound::RequiredId),
    FieldSchema("PosEvent.eventType", "What happened. All but Info need a totalAmount.", Bound::Any),
    FieldSchema("PosEvent.categoryType", "Book-keeping category.", Bound::Any),
    FieldSchema("PosEvent.time", "When it happened at the till: RFC 3339, with an offset.", Bound::Any),
    FieldSchema("PosEvent.nfcId", "NFC chip that was used. A blank one is none.", Bound::Id),
    FieldSchema("PosEvent.posId", "Terminal that was used. A blank one is none.", Bound::Id),
    FieldSchema("PosEvent.posName", "The terminal's name.", Bound::Text),
    FieldSchema("PosEvent.totalTax", "Sum of the taxes of all items, in major units.", Bound::Tax),
    FieldSchema("PosEvent.totalAmount", "Sum of the gross amounts of all items, in major units. Purchase: not below 0. Withdrawal, WithdrawalCorrection, WithdrawalCommission and Interest: above 0. Correction: signed.", Bound::Total),
    FieldSchema("PosEvent.items", "The basket.", Bound::Lines),
    FieldSchema("PosEvent.currency", "Currency of all amounts.", Bound::Any),
    FieldSchema("PosEvent.accountTransactionId", "The sender's id of the transaction. The same id with the same content is answered again, and booked once. A blank one is none.", Bound::Id),
    FieldSchema("PosEvent.correctsTransactionId", "accountTransactionId of the earlier event that this one corrects or cancels.", Bound::Id),
    FieldSchema("PosEvent.countryCode", "Country that the terminal stands in.", Bound::Any),
    FieldSchema("PosEvent.conversationLanguage", "Language that the customer is spoken to in. SE and DK are obsolete: SV and DA.", Bound::Any),
    FieldSchema("PosItem.itemId", "Article.", Bound::RequiredId),
    FieldSchema("PosItem.itemDescription", "What it is.", Bound::RequiredText),
    FieldSchema("PosItem.unitCode", "Unit of the quantity, such as C62 (one) or KGM (UN/ECE Recommendation 20).", Bound::RequiredId),
    FieldSchema("PosItem.quantity", "How many: not 0, negative for a returned line.", Bound::Quantity),
    FieldSchema("PosItem.unitPrice", "Price of one unit, tax included.", Bound::Figure),
    FieldSchema("PosItem.netAmount", "Net amount of one unit.", Bound::Figure),
    FieldSchema("PosItem.taxAmount", "Tax on one unit.", Bound::Figure),
    FieldSchema("PosItem.discount", "Discount on the line: of the line's sign, and no larger than unitPrice x quantity.", Bound::Charged),
    FieldSchema("PosItem.grossAmount", "unitPrice x quantity - discount.", Bound::Charged),

    FieldSchema("AccountEvent.id", "", Bound::NotBlank),
    FieldSchema("AccountEvent.account", "The account. Also the record's key, which it has to equal.", Bound::AccountEventId),
    FieldSchema("AccountEvent.eventType", "What changed. The object of that name says how (cashAdvance for cash_advance); no other may be set.", Bound::Any),
    FieldSchema("AccountEvent.payment", "A payment towards the balance.", Bound::Any),
    FieldSchema("AccountEvent.cashAdvance", "Cash that was paid out: raises the balance.", Bound::Any),
    FieldSchema("AccountEvent.limit", "A new limit.", Bound::Any),
    FieldSchema("AccountEvent.flag", "A flag is set or cleared.", Bound::Any),
    FieldSchema("AccountEvent.default", "The account fell into default, or satisfied it. Without the object: it fell.", Bound::Any),
    FieldSchema("AccountEvent.close", "The account is closed, for good.", Bound::Any),
    FieldSchema("AccountEvent.update", "Master data that changed, or the end of a Pending outcome. What is left out stays as it is.", Bound::Any),
    FieldSchema("AccountEvent.idempotencyKey", "", Bound::Any),
    FieldSchema("AccountEvent.createdAt", "When it was created at the sender: RFC 3339. Left out, it is the record's time.", Bound::Any),
    FieldSchema("Payment.amount", "", Bound::MinorUnits),
    FieldSchema("Payment.status", "", Bound::OneOf(&["success", "failed", "reversed"])),
    FieldSchema("Payment.reverses", "", Bound::Any),
    FieldSchema("CashAdvance.amount", "", Bound::MinorUnits),
    FieldSchema("Limit.amount", "", Bound::LimitMinorUnits),
    FieldSchema("Flag.name", "", Bound::AccountEventId),
    FieldSchema("Flag.set", "true sets it, false clears it.", Bound::Any),
    FieldSchema("Flag.transactionId", "The outcome that the flag is about, such as a purchase that was confirmed as fraud.", Bound::Any),
    FieldSchema("Default.satisfied", "Whether the default is over.", Bound::Any),
    FieldSchema("Close.reason", "Why, in words.", Bound::Any),
    FieldSchema("Update.partyId", "The person behind the account.", Bound::AccountEventId),
    FieldSchema("Update.currency", "The account's currency. It changes only while balance, fees and holds are 0.", Bound::OneOf(CURRENCIES)),
    FieldSchema("Update.countryCode", "The account's country.", Bound::OneOf(COUNTRIES)),
    FieldSchema("Update.ssnKnown", "Whether the social security number is known.", Bound::Any),
    FieldSchema("Update.nfcIds", "The account's chips. Takes the place of the list before.", Bound::Chips),
    FieldSchema("Update.blockedNfcIds", "Chips of the account that are blocked. Takes the place of the list before.", Bound::Chips),
    FieldSchema("Update.resolve", "", Bound::Any),
    FieldSchema("Resolve.transactionId", "transactionId of the Pending outcome.", Bound::TransactionId),
    FieldSchema("Resolve.granted", "Whether the step was finished. false: refused.", Bound::Any),

    FieldSchema("PosOutcome.transactionId", "", Bound::TransactionId),
    FieldSchema("PosOutcome.accountNumber", "The account.", Bound::Any),
    FieldSchema("PosOutcome.accountTransactionId", "The sender's id of the transaction.", Bound::Any),
    FieldSchema("PosOutcome.eventType", "What happened. Unrecognized where that could not be read.", Bound::Any),
    FieldSchema("PosOutcome.eventTime", "When it happened at the till, where that could be read.", Bound::Any),
    FieldSchema("PosOutcome.eventAdded", "", Bound::Any),
    FieldSchema("PosOutcome.outcome", "The answer. Pending waits for a step of the customer, and holds the amount on the limit meanwhile.", Bound::Any),
    FieldSchema("PosOutcome.riskCheckMessages", "Every reason, in the order of the catalogue of checks.", Bound::Any),
    FieldSchema("PosOutcome.currency", "Currency of the amounts.", Bound::Any),
    FieldSchema("PosOutcome.postedAmount", "", Bound::Booked),
    FieldSchema("PosOutcome.balanceAfter", "Balance of the account after the event.", Bound::Booked),
    FieldSchema("PosOutcome.availableAfter", "", Bound::Booked),
    FieldSchema("PosOutcome.supersedes", "", Bound::TransactionId),
    FieldSchema("PosOutcome.corrects", "", Bound::TransactionId),
    FieldSchema("PosOutcome.repeats", "", Bound::TransactionId),
    FieldSchema("PosOutcome.source", "The record that was decided on.", Bound::Any),
    FieldSchema("PosOutcome.accountRevision", "", Bound::Natural),
    FieldSchema("PosOutcome.positions", "", Bound::Any),
    FieldSchema("PosOutcome.evidence", "", Bound::Any),
    FieldSchema("PosOutcome.ruleset", "", Bound::Ruleset),
    FieldSchema("RiskCheckMessage.type", "What kind of message it is. A NotificationMessage has no effect on the outcome.", Bound::Any),
    FieldSchema("RiskCheckMessage.code", "A code that never changes.", Bound::Code),
    FieldSchema("RiskCheckMessage.message", "For the merchant: what to mend at the till. Never why an account is refused.", Bound::Message),
    FieldSchema("RiskCheckMessage.customerFacingMessage", "For the customer, in the language of the event.", Bound::Message),
    FieldSchema("RiskCheckMessage.actionCode", "What can be done next. Unavailable: nothing.", Bound::Any),
    FieldSchema("RiskCheckMessage.fieldReference", "The field that it is about, such as items[2].grossAmount.", Bound::Code),
    FieldSchema("RiskCheckMessage.detail", "", Bound::Any),
    FieldSchema("Source.topic", "Its topic.", Bound::Any),
    FieldSchema("Source.partition", "Its partition.", Bound::Natural),
    FieldSchema("Source.offset", "Its offset.", Bound::Natural),
    FieldSchema("Source.timestamp", "Its time, milliseconds since 1970; -1 where it has none.", Bound::Any),
    FieldSchema("Evidence.fact", "What was asked.", Bound::Any),
    FieldSchema("Evidence.value", "What the answer was.", Bound::Any),
];

/// The contract's currencies.
const CURRENCIES: &[&str] = &["EUR", "NOK", "SEK", "DKK", "CHF"];
/// The contract's countries.
const COUNTRIES: &[&str] = &["NO", "SE", "FI", "DK", "DE", "AT", "CH", "NL", "BE"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::enums::{CountryCode, Currency};

    #[test]
    fn currencies_and_countries_are_the_contracts() {
        let currencies: Vec<&str> = Currency::ALL[1..].iter().map(|currency| currency.symbol()).collect();
        let countries: Vec<&str> = CountryCode::ALL[1..].iter().map(|country| country.symbol()).collect();
        assert_eq!((CURRENCIES, COUNTRIES), (&currencies[..], &countries[..]));
    }
}
