//! Folded stacks, one a line: frames between `;`, outermost first, a blank, the weight. It is what Brendan Gregg's
//! `flamegraph.pl`, inferno, speedscope and others read.

use std::collections::BTreeMap;
use std::io;

use super::stacks::Stacks;
use crate::export::one_line;
use crate::profile::data::Profile;

pub(in crate::export) fn write(profile: &Profile, out: &mut dyn io::Write) -> io::Result<()> {
    for (stack, weight) in lines(profile) {
        writeln!(out, "{stack} {weight}")?;
    }
    Ok(())
}

/// Each stack that has weight of its own, in alphabetical order.
pub(super) fn lines(profile: &Profile) -> BTreeMap<String, u64> {
    let stacks = Stacks::new(profile);
    let names = stacks.frames.iter();
    // What is between frames cannot be in their names.
    let names: Vec<String> = names
        .map(|frame| one_line(&frame.name).replace(';', ","))
        .collect();
    let mut lines = BTreeMap::new();
    for (at, node) in (0..).zip(&stacks.nodes) {
        if node.weight > 0 {
            let stack = stacks.stack(at);
            let stack: Vec<&str> = stack.iter().map(|&f| names[f as usize].as_str()).collect();
            *lines.entry(stack.join(";")).or_default() += node.weight;
        }
    }
    lines
}
