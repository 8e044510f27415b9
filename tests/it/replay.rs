//! `replay --verify` over recorded topics in memory: what was recorded as it should be is identical to the last byte, and
//! whatever is altered, taken away or added is found and named. The same over a real Kafka: `replay_kafka.rs`.

mod contact;
mod replies;
mod tape;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use crate::support::history::{SETS, history};
use crate::support::stream::{Fed, options};
use serde_json::value::RawValue;
use tape::{Rec, Recorder, Tape, ruleset};
use tillgate::codec::avro::{POS_OUTCOME_SCHEMA, fingerprint};
use tillgate::codec::frame_with_fingerprint;
use tillgate::codec::journal::{JournalRecord, read_record, write_record};
use tillgate::codec::recorded as outcomes_of;
use tillgate::codec::tick::{Tick, UnitTimes, write_tick};
use tillgate::domain::Micros;
use tillgate::domain::dead_letter::header_bytes;
use tillgate::domain::partitioner::Partitioner;
use tillgate::pos::{Input, OutcomeEncoding, PartitionOptions};
use tillgate::replay::{ReplayFrom, Report};

/// What decides later on.
const OTHER: [&str; 4] = [
    "checks.pending.hold_time=20min",
    "checks.basket.line_tolerance=0.50",
    "checks.override.NL.account.unknown=open",
    "checks.limit.first_amount.cap={ EUR = 40, NOK = 400, SEK = 400, DKK = 300, CHF = 40 }",
];

fn small(encoding: OutcomeEncoding) -> PartitionOptions {
    PartitionOptions {
        encoding,
        checkpoint_events_per_account: 1,
        rotation_events_min: 60,
        journal_record_bytes_max: 8 << 10,
        ..options()
    }
}

/// A history whose offsets have gaps, as those of a topic that transactions write.
fn gapped(seed: u64, events: u64) -> Vec<Fed> {
    let mut history = history(&ruleset(&SETS).0, seed, events, 1);
    // Those of POS events stay: the ids of holds, which account events name, are made of them.
    let accounts = history.iter_mut().filter(|fed| fed.input == Input::AccountEvents);
    accounts.for_each(|fed| fed.offset = fed.offset * 3 / 2);
    history
}

fn single_object() -> OutcomeEncoding {
    let mut framing = Vec::new();
    frame_with_fingerprint(fingerprint(POS_OUTCOME_SCHEMA).expect("a schema"), &mut framing);
    OutcomeEncoding::Avro(framing)
}

/// Two rulesets, the second from the middle of the history on; one record that was given up.
fn recorded(second: OutcomeEncoding) -> Tape {
    let history = gapped(4, 400);
    let (first, rest) = history.split_at(history.len() / 2);
    let failing = first.iter().rev().find(|fed| fed.input == Input::PosEvents && fed.key.is_some());
    let failing = failing.map(|fed| (fed.input, fed.offset));
    let mut recorder = Recorder::new(&ruleset(&SETS), 4, small(OutcomeEncoding::Json));
    recorder.record(first, failing);
    recorder.hand_over(&ruleset(&OTHER), small(second));
    recorder.record(rest, None);
    recorder.tape
}

/// A history of partition 0 of four, with records between whose keys belong on others.
fn astray(seed: u64) -> Vec<Fed> {
    let mut next = [0; 2];
    let mut history = history(&ruleset(&SETS).0, seed, 700, 4);
    history.retain(|fed| fed.partition == 0.into() || fed.offset % 3 == 0);
    for fed in &mut history {
        let next = &mut next[fed.input as usize];
        (fed.partition, fed.offset) = (0.into(), *next);
        *next += 1;
    }
    history
}

/// Outcomes that say that the account's state is not here.
fn elsewhere(tape: &Tape) -> usize {
    let text = |rec: &Rec| String::from_utf8_lossy(rec.value.as_deref().expect("a value")).into_owned();
    tape.outcomes.iter().filter(|rec| text(rec).contains("pos.state.unavailable")).count()
}

static TAPE: LazyLock<Tape> = LazyLock::new(|| recorded(OutcomeEncoding::Json));

