//! How long a request is waited for, and how often it is made again.

use crate::store::Error;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A store that joins the parts of an object may think about it for minutes.
const JOIN_TIMEOUT: Duration = Duration::from_secs(300);
/// What is sent has so much more time: no connection that is of use is slower.
const BYTES_PER_SECOND_MIN: u64 = 64 << 10;

/// How patient a store's user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// So often a request is made, if each failure may pass.
    attempts: u32,
    /// After so much time it is not made again.
    total: Duration,
    /// So long an answer is waited for.
    answer: Duration,
}

impl Patience {
    /// For one who gives up after a failure.
    pub const LONG: Self =
        Self { attempts: 8, total: Duration::from_secs(30), answer: Duration::from_secs(20) };
    /// For one who tells of each failure, and asks again for ever.
    pub const SHORT: Self = Self { attempts: 3, total: Duration::from_secs(1), ..Self::LONG };

    #[cfg(test)]
    pub(in crate::store) fn answer(self, answer: Duration) -> Self {
        Self { answer, ..self }
    }

    /// As much of it as what can be done only once more from its beginning deserves.
    pub(super) fn for_data(self) -> Self {
        Self { attempts: Self::LONG.attempts, total: Self::LONG.total, ..self }
    }

    /// A request that has failed so often in so much time is made again.
    pub(super) fn lasts(self, error: &Error, attempts: u32, elapsed: Duration) -> bool {
        error.is_retryable() && attempts < self.attempts && elapsed < self.total
    }

    /// Enough for a request without a body.
    pub(super) fn timeouts(self) -> TimeoutConfig {
        timeouts(self.answer)
    }

    /// Enough to send so many bytes.
    pub(super) fn timeouts_to_send(self, len: usize) -> TimeoutConfig {
        timeouts(self.answer + Duration::from_secs(len as u64 / BYTES_PER_SECOND_MIN))
    }

    /// Enough to join the parts of an object.
    pub(super) fn timeouts_to_join(self) -> TimeoutConfig {
        timeouts(self.answer.max(JOIN_TIMEOUT))
    }
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_to_send_has_more_time() {
        let attempt = |config: TimeoutConfig| config.operation_attempt_timeout().unwrap();
        let patience = Patience::SHORT;
        assert_eq!(attempt(patience.timeouts()), Duration::from_secs(20));
        assert_eq!(attempt(patience.timeouts_to_send(1000)), Duration::from_secs(20));
        assert_eq!(attempt(patience.timeouts_to_send(16 << 20)), Duration::from_secs(276));
        assert_eq!(attempt(patience.timeouts_to_join()), JOIN_TIMEOUT);
    }
}
