//! Which of a replica's files make a database.
//!
//! What enters: a listing. What leaves: a snapshot and the files that carry it on, each the one
//! that reaches furthest from where the one before ended.

use crate::ltx::{Name, Txid};
use crate::store::{Level, LtxFile, SNAPSHOT_LEVEL};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Why a listing does not make the database asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There are no files at all.
    #[error("there is no backup here")]
    Empty,
    /// Transactions are missing in the middle.
    #[error("the backup has a gap: transactions after {after} and before {before} are missing")]
    Gap {
        /// The last transaction before the gap.
        after: Txid,
        /// The first after it.
        before: Txid,
    },
    /// No file ends with the transaction asked for.
    #[error("transaction {txid} cannot be restored; {}", before(*nearest))]
    NotAvailable {
        /// The transaction asked for.
        txid: Txid,
        /// The last one before it that can be restored; 0 if there is none.
        nearest: Txid,
    },
}

fn before(nearest: Txid) -> String {
    match nearest {
        Txid(0) => "nor can anything before it".to_owned(),
        nearest => format!("the nearest before it is {nearest}"),
    }
}

/// The files that make the newest database, or the one just after transaction `target`.
///
/// # Errors
/// If they do not reach it.
pub fn plan(files: &[LtxFile], target: Option<Txid>) -> Result<Vec<LtxFile>, Error> {
    let snapshot = newest_snapshot(files, target);
    let start = snapshot.map_or(Txid(0), |file| file.name.max);
    let chain = chain(files, start, target);
    let reached = chain.last().map_or(start, |file| file.name.max);
    match target {
        Some(txid) if reached != txid => Err(Error::NotAvailable { txid, nearest: reached }),
        None if files.is_empty() => Err(Error::Empty),
        None => no_gap_after(files, reached),
        Some(_) => Ok(()),
    }?;
    Ok(snapshot.into_iter().cloned().chain(chain).collect())
}

/// The newest file that holds a whole database, of those up to `limit`.
fn newest_snapshot(files: &[LtxFile], limit: Option<Txid>) -> Option<&LtxFile> {
    let within = |file: &&LtxFile| limit.is_none_or(|limit| file.name.max <= limit);
    let snapshots = files.iter().filter(|file| file.level == SNAPSHOT_LEVEL);
    let whole = snapshots.filter(within).filter(|file| file.name.is_snapshot());
    whole.max_by_key(|file| file.name.max)
}

/// The files that make the newest database of those that were `taken` by some moment, which are some
/// of `all`. What lies between two of them may be merged with what came later: then the moment is the
/// one before. None if they hold no whole database.
///
/// # Errors
/// [`Error::Gap`] if what lies between is nowhere.
pub fn plan_taken(all: &[LtxFile], taken: &[LtxFile]) -> Result<Vec<LtxFile>, Error> {
    let snapshot = newest_snapshot(taken, None);
    let start = snapshot.map_or(Txid(0), |file| file.name.max);
    let planned: Vec<_> = snapshot.into_iter().cloned().chain(chain(taken, start, None)).collect();
    if !planned.is_empty() {
        let bridged = chain(all, start, None).last().map_or(start, |file| file.name.max);
        no_gap_after(taken, bridged)?;
    }
    Ok(planned)
}

/// The files that make these transactions, as far as they can be made: what retention has to leave
/// for restore points.
#[must_use]
pub fn needed(files: &[LtxFile], txids: &[Txid]) -> BTreeSet<(Level, Name)> {
    let plans = txids.iter().filter_map(|txid| plan(files, Some(*txid)).ok());
    plans.flatten().map(|file| (file.level, file.name)).collect()
}

/// The transactions a restore can end with, oldest first, each with the file that it would end with:
/// of several the one that was taken first.
#[must_use]
pub fn moments(files: &[LtxFile]) -> BTreeMap<Txid, LtxFile> {
    let mut ordered: Vec<_> = files.iter().collect();
    ordered.sort_by_key(|file| (file.name.max, file.level));
    let mut moments = BTreeMap::new();
    for file in ordered {
        let before = Txid(file.name.min.0.saturating_sub(1));
        let continues =
            file.level != SNAPSHOT_LEVEL && moments.range(before..file.name.max).next().is_some();
        if file.name.is_snapshot() || continues {
            moments.entry(file.name.max).or_insert_with(|| file.clone());
        }
    }
    moments
}

/// The files that carry a database from transaction `after` on as far as they reach, or as
/// `limit`. Each meets or overlaps the one before.
#[must_use]
pub fn chain(files: &[LtxFile], after: Txid, limit: Option<Txid>) -> Vec<LtxFile> {
    let within = |file: &&LtxFile| limit.is_none_or(|limit| file.name.max <= limit);
    let levels = files.iter().filter(|file| file.level != SNAPSHOT_LEVEL).filter(within);
    let mut candidates: Vec<_> = levels.collect();
    candidates.sort_by_key(|file| file.name.min);
    let mut candidates = candidates.into_iter().peekable();
    let (mut chain, mut reached) = (Vec::new(), after);
    let mut best: Option<&LtxFile> = None;
    loop {
        while let Some(file) = candidates.next_if(|file| file.name.min <= reached.next()) {
            best = best.into_iter().chain([file]).max_by_key(|file| preference(file));
        }
        match best.take_if(|file| file.name.max > reached) {
            Some(file) => {
                reached = file.name.max;
                chain.push(file.clone());
            }
            None => return chain,
        }
    }
}

/// The furthest end first; of those, the earliest start, then the most merged.
fn preference(file: &LtxFile) -> (Txid, Reverse<Txid>, u8) {
    (file.name.max, Reverse(file.name.min), file.level)
}

