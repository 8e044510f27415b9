//! What is fed in: events of the load generator with its mistakes, account events of every kind between them, records
//! without a key or a sense, deliveries that come twice, transactions of the sender, answers to Pending outcomes. It
//! grows while the cluster runs. Never says what the answers should be.

use std::{sync::Arc, time::Duration};

use tillgate::{
    codec::json::{write_account_event, write_pos_event},
    domain::{
        Micros, PartitionId,
        account_event::{AccountChange, AccountEvent, Resolve, Update},
        partitioner::Partitioner,
        reply::REQUEST_ID,
    },
    load::{Generated, LoadSettings, MistakeShares, TillContent, World as Shop, draw::Draw},
    pos::{FLOW, Input},
};

use super::{
    contacts,
    log::{Place, Record, Topic},
    tally,
    world::{Sim, World},
};
use crate::support::tally::FLOW as TALLY;

const POS_EVENTS: Topic = Topic::Input(&FLOW, Input::PosEvents as usize);
const TICKS: Topic = Topic::Input(&FLOW, Input::Ticks as usize);
const ACCOUNT_EVENTS: Topic = Topic::Input(&FLOW, Input::AccountEvents as usize);

/// Header of a record that its sender puts on another partition than its key belongs to.
pub const ASTRAY: &str = "astray";

/// A record to come, and its topic.
pub type Coming = (Topic, Record);

/// How the input of a run looks.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub seed: u64,
    pub events: u64,
    pub accounts: u32,
    /// How many records have a bad one before them that is meant to stop its partition.
    pub bad_per_mille: u16,
    /// Over how much time they come.
    pub time: Duration,
}

/// The record of an account event.
pub fn account_record(event: &AccountEvent, time: Micros) -> Coming {
    let mut value = Vec::new();
    write_account_event(event, &mut value);
    let key = Some(event.account.clone().into_bytes());
    (
        ACCOUNT_EVENTS,
        Record { key, value: Some(value), timestamp_millis: time.0 / 1_000, ..Record::default() },
    )
}

/// The tills of a run and their customers.
fn shop(shape: &Shape) -> Shop {
    let settings = LoadSettings {
        seed: shape.seed,
        count: shape.events,
        accounts: shape.accounts,
        terminals: 18,
        lines: 2,
        step: Micros(90_000_000),
        mistakes: MistakeShares::even(300),
        ..LoadSettings::default()
    };
    Shop::new(settings.validated().unwrap_or_else(|fault| panic!("{fault}")))
}

/// All that comes from outside, in order; answers to Pending outcomes come on top.
fn coming(shape: &Shape, shop: &Shop) -> Vec<Coming> {
    let mut draw = Draw::of_slot(shape.seed, 7);
    let opened = shop.accounts().opened_at();
    let mut coming: Vec<Coming> = shop
        .opening_events()
        .filter(|_| !draw.per_mille(30))
        .map(|event| account_record(&event, opened))
        .collect();
    let mut draw = Draw::of_slot(shape.seed, 8);
    for generated in shop.generate() {
        match generated {
            Generated::Account { event, time } => coming.push(account_record(&event, time)),
            Generated::Pos(record) => {
                let value = match record.content {
                    TillContent::Event(event) => {
                        let mut value = Vec::new();
                        write_pos_event(&event, &mut value);
                        value
                    }
                    TillContent::Bytes(bytes) => bytes,
                };
                let timestamp_millis = record.time.0 / 1_000;
                let record =
                    Record { key: record.key, value: Some(value), timestamp_millis, ..Record::default() };
                if draw.per_mille(shape.bad_per_mille) {
                    coming.push((POS_EVENTS, worst(&record, &mut draw)));
                }
                meddle(&mut coming, record, &mut draw, shop);
            }
        }
    }
    coming
}

/// What a sender can do at the worst with the right to write an input.
fn worst(record: &Record, draw: &mut Draw) -> Record {
    let unreadable = |headers| Record { value: Some(b"{".to_vec()), headers, ..record.clone() };
    match draw.below(9) {
        0 => unreadable(vec![("bomb", vec![0; 20_000])]),
        1 => unreadable((0..300).map(|_| ("many", vec![0; 3])).collect()),
        2 => unreadable(vec![("error.code", b"forged".to_vec()), ("attempt", b"0".to_vec())]),
        3 => Record { value: Some(vec![b'{'; 20_000]), ..record.clone() },
        4 => Record { key: Some(vec![b'k'; 20_000]), ..record.clone() },
        5 => {
            let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
            let id = format!("\"accountTransactionId\":\"{}", "x".repeat(20_000));
            let value = text.replace("\"accountTransactionId\":\"", &id).into_bytes();
            Record { value: Some(value), ..record.clone() }
        }
        6 => Record { headers: vec![(ASTRAY, Vec::new())], ..record.clone() },
        7 => Record { timestamp_millis: -1, ..record.clone() },
        _ => {
            let id = draw.between(1_000, 1_000_000).to_be_bytes();
            Record { value: Some([&[0], &id[..], &[1]].concat()), ..record.clone() }
        }
    }
}

