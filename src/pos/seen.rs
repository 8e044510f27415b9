//! What decisions on POS events and account events tell the shared profiles, gathered over a batch.

use super::input::OBSERVATIONS;
use crate::domain::Micros;
use crate::domain::account_event::{AccountChange, AccountEvent};
use crate::domain::enums::Verdict;
use crate::domain::ids::TransactionId;
use crate::domain::outcome::Outcome;
use crate::engine::{SoundEvent, profile_text};
use crate::pipeline::{Division, Outbound};
use crate::profiles::{Observation, Observations, ProfileKey, Use};
use crate::state::{Account, PartitionState, id_hash};
use compact_str::CompactString;
use smallvec::SmallVec;
use std::borrow::Cow;

/// The flag by which the account system confirms fraud.
const FRAUD: &str = "fraud";

/// What the decisions of a batch saw.
#[derive(Debug)]
pub(super) struct BatchSightings {
    /// How the profiles are divided up.
    division: Division,
    observations: Observations,
}

/// A use of a terminal and a chip: what the profiles of both are made of.
pub(super) struct Sighting<'e> {
    used: Use,
    /// Hash of the chip's id; 0: none.
    chip: u64,
    /// The terminal's id, for people.
    terminal_id: Option<Cow<'e, str>>,
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
        let Sighting { used, chip, terminal_id } = sighting;
        if let Some(key) = ProfileKey::chip(*chip) {
            let of_chip = Use { name: None, ..used.clone() };
            self.observations.add(key, None, Observation::Used(of_chip));
        }
        if let Some(key) = ProfileKey::terminal(used.terminal) {
            let of_terminal = Use { terminal: 0, ..used.clone() };
            self.observations.add(key, terminal_id.as_deref(), Observation::Used(of_terminal));
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
                if let Some(key) = ProfileKey::chip(chip) {
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
            && let Some(key) = ProfileKey::terminal(terminal)
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

/// What the profiles learn of an event: that it used its terminal and its chip. None where it was not judged, was
/// answered before, or takes nothing; none of an account that is not there, or whoever may write events could use any
/// chip with as many accounts as he likes.
pub(super) fn sighting<'a>(
    state: &PartitionState,
    event: &SoundEvent<'a>,
    account: u64,
    outcome: &Outcome<'_>,
) -> Option<Sighting<'a>> {
    let (terminal, chip) = (event.content.terminal, event.content.chip);
    let is_new = outcome.verdict != Verdict::NotEvaluated && outcome.repeats.is_none();
    if !is_new || !event.charges() || (terminal, chip) == (0, 0) {
        return None;
    }
    state.accounts().get(event.account_number)?;
    let name = profile_text(event.event.pos_name.as_deref()).map(CompactString::from);
    let (time, country, verdict) = (event.time, event.country, outcome.verdict);
    let used = Use { time, account, verdict, granted: false, country, terminal, name };
    Some(Sighting { used, chip, terminal_id: profile_text(event.event.pos_id.as_deref()) })
}

/// The same of an event whose hold is granted: `account` as it was before.
fn granted_sighting(account: &Account, id: TransactionId) -> Option<Sighting<'static>> {
    let hold = account.holds().iter().find(|hold| hold.answers_to(id))?;
    let event = account.recent.iter().find(|event| event.place == hold.place)?;
    if !event.kind.charges() || event.is_of_old_journal() {
        return None;
    }
    let used = Use {
        time: event.time,
        account: id_hash(Some(&account.number)),
        verdict: Verdict::Accepted,
        granted: true,
        country: event.kind.country,
        terminal: event.terminal,
        name: None,
    };
    Some(Sighting { used, chip: event.chip, terminal_id: None })
}

/// The terminal of the event of an account that an outcome names, and when it happened: what confirmed fraud counts
/// for. None where the account remembers none.
fn terminal_of(account: &Account, topic: &str, transaction_id: TransactionId) -> Option<(u64, Micros)> {
    let all = account.recent.iter().chain(account.older());
    let mut own = all.filter(|event| event.terminal != 0 && !event.is_of_old_journal());
    let found = own.find(|event| event.transaction_id(topic) == Some(transaction_id))?;
    Some((found.terminal, found.time))
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
        granted: account.zip(granted).and_then(|(account, id)| granted_sighting(account, id)),
        fraud: account.zip(flagged).and_then(|(account, id)| terminal_of(account, topic, id)),
    }
}

/// The chips that are registered for an account; none where they were told before there were such hashes.
fn chips_of(account: &Account) -> SmallVec<[u64; 2]> {
    let told = account.master_data.as_deref().filter(|told| !told.old_hashes);
    told.map(|told| told.chips().into()).unwrap_or_default()
}
