//! The state of one input partition: plain tables in memory, changed by facts alone.
//!
//! No bytes, no I/O, no judgement: [`Fact`] says what happened, [`PartitionState::apply`] carries it
//! out, the same way live, on restore, on a standby and in the simulation.

mod account;
mod accounts;
mod fact;
mod master_data;
mod partition;

pub use account::{Account, Answer, Hold, Rare, Recent, RecentFlags, Standing, StoredMessage, id_hash};
pub use accounts::{AT_ONCE, Accounts};
pub use fact::{Booking, Change, Fact, Patch};
pub use master_data::MasterData;
pub use partition::{PartitionState, StateFault};
