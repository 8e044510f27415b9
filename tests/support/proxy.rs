//! A network between clients and brokers that a test can bend: it holds requests back, delays, cuts, freezes, and loses
//! answers. It speaks Kafka's framing, so faults can be aimed at one kind of request; and it keeps the order of every
//! connection, as TCP does: what was sent behind a held request stays behind it. Never invents or changes a request.
//!
//! ```ignore
//! let proxy = Proxy::before(kafka.bootstrap());            // one port before every broker of the cluster
//! let settings = settings.with(|kafka| kafka.bootstrap_servers = proxy.bootstrap());   // its clients go through it
//! proxy.delay(Duration::from_millis(20), Duration::ZERO);  // every request from now on; zeros end it
//! proxy.freeze(); proxy.thaw();                            // nothing passes in between, connections stay open
//! proxy.cut();                                             // every connection; clients may connect again at once
//! proxy.broker(2).cut();                                   // the same four for one broker (1, 2, ... as in bootstrap)
//! proxy.lose_answer(Kind::Commit, Cut::Connection);        // the broker does it, the client does not hear of it
//! let held = proxy.hold(Hold { cut: Cut::Connection, ..Hold::next(Kind::Commit) });
//! held.is_caught(); held.release(); held.is_answered();
//! ```
//!
//! Brokers must name themselves `127.0.0.1`, as those of `tests/kafka` do; in their answers the proxy's ports take the
//! place of theirs. A killed broker may come back under its port: the proxy connects again for every client.

mod connection;

use std::collections::BTreeMap;
use std::io::Result;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use connection::Connection;

const DESCRIBE_CLUSTER: i16 = 60;
/// Lines kept of what happened since [`Proxy::take_story`].
const STORY_MAX: usize = 10_000;
const HOST: &[u8] = b"127.0.0.1";
/// From this version on a request that ends a transaction does.
const END_TAGGED: i16 = 3;
/// Where answers to a fetch name brokers: behind the records, which are left as they are.
const FETCH_TAIL: usize = 4 << 10;
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What a request asks for. A request that ends a transaction is a commit or an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Produce,
    Fetch,
    Metadata,
    FindCoordinator,
    Heartbeat,
    InitProducerId,
    AddPartitionsToTxn,
    AddOffsetsToTxn,
    Commit,
    Abort,
    TxnOffsetCommit,
    ConsumerGroupHeartbeat,
    /// Any other, by its number in the protocol.
    Other(i16),
}

impl Kind {
    fn of(frame: &[u8]) -> Self {
        match number(frame, 4) {
            0 => Kind::Produce,
            1 => Kind::Fetch,
            3 => Kind::Metadata,
            10 => Kind::FindCoordinator,
            12 => Kind::Heartbeat,
            22 => Kind::InitProducerId,
            24 => Kind::AddPartitionsToTxn,
            25 => Kind::AddOffsetsToTxn,
            26 => {
                let behind = if number(frame, 6) >= END_TAGGED { 2 } else { 1 };
                if frame[frame.len() - behind] == 0 { Kind::Abort } else { Kind::Commit }
            }
            28 => Kind::TxnOffsetCommit,
            68 => Kind::ConsumerGroupHeartbeat,
            other => Kind::Other(other),
        }
    }

    fn is_transactional(self) -> bool {
        TRANSACTIONAL.contains(&self)
    }
}

/// Kinds of which a story is told.
const TRANSACTIONAL: &[Kind] = &[
    Kind::Produce,
    Kind::InitProducerId,
    Kind::AddPartitionsToTxn,
    Kind::AddOffsetsToTxn,
    Kind::Commit,
    Kind::Abort,
    Kind::TxnOffsetCommit,
];

fn number(frame: &[u8], at: usize) -> i16 {
    i16::from_be_bytes([frame[at], frame[at + 1]])
}

/// Whether the client learns at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its connection is cut.
    Connection,
    /// Its connection stays open and silent: it learns by its own time-out.
    Nothing,
}

/// Until when a request is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// [`Held::release`].
    Told,
    /// The `nth` (1, 2, ...) later request of `kind` has come, on whatever connection: that one waits until the broker
    /// has answered the held one.
    Before { kind: Kind, nth: usize },
    /// The broker has answered the `nth` later request of `kind`.
    After { kind: Kind, nth: usize },
}

/// Which request is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub kind: Kind,
    /// So many of them pass first.
    pub skip: usize,
    pub cut: Cut,
    pub until: Until,
}

impl Hold {
    /// The next request of `kind`, until told, without a cut.
    pub fn next(kind: Kind) -> Self {
        Hold { kind, skip: 0, cut: Cut::Nothing, until: Until::Told }
    }
}

/// A hold under way. Dropped: what it holds is delivered, and it catches nothing any more.
#[must_use = "it ends when dropped"]
pub struct Held {
    place: usize,
    shared: Arc<Shared>,
}

impl Held {
    /// Whether the request has come.
    pub fn is_caught(&self) -> bool {
        self.shared.lock().holds[self.place].caught
    }

