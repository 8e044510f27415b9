//! A real registry behind TLS with an authority of its own, and a password or token.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::scene::Scene;
use crate::support::{Kafka, kafka};

/// What `user:password` is in base64.
const BASIC: &str = "Basic dXNlcjpwYXNzd29yZA==";
const BEARER: &str = "Bearer a-token";

/// Stands before the registry: TLS, and an answer only for who may ask. Ends with the process.
fn guard(kafka: &Kafka, secrets: &Path) -> String {
    let (address, path) =
        kafka.registry().trim_start_matches("http://").split_once('/').expect("an address and a path");
    let file = |name: &str| secrets.join(name);
    let certificates = CertificateDer::pem_file_iter(file("server.pem")).expect("a file");
    let certificates = certificates.collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(certificates, key);
    let config = Arc::new(config.expect("a pair"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("https://{}/{path}", listener.local_addr().expect("an address"));
    let to = address.to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let to = to.clone();
            // A client that does not trust us goes away in the middle.
            std::thread::spawn(move || pass(StreamOwned::new(connection, client), &to));
        }
    });
    url
}

/// Passes one request on, and its answer back.
fn pass(mut client: StreamOwned<ServerConnection, TcpStream>, to: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    let answer = if [BASIC, BEARER].map(str::to_owned).map(Some).contains(&header("authorization")) {
        let mut server = TcpStream::connect(to)?;
        let (first, rest) = head.split_once("\r\n").expect("a request");
        let rest: Vec<&str> =
            rest.lines().filter(|line| !line.to_lowercase().starts_with("connection:")).collect();
        write!(server, "{first}\r\nconnection: close\r\n{}\r\n", rest.join("\r\n"))?;
        server.write_all(&body)?;
        let mut answer = Vec::new();
        BufReader::new(server).read_to_end(&mut answer)?;
        answer
    } else {
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
    };
    client.write_all(&answer)?;
    client.conn.send_close_notify();
    client.flush()
}

#[test]
fn registers_and_asks_over_tls_with_a_password_or_token_and_says_what_is_wrong_with_them() {
    let Some(kafka) = kafka() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/kafka.sh");
    let made = Command::new(script).arg("secrets").arg(folder.path()).status().expect("kafka.sh");
    assert!(made.success(), "no certificates");
    let url = guard(kafka, folder.path());
    let ca = format!("registry.ca_file={}", folder.path().join("ca.pem").display());
    let url = format!("registry.url={url}");
    let scene = Scene::new(kafka, 1, &["output.format=avro", &url]);
    let basic = ["registry.auth=basic", "registry.username=user", "registry.password=password", &ca];
    let bearer = ["registry.auth=bearer", "registry.token=a-token", &ca];
    for sets in [&basic[..], &bearer[..]] {
        let mut running = scene.start(sets);
        running.await_ready(1);
        assert!(running.says("the outcome's schema is registered"), "{sets:?}");
        running.stop();
    }
    let refused = |sets: &[&str], parts: &[&str]| {
        let (code, said) = scene.start(sets).ended();
        assert_eq!(code, Some(1), "{sets:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{sets:?}: no '{part}' in {said}");
        }
        assert!(!said.contains("wrong-one"), "{said}");
    };
    refused(
        &["registry.auth=basic", "registry.username=user", "registry.password=wrong-one", &ca],
        &["answers 401", "check registry.auth"],
    );
    refused(
        &["registry.auth=bearer", "registry.token=wrong-one", &ca],
        &["answers 401", "check registry.auth"],
    );
    refused(&basic[..3], &["certificate", "registry.ca_file"]);
}
