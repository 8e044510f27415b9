//! What the gateway counts: requests, connections, and what was refused and why.
//!
//! Labels are routes as they are declared, never a path: a path holds account numbers.

use std::fmt;
use std::time::Duration;

use metrics::{counter, gauge, histogram};

use super::float;
use crate::domain::enums::symbols;

symbols! {
    /// Why a connection or a request was refused before its handler saw it.
    Refusal {
        /// There were too many connections, and all of them had a request under way.
        Connections = "connections",
        /// An idle connection was closed for a new one.
        Displaced = "displaced",
        /// TLS did not come about.
        Handshake = "handshake",
        /// No HTTP, or one that two readers could understand differently.
        Malformed = "malformed",
        /// The headers took too long.
        SlowHeaders = "slow_headers",
        /// The body took too long.
        SlowBody = "slow_body",
        /// The body was too large.
        BodySize = "body_size",
        /// The body was compressed, or in a form that is not taken.
        Encoding = "encoding",
        /// Too many requests were under way, or their bodies too large together.
        Overload = "overload",
        /// The client sent more than its rate.
        Rate = "rate",
        /// Nobody that is known asked.
        Unauthenticated = "unauthenticated",
        /// The client is known, and may not ask for this.
        Forbidden = "forbidden",
        /// The whole exchange took too long.
        SlowExchange = "slow_exchange",
    }
}

/// Lets the refusals of a gateway be there with 0. Once per process, where there is a gateway.
pub fn start_at_zero() {
    for cause in Refusal::ALL {
        counter!("tillgate_http_refused_total", "cause" => cause.symbol()).increment(0);
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
    counter!("tillgate_http_refused_total", "cause" => cause.symbol()).increment(1);
}

/// How many transactions can be asked for, and what they take in memory.
pub fn history(transactions: usize, bytes: usize) {
    gauge!("tillgate_gateway_transactions").set(float(transactions));
    gauge!("tillgate_gateway_transactions_bytes").set(float(bytes));
}

/// How many connections are open, and on how many of them a request is under way.
pub fn connections(open: usize, busy: usize) {
    gauge!("tillgate_http_connections").set(float(open));
    gauge!("tillgate_http_requests_in_flight").set(float(busy));
}
