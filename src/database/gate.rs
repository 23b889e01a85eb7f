//! The writer queue of one file: writers take turns here instead of meeting SQLITE_BUSY.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A turn that ends within this time is waited for without much ado: a commit takes a tenth of it.
const BRIEF: Duration = Duration::from_micros(300);

/// One file's turnstile: first come, first served.
#[derive(Debug, Default)]
pub struct Gate {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    taken: bool,
    waiting: VecDeque<(u64, Thread)>,
    /// The ticket whose turn it is, until its thread notices.
    called: Option<u64>,
    next_ticket: u64,
}

/// The right to write. Dropping it lets the next one in.
#[derive(Debug)]
pub struct Turn {
    gate: Arc<Gate>,
}

/// Why somebody left the queue without a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Asked to.
    Cancelled,
    /// The deadline passed.
    TimedOut,
}

impl Gate {
    /// A turn, if nobody has it.
    pub fn try_enter(self: &Arc<Self>) -> Option<Turn> {
        let mut queue = self.lock();
        let free = !std::mem::replace(&mut queue.taken, true);
        free.then(|| self.turn())
    }

    /// Waits for a turn, and says once, by calling `lasts`, that it takes a while. The wait ends early
    /// when `cancelled` says so; whoever makes it say so unparks the thread.
    ///
    /// # Errors
    /// There was no turn.
    pub fn enter(
        self: &Arc<Self>,
        deadline: Option<Instant>,
        cancelled: impl Fn() -> bool,
        lasts: impl FnOnce(),
    ) -> Result<Turn, Left> {
        let Some(ticket) = self.draw() else { return Ok(self.turn()) };
        let brief = Instant::now() + BRIEF;
        let mut waited = Err(Left::TimedOut);
        if deadline.is_none_or(|deadline| brief < deadline) {
            waited = self.wait(ticket, Some(brief), &cancelled);
        }
        if waited == Err(Left::TimedOut) {
            lasts();
            waited = self.wait(ticket, deadline, &cancelled);
        }
        match waited {
            Err(left) if !self.lock().leave(ticket) => Err(left),
            _ => Ok(self.turn()),
        }
    }

    /// Waits until the ticket is called.
    fn wait(
        &self,
        ticket: u64,
        until: Option<Instant>,
        cancelled: &impl Fn() -> bool,
    ) -> Result<(), Left> {
        while !self.lock().accept(ticket) {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match left {
                _ if cancelled() => return Err(Left::Cancelled),
                Some(Duration::ZERO) => return Err(Left::TimedOut),
                Some(left) => thread::park_timeout(left),
                None => thread::park(),
            }
        }
        Ok(())
    }

    /// Somebody has the turn.
    pub fn is_taken(&self) -> bool {
        self.lock().taken
    }

    fn turn(self: &Arc<Self>) -> Turn {
        Turn { gate: Arc::clone(self) }
    }

    /// Takes the turn if it is free, otherwise a place in the queue.
    fn draw(&self) -> Option<u64> {
        let mut queue = self.lock();
        if !queue.taken {
            queue.taken = true;
            return None;
        }
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push_back((ticket, thread::current()));
        Some(ticket)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn accept(&mut self, ticket: u64) -> bool {
        let mine = self.called == Some(ticket);
        if mine {
            self.called = None;
        }
        mine
    }

    /// Gives the place up; true if the turn came at that very moment and is now held.
    fn leave(&mut self, ticket: u64) -> bool {
        self.waiting.retain(|(waiting, _)| *waiting != ticket);
        self.accept(ticket)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.gate.lock();
        match queue.waiting.pop_front() {
            Some((ticket, thread)) => {
                queue.called = Some(ticket);
                drop(queue);
                thread.unpark();
            }
            None => queue.taken = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    #[test]
    fn one_at_a_time_and_nobody_is_forgotten() {
        let gate = Arc::new(Gate::default());
        let inside = AtomicU32::new(0);
        let turns = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let turn = gate.enter(None, || false, || {}).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        turns.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                    }
                });
            }
        });
        assert_eq!(turns.load(Ordering::SeqCst), 4000);
    }

    #[test]
    fn a_deadline_ends_the_wait_and_leaves_the_queue_whole() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter(None, || false, || {}).unwrap();
        let late = Instant::now() + Duration::from_millis(20);
        assert_eq!(gate.enter(Some(late), || false, || {}).unwrap_err(), Left::TimedOut);
        assert_eq!(gate.enter(None, || true, || {}).unwrap_err(), Left::Cancelled);
        drop(first);
        assert!(gate.enter(None, || true, || {}).is_ok());
    }
}
