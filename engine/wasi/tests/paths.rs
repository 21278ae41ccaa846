//! Paths: directories, links, renaming and removing.

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::*;
use probity_wasi::WasiCtxBuilder;

#[test]
fn directories_are_made_and_removed() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let make = "path_create_directory";
    let remove = "path_remove_directory";
    assert_eq!(guest.on_path(make, ROOT, "a"), errno::SUCCESS);
    assert_eq!(guest.on_path(make, ROOT, "a/b/"), errno::SUCCESS);
    assert_eq!(guest.on_path(make, ROOT, "a"), errno::EXIST);
    assert_eq!(guest.on_path(make, ROOT, "x/y"), errno::NOENT);
    assert_eq!(guest.on_path(make, ROOT, ""), errno::NOENT);
    assert!(dir.path().join("a/b").is_dir());
    fs::write(dir.path().join("f"), "").unwrap();
    assert_eq!(guest.on_path(remove, ROOT, "a"), errno::NOTEMPTY);
    for path in ["f", "f/"] {
        assert_eq!(guest.on_path(remove, ROOT, path), errno::NOTDIR);
    }
    assert_eq!(guest.on_path(remove, ROOT, "a/b/"), errno::SUCCESS);
    assert_eq!(guest.on_path(remove, ROOT, "a"), errno::SUCCESS);
    assert_eq!(guest.on_path(remove, ROOT, "a"), errno::NOENT);
    assert_eq!(guest.on_path(remove, ROOT, "//"), errno::PERM);
}

#[test]
fn files_are_unlinked() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    symlink("d", dir.path().join("l")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let unlink = "path_unlink_file";
    for path in ["d", "d/"] {
        assert_eq!(guest.on_path(unlink, ROOT, path), errno::ISDIR);
    }
    let with_slash = guest.on_path(unlink, ROOT, "f/");
    assert_eq!(with_slash, errno::NOTDIR);
    assert_eq!(guest.on_path(unlink, ROOT, "f"), errno::SUCCESS);
    assert_eq!(guest.on_path(unlink, ROOT, "f"), errno::NOENT);
    // The link itself, not the directory it leads to.
    assert_eq!(guest.on_path(unlink, ROOT, "l"), errno::SUCCESS);
    assert!(dir.path().join("d").is_dir());
}

#[test]
fn an_unlinked_file_stays_until_it_is_closed() {
    let dir = temp_dir();
    let mut guest = Guest::in_dir(dir.path());
    let fd = guest.open(ROOT, "f", CREAT, rights::READ_WRITE).unwrap();
    guest.write(fd, &[b"text"]).unwrap();
    assert_eq!(guest.on_path("path_unlink_file", ROOT, "f"), errno::SUCCESS);
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.read(fd, &[9]).unwrap(), b"text");
    assert_eq!(guest.stat(ROOT, "f", 0), Err(errno::NOENT));
}

fn rename(guest: &mut Guest, from: (u32, &str), to: (u32, &str)) -> u32 {
    let [old, old_len] = guest.path(from.1);
    let [new, new_len] = guest.path(to.1);
    let args = [from.0 as u64, old, old_len, to.0 as u64, new, new_len];
    guest.call("path_rename", &args)
}

#[test]
fn renaming_replaces_files_and_empty_directories() {
    let dir = temp_dir();
    for name in ["a", "b"] {
        fs::write(dir.path().join(name), name).unwrap();
    }
    for name in ["d", "e", "e/full"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let mut guest = Guest::in_dir(dir.path());
    assert_eq!(rename(&mut guest, (ROOT, "a"), (ROOT, "b")), 0);
    assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "a");
    assert_eq!(rename(&mut guest, (ROOT, "a"), (ROOT, "c")), errno::NOENT);
    assert_eq!(rename(&mut guest, (ROOT, "b"), (ROOT, "d")), errno::ISDIR);
    assert_eq!(rename(&mut guest, (ROOT, "d"), (ROOT, "b")), errno::NOTDIR);
    assert_eq!(
        rename(&mut guest, (ROOT, "d"), (ROOT, "e")),
        errno::NOTEMPTY
    );
    assert_eq!(rename(&mut guest, (ROOT, "e/full"), (ROOT, "d")), 0);
    let sub = guest.open(ROOT, "d", DIRECTORY, rights::READ_ONLY).unwrap();
    assert_eq!(rename(&mut guest, (ROOT, "b"), (sub, "moved")), 0);
    assert!(dir.path().join("d/moved").is_file());
}

