//! One partition's state: accounts, stream time, holds by the time they run out; apply and undo.

use super::account::{Account, AccountFlags, Correctable, Touched};
use super::accounts::{Accounts, SoughtAccount};
use super::fact::{Booking, Fact, FactsOfAccount, Patch};
use super::hold::Hold;
use super::remembered::EventPlace;
use crate::domain::enums::EventType;
use crate::domain::hashing::Seed;
use crate::domain::ids::TransactionId;
use crate::domain::limits;
use crate::domain::{Amount, Micros, SetBack};
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// The state of one input partition.
#[derive(Debug, Default)]
pub struct PartitionState {
    accounts: Accounts,
    stream_time: Micros,
    set_back: Option<SetBack>,
    holds_by_expiry: BTreeSet<Expiry>,
    undo: Undo,
}

/// A hold by when it runs out: of those of one time, the one that was decided first comes first.
type Expiry = (Micros, EventPlace, u32, TransactionId);

fn expiry(hold: &Hold, slot: u32) -> Expiry {
    (hold.expires, hold.place, slot, hold.transaction_id)
}

/// What a batch changed, as it was before.
#[derive(Debug, Default)]
struct Undo {
    /// Slots below this were there when the batch began; later ones are new.
    slots: u32,
    stream_time: Micros,
    set_back: Option<SetBack>,
    /// Accounts as they were before the batch first touched them, with their slots.
    accounts: Vec<(u32, Account)>,
    /// Number of the batch.
    batch: u32,
}

/// A fact that does not fit the state: the journal or the program is wrong, never the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    /// A fact about an account that is not there.
    #[error("a fact about an account that was never opened")]
    NoAccount,
    /// A hold ended that was not open.
    #[error("a hold ended that was not open")]
    NoHold,
}

