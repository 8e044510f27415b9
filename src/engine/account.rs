//! Account events: limit, payment, flag, default, close, cash advance, update.

use super::account_form::{PaymentStatus, check_flag_name, not_negative, positive, status_of};
use super::{Decision, Engine, RecordContext, Repeated, change};
use crate::checks::ParameterSets;
use crate::checks::account::FlagEffect;
use crate::checks::time::{reach, span};
use crate::domain::account_event::{AccountChange, AccountEvent};
use crate::domain::hashing::digest64;
use crate::domain::record::RecordTime;
use crate::domain::{Amount, Micros, limits};
use crate::state::{
    Account, AccountFlags, AppliedEvent, Fact, Facts, Mark, PartitionState, Payment, Thing, id_hash,
    old_id_hash,
};
use std::borrow::Cow;

/// Why an account event is not applied: it becomes a dead letter with this code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Code, as in the catalogue of checks.
    pub code: &'static str,
    /// What is wrong, naming the field.
    pub message: String,
}

pub(super) fn refuse<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.into() })
}

pub(super) const INVALID: &str = "400.003";

impl Engine {
    /// Applies an account event. The first one opens the account; the same id applies once.
    ///
    /// # Errors
    /// [`Refusal`] where the event cannot be applied; nothing changes then.
    pub fn apply_account_event<'a>(
        &'a self,
        state: &PartitionState,
        event: &'a AccountEvent,
        record: &RecordContext<'a>,
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
        let known = state.accounts().get(&event.account);
        let now = self.time_with_account_event(state, event, record);
        let applied = applied(event, record, now);
        if let Some(account) = known
            && let Some(repeats) = self.was_applied(account, event, &applied)?
        {
            return Ok(Decision { repeats: Some(repeats), ..Decision::default() });
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
        let mut facts = Facts::new();
        if known.is_none() {
            facts.push(Fact::Opened { limit: Amount::ZERO, currency: None, country: None });
        }
        self.refuse_ahead(event, record)?;
        self.change_account(account, event, record, (now, applied), facts)
    }

    /// The event as it was applied before, by its id or its idempotency key.
    fn was_applied(
        &self,
        account: &Account,
        event: &AccountEvent,
        applied: &AppliedEvent,
    ) -> Result<Option<Repeated>, Refusal> {
        let from = self.remembered_from(account, applied.seen);
        for before in account_events(account).filter(|before| before.seen >= from) {
            let same_id = match before.content {
                0 => before.id == old_id_hash(Some(&event.id)),
                _ => before.id == applied.id,
            };
            let same_key = applied.key != 0 && before.key == applied.key;
            let same_content = before.content == applied.content && (!same_id || before.key == applied.key);
            match (same_id || same_key, before.content == 0 || same_content) {
                (false, _) => {}
                (true, true) => {
                    let created = Some(before.seen).filter(|seen| *seen < Micros(i64::MAX));
                    return Ok(Some(Repeated { created, under_id: same_id }));
                }
                (true, false) => {
                    let what = if same_id { "id" } else { "idempotencyKey" };
                    return refuse(
                        "400.100",
                        format!(
                            "an event of other content was applied under this {what}: give it one of its own"
                        ),
                    );
                }
            }
        }
        match (account.forgot().account_events, event.created_at) {
            (Some(forgot), Some(created)) if created <= forgot => refuse(
                "pos.state.unavailable",
                format!(
                    "the account remembers its last {} events, not those up to {forgot}: that this one was applied \
                     before cannot be ruled out",
                    limits::ACCOUNT_EVENTS_MAX
                ),
            ),
            _ => Ok(None),
        }
    }

    /// From when on the account events of an account are remembered, given the time of one that comes. They are counted by
    /// one another's times: what order they came in among ticks, of which no outcome tells, must not decide.
    fn remembered_from(&self, account: &Account, seen: Micros) -> Micros {
        // Those of old journals have no time.
        let times = account_events(account).map(|event| event.seen).filter(|seen| *seen < Micros(i64::MAX));
        times.fold(seen, Micros::max).minus(self.base().repeat.account_events)
    }

    /// The stream time with this event, as far as it may move it. An event that does not say when it was created moves
    /// none.
    #[must_use]
    pub fn time_with_account_event(
        &self,
        state: &PartitionState,
        event: &AccountEvent,
        record: &RecordContext<'_>,
    ) -> Micros {
        let reach = event.created_at.and_then(|time| reach(time, record.time, self.base().time.skew));
        reach.map_or(state.stream_time(), |reach| reach.max(state.stream_time()))
    }

