//! `tillgate check`: event files or recorded topics through the pipeline on all cores, outcomes in the order of the events.

use super::ReplayError;
use super::chunk::{Chunk, InputPlace};
use super::lines::Lines;
use super::merge::Merge;
use super::summary::Summary;
use super::topics::RecordedTopics;
use super::workers::{CheckWorker, ChunkAnswers};
use crate::codec::Schemas;
use crate::engine::Engine;
use crate::pipeline::Division;
use crate::pos::{Input, PartitionOptions};
use crate::profiles::OfflineProfiles;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Records of a chunk: large enough that threads rarely wait for one another.
const CHUNK_RECORDS: usize = 8192;
/// Chunks that wait between two threads.
const CHUNKS_WAITING: usize = 2;

/// Where the records of a run come from.
pub enum CheckInputs<'a> {
    /// Files of lines, merged by what they say of their times.
    Files {
        /// The POS events.
        pos_events: Lines,
        /// The account events.
        account_events: Option<Lines>,
    },
    /// Recorded topics, in the order in which they were decided.
    RecordedTopics(RecordedTopics<'a>),
}

/// What to run.
pub struct CheckOptions<'a> {
    /// The records.
    pub inputs: CheckInputs<'a>,
    /// Whether outcomes are held beside the recorded ones.
    pub compares: bool,
    /// Partitions that the events are spread over.
    pub partitions: u32,
    /// Threads, at most one a partition.
    pub threads: usize,
    /// What decides.
    pub engine: Arc<Engine>,
    /// How it decides and encodes.
    pub options: PartitionOptions,
    /// The schemas of values that need one.
    pub schemas: &'a (dyn Schemas + Sync),
    /// The shared profiles as reference records make them, where there are such. What a line is judged by hangs on all lines
    /// before it then, so one thread decides.
    pub profiles: Option<OfflineProfiles>,
}

/// What a run hands out while it goes.
pub trait CheckSink {
    /// An encoded outcome, in the order of the events.
    ///
    /// # Errors
    /// Ends the run.
    fn outcome(&mut self, value: &[u8]) -> Result<(), ReplayError>;
    /// A record that gave no outcome.
    fn dead_letter(&mut self, input: Input, at: InputPlace, why: &str);
    /// So many records are done.
    fn progress(&mut self, records: u64);
}

/// Runs the records through the engine.
///
/// # Errors
/// [`ReplayError`] where a file or a topic cannot be read, or a file cannot be written.
pub fn check(options: CheckOptions<'_>, sink: &mut dyn CheckSink) -> Result<Summary, ReplayError> {
    let CheckOptions { inputs, compares, partitions, threads, engine, options, schemas, mut profiles } =
        options;
    let division = profiles.as_ref().map(|_| Division::UNDIVIDED);
    let options = PartitionOptions { input_partitions: partitions, profiles: division, ..options };
    let threads = if profiles.is_some() { 1 } else { threads };
    let (read_all, begins_at): (Box<ReadAll<'_>>, _) = match inputs {
        CheckInputs::Files { pos_events, account_events } => {
            let mut merge = Merge::new(pos_events, account_events, options.division(), engine.files())?;
            let begins_at = merge.begins_at();
            (Box::new(move |chunks| read(|| merge.chunk(CHUNK_RECORDS), chunks)), begins_at)
        }
        // Opened by the thread that reads them.
        CheckInputs::RecordedTopics(topics) => {
            let read_all = |chunks: &_| {
                let mut reader = topics.read();
                read(|| reader.chunk(CHUNK_RECORDS), chunks);
            };
            (Box::new(read_all), None)
        }
    };
    let threads = threads.clamp(1, partitions as usize);
    std::thread::scope(|scope| {
        let (chunks_in, chunks) = sync_channel(CHUNKS_WAITING);
        scope.spawn(move || read_all(&chunks_in));
        let workers: Vec<WorkerChannel> = (0..threads)
            .map(|place| {
                let mut worker = CheckWorker::new((place, threads), partitions, &engine, &options, begins_at);
                (worker.profiles, worker.compares) = (profiles.take(), compares);
                let (to_worker, inbox) = sync_channel::<Arc<Chunk>>(CHUNKS_WAITING);
                let (outbox, from_worker) = sync_channel(CHUNKS_WAITING);
                scope.spawn(move || {
                    // Ends when the other side has ended.
                    while let Ok(chunk) = inbox.recv() {
                        if outbox.send(worker.decide(&chunk, schemas)).is_err() {
                            break;
                        }
                    }
                });
                WorkerChannel { to_worker, from_worker }
            })
            .collect();
        gather(&chunks, &workers, sink)
    })
}

