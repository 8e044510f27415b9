//! What was answered: the latest outcome of each transaction for as long as the history goes back, and whoever waits for the
//! answer to a record. Built from the topics alone, within its bounds; nothing is decided by it.

use super::records::{InputTopic, RecordPlace};
use crate::codec::json::read_reply;
use crate::codec::read_outcome::{ReadOutcome, read_outcome};
use crate::contact::{ReadDecision, read_decision};
use crate::domain::Micros;
use crate::domain::ids::TransactionId;
use crate::domain::reply::Fate;
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Answers that are kept for whoever learns only after them where its record stands: a receipt is milliseconds late.
pub const RECENT_MAX: usize = 65_536;
/// Ids under which one transaction is found: its own, those of its further outcomes, and of its latest repeats.
pub const IDS_MAX: usize = 16;
/// What a transaction takes besides its texts, bytes.
const TRANSACTION_BYTES: usize = 400;

/// What became of an account event or an interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventReply {
    /// What became of it.
    pub fate: Fate,
    /// Id of the event that was applied.
    pub id: Option<String>,
    /// When it was created.
    pub created_at: Option<Micros>,
    /// Code of the refusal; none where it was applied.
    pub code: Option<String>,
    /// Why it was refused, in words; none where it was applied.
    pub message: Option<String>,
}

/// What was said of a record.
#[derive(Clone, Debug)]
pub enum RecordAnswer {
    /// The outcome of a POS event.
    Outcome(Arc<ReadOutcome>),
    /// The reply to an account event or an interaction.
    Reply(Arc<EventReply>),
    /// The decision on a contact request.
    Decision(Arc<ReadDecision>),
}

/// What is known of a transaction.
#[derive(Clone, Debug)]
pub enum TransactionLookup {
    /// The id of its first outcome, and its latest one.
    Latest(TransactionId, Arc<ReadOutcome>),
    /// Nothing, and the history has not been read to its end yet.
    NotYet,
    /// Nothing: there is none of this account, or it is older than the history.
    Nothing,
}

/// The read model.
#[derive(Debug)]
pub struct ReadModel {
    inner: Mutex<ReadModelState>,
    is_caught_up: AtomicBool,
}

#[derive(Debug)]
struct ReadModelState {
    waiting: BTreeMap<RecordPlace, oneshot::Sender<RecordAnswer>>,
    recent: BTreeMap<RecordPlace, RecordAnswer>,
    recent_order: VecDeque<RecordPlace>,
    history: History,
}

/// Waits for what is said of a record; gives its place up when dropped.
struct Waiting<'m> {
    model: &'m ReadModel,
    place: RecordPlace,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.model.lock().waiting.remove(&self.place);
    }
}

impl ReadModel {
    /// With nothing in it. Transactions are forgotten once they are older than `history`, by the times of the records, or take
    /// more than so many bytes.
    #[must_use]
    pub fn new(history: Duration, bytes_max: usize) -> Self {
        let inner = ReadModelState {
            waiting: BTreeMap::new(),
            recent: BTreeMap::new(),
            recent_order: VecDeque::new(),
            history: History { bytes_max, span: history, ..History::default() },
        };
        Self { inner: Mutex::new(inner), is_caught_up: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, ReadModelState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the record of an outcome, of this time in milliseconds.
    ///
    /// # Errors
    /// It is no outcome, in words.
    pub fn take_outcome(&self, value: &[u8], millis: i64) -> Result<(), String> {
        let answer = Arc::new(read_outcome(value)?);
        let mut inner = self.lock();
        // The further outcome of a Pending event names the record that ended it, whose own answer is another.
        if answer.supersedes.is_none() {
            let (partition, offset) = answer.source;
            let place = RecordPlace { input: InputTopic::PosEvents, partition, offset };
            inner.say(place, RecordAnswer::Outcome(Arc::clone(&answer)));
        }
        inner.history.add(answer, millis);
        Ok(())
    }

    /// Takes in the record of a reply to a record of `input`.
    ///
    /// # Errors
    /// It is none, in words.
    pub fn take_reply(&self, input: InputTopic, value: &[u8]) -> Result<(), String> {
        let read = read_reply(value)?;
        let (partition, offset) = read.source;
        let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
        let reply = EventReply {
            fate: read.fate,
            id: owned(read.id),
            created_at: read.created_at,
            code: owned(read.code),
            message: owned(read.message),
        };
        let place = RecordPlace { input, partition, offset };
        self.lock().say(place, RecordAnswer::Reply(Arc::new(reply)));
        Ok(())
    }

    /// Takes in the record of a contact decision.
    ///
    /// # Errors
    /// It is none, in words.
    pub fn take_decision(&self, value: &[u8]) -> Result<(), String> {
        let decision = read_decision(value)?;
        let (partition, offset) = (decision.source.partition, decision.source.offset);
        let place = RecordPlace { input: InputTopic::ContactRequests, partition, offset };
        self.lock().say(place, RecordAnswer::Decision(Arc::new(decision)));
        Ok(())
    }

    /// All outcomes of the history have been taken in.
    pub fn caught_up(&self) {
        self.is_caught_up.store(true, Ordering::Release);
    }

    /// Whether all outcomes of the history have been taken in.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.is_caught_up.load(Ordering::Acquire)
    }

    /// What is said of a record, once it is; never, where it is said before the last [`RECENT_MAX`].
    pub async fn said_of(&self, place: RecordPlace) -> RecordAnswer {
        let receiver = {
            let mut inner = self.lock();
            if let Some(said) = inner.recent.get(&place) {
                return said.clone();
            }
            let (sender, receiver) = oneshot::channel();
            inner.waiting.insert(place, sender);
            receiver
        };
        let _waiting = Waiting { model: self, place };
        match receiver.await {
            Ok(said) => said,
            // The sender is dropped only where it has sent.
            Err(_) => std::future::pending().await,
        }
    }

    /// The latest outcome of a transaction of an account, by the id of any of its outcomes.
    #[must_use]
    pub fn latest(&self, account: &str, id: TransactionId) -> TransactionLookup {
        // Asked first: what is taken in meanwhile is found below.
        let is_caught_up = self.is_caught_up();
        match self.lock().history.get(id).filter(|transaction| transaction.answer.account == account) {
            Some(transaction) => {
                TransactionLookup::Latest(transaction.first, Arc::clone(&transaction.answer))
            }
            None if is_caught_up => TransactionLookup::Nothing,
            None => TransactionLookup::NotYet,
        }
    }

    /// How many transactions are known, and the bytes that they take.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.history.transactions.len(), inner.history.bytes)
    }
}

