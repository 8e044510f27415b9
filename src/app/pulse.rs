//! Whether the workers' loops go round, and their attempts to begin one: a call into the client that never comes back is
//! seen by nothing else. Compares counts with those of the look before; knows no worker.

use crate::kafka::health::WorkerHealth;
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

    /// Looks at the workers; for each how long it hangs, if it does.
    pub(super) fn look(
        &self,
        workers: &[WorkerHealth],
        turns: &[u64],
        now: Instant,
    ) -> Vec<Option<Duration>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.resize(workers.len(), (0, now));
        let mut hangs = Vec::with_capacity(workers.len());
        for ((worker, turns), seen) in workers.iter().zip(turns).zip(seen.iter_mut()) {
            if *worker == WorkerHealth::Stopped || *turns != seen.0 {
                *seen = (*turns, now);
            }
            let silent = now.saturating_duration_since(seen.1);
            hangs.push((silent > self.silent_max).then_some(silent));
        }
        hangs
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
        let at = |seconds| begun + Duration::from_secs(seconds);
        let running = [WorkerHealth::Running, WorkerHealth::Running];
        assert_eq!(pulse.look(&running, &[1, 1], at(0)), [None, None]);
        assert_eq!(pulse.look(&running, &[1, 2], at(50)), [None, None]);
        assert_eq!(pulse.look(&running, &[1, 2], at(61)), [Some(Duration::from_secs(61)), None]);
        let others = [WorkerHealth::Rebuilding("a reason".to_owned()), WorkerHealth::Starting];
        assert_eq!(pulse.look(&others, &[2, 3], at(70)), [None, None]);
        assert_eq!(pulse.look(&others, &[3, 4], at(120)), [None, None]);
        let hang = Some(Duration::from_secs(61));
        assert_eq!(pulse.look(&others, &[3, 4], at(181)), [hang, hang], "before its loop as in it");
        let ended = [WorkerHealth::Stopped, WorkerHealth::Running];
        assert_eq!(pulse.look(&ended, &[3, 5], at(300)), [None, None]);
    }
}