struct WorkerChannel {
    to_worker: SyncSender<Arc<Chunk>>,
    from_worker: Receiver<ChunkAnswers>,
}

/// Reads the records of a run to the end, some at a time.
type ReadAll<'a> = dyn FnOnce(&SyncSender<Result<Chunk, ReplayError>>) + Send + 'a;

fn read(
    mut next: impl FnMut() -> Result<Option<Chunk>, ReplayError>,
    chunks: &SyncSender<Result<Chunk, ReplayError>>,
) {
    while let Some(chunk) = next().transpose() {
        let failed = chunk.is_err();
        if chunks.send(chunk).is_err() || failed {
            return;
        }
    }
}

/// Hands every chunk to all workers, and writes their answers in the order of the records. One chunk
/// is under way while the answers to the one before are gathered.
fn gather(
    chunks: &Receiver<Result<Chunk, ReplayError>>,
    workers: &[WorkerChannel],
    sink: &mut dyn CheckSink,
) -> Result<Summary, ReplayError> {
    let mut summary = Summary::default();
    let mut under_way = 0;
    loop {
        let chunk = chunks.recv().ok().transpose()?;
        let ended = chunk.is_none();
        if let Some(chunk) = chunk {
            let chunk = Arc::new(chunk);
            for worker in workers {
                let _ = worker.to_worker.send(Arc::clone(&chunk));
            }
            under_way += 1;
        }
        while under_way > usize::from(!ended) {
            let mut answers: Vec<ChunkAnswers> =
                workers.iter().filter_map(|worker| worker.from_worker.recv().ok()).collect();
            under_way -= 1;
            write(&mut answers, sink, &mut summary)?;
        }
        if ended {
            return Ok(summary);
        }
    }
}

fn write(
    answers: &mut [ChunkAnswers],
    sink: &mut dyn CheckSink,
    summary: &mut Summary,
) -> Result<(), ReplayError> {
    let (mut records, mut first) = (0, Vec::new());
    for answer in answers.iter_mut() {
        if let Some((partition, message)) = &answer.broken {
            return Err(ReplayError::State { partition: *partition, message: message.clone() });
        }
        summary.add(&answer.summary);
        records += answer.summary.all_records();
        first.extend(answer.summary.changes.iter_mut().flat_map(|changes| changes.first.drain(..)));
    }
    summary.changes.iter_mut().for_each(|changes| changes.tell(std::mem::take(&mut first)));
    let mut next = vec![0usize; answers.len()];
    loop {
        // The answer whose record comes first; a record's outcomes all come from one worker.
        let first = (0..answers.len())
            .filter_map(|worker| answers[worker].ends.get(next[worker]).map(|(place, _)| (*place, worker)))
            .min();
        let Some((_, worker)) = first else { break };
        let ends = &answers[worker].ends;
        let begin = next[worker].checked_sub(1).map_or(0, |before| ends[before].1);
        sink.outcome(&answers[worker].bytes[begin..ends[next[worker]].1])?;
        next[worker] += 1;
    }
    let mut dead_letters: Vec<_> = answers.iter().flat_map(|answer| &answer.dead_letters).collect();
    dead_letters.sort();
    for (input, at, why) in dead_letters {
        sink.dead_letter(*input, *at, why);
    }
    sink.progress(records);
    Ok(())
}
