//! `tillgate topics export`: partitions side by side into files, the manifest last.

use super::args::ExportArgs;
use super::{STRIDE, bar, speed};
use crate::app::{AppError, settings};
use crate::archive::{
    ArchiveError, ArchiveWriter, ArchivedPartition, ArchivedTopic, MANIFEST, Manifest, PartitionWriter,
};
use crate::cli::Common;
use crate::domain::PartitionId;
use crate::domain::visible::visible;
use crate::kafka::client::{Cluster, Dump, Isolation, Span};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::{ClusterSettings, Topics};
use crate::pos::FLOW;
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Records not as they stand on their topics that are told one by one.
const TOLD_MAX: u64 = 20;
/// Times that a partition is read at most whose oldest records are deleted meanwhile.
const READ_TRIES: u32 = 10;

pub(in crate::app) fn run(args: &ExportArgs, common: &Common) -> Result<(), AppError> {
    let settings: Arc<ClusterSettings> = Arc::new((&settings(common)?).into());
    let one = args.topic.len() == 1 && args.partition.len() == 1;
    if (args.from_offset.is_some() || args.until_offset.is_some()) && !one {
        let text = "--from-offset and --until-offset are for one --topic and one --partition";
        return Err(AppError::Usage(text.to_owned()));
    }
    let cluster = Cluster::new(Arc::clone(&settings))?;
    let isolation = args.isolation;
    let names = names(&cluster, &settings, args)?;
    // The journals first and whole, before it is looked how far what they tell of reaches: a running tillgate trims them.
    let is_journal = |topic: &&str| settings.topics.flows.iter().any(|of| of.journal == *topic);
    let (journals, others): (Vec<&str>, Vec<&str>) = names.iter().copied().partition(is_journal);
    let begins_with_journals = !journals.is_empty();
    let (first, then) = if begins_with_journals { (journals, others) } else { (others, Vec::new()) };
    let mut found = Extents::default();
    let spans = found.look(&cluster, &first, args, isolation)?;
    let encoding = args.format;
    let writer = ArchiveWriter::begin(&args.to, encoding, args.force)?;
    let bar = bar(0, "exporting");
    let mut job = ExportJob {
        cluster: &cluster,
        writer: &writer,
        isolation,
        moves: (args.from_offset.is_none(), begins_with_journals && args.until_offset.is_none()),
        spans,
        next: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        bytes: AtomicU64::new(0),
        incomplete: AtomicU64::new(0),
        bar: &bar,
        files: Mutex::default(),
    };
    job.run_all()?;
    if !then.is_empty() {
        (job.spans, job.moves.1) = (found.look(&cluster, &then, args, isolation)?, false);
        job.run_all()?;
    }
    let Extents { mut topics, left_out } = found;
    let took = bar.elapsed();
    bar.finish_and_clear();
    let (bytes, incomplete) = (job.bytes.into_inner(), job.incomplete.into_inner());
    for (name, file) in job.files.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some(topic) = topics.iter_mut().find(|topic| topic.topic == name) {
            topic.files.push(file);
        }
    }
    topics.iter_mut().for_each(|topic| topic.files.sort_by_key(|file| file.partition));
    topics.sort_by_key(|topic| names.iter().position(|name| *name == topic.topic));
    let records = topics.iter().map(records_of).sum();
    let manifest = Manifest::new(cluster.admin().cluster_id(), isolation.name(), encoding, topics);
    writer.finish(&manifest)?;
    tell(&manifest, &left_out)?;
    writeln!(std::io::stderr(), "{}", speed(records, bytes, took))?;
    match incomplete {
        0 => Ok(()),
        count => Err(AppError::Topics(format!(
            "the export is whole but for {count} records, which are not as they stand on their topics: those left out \
             are under leftOut in {MANIFEST}"
        ))),
    }
}

/// Says what was exported, and what was not.
fn tell(manifest: &Manifest, left_out: &BTreeMap<String, i64>) -> std::io::Result<()> {
    let mut talk = std::io::stderr();
    for topic in &manifest.topics {
        let size = HumanBytes(topic.files.iter().map(|file| file.bytes).sum());
        let (name, files, count) = (&topic.topic, topic.files.len(), HumanCount(records_of(topic)));
        writeln!(talk, "{name}: {files} of {} partitions, {count} records, {size}", topic.partitions)?;
    }
    for (topic, offsets) in left_out {
        writeln!(talk, "{topic}: {offsets} offsets from open transactions on were left out")?;
    }
    Ok(())
}

fn records_of(topic: &ArchivedTopic) -> u64 {
    topic.files.iter().map(|file| file.records).sum()
}

