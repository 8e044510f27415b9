//! The connections that are open, what each is at, and which is closed for a new one. Never closes one that has a request
//! under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::Instant;

/// What a connection is at, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// It makes TLS.
    Handshake(Instant),
    /// Nothing: it waits for a request.
    Idle(Instant),
    /// It sends the headers of a request.
    Headers(Instant),
    /// A request is under way.
    Exchange(Instant),
    /// Its answer is made, and not all of it is out: the time is that of the exchange.
    Answer(Instant),
    /// It was closed for another one.
    Closed,
}

/// What a connection is at, told by itself and read by the table.
#[derive(Debug)]
pub(super) struct Activity(Mutex<ConnectionState>);

impl Activity {
    pub(super) fn at(&self) -> ConnectionState {
        *self.lock()
    }

    /// TLS has come about.
    pub(super) fn handshake_ends(&self) {
        let mut at = self.lock();
        if matches!(*at, ConnectionState::Handshake(_)) {
            *at = ConnectionState::Idle(Instant::now());
        }
    }

    /// The first byte of a request came.
    pub(super) fn headers_begin(&self) {
        let mut at = self.lock();
        if matches!(*at, ConnectionState::Idle(_) | ConnectionState::Answer(_)) {
            *at = ConnectionState::Headers(Instant::now());
        }
    }

    /// The headers of a request are there; whether the connection is still open.
    pub(super) fn exchange_begins(&self) -> bool {
        let mut at = self.lock();
        if *at == ConnectionState::Closed {
            return false;
        }
        *at = ConnectionState::Exchange(Instant::now());
        true
    }

    /// The answer is made, or given up.
    pub(super) fn exchange_ends(&self) {
        let mut at = self.lock();
        if let ConnectionState::Exchange(since) = *at {
            *at = ConnectionState::Answer(since);
        }
    }

    /// All that was to be sent is sent.
    pub(super) fn all_is_out(&self) {
        let mut at = self.lock();
        if matches!(*at, ConnectionState::Answer(_)) {
            *at = ConnectionState::Idle(Instant::now());
        }
    }

    /// Closes the connection, unless a request is under way; whether it did.
    fn close(&self) -> bool {
        let mut at = self.lock();
        let is_free = !matches!(
            *at,
            ConnectionState::Exchange(_) | ConnectionState::Answer(_) | ConnectionState::Closed
        );
        if is_free {
            *at = ConnectionState::Closed;
        }
        is_free
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connections by number.
#[derive(Debug, Default)]
pub(super) struct Table(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    next: u64,
    open: BTreeMap<u64, OpenConnection>,
}

#[derive(Debug)]
struct OpenConnection {
    activity: Arc<Activity>,
    /// None: its task is not spawned yet.
    task: Option<AbortHandle>,
}

/// A row that is there as long as its connection.
pub(super) struct Seat {
    table: Arc<Table>,
    number: u64,
    activity: Arc<Activity>,
}

impl Seat {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.activity)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.lock().open.remove(&self.number);
    }
}

impl Table {
    /// A row for a new connection, which makes TLS at first, or waits for a request at once.
    pub(super) fn seat(table: &Arc<Self>, is_tls: bool) -> Seat {
        let now = Instant::now();
        let activity = Arc::new(Activity(Mutex::new(if is_tls {
            ConnectionState::Handshake(now)
        } else {
            ConnectionState::Idle(now)
        })));
        let mut rows = table.lock();
        let number = rows.next;
        rows.next += 1;
        rows.open.insert(number, OpenConnection { activity: Arc::clone(&activity), task: None });
        Seat { table: Arc::clone(table), number, activity }
    }

    /// What ends the connection of a row; nothing where it has ended by itself.
    pub(super) fn can_be_closed_by(&self, number: u64, task: AbortHandle) {
        if let Some(row) = self.lock().open.get_mut(&number) {
            row.task = Some(task);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// How many are open, and how many of them have a request under way.
    pub(super) fn count(&self) -> (usize, usize) {
        let rows = self.lock();
        let busy = rows.open.values().filter(|row| {
            matches!(row.activity.at(), ConnectionState::Exchange(_) | ConnectionState::Answer(_))
        });
        (rows.open.len(), busy.count())
    }

    /// How many make TLS.
    pub(super) fn handshakes(&self) -> usize {
        self.lock()
            .open
            .values()
            .filter(|row| matches!(row.activity.at(), ConnectionState::Handshake(_)))
            .count()
    }

    /// Closes the connection that has gone longest without a request; whether there was one.
    pub(super) fn close_longest_idle(&self) -> bool {
        self.close_first(|at| match at {
            ConnectionState::Handshake(since)
            | ConnectionState::Idle(since)
            | ConnectionState::Headers(since) => Some(since),
            ConnectionState::Exchange(_) | ConnectionState::Answer(_) | ConnectionState::Closed => None,
        })
    }

    /// Closes the connection whose TLS has been under way for longest.
    pub(super) fn close_longest_handshake(&self) -> bool {
        self.close_first(|at| match at {
            ConnectionState::Handshake(since) => Some(since),
            _ => None,
        })
    }

    /// Closes the connection with the earliest time; whether there was one with a time.
    fn close_first(&self, since: impl Fn(ConnectionState) -> Option<Instant>) -> bool {
        let mut rows = self.lock();
        loop {
            let times =
                rows.open.iter().filter_map(|(number, row)| Some((since(row.activity.at())?, *number)));
            let Some((_, number)) = times.min() else {
                return false;
            };
            // Its request may have come meanwhile: then another one is looked for.
            let is_closed = rows.open.get(&number).is_some_and(|row| row.activity.close());
            if is_closed && let Some(row) = rows.open.remove(&number) {
                if let Some(task) = row.task {
                    task.abort();
                }
                return true;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_gone_longest_without_a_request_is_closed_first() {
        let table = Arc::new(Table::default());
        let seats: Vec<Seat> = (0..4).map(|number| Table::seat(&table, number == 3)).collect();
        let activity: Vec<Arc<Activity>> = seats.iter().map(Seat::activity).collect();
        assert!(activity[0].exchange_begins());
        activity[1].headers_begin();
        assert_eq!((table.count(), table.handshakes()), ((4, 1), 1));
        assert!(table.close_longest_handshake() && !table.close_longest_handshake());
        assert_eq!(activity[3].at(), ConnectionState::Closed);
        // The answered one waits since just now, the others since before.
        activity[0].exchange_ends();
        assert_eq!(table.count(), (3, 1));
        activity[0].all_is_out();
        for number in [2, 1, 0] {
            assert!(table.close_longest_idle());
            assert_eq!(activity[number].at(), ConnectionState::Closed, "{number}");
        }
        assert!(!table.close_longest_idle() && !activity[0].exchange_begins());
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_request_under_way_is_never_closed() {
        let table = Arc::new(Table::default());
        let seat = Table::seat(&table, false);
        assert!(seat.activity().exchange_begins());
        assert!(!table.close_longest_idle());
        assert_eq!(table.count(), (1, 1));
        drop(seat);
        assert_eq!(table.len(), 0);
    }
}
