//! A file that is read once from its beginning to its end, counted and hashed on the way. Zstd is told by the encoding.

use super::ArchiveError;
use crate::domain::hashing::Hasher128;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const BUFFER_BYTES: usize = 256 << 10;

/// A file under way, unpacked.
pub(super) type InputFile = Box<dyn BufRead + Send>;

/// What a file was found to be so far.
#[derive(Clone, Default)]
pub(super) struct FileDigest(Arc<Mutex<(u64, Hasher128)>>);

impl FileDigest {
    /// Size and digest of what was read: of the whole file once it has ended.
    pub(super) fn size_and_digest(&self) -> (u64, u128) {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (found.0, found.1.hash())
    }
}

struct HashedInput {
    file: File,
    found: FileDigest,
}

impl Read for HashedInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let mut found = self.found.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.0 += read as u64;
        found.1.add(&buffer[..read]);
        Ok(read)
    }
}

/// Opens a file, and what it is found to be while it is read.
pub(super) fn open(path: &Path, zstd: bool) -> Result<(InputFile, FileDigest), ArchiveError> {
    let found = FileDigest::default();
    let opened = File::open(path).and_then(|file| {
        let raw = BufReader::with_capacity(BUFFER_BYTES, HashedInput { file, found: found.clone() });
        Ok(if zstd {
            let plain = zstd::Decoder::with_buffer(raw)?;
            Box::new(BufReader::with_capacity(BUFFER_BYTES, plain)) as InputFile
        } else {
            Box::new(raw)
        })
    });
    Ok((opened.map_err(ArchiveError::file("open", path))?, found))
}
