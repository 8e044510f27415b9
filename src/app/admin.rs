//! The admin listener of a process, metrics and health pages, from its beginning to its end; and what stands on the pages of one
//! that has workers.

use super::pulse::Pulse;
use super::{AppError, start};
use crate::config::Settings;
use crate::gateway::{AdminBounds, AdminSource, Listener, ProcessStanding, admin};
use crate::kafka::health::Health;
use crate::kafka::held_back::HeldBack;
use crate::registry::Registry;
use crate::telemetry;
use crate::telemetry::exporter::Exporter;
use crate::telemetry::standing::{PartitionStanding, WorkerStanding};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A turn of a worker repeats at most so many calls for the transaction's time-out each (a new producer, positions,
/// acknowledgements, commit, abort), and once more for good measure; whatever else it does takes less than the rest.
const TURN_TRANSACTION_TIMEOUTS: u32 = 6;
const TURN_REST: Duration = Duration::from_secs(60);

/// How long a sender's transaction holds back an input before `/readyz` tells it.
const HELD_UP_TOLD_AFTER: Duration = Duration::from_secs(10);

/// The listener, while it answers.
pub(crate) struct ServedPages {
    address: SocketAddr,
    ended: tokio::sync::oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl ServedPages {
    /// Collects metrics from now on, and serves the pages.
    pub(crate) fn serve<P: AdminSource + 'static>(
        listener: Listener,
        ruleset: &str,
        pages: impl FnOnce(Exporter) -> P,
    ) -> Result<Self, AppError> {
        let address = listener.address();
        let pages = pages(Exporter::install(ruleset).map_err(start)?);
        let (ended, ending) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async move {
            // Dropping the sender is the signal.
            let _ = ending.await;
        };
        let served =
            admin::serve(listener, AdminBounds::default(), Arc::new(pages), shutdown).map_err(start)?;
        Ok(Self { address, ended, served })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it.
    pub(crate) fn close(self) {
        drop(self.ended);
        // A page that panicked has been told in the log.
        let _ = self.served.join();
    }
}

/// What the pages of a process with workers show.
pub(crate) struct WorkerPages {
    exporter: Exporter,
    health: Arc<Health>,
    pulse: Pulse,
    registry: Option<Arc<Registry>>,
    stop: Arc<AtomicBool>,
}

impl WorkerPages {
    /// Of workers that report to `health` and end by `stop`.
    pub(crate) fn new(
        settings: &Settings,
        exporter: Exporter,
        health: Arc<Health>,
        registry: Option<Arc<Registry>>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let pulse = Pulse::new(settings.kafka.transaction_timeout * TURN_TRANSACTION_TIMEOUTS + TURN_REST);
        Self { exporter, health, pulse, registry, stop }
    }

    /// The workers, with those that hang.
    #[allow(clippy::disallowed_methods, reason = "health of the process; no part of a decision")]
    fn workers(&self) -> Vec<WorkerStanding> {
        self.pulse.look(self.health.workers(), &self.health.turns(), Instant::now())
    }
}

/// What is to be said of an input that stands still behind an open transaction, once that takes longer than any of a
/// sender that writes all the time.
fn held_up(held: &HeldBack) -> Option<String> {
    let HeldBack { at, offset, time } = held;
    (*time >= HELD_UP_TOLD_AFTER).then(|| {
        format!(
            "{}: a sender's transaction has been open since offset {offset} of {} for {} s or more, and \
             nothing behind it is decided before it ends: see docs/operations.md, A sender that does not commit",
            at.unit,
            at.name(),
            time.as_secs()
        )
    })
}

impl AdminSource for WorkerPages {
    fn metrics(&self) -> String {
        // Whatever the brokers do: what nobody counts would not be missed.
        telemetry::partitions(self.health.partitions().values());
        self.exporter.render()
    }

    fn standing(&self) -> ProcessStanding {
        let mut partitions = self.health.partitions();
        if let Some(trouble) = self.registry.as_ref().and_then(|registry| registry.trouble()) {
            for partition in partitions.values_mut() {
                if let PartitionStanding::Blocked(why) = partition {
                    why.push_str(&format!(" ({trouble})"));
                }
            }
        }
        ProcessStanding {
            starting: self.health.start_step(),
            stopping: self.stop.load(Ordering::Acquire),
            troubles: Vec::new(),
            workers: self.workers(),
            partitions,
            standby: self.health.copies(),
            held_up: self.health.all_held_back().iter().filter_map(held_up).collect(),
            warnings: self.health.warnings(),
        }
    }

    fn upkeep(&self) {
        self.workers();
        self.exporter.upkeep();
    }
}
