//! `[contact]`: what decides whether a person may be contacted, and its text, which the hash in each decision is of. Holds no
//! default of its own; a kept text that this program would read otherwise is refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::fault::{Faults, Origin};
use super::layers::{Spelling, entries};
use super::reader::{SettingsReader, named};
use super::schema::{POLICIES, Schema, Tree};
use crate::codec::rulesets::hash_of;
use crate::contact::rules::{Meaning, Policy, Reading, Refuses, Suppression};
use crate::contact::{CaseKind, Channel, InconvenientTime, Rules, SUBJECTS, Status, Theme, word_hash};
use crate::domain::zones::time_zone;

const SWITCH: &str = "contact.enabled";
/// What a text begins with: by which version of the rules it is read.
const HEAD: &str = "contact = 1";
const OTHER_VERSION: &str = "another version of tillgate kept these rules: replay with that one";
/// Days that a rule may look back: longer than interactions are remembered it would see nothing.
const DAYS_MAX: u32 = 35;

/// The rules, and their text.
pub(super) fn read(reader: &mut SettingsReader) -> (Rules, String) {
    let mut rules = rules(reader);
    let text = text(&reader.canonical);
    rules.ruleset = hash_of(&text);
    (rules, text)
}

fn text(canonical: &BTreeMap<String, String>) -> String {
    let lines = canonical.iter().filter(|(key, _)| key.starts_with("contact.") && *key != SWITCH);
    lines.fold(format!("{HEAD}\n"), |text, (key, value)| text + key + " = " + value + "\n")
}

/// Whether a kept text is one of contact rules.
#[must_use]
pub fn is_of_contact(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.starts_with("contact = "))
}

/// Reads the text of kept rules, [`super::Settings::contact_text`]; `name` says which ones in faults.
///
/// # Errors
/// Every line that this program does not know or reads otherwise.
pub fn read_rules(name: &str, kept: &str) -> Result<Rules, Faults> {
    let path: Arc<Path> = Arc::from(Path::new(name));
    let mut faults = Faults::default();
    let (schema, _defaults) = Schema::embedded(&mut faults);
    let mut tree = Tree::new();
    let place = |line| Origin::File { path: Arc::clone(&path), line, column: 1 };
    for (number, line) in (1..).zip(kept.lines()) {
        let origin = place(number);
        match line.split_once(" = ") {
            Some(_) if number == 1 && line == HEAD => {}
            Some((key, raw)) if key.starts_with("contact.") => {
                let entries = entries(&schema, key.to_owned(), raw, &origin, Spelling::Toml);
                schema.merge(&mut tree, entries, &mut faults);
            }
            _ => faults.add(&origin, line, "is no line of contact rules", OTHER_VERSION),
        }
    }
    let environment = BTreeMap::new();
    let mut reader = SettingsReader::of_ruleset(&tree, &environment, faults, OTHER_VERSION);
    let (rules, again) = read(&mut reader);
    let mut faults = reader.faults;
    if faults.0.is_empty() && again != kept {
        faults.add(&place(1), "", "is read otherwise than it was written", OTHER_VERSION);
    }
    if faults.0.is_empty() { Ok(rules) } else { Err(faults) }
}

fn rules(reader: &mut SettingsReader) -> Rules {
    let jurisdiction = reader.text("contact.jurisdiction");
    let themes = named(Theme::ALL, Theme::symbol);
    Rules {
        jurisdiction: Some(jurisdiction).filter(|name| !name.is_empty()),
        collection: reader.choices("contact.collection", &themes),
        reading: read_reading(reader, &themes),
        cases: std::array::from_fn(|place| {
            suppression(reader, &format!("contact.cases.{}", CaseKind::ALL[place]))
        }),
        accounts: std::array::from_fn(|place| {
            suppression(reader, &format!("contact.accounts.{}", Status::ALL[place]))
        }),
        policies: policies(reader),
        places: read_places(reader),
        subjects: subjects(reader, &themes),
        ruleset: 0,
    }
}

/// Names below an open map, with the keys of their values.
fn names(reader: &SettingsReader, path: &str) -> Vec<(String, String)> {
    reader.open(path).into_iter().map(|(name, _)| (name.to_owned(), format!("{path}.{name}"))).collect()
}

fn read_reading(reader: &mut SettingsReader, themes: &[(&str, Theme)]) -> Reading {
    let meaning = |reader: &mut SettingsReader, key: &str| {
        let found = reader.choices(key, &Meaning::NAMES);
        found.into_iter().fold(Meaning::default(), Meaning::and)
    };
    let meanings = |reader: &mut SettingsReader, path: &str| {
        let names = names(reader, path);
        names.into_iter().map(|(name, key)| (word_hash(&name), meaning(reader, &key))).collect()
    };
    let purposes = "contact.reading.purposes";
    Reading {
        types: meanings(reader, "contact.reading.types"),
        channels: meanings(reader, "contact.reading.channels"),
        outcomes: meanings(reader, "contact.reading.outcomes"),
        outcome_unlisted: meaning(reader, "contact.reading.outcome_unlisted"),
        outcome_missing: meaning(reader, "contact.reading.outcome_missing"),
        purposes: names(reader, purposes)
            .into_iter()
            .map(|(name, key)| (word_hash(&name), reader.choice(&key, themes)))
            .collect(),
        purpose_unlisted: Some(reader.choice("contact.reading.purpose_unlisted", themes)),
        debts: reader.list("contact.reading.debts").iter().map(|word| word_hash(word)).collect(),
    }
}

