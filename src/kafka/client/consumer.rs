//! The member of the group, over librdkafka. Its callbacks only note what the group asks; the loop answers.
//!
//! It never commits an offset by itself and never answers a rebalance while the loop is at work. Only when it leaves
//! does the callback answer directly: dropping a consumer whose revocation nobody answers hangs for ever.

use super::error::{fault, is_of_connections};
use super::log::Heard;
use super::{clock, config, headers, letter_headers, place, watermarks};
use crate::domain::visible::visible;
use crate::kafka::by_unit::ByUnit;
use crate::kafka::cluster::rights::{Resource, Right};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::locked::locked;
use crate::kafka::port::{
    GroupConsumer, InputPartition, InputReach, LentRecord, Positions, Queue, Rebalance, Unit,
};
use crate::kafka::settings::{ClusterSettings, Topics};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, OwnedHeaders, OwnedMessage};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Message, Offset, Statistics, Timestamp, TopicPartitionList};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long an error of the consumer counts that may be over, and the same one is not said again in the log.
const TOLD_FOR: Duration = Duration::from_secs(60);
/// How long a seek may take before the member counts as broken.
const SEEK_TIMEOUT: Duration = Duration::from_secs(10);

/// What the callbacks note.
pub struct ConsumerNotes {
    topics: Topics,
    waiting: AtomicBool,
    leaving: AtomicBool,
    changes: Mutex<VecDeque<Rebalance>>,
    ends: Mutex<Vec<(InputPartition, InputReach)>>,
    queue: Mutex<Option<Queue>>,
    group_id: String,
    /// Names of the properties of `[kafka.librdkafka]` that are set.
    client: BTreeSet<String>,
    heard: Heard,
    /// Of the error that is polled next.
    words: Mutex<String>,
    /// Why nothing comes, if nothing does.
    told: Mutex<Option<Told>>,
    /// Whether there may be something in `told`: looked at for every record.
    has_told: AtomicBool,
}

impl ConsumerNotes {
    fn partitions(&self, list: &TopicPartitionList) -> Vec<InputPartition> {
        let elements = list.elements();
        let at = elements.iter().map(|element| (element.topic(), element.partition().into()));
        at.filter_map(|(topic, partition)| self.topics.input_partition(topic, partition)).collect()
    }
}

impl ClientContext for ConsumerNotes {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.heard.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(error, reason);
        // What is polled next is this error, without its words.
        *locked(&self.words) = visible(reason).into_owned();
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.heard.trouble.forget();
            let mut told = locked(&self.told);
            if told.as_ref().is_some_and(|told| told.of_connections) {
                *told = None;
                log::info!("brokers answer again");
            }
        }
        let mut ends = locked(&self.ends);
        let mut queue = Queue::default();
        ends.clear();
        for (name, topic) in &statistics.topics {
            for (partition, found) in &topic.partitions {
                let Some(at) = self.topics.input_partition(name, (*partition).into()) else { break };
                // All partitions share one queue, and each tells of the whole of it.
                queue.records = queue.records.max(found.fetchq_cnt.unsigned_abs());
                queue.bytes = queue.bytes.max(found.fetchq_size);
                if *partition >= 0 && found.ls_offset >= 0 {
                    // What is not delivered yet is in the queue; the end may have been learnt before the stable one.
                    let read = (found.fetchq_cnt == 0 && found.next_offset >= 0).then_some(found.next_offset);
                    let (stable, end) = (found.ls_offset, found.hi_offset.max(found.ls_offset));
                    ends.push((at, InputReach { stable, end, delivered: None, read }));
                }
            }
        }
        *locked(&self.queue) = Some(queue);
    }
}

impl ConsumerContext for ConsumerNotes {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, asked: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = asked == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.leaving.load(Ordering::Acquire) {
            let answered = match (assigned, is_incremental(consumer)) {
                (true, true) => consumer.incremental_assign(list),
                (true, false) => consumer.assign(list),
                (false, true) => consumer.incremental_unassign(list),
                (false, false) => consumer.unassign(),
            };
            if let Err(error) = answered {
                log::warn!("leaving the group: the last assignment could not be given back: {error}");
            }
            return;
        }
        let partitions = self.partitions(list);
        locked(&self.changes).push_back(if assigned {
            Rebalance::Assigned(partitions)
        } else {
            Rebalance::Revoked(partitions)
        });
        self.waiting.store(true, Ordering::Release);
    }
}

