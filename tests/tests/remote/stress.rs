//! Threads that insert and remove probes at random while programs run: these compute what they
//! compute, and each probe has counted what it can have.
//!
//! Each program once in each tier, unless `PROBITY_STRESS` says with which seed to begin and for how many seconds to
//! go on: `PROBITY_STRESS=1:60 cargo test --release -p probity-tests --test remote come_and_go`

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use probity_engine::hook::{Action, Counters, Probe, ProbeId, Remote, Site, Ticket};
use probity_engine::{Config, Func, Val, WasmPc};

use crate::guest::{Count, Guest, operators};
use crate::kernels::KERNELS;
use crate::ways;

/// Numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// Where probes can be: each function and its operators.
type Sites = Vec<(Func, Vec<WasmPc>)>;

fn sites(guest: &Guest) -> Sites {
    let indices = (0..).take_while(|&index| guest.module.function(index).is_some());
    let sites = indices.map(|index| {
        let func = guest.instance.func(&guest.store, index).expect("in range");
        let pcs = operators(&guest.module, index).into_iter();
        (func, pcs.map(|(pc, _)| pc).collect())
    });
    sites.collect()
}

/// What a probe has counted.
enum Counted {
    Added(Counters),
    Called(Count),
}

impl Counted {
    fn get(&self) -> u64 {
        match self {
            Counted::Added(counters) => counters.get(0),
            Counted::Called(count) => count.get(),
        }
    }
}

/// A probe in the store.
struct Inserted {
    ticket: Ticket<ProbeId>,
    counted: Counted,
    one_shot: bool,
}

/// A probe that is gone, and what it had counted when that was answered.
struct Removed {
    counted: Counted,
    at: u64,
    one_shot: bool,
}

/// One thread's part, until `stop`.
fn disturb(remote: &Remote, sites: &Sites, seed: u64, stop: &AtomicBool) -> Vec<Removed> {
    let mut random = Random(seed | 1);
    let mut inserted: Vec<Inserted> = Vec::new();
    let mut removed = Vec::new();
    let mut remove = |one: Inserted| {
        let id = one.ticket.wait().expect("the site is there");
        let was_there = remote.remove(id).wait().expect("the store lives");
        assert!(was_there || one.one_shot);
        removed.push(Removed {
            at: one.counted.get(),
            counted: one.counted,
            one_shot: one.one_shot,
        });
    };
    while !stop.load(Ordering::SeqCst) {
        if inserted.len() > 6 || random.below(3) == 0 {
            if !inserted.is_empty() {
                remove(inserted.swap_remove(random.below(inserted.len())));
            }
        } else {
            inserted.push(insert(remote, sites, &mut random));
        }
        if random.below(8) == 0 {
            let depth = remote.run(|context| {
                let depth = context.depth();
                for n in 0..depth.min(4) {
                    let frame = context.frame_at(n).expect("so deep");
                    let locals = (0..frame.num_locals()).map(|i| frame.local(i));
                    let operands = (0..frame.num_operands()).map(|i| frame.operand(i));
                    locals.chain(operands).for_each(drop);
                }
                Ok(depth)
            });
            assert!(depth.wait().expect("no error") < 10_000);
        }
        if random.below(4) == 0 {
            thread::sleep(Duration::from_micros(random.below(300) as u64));
        }
    }
    inserted.into_iter().for_each(remove);
    removed
}

fn insert(remote: &Remote, sites: &Sites, random: &mut Random) -> Inserted {
    let (func, pcs) = &sites[random.below(sites.len())];
    let (probe, counted) = if random.below(2) == 0 {
        let counters = Counters::new(1);
        let action = Action::CountAdd {
            counters: counters.clone(),
            index: 0,
            n: 1,
        };
        (Probe::new(action), Counted::Added(counters))
    } else {
        let count = Count::default();
        (count.probe(), Counted::Called(count))
    };
    let one_shot = random.below(3) == 0;
    let probe = match one_shot {
        true => probe.one_shot(),
        false => probe,
    };
    let ticket = match random.below(12) {
        0 => remote.insert_global(probe),
        1 => remote.insert(*func, Site::Entry, probe),
        2 => remote.insert(*func, Site::Exit, probe),
        _ => remote.insert(*func, Site::Before(pcs[random.below(pcs.len())]), probe),
    };
    Inserted {
        ticket,
        counted,
        one_shot,
    }
}

