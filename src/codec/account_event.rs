//! An account event as either format carries it, and the rule that makes one change of it.
//!
//! The contract has seven payloads of which exactly the one that `eventType` names is set. Both
//! decoders fill this loose form; what it demands is said once, here.

use super::fault::{Fault, Read};
use crate::domain::account_event::{AccountChange, AccountEvent, Resolve, Update};
use crate::domain::enums::AccountEventType;
use crate::domain::pos_event::Text;
use crate::domain::visible::excerpt;
use crate::domain::{Field, Micros};

/// Every field of the contract, nothing required yet.
#[derive(Debug, Default)]
pub(super) struct LooseAccountEvent<'a> {
    pub(super) id: Option<Text<'a>>,
    pub(super) account: Option<Text<'a>>,
    pub(super) event_type: Field<'a, AccountEventType>,
    pub(super) payment: Option<LoosePayment<'a>>,
    pub(super) cash_advance: Option<LooseAmount>,
    pub(super) limit: Option<LooseAmount>,
    pub(super) flag: Option<LooseFlag<'a>>,
    pub(super) default: Option<LooseDefault>,
    pub(super) close: Option<LooseClose<'a>>,
    pub(super) update: Option<LooseUpdate<'a>>,
    pub(super) idempotency_key: Option<Text<'a>>,
    pub(super) created_at: Field<'a, Micros>,
}

/// Payload `payment`.
#[derive(Debug, Default)]
pub(super) struct LoosePayment<'a> {
    pub(super) amount: Option<i64>,
    pub(super) status: Option<Text<'a>>,
    pub(super) reverses: Option<Text<'a>>,
}

/// Payloads `cashAdvance` and `limit`.
#[derive(Debug, Default)]
pub(super) struct LooseAmount {
    pub(super) amount: Option<i64>,
}

/// Payload `flag`.
#[derive(Debug, Default)]
pub(super) struct LooseFlag<'a> {
    pub(super) name: Option<Text<'a>>,
    pub(super) set: Option<bool>,
    pub(super) transaction_id: Option<Text<'a>>,
}

/// Payload `default`.
#[derive(Debug, Default)]
pub(super) struct LooseDefault {
    pub(super) satisfied: Option<bool>,
}

/// Payload `close`.
#[derive(Debug, Default)]
pub(super) struct LooseClose<'a> {
    pub(super) reason: Option<Text<'a>>,
}

/// Payload `update`.
#[derive(Debug, Default)]
pub(super) struct LooseUpdate<'a> {
    pub(super) party_id: Option<Text<'a>>,
    pub(super) currency: Option<Text<'a>>,
    pub(super) country_code: Option<Text<'a>>,
    pub(super) ssn_known: Option<bool>,
    pub(super) nfc_ids: Option<Vec<Text<'a>>>,
    pub(super) blocked_nfc_ids: Option<Vec<Text<'a>>>,
    pub(super) resolve: Option<LooseResolve<'a>>,
}

/// Part `resolve` of an update.
#[derive(Debug, Default)]
pub(super) struct LooseResolve<'a> {
    pub(super) transaction_id: Option<Text<'a>>,
    pub(super) granted: Option<bool>,
}

