//! Stopping a statement from outside: CancelRequest, `pg_cancel_backend`, time limits, shutdown.

use crate::sqlite::InterruptHandle;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::time::Instant;

/// Why a statement is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The user asked for it.
    User = 1,
    /// `statement_timeout`
    StatementTimeout = 2,
    /// The session is to end.
    Terminate = 3,
}

/// One session's stop button.
#[derive(Default)]
pub struct Cancel {
    reason: AtomicU8,
    target: Mutex<Target>,
}

#[derive(Default)]
struct Target {
    /// A statement runs: only then is there something to stop.
    armed: bool,
    interrupt: Option<(InterruptHandle, Arc<AtomicBool>)>,
    waker: Option<Waker>,
    /// When the statement must be over.
    deadline: Option<Instant>,
    /// When the clock looks at the deadline.
    alarm: Option<Instant>,
}

impl Cancel {
    /// The session is about to wait: stopping it wakes it.
    pub fn wakes(&self, waker: Waker) {
        self.lock().waker = Some(waker);
    }

    /// The session uses this connection from now on, or none.
    pub fn set_connection(&self, connection: Option<(InterruptHandle, Arc<AtomicBool>)>) {
        let mut target = self.lock();
        // What stopped the statement of one session does not concern the next one.
        target.hold(false);
        target.interrupt = connection;
        target.hold(self.reason().is_some());
    }

    /// A statement begins: what was asked before does not concern it, the end of the session
    /// excepted.
    pub fn begin(&self) {
        let mut target = self.lock();
        target.armed = true;
        if self.reason() != Some(Reason::Terminate) {
            self.reason.store(0, Ordering::Relaxed);
            target.hold(false);
        }
    }

    /// There is something to stop again; what was asked meanwhile concerns it.
    pub fn arm(&self) {
        self.lock().armed = true;
    }

    /// The statement is over, and so is what was asked of it.
    pub fn end(&self) {
        let mut target = self.lock();
        target.armed = false;
        if self.reason().is_some_and(|reason| reason != Reason::Terminate) {
            self.reason.store(0, Ordering::Relaxed);
            target.hold(false);
        }
    }

    /// Stops the statement that runs, if one does.
    pub fn raise(&self, reason: Reason) {
        self.stop(&self.lock(), reason);
    }

    fn stop(&self, target: &Target, reason: Reason) {
        let ends = self.reason() == Some(Reason::Terminate);
        if ends || !target.armed && reason != Reason::Terminate {
            return;
        }
        self.reason.store(reason as u8, Ordering::Relaxed);
        target.hold(true);
        if let Some((interrupt, _)) = &target.interrupt {
            interrupt.interrupt();
        }
        if let Some(waker) = &target.waker {
            waker.wake_by_ref();
        }
    }

    /// Why the statement is to stop, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self.reason.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Reason::User),
            2 => Some(Reason::StatementTimeout),
            _ => Some(Reason::Terminate),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Raises [`Reason::StatementTimeout`] at the deadline unless dropped before.
pub struct Timer(Arc<Cancel>);

impl Timer {
    /// Sets the timer. One thread serves all of them; it starts with the first.
    #[must_use]
    pub fn set(deadline: Instant, cancel: &Arc<Cancel>) -> Self {
        static CLOCK: OnceLock<Arc<Clock>> = OnceLock::new();
        if cancel.lock().due(deadline) {
            let alarm = Alarm { at: deadline, cancel: Arc::downgrade(cancel) };
            CLOCK.get_or_init(Clock::start).push(alarm);
        }
        Self(Arc::clone(cancel))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.lock().deadline = None;
    }
}

impl Target {
    /// Lets SQLite go on, or not: neither with a statement nor with a wait for a lock.
    fn hold(&self, stop: bool) {
        if let Some((_, flag)) = &self.interrupt {
            flag.store(stop, Ordering::Relaxed);
        }
    }

