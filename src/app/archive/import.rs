//! `tillgate topics import`: everything is read and compared first, and all that is wrong is said at once; then records
//! are written as they were, by an idempotent producer, and counted on the broker.
//!
//! Not in a transaction: a transaction ends in a marker, which takes an offset, so that no import of several could ever
//! give the offsets back. Half an import is found by the next try instead, which refuses topics that are not empty.

use super::args::ImportArgs;
use super::{STRIDE, bar, speed};
use crate::app::{AppError, now_millis, settings};
use crate::archive::{Archive, ArchivedPartition, ArchivedTopic};
use crate::cli::Common;
use crate::domain::PartitionId;
use crate::domain::record::TopicRecord;
use crate::kafka::client::{Cluster, EventProducer, NewRecord, TopicState};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::ClusterSettings;
use indicatif::{HumanCount, ProgressBar};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

/// What a record takes on the broker beyond its key, headers and value, at most: batch head, lengths, times.
const RECORD_OVERHEAD: usize = 512;

/// What is found before anything is written.
#[derive(Default)]
struct Said {
    /// Each of them forbids the import.
    problems: Vec<String>,
    /// What may surprise.
    notes: Vec<String>,
}

/// A partition's way into the cluster.
struct Leg<'a> {
    /// The topic's name in the archive.
    source: &'a str,
    /// The topic it goes to.
    target: String,
    file: &'a ArchivedPartition,
    /// Where its first record will stand.
    begin: i64,
    /// Records whose offset will be another one.
    moved: u64,
}

pub(in crate::app) fn run(args: &ImportArgs, common: &Common) -> Result<(), AppError> {
    let settings: Arc<ClusterSettings> = Arc::new((&settings(common)?).into());
    let archive = Archive::open(&args.from)?;
    let topics = chosen_topics(args, &archive)?;
    let cluster = Cluster::new(Arc::clone(&settings))?;
    let targets: Vec<&str> = topics.iter().map(|(_, target)| target.as_str()).collect();
    rights::verify(&cluster, &settings, Task::Import(&targets))?;
    let there = cluster.admin().topics(&targets, true)?;
    let mut said = Said::default();
    let mut legs = Vec::new();
    for (source, target) in &topics {
        legs.extend(look(&cluster, source, target, there.get(target), args.append, &mut said)?);
    }
    let records = legs.iter().map(|leg| leg.file.records).sum();
    read_all(&archive, &mut legs, &there, &settings, records, &mut said);
    if !said.problems.is_empty() {
        let text = format!("nothing was imported:\n  {}", said.problems.join("\n  "));
        return Err(AppError::Topics(text));
    }
    print_plan(&legs)?;
    let mut talk = std::io::stderr();
    for note in &said.notes {
        writeln!(talk, "{note}")?;
    }
    if args.dry_run {
        return Ok(writeln!(talk, "{} records would be written; nothing was", HumanCount(records))?);
    }
    let bar = bar(records, "importing");
    let bytes = write_all(&archive, &legs, &settings, &bar).map_err(|error| halfway(&error))?;
    let took = bar.elapsed();
    bar.finish_and_clear();
    verify(&cluster, &legs).map_err(|error| halfway(&error))?;
    Ok(writeln!(talk, "{}, all of them on the brokers", speed(records, bytes, took))?)
}

fn halfway(error: &AppError) -> AppError {
    AppError::Topics(format!(
        "{error}\nthe topics hold a part of the export: delete them, create them again and import again"
    ))
}

/// The topics to import, and the names they get.
fn chosen_topics<'a>(
    args: &ImportArgs,
    archive: &'a Archive,
) -> Result<Vec<(&'a ArchivedTopic, String)>, AppError> {
    let held = &archive.manifest().topics;
    let mut unknown: Vec<&str> =
        args.topic.iter().chain(args.rename.iter().map(|(old, _)| old)).map(String::as_str).collect();
    unknown.retain(|name| archive.topic(name).is_none());
    if !unknown.is_empty() {
        let names: Vec<&str> = held.iter().map(|topic| topic.topic.as_str()).collect();
        let text = format!("the export holds no {}, it holds {}", unknown.join(", "), names.join(", "));
        return Err(AppError::Usage(text));
    }
    let renamed: BTreeMap<&str, &String> = args.rename.iter().map(|(old, new)| (old.as_str(), new)).collect();
    let mut targets = BTreeSet::new();
    let mut topics = Vec::new();
    for topic in held.iter().filter(|topic| args.topic.is_empty() || args.topic.contains(&topic.topic)) {
        let target = renamed.get(topic.topic.as_str()).map_or(&topic.topic, |new| *new).clone();
        if !targets.insert(target.clone()) {
            return Err(AppError::Usage(format!("two topics would go to {target}: see --rename")));
        }
        topics.push((topic, target));
    }
    Ok(topics)
}

