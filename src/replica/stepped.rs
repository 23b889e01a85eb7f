//! A follower that does not look by itself: whoever has it says when it asks the store.
//!
//! For simulations. All of it is what [`Follower`](super::Follower) is made of, but for the thread that
//! waits until it is time to ask.

use super::worker::Worker;
use super::{Error, Options, Shared, Source, Status};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Follows one replica, step by step. What it drops, it drops like a process that is killed.
pub struct Stepped {
    worker: Worker,
    shared: Arc<Shared>,
}

impl Stepped {
    /// Begins to follow; requests run on `runtime`.
    #[must_use]
    pub fn new(source: Source, path: &Path, options: Options, runtime: &Handle) -> Self {
        let shared = Arc::new(Shared::new(source, path, options, runtime));
        Self { worker: Worker::new(Arc::clone(&shared)), shared }
    }

    /// What a [`Follower`](super::Follower) does when it is time to ask. Blocks the thread.
    ///
    /// # Errors
    /// There will never be a file.
    pub fn round(&mut self) -> Result<(), Error> {
        self.worker.round();
        self.shared.take_refusal()
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().clone()
    }
}
