//! More partitions for the inputs, in place, with the state of every account following its key. Offline: nothing is
//! decided meanwhile.
//!
//! Before anything is changed: the group has no member, every input record that is not decided yet stands where its key
//! belongs among the new number, and every account stands where its key belongs, or is named to be dropped. Then the topics grow, and one transaction makes void all journals and writes the
//! complete state of each new partition. Until it is committed nothing has changed but the number of partitions, which
//! makes every `run` refuse; after it, all is done. So a repartition that was killed at any step is run again, and goes on
//! from what it finds.

mod owner;
mod plan;
mod state;
mod stray;

use self::owner::Owner;
pub use self::plan::RepartitionPlan;
use self::plan::{FoundLayout, next_heads, of_inputs};
pub use self::state::Written;
use self::state::{Writing, fold, settle};
pub use self::stray::{Dropped, Stray, Strays};
use super::plan_row::PlanAction;
use super::rights::{self, Task};
use crate::codec::journal::{Head, read_record};
use crate::config::Secret;
use crate::domain::PartitionId;
use crate::domain::flow::Flow;
use crate::kafka::client::{Cluster, Isolation, Span};
use crate::kafka::failure::Fault;
use crate::kafka::port::{Broker, InputPartition, JournalReader, Positions, Unit};
use crate::kafka::settings::{ClusterSettings, FlowTopics};
use crate::kafka::takeover::restore::compare;
use crate::kafka::transaction::{TransactionEnd, Transactions, retry};
use crate::pipeline::{Deciders, Division, Folded};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The name of the process that does it, in client and transactional ids: the same each time, so that the next one ends
/// what a killed one left open.
const INSTANCE: &str = "repartition";
/// How often the group is asked whether its members have left.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How long a question is asked again that is not answered in time.
const ASK_FOR: Duration = Duration::from_secs(30);
/// How long grown topics may take to be known everywhere.
const GROWN_WITHIN: Duration = Duration::from_secs(60);

/// How it is done.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose topics.
    pub flow: &'static Flow,
    /// How many partitions there shall be.
    pub to: u32,
    /// How long members of the group are waited for.
    pub wait: Duration,
    /// How long the transaction may take.
    pub transaction_timeout: Duration,
    /// Longest journal record, bytes.
    pub record_bytes_max: usize,
    /// Go past records that would be left behind, instead of refusing, where the inputs have grown before.
    pub pass_over: bool,
    /// Entries that may be left out where they are not where they belong.
    pub dropped: Dropped,
    /// Where the others that are not are listed, for what is said.
    pub list: PathBuf,
}

/// Takes an entry that stands elsewhere than its key belongs, and is not named to be dropped.
pub type Tell<'t> = dyn FnMut(&Stray<'_>) -> Result<(), Fault> + 't;

/// Records that are never decided where they stand, because some of them would be left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Which input and partition.
    pub at: InputPartition,
    /// The first that is not decided.
    pub begin: i64,
    /// The first that is decided again.
    pub end: i64,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The group has members that are waited for.
    Members,
    /// Waiting for the group to give all partitions.
    Joining,
    /// Journals are read, to see whether every entry stands where its key belongs.
    Looking {
        /// Journal offsets that are read.
        read: i64,
        /// How many there are.
        of: i64,
    },
    /// The topics have grown.
    Grown,
    /// Journals are read and written again.
    Folding {
        /// Journal offsets that are read.
        read: i64,
        /// How many there are.
        of: i64,
    },
    /// Everything is written; the transaction is ended.
    Committing,
    /// The state is in its new place.
    Committed,
}

/// A repartition of the topics of one flow.
pub struct Repartition {
    cluster: Arc<Cluster>,
    settings: Arc<ClusterSettings>,
    request: Request,
    found: FoundLayout,
    plan: RepartitionPlan,
    /// Whether the inputs had more partitions already than the state is written for: only then can there be records
    /// that nobody may decide where they stand.
    grown_before: bool,
}

