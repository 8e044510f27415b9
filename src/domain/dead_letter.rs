//! The headers of a dead letter: their names, and what becomes of a sender's header of such a name. Written by the worker,
//! read by a replay.

/// The code of the catalogue.
pub const ERROR_CODE: &str = "error.code";
/// What was wrong, in words.
pub const ERROR_MESSAGE: &str = "error.message";
/// Topic the record came from.
pub const SOURCE_TOPIC: &str = "source.topic";
/// Its partition.
pub const SOURCE_PARTITION: &str = "source.partition";
/// Its offset.
pub const SOURCE_OFFSET: &str = "source.offset";
/// How often it was tried.
pub const ATTEMPT: &str = "attempt";

/// What every dead letter says, behind the record's own headers and in this order.
pub const SAID: [&str; 6] =
    [ERROR_CODE, ERROR_MESSAGE, SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, ATTEMPT];

/// Size of the value where it had to be cut or left out.
pub const VALUE_BYTES: &str = "value.bytes";
/// Size of the key where it had to be left out.
pub const KEY_BYTES: &str = "key.bytes";
/// Size of the record's own headers where they had to be left out.
pub const HEADERS_BYTES: &str = "headers.bytes";

/// What is said behind that of parts that are not whole, in this order.
pub const LEFT_OUT: [&str; 3] = [VALUE_BYTES, KEY_BYTES, HEADERS_BYTES];

/// Before the name of a sender's header that has the name of one of ours.
pub const SENDERS: &str = "sender.";

/// What a header takes in a message besides its name and value, bytes: the lengths of both.
pub const HEADER_FRAMING_BYTES: usize = 10;

/// Bytes that a header takes in a message.
#[must_use]
pub fn header_bytes(name: &[u8], value: Option<&[u8]>) -> usize {
    name.len() + value.map_or(0, <[u8]>::len) + HEADER_FRAMING_BYTES
}

/// The name under which a sender's header stands in a dead letter, where that is another than its own.
#[must_use]
pub fn renamed(name: &[u8]) -> Option<Vec<u8>> {
    let is_ours = SAID.iter().chain(&LEFT_OUT).any(|ours| ours.as_bytes() == name);
    is_ours.then(|| [SENDERS.as_bytes(), name].concat())
}
