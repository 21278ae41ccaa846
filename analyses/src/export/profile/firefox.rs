//! The processed format of the Firefox Profiler. Time goes on by one microsecond, which is the unit of its activity graph, with
//! each unit of weight that is no time, and the thread is busy all the time.

use std::io;
use std::time::SystemTime;

use fxprof_processed_profile::{
    CategoryColor, CpuDelta, Frame, FrameFlags, FrameInfo, Profile as Firefox, SamplingInterval,
    Timestamp, WeightType,
};

use super::stacks::Stacks;
use super::title;
use crate::profile::data::{Profile, Weight};

/// The profiler's name for where the process runs; there is one process.
const PID: u32 = 1;

pub(in crate::export) fn write(profile: &Profile, out: &mut dyn io::Write) -> io::Result<()> {
    let stacks = Stacks::new(profile);
    let name = title(profile);
    let interval = SamplingInterval::from_nanos(1000);
    // Equal profiles are equal files: when the run was is not told.
    let mut firefox = Firefox::new(&name, SystemTime::UNIX_EPOCH.into(), interval);
    firefox.set_product("probity");
    firefox.set_symbolicated(true);
    let start = Timestamp::from_nanos_since_reference(0);
    let process = firefox.add_process(&name, PID, start);
    let thread = firefox.add_thread(process, PID, start, true);
    firefox.set_thread_name(thread, profile.weight.name());
    firefox.set_thread_samples_weight_type(thread, WeightType::Samples);
    let wasm = firefox.add_category("WebAssembly", CategoryColor::Purple);
    let host = firefox.add_category("Host", CategoryColor::Orange);
    let frames = stacks.frames.iter().map(|frame| FrameInfo {
        frame: Frame::Label(firefox.intern_string(&frame.name)),
        category_pair: if frame.is_host { host } else { wasm }.into(),
        flags: FrameFlags::empty(),
    });
    let frames: Vec<FrameInfo> = frames.collect();
    let nanos = |weight: u64| match profile.weight {
        Weight::Time => weight,
        _ => weight.saturating_mul(1000),
    };
    let (mut now, mut before) = (0u64, 0);
    for (at, node) in (0..).zip(&stacks.nodes) {
        if node.weight == 0 {
            continue;
        }
        let stack = stacks.stack(at);
        let stack = stack
            .into_iter()
            .map(|frame| frames[frame as usize].clone());
        let stack = firefox.intern_stack_frames(thread, stack);
        let mut rest = node.weight;
        while rest > 0 {
            // A sample's weight has 31 bits.
            let weight = i32::try_from(rest).unwrap_or(i32::MAX);
            let time = Timestamp::from_nanos_since_reference(now);
            let busy = CpuDelta::from_nanos(now - before);
            firefox.add_sample(thread, time, stack, busy, weight);
            before = now;
            rest -= weight as u64;
            now = now.saturating_add(nanos(weight as u64));
        }
    }
    let end = Timestamp::from_nanos_since_reference(now);
    if now > 0 {
        // A sample lasts until the next one.
        let busy = CpuDelta::from_nanos(now - before);
        firefox.add_sample(thread, end, None, busy, 0);
    }
    firefox.set_thread_end_time(thread, end);
    firefox.set_process_end_time(process, end);
    serde_json::to_writer(&mut *out, &firefox)?;
    writeln!(out)
}
