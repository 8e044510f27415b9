//! Ticks and what an operator writes beside them, through a partition and its journal: holds run out where nothing else
//! comes, time never goes further than it may, and whatever is done is the same after a restore and in a replay.

use crate::support::stream::{Fed, Published, engine, options};
use tillgate::codec::journal::{read_record, write_record};
use tillgate::codec::tick::{Tick, UnitTimes, write_tick};
use tillgate::domain::Micros;
use tillgate::domain::enums::Verdict;
use tillgate::pipeline::DecisionSink;
use tillgate::pos::{Input, Partition, PartitionOptions, Pos, Restore};

/// 2025-01-06T09:00:00Z
const NINE: i64 = 1_736_154_000_000;
const MINUTE: i64 = 60_000;
/// How long a hold stays open.
const HOLD: i64 = 45 * MINUTE;
const SETS: [&str; 3] = [
    "checks.account.unknown=open",
    "checks.pending.hold_time=45min",
    "checks.limit.first_amount.cap={ EUR = 1000 }",
];

fn at(millis: i64) -> Micros {
    Micros::from_millis(millis)
}

/// A purchase that is Pending, made at `millis`.
fn purchase(account: &str, millis: i64) -> Vec<u8> {
    let time = at(millis);
    format!(
        r#"{{"accountNumber":"{account}","accountTransactionId":"T-{millis}","eventType":"Purchase","categoryType":"Sales","time":"{time}","currency":"EUR","countryCode":"DE","conversationLanguage":"DE","posId":"P1","nfcId":"N1","totalTax":0,"totalAmount":1500.00,"items":[]}}"#
    )
    .into_bytes()
}

/// A partition, what it published, and its journal.
struct Unit {
    partition: Partition,
    published: Published,
    journal: Vec<Vec<u8>>,
    next: [i64; 3],
}

impl Unit {
    fn new() -> Self {
        Self::of(options())
    }

    fn of(options: PartitionOptions) -> Self {
        let partition = Partition::new(engine(&SETS), 0.into(), options);
        Self { partition, published: Published::default(), journal: Vec::new(), next: [0; 3] }
    }

    fn feed(&mut self, input: Input, key: &str, value: Vec<u8>, millis: i64) {
        let offset = self.next[input as usize];
        self.next[input as usize] += 1;
        let fed = Fed { input, offset, timestamp_millis: millis, ..Fed::pos(0, key, value) };
        self.published.feed(&mut self.partition, &fed);
        self.partition.read_at(Some(millis).filter(|millis| *millis >= 0));
    }

    /// A purchase that is Pending, made at `millis`, and written a minute later.
    fn pends(&mut self, account: &str, millis: i64) {
        self.feed(Input::PosEvents, account, purchase(account, millis), millis + MINUTE);
        assert_eq!(self.published.outcomes.last().map(|said| said.verdict), Some(Verdict::Pending));
    }

    fn tick(&mut self, tick: &Tick, millis: i64) {
        self.feed(Input::Ticks, "0", write_tick(tick), millis);
    }

    /// The tick that a worker would write now, as it comes back.
    fn next_tick(&mut self, millis: i64) {
        let value = self.partition.next_tick().expect("something is due").value;
        self.feed(Input::Ticks, "0", value, millis);
    }

    fn set_time(&mut self, to: i64, millis: i64) {
        let stands = Some(self.stream_time());
        self.tick(&Tick::SetTime { to: at(to), stands, by: "a test".to_owned() }, millis);
    }

    /// An event that is judged and moves nothing: what an operator asked for is done before it.
    fn next_event(&mut self, millis: i64) {
        let event = format!(
            r#"{{"accountNumber":"N","eventType":"Info","time":"{}","currency":"EUR","countryCode":"DE","conversationLanguage":"DE","totalAmount":0}}"#,
            at(NINE - 60 * MINUTE)
        );
        self.feed(Input::PosEvents, "N", event.into_bytes(), millis);
    }

    fn commit(&mut self) {
        self.journal.extend(self.partition.journal("test-0").records);
        self.partition.committed();
    }

    fn stream_time(&self) -> Micros {
        self.partition.state().stream_time()
    }

    /// Outcomes since the first so many: what they end, and where they say that the inputs were.
    fn ended_since(&self, count: usize) -> Vec<(Verdict, Vec<&str>, String)> {
        let since = self.published.outcomes[count..].iter();
        since.map(|said| (said.verdict, said.codes(), positions(&said.value))).collect()
    }

