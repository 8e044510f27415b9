//! How a unit comes from one process to another: its journal is settled, folded and compared before anything is decided,
//! and what shortens that.

pub mod lost_input;
mod progress;
pub mod restore;
mod settle;
pub mod standby;
