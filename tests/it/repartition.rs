//! Inputs that get more partitions, on a real Kafka and with the built binary: `topics repartition` moves every account's
//! state to where its key goes, bit for bit, whenever it is killed; and nothing is decided away from its state meanwhile.
//! Never tests what a decision says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::Range;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::proof::june::{June, message};
use crate::support::proxy::{Hold, Kind, Proxy};
use crate::support::scene::{Running, Scene, WITHIN, succeed};
use crate::support::stream::{engine, options};
use crate::support::{Kafka, Record, eventually, kafka, shared};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use tillgate::codec::journal::{ByteReader, ByteWriter, read_account, read_record, write_account};
use tillgate::domain::PartitionId;
use tillgate::domain::partitioner::Partitioner;
use tillgate::pos::{Partition, PartitionOptions, Restore};

const FROM: u32 = 4;
const TO: u32 = 6;
const BY: Partitioner = Partitioner::Murmur2;
const OPEN: &str = "checks.account.unknown=open";
const MISPLACED: &str = "tillgate_misplaced_records_total{input=\"pos_events\"}";
const DELETE_RECORDS: Kind = Kind::Other(21);

/// An account's state and where its journal is.
type State = BTreeMap<String, (PartitionId, Vec<u8>)>;

/// What the journals hold, read as `run` reads them, for inputs of so many partitions.
fn folded(scene: &Scene, partitions: u32) -> State {
    folded_by(scene, partitions, BY)
}

fn folded_by(scene: &Scene, partitions: u32, partitioner: Partitioner) -> State {
    let engine = engine(&[OPEN]);
    let mut restores: BTreeMap<PartitionId, Restore> = BTreeMap::new();
    for record in scene.kafka.read_committed(&scene.journal) {
        let partition = PartitionId::new(record.partition);
        let restore = restores.entry(partition).or_insert_with(|| {
            let options = PartitionOptions { input_partitions: partitions, partitioner, ..options() };
            Restore::new(Partition::new(engine.clone(), partition, options))
        });
        restore.on_record(record.value.as_deref().expect("a value")).expect("a journal record");
    }
    let mut state = State::new();
    for (partition, restore) in restores {
        for account in restore.finish().expect("a whole journal").state().accounts().iter() {
            let mut bytes = ByteWriter::default();
            write_account(&mut bytes, account);
            let twice = state.insert(account.number.to_string(), (partition, bytes.0));
            assert!(twice.is_none(), "an account in two partitions");
        }
    }
    state
}

/// Every account is as it was, and where its key goes now.
fn assert_moved(before: &State, after: &State) {
    assert_moved_by(before, after, BY);
}

fn assert_moved_by(before: &State, after: &State, partitioner: Partitioner) {
    assert!(before.keys().eq(after.keys()), "{} and {} accounts", before.len(), after.len());
    let mut moved = BTreeSet::new();
    for (number, (partition, bytes)) in after {
        let (old, was) = &before[number];
        assert_eq!(bytes, was, "the state of an account of partition {old}");
        assert_eq!(*partition, partitioner.partition_of(number.as_bytes(), TO), "where its key goes");
        if old != partition {
            moved.insert((*old, *partition));
        }
    }
    assert!(
        moved.iter().any(|(_, to)| to.is_among(FROM as usize)),
        "some move between old partitions: {moved:?}"
    );
    assert!(
        moved.iter().any(|(_, to)| !to.is_among(FROM as usize)),
        "some move to new partitions: {moved:?}"
    );
}

fn produce(scene: &Scene, events: &[String], account_events: &[String]) {
    for (topic, lines) in [(&scene.account_events, account_events), (&scene.pos_events, events)] {
        scene.kafka.produce(topic, lines.iter().map(|line| message(line, line.clone())));
    }
}

/// The inputs in two parts, by the time at which the later one begins.
fn halves(june: &June) -> [(Vec<String>, Vec<String>); 2] {
    let time = |line: &String| message(line, "").timestamp.expect("a time");
    let middle = time(&june.events[june.events.len() / 2]);
    let part = |late: bool| {
        let of = |lines: &[String]| -> Vec<String> {
            lines.iter().filter(|line| (time(line) >= middle) == late).cloned().collect()
        };
        (of(&june.events), of(&june.account_events))
    };
    [part(false), part(true)]
}

