//! `tillgate parties`: party records onto their topic, and what is known of a person by the journal.

use crate::app::AppError;
use crate::app::keyed::{KeyedCommand, Put, each_line};
use crate::cli::{Common, PartiesCommand};
use crate::config;
use crate::contact::{Contacts, FLOW, PARTY_RECORDS, Partition, PartyRecord, PartyView};
use crate::domain::visible::visible_json;
use crate::kafka::client::{Cluster, Isolation};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::ClusterSettings;
use crate::pipeline::{Division, PartitionSettings, Restore};
use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::Arc;

pub(in crate::app) fn run(command: &PartiesCommand, common: &Common) -> Result<(), AppError> {
    // What is wrong with the arguments is told without any cluster.
    let command = match command {
        PartiesCommand::Put { record } => of_argument(record)?,
        PartiesCommand::Remove { party } => KeyedCommand::Write(party.clone(), None),
        PartiesCommand::Import { file } => KeyedCommand::Import(file),
        PartiesCommand::Get { party } => KeyedCommand::Get(party.clone()),
    };
    let all = crate::app::settings(common)?;
    if !all.contact.enabled {
        let text = "contact.enabled is false: nobody reads party records; switch it on for all processes";
        return Err(AppError::Usage(text.to_owned()));
    }
    let settings: Arc<ClusterSettings> = Arc::new((&all).into());
    let topic = &settings.topics.of(&FLOW).inputs[PARTY_RECORDS];
    let import = |file: &Path, put: &mut Put<'_>| {
        each_line(file, "party record", |line| {
            read(line).and_then(|(party, value)| put(&party, Some(&value)))
        })
    };
    command.run(&settings, topic, import, |party| get(&all, &settings, party))
}

/// To put the record that a text says.
fn of_argument(text: &str) -> Result<KeyedCommand<'static>, AppError> {
    let mut piped = String::new();
    let text = if text == "-" {
        std::io::stdin().read_to_string(&mut piped)?;
        &piped
    } else {
        text
    };
    let (party, value) =
        read(text.as_bytes()).map_err(|why| AppError::Usage(format!("no party record: {why}")))?;
    Ok(KeyedCommand::Write(party, Some(value)))
}

/// The person of a record, and the record as it is written.
fn read(bytes: &[u8]) -> Result<(String, Vec<u8>), String> {
    let record = PartyRecord::read(bytes).map_err(|fault| fault.message)?;
    let value = serde_json::to_vec(&record).map_err(|error| error.to_string())?;
    Ok((record.party_id, value))
}

/// Prints what is known of a person, as the journal of their partition has it.
fn get(all: &config::Settings, settings: &Arc<ClusterSettings>, party: &str) -> Result<(), AppError> {
    let cluster = Cluster::new(Arc::clone(settings))?;
    let topics = settings.topics.of(&FLOW);
    rights::verify(&cluster, settings, Task::Read(&[&topics.journal]))?;
    let partitions = crate::app::partitions(&cluster, &topics.journal)?;
    let partition = settings.partitioner.partition_of(party.as_bytes(), partitions);
    let model =
        Contacts::new(Arc::clone(&all.contact_rules), all.topics.contact_inputs(), crate::app::table_seed());
    let own = PartitionSettings::unjournalled(Division { partitioner: settings.partitioner, partitions });
    let mut fold = Restore::new(Partition::of(model, partition, own));
    let mut folded = Ok(());
    cluster.dump(Isolation::Committed)?.whole(&topics.journal, partition, |record| {
        if folded.is_ok() {
            folded = fold.on_record(record.value.unwrap_or_default());
        }
    })?;
    let fold = folded.and_then(|()| fold.finish());
    let fold = fold.map_err(|fault| AppError::Topics(format!("topic {}: {fault}", topics.journal)))?;
    let Some(known) = fold.state().get(party) else {
        return Err(AppError::Topics(format!("nothing is known of {party}")));
    };
    let text =
        serde_json::to_string(&PartyView::of(known, &all.contact_rules)).map_err(std::io::Error::from)?;
    Ok(writeln!(std::io::stdout(), "{}", visible_json(&text))?)
}
