//! The table of calls: complete, under both names, and safe from any pointer.

mod common;

use common::*;
use probity_engine::{Config, Engine, Linker, Module, Store, TrapCode};
use probity_wasi::{CALLS, Exit, NoMemory, WasiCtx, WasiCtxBuilder, add_to_linker};

#[test]
fn all_46_calls_are_there_under_both_names() {
    let mut names: Vec<&str> = SIGNATURES.iter().map(|(name, _)| *name).collect();
    let mut calls = CALLS.to_vec();
    names.sort_unstable();
    calls.sort_unstable();
    assert_eq!(names, calls);
    assert_eq!(calls.len(), 46);
    for module in [PREVIEW1, UNSTABLE] {
        // Instantiating links all of them.
        let mut guest = Guest::with_abi(&mut WasiCtxBuilder::new(), module);
        guest.ok("sched_yield", &[]);
    }
}

#[test]
fn adding_twice_is_an_error() {
    let engine = Engine::new(&Config::new());
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx| ctx).unwrap();
    assert!(add_to_linker(&mut linker, |ctx| ctx).is_err());
}

#[test]
fn exit_ends_the_run_with_its_code() {
    for code in [0, 1, 42, u32::MAX] {
        let mut guest = Guest::new(&mut WasiCtxBuilder::new());
        let error = guest.try_call("proc_exit", &[code as u64]).unwrap_err();
        assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit(code)));
    }
    assert_eq!(Exit(3).to_string(), "exit with code 3");
}

#[test]
fn raise_and_sockets_are_refused_as_results() {
    let mut guest = Guest::in_dir(temp_dir().path());
    assert_eq!(guest.call("proc_raise", &[6]), errno::NOTSUP);
    for fd in [0, 1, ROOT as u64] {
        assert_eq!(guest.call("sock_accept", &[fd, 0, 64]), errno::NOTSOCK);
        assert_eq!(
            guest.call("sock_recv", &[fd, 0, 0, 0, 64, 68]),
            errno::NOTSOCK
        );
        assert_eq!(guest.call("sock_send", &[fd, 0, 0, 0, 64]), errno::NOTSOCK);
        assert_eq!(guest.call("sock_shutdown", &[fd, 3]), errno::NOTSOCK);
    }
    assert_eq!(guest.call("sock_shutdown", &[99, 3]), errno::BADF);
}

#[test]
fn a_module_without_memory_can_still_make_calls_that_need_none() {
    let engine = Engine::new(&Config::new());
    let text = format!(
        r#"(module
            (import "{PREVIEW1}" "sched_yield" (func $yield (result i32)))
            (import "{PREVIEW1}" "random_get" (func $random (param i32 i32) (result i32)))
            (func (export "yield") (result i32) call $yield)
            (func (export "random") (result i32) i32.const 0 i32.const 8 call $random))"#
    );
    let module = Module::new(&engine, text).unwrap();
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx| ctx).unwrap();
    let mut store = Store::new(&engine, WasiCtxBuilder::new().build());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let func = |store: &Store<WasiCtx>, name| {
        instance
            .get_typed_func::<(), i32>(store, name)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let yields = func(&store, "yield");
    assert_eq!(yields.call(&mut store, ()).unwrap(), 0);
    let random = func(&store, "random");
    let error = random.call(&mut store, ()).unwrap_err();
    assert!(error.downcast_ref::<NoMemory>().is_some(), "{error}");
}

#[test]
fn a_program_says_hello_and_exits() {
    let output = probity_wasi::OutputBuffer::new();
    let engine = Engine::new(&Config::new());
    let text = format!(
        r#"(module
            (import "{PREVIEW1}" "fd_write"
                (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "{PREVIEW1}" "proc_exit" (func $proc_exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00\06\00\00\00\16\00\00\00\07\00\00\00")
            (data (i32.const 16) "hello world\21\0a")
            (func (export "_start")
                (call $proc_exit
                    (i32.add
                        (i32.const 7)
                        (call $fd_write
                            (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 100))))
                unreachable))"#
    );
    let module = Module::new(&engine, text).unwrap();
    let mut linker: Linker<WasiCtx> = Linker::new(&engine);
    add_to_linker(&mut linker, |ctx| ctx).unwrap();
    let ctx = WasiCtxBuilder::new().stdout(output.clone()).build();
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let start = instance
        .get_typed_func::<(), ()>(&store, "_start")
        .unwrap_or_else(|error| panic!("{error}"));
    let error = start.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit(7)));
    assert_eq!(output.contents(), b"hello world!\n");
}

