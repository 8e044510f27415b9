//! Check 40: what counts as paid without identification, what starts again, and that its counters are part of the state like
//! any other: undone, journalled and restored. The figures themselves are in `tests/golden/nfc_sca`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::support::stream::{Fed, Published, Said, engine, options};
use tillgate::checks::{ParameterSet, ParameterSets, PerCurrency};
use tillgate::codec::journal::{
    ByteReader, ByteWriter, JournalFault, read_account, read_record, write_account,
};
use tillgate::config::{Sources, load};
use tillgate::domain::enums::{CountryCode, Currency, Verdict};
use tillgate::domain::{Micros, limits};
use tillgate::engine::Engine;
use tillgate::pos::{Input, Partition, Restore};
use tillgate::state::{Account, AccountFlags};

const ON: &str = "checks.nfc.sca.enabled=true";
/// Whatever else would answer to many payments of some hundreds.
const QUIET: [&str; 2] = ["checks.velocity.windows.enabled=false", "checks.limit.first_amount.enabled=false"];

/// The tills of account A, an event a minute, and the account system.
struct Tills {
    partition: Partition,
    published: Published,
    offsets: [i64; 2],
    log: Vec<Vec<u8>>,
}

impl Tills {
    fn new(sets: &[&str]) -> Self {
        Self::of(&engine(&[&QUIET[..], sets].concat()))
    }

