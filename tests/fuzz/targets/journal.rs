//! The journal's bytes: records, full states of accounts, and whole journals.

use tillgate::codec::journal::{
    ByteReader, ByteWriter, read_account, read_change, read_record, write_account, write_change, write_record,
};
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::record::RecordTime;
use tillgate::pipeline::{Division, InputRecord, check_record};
use tillgate::pos::{Input, Partition, Pos, Restore};
use tillgate::state::{Account, FactsOfAccount};

use super::judge::{Judge, SCHEMAS, new_partition};
use super::partition::assert_same;

/// An event that nothing is wrong with.
const GOOD: &str = r#"{"accountNumber":"A","eventType":"Purchase","categoryType":"Sales","time":"2025-06-15T12:00:00Z","totalTax":0.20,"totalAmount":1.20,"items":[{"itemId":"1","itemDescription":"Bread","unitCode":"C62","quantity":1,"unitPrice":1.20,"netAmount":1.00,"taxAmount":0.20,"grossAmount":1.20}],"currency":"EUR","countryCode":"DE","conversationLanguage":"DE"}"#;

/// What is read is written and read alike, and from then on to the same bytes.
pub fn record(bytes: &[u8]) {
    for partitions in [0, 3] {
        drop(check_record::<Pos>(bytes, Division { partitioner: Partitioner::Murmur2, partitions }));
    }
    let Some(written) = again(bytes) else { return };
    let twice = again(&written).expect("what was written reads");
    assert_eq!(written, twice, "the same record gives the same bytes");
}

/// The record rewritten, of what was read from it; it must read back as the same.
fn again(bytes: &[u8]) -> Option<Vec<u8>> {
    let record = read_record(bytes).ok()?;
    let (count, mut input) = record.changes;
    let (changes, accounts) = read_all(count, record.entries, &mut input)?;
    if !input.is_empty() {
        return None;
    }
    let (mut facts, mut states) = (ByteWriter::default(), ByteWriter::default());
    changes.iter().for_each(|change| write_change(&mut facts, change));
    accounts.iter().for_each(|account| write_account(&mut states, account));
    let written = write_record(&record.head, (changes.len(), &facts.0), (accounts.len(), &states.0));
    let second = read_record(&written).expect("what was written reads");
    assert_eq!(second.head, record.head);
    let (count, mut input) = second.changes;
    let read = read_all(count, second.entries, &mut input).expect("what was written reads");
    assert_eq!(read, (changes, accounts));
    assert!(input.is_empty());
    Some(written)
}

fn read_all<'a>(
    changes: usize,
    accounts: usize,
    input: &mut ByteReader<'a>,
) -> Option<(Vec<FactsOfAccount<'a>>, Vec<Account>)> {
    let changes = (0..changes).map(|_| read_change(input).ok()).collect::<Option<_>>()?;
    let accounts = (0..accounts).map(|_| read_account(input).ok()).collect::<Option<_>>()?;
    Some((changes, accounts))
}

/// An account's full state, as for records.
pub fn account(bytes: &[u8]) {
    let Ok(account) = read_account(&mut ByteReader::new(bytes)) else { return };
    let mut written = ByteWriter::default();
    write_account(&mut written, &account);
    let again = read_account(&mut ByteReader::new(&written.0)).expect("what was written reads");
    assert_eq!(account, again);
    let mut twice = ByteWriter::default();
    write_account(&mut twice, &again);
    assert_eq!(written.0, twice.0, "the same account gives the same bytes");
}

/// A journal, its records behind their lengths: refused, or a state that decides on and restores to the same again.
pub fn restore(bytes: &[u8]) {
    let mut records = Vec::new();
    let mut input = ByteReader::new(bytes);
    while let Ok(record) = input.count().and_then(|length| input.take(length)) {
        records.push(record.to_vec());
        if input.is_empty() {
            break;
        }
    }
    let Some(mut partition) = restored(&records) else { return };
    let Some(offset) = next_offset(&partition) else { return };
    let value = GOOD.as_bytes();
    let record = InputRecord {
        input: Input::PosEvents as usize,
        partition: 0.into(),
        offset,
        timestamp_millis: 1_750_000_000_000,
        time: RecordTime::of_millis(1_750_000_000_000),
        key: Some(b"A"),
        value: Some(value),
        schema_guid: None,
        request_id: None,
    };
    Judge::feed(&mut partition, &SCHEMAS, &record);
    records.extend(partition.journal("fuzz").records);
    partition.committed();
    let again = restored(&records).expect("what a partition journals restores");
    assert_same(&partition, &again);
}

/// Offsets end somewhere, and no journal of ours comes near.
fn next_offset(partition: &Partition) -> Option<i64> {
    let near = |number: u64| number < u64::MAX >> 1;
    let (sequence, rotation) = partition.journalled();
    let offset = partition.positions()[0].unwrap_or(0);
    (near(sequence) && near(rotation) && offset < i64::MAX >> 1).then_some(offset)
}

fn restored(records: &[Vec<u8>]) -> Option<Partition> {
    let mut restore = Restore::new(new_partition(false));
    for record in records {
        restore.on_record(record).ok()?;
    }
    restore.finish().ok()
}
