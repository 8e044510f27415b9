//! What a verification found: counts, the first difference of each partition, and what else does not fit. For people as
//! text, for programs as JSON.

use super::contact::ContactReport;
use crate::domain::PartitionId;
use crate::domain::promise::Promise;
use serde::{Serialize, Serializer};
use std::fmt;

/// Problems of a partition that are told; further ones are counted.
pub const PROBLEMS_TOLD: usize = 5;

/// Recorded records against replayed ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The same bytes.
    pub identical: u64,
    /// Other bytes.
    pub different: u64,
    /// Replayed, not recorded.
    pub missing: u64,
    /// Recorded, not replayed: there twice, or of nothing that was read.
    pub unexpected: u64,
}

impl Tally {
    /// How many there are or should be.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.identical + self.wrong()
    }

    /// How many are not as they should be.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.different + self.missing + self.unexpected
    }

    /// Says it of what was counted.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let Self { identical, different, missing, unexpected } = self;
        writeln!(f, "{identical} of {} {what} identical", self.all())?;
        match self.wrong() {
            0 => Ok(()),
            _ => writeln!(f, "  {different} different, {missing} missing, {unexpected} unexpected"),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.identical += other.identical;
        self.different += other.different;
        self.missing += other.missing;
        self.unexpected += other.unexpected;
    }
}

/// A field of which two values are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// Its path, such as `riskCheckMessages[0].code`.
    pub field: String,
    /// As it was recorded; none: it was not there.
    pub recorded: Option<String>,
    /// As the replay has it.
    pub replayed: Option<String>,
}

impl FieldDifference {
    /// A field with both of its values.
    #[must_use]
    pub fn new(field: &str, recorded: Option<&str>, replayed: Option<&str>) -> Self {
        let [recorded, replayed] = [recorded, replayed].map(|value| value.map(str::to_owned));
        Self { field: field.to_owned(), recorded, replayed }
    }

    /// The keys of a record, where they are not the same.
    #[must_use]
    pub fn of_keys(recorded: Option<&[u8]>, replayed: &[u8]) -> Option<Self> {
        let text = |key| String::from_utf8_lossy(key).into_owned();
        let differ = recorded != Some(replayed);
        differ.then(|| Self::new("(key)", recorded.map(text).as_deref(), Some(&text(replayed))))
    }
}

/// One record that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The promise that is broken, by its id.
    #[serde(serialize_with = "id")]
    pub promise: Promise,
    /// In a few words.
    pub what: String,
    /// Topic, partition and offset of what was recorded; none where nothing was.
    pub recorded_at: Option<String>,
    /// Topic, partition and offset of the input it is of, where that is known.
    pub input: Option<String>,
    /// The ruleset that the replay decided by.
    pub ruleset: String,
    /// Where the two differ.
    pub fields: Vec<FieldDifference>,
}

fn id<S: Serializer>(promise: &Promise, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(promise.symbol())
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.promise.broken(&self.what))?;
        for (name, value) in [
            ("recorded at", &self.recorded_at),
            ("input", &self.input),
            ("ruleset", &Some(self.ruleset.clone())),
        ] {
            if let Some(value) = value {
                write!(f, "\n  {name:<12}{value}")?;
            }
        }
        for field in &self.fields {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(not there)".to_owned());
            write!(f, "\n  {}", field.field)?;
            write!(f, "\n    recorded  {}", shown(&field.recorded))?;
            write!(f, "\n    replayed  {}", shown(&field.replayed))?;
        }
        Ok(())
    }
}

/// Topic, partition and offset, as differences name them.
#[must_use]
pub fn place(topic: &str, partition: PartitionId, offset: i64) -> String {
    format!("{topic} {partition}/{offset}")
}

/// Where the recorded records of one kind go that are held against replayed ones: into a count, and the first difference.
pub struct Comparison<'a> {
    /// The count.
    pub tally: &'a mut Tally,
    /// The first difference, whatever kind of record it is of.
    pub first: &'a mut Option<Difference>,
    /// The ruleset that decides now.
    pub ruleset: &'a str,
    /// What is broken where one is missing, or there and not replayed.
    pub promise: Promise,
}