    fn expiries(&self) -> Vec<Micros> {
        let accounts = self.partition.state().accounts().iter();
        let mut all: Vec<Micros> =
            accounts.flat_map(|account| account.holds().iter().map(|hold| hold.expires)).collect();
        all.sort();
        all
    }

    fn letters(&self) -> Vec<(&str, &str)> {
        self.published.dead_letters.iter().map(|(_, code, why)| (*code, why.as_str())).collect()
    }

    fn restored(&self) -> Partition {
        let mut restore = Restore::new(Partition::new(engine(&SETS), 0.into(), options()));
        for record in &self.journal {
            restore.on_record(record).expect("a journal");
        }
        restore.finish().expect("a journal")
    }
}

/// The positions that an outcome names.
fn positions(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value).into_owned();
    let (_, behind) = text.split_once("\"positions\":{").expect("positions");
    behind.split_once('}').expect("an end").0.replace('"', "")
}

#[test]
fn a_hold_runs_out_by_a_tick_where_nothing_else_comes_and_no_sooner() {
    let mut unit = Unit::new();
    unit.pends("A1", NINE);
    unit.commit();
    let due = unit.partition.next_tick().and_then(|next| next.due_millis);
    // The event was a minute old when it was written: so far behind its broker's stays stream time.
    assert_eq!(due, Some(NINE + MINUTE + HOLD));
    unit.next_tick(NINE + MINUTE + HOLD - 1);
    assert_eq!(unit.ended_since(1), []);
    assert_eq!(unit.stream_time(), at(NINE + HOLD - 1));
    unit.commit();
    unit.next_tick(NINE + MINUTE + HOLD);
    let expected =
        (Verdict::Rejected, vec!["pos.pending.expired"], "pos.events:1,account.events:0".to_owned());
    assert_eq!(unit.ended_since(1), [expected]);
    assert_eq!(unit.stream_time(), at(NINE + HOLD));
    unit.commit();
    assert_eq!(unit.partition.next_tick(), None, "nothing waits any more");
    assert_eq!(unit.letters(), []);
}

#[test]
fn outcomes_name_ticks_once_there_are_any() {
    let mut unit = Unit::new();
    unit.pends("A1", NINE);
    assert_eq!(positions(&unit.published.outcomes[0].value), "account.events:0");
    unit.next_tick(NINE + 2 * MINUTE);
    unit.pends("A2", NINE + 3 * MINUTE);
    assert_eq!(positions(&unit.published.outcomes[1].value), "account.events:0,tillgate.ticks:1");
}

#[test]
fn two_ticks_do_what_the_later_one_does_in_any_order() {
    let told = |order: [usize; 2]| {
        let mut unit = Unit::new();
        unit.pends("A1", NINE);
        unit.commit();
        let value = unit.partition.next_tick().expect("a hold").value;
        let times = [NINE + MINUTE + HOLD, NINE + 2 * MINUTE + HOLD];
        // Two workers wrote the same one, each before it had read the other's.
        for place in order {
            unit.feed(Input::Ticks, "0", value.clone(), times[place]);
        }
        (unit.stream_time(), unit.published.outcomes.len(), unit.letters().len())
    };
    assert_eq!(told([0, 1]), (at(NINE + MINUTE + HOLD), 2, 0));
    assert_eq!(told([1, 0]), told([0, 1]));
}

#[test]
fn a_tick_moves_time_no_further_than_its_own_and_what_is_none_moves_nothing() {
    let mut unit = Unit::new();
    unit.pends("A1", NINE);
    let stands = unit.stream_time();
    let passed = |stream_time, last_record| Tick::Passed(UnitTimes { stream_time, last_record });
    let (far, near) = (at(NINE + 900 * HOLD), at(NINE));
    // Of another partition, without a key, of nonsense, without a time.
    unit.feed(Input::Ticks, "1", write_tick(&passed(near, Some(near))), NINE + 900 * HOLD);
    unit.feed(Input::Ticks, " ", write_tick(&passed(near, Some(near))), NINE + 900 * HOLD);
    unit.feed(Input::Ticks, "0", b"{}".to_vec(), NINE + 900 * HOLD);
    unit.feed(Input::Ticks, "0", write_tick(&passed(near, Some(near))), -1);
    unit.set_time(NINE + 900 * HOLD, NINE + 2 * MINUTE);
    assert_eq!(unit.stream_time(), stands);
    let codes: Vec<&str> = unit.letters().iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["400.001", "400.001", "400.001", "400.001", "400.003"]);
    assert!(unit.letters()[1].1.contains("the partition it is for, is blank"), "{:?}", unit.letters());
    assert!(unit.letters()[4].1.contains("later than when it was written, 2025-01-06T09:02:00Z"));
    assert_eq!(unit.published.misplaced, [], "a tick's key is no account's");
    for tick in [passed(far, Some(near)), passed(far, None), passed(near, Some(at(0)))] {
        unit.tick(&tick, NINE + 5 * MINUTE);
        assert_eq!(unit.stream_time(), at(NINE + 5 * MINUTE), "{tick:?}");
    }
    assert_eq!(unit.published.outcomes.len(), 1);
}

