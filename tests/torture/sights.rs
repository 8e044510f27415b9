//! Whether the shared profiles were told of each use of a terminal once: what outcomes and events give, against what stands in
//! the topic of observations. Knows when a use is one, and nothing of what profiles make of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use tillgate::codec::decode_pos_event;
use tillgate::domain::Micros;
use tillgate::domain::enums::{CategoryType, EventType, Verdict};
use tillgate::profiles::{Observation, ProfileKind, read_observations};
use tillgate::state::id_hash;

use crate::checker::Judgement;
use crate::gather::{Coded, Source};
use crate::support::Record;
use crate::support::scene::Scene;
use crate::support::stream::SCHEMAS;
use tillgate::domain::promise::Promise;

/// A use: terminal, account, time, and what was answered.
type Sight = (u64, u64, Micros, Verdict);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    outcome: String,
    supersedes: Option<String>,
    repeats: Option<String>,
    risk_check_messages: Vec<Coded>,
    source: Source,
}

/// Holds what was told against what was seen.
pub fn judge(scene: &Scene, judgement: &mut Judgement) {
    let mut events = BTreeMap::new();
    scene.kafka.each_committed(&scene.pos_events, |record| {
        events.extend(charge(&record).map(|charge| ((record.partition, record.offset), charge)));
    });
    let mut sights: BTreeMap<Sight, [u64; 2]> = BTreeMap::new();
    scene.kafka.each_committed(&scene.pos_outcomes, |record| {
        let said: Said = serde_json::from_str(record.text()).expect("an outcome in JSON");
        let verdict = Verdict::from_symbol(&said.outcome).expect("an outcome");
        let is_new = verdict != Verdict::NotEvaluated
            && (said.supersedes, said.repeats) == (None, None)
            && said.risk_check_messages.iter().all(|message| message.code != "pos.account.unknown");
        let Source { topic, partition, offset } = said.source;
        if let Some((terminal, account, time)) = events.get(&(partition, offset))
            && is_new
            && topic == scene.pos_events
        {
            sights.entry((*terminal, *account, *time, verdict)).or_default()[0] += 1;
        }
    });
    scene.kafka.each_committed(&scene.of_profiles("observations"), |record| {
        let (_, keys) = read_observations(record.value.as_deref().expect("observations")).expect("ours");
        for of_key in keys.iter().filter(|of_key| of_key.key.kind == ProfileKind::Terminal) {
            for observation in &of_key.seen {
                if let Observation::Used(seen) = observation
                    && !seen.granted
                {
                    let sight = (of_key.key.hash, seen.account, seen.time, seen.verdict);
                    sights.entry(sight).or_default()[1] += 1;
                }
            }
        }
    });
    for ((terminal, _, time, verdict), [due, told]) in sights {
        judgement.sights += told;
        judgement.count(Promise::Once, told, due, || {
            format!("use of terminal {terminal:016x} at {time}, answered {verdict}")
        });
    }
}

/// The terminal, account and time of an event that charges at a terminal.
fn charge(record: &Record) -> Option<(u64, u64, Micros)> {
    let event = decode_pos_event(&*SCHEMAS, record.value.as_deref()?, None).ok()?;
    let total = event.total_amount.value();
    let charges = match event.event_type.value()? {
        EventType::Purchase | EventType::Withdrawal => {
            event.category_type.value() != Some(CategoryType::Cancel)
        }
        EventType::Correction => total.is_some_and(|total| !total.is_negative()),
        _ => false,
    };
    let terminal = id_hash(event.pos_id.as_deref());
    let account = id_hash(event.account_number.as_deref());
    (charges && terminal != 0).then_some((terminal, account, event.time.value()?))
}
