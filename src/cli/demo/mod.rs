//! `egret demo`: nothing in, a sample database served, shipped, restored and compared out.

mod client;

use super::serve::Signals;
use super::service::{self, Service, stop};
use crate::config::{self, Layer};
use crate::database::Database;
use crate::shipper::{self, restore};
use crate::sqlite::{self, Connection, Integrity, OpenOptions};
use crate::store::{Location, Replica};
use crate::types::Value;
use client::Client;
use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::{JoinError, spawn_blocking};

/// Show all of it with a sample database in a temporary directory
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// End when all is shown, rather than go on serving
    #[arg(long)]
    once: bool,
}

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server.
    #[error(transparent)]
    Service(#[from] service::Error),
    /// The client.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The address to serve at.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The sample database cannot be written, or one of the two not be read.
    #[error("use sample database: {0}")]
    Sqlite(#[from] sqlite::Error),
    /// Files or the output.
    #[error("make sample database: {0}")]
    Io(#[from] io::Error),
    /// Not everything was shipped.
    #[error("ship sample database: {0}")]
    Ship(#[from] shipper::Error),
    /// The backup cannot be restored.
    #[error("restore sample database: {0}")]
    Restore(#[from] Box<restore::Error>),
    /// A step did not run to its end.
    #[error("interrupted: {0}")]
    Step(#[from] JoinError),
    /// A statement had another result than it should.
    #[error("\"{sql}\" had an unexpected result: {result}")]
    Unexpected {
        /// The statement.
        sql: &'static str,
        /// What came.
        result: String,
    },
    /// The restored database is another one.
    #[error("the restored database differs from the served one")]
    Differs,
}

const DATABASE: &str = "shop";
const SCRIPT: &str = include_str!("shop.sql");
/// How long an upload to a directory may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is shown, and the command tag or SQLSTATE it must lead to.
const STATEMENTS: [(&str, &str); 6] = [
    ("SELECT count(*) FROM orders", "SELECT 1"),
    ("SELECT customer, total::numeric(10,2) FROM revenue ORDER BY total DESC LIMIT 2", "SELECT 2"),
    ("INSERT INTO products (name, price) VALUES ('Elephant', 8.50) RETURNING id", "INSERT 0 1"),
    ("UPDATE products SET price = price + 1 WHERE name ILIKE 'elephant'", "UPDATE 1"),
    ("INSERT INTO products (name, price) VALUES ('Elephant', 1)", "23505"),
    ("SELECT price, in_stock, now() > '2025-01-01' FROM products WHERE id = 41", "SELECT 1"),
];

/// Runs `egret demo`.
///
/// # Errors
/// If anything is not as it should be.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut signals = Signals::new().map_err(service::Error::Signals)?;
    let stage = Stage::new()?;
    let service = Service::start(&stage.config()?).await?;
    let Some(address) = service.addresses().next() else {
        return Err(config::Error::NoAddress.into());
    };
    let server = Arc::clone(service.server());
    let shown = async {
        stage.show(address).await?;
        let databases = server.files().all();
        let stored = spawn_blocking(move || wait_stored(&databases));
        stored.await??;
        stage.restore().await?;
        stage.farewell(address, args.once)
    };
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let run = service.run(async { drop(receiver.await) });
    let script = async {
        let shown = shown.await;
        if shown.is_ok() && !args.once {
            signals.next().await;
        }
        drop(sender);
        shown
    };
    let (server, shown) = tokio::join!(run, script);
    let is_stored = stop(server).await;
    shown.map(|()| ExitCode::from(u8::from(!is_stored)))
}

fn wait_stored(databases: &[Arc<Database>]) -> Result<(), shipper::Error> {
    let deadline = Some(Instant::now() + PATIENCE);
    for shipper in databases.iter().filter_map(|database| database.shipper()) {
        shipper.wait_stored(&[], deadline)?;
    }
    Ok(())
}

/// The files of the demonstration, which are gone afterwards.
struct Stage {
    directory: TempDir,
}

impl Stage {
    fn new() -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("egret-demo-").tempdir()?;
        let stage = Self { directory };
        drop(File::create_new(stage.file())?);
        let connection = open(&stage.file())?;
        connection.as_system(|connection| {
            // One transaction: a sample is worth one sync.
            connection.execute("BEGIN")?;
            SCRIPT.split_terminator(";\n").try_for_each(|sql| connection.execute(sql))?;
            connection.execute("COMMIT")
        })?;
        let [tables, rows] = size(&connection)?;
        let mut out = io::stdout().lock();
        writeln!(out, "A small shop, {tables} tables and {rows} rows: {}", stage.file().display())?;
        Ok(stage)
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("shop.db")
    }

    fn restored(&self) -> PathBuf {
        self.directory.path().join("restored.db")
    }

    fn backup(&self) -> Location {
        Location::directory(self.directory.path().join("backup"))
    }

    fn config(&self) -> Result<config::Config, config::Error> {
        let layer = Layer {
            paths: Some(vec![self.file()]),
            listen: Some(vec!["127.0.0.1:0".to_owned()]),
            ..Layer::default()
        };
        // The backup's path may hold what a URL would have to escape.
        Ok(config::Config { backups: vec![self.backup()], ..layer.check()? })
    }

    /// Runs the statements through the server's own port.
    async fn show(&self, address: SocketAddr) -> Result<(), Error> {
        let mut out = io::stdout();
        writeln!(out, "Served on {address}, every commit shipped to {}", self.backup())?;
        spawn_blocking(move || converse(address)).await?
    }

    async fn restore(&self) -> Result<(), Error> {
        let replica =
            Replica::open(&self.backup()).await.map_err(|error| Box::new(error.into()))?;
        let options = restore::Options { integrity: Integrity::Full, ..Default::default() };
        let output = self.restored();
        let restored = restore::restore(&replica, &output, &options, Arc::new(|_| ()));
        let restored = restored.await.map_err(Box::new)?;
        let mut out = io::stdout();
        writeln!(out, "Restored up to transaction {} to {}", restored.txid, output.display())?;
        if content(&self.file())? != content(&output)? {
            return Err(Error::Differs);
        }
        writeln!(out, "Compared: both hold the same, the integrity check is ok")?;
        Ok(())
    }

    fn farewell(&self, address: SocketAddr, once: bool) -> Result<(), Error> {
        let (host, port) = (address.ip(), address.port());
        let mut out = io::stdout();
        if once {
            writeln!(out, "With a file of yours:  egret serve app.db  and  psql -h {host} app")?;
        } else {
            writeln!(out, "Now try, and end with Ctrl-C:  psql -h {host} -p {port} {DATABASE}")?;
        }
        Ok(())
    }
}

fn converse(address: SocketAddr) -> Result<(), Error> {
    let mut client = Client::connect(address, DATABASE)?;
    let mut out = io::stdout().lock();
    for (sql, expected) in STATEMENTS {
        let answer = client.query(sql)?;
        let rows = answer.rows.iter().map(|row| row.join(" | ")).collect::<Vec<_>>().join(", ");
        let (outcome, result) = match &answer.error {
            Some((state, message)) => (state, format!("ERROR {state}: {message}")),
            None if rows.is_empty() => (&answer.tag, answer.tag.clone()),
            None => (&answer.tag, rows),
        };
        writeln!(out, "  {sql};\n    {result}")?;
        if outcome != expected {
            return Err(Error::Unexpected { sql, result });
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<Connection, sqlite::Error> {
    Connection::open(path, OpenOptions { checkpoints_elsewhere: true, ..OpenOptions::default() })
}

/// The schema, and every row of every table.
fn content(path: &Path) -> Result<Vec<Vec<Vec<Value>>>, Error> {
    let connection = open(path)?;
    let objects = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    let mut content = vec![connection.rows(objects, &[])?];
    for table in tables(&connection)? {
        content.push(connection.rows(&format!("SELECT * FROM {table}"), &[])?);
    }
    Ok(content)
}

fn size(connection: &Connection) -> Result<[usize; 2], sqlite::Error> {
    let tables = tables(connection)?;
    let mut rows = 0;
    for table in &tables {
        rows += connection.rows(&format!("SELECT 1 FROM {table}"), &[])?.len();
    }
    Ok([tables.len(), rows])
}

/// The names of the sample's tables, none of which needs quoting.
fn tables(connection: &Connection) -> Result<Vec<String>, sqlite::Error> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let names = connection.rows(sql, &[])?.into_iter().flatten();
    Ok(names
        .filter_map(|name| if let Value::Text(name) = name { Some(name) } else { None })
        .collect())
}
