//! The records of one partition in the order in which they were decided: each outcome says how far the inputs were read.
//! Between two such places, and where nothing was recorded of what was decided, inputs are merged by their times, as the
//! worker does. Knows no flow. Never guesses: where inputs and outcomes do not fit, it says so and ends.

use super::ReplayError;
use super::source::{Feed, Kept, Source};
use crate::codec::recorded;

/// One partition of a topic.
pub struct Recorded {
    /// The topic's name.
    pub topic: String,
    /// Its records.
    pub source: Box<dyn Source>,
    /// The offset from which they are there.
    pub start: i64,
}

/// The inputs of a partition, and what was decided on them.
pub struct Order {
    partition: i32,
    topics: Vec<String>,
    inputs: Vec<Feed>,
    /// Offsets from which the inputs are there.
    starts: Vec<i64>,
    /// Next offset of each input.
    positions: Vec<i64>,
    outcomes: Option<Outcomes>,
    /// The input whose record comes next.
    next: Option<usize>,
}

struct Outcomes {
    topic: String,
    feed: Feed,
    /// What the next one says of the record that it is of.
    of: Option<Place>,
}

/// Where an outcome says it comes from.
struct Place {
    /// The input of its record.
    input: usize,
    /// Next offset of each input before that record.
    before: Vec<i64>,
}

impl Order {
    /// Inputs in the flow's order; `outcomes` are what was decided on them, where that was recorded. Those of records that are
    /// not there any more are passed over.
    ///
    /// # Errors
    /// [`ReplayError`] where a first record cannot be read, or does not fit.
    pub fn new(
        partition: i32,
        inputs: Vec<Recorded>,
        outcomes: Option<Recorded>,
    ) -> Result<Self, ReplayError> {
        let topics = inputs.iter().map(|input| input.topic.clone()).collect();
        let starts: Vec<i64> = inputs.iter().map(|input| input.start).collect();
        let inputs = inputs.into_iter().map(|input| Feed::new(input.source)).collect::<Result<_, _>>()?;
        let outcomes = match outcomes {
            Some(Recorded { topic, source, .. }) => {
                Some(Outcomes { topic, feed: Feed::new(source)?, of: None })
            }
            None => None,
        };
        let positions = starts.clone();
        let mut order = Self { partition, topics, inputs, starts, positions, outcomes, next: None };
        order.look_at_outcome()?;
        order.look()?;
        Ok(order)
    }

    /// The next record and the place of its input; none at the end.
    #[must_use]
    pub fn head(&self) -> Option<(usize, &Kept)> {
        let next = self.next?;
        Some((next, self.inputs[next].head()?))
    }

    /// Passes over the next record, and hands over what was decided on it.
    ///
    /// # Errors
    /// [`ReplayError`] where what comes then cannot be read, or does not fit.
    pub fn pass(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), ReplayError> {
        let Some((input, offset)) = self.head().map(|(input, head)| (input, head.offset)) else {
            return Ok(());
        };
        while let Some(outcomes) = &mut self.outcomes
            && outcomes.of.as_ref().is_some_and(|of| of.input == input && of.before[input] == offset)
        {
            each(outcomes.feed.head().and_then(Kept::value).unwrap_or_default());
            outcomes.feed.advance()?;
            self.look_at_outcome()?;
        }
        self.positions[input] = offset + 1;
        self.inputs[input].advance()?;
        self.look()
    }

    /// Finds the record that comes next.
    fn look(&mut self) -> Result<(), ReplayError> {
        let of = self.outcomes.as_ref().and_then(|outcomes| outcomes.of.as_ref());
        let first = self.first_before(of.map(|of| &*of.before));
        self.next = match (first, of) {
            (None, Some(of)) => {
                self.fits(of)?;
                Some(of.input)
            }
            (first, _) => first,
        };
        Ok(())
    }

    /// The input with the earliest record among those in front of these offsets; of the same time, a later input's comes
    /// first.
    fn first_before(&self, before: Option<&[i64]>) -> Option<usize> {
        let mut first: Option<(usize, i64)> = None;
        for (input, feed) in self.inputs.iter().enumerate() {
            if let Some(head) = feed.head()
                && before.is_none_or(|before| head.offset < before[input])
                && first.is_none_or(|(_, least)| head.timestamp_millis <= least)
            {
                first = Some((input, head.timestamp_millis));
            }
        }
        first.map(|(input, _)| input)
    }

    /// Where all in front of an outcome's record was passed over, the inputs stand where it says.
    fn fits(&self, of: &Place) -> Result<(), ReplayError> {
        let own = of.input;
        for (input, topic) in self.topics.iter().enumerate() {
            let (wanted, found) = (of.before[input].max(self.starts[input]), self.positions[input]);
            if input != own && found != wanted {
                let why = format!(
                    "it was decided when topic {topic} had been read up to offset {wanted}, and what is here of that \
                     stands at {found}"
                );
                return Err(self.unfit(&why));
            }
        }
        match self.inputs[own].head().map(|head| head.offset) {
            Some(offset) if offset == of.before[own] => Ok(()),
            _ => {
                let (topic, offset) = (&self.topics[own], of.before[own]);
                Err(self.unfit(&format!(
                    "its record, {topic} {}/{offset}, is not here, or was passed over before",
                    self.partition
                )))
            }
        }
    }

    /// Finds the next outcome whose record may be there.
    fn look_at_outcome(&mut self) -> Result<(), ReplayError> {
        while let Some(outcomes) = &mut self.outcomes {
            outcomes.of = None;
            let Some(head) = outcomes.feed.head() else { break };
            match place_of(head.value().unwrap_or_default(), self.partition, &self.topics) {
                Some(of) if of.before[of.input] < self.starts[of.input] => outcomes.feed.advance()?,
                Some(of) => {
                    outcomes.of = Some(of);
                    break;
                }
                None => {
                    let topics = self.topics.join(", ");
                    return Err(self.unfit(&format!(
                        "it does not say which record of {topics} it is of: another tillgate wrote it, or the topics had \
                         other names"
                    )));
                }
            }
        }
        Ok(())
    }

    fn unfit(&self, why: &str) -> ReplayError {
        let (topic, offset) = self.outcomes.as_ref().map_or(("outcomes", 0), |outcomes| {
            (outcomes.topic.as_str(), outcomes.feed.head().map_or(0, |head| head.offset))
        });
        ReplayError::Recorded(format!(
            "{topic} {}/{offset} does not fit the inputs: {why}; export all topics together",
            self.partition
        ))
    }
}

/// Where an outcome says it comes from; none where that is no record of this partition of these topics.
fn place_of(outcome: &[u8], partition: i32, topics: &[String]) -> Option<Place> {
    let place = recorded::place(outcome).filter(|place| place.partition == partition)?;
    let input = topics.iter().position(|topic| topic == place.topic)?;
    let before = topics.iter().map(|topic| place.position_of(topic).unwrap_or(0));
    let mut before: Vec<i64> = before.collect();
    before[input] = place.offset;
    Some(Place { input, before })
}