impl ConsumerNotes {
    /// What an error that was polled asks for; none where the client tries again by itself, of which is told.
    fn judge(&self, error: &KafkaError) -> Option<Fault> {
        let words = std::mem::take(&mut *locked(&self.words));
        let mut found = fault(Operation::Consume, error);
        if !words.is_empty() {
            found.text = format!("{words} ({})", found.text);
        }
        let code = error.rdkafka_error_code();
        found = match code {
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                found.lacking(Resource::Group(self.group_id.clone()), Right::Read)
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                let named = self.topics.inputs().find(|topic| names(&words, topic));
                let inputs = || self.topics.inputs().collect::<Vec<_>>().join(" or ");
                let topic = named.map_or_else(inputs, str::to_owned);
                found.lacking(Resource::Topic(topic), Right::Read)
            }
            Some(RDKafkaErrorCode::InvalidSessionTimeout) => {
                found.text = format!(
                    "kafka.session_timeout is not between the broker's group.min.session.timeout.ms and \
                     group.max.session.timeout.ms: change one of them ({})",
                    found.text
                );
                found
            }
            _ => found,
        };
        if found.class != FaultClass::Retriable {
            return Some(found);
        }
        match code {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                let failed = self.heard.trouble.all();
                let why =
                    failed.last().map(|failed| failed.text_of_a_change(|name| self.client.contains(name)));
                self.tell(why.unwrap_or(found.text), true);
            }
            // The log line of that broker's connection says it; others may be there.
            _ if is_of_connections(error) => log::debug!("{found}: the client tries again by itself"),
            _ => self.tell(found.text, false),
        }
        None
    }

    /// Tells why nothing comes: the first time, and again when it is still so after a while.
    fn tell(&self, text: String, of_connections: bool) {
        let now = clock::now();
        let mut told = locked(&self.told);
        let known = told.as_ref().filter(|told| told.of_connections == of_connections);
        let said = known.map(|told| told.said).filter(|said| now.duration_since(*said) < TOLD_FOR);
        if said.is_none() {
            log::warn!("nothing comes from the brokers: {text}: the client tries again by itself");
        } else {
            log::debug!("nothing comes from the brokers: {text}");
        }
        self.has_told.store(true, Ordering::Relaxed);
        *told = Some(Told { text, of_connections, at: now, said: said.unwrap_or(now) });
    }

    /// Something came.
    fn note_arrival(&self) {
        if self.has_told.load(Ordering::Relaxed) {
            self.has_told.store(false, Ordering::Relaxed);
            if locked(&self.told).take().is_some() {
                log::info!("records come again");
            }
        }
    }
}

/// Why nothing comes, as it was told.
struct Told {
    text: String,
    of_connections: bool,
    /// When it was so last, and when it was said in the log.
    at: Instant,
    said: Instant,
}

/// Whether words of the client name this topic, and not one whose name it is but a part of.
fn names(words: &str, topic: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    words.split(|letter| !is_part(letter)).any(|word| word == topic || word.trim_end_matches('.') == topic)
}

fn is_incremental(consumer: &BaseConsumer<ConsumerNotes>) -> bool {
    matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

/// A record in the client's memory, or taken out of it.
pub struct ClientRecord<'a> {
    message: RecordBytes<'a>,
    at: InputPartition,
}

/// Where a record's bytes are.
enum RecordBytes<'a> {
    Lent(BorrowedMessage<'a>),
    Detached(Box<OwnedMessage>),
}

/// The same question to both kinds of message.
macro_rules! of_message {
    ($held:expr, $message:ident => $answer:expr) => {
        match &$held {
            RecordBytes::Lent($message) => $answer,
            RecordBytes::Detached($message) => $answer,
        }
    };
}

impl ClientRecord<'_> {
    fn headers(&self) -> Option<&BorrowedHeaders> {
        match &self.message {
            RecordBytes::Lent(message) => message.headers(),
            RecordBytes::Detached(message) => message.headers().map(OwnedHeaders::as_borrowed),
        }
    }

    /// A copy of its own headers for its dead letter.
    pub(super) fn headers_for_letter(&self) -> KafkaResult<Option<OwnedHeaders>> {
        self.headers().map(letter_headers::copy).transpose()
    }
}

