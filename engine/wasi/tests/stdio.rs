//! Standard streams: an embedder's, and those of the process.

mod common;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use common::*;
use probity_wasi::{OutputBuffer, WasiCtxBuilder};

#[test]
fn one_write_uses_every_buffer() {
    let output = OutputBuffer::new();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(output.clone()));
    assert_eq!(guest.write(1, &[b"one ", b"", b"two ", b"three"]), Ok(13));
    assert_eq!(output.contents(), b"one two three");
    assert_eq!(guest.write(1, &[]), Ok(0));
    assert_eq!(guest.write(1, &[b""]), Ok(0));
    assert_eq!(output.contents(), b"one two three");
}

#[test]
fn stdout_and_stderr_are_apart() {
    let (out, err) = (OutputBuffer::new(), OutputBuffer::new());
    let builder = &mut WasiCtxBuilder::new();
    let mut guest = Guest::new(builder.stdout(out.clone()).stderr(err.clone()));
    guest.write(1, &[b"out"]).unwrap();
    guest.write(2, &[b"err"]).unwrap();
    assert_eq!(
        (out.contents(), err.contents()),
        (b"out".to_vec(), b"err".to_vec())
    );
}

#[test]
fn a_large_write_is_whole_and_buffers_may_overlap() {
    let output = OutputBuffer::new();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(output.clone()));
    let bytes: Vec<u8> = (0..MEMORY).map(|i| (i % 253) as u8).collect();
    guest.set(0, &bytes);
    let [iovs, count] = guest.iovecs(&[(100_000, 100_000), (150_000, 100_000)]);
    guest.ok("fd_write", &[1, iovs, count, RESULT as u64]);
    assert_eq!(guest.u32(RESULT), 200_000);
    let expect = [&bytes[100_000..200_000], &bytes[150_000..250_000]].concat();
    assert!(output.contents() == expect);
}

#[test]
fn more_buffers_than_writev_takes_are_written_in_part() {
    let output = OutputBuffer::new();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(output.clone()));
    let at = guest.put(b"x");
    let [iovs, count] = guest.iovecs(&[(at, 1); 1500]);
    guest.ok("fd_write", &[1, iovs, count, RESULT as u64]);
    assert_eq!(guest.u32(RESULT), 1024);
    assert_eq!(output.contents().len(), 1024);
}

#[test]
fn one_read_fills_every_buffer() {
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin_bytes("hello world"));
    assert_eq!(guest.read(0, &[2, 0, 3, 4]).unwrap(), b"hello wor");
    assert_eq!(guest.read(0, &[10, 10]).unwrap(), b"ld");
    assert_eq!(guest.read(0, &[10]).unwrap(), b"");
}

#[test]
fn overlapping_buffers_are_filled_in_order() {
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin_bytes("abcdefgh"));
    let at = guest.space(16);
    let [iovs, count] = guest.iovecs(&[(at, 4), (at + 2, 4)]);
    guest.ok("fd_read", &[0, iovs, count, RESULT as u64]);
    assert_eq!(guest.u32(RESULT), 8);
    assert_eq!(guest.bytes(at, 6), b"abefgh");
}

/// Gives its bytes one at a time.
struct Dribble(&'static [u8]);

impl Read for Dribble {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = bytes.len().min(1);
        self.0.read(&mut bytes[..count])
    }
}

#[test]
fn a_readers_short_reads_are_passed_on() {
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(Dribble(b"ab")));
    assert_eq!(guest.read(0, &[8, 8]).unwrap(), b"a");
    assert_eq!(guest.read(0, &[8]).unwrap(), b"b");
    assert_eq!(guest.read(0, &[8]).unwrap(), b"");
}

/// Records writes and flushes.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn log(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A short write: three bytes at a time.
        let bytes = &bytes[..bytes.len().min(3)];
        self.log(String::from_utf8_lossy(bytes).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.log("flush".to_owned());
        Ok(())
    }
}

#[test]
fn a_writer_gets_everything_and_is_flushed_at_each_write() {
    let recorder = Recorder::default();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(recorder.clone()));
    assert_eq!(guest.write(1, &[b"abcd", b"ef"]), Ok(6));
    assert_eq!(guest.write(1, &[b"g"]), Ok(1));
    let log = recorder.0.lock().unwrap().join(" ");
    assert_eq!(log, "abc d ef flush g flush");
}

/// Takes some bytes and then fails.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        match count {
            0 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_write_that_fails_midway_is_short_and_the_next_one_fails() {
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(Full(5)));
    assert_eq!(guest.write(1, &[b"abcd", b"efgh"]), Ok(5));
    assert_eq!(guest.write(1, &[b"fgh"]), Err(51));
}

#[test]
fn a_closed_pipe_is_an_error_code() {
    let (reader, writer) = io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtxBuilder::new().stdout(writer));
    assert_eq!(guest.write(1, &[b"x"]), Ok(1));
    drop(reader);
    assert_eq!(guest.write(1, &[b"x"]), Err(errno::PIPE));
}

