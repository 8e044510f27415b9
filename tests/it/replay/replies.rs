//! Replies to account events under `replay --verify`: each is the one that the replay gives, once, and where their topic has
//! lost some, that is told and is no difference.

use super::tape::{Rec, Recorder, Tape, ruleset};
use super::{TAPE, assert_identical, gapped, small, told};
use crate::support::history::SETS;
use crate::support::stream::Fed;
use tillgate::codec::json::read_reply;
use tillgate::pos::{Input, OutcomeEncoding};
use tillgate::replay::{ReplayFrom, Report};

fn replies(tape: &mut Tape) -> &mut Vec<Rec> {
    tape.replies.as_mut().expect("replies")
}

/// Offset of the account event that a reply is of.
fn of(reply: &Rec) -> i64 {
    read_reply(reply.value.as_deref().expect("a value")).expect("a reply").source.1
}

fn text(reply: &Rec) -> String {
    String::from_utf8(reply.value.clone().expect("a value")).expect("text")
}

/// What is found after an alteration of the replies: it must be told, and nothing else.
#[track_caller]
fn altered(alter: impl FnOnce(&mut Vec<Rec>)) -> (Report, String) {
    let mut tape = TAPE.clone();
    alter(replies(&mut tape));
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!(report.outcomes.wrong() + report.dead_letters.wrong() + report.torn, 0, "{report}");
    assert_eq!(report.partitions[0].problem_count, 0, "{report}");
    let text = told(&report);
    (report, text)
}

#[test]
fn every_reply_is_the_one_that_the_replay_gives() {
    let all = TAPE.replies.as_ref().expect("replies");
    let has = |part: &str| all.iter().any(|reply| text(reply).contains(part));
    for fate in ["applied", "repeat", "conflict", "refused"] {
        // The history has no conflicts: those are in tests/it/replies.rs.
        assert_eq!(has(&format!("\"result\":\"{fate}\"")), fate != "conflict", "{fate}");
    }
    let report = TAPE.verify(ReplayFrom::Beginning);
    assert_identical(&report, &TAPE);
    assert!(
        report.to_string().contains(&format!("{0} of {0} replies to account events identical", all.len()))
    );
}

#[test]
fn a_reply_of_a_record_that_was_given_up_is_known_again() {
    let history = gapped(4, 200);
    let failing = history.iter().rev().find(|fed| fed.input == Input::AccountEvents && fed.offset % 2 == 0);
    let failing = failing.map(|fed: &Fed| (fed.input, fed.offset)).expect("an event that asks");
    let mut recorder = Recorder::new(&ruleset(&SETS), 4, small(OutcomeEncoding::Json));
    recorder.record(&history, Some(failing));
    let mut tape = recorder.tape;
    let given_up = |reply: &&Rec| text(reply).contains("\"result\":\"refused\",\"code\":\"500\"");
    assert_eq!(replies(&mut tape).iter().filter(given_up).map(of).collect::<Vec<_>>(), [failing.1]);
    assert_identical(&tape.verify(ReplayFrom::Beginning), &tape);
}

