//! Who may write to a destination: one writer at a time, kept apart by the store itself.
//!
//! What enters: "I am about to write". What leaves: yes; or no, and who else does.
//!
//! The lease is the object `egret.lease` beside the levels, which Litestream ignores. It is never
//! encrypted, since anybody must be able to compare it. It is only ever replaced by a put that names
//! the version it replaces, so of two writers one finds out.
//!
//! * A writer renews its lease while it writes, and says so when it stops. It asks for nothing while
//!   it has nothing to write.
//! * Whoever finds another's lease watches it for [`TERM`] by its own clock, and takes it over if it
//!   was not renewed meanwhile; the epoch counts how often that happened. No two clocks are ever
//!   compared.
//! * A writer whose lease was taken over notices before it writes again, and has stopped for good.
//! * Nobody takes over where another has gone on with what was shipped from here: the file is an old
//!   copy then, and a person decides.
//! * A writer whose lease was deleted looks at what else is gone before it takes it again.
//! * What a writer has sent may arrive after it has ended. Before it sends a number that does not
//!   follow the newest stored one, it writes into the lease that all up to it may be taken; whoever
//!   comes after it begins above.
//!
//! A store that replaces objects whatever is asked of it keeps nobody apart. That is found out when
//! the lease is taken, and said once.

use super::Error;
use super::moment::Moment;
use super::reach::Reach;
use super::tenure::{Tenures, Whose};
use crate::ltx::Txid;
use crate::store::{self, Body, Etag, Object, Put, PutMode, Replica};
use std::fmt;
use std::hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A lease that was not renewed for so long may be taken over.
pub(super) const TERM: Duration = Duration::from_secs(60);
/// The age at which a writer renews its lease.
const RENEWAL: Duration = Duration::from_secs(20);
const NAME: &str = "egret.lease";
const TITLE: &str = "egret lease";

/// Whoever may hold a lease: a file on a machine, whatever process serves it. Those who may be another
/// process at the same time are others: in a container, or on a machine made from the same image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// The same for all processes that serve this file on this machine.
    pub(super) id: String,
    /// For people.
    pub(super) name: String,
}

impl Holder {
    /// Of the file at this path, which need not be there yet.
    #[must_use]
    pub(super) fn of(database: &Path) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let (node, machine) = (read("/proc/sys/kernel/hostname"), read("/etc/machine-id"));
        let boot = read("/proc/sys/kernel/random/boot_id");
        let node = node.trim();
        let path = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
        let place = path.parent().and_then(|place| std::fs::metadata(place).ok());
        let place = place.map(|place| (place.dev(), place.ino()));
        let mut hasher = DefaultHasher::new();
        (node, machine.trim(), boot.trim(), place, &path).hash(&mut hasher);
        let name = format!("{node}, process {}", std::process::id());
        Self { id: format!("{:016x}", hasher.finish()), name }
    }
}

/// A destination's lease, as one writer sees it.
#[derive(Debug)]
pub(super) struct Lease {
    holder: Holder,
    tenures: Arc<Tenures>,
    term: Duration,
    /// How far the file is that followed what is there, until it has the lease.
    pub(super) followed: Option<Txid>,
    state: State,
    /// What the place is called, if this writer has had the lease.
    place: Option<String>,
    /// Numbers up to here may have been sent, as far as the lease said when it was last seen.
    reserved: Txid,
    /// The store replaces nothing that it was told not to.
    conditional: bool,
    /// The lease was this file's on this machine before: that process is gone.
    alone: bool,
    /// This writer had it once.
    held: bool,
}

#[derive(Debug)]
enum State {
    /// Not asked for yet, or given back.
    Free,
    /// Another's, and when this version of it was first seen.
    Watched(Etag, Instant),
    Held(Version, Moment),
    /// Deleted, and not looked for since.
    Gone,
    Lost(String),
}

/// A version of the object that this writer wrote.
#[derive(Clone, Debug)]
struct Version {
    etag: Etag,
    text: Text,
}

/// What stands in the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// What the place is called, whoever writes there; leases of before did not have it.
    pub(super) place: Option<String>,
    pub(super) epoch: u64,
    renewal: u64,
    reserved: Txid,
    /// The number up to which all was stored when it was given back.
    pub(super) stored: Option<Txid>,
    pub(super) holder: Holder,
    pub(super) held: bool,
}

