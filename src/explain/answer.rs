//! An outcome as a reader of the topic finds it, in JSON or in Avro with its schema.

use crate::checks::Check;
use crate::codec::recorded::{fields, framing};
use crate::domain::Micros;
use crate::domain::code::Code;
use crate::domain::enums::Verdict;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an outcome says, as far as it is explained.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub transaction_id: String,
    outcome: String,
    #[serde(default)]
    pub risk_check_messages: Vec<Message>,
    /// Signed booking; amounts stay the text that they are.
    pub posted_amount: Option<Box<RawValue>>,
    pub balance_after: Option<Box<RawValue>>,
    pub available_after: Option<Box<RawValue>>,
    pub source: Source,
    pub account_revision: i64,
    pub ruleset: String,
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
pub struct Message {
    #[serde(rename = "type")]
    kind: String,
    pub code: String,
    pub message: String,
    pub customer_facing_message: Option<String>,
    pub detail: Option<String>,
    pub action_code: String,
    pub field_reference: Option<String>,
}

impl Message {
    /// The first check that has its code.
    pub fn check(&self) -> Option<Check> {
        Check::of_code(&Code::of(&self.code))
    }
}

/// The input record that caused it.
#[derive(Debug, Deserialize)]
pub struct Source {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}

impl Answer {
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
    pub fn faults(&self) -> impl Iterator<Item = &Message> {
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
    let mut messages: Vec<Vec<String>> = Vec::new();
    for (path, value) in fields {
        let member = |name: &str| format!("\"{name}\":{value}");
        if let Some(name) = path.strip_prefix("source.") {
            source.push(member(name));
        } else if let Some((place, name)) =
            path.strip_prefix("riskCheckMessages[").and_then(|rest| rest.split_once("]."))
        {
            let place = place.parse::<usize>().unwrap_or(0);
            if place >= messages.len() {
                messages.push(Vec::new());
            }
            if let Some(message) = messages.last_mut() {
                message.push(member(name));
            }
        } else if let ("eventTime", Ok(micros)) = (path.as_str(), value.parse()) {
            own.push(format!("\"eventTime\":\"{}\"", Micros(micros)));
        } else if !path.contains(['.', '[']) {
            own.push(member(path));
        }
    }
    let messages: Vec<String> = messages.iter().map(|message| format!("{{{}}}", message.join(","))).collect();
    own.push(format!("\"source\":{{{}}}", source.join(",")));
    own.push(format!("\"riskCheckMessages\":[{}]", messages.join(",")));
    format!("{{{}}}", own.join(","))
}
