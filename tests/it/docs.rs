//! Holds the pages of `docs/` to the code: settings they name exist, TOML they show is accepted, files they point to are
//! there. Never judges the prose.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tillgate::config::{self, Sources};
use tillgate::domain::promise::Promise;
use tillgate::kafka::cluster::rights::{Needed, Resource, Task, needed};
use tillgate::kafka::settings::{ClusterSettings, Topics};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Path from the top and text of every page.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/decisions"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder of pages");
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "md"));
    paths.sort();
    let read = |path: PathBuf| {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// What stands between backticks outside of blocks.
fn quoted(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_page_of_promises_has_each_by_its_id() {
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).expect("the page");
    let ids = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let is_id = |word: &&str| word.strip_prefix('P').is_some_and(|number| number.parse::<u8>().is_ok());
    let rows = ids.filter(is_id);
    assert!(
        rows.eq(Promise::ALL.iter().map(|promise| promise.symbol())),
        "docs/reliability.md and tests/support/promise.rs differ"
    );
}

#[test]
fn settings_that_pages_name_exist() {
    let settings = config::load(&Sources::default()).expect("the defaults are sound");
    let keys: Vec<&str> = settings.describe().iter().map(|row| row.key.as_str()).collect();
    let sections = [
        "kafka.",
        "topics.",
        "registry.",
        "output.",
        "journal.",
        "admin.",
        "gateway.",
        "log.",
        "texts.",
        "checks.",
    ];
    let mut missing = Vec::new();
    for (path, text) in pages() {
        for name in quoted(&text) {
            let plain = |letter: char| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._".contains(letter)
            };
            let name = name.trim_end_matches(".*");
            let is_key = sections.iter().any(|section| name.starts_with(section)) && name.chars().all(plain);
            let below = format!("{name}.");
            let known = keys.iter().any(|key| *key == name || key.starts_with(&below));
            // Free tables, which have no keys by default.
            let open = ["kafka.librdkafka", "checks.override", "gateway.auth.api_keys"]
                .iter()
                .any(|table| name.starts_with(table));
            if is_key && !known && !open {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no such settings:\n{}", missing.join("\n"));
}

#[test]
fn toml_that_pages_show_is_accepted() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let mut seen = 0;
    for (path, text) in pages() {
        let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| {
            let (language, block) = block.split_once('\n')?;
            (language.trim() == "toml").then_some(block)
        });
        for block in blocks {
            seen += 1;
            // Secrets stand elsewhere, and not here.
            let block = block.replace("\"file:", "\"").replace("\"env:", "\"");
            let file = scratch.path().join(format!("block{seen}.toml"));
            std::fs::write(&file, &block).expect("a scratch file");
            let sources =
                Sources { configs: vec![file], environment: BTreeMap::new(), overrides: Vec::new() };
            if let Err(faults) = config::load(&sources) {
                panic!("{}:\n{block}\n{faults}", path.display());
            }
        }
    }
    assert!(seen > 3, "only {seen} blocks: the test looks in the wrong place");
}

#[test]
fn files_that_pages_point_to_are_there() {
    let mut missing = Vec::new();
    for (path, text) in pages() {
        let folder = path.parent().unwrap_or(Path::new("."));
        let targets =
            text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://")) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !folder.join(file).exists() {
                missing.push(format!("{}: {target}", path.display()));
            }
        }
        // Sources named by their path from the top.
        for name in quoted(&text).into_iter().filter(|name| !name.contains([' ', '<', '*', '$', '{'])) {
            let named =
                ["src/", "tests/", "config/", "docker/", "benches/"].iter().any(|top| name.starts_with(top));
            if named && !root().join(name).exists() {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "no such files:\n{}", missing.join("\n"));
}

#[test]
fn bounds_of_the_core_are_those_documented() {
    let page =
        pages().into_iter().find(|(path, _)| path.ends_with("docs/operations.md")).expect("the page").1;
    let table: String = page.split("## Bounds").nth(1).expect("the bounds").replace(',', "");
    let limits = std::fs::read_to_string(root().join("src/domain/limits.rs")).expect("the limits");
    let mut seen = 0;
    for line in limits.lines().filter_map(|line| line.strip_prefix("pub const ")) {
        let Some((name, value)) = line.split_once(": usize = ") else { continue };
        let value = value.trim_end_matches(';').replace('_', "").replace(" << 10", " KiB");
        seen += 1;
        let starts = table.match_indices(&value).map(|(at, _)| at);
        let whole = |at: usize| {
            let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
            !digit(table[..at].chars().next_back()) && !digit(table[at + value.len()..].chars().next())
        };
        assert!(starts.into_iter().any(whole), "{name} = {value} is not documented");
    }
    assert!(seen > 10, "only {seen} limits: the test looks in the wrong place");
}

/// Command, resource and right of each row of the table of permissions.
fn documented_rights() -> BTreeSet<(String, String, String)> {
    let page = std::fs::read_to_string(root().join("docs/security.md")).expect("the page");
    let section =
        page.split("\n## ").find(|section| section.starts_with("Permissions\n")).expect("the section");
    let all = "`pos.events` `account.events` `tillgate.ticks` `pos.outcomes` `account.results` \
               `pos.dead-letters` `tillgate.journal` `tillgate.rulesets`";
    let mut rights = BTreeSet::new();
    let mut command = String::new();
    for row in section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")).skip(1) {
        let cells: Vec<&str> = row.trim_start_matches("| ").split(" | ").collect();
        let (resource, operations) = match cells[..] {
            [name, resource, operations] => {
                name.trim_matches('`').clone_into(&mut command);
                (resource, operations)
            }
            [resource, operations] => (resource, operations),
            _ => panic!("not two or three cells: {row}"),
        };
        let named = match resource {
            "all eight topics" => format!("topics {all}"),
            each if each.starts_with("each topic") => "topic `each`".to_owned(),
            other => other.to_owned(),
        };
        let kinds = ["topic", "group", "transactional"];
        let kind = kinds.iter().find(|kind| named.starts_with(*kind)).expect("a kind");
        for name in quoted(&named) {
            for operation in operations.split(", ") {
                rights.insert((command.clone(), format!("{kind} {name}"), operation.to_owned()));
            }
        }
    }
    rights
}

