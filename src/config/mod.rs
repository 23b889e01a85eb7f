//! Flags and `egret.toml` in, one checked [`Config`] out.
//!
//! Both are a [`Layer`] in which nothing need be said; what a flag says goes before the file. Lists
//! are not joined: the upper one counts. Each room gets its own part of the result only.

mod cron;
mod litestream;
mod places;
mod units;

pub use cron::{BadSchedule, Schedule};
pub use litestream::BadLitestream;

use crate::store::{Location, LocationError};
use serde::Deserialize;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use units::{duration, levels, size};

/// What `egret serve` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// SQLite files, and directories of them; at least one.
    pub paths: Vec<PathBuf>,
    /// Where strangers come in.
    pub listener: Listener,
    /// Nobody may write.
    pub read_only: bool,
    /// Where every commit is shipped to.
    pub backups: Vec<Location>,
    /// How they are shipped.
    pub shipping: Shipping,
    /// How often each backup is restored and compared with its file; never if zero.
    pub verify_interval: Duration,
    /// Whole copies that are made again and again.
    pub copies: Vec<Copies>,
    /// The backup this serves a replica of.
    pub follow: Option<Location>,
    /// Where monitors ask.
    pub metrics: Option<SocketAddr>,
}

impl Config {
    /// What is shipped without being served, by flags and a file; the file may be Litestream's.
    ///
    /// # Errors
    /// As [`Layer::read`] and [`Layer::check`].
    pub fn read_unserved(flags: Layer, file: Option<&Path>) -> Result<Vec<Self>, Error> {
        let is_yaml = |path: &&Path| path.extension().is_some_and(|e| e == "yml" || e == "yaml");
        if let Some(path) = file.filter(is_yaml) {
            return litestream::read(path, &flags);
        }
        let file = file.map(Layer::read).transpose()?.unwrap_or_default();
        Ok(vec![flags.over(file.unserved()).check()?])
    }

    /// One file is named: its backup lies at the location itself, not below it.
    #[must_use]
    pub fn is_single(&self) -> bool {
        matches!(self.paths.as_slice(), [path] if !path.is_dir())
    }
}

/// Whole copies of each file, made again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copies {
    /// Where.
    pub location: Location,
    /// When.
    pub schedule: Schedule,
    /// How many are kept; all if nothing was said.
    pub keep: Option<NonZeroUsize>,
}

/// The same as the file says it: `[[copies]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopiesLayer {
    url: String,
    schedule: String,
    keep: Option<NonZeroUsize>,
}

/// How commits are shipped; none where nothing was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipping {
    /// What is kept locally, in bytes, for stores that are away.
    pub log_max: Option<u64>,
    /// Commits that follow each other closer than this are stored together.
    pub sync_interval: Option<Duration>,
    /// How much time a file of level 1, 2, ... covers, ascending.
    pub levels: Option<Vec<Duration>>,
    /// How often the whole database is stored.
    pub snapshot_interval: Option<Duration>,
    /// Every moment of so much time can be restored.
    pub retention: Option<Duration>,
}

/// Where strangers come in, and how they prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// TCP addresses; port 0 is any free one.
    pub addresses: Vec<SocketAddr>,
    /// The directory of the Unix socket `.s.PGSQL.<port>`.
    pub socket_dir: Option<PathBuf>,
    /// The certificate, if there is TLS.
    pub tls: Option<Tls>,
    /// The users file; without one any name is accepted.
    pub users: Option<PathBuf>,
    /// Connections beyond this are refused.
    pub connections_max: usize,
}

