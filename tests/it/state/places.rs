//! Keys and partitions: what stands elsewhere than its key belongs is never decided, a state is not gone on from where its
//! accounts stand elsewhere, and how the accounts are looked up shows nowhere.

use super::{ENGINE, Log, WRITER, commit, known, restored, rewritten_as};
use crate::support::history::{history, of};
use crate::support::stream::{Fed, Published, engine, options};
use proptest::prelude::*;
use tillgate::codec::journal::{Head, read_record};
use tillgate::codec::json::write_account_event;
use tillgate::domain::account_event::{AccountChange, AccountEvent};
use tillgate::domain::enums::Verdict;
use tillgate::domain::hashing::Seed;
use tillgate::domain::partitioner::Partitioner;
use tillgate::load::draw::Draw;
use tillgate::pipeline::{Division, LayoutFault, RestoreFault, check_record};
use tillgate::pos::{Input, Partition, PartitionOptions, Pos, Restore};

const AMONG: u32 = 4;

fn by(partitioner: Partitioner) -> PartitionOptions {
    PartitionOptions { partitioner, ..of(AMONG) }
}

/// Numbers of accounts that belong on partition 0 by one partitioner, and not by the other.
fn at_home_by(partitioner: Partitioner) -> impl Iterator<Item = String> {
    let numbers = (0..).map(|number: u32| format!("acc-{number}"));
    numbers.filter(move |number| {
        let at = |partitioner: Partitioner| partitioner.is_home(number.as_bytes(), 0.into(), AMONG);
        at(partitioner) && !at(partitioner.other())
    })
}

/// Opens an account.
fn opens(account: &str, offset: i64) -> Fed {
    let (id, change) = (format!("evt-{offset}"), AccountChange::Limit { amount: 50_000 });
    let event =
        AccountEvent { id, account: account.to_owned(), change, created_at: None, idempotency_key: None };
    let mut value = Vec::new();
    write_account_event(&event, &mut value);
    Fed { input: Input::AccountEvents, ..Fed::pos(offset, account, value) }
}

fn purchase(account: &str, offset: i64) -> Fed {
    let value = format!(
        "{{\"accountNumber\":\"{account}\",\"accountTransactionId\":\"till-7\",\"eventType\":\"Purchase\",\
         \"time\":\"2026-06-01T10:00:00Z\",\"currency\":\"EUR\",\"countryCode\":\"DE\",\
         \"conversationLanguage\":\"DE\",\"posId\":\"T1\",\"totalAmount\":12.00,\"totalTax\":0,\"items\":[]}}"
    );
    Fed::pos(offset, account, value)
}

#[test]
fn a_key_that_is_not_at_home_is_answered_that_its_state_is_not_here_and_changes_nothing() {
    for partitioner in Partitioner::ALL {
        let other = partitioner.other();
        let number = at_home_by(other).next().expect("a number");
        let open = engine(&["checks.account.unknown=open"]);
        let mut partition = Partition::new(open, 0.into(), by(partitioner));
        let mut published = Published::default();
        published.feed(&mut partition, &opens(&number, 0));
        published.feed(&mut partition, &purchase(&number, 0));
        let before = known(&Partition::new(ENGINE.clone(), 0.into(), options()));
        let after = known(&partition);
        assert_eq!((after.accounts, after.stream_time), (before.accounts, before.stream_time));
        assert_eq!(*partition.positions(), [Some(1), Some(1), None], "it is passed all the same");

        let [outcome] = &published.outcomes[..] else { panic!("{published:?}") };
        assert_eq!(
            (outcome.verdict, outcome.codes()),
            (Verdict::NotEvaluated, vec!["pos.state.unavailable"])
        );
        let text = &outcome.messages[0].message;
        assert!(text.contains("is not available") && !text.contains("partition"), "{text}");
        assert!(!text.contains(|letter: char| letter.is_ascii_digit()), "{text}");
        let value = String::from_utf8_lossy(&outcome.value);
        assert!(value.contains("\"accountTransactionId\":\"till-7\""), "the till can match it: {value}");

        let [(at, code, why)] = &published.dead_letters[..] else { panic!("{published:?}") };
        assert_eq!((*at, *code), ((Input::AccountEvents, 0), "pos.state.unavailable"));
        let home = partitioner.partition_of(number.as_bytes(), AMONG);
        for part in [
            "stands on partition 0".to_owned(),
            format!("belongs on partition {home} by topics.partitioner = \"{}\"", partitioner.name()),
            format!("divide keys up by {}", other.name()),
            format!("set their `partitioner` to {}", partitioner.librdkafka()),
            format!("topics.partitioner = \"{}\" on a fresh start", other.name()),
        ] {
            assert!(why.contains(&part), "{part}: {why}");
        }
        assert_eq!(outcome.messages[0].detail.as_ref(), Some(why), "the analyst reads what the sender does");
        let told = |input| (input, home, true);
        assert_eq!(published.misplaced, [told(Input::AccountEvents), told(Input::PosEvents)]);
    }
}

