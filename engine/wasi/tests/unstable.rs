//! `wasi_unstable`: where its structures and values differ.

mod common;

use std::fs;

use common::*;
use probity_wasi::WasiCtxBuilder;

fn guest(dir: &std::path::Path) -> Guest {
    let builder = &mut WasiCtxBuilder::new();
    builder.virtual_clock(0, 1).preopened_dir(dir, ".").unwrap();
    Guest::with_abi(builder, UNSTABLE)
}

#[test]
fn whence_has_another_order() {
    let dir = temp_dir();
    let mut guest = guest(dir.path());
    let fd = guest.open(ROOT, "f", CREAT, rights::READ_WRITE).unwrap();
    guest.write(fd, &[b"0123456789"]).unwrap();
    let (current, end, start) = (0, 1, 2);
    assert_eq!(guest.seek(fd, 4, start), Ok(4));
    assert_eq!(guest.seek(fd, 1, current), Ok(5));
    assert_eq!(guest.seek(fd, -1, end), Ok(9));
    assert_eq!(guest.seek(fd, 0, 3), Err(errno::INVAL));
}

#[test]
fn a_filestat_has_56_bytes() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "12345").unwrap();
    let mut guest = guest(dir.path());
    let at = guest.put(&[0xAA; 64]);
    let fd = guest.open(ROOT, "f", 0, rights::READ_ONLY).unwrap();
    let [path, len] = guest.path("f");
    let by_path = [ROOT as u64, 0, path, len, at as u64];
    for (name, args) in [
        ("fd_filestat_get", vec![fd as u64, at as u64]),
        ("path_filestat_get", by_path.to_vec()),
    ] {
        guest.ok(name, &args);
        assert_eq!(guest.u8(at + 16), 4, "{name}");
        assert_eq!(guest.u32(at + 20), 1, "{name}");
        assert_eq!(guest.u64(at + 24), 5, "{name}");
        let modified = guest.u64(at + 40);
        assert!(modified > 1_700_000_000_000_000_000, "{name}");
        assert_eq!(guest.bytes(at + 56, 8), [0xAA; 8], "{name}");
    }
}

#[test]
fn a_subscription_has_56_bytes() {
    let dir = temp_dir();
    let mut guest = guest(dir.path());
    let at = guest.put(&[0; 112]);
    // userdata, tag; a clock has an identifier before its id.
    for (offset, value) in [
        (0, 11),
        (16, 999),
        (24, 1),
        (32, 5_000),
        (56, 22),
        (64, 2),
        (72, 1),
    ] {
        guest.set(at + offset, &[(value % 256) as u8, (value / 256) as u8]);
    }
    let out = guest.space(64);
    let result = RESULT as u64;
    guest.ok("poll_oneoff", &[at as u64, out as u64, 1, result]);
    assert_eq!(
        (guest.u32(RESULT), guest.u64(out), guest.u8(out + 10)),
        (1, 11, 0)
    );
    guest.ok("clock_time_get", &[1, 0, result]);
    assert_eq!(guest.u64(RESULT), 5_000);
    // With the second one, on stdout, only that is ready.
    guest.ok("poll_oneoff", &[at as u64, out as u64, 2, result]);
    assert_eq!(
        (guest.u32(RESULT), guest.u64(out), guest.u8(out + 10)),
        (1, 22, 2)
    );
}

#[test]
fn the_rest_is_the_same() {
    let dir = temp_dir();
    fs::write(dir.path().join("f"), "text").unwrap();
    let mut guest = guest(dir.path());
    let fd = guest.open(ROOT, "f", 0, rights::READ_ONLY).unwrap();
    assert_eq!(guest.read(fd, &[1, 9]).unwrap(), b"text");
    assert_eq!(guest.write(1, &[b"x"]), Ok(1));
    assert_eq!(guest.open(ROOT, "../f", 0, 0), Err(errno::PERM));
    let (base, inheriting) = guest.rights(ROOT);
    assert_eq!(inheriting, rights::READ_WRITE);
    assert_ne!(base & rights::PATH_OPEN, 0);
}
