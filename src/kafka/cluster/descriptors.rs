//! How many file descriptors a process needs, and whether it may open so many. Without them connections fail one by one,
//! each in its own way; so it is refused at the start. Measured: docs/operations.md, Footprint.

use crate::kafka::failure::Fault;
use crate::kafka::settings::ClusterSettings;

/// Of the process: standard streams, runtimes, the admin listener, and the clients that all workers share.
const OF_PROCESS: usize = 28;
const OF_PROCESS_FOR_EACH_BROKER: usize = 9;
/// Of a worker: a consumer and a producer.
const OF_WORKER: usize = 11;
const OF_WORKER_FOR_EACH_BROKER: usize = 5;
/// Of a partition that is restored: a reader of its own.
const OF_RESTORE: usize = 9;
const OF_RESTORE_FOR_EACH_BROKER: usize = 2;
/// Of what comes and goes: requests to the admin listener, files; and of the client that writes ticks, once there was one.
const SPARE: usize = 24;

/// How many descriptors a process needs, with as many partitions restored at once as there may be.
#[must_use]
pub fn needed(settings: &ClusterSettings, brokers: usize, partitions: usize) -> usize {
    let workers = settings.kafka.workers.max(1);
    let restores = partitions.min(workers * settings.kafka.restores_at_once);
    OF_PROCESS
        + OF_PROCESS_FOR_EACH_BROKER * brokers
        + workers * (OF_WORKER + OF_WORKER_FOR_EACH_BROKER * brokers)
        + restores * (OF_RESTORE + OF_RESTORE_FOR_EACH_BROKER * brokers)
        + SPARE
}

/// Refuses to start where the process may not open as many as it needs. Where that cannot be told, it passes.
///
/// # Errors
/// Both numbers.
pub fn verify(settings: &ClusterSettings, brokers: usize, partitions: usize) -> Result<(), Fault> {
    let needed = needed(settings, brokers, partitions);
    match descriptors_allowed() {
        Some(allowed) if allowed < needed => Err(Fault::setup(format!(
            "this process may open {allowed} files and connections, and needs {needed} for workers: {}, brokers: \
                 {brokers}, restores at once: {}: raise the limit (`ulimit -n`, LimitNOFILE= of systemd), or lower \
                 kafka.workers or kafka.restores_at_once",
            settings.kafka.workers, settings.kafka.restores_at_once
        ))),
        _ => Ok(()),
    }
}

/// How many this process may open at the same time.
fn descriptors_allowed() -> Option<usize> {
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
    fn comes_to_what_was_measured_and_grows_with_workers_brokers_and_restores() {
        let with = |workers| ClusterSettings::default().with(|kafka| kafka.workers = workers);
        assert_eq!(needed(&with(2), 1, 0), 69 + SPARE);
        assert_eq!(needed(&with(4), 3, 0), 159 + SPARE);
        assert!(needed(&with(2), 1, 4) < needed(&with(2), 1, 8));
        assert_eq!(needed(&with(2), 1, 8), needed(&with(2), 1, 100), "no more at once than settings say");
        assert!(needed(&with(8), 3, 64) < 1_024, "systemd's default");
    }
}
