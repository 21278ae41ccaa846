//! A guest whose exports are the calls of WASI themselves, so that a test can
//! make calls as a Wasm program does: through the engine, on a Wasm memory.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fmt::Write as _;
use std::path::Path;

use probity_engine::{Config, Engine, Error, Instance, Linker, Memory, Module, Store, Val};
use probity_wasi::{WasiCtx, WasiCtxBuilder, add_to_linker};

pub const PREVIEW1: &str = "wasi_snapshot_preview1";
pub const UNSTABLE: &str = "wasi_unstable";

/// The calls and their parameters (i = i32, l = i64); all but `proc_exit`
/// have an i32 result.
pub const SIGNATURES: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "ili"),
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiili"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

pub mod errno {
    pub const SUCCESS: u32 = 0;
    pub const ACCES: u32 = 2;
    pub const AGAIN: u32 = 6;
    pub const BADF: u32 = 8;
    pub const EXIST: u32 = 20;
    pub const FAULT: u32 = 21;
    pub const ILSEQ: u32 = 25;
    pub const INVAL: u32 = 28;
    pub const ISDIR: u32 = 31;
    pub const LOOP: u32 = 32;
    pub const NAMETOOLONG: u32 = 37;
    pub const NOENT: u32 = 44;
    pub const NOTDIR: u32 = 54;
    pub const NOTEMPTY: u32 = 55;
    pub const NOTSOCK: u32 = 57;
    pub const NOTSUP: u32 = 58;
    pub const PERM: u32 = 63;
    pub const PIPE: u32 = 64;
    pub const ROFS: u32 = 69;
    pub const SPIPE: u32 = 70;
    pub const NOTCAPABLE: u32 = 76;
}

pub mod rights {
    pub const FD_DATASYNC: u64 = 1;
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub const FD_SYNC: u64 = 1 << 4;
    pub const FD_TELL: u64 = 1 << 5;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub const PATH_CREATE_FILE: u64 = 1 << 10;
    pub const PATH_OPEN: u64 = 1 << 13;
    pub const FD_READDIR: u64 = 1 << 14;
    pub const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub const FD_FILESTAT_GET: u64 = 1 << 21;
    pub const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub const POLL_FD_READWRITE: u64 = 1 << 27;
    /// What libc asks for when it opens a file to read and write.
    pub const READ_WRITE: u64 = (1 << 30) - 1;
    /// What libc asks for when it opens a file to read.
    pub const READ_ONLY: u64 =
        READ_WRITE & !(FD_DATASYNC | FD_WRITE | 1 << 8 | FD_FILESTAT_SET_SIZE);
}

pub const CREAT: u32 = 1;
pub const DIRECTORY: u32 = 2;
pub const EXCL: u32 = 4;
pub const TRUNC: u32 = 8;
pub const APPEND: u32 = 1;
pub const NONBLOCK: u32 = 4;
pub const FOLLOW: u32 = 1;

/// First preopen.
pub const ROOT: u32 = 3;
/// Bytes of the guest's memory.
pub const MEMORY: u32 = 4 * 65536;
/// Where results of calls go.
pub const RESULT: u32 = 64;
/// From here on, `put` places what the guest hands over.
const HEAP: u32 = 4096;

/// Whether the guest's memory is one that other threads could use: `shared.rs` runs everything
/// once more with such a memory.
pub const SHARED: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"shared");

/// The module: one exported wrapper for each call, and the memory.
pub fn module_text(module: &str) -> String {
    let mut text = String::from("(module\n");
    let params = |types: &str| -> String {
        let types = types
            .chars()
            .map(|t| if t == 'l' { " i64" } else { " i32" });
        let types: String = types.collect();
        if types.is_empty() {
            types
        } else {
            format!("(param{types})")
        }
    };
    let result = |name: &str| match name {
        "proc_exit" => "",
        _ => "(result i32)",
    };
    for (name, types) in SIGNATURES {
        let (params, result) = (params(types), result(name));
        writeln!(
            text,
            "(import \"{module}\" \"{name}\" (func ${name} {params} {result}))"
        )
        .unwrap();
    }
    let pages = MEMORY / 65536;
    let ty = match SHARED {
        true => format!("{pages} {pages} shared"),
        false => pages.to_string(),
    };
    writeln!(text, "(memory (export \"memory\") {ty})").unwrap();
    for (name, types) in SIGNATURES {
        let (params, result) = (params(types), result(name));
        let args: String = (0..types.len())
            .map(|i| format!(" local.get {i}"))
            .collect();
        writeln!(
            text,
            "(func (export \"{name}\") {params} {result} {args} call ${name})"
        )
        .unwrap();
    }
    text.push(')');
    text
}

