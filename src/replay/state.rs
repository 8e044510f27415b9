//! The state that a replay ends with against the fold of the journal: the same accounts, in every field.

use super::report::PartitionReport;
use super::walk::shown;
use crate::pipeline::Partition;
use crate::state::Account;

/// Compares the two; what differs becomes a problem of the report, the first account with its first field.
pub fn compare_states(replayed: &Partition, journal: &Partition, report: &mut PartitionReport) {
    let positions = [replayed, journal].map(|side| side.positions().map(|position| position.unwrap_or(0)));
    if positions[0] != positions[1] {
        let [replayed, journal] = positions.map(shown);
        report.problem(format!("the journal ends at positions {journal}, the replay at {replayed}"));
    }
    let (replayed, journal) = (replayed.state(), journal.state());
    if replayed.stream_time() != journal.stream_time() {
        report.problem(format!(
            "the journal's stream time is {}, the replay's {}",
            journal.stream_time(),
            replayed.stream_time()
        ));
    }
    for account in journal.accounts().iter() {
        match replayed.accounts().get(&account.number) {
            None => report.problem(format!("the journal has account {}, the replay has not", account.number)),
            Some(same) if same == account => report.accounts += 1,
            Some(other) => report.problem(format!(
                "account {} differs from the journal's: {}",
                account.number,
                first_line(account, other)
            )),
        }
    }
    for account in replayed.accounts().iter() {
        if journal.accounts().get(&account.number).is_none() {
            report.problem(format!("the replay has account {}, the journal has not", account.number));
        }
    }
}

fn first_line(journal: &Account, replayed: &Account) -> String {
    let [journal, replayed] = [journal, replayed].map(|account| format!("{account:#?}"));
    let mut lines = journal.lines().zip(replayed.lines());
    match lines.find(|(journal, replayed)| journal != replayed) {
        Some((journal, replayed)) => format!("journal {}, replayed {}", journal.trim(), replayed.trim()),
        None => "one of them holds more".to_owned(),
    }
}
