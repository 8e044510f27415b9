//! The records of one partition in the order in which they were decided: each outcome says how far the inputs were read.
//! Between two such places, and where nothing was recorded of what was decided, inputs are merged by their times, as the
//! worker does. Knows no flow. Never guesses: where inputs and outcomes do not fit, it says so and ends.

use super::inputs::{Inputs, Named, Offsets, Outcomes};
use super::report::place;
use super::source::{Feed, RecordBuffer, RecordSource};
use super::{ReplayError, stop};
use crate::domain::PartitionId;

/// One partition of a topic.
pub struct RecordedTopic {
    /// The topic's name.
    pub topic: String,
    /// Its records.
    pub source: Box<dyn RecordSource>,
    /// The offset from which they are there.
    pub start: i64,
}

/// The inputs of a partition, and what was decided on them.
pub struct Order {
    partition: PartitionId,
    topics: Vec<String>,
    inputs: Inputs,
    /// Offsets from which the inputs are there.
    starts: Vec<i64>,
    /// What was decided, and its topic.
    outcomes: Option<(String, Outcomes)>,
    /// The input whose record comes next.
    next: Option<usize>,
}

impl Order {
    /// Inputs in the flow's order; `outcomes` are what was decided on them, where that was recorded. Those of records that are
    /// not there any more are passed over.
    ///
    /// # Errors
    /// [`ReplayError`] where a first record cannot be read, or does not fit.
    pub fn new(
        partition: PartitionId,
        inputs: Vec<RecordedTopic>,
        outcomes: Option<(String, Box<dyn RecordSource>)>,
    ) -> Result<Self, ReplayError> {
        let topics: Vec<String> = inputs.iter().map(|input| input.topic.clone()).collect();
        let starts: Vec<i64> = inputs.iter().map(|input| input.start).collect();
        let inputs = Inputs::new(inputs.into_iter().map(|input| input.source), &starts)?;
        let outcomes = outcomes.map(|(topic, source)| {
            let outcomes =
                Outcomes::new(Feed::new(source)?, partition, topics.clone(), |value, partition, topics| {
                    Named::of(value, partition, topics, |place, input| {
                        Some(place.position_of(&topics[input]).unwrap_or(0))
                    })
                });
            Ok::<_, ReplayError>((topic, outcomes))
        });
        let outcomes = outcomes.transpose()?;
        let mut order = Self { partition, topics, inputs, starts, outcomes, next: None };
        order.look_at_outcome()?;
        order.look()?;
        Ok(order)
    }

    /// The next record and the place of its input; none at the end.
    #[must_use]
    pub fn head(&self) -> Option<(usize, &RecordBuffer)> {
        let next = self.next?;
        Some((next, self.inputs.head(next)?))
    }

    /// Passes over the next record, and hands over what was decided on it.
    ///
    /// # Errors
    /// [`ReplayError`] where what comes then cannot be read, or does not fit.
    pub fn pass(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<(), ReplayError> {
        let Some((input, offset)) = self.head().map(|(input, head)| (input, head.offset)) else {
            return Ok(());
        };
        while let Some((_, outcomes)) = &mut self.outcomes
            && outcomes.named().is_some()
            && outcomes.is_next((input, offset))
        {
            each(outcomes.head().and_then(RecordBuffer::value).unwrap_or_default());
            outcomes.advance()?;
            self.look_at_outcome()?;
        }
        self.inputs.pass(input)?;
        self.look()
    }

    /// Finds the record that comes next.
    fn look(&mut self) -> Result<(), ReplayError> {
        let named = self.outcomes.as_ref().and_then(|(_, outcomes)| outcomes.named());
        self.next = match named {
            None => self.inputs.first_before(&Offsets::from_elem(i64::MAX, self.topics.len())),
            Some(named) => match self.inputs.first_before(&named.before) {
                None => {
                    self.fits(named)?;
                    Some(named.input)
                }
                first => first,
            },
        };
        Ok(())
    }

    /// Where all in front of an outcome's record was passed over, the inputs stand where it says.
    fn fits(&self, of: &Named) -> Result<(), ReplayError> {
        let own = of.input;
        for (input, topic) in self.topics.iter().enumerate() {
            let (wanted, found) = (of.before[input].max(self.starts[input]), self.inputs.positions()[input]);
            if input != own && found != wanted {
                let why = format!(
                    "it was decided when topic {topic} had been read up to offset {wanted}, and what is here of that \
                     stands at {found}"
                );
                return self.unfit(&why);
            }
        }
        match self.inputs.head(own).map(|head| head.offset) {
            Some(offset) if offset == of.offset => Ok(()),
            _ => {
                let here = place(&self.topics[own], self.partition, of.offset);
                self.unfit(&format!("its record, {here}, is not here, or was passed over before"))
            }
        }
    }

    /// Finds the next outcome whose record may be there.
    fn look_at_outcome(&mut self) -> Result<(), ReplayError> {
        while let Some((_, outcomes)) = &mut self.outcomes
            && outcomes.head().is_some()
        {
            match outcomes.named() {
                Some(of) if of.offset < self.starts[of.input] => outcomes.advance()?,
                Some(_) => break,
                None => {
                    let topics = self.topics.join(", ");
                    return self.unfit(&format!(
                        "it does not say which record of {topics} it is of: another tillgate wrote it, or the topics had \
                         other names"
                    ));
                }
            }
        }
        Ok(())
    }

    fn unfit<T>(&self, why: &str) -> Result<T, ReplayError> {
        let (topic, offset) = self.outcomes.as_ref().map_or(("outcomes", 0), |(topic, outcomes)| {
            (topic.as_str(), outcomes.head().map_or(0, |head| head.offset))
        });
        let here = place(topic, self.partition, offset);
        stop(format!("{here} does not fit the inputs: {why}; export all topics together"))
    }
}
