//! The trace event format of Chrome, which Perfetto reads too: each node of the call tree is one event, inside that of its caller, as long as
//! its weight. A profile does not tell when something was called, so the callees of a node stand one behind another, in the order in
//! which they were first called, and what the node did itself comes last. A unit of weight is a microsecond,
//! which is the format's own unit; times are rounded to it. Readers add starts and lengths up as floating-point
//! numbers, and with fractions an event would end behind the next one's start.

use std::io;

use serde_json::json;

use super::stacks::Stacks;
use super::title;
use crate::profile::data::{Profile, Weight};

pub(in crate::export) fn write(profile: &Profile, out: &mut dyn io::Write) -> io::Result<()> {
    let stacks = Stacks::new(profile);
    let (totals, children) = (stacks.totals(), stacks.children());
    let process = json!({"ph": "M", "name": "process_name", "pid": 1, "tid": 1,
        "args": {"name": title(profile)}});
    let thread = json!({"ph": "M", "name": "thread_name", "pid": 1, "tid": 1,
        "args": {"name": profile.weight.name()}});
    write!(
        out,
        "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{process},\n{thread}"
    )?;
    let micros = |at: u64| match profile.weight {
        Weight::Time => (at + 500) / 1000,
        _ => at,
    };
    let mut stack = vec![(0u32, 0u64)];
    while let Some((at, start)) = stack.pop() {
        if at != 0 {
            let node = &stacks.nodes[at as usize];
            let frame = &stacks.frames[node.frame as usize];
            let mut args = json!({"self": node.weight, "total": totals[at as usize]});
            if profile.is_exact {
                args["calls"] = node.calls.into();
            }
            if let Some(file) = &frame.file {
                args["file"] = (&**file).into();
            }
            let mut event = json!({
                "name": &*frame.name,
                "cat": if frame.is_host { "host" } else { "wasm" },
                "ts": micros(start),
                "pid": 1,
                "tid": 1,
                "args": args,
            });
            match micros(start + totals[at as usize]) - micros(start) {
                // What has no length is in nothing, or in everything around: it is an instant of its thread.
                0 => {
                    event["ph"] = "i".into();
                    event["s"] = "t".into();
                }
                length => {
                    event["ph"] = "X".into();
                    event["dur"] = length.into();
                }
            }
            write!(out, ",\n{event}")?;
        }
        let mut next = start;
        let below = stack.len();
        for &child in &children[at as usize] {
            stack.push((child, next));
            next += totals[child as usize];
        }
        stack[below..].reverse();
    }
    writeln!(out, "\n]}}")
}
