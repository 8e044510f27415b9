//! Contact decisions decided again: each names how far the other inputs were, so the inputs are taken in that order; between two
//! decisions another order would change nothing. Compares decisions, results of interactions and dead letters byte by byte, and
//! the state at the end with the journal's.

use super::compare::{OutcomeWords, Verified};
use super::course::{Course, Ground};
use super::inputs::{Named, next_offsets};
use super::journal::JournalWalk;
use super::letters::LettersOf;
use super::report::{Difference, PROBLEMS_TOLD, PartitionReport, Tally};
use super::rulebook::Rulebook;
use super::source::Feed;
use super::verify::{OnItsWay, Recorded, ReplayFrom};
use super::{ReplayError, stop};
use crate::codec::Schemas;
use crate::codec::rulesets::{hash_text, read_hash};
use crate::contact::rules::FAILED;
use crate::contact::{
    CONTACT_REQUESTS, Contacts, FLOW, INPUTS, INTERACTIONS, Partition, ReadDecision, Rules, read_decision,
};
use crate::domain::PartitionId;
use crate::domain::promise::Promise;
use crate::pipeline::{DecisionSink, InputRecord, Interrupt, PartitionSettings};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

impl Verified for Contacts {
    const WORDS: OutcomeWords = OutcomeWords {
        missing: "no decision was recorded",
        different: "another decision",
        unreadable: "another decision",
        unexpected: "a further decision on a request that has one, or that can have none",
        unanswered: "a decision was recorded, and the replay can give none",
        of_nothing: "a decision was recorded, and the request it is of is not there",
    };

    fn named(decision: &[u8], _: PartitionId, topics: &[String]) -> Option<Named> {
        let ReadDecision { source, positions, .. } = read_decision(decision).ok()?;
        let before = topics.iter().map(|topic| positions.get(topic).copied().unwrap_or(0));
        Some(Named { input: CONTACT_REQUESTS, offset: source.offset, before: before.collect() })
    }

    fn decide_again(
        partition: &mut Partition,
        (schemas, _): (&dyn Schemas, Option<&[u8]>),
        record: &InputRecord<'_>,
        out: &mut dyn DecisionSink<Self>,
    ) -> Result<(), Interrupt> {
        partition.on_record(schemas, record, out)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactReport {
    /// Whether everything is as it should be.
    pub identical: bool,
    /// Input records that were taken.
    pub records: u64,
    /// Decisions.
    pub decisions: Tally,
    /// Results of interactions.
    pub results: Tally,
    /// Dead letters.
    pub dead_letters: Tally,
    /// Records whose dead letters are not there any more: not verified.
    pub dead_letters_gone: u64,
    /// Persons whose state is as the fold of the journal has it.
    pub parties: u64,
    /// Those whose state is not, or that only one of the two has.
    pub parties_different: u64,
    /// Decisions behind the end of a journal: not verified.
    pub beyond: u64,
    /// The same of results.
    pub results_beyond: u64,
    /// Interactions whose results are not there any more, or were never recorded: not verified.
    pub results_gone: u64,
    /// The first difference.
    pub first: Option<Difference>,
    /// What else does not fit; the first few.
    pub problems: Vec<String>,
    /// How many there are.
    pub problem_count: u64,
    /// What was not compared, though nothing is wrong; the first few.
    pub notes: Vec<String>,
}

impl ContactReport {
    /// Sums up what was found in each partition, and what is wrong with the topic of dead letters.
    #[must_use]
    pub fn of(partitions: Vec<PartitionReport>, faults: Vec<String>) -> Self {
        let mut report = Self::default();
        partitions.into_iter().for_each(|partition| report.add(partition));
        faults.into_iter().for_each(|fault| report.problem(fault));
        let wrong = report.decisions.wrong() + report.results.wrong() + report.dead_letters.wrong();
        report.identical = wrong + report.parties_different + report.problem_count == 0;
        report
    }

    fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_TOLD {
            self.problems.push(text);
        }
    }

    fn add(&mut self, of: PartitionReport) {
        self.records += of.records;
        self.decisions.add(&of.outcomes);
        self.results.add(&of.replies);
        self.dead_letters.add(&of.dead_letters);
        self.dead_letters_gone += of.dead_letters_gone;
        self.parties += of.accounts;
        self.parties_different += of.accounts_different;
        self.beyond += of.beyond;
        self.results_beyond += of.replies_beyond;
        self.results_gone += of.replies_gone;
        self.first = self.first.take().or(of.first);
        let room = PROBLEMS_TOLD.saturating_sub(self.notes.len());
        self.notes.extend(of.notes.into_iter().take(room));
        let (partition, count) = (of.partition, of.accounts_different);
        if count > 0 {
            let text = format!("contact partition {partition}: {count} persons differ from the journal's");
            self.problem(Promise::Journal.broken(text));
        }
        if let Some(why) = of.stopped {
            self.problem(format!("contact partition {partition}: not verified to its end: {why}"));
        }
    }
}

impl fmt::Display for ContactReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decisions.write(f, "contact decisions")?;
        self.results.write(f, "results of interactions")?;
        self.dead_letters.write(f, "dead letters of contact decisions")?;
        let all = self.parties + self.parties_different;
        writeln!(f, "{} of {all} persons as the journal has them", self.parties)?;
        for (count, what) in
            [(self.beyond, "contact decisions"), (self.results_beyond, "results of interactions")]
        {
            if count > 0 {
                writeln!(f, "{count} {what} behind the journal's end are not verified")?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))?;
        if let Some(first) = &self.first {
            writeln!(f, "\nfirst difference: {first}")?;
        }
        self.problems.iter().try_for_each(|problem| writeln!(f, "\n{problem}"))?;
        match self.problem_count - self.problems.len() as u64 {
            0 => Ok(()),
            more => writeln!(f, "{more} further problems of contact decisions"),
        }
    }
}

