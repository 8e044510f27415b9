//! Avro: our writers and readers against the reference implementation, evolved schemas, damaged bytes, bounds.

mod evolved;
mod foreign;
mod values;

use crate::support::{read_jsonl, shared};
use apache_avro::Schema;
use apache_avro::types::Value;
use evolved::Draw;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tillgate::codec::avro::{
    ACCOUNT_EVENT_SCHEMA, AccountEventPlan, FIRST_SCHEMAS, OutcomeLayout, POS_EVENT_SCHEMA,
    POS_OUTCOME_SCHEMA, PlainPlan, PosEventPlan, fingerprint, outcome_fields, outcome_layout, outcome_place,
    write_account_event, write_outcome, write_outcome_as, write_pos_event,
};
use tillgate::codec::json::{self, read_account_event, read_pos_event};
use tillgate::codec::{
    DecodeError, KnownSchemas, SchemaLookup, SchemaRef, Schemas, decode_account_event, decode_pos_event,
    frame_with_fingerprint, frame_with_id,
};
use tillgate::domain::code::Code;
use tillgate::domain::enums::{ActionCode, CountryCode, EventType, MessageType, Verdict};
use tillgate::domain::ids::TransactionId;
use tillgate::domain::outcome::{Evidence, Message, Outcome, Source};
use tillgate::domain::pos_event::PosEvent;
use tillgate::domain::{Amount, Decimal, Field, Micros};

const EVENT: &str = r#"{"accountNumber":"A1","eventType":"Purchase","categoryType":"Sales",
    "time":"2018-06-01T00:01:11Z","nfcId":"04","posId":"P","posName":"Till","totalTax":0.25,
    "totalAmount":-163.64,"items":[
    {"itemId":"i","itemDescription":"d","unitCode":"C62","quantity":1,"unitPrice":163.640001,
    "netAmount":163.64,"taxAmount":0,"discount":-0.5,"grossAmount":163.64},
    {"itemId":"j","itemDescription":"e","unitCode":"KGM","quantity":-0.125,"unitPrice":9}],
    "currency":"EUR","accountTransactionId":"t","countryCode":"BE","conversationLanguage":"NL",
    "correctsTransactionId":"s"}"#;

fn datum(event: &PosEvent<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write_pos_event(event, &mut out).unwrap();
    out
}

fn reference(writer: &Schema, datum: &[u8], reader: Option<&Schema>) -> Value {
    let mut rest = datum;
    let builder = apache_avro::reader::datum::GenericDatumReader::builder(writer);
    let reader = builder.maybe_reader_schema(reader).build().unwrap();
    let value = reader.read_value(&mut rest).unwrap();
    assert!(rest.is_empty(), "{} bytes are left", rest.len());
    value
}

fn reference_datum(schema: &Json, value: Value) -> Vec<u8> {
    let schema = Schema::parse(schema).unwrap();
    let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&schema).build().unwrap();
    writer.write_value_to_vec(value).unwrap()
}

fn refused(result: Result<impl std::fmt::Debug, DecodeError>) -> (&'static str, String, String) {
    match result {
        Err(DecodeError::Fault { code, message, field }) => (code, field.unwrap_or_default(), message),
        other => panic!("not refused: {other:?}"),
    }
}

/// Our schema of POS events with one field's type replaced.
fn with_type(field: &str, schema: Json) -> Json {
    let mut ours: Json = serde_json::from_str(POS_EVENT_SCHEMA).unwrap();
    for ours in ours["fields"].as_array_mut().unwrap() {
        if ours["name"] == field {
            ours["type"] = schema.clone();
            ours.as_object_mut().unwrap().remove("default");
        }
    }
    ours
}

/// The value of [`EVENT`] with one field's value replaced.
fn with_value(field: &str, value: Value) -> Value {
    let ours = Schema::parse_str(POS_EVENT_SCHEMA).unwrap();
    let mut event = reference(&ours, &datum(&read_pos_event(EVENT.as_bytes()).unwrap()), None);
    let Value::Record(fields) = &mut event else { panic!() };
    fields.iter_mut().find(|(name, _)| name == field).unwrap().1 = value;
    event
}

