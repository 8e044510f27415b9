//! AccountEvent as JSON: the public contract's account event.

use super::reader::JsonReader;
use super::write::{Writer, string};
use super::{Seen, boolean, symbol, text, time};
use crate::codec::DecodeError;
use crate::codec::account_event::{
    LooseAccountEvent, LooseAmount, LooseClose, LooseDefault, LooseFlag, LoosePayment, LooseResolve,
    LooseUpdate,
};
use crate::codec::fault::{Fault, Read};
use crate::domain::Decimal;
use crate::domain::account_event::{AccountChange, AccountEvent, Update};
use crate::domain::enums::AccountEventType;
use crate::domain::limits::CHIPS_MAX;
use crate::domain::pos_event::Text;
use crate::domain::visible::excerpt;

/// Reads one event, the whole of `bytes`.
///
/// # Errors
/// [`DecodeError::Fault`]: 400.002 where a required field is missing, 400.004 where the event's type or
/// time is none, 400.001 for everything else that cannot be read.
pub fn read_account_event(bytes: &[u8]) -> Result<AccountEvent, DecodeError> {
    let mut reader = JsonReader::new(bytes)?;
    let event = event(&mut reader)?;
    reader.end()?;
    Ok(event.strict()?)
}

/// Reads an object into a default value: one match arm a member, each at most once.
macro_rules! members {
    ($reader:ident into $record:ident { $($number:literal $key:literal => $($field:ident).+ = $value:expr),+ $(,)? }) => {{
        let mut seen = Seen::default();
        $reader.object(|$reader, key| {
            let mut member = || -> Read<()> {
                match &*key {
                    $($key => {
                        seen.note($number)?;
                        $record.$($field).+ = $value;
                    })+
                    _ => $reader.skip()?,
                }
                Ok(())
            };
            member().map_err(|fault| fault.in_field(&excerpt(&key)))
        })?;
        Ok($record)
    }};
}

fn event<'a>(reader: &mut JsonReader<'a>) -> Read<LooseAccountEvent<'a>> {
    let mut event = LooseAccountEvent::default();
    members!(reader into event {
        0 "id" => id = text(reader)?,
        1 "account" => account = text(reader)?,
        2 "eventType" => event_type =
            symbol(reader, AccountEventType::from_symbol, AccountEventType::Unrecognized)?,
        3 "payment" => payment = payload(reader, payment)?,
        4 "cashAdvance" => cash_advance = payload(reader, amount)?,
        5 "limit" => limit = payload(reader, amount)?,
        6 "flag" => flag = payload(reader, flag)?,
        7 "default" => default = payload(reader, default)?,
        8 "close" => close = payload(reader, close)?,
        9 "update" => update = payload(reader, update)?,
        10 "createdAt" => created_at = time(reader)?,
        11 "idempotencyKey" => idempotency_key = text(reader)?,
    })
}

fn payment<'a>(reader: &mut JsonReader<'a>) -> Read<LoosePayment<'a>> {
    let mut payment = LoosePayment::default();
    members!(reader into payment {
        0 "amount" => amount = minor_units(reader)?,
        1 "status" => status = text(reader)?,
        2 "reverses" => reverses = text(reader)?,
    })
}

fn amount(reader: &mut JsonReader<'_>) -> Read<LooseAmount> {
    let mut amount = LooseAmount::default();
    members!(reader into amount { 0 "amount" => amount = minor_units(reader)? })
}

fn flag<'a>(reader: &mut JsonReader<'a>) -> Read<LooseFlag<'a>> {
    let mut flag = LooseFlag::default();
    members!(reader into flag {
        0 "name" => name = text(reader)?,
        1 "set" => set = boolean(reader)?,
        2 "transactionId" => transaction_id = text(reader)?,
    })
}

fn default(reader: &mut JsonReader<'_>) -> Read<LooseDefault> {
    let mut default = LooseDefault::default();
    members!(reader into default { 0 "satisfied" => satisfied = boolean(reader)? })
}

fn close<'a>(reader: &mut JsonReader<'a>) -> Read<LooseClose<'a>> {
    let mut close = LooseClose::default();
    members!(reader into close { 0 "reason" => reason = text(reader)? })
}