impl Repartition {
    /// Looks at the topics and journals, and plans. Changes nothing.
    ///
    /// # Errors
    /// The cluster cannot be reached, topics are missing, or it cannot be done.
    pub fn plan(settings: &ClusterSettings, request: Request) -> Result<Self, Fault> {
        let mut own = settings.clone();
        (own.instance, own.kafka.group_instance_id) = (INSTANCE.to_owned(), None);
        (own.kafka.workers, own.kafka.transaction_timeout) = (1, request.transaction_timeout);
        // The member must learn of new partitions soon.
        let refresh = own.kafka.librdkafka.entry("topic.metadata.refresh.interval.ms".to_owned());
        refresh.or_insert_with(|| Secret::new("1000".to_owned()));
        let settings = Arc::new(own);
        let cluster = Arc::new(Cluster::new(Arc::clone(&settings))?);
        rights::verify(&cluster, &settings, Task::Repartition)?;
        let found = look(&cluster, &settings, request.flow)?;
        let topics = settings.topics.of(request.flow);
        let plan =
            plan::plan(topics, &found, request.to, !request.dropped.is_empty()).map_err(Fault::setup)?;
        let grown_before = plan.from.is_some_and(|from| found.inputs.iter().any(|count| *count > from));
        Ok(Self { cluster, settings, request, found, plan, grown_before })
    }

    /// What has to be done.
    #[must_use]
    pub fn planned(&self) -> &RepartitionPlan {
        &self.plan
    }

