//! The state that a replay ends with against the fold of the journal: the same accounts, in every field.

use super::report::PartitionReport;
use super::walk::positions_text;
use crate::domain::promise::Promise;
use crate::pos::{Input, Partition};
use crate::state::Account;

/// Compares the two; what differs becomes a problem of the report, the first account with its first field.
pub fn compare_states(replayed: &Partition, journal: &Partition, report: &mut PartitionReport) {
    let positions = [replayed, journal].map(|side| Input::offsets(side.positions()));
    if positions[0] != positions[1] {
        let [replayed, journal] = positions.map(positions_text);
        report.problem(
            Promise::Journal,
            format!("the journal ends at positions {journal}, the replay at {replayed}"),
        );
    }
    let (replayed, journal) = (replayed.state(), journal.state());
    if replayed.stream_time() != journal.stream_time() {
        report.problem(
            Promise::Journal,
            format!(
                "the journal's stream time is {}, the replay's {}",
                journal.stream_time(),
                replayed.stream_time()
            ),
        );
    }
    if replayed.set_back() != journal.set_back() {
        let [replayed, journal] = [replayed, journal].map(|state| state.set_back());
        report.problem(
            Promise::Journal,
            format!("the journal sets time back by {journal:?}, the replay by {replayed:?}"),
        );
    }
    for account in journal.accounts().iter() {
        match replayed.accounts().get(&account.number) {
            Some(same) if same == account => report.accounts += 1,
            found => {
                report.accounts_different += 1;
                report.problem(
                    Promise::Journal,
                    match found {
                        None => format!("the journal has account {}, the replay has not", account.number),
                        Some(replayed) => format!(
                            "account {} differs from the journal's: {}",
                            account.number,
                            first_field(account, replayed)
                        ),
                    },
                );
            }
        }
    }
    for account in replayed.accounts().iter() {
        if journal.accounts().get(&account.number).is_none() {
            report.accounts_different += 1;
            report.problem(
                Promise::Journal,
                format!("the replay has account {}, the journal has not", account.number),
            );
        }
    }
}

/// Spaces by which a field stands deeper than the one it belongs to.
const INDENT: usize = 4;

/// The first field in which two accounts differ, by their lines as they are shown: each field's stands deeper than that of
/// the field it belongs to.
fn first_field(journal: &Account, replayed: &Account) -> String {
    let [journal, replayed] = [journal, replayed].map(|account| format!("{account:#?}"));
    let mut path: Vec<&str> = Vec::new();
    for (journal, replayed) in journal.lines().zip(replayed.lines()) {
        let line = journal.trim_start();
        path.truncate((journal.len() - line.len()) / INDENT);
        let (name, value) = line.split_once(": ").unwrap_or(("", line));
        path.push(name);
        if journal == replayed {
            continue;
        }
        let fields: Vec<&str> = path.iter().copied().filter(|name| !name.is_empty()).collect();
        let other = replayed.trim_start();
        let other = other.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(other);
        let [value, other] = [value, other].map(|value| value.trim_end_matches(','));
        return format!("{}: journal {value}, replayed {other}", fields.join("."));
    }
    "one of them holds more".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Amount;
    use crate::state::MasterData;
    use std::sync::Arc;

    fn check(change: impl FnOnce(&mut Account), expected: &str) {
        let mut journal = Account::opened("A-1", Amount::ZERO, None, None);
        journal.balance = Amount::from_minor(100_489).expect("an amount");
        let mut replayed = journal.clone();
        change(&mut replayed);
        assert_eq!(first_field(&journal, &replayed), expected);
    }

    #[test]
    fn names_the_first_field_that_differs_with_both_values() {
        check(|account| account.balance = Amount::ZERO, "balance: journal 1004.89, replayed 0.00");
        check(|account| account.revision = 7, "revision: journal 0, replayed 7");
        let mut master_data = MasterData::default();
        master_data.party_id = Some("P-1".into());
        check(
            |account| account.master_data = Some(Arc::new(master_data)),
            "master_data: journal None, replayed Some(",
        );
    }
}
