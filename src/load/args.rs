//! The command line of `tillgate load`, and the settings that it gives.

use super::country::COUNTRIES;
use super::encode::{AvroPrefix, EncodeError, Encoder};
use super::mistakes::Mistake;
use super::settings::{
    ACCOUNTS_MAX, LINES_MAX, LoadSettings, MistakeShares, START, SettingsFault, TERMINALS_MAX,
};
use super::till::Till;
use crate::config::units;
use crate::domain::Micros;
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use thiserror::Error;

/// Generate accounts, terminals and baskets from a seed: correct ones, and mistakes by name.
///
/// The same seed and settings give the same bytes. Every mistake says which code answers it.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = examples_and_mistakes())]
pub struct LoadArgs {
    /// Where POS events go: kafka, a file (plain or .zst), or - for standard output.
    #[arg(long, value_name = "kafka|FILE|-", default_value = "kafka")]
    pub to: Target,
    /// Where account events go when POS events go to a file or to standard output.
    #[arg(long, value_name = "FILE")]
    pub account_events: Option<PathBuf>,
    /// POS events to generate, mistakes included.
    #[arg(long, value_name = "EVENTS", default_value_t = 100_000)]
    pub count: u64,
    /// POS events a second; 0 is as fast as it goes.
    #[arg(long, value_name = "EVENTS/S", default_value_t = 0)]
    pub rate: u32,
    /// Measure besides how long answers take, with `tillgate run` beside it that writes JSON.
    ///
    /// Records of POS events say in a header when they are sent, and outcomes are read as their readers
    /// do. At the end one JSON object goes to standard output: how many answers came, and within how many
    /// milliseconds half of them, 99 % and 99.9 %.
    #[arg(long)]
    pub latency: bool,
    /// How long answers do not count at first; with --latency.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration, requires = "latency")]
    pub warm_up: Micros,
    /// Accounts in good standing; a few of every other standing come on top.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(ACCOUNTS_MAX)))]
    pub accounts: u32,
    /// Terminals, spread over all countries and kinds of shops.
    #[arg(long, default_value_t = 2_700, value_parser = clap::value_parser!(u32).range(COUNTRIES.len() as i64..=i64::from(TERMINALS_MAX)))]
    pub terminals: u32,
    /// Lines of a basket on average.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=i64::from(LINES_MAX)))]
    pub lines: u32,
    /// Where tills round to the cent. All are right: what differs is what rounding has to explain.
    ///
    /// Other than with `exact`, receipts have deposits too, tax is stated to six decimals or in cents, and a
    /// discount lowers the tax of its line or does not, as the till of each receipt has it.
    #[arg(long, value_enum, default_value_t = Till::Exact)]
    pub rounding: Till,
    /// Chooses the run: the same seed gives the same events.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Mistakes per mille of the events: one number for all kinds alike, NAME=NUMBER for one kind, or both.
    ///
    /// `--mistakes 50` makes 50 in a thousand, spread evenly; `--mistakes line-gross=10,repeat=5` only
    /// these; `--mistakes 50,repeat=0` all but repeats. A mistake that takes several events (a burst)
    /// counts once. --help lists the names.
    #[arg(long, value_name = "PER-MILLE|NAME=PER-MILLE,..", default_value = "50")]
    pub mistakes: MistakeShares,
    /// Format of the records.
    #[arg(long, value_enum, default_value_t = RecordFormat::Json)]
    pub format: RecordFormat,
    /// Registered schema of POS events: Avro records get the registry's prefix with this id, otherwise the
    /// single-object prefix.
    #[arg(long, value_name = "ID")]
    pub schema_id: Option<u32>,
    /// Registered schema of account events.
    #[arg(long, value_name = "ID", requires = "schema_id")]
    pub account_schema_id: Option<u32>,
    /// Time of the first event, RFC 3339. Default: 2025-01-06T06:00:00Z for files; for kafka so that the
    /// run ends about now, because brokers refuse the future and delete the past.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start: Option<Micros>,
    /// From one event to the next, such as 5ms or 2min. Default: an hour for every account between its
    /// events, spread over all accounts; less makes the velocity checks answer.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub step: Option<Micros>,
}

/// Where POS events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The topics of the config.
    Kafka,
    /// Standard output.
    StandardOutput,
    /// A file.
    File(PathBuf),
}

/// The format of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// JSON as the public contracts write it.
    Json,
    /// Avro; to kafka only.
    Avro,
}

