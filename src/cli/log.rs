//! Events in, lines on standard error out, as text or as JSON.

use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// A level (`error`, `warn`, `info`, `debug`, `trace`, `off`) or directives by module.
const VARIABLE: &str = "EGRET_LOG";

/// What is written when nothing else is said: libraries say less.
pub const DEFAULT: &str = "warn,aws_config=error,egret=info";
/// What is written by commands that talk to a person.
pub const QUIET: &str = "error";

/// The level cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{VARIABLE}=\"{value}\": {source}")]
pub struct Error {
    value: String,
    source: ParseError,
}

/// Writes events from now on, each as an object if `json`; `EGRET_LOG` goes before the default.
///
/// # Errors
/// `EGRET_LOG` cannot be understood.
pub fn start(default: &str, json: bool) -> Result<(), Error> {
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter(default)?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // A log that cannot be written is no reason to panic.
        .log_internal_errors(false);
    // A log that is there already is the log.
    drop(match json {
        true => events.json().flatten_event(true).with_span_list(false).try_init(),
        false => events.try_init(),
    });
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        tracing::error!(thread = thread.name(), "panicked: {panic}");
    }));
    Ok(())
}

fn filter(default: &str) -> Result<EnvFilter, Error> {
    let value = std::env::var(VARIABLE).unwrap_or_default();
    let directives = match value.as_str() {
        "" => default.to_owned(),
        level if level.chars().all(char::is_alphabetic) => {
            format!("warn,aws_config=error,egret={level}")
        }
        directives => directives.to_owned(),
    };
    EnvFilter::builder().parse(directives).map_err(|source| Error { value, source })
}
