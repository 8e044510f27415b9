//! `[topics]`: their names, how keys are divided up, and how `topics create` makes them. Holds no default of its own.

use std::time::Duration;

use super::reader::{SettingsReader, named};
use super::settings::{HOUR, SECOND};
use crate::domain::partitioner::Partitioner;

macro_rules! topic_settings {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// `[topics]`
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct TopicSettings {
            $($(#[$doc])* pub $name: String,)+
            /// How senders divide keys up among the partitions of the inputs.
            pub partitioner: Partitioner,
            /// For `topics create`.
            pub partitions: u32,
            /// For `topics create`; none: as the broker has it.
            pub replication_factor: Option<u32>,
            /// `[topics.retention]`: how long `topics create` lets the records of topics of these settings live; those of all
            /// others live for ever.
            retention: Vec<(&'static str, Duration)>,
        }

        impl TopicSettings {
            /// The topics with the names of their settings.
            fn named(&self) -> impl Iterator<Item = (&'static str, &String)> {
                [$((stringify!($name), &self.$name)),+].into_iter()
            }
        }

        fn read(reader: &mut SettingsReader) -> TopicSettings {
            let partitioners = named(&Partitioner::ALL, Partitioner::name);
            let replicas = reader.integer("topics.replication_factor", 0..=100);
            TopicSettings {
                $($name: topic(reader, concat!("topics.", stringify!($name))),)+
                partitioner: reader.choice("topics.partitioner", &partitioners),
                partitions: reader.integer("topics.partitions", 1..=10_000),
                replication_factor: Some(replicas).filter(|&n| n > 0),
                retention: [$(stringify!($name)),+]
                    .into_iter()
                    .filter_map(|name| Some((name, retention(reader, name)?)))
                    .collect(),
            }
        }
    };
}

topic_settings! {
    /// POS events, in.
    pos_events,
    /// Account events, in.
    account_events,
    /// Ticks, in: tillgate's own.
    ticks,
    /// Outcomes, out.
    pos_outcomes,
    /// What became of account events whose senders asked, out.
    account_results,
    /// What could not be read or judged, out.
    dead_letters,
    /// The state journal.
    journal,
    /// The rulesets that decided, by hash, and from where on each of them did.
    rulesets,
    /// What decisions saw of terminals and chips, in: tillgate's own.
    observations,
    /// Reference records of terminals and chips, in.
    profile_records,
    /// The shared profiles, out.
    profiles,
    /// What could not be read of observations and reference records, out.
    profile_dead_letters,
    /// The journal of the profiles.
    profile_journal,
    /// Contact requests, in.
    contact_requests,
    /// Interactions, in.
    interactions,
    /// Party records, in.
    party_records,
    /// Facts of accounts for contact decisions, in: tillgate's own.
    parties,
    /// Contact decisions, out.
    contact_decisions,
    /// What became of interactions whose senders asked, out.
    interaction_results,
    /// What could not be read of the inputs of contact decisions, out.
    contact_dead_letters,
    /// The journal of contact decisions.
    contact_journal,
}

impl TopicSettings {
    /// The inputs of POS events' flow, in its order.
    #[must_use]
    pub fn pos_inputs(&self) -> [String; 3] {
        [&self.pos_events, &self.account_events, &self.ticks].map(String::clone)
    }

    /// The inputs of contact decisions' flow, in its order.
    #[must_use]
    pub fn contact_inputs(&self) -> [String; 4] {
        [&self.contact_requests, &self.interactions, &self.party_records, &self.parties].map(String::clone)
    }

    /// How long the records of topics live, by the topics' names; those that are not named live for ever.
    pub fn retention(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.named().filter_map(|(setting, topic)| {
            let (_, time) = self.retention.iter().find(|(name, _)| *name == setting)?;
            Some((topic.as_str(), *time))
        })
    }
}

pub(super) fn topics(reader: &mut SettingsReader) -> TopicSettings {
    let settings = read(reader);
    let names: Vec<(&str, &String)> = settings.named().collect();
    for (index, (setting, name)) in names.iter().enumerate() {
        let same = names[..index].iter().find(|(_, earlier)| earlier == name);
        if let Some((earlier, _)) = same.filter(|_| !name.is_empty()) {
            let problem = format!("is {name:?}, as topics.{earlier} is");
            reader.refuse(&format!("topics.{setting}"), problem, "give each its own topic");
        }
    }
    settings
}

/// A topic's name as Kafka allows it.
fn topic(reader: &mut SettingsReader, key: &str) -> String {
    let name = reader.name(key);
    let legal = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if reader.sound(&[key]) && (name.len() > 249 || !name.chars().all(legal)) {
        let problem = format!("is {name:?}, which is not a topic name");
        reader.refuse(key, problem, "use up to 249 letters, digits, dots, dashes and underscores");
    }
    name
}

/// How long a topic keeps its records; none: for ever. tillgate trims journals, and some topics are compacted: they have no
/// setting.
fn retention(reader: &mut SettingsReader, name: &str) -> Option<Duration> {
    let key = format!("topics.retention.{name}");
    if !reader.has(&key) || reader.text(&key) == "forever" {
        return None;
    }
    Some(reader.duration(&key, SECOND..=HOUR * 24 * 36_500))
}
