//! One schedule: what everybody does, step by step, and what must be true after each.

use crate::dice::Dice;
use crate::disk::Disk;
use crate::restorer::Restorer;
use crate::store::BadStore;
use crate::world::World;
use egret::shipper::{
    Asked, Destination, Hooks, Ladder, Options, Stepped, restore, state_directory,
};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How many steps a schedule has before everything is mended.
const STEPS: u64 = 45;
/// How many turns it may take until everything is stored then.
const HEALING_TURNS: usize = 300;

/// Runs a schedule; what was done, or what was done and what was wrong then.
pub fn run(seed: u64, directory: &Path, restorer: &Restorer) -> Result<Vec<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let runtime = Arc::new(runtime);
    let context = Arc::clone(&runtime);
    let _entered = context.enter();
    let mut run = Run::new(seed, directory, runtime, restorer);
    let done = run.all_steps();
    let trace = std::mem::take(&mut run.trace);
    match done {
        Ok(()) => Ok(trace),
        Err(wrong) => Err(format!("{}\n{wrong}", trace.join("\n"))),
    }
}

struct Run<'a> {
    dice: Dice,
    /// Whether a quiet file is left asleep.
    drowsy: Dice,
    options: Options,
    runtime: Arc<Runtime>,
    restorer: &'a Restorer,
    world: Arc<Mutex<World>>,
    disk: Arc<Disk>,
    sites: Vec<Site>,
    shipper: Option<Stepped>,
    /// How often it has copied the log into the file.
    checkpoints: u64,
    /// Somebody commits while time passes.
    is_lively: bool,
    /// Who waits for which state.
    waiting: Vec<(Asked, usize)>,
    /// How often the file went back to what it was, since the power was lost.
    setbacks: usize,
    trace: Vec<String>,
}

/// A destination, and what is promised of it.
struct Site {
    name: String,
    store: Arc<BadStore>,
    /// The newest state that was said to be there.
    acknowledged: Option<usize>,
    /// What was there when it was last looked at, and the state it restored to.
    checked: u64,
    restored: Option<usize>,
}

impl<'a> Run<'a> {
    fn new(seed: u64, directory: &Path, runtime: Arc<Runtime>, restorer: &'a Restorer) -> Self {
        let mut dice = Dice::new((seed, "run"));
        let world = Arc::new(Mutex::new(World::new(directory, seed)));
        let disk = Disk::new(seed, &world, dice.pick(&[0, 3, 12]));
        let names = ["one", "two"];
        let sites = names.iter().take(dice.pick(&[1, 1, 2])).zip(0..).map(|(name, index)| Site {
            name: (*name).to_owned(),
            store: BadStore::new(seed, index, dice.pick(&[0, 3, 6, 20])),
            acknowledged: None,
            checked: 0,
            restored: None,
        });
        let sites = sites.collect();
        let options = options(&mut dice);
        let (waiting, trace) = (Vec::new(), vec![format!("{options:?}")]);
        let (shipper, checkpoints) = (None, 0);
        Self {
            dice,
            drowsy: Dice::new((seed, "drowsy")),
            options,
            runtime,
            restorer,
            world,
            disk,
            sites,
            shipper,
            checkpoints,
            is_lively: true,
            waiting,
            setbacks: 0,
            trace,
        }
    }

    fn all_steps(&mut self) -> Result<(), String> {
        if !self.dice.one_in(4) {
            self.world().commit();
        }
        self.start();
        for _ in 0..STEPS {
            self.step();
            self.doze();
            self.check()?;
        }
        self.heal()?;
        self.advance(Duration::from_secs(3 * 3600), 40);
        self.check()?;
        self.assert_newest()?;
        self.check_moments()
    }

    fn step(&mut self) {
        if self.shipper.is_none() && self.dice.one_in(3) {
            self.start();
        }
        match self.dice.below(100) {
            0..20 => self.commit(),
            20..34 => self.commit_unseen(),
            34..59 => self.look(),
            60..72 => {
                let ms = self.dice.pick(&[50, 400, 3000]);
                self.advance(Duration::from_millis(ms), 2);
            }
            72..77 => self.advance(Duration::from_secs(40), 8),
            77..79 => {
                let minutes = self.dice.pick(&[6, 30, 120]);
                self.advance(Duration::from_secs(60 * minutes), 12);
            }
            79..84 => {
                let mode = self.dice.pick(&["PASSIVE", "FULL", "RESTART", "TRUNCATE"]);
                let done = self.world().checkpoint(mode);
                self.say(format!("checkpoint {mode}: {done}"));
            }
            84..86 => {
                let done = self.world().vacuum();
                self.say(format!("vacuum: {done}"));
            }
            86..88 => {
                self.world().read_on();
                self.say("reader".into());
            }
            88 => {
                self.world().close();
                self.say("everybody closes".into());
            }
            89 => {
                self.world().keep();
                self.say("keep".into());
            }
            90 => {
                self.world().replace();
                self.say("replace".into());
            }
            91..95 => self.crash(),
            95..97 => {
                let changes = self.dice.below(14);
                self.disk.crash_after(changes);
                self.say(format!("crash after {changes}"));
            }
            97 => {
                let writes = self.dice.below(5) + 1;
                self.disk.fill_for(writes);
                self.say(format!("disk full for {writes}"));
            }
            98 => self.toggle_store(),
            59 => self.delete_state(),
            _ => self.deliver(),
        }
    }

