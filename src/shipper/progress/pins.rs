//! Read transactions on the file, for those who copy all of it.

use super::{Error, Pinned, Shared};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a snapshot waits until the file can be read.
const PIN_PATIENCE: Duration = Duration::from_secs(60);

impl Shared {
    /// Who waits for a read transaction.
    pub(in crate::shipper) fn take_pins(&self) -> Vec<oneshot::Sender<Pinned>> {
        std::mem::take(&mut self.lock().pins)
    }

    /// Waits for a read transaction of which it is known what it sees.
    pub(in crate::shipper) async fn pin(&self) -> Result<Pinned, Error> {
        let (sender, receiver) = oneshot::channel();
        self.lock().pins.push(sender);
        self.bell.ring_urgently();
        match tokio::time::timeout(PIN_PATIENCE, receiver).await {
            Ok(Ok(pinned)) => Ok(pinned),
            Ok(Err(_)) | Err(_) => Err(Error::Late),
        }
    }

    /// The same for a whole copy that is to lead a destination on: what comes after it is kept.
    pub(in crate::shipper) async fn pin_whole(&self, index: usize) -> Result<Pinned, Error> {
        self.begin_whole(index);
        let pinned = self.pin().await?;
        self.set_busy(index, true);
        Ok(pinned)
    }

    fn begin_whole(&self, index: usize) {
        let mut state = self.lock();
        let newest = state.newest;
        if let Some(destination) = state.destinations.get_mut(index) {
            destination.whole = Some(newest);
        }
    }
}
