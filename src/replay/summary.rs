//! Counts of a run by outcome and code: as a table for people, as JSON for programs.

use super::changes::Changes;
use crate::domain::code::Code;
use crate::domain::enums::Verdict;
use crate::domain::outcome::Outcome;
use crate::pos::Input;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records read, of POS events and account events.
    pub records: [u64; 2],
    /// Ticks read.
    pub ticks: u64,
    /// Records whose time lies far ahead of the lines around them, so that it moved no time.
    pub far_ahead: u64,
    /// Records that gave no outcome and cannot be applied: they name no account, or cannot be read.
    pub lost: u64,
    /// Events that were decided with what their recorded outcomes say of terminals and chips.
    pub told: u64,
    /// Outcomes by verdict.
    pub outcomes: BTreeMap<Verdict, u64>,
    /// Messages by code.
    pub messages: BTreeMap<Code, u64>,
    /// Dead letters by code.
    pub dead_letters: BTreeMap<Code, u64>,
    /// Outcomes beside recorded ones, where that was asked for.
    pub changes: Option<Changes>,
}

impl Summary {
    /// Counts a record.
    pub fn count_record(&mut self, input: Input, is_far_ahead: bool) {
        match input {
            Input::PosEvents | Input::AccountEvents => self.records[input as usize] += 1,
            Input::Ticks => self.ticks += 1,
        }
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
        self.ticks += other.ticks;
        self.far_ahead += other.far_ahead;
        self.lost += other.lost;
        self.told += other.told;
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
        if let Some(changes) = &other.changes {
            self.changes.get_or_insert_default().add(changes);
        }
    }

    /// All records.
    #[must_use]
    pub fn all_records(&self) -> u64 {
        self.records.iter().sum::<u64>() + self.ticks
    }
}

/// For programs.
impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Written<'a> {
            pos_events: u64,
            account_events: u64,
            ticks: u64,
            far_ahead: u64,
            lost: u64,
            told_of_profiles: u64,
            outcomes: BTreeMap<&'a str, u64>,
            messages: BTreeMap<&'a str, u64>,
            dead_letters: BTreeMap<&'a str, u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            beside_recorded: &'a Option<Changes>,
        }
        fn named(codes: &BTreeMap<Code, u64>) -> BTreeMap<&str, u64> {
            codes.iter().map(|(code, count)| (code.as_str(), *count)).collect()
        }
        let written = Written {
            pos_events: self.records[0],
            account_events: self.records[1],
            ticks: self.ticks,
            far_ahead: self.far_ahead,
            lost: self.lost,
            told_of_profiles: self.told,
            outcomes: self.outcomes.iter().map(|(verdict, count)| (verdict.symbol(), *count)).collect(),
            messages: named(&self.messages),
            dead_letters: named(&self.dead_letters),
            beside_recorded: &self.changes,
        };
        written.serialize(serializer)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28}{:>12}", "POS events", self.records[0])?;
        writeln!(f, "{:<28}{:>12}", "account events", self.records[1])?;
        if self.ticks > 0 {
            writeln!(f, "{:<28}{:>12}", "ticks", self.ticks)?;
        }
        writeln!(f, "outcomes")?;
        for (verdict, count) in &self.outcomes {
            writeln!(f, "  {:<26}{count:>12}", verdict.symbol())?;
        }
        for (title, counts) in [("messages", &self.messages), ("dead letters", &self.dead_letters)] {
            if !counts.is_empty() {
                writeln!(f, "{title}")?;
            }
            for (code, count) in counts {
                writeln!(f, "  {:<26}{count:>12}", code.as_str())?;
            }
        }
        match self.far_ahead {
            0 => {}
            1 => writeln!(f, "1 line lies far ahead of its neighbours and moved no time")?,
            lines => writeln!(f, "{lines} lines lie far ahead of their neighbours and moved no time")?,
        }
        if self.told > 0 {
            writeln!(
                f,
                "{} events were decided with what their outcomes say of terminals and chips",
                self.told
            )?;
        }
        self.changes.iter().try_for_each(|changes| write!(f, "{changes}"))
    }
}
