//! `tillgate check --contact-requests`: files of contact requests and of what is known of persons, decided in one thread.

use super::answers::ContactAnswers;
use crate::app::AppError;
use crate::cli::{CheckArgs, Common};
use crate::contact::{
    CONTACT_REQUESTS, ContactRequest, INTERACTIONS, Interaction, OfflineContacts, PARTIES, PARTY_RECORDS,
    PartyFact, PartyRecord, RecordFault,
};
use crate::domain::{Micros, PartitionId};
use crate::replay::{InputPlace, Lines, RecordBuffer, RecordSource, ReplayError, open};
use std::path::Path;
use std::sync::Arc;

pub(in crate::app) fn run(requests: &Path, args: &CheckArgs, common: &Common) -> Result<(), AppError> {
    let settings = crate::app::settings(common)?;
    let files = &args.contact;
    let mut run = ContactCheck {
        contacts: OfflineContacts::new(
            Arc::clone(&settings.contact_rules),
            settings.topics.contact_inputs(),
            crate::app::table_seed(),
        ),
        latest: None,
        answers: ContactAnswers::new(args, false)?,
    };
    for (input, path) in [(PARTIES, &files.party_facts), (PARTY_RECORDS, &files.party_records)] {
        let Some(path) = path else { continue };
        let mut file = InputLines::open(input, path)?;
        while let Some(line) = file.next()? {
            run.take(&line)?;
        }
    }
    let mut interactions =
        files.interactions.as_deref().map(|path| InputLines::open(INTERACTIONS, path)).transpose()?;
    let mut requests = InputLines::open(CONTACT_REQUESTS, requests)?;
    let mut heads = [interactions.as_mut().map_or(Ok(None), InputLines::next)?, requests.next()?];
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
        let next = file.map_or(Ok(None), InputLines::next)?;
        if let Some(line) = std::mem::replace(&mut heads[usize::from(!first)], next) {
            run.take(&line)?;
        }
    }
    match run.answers.finish(args)? {
        0 => Ok(()),
        lost => Err(AppError::Lost(lost)),
    }
}

/// The lines of one input.
struct InputLines {
    input: usize,
    lines: Lines,
}

struct InputLine {
    input: usize,
    record: RecordBuffer,
    /// The key that its record would have, or why it can have none.
    key: Result<String, RecordFault>,
    time: Option<Micros>,
}

impl InputLines {
    fn open(input: usize, path: &Path) -> Result<Self, ReplayError> {
        Ok(Self { input, lines: open(path)? })
    }

    fn next(&mut self) -> Result<Option<InputLine>, ReplayError> {
        let mut record = RecordBuffer::default();
        if !self.lines.next(&mut record)? {
            return Ok(None);
        }
        let (key, time) = match self.read(record.value().unwrap_or_default()) {
            Ok((key, time)) => (Ok(key), time),
            Err(fault) => (Err(fault), None),
        };
        Ok(Some(InputLine { input: self.input, record, key, time }))
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
                (interaction.party_id, Some(interaction.occurred_at))
            }
            PARTY_RECORDS => (PartyRecord::read(bytes)?.party_id, None),
            _ => (PartyFact::read(bytes)?.party_id, None),
        })
    }
}

struct ContactCheck {
    contacts: OfflineContacts,
    /// The latest time of a line that was taken.
    latest: Option<Micros>,
    answers: ContactAnswers,
}

impl ContactCheck {
    fn take(&mut self, line: &InputLine) -> Result<(), AppError> {
        self.latest = self.latest.max(line.time);
        let at = (line.input, InputPlace::Line(line.record.offset.unsigned_abs()));
        let answer = match &line.key {
            Ok(key) => self.contacts.take(line.input, key, line.record.value().unwrap_or_default()),
            Err(fault) => {
                self.answers.letter(at, &format!("{} {}", fault.code, fault.message));
                return Ok(());
            }
        };
        let answer =
            answer.map_err(|message| ReplayError::State { partition: PartitionId::new(0), message })?;
        self.answers.take(at, &answer, None)
    }
}
