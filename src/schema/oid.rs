//! OIDs that stay the same in every session, after a restart and on a replica.
//!
//! What enters: what an object is and its name. What leaves: an OID made from nothing else, above
//! 16383 as Postgres gives to users' objects, and within 31 bits since some clients take OIDs for
//! signed numbers.

use crate::types::Oid;
use std::collections::HashSet;

/// The first OID Postgres gives to an object made by a user.
pub const FIRST_USER_OID: Oid = 16_384;

/// Gives OIDs out, no two alike.
#[derive(Debug, Default)]
pub struct Oids {
    given: HashSet<Oid>,
}

impl Oids {
    /// Takes an OID that was given before out of those that are free.
    pub fn reserve(&mut self, oid: Oid) {
        self.given.insert(oid);
    }

    /// It was given, or taken out.
    #[must_use]
    pub fn is_given(&self, oid: Oid) -> bool {
        self.given.contains(&oid)
    }

    /// The OID of an object. Of two whose hashes meet, the one asked for first keeps its own and
    /// the other gets the next one that is free, so ask in an order that does not vary.
    pub fn assign(&mut self, kind: &str, name: &str) -> Oid {
        let mut oid = hash(kind, name);
        while !self.given.insert(oid) {
            oid = if oid >= OID_MAX { FIRST_USER_OID } else { oid + 1 };
        }
        oid
    }
}

const OID_MAX: Oid = 0x7fff_ffff;

/// FNV-1a over the kind and the name as SQLite compares names, folded into the users' range.
fn hash(kind: &str, name: &str) -> Oid {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in kind.bytes().chain([0]).chain(name.bytes().map(|b| b.to_ascii_lowercase())) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV's low bits alone are weak for short keys.
    let mixed = (hash ^ (hash >> 32)) % u64::from(OID_MAX - FIRST_USER_OID);
    FIRST_USER_OID + u32::try_from(mixed).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_as_sqlite_compares_them() {
        assert_eq!(hash("relation", "Album"), hash("relation", "album"));
        assert_ne!(hash("relation", "album"), hash("index", "album"));
        // A change here changes every OID clients may have stored.
        assert_eq!(hash("relation", "album"), 2_041_955_785);
    }

    #[test]
    fn no_oid_is_given_twice() {
        let mut oids = Oids::default();
        let first = oids.assign("relation", "a");
        assert_eq!(oids.assign("relation", "A"), first + 1);
    }
}
