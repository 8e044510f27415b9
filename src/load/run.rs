//! `tillgate load`: a run from its first account event to its last basket, at a rate, with a progress bar.
//!
//! The clock here paces and never decides what is generated.

use super::args::{ArgsFault, LoadArgs, Target};
use super::encode::{EncodeError, Encoder};
use super::file::FileSink;
use super::generator::{Generated, PosRecord, World};
use super::mistakes::Mistake;
use super::sink::{RecordSink, SinkError};
use crate::domain::Micros;
use crate::domain::account_event::AccountEvent;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};
use thiserror::Error;

/// Events between two looks at the clock or the progress bar.
const STRIDE: u64 = 256;

/// Why a run ended early.
#[derive(Debug, Error)]
pub enum LoadError {
    /// Before it began.
    #[error(transparent)]
    Args(#[from] ArgsFault),
    /// On the way out.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A record that the format has no place for.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// What a run made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Account events, payments included.
    pub account_events: u64,
    /// POS events.
    pub pos_events: u64,
    /// Whether there was no place for account events.
    pub account_events_dropped: bool,
    /// Bytes of all values.
    pub bytes: u64,
    /// Answers that carry a code because of a mistake, by mistake.
    pub mistakes: BTreeMap<Mistake, u64>,
}

/// Does what the command line says. `connect` gives the Kafka sink where that is asked for.
///
/// # Errors
/// [`LoadError`] where flags do not go together, or a record does not get where it belongs.
pub fn load(
    args: &LoadArgs,
    now: Micros,
    connect: impl FnOnce() -> Result<Box<dyn RecordSink>, SinkError>,
) -> Result<LoadReport, LoadError> {
    let world = World::new(args.settings(now)?);
    let encoder = args.encoder()?;
    let account_events = args.account_events.as_deref();
    let mut sink: Box<dyn RecordSink> = match &args.to {
        Target::Kafka => connect()?,
        Target::StandardOutput => Box::new(FileSink::open(None, account_events)?),
        Target::File(path) => Box::new(FileSink::open(Some(path), account_events)?),
    };
    let progress = progress_bar(args.count);
    let report = send(&world, &encoder, sink.as_mut(), args.rate, |done| progress.set_position(done))?;
    progress.finish_and_clear();
    let account_events_dropped = args.to != Target::Kafka && account_events.is_none();
    Ok(LoadReport { account_events_dropped, ..report })
}

/// Sends a whole run: the accounts first, then the tills at `rate` events a second (0: as fast as it
/// goes). `progress` is told now and then how many POS events are out.
///
/// # Errors
/// [`LoadError`] of the first record that does not get where it belongs.
pub fn send(
    world: &World,
    encoder: &Encoder,
    sink: &mut dyn RecordSink,
    rate: u32,
    mut progress: impl FnMut(u64),
) -> Result<LoadReport, LoadError> {
    let mut sender =
        Sender { encoder, sink, value: Vec::with_capacity(4_096), report: LoadReport::default() };
    for event in world.opening_events() {
        sender.account_event(&event, world.accounts().opened_at())?;
    }
    sender.sink.flush()?;
    let pace = Pace::new(rate);
    for generated in world.generate() {
        match generated {
            Generated::Account { event, time } => sender.account_event(&event, time)?,
            Generated::Pos(record) => {
                let done = sender.report.pos_events;
                pace.wait(done);
                if done.is_multiple_of(STRIDE) {
                    progress(done);
                }
                sender.pos_record(&record)?;
            }
        }
    }
    sender.sink.finish()?;
    progress(sender.report.pos_events);
    Ok(sender.report)
}

struct Sender<'s> {
    encoder: &'s Encoder,
    sink: &'s mut dyn RecordSink,
    value: Vec<u8>,
    report: LoadReport,
}

impl Sender<'_> {
    fn account_event(&mut self, event: &AccountEvent, time: Micros) -> Result<(), LoadError> {
        self.value.clear();
        self.encoder.account_event(event, &mut self.value)?;
        self.report.account_events += 1;
        self.report.bytes += self.value.len() as u64;
        Ok(self.sink.account_event(event, &self.value, time)?)
    }

    fn pos_record(&mut self, record: &PosRecord<'_>) -> Result<(), LoadError> {
        self.value.clear();
        self.encoder.pos_record(record, &mut self.value)?;
        self.report.pos_events += 1;
        self.report.bytes += self.value.len() as u64;
        if let (Some(mistake), Some(_)) = (record.mistake, record.expected_code) {
            *self.report.mistakes.entry(mistake).or_default() += 1;
        }
        Ok(self.sink.pos_event(record, &self.value)?)
    }
}

/// Keeps to a rate by waiting until the next event is due.
struct Pace {
    rate: u32,
    began: Instant,
}

impl Pace {
    #[allow(clippy::disallowed_methods, reason = "a rate is kept against the clock")]
    fn new(rate: u32) -> Self {
        Self { rate, began: Instant::now() }
    }

    /// Waits until event number `done` is due.
    fn wait(&self, done: u64) {
        if self.rate == 0 {
            return;
        }
        let rate = u64::from(self.rate);
        let due = Duration::from_secs(done / rate) + Duration::from_nanos(done % rate * 1_000_000_000 / rate);
        let early = due.saturating_sub(self.began.elapsed());
        if early > Duration::from_millis(1) {
            sleep(early);
        }
    }
}

fn progress_bar(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} events, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// A line for people, and one for every mistake with the code that has to answer it.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong: u64 = self.mistakes.values().sum();
        write!(
            f,
            "{} POS events ({wrong} mistakes) and {} account events, {} bytes",
            self.pos_events, self.account_events, self.bytes
        )?;
        if self.account_events_dropped {
            f.write_str(
                "\naccount events were not kept, so every account is unknown: give --account-events FILE",
            )?;
        }
        for (mistake, times) in &self.mistakes {
            write!(f, "\n{times:>8} x {:<28} answered by {}", mistake.name(), mistake.code())?;
        }
        Ok(())
    }
}