/// Reads a datum whose writer had another type for one field.
fn read_with<T>(
    field: &str,
    schema: Json,
    value: Value,
    take: impl Fn(PosEvent<'_>) -> T,
) -> Result<T, DecodeError> {
    let schema = with_type(field, schema);
    let datum = reference_datum(&schema, with_value(field, value));
    let plan = PosEventPlan::compile(&schema.to_string()).unwrap();
    plan.read(&datum).map(take)
}

#[test]
fn real_events_pass_through_avro_unchanged() {
    let Some(shared) = shared() else { return };
    let plan = PosEventPlan::compile(POS_EVENT_SCHEMA).unwrap();
    let ours = Schema::parse_str(POS_EVENT_SCHEMA).unwrap();
    let mut events = 0;
    for (file, take) in [
        ("invoices/events_exact.jsonl", usize::MAX),
        ("baskets/uci_online_retail_events.jsonl.zst", 500),
        ("handbook/events_2018-06.jsonl.zst", 500),
    ] {
        for line in read_jsonl(shared.join("data").join(file)).take(take) {
            let event = read_pos_event(line.as_bytes()).unwrap();
            let mut out = Vec::new();
            if let Err(error) = write_pos_event(&event, &mut out) {
                assert_eq!(error.reason, "has more decimals than the schema", "{line}");
                continue;
            }
            assert_eq!(plan.read(&out).unwrap(), event);
            assert_eq!(values::event(&reference(&ours, &out, None)), event);
            events += 1;
        }
    }
    assert!(events > 1_000, "{events}");
}

#[test]
fn what_has_no_place_in_the_schema_is_not_written() {
    for (text, reason) in [
        (r#"{}"#, "accountNumber is absent: Avro has no place for it"),
        (
            r#"{"accountNumber":"a","eventType":"Refund"}"#,
            "time is absent or no time: Avro has no place for it",
        ),
        (
            r#"{"accountNumber":"a","eventType":"Info","time":"2018-06-01T00:01:11Z","totalTax":0.00001}"#,
            "totalTax has more decimals than the schema: Avro has no place for it",
        ),
        (
            r#"{"accountNumber":"a","eventType":"Info","time":"2018-06-01T00:01:11Z","totalTax":123456789012345}"#,
            "totalTax has more digits than the schema: Avro has no place for it",
        ),
    ] {
        let event = read_pos_event(text.as_bytes()).unwrap();
        assert_eq!(write_pos_event(&event, &mut Vec::new()).unwrap_err().to_string(), reason);
    }
}

#[test]
fn account_events_pass_through_avro_unchanged() {
    let ours = Schema::parse_str(ACCOUNT_EVENT_SCHEMA).unwrap();
    let plan = AccountEventPlan::compile(ACCOUNT_EVENT_SCHEMA).unwrap();
    for payload in [
        r#""eventType":"payment","payment":{"amount":50000,"status":"success"},"idempotencyKey":"k""#,
        r#""eventType":"payment","payment":{"amount":1,"status":"reversed","reverses":"e0"}"#,
        r#""eventType":"cash_advance","cashAdvance":{"amount":-1}"#,
        r#""eventType":"limit","limit":{"amount":5}"#,
        r#""eventType":"flag","flag":{"name":"stopped","set":true,"transactionId":"t"}"#,
        r#""eventType":"default","default":{"satisfied":true}"#,
        r#""eventType":"close","close":{"reason":"moved"}"#,
        r#""eventType":"update","update":{}"#,
        r#""eventType":"update","update":{"partyId":"p","currency":"EUR","countryCode":"NO","ssnKnown":true,
           "nfcIds":["a","b"],"blockedNfcIds":[],"resolve":{"transactionId":"t","granted":true}}"#,
    ] {
        let text = format!(r#"{{"id":"e","account":"a","createdAt":"2022-01-01T00:00:00Z",{payload}}}"#);
        let event = read_account_event(text.as_bytes()).unwrap();
        let mut out = Vec::new();
        write_account_event(&event, &mut out).unwrap();
        assert_eq!(plan.read(&out).unwrap(), event);
        let value = reference(&ours, &out, None);
        assert_eq!(values::field(&value, "account"), Some(&Value::String("a".into())));
        assert_eq!(reference_datum(&serde_json::from_str(ACCOUNT_EVENT_SCHEMA).unwrap(), value), out);
        for end in 0..out.len() {
            let (code, field, message) = refused(plan.read(&out[..end]));
            assert_eq!(code, "400.001", "{message}");
            assert!(!field.is_empty(), "{message}");
        }
    }
    let event = read_account_event(br#"{"id":"e","account":"a","eventType":"close"}"#).unwrap();
    let error = write_account_event(&event, &mut Vec::new()).unwrap_err();
    assert_eq!(error.field, "createdAt");
}

#[test]
fn an_account_event_of_an_unknown_type_is_a_fault() {
    let schema = ACCOUNT_EVENT_SCHEMA.replace(r#""close", "limit""#, r#""birthday", "limit""#);
    let plan = AccountEventPlan::compile(&schema).unwrap();
    let event = read_account_event(
        br#"{"id":"e","account":"a","eventType":"close","createdAt":"2022-01-01T00:00:00Z"}"#,
    );
    let mut out = Vec::new();
    write_account_event(&event.unwrap(), &mut out).unwrap();
    let (code, field, message) = refused(plan.read(&out));
    assert_eq!((code, field.as_str()), ("400.004", "eventType"), "{message}");
}

/// A value as JSON: unions unwrapped, nulls left out, decimals of scale 4 as numbers.
fn plain(value: &Value) -> Json {
    match value {
        Value::Union(_, inner) => plain(inner),
        Value::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), plain(value)));
            fields.filter(|(_, value)| !value.is_null()).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Enum(_, symbol) => json!(symbol),
        Value::Decimal(decimal) => {
            let bytes: Vec<u8> = decimal.try_into().unwrap();
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1 };
            json!(bytes.iter().fold(sign, |units: i64, byte| units << 8 | i64::from(*byte)) as f64 / 10_000.0)
        }
        Value::TimestampMicros(micros) => json!(Micros(*micros).to_string()),
        Value::TimestampMillis(millis) => json!(millis),
        other => Json::try_from(other.clone()).unwrap(),
    }
}