/// The topics that are exported, in the order in which it is looked how far they reach.
fn names<'a>(
    cluster: &Cluster,
    settings: &'a ClusterSettings,
    args: &'a ExportArgs,
) -> Result<Vec<&'a str>, AppError> {
    let mut names = in_order(&settings.topics, &args.topic);
    rights::verify(cluster, settings, Task::Export(&names))?;
    let there = cluster.admin().topics(&names, false)?;
    if args.topic.is_empty() {
        // A cluster that was set up before there were ticks may have none.
        names.retain(|name| *name != settings.topics.pos_ticks() || there.contains_key(*name));
    }
    let missing: Vec<&str> = names.iter().copied().filter(|name| !there.contains_key(*name)).collect();
    if !missing.is_empty() {
        let text = format!("there is no topic {}: name those that are there by --topic", missing.join(", "));
        return Err(AppError::Topics(text));
    }
    for name in &names {
        let count = there.get(*name).map_or(0, |topic| topic.partitions);
        let beyond = |partition: &&PartitionId| !partition.is_among(count);
        if let Some(beyond) = args.partition.iter().find(beyond) {
            let text = format!("topic {name} has {count} partitions: there is no partition {beyond}");
            return Err(AppError::Topics(text));
        }
    }
    Ok(names)
}

/// What there is to export.
#[derive(Default)]
struct Extents {
    topics: Vec<ArchivedTopic>,
    /// Offsets behind the stable end, by topic.
    left_out: BTreeMap<String, i64>,
}

impl Extents {
    /// Looks how far topics reach, the longest partition first, so that no thread is left alone with one at the end.
    fn look(
        &mut self,
        cluster: &Cluster,
        names: &[&str],
        args: &ExportArgs,
        isolation: Isolation,
    ) -> Result<Vec<Span>, AppError> {
        let (there, mut spans) = (cluster.admin().topics(names, false)?, Vec::new());
        for name in names.iter().copied() {
            let count = there.get(name).map_or(0, |topic| topic.partitions);
            let partitions = u32::try_from(count).unwrap_or(u32::MAX);
            let chosen = |partition: &_| args.partition.is_empty() || args.partition.contains(partition);
            for partition in PartitionId::all(count).filter(chosen) {
                let ends = cluster.ends(name, partition)?;
                let whole = isolation.end(ends);
                let begin = args.from_offset.unwrap_or(ends.start);
                let end = args.until_offset.unwrap_or(whole);
                if begin < ends.start || begin > end || end > whole {
                    let text = format!(
                        "topic {name} partition {partition} has the offsets from {} up to {whole}, not from {begin} up \
                         to {end}: see --from-offset and --until-offset",
                        ends.start
                    );
                    return Err(AppError::Topics(text));
                }
                if whole < ends.high {
                    *self.left_out.entry(name.to_owned()).or_default() += ends.high - whole;
                }
                spans.push(Span { topic: name.to_owned(), partition, begin, end });
            }
            self.topics.push(ArchivedTopic { topic: name.to_owned(), partitions, files: Vec::new() });
        }
        spans.sort_by_key(|span| span.begin - span.end);
        Ok(spans)
    }
}

/// The topics in the order in which it is looked how far they reach. What tells of others comes before them, so that
/// their ends are never before its own: the journal tells of rulesets, dead letters and outcomes, and these of inputs.
fn in_order<'a>(topics: &'a Topics, wanted: &'a [String]) -> Vec<&'a str> {
    let of_others = || topics.flows.iter().filter(|of| of.flow != &FLOW);
    let journals = [topics.journal()].into_iter().chain(of_others().map(|of| of.journal.as_str()));
    let letters = [topics.dead_letters()].into_iter().chain(of_others().map(|of| of.dead_letters.as_str()));
    let outputs = [topics.account_results(), topics.pos_outcomes()].into_iter();
    let outputs = outputs.chain(of_others().flat_map(|of| &of.outputs).map(String::as_str));
    let inputs = [topics.account_events(), topics.pos_events(), topics.pos_ticks()].into_iter();
    let inputs = inputs.chain(of_others().flat_map(|of| of.inputs.iter().rev()).map(String::as_str));
    let own: Vec<&str> =
        journals.chain([topics.rulesets.as_str()]).chain(letters).chain(outputs).chain(inputs).collect();
    if wanted.is_empty() {
        return own;
    }
    let mut names: Vec<&str> = wanted.iter().map(String::as_str).collect();
    names.sort_by_key(|name| (own.iter().position(|topic| topic == name), *name));
    names.dedup();
    names
}

