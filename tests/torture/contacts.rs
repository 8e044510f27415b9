//! Contact decisions in a run: what back offices send while everything fails, and whether each request was decided once, each
//! interaction counts once, and each fact of an account was told once. Judged by what stands in the topics and what the journal
//! folds to; how a request is judged is nothing to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use tillgate::codec::decode_account_event;
use tillgate::codec::json::read_reply;
use tillgate::contact::{Interaction, PartyFact, PartyView, read_decision};
use tillgate::domain::account_event::{AccountChange, AccountEvent};
use tillgate::domain::reply::{Fate, REQUEST_ID};
use tillgate::domain::{Micros, PartitionId};
use tillgate::pipeline::Restore;

use crate::checker::{Evidence, Judgement, Topic};
use crate::faults::now;
use crate::load::Sender;
use crate::support::Record;
use crate::support::contacts::{RULES, call, empty, settings};
use crate::support::scene::Scene;
use crate::support::stream::SCHEMAS;
use tillgate::domain::promise::Promise;

/// Few enough that each is asked about often, many enough that no interaction is forgotten for there being too many.
const PERSONS: u64 = 400;
/// One record of this flow comes for so many POS events.
const EVENTS_PER_RECORD: u32 = 4;

/// Where it goes.
pub struct Inputs {
    requests: String,
    interactions: String,
    party_records: String,
}

impl Inputs {
    pub fn of(scene: &Scene) -> Self {
        let [requests, interactions, party_records] =
            ["contact_requests", "interactions", "party_records"].map(|topic| scene.of_contacts(topic));
        Self { requests, interactions, party_records }
    }
}

