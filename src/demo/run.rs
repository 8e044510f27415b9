//! The demo from its broker to its last word: starts everything in order, and takes it down in order.

use super::args::DemoArgs;
use super::feed::{DemoProgress, DemoSink};
use super::live::{DemoParts, Live};
use super::notes::Notes;
use super::screen::Screen;
use crate::app::admin::{ServedPages, WorkerPages};
use crate::app::gateway::Endpoints;
use crate::app::{self, AppError};
use crate::cli::Common;
use crate::codec::KnownSchemas;
use crate::config::{self, Secret};
use crate::contact;
use crate::domain::Micros;
use crate::engine::Engine;
use crate::gateway::Listener;
use crate::kafka::client::{Embedded, EventProducer};
use crate::kafka::health::Health;
use crate::kafka::settings::{ClusterSettings, GroupProtocol, KafkaSettings};
use crate::kafka::units::Units;
use crate::load::{self, Encoder, LoadError, MistakeShares, SinkError, World};
use crate::pipeline::Deciders;
use crate::pos::{self, OutcomeEncoding, PartitionOptions, Setup};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Of every topic but the dead letters. The mock keeps 5 MiB of each.
pub(super) const PARTITIONS: usize = 8;
/// Of the topics of contact decisions.
const CONTACT_PARTITIONS: usize = 2;
/// Partitions that are decided, of both flows.
pub(super) const UNITS: usize = PARTITIONS + CONTACT_PARTITIONS;
/// Threads that decide.
pub(super) const WORKERS: usize = 2;
/// How long a worker may be silent. Short, because the mock lets a group wait for one second less than this when a member
/// joins late, as happens at the start on a busy machine.
const SESSION: Duration = Duration::from_secs(3);
/// Mistakes per mille of the events.
const MISTAKES: u16 = 100;
/// From one event to the next in event time: twenty a second, which is also the pace of `--keep`.
const STEP: Micros = Micros(50_000);

/// Runs the demo.
///
/// # Errors
/// The configuration is wrong, the machine gives no port or thread, standard output is gone, or the worker fails.
pub(crate) fn run(args: &DemoArgs, common: &Common) -> Result<(), AppError> {
    let mut config = app::settings(common)?;
    // Whoever looks for the first time sees all of it.
    config.contact.enabled = true;
    let notes = Notes::install();
    let engine = app::engine(&config);
    let stop = Arc::new(AtomicBool::new(false));
    let health = Arc::new(Health::new(WORKERS));
    let page = if args.keep {
        let _signals = app::run::watch_signals(Arc::clone(&stop), "ending the demo")?;
        serve_pages(&config, engine.ruleset(), &health, &stop)?
    } else {
        None
    };
    let settings = ClusterSettings::from(&config);
    // Goes last: every client is gone by then.
    let broker = broker(&settings)?;
    let settings = on_mock(settings, broker.bootstrap_servers()?);
    let endpoints = args.keep.then(|| serve_requests(&config, &settings, &stop)).transpose()?;
    let flows = flows(&config, engine, Arc::new(schemas()?));
    let world = World::new(world(args)?);
    let (progress, producer) = (DemoProgress::default(), EventProducer::new(&settings)?);
    let result = std::thread::scope(|scope| {
        let (go, went) = channel();
        let (of_workers, of_health) = (settings.clone(), Arc::clone(&health));
        let (shared_stop, stop, progress, world) = (&stop, &*stop, &progress, &world);
        let rulesets = app::run::rulesets(&config);
        let workers = scope.spawn(move || {
            crate::kafka::run(of_workers, &rulesets, Box::new(flows), &[], of_health, shared_stop)
        });
        let feed = DemoSink {
            producer,
            topics: &settings.topics,
            progress,
            go: went,
            stop,
            burst: args.events.into(),
            rate: args.rate,
            begun: None,
        };
        let feeder = scope.spawn(move || send(world, feed));
        let show = DemoParts {
            args,
            config: &config,
            settings: &settings,
            world,
            health: &health,
            progress,
            go,
            page: page.as_ref().map(ServedPages::address),
            gateway: endpoints.as_ref().map(Endpoints::address),
            stop,
            ended: &|| workers.is_finished() || (feeder.is_finished() && !progress.burst_is_sent()),
        };
        let shown = Live::new(notes, Screen::new(), show).and_then(Live::show);
        stop.store(true, Ordering::Release);
        let (worked, fed) = (workers.join(), feeder.join());
        worked.map_err(|_| panicked("worker"))??;
        fed.map_err(|_| panicked("generator"))??;
        shown
    });
    if let Some(endpoints) = endpoints {
        endpoints.close();
    }
    if let Some(page) = page {
        page.close();
    }
    result
}

/// The broker, with all topics.
fn broker(settings: &ClusterSettings) -> Result<Embedded, AppError> {
    let names = &settings.topics;
    let mut all = vec![(names.rulesets.as_str(), 1)];
    for (flow, partitions) in [(&pos::FLOW, PARTITIONS), (&contact::FLOW, CONTACT_PARTITIONS)] {
        let own = names.of(flow);
        let keyed = own.inputs.iter().chain(&own.outputs).chain([&own.journal]);
        all.extend(keyed.map(|topic| (topic.as_str(), partitions)));
        all.push((own.dead_letters.as_str(), 1));
    }
    Ok(Embedded::start(&all)?)
}

