//! Driving Cranelift, and keeping what is known of the code that it makes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use cranelift_codegen::binemit::CodeOffset;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::isa::unwind::UnwindInst;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{
    CompiledCode, Context, ExceptionContextLoc, FinalizedMachExceptionHandler,
};
use cranelift_frontend::FunctionBuilderContext;

use super::branches::Targets;
use super::held::{self, Lost};
use super::location::Location;
use super::native_tools::{Published, Registration};
use super::placement;
use super::quiet;
use super::thunks;
use super::translate::{self, Draft, DraftPlace, Manner};
use super::worker::Worker;
use crate::code::{FuncCode, Mode};
use crate::config::Config;
use crate::engine::Engine;
use crate::module::Module;
use crate::sys::code_memory::{CodeMemory, Placement};
use crate::tier::code::{
    NativeCode, Pad, Role, Site, SiteKind, SiteValue, ValuePlace, Variant, leaving,
};
use crate::tier::enter::NATIVE_PER_WASM;
use crate::tier::watch::WatchPlan;
use crate::types::FuncType;

/// Why a function stays with the interpreter.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl Refused {
    /// Whether it would be compiled if there were more memory.
    pub(super) fn is_for_want_of_memory(&self) -> bool {
        self.0 == NO_MEMORY
    }
}

const NO_MEMORY: &str = "no memory for machine code";

/// Bytes of native frame that a function may have whatever it has of the value stack: what is
/// below it and the engine itself need more.
const FRAME_BYTES_FREE: u32 = 128;

/// Bytes of native frame that a function without calls may have.
const LEAF_FRAME_BYTES: u32 = 256 << 10;

/// Why code is of no use that Cranelift has made.
#[derive(Debug)]
enum Useless {
    /// Its polls cannot be found in it.
    Polls,
    /// Nor can counters that loops hold.
    Held(Lost),
}

impl Useless {
    /// How to translate the next time.
    fn without(self, before: Manner) -> Result<Manner, Refused> {
        let mut manner = before;
        match self {
            Useless::Polls if manner.loud => {
                return Err(Refused("polls are not to be found".to_owned()));
            }
            Useless::Polls => manner.loud = true,
            // Stored ones are not looked for, so these are more each time.
            Useless::Held(lost) => manner.stored.extend(lost.0),
        }
        Ok(manner)
    }
}

/// Settings and memory of an engine's machine code.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
    /// The machine for which functions are verified, if they are to be.
    verifier: Option<OwnedTargetIsa>,
    pub(super) memory: Arc<CodeMemory>,
    pub(super) worker: Worker,
    keep_locals: bool,
    /// Memory to compile with, for use again.
    scratch: Mutex<Vec<(Context, FunctionBuilderContext)>>,
}

impl Compiler {
    /// `None` if this machine is not one that code is made for.
    pub(crate) fn new(config: &Config) -> Option<Compiler> {
        let mut flags = settings::builder();
        let nans = if config.deterministic {
            "true"
        } else {
            "false"
        };
        let options = [
            ("opt_level", "speed"),
            ("preserve_frame_pointers", "true"),
            // Says which registers a prologue saves; no unwinder of the system reads it.
            ("unwind_info", "true"),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
            ("is_pic", "false"),
            // Where blocks begin matters to polls.
            ("machine_code_cfg_info", "true"),
            // See `verify`.
            ("enable_verifier", "false"),
            ("enable_nan_canonicalization", nans),
            ("enable_heap_access_spectre_mitigation", "false"),
            ("enable_table_access_spectre_mitigation", "false"),
        ];
        for (name, value) in options {
            flags.set(name, value).ok()?;
        }
        let mut pinned = flags.clone();
        pinned.set("enable_pinned_reg", "true").ok()?;
        let pinned = settings::Flags::new(pinned);
        let verifier = match cfg!(debug_assertions) {
            true => Some(cranelift_native::builder().ok()?.finish(pinned).ok()?),
            false => None,
        };
        let isa = cranelift_native::builder().ok()?;
        let isa = isa.finish(settings::Flags::new(flags)).ok()?;
        crate::sys::signals::set_landing(super::stubs::trapped());
        crate::sys::signals::install();
        crate::sys::nudge::install();
        crate::sys::fences::install();
        Some(Compiler {
            isa,
            verifier,
            memory: Arc::new(CodeMemory::new()),
            worker: Worker::default(),
            keep_locals: config.keep_locals,
            scratch: Mutex::default(),
        })
    }

