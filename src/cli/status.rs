//! `egret status`: files and their backups in, how far each backup is out.
//!
//! What is asked is what tells without a server: the local log beside each file, and each store. What
//! a running server knows beside that, `pg_stat_archiver` tells.

use super::unserved::Unserved;
use super::{cost, text};
use crate::config::{self, Config, Layer};
use crate::database;
use crate::ltx::Txid;
use crate::replica;
use crate::shipper::outside::{self, Outside, Whose, Writer};
use crate::shipper::proven::{self, Proven};
use crate::shipper::restore;
use crate::shipper::survey::{Moment, Survey, survey};
use crate::shipper::usage::{self, Used};
use crate::shipper::{Failure, POSITION, failed};
use crate::store::{Location, Replica};
use serde_json::{Value, json};
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
Exit code: 0 if every backup can be read and restored to its newest transaction, 1 if one cannot, or
another writer has it, or the file is not there, or no egret ships it and it is not known that all of its
commits are in it.

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
    outside: Outside,
    backups: Vec<BackupStatus>,
}

/// One backup of a file.
struct BackupStatus {
    url: Location,
    found: Result<Survey, restore::Error>,
    /// Who has its lease; none if that is not known, and if nobody ever had it.
    writer: Option<Option<Writer>>,
    /// How far the file is that followed it, and was not shipped since.
    followed: Option<Txid>,
    failure: Option<Failure>,
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
    let is_well = files.iter().all(FileStatus::is_well);
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
        let outside = Outside::look(&path);
        let (mut proofs, mut usages) = (proven::read(&path), usage::read(&path));
        let mut failures = failed::read(&path);
        let mut backups = Vec::new();
        for location in &config.backups {
            let below = relative.as_ref().filter(|_| !config.is_single());
            let name = path.file_name().map(PathBuf::from);
            let below = below.or(name.as_ref().filter(|_| !config.is_single()));
            let url = below
                .map_or_else(|| location.clone(), |path| location.join(&path.to_string_lossy()));
            let proven = proofs.remove(&location.name());
            let used = usages.remove(&location.name());
            let failure = failures.remove(&location.name());
            let (found, writer) = look(&url, &path).await;
            let followed = replica::followed(&path, &url.to_string());
            backups.push(BackupStatus { url, found, writer, followed, failure, proven, used });
        }
        let bytes = fs::metadata(&path).ok().map(|metadata| metadata.len());
        Self { path, bytes, outside, backups }
    }

    /// Nothing is known that somebody would have to do something about.
    fn is_well(&self) -> bool {
        let is_shipped = self.outside.is_shipped != Some(false);
        let is_well = |backup: &BackupStatus| {
            let has_all = backup.lag_s(&self.outside) == Some(0);
            backup.is_well(&self.outside) && (is_shipped || has_all)
        };
        self.bytes.is_some() && self.backups.iter().all(is_well)
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let outside = &self.outside;
        let size = self.bytes.map_or_else(|| "not there".to_owned(), text::bytes);
        writeln!(out, "{}: {size}, log {}", self.path.display(), text::bytes(outside.wal_bytes))?;
        let kept = text::bytes(outside.log_bytes);
        let shipping = match outside.is_shipped {
            Some(true) => "",
            Some(false) => "; no egret ships it now",
            None => "; unknown whether an egret ships it",
        };
        match outside.local {
            Txid(0) => writeln!(out, "  nothing was shipped from here{shipping}")?,
            local => writeln!(out, "  local: transaction {local}, {kept} kept{shipping}")?,
        }
        match outside.unshipped {
            Some(0) => {}
            Some(count) => {
                let commits = text::count(usize::try_from(count).unwrap_or(usize::MAX), "commit");
                writeln!(out, "  {commits} in SQLite's log and not shipped")?;
            }
            None if outside.local == Txid(0) || self.bytes.is_none() => {}
            None => {
                writeln!(out, "  written since it was shipped: the next egret ships all of it")?;
            }
        }
        self.backups.iter().try_for_each(|backup| backup.print(outside, out))
    }

    fn to_json(&self) -> Value {
        let outside = &self.outside;
        let backups = self.backups.iter().map(|backup| backup.to_json(outside));
        json!({
            "file": self.path.display().to_string(),
            "bytes": self.bytes,
            "wal_bytes": outside.wal_bytes,
            "txid": outside.local.to_string(),
            "log_bytes": outside.log_bytes,
            "shipping": outside.is_shipped,
            "unshipped": outside.unshipped,
            "backups": backups.collect::<Value>(),
        })
    }
}

