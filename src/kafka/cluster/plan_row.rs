//! What a plan says of a topic, for people and for whoever carries it out. Looks at no cluster.

use std::fmt;

/// What is done about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanAction {
    /// It is as it should be.
    Keep,
    /// The topic is created.
    Create,
    /// Partitions are added. The keys of an input then move to other partitions, so the state must follow them: only
    /// `repartition` plans that.
    Grow,
    /// The state is written again, for another number of partitions.
    Rewrite,
    /// A setting is changed.
    Alter,
    /// It cannot be put right by a command; the text says what to do.
    Refuse,
}

impl PlanAction {
    /// Its name in a plan, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Grow => "grow",
            Self::Rewrite => "rewrite",
            Self::Alter => "alter",
            Self::Refuse => "refuse",
        }
    }
}

/// One thing about one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// Topic.
    pub topic: String,
    /// `partitions` or the name of a setting.
    pub what: String,
    /// As it is; `None`: there is no such topic.
    pub is: Option<String>,
    /// As it should be.
    pub should: String,
    /// What is done.
    pub action: PlanAction,
}

impl fmt::Display for PlanRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is = self.is.as_deref().unwrap_or("missing");
        write!(f, "{} {}: is {is}, should be {}: {}", self.topic, self.what, self.should, self.action.name())
    }
}
