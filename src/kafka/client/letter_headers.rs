//! A record's own headers on their way into its dead letter: how large they are, and a copy in which none passes for
//! one of ours. Never judges what a header says.

use super::headers;
use crate::domain::dead_letter::{header_bytes, renamed};
use crate::domain::record::RecordHeader;
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedHeaders, OwnedHeaders};
use std::borrow::Cow;

/// Bytes that headers take in a message.
pub fn bytes(own: &BorrowedHeaders) -> usize {
    headers::of(own).map(|header| header_bytes(header.name, header.value)).fold(0, usize::saturating_add)
}

/// A copy of a sender's headers, in which those with a name of ours have another.
///
/// # Errors
/// The client library refuses one of them.
pub fn copy(own: &BorrowedHeaders) -> KafkaResult<OwnedHeaders> {
    if !headers::of(own).any(|header| renamed(header.name).is_some()) {
        return Ok(own.detach());
    }
    let all: Vec<_> = headers::of(own)
        .map(|header| (renamed(header.name).map_or(Cow::Borrowed(header.name), Cow::Owned), header.value))
        .collect();
    let all: Vec<_> = all.iter().map(|(name, value)| RecordHeader { name, value: *value }).collect();
    headers::to_client(&all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dead_letter::HEADER_FRAMING_BYTES;
    use rdkafka::message::Header as KafkaHeader;

    type List<'l> = &'l [(&'l [u8], Option<&'l [u8]>)];

    fn made(list: List<'_>) -> OwnedHeaders {
        let list: Vec<_> = list.iter().map(|(name, value)| RecordHeader { name, value: *value }).collect();
        headers::to_client(&list).expect("headers")
    }

    fn copied(list: List<'_>) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let copy = copy(made(list).as_borrowed()).expect("a copy");
        headers::of(copy.as_borrowed())
            .map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec)))
            .collect()
    }

    fn owned(list: List<'_>) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        list.iter().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect()
    }

    #[test]
    fn counts_names_values_and_framing() {
        let list: List<'_> = &[(b"a", Some(b"12345")), (b"bb", None), (b"\xff", Some(b""))];
        assert_eq!(bytes(made(list).as_borrowed()), 9 + 3 * HEADER_FRAMING_BYTES);
        assert_eq!(bytes(OwnedHeaders::new().as_borrowed()), 0);
    }

    #[test]
    fn a_sender_cannot_forge_our_headers_and_loses_none_of_its_own() {
        let list: List<'_> =
            &[(b"error.code", Some(b"1")), (b"\xff\xfe", Some(b"2")), (b"own", None), (b"error.code", None)];
        let expected: List<'_> = &[
            (b"sender.error.code", Some(b"1")),
            (b"\xff\xfe", Some(b"2")),
            (b"own", None),
            (b"sender.error.code", None),
        ];
        assert_eq!(copied(list), owned(expected));
    }

    #[test]
    fn headers_of_other_names_are_copied_as_they_are() {
        let list: List<'_> = &[(b"own", Some(b"1")), (b"\xff", None)];
        assert_eq!(copied(list), owned(list));
        let copy = copy(made(list).as_borrowed()).expect("a copy");
        let more = copy.insert(KafkaHeader { key: "error.code", value: Some("ours") });
        assert_eq!(headers::of(more.as_borrowed()).count(), 3);
    }
}
