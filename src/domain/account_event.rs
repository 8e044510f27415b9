//! An account event: a change of an account's standing, as the account system tells it.

use super::Micros;
use super::enums::AccountEventType;

/// A change of an account. Exactly the payload that the type names is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEvent {
    /// The sender's id; the same id applies once.
    pub id: String,
    /// The account; also the record's key.
    pub account: String,
    /// What changed, with its payload.
    pub change: AccountChange,
    /// When it was created at the sender; nothing where a JSON event does not say.
    pub created_at: Option<Micros>,
    /// Key of the request that made it: the same key and content of an account applies once.
    pub idempotency_key: Option<String>,
}

/// What changed. Amounts are in minor units, as the contract has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// A payment towards the balance.
    Payment {
        /// Minor units.
        amount: i64,
        /// `success`, `failed` or `reversed`.
        status: String,
        /// Id of the payment event that is reversed; nothing: the newest success of this amount that is not reversed yet.
        reverses: Option<String>,
    },
    /// A flag set or cleared.
    Flag {
        /// The flag's name, such as `stopped`.
        name: String,
        /// Set, or cleared.
        set: bool,
        /// The transaction that the flag is about.
        transaction_id: Option<String>,
    },
    /// Cash paid out; raises the balance.
    CashAdvance {
        /// Minor units.
        amount: i64,
    },
    /// The account fell into default, or satisfied it.
    Default {
        /// Whether the default is satisfied.
        satisfied: bool,
    },
    /// The account is closed, for good.
    Close {
        /// Why.
        reason: Option<String>,
    },
    /// A new limit.
    Limit {
        /// Minor units.
        amount: i64,
    },
    /// A patch of master data, or the end of a Pending outcome.
    Update(Box<Update>),
}

/// A patch: what is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// The person behind the account.
    pub party_id: Option<String>,
    /// The account's currency.
    pub currency: Option<String>,
    /// The account's country.
    pub country_code: Option<String>,
    /// Whether the social security number is known.
    pub ssn_known: Option<bool>,
    /// The account's chips; replaces the list.
    pub nfc_ids: Option<Vec<String>>,
    /// Chips that are blocked; replaces the list.
    pub blocked_nfc_ids: Option<Vec<String>>,
    /// The consumer finished or refused the step that a Pending outcome asked for.
    pub resolve: Option<Resolve>,
}

/// The end of a Pending outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// `transactionId` of the Pending outcome.
    pub transaction_id: String,
    /// Whether the step was finished (otherwise refused).
    pub granted: bool,
}

impl AccountChange {
    /// The event type that carries this change.
    #[must_use]
    pub fn event_type(&self) -> AccountEventType {
        match self {
            Self::Payment { .. } => AccountEventType::Payment,
            Self::Flag { .. } => AccountEventType::Flag,
            Self::CashAdvance { .. } => AccountEventType::CashAdvance,
            Self::Default { .. } => AccountEventType::Default,
            Self::Close { .. } => AccountEventType::Close,
            Self::Limit { .. } => AccountEventType::Limit,
            Self::Update(_) => AccountEventType::Update,
        }
    }
}
