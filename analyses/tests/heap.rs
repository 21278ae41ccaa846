//! `heap`: by hand, and random programs against a heap that is kept byte by byte, however code is executed; DHAT's format by a
//! reader of its own.

mod common;

use std::fmt::Write;

use common::random::Random;
use common::{Run, WAYS, config, each, rows, run_rules};
use probity_analyses::Session;
use probity_analyses::export::{DataKind, ExportInfo};
use probity_engine::{Engine, Linker, Module, Store, Tier, TierZeal};
use serde_json::{Value as Json, json};

/// An allocator that gives what was freed last if its size fits, and otherwise what is behind the last block and a word with its
/// size. It gives nothing if that is too much.
const ALLOCATOR: &str = r#"(memory 1)
    (global $next (mut i32) (i32.const 1024))
    (global $last (mut i32) (i32.const 0)) (global $size (mut i32) (i32.const -1))
    (func $malloc (param $n i32) (result i32)
        (if (i32.eq (local.get $n) (global.get $size)) (then
            (global.set $size (i32.const -1))
            (return (global.get $last))))
        (if (i32.gt_u (local.get $n) (i32.const 60000)) (then (return (i32.const 0))))
        (i32.store (global.get $next) (local.get $n))
        (global.set $next (i32.add (i32.const 8) (global.get $next)))
        (global.get $next)
        (global.set $next (i32.add (global.get $next)
            (i32.and (i32.add (local.get $n) (i32.const 7)) (i32.const -8)))))
    (func $free (param $p i32)
        (br_if 0 (i32.eqz (local.get $p)))
        (global.set $last (local.get $p))
        (global.set $size (i32.load (i32.sub (local.get $p) (i32.const 8)))))
    (func $calloc (param i32 i32) (result i32)
        (call $malloc (i32.mul (local.get 0) (local.get 1))))
    (func $realloc (param $p i32) (param $n i32) (result i32) (local $q i32)
        (local.set $q (call $malloc (local.get $n)))
        (if (i32.and (i32.ne (local.get $p) (i32.const 0)) (i32.ne (local.get $q) (i32.const 0))) (then
            (memory.copy (local.get $q) (local.get $p) (i32.const 8))
            (call $free (local.get $p))))
        (local.get $q))
    (func $posix_memalign (param $out i32) (param i32) (param $n i32) (result i32)
        (i32.store (local.get $out) (call $malloc (local.get $n)))
        (i32.const 0))
"#;

fn module(rest: &str) -> String {
    format!("(module {ALLOCATOR}\n{rest})")
}

/// Blocks of 16 (at 1032), 24 (1056), 24 by `calloc` (1088), 40 by `realloc` (1120) and 32 bytes (1168). Of the loads of 16 bytes
/// the first ends with its block, the second ends behind it and is aligned, the third is not.
const TEXT: &str = r#"
    (func $make (param i32) (result i32) (call $malloc (local.get 0)))
    (func $main (export "main") (local $a i32) (local $b i32)
        (local.set $a (call $make (i32.const 16)))
        (local.set $b (call $make (i32.const 24)))
        (i64.store offset=8 (local.get $a) (i64.const 1))
        (i64.store offset=12 (local.get $a) (i64.const 1))
        (drop (i32.load8_u offset=16 (local.get $a)))
        (drop (v128.load offset=8 (local.get $b)))
        (drop (v128.load offset=16 (local.get $b)))
        (drop (v128.load offset=9 (local.get $b)))
        (call $free (local.get $a))
        (drop (i32.load offset=4 (local.get $a)))
        (drop (i32.load (local.get $a)))
        (call $free (local.get $a))
        (call $free (i32.add (local.get $b) (i32.const 4)))
        (call $free (i32.const 0))
        (drop (call $calloc (i32.const 3) (i32.const 8)))
        (drop (call $realloc (local.get $b) (i32.const 40)))
        (drop (call $realloc (i32.const 0) (i32.const 70000)))
        (drop (call $posix_memalign (i32.const 64) (i32.const 16) (i32.const 32)))
        (memory.fill (i32.load (i32.const 64)) (i32.const 0) (i32.const 32)))"#;