    fn of(engine: &Arc<Engine>) -> Self {
        let partition = Partition::new(Arc::clone(engine), 0.into(), options());
        let mut tills = Self { partition, published: Published::default(), offsets: [0; 2], log: Vec::new() };
        tills.tell(r#""eventType":"limit","limit":{"amount":100000000}"#);
        tills
    }

    /// Sends an event; `rest` are fields in place of the usual ones.
    fn send(&mut self, event_type: &str, chip: Option<&str>, total: &str, rest: &str) -> Said {
        let number = self.offsets[0];
        let time = Micros::parse_rfc3339("2026-03-02T08:00:00Z").expect("a time");
        let time = time.plus(Micros(number * 60_000_000));
        let chip = chip.map_or_else(String::new, |chip| format!(r#","nfcId":"{chip}""#));
        let mut event = format!(
            r#"{{"accountNumber":"A","eventType":"{event_type}","time":"{time}","totalAmount":{total},"conversationLanguage":"DE"{chip}{rest}"#
        );
        let number = number.to_string();
        for (name, value) in [
            ("posId", &*format!("P{number}")),
            ("accountTransactionId", &*format!("T{number}")),
            ("currency", "EUR"),
            ("countryCode", "DE"),
        ] {
            if !rest.contains(&format!("\"{name}\"")) {
                event += &format!(r#","{name}":"{value}""#);
            }
        }
        event.push('}');
        let said = self.feed(Input::PosEvents, event);
        said.into_iter().find(|said| said.supersedes.is_none()).expect("an outcome of its own")
    }

    /// What a purchase on this chip is answered, and how often check 40 speaks of it.
    fn tap(&mut self, chip: &str, total: &str) -> (Verdict, usize) {
        let said = self.send("Purchase", Some(chip), total, "");
        (said.verdict, said.codes().iter().filter(|code| **code == "pos.sca").count())
    }

    /// Sends an account event; the outcomes that it causes.
    fn tell(&mut self, rest: &str) -> Vec<Said> {
        let id = self.offsets[1];
        self.feed(Input::AccountEvents, format!(r#"{{"id":"acc_evt_{id}","account":"A",{rest}}}"#))
    }

    fn resolve(&mut self, pending: &Said, granted: bool) -> Said {
        let id = pending.id;
        let resolve = format!(r#""resolve":{{"transactionId":"{id}","granted":{granted}}}"#);
        self.tell(&format!(r#""eventType":"update","update":{{{resolve}}}"#)).remove(0)
    }

    fn feed(&mut self, input: Input, value: String) -> Vec<Said> {
        let before = self.published.outcomes.len();
        let offset = &mut self.offsets[input as usize];
        let fed = Fed { input, ..Fed::pos(*offset, "A", value) };
        *offset += 1;
        self.published.feed(&mut self.partition, &fed);
        self.published.outcomes[before..].to_vec()
    }

    fn commit(&mut self) {
        self.log.extend(self.partition.journal("tillgate-test-0").records);
        self.partition.committed();
    }

    fn account(&self) -> &Account {
        self.partition.state().accounts().get("A").expect("the account")
    }

    /// Sum and number of each counter.
    fn counters(&self) -> Vec<(String, u32)> {
        self.account().counters().iter().map(|counter| (counter.sum.to_string(), counter.number)).collect()
    }
}

const PASSES: (Verdict, usize) = (Verdict::Accepted, 0);
const ASKS: (Verdict, usize) = (Verdict::Pending, 1);

#[test]
fn while_it_is_off_nothing_is_judged_and_nothing_counts() {
    let mut tills = Tills::new(&[]);
    for _ in 0..7 {
        assert_eq!(tills.tap("C", "60"), PASSES);
    }
    assert_eq!(tills.counters(), []);
    // Switched on later it counts from then on.
    tills.partition.decide_by(engine(&[&QUIET[..], &[ON]].concat()));
    assert_eq!([tills.tap("C", "50"), tills.tap("C", "50.01")], [PASSES, ASKS]);
    assert_eq!(tills.counters(), [("50.00".to_owned(), 1)]);
}

#[test]
fn chips_count_apart_and_events_without_one_as_the_accounts_own() {
    let mut tills = Tills::new(&[ON]);
    for _ in 0..3 {
        assert_eq!([tills.tap("C", "50"), tills.tap("D", "50"), tills.tap(" ", "50")], [PASSES; 3]);
    }
    // The id is one whatever stands around it.
    assert_eq!([tills.tap(" C ", "0.01"), tills.tap("D", "0.01")], [ASKS; 2]);
    let without = tills.send("Purchase", None, "0.01", "");
    assert_eq!((without.verdict, without.codes().contains(&"pos.sca")), (Verdict::Pending, true));
    assert_eq!(tills.resolve(&without, true).verdict, Verdict::Accepted);
    assert_eq!(tills.tap("", "50"), PASSES);
    assert_eq!([tills.tap("C", "0.01"), tills.tap("D", "0.01")], [ASKS; 2]);
}

#[test]
fn what_is_asked_of_withdrawals_and_positive_corrections_is_asked_of_no_fee_and_no_refund() {
    let mut tills = Tills::new(&[ON]);
    let mut codes = |event_type: &str, total: &str, rest: &str| {
        tills.send(event_type, Some("C"), total, rest).codes().contains(&"pos.sca")
    };
    for charges in ["Purchase", "Withdrawal", "Correction"] {
        assert!(codes(charges, "50.01", ""), "{charges}");
        assert!(!codes(charges, "1", ""), "{charges}");
    }
    for other in ["Interest", "WithdrawalCommission", "Info"] {
        assert!(!codes(other, "500", ""), "{other}");
    }
    assert!(!codes("Purchase", "0", ""), "nothing is paid by it");
    assert!(!codes("Correction", "-3", "") && !codes("WithdrawalCorrection", "1", ""));
    assert!(!codes("Purchase", "60", r#","categoryType":"Cancel""#));
    assert_eq!(tills.counters(), [("3.00".to_owned(), 3)], "money back gives nothing back");
}

#[test]
fn each_counter_is_judged_alone_or_both_are() {
    for (counter, at_the_fourth, at_the_sixth) in [("sum", 1, 1), ("number", 0, 1), ("both", 1, 2)] {
        let mut tills = Tills::new(&[ON, &format!("checks.nfc.sca.counter={counter}")]);
        for total in ["50", "50", "50"] {
            assert_eq!(tills.tap("C", total), PASSES, "{counter}");
        }
        let verdict = |messages| if messages == 0 { Verdict::Accepted } else { Verdict::Pending };
        assert_eq!(tills.tap("C", "0.01"), (verdict(at_the_fourth), at_the_fourth), "{counter}");

        let sets = [ON, &format!("checks.nfc.sca.counter={counter}"), "checks.nfc.sca.sum.EUR=5"];
        let mut tills = Tills::new(&sets);
        for _ in 0..5 {
            assert_eq!(tills.tap("C", "1"), PASSES, "{counter}");
        }
        assert_eq!(tills.tap("C", "1"), (Verdict::Pending, at_the_sixth), "{counter}");
        assert_eq!(tills.tap("C", "60").1, at_the_sixth + 1, "{counter}: and a single one");
    }
}

#[test]
fn the_number_is_one_for_all_currencies_and_the_sum_is_not() {
    let other = r#","currency":"NOK","countryCode":"NO""#;
    let tolerated = [
        "checks.sense.currency_account.enabled=false",
        "checks.identity.ssn.enabled=false",
        "checks.nfc.travel.enabled=false",
    ];
    for (counter, asked) in [("sum", false), ("number", true)] {
        let counter = format!("checks.nfc.sca.counter={counter}");
        let mut tills = Tills::new(&[&tolerated[..], &[ON, &counter, "checks.nfc.sca.number=3"]].concat());
        for total in ["50", "50", "50"] {
            assert_eq!(tills.tap("C", total), PASSES);
        }
        let event = tills.send("Purchase", Some("C"), "50", other);
        assert_eq!(event.codes().contains(&"pos.sca"), asked, "{counter}");
        if asked {
            tills.resolve(&event, true);
            assert_eq!(tills.counters(), [], "identified whatever the currency");
        } else {
            assert_eq!(tills.counters(), [("150.00".to_owned(), 3), ("50.00".to_owned(), 1)]);
        }
    }
}

#[test]
fn any_granted_identification_starts_the_chip_again_and_counts_nothing_itself() {
    let review = |on: bool| format!(r#""eventType":"flag","flag":{{"name":"review","set":{on}}}"#);
    let mut tills = Tills::new(&[ON]);
    assert_eq!([tills.tap("C", "50"), tills.tap("D", "50")], [PASSES; 2]);
    // What asks is another check.
    tills.tell(&review(true));
    let [on_c, on_d] = ["C", "D"].map(|chip| tills.send("Purchase", Some(chip), "20", ""));
    tills.tell(&review(false));
    assert!(!on_c.codes().contains(&"pos.sca") && on_c.verdict == Verdict::Pending);
    assert_eq!(tills.tap("C", "50"), PASSES, "what waits does not count");
    assert_eq!(tills.resolve(&on_c, true).verdict, Verdict::Accepted);
    assert_eq!(tills.counters(), [("50.00".to_owned(), 1)], "of the other chip");
    assert_eq!(tills.resolve(&on_d, false).verdict, Verdict::Rejected);
    assert_eq!(tills.counters(), [("50.00".to_owned(), 1)], "a refusal identifies nobody and counts nothing");
    assert_eq!([tills.tap("C", "50"), tills.tap("C", "50"), tills.tap("C", "50")], [PASSES; 3]);
}

#[test]
fn a_grant_that_fails_by_what_holds_then_has_identified_all_the_same() {
    let mut tills = Tills::new(&[ON]);
    assert_eq!(tills.tap("C", "50"), PASSES);
    let pending = tills.send("Purchase", Some("C"), "60", "");
    tills.tell(r#""eventType":"limit","limit":{"amount":7000}"#);
    assert_eq!(tills.resolve(&pending, true).codes(), ["200.903"]);
    assert_eq!(tills.counters(), []);
}

#[test]
fn what_was_confirmed_and_not_identified_counts_by_what_is_left_of_it() {
    let mut tills = Tills::new(&[ON, "checks.repeat.near_duplicate.within=1h"]);
    let twice = |tills: &mut Tills| tills.send("Purchase", Some("C"), "40", r#","posId":"P""#);
    assert_eq!(twice(&mut tills).verdict, Verdict::Accepted);
    let pending = twice(&mut tills);
    assert_eq!((pending.verdict, pending.codes().contains(&"pos.duplicate")), (Verdict::Pending, true));
    let back = r#","correctsTransactionId":"T1""#;
    assert_eq!(tills.send("Correction", Some("C"), "-10", back).verdict, Verdict::Accepted);
    assert_eq!(tills.counters(), [("40.00".to_owned(), 1)]);
    assert_eq!(tills.resolve(&pending, true).verdict, Verdict::Accepted);
    assert_eq!(tills.counters(), [("70.00".to_owned(), 2)]);
}

#[test]
fn what_runs_out_or_is_refused_never_counts_and_a_repeat_counts_once() {
    let mut tills = Tills::new(&[ON, "checks.pending.hold_time=5min"]);
    assert_eq!([tills.tap("C", "60"), tills.tap("C", "50")], [ASKS, PASSES]);
    for _ in 0..5 {
        assert_eq!(tills.tap("D", "1"), PASSES);
    }
    assert!(tills.account().holds().is_empty(), "it has run out");
    assert_eq!(tills.send("Purchase", Some("C"), "9000000", "").verdict, Verdict::Rejected);
    let fed = tills.send("Purchase", Some("C"), "10", r#","accountTransactionId":"R""#);
    let repeat = r#","accountTransactionId":"R","posId":"P8""#;
    let again = tills.send("Purchase", Some("C"), "10", repeat);
    assert_eq!((fed.verdict, again.posted), (Verdict::Accepted, None));
    let mut counters = tills.counters();
    counters.sort();
    assert_eq!(counters, [("5.00".to_owned(), 5), ("60.00".to_owned(), 2)]);
}

#[test]
fn a_note_lets_through_and_goes_on_counting() {
    let mut tills = Tills::new(&[ON, "checks.nfc.sca.outcome=note"]);
    assert_eq!(
        [tills.tap("C", "60"), tills.tap("C", "100")],
        [(Verdict::Accepted, 1), (Verdict::Accepted, 2)]
    );
    assert_eq!(tills.counters(), [("160.00".to_owned(), 2)]);
    let mut refusing = Tills::new(&[ON, "checks.nfc.sca.outcome=reject"]);
    assert_eq!(refusing.tap("C", "60"), (Verdict::Rejected, 1));
}

/// The parameters with check 40 on, without amounts in CHF.
fn without_francs() -> Arc<Engine> {
    let overrides = [&QUIET[..], &[ON]].concat().into_iter().map(str::to_owned).collect();
    let settings = load(&Sources { configs: Vec::new(), environment: BTreeMap::new(), overrides });
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
    let mut set: ParameterSet = settings.checks.of(CountryCode::De, Currency::Eur).clone();
    for amounts in [&mut set.nfc.sca.single, &mut set.nfc.sca.sum] {
        let euros = amounts.get(Currency::Eur).expect("an amount");
        *amounts = PerCurrency::default();
        amounts.set(Currency::Eur, euros);
    }
    Arc::new(Engine::new(ParameterSets::new(set), settings.texts.clone(), "without francs"))
}

#[test]
fn a_currency_that_is_not_listed_is_not_judged_and_does_not_count() {
    let mut tills = Tills::of(&without_francs());
    let francs = r#","currency":"CHF","countryCode":"CH""#;
    for _ in 0..7 {
        let said = tills.send("Purchase", Some("C"), "500", francs);
        assert_eq!((said.verdict, said.codes().contains(&"pos.sca")), (Verdict::Accepted, false));
    }
    assert_eq!(tills.counters(), []);
}

#[test]
fn a_chip_that_finds_no_room_has_to_identify_each_time_until_another_starts_again() {
    let mut tills = Tills::new(&[ON]);
    for chip in 0..limits::COUNTERS_MAX {
        assert_eq!(tills.tap(&format!("C{chip}"), "1"), PASSES);
    }
    assert_eq!([tills.tap("one more", "1"), tills.tap("one more", "1")], [ASKS; 2]);
    assert_eq!([tills.tap("C7", "1"), tills.tap("", "1")], [PASSES; 2], "those that have one go on");
    assert_eq!(tills.account().counters().len(), limits::COUNTERS_MAX + 1);
    let identified = tills.send("Purchase", Some("C9"), "60", "");
    tills.resolve(&identified, true);
    assert_eq!([tills.tap("one more", "1"), tills.tap("two more", "1")], [PASSES, ASKS]);
    // The largest account of this kind is written and read.
    let mut written = ByteWriter::default();
    write_account(&mut written, tills.account());
    assert_eq!(read_account(&mut ByteReader::new(&written.0)).as_ref(), Ok(tills.account()));
    assert!(written.0.len() < limits::JOURNAL_RECORD_BYTES_MIN / 2, "{} bytes", written.0.len());
}

#[test]
fn an_aborted_batch_leaves_no_count_and_a_restore_has_every_one() {
    let mut tills = Tills::new(&[ON]);
    for chip in ["C", "D", ""] {
        tills.tap(chip, "50");
    }
    let waits = tills.send("Purchase", Some("C"), "60", "");
    let counts = tills.send("Purchase", Some("D"), "20", "");
    assert_eq!(counts.verdict, Verdict::Accepted);
    tills.commit();
    let before = tills.account().clone();
    assert!(before.holds()[0].asks_to_identify);

    let offsets = tills.offsets;
    assert_eq!(tills.tap("C", "5"), PASSES);
    tills.resolve(&waits, true);
    assert_ne!(tills.account().counters(), before.counters());
    tills.partition.aborted();
    assert_eq!(*tills.account(), before);

    tills.offsets = offsets;
    assert_eq!(tills.tap("C", "5"), PASSES);
    tills.resolve(&waits, true);
    tills.commit();
    let kept = tills.account().clone();
    assert_eq!(tills.counters().len(), 2, "the account's own, and D's");
    let engine = engine(&[&QUIET[..], &[ON]].concat());
    let mut restore = Restore::new(Partition::new(engine, 0.into(), options()));
    tills.log.iter().for_each(|record| restore.on_record(record).expect("a record that follows"));
    tills.partition = restore.finish().expect("a whole journal");
    assert_eq!(*tills.account(), kept);
    assert_eq!([tills.tap("C", "50"), tills.tap("D", "50"), tills.tap("D", "30.01")], [PASSES, PASSES, ASKS]);
}

/// What a program that knew no counters made of standing facts: 16 bits, or none.
#[test]
fn an_account_with_counters_is_none_to_a_program_that_knows_none() {
    let mut tills = Tills::new(&[ON]);
    tills.commit();
    let mut plain = ByteWriter::default();
    write_account(&mut plain, tills.account());
    tills.tap("C", "1");
    let counting = tills.account();
    let mut without = counting.clone();
    without.rare = None;
    let bytes = |account: &Account| {
        let mut out = ByteWriter::default();
        write_account(&mut out, account);
        out.0
    };
    let (with, without) = (bytes(counting), bytes(&without));
    let place = with.iter().zip(&without).position(|(left, right)| left != right).expect("they differ");
    // The standing facts are what differs first: one byte of those that there are, and two more for 1 << 16.
    let purchased = AccountFlags::PURCHASED.0 as u8;
    assert_eq!((&with[place..place + 3], without[place]), (&[0x80 | purchased, 0x80, 4][..], purchased));
    let mut unknown = with.clone();
    unknown[place + 2] = 8;
    let found = read_account(&mut ByteReader::new(&unknown));
    assert_eq!(
        found,
        Err(JournalFault::Damaged("unknown standing facts")),
        "nor is what this one does not know"
    );
    // The records of the journal that counted nothing are as ever.
    assert!(tills.log.iter().all(|record| read_record(record).is_ok()));
}
