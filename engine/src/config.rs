//! How an engine behaves. Everything that changes what a module means or costs is
//! decided here, once per [`Engine`](crate::Engine), so that code compiled for one
//! store can be shared with every other store of the engine.

use wasmparser::WasmFeatures;

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
    pub(crate) max_stack_bytes: usize,
    /// What the engine executes; everything else is refused while loading.
    pub(crate) features: WasmFeatures,
}

/// Wasm 2.0 with its SIMD, the largest set that every part of the engine executes.
const SUPPORTED_FEATURES: WasmFeatures = WasmFeatures::WASM2;

impl Default for Config {
    fn default() -> Config {
        Config {
            deterministic: false,
            lazy: true,
            max_stack_bytes: 8 << 20,
            features: SUPPORTED_FEATURES,
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

    /// The Wasm features that parser and validator accept under these settings. The only
    /// place that decides it.
    pub(crate) fn wasm_features(&self) -> WasmFeatures {
        self.features
    }
}
