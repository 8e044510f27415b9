//! What goes wrong with a cluster, and what the worker does about it: one table, [`recovery`].
//!
//! The client sorts every error into a [`FaultClass`]; nothing else in this module's neighbours looks at error codes.
//! The table never answers "go on": a fault either repeats the call, undoes the batch, or gives up state that can no
//! longer be trusted.

use super::cluster::rights::{Needed, Resource, Right};
use crate::domain::flow::{Flow, Topics};
use std::fmt;
use thiserror::Error;

/// What the worker was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Checking topics before anything starts.
    Check,
    /// Making a member of the group.
    Join,
    /// Making a producer and settling what its id left open.
    Init,
    /// Receiving records.
    Consume,
    /// Answering an assignment or a revocation.
    Rebalance,
    /// Moving, pausing or resuming a partition.
    Seek,
    /// Beginning a transaction.
    Begin,
    /// Queueing a message.
    Produce,
    /// Adding the consumed positions.
    Offsets,
    /// Waiting for acknowledgements.
    Flush,
    /// Committing.
    Commit,
    /// Aborting.
    Abort,
    /// Reading the journal.
    Restore,
    /// Cutting the journal off.
    Trim,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "checking the cluster",
            Self::Join => "joining the group",
            Self::Init => "preparing the producer",
            Self::Consume => "receiving records",
            Self::Rebalance => "answering the group",
            Self::Seek => "moving a partition",
            Self::Begin => "beginning a transaction",
            Self::Produce => "producing",
            Self::Offsets => "adding the positions",
            Self::Flush => "waiting for acknowledgements",
            Self::Commit => "committing",
            Self::Abort => "aborting",
            Self::Restore => "reading the journal",
            Self::Trim => "trimming the journal",
        })
    }
}

/// Which topic a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// An output of a flow, by its place.
    Output(&'static Flow, usize),
    /// The dead letters of a flow.
    DeadLetters(&'static Flow),
    /// The journal of a flow.
    Journal(&'static Flow),
    /// The rulesets.
    Rulesets,
}

impl Destination {
    /// Which one `topic` is.
    #[must_use]
    pub fn of(topics: &Topics, topic: &str) -> Self {
        let of_flow = topics.flows.iter().find_map(|of| {
            if *topic == of.dead_letters {
                return Some(Self::DeadLetters(of.flow));
            }
            if *topic == of.journal {
                return Some(Self::Journal(of.flow));
            }
            let output = topics.outputs(of.flow).find(|output| topics.output(of.flow, *output) == topic)?;
            Some(Self::Output(of.flow, output))
        });
        of_flow.unwrap_or(Self::Rulesets)
    }

    /// Its topic.
    #[must_use]
    pub fn topic(self, topics: &Topics) -> &str {
        match self {
            Self::Output(flow, output) => topics.output(flow, output),
            Self::DeadLetters(flow) => &topics.of(flow).dead_letters,
            Self::Journal(flow) => &topics.of(flow).journal,
            Self::Rulesets => &topics.rulesets,
        }
    }
}

/// What an error means, whatever its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// The same call may be made again; nothing has changed.
    Retriable,
    /// The transaction cannot be committed any more.
    NeedsAbort,
    /// Another producer or member took this one's place.
    Fenced,
    /// The client object is of no use any more.
    Fatal,
    /// A message is larger than its topic takes.
    TooLarge(Destination),
    /// Configuration or permission: waiting does not help, a person does.
    Setup,
}

impl fmt::Display for FaultClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retriable => "retriable",
            Self::NeedsAbort => "needs an abort",
            Self::Fenced => "fenced",
            Self::Fatal => "fatal",
            Self::TooLarge(_) => "too large",
            Self::Setup => "setup",
        })
    }
}

/// What the worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// Make the same call again, with back-off, while the transaction's time lasts.
    Again,
    /// Abort, undo the batch, seek back.
    Abort,
    /// Drop consumer, producer and state, and rebuild the worker: the journal has the truth.
    Rebuild,
}

/// An error of the cluster or its client, sorted.
#[derive(Clone, Debug, Error)]
#[error("{operation} failed ({class}): {text}")]
pub struct Fault {
    /// What was being done.
    pub operation: Operation,
    /// What it means.
    pub class: FaultClass,
    /// The client's words.
    pub text: String,
}

impl Fault {
    /// A fault with its text.
    #[must_use]
    pub fn new(operation: Operation, class: FaultClass, text: impl Into<String>) -> Self {
        Self { operation, class, text: text.into() }
    }

    /// What a person has to put right before anything is begun.
    #[must_use]
    pub fn setup(text: impl Into<String>) -> Self {
        Self::new(Operation::Check, FaultClass::Setup, text)
    }

    /// The same, caused by a right that is missing.
    #[must_use]
    pub fn lacking(self, resource: Resource, right: Right) -> Self {
        let text = format!("{} ({})", Needed { resource, right }.missing(), self.text);
        Self { class: FaultClass::Setup, text, ..self }
    }
}

/// The table: the answer to a fault of `class` while doing `operation`.
#[must_use]
pub const fn recovery(operation: Operation, class: FaultClass) -> Recovery {
    use FaultClass as C;
    use Operation as O;
    match (operation, class) {
        // Nothing of this client can be trusted any more, or somebody else owns its place.
        (_, C::Fenced | C::Fatal | C::Setup) => Recovery::Rebuild,
        // Every transactional call may be repeated as it is; so may reading and asking.
        (
            O::Begin
            | O::Offsets
            | O::Commit
            | O::Abort
            | O::Init
            | O::Consume
            | O::Restore
            | O::Trim
            | O::Join
            | O::Check,
            C::Retriable,
        ) => Recovery::Again,
        // An abort that asks for an abort leaves the fate of the batch open.
        (O::Abort, C::NeedsAbort | C::TooLarge(_)) => Recovery::Rebuild,
        // Between begin and commit: undo and do the batch again.
        (O::Begin | O::Produce | O::Offsets | O::Flush | O::Commit, _) => Recovery::Abort,
        // A member that cannot answer or move its partitions has lost its place.
        (O::Rebalance | O::Seek, _) => Recovery::Rebuild,
        (_, C::NeedsAbort | C::TooLarge(_)) => Recovery::Rebuild,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operation: Operation, class: FaultClass, expected: Recovery) {
        assert_eq!(recovery(operation, class), expected, "{operation:?} {class:?}");
    }

    #[test]
    fn fenced_and_fatal_rebuild_whatever_was_done() {
        for operation in [
            Operation::Begin,
            Operation::Produce,
            Operation::Offsets,
            Operation::Flush,
            Operation::Commit,
            Operation::Abort,
            Operation::Consume,
        ] {
            check(operation, FaultClass::Fenced, Recovery::Rebuild);
            check(operation, FaultClass::Fatal, Recovery::Rebuild);
        }
    }

    #[test]
    fn retriable_commit_abort_and_offsets_are_the_same_call_again() {
        for operation in [Operation::Commit, Operation::Abort, Operation::Offsets] {
            check(operation, FaultClass::Retriable, Recovery::Again);
        }
    }

    #[test]
    fn failed_delivery_aborts_the_batch() {
        check(Operation::Flush, FaultClass::NeedsAbort, Recovery::Abort);
        check(Operation::Produce, FaultClass::TooLarge(Destination::Rulesets), Recovery::Abort);
        check(Operation::Commit, FaultClass::NeedsAbort, Recovery::Abort);
    }

    #[test]
    fn abort_that_fails_for_good_rebuilds() {
        check(Operation::Abort, FaultClass::NeedsAbort, Recovery::Rebuild);
    }
}