impl LooseAccountEvent<'_> {
    /// The event, where every demand of the contract is met. `close` and `default` may go without a payload.
    pub(super) fn strict(self) -> Read<AccountEvent> {
        let event_type = match &self.event_type {
            Field::Value(event_type) => *event_type,
            Field::Absent => return Err(Fault::missing("eventType")),
            Field::Invalid(symbol) => {
                return Err(Fault::not_of_format(
                    "eventType",
                    format!("unknown symbol \"{}\"", excerpt(symbol)),
                ));
            }
        };
        self.refuse_other_payloads(event_type)?;
        let created_at = match self.created_at {
            Field::Value(time) => Some(time),
            Field::Absent => None,
            Field::Invalid(text) => {
                return Err(Fault::not_of_format(
                    "createdAt",
                    format!("\"{}\" is no RFC 3339 time", excerpt(&text)),
                ));
            }
        };
        let change = match event_type {
            AccountEventType::Payment => payment(self.payment)?,
            AccountEventType::Flag => flag(self.flag)?,
            AccountEventType::CashAdvance => {
                AccountChange::CashAdvance { amount: amount(self.cash_advance, "cashAdvance")? }
            }
            AccountEventType::Limit => AccountChange::Limit { amount: amount(self.limit, "limit")? },
            AccountEventType::Default => {
                let satisfied = self.default.and_then(|default| default.satisfied).unwrap_or(false);
                AccountChange::Default { satisfied }
            }
            AccountEventType::Close => {
                AccountChange::Close { reason: self.close.and_then(|close| owned(close.reason)) }
            }
            AccountEventType::Update => {
                let update = self.update.ok_or_else(|| Fault::missing("update"))?;
                AccountChange::Update(Box::new(update.strict()?))
            }
            AccountEventType::Unrecognized => {
                return Err(Fault::not_of_format("eventType", "unknown symbol \"unrecognized\""));
            }
        };
        Ok(AccountEvent {
            id: text(self.id, "id")?,
            account: text(self.account, "account")?,
            change,
            created_at,
            idempotency_key: owned(self.idempotency_key),
        })
    }

    fn refuse_other_payloads(&self, event_type: AccountEventType) -> Read<()> {
        for (payload, name, set) in [
            (AccountEventType::Payment, "payment", self.payment.is_some()),
            (AccountEventType::CashAdvance, "cashAdvance", self.cash_advance.is_some()),
            (AccountEventType::Limit, "limit", self.limit.is_some()),
            (AccountEventType::Flag, "flag", self.flag.is_some()),
            (AccountEventType::Default, "default", self.default.is_some()),
            (AccountEventType::Close, "close", self.close.is_some()),
            (AccountEventType::Update, "update", self.update.is_some()),
        ] {
            if set && payload != event_type {
                let text = format!("set, but eventType is {event_type}");
                return Err(Fault::unreadable(text).in_field(name));
            }
        }
        Ok(())
    }
}

impl LooseUpdate<'_> {
    fn strict(self) -> Read<Update> {
        let resolve = match self.resolve {
            None => None,
            Some(resolve) => Some(Resolve {
                transaction_id: text(resolve.transaction_id, "update.resolve.transactionId")?,
                granted: resolve.granted.ok_or_else(|| Fault::missing("update.resolve.granted"))?,
            }),
        };
        let list =
            |ids: Option<Vec<Text<'_>>>| ids.map(|ids| ids.into_iter().map(Text::into_owned).collect());
        Ok(Update {
            party_id: owned(self.party_id),
            currency: owned(self.currency),
            country_code: owned(self.country_code),
            ssn_known: self.ssn_known,
            nfc_ids: list(self.nfc_ids),
            blocked_nfc_ids: list(self.blocked_nfc_ids),
            resolve,
        })
    }
}

fn payment(payment: Option<LoosePayment<'_>>) -> Read<AccountChange> {
    let payment = payment.ok_or_else(|| Fault::missing("payment"))?;
    Ok(AccountChange::Payment {
        amount: payment.amount.ok_or_else(|| Fault::missing("payment.amount"))?,
        status: text(payment.status, "payment.status")?,
        reverses: owned(payment.reverses),
    })
}

fn flag(flag: Option<LooseFlag<'_>>) -> Read<AccountChange> {
    let flag = flag.ok_or_else(|| Fault::missing("flag"))?;
    Ok(AccountChange::Flag {
        name: text(flag.name, "flag.name")?,
        set: flag.set.ok_or_else(|| Fault::missing("flag.set"))?,
        transaction_id: owned(flag.transaction_id),
    })
}

fn amount(payload: Option<LooseAmount>, name: &str) -> Read<i64> {
    let payload = payload.ok_or_else(|| Fault::missing(name))?;
    payload.amount.ok_or_else(|| Fault::missing(&format!("{name}.amount")))
}

/// A required text: there, and not blank.
fn text(value: Option<Text<'_>>, field: &str) -> Read<String> {
    match value {
        Some(text) if !text.trim().is_empty() => Ok(text.into_owned()),
        _ => Err(Fault::missing(field)),
    }
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(Text::into_owned)
}
