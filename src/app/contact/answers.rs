//! Where contact decisions and dead letters of `tillgate check` go, and their counts.

use crate::app::AppError;
use crate::app::check::{Sink, outcomes_to, print};
use crate::cli::CheckArgs;
use crate::config::OutputFormat;
use crate::contact::{ContactAnswer, ReadDecision, read_decision};
use crate::replay::{Answer, Changes, CheckSink, InputPlace, ReplayError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What the records of an input are called.
const NAMES: [&str; 4] = ["contact requests", "interactions", "party records", "party facts"];

/// Takes what comes of records.
pub(super) struct ContactAnswers {
    sink: Sink,
    summary: ContactSummary,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContactSummary {
    /// How often there was an answer, or a reason.
    answers: BTreeMap<String, u64>,
    lost: u64,
    /// Decisions beside recorded ones, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    beside_recorded: Option<Changes>,
}

impl fmt::Display for ContactSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.answers {
            writeln!(f, "{count:>9}  {name}")?;
        }
        self.beside_recorded.iter().try_for_each(|changes| write!(f, "{changes}"))
    }
}

impl ContactAnswers {
    /// Opens what the command line names; `compares`: decisions are held beside recorded ones.
    pub(super) fn new(args: &CheckArgs, compares: bool) -> Result<Self, ReplayError> {
        // How many records there are is not known, and no progress is shown.
        let sink = Sink::new(outcomes_to(args), OutputFormat::Json, 0, None)?;
        let summary =
            ContactSummary { beside_recorded: compares.then(Changes::default), ..ContactSummary::default() };
        Ok(Self { sink, summary })
    }

    /// Takes what came of a record of an input that stands at `at`, and the decision that was recorded of it.
    pub(super) fn take(
        &mut self,
        (input, at): (usize, InputPlace),
        answer: &ContactAnswer,
        recorded: Option<&[u8]>,
    ) -> Result<(), AppError> {
        if let Some(why) = &answer.dead_letter {
            self.letter((input, at), why);
        }
        self.compare(answer.decision.as_deref(), recorded);
        let Some(decision) = &answer.decision else { return Ok(()) };
        if let Ok(read) = read_decision(decision) {
            let reasons = read.reasons.iter().map(|reason| reason.code.to_string());
            for name in std::iter::once(word(&read).to_owned()).chain(reasons) {
                *self.summary.answers.entry(name).or_default() += 1;
            }
        }
        Ok(self.sink.outcome(decision)?)
    }

    fn compare(&mut self, now: Option<&[u8]>, recorded: Option<&[u8]>) {
        let Some(changes) = &mut self.summary.beside_recorded else { return };
        if now == recorded {
            changes.identical += u64::from(now.is_some());
            return;
        }
        let [now, read] = [now, recorded].map(|value| value.and_then(|value| read_decision(value).ok()));
        if recorded.is_some() && read.is_none() {
            changes.unreadable += 1;
            return;
        }
        if let Some(source) = now.as_ref().or(read.as_ref()).map(|decision| decision.source.clone()) {
            let at = (source.topic.as_str(), source.partition, source.offset);
            changes.count(0, at, read.as_ref().map(answer), now.as_ref().map(answer));
        }
    }

    /// Tells a record that could not be used.
    pub(super) fn letter(&mut self, (input, at): (usize, InputPlace), why: &str) {
        self.summary.lost += 1;
        self.sink.tell(NAMES[input], at, why);
    }

    /// Writes the rest, prints the summary, and gives the number of records that could not be used.
    pub(super) fn finish(self, args: &CheckArgs) -> Result<u64, AppError> {
        self.sink.finish()?;
        print(&self.summary, args)?;
        Ok(self.summary.lost)
    }
}

fn word(decision: &ReadDecision) -> &'static str {
    if decision.result { "allowed" } else { "refused" }
}

fn answer(decision: &ReadDecision) -> Answer {
    Answer {
        answer: word(decision).to_owned(),
        codes: decision.reasons.iter().map(|reason| reason.code.to_string()).collect(),
        of: (decision.person_id.clone(), decision.request_id.clone()),
        booked: None,
        ruleset: decision.ruleset.clone(),
    }
}
