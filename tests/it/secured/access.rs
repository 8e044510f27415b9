//! How a client gets to the secured broker: listener, user, certificates; as settings of the binary.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::Kafka;
use crate::support::kafka::Listener;
use crate::support::scene::{Running, Scene};

/// Settings by which a client gets to one listener.
#[derive(Clone)]
pub struct Access {
    bootstrap: String,
    properties: Vec<(&'static str, String)>,
}

impl Access {
    /// No security at all.
    pub fn plain(bootstrap: &str) -> Self {
        Access { bootstrap: bootstrap.to_owned(), properties: Vec::new() }
    }

    /// TLS without a certificate of the client's.
    pub fn tls(kafka: &Kafka, listener: Listener) -> Self {
        let access = Access::plain(&format!("127.0.0.1:{}", kafka.port(listener)));
        access.with("security.protocol", "ssl").with_file(kafka, "ssl.ca.location", "ca.pem")
    }

    /// TLS with the client's certificate; the principal is `CN=tillgate`.
    pub fn certificate(kafka: &Kafka) -> Self {
        Access::tls(kafka, Listener::Tls)
            .with_file(kafka, "ssl.certificate.location", "client.pem")
            .with_file(kafka, "ssl.key.location", "client.key")
            .with("ssl.key.password", "key-secret")
    }

    /// PLAIN over TLS.
    pub fn user(kafka: &Kafka, name: &str) -> Self {
        Access::tls(kafka, Listener::Sasl)
            .with("security.protocol", "sasl_ssl")
            .with("sasl.mechanism", "PLAIN")
            .with("sasl.username", name)
            .with("sasl.password", &format!("secret-{name}"))
    }

    /// SCRAM over TLS; the principal is `scram`.
    pub fn scram(kafka: &Kafka) -> Self {
        Access::user(kafka, "scram")
            .with("sasl.mechanism", "SCRAM-SHA-512")
            .with("sasl.password", "scram-secret")
    }

    /// Another value of a property.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.properties.retain(|(other, _)| *other != name);
        self.properties.push((name, value.to_owned()));
        self
    }

    /// The same for one of the broker's files.
    pub fn with_file(self, kafka: &Kafka, name: &'static str, file: &str) -> Self {
        let path = kafka.secret(file);
        self.with(name, path.to_str().expect("a path in UTF-8"))
    }

    /// Without a property.
    pub fn without(mut self, name: &str) -> Self {
        self.properties.retain(|(other, _)| *other != name);
        self
    }

    /// To another address.
    pub fn at(self, bootstrap: &str) -> Self {
        Access { bootstrap: bootstrap.to_owned(), ..self }
    }

    /// Starts `tillgate run` of `scene` with this access.
    pub fn start(&self, scene: &Scene, more: &[&str]) -> Running {
        let sets = self.sets();
        let sets: Vec<&str> = sets.iter().map(String::as_str).chain(more.iter().copied()).collect();
        scene.start(&sets)
    }

    /// As values of `--set`.
    pub fn sets(&self) -> Vec<String> {
        let bootstrap = format!("kafka.bootstrap_servers={}", self.bootstrap);
        let properties = self.properties.iter();
        let properties = properties.map(|(name, value)| format!("kafka.librdkafka.{name}={value}"));
        std::iter::once(bootstrap).chain(properties).collect()
    }
}

/// The name of a user of PLAIN that no other test has.
pub fn next_user() -> String {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    assert!(number < 150, "kafka.sh makes no more users");
    format!("u{number:02}")
}
