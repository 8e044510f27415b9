//! Being the group's only member. A repartition owns every partition of the inputs while it works, and its transaction
//! is committed as that member, so nobody can decide anything meanwhile: whoever joins takes partitions away first, which
//! is noticed here, and makes the commit fail.

use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::port::{Broker, GroupConsumer, InputPartition, Rebalance};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long one look at the group waits.
const LOOK: Duration = Duration::from_millis(100);
/// How long the group may take to give a member that is alone all partitions, new ones too.
const OWN_WITHIN: Duration = Duration::from_secs(90);

/// A member and what it owns.
pub struct Owner<B: Broker> {
    consumer: B::Consumer,
    owned: BTreeSet<InputPartition>,
}

impl<B: Broker> Owner<B> {
    /// Joins the group.
    ///
    /// # Errors
    /// The cluster cannot be reached or refuses.
    pub fn join(broker: &B) -> Result<Self, Fault> {
        Ok(Self { consumer: broker.consumer(0)?, owned: BTreeSet::new() })
    }

    /// The member, for the transaction's positions.
    pub fn member(&self) -> &B::Consumer {
        &self.consumer
    }

    /// Answers the group, waiting for something to answer up to `timeout`.
    fn answer(&mut self, timeout: Duration) -> Result<(), Fault> {
        // Everything is paused, so no record comes.
        drop(self.consumer.poll(timeout)?);
        for change in self.consumer.take_changes() {
            match change {
                Rebalance::Assigned(partitions) => {
                    self.consumer.assign(&partitions)?;
                    self.owned.extend(partitions);
                }
                Rebalance::Revoked(partitions) => {
                    self.consumer.unassign(&partitions)?;
                    partitions.iter().for_each(|at| {
                        self.owned.remove(at);
                    });
                }
            }
        }
        Ok(())
    }

    /// Waits until `all` partitions of the inputs are owned.
    ///
    /// # Errors
    /// The group does not give them: it has another member.
    pub fn await_all(&mut self, broker: &B, all: &BTreeSet<InputPartition>) -> Result<(), Fault> {
        let begun = broker.now();
        while self.owned != *all {
            if broker.now() - begun > OWN_WITHIN {
                let text = format!(
                    "the group gave {} of {} partitions within {OWN_WITHIN:?}: another process has joined it: stop \
                     every tillgate, and run this again",
                    self.owned.len(),
                    all.len()
                );
                return Err(Fault::new(Operation::Join, FaultClass::Setup, text));
            }
            self.answer(LOOK)?;
        }
        Ok(())
    }

    /// Goes on being the only member; call it often.
    ///
    /// # Errors
    /// Something was taken away.
    pub fn stay(&mut self, all: &BTreeSet<InputPartition>) -> Result<(), Fault> {
        self.answer(Duration::ZERO)?;
        if self.owned == *all {
            return Ok(());
        }
        let text = "another process has joined the group meanwhile: stop every tillgate, and run this again";
        Err(Fault::new(Operation::Rebalance, FaultClass::Setup, text))
    }
}
