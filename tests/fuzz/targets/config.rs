//! Configuration: files, environment variables and flags, and rulesets that were kept.

use std::collections::BTreeMap;

use tillgate::config::{Faults, Settings, Sources, load, read_ruleset};

use tillgate::domain::visible::is_visible;

use super::files::write_file;

/// A file of settings or of checks. What is taken keeps as a ruleset that reads back as the same.
pub fn file(bytes: &[u8]) {
    let path = write_file("config/tillgate.toml", bytes);
    judge(load(&Sources { configs: vec![path], ..Sources::default() }));
}

/// Lines: those that begin with `$` are environment variables, all others `--set` flags.
pub fn values(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (mut environment, mut overrides) = (BTreeMap::new(), Vec::new());
    for line in text.lines().take(50) {
        match line.strip_prefix('$') {
            Some(variable) => {
                let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                // A file elsewhere on this machine is none of ours.
                if name != tillgate::config::CONFIG_VARIABLE {
                    environment.insert(name.to_owned(), value.to_owned());
                }
            }
            None => overrides.push(line.to_owned()),
        }
    }
    judge(load(&Sources { configs: Vec::new(), environment, overrides }));
}

fn judge(loaded: Result<Settings, Faults>) {
    match loaded {
        Ok(settings) => {
            let text = settings.canonical_text();
            if let Err(faults) = read_ruleset("fuzz", text) {
                panic!("a ruleset that is in force does not read back: {faults}\n{text}");
            }
        }
        Err(faults) => assert_faults(&faults),
    }
}

/// A kept ruleset: refused, or taken as the very text that it is.
pub fn ruleset(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(faults) = read_ruleset("fuzz", text) {
        assert_faults(&faults);
    }
}

fn assert_faults(faults: &Faults) {
    assert!(!faults.0.is_empty(), "refused without a reason");
    let text = faults.to_string();
    let shown = text.lines().all(|line| line.chars().all(is_visible));
    assert!(shown, "a character that a terminal obeys in {text:?}");
}