#[track_caller]
fn assert_identical(report: &Report, tape: &Tape) {
    assert!(report.identical, "{report}");
    assert_eq!(report.outcomes.identical, tape.outcomes.len() as u64);
    assert_eq!(report.dead_letters.identical, tape.letters.len() as u64);
    let replies = tape.replies.as_ref().map_or(0, Vec::len);
    assert!(replies > 20, "{replies}");
    assert_eq!(report.replies.identical, replies as u64);
    assert_eq!(report.transactions, tape.transactions().len() as u64);
    assert!(report.accounts > 5);
}

/// The report without what a clock says.
fn told(report: &Report) -> String {
    assert!(!report.identical);
    report.to_string().lines().filter(|line| !line.contains(" a second")).collect::<Vec<_>>().join("\n")
}

fn outcome(tape: &Tape, part: &str) -> usize {
    let has = |rec: &Rec| String::from_utf8_lossy(rec.value.as_deref().unwrap_or_default()).contains(part);
    tape.outcomes.iter().skip(100).position(has).expect("such an outcome") + 100
}

#[test]
fn decides_again_byte_by_byte_over_a_change_of_rulesets() {
    let tape = &*TAPE;
    assert!(
        tape.outcomes.len() > 400 && tape.letters.len() > 10,
        "{} {}",
        tape.outcomes.len(),
        tape.letters.len()
    );
    let of_account_events = |rec: &&Rec| {
        String::from_utf8_lossy(rec.value.as_deref().unwrap()).contains("\"topic\":\"account.events\"")
    };
    assert!(tape.outcomes.iter().filter(of_account_events).count() > 0, "holds were resolved");
    assert_eq!(tape.rulesets.len(), 4, "two rulesets, two changes");
    assert_identical(&tape.verify(ReplayFrom::Beginning), tape);
}

#[test]
fn knows_which_keys_were_at_home_from_the_journal_whatever_is_set_now() {
    let history = astray(5);
    let by =
        |partitioner| PartitionOptions { input_partitions: 4, partitioner, ..small(OutcomeEncoding::Json) };
    let mut recorder = Recorder::new(&ruleset(&SETS), 5, by(Partitioner::Murmur2));
    recorder.record(&history, None);
    let tape = recorder.tape;
    assert!(elsewhere(&tape) > 50, "{}", elsewhere(&tape));
    assert_identical(&tape.verify(ReplayFrom::Beginning), &tape);
    let report = tape.verify(ReplayFrom::Checkpoint);
    assert!(report.identical, "{report}");

    // A release that judged no key says nothing of it in its journal, and is verified alike.
    let unjudged = PartitionOptions { input_partitions: 0, ..by(Partitioner::Murmur2) };
    let mut recorder = Recorder::new(&ruleset(&SETS), 5, unjudged);
    recorder.record(&history, None);
    let tape = recorder.tape;
    assert_eq!(elsewhere(&tape), 0);
    assert_identical(&tape.verify(ReplayFrom::Beginning), &tape);
}

#[test]
fn encodes_each_outcome_as_it_was_recorded() {
    let tape = recorded(single_object());
    assert_identical(&tape.verify(ReplayFrom::Beginning), &tape);
    let mut altered = tape;
    let last = altered.outcomes.last_mut().expect("an outcome");
    let value = last.value.as_mut().expect("a value");
    let at = value.len() - 40;
    value[at] ^= 1;
    insta::assert_snapshot!(told(&altered.verify(ReplayFrom::Beginning)));
}

