//! What the gateway counts: requests, connections, and what was refused and why.
//!
//! Labels are routes as they are declared, never a path: a path holds account numbers.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Why a connection or a request was refused before its handler saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There were too many connections, and all of them had a request under way.
    Connections,
    /// An idle connection was closed for a new one.
    Displaced,
    /// TLS did not come about.
    Handshake,
    /// No HTTP, or one that two readers could understand differently.
    Malformed,
    /// The headers took too long.
    SlowHeaders,
    /// The body took too long.
    SlowBody,
    /// The body was too large.
    BodySize,
    /// The body was compressed, or in a form that is not taken.
    Encoding,
    /// Too many requests were under way, or their bodies too large together.
    Overload,
    /// The client sent more than its rate.
    Rate,
    /// Nobody that is known asked.
    Unauthenticated,
    /// The client is known, and may not ask for this.
    Forbidden,
    /// The whole exchange took too long.
    SlowExchange,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Connections,
        Self::Displaced,
        Self::Handshake,
        Self::Malformed,
        Self::SlowHeaders,
        Self::SlowBody,
        Self::BodySize,
        Self::Encoding,
        Self::Overload,
        Self::Rate,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::SlowExchange,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Displaced => "displaced",
            Self::Handshake => "handshake",
            Self::Malformed => "malformed",
            Self::SlowHeaders => "slow_headers",
            Self::SlowBody => "slow_body",
            Self::BodySize => "body_size",
            Self::Encoding => "encoding",
            Self::Overload => "overload",
            Self::Rate => "rate",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::SlowExchange => "slow_exchange",
        }
    }
}

/// Says what each metric of the gateway is.
pub(super) fn describe() {
    describe_counter!("tillgate_http_requests_total", "Requests answered, by route, method and status class");
    describe_histogram!(
        "tillgate_http_request_duration_seconds",
        "From the headers of a request to those of its answer, by route and method"
    );
    describe_gauge!("tillgate_http_requests_in_flight", "Requests under way");
    describe_gauge!("tillgate_http_connections", "Connections open");
    describe_counter!("tillgate_http_refused_total", "Connections and requests refused, by cause");
    describe_gauge!("tillgate_gateway_transactions", "Transactions that can be asked for");
    describe_gauge!("tillgate_gateway_transactions_bytes", "Memory that they take, roughly");
}

/// Lets the refusals of a gateway be there with 0. Once per process, where there is a gateway.
pub fn start_at_zero() {
    for cause in Refusal::ALL {
        counter!("tillgate_http_refused_total", "cause" => cause.name()).increment(0);
    }
}

/// A request was answered with `status`. `route` is as it was declared; `method` a known one.
pub fn request(route: &str, method: &'static str, status: u16, time: Duration) {
    let class = match status {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    };
    let route = route.to_owned();
    counter!("tillgate_http_requests_total", "route" => route.clone(), "method" => method, "status" => class)
        .increment(1);
    histogram!("tillgate_http_request_duration_seconds", "route" => route, "method" => method).record(time);
}

/// A connection or a request was refused.
pub fn refused(cause: Refusal) {
    counter!("tillgate_http_refused_total", "cause" => cause.name()).increment(1);
}

/// How many transactions can be asked for, and what they take in memory.
pub fn history(transactions: usize, bytes: usize) {
    // Counts stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let (transactions, bytes) = (transactions as f64, bytes as f64);
    gauge!("tillgate_gateway_transactions").set(transactions);
    gauge!("tillgate_gateway_transactions_bytes").set(bytes);
}

/// How many connections are open, and on how many of them a request is under way.
pub fn connections(open: usize, busy: usize) {
    // Counts stay far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    let (open, busy) = (open as f64, busy as f64);
    gauge!("tillgate_http_connections").set(open);
    gauge!("tillgate_http_requests_in_flight").set(busy);
}