#[test]
fn outcomes_say_the_same_in_avro_and_in_json() {
    let ours = Schema::parse_str(POS_OUTCOME_SCHEMA).unwrap();
    let positions = [("account.events".to_owned(), 7), ("other".to_owned(), i64::MAX)];
    let full = Outcome {
        transaction_id: TransactionId(u128::MAX / 3),
        account_number: "A1".into(),
        account_transaction_id: Some("t".into()),
        event_type: EventType::Withdrawal,
        event_time: Some(Micros(-1_500_000)),
        verdict: Verdict::Pending,
        messages: vec![Message {
            kind: MessageType::NotificationMessage,
            code: Code::of("400.102"),
            message: "m".repeat(200),
            customer_message: Some("Hei é".into()),
            action: ActionCode::RequiresSsn,
            field: Some("items[2].grossAmount".into()),
            detail: Some("5.10 > 5.00".into()),
        }],
        currency: Some("EUR"),
        posted_amount: Amount::new(-50_001),
        balance_after: Amount::new(1_234_567_800),
        available_after: Some(Amount::ZERO),
        supersedes: Some(TransactionId(2)),
        corrects: Some(TransactionId(3)),
        repeats: Some(TransactionId(4)),
        source: Source { topic: "pos.events", partition: 3.into(), offset: 1 << 40, timestamp_millis: 1_500 },
        account_revision: 9,
        positions: &positions,
        evidence: vec![Evidence { fact: "f".into(), value: "v".into() }],
        ruleset: "r",
    };
    let message = Message { detail: None, ..full.messages[0].clone() };
    let first = Outcome { messages: vec![message], corrects: None, repeats: None, ..full.clone() };
    let bare = Outcome {
        account_transaction_id: None,
        event_time: None,
        verdict: Verdict::NotEvaluated,
        messages: vec![Message { customer_message: None, field: None, ..first.messages[0].clone() }],
        currency: None,
        posted_amount: None,
        balance_after: None,
        available_after: None,
        supersedes: None,
        positions: &[],
        evidence: Vec::new(),
        ..first.clone()
    };
    let empty = Outcome { messages: Vec::new(), ..bare.clone() };
    for outcome in [&full, &first, &bare, &empty] {
        let (mut avro, mut text) = (Vec::new(), Vec::new());
        write_outcome(outcome, &mut avro);
        json::write_outcome(outcome, &mut text);
        assert_eq!(plain(&reference(&ours, &avro, None)), serde_json::from_slice::<Json>(&text).unwrap());
        assert_eq!(outcome_layout(&avro), Some(OutcomeLayout::LATEST));
        assert_first_layout(outcome, if *outcome == full { &first } else { outcome }, &avro);
    }
}

