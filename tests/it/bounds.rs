//! The bounds of what an account keeps, at their end: whatever the parameters allow and whoever sends too much, nothing
//! grows past them and nothing is let through because of them.

use std::sync::Arc;

use crate::support::stream::{Fed, Published, answer, engine, options};
use tillgate::checks::Check;
use tillgate::codec::avro::POS_EVENT_SCHEMA;
use tillgate::codec::{KnownSchemas, SchemaRef};
use tillgate::domain::enums::Verdict;
use tillgate::domain::limits;
use tillgate::domain::outcome::Outcome;
use tillgate::engine::Engine;
use tillgate::pipeline::{DecisionSink, InputRecord, Outbound};
use tillgate::pos::{Input, OutcomeEncoding, Partition, PartitionOptions, Pos};

fn event(number: i64, event_type: &str, total: &str) -> String {
    format!(
        r#"{{"accountNumber":"A","eventType":"{event_type}","time":"2025-01-06T12:00:00Z","posId":"P{number}","totalAmount":{total},"currency":"EUR","accountTransactionId":"T-{number}","countryCode":"DE","conversationLanguage":"DE"}}"#
    )
}

fn account_event(number: i64, rest: &str) -> Fed {
    let value = format!(r#"{{"id":"acc_evt_{number}","account":"A",{rest}}}"#);
    Fed { input: Input::AccountEvents, ..Fed::pos(number, "A", value) }
}

fn under_review(engine: &Arc<Engine>) -> (Partition, Published) {
    let (mut partition, mut published) =
        (Partition::new(engine.clone(), 0.into(), options()), Published::default());
    let review = r#""eventType":"flag","flag":{"name":"review","set":true}"#;
    published.feed(&mut partition, &account_event(0, r#""eventType":"limit","limit":{"amount":100000000}"#));
    published.feed(&mut partition, &account_event(1, review));
    (partition, published)
}

#[test]
fn no_account_has_more_holds_than_the_bound_whatever_the_parameters_say() {
    let off = "checks.velocity.windows.enabled=false";
    for (set, event_type) in
        [("checks.limit.holds.outcome=note", "Purchase"), ("checks.limit.holds.enabled=false", "Purchase")]
    {
        let (mut partition, mut published) = under_review(&engine(&[off, set]));
        for number in 0..limits::HOLDS_MAX as i64 + 3 {
            published.feed(&mut partition, &Fed::pos(number, "A", event(number, event_type, "1.00")));
        }
        let account = partition.state().accounts().get("A").expect("the account");
        assert_eq!(account.holds().len(), limits::HOLDS_MAX, "{set} {event_type}");
        let last = published.outcomes.last().expect("an outcome");
        assert_eq!(last.verdict, Verdict::Rejected, "{set} {event_type}");
        assert_eq!(last.codes().last(), Some(&"pos.holds"), "{set} {event_type}");
        let pending = published.outcomes.iter().filter(|said| said.verdict == Verdict::Pending).count();
        assert_eq!(pending, limits::HOLDS_MAX, "{set} {event_type}");
    }
}

#[test]
fn holds_that_leave_18_digits_together_are_freed_to_zero() {
    let (mut partition, mut published) = under_review(&engine(&["checks.limit.exceeded.enabled=false"]));
    for number in 0..3 {
        published
            .feed(&mut partition, &Fed::pos(number, "A", event(number, "Purchase", "99999999999999.99")));
    }
    let ids: Vec<String> = published.outcomes.iter().map(|said| said.id.to_string()).collect();
    for (number, id) in ids.iter().enumerate() {
        let resolve = format!(
            r#""eventType":"update","update":{{"resolve":{{"transactionId":"{id}","granted":false}}}}"#
        );
        published.feed(&mut partition, &account_event(10 + number as i64, &resolve));
    }
    let account = partition.state().accounts().get("A").expect("the account");
    assert_eq!((account.holds().len(), account.held().to_string()), (0, "0.00".to_owned()));
}

#[test]
fn an_event_that_would_take_the_balance_out_of_18_digits_moves_no_time() {
    let engine = engine(&["checks.limit.exceeded.enabled=false", "checks.limit.first_amount.enabled=false"]);
    let (mut partition, mut published) = (Partition::new(engine, 0.into(), options()), Published::default());
    let most = r#""eventType":"limit","limit":{"amount":9999999999999999}"#;
    published.feed(&mut partition, &account_event(0, most));
    for (number, time) in [(0, "2025-01-06T12:00:00Z"), (1, "2025-01-06T13:00:00Z")] {
        let event = event(number, "Interest", "99999999999999.99").replace("2025-01-06T12:00:00Z", time);
        published.feed(&mut partition, &Fed::pos(number, "A", event));
    }
    let verdicts: Vec<Verdict> = published.outcomes.iter().map(|said| said.verdict).collect();
    assert_eq!(verdicts, [Verdict::Accepted, Verdict::NotEvaluated], "{published:#?}");
    assert_eq!(published.outcomes[1].codes().first(), Some(&"400.003"));
    assert_eq!(partition.state().stream_time().to_string(), "2025-01-06T12:00:00Z");
}

#[test]
fn ids_and_texts_stay_within_the_contract_where_lengths_are_not_checked() {
    let engine = engine(&["checks.form.length.enabled=false", "checks.account.unknown=open"]);
    let long = |most: usize| "x".repeat(most + 1);
    let with_id = event(1, "Purchase", "1.00").replace("T-1", &long(limits::ID_CHARS_MAX));
    assert_eq!(answer(&engine, "A", with_id.as_bytes()).codes(), ["400.005"]);
    let name = format!(r#""posName":"{}","currency""#, long(limits::TEXT_CHARS_MAX));
    let with_name = event(1, "Purchase", "1.00").replace(r#""currency""#, &name);
    assert_eq!(answer(&engine, "A", with_name.as_bytes()).codes(), ["400.005"]);
}

/// The bytes of the outcome of an event.
fn encoded(engine: &Arc<Engine>, encoding: OutcomeEncoding, value: &str) -> Vec<u8> {
    let mut partition =
        Partition::new(Arc::clone(engine), 0.into(), PartitionOptions { encoding, ..options() });
    let mut published = Published::default();
    published.feed(&mut partition, &Fed::pos(0, "A", value));
    published.outcomes.remove(0).value
}

#[test]
fn an_outcome_repeats_no_more_of_an_id_than_the_contract_has() {
    let engine = engine(&["checks.account.unknown=open"]);
    let id = "\u{1f9fe}".repeat(200_000);
    let value = event(1, "Purchase", "1.00").replace("T-1", &id);
    for broken in [value.clone(), value.replace("EUR", "XXX"), value.replace("2025-01-06T12", "soon")] {
        let said = encoded(&engine, OutcomeEncoding::Json, &broken);
        assert!(said.len() < 4_000, "{} bytes", said.len());
        let said: serde_json::Value = serde_json::from_slice(&said).expect("JSON");
        let echoed = said["accountTransactionId"].as_str().expect("an id");
        assert_eq!((echoed.chars().count(), echoed.chars().last()), (limits::ID_CHARS_MAX, Some('…')));
    }
}

#[test]
fn an_outcome_with_more_to_say_than_fits_says_what_is_wrong_in_fewer_words() {
    // Texts of one's own can be as long as the contract has them, and every line of a basket can be wrong in every way.
    let folder = tempfile::tempdir().expect("a folder");
    let text = "ä".repeat(limits::TEXT_CHARS_MAX);
    let codes = Check::codes().into_iter().map(|code| format!("\"{code}\" = \"{text}\"\n"));
    std::fs::write(folder.path().join("de.toml"), codes.collect::<String>()).expect("texts");
    let dir = format!("texts.dir={}", folder.path().display());
    let engine = engine(&["checks.account.unknown=open", &dir]);
    let long = "x".repeat(5_000);
    let item = format!(
        r#"{{"itemId":"{long}","itemDescription":"","unitCode":"","quantity":1e400,"unitPrice":1.1234567,"taxAmount":0.1234567,"discount":5,"grossAmount":1.1234567}}"#
    );
    let items = format!(r#""items":[{}],"currency""#, vec![item; 60].join(","));
    let value = event(1, "Purchase", "1.00").replace(r#""currency""#, &items);
    for encoding in [OutcomeEncoding::Json, OutcomeEncoding::Avro(Vec::new())] {
        let said = encoded(&engine, encoding, &value);
        assert!((10_000..=limits::OUTCOME_BYTES_MAX).contains(&said.len()), "{} bytes", said.len());
    }
    let said = encoded(&engine, OutcomeEncoding::Json, &value);
    let said: serde_json::Value = serde_json::from_slice(&said).expect("JSON");
    let messages = said["riskCheckMessages"].as_array().expect("messages");
    assert!(messages.iter().all(|message| message["code"].is_string() && message["message"].is_string()));
    let customers = messages.iter().filter(|message| message["customerFacingMessage"].is_string());
    assert_eq!(customers.count(), 1);
}

/// What is said of dead letters.
struct Reasons(Vec<String>);

impl DecisionSink<Pos> for Reasons {
    fn send(&mut self, _: &Outcome<'_>, _: &Outbound<'_>) {}

    fn dead_letter(&mut self, _: &InputRecord<'_>, _: &'static str, message: &str) {
        self.0.push(message.to_owned());
    }
}

#[test]
fn a_dead_letter_says_no_more_than_its_header_takes() {
    let field = format!(r#""fields": [{{"name":"{}","type":"string"}},"#, "f".repeat(100_000));
    let schema = POS_EVENT_SCHEMA.replacen(r#""fields": ["#, &field, 1);
    assert_ne!(schema, POS_EVENT_SCHEMA);
    let mut schemas = KnownSchemas::new().expect("ours");
    schemas.add_pos_event(SchemaRef::Id(7), &schema).expect("a schema");
    let mut partition = Partition::new(engine::<&str>(&[]), 0.into(), options());
    let mut reasons = Reasons(Vec::new());
    let fed = Fed::pos(0, "A", [0, 0, 0, 0, 7, 0x7e]);
    partition.on_record(&schemas, &fed.record(), &mut reasons).expect("it is passed");
    let [reason] = &reasons.0[..] else { panic!("{} dead letters", reasons.0.len()) };
    assert!(reason.starts_with("fff"), "{}", &reason[..9]);
    assert!(reason.chars().count() <= limits::DEAD_LETTER_MESSAGE_CHARS_MAX, "{} bytes", reason.len());
}

#[test]
fn every_line_is_looked_at_where_lengths_are_not_checked() {
    let engine = engine(&["checks.form.length.enabled=false", "checks.account.unknown=open"]);
    let good = r#"{"itemId":"1","itemDescription":"Bread","unitCode":"C62","quantity":1,"unitPrice":1.00,"grossAmount":1.00}"#;
    let bad = good.replace(r#""quantity":1,"#, "").replace("1.00", "0.00");
    let items = format!(r#""items":[{},{bad}],"currency""#, vec![good; 200].join(","));
    let value = event(1, "Purchase", "200.00").replace(r#""currency""#, &items);
    let said = answer(&engine, "A", value.as_bytes());
    assert_eq!(said.verdict, Verdict::NotEvaluated);
    assert_eq!(said.messages[0].field.as_deref(), Some("items[200].quantity"));
}

#[test]
fn a_party_id_longer_than_an_id_is_not_kept() {
    let (mut partition, mut published) = under_review(&engine::<&str>(&[]));
    let party = format!(r#""eventType":"update","update":{{"partyId":"{}"}}"#, "x".repeat(101));
    published.feed(&mut partition, &account_event(2, &party));
    let [(_, code, why)] = &published.dead_letters[..] else { panic!("{published:?}") };
    assert_eq!((*code, why.as_str()), ("400.003", "update.partyId is blank or longer than 100 characters"));
}
