//! A file that follows a store, and what may be seen in it.

use crate::dice::Dice;
use crate::history::History;
use crate::machine::{Machine, Trace};
use crate::store::{BadStore, MACHINES};
use crate::window::Window;
use egret::replica::{Options, Source, Stepped};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

pub struct Followed {
    dice: Dice,
    path: PathBuf,
    store: Arc<BadStore>,
    window: Arc<Window>,
    runtime: Handle,
    follower: Option<Stepped>,
    /// What was seen last, of each machine, and of which one.
    seen: [Option<usize>; MACHINES],
    last: Option<usize>,
    /// How often it was an earlier state of a machine, and another machine's.
    setbacks: [usize; MACHINES],
    changes: u64,
    trace: Trace,
}

impl Followed {
    /// In one schedule of three.
    pub fn of(
        seed: u64,
        directory: &Path,
        store: &Arc<BadStore>,
        runtime: &Handle,
        trace: &Trace,
    ) -> Option<Self> {
        let mut dice = Dice::new((seed, "follower"));
        if !dice.one_in(3) {
            return None;
        }
        let directory = directory.join("followed");
        fs::create_dir(&directory).unwrap();
        Some(Self {
            path: directory.join("app.db"),
            window: Window::new(seed, store, dice.pick(&[0, 10, 40])),
            dice,
            store: Arc::clone(store),
            runtime: runtime.clone(),
            follower: None,
            seen: [None; MACHINES],
            last: None,
            setbacks: [0; MACHINES],
            changes: 0,
            trace: Trace::clone(trace),
        })
    }

    /// It asks the store now and then, or its process ends.
    pub fn step(&mut self, history: &History, machines: &[Machine]) -> Result<(), String> {
        match self.dice.below(16) {
            0 => self.follower = None,
            1..12 => return self.ask(history, machines).map(drop),
            _ => {}
        }
        Ok(())
    }

    /// Nothing goes wrong from now on.
    pub fn heal(&self) {
        self.window.heal();
    }

    /// It asks the store. What can be seen then is a state that was committed, and none before what was
    /// seen, unless the power was lost or the lease has changed hands.
    pub fn ask(
        &mut self,
        history: &History,
        machines: &[Machine],
    ) -> Result<Option<usize>, String> {
        let follower = self.follower.get_or_insert_with(|| {
            let replica = self.store.seen_through(&self.window);
            let source = Source { name: "store".to_owned(), replica };
            Stepped::new(source, &self.path, Options::default(), &self.runtime)
        });
        self.window.open();
        follower.round().map_err(|error| format!("follower: {error}"))?;
        let status = follower.status();
        let is_well = status.error.is_none();
        let state = match self.path.exists() {
            true => history.seen(&self.path).map_err(|e| format!("follower: {e}"))?,
            false => None,
        };
        let text = format!("follower: {} {state:?} {is_well}", status.txid.0);
        self.trace.borrow_mut().push(text);
        self.see(state, history, machines)?;
        Ok(state)
    }

    fn see(
        &mut self,
        state: Option<usize>,
        history: &History,
        machines: &[Machine],
    ) -> Result<(), String> {
        let machine = state.map_or(self.last, |state| Some(history.machine_of(state)));
        let Some(machine) = machine else { return Ok(()) };
        let before = std::mem::replace(&mut self.seen[machine], state);
        self.setbacks[machine] += usize::from(state < before);
        self.changes += u64::from(self.last.replace(machine) != Some(machine));
        let may_go_back = self.setbacks[machine] <= machines[machine].setbacks;
        if may_go_back && self.changes <= self.store.hands().changes {
            return Ok(());
        }
        Err(format!("follower: {state:?} of machine {machine} after {before:?}"))
    }
}