fn facts<const N: usize>(run: &Run, names: [&str; N]) -> [u64; N] {
    names.map(|name| {
        let fact = &run.of("heap")[name];
        fact.as_u64().unwrap_or_else(|| panic!("{name}: {fact}"))
    })
}

#[test]
fn by_hand() {
    let wat = module(TEXT);
    each(&wat, &["heap:check=on"], |way, run| {
        assert!(run.error.is_none(), "{way}: {:?}", run.error);
        let names = [
            "allocations",
            "frees",
            "reallocations",
            "failed",
            "allocated_bytes",
            "live_bytes",
            "live_blocks",
            "end_time",
        ];
        // `realloc` is a free and an allocation; the second one gives nothing.
        let expected = [5, 2, 2, 1, 16 + 24 + 24 + 40 + 32, 24 + 40 + 32, 3, 7];
        assert_eq!(facts(run, names), expected, "{way}");
        let names = ["peak_bytes", "peak_blocks", "peak_time"];
        assert_eq!(facts(run, names), [96, 3, 7], "{way}");
        let names = [
            "use_after_free",
            "out_of_bounds",
            "double_frees",
            "invalid_frees",
            "lost_blocks",
            "unfollowed",
        ];
        assert_eq!(facts(run, names), [2, 3, 1, 1, 0, 0], "{way}");
        assert_eq!(
            run.of("heap")["allocators"],
            "malloc, free, calloc, realloc, posix_memalign",
            "{way}"
        );
        let columns = [
            "name",
            "bytes",
            "blocks",
            "max_bytes",
            "peak_bytes",
            "live_bytes",
            "lifetime",
            "read_bytes",
            "written_bytes",
            "stack",
        ];
        let sites = rows(&run.of("heap")["sites"], &columns);
        let expected = [
            // From 1 to 3; the store at 8 is right.
            json!(["make", 16, 1, 16, 0, 0, 2.0, 0, 8, "make < main"]),
            // From 2 to 5. What `realloc` copies is the allocator's.
            json!(["make", 24, 1, 24, 0, 0, 3.0, 32, 0, "make < main"]),
            json!(["main", 24, 1, 24, 24, 24, 3.0, 0, 0, "main"]),
            json!(["main", 40, 1, 40, 40, 40, 1.0, 0, 0, "main"]),
            json!(["main", 32, 1, 32, 32, 32, 0.0, 0, 32, "main"]),
        ];
        assert_eq!(sites, expected, "{way}");
        let columns = [
            "kind",
            "name",
            "count",
            "address",
            "bytes",
            "block",
            "block_bytes",
            "offset",
            "allocated_by",
            "freed_by",
        ];
        let problems = rows(&run.of("heap")["problems"], &columns);
        let (made, by) = ("make < main", "main");
        let expected = [
            json!(["use after free", "main", 1, 1036, 4, 1032, 16, 4, made, by]),
            json!(["use after free", "main", 1, 1032, 4, 1032, 16, 0, made, by]),
            json!([
                "out of bounds",
                "main",
                1,
                1044,
                8,
                1032,
                16,
                12,
                made,
                null
            ]),
            json!([
                "out of bounds",
                "main",
                1,
                1048,
                1,
                1032,
                16,
                16,
                made,
                null
            ]),
            json!([
                "out of bounds",
                "main",
                1,
                1065,
                16,
                1056,
                24,
                9,
                made,
                null
            ]),
            json!(["double free", "main", 1, 1032, null, 1032, 16, 0, made, by]),
            json!([
                "invalid free",
                "main",
                1,
                1060,
                null,
                1056,
                24,
                4,
                made,
                null
            ]),
        ];
        assert_eq!(problems, expected, "{way}");
        let leaks = rows(&run.of("heap")["leaks"], &["live_bytes", "live_blocks"]);
        assert_eq!(
            leaks,
            [json!([24, 1]), json!([40, 1]), json!([32, 1])],
            "{way}"
        );
        let over_time = rows(
            &run.of("heap")["over_time"],
            &["time", "live_bytes", "live_blocks"],
        );
        let expected = [
            json!([1, 16, 1]),
            json!([2, 40, 2]),
            json!([3, 24, 1]),
            json!([4, 48, 2]),
            json!([5, 24, 1]),
            json!([6, 64, 2]),
            json!([7, 96, 3]),
        ];
        assert_eq!(over_time, expected, "{way}");
    });
}

