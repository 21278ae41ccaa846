//! The file in which `perf report` looks for names of code that no file contains: one line for
//! each piece, `START SIZE name` in hexadecimal, at `/tmp/perf-PID.map` whatever the temporary
//! directory is.
//!
//! The process may have other compilers that write it (an embedder's), so it is appended to, in
//! whole lines. What another process with the same id has left there, though, would give our
//! code its names: a file older than this process is emptied.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Published, while_at};

/// The file, once an engine has wanted it.
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// One engine's use of the file.
pub(super) struct PerfMap(());

fn path() -> PathBuf {
    format!("/tmp/perf-{}.map", std::process::id()).into()
}

impl PerfMap {
    pub(super) fn open() -> io::Result<PerfMap> {
        let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = Some(open().map_err(|e| while_at("open", &path(), e))?);
        }
        Ok(PerfMap(()))
    }

    pub(super) fn publish(&self, p: &Published<'_>) -> io::Result<()> {
        let line = format!("{:x} {:x} {}\n", p.address(), p.size(), p.label());
        let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
        match file.as_mut() {
            Some(file) => file
                .write_all(line.as_bytes())
                .map_err(|e| while_at("write", &path(), e)),
            None => Ok(()),
        }
    }
}

fn open() -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        // The name is known beforehand and anyone can write to the directory.
        .custom_flags(libc::O_NOFOLLOW)
        .open(path())?;
    if is_left_over(&file.metadata()?) {
        file.set_len(0)?;
    }
    Ok(file)
}

/// Was the file last written before this process began?
fn is_left_over(file: &Metadata) -> bool {
    // Times of files are those of the last clock tick.
    const TOLERANCE: Duration = Duration::from_millis(100);
    let unchanged_for = file.modified().ok().and_then(|time| time.elapsed().ok());
    match (unchanged_for, age_of_process()) {
        (Some(unchanged_for), Some(age)) => unchanged_for > age + TOLERANCE,
        _ => false,
    }
}

/// How long this process has existed.
fn age_of_process() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the name in parentheses, which may contain anything; the 22nd is the
    // start in ticks of 10 ms since the system's.
    let fields = stat.rsplit_once(')')?.1;
    let ticks: u64 = fields.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let now = clock_gettime(ClockId::Boottime);
    let now = Duration::new(now.tv_sec.try_into().ok()?, now.tv_nsec.try_into().ok()?);
    now.checked_sub(Duration::from_millis(ticks.checked_mul(10)?))
}

#[cfg(test)]
mod tests {
    use super::super::{NativeTools, ToolSettings};
    use super::*;

    fn tools() -> NativeTools {
        NativeTools::new(&ToolSettings {
            perf_map: true,
            ..ToolSettings::default()
        })
        .unwrap()
    }

    #[test]
    fn engines_and_threads_share_one_file() {
        let old = std::time::SystemTime::now() - Duration::from_secs(3600);
        std::fs::write(path(), "1 1 of_an_earlier_process\n").unwrap();
        let file = File::options().append(true).open(path()).unwrap();
        file.set_modified(old).unwrap();

        const THREADS: usize = 4;
        const EACH: usize = 500;
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    let tools = tools();
                    for i in 0..EACH {
                        let _ = tools.publish(&Published {
                            name: &format!("wasm[{i}]::of thread\n{thread}"),
                            base: std::ptr::without_provenance((thread << 16) + (i << 4)),
                            code: &[0xc3; 3],
                            lines: &[],
                            module: "m.wasm",
                        });
                    }
                    assert_eq!(tools.error(), None);
                });
            }
        });

        let text = std::fs::read_to_string(path()).unwrap();
        std::fs::remove_file(path()).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        let mut expected: Vec<String> = (0..THREADS * EACH)
            .map(|n| {
                let (thread, i) = (n / EACH, n % EACH);
                let start = (thread << 16) + (i << 4);
                format!("{start:x} 3 wasm[{i}]::of thread\u{fffd}{thread}")
            })
            .collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_process_has_an_age() {
        let age = age_of_process().unwrap();
        assert!(age < Duration::from_secs(24 * 3600), "{age:?}");
        std::thread::sleep(Duration::from_millis(30));
        assert!(age_of_process().unwrap() > age);
    }
}
