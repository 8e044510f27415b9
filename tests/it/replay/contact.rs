//! Contact decisions under `replay --verify`, over recorded topics in memory: records that were given up are known again
//! whatever their input, and dead letters and results that are altered, missing or there twice are found.

use super::tape::{Rec, append, letter, source, source_trimmed};
use crate::support::contacts::{TOPICS, call, empty, settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tillgate::codec::KnownSchemas;
use tillgate::config::{Sources, load};
use tillgate::contact::{
    CONTACT_REQUESTS, ContactDecision, Contacts, INPUTS, INTERACTIONS, PARTIES, PARTY_RECORDS, Partition,
};
use tillgate::domain::Micros;
use tillgate::domain::flow::Topics;
use tillgate::domain::hashing::Seed;
use tillgate::domain::record::RecordTime;
use tillgate::domain::reply::REQUEST_ID;
use tillgate::pipeline::{DecisionSink, InputRecord, Outbound};
use tillgate::replay::{
    Beside, ContactReport, Ground, Letters, RecordBuffer, Recorded, RecordedReplies, ReplayFrom, Rulebook,
    VerifyOptions, verify_contact,
};

/// Everything that was recorded of partition 0.
#[derive(Clone, Default)]
struct Tape {
    inputs: [Vec<Rec>; INPUTS],
    decisions: Vec<Rec>,
    results: Vec<Rec>,
    results_start: i64,
    letters: Vec<Rec>,
    journal: Vec<Rec>,
    /// When the partition is opened first, the journal is trimmed up to this offset before it is read.
    trimmed: Option<i64>,
    attempt: u32,
}

impl DecisionSink<Contacts> for Tape {
    fn send(&mut self, _: &ContactDecision<'_>, outbound: &Outbound<'_>) {
        append(&mut self.decisions, record(outbound.key, outbound.value));
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        append(&mut self.results, record(outbound.key, outbound.value));
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, message: &str) {
        let own = record.request_id.iter().map(|id| (REQUEST_ID.to_owned(), id.to_vec())).collect();
        append(&mut self.letters, letter(record, TOPICS[record.input], own, self.attempt, (code, message)));
    }
}

fn record(key: &[u8], value: Option<&[u8]>) -> Rec {
    Rec { key: Some(key.to_vec()), value: value.map(<[u8]>::to_vec), ..Rec::default() }
}

const PERSON: &str = "P-1";
const BEGIN: i64 = 1_772_000_000_000;

impl Tape {
    /// One more record, decided and committed; `given_up` as after a defect.
    fn take(&mut self, partition: &mut Partition, input: usize, value: &str, given_up: bool) {
        let offset = self.inputs[input].len() as i64;
        let timestamp_millis = BEGIN + 1_000 * self.inputs.iter().map(Vec::len).sum::<usize>() as i64;
        let id = format!("r-{offset}").into_bytes();
        let asks = input == INTERACTIONS;
        let headers = if asks { vec![(REQUEST_ID.to_owned(), id.clone())] } else { Vec::new() };
        let kept =
            Rec { offset, timestamp_millis, headers, ..record(PERSON.as_bytes(), Some(value.as_bytes())) };
        let fed = InputRecord {
            input,
            partition: 0.into(),
            offset,
            timestamp_millis,
            time: RecordTime::of_millis(timestamp_millis),
            key: kept.key.as_deref(),
            value: kept.value.as_deref(),
            schema_guid: None,
            request_id: asks.then_some(&*id),
        };
        self.attempt = if given_up { 4 } else { 1 };
        if given_up {
            partition.on_failed_record(&fed, self);
        } else {
            partition.on_record((), &fed, self).expect("it is taken in");
        }
        self.inputs[input].push(kept);
        for value in partition.journal("tillgate-test-0").records {
            append(&mut self.journal, Rec { value: Some(value), ..Rec::default() });
        }
        partition.committed();
    }

    fn verify(&self) -> ContactReport {
        let overrides = vec!["contact.jurisdiction=US".to_owned()];
        let kept =
            load(&Sources { overrides, ..Sources::default() }).unwrap_or_else(|faults| panic!("{faults}"));
        let mut rulebook = Rulebook::default();
        rulebook.add_ruleset(kept.contact_text());
        let (schemas, progress) = (KnownSchemas::new().expect("schemas"), AtomicU64::new(0));
        let topics = TOPICS.map(str::to_owned);
        let ground = Ground {
            topics: Topics::of_contact(
                topics.clone(),
                ["contact.decisions", "interaction.results"].map(str::to_owned),
                "contact.dead-letters".to_owned(),
                "contact.journal".to_owned(),
            ),
            schemas: &schemas,
            progress: &progress,
            division: settings(1, 400 << 10).division,
            table_seed: Seed([3, 4]),
        };
        let opened = AtomicBool::new(false);
        let open = |_| {
            let trimmed = self.trimmed.filter(|_| !opened.swap(true, Ordering::Relaxed));
            let trimmed = trimmed.map(|start| (0, start));
            let (start, results) = (self.results_start, source(self.results.clone()));
            Ok(Recorded {
                input: Box::new(|input, from| {
                    Ok(source(self.inputs[input].iter().filter(|rec| rec.offset >= from).cloned().collect()))
                }),
                starts: vec![0; INPUTS],
                outcomes: source(self.decisions.clone()),
                settled: 0,
                replies: Some(RecordedReplies { source: results, start, settled: 0 }),
                journal: Some(source_trimmed(self.journal.clone(), trimmed)),
                group: None,
            })
        };
        let mut read = false;
        let read_on = |_: &mut Rulebook, letters: &mut Letters| {
            let mut kept = RecordBuffer::default();
            let again = std::mem::replace(&mut read, true);
            for letter in self.letters.iter().filter(|_| !again) {
                letter.keep(&mut kept);
                letters
                    .add(0.into(), &kept, &topics, |partition| partition == 0.into())
                    .expect("few letters");
            }
            Ok(())
        };
        let letters = Letters::of("contact.dead-letters");
        let beside = Beside { rulebook: Arc::new(rulebook), letters, read_on: Box::new(read_on) };
        verify_contact(&VerifyOptions {
            partitions: vec![0.into()],
            threads: 1,
            from: ReplayFrom::Beginning,
            ground,
            beside: beside.into(),
            open: Box::new(open),
        })
    }

    /// What is found once something is altered: so many different, missing, unexpected dead letters, and results.
    #[track_caller]
    fn altered(&self, alter: impl FnOnce(&mut Self), letters: [u64; 3], results: [u64; 3], told: &[&str]) {
        let mut tape = self.clone();
        alter(&mut tape);
        let report = tape.verify();
        let count = |tally: tillgate::replay::Tally| [tally.different, tally.missing, tally.unexpected];
        assert_eq!((count(report.dead_letters), count(report.results)), (letters, results), "{report}");
        assert!(!report.identical && report.decisions.wrong() == 0, "{report}");
        let text = report.to_string();
        told.iter().for_each(|part| assert!(text.contains(part), "{part}: {text}"));
    }
}

/// A history in which every input has records that were applied, that were refused, and that were given up.
fn recorded() -> Tape {
    let (mut tape, mut partition) = (Tape::default(), empty(0, settings(1, 400 << 10)));
    let listed = |value: u32| {
        format!(
            r#"{{"partyId":"{PERSON}","jurisdiction":"US","contacts":[{{"contactId":"c","kind":"phone","value":"{value}"}}]}}"#
        )
    };
    let fact = |account: u64| format!(r#"{{"partyId":"{PERSON}","account":"A-{account}"}}"#);
    let request = |number: u64| {
        format!(
            r#"{{"requestId":"q-{number}","personId":"{PERSON}","channel":"voice","theme":"opsCollDebt","contactDetails":{{"kind":"phone","value":"1"}}}}"#
        )
    };
    for number in 0..40_u64 {
        let occurred = Micros::from_millis(BEGIN - 86_400_000);
        let given_up = number % 10 == 7;
        tape.take(&mut partition, PARTY_RECORDS, &listed(number as u32), given_up);
        tape.take(&mut partition, PARTIES, &fact(number % 5), number % 10 == 3);
        // Some come again, some cannot be read.
        tape.take(&mut partition, INTERACTIONS, &call(number / 2, PERSON, occurred, ""), given_up);
        tape.take(&mut partition, INTERACTIONS, "{", false);
        tape.take(&mut partition, PARTY_RECORDS, r#"{"partyId":"somebody else"}"#, false);
        tape.take(&mut partition, CONTACT_REQUESTS, &request(number), number % 10 == 5);
        tape.take(&mut partition, CONTACT_REQUESTS, "[]", number % 20 == 19);
    }
    tape
}

#[test]
fn records_that_were_given_up_are_known_again_whatever_their_input() {
    let tape = recorded();
    let report = tape.verify();
    assert!(report.identical, "{report}");
    assert_eq!(report.dead_letters.identical, tape.letters.len() as u64);
    assert_eq!(report.results.identical, tape.results.len() as u64);
    assert_eq!(report.decisions.identical, tape.decisions.len() as u64);
    let given_up = |input: usize| {
        let is_of = |letter: &&Rec| {
            let said = |value: &str| letter.headers.iter().any(|(_, found)| found == value.as_bytes());
            said("500") && said(TOPICS[input])
        };
        tape.letters.iter().filter(is_of).count()
    };
    assert_eq!([0, 1, 2, 3].map(given_up), [6, 4, 4, 4]);
}

/// Place of a letter with this code, of a record of this input.
fn letter_at(tape: &Tape, code: &str, input: usize) -> usize {
    let is_of = |letter: &Rec| {
        let said = |value: &str| letter.headers.iter().any(|(_, found)| found == value.as_bytes());
        said(code) && said(TOPICS[input])
    };
    tape.letters.iter().position(is_of).expect("such a letter")
}

#[test]
fn finds_dead_letters_that_are_missing_altered_there_twice_or_of_nothing() {
    let tape = recorded();
    let at = letter_at(&tape, "400.003", PARTY_RECORDS);
    let place = format!("contact.dead-letters 0/{}", tape.letters[at].offset);
    let none = [0; 3];
    let missing = ["a dead letter is missing", "input       party.records 0/1\n", "error.code"];
    tape.altered(|tape| drop(tape.letters.remove(at)), [0, 1, 0], none, &missing);
    let message = |tape: &mut Tape| tape.letters[at].headers[1].1 = b"something else".to_vec();
    tape.altered(message, [1, 0, 0], none, &["a dead letter differs", &place, "error.message"]);
    let value = |tape: &mut Tape| tape.letters[at].value = Some(b"{}".to_vec());
    tape.altered(value, [1, 0, 0], none, &["other bytes than the input's"]);
    let twice = |tape: &mut Tape| {
        let again = tape.letters[at].clone();
        append(&mut tape.letters, again);
    };
    tape.altered(twice, none, none, &["P6: contact.dead-letters 0/", "has one already"]);
    let of_a_good_one = |tape: &mut Tape| {
        let mut more = tape.letters[at].clone();
        more.headers[4].1 = b"0".to_vec();
        tape.letters.insert(at, more);
    };
    tape.altered(of_a_good_one, [0, 0, 1], none, &["the replay can judge the record"]);
    // One of a record that is not there; the next decision also says that it was.
    let mut altered = tape.clone();
    altered.inputs[PARTY_RECORDS].remove(1);
    let report = altered.verify();
    assert_eq!((report.dead_letters.unexpected, report.dead_letters.wrong()), (1, 1), "{report}");
}

#[test]
fn finds_that_a_record_was_given_up_for_which_nothing_says_so() {
    let tape = recorded();
    // The request's decision says so itself; its letter is missing.
    let at = letter_at(&tape, "500", CONTACT_REQUESTS);
    tape.altered(|tape| drop(tape.letters.remove(at)), [0, 1, 0], [0; 3], &["contact.requests 0/10"]);
    // Without its letter an interaction is decided: its sender was told something else.
    let at = letter_at(&tape, "500", INTERACTIONS);
    let told = ["a reply differs", "interaction.results 0/14", "interactions 0/14"];
    let mut altered = tape.clone();
    altered.letters.remove(at);
    let report = altered.verify();
    assert!(report.results.different > 0 && report.dead_letters.wrong() == 0, "{report}");
    told.iter().for_each(|part| assert!(report.to_string().contains(part), "{part}: {report}"));
}

#[test]
fn finds_results_of_interactions_that_are_missing_there_twice_or_altered() {
    let tape = recorded();
    let none = [0; 3];
    let missing = ["a reply is missing", "input       interactions 0/20\n"];
    tape.altered(|tape| drop(tape.results.remove(20)), none, [0, 1, 0], &missing);
    let twice = |tape: &mut Tape| tape.results.insert(30, tape.results[20].clone());
    tape.altered(twice, none, [0, 0, 1], &["it is there twice", "interaction.results 0/20\n"]);
    let altered = |tape: &mut Tape| {
        let value = tape.results[20].value.as_mut().expect("a value");
        *value = String::from_utf8_lossy(value).replacen("r-20", "r-21", 1).into_bytes();
    };
    tape.altered(altered, none, [1, 0, 0], &["a reply differs", "interaction.results 0/20\n", "requestId"]);
    let key = |tape: &mut Tape| tape.results[20].key = Some(b"P-2".to_vec());
    tape.altered(key, none, [1, 0, 0], &["(key)"]);

    // What retention has deleted is no difference.
    let mut trimmed = tape.clone();
    trimmed.results.drain(..30);
    trimmed.results_start = 30;
    let report = trimmed.verify();
    assert!(report.identical && report.results_gone == 30, "{report}");
    assert!(report.to_string().contains("30 replies to interactions were not compared"), "{report}");
}

#[test]
fn another_key_of_a_decision_is_a_difference() {
    let mut tape = recorded();
    tape.decisions[3].key = Some(b"P-2".to_vec());
    let report = tape.verify();
    assert_eq!((report.decisions.different, report.decisions.wrong()), (1, 1), "{report}");
    assert!(report.to_string().contains("contact.decisions 0/3\n"), "{report}");
}

#[test]
fn looks_again_where_the_journal_was_trimmed_past_its_end_before_it_was_read() {
    let tape = recorded();
    let whole = tape.verify();
    let last = tape.journal.last().expect("a journal").offset;
    for start in [i64::MAX, last] {
        let report = Tape { trimmed: Some(start), ..tape.clone() }.verify();
        assert!(report.identical && report == whole && report.parties > 0, "{report}");
    }
}
