//! The flow of shared profiles: what is known of a terminal or a chip across accounts and partitions. Decisions on POS
//! events write what they saw as observations; the unit that owns a key folds them, exactly once as any input, and publishes
//! the profile; every process reads what is published into its [`Board`]. Judges nothing: that are the checks.

mod board;
mod key;
mod model;
mod observation;
mod offline;
mod profile;
mod published;
mod record;
mod state;
mod topics;

pub use board::Board;
pub use key::{ProfileKey, ProfileKind};
pub use model::{Profiles, Setup};
pub use observation::{Observation, Observations, OfKey, Use, read as read_observations};
pub use offline::OfflineProfiles;
pub use published::{Published, PublishedChip, PublishedDay, PublishedTerminal, SeenAccount, SeenPlace};
pub use record::{ChipRecord, ReferenceRecord, TerminalRecord, country_of, position_of, read_line};
pub use state::ProfilesState;
pub use topics::{FLOW, OBSERVATIONS, PROFILE_RECORDS, PROFILES};

/// A partition of observations and reference records.
pub type Partition = crate::pipeline::Partition<Profiles>;