#[test]
fn begins_at_a_checkpoint_where_the_inputs_before_are_gone() {
    let mut tape = TAPE.clone();
    let transactions = tape.transactions();
    let complete: Vec<usize> = (0..transactions.len()).filter(|at| transactions[*at].2).collect();
    let third = complete[2];
    let begins = (0..=third).rev().find(|at| transactions[*at].1).expect("a beginning");
    assert!(begins < third, "the rotation takes more than one transaction");
    let positions = transactions[third].0;
    // Trimmed in front of the rotation; the inputs a little further on than the rotation's beginning.
    let mut seen = 0;
    let head = |rec: &Rec| tillgate::codec::journal::read_record(rec.value.as_deref().unwrap()).unwrap().head;
    tape.journal.retain(|rec| {
        let last = {
            let head = head(rec);
            head.part + 1 == head.parts
        };
        let keep = seen >= begins;
        seen += usize::from(last);
        keep
    });
    for ((input, start), position) in tape.inputs.iter_mut().zip(&mut tape.starts).zip(positions) {
        input.retain(|rec| rec.offset >= position - 1);
        *start = input.first().map_or(0, |first| first.offset);
    }
    let report = tape.verify(ReplayFrom::Checkpoint);
    assert!(report.identical, "{report}");
    assert_eq!(report.partitions[0].from, positions);
    assert_eq!(report.transactions as usize, transactions.len() - third - 1);
    assert!(report.outcomes.identical > 100);
    let refused = told(&tape.verify(ReplayFrom::Beginning));
    let part = format!("--from checkpoint can verify from positions {} / {} on", positions[0], positions[1]);
    assert!(refused.contains(&part), "{refused}");
}

#[test]
fn explains_a_flipped_byte_field_by_field() {
    let mut tape = TAPE.clone();
    let at = outcome(&tape, "\"outcome\":\"Pending\"");
    let value = tape.outcomes[at].value.as_mut().unwrap();
    let text = String::from_utf8(std::mem::take(value)).unwrap();
    let place = text.find("\"balanceAfter\":").unwrap() + "\"balanceAfter\":".len();
    *value = text.into_bytes();
    value[place] = if value[place] == b'9' { b'8' } else { b'9' };
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!((report.outcomes.different, report.outcomes.wrong()), (1, 1));
    assert_eq!(report.torn, 0);
    insta::assert_snapshot!(told(&report));
}

/// Every value in a JSON text that holds no other, with its path and its place in `text`.
fn leaves(text: &str, path: &str, value: &RawValue, found: &mut Vec<(String, Range<usize>)>) {
    let raw = value.get();
    let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match raw.as_bytes()[0] {
        b'{' => {
            let members: BTreeMap<&str, &RawValue> = serde_json::from_str(raw).expect("an object");
            members.into_iter().for_each(|(name, member)| leaves(text, &within(name), member, found));
        }
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(raw).expect("an array");
            (0..)
                .zip(elements)
                .for_each(|(at, element)| leaves(text, &format!("{path}[{at}]"), element, found));
        }
        _ => {
            let begin = raw.as_ptr() as usize - text.as_ptr() as usize;
            found.push((path.to_owned(), begin..begin + raw.len()));
        }
    }
}

/// Another value of the same kind.
fn other(raw: &str) -> String {
    match raw {
        "null" => "\"x\"".to_owned(),
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        text if text.starts_with('"') => format!("\"x{}", &text[1..]),
        number => format!("{number}1"),
    }
}

#[test]
fn finds_another_value_of_any_field_and_another_key() {
    let at = outcome(&TAPE, "\"outcome\":\"Pending\"");
    let text = String::from_utf8(TAPE.outcomes[at].value.clone().unwrap()).unwrap();
    let mut fields = Vec::new();
    leaves(&text, "", serde_json::from_str(&text).expect("JSON"), &mut fields);
    assert!(
        fields.len() > 20 && fields.iter().any(|(path, _)| path == "riskCheckMessages[0].code"),
        "{fields:?}"
    );
    for (path, place) in fields {
        let mut tape = TAPE.clone();
        let altered = [&text[..place.start], &other(&text[place.clone()]), &text[place.end..]].concat();
        tape.outcomes[at].value = Some(altered.into_bytes());
        let report = tape.verify(ReplayFrom::Beginning);
        assert!(report.outcomes.wrong() > 0, "{path}: {report}");
        // By these it is known which record an outcome is of.
        if !path.starts_with("source.") && !path.starts_with("positions.") {
            let first = report.partitions[0].first.as_ref().expect("a difference");
            let named: Vec<&str> = first.fields.iter().map(|field| &*field.field).collect();
            assert_eq!((report.outcomes.wrong(), named), (1, vec![&*path]), "{report}");
        }
    }
    let mut tape = TAPE.clone();
    tape.outcomes[at].key = Some(b"somebody else".to_vec());
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!((report.outcomes.different, report.outcomes.wrong()), (1, 1), "{report}");
    assert!(told(&report).contains("(key)"), "{report}");
}

