//! A checked [`Config`] in, a running server out: its files, its doors, its shippers or its
//! follower.

use super::copies::Scheduled;
use super::metrics::Metrics;
use super::proofs;
use super::stores::Stores;
use crate::config::{self, Config};
use crate::database::{self, Database, Files, Options};
use crate::listener::{self, Listener};
use crate::machine::advice;
use crate::observe::Endpoint;
use crate::replica::{self, Follower, Source};
use crate::session::Server;
use crate::shipper::{self, Destination};
use crate::store::{self, Location, Patience, Replica};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// How long sessions may take to end their transactions when the server stops.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// How long the last uploads may take.
pub(super) const STOP_TIME: Duration = Duration::from_secs(30);
/// So many files are brought to their end at once.
const STOPS_MAX: usize = 16;
/// How often it is looked whether the followed file is there.
const FOLLOW_POLL: Duration = Duration::from_millis(50);
/// How long the last uploads of a file that was removed may take.
const REMOVED_STOP_TIME: Duration = Duration::from_secs(5);
/// How often it is looked for files that came or went, and are to be shipped or are not.
const SHIP_INTERVAL: Duration = Duration::from_secs(5);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The flags, or egret.toml.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// A file.
    #[error(transparent)]
    Files(#[from] database::Error),
    /// A door.
    #[error(transparent)]
    Listener(#[from] listener::Error),
    /// A file cannot be shipped.
    #[error("{}", not_shipped(path, source))]
    Ship {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: shipper::Error,
    },
    /// The backup cannot be followed.
    #[error(transparent)]
    Follow(#[from] replica::Error),
    /// A file that a backup's URL names.
    #[error("{url}: {source}")]
    Store {
        /// The backup.
        url: String,
        /// What is wrong.
        source: store::Error,
    },
    /// A directory cannot be made a replica of one file.
    #[error("follow: {} is a directory", .0.display())]
    FollowDirectory(PathBuf),
    /// The system gives no threads or descriptors.
    #[error("start threads: {0}{advice}", advice = advice(.0))]
    Threads(#[source] io::Error),
    /// The door for monitors.
    #[error("metrics on {address}: {source}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// What is wrong.
        source: io::Error,
    },
    /// Signals cannot be waited for.
    #[error("wait for signals: {0}")]
    Signals(#[source] io::Error),
}

impl Error {
    fn metrics(address: SocketAddr) -> impl Fn(io::Error) -> Self {
        move |source| Self::Metrics { address, source }
    }
}

/// A server with open doors, through which nobody has been let in yet.
pub struct Service {
    server: Arc<Server>,
    listener: Listener,
    backups: Backups,
    copies: Scheduled,
    stores: Stores,
    endpoint: Option<Endpoint>,
}

impl Service {
    /// Opens files and doors, and begins to ship, or to follow: then as soon as there is a state to
    /// serve, however long that takes.
    ///
    /// # Errors
    /// A file, an address, the certificate or the users file cannot be used.
    pub async fn start(config: &Config) -> Result<Self, Error> {
        let options = Options {
            read_only: config.read_only,
            shipped: !config.backups.is_empty(),
            follower: config.follow.is_some(),
            unserved: false,
        };
        let follower = match (&config.follow, config.paths.as_slice()) {
            (Some(location), [path]) => Some(follow(location, path).await?),
            _ => None,
        };
        let files = open_files(config, options)?;
        for (database, follower) in files.all().iter().zip(follower) {
            database.set_follower(follower);
        }
        let listener = Listener::bind(&config.listener).await?;
        let server = Server::new(files, config.listener.connections_max).map_err(Error::Threads)?;
        let stores = Stores::default();
        let backups = Backups::open(config, &stores).await?;
        backups.ship(server.files())?;
        let weak = Arc::downgrade(&server);
        let files = Box::new(move || Some(weak.upgrade()?.files().all()));
        proofs::start(config, files, stores.clone()).map_err(Error::Threads)?;
        let copies = Scheduled::open(config, &stores).await?;
        let endpoint = bind_metrics(config).await?;
        Ok(Self { server, listener, backups, copies, stores, endpoint })
    }

    /// What its sessions share.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Where clients connect to.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listener.addresses()
    }

    /// Where monitors ask.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.endpoint.as_ref().map(Endpoint::address)
    }

    /// The Unix socket.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.listener.socket()
    }

    /// Lets clients in until the future is ready; then the doors are closed. What is to be done
    /// before the program ends is [`stop`].
    pub async fn run(self, until: impl Future<Output = ()>) -> Arc<Server> {
        if let Some(endpoint) = self.endpoint {
            let metrics = Metrics::of_server(Arc::clone(&self.server), self.stores);
            // It tells of the end, too: the program ends it.
            tokio::spawn(endpoint.run(Arc::new(metrics)));
        }
        tokio::select! {
            () = self.listener.run(Arc::clone(&self.server)) => {}
            () = self.backups.look_after(self.server.files()) => {}
            () = self.copies.run(self.server.files()) => {}
            () = until => {}
        }
        self.server
    }
}

