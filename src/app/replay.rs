//! `tillgate replay --verify`: opens what was recorded, shows progress, prints the report.

use super::AppError;
use super::bar::bar;
use super::recorded::{Cluster, Files, FlowTopics, Recording, beside};
use crate::cli::{Common, ReplayArgs, ReplayFrom};
use crate::codec::Schemas;
use crate::config::Settings;
use crate::domain::PartitionId;
use crate::domain::visible::{visible_json, visible_lines};
use crate::pipeline::Division;
use crate::replay::{
    ContactGround, ContactReport, From, Ground, ReplayError, Report, Rulebook, VerifyOptions, verify,
    verify_contact,
};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the progress bar is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

#[allow(clippy::disallowed_methods, reason = "measures how long the verification took")]
pub(super) fn run(args: &ReplayArgs, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let mut rulebook = Rulebook::default();
    // Found by its hash like any other: at worst nothing needs it.
    rulebook.add_ruleset(settings.canonical_text());
    rulebook.add_ruleset(settings.contact_text());
    if let Some(folder) = &args.rulesets {
        read_folder(folder, &mut rulebook)?;
    }
    let schemas = super::schemas(&settings)?;
    let begun = Instant::now();
    let names = &settings.topics;
    let topics = FlowTopics::pos(names);
    let recording: Box<dyn Recording> = match &args.files {
        Some(folder) => Box::new(Files::open(folder, names, &args.partition)?),
        None => Box::new(Cluster::look(Arc::new((&settings).into()), &args.partition)?),
    };
    let partitions = recording.partitions();
    let beside = beside(&*recording, names, rulebook.clone(), (&topics, &partitions))?;
    let progress = AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = VerifyOptions {
        partitions: partitions.clone(),
        threads: args.threads.map_or(cores, usize::from),
        from: match args.from {
            ReplayFrom::Beginning => From::Beginning,
            ReplayFrom::Checkpoint => From::Checkpoint,
        },
        ground: Ground {
            topics: names.pos_inputs(),
            outcomes_topic: names.pos_outcomes.clone(),
            letters_topic: names.dead_letters.clone(),
            replies_topic: names.account_results.clone(),
            schemas: &*schemas,
            progress: &progress,
            division: Division { partitioner: names.partitioner, partitions: recording.input_partitions() },
            table_seed: super::table_seed(),
        },
        beside,
        open: &|partition| recording.open(&topics, partition),
    };
    let mut report = with_bar(recording.input_offsets(&topics), &progress, || verify(options));
    if settings.contact.enabled {
        let contact = contact(&*recording, &settings, (rulebook, &*schemas, &progress), args)?;
        report.identical &= contact.identical;
        report.contact = Some(contact);
    }
    report.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    print(&report, args.json)?;
    if report.identical {
        return Ok(());
    }
    Err(AppError::Differs(
        "the replay does not give what was recorded, or could not be done to the end".to_owned(),
    ))
}

/// Contact decisions, decided again and compared.
fn contact(
    recording: &dyn Recording,
    settings: &Settings,
    (rulebook, schemas, progress): (Rulebook, &dyn Schemas, &AtomicU64),
    args: &ReplayArgs,
) -> Result<ContactReport, AppError> {
    let names = &settings.topics;
    let topics = FlowTopics::contact(names);
    let partitions = recording.partitions_of(&topics.inputs[0])?.ok_or_else(|| {
        let text = format!("there is no topic {}: a replay of contact decisions needs it", topics.inputs[0]);
        ReplayError::Recorded(text)
    })?;
    let ground = ContactGround {
        topics: names.contact_inputs(),
        outputs: [
            names.contact_decisions.clone(),
            names.interaction_results.clone(),
            names.contact_dead_letters.clone(),
        ],
        division: Division { partitioner: names.partitioner, partitions },
        schemas,
        seed: super::table_seed(),
        from_checkpoint: args.from == ReplayFrom::Checkpoint,
        progress,
    };
    let open = |partition: PartitionId| {
        let recorded = recording.open(&topics, partition)?;
        if recorded.journal.is_some() { Ok(recorded) } else { Err(recording.missing(&topics.journal)) }
    };
    let wanted = |partition: &_| args.partition.is_empty() || args.partition.contains(partition);
    let wanted: Vec<PartitionId> = PartitionId::all(partitions).filter(wanted).collect();
    let beside = beside(recording, names, rulebook, (&topics, &wanted))?;
    Ok(verify_contact(&ground, wanted.iter().copied(), open, beside))
}

fn print(report: &Report, json: bool) -> Result<(), AppError> {
    let mut out = std::io::stdout().lock();
    if json {
        let text = serde_json::to_string_pretty(report).map_err(std::io::Error::from)?;
        writeln!(out, "{}", visible_json(&text))?;
    } else {
        write!(out, "{}", visible_lines(&report.to_string()))?;
    }
    Ok(())
}

/// Runs `work` with a progress bar on a terminal.
fn with_bar<T>(all: u64, progress: &AtomicU64, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let bar = bar(all, "{bar:40} {percent:>3}%  {human_pos} records  {elapsed} elapsed, {eta} to go");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                bar.set_position(progress.load(Ordering::Relaxed));
                std::thread::sleep(DRAW_EVERY);
            }
            bar.finish_and_clear();
        });
        let result = work();
        done.store(true, Ordering::Release);
        result
    })
}

/// Takes every file of the folder as the text of a ruleset.
fn read_folder(folder: &Path, rulebook: &mut Rulebook) -> Result<(), ReplayError> {
    let fault = |what, path: &Path| {
        let path = path.to_owned();
        move |source| ReplayError::File { what, path, source }
    };
    for file in std::fs::read_dir(folder).map_err(fault("open", folder))? {
        let path = file.map_err(fault("open", folder))?.path();
        if path.is_file() {
            rulebook.add_ruleset(&std::fs::read_to_string(&path).map_err(fault("read", &path))?);
        }
    }
    Ok(())
}
