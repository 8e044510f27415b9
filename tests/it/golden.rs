//! Scenarios as data: each folder of `tests/golden` holds events, what they are to show (`about.txt`), and every answer as
//! an analyst reads it (`expected.txt`). `UPDATE_GOLDEN=1` rewrites the answers; a reviewer reads the difference.
//!
//! `events.jsonl` and `account_events.jsonl` are event files as `tillgate check` takes them, merged by their times; `sets.txt`
//! holds `KEY=VALUE` lines; `profile_records.jsonl` switches shared profiles on. Beyond what `check` knows, an event may say `recordTime` (when its record was written, or
//! `none`) and `key` (its record's key), and a resolution or a flag may name a Pending or Accepted outcome by `@` and the accountTransactionId.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::stream::{Fed, Published, SCHEMAS, Said, engine, options};
use serde_json::Value;
use tillgate::checks::Check;
use tillgate::codec::json::{peek_account_event, peek_pos_event};
use tillgate::domain::{Amount, Micros};
use tillgate::engine::Engine;
use tillgate::pipeline::Division;
use tillgate::pos::{Input, Partition, PartitionOptions, ProfileSource};
use tillgate::profiles::{OfflineProfiles, read_line};
use tillgate::replay::{CheckInputs, CheckOptions, CheckSink, InputPlace, ReplayError, check, open};

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut scenarios: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the scenarios")
        .map(|entry| entry.expect("a scenario").path())
        .filter(|path| path.is_dir())
        .collect();
    scenarios.sort();
    scenarios
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// A line of an event file, and the record that it stands for.
struct Line {
    number: usize,
    input: Input,
    text: String,
    key: Option<String>,
    time: Micros,
    /// Whether its record has no time.
    without_time: bool,
    /// Whether it needs more than a file can say.
    beyond_a_file: bool,
}

/// The lines of one input; a line without a time has that of the line before.
fn read(file: &Path, input: Input) -> Vec<Line> {
    let mut last = Micros(0);
    let mut of_line = |(place, text): (usize, String)| {
        let peek = match input {
            Input::PosEvents => peek_pos_event(text.as_bytes()),
            Input::AccountEvents | Input::Ticks => peek_account_event(text.as_bytes()),
        };
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let text_of = |name: &str| value.get(name).and_then(Value::as_str);
        let record_time = text_of("recordTime").and_then(Micros::parse_rfc3339);
        last = record_time.or(peek.time).unwrap_or(last);
        let key = text_of("key").or(peek.account.as_deref()).map(str::to_owned);
        let beyond_a_file = value.get("recordTime").is_some() || value.get("key").is_some();
        let without_time = text_of("recordTime") == Some("none");
        Line { number: place + 1, input, text, key, time: last, without_time, beyond_a_file }
    };
    lines(file).into_iter().enumerate().map(&mut of_line).collect()
}

/// Both inputs as one stream, as `check` merges them.
fn merged(scenario: &Path) -> Vec<Line> {
    let mut events = read(&scenario.join("events.jsonl"), Input::PosEvents).into_iter().peekable();
    let mut accounts =
        read(&scenario.join("account_events.jsonl"), Input::AccountEvents).into_iter().peekable();
    let mut all = Vec::new();
    loop {
        let account_first = match (events.peek(), accounts.peek()) {
            (Some(event), Some(account)) => account.time <= event.time,
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (None, None) => return all,
        };
        all.extend(if account_first { accounts.next() } else { events.next() });
    }
}

/// What came of a scenario: every record with what it caused, the state at the end, and the encoded outcomes.
struct Story {
    text: String,
    outcomes: Vec<Vec<u8>>,
    /// The lines as they were fed, per input, where files alone can say them.
    fed: Option<[Vec<String>; 2]>,
}

/// The shared profiles, where the scenario has reference records of them.
fn profiles(scenario: &Path, engine: &Engine) -> Option<OfflineProfiles> {
    let records = scenario.join("profile_records.jsonl");
    records.exists().then(|| {
        let mut profiles = OfflineProfiles::new(engine.terminal_accounts());
        for line in lines(&records) {
            let (key, record) = read_line(&line).expect("a record");
            profiles.list(key, record.as_ref()).expect("profiles");
        }
        profiles
    })
}

