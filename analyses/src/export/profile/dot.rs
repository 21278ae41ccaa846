//! The call tree for Graphviz. Nodes below a thousandth of the whole are left out, with what they call: nobody would find
//! anything among them.

use std::io;

use super::stacks::Stacks;
use super::title;
use crate::export::flow::escaped;
use crate::profile::data::Profile;

/// Nodes with less than the whole divided by this are left out.
const SHOWN_MIN: u64 = 1000;

pub(in crate::export) fn write(profile: &Profile, out: &mut dyn io::Write) -> io::Result<()> {
    let stacks = Stacks::new(profile);
    let totals = stacks.totals();
    let all = totals[0];
    let unit = profile.weight.name();
    writeln!(out, "digraph \"{}\" {{", escaped(&title(profile)))?;
    writeln!(out, "  label=\"{all} {unit}\"")?;
    writeln!(
        out,
        "  node [shape=box, style=filled, fontname=\"sans-serif\"]"
    )?;
    let mut left_out = 0;
    for (at, node) in stacks.nodes.iter().enumerate().skip(1) {
        if totals[at] < all / SHOWN_MIN {
            left_out += 1;
            continue;
        }
        let frame = &stacks.frames[node.frame as usize];
        let share = |n: u64| n as f64 * 100.0 / all.max(1) as f64;
        let (own, total) = (node.weight, totals[at]);
        writeln!(
            out,
            "  n{at} [label=\"{}\\nself {own} ({:.1}%)\\ntotal {total} ({:.1}%)\", fillcolor=\"0.05 {:.3} 1\"]",
            escaped(&frame.name),
            share(own),
            share(total),
            share(own) / 100.0,
        )?;
        if node.parent != 0 {
            let calls = match node.calls {
                0 => String::new(),
                calls => format!(" [label=\"{calls}\"]"),
            };
            writeln!(out, "  n{} -> n{at}{calls}", node.parent)?;
        }
    }
    if left_out > 0 {
        writeln!(out, "  // {left_out} nodes of less than 0.1% are left out")?;
    }
    writeln!(out, "}}")
}
