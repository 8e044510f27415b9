//! `tillgate topics repartition`: the plan on standard output, how far it is on standard error, accounts that are not at
//! home in a file.

use super::{AppError, bar::bar, run::options, strays, topics};
use crate::cli::{Common, RepartitionArgs};
use crate::codec::KnownSchemas;
use crate::kafka::cluster::repartition::{PassedOver, Progress, Repartition, Request, Stray, Written};
use crate::kafka::settings::{ClusterSettings, Topics};
use crate::kafka::units::Units;
use crate::pipeline::Deciders;
use crate::pos::{FLOW, OutcomeEncoding, Setup};
use indicatif::ProgressBar;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[allow(clippy::disallowed_methods, reason = "tells how long it took; no part of a decision")]
pub(super) fn run(args: &RepartitionArgs, common: &Common) -> Result<(), AppError> {
    let settings = &super::settings(common)?;
    let request = Request {
        flow: &FLOW,
        to: args.partitions,
        wait: Duration::from_secs(args.wait),
        transaction_timeout: Duration::from_secs(args.transaction_timeout),
        record_bytes_max: settings.journal.record_bytes_max,
        pass_over: args.pass_over,
        dropped: args.drop.as_deref().map(strays::read).transpose()?.unwrap_or_default(),
        list: args.misplaced.clone(),
    };
    let cluster: ClusterSettings = settings.into();
    let repartition = Repartition::plan(&cluster, request)?;
    let plan = repartition.planned();
    let (due, moves) = (plan.due(), plan.moves());
    topics::print(&plan.rows)?;
    let mut talk = std::io::stderr();
    let schemas = Arc::new(KnownSchemas::new().map_err(AppError::Start)?);
    let engine = super::engine(settings);
    // Nothing is decided or published: how outcomes are encoded does not matter.
    let deciders = |count| -> Arc<dyn Deciders> {
        let options = options(settings, OutcomeEncoding::Json, count);
        Arc::new(Units::of(Setup::new(engine, options, schemas)))
    };
    let (begun, mut show, mut list) = (Instant::now(), Show::new(), strays::List::new(&args.misplaced));
    let (progress, listed) =
        (&mut |progress| show.progress(progress), &mut |stray: &Stray<'_>| list.add(stray));
    if args.dry_run {
        let passed = repartition.check(deciders, listed, progress);
        list.finish()?;
        tell_passed(&mut talk, &passed?, &cluster.topics, "would be")?;
        return Ok(writeln!(talk, "{due} things to do; nothing was changed")?);
    }
    let written = repartition.carry_out(deciders, listed, progress);
    list.finish()?;
    let written = written?;
    show.bar.finish_and_clear();
    match (due, moves) {
        (0, _) => Ok(writeln!(talk, "nothing to do")?),
        (_, true) if written.records == 0 => Ok(writeln!(
            talk,
            "nothing to do: none of the accounts that were named stands elsewhere than its key"
        )?),
        (_, false) => Ok(writeln!(talk, "the topics have grown; there is no state to move")?),
        (_, true) => {
            tell_passed(&mut talk, &written.passed, &cluster.topics, "were")?;
            tell(&mut talk, &written, begun.elapsed())
        }
    }
}

fn tell_passed(
    talk: &mut impl Write,
    passed: &[PassedOver],
    topics: &Topics,
    verb: &str,
) -> Result<(), AppError> {
    for PassedOver { at, begin, end } in passed {
        let (topic, partition) = (topics.input(*at), at.unit.partition);
        writeln!(
            talk,
            "topic {topic} partition {partition}: the records from offset {begin} up to {end} {verb} passed over"
        )?;
    }
    Ok(())
}

fn tell(talk: &mut impl Write, written: &Written, took: Duration) -> Result<(), AppError> {
    let Written { entries, moved, dropped, records, bytes, .. } = written;
    if *dropped > 0 {
        writeln!(talk, "{dropped} accounts that were named are left out")?;
    }
    Ok(writeln!(
        talk,
        "{entries} accounts, {moved} of them on another partition than before, in {records} journal records of {} KiB \
         together, within {:.1?}: start tillgate, then the senders",
        bytes >> 10,
        took
    )?)
}

/// Tells each stage once, in a line that stays, and how far the journals are on a terminal.
struct Show {
    bar: ProgressBar,
    told: Option<Progress>,
}

impl Show {
    fn new() -> Self {
        let template = "{bar:40} {percent:>3}% of the journals  {elapsed} elapsed, {eta} to go";
        Self { bar: bar(1, template), told: None }
    }

    fn progress(&mut self, progress: Progress) {
        let line = match progress {
            Progress::Members => "the group has members: waiting for them to leave",
            Progress::Joining => "the group is empty: joining it, so that nobody decides meanwhile",
            Progress::Grown => "the topics have their partitions: moving the state",
            Progress::Looking { read, of } | Progress::Folding { read, of } => {
                self.bar.set_length(u64::try_from(of).unwrap_or(0));
                self.bar.set_position(u64::try_from(read).unwrap_or(0));
                return;
            }
            Progress::Committing => "everything is written: committing",
            Progress::Committed => "committed: cutting off what is void",
        };
        if self.told.replace(progress) != Some(progress) {
            // Standard error may be closed; that stops nothing.
            self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{line}")));
        }
    }
}
