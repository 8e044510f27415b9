//! The transactional producer, over librdkafka.
//!
//! It is polled by the worker's own thread, not by one beside it: after every commit and abort all queued log lines
//! have been looked at before [`Producer::disturbed`] is asked, which a polling thread could not promise. The one call
//! that needs somebody else to poll meanwhile is the abort (it waits for the reports of the messages it drops), so it
//! gets a thread for as long as it lasts.

use super::consumer::{ClientRecord, Member};
use super::error::{fault, naming};
use super::log::Signals;
use super::new_record::NewRecord;
use super::outbox::{BUSY_MAX, Outbox};
use super::send_now::send_now;
use super::{clock, config, outbox};
use crate::codec::rulesets;
use crate::domain::PartitionId;
use crate::domain::visible::visible;
use crate::kafka::cluster::rights::{Resource, Right};
use crate::kafka::failure::{Destination, Fault, FaultClass, Operation};
use crate::kafka::locked::locked;
use crate::kafka::port::{
    Header, InputPartition, LentRecord, LetterRecord, Outbound, RulesetChange, TransactionalProducer, Unit,
};
use crate::kafka::settings::{ClusterSettings, Topics};
use crate::telemetry;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Header of journal records that names the transactional id of their writer.
pub const WRITER_HEADER: &str = "writer";

/// How often acknowledgements are looked for.
const FLUSH_STEP: Duration = Duration::from_micros(200);
/// Wait before the client is told to ask the coordinator again; it doubles up to [`ASK_AGAIN_MAX`].
const ASK_AGAIN_MIN: Duration = Duration::from_millis(20);
const ASK_AGAIN_MAX: Duration = Duration::from_millis(500);
/// How much longer than its own time-out a call may take before it is given up.
const OVERDUE: Duration = Duration::from_secs(1);

/// What the callbacks note.
pub struct ProducerNotes {
    topics: Topics,
    signals: Signals,
    failure: Mutex<Failure>,
}

/// What went wrong with a transaction.
#[derive(Default)]
struct Failure {
    message: Option<FailedMessage>,
    /// Why it cannot be committed, where the client says so in its log alone: what its calls and reports say then is that
    /// messages were dropped.
    refusal: Option<Fault>,
}

/// A message that was not written.
struct FailedMessage {
    fault: Fault,
    /// The client dropped it, for a reason that something else says.
    is_dropped: bool,
}

impl Failure {
    /// Why the transaction cannot be committed: what is said of a message, unless it was only dropped.
    fn cause(&self) -> Option<Fault> {
        let Self { message, refusal } = self;
        let said = message.as_ref().filter(|message| refusal.is_none() || !message.is_dropped);
        said.map(|message| &message.fault).or(refusal.as_ref()).cloned()
    }
}

impl ProducerNotes {
    /// Notes a message that is missing: what is open must not be committed.
    fn note(&self, failed: FailedMessage) {
        let message = &mut locked(&self.failure).message;
        if message.as_ref().is_none_or(|before| before.is_dropped && !failed.is_dropped) {
            *message = Some(failed);
        }
    }

    /// `Failed to add partition "TOPIC" [0] to transaction: WORDS`, of facility `ADDPARTS`, and what follows from it:
    /// `Current transaction failed in state STATE: WORDS`, of `TXNERR`.
    fn on_refusal(&self, facility: &str, line: &str) {
        let refused =
            |text: &str| Fault::new(Operation::Flush, FaultClass::NeedsAbort, visible(text).into_owned());
        let found = match facility {
            "ADDPARTS" => line.split_once("Failed to add partition \"").and_then(|(_, rest)| {
                let (topic, words) = rest.split_once('"')?;
                let fault = refused(&format!("topic {topic}{words}"));
                let lacks = words.contains("Topic authorization failed");
                Some(if lacks {
                    fault.lacking(Resource::Topic(topic.to_owned()), Right::Write)
                } else {
                    fault
                })
            }),
            "TXNERR" => {
                line.split_once("Current transaction failed in state ").map(|(_, words)| refused(words))
            }
            _ => None,
        };
        if let Some(found) = found {
            locked(&self.failure).refusal.get_or_insert(found);
        }
    }
}

impl ClientContext for ProducerNotes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.on_refusal(facility, line);
        self.signals.on_log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.signals.on_event();
        // Its log lines say the same.
        log::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ProducerContext for ProducerNotes {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.signals.on_event();
        if let Err((error, message)) = result {
            let class = class_of(error, &self.topics, message.topic(), FaultClass::NeedsAbort);
            let text = format!("a message to {} [{}]: {error}", message.topic(), message.partition());
            let topic = || Resource::Topic(message.topic().to_owned());
            let fault = naming(Fault::new(Operation::Flush, class, text), error, Right::Write, topic);
            let dropped = [Some(RDKafkaErrorCode::PurgeQueue), Some(RDKafkaErrorCode::PurgeInflight)];
            self.note(FailedMessage { fault, is_dropped: dropped.contains(&error.rdkafka_error_code()) });
        }
    }
}

