//! What the server, or a program that only ships, tells monitors.
//!
//! The numbers are those of `pg_stat_activity`, `pg_stat_archiver`, `pg_stat_replication`,
//! `pg_stat_wal_receiver` and `pg_current_wal_lsn()`, of all files at once.

use super::stores::Stores;
use super::text::now_ms;
use crate::database::{Database, Files, Following, Shipping};
use crate::observe::{Family, Kind, Source, Text};
use crate::session::Server;
use crate::session::server::State;
use crate::shipper::DestinationStatus;
use crate::store::Usage;
use std::collections::HashMap;
use std::sync::Arc;

/// A program's numbers.
pub(super) struct Metrics {
    /// None if it only ships.
    server: Option<Arc<Server>>,
    files: FilesFn,
    started_ms: i64,
    stores: Stores,
}

/// The files there are.
type FilesFn = Box<dyn Fn() -> Vec<Arc<Database>> + Send + Sync>;

/// A file that is shipped or follows, and how that goes.
struct Named<S> {
    /// Its database's name; of several that have the same, the path.
    name: String,
    status: S,
}

type Shipped = Named<Shipping>;
type Followed = Named<Following>;

impl Metrics {
    pub(super) fn of_server(server: Arc<Server>, stores: Stores) -> Self {
        let started_ms = server.started_us() / 1000;
        let its = Arc::clone(&server);
        let files = Box::new(move || its.files().all());
        Self { server: Some(server), files, started_ms, stores }
    }

    /// Of files that nobody serves.
    pub(super) fn of_files(all: Vec<Arc<Files>>, stores: Stores) -> Self {
        let files = Box::new(move || all.iter().flat_map(|files| files.all()).collect());
        Self { server: None, files, started_ms: now_ms(), stores }
    }