/// A server certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// What flags or the file say; nothing need be said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// SQLite files, and directories of them.
    pub paths: Option<Vec<PathBuf>>,
    /// `address:port`, each.
    pub listen: Option<Vec<String>>,
    /// The directory of the Unix socket.
    pub socket_dir: Option<PathBuf>,
    /// The certificate chain, PEM.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// The users file.
    pub users: Option<PathBuf>,
    /// Listen beyond loopback even without TLS or users.
    pub insecure: Option<bool>,
    /// Connections beyond this are refused.
    pub max_connections: Option<usize>,
    /// Nobody may write.
    pub read_only: Option<bool>,
    /// URLs every commit is shipped to.
    pub backup: Option<Vec<String>>,
    /// What is kept locally for stores that are away: a number and `kB`, `MB`, `GB` or `TB`.
    pub backup_log_max: Option<String>,
    /// How often each backup is proven: a number and `s`, `min`, `h` or `d`; 0 for never.
    pub verify_interval: Option<String>,
    /// Whole copies that are made by a schedule.
    pub copies: Option<Vec<CopiesLayer>>,
    /// Commits that follow each other closer than this are stored together, as `1s` or `500ms`.
    pub sync_interval: Option<String>,
    /// How much time a file of level 1, 2, ... of a backup covers, as `["30s", "5min", "1h"]`.
    pub backup_levels: Option<Vec<String>>,
    /// How often the whole database is stored, as `24h`.
    pub snapshot_interval: Option<String>,
    /// Every moment of so much time can be restored, as `7d`.
    pub backup_retention: Option<String>,
    /// The URL of the backup to serve a replica of.
    pub follow: Option<String>,
    /// `address:port` for monitors.
    pub metrics: Option<String>,
}

/// Why egret does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The file is no TOML, or has an unknown key or a wrong value.
    #[error("read {}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// There is nothing to serve.
    #[error("no SQLite file or directory is named")]
    NoPath,
    /// A listening address cannot be understood.
    #[error("listen on \"{text}\": not an address and a port: {source}")]
    BadAddress {
        /// As given.
        text: String,
        /// What is wrong.
        source: io::Error,
    },
    /// There would be no way in.
    #[error("nothing to listen on: neither an address nor a socket directory")]
    NoAddress,
    /// A certificate without its key, or the reverse.
    #[error("TLS needs both a certificate and its key")]
    HalfTls,
    /// A listener that the outside reaches.
    #[error("listen on {0}: beyond this machine egret needs TLS and a users file (or --insecure)")]
    Insecure(SocketAddr),
    /// Monitors prove nothing of themselves.
    #[error("metrics on {0}: anybody beyond this machine could read them (--insecure allows that)")]
    InsecureMetrics(SocketAddr),
    /// Two backups would write over each other.
    #[error("{0} is given twice: a file is backed up once in each place")]
    SamePlace(String),
    /// Two backups would be called the same.
    #[error("two backups are called \"{0}\": give one of them another name with ?name=...")]
    SameName(String),
    /// A backup's URL.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// A size cannot be understood.
    #[error("\"{0}\" is no size: give a number and kB, MB, GB or TB")]
    BadSize(String),
    /// A span of time cannot be understood.
    #[error("\"{0}\" is no span of time: give a number and s, min, h or d, or 0")]
    BadDuration(String),
    /// Litestream's configuration asks for what egret does not do.
    #[error("read {}: {source}", path.display())]
    Litestream {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BadLitestream,
    },
    /// A schedule cannot be understood.
    #[error(transparent)]
    Schedule(#[from] BadSchedule),
    /// There is nowhere to ship to.
    #[error("nowhere to ship to: neither a backup nor copies")]
    NoBackup,
    /// A time is too short to be meant.
    #[error("{what} cannot be shorter than {least}")]
    ShortTime {
        /// Which setting.
        what: &'static str,
        /// The least it can be.
        least: &'static str,
    },
    /// The levels of a backup are out of order, or too many.
    #[error("backup_levels: at most 8, each longer than the one before, the first at least 1s")]
    BadLevels,
    /// A replica does not ship.
    #[error("a replica cannot be backed up: give either a backup or what to follow")]
    FollowAndBackup,
    /// A backup is of one file.
    #[error("a replica is one file: {0} paths are given")]
    FollowPaths(usize),
    /// Nobody could connect.
    #[error("the number of connections must be at least 1")]
    NoConnections,
}

const PORT: u16 = 5432;
const CONNECTIONS_MAX: usize = 1000;
const VERIFY_INTERVAL: Duration = Duration::from_secs(86400);