/// What the threads share.
struct ExportJob<'j> {
    cluster: &'j Cluster,
    writer: &'j ArchiveWriter,
    isolation: Isolation,
    /// Whether the beginnings of the spans go with the oldest records that are there, and their ends with the newest.
    moves: (bool, bool),
    spans: Vec<Span>,
    next: AtomicUsize,
    failed: AtomicBool,
    bytes: AtomicU64,
    /// Records that are left out, or without their headers.
    incomplete: AtomicU64,
    bar: &'j ProgressBar,
    files: Mutex<Vec<(String, ArchivedPartition)>>,
}

impl ExportJob<'_> {
    /// Exports the spans.
    fn run_all(&mut self) -> Result<(), AppError> {
        *self.next.get_mut() = 0;
        self.bar.inc_length(self.spans.iter().map(|span| (span.end - span.begin).unsigned_abs()).sum());
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(self.spans.len());
        let job = &*self;
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| job.run())).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    fn run(&self) -> Result<(), AppError> {
        let mut dump = self.cluster.dump(self.isolation)?;
        while let Some(span) = self.spans.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if self.failed.load(Ordering::Relaxed) {
                break;
            }
            match self.file(&mut dump, span.clone()) {
                Ok(file) => {
                    let file = (span.topic.clone(), file);
                    self.files.lock().unwrap_or_else(PoisonError::into_inner).push(file);
                }
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Writes the file of a span; anew where the oldest records of it were deleted before they were read.
    fn file(&self, dump: &mut Dump, mut span: Span) -> Result<ArchivedPartition, AppError> {
        let mut tries = 1;
        loop {
            self.look_again(&mut span)?;
            let written = self.partition(dump, span.clone());
            if written.is_ok() || tries == READ_TRIES || !self.look_again(&mut span.clone())? {
                return Ok(written?.finish(span.begin, span.end)?);
            }
            tries += 1;
        }
    }

    /// Lets a span begin, and a journal's end, where the partition does by now; whether it begins later than before.
    fn look_again(&self, span: &mut Span) -> Result<bool, AppError> {
        let (begin, (begins_later, ends_later)) = (span.begin, self.moves);
        let ends = self.cluster.ends(&span.topic, span.partition)?;
        if ends_later {
            span.end = self.isolation.end(ends);
        }
        if begins_later {
            span.begin = ends.start.clamp(begin, span.end.max(begin));
        }
        Ok(span.begin > begin)
    }

    /// Tells of a record that is not as it stands on the topic; further ones than a few are counted.
    fn say(&self, line: &str) {
        if self.incomplete.fetch_add(1, Ordering::Relaxed) < TOLD_MAX {
            self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{}", visible(line))));
        }
    }

    fn partition(&self, dump: &mut Dump, span: Span) -> Result<PartitionWriter, AppError> {
        let mut writer = self.writer.partition(&span.topic, span.partition)?;
        let (topic, partition) = (span.topic.clone(), span.partition);
        let (mut told, end) = (span.begin, span.end);
        dump.read(span)?;
        let (mut bytes, mut count) = (0, 0u64);
        while let Some((offset, added)) = dump.next(|record| {
            bytes += record.bytes() as u64;
            (record.offset, writer.add(record))
        })? {
            match added {
                Ok(()) => {}
                Err(refused @ ArchiveError::Record { .. }) => {
                    self.say(&format!("left out: {refused}"));
                    writer.leave_out(refused, offset)?;
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(why) = dump.lost_headers() {
                self.say(&format!(
                    "exported without headers: {topic} partition {partition} offset {offset}: {why}"
                ));
            }
            count += 1;
            if count.is_multiple_of(STRIDE) {
                self.bar.inc((offset - told).unsigned_abs());
                told = offset;
                if self.failed.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        self.bar.inc((end - told).unsigned_abs());
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_at_the_journal_before_what_it_tells_of_and_at_the_inputs_last() {
        let topics = Topics::default();
        let all = [
            "tillgate.journal",
            "tillgate.rulesets",
            "pos.dead-letters",
            "account.results",
            "pos.outcomes",
            "account.events",
            "pos.events",
            "tillgate.ticks",
        ];
        assert_eq!(in_order(&topics, &[]), all);
        let wanted = ["pos.events", "pos.outcomes", "other", "pos.outcomes", "tillgate.journal"];
        let found = ["other", "tillgate.journal", "pos.outcomes", "pos.events"];
        assert_eq!(in_order(&topics, &wanted.map(str::to_owned)), found);
    }
}
