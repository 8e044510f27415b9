//! The topics as they should be: a plan first, then what it says. Nothing is changed without a row in the plan.
//!
//! What must hold before a worker may start is in [`verify`]; what an operator sees and applies is in [`plan`] and
//! [`apply`].

use super::plan_row::{PlanAction, PlanRow};
use crate::domain::PartitionId;
use crate::domain::limits::OUTCOME_BYTES_MAX;
use crate::kafka::client::{Admin, MAX_MESSAGE, PRODUCED_AT_ONCE_BYTES_MAX, TopicState};
use crate::kafka::failure::Fault;
use crate::kafka::settings::{ClusterSettings, FlowTopics};
use std::collections::BTreeMap;
use std::time::Duration;

/// Room in a message above what is written: its key, headers and framing.
const OVERHEAD_BYTES: u64 = 64 << 10;
/// What brokers let a topic take where nothing else is set.
const USUAL_MESSAGE_BYTES_MAX: u64 = 1_048_588;
/// A journal is trimmed in whole segments: with Kafka's default of 1 GiB what is trimmed stays on disk until one is full.
const SEGMENT: &str = "segment.bytes";
const JOURNAL_SEGMENT_BYTES: u64 = 64 << 20;
/// Whether each partition has a broker that answers for it.
const LEADERS: &str = "leaders";
pub(super) const TIMESTAMP_TYPE: &str = "message.timestamp.type";

/// Whose times the records of the inputs have. They bound how far an event moves its partition's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TimestampSource {
    /// The broker's (LogAppendTime), for live events: no sender's clock moves a partition's time
    Broker,
    /// The producer's (CreateTime), for imports and historic loads
    Producer,
}

impl TimestampSource {
    pub(super) const fn value(self) -> &'static str {
        match self {
            Self::Broker => "LogAppendTime",
            Self::Producer => "CreateTime",
        }
    }
}

/// How topics are created.
#[derive(Clone, Debug, Default)]
pub struct TopicLayout {
    /// Partitions of a flow's inputs, outputs and journal, where there are none yet.
    pub partitions: usize,
    /// Copies of each; below 1: the cluster's default.
    pub replication: i32,
    /// How long records are kept, by topic; all others for ever. Journals and rulesets are always kept.
    pub retention: BTreeMap<String, Duration>,
    /// Whose times the inputs have; none: the brokers' where they are made, and as they are where they exist.
    pub times: Option<TimestampSource>,
}

/// How many partitions a topic is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Partitions {
    /// They are numbered as the inputs'.
    AsInputs,
    /// As the inputs where it is made, any number afterwards.
    Any,
    /// One is enough.
    One,
}

/// A topic's part in the plan.
struct WantedTopic<'a> {
    name: &'a str,
    /// Of which flow it is; none: of all.
    topics: Option<&'a FlowTopics>,
    partitions: Partitions,
    settings: BTreeMap<String, String>,
    /// Settings that it should have, without which everything works all the same.
    advised: BTreeMap<String, String>,
    /// Settings given at its creation and left alone afterwards: they are the operator's.
    at_first: BTreeMap<String, String>,
}

fn wanted_topics<'a>(
    settings: &'a ClusterSettings,
    layout: &TopicLayout,
    found: &BTreeMap<String, TopicState>,
) -> Vec<WantedTopic<'a>> {
    let of_flows = settings.topics.flows.iter().flat_map(|topics| of_flow(settings, topics, layout, found));
    let rulesets = WantedTopic {
        name: &settings.topics.rulesets,
        topics: None,
        partitions: Partitions::One,
        settings: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
        advised: BTreeMap::new(),
        at_first: BTreeMap::new(),
    };
    of_flows.chain([rulesets]).collect()
}

