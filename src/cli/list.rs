//! `egret list`: a backup's URL in, what can be restored of it out.

use super::text;
use crate::ltx::Txid;
use crate::shipper::restore;
use crate::shipper::survey::{Grain, Moment, Survey, survey, times};
use crate::store::{Location, Replica};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;

/// List what can be restored of a backup: its window, restore points and levels
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The backup: file:///directory or s3://bucket/prefix?endpoint=...&region=..., with
    /// age-identity=FILE if it is encrypted
    #[arg(value_name = "URL", value_parser = Location::parse)]
    url: Location,

    /// List every moment that can be restored, with the time that restores it: each takes a request
    #[arg(long)]
    moments: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// When each moment was taken.
type Times = BTreeMap<Txid, i64>;

/// Why nothing is listed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The backup cannot be read.
    #[error("list {url}: {source}")]
    Survey {
        /// The backup.
        url: Location,
        /// What is wrong.
        source: restore::Error,
    },
    /// The result cannot be printed.
    #[error("print result: {0}")]
    Print(#[from] io::Error),
}

/// Runs `egret list`.
///
/// # Errors
/// The backup cannot be read, or there is none.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let failed = |source| Error::Survey { url: args.url.clone(), source };
    let replica = Replica::open(&args.url).await.map_err(|error| failed(error.into()))?;
    let mut found = survey(&replica).await.map_err(failed)?;
    if found.levels.is_empty() && found.damaged.is_empty() {
        return Err(failed(restore::Error::Plan(crate::shipper::plan::Error::Empty)));
    }
    let moments = match args.moments {
        true => Some(times(&replica, &mut found).await.map_err(failed)?),
        false => None,
    };
    if args.json {
        text::print_json(&args.to_json(&found, moments.as_ref()))?;
    } else {
        args.print(&found, moments.as_ref(), &mut io::stdout().lock())?;
    }
    // There are files, and no moment that they make.
    Ok(ExitCode::from(u8::from(found.newest.is_none())))
}

impl Args {
    fn print(
        &self,
        found: &Survey,
        moments: Option<&Times>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        writeln!(out, "{}", self.url)?;
        print_window(found, out)?;
        if !found.is_readable {
            writeln!(
                out,
                "  encrypted for others: restore points and exact times need age-identity"
            )?;
        }
        print_points(found, out)?;
        writeln!(out, "\nlevels:")?;
        for level in &found.levels {
            let (files, bytes) = (text::count(level.files, "file"), text::bytes(level.bytes));
            let (first, last) = (level.first, level.last);
            writeln!(out, "  {}  {first} to {last}  {files}, {bytes}", level.level)?;
        }
        if let Some(moments) = moments {
            let whose = if found.is_readable { "" } else { " (times are the store's)" };
            writeln!(out, "\nmoments{whose}:")?;
            for (txid, time_ms) in moments {
                writeln!(out, "  {txid}  {}", text::time(*time_ms))?;
            }
        }
        Ok(())
    }

    fn to_json(&self, found: &Survey, moments: Option<&Times>) -> Value {
        let mut value = json!({
            "url": self.url.to_string(),
            "oldest": found.oldest.as_ref().map(json_moment),
            "newest": found.newest.as_ref().map(json_moment),
            "fault": found.fault.as_ref().map(ToString::to_string),
            "damaged": found.damaged.iter().map(ToString::to_string).collect::<Value>(),
            "readable": found.is_readable,
            "moment_count": found.moments.len(),
            "granularity": found.grains.iter().map(json_grain).collect::<Value>(),
            "points": found.points.iter().map(|(point, restorable)| json!({
                "name": point.name,
                "txid": point.txid.to_string(),
                "time": text::time(point.time_ms),
                "restorable": restorable,
            })).collect::<Value>(),
            "levels": found.levels.iter().map(|level| json!({
                "level": level.level,
                "files": level.files,
                "bytes": level.bytes,
                "first_txid": level.first.to_string(),
                "last_txid": level.last.to_string(),
            })).collect::<Value>(),
            "bytes": found.bytes(),
        });
        if let Some(moments) = moments {
            let json = |(txid, time_ms): (&Txid, &i64)| json!({ "txid": txid.to_string(), "time": text::time(*time_ms) });
            value["moments"] = moments.iter().map(json).collect();
        }
        value
    }
}

fn print_window(found: &Survey, out: &mut impl Write) -> io::Result<()> {
    if let (Some(oldest), Some(newest)) = (&found.oldest, &found.newest) {
        let ago = text::duration(text::span(newest.time_ms, text::now_ms()));
        writeln!(
            out,
            "  newest  {}  transaction {}, {ago} ago",
            text::time(newest.time_ms),
            newest.txid
        )?;
        writeln!(out, "  oldest  {}  transaction {}", text::time(oldest.time_ms), oldest.txid)?;
    }
    for grain in &found.grains {
        writeln!(out, "  {}", grain_text(grain))?;
    }
    if let Some(fault) = &found.fault {
        match found.newest {
            Some(_) => writeln!(out, "  damaged: {fault}; what comes later cannot be restored")?,
            None => writeln!(out, "  nothing can be restored: {fault}")?,
        }
    }
    for error in &found.damaged {
        writeln!(out, "  damaged, and left out: {error}")?;
    }
    Ok(())
}

fn print_points(found: &Survey, out: &mut impl Write) -> io::Result<()> {
    if found.points.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nrestore points:")?;
    for (point, restorable) in &found.points {
        let gone = if *restorable { "" } else { ", no longer restorable" };
        let (name, txid, time) = (&point.name, point.txid, text::time(point.time_ms));
        writeln!(out, "  {time}  {name}, transaction {txid}{gone}")?;
    }
    Ok(())
}

/// Of one moment there is no distance to the next.
fn grain_text(grain: &Grain) -> String {
    let moments = text::count(grain.count, "moment");
    let (from, to) = (text::time(grain.from_ms), text::time(grain.to_ms));
    let apart = grain_apart(grain).map(|ms| text::duration(text::span(0, ms)));
    match apart {
        Some(apart) => format!("{moments} from {from} to {to}, about every {apart}"),
        None => format!("{moments} at {from}"),
    }
}

/// Milliseconds from one moment to the next, on average.
fn grain_apart(grain: &Grain) -> Option<i64> {
    let steps = i64::try_from(grain.count).ok()?.checked_sub(1).filter(|steps| *steps > 0)?;
    Some((grain.to_ms - grain.from_ms) / steps)
}

fn json_moment(moment: &Moment) -> Value {
    json!({ "txid": moment.txid.to_string(), "time": text::time(moment.time_ms) })
}

fn json_grain(grain: &Grain) -> Value {
    json!({
        "level": grain.level,
        "moments": grain.count,
        "from": text::time(grain.from_ms),
        "to": text::time(grain.to_ms),
        "apart_ms": grain_apart(grain),
    })
}