    fn process(&self, text: &mut Text) {
        text.family("egret_build_info", Kind::Gauge, "The version, as a label.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        let started = self.started_ms as f64 / 1e3;
        text.family("egret_start_time_seconds", Kind::Gauge, "When the program started.")
            .sample(&[], started);
        let count = (self.files)().len();
        text.family("egret_databases", Kind::Gauge, "Files that are served, or shipped only.")
            .sample(&[], count);
    }

    fn sessions(server: &Server, text: &mut Text) {
        const STATES: [(State, &str); 4] = [
            (State::Active, "active"),
            (State::Idle, "idle"),
            (State::IdleInTransaction, "idle in transaction"),
            (State::IdleInFailedTransaction, "idle in transaction (aborted)"),
        ];
        let backends = server.backends();
        let mut family = text.family("egret_sessions", Kind::Gauge, "Sessions, by their state.");
        for (state, name) in STATES {
            let count = backends.iter().filter(|backend| backend.state() == state).count();
            family.sample(&[("state", name)], count);
        }
        let counters = server.counters();
        for (name, counter, help) in [
            ("egret_sessions_total", &counters.sessions, "Sessions that began."),
            ("egret_sessions_refused_total", &counters.refused, "Connections beyond the limit."),
            ("egret_statements_total", &counters.statements, "Statements that began."),
            ("egret_statements_failed_total", &counters.failures, "Statements that failed."),
            (
                "egret_statements_canceled_total",
                &counters.cancellations,
                "Statements that were canceled or ran out of time.",
            ),
        ] {
            text.family(name, Kind::Counter, help).sample(&[], counter.value());
        }
    }

    /// Those of which something is known.
    fn named<S>(&self, status: impl Fn(&Database) -> Option<S>) -> Vec<Named<S>> {
        let files = (self.files)();
        let mut names: HashMap<&str, usize> = HashMap::new();
        files.iter().for_each(|database| *names.entry(database.name()).or_default() += 1);
        let known = files.iter().filter_map(|database| {
            let status = status(database)?;
            let is_unique = names.get(database.name()) == Some(&1);
            let path = || database.path().display().to_string();
            let name = if is_unique { database.name().to_owned() } else { path() };
            Some(Named { name, status })
        });
        known.collect()
    }

    fn stores(&self, text: &mut Text) {
        let usages = self.stores.usages();
        if usages.is_empty() {
            return;
        }
        let mut family = text.family(
            "egret_store_requests_total",
            Kind::Counter,
            "Requests to a store, by kind; an object that goes up in parts is one.",
        );
        for (name, usage) in &usages {
            for (kind, count) in kinds(usage) {
                family.sample(&[("destination", name), ("request", kind)], count);
            }
        }
        let mut family =
            text.family("egret_store_bytes_total", Kind::Counter, "Bytes to and from a store.");
        for (name, usage) in &usages {
            family.sample(&[("destination", name), ("direction", "up")], usage.bytes_up);
            family.sample(&[("destination", name), ("direction", "down")], usage.bytes_down);
        }
    }
}

fn kinds(usage: &Usage) -> [(&'static str, u64); 5] {
    [
        ("put", usage.puts),
        ("get", usage.gets),
        ("head", usage.heads),
        ("list", usage.lists),
        ("delete", usage.deletes),
    ]
}

impl Source for Metrics {
    fn metrics(&self) -> String {
        let mut text = Text::default();
        self.process(&mut text);
        if let Some(server) = &self.server {
            Self::sessions(server, &mut text);
        }
        let shipped = self.named(|database| Some(database.shipper()?.status()));
        if !shipped.is_empty() {
            databases(&mut text, &shipped);
            destinations(&mut text, &shipped, now_ms());
        }
        let followed = self.named(|database| Some(database.follower()?.status()));
        if !followed.is_empty() {
            followers(&mut text, &followed);
        }
        self.stores(&mut text);
        text.finish()
    }

    fn health(&self) -> Result<(), String> {
        let is_stopping = self.server.as_ref().is_some_and(|server| server.is_stopping());
        if is_stopping { Err("stopping".to_owned()) } else { Ok(()) }
    }
}

/// One sample for each file.
fn databases(text: &mut Text, shipped: &[Shipped]) {
    use Kind::{Counter, Gauge};
    type Value = fn(&Shipping) -> u64;
    let families: [(&'static str, Kind, &str, Value); 8] = [
        ("egret_database_txid", Gauge, "Newest transaction in the local log.", |s| s.txid.0),
        ("egret_database_wal_bytes", Gauge, "Length of SQLite's log.", |s| s.wal_bytes),
        ("egret_database_log_bytes", Gauge, "Length of the local log, in .FILE-egret.", |s| {
            s.log_bytes
        }),
        ("egret_database_batches_total", Counter, "Files written to the local log.", |s| s.batches),
        (
            "egret_database_beginnings_total",
            Counter,
            "Those that follow none: a whole copy leads there.",
            |s| s.beginnings,
        ),
        ("egret_database_checkpoints_total", Counter, "Checkpoints made.", |s| s.checkpoints),
        ("egret_database_failures_total", Counter, "Looks that failed.", |s| s.failed_count),
        ("egret_database_failing", Gauge, "1 if the last look failed.", |s| {
            u64::from(s.error.is_some())
        }),
    ];
    for (name, kind, help, value) in families {
        let mut family = text.family(name, kind, help);
        for shipped in shipped {
            family.sample(&[("database", shipped.name.as_str())], value(&shipped.status));
        }
    }
}

/// One sample for each file that follows. Times that are not known have none.
fn followers(text: &mut Text, followed: &[Followed]) {
    type Value = fn(&Following) -> Option<f64>;
    let families: [(&'static str, &str, Value); 5] = [
        ("egret_follower_txid", "Newest transaction applied.", |s| Some(s.txid.0 as f64)),
        (
            "egret_follower_commit_timestamp_seconds",
            "When that was committed, by its writer's clock.",
            |s| timestamp(s.committed_ms),
        ),
        ("egret_follower_applied_timestamp_seconds", "When one was last applied.", |s| {
            timestamp(s.applied_ms)
        }),
        (
            "egret_follower_current_timestamp_seconds",
            "When the file was last at all that the store has.",
            |s| timestamp(s.answered_ms),
        ),
        ("egret_follower_failing", "1 if the last attempt failed.", |s| {
            Some(f64::from(u8::from(s.error.is_some())))
        }),
    ];
    for (name, help, value) in families {
        let mut family = text.family(name, Kind::Gauge, help);
        for followed in followed {
            if let Some(value) = value(&followed.status) {
                family.sample(&[("database", followed.name.as_str())], value);
            }
        }
    }
}

/// In seconds, if it is known.
fn timestamp(ms: i64) -> Option<f64> {
    (ms != 0).then_some(ms as f64 / 1e3)
}

/// One sample for each file and destination.
fn destinations(text: &mut Text, shipped: &[Shipped], now_ms: i64) {
    let mut each =
        |name, kind, help: &str, value: &dyn Fn(&Shipping, &DestinationStatus) -> Option<f64>| {
            let mut family = text.family(name, kind, help);
            for shipped in shipped {
                for destination in &shipped.status.destinations {
                    if let Some(value) = value(&shipped.status, destination) {
                        sample(&mut family, shipped, destination, value);
                    }
                }
            }
        };
    use Kind::{Counter, Gauge};
    each("egret_destination_stored_txid", Gauge, "Newest transaction it has.", &|_, d| {
        Some(d.stored.0 as f64)
    });
    each("egret_destination_lag_transactions", Gauge, "Local files it lacks.", &|s, d| {
        Some(s.txid.0.saturating_sub(d.stored.0) as f64)
    });
    each("egret_destination_lag_seconds", Gauge, "For how long it has lacked any.", &|_, d| {
        Some(d.behind_since_ms.map_or(0.0, |since| (now_ms - since).max(0) as f64 / 1e3))
    });
    each("egret_destination_epoch", Gauge, "How often its writer has changed.", &|_, d| {
        Some(d.epoch as f64)
    });
    each("egret_destination_fenced", Gauge, "1 if another writer has it.", &|_, d| {
        Some(f64::from(u8::from(d.is_fenced)))
    });
    each("egret_destination_snapshots_total", Counter, "Snapshots stored.", &|_, d| {
        Some(d.snapshot_count as f64)
    });
    each(
        "egret_destination_merged_total",
        Counter,
        "Files that others were merged into.",
        &|_, d| Some(d.merged_count as f64),
    );
    each("egret_destination_deleted_total", Counter, "Files that no restore needed.", &|_, d| {
        Some(d.deleted_count as f64)
    });
    each("egret_destination_files_total", Counter, "Files stored.", &|_, d| {
        Some(d.stored_count as f64)
    });
    each("egret_destination_failures_total", Counter, "Attempts that failed.", &|_, d| {
        Some(d.failed_count as f64)
    });
    each(
        "egret_destination_maintenance_failures_total",
        Counter,
        "Merges, snapshots and deletions that failed.",
        &|_, d| Some(d.maintenance_failed_count as f64),
    );
    each(
        "egret_destination_last_success_timestamp_seconds",
        Gauge,
        "When a file was last stored by this process.",
        &|_, d| d.stored_ms.map(|ms| ms as f64 / 1e3),
    );
    each(
        "egret_destination_last_proof_timestamp_seconds",
        Gauge,
        "When it was last restored and found equal to the file.",
        &|_, d| d.proven.map(|proven| proven.at_ms as f64 / 1e3),
    );
    each("egret_destination_proof_failures_total", Counter, "Proofs that failed.", &|_, d| {
        Some(d.proof_failed_count as f64)
    });
}

fn sample(family: &mut Family<'_>, shipped: &Shipped, destination: &DestinationStatus, value: f64) {
    let database = shipped.name.as_str();
    family.sample(&[("database", database), ("destination", &destination.name)], value);
}
