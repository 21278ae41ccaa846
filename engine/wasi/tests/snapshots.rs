//! What a guest has of the outside world goes back, and on in another store, with its instance.

mod common;

use std::fs;

use common::*;
use probity_engine::{Linker, Snapshot, Store};
use probity_wasi::{OutputBuffer, WasiCtx, WasiCtxBuilder, add_to_linker};

/// What a guest finds: time, random bytes, what is on stdin, the first entries of its directory, and whether a number is open.
fn looks(guest: &mut Guest) -> (u64, Vec<u8>, Vec<u8>, Vec<u8>, u32) {
    guest.ok("clock_time_get", &[1, 0, RESULT as u64]);
    let time = guest.u64(RESULT);
    let buffer = guest.space(16);
    guest.ok("random_get", &[buffer as u64, 16]);
    let random = guest.bytes(buffer, 16);
    let read = guest.read(0, &[3]).expect("readable");
    let entries = guest.space(60);
    guest.ok(
        "fd_readdir",
        &[ROOT as u64, entries as u64, 60, 2, RESULT as u64],
    );
    let entries = guest.bytes(entries, 60);
    let stat = guest.space(64).into();
    let closed = guest.call("fd_filestat_get", &[2, stat]);
    (time, random, read, entries, closed)
}

fn builder(dir: &std::path::Path, output: &OutputBuffer) -> WasiCtxBuilder {
    let mut builder = WasiCtxBuilder::new();
    builder
        .virtual_clock(1_000, 7)
        .random_seed(5)
        .stdin_bytes(b"abcdefghijkl".to_vec())
        .stdout(output.clone())
        .stderr(output.clone());
    builder.preopened_dir(dir, ".").expect("a directory");
    builder
}

/// A guest in a store of its own that goes on from a snapshot.
fn copy(snapshot: &Snapshot, mut builder: WasiCtxBuilder) -> Result<Guest, probity_engine::Error> {
    let engine = snapshot.module().engine();
    let mut linker: Linker<WasiCtx> = Linker::new(engine);
    add_to_linker(&mut linker, |ctx| ctx).expect("once");
    let mut store = Store::new(engine, builder.build());
    let instance = linker.instantiate_snapshot(&mut store, snapshot)?;
    store.restore_host(snapshot)?;
    Ok(Guest::of(store, instance))
}

#[test]
fn what_was_goes_on_as_it_did() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["a", "b", "c"] {
        fs::write(dir.path().join(name), name).expect("written");
    }
    let output = OutputBuffer::new();
    let mut guest = Guest::new(&mut builder(dir.path(), &output));
    let before = looks(&mut guest);
    // The listing is that of now, whatever comes later.
    guest.ok("fd_close", &[2]);
    let snapshot = guest.instance.snapshot_with_host(&guest.store);
    let snapshot = snapshot.expect("a snapshot");
    let usage = guest.store.data().usage();
    let original = looks(&mut guest);
    assert_eq!(original.2, b"def");
    assert_eq!((before.4, original.4), (errno::SUCCESS, errno::BADF));
    assert_ne!(before.1, original.1);
    for _ in 0..2 {
        let restored = guest.instance.restore(&mut guest.store, &snapshot);
        restored.expect("restored");
        guest.store.restore_host(&snapshot).expect("restored");
        assert_eq!(guest.store.data().usage(), usage);
        assert_eq!(looks(&mut guest), original);
    }
    // Another store has streams of its own, and nothing else.
    let (other, mut fresh) = (OutputBuffer::new(), WasiCtxBuilder::new());
    fresh.stdout(other.clone());
    let mut copy = copy(&snapshot, fresh).expect("a copy");
    assert_eq!(looks(&mut copy), original);
    copy.write(1, &[b"here"]).expect("written");
    assert_eq!(
        (&*other.contents(), &*output.contents()),
        (&b"here"[..], &b""[..])
    );
}

#[test]
fn what_cannot_be_had_twice_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("a"), "a").expect("written");
    let mut guest = Guest::in_dir(dir.path());
    let plain = guest.instance.snapshot(&guest.store).expect("a snapshot");
    let error = guest.store.restore_host(&plain).expect_err("no state");
    assert_eq!(error.to_string(), "the snapshot has no state of a host");

    let [path, len] = guest.path("a");
    let args = [ROOT as u64, 0, path, len, 0, rights::FD_READ, 0, 0];
    guest.ok("path_open", &[&args[..], &[RESULT as u64]].concat());
    let error = guest.instance.snapshot_with_host(&guest.store);
    let error = error.expect_err("an open file").to_string();
    assert_eq!(
        error,
        "failed to take a snapshot: descriptor 4 is an open file"
    );

    guest.ok("fd_close", &[4]);
    let snapshot = guest.instance.snapshot_with_host(&guest.store);
    let snapshot = snapshot.expect("a snapshot");
    let mut fresh = copy(&snapshot, WasiCtxBuilder::new()).expect("a copy");
    fresh.ok("fd_close", &[1]);
    let error = fresh.store.restore_host(&snapshot).expect_err("no stream");
    assert!(
        error.to_string().starts_with("descriptor 1 was a stream"),
        "{error}"
    );
    // Nothing has changed.
    assert_eq!(fresh.write(2, &[b"x"]), Ok(1));
}
