//! `egret restore`: a backup's URL in, a database file out.

use super::moment::{self, Found, Moment};
use super::serve::Signals;
use super::text;
use crate::shipper::restore::{self, Options, Progress, ProgressFn, Restored, scratch_directory};
use crate::sqlite::Integrity;
use crate::store::{Level, Location, LtxFile};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Restore a database from its backup
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The backup: file:///directory or s3://bucket/prefix?endpoint=...&region=..., with
    /// age-identity=FILE if it is encrypted; of several the one that has the latest moment
    #[arg(value_name = "URL", required = true, value_parser = Location::parse)]
    urls: Vec<Location>,

    /// The database file to write
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Replace FILE if it exists
    #[arg(short, long)]
    force: bool,

    #[command(flatten)]
    moment: Moment,

    /// How to check the result before it gets its name
    #[arg(long, value_name = "KIND", value_enum, default_value = "full")]
    integrity_check: Check,

    /// Only say which files would be read, and which moment they make
    #[arg(long)]
    dry_run: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
A restore of more than 32 MiB that was interrupted goes on where it was when the same command is
given again; what it has downloaded is in FILE.restore/ meanwhile.

Examples:
  egret restore s3://bucket/app --output app.db
  egret restore s3://bucket/app --output then.db --timestamp 2026-01-31T12:00:00Z
  egret restore s3://bucket/app --output then.db --point before-migration
  egret restore 's3://bucket/app?age-identity=key.txt' --output app.db
  egret restore s3://bucket/app file:///mnt/nas/app --output app.db --dry-run";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Check {
    /// Everything, indexes against their tables too
    Full,
    /// All but indexes
    Quick,
    /// Nothing
    None,
}

/// Why a restore failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output is in the way.
    #[error("restore: {0}")]
    Output(#[source] restore::Error),
    /// The backup does not have the moment.
    #[error("restore {0}")]
    Moment(#[from] moment::Error),
    /// Nothing was restored.
    #[error("restore {url}: {source}")]
    Restore {
        /// The backup.
        url: Location,
        /// What happened.
        source: restore::Error,
    },
    /// The result cannot be printed.
    #[error("print result: {0}")]
    Print(#[from] io::Error),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
    /// The user stopped it, and it can go on.
    #[error("interrupted: the same command goes on with what is in {}", .0.display())]
    Resumable(PathBuf),
}

/// Runs `egret restore`.
///
/// # Errors
/// If nothing was restored.
pub async fn run(args: Args) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    tokio::select! {
        done = restore(&args) => done,
        () = signals.next() => Err(args.interrupted()),
    }
}

async fn restore(args: &Args) -> Result<(), Error> {
    if !args.dry_run {
        restore::refuse_in_the_way(args.output(), args.force).map_err(Error::Output)?;
    }
    let mut urls = args.urls.clone();
    loop {
        let found = args.moment.find(&urls).await?;
        if args.dry_run {
            return args.print_plan(&found);
        }
        let options = args.options(&found);
        let (bar, progress) = progress();
        let restored = restore::restore(&found.replica, args.output(), &options, progress).await;
        bar.finish_and_clear();
        match restored {
            Ok(restored) => return args.print_result(&found, &restored),
            Err(source) => {
                urls.retain(|url| *url != found.url);
                if urls.is_empty() || !source.is_corruption() {
                    return Err(Error::Restore { url: found.url, source });
                }
                writeln!(io::stderr(), "left out: {}: {source}", found.url)?;
            }
        }
    }
}

impl Args {
    fn options(&self, found: &Found) -> Options {
        let integrity = match self.integrity_check {
            Check::Full => Integrity::Full,
            Check::Quick => Integrity::Quick,
            Check::None => Integrity::None,
        };
        Options { target: found.target, force: self.force, integrity, ..Options::default() }
    }

    /// Nothing is written where none is named.
    fn output(&self) -> &Path {
        self.output.as_deref().unwrap_or(Path::new(""))
    }

    fn interrupted(&self) -> Error {
        let directory = scratch_directory(self.output());
        let has_some = directory.join("pieces").is_dir();
        if has_some { Error::Resumable(directory) } else { Error::Interrupted }
    }

    fn print_result(&self, found: &Found, restored: &Restored) -> Result<(), Error> {
        let bytes = u64::from(restored.pages) * u64::from(restored.page_size);
        if self.json {
            return Ok(text::print_json(&json!({
                "output": self.output().display().to_string(),
                "url": found.url.to_string(),
                "txid": restored.txid.to_string(),
                "time": text::time(restored.timestamp_ms),
                "bytes": bytes,
                "files": restored.files,
                "bytes_read": restored.bytes,
            }))?);
        }
        let (file, from) = (self.output().display(), &found.url);
        let taken = text::time(restored.timestamp_ms);
        let (size, txid) = (text::bytes(bytes), restored.txid);
        let mut out = io::stdout();
        writeln!(out, "restored {file} from {from}: {size}, up to transaction {txid} of {taken}")?;
        self.print_distance(restored.timestamp_ms)
    }

    fn print_plan(&self, found: &Found) -> Result<(), Error> {
        let plan = &found.preview;
        if self.json {
            let files: Vec<_> = plan.files.iter().map(json_file).collect();
            return Ok(text::print_json(&json!({
                "url": found.url.to_string(),
                "txid": plan.txid.to_string(),
                "time": text::time(plan.timestamp_ms),
                "bytes": plan.database_bytes(),
                "files": files.len(),
                "bytes_read": plan.bytes(),
                "reads": files,
            }))?);
        }
        let (from, txid) = (&found.url, plan.txid);
        let file = self.output.as_ref().map(|file| format!(" {}", file.display()));
        let file = file.unwrap_or_default();
        let (size, taken) = (text::bytes(plan.database_bytes()), text::time(plan.timestamp_ms));
        let mut out = io::stdout();
        writeln!(
            out,
            "would restore{file} from {from}: {size}, up to transaction {txid} of {taken}"
        )?;
        self.print_distance(plan.timestamp_ms)?;
        let (files, bytes) = (text::count(plan.files.len(), "file"), text::bytes(plan.bytes()));
        writeln!(out, "would read {files}, {bytes}:")?;
        for (level, (files, bytes)) in by_level(&plan.files) {
            let (files, bytes) = (text::count(files, "file"), text::bytes(bytes));
            writeln!(out, "  level {level}: {files}, {bytes}")?;
        }
        Ok(())
    }

    /// A time asked for is seldom that of a transaction.
    fn print_distance(&self, found_ms: i64) -> Result<(), Error> {
        if let Some(distance) = self.moment.distance(found_ms) {
            writeln!(io::stdout(), "that is {distance}")?;
        }
        Ok(())
    }
}

/// How many files of each level, and their length.
fn by_level(files: &[LtxFile]) -> BTreeMap<Level, (usize, u64)> {
    let mut levels = BTreeMap::new();
    for file in files {
        let (files, bytes) = levels.entry(file.level).or_default();
        (*files, *bytes) = (*files + 1, *bytes + file.size);
    }
    levels
}

fn json_file(file: &LtxFile) -> serde_json::Value {
    json!({ "level": file.level, "name": file.name.to_string(), "bytes": file.size })
}

/// On a terminal a bar; elsewhere a line for each step.
pub(super) fn progress() -> (ProgressBar, ProgressFn) {
    let bar = ProgressBar::no_length();
    if !io::stderr().is_terminal() {
        return (ProgressBar::hidden(), Arc::new(print_step));
    }
    let template = "{msg:<9} {wide_bar} {percent:>3}% {binary_bytes_per_sec:>13}  {eta:>4} left";
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let shown = bar.clone();
    (bar, Arc::new(move |progress| show(&shown, progress)))
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Planned { files, bytes, kept } => {
            bar.println(planned(files, bytes, kept));
            bar.set_message("restoring");
        }
        Progress::Bytes { done, total } => {
            bar.set_length(total);
            bar.set_position(done);
        }
        Progress::Checking => bar.set_message("checking"),
    }
}

