//! Control-flow graphs for Graphviz: a box for each block with its operators and count, an edge for each way with its count.

use std::io;

use probity_probes::demangle::demangle;

use super::one_line;
use crate::control::{EdgeKind, FlowBlock, FlowData};

/// Operators of a block that are shown.
const OPERATORS_MAX: usize = 24;

pub(super) fn write(flow: &FlowData, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "digraph \"control flow\" {{")?;
    writeln!(
        out,
        "  node [shape=box, style=filled, fillcolor=white, fontname=\"monospace\", fontsize=10]"
    )?;
    writeln!(out, "  edge [fontname=\"sans-serif\", fontsize=9]")?;
    for (nth, function) in flow.functions.iter().enumerate() {
        let hottest = function
            .blocks
            .iter()
            .map(|block| block.count)
            .max()
            .unwrap_or(0);
        let name = demangle(&function.name).unwrap_or_else(|| function.name.clone());
        let title = format!(
            "{name} (func[{}], entered {} times)",
            function.index, function.entries
        );
        writeln!(out, "  subgraph cluster_{nth} {{")?;
        writeln!(out, "    label=\"{}\"", escaped(&title))?;
        for (at, block) in function.blocks.iter().enumerate() {
            let heat = block.count as f64 / hottest.max(1) as f64;
            let dashed = if block.count == 0 {
                ", style=\"filled,dashed\""
            } else {
                ""
            };
            writeln!(
                out,
                "    b{nth}_{at} [label=\"{}\", fillcolor=\"0.05 {heat:.3} 1\"{dashed}]",
                label(block)
            )?;
        }
        for edge in &function.edges {
            let style = match edge.kind {
                _ if edge.count == 0 => ", style=dotted",
                EdgeKind::Falls | EdgeKind::Branch => "",
                EdgeKind::Back => ", penwidth=2",
                EdgeKind::Catch => ", style=dashed, color=red",
            };
            let (from, to, count) = (edge.from, edge.to, edge.count);
            writeln!(
                out,
                "    b{nth}_{from} -> b{nth}_{to} [label=\"{count}\"{style}]"
            )?;
        }
        writeln!(out, "  }}")?;
    }
    writeln!(out, "}}")
}

/// Lines end in `\l`, which sets them to the left.
fn label(block: &FlowBlock) -> String {
    let mut text = format!("{:#x}: {} times\\l", block.pc, block.count);
    for operator in block.operators.iter().take(OPERATORS_MAX) {
        text += &format!("  {}\\l", escaped(operator));
    }
    if block.operators.len() > OPERATORS_MAX {
        text += &format!("  ... {} more\\l", block.operators.len() - OPERATORS_MAX);
    }
    text
}

/// As a string in quotes has it.
pub(super) fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('"', "\\\"")
}
