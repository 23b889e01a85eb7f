//! A shipper that does not look by itself: whoever has it says when it looks at the file.
//!
//! For simulations. All of it is what [`Shipper`](super::Shipper) is made of, but for the task that
//! waits until it is time to look. On a runtime of one thread with a paused clock nothing happens by
//! chance.

use super::lock::Lock;
use super::worker::Worker;
use super::{Destination, Error, Hooks, Options, Parts, Status};
use crate::ltx::Txid;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;

/// Ships one file, step by step. What it drops, it drops like a process that is killed.
pub struct Stepped {
    worker: Worker,
    parts: Parts,
    _lock: Lock,
}

/// What was committed before somebody asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked(u64);

impl Stepped {
    /// Begins to ship a file; uploads and maintenance run whenever `runtime` does.
    ///
    /// # Errors
    /// As [`Shipper::start`](super::Shipper::start).
    pub fn open(
        path: &Path,
        destinations: Vec<Destination>,
        options: Options,
        hooks: Arc<dyn Hooks>,
        runtime: &Handle,
    ) -> Result<Self, Error> {
        let (parts, lock) = Parts::open(path, destinations, options, hooks, runtime)?;
        Ok(Self { worker: Worker::new(Arc::clone(&parts.shared)), parts, _lock: lock })
    }

    /// What a [`Shipper`](super::Shipper) does when it is time to look.
    pub fn look(&mut self) {
        self.worker.look();
    }

    /// What a [`Shipper`](super::Shipper) does with a file that is quiet; true if it sleeps then.
    pub fn doze(&mut self) -> bool {
        self.worker.fall_asleep()
    }

    /// Somebody waits for a look.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.parts.shared.bell.is_urgent()
    }

    /// Begins to wait for what was committed before the call.
    #[must_use]
    pub fn ask(&self) -> Asked {
        Asked(self.parts.shared.ask_look())
    }

    /// The number of what was asked for, once it is in the destinations of these names, or in all if
    /// none is named.
    #[must_use]
    pub fn stored(&self, asked: Asked, names: &[String]) -> Option<Txid> {
        let (shared, now) = (&self.parts.shared, Some(Instant::now()));
        let logged = shared.wait_looked(asked.0, now);
        logged.and_then(|txid| shared.wait_has(names, txid, now)).ok()
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        self.parts.shared.status()
    }
}
