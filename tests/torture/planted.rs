//! Faults planted into what a sound run left behind, one at a time: the judge must find each, or it proves nothing.

use crate::checker::{AccountEvent, Event, Evidence, Judgement, Outcome, Partition, Standing, Topic, judge};

const A: &str = "A";

/// Two partitions: one with everything that occurs, and a quiet one.
fn sound() -> Evidence {
    let applied = |change| AccountEvent::Applied { account: A.to_owned(), change };
    let busy = Partition {
        events: vec![
            Event::Sound(A.to_owned()),
            Event::Keyless,
            Event::Undecodable(A.to_owned()),
            Event::Sound(A.to_owned()),
            Event::Sound(A.to_owned()),
            Event::Sound("unknown".to_owned()),
        ],
        account_events: vec![
            applied(0),
            AccountEvent::Repeated,
            applied(-300),
            AccountEvent::Unreadable,
            AccountEvent::Resolve,
            AccountEvent::Resolve,
        ],
        outcomes: vec![
            outcome("1", 0, Some(1_000), Some(1_000), 2, 1),
            Outcome { balance: None, revision: 2, ..outcome("2", 2, None, None, 2, 1) },
            Outcome { pending: true, ..outcome("3", 3, None, Some(700), 4, 3) },
            Outcome {
                supersedes: Some("3".to_owned()),
                source: (Topic::AccountEvents, 0, 4),
                ..outcome("4", 0, Some(50), Some(750), 5, 4)
            },
            outcome("5", 4, Some(-250), Some(500), 6, 6),
            Outcome { account: "unknown".to_owned(), ..outcome("6", 5, None, None, 0, 6) },
        ],
        state: [(A.to_owned(), Standing { balance: 500, revision: 6 })].into(),
        asked: vec![2, 4],
        replies: vec![2, 4],
        ticks: 0,
        journal: [Some(6), Some(6), None],
        group: [Some(6), Some(6), None],
    };
    let letters =
        [(Topic::Events, 1), (Topic::Events, 2), (Topic::AccountEvents, 3), (Topic::AccountEvents, 5)];
    Evidence {
        partitions: vec![busy, Partition::default()],
        dead_letters: letters.map(|(topic, offset)| (topic, 0, offset)).to_vec(),
        open: Vec::new(),
    }
}

fn outcome(
    id: &str,
    offset: i64,
    posted: Option<i64>,
    balance: Option<i64>,
    revision: i64,
    position: i64,
) -> Outcome {
    Outcome {
        id: id.to_owned(),
        account: A.to_owned(),
        pending: false,
        supersedes: None,
        ran_out: false,
        source: (Topic::Events, 0, offset),
        posted,
        balance,
        revision,
        position,
        at: 0,
    }
}

/// The judgement of a run with this fault in its busy partition: duplicates and losses as expected, and `words` told.
fn check(words: &str, duplicates: u64, losses: u64, plant: impl FnOnce(&mut Evidence)) {
    let mut evidence = sound();
    plant(&mut evidence);
    let judgement = judge(&evidence);
    assert!(judgement.wrong > 0, "{words}: not found");
    assert_eq!((judgement.duplicates, judgement.losses), (duplicates, losses), "{:?}", judgement.faults);
    let told = judgement.faults.iter().any(|fault| fault.contains(words));
    assert!(told, "{words}: {:?}", judgement.faults);
}

fn busy(evidence: &mut Evidence) -> &mut Partition {
    &mut evidence.partitions[0]
}

#[test]
fn a_sound_run_is_counted_and_has_no_fault() {
    let expected = Judgement {
        events: 6,
        account_events: 6,
        outcomes: 6,
        superseding: 1,
        replies: 2,
        dead_letters: 4,
        accounts: 1,
        ..Judgement::default()
    };
    assert_eq!(judge(&sound()), expected);
}

#[test]
fn finds_an_outcome_that_is_there_twice() {
    check("outcome of event 0:4: 2 times, not 1", 1, 0, |evidence| {
        let again = Outcome { posted: None, balance: None, ..busy(evidence).outcomes[4].clone() };
        busy(evidence).outcomes.push(Outcome { id: "7".to_owned(), ..again });
    });
    check("outcome 1 is there again", 1, 0, |evidence| {
        let again = busy(evidence).outcomes[0].clone();
        busy(evidence).outcomes.insert(1, again);
    });
}

#[test]
fn finds_an_outcome_that_is_missing() {
    check("outcome of event 0:0: 0 times, not 1", 0, 1, |evidence| drop(busy(evidence).outcomes.remove(0)));
    check("outcome of event 0:2: 0 times, not 1", 0, 1, |evidence| drop(busy(evidence).outcomes.remove(1)));
    check("answer to account event 0:4: 0 times, not 1", 0, 1, |evidence| {
        busy(evidence).outcomes.remove(3);
    });
}

