//! `egret replicate`: files in, their commits in a store out, without serving them.

use super::copies::Scheduled;
use super::metrics::Metrics;
use super::proofs;
use super::serve::Signals;
use super::service::{Backups, Error, STOP_TIME, bind_metrics, open_files, stop_shippers};
use super::shipping::Shipping;
use super::stores::Stores;
use super::unserved::Unserved;
use crate::config::{self, Config, Layer};
use crate::database::{Files, Options};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Ship every commit of SQLite files, without serving them
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    shipping: Shipping,

    #[command(flatten)]
    files: Unserved,

    /// Tell monitors of backups at http://ADDRESS:PORT/metrics (Prometheus's format) and /healthz
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<String>,

    /// Let monitors beyond this machine read that
    #[arg(long, requires = "metrics")]
    insecure: bool,

    /// Write the log as JSON, one object a line
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
Examples:
  egret replicate app.db --backup s3://bucket/app
  egret replicate --config /etc/litestream.yml";

/// Runs `egret replicate` until a signal: 0 when all is stored, 1 when something is not or a second
/// signal came.
///
/// # Errors
/// If nothing is shipped.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let configs = args.configs()?;
    let mut signals = Signals::new().map_err(Error::Signals)?;
    let endpoint = match configs.first() {
        Some(config) => bind_metrics(config).await?,
        None => None,
    };
    let (mut jobs, stores) = (Vec::new(), Stores::default());
    for config in &configs {
        jobs.push(Job::start(config, &stores).await?);
    }
    if let Some(endpoint) = endpoint {
        tracing::info!("metrics on http://{}/metrics", endpoint.address());
        let files = jobs.iter().map(|job| Arc::clone(&job.files)).collect();
        tokio::spawn(endpoint.run(Arc::new(Metrics::of_files(files, stores))));
    }
    let work = futures_of(&jobs);
    tokio::select! {
        () = work => {}
        () = signals.next() => {}
    }
    tokio::select! {
        is_stored = stop(&jobs) => Ok(ExitCode::from(u8::from(!is_stored))),
        () = signals.next() => Ok(ExitCode::FAILURE),
    }
}

/// Files that are shipped to the same places.
struct Job {
    files: Arc<Files>,
    backups: Backups,
    copies: Scheduled,
}

impl Job {
    async fn start(config: &Config, stores: &Stores) -> Result<Self, Error> {
        let options = Options { shipped: true, unserved: true, ..Options::default() };
        let files = Arc::new(open_files(config, options)?);
        let backups = Backups::open(config, stores).await?;
        backups.ship(&files)?;
        let weak = Arc::downgrade(&files);
        let all = Box::new(move || Some(weak.upgrade()?.all()));
        proofs::start(config, all, stores.clone()).map_err(Error::Threads)?;
        Ok(Self { files, backups, copies: Scheduled::open(config, stores).await? })
    }

    async fn run(&self) {
        tokio::join!(self.backups.look_after(&self.files), self.copies.run(&self.files));
    }
}

/// All jobs at once, for ever.
async fn futures_of(jobs: &[Job]) {
    let mut running: Vec<_> = jobs.iter().map(|job| Box::pin(job.run())).collect();
    std::future::poll_fn(|context| {
        for job in &mut running {
            if job.as_mut().poll(context).is_ready() {
                return std::task::Poll::Ready(());
            }
        }
        std::task::Poll::Pending
    })
    .await;
}

async fn stop(jobs: &[Job]) -> bool {
    tracing::info!("stopping");
    let databases: Vec<_> = jobs.iter().flat_map(|job| job.files.all()).collect();
    let stopped = spawn_blocking(move || stop_shippers(&databases, STOP_TIME));
    stopped.await.unwrap_or(false)
}

impl Args {
    /// The log is for a program to read.
    #[must_use]
    pub fn logs_json(&self) -> bool {
        self.json
    }

    fn configs(self) -> Result<Vec<Config>, Error> {
        let insecure = self.insecure.then_some(true);
        let flags = Layer { metrics: self.metrics, insecure, ..Layer::default() };
        let configs = self.files.read(self.shipping.over(flags))?;
        if configs.iter().any(|config| config.backups.is_empty() && config.copies.is_empty()) {
            return Err(config::Error::NoBackup.into());
        }
        Ok(configs)
    }
}