#[test]
fn streams_have_no_position_and_one_direction() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    let result = RESULT as u64;
    for fd in 0..3 {
        assert_eq!(guest.seek(fd, 0, 0), Err(errno::SPIPE));
        assert_eq!(guest.seek(fd, 0, 1), Err(errno::SPIPE));
        let fd = fd as u64;
        assert_eq!(guest.call("fd_tell", &[fd, result]), errno::SPIPE);
        let [iovs, count] = guest.iovecs(&[(RESULT, 1)]);
        for call in ["fd_pread", "fd_pwrite"] {
            assert_eq!(
                guest.call(call, &[fd, iovs, count, 0, result]),
                errno::SPIPE
            );
        }
        guest.ok("fd_filestat_get", &[fd, result]);
        guest.ok("fd_fdstat_get", &[fd, result]);
        assert_eq!(guest.u8(RESULT), 0, "an embedder's stream is no terminal");
    }
    assert_eq!(guest.write(0, &[b"x"]), Err(errno::NOTCAPABLE));
    assert_eq!(guest.read(1, &[1]), Err(errno::NOTCAPABLE));
    assert_eq!(guest.close(1), errno::SUCCESS);
    assert_eq!(guest.write(1, &[b"x"]), Err(errno::BADF));
    assert_eq!(guest.close(1), errno::BADF);
}

const CHILD: &str = "PROBITY_WASI_TEST_CHILD";

/// Runs this test alone in a process of its own, in which `CHILD` is set.
fn child(test: &str) -> Command {
    let test = match SHARED {
        true => &format!("stdio::{test}"),
        false => test,
    };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn inherited_streams_are_those_of_the_process() {
    if is_child() {
        let mut guest = Guest::new(WasiCtxBuilder::new().inherit_stdio());
        let mut all = Vec::new();
        loop {
            let bytes = guest.read(0, &[3, 1000]).unwrap();
            if bytes.is_empty() {
                break;
            }
            all.extend(bytes);
        }
        // More than a pipe holds, so that the writer waits for the reader.
        let line = [b"<", &all[..], b">"].concat();
        for _ in 0..100 {
            let mut rest = &line[..];
            while !rest.is_empty() {
                let count = guest.write(1, &[rest]).unwrap();
                rest = &rest[count as usize..];
            }
        }
        assert_eq!(guest.write(2, &[b"to ", b"stderr"]), Ok(9));
        // Nothing may be lost although no destructor runs.
        std::process::exit(0);
    }
    let mut process = child("inherited_streams_are_those_of_the_process")
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let input = "line\n".repeat(1000);
    let copy = input.clone();
    let feeder = std::thread::spawn(move || {
        for part in copy.as_bytes().chunks(700) {
            stdin.write_all(part).unwrap();
        }
    });
    let output = process.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout.matches(&format!("<{input}>")).count(), 100);
    assert!(String::from_utf8_lossy(&output.stderr).contains("to stderr"));
}

#[test]
fn the_process_keeps_its_stdout_when_the_guest_closes_its_own() {
    if is_child() {
        let mut guest = Guest::new(WasiCtxBuilder::new().inherit_stdio());
        assert_eq!(guest.close(1), errno::SUCCESS);
        assert_eq!(guest.write(1, &[b"guest"]), Err(errno::BADF));
        println!("<still there>");
        std::process::exit(0);
    }
    let mut process = child("the_process_keeps_its_stdout_when_the_guest_closes_its_own")
        .spawn()
        .unwrap();
    drop(process.stdin.take());
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("<still there>"));
}

#[test]
fn an_inherited_pipe_that_is_closed_is_an_error_code() {
    if is_child() {
        let mut guest = Guest::new(WasiCtxBuilder::new().inherit_stdio());
        // Wait until the parent has closed its end.
        println!("<ready>");
        assert_eq!(guest.read(0, &[1]).unwrap(), b"");
        let code = guest.write(1, &[b"x"]);
        eprintln!("<code {code:?}>");
        std::process::exit(0);
    }
    let mut process = child("an_inherited_pipe_that_is_closed_is_an_error_code")
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("<ready>")));
    drop(lines);
    drop(process.stdin.take());
    let mut text = String::new();
    let mut stderr = process.stderr.take().unwrap();
    stderr.read_to_string(&mut text).unwrap();
    process.wait().unwrap();
    assert!(
        text.contains(&format!("<code Err({})>", errno::PIPE)),
        "{text}"
    );
}

#[test]
fn under_a_virtual_clock_reads_do_not_depend_on_the_writers_timing() {
    if is_child() {
        let builder = &mut WasiCtxBuilder::new();
        let mut guest = Guest::new(builder.inherit_stdio().virtual_clock(0, 1));
        let sizes: Vec<usize> = (0..4).map(|_| guest.read(0, &[6]).unwrap().len()).collect();
        guest
            .write(1, &[format!("<{sizes:?}>").as_bytes()])
            .unwrap();
        std::process::exit(0);
    }
    let mut process = child("under_a_virtual_clock_reads_do_not_depend_on_the_writers_timing")
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    for _ in 0..7 {
        stdin.write_all(b"ab").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(stdout.contains("<[6, 6, 2, 0]>"), "{stdout}");
}