    fn commit(&mut self) {
        for _ in 0..=self.dice.below(3) {
            let state = self.world().commit();
            self.say(format!("commit {state:?}"));
        }
        let newest = self.world().newest();
        if let (Some(shipper), Some(newest)) = (&self.shipper, newest)
            && self.dice.one_in(2)
        {
            self.waiting.push((shipper.ask(), newest));
            self.world().sync();
        }
    }

    fn commit_unseen(&mut self) {
        for _ in 0..=self.dice.below(3) {
            let state = self.world().commit_unseen();
            self.say(format!("commit unseen {state:?}"));
        }
    }

    fn start(&mut self) {
        let destinations = self
            .sites
            .iter()
            .map(|site| Destination { name: site.name.clone(), replica: site.store.replica() });
        let hooks = Arc::clone(&self.disk) as Arc<dyn Hooks>;
        let (path, options) = (self.world().database(), self.options.clone());
        let runtime = self.runtime.handle();
        let started = Stepped::open(&path, destinations.collect(), options, hooks, runtime);
        self.say(format!("start: {:?}", started.as_ref().map(drop).map_err(ToString::to_string)));
        (self.shipper, self.checkpoints) = (started.ok(), 0);
        self.end_if_crashed();
    }

    fn look(&mut self) {
        let Some(shipper) = &mut self.shipper else { return };
        self.disk.look_begins();
        shipper.look();
        let status = shipper.status();
        let error = status.error.map(|failure| failure.error);
        if status.checkpoints != self.checkpoints || error.is_some() {
            self.checkpoints = status.checkpoints;
            self.world().sync();
        }
        self.say(format!("look: {} {:?}", status.txid.0, error));
        self.end_if_crashed();
    }

    /// A quiet file is left asleep.
    fn doze(&mut self) {
        if self.drowsy.one_in(3)
            && let Some(shipper) = &mut self.shipper
            && shipper.doze()
        {
            self.say("asleep".into());
        }
    }

    /// Time passes in so many turns; others go on, and the shipper looks when it is asked to.
    fn advance(&mut self, time: Duration, turns: u32) {
        for _ in 0..turns {
            self.pass(time / turns);
            if self.is_lively && self.dice.one_in(4) {
                self.commit_unseen();
                self.look();
            }
            if self.shipper.as_ref().is_some_and(Stepped::is_urgent) && !self.dice.one_in(4) {
                self.look();
            }
        }
        let stored = self.shipper.as_ref().map(|shipper| {
            let status = shipper.status();
            status.destinations.iter().map(|d| (d.stored.0, d.merged_count)).collect::<Vec<_>>()
        });
        self.say(format!("{time:?} later: {stored:?}"));
    }

    fn pass(&mut self, time: Duration) {
        self.runtime.block_on(tokio::time::sleep(time));
    }

    fn end_if_crashed(&mut self) {
        if self.disk.take_crash() {
            self.shipper = None;
            self.waiting.clear();
            self.say("crashed".into());
        }
    }

    fn crash(&mut self) {
        if self.dice.one_in(2) {
            // With something under way.
            self.commit();
            self.look();
            let ms = self.dice.pick(&[10, 60, 200]);
            self.pass(Duration::from_millis(ms));
        }
        self.shipper = None;
        self.waiting.clear();
        self.say("crash".into());
        match self.dice.below(5) {
            0 | 1 => {
                // Nobody has anything open on a machine that ends: what was aborted still has.
                self.pass(Duration::from_millis(1));
                self.disk.lose_power();
                self.world().lose_power();
                self.setbacks += 1;
                self.say("power lost".into());
            }
            2 | 3 => {
                self.delete_state();
                self.start_at_once();
            }
            _ => {}
        }
    }

