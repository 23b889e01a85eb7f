//! OIDs that stay with a relation when it is renamed.
//!
//! What enters: a new snapshot and the one before it. What leaves: the new one, in which relations that
//! stood in the old one keep their OIDs. A file has no room for an OID, so a renamed relation keeps
//! its own for as long as the process remembers; after that its new name decides.

use super::{Check, ForeignKey, Index, Oids, Relation, Schema, Trigger};
use crate::types::Oid;

impl Schema {
    /// Relations that stood in an earlier snapshot keep the OIDs they had there. Renaming leaves a
    /// relation's row in `sqlite_schema` where it is, and its columns as they are.
    #[must_use]
    pub fn with_oids_of(mut self, earlier: &Self) -> Self {
        let gone = |old: &&Relation| self.relation(&old.name).is_none();
        let lost: Vec<&Relation> = earlier.relations.iter().filter(gone).collect();
        let mut oids = Oids::default();
        let mut others = Vec::new();
        for relation in &mut self.relations {
            let same = |old: &&&Relation| is_renamed(old, relation);
            let old = earlier.relation(&relation.name).or_else(|| lost.iter().find(same).copied());
            match old.filter(|old| old.kind == relation.kind) {
                Some(old) => {
                    relation.take_oids(old);
                    relation.oids().into_iter().for_each(|oid| oids.reserve(*oid));
                }
                None => others.push(relation),
            }
        }
        // A new relation of a renamed one's old name finds its OIDs taken.
        for relation in others {
            let name = relation.name.clone();
            for oid in relation.oids() {
                if oids.is_given(*oid) {
                    *oid = oids.assign("again", &format!("{name}.{oid}"));
                }
            }
        }
        self
    }
}

fn is_renamed(old: &Relation, new: &Relation) -> bool {
    let columns = |r: &Relation| -> Vec<(String, String)> {
        r.columns.iter().map(|c| (c.name.clone(), c.declared.clone())).collect()
    };
    let same_place = old.place != 0 && old.place == new.place;
    same_place && old.kind == new.kind && columns(old) == columns(new)
}

impl Relation {
    fn take_oids(&mut self, old: &Self) {
        self.oid = old.oid;
        self.row_type = old.row_type;
        keep_oids(&mut self.indexes, &old.indexes, |new, old| {
            let columns =
                |index: &Index| -> Vec<_> { index.keys.iter().map(|k| k.column).collect() };
            new.origin == old.origin && columns(new) == columns(old)
        });
        keep_oids(&mut self.foreign_keys, &old.foreign_keys, |new, old| {
            new.columns == old.columns && new.references == old.references
        });
        keep_oids(&mut self.checks, &old.checks, |_, _| false);
        keep_oids(&mut self.triggers, &old.triggers, |_, _| false);
        if let Some((new, old)) = self.sequence.as_mut().zip(old.sequence.as_ref()) {
            new.oid = old.oid;
        }
    }

    fn oids(&mut self) -> Vec<&mut Oid> {
        let mut all = vec![&mut self.oid, &mut self.row_type];
        all.extend(self.indexes.iter_mut().map(|index| &mut index.oid));
        all.extend(self.foreign_keys.iter_mut().map(|key| &mut key.oid));
        all.extend(self.checks.iter_mut().map(|check| &mut check.oid));
        all.extend(self.triggers.iter_mut().map(|trigger| &mut trigger.oid));
        all.extend(self.sequence.iter_mut().map(|sequence| &mut sequence.oid));
        all
    }
}

/// What belongs to a relation and has an OID.
trait Part {
    fn name(&self) -> &str;
    fn oid(&self) -> Oid;
    fn set_oid(&mut self, oid: Oid);
}

macro_rules! parts {
    ($($part:ty),*) => {$(
        impl Part for $part {
            fn name(&self) -> &str {
                &self.name
            }

            fn oid(&self) -> Oid {
                self.oid
            }

            fn set_oid(&mut self, oid: Oid) {
                self.oid = oid;
            }
        }
    )*};
}

parts!(Check, ForeignKey, Index, Trigger);

/// Parts keep the OIDs of those that had their names; one whose name is new takes that of one whose
/// name is gone, if they are alike.
fn keep_oids<T: Part>(new: &mut [T], old: &[T], alike: impl Fn(&T, &T) -> bool) {
    let is_gone = |old: &&T| new.iter().all(|new| new.name() != old.name());
    let mut gone: Vec<&T> = old.iter().filter(is_gone).collect();
    for part in new {
        let named = old.iter().find(|old| old.name() == part.name());
        let renamed = || Some(gone.remove(gone.iter().position(|old| alike(part, old))?));
        if let Some(old) = named.or_else(renamed) {
            part.set_oid(old.oid());
        }
    }
}
