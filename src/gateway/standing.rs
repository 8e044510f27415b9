//! How a process stands, as the health pages tell it: worker by worker, partition by partition. Knows no Kafka: `app`
//! fills it in.

use crate::domain::flow::Unit;
use crate::telemetry::standing::{CopyStanding, PartitionStanding, WorkerStanding};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How the process stands at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessStanding {
    /// What it is at before there are workers.
    pub starting: Option<String>,
    /// It was asked to end, and is leaving the group.
    pub stopping: bool,
    /// Why it cannot do at present what it is there for, besides what workers and partitions say; a sentence each.
    pub troubles: Vec<String>,
    /// Its workers, by number.
    pub workers: Vec<WorkerStanding>,
    /// Its partitions, of all flows.
    pub partitions: BTreeMap<Unit, PartitionStanding>,
    /// Copies of other processes' partitions; empty where none are kept.
    pub standby: BTreeMap<Unit, CopyStanding>,
    /// What somebody else holds up, though this process does all that it is to do; a sentence each.
    pub held_up: Vec<String>,
    /// What goes wrong though everything is decided; the process is ready all the same.
    pub warnings: Vec<String>,
}

impl ProcessStanding {
    /// Why the process must be replaced; empty while it is alive. A worker that cannot reach the cluster is alive:
    /// a restart would only throw its state away.
    #[must_use]
    pub fn not_alive(&self) -> Vec<String> {
        if self.stopping {
            return Vec::new();
        }
        let lost =
            |worker: &WorkerStanding| matches!(worker, WorkerStanding::Hanging(_) | WorkerStanding::Stopped);
        let workers = self.workers.iter().enumerate().filter(|(_, worker)| lost(worker));
        workers.filter_map(trouble_of_worker).collect()
    }

    /// Why the process does not decide all that it is to decide; empty once it does. Without partitions it is ready:
    /// it stands by for others.
    #[must_use]
    pub fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.stopping {
            reasons.push("the process is leaving the group".to_owned());
        }
        if let Some(step) = &self.starting {
            reasons.push(format!("the process starts: {step}"));
            return reasons;
        }
        reasons.extend(self.troubles.iter().cloned());
        reasons.extend(self.workers.iter().enumerate().filter_map(trouble_of_worker));
        let of_partition = |(unit, partition): (&Unit, &PartitionStanding)| match partition {
            PartitionStanding::Active => None,
            PartitionStanding::Restoring { of: 0, .. } => Some(format!("{unit} is restoring")),
            PartitionStanding::Restoring { done, of, .. } => {
                Some(format!("{unit} is restoring: {done} of {of} journal offsets"))
            }
            PartitionStanding::Blocked(why) => Some(format!("{unit} is blocked: {why}")),
        };
        reasons.extend(self.partitions.iter().filter_map(of_partition));
        reasons
    }

    /// The workers, for a page.
    pub(super) fn workers_json(&self) -> Value {
        let row = |(number, worker): (usize, &WorkerStanding)| {
            let (state, reason) = match worker {
                WorkerStanding::Starting(why) => ("starting", why.as_deref()),
                WorkerStanding::Running(why) => ("running", why.as_deref()),
                WorkerStanding::Rebuilding(why) => ("rebuilding", Some(why.as_str())),
                WorkerStanding::Hanging(_) => ("hanging", None),
                WorkerStanding::Stopped => ("stopped", None),
            };
            let mut row = json!({ "worker": number, "state": state });
            if let Some(reason) = reason {
                row["reason"] = reason.into();
            }
            if let WorkerStanding::Hanging(time) = worker {
                row["seconds"] = time.as_secs().into();
            }
            row
        };
        self.workers.iter().enumerate().map(row).collect()
    }

    /// The partitions, for a page.
    pub(super) fn partitions_json(&self) -> Value {
        let row = |(unit, partition): (&Unit, &PartitionStanding)| {
            let mut row =
                json!({ "flow": unit.flow.name, "partition": unit.partition, "state": partition.state() });
            match partition {
                PartitionStanding::Restoring { done, of, entries } => {
                    (row["done"], row["of"]) = ((*done).into(), (*of).into());
                    row[unit.flow.entries] = (*entries).into();
                }
                PartitionStanding::Active => {}
                PartitionStanding::Blocked(why) => row["reason"] = why.as_str().into(),
            }
            row
        };
        self.partitions.iter().map(row).collect()
    }

    /// The copies, for a page.
    pub(super) fn standby_json(&self) -> Value {
        let row = |(unit, copy): (&Unit, &CopyStanding)| {
            let CopyStanding { warm, lag, entries, refused } = copy;
            let state = match (refused, warm) {
                (Some(_), _) => "refused",
                (None, true) => "warm",
                (None, false) => "catching up",
            };
            let mut row =
                json!({ "flow": unit.flow.name, "partition": unit.partition, "state": state, "lag": lag });
            row[unit.flow.entries] = (*entries).into();
            if let Some(refused) = refused {
                row["reason"] = refused.as_str().into();
            }
            row
        };
        self.standby.iter().map(row).collect()
    }
}

/// What keeps a worker, by its number, from deciding.
fn trouble_of_worker((number, worker): (usize, &WorkerStanding)) -> Option<String> {
    let what = match worker {
        WorkerStanding::Running(None) => return None,
        WorkerStanding::Running(Some(why)) => format!("receives nothing from its brokers: {why}"),
        WorkerStanding::Starting(None) => "is joining the group".to_owned(),
        WorkerStanding::Starting(Some(why)) => format!("cannot join the group: {why}"),
        WorkerStanding::Rebuilding(why) => format!("is rebuilt: {why}"),
        WorkerStanding::Hanging(time) => format!("hangs: it has not moved for {} s", time.as_secs()),
        WorkerStanding::Stopped => "has ended".to_owned(),
    };
    Some(format!("worker {number} {what}"))
}
