//! When code is compiled, under [`Tier::Auto`].
//!
//! Interpreted code polls at the end of each slice of fuel, about every 0.1 ms, and what it is in
//! then is a sample: code that is sampled twice is hot. So nothing counts while code runs. A poll
//! at the header of a loop also is the place to enter code for the loop. A slice takes longer where
//! interpreted code calls compiled code, which pays for nothing; then a sample is as good as several.

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_interp::exit;
use probity_interp::layout::{Cell, Ctx};

use crate::code::FuncCode;
use crate::config::{Tier, TierZeal};
use crate::frame::code_map::CodeRange;
use crate::jit;
use crate::module::Module;
use crate::runtime::core::StoreCore;
use crate::tier::code::{NativeCode, Variant};

/// Samples after which a function or loop is compiled, however small it is.
const SAMPLES: u32 = 2;

/// Compiling so many bytes of a function costs about as much as half of the time between samples.
/// What has run for about as long as compiling takes is worth it: then at most twice the time is
/// spent that would have been best.
const BYTES_PER_SAMPLE: u32 = 64;

/// A sample of a function outside of its loops counts as many inside: a loop that goes on for long is
/// entered, and then its function need not be compiled as a whole.
const OUTSIDE: u32 = 3;

/// Calls from compiled code after which a function is compiled, too, however small it is; and how
/// many more each of its bytes costs.
const CALLS_OUT: u32 = 64;
const CALLS_PER_BYTE: u32 = 1;

/// Polls in which a frame that a request took from compiled code looks for the way back at every
/// chance: so many cost about as much as half of the time between samples. They are no samples.
const POLLS_BACK: u32 = 512;

/// What a slice takes of interpreted code alone.
const SLICE_TIME: Duration = Duration::from_micros(100);

/// So many samples is one worth at most: what took longer may have been something else, as a host function.
const WORTH_MAX: u32 = 16;

impl StoreCore {
    /// A request has taken the frame that goes on from compiled code, to which it is to get back.
    pub(crate) fn hurry_back(&mut self) {
        if self.engine().config().tier_zeal == TierZeal::Off {
            self.fuel.poll_often(POLLS_BACK);
        }
    }

    /// Interpreted code polls at a cell of a frame that is wholly in memory. `Some` with the status
    /// of compiled code that has run instead.
    pub(crate) fn sample(&mut self, pc: *const Cell, fp: *mut u64, ctx: *mut Ctx) -> Option<u64> {
        let config = self.engine().config();
        let zeal = config.tier_zeal;
        if config.tier == Tier::Interp || zeal == TierZeal::Deopt {
            return None;
        }
        let range = self.code_map.find(pc)?.clone();
        let data = self.instance_of(ctx)?;
        let (func, module) = (data.func_id(range.func_index), data.module.clone());
        let hurries = self.fuel.polls_often();
        let worth = if hurries { 0 } else { self.sample_worth() };
        if range.private.is_some()
            && !hurries
            && let Some(watched) = self.watched(func)
        {
            watched.samples += worth;
        }
        let header = range.code.loop_at(range.index_of(pc));
        if zeal != TierZeal::Osr && !hurries {
            let weight = worth * if header.is_some() { 1 } else { OUTSIDE };
            let needed = OUTSIDE * samples_needed(&range.code);
            self.sample_function(func, (weight, needed), zeal == TierZeal::Eager);
        }
        let header = header?;
        let code = self.code_for_loop(&module, &range, (func, header), worth)?;
        let stack = self.native_stack()?;
        let entry = code.entry(self.always_polls());
        self.keep_code(code);
        self.fuel.poll_as_ever();
        let header = fp.wrapping_add(range.code.header as usize);
        self.native.stats.osr_entries += 1;
        // SAFETY: code for this loop of the function, whose frame is wholly in memory.
        let status = unsafe { self.enter_native(entry, 0, ctx, fp, header, stack) };
        Some(match status {
            exit::DONE => {
                // SAFETY: the header is intact again.
                let (back, caller) = unsafe { (*header, *header.add(1)) };
                let moved = self.move_to(back as *const Cell, caller as *mut u64, ctx);
                self.allow_moved().err().unwrap_or(moved)
            }
            status => status,
        })
    }

    /// How many slices of interpreted code alone the last one took as long as.
    fn sample_worth(&mut self) -> u32 {
        let now = Instant::now();
        let last = self.native.sampled_at.replace(now);
        let time = last.map_or(SLICE_TIME, |last| now.saturating_duration_since(last));
        let worth = time.as_nanos() / SLICE_TIME.as_nanos();
        u32::try_from(worth)
            .unwrap_or(WORTH_MAX)
            .clamp(1, WORTH_MAX)
    }

