//! Every way in which a connection fails says which broker and what to change, and ends the command.

use std::net::TcpListener;

use super::access::Access;
use crate::support::kafka::Listener;
use crate::support::scene::binary;
use crate::support::{Kafka, secured_kafka};

/// What `tillgate topics check` says, which must fail.
fn said(access: &Access) -> String {
    let mut command = binary();
    command.args(["topics", "check"]);
    for set in access.sets() {
        command.args(["--set", &set]);
    }
    let output = command.output().expect("the binary");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(output.stdout, b"", "{said}");
    let passwords = ["key-secret", "scram-secret", "secret-u"];
    assert!(!passwords.iter().any(|password| said.contains(password)), "{said}");
    said
}

/// A fault, and parts of what must be said of it.
type Case = (&'static str, Access, &'static [&'static str]);

const PASSES: &str = "this may pass, try again";

fn of_users(kafka: &Kafka) -> Vec<Case> {
    let user = Access::user(kafka, "u99");
    let plain = kafka.bootstrap();
    vec![
        (
            "a wrong password",
            user.clone().with("sasl.password", "x"),
            &["sasl_ssl://127.0.0.1:", "sasl.password"],
        ),
        (
            "a user of another mechanism",
            Access::scram(kafka).with("sasl.username", "u99"),
            &["sasl_ssl://127.0.0.1:", "sasl.mechanism to the one that this user was made for"],
        ),
        (
            "a mechanism that is not switched on",
            user.clone().with("sasl.mechanism", "SCRAM-SHA-256"),
            &["set sasl.mechanism to one that it offers", "PLAIN,SCRAM-SHA-512"],
        ),
        (
            "SASL where there is none",
            user.clone().with("security.protocol", "sasl_plaintext").at(plain),
            &["this listener takes no user and password"],
        ),
        (
            "no SASL where there is some",
            Access::tls(kafka, Listener::Sasl),
            &["as a listener does that wants a user: set security.protocol to sasl_ssl"],
        ),
    ]
}

fn of_certificates(kafka: &Kafka) -> Vec<Case> {
    let user = Access::user(kafka, "u99");
    let certificate = Access::certificate(kafka);
    let sasl = kafka.port(Listener::Sasl);
    vec![
        (
            "another authority",
            user.clone().with_file(kafka, "ssl.ca.location", "other-ca.pem"),
            &["not signed by an authority that is trusted here: set ssl.ca.location"],
        ),
        (
            "the system's authorities",
            user.clone().without("ssl.ca.location"),
            &["sasl_ssl://127.0.0.1:", "not signed by an authority", "set ssl.ca.location"],
        ),
        (
            "an expired certificate",
            Access::tls(kafka, Listener::Expired),
            &["ssl://127.0.0.1:", "its certificate has expired: renew it on the broker"],
        ),
        (
            "another name",
            user.clone().at(&format!("localhost:{sasl}")),
            &["sasl_ssl://localhost:", "for another name than localhost", "advertised.listeners"],
        ),
        (
            "no client certificate",
            Access::tls(kafka, Listener::Tls),
            &["it wants a certificate from us: set ssl.certificate.location and ssl.key.location"],
        ),
        (
            "a client certificate that nobody signed",
            certificate.clone().with_file(kafka, "ssl.certificate.location", "other-ca.pem").with_file(
                kafka,
                "ssl.key.location",
                "other-ca.key",
            ),
            &["it does not take our certificate", "ssl.truststore"],
        ),
        (
            "a wrong password of the key",
            certificate.clone().with("ssl.key.password", "x"),
            &[
                "ssl.key.location: the key in ",
                "client.key cannot be read with ssl.key.password: set the password",
            ],
        ),
        (
            "no password of the key",
            certificate.clone().without("ssl.key.password"),
            &["client.key cannot be read without a password: set ssl.key.password"],
        ),
        (
            "a file that is not there",
            certificate.clone().with("ssl.ca.location", "/nowhere/ca.pem"),
            &["ssl.ca.location: /nowhere/ca.pem cannot be read (No such file"],
        ),
    ]
}

fn of_addresses(kafka: &Kafka) -> Vec<Case> {
    let user = Access::user(kafka, "u99");
    let plain = kafka.bootstrap();
    let controller = kafka.port(Listener::Sasl) - 1;
    let tls = kafka.port(Listener::Tls);
    let closed = TcpListener::bind(("127.0.0.1", 0)).expect("a port").local_addr().expect("an address");
    vec![
        (
            "TLS where there is none",
            user.clone().at(plain),
            &["this listener has no TLS: set security.protocol"],
        ),
        (
            "no TLS where there is some",
            Access::plain(&format!("127.0.0.1:{tls}")),
            &["as a listener with TLS does", "set security.protocol to ssl or sasl_ssl"],
        ),
        (
            "a name that is none",
            Access::plain("kafka.invalid:9092"),
            &["kafka.invalid:9092", "write a name that this machine can resolve", PASSES],
        ),
        (
            "a port where nobody listens",
            Access::plain(&closed.to_string()),
            &["nobody listens there: start the broker, or set kafka.bootstrap_servers", PASSES],
        ),
        (
            "a controller",
            Access::plain(&format!("127.0.0.1:{controller}")),
            &["is no broker, but perhaps a controller"],
        ),
    ]
}

#[test]
fn every_connection_that_fails_says_where_and_what_to_change() {
    let Some(kafka) = secured_kafka() else { return };
    let cases = [of_users(kafka), of_certificates(kafka), of_addresses(kafka)].concat();
    // Most of the time of each is waiting.
    std::thread::scope(|scope| {
        let asked: Vec<_> = cases
            .iter()
            .map(|(name, access, parts)| (name, parts, scope.spawn(move || said(access))))
            .collect();
        for (name, parts, said) in asked {
            let said = said.join().expect("what was said");
            for part in *parts {
                assert!(said.contains(part), "{name}: no '{part}' in: {said}");
            }
            assert_eq!(said.contains(PASSES), parts.contains(&PASSES), "{name}: {said}");
            assert!(!said.contains("BrokerTransportFailure"), "{name}: {said}");
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
        }
    });
}