impl LentRecord for ClientRecord<'_> {
    fn source(&self) -> InputPartition {
        self.at
    }

    fn offset(&self) -> i64 {
        of_message!(self.message, message => message.offset())
    }

    fn timestamp_millis(&self) -> i64 {
        of_message!(self.message, message => message.timestamp().to_millis().unwrap_or(-1))
    }

    fn appended_millis(&self) -> Option<i64> {
        match of_message!(self.message, message => message.timestamp()) {
            Timestamp::LogAppendTime(millis) => Some(millis),
            Timestamp::CreateTime(_) | Timestamp::NotAvailable => None,
        }
    }

    fn key(&self) -> Option<&[u8]> {
        of_message!(self.message, message => message.key())
    }

    fn value(&self) -> Option<&[u8]> {
        of_message!(self.message, message => message.payload())
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        headers::of(self.headers()?).filter(|header| header.name == name.as_bytes()).last()?.value
    }

    fn headers_bytes(&self) -> usize {
        self.headers().map_or(0, letter_headers::bytes)
    }
}

/// A member of the group.
pub struct Member {
    consumer: BaseConsumer<ConsumerNotes>,
    /// The next offset of each input, after the last record that was delivered; none: from the start.
    delivered: RefCell<ByUnit<SmallVec<[Option<i64>; 2]>>>,
}

impl Member {
    /// Joins the group.
    pub fn join(settings: &ClusterSettings, worker: usize) -> Result<Self, Fault> {
        let noted = ConsumerNotes {
            topics: settings.topics.clone(),
            waiting: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            changes: Mutex::default(),
            ends: Mutex::default(),
            queue: Mutex::default(),
            group_id: settings.kafka.group_id.clone(),
            client: settings.kafka.librdkafka.keys().cloned().collect(),
            heard: Heard::default(),
            words: Mutex::default(),
            told: Mutex::default(),
            has_told: AtomicBool::new(false),
        };
        let consumer: BaseConsumer<ConsumerNotes> = config::member(settings, worker)
            .create_with_context(noted)
            .map_err(|error| fault(Operation::Join, &error))?;
        let inputs: Vec<&str> = settings.topics.inputs().collect();
        consumer.subscribe(&inputs).map_err(|error| fault(Operation::Join, &error))?;
        Ok(Self { consumer, delivered: RefCell::default() })
    }

    fn notes(&self) -> &ConsumerNotes {
        self.consumer.context()
    }

    fn note_delivered(&self, at: InputPartition, next: Option<i64>) {
        if let Some(offsets) = self.delivered.borrow_mut().of(at.unit) {
            offsets.resize(at.unit.flow.inputs.len(), None);
            offsets[at.input] = next;
        }
    }

    fn delivered(&self, at: InputPartition) -> Option<i64> {
        self.delivered.borrow_mut().of(at.unit)?.get(at.input).copied().flatten()
    }

    fn topic(&self, at: InputPartition) -> &str {
        self.notes().topics.input(at)
    }

    fn list(&self, partitions: impl IntoIterator<Item = InputPartition>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for at in partitions {
            list.add_partition(self.topic(at), at.unit.partition.number());
        }
        list
    }