#[test]
fn finds_a_reply_that_was_removed_or_altered_by_its_place_and_field() {
    let all = TAPE.replies.as_ref().expect("replies");
    let is_applied = |reply: &Rec| text(reply).contains("\"result\":\"applied\"");
    let (middle, last) = (all.len() / 2, all.len() - 1);
    let at = (middle..last).find(|at| is_applied(&all[*at])).expect("one that was applied");
    for at in [0, at, last] {
        let (report, text) = altered(|replies| drop(replies.remove(at)));
        assert_eq!((report.replies.missing, report.replies.wrong()), (1, 1), "{text}");
        let input = format!("input       account.events 0/{}", of(&all[at]));
        assert!(text.contains("a reply is missing") && text.contains(&input), "{text}");
        assert!(text.contains(&format!(
            "requestId\n    recorded  (not there)\n    replayed  \"request-{}\"",
            of(&all[at])
        )));
    }
    let edit = |from: &'static str, to: &'static str| {
        altered(move |replies| {
            let value = text(&replies[at]).replacen(from, to, 1);
            assert_ne!(value, text(&replies[at]));
            replies[at].value = Some(value.into_bytes());
        })
    };
    for (from, to, field) in [
        ("\"requestId\":\"request-", "\"requestId\":\"another-", "requestId"),
        ("\"result\":\"applied\"", "\"result\":\"repeat\"", "result"),
        ("\"createdAt\":\"2", "\"createdAt\":\"3", "createdAt"),
        ("\"topic\":\"account.events\"", "\"topic\":\"other.events\"", "source.topic"),
    ] {
        let (report, text) = edit(from, to);
        assert_eq!((report.replies.different, report.replies.wrong()), (1, 1), "{text}");
        let first = report.partitions[0].first.as_ref().expect("a difference");
        let named: Vec<&str> = first.fields.iter().map(|field| &*field.field).collect();
        assert_eq!(named, [field], "{text}");
        assert_eq!(first.recorded_at.as_deref(), Some(&*format!("account.results 0/{}", all[at].offset)));
    }
    let (report, text) = altered(|replies| replies[at].key = Some(b"somebody else".to_vec()));
    assert!(report.replies.different == 1 && text.contains("(key)"), "{text}");
    let (report, text) = altered(|replies| replies[at].value = Some(b"nothing".to_vec()));
    assert_eq!((report.replies.different, report.replies.wrong()), (1, 1), "{text}");
    assert!(text.contains("a reply cannot be read"), "{text}");
}

#[test]
fn finds_a_reply_that_is_there_twice_or_of_another_event() {
    let all = TAPE.replies.as_ref().expect("replies");
    // Behind itself, later, earlier, at the end.
    for (from, to) in [(50, 51), (50, 70), (50, 10), (10, all.len())] {
        let (report, text) = altered(|replies| {
            let again = replies[from].clone();
            replies.insert(to, again);
        });
        assert_eq!((report.replies.unexpected, report.replies.wrong()), (1, 1), "{from} {to}: {text}");
        assert!(text.contains("it is there twice, out of order, or of nothing"), "{text}");
    }
    // One that somebody else wrote, with bytes that are none of ours.
    for value in [r#"{"requestId":"x"}"#, "null", ""] {
        let (report, text) = altered(|replies| {
            let foreign = Rec { value: Some(value.as_bytes().to_vec()), ..replies[40].clone() };
            replies.insert(40, foreign);
        });
        assert_eq!((report.replies.unexpected, report.replies.wrong()), (1, 1), "{value}: {text}");
    }
    // To an event that did not ask.
    let (report, text) = altered(|replies| {
        let [own, other] =
            [of(&replies[50]), of(&replies[50]) + 1].map(|offset| format!("\"offset\":{offset}}}"));
        replies[50].value = Some(text(&replies[50]).replace(&own, &other).into_bytes());
    });
    assert_eq!(
        (report.replies.missing, report.replies.unexpected, report.replies.wrong()),
        (1, 1, 2),
        "{text}"
    );
}

#[test]
fn finds_that_an_event_that_asked_was_altered() {
    let mut tape = TAPE.clone();
    let asked =
        tape.inputs[1].iter_mut().filter(|rec| rec.headers.len() > 1).nth(30).expect("one that asked");
    asked.headers[1].1 = b"another".to_vec();
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!((report.replies.different, report.replies.wrong()), (1, 1), "{report}");
}

#[test]
fn begins_with_the_replies_behind_the_checkpoint() {
    let report = TAPE.verify(ReplayFrom::Checkpoint);
    assert!(report.identical, "{report}");
    let from = report.partitions[0].from[1];
    let mut tape = TAPE.clone();
    let behind = replies(&mut tape).iter().filter(|reply| of(reply) >= from).count();
    assert_eq!(report.replies.identical, behind as u64, "{report}");
    let first = replies(&mut tape).iter().position(|reply| of(reply) >= from).expect("a reply");
    // What came before is of no concern, what came then is.
    replies(&mut tape).drain(first - 3..first);
    assert!(tape.verify(ReplayFrom::Checkpoint).identical);
    replies(&mut tape).remove(first - 3);
    let report = tape.verify(ReplayFrom::Checkpoint);
    assert_eq!((report.replies.missing, report.replies.wrong()), (1, 1), "{report}");
}