/// Values that are wrong as pointers, lengths and descriptors, or just right.
const ODD: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    7,
    64,
    4096,
    MEMORY as u64 - 64,
    MEMORY as u64 - 8,
    MEMORY as u64 - 1,
    MEMORY as u64,
    MEMORY as u64 + 1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
];

const ODD_64: &[u64] = &[
    0,
    1,
    8,
    1 << 31,
    1 << 32,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// A small generator (xorshift64*), so that a failure can be repeated.
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn of(&mut self, values: &[u64]) -> u64 {
        values[self.next() as usize % values.len()]
    }
}

fn fresh(dir: &std::path::Path, module: &str) -> Guest {
    let builder = &mut WasiCtxBuilder::new();
    builder
        .args(["prog", "arg"])
        .env("A", "b")
        .stdin_bytes("input")
        .virtual_clock(0, 1)
        .random_seed(1)
        .preopened_dir(dir, "/")
        .unwrap();
    let mut guest = Guest::with_abi(builder, module);
    // Memory holds small numbers, so that some structures make sense.
    let bytes: Vec<u8> = (0..MEMORY).map(|i| (i % 251 % 5) as u8).collect();
    guest.set(0, &bytes);
    guest
}

/// Any arguments give a code of the specification, or end the run by the
/// guest's own exit. Nothing panics, hangs or takes memory.
#[test]
fn no_argument_is_harmful() {
    let mut generator = Generator(0x9e37_79b9_7f4a_7c15);
    for module in [PREVIEW1, UNSTABLE] {
        let dir = temp_dir();
        std::fs::create_dir(dir.path().join("0")).unwrap();
        let mut guest = fresh(dir.path(), module);
        for (name, types) in SIGNATURES {
            // These two need a fresh guest each time.
            let closes = matches!(*name, "fd_close" | "fd_renumber");
            for _ in 0..if closes { 40 } else { 400 } {
                let args: Vec<u64> = types
                    .chars()
                    .map(|ty| generator.of(if ty == 'l' { ODD_64 } else { ODD }))
                    .collect();
                // Sizes that a sparse file may have but a disk has not.
                if *name == "fd_allocate" && args[1].saturating_add(args[2]) > 1 << 20 {
                    continue;
                }
                match guest.try_call(name, &args) {
                    Ok(code) => assert!(code <= 76, "{name}{args:?}: {code}"),
                    Err(error) => {
                        let exit = error.downcast_ref::<Exit>();
                        assert_eq!(*name, "proc_exit", "{args:?}: {error}");
                        assert_eq!(exit, Some(&Exit(args[0] as u32)));
                    }
                }
                if closes {
                    guest = fresh(dir.path(), module);
                }
            }
        }
    }
}

