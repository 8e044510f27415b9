//! A writer's schema, a datum of it, and the event that the datum says, all made of bytes: fields in any order, some left
//! out, others added, types as Avro's rules let them be read as ours. Says nothing of schemas that must be refused.

use std::borrow::Cow;

use serde_json::{Map, Value as Json, json};
use tillgate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use tillgate::domain::pos_event::{PosEvent, PosItem, Text};
use tillgate::domain::{Decimal, Field, Micros};

/// What was made, and the bytes that were not needed for it.
pub struct Written<'b> {
    pub schema: String,
    pub datum: Vec<u8>,
    pub event: PosEvent<'static>,
    pub rest: &'b [u8],
}

/// Depth of types that we do not have.
const DEPTH_MAX: u32 = 3;

const EVENT: &[&str] = &[
    "accountNumber",
    "eventType",
    "time",
    "currency",
    "countryCode",
    "conversationLanguage",
    "categoryType",
    "nfcId",
    "posId",
    "posName",
    "totalTax",
    "totalAmount",
    "items",
    "accountTransactionId",
    "correctsTransactionId",
];
const EVENT_REQUIRED: usize = 6;
const ITEM: &[&str] = &[
    "itemId",
    "itemDescription",
    "unitCode",
    "quantity",
    "unitPrice",
    "netAmount",
    "taxAmount",
    "discount",
    "grossAmount",
];
const ITEM_REQUIRED: usize = 5;

/// Makes all of it.
pub fn pos_event(bytes: &[u8]) -> Written<'_> {
    let mut maker = Maker { rest: bytes, named: Vec::new(), names: 0 };
    let mut event = PosEvent::default();
    let mut datum = Vec::new();
    let order = maker.order(EVENT, EVENT_REQUIRED);
    let mut fields = Vec::new();
    for name in &order {
        let kind = match name {
            Some(name) => maker.event_field(name, &mut event, &mut datum),
            None => maker.unknown(0, &mut datum),
        };
        let name = name.map_or_else(|| maker.name("added"), str::to_owned);
        fields.push(json!({ "name": name, "type": kind }));
    }
    let mut schema = json!({ "type": "record", "name": "PosEvent", "fields": fields });
    if maker.one_in(2) {
        schema["namespace"] = json!("other.place");
    }
    Written { schema: schema.to_string(), datum, event, rest: maker.rest }
}

struct Maker<'b> {
    rest: &'b [u8],
    /// Named types that are defined by now, with their definitions.
    named: Vec<(String, Json)>,
    names: u32,
}

