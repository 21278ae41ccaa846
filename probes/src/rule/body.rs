//! One function, as rules look at it: decoded once for all of them, and no more
//! than they need.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use probity_engine::wasmparser::Operator;
use probity_engine::{ExternType, FunctionInfo, LoadError, Module, ValType, WasmPc};

use super::value::Value;
use crate::cfg::Cfg;

/// A function with its operators.
pub struct Body<'m> {
    pub(super) module: &'m Module,
    pub(super) info: FunctionInfo<'m>,
    pub(super) operators: Rc<[(WasmPc, Operator<'m>)]>,
    pub(super) name: Value,
    cfg: OnceCell<Arc<Cfg>>,
    loop_depths: OnceCell<Vec<u32>>,
    locals: OnceCell<Vec<ValType>>,
}

impl<'m> Body<'m> {
    /// Decodes the function of an index; `None` if there is none or it is imported.
    ///
    /// # Errors
    /// If its body is malformed.
    pub fn new(module: &'m Module, index: u32) -> Result<Option<Body<'m>>, LoadError> {
        let info = module.function(index).filter(|info| !info.is_import());
        let Some(info) = info else {
            return Ok(None);
        };
        Ok(Some(Body::decoded(module, info, info.operators()?.into())))
    }

    /// The same, of operators that are there already.
    pub fn decoded(
        module: &'m Module,
        info: FunctionInfo<'m>,
        operators: Rc<[(WasmPc, Operator<'m>)]>,
    ) -> Body<'m> {
        Body {
            module,
            info,
            operators,
            name: name(&info),
            cfg: OnceCell::new(),
            loop_depths: OnceCell::new(),
            locals: OnceCell::new(),
        }
    }

    /// The function's index.
    pub fn index(&self) -> u32 {
        self.info.index()
    }

    /// Its name, else `func[i]`.
    pub fn name(&self) -> String {
        match &self.name {
            Value::Text(name) => name.to_string(),
            _ => format!("func[{}]", self.index()),
        }
    }

    /// Its operators in program order.
    pub fn operators(&self) -> &[(WasmPc, Operator<'m>)] {
        &self.operators
    }

    pub(super) fn cfg(&self) -> &Cfg {
        self.cfg.get_or_init(|| Arc::new(Cfg::new(&self.operators)))
    }

    /// Number of loops around an operator: a `loop` is in its loop, since it executes in
    /// every round, its `end` is not.
    pub(super) fn loop_depth(&self, index: usize) -> u32 {
        let depths = self.loop_depths.get_or_init(|| {
            let mut depths = vec![0; self.operators.len()];
            // Inner loops come behind the loops around them.
            for l in self.cfg().loops() {
                depths[l.header as usize..l.end as usize].fill(l.depth);
            }
            depths
        });
        depths.get(index).copied().unwrap_or(0)
    }

    pub(super) fn num_locals(&self) -> u32 {
        let locals = self
            .locals
            .get_or_init(|| self.info.local_types().unwrap_or_default());
        locals.len() as u32
    }
}

/// The name of a function, as the module has it.
pub(super) fn name(info: &FunctionInfo<'_>) -> Value {
    info.name()
        .map_or(Value::Absent, |name| Value::from(name.as_ref()))
}

pub(super) fn is_exported(module: &Module, index: u32) -> bool {
    let mut exports = module.exports();
    exports.any(|export| export.index == index && matches!(export.ty, ExternType::Func(_)))
}
