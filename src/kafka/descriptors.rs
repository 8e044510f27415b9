//! How many file descriptors a process needs, and whether it may open so many. Without them connections fail one by one,
//! each in its own way; so it is refused at the start.

use super::{
    failure::{Fault, FaultClass, Operation},
    settings::Settings,
};

/// Standard streams, the admin listener and its connections (64 at most), runtimes, and what comes and goes.
const OF_PROCESS: usize = 96;
/// Each client's thread for a broker: its connection, and a pipe by which it is woken.
const OF_CONNECTION: usize = 3;
/// The clients of the process: admin, two that ask for offsets, and the one that writes the ruleset.
const CLIENTS_OF_PROCESS: usize = 4;
/// A worker's: consumer and producer.
const CLIENTS_OF_WORKER: usize = 2;
/// Connections of a client besides one to each broker: one to the bootstrap address, one to a coordinator.
const BESIDES: usize = 2;

/// How many descriptors a process may need, with its restores at work.
#[must_use]
pub fn needed(settings: &Settings, brokers: usize) -> usize {
    // A restore has a reader of its own; following the journals of others takes one more client.
    let of_worker = CLIENTS_OF_WORKER + settings.restores_at_once;
    let clients = CLIENTS_OF_PROCESS + settings.standby + settings.workers.max(1) * of_worker;
    OF_PROCESS + clients * (brokers + BESIDES) * OF_CONNECTION
}

/// Refuses to start where the process may not open as many as it needs. Where that cannot be told, it passes.
///
/// # Errors
/// Both numbers.
pub fn verify(settings: &Settings, brokers: usize) -> Result<(), Fault> {
    let needed = needed(settings, brokers);
    match allowed() {
        Some(allowed) if allowed < needed => Err(Fault::new(
            Operation::Check,
            FaultClass::Setup,
            format!(
                "this process may open {allowed} files and connections, and needs {needed} for {} workers and {brokers} \
                 brokers: raise the limit (`ulimit -n`, LimitNOFILE= of systemd), or lower kafka.workers or \
                 kafka.restores_at_once",
                settings.workers
            ),
        )),
        _ => Ok(()),
    }
}

/// How many this process may open at the same time.
fn allowed() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    soft_limit(&limits)
}

fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_soft_limit() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             unlimited            unlimited            processes\n\
                      Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit(limits), Some(1_024));
        assert_eq!(soft_limit(&limits.replace("1024  ", "unlimited")), None);
        assert_eq!(soft_limit(""), None);
    }

    #[test]
    fn grows_with_workers_and_brokers() {
        let with = |workers| Settings { workers, ..Settings::default() };
        assert!(needed(&with(1), 1) < needed(&with(2), 1));
        assert!(needed(&with(2), 1) < needed(&with(2), 3));
        assert!(needed(&with(2), 3) < 1_024, "{}", needed(&with(2), 3));
    }
}