/// The record, and now and then something else before it.
fn meddle(coming: &mut Vec<Coming>, record: Record, draw: &mut Draw, shop: &Shop) {
    let time = record.timestamp_millis;
    match draw.below(40) {
        0 => coming.push((POS_EVENTS, Record { key: None, ..record.clone() })),
        1 => coming.push((POS_EVENTS, Record { value: None, ..record.clone() })),
        2 => coming.push((POS_EVENTS, Record { value: Some(b"{\"no\":".to_vec()), ..record.clone() })),
        3 => {
            let headers = vec![(REQUEST_ID, b"unreadable".to_vec())];
            coming.push((ACCOUNT_EVENTS, Record { value: Some(vec![0, 1, 2]), headers, ..record.clone() }));
        }
        4 => coming.push((POS_EVENTS, Record { key: Some(vec![0xff, 0xfe]), ..record.clone() })),
        5 => coming.push((POS_EVENTS, Record { timestamp_millis: -1, ..record.clone() })),
        17 => coming.push((TICKS, forged_tick(draw, Micros(time * 1_000)))),
        6..=16 => {
            let account = shop.accounts().at(draw.below(shop.accounts().count())).number();
            let change = change(draw);
            let key = draw.per_mille(300).then(|| format!("key-{}", draw.below(3)));
            let event = AccountEvent {
                id: format!("acc_evt_{}", coming.len()),
                account,
                change,
                created_at: Some(Micros(time * 1_000)),
                idempotency_key: key,
            };
            let (topic, mut record) = account_record(&event, Micros(time * 1_000));
            if draw.per_mille(600) {
                record.headers.push((REQUEST_ID, format!("request-{}", coming.len()).into_bytes()));
            }
            coming.push((topic, record));
        }
        _ => {}
    }
    coming.push((POS_EVENTS, record));
}

