//! Requests, interactions and party records as Avro: whatever a sender writes them in, the decision is the same.

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::{Value as Json, json};
use tillgate::codec::avro::{CONTACT_SCHEMAS, fingerprint};
use tillgate::codec::{KnownSchemas, SchemaRef, Schemas, frame_with_fingerprint};
use tillgate::contact::{CONTACT_REQUESTS, INTERACTIONS, PARTY_RECORDS};
use tillgate::domain::Micros;
use tillgate::domain::record::RecordTime;
use tillgate::pipeline::InputRecord;

use crate::support::contacts::{Published, empty, settings};

/// A value of a schema, out of the JSON that says the same.
fn value(schema: &Schema, json: &Json) -> Value {
    match schema {
        Schema::Record(record) => {
            let field = |field: &apache_avro::schema::RecordField| {
                let json = json.get(&field.name).or(field.default.as_ref()).unwrap_or(&Json::Null);
                (field.name.clone(), value(&field.schema, json))
            };
            Value::Record(record.fields.iter().map(field).collect())
        }
        Schema::Union(union) if json.is_null() => {
            let place = union.variants().iter().position(|branch| matches!(branch, Schema::Null));
            Value::Union(place.expect("a null") as u32, Box::new(Value::Null))
        }
        Schema::Union(union) => Value::Union(1, Box::new(value(&union.variants()[1], json))),
        Schema::Array(array) => Value::Array(
            json.as_array().expect("a list").iter().map(|item| value(&array.items, item)).collect(),
        ),
        Schema::Enum(symbols) => {
            let symbol = json.as_str().expect("a symbol").replace('-', "_");
            let place = symbols.symbols.iter().position(|known| *known == symbol).expect("a known one");
            Value::Enum(place as u32, symbol)
        }
        Schema::TimestampMicros => {
            Value::TimestampMicros(Micros::parse_rfc3339(json.as_str().expect("a time")).expect("a time").0)
        }
        Schema::Date => {
            let midnight = format!("{}T00:00:00Z", json.as_str().expect("a day"));
            Value::Date(Micros::parse_rfc3339(&midnight).expect("a day").utc_day())
        }
        Schema::Boolean => Value::Boolean(json.as_bool().expect("a flag")),
        _ => Value::String(json.as_str().expect("a text").to_owned()),
    }
}

/// The same record in single-object encoding.
fn avro(schema: &str, json: &Json) -> Vec<u8> {
    let parsed = Schema::parse_str(schema).expect("our schema");
    let writer = GenericDatumWriter::builder(&parsed).build().expect("a writer");
    let datum = writer.write_value_to_vec(value(&parsed, json)).expect("a value of it");
    let mut framed = Vec::new();
    frame_with_fingerprint(fingerprint(schema).expect("our schema"), &mut framed);
    framed.extend_from_slice(&datum);
    framed
}

/// One record after another, each with its input and schema.
fn records() -> [(usize, &'static str, Json); 4] {
    let [interaction, request, party] = CONTACT_SCHEMAS;
    [
        (
            PARTY_RECORDS,
            party,
            json!({
                "partyId": "P", "jurisdiction": "US", "timeZones": ["America/New_York"],
                "contacts": [{ "contactId": "c", "kind": "phone", "value": "+1 555 0100", "optedOut": ["text"] }],
                "loans": [{ "loanId": "L", "externalId": "ext-L" }],
                "cases": [{ "caseId": "k", "kind": "attorney", "from": "2026-03-09", "until": "2026-03-12" }],
                "inconvenientTimes": [{ "days": ["mon"], "from": "12:00", "to": "13:00" }]
            }),
        ),
        (
            INTERACTIONS,
            interaction,
            json!({
                "eventId": "evt_01KJPZ0C8HQ3N4W6X8YVT2B7MD", "partyId": "P", "channel": "contact-center",
                "type": "outbound-call", "occurredAt": "2026-03-02T15:00:00Z", "outcome": "conversation",
                "linkedResourceType": "loan", "linkedResourceId": "ext-L"
            }),
        ),
        (
            CONTACT_REQUESTS,
            request,
            json!({
                "requestId": "r-1", "personId": "P", "loanIds": ["L"], "channel": "voice", "theme": "opsCollDebt",
                "startAt": "2026-03-09T16:30:00.000001Z", "contactId": "c"
            }),
        ),
        (
            CONTACT_REQUESTS,
            request,
            json!({
                "requestId": "r-2", "personId": "P", "loanIds": ["L"], "channel": "text", "subject": "settlementOffer",
                "startDate": "2026-03-12", "contactDetails": { "kind": "phone", "value": "+15550100" }
            }),
        ),
    ]
}

#[test]
fn records_in_avro_are_decided_as_those_in_json() {
    let records = records();
    let known = KnownSchemas::new().expect("our schemas");
    let decide = |encode: &dyn Fn(&str, &Json) -> Vec<u8>| {
        let (mut partition, mut published) = (empty(0, settings(1, 1 << 20)), Published::default());
        for (input, schema, json) in &records {
            let value = encode(schema, json);
            let record = InputRecord {
                input: *input,
                partition: 0.into(),
                offset: partition.positions()[*input].unwrap_or(0),
                timestamp_millis: 1_773_000_000_000,
                time: RecordTime::of_millis(1_773_000_000_000),
                key: Some(b"P"),
                value: Some(&value),
                schema_guid: None,
                request_id: None,
            };
            partition.on_record(&known as &dyn Schemas, &record, &mut published).expect("a state that holds");
        }
        published
    };
    let of_json = decide(&|_, json| json.to_string().into_bytes());
    assert_eq!(decide(&avro), of_json);
    let codes: Vec<bool> = ["contact.case", "contact.hours.inconvenient", "contact.consent.electronic"]
        .map(|code| of_json.decisions.iter().any(|(_, decision)| decision.contains(code)))
        .to_vec();
    assert_eq!(codes, [true; 3], "{of_json:?}");
    // A schema that nobody knows, and a datum that breaks off, are dead letters.
    for spoilt in [
        |mut value: Vec<u8>| {
            value[2] ^= 1;
            value
        },
        |mut value: Vec<u8>| {
            value.truncate(value.len() - 2);
            value
        },
    ] {
        let found = decide(&|schema, json| spoilt(avro(schema, json)));
        assert_eq!((found.letters.len(), found.decisions.len()), (records.len(), 0), "{found:?}");
        assert!(found.letters.iter().all(|(.., code)| *code == "400.001"));
    }
    assert!(matches!(known.plain(&SchemaRef::Id(7)), tillgate::codec::SchemaLookup::Unknown(_)));
}