/// Opens the door for monitors, if there is to be one.
pub(super) async fn bind_metrics(config: &Config) -> Result<Option<Endpoint>, Error> {
    match config.metrics {
        Some(address) => Ok(Some(Endpoint::bind(address).await.map_err(Error::metrics(address))?)),
        None => Ok(None),
    }
}

/// Opens the files; that there are none yet is said, since nothing else would be.
pub(super) fn open_files(config: &Config, options: Options) -> Result<Files, Error> {
    let files = Files::open(&config.paths, options)?;
    if files.all().is_empty() {
        tracing::warn!("no SQLite file is there: waiting for some to come");
    }
    Ok(files)
}

/// Most of what goes wrong says which file it is about.
fn not_shipped(path: &Path, error: &shipper::Error) -> String {
    match error {
        shipper::Error::Sqlite(error) => format!("ship {}: {error}", path.display()),
        error => error.to_string(),
    }
}

/// Begins to follow, and waits until there is a file to serve.
async fn follow(location: &Location, path: &Path) -> Result<Arc<Follower>, Error> {
    if path.is_dir() {
        return Err(Error::FollowDirectory(path.to_owned()));
    }
    let replica = open(location, Patience::LONG).await?;
    let source = Source { name: location.to_string(), replica };
    tracing::info!(backup = %location, file = %path.display(), "following");
    let options = replica::Options::default();
    let follower = Follower::start(source, path, options, &Handle::current())?;
    while !follower.is_ready()? {
        tokio::time::sleep(FOLLOW_POLL).await;
    }
    Ok(follower)
}

async fn open(location: &Location, patience: Patience) -> Result<Replica, Error> {
    let opened = Replica::open_with(location, patience).await;
    opened.map_err(|source| Error::Store { url: location.to_string(), source })
}

/// Ends all sessions, then ships the rest: true if all is stored.
pub async fn stop(server: Arc<Server>) -> bool {
    tracing::info!("stopping");
    let stopped = spawn_blocking(move || {
        server.drain(Instant::now() + DRAIN_TIME);
        stop_shippers(&server.files().all(), STOP_TIME)
    });
    stopped.await.unwrap_or(false)
}

pub(super) fn stop_shippers(databases: &[Arc<Database>], patience: Duration) -> bool {
    let until = Instant::now() + patience;
    let chunk_len = databases.len().div_ceil(STOPS_MAX).max(1);
    std::thread::scope(|scope| {
        let mut stops = Vec::new();
        for chunk in databases.chunks(chunk_len) {
            stops.push(scope.spawn(move || chunk.iter().filter(|d| !stop_one(d, until)).count()));
        }
        stops.into_iter().all(|stop| stop.join().is_ok_and(|failures| failures == 0))
    })
}

