//! Waiting: for clocks, for descriptors, and being stopped meanwhile.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use common::*;
use probity_engine::{Error, TrapCode};
use probity_wasi::WasiCtxBuilder;

const MS: u64 = 1_000_000;
const HOUR: u64 = 3_600_000 * MS;
const MONOTONIC: u32 = 1;

#[derive(Clone, Copy)]
enum Sub {
    Relative(u32, u64),
    Absolute(u32, u64),
    Read(u32),
    Write(u32),
    Raw(u8, u16),
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Event {
    userdata: u64,
    error: u16,
    kind: u8,
    nbytes: u64,
    flags: u16,
}

fn try_poll(guest: &mut Guest, subs: &[Sub]) -> Result<Result<Vec<Event>, u32>, Error> {
    let count = subs.len() as u32;
    let at = guest.put(&vec![0; 48 * subs.len()]);
    for (index, sub) in subs.iter().enumerate() {
        let at = at + 48 * index as u32;
        guest.set(at, &(100 + index as u64).to_le_bytes());
        let (tag, id, timeout, flags) = match *sub {
            Sub::Relative(id, timeout) => (0, id, timeout, 0),
            Sub::Absolute(id, timeout) => (0, id, timeout, 1u16),
            Sub::Read(fd) => (1, fd, 0, 0),
            Sub::Write(fd) => (2, fd, 0, 0),
            Sub::Raw(tag, flags) => (tag, 0, 0, flags),
        };
        guest.set(at + 8, &[tag]);
        guest.set(at + 16, &id.to_le_bytes());
        guest.set(at + 24, &timeout.to_le_bytes());
        guest.set(at + 40, &flags.to_le_bytes());
    }
    let out = guest.space(32 * count);
    let args = [at as u64, out as u64, count as u64, RESULT as u64];
    let code = guest.try_call("poll_oneoff", &args)?;
    if code != errno::SUCCESS {
        return Ok(Err(code));
    }
    let events = (0..guest.u32(RESULT)).map(|index| {
        let at = out + 32 * index;
        Event {
            userdata: guest.u64(at),
            error: guest.u16(at + 8),
            kind: guest.u8(at + 10),
            nbytes: guest.u64(at + 16),
            flags: guest.u16(at + 24),
        }
    });
    Ok(Ok(events.collect()))
}

fn poll(guest: &mut Guest, subs: &[Sub]) -> Result<Vec<Event>, u32> {
    try_poll(guest, subs).unwrap_or_else(|error| panic!("poll: {error}"))
}

fn clock_event(index: u64) -> Event {
    Event {
        userdata: 100 + index,
        error: 0,
        kind: 0,
        nbytes: 0,
        flags: 0,
    }
}

fn time(guest: &mut Guest, clock: u32) -> u64 {
    guest.ok("clock_time_get", &[clock as u64, 0, RESULT as u64]);
    guest.u64(RESULT)
}

#[test]
fn sleeping_takes_its_time_and_not_less() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    for clock in [0, MONOTONIC] {
        let before = time(&mut guest, MONOTONIC);
        let events = poll(&mut guest, &[Sub::Relative(clock, 45 * MS)]);
        assert_eq!(events, Ok(vec![clock_event(0)]));
        assert!(time(&mut guest, MONOTONIC) - before >= 45 * MS);
        let deadline = time(&mut guest, clock) + 25 * MS;
        let events = poll(&mut guest, &[Sub::Absolute(clock, deadline)]);
        assert_eq!(events, Ok(vec![clock_event(0)]));
        assert!(time(&mut guest, clock) >= deadline);
    }
}

#[test]
fn only_clocks_that_are_due_are_reported() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    let subs = [
        Sub::Relative(MONOTONIC, HOUR),
        Sub::Absolute(0, 0),
        Sub::Relative(MONOTONIC, 0),
    ];
    let events = poll(&mut guest, &subs);
    assert_eq!(events, Ok(vec![clock_event(1), clock_event(2)]));
}

