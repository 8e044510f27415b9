//! `tillgate gateway`: endpoints over the topics, put together and taken down in order. `key` makes API keys.

mod key;
mod records;

use super::admin::ServedPages;
use super::run::watch_signals;
use super::{AppError, start};
use crate::checks::Check;
use crate::cli::{Common, GatewayArgs, GatewayCommand};
use crate::config::Settings;
use crate::contract::{self, FormBounds};
use crate::domain::Micros;
use crate::domain::account_event::AccountEvent;
use crate::domain::hashing::Seed;
use crate::gateway::api::{Api, Documents, Means};
use crate::gateway::read_model::ReadModel;
use crate::gateway::{Gate, Listener, Server, ServerBounds};
use crate::kafka::client::Cluster;
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::followed::{Begin, FollowedTopic, Taker, retry_at_start};
use crate::kafka::settings::ClusterSettings;
use crate::telemetry::log;
use records::{InputTopics, TopicTaker, Troubles};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked whether the inputs have more partitions now.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked whether the process is to end.
const STOP_STEP: Duration = Duration::from_millis(50);
/// How long records under way may take once the process ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn run(args: &GatewayArgs, common: &Common) -> Result<(), AppError> {
    match &args.command {
        Some(GatewayCommand::Key(args)) => key::run(args),
        None => serve(common),
    }
}