impl ReadModelState {
    fn say(&mut self, place: RecordPlace, said: RecordAnswer) {
        if let Some(waiting) = self.waiting.remove(&place) {
            // Nobody waits any more: the time was over.
            let _ = waiting.send(said.clone());
        }
        if self.recent.insert(place, said).is_none() {
            self.recent_order.push_back(place);
        }
        if self.recent_order.len() > RECENT_MAX
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
    }
}

/// Transactions, each with its latest outcome, the one of which something was said longest ago first.
#[derive(Debug, Default)]
struct History {
    transactions: BTreeMap<u64, Transaction>,
    by_id: BTreeMap<TransactionId, u64>,
    next: u64,
    bytes: usize,
    bytes_max: usize,
    span: Duration,
    /// The latest time of a record, in milliseconds.
    latest: i64,
}

#[derive(Debug)]
struct Transaction {
    /// Id of the first outcome.
    first: TransactionId,
    ids: SmallVec<[TransactionId; 2]>,
    answer: Arc<ReadOutcome>,
    millis: i64,
    bytes: usize,
}

impl History {
    fn get(&self, id: TransactionId) -> Option<&Transaction> {
        self.transactions.get(self.by_id.get(&id)?)
    }

    fn add(&mut self, answer: Arc<ReadOutcome>, millis: i64) {
        let before = answer.repeats.or(answer.supersedes);
        let known = before.and_then(|before| self.by_id.get(&before).copied());
        let known = known.filter(|number| {
            self.transactions
                .get(number)
                .is_some_and(|transaction| transaction.answer.account == answer.account)
        });
        let (first, mut ids) = match known.and_then(|number| self.remove(number)) {
            Some(transaction) => (transaction.first, transaction.ids),
            None => (before.unwrap_or(answer.transaction_id), before.into_iter().collect()),
        };
        ids.push(answer.transaction_id);
        if ids.len() > IDS_MAX {
            // The first stays.
            ids.remove(1);
        }
        let bytes = bytes_of(&answer);
        for id in &ids {
            self.by_id.insert(*id, self.next);
        }
        self.transactions.insert(self.next, Transaction { first, ids, answer, millis, bytes });
        self.next += 1;
        self.bytes += bytes;
        self.latest = self.latest.max(millis);
        self.forget();
    }

    fn remove(&mut self, number: u64) -> Option<Transaction> {
        let transaction = self.transactions.remove(&number)?;
        self.bytes -= transaction.bytes;
        for id in &transaction.ids {
            if self.by_id.get(id) == Some(&number) {
                self.by_id.remove(id);
            }
        }
        Some(transaction)
    }

    fn forget(&mut self) {
        let span = i64::try_from(self.span.as_millis()).unwrap_or(i64::MAX);
        let since = self.latest.saturating_sub(span);
        while let Some((number, transaction)) = self.transactions.first_key_value() {
            if self.bytes <= self.bytes_max && transaction.millis >= since {
                break;
            }
            let number = *number;
            self.remove(number);
        }
    }
}

