//! Reads what a run left behind, as anybody could: committed records of the topics, the group's offsets, and the
//! state that the journal folds to. Never judges it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde::Deserialize;
use serde_json::value::RawValue;
use tillgate::codec::json::read_reply;
use tillgate::codec::{decode_account_event, decode_pos_event};
use tillgate::domain::PartitionId;
use tillgate::domain::account_event::{AccountChange, AccountEvent as Decoded};
use tillgate::domain::reply::REQUEST_ID;
use tillgate::pos::{Partition as Pipeline, PartitionOptions, Restore};

use crate::checker::{AccountEvent, Event, Evidence, Outcome, Partition, Standing, Topic};
use crate::support::scene::{Scene, WITHIN};
use crate::support::stream::{SCHEMAS, engine, options};
use crate::support::{Record, eventually};

/// How long a transaction of a killed instance may stay open: its time-out, and the brokers' round after it.
const ABORTED_WITHIN: Duration = Duration::from_secs(30);

/// Everything that is there once nothing moves any more.
pub fn gather(scene: &Scene) -> Evidence {
    let mut evidence = Evidence {
        partitions: vec![Partition::default(); scene.partitions() as usize],
        open: open_transactions(scene),
        ..Evidence::default()
    };
    if !evidence.open.is_empty() {
        return evidence;
    }
    let partitions = &mut evidence.partitions;
    scene.kafka.each_committed(&scene.pos_events, |record| {
        let partition = &mut partitions[record.partition as usize];
        assert_eq!(record.offset, partition.events.len() as i64, "events without a gap");
        partition.events.push(event(&record));
    });
    let mut seen = BTreeSet::new();
    scene.kafka.each_committed(&scene.account_events, |record| {
        let partition = &mut partitions[record.partition as usize];
        assert_eq!(record.offset, partition.account_events.len() as i64, "account events without a gap");
        partition.account_events.push(account_event(&record, &mut seen));
        partition.asked.extend(record.header(REQUEST_ID).map(|_| record.offset));
    });
    scene.kafka.each_committed(&scene.ticks, |record| {
        let partition = &mut partitions[record.partition as usize];
        assert_eq!(record.offset, partition.ticks, "ticks without a gap");
        partition.ticks += 1;
    });
    scene.kafka.each_committed(&scene.pos_outcomes, |record| {
        partitions[record.partition as usize].outcomes.push(outcome(scene, &record));
    });
    scene.kafka.each_committed(&scene.account_results, |record| {
        let (source, offset) =
            read_reply(record.value.as_deref().unwrap_or_default()).expect("a reply").source;
        assert_eq!(source.number(), record.partition, "a reply stands on the partition of its event");
        partitions[record.partition as usize].replies.push(offset);
    });
    let letters = &mut evidence.dead_letters;
    scene.kafka.each_committed(&scene.dead_letters, |record| letters.push(source_of(scene, &record)));
    fold(scene, partitions);
    group(scene, partitions);
    evidence
}

/// Topics on which a transaction is open and stays so.
fn open_transactions(scene: &Scene) -> Vec<String> {
    let of_contacts = ["contact_decisions", "interaction_results", "contact_journal", "parties"];
    let mut topics = of_contacts.map(|topic| scene.of_contacts(topic)).to_vec();
    let of_pos = [&scene.pos_outcomes, &scene.account_results, &scene.dead_letters, &scene.journal];
    topics.extend(of_pos.map(String::clone));
    let ends: Vec<_> = topics.iter().map(|topic| scene.kafka.ends(topic)).collect();
    let mut config = scene.kafka.client();
    config.set("group.id", "torture").set("isolation.level", "read_committed");
    let reader: BaseConsumer = config.create().expect("a reader");
    let held = || {
        let mut held = Vec::new();
        for (topic, ends) in topics.iter().zip(&ends) {
            let stable = |(partition, end): (&i32, &i64)| {
                let found = reader.fetch_watermarks(topic, *partition, WITHIN);
                found.is_ok_and(|(_, stable)| stable >= *end)
            };
            if !ends.iter().all(stable) {
                held.push(topic.clone());
            }
        }
        held
    };
    let mut tries = ABORTED_WITHIN.as_secs();
    loop {
        let open = held();
        if open.is_empty() || tries == 0 {
            return open;
        }
        tries -= 1;
        std::thread::park_timeout(Duration::from_secs(1));
    }
}

fn event(record: &Record) -> Event {
    let Some(key) = &record.key else { return Event::Keyless };
    let account = String::from_utf8(key.clone()).expect("a key in UTF-8");
    match decode_pos_event(&*SCHEMAS, record.value.as_deref().unwrap_or_default(), None) {
        Ok(_) => Event::Sound(account),
        Err(_) => Event::Undecodable(account),
    }
}

