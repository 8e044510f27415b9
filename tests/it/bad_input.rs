//! Input that no till should send: each is answered as the catalogue of checks says, and the partition goes on.
//! Nothing here is refused by stopping, and nothing is let through in silence.

mod files;

use std::sync::Arc;

use crate::support::stream::{Fed, Published, answer, engine, options};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tillgate::domain::enums::Verdict;
use tillgate::domain::visible::is_visible;
use tillgate::engine::Engine;
use tillgate::pos::{Input, Partition};

const GOOD: &str = r#"{"accountNumber":"A","eventType":"Purchase","categoryType":"Sales","time":"2025-01-06T12:00:00Z","posId":"P","totalTax":0.20,"totalAmount":1.20,"items":[{"itemId":"1","itemDescription":"Bread","unitCode":"C62","quantity":1,"unitPrice":1.20,"netAmount":1.00,"taxAmount":0.20,"grossAmount":1.20}],"currency":"EUR","countryCode":"DE","conversationLanguage":"DE"}"#;

/// The good event with one part replaced.
fn with(part: &str, other: &str) -> String {
    assert!(GOOD.contains(part), "{part}");
    GOOD.replacen(part, other, 1)
}

fn open() -> Arc<Engine> {
    engine(&["checks.account.unknown=open"])
}

/// What is wrong with a record, and its answer: code and field of every message; whether it is a dead letter as well.
#[track_caller]
fn assert_not_evaluated(value: &[u8], messages: &[(&str, Option<&str>)], dead_letter: bool) {
    let mut published = Published::default();
    let mut partition = Partition::new(open(), 0.into(), options());
    published.feed(&mut partition, &Fed::pos(0, "A", value));
    let [said] = &published.outcomes[..] else { panic!("{published:?}") };
    let found: Vec<_> =
        said.messages.iter().map(|message| (message.code.as_str(), message.field.as_deref())).collect();
    assert_eq!(found, messages, "{:#?}", said.messages);
    assert_eq!((said.verdict, said.posted), (Verdict::NotEvaluated, None));
    for message in &said.messages {
        assert!(!message.message.is_empty() && message.message.chars().count() <= 300, "{message:?}");
        assert!(message.customer_message.is_some(), "{message:?}");
        assert!(!message.message.contains(char::is_control), "{message:?}");
    }
    assert_eq!(published.dead_letters.len(), usize::from(dead_letter), "{:?}", published.dead_letters);
    for (_, code, why) in &published.dead_letters {
        assert_eq!(Some(*code), messages.first().map(|(code, _)| *code));
        assert!(said.messages[0].message.contains(why.as_str()), "{why}");
    }
    // The next record is judged as if nothing had been.
    published.feed(&mut partition, &Fed::pos(1, "A", GOOD));
    assert_eq!(published.outcomes[1].verdict, Verdict::Accepted, "{:?}", published.outcomes[1].messages);
    assert_eq!(*partition.positions(), [Some(2), None, None]);
}

#[track_caller]
fn assert_undecodable(value: impl AsRef<[u8]>, field: Option<&str>) {
    assert_not_evaluated(value.as_ref(), &[("400.001", field)], true);
}

#[test]
fn the_good_event_is_good() {
    let said = answer(&open(), "A", GOOD.as_bytes());
    assert_eq!((said.verdict, said.codes()), (Verdict::Accepted, vec![]));
}

#[test]
fn a_member_that_comes_twice_is_undecodable() {
    assert_undecodable(with("\"currency\"", "\"time\":\"2025-01-06T12:00:00Z\",\"currency\""), Some("time"));
    assert_undecodable(with("\"quantity\":1", "\"quantity\":1,\"quantity\":2"), Some("items[0].quantity"));
}

#[test]
fn nesting_of_ten_thousand_is_undecodable_wherever_it_is() {
    let deep = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    let lists = deep("[", "]");
    let objects = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    for nested in [&lists, &objects] {
        assert_undecodable(with("\"posId\":\"P\"", &format!("\"unknown\":{nested}")), Some("unknown"));
        assert_undecodable(with("\"posId\":\"P\"", &format!("\"posId\":{nested}")), Some("posId"));
    }
    assert_undecodable(with("\"items\":[", &format!("\"items\":[{lists},")), Some("items[0]"));
    assert_undecodable(lists, None);
}

