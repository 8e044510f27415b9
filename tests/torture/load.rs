//! The tills and the account system of a run: generated events at a steady rate for as long as the run lasts, and
//! customers who finish or refuse the step that a Pending outcome asks for. What back offices send is in `contacts`.
//! Never gives up on a record: a broker that is gone comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use tillgate::codec::tick::{Tick, UnitTimes, write_tick};
use tillgate::domain::Micros;
use tillgate::domain::account_event::{AccountChange, AccountEvent, Resolve, Update};
use tillgate::domain::hashing::hash64;
use tillgate::domain::reply::REQUEST_ID;
use tillgate::load::{Encoder, Generated, LoadSettings, MistakeShares, World};

use crate::contacts;
use crate::faults::now;
use crate::plan::Round;
use crate::support::scene::Scene;

/// Few enough that each has many events, many enough for every partition.
const ACCOUNTS: u32 = 2_000;
/// Events in a thousand that have something wrong with them.
const MISTAKES: u16 = 100;
const FLUSH_WITHIN: Duration = Duration::from_secs(120);
/// How long after the event a customer answers.
const ANSWER_AFTER: Micros = Micros(300 * 1_000_000);
/// POS events after which time passes faster than by events alone.
const TICK_AFTER: u64 = 500;
/// By how much it does: holds run out by ticks too, and no event is late by it.
const TICK_REACHES: Micros = Micros(2 * 3_600 * 1_000_000);

/// Load under way.
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<u64>>,
}

impl Load {
    /// Opens the accounts, then lets the tills and customers begin.
    pub fn start(scene: &Scene, round: &Round) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let settings = LoadSettings {
            seed: round.seed,
            count: u64::MAX,
            accounts: ACCOUNTS,
            step: LoadSettings::step_for(ACCOUNTS),
            mistakes: MistakeShares::even(MISTAKES),
            ..LoadSettings::default()
        };
        let world = World::new(settings.validated().expect("settings that can be"));
        let tills = Sender::new(scene, round);
        for event in world.opening_events() {
            tills.account_event(&event, world.accounts().opened_at());
        }
        tills.flush();
        let customers = Customers::new(scene, Sender::new(scene, round));
        let offices = Sender::new(scene, round);
        let (of_scene, its_stop) = (contacts::Inputs::of(scene), Arc::clone(&stop));
        let (rate, seed) = (round.rate, round.seed);
        let offices =
            std::thread::spawn(move || contacts::send(&offices, &of_scene, (seed, rate), &its_stop));
        let its_stop = Arc::clone(&stop);
        let tills = std::thread::spawn(move || send(&tills, &world, rate, &its_stop));
        let its_stop = Arc::clone(&stop);
        let customers = std::thread::spawn(move || customers.answer(&its_stop));
        Load { stop, threads: vec![tills, customers, offices] }
    }

    /// Ends it; all that was sent has arrived then.
    ///
    /// # Panics
    /// When a record did not arrive.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in std::mem::take(&mut self.threads) {
            thread.join().expect("load without a fault");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

#[allow(clippy::disallowed_methods, reason = "a rate is kept against the clock")]
fn send(tills: &Sender, world: &World, rate: u32, stop: &AtomicBool) -> u64 {
    let began = Instant::now();
    let mut sent: u64 = 0;
    for generated in world.generate() {
        while (sent as u128) * 1_000_000 >= began.elapsed().as_micros() * u128::from(rate) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        match generated {
            Generated::Account { event, time } => tills.account_event(&event, time),
            Generated::Pos(record) => {
                let mut value = Vec::new();
                tills.encoder.pos_record(&record, &mut value).expect("a record with a place");
                tills.send(&tills.pos_events, record.key.as_deref(), &value, record.time);
                sent += 1;
                if sent.is_multiple_of(TICK_AFTER) {
                    tills.tick(record.time);
                }
            }
        }
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    tills.flush();
    sent
}

/// Writes input records.
pub struct Sender {
    producer: ThreadedProducer<Failures>,
    encoder: Encoder,
    pos_events: String,
    account_events: String,
    ticks: String,
    partitions: u32,
}

/// The first record that did not arrive.
#[derive(Default)]
struct Failures(Mutex<Option<String>>);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.lock().expect("the lock").get_or_insert(error.to_string());
        }
    }
}

impl Sender {
    fn new(scene: &Scene, round: &Round) -> Self {
        let encoder =
            if round.avro { Encoder::avro_single_object().expect("our schemas") } else { Encoder::Json };
        let mut config = scene.kafka.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("compression.type", "zstd")
            .set("partitioner", "murmur2_random");
        Sender {
            producer: config.create_with_context(Failures::default()).expect("a producer"),
            encoder,
            pos_events: scene.pos_events.clone(),
            account_events: scene.account_events.clone(),
            ticks: scene.ticks.clone(),
            partitions: scene.partitions(),
        }
    }