/// What an answer takes in memory, roughly.
fn bytes_of(answer: &ReadOutcome) -> usize {
    let of = |message: &crate::codec::read_outcome::ReadMessage| {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        std::mem::size_of_val(message)
            + message.code.len()
            + message.message.len()
            + optional(&message.customer_message)
            + optional(&message.field)
    };
    TRANSACTION_BYTES + answer.account.len() + answer.messages.iter().map(of).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartitionId;
    use crate::domain::enums::Verdict;

    fn id(number: u128) -> TransactionId {
        TransactionId(number)
    }

    fn outcome(number: u128, more: &str) -> Vec<u8> {
        let id = id(number);
        format!(
            r#"{{"transactionId":"{id}","accountNumber":"A","eventType":"Purchase","eventAdded":true,"outcome":"Accepted","riskCheckMessages":[]{more},"source":{{"topic":"pos.events","partition":0,"offset":{number},"timestamp":1}},"accountRevision":1,"positions":{{}},"evidence":[],"ruleset":"r"}}"#
        )
        .into_bytes()
    }

    fn model(history: Duration, bytes_max: usize) -> ReadModel {
        let model = ReadModel::new(history, bytes_max);
        model.caught_up();
        model
    }

    fn latest(model: &ReadModel, number: u128) -> Option<(TransactionId, TransactionId)> {
        match model.latest("A", id(number)) {
            TransactionLookup::Latest(first, answer) => Some((first, answer.transaction_id)),
            _ => None,
        }
    }

    #[test]
    fn a_transaction_is_found_by_the_id_of_each_of_its_outcomes_and_of_no_other_account() {
        let model = model(Duration::from_secs(60), usize::MAX);
        model.take_outcome(&outcome(1, ""), 0).expect("an outcome");
        model.take_outcome(&outcome(2, &format!(r#","repeats":"{}""#, id(1))), 1).expect("an outcome");
        model.take_outcome(&outcome(3, &format!(r#","supersedes":"{}""#, id(1))), 2).expect("an outcome");
        for number in [1, 2, 3] {
            assert_eq!(latest(&model, number), Some((id(1), id(3))), "{number}");
        }
        assert!(matches!(model.latest("B", id(1)), TransactionLookup::Nothing));
        // Of a first one that is forgotten the id is known all the same.
        model.take_outcome(&outcome(5, &format!(r#","repeats":"{}""#, id(4))), 3).expect("an outcome");
        assert_eq!(latest(&model, 4), Some((id(4), id(5))));
    }

    #[test]
    fn what_is_too_old_or_too_much_is_forgotten_and_the_oldest_first() {
        let by_time = model(Duration::from_millis(10), usize::MAX);
        let by_bytes = model(Duration::from_secs(60), 2 * TRANSACTION_BYTES + 10);
        for number in 0..3 {
            by_time.take_outcome(&outcome(number, ""), 8 * number as i64).expect("an outcome");
            by_bytes.take_outcome(&outcome(number, ""), 0).expect("an outcome");
        }
        for model in [by_time, by_bytes] {
            assert_eq!(latest(&model, 0), None);
            assert!(latest(&model, 1).is_some() && latest(&model, 2).is_some());
            assert_eq!(model.size().0, 2);
        }
    }

    #[test]
    fn repeats_without_end_take_no_more_than_their_bound() {
        let model = model(Duration::from_secs(60), usize::MAX);
        model.take_outcome(&outcome(1, ""), 0).expect("an outcome");
        for number in 2..100 {
            model
                .take_outcome(&outcome(number, &format!(r#","repeats":"{}""#, id(1))), 0)
                .expect("an outcome");
        }
        assert_eq!(latest(&model, 1), Some((id(1), id(99))));
        assert_eq!(model.lock().history.by_id.len(), IDS_MAX);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn whoever_waits_hears_what_is_said_before_it_asks_and_after() {
        let model = model(Duration::from_secs(60), usize::MAX);
        let place =
            |offset| RecordPlace { input: InputTopic::PosEvents, partition: PartitionId::new(0), offset };
        model.take_outcome(&outcome(1, ""), 0).expect("an outcome");
        let RecordAnswer::Outcome(answer) = model.said_of(place(1)).await else { panic!("an outcome") };
        assert_eq!(answer.verdict, Verdict::Accepted);
        let (said, ()) = tokio::join!(model.said_of(place(2)), async {
            // What ends another event's Pending is not its own answer.
            let ends = outcome(2, &format!(r#","supersedes":"{}""#, id(1)));
            model.take_outcome(&ends, 0).expect("an outcome");
            assert_eq!(model.lock().waiting.len(), 1);
            model.take_outcome(&outcome(2, ""), 0).expect("an outcome");
        });
        assert!(matches!(said, RecordAnswer::Outcome(answer) if answer.supersedes.is_none()));
        let given_up = tokio::time::timeout(Duration::ZERO, model.said_of(place(9))).await;
        assert!(given_up.is_err() && model.lock().waiting.is_empty(), "its place is free again");
    }
}
