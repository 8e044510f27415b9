//! Brings the state of a unit back from its journal, beside the worker, and refuses to go on from a torn one.
//!
//! Order matters. First the journal must be settled: an open transaction of a dead writer holds its stable end back
//! (`settle`). Then the journal is folded up to the end. Then the group's committed offsets are read, which the broker
//! gives out only once no transaction holds any; a former owner that was put out of the group cannot add offsets after
//! that. Then the end is asked again: whatever such an owner committed in between is folded too. Only then are the two
//! compared. They moved in the same transactions, so any difference means that a transaction was torn. Last, the inputs
//! must still hold what comes next (`lost_input`).
//!
//! A copy that the standby kept warm only spares the reading of what it has folded. Where it does not fit the journal it
//! is dropped, and the restore begins with nothing.

use super::lost_input::{LostInput, ResumePoint, resume_point};
use super::progress::RestoreProgress;
use super::settle::Settling;
use super::standby::Warm;
use crate::domain::flow::{Positions, Unit};
use crate::kafka::failure::{Fault, FaultClass, Operation, Recovery, recovery};
use crate::kafka::port::{Broker, JournalReader};
use crate::kafka::settings::ClusterSettings;
use crate::kafka::worker::SharedByWorkers;
use crate::pipeline::{Decider, Deciders, Restoring};
use crate::telemetry::RestoredFrom;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use thiserror::Error;

/// Wait before a restore goes on after a fault that may pass; it doubles up to [`AGAIN_MAX`].
const AGAIN_MIN: Duration = Duration::from_millis(50);
const AGAIN_MAX: Duration = Duration::from_secs(5);
/// How long to wait until the inputs' ends are asked again.
const ENDS_PAUSE: Duration = Duration::from_millis(500);

/// Why a unit was not restored.
#[derive(Clone, Debug, Error)]
pub enum RestoreError {
    /// The cluster's fault; may be tried again.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The unit was taken away meanwhile.
    #[error("no longer wanted")]
    NotWanted,
    /// A person must look at it.
    #[error("{0}")]
    Refused(String),
}

/// A restored unit.
pub struct Restored {
    /// The unit.
    pub unit: Unit,
    /// Whether it is still wanted: what its ticket holds.
    wanted: Arc<AtomicBool>,
    /// The state and where it goes on, or why there is none.
    pub result: Result<(Box<dyn Decider>, ResumePoint), RestoreError>,
}

/// Runs restores, a few at a time.
pub struct Restores<B: Broker> {
    shared: Arc<SharedByWorkers<B>>,
    /// The transactional id of the worker that they are for.
    own: Arc<str>,
    sender: Sender<Restored>,
    receiver: Receiver<Restored>,
    waiting: Vec<RestoreJob>,
    running: usize,
}

struct RestoreJob {
    unit: Unit,
    wanted: Arc<AtomicBool>,
}

/// A restore that was asked for; dropping it gives the restore up.
#[derive(Debug)]
pub struct Ticket(Arc<AtomicBool>);

