//! The JSON of the public contracts: what is read, what is refused and where, what is written.

use crate::support::{read_jsonl, shared};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use tillgate::codec::DecodeError;
use tillgate::codec::json::{
    read_account_event, read_pos_event, write_account_event, write_outcome, write_pos_event,
};
use tillgate::domain::account_event::{AccountChange, AccountEvent, Resolve, Update};
use tillgate::domain::code::Code;
use tillgate::domain::enums::{ActionCode, Currency, EventType, Language, MessageType, Verdict};
use tillgate::domain::ids::TransactionId;
use tillgate::domain::outcome::{Evidence, Message, Outcome, Source};
use tillgate::domain::{Amount, Decimal, Field, Micros};

const EVENT: &str = r#"{"accountNumber":"A1","eventType":"Purchase","categoryType":"Sales",
    "time":"2018-06-01T00:01:11Z","nfcId":"04","posId":"P","posName":"Till \u00e9\n","totalTax":0.00,
    "totalAmount":163.64,"items":[{"itemId":"i","itemDescription":"d","unitCode":"C62","quantity":1,
    "unitPrice":163.640,"netAmount":163.64,"taxAmount":0,"discount":-0.0,"grossAmount":1.6364e2}],
    "currency":"EUR","accountTransactionId":"t","countryCode":"BE","conversationLanguage":"NL",
    "somethingNew":{"deep":[1,{"a":null}]}}"#;

/// The refusal's code, field and text.
fn refused(result: Result<impl std::fmt::Debug, DecodeError>) -> (&'static str, String, String) {
    match result {
        Err(DecodeError::Fault { code, message, field }) => (code, field.unwrap_or_default(), message),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn reads_every_field_of_an_event_exactly() {
    let event = read_pos_event(EVENT.as_bytes()).unwrap();
    assert_eq!(event.account_number.as_deref(), Some("A1"));
    assert_eq!(event.event_type, Field::Value(EventType::Purchase));
    assert_eq!(event.time, Field::Value(Micros(1_527_811_271_000_000)));
    assert_eq!(event.pos_name.as_deref(), Some("Till é\n"));
    assert_eq!(event.total_amount, Field::Value(Decimal::new(16364, 2).unwrap()));
    assert_eq!(event.currency, Field::Value(Currency::Eur));
    assert_eq!(event.conversation_language, Field::Value(Language::Nl));
    let [item] = &event.items[..] else { panic!("{event:?}") };
    assert_eq!(item.gross_amount, event.total_amount);
    assert_eq!(item.discount, Field::Value(Decimal::ZERO));
}

#[test]
fn absent_and_null_are_the_same() {
    let absent = read_pos_event(b"{}").unwrap();
    let null = br#"{"accountNumber":null,"eventType":null,"categoryType":null,"time":null,"nfcId":null,
        "posId":null,"posName":null,"totalTax":null,"totalAmount":null,"items":null,"currency":null,
        "accountTransactionId":null,"countryCode":null,"conversationLanguage":null}"#;
    assert_eq!(read_pos_event(null).unwrap(), absent);
    let item = br#"{"items":[{"itemId":null,"itemDescription":null,"unitCode":null,"quantity":null,
        "unitPrice":null,"netAmount":null,"taxAmount":null,"discount":null,"grossAmount":null}]}"#;
    assert_eq!(read_pos_event(item).unwrap(), read_pos_event(br#"{"items":[{}]}"#).unwrap());
}

#[test]
fn keeps_what_is_no_value_for_a_check_to_name() {
    let text = br#"{"eventType":"Refund","currency":"Unrecognized","time":"yesterday","totalAmount":1e400,
        "totalTax":0.1234567890123456789}"#;
    let event = read_pos_event(text).unwrap();
    assert_eq!(event.event_type, Field::Invalid("Refund".into()));
    assert_eq!(event.currency, Field::Invalid("Unrecognized".into()));
    assert_eq!(event.time, Field::Invalid("yesterday".into()));
    assert_eq!(event.total_amount, Field::Invalid("1e400".into()));
    assert_eq!(event.total_tax, Field::Invalid("0.1234567890123456789".into()));
}