/// A running guest.
pub struct Guest {
    pub store: Store<WasiCtx>,
    pub instance: Instance,
    pub memory: Memory,
    next: u32,
}

impl Guest {
    pub fn new(builder: &mut WasiCtxBuilder) -> Guest {
        Guest::with_abi(builder, PREVIEW1)
    }

    pub fn with_abi(builder: &mut WasiCtxBuilder, module: &str) -> Guest {
        let engine = Engine::new(&Config::new());
        let module = Module::new(&engine, module_text(module)).unwrap();
        let mut linker: Linker<WasiCtx> = Linker::new(&engine);
        add_to_linker(&mut linker, |ctx| ctx).unwrap();
        let mut store = Store::new(&engine, builder.build());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        Guest::of(store, instance)
    }

    /// An instance of the module that there is already.
    pub fn of(store: Store<WasiCtx>, instance: Instance) -> Guest {
        let memory = instance.get_memory(&store, "memory").unwrap();
        Guest {
            store,
            instance,
            memory,
            next: HEAP,
        }
    }

    /// A guest with the directory as its first preopen.
    pub fn in_dir(dir: &Path) -> Guest {
        Guest::new(WasiCtxBuilder::new().preopened_dir(dir, ".").unwrap())
    }

    /// Makes a call; the result is its code, or the error that ends the run.
    pub fn try_call(&mut self, name: &str, args: &[u64]) -> Result<u32, Error> {
        let (_, types) = SIGNATURES.iter().find(|(n, _)| *n == name).unwrap();
        assert_eq!(types.len(), args.len(), "{name}");
        let args: Vec<Val> = types
            .chars()
            .zip(args)
            .map(|(ty, value)| match ty {
                'l' => Val::I64(*value as i64),
                _ => Val::I32(*value as u32 as i32),
            })
            .collect();
        let func = self.instance.get_func(&self.store, name).unwrap();
        let mut results = vec![Val::I32(-1)];
        if name == "proc_exit" {
            results.clear();
        }
        func.call(&mut self.store, &args, &mut results)?;
        match results.first() {
            Some(Val::I32(code)) => Ok(*code as u32),
            other => panic!("result {other:?} of {name}"),
        }
    }

    /// Makes a call and returns its code.
    pub fn call(&mut self, name: &str, args: &[u64]) -> u32 {
        self.try_call(name, args)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Makes a call that succeeds.
    #[track_caller]
    pub fn ok(&mut self, name: &str, args: &[u64]) {
        assert_eq!(self.call(name, args), errno::SUCCESS, "{name}{args:?}");
    }

    pub fn bytes(&mut self, at: u32, len: u32) -> Vec<u8> {
        let mut bytes = vec![0; len as usize];
        let read = self.memory.read(&self.store, at.into(), &mut bytes);
        read.expect("in bounds");
        bytes
    }

    pub fn u8(&mut self, at: u32) -> u8 {
        self.bytes(at, 1)[0]
    }

    pub fn u16(&mut self, at: u32) -> u16 {
        u16::from_le_bytes(self.bytes(at, 2).try_into().unwrap())
    }

    pub fn u32(&mut self, at: u32) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    pub fn u64(&mut self, at: u32) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    pub fn set(&mut self, at: u32, bytes: &[u8]) {
        let written = self.memory.write(&mut self.store, at.into(), bytes);
        written.expect("in bounds");
    }

    /// Reserves bytes in the guest's memory.
    pub fn space(&mut self, len: u32) -> u32 {
        if self.next + len > MEMORY {
            self.next = HEAP;
        }
        let at = self.next;
        self.next = (at + len).next_multiple_of(8);
        at
    }

    /// Places bytes in the guest's memory.
    pub fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = self.space(bytes.len() as u32);
        self.set(at, bytes);
        at
    }

    /// Places a path: its address and length.
    pub fn path(&mut self, path: &str) -> [u64; 2] {
        [self.put(path.as_bytes()) as u64, path.len() as u64]
    }

