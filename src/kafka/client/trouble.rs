//! What is wrong between a client and the brokers, in words that say what to change. A client tells it in log lines of
//! facility `FAIL` alone: the call that waits for an answer only says that none came. Never says more than the line
//! does; the texts of librdkafka and OpenSSL that are looked for are held to a real broker by `tests/it/secured.rs`.

use crate::domain::visible::visible;
use crate::kafka::failure::FaultClass;
use crate::kafka::locked::locked;
use std::sync::Mutex;

/// What is wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionFault {
    /// User or password.
    Credentials,
    /// The way to authenticate.
    Mechanism,
    /// The listener wants no SASL.
    NoSasl,
    /// The broker's certificate.
    Certificate,
    /// Our certificate, or none.
    ClientCertificate,
    /// The listener has no TLS, and we want it.
    NoTls,
    /// The connection is closed without a word: as listeners do that want TLS, where there is none, and SASL.
    Closed,
    /// The name of the broker.
    Name,
    /// Nobody listens.
    Refused,
    /// Somebody answers, who is no broker.
    NoBroker,
    /// Anything else, such as a connection that broke.
    Other,
}

/// A connection that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedConnection {
    /// `protocol://host:port`, or `host:port` where nothing protects the connection.
    pub broker: String,
    /// What is wrong.
    pub kind: ConnectionFault,
    /// The client's words.
    words: String,
}

impl FailedConnection {
    /// What a log line of facility `FAIL` says: `[thrd:NAME]: NAME: WORDS (after 3ms in state STATE)`.
    fn of_line(line: &str) -> Option<Self> {
        let rest = line.split_once("]: ").map_or(line, |(_thread, rest)| rest);
        let (name, rest) = rest.split_once(": ")?;
        let (words, state) = match rest.rsplit_once(" (after ") {
            Some((words, duration)) => {
                (words, duration.rsplit_once("in state ").map_or("", |(_, state)| state))
            }
            None => (rest, ""),
        };
        let broker = name.rsplit_once('/').filter(|(address, _)| !address.ends_with('/'));
        let broker = broker.map_or(name, |(address, _number)| address).to_owned();
        // A coordinator's connection goes by its office, and has the address in its words.
        let (broker, words) = match words.split_once(": ") {
            Some((address, rest)) if !broker.contains(':') && address.contains(':') => {
                (address.to_owned(), rest)
            }
            _ => (broker, words),
        };
        let kind = kind(&broker, words, state);
        // Part of it may be what a broker, or whoever answers there, sent.
        Some(Self { broker, kind, words: visible(words).into_owned() })
    }

    /// What it means for who waits: a person has to change something, or it may pass.
    #[must_use]
    pub const fn class(&self) -> FaultClass {
        match self.kind {
            ConnectionFault::Credentials
            | ConnectionFault::Mechanism
            | ConnectionFault::NoSasl
            | ConnectionFault::Certificate
            | ConnectionFault::ClientCertificate => FaultClass::Setup,
            ConnectionFault::NoTls
            | ConnectionFault::Closed
            | ConnectionFault::NoBroker
            | ConnectionFault::Name
            | ConnectionFault::Refused
            | ConnectionFault::Other => FaultClass::Retriable,
        }
    }

    /// Whether a broker that is right would hardly do so for seconds: it is the settings then.
    #[must_use]
    pub const fn is_suspicious(&self) -> bool {
        matches!(self.kind, ConnectionFault::NoTls | ConnectionFault::Closed | ConnectionFault::NoBroker)
    }

    /// What is wrong, where everything was right before: connections that are closed say nothing of the settings then.
    #[must_use]
    pub fn text_of_a_change(&self, is_set: impl Fn(&str) -> bool) -> String {
        if self.is_suspicious() {
            return format!("broker {}: {}", self.broker, self.words);
        }
        self.text(is_set)
    }

