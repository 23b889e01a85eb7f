//! The disk under the local log, on which everything may end; and others who use the moment.

use crate::dice::Dice;
use crate::world::World;
use egret::shipper::{DiskAct, Guard, Hooks};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::time::Instant;

/// When the world began, in milliseconds since 1970.
pub const BEGIN_MS: i64 = 1_700_000_000_000;

/// Whoever always uses the moment would never let a look end.
const MEDDLES: u64 = 3;

/// What the shipper knows of the world.
pub struct Disk {
    began: Instant,
    world: Arc<Mutex<World>>,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    /// Others do something at one moment in so many; at none if 0.
    meddled_one_in: u64,
    /// So often at most before the next look.
    meddles_left: u64,
    /// The process ends before the change that comes after so many.
    crash_after: Option<u64>,
    crashed: bool,
    /// So many writes find the disk full.
    full_for: u64,
    /// Files whose bytes are not on the disk.
    unsynced: Vec<PathBuf>,
    /// Names that are not on the disk, in their order.
    unsynced_names: Vec<Name>,
}

/// What a directory does not know after the power was lost.
enum Name {
    Given { from: PathBuf, to: PathBuf },
    Gone { path: PathBuf, bytes: Vec<u8> },
}

impl Disk {
    pub fn new(dice: Dice, world: &Arc<Mutex<World>>, meddled_one_in: u64) -> Arc<Self> {
        let state = State {
            dice,
            meddled_one_in,
            meddles_left: MEDDLES,
            crash_after: None,
            crashed: false,
            full_for: 0,
            unsynced: Vec::new(),
            unsynced_names: Vec::new(),
        };
        let (began, world) = (Instant::now(), Arc::clone(world));
        Arc::new(Self { began, world, state: Mutex::new(state) })
    }

    pub fn crash_after(&self, changes: u64) {
        self.state().crash_after = Some(changes);
    }

    /// The process has ended; it may begin again.
    pub fn take_crash(&self) -> bool {
        std::mem::take(&mut self.state().crashed)
    }

    /// Others may use the moment again.
    pub fn look_begins(&self) {
        self.state().meddles_left = MEDDLES;
    }

    pub fn fill_for(&self, writes: u64) {
        self.state().full_for = writes;
    }

    pub fn heal(&self) {
        let mut state = self.state();
        (state.meddled_one_in, state.crash_after, state.full_for) = (0, None, 0);
    }

    /// The machine ends: what was not synced is lost, or only some of it.
    pub fn lose_power(&self) {
        let mut state = self.state();
        let names = std::mem::take(&mut state.unsynced_names);
        let kept = state.dice.below(names.len() as u64 + 1) as usize;
        for name in names.into_iter().skip(kept).rev() {
            match name {
                Name::Given { from, to } => drop(fs::rename(to, from)),
                Name::Gone { path, bytes } => drop(fs::write(path, bytes)),
            }
        }
        for path in std::mem::take(&mut state.unsynced) {
            let Ok(mut bytes) = fs::read(&path) else { continue };
            bytes.truncate(state.dice.below(bytes.len() as u64 + 1) as usize);
            fs::write(path, bytes).unwrap();
        }
    }

    /// The local log was deleted.
    pub fn forget(&self) {
        let mut state = self.state();
        (state.unsynced, state.unsynced_names) = (Vec::new(), Vec::new());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Others use the moment, now and then.
    fn meddle(&self) {
        let mut state = self.state();
        let one_in = state.meddled_one_in;
        if one_in == 0 || state.meddles_left == 0 || !state.dice.one_in(one_in) {
            return;
        }
        state.meddles_left -= 1;
        drop(state);
        if let Ok(mut world) = self.world.try_lock() {
            world.meddle();
        }
    }
}

impl State {
    fn decide(&mut self, act: DiskAct<'_>) -> io::Result<()> {
        if let Some(left) = &mut self.crash_after {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => (self.crash_after, self.crashed) = (None, true),
            }
        }
        if self.crashed {
            return Err(io::Error::other("the process has ended"));
        }
        if self.full_for > 0 && matches!(act, DiskAct::Write(_)) {
            self.full_for -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn note(&mut self, act: DiskAct<'_>) {
        match act {
            DiskAct::Write(path) if !self.unsynced.iter().any(|p| p == path) => {
                self.unsynced.push(path.to_owned());
            }
            DiskAct::Write(_) => {}
            DiskAct::Sync(path) => self.unsynced.retain(|p| p != path),
            DiskAct::Rename(from, to) => {
                let (from, to) = (from.to_owned(), to.to_owned());
                self.unsynced_names.push(Name::Given { from, to });
            }
            DiskAct::Remove(path) => {
                let bytes = fs::read(path).unwrap_or_default();
                self.unsynced_names.push(Name::Gone { path: path.to_owned(), bytes });
            }
            DiskAct::SyncDirectory(_) => self.unsynced_names.clear(),
        }
    }
}

impl Hooks for Disk {
    fn hold_writers(&self) -> Option<Box<dyn Guard + '_>> {
        self.meddle();
        Some(Box::new(()))
    }

    fn now_ms(&self) -> i64 {
        BEGIN_MS + i64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn before(&self, act: DiskAct<'_>) -> io::Result<()> {
        self.meddle();
        let mut state = self.state();
        state.decide(act)?;
        state.note(act);
        Ok(())
    }
}
