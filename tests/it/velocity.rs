//! Check 41 over the kind of refused events: remembered while a window asks for it, journalled and restored, and what becomes
//! of those from before. The windows themselves are in `tests/golden/velocity_*`.

use std::sync::Arc;

use crate::support::stream::{Fed, Published, Said, engine, options};
use tillgate::codec::journal::{ByteReader, ByteWriter, JournalFault, read_account, write_account};
use tillgate::domain::enums::{CategoryType, CountryCode, EventType, Verdict};
use tillgate::domain::{Micros, limits};
use tillgate::engine::Engine;
use tillgate::pos::{Input, Partition, Restore};
use tillgate::state::Account;

/// No other window.
const QUIET: [&str; 4] = [
    "checks.velocity.windows.rules.account_hour.enabled=false",
    "checks.velocity.windows.rules.account_day.enabled=false",
    "checks.velocity.windows.rules.chip_minute.enabled=false",
    "checks.velocity.windows.rules.terminal_minutes.enabled=false",
];
/// Attempts without a filter.
const PLAIN: &str = "checks.velocity.windows.rules.mine={ scope = \"account\", of = \"attempts\", span = \"1h\", count = 400, outcome = \"reject\" }";
/// Attempts to withdraw in Austria.
const FILTERED: &str = "checks.velocity.windows.rules.mine={ scope = \"account\", of = \"attempts\", span = \"1h\", count = 2, event_types = [\"Withdrawal\"], countries = [\"AT\"], outcome = \"reject\" }";
/// Countries that were tried.
const COUNTRIES: &str = "checks.velocity.windows.rules.mine={ scope = \"account\", of = \"attempts\", span = \"1h\", count = 2, distinct = \"country\", outcome = \"reject\" }";

fn rules(rule: &str) -> Arc<Engine> {
    engine(&[&QUIET[..], &[rule]].concat())
}

/// The tills of account A, an event a second, and what its journal holds.
struct Tills {
    partition: Partition,
    published: Published,
    log: Vec<Vec<u8>>,
    sent: i64,
}

impl Tills {
    fn new(rule: &str) -> Self {
        let mut partition = Partition::new(rules(rule), 0.into(), options());
        let mut published = Published::default();
        let limit = r#"{"id":"acc_evt_0","account":"A","eventType":"limit","limit":{"amount":1000000}}"#;
        let fed = Fed { input: Input::AccountEvents, ..Fed::pos(0, "A", limit) };
        published.feed(&mut partition, &fed);
        Self { partition, published, log: Vec::new(), sent: 0 }
    }

    fn send(&mut self, event_type: &str, country: &str, total: &str) -> &Said {
        let number = self.sent;
        self.sent += 1;
        let time = Micros::parse_rfc3339("2026-03-02T08:00:00Z").expect("a time");
        let time = time.plus(Micros(number * 1_000_000));
        let event = format!(
            r#"{{"accountNumber":"A","eventType":"{event_type}","categoryType":"Payout","time":"{time}","posId":"P","nfcId":"C","totalAmount":{total},"currency":"EUR","accountTransactionId":"T{number}","countryCode":"{country}","conversationLanguage":"DE"}}"#
        );
        self.published.feed(&mut self.partition, &Fed::pos(number, "A", event));
        self.published.outcomes.last().expect("an outcome")
    }

    /// An event above the limit, and whether check 41 speaks of it too.
    fn refused(&mut self, event_type: &str, country: &str) -> bool {
        let said = self.send(event_type, country, "90000");
        assert_eq!(said.verdict, Verdict::Rejected);
        said.codes().contains(&"pos.velocity")
    }

    fn commit(&mut self) {
        self.log.extend(self.partition.journal("tillgate-test-0").records);
        self.partition.committed();
    }

    fn account(&self) -> &Account {
        self.partition.state().accounts().get("A").expect("the account")
    }
}

fn written(account: &Account) -> Vec<u8> {
    let mut out = ByteWriter::default();
    write_account(&mut out, account);
    out.0
}

fn without_kinds(account: &Account) -> Account {
    let mut account = account.clone();
    let attempts = &mut account.rare.as_mut().expect("attempts").attempts;
    attempts.iter_mut().for_each(|attempt| attempt.kind = None);
    account
}

#[test]
fn the_kind_of_a_refused_event_is_remembered_while_a_window_asks_for_it() {
    for (rule, asks) in [(PLAIN, false), (FILTERED, true), (COUNTRIES, true)] {
        let mut tills = Tills::new(rule);
        tills.refused("Withdrawal", "AT");
        let attempt = tills.account().rare.as_ref().expect("an attempt").attempts[0];
        let kind = attempt.kind.map(|kind| (kind.event_type, kind.category, kind.country));
        let told = (EventType::Withdrawal, Some(CategoryType::Payout), CountryCode::At);
        assert_eq!(kind, asks.then_some(told), "{rule}");
    }
}