fn print_step(progress: Progress) {
    let line = match progress {
        Progress::Planned { files, bytes, kept } => planned(files, bytes, kept),
        Progress::Bytes { done, total } if done == total => {
            format!("wrote {}", text::bytes(total))
        }
        Progress::Bytes { .. } => return,
        Progress::Checking => "checking".to_owned(),
    };
    // Progress that cannot be shown is no reason to stop.
    drop(writeln!(io::stderr(), "{line}"));
}

fn planned(files: usize, bytes: u64, kept: u64) -> String {
    let (files, bytes) = (text::count(files, "file"), text::bytes(bytes));
    match kept {
        0 => format!("reading {files}, {bytes}"),
        _ => format!("reading {files}, {bytes}, of which {} are here already", text::bytes(kept)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &str) -> Result<Args, String> {
        let words = ["restore"].into_iter().chain(words.split(' '));
        let parsed = Command::try_parse_from(words).map_err(|error| error.to_string());
        parsed.map(|command| command.args)
    }

    #[test]
    fn arguments() {
        let plain = parse("file:///b -o a.db").unwrap();
        assert_eq!((plain.moment.time_ms(), plain.force), (None, false));
        let at = "s3://b/p file:///b --output a.db -f --timestamp 1970-01-01T00:00:01.5Z";
        let at = parse(at).unwrap();
        assert_eq!((at.moment.time_ms(), at.force, at.urls.len()), (Some(1500), true, 2));
        parse("s3://b/p --output a.db --txid 000000000000000a --integrity-check none").unwrap();
        parse("s3://b/p --output a.db --point p --dry-run --json").unwrap();
        parse("s3://b/p --dry-run").unwrap();
    }

    #[test]
    fn refused_arguments() {
        for two in [
            "--txid 000000000000000a --timestamp 1970-01-01T00:00:01Z",
            "--txid 000000000000000a --point p",
            "--point p --timestamp 1970-01-01T00:00:01Z",
        ] {
            let error = parse(&format!("file:///b -o a {two}")).unwrap_err();
            assert!(error.contains("cannot be used with"), "{error}");
        }
        assert!(parse("file:///b -o a --txid 10").unwrap_err().contains("16 hexadecimal digits"));
        let time = parse("file:///b -o a --timestamp 2026-01-31").unwrap_err();
        assert!(time.contains("give it with its zone"), "{time}");
        assert!(parse("s3://b?acl=1 -o a").unwrap_err().contains("unknown option \"acl\""));
        assert!(parse("file:///b").unwrap_err().contains("--output"));
        assert!(parse("-o a").unwrap_err().contains("URL"));
    }
}
