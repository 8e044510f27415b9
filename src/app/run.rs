//! `tillgate run`: everything a running process needs, put together and taken down in order.

use super::admin::{ServedPages, WorkerPages};
use super::{AppError, start};
use crate::cli::Common;
use crate::codec::avro::{POS_OUTCOME_SCHEMA, fingerprint};
use crate::codec::{KnownSchemas, Schemas, frame_with_fingerprint, frame_with_id};
use crate::config::{AvroFraming, OutputFormat, Settings};
use crate::contact;
use crate::engine::Engine;
use crate::gateway::Listener;
use crate::kafka::health::Health;
use crate::kafka::latest::LatestTopic;
use crate::kafka::units::Units;
use crate::pipeline::{Deciders, Latest};
use crate::pos::{OutcomeEncoding, PartitionOptions, Setup};
use crate::profiles::{self, Board};
use crate::registry::Registry;
use crate::telemetry::log;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How often the registration of the outcome's schema is tried at the start.
const REGISTER_ATTEMPTS: u32 = 5;
/// How long a schema id that the registry does not know counts as unknown.
const UNKNOWN_SCHEMA_FOR: Duration = Duration::from_secs(30);

/// How long a process may take to end once it is told to, where brokers do not answer.
const ENDS_WITHIN: Duration = Duration::from_secs(8);
/// How often it is looked whether it is told to.
const STOP_STEP: Duration = Duration::from_millis(50);

