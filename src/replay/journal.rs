//! A recorded journal on its way: folded record by record, and again from what is left where it is trimmed meanwhile. Knows no
//! flow.

use super::inputs::next_offsets;
use super::source::{Feed, RecordBuffer};
use super::{ReplayError, stop};
use crate::codec::journal::Head;
use crate::pipeline::{Model, Partition, Restore, RestoreFault};
use std::fmt::Display;

/// The journal of a partition, and its fold so far.
pub struct JournalWalk<'a, M: Model> {
    feed: Feed,
    fold: Restore<M>,
    /// A partition with nothing in it.
    empty: Box<dyn Fn() -> Partition<M> + 'a>,
}

impl<'a, M: Model> JournalWalk<'a, M> {
    /// Folds what comes of `feed` into partitions that begin like this.
    pub fn of(feed: Feed, empty: impl Fn() -> Partition<M> + 'a) -> Self {
        Self { feed, fold: Restore::new(empty()), empty: Box::new(empty) }
    }

    /// The fold so far.
    pub fn fold(&self) -> &Restore<M> {
        &self.fold
    }

    /// Whether nothing comes any more.
    pub fn is_at_its_end(&self) -> bool {
        self.feed.head().is_none()
    }

    /// Whether it was trimmed before it was read, and went on with what was left.
    pub fn started_over(&self) -> bool {
        self.feed.started_over()
    }

    /// Whether nothing was left then.
    pub fn lost_its_end(&self) -> bool {
        self.feed.lost_its_end()
    }

    /// Folds the next record; none at the end. False where it was trimmed behind it: the fold begins again.
    fn fold_next(&mut self) -> Result<Option<bool>, ReplayError> {
        let Some(record) = self.feed.head() else { return Ok(None) };
        fold(&mut self.fold, record)?;
        let started_over = self.feed.advance_or_start_over()?;
        if started_over {
            self.fold = Restore::new((self.empty)());
        }
        Ok(Some(!started_over))
    }

    /// Folds the next transaction: its head, and whether it follows the one before; none at the end.
    pub fn next_transaction(&mut self) -> Result<Option<(Head, bool)>, ReplayError> {
        let mut follows = true;
        while let Some(goes_on) = self.fold_next()? {
            follows &= goes_on;
            if let Some(head) = self.fold.last().filter(|head| head.part + 1 == head.parts) {
                return Ok(Some((head.clone(), follows)));
            }
        }
        Ok(None)
    }

    /// Folds on to where the first checkpoint rotation is complete that ends at or behind these offsets: the state there, and the
    /// head of the transaction; none where there is no such.
    pub fn fold_to_checkpoint(
        &mut self,
        starts: &[i64],
    ) -> Result<Option<(Partition<M>, Head)>, ReplayError> {
        let mut begin = Restore::new((self.empty)());
        while let Some(record) = self.feed.head() {
            fold(&mut begin, record)?;
            if self.fold_next()? == Some(false) {
                begin = Restore::new((self.empty)());
            }
            let Some(head) = begin.last().filter(|_| begin.is_at_a_checkpoint()) else { continue };
            let positions = next_offsets(&head.positions, M::FLOW);
            if positions.iter().zip(starts).all(|(position, start)| position >= start) {
                let head = head.clone();
                let state = begin.finish().or_else(|fault| stop(format!("the journal: {fault}")))?;
                return Ok(Some((state, head)));
            }
        }
        Ok(None)
    }

    /// The state at its end; none where it was trimmed before it was read, and what is left of it does not say.
    ///
    /// # Errors
    /// It gives no state.
    pub fn finish(self) -> Result<Option<Partition<M>>, RestoreFault> {
        let (started_over, is_there) = (self.feed.started_over(), self.fold.last().is_some());
        match self.fold.finish() {
            Err(fault) if !started_over => Err(fault),
            state => Ok(state.ok().filter(|_| is_there || !started_over)),
        }
    }
}

fn fold<M: Model>(restore: &mut Restore<M>, record: &RecordBuffer) -> Result<(), ReplayError> {
    let folded = restore.on_record(record.value().unwrap_or_default());
    folded.or_else(|fault| unfoldable(record, fault))
}

/// Says which record of a journal does not fit, and why.
pub fn unfoldable<T>(record: &RecordBuffer, fault: impl Display) -> Result<T, ReplayError> {
    stop(format!("journal at offset {}: {fault}", record.offset))
}
