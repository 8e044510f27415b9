//! What a seed stands for: the size of the cluster, the settings of the worker, the input, and which faults come how
//! often. Faults are drawn by subset, so that seeds differ in kind and not only in detail.

use std::time::Duration;

use tillgate::{
    kafka::settings::{BatchLimits, Settings},
    load::draw::Draw,
    pipeline::{OutcomeEncoding, PartitionOptions},
};

use super::{input::Shape, world::Rates};

/// How often processes and nodes fail; each a weight among the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weights {
    pub crash: u32,
    pub freeze: u32,
    /// A new process under the name of one that is frozen.
    pub replace: u32,
    pub stop: u32,
    pub start: u32,
    pub down: u32,
    pub slow: u32,
    pub rebalance: u32,
    /// The schema registry is down.
    pub registry: u32,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub partitions: i32,
    /// Processes at once, at most.
    pub processes: usize,
    pub workers: usize,
    /// Whether processes have static names, which a restart keeps.
    pub named: bool,
    /// Whether processes differ in their ruleset: a change that is rolled out, and back.
    pub upgrades: bool,
    /// Whether there are records on which the decision panics.
    pub poison: bool,
    pub replaces: bool,
    /// Whether processes keep warm copies of what others decide.
    pub standby: bool,
    pub session_timeout: Duration,
    pub batch: BatchLimits,
    pub options: PartitionOptions,
    pub shape: Shape,
    pub rates: Rates,
    pub weights: Weights,
    /// From one fault of a process or node to the next, at most.
    pub fault_pause_max: Duration,
    /// How long there are faults.
    pub faults_for: Duration,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut draw = Draw::of_slot(seed, 0);
        let rate =
            |draw: &mut Draw, most: u32| if draw.per_mille(500) { 0 } else { draw.between(1, most) as u16 };
        let rates = Rates {
            request_lost: rate(&mut draw, 30),
            answer_lost: rate(&mut draw, 30),
            late_end: rate(&mut draw, 150),
            late_offsets: rate(&mut draw, 80),
            delivery_failed: rate(&mut draw, 40),
            slow: rate(&mut draw, 20),
            trim_lost: rate(&mut draw, 300),
            heartbeat_lost: rate(&mut draw, 200),
        };
        let weight = |draw: &mut Draw| if draw.per_mille(400) { 0 } else { draw.between(1, 10) };
        let weights = Weights {
            crash: weight(&mut draw),
            freeze: weight(&mut draw),
            replace: weight(&mut draw),
            stop: weight(&mut draw),
            start: draw.between(2, 10),
            down: weight(&mut draw),
            slow: weight(&mut draw),
            rebalance: weight(&mut draw),
            registry: weight(&mut draw) / 2,
        };
        let seconds = |draw: &mut Draw, low, high| Duration::from_secs(draw.between(low, high).into());
        let partitions = draw.between(1, 3) as i32;
        let faults_for = seconds(&mut draw, 6, 25);
        Self {
            seed,
            partitions,
            processes: draw.between(1, 3) as usize,
            workers: draw.between(1, 2) as usize,
            named: draw.per_mille(500),
            replaces: draw.per_mille(500),
            session_timeout: seconds(&mut draw, 3, 8),
            batch: BatchLimits {
                events: draw.between(1, 40) as usize,
                bytes: 16 << 20,
                time: Duration::from_millis(100),
            },
            options: PartitionOptions {
                topics: ["pos.events".to_owned(), "account.events".to_owned()],
                encoding: OutcomeEncoding::Json,
                checkpoint_events_per_account: draw.between(1, 3),
                rotation_events_min: draw.between(1, 40),
                journal_record_bytes_max: draw.between(600, 6_000) as usize,
                input_partitions: partitions as u32,
            },
            upgrades: draw.per_mille(300),
            poison: draw.per_mille(150),
            shape: Shape {
                seed: seed % 512,
                events: draw.between(15, 70).into(),
                accounts: draw.between(3, 9),
                time: faults_for.mul_f64(f64::from(draw.between(1, 90)) / 100.0),
            },
            rates,
            weights,
            fault_pause_max: Duration::from_millis(draw.between(200, 5_000).into()),
            faults_for,
            standby: draw.per_mille(300),
        }
    }

    /// The worker's settings under this name.
    pub fn settings(&self, instance: String) -> Settings {
        Settings {
            instance,
            static_membership: self.named,
            workers: self.workers,
            batch: self.batch,
            standby: self.standby.into(),
            check_topic_configs: false,
            ..Settings::default()
        }
    }
}
