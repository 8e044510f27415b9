//! Who asks: by an access token of OAuth 2 (JWT), or by an API key. Neither is ever kept, logged or told.
//!
//! Whoever is refused is told the same whatever the reason was; the reason is for the log of the operator, and names no part
//! of what was sent. Never asks anybody while a request waits: the issuer's keys come in a thread of their own.

mod api_keys;
mod jwks;
mod signature;
mod tokens;

use axum::http::{HeaderMap, HeaderName, header};

use crate::config::{AuthSettings, Scope};
use api_keys::ApiKeys;
use tokens::Tokens;

pub use api_keys::{hash_of_key, new_key};
pub use jwks::{JwksError, Refresh};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Characters of a client's name, in audit lines and for its rate.
const NAME_CHARS_MAX: usize = 80;

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Of an API key as the settings name it; of a token `token:` and what it says of its client. `anybody` where nobody is
    /// asked who it is.
    pub name: String,
    /// What it may ask for.
    pub scopes: Vec<Scope>,
}

impl Client {
    fn anybody() -> Self {
        Self { name: "anybody".to_owned(), scopes: Scope::ALL.to_vec() }
    }

    /// Whether it may ask for this.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Why somebody was not let in. For the operator alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthRefusal {
    /// No token and no key.
    #[error("there is neither a token nor an API key")]
    Nothing,
    /// More than one, or what is neither.
    #[error("there is more than one token or API key, or one that cannot be read")]
    Unreadable,
    /// A key that nobody has.
    #[error("nobody has this API key")]
    UnknownKey,
    /// No tokens are taken.
    #[error("no tokens are taken: gateway.auth.jwks is empty")]
    NoTokens,
    /// No token, or of an algorithm that is not taken.
    #[error("it is no token, or signed in a way that is not taken")]
    NoToken,
    /// The issuer has no such key, as far as is known.
    #[error("the issuer has no key of the token's id")]
    UnknownIssuerKey,
    /// Another signature.
    #[error("the token's signature is not the issuer's")]
    Signature,
    /// Too late.
    #[error("the token has expired")]
    Expired,
    /// Too early.
    #[error("the token is not valid yet: does the clock of this machine go right?")]
    NotYet,
    /// For somebody else.
    #[error("the token is for another audience than gateway.auth.audience")]
    Audience,
    /// By somebody else.
    #[error("the token is of another issuer than gateway.auth.issuer")]
    Issuer,
    /// Something is missing, or cannot be read.
    #[error("the token lacks exp, aud, iss or a client, or has them in a form that cannot be read")]
    Claims,
}

/// Tells clients apart.
#[derive(Debug)]
pub struct Authenticator {
    is_open: bool,
    tokens: Option<Tokens>,
    keys: ApiKeys,
}

impl Authenticator {
    /// Takes tokens and keys as `settings` say; nothing of both lets everybody ask for everything. Reads the issuer's keys,
    /// and keeps them fresh from then on.
    ///
    /// # Errors
    /// [`JwksError`] where they cannot be had.
    pub fn new(settings: &AuthSettings) -> Result<Self, JwksError> {
        Self::with_refresh(settings, Refresh::default())
    }

    /// The same, with other times.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_refresh(settings: &AuthSettings, refresh: Refresh) -> Result<Self, JwksError> {
        let tokens = settings.tokens.as_ref().map(|tokens| Tokens::new(tokens, refresh)).transpose()?;
        Ok(Self { is_open: settings.is_open(), tokens, keys: ApiKeys::new(&settings.api_keys) })
    }

    /// Whether everybody may ask for everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Who sends a request with these headers.
    ///
    /// # Errors
    /// [`AuthRefusal`].
    pub fn client(&self, headers: &HeaderMap) -> Result<Client, AuthRefusal> {
        if self.is_open {
            return Ok(Client::anybody());
        }
        match (single_header(headers, &header::AUTHORIZATION)?, single_header(headers, &API_KEY)?) {
            (None, None) => Err(AuthRefusal::Nothing),
            (None, Some(key)) => self.keys.client(key),
            (Some(text), None) => {
                let (scheme, rest) = text.split_once(' ').ok_or(AuthRefusal::Unreadable)?;
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return Err(AuthRefusal::Unreadable);
                }
                // Keys have no dot, and tokens have two.
                let secret = rest.trim_matches(' ');
                if secret.contains('.') { self.token(secret) } else { self.keys.client(secret) }
            }
            (Some(_), Some(_)) => Err(AuthRefusal::Unreadable),
        }
    }

    fn token(&self, token: &str) -> Result<Client, AuthRefusal> {
        self.tokens.as_ref().ok_or(AuthRefusal::NoTokens)?.client(token)
    }
}

/// The one header of this name, if there is one.
fn single_header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, AuthRefusal> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| AuthRefusal::Unreadable),
        (Some(_), Some(_)) => Err(AuthRefusal::Unreadable),
    }
}
