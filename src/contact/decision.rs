//! A decision as JSON: the answer to one request, with every reason. Written and read here.

use super::records::Time;
use crate::codec::rulesets::hash_text;
use crate::domain::outcome::Source;
use crate::domain::{Micros, PartitionId};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// Why a person may not be contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// One of [`super::rules::CODES`].
    pub code: &'static str,
    /// The same in words, without what only the person should know.
    pub message: String,
    /// When this reason alone would stop holding, where that is known.
    pub not_before: Option<Micros>,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Of the request.
    pub request_id: &'a str,
    /// The person.
    pub person_id: &'a str,
    /// Why not; nothing: the person may be contacted.
    pub reasons: Vec<Reason>,
    /// Where the request stands.
    pub source: Source<'a>,
    /// The next offset of each other input, by topic, in the flow's order.
    pub positions: &'a [(String, i64)],
    /// Hash of the rules that decided.
    pub ruleset: u128,
}

impl Decision<'_> {
    /// Whether the person may be contacted.
    #[must_use]
    pub fn result(&self) -> bool {
        self.reasons.is_empty()
    }

    /// As the value of a record. The same decision gives the same bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Into memory nothing fails.
        let _ = serde_json::to_writer(out, &Written::of(self));
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    request_id: &'a str,
    person_id: &'a str,
    result: bool,
    reasons: Vec<WrittenReason<'a>>,
    source: WrittenSource<'a>,
    positions: Positions<'a>,
    ruleset: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenReason<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Time>,
}

#[derive(Serialize)]
struct WrittenSource<'a> {
    topic: &'a str,
    partition: PartitionId,
    offset: i64,
    timestamp: i64,
}

struct Positions<'a>(&'a [(String, i64)]);

impl Serialize for Positions<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (topic, next) in self.0 {
            map.serialize_entry(topic, next)?;
        }
        map.end()
    }
}

impl<'a> Written<'a> {
    fn of(decision: &'a Decision<'_>) -> Self {
        let reason = |reason: &'a Reason| WrittenReason {
            code: reason.code,
            message: &reason.message,
            not_before: reason.not_before.map(Time),
        };
        let Source { topic, partition, offset, timestamp_millis: timestamp } = decision.source;
        Self {
            request_id: decision.request_id,
            person_id: decision.person_id,
            result: decision.result(),
            reasons: decision.reasons.iter().map(reason).collect(),
            source: WrittenSource { topic, partition, offset, timestamp },
            positions: Positions(decision.positions),
            ruleset: hash_text(decision.ruleset),
        }
    }
}

/// A decision as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadDecision {
    /// Of the request.
    pub request_id: String,
    /// The person.
    pub person_id: String,
    /// Whether the person may be contacted.
    pub result: bool,
    /// Why not.
    pub reasons: Vec<ReadReason>,
    /// Where the request stands.
    pub source: ReadSource,
    /// The next offset of each other input, by topic.
    #[serde(default)]
    pub positions: BTreeMap<String, i64>,
    /// Hash of the rules that decided.
    pub ruleset: String,
}

/// A reason as it was read, and as the HTTP gateway says it again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadReason {
    /// For machines.
    pub code: String,
    /// For people.
    pub message: String,
    /// When it would stop holding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
}

/// Where a request stands, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ReadSource {
    /// Topic name.
    pub topic: String,
    /// Partition number, from 0.
    pub partition: PartitionId,
    /// Offset in its partition, from 0.
    pub offset: i64,
}

/// Reads the value of a decision's record.
///
/// # Errors
/// It is no decision, in words.
pub fn read_decision(value: &[u8]) -> Result<ReadDecision, String> {
    serde_json::from_slice(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_read_as_it_was_written() {
        let source = Source {
            topic: "contact.requests",
            partition: 3.into(),
            offset: 41,
            timestamp_millis: 1_772_441_999_000,
        };
        let not_before = Micros::parse_rfc3339("2026-03-03T13:00:00Z");
        let decision = Decision {
            request_id: "r-1",
            person_id: "P-1",
            reasons: vec![Reason { code: "contact.hours", message: "too \"early\"".to_owned(), not_before }],
            source,
            positions: &[("interactions".to_owned(), 7), ("party.records".to_owned(), 0)],
            ruleset: 42,
        };
        let mut bytes = Vec::new();
        decision.write(&mut bytes);
        let text = r#"{"requestId":"r-1","personId":"P-1","result":false,"reasons":[{"code":"contact.hours","message":"too \"early\"","notBefore":"2026-03-03T13:00:00Z"}],"source":{"topic":"contact.requests","partition":3,"offset":41,"timestamp":1772441999000},"positions":{"interactions":7,"party.records":0},"ruleset":"0000000000000000000000000000002a"}"#;
        assert_eq!(String::from_utf8_lossy(&bytes), text);
        let read = read_decision(&bytes).expect("it was just written");
        assert_eq!((&*read.request_id, read.result, read.source.offset), ("r-1", false, 41));
        assert_eq!(read.reasons[0].not_before.map(|time| time.0), not_before);
        assert_eq!(read.positions["interactions"], 7);
    }
}