fn decided(scene: &Scene) -> Vec<Record> {
    let mut running = scene.start(&[]);
    let outcomes = scene.await_decided(&mut running);
    running.stop();
    outcomes
}

fn repartition(scene: &Scene, to: u32, flags: &[&str]) -> Command {
    let mut command = scene.command(&["topics", "repartition", "--partitions", &to.to_string()]);
    command.args(flags);
    command
}

/// What it says when it refuses.
fn refused(mut command: Command) -> String {
    let ended = command.output().expect("the binary");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    said
}

/// What `run` says when it does not start.
fn refused_run(scene: &Scene) -> String {
    let (code, said) = scene.start(&[]).ended();
    assert_eq!(code, Some(1), "{said}");
    said
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "no '{part}' in: {said}");
    }
}

fn partitions_of(scene: &Scene) -> [usize; 4] {
    [&scene.pos_events, &scene.account_events, &scene.pos_outcomes, &scene.journal]
        .map(|topic| scene.kafka.ends(topic).len())
}

/// Each event has one outcome of its own, on its partition, in the order of offsets, `but` some of partition 0.
fn assert_each_once(scene: &Scene, outcomes: &[Record], but: Range<i64>) {
    let mut own: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for outcome in outcomes {
        let fields: Value = serde_json::from_str(outcome.text()).expect("JSON");
        if fields["supersedes"].is_null() {
            assert_eq!(fields["source"]["partition"], outcome.partition, "{}", outcome.text());
            own.entry(outcome.partition)
                .or_default()
                .push(fields["source"]["offset"].as_i64().expect("an offset"));
        }
    }
    for (partition, end) in scene.kafka.ends(&scene.pos_events) {
        let found = own.remove(&partition).unwrap_or_default();
        let expected = (0..end).filter(|offset| partition != 0 || !but.contains(offset));
        assert!(
            found.iter().copied().eq(expected),
            "partition {partition}: {} outcomes of {end}",
            found.len()
        );
    }
}

/// What was posted on each account, in ten-thousandths.
fn posted(outcomes: &[Record]) -> BTreeMap<String, i64> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for outcome in outcomes {
        let account = outcome.key.clone().and_then(|key| String::from_utf8(key).ok()).expect("a key");
        let after = outcome.text().split_once("\"postedAmount\":").map_or("null", |(_, rest)| rest);
        let amount = after.split([',', '}']).next().expect("an amount");
        if amount != "null" {
            let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
            let digits = format!("{whole}{part:0<4}");
            *sums.entry(account).or_default() += digits.parse::<i64>().expect("digits");
        }
    }
    sums
}

/// Balances are what was posted, for accounts on which nothing was paid.
fn assert_books_balance(scene: &Scene, outcomes: &[Record], june: &June, partitioner: Partitioner) {
    let paid: BTreeSet<&str> = june
        .account_events
        .iter()
        .filter(|line| line.contains("\"payment\"") || line.contains("\"cash_advance\""))
        .filter_map(|line| line.split_once("\"account\":\"")?.1.split('"').next())
        .collect();
    let posted = posted(outcomes);
    let mut checked = 0;
    for (number, (_, bytes)) in folded_by(scene, TO, partitioner) {
        let account = read_account(&mut ByteReader::new(&bytes)).expect("an account");
        if !paid.contains(number.as_str()) {
            let sum = posted.get(&number).copied().unwrap_or(0);
            assert_eq!(account.balance.ten_thousandths(), sum, "a balance");
            checked += usize::from(sum != 0);
        }
    }
    assert!(checked > 100, "{checked} balances");
}

/// The last event of each of some accounts whose partition changes, with the outcome that it was given.
fn to_repeat(events: &[String], outcomes: &[Record]) -> Vec<(String, String)> {
    let mut last: BTreeMap<Vec<u8>, &String> = BTreeMap::new();
    for line in events {
        let key = message(line, "").key.expect("a key");
        if BY.partition_of(&key, FROM) != BY.partition_of(&key, TO) {
            last.insert(key, line);
        }
    }
    let mut verdicts: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for outcome in outcomes {
        let fields: Value = serde_json::from_str(outcome.text()).expect("JSON");
        if fields["supersedes"].is_null() {
            let verdict = fields["outcome"].as_str().expect("a verdict").to_owned();
            verdicts.insert(outcome.key.clone().expect("a key"), verdict);
        }
    }
    let judged = last.into_iter().filter(|(key, _)| verdicts[key] == "Accepted");
    judged.take(200).map(|(key, line)| (line.clone(), verdicts[&key].clone())).collect()
}

