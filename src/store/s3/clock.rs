//! The time requests are signed with: the store's, once it has complained of ours.

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// Stores bear minutes of difference; less is no reason for a refusal.
const SKEW_MIN_S: i64 = 60;

/// This machine's clock, and by how many seconds the store's is ahead of it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead_s: AtomicI64,
}

impl Clock {
    pub(super) fn source(clock: &Arc<Self>) -> SharedTimeSource {
        SharedTimeSource::new(Source(Arc::clone(clock)))
    }

    /// Follows the `Date` of a refusal; true if the request was signed with another time.
    pub(super) fn correct(&self, date: Option<&str>) -> bool {
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        let Some(date) = date else { return false };
        let skew_s = date.secs() - DateTime::from(self.now()).secs();
        let is_wrong = skew_s.abs() > SKEW_MIN_S;
        if is_wrong {
            tracing::warn!(
                skew_s,
                "this machine's clock and the store's differ; going by the store's"
            );
            self.ahead_s.fetch_add(skew_s, Ordering::Relaxed);
        }
        is_wrong
    }

    fn now(&self) -> SystemTime {
        let ahead_s = self.ahead_s.load(Ordering::Relaxed);
        let distance = Duration::from_secs(ahead_s.unsigned_abs());
        let now = SystemTime::now();
        let then = if ahead_s < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        then.unwrap_or(now)
    }
}

#[derive(Debug)]
struct Source(Arc<Clock>);

impl TimeSource for Source {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}
