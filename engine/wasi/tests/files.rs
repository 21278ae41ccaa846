//! Files: opening, moving data, positions, sizes, times and flags.

mod common;

use std::fs;

use common::*;
use probity_wasi::WasiCtxBuilder;

#[test]
fn a_file_is_made_written_sought_and_read() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "new", CREAT, rights::READ_WRITE).unwrap();
    assert_eq!(fd, ROOT + 1, "the lowest free number");
    assert_eq!(guest.write(fd, &[b"hello ", b"world"]), Ok(11));
    assert_eq!(guest.seek(fd, 0, 1), Ok(11));
    assert_eq!(guest.seek(fd, -5, 2), Ok(6));
    assert_eq!(guest.read(fd, &[3, 100]).unwrap(), b"world");
    assert_eq!(guest.read(fd, &[10]).unwrap(), b"");
    assert_eq!(guest.seek(fd, 4, 0), Ok(4));
    assert_eq!(guest.seek(fd, 3, 1), Ok(7));
    assert_eq!(guest.seek(fd, -1, 0), Err(errno::INVAL));
    assert_eq!(guest.seek(fd, -8, 1), Err(errno::INVAL));
    assert_eq!(guest.seek(fd, 0, 3), Err(errno::INVAL));
    guest.ok("fd_tell", &[fd as u64, RESULT as u64]);
    assert_eq!(guest.u64(RESULT), 7);
    for call in ["fd_sync", "fd_datasync", "fd_close"] {
        guest.ok(call, &[fd as u64]);
    }
    assert_eq!(fs::read(dir.path().join("new")).unwrap(), b"hello world");
}

#[test]
fn large_files_move_whole() {
    let dir = temp_dir();
    let bytes: Vec<u8> = (0..200_000u32).map(|i| (i % 249) as u8).collect();
    fs::write(dir.path().join("big"), &bytes).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "big", 0, rights::READ_ONLY).unwrap();
    assert!(guest.read(fd, &[200_001]).unwrap() == bytes);
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert!(guest.read(fd, &[70_000, 1, 130_000]).unwrap() == bytes);
}

#[test]
fn positioned_transfers_leave_the_position() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "f", CREAT, rights::READ_WRITE).unwrap();
    guest.write(fd, &[b"0123456789"]).unwrap();
    let text = guest.put(b"abcd");
    let [iovs, count] = guest.iovecs(&[(text, 2), (text + 2, 2)]);
    guest.ok("fd_pwrite", &[fd as u64, iovs, count, 4, RESULT as u64]);
    assert_eq!(guest.u32(RESULT), 4);
    let space = guest.space(8);
    let [iovs, count] = guest.iovecs(&[(space, 3), (space + 3, 5)]);
    guest.ok("fd_pread", &[fd as u64, iovs, count, 3, RESULT as u64]);
    assert_eq!(guest.u32(RESULT), 7);
    assert_eq!(guest.bytes(space, 7), b"3abcd89");
    assert_eq!(guest.seek(fd, 0, 1), Ok(10));
    let args = [fd as u64, iovs, count, 100, RESULT as u64];
    guest.ok("fd_pread", &args);
    assert_eq!(guest.u32(RESULT), 0);
    let args = [fd as u64, iovs, count, u64::MAX, RESULT as u64];
    assert_eq!(guest.call("fd_pread", &args), errno::INVAL);
}

