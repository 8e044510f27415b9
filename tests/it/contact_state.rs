//! The state of contact decisions: an abort puts everything back, the journal folds to the same from its beginning and from each
//! complete rotation, and between two decisions the inputs may come in any order among each other.

use crate::support::contacts::{Fed, Published, all, call, empty, settings};
use proptest::prelude::*;
use tillgate::contact::{CONTACT_REQUESTS, INTERACTIONS, PARTIES, PARTY_RECORDS, Partition};
use tillgate::domain::{Micros, limits};
use tillgate::pipeline::{JournalBatch, Restore};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// When the first record comes: long after 1970.
const BEGIN: i64 = 20_000 * DAY;

/// What happens.
#[derive(Clone, Debug)]
enum Step {
    Called {
        party: u8,
        id: u64,
        key: u8,
        content: u8,
        /// Days by which its record is behind.
        late: i64,
    },
    /// More often than is remembered.
    CalledOften {
        party: u8,
    },
    Listed {
        party: u8,
        what: u8,
    },
    Told {
        party: u8,
        account: u8,
        what: u8,
    },
    Asked {
        party: u8,
        contact: u8,
        late: i64,
    },
    /// A record that cannot be used.
    Bad {
        input: usize,
        party: u8,
    },
    Passed {
        days: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let party = 0u8..5;
    let late = prop_oneof![6 => Just(0), 1 => Just(2), 1 => Just(20)];
    let passed = prop_oneof![4 => Just(1), 2 => Just(20), 2 => Just(37)];
    prop_oneof![
        60 => (party.clone(), 0u64..6, 0u8..3, 0u8..2, late.clone())
            .prop_map(|(party, id, key, content, late)| Step::Called { party, id, key, content, late }),
        20 => (party.clone(), 0u8..4).prop_map(|(party, what)| Step::Listed { party, what }),
        20 => (party.clone(), 0u8..3, 0u8..3).prop_map(|(party, account, what)| Step::Told { party, account, what }),
        30 => (party.clone(), 0u8..40, late).prop_map(|(party, contact, late)| Step::Asked { party, contact, late }),
        5 => (0usize..4, party.clone()).prop_map(|(input, party)| Step::Bad { input, party }),
        15 => passed.prop_map(|days| Step::Passed { days }),
        1 => party.prop_map(|party| Step::CalledOften { party }),
    ]
}

/// The records of a step, which comes at `now`.
fn records(step: &Step, now: &mut i64) -> Vec<Fed> {
    *now += HOUR;
    let at = |late: i64| Micros(*now - late * DAY);
    let name = |party: &u8| format!("P-{party}");
    let (input, party, value, written) = match step {
        Step::Passed { days } => {
            *now += days * DAY;
            return Vec::new();
        }
        Step::CalledOften { party } => {
            let each = |number: u64| {
                let (written, id) = (Micros(*now), *now as u64 + number);
                Fed::new(INTERACTIONS, &name(party), call(id, &name(party), written, ""), written)
            };
            return (1..limits::INTERACTIONS_MAX as u64 + 20).map(each).collect();
        }
        Step::Called { party, id, key, content, late } => {
            let key = if *key > 0 { format!(r#","idempotencyKey":"k-{key}""#) } else { String::new() };
            let more = format!(r#","linkedResourceType":"loan","linkedResourceId":"A-{content}"{key}"#);
            // The same call each time, as a sender says it again.
            let occurred = Micros(BEGIN - 30 * DAY);
            (INTERACTIONS, name(party), Some(call(*id, &name(party), occurred, &more)), at(*late))
        }
        Step::Listed { party, what } => {
            let contact =
                |place| format!(r#"{{"contactId":"c-{place}","kind":"phone","value":"+1 555 {place}"}}"#);
            let contacts: Vec<String> = (0..u32::from(*what)).map(contact).collect();
            let value = format!(
                r#"{{"partyId":"P-{party}","timeZones":["America/New_York"],"contacts":[{}],"loans":[{{"loanId":"A-0"}}]}}"#,
                contacts.join(",")
            );
            (PARTY_RECORDS, name(party), Some(value).filter(|_| *what > 0), at(0))
        }
        Step::Told { party, account, what } => {
            let more = [r#","withdrawn":true"#, "", r#","statuses":["frozen"]"#][usize::from(*what)];
            let value = format!(r#"{{"partyId":"P-{party}","account":"A-{account}"{more}}}"#);
            (PARTIES, name(party), Some(value), at(0))
        }
        Step::Asked { party, contact, late } => {
            let value = format!(
                r#"{{"requestId":"r-{now}","personId":"P-{party}","channel":"voice","theme":"opsCollDebt","contactDetails":{{"kind":"phone","value":"+1 555 {contact}"}}}}"#
            );
            (CONTACT_REQUESTS, name(party), Some(value), at(*late))
        }
        Step::Bad { input, party } => (*input, name(party), Some(r#"{"partyId":7}"#.to_owned()), at(0)),
    };
    vec![Fed { input, key: party, value, written, request_id: Some(format!("q-{now}")) }]
}

/// A journal as it stands in its topic.
#[derive(Default)]
struct Trail {
    records: Vec<Vec<u8>>,
    /// Where each transaction begins.
    transactions: Vec<usize>,
    /// Where the rotation under way, or the last one, begins.
    begin: usize,
    /// Where the last complete one begins.
    complete: Option<usize>,
}

impl Trail {
    fn write(&mut self, batch: JournalBatch) {
        self.transactions.push(self.records.len());
        if batch.rotation_begins {
            self.begin = self.records.len();
        }
        if batch.rotation_completes {
            self.complete = Some(self.begin);
        }
        self.records.extend(batch.records);
    }

    /// What a restore makes of it that begins at `start`; none where it refuses.
    fn fold(&self, start: usize, into: Partition) -> Option<Partition> {
        let mut restore = Restore::new(into);
        for record in &self.records[start..] {
            restore.on_record(record).unwrap_or_else(|fault| panic!("from {start}: {fault}"));
        }
        restore.finish().ok()
    }

    /// From wherever a reader may begin it gives `expected`, and from elsewhere nothing.
    fn holds(&self, expected: &Partition, nothing: impl Fn() -> Partition) -> Result<(), TestCaseError> {
        let last = self.transactions.last().copied().unwrap_or(0);
        let middle = self.transactions.get(self.transactions.len() / 2).copied().unwrap_or(0);
        for start in [0, middle, self.begin, self.complete.unwrap_or(0), last] {
            let folded = self.fold(start, nothing());
            let is_whole = start == 0 || self.complete.is_some_and(|begin| start <= begin);
            prop_assert_eq!(folded.is_some(), is_whole, "from {}", start);
            if let Some(folded) = folded {
                prop_assert_eq!(all(&folded), all(expected), "from {}", start);
                prop_assert_eq!(folded.positions(), expected.positions());
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn aborts_leave_no_trace_and_the_journal_folds_to_the_state(
        batches in prop::collection::vec((prop::collection::vec(step(), 1..6), any::<bool>(), 0u8..8), 1..25),
        record_bytes_max in 200usize..6_000,
    ) {
        let nothing = || empty(0, settings(1, record_bytes_max));
        let (mut partition, mut twin) = (nothing(), nothing());
        let (mut published, mut by_twin) = (Published::default(), Published::default());
        let (mut now, mut trail) = (BEGIN, Trail::default());
        for (steps, commits, starts_again) in &batches {
            let (before, said, begun) = (all(&partition), published.clone(), now);
            let records: Vec<Fed> = steps.iter().flat_map(|step| records(step, &mut now)).collect();
            for record in &records {
                record.take(&mut partition, &mut published);
            }
            if !commits {
                partition.aborted();
                prop_assert_eq!(all(&partition), before);
                (published, now) = (said, begun);
                continue;
            }
            trail.write(partition.journal("writer"));
            partition.committed();
            for record in &records {
                record.take(&mut twin, &mut by_twin);
                twin.committed();
            }
            prop_assert_eq!(&published, &by_twin, "whatever batches are");
            prop_assert_eq!(all(&partition), all(&twin));
            if records.is_empty() {
                continue;
            }
            trail.holds(&partition, nothing)?;
            if *starts_again == 0 {
                // Persons are in other places then.
                let begin = trail.complete.unwrap_or(0);
                partition = trail.fold(begin, nothing()).expect("a state");
            }
        }
    }

    #[test]
    fn what_a_decision_says_of_the_inputs_is_enough_to_decide_it_again(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let nothing = || empty(0, settings(1, 4_000));
        let (mut partition, mut published) = (nothing(), Published::default());
        let (mut again, mut anew) = (nothing(), Published::default());
        let (mut now, mut waiting) = (BEGIN, Vec::new());
        let take_in_another_order = |waiting: &mut Vec<Fed>, again: &mut Partition, anew: &mut Published| {
            // Each input in its own order.
            waiting.sort_by_key(|record| std::cmp::Reverse(record.input));
            waiting.drain(..).for_each(|record| record.take(again, anew));
        };
        for record in steps.iter().flat_map(|step| records(step, &mut now)) {
            let decisions = published.decisions.len();
            record.take(&mut partition, &mut published);
            if published.decisions.len() > decisions {
                take_in_another_order(&mut waiting, &mut again, &mut anew);
            }
            waiting.push(record);
            if published.decisions.len() > decisions {
                take_in_another_order(&mut waiting, &mut again, &mut anew);
            }
        }
        take_in_another_order(&mut waiting, &mut again, &mut anew);
        published.letters.sort_unstable();
        anew.letters.sort_unstable();
        prop_assert_eq!(published, anew);
        prop_assert_eq!(all(&partition), all(&again));
    }
}
