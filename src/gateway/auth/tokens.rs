//! Access tokens: JWTs that the issuer signed for this audience, and that hold at this time.
//!
//! Which algorithm a key is for says the key, never the token alone. Never takes `none` or HMAC, a token without an end, or
//! one with extensions that it marks as critical.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;

use super::jwks::{JwksError, KeyLookup, KeyStore, Refresh};
use super::signature;
use super::{AuthRefusal, Client, NAME_CHARS_MAX};
use crate::config::{Scope, TokenSettings};
use crate::domain::visible::is_visible;

/// Longest token, bytes: headers as a whole may be no longer.
const TOKEN_BYTES_MAX: usize = 12 << 10;

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    keys: KeyStore,
    settings: TokenSettings,
}

#[derive(Deserialize)]
struct Claims {
    client_id: Option<String>,
    azp: Option<String>,
    sub: Option<String>,
    scope: Option<ScopeWords>,
    scp: Option<ScopeWords>,
}

/// Scopes, as issuers write them.
#[derive(Deserialize)]
#[serde(untagged)]
enum ScopeWords {
    Text(String),
    List(Vec<String>),
}

impl Tokens {
    pub(super) fn new(settings: &TokenSettings, refresh: Refresh) -> Result<Self, JwksError> {
        signature::install();
        Ok(Self { keys: KeyStore::new(settings, refresh)?, settings: settings.clone() })
    }

    /// Whose token this is. The time is the process's clock: `jsonwebtoken` asks for it.
    pub(super) fn client(&self, token: &str) -> Result<Client, AuthRefusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthRefusal::NoToken);
        }
        let header = decode_header(token).map_err(|_| AuthRefusal::NoToken)?;
        if header.crit.is_some() {
            return Err(AuthRefusal::NoToken);
        }
        let key = match self.keys.find(header.kid.as_deref(), header.alg) {
            KeyLookup::Key(key) => key,
            KeyLookup::OtherAlgorithm => return Err(AuthRefusal::NoToken),
            KeyLookup::Unknown => return Err(AuthRefusal::UnknownIssuerKey),
        };
        let mut validation = Validation::new(header.alg);
        validation.leeway = self.settings.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_audience(&[&self.settings.audience]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        let claims =
            decode::<Claims>(token, &key, &validation).map_err(|error| refusal(error.kind()))?.claims;
        client(claims)
    }
}

fn client(claims: Claims) -> Result<Client, AuthRefusal> {
    let name = claims.client_id.or(claims.azp).or(claims.sub).ok_or(AuthRefusal::Claims)?;
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(is_visible) {
        return Err(AuthRefusal::Claims);
    }
    let mut scopes: Vec<Scope> = Vec::new();
    for words in [claims.scope, claims.scp].into_iter().flatten() {
        let words = match words {
            ScopeWords::Text(text) => text.split(' ').filter_map(Scope::from_symbol).collect::<Vec<_>>(),
            ScopeWords::List(list) => list.iter().filter_map(|word| Scope::from_symbol(word)).collect(),
        };
        scopes.extend(words);
    }
    scopes.sort_unstable();
    scopes.dedup();
    Ok(Client { name: format!("token:{name}"), scopes })
}

fn refusal(kind: &ErrorKind) -> AuthRefusal {
    match kind {
        ErrorKind::InvalidSignature => AuthRefusal::Signature,
        ErrorKind::ExpiredSignature => AuthRefusal::Expired,
        ErrorKind::ImmatureSignature => AuthRefusal::NotYet,
        ErrorKind::InvalidAudience => AuthRefusal::Audience,
        ErrorKind::InvalidIssuer => AuthRefusal::Issuer,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
            AuthRefusal::Claims
        }
        _ => AuthRefusal::NoToken,
    }
}
