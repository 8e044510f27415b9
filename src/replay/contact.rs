//! Contact decisions decided again: each names how far the other inputs were, so the inputs are taken in that order; between two
//! decisions another order would change nothing. Compares decisions, results of interactions and dead letters byte by byte, and
//! the state at the end with the journal's.

use super::compare::Encoded;
use super::differing::{differing, differing_records};
use super::inputs::{Inputs, array};
use super::letters::{Letter, LettersOf};
use super::replies::{Asked, Replies};
use super::report::{Difference, Findings, Tally, place};
use super::rulebook::Rulebook;
use super::source::Feed;
use super::verify::{self, Beside, Recorded, opened};
use super::workers::{KEEP_EVERY, once_known};
use super::{ReplayError, stop};
use crate::codec::Schemas;
use crate::codec::rulesets::{hash_text, read_hash};
use crate::contact::rules::FAILED;
use crate::contact::{
    CONTACT_DECISIONS, CONTACT_REQUESTS, ContactDecision, Contacts, FLOW, INPUTS, INTERACTION_RESULTS,
    INTERACTIONS, Partition, Rules, read_decision,
};
use crate::domain::PartitionId;
use crate::domain::flow::Positions;
use crate::domain::hashing::Seed;
use crate::domain::promise::Promise;
use crate::pipeline::{DecisionSink, Division, InputRecord, Outbound, PartitionSettings, Restore};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The place of dead letters among the topics of what comes out.
const DEAD_LETTERS: usize = 2;
/// Problems and notes that are told; further ones are counted.
const PROBLEMS_TOLD: usize = 5;

/// What all partitions share.
pub struct ContactGround<'a> {
    /// Topics of the inputs, in their order.
    pub topics: [String; INPUTS],
    /// Topics of decisions, of results and of dead letters.
    pub outputs: [String; 3],
    /// By what keys belong on partitions.
    pub division: Division,
    /// Writers' schemas.
    pub schemas: &'a dyn Schemas,
    /// For looking persons up.
    pub seed: Seed,
    /// Whether to begin at a checkpoint of the journal.
    pub from_checkpoint: bool,
    /// Counts the records that are done.
    pub progress: &'a AtomicU64,
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
    fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_TOLD {
            self.problems.push(text);
        }
    }

    fn note(&mut self, text: Option<String>) {
        self.notes.extend(text.filter(|_| self.notes.len() < PROBLEMS_TOLD));
    }

    fn of_decisions<'a>(&'a mut self, ruleset: &'a str) -> Findings<'a> {
        Findings { tally: &mut self.decisions, first: &mut self.first, ruleset, promise: Promise::Once }
    }

    fn of_results<'a>(&'a mut self, ruleset: &'a str) -> Findings<'a> {
        Findings { tally: &mut self.results, first: &mut self.first, ruleset, promise: Promise::Once }
    }

    fn of_letters<'a>(&'a mut self, ruleset: &'a str) -> Findings<'a> {
        let promise = Promise::DeadLetters;
        Findings { tally: &mut self.dead_letters, first: &mut self.first, ruleset, promise }
    }

    /// Whether all partitions were as they should be.
    fn conclude(&mut self) {
        let wrong = self.decisions.wrong() + self.results.wrong() + self.dead_letters.wrong();
        self.identical = wrong + self.parties_different + self.problem_count == 0;
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

/// Verifies the partitions one after another.
pub fn verify_contact<'r>(
    ground: &ContactGround<'_>,
    partitions: impl Iterator<Item = PartitionId>,
    open: impl Fn(PartitionId) -> Result<Recorded<'r>, ReplayError>,
    mut beside: Beside<'_>,
) -> ContactReport {
    let mut report = ContactReport::default();
    for partition in partitions {
        let walked = opened(|| {
            let recorded = open(partition)?;
            beside.read_on()?;
            walk(ground, partition, recorded, &mut beside, &mut report)
        });
        if let Err(error) = walked {
            report.problem(format!("contact partition {partition}: not verified to its end: {error}"));
        }
    }
    for fault in beside.letters.faults {
        report.problem(fault);
    }
    report.conclude();
    report
}