    /// A hash of all that code depends on beside its module: this build of the engine, the machine's
    /// features, and settings.
    pub(super) fn environment(&self, engine: &Engine) -> [u8; 32] {
        // Nothing is forgotten here.
        let Config {
            deterministic,
            keep_locals,
            features,
            // Each piece of code says itself whether it counts.
            count_fuel: _,
            lazy: _,
            gc_zeal: _,
            max_stack_bytes: _,
            tier: _,
            tier_zeal: _,
            cache: _,
            perf: _,
            jitdump_dir: _,
            native_debug: _,
        } = engine.config();
        let isa = &*self.isa;
        let flags: Vec<String> = isa.isa_flags().iter().map(ToString::to_string).collect();
        let text = format!(
            "{} {} {}\n{}\n{}\n{flags:?}\n{deterministic} {keep_locals} {features:?}",
            env!("CARGO_PKG_VERSION"),
            env!("PROBITY_BUILD"),
            cranelift_codegen::VERSION,
            isa.triple(),
            isa.flags(),
        );
        *blake3::hash(text.as_bytes()).as_bytes()
    }

    /// Compiles a function.
    pub(crate) fn function(
        &self,
        module: &Module,
        func: u32,
        variant: &Variant,
    ) -> Result<Arc<NativeCode>, Refused> {
        let refuse = |e: crate::error::LoadError| Refused(e.to_string());
        // Validates it, too.
        let plain = module
            .inner
            .code(module, func, Mode::Plain)
            .map_err(refuse)?;
        let mut manner = Manner::default();
        let code = loop {
            manner = match self.attempt(module, func, &plain, (variant, &manner))? {
                Ok(code) => break code,
                Err(useless) => useless.without(manner)?,
            };
        };
        let most = match plain.cost {
            0 => LEAF_FRAME_BYTES,
            cost => (cost * 8 * NATIVE_PER_WASM as u32).max(FRAME_BYTES_FREE),
        };
        if code.frame_bytes > most {
            return Err(Refused("native frame out of proportion".to_owned()));
        }
        Ok(code)
    }

    /// Compiles a function.
    fn attempt(
        &self,
        module: &Module,
        func: u32,
        plain: &FuncCode,
        (variant, manner): (&Variant, &Manner),
    ) -> Result<Result<Arc<NativeCode>, Useless>, Refused> {
        let (mut context, mut builder) = self.scratch();
        let draft = translate::translate(
            module,
            func,
            plain,
            (variant, manner),
            self.isa.frontend_config(),
            &mut context.func,
            &mut builder,
        )?;
        let role = match variant.osr {
            None => Role::Func(func),
            Some(pc) => Role::Osr { func, pc },
        };
        let watch = variant.watch.clone();
        let code = match draft.held.lost.is_empty() {
            true => self.finish(&mut context, role, draft, watch, Some(module))?,
            false => Err(Useless::Held(Lost(draft.held.lost))),
        };
        context.clear();
        // Cranelift forgets these; they would be looked at with every function that follows.
        context.func.dfg.exception_tables.clear();
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        scratch.push((context, builder));
        Ok(code)
    }

    /// Calls functions of a type with arguments from a frame.
    pub(crate) fn thunk(&self, ty: &FuncType) -> Result<Arc<NativeCode>, Refused> {
        self.stub(|func, builder| thunks::thunk(ty, self.isa.frontend_config(), func, builder))
    }

    /// Calls the engine as if it were a function of a type.
    pub(crate) fn out(&self, ty: &FuncType) -> Result<Arc<NativeCode>, Refused> {
        self.stub(|func, builder| thunks::out(ty, self.isa.frontend_config(), func, builder))
    }

