//! Features of WebAssembly, which can be chosen one by one.

use std::fmt;

use wasmparser::WasmFeatures;

/// Version of the specification: a set of features to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WasmVersion {
    /// WebAssembly 1.0.
    V1,
    /// WebAssembly 2.0, with fixed-width SIMD.
    V2,
    /// WebAssembly 3.0.
    V3,
}

impl WasmVersion {
    pub(crate) fn features(self) -> WasmFeatures {
        match self {
            WasmVersion::V1 => WasmFeatures::WASM1,
            WasmVersion::V2 => WasmFeatures::WASM2,
            // The parser counts threads in, which the specification does not.
            WasmVersion::V3 => WasmFeatures::WASM3.difference(WasmFeatures::THREADS),
        }
    }
}

macro_rules! features {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $flags:expr;)*) => {
        /// A feature that was added to WebAssembly 1.0, or is about to be.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Feature {
            $($(#[$meta])* $variant,)*
        }

        impl Feature {
            /// Every feature that the engine has.
            pub const ALL: &'static [Feature] = &[$(Feature::$variant),*];

            /// Name of the proposal that it comes from, such as `tail-call`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Feature::$variant => $name,)*
                }
            }

            pub(crate) fn flags(self) -> WasmFeatures {
                match self {
                    $(Feature::$variant => $flags,)*
                }
            }
        }
    };
}

features! {
    /// Import and export of mutable globals.
    MutableGlobals = "mutable-global", WasmFeatures::MUTABLE_GLOBAL;
    /// `i32.trunc_sat_f32_s` and the like.
    SaturatingFloatToInt = "nontrapping-float-to-int-conversions", WasmFeatures::SATURATING_FLOAT_TO_INT;
    /// `i32.extend8_s` and the like.
    SignExtension = "sign-extension-ops", WasmFeatures::SIGN_EXTENSION;
    /// References to functions and to values of the host; several tables.
    ReferenceTypes = "reference-types", WasmFeatures::REFERENCE_TYPES;
    /// Several results, and blocks with parameters.
    MultiValue = "multi-value", WasmFeatures::MULTI_VALUE;
    /// `memory.copy`, passive segments and the like.
    BulkMemory = "bulk-memory", WasmFeatures::BULK_MEMORY;
    /// Fixed-width SIMD.
    Simd = "simd", WasmFeatures::SIMD;
    /// SIMD whose results may depend on the machine; here they do not.
    RelaxedSimd = "relaxed-simd", WasmFeatures::RELAXED_SIMD;
    /// `return_call` and the like.
    TailCalls = "tail-call", WasmFeatures::TAIL_CALL;
    /// Arithmetic in constant expressions.
    ExtendedConst = "extended-const", WasmFeatures::EXTENDED_CONST;
    /// Several memories.
    MultiMemory = "multi-memory", WasmFeatures::MULTI_MEMORY;
    /// Memories and tables with 64-bit addresses.
    Memory64 = "memory64", WasmFeatures::MEMORY64;
    /// Typed references to functions, references that are not null.
    FunctionReferences = "function-references", WasmFeatures::FUNCTION_REFERENCES;
    /// `try_table`, `throw`, `throw_ref`.
    Exceptions = "exceptions", WasmFeatures::EXCEPTIONS;
    /// Structures and arrays that are collected.
    Gc = "gc", WasmFeatures::GC;
    /// Atomic accesses, shared memories.
    Threads = "threads", WasmFeatures::THREADS;
    /// Memories with pages of one byte.
    CustomPageSizes = "custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES;
    /// 128-bit addition, subtraction and multiplication.
    WideArithmetic = "wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC;
}

impl Feature {
    /// The feature of this name.
    pub fn by_name(name: &str) -> Option<Feature> {
        Feature::ALL.iter().copied().find(|f| f.name() == name)
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Wasm 3.0 and every feature beyond it that the engine executes.
pub(crate) fn all() -> WasmFeatures {
    let start = WasmVersion::V3.features();
    Feature::ALL.iter().fold(start, |all, f| all | f.flags())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        for &feature in Feature::ALL {
            assert_eq!(Feature::by_name(feature.name()), Some(feature));
        }
        assert_eq!(Feature::by_name("stack-switching"), None);
    }

    #[test]
    fn versions_contain_each_other() {
        let [v1, v2, v3] =
            [WasmVersion::V1, WasmVersion::V2, WasmVersion::V3].map(|v| v.features());
        assert!(v2.contains(v1) && v3.contains(v2) && all().contains(v3));
        assert!(!v3.contains(WasmFeatures::THREADS));
    }
}
