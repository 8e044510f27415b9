//! Whether the inputs still have the partitions for which the state was written. Where they have more, keys belong to
//! other partitions than the state of their accounts, and nothing may be decided before the state has followed.
//!
//! At the start the last record of every journal says for how many it was written. While workers run, two signs are
//! looked for, and asking at intervals is not needed: a partition is assigned that was not there at the start; or a
//! record comes whose key does not belong on its partition among as many as there were, which every first event of a
//! moved key is. Such a record alone is no proof, since a sender may divide keys up in its own way, so the broker is
//! asked then, and the batch waits: only an answer to a question that was asked after the record had come says whether
//! the inputs had grown when it was sent. Where they had not, it is answered as misplaced. However many such records
//! come, there are ten questions a second, and each answers for all batches that were there when it was asked.

use crate::domain::PartitionId;
use crate::domain::flow::{Flow, Unit};
use crate::kafka::client::Cluster;
use crate::kafka::failure::Fault;
use crate::kafka::locked::locked;
use crate::kafka::port::Broker;
use crate::kafka::transaction::retry;
use crate::pipeline::{Deciders, Division};
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// How often the broker is asked at most while records come whose keys belong elsewhere. A batch waits for so long and an
/// answer.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// How long the first such record waits for a second answer: brokers learn of new partitions one after another.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Without such a record for so long, the next one counts as the first again.
const QUIET: Duration = Duration::from_secs(60);

/// How long the journals are asked for again at the start: a broker may be away, and another take over from it.
const VERIFY_FOR: Duration = Duration::from_secs(60);

