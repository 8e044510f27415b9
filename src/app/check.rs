//! `tillgate check`: opens the files, shows progress, writes outcomes and the summary.

use super::AppError;
use super::bar::bar;
use crate::cli::{CheckArgs, Common, Format};
use crate::codec::KnownSchemas;
use crate::codec::avro::{Codec, Container, POS_OUTCOME_SCHEMA};
use crate::config::Settings;
use crate::domain::visible::{visible, visible_json};
use crate::engine::Engine;
use crate::pos::{Input, OutcomeEncoding, PartitionOptions};
use crate::profiles::Local;
use crate::replay::{CheckOptions, CheckSink, ReplayError, check, open};
use indicatif::ProgressBar;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Dead letters that are told one by one; further ones are counted.
const DEAD_LETTERS_TOLD: u64 = 20;

pub(super) fn run(args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    // The command line has it, or this is not what it asks for.
    let Some(events) = &args.events else { return Ok(()) };
    let settings = super::settings(common)?;
    let pos_events = open(events)?;
    let account_events = args.account_events.as_deref().map(open).transpose()?;
    let to = match (&args.output, args.summary) {
        (Some(path), _) => Some(path.as_path()),
        (None, true) => None,
        (None, false) => Some(Path::new("-")),
    };
    let mut sink = Sink::new(to, args.format, events, pos_events.taken())?;
    let schemas = KnownSchemas::new().map_err(AppError::Usage)?;
    let engine = super::engine(&settings);
    let options = CheckOptions {
        pos_events,
        account_events,
        partitions: args.partitions,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        engine: Arc::clone(&engine),
        options: PartitionOptions {
            topics: settings.topics.pos_inputs(),
            encoding: match args.format {
                Format::Json => OutcomeEncoding::Json,
                Format::Avro => OutcomeEncoding::Avro(Vec::new()),
            },
            checkpoint_events_per_account: u32::MAX,
            rotation_events_min: u32::MAX,
            journal_record_bytes_max: usize::MAX,
            input_partitions: args.partitions,
            partitioner: settings.topics.partitioner,
            profiles: None,
            parties: None,
            table_seed: super::table_seed(),
        },
        schemas: &schemas,
        profiles: profiles(args, &settings, &engine)?,
    };
    let summary = check(options, &mut sink)?;
    let outcomes_on_stdout = to == Some(Path::new("-"));
    sink.finish()?;
    if args.summary && outcomes_on_stdout {
        write!(std::io::stderr(), "{summary}")?;
    } else if args.summary {
        write!(std::io::stdout(), "{summary}")?;
    }
    if summary.lost > 0 { Err(AppError::Lost(summary.lost)) } else { Ok(()) }
}

/// The shared profiles, where they are switched on, with the reference records of a file.
fn profiles(args: &CheckArgs, settings: &Settings, engine: &Engine) -> Result<Option<Local>, AppError> {
    let Some(path) = &args.profile_records else {
        return Ok(settings.profiles.enabled.then(|| Local::new(engine.terminal_accounts())));
    };
    let mut profiles = Local::new(engine.terminal_accounts());
    super::profiles::each_record(path, |key, record| profiles.list(key, record.as_ref()))?;
    Ok(Some(profiles))
}

/// Bytes that are gathered before they are written.
const PENDING_BYTES: usize = 1 << 20;

/// Outcomes to a file or standard output, dead letters to standard error.
struct Sink {
    out: Option<(PathBuf, Box<dyn Write>)>,
    /// Where outcomes are Avro.
    container: Option<Container>,
    /// Bytes that are ready to be written.
    pending: Vec<u8>,
    /// Outcomes go where a terminal would obey what a text of an event says.
    to_terminal: bool,
    bar: ProgressBar,
    taken: Arc<AtomicU64>,
    records: u64,
    dead_letters: u64,
}

impl Sink {
    fn new(
        to: Option<&Path>,
        format: Format,
        events: &Path,
        taken: Arc<AtomicU64>,
    ) -> Result<Self, ReplayError> {
        let out = to.map(|path| {
            let raw: Box<dyn Write> = if path == Path::new("-") {
                Box::new(std::io::stdout())
            } else {
                let fault = |source| ReplayError::File { what: "create", path: path.to_owned(), source };
                Box::new(std::fs::File::create(path).map_err(fault)?)
            };
            Ok((path.to_owned(), raw))
        });
        let bytes = std::fs::metadata(events).map_or(0, |file| file.len());
        let to_terminal = to == Some(Path::new("-")) && std::io::stdout().is_terminal();
        let on_terminal = std::io::stderr().is_terminal() && !to_terminal;
        let bar = if !on_terminal {
            ProgressBar::hidden()
        } else if bytes == 0 {
            ProgressBar::new_spinner()
        } else {
            bar(bytes, "{bar:40} {percent:>3}%  {msg}  {elapsed} elapsed, {eta} to go")
        };
        let mut pending = Vec::new();
        let container =
            (format == Format::Avro).then(|| Container::begin(POS_OUTCOME_SCHEMA, Codec::Null, &mut pending));
        let out = out.transpose()?;
        Ok(Self { out, container, pending, to_terminal, bar, taken, records: 0, dead_letters: 0 })
    }

    fn write_pending(&mut self) -> Result<(), ReplayError> {
        if let Some((path, out)) = &mut self.out {
            out.write_all(&self.pending).map_err(|source| ReplayError::File {
                what: "write",
                path: path.clone(),
                source,
            })?;
        }
        self.pending.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), AppError> {
        self.bar.finish_and_clear();
        if let Some(container) = &mut self.container {
            container.flush(&mut self.pending);
        }
        self.write_pending()?;
        if let Some((path, out)) = &mut self.out {
            out.flush().map_err(|source| ReplayError::File { what: "write", path: path.clone(), source })?;
        }
        if self.dead_letters > DEAD_LETTERS_TOLD {
            let more = self.dead_letters - DEAD_LETTERS_TOLD;
            writeln!(std::io::stderr(), "{more} further dead letters")?;
        }
        Ok(())
    }
}

impl CheckSink for Sink {
    fn outcome(&mut self, value: &[u8]) -> Result<(), ReplayError> {
        if self.out.is_none() {
            return Ok(());
        }
        match &mut self.container {
            Some(container) => container.add(value, &mut self.pending),
            None => {
                match str::from_utf8(value) {
                    Ok(text) if self.to_terminal => {
                        self.pending.extend_from_slice(visible_json(text).as_bytes());
                    }
                    _ => self.pending.extend_from_slice(value),
                }
                self.pending.push(b'\n');
            }
        }
        if self.pending.len() >= PENDING_BYTES { self.write_pending() } else { Ok(()) }
    }

    fn dead_letter(&mut self, input: Input, line: u64, why: &str) {
        self.dead_letters += 1;
        if self.dead_letters <= DEAD_LETTERS_TOLD {
            let what = match input {
                Input::PosEvents => "events",
                Input::AccountEvents => "account events",
                Input::Ticks => "ticks",
            };
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stderr(), "{what} line {line}: dead letter: {}", visible(why));
            });
        }
    }

    fn progress(&mut self, records: u64) {
        self.records += records;
        self.bar.set_position(self.taken.load(Ordering::Relaxed));
        self.bar.set_message(format!("{} records", self.records));
    }
}
