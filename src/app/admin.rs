//! The admin listener of a process: its pages from the start on, until they are closed.

use super::AppError;
use crate::gateway::{AdminBounds, AdminSource, Listener, admin};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Admin pages that are served.
pub(crate) struct ServedPages {
    address: SocketAddr,
    /// Dropping it is the signal.
    ending: tokio::sync::oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl ServedPages {
    /// Serves what `source` shows.
    ///
    /// # Errors
    /// The machine has no thread left.
    pub(crate) fn start(listener: Listener, source: impl AdminSource) -> Result<Self, AppError> {
        let address = listener.address();
        let (ending, ended) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async move {
            let _ = ended.await;
        };
        let served = admin::serve(listener, AdminBounds::default(), Arc::new(source), shutdown);
        let served = served.map_err(|error| AppError::Start(error.to_string()))?;
        Ok(Self { address, ending, served })
    }

    /// Where they are.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends them once answers under way are written.
    pub(crate) fn close(self) {
        drop(self.ending);
        // A page that panicked has been told in the log.
        let _ = self.served.join();
    }
}
