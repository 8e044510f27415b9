//! How long the worst persons that there can be make a decision take, of the processor: a partition decides nothing else
//! meanwhile. Every person here is within the bounds of records, and each is there because a rule once took long for one like it.

use std::time::Duration;

use serde_json::{Value, json};
use tillgate::contact::{CONTACT_REQUESTS, DAYS, EventId, INTERACTIONS, PARTIES, PARTY_RECORDS, Partition};
use tillgate::domain::Micros;

use super::targets::contact_judge::new_partition;
use super::targets::contact_person::{ZONES, take};
use super::watch::processor_time;

/// What a decision may take here, where little is optimised and other tests run beside it.
const LONGEST: Duration = Duration::from_millis(150);
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// Calls in the life of a person.
struct Calls {
    outcome: fn(usize) -> &'static str,
    /// About which loan; none: about every debt.
    loan: fn(usize) -> Option<usize>,
    /// Hours before the beginning.
    before: fn(usize) -> i64,
}

fn begin() -> Micros {
    Micros::parse_rfc3339("2026-03-02T12:00:00Z").expect("a time")
}

/// Zones of which as many as can be have an offset of their own, so many and behind so many others.
fn zones(first: usize, count: usize) -> Vec<&'static String> {
    // Steps over the list, which is sorted by continents.
    (first..first + count).map(|place| &ZONES[place * 37 % ZONES.len()]).collect()
}

