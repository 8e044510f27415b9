//! How a JSON text is encoded, told from its first bytes. JSON is UTF-8; a byte order mark before it is passed over.
//! Judges nothing but that: what is neither is left to the reader.

use super::fault::{FieldFault, Read};

/// The byte order mark in UTF-8, which some programs put before a text.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// So many bytes at the least, every one of them in its place, tell a text of wide characters from an Avro datum.
const WIDE_BYTES_MIN: usize = 32;
/// So many bytes are looked at.
const WIDE_BYTES_SEEN: usize = 256;

/// The text behind its byte order mark, if it has one.
pub(super) fn behind_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// The name of the encoding where a JSON text is certainly none in UTF-8.
///
/// Big-endian texts without a mark begin like a schema id's prefix: only one whose every character is of the first 256 is
/// told from it, others are asked for at the registry.
#[must_use]
pub fn foreign_encoding(text: &[u8]) -> Option<&'static str> {
    match text {
        [0xff, 0xfe, 0, 0, ..] | [b'{' | b'[', 0, 0, 0, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{' | b'[', 0, ..] => Some("UTF-16"),
        [0, 0, 0xfe, 0xff, rest @ ..] if is_wide::<4>(rest) => Some("UTF-32"),
        [0, 0, 0, b'{' | b'[', ..] if is_wide::<4>(text) => Some("UTF-32"),
        [0, b'{' | b'[', ..] if is_wide::<2>(text) => Some("UTF-16"),
        _ => None,
    }
}

/// A fault where `text` is in another encoding than UTF-8.
pub(super) fn refuse_foreign(text: &[u8]) -> Read<()> {
    match foreign_encoding(text) {
        None => Ok(()),
        Some(encoding) => Err(FieldFault::unreadable(format!(
            "the text is in {encoding}; JSON is UTF-8, neither UTF-16 nor UTF-32 is read"
        ))),
    }
}

/// Characters of `WIDTH` bytes, the last of which says all.
fn is_wide<const WIDTH: usize>(text: &[u8]) -> bool {
    let seen = &text[..text.len().min(WIDE_BYTES_SEEN)];
    text.len() >= WIDE_BYTES_MIN
        && text.len().is_multiple_of(WIDTH)
        && seen.chunks(WIDTH).all(|character| match character {
            [zeros @ .., last] => *last != 0 && zeros.iter().all(|byte| *byte == 0),
            [] => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, width: usize, little: bool) -> Vec<u8> {
        let character = |byte| {
            let mut character = vec![0; width];
            character[if little { 0 } else { width - 1 }] = byte;
            character
        };
        text.bytes().flat_map(character).collect()
    }

    #[test]
    fn wide_texts_are_told_with_and_without_a_mark() {
        let text = r#"{"accountNumber":"K10","eventType":"Info"}"#;
        for (width, little, mark, name) in [
            (2, true, &[0xff, 0xfe][..], "UTF-16"),
            (2, false, &[0xfe, 0xff], "UTF-16"),
            (4, true, &[0xff, 0xfe, 0, 0], "UTF-32"),
            (4, false, &[0, 0, 0xfe, 0xff], "UTF-32"),
        ] {
            let bare = wide(text, width, little);
            assert_eq!(foreign_encoding(&bare), Some(name), "{width} {little}");
            assert_eq!(foreign_encoding(&[mark, &bare].concat()), Some(name), "{width} {little}");
        }
    }

    #[test]
    fn a_datum_behind_a_schema_id_is_no_text() {
        // Schema id 123, then text of nine letters.
        let datum = [&[0, 0, 0, 0, 0x7b, 18][..], b"A12345678", &[0; 20]].concat();
        assert_eq!(foreign_encoding(&datum), None);
        assert_eq!(foreign_encoding(&[0, 0x7b, 0, 0x22, 0]), None, "too short to be sure");
        assert_eq!(foreign_encoding(b"{}"), None);
        assert_eq!(foreign_encoding(b""), None);
    }
}