fn of_flow<'a>(
    settings: &'a ClusterSettings,
    topics: &'a FlowTopics,
    layout: &TopicLayout,
    found: &BTreeMap<String, TopicState>,
) -> Vec<WantedTopic<'a>> {
    let kind = |times: TimestampSource| (TIMESTAMP_TYPE.to_owned(), times.value().to_owned());
    let keyed = |name: &'a str, settings: BTreeMap<String, String>| WantedTopic {
        name,
        topics: Some(topics),
        partitions: Partitions::AsInputs,
        settings,
        advised: BTreeMap::new(),
        at_first: layout.at_first(name),
    };
    let input = |name: &'a str| {
        let mut input = keyed(name, layout.times.map(kind).into_iter().collect());
        input.at_first.extend(layout.times.is_none().then_some(kind(TimestampSource::Broker)));
        input
    };
    // A topic is not made with less than it would have got anyway.
    let largest = |name: &str, bytes: u64| {
        let at_least = if found.contains_key(name) { 0 } else { USUAL_MESSAGE_BYTES_MAX };
        (MAX_MESSAGE.to_owned(), (bytes + OVERHEAD_BYTES).max(at_least).to_string())
    };
    let sent = PRODUCED_AT_ONCE_BYTES_MAX.max(OUTCOME_BYTES_MAX) as u64;
    let journal = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let record = largest(&topics.journal, settings.journal_record_bytes_max as u64);
    let journal = WantedTopic {
        advised: [(SEGMENT.to_owned(), JOURNAL_SEGMENT_BYTES.to_string())].into(),
        at_first: BTreeMap::new(),
        ..keyed(&topics.journal, journal.into_iter().chain([record]).collect())
    };
    let letter = largest(&topics.dead_letters, largest_input(settings, topics, found));
    let dead_letters =
        WantedTopic { partitions: Partitions::Any, ..keyed(&topics.dead_letters, [letter].into()) };
    let outputs = topics.outputs.iter().enumerate().map(|(output, name)| {
        let is_latest = topics.flow.latest.contains(&output);
        let compact = is_latest.then(|| ("cleanup.policy".to_owned(), "compact".to_owned()));
        // What is in the segment that is written to is never compacted, and read by each process that starts.
        let segment = is_latest.then(|| (SEGMENT.to_owned(), JOURNAL_SEGMENT_BYTES.to_string()));
        let settings = compact.into_iter().chain([largest(name, sent)]).collect();
        WantedTopic { advised: segment.into_iter().collect(), ..keyed(name, settings) }
    });
    let inputs = topics.inputs.iter().enumerate().map(|(place, name)| {
        let mut input = input(name);
        // What other flows send into it at the ends of their batches is as long as what they send elsewhere.
        let is_fed = topics.flow.own.contains(&place) && topics.flow.ticks != Some(place);
        input.settings.extend(is_fed.then(|| largest(name, sent)));
        input
    });
    inputs.chain(outputs).chain([journal, dead_letters]).collect()
}

impl TopicLayout {
    /// How long a topic's records are kept when it is made.
    fn at_first(&self, topic: &str) -> BTreeMap<String, String> {
        let millis =
            self.retention.get(topic).map_or_else(|| "-1".to_owned(), |time| time.as_millis().to_string());
        [("retention.ms".to_owned(), millis)].into()
    }
}

/// What a dead letter must be able to hold: the largest input record.
fn largest_input(
    settings: &ClusterSettings,
    topics: &FlowTopics,
    found: &BTreeMap<String, TopicState>,
) -> u64 {
    topics
        .input_names()
        .filter_map(|name| Some(found.get(name)?.message_bytes_max()? as u64))
        .max()
        .unwrap_or(settings.kafka.message_bytes_max as u64)
}

fn names(settings: &ClusterSettings) -> Vec<&str> {
    settings.topics.all().collect()
}

/// How many partitions the inputs of a flow have at most; none where none is there.
fn input_partitions(topics: &FlowTopics, found: &BTreeMap<String, TopicState>) -> Option<usize> {
    topics.input_names().filter_map(|name| found.get(name).map(|topic| topic.partitions)).max()
}

/// Compares the topics of the cluster with what they should be.
///
/// # Errors
/// The cluster cannot be asked.
pub fn plan(admin: &Admin, settings: &ClusterSettings, layout: &TopicLayout) -> Result<Vec<PlanRow>, Fault> {
    let found = admin.topics(&names(settings), true)?;
    Ok(rows(settings, layout, &found))
}

