//! What somebody deletes of a destination, or damages, while it is shipped to.

use crate::ground::*;
use egret::ltx::{Name, Txid};
use egret::shipper::{Ladder, Options, Shipper};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// The lease is looked at again whenever something is written.
fn watchful() -> Options {
    Options { lease_term: Duration::from_millis(1), ..options() }
}

/// What was stored is merged every other second.
fn merging() -> Options {
    let levels = vec![Duration::from_secs(2)];
    Options { ladder: Ladder { levels, ..Ladder::default() }, ..options() }
}

fn merges(shipper: &Shipper) -> u64 {
    shipper.status().destinations[0].merged_count
}

/// A shipper that has stored something of a file.
fn begin(ground: &Ground, options: Options) -> Arc<Shipper> {
    let shipper = ground.start_with(&["store"], options);
    wait_stored(&shipper);
    for _ in 0..5 {
        transfer(&ground.connect(), 3);
        wait_stored(&shipper);
    }
    shipper
}

fn snapshots(shipper: &Shipper) -> u64 {
    shipper.status().destinations[0].snapshot_count
}

#[test]
fn a_destination_that_was_emptied_gets_the_whole_database() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = begin(&ground, watchful());
    assert_eq!(snapshots(&shipper), 1);
    fs::remove_dir_all(ground.store("store")).unwrap();
    transfer(&ground.connect(), 3);
    ground.assert_stored(&shipper);
    assert_eq!(snapshots(&shipper), 2);
}

#[test]
fn a_lease_that_was_deleted_costs_no_copy() {
    let ground = Ground::new().with_accounts(4096);
    let shipper = begin(&ground, watchful());
    fs::remove_file(ground.store("store").join("egret.lease")).unwrap();
    transfer(&ground.connect(), 3);
    ground.assert_stored(&shipper);
    assert!(ground.store("store").join("egret.lease").exists());
    assert_eq!(snapshots(&shipper), 1);
}

#[test]
fn what_is_not_there_to_be_merged_is_made_up_for() {
    let ground = Ground::new().with_accounts(4096);
    drop(begin(&ground, options()));
    let mut is_early = false;
    while !is_early {
        // One that begins anew reads what it merges from the store, not from the local log.
        let shipper = ground.start_with(&["store"], merging());
        let before = shipper.status().txid;
        transfer(&ground.connect(), 3);
        wait_stored(&shipper);
        fs::remove_file(ground.object(before)).unwrap();
        is_early = merges(&shipper) == 0;
        eventually("a snapshot", || !is_early || snapshots(&shipper) == 1);
        ground.assert_stored(&shipper);
    }
}

#[test]
fn what_is_damaged_here_is_merged_from_what_is_stored() {
    let ground = Ground::new().with_accounts(4096);
    let mut is_early = false;
    while !is_early {
        let shipper = ground.start_with(&["store"], merging());
        transfer(&ground.connect(), 3);
        wait_stored(&shipper);
        let (before, copies) = (shipper.status().txid, snapshots(&shipper));
        transfer(&ground.connect(), 3);
        wait_stored(&shipper);
        let path = ground.state().join("ltx/0").join(Name::single(before).to_string());
        let mut bytes = fs::read(&path).unwrap();
        bytes[150] ^= 1;
        fs::write(&path, bytes).unwrap();
        is_early = merges(&shipper) == 0;
        eventually("a merge", || merges(&shipper) > 0);
        ground.assert_stored(&shipper);
        let status = &shipper.status().destinations[0];
        assert_eq!((status.snapshot_count, status.maintenance_failed_count), (copies, 0));
    }
}

#[test]
fn a_proof_that_fails_leads_to_another_copy() {
    let ground = Ground::new().with_accounts(4096);
    for damage in [|bytes: &mut Vec<u8>| bytes[150] ^= 1, |bytes: &mut Vec<u8>| bytes.clear()] {
        let shipper = begin(&ground, options());
        let before = snapshots(&shipper);
        let prove = || shipper.prove(0, &ground.replica("store"), ground.runtime.handle());
        prove().unwrap();
        let path = ground.object(Txid(shipper.status().txid.0 - 1));
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        prove().unwrap_err();
        transfer(&ground.connect(), 3);
        ground.assert_stored(&shipper);
        assert_eq!(snapshots(&shipper), before + 1);
        prove().unwrap();
    }
}