    /// Machine code for a loop that was found running, once there is any.
    fn code_for_loop(
        &mut self,
        module: &Module,
        range: &CodeRange,
        (func, header): (u32, u32),
        worth: u32,
    ) -> Option<Arc<NativeCode>> {
        let zealous = self.engine().config().tier_zeal != TierZeal::Off;
        let index = range.func_index;
        let mut variant = Variant {
            osr: Some(header),
            counted: self.native.counted,
            watch: None,
        };
        let needed = samples_needed(&range.code);
        let (slot, hot) = match range.private {
            Some(_) => {
                let watched = self.watched(func)?;
                variant.watch = Some(watched.plan.clone());
                (watched.at_loop(header), watched.is_hot(needed, zealous))
            }
            None => {
                let samples = self.native.loops.entry((func, header)).or_default();
                *samples = samples.saturating_add(worth);
                let hot = zealous || *samples >= needed;
                if !hot && self.fuel.polls_often() {
                    return None;
                }
                (jit::slot(module, index, &variant), hot)
            }
        };
        if let Some(code) = slot.get() {
            return code;
        }
        if !hot || self.fuel.polls_often() {
            return None;
        }
        if zealous {
            return jit::make(module, index, variant, &slot);
        }
        jit::request(module, index, variant, slot);
        None
    }

    fn sample_function(&mut self, func: u32, (weight, needed): (u32, u32), at_once: bool) {
        // SAFETY: records live as long as the store.
        if !unsafe { (*self.funcs[func as usize].record).thunk.is_null() } {
            return;
        }
        let samples = self.native.samples.entry(func).or_default();
        *samples = samples.saturating_add(weight);
        let hot = at_once || *samples >= needed;
        if hot {
            self.compile_hot(func, at_once);
        }
    }

    /// Has a function compiled that runs often, and uses the code if it is there.
    fn compile_hot(&mut self, func: u32, at_once: bool) {
        let Ok((module, index)) = self.module_and_index(func) else {
            return;
        };
        let mut variant = Variant {
            counted: self.native.counted,
            ..Variant::default()
        };
        let slot = match self.probes.private.contains_key(&func) {
            false => jit::slot(&module, index, &variant),
            true => match self.watched(func) {
                Some(watched) if watched.is_hot(SAMPLES, at_once) => {
                    variant.watch = Some(watched.plan.clone());
                    watched.whole.clone()
                }
                _ => return,
            },
        };
        if at_once {
            jit::make(&module, index, variant, &slot);
        } else if slot.get().is_none() {
            return jit::request(&module, index, variant, slot);
        }
        if slot.ready().is_some() {
            self.use_compiled(func);
        }
    }

    /// Compiled code has called a function that is not compiled.
    #[cfg(jit)]
    pub(super) fn called_out(&mut self, func: u32) {
        let config = self.engine().config();
        if config.tier_zeal != TierZeal::Off {
            return;
        }
        let (func_count, at) = (self.funcs.len(), func as usize);
        let all = &mut self.native.calls_out;
        if at >= all.len() {
            all.resize(func_count, (0, 0));
        }
        let (calls, needed) = &mut all[at];
        *calls = calls.saturating_add(1);
        if *calls < *needed || !calls.is_multiple_of(CALLS_OUT) {
            return;
        }
        if *needed == 0 {
            let size = self.code_size(func);
            self.native.calls_out[at].1 = size * CALLS_PER_BYTE;
            return;
        }
        if self.probes.private.contains_key(&func)
            && let Some(watched) = self.watched(func)
        {
            watched.samples += 1;
        }
        self.compile_hot(func, false);
    }

    /// Bytes of a function that has run; 1 if that is not known.
    #[cfg(jit)]
    fn code_size(&mut self, func: u32) -> u32 {
        let cells = self.interpreted_code(func).ok();
        let range = cells.and_then(|cells| self.code_map.find(cells));
        range.map_or(1, |range| bytes_of(&range.code).max(1))
    }

    /// Lets calls of a function run its compiled code, which there is.
    fn use_compiled(&mut self, func: u32) {
        if !self.probes.dirty.contains_key(&func)
            && let Ok(cells) = self.interpreted_code(func)
        {
            self.set_code(func, cells);
        }
    }
}

/// How often code must be found running before it is compiled.
fn samples_needed(code: &FuncCode) -> u32 {
    SAMPLES + bytes_of(code) / BYTES_PER_SAMPLE
}

/// About how many bytes of the module code is made from.
fn bytes_of(code: &FuncCode) -> u32 {
    match (code.pcs.first(), code.pcs.last()) {
        (Some(first), Some(last)) => last - first,
        _ => 0,
    }
}
