//! `tillgate explain`: finds a decision by the id of its outcome or of its event, with what came of it later, and prints it as a
//! person would want to read it. Decides nothing.

mod store;

use super::AppError;
use super::bar::bar;
use crate::checks::catalogue::NO_CHECK_FROM;
use crate::cli::{Common, ExplainArgs};
use crate::codec::{DecodeError, Schemas, decode_pos_event};
use crate::config::Settings;
use crate::domain::limits;
use crate::domain::visible::visible;
use crate::explain::decision::{decision, without_event};
use crate::explain::outcome::{ExplainedOutcome, ShownMessage};
use crate::explain::paint::Paint;
use indicatif::ProgressBar;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use store::{OfArchive, OfCluster, OfLines, OutcomeStore, contains};

/// Outcomes after which the progress is drawn again.
const DRAWN_EVERY: u64 = 4_096;
/// How often a registry is asked for the schema of an event, and how long it is waited for between.
const SCHEMA_TRIES: u32 = 100;
const SCHEMA_PAUSE: Duration = Duration::from_millis(100);

pub(super) fn run(args: &ExplainArgs, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let schemas = super::schemas(&settings)?;
    let mut place: Box<dyn OutcomeStore> = match (&args.files, &args.outcomes, &args.events) {
        (Some(folder), ..) => Box::new(OfArchive::open(folder, &settings.topics)?),
        (None, Some(outcomes), Some(events)) => Box::new(OfLines::new(outcomes, events)),
        _ => Box::new(OfCluster::new(&settings)?),
    };
    let found = find(&mut *place, &args.id, args.account.as_deref())?;
    let mut out = std::io::stdout().lock();
    let paint = Paint(out.is_terminal() && std::env::var_os("NO_COLOR").is_none());
    for answer in &found.answers {
        let lines = page(answer, &found.answers, &mut *place, &*schemas, (&settings, paint))?;
        writeln!(out, "{}\n", lines.join("\n"))?;
    }
    match (found.answers.len(), found.left_out) {
        (0, _) => Err(AppError::Topics(format!(
            "none of {} outcomes has the transactionId or accountTransactionId {:?}{}; {} could not be read",
            found.looked_at,
            visible(&args.id),
            args.account
                .as_ref()
                .map_or_else(String::new, |account| format!(" and account {:?}", visible(account))),
            found.unreadable,
        ))),
        (_, 0) => Ok(()),
        (_, more) => Ok(writeln!(std::io::stderr(), "and {more} further outcomes of that id")?),
    }
}

/// What was found.
#[derive(Default)]
struct FoundOutcomes {
    answers: Vec<ExplainedOutcome>,
    /// Further ones, beyond the bound.
    left_out: usize,
    looked_at: u64,
    unreadable: u64,
}

/// The outcomes that have the id, and those that they supersede.
fn find(place: &mut dyn OutcomeStore, id: &str, account: Option<&str>) -> Result<FoundOutcomes, AppError> {
    let mut found = FoundOutcomes::default();
    collect(place, account, &mut found, &[id], |answer| {
        let own = [Some(answer.transaction_id.as_str()), answer.account_transaction_id.as_deref()];
        let others = [&answer.supersedes, &answer.repeats, &answer.corrects].map(Option::as_deref);
        let is_named = own.into_iter().chain(others).flatten().any(|found| found == id);
        is_named && account.is_none_or(|account| answer.account_number.as_deref() == Some(account))
    })?;
    let is_there = |id: &str| found.answers.iter().any(|answer| answer.transaction_id == id);
    let missing: Vec<String> = found.answers.iter().filter_map(|answer| answer.supersedes.clone()).collect();
    let missing: Vec<String> = missing.into_iter().filter(|id| !is_there(id)).collect();
    if !missing.is_empty() {
        let ids: Vec<&str> = missing.iter().map(String::as_str).collect();
        let mut first = FoundOutcomes::default();
        collect(place, account, &mut first, &ids, |answer| missing.contains(&answer.transaction_id))?;
        found.answers.splice(0..0, first.answers);
    }
    Ok(found)
}

/// Collects the outcomes that are wanted, among those whose bytes hold one of the ids.
fn collect(
    place: &mut dyn OutcomeStore,
    account: Option<&str>,
    found: &mut FoundOutcomes,
    ids: &[&str],
    wanted: impl Fn(&ExplainedOutcome) -> bool,
) -> Result<(), AppError> {
    let is_seen = std::io::stderr().is_terminal();
    let bar = is_seen.then(|| bar(0, "{spinner} {human_pos} outcomes looked at, {elapsed}"));
    let read = place.outcomes(account, &mut |_, record| {
        found.looked_at += 1;
        if let Some(bar) = bar.as_ref().filter(|_| found.looked_at.is_multiple_of(DRAWN_EVERY)) {
            bar.set_position(found.looked_at);
        }
        let value = record.value().unwrap_or_default();
        if !ids.iter().any(|id| contains(value, id.as_bytes())) {
            return;
        }
        match ExplainedOutcome::read_any(value) {
            Ok(answer) if wanted(&answer) && found.answers.len() < limits::EXPLAINED_MAX => {
                found.answers.push(answer);
            }
            Ok(answer) => found.left_out += usize::from(wanted(&answer)),
            Err(_) => found.unreadable += 1,
        }
    });
    bar.iter().for_each(ProgressBar::finish_and_clear);
    read
}

/// One outcome; that of a hold that ended has the event of the outcome that it supersedes.
fn page(
    answer: &ExplainedOutcome,
    all: &[ExplainedOutcome],
    place: &mut dyn OutcomeStore,
    schemas: &dyn Schemas,
    (settings, paint): (&Settings, Paint),
) -> Result<Vec<String>, AppError> {
    let first =
        answer.supersedes.as_ref().and_then(|id| all.iter().find(|other| other.transaction_id == *id));
    let mut lines = vec![heading(answer, paint)];
    let Some(record) = place.event(first.unwrap_or(answer))? else {
        lines.push("  its event is not there any more".to_owned());
        lines.extend(without_event(answer, settings, paint));
        return Ok(lines);
    };
    let decoded = || decode_pos_event(schemas, record.value().unwrap_or_default(), record.schema_guid());
    let mut tries = SCHEMA_TRIES;
    while tries > 0 && matches!(decoded(), Err(DecodeError::NeedsSchema(_))) {
        std::thread::sleep(SCHEMA_PAUSE);
        tries -= 1;
    }
    match decoded() {
        Ok(event) => lines.extend(decision(answer, &event, settings, paint)),
        Err(error) => {
            let why = match error {
                DecodeError::Fault { message, .. } => message,
                DecodeError::NeedsSchema(_) => "the registry does not answer for its schema".to_owned(),
            };
            lines.push(format!("  its event cannot be read: {}", visible(&why)));
            lines.extend(without_event(answer, settings, paint));
        }
    }
    Ok(lines)
}

fn heading(answer: &ExplainedOutcome, paint: Paint) -> String {
    let verdict = answer.verdict();
    let deciding = answer.faults().next().or_else(|| answer.risk_check_messages.first());
    let why = match deciding.and_then(ShownMessage::check) {
        Some(check) if check.entry().number < NO_CHECK_FROM => {
            format!("check {}, {}", check.entry().number, check.entry().name)
        }
        Some(check) => check.entry().name.to_owned(),
        None => "no check has anything to say".to_owned(),
    };
    let id = answer.account_transaction_id.as_deref().unwrap_or("an event without an id");
    format!("{} {}  {}", paint.verdict(verdict, verdict.symbol()), paint.bold(&visible(id)), paint.dim(&why))
}
