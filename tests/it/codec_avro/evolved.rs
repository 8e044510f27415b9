//! Writers' schemas as they come about over the years, with a value each: fields in another order, new
//! ones, dropped ones, other types that promote. Everything follows from a seed.

use apache_avro::Decimal;
use apache_avro::types::Value;
use serde_json::{Value as Json, json};
use tillgate::codec::avro::POS_EVENT_SCHEMA;

/// A stream of choices from a seed (splitmix64).
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    pub fn text(&mut self) -> String {
        let letters = ['a', 'Z', '7', ' ', 'é', '漢', '"', '\u{0}', '😀'];
        (0..self.below(20)).map(|_| letters[self.below(letters.len())]).collect()
    }
}

/// A writer's schema made from ours, and a datum of it.
pub fn event(draw: &mut Draw) -> (Json, Value) {
    let ours: Json = serde_json::from_str(POS_EVENT_SCHEMA).unwrap();
    let mut named = Vec::new();
    let (mut schema, value) = record(draw, &ours, &mut named);
    if draw.below(2) == 0 {
        schema["namespace"] = json!("other.place");
    }
    define_once(&mut schema, &mut Vec::new());
    (schema, value)
}

/// A named type is defined where it comes first, and referred to from then on.
fn define_once(schema: &mut Json, defined: &mut Vec<Json>) {
    match schema {
        Json::Array(branches) => branches.iter_mut().for_each(|branch| define_once(branch, defined)),
        Json::Object(kind) => {
            if let Some(name) = kind.get("name").cloned() {
                if defined.contains(&name) {
                    *schema = name;
                    return;
                }
                defined.push(name);
            }
            if let Some(Json::Array(fields)) = kind.get_mut("fields") {
                fields.iter_mut().for_each(|field| define_once(&mut field["type"], defined));
            }
            for nested in ["items", "values"] {
                if let Some(nested) = kind.get_mut(nested) {
                    define_once(nested, defined);
                }
            }
        }
        _ => {}
    }
}

fn record(draw: &mut Draw, ours: &Json, named: &mut Vec<(Json, Value)>) -> (Json, Value) {
    let mut fields: Vec<(String, Json, Value)> = Vec::new();
    for field in ours["fields"].as_array().unwrap() {
        if field.get("default").is_some() && draw.below(5) == 0 {
            continue;
        }
        let (schema, value) = of_type(draw, &field["type"], named);
        fields.push((field["name"].as_str().unwrap().to_owned(), schema, value));
    }
    for _ in 0..draw.below(3) {
        let (schema, value) = unknown(draw, named, 0);
        let place = draw.below(fields.len() + 1);
        fields.insert(place, (format!("added{}", draw.next()), schema, value));
    }
    for place in 1..fields.len() {
        fields.swap(place, draw.below(place + 1));
    }
    let schemas: Vec<Json> =
        fields.iter().map(|(name, schema, _)| json!({"name": name, "type": schema})).collect();
    let values = fields.into_iter().map(|(name, _, value)| (name, value)).collect();
    (json!({"type": "record", "name": ours["name"], "fields": schemas}), Value::Record(values))
}

