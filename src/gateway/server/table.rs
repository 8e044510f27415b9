//! The connections that are open, what each is at, and which is closed for a new one. Never closes one that has a request
//! under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;
use tokio::time::Instant;

/// What a connection is at, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Nothing: it makes TLS, or waits for a request.
    Idle(Instant),
    /// It sends the headers of a request.
    Headers(Instant),
    /// A request is under way.
    Exchange(Instant),
    /// It was closed for another one.
    Closed,
}

/// What a connection is at, told by itself and read by the table.
#[derive(Debug)]
pub(super) struct Activity(Mutex<At>);

impl Activity {
    pub(super) fn at(&self) -> At {
        *self.lock()
    }

    /// The first byte of a request came.
    pub(super) fn headers_begin(&self) {
        let mut at = self.lock();
        if matches!(*at, At::Idle(_)) {
            *at = At::Headers(Instant::now());
        }
    }

    /// The headers of a request are there; whether the connection is still open.
    pub(super) fn exchange_begins(&self) -> bool {
        let mut at = self.lock();
        if *at == At::Closed {
            return false;
        }
        *at = At::Exchange(Instant::now());
        true
    }

    /// The answer is out, or given up.
    pub(super) fn exchange_ends(&self) {
        let mut at = self.lock();
        if matches!(*at, At::Exchange(_)) {
            *at = At::Idle(Instant::now());
        }
    }

    /// Closes the connection, unless a request is under way; whether it did.
    fn close(&self) -> bool {
        let mut at = self.lock();
        let is_idle = matches!(*at, At::Idle(_) | At::Headers(_));
        if is_idle {
            *at = At::Closed;
        }
        is_idle
    }

    fn lock(&self) -> MutexGuard<'_, At> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connections by number.
#[derive(Debug, Default)]
pub(super) struct Table(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    next: u64,
    open: BTreeMap<u64, Row>,
}

#[derive(Debug)]
struct Row {
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
    /// A row for a new connection.
    pub(super) fn seat(table: &Arc<Self>) -> Seat {
        let activity = Arc::new(Activity(Mutex::new(At::Idle(Instant::now()))));
        let mut rows = table.lock();
        let number = rows.next;
        rows.next += 1;
        rows.open.insert(number, Row { activity: Arc::clone(&activity), task: None });
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
        let busy = rows.open.values().filter(|row| matches!(row.activity.at(), At::Exchange(_)));
        (rows.open.len(), busy.count())
    }

    /// Closes the connection that has gone longest without a request; whether there was one.
    pub(super) fn close_longest_idle(&self) -> bool {
        let mut rows = self.lock();
        loop {
            let since = |row: &Row| match row.activity.at() {
                At::Idle(since) | At::Headers(since) => Some(since),
                At::Exchange(_) | At::Closed => None,
            };
            let idle = rows.open.iter().filter_map(|(number, row)| Some((since(row)?, *number)));
            let Some((_, number)) = idle.min() else {
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
