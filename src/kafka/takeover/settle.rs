//! Ends what a former owner left open, so that nobody waits until the broker gives up on it: its records hold back the
//! stable end of a journal and of outputs, its positions those of the group.
//!
//! Who holds them is known, because a worker sends positions of a unit only once the journal names it there
//! (`worker`): by an uncommitted record, or by the last committed one. Fencing costs a writer that lives its worker, which
//! is rebuilt, and nothing else. So it is done only where the broker says that something has been held for
//! `stuck_after`, and once for the same. Our own transactions end by themselves.

use super::restore::RestoreError;
use crate::domain::flow::{Positions, Unit};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::port::{Broker, JournalEnds, JournalReader};
use crate::kafka::settings::ClusterSettings;
use crate::kafka::transaction::retry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often it is looked whether something is still held.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Settles what is open on one unit.
pub struct Settling<'a, B> {
    broker: &'a B,
    settings: &'a ClusterSettings,
    unit: Unit,
    /// The transactional id that whoever restores writes by.
    own: &'a str,
    /// Where in the journal the transaction began whose writer was fenced last.
    open: Option<i64>,
    /// Fenced because of positions.
    fenced: Option<String>,
}

impl<'a, B: Broker> Settling<'a, B> {
    /// Nothing is asked yet.
    pub fn new(broker: &'a B, settings: &'a ClusterSettings, unit: Unit, own: &'a str) -> Self {
        Self { broker, settings, unit, own, open: None, fenced: None }
    }

    /// Waits until no transaction is open on the journal; fences a writer that holds one.
    ///
    /// # Errors
    /// The cluster's fault, or the partition is no longer `wanted`.
    pub fn journal(
        &mut self,
        journal: &mut B::Journal,
        wanted: &AtomicBool,
    ) -> Result<JournalEnds, RestoreError> {
        // Where it is held, and when that is for too long.
        let mut held: Option<(i64, Duration)> = None;
        loop {
            check_wanted(wanted)?;
            let ends = journal.ends()?;
            if ends.stable >= ends.high {
                return Ok(ends);
            }
            let now = self.broker.now();
            match held {
                Some((stable, until)) if stable == ends.stable => {
                    // An ended transaction's marker takes a few milliseconds; this one does not move.
                    if now >= until {
                        let pause = self.end(journal, stable)?;
                        held = Some((stable, self.broker.now() + pause));
                    }
                }
                _ => held = Some((ends.stable, now + self.settings.kafka.stuck_after)),
            }
            self.broker.wait(LOOK_AGAIN);
        }
    }

    /// Fences the writer of the transaction that is open from offset `stable` of the journal on, once; how long to wait
    /// for what comes of it.
    fn end(&mut self, journal: &mut B::Journal, stable: i64) -> Result<Duration, RestoreError> {
        if self.open == Some(stable) {
            let unit = self.unit;
            log::error!(
                "{unit}: a transaction is open from offset {stable} of its journal on, and does not end \
                 though its writer was fenced: if it stays so, the brokers have lost track of it; see 'A transaction that \
                 never ends' in docs/operations.md"
            );
            return Ok(self.settings.kafka.transaction_timeout);
        }
        let writer = journal.open_writer(stable)?;
        if !self.fence(writer.as_deref(), "an open transaction holds its journal")? {
            return Ok(self.settings.kafka.stuck_after);
        }
        // Fenced again, whoever lives under that name would pay for a transaction that is not its own.
        self.open = Some(stable);
        Ok(self.settings.kafka.transaction_timeout)
    }

    /// The group's positions, once no transaction holds any; fences the writer of the journal's last record, where it
    /// does: one that died after its positions and before its journal record.
    ///
    /// # Errors
    /// As [`Self::journal`].
    pub fn positions(
        &mut self,
        journal: &mut B::Journal,
        last: Option<&str>,
        wanted: &AtomicBool,
    ) -> Result<Positions, RestoreError> {
        loop {
            check_wanted(wanted)?;
            let patience = self.settings.kafka.transaction_timeout * 2;
            let asked = retry(self.broker, patience, || journal.committed(self.settings.kafka.stuck_after))?;
            if let Some(positions) = asked {
                return Ok(positions);
            }
            let known = last.filter(|writer| self.fenced.as_deref() != Some(*writer));
            if self.fence(known, "an open transaction holds its positions")? {
                self.fenced = last.map(str::to_owned);
            }
        }
    }

    /// Ends a transaction that has held back an output from an offset on since before the restore: readers of
    /// committed records wait for it, deciding does not. `last`: the journal's last writer before us.
    pub fn output(&self, journal: &mut B::Journal, open: (usize, i64), last: &str) {
        let begun = self.broker.now();
        while self.broker.now() - begun < self.settings.kafka.stuck_after {
            self.broker.wait(LOOK_AGAIN);
            if journal.open_output().is_ok_and(|now| now != Some(open)) {
                return;
            }
        }
        if let Err(error) = self.fence(Some(last), "an open transaction holds an output") {
            log::warn!("{}: {error}", self.unit);
        }
    }

    /// Fences a writer; where it is not known, or is ourselves, time must help. Whether it did.
    fn fence(&self, writer: Option<&str>, what: &str) -> Result<bool, RestoreError> {
        let unit = self.unit;
        let Some(writer) = writer.filter(|writer| *writer != self.own) else {
            let whose = if writer.is_some() { "our own" } else { "its writer is not known" };
            log::warn!("{unit}: {what}: {whose}: waiting until it ends");
            self.broker.wait(self.settings.kafka.stuck_after);
            return Ok(false);
        };
        log::warn!("{unit}: {what}: fencing {writer}");
        // Somebody else may be at it too: whoever is fenced meanwhile looks again.
        let fenced = self.broker.producer(writer).map(|_producer| true);
        fenced.map_err(|fault| match fault.class {
            FaultClass::Setup => fault.into(),
            _ => Fault::new(Operation::Restore, FaultClass::Retriable, fault.to_string()).into(),
        })
    }
}

fn check_wanted(wanted: &AtomicBool) -> Result<(), RestoreError> {
    if wanted.load(Ordering::Acquire) { Ok(()) } else { Err(RestoreError::NotWanted) }
}