/// Without looking at accesses the blocks are the same; of accesses nothing is said. With one frame the two calls of `make` are one.
#[test]
fn without_accesses() {
    let wat = module(TEXT);
    each(&wat, &["heap:depth=1"], |way, run| {
        let heap = run.of("heap");
        assert_eq!(heap["use_after_free"], Json::Null, "{way}");
        assert_eq!(facts(run, ["peak_bytes", "double_frees"]), [96, 1], "{way}");
        let columns = ["stack", "bytes", "blocks", "max_bytes", "read_bytes"];
        let sites = rows(&heap["sites"], &columns);
        assert_eq!(sites[0], json!(["make", 40, 2, 40, null]), "{way}");
        assert_eq!(sites.len(), 4, "{way}");
    });
}

/// Functions of other names, if they are given; then those of known names are none. What has no memory, or the wrong type, is none.
#[test]
fn given_names() {
    let wat = module(TEXT)
        .replace("$malloc", "$get")
        .replace("$free", "$put");
    each(&wat, &["heap"], |way, run| {
        // `calloc`, `realloc` and `posix_memalign` are known.
        let names = ["allocations", "frees", "failed", "invalid_frees"];
        assert_eq!(facts(run, names), [3, 0, 1, 1], "{way}");
    });
    each(&wat, &["heap:malloc=get,free=p?t"], |way, run| {
        let names = ["allocations", "frees", "failed", "invalid_frees"];
        assert_eq!(facts(run, names), [5, 2, 1, 1], "{way}");
    });
    let none = r#"(module (func $malloc (param i32) (result i32) (local.get 0))
        (func $free) (func (export "main") (drop (call $malloc (i32.const 3))) (call $free)))"#;
    each(none, &["heap"], |way, run| {
        assert_eq!(facts(run, ["allocations", "frees"]), [0, 0], "{way}");
        assert_eq!(run.of("heap")["allocators"], Json::Null, "{way}");
    });
}

/// An allocator that throws or traps has given nothing, and the calls before and behind it are as ever. The sixth call of `malloc`
/// throws, the eighth traps; a tail call to what is no allocator is not followed.
#[test]
fn ends_within() {
    let wat = r#"(module (memory 1) (tag $e) (global $n (mut i32) (i32.const 0))
        (func $malloc (param i32) (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (if (i32.eq (global.get $n) (i32.const 6)) (then (throw $e)))
            (if (i32.eq (global.get $n) (i32.const 8)) (then unreachable))
            (i32.mul (global.get $n) (i32.const 100)))
        (func $calloc (param i32 i32) (result i32) (return_call $own (i32.const 4000)))
        (func $own (param i32) (result i32) (local.get 0))
        (func $free (param i32) (return_call $drop (local.get 0)))
        (func $drop (param i32))
        (func (export "main") (local $p i32)
            (drop (call $calloc (i32.const 1) (i32.const 1)))
            (loop $l
                (block $c (try_table (catch $e $c)
                    (local.set $p (call $malloc (i32.const 10)))
                    (call $free (local.get $p))))
                (br $l))))"#;
    each(wat, &["heap:check=on"], |way, run| {
        assert!(run.error.is_some(), "{way}");
        let names = ["allocations", "frees", "live_bytes", "unfollowed"];
        assert_eq!(facts(run, names), [6, 6, 0, 1], "{way}");
        assert_eq!(
            facts(run, ["double_frees", "invalid_frees"]),
            [0, 0],
            "{way}"
        );
    });
}