fn party(first_zone: usize, times: &Value) -> Value {
    let places: Vec<&str> = vec!["US-TX", "US-AK", "US-GU", "US-HI", "US-AS", "US-PR", "US-MI", "US-ID"];
    let loans: Vec<Value> =
        (0..64).map(|number| json!({ "loanId": format!("L-{number}"), "externalId": "shared" })).collect();
    json!({
        "partyId": "P", "timeZones": zones(first_zone, 32), "places": places, "loans": loans,
        "contacts": [{ "contactId": "c", "kind": "phone", "value": "1", "timeZones": zones(first_zone + 32, 32) }],
        "inconvenientTimes": times,
        "cases": (0..64).map(|number| json!({
            "caseId": format!("C-{number}"), "kind": "own", "channels": ["voice"], "from": "0000-01-01",
            "until": "9998-12-31", "loanIds": (32..64).map(|loan| format!("L-{loan}")).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

/// Times that leave a second of each minute, or so much of an hour, free.
fn times(kind: usize) -> Value {
    let clock =
        |seconds: usize| format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let time = |number: usize| match kind {
        // Never free.
        0 => json!({ "from": "00:00", "to": "24:00" }),
        // A second is free 64 times a day.
        1 => json!({ "from": clock(number * 1_350), "to": clock((number + 1) * 1_350 - 1) }),
        // The same, at other times on each day.
        2 => {
            json!({ "days": [DAYS[number % 7]], "from": clock(number / 7 * 7_000 + number * 90), "to": clock(number / 7 * 7_000 + number * 90 + 6_999) })
        }
        // Always free but for 64 seconds.
        _ => json!({ "from": clock(number * 1_350), "to": clock(number * 1_350 + 1) }),
    };
    (0..64).map(time).collect()
}

/// A partition that knows such a person.
fn known(party: &Value, calls: Option<&Calls>) -> Partition {
    let mut partition = new_partition();
    for account in 0..128 {
        take(&mut partition, PARTIES, begin(), &json!({ "partyId": "P", "account": format!("A-{account}") }));
    }
    take(&mut partition, PARTY_RECORDS, begin(), party);
    for number in 0..calls.map_or(0, |_| 512) {
        let Some(Calls { outcome, loan, before }) = calls else { break };
        let id = EventId::new(1_700_000_000_000, number as u128).to_string();
        let occurred = begin().minus(Micros(before(number) * HOUR));
        let mut call = json!({
            "eventId": id, "partyId": "P", "channel": "rm", "type": "outbound-call",
            "occurredAt": occurred.to_string(), "outcome": outcome(number),
        });
        if let Some(loan) = loan(number) {
            call["linkedResourceType"] = json!("loan");
            call["linkedResourceId"] = json!(format!("L-{loan}"));
        }
        take(&mut partition, INTERACTIONS, begin(), &call);
    }
    partition.journal("fuzz");
    partition.committed();
    partition
}

/// Asks in every way of which one may take long: the longest.
fn longest(partition: &mut Partition, starts: &[Value]) -> Duration {
    let loans: Vec<String> = (0..64).map(|number| format!("L-{number}")).collect();
    let mut longest = Duration::ZERO;
    for loans in [&loans[..], &loans[..1], &[]] {
        for start in starts {
            let mut request = json!({
                "requestId": "r", "personId": "P", "channel": "voice", "theme": "opsCollDebt", "contactId": "c",
                "loanIds": loans,
            });
            for (name, value) in start.as_object().expect("an object") {
                request[name] = value.clone();
            }
            let began = processor_time();
            let judge = take(partition, CONTACT_REQUESTS, begin(), &request);
            longest = longest.max(processor_time().saturating_sub(began));
            assert_eq!(judge.decisions.len(), 1);
        }
    }
    longest
}

fn starts() -> Vec<Value> {
    let times =
        ["0000-01-01T00:00:00Z", "1883-11-18T17:00:00Z", "2026-03-02T12:00:00Z", "9999-12-31T23:59:59Z"];
    let days = ["0000-01-01", "2011-12-30", "2026-03-02", "9999-12-31"];
    let before = [30, 73, 200].map(|days| begin().minus(Micros(days * DAY)).to_string());
    let times = times.map(str::to_owned).into_iter().chain(before);
    times.map(|time| json!({ "startAt": time })).chain(days.map(|day| json!({ "startDate": day }))).collect()
}

#[test]
fn no_person_makes_a_decision_on_calls_take_long() {
    let all: [(&str, Calls); 7] = [
        (
            "consents about one loan",
            Calls { outcome: |_| "consent-given", loan: |_| Some(0), before: |number| number as i64 },
        ),
        (
            "consents that are over",
            Calls {
                outcome: |number| ["consent-given", "no-answer"][usize::from(number < 256)],
                loan: |_| Some(0),
                before: |number| number as i64 / 2 + if number < 256 { 0 } else { 190 },
            },
        ),
        (
            "conversations about every debt",
            Calls { outcome: |_| "conversation", loan: |_| None, before: |number| number as i64 * 9 / 4 },
        ),
        (
            "conversations with gaps",
            Calls {
                outcome: |_| "conversation",
                loan: |number| (number % 2 == 0).then_some(number / 2),
                before: |number| (number as i64 / 16) * 8 * 24 + number as i64 % 16,
            },
        ),
        (
            "calls about every debt and about each",
            Calls {
                outcome: |_| "no-answer",
                loan: |number| (number % 2 == 0).then_some(number / 2),
                before: |number| number as i64 * 7 / 2,
            },
        ),
        (
            "calls about as many debts as there are calls",
            Calls {
                outcome: |_| "no-answer",
                loan: |number| Some(number + 64),
                before: |number| number as i64,
            },
        ),
        (
            "consents of many loans and calls about all",
            Calls {
                outcome: |number| ["no-answer", "consent-given"][usize::from(number % 8 == 0)],
                loan: |number| (number % 8 == 0).then_some(number / 8),
                before: |number| number as i64 / 4,
            },
        ),
    ];
    report(all.iter().flat_map(|(name, calls)| {
        (0..2).map(move |round| {
            let mut partition = known(&party(round * 64, &json!([])), Some(calls));
            (format!("{name}, zones from {}", round * 64), longest(&mut partition, &starts()))
        })
    }));
}

#[test]
fn no_person_makes_a_decision_on_times_take_long() {
    let rounds = (0..ZONES.len() / 64 + 1).flat_map(|round| (0..4).map(move |kind| (round, kind)));
    report(rounds.map(|(round, kind)| {
        let mut partition = known(&party(round * 64, &times(kind)), None);
        let starts = starts();
        // All dates for one kind of each round.
        let starts = if round % 4 == kind { &starts[..] } else { &starts[2..3] };
        (format!("times of kind {kind}, zones from {}", round * 64), longest(&mut partition, starts))
    }));
}

fn report(found: impl Iterator<Item = (String, Duration)>) {
    let longest = found.max_by_key(|(_, took)| *took).expect("there are some");
    println!("the longest decision: {:.1?}, {}", longest.1, longest.0);
    assert!(longest.1 <= LONGEST, "{longest:?}");
}
