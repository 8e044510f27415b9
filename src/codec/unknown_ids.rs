//! How many unknown schema ids one partition may ask for: records of six bytes with an id each would otherwise keep the
//! registry, and everybody who waits for it, as busy as their sender likes. Pure: the time is passed in.

use super::SchemaRef;
use super::avro::{AccountEventPlan, PlainPlan, PosEventPlan};
use super::schemas::{EventKind, SchemaLookup, Schemas};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// An id that turned out to be unknown counts for so long.
const WINDOW: Duration = Duration::from_secs(60);

/// The ids of one partition that nobody knew, within the last minute.
#[derive(Debug)]
pub struct UnknownIds {
    max: usize,
    /// Each with the time it was first counted.
    counted: BTreeMap<SchemaRef, Duration>,
    /// The same, oldest first.
    order: VecDeque<(Duration, SchemaRef)>,
}

impl UnknownIds {
    /// At most `max` within a minute (setting `registry.unknown_ids_max`); keeps as many ids.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, counted: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Counts an id that is unknown at `now`, which runs on from any start; once within its minute.
    pub fn count(&mut self, schema: SchemaRef, now: Duration) {
        self.forget(now);
        if self.counted.len() < self.max && !self.counted.contains_key(&schema) {
            self.counted.insert(schema, now);
            self.order.push_back((now, schema));
        }
    }

    /// Whether none is counted that is not forgotten.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counted.is_empty()
    }

    /// Whether the bound is reached at `now`: no further id that is not known may be asked for.
    #[must_use]
    pub fn is_reached(&mut self, now: Duration) -> bool {
        self.forget(now);
        self.counted.len() >= self.max
    }

    /// Forgets those whose minute is over at `now`.
    pub fn forget(&mut self, now: Duration) {
        while let Some((counted, schema)) = self.order.front().copied() {
            if now.saturating_sub(counted) < WINDOW {
                break;
            }
            self.order.pop_front();
            self.counted.remove(&schema);
        }
    }
}

/// Schemas for the records of one partition: beyond its bound, an id that is not at hand is unknown without being asked for.
pub struct Sparing<'s> {
    schemas: &'s dyn Schemas,
    unknown: RefCell<&'s mut UnknownIds>,
    now: Duration,
}

impl<'s> Sparing<'s> {
    /// For what is decoded at `now`.
    #[must_use]
    pub fn new(schemas: &'s dyn Schemas, unknown: &'s mut UnknownIds, now: Duration) -> Self {
        Self { schemas, unknown: RefCell::new(unknown), now }
    }

    fn ask<P>(
        &self,
        schema: &SchemaRef,
        kind: EventKind,
        ask: impl FnOnce() -> SchemaLookup<Arc<P>>,
    ) -> SchemaLookup<Arc<P>> {
        if self.schemas.is_at_hand(schema, kind) {
            return self.counted(schema, ask());
        }
        let unknown = &mut *self.unknown.borrow_mut();
        if unknown.is_reached(self.now) {
            return SchemaLookup::Unknown(format!(
                "{schema} was not asked for: this partition has had {} unknown schema ids within a minute; produce it \
                 again once the sender is mended",
                unknown.max
            ));
        }
        ask()
    }

    fn counted<P>(&self, schema: &SchemaRef, answer: SchemaLookup<Arc<P>>) -> SchemaLookup<Arc<P>> {
        // Fingerprints are looked up here: they cost nobody anything.
        if matches!(answer, SchemaLookup::Unknown(_)) && !matches!(schema, SchemaRef::Fingerprint(_)) {
            self.unknown.borrow_mut().count(*schema, self.now);
        }
        answer
    }
}

impl Schemas for Sparing<'_> {
    fn pos_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PosEventPlan>> {
        self.ask(schema, EventKind::PosEvent, || self.schemas.pos_event(schema))
    }

    fn account_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<AccountEventPlan>> {
        self.ask(schema, EventKind::AccountEvent, || self.schemas.account_event(schema))
    }

    fn plain(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PlainPlan>> {
        self.ask(schema, EventKind::Plain, || self.schemas.plain(schema))
    }

    fn is_at_hand(&self, schema: &SchemaRef, kind: EventKind) -> bool {
        self.schemas.is_at_hand(schema, kind)
    }
}

/// The schemas of a live partition, which asks for no more unknown ones than it may.
pub struct LiveSchemas {
    schemas: Arc<dyn Schemas + Send + Sync>,
    unknown: UnknownIds,
    /// The time of the batch.
    now: Duration,
}

