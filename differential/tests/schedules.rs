//! A bounded search, and faults that it must notice.
#![forbid(unsafe_code)]

use probity_differential::probity::TierName;
use probity_differential::schedules::Way;
use probity_differential::schedules::play::Fault;
use probity_differential::schedules::program::SCHEDULES;
use probity_differential::schedules::reduce::reduce;
use probity_differential::schedules::session::Session;

/// Programs of the bounded search, and schedules of each.
const PROGRAMS: u64 = 60;
const EACH: u64 = 6;

/// The first program; the ledger's sessions are far below.
const FIRST: u64 = 10_000_000;

/// Schedules within which a fault must show.
const UNTIL_FOUND: u64 = 200;

fn seeds(programs: u64) -> impl Iterator<Item = u64> {
    let programs = FIRST..FIRST + programs;
    programs.flat_map(|program| (0..EACH).map(move |n| program * SCHEDULES + n))
}

#[test]
fn schedules_change_nothing() {
    let mut session = Session::new(Way::Mixed);
    let (mut fires, mut ours, mut tiers) = (0, 0, Vec::new());
    let (mut twisted, mut ticks, mut others) = (0, 0, 0);
    for seed in seeds(PROGRAMS) {
        let one = match session.one(seed) {
            Ok(one) => one,
            Err(what) => panic!("seed {seed}: {what}"),
        };
        if let Err(what) = one.check(Fault::None) {
            panic!("seed {seed}: {what}");
        }
        fires += one.expected.fires_total;
        twisted += u64::from(!one.program.twists.list.is_empty());
        ticks += one.expected.ticks.len();
        others += u64::from(one.schedule.others.is_some());
        ours += u64::from(one.program.is_ours);
        if !tiers.contains(&one.tier) {
            tiers.push(one.tier);
        }
    }
    // They must show something, of both kinds of programs.
    let schedules = PROGRAMS * EACH;
    assert!(fires > 20 * schedules, "{fires} fires");
    assert!(ours > schedules / 4 && ours < schedules * 3 / 4, "{ours}");
    assert!(twisted > schedules / 5, "{twisted} twisted");
    assert!(others > schedules / 8, "{others} with others");
    assert!(ticks > 1000, "{ticks} ticks");
    assert_eq!(tiers.len(), 5, "{tiers:?}");
}

#[test]
fn planted_faults_are_found() {
    for (fault, part) in [
        (Fault::LateInsert, "counter"),
        (Fault::LateRemoval, ""),
        (Fault::Count, "at the end: counter 0"),
        (Fault::Write, "plain, watched"),
        (Fault::Order, "must be of"),
        (Fault::Stay, ""),
        (Fault::Read, "it reads other operands"),
        (Fault::Act, "twist"),
        (Fault::Period, "tick"),
        (Fault::Others, "counter"),
    ] {
        for tier in [TierName::Interp, TierName::Jit] {
            let mut session = Session::new(Way::Tier(tier));
            let found = seeds(UNTIL_FOUND / EACH).find(|&seed| {
                let one = session.one(seed).expect("a program");
                one.check(fault).is_err_and(|what| what.contains(part))
            });
            assert!(found.is_some(), "{fault:?} in {tier:?}");
        }
    }
}

#[test]
fn a_seed_is_a_schedule() {
    let (mut a, mut b) = (Session::new(Way::Mixed), Session::new(Way::Mixed));
    // In another order, too.
    let seeds: Vec<u64> = seeds(4).collect();
    let mut texts = Vec::new();
    for &seed in &seeds {
        let one = a.one(seed).expect("a program");
        texts.push((one.tier, one.program.case.wasm.clone(), one.schedule));
    }
    for (&seed, expected) in seeds.iter().zip(&texts).rev() {
        let one = b.one(seed).expect("a program");
        assert_eq!(
            &(one.tier, one.program.case.wasm.clone(), one.schedule),
            expected
        );
    }
}

#[test]
fn a_difference_is_reduced() {
    let mut session = Session::new(Way::Tier(TierName::Interp));
    let found = seeds(UNTIL_FOUND / EACH).find(|&seed| {
        let one = session.one(seed).expect("a program");
        one.schedule.len() > 10 && one.check(Fault::Stay).is_err()
    });
    let one = session.one(found.expect("a seed")).expect("a program");
    let (program, prepared) = (one.program, one.prepared);
    let (small, what) = reduce(program, prepared, &one.schedule, one.watchdog, Fault::Stay);
    // One probe that fires more than once.
    assert!(small.len() <= 2, "{what}");
}