    /// What is wrong, and what to change. `settings`: whether a property of `[kafka.librdkafka]` is set.
    #[must_use]
    pub fn text(&self, is_set: impl Fn(&str) -> bool) -> String {
        let Self { broker, words, .. } = self;
        let with_sasl = broker.starts_with("sasl_");
        let what = match self.kind {
            ConnectionFault::Credentials => {
                "it does not take user and password: set sasl.username and sasl.password right, and sasl.mechanism to the \
                 one that this user was made for"
            }
            ConnectionFault::Mechanism => {
                "set sasl.mechanism to one that it offers, or switch yours on there"
            }
            ConnectionFault::NoSasl => {
                "this listener takes no user and password: set security.protocol to plaintext or ssl, or \
                 kafka.bootstrap_servers to a listener with SASL"
            }
            ConnectionFault::Certificate if is_set("ssl.ca.location") || is_set("ssl.ca.pem") => {
                "its certificate is not signed by the authority in ssl.ca.location, has expired, or is for another \
                 name: set ssl.ca.location to the authority's certificate, renew the broker's, or write the name that \
                 is in it into kafka.bootstrap_servers and the broker's advertised.listeners"
            }
            ConnectionFault::Certificate => {
                "its certificate is not signed by an authority that this system trusts, has expired, or is for another \
                 name: set ssl.ca.location to the authority's certificate, renew the broker's, or write the name that \
                 is in it into kafka.bootstrap_servers and the broker's advertised.listeners"
            }
            ConnectionFault::ClientCertificate
                if is_set("ssl.certificate.location") || is_set("ssl.keystore.location") =>
            {
                "it does not take our certificate: set ssl.certificate.location and ssl.key.location to one that has \
                 not expired and is signed by an authority in the broker's ssl.truststore"
            }
            ConnectionFault::ClientCertificate => {
                "it wants a certificate from us: set ssl.certificate.location and ssl.key.location, or \
                 kafka.bootstrap_servers to a listener that wants none"
            }
            ConnectionFault::NoTls => {
                "this listener has no TLS: set security.protocol to plaintext or sasl_plaintext, or \
                 kafka.bootstrap_servers to a listener with TLS"
            }
            ConnectionFault::Closed if !broker.contains("ssl://") => {
                "it closes the connection at once, as a listener with TLS does where the client has none: set \
                 security.protocol to ssl or sasl_ssl, or kafka.bootstrap_servers to a listener without TLS"
            }
            ConnectionFault::Closed if with_sasl => "it closes the connection: look at the broker's log",
            ConnectionFault::Closed => {
                "it closes the connection, as a listener does that wants a user: set security.protocol to sasl_ssl and \
                 the sasl.* properties"
            }
            ConnectionFault::Name => {
                "write a name that this machine can resolve into kafka.bootstrap_servers, or mend its DNS"
            }
            ConnectionFault::Refused => {
                "nobody listens there: start the broker, or set kafka.bootstrap_servers to its address and port"
            }
            ConnectionFault::NoBroker => {
                "what answers there is no Kafka broker, or has another security.protocol: set kafka.bootstrap_servers \
                 to a broker's listener"
            }
            ConnectionFault::Other => return format!("broker {broker}: {words}"),
        };
        format!("broker {broker}: {what} ({words})")
    }
}