    /// Places an array of iovecs: its address and count.
    pub fn iovecs(&mut self, buffers: &[(u32, u32)]) -> [u64; 2] {
        let bytes: Vec<u8> = buffers
            .iter()
            .flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()])
            .flatten()
            .collect();
        [self.put(&bytes) as u64, buffers.len() as u64]
    }

    /// Writes buffers in one call: bytes written, or the code.
    pub fn write(&mut self, fd: u32, buffers: &[&[u8]]) -> Result<u32, u32> {
        let buffers: Vec<(u32, u32)> = buffers
            .iter()
            .map(|b| (self.put(b), b.len() as u32))
            .collect();
        let [at, count] = self.iovecs(&buffers);
        match self.call("fd_write", &[fd as u64, at, count, RESULT as u64]) {
            errno::SUCCESS => Ok(self.u32(RESULT)),
            code => Err(code),
        }
    }

    /// Reads into buffers of these sizes in one call: the bytes, or the code.
    pub fn read(&mut self, fd: u32, sizes: &[u32]) -> Result<Vec<u8>, u32> {
        let buffers: Vec<(u32, u32)> = sizes.iter().map(|n| (self.space(*n), *n)).collect();
        let [at, count] = self.iovecs(&buffers);
        let code = self.call("fd_read", &[fd as u64, at, count, RESULT as u64]);
        if code != errno::SUCCESS {
            return Err(code);
        }
        let mut left = self.u32(RESULT);
        let mut bytes = Vec::new();
        for (at, len) in buffers {
            let now = len.min(left);
            bytes.extend(self.bytes(at, now));
            left -= now;
        }
        Ok(bytes)
    }

    /// Opens below a directory, following links: the descriptor, or the code.
    pub fn open(&mut self, dir: u32, path: &str, oflags: u32, rights: u64) -> Result<u32, u32> {
        self.open_with(dir, FOLLOW, path, oflags, (rights, rights), 0)
    }

    pub fn open_with(
        &mut self,
        dir: u32,
        dirflags: u32,
        path: &str,
        oflags: u32,
        (base, inheriting): (u64, u64),
        fdflags: u32,
    ) -> Result<u32, u32> {
        let [at, len] = self.path(path);
        let args = [
            dir as u64,
            dirflags as u64,
            at,
            len,
            oflags as u64,
            base,
            inheriting,
            fdflags as u64,
            RESULT as u64,
        ];
        match self.call("path_open", &args) {
            errno::SUCCESS => Ok(self.u32(RESULT)),
            code => Err(code),
        }
    }

    /// Makes a call on one path below a directory, (fd, path, path_len).
    pub fn on_path(&mut self, name: &str, dir: u32, path: &str) -> u32 {
        let [at, len] = self.path(path);
        self.call(name, &[dir as u64, at, len])
    }

    pub fn close(&mut self, fd: u32) -> u32 {
        self.call("fd_close", &[fd as u64])
    }

    /// Rights of a descriptor: base and inheriting.
    pub fn rights(&mut self, fd: u32) -> (u64, u64) {
        self.ok("fd_fdstat_get", &[fd as u64, RESULT as u64]);
        (self.u64(RESULT + 8), self.u64(RESULT + 16))
    }

    /// Attributes of a path (preview 1's layout): type, links, size, or the
    /// code.
    pub fn stat(&mut self, dir: u32, path: &str, flags: u32) -> Result<Stat, u32> {
        let [at, len] = self.path(path);
        let args = [dir as u64, flags as u64, at, len, RESULT as u64];
        match self.call("path_filestat_get", &args) {
            errno::SUCCESS => Ok(self.read_stat(RESULT)),
            code => Err(code),
        }
    }

    pub fn read_stat(&mut self, at: u32) -> Stat {
        Stat {
            ino: self.u64(at + 8),
            filetype: self.u8(at + 16),
            nlink: self.u64(at + 24),
            size: self.u64(at + 32),
            atim: self.u64(at + 40),
            mtim: self.u64(at + 48),
        }
    }

    pub fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, u32> {
        let args = [fd as u64, offset as u64, whence as u64, RESULT as u64];
        match self.call("fd_seek", &args) {
            errno::SUCCESS => Ok(self.u64(RESULT)),
            code => Err(code),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Stat {
    pub ino: u64,
    pub filetype: u8,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
}

pub fn temp_dir() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