fn stop_one(database: &Database, until: Instant) -> bool {
    if let Some(follower) = database.follower() {
        follower.stop();
    }
    let Some(shipper) = database.shipper() else { return true };
    let is_stored = shipper.stop(until.saturating_duration_since(Instant::now()));
    if !is_stored {
        tracing::error!(database = database.name(), "not all commits are stored");
    }
    is_stored
}

/// What was said of shipping, and for the rest what the shipper thinks best.
fn shipping(said: &config::Shipping) -> shipper::Options {
    let default = shipper::Options::default();
    let ladder = default.ladder;
    let ladder = shipper::Ladder {
        levels: said.levels.clone().unwrap_or(ladder.levels),
        snapshot_interval: said.snapshot_interval.unwrap_or(ladder.snapshot_interval),
        retention: said.retention.unwrap_or(ladder.retention),
        ..ladder
    };
    shipper::Options {
        log_bytes_max: said.log_max.unwrap_or(default.log_bytes_max),
        sync_interval: said.sync_interval.unwrap_or(default.sync_interval),
        ladder,
        ..default
    }
}

/// Where each file is shipped to.
pub(super) struct Backups {
    /// Each store is opened once, however many files are shipped to it.
    destinations: Vec<(Location, Destination)>,
    options: shipper::Options,
    /// One file was named: its backup lies at the location itself, not below it.
    is_single: bool,
}

impl Backups {
    /// Opens every store. Nothing is asked of them yet.
    pub(super) async fn open(config: &Config, stores: &Stores) -> Result<Self, Error> {
        let mut destinations = Vec::new();
        for location in &config.backups {
            // Whoever ships asks again for ever, and tells of each failure.
            let replica = open(location, Patience::SHORT).await?;
            stores.add(location, &replica);
            let destination = Destination::new(location.name(), replica);
            destinations.push((location.clone(), destination));
        }
        let is_single = config.is_single();
        let options = shipping(&config.shipping);
        Ok(Self { destinations, options, is_single })
    }

    /// The names of those whose objects cannot be read here.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &str> {
        let unreadable = self.destinations.iter().filter(|(_, d)| !d.replica.is_readable());
        unreadable.map(|(_, destination)| destination.name.as_str())
    }

    /// Ships the files that are not shipped yet.
    pub(super) fn ship(&self, files: &Files) -> Result<(), Error> {
        if self.destinations.is_empty() {
            return Ok(());
        }
        for database in files.all() {
            if database.shipper().is_none() {
                let destinations = self.destinations(&database);
                database
                    .ship(destinations, self.options.clone(), &Handle::current())
                    .map_err(|source| Error::Ship { path: database.path().to_owned(), source })?;
            }
        }
        Ok(())
    }

    /// Ships files that come later, and stops shipping those that go, for ever.
    pub(super) async fn look_after(&self, files: &Files) {
        loop {
            tokio::time::sleep(SHIP_INTERVAL).await;
            let found = files.search();
            for removed in files.forget_removed(&found) {
                spawn_blocking(move || {
                    removed.shipper().is_none_or(|shipper| shipper.stop(REMOVED_STOP_TIME))
                });
            }
            if !self.is_single && !self.destinations.is_empty() {
                files.add_found(&found);
            }
            if let Err(error) = self.ship(files) {
                tracing::error!("{error}");
            }
        }
    }

    pub(super) fn destinations(&self, database: &Database) -> Vec<Destination> {
        let relative = database.relative().to_string_lossy();
        let below = |(location, destination): &(Location, Destination)| {
            let (mut location, mut destination) = (location.clone(), destination.clone());
            if !self.is_single {
                location = location.join(&relative);
                destination.replica = destination.replica.below(&relative);
            }
            destination.followed = replica::followed(database.path(), &location.to_string());
            destination
        };
        self.destinations.iter().map(below).collect()
    }
}