fn update<'a>(reader: &mut JsonReader<'a>) -> Read<LooseUpdate<'a>> {
    let mut update = LooseUpdate::default();
    members!(reader into update {
        0 "partyId" => party_id = text(reader)?,
        1 "currency" => currency = text(reader)?,
        2 "countryCode" => country_code = text(reader)?,
        3 "ssnKnown" => ssn_known = boolean(reader)?,
        4 "nfcIds" => nfc_ids = payload(reader, ids)?,
        5 "blockedNfcIds" => blocked_nfc_ids = payload(reader, ids)?,
        6 "resolve" => resolve = payload(reader, resolve)?,
    })
}

fn resolve<'a>(reader: &mut JsonReader<'a>) -> Read<LooseResolve<'a>> {
    let mut resolve = LooseResolve::default();
    members!(reader into resolve {
        0 "transactionId" => transaction_id = text(reader)?,
        1 "granted" => granted = boolean(reader)?,
    })
}

/// A value that may be null.
fn payload<'a, T>(reader: &mut JsonReader<'a>, read: fn(&mut JsonReader<'a>) -> Read<T>) -> Read<Option<T>> {
    if reader.null()? { Ok(None) } else { read(reader).map(Some) }
}

fn ids<'a>(reader: &mut JsonReader<'a>) -> Read<Vec<Text<'a>>> {
    let mut ids = Vec::new();
    reader.array(|reader, index| {
        if index == CHIPS_MAX {
            return Err(Fault::unreadable(format!("more than {CHIPS_MAX} chips")));
        }
        ids.push(reader.string().map_err(|fault| fault.in_item(index))?);
        Ok(())
    })?;
    Ok(ids)
}

/// A whole number of minor units; `5e2` is one, `5.5` is not.
fn minor_units(reader: &mut JsonReader<'_>) -> Read<Option<i64>> {
    if reader.null()? {
        return Ok(None);
    }
    let token = reader.number()?;
    match Decimal::parse(token).map(Decimal::normalised) {
        Ok((units, 0)) => Ok(Some(units)),
        _ => Err(Fault::unreadable(format!(
            "{} is no whole number of minor units of at most 18 digits",
            excerpt(token)
        ))),
    }
}

/// Appends `event` to `out`, in the contract's field order; what is absent is left out.
pub fn write_account_event(event: &AccountEvent, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    object.text("id", Some(&event.id));
    object.text("account", Some(&event.account));
    object.text("eventType", Some(event.change.event_type().symbol()));
    match &event.change {
        AccountChange::Payment { amount, status, reverses } => object.nested("payment", |payment| {
            payment.integer("amount", *amount);
            payment.text("status", Some(status));
            payment.text("reverses", reverses.as_deref());
        }),
        AccountChange::CashAdvance { amount } => {
            object.nested("cashAdvance", |payload| payload.integer("amount", *amount));
        }
        AccountChange::Limit { amount } => {
            object.nested("limit", |payload| payload.integer("amount", *amount));
        }
        AccountChange::Flag { name, set, transaction_id } => object.nested("flag", |flag| {
            flag.text("name", Some(name));
            flag.boolean("set", *set);
            flag.text("transactionId", transaction_id.as_deref());
        }),
        AccountChange::Default { satisfied } => {
            object.nested("default", |default| default.boolean("satisfied", *satisfied));
        }
        AccountChange::Close { reason } => {
            object.nested("close", |close| close.text("reason", reason.as_deref()));
        }
        AccountChange::Update(update) => object.nested("update", |payload| write_update(update, payload)),
    }
    object.text("idempotencyKey", event.idempotency_key.as_deref());
    object.time("createdAt", event.created_at);
    object.end();
}

fn write_update(update: &Update, object: &mut Writer<'_>) {
    object.text("partyId", update.party_id.as_deref());
    object.text("currency", update.currency.as_deref());
    object.text("countryCode", update.country_code.as_deref());
    if let Some(known) = update.ssn_known {
        object.boolean("ssnKnown", known);
    }
    for (name, ids) in [("nfcIds", &update.nfc_ids), ("blockedNfcIds", &update.blocked_nfc_ids)] {
        if let Some(ids) = ids {
            object.list(name, ids, string);
        }
    }
    if let Some(resolve) = &update.resolve {
        object.nested("resolve", |object| {
            object.text("transactionId", Some(&resolve.transaction_id));
            object.boolean("granted", resolve.granted);
        });
    }
}
