//! Avro records of flows that are seldom: a datum becomes the JSON that a sender could have sent instead, by apache-avro. For
//! contact requests, interactions and party records; POS and account events have plans of their own, which are many times faster.

use super::super::DecodeError;
use super::super::fault::FieldFault;
use crate::domain::Micros;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use jiff::Span;
use jiff::civil::{Date, date};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::io::Read;

/// Levels that a writer's schema may have.
const DEPTH_MAX: usize = 16;
/// Bytes of a datum: a party record of 64 KiB of JSON is shorter in Avro.
const DATUM_BYTES_MAX: usize = 64 << 10;

/// How values of one writer's schema become JSON.
#[derive(Debug)]
pub struct PlainPlan(PlainFormat);

#[derive(Debug)]
enum PlainFormat {
    Avro { schema: Box<Schema>, bytes: usize },
    Json,
}

impl PlainPlan {
    /// Takes a writer's schema.
    ///
    /// # Errors
    /// It is none, or one by which a short datum could become a huge value: the reason.
    pub fn compile(writer: &str) -> Result<Self, String> {
        let schema = Schema::parse_str(writer).map_err(|error| format!("no Avro schema: {error}"))?;
        if !matches!(schema, Schema::Record(_)) {
            return Err("the schema is no record".to_owned());
        }
        unless_unsound(&schema, 0)?;
        Ok(Self(PlainFormat::Avro { schema: Box::new(schema), bytes: writer.len() }))
    }

    /// For values that the registry says are JSON.
    #[must_use]
    pub fn of_json() -> Self {
        Self(PlainFormat::Json)
    }

    /// Bytes it takes in memory, roughly.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.0 {
            PlainFormat::Avro { bytes, .. } => 8 * bytes,
            PlainFormat::Json => 0,
        }
    }

    /// One value as JSON, the whole of `value`.
    ///
    /// # Errors
    /// [`DecodeError::Fault`]: it is not as the schema says.
    pub fn json<'v>(&self, value: &'v [u8]) -> Result<Cow<'v, [u8]>, DecodeError> {
        let PlainFormat::Avro { schema, .. } = &self.0 else { return Ok(Cow::Borrowed(value)) };
        let fault = |why: String| DecodeError::from(FieldFault::unreadable(why));
        if value.len() > DATUM_BYTES_MAX {
            return Err(fault(format!("the datum is longer than {DATUM_BYTES_MAX} bytes")));
        }
        let mut rest = Rest { bytes: value, is_short: false };
        let reader = GenericDatumReader::builder(schema).build().map_err(|error| fault(error.to_string()))?;
        let read = reader
            .read_value(&mut rest)
            .map_err(|_| fault("the datum is not as its schema says, or breaks off".to_owned()))?;
        if rest.is_short {
            return Err(fault("the datum breaks off".to_owned()));
        }
        if !rest.bytes.is_empty() {
            return Err(fault(format!("{} bytes follow the datum", rest.bytes.len())));
        }
        serde_json::to_vec(&json(read)).map(Cow::Owned).map_err(|error| fault(error.to_string()))
    }
}

/// What is left of a datum: apache-avro takes the end of it for nulls and empty texts.
struct Rest<'v> {
    bytes: &'v [u8],
    is_short: bool,
}

impl Read for Rest<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.is_short |= self.bytes.len() < into.len();
        self.bytes.read(into)
    }
}

