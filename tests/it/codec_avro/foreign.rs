//! Writers' schemas that are strange, careless or aimed: each is read as it means, or refused with the field and the
//! reason. None costs more than its text, none ends the thread that reads it.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tillgate::codec::avro::{ACCOUNT_EVENT_SCHEMA, AccountEventPlan, POS_EVENT_SCHEMA, PosEventPlan};
use tillgate::codec::json::read_pos_event;
use tillgate::codec::{KnownSchemas, decode_account_event, decode_pos_event};
use tillgate::domain::pos_event::PosEvent;
use tillgate::domain::{Decimal, Field, Micros};

use super::{EVENT, datum, refused, with_type};

fn ours() -> Json {
    serde_json::from_str(POS_EVENT_SCHEMA).unwrap()
}

/// The field of our schema with this name.
fn field<'j>(schema: &'j mut Json, name: &str) -> &'j mut Json {
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.iter_mut().find(|field| field["name"] == name).unwrap()
}

/// Our schema with members put into the declaration of one field.
fn with_members(name: &str, members: Json) -> Json {
    let mut schema = ours();
    let declared = field(&mut schema, name).as_object_mut().unwrap();
    declared.extend(members.as_object().unwrap().clone());
    schema
}

fn event() -> PosEvent<'static> {
    read_pos_event(EVENT.as_bytes()).unwrap()
}

/// The datum of [`EVENT`] read by a schema whose bytes are the same as ours.
fn read_by(schema: &Json) -> PosEvent<'static> {
    let datum: &'static [u8] = datum(&event()).leak();
    let plan = PosEventPlan::compile(&schema.to_string()).unwrap_or_else(|reason| panic!("{reason}"));
    plan.read(datum).unwrap()
}

#[track_caller]
fn assert_refused(schema: &Json, text: &str) {
    let reason = PosEventPlan::compile(&schema.to_string()).unwrap_err();
    assert!(reason.contains(text), "{reason}");
}

#[test]
fn what_plays_no_part_in_reading_is_not_looked_at() {
    let mut careless = ours();
    careless["namespace"] = json!("com.my-shop.pos-events");
    careless["aliases"] = json!(["my-shop.Sale", 5]);
    careless["doc"] = json!(7);
    field(&mut careless, "nfcId")["default"] = json!("null");
    field(&mut careless, "totalTax")["default"] = json!("\u{0}");
    field(&mut careless, "posId")["default"] = json!(5);
    field(&mut careless, "currency")["type"]["default"] = json!("XYZ");
    field(&mut careless, "categoryType")["type"][1]["default"] = json!(0);
    field(&mut careless, "conversationLanguage")["order"] = json!("sideways");
    assert_eq!(read_by(&careless), event());
}

