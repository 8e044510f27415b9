//! The bounds of what an account keeps, at their end: whatever the parameters allow and whoever sends too much, nothing
//! grows past them and nothing is let through because of them.

mod support;

use std::sync::Arc;

use support::stream::{Fed, Published, answer, engine, options};
use tillgate::domain::enums::Verdict;
use tillgate::domain::limits;
use tillgate::engine::Engine;
use tillgate::pipeline::{Input, Partition};

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
    let (mut partition, mut published) = (Partition::new(engine.clone(), 0, options()), Published::default());
    let review = r#""eventType":"flag","flag":{"name":"review","set":true}"#;
    published.feed(&mut partition, &account_event(0, r#""eventType":"limit","limit":{"amount":100000000}"#));
    published.feed(&mut partition, &account_event(1, review));
    (partition, published)
}

#[test]
fn no_account_has_more_holds_than_the_bound_whatever_the_parameters_say() {
    let off = "checks.velocity.windows.enabled=false";
    for (set, event_type) in [
        ("checks.limit.holds.outcome=note", "Purchase"),
        ("checks.limit.holds.enabled=false", "Purchase"),
        ("checks.limit.holds.outcome=reject", "Interest"),
        ("checks.limit.holds.outcome=reject", "Info"),
    ] {
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
    let (mut partition, mut published) = (Partition::new(engine, 0, options()), Published::default());
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
