//! `tillgate gateway key`: what it prints lets its holder in, once it stands in the settings.

use assert_cmd::Command;
use axum::http::{HeaderMap, HeaderValue};
use tillgate::config::{self, Scope, Sources};
use tillgate::gateway::Authenticator;

fn run(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("tillgate").expect("the binary");
    command.args(["gateway", "key"]).args(arguments).output().expect("it runs")
}

#[test]
fn the_line_lets_the_key_in_and_says_nothing_of_it() {
    let made =
        run(&["till-7", "--scope", "events:write", "--scope", "events:read", "--scope", "events:write"]);
    assert!(made.status.success(), "{made:?}");
    let text = String::from_utf8(made.stdout).expect("text");
    let (key, line) = text.trim_end().split_once('\n').expect("two lines");
    assert!(key.len() > 40 && !line.contains(&key[9..]), "{line}");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.toml");
    std::fs::write(&path, format!("[gateway.auth.api_keys]\n{line}\n")).expect("written");
    let settings = config::load(&Sources { configs: vec![path], ..Sources::default() }).expect("sound");
    let authenticator = Authenticator::new(&settings.gateway.auth).expect("keys");
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_str(key).expect("a value"));
    let client = authenticator.client(&headers).expect("a client");
    assert_eq!(
        (client.name.as_str(), client.scopes),
        ("till-7", vec![Scope::EventsWrite, Scope::EventsRead])
    );

    let again = run(&["till-7", "--scope", "events:write"]);
    assert!(!String::from_utf8(again.stdout).expect("text").contains(key), "the same key twice");
}

#[test]
fn names_and_scopes_that_no_settings_take_are_refused() {
    for (arguments, part) in [
        (&["a b", "--scope", "events:write"][..], "letters, digits"),
        (&["till", "--scope", "events:wirte"], "the scopes are events:write, events:read"),
        (&["till"], "--scope"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8(refused.stderr).expect("text").contains(part), "{arguments:?}");
        assert!(refused.stdout.is_empty());
    }
}