/// Sends until it is told to stop; how many records.
#[allow(clippy::disallowed_methods, reason = "a rate is kept against the clock")]
pub fn send(offices: &Sender, to: &Inputs, (seed, rate): (u64, u32), stop: &AtomicBool) -> u64 {
    let (began, rate) = (Instant::now(), u128::from((rate / EVENTS_PER_RECORD).max(1)));
    let mut sent: u64 = 0;
    while !stop.load(Ordering::SeqCst) {
        while u128::from(sent) * 1_000_000 >= began.elapsed().as_micros() * rate {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let person = format!("person-{}", (sent / 10) % PERSONS);
        let asked = format!("{seed}-{sent}");
        match sent % 10 {
            0 => {
                let value = format!(
                    r#"{{"partyId":"{person}","jurisdiction":"US","contacts":[{{"contactId":"c","kind":"phone","value":"{}"}}]}}"#,
                    sent % 7
                );
                put(offices, &to.party_records, &person, &value, &asked);
            }
            number @ 1..=4 => {
                let value = call(sent, &person, Micros::from_millis(now()), "");
                // Some senders are not sure that it has arrived.
                for _ in 0..=number % 2 {
                    put(offices, &to.interactions, &person, &value, &asked);
                }
            }
            _ => {
                let value = format!(
                    r#"{{"requestId":"{asked}","personId":"{person}","channel":"voice","theme":"opsCollDebt","contactDetails":{{"kind":"phone","value":"{}"}}}}"#,
                    sent % 50
                );
                put(offices, &to.requests, &person, &value, &asked);
            }
        }
        sent += 1;
    }
    offices.flush();
    sent
}

fn put(offices: &Sender, topic: &str, person: &str, value: &str, asked: &str) {
    let headers = OwnedHeaders::new().insert(Header { key: REQUEST_ID, value: Some(asked) });
    let record = BaseRecord::<[u8], [u8]>::to(topic).key(person.as_bytes()).payload(value.as_bytes());
    offices.give(record.headers(headers));
}

/// Holds what was decided against what was sent.
pub fn judge(scene: &Scene, evidence: &Evidence, judgement: &mut Judgement) {
    judge_requests(scene, judgement);
    judge_interactions(scene, judgement);
    judge_facts(scene, evidence, judgement);
    let mut letters = 0;
    scene.kafka.each_committed(&scene.of_contacts("contact_dead_letters"), |_| letters += 1);
    judgement.count(Promise::DeadLetters, letters, 0, || "dead letters of contact decisions".to_owned());
}

/// How often something is there, and how often it must be, by what it is about.
type Counts<K> = BTreeMap<K, [u64; 2]>;

fn compare<K: std::fmt::Debug>(counts: Counts<K>, what: &str, judgement: &mut Judgement) {
    for (about, [found, due]) in counts {
        judgement.count(Promise::Once, found, due, || format!("{what} {about:?}"));
    }
}

fn value(record: &Record) -> &[u8] {
    record.value.as_deref().unwrap_or_default()
}

fn judge_requests(scene: &Scene, judgement: &mut Judgement) {
    let mut counts: Counts<(i32, i64)> = Counts::new();
    scene.kafka.each_committed(&scene.of_contacts("contact_requests"), |record| {
        counts.entry((record.partition, record.offset)).or_default()[1] += 1;
    });
    scene.kafka.each_committed(&scene.of_contacts("contact_decisions"), |record| {
        let said = read_decision(value(&record)).expect("a decision");
        assert_eq!(record.key.as_deref(), Some(said.person_id.as_bytes()), "a decision's key is its person");
        counts.entry((said.source.partition.number(), said.source.offset)).or_default()[0] += 1;
        judgement.contacts += 1;
    });
    compare(counts, "decision on contact request", judgement);
}

/// Each has one reply, the first of an id is applied and no other, and the state counts those.
fn judge_interactions(scene: &Scene, judgement: &mut Judgement) {
    let mut replies: Counts<(i32, i64)> = Counts::new();
    let mut ids = BTreeMap::new();
    let mut counts: Counts<String> = Counts::new();
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    scene.kafka.each_committed(&scene.of_contacts("interactions"), |record| {
        let Interaction { event_id, party_id, .. } =
            Interaction::read(value(&record)).expect("an interaction");
        replies.entry((record.partition, record.offset)).or_default()[1] += 1;
        counts.entry(event_id.clone()).or_default()[1] = 1;
        told.entry(party_id).or_default().insert(event_id.clone());
        ids.insert((record.partition, record.offset), event_id);
    });
    scene.kafka.each_committed(&scene.of_contacts("interaction_results"), |record| {
        let reply = read_reply(value(&record)).expect("a reply");
        let source = (reply.source.0.number(), reply.source.1);
        replies.entry(source).or_default()[0] += 1;
        if let (Fate::Applied, Some(id)) = (reply.fate, ids.get(&source)) {
            counts.entry(id.clone()).or_default()[0] += 1;
        }
    });
    compare(replies, "reply to interaction", judgement);
    compare(counts, "application of interaction", judgement);
    let known = known(scene);
    judgement.interactions += known.values().map(|ids| ids.len() as u64).sum::<u64>();
    for (person, ids) in told {
        let found = known.get(&person);
        let is_known = found.is_some_and(|found| *found == ids.iter().cloned().collect::<Vec<_>>());
        judgement.count(Promise::Journal, u64::from(is_known), 1, || {
            format!(
                "{person}, with {} interactions and not {:?} as the journal has it",
                ids.len(),
                found.map(Vec::len)
            )
        });
    }
}

/// The ids of the interactions that the journal remembers, in their order, by person.
fn known(scene: &Scene) -> BTreeMap<String, Vec<String>> {
    let partitions = scene.contact_partitions.unwrap_or(1);
    let begin = |number| Restore::new(empty(number, settings(partitions, 400 << 10)));
    let mut restores: Vec<_> = PartitionId::all(partitions).map(begin).collect();
    scene.kafka.each_committed(&scene.of_contacts("contact_journal"), |record| {
        let taken = restores[record.partition as usize].on_record(value(&record));
        taken.unwrap_or_else(|fault| panic!("journal of contact decisions {}: {fault}", record.offset));
    });
    let mut known = BTreeMap::new();
    for restore in restores {
        let restored =
            restore.finish().unwrap_or_else(|fault| panic!("journal of contact decisions: {fault}"));
        for party in restored.state().iter() {
            let seen = serde_json::to_value(PartyView::of(party, &RULES)).expect("JSON");
            let ids = seen["interactions"].as_array().expect("interactions").iter();
            let mut ids: Vec<String> =
                ids.map(|one| one["eventId"].as_str().expect("an id").to_owned()).collect();
            ids.sort();
            known.insert(party.id.to_string(), ids);
        }
    }
    known
}

/// Each account event that may change what an account is was told once to whom it is of.
fn judge_facts(scene: &Scene, evidence: &Evidence, judgement: &mut Judgement) {
    let dead: BTreeSet<(Topic, i32, i64)> = evidence.dead_letters.iter().copied().collect();
    let mut counts: Counts<(String, String, bool)> = Counts::new();
    let (mut seen, mut whose) = (BTreeSet::new(), BTreeMap::<String, String>::new());
    scene.kafka.each_committed(&scene.account_events, |record| {
        let is_dead = dead.contains(&(Topic::AccountEvents, record.partition, record.offset));
        let Ok(AccountEvent { id, account, change, .. }) =
            decode_account_event(&*SCHEMAS, value(&record), None)
        else {
            return;
        };
        if is_dead || !seen.insert(id) {
            return;
        }
        if let AccountChange::Update(update) = &change
            && let Some(party) = update.party_id.clone()
        {
            let before = whose.insert(account.clone(), party.clone());
            if let Some(before) = before.filter(|before| *before != party) {
                counts.entry((before, account.clone(), true)).or_default()[1] += 1;
            }
        }
        let tells = matches!(
            change,
            AccountChange::Update(_) | AccountChange::Flag { .. } | AccountChange::Close { .. }
        );
        if let (true, Some(party)) = (tells, whose.get(&account)) {
            counts.entry((party.clone(), account, false)).or_default()[1] += 1;
        }
    });
    scene.kafka.each_committed(&scene.of_contacts("parties"), |record| {
        let fact = PartyFact::read(value(&record)).expect("a fact");
        assert_eq!(record.key.as_deref(), Some(fact.party_id.as_bytes()), "a fact's key is its person");
        counts.entry((fact.party_id, fact.account, fact.withdrawn)).or_default()[0] += 1;
        judgement.facts += 1;
    });
    compare(counts, "fact", judgement);
}
