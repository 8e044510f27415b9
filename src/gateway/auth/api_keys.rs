//! API keys: 256 random bits each, known here by their hashes alone.
//!
//! Every request that has a key is held against all of them, each in constant time, so that how long it takes says nothing.

use base64::Engine;
use ring::rand::{SecureRandom, SystemRandom};

use super::{AuthRefusal, Client};
use crate::config::ApiKey;

/// What keys begin with, so that people and scanners for lost secrets know them.
const PREFIX: &str = "tillgate_";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;
/// Longest text that is taken for a key, bytes.
const KEY_TEXT_BYTES_MAX: usize = 256;

/// A new key, which nobody can guess.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_key() -> Result<String, ring::error::Unspecified> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
}

/// What the settings hold of a key: hexadecimal digits. The key is random, so a fast hash keeps it as well as a slow one.
#[must_use]
pub fn hash_of_key(key: &str) -> String {
    blake3::hash(key.as_bytes()).to_hex().to_string()
}

/// The keys that are taken.
#[derive(Debug, Default)]
pub(super) struct ApiKeys(Vec<(blake3::Hash, Client)>);

impl ApiKeys {
    pub(super) fn new(keys: &[ApiKey]) -> Self {
        let known = |key: &ApiKey| {
            let hash = blake3::Hash::from_hex(key.hash.expose()).ok()?;
            Some((hash, Client { name: key.client.clone(), scopes: key.scopes.clone() }))
        };
        Self(keys.iter().filter_map(known).collect())
    }

    /// Whose key this is.
    pub(super) fn client(&self, key: &str) -> Result<Client, AuthRefusal> {
        if key.len() > KEY_TEXT_BYTES_MAX {
            return Err(AuthRefusal::UnknownKey);
        }
        let hash = blake3::hash(key.as_bytes());
        // No early end: `==` of hashes takes the same time wherever they differ.
        let mut found = None;
        for (known, client) in &self.0 {
            if *known == hash {
                found = Some(client);
            }
        }
        found.cloned().ok_or(AuthRefusal::UnknownKey)
    }
}