#[test]
fn refuses_what_cannot_be_read_and_says_where() {
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(101), "]".repeat(101));
    let wide = format!(r#"{{"items":[{}{{}}]}}"#, "{},".repeat(10_000));
    for (text, field, message) in [
        (r#"{"items":[{},{},{"quantity":"1"}]}"#, "items[2].quantity", "expected a number, found a string"),
        (r#"{"items":[{},null]}"#, "items[1]", "expected an object, found null"),
        (r#"{"items":{}}"#, "items", "expected an array, found an object"),
        (r#"{"time":1}"#, "time", "expected a string, found a number"),
        (r#"{"totalAmount":true}"#, "totalAmount", "expected a number, found a boolean"),
        (r#"{"totalAmount":NaN}"#, "totalAmount", "malformed JSON at byte 15: no JSON value"),
        (r#"{"totalAmount":nan}"#, "totalAmount", "no JSON value"),
        (r#"{"totalAmount":01}"#, "totalAmount", "begins with 0"),
        (r#"{"totalAmount":-}"#, "totalAmount", "without digits"),
        (r#"{"posId":"a","posName":"b","posId":"a"}"#, "posId", "comes twice"),
        (r#"{"posId":null,"posId":"a"}"#, "posId", "comes twice"),
        (r#"{"posId":"a","posI\u0064":"a"}"#, "posId", "comes twice"),
        (r#"{"items":[{"itemId":"a","itemId":"a"}]}"#, "items[0].itemId", "comes twice"),
        (r#"{"posId":"a"}{}"#, "", "more than one value"),
        (r#"{"posId":"a"} x"#, "", "more than one value"),
        (r#"{"posId":"a\ud800"}"#, "posId", "lone surrogate"),
        (r#"{"posId":"a"#, "posId", "ends within a string"),
        (r#"{"posId":"#, "posId", "ends where a value should stand"),
        (r#"{"posId":"a","#, "", "expected a key"),
        (r#"{'posId':"a"}"#, "", "expected a key"),
        ("[]", "", "expected an object, found an array"),
        ("", "", "the text ends"),
        (&deep, "x", "nested more than 100 deep"),
        (&wide, "items", "more than 10000 items"),
    ] {
        let (code, found_field, found) = refused(read_pos_event(text.as_bytes()));
        assert_eq!((code, found_field.as_str()), ("400.001", field), "{found}");
        assert!(found.contains(message), "{found}");
        assert!(found.starts_with(field), "{found}");
    }
    let (code, field, message) = refused(read_pos_event(b"{\"posId\":\"\xff\"}"));
    assert_eq!((code, field.as_str()), ("400.001", ""));
    assert!(message.contains("no UTF-8 at byte 10"), "{message}");
}

#[test]
fn unknown_members_are_passed_over_even_where_no_float_could_hold_them() {
    let text = br#"{"x":1e400,"x":[[{"y":"\ud83d\ude00\\"}],{},[],-0.1E-9],"accountNumber":"A"}"#;
    assert_eq!(read_pos_event(text).unwrap().account_number.as_deref(), Some("A"));
}

#[test]
fn real_events_read_and_write_without_a_difference() {
    let Some(shared) = shared() else { return };
    let mut events = 0;
    for (file, take) in [
        ("invoices/events_exact.jsonl", usize::MAX),
        ("invoices/events_cent.jsonl", usize::MAX),
        ("invoices/unit_events.jsonl", usize::MAX),
        ("baskets/uci_online_retail_events.jsonl.zst", 2_000),
        ("handbook/events_2018-06.jsonl.zst", 2_000),
    ] {
        for line in read_jsonl(shared.join("data").join(file)).take(take) {
            let event = read_pos_event(line.as_bytes()).unwrap();
            let mut written = Vec::new();
            write_pos_event(&event, &mut written);
            assert_eq!(read_pos_event(&written).unwrap(), event);
            let (ours, given): (Value, Value) =
                (serde_json::from_slice(&written).unwrap(), serde_json::from_str(&line).unwrap());
            assert_same_json(&ours, &given, &line);
            events += 1;
        }
    }
    assert_eq!(events, 126 + 126 + 75 + 4_000);
}

/// Equal, but for members that one has as null and the other not at all; numbers and times by value.
fn assert_same_json(a: &Value, b: &Value, line: &str) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let of =
                    |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or_default();
                assert_same_json(&of(a), &of(b), line);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{line}");
            a.iter().zip(b).for_each(|(a, b)| assert_same_json(a, b, line));
        }
        (Value::Number(a), Value::Number(b)) => assert_eq!(a.as_f64(), b.as_f64(), "{line}"),
        (Value::String(a), Value::String(b)) if Micros::parse_rfc3339(a).is_some() => {
            assert_eq!(Micros::parse_rfc3339(a), Micros::parse_rfc3339(b), "{line}");
        }
        _ => assert_eq!(a, b, "{line}"),
    }
}

#[test]
fn reads_every_kind_of_account_event() {
    for (payload, change) in [
        (
            r#""eventType":"payment","payment":{"amount":50000,"status":"success"},"flag":null"#,
            AccountChange::Payment { amount: 50_000, status: "success".into(), reverses: None },
        ),
        (
            r#""eventType":"payment","payment":{"amount":1,"status":"reversed","reverses":"e0"}"#,
            AccountChange::Payment { amount: 1, status: "reversed".into(), reverses: Some("e0".into()) },
        ),
        (
            r#""eventType":"cash_advance","cashAdvance":{"amount":-1e2}"#,
            AccountChange::CashAdvance { amount: -100 },
        ),
        (r#""eventType":"limit","limit":{"amount":5.0}"#, AccountChange::Limit { amount: 5 }),
        (
            r#""eventType":"flag","flag":{"name":"stopped","set":true}"#,
            AccountChange::Flag { name: "stopped".into(), set: true, transaction_id: None },
        ),
        (r#""eventType":"default""#, AccountChange::Default { satisfied: false }),
        (r#""eventType":"default","default":{"satisfied":true}"#, AccountChange::Default { satisfied: true }),
        (r#""eventType":"close""#, AccountChange::Close { reason: None }),
        (
            r#""eventType":"close","close":{"reason":"moved"}"#,
            AccountChange::Close { reason: Some("moved".into()) },
        ),
        (r#""eventType":"update","update":{}"#, AccountChange::Update(Box::default())),
        (
            r#""eventType":"update","update":{"ssnKnown":false,"nfcIds":["a"],"blockedNfcIds":[],
               "resolve":{"transactionId":"t","granted":true}}"#,
            AccountChange::Update(Box::new(Update {
                ssn_known: Some(false),
                nfc_ids: Some(vec!["a".into()]),
                blocked_nfc_ids: Some(Vec::new()),
                resolve: Some(Resolve { transaction_id: "t".into(), granted: true }),
                ..Update::default()
            })),
        ),
    ] {
        for (more, created_at, key) in [
            ("", None, None),
            (
                r#","createdAt":"1970-01-01T00:00:01.000Z","idempotencyKey":"k""#,
                Some(Micros(1_000_000)),
                Some("k".to_owned()),
            ),
        ] {
            let text = format!(r#"{{"id":"e","account":"a",{payload}{more}}}"#);
            let event = AccountEvent {
                id: "e".into(),
                account: "a".into(),
                change: change.clone(),
                created_at,
                idempotency_key: key,
            };
            assert_eq!(read_account_event(text.as_bytes()).unwrap(), event);
            let mut written = Vec::new();
            write_account_event(&event, &mut written);
            assert_eq!(read_account_event(&written).unwrap(), event);
        }
    }
}

#[test]
fn refuses_account_events_that_do_not_say_what_changed() {
    for (members, code, field) in [
        (r#""account":"a","eventType":"close""#, "400.002", "id"),
        (r#""id":" ","account":"a","eventType":"close""#, "400.002", "id"),
        (r#""id":"e","eventType":"close""#, "400.002", "account"),
        (r#""id":"e","account":"a""#, "400.002", "eventType"),
        (r#""id":"e","account":"a","eventType":"payment""#, "400.002", "payment"),
        (
            r#""id":"e","account":"a","eventType":"payment","payment":{"amount":1}"#,
            "400.002",
            "payment.status",
        ),
        (r#""id":"e","account":"a","eventType":"limit","limit":{}"#, "400.002", "limit.amount"),
        (r#""id":"e","account":"a","eventType":"flag","flag":{"name":"x"}"#, "400.002", "flag.set"),
        (
            r#""id":"e","account":"a","eventType":"update","update":{"resolve":{"granted":true}}"#,
            "400.002",
            "update.resolve.transactionId",
        ),
        (r#""id":"e","account":"a","eventType":"birthday""#, "400.004", "eventType"),
        (r#""id":"e","account":"a","eventType":"unrecognized""#, "400.004", "eventType"),
        (r#""id":"e","account":"a","eventType":"close","createdAt":"now""#, "400.004", "createdAt"),
        (r#""id":"e","account":"a","eventType":"close","limit":{"amount":1}"#, "400.001", "limit"),
        (r#""id":"e","account":"a","eventType":"limit","limit":{"amount":1.5}"#, "400.001", "limit.amount"),
        (r#""id":"e","account":"a","eventType":"limit","limit":{"amount":"1"}"#, "400.001", "limit.amount"),
        (r#""id":"e","id":"e","account":"a","eventType":"close""#, "400.001", "id"),
        (
            r#""id":"e","account":"a","eventType":"update","update":{"nfcIds":[1]}"#,
            "400.001",
            "update.nfcIds[0]",
        ),
    ] {
        let (found_code, found_field, message) =
            refused(read_account_event(format!("{{{members}}}").as_bytes()));
        assert_eq!((found_code, found_field.as_str()), (code, field), "{message}");
    }
}

#[test]
fn writes_an_outcome_in_the_contracts_order_and_leaves_nulls_out() {
    let positions = [("account.events".to_owned(), 7)];
    let mut outcome = Outcome {
        transaction_id: TransactionId(1),
        account_number: "A\"1".into(),
        account_transaction_id: Some("t".into()),
        event_type: EventType::Purchase,
        event_time: Some(Micros(1_500_000)),
        verdict: Verdict::Pending,
        messages: vec![Message {
            kind: MessageType::BusinessError,
            code: Code::of("400.102"),
            message: "5.10 is not 5.00".into(),
            customer_message: Some(Arc::from("Nei\u{1}")),
            action: ActionCode::AskConsumerToConfirm,
            field: Some("totalAmount".into()),
            detail: Some("5.10 - 5.00 = 0.10".into()),
        }],
        currency: Some("EUR"),
        posted_amount: Amount::new(-50_001),
        balance_after: Amount::new(100_000),
        available_after: Some(Amount::ZERO),
        supersedes: Some(TransactionId(2)),
        corrects: Some(TransactionId(3)),
        repeats: Some(TransactionId(4)),
        source: Source { topic: "pos.events", partition: 3.into(), offset: 42, timestamp_millis: 1_500 },
        account_revision: 9,
        positions: &positions,
        evidence: vec![Evidence { fact: "f".into(), value: "v".into() }],
        ruleset: "r",
    };
    let mut out = Vec::new();
    write_outcome(&outcome, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"transactionId":"txn_00000000000000000000000001","accountNumber":"A\"1","#.to_owned()
            + r#""accountTransactionId":"t","eventType":"Purchase","eventTime":"1970-01-01T00:00:01.500Z","#
            + r#""eventAdded":true,"outcome":"Pending","riskCheckMessages":[{"type":"BusinessError","#
            + r#""code":"400.102","message":"5.10 is not 5.00","customerFacingMessage":"Nei\u0001","#
            + r#""actionCode":"AskConsumerToConfirm","fieldReference":"totalAmount","detail":"5.10 - 5.00 = 0.10"}],"#
            + r#""currency":"EUR","#
            + r#""postedAmount":-5.0001,"balanceAfter":10.00,"availableAfter":0.00,"#
            + r#""supersedes":"txn_00000000000000000000000002","corrects":"txn_00000000000000000000000003","#
            + r#""repeats":"txn_00000000000000000000000004","source":{"topic":"pos.events","partition":3,"#
            + r#""offset":42,"timestamp":1500},"accountRevision":9,"positions":{"account.events":7},"#
            + r#""evidence":[{"fact":"f","value":"v"}],"ruleset":"r"}"#
    );
    outcome.account_transaction_id = None;
    outcome.event_time = None;
    outcome.messages[0].customer_message = None;
    outcome.messages[0].field = None;
    outcome.messages[0].detail = None;
    outcome.currency = None;
    (outcome.posted_amount, outcome.balance_after, outcome.available_after) = (None, None, None);
    (outcome.supersedes, outcome.corrects, outcome.repeats) = (None, None, None);
    outcome.positions = &[];
    outcome.evidence.clear();
    let mut out = Vec::new();
    write_outcome(&outcome, &mut out);
    let value: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        value,
        json!({"transactionId": "txn_00000000000000000000000001", "accountNumber": "A\"1",
            "eventType": "Purchase", "eventAdded": true, "outcome": "Pending",
            "riskCheckMessages": [{"type": "BusinessError", "code": "400.102", "message": "5.10 is not 5.00",
                "actionCode": "AskConsumerToConfirm"}],
            "source": {"topic": "pos.events", "partition": 3, "offset": 42, "timestamp": 1500},
            "accountRevision": 9, "positions": {}, "evidence": [], "ruleset": "r"})
    );
}

/// Any JSON value, as text.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..5).prop_map(|map| json!(map)),
        ]
    });
    (tree, any::<bool>()).prop_map(|(value, pretty)| {
        if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() }
    })
}

/// A text with some bytes replaced, put in or taken out.
fn damaged(text: String) -> impl Strategy<Value = Vec<u8>> {
    let at = 0..=text.len();
    let bytes = prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\ue1-0. \n"[..])];
    prop::collection::vec((at, bytes, 0u8..3), 0..4).prop_map(move |changes| {
        let mut damaged = text.clone().into_bytes();
        for (at, byte, how) in changes {
            match how {
                0 if at < damaged.len() => damaged[at] = byte,
                1 if at < damaged.len() => drop(damaged.remove(at)),
                _ => damaged.insert(at.min(damaged.len()), byte),
            }
        }
        damaged
    })
}

proptest! {
    /// Lone surrogates apart, which the reference lets pass in strings that it does not keep.
    #[test]
    fn passes_over_exactly_the_values_that_serde_json_does(value in any_json().prop_flat_map(damaged)) {
        let text = [&b"{\"x\":"[..], &value[..], b"}"].concat();
        let ours = read_pos_event(&text).is_ok();
        let reference = str::from_utf8(&text).is_ok()
            && serde_json::from_slice::<std::collections::BTreeMap<String, serde::de::IgnoredAny>>(&text).is_ok();
        let lone_surrogate = value.windows(3).any(|bytes| bytes.eq_ignore_ascii_case(b"\\ud"));
        prop_assert!(ours == reference || (reference && lone_surrogate), "{:?}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn damaged_events_never_panic(text in Just(EVENT.to_owned()).prop_flat_map(damaged)) {
        let _ = read_pos_event(&text);
        let _ = read_account_event(&text);
    }
}

#[test]
fn broken_off_events_are_refused_at_every_byte() {
    for end in 0..EVENT.len() {
        assert!(read_pos_event(&EVENT.as_bytes()[..end]).is_err(), "{end}");
    }
}
