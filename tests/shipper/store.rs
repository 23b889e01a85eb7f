//! A store as bad as stores are.
//!
//! What is drawn for a request depends on the seed, the request and how often it was made, or when,
//! not on what else goes on. What a real store cannot do it does not do: an object is there whole or not at
//! all, and a condition is looked at when the put has its effect.

use crate::dice::Dice;
use crate::disk::BEGIN_MS;
use crate::window::Window;
use age::secrecy::ExposeSecret as _;
use bytes::Bytes;
use egret::ltx::{Name, Txid};
use egret::store::{
    AgeKeys, Body, BoxFuture, Error, Etag, Keys, Layout, MemoryStore, Object, Put, Replica, Store,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// So many machines may write, and to so many stores.
pub const MACHINES: usize = 2;
const STORES: usize = 2;
const LEASE: &str = "egret.lease";
const LEVEL_0: &str = "ltx/0/";

/// Requests of a store that fails, delays, repeats, forgets to answer and lists what was.
pub struct BadStore {
    seed: (u64, u64),
    pub inner: Arc<MemoryStore>,
    keys: Option<Both>,
    began: Instant,
    /// What its clock said then, in milliseconds since 1970.
    began_ms: i64,
    state: Mutex<State>,
}

/// The way of one machine to a store.
#[derive(Debug)]
struct Door {
    store: Arc<BadStore>,
    machine: usize,
}

/// The keys of who writes, and of who reads.
struct Both {
    writers: Keys,
    readers: Keys,
}

/// Whether a store of a schedule is encrypted: one in three is, half of those for others than the
/// writer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sealing {
    None,
    ForWriter,
    ForOthers,
}

impl Sealing {
    fn of(seed: u64, index: u64) -> Self {
        match Dice::new((seed, index, "keys")).below(6) {
            0 => Self::ForWriter,
            1 => Self::ForOthers,
            _ => Self::None,
        }
    }
}

/// Something of a schedule is encrypted. It may end otherwise each time: age makes headers of any
/// length, and whether a file holds all of a small database is told by its length.
pub fn is_sealed(seed: u64) -> bool {
    (0..2).any(|index| Sealing::of(seed, index) != Sealing::None)
}

impl Both {
    /// Whoever writes has the identity, too, or has not.
    fn new(has_identity: bool) -> Self {
        let identity = age::x25519::Identity::generate();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), identity.to_string().expose_secret()).unwrap();
        let recipients = vec![identity.to_public().to_string()];
        let readers = AgeKeys { recipients, identity: Some(file.path().to_owned()) };
        let identity = readers.identity.clone().filter(|_| has_identity);
        let writers = AgeKeys { identity, ..readers.clone() };
        let [writers, readers] = [writers, readers].map(|keys| Keys::open(&keys).unwrap());
        Self { writers, readers }
    }
}

struct State {
    /// One request in so many goes wrong; none if 0.
    one_in: u64,
    /// Which machines cannot reach it.
    is_down: [bool; MACHINES],
    /// Who is about to be cut off, after so many puts, and who is, until then.
    cut_after: [Option<u64>; MACHINES],
    cut_until: [Option<Instant>; MACHINES],
    counts: HashMap<(usize, &'static str, String), u64>,
    /// What became of each object, and when.
    journal: Vec<(Instant, String, Option<Object>)>,
    /// What is under way to the store, whoever still waits for it, and a number for each.
    late: Vec<(u64, Late)>,
    sent: u64,
    changes: u64,
    hands: Hands,
    /// Which machine stored a transaction first, and how often the lease had changed hands then.
    numbers: BTreeMap<Txid, (usize, u64)>,
}

/// Who has the lease, as it stands in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hands {
    pub holder: Option<usize>,
    /// How often that has changed.
    pub changes: u64,
}

/// A change of some machine's that is under way.
enum Late {
    Put(usize, String, Bytes, Put),
    Delete(String),
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// Nothing happens.
    Failed,
    /// It is done and nobody is told.
    Unanswered,
    /// It is done later and nobody is told.
    Late,
    /// It is done, and done again later.
    Repeated,
    /// Somewhere in the midst of a body.
    Torn,
    /// A listing of some time ago.
    Stale,
}

