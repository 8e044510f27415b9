//! A partition that takes in one record after another: all inputs, commits, aborts, and at the end a restore.

use std::borrow::Cow;
use std::collections::BTreeMap;

use tillgate::codec::json::{peek_account_event, peek_pos_event};
use tillgate::codec::tick::{read_tick, write_tick};
use tillgate::codec::{decode_account_event, decode_pos_event};
use tillgate::domain::Micros;
use tillgate::domain::flow::Positions;
use tillgate::domain::limits::JOURNAL_RECORD_BYTES_MIN;
use tillgate::domain::record::RecordTime;
use tillgate::pipeline::InputRecord;
use tillgate::pos::{Input, Partition, Restore};
use tillgate::state::Account;

use super::judge::{Judge, SCHEMAS, new_partition};

/// Records that one input is cut into, at most.
const RECORDS_MAX: usize = 200;

/// A record among others: a byte of what is done with it, the length of its value in two bytes, its value.
///
/// Each is answered as its input owes; an aborted batch never was; the journal restores to the state.
pub fn records(bytes: &[u8]) {
    let lenient = bytes.first().is_some_and(|byte| byte & 1 != 0);
    let mut rest = bytes.get(1..).unwrap_or_default();
    let mut partition = new_partition(lenient);
    let (mut journal, mut committed, mut time) = (Vec::new(), known(&partition), 1_750_000_000_000);
    for _ in 0..RECORDS_MAX {
        let Some((does, value)) = next(&mut rest) else { break };
        let input = match does & 1 {
            0 => Input::PosEvents,
            _ if value.starts_with(br#"{"kind":"#) => Input::Ticks,
            _ => Input::AccountEvents,
        };
        time += [1_000, 0, 3_600_000, -60_000][usize::from(does >> 6)];
        let account = account_of(input, value);
        let key = match does >> 1 & 3 {
            0 => Some(value.get(..8).unwrap_or(b"A")),
            1 => Some(&b"A"[..]),
            _ => Some(account.as_deref().unwrap_or("A").as_bytes()),
        };
        let millis = if does & 0x20 == 0 { time } else { -1 };
        let record = InputRecord {
            input: input as usize,
            partition: 0.into(),
            offset: partition.positions()[input as usize].unwrap_or(0),
            timestamp_millis: millis,
            // A lenient one takes lines of files, whose own times move stream time.
            time: if lenient && millis < 0 { RecordTime::Line } else { RecordTime::of_millis(millis) },
            key,
            value: Some(value),
            schema_guid: None,
            request_id: None,
        };
        Judge::feed(&mut partition, &SCHEMAS, &record);
        match does >> 3 & 3 {
            1 => {
                journal.extend(commit(&mut partition));
                committed = known(&partition);
            }
            2 => {
                partition.aborted();
                assert_eq!(known(&partition), committed, "an aborted batch never was");
            }
            _ => {}
        }
    }
    journal.extend(commit(&mut partition));
    let mut restore = Restore::new(new_partition(lenient));
    for record in &journal {
        restore.on_record(record).expect("a journal of ours");
    }
    assert_same(&restore.finish().expect("a journal of ours"), &partition);
}

/// The account that a record is for, by what it says itself.
fn account_of(input: Input, value: &[u8]) -> Option<Cow<'_, str>> {
    match (input, value.first() == Some(&b'{')) {
        (Input::PosEvents, true) => peek_pos_event(value).account,
        (Input::AccountEvents, true) => peek_account_event(value).account,
        (Input::PosEvents, false) => decode_pos_event(&*SCHEMAS, value, None).ok()?.account_number,
        (Input::AccountEvents, false) => {
            Some(Cow::Owned(decode_account_event(&*SCHEMAS, value, None).ok()?.account))
        }
        (Input::Ticks, _) => Some(Cow::Borrowed("0")),
    }
}

fn next<'b>(rest: &mut &'b [u8]) -> Option<(u8, &'b [u8])> {
    let [does, low, high, bytes @ ..] = *rest else { return None };
    let length = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
    let (value, after) = bytes.split_at(length);
    *rest = after;
    Some((*does, value))
}

fn commit(partition: &mut Partition) -> Vec<Vec<u8>> {
    let records = partition.journal("fuzz").records;
    for record in &records {
        assert!(record.len() <= JOURNAL_RECORD_BYTES_MIN, "a journal record of {} bytes", record.len());
    }
    partition.committed();
    records
}

/// What a partition knows.
type Known = (BTreeMap<String, Account>, Micros, Positions);

fn known(partition: &Partition) -> Known {
    let accounts = partition.state().accounts().iter();
    let accounts = accounts.map(|account| (account.number.to_string(), account.clone())).collect();
    (accounts, partition.state().stream_time(), partition.positions().clone())
}

/// Both know the same.
pub fn assert_same(left: &Partition, right: &Partition) {
    assert_eq!(known(left), known(right));
}

/// The value of a tick: it reads as what was written of it, and moves no time past its record's own.
pub fn tick(bytes: &[u8]) {
    if let Ok(tick) = read_tick(bytes) {
        assert_eq!(read_tick(&write_tick(&tick)), Ok(tick), "what was written reads alike");
    }
    for millis in [0, 1_750_000_000_000] {
        let mut partition = new_partition(false);
        let record = InputRecord {
            input: Input::Ticks as usize,
            partition: 0.into(),
            offset: 0,
            timestamp_millis: millis,
            time: RecordTime::of_millis(millis),
            key: Some(b"0"),
            value: Some(bytes),
            schema_guid: None,
            request_id: None,
        };
        Judge::feed(&mut partition, &SCHEMAS, &record);
        let time = partition.state().stream_time();
        assert!(time <= Micros::from_millis(millis).max(Micros(0)), "{time} is later than its record");
    }
}