/// One partition on its way.
pub struct ContactWalk<'a> {
    course: Course<'a, Contacts>,
    rulebook: Arc<Rulebook>,
    /// The journal, folded to its end.
    journal: Option<JournalWalk<'a, Contacts>>,
    /// How far it goes.
    target: [i64; INPUTS],
}

/// What decides by these rules.
fn model(rules: &Arc<Rules>, ground: &Ground<'_>) -> Contacts {
    let topics = std::array::from_fn(|input| ground.topics.inputs[input].clone());
    Contacts::new(Arc::clone(rules), topics, ground.table_seed)
}

/// Begins with a partition; none where nothing was ever decided.
///
/// # Errors
/// It cannot be decided again from there.
pub fn begin<'a>(
    ground: &'a Ground<'a>,
    rulebook: Arc<Rulebook>,
    partition: PartitionId,
    from: ReplayFrom,
    recorded: Recorded<'_>,
) -> Result<Option<ContactWalk<'a>>, ReplayError> {
    let Recorded { input, starts, outcomes, replies, journal, .. } = recorded;
    let Some(journal) = journal else { return stop("there is no journal that says how far decisions go") };
    let (journal, outcomes) = (Feed::new(journal)?, Feed::new(outcomes)?);
    let Some(rules) = rulebook.any_rules() else {
        // Where nothing was ever decided nothing was kept.
        let nothing = journal.head().is_none() && outcomes.head().is_none();
        return if nothing { Ok(None) } else { stop("there are no contact rules that can be read") };
    };
    let settings = PartitionSettings::unjournalled(ground.division);
    let any = Arc::clone(&rules);
    let empty = move || Partition::of(model(&any, ground), partition, settings);
    let mut replayed = empty();
    let mut journal = JournalWalk::of(journal, empty);
    let begun = match from {
        ReplayFrom::Beginning => None,
        ReplayFrom::Checkpoint => journal.fold_to_checkpoint(&starts)?,
    };
    while journal.next_transaction()?.is_some() {}
    if journal.started_over() && !journal.fold().is_at_a_checkpoint() {
        return Err(ReplayError::Trimmed);
    }
    let last = journal.fold().last().map(|head| next_offsets(&head.positions, &FLOW));
    match (from, begun) {
        (ReplayFrom::Beginning, _) if starts.iter().any(|start| *start != 0) => {
            return stop(
                "its inputs do not begin at offset 0, what was before is deleted: use --from checkpoint",
            );
        }
        (ReplayFrom::Checkpoint, None) if last.is_some() => {
            return stop("its journal has no complete checkpoint rotation to begin from");
        }
        (_, Some((begun, _))) => replayed = begun,
        (_, None) => {}
    }
    let course =
        Course::begin(ground, (partition, replayed), hash_text(rules.ruleset), (&input, outcomes, replies))?;
    if last.is_none() && course.outcomes.head().is_some() {
        return stop("there are decisions, and no journal that says how far they go");
    }
    let target = last.map_or([0; INPUTS], |last| std::array::from_fn(|input| last[input]));
    Ok(Some(ContactWalk { course, rulebook, journal: Some(journal), target }))
}

impl OnItsWay for ContactWalk<'_> {
    fn run(&mut self, letters: LettersOf) -> Result<(), ReplayError> {
        self.course.letters = letters;
        while let Some(head) = self.course.outcomes.head() {
            let decision = read_decision(head.value().unwrap_or_default());
            let named = self.course.outcomes.named().cloned();
            let (Ok(decision), Some(named)) = (decision, named) else {
                self.course.pass_unexpected("what stands there is no decision")?;
                continue;
            };
            if named.offset >= self.target[CONTACT_REQUESTS] {
                self.course.pass_beyond()?;
            } else if self.course.reach(&named, &self.target)? {
                let failed = decision.reasons.first().is_some_and(|reason| reason.code == FAILED);
                let ruleset = read_hash(&decision.ruleset).unwrap_or_default();
                let rules = self.rulebook.rules(ruleset).or_else(stop)?;
                self.course.ruleset = hash_text(ruleset);
                *self.course.replayed.model_mut() = model(&rules, self.course.ground);
                self.course.take(CONTACT_REQUESTS, failed)?;
            }
        }
        self.course.take_until(&self.target)?;
        self.course.finish(self.target[INTERACTIONS])?;
        self.course.replayed.committed();
        let journal = self.journal.take().map(JournalWalk::finish).transpose();
        let journal = journal.or_else(|why| stop(format!("the journal: {why}")))?.flatten();
        if let Some(journal) = journal {
            compare_states(&self.course.replayed, &journal, &mut self.course.report);
        }
        Ok(())
    }

    fn report(self) -> PartitionReport {
        self.course.report
    }
}

/// Counts the persons of whom both know the same, and the others.
fn compare_states(replayed: &Partition, journal: &Partition, report: &mut PartitionReport) {
    let (replayed, journal) = (replayed.state(), journal.state());
    for party in journal.iter() {
        match replayed.get(&party.id) {
            Some(same) if same == party => report.accounts += 1,
            _ => report.accounts_different += 1,
        }
    }
    let more = replayed.iter().filter(|party| journal.get(&party.id).is_none()).count();
    report.accounts_different += more as u64;
}