impl Ticket {
    /// Whether it is the one by which this restore was asked for: a late one of an earlier assignment is not taken.
    pub fn is_for(&self, restored: &Restored) -> bool {
        Arc::ptr_eq(&self.0, &restored.wanted)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl<B: Broker> Restores<B> {
    /// Prepares for a worker that writes by the transactional id `own`; nothing runs yet.
    pub fn new(shared: Arc<SharedByWorkers<B>>, own: &str) -> Self {
        let (sender, receiver) = channel();
        Self { shared, own: own.into(), sender, receiver, waiting: Vec::new(), running: 0 }
    }

    /// Asks for a unit to be restored. Does not block.
    pub fn ask(&mut self, unit: Unit) -> Ticket {
        let wanted = Arc::new(AtomicBool::new(true));
        self.waiting.push(RestoreJob { unit, wanted: Arc::clone(&wanted) });
        self.start_some();
        Ticket(wanted)
    }

    /// The next restore that has ended. Does not block.
    pub fn take(&mut self) -> Option<Restored> {
        let restored = self.receiver.try_recv().ok()?;
        self.running -= 1;
        self.start_some();
        Some(restored)
    }

    fn start_some(&mut self) {
        while self.running < self.shared.settings.kafka.restores_at_once.max(1) && !self.waiting.is_empty() {
            let job = self.waiting.remove(0);
            self.running += 1;
            self.start(job);
        }
    }

    fn start(&self, job: RestoreJob) {
        let shared = Arc::clone(&self.shared);
        let (sender, own) = (self.sender.clone(), Arc::clone(&self.own));
        self.shared.broker.spawn(
            format!("restore-{}-{}", job.unit.flow.name, job.unit.partition),
            Box::new(move || {
                let mut settling = Settling::new(&*shared.broker, &shared.settings, job.unit, &own);
                let run = || restore(&shared, &mut settling, job.unit, &job.wanted);
                let restored = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_panic| {
                    Err(RestoreError::Refused(format!(
                        "folding the journal of {} panicked: report it with the log",
                        job.unit
                    )))
                });
                // Closing the reader takes a while, and so does what is left open: the unit goes on before.
                let (result, rest) = match restored {
                    Ok(RestoredState { decider, resume, journal, open }) => {
                        (Ok((decider, resume)), Some((journal, open)))
                    }
                    Err(error) => (Err(error), None),
                };
                // Nobody there to take it: the worker has ended.
                let _ = sender.send(Restored { unit: job.unit, wanted: job.wanted, result });
                if let Some((mut journal, Some((open, writer)))) = rest {
                    settling.output(&mut journal, open, &writer);
                }
            }),
        );
    }
}

/// A restore that has ended well.
struct RestoredState<J> {
    decider: Box<dyn Decider>,
    resume: ResumePoint,
    journal: J,
    /// Which output is held back by a transaction that is older than the restore, from where on, and who wrote the
    /// journal last.
    open: Option<((usize, i64), String)>,
}

/// The whole restore of one unit; goes on where it stood after a fault that may pass.
fn restore<B: Broker>(
    shared: &SharedByWorkers<B>,
    settling: &mut Settling<'_, B>,
    unit: Unit,
    wanted: &AtomicBool,
) -> Result<RestoredState<B::Journal>, RestoreError> {
    let (broker, settings) = (&*shared.broker, &*shared.settings);
    let deciders = shared.deciders(unit.flow);
    let cold = || Warm::cold(deciders.restoring(unit.partition));
    let copy = shared.standby.take(unit);
    let mut copied = copy.is_some();
    let source = if copied { RestoredFrom::Standby } else { RestoredFrom::Journal };
    let mut warm = copy.unwrap_or_else(cold);
    let mut progress = RestoreProgress::new(broker, &shared.health, unit, source);
    let mut pause = AGAIN_MIN;
    loop {
        if !wanted.load(Ordering::Acquire) {
            return Err(RestoreError::NotWanted);
        }
        let attempt = broker.journal(unit).map_err(RestoreError::from).and_then(|journal| {
            let (settling, warm, progress) = (&mut *settling, &mut warm, &mut progress);
            UnitRestore { deciders, settling, unit, wanted, journal, warm, progress }.run()
        });
        let attempt = attempt.and_then(|(committed, journal)| {
            let state = std::mem::replace(&mut warm, cold()).state;
            let writer = state.writer().map(str::to_owned);
            Ok((finish(state, unit, &committed, settings)?, journal, writer))
        });
        match attempt {
            Ok((decider, mut journal, writer)) => {
                let positions = decider.positions();
                let resume = find_resume_point(broker, &mut journal, unit, positions, settings, wanted)?;
                // Not known: readers of outputs may have to wait, nothing else.
                let open = journal.open_output().ok().flatten();
                progress.note_end(decider.entries());
                return Ok(RestoredState { decider, resume, journal, open: open.zip(writer) });
            }
            Err(RestoreError::Refused(why)) if copied => {
                log::warn!("{why}: the standby's copy is dropped, and the whole journal read");
                (warm, copied) = (cold(), false);
                progress.starts_over();
            }
            Err(RestoreError::Fault(fault)) if recovery(fault.operation, fault.class) == Recovery::Again => {
                log::warn!("{unit}: {fault}: trying again in {pause:?}");
                broker.wait(pause);
                pause = (pause * 2).min(AGAIN_MAX);
            }
            Err(error) => return Err(error),
        }
    }
}

/// The state as the journal has it, if the group agrees.
fn finish(
    state: Box<dyn Restoring>,
    unit: Unit,
    committed: &Positions,
    settings: &ClusterSettings,
) -> Result<Box<dyn Decider>, RestoreError> {
    let decider =
        state.finish().map_err(|fault| RestoreError::Refused(format!("journal of {unit}: {fault}")))?;
    compare(unit, &decider.positions(), committed, settings).map_err(RestoreError::Refused)?;
    Ok(decider)
}

struct UnitRestore<'a, 'p, 's, B: Broker> {
    deciders: &'a dyn Deciders,
    settling: &'a mut Settling<'s, B>,
    unit: Unit,
    wanted: &'a AtomicBool,
    journal: B::Journal,
    /// What was folded so far.
    warm: &'a mut Warm,
    progress: &'a mut RestoreProgress<'p, B>,
}

