//! Every right of the documented lists, taken away once: the command that needs it says which one is missing, and on
//! what; with all of them, and no other, each command does its work.

use std::process::Output;

use tillgate::kafka::cluster::rights::{Needed, Resource, Right, Task, needed};
use tillgate::kafka::settings::{ClusterSettings, Topics};

use super::access::{Access, next_user};
use crate::support::acl::grant;
use crate::support::scene::{Scene, WITHIN, succeed};
use crate::support::{Kafka, eventually, secured_kafka};

const PARTITIONS: u32 = 2;
const SETS: &[&str] = &["kafka.workers=1", "checks.account.unknown=open"];
/// Cases of one command that run at the same time.
const AT_ONCE: usize = 4;

/// What the binary is told of names, as the library has it.
pub fn settings_of(scene: &Scene) -> ClusterSettings {
    let settings =
        ClusterSettings { topics: topics(scene.topics().map(str::to_owned)), ..ClusterSettings::default() };
    settings.with(|kafka| {
        kafka.group_id = scene.group().to_owned();
        kafka.transactional_id_prefix = scene.group().to_owned();
    })
}

fn topics([events, accounts, ticks, outcomes, results, letters, journal, rulesets]: [String; 8]) -> Topics {
    Topics::of_pos([events, accounts, ticks], [outcomes, results], letters, journal, rulesets)
}

/// A user with these rights and no other.
fn user(kafka: &Kafka, rights: &[Needed]) -> Access {
    let name = next_user();
    grant(kafka, &name, rights);
    Access::user(kafka, &name)
}

fn tillgate(scene: &Scene, access: &Access, args: &[&str]) -> Output {
    let mut command = scene.command(args);
    for set in access.sets() {
        command.args(["--set", &set]);
    }
    command.output().expect("the binary")
}

/// Whether what was said names the right and what it is on.
fn names(said: &str, Needed { resource, right }: &Needed) -> bool {
    let name = match resource {
        Resource::TransactionalId(prefix) => format!("transactional id {prefix}"),
        other => format!("{other}: "),
    };
    let after = said.split_once(&name).map_or("", |(_, after)| after);
    let listed = after.split([';', '(']).next().unwrap_or_default();
    listed.contains(&format!("{right:?}"))
}

/// Tries every user who lacks one right of `task`, and has all others.
fn each_is_taken(kafka: &Kafka, scene: &Scene, task: Task<'_>, is_missed: impl Fn(&Needed, Access) + Sync) {
    let all = needed(task, &settings_of(scene));
    assert!(!all.is_empty());
    let places: Vec<usize> = (0..all.len()).collect();
    for places in places.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            for &place in places {
                let (all, is_missed) = (&all, &is_missed);
                scope.spawn(move || {
                    let rest: Vec<Needed> =
                        all.iter().filter(|right| **right != all[place]).cloned().collect();
                    is_missed(&all[place], user(kafka, &rest));
                });
            }
        });
    }
}

/// Takes each right of `task` away once: the command must fail and say so.
fn each_is_named(kafka: &Kafka, scene: &Scene, task: Task<'_>, args: &[&str]) {
    each_is_taken(kafka, scene, task, |lacking, access| {
        let output = tillgate(scene, &access, args);
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(1), "{args:?} without {lacking:?}: {said}");
        assert!(said.contains("grant"), "{args:?} without {lacking:?}: {said}");
        assert!(names(&said, lacking), "{args:?} without {lacking:?}: {said}");
    });
}

#[test]
fn run_names_the_right_that_is_missing() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, PARTITIONS, SETS);
    each_is_taken(kafka, &scene, Task::Run, |lacking, access| {
        let mut running = access.start(&scene, &[]);
        if matches!(lacking.resource, Resource::TransactionalId(_)) {
            // Brokers tell of it only where it is used: the worker says so, and tries again.
            let log = running.log_path().to_owned();
            let said = || std::fs::read_to_string(&log).expect("the log");
            eventually(WITHIN, "the missing right", || names(&said(), lacking).then_some(()));
            let (status, page) = running.page("/readyz");
            assert_eq!(status, 503, "{page}");
            eventually(WITHIN, "the reason", || names(&running.page("/readyz").1, lacking).then_some(()));
            running.stop();
        } else {
            let (code, said) = running.ended();
            assert_eq!(code, Some(1), "without {lacking:?}: {said}");
            assert!(names(&said, lacking), "without {lacking:?}: {said}");
        }
    });
}