    fn scratch(&self) -> (Context, FunctionBuilderContext) {
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || (Context::new(), FunctionBuilderContext::new());
        scratch.pop().unwrap_or_else(made)
    }

    /// Intermediate code of a function, before it is optimised.
    pub(crate) fn clif(&self, module: &Module, func: u32) -> Result<String, Refused> {
        let refuse = |e: crate::error::LoadError| Refused(e.to_string());
        let plain = module
            .inner
            .code(module, func, Mode::Plain)
            .map_err(refuse)?;
        let mut made = Function::new();
        let mut builder = FunctionBuilderContext::new();
        let config = self.isa.frontend_config();
        let variant = Variant::default();
        translate::translate(
            module,
            func,
            &plain,
            (&variant, &Manner::default()),
            config,
            &mut made,
            &mut builder,
        )?;
        Ok(made.display().to_string())
    }

    fn stub(
        &self,
        make: impl FnOnce(&mut Function, &mut FunctionBuilderContext),
    ) -> Result<Arc<NativeCode>, Refused> {
        let mut context = Context::new();
        make(&mut context.func, &mut FunctionBuilderContext::new());
        let code = self.finish(&mut context, Role::Stub, Draft::default(), None, None)?;
        Ok(code.unwrap_or_else(|_| unreachable!("a stub has no polls and holds nothing")))
    }

    /// Not by Cranelift itself: polls read the register that is not pinned (`translate::polls`), which
    /// it would refuse. Nor is the function left to the interpreter, for tests would not see that.
    fn verify(&self, context: &Context) {
        if let Some(isa) = &self.verifier
            && let Err(e) = context.verify(&**isa)
        {
            panic!("wrong intermediate code: {e}");
        }
    }

    fn finish(
        &self,
        context: &mut Context,
        role: Role,
        draft: Draft,
        watch: Option<Arc<WatchPlan>>,
        module: Option<&Module>,
    ) -> Result<Result<Arc<NativeCode>, Useless>, Refused> {
        self.verify(context);
        let has_tables = !context.func.dfg.jump_tables.is_empty();
        context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|e| Refused(format!("{:?}", e.inner)))?;
        let compiled = context.compiled_code().expect("what has been compiled");
        if let Some(reloc) = compiled.buffer.relocs().first() {
            return Err(Refused(format!("refers to {:?}", reloc.target)));
        }
        let polls = &draft.polls;
        let lines = lines(compiled, &draft);
        let targets = Targets::of(compiled);
        let silences = |poll: usize| polls[poll].values.is_some();
        let Ok(twins) = quiet::twins(compiled, &targets, silences) else {
            return Ok(Err(Useless::Polls));
        };
        let mut held = match held::held(compiled, &draft.held, &lines) {
            Ok(held) => held,
            Err(lost) => {
                return Ok(Err(Useless::Held(lost)));
            }
        };
        let (code, twin) = match &twins {
            Some(twins) => (&*twins.quiet, Some(&*twins.polling)),
            None => (compiled.buffer.data(), None),
        };
        let placement = match has_tables {
            true => placement::of(&targets, compiled.buffer.alignment),
            false => Placement::default(),
        };
        let memory = self.memory.alloc(code, twin, placement);
        let memory = memory.ok_or_else(|| Refused(NO_MEMORY.to_owned()))?;
        let Sites {
            sites,
            values,
            pads,
        } = sites(compiled, &draft, &lines)?;
        let (saves, frame_bytes) = prologue(compiled);
        let mut traps = traps(compiled);
        let mut lines = lines;
        if let Some(twins) = &twins {
            let offsets = traps.iter_mut().map(|trap| &mut trap.0);
            let held = held.iter_mut().map(|held| &mut held.offset);
            for offset in offsets
                .chain(lines.iter_mut().map(|line| &mut line.0))
                .chain(held)
            {
                *offset = twins.place_of(*offset);
            }
            // Of two lines of an offset, the second still counts.
            lines.sort_by_key(|line| line.0);
            traps.sort_unstable();
        }
        let named = module.filter(|m| m.inner.engine.has_native_tools());
        let known = named.map(|m| publish(m, role, memory.base(), code, &lines));
        Ok(Ok(Arc::new(NativeCode {
            base: memory.base(),
            len: memory.len(),
            twin: memory.twin(),
            role,
            saves,
            sites,
            values,
            pads,
            constants: draft.constants.into(),
            unspent: unspent(&draft.unspent, &traps, &lines),
            traps,
            lines,
            frame_bytes,
            held,
            keeps_locals: self.keep_locals || watch.as_ref().is_some_and(|w| w.shows_locals()),
            watch,
            // Debuggers forget it before it is gone.
            _memory: Box::new((known, memory)),
        })))
    }
}