#[test]
fn the_state_follows_its_keys_bit_for_bit_and_nothing_is_decided_twice_or_never() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 60_000);
    let [first, second] = halves(&june);
    let mut scene =
        Scene::new(kafka, FROM, &[OPEN, "journal.record_bytes_max=400KiB", "kafka.restores_at_once=1"]);
    produce(&scene, &first.0, &first.1);

    // Not while records wait that would be left behind, nor while somebody decides.
    let waits = refused(repartition(&scene, TO, &["--dry-run"]));
    assert_says(&waits, &["not decided", "among 6", "stop the senders, let tillgate decide"]);
    let mut running = scene.start(&[]);
    let outcomes = scene.await_decided(&mut running);
    assert_says(&refused(repartition(&scene, TO, &["--wait", "0"])), &["has members", "stop every process"]);
    running.stop();
    assert_says(&refused(repartition(&scene, 3, &[])), &["--partitions 3", "there are 4 already"]);
    let dry = repartition(&scene, TO, &["--dry-run"]).output().expect("the binary");
    assert_says(&succeed(dry), &[&scene.pos_events, "grow", "rewrite", "of 4 partitions", "of 6 partitions"]);
    assert_eq!(partitions_of(&scene), [FROM as usize; 4], "nothing was changed");

    let before = folded(&scene, FROM);
    let ended = repartition(&scene, TO, &[]).output().expect("the binary");
    eprintln!("{}", String::from_utf8_lossy(&ended.stderr));
    succeed(ended);
    assert_eq!(partitions_of(&scene), [TO as usize; 4]);
    assert_moved(&before, &folded(&scene, TO));
    let records = kafka.read_committed(&scene.journal).len();
    assert!(records > TO as usize, "{records} records: some were written before the last journal was read");
    let ended = repartition(&scene, TO, &[]).output().expect("the binary");
    assert_says(&String::from_utf8_lossy(&ended.stderr), &["nothing to do"]);

    scene.partitions = TO;
    let repeats = to_repeat(&first.0, &outcomes);
    assert!(repeats.len() > 100, "{} repeats", repeats.len());
    let lines: Vec<String> = repeats.iter().map(|(line, _)| line.clone()).collect();
    produce(&scene, &lines, &[]);
    let again = decided(&scene);
    for (line, verdict) in &repeats {
        let key = message(line, "").key.expect("a key");
        let home = BY.partition_of(&key, TO).number();
        let own =
            again.iter().find(|outcome| outcome.partition == home && outcome.key.as_ref() == Some(&key));
        let outcome = own.expect("an outcome where the account is now").text();
        assert!(outcome.contains("\"pos.idempotency.repeat\""), "{outcome}");
        assert!(outcome.contains(&format!("\"outcome\":\"{verdict}\"")), "{outcome}");
    }
    produce(&scene, &second.0, &second.1);
    let outcomes = decided(&scene);
    assert_each_once(&scene, &outcomes, 0..0);
    assert_books_balance(&scene, &outcomes, &june, BY);
}

/// A repartition under way, through the proxy; what it says goes to a file.
fn start(scene: &Scene, proxy: &Proxy, log: &str) -> Child {
    let mut command = repartition(scene, TO, &[]);
    command.args(["--set", &format!("kafka.bootstrap_servers={}", proxy.bootstrap())]);
    let errors = File::create(scene.path(log)).expect("a file");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().expect("the binary")
}

