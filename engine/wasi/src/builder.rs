//! Choosing what a guest gets of the outside world.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::args::{Strings, c_string};
use crate::clock::Clocks;
use crate::ctx::WasiCtx;
use crate::descriptors::{Descriptor, Descriptors, Node};
use crate::dir::HostDir;
use crate::host::Stop;
use crate::random::Random;
use crate::rights;
use crate::stdio::{self, Sink, Source};
use crate::usage::Usage;

/// Builds a [`WasiCtx`].
///
/// A guest gets nothing that is not given to it: without further calls it has
/// no arguments, no environment, an empty stdin, a stdout and stderr that
/// discard, and no directory. Clocks and random numbers are the host's.
///
/// ```
/// use probity_wasi::WasiCtxBuilder;
///
/// let ctx = WasiCtxBuilder::new()
///     .args(["prog.wasm", "--verbose"])
///     .env("LANG", "C")
///     .stdin_bytes("input\n")
///     .virtual_clock(0, 1_000)
///     .random_seed(42)
///     .build();
/// # drop(ctx);
/// ```
#[derive(Default)]
pub struct WasiCtxBuilder {
    args: Strings,
    env: Strings,
    stdin: Source,
    stdout: Sink,
    stderr: Sink,
    preopens: Vec<Preopen>,
    clocks: Clocks,
    random: Random,
    output_bytes_max: Option<u64>,
}

struct Preopen {
    dir: Dir,
    guest: Vec<u8>,
    read_only: bool,
}

impl WasiCtxBuilder {
    /// A builder of a context that gives nothing.
    pub fn new() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// Adds an argument. The first one is the program's name. A guest sees it
    /// up to its first NUL, as C does.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut WasiCtxBuilder {
        self.args.push(c_string(arg.as_ref().as_bytes()));
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(
        &mut self,
        args: impl IntoIterator<Item = A>,
    ) -> &mut WasiCtxBuilder {
        for arg in args {
            self.arg(arg);
        }
        self
    }