fn serve(common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    log::install(settings.log.format, settings.log.level).map_err(start)?;
    if let Some(warning) = settings.gateway.warning() {
        tracing::warn!("{warning}");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let _signals = watch_signals(Arc::clone(&stop), "answering what is under way, and taking nothing more")?;
    let kafka: Arc<ClusterSettings> = Arc::new((&settings).into());
    let endpoints = Endpoints::start(&settings, kafka, &stop)?;
    let pages = admin_pages(&settings, &endpoints, &stop)?;
    while !stop.load(Ordering::Acquire) {
        std::thread::sleep(STOP_STEP);
    }
    endpoints.close();
    tracing::info!("stopped: every request was answered");
    if let Some(pages) = pages {
        pages.close();
    }
    Ok(())
}

/// The admin listener, with the pages of this process.
fn admin_pages(
    settings: &Settings,
    endpoints: &Endpoints,
    stop: &Arc<AtomicBool>,
) -> Result<Option<ServedPages>, AppError> {
    let Some(address) = settings.gateway.admin else { return Ok(None) };
    let listener = Listener::bind(address).map_err(start)?;
    tracing::info!(address = %listener.address(), "metrics and health pages");
    let pages = |exporter| {
        crate::telemetry::http::start_at_zero();
        records::Pages::new(exporter, endpoints, stop)
    };
    ServedPages::serve(listener, super::engine(settings).ruleset(), pages).map(Some)
}

/// Everything that serves requests.
pub(crate) struct Endpoints {
    address: SocketAddr,
    served: JoinHandle<()>,
    closing: tokio::sync::oneshot::Sender<()>,
    topics: Arc<InputTopics>,
    model: Arc<ReadModel>,
    troubles: Arc<Troubles>,
    followers: Vec<JoinHandle<()>>,
    /// That nothing is followed any more: after the last answer.
    done: Arc<AtomicBool>,
}

impl Endpoints {
    /// Looks at rights and topics, begins to read what was answered, and serves. Waits for brokers until `stop`.
    pub(crate) fn start(
        settings: &Settings,
        kafka: Arc<ClusterSettings>,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, AppError> {
        let gateway = &settings.gateway;
        let gate = Gate::new(gateway).map_err(start)?;
        let names = &settings.topics;
        let decides_contacts = settings.contact.enabled;
        let mut inputs = vec![&*names.pos_events, &names.account_events];
        let mut read = vec![&*names.pos_outcomes, &names.account_results];
        if decides_contacts {
            inputs.extend([&*names.interactions, &names.contact_requests]);
            read.extend([&*names.interaction_results, &names.contact_decisions]);
        }
        let cluster = Cluster::until(Arc::clone(&kafka), Arc::clone(stop))?;
        if kafka.check_topic_configs {
            retry_at_start(&cluster, stop, || {
                rights::verify(&cluster, &kafka, Task::Ask { write: &inputs, read: &read })
            })?;
        }
        let (model, troubles) = (
            Arc::new(ReadModel::new(gateway.history, gateway.history_bytes_max)),
            Arc::<Troubles>::default(),
        );
        let topics =
            Arc::new(InputTopics::open(cluster, &kafka, (&inputs, gateway.answer_within), &troubles, stop)?);
        let since = super::now_millis()
            .saturating_sub(i64::try_from(gateway.history.as_millis()).unwrap_or(i64::MAX));
        let readers = [
            TopicTaker::of_outcomes,
            TopicTaker::of_replies,
            TopicTaker::of_interactions,
            TopicTaker::of_decisions,
        ];
        let takers = read.iter().zip(readers).enumerate().map(|(place, (topic, reader))| {
            let from = if place == 0 { Begin::Time(since) } else { Begin::End };
            (*topic, from, Arc::new(reader(&model, &troubles, topic)) as Arc<dyn Taker>)
        });
        let done = Arc::new(AtomicBool::new(false));
        let mut followers = Vec::new();
        for (topic, from, taker) in takers {
            let following = FollowedTopic::start(Arc::clone(&kafka), topic, from, taker, stop)?;
            followers.push(following.follow(Arc::clone(&done))?);
        }
        // Only now: until then whoever asks is refused at once, and does not wait for brokers.
        let bounds = ServerBounds::of(gateway);
        let server = Server::bind(gateway.listen, bounds, gateway.tls.as_ref()).map_err(start)?;
        let handle = server.handle().clone();
        let looked_at = Arc::clone(&topics);
        handle.spawn(async move {
            let mut ticks = tokio::time::interval(LOOK_EVERY);
            loop {
                ticks.tick().await;
                let topics = Arc::clone(&looked_at);
                if tokio::task::spawn_blocking(move || topics.look()).await.is_err() {
                    return;
                }
            }
        });
        let openapi = contract::openapi(&FormBounds::of(&settings.checks));
        let documents = Documents { page: contract::page(&openapi), openapi: openapi.to_string() };
        let shared = (Arc::clone(&topics) as _, Arc::clone(&model));
        let api = Api::new(shared, gateway, decides_contacts, withheld(), Means { draw, now, form });
        let (closing, closed) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async move {
            let _ = closed.await;
        };
        let address = server.address();
        let served = api.serve(server, &gate, documents, shutdown).map_err(start)?;
        tracing::info!(%address, "requests are served");
        Ok(Self { address, served, closing, topics, model, troubles, followers, done })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what is under way, and takes nothing more.
    pub(crate) fn close(self) {
        // Dropping the sender is the signal.
        drop(self.closing);
        let _ = self.served.join();
        self.topics.flush(FLUSH_WITHIN);
        self.done.store(true, Ordering::Release);
        for follower in self.followers {
            // One that panicked was told in the log.
            let _ = follower.join();
        }
    }
}

/// The codes of checks whose reasons merchants do not learn.
fn withheld() -> BTreeSet<String> {
    let checks = Check::ALL.iter().filter(|check| check.withholds_reason());
    checks.flat_map(|check| check.entry().codes).map(|code| code.as_str().to_owned()).collect()
}

/// 128 bits that nobody outside can know.
fn draw() -> u128 {
    let Seed([one, other]) = super::table_seed();
    u128::from(one) << 64 | u128::from(other)
}

fn form(event: &AccountEvent) -> Option<String> {
    crate::engine::form(event).err().map(|refusal| refusal.message)
}

fn now() -> Micros {
    Micros::from_millis(super::now_millis())
}
