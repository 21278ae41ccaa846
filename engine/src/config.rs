//! How an engine behaves. Everything that changes what a module means or costs is
//! decided here, once per [`Engine`](crate::Engine), so that code compiled for one
//! store can be shared with every other store of the engine.

use std::path::PathBuf;

use wasmparser::WasmFeatures;

use crate::feature::{self, Feature, WasmVersion};
#[cfg(jit)]
use crate::jit::native_tools::ToolSettings;

/// How code is executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tier {
    /// By the interpreter alone.
    #[default]
    Interp,
    /// Compiled to machine code before its first execution. What cannot be compiled, and every
    /// function on targets without a compiler, is interpreted.
    Jit,
    /// Interpreted at first; what turns out to be hot is compiled in the background and entered
    /// while it runs.
    Auto,
}

/// Makes changes between the tiers as frequent as possible, to find what they break.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TierZeal {
    /// As frequent as is good.
    #[default]
    Off,
    /// With [`Tier::Auto`]: functions are compiled at their first chance.
    Eager,
    /// With [`Tier::Auto`]: only loops are compiled, and every loop is entered each time
    /// interpreted code gets to its header.
    Osr,
    /// With [`Tier::Jit`]: every compiled frame goes on in the interpreter after its first call, or
    /// at its first poll.
    Deopt,
}

/// What Linux's `perf` is told about compiled functions, which it has no names for otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PerfOutput {
    /// Nothing.
    #[default]
    None,
    /// Addresses and names, in `/tmp/perf-PID.map`, where `perf report` looks by itself.
    Map,
    /// The code too, with the Wasm program counters of its instructions, in `jit-PID.dump` in
    /// [`Config::jitdump_dir`]: for `perf record -k 1`, then `perf inject --jit`.
    JitDump,
}

/// Settings of an [`Engine`](crate::Engine).
///
/// ```
/// use probity_engine::{Config, Engine};
///
/// let mut config = Config::new();
/// config.deterministic(true).max_stack_bytes(1 << 20);
/// let engine = Engine::new(&config);
/// assert!(format!("{:?}", engine.config()).contains("deterministic: true"));
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) deterministic: bool,
    pub(crate) lazy: bool,
    pub(crate) gc_zeal: bool,
    pub(crate) max_stack_bytes: usize,
    pub(crate) tier: Tier,
    pub(crate) tier_zeal: TierZeal,
    pub(crate) count_fuel: bool,
    pub(crate) keep_locals: bool,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) perf: PerfOutput,
    pub(crate) jitdump_dir: PathBuf,
    pub(crate) native_debug: bool,
    /// What the engine executes; everything else is refused while loading.
    pub(crate) features: WasmFeatures,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            deterministic: false,
            lazy: true,
            gc_zeal: false,
            max_stack_bytes: 8 << 20,
            tier: Tier::default(),
            tier_zeal: TierZeal::default(),
            count_fuel: false,
            keep_locals: false,
            cache: None,
            perf: PerfOutput::default(),
            jitdump_dir: ".".into(),
            native_debug: false,
            features: feature::all(),
        }
    }
}

impl Config {
    /// The default settings: NaN bits as the hardware gives them, functions validated
    /// when first called, 8 MiB of Wasm stack.
    pub fn new() -> Config {
        Config::default()
    }

    /// With `true`, every float operator whose result is a NaN gives the canonical NaN,
    /// so that results are the same bits on every machine. Default: `false`; the NaN bits
    /// are then any that the specification allows.
    pub fn deterministic(&mut self, on: bool) -> &mut Config {
        self.deterministic = on;
        self
    }

    /// With `true` (the default), a function is validated and lowered when it is first
    /// called, so that modules of tens of megabytes start at once; an invalid body then is
    /// an error of that call. With `false`, [`Module::new`](crate::Module::new) validates
    /// every function.
    pub fn lazy(&mut self, on: bool) -> &mut Config {
        self.lazy = on;
        self
    }

    /// Bytes of Wasm stack (locals, operands and frame headers) of each store. A call that
    /// would need more traps with [`TrapCode::StackOverflow`](crate::TrapCode::StackOverflow).
    /// Default: 8 MiB.
    pub fn max_stack_bytes(&mut self, n: usize) -> &mut Config {
        self.max_stack_bytes = n;
        self
    }

    /// How code is executed. Default: [`Tier::Interp`].
    pub fn tier(&mut self, tier: Tier) -> &mut Config {
        self.tier = tier;
        self
    }

    /// Changes between the tiers more often than is good: slow, and the way to find what they
    /// break. Default: [`TierZeal::Off`].
    pub fn tier_zeal(&mut self, zeal: TierZeal) -> &mut Config {
        self.tier_zeal = zeal;
        self
    }

    /// With `true`, compiled code counts fuel from the start, at some cost. The interpreter always
    /// does, and compiled code does in a store with a limit
    /// ([`Store::set_fuel_limit`](crate::Store::set_fuel_limit)) or a tick
    /// ([`Probes::on_fuel`](crate::hook::Probes::on_fuel)). Default: `false`.
    pub fn count_fuel(&mut self, on: bool) -> &mut Config {
        self.count_fuel = on;
        self
    }

