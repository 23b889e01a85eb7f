//! The last bytes of what was sent to a destination that cannot be read back from here:
//! `.<file>-egret/sent-<destination>`, a line for each object.
//!
//! What enters: the last bytes of an encrypted object, before it can be in the store, and the trailer
//! of the local file in it. What leaves: whether an object that is there holds a local file. Each
//! encryption makes other bytes, so that they tell it from whatever another writer stored, after a
//! restart too. What is not known costs a whole copy.

use super::state_directory;
use super::state_file::replace;
use crate::ltx::{TRAILER_LEN, Txid};
use crate::store::Tail;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many attempts to store one object are known.
const ATTEMPTS_MAX: usize = 32;

/// The end of an LTX file, which has the checksum of all of it.
type Trailer = [u8; TRAILER_LEN];

/// What was sent to one destination.
pub(super) struct Sent {
    path: PathBuf,
    /// Of the object that is stored, and of the one that is on its way.
    tails: Mutex<BTreeMap<Txid, VecDeque<(Tail, Trailer)>>>,
}

impl Sent {
    /// What is known of a file's destination of this name.
    pub(super) fn open(database: &Path, destination: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        destination.hash(&mut hasher);
        let path = state_directory(database).join(format!("sent-{:016x}", hasher.finish()));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut tails: BTreeMap<Txid, VecDeque<(Tail, Trailer)>> = BTreeMap::new();
        for (txid, attempt) in text.lines().filter_map(read_line) {
            tails.entry(txid).or_default().push_back(attempt);
        }
        Self { path, tails: Mutex::new(tails) }
    }

    /// An object that ends so is about to be sent; it holds a file with this trailer.
    ///
    /// # Errors
    /// If that cannot be kept.
    pub(super) fn note(&self, txid: Txid, tail: Tail, trailer: Trailer) -> io::Result<()> {
        let mut tails = self.lock();
        let before = tails.range(..txid).next_back().map(|(before, _)| *before);
        tails.retain(|kept, _| *kept == txid || Some(*kept) == before);
        let attempts = tails.entry(txid).or_default();
        if attempts.len() == ATTEMPTS_MAX {
            attempts.pop_front();
        }
        attempts.push_back((tail, trailer));
        let mut text = String::new();
        let hex = |bytes: &[u8; 16]| u128::from_be_bytes(*bytes);
        for (txid, attempts) in tails.iter() {
            for (tail, trailer) in attempts {
                // Writing to a string does not fail.
                let _written = writeln!(text, "{txid} {:032x} {:032x}", hex(tail), hex(trailer));
            }
        }
        replace(&self.path, text.as_bytes())
    }

    /// Something was sent under this number.
    pub(super) fn has(&self, txid: Txid) -> bool {
        self.lock().contains_key(&txid)
    }

    /// An object that ends so, and holds a file with this trailer, was sent under this number.
    pub(super) fn knows(&self, txid: Txid, tail: Tail, trailer: Trailer) -> bool {
        self.lock().get(&txid).is_some_and(|attempts| attempts.contains(&(tail, trailer)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Txid, VecDeque<(Tail, Trailer)>>> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_line(line: &str) -> Option<(Txid, (Tail, Trailer))> {
    let mut fields = line.split(' ');
    let txid = fields.next()?.parse().ok()?;
    let mut bytes = || Some(u128::from_str_radix(fields.next()?, 16).ok()?.to_be_bytes());
    Some((txid, (bytes()?, bytes()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_known_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("app.db");
        fs::create_dir(state_directory(&database)).unwrap();
        let note =
            |sent: &Sent, txid, byte: u8| sent.note(Txid(txid), [byte; 16], [7; 16]).unwrap();
        let knows = |sent: &Sent, txid, byte: u8| sent.knows(Txid(txid), [byte; 16], [7; 16]);
        let sent = Sent::open(&database, "s3://b");
        note(&sent, 6, 0);
        note(&sent, 7, 1);
        // Tried again and again: what is stored before it stays.
        (2..100).for_each(|byte| note(&sent, 8, byte));
        for sent in [&sent, &Sent::open(&database, "s3://b")] {
            assert!(knows(sent, 7, 1) && !knows(sent, 6, 0));
            assert!(knows(sent, 8, 99) && knows(sent, 8, 68));
            assert!(!knows(sent, 8, 2) && !knows(sent, 7, 99));
            assert!(!sent.knows(Txid(8), [99; 16], [8; 16]));
        }
        assert!(!knows(&Sent::open(&database, "s3://c"), 8, 99));
        fs::write(&sent.path, "0000000000000008 xyz\n\nnothing").unwrap();
        assert!(!knows(&Sent::open(&database, "s3://b"), 8, 99));
    }
}