impl<B: Broker> UnitRestore<'_, '_, '_, B> {
    /// Folds everything there is; what the group committed then.
    fn run(mut self) -> Result<(Positions, B::Journal), RestoreError> {
        self.fold_to_the_end()?;
        let committed = loop {
            let last = self.warm.state.writer();
            let committed = self.settling.positions(&mut self.journal, last, self.wanted)?;
            let ends = self.journal.ends()?;
            if self.warm.next.is_none_or(|next| ends.high <= next) || !self.fold_to_the_end()? {
                break committed;
            }
        };
        Ok((committed, self.journal))
    }

    /// Folds everything up to the end as of now; whether any record came.
    fn fold_to_the_end(&mut self) -> Result<bool, RestoreError> {
        let ends = self.settling.journal(&mut self.journal, self.wanted)?;
        if let Some(next) = self.warm.next.filter(|next| *next < ends.start || *next > ends.high) {
            // The owner before us trimmed what we have not read, or this is another journal now.
            log::warn!(
                "{}: its journal was read up to {next}, and now reaches from {} to {}: read from its beginning",
                self.unit,
                ends.start,
                ends.high
            );
            *self.warm = Warm::cold(self.deciders.restoring(self.unit.partition));
            self.progress.starts_over();
        }
        let from = self.warm.next.unwrap_or(ends.start);
        self.warm.next = Some(from);
        if from >= ends.high {
            return Ok(false);
        }
        self.journal.read_from(from)?;
        self.progress.reads(from, ends.high);
        let mut any = false;
        let mut refused = None;
        let (warm, progress) = (&mut *self.warm, &mut *self.progress);
        loop {
            if !self.wanted.load(Ordering::Acquire) {
                return Err(RestoreError::NotWanted);
            }
            let stood = warm.next.unwrap_or(from);
            let more = self.journal.next(&mut |offset, record| {
                refused = warm.state.on_record(record).err();
                warm.next = Some(offset + 1);
                progress.note_folded(record.len(), offset + 1, || warm.state.entries());
            })?;
            if let Some(fault) = refused {
                return Err(self.misfit(stood, &fault)?);
            }
            if !more {
                break;
            }
            any = true;
        }
        // What stands between the last record and the end are markers and aborted records.
        warm.next = warm.next.max(Some(ends.high));
        Ok(any)
    }

    /// What a record that does not fit the fold means: where the journal was cut off behind us meanwhile, by a trim of the
    /// owner before us that came late, records are missing that nobody needs.
    fn misfit(&mut self, stood: i64, fault: &str) -> Result<RestoreError, RestoreError> {
        let text = format!("journal of {}: {fault}", self.unit);
        if self.journal.ends()?.start <= stood {
            return Ok(RestoreError::Refused(text));
        }
        *self.warm = Warm::cold(self.deciders.restoring(self.unit.partition));
        self.progress.starts_over();
        let text = format!("{text}: it was trimmed while it was read");
        Ok(Fault::new(Operation::Restore, FaultClass::Retriable, text).into())
    }
}

