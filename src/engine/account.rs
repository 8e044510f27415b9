//! Account events: limit, payment, flag, default, close, cash advance, update.

use super::pending::{End, applied};
use super::{Decision, Engine, Record, change};
use crate::checks::account::FlagEffect;
use crate::checks::time::{reach, span};
use crate::domain::account_event::{AccountChange, AccountEvent, Resolve, Update};
use crate::domain::enums::{CountryCode, Currency};
use crate::domain::hashing::hash64;
use crate::domain::ids::TransactionId;
use crate::domain::record::RecordTime;
use crate::domain::visible::excerpt;
use crate::domain::{Amount, Micros, limits};
use crate::state::{Account, Fact, PartitionState, Patch, Standing, id_hash};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Why an account event is not applied: it becomes a dead letter with this code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Code, as in the catalogue of checks.
    pub code: &'static str,
    /// What is wrong, naming the field.
    pub message: String,
}

fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.into() })
}

const INVALID: &str = "400.003";

impl Engine {
    /// Applies an account event. The first one opens the account; the same id applies once.
    ///
    /// # Errors
    /// [`Refusal`] where the event cannot be applied; nothing changes then.
    pub fn apply_account_event<'a>(
        &'a self,
        state: &PartitionState,
        event: &'a AccountEvent,
        record: &Record<'a>,
    ) -> Result<Decision<'a>, Refusal> {
        if event.account != record.key {
            return refuse(
                INVALID,
                "account differs from the key of the record: one of them names another account",
            );
        }
        if !fits(&event.account) {
            return refuse(INVALID, "account is blank or longer than 100 characters");
        }
        let id = id_hash(Some(&event.id));
        let known = state.accounts().get(&event.account);
        if known.is_some_and(|account| account.has_applied(id)) {
            return Ok(Decision::default());
        }
        if known.is_none() && state.accounts().len() >= limits::ACCOUNTS_PER_PARTITION_MAX {
            return refuse("pos.state.unavailable", "the partition holds as many accounts as it may");
        }
        let opened;
        let account = match known {
            Some(account) => account,
            None => {
                opened = Account::opened(&event.account, Amount::ZERO, None, None);
                &opened
            }
        };
        let mut facts = SmallVec::new();
        if known.is_none() {
            facts.push(Fact::Opened { limit: Amount::ZERO, currency: None, country: None });
        }
        facts.extend(applied(id));
        self.refuse_ahead(event, record)?;
        let now = self.time_with_account_event(state, event, record);
        self.change_account(account, event, record, now, facts)
    }

    /// The stream time with this event, as far as it may move it. An event that does not say when it was created moves
    /// none.
    #[must_use]
    pub fn time_with_account_event(
        &self,
        state: &PartitionState,
        event: &AccountEvent,
        record: &Record<'_>,
    ) -> Micros {
        let reach = event.created_at.and_then(|time| reach(time, record.time, self.base().time.skew));
        reach.map_or(state.stream_time(), |reach| reach.max(state.stream_time()))
    }

    /// What was created later than time may move would stand above all that follows until then. Where a record of a topic
    /// has no time, its event is applied and moves none.
    fn refuse_ahead(&self, event: &AccountEvent, record: &Record<'_>) -> Result<(), Refusal> {
        let Some(created) = event.created_at else { return Ok(()) };
        let skew = self.base().time.skew;
        match record.time {
            RecordTime::Written(written) if created > written.plus(skew) => {
                let skew = span(skew);
                refuse(
                    INVALID,
                    format!(
                        "createdAt {created} is more than {skew} after its record was written ({written}): mend the \
                         sender's clock"
                    ),
                )
            }
            RecordTime::LineFarAhead => refuse(
                INVALID,
                format!("createdAt {created} lies far ahead of the lines around it: mend the sender's clock"),
            ),
            _ => Ok(()),
        }
    }

    fn change_account<'a>(
        &'a self,
        account: &Account,
        event: &'a AccountEvent,
        record: &Record<'a>,
        now: Micros,
        mut facts: SmallVec<[Fact; 3]>,
    ) -> Result<Decision<'a>, Refusal> {
        match &event.change {
            AccountChange::Payment { amount, status, .. } => {
                let amount = positive("payment.amount", *amount)?;
                match status.as_str() {
                    "success" => facts.push(Fact::Paid(in_range(account, amount.negated())?.negated())),
                    "reversed" => facts.push(Fact::Paid(in_range(account, amount)?.negated())),
                    "failed" => {}
                    other => {
                        return refuse(
                            "400.004",
                            format!(
                                "payment.status \"{}\" is none of success, failed, reversed",
                                excerpt(other)
                            ),
                        );
                    }
                }
            }
            AccountChange::CashAdvance { amount } => {
                let amount = positive("cashAdvance.amount", *amount)?;
                facts.push(Fact::CashAdvanced(in_range(account, amount)?));
            }
            AccountChange::Limit { amount } if *amount < 0 => {
                return refuse(INVALID, format!("limit.amount {amount} is below 0"));
            }
            // A limit past 18 digits is none: no balance gets there.
            AccountChange::Limit { amount } => {
                facts.push(Fact::LimitSet(Amount::from_minor(*amount).unwrap_or(Amount::MAX)));
            }
            AccountChange::Default { satisfied } => {
                facts.push(Fact::StandingSet { bit: Standing::DEFAULT, on: !satisfied });
            }
            AccountChange::Close { .. } => facts.push(Fact::StandingSet { bit: Standing::CLOSED, on: true }),
            AccountChange::Flag { name, set, .. } => self.flag(account, name, *set, &mut facts)?,
            AccountChange::Update(update) => {
                return self.update(account, update, (event, record), now, facts);
            }
        }
        Ok(Decision { outcome: None, change: change(Cow::Borrowed(event.account.as_str()), facts) })
    }

    /// The facts of a flag. A blocking one always finds room: where the account has as many as it may, the weakest goes.
    fn flag(
        &self,
        account: &Account,
        name: &str,
        on: bool,
        facts: &mut SmallVec<[Fact; 3]>,
    ) -> Result<(), Refusal> {
        if !fits(name) {
            return refuse(INVALID, "flag.name is blank or longer than 100 characters");
        }
        if let Some(bit) = Standing::of_flag(name) {
            facts.push(Fact::StandingSet { bit, on });
            return Ok(());
        }
        let flags = account.flags();
        if on && flags.len() >= limits::FLAGS_MAX && !flags.iter().any(|flag| **flag == *name) {
            let effect = |name: &str| self.parameters.strongest_flag_effect(name);
            let weakest = flags.iter().min_by_key(|flag| effect(flag));
            match weakest
                .filter(|weakest| effect(name) == FlagEffect::Block && effect(weakest) < FlagEffect::Block)
            {
                Some(weakest) => facts.push(Fact::FlagSet { name: weakest.clone(), on: false }),
                None => {
                    let most = limits::FLAGS_MAX;
                    return refuse(INVALID, format!("the account has {most} flags: clear one first"));
                }
            }
        }
        facts.push(Fact::FlagSet { name: name.into(), on });
        Ok(())
    }

    fn update<'a>(
        &'a self,
        account: &Account,
        update: &Update,
        (event, record): (&'a AccountEvent, &Record<'a>),
        now: Micros,
        mut facts: SmallVec<[Fact; 3]>,
    ) -> Result<Decision<'a>, Refusal> {
        let patch = patch(update)?;
        if patch != Patch::default() {
            facts.push(Fact::Patched(Box::new(patch)));
        }
        if let Some(on) = update.ssn_known {
            facts.push(Fact::StandingSet { bit: Standing::SSN_KNOWN, on });
        }
        let Some(Resolve { transaction_id, granted }) = &update.resolve else {
            return Ok(Decision {
                outcome: None,
                change: change(Cow::Borrowed(event.account.as_str()), facts),
            });
        };
        let hold = TransactionId::parse(transaction_id)
            .and_then(|id| account.holds().iter().find(|hold| hold.transaction_id == id))
            .filter(|hold| hold.expires > now);
        let Some(hold) = hold else {
            return refuse(
                INVALID,
                "update.resolve.transactionId names no open Pending outcome of the account: it was resolved or ran out before",
            );
        };
        let end = if *granted { End::Granted } else { End::Refused };
        let id = record.transaction_id(hash64(event.id.as_bytes()), 0);
        Ok(self.end_pending(record, account, hold, end, id, facts))
    }
}

