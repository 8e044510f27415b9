//! One connection: TLS if there is any, then requests one after the other, each step within its time.
//!
//! Never hands on a request that has both Content-Length and Transfer-Encoding, which a proxy in front may have understood
//! otherwise. hyper goes by the latter and forgets the former, so what comes in is looked at here.

use std::convert::Infallible;
use std::future::Future;
use std::io::Result as IoResult;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::table::{Activity, ConnectionState};
use super::{HANDSHAKE_WITHIN, ServerBounds};
use crate::gateway::problem::Problem;
use crate::telemetry::http::{Refusal, refused};

/// How late a connection may be found to have passed its time.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(500);
const CONTENT_LENGTH: &[u8] = b"content-length";

/// Who is at the other end of a connection: perhaps a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Peer(pub(in crate::gateway) SocketAddr);

/// What a connection is served with.
pub(super) struct Connection {
    pub(super) http: http1::Builder,
    pub(super) routes: TowerToHyperService<Router>,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) bounds: ServerBounds,
    pub(super) peer: Peer,
    pub(super) activity: Arc<Activity>,
    pub(super) ending: watch::Receiver<bool>,
}

impl Connection {
    /// Serves it until its end.
    pub(super) async fn serve(mut self, stream: TcpStream) {
        let Some(acceptor) = self.acceptor.take() else {
            return self.exchange(stream).await;
        };
        let handshake = timeout(HANDSHAKE_WITHIN, acceptor.accept(stream));
        let made = tokio::select! {
            made = handshake => made,
            _ = self.ending.changed() => return,
        };
        match made {
            Ok(Ok(stream)) => {
                self.activity.handshake_ends();
                self.exchange(stream).await;
            }
            Ok(Err(_)) | Err(_) => refused(Refusal::Handshake),
        }
    }

    /// Requests and answers, by turns.
    async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut self, stream: S) {
        let lengths = Arc::new(AtomicU64::new(0));
        let seen = Seen {
            stream,
            activity: Arc::clone(&self.activity),
            line: HeaderLine::default(),
            lengths: Arc::clone(&lengths),
        };
        let routes = Routes {
            routes: self.routes,
            peer: self.peer,
            activity: Arc::clone(&self.activity),
            lengths,
            told: AtomicU64::new(0),
        };
        let connection = self.http.serve_connection(TokioIo::new(seen), routes);
        tokio::pin!(connection);
        let too_long = too_long(&self.activity, self.bounds);
        tokio::pin!(too_long);
        let mut is_ending = false;
        loop {
            tokio::select! {
                // First of all the end: whatever is answered after it says that the connection closes.
                biased;
                _ = self.ending.changed(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                ended = &mut connection => {
                    if ended.is_err_and(|error| error.is_parse()) {
                        refused(Refusal::Malformed);
                    }
                    return;
                }
                cause = &mut too_long => {
                    if let Some(cause) = cause {
                        refused(cause);
                    }
                    return;
                }
            }
        }
    }
}

/// Is ready once the connection has passed the time of what it is at; tells what it was, unless it was nothing.
async fn too_long(activity: &Activity, bounds: ServerBounds) -> Option<Refusal> {
    loop {
        let (since, within, cause) = match activity.at() {
            ConnectionState::Handshake(since) | ConnectionState::Idle(since) => {
                (since, bounds.idle_timeout, None)
            }
            ConnectionState::Headers(since) => (since, bounds.header_timeout, Some(Refusal::SlowHeaders)),
            ConnectionState::Exchange(since) | ConnectionState::Answer(since) => {
                (since, bounds.exchange_within, Some(Refusal::SlowExchange))
            }
            ConnectionState::Closed => return None,
        };
        let left = (since + within).saturating_duration_since(Instant::now());
        if left.is_zero() {
            return cause;
        }
        sleep(left.min(LOOKED_AT_EVERY)).await;
    }
}

