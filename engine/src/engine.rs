//! An engine: settings and the registry of function types, shared by modules and stores.

use std::fmt;
#[cfg(jit)]
use std::sync::OnceLock;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::CacheStats;
use crate::config::Config;
#[cfg(jit)]
use crate::jit::Compiler;
#[cfg(jit)]
use crate::jit::disk::DiskCache;
#[cfg(jit)]
use crate::jit::native_tools::{NativeTools, Published, Registration};
use crate::types::registry::TypeRegistry;
use crate::types::{ArrayType, CompositeType, FuncType, HeapType, StructType, TypeId};

/// The root of everything: modules are loaded for an engine, stores are made for one.
///
/// Cheap to clone (clones are the same engine), `Send` and `Sync`.
///
/// ```
/// use probity_engine::{Engine, Module};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (func (export "run")))"#)?;
/// assert_eq!(module.exports().next().map(|e| e.name), Some("run"));
/// # Ok::<(), probity_engine::LoadError>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

pub(crate) struct EngineInner {
    pub(crate) config: Config,
    pub(crate) types: Mutex<TypeRegistry>,
    #[cfg(jit)]
    compiler: OnceLock<Option<Compiler>>,
    /// What keeps compiled code from one process to the next.
    #[cfg(jit)]
    disk_cache: Option<Arc<DiskCache>>,
    /// Profilers and debuggers; an error if they cannot be told anything.
    #[cfg(jit)]
    native_tools: std::io::Result<NativeTools>,
}

impl Engine {
    /// An engine with the given settings.
    pub fn new(config: &Config) -> Engine {
        Engine(Arc::new(EngineInner {
            config: config.clone(),
            types: Mutex::default(),
            #[cfg(jit)]
            compiler: OnceLock::new(),
            #[cfg(jit)]
            disk_cache: config
                .cache
                .as_ref()
                .filter(|_| config.tier != crate::config::Tier::Interp)
                .map(|dir| Arc::new(DiskCache::open(dir))),
            #[cfg(jit)]
            native_tools: NativeTools::new(&config.tool_settings()),
        }))
    }

    /// The settings that the engine was made with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What went wrong first with the output for profilers that [`Config::perf`] asked for. Code
    /// that was compiled before is in there, later code is not. The text fits "failed to ...".
    pub fn tools_error(&self) -> Option<String> {
        #[cfg(jit)]
        return match &self.0.native_tools {
            Ok(tools) => tools.error().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        };
        #[cfg(not(jit))]
        None
    }

    /// What went wrong first with the cache that [`Config::cache`] asked for: the directory cannot
    /// be used, or a file not be read or written. The text fits "failed to ...".
    pub fn cache_error(&self) -> Option<String> {
        #[cfg(jit)]
        return Some(self.disk_cache()?.error()?.to_owned());
        #[cfg(not(jit))]
        None
    }

    /// What the cache that [`Config::cache`] asked for has done so far.
    pub fn cache_stats(&self) -> CacheStats {
        #[cfg(jit)]
        return self
            .disk_cache()
            .map_or_else(CacheStats::default, |disk| disk.stats());
        #[cfg(not(jit))]
        CacheStats::default()
    }

    /// Writes what has been compiled to the cache that [`Config::cache`] asked for. Modules do so
    /// themselves when they are dropped, but a process may end without that.
    pub fn save_cache(&self) {
        #[cfg(jit)]
        if let Some(disk) = self.disk_cache() {
            disk.save();
        }
    }

    /// The id of a function type: of one that comes from a module of this engine its own, of
    /// others that of the type declared alone, final and without supertype.
    pub fn func_type(&self, ty: &FuncType) -> TypeId {
        self.with_types(|types| match ty.id() {
            // An id of another engine stands for something else here, or nothing.
            Some(id) if types.is_func(id, ty) => id,
            _ => types.intern(CompositeType::Func(ty.clone())),
        })
    }

