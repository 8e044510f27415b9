//! The enums of the contract, symbol for symbol in the schema's order.
//!
//! They are read open: a symbol that is not here becomes [`super::Field::Invalid`] with its text.

use std::fmt;

macro_rules! symbols {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $symbol:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every symbol, in the schema's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The symbol as the contract writes it.
            #[must_use]
            pub fn symbol(self) -> &'static str {
                match self { $(Self::$variant => $symbol),+ }
            }

            /// The symbol's value; nothing where the contract has no such symbol.
            #[must_use]
            pub fn from_symbol(symbol: &str) -> Option<Self> {
                match symbol { $($symbol => Some(Self::$variant),)+ _ => None }
            }

            /// Position in the schema, from 0.
            #[must_use]
            pub fn index(self) -> usize { self as usize }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.symbol()) }
        }
    };
}
pub(crate) use symbols;

symbols! {
    /// What happened at the till (`EventType`).
    EventType {
        /// The reader's default for symbols it does not know.
        Unrecognized = "Unrecognized",
        /// Information; books nothing.
        Info = "Info",
        /// Goods or services bought.
        Purchase = "Purchase",
        /// Cash taken out.
        Withdrawal = "Withdrawal",
        /// Cash withdrawal taken back, whole or in part.
        WithdrawalCorrection = "WithdrawalCorrection",
        /// Fee on a withdrawal.
        WithdrawalCommission = "WithdrawalCommission",
        /// Interest.
        Interest = "Interest",
        /// Signed correction of an earlier booking.
        Correction = "Correction",
    }
}

symbols! {
    /// The book-keeping category of an event (`CategoryType`).
    #[allow(missing_docs)]
    CategoryType {
        Unrecognized = "Unrecognized", NotSet = "NotSet", Charge = "Charge", Sales = "Sales", Deposit = "Deposit",
        Payout = "Payout", TransferUnit = "TransferUnit", Consumer = "Consumer", Cancel = "Cancel",
        Clearing = "Clearing", CardDeposit = "CardDeposit", CardClearing = "CardClearing",
    }
}

symbols! {
    /// Currencies of the contract (ISO 4217); all have two decimals.
    #[allow(missing_docs)]
    Currency { Unrecognized = "Unrecognized", Eur = "EUR", Nok = "NOK", Sek = "SEK", Dkk = "DKK", Chf = "CHF" }
}

symbols! {
    /// Countries of the contract (ISO 3166-1 alpha-2).
    #[allow(missing_docs)]
    CountryCode {
        Unrecognized = "Unrecognized", No = "NO", Se = "SE", Fi = "FI", Dk = "DK", De = "DE", At = "AT", Ch = "CH",
        Nl = "NL", Be = "BE",
    }
}

symbols! {
    /// Conversation languages. `SE` and `DK` are obsolete and read as `SV` and `DA`.
    #[allow(missing_docs)]
    Language {
        Unrecognized = "Unrecognized", No = "NO", Sv = "SV", Se = "SE", Fi = "FI", Da = "DA", Dk = "DK", En = "EN",
        De = "DE", Nl = "NL", Fr = "FR",
    }
}

symbols! {
    /// The answer to an event (`Outcome`).
    Verdict {
        /// Could not be judged; the messages say why.
        NotEvaluated = "NotEvaluated",
        /// Let through and booked.
        Accepted = "Accepted",
        /// Waits for a step of the consumer; holds the amount on the limit.
        Pending = "Pending",
        /// Refused.
        Rejected = "Rejected",
    }
}

symbols! {
    /// What kind of message a check gives (`MessageType`).
    MessageType {
        /// A rule of the business was broken.
        BusinessError = "BusinessError",
        /// The record or the system was at fault.
        TechnicalError = "TechnicalError",
        /// Worth knowing, without effect.
        NotificationMessage = "NotificationMessage",
    }
}

symbols! {
    /// What can be done next (`ActionCode`).
    ActionCode {
        /// Nothing the consumer can do.
        Unavailable = "Unavailable",
        /// Ask the consumer whether this is meant.
        AskConsumerToConfirm = "AskConsumerToConfirm",
        /// Ask for the data again.
        AskConsumerToReEnterData = "AskConsumerToReEnterData",
        /// Offer another way to pay.
        OfferSecurePaymentMethods = "OfferSecurePaymentMethods",
        /// Ask for the social security number.
        RequiresSsn = "RequiresSsn",
        /// Ask the consumer to identify, strongly.
        AskConsumerToIdentify = "AskConsumerToIdentify",
    }
}

symbols! {
    /// What changed an account (`AccountEventType`).
    #[allow(missing_docs)]
    AccountEventType {
        Unrecognized = "unrecognized", Payment = "payment", Flag = "flag", CashAdvance = "cash_advance",
        Default = "default", Close = "close", Limit = "limit", Update = "update",
    }
}

/// An enum that is read open: its symbol `Unrecognized` is none that a sender may use.
pub trait OpenEnum: Copy + PartialEq + fmt::Debug + 'static {
    /// Its name in the schema.
    const NAME: &'static str;

    /// The symbol's value; nothing where a sender may not use it.
    fn sent(symbol: &str) -> Option<Self>;

    /// As the contract writes it.
    fn written(self) -> &'static str;

    /// Position in the schema; of `Unrecognized` 0.
    fn place(self) -> usize;
}

macro_rules! open {
    ($($name:ident),+) => {
        $(impl OpenEnum for $name {
            const NAME: &'static str = stringify!($name);

            fn sent(symbol: &str) -> Option<Self> {
                Self::from_symbol(symbol).filter(|value| *value != Self::Unrecognized)
            }

            fn written(self) -> &'static str { self.symbol() }

            fn place(self) -> usize { self.index() }
        })+
    };
}
open!(EventType, CategoryType, Currency, CountryCode, Language, AccountEventType);

impl Language {
    /// The language to answer in: obsolete `SE` is `SV`, `DK` is `DA`; no language is English.
    #[must_use]
    pub fn spoken(self) -> Self {
        match self {
            Self::Se => Self::Sv,
            Self::Dk => Self::Da,
            Self::Unrecognized => Self::En,
            other => other,
        }
    }

    /// Languages that texts are written in.
    pub const SPOKEN: [Self; 8] =
        [Self::No, Self::Sv, Self::Fi, Self::Da, Self::En, Self::De, Self::Nl, Self::Fr];
}
