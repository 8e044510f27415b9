//! What is known of one kind of schema: plans, ids that are asked for, ids that nobody knows. Each has a bound of its own,
//! so that no flood of one pushes out another, and what was waited for is kept until it was used. Asks nobody.

use crate::codec::{SchemaLookup, SchemaRef};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Ids that may be asked for at once, of a kind; who asks for one more is told to wait, and asks again.
pub(super) const WAITING_MAX: usize = 256;
/// Unknown ids that are remembered, of a kind.
const UNKNOWN_MAX: usize = 10_000;
/// Longest reason that is kept, characters.
const REASON_CHARS_MAX: usize = 500;
/// A plan that was waited for is kept for so long even if nobody comes back for it.
const FRESH_FOR: Duration = Duration::from_secs(30);
/// A plan takes a place of the cache for each so many bytes.
const PLACE_BYTES: usize = 64 << 10;
/// Ids that are remembered to have been known once, of a kind.
const ONCE_KNOWN_MAX: usize = 100_000;

pub(super) struct Cache<P> {
    /// Places that plans may take together.
    places_max: usize,
    places: usize,
    known: BTreeMap<SchemaRef, KnownPlan<P>>,
    /// Of known ones, the oldest first.
    known_order: VecDeque<SchemaRef>,
    /// Known, but perhaps not used yet by whoever waited.
    fresh: Vec<SchemaRef>,
    /// Known now or before.
    once_known: BTreeSet<SchemaRef>,
    waiting: BTreeSet<SchemaRef>,
    unknown: BTreeMap<SchemaRef, UnknownSchema>,
    unknown_order: VecDeque<SchemaRef>,
}

struct KnownPlan<P> {
    plan: Arc<P>,
    places: usize,
    came: Instant,
    used: AtomicBool,
}

struct UnknownSchema {
    reason: Box<str>,
    until: Instant,
}

impl<P> KnownPlan<P> {
    fn is_fresh(&self, now: Instant) -> bool {
        !self.used.load(Ordering::Relaxed) && now.saturating_duration_since(self.came) < FRESH_FOR
    }
}

impl<P> Cache<P> {
    pub(super) fn new(places_max: usize) -> Self {
        Self {
            places_max,
            places: 0,
            known: BTreeMap::new(),
            known_order: VecDeque::new(),
            fresh: Vec::new(),
            once_known: BTreeSet::new(),
            waiting: BTreeSet::new(),
            unknown: BTreeMap::new(),
            unknown_order: VecDeque::new(),
        }
    }

    /// What is known; nothing where the registry must be asked.
    pub(super) fn answer(&self, schema: &SchemaRef, now: Instant) -> Option<SchemaLookup<Arc<P>>> {
        if let Some(known) = self.known.get(schema) {
            known.used.store(true, Ordering::Relaxed);
            return Some(SchemaLookup::Known(Arc::clone(&known.plan)));
        }
        if self.waiting.contains(schema) {
            return Some(SchemaLookup::Waiting);
        }
        let unknown = self.unknown.get(schema).filter(|unknown| now < unknown.until)?;
        Some(SchemaLookup::Unknown(unknown.reason.to_string()))
    }

    /// Whether asking for it costs nothing, or was worth it before.
    pub(super) fn is_at_hand(&self, schema: &SchemaRef, now: Instant) -> bool {
        self.known.contains_key(schema)
            || self.once_known.contains(schema)
            || self.waiting.contains(schema)
            || self.unknown.get(schema).is_some_and(|unknown| now < unknown.until)
    }

    /// Notes that an id is waited for. False where no more may be: nothing is noted then.
    pub(super) fn wait_for(&mut self, schema: SchemaRef, now: Instant) -> bool {
        let known = &self.known;
        self.fresh.retain(|fresh| known.get(fresh).is_some_and(|known| known.is_fresh(now)));
        // What was waited for and is not used yet counts too: more of it could push it out before it is.
        if self.waiting.len() + self.fresh.len() >= self.places_max.clamp(1, WAITING_MAX) {
            return false;
        }
        self.waiting.insert(schema)
    }