/// Compares a topic with the one it goes to.
fn look<'a>(
    cluster: &Cluster,
    source: &'a ArchivedTopic,
    target: &str,
    there: Option<&TopicState>,
    append: bool,
    said: &mut Said,
) -> Result<Vec<Leg<'a>>, AppError> {
    let Said { problems, notes } = said;
    let Some(there) = there else {
        problems.push(format!(
            "topic {target} is missing: create it with {} partitions (`tillgate topics create` for tillgate's own)",
            source.partitions
        ));
        return Ok(Vec::new());
    };
    if there.partitions < source.partitions as usize {
        problems.push(format!(
            "topic {target} has {} partitions, the export {}: recreate it with as many",
            there.partitions, source.partitions
        ));
        return Ok(Vec::new());
    }
    if there.settings.get("message.timestamp.type").is_some_and(|kind| kind == "LogAppendTime") {
        problems.push(format!(
            "topic {target} has message.timestamp.type=LogAppendTime: the records' own times would be lost; set it \
             to CreateTime, tillgate's own inputs with `tillgate topics create --times producer`"
        ));
    }
    if there.partitions > source.partitions as usize {
        notes.push(format!(
            "topic {target} has {} partitions, the export {}: records keep their partition, new ones go by key to \
             others than before",
            there.partitions, source.partitions
        ));
    }
    let setting = |name: &str| there.settings.get(name).map_or("", String::as_str);
    let (policy, retention) = (setting("cleanup.policy"), setting("retention.ms"));
    if retention != "-1" && policy.contains("delete") {
        notes.push(format!(
            "topic {target} has retention.ms={retention}: Kafka soon deletes what is older by its own time"
        ));
    }
    let (mut legs, mut held) = (Vec::new(), 0);
    for partition in PartitionId::all(there.partitions) {
        let ends = cluster.ends(target, partition)?;
        held += ends.high - ends.start;
        if let Some(file) = source.files.iter().find(|file| file.partition == partition) {
            let target = target.to_owned();
            legs.push(Leg { source: &source.topic, target, file, begin: ends.high, moved: 0 });
        }
    }
    if held > 0 && !append {
        problems.push(format!(
            "topic {target} is not empty, it holds {held} offsets: if an import broke off, delete and create it \
             again; otherwise import under another name with --rename, or behind what is there with --append"
        ));
    }
    Ok(legs)
}

/// What a topic takes.
struct Takes<'a> {
    target: &'a str,
    bytes_max: usize,
    /// The latest time of a record.
    millis_max: i64,
    keys_only: bool,
}

impl<'a> Takes<'a> {
    fn new(target: &'a str, there: Option<&TopicState>, settings: &ClusterSettings) -> Self {
        let setting = |name: &str| there.and_then(|topic| topic.settings.get(name)).map(String::as_str);
        let bytes_max: Option<usize> = setting("max.message.bytes").and_then(|bytes| bytes.parse().ok());
        let ahead: Option<i64> =
            setting("message.timestamp.after.max.ms").and_then(|millis| millis.parse().ok());
        Self {
            target,
            bytes_max: bytes_max.unwrap_or(usize::MAX).min(settings.kafka.message_bytes_max),
            // Brokers compare a record's time with now.
            millis_max: now_millis().saturating_add(ahead.unwrap_or(i64::MAX)),
            keys_only: setting("cleanup.policy").is_some_and(|policy| policy.contains("compact")),
        }
    }

