//! `[gateway]`: requests over HTTP, what they may take, and who may send them. Holds no default of its own, and never shows
//! the hash of a key.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::reader::SettingsReader;
use super::secret::Secret;
use super::settings::{HOUR, MILLISECOND, SECOND, admin, host_of, of_defaults, section};
use crate::domain::enums::symbols;

/// What the hash of an API key begins with in the settings: which hash it is.
pub const KEY_HASH: &str = "blake3:";

const API_KEYS: &str = "gateway.auth.api_keys";
/// API keys that settings may hold: each of them is compared on every request that has one.
const API_KEYS_MAX: usize = 1_000;
/// Characters of a client's name.
const NAME_CHARS_MAX: usize = 64;
const DAY: Duration = Duration::from_secs(24 * 3_600);

symbols! {
    /// What a client may ask for, as tokens and settings write it.
    Scope {
        /// Send POS events.
        EventsWrite = "events:write",
        /// Ask for transactions.
        EventsRead = "events:read",
        /// Send account events.
        AccountEventsWrite = "account-events:write",
        /// Record interactions.
        InteractionsWrite = "interactions:write",
        /// Ask whether a person may be contacted.
        ContactAsk = "contact:ask",
    }
}

impl Scope {
    /// All of them, for people.
    #[must_use]
    pub fn listed() -> String {
        Self::ALL.iter().map(|scope| scope.symbol()).collect::<Vec<_>>().join(", ")
    }
}

section! {
    /// `[gateway]`
    #[derive(Clone, Debug)]
    GatewaySettings(reader) {
        /// Where requests are listened for.
        listen: SocketAddr = listen(reader);
        /// Where metrics and health are shown; none: nowhere.
        admin: Option<SocketAddr> = admin(reader, "gateway.admin");
        /// How far back transactions can be asked for.
        history: Duration = reader.duration("gateway.history", SECOND..=DAY * 366);
        /// What they may take in memory, bytes.
        history_bytes_max: usize = reader.bytes("gateway.history_bytes_max", 1 << 20..=2_000 << 20);
        /// How long the outcome of an event is waited for.
        answer_within: Duration = reader.duration("gateway.answer_within", MILLISECOND * 10..=HOUR);
        /// Whether senders are told the codes of refusals.
        disclose: bool = reader.flag("gateway.disclose");
        /// The largest body of a request, bytes.
        body_bytes_max: usize = reader.bytes("gateway.body_bytes_max", 1 << 10..=64 << 20);
        /// Requests under way at the same time, at least 1.
        requests_max: usize = reader.count("gateway.requests_max", 1..=100_000);
        /// Connections at the same time, at least 1.
        connections_max: usize = reader.count("gateway.connections_max", 1..=100_000);
        /// How long the headers of a request may take.
        header_timeout: Duration = reader.duration("gateway.header_timeout", MILLISECOND * 10..=HOUR);
        /// How long the body of a request may take after its headers.
        body_timeout: Duration = reader.duration("gateway.body_timeout", MILLISECOND * 10..=HOUR);
        /// How long a connection may stay open without a request.
        idle_timeout: Duration = reader.duration("gateway.idle_timeout", MILLISECOND * 10..=HOUR);
        /// Requests a second of each client; 0: without a limit.
        rate_per_client: u32 = reader.integer("gateway.rate_per_client", 0..=1_000_000);
        /// Requests of a client that may come at once, at least 1.
        rate_burst: u32 = reader.integer("gateway.rate_burst", 1..=1_000_000);
        /// Whether it may listen beyond this machine without knowing who asks.
        insecure: bool = reader.flag("gateway.insecure");
        /// None: plain HTTP.
        tls: Option<TlsSettings> = tls(reader);
        /// Who may ask.
        auth: AuthSettings = auth(reader);
    }
}

impl GatewaySettings {
    /// What is careless though it works: tokens and keys that anybody on the way can read.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let open = self.tls.is_none() && !self.listen.ip().is_loopback();
        if !open {
            return None;
        }
        Some(format!(
            "gateway.listen is {} without TLS: whoever is on the way reads tokens, keys and events; set \
             gateway.tls.cert_file and gateway.tls.key_file, unless something in front of it ends TLS",
            self.listen
        ))
    }
}

