//! Writers' schemas from the registry, for decoders that never wait. One thread fetches; a failure lets
//! it pause and ask again, for ever, while the decoders are told to wait.

use super::client::{Client, ClientOptions, RegistryError};
use crate::codec::avro::{AccountEventPlan, PosEventPlan};
use crate::codec::{Answer, KnownSchemas, SchemaRef, Schemas};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How the registry is used.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Where it is and how it is asked.
    pub client: ClientOptions,
    /// Schemas kept in memory, for each kind of event. Beyond it unknown ones go first, then the oldest.
    pub cache_max: usize,
    /// How long an id counts as unknown: a schema that is registered a moment later is then found.
    pub unknown_for: Duration,
}

/// The schemas of one registry. Dropping it ends its thread, at the latest when a request's time is up.
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    options: RegistryOptions,
    own: KnownSchemas,
    pos_event: RwLock<Cache<PosEventPlan>>,
    account_event: RwLock<Cache<AccountEventPlan>>,
    work: Mutex<Work>,
    more_work: Condvar,
}

#[derive(Default)]
struct Work {
    queue: VecDeque<(Kind, SchemaRef)>,
    /// What is the matter with the registry; nothing where it last answered.
    trouble: Option<String>,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    PosEvent,
    AccountEvent,
}

struct Cache<P> {
    entries: BTreeMap<SchemaRef, Entry<P>>,
    /// Counts what was put in, so that the oldest is known.
    inserted: u64,
}

struct Entry<P> {
    number: u64,
    state: State<P>,
}

enum State<P> {
    Waiting,
    Known(Arc<P>),
    /// For good, or until a moment.
    Unknown(String, Option<Instant>),
}

impl Registry {
    /// Starts the thread that fetches. Nothing is asked before a decoder needs it.
    ///
    /// # Errors
    /// [`RegistryError::Options`] where the options are at fault.
    pub fn start(options: RegistryOptions) -> Result<Self, RegistryError> {
        let shared = Arc::new(Shared {
            client: Client::new(&options.client)?,
            own: KnownSchemas::new().map_err(RegistryError::Options)?,
            options,
            pos_event: RwLock::default(),
            account_event: RwLock::default(),
            work: Mutex::default(),
            more_work: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("registry".to_owned())
            .spawn(move || theirs.fetch_until_stopped())
            .map_err(|error| RegistryError::Options(format!("no thread for the registry: {error}")))?;
        Ok(Self { shared })
    }

    /// Asks the registry directly, for what is done once.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// What is the matter with the registry, for people; nothing where all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let work = self.shared.work();
        let waiting = work.queue.len();
        work.trouble
            .as_ref()
            .map(|trouble| format!("schema registry: {trouble}; {waiting} schemas are waited for"))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shared.work().stopped = true;
        self.shared.more_work.notify_all();
    }
}

impl Schemas for Registry {
    fn pos_event(&self, schema: &SchemaRef) -> Answer<Arc<PosEventPlan>> {
        match schema {
            SchemaRef::Fingerprint(_) => self.shared.own.pos_event(schema),
            _ => self.shared.answer(&self.shared.pos_event, Kind::PosEvent, schema),
        }
    }

    fn account_event(&self, schema: &SchemaRef) -> Answer<Arc<AccountEventPlan>> {
        match schema {
            SchemaRef::Fingerprint(_) => self.shared.own.account_event(schema),
            _ => self.shared.answer(&self.shared.account_event, Kind::AccountEvent, schema),
        }
    }
}

impl Shared {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<P>(&self, cache: &RwLock<Cache<P>>, kind: Kind, schema: &SchemaRef) -> Answer<Arc<P>> {
        if let Some(answer) = cache.read().unwrap_or_else(PoisonError::into_inner).answer(schema) {
            return answer;
        }
        let mut cache = cache.write().unwrap_or_else(PoisonError::into_inner);
        // Another decoder may have asked in the meantime.
        if let Some(answer) = cache.answer(schema) {
            return answer;
        }
        cache.put(*schema, State::Waiting, self.options.cache_max);
        drop(cache);
        self.work().queue.push_back((kind, *schema));
        self.more_work.notify_all();
        Answer::Waiting
    }

