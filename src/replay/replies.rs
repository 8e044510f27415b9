//! Recorded replies to account events against replayed ones, byte by byte. A reply names the event that it is of, and they
//! stand in the order of those, so two are held at a time: one and the one after it, which tells whether the first is in its
//! place. Which event asked for a reply is known from the replay alone.

use super::ReplayError;
use super::compare::{Around, Encoded};
use super::differing::differing;
use super::report::{Difference, FieldDifference, PartitionReport};
use super::source::{Feed, Kept, Source};
use crate::codec::json::read_reply;
use crate::pos::Input;

/// What was recorded of the replies of a partition.
pub struct RecordedReplies {
    /// The replies; they reach at least as far as the journal.
    pub source: Box<dyn Source>,
    /// Offset from which they are there: before it, records were deleted.
    pub start: i64,
    /// Replies below this offset belong to transactions that the journal has.
    pub settled: i64,
}

/// What is said of a recorded reply that the replay does not give.
const UNEXPECTED: &str =
    "a reply was recorded that the replay does not give: it is there twice, out of order, or of nothing";

/// The recorded replies of a partition, on the way through its account events.
pub struct Replies {
    /// What comes behind `head`; none where replies were not recorded.
    behind: Option<Feed>,
    head: Option<Kept>,
    partition: i32,
    start: i64,
    settled: i64,
    /// The replies to account events below this offset are not there any more.
    gone_below: i64,
    /// Events whose replies are not there any more, or were never recorded.
    gone: u64,
}

impl Replies {
    /// Begins with the replies to account events from offset `from` on.
    ///
    /// # Errors
    /// [`ReplayError`] where they cannot be read.
    pub fn new(recorded: Option<RecordedReplies>, partition: i32, from: i64) -> Result<Self, ReplayError> {
        let (start, settled) = recorded.as_ref().map_or((0, 0), |found| (found.start, found.settled));
        let behind = recorded.map(|recorded| Feed::new(recorded.source)).transpose()?;
        let gone_below = if behind.is_some() && start == 0 { 0 } else { i64::MAX };
        let mut replies = Self { behind, head: None, partition, start, settled, gone_below, gone: 0 };
        replies.advance()?;
        if start > 0 {
            replies.gone_below = replies.of().unwrap_or(i64::MAX);
        }
        // One that cannot be read is told only where it may belong to what is verified.
        while from > 0 && replies.head.is_some() && replies.of().is_none_or(|of| of < from) {
            replies.advance()?;
        }
        Ok(replies)
    }