    /// With `true`, compiled code keeps every local of every frame for those who may look
    /// ([`FrameAccessor::local`](crate::hook::FrameAccessor::local)), at some cost. Otherwise only
    /// functions that have probes do. They are there when the guest traps, too
    /// ([`Probes::on_trap`](crate::hook::Probes::on_trap)). Default: `false`.
    pub fn keep_locals(&mut self, on: bool) -> &mut Config {
        self.keep_locals = on;
        self
    }

    /// A directory where compiled code is kept from one process to the next, so that a module that
    /// has run before starts with compiled code. It is made if it is not there. Default: none.
    ///
    /// **Whoever can write to the directory can have this process execute anything.** So it is used
    /// only if it belongs to the user who runs the process and nobody else can write to it; do not
    /// put files there that come from somebody else. Checksums protect from accidents alone.
    ///
    /// A file is used for exactly one module, build of the engine, set of settings and kind of
    /// processor. Files are written when a module has been compiled as a whole
    /// ([`Module::compile`](crate::Module::compile)), when it is dropped, and by
    /// [`Engine::save_cache`](crate::Engine::save_cache); any number of processes may use the
    /// directory at once. It is kept below 512 MiB: what has not been used for longest goes first.
    /// Code of watched functions is not kept. What goes wrong is no matter of the guest's, and
    /// answered by [`Engine::cache_error`](crate::Engine::cache_error).
    pub fn cache(&mut self, dir: impl Into<PathBuf>) -> &mut Config {
        self.cache = Some(dir.into());
        self
    }

    /// What `perf` is told about compiled functions. Default: [`PerfOutput::None`].
    ///
    /// The files are the process's: engines share them. What goes wrong with one is no matter of
    /// the guest's, and answered by [`Engine::tools_error`](crate::Engine::tools_error).
    pub fn perf(&mut self, output: PerfOutput) -> &mut Config {
        self.perf = output;
        self
    }

    /// Where [`PerfOutput::JitDump`] has its file. Default: the directory that is the current one
    /// when the engine is made.
    pub fn jitdump_dir(&mut self, dir: impl Into<PathBuf>) -> &mut Config {
        self.jitdump_dir = dir.into();
        self
    }

    /// With `true`, debuggers (GDB, LLDB) are told about compiled functions: backtraces have their
    /// names, and breakpoints can be set at Wasm program counters, as `break MODULE:PC` with the
    /// offset in decimal. Each function costs some kilobytes then. Default: `false`.
    ///
    /// Debuggers look for the symbols `__jit_debug_descriptor` and `__jit_debug_register_code`,
    /// which a stripped program does not have.
    pub fn native_debug(&mut self, on: bool) -> &mut Config {
        self.native_debug = on;
        self
    }

    /// Starts from a version of the specification: modules that use anything newer are refused.
    /// The default is everything that the engine has, which is more than the newest version.
    pub fn wasm(&mut self, version: WasmVersion) -> &mut Config {
        self.features = version.features();
        self
    }

    /// Allows or refuses one feature. What others of the chosen ones need stays allowed.
    ///
    /// ```
    /// use probity_engine::{Config, Engine, Feature, Module, WasmVersion};
    ///
    /// let mut config = Config::new();
    /// config.wasm(WasmVersion::V1).feature(Feature::SignExtension, true);
    /// let engine = Engine::new(&config);
    /// assert!(Module::new(&engine, "(module (func (drop (i32.extend8_s (i32.const 1)))))").is_ok());
    /// assert!(Module::new(&engine, "(module (memory 1) (memory 1))").is_err());
    /// ```
    pub fn feature(&mut self, feature: Feature, on: bool) -> &mut Config {
        self.features.set(feature.flags(), on);
        self
    }

    /// With `true`, every allocation of a structure, array, exception or value of the host
    /// collects garbage first: slow, and the way to find references that the collector does not
    /// know of. Default: `false`.
    pub fn gc_zeal(&mut self, on: bool) -> &mut Config {
        self.gc_zeal = on;
        self
    }

    #[cfg(jit)]
    pub(crate) fn tool_settings(&self) -> ToolSettings {
        let jitdump = self.perf == PerfOutput::JitDump;
        ToolSettings {
            perf_map: self.perf == PerfOutput::Map,
            jitdump: jitdump.then(|| self.jitdump_dir.clone()),
            gdb: self.native_debug,
        }
    }

    /// Whether functions are compiled before their first execution ([`Tier::Jit`]).
    pub fn is_compiled_first(&self) -> bool {
        self.tier == Tier::Jit
    }

    /// Whether functions may be compiled: every tier but [`Tier::Interp`], where there is a compiler.
    pub fn may_compile(&self) -> bool {
        cfg!(jit) && self.tier != Tier::Interp
    }

    /// The Wasm features that parser and validator accept under these settings. The only
    /// place that decides it.
    pub(crate) fn wasm_features(&self) -> WasmFeatures {
        self.features
    }
}
