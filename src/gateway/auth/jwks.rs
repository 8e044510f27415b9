//! The keys of the issuer of tokens (JWKS): from a file, or over https, in a thread of its own.
//!
//! What is there is kept while it cannot be fetched again. A token with a key that is not known asks for a fresh set, at most once
//! in a while, so that made-up key ids burden nobody. Never takes a key that is a shared secret.

use std::io::Read;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use ureq::tls::TlsConfig;

use crate::config::{JwksPlace, TokenSettings, trusted};
use crate::domain::visible::visible;

/// Largest set that is read, bytes: a key has some 500.
const SET_BYTES_MAX: u64 = 256 << 10;
/// Keys of a set that are kept.
const KEYS_MAX: usize = 64;
/// Longest id of a key, bytes.
const KEY_ID_BYTES_MAX: usize = 256;
/// How long a request for the set may take.
const WITHIN: Duration = Duration::from_secs(10);

/// When the issuer's keys are read again.
#[derive(Clone, Copy, Debug)]
pub struct Refresh {
    /// How often, whatever is asked.
    pub every: Duration,
    /// Shortest time since the last reading, for a token whose key is not known.
    pub early: Duration,
}

impl Default for Refresh {
    fn default() -> Self {
        Self { every: Duration::from_secs(300), early: Duration::from_secs(30) }
    }
}