impl BackupStatus {
    fn is_well(&self, outside: &Outside) -> bool {
        let is_whole = |found: &Survey| {
            found.newest.is_some() && found.fault.is_none() && found.damaged.is_empty()
        };
        self.found.as_ref().is_ok_and(is_whole) && self.is_fenced(outside) != Some(true)
    }

    /// The backup's newest transaction, if the file followed the backup and does not have that.
    fn ahead(&self) -> Option<Txid> {
        let newest = self.found.as_ref().ok()?.newest.as_ref()?.txid;
        self.followed.is_some_and(|at| newest > at).then_some(newest)
    }

    /// Nothing of the file is stored here, because another writer has the backup, or has had it since it was
    /// this file's, or goes on beyond what the file followed; none if that is not known.
    fn is_fenced(&self, outside: &Outside) -> Option<bool> {
        if self.ahead().is_some() {
            return Some(true);
        }
        let Some(writer) = self.writer.as_ref()? else { return Some(false) };
        let newest = self.found.as_ref().ok().and_then(|found| found.newest.as_ref());
        let is_others = match writer.whose {
            Whose::Successors => true,
            Whose::Strangers => writer.is_held && outside.local > Txid(0),
            // Whoever wrote it goes on elsewhere: this file is a copy.
            Whose::Own => writer.is_held && newest.is_some_and(|n| n.txid > outside.local),
        };
        Some(!writer.is_here && is_others)
    }

    /// How many transactions are in the local log and not here; none if that is not known, as of a
    /// backup that another writer goes on with.
    fn behind(&self, outside: &Outside) -> Option<u64> {
        let newest = self.found.as_ref().ok()?.newest?;
        let is_fenced = self.is_fenced(outside) == Some(true);
        (!is_fenced).then(|| outside.local.0.saturating_sub(newest.txid.0))
    }

    /// Since when it lacks something; none if it does not, or that is not known.
    fn behind_since_ms(&self, outside: &Outside) -> Option<i64> {
        self.behind(outside)?;
        outside.behind_since_ms(self.found.as_ref().ok()?.newest?.txid)
    }

    /// For how many seconds it has lacked something; none if that is not known.
    fn lag_s(&self, outside: &Outside) -> Option<u64> {
        let behind = self.behind(outside)?;
        match self.behind_since_ms(outside) {
            Some(since_ms) => Some(text::span(since_ms, text::now_ms()).as_secs()),
            None => (behind == 0 && outside.unshipped == Some(0)).then_some(0),
        }
    }

