//! The events that an account remembers, packed: a million accounts have ten each. Keeps what it is given, in the order it
//! was given; what is forgotten when is told with every event.
//!
//! The bytes are those of the journal too (version 4): a head with what entries have in common (place, time, the hashes of
//! chips and terminals), then the entries, each with its distance to the head.

use super::packed::{Bytes, PackedEntry, PackedReader, signed};
use super::remembered::{EventPlace, MoneyKind, Remembered};
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Verdict};
use crate::domain::{Amount, Micros, PartitionId, limits};
use smallvec::SmallVec;

/// Packed events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory(Box<[u8]>);

/// From when on events are kept; each is measured by its [`Remembered::seen`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// All of them.
    pub all_from: Micros,
    /// Those that corrections may still take of, and book-keeping.
    pub originals_from: Micros,
}

/// Hashes that the head may hold: what an entry points to with four bits, besides none and one of its own.
const SHARED_MAX: usize = 14;
const OWN: u8 = 15;
/// What stands before the shared hashes: number of entries, time, partition, offset, number of hashes.
const HEAD: usize = 2 + 8 + 4 + 8 + 1;

const GIVES_BACK: u32 = 1 << 3;
const CATEGORY: u32 = 4;
const CURRENCY: u32 = 8;
const COUNTRY: u32 = 11;
const VERDICT: u32 = 15;
const HAS_MESSAGES: u32 = 1 << 17;
const WHOLE_SECONDS: u32 = 1 << 18;
const WHOLE_CENTS: u32 = 1 << 19;
const ALL_IS_LEFT: u32 = 1 << 20;
const NO_ID: u32 = 1 << 21;
const SEEN_LATER: u32 = 1 << 22;
/// A fourth byte of flags follows: those of few events.
const MORE: u32 = 1 << 23;
const NONE_IS_LEFT: u32 = 1 << 24;
const COUNTS_LESS: u32 = 1 << 25;
const ELSEWHERE: u32 = 1 << 26;
const CORRECTS: u32 = 1 << 27;
const HAS_ORIGINAL: u32 = 1 << 28;

impl Memory {
    /// The events, in the order they were remembered.
    #[must_use]
    pub fn iter(&self) -> Events<'_> {
        let head = MemoryHead::of(&self.0);
        Events {
            left: head.count,
            shared: head.shared(&self.0),
            entries: PackedReader(&self.0[head.end(&self.0)..]),
            head,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(MemoryHead::of(&self.0).count)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers one more.
    pub fn push(&mut self, event: &Remembered) {
        let mut bytes = std::mem::take(&mut self.0).into_vec();
        append(&mut bytes, event);
        self.0 = bytes.into();
    }

    /// Changes the event of this place, the newest where an old journal left several; whether there was one.
    pub(super) fn edit(&mut self, place: EventPlace, edit: impl FnOnce(&mut Remembered)) -> bool {
        let mut events: Vec<Remembered> = self.iter().collect();
        let Some(event) = events.iter_mut().rev().find(|event| event.place == place) else { return false };
        edit(event);
        *self = events.iter().collect();
        true
    }

    /// Takes out what need not be kept any more (Pending events are), at once for several where there are several; and the
    /// oldest where there are more than `most`.
    pub(super) fn forget(&mut self, keep: Micros, most: usize) -> Vec<Remembered> {
        let count = self.len();
        let due = |event: &Remembered| event.seen < keep && event.verdict != Verdict::Pending;
        // Packing anew costs as much as all entries: worth it for an eighth of them, and never for one in a few.
        let some = (count / 8).max(4);
        if count <= most && (count < some || !self.iter().take(some).all(|event| due(&event))) {
            return Vec::new();
        }
        let mut past_bound = count.saturating_sub(most);
        let mut forgotten = Vec::new();
        let mut kept = Vec::with_capacity(self.0.len());
        for event in self.iter() {
            if due(&event) {
                past_bound = past_bound.saturating_sub(1);
                forgotten.push(event);
            } else if past_bound > 0 && event.verdict != Verdict::Pending {
                past_bound -= 1;
                forgotten.push(event);
            } else {
                append(&mut kept, &event);
            }
        }
        self.0 = kept.into();
        forgotten
    }

    /// The bytes, as a journal keeps them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Out of the bytes of a journal; none where they are damaged.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let shared = usize::from(*bytes.get(HEAD - 1)?);
        if bytes.len() < HEAD + 8 * shared || shared > SHARED_MAX {
            return None;
        }
        let memory = Self(bytes.into());
        let mut events = memory.iter();
        let count = events.by_ref().count();
        (count == memory.len() && count > 0 && events.entries.0.is_empty()).then_some(memory)
    }
}

impl<'a> FromIterator<&'a Remembered> for Memory {
    fn from_iter<T: IntoIterator<Item = &'a Remembered>>(events: T) -> Self {
        let mut bytes = Vec::new();
        events.into_iter().for_each(|event| append(&mut bytes, event));
        Self(bytes.into())
    }
}

