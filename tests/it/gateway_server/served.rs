//! A gateway's server with a few routes of its own, and the other end of its connections, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::{get, post};
use tillgate::config::{GatewaySettings, Scope};
use tillgate::gateway::{Gate, Server, ServerBounds, needing, protect};
use tokio::sync::{Notify, mpsc, oneshot};

/// How long anything may take that should be there at once.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A server, and what its handler `/hold` is at.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    /// A message for each request that has come to `/hold`.
    pub(crate) held: mpsc::UnboundedReceiver<()>,
    /// Lets one of them go.
    pub(crate) release: Arc<Notify>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

pub(crate) fn settings() -> GatewaySettings {
    GatewaySettings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..GatewaySettings::default() }
}

impl Served {
    pub(crate) fn start(settings: &GatewaySettings) -> Self {
        Self::start_within(settings, ServerBounds::of(settings))
    }

    pub(crate) fn start_within(settings: &GatewaySettings, bounds: ServerBounds) -> Self {
        let gate = Gate::new(settings).expect("a gate");
        let (tell, held) = mpsc::unbounded_channel();
        let release = Arc::new(Notify::new());
        let waits = Arc::clone(&release);
        let hold = async move || {
            tell.send(()).expect("somebody listens");
            waits.notified().await;
            "released"
        };
        let write = async |body: Bytes| body.len().to_string();
        let routes = Router::new()
            .route("/write", needing(Scope::EventsWrite, post(write)))
            .route("/read/{account}", needing(Scope::EventsRead, get(async |Path(_): Path<String>| "read")))
            .route("/hold", needing(Scope::EventsRead, get(hold)))
            .route("/open", get(async || "open"))
            .route("/large", get(async || vec![b'x'; 8 << 20]));
        let server = Server::bind(settings.listen, bounds, settings.tls.as_ref()).expect("a free port");
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let thread = server.serve(protect(routes, &gate), shutdown).expect("a thread");
        Self { address, held, release, stop, thread }
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// The answer to one request on a connection of its own.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut peer = self.connect();
        peer.send(request);
        peer.answer()
    }

    /// Tells it to end.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).expect("it runs");
        self.thread
    }
}

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The other end of a connection.
pub(crate) struct Peer<S = TcpStream> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

impl Peer {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a time-out");
        stream.set_write_timeout(Some(SOON)).expect("a time-out");
        Self::over(stream)
    }

    pub(crate) fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).expect("half closed");
    }

    /// Whether the server has closed the connection by now.
    pub(crate) fn is_closed_by_now(&self) -> bool {
        self.stream.set_nonblocking(true).expect("not blocking");
        let read = (&self.stream).read(&mut [0; 1]);
        self.stream.set_nonblocking(false).expect("blocking");
        match read {
            Ok(read) => read == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}

impl<S: Read + Write> Peer<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Sends what it can: the server may have closed, which the answer tells.
    pub(crate) fn send(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).and_then(|()| self.stream.flush());
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Answer {
        self.next().expect("an answer")
    }

    /// The next answer; nothing where the connection ends before.
    pub(crate) fn next(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at;
            }
            if !self.read_on() {
                assert!(self.read.is_empty(), "half an answer: {:?}", String::from_utf8_lossy(&self.read));
                return None;
            }
        };
        let head = String::from_utf8(self.read.drain(..end + 4).take(end).collect()).expect("text");
        let mut answer = Answer { status: head[9..12].parse().expect("a status"), head, body: String::new() };
        let length: usize =
            answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        while self.read.len() < length {
            assert!(self.read_on(), "the body ends too early");
        }
        answer.body = String::from_utf8(self.read.drain(..length).collect()).expect("text");
        Some(answer)
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) fn ends(&mut self) -> bool {
        self.read.is_empty() && !self.read_on()
    }

    fn read_on(&mut self) -> bool {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(read) => {
                self.read.extend_from_slice(&bytes[..read]);
                read > 0
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the server neither answers nor closes")
            }
            Err(_) => false,
        }
    }
}

/// A POST of `body` to `/write`.
pub(crate) fn post_of(headers: &str, body: &str) -> String {
    format!("POST /write HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// A GET of `path`.
pub(crate) fn get_of(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
}
