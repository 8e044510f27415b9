//! Files and standard output as a sink: JSON Lines, one record a line, compressed where the name ends in `.zst`.
//!
//! A file has neither keys nor record times; `tillgate check` takes the account number and the event's time instead.

use super::sink::{RecordSink, SinkError};
use crate::domain::Micros;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Bytes gathered before they go out.
const BUFFER: usize = 256 * 1024;
/// Compression that is still faster than generating.
const ZSTD_LEVEL: i32 = 3;

/// A pair of outputs: POS events and, where they are wanted, account events.
pub struct FileSink {
    pos_events: Lines,
    account_events: Option<Lines>,
}

/// One output.
struct Lines {
    target: Target,
    output: Option<Output>,
}

/// What an output is, for error messages.
enum Target {
    StandardOutput,
    File { path: PathBuf, flag: &'static str },
}

enum Output {
    Plain(Box<dyn Write>),
    Compressed(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl FileSink {
    /// Opens the outputs, replacing what is there. `pos_events` without a path is standard output.
    ///
    /// # Errors
    /// [`SinkError`] naming the file that cannot be opened.
    pub fn open(pos_events: Option<&Path>, account_events: Option<&Path>) -> Result<Self, SinkError> {
        let pos_events = match pos_events {
            Some(path) => Lines::create(path, "--to")?,
            None => Lines {
                target: Target::StandardOutput,
                output: Some(Output::Plain(Box::new(BufWriter::with_capacity(BUFFER, io::stdout().lock())))),
            },
        };
        let account_events =
            account_events.map(|path| Lines::create(path, "--account-events")).transpose()?;
        Ok(Self { pos_events, account_events })
    }
}

impl RecordSink for FileSink {
    fn account_event(&mut self, _key: &[u8], value: &[u8], _time: Micros) -> Result<(), SinkError> {
        match &mut self.account_events {
            Some(lines) => lines.put(value),
            None => Ok(()),
        }
    }

    fn pos_event(&mut self, _key: Option<&[u8]>, value: &[u8], _time: Micros) -> Result<(), SinkError> {
        self.pos_events.put(value)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.pos_events.finish()?;
        self.account_events.as_mut().map_or(Ok(()), Lines::finish)
    }
}

impl Lines {
    fn create(path: &Path, flag: &'static str) -> Result<Self, SinkError> {
        let target = Target::File { path: path.to_owned(), flag };
        let compressed = path.extension().is_some_and(|ending| ending == "zst");
        let output = File::create(path).map(|file| BufWriter::with_capacity(BUFFER, file)).and_then(|file| {
            Ok(if compressed {
                Output::Compressed(Box::new(zstd::Encoder::new(file, ZSTD_LEVEL)?))
            } else {
                Output::Plain(Box::new(file))
            })
        });
        match output {
            Ok(output) => Ok(Self { target, output: Some(output) }),
            Err(error) => Err(target.fault(error)),
        }
    }

    fn put(&mut self, value: &[u8]) -> Result<(), SinkError> {
        let Some(output) = &mut self.output else { return Ok(()) };
        let written = match output {
            Output::Plain(output) => output.write_all(value).and_then(|()| output.write_all(b"\n")),
            Output::Compressed(output) => output.write_all(value).and_then(|()| output.write_all(b"\n")),
        };
        written.map_err(|error| self.target.fault(error))
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let finished = match self.output.take() {
            None => Ok(()),
            Some(Output::Plain(mut output)) => output.flush(),
            Some(Output::Compressed(output)) => output.finish().and_then(|mut file| file.flush()),
        };
        finished.map_err(|error| self.target.fault(error))
    }
}

impl Target {
    fn fault(&self, source: io::Error) -> SinkError {
        match self {
            Self::StandardOutput => SinkError::Output(source),
            Self::File { path, flag } => SinkError::File { path: path.clone(), flag, source },
        }
    }
}
