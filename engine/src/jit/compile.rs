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

use super::native_tools::{Published, Registration};
use super::thunks;
use super::translate::{self, Draft, DraftPlace};
use super::worker::Worker;
use crate::code::Mode;
use crate::config::Config;
use crate::engine::Engine;
use crate::module::Module;
use crate::sys::code_memory::CodeMemory;
use crate::tier::code::{NativeCode, Role, Site, SiteValue, ValuePlace, Variant};
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

/// Settings and memory of an engine's machine code.
pub(crate) struct Compiler {
    isa: OwnedTargetIsa,
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
            (
                "enable_verifier",
                if cfg!(debug_assertions) {
                    "true"
                } else {
                    "false"
                },
            ),
            ("enable_nan_canonicalization", nans),
            ("enable_heap_access_spectre_mitigation", "false"),
            ("enable_table_access_spectre_mitigation", "false"),
        ];
        for (name, value) in options {
            flags.set(name, value).ok()?;
        }
        let isa = cranelift_native::builder().ok()?;
        let isa = isa.finish(settings::Flags::new(flags)).ok()?;
        crate::sys::signals::set_landing(super::stubs::trapped());
        crate::sys::signals::install();
        Some(Compiler {
            isa,
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
        let (mut context, mut builder) = self.scratch();
        let draft = translate::translate(
            module,
            func,
            &plain,
            variant,
            self.isa.frontend_config(),
            &mut context.func,
            &mut builder,
        )?;
        let role = match variant.osr {
            None => Role::Func(func),
            Some(pc) => Role::Osr { func, pc },
        };
        let watch = variant.watch.clone();
        let code = self.finish(&mut context, role, draft, watch, Some(module))?;
        context.clear();
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        scratch.push((context, builder));
        drop(scratch);
        let most = match plain.cost {
            0 => LEAF_FRAME_BYTES,
            cost => (cost * 8 * NATIVE_PER_WASM as u32).max(FRAME_BYTES_FREE),
        };
        if code.frame_bytes > most {
            return Err(Refused("native frame out of proportion".to_owned()));
        }
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
            &variant,
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
        self.finish(&mut context, Role::Stub, Draft::default(), None, None)
    }

    fn finish(
        &self,
        context: &mut Context,
        role: Role,
        draft: Draft,
        watch: Option<Arc<WatchPlan>>,
        module: Option<&Module>,
    ) -> Result<Arc<NativeCode>, Refused> {
        let compiled = context
            .compile(&*self.isa, &mut ControlPlane::default())
            .map_err(|e| Refused(format!("{:?}", e.inner)))?;
        if let Some(reloc) = compiled.buffer.relocs().first() {
            return Err(Refused(format!("refers to {:?}", reloc.target)));
        }
        let memory = self.memory.alloc(compiled.buffer.data());
        let memory = memory.ok_or_else(|| Refused(NO_MEMORY.to_owned()))?;
        let (sites, values) = sites(compiled, &draft);
        let (saves, frame_bytes) = prologue(compiled);
        let lines = lines(compiled);
        let named = module.filter(|m| m.inner.engine.has_native_tools());
        let known = named.map(|m| publish(m, role, memory.base(), compiled.buffer.data(), &lines));
        let traps = traps(compiled);
        Ok(Arc::new(NativeCode {
            base: memory.base(),
            len: memory.len(),
            role,
            saves,
            sites,
            values,
            constants: draft.constants.into(),
            unspent: unspent(&draft.unspent, &traps, &lines),
            traps,
            lines,
            frame_bytes,
            keeps_locals: self.keep_locals || watch.is_some(),
            watch,
            // Debuggers forget it before it is gone.
            _memory: Box::new((known, memory)),
        }))
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

/// Where the values of each site are in the end.
fn sites(compiled: &CompiledCode, draft: &Draft) -> (Box<[Site]>, Box<[SiteValue]>) {
    let mut sites = Vec::new();
    let mut values = Vec::new();
    for call in compiled.buffer.call_sites() {
        let mut places = Vec::new();
        let mut id = None;
        for handler in call.exception_handlers {
            match handler {
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(at)) => {
                    places.push(ValuePlace::Stack(*at));
                }
                FinalizedMachExceptionHandler::Context(ExceptionContextLoc::GPR(register)) => {
                    places.push(ValuePlace::Register(*register));
                }
                FinalizedMachExceptionHandler::Tag(tag, _) => id = Some(tag.as_u32()),
                FinalizedMachExceptionHandler::Default(_) => {}
            }
        }
        let (Some(id), Some(frame_offset)) = (id, call.frame_offset) else {
            continue;
        };
        let site = &draft.sites[id as usize];
        let first = values.len() as u32;
        values.extend(site.values.iter().map(|value| SiteValue {
            slot: value.slot,
            width: value.width,
            place: match value.place {
                DraftPlace::Context(at) => places[at as usize],
                DraftPlace::Constant(at) => ValuePlace::Constant(at),
            },
        }));
        sites.push(Site {
            ret: call.ret_addr,
            frame_offset,
            pc: site.pc,
            kind: site.kind,
            first,
            count: values.len() as u32 - first,
        });
    }
    sites.sort_by_key(|site| site.ret);
    (sites.into(), values.into())
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

fn lines(compiled: &CompiledCode) -> Box<[(u32, u32)]> {
    let mut lines = vec![(0, 0)];
    for line in compiled.buffer.get_srclocs_sorted() {
        if !line.loc.is_default() {
            lines.push((line.start, line.loc.bits()));
        }
    }
    lines.into()
}
