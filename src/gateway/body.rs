//! Reads the body of a request: all of it before its handler runs, within a size, a time, and the memory that all bodies
//! together may take. Never hands on a part of one.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::http::Refusal;

/// What the bodies of all requests under way may take in memory together, bytes.
pub const BODIES_BYTES_MAX: usize = 256 << 20;

/// Bytes for which one permit stands.
const PERMIT_BYTES: usize = 1 << 10;
/// How much more than is taken is read, so that a client which sends first and reads then gets its answer, and for how long.
const PASSED_OVER_BYTES_MAX: usize = 4 << 20;
const PASSED_OVER_WITHIN: Duration = Duration::from_secs(2);

/// Room for bodies.
#[derive(Clone, Debug)]
pub(super) struct Room {
    permits: Arc<Semaphore>,
    bytes_max: usize,
    within: Duration,
}

/// A body, and the room that it takes.
#[derive(Debug)]
pub(super) struct HeldBody {
    pub(super) bytes: Bytes,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new(bytes_max: usize, within: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(BODIES_BYTES_MAX / PERMIT_BYTES)), bytes_max, within }
    }

    /// The whole body.
    ///
    /// # Errors
    /// Why there is none; [`Refusal::Malformed`] also where the client broke off.
    pub(super) async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<HeldBody, Refusal> {
        let said =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let read = if said.is_some_and(|said| said > self.bytes_max as u64) {
            Err(Refusal::BodySize)
        } else {
            let whole = tokio::time::timeout(self.within, self.gather(&mut body)).await;
            whole.unwrap_or(Err(Refusal::SlowBody))
        };
        if matches!(read, Err(Refusal::BodySize))
            && said.is_none_or(|said| said <= PASSED_OVER_BYTES_MAX as u64)
        {
            // Who sends on is answered all the same.
            let _ = tokio::time::timeout(PASSED_OVER_WITHIN, pass_over(&mut body)).await;
        }
        read
    }

    async fn gather(&self, body: &mut Body) -> Result<HeldBody, Refusal> {
        let mut bytes = Vec::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        while let Some(data) = next(body).await? {
            if bytes.len() + data.len() > self.bytes_max {
                return Err(Refusal::BodySize);
            }
            let had = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = (bytes.len() + data.len()).div_ceil(PERMIT_BYTES).saturating_sub(had);
            if more > 0 {
                let more = u32::try_from(more).map_err(|_| Refusal::BodySize)?;
                let permit = Arc::clone(&self.permits).try_acquire_many_owned(more);
                let permit = permit.map_err(|_| Refusal::Overload)?;
                match &mut room {
                    Some(room) => room.merge(permit),
                    None => room = Some(permit),
                }
            }
            bytes.extend_from_slice(&data);
        }
        Ok(HeldBody { bytes: bytes.into(), room })
    }
}

async fn pass_over(body: &mut Body) {
    let mut passed = 0;
    while passed < PASSED_OVER_BYTES_MAX
        && let Ok(Some(data)) = next(body).await
    {
        passed += data.len();
    }
}

/// The next bytes; nothing at the end. Trailers are passed over.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::Malformed),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(room: &Room, bytes: usize) -> Result<HeldBody, Refusal> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(room.read(&HeaderMap::new(), Body::from(vec![b'x'; bytes])))
    }

    #[test]
    fn bodies_share_their_room_and_give_it_back() {
        let permits = Arc::new(Semaphore::new(3));
        let room = Room { permits, bytes_max: 10 * PERMIT_BYTES, within: Duration::from_secs(10) };
        let first = read(&room, PERMIT_BYTES + 1).expect("room for it");
        assert_eq!((first.bytes.len(), room.permits.available_permits()), (PERMIT_BYTES + 1, 1));
        assert_eq!(read(&room, PERMIT_BYTES + 1).err(), Some(Refusal::Overload));
        assert_eq!(read(&room, 0).expect("nothing needs no room").bytes.len(), 0);
        drop(first);
        assert_eq!(read(&room, 3 * PERMIT_BYTES).expect("room again").bytes.len(), 3 * PERMIT_BYTES);
        assert_eq!(read(&room, 10 * PERMIT_BYTES + 1).err(), Some(Refusal::BodySize));
        assert_eq!(room.permits.available_permits(), 3);
    }
}