#[test]
fn finds_a_stream_time_that_the_inputs_do_not_give() {
    let mut tape = TAPE.clone();
    let last = tape.journal.last_mut().expect("a record").value.as_mut().expect("a value");
    let JournalRecord { mut head, changes: (changes, _), entries: accounts } =
        read_record(last).expect("a record");
    let before = write_record(&head, (changes, &[]), (accounts, &[])).len();
    head.stream_time = head.stream_time.plus(Micros(1));
    let bytes = write_record(&head, (changes, &[]), (accounts, &last[before..]));
    *last = bytes;
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!(report.outcomes.wrong(), 0, "{report}");
    assert!(told(&report).contains("the journal's stream time is"), "{report}");
}

#[test]
fn finds_a_removed_outcome_and_the_torn_transaction() {
    let mut tape = TAPE.clone();
    tape.outcomes.remove(150);
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!((report.outcomes.missing, report.outcomes.wrong(), report.torn), (1, 1, 1), "{report}");
    assert!(told(&report).contains("an outcome is missing"), "{report}");
    assert!(told(&report).contains("is torn: the journal has"), "{report}");
}

#[test]
fn names_the_promise_that_is_broken() {
    let check = |alter: fn(&mut Tape), promises: &[&str]| {
        let mut tape = TAPE.clone();
        alter(&mut tape);
        let text = told(&tape.verify(ReplayFrom::Beginning));
        promises.iter().for_each(|told| assert!(text.contains(told), "{told}: {text}"));
    };
    let torn = "P5: transaction ";
    check(|tape| drop(tape.outcomes.remove(150)), &["P1: an outcome is missing", torn]);
    check(
        |tape| tape.outcomes.insert(151, tape.outcomes[150].clone()),
        &["P1: an outcome was recorded", torn],
    );
    check(|tape| tape.outcomes[150].key = None, &["P2: an outcome differs"]);
    check(|tape| drop(tape.replies.as_mut().expect("replies").pop()), &["P1: a reply is missing"]);
    check(|tape| drop(tape.letters.pop()), &["P6: a dead letter is missing"]);
    check(|tape| tape.letters[5].headers[0].1.clear(), &["P2: a dead letter differs"]);
    check(|tape| tape.letters.push(tape.letters[5].clone()), &["P6: pos.dead-letters 0/", "has one already"]);
    let report = TAPE.verify(ReplayFrom::Beginning);
    assert!(!report.to_string().contains("P1"), "{report}");
    let mut tape = TAPE.clone();
    tape.outcomes.remove(150);
    let json = serde_json::to_value(tape.verify(ReplayFrom::Beginning)).expect("JSON");
    assert_eq!(json["partitions"][0]["first"]["promise"], "P1", "{json:#}");
}

#[test]
fn finds_an_outcome_that_is_there_twice_at_once_or_later() {
    for (from, to) in [(150, 151), (150, 200), (10, 400)] {
        let mut tape = TAPE.clone();
        let again = tape.outcomes[from].clone();
        tape.outcomes.insert(to, again);
        let report = tape.verify(ReplayFrom::Beginning);
        assert_eq!((report.outcomes.unexpected, report.outcomes.wrong(), report.torn), (1, 1, 1), "{report}");
        assert!(told(&report).contains("it is there twice"), "{report}");
    }
}

