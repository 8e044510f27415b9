//! Says what is wrong with a broker's certificate: OpenSSL keeps it from us, so the broker is asked for it once more, and
//! what it shows is judged by other means. For the words of a fault alone; no connection is ever made on the strength of
//! it.

use crate::config::Secret;
use crate::kafka::locked::locked;
use crate::kafka::settings::ClusterSettings;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long the broker may take for each step.
const WITHIN: Duration = Duration::from_secs(2);
/// Where systems keep their authorities, in one file.
const OF_SYSTEM: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What is wrong with the certificate of `broker` (`ssl://HOST:PORT`), and what to change; none where that cannot be told.
pub fn fault(broker: &str, settings: &ClusterSettings) -> Option<String> {
    let address = broker.split_once("://").map_or(broker, |(_protocol, address)| address);
    let host = address.rsplit_once(':')?.0.trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let provider = Arc::new(ring::default_provider());
    let judged =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots(settings)?), Arc::clone(&provider))
            .build();
    let witness =
        Arc::new(Witness { judge: judged.ok()?, provider: Arc::clone(&provider), found: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let verifier: Arc<dyn ServerCertVerifier> = Arc::clone(&witness) as _;
    let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
    let to = address.to_socket_addrs().ok()?.next()?;
    let mut socket = TcpStream::connect_timeout(&to, WITHIN).ok()?;
    socket.set_read_timeout(Some(WITHIN)).ok()?;
    socket.set_write_timeout(Some(WITHIN)).ok()?;
    // It fails: the witness refuses what it was shown, whatever it was.
    let _ = connection.complete_io(&mut socket);
    let found = locked(&witness.found).take()?;
    Some(words(&found, host))
}

fn words(found: &CertificateError, host: &str) -> String {
    use CertificateError as C;
    match found {
        C::Expired | C::ExpiredContext { .. } => format!("its certificate has expired: renew it on the broker ({found})"),
        C::NotValidYet | C::NotValidYetContext { .. } => {
            format!("its certificate is not valid yet: set this machine's clock right, or the broker's ({found})")
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => format!(
            "its certificate is for another name than {host}: write a name that is in it into kafka.bootstrap_servers and \
             the broker's advertised.listeners, or have it made for this one ({found})"
        ),
        C::UnknownIssuer => {
            "its certificate is not signed by an authority that is trusted here: set ssl.ca.location to the certificate of \
             the authority that signed it"
                .to_owned()
        }
        other => format!("its certificate is refused: {other}"),
    }
}

/// The authorities that the settings name; the system's where they name none.
fn roots(settings: &ClusterSettings) -> Option<RootCertStore> {
    let set = |name: &str| settings.kafka.librdkafka.get(name).map(Secret::expose);
    let certificates = match (set("ssl.ca.pem"), set("ssl.ca.location")) {
        (Some(text), _) => CertificateDer::pem_slice_iter(text.as_bytes()).filter_map(Result::ok).collect(),
        (None, Some(path)) if path != "probe" => of_file(path)?,
        _ => of_file(OF_SYSTEM.iter().find(|path| Path::new(path).is_file())?)?,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    (!roots.is_empty()).then_some(roots)
}

fn of_file(path: &str) -> Option<Vec<CertificateDer<'static>>> {
    Some(CertificateDer::pem_file_iter(path).ok()?.filter_map(Result::ok).collect())
}

/// No connection is made, whatever the certificate is worth.
fn refuse<T>() -> Result<T, Error> {
    Err(Error::General("looked at".to_owned()))
}

/// Looks at a certificate, keeps what is wrong with it, and refuses it in any case.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<CertificateError>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged =
            self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if let Err(Error::InvalidCertificate(found)) = judged {
            *locked(&self.found) = Some(found);
        }
        refuse()
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse()
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse()
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
