//! Rights: a descriptor can do what it was opened for, and only lose rights.

mod common;

use std::fs;

use common::*;

fn drop_rights(guest: &mut Guest, fd: u32, base: u64, inheriting: u64) {
    let (old_base, old_inheriting) = guest.rights(fd);
    let args = [fd as u64, old_base & !base, old_inheriting & !inheriting];
    guest.ok("fd_fdstat_set_rights", &args);
}

#[test]
fn a_descriptor_has_the_rights_it_was_opened_with() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let asked = rights::FD_READ | rights::FD_TELL;
    let fd = guest.open(ROOT, "f", 0, asked).unwrap();
    assert_eq!(guest.rights(fd), (asked, 0));
    assert_eq!(guest.read(fd, &[1]).unwrap(), b"t");
    assert_eq!(guest.write(fd, &[b"x"]), Err(errno::NOTCAPABLE));
    assert_eq!(guest.seek(fd, 0, 0), Err(errno::NOTCAPABLE));
    // Where nothing moves, telling is enough.
    assert_eq!(guest.seek(fd, 0, 1), Ok(1));
    let fd = fd as u64;
    let result = RESULT as u64;
    guest.ok("fd_tell", &[fd, result]);
    for (name, args) in [
        ("fd_sync", vec![fd]),
        ("fd_datasync", vec![fd]),
        ("fd_advise", vec![fd, 0, 0, 0]),
        ("fd_allocate", vec![fd, 0, 1]),
        ("fd_fdstat_set_flags", vec![fd, 0]),
        ("fd_filestat_get", vec![fd, result]),
        ("fd_filestat_set_size", vec![fd, 0]),
        ("fd_filestat_set_times", vec![fd, 0, 0, 0]),
        ("fd_pread", vec![fd, 0, 0, 0, result]),
        ("fd_pwrite", vec![fd, 0, 0, 0, result]),
    ] {
        assert_eq!(guest.call(name, &args), errno::NOTCAPABLE, "{name}");
    }
    assert_eq!(fs::read(dir.path().join("f")).unwrap(), b"text");
}

#[test]
fn rights_that_do_not_apply_are_left_out() {
    let dir = temp_dir();
    fs::create_dir(dir.path().join("d")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let (base, inheriting) = guest.rights(ROOT);
    assert_eq!(base & (rights::FD_READ | rights::FD_SEEK), 0);
    assert_eq!(base & rights::FD_FILESTAT_SET_SIZE, 0);
    assert_eq!(inheriting, rights::READ_WRITE);
    let fd = guest.open(ROOT, "f", CREAT, u64::MAX).unwrap();
    let (base, inheriting) = guest.rights(fd);
    assert_eq!(base & (rights::PATH_OPEN | rights::FD_READDIR), 0);
    assert_ne!(base & rights::FD_SEEK, 0);
    assert_eq!(inheriting, 0);
    let fd = guest.open(ROOT, "d", DIRECTORY, u64::MAX).unwrap();
    assert_eq!(guest.rights(fd), guest.rights(ROOT));
}

#[test]
fn rights_can_be_given_away_but_not_taken() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "f", CREAT, rights::READ_WRITE).unwrap();
    let (before, _) = guest.rights(fd);
    guest.write(fd, &[b"text"]).unwrap();
    drop_rights(&mut guest, fd, rights::FD_WRITE | rights::FD_READ, 0);
    assert_eq!(guest.write(fd, &[b"x"]), Err(errno::NOTCAPABLE));
    assert_eq!(guest.read(fd, &[1]), Err(errno::NOTCAPABLE));
    let args = [fd as u64, before, 0];
    assert_eq!(guest.call("fd_fdstat_set_rights", &args), errno::NOTCAPABLE);
    let (now, _) = guest.rights(fd);
    let args = [fd as u64, now, 1];
    assert_eq!(guest.call("fd_fdstat_set_rights", &args), errno::NOTCAPABLE);
    assert_eq!(now, before & !(rights::FD_WRITE | rights::FD_READ));
}

#[test]
fn what_a_directory_may_not_hand_on_cannot_be_asked_for() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    drop_rights(&mut guest, ROOT, 0, rights::FD_WRITE | rights::FD_SYNC);
    let read = rights::FD_READ;
    assert!(guest.open(ROOT, "f", 0, read).is_ok());
    let write = guest.open(ROOT, "f", 0, read | rights::FD_WRITE);
    assert_eq!(write, Err(errno::NOTCAPABLE));
    let handed_on = guest.open_with(ROOT, 0, ".", DIRECTORY, (0, rights::FD_WRITE), 0);
    assert_eq!(handed_on, Err(errno::NOTCAPABLE));
    // Opening with the sync flag needs the right to sync.
    let sync = guest.open_with(ROOT, 0, "f", 0, (read, 0), 16);
    assert_eq!(sync, Err(errno::NOTCAPABLE));
    let dsync = guest.open_with(ROOT, 0, "f", 0, (read, 0), 2);
    assert!(dsync.is_ok());
}