impl Maker<'_> {
    fn byte(&mut self) -> u8 {
        match self.rest {
            [byte, rest @ ..] => {
                self.rest = rest;
                *byte
            }
            [] => 0,
        }
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    fn number(&mut self) -> i64 {
        let length = self.below(9);
        (0..length).fold(0, |value, _| value << 8 | i64::from(self.byte()))
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '7', ' ', 'é', '漢', '"', '\u{0}', '😀', '\u{1b}'];
        let length = self.below(14);
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }

    /// The fields of a record in some order: all that are required, some of the others, and some that we do not have.
    fn order<'n>(&mut self, names: &[&'n str], required: usize) -> Vec<Option<&'n str>> {
        let mut order = Vec::new();
        for (place, name) in names.iter().enumerate() {
            if place < required || !self.one_in(6) {
                order.push(Some(*name));
            }
        }
        let added = self.below(3);
        order.extend(std::iter::repeat_n(None, added));
        if self.one_in(2) {
            for place in 1..order.len() {
                order.swap(place, self.below(place + 1));
            }
        }
        order
    }

    fn event_field(&mut self, name: &str, event: &mut PosEvent<'static>, datum: &mut Vec<u8>) -> Json {
        match name {
            "accountNumber" => self.required_text(&mut event.account_number, datum),
            "eventType" => {
                let all = symbols(EventType::ALL, EventType::symbol);
                self.symbol("EventType", &all, EventType::from_symbol, &mut event.event_type, datum)
            }
            "time" => self.time(&mut event.time, datum),
            "currency" => {
                let all = symbols(Currency::ALL, Currency::symbol);
                self.symbol("Currency", &all, Currency::from_symbol, &mut event.currency, datum)
            }
            "countryCode" => {
                let all = symbols(CountryCode::ALL, CountryCode::symbol);
                self.symbol("CountryCode", &all, CountryCode::from_symbol, &mut event.country_code, datum)
            }
            "conversationLanguage" => {
                let all = symbols(Language::ALL, Language::symbol);
                let field = &mut event.conversation_language;
                self.symbol("Language", &all, Language::from_symbol, field, datum)
            }
            "categoryType" => {
                let all = symbols(CategoryType::ALL, CategoryType::symbol);
                let field = &mut event.category_type;
                self.nullable(datum, |maker, datum| {
                    maker.symbol("CategoryType", &all, CategoryType::from_symbol, field, datum)
                })
            }
            "nfcId" => self.optional_text(&mut event.nfc_id, datum),
            "posId" => self.optional_text(&mut event.pos_id, datum),
            "posName" => self.optional_text(&mut event.pos_name, datum),
            "totalTax" => self.optional_decimal(&mut event.total_tax, datum),
            "totalAmount" => self.optional_decimal(&mut event.total_amount, datum),
            "items" => self.items(&mut event.items, datum),
            "accountTransactionId" => self.optional_text(&mut event.account_transaction_id, datum),
            _ => self.optional_text(&mut event.corrects_transaction_id, datum),
        }
    }

    /// All lines have one schema, so its choices are taken again for each: only values differ from line to line.
    fn items(&mut self, items: &mut Vec<PosItem<'static>>, datum: &mut Vec<u8>) -> Json {
        let (begin, names, named) = (self.rest, self.names, self.named.len());
        let count = self.below(4);
        let mut schema = Json::Null;
        let mut lines = Vec::new();
        let choices = self.rest;
        for _ in 0..count.max(1) {
            // The same bytes, hence the same schema and the same line.
            (self.rest, self.names) = (choices, names);
            self.named.truncate(named);
            let (mut line, mut bytes) = (PosItem::default(), Vec::new());
            schema = self.item(&mut line, &mut bytes);
            lines.push((line, bytes));
        }
        lines.truncate(count);
        let sized = begin.first().is_some_and(|byte| byte & 0x80 != 0);
        for (line, bytes) in lines {
            items.push(line);
            if sized {
                long(-1, datum);
                long(bytes.len() as i64, datum);
            } else {
                long(1, datum);
            }
            datum.extend_from_slice(&bytes);
        }
        long(0, datum);
        json!({ "type": "array", "items": schema })
    }

    fn item(&mut self, item: &mut PosItem<'static>, datum: &mut Vec<u8>) -> Json {
        let order = self.order(ITEM, ITEM_REQUIRED);
        let mut fields = Vec::new();
        for name in order {
            let kind = match name {
                Some("itemId") => self.required_text(&mut item.item_id, datum),
                Some("itemDescription") => self.required_text(&mut item.item_description, datum),
                Some("unitCode") => self.required_text(&mut item.unit_code, datum),
                Some("quantity") => self.decimal(&mut item.quantity, datum),
                Some("unitPrice") => self.decimal(&mut item.unit_price, datum),
                Some("netAmount") => self.optional_decimal(&mut item.net_amount, datum),
                Some("taxAmount") => self.optional_decimal(&mut item.tax_amount, datum),
                Some("discount") => self.optional_decimal(&mut item.discount, datum),
                Some(_) => self.optional_decimal(&mut item.gross_amount, datum),
                None => self.unknown(0, datum),
            };
            let name = name.map_or_else(|| self.name("added"), str::to_owned);
            fields.push(json!({ "name": name, "type": kind }));
        }
        json!({ "type": "record", "name": "PosItem", "fields": fields })
    }

    fn required_text(&mut self, field: &mut Option<Text<'static>>, datum: &mut Vec<u8>) -> Json {
        let text = self.text();
        prefixed(text.as_bytes(), datum);
        *field = Some(Cow::Owned(text));
        if self.one_in(4) { json!("bytes") } else { json!("string") }
    }

    fn optional_text(&mut self, field: &mut Option<Text<'static>>, datum: &mut Vec<u8>) -> Json {
        self.nullable(datum, |maker, datum| maker.required_text(field, datum))
    }

    fn optional_decimal(&mut self, field: &mut Field<'static, Decimal>, datum: &mut Vec<u8>) -> Json {
        self.nullable(datum, |maker, datum| maker.decimal(field, datum))
    }

    /// A field that may be null: bare, or in a union on either side, also beside a type that nobody asked for.
    fn nullable(&mut self, datum: &mut Vec<u8>, value: impl FnOnce(&mut Self, &mut Vec<u8>) -> Json) -> Json {
        let kind = self.below(5);
        match kind {
            0 => value(self, datum),
            1 => {
                long(1, datum);
                json!(["null", value(self, datum)])
            }
            2 => {
                long(0, datum);
                json!([value(self, datum), "null"])
            }
            3 => {
                long(2, datum);
                json!(["null", "boolean", value(self, datum)])
            }
            _ => {
                long(0, datum);
                json!(["null", "int"])
            }
        }
    }

    fn decimal(&mut self, field: &mut Field<'static, Decimal>, datum: &mut Vec<u8>) -> Json {
        let scale = self.below(9);
        let units = self.number() % 10i64.pow(18);
        *field = Decimal::new(i128::from(units), scale as u8).map_or(Field::Absent, Field::Value);
        let bytes = units.to_be_bytes();
        if self.one_in(3) {
            // As many bytes as a fixed has, the sign in front.
            let more = self.below(9);
            datum.extend(std::iter::repeat_n(if units < 0 { 0xff } else { 0 }, more));
            datum.extend_from_slice(&bytes);
            let name = self.name("Fixed");
            let size = 8 + more;
            return json!({ "type": "fixed", "name": name, "size": size, "logicalType": "decimal", "precision": 18, "scale": scale });
        }
        let sign = if units < 0 { 0xff } else { 0 };
        let shortest = (0..7).find(|place| bytes[*place] != sign || (bytes[place + 1] ^ sign) & 0x80 != 0);
        prefixed(&bytes[shortest.unwrap_or(7)..], datum);
        json!({ "type": "bytes", "logicalType": "decimal", "precision": 18, "scale": scale })
    }

    /// A time within the years that have four digits, in any unit.
    fn time(&mut self, field: &mut Field<'static, Micros>, datum: &mut Vec<u8>) -> Json {
        let seconds = self.number().rem_euclid(250_000_000_000);
        let (unit, per_second) =
            [("timestamp-micros", 1_000_000), ("timestamp-millis", 1_000)][usize::from(self.one_in(2))];
        long(seconds * per_second, datum);
        *field = Field::Value(Micros(seconds * 1_000_000));
        json!({ "type": "long", "logicalType": unit })
    }

    /// An enum of our symbols, turned round, some of the writer's own in front.
    fn symbol<T: Copy>(
        &mut self,
        name: &str,
        ours: &[&'static str],
        from_symbol: fn(&str) -> Option<T>,
        field: &mut Field<'static, T>,
        datum: &mut Vec<u8>,
    ) -> Json {
        let mut symbols = ours.to_vec();
        symbols.rotate_left(self.below(ours.len()));
        symbols.splice(0..0, ["Novel", "Other"].into_iter().take(self.below(3)));
        let place = self.below(symbols.len());
        long(place as i64, datum);
        *field = match from_symbol(symbols[place]).filter(|_| symbols[place] != "Unrecognized") {
            Some(value) => Field::Value(value),
            None => Field::Invalid(symbols[place].into()),
        };
        json!({ "type": "enum", "name": name, "symbols": symbols })
    }

    /// A type that we do not have, and a value of it.
    fn unknown(&mut self, depth: u32, datum: &mut Vec<u8>) -> Json {
        let schema = self.unknown_schema(depth);
        self.value(&schema, 0, datum);
        schema
    }

    fn unknown_schema(&mut self, depth: u32) -> Json {
        let plain = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
        let kind = self.below(if depth == DEPTH_MAX { plain.len() } else { plain.len() + 7 });
        if let Some(plain) = plain.get(kind) {
            return json!(plain);
        }
        match kind - plain.len() {
            0 => json!({ "type": "array", "items": self.unknown_schema(depth + 1) }),
            1 => json!({ "type": "map", "values": self.unknown_schema(depth + 1) }),
            2 => json!(["null", { "type": "array", "items": self.unknown_schema(depth + 1) }, "int"]),
            3 => self.define("Fixed", |maker, name| json!({ "type": "fixed", "name": name, "size": maker.below(20) })),
            4 => self.define("Enum", |_, name| json!({ "type": "enum", "name": name, "symbols": ["A", "B"] })),
            5 => self.define("Record", |maker, name| {
                let mut fields: Vec<Json> = (0..maker.below(4))
                    .map(|field| json!({ "name": format!("f{field}"), "type": maker.unknown_schema(depth + 1) }))
                    .collect();
                if maker.one_in(2) {
                    fields.push(json!({ "name": "next", "type": ["null", name] }));
                }
                json!({ "type": "record", "name": name, "fields": fields })
            }),
            _ => match self.named.len() {
                0 => json!("long"),
                count => {
                    let place = self.below(count);
                    json!(self.named[place].0)
                }
            },
        }
    }

    fn define(&mut self, kind: &str, make: impl FnOnce(&mut Self, &str) -> Json) -> Json {
        let name = self.name(kind);
        let schema = make(self, &name);
        self.named.push((name, schema.clone()));
        schema
    }

    /// Any value of a schema that was made here.
    fn value(&mut self, schema: &Json, depth: u32, datum: &mut Vec<u8>) {
        match schema {
            Json::Array(branches) => {
                // Null is the first, and ends what refers to itself.
                let branch = if depth > 8 { 0 } else { self.below(branches.len()) };
                long(branch as i64, datum);
                self.value(&branches[branch], depth + 1, datum);
            }
            Json::String(name) => self.named_value(name, depth, datum),
            Json::Object(kind) => self.complex_value(kind, depth, datum),
            _ => {}
        }
    }

    fn named_value(&mut self, name: &str, depth: u32, datum: &mut Vec<u8>) {
        match name {
            "null" => {}
            "boolean" => datum.push(self.byte() & 1),
            "int" => long(self.number() >> 33, datum),
            "long" => long(self.number(), datum),
            "float" => datum.extend_from_slice(&[7; 4]),
            "double" => datum.extend_from_slice(&[7; 8]),
            "bytes" | "string" => {
                let text = self.text();
                prefixed(text.as_bytes(), datum);
            }
            name => {
                let found =
                    self.named.iter().find(|(named, _)| named == name).map(|(_, schema)| schema.clone());
                if let Some(schema) = found {
                    self.value(&schema, depth + 1, datum);
                }
            }
        }
    }

    fn complex_value(&mut self, kind: &Map<String, Json>, depth: u32, datum: &mut Vec<u8>) {
        match kind["type"].as_str().unwrap_or_default() {
            "array" | "map" => {
                let item = kind.get("items").or_else(|| kind.get("values")).unwrap_or(&Json::Null);
                for _ in 0..if depth > 8 { 0 } else { self.below(3) } {
                    let mut bytes = Vec::new();
                    if kind.contains_key("values") {
                        prefixed(b"key", &mut bytes);
                    }
                    self.value(item, depth + 1, &mut bytes);
                    if self.one_in(3) {
                        long(-1, datum);
                        long(bytes.len() as i64, datum);
                    } else {
                        long(1, datum);
                    }
                    datum.extend_from_slice(&bytes);
                }
                long(0, datum);
            }
            "fixed" => datum.extend(std::iter::repeat_n(7, kind["size"].as_u64().unwrap_or(0) as usize)),
            "enum" => long(self.below(2) as i64, datum),
            _ => {
                for field in kind["fields"].as_array().into_iter().flatten() {
                    self.value(&field["type"], depth + 1, datum);
                }
            }
        }
    }
}

fn symbols<T: Copy>(all: &[T], symbol: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|value| symbol(*value)).collect()
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}