impl PartitionState {
    /// A state with nothing in it. `seed` is for looking accounts up, and changes nothing else.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { accounts: Accounts::new(seed), ..Self::default() }
    }

    /// The accounts.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The largest event time decided on: the `now` of every check.
    #[must_use]
    pub fn stream_time(&self) -> Micros {
        self.stream_time
    }

    /// Lets stream time go on to `time`, if it is later.
    pub fn advance(&mut self, time: Micros) {
        self.stream_time = self.stream_time.max(time);
    }

    /// Sets stream time, back as well: what an operator asks for, and what a journal says.
    pub fn set_stream_time(&mut self, time: Micros) {
        self.stream_time = time;
    }

    /// How far the next event that is judged sets stream time back.
    #[must_use]
    pub fn set_back(&self) -> Option<SetBack> {
        self.set_back
    }

    /// Notes how far stream time is to be set back.
    pub fn note_set_back(&mut self, set_back: Option<SetBack>) {
        self.set_back = set_back;
    }

    /// When the hold that runs out first does so.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Micros> {
        self.holds_by_expiry.first().map(|(expires, ..)| *expires)
    }

    /// Every open hold by its account and its Pending outcome, in the order in which they run out.
    pub fn open_holds(&self) -> impl Iterator<Item = (&Account, TransactionId)> {
        let holds = self.holds_by_expiry.iter();
        holds.filter_map(|(_, _, slot, transaction_id)| Some((self.accounts.at(*slot)?, *transaction_id)))
    }

    /// The hold that runs out first, if it has run out at `now`: its account and its Pending outcome.
    #[must_use]
    pub fn expired_hold(&self, now: Micros) -> Option<(&Account, TransactionId)> {
        let (expires, _, slot, transaction_id) = self.holds_by_expiry.first()?;
        if *expires > now {
            return None;
        }
        self.accounts.at(*slot).map(|account| (account, *transaction_id))
    }

    /// Puts a full state in place: restore from a checkpoint. Not undone; for before the first [`PartitionState::keep`].
    pub fn set(&mut self, account: Account) {
        let sought = self.accounts.seek(&account.number);
        self.set_at(sought, account);
    }

    /// [`PartitionState::set`] for several accounts, which are looked up together.
    pub fn set_all(&mut self, accounts: &mut Vec<Account>) {
        let mut sought = Vec::with_capacity(accounts.len());
        self.accounts.seek_all(accounts.iter().map(|account| &*account.number), &mut sought);
        for (sought, account) in sought.into_iter().zip(accounts.drain(..)) {
            self.set_at(sought, account);
        }
    }

    fn set_at(&mut self, sought: SoughtAccount, account: Account) {
        let expiries: SmallVec<[_; 1]> = account.holds().iter().map(|hold| expiry(hold, 0)).collect();
        let slot = match sought.slot {
            Some(slot) => {
                self.forget_expiries(slot);
                self.accounts.replace(slot, account);
                slot
            }
            None => self.accounts.put_sought(account, sought),
        };
        self.holds_by_expiry
            .extend(expiries.into_iter().map(|(expires, place, _, id)| (expires, place, slot, id)));
    }

    /// Carries out the facts of one account, with the account as it was kept for [`PartitionState::undo`].
    ///
    /// # Errors
    /// [`StateFault`] where a fact does not fit; the state must then be dropped and restored.
    pub fn apply(&mut self, number: &str, facts: &[Fact]) -> Result<(), StateFault> {
        self.apply_at(self.accounts.seek(number), number, facts)
    }

    /// [`PartitionState::apply`] for several changes in order, whose accounts are looked up together. Passes over accounts
    /// that are not there, if told so.
    ///
    /// # Errors
    /// As [`PartitionState::apply`].
    pub fn apply_all(&mut self, changes: &[FactsOfAccount<'_>], pass_over: bool) -> Result<(), StateFault> {
        let mut found = Vec::with_capacity(changes.len());
        self.accounts.seek_all(changes.iter().map(|change| &*change.account), &mut found);
        for (sought, change) in found.into_iter().zip(changes) {
            // An earlier one of these changes may have opened it.
            let sought = self.accounts.seek_again(&change.account, sought);
            match self.apply_at(sought, &change.account, &change.facts) {
                Err(StateFault::NoAccount) if pass_over => {}
                applied => applied?,
            }
        }
        Ok(())
    }

    fn apply_at(&mut self, sought: SoughtAccount, number: &str, facts: &[Fact]) -> Result<(), StateFault> {
        let slot = match (sought.slot, facts.first()) {
            (Some(slot), _) => slot,
            (None, Some(Fact::Opened { limit, currency, country })) => {
                let account = Account::opened(number, *limit, *currency, *country);
                self.accounts.put_sought(account, sought)
            }
            (None, _) => return Err(StateFault::NoAccount),
        };
        let account = self.accounts.at_mut(slot).ok_or(StateFault::NoAccount)?;
        if slot < self.undo.slots && account.touched.0 != self.undo.batch {
            self.undo.accounts.push((slot, account.clone()));
            account.touched = Touched(self.undo.batch);
        }
        for fact in facts {
            apply_fact(account, fact, slot, &mut self.holds_by_expiry)?;
        }
        Ok(())
    }

    /// Forgets how things were before: the batch is committed.
    pub fn keep(&mut self) {
        self.undo.accounts.clear();
        self.undo.slots = self.accounts.len() as u32;
        (self.undo.stream_time, self.undo.set_back) = (self.stream_time, self.set_back);
        self.next_batch();
    }

    /// Puts everything back as it was at the last [`PartitionState::keep`]: the batch is aborted.
    pub fn undo(&mut self) {
        while self.accounts.len() as u32 > self.undo.slots {
            self.forget_expiries(self.accounts.len() as u32 - 1);
            self.accounts.remove_last();
        }
        for (slot, account) in std::mem::take(&mut self.undo.accounts) {
            self.forget_expiries(slot);
            self.holds_by_expiry.extend(account.holds().iter().map(|hold| expiry(hold, slot)));
            if let Some(place) = self.accounts.at_mut(slot) {
                *place = account;
            }
        }
        (self.stream_time, self.set_back) = (self.undo.stream_time, self.undo.set_back);
        self.next_batch();
    }

    /// Batches are numbered from 1; where the numbers run out, no account may look touched by a number to come.
    fn next_batch(&mut self) {
        self.undo.batch = self.undo.batch.wrapping_add(1);
        if self.undo.batch == 0 {
            for slot in 0..self.accounts.len() as u32 {
                if let Some(account) = self.accounts.at_mut(slot) {
                    account.touched = Touched::default();
                }
            }
            self.undo.batch = 1;
        }
    }

    fn forget_expiries(&mut self, slot: u32) {
        if let Some(account) = self.accounts.at(slot) {
            for hold in account.holds() {
                self.holds_by_expiry.remove(&expiry(hold, slot));
            }
        }
    }
}

