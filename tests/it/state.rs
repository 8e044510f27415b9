//! What must hold of a partition whatever comes in: the state is the fold of its journal, an aborted batch never was, the
//! same inputs give the same bytes however they are cut, the books balance, and a journal that is not whole is refused.
//! Inputs come from seeds; a failure names the seed.

mod places;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::support::history::{SETS, history, of};
use crate::support::stream::{Fed, Published, Said, engine, options};
use proptest::prelude::*;
use tillgate::codec::journal::{
    ByteWriter, Head, read_account, read_change, read_record, write_account, write_change, write_record,
};
use tillgate::codec::rulesets::RulesetChange;
use tillgate::domain::account_event::AccountChange;
use tillgate::domain::flow::{Positions, Unit};
use tillgate::domain::ids::TransactionId;
use tillgate::domain::limits::{JOURNAL_RECORD_BYTES_MIN, STORED_MESSAGES_MAX};
use tillgate::domain::outcome::Message;
use tillgate::domain::{Micros, PartitionId};
use tillgate::engine::Engine;
use tillgate::load::draw::Draw;
use tillgate::pipeline::{JournalBatch, LayoutFault, Reset, RestoreFault, check_record};
use tillgate::pos::{FLOW, Input, Partition, PartitionOptions, Pos, Restore};
use tillgate::state::Account;

const WRITER: &str = "tillgate-test-0";

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| engine(&SETS));

fn partition(options: PartitionOptions) -> Partition {
    Partition::new(ENGINE.clone(), 0.into(), options)
}

/// Everything that a partition knows, in an order that does not depend on how it came to know it.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    accounts: BTreeMap<String, Account>,
    stream_time: Micros,
    positions: Positions,
    next_to_expire: Option<(String, TransactionId)>,
}

fn known(partition: &Partition) -> Known {
    let state = partition.state();
    let expiring = state.expired_hold(Micros(i64::MAX));
    let first = state
        .accounts()
        .iter()
        .flat_map(|account| {
            account.holds().iter().map(move |hold| (hold.expires, hold.place, hold.transaction_id))
        })
        .min();
    assert_eq!(
        expiring.map(|(_, id)| id),
        first.map(|(_, _, id)| id),
        "the order of holds is that of the accounts'"
    );
    Known {
        accounts: state
            .accounts()
            .iter()
            .map(|account| (account.number.to_string(), account.clone()))
            .collect(),
        stream_time: state.stream_time(),
        positions: partition.positions().clone(),
        next_to_expire: expiring.map(|(account, id)| (account.number.to_string(), id)),
    }
}

/// Panics on the first account that differs, not on a wall of all of them.
#[track_caller]
fn assert_same(left: &Partition, right: &Partition, what: &str) {
    let (left, right) = (known(left), known(right));
    for (number, account) in &left.accounts {
        assert_eq!(Some(account), right.accounts.get(number), "{what}");
    }
    assert_eq!(left, right, "{what}");
}

/// Feeds a batch and commits it; its journal records go to the log.
fn commit(partition: &mut Partition, batch: &[Fed], published: &mut Published) -> JournalBatch {
    for fed in batch {
        published.feed(partition, fed);
    }
    let journal = partition.journal(WRITER);
    partition.committed();
    journal
}

fn restored(log: &[Vec<u8>], options: PartitionOptions) -> Result<Partition, RestoreFault> {
    let mut restore = Restore::new(partition(options));
    for record in log {
        restore.on_record(record)?;
    }
    restore.finish()
}

/// Cuts a history into batches of drawn sizes.
fn batches<'h>(history: &'h [Fed], draw: &mut Draw, most: u32) -> Vec<&'h [Fed]> {
    let (mut batches, mut rest) = (Vec::new(), history);
    while !rest.is_empty() {
        let (batch, after) = rest.split_at((draw.between(1, most) as usize).min(rest.len()));
        batches.push(batch);
        rest = after;
    }
    batches
}

/// What one partition makes of the whole history in one batch.
fn at_once(history: &[Fed]) -> (Partition, Published) {
    let (mut partition, mut published) = (partition(options()), Published::default());
    commit(&mut partition, history, &mut published);
    (partition, published)
}

