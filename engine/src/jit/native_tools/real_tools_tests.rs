//! Programs for real tools to look at, as `.ci/gdb` and `.ci/perf` have them do. Without a tool, they
//! are tests of what would be there to be seen.

use std::ptr::null_mut;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::{NativeTools, Published, ToolSettings};
use crate::sys::child::in_child;

/// Counts its parameter down and returns 42.
#[rustfmt::skip]
const CODE: [u8; 17] = [
    0x55,                // push rbp
    0x48, 0x89, 0xe5,    // mov rbp, rsp
    0x48, 0xff, 0xcf,    // dec rdi
    0x75, 0xfb,          // jnz back
    0xb8, 42, 0, 0, 0,   // mov eax, 42
    0x5d,                // pop rbp
    0xc3,                // ret
    0xcc,                // int3
];
const LINES: [(u32, u32); 4] = [(0, 100), (4, 200), (9, 291), (14, 295)];

/// Puts the code into memory, tells the tools, and calls it.
fn run(settings: &ToolSettings, count: u64) {
    let tools = NativeTools::new(settings).unwrap();
    // SAFETY: a new mapping, written before it can be executed; the code keeps the calling
    // convention, and touches nothing but its own frame.
    unsafe {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let page = mmap_anonymous(null_mut(), 4096, access, MapFlags::PRIVATE).unwrap();
        page.cast::<[u8; CODE.len()]>().write(CODE);
        mprotect(page, 4096, MprotectFlags::READ | MprotectFlags::EXEC).unwrap();
        let registration = tools.publish(&Published {
            name: "wasm[3]::answer",
            base: page.cast(),
            code: &CODE,
            lines: &LINES,
            module: "real-tools.wasm",
        });
        let answer: extern "C" fn(u64) -> i32 = std::mem::transmute(page);
        assert_eq!(answer(count), 42);
        drop(registration);
        munmap(page, 4096).unwrap();
    }
    assert_eq!(tools.error(), None);
}

/// Runs `body` here if one of the scripts says that its tool looks at this process, otherwise in a
/// process of its own.
fn looked_at(name: &str, body: impl FnOnce(bool)) {
    if std::env::var_os("PROBITY_REAL_TOOL").is_some() {
        return body(true);
    }
    let status = in_child(name, || body(false));
    assert!(status.success(), "{status}");
}

#[test]
fn in_a_debugger() {
    let name = "jit::native_tools::real_tools_tests::in_a_debugger";
    looked_at(name, |_| {
        let settings = ToolSettings {
            gdb: true,
            ..ToolSettings::default()
        };
        run(&settings, 1);
    });
}

/// For a profiler, leaves `jit-PID.dump` in the temporary directory, and `/tmp/perf-PID.map`.
#[test]
fn in_a_profiler() {
    let name = "jit::native_tools::real_tools_tests::in_a_profiler";
    looked_at(name, |by_tool| {
        let own = tempfile::tempdir().unwrap();
        let dir = match by_tool {
            true => std::env::temp_dir(),
            false => own.path().to_owned(),
        };
        let settings = ToolSettings {
            perf_map: true,
            jitdump: Some(dir.clone()),
            ..ToolSettings::default()
        };
        run(&settings, if by_tool { 1_000_000_000 } else { 1 });
        let pid = std::process::id();
        let map = format!("/tmp/perf-{pid}.map");
        let named = std::fs::read_to_string(&map).unwrap();
        assert!(named.ends_with(" 11 wasm[3]::answer\n"), "{named}");
        let dump = std::fs::read(dir.join(format!("jit-{pid}.dump"))).unwrap();
        assert!(dump.windows(CODE.len()).any(|part| part == CODE));
        if !by_tool {
            std::fs::remove_file(map).unwrap();
        }
    });
}