impl BadStore {
    pub fn new(seed: u64, index: u64, one_in: u64) -> Arc<Self> {
        let state = State {
            one_in,
            is_down: [false; MACHINES],
            cut_after: [None; MACHINES],
            cut_until: [None; MACHINES],
            counts: HashMap::new(),
            journal: Vec::new(),
            late: Vec::new(),
            sent: 0,
            changes: 0,
            hands: Hands::default(),
            numbers: BTreeMap::new(),
        };
        let inner = Arc::new(MemoryStore::new());
        let sealing = Sealing::of(seed, index);
        let keys = (sealing != Sealing::None).then(|| Both::new(sealing == Sealing::ForWriter));
        let skew_ms = Dice::new((seed, index, "clock")).pick(&[0, 0, 0, 1000, -40_000, 7_200_000]);
        let (seed, began, began_ms) = ((seed, index), Instant::now(), BEGIN_MS + skew_ms);
        Arc::new(Self { seed, inner, keys, began, began_ms, state: Mutex::new(state) })
    }

    /// What is really there, for whoever may read it.
    pub fn truth(&self) -> Replica {
        let keys = self.keys.as_ref().map(|keys| keys.readers.clone());
        let inner = Arc::clone(&self.inner) as Arc<dyn Store>;
        Replica::with_keys(inner, "", keys.unwrap_or_default())
    }

    /// As the shipper of a machine has it.
    pub fn replica(self: &Arc<Self>, machine: usize) -> Replica {
        let keys = self.keys.as_ref().map(|keys| keys.writers.clone());
        let store = Arc::new(Door { store: Arc::clone(self), machine });
        Replica::with_keys(store, "", keys.unwrap_or_default())
    }

    /// As who follows it has it.
    pub fn seen_through(&self, window: &Arc<Window>) -> Replica {
        let keys = self.keys.as_ref().map(|keys| keys.readers.clone());
        let store = Arc::clone(window) as Arc<dyn Store>;
        Replica::with_keys(store, "", keys.unwrap_or_default())
    }

    /// How old it is at some moment.
    pub fn age_at(&self, now: Instant) -> Duration {
        now.duration_since(self.began)
    }

    /// Who has the lease.
    pub fn hands(&self) -> Hands {
        self.state().hands
    }

    /// A machine has stored a transaction or a later one of its own, of which those up to `common` are
    /// everybody's: how often the lease had changed hands when it stored the last.
    pub fn has_of(&self, machine: usize, txid: Txid, common: Txid) -> Option<u64> {
        let state = self.state();
        let is_its = |txid, by| by == machine || txid <= common;
        let mut from = state.numbers.range(txid..).rev();
        from.find(|(txid, (by, _))| is_its(**txid, *by)).map(|(_, (_, changes))| *changes)
    }

