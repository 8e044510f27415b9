//! The account events that an account has applied lately, packed: so that none applies twice, and a payment can be reversed.

use super::packed::{Input, signed};
use crate::domain::{Amount, Micros};

/// An account event that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppliedEvent {
    /// [`super::id_hash`] of its id; of an old journal [`super::old_id_hash`].
    pub id: u64,
    /// [`super::id_hash`] of its idempotency key; 0: none.
    pub key: u64,
    /// Digest of its content, without id, key and createdAt; 0: an old journal kept none.
    pub content: u64,
    /// When it was created, otherwise written: from then on it is remembered.
    pub seen: Micros,
    /// The payment that it was, where it was a success.
    pub payment: Option<Payment>,
}

/// A payment that lowered the balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// By how much.
    pub amount: Amount,
    /// What of it paid fees.
    pub fees: Amount,
    /// Whether it was taken back.
    pub reversed: bool,
}

/// Packed, the earliest applied first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedEvents(Vec<u8>);

const HAS_KEY: u8 = 1;
const HAS_CONTENT: u8 = 2;
const PAYMENT: u8 = 4;
const REVERSED: u8 = 8;

impl AppliedEvents {
    /// The events.
    pub fn iter(&self) -> impl Iterator<Item = AppliedEvent> {
        let mut input = Input(&self.0);
        std::iter::from_fn(move || read(&mut input))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more.
    pub(super) fn push(&mut self, event: &AppliedEvent) {
        let mut flags = 0;
        for (flag, on) in [
            (HAS_KEY, event.key != 0),
            (HAS_CONTENT, event.content != 0),
            (PAYMENT, event.payment.is_some()),
            (REVERSED, event.payment.is_some_and(|payment| payment.reversed)),
        ] {
            flags |= if on { flag } else { 0 };
        }
        self.0.reserve_exact(40);
        self.0.push(flags);
        self.0.extend_from_slice(&event.id.to_le_bytes());
        for hash in [event.key, event.content].into_iter().filter(|hash| *hash != 0) {
            self.0.extend_from_slice(&hash.to_le_bytes());
        }
        signed(&mut self.0, event.seen.0);
        if let Some(payment) = event.payment {
            signed(&mut self.0, payment.amount.ten_thousandths());
            signed(&mut self.0, payment.fees.ten_thousandths());
        }
        self.0.shrink_to_fit();
    }

    /// Takes out what need not be kept from `keep` on, and the oldest where there are more than `most`: when the last of
    /// those was seen that would have had to be kept.
    pub(super) fn forget(&mut self, keep: Micros, most: usize) -> Option<Micros> {
        let events: Vec<_> = self.iter().collect();
        let due = |event: &&AppliedEvent| event.seen < keep;
        let past_keep = events.iter().filter(due).count();
        if events.len() <= most && past_keep < 8.max(events.len() / 8) {
            return None;
        }
        let past_bound = (events.len() - past_keep).saturating_sub(most);
        let kept = events.iter().filter(|event| !due(event));
        // Those of old journals have no time, and cut nothing that is known.
        let cut = kept.clone().take(past_bound).map(|event| event.seen);
        let cut = cut.filter(|seen| *seen < Micros(i64::MAX)).max();
        let mut left = Self::default();
        kept.skip(past_bound).for_each(|event| left.push(event));
        *self = left;
        cut
    }

    /// Notes that the payment of this event was taken back.
    pub(super) fn reverse(&mut self, id: u64) {
        let events: Vec<_> = self.iter().collect();
        let mut changed = Self::default();
        for mut event in events {
            if event.id == id
                && let Some(payment) = &mut event.payment
            {
                payment.reversed = true;
            }
            changed.push(&event);
        }
        *self = changed;
    }

    /// The bytes, as a journal keeps them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Out of the bytes of a journal; none where they are damaged.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        while !input.0.is_empty() {
            read(&mut input)?;
        }
        Some(Self(bytes.to_vec()))
    }
}

impl<'a> FromIterator<&'a AppliedEvent> for AppliedEvents {
    fn from_iter<T: IntoIterator<Item = &'a AppliedEvent>>(events: T) -> Self {
        let mut packed = Self::default();
        events.into_iter().for_each(|event| packed.push(event));
        packed
    }
}

fn read(input: &mut Input<'_>) -> Option<AppliedEvent> {
    let flags = input.byte()?;
    let id = input.long()?;
    let key = if flags & HAS_KEY != 0 { input.long()? } else { 0 };
    let content = if flags & HAS_CONTENT != 0 { input.long()? } else { 0 };
    let seen = Micros(input.signed()?);
    let payment = if flags & PAYMENT != 0 {
        let mut number = || Amount::new(input.signed()?);
        Some(Payment { amount: number()?, fees: number()?, reversed: flags & REVERSED != 0 })
    } else {
        None
    };
    Some(AppliedEvent { id, key, content, seen, payment })
}
