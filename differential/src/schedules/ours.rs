//! Programs of our own, each for something that probes and tiers have to agree on.

use crate::case::{Call, Case};
use crate::shape::Shape;
use crate::watch::Watch;

/// Programs as text, by name. The line `;;!` has the calls.
pub const PROGRAMS: [(&str, &str); 16] = [
    ("loops", include_str!("programs/loops.wat")),
    ("recursion", include_str!("programs/recursion.wat")),
    ("exceptions", include_str!("programs/exceptions.wat")),
    ("tails", include_str!("programs/tails.wat")),
    ("growth", include_str!("programs/growth.wat")),
    ("traps", include_str!("programs/traps.wat")),
    ("objects", include_str!("programs/objects.wat")),
    ("casts", include_str!("programs/casts.wat")),
    ("values", include_str!("programs/values.wat")),
    ("host", include_str!("programs/host.wat")),
    ("vectors", include_str!("programs/vectors.wat")),
    ("atomics", include_str!("programs/atomics.wat")),
    ("floats", include_str!("programs/floats.wat")),
    ("stack", include_str!("programs/stack.wat")),
    ("start", include_str!("programs/start.wat")),
    ("sieve", include_str!("programs/sieve.wat")),
];

/// A program as a case; the host's answers follow from the seed.
///
/// # Errors
/// What is wrong with the text.
pub fn case(text: &str, seed: u64) -> Result<Case, String> {
    let wasm = wat::parse_str(text).map_err(|error| error.to_string())?;
    let shape = Shape::of(&wasm).map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix(";;!"));
    let calls = line.ok_or("no calls")?.split(';').map(call);
    Ok(Case {
        seed,
        wasm,
        shape,
        calls: calls.collect::<Result<_, String>>()?,
        watch: Watch::PLAIN,
    })
}

fn call(text: &str) -> Result<Call, String> {
    let mut words = text.split_whitespace();
    let export = words.next().ok_or("no name")?.to_owned();
    let arguments = words.map(str::parse).collect::<Result<_, String>>()?;
    Ok(Call { export, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_valid_and_listed() {
        for (name, text) in PROGRAMS {
            let case = case(text, 0).unwrap_or_else(|error| panic!("{name}: {error}"));
            for call in &case.calls {
                let export = case.shape.exports.iter().find(|e| e.name == call.export);
                let parameters = export.and_then(|export| export.parameters.as_ref());
                let expected = parameters.map(Vec::len);
                assert_eq!(expected, Some(call.arguments.len()), "{name}: {call:?}");
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/schedules/programs");
        let files = std::fs::read_dir(folder).expect("a folder").count();
        assert_eq!(files, PROGRAMS.len());
    }
}