/// Appends one more event: to nothing, or to what has a head.
fn append(bytes: &mut Vec<u8>, event: &Remembered) {
    let mut head = MemoryHead::of(bytes);
    if bytes.is_empty() {
        head = MemoryHead {
            count: 0,
            time: event.time.0,
            partition: event.place.partition,
            offset: event.place.offset,
        };
        bytes.resize(HEAD, 0);
    }
    head.count = head.count.saturating_add(1);
    let mut new = SmallVec::<[u64; 2]>::new();
    let [chip, terminal] = [event.chip, event.terminal].map(|hash| share(bytes, &mut new, hash));
    let mut entry = PackedEntry::new();
    write(&mut entry, event, &head, chip, terminal);
    bytes.reserve_exact(8 * new.len() + entry.bytes().len());
    let end = head.end(bytes);
    bytes.splice(end..end, new.iter().flat_map(|hash| hash.to_le_bytes()));
    bytes[HEAD - 1] += new.len() as u8;
    bytes.extend_from_slice(entry.bytes());
    head.write(bytes);
}

/// The place of a hash among the shared ones and the new ones, which it comes to where there is room.
fn share(bytes: &[u8], new: &mut SmallVec<[u64; 2]>, hash: u64) -> u8 {
    if hash == 0 {
        return 0;
    }
    let count = usize::from(bytes[HEAD - 1]);
    let known = (0..count).find(|place| long(bytes, HEAD + 8 * place) == hash);
    let known = known.or_else(|| new.iter().position(|new| *new == hash).map(|place| count + place));
    match known {
        Some(place) => place as u8 + 1,
        None if count + new.len() < SHARED_MAX => {
            new.push(hash);
            (count + new.len()) as u8
        }
        None => OWN,
    }
}

/// What entries have in common.
#[derive(Clone, Copy, Debug, Default)]
struct MemoryHead {
    count: u16,
    time: i64,
    partition: PartitionId,
    offset: i64,
}

impl MemoryHead {
    fn of(bytes: &[u8]) -> Self {
        if bytes.len() < HEAD {
            return Self::default();
        }
        Self {
            count: u16::from_le_bytes([bytes[0], bytes[1]]),
            time: long(bytes, 2) as i64,
            partition: i32::from_le_bytes([bytes[10], bytes[11], bytes[12], bytes[13]]).into(),
            offset: long(bytes, 14) as i64,
        }
    }

    fn write(self, bytes: &mut [u8]) {
        bytes[..2].copy_from_slice(&self.count.to_le_bytes());
        bytes[2..10].copy_from_slice(&self.time.to_le_bytes());
        bytes[10..14].copy_from_slice(&self.partition.number().to_le_bytes());
        bytes[14..22].copy_from_slice(&self.offset.to_le_bytes());
    }

    fn shared(self, bytes: &[u8]) -> &[u8] {
        if bytes.is_empty() { &[] } else { &bytes[HEAD..self.end(bytes)] }
    }

    fn end(self, bytes: &[u8]) -> usize {
        if bytes.is_empty() { 0 } else { HEAD + 8 * usize::from(bytes[HEAD - 1]) }
    }
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// The events of a [`Memory`].
#[derive(Clone, Debug)]
pub struct Events<'a> {
    left: u16,
    head: MemoryHead,
    shared: &'a [u8],
    entries: PackedReader<'a>,
}