impl LiveSchemas {
    /// At most so many unknown ids within a minute.
    #[must_use]
    pub fn new(schemas: Arc<dyn Schemas + Send + Sync>, unknown_ids_max: usize) -> Self {
        Self { schemas, unknown: UnknownIds::new(unknown_ids_max), now: Duration::ZERO }
    }

    /// Records come at `now`, which runs on from any start.
    pub fn batch_begins(&mut self, now: Duration) {
        self.now = now;
        self.unknown.forget(now);
    }

    /// Calls `decide` with them. `after_a_wait`: the record has waited for a schema.
    pub fn with<T>(&mut self, after_a_wait: bool, decide: impl FnOnce(&dyn Schemas) -> T) -> T {
        // Only after a wait can an id have turned out to be unknown.
        if after_a_wait || !self.unknown.is_empty() {
            decide(&self.sparing())
        } else {
            decide(&*self.schemas)
        }
    }

    /// For whoever asks ahead of a decision.
    pub fn sparing(&mut self) -> Sparing<'_> {
        Sparing::new(&*self.schemas, &mut self.unknown, self.now)
    }

    /// Without the bound, for what is asked for already.
    #[must_use]
    pub fn unbounded(&self) -> &dyn Schemas {
        &*self.schemas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows nothing; an id is at hand once it was asked for.
    #[derive(Default)]
    struct NothingKnown(RefCell<Vec<SchemaRef>>);

    impl NothingKnown {
        fn answer<P>(&self, schema: SchemaRef) -> SchemaLookup<Arc<P>> {
            if self.0.borrow().contains(&schema) {
                return SchemaLookup::Unknown("unknown".to_owned());
            }
            self.0.borrow_mut().push(schema);
            SchemaLookup::Waiting
        }
    }

    impl Schemas for NothingKnown {
        fn pos_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PosEventPlan>> {
            self.answer(*schema)
        }

        fn account_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<AccountEventPlan>> {
            self.answer(*schema)
        }

        fn plain(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PlainPlan>> {
            self.answer(*schema)
        }

        fn is_at_hand(&self, schema: &SchemaRef, _: EventKind) -> bool {
            self.0.borrow().contains(schema)
        }
    }

    fn ask(
        nothing: &NothingKnown,
        unknown: &mut UnknownIds,
        id: u32,
        seconds: u64,
    ) -> SchemaLookup<Arc<PosEventPlan>> {
        Sparing::new(nothing, unknown, Duration::from_secs(seconds)).pos_event(&SchemaRef::Id(id))
    }

    fn reason(answer: &SchemaLookup<Arc<PosEventPlan>>) -> &str {
        match answer {
            SchemaLookup::Unknown(reason) => reason,
            SchemaLookup::Known(_) => "known",
            SchemaLookup::Waiting => "waiting",
        }
    }

    #[test]
    fn asks_for_no_more_unknown_ids_than_its_bound_within_a_minute() {
        let (nothing, mut unknown) = (NothingKnown::default(), UnknownIds::new(3));
        for id in [1, 2, 3, 1, 1] {
            let _ = ask(&nothing, &mut unknown, id, 0);
            assert_eq!(reason(&ask(&nothing, &mut unknown, id, u64::from(id))), "unknown");
        }
        let refused = ask(&nothing, &mut unknown, 4, 59);
        let text = "schema id 4 was not asked for: this partition has had 3 unknown schema ids within a minute; produce \
                    it again once the sender is mended";
        assert_eq!(reason(&refused), text);
        assert_eq!(nothing.0.borrow().len(), 3, "{:?}", nothing.0.borrow());
        assert_eq!(reason(&ask(&nothing, &mut unknown, 2, 59)), "unknown", "what is at hand is used");
        assert_eq!(reason(&ask(&nothing, &mut unknown, 4, 61)), "waiting", "the first one's minute is over");
    }

    #[test]
    fn a_fingerprint_nobody_knows_counts_for_nothing() {
        let (nothing, mut unknown) = (NothingKnown::default(), UnknownIds::new(1));
        for print in 0..10 {
            let schema = SchemaRef::Fingerprint(print);
            for _ in 0..2 {
                let _ = Sparing::new(&nothing, &mut unknown, Duration::ZERO).account_event(&schema);
            }
        }
        assert!(!unknown.is_reached(Duration::ZERO));
    }
}
