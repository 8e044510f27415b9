//! Starts the workers, builds a new one where one gives up, and ends them all when asked.

use super::failure::{Fault, FaultClass};
use super::port::Broker;
use super::worker::{SharedByWorkers, Worker};
use crate::telemetry::standing::WorkerStanding;
use crate::telemetry::{self, RebuildReason};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Wait before a worker is rebuilt; it doubles up to [`PAUSE_MAX`] and begins again after [`GOOD_LIFE`].
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(15);
const GOOD_LIFE: Duration = Duration::from_secs(60);
/// How long the same reason is not said again.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(300);
/// How fast a wait ends when everything is to stop.
const STEP: Duration = Duration::from_millis(50);

/// Runs all workers until `stop`; returns when the last has left the group.
pub fn supervise<B: Broker>(shared: &Arc<SharedByWorkers<B>>, stop: &AtomicBool) {
    let ending = Arc::new(AtomicBool::new(false));
    // Held by every worker as long as it lives.
    let alive = Arc::new(());
    for number in 0..shared.settings.kafka.workers.max(1) {
        let (of_worker, ending, alive) = (Arc::clone(shared), Arc::clone(&ending), Arc::clone(&alive));
        let job = move || {
            // The first local is dropped last.
            let _alive = alive;
            let shared = of_worker;
            live(&shared, number, &ending);
        };
        shared.broker.spawn(format!("worker-{number}"), Box::new(job));
    }
    while Arc::strong_count(&alive) > 1 {
        if stop.load(Ordering::Acquire) {
            ending.store(true, Ordering::Release);
        }
        shared.broker.wait(STEP);
    }
}

/// The lives of one worker.
fn live<B: Broker>(shared: &Arc<SharedByWorkers<B>>, number: usize, stop: &AtomicBool) {
    let mut pause = PAUSE_MIN;
    let mut said = SaidReason::default();
    while !stop.load(Ordering::Acquire) {
        shared.health.note_turn(number);
        let begun = shared.broker.now();
        let life = catch_unwind(AssertUnwindSafe(|| Worker::start(Arc::clone(shared), number)?.run(stop)));
        shared.health.forget_all(number);
        let (reason, text) = match life {
            Ok(Ok(())) => break,
            Ok(Err(fault)) => (reason(&fault), fault.to_string()),
            Err(_panic) => (RebuildReason::Panic, "the worker panicked".to_owned()),
        };
        if shared.broker.now() - begun > GOOD_LIFE {
            pause = PAUSE_MIN;
        }
        let level =
            if said.is_new(&text, shared.broker.now()) { log::Level::Error } else { log::Level::Debug };
        log::log!(level, "worker {number}: {text}: rebuilt in {pause:?}");
        telemetry::worker_rebuild(reason);
        shared.health.worker(number, WorkerStanding::Rebuilding(text));
        let until = shared.broker.now() + pause;
        while shared.broker.now() < until && !stop.load(Ordering::Acquire) {
            shared.broker.wait(STEP.min(pause));
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
    shared.health.worker(number, WorkerStanding::Stopped);
}

/// Why a worker was rebuilt the last time, as the log says it.
#[derive(Default)]
struct SaidReason {
    text: String,
    at: Duration,
}

impl SaidReason {
    /// Whether this was not said a while ago: what needs a person is tried again every few seconds.
    fn is_new(&mut self, text: &str, now: Duration) -> bool {
        if self.text == text && now - self.at < SAID_AGAIN_AFTER {
            return false;
        }
        text.clone_into(&mut self.text);
        self.at = now;
        true
    }
}

fn reason(fault: &Fault) -> RebuildReason {
    match fault.class {
        FaultClass::Fenced => RebuildReason::Fenced,
        _ => RebuildReason::Fault,
    }
}
