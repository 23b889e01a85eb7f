//! The threads that run sessions.
//!
//! A conversation whose client says nothing is *parked*: it costs memory, but no thread. Conversations
//! are dealt to as many groups as there are processors. One thread at a time, the group's *worker*,
//! waits for all clients of the group at once and gives each that speaks a *turn*: many clients cost
//! few switches between threads.
//!
//! A turn may last: a long statement, a wait for a lock. One that lasts [`TICK`] while others are in
//! the group is *relieved*: the group gets another worker, and the conversation keeps the thread it
//! has until its turn is over. So whatever one does stalls no other.

mod group;
mod spare;
#[cfg(test)]
mod tests;
mod watch;

use super::stream::Socket;
use group::Group;
use spare::Spares;
use std::io;
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::thread;
use std::time::{Duration, Instant};
use watch::Watch;

/// A turn that lasts longer is relieved if there are others.
const TICK: Duration = Duration::from_millis(2);

/// What is said with one client.
pub(super) trait Conversation: Send {
    /// Answers what the client has said, or attends to what else is due. It may take its time.
    fn turn(&mut self) -> Rest;
}

/// What follows a turn.
pub(super) enum Rest {
    /// The next turn is when the client says something, when it is called, or then.
    Parked(Option<Instant>),
    /// The next turn is when the others that are to have one have had it.
    Again,
    /// The conversation is over.
    Ended,
}

/// All threads that run sessions.
pub(super) struct Workers {
    groups: Vec<Arc<Group>>,
    watch: Arc<Watch>,
}

impl Workers {
    /// As many groups as there are processors.
    ///
    /// # Errors
    /// No descriptor is left, or no thread.
    pub(super) fn new() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let (spares, watch) = <(Arc<Spares>, Arc<Watch>)>::default();
        let groups = (0..count).map(|_| Group::new(&spares, &watch).map(Arc::new));
        let groups = groups.collect::<io::Result<Vec<_>>>()?;
        groups.iter().try_for_each(Group::open)?;
        let watched: Vec<_> = groups.iter().map(Arc::downgrade).collect();
        watch.start(move || {
            let groups = watched.iter().filter_map(Weak::upgrade);
            groups.filter(Group::look).count() > 0
        })?;
        Ok(Self { groups, watch })
    }

    /// A place for a conversation, known by a number of its own.
    pub(super) fn seat(&self, key: u64) -> Seat {
        let fewest = self.groups.iter().min_by_key(|group| group.lock().members.len());
        Seat { group: Arc::clone(fewest.unwrap_or(&self.groups[0])), key }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.groups.iter().for_each(|group| group.dismiss());
        self.watch.end();
    }
}

/// The place of one conversation.
pub(super) struct Seat {
    group: Arc<Group>,
    key: u64,
}

impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        self.call();
    }
}

impl Seat {
    /// Gives a new conversation its first turn.
    ///
    /// # Errors
    /// The system cannot wait for one more socket.
    pub(super) fn begin(
        &self,
        socket: Arc<Socket>,
        conversation: Box<dyn Conversation>,
    ) -> io::Result<()> {
        self.group.join(self.key, socket, conversation)
    }

    /// Asks for a turn though the client says nothing.
    pub(super) fn call(&self) {
        self.group.call(self.key);
    }

    /// The turn that is going on is about to wait: others need not see how long.
    pub(super) fn step_aside(&self) {
        self.group.step_aside(self.key);
    }
}
