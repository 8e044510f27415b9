//! The admin listener: `/metrics`, `/healthz`, `/readyz`. Has a thread of its own, so that neither a slow reader nor a
//! page that takes long ever holds up a decision. Reads what it shows, and changes nothing.

use super::Standing;
use super::problem::Problem;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often [`AdminSource::upkeep`] is called.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// How long answers under way may take once the process ends.
const GRACE: Duration = Duration::from_secs(2);
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
    fn standing(&self) -> Standing;
    /// Called every few seconds: keep what the metrics hold in memory small.
    fn upkeep(&self);
}

/// Why there is no admin listener.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address cannot be listened at.
    #[error(
        "cannot listen at {address} for /metrics and the health pages: {source}; set admin.listen to a free address of this machine, or to \"\" for none"
    )]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// Why.
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

/// Serves the pages in a thread of its own until `shutdown` is ready; answers under way get two seconds.
///
/// # Errors
/// [`AdminError::Start`].
pub fn serve(
    listener: Listener,
    source: Arc<dyn AdminSource>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<JoinHandle<()>, AdminError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AdminError::Start)?;
    let thread = std::thread::Builder::new().name("admin".to_owned());
    let work = move || {
        if let Err(error) = runtime.block_on(answer(listener, source, shutdown)) {
            tracing::error!(%error, "the admin listener ended: /metrics and the health pages are gone");
        }
    };
    thread.spawn(work).map_err(AdminError::Start)
}

async fn answer(
    listener: Listener,
    source: Arc<dyn AdminSource>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(listener.socket)?;
    let (ended, mut ending) = tokio::sync::watch::channel(false);
    let mut told = ending.clone();
    let serving = axum::serve(socket, router(Arc::clone(&source))).with_graceful_shutdown(async move {
        shutdown.await;
        // Nobody waits for it once everything is answered.
        let _ = ended.send(true);
    });
    let grace = async move {
        // An end without a word is an end too.
        let _ = ending.wait_for(|ended| *ended).await;
        tokio::time::sleep(GRACE).await;
    };
    let upkeep = async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        while !*told.borrow_and_update() {
            ticks.tick().await;
            source.upkeep();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = serving => result,
        () = grace => Ok(()),
        () = upkeep => Ok(()),
    }
}

/// The pages.
fn router(source: Arc<dyn AdminSource>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(async || Problem {
            status: StatusCode::NOT_FOUND,
            detail: "there are /metrics, /healthz and /readyz",
        })
        .method_not_allowed_fallback(async || Problem {
            status: StatusCode::METHOD_NOT_ALLOWED,
            detail: "these pages are only read: use GET or HEAD",
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
    if !standing.standby.is_empty() {
        body["standby"] = standing.standby_json();
    }
    page(reasons.is_empty(), &body)
}

fn page(good: bool, body: &Value) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json"), NOT_KEPT], format!("{body}\n")).into_response()
}
