//! Wiring: what each command needs, put together. Decides nothing itself.

pub(crate) mod admin;
pub(crate) mod archive;
mod bar;
mod check;
mod checks;
mod cluster;
mod config;
mod contact;
mod contract;
mod explain;
pub(crate) mod gateway;
mod health;
mod keyed;
mod latency;
mod load;
mod profiles;
mod pulse;
mod recorded;
mod repartition;
mod replay;
pub(crate) mod run;
mod state;
mod strays;
mod topics;

use crate::cli::{Cli, Command, Common};
use crate::codec::{KnownSchemas, Schemas};
use crate::config::{Faults, Settings, Sources};
use crate::domain::hashing::Seed;
use crate::domain::visible::visible_lines;
use crate::engine::Engine;
use crate::kafka::client::Cluster;
use crate::kafka::failure::{Fault, FaultClass};
use crate::load::{LoadError, SinkError};
use crate::replay::ReplayError;
use clap::{CommandFactory, Parser};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The configuration is wrong.
    #[error("{0}")]
    Config(#[from] Faults),
    /// The command line asks for something that does not go.
    #[error("{0}")]
    Usage(String),
    /// A file run or a replay failed.
    #[error("{0}")]
    Replay(#[from] ReplayError),
    /// An archive cannot be written or read.
    #[error("{0}")]
    Archive(#[from] crate::archive::ArchiveError),
    /// A generated run ended early.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// Something that a running process needs is not to be had.
    #[error("{0}")]
    Start(String),
    /// The cluster refuses or cannot be reached.
    #[error("{}", in_words(.0))]
    Kafka(#[from] Fault),
    /// The topics are not as they should be.
    #[error("{0}")]
    Topics(String),
    /// A replay did not give what was recorded.
    #[error("{0}")]
    Differs(String),
    /// The process that was asked does not answer, or is not as it should be.
    #[error("{0}")]
    Unwell(String),
    /// A file run went to its end, but not every line of its files was of use.
    #[error("{}", lost_lines(*.0))]
    Lost(u64),
    /// Standard output is gone, or the like.
    #[error("cannot write: {0}")]
    Output(#[from] std::io::Error),
}

impl AppError {
    fn is_closed_pipe(&self) -> bool {
        let source = match self {
            Self::Output(source) | Self::Load(LoadError::Sink(SinkError::Output(source))) => source,
            Self::Replay(ReplayError::File { source, path, .. }) if path.as_os_str() == "-" => source,
            _ => return false,
        };
        source.kind() == std::io::ErrorKind::BrokenPipe
    }
}

/// What a fault of the cluster says to a person, who asked for one thing and need not know the worker's classes.
fn in_words(fault: &Fault) -> String {
    match fault.class {
        FaultClass::Retriable => format!("{}: this may pass, try again", fault.text),
        _ => fault.text.clone(),
    }
}

fn lost_lines(lines: u64) -> String {
    let what =
        if lines == 1 { "1 line is lost: it names" } else { &format!("{lines} lines are lost: they name") };
    format!("{what} no account or cannot be read, so nothing was decided")
}

/// Parses the command line, runs the command, and says what went wrong.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match command(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let text = error.to_string();
            let _ = writeln!(std::io::stderr(), "error: {}", visible_lines(&text));
            ExitCode::from(match error {
                AppError::Config(_) | AppError::Usage(_) => 2,
                AppError::Lost(_) => 3,
                _ => 1,
            })
        }
    }
}

fn command(cli: &Cli) -> Result<(), AppError> {
    match &cli.command {
        Command::Demo(args) => crate::demo::run(args, &cli.common),
        Command::Run => run::run(&cli.common),
        Command::Health { ready } => health::run(*ready, &cli.common),
        Command::Topics(command) => topics::run(command, &cli.common),
        Command::State(command) => state::run(command, &cli.common),
        Command::Check(args) => check::run(args, &cli.common),
        Command::Replay(args) => replay::run(args, &cli.common),
        Command::Load(args) => load::run(args, &cli.common),
        Command::Explain(args) => explain::run(args, &cli.common),
        Command::Checks(command) => checks::run(command, &cli.common),
        Command::Profiles(command) => profiles::run(command, &cli.common),
        Command::Parties(command) => contact::parties::run(command, &cli.common),
        Command::Gateway(args) => gateway::run(args, &cli.common),
        Command::Config(command) => config::run(command, &cli.common),
        Command::Contract(command) => contract::run(command, &cli.common),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "tillgate", &mut std::io::stdout());
            Ok(())
        }
    }
}

/// The settings of all layers.
pub(crate) fn settings(common: &Common) -> Result<Settings, AppError> {
    let sources = Sources::of_process(common.config.clone(), common.set.clone());
    Ok(crate::config::load(&sources)?)
}

/// That what a process needs is not to be had.
pub(crate) fn start(error: impl std::fmt::Display) -> AppError {
    AppError::Start(error.to_string())
}

/// Schemas of the registry where there is one, otherwise those that are known.
fn schemas(settings: &Settings) -> Result<Box<dyn Schemas + Sync>, AppError> {
    Ok(match run::registry(settings)? {
        Some(registry) => Box::new(registry),
        None => Box::new(KnownSchemas::new().map_err(AppError::Start)?),
    })
}

/// The engine that these settings make.
pub(crate) fn engine(settings: &Settings) -> Arc<Engine> {
    Arc::new(Engine::new(settings.checks.clone(), settings.texts.clone(), settings.canonical_text()))
}

/// A seed for the account tables of this process, which nobody outside can know.
pub(crate) fn table_seed() -> Seed {
    // The standard library's own keys are drawn from the system's randomness.
    let draw = || RandomState::new().hash_one(0_u8);
    Seed([draw(), draw()])
}

/// Milliseconds since 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "times of records that are sent or measured; nothing is decided by them"
)]
pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Writes a file into a folder, which is made where it is missing.
fn write_into(folder: &Path, name: &str, text: &str) -> Result<PathBuf, ReplayError> {
    let path = folder.join(name);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
    written.map_err(ReplayError::file("write", &path))?;
    Ok(path)
}

/// How many partitions a topic has.
fn partitions(cluster: &Cluster, topic: &str) -> Result<u32, AppError> {
    let partitions = u32::try_from(cluster.admin().partitions(topic)?).ok();
    partitions.filter(|count| *count > 0).ok_or_else(|| {
        AppError::Topics(format!("topic {topic} is missing: create it with `tillgate topics create`"))
    })
}
