//! An outcome as a reader of the topic finds it: the contract's JSON.

use crate::domain::enums::Verdict;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an outcome says, as far as the demo shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) transaction_id: String,
    outcome: String,
    #[serde(default)]
    pub(super) risk_check_messages: Vec<Message>,
    /// Amounts stay the text that they are.
    pub(super) posted_amount: Option<Box<RawValue>>,
    pub(super) balance_after: Option<Box<RawValue>>,
    pub(super) available_after: Option<Box<RawValue>>,
    pub(super) source: Source,
    pub(super) account_revision: i64,
    pub(super) ruleset: String,
}

/// A message of an outcome.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) customer_facing_message: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) action_code: String,
    pub(super) field_reference: Option<String>,
}

/// The input record that caused it.
#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Milliseconds since the epoch.
    pub(super) timestamp: i64,
}

impl Answer {
    /// Reads an outcome.
    ///
    /// # Errors
    /// What is not as the contract says.
    pub(super) fn read(value: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(value).map_err(|error| format!("an outcome cannot be read: {error}"))
    }

    /// The verdict; NotEvaluated where the contract has no such symbol.
    pub(super) fn verdict(&self) -> Verdict {
        Verdict::from_symbol(&self.outcome).unwrap_or(Verdict::NotEvaluated)
    }
}