impl Comparison<'_> {
    fn note(
        &mut self,
        promise: Promise,
        what: &str,
        (recorded_at, input): (Option<String>, Option<String>),
        fields: impl FnOnce() -> Vec<FieldDifference>,
    ) {
        if self.first.is_none() {
            let (what, ruleset) = (what.to_owned(), self.ruleset.to_owned());
            *self.first = Some(Difference { promise, what, recorded_at, input, ruleset, fields: fields() });
        }
    }

    /// The same bytes.
    pub fn identical(&mut self) {
        self.tally.identical += 1;
    }

    /// Other bytes: where they stand, of which input, and in which fields.
    pub fn different(
        &mut self,
        what: &str,
        at: String,
        input: String,
        fields: impl FnOnce() -> Vec<FieldDifference>,
    ) {
        self.tally.different += 1;
        self.note(Promise::SameBytes, what, (Some(at), Some(input)), fields);
    }

    /// Replayed, not recorded.
    pub fn missing(&mut self, what: &str, input: String, fields: impl FnOnce() -> Vec<FieldDifference>) {
        self.tally.missing += 1;
        self.note(self.promise, what, (None, Some(input)), fields);
    }

    /// Recorded, not replayed.
    pub fn unexpected(&mut self, what: &str, at: Option<String>, input: Option<String>) {
        self.tally.unexpected += 1;
        self.note(self.promise, what, (at, input), Vec::new);
    }
}

/// What was found in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionReport {
    /// Its number.
    pub partition: PartitionId,
    /// Next offsets of the inputs, in the flow's order, from which it was decided again.
    pub from: Vec<i64>,
    /// Those up to which it was.
    pub to: Vec<i64>,
    /// Input records that were decided.
    pub records: u64,
    /// Outcomes.
    pub outcomes: Tally,
    /// Dead letters.
    pub dead_letters: Tally,
    /// Records whose dead letters are not there any more: not verified.
    pub dead_letters_gone: u64,
    /// Replies to account events.
    pub replies: Tally,
    /// Outcomes behind the end of the journal, of transactions that came after it was looked at: not verified.
    pub beyond: u64,
    /// The same of replies.
    pub replies_beyond: u64,
    /// Account events whose replies are not there any more, or were never recorded: not verified.
    pub replies_gone: u64,
    /// Transactions of the journal whose counts were compared with the topics.
    pub transactions: u64,
    /// Those that do not agree with them.
    pub torn: u64,
    /// Entries of the state, such as accounts, that are as the fold of the journal has it.
    pub accounts: u64,
    /// Those whose state is not, or that only one of the two has.
    pub accounts_different: u64,
    /// The first difference.
    pub first: Option<Difference>,
    /// What else does not fit; the first few.
    pub problems: Vec<String>,
    /// How many there are.
    pub problem_count: u64,
    /// What was not compared, though nothing is wrong.
    pub notes: Vec<String>,
    /// Why it was not verified to its end.
    pub stopped: Option<String>,
}

