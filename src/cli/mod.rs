//! Arguments in, exit code out: one file per subcommand.

mod advice;
mod copies;
mod cost;
pub mod demo;
pub mod diff;
pub mod list;
pub mod log;
mod metrics;
pub mod moment;
mod proofs;
pub mod replicate;
pub mod restore;
pub mod scratch;
pub mod serve;
pub mod service;
pub mod shipping;
pub mod snapshot;
pub mod status;
mod stores;
mod text;
pub mod unserved;
pub mod user;
pub mod verify;

use crate::machine;
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Speaks Postgres in front of SQLite files, and ships every commit to an object store
#[derive(Debug, Parser)]
#[command(name = "egret", version, arg_required_else_help = true, after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(Box<serve::Args>),
    Restore(restore::Args),
    Status(status::Args),
    List(list::Args),
    Verify(verify::Args),
    Diff(diff::Args),
    Replicate(replicate::Args),
    Snapshot(snapshot::Args),
    User(user::Args),
}

const AFTER: &str = "\
Examples:
  egret demo
  egret serve app.db
  egret serve app.db --backup s3://bucket/app
  egret status app.db --backup s3://bucket/app
  egret verify s3://bucket/app --file app.db
  egret restore s3://bucket/app --output app.db
  psql -h 127.0.0.1 app";

/// Why the program ends otherwise than it should.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Demo(#[from] demo::Error),
    #[error(transparent)]
    Serve(#[from] service::Error),
    #[error(transparent)]
    Restore(#[from] restore::Error),
    #[error(transparent)]
    List(#[from] list::Error),
    #[error(transparent)]
    Verify(#[from] verify::Error),
    #[error(transparent)]
    Diff(#[from] diff::Error),
    #[error(transparent)]
    Snapshot(#[from] snapshot::Error),
    #[error(transparent)]
    Status(#[from] status::Error),
    #[error(transparent)]
    User(#[from] user::Error),
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error("start: {0}{advice}", advice = machine::advice(.0))]
    Runtime(#[source] io::Error),
}

impl Error {
    /// What compares says with 1 that something differs.
    fn code(&self) -> ExitCode {
        if matches!(self, Self::Diff(_)) { ExitCode::from(2) } else { ExitCode::FAILURE }
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    raise_descriptor_limit();
    match run(Arguments::parse().command) {
        Ok(code) => code,
        // Whoever read the output has enough of it, as head has.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // There is no other place to say it.
            drop(writeln!(io::stderr(), "egret: {}", error.to_string().trim_end()));
            if let Some(advice) = advice::advice(&error) {
                drop(writeln!(io::stderr(), "hint: {advice}"));
            }
            error.code()
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.kind() == io::ErrorKind::BrokenPipe,
        None => error.source().is_some_and(is_broken_pipe),
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    let is_demo = matches!(command, Command::Demo(_));
    let is_json = matches!(&command, Command::Replicate(args) if args.logs_json());
    log::start(if is_demo { log::QUIET } else { log::DEFAULT }, is_json)?;
    match command {
        Command::Demo(args) => Ok(on_runtime(demo::run(args))??),
        Command::Serve(args) => Ok(on_runtime(serve::run(*args))??),
        Command::Restore(args) => Ok(ended(restore::run(args))?.map(done)?),
        Command::List(args) => Ok(ended(list::run(args))??),
        Command::Verify(args) => Ok(ended(verify::run(args))??),
        Command::Diff(args) => Ok(ended(diff::run(args))??),
        Command::Replicate(args) => Ok(on_runtime(replicate::run(args))??),
        Command::Snapshot(args) => Ok(ended(snapshot::run(args))?.map(done)?),
        Command::Status(args) => Ok(ended(status::run(args))??),
        Command::User(args) => Ok(user::run(args).map(done)?),
    }
}

fn done((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

/// Runs to the end of the future; what else runs is not waited for.
fn on_runtime<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = runtime().map_err(Error::Runtime)?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}

/// Runs to the end of the future, and lets what it began clear up after itself.
fn ended<T>(future: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = runtime().map_err(Error::Runtime)?;
    let result = runtime.block_on(future);
    runtime.shutdown_timeout(CLEAR_TIME);
    Ok(result)
}

/// How long that may take.
const CLEAR_TIME: Duration = Duration::from_secs(5);

/// Every file that is served and shipped is held open several times, and most systems let a program
/// have no more than 1024 descriptors unless it asks for those that it may have.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // What the system refuses is said when a file cannot be opened.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().thread_name("egret").build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn output_that_nobody_reads() {
        let list = |kind| Error::List(list::Error::Print(io::Error::from(kind)));
        assert!(is_broken_pipe(&list(io::ErrorKind::BrokenPipe)));
        assert!(!is_broken_pipe(&list(io::ErrorKind::StorageFull)));
    }

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
