//! `egret user`: who may connect, in the users file.

use crate::auth::{self, User, Users, Verifier};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Manage the users file
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Action {
    /// Add a user; the password is asked for on the terminal
    Add(Add),
    /// List the users
    List(File),
    /// Remove a user
    Remove(Remove),
}

#[derive(Clone, Debug, clap::Args)]
struct Add {
    /// The name to connect as
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,

    /// The user may not write
    #[arg(long)]
    read_only: bool,

    /// A database the user may connect to; repeat for several, leave out for all
    #[arg(long = "database", value_name = "DATABASE")]
    databases: Vec<String>,

    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,

    #[command(flatten)]
    file: File,
}

#[derive(Clone, Debug, clap::Args)]
struct Remove {
    /// The user's name
    name: String,

    #[command(flatten)]
    file: File,
}

#[derive(Clone, Debug, clap::Args)]
struct File {
    /// The users file
    #[arg(long, value_name = "FILE", default_value = auth::USERS_FILE, env = "EGRET_USERS")]
    users: PathBuf,
}

/// Why the users file stayed as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The users file.
    #[error(transparent)]
    Users(#[from] auth::Error),
    /// There is nothing to list or to change.
    #[error("there is no users file {}: egret user add makes one", .0.display())]
    NoFile(PathBuf),
    /// The password cannot be read.
    #[error("read password: {0}")]
    Read(#[source] io::Error),
    /// There is nobody to ask.
    #[error("read password: standard input is no terminal; use --password-stdin")]
    NoTerminal,
    /// A password without characters would let everybody in who knows the name.
    #[error("the password is empty")]
    EmptyPassword,
    /// The second typing differs from the first.
    #[error("the passwords differ")]
    Differ,
    /// The result cannot be printed.
    #[error("print result: {0}")]
    Print(#[source] io::Error),
}

/// Runs `egret user`.
///
/// # Errors
/// If nothing was changed or nothing can be shown.
pub fn run(args: Args) -> Result<(), Error> {
    match args.action {
        Action::Add(add) => add.run(),
        Action::List(file) => list(&file.open_existing()?).map_err(Error::Print),
        Action::Remove(remove) => Ok(remove.file.open_existing()?.remove(&remove.name)?),
    }
}

impl File {
    fn open(&self) -> Result<Users, auth::Error> {
        Users::load(&self.users)
    }

    /// A file that is not there would do as one of no users, but is more likely a mistake.
    fn open_existing(&self) -> Result<Users, Error> {
        if !self.users.exists() {
            return Err(Error::NoFile(self.users.clone()));
        }
        Ok(self.open()?)
    }
}

impl Add {
    fn run(self) -> Result<(), Error> {
        let users = self.file.open()?;
        let password = if self.password_stdin { line()? } else { ask()? };
        if password.is_empty() {
            return Err(Error::EmptyPassword);
        }
        let verifier = Verifier::from_password(&password)?;
        let (name, read_only, databases) = (self.name, self.read_only, self.databases);
        Ok(users.add(User { name, verifier, read_only, databases })?)
    }
}

fn list(users: &Users) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for user in users.list() {
        let access = if user.read_only { "read only" } else { "read and write" };
        let databases =
            if user.databases.is_empty() { "all".to_owned() } else { user.databases.join(", ") };
        writeln!(out, "{}\t{access}\t{databases}", user.name)?;
    }
    Ok(())
}

/// The first line of standard input.
fn line() -> Result<String, Error> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(Error::Read)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask() -> Result<String, Error> {
    if !io::stdin().is_terminal() {
        return Err(Error::NoTerminal);
    }
    let password = unseen("Password: ")?;
    if unseen("Again: ")? == password { Ok(password) } else { Err(Error::Differ) }
}

/// Asks on the terminal without showing what is typed.
fn unseen(prompt: &str) -> Result<String, Error> {
    let mut err = io::stderr();
    write!(err, "{prompt}").and_then(|()| err.flush()).map_err(Error::Print)?;
    let _shown_again = Echo::off().map_err(Error::Read)?;
    let password = line()?;
    writeln!(err).map_err(Error::Print)?;
    Ok(password)
}

/// The terminal shows nothing that is typed until this is dropped.
struct Echo;

impl Echo {
    fn off() -> io::Result<Self> {
        stty("-echo").map(|()| Self)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // A terminal that has gone away needs no echo.
        let _gone = stty("echo");
    }
}

fn stty(argument: &str) -> io::Result<()> {
    let status = Command::new("stty").arg(argument).stdin(Stdio::inherit()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("stty failed")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Program::try_parse_from(line.split(' ')).map(|program| program.args)
    }

    #[test]
    fn arguments() {
        let line = "user add ann --read-only --database a --database b --users x --password-stdin";
        match parse(line).unwrap().action {
            Action::Add(add) => {
                assert!(add.read_only && add.password_stdin);
                assert_eq!(add.databases, ["a", "b"]);
                assert_eq!(add.file.users, PathBuf::from("x"));
            }
            other => panic!("{other:?}"),
        }
        assert!(parse("user add").is_err());
        assert!(parse("user remove ann").is_ok());
    }

    #[test]
    fn list_and_remove() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        let users = Users::load(&path).unwrap();
        let verifier = Verifier::from_password("x").unwrap();
        let (name, databases) = ("ann".to_owned(), Vec::new());
        users.add(User { name, verifier, read_only: false, databases }).unwrap();
        let line = format!("user remove ann --users {}", path.display());
        run(parse(&line).unwrap()).unwrap();
        assert!(matches!(run(parse(&line).unwrap()), Err(Error::Users(_))));
    }
}