    /// One try; `Ok(false)` where the client has not begun to fetch the partition yet.
    fn try_seek(&self, unit: Unit, positions: &Positions) -> Result<bool, KafkaError> {
        let mut list = self.list(unit.inputs());
        for (at, position) in unit.inputs().zip(positions.iter()) {
            let offset = position.map_or(Offset::Beginning, Offset::Offset);
            list.set_partition_offset(self.topic(at), unit.partition.number(), offset)?;
        }
        let list = self.consumer.seek_partitions(list, SEEK_TIMEOUT)?;
        for element in list.elements() {
            match element.error() {
                Ok(()) => {}
                Err(KafkaError::OffsetFetch(
                    RDKafkaErrorCode::State | RDKafkaErrorCode::PreviousInProgress,
                )) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl GroupConsumer for Member {
    type Record<'a> = ClientRecord<'a>;
    type Membership = Arc<ConsumerGroupMetadata>;

    fn poll(&self, timeout: Duration) -> Result<Option<ClientRecord<'_>>, Fault> {
        match self.consumer.poll(timeout) {
            None => Ok(None),
            Some(Ok(message)) => {
                // Only inputs are subscribed, so anything else cannot come.
                let at = self.notes().topics.input_partition(message.topic(), message.partition().into());
                let Some(at) = at else { return Ok(None) };
                self.note_delivered(at, Some(message.offset() + 1));
                self.notes().note_arrival();
                Ok(Some(ClientRecord { message: RecordBytes::Lent(message), at }))
            }
            Some(Err(error)) => match self.notes().judge(&error) {
                Some(fault) => Err(fault),
                None => Ok(None),
            },
        }
    }

    fn changes_waiting(&self) -> bool {
        self.notes().waiting.load(Ordering::Acquire)
    }

    fn take_changes(&self) -> Vec<Rebalance> {
        let mut changes = locked(&self.notes().changes);
        self.notes().waiting.store(false, Ordering::Release);
        changes.drain(..).collect()
    }

    fn assign(&self, partitions: &[InputPartition]) -> Result<(), Fault> {
        let mut list = self.list(partitions.iter().copied());
        list.set_all_offsets(Offset::Beginning)
            .and_then(|()| {
                if is_incremental(&self.consumer) {
                    self.consumer.incremental_assign(&list)
                } else {
                    self.consumer.assign(&list)
                }
            })
            .and_then(|()| self.consumer.pause(&list))
            .map_err(|error| fault(Operation::Rebalance, &error))
    }

    fn unassign(&self, partitions: &[InputPartition]) -> Result<(), Fault> {
        if is_incremental(&self.consumer) {
            self.consumer.incremental_unassign(&self.list(partitions.iter().copied()))
        } else {
            self.consumer.unassign()
        }
        .map_err(|error| fault(Operation::Rebalance, &error))
    }

    fn resume(&self, unit: Unit, positions: &Positions) -> Result<(), Fault> {
        for (at, position) in unit.inputs().zip(positions.iter()) {
            self.note_delivered(at, position);
        }
        // Seek only after resume: resuming would go to where the client itself thinks it was.
        self.consumer.resume(&self.list(unit.inputs())).map_err(|error| fault(Operation::Seek, &error))?;
        let begun = clock::now();
        while !self.try_seek(unit, positions).map_err(|error| fault(Operation::Seek, &error))? {
            if begun.elapsed() > SEEK_TIMEOUT {
                let text = format!("{unit} cannot be moved: it is not being fetched");
                return Err(Fault::new(Operation::Seek, FaultClass::Fatal, text));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn pause_input(&self, at: InputPartition) -> Result<(), Fault> {
        self.consumer.pause(&self.list([at])).map_err(|error| fault(Operation::Seek, &error))
    }

    fn resume_input(&self, at: InputPartition) -> Result<(), Fault> {
        self.consumer.resume(&self.list([at])).map_err(|error| fault(Operation::Seek, &error))
    }

    fn undelivered(&self, at: InputPartition) -> Option<i64> {
        let delivered = self.delivered(at);
        let (low, high) = watermarks::last_known(&self.consumer, self.topic(at), at.unit.partition)?;
        let next = delivered.unwrap_or(low).max(low);
        Some((high - next).max(0))
    }

    fn detach(record: ClientRecord<'_>) -> ClientRecord<'static> {
        let message = match record.message {
            RecordBytes::Lent(message) => Box::new(message.detach()),
            RecordBytes::Detached(message) => message,
        };
        ClientRecord { message: RecordBytes::Detached(message), at: record.at }
    }

    fn lend<'a>(record: ClientRecord<'static>) -> ClientRecord<'a> {
        record
    }

    fn membership(&self) -> Result<Arc<ConsumerGroupMetadata>, Fault> {
        let membership = self.consumer.group_metadata().ok_or_else(|| {
            Fault::new(Operation::Offsets, FaultClass::Fatal, "the consumer is not in a group")
        })?;
        // Looked at after it was taken: a place that is lost does not come back before the loop has answered, so a
        // place that is there now was there then.
        if !place::has_place(&self.consumer) || self.consumer.assignment_lost() {
            let text = "the place in the group is lost: somebody else may own the partitions now";
            return Err(Fault::new(Operation::Offsets, FaultClass::NeedsAbort, text));
        }
        Ok(Arc::new(membership))
    }

    fn take_ends(&self) -> Vec<(InputPartition, InputReach)> {
        let mut ends = std::mem::take(&mut *locked(&self.notes().ends));
        for (at, reach) in &mut ends {
            reach.delivered = self.delivered(*at);
        }
        ends
    }

    fn queue(&self) -> Option<Queue> {
        *locked(&self.notes().queue)
    }

    fn trouble(&self) -> Option<String> {
        let told = locked(&self.notes().told);
        // While all brokers are gone the client says so again every few seconds.
        let told = told.as_ref().filter(|told| told.at.elapsed() < TOLD_FOR);
        told.map(|told| told.text.clone())
    }

    fn leave(self) {
        drop(self);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Whatever is asked from here on is answered by the callback; what was asked before is answered now.
        self.notes().leaving.store(true, Ordering::Release);
        for change in self.take_changes() {
            let answered = match &change {
                Rebalance::Assigned(partitions) => self.assign(partitions),
                Rebalance::Revoked(partitions) => self.unassign(partitions),
            };
            if let Err(error) = answered {
                log::warn!("leaving the group: {error}");
            }
        }
    }
}