/// A right that is taken away while a process decides ends nothing for good: it says which, and goes on once it is back.
#[test]
fn a_right_that_goes_while_it_decides_is_named_and_it_goes_on_once_it_is_back() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, PARTITIONS, SETS);
    let all = needed(Task::Run, &settings_of(&scene));
    let outcomes = Resource::Topic(scene.pos_outcomes.clone());
    let write = Needed { resource: outcomes, right: Right::Write };
    let name = next_user();
    grant(kafka, &name, &all);
    let mut running = Access::user(kafka, &name).start(&scene, &[]);
    running.await_ready(PARTITIONS as usize);
    crate::support::acl::revoke(kafka, &name, &write);
    succeed(scene.command(&["load", "--count", "50", "--mistakes", "0"]).output().expect("the binary"));
    eventually(WITHIN, "the missing right in the log", || {
        names(&std::fs::read_to_string(running.log_path()).expect("the log"), &write).then_some(())
    });
    eventually(WITHIN, "the missing right as the reason", || {
        let (status, page) = running.page("/readyz");
        (status == 503 && names(&page, &write)).then_some(())
    });
    grant(kafka, &name, &[write]);
    assert!(!scene.await_decided(&mut running).is_empty());
    running.stop();
    let verified = succeed(scene.command(&["replay", "--verify"]).output().expect("the binary"));
    assert!(verified.contains("outcomes identical"), "{verified}");
}

#[test]
fn the_other_commands_name_the_right_that_is_missing_and_need_no_other() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, PARTITIONS, SETS);
    let settings = settings_of(&scene);
    let with_all = |task: Task<'_>, args: &[&str]| {
        succeed(tillgate(&scene, &user(kafka, &needed(task, &settings)), args))
    };
    let load = ["load", "--count", "50", "--mistakes", "0"];
    each_is_named(kafka, &scene, Task::Load(false), &load);
    with_all(Task::Load(false), &load);
    // Journals and outcomes to export, verify and move.
    let mut running = scene.start(&[]);
    scene.await_decided(&mut running);
    running.stop();
    each_is_named(kafka, &scene, Task::Load(true), &["load", "--count", "50", "--rate", "100", "--latency"]);
    each_is_named(kafka, &scene, Task::Check, &["topics", "check"]);
    // What `run` lacks is said as well.
    let seen = needed(Task::Check, &settings);
    let said = tillgate(&scene, &user(kafka, &seen), &["topics", "check"]);
    let said = String::from_utf8(said.stderr).expect("text");
    for lacking in needed(Task::Run, &settings).iter().filter(|right| !seen.contains(right)) {
        // Brokers tell of ids only where they are used, and of a group to those alone who may see it.
        let told = matches!(lacking.resource, Resource::Topic(_) | Resource::Group(_));
        assert!(!told || names(&said, lacking), "{lacking:?}: {said}");
    }
    with_all(Task::Run, &["topics", "check"]);
    let set_time = ["state", "set-time", "--partition", "0", "--to", "2024-01-01T00:00:00Z", "--dry-run"];
    each_is_named(kafka, &scene, Task::SetTime, &set_time);
    with_all(Task::SetTime, &set_time);
    let topics = scene.topics();
    let folder = |name: &str| scene.path(name).to_str().expect("a path in UTF-8").to_owned();
    each_is_named(kafka, &scene, Task::Export(&topics), &["topics", "export", "--to", &folder("not")]);
    with_all(Task::Export(&topics), &["topics", "export", "--to", &folder("export")]);
    let explained = [scene.pos_outcomes.as_str(), scene.pos_events.as_str()];
    each_is_named(kafka, &scene, Task::Read(&explained), &["explain", "txn_none"]);
    each_is_named(kafka, &scene, Task::Replay, &["replay", "--verify"]);
    with_all(Task::Replay, &["replay", "--verify"]);
    let import = ["topics", "import", "--from", &folder("export"), "--append"];
    each_is_named(kafka, &scene, Task::Import(&topics), &import);
    let again = Scene::new(kafka, PARTITIONS, SETS);
    let renamed: Vec<String> =
        scene.topics().iter().zip(again.topics()).map(|(from, to)| format!("{from}={to}")).collect();
    let mut import = vec!["topics", "import", "--from", &import[3]];
    renamed.iter().for_each(|rename| import.extend(["--rename", rename]));
    let into = again.topics();
    succeed(tillgate(&scene, &user(kafka, &needed(Task::Import(&into), &settings)), &import));
    let repartition = ["topics", "repartition", "--partitions", "3", "--wait", "60"];
    each_is_named(kafka, &scene, Task::Repartition, &repartition);
    with_all(Task::Repartition, &repartition);
}

