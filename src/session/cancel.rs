//! Stopping a statement from outside: CancelRequest, `pg_cancel_backend`, time limits, shutdown.

use crate::sqlite::InterruptHandle;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
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
    /// Ends a wait for another process's lock.
    stop: Arc<AtomicBool>,
    target: Mutex<Target>,
}

#[derive(Default)]
struct Target {
    /// A statement runs: only then is there something to stop.
    armed: bool,
    interrupt: Option<(InterruptHandle, Arc<AtomicBool>)>,
    thread: Option<Thread>,
}

impl Cancel {
    /// The session's thread is this one.
    pub fn adopt_thread(&self) {
        self.lock().thread = Some(std::thread::current());
    }

    /// The session uses this connection from now on, or none.
    pub fn set_connection(&self, connection: Option<(InterruptHandle, Arc<AtomicBool>)>) {
        self.lock().interrupt = connection;
    }

    /// A statement begins: what was asked before does not concern it, the end of the session
    /// excepted.
    pub fn begin(&self) {
        let mut target = self.lock();
        target.armed = true;
        if self.reason() != Some(Reason::Terminate) {
            self.reason.store(0, Ordering::Relaxed);
            if let Some((_, stop)) = &target.interrupt {
                stop.store(false, Ordering::Relaxed);
            }
        }
    }

    /// The statement is over.
    pub fn end(&self) {
        self.lock().armed = false;
    }

    /// Stops the statement that runs, if one does.
    pub fn raise(&self, reason: Reason) {
        let target = self.lock();
        if !target.armed && reason != Reason::Terminate {
            return;
        }
        self.reason.store(reason as u8, Ordering::Relaxed);
        self.stop.store(true, Ordering::Relaxed);
        if let Some((interrupt, stop)) = &target.interrupt {
            stop.store(true, Ordering::Relaxed);
            interrupt.interrupt();
        }
        if let Some(thread) = &target.thread {
            thread.unpark();
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
pub struct Timer(Arc<AtomicBool>);

impl Timer {
    /// Sets the timer. One thread serves all of them; it starts with the first.
    #[must_use]
    pub fn set(deadline: Instant, cancel: &Arc<Cancel>) -> Self {
        static CLOCK: OnceLock<Arc<Clock>> = OnceLock::new();
        let clock = CLOCK.get_or_init(Clock::start);
        let dropped = Arc::new(AtomicBool::new(false));
        let alarm = Alarm { deadline, dropped: Arc::clone(&dropped), cancel: Arc::clone(cancel) };
        let mut alarms = clock.lock();
        let first = alarms.peek().is_none_or(|Reverse(first)| deadline < first.deadline);
        alarms.push(Reverse(alarm));
        drop(alarms);
        if first {
            clock.changed.notify_one();
        }
        Self(dropped)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Alarm {
    deadline: Instant,
    dropped: Arc<AtomicBool>,
    cancel: Arc<Cancel>,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.deadline == other.deadline
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
        self.deadline.cmp(&other.deadline)
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

    fn run(&self) {
        let mut alarms = self.lock();
        loop {
            let now = Instant::now();
            while let Some(Reverse(alarm)) = alarms.peek()
                && (alarm.deadline <= now || alarm.dropped.load(Ordering::Relaxed))
            {
                if let Some(Reverse(alarm)) = alarms.pop()
                    && !alarm.dropped.load(Ordering::Relaxed)
                {
                    alarm.cancel.raise(Reason::StatementTimeout);
                }
            }
            let wait =
                alarms.peek().map(|Reverse(alarm)| alarm.deadline.saturating_duration_since(now));
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
