//! PosEvent as JSON: the public contract's event, and the form of the event files.
//!
//! Never judges a value: what is missing or no value stays as that, for a check to answer.

use super::reader::JsonReader;
use super::write::Writer;
use super::{Seen, decimal, symbol, text, time};
use crate::codec::DecodeError;
use crate::codec::fault::{Fault, Read};
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::limits::ITEMS_MAX;
use crate::domain::pos_event::{PosEvent, PosItem};
use crate::domain::visible::excerpt;

/// Reads one event, the whole of `bytes`.
///
/// # Errors
/// [`DecodeError::Fault`] where the bytes are no JSON object, a member has the wrong type, or a known
/// member comes twice.
pub fn read_pos_event(bytes: &[u8]) -> Result<PosEvent<'_>, DecodeError> {
    let mut reader = JsonReader::new(bytes)?;
    let event = event(&mut reader)?;
    reader.end()?;
    Ok(event)
}

fn event<'a>(reader: &mut JsonReader<'a>) -> Read<PosEvent<'a>> {
    let mut event = PosEvent::default();
    let mut seen = Seen::default();
    reader.object(|reader, key| {
        member(&mut event, &mut seen, reader, &key).map_err(|fault| fault.in_field(&excerpt(&key)))
    })?;
    Ok(event)
}

fn member<'a>(event: &mut PosEvent<'a>, seen: &mut Seen, reader: &mut JsonReader<'a>, key: &str) -> Read<()> {
    macro_rules! take {
        ($number:literal, $field:ident, $value:expr) => {{
            seen.note($number)?;
            event.$field = $value;
        }};
    }
    match key {
        "accountNumber" => take!(0, account_number, text(reader)?),
        "eventType" => take!(1, event_type, symbol(reader, EventType::from_symbol, EventType::Unrecognized)?),
        "categoryType" => {
            take!(2, category_type, symbol(reader, CategoryType::from_symbol, CategoryType::Unrecognized)?)
        }
        "time" => take!(3, time, time(reader)?),
        "nfcId" => take!(4, nfc_id, text(reader)?),
        "posId" => take!(5, pos_id, text(reader)?),
        "posName" => take!(6, pos_name, text(reader)?),
        "totalTax" => take!(7, total_tax, decimal(reader)?),
        "totalAmount" => take!(8, total_amount, decimal(reader)?),
        "items" => take!(9, items, items(reader)?),
        "currency" => take!(10, currency, symbol(reader, Currency::from_symbol, Currency::Unrecognized)?),
        "accountTransactionId" => take!(11, account_transaction_id, text(reader)?),
        "countryCode" => {
            take!(12, country_code, symbol(reader, CountryCode::from_symbol, CountryCode::Unrecognized)?)
        }
        "conversationLanguage" => {
            take!(13, conversation_language, symbol(reader, Language::from_symbol, Language::Unrecognized)?)
        }
        "correctsTransactionId" => take!(14, corrects_transaction_id, text(reader)?),
        _ => reader.skip()?,
    }
    Ok(())
}

fn items<'a>(reader: &mut JsonReader<'a>) -> Read<Vec<PosItem<'a>>> {
    let mut items = Vec::new();
    if reader.null()? {
        return Ok(items);
    }
    reader.array(|reader, index| {
        if index == ITEMS_MAX {
            return Err(Fault::unreadable(format!("more than {ITEMS_MAX} items")));
        }
        item(reader, items.push_mut(PosItem::default())).map_err(|fault| fault.in_item(index))
    })?;
    Ok(items)
}

fn item<'a>(reader: &mut JsonReader<'a>, item: &mut PosItem<'a>) -> Read<()> {
    let mut seen = Seen::default();
    reader.object(|reader, key| {
        item_member(item, &mut seen, reader, &key).map_err(|fault| fault.in_field(&excerpt(&key)))
    })
}

fn item_member<'a>(
    item: &mut PosItem<'a>,
    seen: &mut Seen,
    reader: &mut JsonReader<'a>,
    key: &str,
) -> Read<()> {
    macro_rules! take {
        ($number:literal, $field:ident, $value:expr) => {{
            seen.note($number)?;
            item.$field = $value;
        }};
    }
    match key {
        "itemId" => take!(0, item_id, text(reader)?),
        "itemDescription" => take!(1, item_description, text(reader)?),
        "unitCode" => take!(2, unit_code, text(reader)?),
        "quantity" => take!(3, quantity, decimal(reader)?),
        "unitPrice" => take!(4, unit_price, decimal(reader)?),
        "netAmount" => take!(5, net_amount, decimal(reader)?),
        "taxAmount" => take!(6, tax_amount, decimal(reader)?),
        "discount" => take!(7, discount, decimal(reader)?),
        "grossAmount" => take!(8, gross_amount, decimal(reader)?),
        _ => reader.skip()?,
    }
    Ok(())
}

/// Appends `event` to `out`, in the contract's field order; what is absent is left out.
///
/// What is no value is written as it was, so that a reader sees the same fault: a number token as a
/// number, anything else as a string.
pub fn write_pos_event(event: &PosEvent<'_>, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    object.text("accountNumber", event.account_number.as_deref());
    object.symbol("eventType", &event.event_type, EventType::symbol);
    object.symbol("categoryType", &event.category_type, CategoryType::symbol);
    object.time_field("time", &event.time);
    object.text("nfcId", event.nfc_id.as_deref());
    object.text("posId", event.pos_id.as_deref());
    object.text("posName", event.pos_name.as_deref());
    object.decimal("totalTax", &event.total_tax);
    object.decimal("totalAmount", &event.total_amount);
    object.list("items", &event.items, write_item);
    object.symbol("currency", &event.currency, Currency::symbol);
    object.text("accountTransactionId", event.account_transaction_id.as_deref());
    object.text("correctsTransactionId", event.corrects_transaction_id.as_deref());
    object.symbol("countryCode", &event.country_code, CountryCode::symbol);
    object.symbol("conversationLanguage", &event.conversation_language, Language::symbol);
    object.end();
}

fn write_item(item: &PosItem<'_>, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    object.text("itemId", item.item_id.as_deref());
    object.text("itemDescription", item.item_description.as_deref());
    object.text("unitCode", item.unit_code.as_deref());
    object.decimal("quantity", &item.quantity);
    object.decimal("unitPrice", &item.unit_price);
    object.decimal("netAmount", &item.net_amount);
    object.decimal("taxAmount", &item.tax_amount);
    object.decimal("discount", &item.discount);
    object.decimal("grossAmount", &item.gross_amount);
    object.end();
}