fn rows(
    settings: &ClusterSettings,
    layout: &TopicLayout,
    found: &BTreeMap<String, TopicState>,
) -> Vec<PlanRow> {
    let mut rows = Vec::new();
    for topic in &wanted_topics(settings, layout, found) {
        let state = found.get(topic.name);
        // Adding partitions moves keys away from their state, so what exists fixes the number: `repartition` moves both.
        let partitions = topic.topics.and_then(|topics| input_partitions(topics, found));
        let row = |what: &str, is: Option<String>, should: &str, action| {
            let (topic, what, should) = (topic.name.to_owned(), what.to_owned(), should.to_owned());
            PlanRow { topic, what, is, should, action }
        };
        rows.push(partition_row(topic, state, partitions.unwrap_or(layout.partitions)));
        rows.extend(state.filter(|state| !state.leaderless.is_empty()).map(|state| {
            let is = format!("none of {}", listed(&state.leaderless));
            row(LEADERS, Some(is), "one of each", PlanAction::Refuse)
        }));
        for (key, should) in topic.settings.iter().chain(&topic.advised) {
            let is = state.map(|state| state.settings.get(key).cloned().unwrap_or_default());
            let right = is.as_deref().is_some_and(|is| holds(key, is, should));
            let action = match (right, &is) {
                (true, _) => PlanAction::Keep,
                (false, None) => PlanAction::Create,
                (false, Some(_)) => PlanAction::Alter,
            };
            rows.push(row(key, is, should, action));
        }
        if state.is_none() {
            let at_first = topic.at_first.iter();
            rows.extend(at_first.map(|(key, should)| row(key, None, should, PlanAction::Create)));
        }
    }
    rows
}

fn partition_row(topic: &WantedTopic<'_>, state: Option<&TopicState>, partitions: usize) -> PlanRow {
    let is_input = topic.topics.is_some_and(|topics| topics.input_names().any(|name| name == topic.name));
    let keyed = topic.partitions == Partitions::AsInputs;
    let should = match topic.partitions {
        Partitions::AsInputs => partitions.to_string(),
        Partitions::Any => "1 or more".to_owned(),
        Partitions::One => "1".to_owned(),
    };
    let action = match state {
        None => PlanAction::Create,
        Some(state) if !keyed || state.partitions == partitions => PlanAction::Keep,
        // The journal and the outputs follow the number of the event's partition, not a hash of the key.
        Some(state) if state.partitions < partitions && !is_input => PlanAction::Grow,
        Some(state) if state.partitions > partitions && !is_input => PlanAction::Keep,
        Some(_) => PlanAction::Refuse,
    };
    PlanRow {
        topic: topic.name.to_owned(),
        what: "partitions".to_owned(),
        is: state.map(|state| state.partitions.to_string()),
        should,
        action,
    }
}

fn holds(key: &str, is: &str, should: &str) -> bool {
    let bytes = |text: &str| text.parse::<u64>().ok();
    if key == MAX_MESSAGE {
        return bytes(is) >= bytes(should);
    }
    if key == SEGMENT {
        return bytes(is) <= bytes(should);
    }
    is == should
}

/// Does what the plan says.
///
/// # Errors
/// The first row that is refused, by us or by the cluster.
pub fn apply(
    admin: &Admin,
    settings: &ClusterSettings,
    layout: &TopicLayout,
    rows: &[PlanRow],
) -> Result<(), Fault> {
    // A leader comes when its broker does, whatever is created or altered meanwhile.
    if let Some(row) = rows.iter().find(|row| row.action == PlanAction::Refuse && row.what != LEADERS) {
        return Err(Fault::setup(format!(
            "{row}: the inputs must have the same number of partitions, and adding some moves keys away from their \
             state: where `tillgate topics repartition` was interrupted, run it again with --partitions {}; otherwise \
             create the topic again with so many",
            row.should
        )));
    }
    let found = admin.topics(&names(settings), true)?;
    for topic in wanted_topics(settings, layout, &found) {
        let own: Vec<&PlanRow> = rows.iter().filter(|row| row.topic == topic.name).collect();
        let due = |action| own.iter().filter(move |row| row.action == action);
        if let Some(row) = due(PlanAction::Create).find(|row| row.what == "partitions") {
            let partitions = row.should.parse().unwrap_or(layout.partitions);
            let mut all = topic.at_first;
            all.extend(topic.settings);
            all.extend(topic.advised);
            admin.create(topic.name, partitions, layout.replication, &all)?;
            continue;
        }
        for row in due(PlanAction::Grow) {
            admin.grow(topic.name, row.should.parse().unwrap_or(layout.partitions))?;
        }
        let changes: BTreeMap<String, String> =
            due(PlanAction::Alter).map(|row| (row.what.clone(), row.should.clone())).collect();
        if !changes.is_empty() {
            let present = found.get(topic.name).map(|state| state.own_settings.clone());
            admin.alter(topic.name, &present.unwrap_or_default(), &changes)?;
        }
    }
    Ok(())
}

