//! What decisions on POS events and account events tell the shared profiles, gathered over a batch.

use super::input::OBSERVATIONS;
use crate::domain::Micros;
use crate::domain::account_event::{AccountChange, AccountEvent};
use crate::domain::enums::Verdict;
use crate::domain::ids::TransactionId;
use crate::domain::outcome::Outcome;
use crate::engine::{Engine, Sighting};
use crate::pipeline::{Division, Outbound};
use crate::profiles::{Key, Observation, Observations, Use};
use crate::state::{Account, PartitionState, id_hash};
use compact_str::CompactString;
use smallvec::SmallVec;

/// The flag by which the account system confirms fraud.
const FRAUD: &str = "fraud";

/// What the decisions of a batch saw.
#[derive(Debug)]
pub(super) struct BatchSightings {
    /// How the profiles are divided up.
    division: Division,
    observations: Observations,
}

/// How an account was before an account event.
pub(super) struct AccountBefore {
    chips: SmallVec<[u64; 2]>,
    granted: Option<Sighting<'static>>,
    fraud: Option<(u64, Micros)>,
}

impl BatchSightings {
    pub(super) fn new(division: Division) -> Self {
        Self { division, observations: Observations::default() }
    }

    /// A use of a terminal and a chip.
    pub(super) fn note_use(&mut self, sighting: &Sighting<'_>) {
        let Sighting { account, time, country, verdict, granted, terminal, chip, .. } = *sighting;
        let name = sighting.terminal_name.as_deref().map(CompactString::from);
        let used = Use { time, account, verdict, granted, country, terminal: 0, name };
        if let Some(key) = Key::chip(chip) {
            let of_chip = Use { terminal, name: None, ..used.clone() };
            self.observations.add(key, None, Observation::Used(of_chip));
        }
        if let Some(key) = Key::terminal(terminal) {
            self.observations.add(key, sighting.terminal_id.as_deref(), Observation::Used(used));
        }
    }

    /// What an account event tells of chips and terminals, once it is applied; `before` is of [`account_before`].
    pub(super) fn note_applied(
        &mut self,
        event: &AccountEvent,
        outcome: Option<&Outcome<'_>>,
        before: &AccountBefore,
        state: &PartitionState,
    ) {
        if matches!(&event.change, AccountChange::Update(update) if update.nfc_ids.is_some()) {
            // All of them, those that were registered before too: profiles may have been off then.
            let account = id_hash(Some(&event.account));
            let chips = state.accounts().get(&event.account).map(chips_of).unwrap_or_default();
            let gone = before.chips.iter().filter(|chip| !chips.contains(chip)).map(|chip| (*chip, false));
            for (chip, on) in gone.chain(chips.iter().map(|chip| (*chip, true))) {
                if let Some(key) = Key::chip(chip) {
                    self.observations.add(key, None, Observation::Registered { account, on });
                }
            }
        }
        if let Some(sighting) = &before.granted
            && outcome.is_some_and(|outcome| outcome.verdict == Verdict::Accepted)
        {
            self.note_use(sighting);
        }
        if let (AccountChange::Flag { transaction_id: Some(id), set, .. }, Some((terminal, time))) =
            (&event.change, before.fraud)
            && let Some(key) = Key::terminal(terminal)
        {
            let transaction = id_hash(Some(id));
            self.observations.add(key, None, Observation::Fraud { transaction, time, on: *set });
        }
    }

    /// Sends what was seen.
    pub(super) fn send(&mut self, now: Micros, send: &mut dyn FnMut(&Outbound<'_>)) {
        if self.observations.is_empty() {
            return;
        }
        let Division { partitioner, partitions } = self.division;
        self.observations.drain(now, partitioner, partitions, |partition, value| {
            send(&Outbound {
                output: OBSERVATIONS,
                partition: Some(partition),
                key: partition.to_string().as_bytes(),
                value: Some(value),
                headers: &[],
            });
        });
    }

    pub(super) fn forget(&mut self) {
        self.observations.clear();
    }
}

/// How an account is before an account event: what it tells is told by the difference.
pub(super) fn account_before(event: &AccountEvent, state: &PartitionState, topic: &str) -> AccountBefore {
    let account = state.accounts().get(&event.account);
    let granted = match &event.change {
        AccountChange::Update(update) => update.resolve.as_ref().filter(|resolve| resolve.granted),
        _ => None,
    };
    let granted = granted.and_then(|resolve| TransactionId::parse(&resolve.transaction_id));
    let flagged = match &event.change {
        AccountChange::Flag { name, transaction_id: Some(id), .. } if name == FRAUD => {
            TransactionId::parse(id)
        }
        _ => None,
    };
    AccountBefore {
        chips: account.map(chips_of).unwrap_or_default(),
        granted: account.zip(granted).and_then(|(account, id)| Engine::granted_sighting(account, id)),
        fraud: account.zip(flagged).and_then(|(account, id)| Engine::terminal_of(account, topic, id)),
    }
}

/// The chips that are registered for an account; none where they were told before there were such hashes.
fn chips_of(account: &Account) -> SmallVec<[u64; 2]> {
    let told = account.master_data.as_deref().filter(|told| !told.old_hashes);
    told.map(|told| told.chips().into()).unwrap_or_default()
}
