//! The flags that name a moment of a backup, and the backup that has it.

use super::text;
use crate::ltx::Txid;
use crate::shipper::points;
use crate::shipper::restore::{self, Preview, Target, preview};
use crate::store::{self, Location, Replica};
use std::io::{self, Write};

/// Which moment.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(multiple = false)]
pub struct Moment {
    /// The moment just after this transaction (16 hexadecimal digits, or 0/61 as
    /// pg_current_wal_lsn() has it)
    #[arg(long, value_name = "TXID", value_parser = txid)]
    txid: Option<Txid>,

    /// The last moment not after this time, e.g. 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = timestamp)]
    timestamp: Option<jiff::Timestamp>,

    /// The moment that pg_create_restore_point('NAME') named
    #[arg(long, value_name = "NAME")]
    point: Option<String>,
}

/// Why a backup does not have the moment.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The plan cannot be made.
    #[error("{url}: {source}")]
    Plan {
        /// The backup.
        url: Location,
        /// What is wrong.
        source: restore::Error,
    },
    /// There is no such restore point.
    #[error("{url}: there is no restore point \"{name}\"")]
    NoPoint {
        /// The backup.
        url: Location,
        /// As asked for.
        name: String,
    },
    /// Not one of several backups has it.
    #[error("none of the backups can be used:\n{}", lines(.0))]
    None(Vec<Self>),
}

/// A backup that has the moment asked for.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) url: Location,
    pub(super) replica: Replica,
    pub(super) target: Target,
    pub(super) preview: Preview,
}

impl Moment {
    /// The time asked for, in milliseconds since 1970.
    pub(super) fn time_ms(&self) -> Option<i64> {
        self.timestamp.map(|time| time.as_millisecond())
    }

    /// The best of several backups: the one that has the latest moment of those asked for; of equal
    /// ones the first. What is wrong with others is said.
    ///
    /// # Errors
    /// None has it.
    pub(super) async fn find(&self, urls: &[Location]) -> Result<Found, Error> {
        let mut looks = Vec::new();
        for url in urls {
            let (moment, url) = (self.clone(), url.clone());
            looks.push(tokio::spawn(async move { moment.find_in(url).await }));
        }
        let (mut best, mut errors): (Option<Found>, Vec<Error>) = (None, Vec::new());
        for look in looks {
            match look.await {
                Ok(Ok(found)) if best.as_ref().is_none_or(|best| found.is_later(best)) => {
                    best = Some(found);
                }
                Ok(Err(error)) => errors.push(error),
                _ => {}
            }
        }
        match best {
            Some(best) => {
                errors.iter().for_each(|error| drop(writeln!(io::stderr(), "left out: {error}")));
                Ok(best)
            }
            None if errors.len() > 1 => Err(Error::None(errors)),
            None => Err(errors.pop().unwrap_or(Error::None(Vec::new()))),
        }
    }

    async fn find_in(&self, url: Location) -> Result<Found, Error> {
        let opened = Replica::open(&url).await;
        let replica = opened.map_err(|error| Error::store(&url, error))?;
        let target = self.target(&replica, &url).await?;
        let preview = preview(&replica, target)
            .await
            .map_err(|source| Error::Plan { url: url.clone(), source })?;
        // What a time means was found out by reading headers: that need not be done again.
        let target = match target {
            Target::Timestamp(_) => Target::Txid(preview.txid),
            target => target,
        };
        Ok(Found { url, replica, target, preview })
    }

    async fn target(&self, replica: &Replica, url: &Location) -> Result<Target, Error> {
        if let Some(name) = &self.point {
            let found = points::find(replica, name).await;
            let found = found.map_err(|error| Error::store(url, error))?;
            let missing = || Error::NoPoint { url: url.clone(), name: name.clone() };
            return Ok(Target::Txid(found.ok_or_else(missing)?.txid));
        }
        let time = self.time_ms().map(Target::Timestamp);
        Ok(self.txid.map(Target::Txid).or(time).unwrap_or_default())
    }

    /// What there is to say about a moment that is not quite the one asked for.
    pub(super) fn distance(&self, found_ms: i64) -> Option<String> {
        let asked = self.time_ms().filter(|asked| *asked != found_ms)?;
        let before = match text::span(found_ms, asked) {
            short if short.as_millis() < 1000 => format!("{} ms", short.as_millis()),
            long => text::duration(long),
        };
        Some(format!("{before} before {}: there is none in between", text::time(asked)))
    }
}

impl Found {
    fn is_later(&self, other: &Self) -> bool {
        let key = |found: &Self| (found.preview.timestamp_ms, found.preview.txid);
        key(self) > key(other)
    }
}

impl Error {
    pub(super) fn store(url: &Location, error: store::Error) -> Self {
        Self::Plan { url: url.clone(), source: error.into() }
    }
}

fn lines(errors: &[Error]) -> String {
    errors.iter().map(|error| format!("  {error}")).collect::<Vec<_>>().join("\n")
}

/// As it is in the names of files, or as `pg_current_wal_lsn()` writes it.
fn txid(text: &str) -> Result<Txid, String> {
    let found = text.parse().ok().or_else(|| lsn(text)).filter(|txid| *txid > Txid(0));
    found.ok_or_else(|| {
        "give it with 16 hexadecimal digits, as egret list URL --moments tells: 0000000000000002, \
         for instance"
            .to_owned()
    })
}

fn lsn(text: &str) -> Option<Txid> {
    let (high, low) = text.split_once('/')?;
    let half = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some(Txid(half(high)? << 32 | half(low)?))
}

fn timestamp(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| {
        "give it with its zone, as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions() {
        assert_eq!(txid("0/61"), Ok(Txid(0x61)));
        assert_eq!(txid("A/FF"), Ok(Txid(0xa_0000_00ff)));
        assert_eq!(txid("0000000000000061"), Ok(Txid(0x61)));
        for wrong in ["0/0", "/", "0/", "0/100000000", "61", "0/1/2"] {
            assert!(txid(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn distances() {
        let timestamp = Some("2026-01-31T12:00:00Z".parse().unwrap());
        let moment = Moment { timestamp, ..Moment::default() };
        let asked = moment.time_ms().unwrap();
        let before = |ms| moment.distance(asked - ms);
        let told = |before: &str| {
            Some(format!("{before} before 2026-01-31T12:00:00.000Z: there is none in between"))
        };
        assert_eq!(before(0), None);
        assert_eq!(before(7), told("7 ms"));
        assert_eq!(before(1500), told("1.5 s"));
        assert_eq!(Moment::default().distance(asked), None);
    }
}
