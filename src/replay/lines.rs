//! Lines of an event file: plain or zstd, a path or standard input.

use super::ReplayError;
use super::source::{RecordBuffer, RecordSource};
use std::io::{BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest line that is read, bytes: several times the largest real event (201 kB).
const LINE_BYTES_MAX: usize = 16 << 20;
const BUFFER_BYTES: usize = 256 << 10;
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What some programs write at the beginning of a file in UTF-8; where files were put together, lines begin with it.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The lines of a file.
pub struct Lines {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    line: u64,
    /// Bytes taken from the file, compressed ones where it is: for progress.
    taken: Arc<AtomicU64>,
}

/// Opens a file of JSON Lines; `-` is standard input, zstd is recognised by its first bytes.
///
/// # Errors
/// [`ReplayError::File`], [`ReplayError::Utf16`]
pub fn open(path: &Path) -> Result<Lines, ReplayError> {
    let fault = || ReplayError::file("open", path);
    let taken = Arc::<AtomicU64>::default();
    let raw: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(fault())?)
    };
    let raw = CountingReader { raw, taken: Arc::clone(&taken) };
    let (first, input) = look(BufReader::with_capacity(BUFFER_BYTES, raw)).map_err(fault())?;
    let (first, input): (_, Box<dyn BufRead + Send>) = if first == ZSTD {
        let plain = zstd::stream::read::Decoder::with_buffer(input).map_err(fault())?;
        let (first, input) = look(BufReader::with_capacity(BUFFER_BYTES, plain)).map_err(fault())?;
        (first, Box::new(input))
    } else {
        (first, Box::new(input))
    };
    if is_utf16(&first) {
        return Err(ReplayError::Utf16 { path: path.to_owned() });
    }
    Ok(Lines { path: path.to_owned(), input, line: 0, taken })
}

/// The first bytes, and the input with them still in it.
type Looked<R> = (Vec<u8>, Chain<Cursor<Vec<u8>>, R>);

/// Looks at the beginning of an input; a pipe may give its first bytes one by one.
fn look<R: BufRead>(mut input: R) -> std::io::Result<Looked<R>> {
    let mut first = Vec::new();
    input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut first)?;
    Ok((first.clone(), Cursor::new(first).chain(input)))
}

/// By its mark, or because every other byte of what begins a line of JSON is 0.
fn is_utf16(first: &[u8]) -> bool {
    matches!(first, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=0xff, ..] | [1..=0xff, 0, ..])
}

impl RecordSource for Lines {
    /// Reads the next line that is not blank, without its end; its offset is its number, from 1.
    fn next(&mut self, record: &mut RecordBuffer) -> Result<bool, ReplayError> {
        let line = record.line();
        loop {
            line.clear();
            let read = (&mut self.input)
                .take(LINE_BYTES_MAX as u64 + 1)
                .read_until(b'\n', line)
                .map_err(ReplayError::file("read", &self.path))?;
            if read == 0 {
                return Ok(false);
            }
            self.line += 1;
            if read > LINE_BYTES_MAX {
                return Err(ReplayError::LineTooLong {
                    path: self.path.clone(),
                    line: self.line,
                    most: LINE_BYTES_MAX,
                });
            }
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            if line.starts_with(&BYTE_ORDER_MARK) {
                line.drain(..BYTE_ORDER_MARK.len());
            }
            if !line.trim_ascii().is_empty() {
                record.offset = self.line as i64;
                return Ok(true);
            }
        }
    }
}

impl Lines {
    /// Counts the bytes that are taken from the file.
    #[must_use]
    pub fn bytes_taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }
}

struct CountingReader {
    raw: Box<dyn Read + Send>,
    taken: Arc<AtomicU64>,
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.raw.read(buffer)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
