//! The catalogue: every check with its number, name, codes, kind and usual action.
//!
//! The order here is the order of messages in an outcome. Numbers and codes never change; numbers
//! without an entry belong to checks of the catalogue that are not built.

use crate::domain::code::Code;
use crate::domain::enums::{ActionCode, MessageType};

/// The first release.
pub const FIRST: &str = "0.1";

/// The second release: reasons are withheld from the merchant, and texts are worded anew.
pub const SECOND: &str = "0.2";

/// The releases with which the catalogue changed what an existing check means, so that the same ruleset decides otherwise;
/// the first one stands for the catalogue as it began. Its version counts from 1.
pub const MEANINGS: &[&str] = &[FIRST, SECOND];

/// Numbers from here on are no checks: ends of Pending events, and failures.
pub const NO_CHECK_FROM: u8 = 200;

/// One entry of the catalogue.
#[derive(Debug)]
pub struct CatalogueEntry {
    /// Number in the catalogue; from [`NO_CHECK_FROM`] on: answers that are no check.
    pub number: u8,
    /// The release that it came with.
    pub since: &'static str,
    /// Path of its parameters below `checks.`.
    pub name: &'static str,
    /// Its codes; most have one.
    pub codes: &'static [Code],
    /// Kind of message of the first code.
    pub kind: MessageType,
    /// Usual action.
    pub action: ActionCode,
}