/// By the schema's first version an outcome is as `without` what came later, and the bytes alone tell it from the latest.
#[track_caller]
fn assert_first_layout(outcome: &Outcome<'_>, without: &Outcome<'_>, avro: &[u8]) {
    let [_, _, schema] = FIRST_SCHEMAS.map(|schema| Schema::parse_str(schema).unwrap());
    let (mut earlier, mut text) = (Vec::new(), Vec::new());
    write_outcome_as(OutcomeLayout::First, outcome, &mut earlier);
    json::write_outcome(without, &mut text);
    assert_eq!(plain(&reference(&schema, &earlier, None)), serde_json::from_slice::<Json>(&text).unwrap());
    assert_eq!(outcome_layout(&earlier), Some(OutcomeLayout::First));
    let places = [avro, &earlier].map(|datum| outcome_place(datum).unwrap());
    assert_eq!(places[0], places[1]);
    assert_eq!((places[0].topic, places[0].offset), ("pos.events", 1 << 40));
    let [mut all, fewer] = [avro, &earlier].map(|datum| {
        let mut fields = Vec::new();
        outcome_fields(datum, &mut fields).unwrap();
        fields
    });
    let later = ["riskCheckMessages[0].detail", "corrects", "repeats"];
    assert_eq!(all.len() - fewer.len(), if outcome == without { 0 } else { later.len() });
    all.retain(|(name, _)| !later.contains(&&**name));
    assert_eq!(all, fewer);
}

#[test]
fn events_of_the_first_schemas_are_read_by_their_fingerprints() {
    let known = KnownSchemas::new().unwrap();
    let [pos_event, account_event, _] = FIRST_SCHEMAS;
    let of = |schema| SchemaRef::Fingerprint(fingerprint(schema).unwrap());
    for (schema, latest) in [(pos_event, POS_EVENT_SCHEMA), (account_event, ACCOUNT_EVENT_SCHEMA)] {
        assert_ne!(of(schema), of(latest));
    }
    let text = r#"{"accountNumber":"a","eventType":"Info","time":"2022-01-01T00:00:00Z","currency":"EUR",
        "countryCode":"DE","conversationLanguage":"EN","correctsTransactionId":"t"}"#;
    let mut event = read_pos_event(text.as_bytes()).unwrap();
    let SchemaLookup::Known(plan) = known.pos_event(&of(POS_EVENT_SCHEMA)) else {
        panic!("ours is not known")
    };
    assert_eq!(plan.read(&datum(&event)).unwrap(), event);
    let (ours, first) = (Schema::parse_str(POS_EVENT_SCHEMA).unwrap(), Schema::parse_str(pos_event).unwrap());
    let earlier = reference(&ours, &datum(&event), Some(&first));
    let earlier = reference_datum(&serde_json::from_str(pos_event).unwrap(), earlier);
    event.corrects_transaction_id = None;
    let SchemaLookup::Known(plan) = known.pos_event(&of(pos_event)) else { panic!("the first is not known") };
    assert_eq!(plan.read(&earlier).unwrap(), event);
    let event = read_account_event(
        br#"{"id":"e","account":"a","eventType":"close","createdAt":"2022-01-01T00:00:00Z"}"#,
    );
    let (event, mut out) = (event.unwrap(), Vec::new());
    write_account_event(&event, &mut out).unwrap();
    let ours = Schema::parse_str(ACCOUNT_EVENT_SCHEMA).unwrap();
    let first = Schema::parse_str(account_event).unwrap();
    let earlier = reference(&ours, &out, Some(&first));
    let earlier = reference_datum(&serde_json::from_str(account_event).unwrap(), earlier);
    let SchemaLookup::Known(plan) = known.account_event(&of(account_event)) else {
        panic!("the first is not known")
    };
    assert_eq!(plan.read(&earlier).unwrap(), event);
}

