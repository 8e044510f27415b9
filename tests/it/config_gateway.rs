//! `[gateway]` from the outside: what may be left out, what belongs together, and what is never shown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tillgate::config::{self, GatewaySettings, JwksPlace, Scope, Settings, Sources};

const HASH: &str = "4f0c0a1b4f0c0a1b4f0c0a1b4f0c0a1b4f0c0a1b4f0c0a1b4f0c0a1b4f0c0a1b";

fn load(text: &str) -> Result<Settings, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tillgate.toml");
    std::fs::write(&path, text).expect("written");
    let result = config::load(&Sources { configs: vec![path], ..Sources::default() });
    result.map_err(|faults| faults.to_string().replace(&folder.path().display().to_string(), "CONFIG"))
}

fn read(text: &str) -> GatewaySettings {
    load(text).unwrap_or_else(|faults| panic!("{faults}")).gateway
}

#[track_caller]
fn assert_refused(text: &str, parts: &[&str]) {
    let faults = load(text).expect_err(text);
    for part in parts {
        assert!(faults.contains(part), "no {part:?} in:\n{faults}");
    }
}

#[test]
fn by_default_it_listens_on_this_machine_and_knows_nobody() {
    let settings = read("");
    assert_eq!(settings.listen, SocketAddr::from(([127, 0, 0, 1], 8_080)));
    assert_eq!((settings.history, settings.history_bytes_max), (Duration::from_secs(7 * 86_400), 256 << 20));
    assert_eq!((settings.answer_within, settings.disclose), (Duration::from_secs(10), false));
    assert_eq!((settings.body_bytes_max, settings.requests_max), (1 << 20, 4_096));
    assert_eq!((settings.rate_per_client, settings.insecure), (0, false));
    assert!(settings.auth.is_open() && settings.tls.is_none() && settings.warning().is_none());
}

#[test]
fn beyond_this_machine_it_wants_to_know_who_asks() {
    let beyond = "[gateway]\nlisten = \"0.0.0.0:8080\"\n";
    assert_refused(beyond, &["CONFIG/tillgate.toml:2:1", "anybody may ask there", "gateway.insecure = true"]);
    let settings = read(&format!("{beyond}insecure = true\n"));
    assert!(settings.warning().is_some_and(|warning| warning.contains("without TLS")));
    let keys = format!("{beyond}[gateway.auth.api_keys]\ntill = \"events:write blake3:{HASH}\"\n");
    assert!(!read(&keys).auth.is_open());
    let tokens =
        format!("{beyond}[gateway.auth]\njwks = \"keys.json\"\naudience = \"tillgate\"\nissuer = \"me\"\n");
    assert!(!read(&tokens).auth.is_open());
    // A key that cannot be read is the one fault: it was meant.
    let faults = load(&format!("{beyond}[gateway.auth.api_keys]\ntill = \"\"\n")).expect_err("refused");
    assert!(!faults.contains("anybody may ask there"), "{faults}");
}

#[test]
fn every_fault_is_told_with_its_place_and_remedy() {
    let text = format!(
        "[gateway]\nlisten = \"everywhere\"\nhistory = \"0s\"\nrequests_max = 0\n[gateway.tls]\ncert_file = \"a.pem\"\n\
         [gateway.auth]\njwks = \"http://keys\"\naudience = \"x\"\n[gateway.auth.api_keys]\n\
         a = \"events:write\"\nb = \"events:wirte blake3:{HASH}\"\nc = \"blake3:{HASH}\"\n\
         \"d e\" = \"events:read blake3:{HASH}\"\nf = \"events:read blake3:{HASH}\"\n\
         g = \"events:read blake3:{HASH}\"\nh = \"env:NOT_SET_ANYWHERE\"\n"
    );
    let faults = load(&text).expect_err("refused");
    assert!(!faults.contains("4f0c"), "{faults}");
    insta::assert_snapshot!(faults);
}

#[test]
fn tokens_are_for_one_audience_of_one_issuer() {
    assert_refused(
        "[gateway.auth]\njwks = \"https://issuer/keys\"\n",
        &["tillgate.toml:2:1", "needs gateway.auth.audience", "needs gateway.auth.issuer"],
    );
    assert_refused("[gateway.auth]\nissuer = \"x\"\n", &["gateway.auth.issuer: is set", "no token is taken"]);
    let settings = read(
        "[gateway.auth]\njwks = \"https://issuer/keys\"\naudience = \"a\"\nissuer = \"i\"\nleeway = \"0s\"\n",
    );
    let tokens = settings.auth.tokens.expect("tokens");
    assert_eq!(tokens.jwks, JwksPlace::Url("https://issuer/keys".to_owned()));
    assert_eq!((tokens.audience.as_str(), tokens.issuer.as_str(), tokens.leeway), ("a", "i", Duration::ZERO));
    let relative = read("[gateway.auth]\njwks = \"keys.json\"\naudience = \"a\"\nissuer = \"i\"\n");
    let JwksPlace::File(path) = relative.auth.tokens.expect("tokens").jwks else { panic!("no file") };
    assert!(path.is_absolute() && path.ends_with("keys.json"), "{}", path.display());
}

#[test]
fn keys_are_read_and_never_shown() {
    let settings = load(&format!(
        "[gateway.auth.api_keys]\ntill-7 = \"events:write events:read blake3:{}\"\n",
        HASH.to_uppercase()
    ))
    .expect("sound");
    let [key] = settings.gateway.auth.api_keys.as_slice() else { panic!("one key") };
    assert_eq!((key.client.as_str(), key.hash.expose()), ("till-7", HASH));
    assert_eq!(key.scopes, [Scope::EventsWrite, Scope::EventsRead]);
    let shown = settings.describe().iter().find(|row| row.key == "gateway.auth.api_keys.till-7");
    assert_eq!(shown.expect("a row").value, "\"***\"");
    assert!(!format!("{settings:?}").contains("4f0c"));
}

#[test]
fn certificate_and_key_go_together() {
    let settings =
        read("[gateway.tls]\ncert_file = \"/run/secrets/chain.pem\"\nkey_file = \"/run/secrets/key.pem\"\n");
    let tls = settings.tls.expect("TLS");
    assert_eq!(tls.cert_file, PathBuf::from("/run/secrets/chain.pem"));
    assert_refused(
        "[gateway.tls]\nkey_file = \"key.pem\"\n",
        &["gateway.tls.key_file: is set, and gateway.tls.cert_file is empty"],
    );
}