#[test]
fn killed_at_any_step_and_run_again_it_ends_with_the_same_state() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 6_000);
    // A member that was killed is out of a classic group soon.
    let mut scene = Scene::new(kafka, FROM, &[OPEN, "kafka.group_protocol=classic"]);
    let [first, second] = halves(&june);
    produce(&scene, &first.0, &first.1);
    decided(&scene);
    let before = folded(&scene, FROM);

    let proxy = Proxy::before(kafka.bootstrap());
    let mut caught = Vec::new();
    // After the topics have grown; with everything written; with everything committed, but what is void still there.
    for (step, kind) in [Kind::AddPartitionsToTxn, Kind::Commit, DELETE_RECORDS].into_iter().enumerate() {
        let held = proxy.hold(Hold::next(kind));
        let log = format!("repartition-{step}.log");
        let mut child = start(&scene, &proxy, &log);
        eventually(2 * WITHIN, &format!("{kind:?}"), || {
            let ended = child.try_wait().expect("the child");
            let said = || std::fs::read_to_string(scene.path(&log)).expect("the log");
            assert!(ended.is_none() || held.is_caught(), "{kind:?}: {ended:?}: {}", said());
            held.is_caught().then_some(())
        });
        child.kill().expect("a kill");
        child.wait().expect("the child");
        assert_eq!(partitions_of(&scene), [TO as usize; 4]);
        if kind != DELETE_RECORDS {
            assert_says(
                &refused_run(&scene),
                &["written for inputs of 4 partitions, and they have 6", "topics repartition --partitions 6"],
            );
        }
        caught.push(held);
    }
    assert_moved(&before, &folded(&scene, TO));
    let again = repartition(&scene, TO, &[]).output().expect("the binary");
    succeed(again);
    // What was held back comes now, too late to do anything.
    drop(caught);
    assert_moved(&before, &folded(&scene, TO));
    for (partition, records) in by_partition(&kafka.read_committed(&scene.journal)) {
        let head = read_record(records[0].value.as_deref().expect("a value")).expect("a record").head;
        assert!(head.resets, "journal partition {partition} begins where its state does");
    }
    scene.partitions = TO;
    produce(&scene, &second.0, &second.1);
    let outcomes = decided(&scene);
    assert_each_once(&scene, &outcomes, 0..0);
    assert_books_balance(&scene, &outcomes, &june, BY);
}

fn by_partition(records: &[Record]) -> BTreeMap<i32, Vec<&Record>> {
    let mut partitions: BTreeMap<i32, Vec<&Record>> = BTreeMap::new();
    for record in records {
        partitions.entry(record.partition).or_default().push(record);
    }
    partitions
}