/// What a call says, or what brought it about: where the transaction can only be aborted, and that was not the call
/// itself. A call whose fate is open, or that is made again, stays so whatever went wrong before.
fn because(found: Fault, cause: Option<Fault>) -> Fault {
    match cause {
        Some(cause) if found.class == FaultClass::NeedsAbort && found.operation != Operation::Abort => {
            Fault { operation: found.operation, ..cause }
        }
        _ => found,
    }
}

/// The class of an error about one message to `topic`: a size that no try will change, otherwise `other`.
fn class_of(error: &KafkaError, topics: &Topics, topic: &str, other: FaultClass) -> FaultClass {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => FaultClass::TooLarge(Destination::of(topics, topic)),
        _ => other,
    }
}

/// What `call` gives, if it does so within `limit`; otherwise the call is left to itself. The client's call that adds
/// positions can hang for as long as all brokers that are left stay as they are, once the group's coordinator is gone
/// (librdkafka issues 5456 and 5511): it keeps its thread and its client until it returns, and what it then still
/// sends is fenced by the next producer of the id.
fn call_within<T: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let fatal = |text: String| Fault::new(Operation::Offsets, FaultClass::Fatal, text);
    let (sender, receiver) = channel();
    // Nobody is there to take a result that comes too late.
    let run = move || drop(sender.send(call()));
    std::thread::Builder::new()
        .name("offsets".to_owned())
        .spawn(run)
        .map_err(|error| fatal(format!("no thread to add the positions by: {error}")))?;
    receiver.recv_timeout(limit).map_err(|_late| fatal(format!("the client gave no answer for {limit:?}")))
}

fn with_header(headers: OwnedHeaders, header: &Header<'_>) -> OwnedHeaders {
    headers.insert(KafkaHeader { key: header.name, value: Some(header.value) })
}

/// A producer with a transactional id.
pub struct Producer {
    base: Arc<BaseProducer<ProducerNotes>>,
    outbox: RefCell<Outbox>,
    /// When the last transaction ended.
    ended: Cell<Option<Instant>>,
    topics: Topics,
    group_id: String,
    transactional_id: String,
    transaction_timeout: Duration,
    /// A commit or abort longer than this may have been sent twice.
    end_max: Duration,
    spent: AtomicBool,
}

impl Producer {
    /// Makes a producer and settles what its id left open.
    pub fn init(settings: &ClusterSettings, transactional_id: &str) -> Result<Self, Fault> {
        let noted = ProducerNotes {
            topics: settings.topics.clone(),
            signals: Signals::default(),
            failure: Mutex::default(),
        };
        let base: BaseProducer<ProducerNotes> = config::producer(settings, transactional_id)
            .create_with_context(noted)
            .map_err(|error| config::client_fault(settings, &error))?;
        let producer = Self {
            base: Arc::new(base),
            outbox: RefCell::default(),
            ended: Cell::default(),
            topics: settings.topics.clone(),
            group_id: settings.kafka.group_id.clone(),
            transactional_id: transactional_id.to_owned(),
            transaction_timeout: settings.kafka.transaction_timeout,
            end_max: settings.kafka.socket_timeout.min(settings.kafka.transaction_timeout) / 2,
            spent: AtomicBool::new(false),
        };
        let result = producer.init_transactions();
        producer.drain();
        result.map_err(|error| producer.fault(Operation::Init, &error))?;
        Ok(producer)
    }

