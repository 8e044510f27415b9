//! Locks that outlive a panic: whatever these guard is whole between any two statements of whoever holds them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a mutex guards, whether or not somebody panicked over it.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
