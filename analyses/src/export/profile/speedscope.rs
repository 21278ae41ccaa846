//! Speedscope's own format (<https://www.speedscope.app/file-format-schema.json>): a table of frames, and samples with
//! weights.

use std::io;

use serde::Serialize;

use super::stacks::Stacks;
use super::title;
use crate::profile::data::{Profile, Weight};

const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'a str,
    shared: Shared<'a>,
    profiles: [Sampled<'a>; 1],
    name: &'a str,
    exporter: &'a str,
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<Frame<'a>>,
}

#[derive(Serialize)]
struct Frame<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sampled<'a> {
    r#type: &'a str,
    name: &'a str,
    unit: &'a str,
    start_value: u64,
    end_value: u64,
    samples: Vec<Vec<u32>>,
    weights: Vec<u64>,
}

pub(in crate::export) fn write(profile: &Profile, out: &mut dyn io::Write) -> io::Result<()> {
    let stacks = Stacks::new(profile);
    let frames = stacks.frames.iter().map(|frame| Frame {
        name: &frame.name,
        file: frame.file.as_deref(),
        line: (frame.line > 0).then_some(frame.line),
    });
    let nodes = (0..).zip(&stacks.nodes);
    let nodes = nodes.filter(|(_, node)| node.weight > 0);
    let (samples, weights): (Vec<_>, Vec<_>) = nodes
        .map(|(at, node)| (stacks.stack(at), node.weight))
        .unzip();
    let name = title(profile);
    let file = File {
        schema: SCHEMA,
        shared: Shared {
            frames: frames.collect(),
        },
        profiles: [Sampled {
            r#type: "sampled",
            name: profile.weight.name(),
            unit: match profile.weight {
                Weight::Time => "nanoseconds",
                Weight::Bytes => "bytes",
                _ => "none",
            },
            start_value: 0,
            end_value: weights.iter().sum(),
            samples,
            weights,
        }],
        name: &name,
        exporter: concat!("probity@", env!("CARGO_PKG_VERSION")),
    };
    serde_json::to_writer(&mut *out, &file)?;
    writeln!(out)
}