/// A type that reads as `ours`, and a value.
fn of_type(draw: &mut Draw, ours: &Json, named: &mut Vec<(Json, Value)>) -> (Json, Value) {
    match ours {
        Json::Array(branches) => {
            let (schema, value) = of_type(draw, &branches[1], named);
            if schema.is_array() {
                return (schema, value);
            }
            match draw.below(5) {
                0 => (schema, value),
                1 => (json!(["null", schema]), Value::Union(0, Box::new(Value::Null))),
                2 => (json!([schema, "null"]), Value::Union(0, Box::new(value))),
                3 if schema != json!("int") => (json!(["int", schema]), Value::Union(1, Box::new(value))),
                _ => (json!(["null", schema]), Value::Union(1, Box::new(value))),
            }
        }
        Json::String(_) => {
            let text = draw.text();
            match draw.below(4) {
                0 => (json!("bytes"), Value::Bytes(text.into_bytes())),
                1 => (json!(["null", "string"]), Value::Union(1, Box::new(Value::String(text)))),
                _ => (json!("string"), Value::String(text)),
            }
        }
        Json::Object(kind) => match kind["type"].as_str().unwrap() {
            "enum" => symbols(draw, ours),
            "array" => {
                let mut items = Vec::new();
                let (schema, first) = record(draw, &kind["items"], named);
                items.extend((0..draw.below(4)).map(|_| first.clone()));
                (json!({"type": "array", "items": schema}), Value::Array(items))
            }
            "long" => (ours.clone(), Value::TimestampMicros(draw.next() as i64 >> draw.below(16))),
            "bytes" => decimal(draw, ours),
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// At least 8 bytes: the reference refuses to resolve shorter ones against a precision of 18.
fn decimal(draw: &mut Draw, ours: &Json) -> (Json, Value) {
    let units = draw.next() as i64 >> draw.below(64);
    let mut bytes = units.to_be_bytes().to_vec();
    if draw.below(4) > 0 {
        return (ours.clone(), Value::Decimal(Decimal::from(bytes)));
    }
    bytes.splice(0..0, [if units < 0 { 0xff } else { 0 }; 4]);
    let schema = json!({"type": "fixed", "size": 12, "name": format!("Twelve{}", draw.next()),
        "logicalType": "decimal", "precision": 18, "scale": ours["scale"]});
    (schema, Value::Decimal(Decimal::from(bytes)))
}

fn symbols(draw: &mut Draw, ours: &Json) -> (Json, Value) {
    let mut symbols: Vec<String> = ours["symbols"]
        .as_array()
        .unwrap()
        .iter()
        .map(|symbol| symbol.as_str().unwrap().to_owned())
        .collect();
    for place in 1..symbols.len() {
        symbols.swap(place, draw.below(place + 1));
    }
    symbols.insert(draw.below(symbols.len()), "Added".to_owned());
    let index = draw.below(symbols.len());
    let value = Value::Enum(index as u32, symbols[index].clone());
    (json!({"type": "enum", "name": ours["name"], "symbols": symbols}), value)
}

/// A type that our schema does not have, and a value.
fn unknown(draw: &mut Draw, named: &mut Vec<(Json, Value)>, depth: u32) -> (Json, Value) {
    let deeper = if depth < 3 { 14 } else { 9 };
    match draw.below(deeper) {
        0 => (json!("null"), Value::Null),
        1 => (json!("boolean"), Value::Boolean(draw.below(2) == 0)),
        2 => (json!("int"), Value::Int(draw.next() as i32)),
        3 => (json!("long"), Value::Long(draw.next() as i64)),
        4 => (json!("float"), Value::Float(draw.next() as f32)),
        5 => (json!("double"), Value::Double(draw.next() as f64)),
        6 => (json!("bytes"), Value::Bytes(draw.text().into_bytes())),
        7 => (json!("string"), Value::String(draw.text())),
        8 => match named.last() {
            Some((schema, value)) => (schema.clone(), value.clone()),
            None => (json!("string"), Value::String(draw.text())),
        },
        9 => {
            let (schema, value) = unknown(draw, named, depth + 1);
            let values = vec![value; draw.below(4)];
            (json!({"type": "array", "items": schema}), Value::Array(values))
        }
        10 => {
            let (schema, value) = unknown(draw, named, depth + 1);
            let values = (0..draw.below(4)).map(|place| (format!("key{place}"), value.clone())).collect();
            (json!({"type": "map", "values": schema}), Value::Map(values))
        }
        11 => {
            let text = Value::String(draw.text());
            let branches = [(0, Value::Null), (1, Value::Long(draw.next() as i64)), (2, text)];
            let (index, value) = branches[draw.below(3)].clone();
            (json!(["null", "long", "string"]), Value::Union(index, Box::new(value)))
        }
        12 => {
            let name = format!("Added{}", draw.next());
            let schema = json!({"type": "fixed", "size": 3, "name": name});
            let value = Value::Fixed(3, vec![1, 2, 3]);
            named.push((schema.clone(), value.clone()));
            (schema, value)
        }
        _ => {
            let name = format!("Added{}", draw.next());
            let (a, a_value) = unknown(draw, named, depth + 1);
            let (b, b_value) = unknown(draw, named, depth + 1);
            let schema = json!({"type": "record", "name": name,
                "fields": [{"name": "a", "type": a}, {"name": "b", "type": b}]});
            let value = Value::Record(vec![("a".into(), a_value), ("b".into(), b_value)]);
            named.push((schema.clone(), value.clone()));
            (schema, value)
        }
    }
}