    /// What was created later than time may move would stand above all that follows until then. Where a record of a topic
    /// has no time, its event is applied and moves none.
    fn refuse_ahead(&self, event: &AccountEvent, record: &RecordContext<'_>) -> Result<(), Refusal> {
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
        record: &RecordContext<'a>,
        (now, mut applied): (Micros, AppliedEvent),
        mut facts: Facts,
    ) -> Result<Decision<'a>, Refusal> {
        let mut changes = Facts::new();
        let created = Created { time: event.created_at, asked: record.asked };
        match &event.change {
            AccountChange::Payment { amount, status, reverses } => {
                let amount = positive("payment.amount", *amount)?;
                match status_of(status)? {
                    PaymentStatus::Success => {
                        in_range(account, amount.negated())?;
                        let fees = amount.min(account.fees);
                        applied.payment = Some(Payment { amount, fees, reversed: false });
                        changes.push(Fact::PaidSplit { amount, fees });
                    }
                    PaymentStatus::Reversed => {
                        in_range(account, amount)?;
                        let from = self.remembered_from(account, applied.seen);
                        let (id, payment) = reversed(account, amount, reverses.as_deref(), from)?;
                        changes.push(Fact::PaymentReversed(id));
                        let (amount, fees) = (payment.amount.negated(), payment.fees.negated());
                        changes.push(Fact::PaidSplit { amount, fees });
                    }
                    PaymentStatus::Failed => {}
                }
            }
            AccountChange::CashAdvance { amount } => {
                let amount = positive("cashAdvance.amount", *amount)?;
                in_range(account, amount)?;
                changes.push(Fact::CashAdvanced(amount));
            }
            // A limit past 18 digits is none: no balance gets there.
            AccountChange::Limit { amount } => {
                not_negative(*amount)?;
                mark(account, Thing::LIMIT, "limit", created, &mut changes)?;
                changes.push(Fact::LimitSet(Amount::from_minor(*amount).unwrap_or(Amount::MAX)));
                if account.standing.has(AccountFlags::DEFAULT_LIMIT) {
                    changes.push(Fact::StandingSet { bit: AccountFlags::DEFAULT_LIMIT, on: false });
                }
            }
            AccountChange::Default { satisfied } => {
                mark(account, Thing::DEFAULT, "default", created, &mut changes)?;
                changes.push(Fact::StandingSet { bit: AccountFlags::DEFAULT, on: !satisfied });
            }
            AccountChange::Close { .. } => {
                changes.push(Fact::StandingSet { bit: AccountFlags::CLOSED, on: true });
            }
            AccountChange::Flag { name, set, .. } => {
                flag(account, name, *set, created, &self.parameters, &mut changes)?;
            }
            AccountChange::Update(update) => {
                return self.update(account, update, (event, record), (now, applied), facts);
            }
        }
        facts.push(self.remembering(applied));
        facts.extend(changes);
        let change = change(Cow::Borrowed(event.account.as_str()), facts);
        Ok(Decision { change, ..Decision::default() })
    }

    pub(super) fn remembering(&self, event: AppliedEvent) -> Fact {
        Fact::AccountEventApplied { event, keep_from: event.seen.minus(self.memory.account_events) }
    }
}

/// What is remembered of an account event. Its time is its own: what order it came in among ticks, of which no outcome
/// tells, must not be found in the state.
fn applied(event: &AccountEvent, record: &RecordContext<'_>, now: Micros) -> AppliedEvent {
    let written = match record.time {
        RecordTime::Written(written) => written,
        _ => now,
    };
    AppliedEvent {
        id: id_hash(Some(&event.id)),
        key: id_hash(event.idempotency_key.as_deref()),
        content: content(&event.change),
        seen: event.created_at.unwrap_or(written),
        payment: None,
    }
}

impl Refusal {
    /// Tells it behind what is refused already, under the code of that.
    pub(super) fn join(self, refusal: &mut Option<Self>) {
        match refusal {
            Some(before) => before.message = format!("{}; {}", before.message, self.message),
            None => *refusal = Some(self),
        }
    }
}

/// When an event was created, and whether its sender asked for a reply: it then comes after all that stands before it.
#[derive(Clone, Copy)]
pub(super) struct Created {
    pub(super) time: Option<Micros>,
    pub(super) asked: bool,
}

/// Notes when a thing changed, unless it changed by something that was created later.
pub(super) fn mark(
    account: &Account,
    thing: Thing,
    what: &str,
    created: Created,
    facts: &mut Facts,
) -> Result<(), Refusal> {
    let Created { time: Some(created), asked } = created else { return Ok(()) };
    let last = account.master_data.as_ref().and_then(|master_data| master_data.marks.of(thing));
    if asked {
        facts.push(Fact::Marked(Mark { thing, created: last.map_or(created, |last| last.max(created)) }));
        return Ok(());
    }
    if let Some(last) = last.filter(|last| *last > created) {
        return refuse(
            INVALID,
            format!("{what} of {created} is older than what was applied last, which was created {last}"),
        );
    }
    facts.push(Fact::Marked(Mark { thing, created }));
    Ok(())
}

/// The account events that an account remembers.
fn account_events(account: &Account) -> impl Iterator<Item = AppliedEvent> {
    account.master_data.iter().flat_map(|master_data| master_data.events.iter())
}

