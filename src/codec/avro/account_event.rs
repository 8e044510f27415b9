//! AccountEvent as Avro: its fields against a writer's schema, and the writer of our own.

use super::compile;
use super::input::Input;
use super::leaves::{BooleanLeaf, ChipsLeaf, LongLeaf, SymbolLeaf, TextLeaf, TimeLeaf};
use super::plan::{FieldSpec, Fields, RecordPlan, Slot, record};
use super::schema::{Use, WriterSchema};
use super::write::{self, Unwritable};
use crate::codec::account_event::{
    LooseAccountEvent, LooseAmount, LooseClose, LooseDefault, LooseFlag, LoosePayment, LooseResolve,
    LooseUpdate,
};
use crate::codec::fault::Read;
use crate::domain::account_event::{AccountChange, AccountEvent, Update};
use crate::domain::enums::AccountEventType;

record! {
    /// A field of an account event.
    AccountField fills LooseAccountEvent<'a>, "AccountEvent" {
        Id(TextLeaf) = id, "id", false, text;
        Account(TextLeaf) = account, "account", false, text;
        EventType(SymbolLeaf<AccountEventType>) = event_type, "eventType", false,
            |schema: &WriterSchema, writer: &Use| {
                let from = AccountEventType::from_symbol;
                let symbol = compile::symbol("AccountEventType", from, AccountEventType::Unrecognized);
                compile::slot(schema, writer, symbol)
            };
        Payment(RecordPlan<PaymentField>) = payment, "payment", true, payload;
        CashAdvance(RecordPlan<CashAdvanceField>) = cash_advance, "cashAdvance", true, payload;
        Limit(RecordPlan<LimitField>) = limit, "limit", true, payload;
        Flag(RecordPlan<FlagField>) = flag, "flag", true, payload;
        Default(RecordPlan<DefaultField>) = default, "default", true, payload;
        Close(RecordPlan<CloseField>) = close, "close", true, payload;
        Update(RecordPlan<UpdateField>) = update, "update", true, payload;
        IdempotencyKey(TextLeaf) = idempotency_key, "idempotencyKey", true, text;
        CreatedAt(TimeLeaf) = created_at, "createdAt", false,
            |schema: &WriterSchema, writer: &Use| compile::slot(schema, writer, compile::time);
    }
}

record! {
    /// A field of payload `payment`.
    PaymentField fills LoosePayment<'a>, "Payment" {
        Amount(LongLeaf) = amount, "amount", false, long;
        Status(TextLeaf) = status, "status", false, text;
        Reverses(TextLeaf) = reverses, "reverses", true, text;
    }
}

record! {
    /// A field of payload `cashAdvance`.
    CashAdvanceField fills LooseAmount, "CashAdvance" { Amount(LongLeaf) = amount, "amount", false, long; }
}

record! {
    /// A field of payload `limit`.
    LimitField fills LooseAmount, "Limit" { Amount(LongLeaf) = amount, "amount", false, long; }
}

record! {
    /// A field of payload `flag`.
    FlagField fills LooseFlag<'a>, "Flag" {
        Name(TextLeaf) = name, "name", false, text;
        Set(BooleanLeaf) = set, "set", false, boolean;
        TransactionId(TextLeaf) = transaction_id, "transactionId", true, text;
    }
}

record! {
    /// A field of payload `default`.
    DefaultField fills LooseDefault, "Default" {
        Satisfied(BooleanLeaf) = satisfied, "satisfied", true, boolean;
    }
}

record! {
    /// A field of payload `close`.
    CloseField fills LooseClose<'a>, "Close" { Reason(TextLeaf) = reason, "reason", true, text; }
}

record! {
    /// A field of payload `update`.
    UpdateField fills LooseUpdate<'a>, "Update" {
        PartyId(TextLeaf) = party_id, "partyId", true, text;
        Currency(TextLeaf) = currency, "currency", true, text;
        CountryCode(TextLeaf) = country_code, "countryCode", true, text;
        SsnKnown(BooleanLeaf) = ssn_known, "ssnKnown", true,
            |schema: &WriterSchema, writer: &Use| compile::slot(schema, writer, compile::boolean);
        NfcIds(ChipsLeaf) = nfc_ids, "nfcIds", true, chips;
        BlockedNfcIds(ChipsLeaf) = blocked_nfc_ids, "blockedNfcIds", true, chips;
        Resolve(RecordPlan<ResolveField>) = resolve, "resolve", true, payload;
    }
}

