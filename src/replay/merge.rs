//! Two files as one stream: merged by their times, account events first where equal, and given
//! partitions and offsets as Kafka would.

use super::ReplayError;
use super::chunk::{Chunk, RecordOrigin};
use super::lines::Lines;
use super::source::{RecordBuffer, RecordSource};
use super::times::{Neighbours, Times};
use crate::codec::json::{peek_account_event, peek_pos_event};
use crate::domain::Micros;
use crate::engine::FileTimes;
use crate::pipeline::Division;
use crate::pos::Input;
use std::collections::VecDeque;

/// A line that is yet to be taken, with what it says of itself.
#[derive(Default)]
struct FileLine {
    record: RecordBuffer,
    account: String,
    terminal: String,
    time: Option<Micros>,
    /// What the lines after it say of its time, once that was asked.
    neighbours: Option<Neighbours>,
}

struct MergedFile {
    input: Input,
    lines: Lines,
    /// The next line, and those after it that were looked at.
    ahead: VecDeque<FileLine>,
    /// A line that was taken: its memory.
    spare: Option<FileLine>,
    ended: bool,
    /// Time of a line that says none: that of the last one that moved stream time.
    last_time: Micros,
    offsets: Vec<i64>,
}

impl MergedFile {
    fn new(input: Input, lines: Lines, partitions: u32) -> Self {
        let offsets = vec![0; partitions as usize];
        let (ahead, last_time) = (VecDeque::new(), Micros(0));
        Self { input, lines, ahead, spare: None, ended: false, last_time, offsets }
    }

    /// Reads on until so many lines are there, or all.
    fn fill(&mut self, lines: usize) -> Result<(), ReplayError> {
        while self.ahead.len() < lines && !self.ended {
            let mut line = self.spare.take().unwrap_or_default();
            if !self.lines.next(&mut line.record)? {
                self.ended = true;
                break;
            }
            let value = line.record.value().unwrap_or_default();
            let peek = match self.input {
                Input::PosEvents => peek_pos_event(value),
                // Files have no ticks.
                Input::AccountEvents | Input::Ticks => peek_account_event(value),
            };
            (line.time, line.neighbours) = (peek.time, None);
            line.account.clear();
            line.account.push_str(peek.account.as_deref().unwrap_or_default());
            line.terminal.clear();
            line.terminal.push_str(peek.terminal.as_deref().unwrap_or_default().trim());
            self.ahead.push_back(line);
        }
        Ok(())
    }

    /// The earliest time that one of the lines says that were read.
    fn earliest(&self) -> Option<Micros> {
        self.ahead.iter().filter_map(|line| line.time).min()
    }

    /// Where the next line is merged; none at the end.
    fn next(&mut self, times: &Times) -> Result<Option<Micros>, ReplayError> {
        self.fill(1)?;
        let Some(line) = self.ahead.front() else { return Ok(None) };
        let Some(time) = line.time else { return Ok(Some(self.last_time)) };
        let neighbours = match line.neighbours {
            Some(neighbours) => neighbours,
            None => self.look(time, times.files)?,
        };
        Ok(Some(times.turn(time, neighbours)))
    }

    /// What the lines after the next one say of its time, up to the first that confirms it: no further is read.
    fn look(&mut self, time: Micros, files: FileTimes) -> Result<Neighbours, ReplayError> {
        let is_account = self.input == Input::AccountEvents;
        let mut neighbours = Neighbours::default();
        for place in 1..=files.lines {
            self.fill(place + 1)?;
            let (Some(line), Some(after)) = (self.ahead.front(), self.ahead.get(place)) else { break };
            let is_other = is_account || (&after.account, &after.terminal) != (&line.account, &line.terminal);
            if let Some(says) = after.time {
                neighbours.note(time, says, is_other, files.ahead);
            }
            if neighbours.confirmed {
                break;
            }
        }
        if let Some(line) = self.ahead.front_mut() {
            line.neighbours = Some(neighbours);
        }
        Ok(neighbours)
    }

    /// Moves the next line into the chunk.
    fn take(&mut self, chunk: &mut Chunk, division: Division, times: &mut Times) {
        let Division { partitioner, partitions } = division;
        let Some(line) = self.ahead.pop_front() else { return };
        let own = line.time.unwrap_or(self.last_time);
        let neighbours = line.neighbours.unwrap_or_default();
        if line.time.is_some_and(|time| times.take(time, neighbours)) {
            self.last_time = own;
        }
        let partition = partitioner.partition_of(line.account.as_bytes(), partitions);
        let offset = &mut self.offsets[partition.index()];
        let value = line.record.value().unwrap_or_default();
        let number = line.record.offset.unsigned_abs();
        let kind = RecordOrigin::Line { number, time: line.time, confirmed: neighbours.confirmed };
        let place = (self.input, partition, *offset);
        chunk.push_line(place, (line.account.as_bytes(), value), own.0.div_euclid(1_000), kind);
        *offset += 1;
        self.spare = Some(line);
    }
}

/// Merges the inputs.
pub struct Merge {
    pos_events: MergedFile,
    account_events: Option<MergedFile>,
    division: Division,
    times: Times,
}

impl Merge {
    /// Merges these files into a stream whose keys are divided up like this.
    pub fn new(
        pos_events: Lines,
        account_events: Option<Lines>,
        division: Division,
        files: FileTimes,
    ) -> Result<Self, ReplayError> {
        let partitions = division.partitions;
        let mut pos_events = MergedFile::new(Input::PosEvents, pos_events, partitions);
        let mut account_events =
            account_events.map(|lines| MergedFile::new(Input::AccountEvents, lines, partitions));
        let first = files.lines.saturating_add(1);
        pos_events.fill(first)?;
        let mut earliest = pos_events.earliest();
        if let Some(side) = account_events.as_mut().filter(|_| earliest.is_none()) {
            side.fill(first)?;
            earliest = side.earliest();
        }
        Ok(Self { pos_events, account_events, division, times: Times::new(files, earliest) })
    }

    /// Where stream time begins; none where no line says when it is of.
    #[must_use]
    pub fn begins_at(&self) -> Option<Micros> {
        self.times.now()
    }

    /// The next records, at most so many; none at the end.
    pub fn chunk(&mut self, most: usize) -> Result<Option<Chunk>, ReplayError> {
        let mut chunk = Chunk::default();
        while !chunk.is_full(most) {
            let pos = self.pos_events.next(&self.times)?;
            let account = match &mut self.account_events {
                Some(side) => side.next(&self.times)?,
                None => None,
            };
            let side = match (pos, account, &mut self.account_events) {
                (Some(pos), Some(account), Some(side)) if account <= pos => side,
                (None, Some(_), Some(side)) => side,
                (Some(_), ..) => &mut self.pos_events,
                (None, ..) => break,
            };
            side.take(&mut chunk, self.division, &mut self.times);
        }
        Ok((!chunk.entries.is_empty()).then_some(chunk))
    }
}
