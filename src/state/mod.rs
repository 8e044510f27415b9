//! The state of one input partition: plain tables in memory, changed by facts alone.
//!
//! No bytes, no I/O, no judgement: [`Fact`] says what happened, [`PartitionState::apply`] carries it
//! out, the same way live, on restore, on a standby and in the simulation.

mod account;
mod accounts;
mod applied;
mod counter;
mod fact;
mod hold;
mod marks;
mod master_data;
mod memory;
mod packed;
mod partition;
mod remember;
mod remembered;

pub use account::{
    Account, AccountFlags, AnswerOf, Attempt, Correctable, Forgot, Rare, RefusedEvent, StoredAnswer,
    StoredMessage,
};
pub use accounts::{AT_ONCE, Accounts};
pub use applied::{AppliedEvent, AppliedEvents, Payment};
pub use counter::{Counter, Counters};
pub use fact::{Booking, Fact, Facts, FactsOfAccount, Patch, RememberedFact};
pub use hold::{Hold, Taking};
pub use marks::{Mark, Marks, Thing};
pub use master_data::MasterData;
pub use memory::{Events, Keep, Memory};
pub use partition::{PartitionState, StateFault};
pub use remember::attempt;
pub use remembered::{
    EventPlace, MoneyKind, Remembered, content_digest, id_hash, old_id_hash, old_short_hash, trimmed,
};
