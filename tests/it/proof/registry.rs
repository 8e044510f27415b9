//! A schema registry that is down, and one that goes away: only what needs a schema that is not known yet waits for it.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tillgate::domain::partitioner::Partitioner;

use super::avro::Registered;
use super::june::{self, June};
use super::{OPEN, POS_EVENT};
use crate::support::kafka::free_ports;
use crate::support::scene::{Scene, WITHIN, succeed};
use crate::support::{Kafka, Record, eventually, kafka, shared};

/// Where an open gate leads to, and the connections that are under way.
type Way = (String, Vec<TcpStream>);

/// A way to the registry that can be shut.
struct Gate {
    url: String,
    /// None: it is shut.
    open: Arc<Mutex<Option<Way>>>,
}

impl Gate {
    /// Before the registry of `kafka`, shut.
    fn new(kafka: &Kafka) -> Self {
        let (_, path) = place(kafka);
        let port = free_ports(1);
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port that was free");
        let open: Arc<Mutex<Option<Way>>> = Arc::default();
        let its = Arc::clone(&open);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let mut open = its.lock().expect("no poison");
                let (Ok(client), Some((address, under_way))) = (client, &mut *open) else { continue };
                let Ok(server) = TcpStream::connect(&*address) else { continue };
                if let (Ok(client_too), Ok(server_too), Ok(kept)) =
                    (client.try_clone(), server.try_clone(), client.try_clone())
                {
                    under_way.push(kept);
                    pass(client, server_too);
                    pass(server, client_too);
                }
            }
        });
        Gate { url: format!("http://127.0.0.1:{port}/{path}"), open }
    }

    fn open(&self, kafka: &Kafka) {
        *self.open.lock().expect("no poison") = Some((place(kafka).0, Vec::new()));
    }

    /// Cuts what is under way, and answers nobody from now on.
    fn shut(&self) {
        let under_way = self.open.lock().expect("no poison").take();
        for stream in under_way.into_iter().flat_map(|(_, streams)| streams) {
            // It may have ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Address and path of the registry.
fn place(kafka: &Kafka) -> (String, String) {
    let url = kafka.registry().trim_start_matches("http://");
    let (address, path) = url.split_once('/').unwrap_or((url, ""));
    (address.to_owned(), path.to_owned())
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        // Either end may close: then that is passed on.
        let _ = copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn verdicts(outcomes: &[Record]) -> Vec<String> {
    let said = outcomes.iter().map(|outcome| {
        let said: Value = serde_json::from_str(outcome.text()).expect("JSON");
        said["outcome"].as_str().expect("a verdict").to_owned()
    });
    said.collect()
}

#[test]
fn waits_for_a_registry_that_is_down_and_decides_once_it_is_up() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 4);
    let pos_event = Registered::new(kafka, &kafka.topic("pos-event"), POS_EVENT);
    let gate = Gate::new(kafka);
    let registry = format!("registry.url={}", gate.url);
    let scene = Scene::new(kafka, 1, &[OPEN, &registry, "registry.backoff_max=500ms"]);
    let [plain, avro, after, _] = &june.events[..] else { panic!("{} events", june.events.len()) };
    let mut running = scene.start(&[]);
    let messages = [
        june::message(plain, plain.clone()),
        june::message(avro, pos_event.encode(avro)),
        june::message(after, after.clone()),
    ];
    kafka.produce(&scene.pos_events, messages);

    eventually(WITHIN, "the partition to wait for the registry", || {
        let (status, page) = running.page("/readyz");
        (status == 503 && page.contains("schema registry")).then_some(())
    });
    assert_eq!(kafka.await_committed(&scene.pos_outcomes, 1, WITHIN).len(), 1, "what lies before it");
    let (status, _) = running.page("/healthz");
    assert_eq!(status, 200, "a restart would not help");
    let said = "partition 0: waits for a schema: the schema registry does not answer";
    eventually(WITHIN, "the log to say so", || running.says(said).then_some(()));

    gate.open(kafka);
    let outcomes = scene.await_decided(&mut running);
    running.await_ready(1);
    eventually(WITHIN, "the log to say so", || running.says("partition 0: goes on").then_some(()));
    let log = running.log();
    let told = log
        .iter()
        .filter(|line| line["message"].as_str().is_some_and(|text| text.contains("waits for a schema")));
    assert_eq!(told.count(), 1, "once");
    running.stop();
    assert_eq!(verdicts(&outcomes), ["Accepted", "Accepted", "Accepted"]);
    assert_eq!(kafka.read_committed(&scene.dead_letters).len(), 0);
}

#[test]
fn goes_on_with_the_schemas_it_knows_while_the_registry_is_away() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 100);
    let known = Registered::new(kafka, &kafka.topic("pos-event"), POS_EVENT);
    let account = r#"{"name": "accountNumber""#;
    let newer = r#"{"name": "newer", "type": ["null", "string"], "default": null}, "#;
    let newer = POS_EVENT.replacen(account, &format!("{newer}{account}"), 1);
    let unknown = Registered::new(kafka, &kafka.topic("pos-event"), &newer);
    assert_ne!(known.id, unknown.id);
    let gate = Gate::new(kafka);
    gate.open(kafka);
    let registry = format!("registry.url={}", gate.url);
    let scene = Scene::new(kafka, 2, &[OPEN, &registry, "registry.backoff_max=500ms"]);
    let mut lines = june.events.iter();
    let mut by = |schema: &Registered, partition: i32| {
        let home = |line: &&String| {
            let key = june::message(line, "").key.expect("a key");
            Partitioner::Murmur2.is_home(&key, partition.into(), 2)
        };
        let line = lines.find(home).expect("enough of them");
        june::message(line, schema.encode(line))
    };
    let mut running = scene.start(&[]);
    kafka.produce(&scene.pos_events, [by(&known, 0), by(&known, 1)]);
    kafka.await_committed(&scene.pos_outcomes, 2, WITHIN);

    gate.shut();
    kafka.produce(&scene.pos_events, [by(&known, 0), by(&unknown, 0), by(&known, 0), by(&known, 1)]);
    eventually(WITHIN, "the partition with the new schema to wait", || {
        let (status, page) = running.page("/readyz");
        (status == 503 && page.contains("partition 0 is blocked")).then_some(())
    });
    kafka.produce(&scene.pos_events, [by(&known, 1), by(&known, 1)]);
    let outcomes = kafka.await_committed(&scene.pos_outcomes, 6, WITHIN);
    let on = |partition| outcomes.iter().filter(|outcome| outcome.partition == partition).count();
    assert_eq!((on(0), on(1)), (2, 4), "up to the unknown schema, and all of the other partition");
    let (_, page) = running.page("/readyz");
    assert!(!page.contains("partition 1 is blocked"), "{page}");

    gate.open(kafka);
    let outcomes = scene.await_decided(&mut running);
    running.stop();
    assert_eq!(outcomes.len(), 8);
    assert!(verdicts(&outcomes).iter().all(|verdict| verdict == "Accepted"), "{outcomes:?}");
    assert_eq!(kafka.read_committed(&scene.dead_letters).len(), 0);
}

