//! Atomic accesses by one thread: values, widths, alignment, bounds. (`threads.rs` has several.)

use probity_engine::{TrapCode, Val};

use super::every_way::{Case, check, gives, runs, traps};

const OUT: TrapCode = TrapCode::MemoryOutOfBounds;
const UNALIGNED: TrapCode = TrapCode::UnalignedAtomic;
const UNSHARED: TrapCode = TrapCode::ExpectedSharedMemory;

/// Kinds of memories, and the type of their addresses.
const MEMORIES: &[(&str, &str)] = &[
    ("(memory 1)", "i32"),
    ("(memory 1 1 shared)", "i32"),
    ("(memory i64 1 1 shared)", "i64"),
];

fn at(ty: &str, address: i64) -> Val {
    match ty {
        "i32" => Val::I32(address as i32),
        _ => Val::I64(address),
    }
}

/// Prefix of the operators, suffix of narrow results, bytes.
const WIDTHS: &[(&str, &str, &str, u64)] = &[
    ("i32", "", "", 4),
    ("i32", "8", "_u", 1),
    ("i32", "16", "_u", 2),
    ("i64", "", "", 8),
    ("i64", "8", "_u", 1),
    ("i64", "16", "_u", 2),
    ("i64", "32", "_u", 4),
];

fn number(ty: &str, value: u64) -> Val {
    match ty {
        "i32" => Val::I32(value as u32 as i32),
        _ => Val::I64(value as i64),
    }
}

#[test]
fn every_operator_of_every_width() {
    const OLD: u64 = 0xf1e2_d3c4_b5a6_9788;
    const X: u64 = 0x0123_4567_89ab_cdef;
    for &(memory, address) in MEMORIES {
        for &(ty, bits, suffix, bytes) in WIDTHS {
            let mask = u64::MAX >> (64 - 8 * bytes);
            let mut wat = format!(
                r#"(module {memory} (memory $other 1)
                  (func (export "set") (i64.store ({address}.const 24) (i64.const {OLD})))
                  (func (export "get") (result i64) (i64.load ({address}.const 24)))
                  (func (export "load") (param {address}) (result {ty})
                    ({ty}.atomic.load{bits}{suffix} offset=8 (local.get 0)))
                  (func (export "store") (param {address} {ty})
                    ({ty}.atomic.store{bits} offset=8 (local.get 0) (local.get 1)))
                  (func (export "cmpxchg") (param {address} {ty} {ty}) (result {ty})
                    ({ty}.atomic.rmw{bits}.cmpxchg{suffix} offset=8 (local.get 0) (local.get 1) (local.get 2)))"#
            );
            const OPS: [&str; 6] = ["add", "sub", "and", "or", "xor", "xchg"];
            for op in OPS {
                wat += &format!(
                    r#"(func (export "{op}") (param {address} {ty}) (result {ty})
                      ({ty}.atomic.rmw{bits}.{op}{suffix} offset=8 (local.get 0) (local.get 1)))"#
                );
            }
            wat += ")";
            let here = || at(address, 16);
            let get = |part: u64| gives("get", [], Val::I64((OLD & !mask | part & mask) as i64));
            let mut cases: Vec<Case> = vec![
                runs("set", []),
                gives("load", [here()], number(ty, OLD & mask)),
                runs("store", [here(), number(ty, X)]),
                get(X),
            ];
            let results = [
                OLD.wrapping_add(X),
                OLD.wrapping_sub(X),
                OLD & X,
                OLD | X,
                OLD ^ X,
                X,
            ];
            for (op, new) in OPS.into_iter().zip(results) {
                cases.push(runs("set", []));
                cases.push(gives(op, [here(), number(ty, X)], number(ty, OLD & mask)));
                cases.push(get(new));
            }
            let cmpxchg = |expected: u64| {
                let args = [here(), number(ty, expected), number(ty, X)];
                gives("cmpxchg", args, number(ty, OLD & mask))
            };
            cases.push(runs("set", []));
            cases.push(cmpxchg(OLD & mask ^ 1));
            cases.push(get(OLD));
            if !bits.is_empty() {
                // Does not fit the width, so it is never equal.
                cases.push(cmpxchg(OLD));
                cases.push(get(OLD));
            }
            cases.push(cmpxchg(OLD & mask));
            cases.push(get(X));
            if bytes > 1 {
                cases.push(traps("load", [at(address, 1)], UNALIGNED));
                cases.push(traps("add", [at(address, 65537), number(ty, 1)], UNALIGNED));
                let half = at(address, bytes as i64 / 2);
                cases.push(traps("store", [half.clone(), number(ty, 1)], UNALIGNED));
                cases.push(traps(
                    "cmpxchg",
                    [half, number(ty, 1), number(ty, 1)],
                    UNALIGNED,
                ));
            }
            let end = 65536 - 8;
            cases.push(traps("load", [at(address, end)], OUT));
            cases.push(traps("store", [at(address, end), number(ty, 1)], OUT));
            cases.push(traps("xchg", [at(address, end), number(ty, 1)], OUT));
            cases.push(traps("load", [at(address, -(bytes as i64))], OUT));
            cases.push(gives(
                "load",
                [at(address, end - bytes as i64)],
                number(ty, 0),
            ));
            check(&wat, &cases);
        }
    }
}

