//! Writers' schemas from the registry, for decoders that never wait. A few threads fetch what is asked for; a registry that
//! is away is asked again and again, ever more slowly, while the decoders are told to wait. Nothing that it answers ends
//! a thread.

use super::cache::Cache;
use super::client::{RegistryClient, RegistryError, WrittenAs, path_of};
use crate::codec::avro::{AccountEventPlan, PlainPlan, PosEventPlan};
use crate::codec::{EventKind, KnownSchemas, SchemaLookup, SchemaRef, Schemas};
use crate::config::RegistrySettings;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Threads that fetch, each over a connection of its own that is kept: a hundred schemas then take a fraction of a second.
pub(super) const FETCHERS: usize = 4;

/// The schemas of one registry. Dropping it ends its threads, at the latest when a request's time is up.
pub struct Registry {
    shared: Arc<SharedByFetchers>,
}

struct SharedByFetchers {
    client: RegistryClient,
    unknown_for: Duration,
    own: KnownSchemas,
    pos_event: RwLock<Cache<PosEventPlan>>,
    account_event: RwLock<Cache<AccountEventPlan>>,
    plain: RwLock<Cache<PlainPlan>>,
    work: Mutex<FetchQueue>,
    more_work: Condvar,
    answered: AtomicU64,
}

#[derive(Default)]
struct FetchQueue {
    /// As many as are waited for at most.
    tasks: Vec<SchemaFetch>,
    /// What is the matter with the registry; nothing where it last answered.
    trouble: Option<String>,
    /// Requests without an answer since the last one that had one.
    failures: usize,
    stopped: bool,
}

/// A schema to fetch.
#[derive(Clone, Copy)]
struct SchemaFetch {
    kind: EventKind,
    schema: SchemaRef,
    /// The pause behind its last failure, and when that is over.
    pause: Duration,
    not_before: Option<Instant>,
}

/// What became of a task.
enum Fetched<P> {
    Known(P),
    /// There is none that can be used: the reason.
    Unknown(String),
    /// The registry gave no answer of its own: ask again.
    Away(String),
}

impl Registry {
    /// Starts the threads that fetch from the registry at `url`. Nothing is asked before a decoder needs it. `unknown_for`: how
    /// long an id counts as unknown, so that a schema which is registered a moment later is found then.
    ///
    /// # Errors
    /// [`RegistryError::Options`] where the settings are at fault.
    pub fn start(
        url: &str,
        settings: &RegistrySettings,
        unknown_for: Duration,
    ) -> Result<Self, RegistryError> {
        // For each kind of event; a large schema takes more than one place.
        let places = settings.cache_max;
        let shared = Arc::new(SharedByFetchers {
            client: RegistryClient::new(url, settings)?,
            unknown_for,
            own: KnownSchemas::new().map_err(RegistryError::Options)?,
            pos_event: RwLock::new(Cache::new(places)),
            account_event: RwLock::new(Cache::new(places)),
            plain: RwLock::new(Cache::new(places)),
            work: Mutex::default(),
            more_work: Condvar::new(),
            answered: AtomicU64::new(0),
        });
        // Dropped where a thread cannot be had, it ends those that could.
        let registry = Self { shared };
        for _ in 0..FETCHERS {
            let theirs = Arc::clone(&registry.shared);
            std::thread::Builder::new()
                .name("registry".to_owned())
                .spawn(move || theirs.fetch_until_stopped())
                .map_err(|error| RegistryError::Options(format!("no thread for the registry: {error}")))?;
        }
        Ok(registry)
    }

    /// Asks the registry directly, for what is done once.
    #[must_use]
    pub fn client(&self) -> &RegistryClient {
        &self.shared.client
    }

    /// What is the matter with the registry, for people; nothing where all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.shared.work().trouble.clone()?;
        let shared = &self.shared;
        let of_events = read(&shared.pos_event).waiting() + read(&shared.account_event).waiting();
        let waiting = of_events + read(&shared.plain).waiting();
        Some(format!("schema registry: {trouble}; {waiting} schemas are waited for"))
    }

    /// How many answers came from outside so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Acquire)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shared.work().stopped = true;
        self.shared.more_work.notify_all();
    }
}

impl Schemas for Registry {
    fn pos_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PosEventPlan>> {
        match schema {
            SchemaRef::Fingerprint(_) => self.shared.own.pos_event(schema),
            _ => self.shared.answer(&self.shared.pos_event, EventKind::PosEvent, schema),
        }
    }

    fn account_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<AccountEventPlan>> {
        match schema {
            SchemaRef::Fingerprint(_) => self.shared.own.account_event(schema),
            _ => self.shared.answer(&self.shared.account_event, EventKind::AccountEvent, schema),
        }
    }

    fn plain(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PlainPlan>> {
        match schema {
            SchemaRef::Fingerprint(_) => self.shared.own.plain(schema),
            _ => self.shared.answer(&self.shared.plain, EventKind::Plain, schema),
        }
    }

    fn is_at_hand(&self, schema: &SchemaRef, kind: EventKind) -> bool {
        let now = now();
        path_of(schema).is_err()
            || match kind {
                EventKind::PosEvent => read(&self.shared.pos_event).is_at_hand(schema, now),
                EventKind::AccountEvent => read(&self.shared.account_event).is_at_hand(schema, now),
                EventKind::Plain => read(&self.shared.plain).is_at_hand(schema, now),
            }
    }
}

impl SharedByFetchers {
    fn work(&self) -> MutexGuard<'_, FetchQueue> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<P>(
        &self,
        cache: &RwLock<Cache<P>>,
        kind: EventKind,
        schema: &SchemaRef,
    ) -> SchemaLookup<Arc<P>> {
        let now = now();
        if let Some(answer) = read(cache).answer(schema, now) {
            return answer;
        }
        // No registry has it: it need not be asked.
        if let Err(error) = path_of(schema) {
            return SchemaLookup::Unknown(error.to_string());
        }
        let mut cache = cache.write().unwrap_or_else(PoisonError::into_inner);
        // Another decoder may have asked in the meantime.
        if let Some(answer) = cache.answer(schema, now) {
            return answer;
        }
        let asked = cache.wait_for(*schema, now);
        drop(cache);
        if asked {
            let task = SchemaFetch { kind, schema: *schema, pause: Duration::ZERO, not_before: None };
            self.work().tasks.push(task);
            self.more_work.notify_one();
        }
        SchemaLookup::Waiting
    }