/// What a process knows of it, by flow; shared by its workers.
#[derive(Debug)]
pub struct Layout(BTreeMap<&'static Flow, FlowLayout>);

#[derive(Debug)]
struct FlowLayout {
    flow: &'static Flow,
    /// As of the start; where the number is not known, nothing is looked for.
    division: Division,
    /// When the last question was asked that has an answer.
    asked: Mutex<Option<Duration>>,
    grown: OnceLock<String>,
}

impl Layout {
    /// Keys belonged on partitions like this at the start.
    #[must_use]
    pub fn new(flows: impl IntoIterator<Item = (&'static Flow, Division)>) -> Self {
        let of = |(flow, division)| {
            (flow, FlowLayout { flow, division, asked: Mutex::new(None), grown: OnceLock::new() })
        };
        Self(flows.into_iter().map(of).collect())
    }

    /// Why nothing of a flow may be decided any more, in words, with what to do.
    #[must_use]
    pub fn why_stopped(&self, flow: &Flow) -> Option<&str> {
        self.0.get(flow)?.grown.get().map(String::as_str)
    }

    /// Whether a record with this key belongs to this unit, as far as can be told.
    #[must_use]
    pub fn is_home(&self, unit: Unit, key: Option<&[u8]>) -> bool {
        // Senders put records without a key, or with an empty one, anywhere.
        let Some(key) = key.filter(|key| !key.is_empty()) else { return true };
        let Some(FlowLayout { division, .. }) = self.0.get(unit.flow) else { return true };
        let Division { partitioner, partitions } = *division;
        partitions == 0 || partitioner.is_home(key, unit.partition, partitions)
    }

    /// Notes the units that the group gave to a worker.
    pub fn owns<B: Broker>(&self, units: impl Iterator<Item = Unit>, broker: &B) {
        for unit in units {
            let Some(of) = self.0.get(unit.flow) else { continue };
            let count = u32::try_from(unit.partition.number()).unwrap_or(0).saturating_add(1);
            if of.division.partitions > 0 && count > of.division.partitions && of.grown.get().is_none() {
                // There are at least as many, whatever a broker knows by now.
                of.note(broker.input_partitions(unit.flow).unwrap_or(0).max(count));
            }
        }
    }

    /// Asks whether the inputs of a flow have grown, since a record has come whose key belongs elsewhere. `came`: when the
    /// last record of its batch had.
    ///
    /// # Errors
    /// The broker cannot be asked, so the batch must not be decided now.
    pub fn look<B: Broker>(&self, flow: &Flow, broker: &B, came: Duration) -> Result<(), Fault> {
        self.0.get(flow).map_or(Ok(()), |of| of.look(broker, came))
    }
}

impl FlowLayout {
    fn look<B: Broker>(&self, broker: &B, came: Duration) -> Result<(), Fault> {
        // Not held while the broker is asked: another worker may ask as well then.
        let asked = *locked(&self.asked);
        if asked.is_some_and(|asked| asked >= came) || self.grown.get().is_some() {
            return Ok(());
        }
        let first = asked.is_none_or(|asked| came >= asked + QUIET);
        let due = asked.unwrap_or_default() + ASK_EVERY;
        if let Some(early) = due.checked_sub(broker.now()).filter(|_| !first) {
            broker.wait(early);
        }
        let mut at = broker.now();
        self.note(broker.input_partitions(self.flow)?);
        if first && self.grown.get().is_none() {
            broker.wait(ASK_AGAIN_AFTER);
            at = broker.now();
            self.note(broker.input_partitions(self.flow)?);
        }
        let mut asked = locked(&self.asked);
        *asked = (*asked).max(Some(at));
        Ok(())
    }

    fn note(&self, now: u32) {
        let before = self.division.partitions;
        if now <= before {
            return;
        }
        let said = self.grown.set(format!(
            "the inputs had {before} partitions when this process started and have {now} now: keys have moved away \
             from the state of their {}, so nothing is decided any more: stop the senders and every tillgate, \
             then `tillgate topics repartition --partitions {now}` (see \"More partitions\" in docs/operations.md)",
            self.flow.entries
        ));
        if said.is_ok()
            && let Some(why) = self.grown.get()
        {
            log::error!("{why}");
        }
    }
}

/// Whether the journals were written for the `partitions` that the inputs have now, before a worker starts.
///
/// # Errors
/// The first journal that was not, with what to do; or the journals cannot be read.
pub fn verify(cluster: &Cluster, deciders: &dyn Deciders, partitions: u32) -> Result<(), Fault> {
    let (flow, all) = (deciders.flow(), PartitionId::all(partitions).collect::<Vec<_>>());
    let records = retry(cluster, VERIFY_FOR, || cluster.last_journal_records(flow, &all))?;
    for record in records.iter().flatten() {
        deciders.check_last(record).map_err(Fault::setup)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::flow::TWO as FLOW;
    use crate::domain::partitioner::Partitioner;

    fn layout(partitions: u32) -> Layout {
        Layout::new([(&FLOW, Division { partitioner: Partitioner::Murmur2, partitions })])
    }

    fn at(partition: i32) -> Unit {
        Unit { flow: &FLOW, partition: partition.into() }
    }

    #[test]
    fn knows_a_key_that_belongs_elsewhere_once_the_number_is_known() {
        let key = b"21".as_slice();
        let home = Partitioner::Murmur2.partition_of(key, 4).number();
        assert!(layout(4).is_home(at(home), Some(key)));
        assert!(!layout(4).is_home(at((home + 1) % 4), Some(key)));
        assert!(layout(4).is_home(at(3), None) && layout(4).is_home(at(3), Some(b"")));
        assert!(layout(0).is_home(at(99), Some(key)));
    }

    #[test]
    fn names_both_numbers_and_the_way_out_and_keeps_to_them() {
        let layout = layout(4);
        let of = &layout.0[&FLOW];
        of.note(4);
        assert_eq!(layout.why_stopped(&FLOW), None);
        of.note(6);
        of.note(8);
        let why = layout.why_stopped(&FLOW).expect("it has grown");
        for part in ["had 4 partitions", "have 6 now", "tillgate topics repartition --partitions 6"] {
            assert!(why.contains(part), "{why}");
        }
    }
}
