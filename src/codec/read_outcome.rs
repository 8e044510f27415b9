//! A recorded outcome as whoever sent its event may read it: what was answered, and which other outcomes it is about. In
//! whichever format it was written; fields that are between tillgate and its analysts are not read.

use super::recorded;
use crate::domain::PartitionId;
use crate::domain::enums::{ActionCode, MessageType, Verdict};
use crate::domain::ids::TransactionId;
use serde::de::DeserializeOwned;

/// What was answered to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOutcome {
    /// Id of the outcome.
    pub transaction_id: TransactionId,
    /// Account number.
    pub account: String,
    /// What was decided.
    pub verdict: Verdict,
    /// Why, in catalogue order.
    pub messages: Vec<ReadMessage>,
    /// The Pending outcome that this one ends.
    pub supersedes: Option<TransactionId>,
    /// The first outcome, of which this one is the answer again.
    pub repeats: Option<TransactionId>,
    /// Partition and offset of the record that caused it.
    pub source: (PartitionId, i64),
}

/// One message of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadMessage {
    /// What kind of message.
    pub kind: MessageType,
    /// Code of the catalogue, such as `pos.item.gross`.
    pub code: String,
    /// Text for the merchant.
    pub message: String,
    /// Text for the customer, in their language; none: there is none for this code.
    pub customer_message: Option<String>,
    /// What can be done next.
    pub action: ActionCode,
    /// Path of the field at fault, such as `items[0].grossAmount`; none: no single one.
    pub field: Option<String>,
}

/// Reads the value of an outcome's record.
///
/// # Errors
/// It is no outcome, in words.
pub fn read_outcome(value: &[u8]) -> Result<ReadOutcome, String> {
    let mut answer = Loose::default();
    for (path, json) in recorded::fields(value)? {
        answer.take(&path, &json)?;
    }
    let missing = |what: &str| format!("the outcome has no {what}");
    let messages = answer.messages.into_iter().map(|message| {
        Ok(ReadMessage {
            kind: message.kind.ok_or_else(|| missing("riskCheckMessages.type"))?,
            code: message.code,
            message: message.message,
            customer_message: message.customer_message,
            action: message.action.unwrap_or(ActionCode::Unavailable),
            field: message.field,
        })
    });
    Ok(ReadOutcome {
        transaction_id: answer.transaction_id.ok_or_else(|| missing("transactionId"))?,
        account: answer.account.ok_or_else(|| missing("accountNumber"))?,
        verdict: answer.verdict.ok_or_else(|| missing("outcome"))?,
        messages: messages.collect::<Result<_, String>>()?,
        supersedes: answer.supersedes,
        repeats: answer.repeats,
        source: answer.partition.zip(answer.offset).ok_or_else(|| missing("source"))?,
    })
}

#[derive(Default)]
struct Loose {
    transaction_id: Option<TransactionId>,
    account: Option<String>,
    verdict: Option<Verdict>,
    messages: Vec<LooseMessage>,
    supersedes: Option<TransactionId>,
    repeats: Option<TransactionId>,
    partition: Option<PartitionId>,
    offset: Option<i64>,
}

#[derive(Default)]
struct LooseMessage {
    kind: Option<MessageType>,
    code: String,
    message: String,
    customer_message: Option<String>,
    action: Option<ActionCode>,
    field: Option<String>,
}

impl Loose {
    fn take(&mut self, path: &str, json: &str) -> Result<(), String> {
        match path {
            "transactionId" => self.transaction_id = id(path, json)?,
            "accountNumber" => self.account = read(path, json)?,
            "outcome" => self.verdict = symbol(path, json, Verdict::from_symbol)?,
            "supersedes" => self.supersedes = id(path, json)?,
            "repeats" => self.repeats = id(path, json)?,
            "source.partition" => self.partition = Some(read(path, json)?),
            "source.offset" => self.offset = Some(read(path, json)?),
            other => {
                if let Some((place, name)) = place_in(other, "riskCheckMessages[") {
                    self.take_of_message(place, name, (path, json))?;
                }
            }
        }
        Ok(())
    }

    fn take_of_message(
        &mut self,
        place: usize,
        name: &str,
        (path, json): (&str, &str),
    ) -> Result<(), String> {
        // They come in order: a place beyond the next is that of no outcome.
        if place > self.messages.len() {
            return Err(format!("{path} has none before it"));
        }
        if place == self.messages.len() {
            self.messages.push(LooseMessage::default());
        }
        let message = &mut self.messages[place];
        match name {
            "type" => message.kind = symbol(path, json, MessageType::from_symbol)?,
            "code" => message.code = read(path, json)?,
            "message" => message.message = read(path, json)?,
            "customerFacingMessage" => message.customer_message = read(path, json)?,
            "actionCode" => message.action = symbol(path, json, ActionCode::from_symbol)?,
            "fieldReference" => message.field = read(path, json)?,
            _ => {}
        }
        Ok(())
    }
}

/// The place and the rest of a path in a list.
fn place_in<'p>(path: &'p str, list: &str) -> Option<(usize, &'p str)> {
    let (place, name) = path.strip_prefix(list)?.split_once("].")?;
    Some((place.parse().ok()?, name))
}

fn read<T: DeserializeOwned>(path: &str, json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| format!("{path}: {error}"))
}

fn symbol<T>(path: &str, json: &str, of: fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    let symbol: String = read(path, json)?;
    of(&symbol).map(Some).ok_or_else(|| format!("{path}: no such symbol"))
}

fn id(path: &str, json: &str) -> Result<Option<TransactionId>, String> {
    let Some(text) = read::<Option<String>>(path, json)? else { return Ok(None) };
    TransactionId::parse(&text).map(Some).ok_or_else(|| format!("{path}: no id of tillgate"))
}
