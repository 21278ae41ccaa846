//! The table of the 46 calls: name, parameters and the function that does it.
//!
//! It is the only place where the engine's linker and the calls meet. Both
//! generations of the interface have the same calls; see [`Abi`] for what
//! differs.

use probity_engine::{Caller, Error, Extern, LinkError, Linker};

use crate::errno::{Errno, Fault, Result};
use crate::guest::Guest;
use crate::layout::Abi;
use crate::{WasiCtx, args, clock, dir, fd, io, open, path, poll, proc, random, sock};

macro_rules! calls {
    ($($name:ident($($param:ident: $ty:ty),*) = $function:path;)*) => {
        /// The names of the calls, all 46.
        pub const CALLS: &[&str] = &[$(stringify!($name),)* "proc_exit"];

        fn add_module<T: 'static>(
            linker: &mut Linker<T>,
            module: &str,
            abi: Abi,
            get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
        ) -> Result<(), LinkError> {
            $(
                linker.func_wrap(
                    module,
                    stringify!($name),
                    move |mut caller: Caller<'_, T>, $($param: $ty),*| -> Result<u32, Error> {
                        run(&mut caller, abi, get, |ctx, guest| $function(ctx, guest, $($param),*))
                    },
                )?;
            )*
            // The one call without a result.
            linker.func_wrap(
                module,
                "proc_exit",
                move |mut caller: Caller<'_, T>, code: u32| -> Result<(), Error> {
                    run(&mut caller, abi, get, |ctx, guest| proc::exit(ctx, guest, code))?;
                    Ok(())
                },
            )?;
            Ok(())
        }
    };
}

const _: () = assert!(CALLS.len() == 46);

calls! {
    args_get(argv: u32, argv_buf: u32) = args::args_get;
    args_sizes_get(argc: u32, argv_buf_size: u32) = args::args_sizes_get;
    environ_get(environ: u32, environ_buf: u32) = args::environ_get;
    environ_sizes_get(count: u32, size: u32) = args::environ_sizes_get;
    clock_res_get(id: u32, result: u32) = clock::res_get;
    clock_time_get(id: u32, precision: u64, result: u32) = clock::time_get;
    fd_advise(fd: u32, offset: u64, len: u64, advice: u32) = fd::advise;
    fd_allocate(fd: u32, offset: u64, len: u64) = fd::allocate;
    fd_close(fd: u32) = fd::close;
    fd_datasync(fd: u32) = fd::datasync;
    fd_fdstat_get(fd: u32, result: u32) = fd::fdstat_get;
    fd_fdstat_set_flags(fd: u32, flags: u32) = fd::fdstat_set_flags;
    fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) = fd::fdstat_set_rights;
    fd_filestat_get(fd: u32, result: u32) = fd::filestat_get;
    fd_filestat_set_size(fd: u32, size: u64) = fd::filestat_set_size;
    fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, fst_flags: u32) = fd::filestat_set_times;
    fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) = io::pread;
    fd_prestat_get(fd: u32, result: u32) = dir::prestat_get;
    fd_prestat_dir_name(fd: u32, path: u32, path_len: u32) = dir::prestat_dir_name;
    fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) = io::pwrite;
    fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) = io::read;
    fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32) = dir::readdir;
    fd_renumber(fd: u32, to: u32) = fd::renumber;
    fd_seek(fd: u32, offset: i64, whence: u32, result: u32) = fd::seek;
    fd_sync(fd: u32) = fd::sync;
    fd_tell(fd: u32, result: u32) = fd::tell;
    fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) = io::write;
    path_create_directory(fd: u32, path: u32, path_len: u32) = path::create_directory;
    path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, result: u32)
        = path::filestat_get;
    path_filestat_set_times(
        fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32
    ) = path::filestat_set_times;
    path_link(
        old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32,
        new_fd: u32, new_path: u32, new_path_len: u32
    ) = path::link;
    path_open(
        fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32,
        base: u64, inheriting: u64, fdflags: u32, opened: u32
    ) = open::open;
    path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32)
        = path::readlink;
    path_remove_directory(fd: u32, path: u32, path_len: u32) = path::remove_directory;
    path_rename(
        fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32
    ) = path::rename;
    path_symlink(old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32)
        = path::symlink;
    path_unlink_file(fd: u32, path: u32, path_len: u32) = path::unlink_file;
    poll_oneoff(subscriptions: u32, events: u32, count: u32, nevents: u32) = poll::oneoff;
    proc_raise(signal: u32) = proc::raise;
    sched_yield() = proc::sched_yield;
    random_get(buf: u32, buf_len: u32) = random::get;
    sock_accept(fd: u32, flags: u32, opened: u32) = sock::accept;
    sock_recv(
        fd: u32, iovs: u32, iovs_len: u32, ri_flags: u32, ro_datalen: u32, ro_flags: u32
    ) = sock::recv;
    sock_send(fd: u32, iovs: u32, iovs_len: u32, si_flags: u32, so_datalen: u32) = sock::send;
    sock_shutdown(fd: u32, how: u32) = sock::shutdown;
}

/// Runs a call on the caller's memory and context, and turns its end into what
/// the guest gets: a code, or an error that ends the run.
fn run<T>(
    caller: &mut Caller<'_, T>,
    abi: Abi,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    call: impl FnOnce(&mut WasiCtx, &mut Guest) -> Result<()>,
) -> Result<u32, Error> {
    get(caller.data_mut()).usage.calls += 1;
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let result = match memory {
        Some(memory) => match memory.as_shared(caller) {
            Some(shared) => call(get(caller.data_mut()), &mut Guest::shared(shared, abi)),
            None => {
                let (bytes, data) = caller.memory_and_data(memory);
                call(get(data), &mut Guest::new(bytes, abi))
            }
        },
        None => call(get(caller.data_mut()), &mut Guest::absent(abi)),
    };
    match result {
        Ok(()) => Ok(Errno::Success as u32),
        Err(Fault::Errno(errno)) => Ok(errno as u32),
        Err(Fault::Stop(error)) => Err(error),
    }
}

/// Defines WASI preview 1 in a linker, as `wasi_snapshot_preview1` and as
/// `wasi_unstable`. `get` finds the context in the store's data.
///
/// A call reads and writes the memory that its caller exports as `memory`.
///
/// # Errors
/// If a name is defined already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), LinkError> {
    add_module(linker, "wasi_snapshot_preview1", Abi::Preview1, get)?;
    add_module(linker, "wasi_unstable", Abi::Unstable, get)
}