/// Tells profilers and debuggers.
pub(super) fn publish(
    module: &Module,
    role: Role,
    base: *const u8,
    code: &[u8],
    lines: &[(u32, u32)],
) -> Registration {
    let func = role.func().unwrap_or(0);
    let mut name = format!("wasm[{func}]::{}", module.inner.display_name(func));
    if let Role::Osr { pc, .. } = role {
        name.push_str(&format!("@{pc:#x}"));
    }
    module.inner.engine.publish(&Published {
        name: &name,
        base,
        code,
        lines,
        module: "module.wasm",
    })
}

/// What there is to know of sites in the end.
struct Sites {
    sites: Box<[Site]>,
    values: Box<[SiteValue]>,
    pads: Box<[Pad]>,
}

/// Where the values of each site are in the end, and where it goes on if it catches.
fn sites(compiled: &CompiledCode, draft: &Draft, lines: &[(u32, u32)]) -> Result<Sites, Refused> {
    let mut sites = Vec::new();
    let mut values = Vec::new();
    let mut pads = Vec::new();
    let mut ranges = compiled.buffer.get_srclocs_sorted().iter().peekable();
    for call in compiled.buffer.call_sites() {
        // Both are in the order of the code.
        while ranges.next_if(|range| range.end < call.ret_addr).is_some() {}
        let number = match ranges.peek().map(|range| Location::of(range.loc)) {
            Some(Some(Location::Site(number))) => number,
            _ => continue,
        };
        let Some(frame_offset) = call.frame_offset else {
            continue;
        };
        let mut places = Vec::new();
        let mut landings = Vec::new();
        for handler in call.exception_handlers {
            match handler {
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(at)) => {
                    places.push(ValuePlace::Stack(*at));
                }
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::GPR(register)) => {
                    places.push(ValuePlace::Register(*register));
                }
                FinalizedMachExceptionHandler::Tag(_, offset) => landings.push(*offset),
                FinalizedMachExceptionHandler::Default(_) => {}
            }
        }
        let site = &draft.sites[number];
        let first = values.len() as u32;
        values.extend(site.values.iter().map(|value| SiteValue {
            slot: value.slot,
            width: value.width,
            place: match value.place {
                DraftPlace::Context(at) => places[at as usize],
                DraftPlace::Constant(at) => ValuePlace::Constant(at),
                DraftPlace::Kept => ValuePlace::Slot,
                DraftPlace::PollSlot(_) => unreachable!("a value of a poll"),
            },
        }));
        let first_pad = pads.len() as u32;
        let clauses = site.clauses.iter().zip(landings);
        pads.extend(clauses.map(|(&clause, offset)| Pad { clause, offset }));
        sites.push(Site {
            ret: call.ret_addr,
            frame_offset,
            pc: site.pc,
            kind: site.kind,
            first,
            count: values.len() as u32 - first,
            first_pad,
            pads: pads.len() as u32 - first_pad,
        });
    }
    poll_sites(compiled, draft, lines, (&mut sites, &mut values))?;
    sites.sort_by_key(|site| site.ret);
    Ok(Sites {
        sites: sites.into(),
        values: values.into(),
        pads: pads.into(),
    })
}

