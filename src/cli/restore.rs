//! `egret restore`: a backup's URL in, a database file out.

use crate::ltx::Txid;
use crate::shipper::restore::{self, Options, Progress, ProgressFn, Restored, Target};
use crate::sqlite::Integrity;
use crate::store::{Location, Replica};
use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Restore a database from its backup
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The backup: file:///directory or s3://bucket/prefix?endpoint=...&region=...
    #[arg(value_name = "URL", value_parser = Location::parse)]
    url: Location,

    /// The database file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Replace FILE if it exists
    #[arg(short, long)]
    force: bool,

    /// Restore up to this transaction (16 hexadecimal digits)
    #[arg(long, value_name = "TXID", conflicts_with = "timestamp")]
    txid: Option<Txid>,

    /// Restore as of this time, e.g. 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    timestamp: Option<jiff::Timestamp>,

    /// How to check the result before it gets its name
    #[arg(long, value_name = "KIND", value_enum, default_value = "full")]
    integrity_check: Check,
}

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
}

/// Runs `egret restore`.
///
/// # Errors
/// If nothing was restored.
pub async fn run(args: Args) -> Result<(), Error> {
    let opened = Replica::open(&args.url).await;
    let replica =
        opened.map_err(|error| Error::Restore { url: args.url.clone(), source: error.into() })?;
    let options = args.options();
    let (bar, progress) = progress();
    let restored = tokio::select! {
        restored = restore::restore(&replica, &args.output, &options, progress) => restored,
        _ = tokio::signal::ctrl_c() => return Err(Error::Interrupted),
    };
    bar.finish_and_clear();
    let restored = restored.map_err(|source| Error::Restore { url: args.url.clone(), source })?;
    writeln!(io::stdout(), "{}", summary(&args, &restored))?;
    Ok(())
}

impl Args {
    fn options(&self) -> Options {
        let timestamp = self.timestamp.map(|time| Target::Timestamp(time.as_millisecond()));
        let target = self.txid.map(Target::Txid).or(timestamp).unwrap_or_default();
        let integrity = match self.integrity_check {
            Check::Full => Integrity::Full,
            Check::Quick => Integrity::Quick,
            Check::None => Integrity::None,
        };
        Options { target, force: self.force, integrity }
    }
}

/// On a terminal a bar; elsewhere a line for each step.
fn progress() -> (ProgressBar, ProgressFn) {
    let bar = ProgressBar::no_length();
    if !io::stderr().is_terminal() {
        return (ProgressBar::hidden(), Arc::new(print_step));
    }
    let template = "{msg:<12} {wide_bar} {percent:>3}% {eta:>4}";
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let shown = bar.clone();
    (bar, Arc::new(move |progress| show(&shown, progress)))
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Planned { files, bytes } => {
            bar.println(planned(files, bytes));
            bar.set_message("restoring");
        }
        Progress::Pages { done, total } => {
            bar.set_length(total.into());
            bar.set_position(done.into());
        }
        Progress::Checking => bar.set_message("checking"),
    }
}

fn print_step(progress: Progress) {
    let line = match progress {
        Progress::Planned { files, bytes } => planned(files, bytes),
        Progress::Pages { done, total } if done == total => format!("wrote {total} pages"),
        Progress::Pages { .. } => return,
        Progress::Checking => "checking".to_owned(),
    };
    // Progress that cannot be shown is no reason to stop.
    drop(writeln!(io::stderr(), "{line}"));
}

fn planned(files: usize, bytes: u64) -> String {
    let noun = if files == 1 { "file" } else { "files" };
    format!("reading {files} {noun}, {}", BinaryBytes(bytes))
}

fn summary(args: &Args, restored: &Restored) -> String {
    let bytes = u64::from(restored.pages) * u64::from(restored.page_size);
    let taken = match jiff::Timestamp::from_millisecond(restored.timestamp_ms) {
        Ok(time) => format!(" of {time}"),
        Err(_) => String::new(),
    };
    let (file, size, txid) = (args.output.display(), BinaryBytes(bytes), restored.txid);
    format!("restored {file}: {size}, up to transaction {txid}{taken}")
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

    fn parse(words: &str) -> Result<Options, String> {
        let words = ["restore"].into_iter().chain(words.split(' '));
        let parsed = Command::try_parse_from(words).map_err(|error| error.to_string());
        parsed.map(|command| command.args.options())
    }

    #[test]
    fn arguments() {
        let plain = parse("file:///b -o a.db").unwrap();
        assert_eq!((plain.target, plain.force), (Target::Latest, false));
        assert_eq!(plain.integrity, Integrity::Full);
        let at = parse("s3://b/p --output a.db -f --timestamp 1970-01-01T00:00:01.5Z").unwrap();
        assert_eq!((at.target, at.force), (Target::Timestamp(1500), true));
        let txid = parse("s3://b/p --output a.db --txid 000000000000000a --integrity-check none");
        assert_eq!(txid.unwrap().target, Target::Txid(Txid(10)));
    }

    #[test]
    fn refused_arguments() {
        let both = "file:///b -o a --txid 000000000000000a --timestamp 1970-01-01T00:00:01Z";
        assert!(parse(both).unwrap_err().contains("cannot be used with"));
        assert!(parse("file:///b -o a --txid 10").unwrap_err().contains("not a txid"));
        assert!(parse("s3://b?acl=1 -o a").unwrap_err().contains("unknown option \"acl\""));
        assert!(parse("file:///b").unwrap_err().contains("--output"));
    }
}