/// Memories of 64 bits, addresses at the end of what there can be, and sizes that overflow.
#[test]
fn extremes() {
    let wat = r#"(module (memory i64 1)
        (func $malloc (param i64) (result i64) (i64.const -16))
        (func $calloc (param i64 i64) (result i64) (i64.const 64))
        (func $posix_memalign (param i64 i64 i64) (result i32) (i32.const 0))
        (func $free (param i64))
        (func (export "main")
            (drop (call $malloc (i64.const -1)))
            (drop (call $calloc (i64.const -1) (i64.const -1)))
            (drop (i32.load (i64.const 80)))
            (drop (call $posix_memalign (i64.const -3) (i64.const 8) (i64.const 8)))
            (call $free (i64.const -16))
            (call $free (i64.const 64))))"#;
    each(wat, &["heap:check=on"], |way, run| {
        assert!(run.error.is_none(), "{way}: {:?}", run.error);
        // The second block lies over the first one, whose address is then that of no block's beginning.
        let names = ["allocations", "frees", "failed", "lost_blocks"];
        assert_eq!(facts(run, names), [2, 1, 1, 1], "{way}");
        assert_eq!(
            facts(run, ["invalid_frees", "out_of_bounds"]),
            [1, 0],
            "{way}"
        );
    });
}

/// What a byte is to the oracle.
#[derive(Clone, Copy, PartialEq)]
enum Byte {
    No,
    Live(usize),
    Freed,
}

/// A heap that is kept byte by byte, with the allocator's own state.
struct Naive {
    bytes: Vec<Byte>,
    /// Address and size of each block, and whether it is live.
    blocks: Vec<(usize, usize, bool)>,
    next: usize,
    last: Option<(usize, usize)>,
    sizes: std::collections::BTreeMap<usize, usize>,
    region: (usize, usize),
    /// Allocations, frees, bytes, live bytes, the most, lost, uses after free, out of bounds, double frees.
    counts: [u64; 9],
}

impl Naive {
    fn malloc(&mut self, size: usize) -> usize {
        let start = match self.last.take_if(|(_, known)| *known == size) {
            Some((start, _)) => start,
            None => {
                self.next += 8;
                let start = self.next;
                self.next += (size + 7) & !7;
                self.sizes.insert(start, size);
                start
            }
        };
        let id = self.blocks.len();
        for other in 0..id {
            let (at, len, is_live) = self.blocks[other];
            let shares = at < start + size.max(1) && start < at + len.max(1);
            if is_live && shares && (at == start || len > 0) {
                self.blocks[other].2 = false;
                self.counts[5] += 1;
                self.counts[3] -= len as u64;
                self.bytes[at..at + len].fill(Byte::No);
            }
        }
        self.blocks.push((start, size, true));
        self.bytes[start..start + size].fill(Byte::Live(id));
        self.region = (self.region.0.min(start), self.region.1.max(start + size));
        self.counts[0] += 1;
        self.counts[2] += size as u64;
        self.counts[3] += size as u64;
        self.counts[4] = self.counts[4].max(self.counts[3]);
        start
    }

    fn free(&mut self, address: usize) {
        self.last = Some((address, self.sizes[&address]));
        let found = self.blocks.iter_mut().rev().find(|b| b.0 == address && b.2);
        match found {
            Some(block) => {
                block.2 = false;
                let (at, len, _) = *block;
                self.bytes[at..at + len].fill(Byte::Freed);
                self.counts[1] += 1;
                self.counts[3] -= len as u64;
            }
            None => self.counts[8] += 1,
        }
    }

    fn access(&mut self, address: usize, bytes: usize) {
        let ends = (address..address + bytes).all(|at| self.bytes[at] == self.bytes[address]);
        match self.bytes[address] {
            Byte::Freed => self.counts[6] += 1,
            Byte::Live(_) if ends || address.is_multiple_of(bytes) => {}
            Byte::No if !(self.region.0..self.region.1).contains(&address) => {}
            Byte::Live(_) | Byte::No => self.counts[7] += 1,
        }
    }
}