/// Whether workers may start: every topic there, inputs of the same number of partitions, a journal that has one for
/// each and never deletes by itself, dead letters that hold what comes in. Says how many partitions the inputs of each flow
/// have, in the order of the settings.
///
/// # Errors
/// All that is wrong, with what to do about it.
pub fn verify(admin: &Admin, settings: &ClusterSettings) -> Result<Vec<u32>, Fault> {
    let found = admin.topics(&names(settings), settings.check_topic_configs)?;
    let faults = faults(settings, &found);
    if !faults.is_empty() {
        return Err(Fault::setup(faults.join("; ")));
    }
    let count = |topics| u32::try_from(input_partitions(topics, &found).unwrap_or(0));
    let counts: Result<Vec<u32>, _> = settings.topics.flows.iter().map(count).collect();
    counts.map_err(|_| Fault::setup("the inputs have too many partitions"))
}

/// What keeps no worker from starting, and should be seen to: a sentence each.
///
/// # Errors
/// The cluster cannot be asked.
pub fn remarks(admin: &Admin, settings: &ClusterSettings) -> Result<Vec<String>, Fault> {
    let found = admin.topics(&names(settings), true)?;
    let mut remarks = Vec::new();
    for topic in wanted_topics(settings, &TopicLayout::default(), &found) {
        let Some(state) = found.get(topic.name) else { continue };
        if !state.leaderless.is_empty() {
            remarks.push(format!(
                "topic {} has no leader for partition {}: whatever needs it waits; start the brokers that hold it \
                 (`kafka-topics.sh --describe --unavailable-partitions`)",
                topic.name,
                listed(&state.leaderless)
            ));
        }
        for (key, should) in &topic.advised {
            let is = state.settings.get(key).map_or("", String::as_str);
            if !holds(key, is, should) {
                remarks.push(format!(
                    "topic {} has {key}={is}: with more than {should} what is trimmed stays on disk for long; \
                     `tillgate topics create` alters it",
                    topic.name
                ));
            }
        }
    }
    Ok(remarks)
}

fn listed(partitions: &[PartitionId]) -> String {
    let numbers: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    numbers.join(", ")
}