/// A file that begins beyond what could be reached would be lost without a word.
fn no_gap_after(files: &[LtxFile], reached: Txid) -> Result<(), Error> {
    let beyond = files.iter().map(|file| file.name.min).filter(|min| *min > reached.next());
    match beyond.min() {
        Some(before) => Err(Error::Gap { after: reached, before }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `level:min-max`
    fn files(text: &str) -> Vec<LtxFile> {
        let number = |text: &str| text.parse().unwrap();
        let file = |word: &str| {
            let (level, name) = word.split_once(':').unwrap();
            let (min, max) = name.split_once('-').unwrap();
            let name = Name { min: Txid(number(min)), max: Txid(number(max)) };
            let level = number(level) as u8;
            LtxFile { level, name, size: 0, modified_ms: None, timestamp_ms: None }
        };
        text.split_whitespace().map(file).collect()
    }

    fn planned(text: &str, target: Option<u64>) -> String {
        match plan(&files(text), target.map(Txid)) {
            Ok(files) => {
                let word = |f: &LtxFile| format!("{}:{}-{}", f.level, f.name.min.0, f.name.max.0);
                files.iter().map(word).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_newest() {
        let cases = [
            ("0:1-1 0:2-2", "0:1-1 0:2-2"),
            ("9:1-3 0:1-1 0:2-2 0:3-3 0:4-4", "9:1-3 0:4-4"),
            ("9:1-3 9:1-5 0:6-6", "9:1-5 0:6-6"),
            ("9:1-3 1:1-4 1:5-8 2:1-8 0:9-9", "9:1-3 2:1-8 0:9-9"),
            ("1:1-4 2:1-4 0:5-5", "2:1-4 0:5-5"),
            ("9:1-9 0:2-2", "9:1-9"),
            ("9:1-9", "9:1-9"),
            ("1:1-4 1:3-6", "1:1-4 1:3-6"),
            ("", "there is no backup here"),
        ];
        for (listing, expected) in cases {
            assert_eq!(planned(listing, None), expected, "{listing}");
        }
    }

    #[test]
    fn gaps() {
        let gap = planned("9:1-3 0:5-5 0:6-6", None);
        assert!(gap.contains("after 0000000000000003 and before 0000000000000005"), "{gap}");
        assert!(planned("0:2-2", None).contains("gap"));
        assert!(planned("9:1-3 0:4-4 1:6-9", None).contains("gap"));
    }

    #[test]
    fn a_transaction() {
        let listing = "9:1-3 9:1-8 0:1-1 0:2-2 0:3-3 0:4-4 0:5-5 1:5-8";
        assert_eq!(planned(listing, Some(5)), "9:1-3 0:4-4 0:5-5");
        assert_eq!(planned(listing, Some(8)), "9:1-8");
        assert_eq!(planned(listing, Some(2)), "0:1-1 0:2-2");
        assert!(planned(listing, Some(7)).contains("the nearest before it is 0000000000000005"));
        assert!(planned("0:1-1 0:3-3", Some(1)).contains("0:1-1"));
    }

    #[test]
    fn moments_are_what_can_be_planned() {
        let listings = [
            "9:1-3 9:1-8 0:1-1 0:2-2 0:3-3 0:4-4 0:5-5 1:5-8 0:12-12",
            "1:1-4 1:3-6 0:7-7 2:9-9 9:1-12 0:13-13",
            "0:2-2 0:3-3",
            "9:1-5 9:4-9 1:4-7 1:9-10",
            "",
        ];
        for listing in listings {
            let files = files(listing);
            let planned = (1..=14).map(Txid).filter(|txid| plan(&files, Some(*txid)).is_ok());
            let found: Vec<_> = moments(&files).into_keys().collect();
            assert_eq!(found, planned.collect::<Vec<_>>(), "{listing}");
        }
    }

    #[test]
    fn what_points_need() {
        let files = files("9:1-3 9:1-8 0:4-4 0:5-5 1:5-8 0:9-9");
        let needed = |txids: &[u64]| -> Vec<_> {
            let txids: Vec<_> = txids.iter().copied().map(Txid).collect();
            let needed = needed(&files, &txids).into_iter();
            needed.map(|(level, name)| (level, name.min.0, name.max.0)).collect()
        };
        assert_eq!(needed(&[5]), [(0, 4, 4), (0, 5, 5), (9, 1, 3)]);
        assert_eq!(needed(&[9, 8]), [(0, 9, 9), (9, 1, 8)]);
        assert_eq!(needed(&[7]), []);
    }

    #[test]
    fn what_was_taken_by_a_moment() {
        let words = |all: &str, taken: &str| match plan_taken(&files(all), &files(taken)) {
            Ok(files) => {
                let word = |f: &LtxFile| format!("{}:{}-{}", f.level, f.name.min.0, f.name.max.0);
                files.iter().map(word).collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        // Level 0 is deleted from its beginning on, while what was deleted is merged with later ones.
        let taken = "9:1-3 1:4-6 0:9-9 0:10-10";
        assert_eq!(words(&format!("{taken} 1:7-12 0:11-11"), taken), "9:1-3 1:4-6");
        assert!(words(taken, taken).contains("gap"));
        assert_eq!(words("9:1-3 0:4-4 0:5-5 9:1-5", "9:1-3 0:4-4"), "9:1-3 0:4-4");
        assert_eq!(words("0:2-2 9:1-5", "0:2-2"), "");
    }

    #[test]
    fn many_files_are_planned_in_one_pass() {
        let single = |txid| LtxFile {
            level: 0,
            name: Name::single(Txid(txid)),
            size: 0,
            modified_ms: None,
            timestamp_ms: None,
        };
        let files: Vec<_> = (1..=200_000).map(single).collect();
        assert_eq!(chain(&files, Txid(7), None).len(), 199_993);
    }
}