#[test]
fn a_field_may_be_missing_exactly_where_our_schema_has_a_default() {
    let compiles = |schema: &Json| PosEventPlan::compile(&schema.to_string());
    for (path, at) in [("/fields", ""), ("/fields/9/type/items/fields", "items.")] {
        let ours: Json = serde_json::from_str(POS_EVENT_SCHEMA).unwrap();
        for (place, field) in ours.pointer(path).unwrap().as_array().unwrap().iter().enumerate() {
            let mut without = ours.clone();
            without.pointer_mut(path).unwrap().as_array_mut().unwrap().remove(place);
            match compiles(&without) {
                Ok(_) => assert!(field.get("default").is_some(), "{field}"),
                Err(reason) => {
                    assert!(field.get("default").is_none(), "{field}");
                    let expected =
                        format!("{at}{}: not in the writer's schema", field["name"].as_str().unwrap());
                    assert!(reason.contains(&expected), "{reason}");
                }
            }
        }
    }
}

#[test]
fn schemas_that_cannot_be_read_as_ours_are_refused_with_the_reason() {
    for (schema, reason) in [
        (json!("string"), "expected a record, found string"),
        (json!({"type": "record", "name": "Sale", "fields": []}), "expected the record PosEvent, found Sale"),
        (with_type("accountNumber", json!("long")), "accountNumber: expected a string, found long"),
        (with_type("accountNumber", json!(["boolean", "int"])), "accountNumber: no branch"),
        (with_type("totalAmount", json!("double")), "totalAmount: expected a decimal, found double"),
        (with_type("totalAmount", json!("string")), "totalAmount: expected a decimal, found string"),
        (
            with_type("time", json!({"type": "int", "logicalType": "date"})),
            "time: expected a long with the logical type timestamp-millis, timestamp-micros or timestamp-nanos, found \
             int with the logical type \"date\"",
        ),
        (with_type("time", json!("string")), "time: expected a long with"),
        (with_type("items", json!("string")), "items: expected an array, found string"),
        (
            with_type(
                "items",
                json!({"type": "array", "items": {"type": "record", "name": "Line", "fields": []}}),
            ),
            "items: expected the record PosItem, found Line",
        ),
        (
            with_type("currency", json!({"type": "enum", "name": "Money", "symbols": ["EUR"]})),
            "currency: expected the enum Currency, found Money",
        ),
        (
            with_type(
                "totalTax",
                json!({"type": "bytes", "logicalType": "decimal", "precision": 2000, "scale": 1001}),
            ),
            "totalTax: expected a decimal with its precision and scale, found bytes with a decimal of scale 1001",
        ),
    ] {
        let error = PosEventPlan::compile(&schema.to_string()).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    assert!(PosEventPlan::compile("{").unwrap_err().contains("no Avro schema"));
}

#[test]
fn times_are_read_by_the_unit_that_the_writer_names() {
    let logical = |name: &str| json!({"type": "long", "logicalType": name});
    for (schema, value, time) in [
        (logical("timestamp-millis"), Value::TimestampMillis(-1_500), Field::Value(Micros(-1_500_000))),
        (logical("timestamp-nanos"), Value::TimestampNanos(-1), Field::Value(Micros(-1))),
        (logical("timestamp-nanos"), Value::TimestampNanos(1_999), Field::Value(Micros(1))),
        (
            logical("timestamp-micros"),
            Value::TimestampMicros(Micros::LAST.0 + 1),
            Field::Invalid("253402300800000000 us since 1970".into()),
        ),
        (
            logical("timestamp-millis"),
            Value::TimestampMillis(-62_167_219_200_001),
            Field::Invalid("-62167219200001 ms since 1970".into()),
        ),
        (
            logical("timestamp-millis"),
            Value::TimestampMillis(i64::MAX),
            Field::Invalid("9223372036854775807 ms since 1970".into()),
        ),
    ] {
        assert_eq!(read_with("time", schema, value, |event| event.time.clone().into_static()).unwrap(), time);
    }
}

/// Fields of the event, without the borrow.
trait IntoStatic<T> {
    fn into_static(self) -> Field<'static, T>;
}

impl<T> IntoStatic<T> for Field<'_, T> {
    fn into_static(self) -> Field<'static, T> {
        match self {
            Field::Absent => Field::Absent,
            Field::Value(value) => Field::Value(value),
            Field::Invalid(text) => Field::Invalid(text.into_owned().into()),
        }
    }
}