#[test]
fn creating_obeys_its_flags() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let all = rights::READ_WRITE;
    assert_eq!(guest.open(ROOT, "f", 0, all), Err(errno::NOENT));
    assert_eq!(guest.open(ROOT, "f", EXCL, all), Err(errno::NOENT));
    let fd = guest.open(ROOT, "f", CREAT | EXCL, all).unwrap();
    guest.write(fd, &[b"text"]).unwrap();
    assert_eq!(guest.open(ROOT, "f", CREAT | EXCL, all), Err(errno::EXIST));
    let again = guest.open(ROOT, "f", CREAT, all).unwrap();
    assert_eq!(guest.read(again, &[9]).unwrap(), b"text");
    let emptied = guest.open(ROOT, "f", TRUNC, all).unwrap();
    assert_eq!(guest.read(emptied, &[9]).unwrap(), b"");
    assert_eq!(guest.open(ROOT, "f", DIRECTORY, all), Err(errno::NOTDIR));
    assert_eq!(
        guest.open(ROOT, "f", CREAT | DIRECTORY, all),
        Err(errno::INVAL)
    );
    assert_eq!(guest.open(ROOT, "f", 16, all), Err(errno::INVAL));
    assert_eq!(guest.open(ROOT, "f/g", CREAT, all), Err(errno::NOTDIR));
    assert_eq!(guest.open(fd, "f", 0, all), Err(errno::NOTDIR));
    assert_eq!(guest.open(99, "f", 0, all), Err(errno::BADF));
    // Without any right a file can still be made and emptied.
    let bare = guest.open(ROOT, "g", CREAT, 0).unwrap();
    assert_eq!(guest.write(bare, &[b"x"]), Err(errno::NOTCAPABLE));
    guest.open(ROOT, "g", TRUNC, 0).unwrap();
}

#[test]
fn directories_open_with_and_without_the_flag() {
    let dir = temp_dir();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/f"), "in sub").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    for (path, oflags, rights) in [
        ("sub", DIRECTORY, rights::READ_WRITE),
        ("sub/", DIRECTORY, rights::READ_ONLY),
        ("sub", 0, rights::READ_ONLY),
        ("./sub/../sub/", 0, rights::READ_ONLY),
    ] {
        let sub = guest.open(ROOT, path, oflags, rights).unwrap();
        let file = guest.open(sub, "f", 0, rights::READ_ONLY).unwrap();
        assert_eq!(guest.read(file, &[9]).unwrap(), b"in sub");
        assert_eq!(guest.read(sub, &[9]), Err(errno::BADF));
        assert_eq!(guest.write(sub, &[b"x"]), Err(errno::BADF));
        assert_eq!(guest.seek(sub, 0, 0), Err(errno::BADF));
        guest.ok("fd_sync", &[sub as u64]);
        for fd in [file, sub] {
            assert_eq!(guest.close(fd), errno::SUCCESS);
        }
    }
    // As POSIX: a directory cannot be opened for writing.
    assert_eq!(
        guest.open(ROOT, "sub", 0, rights::READ_WRITE),
        Err(errno::ISDIR)
    );
}

#[test]
fn append_mode_writes_at_the_end_and_can_be_switched() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "start").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let all = (rights::READ_WRITE, rights::READ_WRITE);
    let fd = guest.open_with(ROOT, 0, "f", 0, all, APPEND).unwrap();
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    guest.write(fd, &[b" one"]).unwrap();
    // A positioned write goes where it says, also in append mode.
    let text = guest.put(b"S");
    let [iovs, count] = guest.iovecs(&[(text, 1)]);
    guest.ok("fd_pwrite", &[fd as u64, iovs, count, 0, RESULT as u64]);
    guest.ok("fd_fdstat_get", &[fd as u64, RESULT as u64]);
    assert_eq!(guest.u16(RESULT + 2), APPEND as u16);
    guest.write(fd, &[b" two"]).unwrap();
    guest.ok("fd_fdstat_set_flags", &[fd as u64, 0]);
    assert_eq!(guest.seek(fd, 1, 0), Ok(1));
    guest.write(fd, &[b"T"]).unwrap();
    guest.ok(
        "fd_fdstat_set_flags",
        &[fd as u64, APPEND as u64 | 2 | 8 | 16],
    );
    guest.write(fd, &[b"!"]).unwrap();
    guest.ok("fd_fdstat_get", &[fd as u64, RESULT as u64]);
    assert_eq!(guest.u16(RESULT + 2), APPEND as u16 | 2 | 8 | 16);
    assert_eq!(
        guest.call("fd_fdstat_set_flags", &[fd as u64, 32]),
        errno::INVAL
    );
    let text = fs::read_to_string(dir.path().join("f")).unwrap();
    assert_eq!(text, "STart one two!");
}

#[test]
fn append_and_truncate_go_together() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "old").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let all = (rights::READ_WRITE, rights::READ_WRITE);
    let fd = guest
        .open_with(ROOT, 0, "f", CREAT | TRUNC, all, APPEND)
        .unwrap();
    guest.write(fd, &[b"new"]).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("f")).unwrap(), "new");
}

