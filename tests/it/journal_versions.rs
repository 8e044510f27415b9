//! Journals of every format version that was ever written: each still restores, whole and trimmed, to what it held then.
//!
//! `tests/journals/vN.zst` holds the journal of a partition as format N wrote it, `vN.txt` what was in it. A version that
//! is no longer written cannot be made again: `UPDATE_GOLDEN=1` writes the journal of the present version alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::state::rewritten;
use crate::support::history::{SETS, history};
use crate::support::stream::{Published, engine, options};
use tillgate::codec::journal::{ByteReader, ByteWriter, VERSION, read_record};
use tillgate::domain::code::Code;
use tillgate::load::draw::Draw;
use tillgate::pos::{Partition, PartitionOptions, Restore};

fn path(version: u8, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/journals/v{version}.{kind}"))
}

fn small() -> PartitionOptions {
    PartitionOptions {
        checkpoint_events_per_account: 1,
        rotation_events_min: 60,
        journal_record_bytes_max: 8 << 10,
        ..options()
    }
}

/// What an operator would call the state: enough to notice a field that is read wrongly, in words that outlive the code.
fn described(partition: &Partition) -> String {
    let state = partition.state();
    // Those that came later were not read in any of them.
    let positions: Vec<_> = partition.positions().iter().collect();
    assert_eq!(positions[2..], [None]);
    let mut text = format!(
        "positions {:?}, stream time {}, {} accounts\n",
        &positions[..2],
        state.stream_time(),
        state.accounts().len()
    );
    let mut accounts: Vec<_> = state.accounts().iter().collect();
    accounts.sort_by(|left, right| left.number.cmp(&right.number));
    for account in accounts {
        let _ = writeln!(
            text,
            "{} revision {} balance {} fees {} limit {} held {} correctable {} {} standing {:05b} {:?} {:?} \
             holds {:?} recent {:?}",
            account.number,
            account.revision,
            account.balance,
            account.fees,
            account.limit,
            account.held(),
            account.correctable.purchases,
            account.correctable.withdrawals,
            account.standing.0,
            account.currency,
            account.country,
            account.holds().iter().map(|hold| (hold.expires.0, hold.held.to_string())).collect::<Vec<_>>(),
            account.recent.iter().map(|recent| (recent.time.0, recent.id)).collect::<Vec<_>>(),
        );
    }
    text
}

/// A journal with several rotations, and records that had to be split.
fn write(version: u8) {
    let engine = engine(&SETS);
    let history = history(&engine, 4, 400, 1);
    let (mut partition, mut draw) = (Partition::new(engine, 0.into(), small()), Draw::of_slot(4, 9));
    let (mut journal, mut rest) = (ByteWriter::default(), &history[..]);
    while !rest.is_empty() {
        let (batch, after) = rest.split_at((draw.between(1, 40) as usize).min(rest.len()));
        let mut published = Published::default();
        batch.iter().for_each(|fed| published.feed(&mut partition, fed));
        for record in partition.journal("tillgate-till-1-0").records {
            journal.unsigned(record.len() as u64);
            journal.0.extend_from_slice(&record);
        }
        partition.committed();
        rest = after;
    }
    fs::create_dir_all(path(version, "zst").parent().expect("a folder")).expect("a folder");
    fs::write(path(version, "zst"), zstd::encode_all(&*journal.0, 19).expect("compressed")).expect("written");
    fs::write(path(version, "txt"), described(&partition)).expect("written");
}

fn records(version: u8) -> Vec<Vec<u8>> {
    let file = fs::File::open(path(version, "zst")).expect("the journal of that version");
    let bytes = zstd::decode_all(file).expect("compressed by zstd");
    let (mut reader, mut records) = (ByteReader::new(&bytes), Vec::new());
    while !reader.is_empty() {
        let length = reader.count().expect("a length");
        records.push(reader.take(length).expect("a record").to_vec());
    }
    records
}

fn restored(records: &[Vec<u8>]) -> Partition {
    let mut restore = Restore::new(Partition::new(engine(&SETS), 0.into(), small()));
    for record in records {
        restore.on_record(record).expect("a record that follows");
    }
    restore.finish().expect("a whole journal")
}

/// The codes of the answers that accounts would give again. They do not stand in the text above: versions 1 to 3 held the
/// same, whatever the messages said.
fn answers(partition: &Partition) -> BTreeMap<(String, String), Vec<Code>> {
    let accounts = partition.state().accounts().iter();
    let all = accounts.flat_map(|account| {
        let rare = account.rare.iter();
        let answers = rare.flat_map(|rare| {
            let refused =
                rare.refused.iter().map(|refused| (format!("{:?}", refused.event.place), &refused.messages));
            rare.answers.iter().map(|answer| (format!("{:?}", answer.of), &answer.messages)).chain(refused)
        });
        answers.map(|(of, messages)| {
            let codes = messages.iter().map(|message| message.code.clone());
            ((account.number.to_string(), of), codes.collect())
        })
    });
    all.collect()
}

#[test]
fn journals_of_every_format_version_restore_to_what_they_held() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write(VERSION);
        for version in 1..VERSION {
            let held = described(&restored(&records(version)));
            fs::write(path(version, "txt"), held).expect("written");
        }
    }
    let kept = [3, VERSION].map(|version| answers(&restored(&records(version))));
    for kept in &kept {
        assert!(kept.values().flatten().collect::<BTreeSet<_>>().len() > 8, "answers of many kinds");
    }
    for version in 1..=VERSION {
        let records = records(version);
        assert!(records.iter().all(|record| record[0] == version), "a journal of version {version}");
        let expected = fs::read_to_string(path(version, "txt")).expect("what it held");
        let whole = restored(&records);
        assert_eq!(described(&whole), expected, "version {version}, whole");
        assert_eq!(answers(&whole), kept[usize::from(version > 3)], "version {version}, answers");

        let heads: Vec<_> = records.iter().map(|record| read_record(record).expect("a head").head).collect();
        let last_whole = heads.iter().rposition(|head| head.rotation_completes).expect("a complete rotation");
        let begins = heads[..=last_whole]
            .iter()
            .rposition(|head| head.rotation_begins && head.part == 0)
            .expect("where it begins");
        assert!(begins > 0, "something before it is cut off");
        assert_eq!(described(&restored(&records[begins..])), expected, "version {version}, trimmed");
    }
}

/// Facts and parts of an account that came to the present version since stand in a record only where they are used.
#[test]
fn a_journal_of_the_present_version_is_written_as_it_was() {
    for record in records(VERSION) {
        assert!(rewritten(&record) == record);
    }
}