#[test]
fn finds_an_outcome_of_no_event_or_of_another_account() {
    check("is of no event", 0, 0, |evidence| {
        busy(evidence).outcomes.push(outcome("7", 6, None, None, 6, 6));
    });
    check("is of no event", 0, 0, |evidence| {
        busy(evidence).outcomes.push(outcome("7", 1, None, None, 6, 6));
    });
    let of_a_tick = |ran_out| {
        let source = (Topic::Ticks, 0, 0);
        Outcome { supersedes: Some("3".to_owned()), ran_out, source, ..outcome("7", 0, None, None, 6, 6) }
    };
    check("no end of a hold", 0, 0, |evidence| {
        busy(evidence).ticks = 1;
        busy(evidence).outcomes.push(of_a_tick(false));
    });
    check("no end of a hold", 0, 0, |evidence| busy(evidence).outcomes.push(of_a_tick(true)));
    check("for another account", 0, 0, |evidence| busy(evidence).outcomes[5].account = "B".to_owned());
}

#[test]
fn finds_a_reply_missing_doubled_of_nothing_or_in_another_order() {
    check("reply to account event 0:4: 0 times, not 1", 0, 1, |evidence| busy(evidence).replies.truncate(1));
    check("reply to account event 0:4: 2 times, not 1", 1, 0, |evidence| busy(evidence).replies.push(4));
    check("reply to account event 0:5: 1 times, not 0", 1, 0, |evidence| busy(evidence).replies.push(5));
    check("in another order than their events", 0, 0, |evidence| busy(evidence).replies.reverse());
}

#[test]
fn finds_outcomes_in_another_order_than_their_events() {
    check("comes after that of 5", 0, 0, |evidence| busy(evidence).outcomes.swap(4, 5));
}

#[test]
fn finds_a_changed_amount() {
    check("posted and paid give", 0, 0, |evidence| busy(evidence).outcomes[0].posted = Some(1_001));
    check("posted and paid give", 0, 0, |evidence| busy(evidence).outcomes[2].balance = Some(699));
    check("posted and paid give", 0, 0, |evidence| {
        busy(evidence).account_events[2] = AccountEvent::Applied { account: A.to_owned(), change: -299 };
    });
}

#[test]
fn finds_an_input_that_the_state_counted_twice_or_never() {
    check("revision 4 after 2", 0, 0, |evidence| {
        busy(evidence).account_events[2] = AccountEvent::Repeated;
        for outcome in &mut busy(evidence).outcomes[2..] {
            outcome.balance = outcome.balance.map(|balance| balance + 300);
        }
    });
    check("revision 3 after 5", 0, 0, |evidence| busy(evidence).outcomes[4].revision = 3);
}

#[test]
fn finds_a_state_that_is_not_what_the_topics_say() {
    check("the journal gives", 0, 0, |evidence| {
        busy(evidence).state.insert(A.to_owned(), Standing { balance: 501, revision: 6 });
    });
    check("the journal gives", 0, 0, |evidence| {
        busy(evidence).state.insert(A.to_owned(), Standing { balance: 500, revision: 7 });
    });
    check("the journal gives", 0, 0, |evidence| busy(evidence).state.clear());
    check("accounts that no topic knows", 0, 0, |evidence| {
        busy(evidence).state.insert("B".to_owned(), Standing::default());
    });
}

#[test]
fn finds_dead_letters_missing_doubled_or_of_nothing() {
    check("dead letter of event 0:1: 0 times", 0, 1, |evidence| {
        evidence.dead_letters.remove(0);
    });
    check("dead letter of event 0:2: 2 times", 1, 0, |evidence| {
        evidence.dead_letters.push((Topic::Events, 0, 2));
    });
    check("dead letter of event 0:0: 1 times, not 0", 1, 0, |evidence| {
        evidence.dead_letters.push((Topic::Events, 0, 0));
    });
    check("answer to account event 0:3: 0 times", 0, 1, |evidence| {
        evidence.dead_letters.remove(2);
    });
    check("nothing calls for", 1, 0, |evidence| evidence.dead_letters.push((Topic::Events, 1, 0)));
}

#[test]
fn finds_a_pending_outcome_that_is_superseded_twice_or_was_never_there() {
    check("which is not pending", 1, 0, |evidence| {
        let again = Outcome { posted: None, balance: None, ..busy(evidence).outcomes[3].clone() };
        busy(evidence).outcomes.push(Outcome { id: "7".to_owned(), ..again });
    });
    check("which is not pending", 0, 0, |evidence| {
        busy(evidence).outcomes[3].supersedes = Some("1".to_owned());
    });
}

#[test]
fn finds_positions_that_do_not_agree() {
    check("group at Some(5), journal at Some(6), end at 6", 0, 0, |evidence| {
        busy(evidence).group[0] = Some(5);
    });
    check("AccountEvents 0: group at None", 0, 0, |evidence| busy(evidence).group[1] = None);
    check("end at 6", 0, 0, |evidence| {
        busy(evidence).group[0] = Some(7);
        busy(evidence).journal[0] = Some(7);
    });
}

#[test]
fn finds_a_transaction_that_is_open() {
    check("outcomes: a transaction is open", 0, 0, |evidence| evidence.open.push("outcomes".to_owned()));
}
