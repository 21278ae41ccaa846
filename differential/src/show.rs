//! `case`: one seed in full.

use std::process::ExitCode;

use probity_differential::fuzz::{Verdict, check, peer_trace, run};
use probity_differential::probity::Engines;
use probity_differential::trace::{Seen, Step};
use probity_differential::watch::Watch;

use crate::One;

/// Prints the module, what both sides did, and the verdict.
pub fn case(one: &One) -> Result<ExitCode, String> {
    let case = one.case()?;
    if !one.brief {
        println!("{}", text_of(&case.wasm)?);
    }
    let engines = Engines::new(one.cases.tier);
    let peer = one.cases.peer.peer();
    let ours = run(&engines, &case, true, Watch::PLAIN, false);
    let ours = ours.map(|(_, trace)| trace).map_err(|e| e.to_string());
    let theirs = peer_trace(&*peer, &case, &case.calls, false);
    for (name, trace) in [("probity", ours), (peer.name(), theirs)] {
        println!(";; {name}");
        match trace {
            Err(why) => println!(";;   {why}"),
            Ok(trace) => {
                for (i, step) in trace.steps.iter().enumerate() {
                    let call = i.checked_sub(1).and_then(|i| case.calls.get(i));
                    let arguments = call.map_or(&[][..], |call| &call.arguments);
                    let arguments: String = arguments.iter().map(|v| format!(" {v}")).collect();
                    let name =
                        call.map_or("instantiation".to_owned(), |c| format!("{:?}", c.export));
                    println!(";;   {i}: {name}{arguments} => {}", described(step));
                }
            }
        }
    }
    let report = check(&engines, &*peer, &case, true);
    println!(";; watched: {}", case.watch);
    Ok(match report.verdict {
        Verdict::Agreed => {
            println!(";; agreed");
            ExitCode::SUCCESS
        }
        Verdict::Inconclusive(why) => {
            println!(";; inconclusive: {why:?}");
            ExitCode::SUCCESS
        }
        Verdict::Mismatch(what) => {
            println!(";; MISMATCH: {what}");
            ExitCode::FAILURE
        }
    })
}

/// A module as text.
pub fn text_of(wasm: &[u8]) -> Result<String, String> {
    wasmprinter::print_bytes(wasm).map_err(|error| format!("failed to print the module: {error}"))
}

fn described(step: &Step) -> String {
    let mut text = format!("{}; {} host calls", step.end, step.host.calls);
    if let Some(fuel) = step.fuel {
        text.push_str(&format!("; fuel {fuel}"));
    }
    for (i, item) in step.items.iter().enumerate() {
        match item {
            Seen::Nothing => {}
            Seen::Global(value) => text.push_str(&format!("; {i} {value}")),
            Seen::Table(elements) => text.push_str(&format!("; {i} table of {}", elements.len())),
            Seen::Memory { bytes, hash, .. } => {
                text.push_str(&format!("; {i} memory of {bytes}: {hash:016x}"));
            }
        }
    }
    text
}
