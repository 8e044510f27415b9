//! Nothing is booked twice or past a cap, whatever is sent in which order. Each test is a way in which it once was.

use proptest::prelude::*;
use std::collections::BTreeMap;

use crate::support::stream::{Fed, Published, Said, engine, options};
use tillgate::domain::enums::{Currency, Verdict};
use tillgate::domain::{Amount, Micros, limits};
use tillgate::pos::{Input, Partition};

const NOON: &str = "2026-03-02T12:00:00Z";
const QUIET: [&str; 2] = ["checks.velocity.windows.enabled=false", "checks.limit.first_amount.enabled=false"];

/// A till of account A in Germany, and the account system.
struct Till {
    partition: Partition,
    published: Published,
    offsets: [i64; 2],
}

impl Till {
    fn new(sets: &[&str]) -> Self {
        let partition = Partition::new(engine(sets), 0.into(), options());
        let mut till = Self { partition, published: Published::default(), offsets: [0; 2] };
        till.tell(r#""eventType":"limit","limit":{"amount":100000000}"#);
        till
    }

    /// Sends an event; its outcomes.
    fn send(&mut self, event_type: &str, id: &str, time: &str, total: &str, rest: &str) -> Vec<Said> {
        let event = format!(
            r#"{{"accountNumber":"A","eventType":"{event_type}","time":"{time}","totalAmount":{total},"currency":"EUR","accountTransactionId":"{id}","countryCode":"DE","conversationLanguage":"DE"{rest}}}"#
        );
        self.feed(Input::PosEvents, event)
    }

    fn buy(&mut self, id: &str, time: &str, total: &str) -> Said {
        self.send("Purchase", id, time, total, r#","posId":"P1""#).remove(0)
    }

    /// Sends an account event; the outcomes that it causes.
    fn tell(&mut self, rest: &str) -> Vec<Said> {
        let id = self.offsets[1];
        self.tell_as(&format!("acc_evt_{id}"), rest)
    }

    fn tell_as(&mut self, id: &str, rest: &str) -> Vec<Said> {
        let event = format!(r#"{{"id":"{id}","account":"A","createdAt":"2026-03-01T08:00:00Z",{rest}}}"#);
        self.feed(Input::AccountEvents, event)
    }

    fn resolve(&mut self, pending: &Said, granted: bool) -> Vec<Said> {
        let id = pending.id;
        let resolve = format!(r#""resolve":{{"transactionId":"{id}","granted":{granted}}}"#);
        self.tell(&format!(r#""eventType":"update","update":{{{resolve}}}"#))
    }

    fn feed(&mut self, input: Input, value: String) -> Vec<Said> {
        let before = self.published.outcomes.len();
        let offset = &mut self.offsets[input as usize];
        let fed = Fed { input, ..Fed::pos(*offset, "A", value) };
        *offset += 1;
        self.published.feed(&mut self.partition, &fed);
        self.published.outcomes[before..].to_vec()
    }

    fn dead_letters(&self) -> usize {
        self.published.dead_letters.len()
    }

    fn balance(&self) -> String {
        let account = self.partition.state().accounts().get("A").expect("the account");
        account.balance.to_string()
    }
}

fn minutes_after_noon(minutes: i64) -> String {
    Micros::parse_rfc3339(NOON).expect("a time").plus(Micros(minutes * 60_000_000)).to_string()
}

#[test]
fn refused_attempts_push_no_withdrawal_out_of_the_memory() {
    let mut till = Till::new(&QUIET);
    let first = till.send("Withdrawal", "W", NOON, "400", "").remove(0);
    assert_eq!(first.verdict, Verdict::Accepted);
    for number in 0..600 {
        let refused = till.send("Withdrawal", &format!("X{number}"), "2026-03-01T12:00:00Z", "9000", "");
        assert_eq!(refused[0].verdict, Verdict::Rejected);
    }
    let again = till.send("Withdrawal", "W", NOON, "400", "").remove(0);
    assert_eq!((again.verdict, again.posted), (Verdict::Accepted, None));
    let second = till.send("Withdrawal", "W2", NOON, "500", "").remove(0);
    assert_eq!(second.verdict, Verdict::Accepted);
    let third = till.send("Withdrawal", "W3", NOON, "101", "").remove(0);
    assert!(third.verdict == Verdict::Rejected && third.codes().contains(&"pos.withdrawal.cap"));
}

#[test]
fn a_window_counts_what_comes_after_a_late_event_too() {
    let mut till = Till::new(&["checks.limit.first_amount.enabled=false"]);
    for number in 0..21 {
        let said =
            till.send("Purchase", &format!("T{number}"), &minutes_after_noon(-number), "1", "").remove(0);
        let expected = if number < 20 { Verdict::Accepted } else { Verdict::Pending };
        assert_eq!(said.verdict, expected, "{number}");
    }
}

#[test]
fn what_an_account_forgot_at_its_bound_is_not_booked_on_a_guess() {
    let mut till = Till::new(&QUIET);
    let count = limits::REMEMBERED_MAX as i64 + 40;
    for number in 0..count {
        let said = till.buy(&format!("T{number}"), &minutes_after_noon(3 * number), "1");
        assert_eq!(said.verdict, Verdict::Accepted, "{number}");
    }
    let again = till.buy("T0", NOON, "1");
    assert_eq!((again.verdict, again.codes()), (Verdict::NotEvaluated, vec!["pos.state.unavailable"]));
    let known = till.buy(&format!("T{}", count - 1), &minutes_after_noon(3 * (count - 1)), "1");
    assert_eq!((known.verdict, known.posted), (Verdict::Accepted, None));
    assert_eq!(till.balance(), format!("{count}.00"));
}

#[test]
fn five_refunds_of_one_sale_take_no_more_than_the_sale() {
    let mut till = Till::new(&QUIET);
    till.buy("T", NOON, "100");
    till.buy("later", "2026-03-07T12:00:00Z", "7");
    let rest = r#","posId":"P1","correctsTransactionId":"T""#;
    let refunds: Vec<Said> = (0..5)
        .map(|number| till.send("Correction", &format!("C{number}"), NOON, "-100", rest).remove(0))
        .collect();
    assert_eq!(refunds[0].verdict, Verdict::Pending);
    assert!(refunds[1..].iter().all(|refund| refund.codes().contains(&"pos.correction")));
    let granted = till.resolve(&refunds[0], true).remove(0);
    assert_eq!(granted.posted.expect("booked").to_string(), "-100.00");
    assert_eq!(till.balance(), "7.00");
}

#[test]
fn a_refund_that_waits_for_a_sale_that_waits_reserves_of_the_account_once_that_is_booked() {
    let mut till = Till::new(&["checks.velocity.windows.enabled=false"]);
    let sale = till.buy("T", NOON, "2000");
    let rest = r#","posId":"P1","correctsTransactionId":"T""#;
    let late = till.send("Correction", "C1", "2026-02-20T12:00:00Z", "-1500", rest).remove(0);
    assert_eq!((sale.verdict, late.verdict), (Verdict::Pending, Verdict::Pending));
    till.resolve(&sale, true);
    let unlinked = till.send("Correction", "C2", NOON, "-1000", r#","posId":"P9""#).remove(0);
    assert!(unlinked.codes().contains(&"pos.correction"), "{:?}", unlinked.codes());
    assert_eq!(till.resolve(&late, true)[0].posted.expect("booked").to_string(), "-1500.00");
    assert_eq!(till.balance(), "500.00");
}

#[test]
fn book_keeping_that_an_account_forgot_at_its_bound_is_not_booked_again() {
    let mut till = Till::new(&QUIET);
    let hour = |number: i64| minutes_after_noon(number * 60);
    let count = 2 * limits::REMEMBERED_MAX as i64 + 200;
    for number in 0..count {
        let said = till.send("Interest", &format!("I{number}"), &hour(number), "1", "").remove(0);
        assert_eq!(said.verdict, Verdict::Accepted, "{number}");
    }
    let balance = till.balance();
    let again = till.send("Interest", "I0", &hour(0), "1", "").remove(0);
    assert_eq!(again.posted, None, "{:?}", again.codes());
    assert_eq!(till.balance(), balance);
}

#[test]
fn a_refund_of_a_purchase_frees_the_limit_whatever_others_have_reserved() {
    let mut till = Till::new(&QUIET);
    till.send("Interest", "I", NOON, "7", "");
    let sold = till.buy("T", NOON, "1");
    // It reserves of purchases first, and the rest of fees.
    let waits = till.send("Correction", "W", NOON, "-5", "").remove(0);
    assert_eq!(waits.verdict, Verdict::Pending);
    let refund = r#","posId":"P1","correctsTransactionId":"T""#;
    let back = till.send("Correction", "C", NOON, "-1", refund).remove(0);
    assert_eq!(
        (back.verdict, back.balance.map(|balance| balance.to_string())),
        (Verdict::Accepted, Some("7.00".into()))
    );
    let one = Amount::from_minor(100).expect("an amount");
    assert_eq!(back.available, sold.available.and_then(|available| available.plus(one)));
}

#[test]
fn a_repeat_of_old_book_keeping_says_what_was_said_first() {
    let mut till = Till::new(&QUIET);
    let first = till.send("Interest", "I", NOON, "7", "").remove(0);
    for day in 30..40 {
        till.buy(&format!("T{day}"), &minutes_after_noon(day * 24 * 60), "1");
    }
    let again = till.send("Interest", "I", NOON, "7", "").remove(0);
    let codes = again.codes().into_iter().filter(|code| *code != "pos.idempotency.repeat");
    assert_eq!(codes.collect::<Vec<_>>(), first.codes());
    assert!(!first.codes().is_empty());
}

#[test]
fn a_refused_refund_gives_back_what_it_reserved() {
    let mut till = Till::new(&QUIET);
    till.buy("T", NOON, "100");
    till.buy("later", "2026-03-07T12:00:00Z", "7");
    let rest = r#","posId":"P1","correctsTransactionId":"T""#;
    let first = till.send("Correction", "C0", NOON, "-100", rest).remove(0);
    assert_eq!(till.resolve(&first, false)[0].verdict, Verdict::Rejected);
    let second = till.send("Correction", "C1", "2026-03-07T12:01:00Z", "-100", rest).remove(0);
    assert_eq!((second.verdict, till.balance()), (Verdict::Accepted, "7.00".to_owned()));
}

#[test]
fn a_grant_is_judged_by_what_holds_then() {
    for (event, code) in [
        (r#""eventType":"flag","flag":{"name":"stopped","set":true}"#, "pos.account.stopped"),
        (r#""eventType":"flag","flag":{"name":"blocked","set":true}"#, "pos.account.flag"),
        (r#""eventType":"default","default":{"satisfied":false}"#, "pos.account.default"),
        (r#""eventType":"limit","limit":{"amount":100}"#, "200.903"),
        (r#""eventType":"close","close":{}"#, "pos.account.closed"),
    ] {
        let mut till = Till::new(&[]);
        let pending = till.buy("T", NOON, "2000");
        assert_eq!(pending.verdict, Verdict::Pending);
        till.tell(event);
        let end = till.resolve(&pending, true).remove(0);
        assert_eq!((end.verdict, end.codes()), (Verdict::Rejected, vec![code]));
        assert_eq!(till.balance(), "0.00");
    }
}

#[test]
fn a_pending_event_is_resolved_once_by_any_of_its_outcomes() {
    let mut till = Till::new(&[]);
    let first = till.buy("T", NOON, "2000");
    let repeat = till.buy("T", NOON, "2000");
    assert_eq!((repeat.verdict, repeat.id == first.id), (Verdict::Pending, false));
    assert_eq!(till.resolve(&repeat, true)[0].supersedes, Some(first.id));
    assert!(till.resolve(&first, true).is_empty());
    assert_eq!((till.dead_letters(), till.balance()), (1, "2000.00".to_owned()));
    let stands = till.buy("T", NOON, "2000");
    assert_eq!((stands.verdict, stands.posted), (Verdict::Accepted, None));
}

#[test]
fn corrections_of_a_pending_sale_shrink_its_hold_and_end_it_once() {
    let mut till = Till::new(&[]);
    let pending = till.buy("T", NOON, "2000");
    let rest = r#","correctsTransactionId":"T""#;
    let some = till.send("Correction", "C1", NOON, "-500", rest);
    assert_eq!((some.len(), some[0].verdict, some[0].posted), (1, Verdict::Accepted, None));
    let all = till.send("Correction", "C2", NOON, "-1500", rest);
    assert_eq!((all.len(), all[1].supersedes), (2, Some(pending.id)));
    assert_eq!(all[1].codes(), ["pos.pending.corrected"]);
    assert!(till.resolve(&pending, true).is_empty());
    assert_eq!(till.balance(), "0.00");
}

#[test]
fn a_hold_that_runs_out_frees_the_currency_and_a_booking_does_not() {
    let mut till = Till::new(&[]);
    till.buy("T", NOON, "2000");
    let crowns = r#"{"accountNumber":"A","eventType":"Purchase","time":"2026-03-04T12:00:00Z","totalAmount":10,"currency":"SEK","accountTransactionId":"S","countryCode":"SE","conversationLanguage":"SV"}"#;
    let said = till.feed(Input::PosEvents, crowns.replace("\"S\"", "\"S0\"").replace("03-04", "03-02"));
    assert!(said[0].codes().contains(&"pos.currency.account"));
    let said = till.feed(Input::PosEvents, crowns.to_owned());
    assert!(said[0].supersedes.is_some(), "the hold ran out first");
    assert_eq!(said[1].verdict, Verdict::Accepted);
    assert!(till.buy("T2", "2026-03-04T12:01:00Z", "1").codes().contains(&"pos.currency.account"));
}

#[test]
fn a_hold_that_runs_out_by_then_keeps_no_currency_from_being_changed() {
    let mut till = Till::new(&[]);
    let pending = till.buy("T", NOON, "2000");
    let change = |time: &str| {
        format!(
            r#"{{"id":"{time}","account":"A","eventType":"update","update":{{"currency":"SEK"}},"createdAt":"{time}"}}"#
        )
    };
    assert!(till.feed(Input::AccountEvents, change("2026-03-03T11:59:59Z")).is_empty());
    assert_eq!(till.dead_letters(), 1, "it is still open");
    let ended = till.feed(Input::AccountEvents, change("2026-03-03T12:00:00Z"));
    assert_eq!((ended[0].supersedes, till.dead_letters()), (Some(pending.id), 1));
    let account = till.partition.state().accounts().get("A").expect("the account");
    assert_eq!(account.currency, Some(Currency::Sek));
}

#[test]
fn account_events_are_remembered_by_the_times_of_the_accounts_own() {
    let mut till = Till::new(&[]);
    let payment = |id: &str, time: &str| {
        format!(
            r#"{{"id":"{id}","account":"A","eventType":"payment","payment":{{"amount":5000,"status":"success"}},"createdAt":"{time}"}}"#
        )
    };
    let balance_after = |till: &mut Till, id: &str, time: &str| {
        till.feed(Input::AccountEvents, payment(id, time));
        till.balance()
    };
    assert_eq!(balance_after(&mut till, "a", "2026-03-01T08:00:00Z"), "-50.00");
    // What events of tills, and ticks, make of the time is nothing to it.
    till.buy("T", "2026-06-01T12:00:00Z", "1");
    assert_eq!(balance_after(&mut till, "a", "2026-03-01T08:00:00Z"), "-49.00");
    assert_eq!(balance_after(&mut till, "b", "2026-04-05T08:00:00Z"), "-99.00");
    assert_eq!(balance_after(&mut till, "a", "2026-03-01T08:00:00Z"), "-99.00", "35 days are within");
    assert_eq!(balance_after(&mut till, "c", "2026-04-05T08:00:01Z"), "-149.00");
    assert_eq!(balance_after(&mut till, "a", "2026-03-01T08:00:00Z"), "-199.00", "and a second more is not");
}

#[test]
fn a_granted_refund_of_a_waiting_sale_frees_the_currency_with_both() {
    let mut till = Till::new(&[]);
    let sale = till.buy("T", NOON, "2000");
    let refund = r#","posId":"P1","categoryType":"Cancel","correctsTransactionId":"T""#;
    till.buy("moves time", "2026-03-02T13:00:00Z", "0");
    let refund = till.send("Purchase", "R", "2026-02-20T12:00:00Z", "2000", refund).remove(0);
    assert_eq!([&sale, &refund].map(|said| said.verdict), [Verdict::Pending; 2]);
    assert_eq!(till.resolve(&refund, true).len(), 2, "the refund, and the sale that it takes back");
    let account = till.partition.state().accounts().get("A").expect("the account");
    assert_eq!((account.currency, account.holds().len()), (None, 0));
}

#[test]
fn a_blocked_chip_is_nothing_to_book_keeping_when_it_is_judged_and_when_it_is_granted() {
    let mut till = Till::new(&QUIET);
    till.tell(r#""eventType":"update","update":{"blockedNfcIds":["04"]}"#);
    till.buy("moves time", "2026-07-01T12:00:00Z", "1");
    let late = till.send("Interest", "I", NOON, "7", r#","nfcId":"04""#).remove(0);
    assert_eq!(late.verdict, Verdict::Pending, "{:?}", late.codes());
    assert_eq!(till.resolve(&late, true)[0].verdict, Verdict::Accepted);
    let sold = till.send("Purchase", "S", "2026-07-01T12:01:00Z", "7", r#","nfcId":"04""#).remove(0);
    assert!(sold.codes().contains(&"pos.nfc.blocked"));
}

#[test]
fn refused_book_keeping_is_remembered_no_longer_than_any_refused_event() {
    let mut till = Till::new(&QUIET);
    till.buy("in euros", NOON, "1");
    let crowns = |till: &mut Till| {
        let event = r#"{"accountNumber":"A","eventType":"Interest","time":"2026-03-02T12:00:00Z","totalAmount":7,"currency":"SEK","accountTransactionId":"I","countryCode":"SE","conversationLanguage":"SV"}"#;
        till.feed(Input::PosEvents, event.to_owned()).remove(0).codes().contains(&"pos.idempotency.repeat")
    };
    assert!(!crowns(&mut till) && crowns(&mut till));
    till.buy("moves time", "2026-03-05T12:00:00Z", "1");
    assert!(crowns(&mut till), "72 hours are within");
    till.buy("moves it on", "2026-03-05T12:00:01Z", "2");
    assert!(!crowns(&mut till), "it is judged anew");
}

#[test]
fn a_payment_applies_once_whatever_comes_between() {
    let mut till = Till::new(&[]);
    let payment = r#""eventType":"payment","payment":{"amount":5000,"status":"success"}"#;
    till.tell_as("payment", payment);
    (0..100)
        .for_each(|_| drop(till.tell(r#""eventType":"payment","payment":{"amount":1,"status":"failed"}"#)));
    till.tell_as("payment", payment);
    assert_eq!((till.balance(), till.dead_letters()), ("-50.00".to_owned(), 0));
    till.tell_as("payment", &payment.replace("5000", "6000"));
    till.tell_as("a", &format!(r#""idempotencyKey":"K",{payment}"#));
    till.tell_as("b", &format!(r#""idempotencyKey":"K",{payment}"#));
    till.tell_as("c", &format!(r#""idempotencyKey":"K",{}"#, payment.replace("5000", "6000")));
    assert_eq!((till.balance(), till.dead_letters()), ("-100.00".to_owned(), 2));
    for number in 0..limits::ACCOUNT_EVENTS_MAX {
        till.tell_as(
            &format!("late {number}"),
            r#""eventType":"payment","payment":{"amount":1,"status":"failed"}"#,
        );
    }
    till.tell_as("payment", payment);
    assert_eq!(till.balance(), "-100.00", "what was forgotten at the bound is refused, not applied again");
}

#[test]
fn a_number_counts_per_terminal_and_day_where_the_tills_begin_anew() {
    let mut till = Till::new(&["checks.repeat.scope=terminal_day", QUIET[0], QUIET[1]]);
    for rest in ["", r#","posId":"P1""#, r#","posId":"P2""#] {
        let first = till.send("Purchase", "1", NOON, "5", rest).remove(0);
        assert_eq!(first.verdict, Verdict::Accepted, "{rest}");
        let again = till.send("Purchase", "1", NOON, "5", rest).remove(0);
        assert_eq!((again.verdict, again.posted), (Verdict::Accepted, None), "{rest}");
        let next_day = till.send("Purchase", "1", "2026-03-03T12:00:00Z", "5", rest).remove(0);
        assert_eq!(next_day.verdict, Verdict::Accepted, "{rest}");
    }
    assert_eq!(till.balance(), "30.00");
}

/// One thing that somebody sends.
#[derive(Clone, Debug)]
enum Act {
    Event { kind: usize, id: usize, amount: usize, minutes: i64, corrects: Option<usize>, terminal: usize },
    Resolve { newest: usize, granted: bool },
    Pass(i64),
}

const AMOUNTS: [i64; 5] = [1, 50, 100, 450, 1200];
const KINDS: [(&str, &str, bool); 6] = [
    ("Purchase", "", false),
    ("Withdrawal", "", false),
    ("Correction", "", true),
    ("WithdrawalCorrection", "", false),
    ("Purchase", r#","categoryType":"Cancel""#, false),
    ("Interest", "", false),
];

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0..KINDS.len(), 0..9usize, 0..AMOUNTS.len(), -5000i64..30, prop::option::weighted(0.3, 0..9usize), 0..3usize)
            .prop_map(|(kind, id, amount, minutes, corrects, terminal)| Act::Event { kind, id, amount, minutes, corrects, terminal }),
        3 => (0..6usize, any::<bool>()).prop_map(|(newest, granted)| Act::Resolve { newest, granted }),
        1 => (1i64..3000).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_sent_books_balance_and_bounds_hold(acts in prop::collection::vec(act(), 1..60)) {
        let mut till = Till::new(&["checks.velocity.windows.enabled=false", "checks.repeat.remember=2000h"]);
        let (mut now, mut pending): (i64, Vec<Said>) = (0, Vec::new());
        // What each outcome's event was: type, and the local day of a withdrawal.
        let mut said: Vec<Said> = Vec::new();
        for act in &acts {
            let new = match act {
                Act::Event { kind, id, amount, minutes, corrects, terminal } => {
                    let (event_type, category, negative) = KINDS[*kind];
                    let total = if negative { -AMOUNTS[*amount] } else { AMOUNTS[*amount] };
                    let corrects = corrects.map_or(String::new(), |id| format!(r#","correctsTransactionId":"T{id}""#));
                    let rest = format!(r#","posId":"P{terminal}"{category}{corrects}"#);
                    now += 1;
                    till.send(event_type, &format!("T{id}"), &minutes_after_noon(now + minutes.min(&0)), &total.to_string(), &rest)
                }
                Act::Resolve { newest, granted } => match pending.iter().rev().nth(*newest).cloned() {
                    Some(hold) => till.resolve(&hold, *granted),
                    None => Vec::new(),
                },
                Act::Pass(minutes) => {
                    now += minutes;
                    Vec::new()
                }
            };
            pending.extend(new.iter().filter(|said| said.verdict == Verdict::Pending).cloned());
            said.extend(new);
        }
        // The balance is what was posted.
        let posted: i64 = said.iter().filter_map(|said| said.posted).map(|amount| amount.ten_thousandths()).sum();
        let account = till.partition.state().accounts().get("A").expect("the account");
        prop_assert_eq!(account.balance.ten_thousandths(), posted);
        // Each Pending outcome ends at most once, and holds are those that did not end.
        let mut ends: BTreeMap<u128, usize> = BTreeMap::new();
        said.iter().filter_map(|said| said.supersedes).for_each(|id| *ends.entry(id.0).or_default() += 1);
        prop_assert!(ends.values().all(|count| *count == 1));
        // Nothing is booked twice under one id.
        let mut booked: BTreeMap<(String, String), usize> = BTreeMap::new();
        for outcome in said.iter().filter(|said| said.posted.is_some()) {
            let value: serde_json::Value = serde_json::from_slice(&outcome.value).expect("an outcome");
            let back = outcome.posted.is_some_and(|amount| amount.is_negative());
            let of = if back { value["eventType"].to_string() } else { String::new() };
            *booked.entry((value["accountTransactionId"].to_string(), of)).or_default() += 1;
        }
        prop_assert!(booked.values().all(|count| *count == 1), "{:?}", booked);
        // No correction takes more than its original booked; nothing goes below what was charged.
        let mut by_id: BTreeMap<String, i64> = BTreeMap::new();
        let mut taken: BTreeMap<String, i64> = BTreeMap::new();
        for outcome in &said {
            let value: serde_json::Value = serde_json::from_slice(&outcome.value).expect("an outcome");
            let Some(posted) = outcome.posted.map(|amount| amount.ten_thousandths()) else { continue };
            let first = outcome.supersedes.unwrap_or(outcome.id).to_string();
            by_id.insert(first, posted);
            if let Some(original) = value["corrects"].as_str() {
                *taken.entry(original.to_owned()).or_default() -= posted;
            }
        }
        for (original, taken) in &taken {
            let booked = by_id.get(original).copied().unwrap_or_default();
            prop_assert!(*taken <= booked, "{} of {} was taken back", taken, booked);
        }
        prop_assert!(posted >= 0, "more was given back than charged");
        prop_assert!([account.correctable.purchases, account.correctable.withdrawals, account.correctable.fees]
            .iter().all(|left| !left.is_negative()));
        // No day's withdrawals pass the cap, however they were let through.
        let mut days: BTreeMap<String, i64> = BTreeMap::new();
        for outcome in said.iter().filter(|said| said.posted.is_some()) {
            let value: serde_json::Value = serde_json::from_slice(&outcome.value).expect("an outcome");
            if value["eventType"] == "Withdrawal" {
                let time = Micros::parse_rfc3339(value["eventTime"].as_str().expect("a time")).expect("a time");
                // Germany is an hour ahead in March.
                let day = time.plus(Micros(3_600_000_000)).to_string()[..10].to_owned();
                *days.entry(day).or_default() += outcome.posted.expect("posted").ten_thousandths();
            }
        }
        prop_assert!(days.values().all(|sum| *sum <= 10_000_000), "{:?}", days);
    }
}
