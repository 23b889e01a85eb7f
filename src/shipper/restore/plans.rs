//! A moment asked for in, the files that make it out: planned again without those that turn out to be
//! gone or damaged, as long as others make the same moment.

use super::{Error, Target, list_all, plan_of};
use crate::store::{LtxFile, Replica};
use std::collections::BTreeSet;

/// How often to plan where retention removes planned files under our hands, or some are damaged.
const PLANS_MAX: u32 = 5;

/// The plans of one restore.
pub(super) struct Plans<'a> {
    replica: &'a Replica,
    target: Target,
    /// The keys of files that are not to be read.
    damaged: BTreeSet<String>,
    /// What is wrong with the first of them.
    damage: Option<Error>,
    plans_left: u32,
}

impl<'a> Plans<'a> {
    pub(super) fn new(replica: &'a Replica, target: Target) -> Self {
        Self { replica, target, damaged: BTreeSet::new(), damage: None, plans_left: PLANS_MAX }
    }

    /// The files to restore from, as far as is known by now.
    pub(super) async fn next(&mut self) -> Result<Vec<LtxFile>, Error> {
        self.plans_left = self.plans_left.saturating_sub(1);
        let mut files = list_all(self.replica).await?;
        files.retain(|file| !self.damaged.contains(&self.replica.ltx_key(file.level, file.name)));
        let planned = plan_of(self.replica, &files, self.target).await;
        planned.map_err(|error| self.damage.take().unwrap_or(error))
    }

    /// What was planned ends with `last` and did not do. What comes next makes the same moment.
    ///
    /// # Errors
    /// The same, where another plan is of no use.
    pub(super) fn failed(&mut self, error: Error, last: &LtxFile) -> Result<(), Error> {
        if self.plans_left == 0 {
            return Err(error);
        }
        if error.is_vanished() {
            tracing::info!(%error, "plan restore again");
            return Ok(());
        }
        let Some(key) = error.damaged_key() else { return Err(error) };
        self.damaged.insert(key.to_owned());
        tracing::warn!(%error, "left out of the restore: damaged");
        self.target = Target::Txid(last.name.max);
        self.damage.get_or_insert(error);
        Ok(())
    }
}