#[test]
fn among_a_number_that_is_not_known_no_key_is_judged() {
    let number = at_home_by(Partitioner::Crc32).next().expect("a number");
    let mut partition = Partition::new(ENGINE.clone(), 0.into(), of(0));
    let mut published = Published::default();
    published.feed(&mut partition, &opens(&number, 0));
    published.feed(&mut partition, &purchase(&number, 0));
    assert_eq!(partition.state().accounts().len(), 1);
    assert_eq!((published.dead_letters.len(), published.misplaced.len()), (0, 0));
}

#[test]
fn who_fits_no_known_partitioner_is_told_so() {
    let neither = |number: &u32| {
        let key = number.to_string();
        Partitioner::ALL.into_iter().all(|partitioner| !partitioner.is_home(key.as_bytes(), 0.into(), AMONG))
    };
    let number = (0..).find(neither).expect("a number").to_string();
    let division = by(Partitioner::Murmur2).division();
    let misplaced = division.misplaced(number.as_bytes(), 0.into()).expect("elsewhere");
    assert!(!misplaced.fits_other);
    let said = misplaced.to_string();
    assert!(
        said.contains("neither by murmur2 nor by crc32") && said.contains("partitioner=murmur2_random"),
        "{said}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn records_of_other_partitions_in_between_leave_no_trace_in_the_state(seed in any::<u64>()) {
        let history = history(&ENGINE, seed, 150, AMONG);
        let mut draw = Draw::of_slot(seed, 21);
        let (mut alone, mut among) = [(); 2].map(|()| Partition::new(ENGINE.clone(), 0.into(), of(AMONG))).into();
        let (mut said, mut strays) = (Published::default(), 0);
        for fed in &history {
            if fed.partition == 0.into() {
                // With room between, so that both have the same offsets and so the same ids.
                let fed = Fed { offset: fed.offset * 1_000, ..fed.clone() };
                Published::default().feed(&mut alone, &fed);
                said.feed(&mut among, &fed);
            } else if fed.key.as_ref().is_some_and(|key| !key.is_empty()) && draw.per_mille(500) {
                let offset = among.positions()[fed.input as usize].unwrap_or(0).max(1);
                strays += 1;
                said.feed(&mut among, &Fed { partition: 0.into(), offset, ..fed.clone() });
            }
        }
        prop_assert!(strays > 10);
        let (alone, among) = (known(&alone), known(&among));
        prop_assert_eq!(alone.stream_time, among.stream_time);
        prop_assert!(alone.accounts == among.accounts);
        prop_assert_eq!(said.misplaced.len(), strays);
    }

    #[test]
    fn how_accounts_are_looked_up_shows_in_no_outcome_and_in_no_journal(seed in any::<u64>()) {
        let history = history(&ENGINE, seed, 150, 1);
        let run = |table_seed| {
            let options = PartitionOptions { table_seed, checkpoint_events_per_account: 1, rotation_events_min: 5, ..options() };
            let mut partition = Partition::new(ENGINE.clone(), 0.into(), options.clone());
            let (mut published, mut log) = (Published::default(), Log::default());
            for batch in history.chunks(40) {
                for fed in batch {
                    published.feed(&mut partition, fed);
                }
                // Undo goes by slots too.
                partition.aborted();
                log.append(commit(&mut partition, batch, &mut published));
            }
            let restored = restored(&log.records, options).expect("a journal");
            let order = |partition: &Partition| -> Vec<String> {
                partition.state().accounts().iter().map(|account| account.number.to_string()).collect()
            };
            (published, log.records, order(&partition), order(&restored))
        };
        prop_assert!(run(Seed([seed, 1])) == run(Seed([!seed, 2])));
    }
}

/// The journal of a partition 0 on which these accounts were opened, whatever their keys.
fn journal_of(numbers: &[String], partitioner: Option<Partitioner>) -> Log {
    let mut partition = Partition::new(ENGINE.clone(), 0.into(), of(0));
    let events: Vec<Fed> = (0..).zip(numbers).map(|(offset, number)| opens(number, offset)).collect();
    let mut log = Log::default();
    log.append(commit(&mut partition, &events, &mut Published::default()));
    let head = |head: Head| Head { partitions: AMONG, partitioner, ..head };
    log.records.iter_mut().for_each(|record| *record = rewritten_as(record, head));
    log
}

fn divided(found: Result<Partition, RestoreFault>) -> (usize, bool, String) {
    match found.map(|_| ()) {
        Err(fault @ RestoreFault::Layout(LayoutFault::Divided { found: accounts, said, .. })) => {
            (accounts, said, fault.to_string())
        }
        found => panic!("{found:?}"),
    }
}