    fn advance(&mut self) -> Result<(), ReplayError> {
        let Some(behind) = &mut self.behind else { return Ok(()) };
        if behind.head().is_none() {
            self.head = None;
        } else if behind.take_head(self.head.get_or_insert_default())? {
            let next = self.behind.as_ref().and_then(Feed::head);
            self.start = next.map_or(i64::MAX, |next| next.offset);
            self.gone_below = self.of_record(next).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    /// Offset of the account event that a reply says it is of; none where it does not say one of this partition.
    fn of_record(&self, record: Option<&Kept>) -> Option<i64> {
        let (partition, offset) = read_reply(record?.value()?).ok()?.source;
        (partition == self.partition).then_some(offset)
    }

    fn of(&self) -> Option<i64> {
        self.of_record(self.head.as_ref())
    }

    /// Holds the replies recorded of the account event at `offset` against the one that the replay gives, if it gives one.
    ///
    /// # Errors
    /// [`ReplayError`] where they cannot be read on.
    pub fn meet(
        &mut self,
        offset: i64,
        replayed: Option<&Encoded>,
        around: &Around<'_>,
        report: &mut PartitionReport,
    ) -> Result<(), ReplayError> {
        while let Some(of) = self.of().filter(|of| *of < offset) {
            self.pass_unexpected(UNEXPECTED, Some(of), around, report)?;
        }
        let Some(replayed) = replayed else { return Ok(()) };
        if offset < self.gone_below && self.of() != Some(offset) {
            self.gone += 1;
            return Ok(());
        }
        let next = self.of_record(self.behind.as_ref().and_then(Feed::head));
        if next == Some(offset) && !self.head.as_ref().is_some_and(|head| is(head, replayed)) {
            self.pass_unexpected(UNEXPECTED, self.of(), around, report)?;
        }
        let here = || Some(around.input(Input::AccountEvents, offset));
        // One that cannot be read is taken for this one.
        let head = self.head.as_ref().filter(|_| self.of().is_none_or(|of| of == offset));
        let Some(head) = head else {
            report.replies.missing += 1;
            report.differs(|| {
                let fields = differing(&[], &replayed.1);
                Difference { fields, ..around.difference("a reply is missing", None, here()) }
            });
            return Ok(());
        };
        if is(head, replayed) {
            report.replies.identical += 1;
        } else {
            report.replies.different += 1;
            report.differs(|| {
                let readable = self.of().is_some();
                let what = if readable { "a reply differs" } else { "a reply cannot be read" };
                let at = Some(around.reply(head.offset));
                Difference { fields: fields(head, replayed), ..around.difference(what, at, here()) }
            });
        }
        self.advance()
    }

    fn pass_unexpected(
        &mut self,
        what: &str,
        of: Option<i64>,
        around: &Around<'_>,
        report: &mut PartitionReport,
    ) -> Result<(), ReplayError> {
        report.replies.unexpected += 1;
        let at = self.head.as_ref().map(|head| around.reply(head.offset));
        report.differs(|| {
            around.difference(what, at, of.map(|offset| around.input(Input::AccountEvents, offset)))
        });
        self.advance()
    }

    /// What is left once the account events below `end` were decided: replies to later ones that were visible before the
    /// journal was looked at should have come with a journal record.
    ///
    /// # Errors
    /// [`ReplayError`] where they cannot be read on.
    pub fn finish(
        &mut self,
        end: i64,
        around: &Around<'_>,
        report: &mut PartitionReport,
    ) -> Result<(), ReplayError> {
        while let Some(at) = self.head.as_ref().map(|head| head.offset) {
            match self.of() {
                Some(of) if of >= end && at >= self.settled => {
                    report.replies_beyond += 1;
                    self.advance()?;
                }
                Some(of) if of >= end => {
                    let what = "a reply was recorded, and the journal has no transaction that it belongs to";
                    self.pass_unexpected(what, Some(of), around, report)?;
                }
                of => self.pass_unexpected(UNEXPECTED, of, around, report)?,
            }
        }
        report.replies_gone = self.gone;
        report.notes.extend(self.note(around));
        Ok(())
    }

    /// From where on replies were compared, where that is not the beginning.
    fn note(&self, around: &Around<'_>) -> Option<String> {
        let (gone, topic) = (self.gone, around.replies_topic);
        if gone == 0 {
            return None;
        }
        let why = match (self.behind.is_some(), self.gone_below) {
            (false, _) => format!("topic {topic} was not recorded"),
            (true, i64::MAX) => format!("topic {topic} has none of them any more"),
            (true, below) => format!(
                "topic {topic} has lost what was before offset {}, and is compared from the reply to {} on",
                self.start,
                around.input(Input::AccountEvents, below)
            ),
        };
        Some(format!("{gone} replies to account events were not compared: {why}"))
    }
}

fn is(recorded: &Kept, (key, value): &Encoded) -> bool {
    recorded.key() == Some(key) && recorded.value() == Some(value)
}

fn fields(recorded: &Kept, (key, value): &Encoded) -> Vec<FieldDifference> {
    let found = recorded.value().unwrap_or_default();
    let mut fields = if found == value { Vec::new() } else { differing(found, value) };
    fields.extend(FieldDifference::of_keys(recorded.key(), key));
    fields
}