/// `[gateway.tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate and those between it and its authority, in PEM.
    pub cert_file: PathBuf,
    /// Its private key, in PEM.
    pub key_file: PathBuf,
}

/// `[gateway.auth]`: nothing of both means that everybody has every scope.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// Which tokens are taken; none: no token is.
    pub tokens: Option<TokenSettings>,
    /// Whose API keys are taken.
    pub api_keys: Vec<ApiKey>,
}

impl AuthSettings {
    /// Whether anybody may ask for anything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tokens.is_none() && self.api_keys.is_empty()
    }
}

/// Which tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Where the issuer's keys are.
    pub jwks: JwksPlace,
    /// What `aud` must hold.
    pub audience: String,
    /// What `iss` must be.
    pub issuer: String,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
    /// Certificates (PEM) to trust instead of the built-in ones, where the keys come over https.
    pub ca_file: Option<PathBuf>,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksPlace {
    /// On this machine.
    File(PathBuf),
    /// At an address of https.
    Url(String),
}

/// An API key that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose it is: for the audit lines and the rate.
    pub client: String,
    /// What the client may ask for.
    pub scopes: Vec<Scope>,
    /// BLAKE3 of the key, in 64 hexadecimal digits.
    pub hash: Secret,
}

pub(super) fn gateway(reader: &mut SettingsReader) -> GatewaySettings {
    let settings = GatewaySettings::read(reader);
    let keys = ["gateway.listen", "gateway.insecure", "gateway.auth.jwks"];
    // A key that is refused is told by itself, and was meant.
    let is_open = settings.auth.is_open() && reader.open(API_KEYS).is_empty();
    if reader.sound(&keys) && is_open && !settings.insecure && !settings.listen.ip().is_loopback() {
        let problem = format!("is {}, beyond this machine, and anybody may ask there", settings.listen);
        let remedy = "set gateway.auth.jwks or [gateway.auth.api_keys]; gateway.insecure = true where something in front \
                      of it knows who asks; or listen at 127.0.0.1";
        reader.refuse("gateway.listen", problem, remedy);
    }
    settings
}

fn listen(reader: &mut SettingsReader) -> SocketAddr {
    const KEY: &str = "gateway.listen";
    let text = reader.text(KEY);
    text.parse().unwrap_or_else(|_| {
        let problem = format!("is {text:?}, which is not an address and port");
        reader.refuse(KEY, problem, "write it as \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for all interfaces");
        SocketAddr::from(([127, 0, 0, 1], 0))
    })
}

fn tls(reader: &mut SettingsReader) -> Option<TlsSettings> {
    const CERT: &str = "gateway.tls.cert_file";
    const KEY: &str = "gateway.tls.key_file";
    match (reader.path(CERT), reader.path(KEY)) {
        (Some(cert_file), Some(key_file)) => Some(TlsSettings { cert_file, key_file }),
        (None, None) => None,
        (cert_file, _) => {
            let (key, other) = if cert_file.is_some() { (CERT, KEY) } else { (KEY, CERT) };
            reader.refuse(
                key,
                format!("is set, and {other} is empty"),
                format!("set {other}, or none of both"),
            );
            None
        }
    }
}

fn auth(reader: &mut SettingsReader) -> AuthSettings {
    let tokens = tokens(reader);
    let entries = reader.open(API_KEYS);
    if entries.len() > API_KEYS_MAX {
        let key = format!("{API_KEYS}.{}", entries[API_KEYS_MAX].0);
        let remedy = "give clients that belong together one key, or use tokens (gateway.auth.jwks)";
        reader.refuse(&key, format!("is one of more than {API_KEYS_MAX} keys"), remedy);
    }
    let mut api_keys: Vec<ApiKey> = Vec::new();
    for (client, _) in entries.into_iter().take(API_KEYS_MAX) {
        let key = format!("{API_KEYS}.{client}");
        let Some(found) = api_key(reader, &key, client) else {
            continue;
        };
        match api_keys.iter().find(|other| other.hash == found.hash) {
            Some(other) => {
                let problem = format!("has the same key as {}", other.client);
                reader.refuse(&key, problem, "make a key for each client: tillgate gateway key");
            }
            None => api_keys.push(found),
        }
    }
    AuthSettings { tokens, api_keys }
}

