//! The exactly-once worker: every event gets exactly one decision, whatever is killed when.
//!
//! Why it is exactly once:
//!
//! - **One transaction** holds the outcomes, the dead letters, the journal record of the state and the input
//!   positions of a batch. A reader of committed records sees all of it or nothing, so state, outcomes and positions
//!   move together.
//! - **The state is the fold of the journal.** Undone in memory after an abort, folded anew after anything worse; a
//!   worker whose transaction's fate is open throws its state away and reads the truth.
//! - **One owner.** The positions go with the member's present epoch in the group: a transaction of a member that was
//!   put out of the group is refused, by the broker, and by us where its client has forgotten its place (a transaction
//!   that names no member passes the broker). A new owner first settles what the old one left open (it fences the
//!   writer that the journal names) and compares journal and group before it decides anything; where they differ it
//!   refuses.
//! - **No account without its state.** Where the inputs grow, keys move away from the state of their accounts. It is
//!   noticed before the first event of such a key is decided, and nothing more is decided (`layout`) until the state
//!   has followed (`repartition`). A record whose key belongs on another partition for any other reason is never
//!   decided: it is answered that the state is not here, and `misplaced` says whose fault it is.
//! - **No late request.** The protocol has a hole: a commit that was sent twice can end a later transaction. A
//!   producer that saw any disturbance never begins another transaction (`client::log`, `transaction`).
//! - **Nothing is skipped.** Input that was deleted before it was decided stops its partition (`lost_input`). A record
//!   that cannot be read goes to the dead letters in the same transaction; one that waits for the registry stops its
//!   own partition only; a decision that panics is tried again and then passed over as a dead letter.
//!
//! - **Nothing is begun that cannot work.** `start` looks at rights, topics, brokers and limits first.
//!
//! Reading order: `start`, `port` (what is asked of a cluster), `decider` (what is asked of the state), `worker` (the loop),
//! `batch`, `decide`, `transaction`, `rebalance`, `restore`, `settle` (what it must end first), `standby` (what shortens
//! it), `failure` (what is done when it goes wrong), `supervise`.
//! Only `client` names the client library.

mod batch;
pub mod brokers;
pub mod client;
pub mod dead_letter;
mod decide;
pub mod decider;
pub mod descriptors;
pub mod failure;
pub mod health;
pub mod held_back;
pub mod input_times;
pub mod layout;
mod lost_input;
mod misplaced;
pub mod partitions;
pub mod port;
mod progress;
mod rebalance;
pub mod repartition;
mod restore;
pub mod rights;
pub mod rulesets;
pub mod settings;
mod settle;
pub mod standby;
mod start;
mod supervise;
pub mod suspect;
pub mod topics;
mod transaction;
mod waits;
pub mod worker;

use std::sync::{Arc, Mutex, atomic::AtomicBool};

use self::{
    decider::Deciders, failure::Fault, health::Health, layout::Layout, port::Broker, port::MessageLimits,
    settings::Settings, standby::Following, start::Start, suspect::Suspects, worker::Shared,
};

/// Looks at rights, topics and brokers, keeps `ruleset` for replays, then decides until `stop` is set and every worker has
/// left the group. `deciders` is told how many partitions the inputs have.
///
/// # Errors
/// The cluster cannot be reached, refuses, or is not set up as it must be. After the start nothing is an
/// error: workers are built anew, and `health` says so.
pub fn run<D: Deciders>(
    settings: Settings,
    ruleset: &str,
    deciders: impl FnOnce(u32) -> Arc<D>,
    health: Arc<Health>,
    stop: &Arc<AtomicBool>,
) -> Result<(), Fault> {
    let settings = Arc::new(settings);
    match start::start(&settings, ruleset, deciders, &health, stop)? {
        Start::Ready(cluster, deciders) => run_on(Arc::new(cluster), settings, deciders, health, stop),
        Start::Stopped => {}
    }
    Ok(())
}

/// As [`run`], on any broker and without looking at how it is set up.
pub fn run_on<B: Broker, D: Deciders>(
    broker: Arc<B>,
    settings: Arc<Settings>,
    deciders: Arc<D>,
    health: Arc<Health>,
    stop: &AtomicBool,
) {
    let suspects = Arc::new(Suspects::new(settings.failures_per_record_max));
    let layout = Arc::new(Layout::new(deciders.division()));
    let limits = Arc::new(Mutex::new(MessageLimits::UNKNOWN));
    let standby = Arc::default();
    let shared = Shared { broker, deciders, settings, health, suspects, layout, limits, standby };
    shared.learn_limits();
    let following = Following::start(&shared);
    supervise::supervise(&shared, stop);
    following.end(&*shared.broker);
}