/// That a datum of a few bytes could have values without end: items that take no bytes, and types that contain themselves.
fn unless_unsound(schema: &Schema, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("the schema is nested more than {DEPTH_MAX} deep"));
    }
    match schema {
        Schema::Record(record) => {
            record.fields.iter().try_for_each(|field| unless_unsound(&field.schema, depth + 1))
        }
        Schema::Union(union) => {
            union.variants().iter().try_for_each(|branch| unless_unsound(branch, depth + 1))
        }
        Schema::Array(array) if takes_bytes(&array.items) => unless_unsound(&array.items, depth + 1),
        Schema::Array(_) => Err("the schema has a list of items that take no bytes".to_owned()),
        Schema::Map(_) | Schema::Ref { .. } => {
            Err("maps, and types that are named twice, are not read in such records".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether each value takes at least one byte.
fn takes_bytes(schema: &Schema) -> bool {
    match schema {
        Schema::Null => false,
        Schema::Record(record) => record.fields.iter().any(|field| takes_bytes(&field.schema)),
        Schema::Fixed(fixed) => fixed.size > 0,
        _ => true,
    }
}

/// As JSON writes it. What no field of ours can be becomes an empty object, which each of them refuses: as null it would pass
/// for a value that nobody sent.
fn json(value: Value) -> Json {
    match value {
        Value::Record(fields) => fields.into_iter().map(|(name, value)| (name, json(value))).collect(),
        Value::Union(_, value) => json(*value),
        Value::Array(items) => items.into_iter().map(json).collect(),
        Value::String(text) | Value::Enum(_, text) => Json::String(text),
        Value::Boolean(flag) => Json::Bool(flag),
        Value::Int(number) => number.into(),
        Value::Long(number) => number.into(),
        Value::TimestampMicros(micros) => Json::String(Micros(micros).to_string()),
        Value::TimestampMillis(millis) => Json::String(Micros::from_millis(millis).to_string()),
        Value::Date(days) => date_of(days).map_or_else(|| days.into(), |date| Json::String(date.to_string())),
        Value::Uuid(uuid) => Json::String(uuid.to_string()),
        Value::Null => Json::Null,
        _ => Json::Object(serde_json::Map::new()),
    }
}

/// The date so many days after 1970-01-01, where the calendar has it.
fn date_of(days: i32) -> Option<Date> {
    let span = Span::new().try_days(days).ok()?;
    date(1970, 1, 1).checked_add(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datum_becomes_the_json_that_could_have_been_sent() {
        let schema = r#"{"type":"record","name":"R","fields":[
            {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
            {"name":"day","type":{"type":"int","logicalType":"date"}},
            {"name":"never","type":{"type":"int","logicalType":"date"}},
            {"name":"id","type":{"type":"string","logicalType":"uuid"}},
            {"name":"kind","type":{"type":"enum","name":"K","symbols":["a","b_c"]}},
            {"name":"ids","type":{"type":"array","items":"string"}},
            {"name":"more","type":["null","double"]},
            {"name":"none","type":["null","double"]}]}"#;
        let plan = PlainPlan::compile(schema).expect("a schema");
        let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let mut datum = vec![2, 0x80, 0x89, 0x7a, 0x82, 0x0f, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x48];
        datum.extend(id.bytes());
        datum.extend([2, 2, 2, b'x', 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let text = plan.json(&datum).expect("a datum");
        let expected = format!(
            r#"{{"at":"1970-01-01T00:00:01Z","day":"1972-08-19","id":"{id}","ids":["x"],"kind":"b_c","more":{{}},"never":2147483647,"none":null}}"#
        );
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert!(plan.json(&datum[..7]).is_err() && plan.json(&[&datum[..], &[0]].concat()).is_err());
        assert_eq!(PlainPlan::of_json().json(b"{}").expect("as it is").as_ref(), b"{}");
    }

    #[test]
    fn refuses_schemas_by_which_a_few_bytes_have_no_end() {
        let of = |kind: &str| {
            let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{kind}}}]}}"#);
            PlainPlan::compile(&schema).map(drop)
        };
        for kind in [
            r#"{"type":"array","items":"null"}"#,
            r#"{"type":"array","items":{"type":"record","name":"E","fields":[]}}"#,
            r#"{"type":"map","values":"string"}"#,
            r#"["null","R"]"#,
        ] {
            assert!(of(kind).is_err(), "{kind}");
        }
        assert!(PlainPlan::compile("\"string\"").is_err() && PlainPlan::compile("{").is_err());
        assert_eq!(of(r#"{"type":"array","items":"string"}"#), Ok(()));
    }
}