    /// The id of a structure type that is declared alone, final and without supertype.
    pub fn struct_type(&self, ty: &StructType) -> TypeId {
        self.with_types(|types| types.intern(CompositeType::Struct(ty.clone())))
    }

    /// The id of an array type that is declared alone, final and without supertype.
    pub fn array_type(&self, ty: &ArrayType) -> TypeId {
        self.with_types(|types| types.intern(CompositeType::Array(*ty)))
    }

    /// What a type is.
    ///
    /// # Panics
    /// The id belongs to another engine, which has more types.
    pub fn composite_type(&self, id: TypeId) -> CompositeType {
        self.with_types(|types| types.info(id.index).composite.clone())
    }

    /// Is everything of `sub` also of `sup`? (Specification, "Matching" of heap types.)
    pub fn is_subtype(&self, sub: HeapType, sup: HeapType) -> bool {
        self.with_types(|types| sub.is_subtype_of(sup, types))
    }

    /// Does any profiler or debugger want to be told about code? If not, names and lines need not
    /// be made for [`Engine::publish`].
    #[cfg(jit)]
    pub(crate) fn has_native_tools(&self) -> bool {
        matches!(&self.0.native_tools, Ok(tools) if tools.are_any())
    }

    /// Tells profilers and debuggers about code that is in its place.
    #[cfg(jit)]
    pub(crate) fn publish(&self, p: &Published<'_>) -> Registration {
        match &self.0.native_tools {
            Ok(tools) => tools.publish(p),
            Err(_) => Registration::default(),
        }
    }

    /// Runs `f` under one lock of the type registry.
    pub(crate) fn with_types<R>(&self, f: impl FnOnce(&mut TypeRegistry) -> R) -> R {
        // An insertion that panicked (out of memory) leaves a map that is still a map.
        let mut types = self.0.types.lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut types)
    }

    /// What compiles for this engine, if its settings ask for that and this machine is one that code
    /// is made for.
    #[cfg(jit)]
    pub(crate) fn compiler(&self) -> Option<&Compiler> {
        let config = &self.0.config;
        if config.tier == crate::config::Tier::Interp {
            return None;
        }
        let made = self.0.compiler.get_or_init(|| Compiler::new(config));
        made.as_ref()
    }

    /// What keeps compiled code from one process to the next, if the settings ask for it.
    #[cfg(jit)]
    pub(crate) fn disk_cache(&self) -> Option<&Arc<DiskCache>> {
        self.0.disk_cache.as_ref()
    }

    /// Are these clones of one engine?
    pub(crate) fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new(&Config::new())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ValType;

    #[test]
    fn equal_types_share_an_id() {
        let engine = Engine::default();
        let a = FuncType::new([ValType::I32], [ValType::I64]);
        let b = FuncType::new([ValType::I32, ValType::I64], []);
        let id = engine.func_type(&a);
        assert_eq!(
            id,
            engine.func_type(&FuncType::new([ValType::I32], [ValType::I64]))
        );
        assert_ne!(id, engine.func_type(&b));
        assert_ne!(
            id,
            engine.func_type(&FuncType::new([], [ValType::I32, ValType::I64]))
        );
    }

    /// Errors of the tools are found out, and nothing else is affected.
    #[cfg(jit)]
    #[test]
    fn tools_that_cannot_be_told_are_an_error_to_ask_for() {
        let published = Published {
            name: "f",
            base: std::ptr::without_provenance(0x1000),
            code: &[0xc3],
            lines: &[],
            module: "m.wasm",
        };
        let mut config = Config::new();
        config.perf(crate::PerfOutput::JitDump);
        config.jitdump_dir("/nowhere/at/all");
        let engine = Engine::new(&config);
        assert!(!engine.has_native_tools());
        let _ = engine.publish(&published);
        let error = engine.tools_error().unwrap();
        assert!(error.starts_with("open directory '/nowhere"), "{error}");

        let engine = Engine::new(Config::new().native_debug(true));
        assert!(engine.has_native_tools());
        let _ = engine.publish(&published);
        assert_eq!(engine.tools_error(), None);
    }
}
