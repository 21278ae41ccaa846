//! Trace files that are cut or wrong, sinks that fail, and traces of random programs against a naive observer.

mod common;

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex};

use common::random::{Dialect, Random, program};
use common::{WAYS, config, pairs, run_session};
use probity_analyses::Session;
use probity_analyses::trace::{EventKind, Item, Lines, ReadError, Reader, TraceHandle};
use probity_engine::hook::Probe;
use probity_engine::{Config, Store};

/// Keeps so many bytes, then fails.
#[derive(Clone)]
struct Disk {
    kept: Arc<Mutex<Vec<u8>>>,
    room: usize,
    error: ErrorKind,
}

impl Disk {
    fn new(room: usize, error: ErrorKind) -> Disk {
        Disk {
            kept: Arc::default(),
            room,
            error,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.kept.lock().expect("no panic").clone()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.kept.lock().expect("no panic");
        let room = self.room - kept.len();
        if room == 0 && !bytes.is_empty() {
            return Err(self.error.into());
        }
        let taken = bytes.len().min(room);
        kept.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn trace(config: Config, wat: &str, options: &str, disk: &Disk) -> (common::Run, TraceHandle) {
    let (mut handle, sink) = (None, disk.clone());
    let add = |session: &mut Session| {
        handle = Some(session.add_trace(&pairs(options), sink).expect("a trace"));
    };
    let run = run_session(config, wat, add, limit);
    (run, handle.expect("it was added"))
}

/// Random programs may have no end.
fn limit(store: &mut Store<()>) {
    store.set_fuel_limit(Some(4000));
}

fn whole(wat: &str, options: &str) -> Vec<u8> {
    let disk = Disk::new(usize::MAX, ErrorKind::Other);
    trace(Config::new(), wat, options, &disk);
    disk.bytes()
}

/// The lines up to the end or an error.
fn lines(file: &[u8]) -> (Vec<u8>, Option<ReadError>) {
    let mut out = Vec::new();
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (out, Some(error)),
    };
    let mut lines = Lines::default();
    loop {
        match reader.next() {
            Ok(Some(item)) => {
                if let Item::Event(event, all) = &item {
                    assert!(event.to_json(all).is_object());
                }
                lines.write(&item, &mut out).expect("memory");
            }
            Ok(None) => return (out, None),
            Err(error) => return (out, Some(error)),
        }
    }
}

const SMALL: &str = r#"(module (import "host" "nop" (func $nop)) (memory 1)
    (func $f (param i32 i64 f64 funcref) (result i32)
        (call $nop) (i32.store (local.get 0) (i32.const 7)) (i32.load (local.get 0)))
    (elem declare func $f)
    (func (export "main") (local i32)
        (loop
            (drop (call $f (local.get 0) (i64.const -1) (f64.const 2.5) (ref.func $f)))
            (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (i32.const 20))))
        unreachable))"#;

/// Cut anywhere, a file gives the lines before the cut and says where it ends.
#[test]
fn files_cut_at_every_byte() {
    for options in [
        "events=all,operands=on,format=binary",
        "last=7,format=binary",
    ] {
        let file = whole(SMALL, options);
        let (all, error) = lines(&file);
        assert!(error.is_none() && !all.is_empty(), "{error:?}");
        let mut longest = 0;
        for len in 0..file.len() {
            let (text, error) = lines(&file[..len]);
            let error = error.unwrap_or_else(|| panic!("no error at {len}"));
            assert!(error.is_cut, "{len}: {error}");
            assert_eq!(error.offset, len as u64, "{error}");
            assert!(all.starts_with(&text), "{len}");
            assert!(text.len() >= longest, "{len}");
            longest = text.len();
        }
        assert_eq!(longest, all.len());
    }
}

/// Bytes that are wrong give an error with an offset inside the file, or other events; never a panic.
#[test]
fn files_with_wrong_bytes() {
    let file = whole(SMALL, "events=all,operands=on,format=binary");
    let mut random = Random(7);
    let mut errors = 0;
    let rounds = 20_000;
    for round in 0..rounds {
        let mut wrong = file.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(wrong.len() as u32) as usize;
            match random.below(4) {
                0 => wrong[at] ^= 1 << random.below(8),
                1 => wrong[at] = random.below(256) as u8,
                2 => wrong.insert(at, random.below(256) as u8),
                _ => drop(wrong.remove(at)),
            }
        }
        if let (_, Some(error)) = lines(&wrong) {
            errors += 1;
            assert!(error.offset <= wrong.len() as u64, "{round}: {error}");
            assert!(
                error
                    .to_string()
                    .contains(&format!("byte {}", error.offset)),
                "{error}"
            );
        }
    }
    // A value may be another one, and most else is noticed.
    assert!(errors > rounds / 4, "{errors}");
    for round in 0..2_000 {
        let mut noise = b"\x89PTRACE\n\x01".to_vec();
        noise.extend((0..round % 200).map(|_| random.below(256) as u8));
        let (_, error) = lines(&noise);
        assert!(error.is_some() || noise.len() < 20);
    }
}

