//! When code is compiled, under [`Tier::Auto`].
//!
//! Interpreted code polls at the end of each slice of fuel, about every 0.1 ms, and what it is in
//! then is a sample: code that is sampled twice is hot. So nothing counts while code runs. A poll
//! at the header of a loop also is the place to enter code for the loop.

use std::sync::Arc;

use probity_interp::exit;
use probity_interp::layout::{Cell, Ctx};

use crate::config::{Tier, TierZeal};
use crate::frame::code_map::CodeRange;
use crate::jit;
use crate::module::Module;
use crate::runtime::core::StoreCore;
use crate::tier::code::{NativeCode, Variant};

/// Samples after which a function or loop is compiled.
const SAMPLES: u32 = 2;

/// Calls from compiled code after which a function is compiled, too.
const CALLS_OUT: u32 = 64;

impl StoreCore {
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
        if range.private.is_some()
            && let Some(watched) = self.watched(func)
        {
            watched.samples += 1;
        }
        if zeal != TierZeal::Osr {
            self.sample_function(func, zeal == TierZeal::Eager);
        }
        let header = range.code.loop_at(range.index_of(pc))?;
        let code = self.code_for_loop(&module, &range, func, header)?;
        let stack = self.native_stack()?;
        let base = code.base;
        self.keep_code(code);
        let header = fp.wrapping_add(range.code.header as usize);
        self.native.stats.osr_entries += 1;
        // SAFETY: code for this loop of the function, whose frame is wholly in memory.
        let status = unsafe { self.enter_native(base.cast(), 0, ctx, fp, header, stack) };
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

    /// Machine code for a loop that was found running, once there is any.
    fn code_for_loop(
        &mut self,
        module: &Module,
        range: &CodeRange,
        func: u32,
        header: u32,
    ) -> Option<Arc<NativeCode>> {
        let zealous = self.engine().config().tier_zeal != TierZeal::Off;
        let index = range.func_index;
        let mut variant = Variant {
            osr: Some(header),
            counted: self.native.counted,
            watch: None,
        };
        let (slot, hot) = match range.private {
            Some(_) => {
                let watched = self.watched(func)?;
                variant.watch = Some(watched.plan.clone());
                (watched.at_loop(header), watched.is_hot(SAMPLES, zealous))
            }
            None => {
                let samples = self.native.loops.entry((func, header)).or_default();
                *samples += 1;
                let hot = zealous || *samples >= SAMPLES;
                (jit::slot(module, index, &variant), hot)
            }
        };
        if let Some(code) = slot.get() {
            return code;
        }
        if !hot {
            return None;
        }
        if zealous {
            return jit::make(module, index, variant, &slot);
        }
        jit::request(module, index, variant, slot);
        None
    }

    fn sample_function(&mut self, func: u32, at_once: bool) {
        // SAFETY: records live as long as the store.
        if !unsafe { (*self.funcs[func as usize].record).thunk.is_null() } {
            return;
        }
        let samples = self.native.samples.entry(func).or_default();
        *samples += 1;
        let hot = at_once || *samples >= SAMPLES;
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
        let calls = self.native.calls_out.entry(func).or_default();
        *calls += 1;
        if !calls.is_multiple_of(CALLS_OUT) {
            return;
        }
        if self.probes.private.contains_key(&func)
            && let Some(watched) = self.watched(func)
        {
            watched.samples += 1;
        }
        self.compile_hot(func, false);
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
