//! What native profilers and debuggers are told about compiled functions.
//!
//! To them, machine code that appeared in memory is an address without a name. Each has its own
//! way of being told:
//!
//! | tool | way | file |
//! |---|---|---|
//! | `perf report` | a text file of addresses and names | `perf_map.rs` |
//! | `perf inject --jit` | a binary log with the code itself and its lines | `jitdump.rs` |
//! | GDB, LLDB | a linked list of object files in memory | `gdb.rs`, `object_file.rs` |
//!
//! All of them think in files and lines. The file is the module, and the line is the Wasm program
//! counter, a byte offset in the module: `break app.wasm:291` stops at the operator at 291.
//!
//! The two files and the list belong to the process, not to an engine: their names have the
//! process's id in them, and a debugger looks for one symbol. So they are global, and shared by
//! all engines that want them. A tool that fails (a full disk) changes nothing for the guest; it
//! gets nothing more, and the embedder can ask for the error.

pub(crate) mod disassemble;
mod gdb;
mod jitdump;
mod object_file;
mod perf_map;

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::error::Printable;

/// Which tools are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToolSettings {
    /// `/tmp/perf-PID.map`.
    pub perf_map: bool,
    /// The directory of `jit-PID.dump`, if that is wanted.
    pub jitdump: Option<PathBuf>,
    /// GDB's JIT interface.
    pub gdb: bool,
}

/// A piece of machine code that has been put into memory.
pub(crate) struct Published<'a> {
    /// What people know it by, for example `wasm[3]::fib`.
    pub name: &'a str,
    /// Where it is.
    pub base: *const u8,
    /// What is there.
    pub code: &'a [u8],
    /// From an offset in the code to the Wasm program counter of what is there and behind it,
    /// offsets ascending.
    pub lines: &'a [(u32, u32)],
    /// Path or name of the module.
    pub module: &'a str,
}

impl Published<'_> {
    fn address(&self) -> u64 {
        self.base.addr() as u64
    }

    fn size(&self) -> u64 {
        self.code.len() as u64
    }

    fn label(&self) -> Cow<'_, str> {
        plain(self.name, "wasm")
    }

    fn file(&self) -> Cow<'_, str> {
        plain(self.module, "module.wasm")
    }

    /// The lines without those that say what the one before says, or are not in the code.
    fn distinct_lines(&self) -> impl Iterator<Item = (u32, u32)> {
        let mut last = None;
        let mut end = 0;
        self.lines.iter().copied().filter(move |&(offset, pc)| {
            let new = last != Some(pc) && u64::from(offset) < self.size();
            // A reader takes a table that goes back for a damaged one.
            let ascends = offset >= end;
            if new && ascends {
                (last, end) = (Some(pc), offset);
            }
            new && ascends
        })
    }
}

/// Bytes of a name that tools are given.
const NAME_BYTES_MAX: usize = 1000;

/// A name as tools can take it: not empty, of one line, without NUL, not endless.
fn plain<'a>(name: &'a str, if_empty: &'a str) -> Cow<'a, str> {
    let end = name.floor_char_boundary(NAME_BYTES_MAX);
    match &name[..end] {
        "" => Cow::Borrowed(if_empty),
        name => Printable(name).text(),
    }
}

/// The tools of one engine.
pub(crate) struct NativeTools {
    perf_map: Option<perf_map::PerfMap>,
    jitdump: Option<jitdump::JitDump>,
    gdb: bool,
    /// The first error of writing one of the files; nothing is written after it.
    error: OnceLock<String>,
}

impl NativeTools {
    /// Opens what the settings ask for. The error's text fits "failed to ...".
    pub(crate) fn new(settings: &ToolSettings) -> io::Result<NativeTools> {
        Ok(NativeTools {
            perf_map: match settings.perf_map {
                true => Some(perf_map::PerfMap::open()?),
                false => None,
            },
            jitdump: match &settings.jitdump {
                Some(dir) => Some(jitdump::JitDump::open(dir)?),
                None => None,
            },
            gdb: settings.gdb,
            error: OnceLock::new(),
        })
    }

    /// Is anyone told anything?
    pub(crate) fn are_any(&self) -> bool {
        self.perf_map.is_some() || self.jitdump.is_some() || self.gdb
    }

    /// Tells the tools about code, which must be in its place already.
    pub(crate) fn publish(&self, p: &Published<'_>) -> Registration {
        if p.code.is_empty() {
            return Registration::default();
        }
        if self.error.get().is_none()
            && let Err(error) = self.write(p)
        {
            // Another thread's error may have been first; one is enough.
            let _ = self.error.set(error.to_string());
        }
        Registration {
            _gdb: self
                .gdb
                .then(|| gdb::Registered::new(object_file::write(p))),
        }
    }

    fn write(&self, p: &Published<'_>) -> io::Result<()> {
        if let Some(map) = &self.perf_map {
            map.publish(p)?;
        }
        if let Some(dump) = &self.jitdump {
            dump.publish(p)?;
        }
        Ok(())
    }

    /// The first error of writing, which fits "failed to ...".
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.get().map(String::as_str)
    }
}

/// Code that tools know of. Dropped before the code's memory is used for something else, it
/// takes the code from the list of debuggers; profilers keep what they were told, which was true
/// when they took their samples.
#[derive(Default)]
#[must_use = "code is unregistered when this is dropped"]
pub(crate) struct Registration {
    _gdb: Option<gdb::Registered>,
}

#[cfg(test)]
mod real_tools_tests;

/// An error that says what was being done with which file.
fn while_at(doing: &str, path: &std::path::Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("{doing} '{}': {error}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published<'a>(name: &'a str, module: &'a str, lines: &'a [(u32, u32)]) -> Published<'a> {
        Published {
            name,
            base: std::ptr::without_provenance(0x1000),
            code: &[0x90; 16],
            lines,
            module,
        }
    }

    #[test]
    fn names_are_made_fit_for_tools() {
        let long = "é".repeat(5000);
        for (name, label) in [
            ("wasm[3]::fib", "wasm[3]::fib"),
            ("core::fmt::write<T, U>", "core::fmt::write<T, U>"),
            ("a\nb\0c", "a\u{fffd}b\u{fffd}c"),
            ("", "wasm"),
            (long.as_str(), &long[..1000]),
        ] {
            assert_eq!(published(name, "m.wasm", &[]).label(), label);
        }
        assert_eq!(published("f", "", &[]).file(), "module.wasm");
    }

    #[test]
    fn lines_are_distinct_and_ascend() {
        let lines = [(0, 7), (2, 7), (4, 9), (3, 8), (5, 7), (16, 10)];
        let distinct: Vec<_> = published("f", "m", &lines).distinct_lines().collect();
        assert_eq!(distinct, [(0, 7), (4, 9), (5, 7)]);
    }

    #[test]
    fn without_settings_nothing_is_opened_or_told() {
        let tools = NativeTools::new(&ToolSettings::default()).unwrap();
        assert!(!tools.are_any());
        let registration = tools.publish(&published("f", "m", &[]));
        assert!(registration._gdb.is_none());
        assert_eq!(tools.error(), None);
    }

    #[test]
    fn engines_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<NativeTools>();
        shared::<Registration>();
    }
}
