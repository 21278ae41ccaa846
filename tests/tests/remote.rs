//! Other threads look at a store, change its probes and end its guest while that runs, however its
//! code is executed; and the guest notices nothing.
#![forbid(unsafe_code)]

mod guest;

#[path = "remote/kernels.rs"]
mod kernels;
#[path = "remote/requests.rs"]
mod requests;
#[path = "remote/stress.rs"]
mod stress;
#[path = "remote/tickets.rs"]
mod tickets;
#[path = "remote/timers.rs"]
mod timers;
#[path = "remote/waits.rs"]
mod waits;

use probity_engine::{Config, Tier};

/// Each way to execute code, with its name, and [`Tier::Auto`] as users have it.
fn ways() -> impl Iterator<Item = (&'static str, Config)> {
    let ways = guest::WAYS.iter().map(|(name, tier, zeal)| {
        let mut config = Config::new();
        config.tier(*tier).tier_zeal(*zeal);
        (*name, config)
    });
    let mut auto = Config::new();
    auto.tier(Tier::Auto);
    ways.chain([("auto", auto)])
}
