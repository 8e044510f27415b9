//! Avro object container files: datums of one schema in blocks, readable by every Avro tool.
//!
//! The sync marker is made from the schema, so that the same datums give the same bytes.

use super::write::{size, text};
use crate::domain::hashing::hash128;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write;

/// What every container file begins with.
pub(super) const MAGIC: &[u8; 4] = b"Obj\x01";
/// The head's entry that holds the schema.
pub(super) const SCHEMA: &str = "avro.schema";
/// The head's entry that names the codec.
pub(super) const CODEC: &str = "avro.codec";
/// Datum bytes after which a block is closed.
const BLOCK_BYTES: usize = 64 << 10;

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Null,
    /// By deflate, the one codec that every reader must have.
    Deflate,
}

impl Codec {
    /// Its name in the head of a file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate => "deflate",
        }
    }
}

/// Builds a container file piece by piece.
#[derive(Debug)]
pub struct Container {
    codec: Codec,
    sync: [u8; 16],
    count: usize,
    block: Vec<u8>,
}

impl Container {
    /// A container of datums of this schema; its head goes to `out`.
    #[must_use]
    pub fn begin(schema: &str, codec: Codec, out: &mut Vec<u8>) -> Self {
        let sync = hash128(schema.as_bytes()).to_be_bytes();
        out.extend_from_slice(MAGIC);
        size(2, out);
        for entry in [SCHEMA, schema, CODEC, codec.name()] {
            text(entry, out);
        }
        size(0, out);
        out.extend_from_slice(&sync);
        Self { codec, sync, count: 0, block: Vec::with_capacity(BLOCK_BYTES) }
    }

    /// Adds a datum; a block that is full goes to `out`.
    pub fn add(&mut self, datum: &[u8], out: &mut Vec<u8>) {
        self.block.extend_from_slice(datum);
        self.count += 1;
        if self.block.len() >= BLOCK_BYTES {
            self.flush(out);
        }
    }

    /// Writes what is left to `out`.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        size(self.count, out);
        match self.codec {
            Codec::Null => {
                size(self.block.len(), out);
                out.extend_from_slice(&self.block);
            }
            Codec::Deflate => {
                let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
                // A vector takes everything.
                let written = packed.write_all(&self.block).and_then(|()| packed.finish());
                let packed = written.unwrap_or_default();
                size(packed.len(), out);
                out.extend_from_slice(&packed);
            }
        }
        out.extend_from_slice(&self.sync);
        self.block.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_avro_reader_can_read_it() {
        let texts: Vec<String> = (0..20_000).map(|number| format!("text {number}")).collect();
        for codec in [Codec::Null, Codec::Deflate] {
            let mut file = Vec::new();
            let mut container = Container::begin(r#""string""#, codec, &mut file);
            for text in &texts {
                let mut datum = Vec::new();
                size(text.len(), &mut datum);
                datum.extend_from_slice(text.as_bytes());
                container.add(&datum, &mut file);
            }
            container.flush(&mut file);
            let reader = apache_avro::Reader::new(&file[..]).unwrap();
            let read: Vec<_> = reader.map(Result::unwrap).collect();
            let expected = texts.iter().cloned().map(apache_avro::types::Value::String);
            assert_eq!(read, expected.collect::<Vec<_>>());
        }
    }
}