#[test]
fn a_number_that_json_does_not_have_is_undecodable() {
    for none in ["1.", "0x10", "01", "1e", "-"] {
        let event = with("\"totalAmount\":1.20", &format!("\"totalAmount\":{none}"));
        assert_eq!(answer(&open(), "A", event.as_bytes()).codes(), ["400.001"], "{none}");
    }
    for none in ["NaN", "Infinity", "-Infinity", "+1", "\"1.20\"", "true"] {
        assert_undecodable(
            with("\"totalAmount\":1.20", &format!("\"totalAmount\":{none}")),
            Some("totalAmount"),
        );
    }
}

#[test]
fn a_number_out_of_range_is_named() {
    for large in ["1e400", "-1e400", "1e18", "1234567890123456789"] {
        let event = with("\"totalAmount\":1.20", &format!("\"totalAmount\":{large}"));
        assert_not_evaluated(event.as_bytes(), &[("400.003", Some("totalAmount"))], false);
    }
    let event = with("\"quantity\":1,", "\"quantity\":1e400,");
    assert_not_evaluated(event.as_bytes(), &[("400.003", Some("items[0].quantity"))], false);
    let event = with("\"totalAmount\":1.20", "\"totalAmount\":1e-400");
    assert_not_evaluated(event.as_bytes(), &[("400.007", Some("totalAmount"))], false);
}

#[test]
fn a_total_of_18_digits_without_decimals_is_named() {
    let event = with("\"totalAmount\":1.20", "\"totalAmount\":123456789012345678");
    assert_not_evaluated(event.as_bytes(), &[("400.003", Some("totalAmount"))], false);
}

#[test]
fn a_total_of_five_decimals_is_named_where_decimals_are_not_checked() {
    let engine = engine(&["checks.form.decimals.enabled=false"]);
    let said = answer(&engine, "A", with("\"totalAmount\":1.20", "\"totalAmount\":1.20001").as_bytes());
    assert_eq!((said.verdict, said.codes()), (Verdict::NotEvaluated, vec!["400.007"]));
    assert_eq!(said.messages[0].message, "totalAmount 1.20001 has more than 4 decimals");
}

#[test]
fn a_nul_is_a_character_where_it_is_escaped_and_undecodable_where_it_stands_raw() {
    let said = answer(&open(), "A", with("Bread", "Br\\u0000ead").as_bytes());
    assert_eq!((said.verdict, said.codes()), (Verdict::Accepted, vec![]));
    assert_undecodable(with("Bread", "Br\0ead"), Some("items[0].itemDescription"));
    let symbol = with("\"EUR\"", "\"E\\u0000R\"");
    assert_not_evaluated(symbol.as_bytes(), &[("400.004", Some("currency"))], false);
    let blank = with("\"C62\"", "\"\\u0000\"");
    assert_not_evaluated(blank.as_bytes(), &[("400.002", Some("items[0].unitCode"))], false);
}

#[test]
fn a_half_surrogate_and_bytes_that_are_no_utf8_are_undecodable() {
    assert_undecodable(with("Bread", "Br\\ud800ead"), Some("items[0].itemDescription"));
    let mut bytes = GOOD.as_bytes().to_vec();
    let bread = GOOD.find("Bread").expect("bread");
    bytes[bread] = 0xff;
    assert_undecodable(bytes, None);
}

#[test]
fn a_value_that_breaks_off_is_undecodable_wherever_it_does() {
    for end in 0..GOOD.len() {
        let mut published = Published::default();
        let mut partition = Partition::new(open(), 0.into(), options());
        published.feed(&mut partition, &Fed::pos(0, "A", &GOOD.as_bytes()[..end]));
        assert_eq!(published.outcomes[0].codes(), ["400.001"], "{end}");
        assert_eq!(published.dead_letters.len(), 1, "{end}");
    }
}

#[test]
fn an_empty_value_a_tombstone_and_two_values_are_undecodable() {
    for nothing in [&b""[..], b"  \n", b"null", b"[]", b"\"text\"", b"1"] {
        assert_undecodable(nothing, None);
    }
    assert_undecodable(format!("{GOOD}{GOOD}"), None);
    let mut published = Published::default();
    let mut partition = Partition::new(open(), 0.into(), options());
    published.feed(&mut partition, &Fed { value: None, ..Fed::pos(0, "A", "") });
    assert_eq!(published.outcomes[0].codes(), ["400.001"]);
    assert_eq!(published.dead_letters[0].1, "400.001");
}

