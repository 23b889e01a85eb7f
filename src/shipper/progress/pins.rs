//! Read transactions on the file, for those who copy all of it.

use super::{Error, Pinned, Shared};
use crate::ltx::Txid;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a snapshot waits until the file can be read.
const PIN_PATIENCE: Duration = Duration::from_secs(60);

/// Somebody waits for a read transaction.
pub(in crate::shipper) struct PinWanted {
    /// It is to lead on a destination that has a history of numbers up to this one.
    pub(in crate::shipper) above: Option<Txid>,
    pub(in crate::shipper) sender: oneshot::Sender<Pinned>,
}

impl Shared {
    /// Who waits for a read transaction.
    pub(in crate::shipper) fn take_pins(&self) -> Vec<PinWanted> {
        std::mem::take(&mut self.lock().pins)
    }

    /// Waits for a read transaction of which it is known what it sees.
    pub(in crate::shipper) async fn pin(&self) -> Result<Pinned, Error> {
        self.pin_above(None).await
    }

    /// The same for a whole copy that is to lead a destination on: what comes after it is kept.
    pub(in crate::shipper) async fn pin_whole(
        &self,
        index: usize,
        above: Txid,
    ) -> Result<Pinned, Error> {
        self.begin_whole(index);
        let pinned = self.pin_above(Some(above)).await?;
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

    async fn pin_above(&self, above: Option<Txid>) -> Result<Pinned, Error> {
        let (sender, receiver) = oneshot::channel();
        self.lock().pins.push(PinWanted { above, sender });
        self.bell.ring_urgently();
        match tokio::time::timeout(PIN_PATIENCE, receiver).await {
            Ok(Ok(pinned)) => Ok(pinned),
            Ok(Err(_)) | Err(_) => Err(Error::Late),
        }
    }
}