    /// The fault that an error of a call means, with what the client's log says of its cause, and the right where one is
    /// missing.
    fn fault(&self, operation: Operation, error: &KafkaError) -> Fault {
        self.drain();
        let found = fault(operation, error);
        match (error.rdkafka_error_code(), locked(&self.base.context().failure).cause()) {
            // Somebody else's producer, whatever else went wrong.
            _ if found.class == FaultClass::Fenced => found,
            (Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed), _) => {
                found.lacking(Resource::TransactionalId(self.transactional_id.clone()), Right::Write)
            }
            (Some(RDKafkaErrorCode::GroupAuthorizationFailed), _) => {
                found.lacking(Resource::Group(self.group_id.clone()), Right::Read)
            }
            (Some(RDKafkaErrorCode::TopicAuthorizationFailed), None) if operation == Operation::Offsets => {
                let inputs: Vec<&str> = self.topics.inputs().collect();
                found.lacking(Resource::Topic(inputs.join(" and topic ")), Right::Read)
            }
            (_, cause) => because(found, cause),
        }
    }

    /// Settles what the id left open. Where there is something, the coordinator aborts it and wants to be asked again,
    /// which the client does after half a second, or as soon as it hears of the cluster: so it hears of it.
    fn init_transactions(&self) -> KafkaResult<()> {
        let (ended, ending) = channel::<()>();
        let (base, rulesets) = (&self.base, &self.topics.rulesets);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut pause = ASK_AGAIN_MIN;
                while ending.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    // Not heard of: the client asks by itself.
                    let _ = base.client().fetch_metadata(Some(rulesets), ASK_AGAIN_MAX);
                    pause = (pause * 2).min(ASK_AGAIN_MAX);
                }
            });
            let result = base.init_transactions(self.transaction_timeout);
            drop(ended);
            result
        })
    }

    /// Handles every event that is queued now, on this thread.
    fn drain(&self) {
        let signals = &self.base.context().signals;
        loop {
            let before = signals.served();
            self.base.poll(Duration::ZERO);
            if signals.served() == before {
                return;
            }
        }
    }

    fn forget_failure(&self) {
        *locked(&self.base.context().failure) = Failure::default();
    }

    /// Queues a message, or keeps it until the positions were added.
    fn queue(&self, message: outbox::Message<'_>) -> Result<(), Fault> {
        let kept = self.outbox.borrow_mut().keep(message);
        kept.or_else(|message| self.open_outbox().and_then(|()| self.queue_now(message)))
    }

    /// Queues what was kept. Where that fails the rest is gone, which the next flush tells again.
    fn open_outbox(&self) -> Result<(), Fault> {
        let opened = self.outbox.borrow_mut().open(|message| self.queue_now(message));
        let note = |fault: &Fault| {
            self.base.context().note(FailedMessage { fault: fault.clone(), is_dropped: false })
        };
        opened.inspect_err(note)
    }

    /// Queues a message, waiting while the queue is full.
    fn queue_now(&self, mut record: outbox::Message<'_>) -> Result<(), Fault> {
        let topic = record.topic;
        let mut full_since: Option<Instant> = None;
        loop {
            let Err((error, refused)) = self.base.send(record) else { return Ok(()) };
            record = refused;
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            if full && full_since.is_none() {
                telemetry::producer_queue_full();
            }
            let since = *full_since.get_or_insert_with(clock::now);
            if !full || since.elapsed() > self.transaction_timeout {
                // The client has heard so of the topic, and does not even try.
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) {
                    let found = fault(Operation::Produce, &error);
                    return Err(found.lacking(Resource::Topic(topic.to_owned()), Right::Write));
                }
                let found = self.fault(Operation::Produce, &error);
                return Err(Fault { class: class_of(&error, &self.topics, topic, found.class), ..found });
            }
            self.drain();
            std::thread::sleep(FLUSH_STEP);
        }
    }

    /// Ends a transaction, watching the time it takes.
    fn end(&self, operation: Operation, call: impl FnOnce() -> KafkaResult<()>) -> Result<(), Fault> {
        let begun = clock::now();
        let result = call();
        self.ended.set(Some(clock::now()));
        self.drain();
        if begun.elapsed() > self.end_max {
            self.spent.store(true, Ordering::Relaxed);
        }
        result.map_err(|error| self.fault(operation, &error))
    }
}

impl TransactionalProducer<Member> for Producer {
    fn begin(&self) -> Result<(), Fault> {
        self.drain();
        self.forget_failure();
        let follows = self.ended.get().is_some_and(|ended| ended.elapsed() < BUSY_MAX);
        self.outbox.borrow_mut().begin(follows);
        self.base.begin_transaction().map_err(|error| fault(Operation::Begin, &error))
    }

    fn send(&self, unit: Unit, outbound: &Outbound<'_>) -> Result<(), Fault> {
        let Outbound { output, partition, key, value, headers } = *outbound;
        let topic = self.topics.output(unit.flow, output);
        let headers = match headers {
            [] => None,
            headers => Some(headers.iter().fold(OwnedHeaders::new(), with_header)),
        };
        let record = NewRecord { topic, partition, key: Some(key), value, ..NewRecord::default() };
        self.queue(record.to_client(headers, ()))
    }

