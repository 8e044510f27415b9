//! `tillgate check --contact-requests`: files of contact requests and of what is known of persons, decided in one thread.

use crate::app::AppError;
use crate::cli::{CheckArgs, Common};
use crate::contact::{
    CONTACT_REQUESTS, ContactRequest, INTERACTIONS, Interaction, Local, PARTIES, PARTY_RECORDS, PartyFact,
    PartyRecord, RecordFault, read_decision,
};
use crate::domain::Micros;
use crate::domain::visible::{visible, visible_json};
use crate::replay::{Kept, Lines, ReplayError, Source, open};
use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// Dead letters that are told one by one; further ones are counted.
const DEAD_LETTERS_TOLD: u64 = 20;

/// What the lines of an input are called.
const NAMES: [&str; 4] = ["contact requests", "interactions", "party records", "party facts"];

pub(in crate::app) fn run(requests: &Path, args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    let settings = crate::app::settings(common)?;
    let files = &args.contact;
    let mut run = Run {
        local: Local::new(
            Arc::clone(&settings.contact_rules),
            settings.topics.contact_inputs(),
            crate::app::table_seed(),
        ),
        out: output(args)?,
        to_terminal: args.output.is_none() && std::io::stdout().is_terminal(),
        latest: None,
        lost: 0,
        counts: BTreeMap::new(),
    };
    for (input, path) in [(PARTIES, &files.party_facts), (PARTY_RECORDS, &files.party_records)] {
        let Some(path) = path else { continue };
        let mut file = File::open(input, path)?;
        while let Some(line) = file.next()? {
            run.take(&line)?;
        }
    }
    let mut interactions =
        files.interactions.as_deref().map(|path| File::open(INTERACTIONS, path)).transpose()?;
    let mut requests = File::open(CONTACT_REQUESTS, requests)?;
    let mut heads = [interactions.as_mut().map_or(Ok(None), File::next)?, requests.next()?];
    loop {
        let [interaction, request] = &heads;
        let first = match (interaction, request) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            // A line without a time comes with the latest one before it.
            (Some(one), Some(other)) => one.time <= other.time.or(run.latest),
        };
        let file = if first { interactions.as_mut() } else { Some(&mut requests) };
        let next = file.map_or(Ok(None), File::next)?;
        if let Some(line) = std::mem::replace(&mut heads[usize::from(!first)], next) {
            run.take(&line)?;
        }
    }
    run.finish(args.summary)
}

fn output(args: &CheckArgs) -> Result<Option<Box<dyn Write>>, ReplayError> {
    Ok(match (&args.output, args.summary) {
        (None, true) => None,
        (Some(path), _) if path != Path::new("-") => {
            let fault = |source| ReplayError::File { what: "create", path: path.clone(), source };
            Some(Box::new(BufWriter::new(std::fs::File::create(path).map_err(fault)?)))
        }
        _ => Some(Box::new(BufWriter::new(std::io::stdout().lock()))),
    })
}

/// The lines of one input.
struct File {
    input: usize,
    lines: Lines,
}

struct Line {
    input: usize,
    record: Kept,
    /// The key that its record would have, or why it can have none.
    key: Result<String, RecordFault>,
    time: Option<Micros>,
}

impl File {
    fn open(input: usize, path: &Path) -> Result<Self, ReplayError> {
        Ok(Self { input, lines: open(path)? })
    }

    fn next(&mut self) -> Result<Option<Line>, ReplayError> {
        let mut record = Kept::default();
        if !self.lines.next(&mut record)? {
            return Ok(None);
        }
        let (key, time) = match self.read(record.value().unwrap_or_default()) {
            Ok((key, time)) => (Ok(key), time),
            Err(fault) => (Err(fault), None),
        };
        Ok(Some(Line { input: self.input, record, key, time }))
    }

    fn read(&self, bytes: &[u8]) -> Result<(String, Option<Micros>), RecordFault> {
        Ok(match self.input {
            CONTACT_REQUESTS => {
                let request = ContactRequest::read(bytes)?;
                let time = request.time_of_line();
                (request.person_id, time)
            }
            INTERACTIONS => {
                let interaction = Interaction::read(bytes)?;
                (interaction.party_id, Some(interaction.occurred_at.0))
            }
            PARTY_RECORDS => (PartyRecord::read(bytes)?.party_id, None),
            _ => (PartyFact::read(bytes)?.party_id, None),
        })
    }
}

struct Run {
    local: Local,
    out: Option<Box<dyn Write>>,
    /// Decisions go where a terminal would obey what a text of a record says.
    to_terminal: bool,
    /// The latest time of a line that was taken.
    latest: Option<Micros>,
    lost: u64,
    /// How often there was an answer, or a reason.
    counts: BTreeMap<String, u64>,
}

impl Run {
    fn take(&mut self, line: &Line) -> Result<(), AppError> {
        self.latest = self.latest.max(line.time);
        let came = match &line.key {
            Ok(key) => self.local.take(line.input, key, line.record.value().unwrap_or_default()),
            Err(fault) => return self.letter(line, &format!("{} {}", fault.code, fault.message)),
        };
        let came = came.map_err(|message| ReplayError::State { partition: 0, message })?;
        if let Some(why) = &came.dead_letter {
            self.letter(line, why)?;
        }
        let Some(decision) = came.decision else { return Ok(()) };
        if let Ok(read) = read_decision(&decision) {
            let answer = if read.result { "allowed" } else { "refused" };
            let reasons = read.reasons.into_iter().map(|reason| reason.code);
            for name in std::iter::once(answer.to_owned()).chain(reasons) {
                *self.counts.entry(name).or_default() += 1;
            }
        }
        if let Some(out) = &mut self.out {
            match str::from_utf8(&decision) {
                Ok(text) if self.to_terminal => out.write_all(visible_json(text).as_bytes())?,
                _ => out.write_all(&decision)?,
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn letter(&mut self, line: &Line, why: &str) -> Result<(), AppError> {
        self.lost += 1;
        if self.lost <= DEAD_LETTERS_TOLD {
            let (name, number) = (NAMES[line.input], line.record.offset);
            writeln!(std::io::stderr(), "{name} line {number}: dead letter: {}", visible(why))?;
        }
        Ok(())
    }

    fn finish(mut self, summary: bool) -> Result<(), AppError> {
        if let Some(out) = &mut self.out {
            out.flush()?;
        }
        if self.lost > DEAD_LETTERS_TOLD {
            writeln!(std::io::stderr(), "{} further dead letters", self.lost - DEAD_LETTERS_TOLD)?;
        }
        if summary {
            let to_stderr = self.out.is_some();
            for (name, count) in &self.counts {
                let line = format!("{count:>9}  {name}");
                if to_stderr {
                    writeln!(std::io::stderr(), "{line}")?;
                } else {
                    writeln!(std::io::stdout(), "{line}")?;
                }
            }
        }
        if self.lost > 0 { Err(AppError::Lost(self.lost)) } else { Ok(()) }
    }
}