/// Topics are made, grown and altered by three rights; each is missed where it is used.
#[test]
fn create_names_the_right_that_is_missing() {
    let Some(kafka) = secured_kafka() else { return };
    let names = ["events", "accounts", "ticks", "outcomes", "results", "dead", "journal", "rulesets"];
    let keys = [
        "pos_events",
        "account_events",
        "ticks",
        "pos_outcomes",
        "account_results",
        "dead_letters",
        "journal",
        "rulesets",
    ];
    let all = |prefix: &str| -> ClusterSettings {
        let name = |part: &str| format!("{prefix}.{part}");
        ClusterSettings { topics: topics(names.map(name)), ..ClusterSettings::default() }
    };
    let create = |prefix: &str, access: &Access| {
        let mut command = crate::support::scene::binary();
        command.args(["topics", "create"]);
        for (key, part) in keys.iter().zip(names) {
            command.args(["--set", &format!("topics.{key}={prefix}.{part}")]);
        }
        for set in access.sets() {
            command.args(["--set", &set]);
        }
        command.output().expect("the binary")
    };
    // In place of each the one that it includes: so everything can be seen, and the right is missed where it is used.
    for (lacking, instead) in [
        (None, None),
        (Some(Right::Create), None),
        (Some(Right::Alter), Some(Right::Describe)),
        (Some(Right::AlterConfigs), Some(Right::DescribeConfigs)),
    ] {
        let prefix = kafka.topic("made");
        // Inputs that are there, a journal with too few partitions, outcomes that take too little.
        kafka.create_topic(&format!("{prefix}.events"), 2, &[]);
        kafka.create_topic(&format!("{prefix}.accounts"), 2, &[]);
        kafka.create_topic(&format!("{prefix}.ticks"), 2, &[]);
        kafka.create_topic(&format!("{prefix}.outcomes"), 2, &[("max.message.bytes", "1000")]);
        let journal = [("retention.ms", "-1"), ("retention.bytes", "-1"), ("segment.bytes", "67108864")];
        kafka.create_topic(&format!("{prefix}.journal"), 1, &journal);
        let rights = needed(Task::Create, &all(&prefix));
        let rest = rights.into_iter().filter_map(|Needed { resource, right }| {
            let right = if Some(right) == lacking { instead } else { Some(right) };
            Some(Needed { resource, right: right? })
        });
        let rest: Vec<Needed> = rest.collect();
        let output = create(&prefix, &user(kafka, &rest));
        let said = String::from_utf8(output.stderr).expect("text");
        match lacking {
            None => assert!(output.status.success(), "{said}"),
            Some(right) => {
                let topic = match right {
                    Right::Create => "results",
                    Right::Alter => "journal",
                    _ => "outcomes",
                };
                let lacking = Needed { resource: Resource::Topic(format!("{prefix}.{topic}")), right };
                assert_eq!(output.status.code(), Some(1), "{said}");
                assert!(self::names(&said, &lacking), "without {lacking:?}: {said}");
            }
        }
    }
}

/// Rights on the cluster are asked for nothing that must be: without them there is a warning.
#[test]
fn without_the_right_to_see_what_brokers_are_set_to_there_is_a_warning() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, PARTITIONS, SETS);
    let mut running = user(kafka, &needed(Task::Run, &settings_of(&scene))).start(&scene, &[]);
    running.await_ready(PARTITIONS as usize);
    assert!(running.says("grant DescribeConfigs on the cluster"));
    running.stop();
    let cluster = Needed { resource: Resource::Cluster, right: Right::DescribeConfigs };
    let all: Vec<Needed> = needed(Task::Run, &settings_of(&scene)).into_iter().chain([cluster]).collect();
    let mut running = user(kafka, &all).start(&scene, &[]);
    running.await_ready(PARTITIONS as usize);
    assert!(!running.says("grant DescribeConfigs on the cluster"));
    running.stop();
}