record! {
    /// A field of `update.resolve`.
    ResolveField fills LooseResolve<'a>, "Resolve" {
        TransactionId(TextLeaf) = transaction_id, "transactionId", false, text;
        Granted(BooleanLeaf) = granted, "granted", false, boolean;
    }
}

fn text(schema: &WriterSchema, writer: &Use) -> Read<Slot<TextLeaf>> {
    compile::slot(schema, writer, compile::text)
}

fn long(schema: &WriterSchema, writer: &Use) -> Read<Slot<LongLeaf>> {
    compile::slot(schema, writer, compile::long)
}

fn boolean(schema: &WriterSchema, writer: &Use) -> Read<Slot<BooleanLeaf>> {
    compile::slot(schema, writer, compile::boolean)
}

fn chips(schema: &WriterSchema, writer: &Use) -> Read<Slot<ChipsLeaf>> {
    compile::slot(schema, writer, compile::chips)
}

fn payload<F: Fields>(schema: &WriterSchema, writer: &Use) -> Read<Slot<RecordPlan<F>>> {
    compile::slot(schema, writer, compile::record)
}

/// Appends `event` as a datum of `schemas/account_event.avsc`.
///
/// # Errors
/// Where `created_at` is absent: the schema requires it.
pub fn write_account_event(event: &AccountEvent, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    write::text(&event.id, out);
    write::text(&event.account, out);
    write::size(event.change.event_type().index(), out);
    // Seven payloads in the schema's order, each null but the one that the type names.
    let payload = match &event.change {
        AccountChange::Payment { .. } => 0,
        AccountChange::CashAdvance { .. } => 1,
        AccountChange::Limit { .. } => 2,
        AccountChange::Flag { .. } => 3,
        AccountChange::Default { .. } => 4,
        AccountChange::Close { .. } => 5,
        AccountChange::Update(_) => 6,
    };
    for place in 0..7 {
        write::branch(place == payload, out);
        if place == payload {
            write_change(&event.change, out)?;
        }
    }
    write::optional_text(event.idempotency_key.as_deref(), out);
    write::required_time("createdAt", event.created_at, out)
}

fn write_change(change: &AccountChange, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    match change {
        AccountChange::Payment { amount, status, reverses } => {
            write::long(*amount, out);
            write::text(status, out);
            write::optional_text(reverses.as_deref(), out);
        }
        AccountChange::CashAdvance { amount } | AccountChange::Limit { amount } => write::long(*amount, out),
        AccountChange::Flag { name, set, transaction_id } => {
            write::text(name, out);
            write::boolean(*set, out);
            write::optional_text(transaction_id.as_deref(), out);
        }
        AccountChange::Default { satisfied } => write::boolean(*satisfied, out),
        AccountChange::Close { reason } => write::optional_text(reason.as_deref(), out),
        AccountChange::Update(update) => write_update(update, out)?,
    }
    Ok(())
}

fn write_update(update: &Update, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    write::optional_text(update.party_id.as_deref(), out);
    write::optional_text(update.currency.as_deref(), out);
    write::optional_text(update.country_code.as_deref(), out);
    write::branch(update.ssn_known.is_some(), out);
    if let Some(known) = update.ssn_known {
        write::boolean(known, out);
    }
    for ids in [&update.nfc_ids, &update.blocked_nfc_ids] {
        write::branch(ids.is_some(), out);
        if let Some(ids) = ids {
            write::list(ids, out, |id, out| {
                write::text(id, out);
                Ok(())
            })?;
        }
    }
    write::branch(update.resolve.is_some(), out);
    if let Some(resolve) = &update.resolve {
        write::text(&resolve.transaction_id, out);
        write::boolean(resolve.granted, out);
    }
    Ok(())
}