#[test]
fn setting_time_back_leaves_each_hold_as_long_as_it_had_and_restores_alike() {
    let mut unit =
        Unit::of(PartitionOptions { checkpoint_events_per_account: 1, rotation_events_min: 4, ..options() });
    let year = 365 * 24 * 60 * MINUTE;
    // A wrong clock of broker and till: a year ahead.
    unit.pends("A1", NINE + year);
    unit.pends("A2", NINE + year + 10 * MINUTE);
    unit.commit();
    assert_eq!(unit.expiries(), [at(NINE + year + HOLD), at(NINE + year + HOLD + 10 * MINUTE)]);
    let count = unit.published.outcomes.len();
    // An operator's act that an abort takes back: as if it had never been.
    unit.set_time(NINE, NINE + MINUTE);
    unit.next_event(NINE + MINUTE);
    assert_eq!(unit.stream_time(), at(NINE));
    unit.partition.journal("aborted");
    unit.partition.aborted();
    unit.next[Input::Ticks as usize] = 0;
    unit.next[Input::PosEvents as usize] -= 1;
    unit.published.outcomes.pop();
    assert_eq!(unit.stream_time(), at(NINE + year + 10 * MINUTE));
    assert_eq!(unit.expiries(), [at(NINE + year + HOLD), at(NINE + year + HOLD + 10 * MINUTE)]);
    unit.set_time(NINE, NINE + MINUTE);
    unit.commit();
    assert_eq!(unit.stream_time(), at(NINE + year + 10 * MINUTE), "the next event does it");
    unit.partition = unit.restored();
    unit.next_event(NINE + MINUTE);
    unit.commit();
    let expected = [at(NINE + HOLD - 10 * MINUTE), at(NINE + HOLD)];
    assert_eq!((unit.stream_time(), unit.expiries()), (at(NINE), expected.to_vec()));
    assert_eq!(unit.published.outcomes.len(), count + 1, "no outcome changes by it");
    let accounts = unit.partition.state().accounts();
    let still = ["A1", "A2"].into_iter().filter_map(|number| accounts.get(number));
    let still = still.flat_map(|account| account.recent.iter()).map(|event| event.verdict);
    assert!(still.eq([Verdict::Pending; 2]), "they wait as before, for their repeats too");
    let restored = unit.restored();
    assert_eq!(restored.state().stream_time(), at(NINE));
    assert_eq!(restored.next_tick(), unit.partition.next_tick());
    // What comes next is judged by the time that was set, and runs out by it.
    unit.pends("A3", NINE + 2 * MINUTE);
    assert_eq!(unit.stream_time(), at(NINE + 2 * MINUTE));
    unit.commit();
    unit.tick(
        &Tick::Passed(UnitTimes {
            stream_time: at(NINE + 2 * MINUTE),
            last_record: Some(at(NINE + 3 * MINUTE)),
        }),
        NINE + 3 * MINUTE + HOLD,
    );
    assert_eq!(unit.ended_since(count + 2).len(), 3, "all three have run out");
    unit.commit();
    assert_eq!(unit.restored().state().stream_time(), at(NINE + 2 * MINUTE + HOLD));
    assert_eq!(unit.letters(), []);
}

#[test]
fn what_an_abort_takes_back_sets_no_time_back() {
    let mut unit = Unit::new();
    unit.pends("A1", NINE);
    unit.commit();
    unit.set_time(NINE - HOLD, NINE + MINUTE);
    assert!(unit.partition.state().set_back().is_some());
    unit.partition.journal("aborted");
    unit.partition.aborted();
    unit.next_event(NINE + MINUTE);
    assert_eq!((unit.stream_time(), unit.expiries()), (at(NINE), vec![at(NINE + HOLD)]));
}

