//! Ticks as an operator meets them: a hold on a partition where nothing comes runs out, by one record, whoever decides the
//! partition by then; a partition whose time ran ahead is set back; and a replay, of topics and of their export, does both.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tillgate::domain::Micros;
use tillgate::domain::partitioner::Partitioner;

use super::OPEN;
use crate::support::scene::{Scene, WITHIN, succeed};
use crate::support::{Message, eventually, kafka};

/// A purchase above the cap of a first one, made now.
#[allow(
    clippy::disallowed_methods,
    reason = "brokers set a record's time by the clock, and this one's is beside it"
)]
fn purchase(account: &str) -> Message {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let event = json!({
        "accountNumber": account, "eventType": "Purchase", "time": Micros::from_millis(now).to_string(), "posId": "P1",
        "nfcId": "N1", "totalAmount": 1_500.0, "items": [], "currency": "EUR", "countryCode": "DE",
        "conversationLanguage": "DE",
    });
    Message::new(account, event.to_string()).on(1)
}

#[test]
fn a_hold_runs_out_where_nothing_comes_and_time_is_set_back_and_both_are_replayed() {
    let Some(kafka) = kafka() else { return };
    let sets = [OPEN, "checks.pending.hold_time=20s", "checks.limit.first_amount.cap={ EUR = 1000 }"];
    let scene = Scene::live(kafka, 2, &sets);
    let at_home = |number: &u32| Partitioner::Murmur2.is_home(number.to_string().as_bytes(), 1.into(), 2);
    let account = (0..).find(at_home).expect("a number").to_string();
    kafka.produce(&scene.pos_events, [purchase(&account)]);
    let first = scene.start(&[]);
    kafka.await_committed(&scene.pos_outcomes, 1, WITHIN);
    // Another one decides the partition when the time comes, and knows of the last record by the journal alone.
    first.kill();
    let mut second = scene.start(&[]);
    let outcomes = kafka.await_committed(&scene.pos_outcomes, 2, WITHIN);
    let said: Vec<_> =
        outcomes.iter().map(|outcome| serde_json::from_str::<Value>(outcome.text()).expect("JSON")).collect();
    assert_eq!(said[0]["outcome"], "Pending", "{said:#?}");
    let ended = &said[1];
    let first_id = said[0]["transactionId"].as_str().expect("an id");
    assert_eq!(ended["supersedes"], said[0]["transactionId"]);
    assert_eq!(ended["riskCheckMessages"][0]["code"], "pos.pending.expired");
    assert_eq!(ended["source"]["topic"], scene.ticks.as_str());
    assert_eq!(ended["source"]["partition"], 1);
    // One record, when it mattered, and none on the partition where nothing waits.
    let ticks: i64 = kafka.ends(&scene.ticks).values().sum();
    assert_eq!(ticks, 1, "{:?}", kafka.read_committed(&scene.ticks));

    let set =
        ["state", "set-time", "--partition", "1", "--to", "2026-01-31T12:00:00Z", "--by", "ticket 4711"];
    let told = scene.command(&set).output().expect("the binary");
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    let later = "the next event of the partition sets stream time to 2026-01-31T12:00:00Z";
    assert!(told.status.success() && said.contains(later), "{said}");
    eventually(WITHIN, "the log to tell", || second.says("ticket 4711").then_some(()));
    kafka.produce(&scene.pos_events, [purchase(&account)]);
    eventually(WITHIN, "the log to tell", || second.says("stream time is set back from").then_some(()));
    let ahead = ["state", "set-time", "--partition", "1", "--to", "9999-01-31T12:00:00Z"];
    let refused = scene.command(&ahead).output().expect("the binary");
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    second.assert_alive();
    second.stop();
    succeed(scene.command(&["replay", "--verify"]).output().expect("the binary"));
    let id = ended["transactionId"].as_str().expect("an id");
    let explained = scene.command(&["explain", id, "--account", &account]).output().expect("the binary");
    let page = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.status.success() && page.contains("check 31, limit.first_amount"), "{page}");
    assert!(page.contains(&format!("supersedes {}", first_id)), "{page}");
    let folder = scene.path("export");
    let folder = folder.to_str().expect("a path in UTF-8");
    succeed(scene.command(&["topics", "export", "--to", folder]).output().expect("the binary"));
    succeed(scene.command(&["replay", "--verify", "--files", folder]).output().expect("the binary"));
}
