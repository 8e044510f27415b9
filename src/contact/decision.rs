//! A decision as JSON: the answer to one request, with every reason. Written and read here.

use crate::codec::rulesets::hash_text;
use crate::domain::outcome::Source;
use crate::domain::{Micros, PartitionId};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Why a person may not be contacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// For machines; we give those of [`super::rules::CODES`].
    pub code: Cow<'static, str>,
    /// The same in words, without what only the person should know.
    pub message: String,
    /// When this reason alone would stop holding, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Micros>,
}

/// The answer to a request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactDecision<'a> {
    /// Of the request.
    pub request_id: &'a str,
    /// The person.
    pub person_id: &'a str,
    /// Whether the person may be contacted.
    pub result: bool,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// Where the request stands.
    pub source: Source<'a>,
    /// The next offset of each other input, by topic, in the flow's order.
    #[serde(serialize_with = "by_topic")]
    pub positions: &'a [(String, i64)],
    /// Hash of the rules that decided.
    #[serde(serialize_with = "as_text")]
    pub ruleset: u128,
}

impl ContactDecision<'_> {
    /// As the value of a record. The same decision gives the same bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Into memory nothing fails.
        let _ = serde_json::to_writer(out, self);
    }
}

fn by_topic<S: Serializer>(positions: &[(String, i64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(positions.iter().map(|(topic, next)| (topic, next)))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_text<S: Serializer>(ruleset: &u128, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hash_text(*ruleset))
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
    pub reasons: Vec<Reason>,
    /// Where the request stands.
    pub source: ReadSource,
    /// The next offset of each other input, by topic.
    #[serde(default)]
    pub positions: BTreeMap<String, i64>,
    /// Hash of the rules that decided.
    pub ruleset: String,
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
        let decision = ContactDecision {
            request_id: "r-1",
            person_id: "P-1",
            result: false,
            reasons: vec![Reason {
                code: "contact.hours".into(),
                message: "too \"early\"".to_owned(),
                not_before,
            }],
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
        assert_eq!(read.reasons, decision.reasons);
        assert_eq!(read.positions["interactions"], 7);
    }
}
