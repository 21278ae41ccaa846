//! No path leads out of a preopened directory, and nothing can be changed in a
//! read-only one.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::*;
use probity_wasi::WasiCtxBuilder;

/// A directory `box` for the guest beside a `secret` that it must not reach.
fn layout() -> tempfile::TempDir {
    let dir = temp_dir();
    let inside = dir.path().join("box");
    fs::create_dir_all(inside.join("sub")).unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    fs::write(inside.join("file"), "file").unwrap();
    let absolute = dir.path().join("secret");
    symlink(&absolute, inside.join("absolute")).unwrap();
    symlink("../secret", inside.join("relative")).unwrap();
    symlink("../outside", inside.join("out_dir")).unwrap();
    symlink("relative", inside.join("chain")).unwrap();
    symlink("sub/../../secret", inside.join("winding")).unwrap();
    symlink("/", inside.join("slash")).unwrap();
    dir
}

fn escapes(dir: &Path) -> Vec<String> {
    let absolute = dir.join("secret").to_string_lossy().into_owned();
    let inner = dir.join("box/file").to_string_lossy().into_owned();
    [
        "../secret",
        "sub/../../secret",
        "./../secret",
        "sub//..//..//secret",
        "..",
        "../",
        "../box/file",
        "out_dir/../secret",
        "slash/etc/passwd",
        "relative",
        "absolute",
        "chain",
        "winding",
        "/",
        "/etc/passwd",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([absolute, inner])
    .collect()
}

#[test]
fn nothing_outside_can_be_opened_or_seen() {
    let dir = layout();
    let mut guest = Guest::in_dir(&dir.path().join("box"));
    for path in escapes(dir.path()) {
        for oflags in [0, CREAT, TRUNC, DIRECTORY] {
            let code = guest.open(ROOT, &path, oflags, rights::READ_WRITE);
            let read = guest.open(ROOT, &path, oflags, rights::READ_ONLY);
            assert_eq!(code, Err(errno::PERM), "{path} {oflags}");
            assert_eq!(read, Err(errno::PERM), "{path} {oflags}");
        }
        let stat = guest.stat(ROOT, &path, FOLLOW);
        assert_eq!(stat, Err(errno::PERM), "{path}");
    }
    let secret = fs::read_to_string(dir.path().join("secret")).unwrap();
    assert_eq!(secret, "secret");
}

#[test]
fn nothing_outside_can_be_made_changed_or_removed() {
    let dir = layout();
    let mut guest = Guest::in_dir(&dir.path().join("box"));
    let root = ROOT as u64;
    let [file, file_len] = guest.path("file");
    let new = dir.path().join("new").to_string_lossy().into_owned();
    let targets = [
        "../new".to_owned(),
        "sub/../../new".to_owned(),
        "out_dir/new".to_owned(),
        new,
    ];
    for path in &targets {
        let [at, len] = guest.path(path);
        let calls: [(&str, Vec<u64>); 4] = [
            ("path_create_directory", vec![root, at, len]),
            ("path_link", vec![root, 0, file, file_len, root, at, len]),
            ("path_rename", vec![root, file, file_len, root, at, len]),
            ("path_symlink", vec![file, file_len, root, at, len]),
        ];
        for (name, args) in calls {
            assert_eq!(guest.call(name, &args), errno::PERM, "{name} {path}");
        }
    }
    for path in ["../secret", "sub/../../secret", "out_dir/../secret"] {
        let [at, len] = guest.path(path);
        let [new, new_len] = guest.path("stolen");
        let calls: [(&str, Vec<u64>); 6] = [
            ("path_unlink_file", vec![root, at, len]),
            ("path_remove_directory", vec![root, at, len]),
            ("path_rename", vec![root, at, len, root, new, new_len]),
            ("path_link", vec![root, 0, at, len, root, new, new_len]),
            ("path_readlink", vec![root, at, len, 64, 8, 96]),
            ("path_filestat_set_times", vec![root, 0, at, len, 0, 0, 5]),
        ];
        for (name, args) in calls {
            assert_eq!(guest.call(name, &args), errno::PERM, "{name} {path}");
        }
    }
    // Following a link that leads out, where the call can follow.
    let [at, len] = guest.path("relative");
    let [new, new_len] = guest.path("stolen");
    let args = [root, 1, at, len, root, new, new_len];
    assert_eq!(guest.call("path_link", &args), errno::PERM);
    let args = [root, 1, at, len, 0, 0, 5];
    assert_eq!(guest.call("path_filestat_set_times", &args), errno::PERM);
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(fs::read_dir(dir.path().join("outside")).unwrap().count(), 0);
    assert!(!dir.path().join("box/stolen").exists());
}

#[test]
fn links_that_lead_out_can_be_handled_but_not_followed() {
    let dir = layout();
    let mut guest = Guest::in_dir(&dir.path().join("box"));
    let root = ROOT as u64;
    assert_eq!(guest.stat(ROOT, "relative", 0).unwrap().filetype, 7);
    // A relative target may lead out on paper; an absolute one is refused.
    let [at, len] = guest.path("../../x");
    let [new, new_len] = guest.path("fresh");
    guest.ok("path_symlink", &[at, len, root, new, new_len]);
    assert_eq!(guest.stat(ROOT, "fresh", FOLLOW), Err(errno::PERM));
    let [at, len] = guest.path("/etc");
    let [new, new_len] = guest.path("fresher");
    let args = [at, len, root, new, new_len];
    assert_eq!(guest.call("path_symlink", &args), errno::PERM);
    // What an absolute link of the host holds is not shown either.
    let [at, len] = guest.path("absolute");
    let code = guest.call("path_readlink", &[root, at, len, 64, 8, 96]);
    assert_eq!(code, errno::PERM);
    for path in ["relative", "absolute", "fresh"] {
        let code = guest.on_path("path_unlink_file", ROOT, path);
        assert_eq!(code, errno::SUCCESS, "{path}");
    }
}

#[test]
fn a_directory_opened_below_is_a_sandbox_of_its_own() {
    let dir = layout();
    let mut guest = Guest::in_dir(&dir.path().join("box"));
    let sub = guest
        .open(ROOT, "sub", DIRECTORY, rights::READ_ONLY)
        .unwrap();
    let read = rights::READ_ONLY;
    assert!(guest.open(sub, ".", 0, read).is_ok());
    assert_eq!(guest.open(sub, "..", 0, read), Err(errno::PERM));
    assert_eq!(guest.open(sub, "../file", 0, read), Err(errno::PERM));
}

#[test]
fn a_read_only_directory_is_a_read_only_file_system() {
    let dir = layout();
    let inside = dir.path().join("box");
    let builder = &mut WasiCtxBuilder::new();
    builder.preopened_dir_read_only(&inside, "/").unwrap();
    builder
        .preopened_dir(dir.path().join("outside"), "/out")
        .unwrap();
    let mut guest = Guest::new(builder);
    let (root, out) = (ROOT as u64, ROOT as u64 + 1);
    let file = guest.open(ROOT, "file", 0, rights::READ_ONLY).unwrap();
    assert_eq!(guest.read(file, &[9]).unwrap(), b"file");
    assert!(guest.stat(ROOT, "sub", 0).is_ok());
    let again = guest.open(ROOT, "file", CREAT, rights::READ_ONLY).unwrap();
    assert_eq!(guest.read(again, &[9]).unwrap(), b"file");
    let read = rights::READ_ONLY;
    assert_eq!(
        guest.open(ROOT, "file", 0, rights::READ_WRITE),
        Err(errno::ROFS)
    );
    assert_eq!(guest.open(ROOT, "file", TRUNC, read), Err(errno::ROFS));
    assert_eq!(guest.open(ROOT, "new", CREAT, read), Err(errno::ROFS));
    let sub = guest.open(ROOT, "sub", DIRECTORY, read).unwrap();
    assert_eq!(guest.open(sub, "new", CREAT, read), Err(errno::ROFS));
    let set_times = guest.call("fd_filestat_set_times", &[file as u64, 0, 0, 5]);
    assert_eq!(set_times, errno::ROFS);
    let size = guest.call("fd_filestat_set_size", &[file as u64, 0]);
    assert_eq!(size, errno::NOTCAPABLE);
    let [at, len] = guest.path("file");
    let [new, new_len] = guest.path("new");
    let calls: [(&str, Vec<u64>); 9] = [
        ("path_create_directory", vec![root, new, new_len]),
        ("path_unlink_file", vec![root, at, len]),
        ("path_remove_directory", vec![root, at, len]),
        ("path_symlink", vec![at, len, root, new, new_len]),
        ("path_filestat_set_times", vec![root, 0, at, len, 0, 0, 5]),
        ("path_rename", vec![root, at, len, out, new, new_len]),
        ("path_rename", vec![out, at, len, root, new, new_len]),
        ("path_link", vec![root, 0, at, len, out, new, new_len]),
        ("path_link", vec![out, 0, at, len, root, new, new_len]),
    ];
    for (name, args) in calls {
        assert_eq!(guest.call(name, &args), errno::ROFS, "{name}");
    }
    assert_eq!(fs::read_to_string(inside.join("file")).unwrap(), "file");
}
