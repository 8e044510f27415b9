//! `tillgate replay --verify`: opens what was recorded, shows progress, prints the report.

use super::AppError;
use super::bar::bar;
use super::cluster::{contact_topics, pos_topics};
use super::recorded::{ClusterTopics, ExportFiles, Recording, beside};
use crate::cli::{Common, ReplayArgs};
use crate::codec::Schemas;
use crate::config::Settings;
use crate::domain::PartitionId;
use crate::domain::flow::FlowTopics;
use crate::domain::visible::{visible_json, visible_lines};
use crate::pipeline::Division;
use crate::replay::{
    ContactReport, Ground, ReplayError, Report, Rulebook, VerifyOptions, verify, verify_contact,
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
    let recording: Box<dyn Recording> = match &args.files {
        Some(folder) => {
            let needed = [&names.pos_events, &names.account_events, &names.pos_outcomes];
            Box::new(ExportFiles::open(folder, &names.pos_events, &args.partition)?.holding(needed)?)
        }
        None => Box::new(ClusterTopics::look(Arc::new((&settings).into()), &args.partition)?),
    };
    let (recording, progress) = (&*recording, AtomicU64::new(0));
    let run = Run { args, settings: &settings, recording, rulebook, schemas: &*schemas, progress: &progress };
    let topics = pos_topics(names);
    let options = run.options(&topics, recording.partitions(), recording.input_partitions())?;
    let mut report = with_bar(recording.input_offsets(&topics), &progress, || verify(&options));
    if settings.contact.enabled {
        let contact = run.contact()?;
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

/// What the flows of a run share.
struct Run<'r> {
    args: &'r ReplayArgs,
    settings: &'r Settings,
    recording: &'r dyn Recording,
    rulebook: Rulebook,
    schemas: &'r (dyn Schemas + Sync),
    progress: &'r AtomicU64,
}

impl<'r> Run<'r> {
    /// How to verify these partitions of a flow, whose inputs have so many; 0: not known.
    fn options(
        &self,
        topics: &'r FlowTopics,
        partitions: Vec<PartitionId>,
        of: u32,
    ) -> Result<VerifyOptions<'r>, ReplayError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let names = &self.settings.topics;
        let beside = beside(self.recording, names, self.rulebook.clone(), (topics, partitions.clone()))?;
        let recording = self.recording;
        Ok(VerifyOptions {
            partitions,
            threads: self.args.threads.map_or(cores, usize::from),
            from: self.args.from,
            ground: Ground {
                topics: topics.clone(),
                schemas: self.schemas,
                progress: self.progress,
                division: Division { partitioner: names.partitioner, partitions: of },
                table_seed: super::table_seed(),
            },
            beside: beside.into(),
            open: Box::new(move |partition| recording.open(topics, partition)),
        })
    }

    /// Contact decisions, decided again and compared.
    fn contact(&self) -> Result<ContactReport, AppError> {
        let topics = &contact_topics(&self.settings.topics);
        let of = self.recording.partitions_of(&topics.inputs[0])?.ok_or_else(|| {
            let text =
                format!("there is no topic {}: a replay of contact decisions needs it", topics.inputs[0]);
            ReplayError::Recorded(text)
        })?;
        let named = &self.args.partition;
        let wanted = |partition: &_| named.is_empty() || named.contains(partition);
        let partitions = PartitionId::all(of).filter(wanted).collect();
        let mut options = self.options(topics, partitions, of)?;
        let (recording, open) = (self.recording, options.open);
        options.open = Box::new(move |partition| {
            let recorded = open(partition)?;
            if recorded.journal.is_some() { Ok(recorded) } else { Err(recording.missing(&topics.journal)) }
        });
        Ok(verify_contact(&options))
    }
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
    for file in std::fs::read_dir(folder).map_err(ReplayError::file("open", folder))? {
        let path = file.map_err(ReplayError::file("open", folder))?.path();
        if path.is_file() {
            rulebook.add_ruleset(&std::fs::read_to_string(&path).map_err(ReplayError::file("read", &path))?);
        }
    }
    Ok(())
}