/// Where polls leave the function, and where in the native frame they put the values.
fn poll_sites(
    compiled: &CompiledCode,
    draft: &Draft,
    lines: &[(u32, u32)],
    (sites, values): (&mut Vec<Site>, &mut Vec<SiteValue>),
) -> Result<(), Refused> {
    let Some(slot) = draft.poll_slot else {
        return Ok(());
    };
    let layout = compiled.buffer.frame_layout();
    let layout = layout.ok_or_else(|| Refused("no layout of the native frame".to_owned()))?;
    let base = layout.stackslots[slot].offset;
    let traps = compiled.buffer.traps().iter();
    for trap in traps.filter(|trap| translate::status_of(trap.code) == leaving::POLL) {
        let line = lines.partition_point(|line| line.0 <= trap.offset) - 1;
        let pc = lines[line].1;
        let poll = draft.polls.iter().find(|poll| poll.pc == pc);
        let polled = poll.and_then(|poll| poll.values.as_ref());
        let polled = polled.ok_or_else(|| Refused(format!("no poll at {pc:#x}")))?;
        let first = values.len() as u32;
        for value in polled {
            let place = match value.place {
                DraftPlace::PollSlot(offset) => ValuePlace::Stack(base + offset),
                DraftPlace::Kept => ValuePlace::Slot,
                DraftPlace::Constant(at) => ValuePlace::Constant(at),
                DraftPlace::Context(_) => unreachable!("a value of a call"),
            };
            values.push(SiteValue {
                slot: value.slot,
                width: value.width,
                place,
            });
        }
        sites.push(Site {
            ret: trap.offset,
            frame_offset: layout.frame_to_fp_offset,
            pc,
            kind: SiteKind::Poll,
            first,
            count: polled.len() as u32,
            first_pad: 0,
            pads: 0,
        });
    }
    Ok(())
}

/// Which registers the prologue saves, by offset from the frame pointer; and the frame's size.
fn prologue(compiled: &CompiledCode) -> (Box<[(u8, i32)]>, u32) {
    let mut saves = Vec::new();
    let mut down = 0;
    let mut lowest = 0;
    for (_, inst) in &compiled.buffer.unwind_info {
        match *inst {
            UnwindInst::DefineNewFrame {
                offset_downward_to_clobbers,
                ..
            } => down = offset_downward_to_clobbers as i32,
            UnwindInst::SaveReg {
                clobber_offset,
                reg,
            } => {
                let offset = clobber_offset as i32 - down;
                lowest = lowest.min(offset);
                saves.push((reg.hw_enc(), offset));
            }
            _ => {}
        }
    }
    let calls = compiled.buffer.call_sites();
    let deepest = calls.filter_map(|call| call.frame_offset).max();
    let frame = deepest.unwrap_or(0).max(-lowest as u32);
    (saves.into(), frame)
}

fn traps(compiled: &CompiledCode) -> Box<[(u32, u8)]> {
    let traps = compiled.buffer.traps().iter();
    let mut traps: Vec<(CodeOffset, u8)> = traps
        .map(|trap| (trap.offset, translate::status_of(trap.code)))
        .collect();
    traps.sort_unstable();
    traps.into()
}

/// Of what is unspent behind operators, what belongs to such as trap.
fn unspent(all: &[(u32, u32)], traps: &[(u32, u8)], lines: &[(u32, u32)]) -> Box<[(u32, u32)]> {
    if all.is_empty() {
        return Box::default();
    }
    let pcs: HashSet<u32> = traps
        .iter()
        .map(|trap| {
            lines[lines
                .partition_point(|line| line.0 <= trap.0)
                .saturating_sub(1)]
            .1
        })
        .collect();
    let kept = all.iter().filter(|unspent| pcs.contains(&unspent.0));
    kept.copied().collect()
}

fn lines(compiled: &CompiledCode, draft: &Draft) -> Box<[(u32, u32)]> {
    let mut lines = vec![(0, 0)];
    let mut last = 0;
    for line in compiled.buffer.get_srclocs_sorted() {
        let pc = match Location::of(line.loc) {
            None => continue,
            Some(Location::Pc(pc)) => pc,
            Some(Location::Poll(number)) => draft.polls[number].pc,
            Some(Location::Site(number)) => draft.sites[number].pc,
        };
        if pc != last {
            lines.push((line.start, pc));
            last = pc;
        }
    }
    let moved = moved_traps(compiled, &draft.accesses, &lines);
    lines.extend(moved);
    // What was added counts where there are two of an offset.
    lines.sort_by_key(|line| line.0);
    lines.into()
}