fn tokens(reader: &mut SettingsReader) -> Option<TokenSettings> {
    const JWKS: &str = "gateway.auth.jwks";
    let text = reader.text(JWKS);
    let settings = TokenSettings {
        jwks: jwks_place(reader, JWKS, &text),
        audience: reader.text("gateway.auth.audience"),
        issuer: reader.text("gateway.auth.issuer"),
        leeway: reader.duration("gateway.auth.leeway", Duration::ZERO..=SECOND * 600),
        ca_file: reader.path("gateway.auth.ca_file"),
    };
    let further = [("gateway.auth.audience", &settings.audience), ("gateway.auth.issuer", &settings.issuer)];
    if text.is_empty() {
        for (key, _) in further.iter().filter(|(_, value)| !value.is_empty()) {
            reader.refuse(
                key,
                format!("is set, and {JWKS} is empty"),
                format!("set {JWKS}: no token is taken"),
            );
        }
        return None;
    }
    for (key, _) in further.iter().filter(|(_, value)| value.is_empty()) {
        let problem = format!("needs {key}, which is empty: a token for another service would be taken");
        reader.refuse(JWKS, problem, format!("set {key} to what the issuer writes into its tokens"));
    }
    Some(settings)
}

fn jwks_place(reader: &mut SettingsReader, key: &str, text: &str) -> JwksPlace {
    match text.split_once("://") {
        Some(("https", _)) if text.contains('@') => {
            reader.refuse(
                key,
                "holds a user name or password",
                "name an address that needs none: keys are public",
            );
            JwksPlace::Url(String::new())
        }
        Some(("https", rest)) if !host_of(rest).is_empty() => JwksPlace::Url(text.to_owned()),
        Some(_) => {
            let problem = format!("is {text:?}, which is neither a file nor an address of https://");
            reader.refuse(
                key,
                problem,
                "write https://HOST/PATH: whoever changes keys on the way can make tokens",
            );
            JwksPlace::Url(String::new())
        }
        None => JwksPlace::File(reader.path(key).unwrap_or_default()),
    }
}

/// Whether an API key may be under this name: letters, digits, dots, dashes and underscores, up to 64.
#[must_use]
pub fn is_client_name(text: &str) -> bool {
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(legal)
}

/// One entry: scopes, and the hash behind them.
fn api_key(reader: &mut SettingsReader, key: &str, client: &str) -> Option<ApiKey> {
    const REMEDY: &str = "write \"SCOPE[ SCOPE...] blake3:HASH\", as `tillgate gateway key` prints it";
    if !is_client_name(client) {
        let remedy = format!("use up to {NAME_CHARS_MAX} letters, digits, dots, dashes and underscores");
        reader.refuse(key, "is no name of a client", remedy);
        return None;
    }
    let text = reader.secret(key);
    if !reader.sound(&[key]) {
        return None;
    }
    let mut words: Vec<&str> = text.expose().split_whitespace().collect();
    let hash = words.pop().and_then(|word| word.strip_prefix(KEY_HASH)).filter(|hash| is_hash(hash));
    let Some(hash) = hash else {
        reader.refuse(key, "does not end in the hash of a key", REMEDY);
        return None;
    };
    let mut scopes = Vec::new();
    for word in words {
        match Scope::from_symbol(word) {
            Some(scope) => scopes.push(scope),
            None => {
                // The word is not shown: it may be a key that was written where its hash belongs.
                let remedy = format!("the scopes are {}", Scope::listed());
                reader.refuse(key, "holds a scope that there is not", remedy);
                return None;
            }
        }
    }
    if scopes.is_empty() {
        reader.refuse(key, "has no scope, so its client may ask for nothing", REMEDY);
        return None;
    }
    Some(ApiKey { client: client.to_owned(), scopes, hash: Secret::new(hash.to_ascii_lowercase()) })
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