    /// Why the topic does not take a record.
    fn fault(&self, record: &TopicRecord<'_>) -> Option<String> {
        let (target, bytes) = (self.target, record.bytes());
        let text = if bytes + RECORD_OVERHEAD > self.bytes_max {
            format!(
                "{bytes} bytes, topic {target} and kafka.message_bytes_max take {}: raise max.message.bytes of the \
                 topic, or the setting",
                self.bytes_max - RECORD_OVERHEAD.min(self.bytes_max)
            )
        } else if self.keys_only && record.key.is_none() {
            format!("it has no key, and topic {target} is compacted")
        } else if record.timestamp_millis > self.millis_max {
            format!("its time is ahead of now: raise message.timestamp.after.max.ms of topic {target}")
        } else if record.timestamp_millis == 0 {
            "its time is 0, which the client library cannot write".to_owned()
        } else {
            return None;
        };
        Some(format!("{} partition {} offset {}: {text}", record.topic, record.partition, record.offset))
    }
}

/// Reads every file to its end, and adds what is wrong with them: the first thing of each.
fn read_all(
    archive: &Archive,
    legs: &mut [Leg<'_>],
    there: &BTreeMap<String, TopicState>,
    settings: &ClusterSettings,
    records: u64,
    said: &mut Said,
) {
    let bar = bar(records, "checking ");
    for leg in legs {
        if let Err(problem) = read(archive, leg, there.get(&leg.target), settings, &bar) {
            said.problems.push(problem);
        }
    }
    bar.finish_and_clear();
}

fn read(
    archive: &Archive,
    leg: &mut Leg<'_>,
    there: Option<&TopicState>,
    settings: &ClusterSettings,
    bar: &ProgressBar,
) -> Result<(), String> {
    let takes = Takes::new(&leg.target, there, settings);
    let mut reader = archive.read(leg.source, leg.file).map_err(|error| error.to_string())?;
    let mut becomes = leg.begin;
    while let Some(record) = reader.next().map_err(|error| error.to_string())? {
        if let Some(fault) = takes.fault(&record) {
            return Err(fault);
        }
        leg.moved += u64::from(becomes != record.offset);
        becomes += 1;
        if (becomes - leg.begin).unsigned_abs().is_multiple_of(STRIDE) {
            bar.inc(STRIDE);
        }
    }
    Ok(())
}

fn print_plan(legs: &[Leg<'_>]) -> Result<(), AppError> {
    let mut out = std::io::stdout().lock();
    for leg in legs {
        let last = leg.file.last_offset.unwrap_or(leg.begin);
        let behind = leg.begin + i64::try_from(leg.file.records).unwrap_or(i64::MAX);
        let offsets = match leg.moved {
            _ if leg.file.records == 0 => "nothing".to_owned(),
            0 => format!("offsets {} to {last} as they were", leg.begin),
            moved => format!(
                "offsets {} to {last} become {} to {}: {} records move, the last by {}",
                leg.file.first_offset.unwrap_or(leg.begin),
                leg.begin,
                behind - 1,
                HumanCount(moved),
                behind - 1 - last
            ),
        };
        let (source, target, partition) = (leg.source, &leg.target, leg.file.partition);
        writeln!(out, "{source} -> {target} partition {partition}: {} records, {offsets}", leg.file.records)?;
    }
    Ok(())
}

fn write_all(
    archive: &Archive,
    legs: &[Leg<'_>],
    settings: &ClusterSettings,
    bar: &ProgressBar,
) -> Result<u64, AppError> {
    let mut producer = EventProducer::new(settings)?;
    let (mut bytes, mut count) = (0, 0u64);
    for leg in legs {
        let mut reader = archive.read(leg.source, leg.file)?;
        while let Some(record) = reader.next()? {
            producer.send(&NewRecord::as_it_is(&leg.target, &record))?;
            bytes += record.bytes() as u64;
            count += 1;
            if count.is_multiple_of(STRIDE) {
                bar.set_position(count);
            }
        }
    }
    producer.flush()?;
    Ok(bytes)
}

/// Whether the brokers have exactly what was sent.
fn verify(cluster: &Cluster, legs: &[Leg<'_>]) -> Result<(), AppError> {
    let mut problems = Vec::new();
    for leg in legs {
        let high = cluster.ends(&leg.target, leg.file.partition)?.high;
        let expected = leg.begin + i64::try_from(leg.file.records).unwrap_or(i64::MAX);
        if high != expected {
            problems.push(format!(
                "topic {} partition {} ends at {high}, not at {expected}: somebody else wrote to it meanwhile",
                leg.target, leg.file.partition
            ));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(AppError::Topics(problems.join("\n"))) }
}