    /// A number that differs whenever something else is there.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// A machine cannot reach it any more, or can again: whether it is away.
    pub fn toggle(&self, machine: usize) -> bool {
        let is_down = &mut self.state().is_down[machine];
        *is_down = !*is_down;
        *is_down
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.one_in, state.is_down) = (0, [false; MACHINES]);
        (state.cut_after, state.cut_until) = ([None; MACHINES], [None; MACHINES]);
    }

    /// What was under way arrives.
    pub async fn deliver(&self) {
        let late = std::mem::take(&mut self.state().late);
        for (_, late) in late {
            // Its condition may be true no longer.
            drop(match late {
                Late::Put(machine, key, bytes, put) => {
                    self.put_now(machine, &key, bytes, put).await.map(drop)
                }
                Late::Delete(key) => self.delete_now(&key).await,
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A request is under way: should its process end, it may arrive all the same.
    fn send(&self, late: Late) -> u64 {
        let mut state = self.state();
        state.sent += 1;
        let number = state.sent;
        state.late.push((number, late));
        number
    }

    fn arrived(&self, number: u64) {
        self.state().late.retain(|(sent, _)| *sent != number);
    }

    /// What becomes of a request, and how long that takes.
    fn draw(
        &self,
        machine: usize,
        what: &'static str,
        key: &str,
        fates: &[Fate],
    ) -> (Fate, Duration) {
        let mut state = self.state();
        let count = state.counts.entry((machine, what, key.to_owned())).or_default();
        *count += 1;
        let mut dice = Dice::new((self.seed_of(machine), what, key, *count));
        if state.is_away(machine) {
            return (Fate::Failed, Duration::from_millis(10));
        }
        if what == "put" && state.is_cut_now(machine, &mut dice) {
            return (Fate::Late, Duration::ZERO);
        }
        if state.one_in == 0 || !dice.one_in(state.one_in) {
            return (Fate::Done, Duration::from_millis(dice.below(30)));
        }
        (dice.pick(fates), Duration::from_millis(dice.pick(&[0, 20, 900, 7000])))
    }

    /// Whether a reading request fails. It takes no time, since a thread waits for the answer. What it
    /// does depends on when it is made, not on how often: one that is made ahead may be given up before
    /// it was made.
    fn draw_at_once(&self, machine: usize, what: &'static str, key: &str) -> Result<(), Error> {
        let state = self.state();
        let mut dice = Dice::new((self.seed_of(machine), what, key, self.began.elapsed()));
        match state.is_away(machine) || state.one_in > 0 && dice.one_in(state.one_in) {
            true => Err(unavailable(key)),
            false => Ok(()),
        }
    }

    /// What is drawn for one machine does not depend on what others ask for.
    fn seed_of(&self, machine: usize) -> (u64, u64) {
        (self.seed.0, self.seed.1 + (STORES * machine) as u64)
    }

    async fn put_now(
        &self,
        machine: usize,
        key: &str,
        bytes: Bytes,
        put: Put,
    ) -> Result<Etag, Error> {
        let etag = self.inner.put(key, Body::Bytes(bytes), put).await?;
        let object = self.inner.head(key).await?;
        let mut state = self.state();
        state.changes += 1;
        state.note(machine, key, self.seed);
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        let object = Object { modified_ms: Some(self.began_ms + passed), ..object };
        state.journal.push((Instant::now(), key.to_owned(), Some(object)));
        Ok(etag)
    }

    pub async fn list_now(&self, prefix: &str, after: Option<&str>) -> Result<Vec<Object>, Error> {
        let objects = self.inner.list(prefix, after).await?;
        Ok(objects.into_iter().map(|object| self.dated(object)).collect())
    }

    async fn delete_now(&self, key: &str) -> Result<(), Error> {
        self.inner.delete(key).await?;
        let mut state = self.state();
        state.changes += 1;
        state.journal.push((Instant::now(), key.to_owned(), None));
        Ok(())
    }

    /// An object as it says when it was stored: by the clock of this store.
    pub fn dated(&self, object: Object) -> Object {
        let state = self.state();
        let last = state.journal.iter().rev().find(|(_, key, _)| *key == object.key);
        last.and_then(|(_, _, last)| last.clone()).unwrap_or(object)
    }

    /// What was there some time before `now`.
    pub fn list_before(
        &self,
        prefix: &str,
        after: Option<&str>,
        now: Instant,
        age: Duration,
    ) -> Vec<Object> {
        let mut objects = BTreeMap::new();
        for (at, key, object) in &self.state().journal {
            if now.duration_since(*at) >= age
                && key.starts_with(prefix)
                && after.is_none_or(|a| &**key > a)
            {
                match object {
                    Some(object) => objects.insert(key.clone(), object.clone()),
                    None => objects.remove(key),
                };
            }
        }
        objects.into_values().collect()
    }
}

impl State {
    /// A machine cannot reach the store.
    fn is_away(&self, machine: usize) -> bool {
        let is_cut = self.cut_until[machine].is_some_and(|until| Instant::now() < until);
        self.is_down[machine] || is_cut
    }

    /// A machine is cut off for a while, and what it puts is under way.
    fn is_cut_now(&mut self, machine: usize, dice: &mut Dice) -> bool {
        let Some(left) = self.cut_after[machine] else { return false };
        self.cut_after[machine] = left.checked_sub(1);
        if left == 0 {
            let seconds = dice.pick(&[10, 100, 1000]);
            self.cut_until[machine] = Some(Instant::now() + Duration::from_secs(seconds));
        }
        left == 0
    }

    /// Something of a machine was stored. Who takes over may be cut off in the midst of that.
    fn note(&mut self, machine: usize, key: &str, seed: (u64, u64)) {
        if key == LEASE && self.hands.holder != Some(machine) {
            self.hands = Hands { holder: Some(machine), changes: self.hands.changes + 1 };
            let mut dice = Dice::new((seed, "cut", self.hands.changes));
            let is_cut = self.one_in > 0 && self.hands.changes > 1 && dice.one_in(3);
            self.cut_after[machine] = is_cut.then(|| dice.below(8));
        }
        let name = key.strip_prefix(LEVEL_0).and_then(|name| name.parse::<Name>().ok());
        if let Some(name) = name {
            self.numbers.entry(name.max).or_insert((machine, self.hands.changes));
        }
    }
}

impl Store for Door {
    fn put<'a>(&'a self, key: &'a str, body: Body, put: Put) -> BoxFuture<'a, Etag> {
        use Fate::{Failed, Late, Repeated, Torn, Unanswered};
        Box::pin(async move {
            let (fate, delay) = self.store.draw(
                self.machine,
                "put",
                key,
                &[Failed, Unanswered, Late, Repeated, Torn],
            );
            let bytes = match body {
                Body::Bytes(bytes) => bytes,
                Body::File(path) => std::fs::read(path).unwrap().into(),
                Body::Stream(mut stream) if fate == Torn => {
                    stream.next().await?;
                    return Err(unavailable(key));
                }
                Body::Stream(mut stream) => stream.read(usize::MAX).await?,
            };
            let late = || self::Late::Put(self.machine, key.to_owned(), bytes.clone(), put.clone());
            let number = self.store.send(late());
            tokio::time::sleep(delay).await;
            match fate {
                Late => return Err(unavailable(key)),
                Repeated => {}
                _ => self.store.arrived(number),
            }
            if matches!(fate, Failed | Torn | Fate::Stale) {
                return Err(unavailable(key));
            }
            let etag = self.store.put_now(self.machine, key, bytes, put).await;
            tokio::time::sleep(delay).await;
            if fate == Unanswered { Err(unavailable(key)) } else { etag }
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, (Object, Bytes)> {
        Box::pin(async move {
            self.store.draw_at_once(self.machine, "get", key)?;
            let (object, bytes) = self.store.inner.get(key).await?;
            Ok((self.store.dated(object), bytes))
        })
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Bytes> {
        Box::pin(async move {
            self.store.draw_at_once(self.machine, "get", key)?;
            self.store.inner.get_range(key, range).await
        })
    }

    fn head<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Object> {
        Box::pin(async move {
            self.store.draw_at_once(self.machine, "head", key)?;
            Ok(self.store.dated(self.store.inner.head(key).await?))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Vec<Object>> {
        Box::pin(async move {
            let (fate, delay) =
                self.store.draw(self.machine, "list", prefix, &[Fate::Failed, Fate::Stale]);
            let listed = match fate {
                Fate::Failed => Err(unavailable(prefix)),
                Fate::Stale => Ok(self.store.list_before(prefix, after, Instant::now(), delay)),
                _ => self.store.list_now(prefix, after).await,
            };
            tokio::time::sleep(delay).await;
            listed
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let fates = [Fate::Failed, Fate::Unanswered, Fate::Late];
            let (fate, delay) = self.store.draw(self.machine, "delete", key, &fates);
            tokio::time::sleep(delay).await;
            match fate {
                Fate::Done => self.store.delete_now(key).await,
                Fate::Unanswered => {
                    self.store.delete_now(key).await?;
                    Err(unavailable(key))
                }
                Fate::Late => {
                    // It says it is gone, and it is there.
                    self.store.send(Late::Delete(key.to_owned()));
                    Ok(())
                }
                _ => Err(unavailable(key)),
            }
        })
    }

    fn layout(&self) -> Layout {
        Layout::Decimal
    }
}

impl fmt::Debug for BadStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BadStore").finish_non_exhaustive()
    }
}

pub fn unavailable(key: &str) -> Error {
    Error::Unavailable { key: key.to_owned(), source: "as drawn".into() }
}
