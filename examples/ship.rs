//! Ships a SQLite file to a directory or a bucket until the end of the input.
//!
//! `cargo run --example ship -- app.db file:///backup/app`, and `litestream restore` or the
//! `restore` example brings it back.

use egret::shipper::{Alone, Destination, Options, Shipper};
use egret::store::{Location, Replica};
use std::error::Error;
use std::io::{Write as _, stderr, stdin};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, urls @ ..] = arguments.as_slice() else {
        return Err("usage: ship FILE URL...".into());
    };
    let runtime = Runtime::new()?;
    let destinations = urls.iter().map(|url| -> Result<Destination, Box<dyn Error>> {
        let replica = runtime.block_on(Replica::open(&Location::parse(url)?))?;
        Ok(Destination::new(url, replica))
    });
    let destinations = destinations.collect::<Result<Vec<_>, _>>()?;
    let options = Options::default();
    let handle = runtime.handle();
    let shipper = Shipper::start(Path::new(file), destinations, options, Arc::new(Alone), handle)?;

    // Every line asks how far it is; whoever writes to the file needs no word about this.
    for line in stdin().lines() {
        line?;
        let txid = shipper.wait_logged(None)?;
        for destination in shipper.status().destinations {
            writeln!(stderr(), "{}: {} of {txid}", destination.name, destination.stored)?;
        }
    }
    let stored = shipper.stop(Duration::from_secs(30));
    if stored { Ok(()) } else { Err("not everything was stored".into()) }
}