#[test]
fn wrong_subscriptions_are_refused() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    assert_eq!(poll(&mut guest, &[]), Err(errno::INVAL));
    assert_eq!(poll(&mut guest, &[Sub::Raw(3, 0)]), Err(errno::INVAL));
    assert_eq!(poll(&mut guest, &[Sub::Raw(0, 2)]), Err(errno::INVAL));
    let args = [4096, 4096, 5000, RESULT as u64];
    assert_eq!(guest.call("poll_oneoff", &args), errno::INVAL);
    // These say in their event what is wrong.
    let subs = [
        Sub::Relative(2, 0),
        Sub::Relative(9, 0),
        Sub::Read(77),
        Sub::Write(0),
        Sub::Relative(MONOTONIC, HOUR),
    ];
    let events = poll(&mut guest, &subs).unwrap();
    let errors: Vec<(u64, u16, u8)> = events
        .iter()
        .map(|e| (e.userdata - 100, e.error, e.kind))
        .collect();
    let expect = [
        (0, errno::NOTSUP as u16, 0),
        (1, errno::INVAL as u16, 0),
        (2, errno::BADF as u16, 1),
        (3, errno::NOTCAPABLE as u16, 2),
    ];
    assert_eq!(errors, expect);
}

#[test]
fn files_and_embedders_streams_are_always_ready() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "12345").unwrap();
    let builder = &mut WasiCtxBuilder::new();
    builder
        .stdin_bytes("abc")
        .preopened_dir(dir.path(), ".")
        .unwrap();
    let mut guest = Guest::new(builder);
    let fd = guest.open(ROOT, "f", 0, rights::READ_WRITE).unwrap();
    guest.read(fd, &[2]).unwrap();
    let subs = [
        Sub::Read(0),
        Sub::Write(1),
        Sub::Read(fd),
        Sub::Write(fd),
        Sub::Relative(MONOTONIC, HOUR),
        Sub::Read(ROOT),
    ];
    let events = poll(&mut guest, &subs).unwrap();
    let ready: Vec<_> = events
        .iter()
        .map(|e| (e.userdata - 100, e.error, e.kind))
        .collect();
    let badf = errno::BADF as u16;
    assert_eq!(
        ready,
        [(0, 0, 1), (1, 0, 2), (2, 0, 1), (3, 0, 2), (5, badf, 1)]
    );
    assert_eq!((events[0].nbytes, events[2].nbytes), (3, 3));
}

fn fifo(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
    path
}

#[test]
fn a_pipe_is_waited_for() {
    let dir = temp_dir();
    let path = fifo(dir.path());
    let mut guest = Guest::in_dir(dir.path());
    // Opening does not block, and a pipe has no position.
    let fd = guest.open(ROOT, "fifo", 0, rights::READ_ONLY).unwrap();
    assert_eq!(guest.seek(fd, 0, 0), Err(errno::SPIPE));
    let mut writer = File::options().write(true).open(&path).unwrap();
    let subs = [Sub::Read(fd), Sub::Relative(MONOTONIC, 30 * MS)];
    assert_eq!(poll(&mut guest, &subs), Ok(vec![clock_event(1)]));
    // The guest's own flag makes reading not wait.
    guest.ok("fd_fdstat_set_flags", &[fd as u64, NONBLOCK as u64]);
    assert_eq!(guest.read(fd, &[4]), Err(errno::AGAIN));
    guest.ok("fd_fdstat_set_flags", &[fd as u64, 0]);
    let later = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        writer.write_all(b"hello").unwrap();
        writer
    });
    let subs = [Sub::Read(fd), Sub::Relative(MONOTONIC, HOUR)];
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(
        events,
        [Event {
            userdata: 100,
            error: 0,
            kind: 1,
            nbytes: 5,
            flags: 0
        }]
    );
    assert_eq!(guest.read(fd, &[2, 100]).unwrap(), b"hello");
    let writer = later.join().unwrap();
    let waits = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        drop(writer);
    });
    // A read waits for the writer, whose end is the end of the file.
    assert_eq!(guest.read(fd, &[4]).unwrap(), b"");
    waits.join().unwrap();
    let events = poll(&mut guest, &[Sub::Read(fd)]).unwrap();
    assert_eq!((events[0].nbytes, events[0].flags), (0, 1));
}

#[test]
fn a_pipe_without_reader_is_waited_for_and_full_ones_too() {
    let dir = temp_dir();
    let path = fifo(dir.path());
    let mut guest = Guest::in_dir(dir.path());
    let write = rights::FD_WRITE | rights::FD_FDSTAT_SET_FLAGS | rights::POLL_FD_READWRITE;
    let no_wait = guest.open_with(ROOT, 0, "fifo", 0, (write, 0), NONBLOCK);
    assert_eq!(no_wait, Err(60), "nxio");
    let reads = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        let mut file = File::open(path).unwrap();
        thread::sleep(Duration::from_millis(60));
        std::io::copy(&mut file, &mut std::io::sink()).unwrap()
    });
    let fd = guest.open(ROOT, "fifo", 0, write).unwrap();
    let bytes = vec![7; 100_000];
    // More than a pipe holds.
    assert_eq!(guest.write(fd, &[&bytes, &bytes]), Ok(200_000));
    let events = poll(&mut guest, &[Sub::Write(fd)]).unwrap();
    assert_eq!((events[0].error, events[0].kind), (0, 2));
    guest.close(fd);
    assert_eq!(reads.join().unwrap(), 200_000);
}

