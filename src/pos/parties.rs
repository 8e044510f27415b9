//! What account events tell contact decisions: whose an account is, and what it is. Gathered over a batch.

use super::input::PARTIES;
use crate::contact::{PartyFact, Status};
use crate::domain::account_event::{AccountChange, AccountEvent};
use crate::pipeline::{Division, Outbound};
use crate::state::{Account, AccountFlags, PartitionState};

/// What the account events of a batch tell.
#[derive(Debug)]
pub(super) struct Parties {
    /// How persons are divided up.
    division: Division,
    facts: Vec<PartyFact>,
}

impl Parties {
    pub(super) fn new(division: Division) -> Self {
        Self { division, facts: Vec::new() }
    }

    /// What an account event tells, once it is applied; `before` is whose the account was. Told each time that it may have changed,
    /// whether it has or not: so that persons are also known of accounts that are older than contact decisions.
    pub(super) fn note_applied(
        &mut self,
        event: &AccountEvent,
        before: Option<&str>,
        state: &PartitionState,
    ) {
        let account = state.accounts().get(&event.account);
        let now = account.and_then(party_of);
        if let Some(before) = before.filter(|before| now != Some(before)) {
            self.facts.push(fact(before, &event.account, Vec::new(), true));
        }
        let may_have_changed = matches!(
            event.change,
            AccountChange::Update(_) | AccountChange::Flag { .. } | AccountChange::Close { .. }
        );
        if let (Some(account), Some(now), true) = (account, now, may_have_changed) {
            self.facts.push(fact(now, &event.account, statuses(account), false));
        }
    }

    /// Sends it.
    pub(super) fn send(&mut self, send: &mut dyn FnMut(&Outbound<'_>)) {
        let Division { partitioner, partitions } = self.division;
        for fact in self.facts.drain(..) {
            let value = serde_json::to_vec(&fact).unwrap_or_default();
            let key = fact.party_id.as_bytes();
            send(&Outbound {
                output: PARTIES,
                partition: Some(partitioner.partition_of(key, partitions)),
                key,
                value: Some(&value),
                headers: &[],
            });
        }
    }

    pub(super) fn forget(&mut self) {
        self.facts.clear();
    }
}

/// Whose an account is.
pub(super) fn party_of(account: &Account) -> Option<&str> {
    account.master_data.as_deref()?.party_id.as_deref()
}

fn fact(party: &str, account: &str, statuses: Vec<String>, withdrawn: bool) -> PartyFact {
    PartyFact { party_id: party.to_owned(), account: account.to_owned(), statuses, withdrawn }
}

fn statuses(account: &Account) -> Vec<String> {
    let has_flag = |name: &str| account.flags().iter().any(|flag| &**flag == name);
    let is = |status: &&Status| match status {
        Status::Closed => account.standing.has(AccountFlags::CLOSED),
        flag => has_flag(flag.symbol()),
    };
    Status::ALL.iter().filter(is).map(|status| status.symbol().to_owned()).collect()
}
