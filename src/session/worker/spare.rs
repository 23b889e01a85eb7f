//! Threads for work that may begin at any moment and last.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A thread without work ends after this long.
const SPARE_KEEPS: Duration = Duration::from_secs(10);
/// Virtual memory: what a thread does not touch costs nothing.
const STACK_BYTES: usize = 1 << 20;

/// Threads that wait for a job, and new ones.
#[derive(Default)]
pub(super) struct Spares {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    open: VecDeque<Job>,
    /// Threads that wait for one.
    idle: usize,
}

type Job = Box<dyn FnOnce() + Send>;

impl Spares {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds a thread for the job.
    pub(super) fn hire(self: &Arc<Self>, job: Job) -> io::Result<()> {
        let mut jobs = self.lock();
        if jobs.idle > jobs.open.len() {
            jobs.open.push_back(job);
            self.changed.notify_one();
            return Ok(());
        }
        drop(jobs);
        let spares = Arc::clone(self);
        let thread = thread::Builder::new().name("session".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || spares.run(job)).map(drop)
    }

    fn run(&self, first: Job) {
        let mut job = Some(first);
        while let Some(run) = job {
            run();
            job = self.wait();
        }
    }

    fn wait(&self) -> Option<Job> {
        let mut jobs = self.lock();
        jobs.idle += 1;
        let woken = self.changed.wait_timeout_while(jobs, SPARE_KEEPS, |jobs| jobs.open.is_empty());
        jobs = woken.unwrap_or_else(PoisonError::into_inner).0;
        jobs.idle -= 1;
        jobs.open.pop_front()
    }
}
