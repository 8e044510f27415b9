//! Where outcomes and dead letters of `tillgate check` go, and its progress.

use crate::app::AppError;
use crate::app::bar::bar;
use crate::codec::avro::{Codec, Container, POS_OUTCOME_SCHEMA};
use crate::config::OutputFormat;
use crate::domain::visible::{visible, visible_json};
use crate::pos::Input;
use crate::replay::{CheckSink, InputPlace, ReplayError};
use indicatif::ProgressBar;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Dead letters that are told one by one; further ones are counted.
const DEAD_LETTERS_TOLD: u64 = 20;
/// Bytes that are gathered before they are written.
const PENDING_BYTES: usize = 1 << 20;

/// Outcomes to a file or standard output, dead letters to standard error.
pub(in crate::app) struct Sink {
    out: Option<(PathBuf, Box<dyn Write>)>,
    /// Where outcomes are Avro.
    container: Option<Container>,
    /// Bytes that are ready to be written.
    pending: Vec<u8>,
    /// Outcomes go where a terminal would obey what a text of an event says.
    to_terminal: bool,
    bar: ProgressBar,
    /// Bytes that were taken of a file; none: records are counted.
    taken: Option<Arc<AtomicU64>>,
    records: u64,
    dead_letters: u64,
}

impl Sink {
    /// All of it are so many bytes or records; 0: not known.
    pub(in crate::app) fn new(
        to: Option<&Path>,
        format: OutputFormat,
        all: u64,
        taken: Option<Arc<AtomicU64>>,
    ) -> Result<Self, ReplayError> {
        let out = to.map(|path| {
            let raw: Box<dyn Write> = if path == Path::new("-") {
                Box::new(std::io::stdout())
            } else {
                Box::new(std::fs::File::create(path).map_err(ReplayError::file("create", path))?)
            };
            Ok::<_, ReplayError>((path.to_owned(), raw))
        });
        let to_terminal = to == Some(Path::new("-")) && std::io::stdout().is_terminal();
        let on_terminal = std::io::stderr().is_terminal() && !to_terminal;
        let bar = if !on_terminal {
            ProgressBar::hidden()
        } else if all == 0 {
            ProgressBar::new_spinner()
        } else {
            bar(all, "{bar:40} {percent:>3}%  {msg}  {elapsed} elapsed, {eta} to go")
        };
        let mut pending = Vec::new();
        let container = (format == OutputFormat::Avro)
            .then(|| Container::begin(POS_OUTCOME_SCHEMA, Codec::Null, &mut pending));
        let out = out.transpose()?;
        Ok(Self { out, container, pending, to_terminal, bar, taken, records: 0, dead_letters: 0 })
    }

    fn write_pending(&mut self) -> Result<(), ReplayError> {
        if let Some((path, out)) = &mut self.out {
            out.write_all(&self.pending).map_err(ReplayError::file("write", path))?;
        }
        self.pending.clear();
        Ok(())
    }

    /// Tells that one of `what` is a dead letter; further ones than a few are counted.
    pub(in crate::app) fn tell(&mut self, what: &str, at: InputPlace, why: &str) {
        self.dead_letters += 1;
        if self.dead_letters <= DEAD_LETTERS_TOLD {
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stderr(), "{what} {at}: dead letter: {}", visible(why));
            });
        }
    }

    /// Writes the rest.
    pub(in crate::app) fn finish(mut self) -> Result<(), AppError> {
        self.bar.finish_and_clear();
        if let Some(container) = &mut self.container {
            container.flush(&mut self.pending);
        }
        self.write_pending()?;
        if let Some((path, out)) = &mut self.out {
            out.flush().map_err(ReplayError::file("write", path))?;
        }
        if self.dead_letters > DEAD_LETTERS_TOLD {
            let more = self.dead_letters - DEAD_LETTERS_TOLD;
            writeln!(std::io::stderr(), "{more} further dead letters")?;
        }
        Ok(())
    }
}

/// What was decided before something failed is written all the same.
impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.write_pending();
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

    fn dead_letter(&mut self, input: Input, at: InputPlace, why: &str) {
        let what = match input {
            Input::PosEvents => "events",
            Input::AccountEvents => "account events",
            Input::Ticks => "ticks",
        };
        self.tell(what, at, why);
    }

    fn progress(&mut self, records: u64) {
        self.records += records;
        let done = self.taken.as_ref().map_or(self.records, |taken| taken.load(Ordering::Relaxed));
        self.bar.set_position(done);
        self.bar.set_message(format!("{} records", self.records));
    }
}
