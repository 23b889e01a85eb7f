//! A machine: a file, those who write it, and the process that ships it.

use crate::dice::Dice;
use crate::disk::Disk;
use crate::history::History;
use crate::site::Site;
use crate::world::World;
use egret::ltx::Txid;
use egret::shipper::{Asked, Destination, Hooks, Options, Stepped, state_directory};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::runtime::Handle;

/// What was done, by whomever.
pub type Trace = Rc<RefCell<Vec<String>>>;

pub struct Machine {
    /// 0 for the first.
    pub number: usize,
    directory: PathBuf,
    world: Arc<Mutex<World>>,
    pub disk: Arc<Disk>,
    pub shipper: Option<Stepped>,
    /// How often it has copied the log into the file.
    checkpoints: u64,
    /// Somebody commits while time passes.
    pub is_lively: bool,
    /// Who waits for which state.
    waiting: Vec<(Asked, usize)>,
    /// How often the file went back to what it was, since the power was lost.
    pub setbacks: usize,
    /// Local files up to this number may be another machine's, too.
    pub common: Txid,
    trace: Trace,
}

impl Machine {
    pub fn new(
        number: usize,
        directory: &Path,
        [world, disk]: [Dice; 2],
        meddled_one_in: u64,
        (history, trace): (History, Trace),
    ) -> Self {
        let world = Arc::new(Mutex::new(World::new(number, directory, world, history)));
        Self {
            number,
            directory: directory.to_owned(),
            disk: Disk::new(disk, &world, meddled_one_in),
            world,
            shipper: None,
            checkpoints: 0,
            is_lively: true,
            waiting: Vec::new(),
            setbacks: 0,
            common: Txid(0),
            trace,
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn say(&self, what: impl Into<String>) {
        let who = ["", "rival: "][self.number];
        self.trace.borrow_mut().push(format!("{who}{}", what.into()));
    }

    pub fn start(&mut self, sites: &[Site], options: &Options, runtime: &Handle) {
        let to = |site: &Site| Destination::new(&site.name, site.store.replica(self.number));
        let destinations = sites.iter().map(to);
        let hooks = Arc::clone(&self.disk) as Arc<dyn Hooks>;
        let (path, options) = (self.world().database(), options.clone());
        let started = Stepped::open(&path, destinations.collect(), options, hooks, runtime);
        let told = started.as_ref().map(drop).map_err(ToString::to_string);
        self.say(format!("start: {told:?}"));
        (self.shipper, self.checkpoints) = (started.ok(), 0);
        self.end_if_crashed();
    }

    pub fn look(&mut self) {
        let Some(shipper) = &mut self.shipper else { return };
        self.disk.look_begins();
        shipper.look();
        let status = shipper.status();
        let error = status.error.map(|failure| failure.error);
        if status.checkpoints != self.checkpoints || error.is_some() {
            self.checkpoints = status.checkpoints;
            self.world().sync();
        }
        self.say(format!("look: {} {error:?}", status.txid.0));
        self.end_if_crashed();
    }

    /// Somebody waits for what was committed by now.
    pub fn ask(&mut self) {
        let newest = self.world().newest();
        if let (Some(shipper), Some(newest)) = (&self.shipper, newest) {
            self.waiting.push((shipper.ask(), newest));
            self.world().sync();
        }
    }

    /// What those who wait are told of a destination: of the newest state each, and its number.
    pub fn acknowledged(&self, name: &str) -> Vec<(usize, Txid)> {
        let names = [name.to_owned()];
        let told = |(asked, state): &(Asked, usize)| {
            Some((*state, self.shipper.as_ref()?.stored(*asked, &names)?))
        };
        self.waiting.iter().filter_map(told).collect()
    }

    /// Another machine has written to a destination, and this one has noticed.
    pub fn is_fenced(&self) -> bool {
        let status = self.shipper.as_ref().map(Stepped::status);
        status.is_some_and(|status| status.destinations.iter().any(|d| d.is_fenced))
    }

    /// The process ends without a word.
    pub fn stop(&mut self, how: &str) {
        self.shipper = None;
        self.waiting.clear();
        self.say(how);
    }

    fn end_if_crashed(&mut self) {
        if self.disk.take_crash() {
            self.stop("crashed");
        }
    }

    pub fn lose_power(&mut self) {
        self.disk.lose_power();
        self.world().lose_power();
        self.setbacks += 1;
        self.say("power lost");
    }

    /// Anybody may do that at any moment. Who goes back to a machine of before has not its newest files.
    pub fn delete_state(&self, dice: &mut Dice) {
        let state = state_directory(&self.world().database());
        if dice.one_in(2) {
            drop(fs::remove_dir_all(state));
            self.say("local state deleted");
        } else {
            let entries = fs::read_dir(state.join("ltx/0")).into_iter().flatten();
            let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            files.sort();
            let count = dice.pick(&[1, 2, 5]);
            files.iter().rev().take(count).for_each(|file| fs::remove_file(file).unwrap());
            self.say(format!("{count} local files deleted"));
        }
        self.disk.forget();
    }

    /// Whoever runs it decides that it goes on from its file, whatever another has stored.
    pub fn begin_anew(&self) {
        drop(fs::remove_dir_all(state_directory(&self.world().database())));
        self.disk.forget();
        self.say("local state deleted, to go on");
    }

    /// Everything of the machine as it is now, for another one.
    pub fn copy_to(&mut self, directory: &Path) {
        if let Some(shipper) = &self.shipper {
            self.common = self.common.max(shipper.status().txid);
        }
        copy(&self.directory, directory, &["app.db", "app.db-wal"]);
        let (from, to) = (state_directory(&self.directory.join("app.db")), "app.db");
        copy_all(&from, &state_directory(&directory.join(to)));
    }
}

fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        // It need not be there.
        drop(fs::copy(from.join(name), to.join(name)));
    }
}

fn copy_all(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries.map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&from, &to),
            false => drop(fs::copy(from, to).unwrap()),
        }
    }
}
