//! Whose times the records of the inputs have, as their topics are set to, and what follows from it.

use super::topics::{TIMESTAMP_TYPE, TimestampSource};
use crate::kafka::client::Admin;
use crate::kafka::failure::Fault;
use crate::kafka::settings::ClusterSettings;
use std::fmt;

const TIMESTAMP_AFTER: &str = "message.timestamp.after.max.ms";

/// Whose times an input has, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTimes {
    /// Topic name.
    pub topic: String,
    /// `message.timestamp.type`
    kind: String,
    /// `message.timestamp.after.max.ms`; none where the brokers have no such setting.
    after: Option<i64>,
}

impl InputTimes {
    /// Whether it is an input of ticks.
    #[must_use]
    pub fn is_of_ticks(&self, settings: &ClusterSettings) -> bool {
        settings.topics.flows.iter().any(|topics| topics.ticks() == Some(&self.topic))
    }

    /// Whether senders say when it is.
    #[must_use]
    pub fn are_the_senders(&self) -> bool {
        self.kind != TimestampSource::Broker.value()
    }
}

impl fmt::Display for InputTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, kind, .. } = self;
        write!(f, "{topic} has {TIMESTAMP_TYPE}={kind}: ")?;
        if !self.are_the_senders() {
            return f.write_str("no event moves its partition's time further than the brokers' clocks");
        }
        f.write_str("senders' clocks move the partition's time, ")?;
        match self.after.filter(|millis| *millis < YEAR_MILLIS) {
            Some(millis) => write!(f, "up to {millis} ms ahead of the brokers' ({TIMESTAMP_AFTER})")?,
            None => write!(f, "however far ahead ({TIMESTAMP_AFTER} does not bound it)")?,
        }
        f.write_str(
            "; this is for imports and historic loads, for live events: `tillgate topics create --times broker`",
        )
    }
}

/// Bounds from here on are none.
const YEAR_MILLIS: i64 = 366 * 86_400_000;

/// Whose times the inputs have; a topic that is missing is left out.
///
/// # Errors
/// The cluster cannot be asked.
pub fn look(admin: &Admin, settings: &ClusterSettings) -> Result<Vec<InputTimes>, Fault> {
    let inputs: Vec<&str> = settings.topics.inputs().collect();
    let found = admin.topics(&inputs, true)?;
    let times = |name: &str| {
        let settings = &found.get(name)?.settings;
        let after = settings.get(TIMESTAMP_AFTER).and_then(|millis| millis.parse().ok());
        Some(InputTimes { topic: name.to_owned(), kind: settings.get(TIMESTAMP_TYPE)?.clone(), after })
    };
    Ok(inputs.into_iter().filter_map(times).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_times_of_an_input_mean() {
        let said = |kind: &str, after| {
            InputTimes { topic: "pos.events".to_owned(), kind: kind.to_owned(), after }.to_string()
        };
        assert!(said("LogAppendTime", Some(3_600_000)).contains("than the brokers' clocks"));
        assert!(said("CreateTime", Some(3_600_000)).contains("up to 3600000 ms ahead"));
        assert!(said("CreateTime", Some(i64::MAX)).contains("however far ahead"));
        assert!(said("CreateTime", None).contains("topics create --times broker"));
    }
}