/// The payment that a reversal undoes: the one it names, or the newest of its amount.
fn reversed(
    account: &Account,
    amount: Amount,
    reverses: Option<&str>,
    from: Micros,
) -> Result<(u64, Payment), Refusal> {
    let mut payments: Vec<(u64, Payment)> = account_events(account)
        .filter(|event| event.seen >= from)
        .filter_map(|event| event.payment.map(|payment| (event.id, payment)))
        .filter(|(_, payment)| !payment.reversed)
        .collect();
    payments.reverse();
    let Some(name) = reverses else {
        let newest = payments.into_iter().find(|(_, payment)| payment.amount == amount);
        let nothing = format!("no payment of {amount} is known that was not reversed");
        return newest.ok_or(Refusal { code: INVALID, message: nothing });
    };
    let id = id_hash(Some(name));
    match payments.into_iter().find(|(event, _)| *event == id) {
        Some((_, payment)) if payment.amount != amount => refuse(
            INVALID,
            format!("payment.reverses names a payment of {}, not of {amount}", payment.amount),
        ),
        Some(found) => Ok(found),
        None => refuse(INVALID, "payment.reverses names no payment that is known and was not reversed"),
    }
}

/// Digest of what an account event changes, field by field: the same whatever format it came in.
fn content(change: &AccountChange) -> u64 {
    let mut bytes = vec![change.event_type() as u8];
    let text = |bytes: &mut Vec<u8>, text: Option<&str>| {
        bytes.extend_from_slice(&text.map_or(u32::MAX, |text| text.len() as u32).to_le_bytes());
        bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
    };
    match change {
        AccountChange::Payment { amount, status, reverses } => {
            bytes.extend_from_slice(&amount.to_le_bytes());
            text(&mut bytes, Some(status));
            text(&mut bytes, reverses.as_deref());
        }
        AccountChange::CashAdvance { amount } | AccountChange::Limit { amount } => {
            bytes.extend_from_slice(&amount.to_le_bytes());
        }
        AccountChange::Flag { name, set, transaction_id } => {
            text(&mut bytes, Some(name));
            bytes.push((*set).into());
            text(&mut bytes, transaction_id.as_deref());
        }
        AccountChange::Default { satisfied } => bytes.push((*satisfied).into()),
        AccountChange::Close { reason } => text(&mut bytes, reason.as_deref()),
        AccountChange::Update(update) => {
            for field in [&update.party_id, &update.currency, &update.country_code] {
                text(&mut bytes, field.as_deref());
            }
            bytes.push(update.ssn_known.map_or(2, u8::from));
            for ids in [&update.nfc_ids, &update.blocked_nfc_ids] {
                let count = ids.as_ref().map_or(u32::MAX, |ids| ids.len() as u32);
                bytes.extend_from_slice(&count.to_le_bytes());
                ids.iter().flatten().for_each(|id| text(&mut bytes, Some(id)));
            }
            text(&mut bytes, update.resolve.as_ref().map(|resolve| resolve.transaction_id.as_str()));
            bytes.push(update.resolve.as_ref().map_or(2, |resolve| resolve.granted.into()));
        }
    }
    digest64(&bytes).max(1)
}

/// Refuses where the balance cannot change by this within 18 digits.
fn in_range(account: &Account, amount: Amount) -> Result<(), Refusal> {
    match account.balance.plus(amount) {
        Some(_) => Ok(()),
        None => refuse(INVALID, "the balance would leave 18 digits"),
    }
}

fn flag(
    account: &Account,
    name: &str,
    on: bool,
    created: Created,
    parameters: &ParameterSets,
    facts: &mut Facts,
) -> Result<(), Refusal> {
    check_flag_name(name)?;
    mark(account, Thing::flag(name), "the flag", created, facts)?;
    if let Some(bit) = AccountFlags::of_flag(name) {
        facts.push(Fact::StandingSet { bit, on });
        return Ok(());
    }
    let flags = account.flags();
    if on && flags.len() >= limits::FLAGS_MAX && !flags.iter().any(|flag| **flag == *name) {
        // A flag that blocks always finds room: it takes that of one that does not.
        let blocks = |name: &str| parameters.strongest_flag_effect(name) == FlagEffect::Block;
        let weaker = flags.iter().find(|flag| !blocks(flag)).filter(|_| blocks(name));
        let Some(weaker) = weaker else {
            return refuse(INVALID, format!("the account has {} flags: clear one first", limits::FLAGS_MAX));
        };
        facts.push(Fact::FlagSet { name: weaker.clone(), on: false });
    }
    facts.push(Fact::FlagSet { name: name.into(), on });
    Ok(())
}

/// Whether a text can be kept as an id.
pub(super) fn fits(id: &str) -> bool {
    !id.trim().is_empty() && id.chars().count() <= limits::ID_CHARS_MAX
}
