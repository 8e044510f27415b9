//! Who is let in by a token or a key, and who is not: forged, late, early, for somebody else, or signed in a way that turns
//! what is public into a secret.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use serde_json::{Value, json};
use tillgate::config::{
    ApiKey, AuthSettings, GatewaySettings, JwksPlace, Scope, Secret, TlsSettings, TokenSettings,
};
use tillgate::gateway::auth::{AuthRefusal, Authenticator, Client, JwksError, Refresh, hash_of_key, new_key};
use tillgate::gateway::{Server, ServerBounds};

use crate::gateway_server::served::{SOON, settings};
use crate::support::eventually;

const AUDIENCE: &str = "https://till.example";
const ISSUER: &str = "https://issuer.example";

/// A key of an issuer.
enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("openssl");
    child.stdin.take().expect("an input").write_all(input).expect("written");
    let made = child.wait_with_output().expect("an end");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// A key of 1,024 bits, and a token that is rightly signed by it.
fn weak(id: &str) -> (Value, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weak.pem");
    let path = path.to_str().expect("a path");
    openssl(&["genrsa", "-out", path, "1024"], b"");
    let modulus = String::from_utf8(openssl(&["rsa", "-in", path, "-noout", "-modulus"], b"")).expect("text");
    let digits = modulus.trim().strip_prefix("Modulus=").expect("a modulus");
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte");
    let modulus: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    assert_eq!(modulus.len(), 128);
    let header = json!({ "alg": "RS256", "kid": id }).to_string();
    let message = format!("{}.{}", base64(header), base64(claims(&json!({})).to_string()));
    let signature = openssl(&["dgst", "-sha256", "-sign", path], message.as_bytes());
    (
        json!({ "kty": "RSA", "kid": id, "n": base64(modulus), "e": "AQAB" }),
        format!("{message}.{}", base64(signature)),
    )
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    fn ed() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key"))
    }

    fn ec() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key"))
    }

    /// ring makes no RSA keys.
    fn rsa() -> Self {
        let made = openssl(
            &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER"],
            b"",
        );
        // Versions of openssl differ in what they write.
        Self::Rsa(RsaKeyPair::from_pkcs8(&made).or_else(|_| RsaKeyPair::from_der(&made)).expect("a key"))
    }

    fn jwk(&self, id: &str) -> Value {
        let mut jwk = match self {
            Self::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key()) }),
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) })
            }
            Self::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": base64(public.n), "e": base64(public.e) })
            }
        };
        jwk["kid"] = id.into();
        jwk["use"] = "sig".into();
        jwk
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&random, message.as_bytes()).expect("signed").as_ref().to_vec(),
            Self::Rsa(pair) => {
                let padding: &dyn ring::signature::RsaEncoding =
                    if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message.as_bytes(), &mut signature).expect("signed");
                signature
            }
        };
        format!("{message}.{}", base64(signature))
    }
}

#[allow(clippy::disallowed_methods, reason = "tokens hold by the clock of the process")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a time")
}