    /// A statement must end by then: true if no alarm will ring early enough to see to it.
    fn due(&mut self, deadline: Instant) -> bool {
        self.deadline = Some(deadline);
        let new = self.alarm.is_none_or(|alarm| deadline < alarm);
        if new {
            self.alarm = Some(deadline);
        }
        new
    }
}

impl Cancel {
    /// An alarm rings: when the next one is to.
    fn ring(&self, at: Instant, now: Instant) -> Option<Instant> {
        let mut target = self.lock();
        // An earlier one took its place.
        if target.alarm != Some(at) {
            return None;
        }
        target.alarm = target.deadline.filter(|deadline| *deadline > now);
        if target.alarm.is_none() && target.deadline.take().is_some() {
            self.stop(&target, Reason::StatementTimeout);
        }
        target.alarm
    }
}

/// A look at a session's time limit. A session has one however many statements it runs: it rings
/// at a deadline that may be long past, and is set again for the one that counts then.
struct Alarm {
    at: Instant,
    cancel: Weak<Cancel>,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

#[derive(Default)]
struct Clock {
    alarms: Mutex<BinaryHeap<Reverse<Alarm>>>,
    changed: Condvar,
}

impl Clock {
    fn start() -> Arc<Self> {
        let clock = Arc::new(Self::default());
        let running = Arc::clone(&clock);
        // Without the thread no time limit would act: that is worse than not to start.
        let started =
            std::thread::Builder::new().name("timeouts".to_owned()).spawn(move || running.run());
        if let Err(error) = started {
            tracing::error!(%error, "time limits will not act: start a thread");
        }
        clock
    }

    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Alarm>>> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, alarm: Alarm) {
        let mut alarms = self.lock();
        let first = alarms.peek().is_none_or(|Reverse(first)| alarm.at < first.at);
        alarms.push(Reverse(alarm));
        drop(alarms);
        if first {
            self.changed.notify_one();
        }
    }

    fn run(&self) {
        let mut alarms = self.lock();
        loop {
            let now = Instant::now();
            while alarms.peek().is_some_and(|Reverse(first)| first.at <= now)
                && let Some(Reverse(Alarm { at, cancel })) = alarms.pop()
            {
                let next = cancel.upgrade().and_then(|cancel| cancel.ring(at, now));
                alarms.extend(next.map(|at| Reverse(Alarm { at, cancel })));
            }
            let wait = alarms.peek().map(|Reverse(alarm)| alarm.at.saturating_duration_since(now));
            alarms = match wait {
                Some(wait) => {
                    let woken = self.changed.wait_timeout(alarms, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(alarms).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_limit_acts_on_its_statement_only() {
        let cancel = Arc::new(Cancel::default());
        cancel.begin();
        let long = Timer::set(Instant::now() + Duration::from_secs(3600), &cancel);
        drop(long);
        cancel.end();
        cancel.begin();
        let timer = Timer::set(Instant::now() + Duration::from_millis(20), &cancel);
        while cancel.reason().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(cancel.reason(), Some(Reason::StatementTimeout));
        drop(timer);
        cancel.end();
        cancel.begin();
        assert_eq!(cancel.reason(), None);
    }

    #[test]
    fn a_session_has_one_alarm() {
        let now = Instant::now();
        let late = now + Duration::from_secs(60);
        let mut target = Target::default();
        assert!(target.due(late));
        assert!(!target.due(late + Duration::from_secs(1)));
        assert!(target.due(now));
    }

    #[test]
    fn an_alarm_that_rings_too_early_is_set_again() {
        let cancel = Cancel::default();
        cancel.begin();
        let now = Instant::now();
        let late = now + Duration::from_secs(60);
        cancel.lock().due(now);
        cancel.lock().due(late);
        assert_eq!(cancel.ring(now, now), Some(late));
        assert_eq!(cancel.reason(), None);
        assert_eq!(cancel.ring(late, late), None);
        assert_eq!(cancel.reason(), Some(Reason::StatementTimeout));
        assert_eq!(cancel.ring(late, late), None);
    }

    #[test]
    fn nothing_is_stopped_that_does_not_run() {
        let cancel = Cancel::default();
        cancel.raise(Reason::User);
        assert_eq!(cancel.reason(), None);
        cancel.begin();
        cancel.raise(Reason::User);
        assert_eq!(cancel.reason(), Some(Reason::User));
        cancel.end();
        assert_eq!(cancel.reason(), None);
        cancel.raise(Reason::Terminate);
        cancel.begin();
        assert_eq!(cancel.reason(), Some(Reason::Terminate));
    }
}
