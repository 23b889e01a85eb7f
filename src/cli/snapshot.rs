//! `egret snapshot`: a file in, a whole copy of it in a store out.

use super::text;
use crate::shipper::rolling::{self, Rolled, roll};
use crate::store::{self, Location, Replica};
use serde_json::json;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Store a whole copy of a file, beside the copies that are there
///
/// The copy is made in one read transaction while others write. `egret restore` and `litestream
/// restore` read it. Give it a URL of its own: a place where commits are shipped to has its own
/// snapshots.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The SQLite file
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// Where to: file:///directory or s3://bucket/prefix?endpoint=...&region=...
    #[arg(value_name = "URL", value_parser = Location::parse)]
    url: Location,

    /// Keep only so many copies, the newest
    #[arg(long, value_name = "N", value_parser = keep)]
    keep: Option<NonZeroUsize>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
Examples:
  egret snapshot app.db s3://bucket/app-hourly --keep 24
  egret list s3://bucket/app-hourly";

fn keep(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "give a number, at least 1: the new copy is one of them")
}

/// Why there is no new copy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or the store failed.
    #[error("snapshot {}: {source}", path.display())]
    Roll {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rolling::Error,
    },
    /// The result cannot be printed.
    #[error("print result: {0}")]
    Print(#[from] io::Error),
}

/// Runs `egret snapshot`.
///
/// # Errors
/// There is no new copy.
pub async fn run(args: Args) -> Result<(), Error> {
    let failed = |source| Error::Roll { path: args.path.clone(), source };
    let store_failed = |error: store::Error| failed(error.into());
    let replica = Replica::open(&args.url).await.map_err(store_failed)?;
    let rolled = roll(&args.path, &replica, args.keep).await.map_err(failed)?;
    Ok(args.print(&rolled)?)
}

impl Args {
    fn print(&self, rolled: &Rolled) -> io::Result<()> {
        if self.json {
            return text::print_json(&json!({
                "file": self.path.display().to_string(),
                "url": self.url.to_string(),
                "txid": rolled.txid.to_string(),
                "time": text::time(rolled.time_ms),
                "bytes": rolled.bytes,
                "copies": rolled.copies,
                "deleted": rolled.deleted,
            }));
        }
        let (file, url, txid) = (self.path.display(), &self.url, rolled.txid);
        let mut out = io::stdout();
        writeln!(out, "stored {file} as copy {txid} in {url}, {}", text::bytes(rolled.bytes))?;
        let copies =
            if rolled.copies == 1 { "1 copy" } else { &format!("{} copies", rolled.copies) };
        writeln!(out, "{copies} there now, {} deleted", rolled.deleted)
    }
}