#[test]
fn a_state_by_the_other_partitioner_is_refused_with_the_setting_that_fits() {
    let [murmur2, crc32] =
        Partitioner::ALL.map(|partitioner| -> Vec<String> { at_home_by(partitioner).take(6).collect() });
    for written in [Some(Partitioner::Crc32), None] {
        let log = journal_of(&crc32, written);
        let (accounts, said, text) = divided(restored(&log.records, by(Partitioner::Murmur2)));
        assert_eq!((accounts, said), (6, written.is_some()));
        assert!(text.contains("set topics.partitioner = \"crc32\""), "{text}");
        assert!(text.contains("topics repartition --partitions 4"), "{text}");
        assert!(restored(&log.records, by(Partitioner::Crc32)).is_ok());
        let last = log.records.last().expect("a record");
        assert_eq!(
            check_record::<Pos>(last, by(Partitioner::Murmur2).division()).is_err(),
            written.is_some()
        );
        assert_eq!(check_record::<Pos>(last, by(Partitioner::Crc32).division()), Ok(()));
    }
    // What an earlier release took in from a sender that was mistaken: as long as it is not the most, it is only told.
    let mixed = |strays: usize| [&murmur2[..], &crc32[..strays]].concat();
    let goes_on = restored(&journal_of(&mixed(5), None).records, by(Partitioner::Murmur2)).expect("a state");
    assert_eq!(goes_on.strangers(), 5);
    assert_eq!(divided(restored(&journal_of(&mixed(5), None).records, by(Partitioner::Crc32))).0, 6);
    let said = Some(Partitioner::Murmur2);
    let goes_on = restored(&journal_of(&crc32, said).records, by(Partitioner::Murmur2)).expect("a state");
    assert_eq!(goes_on.strangers(), 6, "decided on before, and told then");
    // Nothing stands elsewhere: the setting may be changed.
    assert!(restored(&journal_of(&[], Some(Partitioner::Crc32)).records, by(Partitioner::Murmur2)).is_ok());

    let mut as_it_is = Restore::new(Partition::new(ENGINE.clone(), 0.into(), by(Partitioner::Murmur2)));
    for record in &journal_of(&crc32, None).records {
        as_it_is.on_record(record).expect("a record");
    }
    assert_eq!(as_it_is.finish_as_it_is().expect("a state").strangers(), 6);
}

#[test]
fn a_journal_says_by_what_keys_were_divided_up() {
    for partitioner in Partitioner::ALL {
        let number = at_home_by(partitioner).next().expect("a number");
        let mut partition = Partition::new(ENGINE.clone(), 0.into(), by(partitioner));
        Published::default().feed(&mut partition, &opens(&number, 0));
        let record = partition.journal(WRITER).records.remove(0);
        let head = read_record(&record).expect("a record").head;
        assert_eq!((head.partitions, head.partitioner), (AMONG, Some(partitioner)));
        assert_eq!(Division::of(&head), by(partitioner).division());
        assert_eq!(Division::of(&Head { partitioner: None, ..head }).partitions, 0, "nothing was judged");
    }
}

#[test]
fn accounts_open_by_themselves_up_to_a_bound_that_a_restore_keeps() {
    let engine = engine(&["checks.account.unknown=open", "checks.account.open_max=2"]);
    let numbers: Vec<String> = (0..5).map(|number| format!("acc-{number}")).collect();
    let mut partition = Partition::new(engine.clone(), 0.into(), options());
    let mut log = Log::default();
    let mut said = |partition: &mut Partition, fed: Fed| {
        let mut published = Published::default();
        log.append(commit(partition, &[fed], &mut published));
        let outcome = published.outcomes.pop();
        outcome.map(|outcome| (outcome.verdict, outcome.codes(), outcome.messages[0].detail.clone()))
    };
    // One that an account event opens counts too.
    assert_eq!(said(&mut partition, opens(&numbers[0], 0)), None);
    assert_eq!(said(&mut partition, purchase(&numbers[1], 0)).expect("an outcome").0, Verdict::Accepted);
    let time = partition.state().stream_time();
    let (verdict, codes, text) = said(&mut partition, purchase(&numbers[2], 1)).expect("an outcome");
    assert_eq!((verdict, codes), (Verdict::NotEvaluated, vec!["pos.state.unavailable"]));
    assert!(text.is_some_and(|text| text.contains("has 2 accounts, beyond which none opens by itself")));
    assert_eq!((partition.state().accounts().len(), partition.state().stream_time()), (2, time));
    assert_eq!(said(&mut partition, purchase(&numbers[0], 2)).expect("an outcome").0, Verdict::Accepted);
    assert_eq!(said(&mut partition, opens(&numbers[2], 1)), None, "the account system is not bound by it");
    assert_eq!(said(&mut partition, purchase(&numbers[2], 3)).expect("an outcome").0, Verdict::Accepted);

    let mut restore = Restore::new(Partition::new(engine, 0.into(), options()));
    log.records.iter().for_each(|record| restore.on_record(record).expect("a record"));
    let mut restored = restore.finish().expect("a state");
    assert_eq!(restored.state().accounts().len(), 3);
    let mut published = Published::default();
    published.feed(&mut restored, &purchase(&numbers[3], 4));
    assert_eq!(published.outcomes[0].codes(), ["pos.state.unavailable"]);
}
