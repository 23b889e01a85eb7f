//! `egret serve`: files in, sessions and backups out, until a signal.

use super::service::{Error, Service, stop};
use super::shipping::Shipping;
use crate::config::{Config, Layer};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serve SQLite files to Postgres clients, and ship their commits
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// SQLite files, and directories of them; app.db is database "app"
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Listen on an address and port; repeat for several [default: 127.0.0.1:5432]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,

    /// Listen on the Unix socket .s.PGSQL.PORT in this directory, too
    #[arg(long, value_name = "DIR")]
    socket_dir: Option<PathBuf>,

    /// The certificate chain for TLS, PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Who may connect (see: egret user); without it any name is accepted
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Listen beyond this machine even without TLS or users
    #[arg(long)]
    insecure: bool,

    /// Let nobody write
    #[arg(long)]
    read_only: bool,

    #[command(flatten)]
    shipping: Shipping,

    /// Serve a replica that follows this backup; PATH is the file to keep
    #[arg(long, value_name = "URL")]
    follow: Option<String>,

    /// Tell monitors of sessions and backups at http://ADDRESS:PORT/metrics (Prometheus's format)
    /// and /healthz
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<String>,

    /// Refuse connections beyond so many [default: 1000]
    #[arg(long, value_name = "N")]
    max_connections: Option<usize>,

    /// Read what is not given here from a file, e.g. egret.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs `egret serve` until a signal: 0 when all ended well, 1 when something is not stored or a
/// second signal came.
///
/// # Errors
/// If nothing is served.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let config = args.config()?;
    let mut signals = Signals::new().map_err(Error::Signals)?;
    let service = tokio::select! {
        service = Service::start(&config) => service?,
        () = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    announce(&service);
    let server = service.run(signals.next()).await;
    tokio::select! {
        is_stored = stop(server) => Ok(ExitCode::from(u8::from(!is_stored))),
        () = signals.next() => Ok(ExitCode::FAILURE),
    }
}

/// Tells where clients connect to, whatever the level of the log: programs read it.
fn announce(service: &Service) {
    let mut err = io::stderr().lock();
    for address in service.addresses() {
        drop(writeln!(err, "listening on {address}"));
    }
    if let Some(address) = service.metrics() {
        drop(writeln!(err, "metrics on http://{address}/metrics"));
    }
    if let Some(path) = service.socket() {
        drop(writeln!(err, "listening on {}", path.display()));
    }
}

impl Args {
    fn config(self) -> Result<Config, Error> {
        let file = self.config.as_deref().map(Layer::read).transpose()?.unwrap_or_default();
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let flags = Layer {
            paths: (!self.paths.is_empty()).then_some(self.paths),
            listen: some(self.listen),
            socket_dir: self.socket_dir,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            users: self.users,
            insecure: self.insecure.then_some(true),
            max_connections: self.max_connections,
            read_only: self.read_only.then_some(true),
            follow: self.follow,
            metrics: self.metrics,
            ..Layer::default()
        };
        Ok(self.shipping.over(flags).over(file).check()?)
    }
}

/// What asks the program to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn config(words: &str) -> Result<Config, String> {
        let words = ["serve"].into_iter().chain(words.split(' '));
        let program = Program::try_parse_from(words).map_err(|error| error.to_string())?;
        program.args.config().map_err(|error| error.to_string())
    }

    #[test]
    fn flags() {
        let config = config(
            "a.db b --listen [::1]:1 --listen 127.0.0.1:2 --read-only \
                             --backup file:///x --max-connections 5 --socket-dir /run",
        )
        .unwrap();
        assert_eq!(config.paths, [PathBuf::from("a.db"), PathBuf::from("b")]);
        assert_eq!(config.listener.addresses.len(), 2);
        assert_eq!(config.listener.connections_max, 5);
        assert!(config.read_only && config.backups.len() == 1);
    }

    #[test]
    fn flags_and_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("egret.toml");
        std::fs::write(&path, "paths = ['a.db']\nread_only = true\nlisten = ['127.0.0.1:7']")
            .unwrap();
        let both = format!("--config {} --listen 127.0.0.1:9", path.display());
        let found = config(&both).unwrap();
        assert!(found.read_only);
        assert_eq!(found.listener.addresses, ["127.0.0.1:9".parse().unwrap()]);
        std::fs::write(&path, "pahts = ['a.db']").unwrap();
        assert!(config(&both).unwrap_err().contains("pahts"));
    }

    #[test]
    fn refusals() {
        assert!(config("a.db --listen 0.0.0.0:5432").unwrap_err().contains("--insecure"));
        assert!(config("a.db --max-connections x").unwrap_err().contains("invalid value"));
        assert!(config("--read-only").unwrap_err().contains("no SQLite file"));
        assert!(config("a.db --config /nowhere.toml").unwrap_err().contains("/nowhere.toml"));
    }
}