fn suppression(reader: &mut SettingsReader, path: &str) -> Suppression {
    let refuses = [("none", Refuses::Nothing), ("collection", Refuses::Collection), ("all", Refuses::All)];
    let known: Vec<(&str, &str)> = SUBJECTS.iter().map(|subject| (*subject, *subject)).collect();
    Suppression {
        refuses: reader.choice(&format!("{path}.themes"), &refuses),
        subjects: reader
            .choices(&format!("{path}.subjects"), &known)
            .into_iter()
            .map(str::to_owned)
            .collect(),
    }
}

fn policies(reader: &mut SettingsReader) -> BTreeMap<String, Policy> {
    let policies = reader.sections(POLICIES).into_iter();
    policies.map(|(name, _)| (name.to_owned(), policy(reader, &format!("{POLICIES}.{name}")))).collect()
}

fn policy(reader: &mut SettingsReader, path: &str) -> Policy {
    let key = |name: &str| format!("{path}.{name}");
    let mut days = |name: &str, least: u32| reader.integer(&key(name), least..=DAYS_MAX);
    let (calls_days, conversation_days, consent_days) =
        (days("calls_days", 1), days("conversation_days", 0), days("consent_days", 0));
    let hours = ["hours_from", "hours_to"].map(|name| time(reader, &key(name)));
    if reader.sound(&[&key("hours_from"), &key("hours_to")]) && hours[0] > hours[1] {
        reader.refuse(&key("hours_from"), "is later than hours_to", "a person is contacted by day");
    }
    Policy {
        calls_max: reader.integer(&key("calls_max"), 0..=1_000_u32),
        calls_days,
        conversation_days,
        consent_days,
        hours,
        hours_channels: reader.choices(&key("hours_channels"), &named(Channel::ALL, Channel::symbol)),
    }
}

/// Seconds of the local day.
fn time(reader: &mut SettingsReader, key: &str) -> u32 {
    let text = reader.text(key);
    let Some(seconds) = InconvenientTime::seconds(&text) else {
        reader.refuse(key, format!("is {text:?}, which is no time of the day"), "write it as \"08:00:00\"");
        return 0;
    };
    seconds
}

fn read_places(reader: &mut SettingsReader) -> BTreeMap<String, Vec<String>> {
    let mut places = BTreeMap::new();
    for (name, key) in names(reader, "contact.places") {
        let zones = reader.list(&key);
        for zone in zones.iter().filter(|zone| time_zone(zone).is_none()) {
            let problem = format!("holds {zone:?}, which is no time zone");
            reader.refuse(&key, problem, "use names of the IANA time zone database: America/New_York");
        }
        places.insert(name, zones);
    }
    places
}

fn subjects(
    reader: &mut SettingsReader,
    themes: &[(&'static str, Theme)],
) -> BTreeMap<String, Option<Theme>> {
    let of_none = [("", None)];
    let themes = themes.iter().map(|(name, theme)| (*name, Some(*theme)));
    let themes: Vec<(&str, Option<Theme>)> = of_none.into_iter().chain(themes).collect();
    let mut subjects = BTreeMap::new();
    for (name, key) in names(reader, "contact.subjects") {
        if !SUBJECTS.contains(&name.as_str()) {
            reader.refuse(&key, "is no subject of the contract", "see docs/contact.md");
        }
        subjects.insert(name, reader.choice(&key, &themes));
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Settings, Sources, load};

    fn settings(overrides: &[&str]) -> Settings {
        let overrides = overrides.iter().map(|line| (*line).to_owned()).collect();
        load(&Sources { overrides, ..Sources::default() }).expect("settings")
    }

    #[test]
    fn kept_rules_are_read_as_they_were_meant() {
        for overrides in [
            &[][..],
            &[
                "contact.policies.NO.calls_max=3",
                "contact.policies.NO.calls_days=7",
                "contact.policies.NO.conversation_days=0",
                "contact.policies.NO.consent_days=0",
                "contact.policies.NO.hours_from=\"08:00\"",
                "contact.policies.NO.hours_to=\"21:00\"",
                "contact.policies.NO.hours_channels=[\"voice\"]",
                "contact.places.NO=[\"Europe/Oslo\"]",
            ],
            &[
                "contact.enabled=true",
                "contact.reading.outcomes.spoke=[\"conversation\"]",
                "contact.subjects.statement=\"\"",
            ],
        ] {
            let settings = settings(overrides);
            let again = read_rules("kept", settings.contact_text()).expect("rules");
            assert_eq!(again, *settings.contact_rules, "{overrides:?}");
        }
        let [off, on] = [&[][..], &["contact.enabled=true"]].map(settings);
        assert_eq!(off.contact_rules.ruleset, on.contact_rules.ruleset);
        assert_eq!(off.canonical_text(), on.canonical_text());
    }

    #[test]
    fn every_subject_of_the_contract_has_a_theme_or_says_that_it_needs_one() {
        let subjects: Vec<String> = settings(&[]).contact_rules.subjects.keys().cloned().collect();
        let mut known: Vec<&str> = SUBJECTS.to_vec();
        known.sort_unstable();
        assert_eq!(subjects, known);
    }

    #[test]
    fn says_what_is_wrong_with_rules() {
        let overrides = [
            "contact.policies.US.hours_from=\"8\"",
            "contact.policies.NO.calls_max=3",
            "contact.places.NO=[\"Europe/Nowhere\"]",
            "contact.subjects.poem=\"opsServicing\"",
            "contact.cases.own.subjects=[\"poem\"]",
            "contact.reading.types.call=[\"made\"]",
        ];
        let overrides = overrides.map(str::to_owned).into();
        let faults = load(&Sources { overrides, ..Sources::default() }).expect_err("faults").to_string();
        for says in [
            "no time of the day",
            "contact.policies.NO.calls_days",
            "no time zone",
            "no subject of the contract",
            "\"poem\", which is not a choice",
            "\"made\", which is not a choice",
        ] {
            assert!(faults.contains(says), "{says}: {faults}");
        }
    }
}
