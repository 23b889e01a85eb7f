//! Which files of a destination no restore within the window needs.
//!
//! What enters: a listing of all levels, and the time. What leaves: the files to delete. Pure.
//!
//! | files | go when |
//! | --- | --- |
//! | snapshots | a later one is older than the window as well |
//! | levels 1 to 8 | they end no later than the oldest snapshot kept, and that is older than the window |
//! | level 0 | the same; or they are merged, or (Litestream's) hold what a snapshot does, and were stored a while ago |
//!
//! So every moment of the window keeps a snapshot before it, and all that leads on from there. The
//! newest file of each level stays.

use super::ladder::{Ladder, millis, stored_ms};
use crate::ltx::{Name, Txid};
use crate::store::{LtxFile, SNAPSHOT_LEVEL};

/// The files of a listing that are of no more use, those of each level in the order of their names.
#[must_use]
pub fn expired(files: &[LtxFile], ladder: &Ladder, now_ms: i64) -> Vec<LtxFile> {
    let base = base(files, now_ms.saturating_sub(millis(ladder.retention)));
    let base = base.map_or(Txid(0), |file| file.name.max);
    let mut expired = Vec::new();
    for level in 0..=SNAPSHOT_LEVEL {
        let mut of: Vec<_> = files.iter().filter(|file| file.level == level).collect();
        of.sort_by_key(|file| file.name.max);
        let newest = of.pop().map(|file| file.name);
        let of = of.into_iter().filter(|file| Some(file.name) != newest);
        match level {
            0 => expired.extend(old_merged(files, ladder, now_ms, base, newest).cloned()),
            SNAPSHOT_LEVEL => expired.extend(of.filter(|file| file.name.max < base).cloned()),
            _ => expired.extend(of.filter(|file| file.name.max <= base).cloned()),
        }
    }
    expired
}

/// A file of level 0 holds the whole database, and so does a snapshot of the same moment.
#[must_use]
pub fn is_copy(file: &LtxFile, files: &[LtxFile]) -> bool {
    let same = |other: &&LtxFile| other.level == SNAPSHOT_LEVEL && other.name.max == file.name.max;
    files.iter().filter(same).any(|snapshot| file.size >= snapshot.size / 2)
}

/// The newest snapshot from before the window. When it was stored is never before the moment it
/// holds.
fn base(files: &[LtxFile], window_ms: i64) -> Option<&LtxFile> {
    let snapshots = files.iter().filter(|file| file.level == SNAPSHOT_LEVEL);
    snapshots.filter(|file| stored_ms(file) <= window_ms).max_by_key(|file| file.name.max)
}

