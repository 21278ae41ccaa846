//! `shrink`: reduces the module of a seed that differs.

use std::process::ExitCode;

use probity_differential::fuzz::{Verdict, check};
use probity_differential::probity::Engines;
use wasm_shrink::WasmShrink;

use crate::One;
use crate::show::text_of;

/// Attempts without success after which a module counts as small.
const ATTEMPTS: u32 = 3000;

/// Prints the smallest module that still differs, and how.
pub fn shrink(one: &One) -> Result<ExitCode, String> {
    let case = one.case()?;
    let engines = Engines::new(one.cases.tier);
    let peer = one.cases.peer.peer();
    let verdict = |wasm: &[u8]| {
        let reduced = case.reduced(wasm).ok()?;
        match check(&engines, &*peer, &reduced, true).verdict {
            Verdict::Mismatch(what) => Some(what),
            _ => None,
        }
    };
    let what = verdict(&case.wasm).ok_or("nothing differs")?;
    eprintln!("{} bytes: {what}", case.wasm.len());
    // What differs must stay of the same kind, or a reduction wanders off to another.
    let kind = |what: &str| what.split(':').next().map(str::to_owned);
    let shrink = WasmShrink::default()
        .attempts(ATTEMPTS)
        .seed(one.seed)
        .on_new_smallest(Some(Box::new(|wasm| {
            eprintln!("{} bytes", wasm.len());
            Ok(())
        })));
    let mut interesting =
        |wasm: &[u8]| Ok(verdict(wasm).is_some_and(|now| kind(&now) == kind(&what)));
    let info = shrink
        .run(case.wasm.clone(), &mut interesting)
        .map_err(|error| format!("failed to shrink: {error:#}"))?;
    println!("{}", text_of(&info.output)?);
    println!(";; {}", verdict(&info.output).unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}
