//! TLS of the gateway: which versions, whose certificate, its renewal, and files that cannot be used.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use tillgate::config::{GatewaySettings, TlsSettings};
use tillgate::gateway::{Server, ServerBounds};

use crate::gateway_server::served::{Peer, SOON, Served, post_of, settings};
use crate::support::eventually;

type Secured = StreamOwned<ClientConnection, TcpStream>;

/// A certificate of this machine by itself, in files.
struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    fn new() -> (Self, CertificateDer<'static>) {
        let made = Self { folder: tempfile::tempdir().expect("a folder") };
        let certificate = made.renew();
        (made, certificate)
    }

    fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        self.write("key.pem", &made.signing_key.serialize_pem());
        self.write("cert.pem", &made.cert.pem());
        made.cert.der().clone()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    fn settings(&self) -> TlsSettings {
        let file = |name: &str| self.folder.path().join(name);
        TlsSettings { cert_file: file("cert.pem"), key_file: file("key.pem") }
    }
}

fn client(trusted: &CertificateDer<'static>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let builder =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_protocol_versions(versions);
    builder.expect("versions").with_root_certificates(roots).with_no_client_auth()
}

fn connect(served: &Served, config: ClientConfig) -> Peer<Secured> {
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    Peer::over(StreamOwned::new(connection, Peer::connect(served.address).stream))
}

#[test]
fn speaks_both_versions_and_tells_browsers_to_stay_with_it() {
    let (made, certificate) = Made::new();
    let served = Served::start(&GatewaySettings { tls: Some(made.settings()), ..settings() });
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut peer = connect(&served, client(&certificate, &[version]));
        for _ in 0..2 {
            peer.send(&post_of("", "{}"));
            let answer = peer.answer();
            assert_eq!(answer.status, 200);
            assert!(answer.header("strict-transport-security").is_some());
        }
        assert_eq!(peer.stream.conn.protocol_version(), Some(version.version));
    }
}

#[test]
fn whoever_speaks_no_tls_is_closed_and_nobody_else_notices() {
    let (made, certificate) = Made::new();
    let served = Served::start(&GatewaySettings { tls: Some(made.settings()), ..settings() });
    let mut plain = served.connect();
    plain.send(&post_of("", "{}"));
    let silent: Vec<Peer> = (0..1_000).map(|_| served.connect()).collect();
    let mut peer = connect(&served, client(&certificate, rustls::ALL_VERSIONS));
    peer.send(&post_of("", "{}"));
    assert_eq!(peer.answer().status, 200);
    drop(silent);
}

#[test]
fn a_renewed_certificate_is_taken_up_and_one_that_cannot_be_used_is_not() {
    let (made, first) = Made::new();
    let settings = GatewaySettings { tls: Some(made.settings()), ..settings() };
    let bounds = ServerBounds { certificate_every: Duration::from_millis(20), ..ServerBounds::of(&settings) };
    let served = Served::start_within(&settings, bounds);
    let is_shown = |certificate: &CertificateDer<'static>| {
        let mut peer = connect(&served, client(certificate, rustls::ALL_VERSIONS));
        peer.send(&post_of("", ""));
        // A certificate that is not trusted ends it without an answer.
        peer.next().is_some_and(|answer| answer.status == 200).then_some(())
    };
    assert!(is_shown(&first).is_some());
    let mut open = connect(&served, client(&first, rustls::ALL_VERSIONS));
    open.send(&post_of("", ""));
    assert_eq!(open.answer().status, 200);
    made.write("cert.pem", "no certificate");
    let second = made.renew();
    eventually(SOON, "the renewed certificate", || is_shown(&second));
    assert!(is_shown(&first).is_none());
    open.send(&post_of("", ""));
    assert_eq!(open.answer().status, 200, "a connection that was there goes on");
}

fn fault(tls: &TlsSettings) -> String {
    let settings = settings();
    let error = Server::bind(settings.listen, ServerBounds::of(&settings), Some(tls))
        .expect_err("a fault")
        .to_string();
    error.replace(&tls.cert_file.parent().unwrap_or(Path::new("")).display().to_string(), "FOLDER")
}

#[test]
fn files_that_cannot_be_used_are_told_with_their_setting() {
    let (made, _) = Made::new();
    let (other, _) = Made::new();
    let files = made.settings();
    let missing = TlsSettings { cert_file: made.folder.path().join("none.pem"), ..files.clone() };
    assert!(
        fault(&missing).starts_with("gateway.tls.cert_file FOLDER/none.pem: cannot be read"),
        "{}",
        fault(&missing)
    );
    let pair = TlsSettings { key_file: other.settings().key_file, ..files.clone() };
    assert!(fault(&pair).contains("cannot be used together"), "{}", fault(&pair));
    let swapped = TlsSettings { cert_file: files.key_file.clone(), key_file: files.cert_file.clone() };
    assert!(fault(&swapped).contains("holds no certificate in PEM"), "{}", fault(&swapped));
    made.write(
        "key.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    assert!(fault(&files).contains("it must not be encrypted"), "{}", fault(&files));
    made.write("key.pem", &"x".repeat(2 << 20));
    assert!(fault(&files).contains("is longer than"), "{}", fault(&files));
}