/// The bytes of a connection, looked at on their way in.
struct Seen<S> {
    stream: S,
    activity: Arc<Activity>,
    line: HeaderLine,
    /// Lines that came in so far that begin as a Content-Length does.
    lengths: Arc<AtomicU64>,
}

/// The beginning of the line that comes in.
#[derive(Default)]
struct HeaderLine {
    begun: [u8; CONTENT_LENGTH.len()],
    length: usize,
}

impl HeaderLine {
    /// Whether with this byte the name of a header ends that is Content-Length.
    fn ends_content_length(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => self.length = 0,
            b':' if self.length == CONTENT_LENGTH.len() => {
                self.length += 1;
                return self.begun.eq_ignore_ascii_case(CONTENT_LENGTH);
            }
            byte => {
                if let Some(place) = self.begun.get_mut(self.length) {
                    *place = byte;
                }
                self.length = self.length.saturating_add(1);
            }
        }
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Seen<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<IoResult<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        let bytes = into.filled().get(before..).unwrap_or_default();
        if !bytes.is_empty() && !matches!(self.activity.at(), ConnectionState::Exchange(_)) {
            self.activity.headers_begin();
        }
        // Of bodies too: the headers of the next request may come behind one, before it is answered.
        for byte in bytes {
            if self.line.ends_content_length(*byte) {
                self.lengths.fetch_add(1, Ordering::Relaxed);
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Seen<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<IoResult<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<IoResult<()>> {
        // hyper flushes once it has written all that it has.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.activity.all_is_out();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<IoResult<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<IoResult<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Answers the requests of a connection.
struct Routes {
    routes: TowerToHyperService<Router>,
    peer: Peer,
    activity: Arc<Activity>,
    lengths: Arc<AtomicU64>,
    /// Those that the requests so far had, as hyper tells them.
    told: AtomicU64,
}

impl Service<Request<Incoming>> for Routes {
    type Response = hyper::Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let is_open = self.activity.exchange_begins();
        let exchange = Exchange(Arc::clone(&self.activity));
        let own = request.headers().get_all(header::CONTENT_LENGTH).iter().count() as u64;
        let told = self.told.fetch_add(own, Ordering::Relaxed) + own;
        // One that hyper has not told is this request's, or that of one which was sent before this one was answered: in doubt
        // it is this one's.
        let is_contradictory = self.lengths.load(Ordering::Relaxed) > told
            && request.headers().contains_key(header::TRANSFER_ENCODING);
        if is_contradictory || !is_open {
            refused(Refusal::Malformed);
            let detail = "a request has either Content-Length or Transfer-Encoding";
            let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
            let response = ([(header::CONNECTION, "close")], problem).into_response();
            return Box::pin(async move { Ok(exchange.of(response)) });
        }
        request.extensions_mut().insert(self.peer);
        let answer = self.routes.call(request);
        Box::pin(async move {
            let Ok(response) = answer.await;
            Ok(exchange.of(response))
        })
    }
}

/// A request under way, until it is dropped.
struct Exchange(Arc<Activity>);

impl Exchange {
    fn of(self, response: Response) -> hyper::Response<AnswerBody> {
        response.map(|body| AnswerBody { body, _exchange: self })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.exchange_ends();
    }
}

/// The body of an answer, with which its exchange ends.
struct AnswerBody {
    body: Body,
    _exchange: Exchange,
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_length(text: &str) -> bool {
        let mut line = HeaderLine::default();
        text.bytes().any(|byte| line.ends_content_length(byte))
    }

    #[test]
    fn a_length_is_seen_at_the_beginning_of_a_line_alone() {
        for text in ["POST / HTTP/1.1\r\nContent-Length: 3\r\n", "a\ncontent-LENGTH:3", "CONTENT-LENGTH: 3"] {
            assert!(has_length(text), "{text:?}");
        }
        for text in
            ["X-Content-Length: 3", "content-length", "content-lengthy: 3", "a: content-length: 3", ":", ""]
        {
            assert!(!has_length(text), "{text:?}");
        }
    }
}
