//! `tillgate state set-time`: a record on the ticks topic, and what came of it, as the partition's journal says.

use super::AppError;
use crate::cli::{Common, SetTimeArgs, StateCommand};
use crate::codec::journal::{Head, read_record};
use crate::codec::tick::{Tick, write_tick};
use crate::domain::visible::visible;
use crate::domain::{Micros, PartitionId};
use crate::kafka::client::{Cluster, EventProducer};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::ClusterSettings;
use crate::pos::{FLOW, Input};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked whether it was decided.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) fn run(command: &StateCommand, common: &Common) -> Result<(), AppError> {
    let StateCommand::SetTime(args) = command;
    set_time(args, common)
}

#[allow(
    clippy::disallowed_methods,
    reason = "bounds how long an answer is waited for; no part of a decision"
)]
fn set_time(args: &SetTimeArgs, common: &Common) -> Result<(), AppError> {
    let settings: Arc<ClusterSettings> = Arc::new((&super::settings(common)?).into());
    let cluster = Cluster::new(Arc::clone(&settings))?;
    rights::verify(&cluster, &settings, Task::SetTime)?;
    let (topic, partition) = (settings.topics.pos_ticks(), args.partition);
    let partitions = cluster.admin().partitions(topic)?;
    if !partition.is_among(partitions) {
        let text = format!("topic {topic} has {partitions} partitions: there is no partition {partition}");
        return Err(AppError::Topics(text));
    }
    let mut talk = std::io::stderr();
    let before = head(&cluster, partition)?;
    let stands = before.stream_time;
    writeln!(talk, "partition {partition}: stream time is {stands}")?;
    if args.to > Micros::from_millis(super::now_millis()) {
        let text = format!("{} is later than now: time is not set ahead of the clock", args.to);
        return Err(AppError::Topics(text));
    }
    if args.dry_run {
        return Ok(writeln!(talk, "it would be set to {}; nothing was done", args.to)?);
    }
    let at = cluster.ends(topic, partition)?.high;
    let mut producer = EventProducer::new(&settings)?;
    let tick = Tick::SetTime { to: args.to, stands: Some(stands), by: args.by.clone() };
    producer.send_to(topic, partition, &write_tick(&tick))?;
    producer.flush()?;
    writeln!(talk, "written to topic {topic} partition {partition} at offset {at} or behind it")?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(args.wait) {
        let after = head(&cluster, partition)?;
        // Read past where it was written, so it was decided.
        if after.positions.iter().nth(Input::Ticks as usize).flatten().is_some_and(|next| next > at) {
            return report(args.to, stands, &after, &settings);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(AppError::Topics(format!(
        "it was not decided within {} s: it will be once a process decides partition {partition}",
        args.wait
    )))
}

/// Says what came of it. Events that were decided since can have moved time again.
fn report(to: Micros, before: Micros, after: &Head, settings: &ClusterSettings) -> Result<(), AppError> {
    let mut talk = std::io::stderr();
    if after.set_back.is_some_and(|back| back.to == to) {
        return Ok(writeln!(talk, "it was read: the next event of the partition sets stream time to {to}")?);
    }
    let stands = after.stream_time;
    let changed = (to < before && stands < before) || (to >= before && stands >= to);
    if !changed {
        return Err(AppError::Topics(format!(
            "it was read, and stream time is {stands} all the same: topic {} says why, or an event has moved it again \
             (see \"Stream time ran ahead\" in docs/operations.md)",
            visible(settings.topics.dead_letters())
        )));
    }
    Ok(writeln!(talk, "stream time is {stands} now")?)
}

/// The head of a partition's last journal record; of nothing where there is none.
fn head(cluster: &Cluster, partition: PartitionId) -> Result<Head, AppError> {
    let record = cluster.last_journal_records(&FLOW, &[partition])?.pop().flatten();
    let head = record.map(|record| read_record(&record).map(|record| record.head)).transpose();
    head.map(Option::unwrap_or_default).map_err(|fault| AppError::Topics(fault.to_string()))
}
