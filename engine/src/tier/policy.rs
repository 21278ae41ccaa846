//! When code is compiled, under [`Tier::Auto`].
//!
//! Interpreted code polls at the end of each slice of fuel, about every 0.1 ms, and what it is in
//! then is a sample: code that is sampled twice is hot. So nothing counts while code runs. A poll
//! at the header of a loop also is the place to enter code for the loop.

use probity_interp::exit;
use probity_interp::layout::{Cell, Ctx};

use crate::config::{Tier, TierZeal};
use crate::jit;
use crate::runtime::core::StoreCore;

/// Samples after which a function or loop is compiled.
const SAMPLES: u32 = 2;

/// Calls from compiled code after which a function is compiled, too.
const CALLS_OUT: u32 = 64;

impl StoreCore {
    /// Interpreted code polls at a cell of a frame that is wholly in memory. `Some` with the status
    /// of compiled code that has run instead.
    pub(crate) fn sample(&mut self, pc: *const Cell, fp: *mut u64, ctx: *mut Ctx) -> Option<u64> {
        let config = self.engine().config();
        if config.tier != Tier::Auto || self.native.off {
            return None;
        }
        let zeal = config.tier_zeal;
        let range = self.code_map.find(pc)?.clone();
        if range.private.is_some() {
            return None;
        }
        let data = self.instance_of(ctx)?;
        let (func, module) = (data.func_id(range.func_index), data.module.clone());
        if zeal != TierZeal::Osr {
            self.sample_function(func, zeal == TierZeal::Eager);
        }
        let header = range.code.loop_at(range.index_of(pc))?;
        let code = match zeal {
            TierZeal::Off | TierZeal::Deopt => {
                match jit::at_loop_if_ready(&module, range.func_index, header) {
                    Some(code) => code?,
                    None => {
                        let samples = self.native.loops.entry((func, header)).or_default();
                        *samples += 1;
                        if *samples == SAMPLES {
                            jit::request(&module, range.func_index, Some(header));
                        }
                        return None;
                    }
                }
            }
            TierZeal::Eager | TierZeal::Osr => jit::at_loop(&module, range.func_index, header)?,
        };
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
                self.move_to(back as *const Cell, caller as *mut u64, ctx)
            }
            status => status,
        })
    }

    fn sample_function(&mut self, func: u32, at_once: bool) {
        // SAFETY: records live as long as the store.
        if !unsafe { (*self.funcs[func as usize].record).thunk.is_null() } {
            return;
        }
        let Ok((module, index)) = self.module_and_index(func) else {
            return;
        };
        let samples = self.native.samples.entry(func).or_default();
        *samples += 1;
        let samples = *samples;
        if at_once {
            jit::function(&module, index);
        } else if samples == SAMPLES {
            jit::request(&module, index, None);
        }
        if (at_once || samples > SAMPLES) && jit::function_if_ready(&module, index).is_some() {
            self.use_compiled(func);
        }
    }

    /// Compiled code has called a function that is not compiled.
    #[cfg(jit)]
    pub(super) fn called_out(&mut self, func: u32) {
        let config = self.engine().config();
        if config.tier != Tier::Auto || config.tier_zeal != TierZeal::Off || self.native.off {
            return;
        }
        let calls = self.native.calls_out.entry(func).or_default();
        *calls += 1;
        if !calls.is_multiple_of(CALLS_OUT) {
            return;
        }
        let Ok((module, index)) = self.module_and_index(func) else {
            return;
        };
        if *self.native.calls_out.entry(func).or_default() == CALLS_OUT {
            jit::request(&module, index, None);
        } else if jit::function_if_ready(&module, index).is_some() {
            self.use_compiled(func);
        }
    }

    /// Lets calls of a function run its compiled code, which there is.
    fn use_compiled(&mut self, func: u32) {
        if !self.probes.private.contains_key(&func)
            && !self.probes.dirty.contains_key(&func)
            && let Ok(cells) = self.interpreted_code(func)
        {
            self.set_code(func, cells);
        }
    }
}