fn tell(scenario: &Path, engine: &Arc<Engine>) -> Story {
    let mut profiles = profiles(scenario, engine);
    let options = PartitionOptions { profiles: profiles.as_ref().map(|_| Division::UNDIVIDED), ..options() };
    let mut partition = Partition::new(engine.clone(), 0.into(), options);
    let mut story = Story { text: String::new(), outcomes: Vec::new(), fed: Some(Default::default()) };
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for about in lines(&scenario.join("about.txt")) {
        let _ = writeln!(story.text, "{about}\n");
    }
    for line in merged(scenario) {
        let text = resolved(&line.text, &names);
        if line.beyond_a_file {
            story.fed = None;
        } else if let Some(fed) = &mut story.fed {
            fed[line.input as usize].push(text.clone());
        }
        let fed = Fed {
            input: line.input,
            timestamp_millis: if line.without_time { -1 } else { line.time.0.div_euclid(1_000) },
            key: line.key.map(String::into_bytes),
            ..Fed::pos(line.number as i64 - 1, "", text)
        };
        let mut published = Published::default();
        published.feed_with(
            &mut partition,
            &fed,
            profiles.as_ref().map(|local| local.board() as &dyn ProfileSource),
        );
        if let Some(profiles) = &mut profiles {
            partition.end_batch(&mut |outbound| {
                profiles.observe(outbound.value.expect("observations")).expect("profiles");
            });
        }
        let what = if line.input == Input::PosEvents { "event" } else { "account event" };
        for said in &published.outcomes {
            let outcome: Value = serde_json::from_slice(&said.value).expect("JSON");
            let _ = writeln!(story.text, "{what} {}{}", line.number, headline(&outcome, &names));
            write_outcome(&mut story.text, said, &outcome, &names);
            remember(&mut names, said, &outcome, line.number);
            story.outcomes.push(said.value.clone());
        }
        for (_, code, why) in &published.dead_letters {
            let _ = writeln!(story.text, "{what} {}: dead letter {code}\n  {why}", line.number);
        }
    }
    write_state(&mut story.text, &partition);
    // Ids are made of content and place; the text is of what the events say, so that it can be read.
    for (id, name) in &names {
        story.text = story.text.replace(id, name);
    }
    story
}

/// The line with `@T-1` replaced by the id of the outcome of T-1.
fn resolved(line: &str, names: &BTreeMap<String, String>) -> String {
    let Some((before, rest)) = line.split_once("\"@") else { return line.to_owned() };
    let (name, after) = rest.split_once('"').expect("the end of the name");
    let outcome = |verdict: &str| {
        let wanted = format!("[{verdict} outcome of {name}]");
        names.iter().find(|(_, name)| **name == wanted).map(|(id, _)| id.clone())
    };
    let id = outcome("Pending").or_else(|| outcome("Accepted"));
    format!("{before}\"{}\"{after}", id.unwrap_or_else(|| panic!("no outcome of {name}")))
}

fn remember(names: &mut BTreeMap<String, String>, said: &Said, outcome: &Value, number: usize) {
    let id = outcome["accountTransactionId"].as_str().map_or(format!("event {number}"), str::to_owned);
    let name = format!("[{} outcome of {id}]", said.verdict);
    // A repeat of a Pending event says Pending as well; the first is the one that waits.
    let taken = names.values().any(|known| *known == name);
    names.insert(said.id.to_string(), if taken { format!("[later {}", &name[1..]) } else { name });
}

fn headline(outcome: &Value, names: &BTreeMap<String, String>) -> String {
    let text = |name: &str| outcome[name].as_str().unwrap_or("-").to_owned();
    let others = [("supersedes", "replaces"), ("corrects", "corrects"), ("repeats", "repeats")];
    let others = others.map(|(field, word)| {
        outcome[field].as_str().map_or_else(String::new, |id| format!(", {word} {}", names[id]))
    });
    format!(
        ": {} {} of {} at {} -> {}{}",
        text("eventType"),
        text("accountTransactionId"),
        text("accountNumber"),
        text("eventTime"),
        text("outcome"),
        others.concat()
    )
}

fn write_outcome(out: &mut String, said: &Said, outcome: &Value, names: &BTreeMap<String, String>) {
    let amount = |amount: Option<Amount>| amount.map_or("-".to_owned(), |amount| amount.to_string());
    let added = outcome["eventAdded"].as_bool() == Some(true);
    assert_eq!(added, matches!(outcome["outcome"].as_str(), Some("Accepted" | "Pending")));
    assert!(outcome["supersedes"].as_str().is_none_or(|id| names.contains_key(id)));
    let _ = writeln!(
        out,
        "  posted {}, balance {}, available {} {}, revision {}, positions {}",
        amount(said.posted),
        amount(said.balance),
        amount(said.available),
        outcome["currency"].as_str().unwrap_or("-"),
        outcome["accountRevision"],
        outcome["positions"]
    );
    for message in outcome["riskCheckMessages"].as_array().expect("messages") {
        let text = |name: &str| message[name].as_str().unwrap_or("-");
        let _ = writeln!(
            out,
            "  {} {}, {}, at {}\n    {}\n    \"{}\"",
            text("type"),
            text("code"),
            text("actionCode"),
            text("fieldReference"),
            text("message"),
            text("customerFacingMessage")
        );
        if let Some(detail) = message["detail"].as_str() {
            let _ = writeln!(out, "    detail: {detail}");
        }
    }
    for evidence in outcome["evidence"].as_array().expect("evidence") {
        let text = |name: &str| evidence[name].as_str().unwrap_or("-");
        let _ = writeln!(out, "  evidence {}: {}", text("fact"), text("value"));
    }
}