/// Where the unit goes on in its inputs; asks until the brokers have answered.
fn find_resume_point<B: Broker>(
    broker: &B,
    journal: &mut B::Journal,
    unit: Unit,
    positions: Positions,
    settings: &ClusterSettings,
    wanted: &AtomicBool,
) -> Result<ResumePoint, RestoreError> {
    if positions.are_none() {
        return Ok(ResumePoint::at(positions));
    }
    let mut behind_since = None;
    while wanted.load(Ordering::Acquire) {
        let ends = match journal.input_ends() {
            Ok(ends) => ends,
            Err(fault) if recovery(fault.operation, fault.class) == Recovery::Again => {
                log::warn!("{unit}: {fault}: trying again");
                broker.wait(ENDS_PAUSE);
                continue;
            }
            Err(fault) => return Err(fault.into()),
        };
        match resume_point(unit, positions.clone(), &ends, settings) {
            Ok(resume) => return Ok(resume),
            Err(LostInput::BehindTheEnd(text)) => {
                let now = broker.now();
                if now - *behind_since.get_or_insert(now) >= settings.kafka.socket_timeout {
                    return Err(RestoreError::Refused(text));
                }
                broker.wait(ENDS_PAUSE);
            }
            Err(LostInput::Lost(text)) => return Err(RestoreError::Refused(text)),
        }
    }
    Err(RestoreError::NotWanted)
}

/// Compares where the journal ends with what the group committed.
pub fn compare(
    unit: Unit,
    journal: &Positions,
    group: &Positions,
    settings: &ClusterSettings,
) -> Result<(), String> {
    if journal.are_none() && !group.are_none() {
        return Err(format!(
            "{unit}: group '{}' has committed offsets ({}) but topic '{}' has no journal to restore the state from: \
             bring the journal back, or delete the group's offsets to decide everything again",
            settings.kafka.group_id,
            group.words(unit.flow),
            settings.topics.of(unit.flow).journal
        ));
    }
    for (journal_position, group_position) in journal.iter().zip(group.iter()) {
        match (journal_position, group_position) {
            (None, None) => {}
            (Some(journal), Some(group)) if journal == group => {}
            (Some(_), None) => log::warn!(
                "{unit}: group '{}' has no committed offset any more; going on where the journal ends",
                settings.kafka.group_id
            ),
            _ => {
                return Err(format!(
                    "{unit}: torn: the journal ends at {}, group '{}' at {}: a transaction became visible in part; \
                     compare what the last transactions sent, then set the group's offsets to the journal's",
                    journal.words(unit.flow),
                    settings.kafka.group_id,
                    group.words(unit.flow)
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartitionId;

    type Two = [Option<i64>; 2];

    fn check(journal: Two, group: Two, expected: Result<(), &str>) {
        let settings = ClusterSettings::default();
        let unit = Unit { flow: settings.topics.flows[0].flow, partition: PartitionId::new(3) };
        let found = compare(unit, &journal.into(), &group.into(), &settings);
        match (&found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
            _ => panic!("{journal:?} {group:?}: {found:?}"),
        }
    }

    #[test]
    fn goes_on_where_journal_and_group_agree() {
        check([None, None], [None, None], Ok(()));
        check([Some(5), None], [Some(5), None], Ok(()));
        check([Some(5), Some(0)], [Some(5), Some(0)], Ok(()));
    }

    #[test]
    fn takes_the_journal_where_the_group_has_nothing() {
        check([Some(5), Some(2)], [None, None], Ok(()));
        check([Some(5), Some(2)], [Some(5), None], Ok(()));
    }

    #[test]
    fn refuses_offsets_without_a_journal() {
        check([None, None], [Some(5), None], Err("no journal"));
    }

    #[test]
    fn refuses_a_torn_state_and_says_both_sides() {
        check([Some(5), None], [Some(6), None], Err("torn: the journal ends at "));
        check([Some(5), None], [Some(6), None], Err(" 6, "));
        check([Some(5), None], [Some(5), Some(1)], Err("torn"));
    }
}
