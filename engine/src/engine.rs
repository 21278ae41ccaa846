//! An engine: settings and the registry of function types, shared by modules and stores.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::types::FuncType;

/// Identity of a function type in its engine: two types have the same id exactly if they
/// are the same structure, so an indirect call compares one `u32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SigId(pub(crate) u32);

/// Every function type that a module or host function of the engine mentioned.
///
/// Ids are never reused: code and tables that outlive a module hold them. The registry
/// therefore only grows, by the number of *distinct* types.
#[derive(Default)]
pub(crate) struct TypeRegistry {
    ids: HashMap<FuncType, SigId>,
}

impl TypeRegistry {
    /// The id of `ty`, the same for equal types.
    pub(crate) fn intern(&mut self, ty: &FuncType) -> SigId {
        if let Some(&id) = self.ids.get(ty) {
            return id;
        }
        let id = SigId(u32::try_from(self.ids.len()).expect("fewer than 2^32 function types"));
        self.ids.insert(ty.clone(), id);
        id
    }
}

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
}

impl Engine {
    /// An engine with the given settings.
    pub fn new(config: &Config) -> Engine {
        Engine(Arc::new(EngineInner {
            config: config.clone(),
            types: Mutex::default(),
        }))
    }

    /// The settings that the engine was made with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The engine-wide id of a function type.
    pub(crate) fn sig_id(&self, ty: &FuncType) -> SigId {
        self.with_types(|types| types.intern(ty))
    }

    /// Runs `f` under one lock of the type registry.
    pub(crate) fn with_types<R>(&self, f: impl FnOnce(&mut TypeRegistry) -> R) -> R {
        // An insertion that panicked (out of memory) leaves a map that is still a map.
        let mut types = self.0.types.lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut types)
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
        let id = engine.sig_id(&a);
        assert_eq!(
            id,
            engine.sig_id(&FuncType::new([ValType::I32], [ValType::I64]))
        );
        assert_ne!(id, engine.sig_id(&b));
        assert_ne!(
            id,
            engine.sig_id(&FuncType::new([], [ValType::I32, ValType::I64]))
        );
    }
}
