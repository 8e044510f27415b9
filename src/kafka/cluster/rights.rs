//! Which rights each command needs, and which of them are missing: known before anything is begun, wherever the brokers
//! tell. The list here is the one of `docs/security.md`, Permissions; a test holds one to the other and takes each right
//! away once.
//!
//! Brokers tell what a principal may do to a topic, and whether it sees a group. Other rights on the group, and those on a
//! transactional id, show only where they are used.

use crate::kafka::client::Cluster;
use crate::kafka::failure::Fault;
use crate::kafka::settings::{ClusterSettings, FlowTopics};
use std::collections::BTreeSet;
use std::fmt;

/// What a right is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic.
    Topic(String),
    /// A consumer group.
    Group(String),
    /// A transactional id, or all that begin so.
    TransactionalId(String),
    /// The cluster.
    Cluster,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::TransactionalId(name) => write!(f, "transactional id {name}"),
            Self::Cluster => f.write_str("the cluster"),
        }
    }
}

/// What may be done, by Kafka's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Read records; join a group.
    Read,
    /// Write records.
    Write,
    /// Create.
    Create,
    /// Delete records.
    Delete,
    /// Add partitions.
    Alter,
    /// See that it is there. Read, Write, Delete and Alter include it.
    Describe,
    /// See what it is set to. AlterConfigs includes it.
    DescribeConfigs,
    /// Set it.
    AlterConfigs,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Create => "Create",
            Self::Delete => "Delete",
            Self::Alter => "Alter",
            Self::Describe => "Describe",
            Self::DescribeConfigs => "DescribeConfigs",
            Self::AlterConfigs => "AlterConfigs",
        })
    }
}

impl Right {
    /// Whether who has this one has `other`.
    const fn includes(self, other: Self) -> bool {
        match other {
            Self::Describe => {
                matches!(self, Self::Describe | Self::Read | Self::Write | Self::Delete | Self::Alter)
            }
            Self::DescribeConfigs => matches!(self, Self::DescribeConfigs | Self::AlterConfigs),
            _ => self as u8 == other as u8,
        }
    }
}

/// One right on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// On what.
    pub resource: Resource,
    /// To do what.
    pub right: Right,
}

impl Needed {
    /// What to say where it is missing.
    #[must_use]
    pub fn missing(&self) -> String {
        missing(std::slice::from_ref(self))
    }
}

/// What to say where rights are missing.
#[must_use]
pub fn missing(rights: &[Needed]) -> String {
    let mut named: Vec<String> = Vec::new();
    for (place, Needed { resource, right }) in rights.iter().enumerate() {
        match named.last_mut() {
            Some(last) if rights[place - 1].resource == *resource => {
                last.push_str(&format!(", {right}"));
            }
            _ => named.push(format!("{resource}: {right}")),
        }
    }
    let right = if rights.len() == 1 { "a right is missing" } else { "rights are missing" };
    format!(
        "{right}: {}: grant {} to the principal of [kafka.librdkafka] (docs/security.md, Permissions)",
        named.join("; "),
        if rights.len() == 1 { "it" } else { "them" }
    )
}

/// What is done with the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task<'a> {
    /// `run`
    Run,
    /// `topics check`
    Check,
    /// `topics create`
    Create,
    /// `topics repartition`
    Repartition,
    /// `topics export` of these topics.
    Export(&'a [&'a str]),
    /// `topics import` into these topics.
    Import(&'a [&'a str]),
    /// A command that reads these topics, and no more: `explain`.
    Read(&'a [&'a str]),
    /// `replay` from topics.
    Replay,
    /// `load`; with the answers read.
    Load(bool),
    /// `state set-time`
    SetTime,
    /// `gateway`: writes inputs, and reads what is said of them.
    Ask {
        /// Topics that are written.
        write: &'a [&'a str],
        /// Topics that are read.
        read: &'a [&'a str],
    },
}

/// All that `task` needs.
#[must_use]
pub fn needed(task: Task<'_>, settings: &ClusterSettings) -> Vec<Needed> {
    use Right as R;
    let topics = &settings.topics;
    let inputs: Vec<&str> = topics.inputs().collect();
    let of_others: Vec<&str> = topics.flows.iter().flat_map(FlowTopics::inputs_of_others).collect();
    let own: Vec<&str> = topics.flows.iter().flat_map(FlowTopics::own_inputs).collect();
    let ticks: Vec<&str> = topics.flows.iter().filter_map(FlowTopics::ticks).collect();
    let latest: Vec<&str> = topics.latest().collect();
    let outputs: Vec<&str> = topics.flows.iter().flat_map(|of| &of.outputs).map(String::as_str).collect();
    let letters = topics.flows.iter().map(|of| of.dead_letters.as_str());
    let written: Vec<&str> =
        outputs.iter().copied().chain(letters).chain([topics.rulesets.as_str()]).collect();
    let journal: Vec<&str> = topics.flows.iter().map(|of| of.journal.as_str()).collect();
    let group = || Resource::Group(settings.kafka.group_id.clone());
    let ids = || Resource::TransactionalId(format!("{}-", settings.kafka.transactional_id_prefix));
    let of_workers =
        || [Needed { resource: group(), right: R::Read }, Needed { resource: ids(), right: R::Write }];
    let mut all = Vec::new();
    let mut on = |names: &[&str], rights: &[Right]| {
        for name in names {
            let resource = Resource::Topic((*name).to_owned());
            all.extend(rights.iter().map(|&right| Needed { resource: resource.clone(), right }));
        }
    };
    let every = || inputs.iter().chain(&written).chain(&journal).copied().collect::<Vec<_>>();
    match task {
        Task::Run => {
            on(&of_others, &[R::Read, R::DescribeConfigs]);
            on(&own, &[R::Read, R::Write, R::DescribeConfigs]);
            on(&written, &[R::Write, R::DescribeConfigs]);
            on(&latest, &[R::Read]);
            on(&journal, &[R::Read, R::Write, R::Delete, R::DescribeConfigs]);
            all.extend(of_workers());
        }
        Task::Check => on(&every(), &[R::Describe, R::DescribeConfigs]),
        Task::Create => on(&every(), &[R::Create, R::Alter, R::AlterConfigs]),
        Task::Repartition => {
            on(&inputs, &[R::Read, R::Alter]);
            on(&outputs, &[R::Alter]);
            on(&journal, &[R::Read, R::Write, R::Delete, R::Alter]);
            all.extend(of_workers());
        }
        Task::Export(names) => {
            on(names, &[R::Read]);
            all.push(Needed { resource: group(), right: R::Describe });
        }
        Task::Read(names) => on(names, &[R::Read]),
        Task::Import(names) => on(names, &[R::Write, R::DescribeConfigs]),
        Task::Replay => {
            on(&every(), &[R::Read]);
            all.push(Needed { resource: group(), right: R::Describe });
        }
        Task::Load(answers) => {
            on(&of_others, &[R::Write]);
            if answers {
                on(&of_others[..1], &[R::Read]);
                on(&outputs[..1], &[R::Read]);
            }
        }
        Task::Ask { write, read } => {
            on(write, &[R::Write]);
            on(read, &[R::Read]);
        }
        Task::SetTime => {
            on(&ticks, &[R::Read, R::Write]);
            on(&journal, &[R::Read]);
            all.push(Needed { resource: group(), right: R::Describe });
        }
    }
    all
}

