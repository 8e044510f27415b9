//! The end of a Pending outcome: granted, refused, or run out. Each gives a second outcome that supersedes the first.

use super::pos::uses_limit;
use super::{Decision, Engine, Record, change};
use crate::checks::{Check, Effect, Finding};
use crate::domain::Micros;
use crate::domain::enums::{EventType, MessageType, Verdict};
use crate::domain::ids::TransactionId;
use crate::state::{Account, Booking, Fact, Hold, PartitionState, Standing};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

/// How a Pending outcome ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Granted,
    Refused,
    Expired,
}

impl Engine {
    /// The second outcome of the hold that ran out first, where one has at `now`. `digest` is that of what moved time, and
    /// `ordinal` how many outcomes this record has caused before, its own included.
    #[must_use]
    pub fn expire<'a>(
        &'a self,
        state: &PartitionState,
        record: &Record<'a>,
        digest: u64,
        ordinal: u32,
        now: Micros,
    ) -> Option<Decision<'a>> {
        let (account, transaction_id) = state.expired_hold(now)?;
        let hold = account.holds().iter().find(|hold| hold.transaction_id == transaction_id)?;
        let id = record.transaction_id(digest, ordinal);
        Some(self.end_pending(record, account, hold, End::Expired, id, SmallVec::new()))
    }

    /// Ends a hold; `facts` come before its own.
    pub(super) fn end_pending<'a>(
        &'a self,
        record: &Record<'a>,
        account: &Account,
        hold: &Hold,
        end: End,
        id: TransactionId,
        mut facts: SmallVec<[Fact; 3]>,
    ) -> Decision<'a> {
        let closed = account.standing.has(Standing::CLOSED);
        let accepted = end == End::Granted && !closed && account.balance.plus(hold.posts).is_some();
        let verdict = if accepted { Verdict::Accepted } else { Verdict::Rejected };
        let finding = if end == End::Granted && !accepted { no_longer(closed) } else { ending(end, hold) };
        let mut outcome =
            self.outcome(record, id, verdict, self.messages(vec![finding], hold.language, account.country));
        outcome.account_number = Cow::Owned(account.number.to_string());
        outcome.account_transaction_id =
            hold.account_transaction_id.as_deref().map(|id| Cow::Owned(id.to_owned()));
        outcome.event_type = hold.event_type;
        outcome.event_time = Some(hold.event_time);
        outcome.currency = Some(hold.currency.symbol());
        outcome.supersedes = Some(hold.transaction_id);
        let inputs =
            facts.iter().filter(|fact| matches!(fact, Fact::AccountEventApplied { .. })).count() as i64;
        outcome.account_revision = account.revision + inputs;
        let (mut balance, mut available) = (account.balance, account.available().saturating_plus(hold.held));
        facts.push(Fact::HoldEnded { transaction_id: hold.transaction_id, granted: accepted });
        let books =
            !matches!(hold.event_type, EventType::Info | EventType::Unrecognized) && !hold.posts.is_zero();
        if accepted && books {
            balance = balance.saturating_plus(hold.posts);
            if uses_limit(hold.event_type) {
                available = available.saturating_minus(hold.posts);
            }
            outcome.posted_amount = Some(hold.posts);
            facts.push(Fact::Booked(Booking { event_type: hold.event_type, amount: hold.posts }));
        }
        outcome.balance_after = Some(balance);
        outcome.available_after = Some(available);
        Decision { outcome: Some(outcome), change: change(Cow::Owned(account.number.to_string()), facts) }
    }
}

/// What a second outcome says.
fn ending(end: End, hold: &Hold) -> Finding {
    // The outcome it was asked for by is named by `supersedes`; in the text it would differ from run to run.
    let (place, effect, message) = match end {
        End::Granted => {
            (0, Effect::Note, "the step that was asked for is finished: the event is accepted".to_owned())
        }
        End::Refused => {
            (1, Effect::Reject, "the step that was asked for is refused: nothing is booked".to_owned())
        }
        End::Expired => (
            2,
            Effect::Reject,
            format!("the step that was asked for was not finished by {}: nothing is booked", hold.expires),
        ),
    };
    let mut finding = Finding::new(Check::Pending, effect, message).coded(place);
    if effect == Effect::Reject {
        finding.kind = MessageType::BusinessError;
    }
    finding
}

/// A granted event that cannot be booked any more.
fn no_longer(closed: bool) -> Finding {
    if closed {
        let message = "the step was finished, but the account has been closed since".to_owned();
        Finding::new(Check::AccountClosed, Effect::Reject, message).at("accountNumber")
    } else {
        let message = "the step was finished, but the balance would leave 18 digits".to_owned();
        Finding::new(Check::LimitExceeded, Effect::Reject, message).at("totalAmount")
    }
}

/// No facts yet but that an account event was applied.
pub(super) fn applied(id: u64) -> SmallVec<[Fact; 3]> {
    smallvec![Fact::AccountEventApplied { id }]
}
