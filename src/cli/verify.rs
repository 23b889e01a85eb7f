//! `egret verify`: a backup in, a proof that it restores out.

use super::scratch::Scratch;
use super::serve::Signals;
use super::{restore::progress, text};
use crate::shipper::verify::{Compared, Report, VerifyError, verify, verify_with};
use crate::store::{Location, Replica};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Prove that a backup restores, and to what the file holds
///
/// Restores the newest moment to a scratch directory, which checks every checksum of the backup,
/// runs SQLite's integrity check, and with --file compares every page with the file as it was after
/// the same transaction. The file may be served and written meanwhile.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The backup: file:///directory or s3://bucket/prefix?endpoint=...&region=..., with
    /// age-identity=FILE if it is encrypted
    #[arg(value_name = "URL", value_parser = Location::parse)]
    url: Location,

    /// The file that the backup is of, in WAL mode
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    scratch: Scratch,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
Exit code: 0 if the backup is proven, or sound where no file was given; 1 if not.

Examples:
  egret verify s3://bucket/app
  egret verify s3://bucket/app --file app.db";

/// Why a backup is not proven.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not restore, or the file cannot be read.
    #[error("verify {url}: {source}")]
    Verify {
        /// The backup.
        url: Location,
        /// What is wrong.
        source: VerifyError,
    },
    /// The file is not there, or no SQLite file.
    #[error("verify {}: {source}", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
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

/// How many differing pages are named.
const NAMED_MAX: usize = 20;

/// Runs `egret verify`.
///
/// # Errors
/// The backup does not restore, or the file cannot be read.
pub async fn run(args: Args) -> Result<ExitCode, Error> {
    let mut signals = Signals::new()?;
    let report = tokio::select! {
        report = args.verify() => report.or_else(|error| args.tell_damage(error))?,
        () = signals.next() => return Err(Error::Interrupted),
    };
    let differs = matches!(report.compared, Some(Compared::Differs(_) | Compared::Unmatched(_)));
    if args.json {
        text::print_json(&args.to_json(&report))?;
    } else {
        args.print(&report, &mut io::stdout().lock())?;
    }
    Ok(ExitCode::from(u8::from(differs)))
}

impl Args {
    async fn verify(&self) -> Result<Report, Error> {
        if let Some(path) = &self.file {
            let unreadable = |source| Error::NoFile { path: path.clone(), source };
            text::require_database(path).map_err(unreadable)?;
        }
        let directory = self.scratch.directory().map_err(Error::Scratch)?;
        let scratch = directory.path().join("verify");
        let failed = |source| Error::Verify { url: self.url.clone(), source };
        let replica = Replica::open(&self.url).await.map_err(|error| failed(error.into()))?;
        let (bar, progress) = progress();
        let report = match &self.file {
            Some(file) => verify_with(&replica, file, &scratch, progress).await,
            None => verify(&replica, &scratch, progress).await,
        };
        bar.finish_and_clear();
        report.map_err(failed)
    }

    /// What is damaged is a verdict, too.
    fn tell_damage(&self, error: Error) -> Result<Report, Error> {
        if self.json
            && let Error::Verify { source, .. } = &error
            && source.is_damage()
        {
            text::print_json(&json!({
                "verdict": "damaged",
                "url": self.url.to_string(),
                "file": self.file.as_ref().map(|file| file.display().to_string()),
                "error": source.to_string(),
            }))?;
        }
        Err(error)
    }

    fn print(&self, report: &Report, out: &mut impl Write) -> io::Result<()> {
        let (txid, taken) = (report.txid, text::time(report.timestamp_ms));
        let size = text::bytes(u64::from(report.pages) * u64::from(report.page_size));
        let file = self.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
        let verdict = verdict(report);
        writeln!(out, "{verdict}: {} up to transaction {txid} of {taken}", self.url)?;
        let (pages, checksum) = (text::count(report.pages as usize, "page"), report.checksum);
        writeln!(
            out,
            "  restores to {size}, {pages}, integrity check ok, checksum {checksum:016x}"
        )?;
        match &report.compared {
            None => writeln!(out, "  not compared with a file: give it as --file FILE"),
            Some(Compared::Equal) => writeln!(out, "  every page is that of {file}"),
            Some(Compared::Differs(pages)) => {
                writeln!(out, "  {file} differs at the same transaction in {}", named(pages))
            }
            Some(Compared::Unmatched(pages)) => {
                writeln!(
                    out,
                    "  {file} differs in {}: either it holds commits that are not backed up, or the \
                     backup is of another file",
                    named(pages)
                )
            }
        }
    }

    fn to_json(&self, report: &Report) -> Value {
        let differing = match &report.compared {
            Some(Compared::Differs(pages) | Compared::Unmatched(pages)) => pages.as_slice(),
            _ => &[],
        };
        json!({
            "verdict": verdict(report),
            "url": self.url.to_string(),
            "file": self.file.as_ref().map(|file| file.display().to_string()),
            "txid": report.txid.to_string(),
            "time": text::time(report.timestamp_ms),
            "pages": report.pages,
            "page_size": report.page_size,
            "checksum": format!("{:016x}", report.checksum),
            "differing_count": differing.len(),
            "differing_pages": differing.iter().take(NAMED_MAX).collect::<Vec<_>>(),
        })
    }
}

fn verdict(report: &Report) -> &'static str {
    match report.compared {
        None => "sound",
        Some(Compared::Equal) => "proven",
        Some(Compared::Differs(_)) => "differs",
        Some(Compared::Unmatched(_)) => "unproven",
    }
}

fn named(pages: &[u32]) -> String {
    let named: Vec<_> = pages.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = if pages.len() > NAMED_MAX { " ..." } else { "" };
    format!("{}: {}{more}", text::count(pages.len(), "page"), named.join(", "))
}