/// What the brokers say of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// These things may be done to it.
    These(BTreeSet<Right>),
    /// It is not there.
    Absent,
    /// They do not say.
    Untold,
}

impl Allowed {
    fn allows(&self, right: Right) -> bool {
        match self {
            // It may be had on the cluster just as well: whether a topic may be made shows when it is.
            _ if right == Right::Create => true,
            Self::These(rights) => rights.iter().any(|has| has.includes(right)),
            Self::Absent | Self::Untold => true,
        }
    }
}

/// Those of `all` that the brokers say are missing.
///
/// # Errors
/// The brokers cannot be asked.
pub fn look(cluster: &Cluster, all: &[Needed]) -> Result<Vec<Needed>, Fault> {
    // Who cannot reach the brokers is told why.
    cluster.admin().brokers()?;
    let topics = all.iter().filter_map(|needed| match &needed.resource {
        Resource::Topic(name) => Some(name.as_str()),
        _ => None,
    });
    let topics: Vec<&str> = topics.collect::<BTreeSet<_>>().into_iter().collect();
    let of_topics = cluster.admin().allowed_on_topics(&topics)?;
    // Brokers tell whether a group may be seen at all, and of no more.
    let sees_group =
        !all.iter().any(|needed| matches!(needed.resource, Resource::Group(_))) || cluster.sees_group()?;
    let is_missing = |needed: &&Needed| match &needed.resource {
        Resource::Topic(name) => {
            let place = topics.iter().position(|other| other == name);
            place.and_then(|place| of_topics.get(place)).is_some_and(|allowed| !allowed.allows(needed.right))
        }
        Resource::Group(_) => !sees_group,
        Resource::TransactionalId(_) | Resource::Cluster => false,
    };
    Ok(all.iter().filter(is_missing).cloned().collect())
}

/// Refuses to begin `task` without its rights.
///
/// # Errors
/// All that are missing as far as the brokers tell, or they cannot be asked.
pub fn verify(cluster: &Cluster, settings: &ClusterSettings, task: Task<'_>) -> Result<(), Fault> {
    let lacking = look(cluster, &needed(task, settings))?;
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Fault::setup(missing(&lacking)))
}

/// Refuses to begin `task` where topics cannot be seen with all they are set to: whatever else it needs then shows when it
/// is needed.
///
/// # Errors
/// All that are missing as far as the brokers tell, or they cannot be asked.
pub fn verify_sight(cluster: &Cluster, settings: &ClusterSettings, task: Task<'_>) -> Result<(), Fault> {
    if look(cluster, &needed(Task::Check, settings))?.is_empty() {
        return Ok(());
    }
    verify(cluster, settings, task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_includes_what_kafka_says_it_does() {
        let read = Allowed::These([Right::Read].into());
        assert!(read.allows(Right::Describe) && read.allows(Right::Read));
        assert!(!read.allows(Right::Write) && !read.allows(Right::DescribeConfigs));
        assert!(Allowed::These([Right::AlterConfigs].into()).allows(Right::DescribeConfigs));
        assert!(!Allowed::These(BTreeSet::new()).allows(Right::Describe));
        assert!(Allowed::Absent.allows(Right::Write) && Allowed::Untold.allows(Right::Write));
    }

    #[test]
    fn says_what_to_grant() {
        let needed = Needed { resource: Resource::Topic("pos.outcomes".to_owned()), right: Right::Write };
        let said = needed.missing();
        assert!(said.starts_with("a right is missing: topic pos.outcomes: Write: grant it to"), "{said}");
        let on = |name: &str, right| Needed { resource: Resource::Topic(name.to_owned()), right };
        let said = missing(&[on("a", Right::Read), on("a", Right::DescribeConfigs), on("b", Right::Write)]);
        assert!(
            said.starts_with("rights are missing: topic a: Read, DescribeConfigs; topic b: Write: grant"),
            "{said}"
        );
    }
}