fn walk(
    ground: &ContactGround<'_>,
    partition: PartitionId,
    recorded: Recorded<'_>,
    beside: &mut Beside<'_>,
    report: &mut ContactReport,
) -> Result<(), ReplayError> {
    let any = beside.rulebook.any_rules();
    let none = || stop("there is no journal that says how far decisions go");
    let (journal, starts) = (recorded.journal.map_or_else(none, Feed::new)?, array(&recorded.starts));
    let Some(rules) = any else {
        // Where nothing was ever decided nothing was kept.
        let nothing = journal.head().is_none() && Feed::new(recorded.outcomes)?.head().is_none();
        return if nothing { Ok(()) } else { stop("there are no contact rules that can be read") };
    };
    let empty = || {
        let model = Contacts::new(Arc::clone(&rules), ground.topics.clone(), ground.seed);
        Partition::of(model, partition, PartitionSettings::unjournalled(ground.division))
    };
    let (fold, begun) = folded(journal, &empty, starts)?;
    let letters = beside.letters.take(partition, INPUTS);
    let target = fold.last().map_or([0; INPUTS], |head| offsets(&head.positions));
    let is_whole = fold.last().is_some();
    let replayed = match (ground.from_checkpoint, begun) {
        (false, _) if starts != [0; INPUTS] => {
            return stop(
                "its inputs do not begin at offset 0, what was before is deleted: use --from checkpoint",
            );
        }
        (true, Some(begun)) => begun,
        (true, None) if is_whole => {
            return stop("its journal has no complete checkpoint rotation to begin from");
        }
        _ => empty(),
    };
    let positions = offsets(replayed.positions());
    let inputs = Inputs::open(&recorded.input, &positions)?;
    let asked = Asked {
        replies: ground.outputs[INTERACTION_RESULTS].clone(),
        records: ground.topics[INTERACTIONS].clone(),
        partition,
    };
    let mut walk = Walk {
        ground,
        rulebook: &beside.rulebook,
        partition,
        replayed,
        ruleset: hash_text(rules.ruleset),
        rules,
        from: positions,
        inputs,
        decisions: Feed::new(recorded.outcomes)?,
        results: Replies::new(asked, recorded.replies, positions[INTERACTIONS])?,
        letters,
        report,
    };
    if ground.from_checkpoint {
        walk.pass_what_came_before()?;
    }
    if !is_whole && walk.decisions.head().is_some() {
        return stop("there are decisions, and no journal that says how far they go");
    }
    walk.run(target)?;
    if is_whole {
        let fold = fold.finish().or_else(|why| stop(format!("the journal: {why}")))?;
        walk.compare_states(&fold);
    }
    Ok(())
}

/// The fold of the journal to its end, and that to the first complete checkpoint rotation behind `starts`.
fn folded(
    mut journal: Feed,
    empty: &dyn Fn() -> Partition,
    starts: [i64; INPUTS],
) -> Result<(Restore<Contacts>, Option<Partition>), ReplayError> {
    let mut fold = Restore::new(empty());
    let mut begin = Some(Restore::new(empty()));
    let mut begun = None;
    while let Some(record) = journal.head() {
        for restore in begin.iter_mut().chain([&mut fold]) {
            verify::fold(restore, record)?;
        }
        if journal.advance_or_start_over()? {
            (fold, begin, begun) = (Restore::new(empty()), Some(Restore::new(empty())), None);
            continue;
        }
        let is_behind = |restore: &Restore<Contacts>| {
            let positions = restore.last().map(|head| offsets(&head.positions));
            positions.is_some_and(|positions| positions.iter().zip(starts).all(|(at, start)| *at >= start))
        };
        if begin.as_ref().is_some_and(|restore| restore.is_at_a_checkpoint() && is_behind(restore))
            && let Some(restore) = begin.take()
        {
            begun = Some(restore.finish().or_else(|why| stop(format!("the journal: {why}")))?);
        }
    }
    if journal.started_over() && !fold.is_at_a_checkpoint() {
        return Err(ReplayError::Trimmed);
    }
    Ok((fold, begun))
}

fn offsets(positions: &Positions) -> [i64; INPUTS] {
    let mut offsets = [0; INPUTS];
    offsets.iter_mut().zip(positions.iter()).for_each(|(offset, position)| *offset = position.unwrap_or(0));
    offsets
}