/// Makes the flows, given how many partitions each has: POS events, contact decisions.
fn flows(
    config: &config::Settings,
    engine: Arc<Engine>,
    schemas: Arc<KnownSchemas>,
) -> impl FnOnce(&[u32]) -> Vec<Arc<dyn Deciders>> + Send + use<> {
    let made = options(config, 0);
    let (rules, topics) = (Arc::clone(&config.contact_rules), config.topics.contact_inputs());
    move |counts| {
        let count = |flow: usize| counts.get(flow).copied().unwrap_or(0);
        let own = PartitionOptions { input_partitions: count(1), ..made.clone() }.settings();
        let parties = Some(own.division);
        let options = PartitionOptions { input_partitions: count(0), parties, ..made };
        let contact = contact::Setup {
            settings: own,
            rules,
            topics,
            seed: app::table_seed(),
            schemas: Arc::clone(&schemas) as _,
            unknown_ids_max: usize::MAX,
        };
        vec![Arc::new(Units::of(Setup::new(engine, options, schemas))), Arc::new(Units::of(contact))]
    }
}

/// Endpoints of `--keep`, where the configuration says, or on a free port where that one is taken.
fn serve_requests(
    config: &config::Settings,
    settings: &ClusterSettings,
    stop: &Arc<AtomicBool>,
) -> Result<Endpoints, AppError> {
    let kafka = Arc::new(settings.clone());
    Endpoints::start(config, Arc::clone(&kafka), stop).or_else(|_taken| {
        let mut config = config.clone();
        config.gateway.listen.set_port(0);
        Endpoints::start(&config, kafka, stop)
    })
}

fn panicked(who: &str) -> AppError {
    AppError::Start(format!("the {who} of the demo panicked: this is a defect of tillgate, please report it"))
}

/// The worker's settings for the mock, which answers a fetch that finds nothing only when its time is up.
fn on_mock(settings: ClusterSettings, bootstrap_servers: String) -> ClusterSettings {
    let kafka = KafkaSettings {
        bootstrap_servers,
        group_protocol: GroupProtocol::Classic,
        group_instance_id: None,
        session_timeout: SESSION,
        workers: WORKERS,
        librdkafka: [("fetch.wait.max.ms".to_owned(), Secret::new("5"))].into(),
        ..settings.kafka
    };
    ClusterSettings { kafka, instance: "demo".to_owned(), check_topic_configs: false, ..settings }
}

/// As `run` has them, but for checkpoints: the mock cannot cut off what a complete rotation leaves behind.
fn options(config: &config::Settings, partitions: u32) -> PartitionOptions {
    PartitionOptions {
        checkpoint_events_per_account: u32::MAX,
        ..app::run::options(config, OutcomeEncoding::Json, partitions)
    }
}

/// The schemas of this package.
pub(super) fn schemas() -> Result<KnownSchemas, AppError> {
    KnownSchemas::new().map_err(AppError::Start)
}

/// Accounts that have a few events each; the events' times end about now, and go on from there with `--keep`.
fn world(args: &DemoArgs) -> Result<load::LoadSettings, AppError> {
    let burst = i64::from(args.events);
    let now = app::now_millis() / 1_000 * 1_000_000;
    let settings = load::LoadSettings {
        seed: args.seed,
        count: if args.keep { u64::MAX } else { u64::from(args.events) },
        accounts: (args.events / 2).max(1_000),
        start: Micros(now - burst * STEP.0),
        step: STEP,
        mistakes: MistakeShares::even(MISTAKES),
        ..load::LoadSettings::default()
    };
    settings.validated().map_err(|fault| AppError::Usage(fault.to_string()))
}

/// Sends the run, as far as somebody wants it.
fn send(world: &World, mut feed: DemoSink<'_>) -> Result<(), LoadError> {
    // Small, and needs no registry.
    let encoder = Encoder::avro_single_object()?;
    let sent = feed.wait_for_go().map_err(LoadError::from);
    match sent.and_then(|()| load::send(world, &encoder, &mut feed, 0, |_| {})) {
        Ok(_) | Err(LoadError::Sink(SinkError::Ended)) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// The pages of `--keep`, where the configuration says, or on a free port where that one is taken; nowhere where they are off.
fn serve_pages(
    config: &config::Settings,
    ruleset: &str,
    health: &Arc<Health>,
    stop: &Arc<AtomicBool>,
) -> Result<Option<ServedPages>, AppError> {
    let Some(wanted) = config.admin else { return Ok(None) };
    let listener = Listener::bind(wanted)
        .or_else(|_taken| Listener::bind(SocketAddr::new(wanted.ip(), 0)))
        .map_err(app::start)?;
    let (health, stop) = (Arc::clone(health), Arc::clone(stop));
    let pages = |exporter| WorkerPages::new(config, exporter, health, None, stop);
    ServedPages::serve(listener, ruleset, pages).map(Some)
}
