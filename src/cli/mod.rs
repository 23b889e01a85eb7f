//! Arguments in, exit code out: one file per subcommand.

mod advice;
pub mod demo;
pub mod log;
pub mod restore;
pub mod serve;
pub mod service;
pub mod user;

use clap::{Parser, Subcommand};
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
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
    Serve(serve::Args),
    Restore(restore::Args),
    User(user::Args),
}

const AFTER: &str = "\
Examples:
  egret demo
  egret serve app.db
  egret serve app.db --backup s3://bucket/app
  egret restore s3://bucket/app --output app.db
  psql -h 127.0.0.1 app";

/// Why the program ends with 1.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Demo(#[from] demo::Error),
    #[error(transparent)]
    Serve(#[from] service::Error),
    #[error(transparent)]
    Restore(#[from] restore::Error),
    #[error(transparent)]
    User(#[from] user::Error),
    #[error(transparent)]
    Log(#[from] log::Error),
    #[error("start: {0}")]
    Runtime(#[source] io::Error),
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            // There is no other place to say it.
            drop(writeln!(io::stderr(), "egret: {}", error.to_string().trim_end()));
            if let Some(advice) = advice::advice(&error) {
                drop(writeln!(io::stderr(), "hint: {advice}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    let is_demo = matches!(command, Command::Demo(_));
    log::start(if is_demo { log::QUIET } else { log::DEFAULT })?;
    match command {
        Command::Demo(args) => Ok(on_runtime(demo::run(args))??),
        Command::Serve(args) => Ok(on_runtime(serve::run(args))??),
        Command::Restore(args) => on_runtime(restore::run(args))?.map_err(Error::Restore).map(done),
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

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().thread_name("egret").build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