#[test]
fn finds_an_altered_input_by_all_it_would_have_changed() {
    let mut tape = TAPE.clone();
    let text = |rec: &Rec| String::from_utf8_lossy(rec.value.as_deref().unwrap_or_default()).into_owned();
    let outcomes = &tape.outcomes;
    let accepted = |offset: i64| {
        let source = format!("\"topic\":\"pos.events\",\"partition\":0,\"offset\":{offset},");
        outcomes
            .iter()
            .any(|rec| text(rec).contains(&source) && text(rec).contains("\"outcome\":\"Accepted\""))
    };
    let at = (80..).find(|at| {
        let input = &tape.inputs[0][*at];
        accepted(input.offset) && text(input).contains("\"totalAmount\":")
    });
    let at = at.expect("an accepted event");
    let altered = text(&tape.inputs[0][at]).replacen("\"totalAmount\":", "\"totalAmount\":1", 1);
    tape.inputs[0][at].value = Some(altered.into_bytes());
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(report.outcomes.different > 0 && report.torn == 0, "{report}");
    let first = report.partitions[0].first.as_ref().expect("a difference");
    let fields: Vec<&str> = first.fields.iter().map(|field| &*field.field).collect();
    assert!(fields.contains(&"outcome") && fields.contains(&"transactionId"), "{fields:?}");
    let input = format!("pos.events 0/{}", tape.inputs[0][at].offset);
    assert_eq!(first.input.as_deref(), Some(&*input), "the first difference is the altered record's own");
    assert!(told(&report).contains("differs from the journal's: balance: journal "), "{report}");
}

#[test]
fn says_which_ruleset_is_missing_and_from_where_on_it_decided() {
    let mut tape = TAPE.clone();
    let second = tape.rulesets.iter().rposition(|(key, _)| !key.starts_with("partition/")).unwrap();
    let (hash, _) = tape.rulesets.remove(second);
    let from = tape.rulesets.last().unwrap().0.trim_start_matches("partition/0/").trim_end_matches("/0");
    let from = from.replace('/', " / ");
    let report = tape.verify(ReplayFrom::Beginning);
    let stopped = report.partitions[0].stopped.as_deref().expect("a stop");
    assert!(stopped.contains(&format!("from positions {from} on")), "{stopped}");
    assert!(stopped.contains(&format!("ruleset {hash} is not kept")), "{stopped}");
    assert!(report.outcomes.identical > 100 && report.outcomes.wrong() == 0, "{report}");
}

#[test]
fn refuses_to_guess_the_ruleset_of_records_before_rulesets_were_kept() {
    let mut tape = TAPE.clone();
    tape.rulesets.retain(|(key, _)| key != "partition/0/0/0/0");
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(
        told(&report).contains("which ruleset decided it from positions 0 / 0 on was not recorded"),
        "{report}"
    );
}

#[test]
fn compares_dead_letters_with_their_headers() {
    let at = TAPE.letters.len() / 2;
    let alter = |alter: fn(&mut Vec<Rec>, usize)| {
        let mut tape = TAPE.clone();
        alter(&mut tape.letters, at);
        let report = tape.verify(ReplayFrom::Beginning);
        assert_eq!(report.outcomes.wrong(), 0, "{report}");
        (report.dead_letters, told(&report))
    };
    let (tally, text) = alter(|letters, at| letters[at].headers[2].1 = b"something else".to_vec());
    assert!(
        tally.different == 1 && tally.wrong() == 1 && text.contains("recorded  something else"),
        "{text}"
    );
    let (tally, text) = alter(|letters, at| letters[at].value.as_mut().unwrap().push(b' '));
    assert!(tally.different == 1 && text.contains("other bytes than the input's"), "{text}");
    let (tally, text) = alter(|letters, at| letters[at].headers[0].1 = b"other".to_vec());
    assert!(tally.different == 1 && text.contains("headers before error.code"), "{text}");
    let (tally, text) = alter(|letters, at| drop(letters.remove(at)));
    assert!(tally.missing == 1 && tally.wrong() == 1 && text.contains("a dead letter is missing"), "{text}");
    let (_, text) = alter(|letters, at| letters.push(Rec { offset: 9_999, ..letters[at].clone() }));
    assert!(text.contains("has one already"), "{text}");
    let (tally, text) = alter(|letters, at| {
        let offset = letters[at].headers.iter_mut().find(|(name, _)| name == "source.offset").unwrap();
        offset.1 = b"1".to_vec();
    });
    assert!(tally.missing == 1 && tally.unexpected == 1, "{text}");
}