#[test]
fn a_slash_at_the_end_is_for_directories_only() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let mut moves = |from, to| rename(&mut guest, (ROOT, from), (ROOT, to));
    assert_eq!(moves("a/", "b"), errno::SUCCESS);
    assert_eq!(moves("b", "a/"), errno::SUCCESS);
    assert_eq!(moves("a//", "b///"), errno::SUCCESS);
    assert_eq!(moves("f/", "g"), errno::NOTDIR);
    assert_eq!(moves("f", "g/"), errno::NOTDIR);
    assert_eq!(moves("f/", "g/"), errno::NOTDIR);
    assert_eq!(make_link(&mut guest, "x", "new/"), errno::NOENT);
    assert_eq!(make_link(&mut guest, "x", "b/"), errno::EXIST);
    let onto_file = make_link(&mut guest, "x", "f/");
    assert!([errno::NOTDIR, errno::EXIST].contains(&onto_file));
}

fn link(guest: &mut Guest, flags: u32, from: &str, to: &str) -> u32 {
    let [old, old_len] = guest.path(from);
    let [new, new_len] = guest.path(to);
    let root = ROOT as u64;
    let args = [root, flags as u64, old, old_len, root, new, new_len];
    guest.call("path_link", &args)
}

#[test]
fn hard_links_share_a_file() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    assert_eq!(link(&mut guest, 0, "f", "g"), errno::SUCCESS);
    assert_eq!(guest.stat(ROOT, "f", 0), guest.stat(ROOT, "g", 0));
    assert_eq!(guest.stat(ROOT, "g", 0).unwrap().nlink, 2);
    assert_eq!(link(&mut guest, 0, "f", "g"), errno::EXIST);
    assert_eq!(link(&mut guest, 0, "f", "f"), errno::EXIST);
    assert_eq!(link(&mut guest, 0, "f", "d"), errno::EXIST);
    assert_eq!(link(&mut guest, 0, "f", "new/"), errno::NOENT);
    assert_eq!(link(&mut guest, 0, "none", "x"), errno::NOENT);
    assert_eq!(link(&mut guest, 0, "d", "x"), errno::PERM);
}

#[test]
fn linking_follows_a_symbolic_link_only_on_request() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    symlink("f", dir.path().join("good")).unwrap();
    symlink("none", dir.path().join("dangling")).unwrap();
    symlink("loop", dir.path().join("loop")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    assert_eq!(link(&mut guest, 0, "good", "a"), errno::SUCCESS);
    assert_eq!(guest.stat(ROOT, "a", 0).unwrap().filetype, 7);
    assert_eq!(link(&mut guest, FOLLOW, "good", "b"), errno::SUCCESS);
    assert_eq!(guest.stat(ROOT, "b", 0).unwrap().filetype, 4);
    assert_eq!(link(&mut guest, 0, "dangling", "c"), errno::SUCCESS);
    assert_eq!(link(&mut guest, FOLLOW, "dangling", "d"), errno::NOENT);
    assert_eq!(link(&mut guest, FOLLOW, "loop", "e"), errno::LOOP);
}

fn make_link(guest: &mut Guest, target: &str, path: &str) -> u32 {
    let [old, old_len] = guest.path(target);
    let [new, new_len] = guest.path(path);
    guest.call("path_symlink", &[old, old_len, ROOT as u64, new, new_len])
}

fn read_link(guest: &mut Guest, path: &str, size: u32) -> Result<Vec<u8>, u32> {
    let [at, len] = guest.path(path);
    let buffer = guest.put(&vec![b'.'; size as usize + 1]);
    let args = [
        ROOT as u64,
        at,
        len,
        buffer as u64,
        size as u64,
        RESULT as u64,
    ];
    match guest.call("path_readlink", &args) {
        errno::SUCCESS => {
            let used = guest.u32(RESULT);
            assert!(used <= size);
            assert_eq!(guest.bytes(buffer + used, 1), b".");
            Ok(guest.bytes(buffer, used))
        }
        code => Err(code),
    }
}

