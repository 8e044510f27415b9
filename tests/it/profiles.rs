//! Shared profiles on a real Kafka, as operators and tills use them: what one process decided the others know of soon, records
//! of terminals and chips come and go, a process that starts knows all of it before its first decision, and a replay decides
//! by what the outcomes say was known.

use crate::support::scene::{Scene, WITHIN, succeed};
use crate::support::{Kafka, Message, eventually, kafka};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};
use tillgate::domain::Micros;

const PARTITIONS: u32 = 3;

/// A group with profiles.
fn scene(kafka: &'static Kafka) -> Scene {
    let sets =
        ["profiles.enabled=true", "checks.account.unknown=open", "checks.velocity.windows.enabled=false"];
    Scene::new(kafka, PARTITIONS, &sets)
}

/// Sends one purchase after another, each with an id of its own.
struct Till<'s> {
    scene: &'s Scene,
    sent: u32,
}

impl Till<'_> {
    /// The codes and the evidence of the outcome of a purchase of `account` on `chip` at terminal T-1 in Norway.
    #[allow(clippy::disallowed_methods, reason = "an event of long ago would be late")]
    fn answer(&mut self, account: &str, chip: &str) -> (Vec<String>, Vec<String>) {
        self.sent += 1;
        let id = format!("T-{}", self.sent);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let (time, cents) = (Micros(now.as_micros() as i64), 1_000 + self.sent);
        let event = format!(
            r#"{{"accountNumber":"{account}","accountTransactionId":"{id}","eventType":"Purchase","time":"{time}","currency":"NOK","countryCode":"NO","conversationLanguage":"NO","posId":"T-1","nfcId":"{chip}","totalAmount":{}.{:02},"totalTax":0,"items":[]}}"#,
            cents / 100,
            cents % 100,
        );
        self.scene.kafka.produce(&self.scene.pos_events, vec![Message::new(account, event)]);
        let found = eventually(WITHIN, &format!("the outcome of {id}"), || {
            let outcomes = self.scene.kafka.read_committed(&self.scene.pos_outcomes);
            let read = |record: &crate::support::Record| serde_json::from_str::<Value>(record.text()).ok();
            outcomes.iter().filter_map(read).find(|outcome| outcome["accountTransactionId"] == *id)
        });
        let all = |list: &str, name: &str| -> Vec<String> {
            let list = found[list].as_array().expect("a list");
            list.iter().map(|entry| entry[name].as_str().expect("a text").to_owned()).collect()
        };
        let codes = all("riskCheckMessages", "code").into_iter().filter(|code| code != "pos.items.none");
        (codes.collect(), all("evidence", "fact"))
    }

    /// Asks with one account after another until the answer has this code.
    fn until(&mut self, accounts: &[String], chip: &str, code: &str) {
        for account in accounts {
            eventually(WITHIN, &format!("{code} for {account}"), || {
                let (codes, _) = self.answer(account, chip);
                codes.iter().any(|found| found == code).then_some(())
            });
        }
    }
}

fn profiles(scene: &Scene, args: &[&str]) -> String {
    let mut command = scene.command(&["profiles"]);
    succeed(command.args(args).output().expect("the binary"))
}

#[test]
fn what_one_process_saw_the_others_know_and_a_replay_knows_it_too() {
    let Some(kafka) = kafka() else { return };
    let scene = scene(kafka);
    profiles(&scene, &["put", "--terminal", "T-1", "--country", "SE"]);
    let (first, second) = (scene.start(&[]), scene.start(&[]));
    eventually(WITHIN, "both processes to decide", || {
        let all = first.decides().len() + second.decides().len();
        (all >= PARTITIONS as usize && !first.decides().is_empty() && !second.decides().is_empty())
            .then_some(())
    });
    let mut till = Till { scene: &scene, sent: 0 };
    let accounts: Vec<String> = (1..=6).map(|number| format!("account-{number}")).collect();
    // The record of the terminal was there before, its profile follows.
    till.until(&accounts[..1], "chip-0", "pos.terminal.country");
    profiles(&scene, &["put", "--terminal", "T-1", "--country", "NO"]);
    eventually(WITHIN, "the terminal to stand in Norway", || {
        till.answer("account-1", "chip-0").0.is_empty().then_some(())
    });
    // The third account on one chip is one too many, on whichever partition it is.
    for account in &accounts[..3] {
        till.answer(account, "chip-1");
    }
    till.until(&accounts, "chip-1", "pos.fanout");
    profiles(&scene, &["put", "--chip", "chip-2", "--blocked"]);
    till.until(&accounts[..3], "chip-2", "pos.nfc.blocked");
    let published: Value =
        serde_json::from_str(&profiles(&scene, &["get", "--chip", "chip-1"])).expect("JSON");
    assert_eq!(published["kind"], "chip");
    assert!(published["accounts"].as_array().is_some_and(|seen| seen.len() >= 3), "{published}");
    // One that is killed leaves nothing half done, and one that starts knows everything before it decides.
    first.kill();
    second.stop();
    let mut third = scene.start(&[]);
    let (codes, evidence) = till.answer("account-1", "chip-2");
    assert!(codes.contains(&"pos.nfc.blocked".to_owned()), "{codes:?}");
    assert!(evidence.contains(&"chip.record".to_owned()), "{evidence:?}");
    let (codes, evidence) = till.answer("account-7", "chip-1");
    assert_eq!(codes, ["pos.fanout"]);
    assert!(evidence.contains(&"chip.other_accounts".to_owned()), "{evidence:?}");
    profiles(&scene, &["remove", "--chip", "chip-2"]);
    eventually(WITHIN, "the chip to be free again", || {
        let (codes, _) = till.answer("account-1", "chip-2");
        (!codes.contains(&"pos.nfc.blocked".to_owned())).then_some(())
    });
    scene.await_decided(&mut third);
    third.stop();
    let replay = scene.command(&["replay", "--verify", "--json"]).output().expect("the binary");
    let report: Value = serde_json::from_slice(&replay.stdout).expect("a report");
    assert_eq!(report["identical"], true, "{report:#}");
    let letters = kafka.read_committed(&scene.dead_letters);
    assert!(letters.is_empty(), "{letters:?}");
}

#[test]
fn says_what_is_wrong_before_anything_is_written() {
    let Some(kafka) = kafka() else { return };
    let scene = scene(kafka);
    let file = scene.path("records.jsonl");
    std::fs::write(&file, "{\"posId\":\"T-1\",\"country\":\"NO\"}\n\n{\"nfcId\":\"1\",\"colour\":1}\n")
        .expect("a file");
    let import = scene.command(&["profiles", "import"]).arg(&file).output().expect("the binary");
    assert_eq!(import.status.code(), Some(1));
    let said = String::from_utf8_lossy(&import.stderr).into_owned();
    assert!(said.contains("records.jsonl:3: no profile record") && said.contains("column 21"), "{said}");
    let cases: [(&[&str], &str); 4] = [
        (&["put", "--terminal", "T-1", "--country", "XX"], "none of NO"),
        (&["put", "--terminal", "T-1", "--position", "91,0"], "degrees north"),
        (&["put", "--terminal", " "], "blank"),
        (&["get", "--chip", "nobody"], "nothing is published of nfc/"),
    ];
    for (args, says) in cases {
        let output = scene.command(&["profiles"]).args(args).output().expect("the binary");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{args:?}: {said}");
    }
    let mut off = scene.command(&["profiles", "get", "--chip", "1"]);
    let output = off.args(["--set", "profiles.enabled=false"]).output().expect("the binary");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("profiles.enabled is false"), "{said}");
}