impl Layer {
    /// Reads `egret.toml`.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or has an unknown key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| Error::Syntax { path: path.to_owned(), source: Box::new(source) })
    }

    /// This layer over another one.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        Self {
            paths: self.paths.or(lower.paths),
            listen: self.listen.or(lower.listen),
            socket_dir: self.socket_dir.or(lower.socket_dir),
            tls_cert: self.tls_cert.or(lower.tls_cert),
            tls_key: self.tls_key.or(lower.tls_key),
            users: self.users.or(lower.users),
            insecure: self.insecure.or(lower.insecure),
            max_connections: self.max_connections.or(lower.max_connections),
            read_only: self.read_only.or(lower.read_only),
            backup: self.backup.or(lower.backup),
            backup_log_max: self.backup_log_max.or(lower.backup_log_max),
            verify_interval: self.verify_interval.or(lower.verify_interval),
            copies: self.copies.or(lower.copies),
            sync_interval: self.sync_interval.or(lower.sync_interval),
            backup_levels: self.backup_levels.or(lower.backup_levels),
            snapshot_interval: self.snapshot_interval.or(lower.snapshot_interval),
            backup_retention: self.backup_retention.or(lower.backup_retention),
            follow: self.follow.or(lower.follow),
            metrics: self.metrics.or(lower.metrics),
        }
    }

    /// Without what is said about serving.
    #[must_use]
    pub fn unserved(self) -> Self {
        Self {
            listen: None,
            socket_dir: None,
            tls_cert: None,
            tls_key: None,
            users: None,
            insecure: None,
            max_connections: None,
            metrics: None,
            read_only: None,
            follow: None,
            ..self
        }
    }

    /// The whole of it, checked.
    ///
    /// # Errors
    /// Something needed is missing, or two things do not go together.
    pub fn check(self) -> Result<Config, Error> {
        let listener = self.listener()?;
        let metrics = self.metrics()?;
        let shipping = self.shipping()?;
        let backups = self.backup.unwrap_or_default();
        let backups =
            backups.iter().map(|url| Location::parse(url)).collect::<Result<Vec<_>, _>>()?;
        places::distinct(&backups)?;
        let verify_interval = self.verify_interval.as_deref().map(duration).transpose()?;
        let verify_interval = verify_interval.unwrap_or(VERIFY_INTERVAL);
        let copies = self.copies.unwrap_or_default().into_iter().map(CopiesLayer::check);
        let copies = copies.collect::<Result<_, _>>()?;
        let follow = self.follow.as_deref().map(Location::parse).transpose()?;
        let paths = self.paths.unwrap_or_default();
        match (&follow, paths.len()) {
            (_, 0) => return Err(Error::NoPath),
            (Some(_), 1) | (None, _) => {}
            (Some(_), count) => return Err(Error::FollowPaths(count)),
        }
        if follow.is_some() && !backups.is_empty() {
            return Err(Error::FollowAndBackup);
        }
        let read_only = self.read_only.unwrap_or_default();
        Ok(Config {
            paths,
            listener,
            read_only,
            backups,
            shipping,
            verify_interval,
            copies,
            follow,
            metrics,
        })
    }

    fn shipping(&self) -> Result<Shipping, Error> {
        let at_least = |text: &Option<String>, what, least| {
            let given = text.as_deref().map(duration).transpose()?;
            match given.filter(|given| duration(least).is_ok_and(|least| *given < least)) {
                Some(_) => Err(Error::ShortTime { what, least }),
                None => Ok(given),
            }
        };
        let levels = self.backup_levels.as_ref().map(|texts| levels(texts)).transpose()?;
        Ok(Shipping {
            log_max: self.backup_log_max.as_deref().map(size).transpose()?,
            sync_interval: at_least(&self.sync_interval, "sync_interval", "10ms")?,
            levels,
            snapshot_interval: at_least(&self.snapshot_interval, "snapshot_interval", "1min")?,
            retention: at_least(&self.backup_retention, "backup_retention", "1min")?,
        })
    }

    fn listener(&self) -> Result<Listener, Error> {
        let addresses = self.addresses()?;
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(Tls { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            _ => return Err(Error::HalfTls),
        };
        let connections_max = self.max_connections.unwrap_or(CONNECTIONS_MAX);
        if connections_max == 0 {
            return Err(Error::NoConnections);
        }
        if addresses.is_empty() && self.socket_dir.is_none() {
            return Err(Error::NoAddress);
        }
        let guarded = tls.is_some() && self.users.is_some();
        let outside = addresses.iter().find(|address| !address.ip().is_loopback());
        match outside {
            Some(address) if !guarded && self.insecure != Some(true) => {
                Err(Error::Insecure(*address))
            }
            _ => {
                let (socket_dir, users) = (self.socket_dir.clone(), self.users.clone());
                Ok(Listener { addresses, socket_dir, tls, users, connections_max })
            }
        }
    }

    fn metrics(&self) -> Result<Option<SocketAddr>, Error> {
        let Some(text) = &self.metrics else { return Ok(None) };
        match resolve(text)?.into_iter().next() {
            Some(address) if !address.ip().is_loopback() && self.insecure != Some(true) => {
                Err(Error::InsecureMetrics(address))
            }
            address => Ok(address),
        }
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let Some(listen) = &self.listen else {
            return Ok(vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT)]);
        };
        let mut addresses = Vec::new();
        for text in listen {
            addresses.extend(resolve(text)?);
        }
        Ok(addresses)
    }
}