/// Runs a guest that waits for ever, sets its stop flag and expects a trap.
fn stopped(mut guest: Guest, wait: impl FnOnce(&mut Guest) -> Result<(), Error>) {
    let flag = guest.store.data().stop_flag();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(60));
        flag.store(true, Ordering::Relaxed);
    });
    let error = wait(&mut guest).unwrap_err();
    stopper.join().unwrap();
    let code = error.trap().map(|trap| trap.code());
    assert_eq!(code, Some(TrapCode::Interrupted), "{error}");
}

#[test]
fn a_long_sleep_can_be_stopped() {
    let guest = Guest::new(&mut WasiCtxBuilder::new());
    stopped(guest, |guest| {
        try_poll(guest, &[Sub::Relative(MONOTONIC, 24 * HOUR)]).map(|_| ())
    });
}

#[test]
fn a_read_that_waits_can_be_stopped() {
    let dir = temp_dir();
    let path = fifo(dir.path());
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "fifo", 0, rights::READ_ONLY).unwrap();
    let _writer = File::options().write(true).open(path).unwrap();
    let [iovs, count] = guest.iovecs(&[(4096, 8)]);
    stopped(guest, |guest| {
        let args = [fd as u64, iovs, count, RESULT as u64];
        guest.try_call("fd_read", &args).map(|_| ())
    });
}

#[test]
fn a_write_that_waits_can_be_stopped() {
    let dir = temp_dir();
    let path = fifo(dir.path());
    let _reader = File::options().read(true).write(true).open(path).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "fifo", 0, rights::FD_WRITE).unwrap();
    let [iovs, count] = guest.iovecs(&[(0, MEMORY)]);
    stopped(guest, |guest| {
        let args = [fd as u64, iovs, count, RESULT as u64];
        guest.try_call("fd_write", &args).map(|_| ())
    });
}

#[test]
fn waiting_for_a_reader_can_be_stopped() {
    let dir = temp_dir();
    fifo(dir.path());
    let mut guest = Guest::in_dir(dir.path());
    let [at, len] = guest.path("fifo");
    stopped(guest, |guest| {
        let (root, write) = (ROOT as u64, rights::FD_WRITE);
        let args = [root, 0, at, len, 0, write, 0, 0, RESULT as u64];
        guest.try_call("path_open", &args).map(|_| ())
    });
}

#[test]
fn virtual_time_is_slept_at_once() {
    let mut guest = Guest::new(WasiCtxBuilder::new().virtual_clock(1_000, 1));
    let before = time(&mut guest, MONOTONIC);
    let subs = [
        Sub::Relative(MONOTONIC, 24 * HOUR),
        Sub::Relative(0, HOUR),
        Sub::Absolute(0, HOUR),
    ];
    // The absolute time is due first, for realtime began at 1,000.
    assert_eq!(poll(&mut guest, &subs), Ok(vec![clock_event(2)]));
    assert_eq!(time(&mut guest, 0), HOUR);
    assert_eq!(
        poll(&mut guest, &[Sub::Relative(MONOTONIC, 24 * HOUR)]),
        Ok(vec![clock_event(0)])
    );
    assert!(time(&mut guest, MONOTONIC) - before >= 24 * HOUR);
}

#[test]
fn under_a_virtual_clock_descriptors_are_ready_and_time_stands_almost_still() {
    let builder = &mut WasiCtxBuilder::new();
    let mut guest = Guest::new(builder.virtual_clock(0, 5).stdin_bytes("ab"));
    let events = poll(&mut guest, &[Sub::Read(0), Sub::Relative(MONOTONIC, HOUR)]).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind, events[0].nbytes), (1, 2));
    assert_eq!(time(&mut guest, MONOTONIC), 5);
    // Polling without waiting lets time pass, so that a guest that polls until
    // some time ends.
    let mut polls = 0;
    while time(&mut guest, MONOTONIC) < 100 {
        poll(&mut guest, &[Sub::Relative(MONOTONIC, 0)]).unwrap();
        polls += 1;
    }
    assert!(polls < 20, "{polls}");
}