/// One partition on its way.
struct Walk<'a, 'g> {
    ground: &'g ContactGround<'g>,
    rulebook: &'g Rulebook,
    partition: PartitionId,
    replayed: Partition,
    rules: Arc<Rules>,
    /// Their hash, as differences name it.
    ruleset: String,
    /// Where it began.
    from: [i64; INPUTS],
    inputs: Inputs,
    decisions: Feed,
    results: Replies,
    letters: LettersOf,
    report: &'a mut ContactReport,
}

/// What comes of a record.
#[derive(Default)]
struct Replayed {
    decision: Option<Encoded>,
    reply: Option<Encoded>,
    letter: Option<(&'static str, String)>,
}

fn encoded(outbound: &Outbound<'_>) -> Encoded {
    (outbound.key.to_vec(), outbound.value.unwrap_or_default().to_vec())
}

impl DecisionSink<Contacts> for Replayed {
    fn send(&mut self, _: &ContactDecision<'_>, outbound: &Outbound<'_>) {
        self.decision = Some(encoded(outbound));
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        self.reply = Some(encoded(outbound));
    }

    fn dead_letter(&mut self, _: &InputRecord<'_>, code: &'static str, message: &str) {
        self.letter = Some((code, message.to_owned()));
    }
}

impl Walk<'_, '_> {
    /// Passes over decisions on what the walk does not begin with.
    fn pass_what_came_before(&mut self) -> Result<(), ReplayError> {
        let is_before = |walk: &Self| {
            let of = walk.decisions.head().and_then(|head| read_decision(head.value()?).ok());
            of.is_some_and(|of| of.source.offset < walk.inputs.positions()[CONTACT_REQUESTS])
        };
        while is_before(self) {
            self.decisions.advance()?;
        }
        Ok(())
    }

    fn run(&mut self, target: [i64; INPUTS]) -> Result<(), ReplayError> {
        while let Some(head) = self.decisions.head() {
            let (at, value) = (head.offset, head.value().unwrap_or_default().to_vec());
            let key = head.key().unwrap_or_default().to_vec();
            let Ok(decision) = read_decision(&value) else {
                self.unexpected(at, "what stands there is no decision");
                self.decisions.advance()?;
                continue;
            };
            let offset = decision.source.offset;
            if offset >= target[CONTACT_REQUESTS] {
                self.report.beyond += 1;
                self.decisions.advance()?;
                continue;
            }
            if offset < self.inputs.positions()[CONTACT_REQUESTS] {
                self.unexpected(at, "a further decision on a request that has one, or that can have none");
                self.decisions.advance()?;
                continue;
            }
            let mut before = target;
            for (topic, before) in self.ground.topics.iter().zip(&mut before) {
                *before = decision.positions.get(topic).copied().unwrap_or(0).min(*before);
            }
            before[CONTACT_REQUESTS] = offset;
            // Requests before it that have none: whatever the replay makes of them is missing.
            self.take_until(&before)?;
            if self.inputs.head(CONTACT_REQUESTS).map(|head| head.offset) != Some(offset) {
                self.unexpected(at, "a decision was recorded, and the request it is of is not there");
                self.decisions.advance()?;
                continue;
            }
            let failed = decision.reasons.first().is_some_and(|reason| reason.code == FAILED);
            let ruleset = read_hash(&decision.ruleset).unwrap_or_default();
            self.rules = self.rulebook.rules(ruleset).or_else(stop)?;
            self.ruleset = hash_text(ruleset);
            *self.replayed.model_mut() = self.model();
            self.take(CONTACT_REQUESTS, Some((at, &(key, value), failed)))?;
            self.decisions.advance()?;
        }
        self.take_until(&target)?;
        let mut findings = self.report.of_results(&self.ruleset);
        let note = self.results.finish(target[INTERACTIONS], &mut findings)?;
        self.report.note(note);
        self.report.results_gone += self.results.gone;
        self.report.results_beyond += self.results.beyond;
        let topics = (&*self.ground.outputs[DEAD_LETTERS], &self.ground.topics[..]);
        let mut findings = self.report.of_letters(&self.ruleset);
        let between = (&self.from[..], self.inputs.positions());
        let note = self.letters.finish(between, self.partition, topics, &mut findings);
        self.report.note(note);
        self.report.dead_letters_gone += self.letters.gone;
        self.replayed.committed();
        Ok(())
    }

    fn model(&self) -> Contacts {
        Contacts::new(Arc::clone(&self.rules), self.ground.topics.clone(), self.ground.seed)
    }