fn apply_fact(
    account: &mut Account,
    fact: &Fact,
    slot: u32,
    expiries: &mut BTreeSet<Expiry>,
) -> Result<(), StateFault> {
    match fact {
        Fact::Opened { .. } => {}
        Fact::Evaluated => account.revision = account.revision.saturating_add(1),
        Fact::Remembered(remembered) => account.remember(remembered),
        Fact::Attempted { attempt, keep_from } => account.remember_attempt(*attempt, *keep_from),
        Fact::Refused { refused, keep_from, most } => account.remember_refused(refused, *keep_from, *most),
        Fact::Answered(answer) => account.remember_answer(answer),
        Fact::Booked(booking) => book(account, *booking),
        Fact::GaveBack { amount, fees } | Fact::PaidSplit { amount, fees } => pay(account, *amount, *fees),
        Fact::Counted { chip, currency, amount } => {
            account.rare_mut().counters.count(*chip, *currency, *amount);
        }
        Fact::Identified { chip } => account.rare_mut().counters.start_again(*chip),
        Fact::Taken(taking) => account.take(taking),
        Fact::GivenBack(taking) => account.give_back(taking),
        Fact::Reserved { .. }
        | Fact::HoldPlaced(_)
        | Fact::HoldShrunk { .. }
        | Fact::HoldRepeated { .. }
        | Fact::HoldMoved { .. }
        | Fact::HoldEnded { .. } => apply_hold_fact(account, fact, slot, expiries)?,
        Fact::CurrencySet(currency) => {
            account.currency = *currency;
            account.standing = account.standing.with(AccountFlags::CURRENCY_HELD, currency.is_some());
        }
        Fact::AccountEventApplied { event, keep_from } => {
            account.revision = account.revision.saturating_add(1);
            account.remember_account_event(event, *keep_from);
        }
        Fact::Paid(amount) => {
            let fees = (*amount).min(account.fees).max(Amount::ZERO);
            pay(account, *amount, fees);
        }
        Fact::PaymentReversed(id) => account.master_data_mut().events.reverse(*id),
        Fact::CashAdvanced(amount) => account.balance = account.balance.saturating_plus(*amount),
        Fact::LimitSet(limit) => account.limit = *limit,
        Fact::StandingSet { bit, on } => account.standing = account.standing.with(*bit, *on),
        Fact::FlagSet { name, on } => set_flag(&mut account.rare_mut().flags, name, *on),
        Fact::Patched(patch) => apply_patch(account, patch),
        Fact::Marked(mark) => account.master_data_mut().marks.set(*mark),
    }
    Ok(())
}

