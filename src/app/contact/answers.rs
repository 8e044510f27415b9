//! Where contact decisions and dead letters of `tillgate check` go, and their counts.

use crate::app::AppError;
use crate::app::check::{outcomes_to, print};
use crate::cli::CheckArgs;
use crate::contact::{ContactAnswer, ReadDecision, read_decision};
use crate::domain::visible::{visible, visible_json};
use crate::replay::{Answer, Changes, ReplayError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

/// Dead letters that are told one by one; further ones are counted.
const DEAD_LETTERS_TOLD: u64 = 20;

/// What the records of an input are called.
const NAMES: [&str; 4] = ["contact requests", "interactions", "party records", "party facts"];

/// Takes what comes of records.
pub(super) struct Answers {
    out: Option<Box<dyn Write>>,
    /// Decisions go where a terminal would obey what a text of a record says.
    to_terminal: bool,
    summary: Summary,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    /// How often there was an answer, or a reason.
    answers: BTreeMap<String, u64>,
    lost: u64,
    /// Decisions beside recorded ones, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    beside_recorded: Option<Changes>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.answers {
            writeln!(f, "{count:>9}  {name}")?;
        }
        self.beside_recorded.iter().try_for_each(|changes| write!(f, "{changes}"))
    }
}

impl Answers {
    /// Opens what the command line names; `compares`: decisions are held beside recorded ones.
    pub(super) fn new(args: &CheckArgs, compares: bool) -> Result<Self, ReplayError> {
        let out: Option<Box<dyn Write>> = match outcomes_to(args) {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(BufWriter::new(std::io::stdout().lock()))),
            Some(path) => {
                let fault = |source| ReplayError::File { what: "create", path: path.to_owned(), source };
                Some(Box::new(BufWriter::new(std::fs::File::create(path).map_err(fault)?)))
            }
        };
        let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
        let summary = Summary { beside_recorded: compares.then(Changes::default), ..Summary::default() };
        Ok(Self { out, to_terminal, summary })
    }

    /// Takes what came of a record of an input that stands at `at`, and the decision that was recorded of it.
    pub(super) fn take(
        &mut self,
        (input, at): (usize, &dyn fmt::Display),
        answer: &ContactAnswer,
        recorded: Option<&[u8]>,
    ) -> Result<(), AppError> {
        if let Some(why) = &answer.dead_letter {
            self.letter((input, at), why)?;
        }
        self.compare(answer.decision.as_deref(), recorded);
        let Some(decision) = &answer.decision else { return Ok(()) };
        if let Ok(read) = read_decision(decision) {
            let reasons = read.reasons.iter().map(|reason| reason.code.to_string());
            for name in std::iter::once(word(&read).to_owned()).chain(reasons) {
                *self.summary.answers.entry(name).or_default() += 1;
            }
        }
        if let Some(out) = &mut self.out {
            match str::from_utf8(decision) {
                Ok(text) if self.to_terminal => out.write_all(visible_json(text).as_bytes())?,
                _ => out.write_all(decision)?,
            }
            out.write_all(b"\n")?;
        }
        Ok(())
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
    pub(super) fn letter(
        &mut self,
        (input, at): (usize, &dyn fmt::Display),
        why: &str,
    ) -> Result<(), AppError> {
        self.summary.lost += 1;
        if self.summary.lost <= DEAD_LETTERS_TOLD {
            writeln!(std::io::stderr(), "{} {at}: dead letter: {}", NAMES[input], visible(why))?;
        }
        Ok(())
    }

    /// Writes the rest, prints the summary, and gives the number of records that could not be used.
    pub(super) fn finish(mut self, args: &CheckArgs) -> Result<u64, AppError> {
        if let Some(out) = &mut self.out {
            out.flush()?;
        }
        let lost = self.summary.lost;
        if lost > DEAD_LETTERS_TOLD {
            writeln!(std::io::stderr(), "{} further dead letters", lost - DEAD_LETTERS_TOLD)?;
        }
        // Standard output is let go of first.
        self.out = None;
        print(&self.summary, args)?;
        Ok(lost)
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