/// What is no trace, or of the future, says so.
#[test]
fn what_is_no_trace() {
    let error = |file: &[u8]| lines(file).1.map(|error| error.to_string());
    let message = "the trace is wrong at byte 0: this is no trace";
    assert_eq!(error(b"\0asm\x01\0\0\0").as_deref(), Some(message));
    let message = "the trace is wrong at byte 8: it is of version 2; only version 1 is known";
    assert_eq!(error(b"\x89PTRACE\n\x02").as_deref(), Some(message));
    let message = "the trace ends at byte 0, inside its header";
    assert_eq!(error(b"").as_deref(), Some(message));
    let message = "the trace is wrong at byte 9: it ends with 5 events, but has 0";
    assert_eq!(error(b"\x89PTRACE\n\x01\0\x05").as_deref(), Some(message));
    let message = "the trace is wrong at byte 9: no place 7 is known";
    assert_eq!(error(b"\x89PTRACE\n\x01\x17").as_deref(), Some(message));
}

/// A full disk does not disturb the program; what was written stays, and the rest is told as lost.
#[test]
fn sinks_that_fail() {
    let plain = run_session(Config::new(), SMALL, |_| {}, limit);
    for format in ["text", "binary"] {
        let options = format!("events=all,format={format}");
        let all = whole(SMALL, &options);
        for room in [0, 100, all.len() - 1] {
            let disk = Disk::new(room, ErrorKind::StorageFull);
            let (run, handle) = trace(Config::new(), SMALL, &options, &disk);
            assert_eq!(run.fuel, plain.fuel);
            assert_eq!(disk.bytes(), all[..room]);
            let problem = handle.problem().expect("a problem");
            assert!(problem.starts_with("write the trace: "), "{problem}");
            assert!(run.of("trace")["problem"].is_string(), "{}", run.json);

            // The reader of a pipe has seen enough.
            let pipe = Disk::new(room, ErrorKind::BrokenPipe);
            let (run, handle) = trace(Config::new(), SMALL, &options, &pipe);
            assert_eq!((run.fuel, handle.problem()), (plain.fuel, None));
        }
    }
}

/// What a flight recorder cannot write is given as text.
#[test]
fn a_flight_recorder_that_cannot_write() {
    let expected = whole(SMALL, "events=all,last=4");
    let expected = String::from_utf8(expected).expect("UTF-8");
    let (_, lines) = expected.split_once('\n').expect("what is not kept");
    let disk = Disk::new(3, ErrorKind::StorageFull);
    let (_, handle) = trace(
        Config::new(),
        SMALL,
        "events=all,last=4,format=binary",
        &disk,
    );
    assert_eq!(String::from_utf8_lossy(&handle.unwritten()), lines);
    assert!(handle.problem().is_some());
}

/// Every operator that a global probe sees, and no other, is an event, in any tier; and the trace changes nothing.
#[test]
fn random_programs() {
    for seed in 0..40 {
        let dialect = if seed % 2 == 0 {
            Dialect::Wasm1
        } else {
            Dialect::Wasm3
        };
        let wat = program(seed, dialect);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let plain = run_session(
            Config::new(),
            &wat,
            |_| {},
            |store| {
                limit(store);
                store.probes().insert_global(Probe::call(move |context| {
                    let at = (context.func_index(), context.pc().0);
                    sink.lock().expect("no panic").push(at);
                    Ok(())
                }));
            },
        );
        let seen = std::mem::take(&mut *seen.lock().expect("no panic"));
        let mut first: Option<Vec<u8>> = None;
        for (way, tier, zeal) in WAYS {
            let disk = Disk::new(usize::MAX, ErrorKind::Other);
            let options = "events=all,operands=on,format=binary";
            let (run, _) = trace(config(tier, zeal), &wat, options, &disk);
            assert_eq!(run.fuel, plain.fuel, "{seed} {way}");
            let message = |run: &common::Run| run.error.as_ref().map(|e| e.to_string());
            assert_eq!(message(&run), message(&plain), "{seed} {way}");
            let bytes = disk.bytes();
            match &first {
                None => {
                    check(&bytes, &seen);
                    first = Some(bytes);
                }
                Some(first) => assert!(*first == bytes, "{seed} {way}"),
            }
        }
    }
}

/// Operators are those seen; calls and ways out are paired, and accesses stand behind their operators.
fn check(file: &[u8], seen: &[(u32, u32)]) {
    let mut reader = Reader::new(file).expect("a header");
    let mut operators = Vec::new();
    let mut calls: Vec<u32> = Vec::new();
    while let Some(item) = reader.next().expect("whole") {
        let Item::Event(event, all) = item else {
            panic!("a gap");
        };
        let at = (
            all.functions[event.place.function as usize].index,
            event.place.pc,
        );
        match event.place.kind {
            EventKind::Instr => operators.push(at),
            EventKind::Call => {
                assert_eq!(event.depth, calls.len() as u64);
                calls.push(at.0);
            }
            EventKind::Return
            | EventKind::TailCall
            | EventKind::UnwindTrap
            | EventKind::UnwindException => {
                assert_eq!(calls.pop(), Some(at.0));
                assert_eq!(event.depth, calls.len() as u64);
            }
            EventKind::Load | EventKind::Store | EventKind::GlobalGet | EventKind::GlobalSet => {
                assert_eq!(operators.last(), Some(&at));
            }
            _ => {}
        }
    }
    assert!(calls.is_empty());
    assert!(!seen.is_empty());
    assert_eq!(operators.len(), seen.len());
    assert!(operators == seen);
}
