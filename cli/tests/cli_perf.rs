//! `probity run --perf`.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod common;

use std::path::{Path, PathBuf};

use common::{Files, probity, wait};

/// The files are there, with names if there is compiled code; and it is no matter of the guest's.
#[test]
fn perf_output() {
    let files = Files::new();
    let module = files.program("p.wasm", r#"(func (export "_start"))"#);
    let module = module.to_str().unwrap();
    let start = |what: &str, dir: &Path| {
        let mut command = probity(["run", "--perf", what, module]);
        command.current_dir(dir).spawn().unwrap()
    };

    let child = start("map", files.dir());
    let map = PathBuf::from(format!("/tmp/perf-{}.map", child.id()));
    wait(child).expect(0);
    assert!(map.exists());
    std::fs::remove_file(map).unwrap();

    let child = start("jitdump", files.dir());
    let dump = files.path(&format!("jit-{}.dump", child.id()));
    wait(child).expect(0);
    let bytes = std::fs::read(dump).unwrap();
    assert_eq!(bytes[..4], 0x4a69_5444_u32.to_le_bytes());
    // The last record says that it is the last.
    assert_eq!(bytes[bytes.len() - 16..][..8], [3, 0, 0, 0, 16, 0, 0, 0]);

    // A directory that no one can write to.
    wait(start("jitdump", Path::new("/proc")))
        .expect(3)
        .says(&["failed to open '/proc/jit-"]);
}
