//! `tillgate profiles`: reference records of terminals and chips onto their topic, and what is published of one of them.

use super::AppError;
use crate::cli::{Common, ProfileOf, ProfilePut, ProfilesCommand};
use crate::domain::record::{RecordHeaders, TimestampKind, TopicRecord};
use crate::domain::visible::visible_json;
use crate::kafka::client::{Cluster, EventProducer, Isolation, Span};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::Settings;
use crate::profiles::{self, ChipRecord, Key, Record, TerminalRecord, country_of, position_of, read_line};
use crate::replay::{ReplayError, open};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(command: &ProfilesCommand, common: &Common) -> Result<(), AppError> {
    // What is wrong with the arguments is told without any cluster.
    let put = match command {
        ProfilesCommand::Put(put) => Some((key(&put.of)?, record(put)?)),
        _ => None,
    };
    let settings = super::settings(common)?;
    if !settings.profiles.enabled {
        let text = "profiles.enabled is false: nobody reads profile records; switch it on for all processes";
        return Err(AppError::Usage(text.to_owned()));
    }
    let settings: Arc<Settings> = Arc::new((&settings).into());
    match (command, put) {
        (ProfilesCommand::Put(_), Some((key, record))) => {
            write_all(&settings, |write| write(key, Some(record)).map_err(AppError::Topics))
        }
        (ProfilesCommand::Remove(of), _) => {
            let key = key(of)?;
            write_all(&settings, |write| write(key, None).map_err(AppError::Topics))
        }
        (ProfilesCommand::Import { file }, _) => write_all(&settings, |write| each_record(file, write)),
        (ProfilesCommand::Get(of), _) => get(&settings, key(of)?),
        (ProfilesCommand::Put(_), None) => Ok(()),
    }
}

/// What a profile is of.
fn key(of: &ProfileOf) -> Result<Key, AppError> {
    let key = match (&of.terminal, &of.chip) {
        (Some(terminal), _) => Key::of_terminal(terminal),
        (None, chip) => Key::of_chip(chip.as_deref().unwrap_or_default()),
    };
    key.ok_or_else(|| AppError::Usage("the id is blank".to_owned()))
}

fn record(put: &ProfilePut) -> Result<Record, AppError> {
    let ProfilePut { of, disabled, country, position, blocked } = put;
    let Some(terminal) = &of.terminal else {
        return Ok(Record::Chip(ChipRecord { blocked: *blocked }));
    };
    let country = country.as_deref().map(country_of).transpose().map_err(AppError::Usage)?;
    let position = position.as_deref().map(position_of).transpose().map_err(AppError::Usage)?;
    Ok(Record::Terminal(TerminalRecord {
        pos_id: Some(terminal.clone()),
        disabled: *disabled,
        country,
        position,
    }))
}

/// Takes a record, or that there is none any more.
type Take<'t> = dyn FnMut(Key, Option<Record>) -> Result<(), String> + 't;

/// Hands over the records of a file, one a line.
///
/// # Errors
/// The file cannot be read, or a line: which one, and why.
pub(super) fn each_record(
    path: &Path,
    mut each: impl FnMut(Key, Option<Record>) -> Result<(), String>,
) -> Result<(), AppError> {
    let mut lines = open(path)?;
    let mut bytes = Vec::new();
    while let Some(number) = lines.next(&mut bytes)? {
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let text = str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned());
        let read = text.and_then(read_line).and_then(|(key, record)| each(key, record));
        read.map_err(|why| {
            let text = format!("{}:{number}: no profile record: {why}", path.display());
            AppError::Replay(ReplayError::Recorded(text))
        })?;
    }
    Ok(())
}

/// Writes records onto their topic, all of them acknowledged.
fn write_all(
    settings: &Arc<Settings>,
    all: impl FnOnce(&mut Take<'_>) -> Result<(), AppError>,
) -> Result<(), AppError> {
    let cluster = Cluster::new(Arc::clone(settings))?;
    let topic = &settings.topics.of(&profiles::FLOW).inputs[profiles::PROFILE_RECORDS];
    rights::verify(&cluster, settings, Task::Import(&[topic]))?;
    let partitions = super::partitions(&cluster, topic)?;
    let mut producer = EventProducer::new(settings)?;
    let now = super::now_millis();
    let mut written = 0_u64;
    let mut write = |key: Key, record: Option<Record>| {
        let (key, value) = (key.text(), record.map(|record| record.json()));
        written += 1;
        let partition = settings.partitioner.partition_of(key.as_bytes(), partitions) as i32;
        let record = TopicRecord {
            topic,
            partition,
            offset: 0,
            timestamp_millis: now,
            timestamp_kind: TimestampKind::CreateTime,
            key: Some(key.as_bytes()),
            headers: RecordHeaders::new(),
            value: value.as_deref().map(str::as_bytes),
        };
        producer.send_as_it_is(topic, &record).map_err(|fault| fault.to_string())
    };
    all(&mut write)?;
    producer.flush()?;
    let what = if written == 1 { "record" } else { "records" };
    Ok(writeln!(std::io::stderr(), "{written} {what} written to topic {topic}")?)
}

/// Prints what is published of a key last.
fn get(settings: &Arc<Settings>, key: Key) -> Result<(), AppError> {
    let cluster = Cluster::new(Arc::clone(settings))?;
    let topics = settings.topics.of(&profiles::FLOW);
    let topic = &topics.outputs[profiles::PROFILES];
    rights::verify(&cluster, settings, Task::Read(&[topic]))?;
    let inputs = super::partitions(&cluster, &topics.inputs[profiles::PROFILE_RECORDS])?;
    let text = key.text();
    let partition = settings.partitioner.partition_of(text.as_bytes(), inputs) as i32;
    let ends = cluster.ends(topic, partition)?;
    let mut dump = cluster.dump(Isolation::Committed)?;
    dump.read(Span { topic: topic.clone(), partition, begin: ends.start, end: ends.stable })?;
    let mut found: Option<Vec<u8>> = None;
    while dump
        .next(|record| {
            if record.key == Some(text.as_bytes()) {
                found = record.value.map(<[u8]>::to_vec);
            }
        })?
        .is_some()
    {}
    let found = found.ok_or_else(|| AppError::Topics(format!("nothing is published of {text}")))?;
    Ok(writeln!(std::io::stdout(), "{}", visible_json(&String::from_utf8_lossy(&found)))?)
}
