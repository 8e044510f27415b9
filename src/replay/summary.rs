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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// POS events read.
    pub pos_events: u64,
    /// Account events read.
    pub account_events: u64,
    /// Ticks read.
    pub ticks: u64,
    /// Records whose time lies far ahead of the lines around them, so that it moved no time.
    pub far_ahead: u64,
    /// Records that gave no outcome and cannot be applied: they name no account, or cannot be read.
    pub lost: u64,
    /// Events that were decided with what their recorded outcomes say of terminals and chips.
    pub told_of_profiles: u64,
    /// Outcomes by verdict.
    #[serde(serialize_with = "by_name")]
    pub outcomes: BTreeMap<Verdict, u64>,
    /// Messages by code.
    #[serde(serialize_with = "by_name")]
    pub messages: BTreeMap<Code, u64>,
    /// Dead letters by code.
    #[serde(serialize_with = "by_name")]
    pub dead_letters: BTreeMap<Code, u64>,
    /// Outcomes beside recorded ones, where that was asked for.
    #[serde(rename = "besideRecorded", skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// In the order of the names.
fn by_name<K: fmt::Display, S: Serializer>(counts: &BTreeMap<K, u64>, to: S) -> Result<S::Ok, S::Error> {
    let named: BTreeMap<String, u64> = counts.iter().map(|(key, count)| (key.to_string(), *count)).collect();
    named.serialize(to)
}

impl Summary {
    /// Counts a record.
    pub fn count_record(&mut self, input: Input, is_far_ahead: bool) {
        match input {
            Input::PosEvents => self.pos_events += 1,
            Input::AccountEvents => self.account_events += 1,
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
        self.pos_events += other.pos_events;
        self.account_events += other.account_events;
        self.ticks += other.ticks;
        self.far_ahead += other.far_ahead;
        self.lost += other.lost;
        self.told_of_profiles += other.told_of_profiles;
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
        self.pos_events + self.account_events + self.ticks
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28}{:>12}", "POS events", self.pos_events)?;
        writeln!(f, "{:<28}{:>12}", "account events", self.account_events)?;
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
        if self.told_of_profiles > 0 {
            writeln!(
                f,
                "{} events were decided with what their outcomes say of terminals and chips",
                self.told_of_profiles
            )?;
        }
        self.changes.iter().try_for_each(|changes| write!(f, "{changes}"))
    }
}