#[test]
fn sizes_can_be_set_and_space_allocated() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "f", CREAT, rights::READ_WRITE).unwrap() as u64;
    guest.ok("fd_filestat_set_size", &[fd, 100]);
    assert_eq!(guest.stat(ROOT, "f", 0).unwrap().size, 100);
    guest.ok("fd_filestat_set_size", &[fd, 10]);
    assert_eq!(guest.stat(ROOT, "f", 0).unwrap().size, 10);
    assert_eq!(
        guest.call("fd_filestat_set_size", &[fd, u64::MAX]),
        errno::INVAL
    );
    // Some file systems cannot allocate; then the guest is told so.
    match guest.call("fd_allocate", &[fd, 5, 20]) {
        errno::SUCCESS => assert_eq!(guest.stat(ROOT, "f", 0).unwrap().size, 25),
        code => assert_eq!(code, errno::NOTSUP),
    }
    assert_eq!(guest.call("fd_allocate", &[fd, 0, 0]), errno::INVAL);
    for advice in 0..6 {
        guest.ok("fd_advise", &[fd, 0, 10, advice]);
    }
    assert_eq!(guest.call("fd_advise", &[fd, 0, 10, 6]), errno::INVAL);
    assert_eq!(
        guest.call("fd_advise", &[ROOT as u64, 0, 10, 0]),
        errno::BADF
    );
}

#[test]
fn attributes_are_the_hosts() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "12345").unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    std::os::unix::fs::symlink("f", dir.path().join("l")).unwrap();
    fs::hard_link(dir.path().join("f"), dir.path().join("h")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let f = guest.stat(ROOT, "f", 0).unwrap();
    assert_eq!((f.filetype, f.nlink, f.size), (4, 2, 5));
    let host = fs::metadata(dir.path().join("f")).unwrap();
    assert_eq!(f.ino, std::os::unix::fs::MetadataExt::ino(&host));
    let modified = host.modified().unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(u128::from(f.mtim), since.as_nanos());
    assert_eq!(guest.stat(ROOT, "d", 0).unwrap().filetype, 3);
    let link = guest.stat(ROOT, "l", 0).unwrap();
    assert_eq!((link.filetype, link.size), (7, 1));
    assert_eq!(guest.stat(ROOT, "l", FOLLOW).unwrap(), f);
    assert_eq!(guest.stat(ROOT, "l", 2), Err(errno::INVAL));
    assert_eq!(guest.stat(ROOT, "none", 0), Err(errno::NOENT));
    let fd = guest.open(ROOT, "f", 0, rights::READ_ONLY).unwrap();
    guest.ok("fd_filestat_get", &[fd as u64, RESULT as u64]);
    assert_eq!(guest.read_stat(RESULT), f);
}

#[test]
fn times_can_be_set() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    std::os::unix::fs::symlink("f", dir.path().join("l")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let (second, set_both) = (1_000_000_000, 1 | 4);
    let set = |guest: &mut Guest, path: &str, lookup, atim, mtim, flags| {
        let [at, len] = guest.path(path);
        let args = [ROOT as u64, lookup, at, len, atim, mtim, flags];
        guest.call("path_filestat_set_times", &args)
    };
    let times = |guest: &mut Guest, path: &str| {
        let stat = guest.stat(ROOT, path, 0).unwrap();
        (stat.atim, stat.mtim)
    };
    assert_eq!(set(&mut guest, "f", 0, 5 * second, 6 * second, set_both), 0);
    assert_eq!(times(&mut guest, "f"), (5 * second, 6 * second));
    // Only one of the two, through the link and of the link itself.
    assert_eq!(set(&mut guest, "l", 1, 7 * second, 0, 1), 0);
    assert_eq!(times(&mut guest, "f"), (7 * second, 6 * second));
    assert_eq!(set(&mut guest, "l", 0, 0, 8 * second, 4), 0);
    assert_eq!(times(&mut guest, "l").1, 8 * second);
    assert_eq!(times(&mut guest, "f").1, 6 * second);
    assert_eq!(set(&mut guest, "f", 0, 0, 0, 1 | 2), errno::INVAL);
    assert_eq!(set(&mut guest, "f", 0, 0, 0, 16), errno::INVAL);

    let fd = guest.open(ROOT, "f", 0, rights::READ_ONLY).unwrap() as u64;
    guest.ok(
        "fd_filestat_set_times",
        &[fd, 9 * second + 1, 10 * second, 5],
    );
    assert_eq!(times(&mut guest, "f"), (9 * second + 1, 10 * second));
    guest.ok("fd_filestat_set_times", &[fd, 0, 0, 8]);
    let (atim, mtim) = times(&mut guest, "f");
    assert_eq!(atim, 9 * second + 1);
    assert!(mtim > 1_700_000_000 * second);
    guest.ok("fd_filestat_set_times", &[ROOT as u64, second, second, 5]);
    assert_eq!(guest.stat(ROOT, ".", 0).unwrap().mtim, second);
    let call = guest.call("fd_filestat_set_times", &[fd, 0, 0, 4 | 8]);
    assert_eq!(call, errno::INVAL);
}