fn kind(broker: &str, words: &str, state: &str) -> ConnectionFault {
    let has = |part: &str| words.contains(part);
    let wants_tls = broker.starts_with("ssl://") || broker.starts_with("sasl_ssl://");
    let is_closed = has("Disconnected") || has("Connection reset");
    if has("mechanism handshake failed") {
        // A listener without SASL offers nothing.
        return if words.trim_end().ends_with("supported mechanisms:") {
            ConnectionFault::NoSasl
        } else {
            ConnectionFault::Mechanism
        };
    }
    if has("SASL authentication error") || has("Failed to initialize SASL authentication") {
        return ConnectionFault::Credentials;
    }
    if has("certificate verify failed") || has("verify broker certificate") {
        return ConnectionFault::Certificate;
    }
    let alerts = ["bad certificate", "certificate required", "unknown ca", "certificate expired"];
    if has("alert")
        && (alerts.iter().any(|alert| has(alert)) || has("certificate unknown") || has("handshake failure"))
    {
        return ConnectionFault::ClientCertificate;
    }
    if has("wrong version number") || (wants_tls && is_closed && state.starts_with("SSL_HANDSHAKE")) {
        return ConnectionFault::NoTls;
    }
    if is_closed
        && (state.starts_with("APIVERSION_QUERY")
            || (state.starts_with("UP") && !broker.starts_with("sasl_")))
    {
        return ConnectionFault::Closed;
    }
    if is_closed && state.starts_with("AUTH") {
        return ConnectionFault::Credentials;
    }
    if has("Failed to resolve") {
        return ConnectionFault::Name;
    }
    if has("Connection refused") {
        return ConnectionFault::Refused;
    }
    if has("Invalid response size") || has("not supported by broker") {
        return ConnectionFault::NoBroker;
    }
    ConnectionFault::Other
}

/// Brokers whose last failure is remembered.
const BROKERS_MAX: usize = 64;

/// What a client told of its connections last, one for each broker.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<Vec<FailedConnection>>);

impl Trouble {
    /// Notes a log line.
    pub fn on_log(&self, facility: &str, line: &str) {
        if facility != "FAIL" {
            return;
        }
        let Some(failed) = FailedConnection::of_line(line) else { return };
        let mut all = locked(&self.0);
        let before =
            all.iter().position(|other| other.broker == failed.broker).map(|place| all.remove(place));
        // After a failed handshake the same connection is closed with fewer words.
        let says_less = matches!(failed.kind, ConnectionFault::Other | ConnectionFault::Closed);
        let told =
            before.filter(|before| says_less && before.kind != ConnectionFault::Other).unwrap_or(failed);
        if all.len() < BROKERS_MAX {
            all.push(told);
        }
    }

    /// What was told of each broker since [`Self::forget`], the latest last.
    pub fn all(&self) -> Vec<FailedConnection> {
        locked(&self.0).clone()
    }

