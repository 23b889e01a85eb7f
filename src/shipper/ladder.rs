//! When what was shipped is merged, copied whole, and deleted.
//!
//! What enters: the files of one destination as they are stored, and the time. What leaves: the next
//! [`Step`], and when it is due. Pure: nothing is asked of a store, and nothing is due where nothing
//! was stored.
//!
//! Level 0 holds what was shipped, each level above it the same merged over a longer time, and
//! [`SNAPSHOT_LEVEL`] whole databases. Where something was missed the numbers have a gap, over which
//! a snapshot leads. Litestream has a file of level 0 there that holds the whole database, beside the
//! snapshot: that is never merged. So no level above carries a copy of the database. What lies before
//! a gap is merged up to the top at once, so that all levels have it in the same place: Litestream,
//! should it go on here, merges nothing across a gap.
//!
//! Boundaries are those of the wall clock, moved by a little that differs between databases.

use super::retention;
use crate::ltx::{Name, Txid};
use crate::store::{Level, LtxFile, SNAPSHOT_LEVEL};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// So many files are merged at once; each costs a buffer.
pub const INPUTS_MAX: usize = 128;
/// Databases do their work within this part of an interval after its boundary.
const STAGGER_PART: i64 = 8;
/// The most levels between 0 and the snapshots.
pub const LEVELS_MAX: usize = SNAPSHOT_LEVEL as usize - 1;

/// How what was shipped is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// How much time a file of level 1, 2, ... covers, ascending.
    pub levels: Vec<Duration>,
    /// How often the whole database is stored.
    pub snapshot_interval: Duration,
    /// Every moment of so much time can be restored.
    pub retention: Duration,
    /// How long files of level 0 are kept once they are merged.
    pub l0_retention: Duration,
}

impl Default for Ladder {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const DAY: u64 = 24 * 60 * MINUTE;
        let levels = [30, 5 * MINUTE, 60 * MINUTE].map(Duration::from_secs).to_vec();
        Self {
            levels,
            snapshot_interval: Duration::from_secs(DAY),
            retention: Duration::from_secs(7 * DAY),
            l0_retention: Duration::from_secs(5 * MINUTE),
        }
    }
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Merge these files, which follow one another, into one of this level.
    Merge(Level, Vec<LtxFile>),
    /// Store the whole database.
    Snapshot,
}

/// What is known of one destination's levels without asking it.
#[derive(Clone, Debug)]
pub struct Rungs {
    ladder: Ladder,
    /// What makes this database's boundaries differ from others'.
    seed: u64,
    /// Per level, what the level above has not yet.
    waiting: Vec<VecDeque<LtxFile>>,
    /// Files of level 0 that are merged, not deleted yet, in the order they were stored.
    merged: VecDeque<LtxFile>,
    /// What ends before this transaction is merged with nothing after it: it is in no level.
    gap: Txid,
    /// Transactions that a merged file ends with, so that their moments stay: restore points.
    cuts: BTreeSet<Txid>,
    /// The newest transaction stored.
    newest: Txid,
    /// The newest one of level 0.
    newest_single: Txid,
    snapshot: Option<LtxFile>,
}

impl Rungs {
    /// Takes a listing of all levels.
    #[must_use]
    pub fn new(ladder: &Ladder, seed: u64, files: &[LtxFile]) -> Self {
        let reach = |level: usize| {
            let of = files.iter().filter(|file| usize::from(file.level) == level);
            of.map(|file| file.name.max).max().unwrap_or_default()
        };
        let snapshots = files.iter().filter(|file| file.level == SNAPSHOT_LEVEL);
        let snapshot = snapshots.max_by_key(|file| file.name.max).cloned();
        // Where there is no ladder yet it begins with the file that leads on from the snapshot.
        let before =
            snapshot.as_ref().map_or(Txid(0), |file| Txid(file.name.max.0.saturating_sub(1)));
        let newest = files.iter().map(|file| file.name.max).max().unwrap_or_default();
        let newest_single = reach(0);
        let waiting = (0..ladder.levels.len()).map(|level| {
            let above = reach(level + 1);
            let above = if above == Txid(0) && level == 0 { before } else { above };
            let mut waiting: Vec<_> = files
                .iter()
                .filter(|file| usize::from(file.level) == level && file.name.max > above)
                .filter(|file| level > 0 || !retention::is_copy(file, files))
                .cloned()
                .collect();
            waiting.sort_by_key(|file| file.name);
            VecDeque::from(waiting)
        });
        let waiting = waiting.collect();
        let (merged, cuts, gap) = (VecDeque::new(), BTreeSet::new(), newest_gap(files));
        let ladder = ladder.clone();
        Self { ladder, seed, waiting, merged, gap, cuts, newest, newest_single, snapshot }
    }