/// Calls with a good descriptor and one pointer at a time at, before and
/// behind the end of memory.
#[test]
fn a_pointer_outside_memory_is_a_fault() {
    let dir = temp_dir();
    std::fs::write(dir.path().join("file"), "contents").unwrap();
    std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
    let mut guest = fresh(dir.path(), PREVIEW1);
    let file = guest.open(ROOT, "file", 0, rights::READ_WRITE).unwrap() as u64;
    let root = ROOT as u64;
    let [path, len] = guest.path("file");
    let [link, link_len] = guest.path("link");
    let buffer = guest.space(64) as u64;
    let [iovs, one] = guest.iovecs(&[(buffer as u32, 4)]);
    let [bad_iovs, _] = guest.iovecs(&[(MEMORY - 3, 4)]);
    let all = rights::READ_WRITE;
    // A subscription to a clock that is due at once.
    let subscription = guest.put(&[0; 48]) as u64;
    let space = guest.space(256) as u64;
    // A call, and which of its arguments is the pointer; the size is what it
    // points to.
    let cases: Vec<(&str, Vec<u64>, usize, u32)> = vec![
        ("args_get", vec![space, space], 0, 8),
        ("args_get", vec![space, space], 1, 9),
        ("args_sizes_get", vec![space, space], 0, 4),
        ("args_sizes_get", vec![space, space], 1, 4),
        ("environ_get", vec![space, space], 0, 4),
        ("environ_get", vec![space, space], 1, 4),
        ("environ_sizes_get", vec![space, space], 0, 4),
        ("environ_sizes_get", vec![space, space], 1, 4),
        ("clock_res_get", vec![0, space], 1, 8),
        ("clock_time_get", vec![0, 0, space], 2, 8),
        ("fd_fdstat_get", vec![file, space], 1, 24),
        ("fd_filestat_get", vec![file, space], 1, 64),
        ("fd_pread", vec![file, iovs, one, 0, space], 1, 8),
        ("fd_pread", vec![file, iovs, one, 0, space], 4, 4),
        ("fd_prestat_get", vec![root, space], 1, 8),
        ("fd_prestat_dir_name", vec![root, space, 1], 1, 1),
        ("fd_pwrite", vec![file, iovs, one, 0, space], 1, 8),
        ("fd_pwrite", vec![file, iovs, one, 0, space], 4, 4),
        ("fd_read", vec![file, iovs, one, space], 1, 8),
        ("fd_read", vec![file, iovs, one, space], 3, 4),
        ("fd_readdir", vec![root, space, 32, 0, space], 1, 32),
        ("fd_readdir", vec![root, space, 32, 0, space], 4, 4),
        ("fd_seek", vec![file, 0, 0, space], 3, 8),
        ("fd_tell", vec![file, space], 1, 8),
        ("fd_write", vec![file, iovs, one, space], 1, 8),
        ("fd_write", vec![file, iovs, one, space], 3, 4),
        ("path_create_directory", vec![root, path, len], 1, 4),
        ("path_filestat_get", vec![root, 0, path, len, space], 2, 4),
        ("path_filestat_get", vec![root, 0, path, len, space], 4, 64),
        (
            "path_filestat_set_times",
            vec![root, 0, path, len, 0, 0, 0],
            2,
            4,
        ),
        ("path_link", vec![root, 0, path, len, root, path, len], 2, 4),
        ("path_link", vec![root, 0, path, len, root, path, len], 5, 4),
        (
            "path_open",
            vec![root, 0, path, len, 0, all, all, 0, space],
            2,
            4,
        ),
        (
            "path_open",
            vec![root, 0, path, len, 0, all, all, 0, space],
            8,
            4,
        ),
        (
            "path_readlink",
            vec![root, link, link_len, space, 8, space],
            1,
            4,
        ),
        (
            "path_readlink",
            vec![root, link, link_len, space, 8, space],
            3,
            8,
        ),
        (
            "path_readlink",
            vec![root, link, link_len, space, 8, space],
            5,
            4,
        ),
        ("path_remove_directory", vec![root, path, len], 1, 4),
        ("path_rename", vec![root, path, len, root, path, len], 1, 4),
        ("path_rename", vec![root, path, len, root, path, len], 4, 4),
        ("path_symlink", vec![path, len, root, path, len], 0, 4),
        ("path_symlink", vec![path, len, root, path, len], 3, 4),
        ("path_unlink_file", vec![root, path, len], 1, 4),
        ("poll_oneoff", vec![subscription, space, 1, space], 0, 48),
        ("poll_oneoff", vec![subscription, space, 1, space], 1, 32),
        ("poll_oneoff", vec![subscription, space, 1, space], 3, 4),
        ("random_get", vec![space, 8], 0, 8),
    ];
    for (name, args, index, size) in &cases {
        for pointer in [MEMORY - size + 1, MEMORY, MEMORY + 1, u32::MAX] {
            let mut args = args.clone();
            args[*index] = pointer as u64;
            assert_eq!(guest.call(name, &args), errno::FAULT, "{name}{args:?}");
        }
    }
    for name in ["fd_read", "fd_write"] {
        let args = [file, bad_iovs, 1, space];
        assert_eq!(guest.call(name, &args), errno::FAULT, "{name}");
        let args = [file, iovs, 0x2000_0001, space];
        assert_ne!(guest.call(name, &args), errno::SUCCESS, "{name}");
    }
    // Nothing was done on the way.
    assert_eq!(
        std::fs::read_to_string(dir.path().join("file")).unwrap(),
        "contents"
    );
    // At the very end of memory everything fits.
    let end = MEMORY as u64 - 8;
    guest.ok("clock_time_get", &[0, 0, end]);
    guest.ok("random_get", &[MEMORY as u64, 0]);
}

#[test]
fn interrupts_are_traps() {
    // What the stop flag promises is this code; see interrupt.rs for its use.
    let error = probity_engine::Error::from(TrapCode::Interrupted);
    assert_eq!(
        error.trap().map(|trap| trap.code()),
        Some(TrapCode::Interrupted)
    );
}