    /// Sets an environment variable; an earlier value of the same name goes.
    pub fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        let mut entry = c_string(name.as_ref().as_bytes());
        entry.push(b'=');
        let same_name = |other: &Vec<u8>| other.starts_with(&entry);
        let place = self.env.iter().position(same_name);
        entry.extend(c_string(value.as_ref().as_bytes()));
        match place {
            Some(index) => self.env[index] = entry,
            None => self.env.push(entry),
        }
        self
    }

    /// Sets every environment variable of this process.
    pub fn inherit_env(&mut self) -> &mut WasiCtxBuilder {
        for (name, value) in std::env::vars_os() {
            self.env(name, value);
        }
        self
    }

    /// The guest reads stdin from a reader. Its reads cannot be interrupted by
    /// [`WasiCtx::stop_flag`].
    pub fn stdin(&mut self, reader: impl Read + Send + 'static) -> &mut WasiCtxBuilder {
        self.stdin = stdio::reader(reader);
        self
    }

    /// The guest reads these bytes from stdin.
    pub fn stdin_bytes(&mut self, bytes: impl Into<Vec<u8>>) -> &mut WasiCtxBuilder {
        self.stdin = stdio::bytes(bytes.into());
        self
    }

    /// The guest reads this process's stdin. Under a [virtual
    /// clock](WasiCtxBuilder::virtual_clock) a read from a pipe waits until the
    /// guest's buffers are full or the input ends, so that what the guest sees
    /// does not depend on the writer's timing.
    pub fn inherit_stdin(&mut self) -> &mut WasiCtxBuilder {
        self.stdin = Source::Inherit;
        self
    }

    /// The guest's stdout goes to a writer, which is flushed after each of the
    /// guest's writes.
    pub fn stdout(&mut self, writer: impl Write + Send + 'static) -> &mut WasiCtxBuilder {
        self.stdout = Sink::Writer(Box::new(writer));
        self
    }

    /// The guest writes to this process's stdout, unbuffered.
    pub fn inherit_stdout(&mut self) -> &mut WasiCtxBuilder {
        self.stdout = Sink::Inherit;
        self
    }

    /// The guest's stderr goes to a writer, which is flushed after each of the
    /// guest's writes.
    pub fn stderr(&mut self, writer: impl Write + Send + 'static) -> &mut WasiCtxBuilder {
        self.stderr = Sink::Writer(Box::new(writer));
        self
    }

    /// The guest writes to this process's stderr, unbuffered.
    pub fn inherit_stderr(&mut self) -> &mut WasiCtxBuilder {
        self.stderr = Sink::Inherit;
        self
    }

    /// The guest shares stdin, stdout and stderr with this process.
    pub fn inherit_stdio(&mut self) -> &mut WasiCtxBuilder {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Gives the guest a directory, under the name `guest`. Preopens get the
    /// descriptors from 3 on, in the order of these calls.
    ///
    /// # Errors
    /// If the directory cannot be opened; the error names its path.
    pub fn preopened_dir(
        &mut self,
        host: impl AsRef<Path>,
        guest: impl AsRef<str>,
    ) -> Result<&mut WasiCtxBuilder, PreopenError> {
        self.preopen(host.as_ref(), guest.as_ref(), false)
    }

    /// Gives the guest a directory in which it can change nothing: such calls
    /// end with the error of a read-only file system.
    ///
    /// # Errors
    /// If the directory cannot be opened; the error names its path.
    pub fn preopened_dir_read_only(
        &mut self,
        host: impl AsRef<Path>,
        guest: impl AsRef<str>,
    ) -> Result<&mut WasiCtxBuilder, PreopenError> {
        self.preopen(host.as_ref(), guest.as_ref(), true)
    }

    fn preopen(
        &mut self,
        host: &Path,
        guest: &str,
        read_only: bool,
    ) -> Result<&mut WasiCtxBuilder, PreopenError> {
        let dir = Dir::open_ambient_dir(host, ambient_authority());
        let dir = dir.map_err(|source| PreopenError {
            path: host.to_owned(),
            source,
        })?;
        self.preopens.push(Preopen {
            dir,
            guest: c_string(guest.as_bytes()),
            read_only,
        });
        Ok(self)
    }

    /// All clocks become one virtual clock: each reading advances it by
    /// `step_ns` nanoseconds and sleeping advances it at once by the time of
    /// the sleep. Realtime starts at `start_ns` nanoseconds after 1970, the
    /// other clocks at zero. Descriptors then count as always ready.
    pub fn virtual_clock(&mut self, start_ns: u64, step_ns: u64) -> &mut WasiCtxBuilder {
        self.clocks = Clocks::new_virtual(start_ns, step_ns);
        self
    }

    /// Random bytes come from ChaCha20 with this seed: the same bytes in every
    /// run and on every machine. They are not secret.
    pub fn random_seed(&mut self, seed: u64) -> &mut WasiCtxBuilder {
        self.random = Random::seeded(seed);
        self
    }

    /// Ends the run with [`OutputLimit`](crate::OutputLimit) before a write by which all that the guest has written through
    /// descriptors, whatever they lead to, would be more than so many bytes.
    pub fn output_bytes_max(&mut self, bytes: u64) -> &mut WasiCtxBuilder {
        self.output_bytes_max = Some(bytes);
        self
    }

    /// The context. The builder is as new afterwards.
    pub fn build(&mut self) -> WasiCtx {
        let parts = std::mem::take(self);
        let mut table = Descriptors::default();
        table.push(parts.stdin.open());
        table.push(parts.stdout.open(io::stdout().as_fd()));
        table.push(parts.stderr.open(io::stderr().as_fd()));
        for preopen in parts.preopens {
            let node = Node::Dir(HostDir::preopened(preopen.dir, preopen.guest));
            let mut descriptor = Descriptor::new(node, rights::DIRECTORY, rights::ALL);
            descriptor.read_only = preopen.read_only;
            table.push(Some(descriptor));
        }
        WasiCtx {
            args: parts.args,
            env: parts.env,
            clocks: parts.clocks,
            random: parts.random,
            table,
            stop: Stop::default(),
            usage: Usage::default(),
            output_bytes_max: parts.output_bytes_max,
        }
    }
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder")
            .field("args", &self.args.len())
            .field("env", &self.env.len())
            .field("preopens", &self.preopens.len())
            .finish_non_exhaustive()
    }
}

/// A directory for a guest cannot be opened.
#[derive(Debug)]
pub struct PreopenError {
    path: PathBuf,
    source: io::Error,
}

impl PreopenError {
    /// The directory's path on the host.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for PreopenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "open directory `{}`: {}",
            self.path.display(),
            self.source
        )
    }
}

impl std::error::Error for PreopenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
