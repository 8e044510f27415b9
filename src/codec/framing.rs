//! Recognises, per record, how a value is framed. Looks at the first bytes only; judges nothing behind them.

use super::encoding::{behind_mark, refuse_foreign};
use super::fault::{FieldFault, Read};
use std::fmt;

/// Header in which Confluent serializers put the schema's GUID.
pub const SCHEMA_ID_HEADER: &str = "__value_schema_id";

/// First byte of the schema header's value.
const GUID_MAGIC: u8 = 1;
/// First two bytes of Avro's single-object encoding.
const SINGLE_OBJECT_MAGIC: [u8; 2] = [0xc3, 0x01];

/// How a writer's schema is referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaRef {
    /// Id in the schema registry (Confluent prefix).
    Id(u32),
    /// GUID in the schema registry (record header).
    Guid([u8; 16]),
    /// CRC-64-AVRO of the schema's canonical form (single-object encoding).
    Fingerprint(u64),
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "schema id {id}"),
            Self::Guid(guid) => {
                f.write_str("schema guid ")?;
                for (place, byte) in guid.iter().enumerate() {
                    let dash = if matches!(place, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
            Self::Fingerprint(fingerprint) => write!(f, "schema fingerprint {fingerprint:016x}"),
        }
    }
}

/// What a record's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framed<'a> {
    /// A JSON object.
    Json(&'a [u8]),
    /// A value, and the schema it was written with: an Avro datum, unless whoever knows the schema says otherwise.
    Behind(SchemaRef, &'a [u8]),
}

/// Reads the value of a [`SCHEMA_ID_HEADER`] header: a magic byte 1 and the 16 bytes of a GUID.
///
/// Nothing where it is something else.
#[must_use]
pub fn guid_of_header(header: &[u8]) -> Option<[u8; 16]> {
    match header {
        [GUID_MAGIC, guid @ ..] => guid.try_into().ok(),
        _ => None,
    }
}

/// Begins a value with the id that its schema has in the registry; the datum follows.
pub fn frame_with_id(id: u32, out: &mut Vec<u8>) {
    out.push(0);
    out.extend_from_slice(&id.to_be_bytes());
}

/// Begins a value in single-object encoding; the datum follows.
pub fn frame_with_fingerprint(fingerprint: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&SINGLE_OBJECT_MAGIC);
    out.extend_from_slice(&fingerprint.to_le_bytes());
}

/// Recognises the framing of `value`; `guid` is that of the record's header.
pub(super) fn recognise(value: &[u8], guid: Option<[u8; 16]>) -> Read<Framed<'_>> {
    if let Some(guid) = guid {
        return Ok(Framed::Behind(SchemaRef::Guid(guid), value));
    }
    refuse_foreign(value)?;
    match value {
        [0, a, b, c, d, datum @ ..] => {
            Ok(Framed::Behind(SchemaRef::Id(u32::from_be_bytes([*a, *b, *c, *d])), datum))
        }
        [0xc3, 0x01, rest @ ..] => match rest.split_first_chunk::<8>() {
            Some((print, datum)) => {
                Ok(Framed::Behind(SchemaRef::Fingerprint(u64::from_le_bytes(*print)), datum))
            }
            None => Err(FieldFault::unreadable(format!(
                "single-object encoding breaks off after {} of 10 bytes",
                value.len()
            ))),
        },
        _ if behind_mark(value).trim_ascii_start().first() == Some(&b'{') => Ok(Framed::Json(value)),
        _ => Err(unknown(value)),
    }
}

#[cold]
fn unknown(value: &[u8]) -> Box<FieldFault> {
    match value {
        [] => FieldFault::unreadable("empty value"),
        [0, ..] => {
            FieldFault::unreadable(format!("schema id prefix breaks off after {} of 5 bytes", value.len()))
        }
        _ => {
            let seen: Vec<String> = value.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            FieldFault::unreadable(format!(
                "neither JSON nor Avro: a value of {} bytes that begins with {}; expected an object in JSON, \
                 a schema id prefix (00), single-object encoding (c3 01) or a {} header",
                value.len(),
                seen.join(" "),
                SCHEMA_ID_HEADER
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_every_framing() {
        let guid = [7; 16];
        assert_eq!(
            recognise(b"{}", Some(guid)).unwrap(),
            Framed::Behind(SchemaRef::Guid(guid), b"{}"),
            "a header goes before anything in the value"
        );
        assert_eq!(recognise(&[0, 0, 0, 1, 2, 9], None).unwrap(), Framed::Behind(SchemaRef::Id(258), &[9]));
        assert_eq!(
            recognise(&[0xc3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 9], None).unwrap(),
            Framed::Behind(SchemaRef::Fingerprint(1), &[9])
        );
        for text in [&b" \r\n\t{}"[..], b"\xef\xbb\xbf{}", b"\xef\xbb\xbf \n{}"] {
            assert_eq!(recognise(text, None).unwrap(), Framed::Json(text));
        }
    }

    #[test]
    fn says_what_was_seen_where_nothing_fits() {
        for (value, text) in [
            (&b""[..], "empty value"),
            (&[0, 1, 2], "prefix breaks off after 3 of 5 bytes"),
            (&[0xc3, 1, 2], "breaks off after 3 of 10 bytes"),
            (b"[1]", "begins with 5b 31 5d"),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", "begins with ef bb bf ef bb bf"),
            (b"\xff\xfe{\0}\0", "UTF-16"),
            (b"{\0}\0", "UTF-16"),
            (&[0x7f; 2_000], "2000 bytes that begins with 7f 7f"),
        ] {
            let error = crate::codec::DecodeError::from(recognise(value, None).unwrap_err());
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn reads_the_guid_of_a_header_and_nothing_else() {
        let header: Vec<u8> = [vec![1], (0..16).collect()].concat();
        let guid = guid_of_header(&header).unwrap();
        assert_eq!(SchemaRef::Guid(guid).to_string(), "schema guid 00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(guid_of_header(&header[..16]), None);
        assert_eq!(guid_of_header(&[0; 17]), None);
    }
}
