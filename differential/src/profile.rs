//! What the modules of a run are like: settings of wasm-smith.
//!
//! Every seed draws its own settings within its profile (swarm testing): modules that have
//! everything at once have a little of everything, and long runs of one kind of operator, where
//! fused handlers live, come only from modules with few kinds.

use std::fmt;
use std::str::FromStr;

use wasm_smith::{Config, InstructionKind as Kind, InstructionKinds, MemoryOffsetChoices};

use crate::features::Features;
use crate::rng::Rng;

/// A family of modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Each seed takes one of the others.
    Mixed,
    /// Integer and float operators, locals, branches.
    Numeric,
    /// Vectors.
    Simd,
    /// Loads, stores and bulk operations.
    Memory,
    /// Tables, references and indirect calls.
    Tables,
    /// Everything.
    All,
    /// Few and long functions of everything.
    Long,
}

impl Profile {
    /// All, with their names.
    pub const NAMES: [(Profile, &'static str); 7] = [
        (Profile::Mixed, "mixed"),
        (Profile::Numeric, "numeric"),
        (Profile::Simd, "simd"),
        (Profile::Memory, "memory"),
        (Profile::Tables, "tables"),
        (Profile::All, "all"),
        (Profile::Long, "long"),
    ];

    fn drawn(self, rng: &mut Rng) -> Profile {
        match self {
            Profile::Mixed => Self::NAMES[1 + rng.below(6) as usize].0,
            other => other,
        }
    }

    fn kinds(self) -> &'static [Kind] {
        const COMMON: [Kind; 4] = [
            Kind::Control,
            Kind::Parametric,
            Kind::Variable,
            Kind::NumericInt,
        ];
        const ALL: [Kind; 9] = [
            Kind::Numeric,
            Kind::Vector,
            Kind::Reference,
            Kind::Parametric,
            Kind::Variable,
            Kind::Table,
            Kind::Memory,
            Kind::Control,
            Kind::Aggregate,
        ];
        const NUMERIC: [Kind; 5] = [COMMON[0], COMMON[1], COMMON[2], COMMON[3], Kind::Numeric];
        const SIMD: [Kind; 5] = [COMMON[0], COMMON[1], COMMON[2], COMMON[3], Kind::Vector];
        const MEMORY: [Kind; 5] = [COMMON[0], COMMON[1], COMMON[2], COMMON[3], Kind::Memory];
        const TABLES: [Kind; 7] = [
            COMMON[0],
            COMMON[1],
            COMMON[2],
            COMMON[3],
            Kind::Table,
            Kind::Reference,
            Kind::Aggregate,
        ];
        match self {
            Profile::Numeric => &NUMERIC,
            Profile::Simd => &SIMD,
            Profile::Memory => &MEMORY,
            Profile::Tables => &TABLES,
            Profile::Mixed | Profile::All | Profile::Long => &ALL,
        }
    }

    /// Settings for one module.
    pub fn config(self, features: Features, rng: &mut Rng) -> Config {
        let profile = self.drawn(rng);
        let features = features.some(rng.word() | rng.word());
        let has = |feature| features.has(feature);
        let long = profile == Profile::Long;
        Config {
            allowed_instructions: InstructionKinds::new(profile.kinds()),
            allow_floats: !rng.one_in(4),
            // It forgets conversions, so that NaNs are left to the engines; sometimes, for the
            // sake of the code that it makes.
            canonicalize_nans: rng.one_in(8),
            disallow_traps: rng.one_in(3),
            export_everything: true,
            memory_offset_choices: MemoryOffsetChoices(200, 10, 1),

            min_funcs: if long { 1 } else { 3 },
            max_funcs: if long { 2 } else { 4 + rng.below(7) as usize },
            max_instructions: if long {
                600
            } else {
                20 + rng.below(150) as usize
            },
            max_types: 8,
            max_type_size: 400,
            max_imports: rng.below(6) as usize,
            max_globals: 1 + rng.below(6) as usize,
            min_memories: u32::from(profile == Profile::Memory),
            max_memories: if has(Features::MULTI_MEMORY) { 3 } else { 1 },
            min_tables: u32::from(profile == Profile::Tables),
            max_tables: 1 + rng.below(3) as usize,
            max_table_elements: 60,
            max_elements: 12,
            max_element_segments: 5,
            max_data_segments: 4,
            max_tags: 3,
            max_memory32_bytes: 3 << 16,
            max_memory64_bytes: 3 << 16,
            const_expr_fuel: 12,
            limit_arrays_in_const_exprs: true,

            simd_enabled: matches!(profile, Profile::Simd | Profile::All | Profile::Long),
            tail_call_enabled: has(Features::TAIL_CALLS),
            extended_const_enabled: has(Features::EXTENDED_CONST),
            memory64_enabled: has(Features::MEMORY64),
            relaxed_simd_enabled: has(Features::RELAXED_SIMD),
            exceptions_enabled: has(Features::EXCEPTIONS),
            gc_enabled: has(Features::GC),
            threads_enabled: has(Features::THREADS),
            custom_page_sizes_enabled: has(Features::CUSTOM_PAGE_SIZES),
            wide_arithmetic_enabled: has(Features::WIDE_ARITHMETIC),
            compact_imports_enabled: false,
            ..Config::default()
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(profile, _)| profile == self);
        f.write_str(named.map_or("", |(_, name)| name))
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Profile, String> {
        let named = Self::NAMES.iter().find(|(_, name)| *name == text);
        named.map(|(profile, _)| *profile).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(_, name)| *name).collect();
            format!("no profile `{text}`; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for (profile, name) in Profile::NAMES {
            assert_eq!(profile.to_string(), name);
            assert_eq!(name.parse(), Ok(profile));
        }
        assert!("odd".parse::<Profile>().is_err());
    }

    #[test]
    fn features_that_are_off_stay_off() {
        for seed in 0..50 {
            let config = Profile::Mixed.config(Features::NONE, &mut Rng::new(seed));
            assert!(!config.gc_enabled && !config.threads_enabled && config.max_memories == 1);
        }
    }
}