/// Adds partitions to a topic as somebody might who knows nothing of tillgate.
fn grow(kafka: &Kafka, topics: &[&String]) {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create().expect("an admin client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let options = AdminOptions::new().operation_timeout(Some(WITHIN));
    for topic in topics {
        let asked = NewPartitions::new(topic, TO as usize);
        for result in runtime.block_on(admin.create_partitions([&asked], &options)).expect("an answer") {
            result.expect("the new partitions");
        }
        eventually(WITHIN, "the new partitions", || (kafka.ends(topic).len() == TO as usize).then_some(()));
    }
}

fn await_blocked(running: &mut Running, parts: &[&str]) {
    eventually(WITHIN, "every partition to be blocked", || {
        let (_, body) = running.page("/readyz");
        let page: Value = serde_json::from_str(&body).expect("JSON");
        let partitions = page["partitions"].as_array()?;
        let blocked = |partition: &Value| parts.iter().all(|part| partition.to_string().contains(part));
        (partitions.len() >= FROM as usize && partitions.iter().all(blocked)).then_some(())
    });
}

#[test]
fn inputs_that_grow_while_it_runs_are_noticed_before_an_event_is_decided_away_from_its_state() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 4_000);
    let mut scene = Scene::new(kafka, FROM, &[OPEN]);
    let [first, second] = halves(&june);
    produce(&scene, &first.0, &first.1);
    // Its group looks for new partitions once an hour, so that none is assigned: only the keys can tell.
    let mut running = scene.start(&[
        "kafka.group_protocol=classic",
        "kafka.librdkafka.topic.metadata.refresh.interval.ms=3600000",
    ]);
    let decided_before = scene.await_decided(&mut running).len();
    running.await_ready(FROM as usize);

    // Only what moves between old partitions: no new partition need be assigned for that.
    let homes = |line: &String| {
        let key = message(line, "").key.expect("a key");
        (BY.partition_of(&key, FROM).number(), BY.partition_of(&key, TO).number())
    };
    let moves =
        |line: &&String| matches!(homes(line), (from, to) if from != to && (1..FROM as i32).contains(&to));
    let moved: Vec<String> = second.0.iter().filter(moves).cloned().collect();
    assert!(moved.len() > 10, "{} events", moved.len());
    let stays = |line: &&String| matches!(homes(line), (from, to) if from == to && from != 0);
    let mistaken = first.0.iter().find(stays).expect("an event of an account that stays").clone();
    while_a_sender_is_mistaken(kafka, &scene, &mistaken, || {
        await_told(&mut running);
        // Journal and outcomes too, as `topics create` would have it: nothing but the journals' own heads tells then.
        let later =
            [&scene.journal, &scene.pos_outcomes, &scene.account_results, &scene.ticks, &scene.pos_events];
        grow(kafka, &later);
        produce(&scene, &moved, &[]);
        grow(kafka, &[&scene.account_events]);
        await_blocked(&mut running, &["had 4 partitions", "topics repartition --partitions"]);
    });
    let answered = kafka.read_committed(&scene.pos_outcomes);
    let own = answered
        .iter()
        .filter(|outcome| outcome.partition == 0 && !outcome.text().contains("\"supersedes\":\""));
    let undecided = i64::try_from(own.count()).expect("few");
    let (elsewhere, others): (Vec<_>, Vec<_>) =
        answered.into_iter().partition(|outcome| outcome.text().contains("\"pos.state.unavailable\""));
    assert_eq!(others.len(), decided_before, "nothing that moved was decided");
    let key = message(&mistaken, "").key;
    assert!(
        elsewhere.iter().all(|outcome| outcome.key == key),
        "nor answered as if somebody had been mistaken"
    );
    running.stop();
    assert_says(
        &refused_run(&scene),
        &["written for inputs of 4 partitions, and they have 6", "topics repartition --partitions 6"],
    );

    // A sender that did not know: its record stands where its account is no more.
    let leaves = |line: &&String| matches!(homes(line), (0, to) if to != 0);
    let stray = second.0.iter().find(leaves).expect("an event of an account that leaves");
    kafka.produce(&scene.pos_events, [message(stray, stray.clone()).on(0)]);
    let place = format!("topic {} partition 0 has a record at offset {undecided}", scene.pos_events);
    assert_says(
        &refused(repartition(&scene, TO, &[])),
        &[&place, "before its sender learnt of the new partitions"],
    );

    let before = folded(&scene, FROM);
    let end = kafka.ends(&scene.pos_events)[&0];
    let ended = repartition(&scene, TO, &["--pass-over"]).output().expect("the binary");
    let passed = format!("partition 0: the records from offset {undecided} up to {end} were passed over");
    assert_says(&String::from_utf8_lossy(&ended.stderr), &[&passed]);
    succeed(ended);
    assert_moved(&before, &folded(&scene, TO));
    scene.partitions = TO;
    produce(&scene, std::slice::from_ref(stray), &[]);
    let outcomes = decided(&scene);
    assert_each_once(&scene, &outcomes, undecided..end);
}

/// Does something while the same record is sent to partition 0 again and again, where its key does not belong: the broker
/// is asked all the time, and its last answer is always of before.
fn while_a_sender_is_mistaken(kafka: &Kafka, scene: &Scene, line: &str, what: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Acquire) {
                kafka.produce(&scene.pos_events, [message(line, line).on(0)]);
            }
        });
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(what));
        stop.store(true, Ordering::Release);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Waits until the page and the figures tell of keys on the wrong partition; the process is ready all the same.
fn await_told(running: &mut Running) {
    eventually(WITHIN, "the mistake to be told", || {
        let (status, body) = running.page("/readyz");
        let page: Value = serde_json::from_str(&body).expect("JSON");
        let told = page["warnings"].get(0)?.as_str()?.to_owned();
        assert_says(&told, &["partition 0: ", "belong elsewhere", "by topics.partitioner = \"murmur2\""]);
        (status == 200).then_some(())
    });
    let (_, figures) = running.page("/metrics");
    let counted = figures.lines().find(|line| line.starts_with(MISPLACED)).expect("a series");
    assert!(!counted.ends_with(" 0"), "{counted}");
}

/// The records as a sender puts them that divides keys up like this.
fn put(scene: &Scene, partitioner: Partitioner, topic: &str, lines: &[String]) {
    let records = lines.iter().map(|line| message(line, line.clone()));
    scene.kafka.produce(
        topic,
        records.map(|record| {
            let home = partitioner.partition_of(record.key.as_deref().expect("a key"), scene.partitions);
            record.on(home)
        }),
    );
}

