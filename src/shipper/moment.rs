//! How long something has been, also while this machine slept.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tokio::time::Instant;

/// A point in time. Of two clocks the one that says more is believed: tokio's stands still while the
/// machine is suspended, and the other one while a test's clock is paused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    instant: Instant,
    since_boot: Duration,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { instant: Instant::now(), since_boot: since_boot() }
    }

    pub(super) fn elapsed(self) -> Duration {
        self.instant.elapsed().max(since_boot().saturating_sub(self.since_boot))
    }
}

/// `CLOCK_BOOTTIME`, clock_gettime(2).
fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}