/// A program of `steps` steps on four blocks, and what it does. Blocks have bytes, so that each free of one that is not live is double.
fn program(seed: u64, steps: u32) -> (String, [u64; 9]) {
    let mut random = Random(seed);
    let mut naive = Naive {
        bytes: vec![Byte::No; 1 << 16],
        blocks: Vec::new(),
        next: 1024,
        last: None,
        sizes: Default::default(),
        region: (usize::MAX, 0),
        counts: [0; 9],
    };
    let mut pointers = [0; 4];
    let mut text = String::from(
        "(func (export \"main\") (local $0 i32) (local $1 i32) (local $2 i32) (local $3 i32)\n",
    );
    for _ in 0..steps {
        let at = random.below(4) as usize;
        let pointer = pointers[at];
        match random.below(6) {
            0 | 1 => {
                let size = [1, 8, 12, 16, 40][random.below(5) as usize];
                writeln!(text, "(local.set ${at} (call $malloc (i32.const {size})))")
                    .expect("memory");
                pointers[at] = naive.malloc(size);
            }
            2 if pointer != 0 => {
                writeln!(text, "(call $free (local.get ${at}))").expect("memory");
                naive.free(pointer);
            }
            3 if pointer != 0 => {
                let size = [8, 16, 24][random.below(3) as usize];
                writeln!(
                    text,
                    "(local.set ${at} (call $realloc (local.get ${at}) (i32.const {size})))"
                )
                .expect("memory");
                // The inner calls of the allocator change its state in another order than the books.
                let before = naive.last;
                let reused = before.filter(|(_, known)| *known == size);
                let given = reused.map_or(naive.next + 8, |(start, _)| start);
                naive.free(pointer);
                naive.last = before;
                pointers[at] = naive.malloc(size);
                assert_eq!(pointers[at], given);
                naive.last = Some((pointer, naive.sizes[&pointer]));
            }
            _ if pointer != 0 => {
                let (offset, bytes) = (random.below(24) as usize, 1usize << random.below(4));
                let load = ["i32.load8_u", "i32.load16_u", "i32.load", "i64.load"];
                let load = load[bytes.trailing_zeros() as usize];
                writeln!(text, "(drop ({load} offset={offset} (local.get ${at})))")
                    .expect("memory");
                naive.access(pointer + offset, bytes);
            }
            _ => {}
        }
    }
    text.push(')');
    (module(&text), naive.counts)
}

#[test]
fn random_programs() {
    let mut sums = [0; 9];
    for seed in 0..80 {
        let (wat, expected) = program(seed * 7919 + 5, 40 + seed as u32);
        for (way, tier, zeal) in WAYS {
            let run = run_rules(config(tier, zeal), &wat, &["heap:check=on"], &[], |_| {});
            assert!(run.error.is_none(), "{way}, seed {seed}: {:?}", run.error);
            let names = [
                "allocations",
                "frees",
                "allocated_bytes",
                "live_bytes",
                "peak_bytes",
                "lost_blocks",
                "use_after_free",
                "out_of_bounds",
                "double_frees",
            ];
            assert_eq!(facts(&run, names), expected, "{way}, seed {seed}: {wat}");
        }
        for (sum, count) in sums.iter_mut().zip(expected) {
            *sum += count;
        }
    }
    assert!(sums.iter().all(|&sum| sum > 0), "{sums:?}");
}

/// Limits of fuel everywhere: what was there until then.
#[test]
fn every_end() {
    let wat = module(TEXT);
    let whole = run_rules(config(Tier::Interp, TierZeal::Off), &wat, &[], &[], |_| {}).fuel;
    for limit in 1..=whole {
        let mut found: Option<Json> = None;
        for (way, tier, zeal) in WAYS {
            let run = run_rules(config(tier, zeal), &wat, &["heap:check=on"], &[], |store| {
                store.set_fuel_limit(Some(limit));
            });
            let heap = run.of("heap").clone();
            let number = |name: &str| heap[name].as_u64().expect("a number");
            let live = number("allocations") - number("frees");
            assert_eq!(number("live_blocks"), live, "{way}, fuel {limit}");
            assert_eq!(
                *found.get_or_insert(heap.clone()),
                heap,
                "{way}, fuel {limit}"
            );
        }
    }
}

