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
        let lost = |(number, worker): (usize, &WorkerStanding)| match worker {
            WorkerStanding::Hanging(time) => {
                Some(format!("worker {number} hangs: it has not moved for {} s", time.as_secs()))
            }
            WorkerStanding::Stopped => Some(format!("worker {number} has ended")),
            _ => None,
        };
        self.workers.iter().enumerate().filter_map(lost).collect()
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
        for (number, worker) in self.workers.iter().enumerate() {
            match worker {
                WorkerStanding::Running(None) => {}
                WorkerStanding::Running(Some(why)) => {
                    reasons.push(format!("worker {number} receives nothing from its brokers: {why}"));
                }
                WorkerStanding::Starting(None) => {
                    reasons.push(format!("worker {number} is joining the group"));
                }
                WorkerStanding::Starting(Some(why)) => {
                    reasons.push(format!("worker {number} cannot join the group: {why}"));
                }
                WorkerStanding::Rebuilding(why) => {
                    reasons.push(format!("worker {number} is rebuilt: {why}"));
                }
                WorkerStanding::Hanging(time) => {
                    reasons.push(format!("worker {number} hangs: it has not moved for {} s", time.as_secs()));
                }
                WorkerStanding::Stopped => reasons.push(format!("worker {number} has ended")),
            }
        }
        for (unit, partition) in &self.partitions {
            match partition {
                PartitionStanding::Active => {}
                PartitionStanding::Restoring { of: 0, .. } => {
                    reasons.push(format!("{unit} is restoring"));
                }
                PartitionStanding::Restoring { done, of, .. } => {
                    reasons.push(format!("{unit} is restoring: {done} of {of} journal offsets"));
                }
                PartitionStanding::Blocked(why) => {
                    reasons.push(format!("{unit} is blocked: {why}"));
                }
            }
        }
        reasons
    }

    /// The workers, for a page.
    pub(super) fn workers_json(&self) -> Value {
        let row = |(number, worker): (usize, &WorkerStanding)| match worker {
            WorkerStanding::Starting(None) => json!({ "worker": number, "state": "starting" }),
            WorkerStanding::Starting(Some(why)) => {
                json!({ "worker": number, "state": "starting", "reason": why })
            }
            WorkerStanding::Running(None) => json!({ "worker": number, "state": "running" }),
            WorkerStanding::Running(Some(why)) => {
                json!({ "worker": number, "state": "running", "reason": why })
            }
            WorkerStanding::Rebuilding(why) => {
                json!({ "worker": number, "state": "rebuilding", "reason": why })
            }
            WorkerStanding::Hanging(time) => {
                json!({ "worker": number, "state": "hanging", "seconds": time.as_secs() })
            }
            WorkerStanding::Stopped => json!({ "worker": number, "state": "stopped" }),
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