#[test]
fn now_is_the_virtual_clocks_now() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    let builder = &mut WasiCtxBuilder::new();
    builder
        .virtual_clock(3_000_000_000, 1)
        .preopened_dir(dir.path(), ".")
        .unwrap();
    let mut guest = Guest::new(builder);
    let [at, len] = guest.path("f");
    guest.ok(
        "path_filestat_set_times",
        &[ROOT as u64, 0, at, len, 0, 0, 2 | 8],
    );
    let stat = guest.stat(ROOT, "f", 0).unwrap();
    assert_eq!((stat.atim, stat.mtim), (3_000_000_000, 3_000_000_000));
}

#[test]
fn renumbering_moves_a_descriptor() {
    let dir = temp_dir();
    for name in ["a", "b"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    let mut guest = Guest::in_dir(dir.path());
    let a = guest.open(ROOT, "a", 0, rights::READ_ONLY).unwrap();
    let b = guest.open(ROOT, "b", 0, rights::READ_ONLY).unwrap();
    guest.ok("fd_renumber", &[a as u64, b as u64]);
    assert_eq!(guest.read(b, &[9]).unwrap(), b"a");
    assert_eq!(guest.read(a, &[9]), Err(errno::BADF));
    assert_eq!(
        guest.call("fd_renumber", &[a as u64, b as u64]),
        errno::BADF
    );
    assert_eq!(guest.call("fd_renumber", &[b as u64, 99]), errno::BADF);
    guest.ok("fd_renumber", &[b as u64, b as u64]);
    // The number is free again, and over a preopen it works too.
    assert_eq!(guest.open(ROOT, "b", 0, rights::READ_ONLY), Ok(a));
    guest.ok("fd_renumber", &[a as u64, ROOT as u64]);
    assert_eq!(guest.read(ROOT, &[9]).unwrap(), b"b");
    let prestat = guest.call("fd_prestat_get", &[ROOT as u64, RESULT as u64]);
    assert_eq!(prestat, errno::BADF);
}

#[test]
fn host_descriptors_are_given_back() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let mut current = guest.open(ROOT, "f", 0, rights::READ_ONLY).unwrap();
    // More often than a process may have files open.
    for _ in 0..3000 {
        let next = guest.open(ROOT, "f", 0, rights::READ_ONLY).unwrap();
        assert!(next <= ROOT + 2, "{next}");
        guest.ok("fd_renumber", &[current as u64, next as u64]);
        current = next;
    }
}

#[test]
fn a_file_without_write_permission_opens_to_read_even_with_creat() {
    use std::os::unix::fs::PermissionsExt;
    let dir = temp_dir();
    let path = dir.path().join("f");
    fs::write(&path, "text").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "f", CREAT, rights::READ_ONLY).unwrap();
    assert_eq!(guest.read(fd, &[9]).unwrap(), b"text");
}

#[test]
fn a_missing_preopen_is_named() {
    let dir = temp_dir();
    let missing = dir.path().join("missing");
    let error = WasiCtxBuilder::new()
        .preopened_dir(&missing, ".")
        .map(|_| ())
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&*missing.to_string_lossy()), "{text}");
    assert_eq!(error.path(), missing);
    fs::write(dir.path().join("file"), "").unwrap();
    let file = WasiCtxBuilder::new()
        .preopened_dir(dir.path().join("file"), ".")
        .map(|_| ());
    assert!(file.is_err());
}