/// Why the issuer's keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// The file cannot be read.
    #[error("gateway.auth.jwks {}: cannot be read: {source}; name a file that exists and can be read", path.display())]
    File {
        /// The file, as the setting names it.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The address gives no answer that can be used.
    #[error(
        "gateway.auth.jwks {url}: {problem}; check the address, and gateway.auth.ca_file where its authority is your own"
    )]
    Url {
        /// The URL, as the setting has it.
        url: String,
        /// What went wrong.
        problem: String,
    },
    /// What is there is no set of keys.
    #[error(
        "gateway.auth.jwks {place}: {problem}; it must be the issuer's JWKS with an RSA, P-256 or Ed25519 key"
    )]
    Content {
        /// File or URL, as the setting has it.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificates to trust cannot be used.
    #[error("gateway.auth.ca_file {}: {problem}; name a file with certificates in PEM", path.display())]
    Authorities {
        /// The file, as the setting names it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The machine has no thread left.
    #[error("cannot keep the keys of gateway.auth.jwks fresh: {0}")]
    Start(std::io::Error),
}

/// The keys at the moment, kept fresh.
#[derive(Debug)]
pub(super) struct KeyStore {
    keys: Arc<Mutex<Arc<[IssuerKey]>>>,
    /// Asks for a fresh set. The thread ends with it.
    ask: SyncSender<()>,
}

/// What was found for a token.
pub(super) enum KeyLookup {
    Key(DecodingKey),
    /// The key is known, for other algorithms.
    OtherAlgorithm,
    Unknown,
}

/// One key of the issuer.
#[derive(Debug)]
struct IssuerKey {
    id: Option<String>,
    algorithms: &'static [Algorithm],
    key: DecodingKey,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl KeyStore {
    pub(super) fn new(settings: &TokenSettings, refresh: Refresh) -> Result<Self, JwksError> {
        let source = KeySetSource::new(settings)?;
        let keys = Arc::new(Mutex::new(source.read()?));
        let (ask, asked) = sync_channel(1);
        let thread = std::thread::Builder::new().name("jwks".to_owned());
        let kept = Arc::clone(&keys);
        thread.spawn(move || keep_fresh(&source, &kept, &asked, refresh)).map_err(JwksError::Start)?;
        Ok(Self { keys, ask })
    }

    /// The key of a token; a token without the id of its key may be by the only one of its algorithm.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> KeyLookup {
        let keys = Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        let fits = |key: &&IssuerKey| key.algorithms.contains(&algorithm);
        let Some(id) = id else {
            let mut fitting = keys.iter().filter(fits);
            return match (fitting.next(), fitting.next()) {
                (Some(key), None) => KeyLookup::Key(key.key.clone()),
                _ => KeyLookup::OtherAlgorithm,
            };
        };
        let mut named = keys.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
        if named.peek().is_none() {
            // Full: it is asked for already.
            let _ = self.ask.try_send(());
            return KeyLookup::Unknown;
        }
        named.find(fits).map_or(KeyLookup::OtherAlgorithm, |key| KeyLookup::Key(key.key.clone()))
    }
}

/// Reads the set again and again, until nobody asks any more.
#[allow(clippy::disallowed_methods, reason = "says when to read again; no decision depends on it")]
fn keep_fresh(source: &KeySetSource, keys: &Mutex<Arc<[IssuerKey]>>, asked: &Receiver<()>, refresh: Refresh) {
    let mut last = Instant::now();
    let mut wait = refresh.every;
    loop {
        match asked.recv_timeout(wait.saturating_sub(last.elapsed())) {
            Ok(()) => {
                wait = wait.min(refresh.early);
                if last.elapsed() < wait {
                    continue;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        match source.read() {
            Ok(fresh) => *keys.lock().unwrap_or_else(PoisonError::into_inner) = fresh,
            Err(error) => tracing::warn!(%error, "the issuer's keys are not renewed; those there are stay"),
        }
        (last, wait) = (Instant::now(), refresh.every);
    }
}

/// Where the set comes from.
#[derive(Debug)]
enum KeySetSource {
    File(PathBuf),
    Url(String, ureq::Agent),
}

impl KeySetSource {
    fn new(settings: &TokenSettings) -> Result<Self, JwksError> {
        let url = match &settings.jwks {
            JwksPlace::File(path) => return Ok(Self::File(path.clone())),
            JwksPlace::Url(url) => url.clone(),
        };
        let mut tls = TlsConfig::builder();
        if let Some(path) = &settings.ca_file {
            let fault = |problem| JwksError::Authorities { path: path.clone(), problem };
            tls = tls.root_certs(trusted(path).map_err(fault)?);
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(WITHIN))
            .https_only(true)
            .user_agent(concat!("tillgate/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build()
            .new_agent();
        Ok(Self::Url(url, agent))
    }

    fn read(&self) -> Result<Arc<[IssuerKey]>, JwksError> {
        match self {
            Self::File(path) => {
                let mut bytes = Vec::new();
                std::fs::File::open(path)
                    .and_then(|file| file.take(SET_BYTES_MAX + 1).read_to_end(&mut bytes))
                    .map_err(|source| JwksError::File { path: path.clone(), source })?;
                keys_of(&bytes, &path.display().to_string())
            }
            Self::Url(url, agent) => {
                let failed = |error: ureq::Error| {
                    let problem = visible(&error.to_string()).into_owned();
                    JwksError::Url { url: url.clone(), problem }
                };
                let mut answer = agent.get(url).call().map_err(failed)?;
                let body = answer.body_mut().with_config().limit(SET_BYTES_MAX);
                keys_of(&body.read_to_vec().map_err(failed)?, url)
            }
        }
    }
}

/// The keys of a set that tokens may be signed by; others are passed over, as issuers have keys for other ends too.
fn keys_of(bytes: &[u8], place: &str) -> Result<Arc<[IssuerKey]>, JwksError> {
    let fault = |problem: String| JwksError::Content { place: place.to_owned(), problem };
    if bytes.len() as u64 > SET_BYTES_MAX {
        return Err(fault(format!("is longer than {SET_BYTES_MAX} bytes")));
    }
    let set: KeySet =
        serde_json::from_slice(bytes).map_err(|error| fault(format!("is no JSON of keys: {error}")))?;
    let keys: Arc<[IssuerKey]> = set.keys.into_iter().take(KEYS_MAX).filter_map(key_of).collect();
    if keys.is_empty() {
        return Err(fault("holds no key that a token could be signed by".to_owned()));
    }
    Ok(keys)
}

fn key_of(value: serde_json::Value) -> Option<IssuerKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let of_kind: &'static [Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => return None,
    };
    let algorithms: &'static [Algorithm] = match jwk.common.key_algorithm {
        None => of_kind,
        Some(KeyAlgorithm::RS256) => &[Algorithm::RS256],
        Some(KeyAlgorithm::PS256) => &[Algorithm::PS256],
        Some(KeyAlgorithm::ES256) => &[Algorithm::ES256],
        Some(KeyAlgorithm::EdDSA) => &[Algorithm::EdDSA],
        Some(_) => return None,
    };
    let is_of_kind = algorithms.iter().all(|algorithm| of_kind.contains(algorithm));
    let id = jwk.common.key_id.clone().filter(|id| id.len() <= KEY_ID_BYTES_MAX);
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    is_of_kind.then_some(IssuerKey { id, algorithms, key })
}