    /// A file was stored. One of level 0 after a gap comes after the snapshot that leads there.
    pub fn stored(&mut self, file: LtxFile) {
        self.newest = self.newest.max(file.name.max);
        if file.level == 0 {
            if file.name.min > self.newest_single.next() {
                self.gap = Txid(file.name.min.0 - 1);
            }
            self.newest_single = self.newest_single.max(file.name.max);
        }
        if file.level == SNAPSHOT_LEVEL {
            if self.snapshot.as_ref().is_none_or(|last| last.name.max < file.name.max) {
                self.snapshot = Some(file);
            }
        } else if file.level == 0 && retention::is_copy(&file, self.snapshot.as_slice()) {
            self.gap = file.name.max;
            self.merged.push_back(file);
        } else if let Some(waiting) = self.waiting.get_mut(usize::from(file.level)) {
            waiting.push_back(file);
        } else if file.level == 0 {
            self.merged.push_back(file);
        }
    }

    /// Files were merged into one, which was stored.
    pub fn merged(&mut self, file: LtxFile) {
        let Some(below) = usize::from(file.level).checked_sub(1) else { return };
        let Some(waiting) = self.waiting.get_mut(below) else { return };
        let mut is_new = false;
        while let Some(input) = waiting.pop_front_if(|input| input.name.max <= file.name.max) {
            is_new = true;
            if below == 0 {
                self.merged.push_back(input);
            }
        }
        if is_new {
            self.stored(file);
        }
    }

    /// Files cannot be merged: they stay as they are.
    pub fn left(&mut self, files: &[LtxFile]) {
        let is_left = |file: &LtxFile| {
            files.iter().any(|left| left.level == file.level && left.name == file.name)
        };
        self.waiting.iter_mut().for_each(|waiting| waiting.retain(|file| !is_left(file)));
    }

    /// A file of level 1 is to end with this transaction. It is there as long as the window reaches, and
    /// with it the moment.
    pub fn cut(&mut self, txid: Txid) {
        self.cuts.insert(txid);
    }

    /// Files of level 0 that may be deleted now, oldest first. The newest of all stays, so that a
    /// writer that knows nothing finds out where to go on.
    #[must_use]
    pub fn expired(&self, now_ms: i64) -> Vec<LtxFile> {
        let horizon = now_ms.saturating_sub(millis(self.ladder.l0_retention));
        let old = |file: &&LtxFile| stored_ms(file) <= horizon && file.name.max < self.newest;
        self.merged.iter().take_while(old).cloned().collect()
    }

    /// A file is not there any more.
    pub fn deleted(&mut self, name: Name) {
        self.merged.retain(|file| file.name != name);
    }

    /// What is due; nothing if that is later.
    #[must_use]
    pub fn next(&self, now_ms: i64) -> Option<Step> {
        // Without a snapshot there is nothing for a ladder to lead on from.
        if self.snapshot_due_ms().is_some_and(|due| due <= now_ms) {
            return Some(Step::Snapshot);
        }
        (1..=self.ladder.levels.len()).find_map(|level| {
            let due = self.merge_due_ms(level)?;
            let level_number = Level::try_from(level).ok()?;
            (due <= now_ms).then(|| Step::Merge(level_number, self.inputs(level - 1)))
        })
    }

