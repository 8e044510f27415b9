//! A record's own headers on their way into its dead letter: how large they are, and a copy in which none passes for
//! one of ours. Unsafe code is needed here: the safe header iterator of the client library panics on a header name that
//! is not UTF-8, which anybody who may produce could send. Never judges what a header says.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    ptr::{from_ref, null},
};

use rdkafka::{
    bindings::{rd_kafka_header_add, rd_kafka_header_get_all, rd_kafka_headers_t},
    message::{BorrowedHeaders, OwnedHeaders},
    types::RDKafkaRespErr,
};

use super::super::{dead_letter::HEADER_FRAMING_BYTES, port::SENDERS};

/// A header's name and value; no value is another thing than no bytes.
type Header<'h> = (&'h CStr, Option<&'h [u8]>);

/// The headers, in order.
fn all(headers: &BorrowedHeaders) -> impl Iterator<Item = Header<'_>> {
    (0..).map_while(|place| {
        let mut name: *const c_char = null();
        let mut value: *const c_void = null();
        let mut length: usize = 0;
        // SAFETY: the client library gives out its own headers under this type, and they live as long as the borrow;
        // the call only sets the three.
        let answer = unsafe {
            rd_kafka_header_get_all(native(headers), place, &raw mut name, &raw mut value, &raw mut length)
        };
        if answer != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        // SAFETY: name and value belong to the headers, which live as long as the borrow; the client ends every name in
        // a nul and gives the value's length.
        Some(unsafe {
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), length));
            (CStr::from_ptr(name), value)
        })
    })
}

fn native(headers: &BorrowedHeaders) -> *const rd_kafka_headers_t {
    from_ref(headers).cast()
}

/// Bytes that headers take in a message.
pub fn bytes(headers: &BorrowedHeaders) -> usize {
    let size =
        |(name, value): Header<'_>| name.count_bytes() + value.map_or(0, <[u8]>::len) + HEADER_FRAMING_BYTES;
    all(headers).map(size).fold(0, usize::saturating_add)
}

/// A copy of a sender's headers, in which those with a name of `ours` have [`SENDERS`] before it.
pub fn copy(headers: &BorrowedHeaders, ours: &[&str]) -> OwnedHeaders {
    let is_ours = |name: &CStr| ours.iter().any(|own| own.as_bytes() == name.to_bytes());
    if !all(headers).any(|(name, _)| is_ours(name)) {
        return headers.detach();
    }
    let copy = OwnedHeaders::new();
    for (name, value) in all(headers) {
        let renamed = is_ours(name).then(|| CString::new([SENDERS.as_bytes(), name.to_bytes()].concat()));
        // A name without nuls and ours before it has none either.
        let renamed = renamed.and_then(Result::ok);
        add(&copy, renamed.as_deref().unwrap_or(name), value);
    }
    copy
}

fn add(headers: &OwnedHeaders, name: &CStr, value: Option<&[u8]>) {
    let (value, length) =
        value.map_or((null(), 0), |value| (value.as_ptr().cast(), value.len().cast_signed()));
    // SAFETY: the headers are our own and not shared; name and value live until the call returns, which copies them. The
    // length of a name of -1 means that it ends in a nul.
    let answer = unsafe {
        rd_kafka_header_add(native(headers.as_borrowed()).cast_mut(), name.as_ptr(), -1, value, length)
    };
    // It refuses only headers that are read-only, which those of a record are and these are not.
    debug_assert_eq!(answer, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::message::Header as KafkaHeader;

    fn headers(list: &[(&CStr, Option<&[u8]>)]) -> OwnedHeaders {
        let headers = OwnedHeaders::new();
        list.iter().for_each(|(name, value)| add(&headers, name, *value));
        headers
    }

    #[test]
    fn counts_names_values_and_framing() {
        let list: [(&CStr, Option<&[u8]>); 3] = [(c"a", Some(b"12345")), (c"bb", None), (c"\xff", Some(b""))];
        assert_eq!(bytes(headers(&list).as_borrowed()), 9 + 3 * HEADER_FRAMING_BYTES);
        assert_eq!(bytes(OwnedHeaders::new().as_borrowed()), 0);
    }

    #[test]
    fn a_sender_cannot_forge_our_headers_and_loses_none_of_its_own() {
        let list: [(&CStr, Option<&[u8]>); 4] = [
            (c"error.code", Some(b"1")),
            (c"\xff\xfe", Some(b"2")),
            (c"own", None),
            (c"error.code", Some(b"3")),
        ];
        let copy = copy(headers(&list).as_borrowed(), &["error.code", "attempt"]);
        let copied: Vec<_> = all(copy.as_borrowed()).collect();
        let expected: [Header<'_>; 4] = [
            (c"sender.error.code", Some(b"1")),
            (c"\xff\xfe", Some(b"2")),
            (c"own", None),
            (c"sender.error.code", Some(b"3")),
        ];
        assert_eq!(copied, expected);
    }

    #[test]
    fn headers_of_other_names_are_copied_as_they_are() {
        let list: [(&CStr, Option<&[u8]>); 2] = [(c"own", Some(b"1")), (c"\xff", None)];
        let copy = copy(headers(&list).as_borrowed(), &["error.code"]);
        assert_eq!(all(copy.as_borrowed()).collect::<Vec<_>>(), list);
        let more = copy.insert(KafkaHeader { key: "error.code", value: Some("ours") });
        assert_eq!(all(more.as_borrowed()).count(), 3);
    }
}