#[test]
fn dead_letters_that_retention_has_deleted_are_no_difference() {
    // That of a record that was given up is needed to decide alike.
    let is_of_a_failure = |letter: &Rec| letter.headers.iter().any(|(_, value)| value == b"500");
    let gone = TAPE.letters.iter().position(is_of_a_failure).expect("a failure");
    assert!(gone > 3, "{gone}");
    let mut tape = TAPE.clone();
    tape.letters_trimmed = true;
    tape.letters.drain(..gone);
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(report.identical, "{report}");
    let of = &report.partitions[0];
    assert_eq!(
        (report.dead_letters.identical, of.dead_letters_gone),
        (tape.letters.len() as u64, gone as u64)
    );
    let note = "dead letters were not compared: topic pos.dead-letters has lost its oldest records";
    assert_eq!(of.notes, [format!("{gone} {note}")]);
    // Those behind the first that is there must all be there.
    let of_accounts = |rec: &Rec| rec.headers.iter().any(|(_, value)| value == b"account.events");
    let second =
        (0..tape.letters.len()).filter(|at| of_accounts(&tape.letters[*at])).nth(1).expect("a letter");
    tape.letters.remove(second);
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!((report.dead_letters.missing, report.dead_letters.wrong()), (1, 1), "{report}");
}

#[test]
fn a_dead_letter_may_leave_out_what_it_says_the_size_of() {
    let at = TAPE.letters.len() / 2;
    let whole = &TAPE.letters[at];
    let own: usize =
        whole.headers[..1].iter().map(|(name, value)| header_bytes(name.as_bytes(), Some(value))).sum();
    let value = whole.value.as_ref().expect("a value").len();
    let key = whole.key.as_ref().expect("a key").len();
    let verified = |change: &dyn Fn(&mut Rec)| {
        let mut tape = TAPE.clone();
        change(&mut tape.letters[at]);
        let report = tape.verify(ReplayFrom::Beginning);
        (report.dead_letters.wrong(), report.to_string())
    };
    let says = |letter: &mut Rec, name: &str, size: usize| {
        letter.headers.push((name.to_owned(), size.to_string().into_bytes()));
    };
    let bare = |letter: &mut Rec, headers: usize| {
        letter.headers.remove(0);
        (letter.key, letter.value) = (None, None);
        says(letter, "value.bytes", value);
        says(letter, "key.bytes", key);
        says(letter, "headers.bytes", headers);
    };
    let (wrong, text) = verified(&|letter| bare(letter, own));
    assert_eq!(wrong, 0, "{text}");
    let (wrong, text) = verified(&|letter| bare(letter, own + 1));
    assert!(wrong == 1 && text.contains("headers.bytes"), "{text}");
    let (wrong, text) = verified(&|letter| letter.key = None);
    assert!(wrong == 1 && text.contains("key"), "{text}");
    let (wrong, text) = verified(&|letter| says(letter, "value.bytes", value));
    assert!(wrong == 1 && text.contains("value.bytes"), "{text}");
}

#[test]
fn finds_a_gap_in_the_journal_and_outcomes_behind_its_end() {
    let mut tape = TAPE.clone();
    tape.journal.remove(tape.journal.len() / 2);
    assert!(
        told(&tape.verify(ReplayFrom::Beginning)).contains("a transaction is missing, torn or there twice")
    );
    let mut tape = TAPE.clone();
    let last = tape.transactions().len() as u64;
    let sequence = |rec: &Rec| {
        tillgate::codec::journal::read_record(rec.value.as_deref().unwrap()).unwrap().head.sequence
    };
    tape.journal.retain(|rec| sequence(rec) < last);
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(report.outcomes.unexpected > 0, "{report}");
    assert!(told(&report).contains("the journal has no transaction that it belongs to"), "{report}");
}