    /// What the process before has sent may still arrive.
    fn start_at_once(&mut self) {
        self.start();
        for site in &self.sites {
            let (store, ms) = (Arc::clone(&site.store), self.dice.below(1000));
            self.runtime.spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                store.deliver().await;
            });
        }
        self.pass(Duration::from_millis(400));
        self.commit();
        self.look();
        self.advance(Duration::from_secs(2), 3);
    }

    /// Anybody may do that at any moment. Who goes back to a machine of before has not its newest files.
    fn delete_state(&mut self) {
        let state = state_directory(&self.world().database());
        if self.dice.one_in(2) {
            drop(fs::remove_dir_all(state));
            self.say("local state deleted".into());
        } else {
            let entries = fs::read_dir(state.join("ltx/0")).into_iter().flatten();
            let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            files.sort();
            let count = self.dice.pick(&[1, 2, 5]);
            files.iter().rev().take(count).for_each(|file| fs::remove_file(file).unwrap());
            self.say(format!("{count} local files deleted"));
        }
        self.disk.forget();
    }

    fn toggle_store(&mut self) {
        let index = self.dice.below(self.sites.len() as u64) as usize;
        let store = &self.sites[index].store;
        store.set_down(!store.is_down());
        let text = format!("store {index} down: {}", store.is_down());
        self.say(text);
    }

    fn deliver(&mut self) {
        for site in &self.sites {
            self.runtime.block_on(site.store.deliver());
        }
        self.say("what was late has arrived".into());
    }

    // What must be true.

    /// Every destination restores to a state that was committed, and that is none before what was
    /// said to be there.
    fn check(&mut self) -> Result<(), String> {
        self.take_acknowledgements();
        for site in &mut self.sites {
            let changes = site.store.changes();
            if changes != site.checked {
                let world = self.world.lock().unwrap();
                let restored = self.restorer.restore(&site.store.truth(), restore::Target::Latest);
                site.restored = match restored {
                    Ok(path) => world.state_of(&path).map_err(|e| format!("{}: {e}", site.name))?,
                    Err(restore::Error::Plan(_)) if site.restored.is_none() => None,
                    Err(error) => return Err(format!("{}: {error}", site.name)),
                };
                site.checked = changes;
            }
            if site.restored < site.acknowledged {
                let (restored, said) = (site.restored, site.acknowledged);
                return Err(format!("{}: restored {restored:?}, said {said:?}", site.name));
            }
        }
        Ok(())
    }

    fn take_acknowledgements(&mut self) {
        let Some(shipper) = &self.shipper else { return };
        for site in &mut self.sites {
            let names = [site.name.clone()];
            for (asked, state) in &self.waiting {
                if shipper.stored(*asked, &names).is_some() {
                    site.acknowledged = site.acknowledged.max(Some(*state));
                }
            }
        }
    }

    /// Once nothing goes wrong any more all is stored.
    fn heal(&mut self) -> Result<(), String> {
        self.say("heal".into());
        self.is_lively = false;
        self.disk.heal();
        self.sites.iter().for_each(|site| site.store.heal());
        self.world().close();
        self.world().commit();
        if self.shipper.is_none() {
            self.start();
        }
        let asked = self.shipper.as_ref().map(Stepped::ask).ok_or("did not start")?;
        for _ in 0..HEALING_TURNS {
            if self.shipper.as_ref().is_some_and(|shipper| shipper.stored(asked, &[]).is_some()) {
                self.check()?;
                return self.assert_newest();
            }
            self.look();
            self.pass(Duration::from_secs(2));
        }
        Err(format!("never stored: {:?}", self.shipper.as_ref().map(Stepped::status)))
    }

    fn assert_newest(&self) -> Result<(), String> {
        let newest = self.world().newest();
        match self.sites.iter().find(|site| site.restored != newest) {
            Some(site) => Err(format!("{}: restored {:?} of {newest:?}", site.name, site.restored)),
            None => Ok(()),
        }
    }

    /// What can be restored of the past is what was, in the order in which it was. What was stored
    /// may be more than the disk had when the power was lost: then the file was an earlier one again.
    fn check_moments(&mut self) -> Result<(), String> {
        for index in 0..self.sites.len() {
            let replica = self.sites[index].store.truth();
            let (mut before, mut setbacks) = (None, self.setbacks);
            for txid in self.restorer.moments(&replica) {
                if !self.dice.one_in(6) {
                    continue;
                }
                let restored = self.restorer.restore(&replica, restore::Target::Txid(txid));
                let path = restored.map_err(|error| format!("transaction {txid}: {error}"))?;
                let state = self.world().state_of(&path).map_err(|e| format!("{txid}: {e}"))?;
                if state < before && setbacks > 0 {
                    setbacks -= 1;
                } else if state < before {
                    return Err(format!("transaction {txid}: {state:?} after {before:?}"));
                }
                before = state;
            }
        }
        Ok(())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn say(&mut self, what: String) {
        self.trace.push(what);
    }
}

fn options(dice: &mut Dice) -> Options {
    const FOR_EVER: Duration = Duration::from_secs(1 << 40);
    let seconds = Duration::from_secs;
    let levels: &[u64] = dice.pick(&[[].as_slice(), &[30, 300], &[2, 10, 60]]);
    Options {
        checkpoint_pages: dice.pick(&[5, 20, 100, 1000]),
        truncate_bytes: dice.pick(&[0, 64 << 20]),
        batch_bytes_max: dice.pick(&[1, 20_000, 64 << 20]),
        // By the clock of the disk, which does not stand still.
        local_retention: dice.pick(&[Duration::ZERO, FOR_EVER]),
        log_bytes_max: dice.pick(&[10_000, 4 << 30, 4 << 30]),
        prune_interval: seconds(dice.pick(&[0, 10])),
        ladder: Ladder {
            levels: levels.iter().copied().map(seconds).collect(),
            snapshot_interval: seconds(dice.pick(&[60, 3600, 24 * 3600])),
            retention: seconds(dice.pick(&[60, 3600, 7 * 24 * 3600])),
            l0_retention: seconds(dice.pick(&[0, 5, 300])),
        },
        ..Options::default()
    }
}