    fn take_until(&mut self, target: &[i64]) -> Result<(), ReplayError> {
        while let Some(input) = self.inputs.first_before(target) {
            self.take(input, None)?;
        }
        Ok(())
    }

    /// Takes the next record of an input, and compares what comes of it with what was recorded: the decision's offset and bytes,
    /// and whether the program had failed on it.
    fn take(&mut self, input: usize, recorded: Option<(i64, &Encoded, bool)>) -> Result<(), ReplayError> {
        let Some(head) = self.inputs.head(input) else { return Ok(()) };
        let (offset, record) = (head.offset, head.taken(&FLOW, input, self.partition));
        let letter = self.letters.take(input, offset);
        let failed = letter.as_ref().is_some_and(Letter::is_of_a_failure)
            || recorded.is_some_and(|(_, _, failed)| failed);
        let no_schema = letter.as_ref().and_then(|letter| letter.no_schema(head));
        let schemas: &dyn Schemas = no_schema.as_ref().map_or(self.ground.schemas, |none| none);
        let mut answer = Replayed::default();
        if failed {
            self.replayed.on_failed_record(&record, &mut answer);
        } else {
            let take = || self.replayed.on_record(schemas, &record, &mut answer);
            once_known(offset, take).or_else(stop)?;
        }
        let replayed = answer.letter.as_ref().map(|(code, message)| (*code, &**message));
        let here = place(&self.ground.topics[input], self.partition, offset);
        let place = (&*self.ground.outputs[DEAD_LETTERS], here, input);
        self.letters.compare(letter, replayed, head, place, &mut self.report.of_letters(&self.ruleset));
        self.inputs.pass(input)?;
        self.report.records += 1;
        self.ground.progress.fetch_add(1, Ordering::Relaxed);
        if self.report.records.is_multiple_of(KEEP_EVERY) {
            self.replayed.committed();
        }
        match input {
            CONTACT_REQUESTS => self.compare_decision(offset, recorded, answer.decision.as_ref()),
            INTERACTIONS => {
                let mut findings = self.report.of_results(&self.ruleset);
                self.results.meet(offset, answer.reply.as_ref(), &mut findings)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Holds the decision that was recorded of a request, if any, against the one that the replay gives, if any.
    fn compare_decision(
        &mut self,
        offset: i64,
        recorded: Option<(i64, &Encoded, bool)>,
        replayed: Option<&Encoded>,
    ) {
        let place = |topic: &str, offset| place(topic, self.partition, offset);
        let here = place(&self.ground.topics[CONTACT_REQUESTS], offset);
        let decisions = &self.ground.outputs[CONTACT_DECISIONS];
        let mut findings = self.report.of_decisions(&self.ruleset);
        match (recorded, replayed) {
            (None, None) => {}
            (None, Some((_, value))) => {
                findings.missing("no decision was recorded", here, || differing(&[], value));
            }
            (Some((_, recorded, _)), Some(replayed)) if recorded == replayed => findings.identical(),
            (Some((at, (key, value), _)), Some(replayed)) => {
                findings.different("another decision", place(decisions, at), here, || {
                    differing_records((Some(key), value), replayed)
                });
            }
            (Some((at, ..)), None) => {
                let what = "a decision was recorded, and the replay can give none";
                findings.unexpected(what, Some(place(decisions, at)), Some(here));
            }
        }
    }

    fn unexpected(&mut self, at: i64, what: &str) {
        let at = place(&self.ground.outputs[CONTACT_DECISIONS], self.partition, at);
        self.report.of_decisions(&self.ruleset).unexpected(what, Some(at), None);
    }

    fn compare_states(&mut self, journal: &Partition) {
        let (replayed, journal) = (self.replayed.state(), journal.state());
        for party in journal.iter() {
            match replayed.get(&party.id) {
                Some(same) if same == party => self.report.parties += 1,
                _ => self.report.parties_different += 1,
            }
        }
        let more = replayed.iter().filter(|party| journal.get(&party.id).is_none()).count();
        self.report.parties_different += more as u64;
        if self.report.parties_different > 0 {
            let (partition, count) = (self.partition, self.report.parties_different);
            let text =
                format!("contact partition {partition}: {count} persons by now differ from the journal's");
            self.report.problem(Promise::Journal.broken(text));
        }
    }
}