macro_rules! catalogue {
    ($($(#[$doc:meta])* $check:ident = $number:literal since $since:ident $name:literal [$($code:literal),+] $kind:ident $action:ident;)+) => {
        /// A check, or another source of messages, in catalogue order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check { $($(#[$doc])* $check),+ }

        impl Check {
            /// Every check, in the order of messages.
            pub const ALL: &'static [Self] = &[$(Self::$check),+];

            /// Its entry in the catalogue.
            #[must_use]
            pub fn entry(self) -> &'static CatalogueEntry {
                match self {
                    $(Self::$check => {
                        static ENTRY: CatalogueEntry = CatalogueEntry {
                            number: $number,
                            since: $since,
                            name: $name,
                            codes: &[$(Code::built_in($code)),+],
                            kind: MessageType::$kind,
                            action: ActionCode::$action,
                        };
                        &ENTRY
                    }),+
                }
            }
        }
    };
}

catalogue! {
    /// The record cannot be decoded.
    Undecodable = 1 since FIRST "form.undecodable" ["400.001"] TechnicalError Unavailable;
    /// A required field is missing or blank.
    Required = 2 since FIRST "form.required" ["400.002"] BusinessError Unavailable;
    /// An enum symbol or a time is not of the format.
    Format = 3 since FIRST "form.format" ["400.004"] BusinessError Unavailable;
    /// A text is too long, or the basket has too many lines.
    Length = 4 since FIRST "form.length" ["400.005", "400.003"] BusinessError Unavailable;
    /// More decimals than the field allows, or a number out of range.
    Decimals = 5 since FIRST "form.decimals" ["400.007", "400.003"] BusinessError Unavailable;
    /// totalAmount missing where it must not be, or of the wrong sign.
    Total = 6 since FIRST "form.total" ["400.003"] BusinessError Unavailable;
    /// Quantity 0, or a discount of the wrong sign or above its line.
    Quantity = 7 since FIRST "form.quantity" ["400.003"] BusinessError Unavailable;
    /// grossAmount is not unitPrice x quantity - discount.
    ItemGross = 8 since FIRST "basket.item_gross" ["pos.item.gross"] BusinessError Unavailable;
    /// unitPrice is not netAmount + taxAmount.
    ItemUnit = 9 since FIRST "basket.item_unit" ["pos.item.unit"] BusinessError Unavailable;
    /// totalAmount is not the sum of the gross amounts.
    TotalAmount = 10 since FIRST "basket.total_amount" ["400.102"] BusinessError Unavailable;
    /// totalTax is not the sum of the taxes.
    TotalTax = 11 since FIRST "basket.total_tax" ["pos.total.tax", "pos.tax.unchecked"] BusinessError Unavailable;
    /// Totals without items.
    ItemsNone = 12 since FIRST "basket.items_none" ["pos.items.none"] NotificationMessage Unavailable;
    /// The category does not go with the type.
    Category = 13 since FIRST "sense.category" ["pos.category.odd"] NotificationMessage Unavailable;
    /// The currency is not the country's.
    CurrencyCountry = 14 since FIRST "sense.currency_country" ["pos.currency.country"] BusinessError OfferSecurePaymentMethods;
    /// The currency is not the account's.
    CurrencyAccount = 15 since FIRST "sense.currency_account" ["pos.currency.account"] BusinessError OfferSecurePaymentMethods;
    /// The language is unusual for the country, or obsolete.
    Language = 16 since FIRST "sense.language" ["pos.language.odd", "pos.language.obsolete"] NotificationMessage Unavailable;
    /// The event lies in the future.
    Future = 17 since FIRST "time.future" ["400.003"] BusinessError Unavailable;
    /// The event is older than accepted.
    Late = 18 since FIRST "time.late" ["pos.time.late"] BusinessError AskConsumerToConfirm;
    /// The same transaction again.
    RepeatSame = 19 since FIRST "repeat.same" ["pos.idempotency.repeat"] NotificationMessage Unavailable;
    /// The same id with other content.
    RepeatConflict = 20 since FIRST "repeat.conflict" ["400.100"] BusinessError Unavailable;
    /// The same basket at the same terminal under another id.
    NearDuplicate = 21 since FIRST "repeat.near_duplicate" ["pos.duplicate"] BusinessError AskConsumerToConfirm;
    /// The account's state is not there.
    StateUnavailable = 22 since FIRST "account.unavailable" ["pos.state.unavailable"] TechnicalError Unavailable;
    /// The account is unknown.
    AccountUnknown = 23 since FIRST "account.unknown" ["pos.account.unknown"] BusinessError Unavailable;
    /// The account is stopped.
    AccountStopped = 24 since FIRST "account.stopped" ["pos.account.stopped"] BusinessError OfferSecurePaymentMethods;
    /// The account is in dunning.
    AccountDunning = 25 since FIRST "account.dunning" ["pos.account.dunning"] BusinessError OfferSecurePaymentMethods;
    /// The account is closed.
    AccountClosed = 26 since FIRST "account.closed" ["pos.account.closed"] BusinessError OfferSecurePaymentMethods;
    /// The account is in default.
    AccountDefault = 27 since FIRST "account.default" ["pos.account.default"] BusinessError OfferSecurePaymentMethods;
    /// A flag on the account blocks or asks for review.
    AccountFlag = 28 since FIRST "account.flag" ["pos.account.flag"] BusinessError OfferSecurePaymentMethods;
    /// The limit does not suffice.
    LimitExceeded = 29 since FIRST "limit.exceeded" ["200.903"] BusinessError OfferSecurePaymentMethods;
    /// A chargeback is open.
    Chargeback = 30 since FIRST "account.chargeback" ["200.912"] BusinessError OfferSecurePaymentMethods;
    /// The first purchase is above its cap.
    FirstAmount = 31 since FIRST "limit.first_amount" ["pos.first.amount"] BusinessError AskConsumerToIdentify;
    /// Too many open holds.
    Holds = 32 since FIRST "limit.holds" ["pos.holds"] BusinessError OfferSecurePaymentMethods;
    /// The social security number is not known and the amount needs it.
    Ssn = 33 since FIRST "identity.ssn" ["pos.identity.ssn"] BusinessError RequiresSsn;
    /// A purchase or withdrawal at a terminal without a chip.
    NfcMissing = 34 since SECOND "nfc.missing" ["pos.nfc.missing"] BusinessError AskConsumerToIdentify;
    /// The chip is none of the account's.
    NfcUnknown = 35 since SECOND "nfc.unknown" ["pos.nfc.unknown"] BusinessError AskConsumerToIdentify;
    /// The chip is blocked.
    NfcBlocked = 36 since SECOND "nfc.blocked" ["pos.nfc.blocked"] BusinessError OfferSecurePaymentMethods;
    /// The terminal is out of service, or not registered.
    Terminal = 37 since SECOND "pos.terminal" ["pos.terminal"] BusinessError Unavailable;
    /// The terminal had another name.
    TerminalName = 38 since SECOND "pos.terminal_name" ["pos.terminal.name"] NotificationMessage Unavailable;
    /// The terminal stands in another country.
    TerminalCountry = 38 since SECOND "pos.terminal_country" ["pos.terminal.country"] BusinessError AskConsumerToConfirm;
    /// The chip was used too far away too shortly before or after.
    NfcTravel = 39 since SECOND "nfc.travel" ["pos.travel"] BusinessError AskConsumerToIdentify;
    /// Contactless payments above what goes without strong customer authentication.
    Sca = 40 since SECOND "nfc.sca" ["pos.sca"] BusinessError AskConsumerToIdentify;
    /// Too many, or too much, in a sliding window.
    Velocity = 41 since FIRST "velocity.windows" ["pos.velocity"] BusinessError AskConsumerToIdentify;
    /// A withdrawal above its cap.
    WithdrawalCap = 42 since FIRST "velocity.withdrawal_cap" ["pos.withdrawal.cap"] BusinessError OfferSecurePaymentMethods;
    /// Many accounts on one chip, or at one terminal.
    FanOut = 43 since SECOND "velocity.fanout" ["pos.fanout"] BusinessError AskConsumerToIdentify;
    /// A correction without original, or above it.
    Correction = 44 since FIRST "correction.original" ["pos.correction", "pos.correction.unlinked"] BusinessError Unavailable;
    /// Too much of what the terminal sent was confirmed as fraud.
    TerminalFraud = 46 since SECOND "pos.terminal_fraud" ["pos.terminal.fraud"] BusinessError AskConsumerToIdentify;
    /// The end of a Pending outcome: granted, refused, run out, taken back.
    Pending = 200 since FIRST "pending" ["pos.pending.granted", "pos.pending.refused", "pos.pending.expired", "pos.pending.corrected"] NotificationMessage Unavailable;
    /// The program failed on this record, again and again.
    Failed = 201 since FIRST "failed" ["500"] TechnicalError Unavailable;
}

impl Check {
    /// Whether the merchant learns no reason: standing, flags, limits, windows, chips and suspicions are between the
    /// customer and the account's keeper. [`super::Finding::new`] sees to it.
    #[must_use]
    pub fn withholds_reason(self) -> bool {
        matches!(self.entry().number, 24..=32 | 35 | 36 | 39..=43 | 46)
    }

    /// The first check that has this code.
    #[must_use]
    pub fn of_code(code: &Code) -> Option<Self> {
        Self::ALL.iter().copied().find(|check| check.entry().codes.contains(code))
    }

    /// Every code that an outcome can carry, each once, in catalogue order.
    #[must_use]
    pub fn codes() -> Vec<&'static str> {
        let mut codes = Vec::new();
        for code in Self::ALL.iter().flat_map(|check| check.entry().codes) {
            if !codes.contains(&code.as_str()) {
                codes.push(code.as_str());
            }
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_so_that_messages_come_in_catalogue_order() {
        let numbers: Vec<u8> = Check::ALL.iter().map(|check| check.entry().number).collect();
        assert!(numbers.is_sorted(), "{numbers:?}");
    }
}
