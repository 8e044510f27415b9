//! How far the lines of a file are believed: they have no record times, so that one till with a wrong clock could move
//! stream time for all others. Knows times and nothing of lines.

use crate::domain::Micros;
use crate::domain::record::RecordTime;
use crate::engine::Files;

/// What the lines after a line that lies far ahead say of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Another till's line, or one of another account, lies near it or later: it may move stream time.
    pub confirmed: bool,
    /// One lies far before it.
    pub denied: bool,
}

impl Neighbours {
    /// Notes that a line `of` this time is followed by one that `says` this one.
    pub fn note(&mut self, of: Micros, says: Micros, is_other: bool, ahead: Micros) {
        let is_near = says >= of.minus(ahead);
        self.confirmed |= is_near && is_other;
        self.denied |= !is_near;
    }
}

/// Stream time as the merged lines move it.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// What is believed.
    pub files: Files,
    now: Option<Micros>,
}

impl Times {
    /// Stream time begins at `now`, otherwise with the first line that says when it is of.
    #[must_use]
    pub fn new(files: Files, now: Option<Micros>) -> Self {
        Self { files, now }
    }

    /// Stream time; none before the first.
    #[must_use]
    pub fn now(&self) -> Option<Micros> {
        self.now
    }

    /// Whether a line of this time lies so far ahead that those after it are asked.
    #[must_use]
    pub fn is_far(&self, time: Micros) -> bool {
        self.now.is_some_and(|now| time > now.plus(self.files.ahead))
    }

    /// Where a line that lies far ahead is merged, and whether it may move stream time. One that is denied, and by none
    /// confirmed, does not hold up the lines behind it.
    #[must_use]
    pub fn of_far(&self, time: Micros, neighbours: Neighbours) -> (Micros, RecordTime) {
        let merged = self.now.filter(|_| neighbours.denied && !neighbours.confirmed).unwrap_or(time);
        (merged, if neighbours.confirmed { RecordTime::Line } else { RecordTime::LineFarAhead })
    }

    /// A line of this time was taken.
    pub fn move_to(&mut self, time: Option<Micros>) {
        self.now = self.now.max(time);
    }
}
