//! How far the lines of a file are believed: they have no record times, so that one till with a wrong clock could move
//! stream time for all others. Knows times and nothing of lines.

use crate::domain::Micros;
use crate::engine::FileTimes;

/// What the lines after a line say of its time.
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

/// Stream time as far as merging knows it: as if every line were evaluated, and all in one partition. Whether a line lies
/// too far ahead to be believed alone is judged again when its turn comes, by its partition's stream time, which is never
/// later.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// What is believed.
    pub files: FileTimes,
    now: Option<Micros>,
}

impl Times {
    /// Stream time begins at `now`, otherwise with the first line that says when it is of.
    #[must_use]
    pub fn new(files: FileTimes, now: Option<Micros>) -> Self {
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
        self.now.is_some_and(|now| self.files.is_far(time, now))
    }

    /// Where a line is merged. One that is denied, and by none confirmed, does not hold up the lines behind it.
    #[must_use]
    pub fn turn(&self, time: Micros, neighbours: Neighbours) -> Micros {
        self.now.filter(|_| self.is_far(time) && neighbours.denied && !neighbours.confirmed).unwrap_or(time)
    }

    /// A line was taken; whether it moves stream time.
    pub fn take(&mut self, time: Micros, neighbours: Neighbours) -> bool {
        let moves = neighbours.confirmed || !self.is_far(time);
        if moves {
            self.now = self.now.max(Some(time));
        }
        moves
    }
}
