//! `tillgate check`: opens files or an export, writes outcomes, prints the summary.

mod export;
mod sink;

pub(in crate::app) use export::Export;
pub(in crate::app) use sink::Sink;

use super::AppError;
use super::cluster::pos_topics;
use crate::cli::{CheckArgs, Common};
use crate::codec::{KnownSchemas, Schemas};
use crate::config::{OutputFormat, Settings};
use crate::domain::visible::{visible_json, visible_lines};
use crate::engine::Engine;
use crate::pipeline::Division;
use crate::pos::{OutcomeEncoding, PartitionOptions};
use crate::profiles::OfflineProfiles;
use crate::replay::{CheckInputs, CheckOptions, RecordedTopics, Summary, check, open};
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    match (&args.export, &args.contact.contact_requests, &args.events) {
        (Some(folder), ..) if args.contact.contact => super::contact::export::run(folder, args, common),
        (Some(folder), ..) => export(folder, args, common),
        (None, Some(requests), _) => super::contact::check::run(requests, args, common),
        (None, None, Some(events)) => files(events, args, common),
        // The command line has one of them, or this is not what it asks for.
        (None, None, None) => Ok(()),
    }
}

/// Decides the events of files.
fn files(events: &Path, args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let pos_events = open(events)?;
    let account_events = args.account_events.as_deref().map(open).transpose()?;
    let bytes = std::fs::metadata(events).map_or(0, |file| file.len());
    let sink = Sink::new(outcomes_to(args), args.format, bytes, Some(pos_events.bytes_taken()))?;
    let schemas = KnownSchemas::new().map_err(AppError::Usage)?;
    let engine = super::engine(&settings);
    let profiles = profiles(args, &settings, &engine)?;
    let inputs = CheckInputs::Files { pos_events, account_events };
    let summary =
        decide(args, &settings, (inputs, args.partitions, false), (&engine, &schemas, profiles), sink)?;
    if summary.lost > 0 { Err(AppError::Lost(summary.lost)) } else { Ok(()) }
}

/// Decides the events of an export again. What cannot be used there is told as `run` would tell it, and not lost.
fn export(folder: &Path, args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let schemas = super::schemas(&settings)?;
    let export = Export::open(folder, pos_topics(&settings.topics), args.trimmed)?;
    export.tell(&settings)?;
    let (partitions, letters) = (export.present(), export.letters()?);
    let sink = Sink::new(outcomes_to(args), args.format, export.records(), None)?;
    let open = |partition| export.order(partition);
    let topics = CheckInputs::RecordedTopics(RecordedTopics { partitions, open: &open, letters });
    let inputs = (topics, export.partitions(), args.summary && export.has_outcomes());
    decide(args, &settings, inputs, (&super::engine(&settings), &*schemas, None), sink).map(drop)
}

/// Where outcomes go; none: only the summary is asked for.
pub(in crate::app) fn outcomes_to(args: &CheckArgs) -> Option<&Path> {
    match (&args.output, args.summary) {
        (Some(path), _) => Some(path.as_path()),
        (None, true) => None,
        (None, false) => Some(Path::new("-")),
    }
}

/// Engine, schemas, and the shared profiles where this process keeps them.
type By<'a> = (&'a Arc<Engine>, &'a (dyn Schemas + Sync), Option<OfflineProfiles>);

fn decide(
    args: &CheckArgs,
    settings: &Settings,
    (inputs, partitions, compares): (CheckInputs<'_>, u32, bool),
    (engine, schemas, profiles): By<'_>,
    mut sink: Sink,
) -> Result<Summary, AppError> {
    let options = CheckOptions {
        inputs,
        compares,
        partitions,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        engine: Arc::clone(engine),
        options: PartitionOptions::unjournalled(
            settings.topics.pos_inputs(),
            match args.format {
                OutputFormat::Json => OutcomeEncoding::Json,
                OutputFormat::Avro => OutcomeEncoding::Avro(Vec::new()),
            },
            Division { partitioner: settings.topics.partitioner, partitions },
            super::table_seed(),
        ),
        schemas,
        profiles,
    };
    let summary = check(options, &mut sink)?;
    sink.finish()?;
    print(&summary, args)?;
    Ok(summary)
}

/// Prints a summary, where it is asked for: where outcomes are not.
pub(in crate::app) fn print(
    summary: &(impl Serialize + fmt::Display),
    args: &CheckArgs,
) -> Result<(), AppError> {
    if !args.summary {
        return Ok(());
    }
    let text = if args.json {
        let text = serde_json::to_string_pretty(summary).map_err(std::io::Error::from)?;
        visible_json(&text).into_owned() + "\n"
    } else {
        visible_lines(&summary.to_string()).into_owned()
    };
    if outcomes_to(args) == Some(Path::new("-")) {
        write!(std::io::stderr(), "{text}")?;
    } else {
        write!(std::io::stdout(), "{text}")?;
    }
    Ok(())
}

/// The shared profiles, where they are switched on, with the reference records of a file.
fn profiles(
    args: &CheckArgs,
    settings: &Settings,
    engine: &Engine,
) -> Result<Option<OfflineProfiles>, AppError> {
    let Some(path) = &args.profile_records else {
        return Ok(settings.profiles.enabled.then(|| OfflineProfiles::new(engine.terminal_accounts())));
    };
    let mut profiles = OfflineProfiles::new(engine.terminal_accounts());
    super::profiles::each_record(path, |key, record| profiles.list(key, record.as_ref()))?;
    Ok(Some(profiles))
}
