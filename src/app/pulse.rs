//! Whether the workers' loops go round, and their attempts to begin one: a call into the client that never comes back is
//! seen by nothing else. Compares counts with those of the look before; knows no worker.

use crate::telemetry::standing::WorkerStanding;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When each worker's loop was last seen to go on.
#[derive(Debug)]
pub(super) struct Pulse {
    silent_max: Duration,
    seen: Mutex<Vec<(u64, Instant)>>,
}

impl Pulse {
    /// A worker that has not ended and does not go round for longer than `silent_max` hangs.
    pub(super) fn new(silent_max: Duration) -> Self {
        Self { silent_max, seen: Mutex::default() }
    }

    /// Looks at the workers; those that hang are told as hanging, whatever else they say of themselves.
    pub(super) fn look(
        &self,
        mut workers: Vec<WorkerStanding>,
        turns: &[u64],
        now: Instant,
    ) -> Vec<WorkerStanding> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.resize(workers.len(), (0, now));
        for ((worker, turns), seen) in workers.iter_mut().zip(turns).zip(seen.iter_mut()) {
            if *worker == WorkerStanding::Stopped || *turns != seen.0 {
                *seen = (*turns, now);
            }
            let silent = now.saturating_duration_since(seen.1);
            if silent > self.silent_max {
                *worker = WorkerStanding::Hanging(silent);
            }
        }
        workers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "an Instant can be had in no other way; nothing waits")]
    fn a_worker_hangs_that_neither_goes_round_nor_is_rebuilt() {
        let pulse = Pulse::new(Duration::from_secs(60));
        let begun = Instant::now();
        let hang =
            |workers: &[WorkerStanding; 2], turns: [u64; 2], seconds: u64, expected: [Option<u64>; 2]| {
                let found = pulse.look(workers.to_vec(), &turns, begun + Duration::from_secs(seconds));
                let seconds_of = |worker: &WorkerStanding| match worker {
                    WorkerStanding::Hanging(time) => Some(time.as_secs()),
                    _ => None,
                };
                assert_eq!(found.iter().map(seconds_of).collect::<Vec<_>>(), expected, "after {seconds} s");
            };
        let running = [WorkerStanding::Running(None), WorkerStanding::Running(None)];
        hang(&running, [1, 1], 0, [None, None]);
        hang(&running, [1, 2], 50, [None, None]);
        hang(&running, [1, 2], 61, [Some(61), None]);
        // Before its loop as in it.
        let others = [WorkerStanding::Rebuilding("a reason".to_owned()), WorkerStanding::Starting(None)];
        hang(&others, [2, 3], 70, [None, None]);
        hang(&others, [3, 4], 120, [None, None]);
        hang(&others, [3, 4], 181, [Some(61), Some(61)]);
        let ended = [WorkerStanding::Stopped, WorkerStanding::Running(None)];
        hang(&ended, [3, 5], 300, [None, None]);
    }
}
