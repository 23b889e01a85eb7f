//! How fast other processes write a file, and what follows from that for its log.
//!
//! After each commit that leaves more than [`AUTOCHECKPOINT_PAGES`] in the log, an application's
//! connection tries to copy it into the database. While the mark is there that is in vain, and costs the
//! more the longer the log is. So the log of a file that others write is read, copied and let be started
//! over before it has become so long, as soon as a good part of that has been written. Connections of
//! this process try no such thing.
//!
//! Who writes too fast for that is left to try in vain, which costs next to nothing once the mark is on
//! a frame and what is before it was copied: a log that was started over is looked at soon, for the
//! sake of the mark, and then not so often.

use std::time::Duration;
use tokio::time::Instant;

/// <https://www.sqlite.org/pragma.html#pragma_wal_autocheckpoint>
pub(super) const AUTOCHECKPOINT_PAGES: u64 = 1000;
/// The shortest time between two looks, as a part of the sync interval.
const SHORTEST_PART: u32 = 16;
/// Of a log that cannot be kept short: how soon it is looked at once it may be started over, as a part
/// of the sync interval, and the time between two looks from then on.
const FRESH_PART: u32 = 64;
const LONG_PART: u32 = 4;
/// Others are thought to go on for so long.
const REMEMBERED: Duration = Duration::from_secs(10);

/// How fast others write.
#[derive(Debug)]
pub(super) struct Pace {
    /// How long they may make the log, in pages.
    most: u64,
    /// When it was last seen that others had written.
    seen: Option<Instant>,
    /// What they write in a sync interval, in pages.
    pages: u64,
}

impl Pace {
    pub(super) fn new(most: u64) -> Self {
        Self { most, seen: None, pages: 0 }
    }

    /// As many pages are taken together, however soon.
    fn batch(&self) -> u64 {
        self.most / 2
    }

    /// A look took so many pages, which others had written since the last one, `time` ago.
    pub(super) fn note(&mut self, pages: u64, time: Duration, interval: Duration) {
        let share = time.as_secs_f64().max(1e-3) / interval.as_secs_f64().max(1e-3);
        self.pages = (pages as f64 / share.min(1.0)) as u64;
        self.seen = Some(Instant::now());
    }

    fn is_foreign(&self) -> bool {
        self.seen.is_some_and(|seen| seen.elapsed() < REMEMBERED)
    }

    /// They write so much that the log cannot be kept short.
    fn is_too_fast(&self) -> bool {
        self.is_foreign() && self.pages > self.batch() * u64::from(SHORTEST_PART)
    }

    /// The time between two looks at a file that is written; `is_fresh` after one that let its log be
    /// started over.
    pub(super) fn interval(&self, full: Duration, is_fresh: bool) -> Duration {
        if self.is_too_fast() {
            return full / if is_fresh { FRESH_PART } else { LONG_PART };
        }
        if !self.is_foreign() || self.pages <= self.batch() {
            return full;
        }
        full.mul_f64(self.batch() as f64 / self.pages as f64)
    }

    /// A log in which so many pages were not there at the last checkpoint is to be copied once they are
    /// as many.
    pub(super) fn checkpoint_pages(&self, most: u64) -> u64 {
        if !self.is_foreign() {
            return most;
        }
        if self.is_too_fast() {
            // Not before the mark is on a frame.
            return 1;
        }
        // There are as many again by now, and will be by the next look.
        let coming = self.pages.min(self.batch());
        most.min(self.most.saturating_sub(2 * coming))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_faster_others_write_the_shorter_the_log_is_kept() {
        let mut pace = Pace::new(AUTOCHECKPOINT_PAGES);
        assert_eq!((pace.interval(SECOND, false), pace.checkpoint_pages(4000)), (SECOND, 4000));
        pace.note(100, SECOND, SECOND);
        assert_eq!((pace.interval(SECOND, false), pace.checkpoint_pages(4000)), (SECOND, 800));
        pace.note(2000, SECOND, SECOND);
        assert_eq!((pace.interval(SECOND, false), pace.checkpoint_pages(4000)), (SECOND / 4, 0));
        // As fast as before.
        pace.note(500, SECOND / 4, SECOND);
        assert_eq!(pace.interval(SECOND, false), SECOND / 4);
        pace.note(10_000, SECOND / 4, SECOND);
        assert_eq!(
            (pace.interval(SECOND, false), pace.interval(SECOND, true)),
            (SECOND / 4, SECOND / 64)
        );
        assert_eq!(pace.checkpoint_pages(4000), 1);
        // After a pause it is not known how fast they were.
        pace.note(5, 30 * SECOND, SECOND);
        assert_eq!(pace.interval(SECOND, false), SECOND);
        tokio::time::advance(11 * SECOND).await;
        assert_eq!(pace.checkpoint_pages(4000), 4000);
        assert_eq!(pace.checkpoint_pages(20), 20);
    }
}