/// Claims that are good, with some that are put in their place.
fn claims(changed: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "client_id": "till-7", "exp": now() + 300, "nbf": now() - 10,
        "scope": "openid events:write",
    });
    for (name, value) in changed.as_object().expect("an object") {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// A file of keys that can be changed.
struct Issuer {
    folder: tempfile::TempDir,
}

impl Issuer {
    fn of(keys: &[Value]) -> Self {
        let issuer = Self { folder: tempfile::tempdir().expect("a folder") };
        issuer.publish(&json!({ "keys": keys }).to_string());
        issuer
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("jwks.json")
    }

    fn publish(&self, text: &str) {
        let new = self.folder.path().join("new.json");
        std::fs::write(&new, text).expect("written");
        std::fs::rename(new, self.path()).expect("renamed");
    }

    fn settings(&self) -> AuthSettings {
        AuthSettings { tokens: Some(tokens(JwksPlace::File(self.path()))), api_keys: Vec::new() }
    }

    fn authenticator(&self) -> Authenticator {
        Authenticator::new(&self.settings()).expect("keys")
    }
}

fn tokens(jwks: JwksPlace) -> TokenSettings {
    TokenSettings {
        jwks,
        audience: AUDIENCE.to_owned(),
        issuer: ISSUER.to_owned(),
        leeway: Duration::from_secs(30),
        ca_file: None,
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

fn by_token(authenticator: &Authenticator, token: &str) -> Result<Client, AuthRefusal> {
    authenticator.client(&headers(&[("authorization", &format!("Bearer {token}"))]))
}

#[test]
fn takes_tokens_of_every_algorithm_that_is_safe() {
    let signers = [("EdDSA", Signer::ed()), ("ES256", Signer::ec()), ("RS256", Signer::rsa())];
    let keys: Vec<Value> = signers.iter().map(|(id, signer)| signer.jwk(id)).collect();
    let issuer = Issuer::of(&keys);
    let authenticator = issuer.authenticator();
    let all = signers.iter().map(|(name, signer)| (*name, *name, signer));
    for (id, algorithm, signer) in all.chain([("RS256", "PS256", &signers[2].1)]) {
        let token = signer.token(&json!({ "alg": algorithm, "kid": id }), &claims(&json!({})));
        let client = by_token(&authenticator, &token).unwrap_or_else(|why| panic!("{algorithm}: {why}"));
        assert_eq!(
            (client.name.as_str(), client.scopes.as_slice()),
            ("token:till-7", &[Scope::EventsWrite][..])
        );
        // The last character of the signature may hold bits that say nothing.
        let at = token.len() - 10;
        let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        assert_eq!(by_token(&authenticator, &forged), Err(AuthRefusal::Signature), "{algorithm}");
    }
}

#[test]
fn reads_scopes_as_issuers_write_them() {
    let signer = Signer::ed();
    let authenticator = Issuer::of(&[signer.jwk("a")]).authenticator();
    let scopes = |changed: Value| {
        let token = signer.token(&json!({ "alg": "EdDSA", "kid": "a" }), &claims(&changed));
        by_token(&authenticator, &token).map(|client| client.scopes)
    };
    use Scope::{AccountEventsWrite, EventsRead, EventsWrite};
    assert_eq!(scopes(json!({})), Ok(vec![EventsWrite]));
    assert_eq!(scopes(json!({ "scope": null })), Ok(vec![]));
    assert_eq!(scopes(json!({ "scope": "events:writeevents:read Events:write" })), Ok(vec![]));
    assert_eq!(
        scopes(json!({ "scope": null, "scp": ["events:read", "events:write"] })),
        Ok(vec![EventsWrite, EventsRead])
    );
    let both = json!({ "scope": "account-events:write", "scp": "events:read account-events:write" });
    assert_eq!(scopes(both), Ok(vec![EventsRead, AccountEventsWrite]));
    assert_eq!(scopes(json!({ "scope": 7 })), Err(AuthRefusal::Claims));
}

#[test]
fn refuses_tokens_that_are_late_early_for_others_or_of_others() {
    let signer = Signer::ec();
    let authenticator = Issuer::of(&[signer.jwk("a")]).authenticator();
    for (changed, expected) in [
        (json!({ "exp": now() - 31 }), Some(AuthRefusal::Expired)),
        (json!({ "exp": now() - 20 }), None),
        (json!({ "exp": 0 }), Some(AuthRefusal::Expired)),
        (json!({ "exp": null }), Some(AuthRefusal::Claims)),
        (json!({ "exp": "tomorrow" }), Some(AuthRefusal::Claims)),
        (json!({ "exp": -1 }), Some(AuthRefusal::Claims)),
        (json!({ "exp": 1e300 }), Some(AuthRefusal::Claims)),
        (json!({ "nbf": now() + 90 }), Some(AuthRefusal::NotYet)),
        (json!({ "nbf": now() + 20 }), None),
        (json!({ "nbf": null }), None),
        (json!({ "nbf": [] }), Some(AuthRefusal::Claims)),
        (json!({ "aud": "https://till.example.evil" }), Some(AuthRefusal::Audience)),
        (json!({ "aud": ["https://other", AUDIENCE] }), None),
        (json!({ "aud": ["https://other"] }), Some(AuthRefusal::Audience)),
        (json!({ "aud": [] }), Some(AuthRefusal::Audience)),
        (json!({ "aud": null }), Some(AuthRefusal::Claims)),
        (json!({ "aud": { "a": AUDIENCE } }), Some(AuthRefusal::Claims)),
        (json!({ "iss": "https://issuer.example/" }), Some(AuthRefusal::Issuer)),
        (json!({ "iss": null }), Some(AuthRefusal::Claims)),
        (json!({ "iss": 7 }), Some(AuthRefusal::Claims)),
        (json!({ "client_id": null }), Some(AuthRefusal::Claims)),
        (json!({ "client_id": null, "sub": "s" }), None),
        (json!({ "client_id": "" }), Some(AuthRefusal::Claims)),
        (json!({ "client_id": "a\nb" }), Some(AuthRefusal::Claims)),
        (json!({ "client_id": "x".repeat(81) }), Some(AuthRefusal::Claims)),
    ] {
        let token = signer.token(&json!({ "alg": "ES256", "kid": "a" }), &claims(&changed));
        assert_eq!(by_token(&authenticator, &token).err(), expected, "{changed}");
    }
}

#[test]
fn refuses_tokens_that_are_signed_otherwise_than_the_key_is_for() {
    let (rsa, ed, forger) = (Signer::rsa(), Signer::ed(), Signer::ed());
    let mut only_pss = rsa.jwk("pss");
    only_pss["alg"] = "PS256".into();
    let authenticator = Issuer::of(&[rsa.jwk("rsa"), ed.jwk("ed"), only_pss]).authenticator();
    let good = claims(&json!({}));
    let (header, body) = (|header: Value| base64(header.to_string()), base64(good.to_string()));
    let refused = |token: &str| by_token(&authenticator, token).expect_err(token);
    // No signature.
    for name in ["none", "None", "NONE", "nOnE", ""] {
        for end in ["", "."] {
            let token = format!("{}.{body}{end}", header(json!({ "alg": name, "kid": "rsa" })));
            assert_eq!(refused(&token), AuthRefusal::NoToken, "{name:?}{end}");
        }
    }
    // What is public, as a shared secret: in every form that an attacker may hope for.
    let Value::String(modulus) = &rsa.jwk("rsa")["n"] else { panic!("no modulus") };
    let public = [modulus.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(modulus).expect("bytes"), vec![]];
    for secret in public {
        for (kid, name) in [("rsa", "HS256"), ("ed", "HS256"), ("rsa", "HS384"), ("nobody", "HS512")] {
            let message = format!("{}.{body}", header(json!({ "alg": name, "kid": kid })));
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
            let token = format!("{message}.{}", base64(ring::hmac::sign(&key, message.as_bytes())));
            let expected = if kid == "nobody" { AuthRefusal::UnknownIssuerKey } else { AuthRefusal::NoToken };
            assert_eq!(refused(&token), expected, "{name} by {kid}");
        }
    }
    // Another key, under a name that is known; its own key brought along; a key for another algorithm.
    assert_eq!(
        refused(&forger.token(&json!({ "alg": "EdDSA", "kid": "ed" }), &good)),
        AuthRefusal::Signature
    );
    let brought = json!({ "alg": "EdDSA", "kid": "ed", "jwk": forger.jwk("ed"), "jku": "https://evil/keys" });
    assert_eq!(refused(&forger.token(&brought, &good)), AuthRefusal::Signature);
    assert_eq!(refused(&ed.token(&json!({ "alg": "EdDSA", "kid": "rsa" }), &good)), AuthRefusal::NoToken);
    assert_eq!(refused(&rsa.token(&json!({ "alg": "RS256", "kid": "pss" }), &good)), AuthRefusal::NoToken);
    assert!(by_token(&authenticator, &rsa.token(&json!({ "alg": "PS256", "kid": "pss" }), &good)).is_ok());
    // Extensions that must be understood.
    let critical = json!({ "alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false });
    assert_eq!(refused(&ed.token(&critical, &good)), AuthRefusal::NoToken);
    for text in ["..", "a.b.c", ".", &"x.".repeat(10), &format!("{}.x", "y".repeat(13 << 10))] {
        assert_eq!(refused(text), AuthRefusal::NoToken, "{}", text.len());
    }
}

#[test]
fn keys_that_are_none_for_signing_are_passed_over() {
    let (for_encryption, good) = (Signer::ec(), Signer::ed());
    let (weak_key, by_weak_key) = weak("weak");
    let mut encrypts = for_encryption.jwk("enc");
    encrypts["use"] = "enc".into();
    let others =
        json!([{ "kty": "oct", "k": "c2VjcmV0", "kid": "shared" }, { "kty": "new", "kid": "later" }, 7, {}]);
    let mut keys = others.as_array().expect("a list").clone();
    keys.extend([encrypts, weak_key, good.jwk("good")]);
    let authenticator = Issuer::of(&keys).authenticator();
    let by = |signer: &Signer, algorithm: &str, id: &str| {
        by_token(&authenticator, &signer.token(&json!({ "alg": algorithm, "kid": id }), &claims(&json!({}))))
    };
    assert!(by(&good, "EdDSA", "good").is_ok());
    assert_eq!(by(&for_encryption, "ES256", "enc"), Err(AuthRefusal::UnknownIssuerKey));
    assert_eq!(
        by_token(&authenticator, &by_weak_key),
        Err(AuthRefusal::Signature),
        "1,024 bits are not enough"
    );
    // A token that does not name its key may be by the only one of its algorithm.
    let unnamed = good.token(&json!({ "alg": "EdDSA" }), &claims(&json!({})));
    assert!(by_token(&authenticator, &unnamed).is_ok());
    let two = Issuer::of(&[good.jwk("a"), Signer::ed().jwk("b")]).authenticator();
    assert_eq!(by_token(&two, &unnamed), Err(AuthRefusal::NoToken));
}

#[test]
fn a_key_that_is_not_known_yet_is_asked_for_and_a_bad_set_changes_nothing() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let issuer = Issuer::of(&[old.jwk("old")]);
    let refresh = Refresh { every: Duration::from_secs(3_600), early: Duration::from_millis(1) };
    let authenticator = Authenticator::with_refresh(&issuer.settings(), refresh).expect("keys");
    let by = |signer: &Signer, id: &str| {
        by_token(&authenticator, &signer.token(&json!({ "alg": "EdDSA", "kid": id }), &claims(&json!({}))))
    };
    assert_eq!(by(&new, "new"), Err(AuthRefusal::UnknownIssuerKey));
    // The last of these shows that those before it were looked at.
    for bad in ["", "{}", "{\"keys\": []}", &format!("{{\"keys\": [{}]}}", " ".repeat(300 << 10))] {
        issuer.publish(bad);
        assert_eq!(by(&new, "new"), Err(AuthRefusal::UnknownIssuerKey));
        assert!(by(&old, "old").is_ok());
    }
    issuer.publish(&json!({ "keys": [new.jwk("new")] }).to_string());
    eventually(SOON, "the new key", || by(&new, "new").ok());
    assert_eq!(by(&old, "old"), Err(AuthRefusal::UnknownIssuerKey), "a key that is taken back is not taken");
}

#[test]
fn without_keys_nothing_starts_and_the_setting_is_named() {
    let issuer = Issuer::of(&[]);
    let fault = |settings: &AuthSettings| Authenticator::new(settings).expect_err("no keys").to_string();
    assert!(fault(&issuer.settings()).contains("holds no key"), "{}", fault(&issuer.settings()));
    let missing =
        AuthSettings { tokens: Some(tokens(JwksPlace::File("not/there.json".into()))), api_keys: vec![] };
    assert!(
        fault(&missing).starts_with("gateway.auth.jwks not/there.json: cannot be read"),
        "{}",
        fault(&missing)
    );
}

#[test]
fn keys_come_over_https_from_an_authority_of_our_own_and_from_no_other() {
    let signer = Signer::ed();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let cert_file = file("cert.pem", &made.cert.pem());
    let key_file = file("key.pem", &made.signing_key.serialize_pem());
    let settings =
        GatewaySettings { tls: Some(TlsSettings { cert_file: cert_file.clone(), key_file }), ..settings() };
    let set = Arc::new(Mutex::new(json!({ "keys": [signer.jwk("a")] }).to_string()));
    let published = Arc::clone(&set);
    let routes =
        axum::Router::new().route("/keys", get(async move || published.lock().expect("no poison").clone()));
    let server =
        Server::bind(settings.listen, ServerBounds::of(&settings), settings.tls.as_ref()).expect("a port");
    let url = format!("https://localhost:{}/keys", server.address().port());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = server.serve(routes, async move { stopped.await.unwrap_or(()) }).expect("a thread");

    let of = |ca_file: Option<PathBuf>| AuthSettings {
        tokens: Some(TokenSettings { ca_file, ..tokens(JwksPlace::Url(url.clone())) }),
        api_keys: vec![],
    };
    let authenticator = Authenticator::new(&of(Some(cert_file))).expect("keys");
    let token = signer.token(&json!({ "alg": "EdDSA", "kid": "a" }), &claims(&json!({})));
    assert!(by_token(&authenticator, &token).is_ok());
    let stranger = Authenticator::new(&of(None)).expect_err("an authority that nobody knows");
    assert!(
        matches!(stranger, JwksError::Url { .. }) && stranger.to_string().contains("gateway.auth.ca_file")
    );
    *set.lock().expect("no poison") = "x".repeat(300 << 10);
    let cert_file = folder.path().join("cert.pem");
    assert!(Authenticator::new(&of(Some(cert_file))).is_err(), "a set without a bound");
    stop.send(()).expect("it runs");
    thread.join().expect("it ends");
}

#[test]
fn a_key_lets_in_its_client_alone_and_one_character_off_lets_in_nobody() {
    let (key, other) = (new_key().expect("a key"), new_key().expect("a key"));
    assert_ne!(key, other);
    let of = |client: &str, key: &str, scopes: Vec<Scope>| ApiKey {
        client: client.to_owned(),
        scopes,
        hash: Secret::new(hash_of_key(key)),
    };
    let settings = AuthSettings {
        tokens: None,
        api_keys: vec![
            of("till-7", &key, vec![Scope::EventsWrite]),
            of("ledger", &other, vec![Scope::AccountEventsWrite]),
        ],
    };
    let authenticator = Authenticator::new(&settings).expect("no issuer is asked");
    let client = |pairs: &[(&'static str, &str)]| authenticator.client(&headers(pairs));
    let name = |pairs: &[(&'static str, &str)]| client(pairs).map(|client| client.name);
    assert_eq!(name(&[("x-api-key", &key)]), Ok("till-7".to_owned()));
    assert_eq!(name(&[("authorization", &format!("bearer {other}"))]), Ok("ledger".to_owned()));
    assert!(client(&[("x-api-key", &key)]).is_ok_and(|client| !client.may(Scope::EventsRead)));
    for at in 0..key.len() {
        let mut wrong = key.clone().into_bytes();
        wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
        let wrong = String::from_utf8(wrong).expect("text");
        assert_eq!(name(&[("x-api-key", &wrong)]), Err(AuthRefusal::UnknownKey), "{at}");
    }
    let long = "x".repeat(10_000);
    for (pairs, why) in [
        (&[][..], AuthRefusal::Nothing),
        (&[("x-api-key", "")], AuthRefusal::UnknownKey),
        (&[("x-api-key", &long)], AuthRefusal::UnknownKey),
        (&[("x-api-key", &hash_of_key(&key))], AuthRefusal::UnknownKey),
        (&[("x-api-key", &key), ("x-api-key", &key)], AuthRefusal::Unreadable),
        (&[("x-api-key", &key), ("authorization", "Bearer x")], AuthRefusal::Unreadable),
        (&[("authorization", &key)], AuthRefusal::Unreadable),
        (&[("authorization", &format!("Basic {key}"))], AuthRefusal::Unreadable),
        (&[("authorization", "Bearer a.b.c")], AuthRefusal::NoTokens),
    ] {
        assert_eq!(name(pairs), Err(why), "{pairs:?}");
    }
    assert!(!format!("{settings:?} {authenticator:?}").contains(&key));
}

#[test]
fn with_neither_everybody_may_everything() {
    let authenticator = Authenticator::new(&AuthSettings::default()).expect("nothing to read");
    for pairs in [&[][..], &[("authorization", "Bearer x")], &[("x-api-key", "x")]] {
        let client = authenticator.client(&headers(pairs)).expect("anybody");
        assert!(Scope::ALL.iter().all(|scope| client.may(*scope)));
    }
}
