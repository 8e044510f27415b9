//! Access tokens and the issuer's keys. Nothing is taken but a token that is signed by a key of the set in the way that the key is
//! for, and that says so of this audience, this issuer and this time.
//!
//! Tokens hold by the clock of the process: a claim `"@-20"` is the time 20 seconds ago.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tillgate::config::{AuthSettings, JwksPlace, Scope, TokenSettings};
use tillgate::gateway::auth::{Authenticator, Client, JwksError};

pub const AUDIENCE: &str = "https://till.example";
pub const ISSUER: &str = "https://issuer.example";
const LEEWAY: i64 = 30;
/// How far a token's time may be off by the seconds that pass between a look at the clock here and there.
const SLACK: i64 = 20;

/// The key of RFC 6979, A.2.5: nobody can sign by chance with a key that is known in a test alone.
const SECRET: &str = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
const POINT: [&str; 2] = [
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
];
/// The modulus of RFC 7515, A.2. Nothing is signed by it here.
const MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

fn hex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte");
    (0..digits.len()).step_by(2).map(byte).collect()
}

struct Keys {
    ed: Ed25519KeyPair,
    other: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    random: SystemRandom,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let random = SystemRandom::new();
    let point = [vec![4], hex(POINT[0]), hex(POINT[1])].concat();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    Keys {
        ed: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key"),
        other: Ed25519KeyPair::from_seed_unchecked(&[8; 32]).expect("a key"),
        ec: EcdsaKeyPair::from_private_key_and_public_key(algorithm, &hex(SECRET), &point, &random)
            .expect("a key"),
        random,
    }
});

/// The issuer's keys, each under the name of its kind.
pub fn key_set() -> Value {
    let [x, y] = POINT.map(|number| URL_SAFE_NO_PAD.encode(hex(number)));
    json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "x": ed_text() },
        { "kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "x": x, "y": y },
        { "kty": "RSA", "kid": "rsa", "n": MODULUS, "e": "AQAB" },
    ] })
}

fn ed_text() -> String {
    URL_SAFE_NO_PAD.encode(KEYS.ed.public_key())
}

fn settings(jwks: &Path) -> AuthSettings {
    let tokens = TokenSettings {
        jwks: JwksPlace::File(jwks.to_owned()),
        audience: AUDIENCE.to_owned(),
        issuer: ISSUER.to_owned(),
        leeway: Duration::from_secs(LEEWAY as u64),
        ca_file: None,
    };
    AuthSettings { tokens: Some(tokens), api_keys: Vec::new() }
}

fn authenticator(jwks: &[u8]) -> Result<Authenticator, JwksError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, jwks).expect("written");
    // It is read at once.
    Authenticator::new(&settings(&path))
}

static AUTHENTICATOR: LazyLock<Authenticator> =
    LazyLock::new(|| authenticator(key_set().to_string().as_bytes()).expect("keys"));

#[allow(clippy::disallowed_methods, reason = "tokens hold by the clock of the process")]
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

fn client(of: &Authenticator, token: &[u8]) -> Option<Client> {
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, value);
    match of.client(&headers) {
        Ok(client) => Some(client),
        Err(why) => {
            assert!(!why.to_string().is_empty());
            None
        }
    }
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Ed,
    Ec,
    Other,
    Nothing,
    /// What is public as a secret: the point, the modulus, or the key as it stands in the set.
    Public(u8),
    /// The right signature, but a bit or its end.
    Bent(u8),
}

impl By {
    fn of(byte: u8) -> Self {
        match byte % 10 {
            0 | 1 => Self::Ed,
            2 | 3 => Self::Ec,
            4 => Self::Other,
            5 => Self::Nothing,
            6 | 7 => Self::Public(byte / 10 % 4),
            _ => Self::Bent(byte),
        }
    }

    fn sign(self, message: &[u8]) -> Vec<u8> {
        let ed = || KEYS.ed.sign(message).as_ref().to_vec();
        match self {
            Self::Ed => ed(),
            Self::Ec => KEYS.ec.sign(&KEYS.random, message).expect("signed").as_ref().to_vec(),
            Self::Other => KEYS.other.sign(message).as_ref().to_vec(),
            Self::Nothing => Vec::new(),
            Self::Public(which) => {
                let secret = match which {
                    0 => KEYS.ed.public_key().as_ref().to_vec(),
                    1 => URL_SAFE_NO_PAD.decode(MODULUS).expect("a modulus"),
                    2 => ed_text().into_bytes(),
                    _ => key_set()["keys"][0].to_string().into_bytes(),
                };
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message).as_ref().to_vec()
            }
            Self::Bent(byte) => {
                let mut signature = ed();
                match byte / 10 {
                    0 => signature.truncate(63),
                    1 => signature.push(0),
                    place => signature[usize::from(place) * 2] ^= 1,
                }
                signature
            }
        }
    }
}

