//! An account event as both formats carry it, and the rule that makes one change of it.
//!
//! The contract has seven payloads of which exactly the one that `eventType` names is set. Both formats read and write this
//! loose form; what it demands is said once, here.

use super::avro::Unwritable;
use super::avro::datum::DatumReader;
use super::avro::leaves::{BooleanLeaf, ChipsLeaf, Leaf, LongLeaf, SymbolLeaf, TextLeaf, TimeLeaf};
use super::avro::plan::{RecordPlan, Slot};
use super::fault::{FieldFault, Read};
use super::json::leaves::JsonLeaf;
use super::json::reader::JsonReader;
use super::json::write::Writer;
use super::record::{FieldSpec, Presence, RecordFields, SeenMembers, fields, write_field};
use crate::domain::Field;
use crate::domain::account_event::{AccountChange, AccountEvent, Resolve, Update};
use crate::domain::enums::AccountEventType;
use crate::domain::pos_event::Text;
use crate::domain::visible::excerpt;
use std::borrow::Cow;

/// Declares a record and its fields, nothing required yet.
macro_rules! loose {
    ($(#[$doc:meta])* $record:ident by $fields:ident, $schema:literal {
        $($member:ident: $leaf:ty = $name:literal $presence:ident;)+
    }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $record<'a> { $($member: <$leaf as Leaf>::Target<'a>),+ }

        fields! {
            #[doc = concat!("A field of [`", stringify!($record), "`].")]
            $fields of $record, $schema { $($member: $leaf = $name $presence;)+ }
        }
    };
}

loose! {
    /// Every field of the contract.
    LooseAccountEvent by AccountEventFields, "AccountEvent" {
        id: TextLeaf = "id" Required;
        account: TextLeaf = "account" Required;
        event_type: SymbolLeaf<AccountEventType> = "eventType" Required;
        payment: RecordPlan<PaymentFields> = "payment" Optional;
        cash_advance: RecordPlan<CashAdvanceFields> = "cashAdvance" Optional;
        limit: RecordPlan<LimitFields> = "limit" Optional;
        flag: RecordPlan<FlagFields> = "flag" Optional;
        default: RecordPlan<DefaultFields> = "default" Optional;
        close: RecordPlan<CloseFields> = "close" Optional;
        update: RecordPlan<UpdateFields> = "update" Optional;
        idempotency_key: TextLeaf = "idempotencyKey" Optional;
        created_at: TimeLeaf = "createdAt" Required;
    }
}

loose! {
    /// Payload `payment`.
    LoosePayment by PaymentFields, "Payment" {
        amount: LongLeaf = "amount" Required;
        status: TextLeaf = "status" Required;
        reverses: TextLeaf = "reverses" Optional;
    }
}

loose! {
    /// Payload `cashAdvance`.
    LooseCashAdvance by CashAdvanceFields, "CashAdvance" { amount: LongLeaf = "amount" Required; }
}

loose! {
    /// Payload `limit`.
    LooseLimit by LimitFields, "Limit" { amount: LongLeaf = "amount" Required; }
}

loose! {
    /// Payload `flag`.
    LooseFlag by FlagFields, "Flag" {
        name: TextLeaf = "name" Required;
        set: BooleanLeaf = "set" Required;
        transaction_id: TextLeaf = "transactionId" Optional;
    }
}

loose! {
    /// Payload `default`.
    LooseDefault by DefaultFields, "Default" { satisfied: BooleanLeaf = "satisfied" Defaulted; }
}

loose! {
    /// Payload `close`.
    LooseClose by CloseFields, "Close" { reason: TextLeaf = "reason" Optional; }
}

loose! {
    /// Payload `update`.
    LooseUpdate by UpdateFields, "Update" {
        party_id: TextLeaf = "partyId" Optional;
        currency: TextLeaf = "currency" Optional;
        country_code: TextLeaf = "countryCode" Optional;
        ssn_known: BooleanLeaf = "ssnKnown" Optional;
        nfc_ids: ChipsLeaf = "nfcIds" Optional;
        blocked_nfc_ids: ChipsLeaf = "blockedNfcIds" Optional;
        resolve: RecordPlan<ResolveFields> = "resolve" Optional;
    }
}

loose! {
    /// Part `resolve` of an update.
    LooseResolve by ResolveFields, "Resolve" {
        transaction_id: TextLeaf = "transactionId" Required;
        granted: BooleanLeaf = "granted" Required;
    }
}