/// A command, a resource and a right to it.
type Right = (String, String, String);

/// Adds what a task needs of topics, but for what `run` needs anyway.
fn add(
    expected: &mut BTreeSet<Right>,
    own: &BTreeSet<Right>,
    (command, task): (&str, Task<'_>),
    settings: &ClusterSettings,
) {
    for Needed { resource, right } in needed(task, settings) {
        let (resource, right) = (resource.to_string(), format!("{right:?}"));
        if !own.contains(&("run".to_owned(), resource.clone(), right.clone()))
            && resource.starts_with("topic")
        {
            expected.insert((command.to_owned(), resource, right));
        }
    }
}

/// Adds what contact decisions need on top.
fn add_contact(expected: &mut BTreeSet<Right>, own: &BTreeSet<Right>, mut settings: ClusterSettings) {
    let contact = Topics::of_contact(
        ["contact.requests", "interactions", "party.records", "tillgate.parties"].map(str::to_owned),
        ["contact.decisions", "interaction.results"].map(str::to_owned),
        "contact.dead-letters".into(),
        "tillgate.contact-journal".into(),
    );
    settings.topics.flows.push(contact);
    let (write, read) =
        (&["interactions", "contact.requests"][..], &["interaction.results", "contact.decisions"][..]);
    let tasks = [
        ("run with contact.enabled, besides", Task::Run),
        ("parties put`, `remove`, `import", Task::Import(&["party.records"])),
        ("parties get", Task::Read(&["tillgate.contact-journal"])),
        ("gateway with contact.enabled, besides", Task::Ask { write, read }),
    ];
    for (command, task) in tasks {
        add(expected, own, (command, task), &settings);
    }
}

#[test]
fn every_command_is_documented_with_the_rights_that_it_needs() {
    let settings = ClusterSettings::default();
    let tasks = [
        ("run", Task::Run),
        ("topics check", Task::Check),
        ("topics create", Task::Create),
        ("topics repartition", Task::Repartition),
        ("topics export", Task::Export(&["each"])),
        ("topics import", Task::Import(&["each"])),
        ("explain", Task::Read(&["pos.events", "pos.outcomes"])),
        ("replay", Task::Replay),
        ("state set-time", Task::SetTime),
        (
            "gateway",
            Task::Ask {
                write: &["pos.events", "account.events"],
                read: &["pos.outcomes", "account.results"],
            },
        ),
        ("load", Task::Load(false)),
        ("load --latency", Task::Load(true)),
    ];
    let mut expected = BTreeSet::new();
    for (command, task) in tasks {
        for Needed { resource, right } in needed(task, &settings) {
            let resource = match resource {
                Resource::TransactionalId(prefix) => format!("transactional {prefix}"),
                other => other.to_string(),
            };
            expected.insert((command.to_owned(), resource, format!("{right:?}")));
        }
    }
    // What the shared profiles need on top.
    let own = expected.clone();
    let profiles = Topics::of_profiles(
        ["tillgate.observations".into(), "profile.records".into()],
        "tillgate.profiles".into(),
        "profile.dead-letters".into(),
        "tillgate.profiles-journal".into(),
    );
    let mut settings = settings;
    settings.topics.flows.push(profiles);
    let tasks = [
        ("run with profiles.enabled, besides", Task::Run),
        ("profiles put`, `remove`, `import", Task::Import(&["profile.records"])),
        ("profiles get", Task::Read(&["tillgate.profiles"])),
    ];
    for (command, task) in tasks {
        add(&mut expected, &own, (command, task), &settings);
    }
    settings.topics.flows.pop();
    add_contact(&mut expected, &own, settings);
    let documented = documented_rights();
    let missing: Vec<_> = expected.difference(&documented).collect();
    let more: Vec<_> = documented.difference(&expected).collect();
    assert!(missing.is_empty() && more.is_empty(), "not documented: {missing:?}; not needed: {more:?}");
}