#[test]
fn accounts_that_stand_elsewhere_are_listed_before_anything_grows_and_go_only_where_they_are_named() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 3_000);
    let crc32 = "topics.partitioner=crc32";
    let mut scene = Scene::new(kafka, FROM, &[OPEN]);
    let [first, second] = halves(&june);
    put(&scene, Partitioner::Crc32, &scene.account_events, &first.1);
    put(&scene, Partitioner::Crc32, &scene.pos_events, &first.0);
    let mut running = scene.start(&[crc32]);
    let outcomes = scene.await_decided(&mut running);
    running.stop();
    assert!(!outcomes.iter().any(|outcome| outcome.text().contains("\"pos.state.unavailable\"")));
    let before = folded_by(&scene, FROM, Partitioner::Crc32);
    let strangers =
        before.iter().filter(|(number, (at, _))| BY.partition_of(number.as_bytes(), FROM) != *at).count();
    assert!(strangers > before.len() / 2);

    // By the other setting: nothing starts, and nothing grows.
    assert_says(&refused_run(&scene), &["was written with \"crc32\"", "set topics.partitioner = \"crc32\""]);
    let list = scene.path("strays.jsonl");
    let listing = |flags: &[&str], list: &std::path::Path| {
        let mut command = repartition(&scene, TO, flags);
        command.arg("--misplaced").arg(list);
        command
    };
    let said = refused(listing(&["--dry-run"], &list));
    let count = format!("{strangers} accounts stand on partitions where they do not belong among 4");
    assert_says(&said, &[&count, "set topics.partitioner = \"crc32\"", "strays.jsonl", "--drop FILE"]);
    let lines = std::fs::read_to_string(&list).expect("the list");
    assert_eq!(lines.lines().count(), strangers);
    let line: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    let (at, bytes) = &before[line["account"].as_str().expect("an account")];
    let account = read_account(&mut ByteReader::new(bytes)).expect("an account");
    assert_eq!((&line["partition"], &line["fits"]), (&Value::from(at.number()), &Value::from("crc32")));
    assert_eq!(line["balance"].to_string().parse::<f64>().ok(), account.balance.to_string().parse().ok());
    assert_eq!(line["holds"].as_array().map(Vec::len), Some(account.holds().len()));
    // But for one, all are named.
    let some = scene.path("some.jsonl");
    std::fs::write(&some, lines.split_once('\n').expect("more than one").1).expect("a file");
    let drop = ["--drop", some.to_str().expect("a path")];
    assert_says(&refused(listing(&drop, &scene.path("left.jsonl"))), &["1 accounts stand on partitions"]);
    assert_eq!(partitions_of(&scene), [FROM as usize; 4], "nothing was changed");

    let ended = repartition(&scene, TO, &["--set", crc32]).output().expect("the binary");
    succeed(ended);
    let moved = folded_by(&scene, TO, Partitioner::Crc32);
    assert_moved_by(&before, &moved, Partitioner::Crc32);
    scene.partitions = TO;
    put(&scene, Partitioner::Crc32, &scene.account_events, &second.1);
    put(&scene, Partitioner::Crc32, &scene.pos_events, &second.0);
    let mut running = scene.start(&[crc32]);
    let outcomes = scene.await_decided(&mut running);
    running.stop();
    assert_each_once(&scene, &outcomes, 0..0);
    assert_books_balance(&scene, &outcomes, &june, Partitioner::Crc32);

    // And without all that stand elsewhere by the other setting, on as many partitions.
    let before = folded_by(&scene, TO, Partitioner::Crc32);
    let all = scene.path("all.txt");
    let numbers: Vec<&str> = before.keys().map(String::as_str).collect();
    std::fs::write(&all, numbers.join("\n")).expect("a file");
    let ended =
        repartition(&scene, TO, &["--drop", all.to_str().expect("a path")]).output().expect("the binary");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    succeed(ended);
    let after = folded(&scene, TO);
    let at_home = before.iter().filter(|(number, (at, _))| BY.partition_of(number.as_bytes(), TO) == *at);
    assert!(after.iter().eq(at_home), "those at home are as they were");
    assert_says(&said, &[&format!("{} accounts that were named are left out", before.len() - after.len())]);
    put(&scene, BY, &scene.pos_events, &second.0[..1]);
    decided(&scene);
}
