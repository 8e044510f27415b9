//! The admin listener: `/metrics`, `/healthz`, `/readyz`. Has a thread of its own, so that neither a slow reader nor a
//! page that takes long ever holds up a decision. Reads what it shows, and changes nothing.
//!
//! Never has more connections than its bounds say, so that whoever opens thousands takes no descriptor from brokers: one
//! connection is one request, and the oldest is closed for a new one.

use super::ProcessStanding;
use super::problem::Problem;
use super::server::is_of_one_connection;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};

/// How often [`AdminSource::upkeep`] is called.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// How long answers under way may take once the process ends.
const GRACE: Duration = Duration::from_secs(2);
/// What a request may take in memory until its headers are read: a probe's has a few hundred bytes.
const REQUEST_BYTES_MAX: usize = 16 << 10;
/// How long nobody is taken in where the system has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const INDEX: &str = "tillgate\n\n\
    /metrics   figures, for Prometheus\n\
    /healthz   200 while the process is alive; 503: replace it\n\
    /readyz    200 while every partition it has is decided; 503: which is not, and why\n";

/// What the pages show. `app` fills it in.
pub trait AdminSource: Send + Sync + 'static {
    /// All metrics in the text format of Prometheus.
    fn metrics(&self) -> String;
    /// How the process stands at this moment.
    fn standing(&self) -> ProcessStanding;
    /// Called every few seconds: keep what the metrics hold in memory small.
    fn upkeep(&self);
}

/// How much of the process the admin listener may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminBounds {
    /// Connections at the same time, at least 1. For one more the oldest is closed: an honest one has its answer within
    /// milliseconds, so probes are answered however many others hold theirs open.
    pub connections_max: usize,
    /// How long the headers of a request may take.
    pub headers_within: Duration,
    /// How long a connection may take, from its first byte to the last of its answer.
    pub answered_within: Duration,
}

impl Default for AdminBounds {
    fn default() -> Self {
        Self {
            connections_max: 64,
            headers_within: Duration::from_secs(5),
            answered_within: Duration::from_secs(30),
        }
    }
}

/// Why there is no admin listener.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address cannot be listened at.
    #[error(
        "cannot listen at {address} for /metrics and the health pages: {source}; set admin.listen to a free address of this machine, or to \"\" for none"
    )]
    Bind {
        /// The address, as the setting has it.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The machine has no thread or no event queue left.
    #[error("cannot serve /metrics and the health pages: {0}")]
    Start(std::io::Error),
}

/// An address that is ours, not served yet: requests wait.
#[derive(Debug)]
pub struct Listener {
    socket: std::net::TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes the address; port 0 takes any free one.
    ///
    /// # Errors
    /// [`AdminError::Bind`].
    pub fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let bind = || {
            let socket = std::net::TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        };
        bind().map_err(|source| AdminError::Bind { address, source })
    }

    /// The address with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves the pages in a thread of its own, within `bounds`, until `shutdown` is ready; answers under way get two seconds.
///
/// # Errors
/// [`AdminError::Start`].
pub fn serve(
    listener: Listener,
    bounds: AdminBounds,
    source: Arc<dyn AdminSource>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<JoinHandle<()>, AdminError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AdminError::Start)?;
    let thread = std::thread::Builder::new().name("admin".to_owned());
    let work = move || {
        if let Err(error) = runtime.block_on(answer(listener, bounds, source, shutdown)) {
            tracing::error!(%error, "the admin listener ended: /metrics and the health pages are gone");
        }
    };
    thread.spawn(work).map_err(AdminError::Start)
}

async fn answer(
    listener: Listener,
    bounds: AdminBounds,
    source: Arc<dyn AdminSource>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(listener.socket)?;
    let mut connections = Connections::new(bounds, router(Arc::clone(&source)));
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = ticks.tick() => source.upkeep(),
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.take(stream);
                    // Who was taken in is answered, and who was put out is gone, before the next one.
                    tokio::task::yield_now().await;
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "the admin listener cannot take a connection; it tries again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    connections.finish(GRACE).await;
    Ok(())
}

/// The connections that are open, each with a task of its own.
struct Connections {
    bounds: AdminBounds,
    http: http1::Builder,
    pages: TowerToHyperService<Router>,
    tasks: JoinSet<()>,
    /// The oldest first.
    open: VecDeque<AbortHandle>,
}

impl Connections {
    fn new(bounds: AdminBounds, pages: Router) -> Self {
        let mut http = http1::Builder::new();
        // Without keep-alive no connection is ever idle. Who asks every few seconds does not notice.
        http.timer(TokioTimer::new())
            .header_read_timeout(bounds.headers_within)
            .keep_alive(false)
            .max_buf_size(REQUEST_BYTES_MAX);
        let pages = TowerToHyperService::new(pages);
        Self { bounds, http, pages, tasks: JoinSet::new(), open: VecDeque::new() }
    }

    /// Answers a connection; the oldest is closed where there are too many.
    fn take(&mut self, stream: TcpStream) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|task| !task.is_finished());
        if self.open.len() >= self.bounds.connections_max
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.abort();
        }
        let connection = self.http.serve_connection(TokioIo::new(stream), self.pages.clone());
        let within = self.bounds.answered_within;
        self.open.push_back(self.tasks.spawn(async move {
            // Whoever breaks off, or takes too long, is told by the connection's end.
            let _ = tokio::time::timeout(within, connection).await;
        }));
    }

    /// Waits for what is under way, for so long.
    async fn finish(mut self, grace: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // What has not ended by then is dropped.
        let _ = tokio::time::timeout(grace, all).await;
    }
}

/// The pages.
fn router(source: Arc<dyn AdminSource>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "these pages are only read: use GET or HEAD")
        })
        .with_state(source)
}

const NOT_KEPT: (HeaderName, &str) = (header::CACHE_CONTROL, "no-store");

async fn index() -> &'static str {
    INDEX
}

async fn metrics(State(source): State<Arc<dyn AdminSource>>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE), NOT_KEPT], source.metrics()).into_response()
}

async fn healthz(State(source): State<Arc<dyn AdminSource>>) -> Response {
    let standing = source.standing();
    let reasons = standing.not_alive();
    let status = if reasons.is_empty() { "alive" } else { "not alive" };
    page(
        reasons.is_empty(),
        &json!({ "status": status, "reasons": reasons, "workers": standing.workers_json() }),
    )
}

async fn readyz(State(source): State<Arc<dyn AdminSource>>) -> Response {
    let standing = source.standing();
    let reasons = standing.not_ready();
    let status = if reasons.is_empty() { "ready" } else { "not ready" };
    let mut body = json!({
        "status": status,
        "reasons": reasons,
        "workers": standing.workers_json(),
        "partitions": standing.partitions_json(),
    });
    if !standing.held_up.is_empty() {
        body["heldUp"] = standing.held_up.clone().into();
    }
    if !standing.warnings.is_empty() {
        body["warnings"] = standing.warnings.clone().into();
    }
    if !standing.standby.is_empty() {
        body["standby"] = standing.standby_json();
    }
    page(reasons.is_empty(), &body)
}

fn page(good: bool, body: &Value) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json"), NOT_KEPT], format!("{body}\n")).into_response()
}