    /// Whether it was delivered, or never will be.
    pub fn is_released(&self) -> bool {
        self.shared.lock().holds[self.place].phase >= Phase::Released
    }

    /// Whether the broker has answered it, or cannot any more.
    pub fn is_answered(&self) -> bool {
        self.shared.lock().holds[self.place].phase == Phase::Answered
    }

    /// The broker's answer to it, behind the length.
    pub fn answer(&self) -> Option<Vec<u8>> {
        self.shared.lock().holds[self.place].answer.clone()
    }

    /// Delivers it; one that has not come is not held any more.
    pub fn release(&self) {
        self.shared.change(|state| state.release(self.place));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// A proxy before every broker of a cluster. All it holds is let go and cut when it is dropped.
pub struct Proxy {
    fronts: Vec<Arc<Front>>,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Before the brokers at `127.0.0.1:PORT,...`, as they name themselves to clients too.
    ///
    /// # Panics
    /// At any other address.
    pub fn before(bootstrap: &str) -> Self {
        let listen = |address: &str| {
            let port = address.strip_prefix("127.0.0.1:").and_then(|port| port.parse().ok());
            let broker: u16 = port.unwrap_or_else(|| panic!("{address}: must be 127.0.0.1:PORT"));
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let own = listener.local_addr().expect("an address").port();
            (listener, Arc::new(Front { broker, own, ..Front::default() }))
        };
        let (listeners, fronts): (Vec<_>, Vec<_>) = bootstrap.split(',').map(listen).unzip();
        let ports = fronts.iter().map(|front| (front.broker, front.own)).collect();
        let shared = Arc::new(Shared { ports, ..Shared::default() });
        for (listener, front) in listeners.into_iter().zip(&fronts) {
            let (front, shared) = (Arc::clone(front), Arc::clone(&shared));
            std::thread::spawn(move || accept(&listener, &front, &shared));
        }
        Proxy { fronts, shared }
    }

    /// What clients that are to go through the proxy are told.
    pub fn bootstrap(&self) -> String {
        let names: Vec<String> = self.fronts.iter().map(|front| format!("127.0.0.1:{}", front.own)).collect();
        names.join(",")
    }

    /// The way to one broker: 1, 2, ... in the order of `bootstrap`.
    pub fn broker(&self, number: usize) -> &Front {
        &self.fronts[number - 1]
    }

    /// Holds a request back. A request is caught by one hold at most, the earliest.
    pub fn hold(&self, hold: Hold) -> Held {
        let place = self.shared.change(|state| {
            let left = match hold.until {
                Until::Told => 0,
                Until::Before { nth, .. } | Until::After { nth, .. } => nth,
            };
            state.holds.push(Holding {
                hold,
                skip: hold.skip,
                left,
                phase: Phase::Armed,
                caught: false,
                answer: None,
            });
            state.holds.len() - 1
        });
        Held { place, shared: Arc::clone(&self.shared) }
    }

    /// Throws the next answer to a request of `kind` away. Without a cut all later ones of that connection too: answers
    /// come in order, so a client that got a later one would know.
    pub fn lose_answer(&self, kind: Kind, cut: Cut) {
        self.shared.change(|state| state.losing.push((kind, cut)));
    }

    /// Requests of `kind` that came so far.
    pub fn count(&self, kind: Kind) -> usize {
        self.shared.lock().counts.get(&kind).copied().unwrap_or(0)
    }

    /// What happened to requests of transactions since the last call, in order: they came (on which connection, caught
    /// or not), were delivered, were answered (the answer's bytes behind its number).
    pub fn take_story(&self) -> Vec<String> {
        self.shared.change(|state| std::mem::take(&mut state.story))
    }

    /// Whether a member was told, by the classic protocol, that it is one no more.
    pub fn put_out(&self) -> bool {
        self.shared.lock().put_out
    }

    /// [`Front::cut`] of all.
    pub fn cut(&self) {
        self.fronts.iter().for_each(|front| front.cut());
    }

    /// [`Front::freeze`] of all.
    pub fn freeze(&self) {
        self.fronts.iter().for_each(|front| front.freeze());
    }

    /// [`Front::thaw`] of all.
    pub fn thaw(&self) {
        self.fronts.iter().for_each(|front| front.thaw());
    }

    /// [`Front::delay`] of all.
    pub fn delay(&self, requests: Duration, answers: Duration) {
        self.fronts.iter().for_each(|front| front.delay(requests, answers));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| (0..state.holds.len()).for_each(|place| state.release(place)));
        for front in &self.fronts {
            front.thaw();
            front.closed.store(true, Ordering::SeqCst);
            front.cut();
            // Wakes the thread that accepts.
            drop(TcpStream::connect(("127.0.0.1", front.own)));
        }
    }
}

/// The way to one broker.
#[derive(Default)]
pub struct Front {
    broker: u16,
    own: u16,
    closed: AtomicBool,
    frozen: AtomicBool,
    /// Microseconds.
    request_delay: AtomicU64,
    answer_delay: AtomicU64,
    connections: Mutex<Vec<Weak<Connection>>>,
}

impl Front {
    /// Cuts every connection. What was under way is lost, but for a held request and those behind it.
    pub fn cut(&self) {
        for connection in self.connections.lock().expect("the lock").drain(..) {
            if let Some(connection) = connection.upgrade() {
                connection.cut();
            }
        }
    }

