//! Conversations of one byte each: what is answered, and who waits for whom.

use super::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock};

/// Longer than any turn here takes, unless somebody waits who should not.
const SOON: Duration = Duration::from_secs(20);

/// Echoes bytes; some of them mean more.
struct Echo {
    socket: Arc<Socket>,
    seat: Arc<OnceLock<Seat>>,
    blocked: Arc<Mutex<Receiver<()>>>,
    rests: Option<Duration>,
}

const BLOCK: u8 = b'b';
const STEP_ASIDE: u8 = b'a';
/// Said by a turn that begins to block.
const BLOCKS: u8 = b'B';
const PANIC: u8 = b'p';
const END: u8 = b'e';
/// Said by a turn for which the client said nothing.
const UNASKED: u8 = b'u';

impl Echo {
    fn block(&self) {
        (&*self.socket).write_all(&[BLOCKS]).unwrap();
        self.blocked.lock().unwrap().recv().unwrap();
    }
}

impl Conversation for Echo {
    fn turn(&mut self) -> Rest {
        let mut byte = [UNASKED];
        match (&*self.socket).read(&mut byte) {
            Ok(0) => return Rest::Ended,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Rest::Ended,
            _ => {}
        }
        match byte[0] {
            STEP_ASIDE => {
                self.seat.get().unwrap().step_aside();
                self.block();
            }
            BLOCK => self.block(),
            PANIC => panic!("as the client asked"),
            END => return Rest::Ended,
            _ => {}
        }
        (&*self.socket).write_all(&byte).unwrap();
        Rest::Parked(self.rests.take().map(|rest| Instant::now() + rest))
    }
}

struct Client {
    stream: UnixStream,
    seat: Arc<OnceLock<Seat>>,
    unblock: Sender<()>,
}

impl Client {
    fn join(workers: &Workers, key: u64) -> Self {
        Self::join_resting(workers, key, None)
    }

    fn join_resting(workers: &Workers, key: u64, rests: Option<Duration>) -> Self {
        let (stream, theirs) = UnixStream::pair().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let socket = Arc::new(Socket::Unix(theirs));
        let (unblock, blocked) = channel();
        let seat = Arc::new(OnceLock::new());
        let echo = Echo {
            socket: Arc::clone(&socket),
            seat: Arc::clone(&seat),
            blocked: Arc::new(Mutex::new(blocked)),
            rests,
        };
        let place = seat.get_or_init(|| workers.seat(key));
        place.begin(socket, Box::new(echo)).unwrap();
        let client = Self { stream, seat: Arc::clone(&seat), unblock };
        assert_eq!(client.hear(), Some(UNASKED), "the first turn");
        client
    }

    fn say(&self, byte: u8) {
        (&self.stream).write_all(&[byte]).unwrap();
    }

    /// The next byte; none at the end.
    fn hear(&self) -> Option<u8> {
        let mut byte = [0];
        match (&self.stream).read_exact(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            read => read.map(|()| Some(byte[0])).unwrap(),
        }
    }

    fn ask(&self, byte: u8) -> Option<u8> {
        self.say(byte);
        self.hear()
    }
}

fn workers() -> Workers {
    Workers::new().unwrap()
}

#[test]
fn everybody_is_answered() {
    let workers = workers();
    let clients: Vec<_> = (0..50).map(|key| Client::join(&workers, key)).collect();
    for round in 0..20 {
        clients.iter().for_each(|client| client.say(round));
        clients.iter().for_each(|client| assert_eq!(client.hear(), Some(round)));
    }
}

#[test]
fn nobody_waits_for_one_that_blocks() {
    for how in [BLOCK, STEP_ASIDE] {
        let workers = workers();
        let clients: Vec<_> = (0..20).map(|key| Client::join(&workers, key)).collect();
        let (blocked, free) = clients.split_at(10);
        blocked.iter().for_each(|client| assert_eq!(client.ask(how), Some(BLOCKS)));
        for round in 0..20 {
            free.iter().for_each(|client| assert_eq!(client.ask(round), Some(round)));
        }
        for client in blocked {
            client.unblock.send(()).unwrap();
            assert_eq!(client.hear(), Some(how));
            assert_eq!(client.ask(0), Some(0), "back in the group");
        }
    }
}

#[test]
fn one_that_comes_later_does_not_wait_either() {
    let workers = workers();
    let count = workers.groups.len() as u64;
    let blocked: Vec<_> = (0..count).map(|key| Client::join(&workers, key)).collect();
    blocked.iter().for_each(|client| assert_eq!(client.ask(BLOCK), Some(BLOCKS)));
    let late = Client::join(&workers, count);
    assert_eq!(late.ask(1), Some(1));
    blocked.iter().for_each(|client| client.unblock.send(()).unwrap());
    blocked.iter().for_each(|client| assert_eq!(client.hear(), Some(BLOCK)));
}

#[test]
fn a_panic_ends_one_conversation() {
    let workers = workers();
    let clients: Vec<_> = (0..10).map(|key| Client::join(&workers, key)).collect();
    let (unlucky, others) = clients.split_first().unwrap();
    assert_eq!(unlucky.ask(PANIC), None);
    others.iter().for_each(|client| assert_eq!(client.ask(1), Some(1)));
}

#[test]
fn an_end_closes_the_socket_and_frees_the_place() {
    let workers = workers();
    let clients: Vec<_> = (0..10).map(|key| Client::join(&workers, key)).collect();
    clients.iter().for_each(|client| assert_eq!(client.ask(END), None));
    let deadline = Instant::now() + SOON;
    while workers.groups.iter().any(|group| !group.lock().members.is_empty()) {
        assert!(Instant::now() < deadline, "a place is not free");
        thread::sleep(TICK);
    }
}

#[test]
fn a_turn_comes_when_it_is_due() {
    let workers = workers();
    let rest = Duration::from_millis(50);
    let began = Instant::now();
    let client = Client::join_resting(&workers, 1, Some(rest));
    assert_eq!(client.hear(), Some(UNASKED));
    assert!(began.elapsed() >= rest);
}

#[test]
fn a_turn_comes_when_it_is_called_also_during_another() {
    let workers = workers();
    let client = Client::join(&workers, 1);
    let seat = client.seat.get().unwrap();
    seat.call();
    assert_eq!(client.hear(), Some(UNASKED));
    assert_eq!(client.ask(BLOCK), Some(BLOCKS));
    seat.call();
    client.unblock.send(()).unwrap();
    assert_eq!(client.hear(), Some(BLOCK));
    assert_eq!(client.hear(), Some(UNASKED));
}
