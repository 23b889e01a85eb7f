//! Restores what is in a store, by the crate's own restore.

use egret::ltx::Txid;
use egret::shipper::plan::moments;
use egret::shipper::restore::{self, Error, Options, Target, list_all};
use egret::store::Replica;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::{Handle, Runtime};

/// Outside of the world: what is under way there stands still meanwhile.
pub struct Restorer {
    runtime: Runtime,
    output: PathBuf,
}

impl Restorer {
    pub fn new(directory: &Path) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        Self { runtime, output: directory.join("restored.db") }
    }

    /// Where others who stand outside of the world do what they do.
    pub fn runtime(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Restores a moment; the file, whose structure was checked.
    pub fn restore(&self, replica: &Replica, target: Target) -> Result<PathBuf, Error> {
        let options = Options { target, force: true, ..Options::default() };
        let restored = restore::restore(replica, &self.output, &options, Arc::new(|_| ()));
        self.runtime.block_on(restored)?;
        Ok(self.output.clone())
    }

    /// The transactions that can be restored, in their order.
    pub fn moments(&self, replica: &Replica) -> Vec<Txid> {
        let files = self.runtime.block_on(list_all(replica)).unwrap();
        moments(&files).into_keys().collect()
    }
}
