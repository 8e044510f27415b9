//! Flows: what is decided by itself, out of inputs of its own and by a state of its own. A flow is declared once; whatever
//! moves its records knows of it what stands here. Knows no topic's name and no record's content.

use super::PartitionId;
use smallvec::{SmallVec, smallvec};
use std::cmp::Ordering;
use std::fmt;

/// A flow. Two are the same where their names are.
///
/// # Example
/// ```
/// use tillgate::domain::flow::Flow;
///
/// static ORDERS: Flow = Flow {
///     name: "orders",
///     key: "customer",
///     entries: "customers",
///     inputs: &["orders", "customers"],
///     outputs: &["answers"],
///     latest: &[],
///     feeds: &[],
///     own: &[],
///     numbered: &[],
///     asked: &[],
///     ticks: None,
/// };
/// ```
pub struct Flow {
    /// Its name in journals, metrics, pages and logs.
    pub name: &'static str,
    /// What the key of its records names.
    pub key: &'static str,
    /// What its state has one of for each key, as people count them.
    pub entries: &'static str,
    /// Its inputs, by their names in settings and metrics. All have the same number of partitions, and keys belong on
    /// them alike. Records are merged by their time; where two have the same, that of the later input comes first: later
    /// inputs are what the records of earlier ones are judged by.
    pub inputs: &'static [&'static str],
    /// Its outputs besides dead letters and journal, by their names in settings.
    pub outputs: &'static [&'static str],
    /// Which of the outputs hold the latest of each key: their topics are compacted.
    pub latest: &'static [usize],
    /// Inputs of other flows that it writes in the same transactions: the flow, and the place among its inputs. As outputs
    /// of a decision they come after [`Self::outputs`].
    pub feeds: &'static [(&'static Flow, usize)],
    /// Which of the inputs are written by whoever decides, this flow or another.
    pub own: &'static [usize],
    /// Which of these have keys that are partitions' numbers.
    pub numbered: &'static [usize],
    /// Inputs whose senders may ask for a reply, by a header of the record (`domain::reply`).
    pub asked: &'static [usize],
    /// Which of its own inputs is that of its ticks, by which time passes where nothing else comes. None where time passes
    /// by other records alone.
    pub ticks: Option<usize>,
}

/// A flow of two inputs, for the tests of what moves records.
#[cfg(test)]
pub(crate) const TWO: Flow = Flow {
    name: "two",
    key: "key",
    entries: "keys",
    inputs: &["events", "rules"],
    outputs: &[],
    latest: &[],
    feeds: &[],
    own: &[],
    numbered: &[],
    asked: &[],
    ticks: None,
};

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.name == other.name
    }
}

impl Eq for Flow {}

impl PartialOrd for Flow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Flow {
    fn cmp(&self, other: &Self) -> Ordering {
        if std::ptr::eq(self, other) { Ordering::Equal } else { self.name.cmp(other.name) }
    }
}

impl std::hash::Hash for Flow {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        self.name.hash(hasher);
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// One partition of one flow: what is owned, restored, journalled and decided as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// The flow.
    pub flow: &'static Flow,
    /// The number of the partition in all topics of the flow, from 0.
    pub partition: PartitionId,
}

impl Unit {
    /// Its inputs, in their order.
    pub fn inputs(self) -> impl ExactSizeIterator<Item = InputPartition> {
        (0..self.flow.inputs.len()).map(move |input| InputPartition { unit: self, input })
    }
}

/// As people read it.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} partition {}", self.flow.name, self.partition)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.flow.name, self.partition)
    }
}

/// One input of a unit: a partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputPartition {
    /// The unit.
    pub unit: Unit,
    /// The place of the input among those of its flow.
    pub input: usize,
}

impl InputPartition {
    /// The input's name in settings and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.unit.flow.inputs[self.input]
    }

    /// Whether its keys are partitions' numbers.
    #[must_use]
    pub fn is_numbered(self) -> bool {
        self.unit.flow.numbered.contains(&self.input)
    }

    /// Whether its senders may ask for a reply.
    #[must_use]
    pub fn may_ask(self) -> bool {
        self.unit.flow.asked.contains(&self.input)
    }
}

impl fmt::Debug for InputPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name(), self.unit.partition)
    }
}

/// The next offset of each input of a unit, in the order of its flow; none where nothing was read yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions(SmallVec<[Option<i64>; 2]>);

impl Positions {
    /// Nothing was read of any input.
    #[must_use]
    pub fn none(flow: &Flow) -> Self {
        Self(smallvec![None; flow.inputs.len()])
    }

    /// The same for a flow that got more inputs since, of which nothing was read.
    #[must_use]
    pub fn with_later_inputs(mut self, flow: &Flow) -> Self {
        let inputs = self.0.len().max(flow.inputs.len());
        self.0.resize(inputs, None);
        self
    }

    /// Whether nothing was read of any input.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// One by one, in the order of the inputs.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<i64>> + '_ {
        self.0.iter().copied()
    }

    /// The later of two, input by input.
    #[must_use]
    pub fn later(&self, other: &Self) -> Self {
        Self(self.iter().zip(other.iter()).map(|(one, other)| one.max(other)).collect())
    }

    /// For people, with the names of the inputs.
    #[must_use]
    pub fn words(&self, flow: &Flow) -> String {
        let word = |(name, position): (&&str, Option<i64>)| match position {
            Some(offset) => format!("{name} {offset}"),
            None => format!("{name} none"),
        };
        flow.inputs.iter().zip(self.iter()).map(word).collect::<Vec<_>>().join(", ")
    }
}

