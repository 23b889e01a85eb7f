//! `egret status`: files and their backups in, how far each backup is out.
//!
//! What is asked is what tells without a server: the local log beside each file, and each store. What
//! a running server knows beside that, `pg_stat_archiver` tells.

use super::unserved::Unserved;
use super::{cost, text};
use crate::config::{self, Config, Layer};
use crate::database;
use crate::ltx::{Name, Txid};
use crate::shipper::proven::{self, Proven};
use crate::shipper::restore;
use crate::shipper::state_directory;
use crate::shipper::survey::{Survey, survey};
use crate::shipper::usage::{self, Used};
use crate::store::{Location, Replica};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show how far each backup is: positions, restore window, last proof
///
/// Reads what lies beside the files and asks each store; no server is asked, and none is needed. Of a
/// running one, SELECT * FROM pg_stat_archiver tells failures as they happen.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Where they are shipped to, as given to serve; repeat for several
    #[arg(long, value_name = "URL")]
    backup: Vec<String>,

    #[command(flatten)]
    files: Unserved,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
Exit code: 0 if every backup can be read and restored to its newest transaction, 1 if one cannot.

Examples:
  egret status app.db --backup s3://bucket/app
  egret status --config egret.toml --json";

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The flags, or egret.toml.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The result cannot be printed.
    #[error("print result: {0}")]
    Print(#[from] io::Error),
}

/// One file.
struct FileStatus {
    path: PathBuf,
    bytes: Option<u64>,
    wal_bytes: u64,
    /// The newest transaction in the local log.
    local: Txid,
    log_bytes: u64,
    backups: Vec<BackupStatus>,
}

/// One backup of a file.
struct BackupStatus {
    url: Location,
    found: Result<Survey, restore::Error>,
    proven: Option<Proven>,
    used: Option<Used>,
}

/// Runs `egret status`.
///
/// # Errors
/// The flags or the configuration are wrong.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut files = Vec::new();
    for config in args.configs()? {
        for path in &config.paths {
            let found = database::find(path);
            if found.is_empty() {
                writeln!(io::stderr(), "{}: no SQLite files are in it", path.display())?;
            }
            for (file, relative) in found {
                files.push(FileStatus::read(&config, file, relative).await);
            }
        }
    }
    if args.json {
        text::print_json(&files.iter().map(FileStatus::to_json).collect::<Value>())?;
    } else {
        let mut out = io::stdout().lock();
        files.iter().try_for_each(|file| file.print(&mut out))?;
    }
    let is_well = files.iter().flat_map(|file| &file.backups).all(BackupStatus::is_well);
    Ok(ExitCode::from(u8::from(!is_well)))
}

impl Args {
    fn configs(&self) -> Result<Vec<Config>, config::Error> {
        let backup = (!self.backup.is_empty()).then(|| self.backup.clone());
        let configs = self.files.read(Layer { backup, ..Layer::default() })?;
        let shipped = configs.iter().all(|config| !config.backups.is_empty());
        if shipped { Ok(configs) } else { Err(config::Error::NoBackup) }
    }
}

impl FileStatus {
    async fn read(config: &Config, path: PathBuf, relative: Option<PathBuf>) -> Self {
        let len = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.len());
        let mut wal = OsString::from(&path);
        wal.push("-wal");
        let (local, log_bytes) = local_log(&path);
        let (mut proofs, mut usages) = (proven::read(&path), usage::read(&path));
        let mut backups = Vec::new();
        for location in &config.backups {
            let below = relative.as_ref().filter(|_| !config.is_single());
            let name = path.file_name().map(PathBuf::from);
            let below = below.or(name.as_ref().filter(|_| !config.is_single()));
            let url = below
                .map_or_else(|| location.clone(), |path| location.join(&path.to_string_lossy()));
            let proven = proofs.remove(&location.name());
            let used = usages.remove(&location.name());
            let found = look(&url).await;
            backups.push(BackupStatus { url, found, proven, used });
        }
        let (bytes, wal_bytes) = (len(&path), len(Path::new(&wal)).unwrap_or(0));
        Self { path, bytes, wal_bytes, local, log_bytes, backups }
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let size = self.bytes.map_or_else(|| "not there".to_owned(), text::bytes);
        writeln!(out, "{}: {size}, log {}", self.path.display(), text::bytes(self.wal_bytes))?;
        let kept = text::bytes(self.log_bytes);
        match self.local {
            Txid(0) => writeln!(out, "  nothing was shipped from here")?,
            local => writeln!(out, "  local: transaction {local}, {kept} kept")?,
        }
        self.backups.iter().try_for_each(|backup| backup.print(self.local, out))
    }

    fn to_json(&self) -> Value {
        let backups = self.backups.iter().map(|backup| backup.to_json(self.local));
        json!({
            "file": self.path.display().to_string(),
            "bytes": self.bytes,
            "wal_bytes": self.wal_bytes,
            "txid": self.local.to_string(),
            "log_bytes": self.log_bytes,
            "backups": backups.collect::<Value>(),
        })
    }
}

impl BackupStatus {
    fn is_well(&self) -> bool {
        self.found.as_ref().is_ok_and(|found| found.newest.is_some() && found.fault.is_none())
    }

    /// How many transactions are in the local log and not here.
    fn behind(&self, local: Txid) -> Option<u64> {
        let newest = self.found.as_ref().ok()?.newest?;
        Some(local.0.saturating_sub(newest.txid.0))
    }

