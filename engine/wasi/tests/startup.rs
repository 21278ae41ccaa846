//! Arguments, environment, clocks and random bytes.

mod common;

use common::*;
use probity_wasi::WasiCtxBuilder;

/// Reads a list of strings by its two calls.
fn strings(guest: &mut Guest, sizes: &str, get: &str) -> Vec<String> {
    guest.ok(sizes, &[RESULT as u64, RESULT as u64 + 4]);
    let (count, size) = (guest.u32(RESULT), guest.u32(RESULT + 4));
    let (pointers, buffer) = (guest.space(4 * count), guest.space(size));
    guest.ok(get, &[pointers as u64, buffer as u64]);
    let bytes = guest.bytes(buffer, size);
    let strings = (0..count).map(|index| {
        let start = (guest.u32(pointers + 4 * index) - buffer) as usize;
        let len = bytes[start..].iter().position(|b| *b == 0).unwrap();
        String::from_utf8(bytes[start..start + len].to_vec()).unwrap()
    });
    strings.collect()
}

#[test]
fn arguments_reach_the_guest() {
    let mut guest = Guest::new(
        WasiCtxBuilder::new()
            .arg("prog.wasm")
            .args(["", "ä b", "x\0y"]),
    );
    let args = strings(&mut guest, "args_sizes_get", "args_get");
    assert_eq!(args, ["prog.wasm", "", "ä b", "x"]);
}

#[test]
fn the_environment_reaches_the_guest_and_later_values_win() {
    let builder = &mut WasiCtxBuilder::new();
    builder.env("A", "1").env("AB", "x=y").env("A", "2");
    let mut guest = Guest::new(builder);
    let env = strings(&mut guest, "environ_sizes_get", "environ_get");
    assert_eq!(env, ["A=2", "AB=x=y"]);
}

#[test]
fn without_grants_there_is_nothing() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    assert!(strings(&mut guest, "args_sizes_get", "args_get").is_empty());
    assert!(strings(&mut guest, "environ_sizes_get", "environ_get").is_empty());
    assert_eq!(guest.read(0, &[8]).unwrap(), b"");
    assert_eq!(guest.write(1, &[b"lost"]), Ok(4));
    assert_eq!(
        guest.call("fd_prestat_get", &[ROOT as u64, RESULT as u64]),
        errno::BADF
    );
}

#[test]
fn the_environment_of_the_process_can_be_inherited() {
    let mut guest = Guest::new(WasiCtxBuilder::new().inherit_env());
    let env = strings(&mut guest, "environ_sizes_get", "environ_get");
    assert_eq!(env.len(), std::env::vars_os().count());
}

fn time(guest: &mut Guest, clock: u64) -> u64 {
    guest.ok("clock_time_get", &[clock, 0, RESULT as u64]);
    guest.u64(RESULT)
}

#[test]
fn the_host_clocks_can_be_read() {
    let mut guest = Guest::new(&mut WasiCtxBuilder::new());
    for clock in 0..4 {
        let first = time(&mut guest, clock);
        assert!(time(&mut guest, clock) >= first, "clock {clock}");
        guest.ok("clock_res_get", &[clock, RESULT as u64]);
        assert!(guest.u64(RESULT) > 0, "clock {clock}");
    }
    assert!(time(&mut guest, 0) > 1_700_000_000_000_000_000);
    for call in ["clock_res_get", "clock_time_get"] {
        let mut args = vec![4, RESULT as u64];
        if call == "clock_time_get" {
            args.insert(1, 0);
        }
        assert_eq!(guest.call(call, &args), errno::INVAL, "{call}");
    }
}

#[test]
fn the_virtual_clock_steps_at_each_reading() {
    let mut guest = Guest::new(WasiCtxBuilder::new().virtual_clock(5_000, 10));
    assert_eq!(time(&mut guest, 0), 5_000);
    assert_eq!(time(&mut guest, 0), 5_010);
    assert_eq!(time(&mut guest, 1), 20);
    assert_eq!(time(&mut guest, 2), 30);
    assert_eq!(time(&mut guest, 3), 40);
    assert_eq!(time(&mut guest, 0), 5_050);
    guest.ok("clock_res_get", &[0, RESULT as u64]);
    assert_eq!(guest.u64(RESULT), 10);
}

fn random(builder: &mut WasiCtxBuilder, sizes: &[u32]) -> Vec<u8> {
    let mut guest = Guest::new(builder);
    let mut bytes = Vec::new();
    for size in sizes {
        let at = guest.space(*size);
        guest.ok("random_get", &[at as u64, *size as u64]);
        bytes.extend(guest.bytes(at, *size));
    }
    bytes
}

#[test]
fn a_seed_repeats_its_random_bytes() {
    let seeded = |seed| random(WasiCtxBuilder::new().random_seed(seed), &[3, 8, 1000, 0]);
    assert_eq!(seeded(7), seeded(7));
    assert_ne!(seeded(7), seeded(8));
    assert_eq!(seeded(7).len(), 1011);
}

#[test]
fn unseeded_random_bytes_differ() {
    let first = random(&mut WasiCtxBuilder::new(), &[16]);
    assert_ne!(first, random(&mut WasiCtxBuilder::new(), &[16]));
}