fn write_state(out: &mut String, partition: &Partition) {
    let _ = writeln!(out, "\nat the end, {}", partition.state().stream_time());
    for account in partition.state().accounts().iter() {
        let _ = writeln!(
            out,
            "  {}: balance {} of which fees {}, held {} in {}, limit {}, available {}, revision {}, {} remembered",
            account.number,
            account.balance,
            account.fees,
            account.held(),
            account.holds().len(),
            account.limit,
            account.available().map_or("out of range".to_owned(), |available| available.to_string()),
            account.revision,
            account.recent.len()
        );
    }
}

/// Collects the outcomes of a file run.
#[derive(Default)]
struct Outcomes(Vec<Vec<u8>>);

impl CheckSink for Outcomes {
    fn outcome(&mut self, value: &[u8]) -> Result<(), ReplayError> {
        self.0.push(value.to_vec());
        Ok(())
    }

    fn dead_letter(&mut self, _: Input, _: InputPlace, _: &str) {}

    fn progress(&mut self, _: u64) {}
}

/// `tillgate check` on the same lines gives the same bytes.
fn assert_check_says_the_same(scenario: &Path, engine: &Arc<Engine>, story: &Story) {
    let Some(fed) = &story.fed else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, lines: &[String]| {
        let path = folder.path().join(name);
        fs::write(&path, lines.join("\n")).expect("a file");
        open(&path).expect("the file")
    };
    let options = CheckOptions {
        inputs: CheckInputs::Files {
            pos_events: file("events", &fed[0]),
            account_events: Some(file("account_events", &fed[1])),
        },
        compares: false,
        partitions: 1,
        threads: 1,
        engine: engine.clone(),
        options: options(),
        schemas: &*SCHEMAS,
        profiles: profiles(scenario, engine),
    };
    let mut outcomes = Outcomes::default();
    check(options, &mut outcomes).expect("a run to the end");
    assert!(outcomes.0 == story.outcomes, "{}: check says something else", scenario.display());
}

#[test]
fn every_scenario_gives_the_answers_that_are_expected() {
    let update = std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1");
    let mut differing = Vec::new();
    for scenario in scenarios() {
        let sets: Vec<String> =
            lines(&scenario.join("sets.txt")).into_iter().filter(|line| !line.is_empty()).collect();
        let engine = engine(&sets);
        let story = tell(&scenario, &engine);
        assert_check_says_the_same(&scenario, &engine, &story);
        let file = scenario.join("expected.txt");
        if update {
            fs::write(&file, &story.text).expect("the expectation");
        } else if fs::read_to_string(&file).unwrap_or_default() != story.text {
            differing.push(first_difference(&file, &story.text));
        }
    }
    assert!(differing.is_empty(), "{}\nUPDATE_GOLDEN=1 rewrites them", differing.join("\n"));
}

fn first_difference(file: &Path, text: &str) -> String {
    let expected = lines(file);
    let found: Vec<&str> = text.lines().collect();
    let place = (0..expected.len().max(found.len()))
        .find(|place| expected.get(*place).map(String::as_str) != found.get(*place).copied())
        .unwrap_or_default();
    format!(
        "{}:{}:\n  expected {:?}\n  found    {:?}",
        file.display(),
        place + 1,
        expected.get(place),
        found.get(place)
    )
}

/// Every code that an answer can have is in some scenario, but for these: no input leads to them.
#[test]
fn every_code_has_a_scenario() {
    const WITHOUT: [&str; 2] = ["pos.state.unavailable", "500"];
    let told: String =
        scenarios().iter().flat_map(|scenario| lines(&scenario.join("expected.txt"))).collect();
    let missing: Vec<&str> = Check::codes()
        .into_iter()
        .filter(|code| !WITHOUT.contains(code))
        .filter(|code| !told.contains(&format!(" {code}, ")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
