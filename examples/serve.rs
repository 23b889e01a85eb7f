//! Serves a SQLite file on a free port of this machine until Enter is pressed.
//!
//! `cargo run --example serve -- app.db`, then `psql -h 127.0.0.1 -p PORT app`.

use egret::config::Layer;
use egret::database::{Files, Options};
use egret::listener::Listener;
use egret::session::Server;
use std::error::Error;
use std::io::{Write as _, stderr, stdin};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let listen = Some(vec!["127.0.0.1:0".to_owned()]);
    let config = Layer { paths: Some(paths), listen, ..Layer::default() }.check()?;

    let files = Files::open(&config.paths, Options::default())?;
    let server = Server::new(files, config.listener.connections_max)?;
    let listener = Listener::bind(&config.listener).await?;
    for address in listener.addresses() {
        writeln!(stderr(), "listening on {address}")?;
    }
    for database in server.files().all() {
        writeln!(stderr(), "{} is database {}", database.path().display(), database.name())?;
    }

    let enter = tokio::task::spawn_blocking(|| stdin().read_line(&mut String::new()));
    tokio::select! {
        () = listener.run(Arc::clone(&server)) => {}
        line = enter => drop(line??),
    }
    tokio::task::spawn_blocking(move || server.drain(Instant::now() + Duration::from_secs(5)))
        .await?;
    Ok(())
}
