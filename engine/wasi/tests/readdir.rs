//! Reading directories in pieces.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::*;

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    next: u64,
    ino: u64,
    filetype: u8,
    name: String,
}

/// One call: the whole entries in the buffer, and whether it was filled.
fn read(guest: &mut Guest, fd: u32, size: u32, cookie: u64) -> (Vec<Entry>, bool) {
    let buffer = guest.space(size);
    let args = [fd as u64, buffer as u64, size as u64, cookie, RESULT as u64];
    guest.ok("fd_readdir", &args);
    let used = guest.u32(RESULT);
    assert!(used <= size);
    let mut entries = Vec::new();
    let (mut at, end) = (buffer, buffer + used);
    while at + 24 <= end {
        let len = guest.u32(at + 16);
        if at + 24 + len > end {
            break;
        }
        entries.push(Entry {
            next: guest.u64(at),
            ino: guest.u64(at + 8),
            filetype: guest.u8(at + 20),
            name: String::from_utf8(guest.bytes(at + 24, len)).unwrap(),
        });
        at += 24 + len;
    }
    (entries, used == size)
}

/// As libc does it: from the last whole entry on, until the buffer is not
/// filled.
fn read_all(guest: &mut Guest, fd: u32, size: u32) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let cookie = all.last().map_or(0, |entry| entry.next);
        let (entries, more) = read(guest, fd, size, cookie);
        all.extend(entries);
        if !more {
            return all;
        }
    }
}

fn names(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[test]
fn entries_have_types_and_inodes() {
    let dir = temp_dir();
    fs::write(dir.path().join("file"), "").unwrap();
    fs::create_dir(dir.path().join("dir")).unwrap();
    std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let entries = read_all(&mut guest, ROOT, 1000);
    assert_eq!(names(&entries), [".", "..", "dir", "file", "link"]);
    let types: Vec<u8> = entries.iter().map(|entry| entry.filetype).collect();
    assert_eq!(types, [3, 3, 3, 4, 7]);
    for entry in &entries {
        if entry.name != ".." {
            let stat = guest.stat(ROOT, &entry.name, 0).unwrap();
            assert_eq!(entry.ino, stat.ino, "{}", entry.name);
        }
    }
}

#[test]
fn an_empty_directory_has_its_two_entries() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    assert_eq!(names(&read_all(&mut guest, ROOT, 200)), [".", ".."]);
}

#[test]
fn any_buffer_gives_every_entry_once() {
    let dir = temp_dir();
    for index in 0..300 {
        fs::write(dir.path().join(format!("file.{index}")), "").unwrap();
    }
    let mut guest = Guest::in_dir(dir.path());
    let whole = read_all(&mut guest, ROOT, 32_000);
    assert_eq!(whole.len(), 302);
    // At least one whole entry must fit.
    for size in [40, 64, 255, 4096] {
        let fd = guest.open(ROOT, ".", DIRECTORY, rights::READ_ONLY).unwrap();
        assert!(read_all(&mut guest, fd, size) == whole, "{size}");
        guest.close(fd);
    }
}

#[test]
fn a_cookie_continues_behind_its_entry() {
    let dir = temp_dir();
    for name in ["a", "b", "c"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let mut guest = Guest::in_dir(dir.path());
    let all = read_all(&mut guest, ROOT, 1000);
    let by_name: BTreeMap<&str, u64> = all.iter().map(|e| (e.name.as_str(), e.next)).collect();
    let (rest, _) = read(&mut guest, ROOT, 1000, by_name["a"]);
    assert_eq!(names(&rest), ["b", "c"]);
    for cookie in [by_name["c"], by_name["c"] + 1, u64::MAX] {
        assert_eq!(read(&mut guest, ROOT, 1000, cookie).0, []);
    }
    // A descriptor that was never read can begin at a cookie too.
    let fd = guest.open(ROOT, ".", DIRECTORY, rights::READ_ONLY).unwrap();
    assert_eq!(names(&read(&mut guest, fd, 1000, by_name["b"]).0), ["c"]);
}

#[test]
fn entries_removed_while_reading_do_not_hide_others() {
    let dir = temp_dir();
    for index in 0..50 {
        fs::write(dir.path().join(format!("{index:02}")), "").unwrap();
    }
    let mut guest = Guest::in_dir(dir.path());
    let (mut cookie, mut removed) = (0, 0);
    loop {
        let (entries, more) = read(&mut guest, ROOT, 100, cookie);
        for entry in &entries {
            cookie = entry.next;
            if entry.filetype == 4 {
                let code = guest.on_path("path_unlink_file", ROOT, &entry.name);
                assert_eq!(code, errno::SUCCESS, "{}", entry.name);
                removed += 1;
            }
        }
        if !more {
            break;
        }
    }
    assert_eq!(removed, 50);
    // From the start the directory is read anew.
    assert_eq!(names(&read_all(&mut guest, ROOT, 200)), [".", ".."]);
    fs::write(dir.path().join("new"), "").unwrap();
    assert_eq!(names(&read_all(&mut guest, ROOT, 200)), [".", "..", "new"]);
}

#[test]
fn only_directories_can_be_listed() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "f", CREAT, rights::READ_WRITE).unwrap();
    for fd in [fd as u64, 0] {
        let args = [fd, 4096, 100, 0, RESULT as u64];
        assert_eq!(guest.call("fd_readdir", &args), errno::NOTDIR);
    }
}