fn positive(field: &str, minor: i64) -> Result<Amount, Refusal> {
    match Amount::from_minor(minor) {
        Some(amount) if amount > Amount::ZERO => Ok(amount),
        Some(_) => refuse(INVALID, format!("{field} {minor} must be above 0")),
        None => refuse(INVALID, format!("{field} {minor} is larger than 18 digits")),
    }
}

/// The same amount, if the balance can change by it within 18 digits.
fn in_range(account: &Account, amount: Amount) -> Result<Amount, Refusal> {
    match account.balance.plus(amount) {
        Some(_) => Ok(amount),
        None => refuse(INVALID, "the balance would leave 18 digits"),
    }
}

fn patch(update: &Update) -> Result<Patch, Refusal> {
    if update.party_id.as_deref().is_some_and(|id| !fits(id)) {
        return refuse(INVALID, "update.partyId is blank or longer than 100 characters");
    }
    Ok(Patch {
        party_id: update.party_id.as_deref().map(Box::from),
        currency: symbol("update.currency", update.currency.as_deref(), |text| {
            Currency::from_symbol(text).filter(|currency| *currency != Currency::Unrecognized)
        })?,
        country: symbol("update.countryCode", update.country_code.as_deref(), |text| {
            CountryCode::from_symbol(text).filter(|country| *country != CountryCode::Unrecognized)
        })?,
        chips: chips("update.nfcIds", update.nfc_ids.as_deref())?,
        blocked_chips: chips("update.blockedNfcIds", update.blocked_nfc_ids.as_deref())?,
    })
}

fn symbol<T>(
    field: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    match text {
        None => Ok(None),
        Some(text) => match read(text) {
            Some(value) => Ok(Some(value)),
            None => refuse("400.004", format!("{field} \"{}\" is unknown", excerpt(text))),
        },
    }
}

fn chips(field: &str, ids: Option<&[String]>) -> Result<Option<Vec<u64>>, Refusal> {
    let Some(ids) = ids else { return Ok(None) };
    if ids.len() > limits::CHIPS_MAX {
        return refuse(
            INVALID,
            format!("{field} has {} chips, at most {} are kept", ids.len(), limits::CHIPS_MAX),
        );
    }
    let mut hashes: Vec<u64> = ids.iter().map(|id| id_hash(Some(id))).collect();
    hashes.sort_unstable();
    hashes.dedup();
    Ok(Some(hashes))
}

/// Whether a text can be kept as an id.
fn fits(id: &str) -> bool {
    !id.trim().is_empty() && id.chars().count() <= limits::ID_CHARS_MAX
}