#[test]
fn each_call_on_paths_needs_its_right() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let all = rights::READ_WRITE;
    let bare = guest
        .open_with(ROOT, 0, ".", DIRECTORY, (0, all), 0)
        .unwrap();
    let fd = bare as u64;
    let root = ROOT as u64;
    let [at, len] = guest.path("f");
    let result = RESULT as u64;
    let cases: [(&str, Vec<u64>); 14] = [
        ("path_create_directory", vec![fd, at, len]),
        ("path_filestat_get", vec![fd, 0, at, len, result]),
        ("path_filestat_set_times", vec![fd, 0, at, len, 0, 0, 0]),
        ("path_link", vec![fd, 0, at, len, root, at, len]),
        ("path_link", vec![root, 0, at, len, fd, at, len]),
        ("path_open", vec![fd, 0, at, len, 0, 0, 0, 0, result]),
        ("path_readlink", vec![fd, at, len, result, 8, result]),
        ("path_remove_directory", vec![fd, at, len]),
        ("path_rename", vec![fd, at, len, root, at, len]),
        ("path_rename", vec![root, at, len, fd, at, len]),
        ("path_symlink", vec![at, len, fd, at, len]),
        ("path_unlink_file", vec![fd, at, len]),
        ("fd_readdir", vec![fd, 4096, 64, 0, result]),
        ("fd_filestat_get", vec![fd, result]),
    ];
    for (name, args) in cases {
        assert_eq!(guest.call(name, &args), errno::NOTCAPABLE, "{name}");
    }
    assert_eq!(fs::read(dir.path().join("f")).unwrap(), b"text");
}

#[test]
fn creating_and_truncating_need_rights_of_the_directory() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let all = rights::READ_WRITE;
    drop_rights(&mut guest, ROOT, rights::PATH_CREATE_FILE, 0);
    assert_eq!(guest.open(ROOT, "g", CREAT, all), Err(errno::NOTCAPABLE));
    assert!(guest.open(ROOT, "f", TRUNC, all).is_ok());
    drop_rights(&mut guest, ROOT, rights::PATH_FILESTAT_SET_SIZE, 0);
    assert_eq!(guest.open(ROOT, "f", TRUNC, all), Err(errno::NOTCAPABLE));
    assert!(guest.open(ROOT, "f", 0, all).is_ok());
    drop_rights(&mut guest, ROOT, rights::PATH_OPEN, 0);
    assert_eq!(guest.open(ROOT, "f", 0, all), Err(errno::NOTCAPABLE));
}

#[test]
fn calls_on_a_closed_number_are_bad_descriptors() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let [at, len] = guest.path("f");
    let (fd, result) = (77, RESULT as u64);
    let [iovs, one] = guest.iovecs(&[(4096, 4)]);
    let cases: Vec<(&str, Vec<u64>)> = vec![
        ("fd_advise", vec![fd, 0, 0, 0]),
        ("fd_allocate", vec![fd, 0, 1]),
        ("fd_close", vec![fd]),
        ("fd_datasync", vec![fd]),
        ("fd_fdstat_get", vec![fd, result]),
        ("fd_fdstat_set_flags", vec![fd, 0]),
        ("fd_fdstat_set_rights", vec![fd, 0, 0]),
        ("fd_filestat_get", vec![fd, result]),
        ("fd_filestat_set_size", vec![fd, 0]),
        ("fd_filestat_set_times", vec![fd, 0, 0, 0]),
        ("fd_pread", vec![fd, iovs, one, 0, result]),
        ("fd_prestat_get", vec![fd, result]),
        ("fd_prestat_dir_name", vec![fd, result, 8]),
        ("fd_pwrite", vec![fd, iovs, one, 0, result]),
        ("fd_read", vec![fd, iovs, one, result]),
        ("fd_readdir", vec![fd, 4096, 64, 0, result]),
        ("fd_renumber", vec![fd, ROOT as u64]),
        ("fd_seek", vec![fd, 0, 0, result]),
        ("fd_sync", vec![fd]),
        ("fd_tell", vec![fd, result]),
        ("fd_write", vec![fd, iovs, one, result]),
        ("path_create_directory", vec![fd, at, len]),
        ("path_filestat_get", vec![fd, 0, at, len, result]),
        ("path_filestat_set_times", vec![fd, 0, at, len, 0, 0, 0]),
        ("path_link", vec![fd, 0, at, len, ROOT as u64, at, len]),
        ("path_open", vec![fd, 0, at, len, 0, 0, 0, 0, result]),
        ("path_readlink", vec![fd, at, len, result, 8, result]),
        ("path_remove_directory", vec![fd, at, len]),
        ("path_rename", vec![ROOT as u64, at, len, fd, at, len]),
        ("path_symlink", vec![at, len, fd, at, len]),
        ("path_unlink_file", vec![fd, at, len]),
        ("sock_accept", vec![fd, 0, result]),
    ];
    for (name, args) in cases {
        assert_eq!(guest.call(name, &args), errno::BADF, "{name}");
    }
}