impl Lease {
    pub(super) fn new(
        holder: Holder,
        term: Duration,
        tenures: Arc<Tenures>,
        followed: Option<Txid>,
    ) -> Self {
        Self {
            holder,
            tenures,
            followed,
            place: None,
            term,
            state: State::Free,
            reserved: Txid(0),
            conditional: true,
            alone: false,
            held: false,
        }
    }

    /// How objects that nobody may replace are put here.
    pub(super) fn put_mode(&self) -> PutMode {
        if self.conditional { PutMode::IfAbsent } else { PutMode::Overwrite }
    }

    /// How often the writer has changed; 0 before this one writes.
    pub(super) fn epoch(&self) -> u64 {
        match &self.state {
            State::Held(version, _) => version.text.epoch,
            _ => 0,
        }
    }

    /// Numbers up to here may have been sent by this writer or those before it, whether or not they
    /// have arrived.
    pub(super) fn reserved(&self) -> Txid {
        self.reserved
    }

    /// Nobody else has written here that may not know yet that this one does.
    pub(super) fn is_alone(&self) -> bool {
        self.alone
    }

    /// What stands in the lease, and whose it is, unless that is this writer.
    pub(super) async fn other(&self, replica: &Replica) -> Result<Option<(Text, Whose)>, Error> {
        if matches!(self.state, State::Held(..)) {
            return Ok(None);
        }
        let found = read(replica).await?.map(|(_, text)| text);
        let found = found.filter(|text| text.holder.id != self.holder.id);
        Ok(found.map(|text| {
            let whose = self.tenures.whose(&text);
            (text, whose)
        }))
    }

    /// Makes sure that this writer may write.
    ///
    /// # Errors
    /// [`Error::Held`] while another may, [`Error::Fenced`] for ever once it was taken over,
    /// [`Error::LeaseGone`] until [`Self::look_again`] once it was deleted, or the store fails.
    pub(super) async fn ensure(&mut self, replica: &Replica) -> Result<(), Error> {
        match &self.state {
            State::Lost(by) => Err(Error::Fenced { by: by.clone() }),
            State::Held(_, renewed) if renewed.elapsed() < self.term.min(RENEWAL) => Ok(()),
            State::Held(..) => self.renew(replica, self.reserved, true).await,
            State::Gone => Err(Error::LeaseGone { key: replica.key(NAME) }),
            State::Free | State::Watched(..) => self.acquire(replica).await,
        }
    }

    /// What is in the destination is about to be looked at: a lease that was deleted may be taken again.
    pub(super) fn look_again(&mut self) {
        if matches!(self.state, State::Gone) {
            self.state = State::Free;
        }
    }

    /// Looks whether the lease is still this writer's, although it was renewed a moment ago.
    pub(super) async fn confirm(&mut self, replica: &Replica) -> Result<(), Error> {
        match &self.state {
            State::Held(..) => self.renew(replica, self.reserved, true).await,
            _ => self.ensure(replica).await,
        }
    }

    /// Lets no later writer use the numbers up to this one.
    pub(super) async fn reserve(&mut self, replica: &Replica, txid: Txid) -> Result<(), Error> {
        self.ensure(replica).await?;
        while matches!(self.state, State::Held(..)) && txid > self.reserved {
            self.renew(replica, txid, true).await?;
        }
        Ok(())
    }

    /// Lets the next writer in without waiting; up to this number all is stored.
    pub(super) async fn release(&mut self, replica: &Replica, stored: Txid) -> Result<(), Error> {
        if let State::Held(version, _) = &mut self.state {
            version.text.stored = Some(stored);
            self.renew(replica, self.reserved, false).await?;
            self.state = State::Free;
        }
        Ok(())
    }

