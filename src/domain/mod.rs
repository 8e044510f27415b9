//! The words of the trade: events, outcomes, decimals, times, ids, limits.
//!
//! Everything else is written in these types. Nothing here does I/O, reads a clock or knows a format.

pub mod account_event;
pub mod amount;
pub mod code;
pub mod cut;
pub mod dead_letter;
pub mod decimal;
pub mod enums;
pub mod event_time;
pub mod exact;
pub mod field;
pub mod flow;
pub mod hashing;
pub mod ids;
pub mod limits;
pub mod number;
pub mod outcome;
pub mod partition_id;
pub mod partitioner;
pub mod pos_event;
pub mod profile_view;
pub mod promise;
pub mod record;
pub mod reply;
pub mod rounding;
pub mod set_back;
pub mod varint;
pub mod visible;
pub mod wide;
pub mod zones;

pub use amount::Amount;
pub use decimal::Decimal;
pub use event_time::Micros;
pub use exact::Exact;
pub use field::Field;
pub use number::Number;
pub use partition_id::PartitionId;
pub use profile_view::ProfileView;
pub use set_back::SetBack;
pub use wide::Wide;