    /// How many ids are waited for.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Keeps a plan of so many bytes; the oldest that were used go where it is too much.
    pub(super) fn know(&mut self, schema: SchemaRef, plan: P, bytes: usize, now: Instant) {
        self.waiting.remove(&schema);
        if self.unknown.remove(&schema).is_some() {
            self.unknown_order.retain(|unknown| *unknown != schema);
        }
        let places = 1 + bytes / PLACE_BYTES;
        let known = KnownPlan { plan: Arc::new(plan), places, came: now, used: AtomicBool::new(false) };
        if let Some(before) = self.known.insert(schema, known) {
            self.places -= before.places;
            self.known_order.retain(|known| *known != schema);
        }
        self.places += places;
        self.known_order.push_back(schema);
        self.fresh.push(schema);
        if self.once_known.len() < ONCE_KNOWN_MAX {
            self.once_known.insert(schema);
        }
        while self.places > self.places_max {
            let stale = |id: &SchemaRef| self.known.get(id).is_none_or(|known| !known.is_fresh(now));
            let Some(oldest) = self.known_order.iter().position(stale) else { break };
            let gone = self.known_order.remove(oldest).and_then(|oldest| self.known.remove(&oldest));
            self.places -= gone.map_or(0, |gone| gone.places);
        }
    }

    /// Keeps for a while that there is none that can be used.
    pub(super) fn know_nothing(&mut self, schema: SchemaRef, reason: &str, until: Instant) {
        self.waiting.remove(&schema);
        let reason = reason.chars().take(REASON_CHARS_MAX).collect::<String>().into();
        if self.unknown.insert(schema, UnknownSchema { reason, until }).is_none() {
            self.unknown_order.push_back(schema);
        }
        while self.unknown.len() > UNKNOWN_MAX {
            let Some(oldest) = self.unknown_order.pop_front() else { break };
            self.unknown.remove(&oldest);
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a start for times that the test counts on by itself")]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    fn known(cache: &Cache<u32>, id: u32, now: Instant) -> bool {
        matches!(cache.answer(&SchemaRef::Id(id), now), Some(SchemaLookup::Known(_)))
    }

    #[test]
    fn unknown_ids_push_out_neither_known_ones_nor_those_that_are_waited_for() {
        let (mut cache, now) = (Cache::new(2), Instant::now());
        cache.know(SchemaRef::Id(1), 1, 0, now);
        assert!(known(&cache, 1, now));
        assert!(cache.wait_for(SchemaRef::Id(2), now));
        for id in 10..20_000 {
            cache.know_nothing(SchemaRef::Id(id), "no", now + SOON);
        }
        assert!(known(&cache, 1, now));
        assert_eq!(cache.answer(&SchemaRef::Id(2), now), Some(SchemaLookup::Waiting));
        assert_eq!(cache.unknown.len(), UNKNOWN_MAX);
        assert_eq!(cache.unknown_order.len(), UNKNOWN_MAX);
        assert!(cache.answer(&SchemaRef::Id(19_999), now).is_some());
        assert!(cache.answer(&SchemaRef::Id(19_999), now + SOON).is_none());
    }

    #[test]
    fn what_was_waited_for_stays_until_it_was_used() {
        let (mut cache, now) = (Cache::new(2), Instant::now());
        for id in [1, 2] {
            assert!(cache.wait_for(SchemaRef::Id(id), now));
        }
        assert!(!cache.wait_for(SchemaRef::Id(3), now), "no more than there are places");
        for id in [1, 2] {
            cache.know(SchemaRef::Id(id), id, 0, now);
        }
        assert!(!cache.wait_for(SchemaRef::Id(3), now), "they are not used yet");
        assert!(known(&cache, 1, now) && known(&cache, 2, now));
        assert!(cache.wait_for(SchemaRef::Id(3), now));
        cache.know(SchemaRef::Id(3), 3, 0, now);
        assert!(!known(&cache, 1, now), "the oldest went");
        assert!(cache.is_at_hand(&SchemaRef::Id(1), now), "and is still worth asking for");
        assert!(known(&cache, 2, now));
        assert!(!cache.is_at_hand(&SchemaRef::Id(4), now));
        cache.know(SchemaRef::Id(4), 4, 0, now);
        assert!(cache.wait_for(SchemaRef::Id(5), now + FRESH_FOR), "nobody came back for 4");
    }

    #[test]
    fn a_large_plan_takes_as_many_places_as_its_bytes() {
        let (mut cache, now) = (Cache::new(4), Instant::now());
        for id in [1, 2, 3] {
            cache.know(SchemaRef::Id(id), id, PLACE_BYTES - 1, now);
            assert!(known(&cache, id, now));
        }
        cache.know(SchemaRef::Id(4), 4, 2 * PLACE_BYTES, now);
        assert!(!known(&cache, 1, now) && !known(&cache, 2, now));
        assert!(known(&cache, 3, now) && known(&cache, 4, now));
    }
}