#[test]
fn a_flood_of_unknown_schema_ids_holds_nobody_up_for_long() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 2);
    let new = Registered::new(kafka, &kafka.topic("pos-event"), POS_EVENT);
    let registry = format!("registry.url={}", kafka.registry());
    let scene = Scene::new(kafka, 1, &[OPEN, &registry, "registry.unknown_ids_max=500"]);
    let [plain, avro] = &june.events[..] else { panic!("{} events", june.events.len()) };
    // Six bytes each, and an id that nobody has given out.
    let flood = (0..3_000_u32).map(|number| {
        let id = (0x7000_0000 + number).to_be_bytes();
        june::message(plain, [&[0], &id[..], &[1]].concat())
    });
    let good = [june::message(plain, plain.clone()), june::message(avro, new.encode(avro))];
    kafka.produce(&scene.pos_events, good[1..].iter().cloned().chain(flood).chain(good[..1].iter().cloned()));
    let mut running = scene.start(&[]);
    let outcomes = scene.await_decided(&mut running);
    running.stop();
    let verdicts = verdicts(&outcomes);
    assert_eq!((verdicts.len(), &*verdicts[0], &*verdicts[3_001]), (3_002, "Accepted", "Accepted"));
    let letters = kafka.read_committed(&scene.dead_letters);
    assert_eq!(letters.len(), 3_000);
    let count = |part: &str| {
        let says = |letter: &&Record| letter.header("error.message").is_some_and(|said| said.contains(part));
        letters.iter().filter(says).count()
    };
    let (unknown, unasked) = (count("is not in the registry"), count("was not asked for"));
    assert_eq!(unknown + unasked, 3_000);
    assert!(unknown >= 500 && unasked >= 1_000, "{unknown} unknown, {unasked} not asked for");
    succeed(scene.command(&["replay", "--verify"]).output().expect("the binary"));
}