    /// Lets nothing through, in either direction, and keeps what comes.
    pub fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }

    /// Lets everything through again.
    pub fn thaw(&self) {
        self.frozen.store(false, Ordering::SeqCst);
    }

    /// Makes the way longer: what is sent arrives so much later, and more may be under way meanwhile.
    pub fn delay(&self, requests: Duration, answers: Duration) {
        self.request_delay.store(requests.as_micros() as u64, Ordering::SeqCst);
        self.answer_delay.store(answers.as_micros() as u64, Ordering::SeqCst);
    }

    /// Waits as long as the way takes for what came at `since`.
    fn travel(&self, since: Instant, delay: &AtomicU64) {
        let delay = Duration::from_micros(delay.load(Ordering::SeqCst));
        std::thread::sleep(delay.saturating_sub(since.elapsed()));
        while self.frozen.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Armed,
    Caught,
    Released,
    Answered,
}

struct Holding {
    hold: Hold,
    skip: usize,
    left: usize,
    phase: Phase,
    caught: bool,
    answer: Option<Vec<u8>>,
}

#[derive(Default)]
struct State {
    holds: Vec<Holding>,
    losing: Vec<(Kind, Cut)>,
    counts: BTreeMap<Kind, usize>,
    put_out: bool,
    story: Vec<String>,
}

impl State {
    /// Keeps what happened to a request of a transaction.
    fn tell(&mut self, kind: Kind, what: impl FnOnce() -> String) {
        if kind.is_transactional() && self.story.len() < STORY_MAX {
            self.story.push(format!("{kind:?} {}", what()));
        }
    }

    fn release(&mut self, place: usize) {
        let phase = &mut self.holds[place].phase;
        *phase = (*phase).max(Phase::Released);
    }

    /// Notes that a request came, or was answered: the holds that end by that are let go, and named.
    fn end_holds(&mut self, ends: impl Fn(Until) -> bool) -> Vec<usize> {
        let mut ended = Vec::new();
        for (place, holding) in self.holds.iter_mut().enumerate() {
            if holding.phase == Phase::Caught && ends(holding.hold.until) {
                holding.left = holding.left.saturating_sub(1);
                if holding.left == 0 {
                    holding.phase = Phase::Released;
                    ended.push(place);
                }
            }
        }
        ended
    }

    /// The hold that catches a request of `kind`.
    fn catch(&mut self, kind: Kind) -> Option<usize> {
        for (place, holding) in self.holds.iter_mut().enumerate() {
            if holding.phase == Phase::Armed && holding.hold.kind == kind {
                if holding.skip == 0 {
                    holding.phase = Phase::Caught;
                    holding.caught = true;
                    return Some(place);
                }
                holding.skip -= 1;
            }
        }
        None
    }
}

#[derive(Default)]
struct Shared {
    /// Every broker's port and the proxy's before it.
    ports: Vec<(u16, u16)>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the lock")
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.notify_all();
        changed
    }

    fn wait_until(&self, place: usize, phase: Phase, within: Duration) {
        let waits = |state: &mut State| state.holds[place].phase < phase;
        drop(self.changed.wait_timeout_while(self.lock(), within, waits).expect("the lock"));
    }

    /// Puts the proxy's ports where an answer names brokers.
    fn rename(&self, kind: Kind, frame: &mut [u8]) {
        let bytes = match kind {
            Kind::Fetch => &mut frame[8..],
            Kind::Produce | Kind::Metadata | Kind::FindCoordinator | Kind::Other(DESCRIBE_CLUSTER) => frame,
            _ => return,
        };
        let length = bytes.len();
        let bytes = if kind == Kind::Fetch { &mut bytes[length.saturating_sub(FETCH_TAIL)..] } else { bytes };
        for at in 0..bytes.len().saturating_sub(HOST.len() + 3) {
            if !bytes[at..].starts_with(HOST) {
                continue;
            }
            let port = &mut bytes[at + HOST.len()..at + HOST.len() + 4];
            let named = |broker: u16| i32::from(broker).to_be_bytes();
            if let Some((_, own)) = self.ports.iter().find(|(broker, _)| named(*broker) == port[..]) {
                port.copy_from_slice(&named(*own));
            }
        }
    }
}

fn accept(listener: &TcpListener, front: &Arc<Front>, shared: &Arc<Shared>) {
    for client in listener.incoming().map_while(Result::ok) {
        if front.closed.load(Ordering::SeqCst) {
            return;
        }
        // Nobody there, or one that left at once: the client is cut off.
        if let Ok(server) = TcpStream::connect(("127.0.0.1", front.broker)) {
            let _ = connection::connect(client, server, front, shared);
        }
    }
}
