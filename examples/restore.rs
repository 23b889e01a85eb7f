//! Restores a backup, perhaps as it was at some time.
//!
//! `cargo run --example restore -- file:///var/backups/app app.db 2026-01-31T12:00:00Z`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use egret::shipper::restore::{Options, Progress, Target, restore};
use egret::store::{Location, Replica};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: restore URL FILE [TIME]".into());
    };
    let target = match arguments.next() {
        Some(time) => Target::Timestamp(time.parse::<jiff::Timestamp>()?.as_millisecond()),
        None => Target::Latest,
    };

    let replica = Replica::open(&Location::parse(&url)?).await?;
    let options = Options { target, ..Options::default() };
    let progress = |progress| {
        if let Progress::Planned { files, bytes, .. } = progress {
            eprintln!("reading {files} files, {bytes} bytes");
        }
    };
    let restored = restore(&replica, Path::new(&output), &options, Arc::new(progress)).await?;
    println!("{output}: {} pages, transaction {}", restored.pages, restored.txid);
    Ok(())
}
