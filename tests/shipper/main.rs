//! The shipper in a world where everything goes wrong, played from a seed.
//!
//! One thread does everything, and time passes only when it says so ([`Stepped`](egret::shipper::Stepped)).
//! It commits, checkpoints, vacuums and replaces a file, by an application that tells the shipper
//! and by one that does not, also in the midst of a look; it ends the process before any write, sync,
//! rename or removal in the local log, loses what was not synced of the log and of the file itself,
//! or deletes the log; and its stores fail, delay, repeat, forget to answer, break off in the midst of
//! a body, get what a process sent that has ended since, and list what was. Some are encrypted, also
//! for others than who writes. After each step each store restores to a state that was committed, and
//! to none before what was said to be stored; once everything is mended, to the last.
//!
//! In one schedule of four a second machine begins with what the first one or a store has, goes on
//! otherwise and writes to the same stores, each of which either of the two may fail to reach. They fall
//! silent, end, are cut off just after they took over, come back and take over from each other. What a
//! machine is told is stored, it has stored; and until the lease changes hands, its state or a later one
//! of its own is what is restored. At the end one is left, and has everything stored.
//!
//! In one schedule of three a file follows the first store, through failures and old listings of its own,
//! by a process that ends now and then ([`Stepped`](egret::replica::Stepped)). What can be seen in it is a
//! state that was committed, and of each machine none before what was seen; once everything is mended, the
//! last.
//!
//! What it leaves out: when it is time to look, what SQLite itself writes (its commits and
//! checkpoints are whole), a writer that stays in its transaction, a lease that is given back, and a
//! follower that ends in the midst of a transaction.
//!
//! `EGRET_SIMULATION_SEEDS=10000` plays so many schedules, `EGRET_SIMULATION_SEED=7` that one.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]
#![expect(unreachable_pub, reason = "for the tests beside it")]

mod dice;
mod disk;
mod followed;
mod history;
mod machine;
mod restorer;
mod run;
mod site;
mod store;
mod window;
mod world;

use restorer::Restorer;
use std::fs::{self, File};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Schedules that once ended badly, and what was wrong. Where what is drawn changes, other seeds show
/// it: most have a test of their own, too, in `tests/shipping` or beside the code.
const ONCE_FAILED: &[(u64, &str)] = &[
    (44, "numbers were given again after the local log was deleted and a look failed"),
    (
        49,
        "what another had sent last arrived late, and led a follower on to what did not follow it",
    ),
    (160, "the same: what was committed then was never stored"),
    (874, "what was sent encrypted was forgotten while something else failed again and again"),
    (
        1523,
        "an answer about the lease was lost, and the next attempt differed: taken for another's",
    ),
    (2661, "a log that was started over, and as long as the one before, was taken for that"),
    (3984, "a file was replaced before its whole copy was begun, and read without its log"),
    (5975, "a number was taken, and the store could not say whose the lease is: stopped for good"),
    (9638, "a snapshot that arrived late was taken for one of the transactions numbered again"),
];

/// How many are played where nothing is said.
const SEEDS: u64 = 500;

#[test]
fn every_schedule_restores() {
    let of = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let failed = match of("EGRET_SIMULATION_SEED") {
        Some(seed) => play_all(&[seed]),
        None => play_all(&(0..of("EGRET_SIMULATION_SEEDS").unwrap_or(SEEDS)).collect::<Vec<_>>()),
    };
    assert!(failed.is_empty(), "{} schedules failed: {failed:?}", failed.len());
}

#[test]
fn schedules_that_once_failed() {
    let seeds: Vec<_> = ONCE_FAILED.iter().map(|(seed, _)| *seed).collect();
    assert!(play_all(&seeds).is_empty());
}

#[test]
fn a_seed_plays_the_same_every_time() {
    let directory = tempfile::tempdir_in(root()).unwrap();
    let restorer = Restorer::new(directory.path());
    for seed in (0..40).filter(|&seed| !store::is_sealed(seed)) {
        let (first, second) = (play(seed, &restorer).unwrap(), play(seed, &restorer).unwrap());
        if let Some(step) = first.iter().zip(&second).position(|(first, second)| first != second) {
            panic!("seed {seed}: {}\n{}", first[..=step].join("\n"), second[step]);
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
}

const AGAIN: &str = "cargo test --test shipper every_schedule -- --nocapture";

/// Plays schedules on all processors; those that failed.
fn play_all(seeds: &[u64]) -> Vec<u64> {
    let (next, played, failed) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().unwrap().get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let directory = tempfile::tempdir_in(root()).unwrap();
                let restorer = Restorer::new(directory.path());
                let seed = || seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize);
                while let Some(&seed) = seed() {
                    if let Err(wrong) = play(seed, &restorer) {
                        eprintln!("{wrong}\nEGRET_SIMULATION_SEED={seed} {AGAIN}");
                        failed.lock().unwrap().push(seed);
                    }
                    let played = played.fetch_add(1, Ordering::Relaxed) + 1;
                    if played.is_multiple_of(1000) {
                        eprintln!("{played} of {} schedules played", seeds.len());
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    failed
}

/// So many schedules are played at once in a process: with more their destinations would wait for each
/// other, since a process bounds its maintenance; two machines are as good as two schedules.
static TABLES: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];

/// Plays one schedule; what was done.
fn play(seed: u64, restorer: &Restorer) -> Result<Vec<String>, String> {
    let tables = match run::is_large(seed) {
        true => &TABLES[..],
        false => slice::from_ref(&TABLES[seed as usize % TABLES.len()]),
    };
    let _taken: Vec<_> = tables.iter().map(Mutex::lock).collect();
    // When maintenance is due depends on the path. Another process may play the same.
    let (directory, lock) = (root().join(seed.to_string()), root().join(format!("{seed}.lock")));
    let lock = File::create(lock).unwrap();
    lock.lock().unwrap();
    drop(fs::remove_dir_all(&directory));
    fs::create_dir(&directory).unwrap();
    let run = AssertUnwindSafe(|| run::run(seed, &directory, restorer));
    let done = std::panic::catch_unwind(run);
    fs::remove_dir_all(&directory).unwrap();
    done.unwrap_or_else(|_| Err("panicked".to_owned()))
}

/// In memory where the system has that: nothing here outlives a machine.
fn root() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let root = parent.join("egret-simulation");
    fs::create_dir_all(&root).unwrap();
    root
}
