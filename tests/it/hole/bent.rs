//! The cluster as a worker sees it, with two things that a test switches: whether the worker learns that its producer
//! was disturbed, and which of its transactions are aborted although nothing is wrong. All else is the client's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tillgate::domain::PartitionId;
use tillgate::kafka::client::Cluster;
use tillgate::kafka::failure::{Fault, FaultClass, Operation};
use tillgate::kafka::port::{
    Broker, GroupConsumer, Header, InputPartition, LetterRecord, Outbound, RulesetChange,
    TransactionalProducer, Unit,
};
use tillgate::pos::Input;

type Member = <Cluster as Broker>::Consumer;
type Inner = <Cluster as Broker>::Producer;

/// Where a transaction is aborted on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbortAt {
    /// Instead of adding the positions: its records may be under way.
    Offsets,
    /// Instead of the commit: all of it is on the broker.
    Commit,
}

#[derive(Default)]
struct Plan {
    /// Transactions begun since the plan was made.
    begun: usize,
    /// By number, from 1.
    aborts: BTreeMap<usize, AbortAt>,
    /// Positions of the open transaction.
    given: Vec<(InputPartition, i64)>,
    /// Next offset of the POS events that were committed, by partition.
    committed: BTreeMap<PartitionId, i64>,
}

/// How the producers of a worker behave, and how far it came.
pub struct Conduct {
    /// Whether the worker is told that a producer was disturbed: the defence, which the naive loop lacks.
    defended: bool,
    plan: Mutex<Plan>,
}

impl Conduct {
    pub fn new(defended: bool) -> Self {
        Conduct { defended, plan: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().expect("the lock")
    }

    /// The transactions from now on that are aborted on purpose, by number from 1.
    pub fn abort(&self, aborts: &BTreeMap<usize, AbortAt>) {
        let mut plan = self.lock();
        plan.begun = 0;
        plan.aborts = aborts.clone();
    }

    /// Where the worker's last commit of a partition that it was told of ended.
    pub fn committed(&self, partition: PartitionId) -> Option<i64> {
        self.lock().committed.get(&partition).copied()
    }

    fn on_purpose(&self, at: AbortAt) -> Result<(), Fault> {
        let mut plan = self.lock();
        let number = plan.begun;
        match plan.aborts.get(&number) {
            Some(found) if *found == at => {
                plan.aborts.remove(&number);
                Err(Fault::new(Operation::Flush, FaultClass::NeedsAbort, "aborted on purpose"))
            }
            _ => Ok(()),
        }
    }
}

/// The cluster.
pub struct Bent {
    pub cluster: Cluster,
    pub conduct: Arc<Conduct>,
}

impl Broker for Bent {
    type Consumer = Member;
    type Producer = Producer;
    type Journal = <Cluster as Broker>::Journal;
    type Follower = <Cluster as Broker>::Follower;

    fn consumer(&self, worker: usize) -> Result<Member, Fault> {
        self.cluster.consumer(worker)
    }

    fn producer(&self, transactional_id: &str) -> Result<Producer, Fault> {
        let inner = self.cluster.producer(transactional_id)?;
        Ok(Producer { inner, conduct: Arc::clone(&self.conduct) })
    }

    fn journal(&self, unit: Unit) -> Result<Self::Journal, Fault> {
        self.cluster.journal(unit)
    }

    fn follower(&self) -> Result<Self::Follower, Fault> {
        self.cluster.follower()
    }

    fn journal_end(&self, unit: Unit) -> Result<i64, Fault> {
        self.cluster.journal_end(unit)
    }

    fn trim_journal(&self, unit: Unit, before: i64) {
        self.cluster.trim_journal(unit, before);
    }

    fn tick(&self, unit: Unit, value: &[u8]) -> Result<(), Fault> {
        self.cluster.tick(unit, value)
    }

    fn wall_millis(&self) -> i64 {
        self.cluster.wall_millis()
    }

    fn now(&self) -> Duration {
        self.cluster.now()
    }

    fn wait(&self, time: Duration) {
        self.cluster.wait(time);
    }

    fn spawn(&self, name: String, job: Box<dyn FnOnce() + Send>) {
        self.cluster.spawn(name, job);
    }
}

/// A producer of the client, and what is switched.
pub struct Producer {
    inner: Inner,
    conduct: Arc<Conduct>,
}

impl TransactionalProducer<Member> for Producer {
    fn begin(&self) -> Result<(), Fault> {
        self.inner.begin()?;
        let mut plan = self.conduct.lock();
        plan.begun += 1;
        plan.given.clear();
        Ok(())
    }

    fn send(&self, unit: Unit, outbound: &Outbound<'_>) -> Result<(), Fault> {
        self.inner.send(unit, outbound)
    }

    fn dead_letter(
        &self,
        record: &<Member as GroupConsumer>::Record<'_>,
        kept: LetterRecord,
        headers: &[Header<'_>],
    ) -> Result<(), Fault> {
        self.inner.dead_letter(record, kept, headers)
    }

    fn journal(&self, unit: Unit, record: &[u8]) -> Result<(), Fault> {
        self.inner.journal(unit, record)
    }

    fn ruleset_change(&self, unit: Unit, change: &RulesetChange) -> Result<(), Fault> {
        self.inner.ruleset_change(unit, change)
    }

    fn offsets(
        &self,
        positions: &[(InputPartition, i64)],
        membership: &<Member as GroupConsumer>::Membership,
    ) -> Result<(), Fault> {
        self.conduct.on_purpose(AbortAt::Offsets)?;
        self.inner.offsets(positions, membership)?;
        self.conduct.lock().given = positions.to_vec();
        Ok(())
    }

    fn flush(&self) -> Result<(), Fault> {
        self.inner.flush()?;
        self.conduct.on_purpose(AbortAt::Commit)
    }

    fn commit(&self) -> Result<(), Fault> {
        self.inner.commit()?;
        let mut plan = self.conduct.lock();
        for (at, position) in std::mem::take(&mut plan.given) {
            if at.input == Input::PosEvents as usize {
                plan.committed.insert(at.unit.partition, position);
            }
        }
        Ok(())
    }

    fn abort(&self) -> Result<(), Fault> {
        self.inner.abort()
    }

    fn disturbed(&self) -> bool {
        self.conduct.defended && self.inner.disturbed()
    }
}