impl Iterator for Events<'_> {
    type Item = Remembered;

    #[inline]
    fn next(&mut self) -> Option<Remembered> {
        self.left = self.left.checked_sub(1)?;
        let event = read(&mut self.entries, &self.head, self.shared);
        if event.is_none() {
            self.left = 0;
        }
        event
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

fn write(out: &mut PackedEntry, event: &Remembered, head: &MemoryHead, chip: u8, terminal: u8) {
    const SECOND: i64 = 1_000_000;
    const CENT: i64 = 100;
    let kind = event.kind;
    let time = event.time.0.wrapping_sub(head.time);
    let amounts = [event.amount, event.counts, event.left].map(Amount::ten_thousandths);
    let mut flags = kind.event_type as u32
        | kind.category.map_or(0, |category| category as u32 + 1) << CATEGORY
        | (kind.currency as u32) << CURRENCY
        | (kind.country as u32) << COUNTRY
        | (event.verdict as u32) << VERDICT;
    for (flag, on) in [
        (GIVES_BACK, kind.gives_back),
        (HAS_MESSAGES, event.has_messages),
        (WHOLE_SECONDS, time % SECOND == 0),
        (SEEN_LATER, event.seen != event.time),
        (WHOLE_CENTS, amounts.iter().all(|amount| amount % CENT == 0)),
        (ALL_IS_LEFT, event.left == event.amount),
        (NONE_IS_LEFT, event.left.is_zero()),
        (COUNTS_LESS, event.counts != event.amount),
        (ELSEWHERE, event.place.partition != head.partition),
        (CORRECTS, event.corrects != 0),
        (NO_ID, event.id == 0),
        (HAS_ORIGINAL, event.original.is_some()),
    ] {
        flags |= if on { flag } else { 0 };
    }
    let [first @ .., last] = (flags | if flags >> 24 == 0 { 0 } else { MORE }).to_le_bytes();
    out.all(&first);
    out.all(&[chip | terminal << 4]);
    if last != 0 {
        out.all(&[last]);
    }
    signed(out, if flags & WHOLE_SECONDS != 0 { time / SECOND } else { time });
    if flags & SEEN_LATER != 0 {
        signed(out, event.seen.0.wrapping_sub(event.time.0));
    }
    if flags & ELSEWHERE != 0 {
        signed(out, event.place.partition.into());
    }
    signed(out, event.place.offset.wrapping_sub(head.offset));
    let unit = if flags & WHOLE_CENTS != 0 { CENT } else { 1 };
    signed(out, amounts[0] / unit);
    if flags & COUNTS_LESS != 0 {
        signed(out, amounts[1] / unit);
    }
    if flags & (ALL_IS_LEFT | NONE_IS_LEFT) == 0 {
        signed(out, amounts[2] / unit);
    }
    if let Some(original) = event.original {
        signed(out, original.partition.into());
        signed(out, original.offset);
    }
    out.all(&event.basket.to_le_bytes());
    for (hash, there) in [
        (event.id, flags & NO_ID == 0),
        (event.corrects, flags & CORRECTS != 0),
        (event.chip, chip == OWN),
        (event.terminal, terminal == OWN),
    ] {
        if there {
            out.all(&hash.to_le_bytes());
        }
    }
}

#[inline]
fn read(input: &mut PackedReader<'_>, head: &MemoryHead, shared: &[u8]) -> Option<Remembered> {
    let [first, second, third, keys] = input.array()?;
    let mut flags = u32::from_le_bytes([first, second, third, 0]);
    if flags & MORE != 0 {
        flags |= u32::from(input.byte()?) << 24;
    }
    let time = input.signed()?.checked_mul(if flags & WHOLE_SECONDS != 0 { 1_000_000 } else { 1 })?;
    let time = head.time.wrapping_add(time);
    let seen = if flags & SEEN_LATER != 0 { time.wrapping_add(input.signed()?) } else { time };
    let partition = if flags & ELSEWHERE != 0 { input.signed()?.try_into().ok()? } else { head.partition };
    let offset = head.offset.wrapping_add(input.signed()?);
    let unit = if flags & WHOLE_CENTS != 0 { 100 } else { 1 };
    let mut number = || Amount::new(input.signed()?.checked_mul(unit)?);
    let amount = number()?;
    let counts = if flags & COUNTS_LESS != 0 { number()? } else { amount };
    let left = match flags & (ALL_IS_LEFT | NONE_IS_LEFT) {
        0 => number()?,
        ALL_IS_LEFT => amount,
        _ => Amount::ZERO,
    };
    let original = if flags & HAS_ORIGINAL != 0 {
        Some(EventPlace { partition: input.signed()?.try_into().ok()?, offset: input.signed()? })
    } else {
        None
    };
    let basket = input.long()?;
    let id = if flags & NO_ID == 0 { input.long()? } else { 0 };
    let corrects = if flags & CORRECTS != 0 { input.long()? } else { 0 };
    let mut hash = |key: u8| match key {
        0 => Some(0),
        OWN => input.long(),
        place => Some(u64::from_le_bytes(*shared.get(8 * usize::from(place - 1)..)?.first_chunk()?)),
    };
    let (chip, terminal) = (hash(keys & 15)?, hash(keys >> 4)?);
    let at = |from: u32, bits: u32| (flags >> from & ((1 << bits) - 1)) as usize;
    Some(Remembered {
        place: EventPlace { partition, offset },
        time: Micros(time),
        seen: Micros(seen),
        amount,
        counts,
        left,
        id,
        basket,
        corrects,
        terminal,
        chip,
        original,
        kind: MoneyKind {
            event_type: *EventType::ALL.get(at(0, 3))?,
            gives_back: flags & GIVES_BACK != 0,
            category: at(CATEGORY, 4).checked_sub(1).and_then(|place| CategoryType::ALL.get(place)).copied(),
            currency: *Currency::ALL.get(at(CURRENCY, 3))?,
            country: *CountryCode::ALL.get(at(COUNTRY, 4))?,
        },
        verdict: *Verdict::ALL.get(at(VERDICT, 2))?,
        has_messages: flags & HAS_MESSAGES != 0,
    })
}

const _: () = assert!(limits::REMEMBERED_MAX < u16::MAX as usize);
const _: () = assert!(EventType::ALL.len() <= 8 && CategoryType::ALL.len() < 16 && Currency::ALL.len() <= 8);
const _: () = assert!(CountryCode::ALL.len() <= 16 && Verdict::ALL.len() <= 4);

#[cfg(test)]
mod tests;
