//! What a seed stands for: the size of the cluster, the settings of the worker, the input, and which faults come how
//! often. Faults are drawn by subset, so that seeds differ in kind and not only in detail.

use std::{collections::BTreeMap, time::Duration};

use tillgate::{
    domain::{hashing::Seed, partitioner::Partitioner},
    kafka::{
        port::Flow,
        settings::{BatchLimits, ClusterSettings, KafkaSettings, Topics},
    },
    load::draw::Draw,
    pos::{self, OutcomeEncoding, PartitionOptions},
    profiles::FLOW,
};

use super::{checker::TOPICS, contacts, input::Shape, profiles, world::Rates};
use crate::support::tally;

/// Outcomes that a cluster with a small limit does not take: those with many messages.
const LARGE: usize = 1_400;
/// Dead letters that it does not take: those of records with long headers, keys or values.
const LETTER: usize = 3_000;

/// In how many runs there are contact decisions.
const CONTACTS_PER_MILLE: u16 = 400;

/// What happens to processes, nodes and what is around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    Crash,
    Freeze,
    /// A crash or a freeze within a transaction.
    Fuse,
    /// A new process under the name of one that is frozen.
    Replace,
    Stop,
    Start,
    NodeDown,
    NodeSlow,
    Rebalance,
    /// The schema registry is down.
    Registry,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Partitions of a second flow, where there is one beside the first.
    pub tally_partitions: Option<u32>,
    /// Partitions of the shared profiles, where there are such.
    pub profile_partitions: Option<u32>,
    /// Partitions of the contact decisions, where there are such.
    pub contact_partitions: Option<u32>,
    /// How much faster the brokers' clock goes than time does.
    pub clock_speed: u32,
    /// The test that runs it.
    pub test: &'static str,
    pub partitions: u32,
    /// Processes at once, at most.
    pub processes: usize,
    pub workers: usize,
    /// Whether processes have static names, which a restart keeps.
    pub named: bool,
    /// Whether processes differ in their ruleset: a change that is rolled out, and back.
    pub upgrades: bool,
    /// Whether there are records on which the decision panics.
    pub poison: bool,
    /// Largest outcome that the cluster takes, where it does not take all.
    pub outcome_bytes_max: Option<usize>,
    /// Largest dead letter, likewise; and whether the cluster says what it takes.
    pub letter_bytes_max: Option<usize>,
    pub tells_limits: bool,
    pub replaces: bool,
    /// Whether processes keep warm copies of what others decide.
    pub standby: bool,
    /// Whether rebalances are those of the classic protocol.
    pub eager: bool,
    pub session_timeout: Duration,
    pub batch: BatchLimits,
    pub options: PartitionOptions,
    pub shape: Shape,
    pub rates: Rates,
    /// How often each blow comes, as a weight among the others.
    pub weights: [(Blow, u32); 10],
    /// How many fuses freeze a process instead of crashing it, per mille.
    pub fuse_freezes: u16,
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
            slow_marker: rate(&mut draw, 150),
        };
        let weights = weights(&mut draw);
        let seconds = |draw: &mut Draw, low, high| Duration::from_secs(draw.between(low, high).into());
        let partitions = draw.between(1, 3);
        let faults_for = seconds(&mut draw, 6, 25);
        Self {
            seed,
            test: "holds_every_promise",
            partitions,
            processes: draw.between(1, 3) as usize,
            workers: draw.between(1, 2) as usize,
            named: draw.per_mille(500),
            replaces: draw.per_mille(500),
            eager: draw.per_mille(300),
            session_timeout: seconds(&mut draw, 3, 8),
            batch: BatchLimits {
                events: draw.between(1, 40) as usize,
                bytes: 16 << 20,
                time: Duration::from_millis(100),
            },
            options: PartitionOptions {
                topics: TOPICS.map(str::to_owned),
                encoding: OutcomeEncoding::Json,
                checkpoint_events_per_account: draw.between(1, 3),
                rotation_events_min: draw.between(1, 40),
                journal_record_bytes_max: draw.between(600, 6_000) as usize,
                input_partitions: partitions,
                partitioner: Partitioner::Murmur2,
                profiles: None,
                parties: None,
                table_seed: Seed([seed, 0]),
            },
            upgrades: draw.per_mille(300),
            poison: draw.per_mille(150),
            outcome_bytes_max: draw.per_mille(100).then_some(LARGE),
            letter_bytes_max: draw.per_mille(200).then_some(LETTER),
            tells_limits: draw.per_mille(500),
            shape: shape(seed, faults_for, &mut draw),
            rates,
            weights,
            fuse_freezes: 400,
            fault_pause_max: Duration::from_millis(draw.between(200, 5_000).into()),
            faults_for,
            standby: draw.per_mille(300),
            tally_partitions: draw.per_mille(350).then(|| draw.between(1, 4)),
            clock_speed: [1, 100, 1_000, 4_000][draw.below(4) as usize],
            profile_partitions: draw.per_mille(350).then(|| draw.between(1, 3)),
            contact_partitions: draw.per_mille(CONTACTS_PER_MILLE).then(|| draw.between(1, 4)),
        }
        .with_fed()
    }

    /// With what the first flow tells the others.
    fn with_fed(mut self) -> Self {
        self.options.parties =
            self.contact_partitions.map(|partitions| contacts::settings(partitions).division);
        self.options.profiles =
            self.profile_partitions.map(|partitions| profiles::settings(partitions).division);
        self
    }

    /// The flows, with their numbers of partitions.
    pub fn flows(&self) -> BTreeMap<&'static Flow, u32> {
        let tally = self.tally_partitions.map(|partitions| (&tally::FLOW, partitions));
        let profiles = self.profile_partitions.map(|partitions| (&FLOW, partitions));
        let contacts = self.contact_partitions.map(|partitions| (&contacts::FLOW, partitions));
        let others = tally.into_iter().chain(profiles).chain(contacts);
        [(&pos::FLOW, self.partitions)].into_iter().chain(others).collect()
    }

    /// A run in which nothing goes wrong but that processes crash within transactions, and others take over from them.
    pub fn of_crashes(seed: u64) -> Self {
        let plan = Self::of(seed);
        let weights = plan.weights.map(|(blow, _)| match blow {
            Blow::Fuse | Blow::Start => (blow, 1),
            _ => (blow, 0),
        });
        Self {
            test: "no_restore_waits",
            processes: plan.processes.max(2),
            named: false,
            upgrades: false,
            poison: false,
            outcome_bytes_max: None,
            letter_bytes_max: None,
            rates: Rates::default(),
            weights,
            fuse_freezes: 0,
            session_timeout: Duration::from_secs(3),
            ..plan
        }
    }

    /// A run in which nothing goes wrong but what senders send.
    pub fn of_bad_senders(seed: u64) -> Self {
        let plan = Self::of(seed);
        Self {
            test: "within_eight_turns",
            processes: 1,
            named: false,
            upgrades: false,
            poison: false,
            outcome_bytes_max: Some(LARGE),
            letter_bytes_max: Some(LETTER),
            tells_limits: true,
            standby: false,
            shape: Shape { bad_per_mille: 300, ..plan.shape },
            rates: Rates::default(),
            weights: plan.weights.map(|(blow, _)| (blow, u32::from(blow == Blow::Start))),
            ..plan
        }
    }

    /// The worker's settings under this name.
    pub fn settings(&self, instance: String) -> ClusterSettings {
        let kafka = KafkaSettings {
            group_instance_id: self.named.then(|| instance.clone()),
            workers: self.workers,
            batch: self.batch,
            standby: self.standby.into(),
            ..KafkaSettings::default()
        };
        let topics = self.topics();
        ClusterSettings { kafka, instance, check_topic_configs: false, topics, ..ClusterSettings::default() }
    }

    fn topics(&self) -> Topics {
        let mut topics = Topics::default();
        topics.flows.extend(self.tally_partitions.map(|_| tally::topics("")));
        topics.flows.extend(self.profile_partitions.map(|_| profiles::topics()));
        topics.flows.extend(self.contact_partitions.map(|_| contacts::topics()));
        topics
    }
}

/// How often each blow comes.
fn weights(draw: &mut Draw) -> [(Blow, u32); 10] {
    let weight = |draw: &mut Draw| if draw.per_mille(400) { 0 } else { draw.between(1, 10) };
    [
        (Blow::Crash, weight(draw)),
        (Blow::Freeze, weight(draw)),
        (Blow::Fuse, weight(draw) * 2),
        (Blow::Replace, weight(draw)),
        (Blow::Stop, weight(draw)),
        (Blow::Start, draw.between(2, 10)),
        (Blow::NodeDown, weight(draw)),
        (Blow::NodeSlow, weight(draw)),
        (Blow::Rebalance, weight(draw)),
        (Blow::Registry, weight(draw) / 2),
    ]
}

fn shape(seed: u64, faults_for: Duration, draw: &mut Draw) -> Shape {
    Shape {
        seed: seed % 512,
        events: draw.between(15, 70).into(),
        accounts: draw.between(3, 9),
        bad_per_mille: if draw.per_mille(500) { 30 } else { 0 },
        time: faults_for.mul_f64(f64::from(draw.between(1, 90)) / 100.0),
    }
}