/// The run of files of level 0, from the oldest on, that are of no more use.
fn old_merged<'a>(
    files: &'a [LtxFile],
    ladder: &Ladder,
    now_ms: i64,
    base: Txid,
    newest: Option<Name>,
) -> impl Iterator<Item = &'a LtxFile> + use<'a> {
    let horizon = now_ms.saturating_sub(millis(ladder.l0_retention));
    let mut level0: Vec<_> = files.iter().filter(|file| file.level == 0).collect();
    level0.sort_by_key(|file| file.name);
    let mut level1: Vec<_> = files.iter().filter(|file| file.level == 1).collect();
    level1.sort_by_key(|file| file.name);
    let is_merged = move |file: &LtxFile| {
        let after = level1.partition_point(|merged| merged.name.min <= file.name.min);
        level1.get(..after).and_then(<[_]>::last).is_some_and(|m| m.name.max >= file.name.max)
    };
    level0.into_iter().take_while(move |file| {
        let kept_elsewhere = || is_merged(file) || is_copy(file, files);
        let useless = file.name.max <= base || stored_ms(file) <= horizon && kept_elsewhere();
        useless && Some(file.name) != newest
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipper::plan::plan;
    use std::time::Duration;

    /// `level:min-max@hour`, of a size that is a whole copy's for snapshots and with `!`.
    fn files(text: &str) -> Vec<LtxFile> {
        let file = |word: &str| {
            let (level, rest) = word.split_once(':').unwrap();
            let (name, hour) = rest.split_once('@').unwrap();
            let (hour, whole) = hour.strip_suffix('!').map_or((hour, false), |hour| (hour, true));
            let (min, max) = name.split_once('-').unwrap();
            let number = |text: &str| Txid(text.parse().unwrap());
            let level = level.parse().unwrap();
            LtxFile {
                level,
                name: Name { min: number(min), max: number(max) },
                size: if whole || level == SNAPSHOT_LEVEL { 1000 } else { 10 },
                modified_ms: Some(hour.parse::<i64>().unwrap() * 3_600_000),
                timestamp_ms: None,
            }
        };
        text.split_whitespace().map(file).collect()
    }

    fn gone(text: &str, hour: i64) -> String {
        let ladder = Ladder {
            retention: Duration::from_secs(24 * 3600),
            l0_retention: Duration::from_secs(3600),
            ..Ladder::default()
        };
        let word = |f: LtxFile| format!("{}:{}-{}", f.level, f.name.min.0, f.name.max.0);
        let expired = expired(&files(text), &ladder, hour * 3_600_000);
        expired.into_iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_goes() {
        let cases = [
            ("", 100, ""),
            // The only snapshot stays, however old, and so does what leads on from it.
            ("9:1-1@0 1:2-3@0 0:4-4@0", 100, ""),
            ("9:1-1@0 9:1-5@24 1:2-5@1 1:6-9@25", 30, ""),
            // The snapshot of hour 24 is from before the window now; what came before it goes.
            ("9:1-1@0 9:1-5@24 1:2-5@1 1:6-9@25", 48, "1:2-5 9:1-1"),
            ("9:1-1@0 9:1-5@24 9:1-8@48 1:2-5@1 1:6-9@25", 71, "1:2-5 9:1-1"),
            ("9:1-1@0 9:1-5@24 9:1-8@48 1:2-5@1 1:6-9@25 1:10-11@50", 72, "1:2-5 9:1-1 9:1-5"),
            // A file that begins before the snapshot and ends after it stays.
            ("9:1-1@0 9:1-5@24 2:2-7@25 2:8-9@26", 48, "9:1-1"),
            // Level 0: merged and old; up to the first that is not.
            ("9:1-1@0 0:1-1@0! 0:2-2@0 0:3-3@0 0:4-4@0 1:2-3@0", 2, "0:1-1 0:2-2 0:3-3"),
            ("9:1-1@0 0:2-2@0 0:3-3@0 0:4-4@0 1:3-4@0", 2, ""),
            ("9:1-1@0 0:2-2@0 0:3-3@1 0:4-4@0 1:2-4@0", 1, "0:2-2"),
            ("9:1-1@0 0:2-2@0 1:2-2@0", 90, ""),
            // A whole copy is no part of the ladder.
            (
                "9:1-1@0 9:1-3@0 0:2-2@0 0:3-3@0! 0:4-4@0 1:2-2@0 0:5-5@0 1:4-5@0",
                2,
                "0:2-2 0:3-3 0:4-4",
            ),
        ];
        for (listing, hour, expected) in cases {
            assert_eq!(gone(listing, hour), expected, "{listing} at {hour}");
        }
    }

    /// Whatever is deleted, every moment of the window that could be restored still can.
    #[test]
    fn every_moment_of_the_window_stays() {
        let mut all: Vec<LtxFile> = Vec::new();
        let hours = 24 * 12;
        for hour in 0..hours {
            let txid = hour as u64 + 1;
            let text = format!("0:{txid}-{txid}@{hour}");
            all.extend(files(&text));
            if hour % 24 == 0 {
                all.extend(files(&format!("9:1-{txid}@{hour}")));
            }
            if hour % 4 == 3 {
                all.extend(files(&format!("1:{}-{txid}@{hour}", txid - 3)));
            }
            if hour % 12 == 11 {
                all.extend(files(&format!("2:{}-{txid}@{hour}", txid - 11)));
            }
            let ladder = Ladder {
                retention: Duration::from_secs(3 * 24 * 3600),
                l0_retention: Duration::from_secs(6 * 3600),
                ..Ladder::default()
            };
            let gone = expired(&all, &ladder, hour * 3_600_000);
            all.retain(|file| !gone.contains(file));
            assert!(plan(&all, None).is_ok());
            // The ends of files of level 1 are the moments that stay.
            let ends = (4..=txid).step_by(4).filter(|end| (*end as i64 - 1) > hour - 72);
            for end in ends {
                assert!(plan(&all, Some(Txid(end))).is_ok(), "{end} at hour {hour}");
            }
        }
        assert!(all.len() < 120, "{}", all.len());
    }
}