    fn print(&self, outside: &Outside, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "  {}", self.url)?;
        match &self.found {
            Err(error) => writeln!(out, "    cannot be read: {error}")?,
            Ok(found) => self.print_found(found, outside, out)?,
        }
        self.print_writer(outside, out)?;
        if let Some(failure) = &self.failure {
            let ago = text::duration(text::span(failure.at_ms, text::now_ms()));
            writeln!(out, "    last failure {ago} ago: {}", failure.error)?;
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

    fn print_writer(&self, outside: &Outside, out: &mut impl Write) -> io::Result<()> {
        if let Some((at, newest)) = self.followed.zip(self.ahead()) {
            writeln!(
                out,
                "    the file followed it to transaction {at}, and it goes on to {newest}"
            )?;
            return writeln!(
                out,
                "    nothing is stored from here; follow until the file has all of it, or, to go on \
                 from the file as it is, delete {} and start egret again",
                outside.state.join(POSITION).display()
            );
        }
        let Some(writer) = &self.writer else {
            return writeln!(out, "    writer: unknown");
        };
        let Some(writer) = writer else { return Ok(()) };
        let now = text::now_ms();
        let heard = writer.heard_ms.map(|ms| text::duration(text::span(ms, now)));
        let heard = heard.map(|ago| format!(", heard of {ago} ago")).unwrap_or_default();
        let name = &writer.name;
        if self.is_fenced(outside) == Some(true) {
            let has = match writer.whose {
                Whose::Successors => "has had it since",
                Whose::Strangers | Whose::Own => "has it",
            };
            writeln!(out, "    another writer {has}: {name}{heard}")?;
            if writer.whose == Whose::Strangers {
                return writeln!(out, "    nothing is stored from here until that stops");
            }
            return writeln!(
                out,
                "    nothing is stored from here; to go on all the same, from this file or from the \
                 backup restored in its place, stop any other, delete {} and start egret again",
                outside.state.display()
            );
        }
        match (writer.is_held, writer.is_here) {
            (true, true) => writeln!(out, "    writer: {name}, here{heard}"),
            (true, false) => writeln!(out, "    writer: {name}{heard}"),
            (false, _) => writeln!(out, "    writer: none; the last was {name}{heard}"),
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
            Some(dollars) => {
                writeln!(out, ", and {dollars:.2} dollars at list prices, without transfer")
            }
            None => writeln!(out),
        }
    }

    fn month(&self) -> Option<cost::Month> {
        let bytes = self.found.as_ref().map_or(0, Survey::bytes);
        cost::month(&self.url, self.used.as_ref()?, bytes, text::now_ms())
    }

    fn print_found(
        &self,
        found: &Survey,
        outside: &Outside,
        out: &mut impl Write,
    ) -> io::Result<()> {
        for error in &found.damaged {
            writeln!(out, "    damaged, and left out: {error}")?;
        }
        let (Some(oldest), Some(newest)) = (&found.oldest, &found.newest) else {
            return match &found.fault {
                Some(fault) => writeln!(out, "    nothing can be restored: {fault}"),
                None => writeln!(out, "    there is no backup here"),
            };
        };
        let mut behind = match self.behind(outside) {
            None | Some(0) => String::new(),
            Some(count) => format!(", {count} behind"),
        };
        if let Some(since_ms) = self.behind_since_ms(outside) {
            let lag = text::duration(text::span(since_ms, text::now_ms()));
            behind += &format!(", lacks commits since {lag}");
        }
        let ago = text::duration(text::span(newest.time_ms, text::now_ms()));
        writeln!(out, "    transaction {}{behind}, taken {ago} ago", newest.txid)?;
        let (from, to) = (text::time(oldest.time_ms), text::time(newest.time_ms));
        let moments = text::count(found.moments.len(), "moment");
        writeln!(out, "    {moments} from {from} to {to}")?;
        let files = found.levels.iter().map(|level| level.files).sum();
        let files = text::count(files, "file");
        let points = match found.is_readable {
            true => text::count(found.points.len(), "restore point"),
            false => "restore points unknown".to_owned(),
        };
        writeln!(out, "    {files}, {}, {points}", text::bytes(found.bytes()))?;
        match &found.fault {
            Some(fault) => writeln!(out, "    damaged: {fault}"),
            None => Ok(()),
        }
    }

    fn to_json(&self, outside: &Outside) -> Value {
        let moment = |moment: &Moment| json!({ "txid": moment.txid.to_string(), "time": text::time(moment.time_ms) });
        let found = self.found.as_ref().ok();
        let count = |found: &Survey| found.levels.iter().map(|level| level.files).sum::<usize>();
        json!({
            "url": self.url.to_string(),
            "error": self.found.as_ref().err().map(ToString::to_string),
            "fault": found.and_then(|found| found.fault.as_ref()).map(ToString::to_string),
            "damaged": found.map(|found| -> Value {
                found.damaged.iter().map(ToString::to_string).collect()
            }),
            "oldest": found.and_then(|found| found.oldest.as_ref()).map(moment),
            "newest": found.and_then(|found| found.newest.as_ref()).map(moment),
            "behind": self.behind(outside),
            "lag_s": self.lag_s(outside),
            "fenced": self.is_fenced(outside),
            "writer": self.writer.as_ref().and_then(Option::as_ref).map(|writer| json!({
                "name": writer.name,
                "here": writer.is_here,
                "held": writer.is_held,
                "epoch": writer.epoch,
                "heard": writer.heard_ms.map(text::time),
            })),
            "last_failure": self.failure.as_ref().map(|failure| json!({
                "error": failure.error,
                "time": text::time(failure.at_ms),
            })),
            "readable": found.map(|found| found.is_readable),
            "moments": found.map(|found| found.moments.len()),
            "files": found.map(count),
            "bytes": found.map(Survey::bytes),
            "points": found.filter(|found| found.is_readable).map(|found| found.points.len()),
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

/// What a backup holds, and who writes to it.
async fn look(
    url: &Location,
    file: &Path,
) -> (Result<Survey, restore::Error>, Option<Option<Writer>>) {
    let replica = match Replica::open(url).await {
        Ok(replica) => replica,
        Err(error) => return (Err(error.into()), None),
    };
    let found = survey(&replica).await;
    // A store that does not answer is not waited for twice; the lease is never encrypted.
    let is_lost = matches!(&found, Err(restore::Error::Store(error)) if !error.is_sealed());
    let writer = if is_lost { None } else { outside::writer(&replica, file).await.ok() };
    (found, writer)
}
