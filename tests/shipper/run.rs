//! One schedule: what everybody does, step by step, and what must be true after each.

use crate::dice::Dice;
use crate::followed::Followed;
use crate::history::History;
use crate::machine::{Machine, Trace};
use crate::restorer::Restorer;
use crate::site::Site;
use crate::store::{BadStore, MACHINES};
use egret::shipper::{Ladder, Options, Stepped, restore};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How many steps a schedule has before everything is mended.
const STEPS: u64 = 45;
/// How many turns it may take until everything is stored then.
const HEALING_TURNS: usize = 300;
/// And until what follows is there.
const FOLLOWING_TURNS: usize = 3;

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
    let trace = run.trace.take();
    match done {
        Ok(()) => Ok(trace),
        Err(wrong) => Err(format!("{}\n{wrong}", trace.join("\n"))),
    }
}

/// What a second machine does in a schedule that has one: in one of four.
fn rival_of(seed: u64) -> Option<Dice> {
    let mut dice = Dice::new((seed, "rival"));
    dice.one_in(4).then_some(dice)
}

/// How many stores there are where there is a second machine.
fn stores_of(rival: &mut Dice) -> usize {
    rival.pick(&[1, 1, 2])
}

/// Two machines write to two stores.
pub fn is_large(seed: u64) -> bool {
    rival_of(seed).is_some_and(|mut rival| stores_of(&mut rival) == 2)
}

struct Run<'a> {
    seed: u64,
    directory: PathBuf,
    dice: Dice,
    /// Whether a quiet file is left asleep.
    drowsy: Dice,
    rival: Option<Dice>,
    options: Options,
    runtime: Arc<Runtime>,
    restorer: &'a Restorer,
    history: History,
    machines: Vec<Machine>,
    /// The machine on which something happens.
    at: usize,
    sites: Vec<Site>,
    followed: Option<Followed>,
    trace: Trace,
}

impl<'a> Run<'a> {
    fn new(seed: u64, directory: &Path, runtime: Arc<Runtime>, restorer: &'a Restorer) -> Self {
        let mut dice = Dice::new((seed, "run"));
        let (history, trace) = (History::default(), Trace::default());
        let own = ["world", "disk"].map(|what| Dice::new((seed, what)));
        let shared = (history.clone(), Trace::clone(&trace));
        let first = Machine::new(0, directory, own, dice.pick(&[0, 3, 12]), shared);
        let (stores, mut rival) = (dice.pick(&[1, 1, 2]), rival_of(seed));
        let stores = rival.as_mut().map_or(stores, stores_of);
        let sites = ["one", "two"].iter().take(stores).zip(0..);
        let bad = |(name, index): (&&str, u64)| {
            Site::new(name, BadStore::new(seed, index, dice.pick(&[0, 3, 6, 20])))
        };
        let sites: Vec<_> = sites.map(bad).collect();
        let handle = restorer.runtime();
        let followed = Followed::of(seed, directory, &sites[0].store, handle, &trace);
        let options = options(&mut dice);
        trace.borrow_mut().push(format!("{options:?}"));
        Self {
            seed,
            directory: directory.to_owned(),
            dice,
            drowsy: Dice::new((seed, "drowsy")),
            rival,
            options,
            runtime,
            restorer,
            history,
            machines: vec![first],
            at: 0,
            sites,
            followed,
            trace,
        }
    }

    fn all_steps(&mut self) -> Result<(), String> {
        if !self.dice.one_in(4) {
            self.here().world().commit();
        }
        self.start();
        for _ in 0..STEPS {
            self.contend();
            self.step();
            self.doze();
            self.check()?;
            if let Some(followed) = &mut self.followed {
                followed.step(&self.history, &self.machines)?;
            }
        }
        self.heal()?;
        if self.machines.len() > 1 {
            // What whoever is gone has sent arrives at last.
            self.deliver();
            self.check()?;
            self.assert_newest()?;
            self.check_moments()?;
        }
        self.advance(Duration::from_secs(3 * 3600), 40);
        self.check()?;
        self.assert_newest()?;
        self.assert_followed()?;
        self.check_moments()
    }

