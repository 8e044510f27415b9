//! Keeps the log lines of the workers until the screen has room for them, so that they never run through the table.

use crate::telemetry::log::{LineFormat, on_panic, subscriber};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Level;
use tracing_subscriber::util::SubscriberInitExt;

/// Bytes that are kept; what is beyond is lost, as the demo is no place to search for a fault.
const BYTES_MAX: usize = 64 << 10;

/// What the client remarks when a setting for consumers is given to all clients, as the demo does.
const REMARK: &str = " CONFWARN ";

/// Log lines that nobody has seen yet.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<u8>>>);

impl Notes {
    /// Keeps warnings and errors of this process from now on. Once per process; where lines are taken already they
    /// stay where they go.
    pub(super) fn install() -> Self {
        let notes = Self::default();
        let writer = notes.clone();
        if subscriber(LineFormat::Text, Level::WARN, false, move || writer.clone()).try_init().is_ok() {
            std::panic::set_hook(Box::new(on_panic));
        }
        notes
    }

    /// The complete lines since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let end = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let lines: Vec<u8> = kept.drain(..end).collect();
        let text = String::from_utf8_lossy(&lines);
        text.lines().filter(|line| !line.contains(REMARK)).map(str::to_owned).collect()
    }
}

impl io::Write for Notes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + bytes.len() <= BYTES_MAX {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
