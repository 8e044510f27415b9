//! What the client says about itself, and which of it means that a producer is spent.
//!
//! A commit or abort request whose answer is lost is sent again by the client without a word to the caller; the first
//! one may then arrive late and end a later transaction. The only sure sign is the client's log: a line of facility
//! `FAIL` or `REQTMOUT` comes before the retry. Lines are queued by the client's threads and handled by whoever polls;
//! the producer drains them on the worker's own thread after every commit and abort, so none is missed by a race.
//!
//! The client suppresses a second identical failure line for 30 seconds, so a line at *any* time since the producer
//! was made counts, not only between begin and commit.

use super::clock;
use super::trouble::Trouble;
use crate::domain::visible::visible;
use crate::kafka::locked::locked;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long the same thing about a connection is not said again, whichever of the clients says it.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// Different things that are remembered; once there are more, all are forgotten.
const REMEMBERED_MAX: usize = 256;

/// When what was said of connections last. A handshake that fails is tried again at once, some hundred times a second.
static SAID: Mutex<BTreeMap<String, Instant>> = Mutex::new(BTreeMap::new());

/// Whether a line tells of a connection, and one that differs only in its times was passed on a moment ago.
fn is_repetition(facility: &str, line: &str) -> bool {
    if facility != "FAIL" {
        return false;
    }
    let line = line.split_once("]: ").map_or(line, |(_thread, line)| line);
    let said = line.rsplit_once(" (after ").map_or(line, |(said, _time)| said);
    let now = clock::now();
    let mut all = locked(&SAID);
    if all.get(said).is_some_and(|before| now.duration_since(*before) < AGAIN_AFTER) {
        return true;
    }
    if all.len() >= REMEMBERED_MAX {
        all.clear();
    }
    all.insert(said.to_owned(), now);
    false
}

/// Passes a line of the client on to the log. It may tell what a broker said.
pub fn pass_on(level: RDKafkaLogLevel, facility: &str, line: &str) {
    // A coordinator that has just been elected loads what it coordinates: the client asks again.
    let is_expected = facility == "GETPID" && line.contains("Coordinator") && line.contains("retrying");
    let repeated = is_expected || is_repetition(facility, line);
    let line = visible(line);
    if repeated {
        log::debug!(target: "librdkafka", "{facility} {line}");
        return;
    }
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => {
            log::warn!(target: "librdkafka", "{facility} {line}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            log::info!(target: "librdkafka", "{facility} {line}");
        }
        RDKafkaLogLevel::Debug => log::debug!(target: "librdkafka", "{facility} {line}"),
    }
}

/// What most clients note: log lines are passed on, and what is wrong with connections is kept.
#[derive(Debug, Default)]
pub struct Heard {
    /// Of connections.
    pub trouble: Trouble,
}

impl ClientContext for Heard {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.trouble.on_log(facility, line);
        pass_on(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Its log lines say the same.
        log::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ConsumerContext for Heard {}

/// Whether a log line tells of a connection or request that may have had part of a transaction under way.
#[must_use]
pub fn is_disturbance(facility: &str, line: &str) -> bool {
    match facility {
        "REQTMOUT" => true,
        "FAIL" => !never_connected(line),
        _ => false,
    }
}

/// A connection that was never made carried nothing, and its texts are never those of one that was.
fn never_connected(line: &str) -> bool {
    (line.contains("Connect to") || line.contains("Failed to resolve")) && line.contains("in state CONNECT")
}

/// What a producer's client told so far.
#[derive(Debug, Default)]
pub struct Signals {
    served: AtomicU64,
    disturbed: AtomicBool,
}

impl Signals {
    /// Notes a log line.
    pub fn on_log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.on_event();
        if is_disturbance(facility, line) {
            self.disturbed.store(true, Ordering::Relaxed);
        }
        pass_on(level, facility, line);
    }

    /// Notes that some event was handled, so that whoever drains the queue knows it was not empty.
    pub fn on_event(&self) {
        self.served.fetch_add(1, Ordering::Relaxed);
    }

    /// Events handled so far.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Whether a disturbance was seen.
    pub fn disturbed(&self) -> bool {
        self.disturbed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_of_a_connection_is_said_once() {
        let line = |time| format!("[thrd:b7]: b7: Connection reset by peer (after {time}ms in state UP)");
        assert!(!is_repetition("FAIL", &line(1)));
        assert!(is_repetition("FAIL", &line(2)));
        assert!(!is_repetition("FAIL", &line(2).replace("b7", "b8")));
        assert!(!is_repetition("TXNERR", &line(2)) && !is_repetition("TXNERR", &line(2)));
    }

    #[test]
    fn lost_connection_and_request_time_out_are_disturbances() {
        for (facility, line) in [
            (
                "FAIL",
                "[thrd:TxnCoordinator]: TxnCoordinator: 127.0.0.1:39192: Disconnected (after 812ms in state UP)",
            ),
            ("FAIL", "[thrd:b1]: b1: Receive failed: Connection reset by peer (after 5ms in state UP)"),
            ("FAIL", "[thrd:b1]: b1: Disconnected (after 5ms in state AUTH_LEGACY)"),
            (
                "REQTMOUT",
                "[thrd:TxnCoordinator]: Timed out EndTxnRequest in flight (after 2003ms, timeout #0)",
            ),
        ] {
            assert!(is_disturbance(facility, line), "{facility} {line}");
        }
    }

    #[test]
    fn connection_never_made_and_other_lines_are_none() {
        for (facility, line) in [
            (
                "FAIL",
                "[thrd:b2]: b2: Connect to ipv4#127.0.0.1:9 failed: Connection refused (after 0ms in state CONNECT)",
            ),
            ("CONFWARN", "Configuration property group.id is a consumer property"),
        ] {
            assert!(!is_disturbance(facility, line), "{facility} {line}");
        }
    }
}
