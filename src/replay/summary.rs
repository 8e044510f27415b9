//! Counts of a run by outcome and code, as a table for people.

use crate::domain::code::Code;
use crate::domain::enums::Verdict;
use crate::domain::outcome::Outcome;
use crate::pos::Input;
use std::collections::BTreeMap;
use std::fmt;

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records read, per input.
    pub records: [u64; 2],
    /// Records whose time lies far ahead of the lines around them, so that it moved no time.
    pub far_ahead: u64,
    /// Records that gave no outcome and cannot be applied: they name no account, or cannot be read.
    pub lost: u64,
    /// Outcomes by verdict.
    pub outcomes: BTreeMap<Verdict, u64>,
    /// Messages by code.
    pub messages: BTreeMap<Code, u64>,
    /// Dead letters by code.
    pub dead_letters: BTreeMap<Code, u64>,
}

impl Summary {
    /// Counts a record.
    pub fn count_record(&mut self, input: Input, is_far_ahead: bool) {
        self.records[input as usize] += 1;
        self.far_ahead += u64::from(is_far_ahead);
    }

    /// Counts a record that gave a dead letter of this code and no outcome. An account event that was read and refused is
    /// told with its reason, and not lost.
    pub fn count_unanswered(&mut self, input: Input, code: &'static str) {
        const UNREADABLE: [&str; 2] = ["400.001", "400.005"];
        self.lost += u64::from(input == Input::PosEvents || UNREADABLE.contains(&code));
    }

    /// Counts an outcome and its messages.
    pub fn count_outcome(&mut self, outcome: &Outcome<'_>) {
        *self.outcomes.entry(outcome.verdict).or_default() += 1;
        for message in &outcome.messages {
            *self.messages.entry(message.code.clone()).or_default() += 1;
        }
    }

    /// Counts a dead letter.
    pub fn count_dead_letter(&mut self, code: &'static str) {
        *self.dead_letters.entry(Code::of(code)).or_default() += 1;
    }

    /// Adds what another part counted.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.records.iter_mut().zip(other.records) {
            *sum += count;
        }
        self.far_ahead += other.far_ahead;
        self.lost += other.lost;
        for (verdict, count) in &other.outcomes {
            *self.outcomes.entry(*verdict).or_default() += count;
        }
        for (mine, theirs) in
            [(&mut self.messages, &other.messages), (&mut self.dead_letters, &other.dead_letters)]
        {
            for (code, count) in theirs {
                *mine.entry(code.clone()).or_default() += count;
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28}{:>12}", "POS events", self.records[0])?;
        writeln!(f, "{:<28}{:>12}", "account events", self.records[1])?;
        writeln!(f, "outcomes")?;
        for (verdict, count) in &self.outcomes {
            writeln!(f, "  {:<26}{count:>12}", verdict.symbol())?;
        }
        for (title, counts) in [("messages", &self.messages), ("dead letters", &self.dead_letters)] {
            if !counts.is_empty() {
                writeln!(f, "{title}")?;
            }
            for (code, count) in counts {
                writeln!(f, "  {code:<26}{count:>12}")?;
            }
        }
        match self.far_ahead {
            0 => Ok(()),
            1 => writeln!(f, "1 line lies far ahead of its neighbours and moved no time"),
            lines => writeln!(f, "{lines} lines lie far ahead of their neighbours and moved no time"),
        }
    }
}
