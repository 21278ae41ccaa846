//! The few calls of WASI preview 1 that kernels make: arguments, an empty environment, stdout and stderr. They are our
//! own, as light as they can be, because Wasmtime's are not what is measured.

use std::fmt;
use wasmtime::{Caller, Extern, Linker, Memory, Result};

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
const BADF: i32 = 8;
const FAULT: i32 = 21;
const SPIPE: i32 = 70;

/// What a guest's calls work on.
pub struct Host {
    argv: Vec<Vec<u8>>,
    /// All that was written to stdout.
    pub stdout: Vec<u8>,
    random: u64,
}

impl Host {
    /// With arguments, argv[0] included.
    pub fn new(argv: &[String]) -> Host {
        Host {
            argv: argv.iter().map(|a| [a.as_bytes(), &[0]].concat()).collect(),
            stdout: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

/// The guest has ended itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exited with status {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// Defines the calls.
pub fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    type Call<'a> = Caller<'a, Host>;
    linker.func_wrap(
        MODULE,
        "args_sizes_get",
        |mut c: Call, n: u32, bytes: u32| {
            let (memory, host) = parts(&mut c)?;
            let len: usize = host.argv.iter().map(Vec::len).sum();
            let done = put(memory, n, host.argv.len()).and_then(|()| put(memory, bytes, len));
            Ok(errno(done))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "args_get",
        |mut c: Call, mut list: u32, mut at: u32| {
            let (memory, host) = parts(&mut c)?;
            for arg in &host.argv {
                let done = put(memory, list, at as usize).and_then(|()| write(memory, at, arg));
                if done.is_none() {
                    return Ok(FAULT);
                }
                (list, at) = (list + 4, at + arg.len() as u32);
            }
            Ok(SUCCESS)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_sizes_get",
        |mut c: Call, n: u32, bytes: u32| {
            let (memory, _) = parts(&mut c)?;
            Ok(errno(
                put(memory, n, 0).and_then(|()| put(memory, bytes, 0)),
            ))
        },
    )?;
    linker.func_wrap(MODULE, "environ_get", |_: u32, _: u32| SUCCESS)?;
    linker.func_wrap(MODULE, "fd_close", |_: i32| SUCCESS)?;
    linker.func_wrap(MODULE, "fd_seek", |_: i32, _: i64, _: i32, _: u32| SPIPE)?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |mut c: Call, fd: i32, at: u32| {
        let (memory, _) = parts(&mut c)?;
        // A character device (type 2) without rights, as far as the C library looks.
        let stat: [u8; 24] = std::array::from_fn(|i| if i == 0 { 2 } else { 0 });
        Ok(if (0..=2).contains(&fd) {
            errno(write(memory, at, &stat))
        } else {
            BADF
        })
    })?;
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    linker.func_wrap(MODULE, "random_get", |mut c: Call, at: u32, len: u32| {
        let (memory, host) = parts(&mut c)?;
        let Some(bytes) = range(memory, at, len) else {
            return Ok(FAULT);
        };
        for byte in bytes {
            host.random = host
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (host.random >> 56) as u8;
        }
        Ok(SUCCESS)
    })?;
    linker.func_wrap(MODULE, "proc_exit", |status: i32| -> Result<()> {
        Err(Exit(status).into())
    })?;
    Ok(())
}

/// Writes all buffers in one call, as Probity's does.
fn fd_write(mut c: Caller<'_, Host>, fd: i32, list: u32, n: u32, written: u32) -> Result<i32> {
    let (memory, host) = parts(&mut c)?;
    if !(1..=2).contains(&fd) {
        return Ok(BADF);
    }
    let mut total = 0;
    for i in 0..n {
        let entry = list.wrapping_add(i.wrapping_mul(8));
        let buffer = get(memory, entry).zip(get(memory, entry.wrapping_add(4)));
        let Some((at, len)) = buffer else {
            return Ok(FAULT);
        };
        let Some(part) = range(memory, at, len) else {
            return Ok(FAULT);
        };
        if fd == 1 {
            host.stdout.extend_from_slice(part);
        }
        total += part.len();
    }
    Ok(errno(put(memory, written, total)))
}

fn parts<'a>(caller: &'a mut Caller<'_, Host>) -> Result<(&'a mut [u8], &'a mut Host)> {
    let memory: Option<Memory> = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.ok_or_else(|| wasmtime::Error::msg("the module exports no memory"))?;
    Ok(memory.data_and_store_mut(caller))
}

fn errno(done: Option<()>) -> i32 {
    done.map_or(FAULT, |()| SUCCESS)
}

fn range(memory: &mut [u8], at: u32, len: u32) -> Option<&mut [u8]> {
    memory.get_mut(at as usize..)?.get_mut(..len as usize)
}

fn write(memory: &mut [u8], at: u32, bytes: &[u8]) -> Option<()> {
    range(memory, at, bytes.len() as u32)?.copy_from_slice(bytes);
    Some(())
}

fn put(memory: &mut [u8], at: u32, n: usize) -> Option<()> {
    write(memory, at, &(n as u32).to_le_bytes())
}

fn get(memory: &mut [u8], at: u32) -> Option<u32> {
    Some(u32::from_le_bytes(range(memory, at, 4)?.try_into().ok()?))
}