#[test]
fn waiting_and_notifying_alone() {
    for &(memory, address) in MEMORIES {
        let shared = memory.contains("shared");
        let wat = format!(
            r#"(module {memory}
              (func (export "fence") atomic.fence)
              (func (export "notify") (param {address} i32) (result i32)
                (memory.atomic.notify offset=4 (local.get 0) (local.get 1)))
              (func (export "wait32") (param {address} i32 i64) (result i32)
                (memory.atomic.wait32 offset=4 (local.get 0) (local.get 1) (local.get 2)))
              (func (export "wait64") (param {address} i64 i64) (result i32)
                (memory.atomic.wait64 offset=8 (local.get 0) (local.get 1) (local.get 2))))"#
        );
        let w32 = |a: i64, x: i32, t: i64| [at(address, a), Val::I32(x), Val::I64(t)];
        let w64 = |a: i64, x: i64, t: i64| [at(address, a), Val::I64(x), Val::I64(t)];
        let n = |a: i64| [at(address, a), Val::I32(-1)];
        let mut cases = vec![
            runs("fence", []),
            gives("notify", n(0), Val::I32(0)),
            gives("notify", n(65528), Val::I32(0)),
            traps("notify", n(2), UNALIGNED),
            traps("notify", n(65532), OUT),
            traps("wait32", w32(1, 0, 0), UNALIGNED),
            traps("wait64", w64(4, 0, 0), UNALIGNED),
            traps("wait64", w64(65532, 0, 0), UNALIGNED),
        ];
        if shared {
            cases.extend([
                gives("wait32", w32(0, 1, -1), Val::I32(1)),
                gives("wait64", w64(0, 1 << 32, -1), Val::I32(1)),
                gives("wait32", w32(0, 0, 0), Val::I32(2)),
                gives("wait32", w32(0, 0, 1000), Val::I32(2)),
                gives("wait64", w64(0, 0, 1000), Val::I32(2)),
                traps("wait32", w32(65532, 0, 0), OUT),
                traps("wait64", w64(65528, 0, 0), OUT),
            ]);
        } else {
            cases.extend([
                traps("wait32", w32(0, 1, -1), UNSHARED),
                traps("wait64", w64(0, 0, 0), UNSHARED),
                traps("wait32", w32(65532, 0, 0), UNSHARED),
            ]);
        }
        check(&wat, &cases);
    }
}

#[test]
fn plain_accesses_of_a_shared_memory() {
    let n = |x: i32| [Val::I32(x)];
    check(
        r#"(module (memory 1 3 shared) (data (i32.const 65533) "xyz") (data $d "passive")
          (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
          (func (export "store") (param i32) (f64.store offset=1 (local.get 0) (f64.const 2)))
          (func (export "vector") (param i32) (result v128) (v128.load (local.get 0)))
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
          (func (export "size") (result i32) (memory.size))
          (func (export "init") (param i32) (memory.init $d (local.get 0) (i32.const 0) (i32.const 7)))
          (func (export "fill") (param i32) (memory.fill (local.get 0) (i32.const 9) (i32.const 15)))
          (func (export "copy") (param i32)
            (memory.copy (i32.add (local.get 0) (i32.const 3)) (local.get 0) (i32.const 9))))"#,
        &[
            gives("load", n(65532), Val::I32(0x7a79_7800)),
            traps("load", n(65533), OUT),
            traps("store", n(65528), OUT),
            runs("store", n(65527)),
            gives("load", n(65532), Val::I32(0x4000_0000)),
            traps("vector", n(65521), OUT),
            gives("vector", n(65520), Val::V128(0x4000_0000_0000_0000 << 64)),
            gives("size", [], Val::I32(1)),
            gives("grow", n(1), Val::I32(1)),
            gives("load", n(65533), Val::I32(0x0040_0000)),
            gives("size", [], Val::I32(2)),
            gives("grow", n(2), Val::I32(-1)),
            runs("init", n(2 * 65536 - 7)),
            traps("init", n(2 * 65536 - 6), OUT),
            gives(
                "load",
                n(2 * 65536 - 4),
                Val::I32(i32::from_le_bytes(*b"sive")),
            ),
            runs("fill", n(1)),
            runs("init", n(1)),
            runs("copy", n(1)),
            gives("load", n(4), Val::I32(i32::from_le_bytes(*b"pass"))),
            gives("load", n(9), Val::I32(i32::from_le_bytes(*b"ve\x09\x09"))),
            traps("fill", n(2 * 65536 - 14), OUT),
        ],
    );
}