/// Lines for loads that are part of another operator's instruction: it is theirs if it traps.
fn moved_traps(compiled: &CompiledCode, accesses: &[u32], lines: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut moved = Vec::new();
    for trap in compiled.buffer.traps() {
        let line = lines.partition_point(|line| line.0 <= trap.offset) - 1;
        let pc = lines[line].1;
        let near = accesses.partition_point(|&access| access < pc);
        let Some(number) = translate::access_of(trap.code, near, accesses.len()) else {
            continue;
        };
        let own = accesses[number];
        if own != pc {
            // No instruction begins behind its first byte.
            moved.extend([(trap.offset, own), (trap.offset + 1, pc)]);
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tier;
    use crate::engine::Engine;

    /// A function whose polls are not found again is compiled with polls that stay, and has no twin.
    /// One that does nothing but go round, with a value that a poll has to store, is such: its branch is
    /// the other way about.
    #[test]
    fn loud_code_has_no_twin() {
        let engine = Engine::new(Config::new().tier(Tier::Jit));
        let text = r#"(module
          (func (param i32)
            (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
          (func (param i32) (result i32) (local.get 0) (loop (br 0))))"#;
        let module = Module::new(&engine, text).unwrap();
        let compiler = engine.compiler().unwrap();
        let variant = Variant::default();
        let attempt = |func, loud| {
            let plain = module.inner.code(&module, func, Mode::Plain).unwrap();
            let manner = Manner {
                loud,
                ..Manner::default()
            };
            let code = compiler.attempt(&module, func, &plain, (&variant, &manner));
            code.unwrap()
        };
        let polls = |code: &NativeCode| {
            let polls = code.sites.iter();
            let polls = polls.filter(|site| matches!(site.kind, SiteKind::Poll));
            let traps = code.traps.iter();
            let leaves = traps.filter(|trap| trap.1 == leaving::BEFORE);
            (code.twin != 0, polls.count(), leaves.count())
        };
        assert_eq!(polls(&attempt(0, false).unwrap()), (true, 1, 0));
        assert_eq!(polls(&attempt(0, true).unwrap()), (false, 0, 1));
        assert!(matches!(attempt(1, false), Err(Useless::Polls)));
        let code = compiler.function(&module, 1, &variant).unwrap();
        assert_eq!(polls(&code), (false, 0, 1));
    }

    /// In the code that runs there is nothing in the place of a poll but prefixes of what is behind it, except where that
    /// is another poll.
    #[test]
    fn polls_are_not_executed() {
        let engine = Engine::new(Config::new().tier(Tier::Jit));
        let body = "(local.set 0 (i32.mul (local.get 0) (i32.const 5)))";
        let again = "(br_if 0 (i32.lt_u (local.get 0) (i32.const 1000)))";
        for (loops, idle) in [
            (format!("(loop {body} {again})"), 0),
            ("(loop (br_if 0 (i32.const 0)))".repeat(3), 2),
        ] {
            let text = format!(
                "(module (func (export \"f\") (param i32) (result i32) {loops} (local.get 0)))"
            );
            let module = Module::new(&engine, text).unwrap();
            let code = engine.compiler().unwrap();
            let code = code.function(&module, 0, &Variant::default()).unwrap();
            // SAFETY: its own code, which lives as long as it.
            let bytes = unsafe { std::slice::from_raw_parts(code.base, code.len) };
            let decoder = iced_x86::Decoder::new(64, bytes, 0);
            let nops = decoder.into_iter();
            let nops = nops.filter(|one| one.mnemonic() == iced_x86::Mnemonic::Nop);
            assert_eq!(nops.count(), idle, "{loops}");
        }
    }
}