impl PartitionReport {
    /// Nothing yet, of a partition of a flow with so many inputs.
    #[must_use]
    pub fn of(partition: PartitionId, inputs: usize) -> Self {
        Self { partition, from: vec![0; inputs], to: vec![0; inputs], ..Self::default() }
    }

    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        let wrong = self.outcomes.wrong() + self.dead_letters.wrong() + self.replies.wrong();
        wrong + self.torn + self.problem_count == 0 && self.stopped.is_none()
    }

    /// Notes something that does not fit, and the promise that it breaks.
    pub fn problem(&mut self, promise: Promise, text: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_TOLD {
            self.problems.push(promise.broken(text));
        }
    }

    /// Says what does not fit, and what was not verified.
    fn write_remarks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.partition;
        self.problems.iter().try_for_each(|problem| writeln!(f, "\npartition {number}: {problem}"))?;
        match self.problem_count - self.problems.len() as u64 {
            0 => {}
            more => writeln!(f, "partition {number}: {more} further problems")?,
        }
        for (count, what) in [(self.beyond, "outcomes"), (self.replies_beyond, "replies")] {
            if count > 0 {
                writeln!(f, "partition {number}: {count} {what} behind the journal's end are not verified")?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "partition {number}: {note}"))?;
        self.stopped
            .iter()
            .try_for_each(|why| writeln!(f, "\npartition {number} not verified to its end: {why}"))
    }

    /// Where outcomes go that are compared.
    pub fn of_outcomes<'a>(&'a mut self, ruleset: &'a str) -> Comparison<'a> {
        Comparison { tally: &mut self.outcomes, first: &mut self.first, ruleset, promise: Promise::Once }
    }

    /// The same of dead letters.
    pub fn of_letters<'a>(&'a mut self, ruleset: &'a str) -> Comparison<'a> {
        let promise = Promise::DeadLetters;
        Comparison { tally: &mut self.dead_letters, first: &mut self.first, ruleset, promise }
    }

    /// The same of replies to those who asked.
    pub fn of_replies<'a>(&'a mut self, ruleset: &'a str) -> Comparison<'a> {
        Comparison { tally: &mut self.replies, first: &mut self.first, ruleset, promise: Promise::Once }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether everything is as it should be.
    pub identical: bool,
    /// Input records that were decided.
    pub records: u64,
    /// Outcomes.
    pub outcomes: Tally,
    /// Dead letters.
    pub dead_letters: Tally,
    /// Replies to account events.
    pub replies: Tally,
    /// Transactions that were compared with the topics.
    pub transactions: u64,
    /// Those that do not agree.
    pub torn: u64,
    /// Accounts whose state is as the journal has it.
    pub accounts: u64,
    /// Those whose state is not, or that only one of the two has.
    pub accounts_different: u64,
    /// Time it took, milliseconds.
    pub milliseconds: u64,
    /// Faults of the topic of dead letters.
    pub problems: Vec<String>,
    /// By partition.
    pub partitions: Vec<PartitionReport>,
    /// Contact decisions, where there are such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactReport>,
}

impl Report {
    /// Sums up.
    #[must_use]
    pub fn of(partitions: Vec<PartitionReport>, problems: Vec<String>) -> Self {
        let mut report = Self { problems, ..Self::default() };
        report.identical = report.problems.is_empty() && partitions.iter().all(PartitionReport::is_identical);
        for partition in &partitions {
            report.records += partition.records;
            report.outcomes.add(&partition.outcomes);
            report.dead_letters.add(&partition.dead_letters);
            report.replies.add(&partition.replies);
            report.transactions += partition.transactions;
            report.torn += partition.torn;
            report.accounts += partition.accounts;
            report.accounts_different += partition.accounts_different;
        }
        report.partitions = partitions;
        report
    }

    /// Input records per second.
    #[must_use]
    pub fn records_per_second(&self) -> u64 {
        self.records * 1_000 / self.milliseconds.max(1)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.outcomes.write(f, "outcomes")?;
        self.dead_letters.write(f, "dead letters")?;
        self.replies.write(f, "replies to account events")?;
        writeln!(f, "{} of {} transactions whole", self.transactions - self.torn, self.transactions)?;
        let all = self.accounts + self.accounts_different;
        writeln!(f, "{} of {all} accounts as the journal has them", self.accounts)?;
        writeln!(
            f,
            "{} records of {} partitions in {} ms: {} a second",
            self.records,
            self.partitions.len(),
            self.milliseconds,
            self.records_per_second()
        )?;
        if let Some((number, first)) =
            self.partitions.iter().find_map(|part| Some((part.partition, part.first.as_ref()?)))
        {
            writeln!(f, "\nfirst difference, partition {number}: {first}")?;
        }
        self.partitions.iter().try_for_each(|partition| partition.write_remarks(f))?;
        self.problems.iter().try_for_each(|problem| writeln!(f, "\n{problem}"))?;
        self.contact.iter().try_for_each(|contact| write!(f, "\n{contact}"))
    }
}
