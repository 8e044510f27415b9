//! Recorded replies to whoever asked what became of a record, held against replayed ones, byte by byte. A reply names the
//! record that it is of, and they stand in the order of those, so two are held at a time: one and the one after it, which tells
//! whether the first is in its place. Which record asked for a reply is known from the replay alone.

use super::ReplayError;
use super::compare::{Encoded, is_same};
use super::differing::{differing, differing_records};
use super::report::{Comparison, place};
use super::source::{Feed, RecordBuffer, RecordSource};
use crate::codec::json::read_reply;
use crate::domain::PartitionId;

/// What was recorded of the replies of a partition.
pub struct RecordedReplies {
    /// The replies; they reach at least as far as the journal.
    pub source: Box<dyn RecordSource>,
    /// Offset from which they are there: before it, records were deleted.
    pub start: i64,
    /// Replies below this offset belong to transactions that the journal has.
    pub settled: i64,
}

/// What is said of a recorded reply that the replay does not give.
const UNEXPECTED: &str =
    "a reply was recorded that the replay does not give: it is there twice, out of order, or of nothing";

/// What replies are of, and where they stand.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Topic of the replies.
    pub replies: String,
    /// Topic of the records that they are of.
    pub records: String,
    /// The partition of both.
    pub partition: PartitionId,
}

/// The recorded replies of a partition, on the way through the records that they are of.
pub struct Replies {
    asked: Asked,
    /// What comes behind `head`; none where replies were not recorded.
    behind: Option<Feed>,
    head: Option<RecordBuffer>,
    start: i64,
    settled: i64,
    /// The replies to records below this offset are not there any more.
    gone_below: i64,
    /// Records that asked, and whose replies are not there any more or were never recorded.
    pub gone: u64,
    /// Replies to records behind the end that was looked at.
    pub beyond: u64,
}

impl Replies {
    /// Begins with the replies to records from offset `from` on.
    pub fn new(asked: Asked, recorded: Option<RecordedReplies>, from: i64) -> Result<Self, ReplayError> {
        let (start, settled) = recorded.as_ref().map_or((0, 0), |found| (found.start, found.settled));
        let behind = recorded.map(|recorded| Feed::new(recorded.source)).transpose()?;
        let gone_below = if behind.is_some() && start == 0 { 0 } else { i64::MAX };
        let (head, gone, beyond) = (None, 0, 0);
        let mut replies = Self { asked, behind, head, start, settled, gone_below, gone, beyond };
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
            return Ok(());
        }
        behind.swap_head(self.head.get_or_insert_default());
        if behind.advance_or_start_over()? {
            let next = self.behind.as_ref().and_then(Feed::head);
            self.start = next.map_or(i64::MAX, |next| next.offset);
            self.gone_below = self.of_record(next).unwrap_or(i64::MAX);
        }
        Ok(())
    }

    /// Offset of the record that a reply says it is of; none where it does not say one of this partition.
    fn of_record(&self, record: Option<&RecordBuffer>) -> Option<i64> {
        let (partition, offset) = read_reply(record?.value()?).ok()?.source;
        (partition == self.asked.partition).then_some(offset)
    }

    fn of(&self) -> Option<i64> {
        self.of_record(self.head.as_ref())
    }

    /// Holds the replies recorded of the record at `offset` against the one that the replay gives, if it gives one.
    pub fn meet(
        &mut self,
        offset: i64,
        replayed: Option<&Encoded>,
        findings: &mut Comparison<'_>,
    ) -> Result<(), ReplayError> {
        while self.of().is_some_and(|of| of < offset) {
            self.pass_unexpected(UNEXPECTED, findings)?;
        }
        let Some(replayed) = replayed else { return Ok(()) };
        if offset < self.gone_below && self.of() != Some(offset) {
            self.gone += 1;
            return Ok(());
        }
        let next = self.of_record(self.behind.as_ref().and_then(Feed::head));
        if next == Some(offset) && !self.head.as_ref().is_some_and(|head| is_same(head, replayed)) {
            self.pass_unexpected(UNEXPECTED, findings)?;
        }
        let here = place(&self.asked.records, self.asked.partition, offset);
        // One that cannot be read is taken for this one.
        let head = self.head.as_ref().filter(|_| self.of().is_none_or(|of| of == offset));
        let Some(head) = head else {
            findings.missing("a reply is missing", here, || differing(&[], &replayed.1));
            return Ok(());
        };
        if is_same(head, replayed) {
            findings.identical();
        } else {
            let what = if self.of().is_some() { "a reply differs" } else { "a reply cannot be read" };
            let at = place(&self.asked.replies, self.asked.partition, head.offset);
            let recorded = (head.key(), head.value().unwrap_or_default());
            findings.different(what, at, here, || differing_records(recorded, replayed));
        }
        self.advance()
    }

    fn pass_unexpected(&mut self, what: &str, findings: &mut Comparison<'_>) -> Result<(), ReplayError> {
        let Asked { replies, records, partition } = &self.asked;
        let at = self.head.as_ref().map(|head| place(replies, *partition, head.offset));
        findings.unexpected(what, at, self.of().map(|of| place(records, *partition, of)));
        self.advance()
    }

    /// What is left once the records below `end` were decided: replies to later ones that were visible before the journal was
    /// looked at should have come with a journal record. Gives what is to be said of replies that are gone.
    pub fn finish(&mut self, end: i64, findings: &mut Comparison<'_>) -> Result<Option<String>, ReplayError> {
        while let Some(at) = self.head.as_ref().map(|head| head.offset) {
            let is_behind = self.of().is_some_and(|of| of >= end);
            if is_behind && at >= self.settled {
                self.beyond += 1;
                self.advance()?;
                continue;
            }
            let torn = "a reply was recorded, and the journal has no transaction that it belongs to";
            self.pass_unexpected(if is_behind { torn } else { UNEXPECTED }, findings)?;
        }
        Ok(self.note())
    }

    /// From where on replies were compared, where that is not the beginning.
    fn note(&self) -> Option<String> {
        let (gone, Asked { replies, records, partition }) = (self.gone, &self.asked);
        if gone == 0 {
            return None;
        }
        let why = match (self.behind.is_some(), self.gone_below) {
            (false, _) => "was not recorded".to_owned(),
            (true, i64::MAX) => "has none of them any more".to_owned(),
            (true, below) => format!(
                "has lost what was before offset {}, and is compared from the reply to {} on",
                self.start,
                place(records, *partition, below)
            ),
        };
        Some(format!("{gone} replies to {records} were not compared: topic {replies} {why}"))
    }
}
