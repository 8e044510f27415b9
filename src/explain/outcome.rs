//! An outcome as a reader of the topic finds it, in JSON or in Avro with its schema.

use crate::checks::Check;
use crate::codec::recorded::{fields, framing};
use crate::domain::code::Code;
use crate::domain::enums::Verdict;
use crate::domain::{Micros, PartitionId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an outcome says, as far as it is explained.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedOutcome {
    pub transaction_id: String,
    outcome: String,
    #[serde(default)]
    pub risk_check_messages: Vec<ShownMessage>,
    /// Signed booking; amounts stay the text that they are.
    pub posted_amount: Option<Box<RawValue>>,
    pub balance_after: Option<Box<RawValue>>,
    pub available_after: Option<Box<RawValue>>,
    pub source: ShownPlace,
    pub account_revision: i64,
    pub ruleset: String,
    #[serde(default)]
    pub evidence: Vec<ShownEvidence>,
    pub account_number: Option<String>,
    pub account_transaction_id: Option<String>,
    pub event_time: Option<String>,
    pub supersedes: Option<String>,
    pub repeats: Option<String>,
    pub corrects: Option<String>,
}

/// A message of an outcome.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownMessage {
    #[serde(rename = "type")]
    kind: String,
    pub code: String,
    pub message: String,
    pub customer_facing_message: Option<String>,
    pub detail: Option<String>,
    pub action_code: String,
    pub field_reference: Option<String>,
}

/// What was known from outside the partition.
#[derive(Debug, Deserialize)]
pub struct ShownEvidence {
    pub fact: String,
    pub value: String,
}

impl ShownMessage {
    /// The first check that has its code.
    pub fn check(&self) -> Option<Check> {
        Check::of_code(&Code::of(&self.code))
    }
}

/// The input record that caused it.
#[derive(Debug, Deserialize)]
pub struct ShownPlace {
    pub topic: String,
    pub partition: PartitionId,
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}

impl ExplainedOutcome {
    /// Reads an outcome in JSON.
    ///
    /// # Errors
    /// What is not as the contract says.
    pub fn read(value: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(value).map_err(|error| format!("an outcome cannot be read: {error}"))
    }

    /// Reads an outcome, whatever it is written in.
    ///
    /// # Errors
    /// What is not as the contract says.
    pub fn read_any(value: &[u8]) -> Result<Self, String> {
        match framing(value) {
            None | Some([]) => Self::read(value),
            Some(_) => Self::read(in_json(&fields(value)?).as_bytes()),
        }
    }

    /// The messages that did something to the outcome.
    pub fn faults(&self) -> impl Iterator<Item = &ShownMessage> {
        self.risk_check_messages.iter().filter(|message| message.kind != "NotificationMessage")
    }

    /// The verdict; NotEvaluated where the contract has no such symbol.
    pub fn verdict(&self) -> Verdict {
        Verdict::from_symbol(&self.outcome).unwrap_or(Verdict::NotEvaluated)
    }
}

/// Fields with their paths, as JSON: those that are explained, which nest no deeper than a message.
fn in_json(fields: &[(String, String)]) -> String {
    let (mut own, mut source) = (Vec::new(), Vec::new());
    let mut lists = [("riskCheckMessages", Vec::<Vec<String>>::new()), ("evidence", Vec::new())];
    for (path, value) in fields {
        let member = |name: &str| format!("\"{name}\":{value}");
        if let Some(name) = path.strip_prefix("source.") {
            source.push(member(name));
        } else if let Some((list, (place, name))) = lists
            .iter_mut()
            .find_map(|(of, list)| Some((list, path.strip_prefix(*of)?.strip_prefix('[')?.split_once("].")?)))
        {
            let place = place.parse::<usize>().unwrap_or(0);
            if place >= list.len() {
                list.push(Vec::new());
            }
            if let Some(entry) = list.last_mut() {
                entry.push(member(name));
            }
        } else if let ("eventTime", Ok(micros)) = (path.as_str(), value.parse()) {
            own.push(format!("\"eventTime\":\"{}\"", Micros(micros)));
        } else if !path.contains(['.', '[']) {
            own.push(member(path));
        }
    }
    own.push(format!("\"source\":{{{}}}", source.join(",")));
    for (name, list) in &lists {
        let entries: Vec<String> = list.iter().map(|entry| format!("{{{}}}", entry.join(","))).collect();
        own.push(format!("\"{name}\":[{}]", entries.join(",")));
    }
    format!("{{{}}}", own.join(","))
}
