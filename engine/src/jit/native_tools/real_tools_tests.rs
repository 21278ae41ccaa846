//! Programs for real tools to look at: `.ci/gdb` and `.ci/perf` run them.

use std::ptr::null_mut;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::{NativeTools, Published, ToolSettings};

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

#[test]
#[ignore = "for .ci/gdb, which runs it in a debugger"]
fn in_a_debugger() {
    let settings = ToolSettings {
        gdb: true,
        ..ToolSettings::default()
    };
    run(&settings, 1);
}

/// Leaves `jit-PID.dump` in the temporary directory, and `/tmp/perf-PID.map`.
#[test]
#[ignore = "for .ci/perf, which runs it in a profiler"]
fn in_a_profiler() {
    let settings = ToolSettings {
        perf_map: true,
        jitdump: Some(std::env::temp_dir()),
        ..ToolSettings::default()
    };
    run(&settings, 1_000_000_000);
}