fn run(guest: &mut Guest, argument: i32) -> Vec<(probity_engine::ValType, u128)> {
    let results = guest.call("run", &[Val::I32(argument)]);
    let results = results.expect("no trap");
    results.iter().map(crate::guest::bits).collect()
}

/// Counts every operator of all functions, by function and pc.
fn count_all(guest: &mut Guest, sites: &Sites, by_call: bool) -> Vec<Counted> {
    let mut all = Vec::new();
    for (func, pcs) in sites {
        for &pc in pcs {
            let (probe, counted) = if by_call && pc.0 % 7 == 0 {
                let count = Count::default();
                (count.probe(), Counted::Called(count))
            } else {
                let counters = Counters::new(1);
                let action = Action::CountAdd {
                    counters: counters.clone(),
                    index: 0,
                    n: 1,
                };
                (Probe::new(action), Counted::Added(counters))
            };
            let inserted = guest.store.probes().insert(*func, Site::Before(pc), probe);
            inserted.expect("an operator");
            all.push(counted);
        }
    }
    all
}

fn counts(counted: &[Counted]) -> Vec<u64> {
    counted.iter().map(Counted::get).collect()
}

fn stress(config: &Config, what: &str, (wat, argument): (&str, i32), seed: u64, time: Duration) {
    let mut reference = Guest::new(wat);
    let reference_sites = sites(&reference);
    let exact = count_all(&mut reference, &reference_sites, false);
    let expected = run(&mut reference, argument);
    let once = counts(&exact);

    let mut guest = Guest::configured(config, wat, |_| {});
    let sites = sites(&guest);
    // Half of the programs are watched from the start, too.
    let steady = match seed.is_multiple_of(2) {
        true => count_all(&mut guest, &sites, true),
        false => Vec::new(),
    };
    let (stop, begin) = (AtomicBool::new(false), Instant::now());
    let mut rounds = 0;
    let removed: Vec<Removed> = thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (remote, sites, stop) = (guest.store.remote(), &sites, &stop);
                let seed = seed
                    .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                    .wrapping_add(number);
                scope.spawn(move || disturb(&remote, sites, seed, stop))
            })
            .collect();
        while begin.elapsed() < time || rounds == 0 {
            assert_eq!(run(&mut guest, argument), expected, "{what}");
            rounds += 1;
        }
        stop.store(true, Ordering::SeqCst);
        while threads.iter().any(|thread| !thread.is_finished()) {
            guest.store.serve_requests().expect("no error");
            thread::yield_now();
        }
        let removed = threads.into_iter().map(|thread| thread.join());
        removed.flat_map(|one| one.expect("no panic")).collect()
    });
    assert_eq!(run(&mut guest, argument), expected, "{what}, left alone");
    for probe in &removed {
        assert_eq!(probe.counted.get(), probe.at, "{what}: it was removed");
        assert!(!probe.one_shot || probe.at <= 1, "{what}");
    }
    let all: Vec<u64> = once.iter().map(|count| count * (rounds + 1)).collect();
    if !steady.is_empty() {
        assert_eq!(counts(&steady), all, "{what}: {rounds} rounds");
    }
}

#[test]
fn programs_are_as_they_were_while_probes_come_and_go() {
    let ways: Vec<_> = ways().collect();
    let one = |way: usize, kernel: usize, seed: u64, millis: u64| {
        let (name, config) = &ways[way];
        let (kernel, wat, argument) = KERNELS[kernel];
        let what = format!("{kernel}, {name}, seed {seed}");
        let time = Duration::from_millis(millis);
        stress(config, &what, (wat, argument), seed, time);
    };
    let Ok(given) = std::env::var("PROBITY_STRESS") else {
        for way in 0..ways.len() {
            for kernel in 0..KERNELS.len() {
                one(way, kernel, 100 + (way + kernel) as u64, 60);
            }
        }
        return;
    };
    let (seed, seconds) = given.split_once(':').expect("seed:seconds");
    let seconds = seconds.parse().expect("a number of seconds");
    let end = Instant::now() + Duration::from_secs(seconds);
    for seed in seed.parse::<u64>().expect("a number").. {
        if Instant::now() >= end {
            break;
        }
        let turn = seed as usize;
        one(
            turn % ways.len(),
            turn / ways.len() % KERNELS.len(),
            seed,
            500,
        );
    }
}