    /// When the next step is due; never if nothing was stored since the last.
    #[must_use]
    pub fn due_ms(&self) -> Option<i64> {
        let merges = (1..=self.ladder.levels.len()).filter_map(|level| self.merge_due_ms(level));
        merges.chain(self.snapshot_due_ms()).min()
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&LtxFile> {
        self.snapshot.as_ref()
    }

    fn merge_due_ms(&self, level: usize) -> Option<i64> {
        let interval = self.ladder.levels.get(level.checked_sub(1)?)?;
        let oldest = self.waiting.get(level - 1)?.front()?;
        let due = match oldest.name.max < self.gap {
            true => i64::MIN,
            false => self.boundary_after(stored_ms(oldest), *interval),
        };
        self.snapshot.is_some().then_some(due)
    }

    fn snapshot_due_ms(&self) -> Option<i64> {
        match &self.snapshot {
            _ if self.newest == Txid(0) => None,
            None => Some(i64::MIN),
            Some(last) if last.name.max >= self.newest => None,
            Some(last) => Some(self.boundary_after(stored_ms(last), self.ladder.snapshot_interval)),
        }
    }

    /// The longest run of files without a gap, from the oldest on, of no more than one interval of the
    /// level above: whenever it is merged, each of its moments stays.
    fn inputs(&self, level: usize) -> Vec<LtxFile> {
        let mut run: Vec<LtxFile> = Vec::new();
        let interval = self.ladder.levels.get(level).copied().unwrap_or_default();
        for file in self.waiting.get(level).into_iter().flatten().take(INPUTS_MAX) {
            let has_gap = run.last().is_some_and(|last| file.name.min > last.name.max.next());
            let ends = run.first().map(|first| self.boundary_after(moment_ms(first), interval));
            if has_gap || ends.is_some_and(|end| moment_ms(file) >= end) {
                break;
            }
            run.push(file.clone());
            if level == 0 && self.cuts.contains(&file.name.max) {
                break;
            }
        }
        run
    }

    fn boundary_after(&self, time_ms: i64, interval: Duration) -> i64 {
        let interval = millis(interval).max(1);
        let stagger = (self.seed % (interval / STAGGER_PART).max(1).unsigned_abs()).cast_signed();
        let since = (time_ms - stagger).rem_euclid(interval);
        time_ms.saturating_sub(since).saturating_add(interval)
    }
}

/// The newest transaction that is missing between two files of a level, or is a whole copy.
fn newest_gap(files: &[LtxFile]) -> Txid {
    let copies = files.iter().filter(|file| file.level == 0 && retention::is_copy(file, files));
    let mut gap = copies.map(|file| file.name.max).max().unwrap_or_default();
    for level in 0..SNAPSHOT_LEVEL {
        let mut of: Vec<_> = files.iter().filter(|file| file.level == level).collect();
        of.sort_by_key(|file| file.name);
        for (before, after) in of.iter().zip(of.iter().skip(1)) {
            if after.name.min > before.name.max.next() {
                gap = gap.max(Txid(after.name.min.0 - 1));
            }
        }
    }
    gap
}

/// When what a file ends with was committed; by another clock, when it was stored.
fn moment_ms(file: &LtxFile) -> i64 {
    file.timestamp_ms.or(file.modified_ms).unwrap_or(0)
}

/// When a file was stored. Of one that nobody knows the time of it is long ago.
pub(super) fn stored_ms(file: &LtxFile) -> i64 {
    file.modified_ms.or(file.timestamp_ms).unwrap_or(0)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(level: Level, min: u64, max: u64, size: u64, stored_ms: i64) -> LtxFile {
        let name = Name { min: Txid(min), max: Txid(max) };
        LtxFile { level, name, size, modified_ms: Some(stored_ms), timestamp_ms: None }
    }

    fn shown(step: Option<Step>) -> String {
        match step {
            None => "nothing".into(),
            Some(Step::Snapshot) => "snapshot".into(),
            Some(Step::Merge(level, files)) => {
                let (first, last) = (files.first().unwrap(), files.last().unwrap());
                format!("L{level} {}-{}", first.name.min.0, last.name.max.0)
            }
        }
    }

    /// Stores what each step asks for; what was done until nothing is due.
    fn run(rungs: &mut Rungs, now_ms: i64) -> Vec<String> {
        let mut done = Vec::new();
        while let Some(step) = rungs.next(now_ms) {
            done.push(shown(Some(step.clone())));
            match step {
                Step::Snapshot => {
                    rungs.stored(file(SNAPSHOT_LEVEL, 1, rungs.newest.0, 1000, now_ms));
                }
                Step::Merge(level, files) => {
                    let (min, max) = (files[0].name.min.0, files[files.len() - 1].name.max.0);
                    let timestamp_ms = files.last().map(moment_ms);
                    rungs.merged(LtxFile { timestamp_ms, ..file(level, min, max, 10, now_ms) });
                }
            }
        }
        done
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_day_of_work_and_then_nothing() {
        let mut rungs = Rungs::new(&Ladder::default(), 0, &[]);
        assert_eq!((rungs.due_ms(), rungs.next(DAY)), (None, None));
        rungs.stored(file(SNAPSHOT_LEVEL, 1, 1, 1000, 1000));
        rungs.stored(file(0, 1, 1, 1000, 1000));
        assert_eq!(rungs.due_ms(), None);
        for txid in 2..=20 {
            rungs.stored(file(0, txid, txid, 10, txid as i64 * 1000));
        }
        assert_eq!(shown(rungs.next(29_999)), "nothing");
        assert_eq!(rungs.due_ms(), Some(30_000));
        assert_eq!(run(&mut rungs, 30_000), ["L1 2-20"]);
        assert_eq!(rungs.due_ms(), Some(300_000));
        rungs.stored(file(0, 21, 21, 10, 31_000));
        assert_eq!(run(&mut rungs, 300_000), ["L1 21-21", "L2 2-21"]);
        assert_eq!(run(&mut rungs, 3_600_000), ["L3 2-21"]);
        assert_eq!(run(&mut rungs, DAY), ["snapshot"]);
        assert_eq!((rungs.due_ms(), rungs.next(DAY * 9)), (None, None));
    }

    #[test]
    fn whole_copies_are_not_merged() {
        let mut rungs = Rungs::new(&Ladder::default(), 0, &[]);
        rungs.stored(file(SNAPSHOT_LEVEL, 1, 1, 1000, 0));
        rungs.stored(file(0, 1, 1, 1000, 0));
        for txid in 2..=4 {
            rungs.stored(file(0, txid, txid, 10, 0));
        }
        rungs.stored(file(SNAPSHOT_LEVEL, 1, 5, 1000, 0));
        rungs.stored(file(0, 5, 5, 990, 0));
        rungs.stored(file(0, 6, 6, 10, 0));
        // At once, so that the gap is in the same place in all levels.
        assert_eq!(run(&mut rungs, 1), ["L1 2-4", "L2 2-4", "L3 2-4"]);
        assert_eq!(run(&mut rungs, 30_000), ["L1 6-6"]);
    }

    #[test]
    fn a_gap_that_is_there_goes_up_to_the_top() {
        let mut files: Vec<_> = (5..=6).map(|txid| file(0, txid, txid, 10, 1000)).collect();
        files.extend((8..=9).map(|txid| file(0, txid, txid, 10, 1000)));
        files.extend([file(SNAPSHOT_LEVEL, 1, 7, 1000, 1000), file(1, 3, 4, 10, 1000)]);
        let mut rungs = Rungs::new(&Ladder::default(), 0, &files);
        assert_eq!(run(&mut rungs, 1), ["L1 5-6", "L2 3-6", "L3 3-6"]);
        assert_eq!(run(&mut rungs, 30_000), ["L1 8-9"]);
    }

    #[test]
    fn a_ladder_begins_with_a_snapshot() {
        let mut files: Vec<_> = (1..=9).map(|txid| file(0, txid, txid, 10, 1000)).collect();
        let mut rungs = Rungs::new(&Ladder::default(), 0, &files);
        assert_eq!(shown(rungs.next(0)), "snapshot");
        files.push(file(SNAPSHOT_LEVEL, 1, 7, 1000, 1000));
        rungs = Rungs::new(&Ladder::default(), 0, &files);
        assert_eq!(run(&mut rungs, 30_000), ["L1 7-9"]);
    }

    #[test]
    fn a_ladder_that_is_there_is_continued() {
        let mut files: Vec<_> = (5..=9).map(|txid| file(0, txid, txid, 10, 1000)).collect();
        files.push(file(SNAPSHOT_LEVEL, 1, 1, 1000, 1000));
        files.extend([file(1, 2, 3, 10, 0), file(1, 4, 7, 10, 0), file(2, 2, 3, 10, 0)]);
        let mut rungs = Rungs::new(&Ladder::default(), 0, &files);
        assert_eq!(run(&mut rungs, 300_000), ["L1 8-9", "L2 4-9"]);
    }

    #[test]
    fn many_files_are_merged_in_bounded_steps() {
        let mut rungs = Rungs::new(&Ladder::default(), 0, &[]);
        rungs.stored(file(SNAPSHOT_LEVEL, 1, 1, 1000, 0));
        (2..=301).for_each(|txid| rungs.stored(file(0, txid, txid, 10, 0)));
        assert_eq!(run(&mut rungs, 30_000), ["L1 2-129", "L1 130-257", "L1 258-301"]);
    }

    #[test]
    fn merged_files_of_level_0_go_after_a_while_but_not_the_newest() {
        let mut rungs = Rungs::new(&Ladder::default(), 0, &[]);
        rungs.stored(file(SNAPSHOT_LEVEL, 1, 1, 1000, 0));
        (1..=4).for_each(|txid| rungs.stored(file(0, txid, txid, 500 / txid, txid as i64)));
        assert!(rungs.expired(DAY).iter().all(|file| file.name.max == Txid(1)));
        run(&mut rungs, 30_000);
        assert_eq!(rungs.expired(300_000).len(), 0);
        let expired = rungs.expired(300_003);
        assert_eq!(expired.iter().map(|f| f.name.max.0).collect::<Vec<_>>(), [1, 2, 3]);
        expired.iter().for_each(|file| rungs.deleted(file.name));
        assert_eq!(rungs.expired(DAY).len(), 0);
    }

    #[test]
    fn a_cut_is_the_end_of_a_merged_file() {
        let mut rungs = Rungs::new(&Ladder::default(), 0, &[]);
        rungs.stored(file(SNAPSHOT_LEVEL, 1, 1, 1000, 0));
        (2..=20).for_each(|txid| rungs.stored(file(0, txid, txid, 10, 0)));
        rungs.cut(Txid(9));
        rungs.cut(Txid(20));
        assert_eq!(run(&mut rungs, 30_000), ["L1 2-9", "L1 10-20"]);
        assert_eq!(run(&mut rungs, 300_000), ["L2 2-20"]);
    }

    #[test]
    fn what_is_merged_late_keeps_its_moments() {
        let mut rungs = Rungs::new(&Ladder::default(), 0, &[]);
        rungs.stored(file(SNAPSHOT_LEVEL, 1, 1, 1000, 0));
        // One commit in ten seconds, of which nothing was stored for ten minutes.
        for txid in 2..=61 {
            let timestamp_ms = Some(txid as i64 * 10_000 - 15_000);
            rungs.stored(LtxFile { timestamp_ms, ..file(0, txid, txid, 10, 600_000) });
        }
        let done = run(&mut rungs, 630_000);
        let expected: Vec<_> = (0..20).map(|n| format!("L1 {}-{}", 3 * n + 2, 3 * n + 4)).collect();
        assert_eq!(
            done.iter().filter(|s| s.starts_with("L1")).collect::<Vec<_>>(),
            expected.iter().collect::<Vec<_>>()
        );
        assert_eq!(run(&mut rungs, 900_000), ["L2 2-31", "L2 32-61"]);
    }

    #[test]
    fn boundaries_differ_between_databases_by_a_little() {
        let interval = Duration::from_secs(30);
        for seed in [0, 1, 77, 12_345, u64::MAX] {
            let rungs = Rungs::new(&Ladder::default(), seed, &[]);
            let boundary = rungs.boundary_after(1_700_000_000_000, interval);
            assert!(boundary > 1_700_000_000_000 && boundary <= 1_700_000_030_000);
            assert!(boundary.rem_euclid(30_000) < 3750, "{boundary}");
            assert_eq!(rungs.boundary_after(boundary, interval), boundary + 30_000);
        }
    }
}