    /// Brokers answer.
    pub fn forget(&self) {
        locked(&self.0).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(line: &str) -> FailedConnection {
        FailedConnection::of_line(line).expect("a line of a failed connection")
    }

    /// Lines of librdkafka 2.12 against Kafka 4.2: what is wrong, the client's name for the broker, its words.
    const LINES: &[(ConnectionFault, &str, &str)] = &[
        (
            ConnectionFault::Credentials,
            "sasl_ssl://h:1/bootstrap",
            "SASL authentication error: Authentication failed: Invalid username or password (after 311ms in state \
         AUTH_REQ)",
        ),
        (
            ConnectionFault::Mechanism,
            "sasl_ssl://h:1/bootstrap",
            "SASL SCRAM-SHA-256 mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported \
         mechanisms: PLAIN,SCRAM-SHA-512 (after 301ms in state AUTH_HANDSHAKE)",
        ),
        (
            ConnectionFault::NoSasl,
            "sasl_plaintext://h:1/bootstrap",
            "SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL state: broker's \
         supported mechanisms:  (after 3ms in state AUTH_HANDSHAKE)",
        ),
        (
            ConnectionFault::Certificate,
            "ssl://h:1/bootstrap",
            "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could \
         not be verified (after 12ms in state SSL_HANDSHAKE)",
        ),
        (
            ConnectionFault::Certificate,
            "ssl://h:1/1",
            "error:0A000086:SSL routines::certificate verify failed (after 0ms in state SSL_HANDSHAKE)",
        ),
        (
            ConnectionFault::ClientCertificate,
            "ssl://h:1/bootstrap",
            "Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL alert number 42 (after \
         7ms in state APIVERSION_QUERY)",
        ),
        (
            ConnectionFault::NoTls,
            "sasl_ssl://h:1/bootstrap",
            "SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to a PLAINTEXT broker \
         listener? (after 5ms in state SSL_HANDSHAKE)",
        ),
        (
            ConnectionFault::Closed,
            "h:1/bootstrap",
            "Disconnected: connection closed by peer: receive 0 after POLLIN (after 2ms in state APIVERSION_QUERY)",
        ),
        (
            ConnectionFault::Closed,
            "ssl://h:1/bootstrap",
            "Disconnected: SSL connection closed by peer (after 1ms in state UP)",
        ),
        (
            ConnectionFault::Name,
            "kafka.invalid:9092/bootstrap",
            "Failed to resolve 'kafka.invalid:9092': Name or service not known (after 5ms in state CONNECT)",
        ),
        (
            ConnectionFault::Refused,
            "h:9/bootstrap",
            "Connect to ipv4#127.0.0.1:9 failed: Connection refused (after 0ms in state CONNECT)",
        ),
        (
            ConnectionFault::NoBroker,
            "h:80/bootstrap",
            "Receive failed: Invalid response size 1213486160 (0..100000000): increase receive.message.max.bytes \
         (after 0ms in state APIVERSION_QUERY)",
        ),
    ];

    #[test]
    fn names_what_is_wrong_with_a_connection() {
        for (kind, name, words) in LINES {
            let line = format!("[thrd:{name}]: {name}: {words}");
            let found = failed(&line);
            assert_eq!(found.kind, *kind, "{line}");
            assert_eq!(found.broker, name.rsplit_once('/').expect("an address").0, "{line}");
            assert!(!found.words.contains("(after"), "{found:?}");
        }
    }

    #[test]
    fn a_coordinator_is_named_by_its_address() {
        let line = "[thrd:GroupCoordinator]: GroupCoordinator: h:9092: Connect to ipv4#127.0.0.1:9092 failed: Connection \
                    refused (after 0ms in state CONNECT)";
        let found = failed(line);
        assert_eq!((found.broker.as_str(), found.kind), ("h:9092", ConnectionFault::Refused));
    }

    #[test]
    fn a_connection_that_is_closed_says_nothing_of_settings_that_were_right_before() {
        let line = "[thrd:h:1/1]: h:1/1: Disconnected: connection reset by peer (after 0ms in state APIVERSION_QUERY)";
        assert!(failed(line).text(|_| false).contains("security.protocol"));
        let said = failed(line).text_of_a_change(|_| false);
        assert_eq!(said, "broker h:1: Disconnected: connection reset by peer");
    }

    #[test]
    fn a_client_certificate_that_is_there_is_not_asked_for() {
        let line = "[thrd:x]: ssl://h:1/1: Receive failed: ssl/tls alert unknown ca: SSL alert number 48 (after 7ms in \
                    state APIVERSION_QUERY)";
        let with = failed(line).text(|name| name == "ssl.certificate.location");
        assert!(with.contains("does not take our certificate"), "{with}");
        let without = failed(line).text(|_| false);
        assert!(without.contains("wants a certificate from us"), "{without}");
    }

    #[test]
    fn the_reason_outlives_the_connection_that_is_closed_with_fewer_words() {
        let trouble = Trouble::default();
        trouble.on_log("FAIL", "[thrd:b]: ssl://h:1/1: SSL handshake failed: certificate verify failed (after 1ms in state SSL_HANDSHAKE)");
        trouble.on_log("FAIL", "[thrd:b]: ssl://h:1/1: Disconnected (after 1ms in state UP)");
        trouble.on_log("CONFWARN", "Configuration property group.id is a consumer property");
        trouble.on_log("FAIL", "[thrd:c]: ssl://h:2/2: Connect to ipv4#1 failed: Connection refused (after 1ms in state CONNECT)");
        let kinds: Vec<ConnectionFault> = trouble.all().iter().map(|failed| failed.kind).collect();
        assert_eq!(kinds, [ConnectionFault::Certificate, ConnectionFault::Refused]);
        trouble.forget();
        assert_eq!(trouble.all(), []);
    }
}
