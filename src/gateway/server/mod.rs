//! Serves routes at an address: HTTP/1.1 on threads of its own, with or without TLS, until it is told to end.
//!
//! Never has more connections than its bound, and lets none of them stay for nothing: each has a time for its headers, for
//! being idle, and for a whole exchange. For a connection above the bound the one is closed that has gone longest without
//! a request: whoever opens thousands loses their own, while an honest client, who asks at once, is never the longest.

mod connection;
mod table;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::gate::HANDLER_SLACK;
use super::tls::{Certificates, TlsError};
use crate::config::{GatewaySettings, TlsSettings};
use crate::telemetry;
use crate::telemetry::http::Refusal;
use connection::Connection;
use table::Table;

pub(super) use connection::Peer;

/// Bytes of a request's line and headers; more is answered with 431.
pub const HEADERS_BYTES_MAX: usize = 16 << 10;
/// Headers of a request; more is answered with 431.
pub const HEADERS_MAX: usize = 64;
/// Connections that may make TLS at the same time; for one more the one is closed whose TLS has been under way for longest: an
/// honest one takes milliseconds.
pub const HANDSHAKES_MAX: usize = 512;
/// How long TLS may take to come about.
pub const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may take to be read by its client.
pub const ANSWER_READ_WITHIN: Duration = Duration::from_secs(10);
/// How often the files of the certificate are looked at.
pub const CERTIFICATE_LOOKED_AT_EVERY: Duration = Duration::from_secs(60);

/// What a connection may hold of requests and answers that are on their way, bytes.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Connections that the system holds until they are taken.
const BACKLOG: u32 = 1_024;
/// How often gauges are set.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);
/// Where the system has no descriptor left: how many idle connections are closed, and how long nobody is taken in. So with
/// fewer descriptors than `gateway.connections_max` whoever holds connections open locks nobody out either.
const RELIEVED_BY: usize = 64;
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Threads that serve: waiting for outcomes is most of the work.
const THREADS_MAX: usize = 4;

/// How much a server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerBounds {
    /// Connections at the same time, at least 1.
    pub connections_max: usize,
    /// How long the headers of a request may take, from their first byte.
    pub header_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub idle_timeout: Duration,
    /// How long an exchange may take, from the end of the request's headers until its answer is read.
    pub exchange_within: Duration,
    /// How long exchanges under way may take once the server is told to end.
    pub grace: Duration,
    /// How often the files of the certificate are looked at.
    pub certificate_every: Duration,
}

impl ServerBounds {
    /// As the settings say.
    #[must_use]
    pub fn of(settings: &GatewaySettings) -> Self {
        let handled = settings.body_timeout + settings.answer_within + HANDLER_SLACK;
        Self {
            connections_max: settings.connections_max,
            header_timeout: settings.header_timeout,
            idle_timeout: settings.idle_timeout,
            exchange_within: handled + ANSWER_READ_WITHIN,
            grace: settings.answer_within + HANDLER_SLACK,
            certificate_every: CERTIFICATE_LOOKED_AT_EVERY,
        }
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened at.
    #[error(
        "cannot listen at {address} for requests: {source}; set gateway.listen to a free address of this machine"
    )]
    Bind {
        /// The address, as the setting has it.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The machine has no thread or no event queue left.
    #[error("cannot serve requests: {0}")]
    Start(std::io::Error),
}

/// An address that is ours, not served yet: requests wait.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    socket: TcpListener,
    address: SocketAddr,
    bounds: ServerBounds,
    certificates: Option<Arc<Certificates>>,
}

