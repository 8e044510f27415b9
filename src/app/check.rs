//! `tillgate check`: opens the files, shows progress, writes outcomes and the summary.

use super::AppError;
use crate::cli::{CheckArgs, Common, Format};
use crate::codec::KnownSchemas;
use crate::pipeline::{Input, OutcomeEncoding, PartitionOptions};
use crate::replay::{CheckOptions, CheckSink, ReplayError, check, open};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Dead letters that are told one by one; further ones are counted.
const DEAD_LETTERS_TOLD: u64 = 20;

pub(super) fn run(args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    if args.format == Format::Avro {
        return Err(AppError::Usage("--format avro is not there".to_owned()));
    }
    let pos_events = open(&args.events)?;
    let account_events = args.account_events.as_deref().map(open).transpose()?;
    let to = match (&args.output, args.summary) {
        (Some(path), _) => Some(path.as_path()),
        (None, true) => None,
        (None, false) => Some(Path::new("-")),
    };
    let mut sink = Sink::new(to, &args.events, pos_events.taken())?;
    let schemas = KnownSchemas::new().map_err(AppError::Usage)?;
    let options = CheckOptions {
        pos_events,
        account_events,
        partitions: args.partitions,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        engine: super::engine(&settings),
        options: PartitionOptions {
            topics: [settings.topics.pos_events.clone(), settings.topics.account_events.clone()],
            encoding: OutcomeEncoding::Json,
            checkpoint_events_per_account: u32::MAX,
            journal_record_bytes_max: usize::MAX,
        },
        schemas: &schemas,
    };
    let summary = check(options, &mut sink)?;
    let outcomes_on_stdout = to == Some(Path::new("-"));
    sink.finish()?;
    if args.summary && outcomes_on_stdout {
        write!(std::io::stderr(), "{summary}")?;
    } else if args.summary {
        write!(std::io::stdout(), "{summary}")?;
    }
    Ok(())
}

/// Outcomes to a file or standard output, dead letters to standard error.
struct Sink {
    out: Option<(PathBuf, BufWriter<Box<dyn Write>>)>,
    bar: ProgressBar,
    taken: Arc<AtomicU64>,
    records: u64,
    dead_letters: u64,
}

impl Sink {
    fn new(to: Option<&Path>, events: &Path, taken: Arc<AtomicU64>) -> Result<Self, ReplayError> {
        let out = to.map(|path| {
            let raw: Box<dyn Write> = if path == Path::new("-") {
                Box::new(std::io::stdout())
            } else {
                let fault = |source| ReplayError::File { what: "create", path: path.to_owned(), source };
                Box::new(std::fs::File::create(path).map_err(fault)?)
            };
            Ok((path.to_owned(), BufWriter::with_capacity(1 << 20, raw)))
        });
        let bytes = std::fs::metadata(events).map_or(0, |file| file.len());
        let on_terminal = std::io::stderr().is_terminal()
            && !(to == Some(Path::new("-")) && std::io::stdout().is_terminal());
        let bar = if !on_terminal {
            ProgressBar::hidden()
        } else if bytes == 0 {
            ProgressBar::new_spinner()
        } else {
            let style = "{bar:40} {percent:>3}%  {msg}  {elapsed} elapsed, {eta} to go";
            let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(bytes).with_style(style)
        };
        Ok(Self { out: out.transpose()?, bar, taken, records: 0, dead_letters: 0 })
    }

    fn finish(mut self) -> Result<(), AppError> {
        self.bar.finish_and_clear();
        if let Some((_, out)) = &mut self.out {
            out.flush()?;
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
        let Some((path, out)) = &mut self.out else { return Ok(()) };
        out.write_all(value).and_then(|()| out.write_all(b"\n")).map_err(|source| ReplayError::File {
            what: "write",
            path: path.clone(),
            source,
        })
    }

    fn dead_letter(&mut self, input: Input, line: u64, why: &str) {
        self.dead_letters += 1;
        if self.dead_letters <= DEAD_LETTERS_TOLD {
            let what = match input {
                Input::PosEvents => "events",
                Input::AccountEvents => "account events",
            };
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stderr(), "{what} line {line}: dead letter: {why}");
            });
        }
    }

    fn progress(&mut self, records: u64) {
        self.records += records;
        self.bar.set_position(self.taken.load(Ordering::Relaxed));
        self.bar.set_message(format!("{} records", self.records));
    }
}