impl CopiesLayer {
    fn check(self) -> Result<Copies, Error> {
        let (location, schedule) = (Location::parse(&self.url)?, self.schedule.parse()?);
        Ok(Copies { location, schedule, keep: self.keep })
    }
}

fn resolve(text: &str) -> Result<Vec<SocketAddr>, Error> {
    let bad = |source| Error::BadAddress { text: text.to_owned(), source };
    Ok(text.to_socket_addrs().map_err(bad)?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> Layer {
        toml::from_str(text).unwrap()
    }

    fn error(text: &str) -> String {
        layer(text).check().unwrap_err().to_string()
    }

    #[test]
    fn defaults() {
        let config = layer("paths = ['a.db']").check().unwrap();
        assert_eq!(config.listener.addresses, ["127.0.0.1:5432".parse().unwrap()]);
        assert_eq!(config.listener.connections_max, CONNECTIONS_MAX);
        assert!(!config.read_only && config.backups.is_empty() && config.follow.is_none());
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("0kB", 0), ("3 kB", 3 << 10), ("512MB", 512 << 20), ("2GB", 2 << 30)]
        {
            assert_eq!(size(text).unwrap(), bytes);
        }
    }

    #[test]
    fn durations() {
        let spans = [("0", 0), ("5s", 5), ("10 min", 600), ("12h", 43_200), ("2d", 172_800)];
        for (text, seconds) in spans {
            assert_eq!(duration(text).unwrap().as_secs(), seconds);
        }
        for text in ["", "5", "h", "-1h", "1 week", "99999999999999999999s"] {
            assert!(
                error(&format!("paths = ['a']\nverify_interval = '{text}'")).contains("no span")
            );
        }
    }

    #[test]
    fn times_of_shipping() {
        for (text, ms) in [("5ms", 5), ("3 s", 3000), ("2min", 120_000), ("7d", 604_800_000)] {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(ms));
        }
        let text = "paths = ['a']\nsync_interval = '500ms'\nbackup_levels = ['30s', '1h']\n\
                    snapshot_interval = '12h'\nbackup_retention = '30d'";
        let shipping = layer(text).check().unwrap().shipping;
        assert_eq!(shipping.sync_interval, Some(Duration::from_millis(500)));
        assert_eq!(shipping.levels, Some([30, 3600].map(Duration::from_secs).to_vec()));
        assert_eq!(shipping.snapshot_interval, Some(Duration::from_secs(12 * 3600)));
        assert_eq!(shipping.retention, Some(Duration::from_secs(30 * 86_400)));
        let levels = |text: &str| layer(&format!("paths = ['a']\nbackup_levels = {text}")).check();
        assert_eq!(levels("[]").unwrap().shipping.levels, Some(vec![]));
        for wrong in ["['5min', '30s']", "['1s', '1s']", "['5ms']"] {
            assert!(matches!(levels(wrong), Err(Error::BadLevels)), "{wrong}");
        }
        for wrong in ["", "5", "s", "5 m", "-1s", "1 fortnight", "999999999999999999d"] {
            let text = format!("paths = ['a']\nbackup_retention = '{wrong}'");
            assert!(error(&text).contains("no span"), "{wrong}");
        }
        assert!(error("paths = ['a']\nsync_interval = '1ms'").contains("shorter than 10ms"));
    }

    #[test]
    fn flags_go_before_the_file() {
        let flags = layer("paths = ['a.db']\nread_only = true");
        let file = layer("paths = ['b.db', 'c.db']\nread_only = false\nlisten = ['[::1]:0']");
        let config = flags.over(file).check().unwrap();
        assert_eq!(config.paths, [PathBuf::from("a.db")]);
        assert!(config.read_only);
        assert_eq!(config.listener.addresses, ["[::1]:0".parse().unwrap()]);
    }

    #[test]
    fn what_is_shipped_without_being_served() {
        let text = "paths = ['a']\nbackup = ['file:///x']\nbackup_retention = '9d'\n\
                    listen = ['0.0.0.0:1']\nfollow = 'file:///y'";
        let config = layer(text).unserved().check().unwrap();
        assert_eq!(config.shipping.retention, Some(Duration::from_secs(9 * 86400)));
        assert!(config.follow.is_none() && config.backups.len() == 1);
    }

    #[test]
    fn refusals() {
        assert_eq!(error(""), "no SQLite file or directory is named");
        assert!(error("paths = ['a']\nlisten = ['nonsense']").contains("not an address"));
        assert!(error("paths = ['a']\nlisten = []").starts_with("nothing to listen on"));
        assert!(error("paths = ['a']\ntls_key = 'k'").starts_with("TLS needs both"));
        assert!(error("paths = ['a']\nmax_connections = 0").contains("at least 1"));
        assert!(error("paths = ['a']\nbackup = ['http://x']").contains("http://x"));
        for size in ["", "GB", "5", "5 gb", "-1GB", "99999999999TB"] {
            assert!(
                error(&format!("paths = ['a']\nbackup_log_max = '{size}'")).contains("no size")
            );
        }
        let both = "paths = ['a']\nbackup = ['file:///x']\nfollow = 'file:///x'";
        assert!(error(both).starts_with("a replica cannot"));
        assert!(error("paths = ['a', 'b']\nfollow = 'file:///x'").starts_with("a replica is one"));
        let copies = |keys: &str| format!("paths = ['a']\n[[copies]]\n{keys}");
        assert!(
            error(&copies("url = 'file:///x'\nschedule = 'now'")).contains("no cron expression")
        );
        assert!(error(&copies("url = 'x'\nschedule = '@daily'")).contains("file:///directory"));
        for keys in ["url = 'file:///x'", "url = 'file:///x'\nschedule = '@daily'\nkeep = 0"] {
            assert!(toml::from_str::<Layer>(&copies(keys)).is_err());
        }
        assert!(toml::from_str::<Layer>("path = 'a'").is_err());
    }

    #[test]
    fn backups_have_names_of_their_own() {
        let two = "paths = ['a']\nbackup = ['s3://b/p?region=x', 's3://b/p?region=y";
        assert!(error(&format!("{two}']")).contains("?name="));
        assert!(layer(&format!("{two}&name=far']")).check().is_ok());
        for (one, other) in [("file:///x", "file:///x/?"), ("s3://b", "s3://b?region=x&")] {
            let twice = format!("paths = ['a']\nbackup = ['{one}', '{other}name=far']");
            assert!(error(&twice).starts_with(&format!("{one} is given twice")));
        }
    }

    #[test]
    fn monitors() {
        let metrics = |text: &str| layer(&format!("paths = ['a']\nmetrics = {text}")).check();
        assert_eq!(metrics("'[::1]:9'").unwrap().metrics, Some("[::1]:9".parse().unwrap()));
        assert!(metrics("'0.0.0.0:9'").unwrap_err().to_string().contains("--insecure"));
        assert!(metrics("'0.0.0.0:9'\ninsecure = true").is_ok());
        assert!(metrics("'9'").unwrap_err().to_string().contains("not an address"));
    }

    #[test]
    fn beyond_loopback() {
        let open = "paths = ['a']\nlisten = ['127.0.0.1:1', '0.0.0.0:1']\n";
        assert!(error(open).starts_with("listen on 0.0.0.0:1"));
        let tls = format!("{open}tls_cert = 'c'\ntls_key = 'k'\n");
        assert!(error(&tls).starts_with("listen on 0.0.0.0:1"));
        assert!(layer(&format!("{tls}users = 'u'")).check().is_ok());
        assert!(layer(&format!("{open}insecure = true")).check().is_ok());
    }
}