/// Of holds, which are kept by the time they run out as well.
fn apply_hold_fact(
    account: &mut Account,
    fact: &Fact,
    slot: u32,
    expiries: &mut BTreeSet<Expiry>,
) -> Result<(), StateFault> {
    match fact {
        Fact::Reserved { transaction_id, of_sums } => {
            account.correctable = account.correctable.minus(*of_sums);
            if let Some(taking) = &mut hold_mut(account, *transaction_id)?.taking {
                taking.of_sums = taking.of_sums.plus(*of_sums);
            }
        }
        Fact::HoldPlaced(hold) => {
            expiries.insert(expiry(hold, slot));
            account.rare_mut().holds.push((**hold).clone());
        }
        Fact::HoldShrunk { transaction_id, by } => {
            let hold = hold_mut(account, *transaction_id)?;
            hold.posts = hold.posts.saturating_minus(*by).max(Amount::ZERO);
            hold.held = hold.held.saturating_minus(*by).max(Amount::ZERO);
            let (counts, place) = (hold.posts, hold.place);
            account.recent.edit(place, |event| event.counts = counts);
        }
        Fact::HoldRepeated { transaction_id, repeat } => {
            let repeats = &mut hold_mut(account, *transaction_id)?.repeats;
            if repeats.len() >= limits::HOLD_REPEATS_MAX {
                repeats.remove(0);
            }
            repeats.push(*repeat);
        }
        Fact::HoldMoved { transaction_id, expires } => {
            let hold = hold_mut(account, *transaction_id)?;
            expiries.remove(&expiry(hold, slot));
            hold.expires = *expires;
            expiries.insert(expiry(hold, slot));
        }
        Fact::HoldEnded { transaction_id, granted } => {
            let holds = &mut account.rare_mut().holds;
            let place = holds
                .iter()
                .position(|hold| hold.transaction_id == *transaction_id)
                .ok_or(StateFault::NoHold)?;
            let hold = holds.remove(place);
            expiries.remove(&expiry(&hold, slot));
            account.end_pending(&hold, *granted);
        }
        _ => {}
    }
    Ok(())
}

fn hold_mut(account: &mut Account, id: TransactionId) -> Result<&mut Hold, StateFault> {
    let holds = account.rare_mut().holds.iter_mut();
    holds.into_iter().find(|hold| hold.transaction_id == id).ok_or(StateFault::NoHold)
}

/// The balance falls, and the fees among it.
fn pay(account: &mut Account, amount: Amount, fees: Amount) {
    account.balance = account.balance.saturating_minus(amount);
    account.fees = account.fees.saturating_minus(fees).max(Amount::ZERO);
}

fn book(account: &mut Account, booking: Booking) {
    let amount = booking.amount;
    account.balance = account.balance.saturating_plus(amount);
    if amount.is_negative() {
        book_of_old_journal(&mut account.correctable, booking);
        return;
    }
    account.standing = account.standing.with(AccountFlags::CURRENCY_HELD, false);
    account.correctable = account.correctable.plus(Correctable::of(booking.event_type, amount));
    match booking.event_type {
        EventType::Purchase | EventType::Correction => {
            account.standing = account.standing.with(AccountFlags::PURCHASED, true);
        }
        EventType::WithdrawalCommission | EventType::Interest => {
            account.fees = account.fees.saturating_plus(amount);
        }
        _ => {}
    }
}

/// Journals before version 4 book what is given back below zero.
fn book_of_old_journal(correctable: &mut Correctable, Booking { event_type, amount }: Booking) {
    let given_back = amount.negated();
    let purchases = match event_type {
        EventType::Purchase => given_back,
        EventType::Correction => given_back.min(correctable.purchases),
        _ => Amount::ZERO,
    };
    let withdrawals = given_back.saturating_minus(purchases);
    *correctable = correctable.minus(Correctable { purchases, withdrawals, fees: Amount::ZERO });
}

fn set_flag(flags: &mut Vec<Box<str>>, name: &str, on: bool) {
    match (flags.binary_search_by(|flag| (**flag).cmp(name)), on) {
        (Err(place), true) => flags.insert(place, name.into()),
        (Ok(place), false) => {
            flags.remove(place);
        }
        _ => {}
    }
}

fn apply_patch(account: &mut Account, patch: &Patch) {
    if patch.currency.is_some() {
        account.currency = patch.currency;
        account.standing = account.standing.with(AccountFlags::CURRENCY_HELD, false);
    }
    if patch.country.is_some() {
        account.country = patch.country;
    }
    if let Some(party_id) = &patch.party_id {
        account.master_data_mut().party_id = Some(party_id.clone());
    }
    if patch.chips.is_some() || patch.blocked_chips.is_some() {
        account.master_data_mut().old_hashes = patch.old_hashes;
    }
    if let Some(chips) = &patch.chips {
        account.master_data_mut().set_chips(chips);
    }
    if let Some(chips) = &patch.blocked_chips {
        account.master_data_mut().set_blocked_chips(chips);
    }
}
