//! Named moments of a backup, as `SELECT pg_create_restore_point('before-migration')` makes them.
//!
//! A point is a small object beside the levels, under a name Litestream ignores:
//! `points/<name>.json`, with the transaction it stands for and when it was made. A name is given
//! once. Retention has to keep the files that make a point's transaction
//! ([`super::plan::needed`]) as long as the point is within the window.

use crate::ltx::Txid;
use crate::store::{self, Body, Put, PutMode, Replica};
use serde::{Deserialize, Serialize};

/// The longest name, as in PostgreSQL.
pub const NAME_LEN_MAX: usize = 63;

const PREFIX: &str = "points/";
const SUFFIX: &str = ".json";

/// A named moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name.
    pub name: String,
    /// The last transaction before it.
    pub txid: Txid,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: i64,
}

/// What the object holds.
#[derive(Serialize, Deserialize)]
struct Stored {
    txid: String,
    time_ms: i64,
}

/// Why a name cannot be given to a point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Too long.
    #[error("value too long for restore point (maximum {NAME_LEN_MAX} characters)")]
    Long,
    /// It has to be part of an object's key.
    #[error(
        "restore point \"{0}\": a name has letters, digits, - _ and ., and begins with none of these three"
    )]
    Characters(String),
}

/// Whether a point may have this name.
///
/// # Errors
/// It may not.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if name.len() > NAME_LEN_MAX {
        return Err(BadName::Long);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if begins && name.bytes().all(plain) {
        return Ok(());
    }
    Err(BadName::Characters(name.to_owned()))
}