impl<'a> LooseAccountEvent<'a> {
    /// As an event is written.
    pub(super) fn of(event: &'a AccountEvent) -> Self {
        let mut loose = Self {
            id: borrowed(Some(&event.id)),
            account: borrowed(Some(&event.account)),
            event_type: Field::Value(event.change.event_type()),
            idempotency_key: borrowed(event.idempotency_key.as_ref()),
            created_at: event.created_at.into(),
            ..Self::default()
        };
        match &event.change {
            AccountChange::Payment { amount, status, reverses } => {
                let (status, reverses) = (borrowed(Some(status)), borrowed(reverses.as_ref()));
                loose.payment = Some(LoosePayment { amount: Some(*amount), status, reverses });
            }
            AccountChange::CashAdvance { amount } => {
                loose.cash_advance = Some(LooseCashAdvance { amount: Some(*amount) });
            }
            AccountChange::Limit { amount } => loose.limit = Some(LooseLimit { amount: Some(*amount) }),
            AccountChange::Flag { name, set, transaction_id } => {
                let (name, transaction_id) = (borrowed(Some(name)), borrowed(transaction_id.as_ref()));
                loose.flag = Some(LooseFlag { name, set: Some(*set), transaction_id });
            }
            AccountChange::Default { satisfied } => {
                loose.default = Some(LooseDefault { satisfied: Some(*satisfied) });
            }
            AccountChange::Close { reason } => {
                loose.close = Some(LooseClose { reason: borrowed(reason.as_ref()) });
            }
            AccountChange::Update(update) => loose.update = Some(LooseUpdate::of(update)),
        }
        loose
    }
}

impl<'a> LooseUpdate<'a> {
    fn of(update: &'a Update) -> Self {
        let chips = |ids: &'a Option<Vec<String>>| {
            ids.as_ref().map(|ids| ids.iter().map(|id| Cow::Borrowed(&**id)).collect())
        };
        let resolve = update.resolve.as_ref().map(|resolve| LooseResolve {
            transaction_id: borrowed(Some(&resolve.transaction_id)),
            granted: Some(resolve.granted),
        });
        Self {
            party_id: borrowed(update.party_id.as_ref()),
            currency: borrowed(update.currency.as_ref()),
            country_code: borrowed(update.country_code.as_ref()),
            ssn_known: update.ssn_known,
            nfc_ids: chips(&update.nfc_ids),
            blocked_nfc_ids: chips(&update.blocked_nfc_ids),
            resolve,
        }
    }
}

fn borrowed(text: Option<&String>) -> Option<Text<'_>> {
    text.map(|text| Cow::Borrowed(&**text))
}

impl LooseAccountEvent<'_> {
    /// The event, where every demand of the contract is met. `close` and `default` may go without a payload.
    pub(super) fn strict(self) -> Read<AccountEvent> {
        let unknown = |symbol: &str| format!("unknown symbol \"{}\"", excerpt(symbol));
        let event_type = required(understood(&self.event_type, "eventType", unknown)?, "eventType")?;
        self.refuse_other_payloads(event_type)?;
        let no_time = |text: &str| format!("\"{}\" is no RFC 3339 time", excerpt(text));
        let created_at = understood(&self.created_at, "createdAt", no_time)?;
        let change = match event_type {
            AccountEventType::Payment => {
                let payment = required(self.payment, "payment")?;
                AccountChange::Payment {
                    amount: required(payment.amount, "payment.amount")?,
                    status: text(payment.status, "payment.status")?,
                    reverses: owned(payment.reverses),
                }
            }
            AccountEventType::Flag => {
                let flag = required(self.flag, "flag")?;
                AccountChange::Flag {
                    name: text(flag.name, "flag.name")?,
                    set: required(flag.set, "flag.set")?,
                    transaction_id: owned(flag.transaction_id),
                }
            }
            AccountEventType::CashAdvance => {
                let payload = required(self.cash_advance, "cashAdvance")?;
                AccountChange::CashAdvance { amount: required(payload.amount, "cashAdvance.amount")? }
            }
            AccountEventType::Limit => {
                let limit = required(self.limit, "limit")?;
                AccountChange::Limit { amount: required(limit.amount, "limit.amount")? }
            }
            AccountEventType::Default => {
                let satisfied = self.default.and_then(|default| default.satisfied).unwrap_or(false);
                AccountChange::Default { satisfied }
            }
            AccountEventType::Close => {
                AccountChange::Close { reason: self.close.and_then(|close| owned(close.reason)) }
            }
            AccountEventType::Update => {
                AccountChange::Update(Box::new(required(self.update, "update")?.strict()?))
            }
            AccountEventType::Unrecognized => {
                return Err(FieldFault::not_of_format("eventType", unknown("unrecognized")));
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
                return Err(FieldFault::unreadable(text).in_field(name));
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
                granted: required(resolve.granted, "update.resolve.granted")?,
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

/// The value of a field that may be absent; `why` says what is wrong with a text that is none.
fn understood<T: Copy>(
    field: &Field<'_, T>,
    name: &str,
    why: impl FnOnce(&str) -> String,
) -> Read<Option<T>> {
    match field {
        Field::Invalid(text) => Err(FieldFault::not_of_format(name, why(text))),
        field => Ok(field.value()),
    }
}

fn required<T>(value: Option<T>, field: &str) -> Read<T> {
    value.ok_or_else(|| FieldFault::missing(field))
}

/// A required text: there, and not blank.
fn text(value: Option<Text<'_>>, field: &str) -> Read<String> {
    match value {
        Some(text) if !text.trim().is_empty() => Ok(text.into_owned()),
        _ => Err(FieldFault::missing(field)),
    }
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(Text::into_owned)
}