fn faults(settings: &ClusterSettings, found: &BTreeMap<String, TopicState>) -> Vec<String> {
    let mut faults = Vec::new();
    for name in names(settings) {
        if !found.contains_key(name) {
            faults.push(format!("topic '{name}' is missing: create it with `tillgate topics create`"));
        }
    }
    for topics in &settings.topics.flows {
        let counts = topics.input_names().filter_map(|name| Some((name, found.get(name)?.partitions)));
        let counts: Vec<(&str, usize)> = counts.collect();
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        if counts.iter().any(|(_, count)| *count != most) {
            let each: Vec<String> =
                counts.iter().map(|(name, count)| format!("topic '{name}' has {count} partitions")).collect();
            faults.push(format!(
                "{}: they must have the same number, so that the records of one {} meet; where `tillgate topics \
                 repartition` was interrupted, run it again with --partitions {most}; otherwise create one of them again",
                each.join(" and "),
                topics.flow.key
            ));
        }
        for (name, is) in topics.following().filter_map(|name| Some((name, found.get(name)?.partitions))) {
            if is < most {
                faults.push(format!(
                    "topic '{name}' has {is} partitions, fewer than the {most} of the inputs: add some with `tillgate \
                     topics create`"
                ));
            }
        }
    }
    if settings.check_topic_configs {
        for topic in wanted_topics(settings, &TopicLayout::default(), found) {
            let Some(state) = found.get(topic.name) else { continue };
            for (key, should) in &topic.settings {
                let is = state.settings.get(key).map_or("", String::as_str);
                if !holds(key, is, should) {
                    faults.push(format!(
                        "topic '{}' has {key}={is}, it must be {should}: alter it with `tillgate topics create`",
                        topic.name
                    ));
                }
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(partitions: usize, settings: &[(&str, &str)]) -> TopicState {
        let settings: BTreeMap<_, _> =
            settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        TopicState { partitions, leaderless: Vec::new(), own_settings: settings.clone(), settings }
    }

    fn cluster(partitions: [usize; 6], journal_retention: &str) -> BTreeMap<String, TopicState> {
        let settings = ClusterSettings::default();
        let usual = (MAX_MESSAGE, "1048588");
        let journal = [
            ("cleanup.policy", "delete"),
            ("retention.ms", journal_retention),
            ("retention.bytes", "-1"),
            (SEGMENT, "67108864"),
            usual,
        ];
        let inputs = [(MAX_MESSAGE, "1000")];
        let letters = [(MAX_MESSAGE, "9000000")];
        let rulesets = [("cleanup.policy", "compact")];
        let own: [&[(&str, &str)]; 6] = [&inputs, &inputs, &[usual], &journal, &letters, &rulesets];
        let mut topics: Vec<_> = partitions.into_iter().zip(own).collect();
        // Ticks are as the first input is, and every output as the first.
        topics.insert(2, topics[0]);
        topics.insert(4, topics[3]);
        names(&settings)
            .into_iter()
            .zip(topics)
            .map(|(name, (count, own))| (name.to_owned(), topic(count, own)))
            .collect()
    }

    fn check(found: &BTreeMap<String, TopicState>, expected: &[&str]) {
        let faults = faults(&ClusterSettings::default(), found);
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, part) in faults.iter().zip(expected) {
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn lets_workers_start_on_topics_as_they_should_be() {
        check(&cluster([4, 4, 4, 4, 1, 1], "-1"), &[]);
    }

    #[test]
    fn refuses_counts_that_differ_and_a_journal_that_deletes() {
        check(
            &cluster([4, 6, 6, 6, 1, 1], "-1"),
            &["'pos.events' has 4 partitions and topic 'account.events' has 6"],
        );
        check(&cluster([4, 4, 4, 2, 1, 1], "-1"), &["'tillgate.journal' has 2 partitions, fewer than the 4"]);
        check(&cluster([4, 4, 4, 4, 1, 1], "604800000"), &["retention.ms=604800000, it must be -1"]);
        check(&BTreeMap::new(), &["missing"; 8]);
    }

    #[test]
    fn refuses_topics_that_do_not_take_what_is_written_to_them() {
        let mut found = cluster([4, 4, 4, 4, 1, 1], "-1");
        for (name, bytes) in
            [("pos.outcomes", "500000"), ("tillgate.journal", "950000"), ("pos.dead-letters", "66535")]
        {
            let topic = found.get_mut(name).expect("it is there");
            topic.settings.insert(MAX_MESSAGE.to_owned(), bytes.to_owned());
        }
        check(
            &found,
            &[
                "'pos.outcomes' has max.message.bytes=500000, it must be 589824",
                "'tillgate.journal' has max.message.bytes=950000, it must be 987136",
                "'pos.dead-letters' has max.message.bytes=66535, it must be 66536",
            ],
        );
    }

    #[test]
    fn advises_segments_that_a_journal_can_be_trimmed_by_and_starts_without() {
        let layout = &TopicLayout { partitions: 4, replication: 1, ..TopicLayout::default() };
        let mut found = cluster([4, 4, 4, 4, 1, 1], "-1");
        let due = |found: &BTreeMap<String, TopicState>| {
            let rows = rows(&ClusterSettings::default(), layout, found).into_iter();
            let due = rows.filter(|row| row.what == SEGMENT).map(|row| (row.topic, row.should, row.action));
            due.collect::<Vec<_>>()
        };
        let row = |action| [("tillgate.journal".to_owned(), "67108864".to_owned(), action)];
        assert_eq!(due(&found), row(PlanAction::Keep));
        let journal = found.get_mut("tillgate.journal").expect("it is there");
        journal.settings.insert(SEGMENT.to_owned(), "1073741824".to_owned());
        assert_eq!(due(&found), row(PlanAction::Alter));
        check(&found, &[]);
        assert_eq!(due(&BTreeMap::new()), row(PlanAction::Create));
    }

    #[test]
    fn says_which_partitions_have_no_leader_and_creates_all_the_same() {
        let layout = &TopicLayout { partitions: 4, replication: 1, ..TopicLayout::default() };
        let mut found = cluster([4, 4, 4, 4, 1, 1], "-1");
        found.get_mut("pos.outcomes").expect("it is there").leaderless = vec![1.into(), 3.into()];
        let rows = rows(&ClusterSettings::default(), layout, &found);
        let due: Vec<String> =
            rows.iter().filter(|row| row.action != PlanAction::Keep).map(ToString::to_string).collect();
        assert_eq!(due, ["pos.outcomes leaders: is none of 1, 3, should be one of each: refuse"]);
        check(&found, &[]);
    }

    #[test]
    fn makes_inputs_with_the_brokers_times_and_alters_them_only_where_asked_to() {
        let due = |times, found: &BTreeMap<String, TopicState>| -> Vec<_> {
            let layout = &TopicLayout { partitions: 4, replication: 1, times, ..TopicLayout::default() };
            let rows = rows(&ClusterSettings::default(), layout, found).into_iter();
            let due = rows.filter(|row| row.what == TIMESTAMP_TYPE && row.action != PlanAction::Keep);
            due.map(|row| (row.topic, row.should, row.action)).collect()
        };
        let of_all = |kind: &str, action| {
            let inputs = ["pos.events", "account.events", "tillgate.ticks"];
            inputs.map(|topic| (topic.to_owned(), kind.to_owned(), action)).to_vec()
        };
        let (fresh, right) = (BTreeMap::new(), cluster([4, 4, 4, 4, 1, 1], "-1"));
        assert_eq!(due(None, &fresh), of_all("LogAppendTime", PlanAction::Create));
        assert_eq!(due(Some(TimestampSource::Producer), &fresh), of_all("CreateTime", PlanAction::Create));
        assert_eq!(due(None, &right), []);
        assert_eq!(due(Some(TimestampSource::Broker), &right), of_all("LogAppendTime", PlanAction::Alter));
    }

    #[test]
    fn plans_a_fresh_cluster_as_creations_and_a_right_one_as_nothing() {
        let layout = &TopicLayout { partitions: 4, replication: 1, ..TopicLayout::default() };
        let settings = ClusterSettings::default();
        let fresh = rows(&settings, layout, &BTreeMap::new());
        assert!(fresh.iter().all(|row| row.action == PlanAction::Create), "{fresh:?}");
        let right = rows(&settings, layout, &cluster([6, 6, 6, 6, 1, 1], "-1"));
        assert!(right.iter().all(|row| row.action == PlanAction::Keep), "{right:?}");
    }

    #[test]
    fn plans_to_grow_the_journal_alter_its_retention_and_refuses_to_grow_an_input() {
        let layout = &TopicLayout { partitions: 4, replication: 1, ..TopicLayout::default() };
        let rows = rows(&ClusterSettings::default(), layout, &cluster([6, 4, 6, 3, 1, 1], "100"));
        let due: Vec<_> = rows
            .iter()
            .filter(|row| row.action != PlanAction::Keep)
            .map(|row| (row.topic.as_str(), row.what.as_str(), row.action))
            .collect();
        assert_eq!(
            due,
            [
                ("account.events", "partitions", PlanAction::Refuse),
                ("tillgate.journal", "partitions", PlanAction::Grow),
                ("tillgate.journal", "retention.ms", PlanAction::Alter),
            ]
        );
    }
}