    /// Says of every partition that time has passed since `time`, as an instance says it of one where nothing comes.
    fn tick(&self, time: Micros) {
        let last_record = Some(Micros::from_millis(now()).minus(TICK_REACHES));
        let value = write_tick(&Tick::Passed(UnitTimes { stream_time: time, last_record }));
        for partition in 0..self.partitions as i32 {
            let key = partition.to_string();
            let record = BaseRecord::<[u8], [u8]>::to(&self.ticks).partition(partition).key(key.as_bytes());
            self.give(record.payload(&value));
        }
    }

    fn account_event(&self, event: &AccountEvent, time: Micros) {
        let mut value = Vec::new();
        self.encoder.account_event(event, &mut value).expect("an event with a place");
        self.send(&self.account_events, Some(event.account.as_bytes()), &value, time);
    }

    /// Sends an account event and asks what becomes of it.
    fn ask(&self, event: &AccountEvent, time: Micros) {
        let mut value = Vec::new();
        self.encoder.account_event(event, &mut value).expect("an event with a place");
        let headers = OwnedHeaders::new().insert(Header { key: REQUEST_ID, value: Some(&event.id) });
        let record = BaseRecord::<[u8], [u8]>::to(&self.account_events)
            .key(event.account.as_bytes())
            .payload(&value)
            .timestamp(time.0.div_euclid(1_000));
        self.give(record.headers(headers));
    }

    fn send(&self, topic: &str, key: Option<&[u8]>, value: &[u8], time: Micros) {
        let mut record =
            BaseRecord::<[u8], [u8]>::to(topic).payload(value).timestamp(time.0.div_euclid(1_000));
        record.key = key;
        self.give(record);
    }

    /// Hands a record over, however long that takes.
    pub fn give(&self, mut record: BaseRecord<'_, [u8], [u8]>) {
        while let Err((error, refused)) = self.producer.send(record) {
            assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
            record = refused;
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let failure = self.producer.context().0.lock().expect("the lock").take();
        assert_eq!(failure, None, "an event did not arrive");
    }

    /// Waits until all of them have arrived.
    pub fn flush(&self) {
        self.producer.flush(FLUSH_WITHIN).expect("acknowledgements");
        let failure = self.producer.context().0.lock().expect("the lock").take();
        assert_eq!(failure, None, "an event did not arrive");
    }
}

/// Those who are asked for a step: they read outcomes as everybody may, and most of them answer.
struct Customers {
    reader: BaseConsumer,
    sender: Sender,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    transaction_id: String,
    account_number: String,
    outcome: String,
    event_time: Option<String>,
}

impl Customers {
    fn new(scene: &Scene, sender: Sender) -> Self {
        let mut config = scene.kafka.client();
        config.set("group.id", "customers").set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed");
        let reader: BaseConsumer = config.create().expect("a reader");
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&scene.pos_outcomes, 0, scene.partitions() as i32 - 1);
        list.set_all_offsets(Offset::Beginning).expect("the beginnings");
        reader.assign(&list).expect("the assignment");
        Customers { reader, sender }
    }

    fn answer(&self, stop: &AtomicBool) -> u64 {
        let mut answered = 0;
        while !stop.load(Ordering::SeqCst) {
            // Errors pass: a broker that is gone comes back.
            let Some(Ok(message)) = self.reader.poll(Duration::from_millis(100)) else { continue };
            let value = message.payload().expect("an outcome");
            let asked: Asked = serde_json::from_slice(value).expect("an outcome in JSON");
            // Chance of a kind: the same answer to the same outcome.
            let mood = hash64(asked.transaction_id.as_bytes()) % 10;
            let time = asked.event_time.as_deref().and_then(Micros::parse_rfc3339);
            let (Some(time), "Pending", 0..=6) = (time, asked.outcome.as_str(), mood) else { continue };
            let resolve = Resolve { transaction_id: asked.transaction_id.clone(), granted: mood < 5 };
            let event = AccountEvent {
                id: format!("resolve-{}", asked.transaction_id),
                account: asked.account_number,
                change: AccountChange::Update(Box::new(Update {
                    resolve: Some(resolve),
                    ..Update::default()
                })),
                created_at: Some(time.plus(ANSWER_AFTER)),
                idempotency_key: None,
            };
            self.sender.ask(&event, time.plus(ANSWER_AFTER));
            answered += 1;
        }
        self.sender.flush();
        answered
    }
}