    /// Writes the object anew, if this writer has it.
    async fn renew(&mut self, replica: &Replica, reserved: Txid, held: bool) -> Result<(), Error> {
        let State::Held(version, _) = &self.state else { return Ok(()) };
        let version = version.clone();
        let text = Text { renewal: version.text.renewal + 1, reserved, held, ..version.text };
        let began = Moment::now();
        let mode =
            if self.conditional { PutMode::IfMatch(version.etag) } else { PutMode::Overwrite };
        match put(replica, &text, mode).await {
            Ok(etag) => self.hold(Version { etag, text }, began),
            Err(store::Error::Precondition { .. } | store::Error::NotFound { .. }) => {
                self.lose(replica, &text).await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The object is not the one this writer wrote: another's, or gone.
    async fn lose(&mut self, replica: &Replica, ours: &Text) -> Result<(), Error> {
        match read(replica).await? {
            None => {
                self.state = State::Gone;
                Err(Error::LeaseGone { key: replica.key(NAME) })
            }
            // An answer was lost. Nobody else has this epoch.
            Some((etag, found)) if found.epoch == ours.epoch && found.holder == ours.holder => {
                self.hold(Version { etag, text: found }, Moment::now())
            }
            Some((_, found)) => {
                let by = found.holder.name;
                self.state = State::Lost(by.clone());
                Err(Error::Fenced { by })
            }
        }
    }

    fn hold(&mut self, version: Version, since: Moment) -> Result<(), Error> {
        (self.reserved, self.held) = (version.text.reserved, true);
        self.place.clone_from(&version.text.place);
        let mut kept = self.tenures.have(&version.text);
        if kept.is_ok() && self.followed.is_some() {
            kept = self.tenures.promote();
            self.followed = self.followed.filter(|_| kept.is_err());
        }
        self.state = State::Held(version, since);
        kept
    }

    async fn acquire(&mut self, replica: &Replica) -> Result<(), Error> {
        let began = Moment::now();
        let found = read(replica).await?;
        let epoch = found.as_ref().map_or(0, |(_, text)| text.epoch);
        // This writer's own, too: its lease may have been deleted.
        let reserved = found.as_ref().map_or(Txid(0), |(_, text)| text.reserved).max(self.reserved);
        // One that is gone was this writer's, or has yet to be anybody's that anything is known of.
        let is_own = |(_, text): &(Etag, Text)| text.holder.id == self.holder.id;
        self.alone = found.as_ref().map_or(self.held, is_own);
        let place = found.as_ref().and_then(|(_, text)| text.place.clone());
        let place = Some(place.or_else(|| self.place.clone()).unwrap_or_else(new_place));
        let (mode, before) = match found {
            None => (PutMode::IfAbsent, None),
            // It was looked at a moment ago, and was not yet.
            Some((_, text)) if self.is_successors(&text) => {
                return Err(Error::Held { by: text.holder.name });
            }
            Some((etag, text)) if !text.held || text.holder.id == self.holder.id => {
                (PutMode::IfMatch(etag), None)
            }
            Some((etag, text)) if self.is_abandoned(&etag) => {
                (PutMode::IfMatch(etag), Some(text.holder.name))
            }
            Some((_, text)) => return Err(Error::Held { by: text.holder.name }),
        };
        // Whoever stores something now writes to the lease before or after it, and this put fails.
        self.refuse_lagging(replica).await?;
        let holder = self.holder.clone();
        let (epoch, renewal, stored, held) = (epoch + 1, 0, None, true);
        let text = Text { place, epoch, renewal, reserved, stored, holder, held };
        self.tenures.want(&text)?;
        let etag = match put(replica, &text, mode).await {
            Ok(etag) => etag,
            Err(store::Error::AlreadyExists { .. } | store::Error::Precondition { .. }) => {
                let by = read(replica).await?.map_or_else(String::new, |(_, t)| t.holder.name);
                return Err(Error::Held { by });
            }
            Err(store::Error::Refused { .. }) => put(replica, &text, PutMode::Overwrite).await?,
            Err(error) => return Err(error.into()),
        };
        if let Some(before) = before {
            let lease = replica.key(NAME);
            tracing::warn!(%before, lease, epoch = text.epoch, "took over a backup whose writer was not heard of");
        }
        let etag = self.probe(replica, &text, etag).await?;
        self.hold(Version { etag, text }, began)
    }

    /// Refuses what goes on beyond a file that followed it.
    pub(super) async fn refuse_lagging(&self, replica: &Replica) -> Result<(), Error> {
        let Some(at) = self.followed else { return Ok(()) };
        let newest = Reach::ask(replica).await?.newest;
        let position = self.tenures.position();
        if newest > at { Err(Error::Lagging { at, newest, position }) } else { Ok(()) }
    }

    fn is_successors(&self, text: &Text) -> bool {
        text.holder.id != self.holder.id && self.tenures.whose(text) == Whose::Successors
    }

    /// Puts the same once more where it must not succeed.
    async fn probe(&mut self, replica: &Replica, text: &Text, etag: Etag) -> Result<Etag, Error> {
        let (conditional, etag) = match put(replica, text, PutMode::IfAbsent).await {
            Err(store::Error::AlreadyExists { .. } | store::Error::Precondition { .. }) => {
                (true, etag)
            }
            Err(store::Error::Refused { .. }) => (false, etag),
            Ok(etag) => (false, etag),
            Err(error) => return Err(error.into()),
        };
        let conditional = conditional && replica.bare().fences();
        if self.conditional && !conditional {
            let lease = replica.key(NAME);
            tracing::warn!(
                lease,
                "this store replaces objects whatever the condition: it cannot keep a second writer out"
            );
        }
        self.conditional = conditional;
        Ok(etag)
    }

    /// The version of another's lease has not changed for a term.
    fn is_abandoned(&mut self, etag: &Etag) -> bool {
        match &self.state {
            State::Watched(seen, since) if seen == etag => since.elapsed() >= self.term,
            _ => {
                self.state = State::Watched(etag.clone(), Instant::now());
                self.term.is_zero()
            }
        }
    }
}

/// A name that no other place has.
fn new_place() -> String {
    let part = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", part(), part())
}

/// When the lease was last written by the store's clock, if it tells.
pub(super) async fn renewed_ms(replica: &Replica) -> Result<Option<i64>, Error> {
    Ok(replica.bare().head(&replica.key(NAME)).await?.modified_ms)
}

async fn read(replica: &Replica) -> Result<Option<(Etag, Text)>, Error> {
    let found = look(replica).await?;
    Ok(found.map(|(object, text)| (object.etag.unwrap_or_default(), text)))
}

/// What stands in the lease, and when that was written; none if there is no lease.
pub(super) async fn look(replica: &Replica) -> Result<Option<(Object, Text)>, Error> {
    let key = replica.key(NAME);
    match replica.bare().get(&key).await {
        Ok((object, bytes)) => {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.parse().map_err(|()| Error::Lease { key })?;
            Ok(Some((object, text)))
        }
        Err(store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn put(replica: &Replica, text: &Text, mode: PutMode) -> Result<Etag, store::Error> {
    let body = Body::from(text.to_string().into_bytes());
    let put = Put { mode, ..Put::default() };
    replica.bare().put(&replica.key(NAME), body, put).await
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}")?;
        if let Some(place) = &self.place {
            writeln!(f, "place {place}")?;
        }
        writeln!(f, "epoch {}", self.epoch)?;
        writeln!(f, "renewal {}", self.renewal)?;
        writeln!(f, "reserved {}", self.reserved)?;
        if let Some(stored) = self.stored {
            writeln!(f, "stored {stored}")?;
        }
        writeln!(f, "state {}", if self.held { "held" } else { "released" })?;
        writeln!(f, "id {}", self.holder.id)?;
        writeln!(f, "holder {}", self.holder.name)
    }
}

impl FromStr for Text {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let field = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).ok_or(())
        };
        let number = |name: &str| field(name)?.parse().map_err(|_| ());
        if text.lines().next() != Some(TITLE) {
            return Err(());
        }
        let holder = Holder { id: field("id")?.to_owned(), name: field("holder")?.to_owned() };
        let (epoch, renewal) = (number("epoch")?, number("renewal")?);
        let txid = |name: &str| match field(name) {
            Ok(text) => text.parse().map(Some).map_err(|_| ()),
            Err(()) => Ok(None),
        };
        // Leases of before did not have it.
        let (reserved, stored) = (txid("reserved")?.unwrap_or_default(), txid("stored")?);
        let place = field("place").ok().map(str::to_owned);
        Ok(Self {
            place,
            epoch,
            renewal,
            reserved,
            stored,
            holder,
            held: field("state")? == "held",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    fn lease(name: &str, term: Duration) -> Lease {
        let directory = tempfile::tempdir().unwrap();
        let holder = Holder { id: name.to_owned(), name: name.to_owned() };
        Lease::new(holder, term, Arc::new(Tenures::open(&directory.path().join("app.db"))), None)
    }

    fn replica() -> Replica {
        Replica::new(Arc::new(MemoryStore::new()), "app")
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn the_text_is_read_as_it_is_written() {
        let holder = Holder { id: "0a".into(), name: "host, process 7".into() };
        let (epoch, renewal, reserved, stored) = (3, 9, Txid(26), Some(Txid(27)));
        let place = Some("1f".to_owned());
        let text = Text { place, epoch, renewal, reserved, stored, holder, held: false };
        assert_eq!(text.to_string().parse(), Ok(text.clone()));
        let of_before = text.to_string().replace("reserved 000000000000001a\n", "");
        let of_before = of_before.replace("stored 000000000000001b\n", "");
        let of_before = of_before.replace("place 1f\n", "");
        let (place, reserved, stored) = (None, Txid(0), None);
        assert_eq!(of_before.parse(), Ok(Text { place, reserved, stored, ..text }));
        for damaged in ["", "egret lease", "egret lease\nepoch x", "epoch 1\nrenewal 1"] {
            assert!(damaged.parse::<Text>().is_err(), "{damaged:?}");
        }
    }

    #[tokio::test]
    async fn one_writer_at_a_time() {
        let replica = replica();
        let (mut first, mut second) = (lease("first", LONG), lease("second", LONG));
        first.ensure(&replica).await.unwrap();
        first.ensure(&replica).await.unwrap();
        let held = second.ensure(&replica).await.unwrap_err();
        assert!(matches!(&held, Error::Held { by } if by == "first"), "{held}");
        first.release(&replica, Txid(0)).await.unwrap();
        second.ensure(&replica).await.unwrap();
        assert_eq!(second.epoch(), 2);
        assert!(matches!(first.ensure(&replica).await, Err(Error::Held { .. })));
    }

    #[tokio::test]
    async fn a_restart_is_no_other_writer() {
        let replica = replica();
        lease("one", LONG).ensure(&replica).await.unwrap();
        let mut again = lease("one", LONG);
        again.ensure(&replica).await.unwrap();
        assert_eq!(again.epoch(), 2);
    }

    #[tokio::test]
    async fn what_may_have_been_sent_outlives_the_writer_and_its_lease() {
        let replica = replica();
        let mut first = lease("first", LONG);
        first.reserve(&replica, Txid(7)).await.unwrap();
        first.reserve(&replica, Txid(5)).await.unwrap();
        replica.bare().delete(&replica.key(NAME)).await.unwrap();
        first.confirm(&replica).await.unwrap_err();
        first.look_again();
        first.confirm(&replica).await.unwrap();
        first.release(&replica, Txid(0)).await.unwrap();
        let mut second = lease("second", LONG);
        assert_eq!(second.reserved(), Txid(0));
        second.ensure(&replica).await.unwrap();
        assert_eq!(second.reserved(), Txid(7));
        second.reserve(&replica, Txid(9)).await.unwrap();
        let (_, text) = read(&replica).await.unwrap().unwrap();
        assert_eq!((text.reserved, text.epoch), (Txid(9), 2));
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_makes_no_other_writer() {
        let replica = replica();
        let mut first = lease("first", LONG);
        first.ensure(&replica).await.unwrap();
        // It arrived, and nobody heard of it.
        let (etag, text) = read(&replica).await.unwrap().unwrap();
        let sent = Text { renewal: text.renewal + 1, reserved: Txid(5), ..text };
        put(&replica, &sent, PutMode::IfMatch(etag)).await.unwrap();
        first.reserve(&replica, Txid(7)).await.unwrap();
        let (_, text) = read(&replica).await.unwrap().unwrap();
        assert_eq!((text.reserved, text.epoch, first.reserved()), (Txid(7), 1, Txid(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_renew_is_replaced_and_notices() {
        let replica = replica();
        let term = Duration::from_millis(50);
        let (mut first, mut second) = (lease("first", term), lease("second", term));
        first.ensure(&replica).await.unwrap();
        assert!(second.ensure(&replica).await.is_err());
        tokio::time::sleep(term * 2).await;
        first.ensure(&replica).await.unwrap();
        assert!(second.ensure(&replica).await.is_err(), "it was renewed");
        tokio::time::sleep(term * 2).await;
        second.ensure(&replica).await.unwrap();
        for _ in 0..2 {
            let lost = first.ensure(&replica).await.unwrap_err();
            assert!(matches!(&lost, Error::Fenced { by } if by == "second"), "{lost}");
            assert!(matches!(first.confirm(&replica).await, Err(Error::Fenced { .. })));
        }
        second.confirm(&replica).await.unwrap();
    }

    #[tokio::test]
    async fn a_lease_that_was_deleted_is_written_anew() {
        let replica = replica();
        let mut lease = lease("one", LONG);
        lease.ensure(&replica).await.unwrap();
        replica.bare().delete(&replica.key(NAME)).await.unwrap();
        for _ in 0..2 {
            let gone = lease.confirm(&replica).await.unwrap_err();
            assert!(matches!(gone, Error::LeaseGone { .. }), "{gone}");
        }
        lease.look_again();
        lease.confirm(&replica).await.unwrap();
        assert!(read(&replica).await.unwrap().is_some());
    }
}
