//! Reads Avro object container files block by block. Never holds more than one block, and no block beyond the bound it
//! was given, whatever the file says of itself.

use super::container::{CODEC, Codec, MAGIC, SCHEMA};
use crate::domain::varint::{self, Broken};
use flate2::read::DeflateDecoder;
use smallvec::SmallVec;
use std::io::{self, BufRead, Read};

/// Entries of a head, and bytes of one: ours have two, and other writers add a few of their own.
const HEAD_ENTRIES_MAX: i64 = 100;
const HEAD_ENTRY_BYTES_MAX: u64 = 1 << 20;

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ContainerFault {
    /// The system says so.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is not what it should be.
    #[error("byte {at}: {text}")]
    Broken {
        /// How far it was read.
        at: u64,
        /// What is wrong.
        text: String,
    },
}

/// A container file that is being read.
pub struct ContainerReader<R> {
    input: R,
    /// Bytes taken so far.
    at: u64,
    codec: Codec,
    sync: [u8; 16],
    block_bytes_max: usize,
    packed: Vec<u8>,
}

impl<R: BufRead> ContainerReader<R> {
    /// Reads the head of a file, which must be of one of these very schemas; which one, by its place among them.
    ///
    /// # Errors
    /// [`ContainerFault`]
    pub fn begin(
        input: R,
        schemas: &[&str],
        block_bytes_max: usize,
    ) -> Result<(Self, usize), ContainerFault> {
        let packed = Vec::new();
        let mut reader = Self { input, at: 0, codec: Codec::Null, sync: [0; 16], block_bytes_max, packed };
        let mut magic = [0; 4];
        reader.exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(reader.broken("no Avro object container file: it does not begin with 'Obj' and 1"));
        }
        let schema = reader.head(schemas)?;
        let mut sync = [0; 16];
        reader.exact(&mut sync)?;
        reader.sync = sync;
        Ok((reader, schema))
    }

    fn head(&mut self, schemas: &[&str]) -> Result<usize, ContainerFault> {
        let mut found = None;
        loop {
            let mut entries = self.long()?;
            if entries == 0 {
                break;
            }
            if entries < 0 {
                // The size of the entries follows.
                self.long()?;
                entries = entries.saturating_neg();
            }
            if entries > HEAD_ENTRIES_MAX {
                return Err(self.broken(format!("{entries} entries in the head")));
            }
            for _ in 0..entries {
                let (name, value) = (self.entry()?, self.entry()?);
                if name == SCHEMA.as_bytes() {
                    let place = schemas.iter().position(|schema| value == schema.as_bytes());
                    found = Some(place.ok_or_else(|| self.broken("the schema is another one"))?);
                } else if name == CODEC.as_bytes() {
                    let known = [Codec::Null, Codec::Deflate];
                    let codec = known.into_iter().find(|codec| codec.name().as_bytes() == value);
                    self.codec =
                        codec.ok_or_else(|| self.broken("a codec that is neither null nor deflate"))?;
                }
            }
        }
        found.ok_or_else(|| self.broken("the head has no schema"))
    }

    fn entry(&mut self) -> Result<Vec<u8>, ContainerFault> {
        let length = self.long()?;
        match u64::try_from(length) {
            Ok(length) if length <= HEAD_ENTRY_BYTES_MAX => {
                let mut bytes = vec![0; length as usize];
                self.exact(&mut bytes)?;
                Ok(bytes)
            }
            _ => Err(self.broken(format!("an entry of {length} bytes in the head"))),
        }
    }

    /// Reads the next block's datums into `block`; how many they are, none at the end of the file.
    ///
    /// # Errors
    /// [`ContainerFault`]
    pub fn next_block(&mut self, block: &mut Vec<u8>) -> Result<Option<u64>, ContainerFault> {
        block.clear();
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let (count, bytes) = (self.long()?, self.long()?);
        let (Ok(count), Ok(bytes)) = (u64::try_from(count), usize::try_from(bytes)) else {
            return Err(self.broken(format!("a block of {count} datums in {bytes} bytes")));
        };
        if bytes > self.block_bytes_max {
            let most = self.block_bytes_max;
            return Err(self.broken(format!("a block of {bytes} bytes, at most {most} are read")));
        }
        match self.codec {
            Codec::Null => {
                block.resize(bytes, 0);
                self.exact(block)?;
            }
            Codec::Deflate => {
                let mut packed = std::mem::take(&mut self.packed);
                packed.resize(bytes, 0);
                let read = self.exact(&mut packed);
                self.packed = packed;
                read?;
                self.inflate(block)?;
            }
        }
        let mut sync = [0; 16];
        self.exact(&mut sync)?;
        if sync != self.sync {
            return Err(self.broken("the block does not end in the file's sync marker"));
        }
        Ok(Some(count))
    }

    fn inflate(&self, block: &mut Vec<u8>) -> Result<(), ContainerFault> {
        let mut plain = DeflateDecoder::new(self.packed.as_slice()).take(self.block_bytes_max as u64 + 1);
        match plain.read_to_end(block) {
            Err(error) => Err(self.broken(format!("the block cannot be inflated: {error}"))),
            Ok(bytes) if bytes > self.block_bytes_max => {
                let most = self.block_bytes_max;
                Err(self.broken(format!("a block of more than {most} bytes, inflated")))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Bytes of the file that were taken.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// A zigzag varint.
    fn long(&mut self) -> Result<i64, ContainerFault> {
        let mut bytes = SmallVec::<[u8; 10]>::new();
        loop {
            let mut byte = [0];
            self.exact(&mut byte)?;
            bytes.push(byte[0]);
            match varint::take_signed(&mut &bytes[..]) {
                Ok(value) => return Ok(value),
                Err(Broken::Off) => {}
                Err(Broken::TooLong) => return Err(self.broken("a whole number beyond 64 bits")),
            }
        }
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), ContainerFault> {
        match self.input.read_exact(bytes) {
            Ok(()) => {
                self.at += bytes.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.broken("the file breaks off"))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn broken(&self, text: impl Into<String>) -> ContainerFault {
        ContainerFault::Broken { at: self.at, text: text.into() }
    }
}