#[test]
fn names_are_found_in_their_namespace_whatever_it_is_called() {
    let amount = json!({"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 4});
    let line = json!({"type": "record", "name": "my-shop.lines.Note", "fields": [
        {"name": "amount", "type": ["null", amount]}, {"name": "next", "type": ["null", "Note"]}]});
    let mut schema = ours();
    schema["namespace"] = json!("my-shop");
    schema["fields"].as_array_mut().unwrap().extend([
        json!({"name": "first", "type": ["null", line]}),
        json!({"name": "second", "type": ["null", "my-shop.lines.Note"]}),
        json!({"name": "third", "type": ["null", {"type": "map", "values": "my-shop.lines.Note"}, "PosItem"]}),
    ]);
    let plan = PosEventPlan::compile(&schema.to_string()).unwrap();
    let added = [2, 2, 4, 1, 1, 2, 0, 0, 0, 2, 2, 2, b'k', 0, 0, 0];
    assert_eq!(plan.read(&[&datum(&event())[..], &added].concat()).unwrap(), event());
    assert_refused(
        &with_type("posId", json!(["null", "string", "nowhere.Note"])),
        "\"nowhere.Note\" is not defined",
    );
}

#[test]
fn a_logical_type_that_stands_beside_its_type_holds() {
    let micros = json!({"type": "long", "logicalType": "timestamp-micros"});
    for (beside, inside) in [
        (json!({"type": "long", "logicalType": "timestamp-micros"}), "beside"),
        (json!({"type": micros, "logicalType": "timestamp-micros"}), "both"),
        (
            json!({"type": {"type": {"type": "long"}, "logicalType": "timestamp-micros"}}),
            "a type within a type",
        ),
        (json!({"type": ["null", "long"], "logicalType": "timestamp-micros"}), "a union"),
    ] {
        let schema = with_members("time", beside);
        let plan =
            PosEventPlan::compile(&schema.to_string()).unwrap_or_else(|reason| panic!("{inside}: {reason}"));
        let mut bytes = datum(&event());
        if inside == "a union" {
            bytes.insert(1 + 2 + 1 + 2, 2);
        }
        assert_eq!(plan.read(&bytes).unwrap().time, event().time, "{inside}");
    }
    let scaled = json!({"type": ["null", "bytes"], "logicalType": "decimal", "precision": 18, "scale": 4});
    assert_eq!(read_by(&with_members("totalAmount", scaled)), event());
    let millis = with_members("time", json!({"type": "long", "logicalType": "timestamp-millis"}));
    let plan = PosEventPlan::compile(&millis.to_string()).unwrap();
    let datum = datum(&event());
    let Field::Value(Micros(micros)) = event().time else { panic!() };
    // Far behind the year 9999, which is no time.
    assert_eq!(plan.read(&datum).unwrap().time, Field::Invalid(format!("{micros} ms since 1970").into()));
}

#[test]
fn a_scale_above_its_precision_is_the_scale() {
    let above =
        json!({"type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 1, "scale": 2}]});
    let read = read_by(&with_members("totalAmount", above)).total_amount;
    // -163.64 as ours writes it, in ten-thousandths.
    assert_eq!(read, Field::Value(Decimal::new(-1_636_400, 2).unwrap()));
}

#[test]
fn money_and_time_that_do_not_say_what_they_count_are_refused_with_the_field() {
    let decimal = |members: Json| {
        let mut schema = json!({"type": "bytes", "logicalType": "decimal"});
        schema.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        schema
    };
    let expected = "totalAmount: expected a decimal with its precision and scale, found ";
    for (written, found) in [
        (json!("bytes"), "bytes without a logical type"),
        (json!({"type": "fixed", "name": "F", "size": 8}), "fixed without a logical type"),
        (json!({"type": "bytes", "precision": 18, "scale": 4}), "bytes without a logical type"),
        (
            json!({"type": "bytes", "logicalType": "big-decimal"}),
            "bytes with the logical type \"big-decimal\"",
        ),
        (json!({"type": "bytes", "logicalType": 5}), "bytes with a logical type that is no text"),
        (decimal(json!({"scale": 2})), "bytes with a decimal without a valid precision"),
        (decimal(json!({"precision": 0, "scale": 0})), "bytes with a decimal without a valid precision"),
        (decimal(json!({"precision": "18", "scale": 2})), "bytes with a decimal without a valid precision"),
        (decimal(json!({"precision": 18, "scale": -2})), "bytes with a decimal without a valid scale"),
        (decimal(json!({"precision": 18, "scale": 2.5})), "bytes with a decimal without a valid scale"),
        (
            json!({"type": decimal(json!({"precision": 9, "scale": 2})), "logicalType": "decimal", "precision": 9, "scale": 4}),
            "bytes with two logical types that contradict each other",
        ),
    ] {
        assert_refused(&with_type("totalAmount", written.clone()), &format!("{expected}{found}"));
        let optional = with_type("totalAmount", json!(["null", written]));
        let plan = PosEventPlan::compile(&optional.to_string()).expect("null can be read");
        let (code, field, message) = refused(plan.read(&datum(&event())));
        assert_eq!((code, field.as_str()), ("400.001", "totalAmount"));
        assert!(message.contains(found), "{message}");
    }
    let expected = "time: expected a long with the logical type timestamp-millis, timestamp-micros or timestamp-nanos, found ";
    for (written, found) in [
        (json!("long"), "long without a logical type"),
        (json!("int"), "int without a logical type"),
        (
            json!({"type": "int", "logicalType": "timestamp-millis"}),
            "int with the logical type timestamp-millis",
        ),
        (
            json!({"type": "long", "logicalType": "local-timestamp-millis"}),
            "long with the logical type \"local-timestamp-millis\"",
        ),
    ] {
        assert_refused(&with_type("time", written), &format!("{expected}{found}"));
    }
    let lines = with_type("items", {
        let mut items = field(&mut ours(), "items")["type"].clone();
        items["items"]["fields"][3]["type"] = json!("bytes");
        items
    });
    assert_refused(&lines, "items.quantity: expected a decimal with its precision and scale");
    let cents = ACCOUNT_EVENT_SCHEMA.replacen(
        r#""amount", "type": "long""#,
        r#""amount", "type": "long", "logicalType": "decimal", "precision": 18, "scale": 4"#,
        1,
    );
    let plan = AccountEventPlan::compile(&cents).expect("other payloads can be read");
    let payment = [2, b'e', 2, b'a', 2, 2, 2];
    let (code, field, message) = refused(plan.read(&payment));
    assert_eq!((code, field.as_str()), ("400.001", "payment"), "{message}");
    assert!(
        message.contains("amount: expected a long, found long with the logical type decimal"),
        "{message}"
    );
}

#[test]
fn a_null_where_an_account_event_must_say_something_is_missing_as_in_json() {
    let nullable = ACCOUNT_EVENT_SCHEMA.replacen(
        r#""amount", "type": "long""#,
        r#""amount", "type": ["null", "long"]"#,
        1,
    );
    let plan = AccountEventPlan::compile(&nullable).unwrap();
    // id, account, type; a payment of no amount, a status and nothing reversed; six payloads and a key that are null; a time.
    let datum = [&[2, b'e', 2, b'a', 2, 2, 0, 2, b's', 0][..], &[0; 7], &[0]].concat();
    let (code, field, message) = refused(plan.read(&datum));
    assert_eq!((code, field.as_str()), ("400.002", "payment.amount"), "{message}");
}

#[test]
fn a_decimal_of_no_bytes_is_nothing() {
    let totals = |event: &PosEvent<'_>| match &event.total_tax {
        Field::Value(total) => *total,
        other => panic!("{other:?}"),
    };
    let mut event = event();
    event.total_tax = Field::Value(Decimal::new(0, 0).unwrap());
    let mut bytes = datum(&event);
    let plan = PosEventPlan::compile(POS_EVENT_SCHEMA).unwrap();
    assert_eq!(totals(&plan.read(&bytes).unwrap()), Decimal::new(0, 4).unwrap());
    let zero = bytes.windows(3).position(|at| at == [2, 2, 0]).unwrap();
    bytes.splice(zero + 1..zero + 3, [0]);
    assert_eq!(totals(&plan.read(&bytes).unwrap()), Decimal::new(0, 4).unwrap());
}

/// So many records, each of which names the one before it.
fn chain(records: usize) -> Json {
    let link = |place: usize| {
        let fields =
            if place == 0 { json!([]) } else { json!([{"name": "f", "type": format!("R{}", place - 1)}]) };
        json!({"type": "record", "name": format!("R{place}"), "fields": fields})
    };
    (0..records).map(link).collect()
}

/// Our schema whose `nfcId` may also be any of the chain, and whose last field is the chain's end.
fn chained(records: usize) -> Json {
    let mut branches = chain(records);
    branches.as_array_mut().unwrap().insert(0, json!("string"));
    let mut schema = with_type("nfcId", branches);
    let last = json!({"name": "last", "type": format!("R{}", records - 1)});
    schema["fields"].as_array_mut().unwrap().push(last);
    schema
}

/// On a thread with no more stack than threads have by default.
fn compiled(schema: Json) -> Result<PosEventPlan, String> {
    let compile = move || PosEventPlan::compile(&schema.to_string());
    std::thread::Builder::new().stack_size(2 << 20).spawn(compile).unwrap().join().expect("no panic")
}

#[test]
fn a_long_chain_of_named_types_is_read_within_the_stack() {
    let plan = compiled(chained(9_000)).unwrap_or_else(|reason| panic!("{reason}"));
    let mut event = event();
    let mut bytes = datum(&event);
    let at = bytes.windows(2).position(|at| at == [2, 4]).unwrap();
    bytes[at] = 0;
    event.nfc_id = Some("04".into());
    let (code, field, message) = refused(plan.read(&bytes));
    assert_eq!((code, field.as_str()), ("400.001", "last"), "{message}");
    assert!(message.contains("nested more than 100 deep"), "{message}");
    let Err(reason) = compiled(chained(10_000)) else { panic!("no bound") };
    assert!(reason.contains("more than 20000 types, fields, branches and symbols"), "{reason}");
}

#[test]
fn a_schema_beyond_its_bounds_is_refused_with_the_bound() {
    let nested = |depth: usize, open: &str, close: &str| {
        let deep = format!("{}\"int\"{}", open.repeat(depth), close.repeat(depth));
        POS_EVENT_SCHEMA.replacen(
            r#""nfcId", "type": ["null", "string"]"#,
            &format!(r#""nfcId", "type": {deep}"#),
            1,
        )
    };
    for (schema, text) in [
        (nested(70, r#"{"type":"array","items":"#, "}"), "types nest more than 64 deep"),
        (nested(70, r#"{"type":"#, "}"), "types nest more than 64 deep"),
        (nested(1_000_000 / 24, r#"{"type":"map","values":"#, "}"), "recursion limit exceeded"),
        (nested(100_000, "[", "]"), "recursion limit exceeded"),
        (format!("{POS_EVENT_SCHEMA}{}", " ".repeat(1 << 20)), "at most 1048576 are read"),
    ] {
        let reason = PosEventPlan::compile(&schema).unwrap_err();
        assert!(reason.contains(text), "{reason}");
    }
    assert_refused(
        &with_type("posId", json!({"type": "enum", "name": "E", "symbols": vec!["S"; 20_001]})),
        "more than 20000",
    );
    let long = json!({"type": "record", "name": "R", "namespace": "n".repeat(1_000), "fields": []});
    assert_refused(&with_type("posId", long), "a name of more than 1000 bytes");
}

#[test]
fn what_is_no_schema_is_refused_without_a_panic() {
    for (written, text) in [
        (json!(5), "neither a name, an object nor a list"),
        (json!({}), "an object without \"type\""),
        (json!({"type": null}), "an object without \"type\""),
        (json!({"type": "record"}), "a record, enum or fixed without a name"),
        (json!({"type": "record", "name": 5}), "a record, enum or fixed without a name"),
        (json!({"type": "record", "name": "R"}), "\"fields\" is missing"),
        (json!({"type": "record", "name": "R", "fields": {}}), "\"fields\" is no list"),
        (json!({"type": "record", "name": "R", "fields": [5]}), "a field without a name"),
        (json!({"type": "record", "name": "R", "fields": [{"name": "f"}]}), "posId.f: \"type\" is missing"),
        (
            json!({"type": "record", "name": "R", "fields": [{"name": "f", "type": "int"}, {"name": "f", "type": "int"}]}),
            "posId.f: this field comes twice",
        ),
        (json!({"type": "record", "name": "PosItem", "fields": []}), "\"PosItem\" is defined twice"),
        (json!({"type": "enum", "name": "E", "symbols": [5]}), "a symbol that is no text"),
        (json!({"type": "enum", "name": "E"}), "\"symbols\" is missing"),
        (json!({"type": "fixed", "name": "F", "size": -1}), "\"size\" is no whole number"),
        (json!({"type": "array"}), "\"items\" is missing"),
        (json!({"type": "map"}), "\"values\" is missing"),
        (json!(["int", ["null"]]), "a union within a union"),
        (json!(["int", "null", "int"]), "the same type twice"),
        (json!("Nowhere"), "\"Nowhere\" is not defined in the schema"),
        (json!({"type": "\u{0}", "name": "x"}), "is not defined"),
    ] {
        let mut schema = with_type("posId", written);
        // Behind the types that it may clash with.
        let fields = schema["fields"].as_array_mut().unwrap();
        let place = fields.iter().position(|field| field["name"] == "posId").unwrap();
        let strange = fields.remove(place);
        fields.push(strange);
        assert_refused(&schema, text);
    }
}

#[test]
fn a_byte_order_mark_is_passed_over_and_utf16_is_refused_by_that_word() {
    let known = KnownSchemas::new().unwrap();
    let account = r#"{"id":"e","account":"a","eventType":"close","createdAt":"2022-01-01T00:00:00Z"}"#;
    for (mark, is_marked) in [("", false), ("\u{feff}", true)] {
        let value = format!("{mark}{EVENT}");
        assert_eq!(decode_pos_event(&known, value.as_bytes(), None).unwrap(), event(), "{is_marked}");
        let value = format!("{mark}{account}");
        assert_eq!(decode_account_event(&known, value.as_bytes(), None).unwrap().id, "e", "{is_marked}");
    }
    for text in [EVENT, account] {
        let units = || text.encode_utf16();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        for value in [[&[0xff, 0xfe], &little[..]].concat(), little, [&[0xfe, 0xff], &big[..]].concat(), big]
        {
            for (code, _, message) in [
                refused(decode_pos_event(&known, &value, None)),
                refused(decode_account_event(&known, &value, None)),
            ] {
                assert_eq!(code, "400.001");
                assert!(message.contains("UTF-16"), "{message}");
            }
        }
    }
}

/// Texts that look like schemas: ours with a few of its tokens exchanged, doubled or left out.
fn bent() -> impl Strategy<Value = String> {
    let tokens: Vec<&str> = POS_EVENT_SCHEMA.split_inclusive(['"', ',', ':', '{', '}', '[', ']']).collect();
    let count = tokens.len();
    let bends = (0..count, 0..count, 0..4usize);
    prop::collection::vec(bends, 1..6).prop_map(move |bends| {
        let mut bent = tokens.clone();
        for (at, from, way) in bends {
            let at = at % bent.len();
            match way {
                0 => drop(bent.remove(at)),
                1 => bent.insert(at, tokens[from]),
                2 => bent[at] = tokens[from],
                _ => {
                    let part: Vec<_> = tokens[from..(from + 40).min(count)].to_vec();
                    bent.splice(at..at, part).for_each(drop);
                }
            }
        }
        bent.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_bent_schema_is_read_or_refused(schema in bent(), bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(plan) = PosEventPlan::compile(&schema) {
            let _ = plan.read(&datum(&event()));
            let _ = plan.read(&bytes);
        }
        let _ = AccountEventPlan::compile(&schema);
    }
}
