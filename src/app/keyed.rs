//! Records put onto a topic by their key, from a command or a file: of terminals, of chips, of persons. Knows nothing of what
//! they say.

use super::AppError;
use crate::kafka::client::{Cluster, EventProducer, NewRecord};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::ClusterSettings;
use crate::replay::{RecordBuffer, RecordSource, ReplayError, open};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Takes a key and its record, or that there is none any more.
pub(super) type Put<'p> = dyn FnMut(&str, Option<&[u8]>) -> Result<(), String> + 'p;

/// What is asked for of the records of a topic.
pub(super) enum KeyedCommand<'a> {
    /// Put a record under its key, or that there is none any more.
    Write(String, Option<Vec<u8>>),
    /// Put the records of a file.
    Import(&'a Path),
    /// Print what is known of a key.
    Get(String),
}

impl KeyedCommand<'_> {
    /// Does it: `import` reads a file, `get` prints.
    pub(super) fn run(
        self,
        settings: &Arc<ClusterSettings>,
        topic: &str,
        import: impl FnOnce(&Path, &mut Put<'_>) -> Result<(), AppError>,
        get: impl FnOnce(&str) -> Result<(), AppError>,
    ) -> Result<(), AppError> {
        match self {
            Self::Write(key, value) => {
                write_all(settings, topic, |put| put(&key, value.as_deref()).map_err(AppError::Topics))
            }
            Self::Import(file) => write_all(settings, topic, |put| import(file, put)),
            Self::Get(key) => get(&key),
        }
    }
}

/// Hands over the lines of a file that are not blank; `what` is what each should be.
///
/// # Errors
/// The file cannot be read, or a line is not taken: which one, and why.
pub(super) fn each_line(
    path: &Path,
    what: &str,
    mut each: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), AppError> {
    let mut lines = open(path)?;
    let mut line = RecordBuffer::default();
    while lines.next(&mut line)? {
        each(line.value().unwrap_or_default()).map_err(|why| {
            let text = format!("{}:{}: no {what}: {why}", path.display(), line.offset);
            AppError::Replay(ReplayError::Recorded(text))
        })?;
    }
    Ok(())
}

/// Writes the records that `all` puts onto a topic, all of them acknowledged.
fn write_all(
    settings: &Arc<ClusterSettings>,
    topic: &str,
    all: impl FnOnce(&mut Put<'_>) -> Result<(), AppError>,
) -> Result<(), AppError> {
    let cluster = Cluster::new(Arc::clone(settings))?;
    rights::verify(&cluster, settings, Task::Import(&[topic]))?;
    let partitions = super::partitions(&cluster, topic)?;
    let mut producer = EventProducer::new(settings)?;
    let now = super::now_millis();
    let mut written = 0_u64;
    let mut put = |key: &str, value: Option<&[u8]>| {
        written += 1;
        let record = NewRecord {
            topic,
            partition: Some(settings.partitioner.partition_of(key.as_bytes(), partitions)),
            timestamp_millis: Some(now),
            key: Some(key.as_bytes()),
            value,
            headers: &[],
        };
        producer.send(&record).map_err(|fault| fault.to_string())
    };
    all(&mut put)?;
    producer.flush()?;
    let what = if written == 1 { "record" } else { "records" };
    Ok(writeln!(std::io::stderr(), "{written} {what} written to topic {topic}")?)
}