#[test]
fn two_megabytes_of_garbage_are_undecodable_and_not_repeated() {
    for byte in [0u8, b'{', b'[', b'"', 0x7f, 0xc3, 0xff] {
        let mut published = Published::default();
        let mut partition = Partition::new(open(), 0.into(), options());
        // Zeros are the prefix of a schema, for which a record waits: not garbage to begin with.
        let value = if byte == 0 { vec![0; 4] } else { vec![byte; 2 << 20] };
        published.feed(&mut partition, &Fed::pos(0, "A", value));
        assert_eq!(published.outcomes[0].codes(), ["400.001"], "{byte:x}");
        assert!(published.outcomes[0].value.len() < 2_000, "{byte:x}");
        assert!(published.dead_letters[0].2.len() < 400, "{}", published.dead_letters[0].2);
    }
}

#[test]
fn without_a_key_there_is_a_dead_letter_and_no_outcome() {
    let long = "k".repeat(101);
    for (key, code) in
        [(None, "400.001"), (Some(""), "400.001"), (Some(" \t"), "400.001"), (Some(&*long), "400.005")]
    {
        for input in Input::ALL {
            let mut published = Published::default();
            let mut partition = Partition::new(open(), 0.into(), options());
            let key = key.map(|key| key.as_bytes().to_vec());
            published.feed(&mut partition, &Fed { key, input, ..Fed::pos(0, "", GOOD) });
            assert!(published.outcomes.is_empty());
            assert_eq!(published.dead_letters[0].1, code);
        }
    }
    let mut published = Published::default();
    let mut partition = Partition::new(open(), 0.into(), options());
    published.feed(&mut partition, &Fed { key: Some(vec![0xff]), ..Fed::pos(0, "", GOOD) });
    assert_eq!((published.outcomes.len(), published.dead_letters[0].1), (0, "400.001"));
}

#[test]
fn a_key_that_is_not_the_account_is_named_without_naming_either() {
    let mut published = Published::default();
    let mut partition = Partition::new(open(), 0.into(), options());
    published.feed(&mut partition, &Fed::pos(0, "SECRET-KEY", with("\"A\"", "\"SECRET-FIELD\"")));
    let said = &published.outcomes[0];
    assert_eq!((said.verdict, said.codes()), (Verdict::NotEvaluated, vec!["400.003"]));
    assert_eq!(said.messages[0].field.as_deref(), Some("accountNumber"));
    assert!(!said.messages[0].message.contains("SECRET"), "{}", said.messages[0].message);
    assert_eq!(said.account, "SECRET-KEY", "the outcome goes where the record was");
    assert!(partition.state().accounts().is_empty(), "nothing is opened for either");
}

#[test]
fn an_event_without_account_number_is_that_of_its_key() {
    let said = answer(&open(), "A", with("\"accountNumber\":\"A\",", "").as_bytes());
    assert_eq!((said.verdict, said.codes(), &*said.account), (Verdict::Accepted, vec![], "A"));
}

#[test]
fn the_largest_real_basket_is_refused_by_its_lines_alone_and_judged_where_it_may_be() {
    let Some(shared) = crate::support::shared() else { return };
    let baskets = crate::support::read_jsonl(shared.join("data/baskets/uci_online_retail_events.jsonl.zst"));
    let basket = baskets.max_by_key(|line| line.matches("\"itemId\"").count()).expect("a basket");
    assert_eq!(basket.matches("\"itemId\"").count(), 1_114);
    let key = basket.split('"').nth(3).expect("an account").to_owned();
    let line = ["checks.account.unknown=open", "checks.basket.item_amounts=line"];
    let said = answer(&engine(&line), &key, basket.as_bytes());
    assert_eq!((said.verdict, said.codes()), (Verdict::NotEvaluated, vec!["400.003"]));
    assert_eq!(said.messages[0].message, "the basket has 1114 lines, at most 200 are judged");
    let judged = engine(&[line[0], line[1], "checks.form.length.items_max=1114"]);
    assert_ne!(answer(&judged, &key, basket.as_bytes()).verdict, Verdict::NotEvaluated);
    // As the contract has it, per item, nearly every line is off: the messages stay bounded.
    let unit = engine(&[line[0], "checks.form.length.items_max=1114"]);
    let said = answer(&unit, &key, basket.as_bytes());
    assert_eq!(said.verdict, Verdict::Rejected);
    let lines = said.messages.iter().filter(|message| message.code.as_str() == "pos.item.unit").count();
    assert_eq!(lines, 20);
    assert!(said.value.len() < 16 << 10, "{}", said.value.len());
}

