//! Files and standard output as a sink: JSON Lines, one record a line, compressed where the name ends in `.zst`.
//!
//! A file has neither keys nor record times; `tillgate check` takes the account number and the event's time instead.

use super::generator::PosRecord;
use super::sink::{RecordSink, SinkError};
use crate::domain::Micros;
use crate::domain::account_event::AccountEvent;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Bytes gathered before they go out.
const BUFFER: usize = 256 * 1024;
/// Compression that is still faster than generating.
const ZSTD_LEVEL: i32 = 3;

/// A pair of outputs: POS events and, where they are wanted, account events.
pub struct FileSink {
    pos_events: OutputLines,
    account_events: Option<OutputLines>,
}

/// One output.
struct OutputLines {
    /// The file and the flag that named it; none: standard output.
    file: Option<(PathBuf, &'static str)>,
    packing: LinePacking,
}

enum LinePacking {
    Plain(Box<dyn Write>),
    Zstd(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

impl FileSink {
    /// Opens the outputs, replacing what is there. `pos_events` without a path is standard output.
    ///
    /// # Errors
    /// [`SinkError`] naming the file that cannot be opened.
    pub fn open(pos_events: Option<&Path>, account_events: Option<&Path>) -> Result<Self, SinkError> {
        let standard_output = || {
            let output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
            Ok(OutputLines { file: None, packing: LinePacking::Plain(Box::new(output)) })
        };
        Ok(Self {
            pos_events: pos_events.map_or_else(standard_output, |path| OutputLines::create(path, "--to"))?,
            account_events: account_events
                .map(|path| OutputLines::create(path, "--account-events"))
                .transpose()?,
        })
    }
}

impl RecordSink for FileSink {
    fn account_event(&mut self, _: &AccountEvent, value: &[u8], _: Micros) -> Result<(), SinkError> {
        self.account_events.as_mut().map_or(Ok(()), |lines| lines.put(value))
    }

    fn pos_event(&mut self, _: &PosRecord<'_>, value: &[u8]) -> Result<(), SinkError> {
        self.pos_events.put(value)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.pos_events.finish()?;
        self.account_events.as_mut().map_or(Ok(()), OutputLines::finish)
    }
}

impl OutputLines {
    fn create(path: &Path, flag: &'static str) -> Result<Self, SinkError> {
        let is_packed = path.extension().is_some_and(|ending| ending == "zst");
        let made = File::create(path).and_then(|file| {
            let file = BufWriter::with_capacity(BUFFER, file);
            Ok(match is_packed {
                true => LinePacking::Zstd(Box::new(zstd::Encoder::new(file, ZSTD_LEVEL)?)),
                false => LinePacking::Plain(Box::new(file)),
            })
        });
        let file = (path.to_owned(), flag);
        match made {
            Ok(packing) => Ok(Self { file: Some(file), packing }),
            Err(error) => Err(fault(Some(&file), error)),
        }
    }

    fn put(&mut self, value: &[u8]) -> Result<(), SinkError> {
        let output: &mut dyn Write = match &mut self.packing {
            LinePacking::Plain(output) => output,
            LinePacking::Zstd(output) => output,
        };
        let written = output.write_all(value).and_then(|()| output.write_all(b"\n"));
        written.map_err(|error| fault(self.file.as_ref(), error))
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        let finished = match &mut self.packing {
            LinePacking::Plain(output) => output.flush(),
            LinePacking::Zstd(output) => output.do_finish().and_then(|()| output.get_mut().flush()),
        };
        finished.map_err(|error| fault(self.file.as_ref(), error))
    }
}

fn fault(file: Option<&(PathBuf, &'static str)>, source: io::Error) -> SinkError {
    match file.cloned() {
        None => SinkError::Output(source),
        Some((path, flag)) => SinkError::File { path, flag, source },
    }
}