    fn fetch_until_stopped(&self) {
        while let Some(task) = self.next() {
            match task.kind {
                EventKind::PosEvent => {
                    let fetched = self.fetch(&task, PosEventPlan::compile, PosEventPlan::of_json);
                    self.learn(&self.pos_event, task, fetched, PosEventPlan::size);
                }
                EventKind::AccountEvent => {
                    let fetched = self.fetch(&task, AccountEventPlan::compile, AccountEventPlan::of_json);
                    self.learn(&self.account_event, task, fetched, AccountEventPlan::size);
                }
                EventKind::Plain => {
                    let fetched = self.fetch(&task, PlainPlan::compile, PlainPlan::of_json);
                    self.learn(&self.plain, task, fetched, PlainPlan::size);
                }
            }
        }
    }

    /// The next schema to fetch; nothing when it is time to stop.
    fn next(&self) -> Option<SchemaFetch> {
        let mut work = self.work();
        loop {
            if work.stopped {
                return None;
            }
            let now = now();
            if let Some(place) = work.tasks.iter().position(|task| task.not_before.is_none_or(|at| at <= now))
            {
                return Some(work.tasks.remove(place));
            }
            let first = work.tasks.iter().filter_map(|task| task.not_before).min();
            work = match first {
                Some(first) => {
                    let pause = first.saturating_duration_since(now);
                    let waited = self.more_work.wait_timeout(work, pause);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.more_work.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn fetch<P>(
        &self,
        task: &SchemaFetch,
        compile: fn(&str) -> Result<P, String>,
        of_json: fn() -> P,
    ) -> Fetched<P> {
        let schema = &task.schema;
        catch_panic(schema, || match self.client.schema(schema) {
            Ok(WrittenAs::Avro(text)) => match compile(&text) {
                Ok(plan) => Fetched::Known(plan),
                Err(reason) => Fetched::Unknown(format!("{schema}: {reason}")),
            },
            Ok(WrittenAs::Json) => Fetched::Known(of_json()),
            Err(error @ (RegistryError::NotFound(_) | RegistryError::Unusable(_))) => {
                Fetched::Unknown(error.to_string())
            }
            Err(error) => Fetched::Away(error.to_string()),
        })
    }

    fn learn<P>(
        &self,
        cache: &RwLock<Cache<P>>,
        task: SchemaFetch,
        fetched: Fetched<P>,
        size: fn(&P) -> usize,
    ) {
        let now = now();
        match fetched {
            Fetched::Away(trouble) => return self.try_again(task, trouble, now),
            Fetched::Known(plan) => {
                let bytes = size(&plan);
                write(cache).know(task.schema, plan, bytes, now);
            }
            Fetched::Unknown(reason) => {
                write(cache).know_nothing(task.schema, &reason, now + self.unknown_for);
            }
        }
        self.answered.fetch_add(1, Ordering::Release);
        let mut work = self.work();
        work.trouble = None;
        // It was away and is back: nobody waits for the end of a pause. Trouble with a few schemas keeps theirs.
        if std::mem::take(&mut work.failures) >= FETCHERS {
            for task in &mut work.tasks {
                (task.pause, task.not_before) = (Duration::ZERO, None);
            }
            self.more_work.notify_all();
        }
    }

    fn try_again(&self, mut task: SchemaFetch, trouble: String, now: Instant) {
        let [shortest, longest] = self.client.backoff;
        task.pause = (task.pause * 2).clamp(shortest, longest);
        task.not_before = Some(now + task.pause);
        let mut work = self.work();
        work.trouble = Some(trouble);
        work.failures += 1;
        work.tasks.push(task);
        self.more_work.notify_one();
    }
}

/// A panic within `fetch` is a defect of ours; the schema that brought it up is unusable, and the thread goes on.
fn catch_panic<P>(schema: &SchemaRef, fetch: impl FnOnce() -> Fetched<P>) -> Fetched<P> {
    catch_unwind(AssertUnwindSafe(fetch)).unwrap_or_else(|_panic| {
        Fetched::Unknown(format!("{schema} cannot be read: a defect of tillgate; report it with the schema"))
    })
}

fn read<P>(cache: &RwLock<Cache<P>>) -> std::sync::RwLockReadGuard<'_, Cache<P>> {
    cache.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<P>(cache: &RwLock<Cache<P>>) -> std::sync::RwLockWriteGuard<'_, Cache<P>> {
    cache.write().unwrap_or_else(PoisonError::into_inner)
}

#[allow(
    clippy::disallowed_methods,
    reason = "pauses, and how long an unknown id is not asked for again; nothing is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_makes_its_schema_unusable_and_nothing_else() {
        let fetched: Fetched<()> = catch_panic(&SchemaRef::Id(7), || panic!("a defect"));
        let Fetched::Unknown(reason) = fetched else { panic!("not contained") };
        assert!(reason.starts_with("schema id 7 cannot be read: a defect of tillgate"), "{reason}");
    }
}