/// A tick that no worker has written: of nonsense, of a time that is far away, or one by which an operator sets time to
/// hours before or after `now`.
fn forged_tick(draw: &mut Draw, now: Micros) -> Record {
    let (far, first) = ("9999-01-01T00:00:00Z", "1970-01-01T00:00:00Z");
    let hours = Micros(i64::from(draw.between(0, 40)) * 3_600_000_000);
    let near = if draw.per_mille(500) { now.minus(hours) } else { now.plus(hours) };
    let value = match draw.below(7) {
        0 => "{".to_owned(),
        1 => format!(r#"{{"kind":"setTime","to":"{far}","by":"a fool"}}"#),
        2 => format!(r#"{{"kind":"passed","streamTime":"{far}","lastRecordTime":"{first}"}}"#),
        3 => format!(r#"{{"kind":"passed","streamTime":"{first}","lastRecordTime":"{far}"}}"#),
        4 => format!(r#"{{"kind":"setTime","to":"{near}","by":"an operator"}}"#),
        _ => format!(r#"{{"kind":"setTime","to":"{near}","streamTime":"{now}","by":"an operator"}}"#),
    };
    let key = if draw.per_mille(100) { None } else { Some(draw.below(3).to_string().into_bytes()) };
    Record { key, value: Some(value.into_bytes()), timestamp_millis: now.0 / 1_000, ..Record::default() }
}

fn change(draw: &mut Draw) -> AccountChange {
    let amount = i64::from(draw.between(1, 40_000));
    let on = draw.per_mille(500);
    let payment = |status: &str| AccountChange::Payment { amount, status: status.to_owned(), reverses: None };
    match draw.below(12) {
        0 | 1 => payment("success"),
        2 => payment("reversed"),
        3 => payment("failed"),
        4 => AccountChange::CashAdvance { amount },
        5 => AccountChange::Limit { amount: amount * 20 },
        6..=8 => AccountChange::Flag { name: "review".to_owned(), set: on, transaction_id: None },
        9 => AccountChange::Flag { name: "vip".to_owned(), set: on, transaction_id: None },
        10 => AccountChange::Default { satisfied: on },
        _ => AccountChange::Update(Box::new(Update { ssn_known: Some(on), ..Update::default() })),
    }
}

/// Where a record goes.
fn place(world: &mut World, topic: Topic, record: &Record) -> Place {
    let Topic::Input(flow, _) = topic else { panic!("nothing else is fed") };
    let partitions = world.flows[flow];
    if topic == TICKS {
        let number = record.key.as_deref().and_then(|key| str::from_utf8(key).ok()?.parse::<u32>().ok());
        return (topic, PartitionId::new((number.unwrap_or_default() % partitions) as i32));
    }
    let number = match &record.key {
        Some(key) => Partitioner::Murmur2.partition_of(key, partitions).number(),
        None => world.draw.below(partitions) as i32,
    };
    let astray = record.header(ASTRAY).is_some();
    (topic, PartitionId::new((number + i32::from(astray)) % partitions as i32))
}

/// Two lists as one, each in its order.
fn mixed(one: Vec<Coming>, other: Vec<Coming>, draw: &mut Draw) -> Vec<Coming> {
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    let mut all = Vec::new();
    while one.peek().is_some() || other.peek().is_some() {
        let first = other.peek().is_none() || one.peek().is_some() && draw.per_mille(500);
        all.extend(if first { one.next() } else { other.next() });
    }
    all
}

/// Feeds until nothing is left.
pub fn feed(sim: &Arc<Sim>, shape: &Shape) {
    let shop = shop(shape);
    let mut all = coming(shape, &shop);
    if sim.world().flows.contains_key(&TALLY) {
        all = mixed(all, tally::coming(shape), &mut sim.world().draw);
    }
    if sim.world().flows.contains_key(&contacts::FLOW) {
        all = mixed(all, contacts::coming(shape, &shop), &mut sim.world().draw);
    }
    let mut coming = all.into_iter();
    let pause = shape.time * 8 / (coming.len().max(1) as u32);
    let mut answered = Answered::default();
    loop {
        let sleep = {
            let mut world = sim.world();
            let count = world.draw.between(1, 15) as usize;
            let batch: Vec<Coming> = coming.by_ref().take(count).collect();
            if batch.is_empty() {
                break;
            }
            let transaction = world.draw.per_mille(150);
            deliver(&mut world, batch, transaction);
            answered.answer(&mut world);
            pause * world.draw.between(0, 2_000) / 1_000
        };
        sim.sleep(sleep);
    }
    for _ in 0..3 {
        sim.sleep(Duration::from_millis(500));
        answered.answer(&mut sim.world());
    }
}

fn deliver(world: &mut World, mut batch: Vec<Coming>, transaction: bool) {
    world.news = true;
    for (topic, record) in &mut batch {
        if !contacts::has_days_of_its_own(*topic) {
            world.is_later_than(record.timestamp_millis);
        }
        if *topic == TICKS {
            record.timestamp_millis = world.clock_millis();
        }
    }
    if !transaction {
        for (topic, record) in batch {
            let place = place(world, topic, &record);
            if world.draw.per_mille(40) {
                *world.faults.entry("delivered twice").or_default() += 1;
                world.log(place).append(None, record.clone());
            }
            world.log(place).append(None, record);
        }
        return;
    }
    // A sender with transactions of its own: its markers take offsets, and what it aborts comes again.
    let producer = world.number();
    let mut places = Vec::new();
    for (topic, record) in &batch {
        let place = place(world, *topic, record);
        world.log(place).append(Some(producer), record.clone());
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let commit = world.draw.per_mille(600);
    let open = world.millis(0, 900);
    world.senders += 1;
    world.note(0, "sender's transaction", [producer as i64, commit.into()]);
    world.after(open, move |world| {
        for place in places {
            world.log(place).end(producer, commit);
        }
        world.news = true;
        world.senders -= 1;
        if !commit {
            deliver(world, batch, false);
        }
    });
}

/// Which outcomes were looked at for something to answer.
#[derive(Default)]
struct Answered {
    next: Vec<i64>,
    count: u64,
}

impl Answered {
    /// As the account system would: grants or refuses what is Pending.
    fn answer(&mut self, world: &mut World) {
        let partitions = world.flows[&FLOW];
        self.next.resize(partitions as usize, 0);
        for partition in PartitionId::all(partitions) {
            let next = self.next[partition.index()];
            let log = world.log((Topic::Output(&FLOW, 0), partition));
            let found: Vec<(i64, Arc<Record>)> =
                log.committed(next).map(|(at, record)| (at, Arc::clone(record))).collect();
            for (at, record) in found {
                self.next[partition.index()] = at + 1;
                let text = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
                if !text.contains(r#""outcome":"Pending""#) || world.draw.per_mille(300) {
                    continue;
                }
                let id = text.split('"').skip_while(|part| *part != "transactionId").nth(2);
                let account = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
                self.count += 1;
                let granted = world.draw.per_mille(600);
                let resolve = Some(Resolve { transaction_id: id.unwrap_or_default().to_owned(), granted });
                let event = AccountEvent {
                    id: format!("acc_evt_answer_{}", self.count),
                    account: account.into_owned(),
                    change: AccountChange::Update(Box::new(Update { resolve, ..Update::default() })),
                    created_at: None,
                    idempotency_key: None,
                };
                let (topic, record) = account_record(&event, Micros(0));
                let place = place(world, topic, &record);
                world.log(place).append(None, record);
                world.news = true;
            }
        }
    }
}
