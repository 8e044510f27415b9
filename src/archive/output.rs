//! A file that is written under a temporary name, counted and hashed, and has its own name only once it is whole.

use super::ArchiveError;
use super::manifest::part_of;
use crate::domain::hashing::Hasher128;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Compression that is still faster than what comes from a broker.
const ZSTD_LEVEL: i32 = 3;

/// Counts and hashes what goes to the file.
struct HashedOutput {
    file: File,
    bytes: u64,
    hasher: Hasher128,
}

impl Write for HashedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        self.hasher.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

enum Packing {
    Plain(HashedOutput),
    Zstd(Box<zstd::Encoder<'static, HashedOutput>>),
}

/// A file under way. Dropped before it is finished, it is removed.
pub(super) struct OutputFile {
    path: PathBuf,
    part: PathBuf,
    packing: Option<Packing>,
}

impl OutputFile {
    /// Begins a file, which must not be there yet.
    pub(super) fn create(path: PathBuf, zstd: bool) -> Result<Self, ArchiveError> {
        let part = part_of(&path);
        let fault = ArchiveError::file("create", &part);
        let made = File::create_new(&part).and_then(|file| {
            let hashed = HashedOutput { file, bytes: 0, hasher: Hasher128::default() };
            Ok(if zstd {
                let mut encoder = zstd::Encoder::new(hashed, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Packing::Zstd(Box::new(encoder))
            } else {
                Packing::Plain(hashed)
            })
        });
        let packing = made.map_err(fault)?;
        Ok(Self { path, part, packing: Some(packing) })
    }

    /// Writes bytes, in large pieces.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        let written = match &mut self.packing {
            Some(Packing::Plain(file)) => file.write_all(bytes),
            Some(Packing::Zstd(encoder)) => encoder.write_all(bytes),
            None => Ok(()),
        };
        written.map_err(ArchiveError::file("write", &self.part))
    }

    /// Puts the file on the disk and gives it its name; its size and digest.
    pub(super) fn finish(mut self) -> Result<(u64, u128), ArchiveError> {
        let hashed = match self.packing.take() {
            Some(Packing::Plain(file)) => Ok(file),
            Some(Packing::Zstd(encoder)) => encoder.finish(),
            None => Err(io::Error::other("finished already")),
        };
        let finished = hashed.and_then(|hashed| {
            hashed.file.sync_all()?;
            std::fs::rename(&self.part, &self.path)?;
            Ok((hashed.bytes, hashed.hasher.hash()))
        });
        finished.map_err(|error| {
            drop(std::fs::remove_file(&self.part));
            ArchiveError::file("write", &self.part)(error)
        })
    }

    /// Its temporary path.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if self.packing.take().is_some() {
            drop(std::fs::remove_file(&self.part));
        }
    }
}