/// Reads DHAT's JSON as its viewer does, with what that asserts.
fn read_dhat(text: &str) -> (Json, [u64; 12]) {
    let file: Json = serde_json::from_str(text).expect("JSON");
    assert_eq!(file["dhatFileVersion"], 2);
    assert_eq!(
        (&file["mode"], &file["verb"]),
        (&json!("heap"), &json!("Allocated"))
    );
    assert_eq!(file["bklt"], true);
    for text in ["tu", "Mtu", "cmd"] {
        assert!(file[text].is_string(), "{text}");
    }
    for number in ["tuth", "pid", "te", "tg"] {
        assert!(file[number].is_u64(), "{number}");
    }
    assert!(file["tg"].as_u64() <= file["te"].as_u64());
    let frames = file["ftbl"].as_array().expect("frames");
    assert_eq!(frames[0], "[root]");
    let has_accesses = file["bkacc"].as_bool().expect("a boolean");
    let mut sums = [0; 12];
    for point in file["pps"].as_array().expect("points") {
        let names = ["tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"];
        let numbers = names.map(|name| point[name].as_u64().expect("a number"));
        let [tb, tbk, _, mb, mbk, gb, gbk, eb, ebk] = numbers;
        assert!(tb >= mb && mb >= gb && mb >= eb && tbk >= mbk && tbk >= gbk && tbk >= ebk);
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number;
        }
        for (at, name) in [(9, "rb"), (10, "wb")] {
            assert_eq!(point[name].is_u64(), has_accesses);
            sums[at] += point[name].as_u64().unwrap_or(0);
        }
        for frame in point["fs"].as_array().expect("a stack") {
            let at = frame.as_u64().expect("an index") as usize;
            let frame = frames[at].as_str().expect("a frame");
            let (pc, _) = frame.split_once(": ").expect("a pc");
            let pc = pc.strip_prefix("0x").expect("hexadecimal");
            assert!(at > 0 && u32::from_str_radix(pc, 16).is_ok(), "{frame}");
        }
        sums[11] += 1;
    }
    (file, sums)
}

fn dhat(wat: &str, check: &str) -> String {
    let engine = Engine::default();
    let module = Module::new(&engine, wat).expect("loads");
    let mut store = Store::new(&engine, ());
    let mut session = Session::new();
    let options = [("check".to_owned(), check.to_owned())];
    session.add("heap", &options).expect("analysis");
    session.collect(DataKind::Heap).expect("heap has it");
    session.attach(&mut store, &module).expect("attaches");
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .expect("instantiates");
    let main = instance
        .get_typed_func::<(), ()>(&store, "main")
        .expect("main");
    main.call(&mut store, ()).expect("runs");
    let reports = session.finish(&mut store);
    let mut text = Vec::new();
    let format = ExportInfo::find("dhat").expect("a format");
    format.write_report(&reports, &mut text).expect("memory");
    String::from_utf8(text).expect("UTF-8")
}

/// The sums are the report's: see [`by_hand`].
#[test]
fn dhat_files() {
    let wat = module(TEXT);
    let (file, sums) = read_dhat(&dhat(&wat, "on"));
    let [tb, tbk, tl, _, _, gb, gbk, eb, ebk, rb, wb, points] = sums;
    assert_eq!((tb, tbk, tl), (136, 5, 2 + 3 + 3 + 1));
    assert_eq!((gb, gbk, eb, ebk), (96, 3, 96, 3));
    assert_eq!((rb, wb, points), (32, 40, 5));
    assert_eq!((&file["te"], &file["tg"]), (&json!(7), &json!(7)));
    let frames = file["ftbl"].as_array().expect("frames");
    let innermost = &file["pps"][0]["fs"];
    let names = innermost.as_array().expect("a stack").iter();
    let names = names.map(|at| frames[at.as_u64().expect("an index") as usize].as_str());
    let names: Vec<&str> = names
        .map(|name| name.expect("text").split_once(": ").expect("a name").1)
        .collect();
    assert_eq!(names, ["make", "main"]);
    let (file, sums) = read_dhat(&dhat(&wat, "off"));
    assert_eq!((&file["bkacc"], sums[0]), (&json!(false), 136));
    // Nothing at all is a file, too.
    let empty = r#"(module (func (export "main")))"#;
    let (file, sums) = read_dhat(&dhat(empty, "on"));
    assert_eq!((sums, &file["ftbl"]), ([0; 12], &json!(["[root]"])));
}

#[test]
fn wrong_options_name_what_is_right() {
    let error = Session::new().add("heap", &[("free".to_owned(), "a||b".to_owned())]);
    let message = error.expect_err("wrong").to_string();
    assert_eq!(
        message,
        "unknown value of heap's option free: `a||b`; known: auto, <functions: name with * and ?, index, range 3..10; several with |>"
    );
}