#[test]
fn decimals_are_read_at_the_writers_scale() {
    let bytes = |bytes: &[u8]| Value::Decimal(apache_avro::Decimal::from(bytes));
    let scaled = |precision: u32, scale: u32| json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale});
    let one = Field::Value(Decimal::new(1, 0).unwrap());
    for (schema, value, amount) in [
        (scaled(9, 2), bytes(&[100]), one.clone()),
        (scaled(38, 18), bytes(&10i64.pow(18).to_be_bytes()), one.clone()),
        (json!({"type": "bytes", "logicalType": "decimal", "precision": 4}), bytes(&[1]), one.clone()),
        (
            json!({"type": "fixed", "name": "F", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 2}),
            bytes(&100i128.to_be_bytes()),
            one,
        ),
        (
            scaled(38, 2),
            bytes(&(-10i128.pow(30)).to_be_bytes()),
            Field::Invalid("-10000000000000000000000000000.00".into()),
        ),
    ] {
        let read = read_with("totalAmount", schema, value, |event| event.total_amount.clone().into_static());
        assert_eq!(read.unwrap(), amount);
    }
}

#[test]
fn symbols_that_we_do_not_have_keep_their_text() {
    let schema = json!({"type": "enum", "name": "CountryCode", "symbols": ["Unrecognized", "SE", "IT"]});
    for (index, symbol, country) in [
        (0, "Unrecognized", Field::Invalid("Unrecognized".into())),
        (1, "SE", Field::Value(CountryCode::Se)),
        (2, "IT", Field::Invalid("IT".into())),
    ] {
        let value = Value::Enum(index, symbol.into());
        let read =
            read_with("countryCode", schema.clone(), value, |event| event.country_code.clone().into_static());
        assert_eq!(read.unwrap(), country);
    }
}

#[test]
fn a_branch_that_cannot_be_read_is_a_fault_where_a_datum_takes_it() {
    let schema = json!(["null", "string", "long"]);
    let read =
        |value| read_with("accountNumber", schema.clone(), value, |event| event.account_number.is_some());
    assert_eq!(read(Value::Union(1, Box::new(Value::String("a".into())))), Ok(true));
    assert_eq!(read(Value::Union(0, Box::new(Value::Null))), Ok(false), "absent, for the checks to answer");
    let (code, field, message) = refused(read(Value::Union(2, Box::new(Value::Long(1)))));
    assert_eq!((code, field.as_str()), ("400.001", "accountNumber"));
    assert!(message.starts_with("accountNumber: expected a string, found long"), "{message}");
}

/// A datum of our schema up to `items`, and what follows them.
fn around_items() -> (Vec<u8>, Vec<u8>) {
    let mut event = read_pos_event(EVENT.as_bytes()).unwrap();
    event.items.clear();
    let without = datum(&event);
    event.account_number = Some("other".into());
    // Behind the items: their end, an enum, two texts, two enums.
    let after = without.len() - 9;
    (without[..after - 1].to_vec(), without[after - 1..].to_vec())
}

