//! `tillgate demo`: a first look on a machine without any Kafka.
//!
//! Generated accounts, terminals and baskets go through the same worker as in `run`, on a broker inside this
//! process; the outcomes are read back and shown, and a few of them explained line by line. It shows what is there and
//! decides nothing itself; the embedded broker has no real transactions, so it proves nothing about exactly once.

mod args;
mod contact;
mod explain;
mod feed;
mod live;
mod notes;
mod pick;
mod run;
mod screen;
mod summary;
mod table;
mod tally;

pub use args::DemoArgs;
pub(crate) use run::run;

/// Now, to measure from.
#[allow(clippy::disallowed_methods, reason = "pace and drawing, no part of a decision")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