/// Two bytes that choose, a line of the header and the claims; or a token as it is.
pub fn token(bytes: &[u8]) {
    let [by, form, rest @ ..] = bytes else { return };
    if *form == 255 {
        assert_eq!(client(&AUTHENTICATOR, rest), None, "nobody has signed it");
        return;
    }
    let by = By::of(*by);
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (header, claims) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
    let claims = timed(claims);
    let written = |part: &[u8]| match form & 7 {
        0 => URL_SAFE.encode(part),
        1 => STANDARD.encode(part),
        2 => format!("{}\t", URL_SAFE_NO_PAD.encode(part)),
        _ => URL_SAFE_NO_PAD.encode(part),
    };
    let message = format!("{}.{}", written(header), written(&claims));
    let token = format!("{message}.{}", written(&by.sign(message.as_bytes())));
    let Some(client) = client(&AUTHENTICATOR, token.as_bytes()) else {
        let is_whole = (form & 7) > 2 && matches!(by, By::Ed | By::Ec);
        let is_good = header == good_header(by).as_bytes() && rest.ends_with(GOOD_CLAIMS.as_bytes());
        let ends = end + 1 + GOOD_CLAIMS.len();
        assert!(!(is_whole && is_good && rest.len() == ends), "a good token is not taken");
        return;
    };
    sound(by, header, &claims, &client);
}

/// Claims that nothing is wrong with.
pub const GOOD_CLAIMS: &str = r#"{"iss":"https://issuer.example","aud":"https://till.example","client_id":"till-7","exp":"@300","nbf":"@-10","scope":"openid events:write contact:ask"}"#;

/// A header that nothing is wrong with.
fn good_header(by: By) -> String {
    match by {
        By::Ec => r#"{"alg":"ES256","kid":"ec"}"#.to_owned(),
        _ => r#"{"alg":"EdDSA","kid":"ed"}"#.to_owned(),
    }
}

/// The headers of good tokens.
pub fn good_headers() -> [String; 2] {
    [By::Ed, By::Ec].map(good_header)
}

/// The claims with times in place of `"@300"`.
fn timed(claims: &[u8]) -> Vec<u8> {
    let Ok(text) = str::from_utf8(claims) else { return claims.to_vec() };
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\"@") {
        out.push_str(before);
        match after.split_once('"').and_then(|(number, after)| Some((number.parse::<i32>().ok()?, after))) {
            Some((seconds, after)) => {
                out.push_str(&(now() + i64::from(seconds)).to_string());
                rest = after;
            }
            None => {
                out.push_str("\"@");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.into_bytes()
}

/// The members of an object that was taken. What nobody looks at need not be a text that can be read.
fn members(text: &[u8]) -> Value {
    let all: BTreeMap<String, Box<RawValue>> =
        serde_json::from_slice(text).expect("what was taken is an object");
    all.into_iter()
        .filter_map(|(name, raw)| Some((name, serde_json::from_str::<Value>(raw.get()).ok()?)))
        .collect()
}

/// A token that was taken is all that it must be.
fn sound(by: By, header: &[u8], claims: &[u8], client: &Client) {
    let (header, claims) = (members(header), members(claims));
    let (algorithm, id) = match by {
        By::Ed => ("EdDSA", "ed"),
        By::Ec => ("ES256", "ec"),
        other => panic!("taken though it is signed by {other:?}: {header} {claims}"),
    };
    assert_eq!(header["alg"], algorithm);
    assert!(header["kid"] == id || header["kid"].is_null(), "{header}");
    assert!(header["crit"].is_null(), "{header}");
    let says = |claim: &Value, text: &str| {
        claim == text || claim.as_array().is_some_and(|all| all.iter().any(|one| one == text))
    };
    assert!(says(&claims["iss"], ISSUER) && says(&claims["aud"], AUDIENCE), "{claims}");
    let seconds = |claim: &Value| claim.as_f64().unwrap_or(f64::NAN);
    let now = now() as f64;
    assert!(seconds(&claims["exp"]) >= now - (LEEWAY + SLACK) as f64, "late: {claims}");
    let begins = &claims["nbf"];
    assert!(begins.is_null() || seconds(begins) <= now + (LEEWAY + SLACK) as f64, "early: {claims}");
    let names = ["client_id", "azp", "sub"].map(|name| claims[name].as_str());
    let name = names.into_iter().flatten().next().expect("a name");
    assert_eq!(client.name, format!("token:{name}"));
    let words = |claim: &Value| match claim {
        Value::String(text) => text.split(' ').map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let told = [words(&claims["scope"]), words(&claims["scp"])].concat();
    let mut scopes: Vec<Scope> = told.iter().filter_map(|word| Scope::from_symbol(word)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    assert_eq!(client.scopes, scopes, "{claims}");
}

/// A set of keys, as an issuer publishes it: what is public in it is no secret, and only who has a key of it is let in.
pub fn keys(bytes: &[u8]) {
    let of = match authenticator(bytes) {
        Ok(of) => of,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let text = String::from_utf8_lossy(bytes);
    let claims = timed(GOOD_CLAIMS.as_bytes());
    let both = [By::Ed, By::Ec, By::Other, By::Nothing, By::Public(0), By::Public(1), By::Public(2)];
    for by in both {
        for header in [
            r#"{"alg":"EdDSA","kid":"ed"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"ES256","kid":"ec"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS256","kid":"ed"}"#,
            r#"{"alg":"RS256","kid":"rsa"}"#,
            r#"{"alg":"none"}"#,
        ] {
            let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&claims));
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(by.sign(message.as_bytes())));
            if client(&of, token.as_bytes()).is_none() {
                continue;
            }
            let is_there = match by {
                // A JSON text may be written with escapes.
                By::Ed => text.contains(&ed_text()) || text.contains("\\u"),
                By::Ec => text.contains(&URL_SAFE_NO_PAD.encode(hex(POINT[0]))) || text.contains("\\u"),
                _ => false,
            };
            assert!(is_there, "{by:?} with {header} is taken by {text}");
        }
    }
}