#[test]
fn items_come_in_blocks_of_either_form() {
    let plan = PosEventPlan::compile(POS_EVENT_SCHEMA).unwrap();
    let (before, after) = around_items();
    let item = [2, b'i', 2, b'd', 2, b'u', 2, 1, 2, 1, 0, 0, 0, 0];
    let sized = |bytes: i64, count: i64| {
        let mut block = Vec::new();
        for value in [-count, bytes] {
            block.push(((value << 1) ^ (value >> 63)) as u8);
        }
        block
    };
    let datum = [&before[..], &sized(28, 2), &item, &item, &[2], &item, &after].concat();
    assert_eq!(plan.read(&datum).unwrap().items.len(), 3);
    for wrong in [27, 29] {
        let datum = [&before[..], &sized(wrong, 2), &item, &item, &after].concat();
        let (_, field, message) = refused(plan.read(&datum));
        assert_eq!(field, "items");
        assert!(message.contains("not as long as it says"), "{message}");
    }
}

#[test]
fn counts_and_lengths_beyond_the_datum_are_faults_before_anything_is_allocated() {
    let plan = PosEventPlan::compile(POS_EVENT_SCHEMA).unwrap();
    let (before, _) = around_items();
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let endless = [0xff; 11];
    for (bytes, field, text) in [
        ([&before[..], &huge].concat(), "items", "more than 10000 items"),
        ([&before[..], &[0xa0, 0x9c, 0x01]].concat(), "items[0].itemId", "breaks off"),
        (huge.to_vec(), "accountNumber", "breaks off"),
        (endless.to_vec(), "accountNumber", "beyond 64 bits"),
        (vec![0xff], "accountNumber", "breaks off"),
        (vec![1], "accountNumber", "-1 is no length"),
        (vec![2, 0xff], "accountNumber", "no UTF-8"),
        (vec![0, 100], "eventType", "no symbol 50"),
        (vec![0, 0, 8], "categoryType", "no branch 4"),
    ] {
        let (code, found, message) = refused(plan.read(&bytes));
        assert_eq!((code, found.as_str()), ("400.001", field), "{message}");
        assert!(message.contains(text), "{message}");
    }
    let mut trailing = datum(&read_pos_event(EVENT.as_bytes()).unwrap());
    trailing.push(0);
    assert_eq!(refused(plan.read(&trailing)).2, "1 bytes follow the datum");
}

