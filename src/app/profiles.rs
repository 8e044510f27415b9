//! `tillgate profiles`: reference records of terminals and chips onto their topic, and what is published of one of them.

use super::AppError;
use super::keyed::{KeyedCommand, Put, each_line};
use crate::cli::{Common, ProfileOf, ProfilePut, ProfilesCommand};
use crate::domain::visible::visible_json;
use crate::kafka::client::{Cluster, Isolation};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::ClusterSettings;
use crate::profiles::{
    self, ChipRecord, ProfileKey, ReferenceRecord, TerminalRecord, country_of, position_of, read_line,
};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(command: &ProfilesCommand, common: &Common) -> Result<(), AppError> {
    // What is wrong with the arguments is told without any cluster.
    let command = match command {
        ProfilesCommand::Put(put) => {
            KeyedCommand::Write(key(&put.of)?.text().into(), Some(record(put)?.json().into()))
        }
        ProfilesCommand::Remove(of) => KeyedCommand::Write(key(of)?.text().into(), None),
        ProfilesCommand::Import { file } => KeyedCommand::Import(file),
        ProfilesCommand::Get(of) => KeyedCommand::Get(key(of)?.text().into()),
    };
    let settings = super::settings(common)?;
    if !settings.profiles.enabled {
        let text = "profiles.enabled is false: nobody reads profile records; switch it on for all processes";
        return Err(AppError::Usage(text.to_owned()));
    }
    let settings: Arc<ClusterSettings> = Arc::new((&settings).into());
    let topic = &settings.topics.of(&profiles::FLOW).inputs[profiles::PROFILE_RECORDS];
    let import = |file: &Path, put: &mut Put<'_>| {
        each_record(file, |key, record| {
            let value = record.map(|record| record.json());
            put(&key.text(), value.as_deref().map(str::as_bytes))
        })
    };
    command.run(&settings, topic, import, |key| get(&settings, key))
}

/// What a profile is of.
fn key(of: &ProfileOf) -> Result<ProfileKey, AppError> {
    let key = match (&of.terminal, &of.chip) {
        (Some(terminal), _) => ProfileKey::of_terminal(terminal),
        (None, chip) => ProfileKey::of_chip(chip.as_deref().unwrap_or_default()),
    };
    key.ok_or_else(|| AppError::Usage("the id is blank".to_owned()))
}

fn record(put: &ProfilePut) -> Result<ReferenceRecord, AppError> {
    let ProfilePut { of, disabled, country, position, blocked } = put;
    let Some(terminal) = &of.terminal else {
        return Ok(ReferenceRecord::Chip(ChipRecord { blocked: *blocked }));
    };
    let country = country.as_deref().map(country_of).transpose().map_err(AppError::Usage)?;
    let position = position.as_deref().map(position_of).transpose().map_err(AppError::Usage)?;
    Ok(ReferenceRecord::Terminal(TerminalRecord {
        pos_id: Some(terminal.clone()),
        disabled: *disabled,
        country,
        position,
    }))
}

/// Hands over the records of a file, one a line.
///
/// # Errors
/// The file cannot be read, or a line: which one, and why.
pub(super) fn each_record(
    path: &Path,
    mut each: impl FnMut(ProfileKey, Option<ReferenceRecord>) -> Result<(), String>,
) -> Result<(), AppError> {
    each_line(path, "profile record", |line| {
        let text = str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        let (key, record) = read_line(text)?;
        each(key, record)
    })
}

/// Prints what is published of a key last.
fn get(settings: &Arc<ClusterSettings>, key: &str) -> Result<(), AppError> {
    let cluster = Cluster::new(Arc::clone(settings))?;
    let topics = settings.topics.of(&profiles::FLOW);
    let topic = &topics.outputs[profiles::PROFILES];
    rights::verify(&cluster, settings, Task::Read(&[topic]))?;
    let inputs = super::partitions(&cluster, &topics.inputs[profiles::PROFILE_RECORDS])?;
    let partition = settings.partitioner.partition_of(key.as_bytes(), inputs);
    let mut found: Option<Vec<u8>> = None;
    cluster.dump(Isolation::Committed)?.whole(topic, partition, |record| {
        if record.key == Some(key.as_bytes()) {
            found = record.value.map(<[u8]>::to_vec);
        }
    })?;
    let found = found.ok_or_else(|| AppError::Topics(format!("nothing is published of {key}")))?;
    Ok(writeln!(std::io::stdout(), "{}", visible_json(&String::from_utf8_lossy(&found)))?)
}