impl std::ops::Index<usize> for Positions {
    type Output = Option<i64>;

    fn index(&self, input: usize) -> &Option<i64> {
        &self.0[input]
    }
}

impl std::ops::IndexMut<usize> for Positions {
    fn index_mut(&mut self, input: usize) -> &mut Option<i64> {
        &mut self.0[input]
    }
}

impl FromIterator<Option<i64>> for Positions {
    fn from_iter<I: IntoIterator<Item = Option<i64>>>(positions: I) -> Self {
        Self(positions.into_iter().collect())
    }
}

impl<const N: usize> From<[Option<i64>; N]> for Positions {
    fn from(positions: [Option<i64>; N]) -> Self {
        positions.into_iter().collect()
    }
}

impl<const N: usize> PartialEq<[Option<i64>; N]> for Positions {
    fn eq(&self, other: &[Option<i64>; N]) -> bool {
        self.0.as_slice() == other
    }
}

/// What of a flow stands in which topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowTopics {
    /// The flow.
    pub flow: &'static Flow,
    /// Its inputs, in their order.
    pub inputs: Vec<String>,
    /// Its outputs, in their order.
    pub outputs: Vec<String>,
    /// Its records that cannot be used.
    pub dead_letters: String,
    /// Its journal.
    pub journal: String,
}

impl FlowTopics {
    /// All but the inputs that follow the number of a record's partition.
    pub fn following(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.journal).chain(&self.outputs).map(String::as_str)
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.inputs.iter().chain(&self.outputs).chain([&self.journal, &self.dead_letters])
    }

    /// The inputs that others write.
    pub fn inputs_of_others(&self) -> impl Iterator<Item = &str> {
        self.inputs_that(false)
    }

    /// The inputs that are written by whoever decides.
    pub fn own_inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs_that(true)
    }

    fn inputs_that(&self, are_own: bool) -> impl Iterator<Item = &str> {
        let own = self.flow.own;
        let inputs = self.inputs.iter().enumerate();
        inputs.filter(move |(input, _)| own.contains(input) == are_own).map(|(_, name)| name.as_str())
    }

    /// The outputs that hold the latest of each key.
    pub fn latest(&self) -> impl Iterator<Item = &str> {
        self.flow.latest.iter().map(|output| self.outputs[*output].as_str())
    }

    /// The input of its ticks, where there is one.
    #[must_use]
    pub fn ticks(&self) -> Option<&str> {
        Some(self.inputs[self.flow.ticks?].as_str())
    }

    /// The inputs' names.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(String::as_str)
    }
}

/// The topics of all flows of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Of each flow.
    pub flows: Vec<FlowTopics>,
    /// The rulesets that decided, by hash, and from where on each of them did.
    pub rulesets: String,
}

impl Topics {
    /// Those of one flow.
    ///
    /// # Panics
    /// The flow is not one of the process.
    #[must_use]
    pub fn of(&self, flow: &Flow) -> &FlowTopics {
        let found = self.flows.iter().find(|topics| topics.flow == flow);
        found.unwrap_or_else(|| panic!("flow {flow:?} has no topics here"))
    }

    /// The topic of what a flow's decisions send, by its place among the flow's outputs and feeds.
    ///
    /// # Panics
    /// There is no such place, or it feeds a flow that is not one of the process.
    #[must_use]
    pub fn output(&self, flow: &Flow, output: usize) -> &str {
        match output.checked_sub(flow.outputs.len()) {
            None => &self.of(flow).outputs[output],
            Some(feed) => {
                let (fed, input) = flow.feeds[feed];
                &self.of(fed).inputs[input]
            }
        }
    }

    /// What a flow's decisions can send here, by its place among the flow's outputs and feeds: nothing to flows that are
    /// none of the process.
    pub fn outputs(&self, flow: &'static Flow) -> impl Iterator<Item = usize> {
        let is_here = |fed: &Flow| self.flows.iter().any(|topics| topics.flow == fed);
        let feeds = flow.feeds.iter().enumerate().filter(move |(_, (fed, _))| is_here(fed));
        (0..flow.outputs.len()).chain(feeds.map(|(feed, _)| flow.outputs.len() + feed))
    }

    /// The topic of an input.
    #[must_use]
    pub fn input(&self, at: InputPartition) -> &str {
        &self.of(at.unit.flow).inputs[at.input]
    }

    /// Which input a partition of a topic is; none where the topic is none.
    #[must_use]
    pub fn input_partition(&self, topic: &str, partition: PartitionId) -> Option<InputPartition> {
        self.flows.iter().find_map(|topics| {
            let input = topics.inputs.iter().position(|name| name == topic)?;
            Some(InputPartition { unit: Unit { flow: topics.flow, partition }, input })
        })
    }

    /// The outputs that hold the latest of each key.
    pub fn latest(&self) -> impl Iterator<Item = &str> {
        self.flows.iter().flat_map(FlowTopics::latest)
    }

    /// The inputs of all flows.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.flows.iter().flat_map(FlowTopics::input_names)
    }

    /// Every topic, in the order in which they are shown.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.flows.iter().flat_map(FlowTopics::all).chain([&self.rulesets]).map(String::as_str)
    }
}