#[test]
fn unknown_values_are_passed_over_within_bounds() {
    let list = json!({"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]});
    let nulls = json!({"type": "array", "items": "null"});
    let mut schema: Json = serde_json::from_str(POS_EVENT_SCHEMA).unwrap();
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.push(json!({"name": "list", "type": list}));
    fields.push(json!({"name": "nulls", "type": nulls}));
    let plan = PosEventPlan::compile(&schema.to_string()).unwrap();
    let event = read_pos_event(EVENT.as_bytes()).unwrap();
    let read = |list: &[u8], nulls: &[u8]| plan.read(&[&datum(&event)[..], list, nulls].concat()).map(|_| ());
    let many = [0xfe, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(read(&[2, 2, 2, 0], &[0x80, 0x7d, 0]), Ok(()));
    assert_eq!(refused(read(&[0], &[&many[..], &[0]].concat())).1, "nulls");
    assert!(refused(read(&[vec![2; 1_000], vec![0]].concat(), &[0])).2.contains("nested more than"));
    assert!(refused(read(&[0], &[1, 200])).2.contains("breaks off"));
}

#[test]
fn recognises_each_framing_and_asks_for_its_schema() {
    struct Waiting;
    impl Schemas for Waiting {
        fn pos_event(&self, _: &SchemaRef) -> SchemaLookup<std::sync::Arc<PosEventPlan>> {
            SchemaLookup::Waiting
        }
        fn account_event(&self, _: &SchemaRef) -> SchemaLookup<std::sync::Arc<AccountEventPlan>> {
            SchemaLookup::Waiting
        }
        fn plain(&self, _: &SchemaRef) -> SchemaLookup<std::sync::Arc<PlainPlan>> {
            SchemaLookup::Waiting
        }
    }
    let guid = [9; 16];
    let mut known = KnownSchemas::new().unwrap();
    known.add_pos_event(SchemaRef::Id(7), POS_EVENT_SCHEMA).unwrap();
    known.add_pos_event(SchemaRef::Guid(guid), POS_EVENT_SCHEMA).unwrap();
    let event = read_pos_event(EVENT.as_bytes()).unwrap();
    let bare = datum(&event);
    let framed = |frame: &dyn Fn(&mut Vec<u8>)| {
        let mut value = Vec::new();
        frame(&mut value);
        value.extend_from_slice(&bare);
        value
    };
    let own = fingerprint(POS_EVENT_SCHEMA).unwrap();
    for (value, guid, reference) in [
        (framed(&|out| frame_with_id(7, out)), None, Some(SchemaRef::Id(7))),
        (framed(&|out| frame_with_fingerprint(own, out)), None, Some(SchemaRef::Fingerprint(own))),
        (bare.clone(), Some(guid), Some(SchemaRef::Guid(guid))),
        (EVENT.as_bytes().to_vec(), None, None),
    ] {
        assert_eq!(decode_pos_event(&known, &value, guid).unwrap(), event);
        if let Some(reference) = reference {
            assert_eq!(decode_pos_event(&Waiting, &value, guid), Err(DecodeError::NeedsSchema(reference)));
            assert_eq!(
                decode_account_event(&Waiting, &value, guid),
                Err(DecodeError::NeedsSchema(reference))
            );
        }
    }
    let unknown = framed(&|out| frame_with_id(8, out));
    assert_eq!(refused(decode_pos_event(&known, &unknown, None)).2, "schema id 8 is not known here");
    assert_eq!(refused(decode_pos_event(&known, b"", None)).2, "empty value");
}

#[test]
fn fingerprints_are_those_of_the_specification() {
    // From the canonical-form tests of the Avro project: CRC-64-AVRO of "null" and of an int.
    assert_eq!(fingerprint(r#""null""#).unwrap() as i64, 7_195_948_357_588_979_594);
    assert_eq!(fingerprint(r#""int""#).unwrap() as i64, 8_247_732_601_305_521_295);
}

#[test]
fn broken_off_datums_are_refused_at_every_byte_with_the_field() {
    let plan = PosEventPlan::compile(POS_EVENT_SCHEMA).unwrap();
    let datum = datum(&read_pos_event(EVENT.as_bytes()).unwrap());
    let mut fields = Vec::new();
    for end in 0..datum.len() {
        let (code, field, message) = refused(plan.read(&datum[..end]));
        assert_eq!(code, "400.001");
        assert!(message.starts_with(&field) && !field.is_empty(), "{message}");
        fields.push(field);
    }
    fields.dedup();
    assert!(fields.contains(&"items[1].unitPrice".to_owned()), "{fields:?}");
    assert_eq!(fields.last().unwrap(), "conversationLanguage");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evolved_schemas_are_read_as_the_reference_reads_them(seed in any::<u64>()) {
        let (schema, value) = evolved::event(&mut Draw(seed));
        let datum = reference_datum(&schema, value);
        let (writer, reader) = (Schema::parse(&schema).unwrap(), Schema::parse_str(POS_EVENT_SCHEMA).unwrap());
        let expected = values::event(&reference(&writer, &datum, Some(&reader)));
        let plan = PosEventPlan::compile(&schema.to_string()).unwrap();
        let datum: &'static [u8] = datum.leak();
        let event = plan.read(datum).unwrap();
        prop_assert_eq!(values::without_invalid_texts(event), expected);
        for end in 0..datum.len() {
            let _ = plan.read(&datum[..end]);
        }
    }

    #[test]
    fn damaged_datums_never_panic(seed in any::<u64>(), flips in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..6)) {
        let (schema, value) = evolved::event(&mut Draw(seed));
        let mut datum = reference_datum(&schema, value);
        for (at, bits) in flips {
            let at = at.index(datum.len());
            datum[at] ^= bits;
        }
        let _ = PosEventPlan::compile(&schema.to_string()).unwrap().read(&datum);
    }

    #[test]
    fn any_bytes_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..200), guid in any::<Option<[u8; 16]>>()) {
        let known = KnownSchemas::new().unwrap();
        let _ = decode_pos_event(&known, &value, guid);
        let _ = decode_account_event(&known, &value, guid);
    }
}