/// Flags that do not go together, or settings that cannot be.
#[derive(Debug, Error)]
pub enum ArgsFault {
    /// A setting.
    #[error(transparent)]
    Settings(#[from] SettingsFault),
    /// Flags: why they do not go together, and what to do.
    #[error("{0}")]
    Flags(&'static str),
}

impl LoadArgs {
    /// The settings of the run. `now` is asked for where the run has to end about now.
    ///
    /// # Errors
    /// [`ArgsFault`] where flags do not go together or a setting cannot be.
    pub fn settings(&self, now: Micros) -> Result<LoadSettings, ArgsFault> {
        self.check_together()?;
        let step = self.step.unwrap_or_else(|| LoadSettings::step_for(self.accounts));
        let settings = LoadSettings {
            seed: self.seed,
            count: self.count,
            accounts: self.accounts,
            terminals: self.terminals,
            lines: self.lines,
            till: self.rounding,
            start: self.start.unwrap_or(START),
            step,
            mistakes: self.mistakes.clone(),
            ..LoadSettings::default()
        };
        if self.start.is_none() && self.to == Target::Kafka {
            let span = settings.time_of(self.count).minus(settings.start);
            let second = 1_000_000;
            let start = now.minus(span).0.div_euclid(second) * second;
            return Ok(LoadSettings { start: Micros(start), ..settings }.validated()?);
        }
        Ok(settings.validated()?)
    }

    /// The format of the run.
    ///
    /// # Errors
    /// [`EncodeError`] where a schema of this package is none: a fault of the build.
    pub fn encoder(&self) -> Result<Encoder, EncodeError> {
        match (self.format, self.schema_id, self.account_schema_id) {
            (RecordFormat::Json, ..) => Ok(Encoder::Json),
            (RecordFormat::Avro, Some(pos_event), Some(account_event)) => Ok(Encoder::Avro {
                pos_event: AvroPrefix::SchemaId(pos_event),
                account_event: AvroPrefix::SchemaId(account_event),
            }),
            (RecordFormat::Avro, ..) => Encoder::avro_single_object(),
        }
    }

    fn check_together(&self) -> Result<(), ArgsFault> {
        let is_avro = self.format == RecordFormat::Avro;
        Err(ArgsFault::Flags(match &self.to {
            to if self.latency && (self.rate == 0 || *to != Target::Kafka) => {
                "--latency is measured at a rate on a cluster: give --rate and --to kafka"
            }
            Target::Kafka if self.account_events.is_some() => {
                "--account-events is for files: with --to kafka account events go to their topic"
            }
            Target::File(path) if self.account_events.as_ref() == Some(path) => {
                "--account-events and --to name the same file: give each its own"
            }
            Target::File(_) | Target::StandardOutput if is_avro => {
                "--format avro has no lines to put into a file: use --format json, or --to kafka"
            }
            _ if !is_avro && self.schema_id.is_some() => {
                "--schema-id is for avro: add --format avro, or leave it out"
            }
            _ if self.schema_id.is_some() && self.account_schema_id.is_none() => {
                "--account-schema-id is missing: account events have a schema of their own beside --schema-id"
            }
            _ => return Ok(()),
        }))
    }
}

impl FromStr for Target {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "kafka" => Self::Kafka,
            "-" => Self::StandardOutput,
            path => Self::File(PathBuf::from(path)),
        })
    }
}

impl FromStr for MistakeShares {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = |text: &str| match text.parse::<u16>() {
            Ok(share) if share <= 1_000 => Ok(share),
            _ => Err(format!("`{text}` is no share: give a number per mille from 0 to 1000")),
        };
        let mut shares = Self::NONE;
        let (named, even): (Vec<&str>, Vec<&str>) = text.split(',').partition(|part| part.contains('='));
        for part in even {
            shares = Self::even(share(part.trim())?);
        }
        for part in named {
            let (name, number) = part.split_once('=').unwrap_or((part, ""));
            let name = name.trim();
            let names = || Mistake::ALL.map(Mistake::name).join(", ");
            let unknown = || format!("`{name}` is no mistake: use one of {}", names());
            let mistake = Mistake::ALL.into_iter().find(|mistake| mistake.name() == name);
            let mistake = mistake.ok_or_else(unknown)?;
            shares.set(mistake, share(number.trim())?);
        }
        Ok(shares)
    }
}

fn time(text: &str) -> Result<Micros, String> {
    Micros::parse_rfc3339(text)
        .ok_or_else(|| "write a time as RFC 3339 has it, such as 2025-01-06T06:00:00Z".to_owned())
}

fn duration(text: &str) -> Result<Micros, String> {
    units::micros(text)
        .map(Micros)
        .ok_or_else(|| "write a whole number and its unit: us, ms, s, min, h or d, such as 5ms".to_owned())
}

const EXAMPLES: &str = "\
Examples:
  tillgate load --to events.jsonl --account-events accounts.jsonl --count 10000
  tillgate load --set kafka.bootstrap_servers=broker:9092 --rate 1000 --count 600000
  tillgate load --config /etc/tillgate --rate 1000 --count 60000 --latency --warm-up 10s

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.

Mistakes, and the code that answers each:
";

fn examples_and_mistakes() -> String {
    let mut table = String::from(EXAMPLES);
    for mistake in Mistake::ALL {
        let (name, code, about) = (mistake.name(), mistake.code(), mistake.about());
        let _ = writeln!(table, "  {name:<28} {code:<24} {about}");
    }
    table
}