fn account_event(record: &Record, seen: &mut BTreeSet<String>) -> AccountEvent {
    let value = record.value.as_deref().unwrap_or_default();
    let Ok(Decoded { id, account, change, .. }) = decode_account_event(&*SCHEMAS, value, None) else {
        return AccountEvent::Unreadable;
    };
    if !seen.insert(id) {
        return AccountEvent::Repeated;
    }
    let minor = match &change {
        AccountChange::Payment { amount, status, .. } => match status.as_str() {
            "success" => -amount,
            "reversed" => *amount,
            _ => 0,
        },
        AccountChange::CashAdvance { amount } => *amount,
        AccountChange::Update(update) if update.resolve.is_some() => {
            return AccountEvent::Resolve;
        }
        _ => 0,
    };
    AccountEvent::Applied { account, change: minor * 100 }
}

/// What of an outcome is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    transaction_id: String,
    account_number: String,
    outcome: String,
    supersedes: Option<String>,
    risk_check_messages: Vec<Coded>,
    source: Source,
    #[serde(borrow)]
    posted_amount: Option<&'a RawValue>,
    #[serde(borrow)]
    balance_after: Option<&'a RawValue>,
    account_revision: i64,
    positions: BTreeMap<String, i64>,
}

#[derive(Deserialize)]
pub struct Coded {
    pub code: String,
}

#[derive(Deserialize)]
pub struct Source {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

fn outcome(scene: &Scene, record: &Record) -> Outcome {
    let said: Said<'_> = serde_json::from_str(record.text()).expect("an outcome in JSON");
    let key = record.key.as_deref();
    assert_eq!(key, Some(said.account_number.as_bytes()), "an outcome's key is its account");
    let Source { topic, partition, offset } = said.source;
    let amount = |raw: Option<&RawValue>| raw.map(|raw| ten_thousandths(raw.get()));
    Outcome {
        id: said.transaction_id,
        account: said.account_number,
        pending: said.outcome == "Pending",
        supersedes: said.supersedes,
        ran_out: said.risk_check_messages.iter().any(|message| message.code == "pos.pending.expired"),
        source: (topic_of(scene, &topic), partition, offset),
        posted: amount(said.posted_amount),
        balance: amount(said.balance_after),
        revision: said.account_revision,
        position: said.positions.values().copied().next().unwrap_or(0),
        at: record.timestamp,
    }
}

/// An amount as JSON writes it, without a float in between.
fn ten_thousandths(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(part.len() <= 4, "{text}: more than four decimals");
    let number = |digits: &str| digits.parse::<i64>().unwrap_or_else(|_| panic!("{text}: no amount"));
    sign * (number(whole) * 10_000 + number(&format!("{part:0<4}")))
}

#[test]
fn reads_amounts_as_they_are_written() {
    for (text, expected) in [("0.00", 0), ("-12.5", -125_000), ("163.6401", 1_636_401), ("7", 70_000)] {
        assert_eq!(ten_thousandths(text), expected, "{text}");
    }
}

fn topic_of(scene: &Scene, name: &str) -> Topic {
    if name == scene.pos_events {
        Topic::Events
    } else if name == scene.ticks {
        Topic::Ticks
    } else {
        assert_eq!(name, scene.account_events, "an input topic");
        Topic::AccountEvents
    }
}

fn source_of(scene: &Scene, letter: &Record) -> (Topic, i32, i64) {
    let header = |name: &str| letter.header(name).unwrap_or_else(|| panic!("a dead letter without {name}"));
    let number = |name: &str| header(name).parse::<i64>().unwrap_or_else(|_| panic!("{name}: no number"));
    (topic_of(scene, header("source.topic")), number("source.partition") as i32, number("source.offset"))
}

/// The state and positions that the journal gives.
fn fold(scene: &Scene, partitions: &mut [Partition]) {
    let engine = engine::<&str>(&[]);
    let input_partitions = scene.partitions();
    let options = || PartitionOptions { input_partitions, ..options() };
    let begin = |number| Restore::new(Pipeline::new(engine.clone(), number, options()));
    let mut restores: Vec<Restore> = PartitionId::all(scene.partitions()).map(begin).collect();
    scene.kafka.each_committed(&scene.journal, |record| {
        let restore = &mut restores[record.partition as usize];
        restore.on_record(record.value.as_deref().expect("a journal record")).unwrap_or_else(|fault| {
            panic!("journal of partition {} at {}: {fault}", record.partition, record.offset)
        });
    });
    for (restore, partition) in restores.into_iter().zip(partitions) {
        let restored = restore.finish().unwrap_or_else(|fault| panic!("the journal: {fault}"));
        partition.journal = [0, 1, 2].map(|input| restored.positions()[input]);
        let standing = |account: &tillgate::state::Account| Standing {
            balance: account.balance.ten_thousandths(),
            revision: account.revision,
        };
        let accounts = restored.state().accounts().iter();
        partition.state = accounts.map(|account| (account.number.to_string(), standing(account))).collect();
    }
}

fn group(scene: &Scene, partitions: &mut [Partition]) {
    let member = scene.member();
    let committed = eventually(WITHIN, "the group's offsets", || scene.committed(&member, WITHIN));
    for (number, partition) in (0_i32..).zip(partitions) {
        partition.group = [&scene.pos_events, &scene.account_events, &scene.ticks].map(|topic| {
            let offset = committed.find_partition(topic, number)?.offset().to_raw()?;
            (offset >= 0).then_some(offset)
        });
    }
}