    fn step(&mut self) {
        if self.here().shipper.is_none() && self.dice.one_in(3) {
            self.start();
        }
        match self.dice.below(100) {
            0..20 => self.commit(),
            20..34 => self.commit_unseen(),
            34..59 => self.here_mut().look(),
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
                let done = self.here().world().checkpoint(mode);
                self.here().say(format!("checkpoint {mode}: {done}"));
            }
            84..86 => {
                let done = self.here().world().vacuum();
                self.here().say(format!("vacuum: {done}"));
            }
            86..88 => {
                self.here().world().read_on();
                self.here().say("reader");
            }
            88 => {
                self.here().world().close();
                self.here().say("everybody closes");
            }
            89 => {
                self.here().world().keep();
                self.here().say("keep");
            }
            90 => {
                self.here().world().replace();
                self.here().say("replace");
            }
            91..95 => self.crash(),
            95..97 => {
                let changes = self.dice.below(14);
                self.here().disk.crash_after(changes);
                self.here().say(format!("crash after {changes}"));
            }
            97 => {
                let writes = self.dice.below(5) + 1;
                self.here().disk.fill_for(writes);
                self.here().say(format!("disk full for {writes}"));
            }
            98 => {
                let index = self.dice.below(self.sites.len() as u64) as usize;
                self.toggle_store(index);
            }
            59 => self.delete_state(),
            _ => self.deliver(),
        }
    }

    fn commit(&mut self) {
        for _ in 0..=self.dice.below(3) {
            let state = self.here().world().commit();
            self.here().say(format!("commit {state:?}"));
        }
        if self.here().shipper.is_some()
            && self.here().world().newest().is_some()
            && self.dice.one_in(2)
        {
            self.here_mut().ask();
        }
    }

    fn commit_unseen(&mut self) {
        for _ in 0..=self.dice.below(3) {
            let state = self.here().world().commit_unseen();
            self.here().say(format!("commit unseen {state:?}"));
        }
    }

    fn start(&mut self) {
        self.machines[self.at].start(&self.sites, &self.options, self.runtime.handle());
    }

    /// A quiet file is left asleep.
    fn doze(&mut self) {
        if self.drowsy.one_in(3)
            && let Some(shipper) = &mut self.machines[self.at].shipper
            && shipper.doze()
        {
            self.here().say("asleep");
        }
    }

    /// Time passes in so many turns; others go on, and the shippers look when they are asked to.
    fn advance(&mut self, time: Duration, turns: u32) {
        let at = self.at;
        for _ in 0..turns {
            self.pass(time / turns);
            for number in 0..self.machines.len() {
                self.at = number;
                self.go_on();
            }
        }
        for machine in &self.machines {
            let stored = machine.shipper.as_ref().map(|shipper| {
                let status = shipper.status();
                status.destinations.iter().map(|d| (d.stored.0, d.merged_count)).collect::<Vec<_>>()
            });
            machine.say(format!("{time:?} later: {stored:?}"));
        }
        self.at = at;
    }

    fn go_on(&mut self) {
        if self.here().is_lively && self.dice.one_in(4) {
            self.commit_unseen();
            self.here_mut().look();
        }
        let is_urgent = self.here().shipper.as_ref().is_some_and(Stepped::is_urgent);
        if is_urgent && !self.dice.one_in(4) {
            self.here_mut().look();
        }
    }

    fn pass(&mut self, time: Duration) {
        self.runtime.block_on(tokio::time::sleep(time));
    }

    fn crash(&mut self) {
        if self.dice.one_in(2) {
            // With something under way.
            self.commit();
            self.here_mut().look();
            let ms = self.dice.pick(&[10, 60, 200]);
            self.pass(Duration::from_millis(ms));
        }
        self.here_mut().stop("crash");
        match self.dice.below(5) {
            0 | 1 => {
                // Nobody has anything open on a machine that ends: what was aborted still has.
                self.pass(Duration::from_millis(1));
                self.here_mut().lose_power();
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
        self.here_mut().look();
        self.advance(Duration::from_secs(2), 3);
    }

    fn delete_state(&mut self) {
        self.machines[self.at].delete_state(&mut self.dice);
    }

    fn toggle_store(&self, index: usize) {
        let is_down = self.sites[index].store.toggle(self.at);
        self.here().say(format!("store {index} down: {is_down}"));
    }

    fn deliver(&self) {
        for site in &self.sites {
            self.runtime.block_on(site.store.deliver());
        }
        self.here().say("what was late has arrived");
    }

    // The second machine.

    /// Where there is a second machine, it is drawn on which something happens; now and then they
    /// contend for the lease.
    fn contend(&mut self) {
        let Some(dice) = &mut self.rival else { return };
        if self.machines.len() < MACHINES {
            if dice.one_in(6) {
                self.begin_rival();
            }
            return;
        }
        self.at = dice.below(2) as usize;
        let what = dice.below(24);
        let is_over = self.here().is_fenced();
        match what {
            0..3 => self.fall_silent(what == 0),
            3 => (0..self.sites.len()).for_each(|index| self.toggle_store(index)),
            4 => self.deliver(),
            5..12 if is_over => self.come_back(what < 9),
            _ => {}
        }
    }

    /// One that another has taken over from is started again.
    fn come_back(&mut self, anew: bool) {
        self.here_mut().stop("gives up");
        if anew {
            self.here().begin_anew();
        }
        self.start();
    }

    /// One does not write any more, so that the other may take over.
    fn fall_silent(&mut self, ends: bool) {
        if ends {
            self.here_mut().stop("ends");
        }
        self.here_mut().is_lively = false;
        self.here().say("silent");
        self.advance(Duration::from_secs(100), 20);
        self.here_mut().is_lively = true;
    }

    /// A second machine begins with what the first one has, or a store, and goes on otherwise.
    fn begin_rival(&mut self) {
        let Some(dice) = &mut self.rival else { return };
        let directory = self.directory.join("rival");
        fs::create_dir(&directory).unwrap();
        let (number, how) = (self.machines.len(), dice.below(3));
        let (meddled_one_in, first) = (dice.pick(&[0, 3, 12]), &mut self.machines[0]);
        match how {
            0 => first.copy_to(&directory),
            1 => first.world().copy_to(&directory.join("app.db")),
            _ => {
                let truth = self.sites[0].store.truth();
                if let Ok(path) = self.restorer.restore(&truth, restore::Target::Latest) {
                    fs::copy(path, directory.join("app.db")).unwrap();
                }
            }
        }
        let common = first.common;
        let own = ["world", "disk"].map(|what| Dice::new((self.seed, what, number)));
        let shared = (self.history.clone(), Trace::clone(&self.trace));
        let mut rival = Machine::new(number, &directory, own, meddled_one_in, shared);
        rival.common = common;
        if self.followed.is_some() {
            // What follows cannot follow that.
            rival.world().imitate(&self.machines[0].world());
        }
        let state = rival.world().commit().unwrap();
        rival.world().sync();
        rival.say(format!(
            "begins with {}, commit {state}",
            ["all", "a copy", "a restore"][how as usize]
        ));
        self.machines.push(rival);
        self.at = number;
        self.start();
    }

    // What must be true.

    fn check(&mut self) -> Result<(), String> {
        for site in &mut self.sites {
            for machine in &self.machines {
                site.take_acknowledgements(machine)?;
            }
            site.check(self.restorer, &self.history)?;
        }
        Ok(())
    }

    /// Once nothing goes wrong any more, and one machine is left, all is stored.
    fn heal(&mut self) -> Result<(), String> {
        if let Some(dice) = &mut self.rival {
            self.at = dice.below(self.machines.len() as u64) as usize;
        }
        self.here().say("heal");
        for machine in &mut self.machines {
            machine.is_lively = false;
            machine.disk.heal();
            if machine.number != self.at {
                machine.stop("ends");
            }
        }
        self.sites.iter().for_each(|site| site.store.heal());
        self.here().world().close();
        self.here().world().commit();
        if self.here().shipper.is_none() {
            self.start();
        }
        let mut asked = self.here().shipper.as_ref().map(Stepped::ask).ok_or("did not start")?;
        for _ in 0..HEALING_TURNS {
            if self.here().is_fenced() {
                self.come_back(true);
                asked = self.here().shipper.as_ref().map(Stepped::ask).ok_or("did not start")?;
            }
            if self
                .here()
                .shipper
                .as_ref()
                .is_some_and(|shipper| shipper.stored(asked, &[]).is_some())
            {
                self.check()?;
                return self.assert_newest();
            }
            self.here_mut().look();
            self.pass(Duration::from_secs(2));
        }
        Err(format!("never stored: {:?}", self.here().shipper.as_ref().map(Stepped::status)))
    }

    fn assert_newest(&self) -> Result<(), String> {
        let newest = self.here().world().newest();
        match self.sites.iter().find(|site| site.restored != newest) {
            Some(site) => Err(format!("{}: restored {:?} of {newest:?}", site.name, site.restored)),
            None => Ok(()),
        }
    }

    /// Once nothing goes wrong any more what follows is where all is.
    fn assert_followed(&mut self) -> Result<(), String> {
        let newest = self.here().world().newest();
        let Some(followed) = &mut self.followed else { return Ok(()) };
        followed.heal();
        let mut state = None;
        for _ in 0..FOLLOWING_TURNS {
            self.runtime.block_on(tokio::time::sleep(Duration::from_secs(11)));
            state = followed.ask(&self.history, &self.machines)?;
        }
        match state == newest {
            true => Ok(()),
            false => Err(format!("follower: {state:?} of {newest:?}")),
        }
    }

    /// What can be restored of the past is what was, in the order in which it was. What was stored
    /// may be more than the disk had when the power was lost: then the file was an earlier one again.
    /// States of two machines alternate as often as the lease has changed hands.
    fn check_moments(&mut self) -> Result<(), String> {
        for index in 0..self.sites.len() {
            let store = &self.sites[index].store;
            let (replica, mut changes) = (store.truth(), store.hands().changes);
            let mut setbacks: Vec<_> = self.machines.iter().map(|m| m.setbacks).collect();
            let (mut before, mut last) = ([None; MACHINES], None);
            for txid in self.restorer.moments(&replica) {
                if !self.dice.one_in(6) {
                    continue;
                }
                let restored = self.restorer.restore(&replica, restore::Target::Txid(txid));
                let path = restored.map_err(|error| format!("transaction {txid}: {error}"))?;
                let state = self.history.state_of(&path).map_err(|e| format!("{txid}: {e}"))?;
                let machine = state.map_or(0, |state| self.history.machine_of(state));
                if last.replace(machine) != Some(machine) {
                    changes = changes.checked_sub(1).ok_or(format!("{txid}: another's"))?;
                }
                if state < before[machine] {
                    let left = setbacks[machine].checked_sub(1);
                    let before = before[machine];
                    setbacks[machine] = left
                        .ok_or_else(|| format!("transaction {txid}: {state:?} after {before:?}"))?;
                }
                before[machine] = state;
            }
        }
        Ok(())
    }

    fn here(&self) -> &Machine {
        &self.machines[self.at]
    }

    fn here_mut(&mut self) -> &mut Machine {
        &mut self.machines[self.at]
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