    fn fetch_until_stopped(&self) {
        let mut pause = self.options.client.backoff_min;
        while let Some((kind, schema)) = self.next() {
            let answer = self.client.schema(&schema);
            match answer {
                Err(
                    error @ (RegistryError::Unavailable(_)
                    | RegistryError::Denied(_)
                    | RegistryError::Options(_)),
                ) => {
                    let mut work = self.work();
                    work.trouble = Some(error.to_string());
                    work.queue.push_back((kind, schema));
                    self.rest(work, pause);
                    pause = (pause * 2).min(self.options.client.backoff_max);
                }
                answer => {
                    pause = self.options.client.backoff_min;
                    match kind {
                        Kind::PosEvent => self.learn(&self.pos_event, schema, answer, PosEventPlan::compile),
                        Kind::AccountEvent => {
                            self.learn(&self.account_event, schema, answer, AccountEventPlan::compile);
                        }
                    }
                    self.work().trouble = None;
                }
            }
        }
    }

    /// The next schema to fetch; nothing when it is time to stop.
    fn next(&self) -> Option<(Kind, SchemaRef)> {
        let mut work = self.work();
        loop {
            if work.stopped {
                return None;
            }
            if let Some(next) = work.queue.pop_front() {
                return Some(next);
            }
            work = self.more_work.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for `pause`, or until it is time to stop.
    fn rest(&self, work: MutexGuard<'_, Work>, pause: Duration) {
        let rested = self.more_work.wait_timeout_while(work, pause, |work| !work.stopped);
        drop(rested.unwrap_or_else(PoisonError::into_inner));
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "how long an unknown id is not asked for again; nothing is decided by it"
    )]
    fn learn<P>(
        &self,
        cache: &RwLock<Cache<P>>,
        schema: SchemaRef,
        answer: Result<String, RegistryError>,
        compile: fn(&str) -> Result<P, String>,
    ) {
        let state = match answer {
            Ok(text) => match compile(&text) {
                Ok(plan) => State::Known(Arc::new(plan)),
                Err(reason) => State::Unknown(format!("{schema}: {reason}"), None),
            },
            Err(error @ RegistryError::NotFound(_)) => {
                State::Unknown(error.to_string(), Some(Instant::now() + self.options.unknown_for))
            }
            Err(error) => State::Unknown(error.to_string(), None),
        };
        cache.write().unwrap_or_else(PoisonError::into_inner).put(schema, state, self.options.cache_max);
    }
}

impl<P> Default for Cache<P> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), inserted: 0 }
    }
}

impl<P> Cache<P> {
    /// What is known; nothing where the registry must be asked.
    #[allow(
        clippy::disallowed_methods,
        reason = "how long an unknown id is not asked for again; nothing is decided by it"
    )]
    fn answer(&self, schema: &SchemaRef) -> Option<Answer<Arc<P>>> {
        match &self.entries.get(schema)?.state {
            State::Known(plan) => Some(Answer::Known(Arc::clone(plan))),
            State::Waiting => Some(Answer::Waiting),
            State::Unknown(_, Some(until)) if *until <= Instant::now() => None,
            State::Unknown(reason, _) => Some(Answer::Unknown(reason.clone())),
        }
    }

    fn put(&mut self, schema: SchemaRef, state: State<P>, entries_max: usize) {
        while self.entries.len() >= entries_max.max(1) && !self.entries.contains_key(&schema) {
            let rank = |entry: &Entry<P>| (!matches!(entry.state, State::Unknown(..)), entry.number);
            let first = self.entries.iter().min_by_key(|(_, entry)| rank(entry)).map(|(schema, _)| *schema);
            if let Some(first) = first {
                self.entries.remove(&first);
            }
        }
        self.inserted += 1;
        self.entries.insert(schema, Entry { number: self.inserted, state });
    }
}
