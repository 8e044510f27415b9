//! The exactly-once worker: every event gets exactly one decision, whatever is killed when.
//!
//! Why it is exactly once:
//!
//! - **One transaction** holds the outcomes, the dead letters, the journal record of the state and the input
//!   positions of a batch. A reader of committed records sees all of it or nothing, so state, outcomes and positions
//!   move together.
//! - **The state is the fold of the journal.** Undone in memory after an abort, folded again after anything worse; a
//!   worker whose transaction's fate is open throws its state away and reads the truth.
//! - **One owner.** The positions go with the member's present epoch in the group: a transaction of a member that was
//!   put out of the group is refused, by the broker, and by us where its client has forgotten its place (a transaction
//!   that names no member passes the broker). A new owner first settles what the old one left open (it fences the
//!   writer that the journal names) and compares journal and group before it decides anything; where they differ it
//!   refuses.
//! - **No account without its state.** Where the inputs grow, keys move away from the state of their accounts. It is
//!   noticed before the first event of such a key is decided, and nothing more is decided (`cluster::layout`) until the
//!   state has followed (`cluster::repartition`). A record whose key belongs on another partition for any other reason is never
//!   decided: it is answered that the state is not here, and `misplaced` says whose fault it is.
//! - **No late request.** The protocol has a hole: a commit that was sent twice can end a later transaction. A
//!   producer that saw any disturbance never begins another transaction (`client::log`, `transaction`).
//! - **Nothing is skipped.** Input that was deleted before it was decided stops its partition (`takeover::lost_input`). A record
//!   that cannot be read goes to the dead letters in the same transaction; one that waits for the registry stops its
//!   own partition only; a decision that panics is tried again and then passed over as a dead letter.
//! - **Nothing is begun that cannot work.** `cluster::start` looks at rights, topics, brokers and limits first.
//!
//! Several flows share the workers, their members, producers and transactions. A unit is one partition of one flow; nothing
//! here knows what a flow is of.
//!
//! Reading order: `port` (what is asked of a cluster), `worker` (the loop: gather, merge, decide, commit), `transaction`,
//! `takeover` (how a unit comes from one process to another), `failure` (what is done when it goes wrong), `supervise`;
//! `units` (what a flow brings along), `cluster` (what is looked at before).
//! Only `client` names the client library.
//!
//! Time passes by records alone. A flow that has something wait for it has an input of *ticks*, which workers write
//! (`worker::ticks`): at most where nothing else comes, and read as any other input, so a replay reads them too.
//!
//! Words of this folder: a *unit* is one partition of one flow. An *owned unit* is what a worker has of it: inputs, state,
//! and the records that wait; its *lane* is its records of one batch. It is *claimed* once the last committed record of the
//! unit's journal is this worker's own. A producer is *spent* once something disturbed it: it is replaced before the next
//! transaction. A record is *held* while another input is waited for, and a key is at *home* on the partition where it
//! belongs. A record is *suspect* while its batch fails, and *condemned* once it failed as often as it may: it is passed over
//! as a dead letter.

mod by_unit;
pub mod client;
pub mod cluster;
pub mod dead_letter;
pub mod failure;
pub mod followed;
pub mod health;
pub mod held_back;
pub mod latest;
mod locked;
mod misplaced;
pub mod port;
pub mod settings;
mod supervise;
pub mod suspect;
mod takeover;
mod transaction;
pub mod units;
pub mod worker;

use self::cluster::layout::Layout;
pub use self::cluster::start::Flows;
use self::cluster::start::{self, Started};
use self::failure::Fault;
use self::followed::FollowedTopic;
use self::health::Health;
use self::latest::LatestTopic;
use self::port::Broker;
use self::settings::ClusterSettings;
use self::suspect::Suspects;
use self::takeover::standby::{Standby, StandbyFollower};
use self::worker::SharedByWorkers;
use crate::pipeline::Deciders;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Looks at rights, topics and brokers, keeps the texts of `rulesets` for replays, reads the topics of `latest`, then decides
/// until `stop` is set and every worker has left the group.
///
/// # Errors
/// The cluster cannot be reached, refuses, or is not set up as it must be. After the start nothing is an
/// error: workers are rebuilt, and `health` says so.
pub fn run(
    settings: ClusterSettings,
    rulesets: &[String],
    flows: Flows,
    latest: &[LatestTopic],
    health: Arc<Health>,
    stop: &Arc<AtomicBool>,
) -> Result<(), Fault> {
    let settings = Arc::new(settings);
    let started = start::start(&settings, rulesets, flows, latest, &health, stop)?;
    let Some(Started { cluster, flows, ticks, latest }) = started else { return Ok(()) };
    let settings = Arc::new(ClusterSettings::clone(&settings).with(|kafka| kafka.ticks = ticks));
    let ended = Arc::new(AtomicBool::new(false));
    let follow = |topic: FollowedTopic| topic.follow(Arc::clone(&ended));
    let readers: Result<Vec<_>, _> = latest.into_iter().map(follow).collect();
    let readers = readers.map_err(|error| Fault::setup(format!("a thread cannot be started: {error}")))?;
    run_on(cluster, settings, flows, health, stop);
    ended.store(true, Ordering::Release);
    for reader in readers {
        // One that panicked was told in the log.
        let _ = reader.join();
    }
    Ok(())
}

/// As [`run`], on any broker and without looking at how it is set up.
pub fn run_on<B: Broker>(
    broker: Arc<B>,
    settings: Arc<ClusterSettings>,
    flows: Vec<Arc<dyn Deciders>>,
    health: Arc<Health>,
    stop: &AtomicBool,
) {
    let suspects = Suspects::new(settings.kafka.failures_per_record_max);
    let layout = Layout::new(flows.iter().map(|deciders| (deciders.flow(), deciders.division())));
    let (limits, standby) = (Mutex::default(), Standby::default());
    let shared =
        Arc::new(SharedByWorkers { broker, flows, settings, health, suspects, layout, limits, standby });
    shared.learn_limits();
    let following = StandbyFollower::start(&shared);
    supervise::supervise(&shared, stop);
    following.end(&*shared.broker);
}
