use super::*;
use crate::ltx::PageEncoding;
use crate::shipper::Alone;
use rusqlite::Connection;

/// An application with a file, and who follows it.
fn ground(folder: &Path) -> (Connection, Tail) {
    let path = folder.join("app.db");
    let application = Connection::open(&path).unwrap();
    let make = "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)";
    application.execute_batch(make).unwrap();
    let log = Log::open(&path, PageEncoding::Block, Arc::new(Alone)).unwrap();
    let mut tail = Tail::open(&path, log, Arc::new(Alone), &Options::default()).unwrap();
    tail.begin_anew().unwrap();
    (application, tail)
}

/// Commits, as another process would.
fn insert(application: &Connection) {
    application.execute("INSERT INTO t VALUES (1)", ()).unwrap();
}

/// A checkpoint as it is tried after a commit: frames in the log, and those that are copied.
fn try_checkpoint(application: &Connection) -> (i64, i64) {
    let sql = "PRAGMA wal_checkpoint(PASSIVE)";
    application.query_row(sql, (), |row| Ok((row.get(1)?, row.get(2)?))).unwrap()
}

#[test]
fn the_mark_leaves_the_whole_file_while_others_write_on() {
    let folder = tempfile::tempdir().unwrap();
    let (application, mut tail) = ground(folder.path());
    assert!(tail.checkpoint(u64::MAX, &mut |_| {}).unwrap());
    assert!(tail.is_on_whole_file());

    insert(&application);
    assert!(matches!(tail.sync().unwrap(), Synced::Wrote(..)));
    insert(&application);
    assert_eq!(try_checkpoint(&application), (2, 0));
    tail.settle().unwrap();
    assert!(!tail.is_on_whole_file());
    assert_eq!(try_checkpoint(&application), (2, 2));

    // All is copied, and not all was read: on the whole file the mark would not keep the rest.
    tail.advance().unwrap();
    insert(&application);
    assert_eq!(try_checkpoint(&application), (3, 2));
    assert!(matches!(tail.sync().unwrap(), Synced::Wrote(..)));
    tail.settle().unwrap();
    assert_eq!(try_checkpoint(&application), (3, 3));
    tail.settle().unwrap();
    assert!(tail.is_on_whole_file());
    insert(&application);
    assert!(matches!(tail.sync().unwrap(), Synced::Wrote(..)));
}

/// A log that was started over and is as long as the one before.
#[test]
fn a_log_that_was_not_read_is_not_slept_on() {
    let folder = tempfile::tempdir().unwrap();
    let (application, mut tail) = ground(folder.path());
    insert(&application);
    assert!(matches!(tail.sync().unwrap(), Synced::Wrote(..)));
    assert!(tail.checkpoint(u64::MAX, &mut |_| {}).unwrap());
    let read = tail.place.unwrap().frames_read().unwrap();
    let frames = || u64::try_from(try_checkpoint(&application).0).unwrap();
    assert_eq!(frames(), read);
    insert(&application);
    while frames() < read {
        insert(&application);
    }
    assert_eq!(frames(), read);
    assert!(!tail.doze().unwrap());
    assert!(matches!(tail.sync().unwrap(), Synced::Wrote(..)));
    assert!(tail.doze().unwrap());
}