    fn print(&self, local: Txid, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "  {}", self.url)?;
        match &self.found {
            Err(error) => writeln!(out, "    cannot be read: {error}")?,
            Ok(found) => self.print_found(found, local, out)?,
        }
        if let Some(used) = &self.used {
            self.print_used(used, out)?;
        }
        let now = text::now_ms();
        match self.proven {
            None if self.found.as_ref().is_ok_and(|found| !found.is_readable) => {
                writeln!(out, "    not proven from here: encrypted for others")
            }
            None => writeln!(out, "    never proven here"),
            Some(proven) => {
                let (ago, txid) = (text::duration(text::span(proven.at_ms, now)), proven.txid);
                writeln!(out, "    proven {ago} ago, at transaction {txid}")
            }
        }
    }

    fn print_used(&self, used: &Used, out: &mut impl Write) -> io::Result<()> {
        let usage = &used.usage;
        let others = usage.heads + usage.lists + usage.deletes;
        write!(out, "    since {}: ", text::time(used.since_ms))?;
        write!(out, "{} puts, {} gets, {others} other requests, ", usage.puts, usage.gets)?;
        let (up, down) = (text::bytes(usage.bytes_up), text::bytes(usage.bytes_down));
        writeln!(out, "{up} sent, {down} received")?;
        let Some(month) = self.month() else { return Ok(()) };
        write!(out, "    a month: about {} requests", month.requests)?;
        match month.dollars {
            Some(dollars) => writeln!(out, ", and {dollars:.2} dollars at list prices"),
            None => writeln!(out),
        }
    }

    fn month(&self) -> Option<cost::Month> {
        let bytes = self.found.as_ref().map_or(0, Survey::bytes);
        cost::month(&self.url, self.used.as_ref()?, bytes, text::now_ms())
    }

    fn print_found(&self, found: &Survey, local: Txid, out: &mut impl Write) -> io::Result<()> {
        let (Some(oldest), Some(newest)) = (&found.oldest, &found.newest) else {
            return writeln!(out, "    there is no backup here");
        };
        let behind = match self.behind(local) {
            None | Some(0) => String::new(),
            Some(count) => format!(", {count} behind"),
        };
        let ago = text::duration(text::span(newest.time_ms, text::now_ms()));
        writeln!(out, "    transaction {}{behind}, taken {ago} ago", newest.txid)?;
        let (from, to) = (text::time(oldest.time_ms), text::time(newest.time_ms));
        let moments = text::count(found.moments.len(), "moment");
        writeln!(out, "    {moments} from {from} to {to}")?;
        let files = found.levels.iter().map(|level| level.files).sum();
        let (files, points) = (text::count(files, "file"), found.points.len());
        let points = text::count(points, "restore point");
        writeln!(out, "    {files}, {}, {points}", text::bytes(found.bytes()))?;
        match &found.fault {
            Some(fault) => writeln!(out, "    damaged: {fault}"),
            None => Ok(()),
        }
    }

    fn to_json(&self, local: Txid) -> Value {
        let moment = |moment: &crate::shipper::survey::Moment| json!({ "txid": moment.txid.to_string(), "time": text::time(moment.time_ms) });
        let found = self.found.as_ref().ok();
        let count = |found: &Survey| found.levels.iter().map(|level| level.files).sum::<usize>();
        json!({
            "url": self.url.to_string(),
            "error": self.found.as_ref().err().map(ToString::to_string),
            "fault": found.and_then(|found| found.fault.as_ref()).map(ToString::to_string),
            "oldest": found.and_then(|found| found.oldest.as_ref()).map(moment),
            "newest": found.and_then(|found| found.newest.as_ref()).map(moment),
            "behind": self.behind(local),
            "readable": found.map(|found| found.is_readable),
            "moments": found.map(|found| found.moments.len()),
            "files": found.map(count),
            "bytes": found.map(Survey::bytes),
            "points": found.map(|found| found.points.len()),
            "usage": self.used.map(|used| json!({
                "since": text::time(used.since_ms),
                "until": text::time(used.until_ms),
                "puts": used.usage.puts,
                "gets": used.usage.gets,
                "heads": used.usage.heads,
                "lists": used.usage.lists,
                "deletes": used.usage.deletes,
                "bytes_up": used.usage.bytes_up,
                "bytes_down": used.usage.bytes_down,
            })),
            "month": self.month().map(|month| json!({
                "requests": month.requests,
                "dollars": month.dollars,
            })),
            "proven": self.proven.map(|proven| json!({
                "txid": proven.txid.to_string(),
                "time": text::time(proven.at_ms),
                "age_s": text::span(proven.at_ms, text::now_ms()).as_secs(),
            })),
        })
    }
}

async fn look(url: &Location) -> Result<Survey, restore::Error> {
    survey(&Replica::open(url).await?).await
}

/// The newest transaction in the local log of a file, and the length of all that is in it.
fn local_log(path: &Path) -> (Txid, u64) {
    let directory = state_directory(path).join("ltx").join("0");
    let (mut newest, mut bytes) = (Txid(0), 0);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_str().and_then(|name| name.parse::<Name>().ok());
        if let (Some(name), Ok(metadata)) = (name, entry.metadata()) {
            (newest, bytes) = (newest.max(name.max), bytes + metadata.len());
        }
    }
    (newest, bytes)
}