/// A log and where its complete rotations begin.
#[derive(Default)]
struct Log {
    records: Vec<Vec<u8>>,
    /// Where each transaction begins.
    transactions: Vec<usize>,
    rotation_began: Option<usize>,
    trimmable: Vec<usize>,
}

impl Log {
    fn append(&mut self, batch: JournalBatch) {
        let begin = self.records.len();
        self.transactions.push(begin);
        self.records.extend(batch.records);
        if batch.rotation_begins {
            self.rotation_began = Some(begin);
        }
        if batch.rotation_completes {
            self.trimmable.extend(self.rotation_began.take());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    /// A restore takes the live partition's place now and then, which also begins a new rotation; its beginning may then
    /// be all that is left of the log. What comes out is what an undisturbed partition says.
    #[test]
    fn the_state_is_the_fold_of_the_journal_whole_or_trimmed(seed in any::<u64>(), per_account in 1u32..4) {
        let history = history(&ENGINE, seed, 150, 1);
        let options = || PartitionOptions { checkpoint_events_per_account: per_account, ..options() };
        let mut draw = Draw::of_slot(seed, 1);
        let (mut live, mut published, mut log) = (partition(options()), Published::default(), Log::default());
        for batch in batches(&history, &mut draw, 40) {
            log.append(commit(&mut live, batch, &mut published));
            let whole = restored(&log.records, options()).expect("a whole journal");
            assert_same(&live, &whole, "restored from the whole journal");
            for begin in &log.trimmable {
                let earlier: Vec<usize> =
                    log.transactions.iter().copied().filter(|place| place <= begin).collect();
                let from = *draw.one_of(&earlier[earlier.len().saturating_sub(3)..]);
                let trimmed = restored(&log.records[from..], options()).expect("a trimmed journal");
                assert_same(&live, &trimmed, "restored from a trimmed journal");
                if draw.per_mille(100) {
                    live = trimmed;
                }
            }
            if draw.per_mille(150) {
                live = whole;
            }
        }
        let (undisturbed, said) = at_once(&history);
        prop_assert!(published == said, "a restored partition says the same bytes");
        assert_same(&live, &undisturbed, "live and undisturbed");
    }

    #[test]
    fn an_aborted_batch_never_was(seed in any::<u64>()) {
        let history = history(&ENGINE, seed, 150, 1);
        let mut draw = Draw::of_slot(seed, 2);
        let (mut live, mut all) = (partition(options()), Published::default());
        for batch in batches(&history, &mut draw, 40) {
            let before = known(&live);
            let mut journals = Vec::new();
            let tries = draw.between(1, 3);
            for attempt in 1..=tries {
                let mut published = Published::default();
                // A batch may be aborted before its journal was asked for, and come again cut shorter.
                let taken = if attempt < tries { draw.between(1, batch.len() as u32) as usize } else { batch.len() };
                for fed in &batch[..taken] {
                    published.feed(&mut live, fed);
                }
                if attempt < tries {
                    if draw.per_mille(700) {
                        journals.push((taken, live.journal(WRITER), published));
                    }
                    live.aborted();
                    prop_assert!(known(&live) == before, "as it was before the batch");
                    continue;
                }
                let journal = live.journal(WRITER);
                for (_, earlier, said) in journals.iter().filter(|(taken, ..)| *taken == batch.len()) {
                    prop_assert!(earlier.records == journal.records && *said == published, "the same bytes again");
                }
                live.committed();
                all.outcomes.extend(published.outcomes);
                all.dead_letters.extend(published.dead_letters);
            }
        }
        let (undisturbed, said) = at_once(&history);
        prop_assert!(all.outcomes == said.outcomes && all.dead_letters == said.dead_letters);
        assert_same(&live, &undisturbed, "aborts leave nothing behind");
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes_however_they_are_cut(seed in any::<u64>(), count in 1u32..5) {
        let history = history(&ENGINE, seed, 150, count);
        let new = |number| Partition::new(ENGINE.clone(), number, of(count));
        let mut together: Vec<(Partition, Published)> =
            PartitionId::all(count).map(|number| (new(number), Published::default())).collect();
        for fed in &history {
            let (partition, published) = &mut together[fed.partition.index()];
            published.feed(partition, fed);
        }
        for (number, (partition, published)) in PartitionId::all(count).zip(&together) {
            let own: Vec<Fed> = history.iter().filter(|fed| fed.partition == number).cloned().collect();
            for most in [1, 7, 1_000] {
                let (mut alone, mut said) = (new(number), Published::default());
                for batch in batches(&own, &mut Draw::of_slot(seed, 3), most) {
                    commit(&mut alone, batch, &mut said);
                }
                prop_assert!(said == *published, "batches of up to {}", most);
                assert_same(&alone, partition, "alone and among others");
            }
        }
    }

    #[test]
    fn the_books_balance_and_every_event_has_one_answer(seed in any::<u64>()) {
        let history = history(&ENGINE, seed, 300, 1);
        let (partition, published) = at_once(&history);
        assert_one_answer_each(&history, &published);
        assert_ends_are_single(&published.outcomes);
        let paid = payments(&history, &published);
        for account in partition.state().accounts().iter() {
            let outcomes = || published.outcomes.iter().filter(|said| *said.account == *account.number);
            let posted = outcomes().filter_map(|said| said.posted).fold(0, |sum, amount| sum + amount.ten_thousandths());
            let paid = paid.get(&*account.number).copied().unwrap_or_default();
            prop_assert_eq!(account.balance.ten_thousandths(), posted - paid, "balance of {}", &account.number);
            prop_assert!(!account.held().is_negative() && !account.fees.is_negative());
            let left = account.correctable;
            prop_assert!([left.purchases, left.withdrawals, left.fees].iter().all(|left| !left.is_negative()));
        }
    }

    #[test]
    fn a_journal_that_is_not_whole_is_refused(seed in any::<u64>(), place in any::<prop::sample::Index>()) {
        let history = history(&ENGINE, seed, 60, 1);
        let small = || PartitionOptions { journal_record_bytes_max: 4 << 10, ..options() };
        let (mut live, mut log) = (partition(small()), Log::default());
        for batch in batches(&history, &mut Draw::of_slot(seed, 4), 40) {
            log.append(commit(&mut live, batch, &mut Published::default()));
        }
        let records = &log.records;
        let place = place.index(records.len());
        let mut missing = records.clone();
        missing.remove(place);
        // Without its last transaction a journal is an earlier one; so it is where that has one record only.
        let earlier = place + 1 == records.len() && log.transactions.last() == Some(&place);
        let refused = restored(&missing, small());
        prop_assert!(earlier || refused.is_err(), "record {} of {} is missing", place, records.len());
        let mut twice = records.clone();
        twice.insert(place, records[place].clone());
        prop_assert!(matches!(restored(&twice, small()), Err(RestoreFault::Gap { .. })), "twice at {}", place);
        let mut torn = Restore::new(Partition::new(ENGINE.clone(), 1.into(), small()));
        let foreign = torn.on_record(&records[place]);
        prop_assert_eq!(foreign, Err(RestoreFault::Foreign {
            expected: Unit { flow: &FLOW, partition: 1.into() },
            flow: "pos".to_owned(),
            partition: 0.into()
        }));
        if let Some(begin) = log.transactions.get(1) {
            let beheaded = restored(&records[*begin..], small());
            prop_assert!(matches!(beheaded, Err(RestoreFault::Incomplete { .. })), "no rotation is left");
        }
    }

    #[test]
    fn journal_records_read_back_and_damage_never_panics(
        seed in any::<u64>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0u32..8), 40),
    ) {
        let history = history(&ENGINE, seed, 40, 1);
        let (mut live, mut log) = (partition(options()), Log::default());
        for batch in batches(&history, &mut Draw::of_slot(seed, 5), 60) {
            log.append(commit(&mut live, batch, &mut Published::default()));
        }
        for record in &log.records {
            prop_assert!(rewritten(record) == *record);
        }
        for (place, bit) in damage {
            let mut damaged = log.records.clone();
            let victim = place.index(damaged.len());
            let byte = place.index(damaged[victim].len());
            damaged[victim][byte] ^= 1 << bit;
            let _ = restored(&damaged, options());
            damaged[victim].truncate(byte);
            prop_assert!(restored(&damaged, options()).is_err(), "cut at {}", byte);
        }
    }

    #[test]
    fn records_stay_below_their_bound_and_fold_to_the_same_state(seed in any::<u64>(), most in 16usize..48) {
        let history = history(&ENGINE, seed, 250, 1);
        let options = || PartitionOptions { journal_record_bytes_max: most << 10, ..options() };
        let (mut live, mut log) = (partition(options()), Log::default());
        log.append(commit(&mut live, &history, &mut Published::default()));
        prop_assert!(log.records.len() > 2, "facts and checkpoint are split");
        for record in &log.records {
            prop_assert!(record.len() <= most << 10, "{} bytes of {}", record.len(), most << 10);
        }
        assert_same(&live, &restored(&log.records, options()).expect("a journal"), "in parts");
    }
}

/// Every POS event has one outcome of its own, in order, or a dead letter; no account event has one of its own.
fn assert_one_answer_each(history: &[Fed], published: &Published) {
    let own: Vec<(Input, i64)> =
        published.outcomes.iter().filter(|said| said.supersedes.is_none()).map(|said| said.source).collect();
    let events = history.iter().filter(|fed| fed.input == Input::PosEvents);
    let answered: Vec<(Input, i64)> =
        events.clone().filter(|fed| fed.key.is_some()).map(|fed| (fed.input, fed.offset)).collect();
    assert_eq!(own, answered);
    for event in events.filter(|fed| fed.key.is_none()) {
        let letters = published.dead_letters.iter().filter(|(at, ..)| *at == (event.input, event.offset));
        assert_eq!(letters.count(), 1);
    }
    let ids: std::collections::BTreeSet<_> = published.outcomes.iter().map(|said| said.id).collect();
    assert_eq!(ids.len(), published.outcomes.len(), "every outcome has an id of its own");
}

/// A Pending outcome ends once at most, after it was said, and is the same account's.
fn assert_ends_are_single(outcomes: &[Said]) {
    let mut open: BTreeMap<TransactionId, &Said> = BTreeMap::new();
    for said in outcomes {
        if let Some(first) = said.supersedes {
            let pending = open.remove(&first).expect("an open Pending outcome");
            assert_eq!(pending.account, said.account);
        } else if said.verdict.symbol() == "Pending" && !said.codes().contains(&"pos.idempotency.repeat") {
            open.insert(said.id, said);
        }
    }
}

/// What was paid per account, in ten-thousandths, cash advances below zero: by the events, told without the engine.
fn payments(history: &[Fed], published: &Published) -> BTreeMap<String, i64> {
    let mut paid: BTreeMap<String, i64> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for fed in history.iter().filter(|fed| fed.input == Input::AccountEvents) {
        if published.dead_letters.iter().any(|(at, ..)| *at == (fed.input, fed.offset)) {
            continue;
        }
        let value = fed.value.as_deref().expect("a value");
        let event = tillgate::codec::json::read_account_event(value).expect("an account event");
        if !seen.insert(event.id.clone()) {
            continue;
        }
        let minor = match event.change {
            AccountChange::Payment { amount, status, .. } if status == "success" => amount,
            AccountChange::Payment { amount, status, .. } if status == "reversed" => -amount,
            AccountChange::CashAdvance { amount } => -amount,
            _ => 0,
        };
        *paid.entry(event.account).or_default() += minor * 100;
    }
    paid
}

/// A record taken apart and put together again.
pub(crate) fn rewritten(bytes: &[u8]) -> Vec<u8> {
    rewritten_as(bytes, |head| head)
}

fn rewritten_as(bytes: &[u8], head: impl Fn(Head) -> Head) -> Vec<u8> {
    let record = read_record(bytes).expect("a record");
    let (count, mut input) = record.changes;
    let (mut changes, mut accounts) = (ByteWriter::default(), ByteWriter::default());
    for _ in 0..count {
        write_change(&mut changes, &read_change(&mut input).expect("a change"));
    }
    for _ in 0..record.entries {
        write_account(&mut accounts, &read_account(&mut input).expect("an account"));
    }
    assert!(input.is_empty());
    write_record(&head(record.head), (count, &changes.0), (record.entries, &accounts.0))
}

/// A till whose every line is off, again and again: what the account remembers of it must still fit into a record.
#[test]
fn the_account_of_a_broken_till_fits_into_a_journal_record() {
    let most = JOURNAL_RECORD_BYTES_MIN;
    let options = || PartitionOptions { journal_record_bytes_max: most, ..options() };
    let engine = engine(&["checks.account.unknown=open"]);
    let mut live = Partition::new(engine.clone(), 0.into(), options());
    let (mut log, mut published) = (Log::default(), Published::default());
    for offset in 0..100 {
        let fed = Fed::pos(offset, "A", broken_till(offset));
        log.append(commit(&mut live, &[fed], &mut published));
        if offset % 25 == 24 {
            // A new rotation, so that the account's full state is written.
            let mut restore = Restore::new(Partition::new(engine.clone(), 0.into(), options()));
            log.records.iter().for_each(|record| restore.on_record(record).expect("a record"));
            live = restore.finish().expect("a journal");
        }
    }
    assert!(published.outcomes.iter().all(|said| said.messages.len() > 40));
    let longest = log.records.iter().map(Vec::len).max();
    assert!(longest <= Some(most), "{longest:?} bytes of {most}");
    // The last answers are still there, as far as machines read them.
    let again = Fed { offset: 100, ..Fed::pos(0, "A", broken_till(99)) };
    published.feed(&mut live, &again);
    let (first, repeat) = (&published.outcomes[99], &published.outcomes[100]);
    let kept = |said: &Said| -> Vec<_> {
        let is_own = |message: &&Message| message.code.as_str() != "pos.idempotency.repeat";
        let messages = said.messages.iter().filter(is_own).take(STORED_MESSAGES_MAX);
        messages.map(|message| (message.code.clone(), message.action, message.field.clone())).collect()
    };
    assert_eq!(kept(repeat), kept(first));
    assert!(repeat.codes().contains(&"pos.idempotency.repeat"));
}

fn broken_till(number: i64) -> String {
    let item = r#"{"itemId":"1","itemDescription":"Something","unitCode":"C62","quantity":123456.789,"unitPrice":98765.4321,"netAmount":12345678901.12,"taxAmount":98765432.10,"discount":1234.5678,"grossAmount":999999999.99}"#;
    let items = vec![item; 200].join(",");
    format!(
        r#"{{"accountNumber":"A","eventType":"Purchase","categoryType":"Payout","time":"2025-01-06T12:00:{:02}Z","posId":"P","nfcId":"N","totalTax":1.20,"totalAmount":999999999.99,"items":[{items}],"currency":"SEK","accountTransactionId":"T-{number}","countryCode":"NO","conversationLanguage":"DK"}}"#,
        number % 60
    )
}

#[test]
fn counters_at_their_end_are_refused_and_do_not_panic() {
    let of_pos = Head { flow: FLOW.name.into(), positions: Positions::none(&FLOW), ..Head::default() };
    let head = |sequence, part, parts| Head { sequence, part, parts, ..of_pos.clone() };
    let record = |head: &Head| write_record(head, (0, &[]), (0, &[]));
    let mut restore = Restore::new(partition(options()));
    restore.on_record(&record(&head(u64::MAX, 0, 1))).expect("the first record may be any");
    let after = restore.on_record(&record(&head(0, 0, 1)));
    assert!(matches!(after, Err(RestoreFault::Gap { .. })), "{after:?}");
}

/// The record with only the first `inputs` of its positions, as a release wrote it that knew no more inputs.
fn of_fewer_inputs(bytes: &[u8], inputs: usize) -> Vec<u8> {
    let record = read_record(bytes).expect("a record");
    let (changes, mut rest) = record.changes;
    let positions = record.head.positions.iter().take(inputs).collect();
    let rest = rest.take(rest.len()).expect("what is left");
    write_record(&Head { positions, ..record.head }, (changes, rest), (record.entries, &[]))
}

#[test]
fn an_input_that_a_flow_got_later_begins_at_its_first_record() {
    let written = log_of(1, 5);
    let whole = restored(&written.records, options()).expect("a journal");
    let fewer: Vec<_> = written.records.iter().map(|record| of_fewer_inputs(record, 1)).collect();
    let found = restored(&fewer, options()).expect("a journal");
    assert_eq!(found.positions().iter().collect::<Vec<_>>(), [whole.positions()[0], None, None]);
    assert_eq!(found.state().accounts().len(), whole.state().accounts().len());
    let with_one_more = |record: &Vec<u8>| {
        let record = read_record(record).expect("a record");
        let positions = record.head.positions.iter().chain([None]).collect();
        write_record(&Head { positions, ..record.head }, (0, &[]), (0, &[]))
    };
    let more = Restore::new(partition(options())).on_record(&with_one_more(&written.records[0]));
    assert!(matches!(more, Err(RestoreFault::Foreign { .. })), "{more:?}");
}

/// A transaction that begins a partition's state anew, with the accounts of `held`, in the place after `log`.
fn reset_to(held: &Partition, log: &[Vec<u8>]) -> Vec<u8> {
    let last = read_record(log.last().expect("a journal")).expect("a record").head;
    let mut accounts = ByteWriter::default();
    held.state().accounts().iter().for_each(|account| write_account(&mut accounts, account));
    let head = Head {
        sequence: last.sequence + 1,
        part: 0,
        parts: 1,
        stream_time: held.state().stream_time(),
        positions: held.positions().clone(),
        rotation: last.rotation + 1,
        rotation_begins: true,
        rotation_completes: true,
        resets: true,
        ..last
    };
    write_record(&head, (0, &[]), (held.state().accounts().len(), &accounts.0))
}

#[test]
fn a_reset_makes_void_what_was_folded_before() {
    let feed = |seed, events| {
        let (mut live, mut log) = (partition(options()), Log::default());
        let history = history(&ENGINE, seed, events, 1);
        for batch in batches(&history, &mut Draw::of_slot(seed, 5), 20) {
            log.append(commit(&mut live, batch, &mut Published::default()));
        }
        (live, log.records)
    };
    let (before, mut log) = feed(1, 80);
    let (other, _) = feed(2, 50);
    log.push(reset_to(&other, &log));
    let from_the_start = restored(&log, options()).expect("a whole journal");
    assert_same(&from_the_start, &other, "restored over a reset");
    assert!(!before.state().accounts().is_empty());
    let from_the_reset = restored(&log[log.len() - 1..], options()).expect("a reset is enough");
    assert_same(&from_the_reset, &other, "restored from the reset on");
    let mut goes_on = from_the_reset;
    log.extend(commit(&mut goes_on, &history(&ENGINE, 3, 20, 1), &mut Published::default()).records);
    assert_same(&restored(&log, options()).expect("a whole journal"), &goes_on, "decided on after a reset");
}

#[test]
fn a_change_of_the_ruleset_is_noted_once_with_the_positions_before_the_batch() {
    let other = engine(&["checks.limit.first_amount.enabled=false"]);
    let history = history(&ENGINE, 4, 90, 1);
    let mut parts = history.chunks(30);
    let mut next = || parts.next().expect("a part");
    let (mut live, mut log) = (partition(options()), Log::default());
    let first = commit(&mut live, next(), &mut Published::default());
    let change =
        |engine: &Engine, positions| Some(RulesetChange { ruleset: engine.ruleset_hash(), positions });
    assert_eq!(first.ruleset_change, change(&ENGINE, [None; 3].into()), "the first batch of all");
    log.append(first);
    live.decide_by(Arc::clone(&other));
    let before = live.positions().clone();
    for fed in next() {
        Published::default().feed(&mut live, fed);
    }
    assert_eq!(live.journal(WRITER).ruleset_change, change(&other, before.clone()));
    live.aborted();
    let second = commit(&mut live, next(), &mut Published::default());
    assert_eq!(second.ruleset_change, change(&other, before.clone()), "an aborted batch has noted nothing");
    log.append(second);
    let third = commit(&mut live, &history[60..], &mut Published::default());
    assert_eq!(third.ruleset_change, None);
    log.append(third);
    let mut restored = restored(&log.records, options()).expect("a whole journal");
    let before = restored.positions().clone();
    let fourth = commit(&mut restored, &history[60..], &mut Published::default());
    assert_eq!(
        fourth.ruleset_change,
        change(&ENGINE, before.clone()),
        "a new owner that decides by another ruleset"
    );
}

/// The journal of a partition of inputs that have so many.
fn log_of(partitions: u32, seed: u64) -> Log {
    let options = PartitionOptions { input_partitions: partitions, ..options() };
    let (mut live, mut log) = (partition(options), Log::default());
    let own =
        history(&ENGINE, seed, 60, partitions.max(1)).into_iter().filter(|fed| fed.partition == 0.into());
    log.append(commit(&mut live, &own.collect::<Vec<_>>(), &mut Published::default()));
    log
}

#[test]
fn a_state_rewritten_counts_only_once_it_is_whole() {
    let log = log_of(1, 1);
    let held = restored(&log_of(1, 2).records, options()).expect("a journal");
    let last = read_record(log.records.last().expect("a journal")).expect("a record").head;
    let head = Head { stream_time: held.state().stream_time(), positions: held.positions().clone(), ..last };
    // One account a record.
    let mut reset = Reset::after(head, 1);
    let mut anew: Vec<_> = held
        .state()
        .accounts()
        .iter()
        .map(|account| reset.add(|out| write_account(out, account)).expect("a full record"))
        .collect();
    anew.push(reset.finish());
    assert!(anew.len() > 3, "{} records", anew.len());
    let whole = [&log.records[..], &anew].concat();
    assert_same(&restored(&whole, options()).expect("a journal"), &held, "over what was there");
    assert_same(&restored(&anew, options()).expect("a journal"), &held, "from where it begins");
    for torn in log.records.len() + 1..whole.len() {
        let found = restored(&whole[..torn], options()).map(|_| ());
        assert!(
            matches!(found, Err(RestoreFault::Incomplete { .. })),
            "{torn} of {}: {found:?}",
            whole.len()
        );
    }
    let found =
        restored(&[&whole[..log.records.len() + 1], &whole[log.records.len() + 2..]].concat(), options());
    assert!(matches!(found, Err(RestoreFault::Gap { .. })), "one is missing");
}

#[test]
fn a_journal_of_another_number_of_partitions_is_refused_with_both_and_the_way_out() {
    let text =
        |log: &Log, now| restored(&log.records, of(now)).map(|_| ()).expect_err("a refusal").to_string();
    let log = log_of(4, 1);
    let grown = text(&log, 6);
    for part in ["of 4 partitions, and they have 6", "tillgate topics repartition --partitions 6"] {
        assert!(grown.contains(part), "{grown}");
    }
    assert!(text(&log, 3).contains("must be started again"), "{}", text(&log, 3));
    assert!(restored(&log.records, of(4)).is_ok() && restored(&log.records, of(0)).is_ok());
    let mut both = log_of(4, 1);
    let mut other = read_record(both.records.last().expect("a record")).expect("a record").head;
    other = Head { partitions: 6, sequence: other.sequence + 1, part: 0, parts: 1, ..other };
    both.records.push(write_record(&other, (0, &[]), (0, &[])));
    assert!(text(&both, 0).contains("of 4 partitions, and they have 6"));
}

#[test]
fn a_journal_that_does_not_know_its_number_is_held_against_its_accounts() {
    let log = log_of(0, 1);
    assert!(restored(&log.records, PartitionOptions { input_partitions: 1, ..options() }).is_ok());
    let found = restored(&log.records, PartitionOptions { input_partitions: 3, ..options() }).map(|_| ());
    assert!(matches!(found, Err(RestoreFault::Layout(LayoutFault::Strangers { now: 3, .. }))), "{found:?}");
    let last = log.records.last().expect("a record");
    let check_record = |record: &[u8], now| check_record::<Pos>(record, of(now).division());
    assert!(check_record(last, 1).is_ok() && check_record(last, 0).is_ok());
    assert!(matches!(check_record(last, 3), Err(RestoreFault::Layout(LayoutFault::Strangers { .. }))));
    let known = log_of(2, 1);
    let found = check_record(known.records.last().expect("a record"), 3);
    assert!(matches!(found, Err(RestoreFault::Layout(LayoutFault::Written { written: 2, now: 3, .. }))));
}
