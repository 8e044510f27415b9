//! Replies as JSON: tillgate's own record, written and read here.

use super::write::Writer;
use crate::domain::reply::{Fate, Reply};
use crate::domain::{Micros, PartitionId, cut::cut_to, limits};
use serde::Deserialize;
use std::borrow::Cow;

/// Appends `reply` to `out`. The same reply gives the same bytes.
pub fn write_reply(reply: &Reply<'_>, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    object.text("requestId", Some(reply.request_id));
    object.text("result", Some(reply.fate.symbol()));
    object.text("id", reply.id);
    object.time("createdAt", reply.created_at);
    object.text("code", reply.code);
    let message = reply.message.map(|message| cut_to(message, limits::DEAD_LETTER_MESSAGE_CHARS_MAX));
    object.text("message", message.as_deref());
    object.nested("source", |source| {
        source.text("topic", Some(reply.source.topic));
        source.integer("partition", reply.source.partition.into());
        source.integer("offset", reply.source.offset);
    });
    object.end();
}

/// A reply as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReply<'a> {
    /// Of the request.
    pub request_id: Cow<'a, str>,
    /// What became of the event.
    pub fate: Fate,
    /// Its id, as in [`Reply`].
    pub id: Option<Cow<'a, str>>,
    /// When it was created, as in [`Reply`].
    pub created_at: Option<Micros>,
    /// Why it was not applied.
    pub code: Option<Cow<'a, str>>,
    /// The same in words.
    pub message: Option<Cow<'a, str>>,
    /// Partition and offset of the event.
    pub source: (PartitionId, i64),
}

/// Reads a reply.
///
/// # Errors
/// It is none, in words.
pub fn read_reply(bytes: &[u8]) -> Result<ReadReply<'_>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ReplyMembers<'a> {
        #[serde(borrow)]
        request_id: Cow<'a, str>,
        #[serde(borrow)]
        result: Cow<'a, str>,
        #[serde(borrow)]
        id: Option<Cow<'a, str>>,
        #[serde(borrow)]
        created_at: Option<Cow<'a, str>>,
        #[serde(borrow)]
        code: Option<Cow<'a, str>>,
        #[serde(borrow)]
        message: Option<Cow<'a, str>>,
        source: Place,
    }
    #[derive(Deserialize)]
    struct Place {
        partition: PartitionId,
        offset: i64,
    }
    let read: ReplyMembers<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let created_at = read.created_at.map(|text| Micros::parse_rfc3339(&text).ok_or("createdAt is no time"));
    Ok(ReadReply {
        request_id: read.request_id,
        fate: Fate::from_symbol(&read.result)
            .ok_or("result is none of applied, repeat, conflict, refused")?,
        id: read.id,
        created_at: created_at.transpose()?,
        code: read.code,
        message: read.message,
        source: (read.source.partition, read.source.offset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Source;

    #[test]
    fn a_result_is_read_as_it_was_written() {
        let source = Source { topic: "account.events", partition: 3.into(), offset: 41, timestamp_millis: 7 };
        let result = Reply {
            request_id: "r-\"1\"",
            fate: Fate::Conflict,
            id: Some("acc_evt_1"),
            created_at: Micros::parse_rfc3339("2026-03-02T09:00:00.000001Z"),
            code: Some("400.100"),
            message: Some("of other content"),
            source,
        };
        let mut bytes = Vec::new();
        write_reply(&result, &mut bytes);
        let text = r#"{"requestId":"r-\"1\"","result":"conflict","id":"acc_evt_1","createdAt":"2026-03-02T09:00:00.000001Z","code":"400.100","message":"of other content","source":{"topic":"account.events","partition":3,"offset":41}}"#;
        assert_eq!(String::from_utf8_lossy(&bytes), text);
        let read = read_reply(&bytes).expect("it was just written");
        assert_eq!(
            (&*read.request_id, read.fate, read.source),
            (result.request_id, Fate::Conflict, (3.into(), 41))
        );
        assert_eq!((read.id.as_deref(), read.created_at), (result.id, result.created_at));
        assert_eq!((read.code.as_deref(), read.message.as_deref()), (result.code, result.message));
        assert!(read_reply(&text.replace("conflict", "lost").into_bytes()).is_err());
    }
}
