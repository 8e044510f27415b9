//! Avro by the reference implementation: events out of their JSON lines, and outcomes back into the JSON that the
//! public contract writes. Never uses the codec that is tested.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{DecimalSchema, EnumSchema, RecordSchema, UnionSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use jiff::Timestamp;
use serde_json::Value as Json;

use crate::support::Kafka;

/// A schema as the test's registry has it.
pub struct Registered {
    pub id: u32,
    schema: Schema,
}

impl Registered {
    /// Registers a schema under this subject.
    pub fn new(kafka: &Kafka, subject: &str, text: &str) -> Self {
        let url = format!("{}/subjects/{subject}/versions", kafka.registry());
        let answer: Json = ureq::post(&url)
            .send_json(serde_json::json!({ "schema": text }))
            .expect("a registration")
            .body_mut()
            .read_json()
            .expect("JSON");
        let id = answer["id"].as_u64().expect("an id") as u32;
        Registered { id, schema: Schema::parse_str(text).expect("a schema") }
    }

    /// The latest schema of a subject.
    pub fn latest(kafka: &Kafka, subject: &str) -> Self {
        let url = format!("{}/subjects/{subject}/versions/latest", kafka.registry());
        let answer: Json = ureq::get(&url).call().expect("the subject").body_mut().read_json().expect("JSON");
        let id = answer["id"].as_u64().expect("an id") as u32;
        let text = answer["schema"].as_str().expect("a schema");
        Registered { id, schema: Schema::parse_str(text).expect("a schema") }
    }

    /// The registry's prefix and the datum of a JSON line.
    pub fn encode(&self, line: &str) -> Vec<u8> {
        let json: Json = serde_json::from_str(line).expect("JSON");
        let writer = GenericDatumWriter::builder(&self.schema).build().expect("a writer");
        let datum = writer.write_value_to_vec(avro_of(&self.schema, &json)).expect("a datum");
        [&[0], &self.id.to_be_bytes()[..], &datum].concat()
    }

    /// What encodes a line, to be kept.
    pub fn encoder(&self) -> impl Fn(&str) -> Vec<u8> + Clone + 'static {
        let own = Registered { id: self.id, schema: self.schema.clone() };
        let own = std::rc::Rc::new(own);
        move |line| own.encode(line)
    }

    /// The lines encoded, on two threads.
    pub fn encode_all(&self, lines: &[String]) -> Vec<Vec<u8>> {
        let (first, second) = lines.split_at(lines.len() / 2);
        let encode = |lines: &[String]| lines.iter().map(|line| self.encode(line)).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| encode(second));
            let mut encoded = encode(first);
            encoded.extend(other.join().expect("no panic"));
            encoded
        })
    }

    /// What a value with the registry's prefix says, as JSON.
    pub fn decode(&self, value: &[u8]) -> String {
        let (prefix, mut datum) = value.split_at(5);
        assert_eq!(prefix, [&[0], &self.id.to_be_bytes()[..]].concat());
        let reader = GenericDatumReader::builder(&self.schema).build().expect("a reader");
        let value = reader.read_value(&mut datum).expect("a datum");
        assert!(datum.is_empty(), "{} bytes follow", datum.len());
        let mut text = String::new();
        write(&value, &mut text);
        text
    }
}

fn avro_of(schema: &Schema, json: &Json) -> Value {
    match schema {
        Schema::Record(RecordSchema { fields, .. }) => Value::Record(
            fields
                .iter()
                .map(|field| (field.name.clone(), avro_of(&field.schema, &json[&field.name])))
                .collect(),
        ),
        Schema::Union(UnionSchema { .. }) if json.is_null() => Value::Union(0, Box::new(Value::Null)),
        Schema::Union(union) => Value::Union(1, Box::new(avro_of(&union.variants()[1], json))),
        Schema::Array(array) => {
            let list = json.as_array().expect("a list");
            Value::Array(list.iter().map(|item| avro_of(&array.items, item)).collect())
        }
        Schema::Enum(EnumSchema { symbols, .. }) => {
            let symbol = json.as_str().expect("a symbol");
            let place = symbols.iter().position(|found| found == symbol).expect("a known symbol");
            Value::Enum(place as u32, symbol.to_owned())
        }
        Schema::String => Value::String(json.as_str().expect("a text").to_owned()),
        Schema::Boolean => Value::Boolean(json.as_bool().expect("true or false")),
        Schema::Long => Value::Long(json.as_i64().expect("a whole number")),
        Schema::TimestampMicros => {
            let time: Timestamp = json.as_str().expect("a time").parse().expect("RFC 3339");
            Value::TimestampMicros(time.as_microsecond())
        }
        Schema::Decimal(DecimalSchema { scale, .. }) => {
            let units = units(&json.to_string(), *scale);
            Value::Decimal(Decimal::from(units.to_be_bytes()))
        }
        other => panic!("{other:?}"),
    }
}

/// A plain decimal text in units of this scale.
fn units(text: &str, scale: usize) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= scale, "{text}");
    format!("{whole}{part:0<scale$}").parse().expect("a plain decimal")
}

/// As the public contract writes it: fields in their order, what is null left out, amounts of at least two decimals.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| (name, bare(value)));
            object(fields.filter(|(_, value)| **value != Value::Null), out);
        }
        Value::Map(members) => {
            object(members.iter(), out);
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Value::Union(..) => write(bare(value), out),
        Value::Enum(_, text) | Value::String(text) => {
            out.push_str(&serde_json::to_string(text).expect("a text"))
        }
        Value::Boolean(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Long(number) | Value::TimestampMillis(number) => out.push_str(&number.to_string()),
        Value::TimestampMicros(micros) => {
            let time = Timestamp::from_microsecond(*micros).expect("a time");
            out.push_str(&format!("\"{time}\""));
        }
        Value::Decimal(decimal) => out.push_str(&amount(decimal)),
        other => panic!("{other:?}"),
    }
}

fn object<'v>(members: impl Iterator<Item = (&'v String, &'v Value)>, out: &mut String) {
    out.push('{');
    for (place, (name, value)) in members.enumerate() {
        out.push_str(if place > 0 { "," } else { "" });
        out.push_str(&serde_json::to_string(name).expect("a name"));
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// A value without the union around it.
fn bare(value: &Value) -> &Value {
    match value {
        Value::Union(_, inner) => bare(inner),
        value => value,
    }
}

/// The text of an amount, which is in ten-thousandths.
fn amount(decimal: &Decimal) -> String {
    let bytes: Vec<u8> = decimal.try_into().expect("bytes");
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    let units = bytes.iter().fold(sign, |value: i128, byte| value << 8 | i128::from(*byte));
    let text = format!("{}.{:04}", units.unsigned_abs() / 10_000, units.unsigned_abs() % 10_000);
    let kept = text.trim_end_matches('0').len().max(text.len() - 2);
    format!("{}{}", if units < 0 { "-" } else { "" }, &text[..kept])
}