#[test]
fn an_outcome_that_cannot_be_read_is_one_difference() {
    let mut tape = TAPE.clone();
    let place = |at: usize| {
        let place = outcomes_of::place(tape.outcomes[at].value.as_deref().unwrap()).expect("a place");
        (place.topic == "pos.events", place.offset, place.position_of("account.events"))
    };
    // Alone of its record, and with no account event near: a replay merges by what outcomes say.
    let is_alone = |at: &usize| {
        let [before, it, after] = [at - 1, *at, at + 1].map(place);
        let others = [before, after];
        it.0 && others.iter().all(|other| other.0 && other.1 != it.1 && other.2 == it.2)
    };
    let alone = (120..).find(is_alone).expect("one that is alone");
    tape.outcomes[alone].value.as_mut().unwrap().truncate(60);
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!((report.outcomes.different, report.outcomes.wrong()), (1, 1), "{report}");
    assert!(told(&report).contains("an outcome cannot be read"), "{report}");
}

#[test]
fn a_removed_input_is_named() {
    let mut tape = TAPE.clone();
    let removed = tape.inputs[0].remove(150);
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(!report.identical);
    let first = report.partitions[0].first.as_ref().expect("a difference");
    assert_eq!(first.input.as_deref(), Some(&*format!("pos.events 0/{}", removed.offset)), "{report}");
    assert!(first.what.contains("is not there"), "{report}");
}

#[test]
fn goes_on_where_the_journal_is_trimmed_meanwhile() {
    let transactions = TAPE.transactions();
    let begins =
        transactions.iter().rposition(|(_, begins, completes)| *begins && !completes).expect("a rotation");
    let last = |rec: &Rec| {
        let head = tillgate::codec::journal::read_record(rec.value.as_deref().unwrap()).unwrap().head;
        head.sequence as usize
    };
    let start = TAPE.journal.iter().find(|rec| last(rec) == begins + 1).expect("a record").offset;
    let complete = transactions[begins..].iter().any(|(_, _, completes)| *completes);
    for from in [ReplayFrom::Beginning, ReplayFrom::Checkpoint] {
        let mut tape = TAPE.clone();
        tape.trimmed = Some((tape.journal[tape.journal.len() / 3].offset, start));
        let report = tape.verify(from);
        assert_eq!(report.outcomes.wrong() + report.dead_letters.wrong() + report.torn, 0, "{report}");
        match (from, complete) {
            (ReplayFrom::Beginning, true) => assert!(report.identical && report.accounts > 5, "{report}"),
            (ReplayFrom::Beginning, false) => {
                assert!(report.identical && !report.partitions[0].notes.is_empty(), "{report}")
            }
            (ReplayFrom::Checkpoint, _) => {}
        }
    }
}

#[test]
fn looks_again_where_the_journal_was_trimmed_past_its_end_before_it_was_read() {
    let end = TAPE.transactions().last().expect("transactions").0;
    for from in [ReplayFrom::Beginning, ReplayFrom::Checkpoint] {
        let mut tape = Tape { group: Some(end), trimmed: Some((0, i64::MAX)), ..TAPE.clone() };
        tape.trims = Some(1);
        let whole = Tape { trimmed: None, ..tape.clone() }.verify(from);
        let report = tape.verify(from);
        assert!(report.identical && report == whole, "{report}");
        assert!(report.dead_letters.all() > 0, "{report}");
        // What is left of it need not hold a whole rotation.
        let head = |rec: &Rec| read_record(rec.value.as_deref().unwrap()).unwrap().head;
        let last = tape.journal.iter().rfind(|rec| head(rec).part == 0).expect("a journal");
        tape.trimmed = Some((0, last.offset));
        let report = tape.verify(from);
        assert_eq!(report.torn + report.outcomes.wrong() + report.partitions[0].problem_count, 0, "{report}");
        assert!(report.identical, "{report}");

        tape = Tape { trimmed: Some((0, i64::MAX)), trims: None, ..tape };
        let stopped = tape.verify(from).partitions[0].stopped.clone().unwrap_or_default();
        assert!(stopped.contains("is trimmed faster than it can be read"), "{stopped}");
    }
}

