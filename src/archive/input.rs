//! A file that is read once from its beginning to its end, counted and hashed on the way. Zstd is told by the encoding.

use super::ArchiveError;
use crate::domain::hashing::Hasher128;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const BUFFER_BYTES: usize = 256 << 10;

/// What a file was found to be so far.
#[derive(Default)]
struct Found {
    bytes: u64,
    hasher: Hasher128,
}

struct Hashed {
    file: File,
    found: Arc<Mutex<Found>>,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.bytes += read as u64;
        found.hasher.add(&buffer[..read]);
        Ok(read)
    }
}

/// A file under way, unpacked.
pub(super) struct InputFile {
    plain: Box<dyn BufRead + Send>,
    found: Arc<Mutex<Found>>,
}

impl InputFile {
    pub(super) fn open(path: &Path, zstd: bool) -> Result<Self, ArchiveError> {
        let fault = ArchiveError::file("open", path);
        let found: Arc<Mutex<Found>> = Arc::default();
        let opened = File::open(path).and_then(|file| {
            let hashed = Hashed { file, found: Arc::clone(&found) };
            let raw = BufReader::with_capacity(BUFFER_BYTES, hashed);
            let plain: Box<dyn BufRead + Send> = if zstd {
                let plain = zstd::Decoder::with_buffer(raw)?;
                Box::new(BufReader::with_capacity(BUFFER_BYTES, plain))
            } else {
                Box::new(raw)
            };
            Ok(plain)
        });
        Ok(Self { plain: opened.map_err(fault)?, found })
    }

    /// Size and digest of what was read: of the whole file once it has ended.
    pub(super) fn found(&self) -> (u64, u128) {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        (found.bytes, found.hasher.hash())
    }
}

impl Read for InputFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.plain.read(buffer)
    }
}

impl BufRead for InputFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.plain.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.plain.consume(bytes);
    }
}