/// Why a point was not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot have this name.
    #[error(transparent)]
    Name(#[from] BadName),
    /// There is one of this name.
    #[error("restore point \"{name}\" already exists")]
    Exists {
        /// The name.
        name: String,
    },
    /// What was committed before it is not stored.
    #[error(transparent)]
    Ship(#[from] super::Error),
    /// A destination failed.
    #[error("store restore point: {0}")]
    Store(#[from] store::Error),
    /// Whoever asked for it does not wait any longer.
    #[error("canceling statement due to user request")]
    Cancelled,
}

impl Point {
    /// Stores the point in a replica.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is another one of this name, or the store fails.
    pub async fn store(&self, replica: &Replica) -> Result<(), Error> {
        let stored = Stored { txid: self.txid.to_string(), time_ms: self.time_ms };
        let bytes = serde_json::to_vec(&stored).unwrap_or_default();
        let put = Put { mode: PutMode::IfAbsent, timestamp_ms: None };
        match replica.store().put(&key(replica, &self.name), Body::from(bytes), put).await {
            // It is ours if a reply was lost.
            Err(store::Error::AlreadyExists { .. }) if !self.is_in(replica).await? => {
                Err(Error::Exists { name: self.name.clone() })
            }
            Err(error) if !matches!(error, store::Error::AlreadyExists { .. }) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// A replica has this very point, as far as it can be read.
    async fn is_in(&self, replica: &Replica) -> Result<bool, store::Error> {
        match find(replica, &self.name).await {
            Err(error) if error.is_sealed() => Ok(false),
            found => Ok(found?.as_ref() == Some(self)),
        }
    }

    /// Stores the point in every replica, or in none.
    ///
    /// # Errors
    /// Those of [`Self::store`].
    pub(super) async fn store_in_all(&self, replicas: &[Replica]) -> Result<(), Error> {
        for (index, replica) in replicas.iter().enumerate() {
            if let Err(error) = self.store(replica).await {
                for stored in replicas.iter().take(index) {
                    self.take_back(stored).await;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    async fn take_back(&self, replica: &Replica) {
        if let Err(error) = self.remove(replica).await {
            tracing::warn!(name = self.name, %error, "a restore point is left in one destination");
        }
    }

    /// Removes the point from a replica; it is no error if it is gone.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn remove(&self, replica: &Replica) -> Result<(), store::Error> {
        replica.store().delete(&key(replica, &self.name)).await
    }

    fn read(name: &str, bytes: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(bytes).ok()?;
        let txid = stored.txid.parse().ok()?;
        Some(Self { name: name.to_owned(), txid, time_ms: stored.time_ms })
    }
}

/// The points of a replica, oldest first. What is no point, or encrypted for others, is told of and
/// left out.
///
/// # Errors
/// If the store fails.
pub async fn list(replica: &Replica) -> Result<Vec<Point>, store::Error> {
    let prefix = replica.key(PREFIX);
    let mut points = Vec::new();
    for object in replica.store().list(&prefix, None).await? {
        let name = object.key.strip_prefix(&prefix).and_then(|name| name.strip_suffix(SUFFIX));
        let Some(name) = name.filter(|name| check_name(name).is_ok()) else { continue };
        match find(replica, name).await {
            Err(error) if error.is_sealed() => tracing::warn!(%error, "restore point left out"),
            found => points.extend(found?),
        }
    }
    points.sort_by_key(|point| (point.txid, point.time_ms));
    Ok(points)
}

/// The point of a name.
///
/// # Errors
/// If the store fails.
pub async fn find(replica: &Replica, name: &str) -> Result<Option<Point>, store::Error> {
    let key = key(replica, name);
    match replica.store().get(&key).await {
        Ok((_, bytes)) => {
            let point = Point::read(name, &bytes);
            if point.is_none() {
                tracing::warn!(key, "this is no restore point");
            }
            Ok(point)
        }
        Err(store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The transactions that points made since a time stand for: retention has to leave the files that
/// make them ([`super::plan::needed`]).
///
/// # Errors
/// If the store fails.
pub async fn txids_since(replica: &Replica, since_ms: i64) -> Result<Vec<Txid>, store::Error> {
    let points = list(replica).await?;
    let within = points.iter().filter(|point| point.time_ms >= since_ms);
    Ok(within.map(|point| point.txid).collect())
}

fn key(replica: &Replica, name: &str) -> String {
    replica.key(&format!("{PREFIX}{name}{SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Store};
    use std::sync::Arc;

    fn replica() -> Replica {
        Replica::new(Arc::new(MemoryStore::new()) as Arc<dyn Store>, "some/prefix")
    }

    fn point(name: &str, txid: u64) -> Point {
        Point { name: name.to_owned(), txid: Txid(txid), time_ms: 1000 * txid as i64 }
    }

    #[test]
    fn names() {
        for name in ["a", "before-migration", "v1.2_3", &"x".repeat(63)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "a b", "a/b", "../a", ".a", "-a", "a\0", "ä"] {
            assert!(matches!(check_name(name), Err(BadName::Characters(_))), "{name:?}");
        }
        assert_eq!(check_name(&"x".repeat(64)), Err(BadName::Long));
    }

    #[tokio::test]
    async fn a_name_is_given_once() {
        let replica = replica();
        point("b", 7).store(&replica).await.unwrap();
        point("a", 3).store(&replica).await.unwrap();
        let again = point("a", 9).store(&replica).await;
        assert!(matches!(again, Err(Error::Exists { .. })), "{again:?}");
        point("a", 3).store(&replica).await.unwrap();
        assert_eq!(list(&replica).await.unwrap(), [point("a", 3), point("b", 7)]);
        assert_eq!(find(&replica, "b").await.unwrap(), Some(point("b", 7)));
        assert_eq!(find(&replica, "c").await.unwrap(), None);
        assert_eq!(txids_since(&replica, 7000).await.unwrap(), [Txid(7)]);
        point("b", 7).remove(&replica).await.unwrap();
        assert_eq!(list(&replica).await.unwrap(), [point("a", 3)]);
    }

    #[tokio::test]
    async fn it_is_in_all_replicas_or_in_none() {
        let replicas = [replica(), replica()];
        point("a", 1).store(&replicas[1]).await.unwrap();
        let refused = point("a", 2).store_in_all(&replicas).await;
        assert!(matches!(refused, Err(Error::Exists { .. })), "{refused:?}");
        assert_eq!(list(&replicas[0]).await.unwrap(), []);
        point("b", 2).store_in_all(&replicas).await.unwrap();
        assert_eq!(find(&replicas[1], "b").await.unwrap(), Some(point("b", 2)));
    }

    #[tokio::test]
    async fn what_is_no_point_is_left_out() {
        let replica = replica();
        for (name, bytes) in [("bad.json", "{"), ("other.txt", "{}"), ("x.json", "{\"txid\":1}")] {
            let key = replica.key(&format!("{PREFIX}{name}"));
            let body = Body::from(bytes.as_bytes().to_vec());
            replica.store().put(&key, body, Put::default()).await.unwrap();
        }
        assert_eq!(list(&replica).await.unwrap(), []);
    }
}