#[test]
fn refused_events_that_a_filter_leaves_out_are_neither_judged_nor_counted() {
    let mut tills = Tills::new(FILTERED);
    for (event_type, country, fails) in [
        ("Withdrawal", "AT", false),
        ("Withdrawal", "DE", false),
        ("Purchase", "AT", false),
        ("Withdrawal", "AT", false),
        ("Purchase", "AT", false),
        ("Withdrawal", "AT", true),
        ("Withdrawal", "DE", false),
    ] {
        assert_eq!(tills.refused(event_type, country), fails, "{event_type} {country}");
    }
    let mut tills = Tills::new(COUNTRIES);
    for (country, fails) in [("AT", false), ("DE", false), ("AT", false), ("FI", true), ("DE", true)] {
        assert_eq!(tills.refused("Purchase", country), fails, "{country}");
    }
}

#[test]
fn refused_events_from_before_a_window_asked_count_in_every_filter_and_as_a_value_each() {
    for (rule, before, fails) in [(FILTERED, 2, true), (FILTERED, 1, false), (COUNTRIES, 2, true)] {
        let mut tills = Tills::new(PLAIN);
        for _ in 0..before {
            assert!(!tills.refused("Purchase", "DE"));
        }
        tills.partition.decide_by(rules(rule));
        let said = tills.send("Withdrawal", "AT", "10");
        let codes: Vec<&str> = said.codes().into_iter().filter(|code| *code == "pos.velocity").collect();
        assert_eq!(codes.len(), usize::from(fails), "{rule} after {before}");
    }
}

#[test]
fn where_what_was_forgotten_might_fit_the_filter_the_window_fails_and_says_so() {
    let mut tills = Tills::new(FILTERED);
    for _ in 0..limits::ATTEMPTS_MAX {
        assert!(!tills.refused("Purchase", "DE"));
    }
    assert_eq!(tills.send("Withdrawal", "AT", "10").verdict, Verdict::Accepted, "all are remembered");
    assert!(!tills.refused("Purchase", "DE"), "the window is not about it");
    let said = tills.send("Withdrawal", "AT", "11");
    let details: Vec<&str> = said.messages.iter().filter_map(|message| message.detail.as_deref()).collect();
    let forgotten = "events of this account were forgotten: window mine over 1 h cannot be told";
    assert_eq!((said.verdict, details), (Verdict::Rejected, vec![forgotten]));
}

#[test]
fn kinds_come_back_with_a_restore_and_make_no_account_too_large() {
    let mut tills = Tills::new(COUNTRIES);
    for country in ["AT", "DE"] {
        assert!(!tills.refused("Purchase", country));
    }
    tills.commit();
    let kept = tills.account().clone();
    assert_eq!(read_account(&mut ByteReader::new(&written(&kept))), Ok(kept.clone()));
    let mut restore = Restore::new(Partition::new(rules(COUNTRIES), 0.into(), options()));
    tills.log.iter().for_each(|record| restore.on_record(record).expect("a record that follows"));
    tills.partition = restore.finish().expect("a whole journal");
    assert_eq!(*tills.account(), kept);
    assert!(!tills.refused("Purchase", "AT") && tills.refused("Purchase", "FI"));
    for _ in 0..=limits::ATTEMPTS_MAX {
        tills.refused("Withdrawal", "DE");
    }
    let full = tills.account();
    assert_eq!(full.rare.as_ref().expect("attempts").attempts.len(), limits::ATTEMPTS_MAX);
    assert!(written(full).len() < limits::JOURNAL_RECORD_BYTES_MIN / 2);
}

/// What a program that knew no kinds made of an attempt's currency: one of six, or none.
#[test]
fn an_attempt_with_its_kind_is_none_to_a_program_that_knows_none() {
    let mut tills = Tills::new(COUNTRIES);
    tills.refused("Withdrawal", "AT");
    let (with, without) = (written(tills.account()), written(&without_kinds(tills.account())));
    assert_eq!(with.len(), without.len() + 3);
    let place = with.iter().zip(&without).position(|(left, right)| left != right).expect("they differ");
    let (withdrawal, payout, austria) =
        (EventType::Withdrawal as u8, CategoryType::Payout as u8 + 1, CountryCode::At as u8);
    assert_eq!(with[place..place + 4], [without[place] | 0x80, withdrawal, payout, austria]);
    let mut unknown = without.clone();
    unknown[place] = 0x40 | without[place];
    assert_eq!(
        read_account(&mut ByteReader::new(&unknown)),
        Err(JournalFault::Damaged("an unknown symbol")),
        "nor is what this one does not know"
    );
    // The bytes of a journal whose windows ask for no kind are as ever.
    let mut plain = Tills::new(PLAIN);
    plain.refused("Withdrawal", "AT");
    assert_eq!(written(plain.account()).len(), without.len());
}