    fn dead_letter(
        &self,
        record: &ClientRecord<'_>,
        kept: LetterRecord,
        headers: &[Header<'_>],
    ) -> Result<(), Fault> {
        let value = record.value().zip(kept.value_bytes).map(|(value, most)| &value[..most.min(value.len())]);
        let key = record.key().filter(|_| kept.key);
        let own = if kept.headers { record.headers_for_letter() } else { Ok(None) };
        let own = own.map_err(|error| fault(Operation::Produce, &error))?.unwrap_or_default();
        let all = headers.iter().fold(own, with_header);
        let topic = &self.topics.of(record.source().unit.flow).dead_letters;
        // Never kept: a sender's headers may be of any size.
        self.open_outbox()?;
        let letter = NewRecord { topic, key, value, ..NewRecord::default() };
        self.queue_now(letter.to_client(Some(all), ()))
    }

    fn journal(&self, unit: Unit, record: &[u8]) -> Result<(), Fault> {
        let (topic, partition) = (&self.topics.of(unit.flow).journal, unit.partition);
        let key = partition.to_string();
        let writer = KafkaHeader { key: WRITER_HEADER, value: Some(self.transactional_id.as_str()) };
        let headers = Some(OwnedHeaders::new_with_capacity(1).insert(writer));
        let (key, value) = (Some(key.as_bytes()), Some(record));
        let record = NewRecord { topic, partition: Some(partition), key, value, ..NewRecord::default() };
        self.queue(record.to_client(headers, ()))
    }

    fn ruleset_change(&self, unit: Unit, change: &RulesetChange) -> Result<(), Fault> {
        let (key, value) = rulesets::write_change(unit.flow.name, unit.partition, change);
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        let topic = &self.topics.rulesets;
        let record =
            NewRecord { topic, partition: Some(PartitionId::new(0)), key, value, ..NewRecord::default() };
        self.queue(record.to_client(None, ()))
    }

    fn offsets(
        &self,
        positions: &[(InputPartition, i64)],
        membership: &Arc<ConsumerGroupMetadata>,
    ) -> Result<(), Fault> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (at, position) in positions {
            let topic = self.topics.input(*at);
            list.add_partition_offset(topic, at.unit.partition.number(), Offset::Offset(*position))
                .map_err(|error| fault(Operation::Offsets, &error))?;
        }
        let (base, membership, timeout) =
            (Arc::clone(&self.base), Arc::clone(membership), self.transaction_timeout);
        let given = call_within(timeout + OVERDUE, move || {
            base.send_offsets_to_transaction(&list, &membership, timeout)
        });
        self.drain();
        given?.map_err(|error| self.fault(Operation::Offsets, &error))?;
        self.open_outbox()
    }

    fn flush(&self) -> Result<(), Fault> {
        self.open_outbox()?;
        let begun = clock::now();
        loop {
            self.drain();
            let failure = locked(&self.base.context().failure);
            if let (Some(_), Some(cause)) = (&failure.message, failure.cause()) {
                return Err(cause);
            }
            drop(failure);
            if self.base.in_flight_count() == 0 {
                return Ok(());
            }
            if begun.elapsed() > self.transaction_timeout {
                let text = "messages are not acknowledged within transaction_timeout";
                return Err(Fault::new(Operation::Flush, FaultClass::NeedsAbort, text));
            }
            send_now(&self.base);
        }
    }

    fn commit(&self) -> Result<(), Fault> {
        self.end(Operation::Commit, || self.base.commit_transaction(self.transaction_timeout))
    }

    fn abort(&self) -> Result<(), Fault> {
        let (base, done) = (&self.base, AtomicBool::new(false));
        let result = self.end(Operation::Abort, || {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Acquire) {
                        base.poll(Duration::from_millis(1));
                    }
                });
                let result = base.abort_transaction(self.transaction_timeout);
                done.store(true, Ordering::Release);
                result
            })
        });
        self.forget_failure();
        result
    }

    fn disturbed(&self) -> bool {
        self.spent.load(Ordering::Relaxed) || self.base.context().signals.disturbed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_never_settles_the_fate_of_a_call_that_is_open() {
        let cause = || Some(Fault::new(Operation::Flush, FaultClass::Setup, "a right is missing"));
        let class = |operation, class| because(Fault::new(operation, class, "said"), cause()).class;
        assert_eq!(class(Operation::Commit, FaultClass::NeedsAbort), FaultClass::Setup);
        assert_eq!(class(Operation::Produce, FaultClass::NeedsAbort), FaultClass::Setup);
        for operation in [Operation::Commit, Operation::Abort, Operation::Offsets] {
            assert_eq!(class(operation, FaultClass::Retriable), FaultClass::Retriable, "{operation:?}");
            assert_eq!(class(operation, FaultClass::Fatal), FaultClass::Fatal, "{operation:?}");
        }
        assert_eq!(class(Operation::Abort, FaultClass::NeedsAbort), FaultClass::NeedsAbort);
        let alone = because(Fault::new(Operation::Commit, FaultClass::NeedsAbort, "said"), None);
        assert_eq!(alone.text, "said");
    }
}
