//! The account events that an account has applied lately, packed: so that none applies twice, and a payment can be reversed.

use super::packed::{Bytes, PackedEntry, PackedReader, signed};
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

/// Packed, the earliest applied first; each with its distance in time to the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedEvents(Box<[u8]>);

const HAS_KEY: u8 = 1;
const HAS_CONTENT: u8 = 2;
const PAYMENT: u8 = 4;
const REVERSED: u8 = 8;
const WHOLE_SECONDS: u8 = 16;
const SECOND: i64 = 1_000_000;

impl AppliedEvents {
    /// The events.
    pub fn iter(&self) -> impl Iterator<Item = AppliedEvent> {
        let mut entries = Entries::of(&self.0);
        std::iter::from_fn(move || entries.next())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more.
    pub(super) fn push(&mut self, event: &AppliedEvent) {
        let last = self.iter().last().map_or(0, |last| last.seen.0);
        let mut entry = PackedEntry::new();
        write(&mut entry, event, last);
        let mut bytes = std::mem::take(&mut self.0).into_vec();
        bytes.reserve_exact(entry.bytes().len());
        bytes.extend_from_slice(entry.bytes());
        self.0 = bytes.into();
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
        *self = kept.skip(past_bound).collect();
        cut
    }

    /// Notes that the payment of this event was taken back.
    pub(super) fn reverse(&mut self, id: u64) {
        let mut events: Vec<_> = self.iter().collect();
        for event in events.iter_mut().filter(|event| event.id == id) {
            if let Some(payment) = &mut event.payment {
                payment.reversed = true;
            }
        }
        *self = events.iter().collect();
    }

    /// The bytes, as a journal keeps them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Out of the bytes of a journal; none where they are damaged.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut entries = Entries::of(bytes);
        while !entries.input.0.is_empty() {
            entries.next()?;
        }
        Some(Self(bytes.into()))
    }
}

impl<'a> FromIterator<&'a AppliedEvent> for AppliedEvents {
    fn from_iter<T: IntoIterator<Item = &'a AppliedEvent>>(events: T) -> Self {
        let mut bytes = Vec::new();
        events.into_iter().fold(0, |last, event| {
            write(&mut bytes, event, last);
            event.seen.0
        });
        Self(bytes.into())
    }
}

fn write(out: &mut impl Bytes, event: &AppliedEvent, last: i64) {
    let since = event.seen.0.wrapping_sub(last);
    let mut flags = 0;
    for (flag, on) in [
        (HAS_KEY, event.key != 0),
        (HAS_CONTENT, event.content != 0),
        (PAYMENT, event.payment.is_some()),
        (REVERSED, event.payment.is_some_and(|payment| payment.reversed)),
        (WHOLE_SECONDS, since % SECOND == 0),
    ] {
        flags |= if on { flag } else { 0 };
    }
    out.all(&[flags]);
    out.all(&event.id.to_le_bytes());
    for hash in [event.key, event.content].into_iter().filter(|hash| *hash != 0) {
        out.all(&hash.to_le_bytes());
    }
    signed(out, if flags & WHOLE_SECONDS != 0 { since / SECOND } else { since });
    if let Some(payment) = event.payment {
        signed(out, payment.amount.ten_thousandths());
        signed(out, payment.fees.ten_thousandths());
    }
}

struct Entries<'a> {
    input: PackedReader<'a>,
    last: i64,
}

impl<'a> Entries<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self { input: PackedReader(bytes), last: 0 }
    }

    fn next(&mut self) -> Option<AppliedEvent> {
        let input = &mut self.input;
        let flags = input.byte()?;
        let id = input.long()?;
        let key = if flags & HAS_KEY != 0 { input.long()? } else { 0 };
        let content = if flags & HAS_CONTENT != 0 { input.long()? } else { 0 };
        let unit = if flags & WHOLE_SECONDS != 0 { SECOND } else { 1 };
        self.last = self.last.wrapping_add(input.signed()?.checked_mul(unit)?);
        let payment = if flags & PAYMENT != 0 {
            let mut number = || Amount::new(input.signed()?);
            Some(Payment { amount: number()?, fees: number()?, reversed: flags & REVERSED != 0 })
        } else {
            None
        };
        Some(AppliedEvent { id, key, content, seen: Micros(self.last), payment })
    }
}