#[test]
fn time_goes_back_alike_whether_an_account_event_moved_it_before_or_after_that_was_asked() {
    let told = |order: [bool; 3]| {
        let mut unit = Unit::new();
        unit.pends("A1", NINE);
        let stands = Some(unit.stream_time());
        for account_event in order {
            if account_event {
                let event = format!(
                    r#"{{"id":"e","account":"A1","eventType":"limit","limit":{{"amount":7}},"createdAt":"{}"}}"#,
                    at(NINE + 9 * MINUTE)
                );
                unit.feed(Input::AccountEvents, "A1", event.into_bytes(), NINE + 9 * MINUTE);
                unit.next[Input::AccountEvents as usize] = 1;
            } else {
                let to = at(NINE - HOLD);
                unit.tick(&Tick::SetTime { to, stands, by: "a test".to_owned() }, NINE + MINUTE);
            }
        }
        unit.next_event(NINE + 9 * MINUTE);
        (unit.stream_time(), unit.expiries(), unit.letters().len())
    };
    // What has passed since it was asked stays passed.
    let expected = (at(NINE - HOLD + 9 * MINUTE), vec![at(NINE)], 0);
    assert_eq!(told([true, false, false]), expected);
    assert_eq!(told([false, true, false]), expected);
    assert_eq!(told([false, false, true]), expected);
}

#[test]
fn time_is_set_ahead_as_far_as_the_brokers_and_holds_run_out_by_it() {
    let mut unit = Unit::new();
    unit.pends("A1", NINE);
    unit.set_time(NINE + HOLD, NINE + HOLD);
    assert_eq!(unit.stream_time(), at(NINE + HOLD));
    assert_eq!(unit.ended_since(1).len(), 1);
}

#[test]
fn what_was_set_is_told_and_by_whom() {
    #[derive(Default)]
    struct Heard(Vec<String>);
    impl DecisionSink<Pos> for Heard {
        fn send(&mut self, _: &tillgate::domain::outcome::Outcome<'_>, _: &tillgate::pipeline::Outbound<'_>) {
        }
        fn dead_letter(&mut self, _: &tillgate::pipeline::InputRecord<'_>, code: &'static str, _: &str) {
            panic!("{code}");
        }
        fn note(&mut self, _: &tillgate::pipeline::InputRecord<'_>, what: &str) {
            self.0.push(what.to_owned());
        }
    }
    let mut unit = Unit::new();
    unit.pends("A1", NINE);
    let by = || "operator \"7\"".to_owned();
    let ticks = [(0, at(NINE)), (1, at(NINE - HOLD))].map(|(offset, to)| {
        let tick = Tick::SetTime { to, stands: Some(at(NINE)), by: by() };
        let value = write_tick(&tick);
        Fed { input: Input::Ticks, timestamp_millis: NINE + MINUTE, ..Fed::pos(offset, "0", value) }
    });
    let mut heard = Heard::default();
    let schemas = &*crate::support::stream::SCHEMAS;
    let event = purchase("A2", NINE);
    let event = Fed { timestamp_millis: NINE + MINUTE, ..Fed::pos(1, "A2", event) };
    for fed in ticks.iter().chain([&event]) {
        unit.partition.on_record(schemas, &fed.record(), &mut heard).expect("it is read");
    }
    assert_eq!(
        heard.0,
        [
            r#"stream time is 2025-01-06T09:00:00Z now, as "operator \"7\"" asked for"#,
            r#"the next event sets stream time back to 2025-01-06T08:15:00Z, as "operator \"7\"" asked for"#,
            "stream time is set back from 2025-01-06T09:00:00Z to 2025-01-06T08:15:00Z, and 1 open holds with it",
        ]
    );
}

#[test]
fn a_journal_keeps_when_the_last_record_was_appended_and_one_of_before_does_not_know() {
    let mut unit = Unit::new();
    unit.pends("A1", NINE);
    unit.commit();
    let due = |partition: &Partition| partition.next_tick().map(|next| next.due_millis);
    assert_eq!(due(&unit.restored()), Some(Some(NINE + MINUTE + HOLD)));
    // As a release before ticks would have left it.
    let last = unit.journal.last_mut().expect("a record");
    let record = read_record(last).expect("a record");
    let (changes, mut rest) = record.changes;
    let bytes = rest.take(rest.len()).expect("all of it");
    let mut head = record.head.clone();
    head.appended = None;
    *last = write_record(&head, (changes, bytes), (record.entries, &[]));
    assert_eq!(due(&unit.restored()), Some(None));
    // The first tick makes it known, and moves nothing; the second one does.
    unit.partition = unit.restored();
    unit.next_tick(NINE + 9 * MINUTE);
    assert_eq!(unit.stream_time(), at(NINE));
    assert_eq!(due(&unit.partition), Some(Some(NINE + 9 * MINUTE + HOLD)));
    unit.next_tick(NINE + 9 * MINUTE + HOLD);
    assert_eq!(unit.ended_since(1).len(), 1);
}
