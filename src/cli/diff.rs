//! `egret diff`: a backup and a file in, what differs between them out, table by table.

use super::moment::{self, Moment};
use super::scratch::Scratch;
use super::serve::Signals;
use super::{restore::progress, text};
use crate::shipper::restore::{self, Options, Preview, restore};
use crate::sqlite::{
    self, Comparison, Integrity, Rows, SchemaDifference, TableComparison, compare,
};
use crate::store::Location;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::task::spawn_blocking;

/// Compare a backup at a moment with a file, table by table
///
/// Rows are matched by primary key, or by rowid where there is none. The file may be in use; it is
/// read in one transaction and not changed.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The backup: file:///directory or s3://bucket/prefix?endpoint=...&region=..., with
    /// age-identity=FILE if it is encrypted
    #[arg(value_name = "URL", value_parser = Location::parse)]
    url: Location,

    /// The SQLite file to compare it with
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    moment: Moment,

    /// Name so many rows of each kind of difference
    #[arg(long, value_name = "N", default_value_t = 5)]
    rows: usize,

    #[command(flatten)]
    scratch: Scratch,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
Exit code: 0 if nothing differs, 1 if something does, 2 if that cannot be said.

Examples:
  egret diff s3://bucket/app app.db
  egret diff s3://bucket/app app.db --timestamp 2026-01-31T12:00:00Z
  egret diff s3://bucket/app app.db --point before-migration --json";

/// Why nothing is compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The backup does not have the moment.
    #[error("diff {0}")]
    Moment(#[from] moment::Error),
    /// The backup does not restore.
    #[error("diff {url}: {source}")]
    Restore {
        /// The backup.
        url: Location,
        /// What happened.
        source: restore::Error,
    },
    /// The file is not there, or no SQLite file.
    #[error("diff {}: {source}", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The file cannot be compared.
    #[error("diff {}: {source}{}", path.display(), source.advice())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: sqlite::Error,
    },
    /// There is no room to restore to.
    #[error("make a scratch directory: {0}")]
    Scratch(#[source] io::Error),
    /// The result cannot be printed.
    #[error("print result: {0}")]
    Print(#[from] io::Error),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

/// Runs `egret diff`.
///
/// # Errors
/// The backup does not restore, or the file cannot be read.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut signals = Signals::new()?;
    let (preview, comparison) = tokio::select! {
        compared = args.compare() => compared?,
        () = signals.next() => return Err(Error::Interrupted),
    };
    if args.json {
        text::print_json(&args.to_json(&preview, &comparison))?;
    } else {
        args.print(&preview, &comparison, &mut io::stdout().lock())?;
    }
    Ok(ExitCode::from(u8::from(!comparison.is_equal())))
}

impl Args {
    async fn compare(&self) -> Result<(Preview, Comparison), Error> {
        let unreadable = |source| Error::NoFile { path: self.file.clone(), source };
        text::require_database(&self.file).map_err(unreadable)?;
        let directory = self.scratch.directory().map_err(Error::Scratch)?;
        let found = self.moment.find(std::slice::from_ref(&self.url)).await?;
        let output = directory.path().join("restored.db");
        let options =
            Options { target: found.target, integrity: Integrity::Quick, ..Options::default() };
        let (bar, progress) = progress();
        let restored = restore(&found.replica, &output, &options, progress).await;
        bar.finish_and_clear();
        restored.map_err(|source| Error::Restore { url: self.url.clone(), source })?;
        let (path, rows) = (self.file.clone(), self.rows);
        let compared = spawn_blocking(move || compare(&output, &path, rows)).await;
        let compared = compared.unwrap_or_else(|_| Err(sqlite::Error::in_use()));
        drop(directory);
        let failed = |source| Error::File { path: self.file.clone(), source };
        Ok((found.preview, compared.map_err(failed)?))
    }

    fn print(&self, preview: &Preview, found: &Comparison, out: &mut impl Write) -> io::Result<()> {
        let (txid, taken) = (preview.txid, text::time(preview.timestamp_ms));
        let file = self.file.display();
        writeln!(out, "backup: {}, transaction {txid} of {taken}\nfile:   {file}", self.url)?;
        if let Some(distance) = self.moment.distance(preview.timestamp_ms) {
            writeln!(out, "the backup's moment is {distance}")?;
        }
        for object in &found.schema {
            writeln!(out, "{} {}: {}", object.kind, object.name, place(object))?;
        }
        let (equal, other): (Vec<_>, Vec<_>) = found.tables.iter().partition(|t| t.is_equal());
        for table in other {
            print_table(table, out)?;
        }
        let equal = text::count(equal.len(), "table");
        writeln!(out, "{equal} with the same rows")
    }

    fn to_json(&self, preview: &Preview, found: &Comparison) -> Value {
        json!({
            "url": self.url.to_string(),
            "file": self.file.display().to_string(),
            "txid": preview.txid.to_string(),
            "time": text::time(preview.timestamp_ms),
            "equal": found.is_equal(),
            "schema": found.schema.iter().map(|object| json!({
                "type": object.kind,
                "name": object.name,
                "difference": place(object),
            })).collect::<Value>(),
            "tables": found.tables.iter().map(|table| json!({
                "name": table.name,
                "key": table.key,
                "only_in_backup": json_rows(&table.only_first),
                "only_in_file": json_rows(&table.only_second),
                "different": json_rows(&table.different),
            })).collect::<Value>(),
        })
    }
}

fn place(object: &SchemaDifference) -> &'static str {
    match (object.in_first, object.in_second) {
        (true, false) => "only in the backup",
        (false, true) => "only in the file",
        _ => "declared otherwise",
    }
}

fn print_table(table: &TableComparison, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "table {}, by {}:", table.name, table.key.join(", "))?;
    let kinds = [
        (&table.only_first, "only in the backup"),
        (&table.only_second, "only in the file"),
        (&table.different, "different"),
    ];
    for (rows, kind) in kinds.into_iter().filter(|(rows, _)| rows.count > 0) {
        let noun = if rows.count == 1 { "row" } else { "rows" };
        let more = if rows.count > rows.keys.len() as u64 { " ..." } else { "" };
        writeln!(out, "  {} {noun} {kind}: {}{more}", rows.count, rows.keys.join("; "))?;
    }
    Ok(())
}

fn json_rows(rows: &Rows) -> Value {
    json!({ "count": rows.count, "keys": rows.keys })
}