impl Server {
    /// Takes the address, and reads the certificate; port 0 takes any free one.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn bind(
        address: SocketAddr,
        bounds: ServerBounds,
        tls: Option<&TlsSettings>,
    ) -> Result<Self, ServerError> {
        let certificates = tls.map(Certificates::load).transpose()?.map(Arc::new);
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(THREADS_MAX));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("gateway")
            .enable_all()
            .build()
            .map_err(ServerError::Start)?;
        let listen = || {
            let _entered = runtime.enter();
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let socket = socket.listen(BACKLOG)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        };
        let (socket, address) = listen().map_err(|source| ServerError::Bind { address, source })?;
        Ok(Self { runtime, socket, address, bounds, certificates })
    }

    /// The address with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The threads that will serve, for what belongs to the requests and must not hold up anything else.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Serves `routes` until `shutdown` is ready; then nobody new is taken in, connections without a request are closed, and
    /// exchanges under way get the grace of the bounds.
    ///
    /// # Errors
    /// [`ServerError::Start`].
    pub fn serve(
        self,
        routes: Router,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<JoinHandle<()>, ServerError> {
        let Self { runtime, socket, bounds, certificates, .. } = self;
        let work = move || {
            runtime.block_on(async {
                let renewal =
                    certificates.clone().map(|shown| tokio::spawn(renew(shown, bounds.certificate_every)));
                accept(&socket, Acceptor::new(bounds, certificates, routes), shutdown).await;
                if let Some(renewal) = renewal {
                    renewal.abort();
                }
            });
            // A file that is being read holds up nothing.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("gateway-accept".to_owned());
        thread.spawn(work).map_err(ServerError::Start)
    }
}

/// Takes up renewed certificates.
async fn renew(certificates: Arc<Certificates>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        let certificates = Arc::clone(&certificates);
        match tokio::task::spawn_blocking(move || certificates.renew()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!("the gateway's certificate was renewed"),
            Ok(Err(error)) => {
                tracing::error!(%error, "the gateway's certificate is not renewed; the one there is stays");
            }
            Err(_) => return,
        }
    }
}

async fn accept(socket: &TcpListener, mut acceptor: Acceptor, shutdown: impl Future<Output = ()>) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = ticks.tick() => acceptor.upkeep(),
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => acceptor.take(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "the gateway cannot take a connection; it closes idle ones and tries again");
                    acceptor.relieve();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    acceptor.finish().await;
}

/// Whether a connection that was to be taken ended before it was, rather than that none can be taken.
pub(super) fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Takes connections in.
struct Acceptor {
    bounds: ServerBounds,
    http: http1::Builder,
    routes: TowerToHyperService<Router>,
    certificates: Option<Arc<Certificates>>,
    table: Arc<Table>,
    tasks: JoinSet<()>,
    ending: watch::Sender<bool>,
}

impl Acceptor {
    fn new(bounds: ServerBounds, certificates: Option<Arc<Certificates>>, routes: Router) -> Self {
        let mut http = http1::Builder::new();
        // Headers are timed by the connection itself: hyper's own time would also end connections that are idle.
        http.header_read_timeout(None)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEADERS_BYTES_MAX)
            .max_buf_size(BUFFER_BYTES_MAX);
        Self {
            bounds,
            http,
            routes: TowerToHyperService::new(routes),
            certificates,
            table: Arc::new(Table::default()),
            tasks: JoinSet::new(),
            ending: watch::channel(false).0,
        }
    }

    fn upkeep(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        let (open, busy) = self.table.count();
        telemetry::http::connections(open, busy);
    }

    /// Gives descriptors back.
    fn relieve(&mut self) {
        for _ in 0..RELIEVED_BY {
            if !self.table.close_longest_idle() {
                return;
            }
            telemetry::http::refused(Refusal::Displaced);
        }
    }

    fn take(&mut self, stream: tokio::net::TcpStream, peer: SocketAddr) {
        while self.tasks.try_join_next().is_some() {}
        if self.table.len() >= self.bounds.connections_max {
            let made_room = self.table.close_longest_idle();
            telemetry::http::refused(if made_room { Refusal::Displaced } else { Refusal::Connections });
            if !made_room {
                return;
            }
        }
        let is_tls = self.certificates.is_some();
        if is_tls && self.table.len() >= HANDSHAKES_MAX && self.table.handshakes() >= HANDSHAKES_MAX {
            self.table.close_longest_handshake();
            telemetry::http::refused(Refusal::Handshake);
        }
        // Answers are small and whole.
        let _ = stream.set_nodelay(true);
        let seat = Table::seat(&self.table, is_tls);
        let connection = Connection {
            http: self.http.clone(),
            routes: self.routes.clone(),
            acceptor: self.certificates.as_ref().map(|certificates| certificates.acceptor()),
            bounds: self.bounds,
            peer: Peer(peer),
            activity: seat.activity(),
            ending: self.ending.subscribe(),
        };
        let number = seat.number();
        let abort = self.tasks.spawn(async move {
            connection.serve(stream).await;
            drop(seat);
        });
        self.table.can_be_closed_by(number, abort);
    }

    /// Waits for what is under way, as long as the grace is.
    async fn finish(mut self) {
        let _ = self.ending.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.bounds.grace, all).await.is_err() {
            let (open, _) = self.table.count();
            tracing::warn!(open, "requests were under way for longer than the gateway waits at its end");
        }
        telemetry::http::connections(0, 0);
    }
}
