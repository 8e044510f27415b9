//! The reference's generic values against ours.

use apache_avro::types::Value;
use tillgate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use tillgate::domain::pos_event::{PosEvent, PosItem, Text};
use tillgate::domain::{Decimal, Field, Micros};

/// What the reference read with our schema, as our event.
pub fn event(value: &Value) -> PosEvent<'static> {
    PosEvent {
        account_number: text(value, "accountNumber"),
        event_type: symbol(value, "eventType", EventType::from_symbol),
        category_type: symbol(value, "categoryType", CategoryType::from_symbol),
        time: match field(value, "time") {
            Some(Value::TimestampMicros(micros)) if Micros(*micros).has_a_date() => {
                Field::Value(Micros(*micros))
            }
            Some(Value::TimestampMicros(_)) => Field::Invalid("".into()),
            other => panic!("{other:?}"),
        },
        nfc_id: text(value, "nfcId"),
        pos_id: text(value, "posId"),
        pos_name: text(value, "posName"),
        total_tax: decimal(value, "totalTax", 4),
        total_amount: decimal(value, "totalAmount", 4),
        items: match field(value, "items") {
            Some(Value::Array(items)) => items.iter().map(item).collect(),
            other => panic!("{other:?}"),
        },
        currency: symbol(value, "currency", Currency::from_symbol),
        account_transaction_id: text(value, "accountTransactionId"),
        country_code: symbol(value, "countryCode", CountryCode::from_symbol),
        conversation_language: symbol(value, "conversationLanguage", Language::from_symbol),
        corrects_transaction_id: text(value, "correctsTransactionId"),
    }
}

fn item(value: &Value) -> PosItem<'static> {
    PosItem {
        item_id: text(value, "itemId"),
        item_description: text(value, "itemDescription"),
        unit_code: text(value, "unitCode"),
        quantity: decimal(value, "quantity", 6),
        unit_price: decimal(value, "unitPrice", 6),
        net_amount: decimal(value, "netAmount", 6),
        tax_amount: decimal(value, "taxAmount", 6),
        discount: decimal(value, "discount", 4),
        gross_amount: decimal(value, "grossAmount", 4),
    }
}

/// A field without the union around it; nothing for null.
pub fn field<'v>(record: &'v Value, name: &str) -> Option<&'v Value> {
    let Value::Record(fields) = record else { panic!("{record:?}") };
    let mut value = &fields.iter().find(|(field, _)| field == name).unwrap().1;
    while let Value::Union(_, inner) = value {
        value = inner;
    }
    (*value != Value::Null).then_some(value)
}

fn text(record: &Value, name: &str) -> Option<Text<'static>> {
    match field(record, name)? {
        Value::String(text) => Some(text.clone().into()),
        other => panic!("{other:?}"),
    }
}

/// The reference reads a symbol that it does not know as the enum's default; we keep its text.
fn symbol<T>(record: &Value, name: &str, from_symbol: fn(&str) -> Option<T>) -> Field<'static, T> {
    match field(record, name) {
        None => Field::Absent,
        Some(Value::Enum(_, symbol)) if symbol == "Unrecognized" => Field::Invalid("".into()),
        Some(Value::Enum(_, symbol)) => Field::Value(from_symbol(symbol).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn decimal(record: &Value, name: &str, scale: u8) -> Field<'static, Decimal> {
    match field(record, name) {
        None => Field::Absent,
        Some(Value::Decimal(decimal)) => {
            let bytes: Vec<u8> = decimal.try_into().unwrap();
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
            let mut units = bytes.iter().fold(sign, |units: i128, byte| units << 8 | i128::from(*byte));
            // Zeros at the end of the fraction do not count as digits.
            let mut scale = scale;
            while Decimal::new(units, scale).is_none() && scale > 0 && units % 10 == 0 {
                (units, scale) = (units / 10, scale - 1);
            }
            Decimal::new(units, scale).map_or(Field::Invalid("".into()), Field::Value)
        }
        other => panic!("{other:?}"),
    }
}

/// The same event, the text of what is no value left out.
pub fn without_invalid_texts(mut event: PosEvent<'static>) -> PosEvent<'static> {
    fn clear<T>(field: &mut Field<'_, T>) {
        if let Field::Invalid(text) = field {
            *text = "".into();
        }
    }
    clear(&mut event.event_type);
    clear(&mut event.category_type);
    clear(&mut event.time);
    clear(&mut event.total_tax);
    clear(&mut event.total_amount);
    clear(&mut event.currency);
    clear(&mut event.country_code);
    clear(&mut event.conversation_language);
    for item in &mut event.items {
        let PosItem { quantity, unit_price, net_amount, tax_amount, discount, gross_amount, .. } = item;
        [quantity, unit_price, net_amount, tax_amount, discount, gross_amount].into_iter().for_each(clear);
    }
    event
}