#[test]
fn symbolic_links_are_made_read_and_followed() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    assert_eq!(make_link(&mut guest, "f", "l"), errno::SUCCESS);
    assert_eq!(make_link(&mut guest, "f", "l"), errno::EXIST);
    assert_eq!(make_link(&mut guest, "none", "dangling"), errno::SUCCESS);
    assert_eq!(make_link(&mut guest, "loop", "loop"), errno::SUCCESS);
    assert_eq!(make_link(&mut guest, "f", "f/x"), errno::NOTDIR);
    assert_eq!(make_link(&mut guest, "", "empty"), errno::NOENT);
    assert_eq!(read_link(&mut guest, "dangling", 10).unwrap(), b"none");
    assert_eq!(read_link(&mut guest, "dangling", 3).unwrap(), b"non");
    assert_eq!(read_link(&mut guest, "dangling", 0).unwrap(), b"");
    assert_eq!(read_link(&mut guest, "f", 10), Err(errno::INVAL));
    let fd = guest.open(ROOT, "l", 0, rights::READ_ONLY).unwrap();
    assert_eq!(guest.read(fd, &[9]).unwrap(), b"text");
    let all = (rights::READ_ONLY, rights::READ_ONLY);
    let mut open = |flags, path| guest.open_with(ROOT, flags, path, 0, all, 0);
    assert_eq!(open(0, "l"), Err(errno::LOOP));
    assert_eq!(open(FOLLOW, "loop"), Err(errno::LOOP));
    assert_eq!(open(FOLLOW, "dangling"), Err(errno::NOENT));
    assert_eq!(open(2, "f"), Err(errno::INVAL));
    assert_eq!(guest.stat(ROOT, "loop", FOLLOW), Err(errno::LOOP));
}

#[test]
fn opening_a_link_to_a_directory_follows_on_request() {
    let dir = temp_dir();
    fs::create_dir(dir.path().join("d")).unwrap();
    symlink("d", dir.path().join("l")).unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let all = (rights::READ_ONLY, rights::READ_ONLY);
    let code = guest
        .open_with(ROOT, 0, "l", DIRECTORY, all, 0)
        .unwrap_err();
    assert!([errno::LOOP, errno::NOTDIR].contains(&code), "{code}");
    assert!(
        guest
            .open_with(ROOT, FOLLOW, "l", DIRECTORY, all, 0)
            .is_ok()
    );
}

#[test]
fn paths_are_checked() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "").unwrap();
    let mut guest = Guest::in_dir(dir.path());
    let path = "path_create_directory";
    let mut raw = |bytes: &[u8]| {
        let at = guest.put(bytes) as u64;
        guest.call(path, &[ROOT as u64, at, bytes.len() as u64])
    };
    assert_eq!(raw(b"a\0b"), errno::INVAL);
    assert_eq!(raw(b"a\xff"), errno::ILSEQ);
    assert_eq!(raw(&[b'x'; 300]), errno::NAMETOOLONG);
    assert_eq!(raw(&[b'x'; 70_000]), errno::NAMETOOLONG);
    assert_eq!(raw("Действие".as_bytes()), errno::SUCCESS);
    assert!(dir.path().join("Действие").is_dir());
    let all = rights::READ_ONLY;
    assert_eq!(guest.open(ROOT, "f/", 0, all), Err(errno::NOTDIR));
    assert_eq!(guest.open(ROOT, "f///", 0, all), Err(errno::NOTDIR));
}

#[test]
fn preopens_have_names() {
    let (one, two) = (temp_dir(), temp_dir());
    fs::write(two.path().join("f"), "second").unwrap();
    let builder = &mut WasiCtxBuilder::new();
    builder.preopened_dir(one.path(), "/one").unwrap();
    builder.preopened_dir(two.path(), ".").unwrap();
    let mut guest = Guest::new(builder);
    let mut names = Vec::new();
    for fd in 3.. {
        if guest.call("fd_prestat_get", &[fd, RESULT as u64]) != errno::SUCCESS {
            break;
        }
        assert_eq!(guest.u8(RESULT), 0);
        let len = guest.u32(RESULT + 4);
        let at = guest.space(len);
        let name = "fd_prestat_dir_name";
        let short = guest.call(name, &[fd, at as u64, len as u64 - 1]);
        assert_eq!(short, errno::NAMETOOLONG);
        guest.ok(name, &[fd, at as u64, len as u64 + 1]);
        names.push(String::from_utf8(guest.bytes(at, len)).unwrap());
    }
    assert_eq!(names, ["/one", "."]);
    let fd = guest.open(4, "f", 0, rights::READ_ONLY).unwrap();
    assert_eq!(guest.read(fd, &[9]).unwrap(), b"second");
    for fd in [0, fd as u64, 99] {
        let code = guest.call("fd_prestat_get", &[fd, RESULT as u64]);
        assert_eq!(code, errno::BADF, "{fd}");
    }
}