    /// Whether it could be done now, as far as can be told without joining the group, and what it would go past. Changes
    /// nothing. Where there is nothing to do, entries are looked at all the same, unless somebody decides. `deciders` makes
    /// states as they are: for the number of partitions they were written for.
    ///
    /// # Errors
    /// What stands in the way, with what to do.
    pub fn check(
        &self,
        deciders: impl FnOnce(u32) -> Arc<dyn Deciders>,
        tell: &mut Tell<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<PassedOver>, Fault> {
        let idle = self.plan.due() == 0;
        match self.has_members()? {
            true if idle => return Ok(Vec::new()),
            true => return Err(self.members_stay()),
            false => {}
        }
        let passed = if idle { Vec::new() } else { self.left_behind(&self.found.heads)? };
        if let Some(from) = self.plan.from {
            self.strays(&*deciders(from), &mut || Ok(()), tell, progress)?;
        }
        Ok(passed)
    }

    /// Does it. `deciders` makes states as they are: for the number of partitions they were written for.
    ///
    /// # Errors
    /// What stands in the way or goes wrong, with what to do. It can always be run again.
    pub fn carry_out(
        mut self,
        deciders: impl FnOnce(u32) -> Arc<dyn Deciders>,
        tell: &mut Tell<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Written, Fault> {
        if self.plan.due() == 0 {
            self.cut_off_what_is_void();
            return Ok(Written::default());
        }
        let cluster = Arc::clone(&self.cluster);
        // First: what a killed one left open would hold journals and positions back.
        let mut transactions = Transactions::start(
            Arc::clone(&cluster),
            self.settings.transactional_id(0),
            self.settings.kafka.transaction_timeout,
        )
        .map_err(|fault| Fault { text: format!("{}: {SHORTER}", fault.text), ..fault })?;
        self.await_no_members(progress)?;
        progress(Progress::Joining);
        let mut owner = Owner::join(&*cluster)?;
        let all = self.found.all(self.request.flow);
        owner.await_all(&*cluster, &all)?;
        self.left_behind(&self.found.heads)?;
        let (flow, deciders) = (self.request.flow, self.plan.from.map(deciders));
        if let Some(deciders) = &deciders {
            let mut stay = || owner.stay(&all);
            settle(&cluster, &self.settings, flow, deciders.division().partitions, &mut stay)?;
            // Nobody else decides any more, and nothing is under way: as they are now, the journals stay.
            self.found = look(&cluster, &self.settings, flow)?;
            let strays = self.strays(&**deciders, &mut stay, tell, progress)?;
            if self.plan.from == Some(self.plan.to) && strays.dropped == 0 {
                // Nothing that was named is there.
                return Ok(Written::default());
            }
        }
        self.grow()?;
        progress(Progress::Grown);
        let Some(deciders) = deciders.filter(|_| self.plan.moves()) else {
            return Ok(Written::default());
        };
        self.found.inputs.fill(self.plan.to);
        owner.await_all(&*cluster, &self.found.all(flow))?;
        self.found = look(&cluster, &self.settings, flow)?;
        let offsets = self.offsets(deciders.division().partitions)?;
        // Its client learns of new partitions in its own time, and refuses to write to them before.
        transactions.replace()?;
        let folding = &mut |read| progress(Progress::Folding { read, of: offsets });
        let written = self.write(&mut transactions, &mut owner, &*deciders, folding)?;
        progress(Progress::Committing);
        // As a member that owns everything: the broker refuses the transaction if it is one no more.
        let (positions, written) = written;
        match transactions.finish(owner.member(), &positions, true)? {
            TransactionEnd::Committed => {}
            TransactionEnd::Aborted(fault) => return Err(fault),
        }
        progress(Progress::Committed);
        drop(owner);
        self.cut_off_what_is_void();
        Ok(written)
    }

    /// Begins the transaction and writes the state; the positions that belong into it.
    fn write(
        &self,
        transactions: &mut Transactions<Cluster>,
        owner: &mut Owner<Cluster>,
        deciders: &dyn Deciders,
        progress: &mut dyn FnMut(i64),
    ) -> Result<(Vec<(InputPartition, i64)>, Written), Fault> {
        let (cluster, flow, to) = (&*self.cluster, self.request.flow, self.plan.to);
        let Division { partitioner, partitions: from } = deciders.division();
        let heads = self.found.heads.get(..from as usize).unwrap_or(&self.found.heads);
        self.not_torn(heads)?;
        let passed = self.left_behind(heads)?;
        let mut next = next_heads(flow, heads, from, to, partitioner);
        next.iter_mut().for_each(|head| transactions.writer().clone_into(&mut head.writer));
        for PassedOver { at, end, .. } in &passed {
            if let Some(head) = next.get_mut(at.unit.partition.index()) {
                head.positions[at.input] = Some(*end);
            }
        }
        let positions = positions(flow, &next);
        transactions.begin()?;
        let mut writing = Writing::<Cluster>::new(
            transactions.producer(),
            flow,
            next,
            Division { partitioner, partitions: to },
            &self.request.dropped,
            self.request.record_bytes_max,
        );
        let take = &mut |state: &dyn Folded, answer: &mut dyn FnMut() -> Result<(), Fault>| {
            writing.partition(state, answer)
        };
        let (at_once, all) = (self.settings.kafka.restores_at_once, self.found.all(flow));
        let mut stay = || owner.stay(&all);
        let written = fold(cluster, deciders, at_once, heads, take, &mut stay, progress)
            .and_then(|()| writing.finish())
            .and_then(|written| owner.stay(&all).map(|()| written));
        match written {
            Ok(written) => Ok((positions, Written { passed, ..written })),
            Err(fault) => {
                // What went wrong first counts; the next one of this name ends what stays open.
                if let Err(also) = transactions.abort() {
                    log::warn!("{also}");
                }
                Err(fault)
            }
        }
    }

    /// Folds all journals, and looks whether each entry stands where its key belongs: refused where one does not that is
    /// not named to be dropped.
    fn strays(
        &self,
        deciders: &dyn Deciders,
        answer: &mut dyn FnMut() -> Result<(), Fault>,
        tell: &mut Tell<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Strays, Fault> {
        let division = deciders.division();
        let heads = self.found.heads.get(..division.partitions as usize).unwrap_or(&self.found.heads);
        let (of, mut strays) = (self.offsets(division.partitions)?, Strays::default());
        let mut take = |state: &dyn Folded, answer: &mut dyn FnMut() -> Result<(), Fault>| {
            for stray in stray::of(state, division) {
                answer()?;
                if self.request.dropped.has(&stray) {
                    strays.dropped += 1;
                } else {
                    strays.kept += 1;
                    strays.fit_other += u64::from(stray.at.fits_other);
                    tell(&stray)?;
                }
            }
            Ok(())
        };
        let at_once = self.settings.kafka.restores_at_once;
        let progress = &mut |read| progress(Progress::Looking { read, of });
        fold(&*self.cluster, deciders, at_once, heads, &mut take, answer, progress)?;
        if strays.kept == 0 {
            return Ok(strays);
        }
        Err(self.stray(strays, division))
    }

    fn stray(
        &self,
        Strays { kept, fit_other, .. }: Strays,
        Division { partitioner, partitions }: Division,
    ) -> Fault {
        let other = partitioner.other().name();
        let mend = if fit_other * 2 > kept {
            format!(
                "{fit_other} of them do by \"{other}\": if the senders divide keys up so, set topics.partitioner = \
                 \"{other}\" and run this again; otherwise "
            )
        } else {
            String::new()
        };
        Fault::setup(format!(
            "{kept} {} stand on partitions where they do not belong among {partitions} by topics.partitioner = \"{}\"; \
             {} lists them: {mend}look at what they hold, and leave out those that may go with --drop FILE (see \"Keys on \
             the wrong partition\" in docs/operations.md); nothing was changed",
            self.request.flow.entries,
            partitioner.name(),
            self.request.list.display()
        ))
    }

    fn topics(&self) -> &FlowTopics {
        self.settings.topics.of(self.request.flow)
    }

    /// How many offsets the first `partitions` journals have.
    fn offsets(&self, partitions: u32) -> Result<i64, Fault> {
        let journal = &self.topics().journal;
        PartitionId::all(partitions).try_fold(0, |sum, partition| {
            let ends = self.ask(|| self.cluster.ends(journal, partition))?;
            Ok(sum + ends.stable - ends.start)
        })
    }

    /// Refuses where journals and group disagree, as a restore does.
    fn not_torn(&self, heads: &[Option<Head>]) -> Result<(), Fault> {
        for (partition, head) in PartitionId::all(heads.len()).zip(heads) {
            let unit = Unit { flow: self.request.flow, partition };
            let nothing = Positions::none(unit.flow);
            let journal = head.as_ref().map_or(&nothing, |head| &head.positions);
            let group = self.ask(|| self.cluster.group_positions(unit))?;
            compare(unit, journal, &group, &self.settings).map_err(Fault::setup)?;
        }
        Ok(())
    }

    fn await_no_members(&self, progress: &mut dyn FnMut(Progress)) -> Result<(), Fault> {
        let begun = self.cluster.now();
        while self.has_members()? {
            if self.cluster.now() - begun >= self.request.wait {
                return Err(self.members_stay());
            }
            progress(Progress::Members);
            self.cluster.wait(ASK_EVERY);
        }
        Ok(())
    }

    fn has_members(&self) -> Result<bool, Fault> {
        for partition in PartitionId::all(self.found.heads.len()) {
            let unit = Unit { flow: self.request.flow, partition };
            let positions = self.ask(|| self.cluster.group_positions(unit))?;
            for (at, position) in unit.inputs().zip(positions.iter()) {
                if let Some(position) = position {
                    return self.cluster.group_has_members(at, position);
                }
            }
        }
        // It has never committed anything.
        Ok(false)
    }

    /// Asks the cluster, again where it does not answer in time.
    fn ask<T>(&self, question: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        retry(&*self.cluster, ASK_FOR, question)
    }

    fn members_stay(&self) -> Fault {
        Fault::setup(format!(
            "the group '{}' has members: let tillgate decide what there is, stop every process, and run this again (one \
             that was killed, or has a name, counts until its session runs out: --wait waits for that)",
            self.settings.kafka.group_id
        ))
    }

    /// The partitions on which a record that is not decided would be left behind, because its account leaves them:
    /// refused unless they are to be passed over.
    fn left_behind(&self, heads: &[Option<Head>]) -> Result<Vec<PassedOver>, Fault> {
        let (to, mut passed) = (self.plan.to, Vec::new());
        let mut dump = self.cluster.dump(Isolation::Committed)?;
        for at in of_inputs(self.request.flow, &self.found.inputs) {
            let partition = at.unit.partition;
            let positions = match heads.get(partition.index()).and_then(Option::as_ref) {
                Some(head) => head.positions.clone(),
                None => self.ask(|| self.cluster.group_positions(at.unit))?,
            };
            let topic = self.settings.topics.input(at);
            let ends = self.ask(|| self.cluster.ends(topic, partition))?;
            if ends.stable < ends.high {
                return Err(Fault::setup(format!(
                    "topic {topic} partition {} has an open transaction of a sender from offset {} on, and nobody knows what it \
                     holds: stop the senders, and wait until it has ended",
                    partition, ends.stable
                )));
            }
            let begin = positions[at.input].unwrap_or(ends.start).max(ends.start);
            dump.read(Span { topic: topic.to_owned(), partition, begin, end: ends.stable })?;
            // A tick stays with its partition.
            let leaves =
                |key: &[u8]| !at.is_numbered() && !self.settings.partitioner.is_home(key, partition, to);
            while let Some(left) =
                dump.next(|record| record.key.is_some_and(leaves).then_some(record.offset))?
            {
                match left {
                    Some(offset) if !(self.request.pass_over && self.grown_before) => {
                        return Err(self.refused_for(topic, partition, offset));
                    }
                    Some(_) => {
                        passed.push(PassedOver { at, begin, end: ends.stable });
                        break;
                    }
                    None => {}
                }
            }
        }
        Ok(passed)
    }

    fn refused_for(&self, topic: &str, partition: PartitionId, offset: i64) -> Fault {
        let remedy = if self.grown_before {
            "it was sent before its sender learnt of the new partitions: see \"More partitions\" in docs/operations.md"
        } else {
            "stop the senders, let tillgate decide what there is (consumer lag 0), stop it, and run this again"
        };
        Fault::setup(format!(
            "topic {topic} partition {partition} has a record at offset {offset} that is not decided, and whose {} belongs to \
             another partition among {}: {remedy}",
            self.request.flow.key, self.plan.to
        ))
    }

    /// Adds partitions as planned, and waits until every topic has them.
    fn grow(&self) -> Result<(), Fault> {
        let admin = self.cluster.admin();
        let due: Vec<&str> = self
            .plan
            .rows
            .iter()
            .filter(|row| row.action == PlanAction::Grow)
            .map(|row| row.topic.as_str())
            .collect();
        for topic in &due {
            admin.grow(topic, self.plan.to as usize)?;
        }
        let begun = self.cluster.now();
        let last = PartitionId::all(self.plan.to).next_back();
        loop {
            let found = admin.topics(&due, false)?;
            // Known to the cluster, and to our own clients, which ask only now and then.
            let shows = |topic: &&str| {
                found.get(*topic).is_some_and(|topic| topic.partitions >= self.plan.to as usize)
                    && last.is_none_or(|last| self.cluster.ends(topic, last).is_ok())
            };
            if due.iter().all(shows) {
                return Ok(());
            }
            if self.cluster.now() - begun > GROWN_WITHIN {
                return Err(Fault::setup("the new partitions do not show: run this again"));
            }
            self.cluster.wait(ASK_EVERY);
        }
    }

    /// Deletes what stands before the state that was written again. Left alone it would be deleted with the next
    /// checkpoint rotation, so a fault is only told.
    fn cut_off_what_is_void(&self) {
        for partition in PartitionId::all(self.plan.to) {
            match self.reset_at(partition) {
                Ok(Some(offset)) => {
                    let unit = Unit { flow: self.request.flow, partition };
                    if let Err(fault) = self.cluster.cut_journal(unit, offset) {
                        log::warn!("journal partition {partition}: {fault}: cut off with the next rotation");
                    }
                }
                Ok(None) => {}
                Err(fault) => log::warn!("journal partition {partition}: {fault}"),
            }
        }
    }

    /// Where the journal's state begins again, if that is not where it begins.
    fn reset_at(&self, partition: PartitionId) -> Result<Option<i64>, Fault> {
        let mut journal = self.cluster.journal(Unit { flow: self.request.flow, partition })?;
        let ends = journal.ends()?;
        if ends.start >= ends.stable {
            return Ok(None);
        }
        journal.read_from(ends.start)?;
        let mut reset = None;
        while reset.is_none()
            && journal.next(&mut |offset, record| {
                if read_record(record).is_ok_and(|record| record.head.resets) {
                    reset = Some(offset);
                }
            })?
        {}
        Ok(reset.filter(|offset| *offset > ends.start))
    }
}

const SHORTER: &str =
    "where the brokers refuse the time-out, see transaction.max.timeout.ms and --transaction-timeout";

/// How the topics and journals are, by asking.
fn look(cluster: &Cluster, settings: &ClusterSettings, flow: &'static Flow) -> Result<FoundLayout, Fault> {
    let topics = settings.topics.of(flow);
    let names: Vec<&str> = settings.topics.inputs().chain(topics.following()).collect();
    let found = cluster.admin().topics(&names, false)?;
    let count = |name: &String| match found.get(name) {
        Some(topic) => Ok(u32::try_from(topic.partitions).unwrap_or(u32::MAX)),
        None => {
            Err(Fault::setup(format!("topic '{name}' is missing: create it with `tillgate topics create`")))
        }
    };
    let counts = |names: &[String]| names.iter().map(count).collect::<Result<Vec<u32>, Fault>>();
    let mut others = BTreeSet::new();
    for other in settings.topics.flows.iter().filter(|other| other.flow != flow) {
        others.extend(of_inputs(other.flow, &counts(&other.inputs)?));
    }
    let journal = count(&topics.journal)?;
    let mut heads = Vec::new();
    let all: Vec<PartitionId> = PartitionId::all(journal).collect();
    for record in cluster.last_journal_records(flow, &all)? {
        let head = record.map(|record| read_record(&record).map(|record| record.head));
        heads.push(head.transpose().map_err(|fault| Fault::setup(format!("the journals: {fault}")))?);
    }
    let (inputs, outputs) = (counts(&topics.inputs)?, counts(&topics.outputs)?);
    Ok(FoundLayout { inputs, outputs, journal, others, heads })
}

/// What the group has committed of the inputs, once more: it makes the transaction one of a member.
fn positions(flow: &'static Flow, heads: &[Head]) -> Vec<(InputPartition, i64)> {
    let of = |head: &Head| {
        let unit = Unit { flow, partition: head.partition };
        let own = unit.inputs().zip(head.positions.iter());
        own.filter_map(|(at, position)| Some((at, position?))).collect::<Vec<_>>()
    };
    heads.iter().flat_map(of).collect()
}
