//! Conversations that share a worker: who is parked, whose turn it is, and who wants one.

use super::spare::Spares;
use super::watch::Watch;
use super::{Conversation, Rest};
use crate::session::stream::Socket;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many clients are asked for at once.
const EVENTS_MAX: usize = 64;
/// A worker that has nothing to do for longer looks what is due anyway.
const WAIT_MAX: Duration = Duration::from_hours(1);
/// The bell's number among those of conversations.
const BELL: u64 = u64::MAX;
const INTEREST: epoll::EventFlags = epoll::EventFlags::IN.union(epoll::EventFlags::RDHUP);

/// Conversations that share a worker.
pub(super) struct Group {
    epoll: OwnedFd,
    bell: Bell,
    state: Mutex<State>,
    spares: Arc<Spares>,
    watch: Arc<Watch>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) members: HashMap<u64, Member>,
    /// Those to be given a turn whether or not their client speaks. While there are some, the worker
    /// does not wait.
    called: VecDeque<u64>,
    /// The worker's number; another one is not the worker any more.
    worker: u64,
    /// Whose turn it is, if the worker gives one.
    turn: Option<u64>,
    /// How many turns were begun.
    turns: u64,
    /// How many there were when the watch last looked.
    turns_seen: u64,
    /// No parked conversation is due before; they may all be due later.
    due: Option<Instant>,
}

pub(super) struct Member {
    socket: Arc<Socket>,
    /// When it is parked.
    conversation: Option<Box<dyn Conversation>>,
    until: Option<Instant>,
    /// It wants a turn: at once, or after the one that is going on.
    called: bool,
}

impl State {
    fn park(&mut self, key: u64, conversation: Box<dyn Conversation>, rest: Rest) {
        let until = if let Rest::Parked(until) = rest { until } else { None };
        if let Some(member) = self.members.get_mut(&key) {
            member.conversation = Some(conversation);
            member.until = until;
            member.called |= matches!(rest, Rest::Again);
            if member.called {
                self.called.push_back(key);
            }
        }
        self.due = [self.due, until].into_iter().flatten().min();
    }

    /// True if the worker may be waiting, and is to hear of it.
    fn call(&mut self, key: u64) -> bool {
        let Some(member) = self.members.get_mut(&key) else { return false };
        if std::mem::replace(&mut member.called, true) || member.conversation.is_none() {
            return false;
        }
        self.called.push_back(key);
        self.called.len() == 1
    }

    /// How many get a turn now without having spoken.
    fn count_due(&mut self) -> usize {
        if let Some(due) = self.due
            && due <= Instant::now()
        {
            self.find_due();
        }
        self.called.len()
    }

    fn find_due(&mut self) {
        let now = Instant::now();
        self.due = None;
        for (key, member) in self.members.iter().filter(|(_, m)| m.conversation.is_some()) {
            match member.until {
                Some(until) if until <= now => self.called.push_back(*key),
                later => self.due = [self.due, later].into_iter().flatten().min(),
            }
        }
    }

    /// Begins a turn, unless the conversation has one already or is over.
    fn begin(&mut self, key: u64) -> Option<Box<dyn Conversation>> {
        let member = self.members.get_mut(&key)?;
        let conversation = member.conversation.take()?;
        member.called = false;
        self.turn = Some(key);
        self.turns += 1;
        Some(conversation)
    }
}

