//! A destination, what is promised of it, and whether that is true.

use crate::history::History;
use crate::machine::Machine;
use crate::restorer::Restorer;
use crate::store::{BadStore, MACHINES};
use egret::shipper::restore;
use std::sync::Arc;

pub struct Site {
    pub name: String,
    pub store: Arc<BadStore>,
    /// The newest state of each machine that was said to be there.
    acknowledged: [Option<usize>; MACHINES],
    /// Whose was the last that was said to be there by who had the lease, and how often that had changed
    /// hands then.
    promised: Option<(usize, u64)>,
    /// What was there when it was last looked at, and the state it restored to.
    checked: u64,
    pub restored: Option<usize>,
}

impl Site {
    pub fn new(name: &str, store: Arc<BadStore>) -> Self {
        Self {
            name: name.to_owned(),
            store,
            acknowledged: [None; MACHINES],
            promised: None,
            checked: 0,
            restored: None,
        }
    }

    /// A machine tells those who wait there what is stored: that was stored, and by it, but another
    /// machine may have the lease since.
    pub fn take_acknowledgements(&mut self, machine: &Machine) -> Result<(), String> {
        let (number, hands) = (machine.number, self.store.hands());
        for (state, txid) in machine.acknowledged(&self.name) {
            let Some(changes) = self.store.has_of(number, txid, machine.common) else {
                let name = &self.name;
                return Err(format!("{name}: machine {number} was told of {txid}, never stored"));
            };
            let acknowledged = &mut self.acknowledged[number];
            *acknowledged = (*acknowledged).max(Some(state));
            if hands.holder == Some(number) && hands.changes == changes {
                self.promised = Some((number, changes));
            }
        }
        Ok(())
    }

    /// It restores to a state that was committed, to none before what its machine was told is there,
    /// and, until the lease changes hands, to one of who was last told so.
    pub fn check(&mut self, restorer: &Restorer, history: &History) -> Result<(), String> {
        let changes = self.store.changes();
        if changes != self.checked {
            let restored = restorer.restore(&self.store.truth(), restore::Target::Latest);
            self.restored = match restored {
                Ok(path) => history.state_of(&path).map_err(|e| format!("{}: {e}", self.name))?,
                Err(restore::Error::Plan(_)) if self.restored.is_none() => None,
                Err(error) => return Err(format!("{}: {error}", self.name)),
            };
            self.checked = changes;
        }
        let machine = self.restored.map(|state| history.machine_of(state));
        let said = match machine {
            Some(machine) => self.acknowledged[machine],
            None => self.acknowledged.iter().copied().max().flatten(),
        };
        let promised = self.promised.filter(|(_, changes)| *changes == self.store.hands().changes);
        let is_others = promised.is_some_and(|(number, _)| Some(number) != machine);
        if self.restored < said || is_others {
            let Self { name, restored, promised, acknowledged, .. } = self;
            return Err(format!(
                "{name}: restored {restored:?} of machine {machine:?}, said {acknowledged:?}, {promised:?}"
            ));
        }
        Ok(())
    }
}