#[test]
fn says_from_where_on_replies_are_there_once_retention_has_deleted_some() {
    let kept = TAPE.replies.as_ref().expect("replies").len() / 3;
    let trimmed = |kept: usize| {
        let mut tape = TAPE.clone();
        let all = replies(&mut tape);
        let end = all.last().expect("a reply").offset + 2;
        let gone: Vec<Rec> = all.drain(..all.len() - kept).collect();
        tape.replies_start = replies(&mut tape).first().map_or(end, |first| first.offset);
        (tape, gone.len() as u64)
    };
    let (tape, gone) = trimmed(kept);
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(report.identical, "{report}");
    assert_eq!(
        (report.replies.identical, report.partitions[0].replies_gone),
        (kept as u64, gone),
        "{report}"
    );
    let first = tape.replies.as_ref().map(|replies| of(&replies[0])).expect("a reply");
    let note = format!(
        "{gone} replies to account.events were not compared: topic account.results has lost what was before offset {}, \
         and is compared from the reply to account.events 0/{first} on",
        tape.replies_start
    );
    assert_eq!(report.partitions[0].notes, [note]);
    // What is behind them is compared as ever.
    let mut tape = tape;
    replies(&mut tape).remove(1);
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!((report.replies.missing, report.replies.wrong()), (1, 1), "{report}");

    let (tape, gone) = trimmed(0);
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(report.identical && report.partitions[0].replies_gone == gone, "{report}");
    assert!(report.to_string().contains("topic account.results has none of them any more"), "{report}");
}

#[test]
fn goes_on_where_replies_are_deleted_while_they_are_read() {
    let all = TAPE.replies.as_ref().expect("replies");
    let third = all.len() / 3;
    let mut tape = TAPE.clone();
    tape.replies_trimmed = Some((all[third].offset, all[2 * third].offset));
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(report.identical, "{report}");
    let gone = third as u64;
    assert_eq!(
        (report.replies.identical, report.partitions[0].replies_gone),
        (all.len() as u64 - gone, gone)
    );
}

#[test]
fn a_recording_without_the_topic_of_replies_is_no_difference_and_told() {
    let mut tape = TAPE.clone();
    let asked = tape.replies.take().expect("replies").len();
    let report = tape.verify(ReplayFrom::Beginning);
    assert!(report.identical && report.replies.all() == 0, "{report}");
    let note = format!(
        "{asked} replies to account.events were not compared: topic account.results was not recorded"
    );
    assert_eq!(report.partitions[0].notes, [note]);
}

#[test]
fn replies_behind_the_journals_end_are_torn_or_not_of_it_yet() {
    let mut tape = TAPE.clone();
    // The last transaction with a reply is not in the journal, nor is what came after it.
    let last = replies(&mut tape).iter().map(of).max().expect("a reply");
    let transactions = tape.transactions();
    let kept = transactions.iter().filter(|(positions, ..)| positions[1] <= last).count() as u64;
    let sequence = |rec: &Rec| {
        tillgate::codec::journal::read_record(rec.value.as_deref().unwrap()).unwrap().head.sequence
    };
    tape.journal.retain(|rec| sequence(rec) <= kept);
    let end = tape.transactions().last().expect("a transaction").0[1];
    let behind: Vec<i64> =
        replies(&mut tape).iter().filter(|reply| of(reply) >= end).map(|reply| reply.offset).collect();
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!(report.replies.unexpected, behind.len() as u64, "{report}");
    // Those that came after the journal was looked at are not verified.
    tape.replies_settled = behind[0];
    let report = tape.verify(ReplayFrom::Beginning);
    assert_eq!(
        (report.replies.wrong(), report.partitions[0].replies_beyond),
        (0, behind.len() as u64),
        "{report}"
    );
}