pub(super) fn run(common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    log::install(settings.log.format, settings.log.level).map_err(start)?;
    let engine = super::engine(&settings);
    let registry = registry(&settings)?.map(Arc::new);
    let encoding = encoding(&settings, registry.as_deref())?;
    let schemas: Arc<dyn Schemas + Send + Sync> = match &registry {
        Some(registry) => registry.clone(),
        None => Arc::new(KnownSchemas::new().map_err(AppError::Start)?),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let health = Arc::new(Health::new(settings.kafka.workers));
    let _signals = watch_signals(stop.clone(), "committing what is held, then leaving the group")?;
    let admin = match settings.admin {
        None => None,
        Some(address) => {
            let listener = Listener::bind(address).map_err(start)?;
            tracing::info!(address = %listener.address(), "metrics and health pages");
            // Only with a listener, whose upkeep keeps what is collected small.
            let (health, stop) = (health.clone(), stop.clone());
            let pages = |exporter| WorkerPages::new(&settings, exporter, health, registry, stop);
            Some(ServedPages::serve(listener, engine.ruleset(), pages)?)
        }
    };
    tracing::info!(
        group = settings.kafka.group_id,
        workers = settings.kafka.workers,
        ruleset = engine.ruleset(),
        "starting"
    );
    unless_unreadable(&settings)?;
    let its_stop = Arc::clone(&stop);
    let work = move || {
        let (cluster, rulesets) = ((&settings).into(), rulesets(&settings));
        let board = settings.profiles.enabled.then(Arc::<Board>::default);
        let latest: Vec<LatestTopic> = board.iter().map(|board| published(&settings, board)).collect();
        let parts = Parts { engine, schemas, encoding, board };
        let flows = move |counts: &[u32]| flows(parts, &settings, counts);
        crate::kafka::run(cluster, &rulesets, Box::new(flows), &latest, health, &its_stop)
    };
    let result = until_stopped(&stop, work)?;
    stop.store(true, Ordering::Release);
    if let Some(admin) = admin {
        admin.close();
    }
    match result {
        Some(result) => {
            result?;
            tracing::info!("stopped: nothing is open");
        }
        None => tracing::warn!(
            "stopped without an answer of the brokers: what is open is aborted by the next start, or once \
             kafka.transaction_timeout is over"
        ),
    }
    Ok(())
}

/// That a replay could not read what decides again.
fn unless_unreadable(settings: &Settings) -> Result<(), AppError> {
    let ruleset = crate::config::read_ruleset("ruleset", settings.canonical_text()).map(drop);
    let contact = crate::config::read_rules("contact rules", settings.contact_text()).map(drop);
    ruleset.and(contact).map_err(|faults| {
        let defect = "the ruleset could not be read again by a replay: report it as a defect of tillgate";
        AppError::Start(format!("{defect}: {faults}"))
    })
}

/// What decides, as replays read it again.
pub(crate) fn rulesets(settings: &Settings) -> Vec<String> {
    let contact = settings.contact.enabled.then(|| settings.contact_text().to_owned());
    std::iter::once(settings.canonical_text().to_owned()).chain(contact).collect()
}

/// The topic of shared profiles, read into a board.
fn published(settings: &Settings, board: &Arc<Board>) -> LatestTopic {
    LatestTopic { topic: settings.topics.profiles.clone(), taker: Arc::clone(board) as Arc<dyn Latest> }
}

/// What the flow of POS events decides with.
struct Parts {
    engine: Arc<Engine>,
    schemas: Arc<dyn Schemas + Send + Sync>,
    encoding: OutcomeEncoding,
    board: Option<Arc<Board>>,
}

/// Makes the flows, in the order of their topics, given how many partitions the inputs of each have.
fn flows(parts: Parts, settings: &Settings, counts: &[u32]) -> Vec<Arc<dyn Deciders>> {
    let Parts { engine, schemas, encoding, board } = parts;
    let mut counts = counts.iter().copied();
    let mut next = |is_here: bool| if is_here { counts.next() } else { None };
    let [pos, profiles, contact] = [true, settings.profiles.enabled, settings.contact.enabled].map(&mut next);
    let mut options = options(settings, encoding, pos.unwrap_or(0));
    // What every flow needs, with as many partitions as its own inputs have.
    let own = options.clone();
    let of = |input_partitions| PartitionOptions { input_partitions, ..own.clone() }.settings();
    let of_profiles = profiles.map(|partitions| profiles::Setup {
        settings: of(partitions),
        terminal_accounts: engine.terminal_accounts(),
    });
    let of_contact = contact.map(|partitions| contact::Setup {
        settings: of(partitions),
        rules: Arc::clone(&settings.contact_rules),
        topics: settings.topics.contact_inputs(),
        seed: super::table_seed(),
        schemas: Arc::clone(&schemas),
        unknown_ids_max: settings.registry.unknown_ids_max,
    });
    options.profiles = of_profiles.as_ref().map(|setup| setup.settings.division);
    options.parties = of_contact.as_ref().map(|setup| setup.settings.division);
    let setup = Setup::new(engine, options, schemas).reading(board);
    let setup = setup.asking_for_unknown_ids(settings.registry.unknown_ids_max);
    let mut flows: Vec<Arc<dyn Deciders>> = vec![Arc::new(Units::of(setup))];
    flows.extend(of_profiles.map(|setup| Arc::new(Units::of(setup)) as Arc<dyn Deciders>));
    flows.extend(of_contact.map(|setup| Arc::new(Units::of(setup)) as Arc<dyn Deciders>));
    flows
}

/// What `work` comes to; none where it has not ended [`ENDS_WITHIN`] after everything was to stop. Then it hangs in calls
/// of the client that brokers do not answer, and the process ends as if it were killed: nothing is published in part.
fn until_stopped<T: Send + 'static>(
    stop: &AtomicBool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, AppError> {
    let (sender, receiver) = std::sync::mpsc::channel();
    // Nobody is there to take a result that comes too late.
    let thread =
        std::thread::Builder::new().name("workers".to_owned()).spawn(move || drop(sender.send(work())))?;
    let mut left = ENDS_WITHIN;
    loop {
        match receiver.recv_timeout(STOP_STEP) {
            Ok(result) => return Ok(Some(result)),
            Err(RecvTimeoutError::Disconnected) => match thread.join() {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => return Ok(None),
            },
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Acquire) => {
                match left.checked_sub(STOP_STEP) {
                    Some(rest) => left = rest,
                    None => return Ok(None),
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// How partitions decide and encode.
pub(crate) fn options(
    settings: &Settings,
    encoding: OutcomeEncoding,
    input_partitions: u32,
) -> PartitionOptions {
    PartitionOptions {
        topics: settings.topics.pos_inputs(),
        encoding,
        checkpoint_events_per_account: settings.journal.checkpoint_events_per_account,
        rotation_events_min: settings.journal.rotation_events_min,
        journal_record_bytes_max: settings.journal.record_bytes_max,
        input_partitions,
        partitioner: settings.topics.partitioner,
        profiles: None,
        parties: None,
        table_seed: super::table_seed(),
    }
}

pub(super) fn registry(settings: &Settings) -> Result<Option<Registry>, AppError> {
    let registry = &settings.registry;
    let Some(url) = &registry.url else { return Ok(None) };
    if let Some(warning) = registry.warning() {
        tracing::warn!("{warning}");
    }
    Registry::start(url, registry, UNKNOWN_SCHEMA_FOR).map(Some).map_err(start)
}

/// How outcomes are encoded; registers their schema where its id is needed.
fn encoding(settings: &Settings, registry: Option<&Registry>) -> Result<OutcomeEncoding, AppError> {
    match (settings.output.format, settings.output.avro_framing, registry) {
        (OutputFormat::Json, ..) => Ok(OutcomeEncoding::Json),
        (OutputFormat::Avro, AvroFraming::Confluent, Some(registry)) => {
            let subject = &settings.output.subject;
            let id = registry.client().register(subject, POS_OUTCOME_SCHEMA, REGISTER_ATTEMPTS).map_err(
                |error| {
                    AppError::Start(format!("cannot register the outcome's schema as {subject}: {error}"))
                },
            )?;
            tracing::info!(subject, id, "the outcome's schema is registered");
            let mut framing = Vec::new();
            frame_with_id(id, &mut framing);
            Ok(OutcomeEncoding::Avro(framing))
        }
        (OutputFormat::Avro, ..) => {
            let fingerprint = fingerprint(POS_OUTCOME_SCHEMA).map_err(AppError::Start)?;
            let mut framing = Vec::new();
            frame_with_fingerprint(fingerprint, &mut framing);
            Ok(OutcomeEncoding::Avro(framing))
        }
    }
}

/// Lets the first SIGTERM or SIGINT set `stop`, and says what is done then; a second one ends the process at once.
pub(crate) fn watch_signals(
    stop: Arc<AtomicBool>,
    then: &'static str,
) -> Result<std::thread::JoinHandle<()>, AppError> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let streams = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let watch = move || {
        runtime.block_on(async {
            let (mut terminate, mut interrupt) = streams;
            for first in [true, false] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if first {
                    tracing::info!("asked to stop: {then}");
                    stop.store(true, Ordering::Release);
                }
            }
            tracing::warn!("asked to stop twice: ending at once; what is open is aborted");
            std::process::exit(1);
        });
    };
    Ok(std::thread::Builder::new().name("signals".to_owned()).spawn(watch)?)
}
