//! Engines of a session, one for each tier and set of settings.

use std::collections::HashMap;

use probity_engine::{Config, Engine};

use crate::probity::TierName;
use crate::rng::Rng;

/// Bytes of Wasm stack; little, so that its end is found in few events.
const STACK_BYTES: usize = 64 << 10;

/// How code is executed in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In this tier.
    Tier(TierName),
    /// Each schedule draws one.
    Mixed,
}

impl Way {
    /// Tiers that are drawn. [`TierName::Auto`] compiles nothing in runs as short as these.
    const DRAWN: [TierName; 6] = [
        TierName::Interp,
        TierName::Jit,
        TierName::Jit,
        TierName::Eager,
        TierName::Osr,
        TierName::Deopt,
    ];

    /// One word, for the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Way::Tier(tier) => tier.name(),
            Way::Mixed => "mixed",
        }
    }

    /// The tier of a schedule.
    pub fn tier(self, rng: &mut Rng) -> TierName {
        let drawn = *rng.pick(&Self::DRAWN);
        match self {
            Way::Tier(tier) => tier,
            Way::Mixed => drawn,
        }
    }
}

/// Settings of an engine beside the tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Does compiled code count fuel?
    pub count_fuel: bool,
    /// Is garbage collected at every allocation?
    pub gc_zeal: bool,
    /// Does compiled code keep all locals?
    pub keep_locals: bool,
}

impl Variant {
    /// Random settings.
    pub fn drawn(rng: &mut Rng) -> Variant {
        Variant {
            count_fuel: rng.one_in(3),
            gc_zeal: rng.one_in(3),
            keep_locals: rng.one_in(4),
        }
    }
}

/// The engines; made when they are asked for.
#[derive(Default)]
pub struct Tiers {
    engines: HashMap<(TierName, Variant), Engine>,
}

impl Tiers {
    /// An engine.
    pub fn get(&mut self, tier: TierName, variant: Variant) -> &Engine {
        self.engines.entry((tier, variant)).or_insert_with(|| {
            let (tier, zeal) = tier.settings();
            let mut config = Config::new();
            config
                .tier(tier)
                .tier_zeal(zeal)
                // So that all bits can be compared.
                .deterministic(true)
                .count_fuel(variant.count_fuel)
                .gc_zeal(variant.gc_zeal)
                .keep_locals(variant.keep_locals)
                .max_stack_bytes(STACK_BYTES);
            Engine::new(&config)
        })
    }
}