#[test]
fn decides_up_to_the_group_where_the_journal_is_trimmed_past_its_end_meanwhile() {
    let transactions = TAPE.transactions();
    let whole = TAPE.verify(ReplayFrom::Beginning);
    let half = TAPE.journal[TAPE.journal.len() / 2].offset;
    let mut tape = Tape { trimmed: Some((half, i64::MAX)), ..TAPE.clone() };
    for place in [transactions.len() - 1, transactions.len() * 3 / 4] {
        tape.group = Some(transactions[place].0);
        tape.settled = Some(0);
        tape.replies_settled = 0;
        let report = tape.verify(ReplayFrom::Beginning);
        let beyond: u64 = report.partitions.iter().map(|partition| partition.beyond).sum();
        assert!(report.identical, "{report}");
        assert_eq!(report.outcomes.identical + beyond, whole.outcomes.identical, "{report}");
        assert_eq!(report.partitions[0].to, transactions[place].0, "{report}");
        let notes = report.partitions[0].notes.join("\n");
        assert!(
            notes.contains("the journal was trimmed before it was read: where transactions ended"),
            "{notes}"
        );
    }
    // An outcome that is missing is found none the less.
    let mut altered = tape.clone();
    altered.outcomes.remove(tape.outcomes.len() * 5 / 8);
    assert_eq!(altered.verify(ReplayFrom::Beginning).outcomes.missing, 1);
    tape.group = None;
    let stopped = tape.verify(ReplayFrom::Beginning).partitions[0].stopped.clone().unwrap_or_default();
    assert!(stopped.contains("the group has no positions that say how far it went"), "{stopped}");
}

/// Ticks between the events of a history, some of them by an operator: after each so many records.
fn ticked(seed: u64, events: u64) -> Vec<Fed> {
    let mut ticked = Vec::new();
    let (mut next, mut latest) = (0, 0);
    for (count, fed) in (0_u64..).zip(history(&ruleset(&SETS).0, seed, events, 1)) {
        latest = latest.max(fed.timestamp_millis);
        // A topic's times do not go back where its brokers write them.
        ticked.push(Fed { timestamp_millis: if fed.timestamp_millis < 0 { -1 } else { latest }, ..fed });
        if count % 17 != 16 {
            continue;
        }
        let stands = Micros::from_millis(latest);
        // Sometimes nothing has come for an hour; now and then somebody sets time back by one.
        let set = |to, stands| Tick::SetTime { to, stands, by: "a test".to_owned() };
        let (tick, after) = match count / 17 % 5 {
            0 => (set(stands.minus(Micros(3_600_000_000)), Some(stands)), 1),
            1 => (set(stands.minus(Micros(1_800_000_000)), None), 1),
            place => (
                Tick::Passed(UnitTimes { stream_time: stands, last_record: Some(stands) }),
                place as i64 * 900_000,
            ),
        };
        latest += after;
        let value = write_tick(&tick);
        ticked.push(Fed { input: Input::Ticks, timestamp_millis: latest, ..Fed::pos(next, "0", value) });
        next += 1;
    }
    ticked
}

#[test]
fn ticks_and_times_that_were_set_back_are_decided_again_alike() {
    for seed in 0..4 {
        let history = ticked(seed, 300);
        let mut recorder = Recorder::new(&ruleset(&SETS), seed, small(OutcomeEncoding::Json));
        recorder.record(&history, None);
        let tape = recorder.tape;
        let of_ticks = |rec: &&Rec| {
            let text = String::from_utf8_lossy(rec.value.as_deref().expect("a value")).into_owned();
            text.contains(r#""source":{"topic":"tillgate.ticks""#)
        };
        assert!(tape.outcomes.iter().filter(of_ticks).count() > 3, "holds run out by ticks");
        assert!(!tape.inputs[Input::Ticks as usize].is_empty());
        let report = tape.verify(ReplayFrom::Beginning);
        assert!(report.identical, "seed {seed}: {report}");
        let report = tape.verify(ReplayFrom::Checkpoint);
        assert!(report.identical, "seed {seed}: {report}");
        // Without its ticks it is not what was recorded.
        let mut without = tape.clone();
        without.inputs[Input::Ticks as usize].clear();
        assert!(!without.verify(ReplayFrom::Beginning).identical);
    }
}