impl Group {
    pub(super) fn new(spares: &Arc<Spares>, watch: &Arc<Watch>) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = Bell::new()?;
        epoll::add(&epoll, &bell.0, epoll::EventData::new_u64(BELL), epoll::EventFlags::IN)?;
        let (spares, watch) = (Arc::clone(spares), Arc::clone(watch));
        Ok(Self { epoll, bell, state: Mutex::default(), spares, watch })
    }

    /// A new conversation, which gets its first turn.
    pub(super) fn join(
        &self,
        key: u64,
        socket: Arc<Socket>,
        conversation: Box<dyn Conversation>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        epoll::add(&self.epoll, socket.fd(), epoll::EventData::new_u64(key), INTEREST)?;
        let member = Member { socket, conversation: None, until: None, called: true };
        state.members.insert(key, member);
        state.park(key, conversation, Rest::Parked(None));
        let turn_goes_on = state.turn.is_some();
        drop(state);
        if turn_goes_on {
            // While it had the group for itself, nobody watched it.
            self.watch.wake();
        }
        self.bell.ring();
        Ok(())
    }

    /// Gives a conversation a turn as soon as it has none.
    pub(super) fn call(&self, key: u64) {
        let is_news = self.lock().call(key);
        if is_news {
            self.bell.ring();
        }
    }

    /// The turn of this conversation, if it is that, shall keep nobody waiting.
    pub(super) fn step_aside(self: &Arc<Self>, key: u64) {
        let mut state = self.lock();
        if state.turn == Some(key) && state.members.len() > 1 {
            self.relieve(&mut state);
        }
    }

    /// Its worker goes.
    pub(super) fn dismiss(&self) {
        self.lock().worker += 1;
        self.bell.ring();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives turns until another worker has taken over.
    pub(super) fn work(self: &Arc<Self>, number: u64) {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            let timeout = {
                let state = self.lock();
                if state.worker != number {
                    return;
                }
                if state.called.is_empty() { timeout(state.due) } else { Some(Timespec::default()) }
            };
            let spare = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, spare, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "wait for clients");
                    thread::sleep(Duration::from_millis(100));
                }
            }
            for event in events.drain(..) {
                match event.data.u64() {
                    BELL => self.bell.quiet(),
                    key if !self.give_turn(number, key) => return,
                    _ => {}
                }
            }
            let due = self.lock().count_due();
            for _ in 0..due {
                let Some(key) = self.lock().called.pop_front() else { break };
                if !self.give_turn(number, key) {
                    return;
                }
            }
        }
    }

    /// One turn. False if the worker was relieved: what it has not attended to, its successor will.
    fn give_turn(&self, number: u64, key: u64) -> bool {
        let mut state = self.lock();
        if state.worker != number {
            return false;
        }
        let Some(mut conversation) = state.begin(key) else { return true };
        let watched = state.members.len() > 1;
        drop(state);
        if watched {
            self.watch.wake();
        }
        // Nothing of a conversation outlives it, so a panic leaves nothing half done for others;
        // the program's hook has logged it.
        let rested = catch_unwind(AssertUnwindSafe(move || match conversation.turn() {
            Rest::Ended => None,
            rest => Some((conversation, rest)),
        }));
        self.end_turn(number, key, rested.unwrap_or(None))
    }

    fn end_turn(
        &self,
        number: u64,
        key: u64,
        rested: Option<(Box<dyn Conversation>, Rest)>,
    ) -> bool {
        let mut state = self.lock();
        let relieved = state.worker != number;
        if !relieved {
            state.turn = None;
        }
        match rested {
            None => {
                let member = state.members.remove(&key);
                if let Some(member) = member.filter(|_| !relieved) {
                    self.forget(&member);
                }
            }
            Some((conversation, rest)) => {
                state.park(key, conversation, rest);
                if relieved {
                    self.rejoin(&mut state, key);
                }
            }
        }
        !relieved
    }

    /// Nobody waits for this client any more.
    fn forget(&self, member: &Member) {
        if let Err(error) = epoll::delete(&self.epoll, member.socket.fd()) {
            tracing::error!(%error, "stop waiting for a client");
        }
    }

    /// Back among those that the worker waits for.
    fn rejoin(&self, state: &mut State, key: u64) {
        let Some(member) = state.members.get(&key) else { return };
        let data = epoll::EventData::new_u64(key);
        if let Err(error) = epoll::add(&self.epoll, member.socket.fd(), data, INTEREST) {
            tracing::error!(%error, "wait for a client");
            state.members.remove(&key);
        }
        self.bell.ring();
    }

    /// Its first worker begins.
    pub(super) fn open(self: &Arc<Self>) -> io::Result<()> {
        self.hire(self.lock().worker)
    }

    fn hire(self: &Arc<Self>, number: u64) -> io::Result<()> {
        let group = Arc::clone(self);
        self.spares.hire(Box::new(move || group.work(number)))
    }

    /// Leaves the turn that is going on its thread, and gives the group another one.
    fn relieve(self: &Arc<Self>, state: &mut State) {
        let Some(member) = state.turn.and_then(|key| state.members.get(&key)) else { return };
        if let Err(error) = self.hire(state.worker + 1) {
            return tracing::error!(%error, "clients wait for another's statement: start a thread");
        }
        // The successor shall not hear what this client says meanwhile.
        self.forget(member);
        state.worker += 1;
        state.turn = None;
    }

    /// A tick of the watch: whether there is a turn that others may come to wait for.
    pub(super) fn look(self: &Arc<Self>) -> bool {
        let mut state = self.lock();
        let watched = state.turn.is_some() && state.members.len() > 1;
        if watched && state.turns == state.turns_seen {
            self.relieve(&mut state);
        }
        state.turns_seen = state.turns;
        watched
    }
}

/// From now until `due`, in whole milliseconds: nothing is attended to too early.
fn timeout(due: Option<Instant>) -> Option<Timespec> {
    let left = due?.saturating_duration_since(Instant::now()).min(WAIT_MAX);
    let left = Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(0) + 1);
    Timespec::try_from(left).ok()
}

/// Interrupts a worker's wait.
struct Bell(OwnedFd);

impl Bell {
    /// What is added to the event counter: any number but zero, in whatever byte order.
    const RING: [u8; 8] = [1; 8];

    fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn ring(&self) {
        // Full means that it rings already.
        let _rings_already = rustix::io::write(&self.0, &Self::RING);
    }

    fn quiet(&self) {
        // Empty means that somebody else was here first.
        let _was_quiet = rustix::io::read(&self.0, &mut [0; 8]);
    }
}
