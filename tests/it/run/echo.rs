//! A partition state small enough to see through, for tests of the worker: it numbers what it decides, so that a
//! record decided twice or left out, or state that went back or ahead of the outcomes, shows in the outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tillgate::codec::SchemaRef;
use tillgate::domain::PartitionId;
use tillgate::kafka::port::{Flow, Positions};
use tillgate::pipeline::{
    Decider, Deciders, Folded, InputRecord, Interrupt, JournalBatch, MessageSink, Outbound, Restoring,
};
use tillgate::pos::{FLOW, Input};

/// How often a record at the gate looks whether it is open.
const GATE: Duration = Duration::from_millis(2);

/// What the test can switch while workers run.
#[derive(Default)]
pub struct Switches {
    /// Whether "schema" records can be read.
    pub registry_up: AtomicBool,
    /// Hang for ever in the second journal record of a transaction, having said HUNG on standard output.
    pub hang: AtomicBool,
    journals: AtomicU64,
    /// Whether every third journal record begins a checkpoint rotation, complete with the next one.
    pub rotate: AtomicBool,
    /// Whether a "gate" record is being decided.
    pub at_gate: AtomicBool,
    /// Whether "gate" records are let through.
    pub gate_open: AtomicBool,
}

/// Makes [`Echo`]es.
#[derive(Default)]
pub struct Echoes {
    pub switches: Arc<Switches>,
}

impl Deciders for Echoes {
    fn flow(&self) -> &'static Flow {
        &FLOW
    }

    fn restoring(&self, partition: PartitionId) -> Box<dyn Restoring> {
        Box::new(Echo {
            partition,
            switches: Arc::clone(&self.switches),
            now: State::default(),
            before: State::default(),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    sequence: u64,
    events: u64,
    account_events: u64,
    positions: [Option<i64>; 2],
    /// Of the last journal record.
    writer: String,
}

/// Answers every event with its partition, offset and number, and the number of account events before it.
pub struct Echo {
    partition: PartitionId,
    switches: Arc<Switches>,
    now: State,
    before: State,
}

impl Decider for Echo {
    fn on_record(&mut self, record: &InputRecord<'_>, out: &mut dyn MessageSink) -> Result<(), Interrupt> {
        assert_eq!(record.partition, self.partition);
        match record.value {
            Some(b"schema") if !self.switches.registry_up.load(Ordering::Acquire) => {
                return Err(Interrupt::NeedsSchema(SchemaRef::Id(1)));
            }
            Some(b"gate") => {
                self.switches.at_gate.store(true, Ordering::Release);
                while !self.switches.gate_open.load(Ordering::Acquire) {
                    // The test opens it; a processor is left to the brokers meanwhile.
                    std::thread::park_timeout(GATE);
                }
            }
            Some(b"panic") => panic!("asked to panic"),
            None | Some([0, ..]) => out.dead_letter(record, "400.001", "cannot be decoded"),
            Some(_) if record.input == Input::AccountEvents as usize => self.now.account_events += 1,
            Some(text) => {
                self.now.events += 1;
                let mut value = format!(
                    "{}:{}:{}:{}",
                    self.partition, record.offset, self.now.events, self.now.account_events
                );
                if let Some(size) = size_asked_for(text) {
                    value = format!("{value}:{}", "x".repeat(size));
                }
                out.send(&Outbound {
                    output: 0,
                    partition: Some(self.partition),
                    key: record.key.unwrap_or_default(),
                    value: Some(value.as_bytes()),
                    headers: &[],
                });
            }
        }
        self.now.positions[record.input] = Some(record.offset + 1);
        Ok(())
    }

    fn can_go_on(&self) -> bool {
        self.switches.registry_up.load(Ordering::Acquire)
    }

    fn on_failed_record(&mut self, record: &InputRecord<'_>, out: &mut dyn MessageSink) {
        out.dead_letter(record, "500", "the decision failed");
        self.now.positions[record.input] = Some(record.offset + 1);
    }

    fn rotation_begins(&self) -> bool {
        self.switches.rotate.load(Ordering::Acquire) && self.now != self.before && self.now.sequence % 3 == 2
    }

    fn journal(&mut self, writer: &str) -> JournalBatch {
        if self.now == self.before {
            return JournalBatch::default();
        }
        if self.switches.journals.fetch_add(1, Ordering::AcqRel) == 1
            && self.switches.hang.load(Ordering::Acquire)
        {
            println!("HUNG");
            loop {
                std::thread::park();
            }
        }
        let rotation_begins = self.rotation_begins();
        self.now.sequence += 1;
        let rotation_completes = self.switches.rotate.load(Ordering::Acquire) && self.now.sequence % 3 == 1;
        let position = |position: Option<i64>| position.map_or("-".to_owned(), |offset| offset.to_string());
        let [pos, account] = self.now.positions.map(position);
        let State { sequence, events, account_events, .. } = self.now;
        self.now.writer = writer.to_owned();
        let record = format!("{sequence} {events} {account_events} {pos} {account} {writer}");
        let records = vec![record.into_bytes()];
        JournalBatch { records, rotation_begins, rotation_completes, ruleset_change: None }
    }

    fn committed(&mut self) {
        self.switches.journals.store(0, Ordering::Release);
        self.before = self.now.clone();
    }

    fn aborted(&mut self) {
        self.now = self.before.clone();
    }

    fn positions(&self) -> Positions {
        // Ticks are none of its business, and of its scenes: none comes.
        let [pos, account] = self.now.positions;
        [pos, account, None].into()
    }

    fn entries(&self) -> usize {
        0
    }
}

/// The size of the outcome that a record asks for.
fn size_asked_for(text: &[u8]) -> Option<usize> {
    str::from_utf8(text).ok()?.strip_prefix("large ")?.parse().ok()
}

impl Restoring for Echo {
    fn on_record(&mut self, journal_record: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(journal_record);
        let fields: Vec<&str> = text.split(' ').collect();
        let number = |at: usize| fields[at].parse::<u64>().map_err(|error| error.to_string());
        let state = State {
            sequence: number(0)?,
            events: number(1)?,
            account_events: number(2)?,
            positions: [fields[3].parse().ok(), fields[4].parse().ok()],
            writer: fields[5].to_owned(),
        };
        // Every record holds the whole state, so that a journal may begin with any.
        if self.now.sequence != 0 && state.sequence != self.now.sequence + 1 {
            return Err(format!("record {} follows {}", state.sequence, self.now.sequence));
        }
        self.now = state.clone();
        self.before = state;
        Ok(())
    }

    fn writer(&self) -> Option<&str> {
        Some(&self.now.writer).filter(|writer| !writer.is_empty()).map(String::as_str)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Decider>, String> {
        Ok(self)
    }

    fn finish_as_it_is(self: Box<Self>) -> Result<Box<dyn Folded>, String> {
        Err("an echo is not looked at".to_owned())
    }
}
