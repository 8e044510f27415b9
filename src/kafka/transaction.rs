//! One transaction after another with one transactional id, and the producer that is replaced once it is spent.
//!
//! Rules kept here: a producer that saw a disturbance never begins another transaction (see `client::log` for why); a
//! retriable fault repeats the very same call; what cannot be committed is aborted; where neither is certain the
//! caller learns that its state is worth nothing any more.

use super::failure::{Fault, FaultClass, Recovery, recovery};
use super::port::{Broker, GroupConsumer, InputPartition, TransactionalProducer};
use crate::telemetry;
use std::sync::Arc;
use std::time::Duration;

/// First wait before the same call is made again; it doubles up to [`AGAIN_MAX`].
const AGAIN_MIN: Duration = Duration::from_millis(10);
const AGAIN_MAX: Duration = Duration::from_millis(500);
/// How long a call may be repeated before it is worth a warning.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// How a transaction ended.
#[derive(Debug)]
pub enum TransactionEnd {
    /// Everything is visible, the consumed positions with it.
    Committed,
    /// Nothing is visible: undo the batch and do it again.
    Aborted(Fault),
}

/// The worker's transactions.
pub struct Transactions<B: Broker> {
    broker: Arc<B>,
    transactional_id: String,
    producer: B::Producer,
    patience: Duration,
}

impl<B: Broker> Transactions<B> {
    /// Makes the first producer: whatever an earlier one of this id left open is aborted. `patience`: how long a call
    /// is repeated.
    ///
    /// # Errors
    /// The cluster cannot be reached within `patience`, or refuses the id.
    pub fn start(broker: Arc<B>, transactional_id: String, patience: Duration) -> Result<Self, Fault> {
        let producer = retry(&*broker, patience, || broker.producer(&transactional_id))?;
        Ok(Self { broker, transactional_id, producer, patience })
    }

    /// The id, as journal records name their writer.
    #[must_use]
    pub fn writer(&self) -> &str {
        &self.transactional_id
    }

    /// The producer of the open transaction.
    #[must_use]
    pub fn producer(&self) -> &B::Producer {
        &self.producer
    }

    /// Replaces a spent producer; call it between transactions. A new epoch fences whatever is still under way.
    ///
    /// # Errors
    /// As [`Self::start`]. Nothing is lost: call it again.
    pub fn ready(&mut self) -> Result<(), Fault> {
        if self.producer.disturbed() { self.replace() } else { Ok(()) }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Rebuild the worker.
    pub fn begin(&self) -> Result<(), Fault> {
        retry(&*self.broker, self.patience, || self.producer.begin())
    }

    /// Ends a transaction: positions, acknowledgements, commit; an abort where one of them says so. `flush_first`: the
    /// acknowledgements before the positions, which takes longer.
    ///
    /// # Errors
    /// The fate of the transaction is open, or another producer took over: rebuild the worker.
    pub fn finish(
        &mut self,
        consumer: &B::Consumer,
        positions: &[(InputPartition, i64)],
        flush_first: bool,
    ) -> Result<TransactionEnd, Fault> {
        let flushed = if flush_first { self.producer.flush() } else { Ok(()) };
        let committed = flushed
            .and_then(|()| self.give_positions(consumer, positions))
            .and_then(|()| self.producer.flush())
            .and_then(|()| retry(&*self.broker, self.patience, || self.producer.commit()));
        match committed {
            Ok(()) => Ok(TransactionEnd::Committed),
            Err(fault) => match recovery(fault.operation, fault.class) {
                // The client never gets such a transaction aborted: it waits for the refused messages (librdkafka 2.12).
                Recovery::Abort if matches!(fault.class, FaultClass::TooLarge(_)) => {
                    self.replace().map(|()| TransactionEnd::Aborted(fault))
                }
                Recovery::Abort => self.abort_because(&fault).map(|()| TransactionEnd::Aborted(fault)),
                // A commit that stays unanswered may still take place.
                Recovery::Again | Recovery::Rebuild => Err(fault),
            },
        }
    }

    fn give_positions(
        &self,
        consumer: &B::Consumer,
        positions: &[(InputPartition, i64)],
    ) -> Result<(), Fault> {
        let given = retry(&*self.broker, self.patience, || {
            let membership = consumer.membership()?;
            self.producer.offsets(positions, &membership)
        });
        // Out of patience: the positions are not part of the transaction for certain, so it must not be committed.
        given.map_err(|fault| match fault.class {
            FaultClass::Retriable => Fault { class: FaultClass::NeedsAbort, ..fault },
            _ => fault,
        })
    }

    /// Aborts because of `cause`, which is what counts where the abort fails too.
    ///
    /// # Errors
    /// Rebuild the worker.
    pub fn abort_because(&mut self, cause: &Fault) -> Result<(), Fault> {
        self.abort().map_err(|fault| {
            let text = format!("{}; and then the abort: {}", cause.text, fault.text);
            Fault { text, operation: cause.operation, ..fault }
        })
    }

    /// Aborts. Where the client does not get that done, its producer is replaced: the new one settles what the id left
    /// open, which nobody has asked to commit.
    ///
    /// # Errors
    /// Rebuild the worker.
    pub fn abort(&mut self) -> Result<(), Fault> {
        let aborted = retry(&*self.broker, self.patience, || self.producer.abort());
        let Err(fault) = aborted else { return Ok(()) };
        if fault.class == FaultClass::Fenced {
            return Err(fault);
        }
        log::warn!("{fault}: the producer is replaced");
        self.replace()
    }

    /// Replaces the producer whatever it has seen. A new epoch fences whatever is still under way.
    ///
    /// # Errors
    /// As [`Self::start`]. Nothing is lost: call it again.
    pub fn replace(&mut self) -> Result<(), Fault> {
        self.producer = self.broker.producer(&self.transactional_id)?;
        telemetry::producer_rebuild();
        Ok(())
    }
}

/// Makes the same call again, with back-off, as long as the fault says so and `patience` lasts.
pub fn retry<B: Broker, T>(
    broker: &B,
    patience: Duration,
    mut call: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let begun = broker.now();
    let mut pause = AGAIN_MIN;
    loop {
        match call() {
            Err(fault)
                if recovery(fault.operation, fault.class) == Recovery::Again
                    && broker.now() - begun < patience =>
            {
                // A fresh coordinator asks to be asked again; what takes longer is told.
                let told = broker.now() - begun >= TOLD_AFTER;
                let level = if told { log::Level::Warn } else { log::Level::Debug };
                log::log!(level, "{fault}: trying again in {pause:?}");
                broker.wait(pause);
                pause = (pause * 2).min(AGAIN_MAX);
            }
            other => return other,
        }
    }
}
