//! What copies of a snapshot take: the time of making one, and the memory that each has of its own beside the pages that it touches,
//! by the size of the memory.

use std::fs;

use clap::Args;
use probity_engine::{Engine, Instance, Module, Snapshot, Store, TypedFunc};

use crate::clock::wall_ns;
use crate::report::median;

/// Sizes of memories, all of whose pages were written before the snapshot. MiB.
const SIZES: [u64; 4] = [1, 16, 128, 1024];
/// Pages of 4 KiB that a copy writes to.
const TOUCHED: [u32; 3] = [0, 16, 256];

/// How often.
#[derive(Args)]
pub struct Copies {
    /// Copies of each kind; the median counts
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    copies: u32,
}

pub fn command(args: &Copies) -> Result<(), String> {
    println!(
        "copies of a snapshot ({} of each kind): median time to make one in a new store; memory of its own, KiB, by written pages of 4 KiB",
        args.copies
    );
    print!("  {:>8} {:>12} {:>12}", "MiB", "new, ms", "again, ms");
    TOUCHED.iter().for_each(|pages| print!(" {pages:>8}"));
    println!();
    for mib in SIZES {
        let snapshot = frozen(mib).map_err(|e| e.to_string())?;
        let row = measure(&snapshot, args.copies).map_err(|e| e.to_string())?;
        print!("  {mib:>8} {:>12.3} {:>12.3}", row.new_ms, row.again_ms);
        row.own_kib.iter().for_each(|kib| print!(" {kib:>8.1}"));
        println!();
    }
    Ok(())
}

/// A memory of this size, each page of which holds its number.
fn frozen(mib: u64) -> Result<Snapshot, probity_engine::Error> {
    let text = format!(
        r#"(module (memory {pages})
            (func (export "fill") (local $i i32)
                (loop $next
                    (i32.store (i32.shl (local.get $i) (i32.const 12)) (i32.add (local.get $i) (i32.const 1)))
                    (br_if $next (i32.lt_u
                        (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                        (i32.const {small})))))
            (func (export "touch") (param $n i32) (result i32) (local $i i32) (local $sum i32)
                (block $end (loop $next
                    (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
                    (local.set $sum (i32.add (local.get $sum)
                        (i32.load (i32.shl (local.get $i) (i32.const 12)))))
                    (i32.store (i32.shl (local.get $i) (i32.const 12)) (i32.const 0))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br $next)))
                (local.get $sum)))"#,
        pages = mib * 16,
        small = mib * 256,
    );
    let engine = Engine::default();
    let module = Module::new(&engine, &text)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    instance
        .get_typed_func::<(), ()>(&store, "fill")?
        .call(&mut store, ())?;
    instance.snapshot(&store)
}

struct Row {
    new_ms: f64,
    again_ms: f64,
    /// For each number of pages.
    own_kib: Vec<f64>,
}

/// A copy in a store of its own, what it writes to, and what it is.
type Copied = (Store<()>, Instance, TypedFunc<u32, u32>);

fn copy(snapshot: &Snapshot) -> Result<Copied, probity_engine::Error> {
    let mut store = Store::new(snapshot.module().engine(), ());
    let instance = Instance::from_snapshot(&mut store, snapshot, &[])?;
    let touch = instance.get_typed_func::<u32, u32>(&store, "touch")?;
    Ok((store, instance, touch))
}

fn measure(snapshot: &Snapshot, copies: u32) -> Result<Row, probity_engine::Error> {
    let (mut new, mut again) = (Vec::new(), Vec::new());
    let mut own_kib = Vec::new();
    for pages in TOUCHED {
        let mut held = Vec::new();
        let before = own_bytes()?;
        for _ in 0..copies {
            let started = wall_ns();
            let (mut store, instance, touch) = copy(snapshot)?;
            new.push(wall_ns() - started);
            // The numbers that were there, of the copy's own.
            let found = touch.call(&mut store, pages)?;
            if found != pages * (pages + 1) / 2 {
                let what = format!("a copy found {found} in {pages} pages");
                return Err(probity_engine::Error::usage(what));
            }
            held.push((store, instance, touch));
        }
        let grown = own_bytes()?.saturating_sub(before);
        own_kib.push(grown as f64 / 1024.0 / f64::from(copies));
        for (store, instance, _) in &mut held {
            let started = wall_ns();
            instance.restore(store, snapshot)?;
            again.push(wall_ns() - started);
        }
    }
    Ok(Row {
        new_ms: median_ms(&mut new),
        again_ms: median_ms(&mut again),
        own_kib,
    })
}

fn median_ms(nanos: &mut [u64]) -> f64 {
    median(nanos).map_or(0.0, |ns| ns as f64 / 1e6)
}

/// Memory that is this process's alone, with its tables of pages.
fn own_bytes() -> Result<u64, probity_engine::Error> {
    let of = |path: &str, name: &str| -> Option<u64> {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    };
    let private = of("/proc/self/smaps_rollup", "Private_Dirty:");
    let tables = of("/proc/self/status", "VmPTE:");
    let both = private.zip(tables);
    let (private, tables) =
        both.ok_or_else(|| probity_engine::Error::usage("this system does not tell memory"))?;
    Ok((private + tables) << 10)
}
