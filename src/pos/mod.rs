//! The flow of POS events: purchases and withdrawals judged by account events, both keyed by account; holds run out by
//! ticks where neither comes. What is here makes a
//! [`crate::pipeline::Model`] of engine, state and codecs; it does no I/O and judges nothing itself.

mod input;
mod model;
mod outside;
mod parties;
mod publisher;
mod seen;
mod setup;
mod state;
mod topics;

pub use input::{ACCOUNT_RESULTS, FLOW, INPUTS, Input};
pub use model::{OutcomeEncoding, Pos};
pub use outside::{Outside, ProfileSource};
pub use setup::{LiveOutside, PartitionOptions, Setup};

/// A partition of POS events, account events and ticks.
pub type Partition = crate::pipeline::Partition<Pos>;
/// The same while it is read from its journal.
pub type Restore = crate::pipeline::Restore<Pos>;
