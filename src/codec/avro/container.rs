//! Avro object container files: datums of one schema in blocks, readable by every Avro tool.
//!
//! The sync marker is made from the schema, so that the same datums give the same bytes.

use super::write::size;
use crate::domain::hashing::hash128;

/// Datum bytes after which a block is closed.
const BLOCK_BYTES: usize = 64 << 10;

/// Builds a container file piece by piece.
#[derive(Debug)]
pub struct Container {
    sync: [u8; 16],
    count: usize,
    block: Vec<u8>,
}

impl Container {
    /// A container of datums of this schema; its head goes to `out`.
    #[must_use]
    pub fn begin(schema: &str, out: &mut Vec<u8>) -> Self {
        let sync = hash128(schema.as_bytes()).to_be_bytes();
        out.extend_from_slice(b"Obj\x01");
        size(2, out);
        for (name, value) in [("avro.schema", schema), ("avro.codec", "null")] {
            for text in [name, value] {
                size(text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
        }
        size(0, out);
        out.extend_from_slice(&sync);
        Self { sync, count: 0, block: Vec::with_capacity(BLOCK_BYTES) }
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
        size(self.block.len(), out);
        out.extend_from_slice(&self.block);
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
        let mut file = Vec::new();
        let mut container = Container::begin(r#""string""#, &mut file);
        let texts: Vec<String> = (0..20_000).map(|number| format!("text {number}")).collect();
        for text in &texts {
            let mut datum = Vec::new();
            size(text.len(), &mut datum);
            datum.extend_from_slice(text.as_bytes());
            container.add(&datum, &mut file);
        }
        container.flush(&mut file);
        let reader = apache_avro::Reader::new(&file[..]).unwrap();
        let read: Vec<_> = reader.map(Result::unwrap).collect();
        assert_eq!(read, texts.into_iter().map(apache_avro::types::Value::String).collect::<Vec<_>>());
    }
}