#[test]
fn an_account_event_that_cannot_be_applied_is_a_dead_letter_that_says_why() {
    let event = |rest: &str| format!(r#"{{"id":"acc_evt_1","account":"A",{rest}}}"#);
    for (rest, code, why) in [
        (r#""eventType":"limit""#, "400.002", "limit: missing or blank"),
        (r#""eventType":"limit","limit":{"amount":1.5}"#, "400.001", "limit.amount: 1.5 is no whole number"),
        (r#""eventType":"limit","limit":{"amount":1e400}"#, "400.001", "limit.amount: 1e400 is no whole"),
        (r#""eventType":"limit","limit":{"amount":-1}"#, "400.003", "limit.amount -1 is below 0"),
        (r#""eventType":"bonus""#, "400.004", "eventType: unknown symbol \"bonus\""),
        (r#""eventType":"payment","payment":{"amount":0,"status":"success"}"#, "400.003", "must be above 0"),
        (r#""eventType":"payment","payment":{"amount":1,"status":"lost"}"#, "400.004", "\"lost\" is none of"),
        (r#""eventType":"payment","limit":{"amount":1}"#, "400.001", "set, but eventType is payment"),
        (r#""eventType":"flag","flag":{"name":" ","set":true}"#, "400.002", "flag.name"),
        (r#""eventType":"update","update":{"currency":"XXX"}"#, "400.004", "update.currency \"XXX\""),
        (
            r#""eventType":"update","update":{"resolve":{"transactionId":"txn_none","granted":true}}"#,
            "400.003",
            "names no open Pending outcome",
        ),
        (r#""eventType":"close","createdAt":"yesterday""#, "400.004", "createdAt"),
    ] {
        let mut published = Published::default();
        let mut partition = Partition::new(open(), 0.into(), options());
        let fed = Fed { input: Input::AccountEvents, ..Fed::pos(0, "A", event(rest)) };
        published.feed(&mut partition, &fed);
        assert!(published.outcomes.is_empty(), "{rest}");
        let [(_, found, message)] = &published.dead_letters[..] else { panic!("{rest}: {published:?}") };
        assert_eq!(*found, code, "{message}");
        assert!(message.contains(why), "{message}");
        assert!(partition.state().accounts().is_empty(), "{rest}: nothing is opened");
    }
}

#[test]
fn a_record_that_the_program_fails_on_is_given_up_with_an_answer_and_a_dead_letter() {
    let mut published = Published::default();
    let mut partition = Partition::new(open(), 0.into(), options());
    published.feed(&mut partition, &Fed::pos(0, "A", GOOD));
    let fed = Fed::pos(1, "A", with("\"P\"", "\"Q\""));
    partition.on_failed_record(&fed.record(), &mut published);
    let said = &published.outcomes[1];
    assert_eq!((said.verdict, said.codes(), said.posted), (Verdict::NotEvaluated, vec!["500"], None));
    assert_eq!(published.dead_letters[0].1, "500");
    assert_eq!(*partition.positions(), [Some(2), None, None]);
    let balance = partition.state().accounts().get("A").map(|account| account.balance.to_string());
    assert_eq!(balance.as_deref(), Some("1.20"), "what came before stands");
}

/// Texts as somebody would send them who wants a terminal to obey, and any other.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[\u{0}-\u{9f}\u{ad}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2066}-\u{2069}\u{feff}]{1,80}",
        Just("\u{1b}]0;title\u{7}\u{9b}2J".to_owned()),
    ]
}

/// The good event with a text in one of its places, broken there or not of the contract.
fn with_text(text: &str, place: usize) -> String {
    let json = serde_json::to_string(text).expect("a text");
    match place {
        0 => with("\"Purchase\"", &json),
        1 => with("\"EUR\"", &json),
        2 => with("\"2025-01-06T12:00:00Z\"", &json),
        3 => with("\"Sales\"", &json),
        4 => with("\"conversationLanguage\":\"DE\"", &format!("\"conversationLanguage\":{json}")),
        5 => with("\"posId\":\"P\"", &format!("{json}:[")),
        6 => with("{\"itemId\":\"1\"", &format!("{{{json}:1e")),
        7 => with("\"quantity\":1", &format!("\"quantity\":{json}")),
        8 => with("\"accountNumber\":\"A\"", &format!("\"accountNumber\":{json}")),
        _ => format!("{text}{GOOD}"),
    }
}

#[track_caller]
fn assert_visible(text: &str) {
    assert!(text.chars().all(is_visible), "{text:?}");
}

proptest! {
    #[test]
    fn no_text_of_an_event_stands_raw_in_a_message_or_a_dead_letter(text in hostile(), place in 0..10usize) {
        let mut published = Published::default();
        let mut partition = Partition::new(open(), 0.into(), options());
        published.feed(&mut partition, &Fed::pos(0, "A", with_text(&text, place)));
        for message in published.outcomes.iter().flat_map(|outcome| &outcome.messages) {
            assert_visible(&message.message);
            assert_visible(message.field.as_deref().unwrap_or_default());
            assert_visible(message.detail.as_deref().unwrap_or_default());
        }
        for (_, _, why) in &published.dead_letters {
            assert_visible(why);
        }
    }

    #[test]
    fn no_text_of_an_account_event_stands_raw_in_a_message_or_a_dead_letter(text in hostile(), place in 0..5usize) {
        let json = serde_json::to_string(&text).expect("a text");
        let event = match place {
            0 => format!(r#"{{"id":"1","account":"A","eventType":"flag","flag":{{"name":{json},"set":true}}}}"#),
            1 => format!(r#"{{"id":"1","account":"A","eventType":{json}}}"#),
            2 => format!(r#"{{"id":"1","account":"A","eventType":"payment","payment":{{"amount":1,"status":{json}}}}}"#),
            3 => format!(r#"{{"id":"1","account":"A","eventType":"update","update":{{"currency":{json}}}}}"#),
            _ => format!(r#"{{"id":"1","account":"A","eventType":"update",{json}:}}"#),
        };
        let mut published = Published::default();
        let engine = engine(&["checks.account.unknown=open", "checks.account.flag.unlisted=block"]);
        let mut partition = Partition::new(engine, 0.into(), options());
        let opens = r#"{"id":"0","account":"A","eventType":"limit","limit":{"amount":100000}}"#.to_owned();
        for (offset, event) in (0..).zip([opens, event]) {
            published.feed(&mut partition, &Fed { input: Input::AccountEvents, ..Fed::pos(offset, "A", event) });
        }
        published.feed(&mut partition, &Fed::pos(0, "A", GOOD));
        for message in published.outcomes.iter().flat_map(|outcome| &outcome.messages) {
            assert_visible(&message.message);
            assert_visible(message.detail.as_deref().unwrap_or_default());
        }
        for (_, _, why) in &published.dead_letters {
            assert_visible(why);
        }
    }
}

#[test]
fn nothing_that_a_file_says_reaches_the_terminal_raw() {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[15; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let scratch = tempfile::tempdir().expect("a folder");
    let file = scratch.path().join("events.jsonl");
    let mut lines = String::new();
    // Few, so that those of the other file are told as well.
    for place in [0, 5, 9] {
        let text = hostile().new_tree(&mut runner).expect("a text").current();
        // No account to answer to, so that it is told.
        lines += &with_text(&text, place).replace("\"accountNumber\":\"A\",", "").replace(['\n', '\r'], " ");
        lines.push('\n');
    }
    std::fs::write(&file, lines).expect("the file");
    let accounts = scratch.path().join("accounts.jsonl");
    let mut lines = String::new();
    for _ in 0..15 {
        let text = hostile().new_tree(&mut runner).expect("a text").current();
        let text = serde_json::to_string(&text).expect("a text");
        lines += &format!(
            r#"{{"id":"1","account":"A","eventType":"payment","payment":{{"amount":1,"status":{text}}}}}"#
        );
        lines.push('\n');
    }
    std::fs::write(&accounts, lines).expect("the file");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tillgate"))
        .args(["check", "--summary", "--events"])
        .arg(&file)
        .arg("--account-events")
        .arg(&accounts)
        .output()
        .expect("the program");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("payment.status"), "{said}");
    said.lines().for_each(assert_visible);
}
