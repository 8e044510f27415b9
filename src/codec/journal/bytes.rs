//! The small pieces of the journal's bytes: variable-length integers, texts, options.

use super::{JournalFault, VERSION};
use crate::domain::varint::{self, Broken, Varint};

/// Appends to a buffer.
#[derive(Debug, Default)]
pub struct ByteWriter(pub Vec<u8>);

impl ByteWriter {
    /// One byte.
    pub fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Unsigned, of variable length.
    pub fn unsigned(&mut self, value: u64) {
        self.0.extend_from_slice(Varint::of(value).bytes());
    }

    /// Signed, of variable length.
    pub fn signed(&mut self, value: i64) {
        self.0.extend_from_slice(Varint::of_signed(value).bytes());
    }

    /// Four bytes as they are: hashes do not get shorter.
    pub fn word(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes as they are.
    pub fn long(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Sixteen bytes as they are.
    pub fn wide(&mut self, value: u128) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Length and UTF-8.
    pub fn text(&mut self, text: &str) {
        self.unsigned(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Absent, or a text.
    pub fn optional_text(&mut self, text: Option<&str>) {
        match text {
            None => self.unsigned(0),
            Some(text) => {
                self.unsigned(text.len() as u64 + 1);
                self.0.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// Reads what [`ByteWriter`] wrote; damaged bytes are a fault, never a panic.
#[derive(Clone, Copy, Debug)]
pub struct ByteReader<'a> {
    rest: &'a [u8],
    version: u8,
}

impl<'a> ByteReader<'a> {
    /// Reads these bytes, written as they are today.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, version: VERSION }
    }

    /// Reads what follows as bytes of that version.
    #[must_use]
    pub fn of_version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    /// The version that the bytes are of.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// How many bytes are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next bytes, so many.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], JournalFault> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(JournalFault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], JournalFault> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(JournalFault::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, JournalFault> {
        Ok(self.array::<1>()?[0])
    }

    /// As [`ByteWriter::unsigned`].
    #[inline]
    pub fn unsigned(&mut self) -> Result<u64, JournalFault> {
        varint::take(&mut self.rest).map_err(damage)
    }

    /// A count of things that follow, each at least a byte long.
    #[inline]
    pub fn count(&mut self) -> Result<usize, JournalFault> {
        let count = usize::try_from(self.unsigned()?).unwrap_or(usize::MAX);
        if count > self.rest.len() { Err(JournalFault::Truncated) } else { Ok(count) }
    }

    /// As [`ByteWriter::signed`].
    #[inline]
    pub fn signed(&mut self) -> Result<i64, JournalFault> {
        varint::take_signed(&mut self.rest).map_err(damage)
    }

    /// As [`ByteWriter::word`].
    #[inline]
    pub fn word(&mut self) -> Result<u32, JournalFault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// As [`ByteWriter::long`].
    #[inline]
    pub fn long(&mut self) -> Result<u64, JournalFault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// As [`ByteWriter::wide`].
    pub fn wide(&mut self) -> Result<u128, JournalFault> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    /// As [`ByteWriter::text`].
    pub fn text(&mut self) -> Result<&'a str, JournalFault> {
        let length = self.count()?;
        text_of(self.take(length)?)
    }

    /// As [`ByteWriter::optional_text`].
    pub fn optional_text(&mut self) -> Result<Option<&'a str>, JournalFault> {
        match self.unsigned()? {
            0 => Ok(None),
            length => {
                let length = usize::try_from(length - 1).map_err(|_| JournalFault::Truncated)?;
                text_of(self.take(length)?).map(Some)
            }
        }
    }
}

fn text_of(bytes: &[u8]) -> Result<&str, JournalFault> {
    str::from_utf8(bytes).map_err(|_| JournalFault::Damaged("a text is not UTF-8"))
}

fn damage(broken: Broken) -> JournalFault {
    match broken {
        Broken::Off => JournalFault::Truncated,
        Broken::TooLong => JournalFault::Damaged("an integer is longer than 64 bits"),
    }
}
