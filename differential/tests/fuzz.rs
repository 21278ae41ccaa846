//! A bounded run against each peer.
#![forbid(unsafe_code)]

use probity_differential::case::{Case, Settings};
use probity_differential::fuzz::{Verdict, check};
use probity_differential::peers::PeerName;
use probity_differential::probity::Engines;
use probity_differential::profile::Profile;

/// Seeds; a few seconds in a debug build.
const SEEDS: std::ops::Range<u64> = 1_000_000_000..1_000_000_300;

#[test]
fn agrees_with_wasmi() {
    agrees_with(PeerName::Wasmi);
}

#[cfg(feature = "wasmtime")]
#[test]
fn agrees_with_wasmtime() {
    agrees_with(PeerName::Wasmtime);
}

fn agrees_with(name: PeerName) {
    let engines = Engines::default();
    let peer = name.peer();
    let settings = Settings {
        profile: Profile::Mixed,
        features: name.features(),
    };
    let (mut agreed, mut calls, mut traps) = (0, 0, 0);
    for seed in SEEDS {
        let Some(case) = Case::new(seed, settings) else {
            continue;
        };
        let report = check(&engines, &*peer, &case, true);
        calls += report.calls;
        traps += report.traps;
        match report.verdict {
            Verdict::Agreed => agreed += 1,
            Verdict::Inconclusive(_) => {}
            Verdict::Mismatch(what) => panic!("seed {seed}: {what}"),
        }
    }
    // Most cases must say something, and not only by trapping.
    assert!(agreed > 250, "{agreed} agreed");
    assert!(
        calls > 600 && calls - traps > 150,
        "{calls} calls, {traps} trapped"
    );
}

#[test]
fn a_seed_is_a_case() {
    let settings = Settings {
        profile: Profile::Mixed,
        features: PeerName::Wasmi.features(),
    };
    for seed in 0..20 {
        let (a, b) = (Case::new(seed, settings), Case::new(seed, settings));
        let (a, b) = (a.expect("a module"), b.expect("a module"));
        assert_eq!(a.wasm, b.wasm);
        assert_eq!(a.calls, b.calls);
        assert_eq!(a.watch, b.watch);
    }
}
